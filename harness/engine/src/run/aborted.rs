//! Names extraneous records that are copies of aborted source records: reads the source uncommitted, only where their
//! originals may lie, and compares identities. Judges nothing.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::align::{Item, Outcome};
use crate::classify::Standing;
use crate::consume::ReaderError;
use crate::fingerprint::Fingerprinter;
use crate::ledger::{Judgement, Place};
use crate::positions::PairPlan;
use crate::record::{FindingKind, Isolation, OffsetRange, Side};

use super::again::{BRIDGE, Readers};
use super::item::{item, rules};

/// The cause, as reports name it.
const CAUSE: &str = "aborted_transaction_replicated";

/// Extraneous records, and where on the source their originals would lie. Numbers are indices of pairs.
pub(super) struct Suspects {
    pub targets: Vec<(usize, Item)>,
    pub ranges: Vec<(usize, OffsetRange)>,
}

/// What is not found yet, by identity.
type Wanted = HashMap<u128, VecDeque<(usize, Item)>>;

/// Where target records are, with the places of the aborted source records that they are copies of.
#[derive(Debug, Default)]
pub(super) struct Aborted(HashMap<Place, Place>);

impl Aborted {
    /// Looks for the originals of all `suspects`, which are of `pairs` of one contract. Ranges near each other are read
    /// in one go.
    pub fn find(
        readers: &mut Readers<'_>,
        pairs: &[&PairPlan],
        suspects: Vec<Suspects>,
        seed: u64,
    ) -> Result<Self, ReaderError> {
        let mut found = Self::default();
        let mut ranges: Vec<(usize, OffsetRange, usize)> = Vec::new();
        let mut wanted: Vec<Wanted> = Vec::new();
        for (n, Suspects { targets, ranges: own }) in suspects.into_iter().enumerate() {
            let own = own.into_iter().filter(|(_, range)| range.start < range.end);
            ranges.extend(own.map(|(at, range)| (at, range, n)));
            let mut by_identity = Wanted::new();
            for target in targets {
                by_identity.entry(target.1.identity).or_default().push_back(target);
            }
            wanted.push(by_identity);
        }
        ranges.sort_unstable_by_key(|&(at, range, _)| (at, range.start));
        let near = |a: &(usize, OffsetRange, usize), b: &(usize, OffsetRange, usize)| {
            a.0 == b.0 && b.1.start - a.1.end < BRIDGE
        };
        for together in ranges.chunk_by(near) {
            let (at, first, _) = together[0];
            let end = together.iter().map(|(_, range, _)| range.end).max().unwrap_or(first.end);
            let PairPlan { source: partition, contract, .. } = pairs[at];
            if contract.isolation != Isolation::ReadCommitted {
                continue;
            }
            let fingerprinter = Fingerprinter::new(contract, seed);
            let rules = rules(contract);
            if together.iter().all(|(.., n)| wanted[*n].is_empty()) {
                continue;
            }
            let mut together = together.iter().peekable();
            let range = OffsetRange { start: first.start, end };
            let _ = readers.read(Side::Source, Isolation::ReadUncommitted, partition, range, |view| {
                let over = |range: OffsetRange, n: usize| range.end <= view.offset || wanted[n].is_empty();
                while together.next_if(|&&(_, range, n)| over(range, n)).is_some() {}
                let Some(&&(_, range, n)) = together.peek() else { return false };
                if view.offset >= range.start
                    && let source = item(&fingerprinter, view)
                    && let Entry::Occupied(mut copies) = wanted[n].entry(source.identity)
                    && let Some(copy) = copies.get().iter().position(|(_, copy)| rules.matches(&source, copy))
                    && let Some((lane, target)) = copies.get_mut().remove(copy)
                {
                    found.0.insert((lane, target.offset), (at, source.offset));
                    if copies.get().is_empty() {
                        copies.remove();
                    }
                }
                true
            })?;
        }
        Ok(found)
    }

    /// The cause of an extraneous record at `target`, and where its aborted original is; `None` where it has none.
    pub fn cause(&self, target: Place) -> Option<(&'static str, Place)> {
        Some((CAUSE, *self.0.get(&target)?))
    }
}

/// The extraneous records of pair `at` by the source offsets between their matched neighbours, in order.
pub(super) fn suspects_of_pair(judgement: &Judgement, at: usize) -> Vec<Suspects> {
    let runs = &judgement.alignment.runs;
    let mut by_rank: BTreeMap<u64, Vec<(usize, Item)>> = BTreeMap::new();
    for (outcome, standing) in judgement.alignment.outcomes.iter().zip(&judgement.standings) {
        if let (Outcome::Extraneous { target }, Standing::Finding(FindingKind::ExtraneousRecord)) =
            (outcome, standing)
        {
            by_rank.entry(runs.matched_below_target(target.offset)).or_default().push((at, *target));
        }
    }
    let reading = &judgement.reading;
    by_rank
        .into_iter()
        .map(|(rank, targets)| {
            let before = rank.checked_sub(1).and_then(|before| runs.pair(before));
            let start = before.map_or(reading.start[0], |(source, _)| source + 1);
            let end = runs.pair(rank).map_or(reading.read_to[0], |(source, _)| source);
            Suspects { targets, ranges: vec![(at, OffsetRange { start, end })] }
        })
        .collect()
}
