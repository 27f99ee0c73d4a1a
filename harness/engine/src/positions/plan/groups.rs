//! Which groups count, where they stand on the source, and where they would resume.

use std::collections::{BTreeMap, BTreeSet};

use super::super::PositionState;
use super::super::names::TopicNames;
use super::PlanError;
use super::csv_file::CsvPositions;
use super::evidence::Evidence;
use super::lookups::{self, LookUps};
use super::origins::Rule;
use super::resume::{Resume, resume};
use super::types::{GroupPlan, GroupPosition, PairPlan, UnitPlan};
use super::view::ClusterView;
use super::{units, words};
use crate::config::{OriginChoice, ProofConfig, ReplicationKind};
use crate::positions::Origin;
use crate::record::TopicPartition;

/// Positions with a commit on the target that are looked up by the header as well, at most.
const COMPARED_MAX: usize = 1_000;

/// What the search for groups works with.
pub(super) struct Context<'a> {
    pub config: &'a ProofConfig,
    pub names: TopicNames<'a>,
    pub source: &'a dyn ClusterView,
    pub target: &'a dyn ClusterView,
    pub source_topics: BTreeMap<String, i32>,
    pub target_topics: BTreeMap<String, i32>,
    /// Milliseconds since the epoch.
    pub now_ms: i64,
}

/// What a person should know besides the groups.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub remarks: Vec<String>,
    /// Whether the source could list its groups.
    pub listed: bool,
    /// Groups of which the target does not tell whether somebody consumes with them there.
    pub members_unknown: usize,
    /// Records that were read for positions, each counted once.
    pub records_read: u64,
    /// Positions by the origin that is judged.
    judged: BTreeMap<&'static str, usize>,
    /// Checkpoints that no prefix of the offset-syncs gives, and all that were held against them.
    unexplained: [usize; 2],
}

impl Notes {
    fn count(&mut self, rule: Rule, origin: Origin, explained: Option<bool>) {
        if rule.choice == OriginChoice::Auto && !rule.noise_floor {
            *self.judged.entry(origin.as_str()).or_default() += 1;
        }
        if let Some(explained) = explained {
            self.unexplained[0] += usize::from(!explained);
            self.unexplained[1] += 1;
        }
    }

    /// Says what is worth knowing of all positions together: that auto fell back, that checkpoints are not explained.
    fn conclude(&mut self, rule: Rule) {
        let origins = rule.judged();
        let fallback = origins.get(1).map(|origin| origin.as_str());
        // That MirrorMaker 2 does not sync commits is its default; its checkpoints are no second choice then.
        let all = self.judged.values().sum();
        let by_default = rule.kind == ReplicationKind::Mirrormaker2
            && fallback.and_then(|origin| self.judged.get(origin)) == Some(&all);
        if let Some(fallen) = fallback.and_then(|origin| self.judged.get(origin)).filter(|_| !by_default) {
            let names: Vec<&str> = origins.iter().map(|origin| origin.as_str()).collect();
            self.remarks.push(format!(
                "positions.origin auto with replication.kind {} takes {}: {fallen} of {all} positions fell back to {}",
                rule.kind.as_str(),
                names.join(", else "),
                names[1]
            ));
        }
        let [unexplained, held] = self.unexplained;
        if unexplained > 0 {
            self.remarks.push(format!(
                "{unexplained} of {held} checkpoints are given by no prefix of the offset-syncs that are left; their \
                 rows have both values; compaction of the offset-syncs removes such evidence, so this alone is no fault"
            ));
        }
    }
}

/// The groups with a commit on a planned partition and those that the configuration names, by name. Moves the ends of
/// pairs and units forward where a position read after them lies behind them: a log grows while it is asked for.
pub(super) fn groups(
    context: &Context<'_>,
    pairs: &mut [PairPlan],
    units: &mut [UnitPlan],
) -> Result<(Vec<GroupPlan>, Notes), PlanError> {
    let config = context.config;
    let rule = Rule {
        choice: config.positions.origin,
        kind: config.replication.kind,
        has_csv: config.positions.csv_file.is_some(),
        noise_floor: config.range.noise_floor,
    };
    let mut notes = Notes::default();
    let evidence = Evidence::read(context, rule, (pairs, units), &mut notes)?;
    let ends = evidence.refresh_ends(context, pairs)?;
    evidence.refresh_units(context, units)?;
    let units = &*units;
    check_csv(context, &evidence.csv, (pairs, units), &mut notes)?;
    let looked_up = look_up(context, rule, pairs, &evidence, &mut notes)?;
    let on_units = units::positions(context, rule, &evidence, units)?;
    let for_units = on_units.iter().flatten().map(|position| position.records_read_to_locate);
    notes.records_read = looked_up.values().map(|(_, read)| *read).chain(for_units).sum();
    let mut on_units = on_units.into_iter();

    let mut out = Vec::new();
    for standing in &evidence.standings {
        let mut positions = Vec::new();
        let commits = standing.committed.iter().zip(&standing.on_target);
        for (index, (committed, on_target)) in commits.enumerate() {
            let pair = &pairs[index];
            let Some(committed) = *committed else {
                let alone = on_target.map(|offset| on_target_only(index, pair, offset, standing.is_active()));
                positions.extend(alone);
                continue;
            };
            let mut known = evidence.known(pair, standing, index, committed, &looked_up);
            known.ends = ends[index];
            known.now_ms = context.now_ms;
            let Resume { offset, origin, also, state, detail } = resume(rule, &known);
            positions.push(GroupPosition {
                pair: index,
                committed: Some(committed),
                resume: offset,
                origin,
                also,
                state,
                detail,
                records_read_to_locate: looked_up.get(&(index, committed)).map_or(0, |(_, read)| *read),
            });
            notes.count(rule, origin, known.is_explained());
        }
        if standing.is_active() {
            notes.remarks.push(format!(
                "group {} is consuming on target \"{}\" already: its commits there may move",
                standing.group,
                context.target.alias()
            ));
        }
        let units = on_units.next().unwrap_or_default();
        out.push(GroupPlan { group: standing.group.clone(), positions, units });
    }
    notes.conclude(rule);
    Ok((out, notes))
}

/// A commit on the target without one on the source: the group would resume there, from where nobody knows.
fn on_target_only(index: usize, pair: &PairPlan, offset: i64, active: bool) -> GroupPosition {
    GroupPosition {
        pair: index,
        committed: None,
        resume: Some(offset),
        origin: Origin::GroupCommits,
        also: Vec::new(),
        state: PositionState::NoSourceCommit,
        detail: words::uncommitted(&pair.source.to_string(), Some(offset), active),
        records_read_to_locate: 0,
    }
}

/// Reads records around the commits, for the origins that need them.
fn look_up(
    context: &Context<'_>,
    rule: Rule,
    pairs: &[PairPlan],
    evidence: &Evidence,
    notes: &mut Notes,
) -> Result<LookUps, PlanError> {
    let Some(origin) = [Origin::Header, Origin::Timestamp].into_iter().find(|origin| rule.reads(*origin))
    else {
        return Ok(LookUps::new());
    };
    // Where a commit on the target is judged, the header is only compared with it: for so many, and no more.
    let (mut wanted, mut compared) = (BTreeSet::new(), BTreeSet::new());
    for standing in &evidence.standings {
        for (index, committed) in standing.committed.iter().enumerate() {
            let Some(committed) = *committed else { continue };
            let is_judged = rule.judges(Origin::GroupCommits) && standing.on_target[index].is_some();
            let into = if is_judged { &mut compared } else { &mut wanted };
            into.insert((index, committed));
        }
    }
    let further: Vec<_> = compared.difference(&wanted).copied().collect();
    if further.len() > COMPARED_MAX {
        notes.remarks.push(format!(
            "{COMPARED_MAX} of {} commits on the target are compared with the header of their records",
            further.len()
        ));
    }
    wanted.extend(further.into_iter().take(COMPARED_MAX));
    lookups::look_up(origin, (context.source, context.target), pairs, &wanted)
}

/// Refuses positions that are not in the target's logs; says which rows nothing reads.
fn check_csv(
    context: &Context<'_>,
    csv: &CsvPositions,
    (pairs, units): (&[PairPlan], &[UnitPlan]),
    notes: &mut Notes,
) -> Result<(), PlanError> {
    let file =
        context.config.positions.csv_file.as_ref().map(|f| f.display().to_string()).unwrap_or_default();
    let mut unread = 0;
    let of_pairs = pairs.iter().map(|pair| (&pair.target, (pair.target_log_start, pair.target_end)));
    let of_units = units.iter().flat_map(|unit| &unit.targets);
    let of_units = of_units.map(|lane| (&lane.partition, (lane.log_start, lane.end)));
    let bounds: BTreeMap<&TopicPartition, (i64, i64)> = of_pairs.chain(of_units).collect();
    let of_pairs = pairs.iter().map(|pair| (&pair.source, pair.target.topic.as_str()));
    let of_units =
        units.iter().flat_map(|unit| unit.sources.iter().map(|lane| (&lane.partition, unit.target_topic())));
    let by_source: BTreeMap<&TopicPartition, &str> = of_pairs.chain(of_units).collect();
    for ((group, partition), offset) in csv {
        if let Some((start, end)) = bounds.get(partition) {
            if *offset < *start || *offset > *end {
                return Err(PlanError::OffsetOutOfRange {
                    file,
                    alias: context.target.alias().to_owned(),
                    group: group.clone(),
                    topic: partition.topic.clone(),
                    partition: partition.partition,
                    asked: *offset,
                    start: *start,
                    end: *end,
                });
            }
        } else if let Some(target_topic) = by_source.get(partition) {
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
        let before = position.committed.filter(|&committed| committed < start);
        if let Some(committed) = before.filter(|_| position.state.stands()) {
            position.state = PositionState::NotLocated;
            position.detail = format!(
                "{}; the range starts at {start}, after the commit at {committed}: start it at positions to judge the group",
                position.detail
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
