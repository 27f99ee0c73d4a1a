//! Learns what the headroom of a position depends on: topic settings, the record there, sizes, the write rate.
//! Computes nothing itself.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::headroom::{Headroom, Sample, headroom, settled};
use super::look::Look;
use crate::inventory::{TopicInfo, topic_info};
use crate::kafka::{Cluster, KafkaError, LogBounds};
use crate::record::{Isolation, OffsetRange, RecordView, Side, TopicPartition};
use crate::run::RunError;

/// Records whose sizes are sampled at a position.
const SAMPLED: u64 = 200;
const HOUR_MS: i64 = 3_600_000;
/// Of a record in a batch: lengths, offset and time deltas.
const RECORD_OVERHEAD: u64 = 10;

/// The headroom of positions, each looked up once.
pub(super) struct Retention {
    settings: [BTreeMap<String, TopicInfo>; 2],
    now_ms: i64,
    known: HashMap<(Side, TopicPartition, i64), Headroom>,
}

impl Retention {
    /// Asks each side for its topics' settings.
    pub fn learn(
        clusters: [&Cluster; 2],
        topics: [&BTreeSet<String>; 2],
        now_ms: i64,
    ) -> Result<Self, KafkaError> {
        let of = |side: usize| -> Result<BTreeMap<String, TopicInfo>, KafkaError> {
            let names: Vec<&str> = topics[side].iter().map(String::as_str).collect();
            let configs = clusters[side].topic_configs(&names)?.unwrap_or_default();
            Ok(configs.into_iter().map(|(name, config)| (name, topic_info(0, false, &config))).collect())
        };
        Ok(Self { settings: [of(0)?, of(1)?], now_ms, known: HashMap::new() })
    }

    /// How long the record at `offset`, or the next one, will still be there.
    pub fn headroom(
        &mut self,
        look: &mut Look<'_>,
        side: Side,
        isolation: Isolation,
        partition: &TopicPartition,
        offset: i64,
        log: LogBounds,
    ) -> Result<Headroom, RunError> {
        if offset >= log.end {
            return Ok(Headroom::NoRecord);
        }
        if offset < log.log_start {
            return Ok(Headroom::Gone);
        }
        let key = (side, partition.clone(), offset);
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let topic = self.settings[side as usize].get(&partition.topic).cloned().unwrap_or_default();
        let found = match settled(&topic) {
            Some(settled) => settled,
            None => {
                let sized = topic.retention_bytes.is_some_and(|limit| limit >= 0);
                match sample(look, side, isolation, partition, offset, log, self.now_ms, sized)? {
                    Some(sample) => headroom(&topic, sample, self.now_ms),
                    None => Headroom::NotKnown { detail: "the record cannot be read".to_owned() },
                }
            }
        };
        self.known.insert(key, found.clone());
        Ok(found)
    }
}

#[allow(clippy::too_many_arguments)] // one place on one side, and what is asked of it
fn sample(
    look: &mut Look<'_>,
    side: Side,
    isolation: Isolation,
    partition: &TopicPartition,
    offset: i64,
    log: LogBounds,
    now_ms: i64,
    sized: bool,
) -> Result<Option<Sample>, RunError> {
    let (mut timestamp, mut records, mut bytes) = (None, 0, 0);
    let wanted = if sized { SAMPLED } else { 1 };
    let range = OffsetRange { start: offset, end: log.end };
    look.read(side, isolation, partition, range, |view| {
        timestamp.get_or_insert(view.timestamp);
        records += 1;
        bytes += size(view);
        records < wanted
    })?;
    if timestamp.is_none() {
        return Ok(None);
    }
    if !sized {
        return Ok(Some(Sample { timestamp, ..Sample::default() }));
    }
    let since = [(partition.clone(), now_ms - HOUR_MS)];
    let an_hour_ago = look.cluster(side).offsets_for_times(&since)?.remove(partition).flatten();
    let bytes_of =
        |from: i64| log.end.saturating_sub(from).max(0).unsigned_abs().saturating_mul(bytes) / records;
    Ok(Some(Sample {
        timestamp,
        bytes_behind: Some(bytes_of(offset)),
        bytes_per_hour: Some(an_hour_ago.map_or(0, bytes_of)),
    }))
}

/// Uncompressed; in a compressed batch it takes less, so that the estimate errs on the early side.
fn size(view: &RecordView<'_>) -> u64 {
    let of = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let headers: usize = view.headers.iter().map(|header| header.name.len() + of(header.value)).sum();
    (of(view.key) + of(view.value) + headers) as u64 + RECORD_OVERHEAD
}
