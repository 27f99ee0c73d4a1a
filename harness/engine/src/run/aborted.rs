//! Names extraneous records that are copies of aborted source records: reads the source uncommitted, only between the
//! matched neighbours of each, and compares identities. Judges nothing.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::align::{Item, Outcome};
use crate::classify::Standing;
use crate::consume::ReaderError;
use crate::fingerprint::Fingerprinter;
use crate::ledger::Judgement;
use crate::positions::PairPlan;
use crate::record::{FindingKind, Isolation, OffsetRange, Side};

use super::again::{BRIDGE, Readers};
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
    for near in gaps(judgement).chunk_by_mut(|a, b| b.range.start - a.range.end < BRIDGE) {
        let (Some(first), Some(last)) = (near.first(), near.last()) else { continue };
        let range = OffsetRange { start: first.range.start, end: last.range.end };
        let mut gaps = near.iter_mut().peekable();
        let _ = readers.read(Side::Source, Isolation::ReadUncommitted, &pair.source, range, |view| {
            while gaps.next_if(|gap| gap.range.end <= view.offset || gap.wanted.is_empty()).is_some() {}
            let Some(gap) = gaps.peek_mut() else { return false };
            if view.offset >= gap.range.start
                && let source = item(&fingerprinter, view)
                && let Entry::Occupied(mut copies) = gap.wanted.entry(source.identity)
                && let Some(at) = copies.get().iter().position(|target| rules.matches(&source, target))
                && let Some(target) = copies.get_mut().remove(at)
            {
                found.insert(target.offset, source.offset);
                if copies.get().is_empty() {
                    copies.remove();
                }
            }
            true
        })?;
    }
    Ok(found)
}

/// Extraneous records that could be copies of records at these source offsets.
struct Gap {
    range: OffsetRange,
    /// Not found yet, by identity.
    wanted: HashMap<u128, VecDeque<Item>>,
}

/// The extraneous records by the source offsets between their matched neighbours, in order; only where there are any.
fn gaps(judgement: &Judgement) -> Vec<Gap> {
    let runs = &judgement.alignment.runs;
    let mut by_rank: BTreeMap<u64, HashMap<u128, VecDeque<Item>>> = BTreeMap::new();
    for (outcome, standing) in judgement.alignment.outcomes.iter().zip(&judgement.standings) {
        if let (Outcome::Extraneous { target }, Standing::Finding(FindingKind::ExtraneousRecord)) =
            (outcome, standing)
        {
            let wanted = by_rank.entry(runs.matched_below_target(target.offset)).or_default();
            wanted.entry(target.identity).or_default().push_back(*target);
        }
    }
    let reading = &judgement.reading;
    by_rank
        .into_iter()
        .map(|(rank, wanted)| {
            let before = rank.checked_sub(1).and_then(|before| runs.pair(before));
            let start = before.map_or(reading.start[0], |(source, _)| source + 1);
            let end = runs.pair(rank).map_or(reading.read_to[0], |(source, _)| source);
            Gap { range: OffsetRange { start, end }, wanted }
        })
        .filter(|gap| gap.range.start < gap.range.end)
        .collect()
}
