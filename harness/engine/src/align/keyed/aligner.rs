//! Takes the records of all lanes of a unit as they arrive, and gives their alignment at the end.

use super::keyless::Keyless;
use super::left_over::{LeftOver, Scope};
use super::solve::{self, Placed};
use super::{
    Grouping, KeyedAlignment, KeyedError, KeyedTuning, Lane, LaneLog, LanePair, OpenStore, PairSink,
    StoreError,
};
use crate::align::{Item, LogError, Rules};
use crate::record::{OffsetRange, Side};

/// Aligns one unit. Feed all lanes in any interleaving, then [`finish`](Self::finish).
pub struct KeyedAligner {
    rules: Rules,
    grouping: Grouping,
    tuning: KeyedTuning,
    store: Box<dyn OpenStore + Send>,
    keyless: Option<Keyless>,
    keyless_batch: Vec<Item>,
    /// By side and lane: the offset of the first record, and one past that of the last.
    scope: [Vec<Option<OffsetRange>>; 2],
    held: [Vec<usize>; 2],
}

impl KeyedAligner {
    /// `lanes`: how many on the source and on the target; with [`Grouping::Key`] one on each.
    ///
    /// # Panics
    ///
    /// Where [`Grouping::Key`] comes with more than one lane on a side.
    pub fn new(
        rules: Rules,
        grouping: Grouping,
        tuning: KeyedTuning,
        lanes: [usize; 2],
        store: Box<dyn OpenStore + Send>,
    ) -> Self {
        let sequence = grouping == Grouping::Key;
        assert!(
            !sequence || lanes == [1, 1],
            "the records without a key of {lanes:?} lanes have no one order"
        );
        Self {
            rules,
            grouping,
            tuning,
            store,
            keyless: sequence.then(|| Keyless::new(rules, &tuning)),
            keyless_batch: Vec::new(),
            scope: lanes.map(|lanes| vec![None; lanes]),
            held: lanes.map(|lanes| vec![0; lanes]),
        }
    }

    /// The next records of one lane, in offset order.
    pub fn push(
        &mut self,
        side: Side,
        lane: usize,
        items: &[Item],
        sink: &mut dyn PairSink,
    ) -> Result<(), StoreError> {
        let (Some(first), Some(last)) = (items.first(), items.last()) else { return Ok(()) };
        let scope = &mut self.scope[side as usize][lane];
        scope.get_or_insert(OffsetRange { start: first.offset, end: 0 }).end = last.offset + 1;
        let _ = sink;
        for item in items {
            if self.keyless.is_some() && item.key.is_none() {
                self.keyless_batch.push(*item);
            } else {
                let bucket = bucket(group(self.grouping, item), self.store.buckets());
                self.store.append(bucket, Lane { side, index: lane }, item)?;
            }
        }
        if let Some(keyless) = &mut self.keyless {
            keyless.push(side, &self.keyless_batch);
            self.keyless_batch.clear();
            let held = keyless.held();
            self.held = held.map(|held| vec![held]);
        }
        Ok(())
    }

    /// Records that wait in memory: source, target.
    pub fn held(&self) -> [usize; 2] {
        [0, 1].map(|side: usize| self.held[side].iter().sum())
    }

    /// Records that wait in memory, by lane of `side`.
    pub fn held_by_lane(&self, side: Side) -> &[usize] {
        &self.held[side as usize]
    }

    /// All lanes are complete. `history_start`, by source lane: from which offset on a target record's original is
    /// looked for; at most the first offset in scope.
    pub fn finish(
        mut self,
        history_start: &[i64],
        log: &mut dyn LaneLog,
        sink: &mut dyn PairSink,
    ) -> Result<KeyedAlignment, KeyedError> {
        let scopes: Vec<Scope> = self.scope[0]
            .iter()
            .zip(history_start)
            .map(|(scope, &history_start)| {
                let OffsetRange { start, end } =
                    scope.unwrap_or(OffsetRange { start: i64::MAX, end: i64::MAX });
                Scope { history_start, start, end }
            })
            .collect();
        let mut log = Counting { log, records: 0 };
        let mut outcomes = Vec::new();
        if let Some(keyless) = self.keyless.take() {
            let starts = [0, 1].map(|side: usize| self.scope[side][0].map_or(i64::MAX, |scope| scope.start));
            outcomes = keyless.finish(scopes[0].history_start, starts, &mut log, sink)?;
        }
        let mut left_over = LeftOver::default();
        self.solve_open(&mut left_over, sink)?;
        outcomes.extend(left_over.settle(&self.rules, &scopes, &mut log)?);
        outcomes.sort_by_key(|entry| {
            let place = |lane: Option<usize>, item: Option<&Item>| {
                (lane.unwrap_or(usize::MAX), item.map_or(i64::MAX, |item| item.offset))
            };
            (
                place(entry.source_lane, entry.outcome.source()),
                place(entry.target_lane, entry.outcome.target()),
            )
        });
        Ok(KeyedAlignment { outcomes, records_read_again: log.records })
    }

    /// Solves the groups in the store, one bucket at a time in memory.
    fn solve_open(&mut self, left_over: &mut LeftOver, sink: &mut dyn PairSink) -> Result<(), StoreError> {
        for bucket in 0..self.store.buckets() {
            let mut records: Vec<(Lane, Item)> = Vec::new();
            self.store.read(bucket, &mut |lane, item| records.push((lane, *item)))?;
            let whole = |item: &Item| (item.key, if self.is_ordered(item) { 0 } else { item.identity });
            records.sort_unstable_by_key(|(lane, item)| (whole(item), *lane, item.offset));
            for group in records.chunk_by(|a, b| whole(&a.1) == whole(&b.1)) {
                self.solve_group(group, left_over, sink);
            }
        }
        Ok(())
    }

    /// `group`: by side, lane and offset; not empty.
    fn solve_group(&self, group: &[(Lane, Item)], left_over: &mut LeftOver, sink: &mut dyn PairSink) {
        let mut sides = [Placed::default(), Placed::default()];
        for (lane, item) in group {
            sides[lane.side as usize].push(lane.index, *item);
        }
        let [source, target] = &sides;
        let ordered = self.is_ordered(&group[0].1);
        let solution = match ordered {
            true => solve::ordered([source, target], &self.rules, &self.tuning),
            false => solve::multiset([source, target], &self.rules),
        };
        for &(s, t) in &solution.matched {
            sink.matched(LanePair {
                source: (source.lanes[s], source.items[s].offset),
                target: (target.lanes[t], target.items[t].offset),
            });
        }
        left_over.add_group([source, target], &solution, ordered);
    }

    /// Whether order counts in the group of `item`.
    fn is_ordered(&self, item: &Item) -> bool {
        self.grouping != Grouping::Multiset && item.key.is_some()
    }
}

/// Records of one group have one number; two groups have the same only by chance.
fn group(grouping: Grouping, item: &Item) -> u64 {
    match (grouping, item.key) {
        (Grouping::Key | Grouping::KeyThenMultiset, Some(key)) => key.get(),
        _ => item.identity as u64,
    }
}

fn bucket(group: u64, buckets: usize) -> usize {
    let mixed = group.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (mixed % buckets as u64) as usize
}

struct Counting<'a> {
    log: &'a mut dyn LaneLog,
    records: u64,
}

impl LaneLog for Counting<'_> {
    fn read(
        &mut self,
        side: Side,
        lane: usize,
        range: OffsetRange,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        let records = &mut self.records;
        self.log.read(side, lane, range, &mut |item| {
            *records += 1;
            visit(item)
        })
    }
}
