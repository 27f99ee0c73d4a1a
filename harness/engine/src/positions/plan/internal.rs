//! MirrorMaker 2's own topics, read whole: the last checkpoint of each key, and for each partition what its offset-syncs
//! come to. Decides no position.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::mm2::{self, Checkpoint, CheckpointKey};
use super::super::syncs::{SyncPoint, SyncStore, Translation};
use super::PlanError;
use super::view::ClusterView;
use crate::record::TopicPartition;

/// A checkpoint and when it was written, in milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeenCheckpoint {
    pub checkpoint: Checkpoint,
    pub written_ms: i64,
}

/// The checkpoints that hold now, and what could not be read.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    pub by_key: BTreeMap<CheckpointKey, SeenCheckpoint>,
    pub remarks: Vec<String>,
}

/// Reads the first of the topics that exists. A record that is no checkpoint is remarked, not fatal.
pub(super) fn checkpoints(
    cluster: &dyn ClusterView,
    existing: &BTreeMap<String, i32>,
    names: &[String],
) -> Result<Checkpoints, PlanError> {
    let mut out = Checkpoints::default();
    let Some(topic) = names.iter().find(|name| existing.contains_key(*name)) else {
        out.remarks.push(format!(
            "target \"{}\" shows no topic {}: MirrorMaker 2 writes no checkpoints there, or it may not be read",
            cluster.alias(),
            names.join(" or ")
        ));
        return Ok(out);
    };
    let partition = TopicPartition::new(topic, 0);
    let mut unreadable = Unreadable::default();
    cluster.read_all(&partition, &mut |record| {
        let parsed = mm2::parse_checkpoint(record.key.as_deref(), record.value.as_deref());
        match parsed {
            Ok(Some(checkpoint)) => {
                let Checkpoint { group, topic, partition, .. } = &checkpoint;
                let key = CheckpointKey { group: group.clone(), topic: topic.clone(), partition: *partition };
                out.by_key.insert(key, SeenCheckpoint { checkpoint, written_ms: record.timestamp });
            }
            Ok(None) => {
                if let Ok(key) = mm2::parse_checkpoint_key(record.key.as_deref()) {
                    out.by_key.remove(&key);
                }
            }
            Err(error) => {
                // An older one is no longer what a client would be given.
                if let Ok(key) = mm2::parse_checkpoint_key(record.key.as_deref()) {
                    out.by_key.remove(&key);
                }
                unreadable.note(record.offset, &error);
            }
        }
    })?;
    out.remarks.extend(unreadable.remark(cluster.alias(), &partition, "checkpoints"));
    Ok(out)
}

/// A sync that contradicts those before it: it puts a source record lower on the target than they allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retreat {
    /// The newest sync before it.
    pub before: SyncPoint,
    /// The sync itself.
    pub after: SyncPoint,
    /// When it was written, in milliseconds since the epoch.
    pub written_ms: i64,
}

/// What one partition's offset-syncs come to.
#[derive(Clone, Debug)]
pub(super) struct PartitionSyncs {
    pub store: SyncStore,
    pub count: u64,
    pub first: SyncPoint,
    pub newest: SyncPoint,
    /// The last that contradicts those before it.
    pub retreat: Option<Retreat>,
    /// Commits and positions among those asked for that some prefix of the syncs gives, since the last retreat.
    explained: BTreeSet<(i64, i64)>,
}

impl PartitionSyncs {
    fn new(first: SyncPoint) -> Self {
        let (store, explained) = (SyncStore::new(first), BTreeSet::new());
        Self { store, count: 1, first, newest: first, retreat: None, explained }
    }

    fn add(&mut self, point: SyncPoint, written_ms: i64) {
        let allowed = self.store.translate(point.upstream);
        if matches!(allowed, Translation::At { offset, .. } if point.downstream < offset) {
            self.retreat = Some(Retreat { before: self.newest, after: point, written_ms });
            self.explained.clear();
        }
        self.store.add(point);
        self.count += 1;
        self.newest = point;
    }

    /// Whether MirrorMaker 2 gave this position for this commit at some time, as far as the syncs that are left show.
    pub fn explains(&self, upstream: i64, downstream: i64) -> bool {
        self.explained.contains(&(upstream, downstream))
    }
}

/// The offset-syncs of the partitions that were asked for.
#[derive(Debug, Default)]
pub(super) struct OffsetSyncs {
    pub by_partition: HashMap<TopicPartition, PartitionSyncs>,
    pub remarks: Vec<String>,
}

/// For each source partition the positions to be explained: by position on the target, the commits.
pub(super) type Expected = HashMap<TopicPartition, HashMap<i64, Vec<i64>>>;

/// Reads the first of the topics that exists, once; `None` where there is none. Keeps what is said about the
/// partitions in `expected`.
pub(super) fn offset_syncs(
    cluster: &dyn ClusterView,
    existing: &BTreeMap<String, i32>,
    names: &[String],
    expected: &Expected,
) -> Result<Option<OffsetSyncs>, PlanError> {
    let Some(topic) = names.iter().find(|name| existing.contains_key(*name)) else { return Ok(None) };
    let partition = TopicPartition::new(topic, 0);
    let mut out = OffsetSyncs::default();
    let mut unreadable = Unreadable::default();
    cluster.read_all(&partition, &mut |record| {
        let key = match mm2::parse_offset_sync_key(record.key.as_deref()) {
            Ok(key) => TopicPartition { topic: key.topic, partition: key.partition },
            Err(error) => return unreadable.note(record.offset, &error),
        };
        let Some(wanted) = expected.get(&key) else { return };
        let point = match mm2::parse_offset_sync(record.key.as_deref(), record.value.as_deref()) {
            Ok(Some(sync)) => {
                SyncPoint { upstream: sync.upstream_offset, downstream: sync.downstream_offset }
            }
            Ok(None) => {
                out.by_partition.remove(&key);
                return;
            }
            Err(error) => return unreadable.note(record.offset, &error),
        };
        let known = match out.by_partition.entry(key) {
            std::collections::hash_map::Entry::Occupied(known) => {
                let known = known.into_mut();
                known.add(point, record.timestamp);
                known
            }
            std::collections::hash_map::Entry::Vacant(none) => none.insert(PartitionSyncs::new(point)),
        };
        // The newest sync is always used for the commits after it, so it is enough to look at it.
        for offset in [point.downstream, point.downstream.saturating_add(1)] {
            let commits = wanted.get(&offset).into_iter().flatten();
            let given = commits.filter(|commit| point.translates(**commit) == Some(offset));
            known.explained.extend(given.map(|commit| (*commit, offset)));
        }
    })?;
    out.remarks.extend(unreadable.remark(cluster.alias(), &partition, "offset-syncs"));
    Ok(Some(out))
}

#[derive(Default)]
struct Unreadable {
    count: u64,
    first: Option<(i64, String)>,
}

impl Unreadable {
    fn note(&mut self, offset: i64, error: &mm2::Mm2Error) {
        self.count += 1;
        self.first.get_or_insert_with(|| (offset, error.to_string()));
    }

    fn remark(self, alias: &str, partition: &TopicPartition, what: &str) -> Option<String> {
        let (offset, error) = self.first?;
        Some(format!(
            "{} records of {partition} on \"{alias}\" are no {what}; the first, at offset {offset}: {error}",
            self.count
        ))
    }
}
