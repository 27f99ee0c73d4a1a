//! Reads parts of the logs in order, bounded, and counts what was read. Compares nothing.

use std::ops::ControlFlow;

use super::{LocateLimits, LocatedItem, LogBounds, LogReader, Placed, Spans, TimestampHelp};
use crate::record::Side;

/// Offsets that are read rather than leave a record out of account.
const FAR: i64 = 1 << 20;

/// Why a search ended without an answer.
pub(super) enum Stop<E> {
    /// The reader's error.
    Failed(E),
    /// More records than the limit allows.
    TooMuch,
}

impl<E> From<E> for Stop<E> {
    fn from(error: E) -> Self {
        Self::Failed(error)
    }
}

/// Below which offset copies of some records are not looked for.
pub(super) struct LowerBounds {
    /// A few records with timestamps of long ago would make the bound useless: where they cost more than [`FAR`]
    /// offsets, they are left out of account.
    pub usual: i64,
    /// Of all of them.
    pub exact: i64,
}

/// Records of a chunk that is kept at most: reading that has gone on beyond is a scan, of which nothing is needed again.
const KEPT_CHUNK: usize = 1024;

impl Placed for LocatedItem {
    fn offset(&self) -> i64 {
        self.offset
    }
}

/// A reader with its bounds as they were at first, small spans of what it has read, and a count of it.
pub(super) struct Logs<'a, R: LogReader> {
    reader: &'a mut R,
    bounds: [LogBounds; 2],
    pub records_read: u64,
    records_max: u64,
    spans: Spans<Side, LocatedItem>,
}

impl<'a, R: LogReader> Logs<'a, R> {
    pub fn open(reader: &'a mut R, limits: LocateLimits) -> Result<Self, R::Error> {
        let bounds = [reader.bounds(Side::Source)?, reader.bounds(Side::Target)?];
        let LocateLimits { records_max, kept, .. } = limits;
        Ok(Self { reader, bounds, records_read: 0, records_max, spans: Spans::new(kept) })
    }

    pub fn bounds(&self, side: Side) -> LogBounds {
        self.bounds[side as usize]
    }

    /// Visits the records with `from <= offset < to`, inside the bounds, until told to stop.
    pub fn visit(
        &mut self,
        side: Side,
        from: i64,
        to: i64,
        mut visit: impl FnMut(&LocatedItem) -> ControlFlow<()>,
    ) -> Result<(), Stop<R::Error>> {
        let bounds = self.bounds(side);
        let to = to.min(bounds.end);
        let mut next = from.max(bounds.start);
        let mut chunk = 256;
        while next < to {
            let wanted = usize::try_from(to - next).map_or(chunk, |left| left.min(chunk));
            let (items, known_to) = self.chunk(side, next, wanted)?;
            for item in items.iter().take_while(|item| item.offset < to) {
                if visit(item).is_break() {
                    return Ok(());
                }
            }
            next = known_to;
            chunk = (chunk * 2).min(4096);
        }
        Ok(())
    }

    /// The records from `from` on, and up to which offset they are all: what is kept, or else about `wanted` read.
    fn chunk(
        &mut self,
        side: Side,
        from: i64,
        wanted: usize,
    ) -> Result<(Vec<LocatedItem>, i64), Stop<R::Error>> {
        if let Some((items, to)) = self.spans.known(&side, from) {
            return Ok((items.to_vec(), to));
        }
        let items = self.reader.read(side, from, wanted)?;
        self.records_read += items.len() as u64;
        if self.records_read > self.records_max {
            return Err(Stop::TooMuch);
        }
        let end = self.bounds(side).end;
        let last = items.last().map_or(end, |last| last.offset + 1);
        let to = if items.len() < wanted { end.max(last) } else { last };
        if items.len() <= KEPT_CHUNK {
            self.spans.keep(side, from, to, &items);
        }
        Ok((items, to))
    }

    /// At most `count` records from `from` on, and whether the log has no more.
    pub fn after(
        &mut self,
        side: Side,
        from: i64,
        count: usize,
    ) -> Result<(Vec<LocatedItem>, bool), Stop<R::Error>> {
        let mut out = Vec::new();
        self.visit(side, from, i64::MAX, |item| {
            if out.len() == count {
                return ControlFlow::Break(());
            }
            out.push(*item);
            ControlFlow::Continue(())
        })?;
        let end = self.bounds(side).end;
        let complete = out.len() < count || out.last().is_none_or(|last| last.offset + 1 >= end);
        Ok((out, complete))
    }

    /// The last `count` records before `to`, and whether there are no more before them.
    pub fn before(
        &mut self,
        side: Side,
        to: i64,
        count: usize,
    ) -> Result<(Vec<LocatedItem>, bool), Stop<R::Error>> {
        let start = self.bounds(side).start;
        let mut span = count as i64;
        loop {
            let from = to.saturating_sub(span).max(start);
            let mut out = Vec::new();
            self.visit(side, from, to, |item| {
                out.push(*item);
                ControlFlow::Continue(())
            })?;
            if from == start && out.len() <= count {
                return Ok((out, true));
            }
            if out.len() >= count {
                return Ok((out.split_off(out.len() - count), false));
            }
            span = span.saturating_mul(4);
        }
    }

    /// The offset below which no copy of these records is to be looked for; `None` where timestamps do not tell.
    pub fn lower_bound<'i>(
        &mut self,
        side: Side,
        help: TimestampHelp,
        items: impl Iterator<Item = &'i LocatedItem>,
    ) -> Result<Option<i64>, R::Error> {
        Ok(self.lower_bounds(side, help, items)?.map(|bounds| bounds.usual))
    }

    /// The same, with the offset below which no copy can be.
    pub fn lower_bounds<'i>(
        &mut self,
        side: Side,
        help: TimestampHelp,
        items: impl Iterator<Item = &'i LocatedItem>,
    ) -> Result<Option<LowerBounds>, R::Error> {
        let TimestampHelp::Within(slack) = help else { return Ok(None) };
        let mut timestamps: Vec<i64> = items.map(|item| item.timestamp).collect();
        timestamps.sort_unstable();
        let Some(&lowest) = timestamps.first() else {
            let end = self.bounds(side).end;
            return Ok(Some(LowerBounds { usual: end, exact: end }));
        };
        if lowest < 0 {
            return Ok(None);
        }
        let exact = self.look_up(side, lowest, slack)?;
        let usual = self.look_up(side, timestamps[timestamps.len() / 8], slack)?;
        Ok(Some(LowerBounds { usual: if usual - exact > FAR { usual } else { exact }, exact }))
    }

    fn look_up(&mut self, side: Side, timestamp: i64, slack: u64) -> Result<i64, R::Error> {
        let bounds = self.bounds(side);
        let at = self.reader.offset_at_or_after(side, timestamp.saturating_sub_unsigned(slack).max(0))?;
        Ok(at.map_or(bounds.end, |offset| offset.clamp(bounds.start, bounds.end)))
    }
}
