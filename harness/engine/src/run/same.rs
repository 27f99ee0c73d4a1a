//! Whether the logs at the end of the run are the ones it began with: a topic that was deleted and made again, or a log
//! that was cut back, holds other records under the offsets that were read. Reads no record.

use std::collections::BTreeMap;

use crate::kafka::{Cluster, KafkaError};
use crate::positions::{PairPlan, Plan};
use crate::record::{Isolation, Side, TopicPartition};

/// Topic ids by name: source, target; `None` where the brokers have none.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct TopicIds([Option<BTreeMap<String, String>>; 2]);

impl TopicIds {
    /// Of all topics of the plan, as of now.
    pub fn of(plan: &Plan, clusters: [&Cluster; 2]) -> Result<Self, KafkaError> {
        let [source, target] = Side::BOTH.map(|side| {
            let of_units = plan.units.iter().flat_map(|unit| match side {
                Side::Source => unit.sources.iter().map(|lane| lane.partition.topic.as_str()).collect(),
                Side::Target => vec![unit.target_topic()],
            });
            let of_pairs = plan.pairs.iter().map(|pair| pair.partition(side).topic.as_str());
            let mut topics: Vec<&str> = of_pairs.chain(of_units).collect();
            topics.sort_unstable();
            topics.dedup();
            clusters[side as usize].topic_ids(&topics)
        });
        Ok(Self([source?, target?]))
    }
}

/// For each of `pairs` that was read (`read_to`: one past the last offset on the source and the target, `None` on a side that
/// was not read to its end), why what was read
/// of it is no longer what its logs hold; `None` where it is.
pub(super) fn other_logs(
    plan: &Plan,
    pairs: &[PairPlan],
    clusters: [&Cluster; 2],
    at_start: &TopicIds,
    read_to: &[Option<[Option<i64>; 2]>],
) -> Result<Vec<Option<String>>, KafkaError> {
    let now = TopicIds::of(plan, clusters)?;
    let mut changed: Vec<Option<String>> = vec![None; pairs.len()];
    for side in Side::BOTH {
        let [before, now] = [at_start, &now].map(|ids| ids.0[side as usize].as_ref());
        for (at, pair) in pairs.iter().enumerate().filter(|(at, _)| read_to[*at].is_some()) {
            changed[at] = changed[at].take().or_else(|| other_topic(side, pair, before?, now?));
        }
        let read: Vec<(usize, TopicPartition)> = (0..pairs.len())
            .filter(|&at| {
                changed[at].is_none() && read_to[at].is_some_and(|ends| ends[side as usize].is_some())
            })
            .map(|at| (at, pairs[at].partition(side).clone()))
            .collect();
        let partitions: Vec<TopicPartition> = read.iter().map(|(_, partition)| partition.clone()).collect();
        let bounds = match partitions.is_empty() {
            true => BTreeMap::new(),
            false => clusters[side as usize].log_bounds(&partitions, Isolation::ReadUncommitted)?,
        };
        for (at, partition) in read {
            let read_to = read_to[at].and_then(|ends| ends[side as usize]);
            let (Some(bounds), Some(read_to)) = (bounds.get(&partition), read_to) else { continue };
            changed[at] = cut_back(side, &partition, bounds.end, read_to);
        }
    }
    Ok(changed)
}

fn other_topic(
    side: Side,
    pair: &PairPlan,
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> Option<String> {
    let partition = pair.partition(side);
    let before = before.get(&partition.topic)?;
    let what = match now.get(&partition.topic) {
        Some(now) if now == before => return None,
        Some(_) => "was deleted and made again",
        None => "was deleted",
    };
    Some(format!(
        "{partition} of the {side}: topic {} {what} while the run read it; nothing read of the partition is judged: run \
         again",
        partition.topic
    ))
}

fn cut_back(side: Side, partition: &TopicPartition, end: i64, read_to: i64) -> Option<String> {
    (end < read_to).then(|| {
        format!(
            "{partition} of the {side}: offsets up to {} were read, but its log now ends at {end}: it was cut back \
             (offsets {end} to {} are other records or none, as after an unclean leader election); nothing read of the \
             partition is judged: run again",
            read_to - 1,
            read_to - 1
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_ends_before_what_was_read_was_cut_back() {
        let partition = TopicPartition::new("orders", 3);
        assert_eq!(cut_back(Side::Source, &partition, 100, 100), None);
        assert_eq!(cut_back(Side::Source, &partition, 101, 100), None);
        let text = cut_back(Side::Target, &partition, 90, 100).expect("cut back");
        assert!(["orders-3", "target", "90", "99"].iter().all(|word| text.contains(word)), "{text}");
    }
}
