//! Who meets whom: pairs the records of one source sequence with those of one target sequence.
//!
//! Judges nothing, knows no cause, does no I/O and reads no clock. Two sequences of [`Item`]s go in, in any
//! interleaving; an [`Alignment`] comes out that is a pure function of the two sequences:
//!
//! 1. matched in order: the leftmost longest common subsequence (smallest source positions, then smallest target's);
//! 2. left over on both sides with equal identity: [`Outcome::Reordered`];
//! 3. left over on the target, identity present on the source: [`Outcome::Duplicate`];
//! 4. left over on both sides in the same gap, same key: [`Outcome::Mismatched`];
//! 5. the rest: [`Outcome::Missing`], [`Outcome::Extraneous`].
//!
//! Where a part of the source is read only to explain the target's tail, 3 comes before 2 for it in front of that tail.
//!
//! How that stays exact without holding both logs is told in [`certify`].

mod certify;
mod counted;
mod first_free;
mod in_memory;
mod inside;
mod key_order;
pub mod keyed;
mod lcs;
mod pair;
mod queue;
mod region;
mod resync;
mod runs;
mod settle;
mod snapshot;
mod wanted;
mod watch;
mod watch_by_time;

pub use counted::Counted;
pub use first_free::FirstFree;
pub use in_memory::InMemory;
pub use keyed::StoreError;
pub use pair::PairAligner;
pub use runs::{Run, Runs};
pub use settle::Outcome;
pub use snapshot::{Region, Snapshot};

use std::num::NonZeroU64;
use std::ops::RangeInclusive;

use crate::record::{OffsetRange, Side};

/// What alignment knows of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// Hash of all that must be equal by the topic's contract.
    pub identity: u128,
    /// Offset in its partition.
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// Hash of the key; `None` for a record without one.
    pub key: Option<NonZeroU64>,
    /// Hash of the value; tombstone and empty value differ.
    pub value: u64,
}

/// When two items are copies of one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `None`: the timestamp is part of the identity, or ignored. Else identities exclude it, and two
    /// timestamps may be at most this many milliseconds apart.
    pub timestamp_tolerance_ms: Option<u64>,
}

impl Rules {
    /// Whether `source` and `target` are equal by the contract.
    #[inline]
    pub fn matches(&self, source: &Item, target: &Item) -> bool {
        source.identity == target.identity
            && self
                .timestamp_tolerance_ms
                .is_none_or(|tolerance| source.timestamp.abs_diff(target.timestamp) <= tolerance)
    }

    /// The timestamps of all that may equal a record whose own one is from `first` to `last`.
    #[inline]
    pub fn near(&self, first: i64, last: i64) -> RangeInclusive<i64> {
        match self.timestamp_tolerance_ms {
            None => i64::MIN..=i64::MAX,
            Some(ms) => first.saturating_sub_unsigned(ms)..=last.saturating_add_unsigned(ms),
        }
    }
}

/// What the search for a common continuation costs. Changes no result.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// So many records in a row must agree for a region to be closed.
    pub agreeing: usize,
    /// Cuts that leave out at most this many records on both sides together are tried first.
    pub near: usize,
    /// So many records of closed regions are watched for while reading on; for the oldest ones, and for a region with
    /// more than half of it, a part is read again where that is needed. About 50 bytes each.
    pub watched_max: usize,
    /// Most equal pairs that one region may hold, and most records that it may leave over; beyond that it is not
    /// solved. About 100 bytes each.
    pub pairs_max: usize,
    /// A search through so many records on both sides is cut short where most of them match.
    pub window: usize,
    /// Most records that a search has an index of, by side; it makes do with a part of them. About 20 bytes each.
    pub indexed_max: usize,
    /// Parts of a log with at most so many matched records between them are read again in one go.
    pub bridge: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            agreeing: 8,
            near: 32,
            watched_max: 1 << 19,
            pairs_max: 1 << 20,
            window: 1 << 16,
            indexed_max: 1 << 17,
            bridge: 4_000,
        }
    }
}

/// Reads a part of one side again. Alignment asks for it only where the sides differ.
pub trait Log {
    /// Visits the items with `range.start <= offset < range.end` in order, until `visit` returns `false`.
    fn read(
        &mut self,
        side: Side,
        range: OffsetRange,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError>;
}

/// Why a part of a log could not be read again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LogError(pub String);

/// Holds records outside of memory.
pub trait Overflow: Send {
    /// Appends records; they keep their order.
    fn append(&mut self, items: &[Item]) -> Result<(), StoreError>;
    /// Appends records over the store's limit: what is under way until nothing more is read. Refused where there is no
    /// room at all; a store without such a difference refuses what [`append`](Self::append) does.
    fn append_over(&mut self, items: &[Item]) -> Result<(), StoreError> {
        self.append(items)
    }
    /// All that was appended since the last `clear`.
    fn items(&self) -> &[Item];
    /// Lets go of everything.
    fn clear(&mut self);
}

/// How two sequences relate.
#[derive(Debug)]
pub struct Alignment {
    /// Records matched in order.
    pub runs: Runs,
    /// One entry for every record that is not matched in order and not only counted, by source offset; the target's own
    /// records of a gap between matched ones stand at its end, by target offset.
    pub outcomes: Vec<Outcome>,
    /// Source records after the last matched one that were only counted: they have no copy, and stand for no record of
    /// the target. [`Outcome::Missing`] in all but memory.
    pub tail: Counted,
    /// Records of stretches with too many differences to solve, by side. [`Outcome::Unsolved`] in all but memory.
    pub unsolved: [Counted; 2],
    /// Records read again to come to this result.
    pub records_read_again: u64,
}

#[cfg(test)]
mod cost_tests;
#[cfg(test)]
mod lcs_tests;
#[cfg(test)]
mod lists_tests;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod settle_tests;
#[cfg(test)]
mod tests;
