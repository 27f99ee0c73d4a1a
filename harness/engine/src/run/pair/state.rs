//! How far one pair was read, and its alignment. Asks nothing of the clusters.

use super::super::checkpoint::PairSoFar;
use super::super::item::{rules, timestamps_within};
use super::super::patience::Progress;
use super::super::shared::Shared;
use super::super::spill::SpilledItems;
use super::super::unread::unread;
use super::{PairRead, name};
use crate::align::{Item, Overflow, PairAligner, Tuning};
use crate::classify::PairReading;
use crate::consume::{Batch, Hole, ReadEnd};
use crate::ledger::Intake;
use crate::positions::PairPlan;
use crate::record::{Contract, LogKind, Side, TopicPartition};

/// Lets `aligner`, one of so many, hold on disk what is too much for memory.
fn give_stores(aligner: &mut PairAligner, shared: &Shared<'_>, pairs: usize) {
    let store = || -> Box<dyn Overflow> { Box::new(SpilledItems::new(shared.spill)) };
    aligner.overflow_to([store(), store()], 2 * shared.budget.held_max(pairs));
}

/// Where compaction thins out one side, equal records do not come in long runs: one is enough to go on.
fn tuning(shared: &Shared<'_>, pairs: usize, contract: &Contract) -> Tuning {
    let tuning = shared.budget.tuning(pairs);
    match contract.log {
        LogKind::Retained => tuning,
        LogKind::Compacted => Tuning { agreeing: 1, ..tuning },
    }
}

/// What a pass knows of one pair.
pub(super) struct PairState {
    pub aligner: PairAligner,
    pub start: [i64; 2],
    /// The ends as asked of the readers so far.
    pub end: [i64; 2],
    pub source_barrier: i64,
    /// The target's end when the run began to read.
    pub first_target_end: i64,
    pub next: [i64; 2],
    pub ended: [Option<ReadEnd>; 2],
    pub paused: [bool; 2],
    /// The target stood still while the source waited for it: it is read no further.
    pub target_ended: bool,
    pub intake: [Intake; 2],
    pub holes: [Vec<Hole>; 2],
}

impl PairState {
    pub fn new(
        shared: &Shared<'_>,
        pairs: usize,
        pair: &PairPlan,
        [source_end, target_end]: [i64; 2],
    ) -> Self {
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
            first_target_end: end[1],
            next: start,
            ended: [None, None],
            paused: [false; 2],
            intake: Default::default(),
            holes: Default::default(),
        }
    }

    /// Goes on from a checkpoint: the same barrier and the same scope, and what was consumed is not read again.
    pub fn go_on(&mut self, shared: &Shared<'_>, pairs: usize, pair: &PairPlan, so_far: PairSoFar<'_>) {
        let next = so_far.snapshot.next_offset;
        self.next = next;
        self.source_barrier = so_far.source_barrier;
        self.first_target_end = so_far.first_target_end;
        self.end = [so_far.source_barrier.max(next[0]), self.end[1].max(next[1])];
        self.intake = so_far.intake;
        self.holes = so_far.holes;
        let tuning = tuning(shared, pairs, &pair.contract);
        self.aligner = PairAligner::restore(rules(&pair.contract), tuning, self.start, so_far.snapshot);
        give_stores(&mut self.aligner, shared, pairs);
    }

    pub fn planned(&self, side: Side) -> u64 {
        (self.end[side as usize] - self.next[side as usize]).unsigned_abs()
    }

    pub fn reached(&self, side: Side) -> bool {
        self.ended[side as usize] == Some(ReadEnd::ReachedEnd)
    }

    /// Read to its end, so that more can be read where the log has grown.
    pub fn may_read_on(&self, side: Side) -> bool {
        self.reached(side) && !(side == Side::Target && self.target_ended)
    }

    /// For people: why `partition` of one side was not read to its end.
    pub fn unread(&self, side: Side, partition: &TopicPartition) -> Option<String> {
        let at = side as usize;
        unread(side, partition, self.ended[at].as_ref(), self.next[at], self.end[at])
    }

    /// The target has records that source records after the barrier may explain.
    pub fn has_target_tail(&self) -> bool {
        // Also further up: a batch that was copied before earlier ones.
        let unmatched = self.aligner.held()[1] + self.aligner.left_over()[1];
        self.reached(Side::Source) && unmatched > 0
    }

    /// Read as far as the readers go now, or given up.
    pub fn at_rest(&self) -> bool {
        self.ended.iter().all(Option::is_some)
    }

    /// Nothing on the source waits for the target any more, or the pair was given up.
    pub fn settled(&self) -> bool {
        self.target_ended
            || !self.reached(Side::Source)
            || !self.reached(Side::Target)
            || !self.aligner.waits_for_target()
    }

    pub fn progress(&self) -> Progress {
        let matched = self.aligner.matched();
        let [source, target] = self.aligner.held();
        // Where less is equal than waits, as with schema ids that are remapped, a target catches up by the records it has.
        let waiting = if matched < source as u64 { source.saturating_sub(target) } else { source };
        let waiting = if self.aligner.waits_for_target() { waiting } else { 0 };
        Progress { matched, waiting: waiting as u64 }
    }

    /// The source is paused because the target has reached its end: it may grow.
    pub fn source_waits(&self) -> bool {
        self.paused[0] && self.ended[0].is_none() && self.reached(Side::Target)
    }

    /// Whether one side is to be paused (`true`), because it is far ahead, or read on (`false`); `None`: as it is.
    /// `held_max`: records that may wait.
    pub fn changes_pace(&self, side: Side, held_max: usize) -> Option<bool> {
        let held = self.aligner.held();
        let (own, other) = (held[side as usize], held[1 - side as usize]);
        // The source waits for a target that has reached its end: it may grow. Nothing else grows.
        let hopeless = match side {
            Side::Source => self.target_ended || (self.ended[1].is_some() && !self.reached(Side::Target)),
            Side::Target => self.ended[0].is_some(),
        };
        let far_ahead = own > held_max && own > 2 * other;
        match self.paused[side as usize] {
            true => (own < held_max / 2 || own <= other || hopeless).then_some(false),
            false => (!hopeless && self.ended[side as usize].is_none() && far_ahead).then_some(true),
        }
    }

    /// Reads no more of one side.
    pub fn give_up(&mut self, side: Side, detail: String) {
        self.paused[side as usize] = false;
        self.ended[side as usize] = Some(ReadEnd::Failed { at: self.next[side as usize], detail });
    }

    pub fn take(&mut self, batch: Batch<Item>) {
        let side = batch.side as usize;
        for item in &batch.items {
            self.intake[side].add(item.identity);
        }
        self.next[side] = batch.next_offset;
        self.holes[side].extend(batch.holes);
        self.aligner.push(batch.side, &batch.items);
        if let Some(end) = batch.end {
            self.ended[side] = Some(end);
            // A reader at its end heeds no pause that was on its way.
            self.paused[side] = false;
        }
    }

    pub fn finish(self, pair: &PairPlan) -> PairRead {
        let mut remarks = Vec::new();
        for side in Side::BOTH {
            remarks.extend(self.unread(side, pair.partition(side)));
        }
        let reading = PairReading {
            name: name(pair),
            start: self.start,
            source_end: self.source_barrier,
            target_end: self.first_target_end,
            read_to: self.next,
            complete: Side::BOTH.map(|side| self.reached(side)),
            holes: [0, 1].map(|side: usize| self.holes[side].iter().map(|hole| hole.range).collect()),
            timestamps_within: timestamps_within(&pair.contract),
        };
        let ended = self.ended.each_ref().map(Option::as_ref);
        PairRead {
            stalled: ended.map(|end| matches!(end, Some(ReadEnd::Stalled { .. }))),
            out_of_range: ended.map(|end| matches!(end, Some(ReadEnd::OutOfRange { .. }))),
            aligner: self.aligner,
            reading,
            intake: self.intake,
            remarks,
            holes: self.holes,
        }
    }
}
