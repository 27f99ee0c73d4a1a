//! Runs the two readers of a set of pairs side by side up to the barrier, and feeds alignment as records come in.
//! Judges nothing.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::align::{Item, Overflow, PairAligner, Rules, Tuning};
use crate::cancel::CancelToken;
use crate::classify::PairReading;
use crate::consume::{Batch, Command, Hole, PlannedRange, ReadEnd};
use crate::fingerprint::Fingerprinter;
use crate::kafka::{Cluster, KafkaError};
use crate::ledger::Intake;
use crate::monitor::Monitor;
use crate::positions::PairPlan;
use crate::record::{
    Contract, Isolation, LogKind, OffsetRange, Record, RecordView, Side, TimestampRule, TopicPartition,
};

use super::RunError;
use super::budget::Budget;
use super::checkpoint::{self, Checkpoints, PairSoFar};
use super::holes;
use super::meaning::schema_id;
use super::patience::Progress;
use super::phases::{ASK_AGAIN, Phase, Standing};
use super::reading::{self, RangeToRead, with_readers};
use super::spill::{SpillSpace, SpilledItems};

/// Batches under way between the readers and alignment.
pub(super) const BATCHES: usize = 32;
/// How often the limits are looked at while records come in.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// A reader without progress for so long gives the partition up.
pub(super) const STALL_LIMIT: Duration = Duration::from_secs(45);
/// Records kept for the run's test of itself, payload included.
pub(super) const SAMPLES: usize = 64;
const SAMPLE_BYTES: usize = 64 << 10;
/// Schema ids kept for one pair: a payload that is not framed can look as if it were.
const SCHEMA_IDS: usize = 1_000;

/// A pair that was read up to the barrier.
pub(super) struct PairRead {
    pub aligner: PairAligner,
    pub reading: PairReading,
    /// What came in on each side, taken before alignment.
    pub intake: [Intake; 2],
    /// Why it was not read to its end, or not judged; empty where it was.
    pub remarks: Vec<String>,
    /// What could not be read on each side.
    pub holes: [Vec<Hole>; 2],
    /// Which sides gave nothing for the stall limit.
    pub stalled: [bool; 2],
}

/// What all pairs have in common.
pub(super) struct Shared<'a> {
    pub source: &'a Cluster,
    pub target: &'a Cluster,
    pub isolation: Isolation,
    /// What may be held in memory.
    pub budget: Budget,
    /// What may be held on disk.
    pub spill: &'a Arc<SpillSpace>,
    /// How long the target may bring nothing that is waited for, before what is left over counts as left over.
    pub settle: Duration,
    pub seed: u64,
    pub cancel: &'a CancelToken,
    pub monitor: &'a dyn Monitor,
}

/// What a drive ends with.
pub(super) struct Driven {
    pub pairs: Vec<PairRead>,
    pub source_ends_at: time::OffsetDateTime,
    pub target_ends_at: time::OffsetDateTime,
    pub rounds: u32,
    pub samples: Vec<Record>,
    /// Schema ids in the source's values, by pair.
    pub schema_ids: Vec<BTreeSet<u32>>,
}

/// What a source reader notices by the way.
pub(super) struct Noticed<'a> {
    pub samples: Vec<Record>,
    sampled_bytes: usize,
    pub schema_ids: Vec<BTreeSet<u32>>,
    last_schema_id: Option<(usize, u32)>,
    /// The same ids, for checkpoints: touched for new ones only.
    shared_ids: &'a Mutex<Vec<BTreeSet<u32>>>,
}

impl<'a> Noticed<'a> {
    pub fn new(shared_ids: &'a Mutex<Vec<BTreeSet<u32>>>) -> Self {
        let schema_ids = ids(shared_ids).clone();
        Self { samples: Vec::new(), sampled_bytes: 0, schema_ids, last_schema_id: None, shared_ids }
    }

    pub fn notice(&mut self, at: usize, view: &RecordView<'_>) {
        if self.samples.len() < SAMPLES && self.sampled_bytes < SAMPLE_BYTES {
            self.sampled_bytes += view.key.map_or(0, <[u8]>::len) + view.value.map_or(0, <[u8]>::len);
            self.samples.push(view.to_record());
        }
        if let Some(id) = view.value.and_then(schema_id)
            && self.last_schema_id != Some((at, id))
            && self.schema_ids[at].len() < SCHEMA_IDS
        {
            self.last_schema_id = Some((at, id));
            if self.schema_ids[at].insert(id) {
                ids(self.shared_ids)[at].insert(id);
            }
        }
    }
}

fn ids(shared: &Mutex<Vec<BTreeSet<u32>>>) -> std::sync::MutexGuard<'_, Vec<BTreeSet<u32>>> {
    shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// `record` as alignment knows it.
pub(super) fn item(fingerprinter: &Fingerprinter, view: &RecordView<'_>) -> Item {
    let fingerprint = fingerprinter.of(view);
    Item {
        identity: fingerprint.identity,
        offset: view.offset,
        timestamp: view.timestamp,
        key: fingerprint.key,
        value: fingerprint.value,
    }
}

/// The part of a contract that alignment needs.
pub(super) fn rules(contract: &Contract) -> Rules {
    let timestamp_tolerance_ms = match contract.timestamps {
        TimestampRule::ToleranceMs(tolerance) => Some(tolerance),
        TimestampRule::Exact | TimestampRule::Ignore => None,
    };
    Rules { timestamp_tolerance_ms }
}

/// Where compaction thins out one side, equal records do not come in long runs: one is enough to go on.
fn tuning(shared: &Shared<'_>, pairs: usize, contract: &Contract) -> Tuning {
    let tuning = shared.budget.tuning(pairs);
    match contract.log {
        LogKind::Retained => tuning,
        LogKind::Compacted => Tuning { agreeing: 1, ..tuning },
    }
}

/// Reads all `pairs` (located ones of one isolation level; `chosen` are their indices in the plan) up to the barrier,
/// each from where the checkpoint has it.
pub(super) fn drive(
    shared: &Shared<'_>,
    pairs: &[&PairPlan],
    chosen: &[usize],
    checkpoints: &mut Checkpoints<'_>,
) -> Result<Driven, RunError> {
    let mut source_ends_at = time::OffsetDateTime::now_utc();
    let source_ends = ends(shared, Side::Source, pairs)?;
    let target_ends = ends(shared, Side::Target, pairs)?;
    let mut states = Vec::with_capacity(pairs.len());
    let mut known_ids = vec![BTreeSet::new(); pairs.len()];
    for (at, pair) in pairs.iter().enumerate() {
        let mut state = PairState::new(shared, pairs.len(), pair, [source_ends[at], target_ends[at]]);
        if let Some(so_far) = checkpoints.restored(chosen[at])? {
            let ends = [source_ends[at], target_ends[at]];
            checkpoint::check_ends([&pair.source, &pair.target], &so_far, ends)?;
            source_ends_at = source_ends_at.min(so_far.source_ends_at);
            known_ids[at].clone_from(&so_far.schema_ids);
            state.go_on(shared, pairs.len(), pair, so_far);
        }
        states.push(state);
    }
    shared.monitor.expect_offsets(
        states.iter().map(|state| Side::BOTH.map(|side| state.planned(side)).iter().sum::<u64>()).sum(),
    );
    let shared_ids = Mutex::new(known_ids);
    let mut noticed = Noticed::new(&shared_ids);
    let noting = Noting { chosen, checkpoints, source_ends_at, schema_ids: &shared_ids };
    let ranges = Side::BOTH.map(|side| ranges(shared, side, pairs, &states));
    let outcome = with_readers(shared, ranges, &mut noticed, |commands, incoming| {
        Barrier::new(shared, pairs, commands, noting).run(&mut states, incoming)
    })?;
    let pairs = states.into_iter().zip(pairs).map(|(state, pair)| state.finish(pair)).collect();
    Ok(Driven {
        pairs,
        source_ends_at,
        target_ends_at: outcome.0,
        rounds: outcome.1,
        samples: noticed.samples,
        schema_ids: ids(&shared_ids).clone(),
    })
}

/// What is still to be read of one side.
fn ranges(shared: &Shared<'_>, side: Side, pairs: &[&PairPlan], states: &[PairState]) -> Vec<RangeToRead> {
    let range = |(pair, state): (&&PairPlan, &PairState)| {
        let range = PlannedRange {
            partition: pair.partition(side).clone(),
            range: OffsetRange { start: state.next[side as usize], end: state.end[side as usize] },
        };
        (range, Fingerprinter::new(&pair.contract, shared.seed))
    };
    pairs.iter().zip(states).map(range).collect()
}

/// The present end of each pair on one side.
fn ends(shared: &Shared<'_>, side: Side, pairs: &[&PairPlan]) -> Result<Vec<i64>, KafkaError> {
    let partitions: Vec<TopicPartition> = pairs.iter().map(|pair| pair.partition(side).clone()).collect();
    reading::ends(shared, side, &partitions)
}

/// Lets `aligner`, one of so many, hold on disk what is too much for memory.
fn give_stores(aligner: &mut PairAligner, shared: &Shared<'_>, pairs: usize) {
    let store = || -> Box<dyn Overflow> { Box::new(SpilledItems::new(shared.spill)) };
    aligner.overflow_to([store(), store()], 2 * shared.budget.held_max(pairs));
}

struct PairState {
    aligner: PairAligner,
    start: [i64; 2],
    /// The ends as asked of the readers so far.
    end: [i64; 2],
    source_barrier: i64,
    next: [i64; 2],
    ended: [Option<ReadEnd>; 2],
    paused: [bool; 2],
    /// The target stood still while the source waited for it: it is read no further.
    target_ended: bool,
    intake: [Intake; 2],
    holes: [Vec<Hole>; 2],
}

impl PairState {
    fn new(shared: &Shared<'_>, pairs: usize, pair: &PairPlan, [source_end, target_end]: [i64; 2]) -> Self {
        let start = [pair.source_start, pair.target_start.unwrap_or(target_end)];
        let end = [source_end.max(start[0]), target_end.max(start[1])];
        let mut aligner =
            PairAligner::new(rules(&pair.contract), tuning(shared, pairs, &pair.contract), start);
        give_stores(&mut aligner, shared, pairs);
        Self {
            aligner,
            target_ended: false,
            start,
            end,
            source_barrier: end[0],
            next: start,
            ended: [None, None],
            paused: [false; 2],
            intake: Default::default(),
            holes: Default::default(),
        }
    }

    /// Goes on from a checkpoint: the same barrier on the source, and what was consumed is not read again.
    fn go_on(&mut self, shared: &Shared<'_>, pairs: usize, pair: &PairPlan, so_far: PairSoFar<'_>) {
        let next = so_far.snapshot.next_offset;
        self.next = next;
        self.source_barrier = so_far.source_barrier;
        self.end = [so_far.source_barrier.max(next[0]), self.end[1].max(next[1])];
        self.intake = so_far.intake;
        self.holes = so_far.holes;
        let tuning = tuning(shared, pairs, &pair.contract);
        self.aligner = PairAligner::restore(rules(&pair.contract), tuning, self.start, so_far.snapshot);
        give_stores(&mut self.aligner, shared, pairs);
    }

    fn planned(&self, side: Side) -> u64 {
        (self.end[side as usize] - self.next[side as usize]).unsigned_abs()
    }

    fn reached(&self, side: Side) -> bool {
        self.ended[side as usize] == Some(ReadEnd::ReachedEnd)
    }

    /// Read as far as the readers go now, or given up.
    fn at_rest(&self) -> bool {
        self.ended.iter().all(Option::is_some)
    }

    /// Nothing on the source waits for the target any more, or the pair was given up.
    fn settled(&self) -> bool {
        self.target_ended
            || !self.reached(Side::Source)
            || !self.reached(Side::Target)
            || !self.aligner.waits_for_target()
    }

    fn progress(&self) -> Progress {
        let waiting = if self.aligner.waits_for_target() { self.aligner.held()[0] } else { 0 };
        Progress { matched: self.aligner.matched(), waiting: waiting as u64 }
    }

    /// Reads no more of one side.
    fn give_up(&mut self, side: Side, detail: String) {
        self.ended[side as usize] = Some(ReadEnd::Failed { at: self.next[side as usize], detail });
    }

    fn take(&mut self, batch: Batch<Item>) {
        let side = batch.side as usize;
        for item in &batch.items {
            self.intake[side].add(item.identity);
        }
        self.next[side] = batch.next_offset;
        self.holes[side].extend(batch.holes);
        self.aligner.push(batch.side, &batch.items);
        if let Some(end) = batch.end {
            self.ended[side] = Some(end);
        }
    }

    fn finish(self, pair: &PairPlan) -> PairRead {
        let mut remarks = Vec::new();
        for side in Side::BOTH {
            let (ended, next) = (&self.ended[side as usize], self.next[side as usize]);
            remarks.extend(unread(side, pair.partition(side), ended.as_ref(), next, self.end[side as usize]));
        }
        let reading = PairReading {
            name: name(pair),
            start: self.start,
            source_end: self.source_barrier,
            read_to: self.next,
            complete: Side::BOTH.map(|side| self.reached(side)),
            holes: [0, 1].map(|side: usize| self.holes[side].iter().map(|hole| hole.range).collect()),
        };
        let stalled = [0, 1].map(|side: usize| matches!(self.ended[side], Some(ReadEnd::Stalled { .. })));
        PairRead { aligner: self.aligner, reading, intake: self.intake, remarks, holes: self.holes, stalled }
    }
}

/// For people: why a partition was not read to its end; `None` where it was.
pub(super) fn unread(
    side: Side,
    partition: &TopicPartition,
    ended: Option<&ReadEnd>,
    next: i64,
    end: i64,
) -> Option<String> {
    Some(match ended {
        Some(ReadEnd::ReachedEnd) => return None,
        Some(ReadEnd::OutOfRange { asked, detail }) => format!(
            "{partition} of the {side} no longer holds offset {asked}, which was to be read next (retention, \
             truncation, or a new topic of the same name): {detail}; offsets {asked} to {} are not judged",
            end - 1
        ),
        Some(ReadEnd::Stalled { at }) => format!(
            "{partition} of the {side} gave no record for {} s at offset {at}, though its log end is at {end}",
            STALL_LIMIT.as_secs(),
        ),
        Some(ReadEnd::Failed { at, detail }) => {
            format!("{partition} of the {side} cannot be read on at offset {at}: {detail}")
        }
        None => format!("{partition} of the {side} was not read beyond offset {next}"),
    })
}

/// Drives the readers: first to the ends at t0, then the target on while what waits for it shrinks, then the source
/// on as far as it is needed to explain the target's tail.
struct Barrier<'a, 'c> {
    noting: Noting<'a, 'c>,
    shared: &'a Shared<'a>,
    pairs: &'a [&'a PairPlan],
    commands: &'a [Sender<Command>; 2],
    /// Items of one pair that may wait before the side ahead is paused.
    held_max: usize,
    target_ends_at: time::OffsetDateTime,
    rounds: u32,
    /// When the target's ends were last asked for, and last grew, while the source was paused for them.
    asked_at: Instant,
    grew_at: Instant,
    looked_at: Instant,
}

/// What a drive needs to note how far it has come.
struct Noting<'a, 'c> {
    /// The pairs' indices in the plan.
    chosen: &'a [usize],
    checkpoints: &'a mut Checkpoints<'c>,
    source_ends_at: time::OffsetDateTime,
    schema_ids: &'a Mutex<Vec<BTreeSet<u32>>>,
}

impl Noting<'_, '_> {
    fn checkpoint(&mut self, pairs: &[&PairPlan], states: &[PairState]) -> Result<(), RunError> {
        for (at, (state, pair)) in states.iter().zip(pairs).enumerate() {
            let PairState { aligner, intake, source_barrier, holes, .. } = state;
            if !aligner.has_snapshot() {
                // The last one stays.
                continue;
            }
            let schema_ids = ids(self.schema_ids)[at].clone();
            let so_far =
                checkpoint::so_far(aligner, *intake, *source_barrier, self.source_ends_at, schema_ids, holes);
            self.checkpoints.put(self.chosen[at], &name(pair), &so_far)?;
        }
        self.checkpoints.write()
    }
}

/// A pair, for messages.
fn name(pair: &PairPlan) -> String {
    format!("{} -> {}", pair.source, pair.target)
}

impl<'a, 'c> Barrier<'a, 'c> {
    fn new(
        shared: &'a Shared<'a>,
        pairs: &'a [&'a PairPlan],
        commands: &'a [Sender<Command>; 2],
        noting: Noting<'a, 'c>,
    ) -> Self {
        let held_max = shared.budget.held_max(pairs.len());
        let now = Instant::now();
        Self {
            noting,
            shared,
            pairs,
            commands,
            held_max,
            target_ends_at: time::OffsetDateTime::now_utc(),
            rounds: 0,
            asked_at: now,
            grew_at: now,
            looked_at: now,
        }
    }

    fn run(
        mut self,
        states: &mut [PairState],
        incoming: &Receiver<Batch<Item>>,
    ) -> Result<(time::OffsetDateTime, u32), RunError> {
        let mut phase = Phase::Read;
        loop {
            match incoming.recv_timeout(Duration::from_millis(50)) {
                Ok(batch) => {
                    let (at, side) = (batch.at, batch.side);
                    let before = states[at].next[side as usize];
                    let records = batch.items.len() as u64;
                    self.tell(&batch, &states[at]);
                    states[at].take(batch);
                    let passed = (states[at].next[side as usize] - before).max(0).unsigned_abs();
                    self.shared.monitor.read(side, records, passed);
                    self.balance(at, &mut states[at]);
                    if self.noting.checkpoints.due_after(records) {
                        self.noting.checkpoint(self.pairs, states)?;
                    }
                    if !states[at].at_rest() && self.looked_at.elapsed() < LOOK_AGAIN {
                        continue;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // Both readers are gone: an error that their threads return, or cancelled.
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.shared.cancel.cancelled().is_some() {
                break;
            }
            self.looked_at = Instant::now();
            self.wait_for_target(states)?;
            self.relieve(states);
            if states.iter().all(PairState::at_rest) {
                if matches!(phase, Phase::Read) {
                    // Read up to t0: waiting for the target may take long.
                    self.noting.checkpoint(self.pairs, states)?;
                }
                phase = self.next_phase(phase, states)?;
                if matches!(phase, Phase::Done) {
                    break;
                }
            }
        }
        self.noting.checkpoint(self.pairs, states)?;
        Ok((self.target_ends_at, self.rounds))
    }

    /// A partition that gives up is named at once: the others may go on for hours.
    fn tell(&self, batch: &Batch<Item>, state: &PairState) {
        let (side, partition) = (batch.side, self.pairs[batch.at].partition(batch.side));
        if batch.end.is_some() {
            let ended =
                unread(side, partition, batch.end.as_ref(), batch.next_offset, state.end[side as usize]);
            ended.iter().for_each(|why| self.shared.monitor.warn(why));
        }
        batch.holes.iter().for_each(|hole| self.shared.monitor.warn(&holes::remark(side, partition, hole)));
    }

    fn send(&self, side: Side, command: Command) {
        // A reader that is gone shows as a closed channel.
        let _ = self.commands[side as usize].send(command);
    }

    /// Pauses the side that is far ahead, lets it go on when the other has caught up.
    fn balance(&self, at: usize, state: &mut PairState) {
        let held = state.aligner.held();
        for side in Side::BOTH {
            let (own, other) = (held[side as usize], held[1 - side as usize]);
            // The source waits for a target that has reached its end: it may grow. Nothing else grows.
            let hopeless = match side {
                Side::Source => {
                    state.target_ended || (state.ended[1].is_some() && !state.reached(Side::Target))
                }
                Side::Target => state.ended[0].is_some(),
            };
            if state.paused[side as usize] {
                if own < self.held_max / 2 || own <= other || hopeless {
                    state.paused[side as usize] = false;
                    self.send(side, Command::Resume { at });
                }
            } else if !hopeless
                && state.ended[side as usize].is_none()
                && own > self.held_max
                && own > 2 * other
            {
                state.paused[side as usize] = true;
                self.send(side, Command::Pause { at });
            }
        }
    }

    /// A source that is paused because the target has reached its end waits for the target to grow. Where that
    /// stands still, the target ends there, and the rest of the source needs not be held.
    fn wait_for_target(&mut self, states: &mut [PairState]) -> Result<(), RunError> {
        let waits = |state: &PairState| state.paused[0] && state.reached(Side::Target);
        if !states.iter().any(waits) || self.asked_at.elapsed() < ASK_AGAIN {
            return Ok(());
        }
        self.asked_at = Instant::now();
        if self.extend(Side::Target, states)? {
            self.grew_at = Instant::now();
        } else if self.grew_at.elapsed() > self.shared.settle {
            for (at, state) in states.iter_mut().enumerate().filter(|(_, state)| waits(state)) {
                state.target_ended = true;
                state.aligner.end_target();
                state.paused[0] = false;
                self.send(Side::Source, Command::Resume { at });
            }
        }
        Ok(())
    }

    /// Over a limit nothing more is read of the pair that needs most.
    fn relieve(&self, states: &mut [PairState]) {
        for (at, state) in states.iter_mut().enumerate() {
            if let Some(full) = state.aligner.full().filter(|_| !state.at_rest()) {
                let held = state.aligner.held();
                let detail = format!(
                    "{full}; {} source and {} target records have not found each other again",
                    held[0], held[1]
                );
                self.give_up(at, state, &detail);
            }
        }
        let left_over = |state: &PairState| state.aligner.left_over().iter().sum::<usize>();
        let max = self.shared.budget.left_over_max();
        if states.iter().map(left_over).sum::<usize>() <= max {
            return;
        }
        let most =
            states.iter_mut().enumerate().filter(|(_, s)| !s.at_rest()).max_by_key(|(_, s)| left_over(s));
        if let Some((at, state)) = most {
            let detail = format!(
                "limits.memory is used up by records that differ: {} of this pair; more than {max} in all are not held",
                left_over(state)
            );
            self.give_up(at, state, &detail);
        }
    }

    fn give_up(&self, at: usize, state: &mut PairState, detail: &str) {
        for side in Side::BOTH {
            if state.ended[side as usize].is_none() {
                self.send(side, Command::Pause { at });
                state.give_up(side, detail.to_owned());
            }
        }
    }

    fn next_phase(&mut self, phase: Phase, states: &mut [PairState]) -> Result<Phase, RunError> {
        if matches!(phase, Phase::Read) {
            self.shared.monitor.stage("settle");
        }
        let tail = |state: &PairState| state.reached(Side::Source) && state.aligner.held()[1] > 0;
        let standing = Standing {
            progress: states.iter().map(PairState::progress).collect(),
            settled: states.iter().all(PairState::settled),
            tail: states.iter().any(tail),
        };
        phase.next(standing, self.shared.settle, |side| self.extend(side, states))
    }

    /// Asks for the ends of one side again; pairs that still wait are read on. Whether any grew.
    fn extend(&mut self, side: Side, states: &mut [PairState]) -> Result<bool, RunError> {
        let ends = ends(self.shared, side, self.pairs)?;
        if side == Side::Target {
            self.target_ends_at = time::OffsetDateTime::now_utc();
            self.rounds += 1;
        }
        let mut grew = false;
        for (at, state) in states.iter_mut().enumerate() {
            let ended = side == Side::Target && state.target_ended;
            if state.reached(side) && !ended && ends[at] > state.end[side as usize] {
                state.end[side as usize] = ends[at];
                state.ended[side as usize] = None;
                self.send(side, Command::Extend { at, end: ends[at] });
                grew = true;
            }
        }
        Ok(grew)
    }
}
