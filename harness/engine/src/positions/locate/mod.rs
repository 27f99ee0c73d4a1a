//! Locates positions on the other side by record identity, never by number. Reads through a trait, so it knows no
//! client; compares no payload, counts nothing, judges nothing.
//!
//! What is sought is the lowest target offset of a copy of a source record at or after the source start. A record of
//! the source that also occurs *before* the start says nothing about where the start is; one that occurs only from
//! the start on says it alone. Where timestamps are part of what counts as the same, a look-up by timestamp bounds
//! exactly where copies can be, in whatever order the timestamps stand, and equal records too far apart in time to have
//! a common copy are no repeats of one another. Elsewhere a window around a hint widens until a run of records agrees.

mod lcs;
mod names;
mod reverse;
mod scan;
mod spans;
mod start;
#[cfg(test)]
mod tests;

pub(super) use spans::{Placed, Spans};

pub use reverse::locate_source;
pub use start::locate;

use crate::record::{Side, TimestampRule};

/// First offset that is left, and the end of the log by the reader's isolation. Half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBounds {
    /// First offset inside.
    pub start: i64,
    /// First offset outside.
    pub end: i64,
}

/// What locating knows of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocatedItem {
    /// Offset in its partition.
    pub offset: i64,
    /// Milliseconds since the epoch; negative where there is none.
    pub timestamp: i64,
    /// Hash of all that must be equal for two records to be copies.
    pub identity: u128,
}

/// Reads one pair's two partitions.
pub trait LogReader {
    /// Why a read failed.
    type Error;

    /// The log's bounds now.
    fn bounds(&mut self, side: Side) -> Result<LogBounds, Self::Error>;

    /// As `ListOffsets`: the first offset whose record has this timestamp or a later one; `None` where none has.
    fn offset_at_or_after(&mut self, side: Side, timestamp_ms: i64) -> Result<Option<i64>, Self::Error>;

    /// Records from `from_offset` on, in the order of offsets, gaps skipped; fewer than `max_records` only at the
    /// end of the log.
    fn read(
        &mut self,
        side: Side,
        from_offset: i64,
        max_records: usize,
    ) -> Result<Vec<LocatedItem>, Self::Error>;
}

/// By how much copies' timestamps may differ, as far as a look-up by timestamp can use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampHelp {
    /// A copy's timestamp is at most this many milliseconds from its source record's.
    Within(u64),
    /// Timestamps say nothing about copies.
    None,
}

impl From<TimestampRule> for TimestampHelp {
    fn from(rule: TimestampRule) -> Self {
        match rule {
            TimestampRule::Exact => Self::Within(0),
            TimestampRule::ToleranceMs(ms) => Self::Within(ms),
            TimestampRule::Ignore => Self::None,
        }
    }
}

/// Where an image is. `records_read` counts both sides together, and what is read again because it was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Located {
    /// Found.
    At {
        /// The first offset in scope on the side that was searched.
        offset: i64,
        /// What it cost.
        records_read: u64,
        /// By which records, as a sentence.
        evidence: String,
    },
    /// No record from the start on has a copy (yet).
    AtEnd {
        /// The first offset in scope once copies arrive, provided that `caught_up`.
        offset: i64,
        /// Whether the last record before the start has its copy. If not, copies of records before the start may
        /// still arrive at or after `offset`: locate again when they have.
        caught_up: bool,
        /// What it cost.
        records_read: u64,
        /// By which records, as a sentence.
        evidence: String,
    },
    /// Could not be found, or not told from other places.
    NotLocated {
        /// Why, and what to do.
        why: String,
        /// What it cost.
        records_read: u64,
    },
}

impl Located {
    /// What it cost.
    pub fn records_read(&self) -> u64 {
        match self {
            Self::At { records_read, .. }
            | Self::AtEnd { records_read, .. }
            | Self::NotLocated { records_read, .. } => *records_read,
        }
    }
}

/// How much is read before giving up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocateLimits {
    /// Records of each run around the start at first; it grows eightfold until it is enough.
    pub run: usize,
    /// The longest such run.
    pub run_max: usize,
    /// Without help from timestamps: offsets on each side of the hint at first.
    pub window: i64,
    /// Records read on both sides together.
    pub records_max: u64,
    /// Records of small spans that are kept, so that they are not read again.
    pub kept: usize,
}

impl Default for LocateLimits {
    fn default() -> Self {
        Self { run: 64, run_max: 1 << 16, window: 8192, records_max: 20_000_000, kept: 1 << 16 }
    }
}
