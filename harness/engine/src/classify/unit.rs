//! Which outcomes of a unit are findings, which are pending or unverifiable, and which lie out of scope. Reads nothing.

use super::Standing;
use crate::align::keyed::LaneOutcome;
use crate::align::{Item, Outcome};
use crate::record::{FindingKind, Side};

/// How one source lane was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceReading {
    /// First offset that retention has left; reading starts there.
    pub log_start: i64,
    /// First offset in scope.
    pub start: i64,
    /// The end at the barrier: what lies at or after it is read only to explain the target's tail.
    pub end: i64,
    /// One past the last offset read.
    pub read_to: i64,
    /// Timestamp of the first record that was read, in milliseconds.
    pub first_timestamp: Option<i64>,
    /// The highest offset below `end` that is matched in order.
    pub highest_matched: Option<i64>,
    /// The highest one such that each target lane has a match at it or behind; `None` where one has no match.
    pub matched_in_all: Option<i64>,
}

/// How one target lane was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetReading {
    /// First offset in scope: the lowest one of a copy of a record in scope.
    pub start: i64,
    /// First offset out of scope.
    pub cut: i64,
    /// Offset of the first record that is matched in order with any source record.
    pub first_matched: Option<i64>,
    /// The same, or of the first record that stands in the place of a source record.
    pub first_copy: Option<i64>,
    /// One past the last offset read.
    pub read_to: i64,
}

/// How a unit was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitReading {
    /// `orders -> all.orders`, for messages.
    pub name: String,
    /// By source lane.
    pub sources: Vec<SourceReading>,
    /// By target lane.
    pub targets: Vec<TargetReading>,
    /// Whether all lanes of a side were read to their planned ends.
    pub complete: [bool; 2],
    /// Whether records of one source lane keep an order on their way.
    pub ordered: bool,
    /// By how much the timestamps of a record and its copy may differ, in milliseconds; `None` where nothing is promised.
    pub timestamps_within: Option<u64>,
}

impl UnitReading {
    /// Whether the source was read beyond the barrier.
    pub fn live(&self) -> bool {
        self.sources.iter().any(|lane| lane.read_to > lane.end)
    }

    /// The source lanes that have lost their beginning to retention.
    pub fn shortened(&self) -> impl Iterator<Item = &SourceReading> {
        self.sources.iter().filter(|lane| lane.log_start > 0)
    }

    /// What lies before this offset of a source lane has had its turn on the target. Once the barrier was read on both
    /// sides that is so before any match; until then, only where order lets nothing come after it.
    fn arrived(&self, lane: &SourceReading) -> Option<i64> {
        match self.complete[0] {
            true => lane.highest_matched,
            false => lane.matched_in_all.filter(|_| self.ordered),
        }
    }
}

/// What an outcome counts as.
pub fn classify_unit(reading: &UnitReading, entry: &LaneOutcome) -> Standing {
    let source = entry.source_lane.map(|lane| &reading.sources[lane]);
    let target = entry.target_lane.map(|lane| &reading.targets[lane]);
    if let (Some(lane), Some(item)) = (source, entry.outcome.source())
        && !(lane.start..lane.end).contains(&item.offset)
    {
        return Standing::Beyond;
    }
    match (&entry.outcome, source, target) {
        (Outcome::Missing { source: item }, Some(lane), _) => {
            if !reading.complete[1] {
                Standing::Unverifiable
            } else if reading.arrived(lane) > Some(item.offset) {
                Standing::Finding(FindingKind::MissingRecord)
            } else {
                Standing::Pending
            }
        }
        (Outcome::Reordered { .. }, ..) => Standing::Finding(FindingKind::ReorderedRecord),
        // Which two belong together is not known while one of them may be a copy of what was not read, or have one there.
        (Outcome::Mismatched { .. }, ..) if reading.complete != [true, true] => Standing::Unverifiable,
        (Outcome::Mismatched { .. }, ..) => Standing::Finding(FindingKind::MismatchedRecord),
        (Outcome::Duplicate { target: item, .. }, _, Some(lane)) => {
            if (reading.live() && item.offset >= lane.cut) || copies_deleted(reading, lane, item) {
                Standing::Beyond
            } else if !reading.complete[0] {
                // It may be the copy of an equal record that was not read.
                Standing::Unverifiable
            } else {
                Standing::Finding(FindingKind::DuplicateRecord)
            }
        }
        (Outcome::Extraneous { target: item }, _, Some(lane)) => {
            if item.offset < lane.start || (reading.live() && item.offset >= lane.cut) {
                Standing::Beyond
            } else if !reading.complete[0] {
                Standing::Unverifiable
            } else {
                extraneous(reading, lane, item)
            }
        }
        (Outcome::Unsolved { side: Side::Target, record }, _, Some(lane))
            if record.offset < lane.start || (reading.live() && record.offset >= lane.cut) =>
        {
            Standing::Beyond
        }
        _ => Standing::Unverifiable,
    }
}

/// Whether a target record that equals one of the source is rather the copy of an equal one that retention has deleted: it
/// lies before the first copy of what is left.
fn copies_deleted(reading: &UnitReading, lane: &TargetReading, item: &Item) -> bool {
    reading.shortened().next().is_some() && lane.first_copy.is_some_and(|first| item.offset < first)
}

/// A target record in scope that copies nothing of what is left of the source. Where retention has deleted some of the
/// source, it may copy that: before the first copy as for a pair, which begins there; after it as far as neither its time
/// nor its place tell.
fn extraneous(reading: &UnitReading, lane: &TargetReading, item: &Item) -> Standing {
    if reading.shortened().next().is_none() {
        return Standing::Finding(FindingKind::ExtraneousRecord);
    }
    let newer = reading.timestamps_within.is_some_and(|within| {
        let after = |first: i64| item.timestamp > first.saturating_add_unsigned(within);
        reading.shortened().all(|source| source.first_timestamp.is_some_and(after))
    });
    let behind_a_match = lane.first_matched.is_some_and(|first| item.offset >= first);
    let in_order = reading.timestamps_within.is_none() && reading.ordered && reading.sources.len() == 1;
    match lane.first_copy {
        Some(first) if item.offset < first => Standing::Beyond,
        Some(_) if newer || (in_order && behind_a_match) => Standing::Finding(FindingKind::ExtraneousRecord),
        // Of the same age as what was deleted, or only a little newer.
        None if !newer => Standing::Beyond,
        _ => Standing::Unverifiable,
    }
}
