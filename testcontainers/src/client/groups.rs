//! Committed offsets of consumer groups, written and read without joining a group.

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;

use super::{REQUEST, client_config};
use crate::error::{Error, Result};
use crate::wait;

/// How long a group may take until it has given out its partitions.
const JOIN: std::time::Duration = std::time::Duration::from_secs(60);

/// One committed offset: the next record that the group will read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset of the next record to read.
    pub offset: i64,
}

impl Commit {
    /// A commit of one topic-partition.
    pub fn new(topic: &str, partition: i32, offset: i64) -> Self {
        Self { topic: topic.to_owned(), partition, offset }
    }
}

/// A member of a group that consumes one topic and commits nothing. Dropping it leaves the group.
pub struct Member {
    /// Its own threads keep it in the group.
    _consumer: BaseConsumer,
}

impl Member {
    /// Joins; returns when partitions are assigned to it.
    ///
    /// # Errors
    /// If that does not happen in time.
    pub fn join(bootstrap: &str, group: &str, topic: &str) -> Result<Self> {
        let what = || format!("join group {group}");
        let consumer = member(bootstrap, group)?;
        consumer.subscribe(&[topic]).map_err(Error::kafka(what(), bootstrap))?;
        wait::until(&format!("partitions of {topic} for a member of group {group}"), JOIN, || {
            // What it reads is nobody's business; polling is what moves the join along.
            drop(consumer.poll(std::time::Duration::from_millis(100)));
            match consumer.assignment() {
                Ok(assigned) if assigned.count() > 0 => Ok(()),
                Ok(_) => Err("none yet".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        })?;
        Ok(Self { _consumer: consumer })
    }
}

/// Commits offsets for a group that has no members. Tries again while the group's coordinator is loading.
///
/// # Errors
/// If the coordinator refuses, for instance because the group has members.
pub fn commit_offsets(bootstrap: &str, group: &str, commits: &[Commit]) -> Result<()> {
    let what = || format!("commit offsets of group {group}");
    let consumer = member(bootstrap, group)?;
    let mut offsets = TopicPartitionList::new();
    for Commit { topic, partition, offset } in commits {
        offsets
            .add_partition_offset(topic, *partition, Offset::Offset(*offset))
            .map_err(Error::kafka(what(), bootstrap))?;
    }
    wait::until_or_broken(&format!("a coordinator of group {group} at {bootstrap}"), REQUEST, || {
        retried(consumer.commit(&offsets, CommitMode::Sync), what(), bootstrap)
    })
}

/// What a group has committed for the topic-partitions asked for, in their order; `None` where it has nothing.
///
/// # Errors
/// If the coordinator does not answer.
pub fn committed_offsets(bootstrap: &str, group: &str, asked: &[(String, i32)]) -> Result<Vec<Option<i64>>> {
    let what = || format!("fetch offsets of group {group}");
    let consumer = member(bootstrap, group)?;
    let mut list = TopicPartitionList::new();
    for (topic, partition) in asked {
        list.add_partition(topic, *partition);
    }
    let found =
        wait::until_or_broken(&format!("a coordinator of group {group} at {bootstrap}"), REQUEST, || {
            retried(consumer.committed_offsets(list.clone(), REQUEST), what(), bootstrap)
        })?;
    asked
        .iter()
        .map(|(topic, partition)| {
            let element = found.find_partition(topic, *partition).ok_or_else(|| Error::BadAnswer {
                bootstrap: bootstrap.to_owned(),
                what: format!("no answer for {topic}-{partition} of group {group}"),
            })?;
            element.error().map_err(Error::kafka(what(), bootstrap))?;
            Ok(match element.offset() {
                Offset::Offset(offset) => Some(offset),
                _ => None,
            })
        })
        .collect()
}

/// A consumer that names the group and never joins it.
fn member(bootstrap: &str, group: &str) -> Result<BaseConsumer> {
    client_config(bootstrap)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .create()
        .map_err(Error::kafka("create a consumer", bootstrap))
}

fn retried<T>(answer: Result<T, KafkaError>, what: String, bootstrap: &str) -> Result<Result<T, String>> {
    match answer {
        Ok(value) => Ok(Ok(value)),
        Err(error) if is_passing(&error) => Ok(Err(error.to_string())),
        Err(error) => Err(Error::kafka(what, bootstrap)(error)),
    }
}

fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::WaitingForCoordinator
        )
    )
}
