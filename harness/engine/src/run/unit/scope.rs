//! Where the scope of a unit's target lanes starts and ends: with the first copy of a source record in scope, and behind the
//! last thing that one became and all that was there when reading began; and how far each source lane has come on the
//! target. Reads nothing.

use std::ops::Range;

use crate::align::Outcome;
use crate::align::keyed::LaneOutcome;
use crate::classify::UnitReading;
use crate::ledger::{Cells, Place};

/// Sets the scope of each target lane, whose start is that of its log before. `outcomes`: all that is not in `cells`.
pub(super) fn set(reading: &mut UnitReading, cells: &Cells, outcomes: &[LaneOutcome]) {
    for (at, lane) in reading.sources.iter_mut().enumerate().filter(|_| !reading.complete[0]) {
        let highest = (0..reading.targets.len()).map(|target_lane| {
            let own =
                cells.sum(|source, target| source.0 == at && source.1 < lane.end && target.0 == target_lane);
            own.highest_source
        });
        lane.matched_in_all = highest.min().flatten();
    }
    let whole = reading.sources.iter().all(|lane| lane.start == lane.log_start);
    let live = reading.live();
    let of_lanes = reading.sources.iter().enumerate();
    let shortened: Vec<usize> = of_lanes.filter(|(_, lane)| lane.log_start > 0).map(|(at, _)| at).collect();
    let sources = reading.sources.clone();
    let in_scope = |(lane, offset): Place| (sources[lane].start..sources[lane].end).contains(&offset);
    let apart = apart(outcomes, reading.targets.len());
    for (at, lane) in reading.targets.iter_mut().enumerate() {
        let log_start = lane.start;
        let pairs = cells.sum(|source, target| target.0 == at && in_scope(source)).target;
        let moved = apart[at].iter().filter(|(source, _)| in_scope(*source)).map(|(_, target)| *target);
        let copies = pairs.into_iter().flat_map(<[i64; 2]>::from).chain(moved);
        if !whole {
            let before = cells.sum(|source, target| target.0 == at && source.1 < sources[source.0].start);
            let after_history = || before.target.map_or(log_start, |(_, highest)| highest + 1);
            lane.start = copies.clone().min().unwrap_or_else(after_history);
        }
        let any = cells.sum(|_, target| target.0 == at).target.map(|(lowest, _)| lowest);
        lane.first_copy = any.into_iter().chain(apart[at].iter().map(|(_, target)| *target)).min();
        if let Some(first) = lane.first_copy.filter(|_| !shortened.is_empty()) {
            lane.start = lane.start.max(first);
        }
        lane.follows_shortened = follows(at, &shortened, cells);
        if live {
            let again = again(outcomes, at).filter(|(source, _)| in_scope(*source)).map(|(_, target)| target);
            let behind_all = copies.chain(again).max().map_or(lane.start, |last| last + 1);
            // The source was read beyond all that the target held when reading began.
            lane.cut = behind_all.max(lane.end.min(lane.read_to)).max(lane.start);
        }
    }
}

/// By target lane: where the last copy of a source record in scope is, moved and altered ones among them.
pub(super) fn last_copies(
    reading: &UnitReading,
    cells: &Cells,
    outcomes: &[LaneOutcome],
) -> Vec<Option<i64>> {
    let in_scope = |(lane, offset): Place| {
        let lane = &reading.sources[lane];
        (lane.start..lane.end).contains(&offset)
    };
    let apart = apart(outcomes, reading.targets.len());
    let last = |at: usize| {
        let matched = cells.sum(|source, target| target.0 == at && in_scope(source)).target;
        let moved = apart[at].iter().filter(|(source, _)| in_scope(*source)).map(|(_, target)| *target);
        moved.chain(matched.map(|(_, last)| last)).max()
    };
    (0..reading.targets.len()).map(last).collect()
}

/// Where a matched record of a target lane is a copy of the scope for sure: behind the last copy from before the scope of any
/// source lane, and before the first one from behind it.
pub(super) fn surely_in_scope(reading: &UnitReading, cells: &Cells, target_lane: usize) -> Range<i64> {
    let sources = &reading.sources;
    let here = |target: Place| target.0 == target_lane;
    let before = cells.sum(|source, target| here(target) && source.1 < sources[source.0].start);
    let behind = cells.sum(|source, target| here(target) && source.1 >= sources[source.0].end);
    let first = before.target.map_or(i64::MIN, |(_, highest)| highest + 1);
    let end = behind.target.map_or(i64::MAX, |(lowest, _)| lowest);
    first..end
}

/// See [`TargetReading::follows_shortened`](crate::classify::TargetReading).
fn follows(target_lane: usize, shortened: &[usize], cells: &Cells) -> Option<i64> {
    let first = |&lane: &usize| {
        let own = cells.sum(|source, target| source.0 == lane && target.0 == target_lane);
        own.target.map(|(lowest, _)| lowest)
    };
    let firsts: Option<Vec<i64>> = shortened.iter().map(first).collect();
    firsts?.into_iter().max()
}

/// By target lane: the first copies that are not matched in order, but moved or altered, and what they are copies of.
fn apart(outcomes: &[LaneOutcome], lanes: usize) -> Vec<Vec<(Place, i64)>> {
    let mut apart = vec![Vec::new(); lanes];
    for entry in outcomes {
        let (Outcome::Reordered { source, target, .. } | Outcome::Mismatched { source, target }) =
            &entry.outcome
        else {
            continue;
        };
        if let (Some(source_lane), Some(target_lane)) = (entry.source_lane, entry.target_lane) {
            apart[target_lane].push(((source_lane, source.offset), target.offset));
        }
    }
    apart
}

/// What a target lane holds once more, and what it is a copy of.
fn again(outcomes: &[LaneOutcome], lane: usize) -> impl Iterator<Item = (Place, i64)> {
    outcomes.iter().filter_map(move |entry| match &entry.outcome {
        Outcome::Duplicate { original, target } if entry.target_lane == Some(lane) => {
            entry.source_lane.map(|source_lane| ((source_lane, original.offset), target.offset))
        }
        _ => None,
    })
}
