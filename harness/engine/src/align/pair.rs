//! Follows two streams side by side: in lockstep while they agree, in a region where they differ.

use std::borrow::Cow;

use super::lcs::leftmost_lcs;
use super::queue::Queue;
use super::resync::Search;
use super::runs::Runs;
use super::watch::Watch;
use super::{Alignment, Item, Log, LogError, Rules, Tuning, certify, settle};
use crate::record::{OffsetRange, Side};

/// A stretch in which the two sequences differ, between two stretches matched in lockstep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Offsets on the source and the target.
    pub range: [OffsetRange; 2],
    /// What the longest common subsequence of the two stretches leaves out.
    pub left_over: [Vec<Item>; 2],
    /// Offset of the first later record on that side that equals a record of this region on the other side.
    pub sighted: [Option<i64>; 2],
    /// Below this offset of that side every record that could be sighted was looked at: the region's end where it was
    /// too large to look for its records while reading on, `i64::MAX` where they are looked for up to the end.
    pub watched_to: [i64; 2],
    /// False where the stretches were too large to solve.
    pub solved: bool,
}

/// What a [`PairAligner`] has consumed, as plain data. What it holds back is not in it: that is read again.
#[derive(Clone, Debug)]
pub struct Snapshot<'a> {
    /// One past the last offset that was consumed: source, target.
    pub next_offset: [i64; 2],
    /// Records matched in order so far.
    pub runs: Cow<'a, Runs>,
    /// Closed stretches in which the sides differ, ascending.
    pub regions: Cow<'a, [Region]>,
}

/// Aligns one pair. Feed both sides in any interleaving, then [`finish`](Self::finish).
pub struct PairAligner {
    rules: Rules,
    tuning: Tuning,
    queues: [Queue; 2],
    source_start: i64,
    /// One past the last offset that was consumed, by side.
    next_offset: [i64; 2],
    search: Option<Search>,
    runs: Runs,
    regions: Vec<Region>,
    watch: Watch,
}

impl PairAligner {
    /// `start`: the first offset in scope on the source and on the target.
    pub fn new(rules: Rules, tuning: Tuning, start: [i64; 2]) -> Self {
        Self {
            rules,
            tuning,
            queues: Default::default(),
            source_start: start[0],
            next_offset: start,
            search: None,
            runs: Runs::default(),
            regions: Vec::new(),
            watch: Watch::default(),
        }
    }

    /// The next records of one side, in offset order.
    pub fn push(&mut self, side: Side, items: &[Item]) {
        self.queues[side as usize].extend(items);
        self.advance();
    }

    /// Records held back on each side: source, target. The caller pauses the side that is far ahead.
    pub fn held(&self) -> [usize; 2] {
        [self.queues[0].len(), self.queues[1].len()]
    }

    /// Whether the two streams differ where they stand; then both sides must go on for them to meet again.
    pub fn is_searching(&self) -> bool {
        self.search.is_some()
    }

    /// Pairs matched in order so far.
    pub fn matched(&self) -> u64 {
        self.runs.matched()
    }

    /// All that has been consumed, for another process to go on from, and what is still held back.
    pub fn snapshot(&self) -> (Snapshot<'_>, [&[Item]; 2]) {
        let snapshot = Snapshot {
            next_offset: self.next_offset,
            runs: Cow::Borrowed(&self.runs),
            regions: Cow::Borrowed(&self.regions),
        };
        (snapshot, [self.queues[0].as_slice(), self.queues[1].as_slice()])
    }

    /// Goes on from a snapshot of an aligner with the same rules and start: push what follows its `next_offset`.
    pub fn restore(rules: Rules, tuning: Tuning, start: [i64; 2], snapshot: Snapshot<'_>) -> Self {
        let Snapshot { next_offset, runs, regions } = snapshot;
        let mut regions = regions.into_owned();
        // The hashes that were looked for are not kept: from here on the end proves what is still open.
        for region in &mut regions {
            region.watched_to = [0, 1].map(|side: usize| region.watched_to[side].min(next_offset[side]));
        }
        Self { next_offset, runs: runs.into_owned(), regions, ..Self::new(rules, tuning, start) }
    }

    fn advance(&mut self) {
        loop {
            if self.search.is_none() {
                self.lockstep();
                if self.queues[0].is_empty() || self.queues[1].is_empty() {
                    return;
                }
                self.search = Some(Search::default());
            }
            let [source, target] = &self.queues;
            let search = self.search.as_mut().expect("set above");
            match search.step(source.as_slice(), target.as_slice(), &self.rules, &self.tuning) {
                None => return,
                Some((i, j)) => {
                    self.search = None;
                    self.close_region([i, j]);
                }
            }
        }
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
                    self.watch.see(side, item, |region| sight(&mut regions[region], side, item));
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
        let items = [&self.queues[0].as_slice()[..counts[0]], &self.queues[1].as_slice()[..counts[1]]];
        for side in Side::BOTH {
            for item in items[side as usize] {
                let regions = &mut self.regions;
                self.watch.see(side, item, |region| sight(&mut regions[region], side, item));
            }
        }
        let end = |side: usize| items[side].last().map_or(self.next_offset[side], |item| item.offset + 1);
        let range = [0, 1].map(|side| OffsetRange { start: self.next_offset[side], end: end(side) });
        let (pairs, mut region) = solve(items, range, &self.rules, &self.tuning);
        for (source, target) in pairs {
            self.runs.push(source, target);
        }
        let at = self.regions.len();
        if counts[0] + counts[1] <= self.tuning.watched_max {
            region.watched_to = [i64::MAX; 2];
            for side in Side::BOTH {
                for item in items[side as usize] {
                    self.watch.add(at, side, item);
                }
            }
        }
        self.regions.push(region);
        self.consume(counts);
    }

    /// Both sequences are complete. `source_history_start`: from which source offset on a target record's
    /// original is looked for; at most the first source offset in scope.
    pub fn finish(self, source_history_start: i64, log: &mut dyn Log) -> Result<Alignment, LogError> {
        let starts = [source_history_start, self.source_start];
        self.finish_from(starts, log)
    }

    /// As [`finish`](Self::finish), with the first source offset of the history and that of the scope.
    pub(super) fn finish_from(
        self,
        source_starts: [i64; 2],
        log: &mut dyn Log,
    ) -> Result<Alignment, LogError> {
        let records_read_again = &mut 0;
        let mut log = Counting { log, records: records_read_again };
        let rules = self.rules;
        let (runs, regions) = self.certified(&mut log)?;
        let outcomes = settle::settle(&runs, regions, &rules, source_starts, &mut log)?;
        Ok(Alignment { runs, outcomes, records_read_again: *records_read_again })
    }

    /// The longest common subsequence of the two complete sequences, and what it leaves over.
    pub(super) fn certified(mut self, log: &mut dyn Log) -> Result<(Runs, Vec<Region>), LogError> {
        if self.queues.iter().any(|queue| !queue.is_empty()) {
            let counts = self.held();
            self.close_region(counts);
        }
        let frame = certify::Frame { end: self.next_offset, rules: &self.rules, tuning: &self.tuning };
        certify::certify(&mut self.runs, &mut self.regions, &frame, log)?;
        Ok((self.runs, self.regions))
    }
}

fn sight(region: &mut Region, side: Side, item: &Item) {
    region.sighted[side as usize].get_or_insert(item.offset);
}

/// Offset pairs matched inside the two stretches, and the region that remains.
pub(super) fn solve(
    items: [&[Item]; 2],
    range: [OffsetRange; 2],
    rules: &Rules,
    tuning: &Tuning,
) -> (Vec<(i64, i64)>, Region) {
    let solution = leftmost_lcs(items[0], items[1], rules, tuning.pairs_max);
    let solved = solution.is_ok();
    let pairs = solution.unwrap_or_default();
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
    let watched_to = range.map(|range| range.end);
    (pairs, Region { range, left_over, sighted: [None, None], watched_to, solved })
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
