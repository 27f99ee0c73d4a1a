//! Names extraneous records that are copies of aborted source records: reads the source uncommitted, only between the
//! matched neighbours of each, and compares identities. Judges nothing.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::align::{Item, Outcome};
use crate::classify::Standing;
use crate::consume::ReaderError;
use crate::fingerprint::Fingerprinter;
use crate::ledger::Judgement;
use crate::positions::PairPlan;
use crate::record::{FindingKind, Isolation, OffsetRange, Side};

use super::again::Readers;
use super::drive::{item, rules};

/// The cause, as reports name it.
pub(super) const CAUSE: &str = "aborted_transaction_replicated";

/// Target offsets of extraneous records, with the offset of the aborted source record each is a copy of.
pub(super) fn aborted_originals(
    readers: &mut Readers<'_>,
    pair: &PairPlan,
    judgement: &Judgement,
    seed: u64,
) -> Result<HashMap<i64, i64>, ReaderError> {
    let mut found = HashMap::new();
    if pair.contract.isolation != Isolation::ReadCommitted {
        return Ok(found);
    }
    let fingerprinter = Fingerprinter::new(&pair.contract, seed);
    let rules = rules(&pair.contract);
    for (range, targets) in gaps(judgement) {
        let mut wanted: HashMap<u128, VecDeque<Item>> = HashMap::new();
        for target in targets {
            wanted.entry(target.identity).or_default().push_back(target);
        }
        let mut open = wanted.values().map(VecDeque::len).sum::<usize>();
        let _ = readers.read(Side::Source, Isolation::ReadUncommitted, &pair.source, range, |view| {
            let source = item(&fingerprinter, view);
            if let Some(copies) = wanted.get_mut(&source.identity)
                && let Some(at) = copies.iter().position(|target| rules.matches(&source, target))
                && let Some(target) = copies.remove(at)
            {
                found.insert(target.offset, source.offset);
                open -= 1;
            }
            open > 0
        })?;
    }
    Ok(found)
}

/// The extraneous records by the source offsets between their matched neighbours, in order.
fn gaps(judgement: &Judgement) -> Vec<(OffsetRange, Vec<Item>)> {
    let runs = &judgement.alignment.runs;
    let mut by_rank: BTreeMap<u64, Vec<Item>> = BTreeMap::new();
    for (outcome, standing) in judgement.alignment.outcomes.iter().zip(&judgement.standings) {
        if let (Outcome::Extraneous { target }, Standing::Finding(FindingKind::ExtraneousRecord)) =
            (outcome, standing)
        {
            by_rank.entry(runs.matched_below_target(target.offset)).or_default().push(*target);
        }
    }
    let reading = &judgement.reading;
    by_rank
        .into_iter()
        .map(|(rank, targets)| {
            let before = rank.checked_sub(1).and_then(|before| runs.pair(before));
            let start = before.map_or(reading.start[0], |(source, _)| source + 1);
            let end = runs.pair(rank).map_or(reading.read_to[0], |(source, _)| source);
            (OffsetRange { start, end: end.max(start) }, targets)
        })
        .collect()
}
