//! Gives the rules of the compacted contract what they need from the clusters: the topics' cleaning settings, and how far
//! the logs reach now. Judges nothing.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use cutproof_reports::Barrier;

use crate::align::LogError;
use crate::classify::{Classified, Cleaning, judge_compacted};
use crate::kafka::{Cluster, KafkaError, TopicConfig};
use crate::ledger::{Intake, check_intake};
use crate::positions::{PairPlan, Plan, UnitPlan};
use crate::record::{Contract, Isolation, LogKind, Side, TimestampRule, TopicPartition};

use super::again::PairLog;
use super::item::rules;

/// The settings of all topics under a compacted contract, by side and topic.
pub(super) struct TopicCleaning {
    configs: [BTreeMap<String, TopicConfig>; 2],
    barrier_ms: i64,
}

impl TopicCleaning {
    /// Asks both clusters; without such a topic it asks nothing. The plan has remarked what cannot be read.
    pub fn read(plan: &Plan, clusters: [&Cluster; 2], barrier: &Barrier) -> Result<Self, KafkaError> {
        let barrier = OffsetDateTime::parse(&barrier.target_ends_at, &Rfc3339);
        // Without a barrier nothing was read, and nothing is old.
        let barrier_ms = barrier.map_or(0, |at| (at.unix_timestamp_nanos() / 1_000_000) as i64);
        let mut configs = [BTreeMap::new(), BTreeMap::new()];
        for side in Side::BOTH {
            let compacted = |contract: &Contract| contract.log == LogKind::Compacted;
            let pairs = plan.pairs.iter().filter(|pair| compacted(&pair.contract));
            let units = plan.units.iter().filter(|unit| compacted(&unit.contract));
            let topics: BTreeSet<&str> = pairs
                .map(|pair| pair.partition(side).topic.as_str())
                .chain(units.flat_map(|unit| unit.topics(side)))
                .collect();
            if topics.is_empty() {
                continue;
            }
            let topics: Vec<&str> = topics.into_iter().collect();
            let found = clusters[side as usize].topic_configs(&topics)?.unwrap_or_default();
            configs[side as usize] = found;
        }
        Ok(Self { configs, barrier_ms })
    }

    fn of_pair(&self, pair: &PairPlan) -> Cleaning {
        let topic = |side: Side| self.delete_retention_ms(side, &pair.partition(side).topic);
        self.with(&pair.contract, Side::BOTH.map(topic))
    }

    /// Of several source topics the setting that lets go first: any of them may have held a record.
    pub fn of_unit(&self, unit: &UnitPlan) -> Cleaning {
        let of_side = |side: Side| {
            let settings = unit.topics(side).map(|topic| self.delete_retention_ms(side, topic));
            settings.collect::<Option<Vec<i64>>>()?.into_iter().min()
        };
        self.with(&unit.contract, Side::BOTH.map(of_side))
    }

    fn delete_retention_ms(&self, side: Side, topic: &str) -> Option<i64> {
        self.configs[side as usize].get(topic)?.get("delete.retention.ms")?.parse().ok()
    }

    fn with(&self, contract: &Contract, delete_retention_ms: [Option<i64>; 2]) -> Cleaning {
        Cleaning {
            delete_retention_ms,
            barrier_ms: self.barrier_ms,
            timestamps_kept: contract.timestamps != TimestampRule::Ignore,
        }
    }
}

/// Judges one pair under the compacted contract.
pub(super) fn judge(
    mut judgement: Classified,
    intake: [Intake; 2],
    pair: &PairPlan,
    cleaning: &TopicCleaning,
    log: &mut PairLog<'_, '_>,
    clusters: [&Cluster; 2],
) -> Result<Classified, LogError> {
    check_intake(&judgement, intake).map_err(|_| compacted_meanwhile(&judgement.reading.name))?;
    for side in Side::BOTH {
        let partition = std::slice::from_ref(pair.partition(side));
        let isolation = pair.contract.isolation;
        reach_to_the_ends(
            clusters[side as usize],
            partition,
            isolation,
            std::slice::from_mut(&mut log.read_to[side as usize]),
        )?;
    }
    let log_start = [pair.source_log_start, pair.target_log_start];
    judge_compacted(&mut judgement, &rules(&pair.contract), &cleaning.of_pair(pair), log_start, log)?;
    Ok(judgement)
}

/// What was matched and what was not are not the same records.
pub(super) fn compacted_meanwhile(name: &str) -> LogError {
    LogError(format!(
        "{name}: records were compacted between two readings of the same part of the log, which makes the comparison void; \
         run again"
    ))
}

/// Moves `read_to`, by partition, on to where the logs end now.
pub(super) fn reach_to_the_ends(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    isolation: Isolation,
    read_to: &mut [i64],
) -> Result<(), LogError> {
    let bounds = cluster.log_bounds(partitions, isolation).map_err(|error| LogError(error.to_string()))?;
    for (partition, read_to) in partitions.iter().zip(read_to) {
        if let Some(bounds) = bounds.get(partition) {
            *read_to = bounds.end.max(*read_to);
        }
    }
    Ok(())
}
