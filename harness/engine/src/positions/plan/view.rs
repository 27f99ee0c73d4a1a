//! What the plan asks of a cluster, as a trait, so that the rules are tested without one. Decides nothing.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::super::header;
use super::super::locate::LogBounds;
use super::PlanError;
use crate::kafka::{self, Cluster, GroupState, KafkaError, RangeReader, ReadEnd, ReadLimit, TopicConfig};
use crate::record::{Isolation, OffsetRange, Record, TimestampType, TopicPartition};

/// How long reading one of the replicator's topics may take.
const READ_LIMIT: Duration = Duration::from_secs(300);
/// How long a small read may take.
const SMALL_READ_LIMIT: Duration = Duration::from_secs(30);
/// Requests under way at once.
const AT_ONCE: usize = 16;

/// A consumer group that a cluster lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ListedGroup {
    pub name: String,
    /// Whether somebody consumes with it now; `None` where the list does not say.
    pub active: Option<bool>,
}

/// One group's committed offsets, by partition.
type Commits = Vec<Option<i64>>;

/// What the plan looks at of a user's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Glimpse {
    pub offset: i64,
    /// Milliseconds since the epoch; negative where there is none.
    pub timestamp: i64,
    pub timestamp_type: TimestampType,
    /// The source offset that its header carries.
    pub source_offset: Option<i64>,
}

impl Glimpse {
    pub fn of(record: &Record) -> Self {
        let Record { offset, timestamp, timestamp_type, headers, .. } = record;
        Self {
            offset: *offset,
            timestamp: *timestamp,
            timestamp_type: *timestamp_type,
            source_offset: header::source_offset(headers),
        }
    }
}

/// An open client for small reads of one cluster.
pub(super) trait SmallReader {
    /// The first records of a range, at most so many; fewer only where the range, or what is left of it, has no more.
    fn read(
        &mut self,
        partition: &TopicPartition,
        range: OffsetRange,
        max_records: usize,
    ) -> Result<Vec<Glimpse>, PlanError>;
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
    /// The same with a time for each partition, which is asked for once at most.
    fn offsets_at_times(&self, wanted: &[(TopicPartition, i64)]) -> Result<Vec<Option<i64>>, KafkaError>;
    /// Whether somebody consumes with a group now, where the list does not say; `None` where the brokers do not tell.
    fn has_members(&self, group: &str) -> Result<Option<bool>, KafkaError>;
    /// Committed offsets, by group and partition in the order asked.
    fn committed(&self, groups: &[String], partitions: &[TopicPartition])
    -> Result<Vec<Commits>, KafkaError>;
    /// For single records of a user's topic: only where an origin needs them.
    fn reader(&self, isolation: Isolation) -> Result<Box<dyn SmallReader + '_>, PlanError>;
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
            active: match listing.state {
                GroupState::Stable | GroupState::Rebalancing => Some(true),
                GroupState::Empty | GroupState::Dead => Some(false),
                GroupState::Unknown => None,
            },
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
        self.offsets_at_times(&wanted)
    }

    fn offsets_at_times(&self, wanted: &[(TopicPartition, i64)]) -> Result<Vec<Option<i64>>, KafkaError> {
        let found = self.offsets_for_times(wanted)?;
        Ok(wanted.iter().map(|(partition, _)| found.get(partition).copied().flatten()).collect())
    }

    fn has_members(&self, group: &str) -> Result<Option<bool>, KafkaError> {
        Ok(self.group_members(group)?.map(|members| members.is_active()))
    }

    fn committed(
        &self,
        groups: &[String],
        partitions: &[TopicPartition],
    ) -> Result<Vec<Commits>, KafkaError> {
        // A broker answers for one group at a time, and most of the time is the way there and back.
        let one = |group: &String| -> Result<Commits, KafkaError> {
            let found = self.committed(group, Some(partitions))?;
            Ok(partitions.iter().map(|p| found.get(p).map(|committed| committed.offset)).collect())
        };
        let next = AtomicUsize::new(0);
        let work = || -> Result<Vec<(usize, Commits)>, KafkaError> {
            let mut done = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(group) = groups.get(at) else { return Ok(done) };
                done.push((at, one(group).inspect_err(|_| next.store(groups.len(), Ordering::Relaxed))?));
            }
        };
        let mut all: Vec<Commits> = vec![Vec::new(); groups.len()];
        let parts = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..AT_ONCE.min(groups.len())).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
        });
        for part in parts {
            for (at, commits) in part? {
                all[at] = commits;
            }
        }
        Ok(all)
    }

    fn reader(&self, isolation: Isolation) -> Result<Box<dyn SmallReader + '_>, PlanError> {
        let reader = RangeReader::open_for_single_records(self, isolation)?;
        Ok(Box::new(OpenReader { alias: self.alias(), reader }))
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

struct OpenReader<'c> {
    alias: &'c str,
    reader: RangeReader<'c>,
}

impl SmallReader for OpenReader<'_> {
    fn read(
        &mut self,
        partition: &TopicPartition,
        range: OffsetRange,
        max_records: usize,
    ) -> Result<Vec<Glimpse>, PlanError> {
        let mut records = Vec::new();
        let mut range = range;
        let limit = ReadLimit::within(SMALL_READ_LIMIT).at_most(max_records as u64);
        while range.start < range.end {
            let end = self.reader.read_range(partition, range, limit, |record| {
                records.push(Glimpse::of(&record));
                ControlFlow::Continue(())
            })?;
            match end {
                ReadEnd::OutOfRange { log_start, .. } if range.start < log_start => range.start = log_start,
                ReadEnd::ReachedEnd | ReadEnd::Stopped | ReadEnd::OutOfRange { .. } => break,
                ReadEnd::TimedOut { at } => {
                    return Err(PlanError::Incomplete {
                        alias: self.alias.to_owned(),
                        topic_partition: partition.to_string(),
                        reason: format!("no answer at offset {at} within {} s", SMALL_READ_LIMIT.as_secs()),
                    });
                }
            }
        }
        Ok(records)
    }
}
