//! How far back the source's logs still reach. Retention goes on while a run reads: what the plan knew may be gone.

use std::collections::BTreeMap;

use crate::kafka::Cluster;
use crate::positions::PairPlan;
use crate::record::{Isolation, TopicPartition};

/// The log starts of some source partitions at one time.
#[derive(Default)]
pub(super) struct Retained(BTreeMap<TopicPartition, i64>);

impl Retained {
    /// Asks once for all `pairs`. Where there is no answer, what the plan knows stands.
    pub fn of<'p>(source: &Cluster, pairs: impl Iterator<Item = &'p PairPlan>) -> Self {
        let partitions: Vec<TopicPartition> = pairs.map(|pair| pair.source.clone()).collect();
        if partitions.is_empty() {
            return Self::default();
        }
        match source.log_bounds(&partitions, Isolation::ReadUncommitted) {
            Ok(bounds) => {
                let starts = bounds.into_iter().map(|(partition, bounds)| (partition, bounds.log_start));
                Self(starts.collect())
            }
            Err(error) => {
                tracing::warn!(%error, "how far back the source's logs reach now is not known");
                Self::default()
            }
        }
    }

    /// From which source offset on a pair's records before its scope can be read; at most where the scope starts.
    pub fn history_start(&self, pair: &PairPlan) -> i64 {
        let present = self.0.get(&pair.source).copied().unwrap_or(pair.source_log_start);
        pair.source_log_start.max(present).min(pair.source_start)
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
        let now = |log_start| Retained([(source.clone(), log_start)].into()).history_start(&pair);
        assert_eq!([now(10), now(30), now(50), now(70)], [10, 30, 50, 50]);
        // A log start moves forward only; without an answer the plan's stands.
        assert_eq!((now(5), Retained::default().history_start(&pair)), (10, 10));
    }
}
