//! The run's test of itself: divergences of each kind, planted in memory into copies of the run's own records, must be
//! found by the same code. Touches no cluster.

use std::collections::BTreeMap;

use cutproof_reports::{FindingKind, Part, SelfCheck};

use crate::align::{InMemory, Item, Outcome, PairAligner, Tuning};
use crate::compare::difference;
use crate::fingerprint::Fingerprinter;
use crate::record::{Contract, Record, Side};

use super::drive::{item, rules};

/// Fewer different records than this are too few to plant into.
const ENOUGH: usize = 12;

/// Plants one missing, extraneous, duplicate, reordered and mismatched record each, and looks for them.
pub(super) fn self_check(samples: &[Record], contract: &Contract, seed: u64) -> SelfCheck {
    let fingerprinter = Fingerprinter::new(contract, seed);
    let mut seen = std::collections::HashSet::new();
    let mut source: Vec<Record> = samples
        .iter()
        .filter(|record| seen.insert(record.view(|view| fingerprinter.of(view)).identity))
        .cloned()
        .collect();
    let few = source.len();
    if few < ENOUGH {
        let detail = format!("only {few} different records were read: nothing could be planted");
        return SelfCheck { passed: true, detail, ..SelfCheck::default() };
    }
    for (offset, record) in (0..).zip(&mut source) {
        record.offset = offset;
    }
    let mut target = source.clone();
    // From the back, so that the places in front stay where they are.
    let changed = &mut target[few - 2];
    changed.value = Some([changed.value.as_deref().unwrap_or_default(), b"\0cutproof"].concat());
    target.swap(few - 5, few - 4);
    target.insert(6, target[1].clone());
    let mut strange = target[3].clone();
    strange.value = Some([strange.value.as_deref().unwrap_or_default(), b"\0stranger"].concat());
    strange.key = Some(b"cutproof self-check".to_vec());
    target.insert(4, strange);
    target.remove(2);
    for (offset, record) in (0..).zip(&mut target) {
        record.offset = offset;
    }
    let planted: BTreeMap<FindingKind, u64> = [
        FindingKind::MissingRecord,
        FindingKind::ExtraneousRecord,
        FindingKind::DuplicateRecord,
        FindingKind::ReorderedRecord,
        FindingKind::MismatchedRecord,
    ]
    .map(|kind| (kind, 1))
    .into();
    let found = find(&source, &target, contract, &fingerprinter);
    let passed = found == planted;
    SelfCheck { planted, found, passed, detail: String::new() }
}

fn find(
    source: &[Record],
    target: &[Record],
    contract: &Contract,
    fingerprinter: &Fingerprinter,
) -> BTreeMap<FindingKind, u64> {
    let items = |records: &[Record]| -> Vec<Item> {
        records.iter().map(|record| record.view(|view| item(fingerprinter, view))).collect()
    };
    let mut log = InMemory([items(source), items(target)]);
    let mut aligner = PairAligner::new(rules(contract), Tuning::default(), [0, 0]);
    aligner.push(Side::Source, &log.0[0]);
    aligner.push(Side::Target, &log.0[1]);
    let mut found = BTreeMap::new();
    let Ok(alignment) = aligner.finish(0, &mut log) else { return found };
    for outcome in &alignment.outcomes {
        let kind = match outcome {
            Outcome::Missing { .. } => FindingKind::MissingRecord,
            Outcome::Extraneous { .. } => FindingKind::ExtraneousRecord,
            Outcome::Duplicate { .. } => FindingKind::DuplicateRecord,
            Outcome::Reordered { .. } => FindingKind::ReorderedRecord,
            Outcome::Mismatched { source: s, target: t } => {
                let parts =
                    difference(contract, &source[s.offset as usize], &target[t.offset as usize]).parts;
                // Found, but not named: counts as not found.
                if !parts.iter().any(|part| matches!(part, Part::Value | Part::Tombstone)) {
                    continue;
                }
                FindingKind::MismatchedRecord
            }
            Outcome::Unsolved { .. } => continue,
        };
        *found.entry(kind).or_default() += 1;
    }
    found
}
