//! How far MirrorMaker 2 has come, by what it has left on the clusters: the source offsets that it committed, and its
//! checkpoints. An offset difference says nothing here: a partition is done when no record is left after its position.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

use super::options::MirrorOptions;
use crate::client::{Isolation, log_ends, partition_count, read_all, read_from};
use crate::error::{Error, Result};
use crate::record::PlainRead;

/// A source partition that is not copied to its end yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyGap {
    /// Source topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// The last source offset that was copied and committed, if any.
    pub copied: Option<i64>,
    /// The source's log end offset.
    pub end: i64,
}

impl fmt::Display for CopyGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, partition, copied, end } = self;
        match copied {
            Some(copied) => {
                write!(f, "{topic}-{partition} is copied up to offset {copied}, its end is {end}")
            }
            None => write!(f, "{topic}-{partition} is not copied at all, its end is {end}"),
        }
    }
}

/// Log end offset by source topic and partition, where there is a record at all.
pub(super) type SourceEnds = BTreeMap<(String, i32), i64>;

/// The source partitions that are not copied to the end that they have now.
///
/// # Errors
/// If a topic does not exist or a cluster does not answer.
pub fn copy_gaps(options: &MirrorOptions, source_topics: &[&str]) -> Result<Vec<CopyGap>> {
    gaps_before(options, &source_ends(options, source_topics)?, &|_| false)
}

pub(super) fn source_ends(options: &MirrorOptions, source_topics: &[&str]) -> Result<SourceEnds> {
    let mut ends = SourceEnds::new();
    for topic in source_topics {
        for (partition, log) in (0..).zip(log_ends(&options.source_bootstrap, topic)?) {
            if log.end > log.start {
                ends.insert(((*topic).to_owned(), partition), log.end);
            }
        }
    }
    Ok(ends)
}

pub(super) fn gaps_before(
    options: &MirrorOptions,
    ends: &SourceEnds,
    dropped: &impl Fn(&PlainRead) -> bool,
) -> Result<Vec<CopyGap>> {
    let committed = committed_source_offsets(options)?;
    let mut gaps = Vec::new();
    for ((topic, partition), end) in ends {
        let copied = committed.get(&(topic.clone(), *partition)).copied();
        let next = copied.map_or(0, |copied| copied + 1);
        if next < *end && holds_records(options, topic, *partition, next, *end, dropped)? {
            gaps.push(CopyGap { topic: topic.clone(), partition: *partition, copied, end: *end });
        }
    }
    Ok(gaps)
}

/// Whether the source has records for the replicator in `from..end`; there may be only markers, or aborted records.
fn holds_records(
    options: &MirrorOptions,
    topic: &str,
    partition: i32,
    from: i64,
    end: i64,
    dropped: &impl Fn(&PlainRead) -> bool,
) -> Result<bool> {
    let isolation = if options.exactly_once { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
    let rest = read_from(&options.source_bootstrap, topic, partition, from, isolation)?;
    Ok(rest.iter().any(|record| record.offset < end && !dropped(record)))
}

/// The last source offset that was copied, by source topic and partition, from Connect's offsets topic.
fn committed_source_offsets(options: &MirrorOptions) -> Result<BTreeMap<(String, i32), i64>> {
    let mut offsets = BTreeMap::new();
    for record in read_if_there(&options.target_bootstrap, &options.connect_offsets_topic())? {
        let Some((position, offset)) = source_offset(&record) else { continue };
        match offset {
            Some(offset) => offsets.insert(position, offset),
            None => offsets.remove(&position),
        };
    }
    Ok(offsets)
}

/// A record of Connect's offsets topic, if it is one of the source connector: topic-partition, and the offset that was
/// read last (`None` for a tombstone).
fn source_offset(record: &PlainRead) -> Option<((String, i32), Option<i64>)> {
    let key: Value = serde_json::from_slice(record.key.as_deref()?).ok()?;
    let (connector, position) = (key.get(0)?.as_str()?, key.get(1)?);
    if connector != "MirrorSourceConnector" {
        return None;
    }
    let topic = position.get("topic")?.as_str()?.to_owned();
    let partition = i32::try_from(position.get("partition")?.as_i64()?).ok()?;
    let value: Option<Value> = record.value.as_deref().and_then(|value| serde_json::from_slice(value).ok());
    Some(((topic, partition), value.and_then(|value| value.get("offset")?.as_i64())))
}

/// The target topic-partitions that have a checkpoint of the group.
pub(super) fn checkpointed(options: &MirrorOptions, group: &str) -> Result<BTreeSet<(String, i32)>> {
    let records = read_if_there(&options.target_bootstrap, &options.checkpoints_topic())?;
    let keys = records.iter().map(|record| {
        let key = record.key.as_deref().unwrap_or_default();
        checkpoint_key(key).ok_or_else(|| Error::BadAnswer {
            bootstrap: options.target_bootstrap.clone(),
            what: format!("no checkpoint at offset {} of {}", record.offset, options.checkpoints_topic()),
        })
    });
    let keys = keys.collect::<Result<Vec<_>>>()?;
    Ok(keys
        .into_iter()
        .filter(|(of, _, _)| of == group)
        .map(|(_, topic, partition)| (topic, partition))
        .collect())
}

/// Group, target topic and partition.
fn checkpoint_key(key: &[u8]) -> Option<(String, String, i32)> {
    let (group, rest) = take_string(key)?;
    let (topic, rest) = take_string(rest)?;
    Some((group, topic, i32::from_be_bytes(rest.try_into().ok()?)))
}

fn take_string(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (text, rest) = rest.split_at_checked(usize::try_from(i16::from_be_bytes(*length)).ok()?)?;
    Some((String::from_utf8(text.to_vec()).ok()?, rest))
}

/// The source offset of the last offset-sync that was written for the source partition.
pub(super) fn newest_sync(options: &MirrorOptions, topic: &str, partition: i32) -> Result<Option<i64>> {
    let bootstrap =
        if options.offset_syncs_on_target { &options.target_bootstrap } else { &options.source_bootstrap };
    let records = read_if_there(bootstrap, &options.offset_syncs_topic())?;
    Ok(records.iter().rev().find_map(|record| {
        let (of, upstream) = sync(record)?;
        (of == (topic.to_owned(), partition)).then_some(upstream)
    }))
}

/// Source topic-partition and source offset of an offset-sync.
fn sync(record: &PlainRead) -> Option<((String, i32), i64)> {
    let (topic, rest) = take_string(record.key.as_deref()?)?;
    let (upstream, _) = record.value.as_deref()?.split_first_chunk::<8>()?;
    Some(((topic, i32::from_be_bytes(rest.try_into().ok()?)), i64::from_be_bytes(*upstream)))
}

/// Everything in partition 0 of a topic; nothing while MirrorMaker 2 has not made it.
fn read_if_there(bootstrap: &str, topic: &str) -> Result<Vec<PlainRead>> {
    if partition_count(bootstrap, topic)? == 0 {
        return Ok(Vec::new());
    }
    // An offset that belongs to an unfinished transaction is no evidence.
    read_all(bootstrap, topic, 0, Isolation::ReadCommitted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::PlainTimestampType;

    fn record(key: &str, value: Option<&str>) -> PlainRead {
        PlainRead {
            offset: 0,
            timestamp: 1,
            timestamp_type: PlainTimestampType::CreateTime,
            key: Some(key.as_bytes().to_vec()),
            value: value.map(|value| value.as_bytes().to_vec()),
            headers: Vec::new(),
        }
    }

    #[test]
    fn source_offsets_are_read_from_connects_records() {
        let key = r#"["MirrorSourceConnector",{"cluster":"src","partition":2,"topic":"orders"}]"#;
        let position = ("orders".to_owned(), 2);
        assert_eq!(source_offset(&record(key, Some(r#"{"offset":41}"#))), Some((position.clone(), Some(41))));
        assert_eq!(source_offset(&record(key, None)), Some((position, None)));
        let other = r#"["MirrorCheckpointConnector",{"group":"g","topic":"orders","partition":2}]"#;
        assert_eq!(source_offset(&record(other, Some(r#"{"offset":0}"#))), None);
    }

    #[test]
    fn offset_syncs_are_read_as_mirrormaker_writes_them() {
        let value = [101_i64, 99].map(i64::to_be_bytes).concat();
        let written = |key: &[u8], value: Option<Vec<u8>>| PlainRead {
            key: Some(key.to_vec()),
            value,
            ..record("", None)
        };
        let key = b"\x00\x06orders\x00\x00\x00\x02";
        assert_eq!(sync(&written(key, Some(value.clone()))), Some((("orders".to_owned(), 2), 101)));
        assert_eq!(sync(&written(&key[..8], Some(value))), None);
        assert_eq!(sync(&written(key, None)), None);
    }

    #[test]
    fn checkpoint_keys_are_read_as_mirrormaker_writes_them() {
        let key = b"\x00\x04g500\x00\x0asrc.orders\x00\x00\x00\x07";
        assert_eq!(checkpoint_key(key), Some(("g500".to_owned(), "src.orders".to_owned(), 7)));
        assert_eq!(checkpoint_key(&key[..key.len() - 1]), None);
        assert_eq!(checkpoint_key(b""), None);
    }
}
