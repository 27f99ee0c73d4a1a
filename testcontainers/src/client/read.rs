//! Reading a whole partition with a consumer of its own, to the end that it had at the start. Commits nothing.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message, Timestamp};
use rdkafka::topic_partition_list::Offset;

use super::{REQUEST, client_config};
use crate::client::admin::partition_count;
use crate::error::{Error, Result};
use crate::record::{PlainRead, PlainTimestampType};

/// Without a record or an end for this long, the read has failed. It has not ended.
const STALL: Duration = Duration::from_secs(60);

/// Which records of transactions are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// All, up to the high watermark.
    ReadUncommitted,
    /// Without aborted ones, up to the last stable offset.
    ReadCommitted,
}

impl Isolation {
    fn name(self) -> &'static str {
        match self {
            Self::ReadUncommitted => "read_uncommitted",
            Self::ReadCommitted => "read_committed",
        }
    }
}

/// Where a partition's log starts and ends. Their difference is not a number of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEnds {
    /// Log start offset.
    pub start: i64,
    /// High watermark: the offset that the next record will get.
    pub end: i64,
}

/// The ends of every partition of a topic, in order of partitions.
///
/// # Errors
/// If the topic does not exist or no broker answers.
pub fn log_ends(bootstrap: &str, topic: &str) -> Result<Vec<LogEnds>> {
    let partitions = partition_count(bootstrap, topic)?;
    if partitions == 0 {
        return Err(Error::BadAnswer { bootstrap: bootstrap.to_owned(), what: format!("no topic {topic}") });
    }
    let consumer = reader(bootstrap, Isolation::ReadUncommitted)?;
    (0..partitions).map(|partition| ends_of(&consumer, bootstrap, topic, partition)).collect()
}

/// Every record of a partition from its log start to the end that it has now.
///
/// # Errors
/// If the partition cannot be read to that end; records read so far are not returned as if they were all.
pub fn read_all(
    bootstrap: &str,
    topic: &str,
    partition: i32,
    isolation: Isolation,
) -> Result<Vec<PlainRead>> {
    read_from(bootstrap, topic, partition, 0, isolation)
}

/// Every record from offset `from` (or the log start, if that is later) to the end that the partition has now.
///
/// # Errors
/// As [`read_all`].
pub fn read_from(
    bootstrap: &str,
    topic: &str,
    partition: i32,
    from: i64,
    isolation: Isolation,
) -> Result<Vec<PlainRead>> {
    let what = || format!("read {topic}-{partition}");
    let consumer = reader(bootstrap, isolation)?;
    let ends = ends_of(&consumer, bootstrap, topic, partition)?;
    let start = from.max(ends.start);
    let mut records = Vec::new();
    if start >= ends.end {
        return Ok(records);
    }
    let mut assignment = TopicPartitionList::new();
    assignment
        .add_partition_offset(topic, partition, Offset::Offset(start))
        .and_then(|()| consumer.assign(&assignment))
        .map_err(Error::kafka(what(), bootstrap))?;
    let mut progress = Instant::now();
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                // Written after the end was taken.
                if message.offset() >= ends.end {
                    return Ok(records);
                }
                records.push(to_plain(&message));
                progress = Instant::now();
            }
            // The broker had nothing more at a time after the end was taken: what is left were markers or aborted records.
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(records),
            // The client connects again by itself; if it never succeeds, the read has stalled.
            Some(Err(error)) if is_passing(&error) => {}
            Some(Err(error)) => return Err(Error::kafka(what(), bootstrap)(error)),
            // No record is no end.
            None => {}
        }
        let next = records.last().map_or(start, |record| record.offset + 1);
        if next >= ends.end {
            return Ok(records);
        }
        if progress.elapsed() >= STALL {
            return Err(Error::Timeout {
                what: format!("offset {} of {topic}-{partition} at {bootstrap}", ends.end),
                waited_seconds: STALL.as_secs(),
                detail: format!(": stopped at offset {next}"),
            });
        }
    }
}

fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Resolve
        )
    )
}

fn not_served_yet(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
                | RDKafkaErrorCode::OffsetNotAvailable
        )
    )
}

fn ends_of(consumer: &BaseConsumer, bootstrap: &str, topic: &str, partition: i32) -> Result<LogEnds> {
    let what = format!("fetch the ends of {topic}-{partition}");
    let (start, end) = crate::wait::until_or_broken(&what, REQUEST, || {
        match consumer.fetch_watermarks(topic, partition, REQUEST) {
            Ok(ends) => Ok(Ok(ends)),
            // Metadata names a new topic or leader a little before its broker serves it.
            Err(error) if not_served_yet(&error) => Ok(Err(error.to_string())),
            Err(error) => Err(Error::kafka(what.clone(), bootstrap)(error)),
        }
    })?;
    Ok(LogEnds { start, end })
}

pub(crate) fn reader(bootstrap: &str, isolation: Isolation) -> Result<BaseConsumer> {
    client_config(bootstrap)
        .set("group.id", "cutproof-testcontainers-reader")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "error")
        .set("allow.auto.create.topics", "false")
        .set("check.crcs", "true")
        .set("fetch.queue.backoff.ms", "1")
        .set("fetch.wait.max.ms", "50")
        .set("isolation.level", isolation.name())
        .create()
        .map_err(Error::kafka("create a consumer", bootstrap))
}

fn to_plain(message: &BorrowedMessage<'_>) -> PlainRead {
    let (timestamp, timestamp_type) = match message.timestamp() {
        Timestamp::NotAvailable => (-1, PlainTimestampType::NotAvailable),
        Timestamp::CreateTime(at) => (at, PlainTimestampType::CreateTime),
        Timestamp::LogAppendTime(at) => (at, PlainTimestampType::LogAppendTime),
    };
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec))).collect()
    });
    PlainRead {
        offset: message.offset(),
        timestamp,
        timestamp_type,
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers,
    }
}
