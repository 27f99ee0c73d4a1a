//! One reader for many commits: what one of them needed is there for the next. Counts what it reads; decides nothing.

use super::super::locate::{Placed, Spans};
use super::PlanError;
use super::view::{Glimpse, SmallReader};
use crate::record::{OffsetRange, TopicPartition};

/// Records that are kept at most.
const KEPT: usize = 1 << 16;

impl Placed for Glimpse {
    fn offset(&self) -> i64 {
        self.offset
    }
}

/// A reader that reads no record twice while it is kept.
pub(super) struct SharedReader<'c> {
    reader: Box<dyn SmallReader + 'c>,
    spans: Spans<TopicPartition, Glimpse>,
    /// Records that are read beyond those asked for, because others ask for them next.
    pub ahead: usize,
    /// Records that were read so far.
    pub records_read: u64,
}

impl<'c> SharedReader<'c> {
    pub fn new(reader: Box<dyn SmallReader + 'c>) -> Self {
        Self { reader, spans: Spans::new(KEPT), ahead: 0, records_read: 0 }
    }

    /// As [`SmallReader::read`].
    pub fn read(
        &mut self,
        partition: &TopicPartition,
        range: OffsetRange,
        max_records: usize,
    ) -> Result<Vec<Glimpse>, PlanError> {
        let mut out = Vec::new();
        let mut next = range.start;
        while next < range.end && out.len() < max_records {
            let left = max_records - out.len();
            let fetched;
            let (records, to) = match self.spans.known(partition, next) {
                Some(known) => known,
                None => {
                    let wanted = left.saturating_add(self.ahead);
                    let rest = OffsetRange { start: next, end: range.end };
                    fetched = self.reader.read(partition, rest, wanted)?;
                    self.records_read += fetched.len() as u64;
                    let last = fetched.last().filter(|_| fetched.len() >= wanted);
                    let to = last.map_or(range.end, |last| last.offset + 1);
                    self.spans.keep(partition.clone(), next, to, &fetched);
                    (&fetched[..], to)
                }
            };
            let inside = records.iter().take_while(|record| record.offset < range.end);
            out.extend(inside.take(left).copied());
            next = to;
        }
        Ok(out)
    }
}
