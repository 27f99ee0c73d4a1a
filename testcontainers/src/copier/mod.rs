//! A replicator in this process, between any two clusters: copies topics record by record, and leaves the offset-syncs
//! and checkpoints that MirrorMaker 2 would leave. What it carries over can be changed on the way, to plant defects.
//! Makes no topics, watches nothing, commits nothing.

mod syncs;
mod wire;

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use syncs::{OffsetSync, PartitionSyncs};

use crate::client::{
    Isolation, OffsetProducer, Placed, ProduceOptions, committed_offsets, partition_count, produce_with,
    read_from,
};
use crate::error::{Error, Result};
use crate::record::{PlainRead, PlainRecord};

/// How topics are named on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyNaming {
    /// `<source alias><separator><topic>`, as MirrorMaker 2's default policy; also between the parts of the names of
    /// its internal topics.
    Prefixed {
        /// Between alias and topic; MirrorMaker 2's default is `.`.
        separator: String,
    },
    /// The same name.
    Identity,
}

impl Default for CopyNaming {
    fn default() -> Self {
        Self::Prefixed { separator: ".".to_owned() }
    }
}

/// Between which clusters, and how.
#[derive(Clone, Debug)]
pub struct CopierSettings {
    /// Bootstrap servers of the source.
    pub source: String,
    /// Bootstrap servers of the target.
    pub target: String,
    /// The replicator's name for the source.
    pub source_alias: String,
    /// The replicator's name for the target.
    pub target_alias: String,
    /// Names on the target.
    pub naming: CopyNaming,
    /// `offset.lag.max`: syncs of an undisturbed partition are this plus one apart. 0 writes one for each record.
    pub offset_lag_max: i64,
}

impl CopierSettings {
    /// MirrorMaker 2's defaults.
    pub fn new(source: &str, source_alias: &str, target: &str, target_alias: &str) -> Self {
        Self {
            source: source.to_owned(),
            target: target.to_owned(),
            source_alias: source_alias.to_owned(),
            target_alias: target_alias.to_owned(),
            naming: CopyNaming::default(),
            offset_lag_max: 100,
        }
    }
}

/// A topic that must exist before the copier works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededTopic {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: i32,
    /// On the target; else on the source.
    pub on_target: bool,
}

/// A record on its way to the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// As it will be written; `record.partition` is the target's.
    pub record: PlainRecord,
    /// Offset of the source record that this is the regular copy of, in the partition of the same number: an offset-sync
    /// may be written for it. `None` for everything else.
    pub source_offset: Option<i64>,
}

impl Carried {
    /// The regular copy of a record of `partition`.
    pub fn copy_of(read: PlainRead, partition: i32) -> Self {
        Self { source_offset: Some(read.offset), record: read.into_record(partition) }
    }
}

/// A checkpoint that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenCheckpoint {
    /// Consumer group.
    pub group: String,
    /// Topic on the target.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// What the group has committed on the source.
    pub upstream_offset: i64,
    /// Where it would resume on the target.
    pub downstream_offset: i64,
}

/// The replicator. Goes on where it was when it is asked to copy a topic again.
pub struct Copier {
    settings: CopierSettings,
    partitions: HashMap<(String, i32), CopiedPartition>,
    /// Upstream and downstream offset as last written, by group, source topic and partition.
    checkpoints: HashMap<(String, String, i32), (i64, i64)>,
}

#[derive(Default)]
struct CopiedPartition {
    next_offset: i64,
    syncs: PartitionSyncs,
}

impl Copier {
    /// Copies nothing yet and talks to nobody.
    pub fn new(settings: CopierSettings) -> Self {
        Self { settings, partitions: HashMap::new(), checkpoints: HashMap::new() }
    }

    /// The name of a source topic on the target.
    pub fn target_topic(&self, topic: &str) -> String {
        match &self.settings.naming {
            CopyNaming::Prefixed { separator } => format!("{}{separator}{topic}", self.settings.source_alias),
            CopyNaming::Identity => topic.to_owned(),
        }
    }

    /// Where offset-syncs go, on the source.
    pub fn offset_syncs_topic(&self) -> String {
        let dot = self.separator();
        format!("mm2-offset-syncs{dot}{}{dot}internal", self.settings.target_alias)
    }

    /// Where checkpoints go, on the target.
    pub fn checkpoints_topic(&self) -> String {
        let dot = self.separator();
        format!("{}{dot}checkpoints{dot}internal", self.settings.source_alias)
    }

    fn separator(&self) -> &str {
        match &self.settings.naming {
            CopyNaming::Prefixed { separator } => separator,
            CopyNaming::Identity => ".",
        }
    }

    /// The topics that must exist to copy these (name and partitions on the source), the internal ones included; not
    /// the source topics themselves.
    pub fn needed_topics(&self, topics: &[(&str, i32)]) -> Vec<NeededTopic> {
        let internal = [(self.offset_syncs_topic(), false), (self.checkpoints_topic(), true)];
        let internal =
            internal.into_iter().map(|(name, on_target)| NeededTopic { name, partitions: 1, on_target });
        let copies = topics.iter().map(|(topic, partitions)| NeededTopic {
            name: self.target_topic(topic),
            partitions: *partitions,
            on_target: true,
        });
        internal.chain(copies).collect()
    }

    /// Copies all that the topic has gained since the last time, aborted transactions included, as MirrorMaker 2's
    /// consumer reads by default. Returns the number of records written.
    ///
    /// # Errors
    /// If the topic can't be read to its present end, or a record or an offset-sync is not acknowledged. Tombstones,
    /// null keys, headers and timestamps arrive as they are; a record without a timestamp gets the present time.
    pub fn copy_topic(&mut self, topic: &str) -> Result<usize> {
        self.copy_topic_with(topic, |source| {
            let partitions = (0..).zip(source);
            partitions
                .flat_map(|(partition, records)| {
                    records.into_iter().map(move |record| Carried::copy_of(record, partition))
                })
                .collect()
        })
    }

    /// As [`Copier::copy_topic`], but `change` says what is written: it gets the new records of each source partition,
    /// and returns what goes to the target, each target partition in the order in which it is to be written.
    ///
    /// # Errors
    /// As [`Copier::copy_topic`].
    pub fn copy_topic_with(
        &mut self,
        topic: &str,
        change: impl FnOnce(Vec<Vec<PlainRead>>) -> Vec<Carried>,
    ) -> Result<usize> {
        let source = self.settings.source.clone();
        let partitions = partition_count(&source, topic)?;
        if partitions == 0 {
            return Err(Error::Misuse(format!(
                "no topic {topic} at {source}: create and fill it before it is copied"
            )));
        }
        let mut read = Vec::new();
        for partition in 0..partitions {
            let copied = self.partitions.entry((topic.to_owned(), partition)).or_default();
            let records =
                read_from(&source, topic, partition, copied.next_offset, Isolation::ReadUncommitted)?;
            copied.next_offset = records.last().map_or(copied.next_offset, |last| last.offset + 1);
            read.push(records);
        }
        let carried = change(read);
        let syncs = self.write(topic, &carried)?;
        produce_with(&source, &self.offset_syncs_topic(), &options(), syncs)?;
        Ok(carried.len())
    }

    /// Writes to the target; returns the offset-syncs that follow, as records.
    fn write(&mut self, topic: &str, carried: &[Carried]) -> Result<Vec<PlainRecord>> {
        let producer = OffsetProducer::new(&self.settings.target, &self.target_topic(topic), &options())?;
        for (index, Carried { record, .. }) in carried.iter().enumerate() {
            producer.send(record, index)?;
        }
        let placed = producer.flush(carried.len())?;
        let now = now_ms();
        let mut records = Vec::new();
        let mut written = |partition: i32, sync: OffsetSync| {
            let value = wire::offset_sync_value(sync.upstream, sync.downstream);
            records.push(internal_record(wire::offset_sync_key(topic, partition), value, now));
        };
        for Placed { index, partition, offset } in placed {
            let Some(upstream) = carried[index].source_offset else { continue };
            let copied = self.partitions.entry((topic.to_owned(), partition)).or_default();
            if let Some(sync) = copied.syncs.copied(upstream, offset, self.settings.offset_lag_max) {
                written(partition, sync);
            }
        }
        let mut of_topic: Vec<_> =
            self.partitions.iter_mut().filter(|((name, _), _)| name == topic).collect();
        of_topic.sort_by_key(|((_, partition), _)| *partition);
        for ((_, partition), copied) in of_topic {
            if let Some(sync) = copied.syncs.flush() {
                written(*partition, sync);
            }
        }
        Ok(records)
    }

    /// Reads what these groups have committed on the source for the topics copied so far, translates it by
    /// MirrorMaker 2's rule, and writes a checkpoint for each position that is new: the first one, one that went back
    /// on the source, one that went on on the target. Returns those written.
    ///
    /// # Errors
    /// If a group's commits can't be read, or a checkpoint is not acknowledged.
    pub fn write_checkpoints(&mut self, groups: &[&str]) -> Result<Vec<WrittenCheckpoint>> {
        let mut asked: Vec<(String, i32)> = self.partitions.keys().cloned().collect();
        asked.sort();
        let mut written = Vec::new();
        for group in groups {
            let committed = committed_offsets(&self.settings.source, group, &asked)?;
            for ((topic, partition), committed) in asked.iter().zip(committed) {
                let Some(upstream) = committed else { continue };
                let copied = &self.partitions[&(topic.clone(), *partition)];
                let Some(downstream) = copied.syncs.translate(upstream) else { continue };
                let key = ((*group).to_owned(), topic.clone(), *partition);
                let before = self.checkpoints.insert(key, (upstream, downstream));
                if before.is_some_and(|(up, down)| upstream >= up && downstream <= down) {
                    continue;
                }
                written.push(WrittenCheckpoint {
                    group: (*group).to_owned(),
                    topic: self.target_topic(topic),
                    partition: *partition,
                    upstream_offset: upstream,
                    downstream_offset: downstream,
                });
            }
        }
        let now = now_ms();
        let records = written.iter().map(|checkpoint| {
            let key = wire::checkpoint_key(&checkpoint.group, &checkpoint.topic, checkpoint.partition);
            let value = wire::checkpoint_value(checkpoint.upstream_offset, checkpoint.downstream_offset);
            internal_record(key, value, now)
        });
        produce_with(&self.settings.target, &self.checkpoints_topic(), &options(), records)?;
        Ok(written)
    }
}

/// As MirrorMaker 2's producers: in order, but not idempotent.
fn options() -> ProduceOptions {
    let properties = [("enable.idempotence", "false"), ("max.in.flight.requests.per.connection", "1")];
    ProduceOptions {
        properties: properties.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..ProduceOptions::default()
    }
}

fn internal_record(key: Vec<u8>, value: Vec<u8>, timestamp: i64) -> PlainRecord {
    PlainRecord { partition: 0, key: Some(key), value: Some(value), headers: Vec::new(), timestamp }
}

fn now_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
