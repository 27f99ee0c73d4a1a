//! Topics whose records may change partitions: which partitions belong together, and where each group stands on them.
//! Reads no user's topic, unless positions come by timestamp.

use std::collections::BTreeMap;

use super::super::locate::LogBounds;
use super::super::{Origin, OtherPosition, PositionState};
use super::evidence::Evidence;
use super::groups::Context;
use super::lookups::{self, Found};
use super::origins::Rule;
use super::sharing::SharedReader;
use super::types::{GroupPlan, LaneResume, SourceLane, TargetLane, UnitPlan, UnitPosition};
use super::view::ClusterView;
use super::{PlanError, start, words};
use crate::config::ProofConfig;
use crate::record::{Partitioning, TopicPartition};

/// One unit for each target topic among `chosen` (source topic, partitions, target topic) that is repartitioned.
pub(super) fn units(
    config: &ProofConfig,
    (source, target): (&dyn ClusterView, &dyn ClusterView),
    target_topics: &BTreeMap<String, i32>,
    chosen: &[(&String, i32, String)],
) -> Result<Vec<UnitPlan>, PlanError> {
    let mut units: BTreeMap<&str, UnitPlan> = BTreeMap::new();
    for (topic, partitions, on_target) in chosen {
        let contract = config.contract_for(topic);
        if contract.partitions != Partitioning::ByKey {
            continue;
        }
        let unit = units.entry(on_target).or_insert_with(|| UnitPlan {
            sources: Vec::new(),
            targets: (0..target_topics[on_target])
                .map(|partition| TargetLane {
                    partition: TopicPartition::new(on_target, partition),
                    log_start: 0,
                    end: 0,
                })
                .collect(),
            contract,
        });
        unit.sources.extend((0..*partitions).map(|partition| SourceLane {
            partition: TopicPartition::new(topic.as_str(), partition),
            log_start: 0,
            start: 0,
            end: 0,
            start_reason: String::new(),
        }));
    }
    let mut units: Vec<UnitPlan> = units.into_values().collect();
    for unit in &mut units {
        let isolation = unit.contract.isolation;
        let partitions: Vec<_> = unit.sources.iter().map(|lane| lane.partition.clone()).collect();
        for (lane, bounds) in unit.sources.iter_mut().zip(source.bounds(&partitions, isolation)?) {
            (lane.log_start, lane.start, lane.end) = (bounds.start, bounds.start, bounds.end);
        }
        let partitions: Vec<_> = unit.targets.iter().map(|lane| lane.partition.clone()).collect();
        for (lane, bounds) in unit.targets.iter_mut().zip(target.bounds(&partitions, isolation)?) {
            (lane.log_start, lane.end) = (bounds.start, bounds.end);
        }
    }
    Ok(units)
}

/// Where each group stands on the units of which it has committed anything, on either side, in the order of
/// `evidence.standings`.
pub(super) fn positions(
    context: &Context<'_>,
    rule: Rule,
    evidence: &Evidence,
    units: &[UnitPlan],
) -> Result<Vec<Vec<UnitPosition>>, PlanError> {
    let mut out = vec![Vec::new(); evidence.standings.len()];
    for (unit, plan) in units.iter().enumerate() {
        let mut reader = match rule.reads(Origin::Timestamp) {
            true => Some(SharedReader::new(context.source.reader(plan.contract.isolation)?)),
            false => None,
        };
        for (standing, found) in evidence.standings.iter().zip(&mut out) {
            let [committed, on_target] = &standing.on_units[unit];
            if committed.iter().all(Option::is_none) {
                if on_target.iter().any(Option::is_some) {
                    found.push(on_target_only(unit, plan, on_target, standing.is_active()));
                }
                continue;
            }
            let (by_timestamp, read) = match &mut reader {
                Some(reader) => {
                    let before = reader.records_read;
                    let found = lookups::unit_by_timestamp(reader, context.target, plan, committed)?;
                    (found, reader.records_read - before)
                }
                None => (Vec::new(), 0),
            };
            let resume = |(at, lane): (usize, &TargetLane)| {
                let key = (standing.group.clone(), lane.partition.clone());
                let same = plan.sources.iter().position(|source| source.partition == lane.partition);
                let known = Known {
                    lane,
                    target_commit: on_target[at],
                    csv: evidence.csv.get(&key).copied(),
                    by_timestamp: by_timestamp.get(at),
                    same_partition: same.and_then(|at| committed[at]),
                    active: standing.is_active(),
                };
                resume(rule, &known)
            };
            let resumes = plan.targets.iter().enumerate().map(resume).collect();
            let commit_states = plan
                .sources
                .iter()
                .zip(committed)
                .map(|(lane, committed)| commit_state(lane, *committed))
                .collect();
            found.push(UnitPosition {
                unit,
                committed: committed.clone(),
                commit_states,
                resumes,
                records_read_to_locate: read,
            });
        }
    }
    Ok(out)
}

/// Commits on the target without any on the source: the group would resume there, from where nobody knows.
fn on_target_only(unit: usize, plan: &UnitPlan, on_target: &[Option<i64>], active: bool) -> UnitPosition {
    let sources = plan.source_topics();
    let resume = |offset: &Option<i64>| LaneResume {
        offset: *offset,
        origin: if offset.is_some() { Origin::GroupCommits } else { Origin::None },
        also: Vec::new(),
        state: PositionState::NoSourceCommit,
        detail: words::uncommitted(&sources, *offset, active),
    };
    UnitPosition {
        unit,
        committed: vec![None; plan.sources.len()],
        commit_states: vec![(PositionState::Judged, String::new()); plan.sources.len()],
        resumes: on_target.iter().map(resume).collect(),
        records_read_to_locate: 0,
    }
}

/// What is known of one group at one target partition.
struct Known<'a> {
    lane: &'a TargetLane,
    target_commit: Option<i64>,
    csv: Option<i64>,
    by_timestamp: Option<&'a Found>,
    /// The commit on the source partition of the same name: only where the source is compared with itself.
    same_partition: Option<i64>,
    /// Somebody consumes with the group on the target.
    active: bool,
}

impl Known<'_> {
    /// Where an origin puts the group, and why. Only what says where to go on in a target partition as such can be
    /// used: no origin translates a single source position where records change partitions.
    fn offset(&self, rule: Rule, origin: Origin) -> Option<(i64, &str)> {
        match origin {
            Origin::GroupCommits => {
                self.target_commit.map(|offset| (offset, "the group's own commit on the target"))
            }
            Origin::Csv => self.csv.map(|offset| (offset, "from the CSV file")),
            Origin::Earliest => Some((self.lane.log_start, "the target's log start")),
            Origin::Timestamp => match self.by_timestamp? {
                Found::At { offset, why } => Some((*offset, why)),
                Found::Nothing { .. } => None,
            },
            Origin::Identity if rule.noise_floor => {
                self.same_partition.map(|offset| (offset, "the source is compared with itself"))
            }
            _ => None,
        }
    }
}

/// Takes the first origin that gives a position, and lists the others.
fn resume(rule: Rule, known: &Known<'_>) -> LaneResume {
    let TargetLane { partition, log_start, end } = known.lane;
    let is_active = known.active && !rule.noise_floor;
    let active = if is_active { format!("; {}", words::ACTIVE) } else { String::new() };
    let origins = rule.judged();
    let found = origins
        .iter()
        .find_map(|&origin| known.offset(rule, origin).map(|(offset, why)| (offset, origin, why)));
    let judged = found.map(|(_, origin, _)| origin);
    let also = rule
        .read()
        .into_iter()
        .filter(|other| Some(*other) != judged)
        .filter_map(|origin| known.offset(rule, origin).map(|(offset, _)| OtherPosition { origin, offset }))
        .collect();
    let Some((offset, origin, why)) = found else {
        let mut reasons: Vec<String> = Vec::new();
        for &origin in &origins {
            reasons.push(match origin {
                Origin::GroupCommits => format!("the group has no commit on {partition} of the target"),
                Origin::Csv => format!("the CSV file has no row for it on {partition}"),
                Origin::Timestamp => match known.by_timestamp {
                    Some(Found::Nothing { why } | Found::At { why, .. }) => why.clone(),
                    None => "no timestamp was looked up".to_owned(),
                },
                origin if rule.noise_floor => format!("the group has no commit on {partition} ({origin:?})"),
                origin => format!(
                    "{} translates a position partition by partition, which `partitions: by_key` rules out: commit \
                     on the target and use positions.origin group_commits, or csv, timestamp, earliest",
                    origin.as_str()
                ),
            });
        }
        let (origin, state) = (Origin::None, PositionState::NoCheckpoint);
        let detail = format!("{}{active}", reasons.join("; "));
        return LaneResume { offset: None, origin, also, state, detail };
    };
    let (state, trouble) = if offset > *end {
        let text = format!(
            "; {offset} is past the target's log end {end}: the copy is behind or the target topic was recreated; a \
             client would reset by its auto.offset.reset"
        );
        (PositionState::BeyondTargetEnd, text)
    } else if offset < *log_start {
        (PositionState::BelowTargetLogStart, format!("; {}", words::below_log_start(offset, *log_start)))
    } else if is_active {
        (PositionState::TargetGroupActive, String::new())
    } else {
        (PositionState::Judged, String::new())
    };
    LaneResume { offset: Some(offset), origin, also, state, detail: format!("{why}{trouble}{active}") }
}

/// What speaks against judging a commit by the bounds of its log.
pub(crate) fn commit_state(lane: &SourceLane, committed: Option<i64>) -> (PositionState, String) {
    match committed {
        Some(committed) if committed > lane.end => {
            let text = format!(
                "committed {committed} is past the source's log end {}: the topic was recreated, or an open \
                 transaction hides its end",
                lane.end
            );
            (PositionState::BeyondSourceEnd, text)
        }
        Some(committed) if committed < lane.log_start => {
            let text = format!(
                "committed {committed} is below the source's log start {}: retention deleted records that the group \
                 never read; they cannot be compared",
                lane.log_start
            );
            (PositionState::BelowSourceLogStart, text)
        }
        _ => (PositionState::Judged, String::new()),
    }
}

/// Sets where the scope of each source partition starts, and why.
pub(super) fn set_starts(
    config: &ProofConfig,
    source: &dyn ClusterView,
    now_ms: i64,
    units: &mut [UnitPlan],
    groups: &[GroupPlan],
) -> Result<(), PlanError> {
    let since = start::since(config.range.start, now_ms);
    for (unit, plan) in units.iter_mut().enumerate() {
        let partitions: Vec<_> = plan.sources.iter().map(|lane| lane.partition.clone()).collect();
        let at_time = match since {
            Some(ms) => source.offsets_at(&partitions, ms)?,
            None => vec![None; partitions.len()],
        };
        for (at, lane) in plan.sources.iter_mut().enumerate() {
            let lowest = groups
                .iter()
                .flat_map(|group| {
                    group.units.iter().filter(|position| position.unit == unit).map(move |p| (group, p))
                })
                .filter_map(|(group, position)| Some((position.committed[at]?, group.group.as_str())))
                .min_by_key(|(committed, _)| *committed);
            let log = LogBounds { start: lane.log_start, end: lane.end };
            (lane.start, lane.start_reason) = start::start(config.range.start, log, lowest, at_time[at]);
        }
    }
    Ok(())
}

/// What a unit costs: a sentence each.
pub(super) fn remarks(units: &[UnitPlan]) -> Vec<String> {
    let sentence = |unit: &UnitPlan| {
        format!(
            "{} -> {}: records may be in any partition, so all {} source and {} target partitions are read from their \
             log starts and compared together",
            unit.source_topics(),
            unit.target_topic(),
            unit.sources.len(),
            unit.targets.len()
        )
    };
    units.iter().map(sentence).collect()
}

/// A position before the range is not judged by it.
pub(super) fn outside_range(mut groups: Vec<GroupPlan>, units: &[UnitPlan]) -> Vec<GroupPlan> {
    for position in groups.iter_mut().flat_map(|group| &mut group.units) {
        for (at, lane) in units[position.unit].sources.iter().enumerate() {
            let (state, detail) = &mut position.commit_states[at];
            if let Some(committed) = position.committed[at].filter(|&committed| committed < lane.start)
                && *state == PositionState::Judged
            {
                *state = PositionState::NotLocated;
                *detail = format!(
                    "the range starts at {}, after the commit at {committed}: start it at positions to judge the group",
                    lane.start
                );
            }
        }
    }
    groups
}
