//! Reads parts of one pair again: for alignment where the sides differ, and payloads for what is reported.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::align::{Item, Log, LogError};
use crate::cancel::CancelToken;
use crate::consume::{Hole, ReadEnd, Reader, ReaderError, Stalls, bounded_prefetch};
use crate::fingerprint::Fingerprinter;
use crate::kafka::Cluster;
use crate::monitor::Monitor;
use crate::positions::PairPlan;
use crate::record::{Isolation, OffsetRange, Record, RecordView, Side, TopicPartition};

use super::holes::{self, Holes};
use super::item::item;
use super::left::left_of;
use super::retained::Retained;
use super::shared::STALL_LIMIT;
use super::unread;

/// Offsets nearer than this to each other are read in one go.
pub(super) const BRIDGE: i64 = 2_000;

/// Bytes that a client fetches ahead: readings are short, or go over one partition only.
const PREFETCH: u64 = 16 << 20;

/// Records in the client's queue at which it asks for no more. What a broker answers just after a partition was let go,
/// librdkafka keeps until that partition is read again: short readings over many partitions should leave no question open.
const ENOUGH: &str = "1000";

/// One open client a side and isolation level, for reading again.
pub(super) struct Readers<'a> {
    sides: [SideReaders<'a>; 2],
    cancel: &'a CancelToken,
    /// What could not be read so far; it is left out without another try.
    pub holes: Holes,
}

/// Records to fetch of one partition.
pub(super) struct Wanted<'p> {
    pub side: Side,
    pub isolation: Isolation,
    pub partition: &'p TopicPartition,
    /// Ascending.
    pub offsets: Vec<i64>,
}

impl<'a> Readers<'a> {
    /// Nothing was read so far. `monitor` is told of each partition that gives nothing, once.
    pub fn new(clusters: [&'a Cluster; 2], cancel: &'a CancelToken, monitor: &'a dyn Monitor) -> Self {
        let [source, target] = clusters;
        let sides = [(Side::Source, source), (Side::Target, target)];
        let sides = sides.map(|(side, cluster)| SideReaders {
            side,
            cluster,
            cancel,
            monitor,
            stalls: Stalls::new(STALL_LIMIT),
            open: HashMap::new(),
        });
        Self { sides, cancel, holes: Holes::default() }
    }

    /// What is known of the partitions of one side that gave nothing.
    pub fn stalls(&mut self, side: Side) -> &mut Stalls {
        &mut self.sides[side as usize].stalls
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
        visit: impl FnMut(&RecordView<'_>) -> bool,
    ) -> Result<ReadEnd, ReaderError> {
        let mut met = Vec::new();
        let holes = &self.holes;
        let end = self.sides[side as usize].read(isolation, partition, range, holes, &mut met, visit)?;
        self.holes.add(side, partition, met);
        Ok(end)
    }

    /// Reads a part that the first reading has read, until `visit` returns `false`. Fails where the run was stopped, and
    /// where offsets were left out that the first reading has read.
    pub fn read_again(
        &mut self,
        part: &Part<'_>,
        mut visit: impl FnMut(&RecordView<'_>) -> bool,
    ) -> Result<ReadEnd, LogError> {
        let &Part { side, isolation, partition, range, first_from, told } = part;
        let mut seen = OffsetRange { start: range.start.max(first_from), end: range.end };
        let end = self
            .read(side, isolation, partition, range, |view| {
                let more = visit(view);
                if !more {
                    seen.end = view.offset + 1;
                }
                more
            })
            .map_err(|error| LogError(error.to_string()))?;
        if self.stopped() {
            return Err(LogError("stopped".to_owned()));
        }
        if let ReadEnd::OutOfRange { asked, .. } = &end {
            seen.end = seen.end.min(*asked);
        }
        match self.holes.beyond(side, partition, seen, told) {
            None => Ok(end),
            Some(hole) => Err(LogError(holes::lost(side, partition, &hole))),
        }
    }

    /// Fetches the records at the offsets of each of `wanted`, both sides at the same time. What is no longer there is
    /// left out, and what a partition that gives nothing holds from there on.
    pub fn fetch(&mut self, wanted: &[Wanted<'_>]) -> Result<Vec<HashMap<i64, Record>>, ReaderError> {
        let holes = &self.holes;
        let [source, target] = &mut self.sides;
        let sides = std::thread::scope(|scope| {
            let target = scope.spawn(|| target.fetch(wanted, holes));
            let source = source.fetch(wanted, holes);
            [source, target.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))]
        });
        let mut records: Vec<HashMap<i64, Record>> = wanted.iter().map(|_| HashMap::new()).collect();
        for side in sides {
            for Fetched { at, records: found, holes } in side? {
                let Wanted { side, partition, .. } = wanted[at];
                self.holes.add(side, partition, holes);
                records[at] = found;
            }
        }
        Ok(records)
    }
}

/// What was fetched for one of those wanted.
struct Fetched {
    /// The index of which.
    at: usize,
    /// By offset.
    records: HashMap<i64, Record>,
    /// What could not be read on the way.
    holes: Vec<Hole>,
}

/// The clients of one side, by whether they read committed records only.
struct SideReaders<'a> {
    side: Side,
    cluster: &'a Cluster,
    cancel: &'a CancelToken,
    monitor: &'a dyn Monitor,
    stalls: Stalls,
    open: HashMap<bool, Reader>,
}

impl SideReaders<'_> {
    fn read(
        &mut self,
        isolation: Isolation,
        partition: &TopicPartition,
        range: OffsetRange,
        holes: &Holes,
        met: &mut Vec<Hole>,
        mut visit: impl FnMut(&RecordView<'_>) -> bool,
    ) -> Result<ReadEnd, ReaderError> {
        if range.start < range.end && self.stalls.has_given_up(partition) {
            return Ok(ReadEnd::Stalled { at: range.start });
        }
        let cancel = self.cancel;
        let mut wanted = true;
        for part in holes.readable(self.side, partition, range) {
            let patience = self.stalls.patience(partition);
            let reader = self.reader(isolation)?;
            reader.wait_for_first(patience);
            let end = reader.read_range(partition, part, cancel, met, |view| {
                wanted = visit(view);
                wanted
            })?;
            self.note(partition, part, &end, range.end);
            if matches!(end, ReadEnd::Stalled { .. }) {
                // The connection may be dead and the broker not: the next one is read with a new client.
                self.open.remove(&(isolation == Isolation::ReadCommitted));
            }
            if end != ReadEnd::ReachedEnd || !wanted {
                return Ok(end);
            }
        }
        Ok(ReadEnd::ReachedEnd)
    }

    /// Remembers how the reading of `part` has ended. The monitor is told of a partition that is given up, with all that
    /// was asked for, up to `asked_to`.
    fn note(&mut self, partition: &TopicPartition, part: OffsetRange, end: &ReadEnd, asked_to: i64) {
        let cluster = self.cluster;
        let led_beside = |within| cluster.led_beside(partition, within);
        let waited = self.stalls.note(partition, part, end, led_beside);
        if let (Some(waited), &ReadEnd::Stalled { at }) = (waited, end) {
            let left = OffsetRange { start: at, end: asked_to };
            let limit = self.stalls.limit();
            self.monitor.warn(&unread::stalled(self.side, partition, left, [waited, limit]));
        }
    }

    /// Reads a range for the offsets in it that are `wanted`. Where its beginning was deleted, it is read once more from
    /// the first of them that is left.
    fn read_left(
        &mut self,
        isolation: Isolation,
        partition: &TopicPartition,
        (wanted, range): (&[i64], OffsetRange),
        holes: &Holes,
        met: &mut Vec<Hole>,
        mut visit: impl FnMut(&RecordView<'_>) -> bool,
    ) -> Result<ReadEnd, ReaderError> {
        let end = self.read(isolation, partition, range, holes, met, &mut visit)?;
        let ReadEnd::OutOfRange { asked, .. } = end else { return Ok(end) };
        let retained = Retained::of(self.side, self.cluster, std::slice::from_ref(partition));
        let log_start = retained.start(self.side, partition, asked);
        match left_of(wanted, log_start).filter(|_| log_start > asked) {
            Some(left) => self.read(isolation, partition, left, holes, met, visit),
            None => Ok(end),
        }
    }

    fn reader(&mut self, isolation: Isolation) -> Result<&mut Reader, ReaderError> {
        Ok(match self.open.entry(isolation == Isolation::ReadCommitted) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(place) => {
                let mut config = self.cluster.reader_config(isolation);
                if config.get("queued.min.messages").is_none() {
                    config.set("queued.min.messages", ENOUGH);
                }
                let config = bounded_prefetch(config, PREFETCH, 1);
                place.insert(Reader::open_for_short_reads(self.side, &config, self.stalls.limit())?)
            }
        })
    }

    /// Fetches what is of this side.
    fn fetch(&mut self, wanted: &[Wanted<'_>], holes: &Holes) -> Result<Vec<Fetched>, ReaderError> {
        let side = self.side;
        let mut fetched = Vec::new();
        for (at, Wanted { isolation, partition, offsets, .. }) in
            wanted.iter().enumerate().filter(|(_, wanted)| wanted.side == side)
        {
            let mut records = HashMap::new();
            let mut met = Vec::new();
            for near in offsets.chunk_by(|a, b| b - a < BRIDGE) {
                let (Some(&first), Some(&last)) = (near.first(), near.last()) else { continue };
                let mut due = near.iter().copied().peekable();
                let range = OffsetRange { start: first, end: last + 1 };
                let near = (near, range);
                let end = self.read_left(*isolation, partition, near, holes, &mut met, |view| {
                    while due.next_if(|&offset| offset < view.offset).is_some() {}
                    if due.next_if_eq(&view.offset).is_some() {
                        records.insert(view.offset, view.to_record());
                    }
                    true
                })?;
                match end {
                    ReadEnd::ReachedEnd => {}
                    // Nor does what lies further on come.
                    ReadEnd::Stalled { .. } => break,
                    end => {
                        tracing::warn!(%side, %partition, ?end, "records to be reported cannot be fetched again")
                    }
                }
            }
            fetched.push(Fetched { at, records, holes: met });
        }
        Ok(fetched)
    }
}

/// A part of a log that is read again.
pub(super) struct Part<'p> {
    pub side: Side,
    pub isolation: Isolation,
    pub partition: &'p TopicPartition,
    pub range: OffsetRange,
    /// Where the first reading began.
    pub first_from: i64,
    /// What the first reading could not read either.
    pub told: &'p [OffsetRange],
}

/// What was read first is not what was read again.
pub(super) fn changed_meanwhile(name: &str) -> LogError {
    LogError(format!(
        "{name}: records went between two readings of the same part of the log (compaction, or a log that was cut back), \
         which makes the comparison void; run again"
    ))
}

/// What the first reading of a pair has read: records that are there no more cannot be aligned once more.
#[derive(Default)]
pub(super) struct FirstReading {
    /// Its first offsets: source, target.
    pub start: [i64; 2],
    /// What it could not read either: source, target.
    pub holes: [Vec<OffsetRange>; 2],
}

/// One pair's two logs, as far as the run has read them.
pub(super) struct PairLog<'r, 'a> {
    pub readers: &'r mut Readers<'a>,
    pub pair: &'r PairPlan,
    fingerprinter: Fingerprinter,
    /// One past the last offset of the first reading: nothing after it is looked at.
    pub read_to: [i64; 2],
    pub first: FirstReading,
    /// Whether any part was read.
    pub read_again: bool,
    /// Whether the log no longer reached back to a part.
    pub gone: bool,
}

impl<'r, 'a> PairLog<'r, 'a> {
    /// Nothing was read again so far. `seed`: of the run's identities.
    pub fn new(
        readers: &'r mut Readers<'a>,
        pair: &'r PairPlan,
        seed: u64,
        read_to: [i64; 2],
        first: FirstReading,
    ) -> Self {
        let fingerprinter = Fingerprinter::new(&pair.contract, seed);
        Self { readers, pair, fingerprinter, read_to, first, read_again: false, gone: false }
    }
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
        self.read_again |= range.start < range.end;
        let part = Part {
            side,
            isolation: self.pair.contract.isolation,
            partition,
            range,
            first_from: self.first.start[side as usize],
            told: &self.first.holes[side as usize],
        };
        let fingerprinter = &self.fingerprinter;
        let end = self.readers.read_again(&part, |view| visit(&item(fingerprinter, view)))?;
        self.gone |= matches!(end, ReadEnd::OutOfRange { .. });
        match end {
            ReadEnd::ReachedEnd => Ok(()),
            other => Err(LogError(format!(
                "{partition} of the {side} could not be read again from offset {} to {}: {other:?}",
                range.start, range.end
            ))),
        }
    }
}

#[cfg(test)]
mod tests;
