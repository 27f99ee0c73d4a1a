//! Follows two streams side by side: in lockstep while they agree, in a region where they differ.

use std::borrow::Cow;
use std::collections::HashSet;

use super::lcs::leftmost_lcs;
use super::queue::Queue;
use super::region::{NEVER, Regions, Solution};
use super::resync::Search;
use super::runs::Runs;
use super::settle::Scope;
use super::watch::{PassThrough, Watch};
use super::{
    Alignment, Counted, Item, Log, LogError, Overflow, Rules, Snapshot, StoreError, Tuning, certify, settle,
};
use crate::record::{OffsetRange, Side};

/// Aligns one pair. Feed both sides in any interleaving, then [`finish`](Self::finish).
pub struct PairAligner {
    rules: Rules,
    tuning: Tuning,
    queues: [Queue; 2],
    source_start: i64,
    barrier: i64,
    /// One past the last offset that was consumed, by side.
    next_offset: [i64; 2],
    search: Option<Search>,
    /// Both windows must hold so much before a long search is cut short once more.
    cut_short_at: usize,
    runs: Runs,
    regions: Regions,
    watch: Watch,
    target_ended: bool,
    tail: Option<Tail>,
}

/// The end of the source, while the target has no further record.
struct Tail {
    /// Low halves of the identities that the target still holds.
    waiting: HashSet<u64, PassThrough>,
    /// Source records that equal none of them.
    counted: Counted,
}

impl PairAligner {
    /// `start`: the first offset in scope on the source and on the target.
    pub fn new(rules: Rules, tuning: Tuning, start: [i64; 2]) -> Self {
        Self {
            rules,
            tuning,
            queues: Default::default(),
            source_start: start[0],
            barrier: i64::MAX,
            next_offset: start,
            search: None,
            cut_short_at: tuning.window,
            runs: Runs::default(),
            regions: Regions::default(),
            watch: Watch::new(&rules),
            target_ended: false,
            tail: None,
        }
    }

    /// Before the end: source records at or behind this offset are read only to explain the target's tail. No further copy
    /// of what lies before it is taken for a copy of theirs, unless it stands behind the last copy of that.
    pub fn with_barrier(self, barrier: i64) -> Self {
        Self { barrier, ..self }
    }

    /// Beyond `in_memory_max` held records, a side lies in its `store` (source, target).
    pub fn overflow_to(&mut self, stores: [Box<dyn Overflow>; 2], in_memory_max: usize) {
        for (queue, store) in self.queues.iter_mut().zip(stores) {
            queue.overflow_to(store, in_memory_max);
        }
    }

    /// Why a store took no more. Nothing is lost then, but what follows is held in memory.
    pub fn full(&self) -> Option<&StoreError> {
        self.queues.iter().find_map(Queue::full)
    }

    /// No target record follows. From here on, source records that no held target record equals are only counted:
    /// however far the source is ahead, that costs no memory. The result is the same.
    pub fn end_target(&mut self) {
        self.target_ended = true;
        self.advance();
    }

    /// Records that closed regions leave over, and that are held until the end: source, target.
    pub fn left_over(&self) -> [usize; 2] {
        self.regions.left_over()
    }

    /// The next records of one side, in offset order.
    pub fn push(&mut self, side: Side, items: &[Item]) {
        match &mut self.tail {
            Some(_) if side == Side::Source => self.count(items),
            _ => self.queues[side as usize].extend(items),
        }
        self.advance();
    }

    /// Records held back on each side: source, target. The caller pauses the side that is far ahead.
    pub fn held(&self) -> [usize; 2] {
        [self.queues[0].len(), self.queues[1].len()]
    }

    /// Whether source records may be there whose copies are still to come: not where both sides, though they differ
    /// further up, end alike.
    pub fn waits_for_target(&self) -> bool {
        let [source, target] = self.queues.each_ref().map(Queue::as_slice);
        let mut tails = source.iter().rev().zip(target.iter().rev()).take(self.tuning.agreeing);
        let end_alike = source.len().min(target.len()) >= self.tuning.agreeing
            && source.len() <= target.len()
            && tails.all(|(s, t)| self.rules.matches(s, t));
        !(source.is_empty() || end_alike)
    }

    /// Pairs matched in order so far.
    pub fn matched(&self) -> u64 {
        self.runs.matched()
    }

    /// Whether a snapshot holds all that was consumed: not where records were only counted.
    pub fn has_snapshot(&self) -> bool {
        self.tail.is_none() && !self.regions.is_counting()
    }

    /// All that has been consumed, for another process to go on from, and what is still held back.
    pub fn snapshot(&self) -> (Snapshot<'_>, [&[Item]; 2]) {
        let snapshot = Snapshot {
            next_offset: self.next_offset,
            runs: Cow::Borrowed(&self.runs),
            regions: Cow::Owned(self.regions.to_plain()),
        };
        (snapshot, [self.queues[0].as_slice(), self.queues[1].as_slice()])
    }

    /// Goes on from a snapshot of an aligner with the same rules and start: push what follows its `next_offset`.
    pub fn restore(rules: Rules, tuning: Tuning, start: [i64; 2], snapshot: Snapshot<'_>) -> Self {
        let Snapshot { next_offset, runs, regions } = snapshot;
        // The hashes that were looked for are not kept: from here on the end proves what is still open.
        let regions = Regions::from_plain(regions.into_owned(), next_offset);
        Self { next_offset, runs: runs.into_owned(), regions, ..Self::new(rules, tuning, start) }
    }

    fn advance(&mut self) {
        while self.tail.is_none() {
            if self.search.is_none() {
                self.lockstep();
                if self.target_ended && self.queues[1].is_empty() {
                    return self.begin_tail();
                }
                if self.queues[0].is_empty() || self.queues[1].is_empty() {
                    return;
                }
                self.search = Some(Search::default());
                self.cut_short_at = self.tuning.window;
            }
            let [source, target] = self.queues.each_ref().map(Queue::as_slice);
            let search = self.search.as_mut().expect("set above");
            let cut = search.step(source, target, &self.rules, &self.tuning);
            match cut.or_else(|| self.cut_short()) {
                Some((i, j)) => {
                    self.search = None;
                    self.close_region([i, j]);
                }
                None if self.target_ended && self.queues[0].len() > self.tuning.window => {
                    return self.begin_tail();
                }
                None => return,
            }
        }
    }

    /// Where differences are so dense that no search ends: a place up to which most records match, if there is one.
    fn cut_short(&mut self) -> Option<(usize, usize)> {
        let held = self.held();
        if held[0].min(held[1]) < self.cut_short_at {
            return None;
        }
        let window = self.cut_short_at;
        self.cut_short_at *= 2;
        let [source, target] = self.queues.each_ref().map(|queue| &queue.as_slice()[..window]);
        let pairs = leftmost_lcs(source, target, &self.rules, self.tuning.pairs_max).ok()?;
        let &(i, j) = pairs.last().filter(|_| pairs.len() >= window / 2)?;
        Some((i as usize + 1, j as usize + 1))
    }

    fn begin_tail(&mut self) {
        self.search = None;
        let waiting = self.queues[1].as_slice().iter().map(|item| item.identity as u64).collect();
        self.tail = Some(Tail { waiting, counted: Counted::default() });
        let held = self.queues[0].len();
        for from in (0..held).step_by(TAIL_STEP) {
            let items = self.queues[0].as_slice()[..TAIL_STEP.min(held - from)].to_vec();
            self.queues[0].take(items.len());
            self.count(&items);
        }
    }

    /// Takes the next source records of the tail: keeps what the target waits for, counts the others.
    fn count(&mut self, items: &[Item]) {
        let Some(tail) = &mut self.tail else { return };
        let mut kept = Vec::new();
        for item in items {
            let regions = &mut self.regions;
            self.watch.see(Side::Source, item, |region| sight(regions, region, Side::Source, item));
            if tail.waiting.contains(&(item.identity as u64)) {
                kept.push(*item);
            } else {
                tail.counted.add(item.offset, item.identity);
            }
        }
        self.queues[0].extend(&kept);
    }

    fn lockstep(&mut self) {
        let [source, target] = &self.queues;
        let mut matched = 0;
        if self.watch.is_empty() {
            for (s, t) in source.as_slice().iter().zip(target.as_slice()) {
                if !self.rules.matches(s, t) {
                    break;
                }
                self.runs.push(s.offset, t.offset);
                matched += 1;
            }
        } else {
            for (s, t) in source.as_slice().iter().zip(target.as_slice()) {
                if !self.rules.matches(s, t) {
                    break;
                }
                self.runs.push(s.offset, t.offset);
                matched += 1;
                for (side, item) in [(Side::Source, s), (Side::Target, t)] {
                    let regions = &mut self.regions;
                    self.watch.see(side, item, |region| sight(regions, region, side, item));
                }
            }
        }
        self.consume([matched, matched]);
    }

    fn consume(&mut self, counts: [usize; 2]) {
        for side in Side::BOTH {
            let queue = &mut self.queues[side as usize];
            if let Some(n) = counts[side as usize].checked_sub(1) {
                self.next_offset[side as usize] = queue.as_slice()[n].offset + 1;
                queue.take(n + 1);
            }
        }
    }

    fn close_region(&mut self, counts: [usize; 2]) {
        let tail = self.tail.take();
        let items = [&self.queues[0].as_slice()[..counts[0]], &self.queues[1].as_slice()[..counts[1]]];
        for side in Side::BOTH {
            // What belongs to the tail was looked at when it came.
            if side == Side::Source && tail.is_some() {
                continue;
            }
            for item in items[side as usize] {
                let regions = &mut self.regions;
                self.watch.see(side, item, |region| sight(regions, region, side, item));
            }
        }
        let counted = tail.map(|tail| tail.counted).unwrap_or_default();
        let mut end = [0, 1]
            .map(|side: usize| items[side].last().map_or(self.next_offset[side], |item| item.offset + 1));
        end[0] = end[0].max(counted.end().unwrap_or(end[0]));
        let range = [0, 1].map(|side: usize| OffsetRange { start: self.next_offset[side], end: end[side] });
        let (pairs, solution) = solve(items, counted, &self.rules, &self.tuning);
        for (source, target) in pairs {
            self.runs.push(source, target);
        }
        let at = self.regions.len();
        let watched = counts[0] + counts[1] <= self.tuning.watched_max / 2;
        if watched {
            for side in Side::BOTH {
                for item in items[side as usize] {
                    self.watch.add(at, side, item);
                }
            }
        }
        self.regions.push(range, solution, if watched { [NEVER; 2] } else { end });
        for gone in self.watch.shrink(self.tuning.watched_max, at + 1) {
            let region = self.regions.get_mut(gone);
            for side in [0, 1] {
                region.watched_to[side] = region.watched_to[side].min(end[side]);
            }
        }
        self.consume(counts);
        self.next_offset = end;
    }

    /// Both sequences are complete. `source_history_start`: from which source offset on a target record's
    /// original is looked for; at most the first source offset in scope.
    pub fn finish(self, source_history_start: i64, log: &mut dyn Log) -> Result<Alignment, LogError> {
        let (start, barrier) = (self.source_start, self.barrier);
        self.finish_in(Scope { history_start: source_history_start, start, barrier }, log)
    }

    /// As [`finish`](Self::finish), for another scope than that of the records that were pushed.
    pub(super) fn finish_in(self, scope: Scope, log: &mut dyn Log) -> Result<Alignment, LogError> {
        let records_read_again = &mut 0;
        let mut log = Counting { log, records: records_read_again };
        let (rules, tuning) = (self.rules, self.tuning);
        let (runs, regions) = self.certified(&mut log)?;
        let (left_over, tail, mut unsolved) = regions.into_parts();
        let (outcomes, tail, apart) =
            settle::settle(&runs, left_over, tail, (&rules, &tuning), scope, &mut log)?;
        unsolved[0] = unsolved[0].merged(&apart);
        Ok(Alignment { runs, outcomes, tail, unsolved, records_read_again: *records_read_again })
    }

    /// The longest common subsequence of the two complete sequences, and what it leaves over.
    pub(super) fn certified(mut self, log: &mut dyn Log) -> Result<(Runs, Regions), LogError> {
        let counted = self.tail.as_ref().is_some_and(|tail| !tail.counted.is_empty());
        if counted || self.queues.iter().any(|queue| !queue.is_empty()) {
            let counts = self.held();
            self.close_region(counts);
        }
        // What only the reading needs is let go here.
        let Self { mut runs, mut regions, rules, tuning, next_offset, .. } = { self };
        let frame = certify::Frame { end: next_offset, rules: &rules, tuning: &tuning };
        certify::certify(&mut runs, &mut regions, &frame, log)?;
        Ok((runs, regions))
    }
}

/// Records that are moved at a time.
const TAIL_STEP: usize = 4_096;

fn sight(regions: &mut Regions, region: usize, side: Side, item: &Item) {
    let sighted = &mut regions.get_mut(region).sighted[side as usize];
    *sighted = item.offset.min(*sighted);
}

/// Offset pairs matched inside the two stretches, and what remains. `counted`: source records of the stretch that
/// equal none of its target records.
pub(super) fn solve(
    items: [&[Item]; 2],
    counted: Counted,
    rules: &Rules,
    tuning: &Tuning,
) -> (Vec<(i64, i64)>, Solution) {
    let Ok(pairs) = leftmost_lcs(items[0], items[1], rules, tuning.pairs_max) else {
        return (Vec::new(), unsolved(items, counted));
    };
    if items[0].len() + items[1].len() - 2 * pairs.len() > tuning.pairs_max {
        return (Vec::new(), unsolved(items, counted));
    }
    let mut left_over = [Vec::new(), Vec::new()];
    let mut next = [0, 0];
    let end = (items[0].len() as u32, items[1].len() as u32);
    for &(i, j) in pairs.iter().chain([&end]) {
        left_over[0].extend_from_slice(&items[0][next[0]..i as usize]);
        left_over[1].extend_from_slice(&items[1][next[1]..j as usize]);
        next = [i as usize + 1, j as usize + 1];
    }
    let offsets = |&(i, j): &(u32, u32)| (items[0][i as usize].offset, items[1][j as usize].offset);
    let pairs = pairs.iter().map(offsets).collect();
    (pairs, Solution { left_over, counted: [counted, Counted::default()], solved: true })
}

/// All of two stretches, only counted.
fn unsolved(items: [&[Item]; 2], apart: Counted) -> Solution {
    let mut counted = [Counted::default(), Counted::default()];
    for (counted, items) in counted.iter_mut().zip(items) {
        items.iter().for_each(|item| counted.add(item.offset, item.identity));
    }
    counted[0] = counted[0].merged(&apart);
    Solution { left_over: [Vec::new(), Vec::new()], counted, solved: false }
}

struct Counting<'a> {
    log: &'a mut dyn Log,
    records: &'a mut u64,
}

impl Log for Counting<'_> {
    fn read(
        &mut self,
        side: Side,
        range: OffsetRange,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        let records = &mut *self.records;
        self.log.read(side, range, &mut |item| {
            *records += 1;
            visit(item)
        })
    }
}
