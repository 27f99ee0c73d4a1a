//! The plan's questions, asked of a real cluster.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use super::super::locate::LogBounds;
use super::PlanError;
use super::view::{ClusterError, ClusterView, ListedGroup};
use crate::kafka::{Cluster, GroupState, ReadEnd, ReadLimit, read_range};
use crate::record::{Isolation, OffsetRange, Record, TopicPartition};

/// For a whole internal topic.
const READ_WITHIN: Duration = Duration::from_secs(60);

impl ClusterView for Cluster {
    fn alias(&self) -> &str {
        Cluster::alias(self)
    }

    fn cluster_id(&self) -> Result<String, ClusterError> {
        Ok(Cluster::cluster_id(self).to_owned())
    }

    fn topics(&self) -> Result<BTreeMap<String, i32>, ClusterError> {
        let topics = Cluster::topics(self)?;
        Ok(topics.into_iter().map(|(name, topic)| (name, topic.partitions as i32)).collect())
    }

    fn groups(&self) -> Result<Option<Vec<ListedGroup>>, ClusterError> {
        let groups = Cluster::groups(self)?;
        let listed = |group: crate::kafka::GroupListing| ListedGroup {
            // Members are counted where they matter; a listing only tells whether there are any.
            members: usize::from(matches!(group.state, GroupState::Stable | GroupState::Rebalancing)),
            name: group.group,
        };
        Ok(groups.map(|groups| groups.into_iter().map(listed).collect()))
    }

    fn bounds(
        &self,
        partitions: &[TopicPartition],
        isolation: Isolation,
    ) -> Result<Vec<LogBounds>, ClusterError> {
        let bounds = self.log_bounds(partitions, isolation)?;
        Ok(partitions
            .iter()
            .map(|partition| {
                bounds
                    .get(partition)
                    .map_or(LogBounds { start: 0, end: 0 }, |b| LogBounds { start: b.log_start, end: b.end })
            })
            .collect())
    }

    fn offsets_at(
        &self,
        partitions: &[TopicPartition],
        timestamp_ms: i64,
    ) -> Result<Vec<Option<i64>>, ClusterError> {
        let wanted: Vec<(TopicPartition, i64)> =
            partitions.iter().map(|partition| (partition.clone(), timestamp_ms)).collect();
        let found = self.offsets_for_times(&wanted)?;
        Ok(partitions.iter().map(|partition| found.get(partition).copied().flatten()).collect())
    }

    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<i64>>, ClusterError> {
        let committed = Cluster::committed(self, group, Some(partitions))?;
        Ok(partitions.iter().map(|partition| committed.get(partition).map(|c| c.offset)).collect())
    }

    fn read_all(&self, partition: &TopicPartition, visit: &mut dyn FnMut(&Record)) -> Result<(), PlanError> {
        let failed = |error: crate::kafka::KafkaError| PlanError::Cluster(Box::new(error));
        let bounds = self
            .log_bounds(std::slice::from_ref(partition), Isolation::ReadCommitted)
            .map_err(failed)?
            .get(partition)
            .copied();
        let Some(bounds) = bounds else { return Ok(()) };
        let range = OffsetRange { start: bounds.log_start, end: bounds.end };
        let limit = ReadLimit::within(READ_WITHIN);
        let end = read_range(self, partition, range, Isolation::ReadCommitted, limit, |record| {
            visit(&record);
            ControlFlow::Continue(())
        })
        .map_err(failed)?;
        match end {
            ReadEnd::ReachedEnd => Ok(()),
            other => Err(PlanError::Incomplete {
                alias: Cluster::alias(self).to_owned(),
                topic_partition: partition.to_string(),
                reason: format!("{other:?}"),
            }),
        }
    }
}
