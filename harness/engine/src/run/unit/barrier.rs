//! When the lanes of a set of units are read to: the ends at t0, the target's while it catches up, the source's as far as
//! they explain the target's tail. Judges nothing.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use crate::align::Item;
use crate::consume::{Batch, Command, ReadEnd};
use crate::record::Side;

use super::super::RunError;
use super::super::holes;
use super::super::phases::{Phase, Reached, Standing};
use super::super::shared::{LOOK_AGAIN, Shared};
use super::super::stable::{Awaited, await_transactions};
use super::super::unread::unread;
use super::Unit;
use super::drive::ends;
use super::state::State;

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
                    self.tell(&batch, at, lane, state);
                    let before = state.lanes[side as usize][lane].next;
                    let records = batch.items.len() as u64;
                    state.take(lane, batch);
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
            let too_much = too_much && state.failed.is_none();
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

/// The target has records that source records after the barrier may explain.
fn has_target_tail(state: &State) -> bool {
    state.complete(Side::Source) && state.unmatched_on_target() > 0
}
