//! What one pair of a topic misses and another one has in excess: the same record, in another partition. Reads nothing.

use std::collections::HashSet;

use super::{Classified, Standing};
use crate::align::{FirstFree, Item, Outcome, Rules};
use crate::record::FindingKind;

/// A record whose only copy is in another partition of the topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misplacement {
    /// Pair (index) that misses the record.
    pub source_pair: usize,
    /// The record.
    pub source: Item,
    /// Pair (index) that has it.
    pub target_pair: usize,
    /// The copy.
    pub target: Item,
}

/// Extraneous records of a topic's pairs that are findings: for them the counted tails are looked through. Each goes with
/// one source record at most, so that of a tail no more can be needed than there are strays.
#[derive(Debug)]
pub struct Strays {
    /// By identity and timestamp.
    free: FirstFree<(u128, i64)>,
    /// Which are not.
    taken: Vec<usize>,
    records: usize,
}

impl Strays {
    /// Those of the pairs of one topic.
    pub fn of<'p>(pairs: impl Iterator<Item = &'p Classified>) -> Self {
        let places: Vec<(u128, i64)> = pairs.flat_map(strays).map(|(_, target)| place(target)).collect();
        let records = places.len();
        Self { free: FirstFree::new(places), taken: Vec::new(), records }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Takes the first free one that `source` may go with; false where there is none. The records of a tail in their order:
    /// each is taken for the same stray as if the strays had chosen in theirs. `within`: by how much timestamps may differ.
    pub fn take(&mut self, source: &Item, within: Option<u64>) -> bool {
        let taken = take_equal(&mut self.free, source, within);
        self.taken.extend(taken);
        taken.is_some()
    }

    /// Whether none is free.
    pub fn all_taken(&self) -> bool {
        self.taken.len() == self.records
    }

    /// Makes all free again, for another tail.
    pub fn give_back(&mut self) {
        for at in self.taken.drain(..) {
            self.free.give_back(at);
        }
    }
}

/// The extraneous records of a pair that are findings, with their places among its outcomes.
fn strays(pair: &Classified) -> impl Iterator<Item = (usize, &Item)> {
    let judged = pair.alignment.outcomes.iter().zip(&pair.standings).enumerate();
    judged.filter_map(|(n, (outcome, standing))| match (outcome, standing) {
        (Outcome::Extraneous { target }, Standing::Finding(_)) => Some((n, target)),
        _ => None,
    })
}

/// What a record is looked for by.
fn place(item: &Item) -> (u128, i64) {
    (item.identity, item.timestamp)
}

/// Takes the first free record that is equal to `item` by the contract.
fn take_equal(free: &mut FirstFree<(u128, i64)>, item: &Item, within: Option<u64>) -> Option<usize> {
    let times = Rules { timestamp_tolerance_ms: within }.near(item.timestamp, item.timestamp);
    free.take((item.identity, *times.start())..=(item.identity, *times.end()))
}

/// Among pairs of one topic: what one pair misses and another has in excess, in order of occurrence, and with timestamps
/// as far apart as the contract allows. The two outcomes are one finding then.
pub fn find_misplaced(pairs: &mut [(usize, &mut Classified)]) -> Vec<Misplacement> {
    let stray = pairs.iter().flat_map(|(_, pair)| strays(pair));
    let stray: HashSet<u128> = stray.map(|(_, target)| target.identity).collect();
    if stray.is_empty() {
        return Vec::new();
    }
    let mut missing: Vec<(usize, usize, &Item)> = Vec::new();
    for (at, (_, pair)) in pairs.iter().enumerate() {
        for (n, outcome) in pair.alignment.outcomes.iter().enumerate() {
            let open = matches!(
                pair.standings[n],
                Standing::Finding(FindingKind::MissingRecord) | Standing::Pending
            );
            if let (Outcome::Missing { source }, true) = (outcome, open)
                && stray.contains(&source.identity)
            {
                missing.push((at, n, source));
            }
        }
    }
    let mut free = FirstFree::new(missing.iter().map(|(.., source)| place(source)));
    let mut found = Vec::new();
    let mut taken: Vec<(usize, usize)> = Vec::new();
    for (at, (target_pair, pair)) in pairs.iter().enumerate() {
        for (n, target) in strays(pair) {
            let first = take_equal(&mut free, target, pair.reading.timestamps_within);
            let Some(&(source_at, source_n, source)) = first.map(|first| &missing[first]) else { continue };
            if source_at == at {
                // Alignment leaves no two equal records of a pair over.
                continue;
            }
            found.push(Misplacement {
                source_pair: pairs[source_at].0,
                source: *source,
                target_pair: *target_pair,
                target: *target,
            });
            taken.push((at, n));
            taken.push((source_at, source_n));
        }
    }
    for (at, n) in taken {
        pairs[at].1.standings[n] = Standing::Finding(FindingKind::MisplacedRecord);
    }
    found
}
