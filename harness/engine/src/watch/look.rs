//! Reads parts of both clusters' logs and says why a part could not be read whole. Interprets nothing.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use crate::cancel::CancelToken;
use crate::consume::{ReadEnd, Reader, Stalls};
use crate::kafka::Cluster;
use crate::record::{Isolation, OffsetRange, Record, RecordView, Side, TopicPartition};
use crate::run::RunError;

/// A partition that gives nothing for so long is given up.
const STALL_LIMIT: Duration = Duration::from_secs(45);

/// One open client for each side and isolation level.
pub(super) struct Look<'a> {
    clusters: [&'a Cluster; 2],
    open: HashMap<(Side, bool), Reader>,
    stalls: [Stalls; 2],
    cancel: CancelToken,
}

impl<'a> Look<'a> {
    pub fn new(clusters: [&'a Cluster; 2]) -> Self {
        let stalls = [(), ()].map(|()| Stalls::new(STALL_LIMIT));
        Self { clusters, open: HashMap::new(), stalls, cancel: CancelToken::default() }
    }

    pub fn cluster(&self, side: Side) -> &'a Cluster {
        self.clusters[side as usize]
    }

    /// Visits the records of `range` until `visit` returns `false`. A sentence where not all could be read.
    pub fn read(
        &mut self,
        side: Side,
        isolation: Isolation,
        partition: &TopicPartition,
        range: OffsetRange,
        visit: impl FnMut(&RecordView<'_>) -> bool,
    ) -> Result<Option<String>, RunError> {
        if range.start >= range.end {
            return Ok(None);
        }
        let place = format!("{partition} of the {side}");
        let stalls = &mut self.stalls[side as usize];
        if stalls.has_given_up(partition) {
            return Ok(Some(format!("{place} gave no record before: it is not waited for again")));
        }
        let patience = stalls.patience(partition);
        let cluster = self.clusters[side as usize];
        let key = (side, isolation == Isolation::ReadCommitted);
        let reader = match self.open.entry(key) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(place) => {
                let config = cluster.reader_config(isolation);
                place.insert(Reader::open_for_short_reads(side, &config, STALL_LIMIT)?)
            }
        };
        reader.wait_for_first(patience);
        let mut holes = Vec::new();
        let end = reader.read_range(partition, range, &self.cancel, &mut holes, visit)?;
        let led_beside = |within| cluster.led_beside(partition, within);
        let waited = stalls.note(partition, range, &end, led_beside).unwrap_or(STALL_LIMIT);
        if matches!(end, ReadEnd::Stalled { .. }) {
            // The connection may be dead and the broker not: the next one is read with a new client.
            self.open.remove(&key);
        }
        Ok(match (end, holes.first()) {
            (ReadEnd::ReachedEnd, None) => None,
            (ReadEnd::ReachedEnd, Some(hole)) => Some(format!(
                "{place}: offsets {} to {} cannot be read: {}",
                hole.range.start, hole.range.end, hole.detail
            )),
            (ReadEnd::OutOfRange { asked, detail }, _) => {
                Some(format!("{place}: offset {asked} is not there any more: {detail}"))
            }
            (ReadEnd::Stalled { at }, _) => {
                Some(format!("{place} gave no record for {} s at offset {at}", waited.as_secs()))
            }
            (ReadEnd::Failed { at, detail }, _) => {
                Some(format!("{place} cannot be read on from offset {at}: {detail}"))
            }
        })
    }

    /// The record at `offset`; `None` where none can be read there.
    pub fn record(
        &mut self,
        side: Side,
        isolation: Isolation,
        partition: &TopicPartition,
        offset: i64,
    ) -> Result<Option<Record>, RunError> {
        let mut found = None;
        let range = OffsetRange { start: offset, end: offset + 1 };
        let unread = self.read(side, isolation, partition, range, |view| {
            found = (view.offset == offset).then(|| view.to_record());
            false
        })?;
        Ok(found.filter(|_| unread.is_none()))
    }
}
