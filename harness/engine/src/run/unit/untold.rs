//! What to say of records of a unit that are not judged because retention has deleted others. Decides nothing.

use std::collections::HashMap;

use crate::align::Outcome;
use crate::align::keyed::LaneOutcome;
use crate::classify::{Standing, UnitReading};
use crate::ledger::Place;
use crate::positions::UnitPlan;
use crate::record::{Side, TopicPartition};

use super::Unit;

/// Of target records that may copy what is gone from the source. `left_from`: by source lane.
pub(super) fn not_told_from_deleted(
    plan: &UnitPlan,
    reading: &UnitReading,
    left_from: &[i64],
    outcomes: &[LaneOutcome],
    standings: &[Standing],
) -> Option<String> {
    let untold = unverifiable(outcomes, standings, |outcome| match outcome {
        Outcome::Extraneous { .. } | Outcome::Duplicate { .. } => true,
        Outcome::Mismatched { .. } => reading.complete[1],
        _ => false,
    });
    let lanes = plan.partitions(Side::Source).into_iter().zip(left_from.iter().copied());
    (reading.complete[0] && untold > 0).then(|| {
        format!(
            "{untold} records of {} on the target may be copies of source records that retention has deleted ({}): not \
             judged",
            plan.target_topic(),
            before(lanes)
        )
    })
}

/// Of source records that may have had copies, which retention took between the plan and the reading.
pub(super) fn perhaps_copied(
    unit: &Unit,
    reading: &UnitReading,
    outcomes: &[LaneOutcome],
    standings: &[Standing],
) -> Option<String> {
    let perhaps = unverifiable(outcomes, standings, |outcome| matches!(outcome, Outcome::Missing { .. }));
    let lanes = unit.gone.targets.iter().map(|&lane| {
        let lane = &unit.plan.targets[lane];
        (&lane.partition, lane.log_start)
    });
    (reading.complete[1] && perhaps > 0).then(|| {
        format!(
            "{perhaps} records of {} may have had copies that retention has deleted from the target since the run was \
             planned ({}): not judged",
            unit.plan.source_topics(),
            before(lanes)
        )
    })
}

/// Of further copies before the scope, whose originals may have had another one in scope that is gone: then they would be
/// judged. `left_from`: by side and lane.
pub(super) fn perhaps_copied_in_scope(
    plan: &UnitPlan,
    reading: &UnitReading,
    left_from: &[Vec<i64>; 2],
    (outcomes, standings, in_order): (&[LaneOutcome], &[Standing], &HashMap<Place, Place>),
) -> Option<String> {
    let scope_is_cut = reading.targets.iter().zip(&left_from[1]).any(|(lane, &left)| left > lane.start);
    let untold = |(entry, standing): &(&LaneOutcome, &Standing)| {
        let (Outcome::Duplicate { original, target }, Some(source_lane), Some(target_lane)) =
            (&entry.outcome, entry.source_lane, entry.target_lane)
        else {
            return false;
        };
        let before = target.offset < reading.targets[target_lane].start
            && original.offset < reading.sources[source_lane].start;
        let gone = scope_is_cut || original.offset < left_from[0][source_lane];
        let paired = in_order.contains_key(&(source_lane, original.offset));
        **standing == Standing::Beyond && before && gone && !paired
    };
    let untold = outcomes.iter().zip(standings).filter(untold).count();
    (untold > 0).then(|| {
        format!(
            "{untold} records of {} on the target may be further copies of records that retention has deleted since they \
             were read: not judged",
            plan.target_topic()
        )
    })
}

/// Of `records` differences that compaction may explain by what is gone. `left_from`: by side and lane.
pub(super) fn not_told_from_compacted(
    plan: &UnitPlan,
    records: usize,
    left_from: &[Vec<i64>; 2],
) -> Option<String> {
    let lanes = Side::BOTH
        .into_iter()
        .flat_map(|side| plan.partitions(side).into_iter().zip(left_from[side as usize].iter().copied()));
    (records > 0).then(|| {
        format!(
            "{records} differences between {} and {} may be explained by records that retention has deleted since they \
             were read ({}): not judged",
            plan.source_topics(),
            plan.target_topic(),
            before(lanes)
        )
    })
}

fn unverifiable(
    outcomes: &[LaneOutcome],
    standings: &[Standing],
    wanted: impl Fn(&Outcome) -> bool,
) -> usize {
    let of_kind = |(entry, standing): &(&LaneOutcome, &Standing)| {
        **standing == Standing::Unverifiable && wanted(&entry.outcome)
    };
    outcomes.iter().zip(standings).filter(of_kind).count()
}

/// `orders-0 before offset 7`, for each of the lanes that does not begin at 0.
fn before<'p>(lanes: impl Iterator<Item = (&'p TopicPartition, i64)>) -> String {
    let lanes = lanes.filter(|(_, offset)| *offset > 0);
    lanes.map(|(lane, offset)| format!("{lane} before offset {offset}")).collect::<Vec<_>>().join(", ")
}
