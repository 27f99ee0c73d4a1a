//! What the plan asks of a cluster, as a trait, so that the rules are tested without one. Decides nothing.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use super::super::locate::LogBounds;
use super::PlanError;
use crate::kafka::{self, Cluster, GroupState, KafkaError, ReadEnd, ReadLimit, TopicConfig};
use crate::record::{Isolation, OffsetRange, Record, TopicPartition};

/// How long reading one of the replicator's topics may take.
const READ_LIMIT: Duration = Duration::from_secs(300);

/// A consumer group that a cluster lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedGroup {
    pub name: String,
    /// Somebody consumes with it now.
    pub active: bool,
}

/// Questions to one cluster.
pub(super) trait ClusterView {
    fn alias(&self) -> &str;
    fn cluster_id(&self) -> String;
    /// Topic to number of partitions.
    fn topics(&self) -> Result<BTreeMap<String, i32>, KafkaError>;
    /// `None` where the cluster cannot list them.
    fn groups(&self) -> Result<Option<Vec<ListedGroup>>, KafkaError>;
    /// Configurations by topic, of those that can be read; `None` where the brokers do not tell.
    fn topic_configs(&self, topics: &[&str]) -> Result<Option<BTreeMap<String, TopicConfig>>, KafkaError>;
    /// In the order asked.
    fn bounds(
        &self,
        partitions: &[TopicPartition],
        isolation: Isolation,
    ) -> Result<Vec<LogBounds>, KafkaError>;
    /// The first offset at or after the time, in the order asked; `None` where there is none.
    fn offsets_at(
        &self,
        partitions: &[TopicPartition],
        timestamp_ms: i64,
    ) -> Result<Vec<Option<i64>>, KafkaError>;
    /// Committed offsets in the order asked.
    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, KafkaError>;
    /// Every committed record of a partition of the replicator's own topics, in order.
    fn read_all(&self, partition: &TopicPartition, visit: &mut dyn FnMut(&Record)) -> Result<(), PlanError>;
}

impl ClusterView for Cluster {
    fn alias(&self) -> &str {
        self.alias()
    }

    fn cluster_id(&self) -> String {
        self.cluster_id().to_owned()
    }

    fn topics(&self) -> Result<BTreeMap<String, i32>, KafkaError> {
        let count = |partitions: usize| i32::try_from(partitions).unwrap_or(i32::MAX);
        Ok(self.topics()?.into_iter().map(|(name, listing)| (name, count(listing.partitions))).collect())
    }

    fn groups(&self) -> Result<Option<Vec<ListedGroup>>, KafkaError> {
        let Some(listed) = self.groups()? else { return Ok(None) };
        let named = listed.into_iter().map(|listing| ListedGroup {
            active: matches!(listing.state, GroupState::Stable | GroupState::Rebalancing),
            name: listing.group,
        });
        Ok(Some(named.collect()))
    }

    fn topic_configs(&self, topics: &[&str]) -> Result<Option<BTreeMap<String, TopicConfig>>, KafkaError> {
        self.topic_configs(topics)
    }

    fn bounds(
        &self,
        partitions: &[TopicPartition],
        isolation: Isolation,
    ) -> Result<Vec<LogBounds>, KafkaError> {
        let found = self.log_bounds(partitions, isolation)?;
        let of = |partition: &TopicPartition| {
            let bounds = &found[partition];
            LogBounds { start: bounds.log_start, end: bounds.end.max(bounds.log_start) }
        };
        Ok(partitions.iter().map(of).collect())
    }

    fn offsets_at(
        &self,
        partitions: &[TopicPartition],
        timestamp_ms: i64,
    ) -> Result<Vec<Option<i64>>, KafkaError> {
        let wanted: Vec<_> = partitions.iter().map(|partition| (partition.clone(), timestamp_ms)).collect();
        let found = self.offsets_for_times(&wanted)?;
        Ok(partitions.iter().map(|partition| found.get(partition).copied().flatten()).collect())
    }

    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, KafkaError> {
        let found = self.committed(group, Some(partitions))?;
        Ok(partitions
            .iter()
            .map(|partition| found.get(partition).map(|committed| committed.offset))
            .collect())
    }

    fn read_all(&self, partition: &TopicPartition, visit: &mut dyn FnMut(&Record)) -> Result<(), PlanError> {
        let isolation = Isolation::ReadCommitted;
        let bounds = ClusterView::bounds(self, std::slice::from_ref(partition), isolation)?[0];
        let range = OffsetRange { start: bounds.start, end: bounds.end };
        let limit = ReadLimit::within(READ_LIMIT);
        let end = kafka::read_range(self, partition, range, isolation, limit, |record| {
            visit(&record);
            ControlFlow::Continue(())
        })?;
        let reason = match end {
            ReadEnd::ReachedEnd => return Ok(()),
            ReadEnd::Stopped => "the read was stopped".to_owned(),
            ReadEnd::OutOfRange { asked, log_start, .. } => {
                format!("offset {asked} was deleted meanwhile, the log starts at {log_start}; run again")
            }
            ReadEnd::TimedOut { at } => {
                format!("no answer at offset {at} within {} s", READ_LIMIT.as_secs())
            }
        };
        Err(PlanError::Incomplete {
            alias: self.alias().to_owned(),
            topic_partition: partition.to_string(),
            reason,
        })
    }
}
