//! All that is read about groups before anything is said about them: where they stand, checkpoints, offset-syncs,
//! the CSV file. Decides no position.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::Origin;
use super::super::mm2::CheckpointKey;
use super::csv_file::{self, CsvPositions};
use super::groups::{Context, Notes};
use super::internal::{self, Checkpoints, Expected, OffsetSyncs};
use super::lookups::LookUps;
use super::origins::Rule;
use super::resume::{Known, Syncs};
use super::standings::{Standing, standings};
use super::types::{PairPlan, UnitPlan};
use super::{PlanError, pairs};
use crate::record::{Isolation, Side, TopicPartition};

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
        let standings = standings(context, rule, (pairs, units), (&checkpoints, &csv), notes)?;
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
            active: standing.is_active(),
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

    /// The same for units: the ends of a side where a group has committed behind one of them.
    pub fn refresh_units(&self, context: &Context<'_>, units: &mut [UnitPlan]) -> Result<(), PlanError> {
        for (at, unit) in units.iter_mut().enumerate() {
            let UnitPlan { sources, targets, contract } = unit;
            let behind = |side: Side, ends: Vec<i64>| {
                let mut commits = self.standings.iter().map(|standing| &standing.on_units[at][side as usize]);
                commits.any(|commits| commits.iter().zip(&ends).any(|(commit, end)| *commit > Some(*end)))
            };
            if behind(Side::Source, sources.iter().map(|lane| lane.end).collect()) {
                let partitions: Vec<_> = sources.iter().map(|lane| lane.partition.clone()).collect();
                let bounds = context.source.bounds(&partitions, contract.isolation)?;
                sources.iter_mut().zip(bounds).for_each(|(lane, now)| lane.end = lane.end.max(now.end));
            }
            if behind(Side::Target, targets.iter().map(|lane| lane.end).collect()) {
                let partitions: Vec<_> = targets.iter().map(|lane| lane.partition.clone()).collect();
                let bounds = context.target.bounds(&partitions, contract.isolation)?;
                targets.iter_mut().zip(bounds).for_each(|(lane, now)| lane.end = lane.end.max(now.end));
            }
        }
        Ok(())
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
