//! All that is read about groups before anything is said about them: commits on both sides, checkpoints, offset-syncs,
//! the CSV file, who is active. Decides no position.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::Origin;
use super::super::mm2::CheckpointKey;
use super::csv_file::{self, CsvPositions};
use super::groups::{Context, Notes};
use super::internal::{self, Checkpoints, Expected, OffsetSyncs};
use super::lookups::LookUps;
use super::origins::Rule;
use super::resume::{Known, Syncs};
use super::types::{Ignored, PairPlan, UnitPlan};
use super::view::ListedGroup;
use super::{PlanError, pairs};
use crate::record::{Isolation, Side, TopicPartition};

/// A group with a commit on the source.
#[derive(Debug)]
pub(super) struct Standing {
    pub group: String,
    /// On the source, by pair.
    pub committed: Vec<Option<i64>>,
    /// On the target, by pair.
    pub on_target: Vec<Option<i64>>,
    /// On source and target, by unit and there by lane.
    pub on_units: Vec<[Vec<Option<i64>>; 2]>,
    /// Somebody consumes with it on the target.
    pub active: bool,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Evidence {
    /// By group id.
    pub standings: Vec<Standing>,
    pub csv: CsvPositions,
    checkpoints: Checkpoints,
    /// `None` where they were not asked for; inside, `None` where the topic is not there.
    syncs: Option<Option<OffsetSyncs>>,
}

impl Evidence {
    /// Asks both clusters. Checkpoints are read before the syncs and the commits that they follow from.
    pub fn read(
        context: &Context<'_>,
        rule: Rule,
        (pairs, units): (&[PairPlan], &[UnitPlan]),
        notes: &mut Notes,
    ) -> Result<Self, PlanError> {
        let csv = match context.config.positions.csv_file.as_deref().filter(|_| rule.reads(Origin::Csv)) {
            Some(file) => csv_file::read(file, single_group(context).as_deref())?,
            None => CsvPositions::new(),
        };
        let checkpoints = match rule.reads(Origin::Checkpoints) {
            true => {
                let names = context.names.checkpoints_topics();
                let mut found = internal::checkpoints(context.target, &context.target_topics, &names)?;
                notes.remarks.append(&mut found.remarks);
                found
            }
            false => Checkpoints::default(),
        };
        let syncs = match rule.reads(Origin::Checkpoints) || rule.reads(Origin::OffsetSyncs) {
            true => Some(read_syncs(context, pairs, &checkpoints, notes)?),
            false => None,
        };
        let names = candidates(context, &checkpoints, &csv, notes)?;
        let standings = standings(context, rule, (pairs, units), names, notes)?;
        Ok(Self { standings, csv, checkpoints, syncs })
    }

    /// All that is known of a group on a pair.
    pub fn known<'a>(
        &'a self,
        pair: &'a PairPlan,
        standing: &'a Standing,
        index: usize,
        committed: i64,
        looked_up: &'a LookUps,
    ) -> Known<'a> {
        let (source_bounds, target_bounds) = pairs::bounds(pair);
        let key = CheckpointKey {
            group: standing.group.clone(),
            topic: pair.target.topic.clone(),
            partition: pair.target.partition,
        };
        let csv = match self.csv.is_empty() {
            true => None,
            false => self.csv.get(&(key.group.clone(), pair.target.clone())).copied(),
        };
        Known {
            group: &standing.group,
            source: &pair.source,
            target: &pair.target,
            committed,
            source_bounds,
            target_bounds,
            ends: None,
            target_commit: standing.on_target[index],
            active: standing.active,
            checkpoint: self.checkpoints.by_key.get(&key),
            syncs: self.syncs_of(&pair.source),
            csv,
            looked_up: looked_up.get(&(index, committed)).map(|(found, _)| found),
            now_ms: 0,
        }
    }

    fn syncs_of(&self, source: &TopicPartition) -> Syncs<'_> {
        match &self.syncs {
            None => Syncs::NotRead,
            Some(None) => Syncs::NoTopic,
            Some(Some(syncs)) => syncs.by_partition.get(source).map_or(Syncs::None, Syncs::Some),
        }
    }

    /// Asks again for the ends of the pairs where something that was read since lies at or behind them. Moves the pairs'
    /// ends forward, and gives the high watermarks of source and target for those pairs.
    pub fn refresh_ends(
        &self,
        context: &Context<'_>,
        pairs: &mut [PairPlan],
    ) -> Result<Vec<Option<[i64; 2]>>, PlanError> {
        let mut out = vec![None; pairs.len()];
        let doubtful: BTreeSet<usize> =
            (0..pairs.len()).filter(|at| self.is_doubtful(&pairs[*at], *at)).collect();
        if doubtful.is_empty() {
            return Ok(out);
        }
        let high = self.ends(context, pairs, doubtful.iter().copied(), Isolation::ReadUncommitted)?;
        let committed =
            doubtful.iter().copied().filter(|at| pairs[*at].contract.isolation == Isolation::ReadCommitted);
        let stable = self.ends(context, pairs, committed, Isolation::ReadCommitted)?;
        for (at, ends) in high {
            out[at] = Some(ends);
            let [source_end, target_end] = stable.get(&at).copied().unwrap_or(ends);
            let pair = &mut pairs[at];
            pair.source_end = pair.source_end.max(source_end);
            pair.target_end = pair.target_end.max(target_end);
        }
        Ok(out)
    }

    fn is_doubtful(&self, pair: &PairPlan, at: usize) -> bool {
        let positions = self.standings.iter().any(|standing| {
            let Some(committed) = standing.committed[at] else { return false };
            let key = CheckpointKey {
                group: standing.group.clone(),
                topic: pair.target.topic.clone(),
                partition: pair.target.partition,
            };
            let checkpoint = self.checkpoints.by_key.get(&key).map(|seen| seen.checkpoint.downstream_offset);
            committed > pair.source_end
                || standing.on_target[at].max(checkpoint).is_some_and(|offset| offset > pair.target_end)
        });
        let synced = match self.syncs_of(&pair.source) {
            Syncs::Some(syncs) => {
                syncs.newest.upstream >= pair.source_end || syncs.newest.downstream >= pair.target_end
            }
            Syncs::NotRead | Syncs::NoTopic | Syncs::None => false,
        };
        positions || synced
    }

    fn ends(
        &self,
        context: &Context<'_>,
        pairs: &[PairPlan],
        which: impl Iterator<Item = usize>,
        isolation: Isolation,
    ) -> Result<BTreeMap<usize, [i64; 2]>, PlanError> {
        let which: Vec<usize> = which.collect();
        if which.is_empty() {
            return Ok(BTreeMap::new());
        }
        let of = |side| which.iter().map(|at| pairs[*at].partition(side).clone()).collect::<Vec<_>>();
        let source = context.source.bounds(&of(Side::Source), isolation)?;
        let target = context.target.bounds(&of(Side::Target), isolation)?;
        Ok(which
            .into_iter()
            .zip(source.iter().zip(&target))
            .map(|(at, (s, t))| (at, [s.end, t.end]))
            .collect())
    }
}

/// The only group that the configuration names, if it names no other: what an export of a single group is about.
fn single_group(context: &Context<'_>) -> Option<String> {
    let filter = &context.config.groups;
    let is_one = filter.include_patterns().count() == 1;
    filter.literal_names().into_iter().next().filter(|_| is_one)
}

fn read_syncs(
    context: &Context<'_>,
    pairs: &[PairPlan],
    checkpoints: &Checkpoints,
    notes: &mut Notes,
) -> Result<Option<OffsetSyncs>, PlanError> {
    let mut expected: Expected = pairs.iter().map(|pair| (pair.source.clone(), HashMap::new())).collect();
    let sources: HashMap<TopicPartition, &TopicPartition> =
        pairs.iter().map(|pair| (pair.target.clone(), &pair.source)).collect();
    for (key, seen) in &checkpoints.by_key {
        let target = TopicPartition { topic: key.topic.clone(), partition: key.partition };
        let Some(wanted) = sources.get(&target).and_then(|source| expected.get_mut(*source)) else {
            continue;
        };
        let commits: &mut Vec<i64> = wanted.entry(seen.checkpoint.downstream_offset).or_default();
        commits.push(seen.checkpoint.upstream_offset);
    }
    let names = context.names.offset_syncs_topics();
    let (cluster, topics) = match context.config.replication.offset_syncs_location {
        Side::Source => (context.source, &context.source_topics),
        Side::Target => (context.target, &context.target_topics),
    };
    let mut found = internal::offset_syncs(cluster, topics, &names, &expected)?;
    if let Some(found) = &mut found {
        notes.remarks.append(&mut found.remarks);
    }
    Ok(found)
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

/// Where the groups stand on both sides. Those without a commit on a planned partition are left out.
fn standings(
    context: &Context<'_>,
    rule: Rule,
    (pairs, units): (&[PairPlan], &[UnitPlan]),
    names: BTreeSet<String>,
    notes: &mut Notes,
) -> Result<Vec<Standing>, PlanError> {
    // Those of the pairs, then those of the units, so that each group is asked about once.
    let of = |side| {
        let of_units = units.iter().flat_map(|unit| unit.partitions(side));
        pairs.iter().map(|pair| pair.partition(side)).chain(of_units).cloned().collect::<Vec<_>>()
    };
    let names: Vec<String> = names.into_iter().collect();
    let committed = context.source.committed(&names, &of(Side::Source))?;
    let literal: BTreeSet<String> = context.config.groups.literal_names().into_iter().collect();
    let mut here: Vec<(String, Vec<Option<i64>>)> = Vec::new();
    for (group, committed) in names.into_iter().zip(committed) {
        if committed.iter().any(Option::is_some) {
            here.push((group, committed));
        } else if literal.contains(&group) {
            let reason = "has no committed offset on a planned topic of the source".to_owned();
            notes.ignored.push(Ignored { name: group, reason });
        }
    }
    let names: Vec<String> = here.iter().map(|(group, _)| group.clone()).collect();
    let on_target = match rule.reads(Origin::GroupCommits) {
        true => context.target.committed(&names, &of(Side::Target))?,
        false => vec![vec![None; of(Side::Target).len()]; names.len()],
    };
    let listed: BTreeMap<String, Option<bool>> = match rule.noise_floor {
        true => BTreeMap::new(),
        false => {
            let listed = context.target.groups()?.unwrap_or_default();
            listed.into_iter().map(|ListedGroup { name, active }| (name, active)).collect()
        }
    };
    let mut out = Vec::new();
    for ((group, committed), on_target) in here.into_iter().zip(on_target) {
        let active = match listed.get(&group) {
            None => false,
            Some(Some(active)) => *active,
            Some(None) => context.target.has_members(&group)?,
        };
        let ((committed, source), (on_target, target)) =
            (split(committed, pairs.len()), split(on_target, pairs.len()));
        let (mut source, mut target) = (source.into_iter(), target.into_iter());
        let on_units = units
            .iter()
            .map(|unit| {
                let [sources, targets] = [unit.sources.len(), unit.targets.len()];
                [source.by_ref().take(sources).collect(), target.by_ref().take(targets).collect()]
            })
            .collect();
        out.push(Standing { group, committed, on_target, on_units, active });
    }
    Ok(out)
}

fn split<T>(mut all: Vec<T>, at: usize) -> (Vec<T>, Vec<T>) {
    let rest = all.split_off(at);
    (all, rest)
}
