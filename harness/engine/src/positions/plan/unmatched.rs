//! What the configuration names and what is not there: a slip of the pen must not look like a proof. Asks no cluster.

use std::collections::BTreeMap;

use super::PlanError;
use super::types::GroupPlan;
use crate::config::{NameFilter, ProofConfig};

/// Refuses topics that are written out and that the source does not show, and chosen ones that it shows without
/// partitions. `chosen`: source topics with their partitions.
pub(super) fn refuse_unshown<'a>(
    config: &ProofConfig,
    alias: &str,
    source_topics: &BTreeMap<String, i32>,
    chosen: impl Iterator<Item = (&'a String, i32)>,
) -> Result<(), PlanError> {
    let shown: Vec<&str> = source_topics.keys().map(String::as_str).collect();
    let mut unshown = config.topics.literal_names_beside(&shown);
    unshown.retain(|name| !source_topics.contains_key(name));
    unshown.extend(chosen.filter(|(_, partitions)| *partitions == 0).map(|(topic, _)| topic.clone()));
    match unshown.is_empty() {
        true => Ok(()),
        false => Err(PlanError::TopicNotShown { alias: alias.to_owned(), topics: unshown }),
    }
}

/// A sentence for each pattern and each key of the topic map that applies to nothing. `chosen`: the compared topics.
pub(super) fn remarks(
    config: &ProofConfig,
    source_topics: &BTreeMap<String, i32>,
    chosen: &[&str],
    groups: &[GroupPlan],
) -> Vec<String> {
    let topics = idle(&config.topics, source_topics.keys().map(String::as_str))
        .into_iter()
        .map(|pattern| format!("topics.include `{pattern}` matches no topic that the source shows"));
    let groups =
        idle(&config.groups, groups.iter().map(|group| group.group.as_str())).into_iter().map(|pattern| {
            format!("groups.include `{pattern}` matches no group with a commit on the compared topics")
        });
    let rules = config.contracts.iter().enumerate();
    let rules = rules.filter(|(at, _)| chosen.iter().all(|topic| config.rule_for(topic) != Some(*at)));
    let rules = rules.map(|(at, rule)| {
        let patterns: Vec<&str> = rule.topics.include_patterns().collect();
        format!(
            "contracts[{at}] ({}) applies to no compared topic: none matches, or an earlier rule does",
            patterns.join(", ")
        )
    });
    let mapped = config.replication.topic_map.keys().filter(|topic| !source_topics.contains_key(*topic));
    let mapped =
        mapped.map(|topic| format!("replication.topic_map names {topic}, which the source does not show"));
    topics.chain(groups).chain(rules).chain(mapped).collect()
}

/// The patterns that match none of the names. Names that are written out have rules of their own, and one that matches
/// whatever there is may find nothing.
fn idle<'f, 'n>(filter: &'f NameFilter, names: impl Iterator<Item = &'n str>) -> Vec<&'f str> {
    let names: Vec<&str> = names.collect();
    filter.unmatched(&names).into_iter().filter(|pattern| *pattern != ".*").collect()
}
