//! Partitions of planned topics that the plan did not pair: added on the source meanwhile, or there on the target only.
//! What they hold was not compared, so the run must say so.

use std::collections::BTreeMap;

use crate::kafka::{Cluster, KafkaError};
use crate::positions::Plan;
use crate::record::{Isolation, Side, TopicPartition};

/// A sentence for each partition that holds records and belongs to no pair.
pub(super) fn uncompared(plan: &Plan, clusters: [&Cluster; 2]) -> Result<Vec<String>, KafkaError> {
    let mut sentences = Vec::new();
    for side in Side::BOTH {
        let cluster = clusters[side as usize];
        let mut paired: BTreeMap<&str, i32> = BTreeMap::new();
        for pair in &plan.pairs {
            let TopicPartition { topic, partition } = pair.partition(side);
            let count = paired.entry(topic).or_default();
            *count = (*count).max(partition + 1);
        }
        for unit in &plan.units {
            let partitions: Vec<&TopicPartition> = match side {
                Side::Source => unit.sources.iter().map(|lane| &lane.partition).collect(),
                Side::Target => unit.targets.iter().map(|lane| &lane.partition).collect(),
            };
            for TopicPartition { topic, partition } in partitions {
                let count = paired.entry(topic).or_default();
                *count = (*count).max(partition + 1);
            }
        }
        let topics = cluster.topics()?;
        let further: Vec<TopicPartition> = paired
            .into_iter()
            .flat_map(|(topic, count)| {
                let now = topics.get(topic).map_or(0, |listing| listing.partitions as i32);
                (count..now).map(move |partition| TopicPartition::new(topic, partition))
            })
            .collect();
        if further.is_empty() {
            continue;
        }
        let bounds = cluster.log_bounds(&further, Isolation::ReadUncommitted)?;
        for (partition, bounds) in bounds.iter().filter(|(_, bounds)| bounds.end > bounds.log_start) {
            sentences.push(match side {
                Side::Source => format!(
                    "{partition} was added on the source after the plan was made; its records up to offset {} were \
                     not compared: run again",
                    bounds.end
                ),
                Side::Target => format!(
                    "{partition} is there on the target only; its records up to offset {} were not compared",
                    bounds.end
                ),
            });
        }
    }
    Ok(sentences)
}
