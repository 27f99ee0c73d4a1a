//! How far back the logs still reach. Retention goes on while a run reads: what the plan knew may be gone. Decides nothing.

use std::collections::BTreeMap;
use std::slice::from_ref;

use crate::kafka::Cluster;
use crate::positions::PairPlan;
use crate::record::{Isolation, Side, TopicPartition};

/// The log starts of some partitions at one time: source, target.
#[derive(Default)]
pub(super) struct Retained(pub(super) [BTreeMap<TopicPartition, i64>; 2]);

impl Retained {
    /// Asks once for all `partitions` of one side.
    pub fn of(side: Side, cluster: &Cluster, partitions: &[TopicPartition]) -> Self {
        let mut retained = Self::default();
        retained.ask(side, cluster, partitions);
        retained
    }

    /// The present log starts of one pair: source, target.
    pub fn of_pair(clusters: [&Cluster; 2], pair: &PairPlan) -> [i64; 2] {
        let planned = [pair.source_log_start, pair.target_log_start];
        Side::BOTH.map(|side| {
            let partition = pair.partition(side);
            let now = Self::of(side, clusters[side as usize], from_ref(partition));
            now.start(side, partition, planned[side as usize])
        })
    }

    /// Asks for further partitions. Where there is no answer, what is known already stands.
    pub fn ask(&mut self, side: Side, cluster: &Cluster, partitions: &[TopicPartition]) {
        if partitions.is_empty() {
            return;
        }
        match cluster.log_bounds(partitions, Isolation::ReadUncommitted) {
            Ok(bounds) => {
                let starts = bounds.into_iter().map(|(partition, bounds)| (partition, bounds.log_start));
                self.0[side as usize].extend(starts);
            }
            Err(error) => {
                tracing::warn!(%side, %error, "how far back the logs reach now is not known");
            }
        }
    }

    /// The first offset that is left of a partition, where `known` was the first one before: a log start moves forward
    /// only.
    pub fn start(&self, side: Side, partition: &TopicPartition, known: i64) -> i64 {
        self.0[side as usize].get(partition).map_or(known, |&now| known.max(now))
    }

    /// From which source offset on a pair's records before its scope can be read; at most where the scope starts.
    pub fn history_start(&self, pair: &PairPlan) -> i64 {
        self.start(Side::Source, &pair.source, pair.source_log_start).min(pair.source_start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Contract;

    #[test]
    fn the_history_starts_where_the_log_starts_now_and_never_behind_the_start_of_the_scope() {
        let [source, target] = ["orders", "src.orders"].map(|topic| TopicPartition::new(topic, 0));
        let pair = PairPlan {
            source_log_start: 10,
            source_start: 50,
            ..PairPlan::unbounded(source.clone(), target, Contract::default())
        };
        let now = |log_start| {
            Retained([[(source.clone(), log_start)].into(), BTreeMap::new()]).history_start(&pair)
        };
        assert_eq!([now(10), now(30), now(50), now(70)], [10, 30, 50, 50]);
        // A log start moves forward only; without an answer the plan's stands.
        assert_eq!((now(5), Retained::default().history_start(&pair)), (10, 10));
    }

    #[test]
    fn the_two_sides_of_a_name_are_two_partitions() {
        let partition = TopicPartition::new("orders", 0);
        let retained = Retained([BTreeMap::new(), [(partition.clone(), 7)].into()]);
        let starts = Side::BOTH.map(|side| retained.start(side, &partition, 3));
        assert_eq!(starts, [3, 7]);
    }
}
