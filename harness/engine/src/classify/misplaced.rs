//! What one pair of a topic misses and another one has in excess: the same record, in another partition. Reads nothing.

use std::collections::{HashMap, VecDeque};

use super::{Classified, Standing};
use crate::align::{Item, Outcome};
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
/// one source record at most, the first one: of a tail, no more can be needed than there are strays.
#[derive(Debug)]
pub struct Strays {
    /// How many are free, by identity.
    free: HashMap<u128, usize>,
    /// What was taken, by identity.
    taken: Vec<u128>,
    records: usize,
}

impl Strays {
    /// Those of the pairs of one topic.
    pub fn of<'p>(pairs: impl Iterator<Item = &'p Classified>) -> Self {
        let mut free: HashMap<u128, usize> = HashMap::new();
        let mut records = 0;
        for (_, target) in pairs.flat_map(strays) {
            *free.entry(target.identity).or_default() += 1;
            records += 1;
        }
        Self { free, taken: Vec::new(), records }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Takes a free one that `source` may go with; false where there is none. The records of a tail in their order.
    pub fn take(&mut self, source: &Item) -> bool {
        let Some(free) = self.free.get_mut(&source.identity).filter(|free| **free > 0) else { return false };
        *free -= 1;
        self.taken.push(source.identity);
        true
    }

    /// Whether none is free.
    pub fn all_taken(&self) -> bool {
        self.taken.len() == self.records
    }

    /// Makes all free again, for another tail.
    pub fn give_back(&mut self) {
        for identity in self.taken.drain(..) {
            *self.free.entry(identity).or_default() += 1;
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

/// Among pairs of one topic: what one pair misses and another has in excess, in order of occurrence. The
/// two outcomes are one finding then.
pub fn find_misplaced(pairs: &mut [(usize, &mut Classified)]) -> Vec<Misplacement> {
    let extraneous = Strays::of(pairs.iter().map(|(_, pair)| &**pair));
    if extraneous.is_empty() {
        return Vec::new();
    }
    let mut missing: HashMap<u128, VecDeque<(usize, usize)>> = HashMap::new();
    for (at, (_, pair)) in pairs.iter().enumerate() {
        for (n, outcome) in pair.alignment.outcomes.iter().enumerate() {
            let open = matches!(
                pair.standings[n],
                Standing::Finding(FindingKind::MissingRecord) | Standing::Pending
            );
            if let (Outcome::Missing { source }, true) = (outcome, open)
                && extraneous.free.contains_key(&source.identity)
            {
                missing.entry(source.identity).or_default().push_back((at, n));
            }
        }
    }
    let mut found = Vec::new();
    let mut taken: Vec<(usize, usize)> = Vec::new();
    for (at, (target_pair, pair)) in pairs.iter().enumerate() {
        for (n, target) in strays(pair) {
            let Some(waiting) = missing.get_mut(&target.identity) else { continue };
            let Some(position) = waiting.iter().position(|&(other, _)| other != at) else { continue };
            let Some((source_at, source_n)) = waiting.remove(position) else { continue };
            let Some(source) = pairs[source_at].1.alignment.outcomes[source_n].source() else { continue };
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
