//! Small reads: ranges of internal topics, and single records by offset. Large ranges are read in `consume`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::cluster::{Cluster, is_absent, is_forbidden};
use super::context::Shared;
use super::error::KafkaError;
use super::ffi::{Entry, Failure, FetchQueue};
use crate::record::{Isolation, OffsetRange, Record, TopicPartition};

/// How long one wait lasts at most; the deadline is looked at in between.
const POLL: Duration = Duration::from_millis(50);
/// Wanted offsets nearer than this to each other are read in one go.
const BRIDGE: i64 = 500;

/// Why the reading of a range stopped. Only `ReachedEnd` may count as having read it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum ReadEnd {
    /// All records below the range's end were handed on.
    ReachedEnd,
    /// The visitor, or the limit of records, said so.
    Stopped,
    /// The log does not hold the offset that was due.
    OutOfRange {
        /// The offset that was due.
        asked: i64,
        /// First offset of the log.
        log_start: i64,
        /// One past the last.
        log_end: i64,
    },
    /// The deadline passed.
    TimedOut {
        /// The offset that was due.
        at: i64,
    },
}

/// When to stop before the end.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimit {
    /// After so many records over all ranges.
    pub max_records: u64,
    /// At this time.
    pub deadline: Instant,
}

impl ReadLimit {
    /// Any number of records within `time`.
    pub fn within(time: Duration) -> Self {
        Self { max_records: u64::MAX, deadline: Instant::now() + time }
    }

    /// The same, but not more than so many records.
    pub fn at_most(self, max_records: u64) -> Self {
        Self { max_records, ..self }
    }
}

/// Reads one range with a client of its own. Use a [`RangeReader`] for more than one.
pub fn read_range(
    cluster: &Cluster,
    partition: &TopicPartition,
    range: OffsetRange,
    isolation: Isolation,
    limit: ReadLimit,
    visit: impl FnMut(Record) -> ControlFlow<()>,
) -> Result<ReadEnd, KafkaError> {
    RangeReader::open(cluster, isolation)?.read_range(partition, range, limit, visit)
}

/// Fetches single records with a client of its own; the answer is in the order asked, `None` where the log has no
/// record at that offset (any more).
pub fn fetch_records(
    cluster: &Cluster,
    isolation: Isolation,
    wanted: &[(TopicPartition, i64)],
    deadline: Instant,
) -> Result<Vec<Option<Record>>, KafkaError> {
    RangeReader::open_for_single_records(cluster, isolation)?.fetch_records(wanted, deadline)
}

/// An open client for one small read after another.
pub struct RangeReader<'c> {
    cluster: &'c Cluster,
    isolation: Isolation,
    queue: FetchQueue<Shared>,
}

struct Reading<'a> {
    partition: &'a TopicPartition,
    next: i64,
    end: i64,
    outcome: Option<ReadEnd>,
}

/// What the end of the log means before the end of the range: it has not grown that far, or a transaction is open.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtLogEnd {
    Wait,
    Stop,
}

const OPERATION: &str = "read";

impl<'c> RangeReader<'c> {
    /// For ranges.
    pub fn open(cluster: &'c Cluster, isolation: Isolation) -> Result<Self, KafkaError> {
        Self::with(cluster, isolation, &[("fetch.wait.max.ms", "10")])
    }

    /// For single records far apart: fetches little around each.
    pub fn open_for_single_records(cluster: &'c Cluster, isolation: Isolation) -> Result<Self, KafkaError> {
        let little = [
            ("fetch.wait.max.ms", "10"),
            ("fetch.min.bytes", "1"),
            ("fetch.message.max.bytes", "65536"),
            ("queued.min.messages", "1"),
        ];
        Self::with(cluster, isolation, &little)
    }

    fn with(cluster: &'c Cluster, isolation: Isolation, tuning: &[(&str, &str)]) -> Result<Self, KafkaError> {
        const OPEN: &str = "open a reader";
        let mut config = cluster.reader_config(isolation);
        for (key, value) in tuning {
            config.set(*key, *value);
        }
        let consumer: BaseConsumer<Shared> = config
            .create_with_context(Shared(cluster.events().clone()))
            .map_err(|error| cluster.creation(OPEN, error))?;
        let queue = FetchQueue::new(consumer).ok_or_else(|| KafkaError::Failed {
            at: cluster.at(OPEN),
            detail: "the client has no consumer queue".to_owned(),
        })?;
        Ok(Self { cluster, isolation, queue })
    }

    /// Hands the records of `range` to `visit`, in order, until it breaks.
    pub fn read_range(
        &mut self,
        partition: &TopicPartition,
        range: OffsetRange,
        limit: ReadLimit,
        mut visit: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<ReadEnd, KafkaError> {
        let ends = self.read_ranges(&[(partition.clone(), range)], limit, |_, record| visit(record))?;
        Ok(ends.into_iter().next().unwrap_or(ReadEnd::ReachedEnd))
    }

    /// Reads ranges of different partitions at once. `visit` gets the index of the range; records of one range come in
    /// order, those of different ranges mixed; a break stops its range only. Gives one end for each range.
    pub fn read_ranges(
        &mut self,
        ranges: &[(TopicPartition, OffsetRange)],
        limit: ReadLimit,
        visit: impl FnMut(usize, Record) -> ControlFlow<()>,
    ) -> Result<Vec<ReadEnd>, KafkaError> {
        self.read(ranges, limit, AtLogEnd::Wait, visit)
    }

    fn read(
        &mut self,
        ranges: &[(TopicPartition, OffsetRange)],
        limit: ReadLimit,
        at_log_end: AtLogEnd,
        mut visit: impl FnMut(usize, Record) -> ControlFlow<()>,
    ) -> Result<Vec<ReadEnd>, KafkaError> {
        let mut readings: Vec<Reading<'_>> = ranges
            .iter()
            .map(|(partition, range)| Reading {
                partition,
                next: range.start,
                end: range.end,
                outcome: (range.start >= range.end).then_some(ReadEnd::ReachedEnd),
            })
            .collect();
        if readings.iter().all(|reading| reading.outcome.is_some()) {
            return Ok(readings.into_iter().filter_map(|reading| reading.outcome).collect());
        }
        self.assign(&readings)?;
        let result = self.drain(&mut readings, limit, at_log_end, &mut visit);
        self.release()?;
        result?;
        Ok(readings
            .into_iter()
            .map(|reading| reading.outcome.unwrap_or(ReadEnd::TimedOut { at: reading.next }))
            .collect())
    }

    /// Fetches single records; see [`fetch_records`](fetch_records()). [`KafkaError::TimedOut`] at the deadline.
    pub fn fetch_records(
        &mut self,
        wanted: &[(TopicPartition, i64)],
        deadline: Instant,
    ) -> Result<Vec<Option<Record>>, KafkaError> {
        let mut by_partition: BTreeMap<&TopicPartition, Vec<i64>> = BTreeMap::new();
        for (partition, offset) in wanted {
            by_partition.entry(partition).or_default().push(*offset);
        }
        let mut spans: Vec<(&TopicPartition, Vec<OffsetRange>)> = by_partition
            .into_iter()
            .map(|(partition, mut offsets)| {
                offsets.sort_unstable();
                let mut near: Vec<OffsetRange> = offsets
                    .chunk_by(|a, b| b - a < BRIDGE)
                    .map(|near| OffsetRange { start: near[0], end: near[near.len() - 1] + 1 })
                    .collect();
                near.reverse();
                (partition, near)
            })
            .collect();
        let asked: std::collections::HashSet<(&TopicPartition, i64)> =
            wanted.iter().map(|(partition, offset)| (partition, *offset)).collect();
        let mut found: BTreeMap<(&TopicPartition, i64), Record> = BTreeMap::new();
        // One span of each partition at a time, all partitions at once.
        loop {
            let round: Vec<(&TopicPartition, OffsetRange)> =
                spans.iter_mut().filter_map(|(partition, near)| Some((*partition, near.pop()?))).collect();
            if round.is_empty() {
                break;
            }
            let ranges: Vec<(TopicPartition, OffsetRange)> =
                round.iter().map(|(partition, range)| ((*partition).clone(), *range)).collect();
            let limit = ReadLimit { max_records: u64::MAX, deadline };
            let ends = self.read(&ranges, limit, AtLogEnd::Stop, |at, record| {
                let key = (round[at].0, record.offset);
                if asked.contains(&key) {
                    found.insert(key, record);
                }
                ControlFlow::Continue(())
            })?;
            for ((partition, range), end) in round.iter().zip(ends) {
                match end {
                    ReadEnd::TimedOut { at } => return Err(self.timed_out(partition, at)),
                    // Retention took the span's beginning: what is left of it is read next.
                    ReadEnd::OutOfRange { log_start, .. }
                        if range.start < log_start && log_start < range.end =>
                    {
                        let left = OffsetRange { start: log_start, end: range.end };
                        spans
                            .iter_mut()
                            .filter(|(p, _)| p == partition)
                            .for_each(|(_, near)| near.push(left));
                    }
                    ReadEnd::OutOfRange { .. } | ReadEnd::ReachedEnd | ReadEnd::Stopped => {}
                }
            }
        }
        Ok(wanted.iter().map(|(partition, offset)| found.get(&(partition, *offset)).cloned()).collect())
    }

    fn timed_out(&self, partition: &TopicPartition, offset: i64) -> KafkaError {
        let mut at = self.cluster.at(OPERATION);
        at.partition = Some(partition.clone());
        at.offset = Some(offset);
        let waited = self.cluster.request_timeout();
        KafkaError::TimedOut { at, waited, detail: "the record did not come before the deadline".to_owned() }
    }

    fn assign(&self, readings: &[Reading<'_>]) -> Result<(), KafkaError> {
        let mut list = TopicPartitionList::new();
        for reading in readings.iter().filter(|reading| reading.outcome.is_none()) {
            let Reading { partition, next, .. } = reading;
            list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset((*next).max(0)))
                .map_err(|error| self.cluster.creation("assign", error))?;
        }
        self.queue.consumer().assign(&list).map_err(|error| self.cluster.creation("assign", error))
    }

    /// Lets go of all partitions. When this returns, what the queue still holds of them is outdated, and librdkafka
    /// drops it: no old end can be taken for one of a later read.
    fn release(&self) -> Result<(), KafkaError> {
        self.queue.consumer().unassign().map_err(|error| self.cluster.creation("unassign", error))
    }

    fn drain(
        &self,
        readings: &mut [Reading<'_>],
        limit: ReadLimit,
        at_log_end: AtLogEnd,
        visit: &mut impl FnMut(usize, Record) -> ControlFlow<()>,
    ) -> Result<(), KafkaError> {
        let started = Instant::now();
        let mut visited = 0;
        while readings.iter().any(|reading| reading.outcome.is_none()) {
            let left = limit.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            if visited >= limit.max_records {
                readings.iter_mut().for_each(|reading| {
                    reading.outcome.get_or_insert(ReadEnd::Stopped);
                });
                break;
            }
            match self.queue.poll(left.min(POLL)) {
                None => {}
                Some(Entry::Record(partition, record)) => {
                    let Some((at, reading)) = open(readings, &partition) else { continue };
                    if record.offset >= reading.end {
                        reading.outcome = Some(ReadEnd::ReachedEnd);
                        continue;
                    }
                    if record.offset < reading.next {
                        continue;
                    }
                    reading.next = record.offset + 1;
                    visited += 1;
                    if visit(at, record).is_break() {
                        reading.outcome = Some(ReadEnd::Stopped);
                    } else if reading.next >= reading.end {
                        reading.outcome = Some(ReadEnd::ReachedEnd);
                    }
                }
                Some(Entry::PartitionEnd { partition, next }) => {
                    let Some((_, reading)) = open(readings, &partition) else { continue };
                    reading.next = reading.next.max(next);
                    if reading.next >= reading.end || at_log_end == AtLogEnd::Stop {
                        reading.outcome = Some(ReadEnd::ReachedEnd);
                    }
                }
                Some(Entry::Fault { partition: Some(partition), code, text }) => {
                    let Some((_, reading)) = open(readings, &partition) else { continue };
                    reading.outcome = self.fault(reading, started, code, text)?;
                }
                Some(Entry::Fault { partition: None, code, text }) => {
                    let refused =
                        self.cluster.events().worst_since(started).is_some_and(|fault| fault.is_final());
                    if refused {
                        return Err(self.cluster.failed(OPERATION, None, started, Failure { code, text }));
                    }
                }
            }
        }
        Ok(())
    }

    /// How a partition's trouble ends its range; `None` where librdkafka tries again by itself.
    fn fault(
        &self,
        reading: &Reading<'_>,
        started: Instant,
        code: Code,
        text: String,
    ) -> Result<Option<ReadEnd>, KafkaError> {
        let place = || Some((reading.partition.clone(), Some(reading.next)));
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange | Code::LogTruncation => {
                let bounds =
                    self.cluster.log_bounds(std::slice::from_ref(reading.partition), self.isolation)?;
                match bounds.get(reading.partition) {
                    Some(bounds) if reading.next < bounds.log_start || reading.next > bounds.end => {
                        Ok(Some(ReadEnd::OutOfRange {
                            asked: reading.next,
                            log_start: bounds.log_start,
                            log_end: bounds.end,
                        }))
                    }
                    _ => Err(self.cluster.failed(OPERATION, place(), started, Failure { code, text })),
                }
            }
            Code::BadMessage | Code::BadCompression | Code::NotImplemented | Code::InvalidMessage => {
                Err(self.cluster.failed(OPERATION, place(), started, Failure { code, text }))
            }
            code if is_absent(code) || is_forbidden(code) => {
                Err(self.cluster.failed(OPERATION, place(), started, Failure { code, text }))
            }
            _ => Ok(None),
        }
    }
}

fn open<'r, 'a>(
    readings: &'r mut [Reading<'a>],
    partition: &TopicPartition,
) -> Option<(usize, &'r mut Reading<'a>)> {
    readings
        .iter_mut()
        .enumerate()
        .find(|(_, reading)| reading.outcome.is_none() && reading.partition == partition)
}
