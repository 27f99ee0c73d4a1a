//! Which topics and partitions are paired, and where each pair starts. Knows no origin.

use std::collections::BTreeMap;

use super::super::locate::LogBounds;
use super::super::names::TopicNames;
use super::types::{GroupPlan, Ignored, PairPlan, UnitPlan};
use super::view::ClusterView;
use super::{PlanError, start, units, unmatched};
use crate::config::ProofConfig;
use crate::record::{Isolation, Partitioning, TopicPartition};

/// The pairs, and what was left out or looks odd.
#[derive(Debug, Default)]
pub(super) struct Paired {
    pub pairs: Vec<PairPlan>,
    pub units: Vec<UnitPlan>,
    pub ignored: Vec<Ignored>,
    pub remarks: Vec<String>,
}

type Side<'a> = (&'a dyn ClusterView, &'a BTreeMap<String, i32>);

/// Pairs every partition of every topic that the configuration includes.
pub(super) fn pair(
    config: &ProofConfig,
    names: TopicNames<'_>,
    (source, source_topics): Side<'_>,
    (target, target_topics): Side<'_>,
) -> Result<Paired, PlanError> {
    let mut out = Paired::default();
    let literal = config.topics.literal_names();
    let mut chosen: Vec<(&String, i32, String)> = Vec::new();
    for (topic, partitions) in source_topics.iter().filter(|(topic, _)| config.topics.matches(topic)) {
        match names.internal_reason(topic) {
            Some(reason) if !literal.contains(topic) => {
                out.ignored.push(Ignored { name: topic.clone(), reason: reason.to_owned() });
            }
            _ => {
                let on_target = if config.range.noise_floor { topic.clone() } else { names.to_target(topic) };
                chosen.push((topic, *partitions, on_target));
            }
        }
    }
    if chosen.is_empty() {
        return Err(no_topic(config, source, source_topics.len(), &out.ignored));
    }
    let with_partitions = chosen.iter().map(|(topic, partitions, _)| (*topic, *partitions));
    unmatched::refuse_unshown(config, source.alias(), source_topics, with_partitions)?;
    refuse_absent(target, target_topics, &chosen)?;
    refuse_merged(config, target, &chosen)?;
    out.units = units::units(config, (source, target), target_topics, &chosen)?;
    for (topic, partitions, on_target) in chosen {
        let contract = config.contract_for(topic);
        if contract.partitions == Partitioning::ByKey {
            continue;
        }
        let target_partitions = target_topics[&on_target];
        if target_partitions < partitions {
            return Err(PlanError::FewerPartitions {
                alias: target.alias().to_owned(),
                source_topic: topic.clone(),
                target_topic: on_target,
                source_partitions: partitions,
                target_partitions,
            });
        }
        if target_partitions > partitions {
            out.remarks.push(format!(
                "{on_target} has {target_partitions} partitions on the target, {topic} has {partitions} on the \
                 source: the further ones are not read"
            ));
        }
        for partition in 0..partitions {
            let source = TopicPartition::new(topic, partition);
            let target = TopicPartition::new(&on_target, partition);
            out.pairs.push(PairPlan::unbounded(source, target, contract.clone()));
        }
    }
    for isolation in [Isolation::ReadCommitted, Isolation::ReadUncommitted] {
        set_bounds(source, target, isolation, &mut out.pairs)?;
    }
    Ok(out)
}

fn set_bounds(
    source: &dyn ClusterView,
    target: &dyn ClusterView,
    isolation: Isolation,
    pairs: &mut [PairPlan],
) -> Result<(), PlanError> {
    let mut pairs: Vec<&mut PairPlan> =
        pairs.iter_mut().filter(|p| p.contract.isolation == isolation).collect();
    if pairs.is_empty() {
        return Ok(());
    }
    let on_source: Vec<_> = pairs.iter().map(|p| p.source.clone()).collect();
    let on_target: Vec<_> = pairs.iter().map(|p| p.target.clone()).collect();
    let source_bounds = source.bounds(&on_source, isolation)?;
    let target_bounds = target.bounds(&on_target, isolation)?;
    for ((pair, source), target) in pairs.iter_mut().zip(source_bounds).zip(target_bounds) {
        (pair.source_log_start, pair.source_end) = (source.start, source.end);
        (pair.target_log_start, pair.target_end) = (target.start, target.end);
    }
    Ok(())
}

/// Sets each pair's start, its reason, and the hint for locating it.
pub(super) fn set_starts(
    config: &ProofConfig,
    source: &dyn ClusterView,
    now_ms: i64,
    pairs: &mut [PairPlan],
    groups: &[GroupPlan],
) -> Result<(), PlanError> {
    let since = start::since(config.range.start, now_ms);
    let at_time = match since {
        Some(ms) => {
            let partitions: Vec<_> = pairs.iter().map(|p| p.source.clone()).collect();
            source.offsets_at(&partitions, ms)?
        }
        None => vec![None; pairs.len()],
    };
    for (index, (pair, at_time)) in pairs.iter_mut().zip(at_time).enumerate() {
        let here = || {
            let of_pair = move |g: &'_ GroupPlan| g.positions.iter().find(|p| p.pair == index).cloned();
            groups.iter().filter_map(move |g| of_pair(g).map(|p| (g, p)))
        };
        let commits = here().filter_map(|(group, p)| Some((p.committed?, group.group.as_str())));
        let lowest = commits.min_by_key(|(committed, _)| *committed);
        let log = LogBounds { start: pair.source_log_start, end: pair.source_end };
        (pair.source_start, pair.start_reason) = start::start(config.range.start, log, lowest, at_time);
        let resumes = here().filter(|(_, p)| p.committed == Some(pair.source_start));
        pair.target_hint = resumes.filter_map(|(_, p)| p.resume).min();
    }
    Ok(())
}

/// A pair's bounds as locating names them.
pub(super) fn bounds(pair: &PairPlan) -> (LogBounds, LogBounds) {
    (
        LogBounds { start: pair.source_log_start, end: pair.source_end },
        LogBounds { start: pair.target_log_start, end: pair.target_end },
    )
}

fn no_topic(config: &ProofConfig, source: &dyn ClusterView, seen: usize, ignored: &[Ignored]) -> PlanError {
    let hint = match ignored.first() {
        Some(first) => format!("; left out: {} ({}), name it literally to take it", first.name, first.reason),
        None => "; see that the patterns match whole names and that this client may describe the topics"
            .to_owned(),
    };
    PlanError::NoTopic {
        alias: source.alias().to_owned(),
        patterns: config.topics.include_patterns().collect::<Vec<_>>().join(", "),
        seen,
        hint,
    }
}

fn refuse_absent(
    target: &dyn ClusterView,
    target_topics: &BTreeMap<String, i32>,
    chosen: &[(&String, i32, String)],
) -> Result<(), PlanError> {
    let absent: Vec<_> =
        chosen.iter().filter(|(_, _, on_target)| !target_topics.contains_key(on_target)).collect();
    let Some((first, _, _)) = absent.first() else { return Ok(()) };
    let hint = if target_topics.contains_key(*first) {
        format!("there is one named {first}: if the copy keeps names, set replication.policy to identity")
    } else {
        "see that it is replicated and that this client may describe it, map it in replication.topic_map, or \
         exclude the source topic"
            .to_owned()
    };
    Err(PlanError::TargetTopicAbsent {
        alias: target.alias().to_owned(),
        target_topics: absent.iter().map(|(_, _, on_target)| on_target.clone()).collect(),
        hint,
    })
}

/// Two source topics in one target topic cannot be paired partition by partition.
fn refuse_merged(
    config: &ProofConfig,
    target: &dyn ClusterView,
    chosen: &[(&String, i32, String)],
) -> Result<(), PlanError> {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (topic, _, on_target) in chosen {
        let Some(other) = seen.insert(on_target, topic) else { continue };
        let [one, two] = [other, topic].map(|topic| config.contract_for(topic));
        let (partitioning, same) = (two.partitions, one == two);
        if partitioning == Partitioning::ByKey && same {
            continue;
        }
        return Err(PlanError::Merged {
            topics: [other.to_owned(), (*topic).clone()],
            target_topic: on_target.clone(),
            alias: target.alias().to_owned(),
            hint: match same {
                true => {
                    "no partition holds the records of one source partition only: give them a contract with \
                         `partitions: by_key`"
                }
                false => "their contracts differ: one contract with `partitions: by_key` must hold for both",
            },
        });
    }
    Ok(())
}
