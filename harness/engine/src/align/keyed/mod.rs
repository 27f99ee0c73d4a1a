//! Who meets whom where only the order of each key is promised, or none: several source partitions and several
//! target partitions ([`Lane`]s) at once, which together are one unit.
//!
//! Judges nothing, does no I/O and reads no clock. What comes out is a function of the lanes' sequences. Records are
//! matched in *groups*: those of one key; those without a key are one sequence, or each identity is a group, by
//! [`Grouping`]. In a group with an order, source lanes ascending and for each of them target lanes ascending:
//! 1. matched in order: the leftmost longest common subsequence of what is not yet matched of the two lanes;
//! 2. then over all lanes, in order of lane, then offset: reordered, duplicate, and mismatched as for one pair; a
//!    record's place is the number of pairs of the same two lanes and the same group that are matched before it.
//!
//! In a group without an order, the first source record is matched with the first target record that is equal and
//! free, and so on. `misplaced` does not occur: every target lane is fine for a record.
//!
//! Where equal records lie in several lanes of one side, each record has one outcome all the same, but which of the
//! equal records is matched with which may depend on their arrival; what a choice among them puts in order is matched.
//! Of several source lanes, records read behind the barrier get what is left when all others had their turn, and give a
//! copy up to an equal record before it that has none where that puts all of their key in order. Everywhere else nothing
//! depends on arrival.
//!
//! The stages: `table` matches records while they arrive and holds only what is in flight; what does not agree
//! is *open* from there on and goes to an [`OpenStore`]; at the end `parts` divides what is there into what fits into
//! memory, `solve` solves that, and `long` a group that does not fit; `left_over` settles what no match was found for;
//! `claims` holds copies back that two records want, and `exchange` looks for a better choice among equal records.

mod aligner;
mod aside;
mod claims;
mod exchange;
mod in_memory;
mod keyless;
mod left_over;
mod long;
mod parts;
mod solve;
mod store;
mod table;

pub use aligner::KeyedAligner;
pub use in_memory::InMemoryLanes;
pub use store::{InMemoryStore, OpenStore, StoreError};
#[cfg(test)]
pub(crate) use trimmed::Trimmed;

use std::num::NonZeroU64;

use super::{Item, LogError, Outcome, Tuning};
use crate::record::{OffsetRange, Side};

/// Which records form a group, and whether its order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    /// The records of a key, in order; those without a key are one sequence. For one lane on each side.
    Key,
    /// The records of a key, in order; those without a key are a multiset.
    KeyThenMultiset,
    /// All records are a multiset.
    Multiset,
}

impl Grouping {
    /// Records of one group have one number; two groups have the same only by chance.
    fn group(self, item: &Item) -> u64 {
        match (self, item.key) {
            (Self::Key | Self::KeyThenMultiset, Some(key)) => key.get(),
            _ => item.identity as u64,
        }
    }

    /// What the records of a group have in common, and those of no other have.
    fn whole(self, item: &Item) -> Whole {
        (item.key, if self.orders(item) { 0 } else { item.identity })
    }

    /// Whether order counts in the group of `item`; of those without a key, only where they are no sequence of their own.
    fn orders(self, item: &Item) -> bool {
        self != Self::Multiset && item.key.is_some()
    }
}

/// The key of a group, and, where order does not count, the identity.
type Whole = (Option<NonZeroU64>, u128);

/// One partition of one side within a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane {
    /// Which side.
    pub side: Side,
    /// From 0, on that side.
    pub index: usize,
}

/// Two records matched in order: for each side the lane's index and the offset in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LanePair {
    /// The source record.
    pub source: (usize, i64),
    /// The target record.
    pub target: (usize, i64),
}

/// Is told of every pair of records that is matched in order, once for each, in no particular order.
pub trait PairSink {
    /// The two records are matched, for good.
    fn matched(&mut self, pair: LanePair);
}

/// What keyed alignment costs. Changes no result.
#[derive(Clone, Copy, Debug)]
pub struct KeyedTuning {
    /// For long sequences, and for the sequence of records without a key.
    pub pair: Tuning,
    /// A group that has more records in memory than this, on both sides together, is opened if it has some on both.
    pub waiting_max: usize,
    /// With more records in memory than this, all groups that have some on both sides are opened.
    pub held_max: usize,
    /// Two sequences with more records than this together are followed side by side, not solved as one.
    pub solved_at_once_max: usize,
    /// So many records of open groups are solved in memory at a time, at about 256 bytes each. A group with more is read
    /// from the store again and again.
    pub solved_max: usize,
    /// Cells, of four bytes each, in which what was put aside is counted, to tell whether the target is catching up.
    pub cells: usize,
}

impl Default for KeyedTuning {
    fn default() -> Self {
        Self {
            pair: Tuning::default(),
            waiting_max: 4096,
            held_max: 1 << 20,
            solved_at_once_max: 256,
            solved_max: 1 << 18,
            cells: 1 << 16,
        }
    }
}

/// How much of a range has to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Everything.
    All,
    /// The caller can do without records that were deleted since they were pushed: a log that knows them passes over them.
    Left,
}

/// Reads a part of one lane again.
pub trait LaneLog {
    /// Visits the items of lane `lane` of `side` with `range.start <= offset < range.end` in order, until `visit`
    /// returns `false`. `range.end` may lie after the lane's end.
    fn read(
        &mut self,
        side: Side,
        lane: usize,
        range: OffsetRange,
        extent: Extent,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError>;
}

/// What became of a record, and in which lanes that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneOutcome {
    /// Lane of the source record, for a duplicate that of its original.
    pub source_lane: Option<usize>,
    /// Lane of the target record.
    pub target_lane: Option<usize>,
    /// What became of it.
    pub outcome: Outcome,
}

impl LaneOutcome {
    /// Outcomes stand in this order: by lane and offset of the source record, then of the target record; those without one
    /// come last.
    pub fn place(&self) -> [(usize, i64); 2] {
        let place = |lane: Option<usize>, item: Option<&Item>| {
            (lane.unwrap_or(usize::MAX), item.map_or(i64::MAX, |item| item.offset))
        };
        [place(self.source_lane, self.outcome.source()), place(self.target_lane, self.outcome.target())]
    }
}

/// Records that are counted and have no outcome of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// How many.
    pub records: u64,
    /// Sum of their identities, modulo 2^128.
    pub sum: u128,
}

/// How the lanes of a unit relate, beyond the pairs that the [`PairSink`] was told of.
#[derive(Debug)]
pub struct KeyedAlignment {
    /// One entry for every record that is not matched in order, apart from those in `passed`, by source lane and offset,
    /// then target lane and offset; those without a source record last.
    pub outcomes: Vec<LaneOutcome>,
    /// Source records that were not to be listed, see [`KeyedAligner::list`].
    pub passed: Passed,
    /// Records read again to come to this result.
    pub records_read_again: u64,
}

/// Why a unit could not be aligned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyedError {
    /// A lane could not be read again.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store of open groups failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More records than allowed are without a match in order.
    #[error(
        "more than {max} records are on one side only, or not in the same place on both, and do not fit into \
         limits.memory; allow more, or run again when replication has caught up"
    )]
    LeftOver {
        /// How many are allowed.
        max: usize,
    },
    /// A group without an order has more records than are solved at a time.
    #[error(
        "more than {max} equal records, whose order does not count, were put aside, and do not fit into limits.memory; \
         allow more, or run again when replication has caught up"
    )]
    Alike {
        /// How many are allowed.
        max: usize,
    },
}

#[cfg(test)]
mod gone_tests;
#[cfg(test)]
mod held_tests;
#[cfg(test)]
mod trimmed;
