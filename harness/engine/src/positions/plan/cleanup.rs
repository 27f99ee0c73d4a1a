//! Whether the contracts fit how the topics are cleaned. Remarks only: settings may have been changed a minute ago.

use std::collections::BTreeMap;

use super::PlanError;
use super::types::PairPlan;
use super::view::ClusterView;
use crate::kafka::TopicConfig;
use crate::record::{LogKind, Side};

/// A sentence for each topic whose `cleanup.policy` and contract contradict each other.
pub(super) fn remarks(clusters: [&dyn ClusterView; 2], pairs: &[PairPlan]) -> Result<Vec<String>, PlanError> {
    let first_of_topic = |(at, pair): &(usize, &PairPlan)| {
        at.checked_sub(1).is_none_or(|before| pairs[before].source.topic != pair.source.topic)
    };
    let topics: Vec<&PairPlan> =
        pairs.iter().enumerate().filter(first_of_topic).map(|(_, pair)| pair).collect();
    let mut configs: [BTreeMap<String, TopicConfig>; 2] = Default::default();
    for side in Side::BOTH {
        let names: Vec<&str> = topics.iter().map(|pair| pair.partition(side).topic.as_str()).collect();
        configs[side as usize] = clusters[side as usize].topic_configs(&names)?.unwrap_or_default();
    }
    let mut remarks = Vec::new();
    for pair in topics {
        let compacts = Side::BOTH.map(|side| {
            let config = configs[side as usize].get(&pair.partition(side).topic)?;
            Some(config.get("cleanup.policy")?.split(',').any(|policy| policy.trim() == "compact"))
        });
        let topic = &pair.source.topic;
        match pair.contract.log {
            LogKind::Retained => {
                for side in Side::BOTH.into_iter().filter(|&side| compacts[side as usize] == Some(true)) {
                    remarks.push(format!(
                        "{} is compacted on the {side}, but the contract of {topic} says `log: retained`: what \
                         compaction removes on one side only will be a finding",
                        pair.partition(side).topic
                    ));
                }
            }
            LogKind::Compacted if compacts == [Some(false); 2] => remarks.push(format!(
                "the contract of {topic} says `log: compacted`, but it is compacted on neither side: a dropped record may \
                 be taken for a compacted one"
            )),
            LogKind::Compacted => {
                for side in Side::BOTH.into_iter().filter(|&side| compacts[side as usize].is_none()) {
                    remarks.push(format!(
                        "the configuration of {} on the {side} cannot be read: whether a tombstone was compacted or \
                         dropped cannot be told; grant DescribeConfigs on it",
                        pair.partition(side).topic
                    ));
                }
            }
        }
    }
    Ok(remarks)
}
