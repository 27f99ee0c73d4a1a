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
    /// What retention has deleted is not newer than this, in milliseconds: the timestamp of the first record that was read,
    /// and by how much those of the lane go back where they do not ascend.
    pub deleted_up_to: Option<i64>,
    /// The highest offset below `end` that is matched in order.
    pub highest_matched: Option<i64>,
    /// The highest one such that each target lane has a match at it or behind; `None` where one has no match.
    pub matched_in_all: Option<i64>,
}

impl SourceReading {
    fn in_scope(&self, item: &Item) -> bool {
        (self.start..self.end).contains(&item.offset)
    }
}

/// How one target lane was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetReading {
    /// First offset in scope: the lowest one of a copy of a record in scope.
    pub start: i64,
    /// First offset out of scope.
    pub cut: i64,
    /// The end when reading began, after the source's ends were asked for.
    pub end: i64,
    /// The lowest offset at or before which a record of each shortened source lane is matched in order; `None` where one of
    /// them has no match here.
    pub follows_shortened: Option<i64>,
    /// Offset of the first record that is matched with any source record or stands in its place.
    pub first_copy: Option<i64>,
    /// One past the last offset read.
    pub read_to: i64,
}

/// What retention has taken while the run went on: how new it can be, in milliseconds; `None` where it has taken nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Source records that were read, but could not be looked at again: a target record may be one more copy of them.
    pub from_source: Option<i64>,
    /// Target records that were there when the run was planned and could not be read: they may have been copies.
    pub from_target: Option<i64>,
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
    /// Whether older records of a key may be gone.
    pub compacted: bool,
    /// By how much the timestamps of a record and its copy may differ, in milliseconds; `None` where nothing is promised.
    pub timestamps_within: Option<u64>,
    /// Whether records with other bytes may be equal in meaning.
    pub meanings: bool,
    /// What is gone since the plan.
    pub taken: Taken,
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

    /// Whether a record is newer than all that was deleted up to `last`, in milliseconds, and all copies of it.
    pub fn is_newer(&self, item: &Item, last: i64) -> bool {
        self.timestamps_within.is_some_and(|within| item.timestamp > last.saturating_add_unsigned(within))
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

/// What an outcome counts as. `original_at`: target lane and offset where the original of a duplicate is matched in order.
pub fn classify_unit(
    reading: &UnitReading,
    entry: &LaneOutcome,
    original_at: Option<(usize, i64)>,
) -> Standing {
    let source = entry.source_lane.map(|lane| &reading.sources[lane]);
    let target = entry.target_lane.map(|lane| &reading.targets[lane]);
    if let (Some(lane), Some(item)) = (source, entry.outcome.source())
        && !lane.in_scope(item)
        && !copies_earlier_in_scope(reading, entry, original_at)
    {
        return Standing::Beyond;
    }
    match (&entry.outcome, source, target) {
        (Outcome::Missing { source: item }, Some(lane), _) => {
            if !reading.complete[1] || may_be(reading, item, reading.taken.from_target) {
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
        (Outcome::Mismatched { source, target }, ..)
            if !of_one_time(reading, source, target) && may_both_be_copied(reading, source, target) =>
        {
            Standing::Unverifiable
        }
        (Outcome::Mismatched { .. }, ..) => Standing::Finding(FindingKind::MismatchedRecord),
        (Outcome::Duplicate { target: item, .. }, _, Some(lane)) => {
            if (reading.live() && item.offset >= lane.cut) || copies_deleted(reading, lane, item) {
                Standing::Beyond
            } else if !reading.complete[0] || may_copy_deleted(reading) {
                // It may be the copy of an equal record that was not read, or no longer is there.
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
                match extraneous(reading, lane, item) {
                    Standing::Finding(_) if may_be(reading, item, reading.taken.from_source) => {
                        Standing::Unverifiable
                    }
                    standing => standing,
                }
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

/// Whether a source record from before the scope is on the target more than once, and in scope there: which of the equal
/// ones counts as the further copy may depend on their arrival.
fn copies_earlier_in_scope(
    reading: &UnitReading,
    entry: &LaneOutcome,
    original_at: Option<(usize, i64)>,
) -> bool {
    let (Outcome::Duplicate { original, target }, Some(source_lane), Some(target_lane)) =
        (&entry.outcome, entry.source_lane, entry.target_lane)
    else {
        return false;
    };
    let in_scope = |(lane, offset): (usize, i64)| {
        let lane = &reading.targets[lane];
        (lane.start..lane.cut).contains(&offset)
    };
    original.offset < reading.sources[source_lane].start
        && (in_scope((target_lane, target.offset)) || original_at.is_some_and(in_scope))
}

/// Whether a record may belong to what was taken up to `last`.
fn may_be(reading: &UnitReading, item: &Item, last: Option<i64>) -> bool {
    last.is_some_and(|last| !reading.is_newer(item, last))
}

/// Whether a target record may be a copy of what was taken from the source; or of what is gone from there in any way, while
/// the copy of the source record in its place may be among what was taken from the target.
fn may_both_be_copied(reading: &UnitReading, source: &Item, target: &Item) -> bool {
    let shortened = reading.shortened().next().is_some();
    let older = reading.compacted || (shortened && !newer_than_deleted(reading, target));
    may_be(reading, target, reading.taken.from_source)
        || (older && may_be(reading, source, reading.taken.from_target))
}

/// Whether two records are of about the same time, where that says anything.
fn of_one_time(reading: &UnitReading, source: &Item, target: &Item) -> bool {
    let apart = source.timestamp.abs_diff(target.timestamp);
    reading.timestamps_within.is_some_and(|within| apart <= within)
}

/// Whether equal records may have been deleted from the source: where timestamps are no part of what is equal.
fn may_copy_deleted(reading: &UnitReading) -> bool {
    reading.timestamps_within.is_none() && reading.shortened().next().is_some()
}

/// Whether a target record that equals one of the source is rather the copy of an equal one that retention has deleted: it
/// lies before the first copy of what is left, and its time does not say that it is newer.
fn copies_deleted(reading: &UnitReading, lane: &TargetReading, item: &Item) -> bool {
    reading.shortened().next().is_some()
        && lane.first_copy.is_some_and(|first| item.offset < first)
        && !newer_than_deleted(reading, item)
}

/// Whether a target record is newer than anything that retention has deleted from the lanes that it has shortened.
fn newer_than_deleted(reading: &UnitReading, item: &Item) -> bool {
    let after = |last: i64| reading.is_newer(item, last);
    reading.shortened().all(|source| source.deleted_up_to.is_some_and(after))
}

/// A target record in scope that copies nothing of what is left of the source. Where retention has deleted some of the
/// source, it may copy that: before the first copy as for a pair, which begins there; after it as far as its time and its
/// place do not tell.
fn extraneous(reading: &UnitReading, lane: &TargetReading, item: &Item) -> Standing {
    if reading.shortened().next().is_none() {
        return Standing::Finding(FindingKind::ExtraneousRecord);
    }
    let newer = newer_than_deleted(reading, item);
    let behind = !reading.ordered || lane.follows_shortened.is_some_and(|first| item.offset >= first);
    match lane.first_copy {
        Some(first) if item.offset < first => Standing::Beyond,
        Some(_) if newer && behind => Standing::Finding(FindingKind::ExtraneousRecord),
        // Of the same age as what was deleted, or only a little newer.
        None if !newer => Standing::Beyond,
        _ => Standing::Unverifiable,
    }
}

/// Takes apart records that stand in the same place but need not belong together: of a source record out of scope, and of
/// one that has not had its turn on the target where older records of its key may be gone from the source. Records of about
/// the same time stay together. Keeps the order of `outcomes`.
pub fn take_apart(reading: &UnitReading, outcomes: &mut Vec<LaneOutcome>) {
    let mut alone = Vec::new();
    for entry in outcomes.iter_mut() {
        let (Outcome::Mismatched { source, target }, Some(lane)) = (&entry.outcome, entry.source_lane) else {
            continue;
        };
        let (source, target) = (*source, *target);
        if !belong_together(reading, &reading.sources[lane], &source, &target) {
            let outcome = Outcome::Extraneous { target };
            alone.push(LaneOutcome { source_lane: None, target_lane: entry.target_lane.take(), outcome });
            entry.outcome = Outcome::Missing { source };
        }
    }
    if alone.is_empty() {
        return;
    }
    let without_source = outcomes.partition_point(|entry| entry.source_lane.is_some());
    outcomes.append(&mut alone);
    let place = |entry: &LaneOutcome| (entry.target_lane, entry.outcome.target().map(|item| item.offset));
    outcomes[without_source..].sort_by_key(place);
}

fn belong_together(reading: &UnitReading, lane: &SourceReading, source: &Item, target: &Item) -> bool {
    let within = reading.timestamps_within.unwrap_or(0);
    if source.timestamp.abs_diff(target.timestamp) <= within {
        return true;
    }
    if reading.timestamps_within.is_none() {
        // Time says nothing: what has another schema id cannot be told from a stranger.
        return reading.meanings || lane.in_scope(source);
    }
    let older_gone = reading.compacted || reading.shortened().next().is_some();
    let had_its_turn = reading.arrived(lane) > Some(source.offset);
    lane.in_scope(source) && (source.value == target.value || !older_gone || had_its_turn)
}
