//! Which groups count, what they have committed on both sides, and who consumes on the target. Decides no position.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Origin;
use super::PlanError;
use super::csv_file::CsvPositions;
use super::groups::{Context, Notes};
use super::internal::Checkpoints;
use super::origins::Rule;
use super::types::{PairPlan, UnitPlan};
use crate::record::Side;

/// A group with a commit on a planned partition of either side, or that the configuration names.
#[derive(Debug)]
pub(super) struct Standing {
    pub group: String,
    /// On the source, by pair.
    pub committed: Vec<Option<i64>>,
    /// On the target, by pair.
    pub on_target: Vec<Option<i64>>,
    /// On source and target, by unit and there by lane.
    pub on_units: Vec<[Vec<Option<i64>>; 2]>,
    /// Whether somebody consumes with it on the target; `None` where the target does not tell.
    pub active: Option<bool>,
}

impl Standing {
    /// Whether somebody is known to consume with it on the target.
    pub fn is_active(&self) -> bool {
        self.active == Some(true)
    }
}

/// The groups that the target lists, and whether somebody consumes with each; `None` where it does not list them.
type OnTarget = Option<BTreeMap<String, Option<bool>>>;

/// One group's commits, by partition.
type Commits = Vec<Option<i64>>;

/// Where the groups stand on both sides. Those without a commit on a planned partition are left out, unless the
/// configuration names them: who names a group relies on the proof of it.
pub(super) fn standings(
    context: &Context<'_>,
    rule: Rule,
    (pairs, units): (&[PairPlan], &[UnitPlan]),
    (checkpoints, csv): (&Checkpoints, &CsvPositions),
    notes: &mut Notes,
) -> Result<Vec<Standing>, PlanError> {
    // Those of the pairs, then those of the units, so that each group is asked about once.
    let of = |side| {
        let of_units = units.iter().flat_map(|unit| unit.partitions(side));
        pairs.iter().map(|pair| pair.partition(side)).chain(of_units).cloned().collect::<Vec<_>>()
    };
    let (source, target) = (of(Side::Source), of(Side::Target));
    let listed = on_target(context, rule)?;
    let names = candidates(context, (checkpoints, csv), &listed, notes)?;
    // Asked before the source, so that what a live group commits in between shows as replay and never as skip. A group
    // that the target does not list has no commit there, unless it lists none.
    let asks = rule.reads(Origin::GroupCommits);
    let is_there = |group: &&String| asks && listed.as_ref().is_none_or(|listed| listed.contains_key(*group));
    let on_both: BTreeSet<String> = names.iter().cloned().chain(included(context, &listed)).collect();
    let asked: Vec<String> = on_both.iter().filter(is_there).cloned().collect();
    let committed = context.target.committed(&asked, &target)?;
    let mut on_target: BTreeMap<String, Commits> = asked.into_iter().zip(committed).collect();
    let committed = context.source.committed(&names, &source)?;
    let mut on_source: BTreeMap<String, Commits> = names.into_iter().zip(committed).collect();
    for group in included(context, &listed) {
        on_source.entry(group).or_insert_with(|| vec![None; source.len()]);
    }
    // Those that the list hides are told by an error.
    let hidden = on_source
        .iter()
        .filter(|(group, committed)| asks && has(committed) && !on_target.contains_key(*group));
    let hidden: Vec<String> = hidden.map(|(group, _)| group.clone()).collect();
    let committed = context.target.committed(&hidden, &target)?;
    on_target.extend(hidden.into_iter().zip(committed));

    let known: Vec<&str> = on_source.keys().map(String::as_str).collect();
    let literal: BTreeSet<String> = context.config.groups.literal_names_beside(&known).into_iter().collect();
    let (mut out, mut tells): (Vec<Standing>, bool) = (Vec::new(), true);
    for (group, committed) in on_source {
        let on_target = on_target.remove(&group).unwrap_or_else(|| vec![None; target.len()]);
        if !has(&committed) && !has(&on_target) && !literal.contains(&group) {
            continue;
        }
        let active = match listed.as_ref().map(|listed| listed.get(&group)) {
            Some(Some(Some(active))) => Some(*active),
            // It is not there.
            Some(None) if !has(&on_target) => Some(false),
            // The list does not say. Brokers that do not tell of one group tell of none.
            _ if tells => context.target.has_members(&group)?,
            _ => None,
        };
        tells &= active.is_some();
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
    let silent = out.iter().filter(|standing| standing.active.is_none()).count();
    if silent > 0 {
        notes.members_unknown = silent;
        notes.remarks.push(format!(
            "target \"{}\" does not tell whether {silent} groups have live members there: see that they are stopped, for a \
             position that moves is not the one that was judged, and a group with members cannot be reset",
            context.target.alias()
        ));
    }
    Ok(out)
}

/// None of them matter where the source is compared with itself.
fn on_target(context: &Context<'_>, rule: Rule) -> Result<OnTarget, PlanError> {
    if rule.noise_floor {
        return Ok(Some(BTreeMap::new()));
    }
    let listed = context.target.groups()?;
    Ok(listed.map(|listed| listed.into_iter().map(|group| (group.name, group.active)).collect()))
}

/// Of the groups that the target lists, those that the configuration includes.
fn included(context: &Context<'_>, listed: &OnTarget) -> Vec<String> {
    let names = listed.iter().flat_map(|listed| listed.keys());
    names.filter(|group| context.config.groups.matches(group)).cloned().collect()
}

/// Groups that may have committed on the source, each once: those that it lists, those that are named in checkpoints or
/// the CSV file, or written out in the configuration; and those that the target lists, where the source lists none.
fn candidates(
    context: &Context<'_>,
    (checkpoints, csv): (&Checkpoints, &CsvPositions),
    on_target: &OnTarget,
    notes: &mut Notes,
) -> Result<Vec<String>, PlanError> {
    let filter = &context.config.groups;
    let mut out: BTreeSet<String> = filter.literal_names().into_iter().collect();
    out.extend(checkpoints.by_key.keys().map(|key| key.group.clone()));
    out.extend(csv.keys().map(|(group, _)| group.clone()));
    match context.source.groups()? {
        Some(listed) => {
            notes.listed = true;
            out.extend(listed.into_iter().map(|group| group.name));
        }
        None => {
            out.extend(included(context, on_target));
            notes.remarks.push(format!(
                "source \"{}\" does not list its groups: only those in checkpoints, in the CSV file, on the target or \
                 written out in groups.include are known",
                context.source.alias()
            ));
        }
    }
    out.retain(|group| filter.matches(group));
    Ok(out.into_iter().collect())
}

fn has(commits: &[Option<i64>]) -> bool {
    commits.iter().any(Option::is_some)
}

fn split<T>(mut all: Vec<T>, at: usize) -> (Vec<T>, Vec<T>) {
    let rest = all.split_off(at);
    (all, rest)
}
