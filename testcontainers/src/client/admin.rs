//! Topics and their configuration, and what a cluster says of itself.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use rdkafka::TopicPartitionList;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::Offset;
use rdkafka::util::Timeout;

use super::{REQUEST, client_config};
use crate::error::{Error, Result};

/// A topic to create.
#[derive(Clone, Debug)]
pub struct Topic<'a> {
    /// Its name.
    pub name: &'a str,
    /// How many partitions it has.
    pub partitions: i32,
    /// How many brokers hold each partition.
    pub replication: i32,
    /// Topic-level configuration, such as `("cleanup.policy", "compact")`.
    pub configs: &'a [(&'a str, &'a str)],
}

impl<'a> Topic<'a> {
    /// One replica; retention off, so that records with old timestamps stay.
    pub fn new(name: &'a str, partitions: i32) -> Self {
        Self { name, partitions, replication: 1, configs: &[("retention.ms", "-1")] }
    }
}

/// Creates a topic and waits until the cluster's metadata shows leaders for all its partitions.
///
/// # Errors
/// If the broker refuses, for instance because the topic exists.
pub fn create_topic(bootstrap: &str, topic: &Topic<'_>) -> Result<()> {
    let what = || format!("create topic {}", topic.name);
    let admin = admin(bootstrap)?;
    let mut new_topic =
        NewTopic::new(topic.name, topic.partitions, TopicReplication::Fixed(topic.replication));
    for (name, value) in topic.configs {
        new_topic = new_topic.set(name, value);
    }
    let answers =
        wait(admin.create_topics([&new_topic], &options())).map_err(Error::kafka(what(), bootstrap))?;
    for answer in answers {
        if let Err((_, code)) = answer {
            return Err(Error::kafka(what(), bootstrap)(KafkaError::AdminOp(code)));
        }
    }
    wait_for_leaders(bootstrap, topic.name, topic.partitions)
}

fn wait_for_leaders(bootstrap: &str, topic: &str, partitions: i32) -> Result<()> {
    let consumer = observer(bootstrap)?;
    crate::wait::until(&format!("leaders of topic {topic} at {bootstrap}"), REQUEST, || {
        let metadata = consumer.fetch_metadata(Some(topic), REQUEST).map_err(|error| error.to_string())?;
        let led =
            metadata.topics()[0].partitions().iter().filter(|partition| partition.leader() >= 0).count();
        if i32::try_from(led) == Ok(partitions) { Ok(()) } else { Err(format!("{led} of {partitions}")) }
    })
}

/// Deletes a topic; the broker removes its data shortly after.
///
/// # Errors
/// If the broker refuses.
pub fn delete_topic(bootstrap: &str, topic: &str) -> Result<()> {
    let what = || format!("delete topic {topic}");
    let answers = wait(admin(bootstrap)?.delete_topics(&[topic], &options()))
        .map_err(Error::kafka(what(), bootstrap))?;
    for answer in answers {
        if let Err((_, code)) = answer {
            return Err(Error::kafka(what(), bootstrap)(KafkaError::AdminOp(code)));
        }
    }
    crate::wait::until(
        &format!("the end of topic {topic} at {bootstrap}"),
        REQUEST,
        || match partition_count(bootstrap, topic) {
            Ok(0) => Ok(()),
            Ok(_) => Err("it is still there".to_owned()),
            Err(error) => Err(error.to_string()),
        },
    )
}

/// Moves the log start offset of a partition up to `before`, as retention would. Returns the new log start offset.
///
/// # Errors
/// If the broker refuses, for instance because `before` is past the end.
pub fn delete_records(bootstrap: &str, topic: &str, partition: i32, before: i64) -> Result<i64> {
    let what = || format!("delete records of {topic}-{partition} before offset {before}");
    let mut offsets = TopicPartitionList::new();
    offsets
        .add_partition_offset(topic, partition, Offset::Offset(before))
        .map_err(Error::kafka(what(), bootstrap))?;
    let answer = wait(admin(bootstrap)?.delete_records(&offsets, &options()))
        .map_err(Error::kafka(what(), bootstrap))?;
    let element = answer
        .find_partition(topic, partition)
        .ok_or_else(|| Error::BadAnswer { bootstrap: bootstrap.to_owned(), what: what() })?;
    element.error().map_err(Error::kafka(what(), bootstrap))?;
    match element.offset() {
        Offset::Offset(start) => Ok(start),
        other => {
            Err(Error::BadAnswer { bootstrap: bootstrap.to_owned(), what: format!("{}: {other:?}", what()) })
        }
    }
}

/// Makes a topic have `partitions` partitions in all; there is no way back.
///
/// # Errors
/// If the broker refuses, for instance because it has as many already.
pub fn add_partitions(bootstrap: &str, topic: &str, partitions: i32) -> Result<()> {
    let what = || format!("give topic {topic} {partitions} partitions");
    let count = usize::try_from(partitions)
        .map_err(|_| Error::Misuse(format!("topic {topic} can't have {partitions} partitions")))?;
    let answers = wait(admin(bootstrap)?.create_partitions(&[NewPartitions::new(topic, count)], &options()))
        .map_err(Error::kafka(what(), bootstrap))?;
    for answer in answers {
        if let Err((_, code)) = answer {
            return Err(Error::kafka(what(), bootstrap)(KafkaError::AdminOp(code)));
        }
    }
    wait_for_leaders(bootstrap, topic, partitions)
}

/// Sets the topic-level configuration to exactly these entries: what is not named goes back to the broker's default.
///
/// # Errors
/// If the broker refuses.
pub fn alter_topic(bootstrap: &str, topic: &str, configs: &[(&str, &str)]) -> Result<()> {
    let what = || format!("change the configuration of topic {topic}");
    let mut change = AlterConfig::new(ResourceSpecifier::Topic(topic));
    for (name, value) in configs {
        change = change.set(name, value);
    }
    let answers = wait(admin(bootstrap)?.alter_configs([&change], &options()))
        .map_err(Error::kafka(what(), bootstrap))?;
    for answer in answers {
        if let Err((_, code)) = answer {
            return Err(Error::kafka(what(), bootstrap)(KafkaError::AdminOp(code)));
        }
    }
    Ok(())
}

/// Deletes groups that have no members, with what they have committed. For real brokers only.
///
/// # Errors
/// If the broker refuses one, for instance because it has members.
pub fn delete_groups(bootstrap: &str, groups: &[&str]) -> Result<()> {
    let answers = wait(admin(bootstrap)?.delete_groups(groups, &options()))
        .map_err(Error::kafka("delete groups", bootstrap))?;
    for answer in answers {
        match answer {
            Ok(_) | Err((_, RDKafkaErrorCode::GroupIdNotFound)) => {}
            Err((group, code)) => {
                return Err(Error::kafka(format!("delete group {group}"), bootstrap)(KafkaError::AdminOp(
                    code,
                )));
            }
        }
    }
    Ok(())
}

/// The number of brokers that the cluster's metadata names.
///
/// # Errors
/// If no broker answers.
pub fn broker_count(bootstrap: &str) -> Result<usize> {
    let metadata = observer(bootstrap)?
        .fetch_metadata(None, REQUEST)
        .map_err(Error::kafka("fetch metadata", bootstrap))?;
    Ok(metadata.brokers().len())
}

/// The names of all topics, internal ones included, sorted.
///
/// # Errors
/// If no broker answers.
pub fn topic_names(bootstrap: &str) -> Result<Vec<String>> {
    let metadata =
        observer(bootstrap)?.fetch_metadata(None, REQUEST).map_err(Error::kafka("list topics", bootstrap))?;
    let mut names: Vec<_> = metadata.topics().iter().map(|topic| topic.name().to_owned()).collect();
    names.sort();
    Ok(names)
}

/// The number of partitions of a topic; 0 if it does not exist.
///
/// # Errors
/// If no broker answers, or it reports an error for the topic.
pub fn partition_count(bootstrap: &str, topic: &str) -> Result<i32> {
    let what = || format!("fetch metadata of topic {topic}");
    let consumer = observer(bootstrap)?;
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST).map_err(Error::kafka(what(), bootstrap))?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(0) };
    match found.error().map(RDKafkaErrorCode::from) {
        None => Ok(i32::try_from(found.partitions().len()).expect("brokers count partitions in 32 bits")),
        Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => Ok(0),
        Some(code) => Err(Error::kafka(what(), bootstrap)(KafkaError::MetadataFetch(code))),
    }
}

/// A consumer that only asks questions.
pub(crate) fn observer(bootstrap: &str) -> Result<BaseConsumer> {
    client_config(bootstrap)
        .set("group.id", "cutproof-testcontainers-observer")
        .set("enable.auto.commit", "false")
        .set("allow.auto.create.topics", "false")
        .create()
        .map_err(Error::kafka("create a client", bootstrap))
}

fn admin(bootstrap: &str) -> Result<AdminClient<DefaultClientContext>> {
    client_config(bootstrap).create().map_err(Error::kafka("create an admin client", bootstrap))
}

fn options() -> AdminOptions {
    let timeout = Some(Timeout::After(REQUEST));
    AdminOptions::new().request_timeout(timeout).operation_timeout(timeout)
}

/// Blocks this thread on a future. The admin client completes its futures from a thread of its own.
fn wait<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}
