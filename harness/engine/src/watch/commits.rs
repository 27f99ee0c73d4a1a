//! Which groups count after a run, and what they have committed. Judges no position.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::FinishedRun;
use crate::config::ProofConfig;
use crate::kafka::{Cluster, KafkaError};
use crate::record::TopicPartition;

/// Committed offsets by group and partition of one cluster.
pub type Commits = BTreeMap<String, BTreeMap<TopicPartition, i64>>;

/// The run's groups, those that the configuration names, and those that the target lists and the configuration includes.
pub(super) fn groups(
    config: &ProofConfig,
    run: &FinishedRun,
    target: &Cluster,
) -> Result<BTreeSet<String>, KafkaError> {
    let mut groups: BTreeSet<String> = run.manifest.groups.iter().map(|group| group.group.clone()).collect();
    groups.extend(config.groups.literal_names());
    let listed = target.groups()?.unwrap_or_default().into_iter().map(|listing| listing.group);
    groups.extend(listed);
    groups.retain(|group| config.groups.matches(group));
    Ok(groups)
}

/// What the groups have committed on these partitions.
pub(super) fn committed(
    cluster: &Cluster,
    groups: &BTreeSet<String>,
    partitions: &[TopicPartition],
) -> Result<Commits, KafkaError> {
    let mut commits = Commits::new();
    for group in groups {
        let committed = cluster.committed(group, Some(partitions))?;
        let offsets = committed.into_iter().map(|(partition, committed)| (partition, committed.offset));
        commits.insert(group.clone(), offsets.collect());
    }
    Ok(commits)
}

/// What a group has committed on a partition.
pub(super) fn of(commits: &Commits, group: &str, partition: &TopicPartition) -> Option<i64> {
    commits.get(group)?.get(partition).copied()
}
