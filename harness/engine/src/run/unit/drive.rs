//! Runs the two readers over all lanes of a set of units up to the barrier, and feeds alignment as records come in.
//! Judges nothing.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::align::Item;
use crate::align::keyed::{KeyedAligner, KeyedTuning};
use crate::consume::{Batch, Command, Hole, PlannedRange, ReadEnd};
use crate::fingerprint::Fingerprinter;
use crate::kafka::KafkaError;
use crate::ledger::{Cells, SourceIntake, UnitIntake};
use crate::record::{OffsetRange, Record, Side};

use super::super::RunError;
use super::super::drive::{ASK_AGAIN, Noticed, Shared, rules, unread};
use super::super::holes;
use super::super::reading::{self, RangeToRead, with_readers};
use super::Unit;
use super::store::SpillStore;

/// A unit that was read up to the barrier.
pub(in crate::run) struct UnitRead {
    pub aligner: KeyedAligner,
    pub cells: Cells,
    pub intake: UnitIntake,
    /// One past the last offset read, by side and lane.
    pub read_to: [Vec<i64>; 2],
    /// The source's ends at the barrier, by lane.
    pub source_ends: Vec<i64>,
    /// Timestamp of the first record, by source lane.
    pub first_timestamps: Vec<Option<i64>>,
    pub complete: [bool; 2],
    /// Why it was not read to its end; empty where it was.
    pub remarks: Vec<String>,
    /// What could not be read.
    pub holes: Vec<(Side, usize, Hole)>,
    /// Lanes that gave nothing for the stall limit.
    pub stalled: Vec<(Side, usize)>,
    /// Schema ids in the source's values.
    pub schema_ids: BTreeSet<u32>,
}

/// What a drive ends with.
pub(in crate::run) struct DrivenUnits {
    /// In the order of the units.
    pub units: Vec<UnitRead>,
    pub source_ends_at: time::OffsetDateTime,
    pub target_ends_at: time::OffsetDateTime,
    pub rounds: u32,
    pub samples: Vec<Record>,
}

/// Reads all `units`, of one isolation level, up to the barrier.
pub(in crate::run) fn drive_units(shared: &Shared<'_>, units: &[&Unit]) -> Result<DrivenUnits, RunError> {
    let lanes = Side::BOTH.map(|side| lanes(units, side));
    let source_ends_at = time::OffsetDateTime::now_utc();
    let ends = [ends(shared, units, Side::Source, &lanes[0])?, ends(shared, units, Side::Target, &lanes[1])?];
    let mut states: Vec<State> = units
        .iter()
        .enumerate()
        .map(|(at, unit)| {
            let own = |side: usize| {
                let of_unit = lanes[side].iter().zip(&ends[side]).filter(|(lane, _)| lane.0 == at);
                of_unit.map(|(_, end)| *end).collect::<Vec<i64>>()
            };
            let store = SpillStore::new(shared.spill);
            State::new(unit, [own(0), own(1)], store)
        })
        .collect();
    shared.monitor.expect_offsets(states.iter().map(State::planned).sum());
    let ids = Mutex::new(vec![BTreeSet::new(); lanes[0].len()]);
    let mut noticed = Noticed::new(&ids);
    let ranges = Side::BOTH.map(|side| ranges(shared, side, units, &states));
    let outcome = with_readers(shared, ranges, &mut noticed, |commands, incoming| {
        Barrier::new(shared, units, &lanes, commands).run(&mut states, incoming)
    })?;
    let mut read: Vec<UnitRead> =
        states.into_iter().zip(units).map(|(state, unit)| state.finish(unit)).collect();
    for ((at, _), ids) in lanes[0].iter().zip(noticed.schema_ids) {
        read[*at].schema_ids.extend(ids);
    }
    Ok(DrivenUnits {
        units: read,
        source_ends_at,
        target_ends_at: outcome.0,
        rounds: outcome.1,
        samples: noticed.samples,
    })
}

/// The planned ranges of one side: unit and lane of each.
fn lanes(units: &[&Unit], side: Side) -> Vec<(usize, usize)> {
    let count = |unit: &Unit| match side {
        Side::Source => unit.plan.sources.len(),
        Side::Target => unit.plan.targets.len(),
    };
    units.iter().enumerate().flat_map(|(at, unit)| (0..count(unit)).map(move |lane| (at, lane))).collect()
}

/// The present end of each lane of one side.
fn ends(
    shared: &Shared<'_>,
    units: &[&Unit],
    side: Side,
    lanes: &[(usize, usize)],
) -> Result<Vec<i64>, KafkaError> {
    let partitions: Vec<_> =
        lanes.iter().map(|&(at, lane)| units[at].plan.partition(side, lane).clone()).collect();
    reading::ends(shared, side, &partitions)
}

/// What is to be read of one side, lane after lane of the units.
fn ranges(shared: &Shared<'_>, side: Side, units: &[&Unit], states: &[State]) -> Vec<RangeToRead> {
    let of_unit = |(unit, state): (&&Unit, &State)| {
        let range = |(lane, state): (usize, &LaneState)| {
            let range = PlannedRange {
                partition: unit.plan.partition(side, lane).clone(),
                range: OffsetRange { start: state.next, end: state.end },
            };
            (range, Fingerprinter::new(&unit.plan.contract, shared.seed))
        };
        state.lanes[side as usize].iter().enumerate().map(range).collect::<Vec<_>>()
    };
    units.iter().zip(states).flat_map(of_unit).collect()
}

struct LaneState {
    /// Index among the ranges of the side's reader.
    range: usize,
    next: i64,
    end: i64,
    ended: Option<ReadEnd>,
    paused: bool,
    first_timestamp: Option<i64>,
    last_timestamp: i64,
    holes: Vec<Hole>,
}

impl LaneState {
    fn reached(&self) -> bool {
        self.ended == Some(ReadEnd::ReachedEnd)
    }
}

struct State {
    aligner: KeyedAligner,
    cells: Cells,
    /// By side.
    lanes: [Vec<LaneState>; 2],
    source_ends: Vec<i64>,
    starts: Vec<i64>,
    intake: UnitIntake,
    /// Whether its records go to disk.
    spilled: bool,
    failed: Option<String>,
}

impl State {
    /// `ends`: by side and lane. Range indices are set where the lanes of all units are put together.
    fn new(unit: &Unit, ends: [Vec<i64>; 2], store: SpillStore) -> Self {
        let plan = &unit.plan;
        let log_starts = plan.log_starts();
        let lanes = [0, 1].map(|side: usize| {
            let lane = |(&start, &end): (&i64, &i64)| LaneState {
                range: 0,
                next: start,
                end: end.max(start),
                ended: None,
                paused: false,
                first_timestamp: None,
                last_timestamp: i64::MIN,
                holes: Vec::new(),
            };
            log_starts[side].iter().zip(&ends[side]).map(lane).collect::<Vec<_>>()
        });
        let source_ends: Vec<i64> = lanes[0].iter().map(|lane| lane.end).collect();
        let starts: Vec<i64> =
            plan.sources.iter().zip(&source_ends).map(|(lane, end)| lane.start.min(*end)).collect();
        Self {
            aligner: KeyedAligner::new(
                rules(&plan.contract),
                unit.grouping,
                KeyedTuning::default(),
                [plan.sources.len(), plan.targets.len()],
                Box::new(store),
            ),
            cells: Cells::new(thresholds(unit, &starts, &source_ends)),
            intake: UnitIntake {
                sources: vec![SourceIntake::default(); plan.sources.len()],
                ..UnitIntake::default()
            },
            lanes,
            source_ends,
            starts,
            spilled: false,
            failed: None,
        }
    }

    fn planned(&self) -> u64 {
        self.lanes.iter().flatten().map(|lane| (lane.end - lane.next).unsigned_abs()).sum()
    }

    fn all(&self) -> impl Iterator<Item = &LaneState> {
        self.lanes.iter().flatten()
    }

    fn complete(&self, side: Side) -> bool {
        let whole = |lane: &LaneState| lane.reached() && lane.holes.is_empty();
        self.failed.is_none() && self.lanes[side as usize].iter().all(whole)
    }

    /// Read as far as the readers go now, or given up.
    fn at_rest(&self) -> bool {
        self.all().all(|lane| lane.ended.is_some())
    }

    /// Records that are not matched in order: source, target.
    fn unmatched(&self) -> [u64; 2] {
        let source: u64 = self.intake.sources.iter().map(|lane| lane.read.records).sum();
        [source, self.intake.target.records].map(|read| read - self.cells.pairs())
    }

    /// Nothing on the source waits for the target any more, or the unit was given up.
    fn settled(&self) -> bool {
        !self.complete(Side::Source) || !self.complete(Side::Target) || self.unmatched()[0] == 0
    }

    fn held(&self) -> usize {
        self.aligner.held().iter().sum()
    }

    fn take(&mut self, lane: usize, batch: Batch<Item>) {
        let side = batch.side as usize;
        for item in &batch.items {
            match batch.side {
                Side::Source => {
                    let intake = &mut self.intake.sources[lane];
                    intake.read.add(item.identity);
                    let scope = self.starts[lane]..self.source_ends[lane];
                    intake.in_scope += u64::from(scope.contains(&item.offset));
                }
                Side::Target => self.intake.target.add(item.identity),
            }
        }
        let state = &mut self.lanes[side][lane];
        state.next = batch.next_offset;
        state.holes.extend(batch.holes);
        if let (Some(first), Some(last)) = (batch.items.first(), batch.items.last()) {
            state.first_timestamp.get_or_insert(first.timestamp);
            state.last_timestamp = state.last_timestamp.max(last.timestamp);
        }
        if let Some(end) = batch.end {
            state.ended = Some(end);
        }
        if self.failed.is_none()
            && let Err(error) = self.aligner.push(batch.side, lane, &batch.items, &mut self.cells)
        {
            self.failed = Some(error.to_string());
        }
    }

    fn finish(self, unit: &Unit) -> UnitRead {
        let complete = Side::BOTH.map(|side| self.complete(side));
        let mut remarks: Vec<String> = self.failed.iter().cloned().collect();
        for side in Side::BOTH {
            for (at, lane) in self.lanes[side as usize].iter().enumerate() {
                let partition = unit.plan.partition(side, at);
                remarks.extend(unread(side, partition, lane.ended.as_ref(), lane.next, lane.end));
                remarks.extend(lane.holes.iter().map(|hole| holes::remark(side, partition, hole)));
            }
        }
        let lanes = |side: Side| (0..self.lanes[side as usize].len()).map(move |lane| (side, lane));
        let lanes: Vec<(Side, usize)> = lanes(Side::Source).chain(lanes(Side::Target)).collect();
        let state = |(side, lane): (Side, usize)| &self.lanes[side as usize][lane];
        let holes = lanes
            .iter()
            .flat_map(|&at| state(at).holes.iter().map(move |hole| (at.0, at.1, hole.clone())))
            .collect();
        let stalled = lanes
            .iter()
            .copied()
            .filter(|&at| matches!(state(at).ended, Some(ReadEnd::Stalled { .. })))
            .collect();
        UnitRead {
            aligner: self.aligner,
            cells: self.cells,
            intake: self.intake,
            read_to: self.lanes.each_ref().map(|lanes| lanes.iter().map(|lane| lane.next).collect()),
            first_timestamps: self.lanes[0].iter().map(|lane| lane.first_timestamp).collect(),
            source_ends: self.source_ends,
            complete,
            remarks,
            holes,
            stalled,
            schema_ids: BTreeSet::new(),
        }
    }
}

/// All offsets that anything will be counted by: the scope's, and where the groups stand and would resume.
fn thresholds(unit: &Unit, starts: &[i64], ends: &[i64]) -> [Vec<Vec<i64>>; 2] {
    let mut source: Vec<Vec<i64>> = starts.iter().zip(ends).map(|(&start, &end)| vec![start, end]).collect();
    let mut target: Vec<Vec<i64>> = vec![Vec::new(); unit.plan.targets.len()];
    for (_, position) in &unit.positions {
        for (lane, committed) in source.iter_mut().zip(&position.committed) {
            lane.extend(committed);
        }
        for (lane, resume) in target.iter_mut().zip(&position.resumes) {
            lane.extend(resume.offset);
        }
    }
    [source, target]
}

/// Drives the readers: first to the ends at t0, then the target on while what waits for it shrinks, then the source on
/// as far as it is needed to explain the target's tail.
struct Barrier<'a> {
    shared: &'a Shared<'a>,
    units: &'a [&'a Unit],
    lanes: &'a [Vec<(usize, usize)>; 2],
    commands: &'a [Sender<Command>; 2],
    /// Items of one unit that may wait before lanes that are far ahead are paused.
    held_max: usize,
    target_ends_at: time::OffsetDateTime,
    rounds: u32,
}

enum Phase {
    Read,
    Settle { asked_at: Option<Instant>, grew_at: Instant },
    Explain,
    Done,
}

impl<'a> Barrier<'a> {
    fn new(
        shared: &'a Shared<'a>,
        units: &'a [&'a Unit],
        lanes: &'a [Vec<(usize, usize)>; 2],
        commands: &'a [Sender<Command>; 2],
    ) -> Self {
        let held_max = (shared.budget.held_by_units() / 2 / units.len().max(1)).max(4_096);
        let target_ends_at = time::OffsetDateTime::now_utc();
        Self { shared, units, lanes, commands, held_max, target_ends_at, rounds: 0 }
    }

    fn run(
        mut self,
        states: &mut [State],
        incoming: &Receiver<Batch<Item>>,
    ) -> Result<(time::OffsetDateTime, u32), RunError> {
        for (side, lanes) in self.lanes.iter().enumerate() {
            for (range, &(at, lane)) in lanes.iter().enumerate() {
                states[at].lanes[side][lane].range = range;
            }
        }
        let mut phase = Phase::Read;
        loop {
            match incoming.recv_timeout(Duration::from_millis(50)) {
                Ok(batch) => {
                    let (side, (at, lane)) = (batch.side, self.lanes[batch.side as usize][batch.at]);
                    let state = &mut states[at];
                    self.tell(&batch, at, lane, state);
                    let before = state.lanes[side as usize][lane].next;
                    let records = batch.items.len() as u64;
                    state.take(lane, batch);
                    let passed = (state.lanes[side as usize][lane].next - before).max(0).unsigned_abs();
                    self.shared.monitor.read(side, records, passed);
                    self.balance(state);
                    if !state.at_rest() {
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
            self.relieve(states);
            if states.iter().all(State::at_rest) {
                phase = self.next_phase(phase, states)?;
                if matches!(phase, Phase::Done) {
                    break;
                }
            }
        }
        Ok((self.target_ends_at, self.rounds))
    }

    /// A partition that gives up is named at once: the others may go on for hours.
    fn tell(&self, batch: &Batch<Item>, at: usize, lane: usize, state: &State) {
        let (side, partition) = (batch.side, self.units[at].plan.partition(batch.side, lane));
        let end = state.lanes[side as usize][lane].end;
        let ended =
            batch.end.as_ref().and_then(|ended| unread(side, partition, Some(ended), batch.next_offset, end));
        ended.iter().for_each(|why| self.shared.monitor.warn(why));
        batch.holes.iter().for_each(|hole| self.shared.monitor.warn(&holes::remark(side, partition, hole)));
    }

    fn send(&self, side: usize, command: Command) {
        // A reader that is gone shows as a closed channel.
        let _ = self.commands[side].send(command);
    }

    /// While much is held, only the lanes that are farthest behind in time are read: what waits, waits for them.
    fn balance(&self, state: &mut State) {
        let held = state.held();
        let all_run = held < self.held_max / 2;
        if !all_run && held < self.held_max {
            return;
        }
        let farthest_behind =
            state.all().filter(|lane| lane.ended.is_none()).map(|lane| lane.last_timestamp).min();
        for (side, lanes) in state.lanes.iter_mut().enumerate() {
            for lane in lanes.iter_mut().filter(|lane| lane.ended.is_none()) {
                let pause = !all_run && Some(lane.last_timestamp) > farthest_behind;
                if pause != lane.paused {
                    lane.paused = pause;
                    let at = lane.range;
                    self.send(side, if pause { Command::Pause { at } } else { Command::Resume { at } });
                }
            }
        }
    }

    /// Over the budget the unit that holds most puts its records on disk. Where that cannot be, or is not enough,
    /// nothing more is read of it.
    fn relieve(&self, states: &mut [State]) {
        let held: usize = states.iter().map(State::held).sum();
        let largest = states.iter().enumerate().max_by_key(|(_, state)| state.held()).map(|(at, _)| at);
        for (at, state) in states.iter_mut().enumerate() {
            let too_much =
                held > self.shared.budget.held_by_units() && largest == Some(at) && !state.at_rest();
            if too_much && !std::mem::replace(&mut state.spilled, true) {
                state.failed = state.aligner.spill().err().map(|error| error.to_string());
            } else if too_much && state.failed.is_none() {
                state.failed =
                    Some("limits.memory is used up by records that wait for the other side".to_owned());
            }
            let Some(why) = state.failed.clone() else { continue };
            for (side, lanes) in state.lanes.iter_mut().enumerate() {
                for lane in lanes.iter_mut().filter(|lane| lane.ended.is_none()) {
                    self.send(side, Command::Pause { at: lane.range });
                    lane.ended = Some(ReadEnd::Failed { at: lane.next, detail: why.clone() });
                }
            }
        }
    }

    fn next_phase(&mut self, phase: Phase, states: &mut [State]) -> Result<Phase, RunError> {
        match phase {
            Phase::Read => {
                self.shared.monitor.stage("settle");
                Ok(Phase::Settle { asked_at: None, grew_at: Instant::now() })
            }
            Phase::Settle { asked_at, grew_at } => {
                if asked_at.is_some_and(|at| at.elapsed() < ASK_AGAIN) {
                    return Ok(Phase::Settle { asked_at, grew_at });
                }
                let waits = !states.iter().all(State::settled);
                if (asked_at.is_none() || waits) && self.extend(Side::Target, states)? {
                    return Ok(Phase::Settle { asked_at: Some(Instant::now()), grew_at: Instant::now() });
                }
                if waits && grew_at.elapsed() < self.shared.settle {
                    return Ok(Phase::Settle { asked_at: Some(Instant::now()), grew_at });
                }
                let tail = |state: &State| state.complete(Side::Source) && state.unmatched()[1] > 0;
                if states.iter().any(tail) && self.extend(Side::Source, states)? {
                    return Ok(Phase::Explain);
                }
                Ok(Phase::Done)
            }
            Phase::Explain | Phase::Done => Ok(Phase::Done),
        }
    }

    /// Asks for the ends of one side again; lanes that have grown are read on. Whether any has.
    fn extend(&mut self, side: Side, states: &mut [State]) -> Result<bool, RunError> {
        let ends = ends(self.shared, self.units, side, &self.lanes[side as usize])?;
        if side == Side::Target {
            self.target_ends_at = time::OffsetDateTime::now_utc();
            self.rounds += 1;
        }
        let mut grew = false;
        for (range, (&(at, lane), end)) in self.lanes[side as usize].iter().zip(ends).enumerate() {
            let lane = &mut states[at].lanes[side as usize][lane];
            if lane.reached() && end > lane.end {
                (lane.end, lane.ended, lane.paused) = (end, None, false);
                self.send(side as usize, Command::Resume { at: range });
                self.send(side as usize, Command::Extend { at: range, end });
                grew = true;
            }
        }
        Ok(grew)
    }
}
