//! Gives the rules of the compacted contract what they need from the clusters: the topics' cleaning settings, and the
//! logs up to their present ends. Judges nothing.

use std::collections::BTreeMap;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use cutproof_reports::Barrier;

use crate::align::LogError;
use crate::classify::{Classified, Cleaning, judge_compacted};
use crate::kafka::{Cluster, KafkaError, TopicConfig};
use crate::ledger::{Intake, check_intake};
use crate::positions::{PairPlan, Plan};
use crate::record::{LogKind, Side, TimestampRule};

use super::again::PairLog;
use super::drive::rules;

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
            let compacted = plan.pairs.iter().filter(|pair| pair.contract.log == LogKind::Compacted);
            let mut topics: Vec<&str> = compacted.map(|pair| pair.partition(side).topic.as_str()).collect();
            topics.dedup();
            if topics.is_empty() {
                continue;
            }
            let found = clusters[side as usize].topic_configs(&topics)?.unwrap_or_default();
            configs[side as usize] = found;
        }
        Ok(Self { configs, barrier_ms })
    }

    fn of(&self, pair: &PairPlan) -> Cleaning {
        Cleaning {
            delete_retention_ms: Side::BOTH.map(|side| {
                let config = self.configs[side as usize].get(&pair.partition(side).topic)?;
                config.get("delete.retention.ms")?.parse().ok()
            }),
            barrier_ms: self.barrier_ms,
            timestamps_kept: pair.contract.timestamps != TimestampRule::Ignore,
            log_start: [pair.source_log_start, pair.target_log_start],
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
    check_intake(&judgement, intake).map_err(|_| {
        LogError(format!(
            "{}: records were compacted between two readings of the same part of the log, which makes the comparison void; \
             run again",
            judgement.reading.name
        ))
    })?;
    for side in Side::BOTH {
        let partition = pair.partition(side);
        let bounds = clusters[side as usize]
            .log_bounds(std::slice::from_ref(partition), pair.contract.isolation)
            .map_err(|error| LogError(error.to_string()))?;
        if let Some(bounds) = bounds.get(partition) {
            log.read_to[side as usize] = bounds.end.max(log.read_to[side as usize]);
        }
    }
    judge_compacted(&mut judgement, &rules(&pair.contract), &cleaning.of(pair), log)?;
    Ok(judgement)
}
