//! Which groups count, where they stand on the source, and where they would resume. Reads no user's topic.

use std::collections::{BTreeMap, BTreeSet};

use super::super::PositionState;
use super::super::mm2::{CheckpointKey, OffsetSyncKey};
use super::super::names::TopicNames;
use super::csv_file::{self, CsvPositions};
use super::internal::{self, Checkpoints};
use super::resume::{Known, Rule, resume};
use super::types::{GroupPlan, GroupPosition, Ignored, PairPlan, UnitPlan};
use super::units;
use super::view::ClusterView;
use super::{PlanError, pairs};
use crate::config::ProofConfig;
use crate::positions::Origin;
use crate::record::{Side, TopicPartition};

/// What the search for groups works with.
pub(super) struct Context<'a> {
    pub config: &'a ProofConfig,
    pub names: TopicNames<'a>,
    pub source: &'a dyn ClusterView,
    pub target: &'a dyn ClusterView,
    pub source_topics: BTreeMap<String, i32>,
    pub target_topics: BTreeMap<String, i32>,
}

/// What a person should know besides the groups.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub remarks: Vec<String>,
    pub ignored: Vec<Ignored>,
    /// Whether the source could list its groups.
    pub listed: bool,
}

/// The groups with a source commit on a planned partition, by name.
pub(super) fn groups(
    context: &Context<'_>,
    pairs: &[PairPlan],
    all_units: &[UnitPlan],
) -> Result<(Vec<GroupPlan>, Notes), PlanError> {
    let config = context.config;
    let csv = config.positions.csv_file.as_deref();
    let rule = Rule {
        choice: config.positions.origin,
        kind: config.replication.kind,
        has_csv: csv.is_some(),
        noise_floor: config.range.noise_floor,
    };
    let mut notes = Notes::default();
    let checkpoints = read_checkpoints(context, rule, &mut notes)?;
    let csv = match csv.filter(|_| rule.asks(Origin::Csv)) {
        Some(file) => csv_file::read(file)?,
        None => CsvPositions::new(),
    };
    check_csv(context, &csv, pairs, all_units, &mut notes)?;
    let active = list_target(context)?;

    let sources: Vec<TopicPartition> = pairs.iter().map(|p| p.source.clone()).collect();
    let targets: Vec<TopicPartition> = pairs.iter().map(|p| p.target.clone()).collect();
    let mut out = Vec::new();
    let mut synced: Option<Option<BTreeSet<OffsetSyncKey>>> = None;
    for group in candidates(context, &checkpoints, &csv, &mut notes)? {
        let commits = context.source.committed(&group, &sources)?;
        let units = units::positions(context, rule, &csv, all_units, &group)?;
        if commits.iter().all(Option::is_none) && units.is_empty() {
            if config.groups.literal_names().contains(&group) {
                let reason = "has no committed offset on a planned topic of the source".to_owned();
                notes.ignored.push(Ignored { name: group, reason });
            }
            continue;
        }
        let target_commits = match rule.asks(Origin::GroupCommits) {
            true => context.target.committed(&group, &targets)?,
            false => vec![None; targets.len()],
        };
        let mut positions = Vec::new();
        for (index, (pair, committed)) in pairs.iter().zip(&commits).enumerate() {
            let Some(committed) = *committed else { continue };
            let (source_bounds, target_bounds) = pairs::bounds(pair);
            let key = CheckpointKey {
                group: group.clone(),
                topic: pair.target.topic.clone(),
                partition: pair.target.partition,
            };
            let mut known = Known {
                target: &pair.target,
                committed,
                source: source_bounds,
                target_bounds,
                target_commit: target_commits[index],
                checkpoint: checkpoints.by_key.get(&key),
                has_offset_sync: None,
                csv: csv.get(&(group.clone(), pair.target.clone())).copied(),
            };
            if known.checkpoint.is_none() && known.target_commit.is_none() && rule.asks(Origin::Checkpoints) {
                if synced.is_none() {
                    synced = Some(read_synced(context)?);
                }
                let key =
                    OffsetSyncKey { topic: pair.source.topic.clone(), partition: pair.source.partition };
                known.has_offset_sync =
                    synced.as_ref().and_then(Option::as_ref).map(|set| set.contains(&key));
            }
            let found = resume(rule, &known);
            positions.push(GroupPosition {
                pair: index,
                committed,
                resume: found.offset,
                origin: found.origin,
                state: found.state,
                detail: found.detail,
            });
        }
        if active.contains(&group) {
            notes.remarks.push(format!(
                "group {group} is consuming on target \"{}\" already: its commits there may move",
                context.target.alias()
            ));
        }
        out.push(GroupPlan { group, positions, units });
    }
    Ok((out, notes))
}

/// Groups listed by the source, named in checkpoints or the CSV file, or written out in the configuration.
fn candidates(
    context: &Context<'_>,
    checkpoints: &Checkpoints,
    csv: &CsvPositions,
    notes: &mut Notes,
) -> Result<BTreeSet<String>, PlanError> {
    let filter = &context.config.groups;
    let mut out: BTreeSet<String> = filter.literal_names().into_iter().collect();
    out.extend(checkpoints.by_key.keys().map(|key| key.group.clone()));
    out.extend(csv.keys().map(|(group, _)| group.clone()));
    match context.source.groups()? {
        Some(listed) => {
            notes.listed = true;
            out.extend(listed.into_iter().map(|group| group.name));
        }
        None => notes.remarks.push(format!(
            "source \"{}\" does not list its groups: only those in checkpoints, in the CSV file or written out in \
             groups.include are known",
            context.source.alias()
        )),
    }
    out.retain(|group| filter.matches(group));
    Ok(out)
}

/// Groups that are at work on the target.
fn list_target(context: &Context<'_>) -> Result<BTreeSet<String>, PlanError> {
    if context.config.range.noise_floor {
        return Ok(BTreeSet::new());
    }
    let listed = context.target.groups()?.unwrap_or_default();
    Ok(listed.into_iter().filter(|group| group.active).map(|group| group.name).collect())
}

fn read_checkpoints(context: &Context<'_>, rule: Rule, notes: &mut Notes) -> Result<Checkpoints, PlanError> {
    if !rule.asks(Origin::Checkpoints) {
        return Ok(Checkpoints::default());
    }
    let names = context.names.checkpoints_topics();
    let mut found = internal::checkpoints(context.target, &context.target_topics, &names)?;
    notes.remarks.append(&mut found.remarks);
    Ok(found)
}

fn read_synced(context: &Context<'_>) -> Result<Option<BTreeSet<OffsetSyncKey>>, PlanError> {
    let names = context.names.offset_syncs_topics();
    match context.config.replication.offset_syncs_location {
        Side::Source => internal::synced_partitions(context.source, &context.source_topics, &names),
        Side::Target => internal::synced_partitions(context.target, &context.target_topics, &names),
    }
}

/// Refuses positions that are not in the target's logs; says which rows nothing reads.
fn check_csv(
    context: &Context<'_>,
    csv: &CsvPositions,
    pairs: &[PairPlan],
    units: &[UnitPlan],
    notes: &mut Notes,
) -> Result<(), PlanError> {
    let file =
        context.config.positions.csv_file.as_ref().map(|f| f.display().to_string()).unwrap_or_default();
    let mut unread = 0;
    for ((group, partition), offset) in csv {
        let of_pairs = pairs.iter().map(|pair| (&pair.target, pair.target_log_start, pair.target_end));
        let of_units = units.iter().flat_map(|unit| &unit.targets);
        let mut targets = of_pairs.chain(of_units.map(|lane| (&lane.partition, lane.log_start, lane.end)));
        let sources = pairs.iter().map(|pair| (&pair.source, pair.target.topic.as_str()));
        let unit_sources = units
            .iter()
            .flat_map(|unit| unit.sources.iter().map(|lane| (&lane.partition, unit.target_topic())));
        if let Some((_, start, end)) = targets.find(|(target, ..)| *target == partition) {
            if *offset < start || *offset > end {
                return Err(PlanError::OffsetOutOfRange {
                    file,
                    alias: context.target.alias().to_owned(),
                    group: group.clone(),
                    topic: partition.topic.clone(),
                    partition: partition.partition,
                    asked: *offset,
                    start,
                    end,
                });
            }
        } else if let Some((_, target_topic)) =
            sources.chain(unit_sources).find(|(source, _)| *source == partition)
        {
            let reason = format!(
                "group {group} has a row for {partition}, which is the source's name; the offsets are positions on \
                 the target: write {target_topic}"
            );
            return Err(PlanError::Csv { file, reason });
        } else {
            unread += 1;
        }
    }
    if unread > 0 {
        notes.remarks.push(format!("{file}: {unread} rows are for partitions that the plan does not have"));
    }
    Ok(())
}

/// A position before the range is not judged by it.
pub(super) fn outside_range(mut groups: Vec<GroupPlan>, pairs: &[PairPlan]) -> Vec<GroupPlan> {
    for position in groups.iter_mut().flat_map(|group| &mut group.positions) {
        let start = pairs[position.pair].source_start;
        if position.state == PositionState::Judged && position.committed < start {
            position.state = PositionState::NotLocated;
            position.detail = format!(
                "{}; the range starts at {start}, after the commit at {}: start it at positions to judge the group",
                position.detail, position.committed
            );
        }
    }
    groups
}

/// Why there is no group to prove anything for.
pub(super) fn no_group(context: &Context<'_>, listed: bool) -> PlanError {
    let hint = if listed { "" } else { "; this cluster does not list its groups, so patterns find none" };
    PlanError::NoGroup {
        alias: context.source.alias().to_owned(),
        patterns: context.config.groups.include_patterns().collect::<Vec<_>>().join(", "),
        hint: hint.to_owned(),
    }
}
