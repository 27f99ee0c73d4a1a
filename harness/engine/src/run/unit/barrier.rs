//! When the lanes of a set of units are read to: the ends at t0, the target's while it catches up, the source's as far as
//! they explain the target's tail. Judges nothing.

use std::slice::from_ref;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::align::Item;
use crate::consume::{Batch, Command, ReadEnd};
use crate::record::{Side, TopicPartition};

use super::super::RunError;
use super::super::holes;
use super::super::phases::{Phase, Reached, Standing};
use super::super::reading::ends_of_each;
use super::super::retained::Retained;
use super::super::shared::{LOOK_AGAIN, Shared};
use super::super::stable::{Awaited, await_transactions};
use super::super::unread::unread;
use super::Unit;
use super::state::State;
use super::turns::pause_newer_than;

/// Drives the readers: first to the ends at t0, then the target on while what waits for it shrinks, then the source on
/// as far as it is needed to explain the target's tail.
pub(super) struct Barrier<'a> {
    shared: &'a Shared<'a>,
    units: &'a [&'a Unit],
    lanes: &'a [Vec<(usize, usize)>; 2],
    commands: &'a [Sender<Command>; 2],
    /// Items of one unit that may wait before lanes that are far ahead are paused.
    held_max: usize,
    target_ends_at: time::OffsetDateTime,
    rounds: u32,
    awaited: Awaited,
    looked_at: Instant,
}

impl<'a> Barrier<'a> {
    pub fn new(
        shared: &'a Shared<'a>,
        units: &'a [&'a Unit],
        lanes: &'a [Vec<(usize, usize)>; 2],
        commands: &'a [Sender<Command>; 2],
    ) -> Self {
        let held_max = (shared.budget.held_by_units() / 2 / units.len().max(1)).max(4_096);
        let target_ends_at = time::OffsetDateTime::now_utc();
        Self {
            shared,
            units,
            lanes,
            commands,
            held_max,
            target_ends_at,
            rounds: 0,
            awaited: Awaited::default(),
            looked_at: Instant::now(),
        }
    }

    pub fn run(
        mut self,
        states: &mut [State],
        incoming: &Receiver<Batch<Item>>,
    ) -> Result<Reached, RunError> {
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
                    let left_from = self.left_from(&batch, at, lane, state);
                    self.tell(&batch, at, lane, state, left_from);
                    let before = state.lanes[side as usize][lane].next;
                    let (range, records) = (batch.at, batch.items.len() as u64);
                    state.take(lane, batch);
                    if let Some(to) = left_from {
                        state.pass_over(side, lane, to);
                        self.send(side as usize, Command::Skip { at: range, to });
                    }
                    let passed = (state.lanes[side as usize][lane].next - before).max(0).unsigned_abs();
                    self.shared.monitor.read(side, records, passed);
                    self.balance(state);
                    if !state.at_rest() && self.looked_at.elapsed() < LOOK_AGAIN {
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
            self.relieve(states);
            // Not only as batches come: of a unit whose lanes are all paused none would.
            states.iter_mut().for_each(|state| self.balance(state));
            if states.iter().all(State::at_rest) {
                phase = self.next_phase(phase, states)?;
                if matches!(phase, Phase::Done) {
                    break;
                }
            }
        }
        let Self { target_ends_at, rounds, awaited, .. } = self;
        Ok(Reached { target_ends_at, rounds, awaited })
    }

    /// Where a lane goes on whose next offsets are deleted; `None` where they are not, or nothing that is wanted is left.
    fn left_from(&self, batch: &Batch<Item>, at: usize, lane: usize, state: &State) -> Option<i64> {
        let Some(ReadEnd::OutOfRange { asked, .. }) = &batch.end else { return None };
        let (side, partition) = (batch.side, self.units[at].plan.partition(batch.side, lane));
        let cluster = [self.shared.source, self.shared.target][side as usize];
        let now = Retained::of(side, cluster, from_ref(partition)).start(side, partition, *asked);
        (now > *asked && now < state.lanes[side as usize][lane].end).then_some(now)
    }

    /// A partition that gives up, or has lost what was to be read, is named at once: the others may go on for hours.
    /// `left_from`: where it goes on.
    fn tell(&self, batch: &Batch<Item>, at: usize, lane: usize, state: &State, left_from: Option<i64>) {
        let (side, partition) = (batch.side, self.units[at].plan.partition(batch.side, lane));
        let end = state.lanes[side as usize][lane].end;
        let ended = match left_from {
            Some(to) => Some(format!(
                "{partition} of the {side}: retention has deleted offsets {} to {} before they were read",
                batch.next_offset,
                to - 1
            )),
            None => batch
                .end
                .as_ref()
                .and_then(|ended| unread(side, partition, Some(ended), batch.next_offset, end)),
        };
        ended.iter().for_each(|why| self.shared.monitor.warn(why));
        batch.holes.iter().for_each(|hole| self.shared.monitor.warn(&holes::remark(side, partition, hole)));
    }

    fn send(&self, side: usize, command: Command) {
        // A reader that is gone shows as a closed channel.
        let _ = self.commands[side].send(command);
    }

    /// Pauses the lanes of a unit that are far ahead, and resumes those that are waited for.
    fn balance(&self, state: &mut State) {
        let running = state.all().filter(|lane| lane.ended.is_none());
        let running: Vec<(bool, i64)> = running.map(|lane| (lane.paused, lane.last_timestamp)).collect();
        let Some(limit) = pause_newer_than(state.held(), self.held_max, &running) else { return };
        for (side, lanes) in state.lanes.iter_mut().enumerate() {
            for lane in lanes.iter_mut().filter(|lane| lane.ended.is_none()) {
                let pause = lane.last_timestamp > limit;
                if pause != lane.paused {
                    lane.paused = pause;
                    let at = lane.range;
                    self.send(side, if pause { Command::Pause { at } } else { Command::Resume { at } });
                }
            }
        }
    }

    /// Over the budget the unit that holds most, of those that are read, puts its records on disk, one that holds much and
    /// has not yet before one that has. Where that cannot be, or is not enough, nothing more is read of it.
    fn relieve(&self, states: &mut [State]) {
        let held = states.iter().map(|state| (state.in_memory(), state.at_rest()));
        let relieved = self.shared.budget.to_relieve(held).map(|largest| {
            // Less than that makes no room, and what is on disk stays there.
            let may_spill =
                |state: &State| !state.spilled && !state.at_rest() && state.in_memory() >= self.held_max;
            let others = states.iter().enumerate().filter(|(_, state)| may_spill(state));
            others.max_by_key(|(_, state)| state.in_memory()).map_or(largest, |(at, _)| at)
        });
        for (at, state) in states.iter_mut().enumerate() {
            let too_much = relieved == Some(at) && state.failed.is_none();
            if too_much && !std::mem::replace(&mut state.spilled, true) {
                state.failed = state.aligner.spill().err().map(|error| error.to_string());
            } else if too_much {
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
        if matches!(phase, Phase::Read) {
            self.shared.monitor.stage("settle");
        }
        let standing = Standing {
            progress: states.iter().map(State::progress).collect(),
            settled: states.iter().all(State::settled),
            tail: states.iter().any(has_target_tail),
        };
        phase.next(standing, self.shared.settle, |side| {
            if side == Side::Source {
                let with_tail =
                    self.lanes[side as usize].iter().filter(|lane| has_target_tail(&states[lane.0]));
                let partition =
                    |&(at, lane): &(usize, usize)| self.units[at].plan.partition(side, lane).clone();
                self.awaited = await_transactions(self.shared, with_tail.map(partition).collect())?;
            }
            self.extend(side, states)
        })
    }

    /// Asks for the ends of one side again; lanes that have grown are read on. One whose end is not told is given up, and
    /// the others go on. Whether any has grown.
    fn extend(&mut self, side: Side, states: &mut [State]) -> Result<bool, RunError> {
        let all = self.lanes[side as usize].iter().copied().enumerate();
        let asked: Vec<(usize, (usize, usize))> =
            all.filter(|&(_, (at, lane))| states[at].lanes[side as usize][lane].reached()).collect();
        let partitions: Vec<TopicPartition> =
            asked.iter().map(|&(_, (at, lane))| self.units[at].plan.partition(side, lane).clone()).collect();
        let ends = ends_of_each(self.shared, side, &partitions)?;
        if side == Side::Target {
            self.target_ends_at = time::OffsetDateTime::now_utc();
            self.rounds += 1;
        }
        let mut grew = false;
        for (((range, (at, lane)), partition), end) in asked.into_iter().zip(&partitions).zip(ends) {
            let lane = &mut states[at].lanes[side as usize][lane];
            match end {
                Ok(end) if end > lane.end => {
                    (lane.end, lane.ended, lane.paused) = (end, None, false);
                    self.send(side as usize, Command::Resume { at: range });
                    self.send(side as usize, Command::Extend { at: range, end });
                    grew = true;
                }
                Ok(_) => {}
                Err(detail) => {
                    lane.ended = Some(ReadEnd::Failed { at: lane.next, detail });
                    let why = unread(side, partition, lane.ended.as_ref(), lane.next, lane.end);
                    why.iter().for_each(|why| self.shared.monitor.warn(why));
                }
            }
        }
        Ok(grew)
    }
}

/// The target has records that source records after the barrier may explain.
fn has_target_tail(state: &State) -> bool {
    state.complete(Side::Source) && state.unmatched_on_target() > 0
}
