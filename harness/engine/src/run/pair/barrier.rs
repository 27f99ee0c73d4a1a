//! When the two sides of a set of pairs are read to, and which side waits for the other. Judges nothing.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::super::RunError;
use super::super::holes;
use super::super::patience::{Progress, Waits};
use super::super::phases::{ASK_AGAIN, Phase, Reached, Standing};
use super::super::reading::ends_of_each;
use super::super::shared::{LOOK_AGAIN, Shared};
use super::super::stable::{Awaited, await_transactions};
use super::super::unread::unread;
use super::noting::Noting;
use super::state::PairState;
use crate::align::Item;
use crate::consume::{Batch, Command};
use crate::positions::PairPlan;
use crate::record::{Side, TopicPartition};

/// Drives the readers: first to the ends at t0, then the target on while what waits for it shrinks, then the source
/// on as far as it is needed to explain the target's tail.
pub(super) struct Barrier<'a, 'c> {
    noting: Noting<'a, 'c>,
    shared: &'a Shared<'a>,
    pairs: &'a [&'a PairPlan],
    commands: &'a [Sender<Command>; 2],
    /// Items of one pair that may wait before the side ahead is paused.
    held_max: usize,
    target_ends_at: time::OffsetDateTime,
    rounds: u32,
    /// Whether all targets were asked for their ends once more after t0: from then on only those that are waited for.
    asked_all: bool,
    awaited: Awaited,
    /// When the target's ends were last asked for while the source was paused for them, and how long that goes on.
    asked_at: Instant,
    waits: Waits,
    looked_at: Instant,
}

impl<'a, 'c> Barrier<'a, 'c> {
    pub fn new(
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
            asked_all: false,
            awaited: Awaited::default(),
            asked_at: now,
            waits: Waits::new(shared.settle),
            looked_at: now,
        }
    }

    pub fn run(
        mut self,
        states: &mut [PairState],
        incoming: &Receiver<Batch<Item>>,
    ) -> Result<Reached, RunError> {
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
            self.wait_for_target(&phase, states)?;
            self.relieve(states);
            // Not only as batches come: of a pair that is paused none would, also where the other side was given up.
            for (at, state) in states.iter_mut().enumerate() {
                self.balance(at, state);
            }
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
        let Self { target_ends_at, rounds, awaited, .. } = self;
        Ok(Reached { target_ends_at, rounds, awaited })
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
        for side in Side::BOTH {
            if let Some(pause) = state.changes_pace(side, self.held_max) {
                state.paused[side as usize] = pause;
                self.send(side, if pause { Command::Pause { at } } else { Command::Resume { at } });
            }
        }
    }

    /// A source that is paused because the target has reached its end waits for the target to grow. Where that brings
    /// nothing that is waited for, or nothing more of it is read, the target ends there, and the rest of the source needs
    /// not be held.
    fn wait_for_target(&mut self, phase: &Phase, states: &mut [PairState]) -> Result<(), RunError> {
        let grows = phase.target_may_grow();
        if grows && self.asked_at.elapsed() < ASK_AGAIN {
            return Ok(());
        }
        let waiting = states.iter().enumerate().filter(|(_, state)| state.source_waits());
        let waiting: Vec<(usize, Progress)> = waiting.map(|(at, state)| (at, state.progress())).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        self.asked_at = Instant::now();
        // One that has waited may be reading what it has waited for.
        let reading = |&(at, state): &(usize, &PairState)| {
            self.waits.know(at) && !state.source_waits() && !state.at_rest() && !state.target_ended
        };
        let reading = states.iter().enumerate().filter(reading).map(|(at, state)| (at, state.progress()));
        let all: Vec<(usize, Progress)> = waiting.iter().copied().chain(reading).collect();
        if grows && self.waits.last(&all, self.asked_at) {
            return self.extend(Side::Target, states, PairState::source_waits).map(drop);
        }
        for (at, _) in waiting {
            let state = &mut states[at];
            state.target_ended = true;
            state.aligner.end_target();
            state.paused[0] = false;
            self.send(Side::Source, Command::Resume { at });
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
        let budget = self.shared.budget;
        let all = states.iter().map(|state| (left_over(state), state.at_rest()));
        if let Some(at) = budget.to_give_up(all) {
            let state = &mut states[at];
            let detail = format!(
                "limits.memory is used up by records that differ: {} of this pair; more than {} in all are not held",
                left_over(state),
                budget.left_over_max()
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
        let standing = Standing {
            progress: states.iter().map(PairState::progress).collect(),
            settled: states.iter().all(PairState::settled),
            tail: states.iter().any(PairState::has_target_tail),
        };
        phase.next(standing, self.shared.settle, |side| {
            if side == Side::Source {
                let with_tail = self.pairs.iter().zip(&*states).filter(|(_, state)| state.has_target_tail());
                let partitions = with_tail.map(|(pair, _)| pair.source.clone()).collect();
                self.awaited = await_transactions(self.shared, partitions)?;
            }
            let all = side == Side::Source || !std::mem::replace(&mut self.asked_all, true);
            self.extend(side, states, |state| all || !state.settled())
        })
    }

    /// Asks for the ends of one side again, of pairs that were read to theirs and are `wanted`: those that grew are read
    /// on. One whose end is not told is given up, and the others go on. Whether any grew.
    fn extend(
        &mut self,
        side: Side,
        states: &mut [PairState],
        wanted: impl Fn(&PairState) -> bool,
    ) -> Result<bool, RunError> {
        let asked = (0..states.len()).filter(|&at| states[at].may_read_on(side) && wanted(&states[at]));
        let asked: Vec<usize> = asked.collect();
        let partitions: Vec<TopicPartition> =
            asked.iter().map(|&at| self.pairs[at].partition(side).clone()).collect();
        let ends = ends_of_each(self.shared, side, &partitions)?;
        if side == Side::Target {
            self.target_ends_at = time::OffsetDateTime::now_utc();
            self.rounds += 1;
        }
        let mut grew = false;
        for ((at, partition), end) in asked.into_iter().zip(&partitions).zip(ends) {
            let state = &mut states[at];
            match end {
                Ok(end) if end > state.end[side as usize] => {
                    state.end[side as usize] = end;
                    state.ended[side as usize] = None;
                    self.send(side, Command::Extend { at, end });
                    grew = true;
                }
                Ok(_) => {}
                Err(detail) => {
                    state.give_up(side, detail);
                    let why = state.unread(side, partition);
                    why.iter().for_each(|why| self.shared.monitor.warn(why));
                }
            }
        }
        Ok(grew)
    }
}
