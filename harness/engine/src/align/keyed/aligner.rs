//! Takes the records of all lanes of a unit as they arrive, and gives their alignment at the end.

use super::aside::Aside;
use super::claims::Claims;
use super::exchange::{self, KeyOrder, Suspect};
use super::keyless::Keyless;
use super::left_over::{LeftOver, Scope};
use super::long::LongGroup;
use super::parts::Part;
use super::solve::{self, Judged, Placed};
use super::table::{Arrival, Table};
use super::{
    Extent, Grouping, KeyedAlignment, KeyedError, KeyedTuning, Lane, LaneLog, LaneOutcome, OpenStore,
    PairSink, StoreError, Whole,
};
use crate::align::{Item, LogError, Rules};
use crate::record::{OffsetRange, Side};

/// Aligns one unit. Feed all lanes in any interleaving, then [`finish`](Self::finish).
pub struct KeyedAligner {
    rules: Rules,
    grouping: Grouping,
    tuning: KeyedTuning,
    aside: Aside,
    table: Table,
    /// Whether every group is open from here on.
    spilled: bool,
    /// More records than this in memory, and contested groups are opened.
    contested_max: usize,
    keyless: Option<Keyless>,
    keyless_batch: Vec<Item>,
    /// By side, with those in `keyless`.
    held_with_keyless: [[usize; 1]; 2],
    /// By side and lane: the offset of the first record, and one past that of the last.
    scope: [Vec<Option<OffsetRange>>; 2],
    /// By source lane, see [`list`](Self::list); all where it is empty.
    listed: Vec<OffsetRange>,
    left_over_max: usize,
    /// By source lane: what lies at or after this offset is read to explain the target's tail only; nothing does where it
    /// is empty.
    barrier: Vec<i64>,
    /// By source lane: what lies before this offset is not judged either; nothing does where it is empty.
    starts: Vec<i64>,
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
            aside: Aside::new(store, grouping, tuning.cells),
            table: Table::new(rules, tuning.waiting_max, lanes),
            spilled: false,
            contested_max: tuning.held_max,
            keyless: sequence.then(|| Keyless::new(rules, &tuning)),
            keyless_batch: Vec::new(),
            held_with_keyless: Default::default(),
            scope: lanes.map(|lanes| vec![None; lanes]),
            listed: Vec::new(),
            left_over_max: usize::MAX,
            barrier: Vec::new(),
            starts: Vec::new(),
        }
    }

    /// Before the first record: by source lane, what lies at or after these offsets is read only to explain the target's
    /// tail, when all else was read.
    pub fn with_barrier(self, barrier: Vec<i64>) -> Self {
        Self { barrier, ..self }
    }

    /// Before the end: source records with keys of which the target has nothing need no outcome outside of `scope`, by
    /// source lane; and with more than `left_over_max` records that need one, on both sides, the unit is given up. Of equal
    /// records, those behind the end of `scope` come last: they take no copy from the others, and are no original before.
    pub fn list(&mut self, scope: Vec<OffsetRange>, left_over_max: usize) {
        self.barrier = scope.iter().map(|range| range.end).collect();
        self.starts = scope.iter().map(|range| range.start).collect();
        // Within a tolerance, equal records can be left over on both sides.
        self.listed = if self.rules.timestamp_tolerance_ms.is_none() { scope } else { Vec::new() };
        self.left_over_max = left_over_max;
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
        let lane = Lane { side, index: lane };
        for item in items {
            if self.keyless.is_some() && item.key.is_none() {
                self.keyless_batch.push(*item);
            } else if self.spilled {
                self.aside.put(lane, item)?;
            } else {
                self.arrive(lane, item, sink)?;
            }
        }
        if self.held_in_table() > self.contested_max {
            self.open_contested()?;
        }
        if let Some(keyless) = &mut self.keyless {
            keyless.push(side, &self.keyless_batch);
            self.keyless_batch.clear();
            let held = keyless.held();
            self.held_with_keyless =
                Side::BOTH.map(|side| [held[side as usize] + self.table.held(side).iter().sum::<usize>()]);
        }
        Ok(())
    }

    /// Puts all records that wait in memory aside, and from here on every record that has a group: nothing but the
    /// store grows. The result stays the same. (Records without a key whose order counts still wait in memory.)
    pub fn spill(&mut self) -> Result<(), StoreError> {
        self.spilled = true;
        let Self { table, aside, .. } = self;
        table.clear(|_, lane, item| aside.put(lane, item))?;
        if let Some(keyless) = &self.keyless {
            self.held_with_keyless = keyless.held().map(|held| [held]);
        }
        Ok(())
    }

    /// Records that wait in memory: source, target.
    pub fn held(&self) -> [usize; 2] {
        Side::BOTH.map(|side| self.held_by_lane(side).iter().sum())
    }

    /// Records that wait in memory, by lane of `side`.
    pub fn held_by_lane(&self, side: Side) -> &[usize] {
        match self.keyless {
            Some(_) => &self.held_with_keyless[side as usize],
            None => self.table.held(side),
        }
    }

    /// Groups of which nothing waits in memory, and that are remembered there at about the cost of a record each, until
    /// [`spill`](Self::spill).
    pub fn open_groups(&self) -> usize {
        self.table.open_groups()
    }

    /// Records that stay in memory to the end because they have no match: of those without a key whose order counts.
    pub fn left_over(&self) -> usize {
        self.keyless.as_ref().map_or(0, Keyless::left_over)
    }

    /// Whether the target may still bring what a source record waits for.
    pub fn waits_for_target(&self) -> bool {
        self.aside.source_records() > 0 || self.waiting_in_memory() > 0
    }

    /// How many source records wait for the target, as far as that is known before the end: of those put aside, about as
    /// many as it has brought no copy of. While it gets less, the target is catching up.
    pub fn waiting_for_target(&self) -> u64 {
        self.waiting_in_memory() + self.aside.waiting()
    }

    fn waiting_in_memory(&self) -> u64 {
        let keyless = self.keyless.as_ref().map_or(0, Keyless::waiting_for_target);
        self.table.held(Side::Source).iter().map(|&held| held as u64).sum::<u64>() + keyless
    }

    fn held_in_table(&self) -> usize {
        Side::BOTH.iter().flat_map(|&side| self.table.held(side)).sum()
    }

    fn arrive(&mut self, lane: Lane, item: &Item, sink: &mut dyn PairSink) -> Result<(), StoreError> {
        let group = self.grouping.group(item);
        // What lies behind the barrier gets only what the other lanes leave: that is told at the end.
        let arrival = match self.is_late(lane, item) && self.table.other_sources_wait(group, lane) {
            true => Arrival::Disagrees,
            false => self.table.arrive(group, lane, item, sink),
        };
        match arrival {
            Arrival::Taken => return Ok(()),
            Arrival::Open => {}
            Arrival::Disagrees => self.open(group)?,
        }
        self.aside.put(lane, item)
    }

    fn is_late(&self, lane: Lane, item: &Item) -> bool {
        lane.side == Side::Source && solve::is_late(&self.barrier, lane.index, item)
    }

    fn open(&mut self, group: u64) -> Result<(), StoreError> {
        let Self { table, aside, .. } = self;
        table.open(group, |lane, item| aside.put(lane, item))
    }

    /// What waits on both sides may wait for ever, and much of it would fill the memory.
    fn open_contested(&mut self) -> Result<(), StoreError> {
        for group in self.table.contested() {
            self.open(group)?;
        }
        self.contested_max = self.tuning.held_max.max(2 * self.held_in_table());
        Ok(())
    }

    /// All lanes are complete. `history_start`, by source lane: from which offset on a target record's original is
    /// looked for. Where that lies behind the first record that was pushed, the originals before it are gone, and a
    /// target record without an original may be a copy of one.
    pub fn finish(
        mut self,
        history_start: &[i64],
        log: &mut dyn LaneLog,
        sink: &mut dyn PairSink,
    ) -> Result<KeyedAlignment, KeyedError> {
        let scopes: Vec<Scope> = self.scope[0]
            .iter()
            .zip(history_start)
            .enumerate()
            .map(|(lane, (scope, &history_start))| {
                let OffsetRange { start, end } =
                    scope.unwrap_or(OffsetRange { start: i64::MAX, end: i64::MAX });
                let barrier = self.barrier.get(lane).copied().unwrap_or(i64::MAX);
                Scope { history_start, start, barrier, end }
            })
            .collect();
        let mut log = Counting { log, records: 0 };
        let mut outcomes = Vec::new();
        if let Some(keyless) = self.keyless.take() {
            let target_start = self.scope[1][0].map_or(i64::MAX, |scope| scope.start);
            outcomes = keyless.finish(&scopes[0], target_start, self.left_over_max, &mut log, sink)?;
        }
        let [starts, barrier] = [&mut self.starts, &mut self.barrier].map(std::mem::take);
        let dividing = solve::dividing(&barrier, self.scope[0].len());
        let mut claims = Claims::new(Judged { starts: &starts, barrier: dividing }, sink);
        let listed = std::mem::take(&mut self.listed);
        let mut left_over = LeftOver::new(listed, outcomes.len(), self.left_over_max);
        self.clear_table(&mut left_over)?;
        left_over.check()?;
        self.solve_open(&mut left_over, &mut claims)?;
        let passed = left_over.passed();
        outcomes.extend(left_over.settle(&self.rules, &scopes, &mut log)?);
        let mut orders =
            |suspects: &[Suspect]| exchange::orders(suspects, &self.rules, &self.scope, &barrier, &mut log);
        claims.settle(&mut outcomes, &self.rules, &mut orders);
        let reordered: Vec<Suspect> = outcomes.iter().filter_map(exchange::out_of_order).collect();
        let orders = orders(&reordered)?;
        let mut undecided = Vec::new();
        outcomes.retain(|entry| {
            let Some((key, pair)) = exchange::out_of_order(entry) else { return true };
            match orders.get(&key) {
                Some(KeyOrder::Kept) => sink.matched(pair),
                Some(KeyOrder::Undecided) => undecided.extend(exchange::undecided(entry)),
                None => return true,
            }
            false
        });
        outcomes.append(&mut undecided);
        outcomes.sort_by_key(LaneOutcome::place);
        Ok(KeyedAlignment { outcomes, passed, records_read_again: log.records })
    }

    /// What waits on one side only is left over; the rest is open.
    fn clear_table(&mut self, left_over: &mut LeftOver) -> Result<(), StoreError> {
        let Self { grouping, table, aside, .. } = self;
        table.clear(|contested, lane, item| {
            if contested {
                return aside.put(lane, item);
            }
            match grouping.orders(item) {
                true => left_over.add_alone(lane.side, lane.index, *item),
                false => left_over.add_unordered(lane.side, lane.index, *item),
            }
            Ok(())
        })
    }

    /// Solves the groups in the store, as many of a bucket at a time as memory holds.
    fn solve_open(&mut self, left_over: &mut LeftOver, claims: &mut Claims<'_>) -> Result<(), KeyedError> {
        for bucket in 0..self.aside.store.buckets() {
            for part in self.aside.parts(bucket, self.tuning.solved_max)? {
                match part {
                    Part::Long(group) => self.solve_long(bucket, group, left_over, claims)?,
                    part => self.solve_part(bucket, &part, left_over, claims)?,
                }
            }
            self.aside.store.clear(bucket);
        }
        Ok(())
    }

    /// Solves the groups of one part of a bucket in memory.
    fn solve_part(
        &mut self,
        bucket: usize,
        part: &Part,
        left_over: &mut LeftOver,
        claims: &mut Claims<'_>,
    ) -> Result<(), KeyedError> {
        let grouping = self.grouping;
        let mut records: Vec<(Lane, Item)> = Vec::new();
        self.aside.store.read(bucket, 0, &mut |lane, item| {
            if part.holds(grouping, item) {
                records.push((lane, *item));
            }
            true
        })?;
        records.sort_unstable_by_key(|(lane, item)| (grouping.whole(item), *lane, item.offset));
        for group in records.chunk_by(|a, b| grouping.whole(&a.1) == grouping.whole(&b.1)) {
            self.solve_group(group, left_over, claims);
            // What is withheld takes twice as much memory as what is left over.
            left_over.check_room(2 * claims.withheld())?;
        }
        Ok(())
    }

    /// Solves a group that is not held in memory.
    fn solve_long(
        &mut self,
        bucket: usize,
        group: Whole,
        left_over: &mut LeftOver,
        claims: &mut Claims<'_>,
    ) -> Result<(), KeyedError> {
        // What has no order is a multiset of equal records: its lanes are not followed.
        if self.grouping == Grouping::Multiset || group.0.is_none() {
            return Err(KeyedError::Alike { max: self.tuning.solved_max });
        }
        let group = LongGroup::new(&mut *self.aside.store, bucket, self.grouping, group);
        group.solve(&self.rules, &self.tuning, left_over, claims)
    }

    /// `group`: by side, lane and offset; not empty.
    fn solve_group(&self, group: &[(Lane, Item)], left_over: &mut LeftOver, claims: &mut Claims<'_>) {
        let mut sides = [Placed::default(), Placed::default()];
        for (lane, item) in group {
            sides[lane.side as usize].push(lane.index, *item);
        }
        let [source, target] = &sides;
        let barrier = claims.judged().barrier;
        let ordered = self.grouping.orders(&group[0].1);
        let solution = match ordered {
            true => solve::ordered([source, target], &self.rules, &self.tuning, barrier),
            false => solve::multiset([source, target], &self.rules, barrier),
        };
        claims.next_group();
        if ordered {
            let reordered = solution.reordered.iter().map(|(s, _)| s);
            for &s in solution.left_over[0].iter().chain(reordered) {
                claims.lacks(source.lanes[s], &source.items[s]);
            }
        }
        for &(s, t) in &solution.matched {
            claims.matched((source.lanes[s], &source.items[s]), (target.lanes[t], &target.items[t]));
        }
        left_over.add_group([source, target], &solution, ordered);
    }
}

/// Counts what is visited.
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
        extent: Extent,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        self.log.read(side, lane, range, extent, &mut |item| {
            self.records += 1;
            visit(item)
        })
    }
}
