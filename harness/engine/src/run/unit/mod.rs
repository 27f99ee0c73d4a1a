//! Units: source partitions whose records may be anywhere in the partitions of one target topic, or in any order. The
//! stages of a run for them; the decisions are made in `align::keyed`, `classify` and `ledger`.

mod barrier;
mod begin;
mod decode;
mod drive;
mod edges;
mod findings;
mod further;
mod judge;
mod log;
mod positions;
mod rows;
mod scope;
#[cfg(test)]
mod scope_tests;
mod state;
#[cfg(test)]
mod state_tests;
mod store;
mod times;
mod turns;
mod untold;

use super::meaning::{self, Agreement};
use crate::decode::Decoder;
use cutproof_reports::{GroupSummary, PositionState};

use crate::align::keyed::Grouping;
use crate::positions::{LaneResume, PairPlan, Plan, SourceLane, TargetLane, UnitPlan, UnitPosition};
use crate::record::{Contract, OrderPromise, Partitioning, TopicPartition};

use begin::Gone;
pub(super) use decode::decode_matched;
pub(super) use drive::{UnitRead, drive_units};
pub(super) use edges::{edges, withdraw_other_logs};
pub(super) use judge::{JudgedUnit, Judging, judge};

/// What the plan knows a unit as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Planned {
    /// One partition on each side, by its index among the plan's pairs.
    Pair(usize),
    /// Several partitions, by its index among the plan's units.
    Unit(usize),
}

/// One unit of a run.
pub(super) struct Unit {
    pub planned: Planned,
    pub plan: UnitPlan,
    pub grouping: Grouping,
    /// The groups that read it, by their index in the plan.
    pub positions: Vec<(usize, UnitPosition)>,
    /// What retention has taken since the plan.
    pub gone: Gone,
}

/// Whether a pair is aligned as a unit: no order holds between its records' keys.
pub(super) fn is_unit(contract: &Contract) -> bool {
    contract.order != OrderPromise::Partition
}

/// All units of the plan: the pairs among them first.
pub(super) fn units(plan: &Plan) -> Vec<Unit> {
    let pairs =
        plan.pairs.iter().enumerate().filter(|(_, pair)| is_unit(&pair.contract)).map(|(at, pair)| Unit {
            planned: Planned::Pair(at),
            plan: of_pair(pair),
            grouping: grouping(&pair.contract),
            positions: positions_of_pair(plan, at),
            gone: Gone::default(),
        });
    let units = plan.units.iter().enumerate().map(|(at, unit)| {
        let positions = plan.groups.iter().enumerate().flat_map(|(group, found)| {
            found
                .units
                .iter()
                .filter(|position| position.unit == at)
                .map(move |position| (group, position.clone()))
        });
        Unit {
            planned: Planned::Unit(at),
            plan: unit.clone(),
            grouping: grouping(&unit.contract),
            positions: positions.collect(),
            gone: Gone::default(),
        }
    });
    pairs.chain(units).collect()
}

/// Which records of a unit form a group, and whether its order counts.
pub(super) fn grouping(contract: &Contract) -> Grouping {
    match (contract.order, contract.partitions) {
        (OrderPromise::None, _) => Grouping::Multiset,
        (_, Partitioning::Same) => Grouping::Key,
        (_, Partitioning::ByKey) => Grouping::KeyThenMultiset,
    }
}

fn of_pair(pair: &PairPlan) -> UnitPlan {
    UnitPlan {
        sources: vec![SourceLane {
            partition: pair.source.clone(),
            log_start: pair.source_log_start,
            start: pair.source_start,
            end: pair.source_end,
            start_reason: pair.start_reason.clone(),
        }],
        targets: vec![TargetLane {
            partition: pair.target.clone(),
            log_start: pair.target_log_start,
            end: pair.target_end,
        }],
        contract: pair.contract.clone(),
    }
}

fn positions_of_pair(plan: &Plan, at: usize) -> Vec<(usize, UnitPosition)> {
    let mut out = Vec::new();
    for (group, found) in plan.groups.iter().enumerate() {
        for position in found.positions.iter().filter(|position| position.pair == at) {
            let resume = LaneResume {
                offset: position.resume,
                origin: position.origin,
                also: position.also.clone(),
                state: position.state,
                detail: position.detail.clone(),
            };
            let commit_state = match position.state {
                state @ (PositionState::BeyondSourceEnd | PositionState::BelowSourceLogStart) => {
                    (state, position.detail.clone())
                }
                // What is missing before the range is not judged.
                _ if position.committed.is_some_and(|committed| committed < plan.pairs[at].source_start) => {
                    (PositionState::NotLocated, position.detail.clone())
                }
                _ => (PositionState::Judged, String::new()),
            };
            let position = UnitPosition {
                unit: 0,
                committed: vec![position.committed],
                commit_states: vec![commit_state],
                resumes: vec![resume],
                records_read_to_locate: position.records_read_to_locate,
            };
            out.push((group, position));
        }
    }
    out
}

/// Pairs of partitions for code that works on pairs: lane n of either side is in pair n.
fn stand_ins(plan: &UnitPlan) -> Vec<PairPlan> {
    let partition = |lanes: &[TopicPartition], at: usize| lanes[at.min(lanes.len() - 1)].clone();
    let sources: Vec<_> = plan.sources.iter().map(|lane| lane.partition.clone()).collect();
    let targets: Vec<_> = plan.targets.iter().map(|lane| lane.partition.clone()).collect();
    (0..sources.len().max(targets.len()))
        .map(|at| {
            PairPlan::unbounded(partition(&sources, at), partition(&targets, at), plan.contract.clone())
        })
        .collect()
}

/// Adds the positions at the units to the groups' summaries, which are in the plan's order.
pub(super) fn add_positions(groups: &mut [GroupSummary], units: &[(Unit, JudgedUnit)]) {
    for (unit, judged) in units {
        positions::add(groups, unit, judged);
    }
    for group in groups {
        group.scorecard = crate::gates::scorecard(&group.positions);
    }
}

/// Asks both registries for the schema ids of a unit. Records are not looked at one by one: where an id means another
/// schema on the target, the unit is not judged to its end.
pub(super) fn agreement(decoder: &mut Decoder, unit: &Unit, judged: &mut JudgedUnit) -> Agreement {
    let mut agreement = Agreement::default();
    if let Some(pair) = stand_ins(&unit.plan).first() {
        agreement = meaning::agreement(decoder, pair, &judged.schema_ids);
    }
    judged.remarks.extend(agreement.differ.iter().map(|id| {
        format!(
            "schema id {id} is another schema in the target's registry: records with equal bytes are read with another \
             meaning there, which is not counted where records may change partitions or order"
        )
    }));
    agreement
}

pub(super) use findings::explain;
pub(super) use rows::rows;
