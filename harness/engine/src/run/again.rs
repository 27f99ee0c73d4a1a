//! Reads parts of one pair again: for alignment where the sides differ, and payloads for what is reported.

use std::collections::{HashMap, HashSet};

use crate::align::{Item, Log, LogError};
use crate::cancel::CancelToken;
use crate::consume::{ReadEnd, Reader, ReaderError, bounded_prefetch};
use crate::fingerprint::Fingerprinter;
use crate::kafka::Cluster;
use crate::positions::PairPlan;
use crate::record::{Isolation, OffsetRange, Record, RecordView, Side, TopicPartition};

use super::drive::{STALL_LIMIT, item};
use super::holes::Holes;

/// Offsets nearer than this to each other are read in one go.
pub(super) const BRIDGE: i64 = 2_000;

/// Bytes that a client fetches ahead: readings are short, or go over one partition only.
const PREFETCH: u64 = 16 << 20;

/// Records in the client's queue at which it asks for no more. What a broker answers just after a partition was let go,
/// librdkafka keeps until that partition is read again: short readings over many partitions should leave no question open.
const ENOUGH: &str = "1000";

/// One open client a side and isolation level, for reading again.
pub(super) struct Readers<'a> {
    clusters: [&'a Cluster; 2],
    open: HashMap<(Side, bool), Reader>,
    cancel: &'a CancelToken,
    /// What could not be read so far; it is left out without another try.
    pub holes: Holes,
    /// Partitions that gave nothing for the stall limit: they are not waited for once more.
    pub stalled: HashSet<(Side, TopicPartition)>,
}

impl<'a> Readers<'a> {
    pub fn new(clusters: [&'a Cluster; 2], cancel: &'a CancelToken) -> Self {
        Self { clusters, open: HashMap::new(), cancel, holes: Holes::default(), stalled: HashSet::new() }
    }

    /// Whether the run was stopped: what is read from then on is not read to its end.
    pub fn stopped(&self) -> bool {
        self.cancel.cancelled().is_some()
    }

    /// Visits the records of `range` until `visit` returns `false`.
    pub fn read(
        &mut self,
        side: Side,
        isolation: Isolation,
        partition: &TopicPartition,
        range: OffsetRange,
        mut visit: impl FnMut(&RecordView<'_>) -> bool,
    ) -> Result<ReadEnd, ReaderError> {
        let key = (side, isolation == Isolation::ReadCommitted);
        if !self.open.contains_key(&key) {
            let mut config = self.clusters[side as usize].reader_config(isolation);
            if config.get("queued.min.messages").is_none() {
                config.set("queued.min.messages", ENOUGH);
            }
            let config = bounded_prefetch(config, PREFETCH, 1);
            self.open.insert(key, Reader::open_for_short_reads(side, &config, STALL_LIMIT)?);
        }
        let reader = self.open.get_mut(&key).expect("opened above");
        if range.start < range.end && self.stalled.contains(&(side, partition.clone())) {
            return Ok(ReadEnd::Stalled { at: range.start });
        }
        let mut wanted = true;
        for range in self.holes.readable(side, partition, range) {
            let mut holes = Vec::new();
            let end = reader.read_range(partition, range, self.cancel, &mut holes, |view| {
                wanted = visit(view);
                wanted
            })?;
            self.holes.add(side, partition, holes);
            if end != ReadEnd::ReachedEnd || !wanted {
                return Ok(end);
            }
        }
        Ok(ReadEnd::ReachedEnd)
    }

    /// Fetches the records at `offsets` (ascending). What is no longer there is left out.
    pub fn fetch(
        &mut self,
        side: Side,
        isolation: Isolation,
        partition: &TopicPartition,
        offsets: &[i64],
    ) -> Result<HashMap<i64, Record>, ReaderError> {
        let mut records = HashMap::new();
        for near in offsets.chunk_by(|a, b| b - a < BRIDGE) {
            let (Some(&first), Some(&last)) = (near.first(), near.last()) else { continue };
            let mut wanted = near.iter().copied().peekable();
            let range = OffsetRange { start: first, end: last + 1 };
            let end = self.read(side, isolation, partition, range, |view| {
                while wanted.next_if(|&offset| offset < view.offset).is_some() {}
                if wanted.next_if_eq(&view.offset).is_some() {
                    records.insert(view.offset, view.to_record());
                }
                true
            })?;
            if end != ReadEnd::ReachedEnd {
                tracing::warn!(%side, %partition, ?end, "records to be reported cannot be fetched again");
            }
        }
        Ok(records)
    }
}

/// One pair's two logs, as far as the run has read them.
pub(super) struct PairLog<'r, 'a> {
    pub readers: &'r mut Readers<'a>,
    pub pair: &'r PairPlan,
    pub fingerprinter: Fingerprinter,
    /// One past the last offset of the first reading: nothing after it is looked at.
    pub read_to: [i64; 2],
}

impl Log for PairLog<'_, '_> {
    fn read(
        &mut self,
        side: Side,
        range: OffsetRange,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        let partition = self.pair.partition(side);
        let range = OffsetRange { start: range.start, end: range.end.min(self.read_to[side as usize]) };
        let fingerprinter = &self.fingerprinter;
        let end = self
            .readers
            .read(side, self.pair.contract.isolation, partition, range, |view| {
                visit(&item(fingerprinter, view))
            })
            .map_err(|error| LogError(error.to_string()))?;
        match end {
            _ if self.readers.cancel.cancelled().is_some() => Err(LogError("stopped".to_owned())),
            ReadEnd::ReachedEnd => Ok(()),
            other => Err(LogError(format!(
                "{partition} of the {side} could not be read again from offset {} to {}: {other:?}",
                range.start, range.end
            ))),
        }
    }
}
