//! MirrorMaker 2's own topics, read whole: the last record of each key wins. Translates nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::super::mm2::{self, Checkpoint, CheckpointKey, OffsetSyncKey};
use super::PlanError;
use super::view::ClusterView;
use crate::record::TopicPartition;

/// The checkpoints that hold now, and what could not be read.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    pub by_key: BTreeMap<CheckpointKey, Checkpoint>,
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
                out.by_key.insert(key, checkpoint);
            }
            Ok(None) => {
                if let Ok(key) = mm2::parse_checkpoint_key(record.key.as_deref()) {
                    out.by_key.remove(&key);
                }
            }
            Err(error) => unreadable.note(record.offset, &error),
        }
    })?;
    out.remarks.extend(unreadable.remark(cluster.alias(), &partition));
    Ok(out)
}

/// The source partitions for which there is an offset-sync; `None` where the topic is not there.
pub(super) fn synced_partitions(
    cluster: &dyn ClusterView,
    existing: &BTreeMap<String, i32>,
    names: &[String],
) -> Result<Option<BTreeSet<OffsetSyncKey>>, PlanError> {
    let Some(topic) = names.iter().find(|name| existing.contains_key(*name)) else { return Ok(None) };
    let mut out = BTreeSet::new();
    cluster.read_all(&TopicPartition::new(topic, 0), &mut |record| {
        let Ok(key) = mm2::parse_offset_sync_key(record.key.as_deref()) else { return };
        match mm2::parse_offset_sync(record.key.as_deref(), record.value.as_deref()) {
            Ok(Some(_)) => {
                out.insert(key);
            }
            Ok(None) => {
                out.remove(&key);
            }
            Err(_) => {}
        }
    })?;
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

    fn remark(self, alias: &str, partition: &TopicPartition) -> Option<String> {
        let (offset, error) = self.first?;
        Some(format!(
            "{} records of {partition} on \"{alias}\" are no checkpoints; the first, at offset {offset}: {error}",
            self.count
        ))
    }
}
