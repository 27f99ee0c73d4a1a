//! The run's test of itself: divergences of each kind, planted in memory into copies of the run's own records, must be
//! found by the same code. Touches no cluster.

use std::collections::BTreeMap;

use cutproof_reports::{FindingKind, Part, SelfCheck};

use crate::align::keyed::{Grouping, InMemoryStore, KeyedAligner, KeyedTuning, LaneLog, LanePair, PairSink};
use crate::align::{InMemory, Item, Log, LogError, Outcome, PairAligner, Rules, Tuning};
use crate::compare::difference;
use crate::fingerprint::Fingerprinter;
use crate::record::{Contract, OffsetRange, OrderPromise, Record, Side};

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
    let mut planted: BTreeMap<FindingKind, u64> = [
        FindingKind::MissingRecord,
        FindingKind::ExtraneousRecord,
        FindingKind::DuplicateRecord,
        FindingKind::ReorderedRecord,
        FindingKind::MismatchedRecord,
    ]
    .map(|kind| (kind, 1))
    .into();
    let swapped = [&source[few - 5].key, &source[few - 4].key];
    let breaks_order = match contract.order {
        OrderPromise::Partition => true,
        OrderPromise::Key => swapped[0].is_some() && swapped[0] == swapped[1],
        OrderPromise::None => false,
    };
    if !breaks_order {
        planted.remove(&FindingKind::ReorderedRecord);
    }
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
    let log = InMemory([items(source), items(target)]);
    let mut found = BTreeMap::new();
    let outcomes = match contract.order {
        OrderPromise::Partition => in_order(log, rules(contract)),
        _ => by_key(log, rules(contract), contract.order),
    };
    for outcome in outcomes.iter().flatten() {
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

/// `None` where the aligner gives nothing: counts as nothing found.
fn in_order(mut log: InMemory, rules: Rules) -> Option<Vec<Outcome>> {
    let mut aligner = PairAligner::new(rules, Tuning::default(), [0, 0]);
    aligner.push(Side::Source, &log.0[0]);
    aligner.push(Side::Target, &log.0[1]);
    Some(aligner.finish(0, &mut log).ok()?.outcomes)
}

fn by_key(log: InMemory, rules: Rules, order: OrderPromise) -> Option<Vec<Outcome>> {
    let grouping = match order {
        OrderPromise::None => Grouping::Multiset,
        _ => Grouping::KeyThenMultiset,
    };
    let store = Box::new(InMemoryStore::default());
    let mut aligner = KeyedAligner::new(rules, grouping, KeyedTuning::default(), [1, 1], store);
    for side in Side::BOTH {
        aligner.push(side, 0, &log.0[side as usize], &mut Uncounted).ok()?;
    }
    let alignment = aligner.finish(&[0], &mut OneLane(log), &mut Uncounted).ok()?;
    Some(alignment.outcomes.into_iter().map(|entry| entry.outcome).collect())
}

struct Uncounted;

impl PairSink for Uncounted {
    fn matched(&mut self, _: LanePair) {}
}

struct OneLane(InMemory);

impl LaneLog for OneLane {
    fn read(
        &mut self,
        side: Side,
        _: usize,
        range: OffsetRange,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        self.0.read(side, range, visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TimestampType;

    fn record(n: i64) -> Record {
        Record {
            offset: n,
            timestamp: n,
            timestamp_type: TimestampType::CreateTime,
            key: Some(format!("key {}", n % 5).into_bytes()),
            value: Some(format!("value {n}").into_bytes()),
            headers: Vec::new(),
        }
    }

    #[test]
    fn what_is_planted_is_found_under_every_promise_of_order() {
        let samples: Vec<Record> = (0..40).map(record).collect();
        for order in [OrderPromise::Partition, OrderPromise::Key, OrderPromise::None] {
            let contract = Contract { order, ..Contract::default() };
            let check = self_check(&samples, &contract, 7);
            assert!(check.passed && check.planted.len() >= 4, "{order:?}: {check:?}");
        }
    }
}
