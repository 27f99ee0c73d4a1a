//! Gives the rules of the compacted contract what they need from the clusters: the topics' cleaning settings, and how far
//! the logs reach now. Judges nothing.

use std::collections::{BTreeMap, BTreeSet};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use cutproof_reports::Barrier;

use crate::align::LogError;
use crate::classify::{Classified, Cleaning, LogStarts, judge_compacted};
use crate::kafka::{Cluster, KafkaError, TopicConfig};
use crate::positions::{PairPlan, Plan, UnitPlan};
use crate::record::{Contract, Isolation, LogKind, Side, TimestampRule, TopicPartition};

use super::again::PairLog;
use super::item::rules;

/// The settings of all topics under a compacted contract, by side and topic.
pub(super) struct TopicCleaning {
    configs: [BTreeMap<String, TopicConfig>; 2],
    /// Why those of a side are not known.
    unknown: Vec<String>,
    barrier_ms: i64,
}

impl TopicCleaning {
    /// Asks both clusters; without such a topic it asks nothing. The plan has remarked what cannot be read. A side that
    /// gives no answer is unknown.
    pub fn read(plan: &Plan, clusters: [&Cluster; 2], barrier: &Barrier) -> Result<Self, KafkaError> {
        let barrier = OffsetDateTime::parse(&barrier.target_ends_at, &Rfc3339);
        // Without a barrier nothing was read, and nothing is old.
        let barrier_ms = barrier.map_or(0, |at| (at.unix_timestamp_nanos() / 1_000_000) as i64);
        let mut configs = [BTreeMap::new(), BTreeMap::new()];
        let mut unknown = Vec::new();
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
            match clusters[side as usize].topic_configs(&topics) {
                Ok(found) => configs[side as usize] = found.unwrap_or_default(),
                Err(error) if error.may_concern_few() => unknown.push(format!(
                    "how topics are cleaned on the {side} is not known, so that tombstones that are gone cannot be \
                     told from lost ones: {error}"
                )),
                Err(error) => return Err(error),
            }
        }
        Ok(Self { configs, unknown, barrier_ms })
    }

    /// Of a pair or unit with this contract: which settings are not known, and why.
    pub fn remarks(&self, contract: &Contract) -> Vec<String> {
        match contract.log {
            LogKind::Compacted => self.unknown.clone(),
            LogKind::Retained => Vec::new(),
        }
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
    pair: &PairPlan,
    cleaning: &TopicCleaning,
    log: &mut PairLog<'_, '_>,
    clusters: [&Cluster; 2],
) -> Result<Classified, LogError> {
    let planned = [pair.source_log_start, pair.target_log_start];
    let mut now = planned;
    for side in Side::BOTH {
        let n = side as usize;
        let partition = std::slice::from_ref(pair.partition(side));
        let read_to = std::slice::from_mut(&mut log.read_to[n]);
        for start in reach_to_the_ends(clusters[n], partition, pair.contract.isolation, read_to)? {
            now[n] = now[n].max(start);
        }
    }
    let cleaning = cleaning.of_pair(pair);
    judge_compacted(&mut judgement, &rules(&pair.contract), &cleaning, LogStarts { planned, now }, log)?;
    Ok(judgement)
}

/// Moves `read_to`, by partition, on to where the logs end now. Returns where they begin.
pub(super) fn reach_to_the_ends(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    isolation: Isolation,
    read_to: &mut [i64],
) -> Result<Vec<i64>, LogError> {
    let bounds = cluster.log_bounds(partitions, isolation).map_err(|error| LogError(error.to_string()))?;
    let reach = |(partition, read_to): (&TopicPartition, &mut i64)| {
        let bounds = bounds.get(partition);
        *read_to = bounds.map_or(*read_to, |bounds| bounds.end.max(*read_to));
        bounds.map_or(0, |bounds| bounds.log_start)
    };
    Ok(partitions.iter().zip(read_to).map(reach).collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cutproof_testcontainers::EmbeddedCluster;

    use super::*;
    use crate::kafka::ClusterSettings;

    #[test]
    fn settings_that_no_broker_tells_any_more_are_unknown_and_no_end_of_the_run() {
        let brokers = [(), ()].map(|()| EmbeddedCluster::start(1).expect("embedded brokers"));
        let [source, target] = Side::BOTH.map(|side| {
            let servers = brokers[side as usize].bootstrap_servers();
            let settings = ClusterSettings::new(side, "one", servers, BTreeMap::new());
            Cluster::connect(ClusterSettings { request_timeout: Duration::from_secs(2), ..settings })
                .expect("connected")
        });
        brokers[1].mock().broker_down(1).expect("down");
        let contract = Contract { log: LogKind::Compacted, ..Contract::default() };
        let [from, to] = ["orders", "src.orders"].map(|topic| TopicPartition::new(topic, 0));
        let pairs = vec![PairPlan::unbounded(from, to, contract.clone())];
        let plan = Plan {
            source_cluster_id: String::new(),
            target_cluster_id: String::new(),
            pairs,
            units: Vec::new(),
            groups: Vec::new(),
            ignored: Vec::new(),
            remarks: Vec::new(),
            members_unknown: 0,
            records_read_to_locate: 0,
        };
        let cleaning = TopicCleaning::read(&plan, [&source, &target], &Barrier::default()).expect("no error");
        let remarks = cleaning.remarks(&contract);
        assert!(remarks.len() == 1 && remarks[0].contains("on the target is not known"), "{remarks:?}");
        assert_eq!(cleaning.remarks(&Contract::default()), Vec::<String>::new());
        assert_eq!(cleaning.of_pair(&plan.pairs[0]).delete_retention_ms, [None, None]);
    }
}
