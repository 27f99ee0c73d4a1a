//! One reader of one side: assigns explicit offsets, maps each record where it lies, hands on batches in order.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::time::{Duration, Instant};

use rdkafka::bindings::rd_kafka_resp_err_t as code;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::poison::{Hole, Step};
use super::raw::{BatchQueue, Entry, TopicHandle};
use crate::cancel::CancelToken;
use crate::record::{OffsetRange, RecordView, Side, TopicPartition};

/// How long one wait for records lasts; also how fast commands are seen.
const POLL: Duration = Duration::from_millis(20);
/// Items of one partition that are handed on together at most.
const HAND_OVER: usize = 8_192;
/// Batches of one range that are stepped past before the range is given up.
const HOLES: usize = 100;

/// One partition to read.
#[derive(Clone, Debug)]
pub struct PlannedRange {
    /// Which partition.
    pub partition: TopicPartition,
    /// Half-open offsets. An empty range is at its end at once.
    pub range: OffsetRange,
}

/// Why the reading of a range stopped. Only `ReachedEnd` may count as having read it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum ReadEnd {
    /// All records below the range's end were delivered.
    ReachedEnd,
    /// The broker no longer has the offset that was due: retention, truncation or a new topic.
    OutOfRange {
        /// The offset that was due.
        asked: i64,
        /// What the client said.
        detail: String,
    },
    /// No progress for the reader's stall limit, although the range goes on.
    Stalled {
        /// The offset that was due.
        at: i64,
    },
    /// The partition cannot be read on.
    Failed {
        /// The offset that was due.
        at: i64,
        /// What the client said.
        detail: String,
    },
}

/// Mapped records of one range, in offset order.
#[derive(Debug)]
pub struct Batch<T> {
    /// Which side.
    pub side: Side,
    /// Index into the planned ranges.
    pub at: usize,
    /// What the records were mapped to.
    pub items: Vec<T>,
    /// The next offset; beyond the last item where markers, aborts or compaction left a gap.
    pub next_offset: i64,
    /// Set once, when the range ended; again after it was extended.
    pub end: Option<ReadEnd>,
    /// Offsets below `next_offset` that could not be read and were stepped past; each is told once.
    pub holes: Vec<Hole>,
}

/// What the owner asks of a running reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Read range `at` on, up to a later end.
    Extend {
        /// Index into the planned ranges.
        at: usize,
        /// The new end.
        end: i64,
    },
    /// Fetch nothing of range `at` for now.
    Pause {
        /// Index into the planned ranges.
        at: usize,
    },
    /// Fetch range `at` again.
    Resume {
        /// Index into the planned ranges.
        at: usize,
    },
    /// Read range `at` on although it has failed: what lies before the offset `to` is no longer there.
    Skip {
        /// Index into the planned ranges.
        at: usize,
        /// The next offset.
        to: i64,
    },
    /// End.
    Stop,
}

/// Why a reader could not work at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} on the {side} cluster: {detail}")]
pub struct ReaderError {
    /// Which side.
    pub side: Side,
    /// What was tried.
    pub operation: &'static str,
    /// What the client said.
    pub detail: String,
}

/// An open client of one side, used again for one reading after another.
pub struct Reader {
    side: Side,
    queue: BatchQueue<rdkafka::consumer::DefaultConsumerContext>,
    stall_limit: Duration,
    /// The same for a partition that has given nothing in its reading so far.
    first_limit: Duration,
}

struct Reading {
    partition: TopicPartition,
    next: i64,
    end: i64,
    state: State,
    progress_at: Instant,
    /// How long it may make no progress.
    limit: Duration,
    /// While a batch that cannot be read is stepped past.
    step: Option<Step>,
    /// To be assigned anew, at `next` or where the step tries.
    turn: bool,
    holes: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// Assigned to try an offset; records are not taken.
    Stepping,
    Paused,
    /// Assigned, but the range's end was reached.
    AtEnd,
    Failed,
}

impl Reader {
    /// `config`: a reader's settings as [`kafka`](crate::kafka) makes them, with `enable.partition.eof=true`.
    pub fn open(side: Side, config: &ClientConfig, stall_limit: Duration) -> Result<Self, ReaderError> {
        let error = |detail: String| ReaderError { side, operation: "open a reader", detail };
        let consumer: BaseConsumer = config.create().map_err(|e| error(e.to_string()))?;
        let queue = BatchQueue::new(consumer).ok_or_else(|| error("no consumer queue".to_owned()))?;
        Ok(Self { side, queue, stall_limit, first_limit: stall_limit })
    }

    /// The same for many short readings one after another: a fetch that waits at the end of a log for more records
    /// holds up the next reading, so it waits only briefly. A broker that was away is asked again within a second, not
    /// after librdkafka's ten.
    pub fn open_for_short_reads(
        side: Side,
        config: &ClientConfig,
        stall_limit: Duration,
    ) -> Result<Self, ReaderError> {
        let mut config = config.clone();
        config.set("fetch.wait.max.ms", "20");
        let is_default = |key: &str| config.get(key).is_none();
        if is_default("reconnect.backoff.ms") && is_default("reconnect.backoff.max.ms") {
            config.set("reconnect.backoff.max.ms", "1000");
        }
        Self::open(side, &config, stall_limit)
    }

    /// In the readings from now on, a partition that has given nothing yet is given up after `limit`; once its broker has
    /// answered, after the stall limit.
    pub fn wait_for_first(&mut self, limit: Duration) {
        self.first_limit = limit.min(self.stall_limit);
    }

    /// Reads one range to its end, until `visit` returns `false`, or until cancelled, which is a failure. Offsets that
    /// could not be read and were stepped past are added to `holes`.
    pub fn read_range(
        &mut self,
        partition: &TopicPartition,
        range: OffsetRange,
        cancel: &CancelToken,
        holes: &mut Vec<Hole>,
        mut visit: impl FnMut(&RecordView<'_>) -> bool,
    ) -> Result<ReadEnd, ReaderError> {
        let ranges = [PlannedRange { partition: partition.clone(), range }];
        let mut wanted = true;
        let mut next = range.start;
        let mut outcome = None;
        self.read(
            &ranges,
            cancel,
            |_, view| {
                if wanted {
                    wanted = visit(view);
                }
                wanted.then_some(())
            },
            |batch| {
                holes.extend(batch.holes);
                next = batch.next_offset;
                if batch.end.is_some() {
                    outcome = batch.end;
                }
                Flow::Continue
            },
        )?;
        Ok(outcome
            .unwrap_or_else(|| ReadEnd::Failed { at: next, detail: "stopped before its end".to_owned() }))
    }

    /// Reads until every range has ended and `hand_on` says stop, or until cancelled.
    /// `map` returns `None` to end the range early, as if its end was reached.
    fn read<T>(
        &mut self,
        ranges: &[PlannedRange],
        cancel: &CancelToken,
        mut map: impl FnMut(usize, &RecordView<'_>) -> Option<T>,
        mut hand_on: impl FnMut(Batch<T>) -> Flow,
    ) -> Result<(), ReaderError> {
        let mut progress = Progress::start(self, ranges)?;
        progress.flush(self.side, &mut hand_on);
        while cancel.cancelled().is_none() && !progress.all_ended() {
            progress.poll(self, &mut map)?;
            if progress.flush(self.side, &mut hand_on) == Flow::Stop {
                break;
            }
        }
        self.unassign()
    }

    fn unassign(&self) -> Result<(), ReaderError> {
        self.queue.consumer().unassign().map_err(|e| self.error("unassign", e.to_string()))
    }

    fn error(&self, operation: &'static str, detail: String) -> ReaderError {
        ReaderError { side: self.side, operation, detail }
    }

    fn assign_one(&self, partition: &TopicPartition, offset: i64) -> Result<(), ReaderError> {
        let list = list([(partition, offset)]);
        self.queue.consumer().incremental_assign(&list).map_err(|e| self.error("assign", e.to_string()))
    }

    fn unassign_one(&self, partition: &TopicPartition) -> Result<(), ReaderError> {
        let list = list([(partition, 0)]);
        self.queue.consumer().incremental_unassign(&list).map_err(|e| self.error("unassign", e.to_string()))
    }
}

fn list<'a>(partitions: impl IntoIterator<Item = (&'a TopicPartition, i64)>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in partitions {
        list.add_partition_offset(&partition.topic, partition.partition, Offset::Offset(offset))
            .expect("a plain offset is always valid");
    }
    list
}

#[derive(PartialEq, Eq)]
enum Flow {
    Continue,
    Stop,
}

/// Where each range stands while one reading goes on.
struct Progress<T> {
    readings: Vec<Reading>,
    by_name: HashMap<(String, i32), usize>,
    by_handle: HashMap<(TopicHandle, i32), usize>,
    buffers: Vec<Vec<T>>,
    holes: Vec<Vec<Hole>>,
    ends: Vec<Option<ReadEnd>>,
    touched: Vec<usize>,
    /// When the last poll came back. Until the next one nobody could make progress: no stall.
    polled_at: Instant,
}

impl<T> Progress<T> {
    fn start(reader: &Reader, ranges: &[PlannedRange]) -> Result<Self, ReaderError> {
        let mut progress = Self {
            readings: Vec::new(),
            by_name: HashMap::new(),
            by_handle: HashMap::new(),
            buffers: Vec::new(),
            holes: Vec::new(),
            ends: Vec::new(),
            touched: Vec::new(),
            polled_at: Instant::now(),
        };
        let mut assigned = Vec::new();
        for (at, planned) in ranges.iter().enumerate() {
            let PlannedRange { partition, range } = planned;
            progress.by_name.insert((partition.topic.clone(), partition.partition), at);
            progress.buffers.push(Vec::new());
            progress.holes.push(Vec::new());
            let empty = range.start >= range.end;
            progress.ends.push(empty.then_some(ReadEnd::ReachedEnd));
            if empty {
                progress.touched.push(at);
            } else {
                assigned.push((partition, range.start));
            }
            progress.readings.push(Reading {
                partition: partition.clone(),
                next: range.start,
                end: range.end,
                state: if empty { State::AtEnd } else { State::Reading },
                progress_at: Instant::now(),
                limit: reader.first_limit,
                step: None,
                turn: false,
                holes: 0,
            });
        }
        let consumer = reader.queue.consumer();
        // Whatever was assigned before is let go first: an incremental change needs none of it.
        consumer.unassign().map_err(|e| reader.error("unassign", e.to_string()))?;
        if !assigned.is_empty() {
            consumer
                .incremental_assign(&list(assigned))
                .map_err(|e| reader.error("assign", e.to_string()))?;
        }
        Ok(progress)
    }

    fn all_ended(&self) -> bool {
        self.readings.iter().all(|reading| matches!(reading.state, State::AtEnd | State::Failed))
    }

    fn poll(
        &mut self,
        reader: &mut Reader,
        map: &mut impl FnMut(usize, &RecordView<'_>) -> Option<T>,
    ) -> Result<(), ReaderError> {
        let mut last: Option<((TopicHandle, i32), usize)> = None;
        let mut client_faults: Vec<(i32, String)> = Vec::new();
        let now = Instant::now();
        let polled_at = self.polled_at;
        let stall_limit = reader.stall_limit;
        self.readings.iter_mut().for_each(|reading| reading.was_not_polled(polled_at, now));
        let Self { readings, by_name, by_handle, buffers, ends, touched, .. } = self;
        reader.queue.poll(POLL, |queue, entry| {
            let mut find = |topic: TopicHandle, partition: i32| {
                if let Some((key, at)) = last
                    && key == (topic, partition)
                {
                    return Some(at);
                }
                let at = *by_handle.entry((topic, partition)).or_insert_with(|| {
                    by_name.get(&(queue.topic_name(topic), partition)).copied().unwrap_or(usize::MAX)
                });
                last = Some(((topic, partition), at));
                (at != usize::MAX).then_some(at)
            };
            match entry {
                Entry::Record { topic, partition, view } => {
                    let Some(at) = find(topic, partition) else { return };
                    let reading = &mut readings[at];
                    if reading.state == State::Stepping {
                        reading.passed(view.offset);
                        return;
                    }
                    // A late record of an assignment that was let go, or one delivered twice.
                    if reading.state != State::Reading || view.offset < reading.next {
                        return;
                    }
                    touch(touched, at);
                    reading.progress_at = now;
                    reading.limit = stall_limit;
                    if view.offset >= reading.end {
                        reading.next = reading.end;
                        finish(reading, &mut ends[at], ReadEnd::ReachedEnd);
                        return;
                    }
                    reading.next = view.offset + 1;
                    match map(at, &view) {
                        Some(item) => buffers[at].push(item),
                        None => finish(reading, &mut ends[at], ReadEnd::ReachedEnd),
                    }
                    if reading.next >= reading.end && reading.state == State::Reading {
                        finish(reading, &mut ends[at], ReadEnd::ReachedEnd);
                    }
                }
                Entry::PartitionEnd { topic, partition, offset } => {
                    let Some(at) = find(topic, partition) else { return };
                    let reading = &mut readings[at];
                    if reading.state == State::Stepping {
                        reading.passed(offset);
                    } else if reading.state == State::Reading {
                        // An answer, though no progress where the log does not reach to the range's end.
                        reading.limit = stall_limit;
                        if offset >= reading.end {
                            touch(touched, at);
                            reading.next = reading.end;
                            finish(reading, &mut ends[at], ReadEnd::ReachedEnd);
                        }
                    }
                }
                Entry::Fault { topic, partition, offset, code, text } => {
                    match topic.and_then(|topic| find(topic, partition)) {
                        Some(at) if matches!(readings[at].state, State::Reading | State::Stepping) => {
                            if let Some(end) = readings[at].faulted(offset, code, text) {
                                touch(touched, at);
                                ends[at] = Some(end);
                            }
                        }
                        Some(_) => {}
                        None => client_faults.push((code, text)),
                    }
                }
            }
        });
        self.polled_at = Instant::now();
        for (code, text) in client_faults {
            tracing::debug!(side = %reader.side, code, "client: {text}");
        }
        self.turn(reader)?;
        for (at, reading) in self.readings.iter_mut().enumerate() {
            if reading.has_stalled(now) {
                touch(&mut self.touched, at);
                reading.state = State::Failed;
                self.ends[at] = Some(ReadEnd::Stalled { at: reading.next });
            }
        }
        Ok(())
    }

    /// Assigns anew what was found unreadable: where the next try is, or after the hole.
    fn turn(&mut self, reader: &Reader) -> Result<(), ReaderError> {
        for (at, reading) in self.readings.iter_mut().enumerate() {
            if !std::mem::take(&mut reading.turn) {
                continue;
            }
            reading.progress_at = Instant::now();
            reading.limit = reader.stall_limit;
            let _ = reader.unassign_one(&reading.partition);
            if let Some(offset) = reading.step.as_ref().and_then(Step::offset) {
                reading.state = State::Stepping;
                reader.assign_one(&reading.partition, offset)?;
                continue;
            }
            let Some(step) = reading.step.take() else { continue };
            let hole = step.hole();
            tracing::warn!(side = %reader.side, partition = %reading.partition, start = hole.range.start,
                end = hole.range.end, "offsets cannot be read: {}", hole.detail);
            touch(&mut self.touched, at);
            reading.holes += 1;
            reading.next = hole.range.end;
            reading.state = State::Reading;
            self.holes[at].push(hole);
            if reading.next >= reading.end {
                finish(reading, &mut self.ends[at], ReadEnd::ReachedEnd);
            } else {
                reader.assign_one(&reading.partition, reading.next)?;
            }
        }
        Ok(())
    }

    /// Hands on what has gathered: at the latest after each poll.
    fn flush(&mut self, side: Side, hand_on: &mut impl FnMut(Batch<T>) -> Flow) -> Flow {
        for at in std::mem::take(&mut self.touched) {
            let mut items = std::mem::take(&mut self.buffers[at]);
            let end = self.ends[at].take();
            while items.len() > HAND_OVER {
                let rest = items.split_off(HAND_OVER);
                let next_offset = self.readings[at].next;
                let batch = Batch { side, at, items, next_offset, end: None, holes: Vec::new() };
                if hand_on(batch) == Flow::Stop {
                    return Flow::Stop;
                }
                items = rest;
            }
            let holes = std::mem::take(&mut self.holes[at]);
            let next_offset = self.readings[at].next;
            if hand_on(Batch { side, at, items, next_offset, end, holes }) == Flow::Stop {
                return Flow::Stop;
            }
        }
        Flow::Continue
    }

    fn obey(&mut self, reader: &Reader, command: Command) -> Result<Flow, ReaderError> {
        match command {
            Command::Stop => return Ok(Flow::Stop),
            Command::Extend { at, end } => {
                let reading = &mut self.readings[at];
                if reading.state == State::Failed {
                    return Ok(Flow::Continue);
                }
                reading.end = reading.end.max(end);
                if reading.next >= reading.end {
                    self.ends[at] = Some(ReadEnd::ReachedEnd);
                    touch(&mut self.touched, at);
                } else if reading.state == State::AtEnd {
                    // Assigned anew at the exact offset: the client may have gone past the old end.
                    let _ = reader.unassign_one(&reading.partition);
                    reader.assign_one(&reading.partition, reading.next)?;
                    reading.state = State::Reading;
                    reading.progress_at = Instant::now();
                }
            }
            Command::Skip { at, to } => {
                let reading = &mut self.readings[at];
                if reading.state != State::Failed {
                    return Ok(Flow::Continue);
                }
                reading.next = reading.next.max(to);
                reading.step = None;
                if reading.next >= reading.end {
                    finish(reading, &mut self.ends[at], ReadEnd::ReachedEnd);
                    touch(&mut self.touched, at);
                } else {
                    let _ = reader.unassign_one(&reading.partition);
                    reader.assign_one(&reading.partition, reading.next)?;
                    reading.state = State::Reading;
                    reading.progress_at = Instant::now();
                }
            }
            Command::Pause { at } => {
                let reading = &mut self.readings[at];
                if matches!(reading.state, State::Reading | State::Stepping) {
                    reader.unassign_one(&reading.partition)?;
                    reading.state = State::Paused;
                    // Met again after the pause.
                    reading.step = None;
                }
            }
            Command::Resume { at } => {
                let reading = &mut self.readings[at];
                if reading.state == State::Paused {
                    reader.assign_one(&reading.partition, reading.next)?;
                    reading.state = State::Reading;
                    reading.progress_at = Instant::now();
                }
            }
        }
        Ok(Flow::Continue)
    }
}

impl Reading {
    /// From `polled_at`, when the last poll came back, until `now` nobody took records: that counts as no time without
    /// progress. What was begun in between counts from now on.
    fn was_not_polled(&mut self, polled_at: Instant, now: Instant) {
        self.progress_at += now.duration_since(polled_at.max(self.progress_at));
    }

    /// Whether records were due for longer than it may make no progress.
    fn has_stalled(&self, now: Instant) -> bool {
        matches!(self.state, State::Reading | State::Stepping)
            && now.duration_since(self.progress_at) > self.limit
    }

    /// The client told an error at `offset`: how the range ends by it, if it does.
    fn faulted(&mut self, offset: i64, error: i32, text: String) -> Option<ReadEnd> {
        // Of an assignment that is let go: what the client makes of the rest of an answer behind a batch that cannot be
        // read, such as a next offset that no log has. What is there to stay is told again.
        if self.turn {
            return None;
        }
        if is_unreadable(error) && self.step.is_none() && offset >= self.end {
            // The batch lies behind the range, and all before it was delivered.
            self.next = self.end;
            self.state = State::AtEnd;
            return Some(ReadEnd::ReachedEnd);
        }
        if is_unreadable(error) && self.holes < HOLES {
            self.unreadable(offset, text);
            return None;
        }
        let text = match is_unreadable(error) {
            true => {
                format!("{text}; {HOLES} batches before it could not be read either: no more are passed over")
            }
            false => text,
        };
        let end = fatal(error, self.next, offset, text)?;
        self.state = State::Failed;
        Some(end)
    }

    /// A batch at `base` cannot be read. What the client delivers after it is not to be relied on: after a wrong
    /// checksum librdkafka goes on at a wrong place of the answer.
    fn unreadable(&mut self, base: i64, text: String) {
        match &mut self.step {
            _ if self.turn => return,
            Some(step) => step.answered(Some(base)),
            None => self.step = Some(Step::new(base, self.next, self.end, text)),
        }
        self.state = State::Stepping;
        self.turn = true;
    }

    /// Something else came while an offset was tried; anything before it is left from an assignment that was let go.
    fn passed(&mut self, offset: i64) {
        let Some(step) = self.step.as_mut().filter(|_| !self.turn) else { return };
        if step.offset().is_some_and(|tried| offset >= tried) {
            step.answered(None);
            self.turn = true;
        }
    }
}

/// Errors of one batch, which every fetch of it meets again.
fn is_unreadable(error: i32) -> bool {
    [
        code::RD_KAFKA_RESP_ERR__BAD_MSG,
        code::RD_KAFKA_RESP_ERR__BAD_COMPRESSION,
        code::RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED,
    ]
    .iter()
    .any(|&other| error == other as i32)
}

fn touch(touched: &mut Vec<usize>, at: usize) {
    if touched.last() != Some(&at) && !touched.contains(&at) {
        touched.push(at);
    }
}

fn finish(reading: &mut Reading, slot: &mut Option<ReadEnd>, end: ReadEnd) {
    reading.state = State::AtEnd;
    *slot = Some(end);
}

/// Which client errors end a range. The others pass: librdkafka tries again by itself, and the stall limit waits.
fn fatal(error: i32, due: i64, offset: i64, text: String) -> Option<ReadEnd> {
    let is = |other: code| error == other as i32;
    if is(code::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET)
        || is(code::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
        || is(code::RD_KAFKA_RESP_ERR__LOG_TRUNCATION)
    {
        return Some(ReadEnd::OutOfRange { asked: due, detail: text });
    }
    let ends = is(code::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC)
        || is(code::RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
        || is(code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
        || is(code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID)
        || is(code::RD_KAFKA_RESP_ERR__BAD_MSG)
        || is(code::RD_KAFKA_RESP_ERR__BAD_COMPRESSION)
        || is(code::RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED);
    ends.then_some(ReadEnd::Failed { at: if offset >= 0 { offset } else { due }, detail: text })
}

/// Reads `ranges` of one side on the calling thread and sends batches until told to stop, the receiver is gone,
/// or cancelled. Ranges that ended stay open for [`Command::Extend`].
pub fn read_side<T: Send>(
    mut reader: Reader,
    ranges: &[PlannedRange],
    mut map: impl FnMut(usize, &RecordView<'_>) -> T,
    batches: &SyncSender<Batch<T>>,
    commands: &Receiver<Command>,
    cancel: &CancelToken,
) -> Result<(), ReaderError> {
    let side = reader.side;
    let mut hand_on = |batch| match batches.send(batch) {
        Ok(()) => Flow::Continue,
        Err(_) => Flow::Stop,
    };
    let mut progress = Progress::start(&reader, ranges)?;
    let mut map = |at: usize, view: &RecordView<'_>| Some(map(at, view));
    loop {
        if progress.flush(side, &mut hand_on) == Flow::Stop || cancel.cancelled().is_some() {
            break;
        }
        if progress.all_ended() {
            match commands.recv_timeout(Duration::from_millis(100)) {
                Ok(command) => {
                    if progress.obey(&reader, command)? == Flow::Stop {
                        break;
                    }
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            }
        }
        let mut stop = false;
        loop {
            match commands.try_recv() {
                Ok(command) => stop |= progress.obey(&reader, command)? == Flow::Stop,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    stop = true;
                    break;
                }
            }
        }
        if stop {
            break;
        }
        if !progress.all_ended() {
            progress.poll(&mut reader, &mut map)?;
        }
    }
    reader.unassign()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From offset 100 to 500, after so many holes.
    fn reading(holes: usize) -> Reading {
        Reading {
            partition: TopicPartition::new("orders", 0),
            next: 100,
            end: 500,
            state: State::Reading,
            progress_at: Instant::now(),
            limit: Duration::from_secs(45),
            step: None,
            turn: false,
            holes,
        }
    }

    #[test]
    fn one_batch_too_many_that_cannot_be_read_ends_the_range_and_says_how_many_there_were() {
        let unreadable = code::RD_KAFKA_RESP_ERR__BAD_MSG as i32;
        assert_eq!(reading(HOLES - 1).faulted(100, unreadable, "checksum".to_owned()), None);
        let end = reading(HOLES).faulted(100, unreadable, "checksum".to_owned());
        let Some(ReadEnd::Failed { at: 100, detail }) = &end else { panic!("{end:?}") };
        assert!(detail.contains("checksum") && detail.contains("100 batches"), "{detail}");
    }

    #[test]
    fn what_the_client_makes_of_the_rest_of_an_answer_behind_a_batch_that_cannot_be_read_ends_nothing() {
        let mut reading = reading(0);
        let [unreadable, out_of_range] =
            [code::RD_KAFKA_RESP_ERR__BAD_MSG, code::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET];
        assert_eq!(reading.faulted(100, unreadable as i32, "checksum".to_owned()), None);
        assert_eq!(reading.faulted(7_000_000, out_of_range as i32, "no such offset".to_owned()), None);
        assert_eq!(reading.step.as_ref().and_then(Step::offset), Some(101), "the next try");
        // Let go and assigned anew: now it is meant.
        reading.turn = false;
        let end = reading.faulted(101, out_of_range as i32, "no such offset".to_owned());
        assert!(matches!(end, Some(ReadEnd::OutOfRange { asked: 100, .. })), "{end:?}");
    }

    #[test]
    fn a_log_that_no_longer_has_what_is_due_ends_the_range_and_a_broker_that_is_away_does_not() {
        let of = |error: code| fatal(error as i32, 290, -1, "why".to_owned());
        for error in [
            code::RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET,
            code::RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE,
            code::RD_KAFKA_RESP_ERR__LOG_TRUNCATION,
        ] {
            assert_eq!(of(error), Some(ReadEnd::OutOfRange { asked: 290, detail: "why".to_owned() }));
        }
        let gone = of(code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID);
        assert_eq!(gone, Some(ReadEnd::Failed { at: 290, detail: "why".to_owned() }));
        for error in [code::RD_KAFKA_RESP_ERR__TRANSPORT, code::RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH] {
            assert_eq!(of(error), None);
        }
    }

    #[test]
    fn time_without_polls_puts_the_stall_limit_off_and_never_by_more_than_itself() {
        let at = |seconds| Instant::now() + Duration::from_secs(seconds);
        let now = at(2_000);
        let idle_for = |progress_at: Instant, polled_at: Instant| {
            let mut reading = Reading { progress_at, ..reading(0) };
            reading.was_not_polled(polled_at, now);
            // To the second: how long it was without progress while it was polled.
            (now.duration_since(reading.progress_at) + Duration::from_millis(500)).as_secs()
        };
        assert_eq!(idle_for(at(10), at(40)), 30, "of a reading that was read all the time");
        assert_eq!(idle_for(at(1_900), at(40)), 0, "read on after half an hour in which nothing was");
        assert_eq!(idle_for(now, now), 0);
    }
}
