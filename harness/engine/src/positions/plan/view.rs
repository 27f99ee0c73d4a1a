//! What the plan asks of a cluster, as a trait, so that the rules are tested without one. Decides nothing.

use std::collections::BTreeMap;

use super::super::locate::LogBounds;
use super::PlanError;
use crate::record::{Isolation, Record, TopicPartition};

/// A failed question.
pub(super) type ClusterError = Box<dyn std::error::Error + Send + Sync>;

/// A consumer group that a cluster lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedGroup {
    pub name: String,
    /// Members that are in it now.
    pub members: usize,
}

/// Questions to one cluster.
pub(super) trait ClusterView {
    fn alias(&self) -> &str;
    fn cluster_id(&self) -> Result<String, ClusterError>;
    /// Topic to number of partitions.
    fn topics(&self) -> Result<BTreeMap<String, i32>, ClusterError>;
    /// `None` where the cluster cannot list them.
    fn groups(&self) -> Result<Option<Vec<ListedGroup>>, ClusterError>;
    /// In the order asked.
    fn bounds(
        &self,
        partitions: &[TopicPartition],
        isolation: Isolation,
    ) -> Result<Vec<LogBounds>, ClusterError>;
    /// The first offset at or after the time, in the order asked; `None` where there is none.
    fn offsets_at(
        &self,
        partitions: &[TopicPartition],
        timestamp_ms: i64,
    ) -> Result<Vec<Option<i64>>, ClusterError>;
    /// Committed offsets in the order asked.
    fn committed(&self, group: &str, partitions: &[TopicPartition])
    -> Result<Vec<Option<i64>>, ClusterError>;
    /// Every record of a partition of the replicator's own topics, in order.
    fn read_all(&self, partition: &TopicPartition, visit: &mut dyn FnMut(&Record)) -> Result<(), PlanError>;
}
