//! Solves a group of records that does not fit into memory, with the result that [`ordered`](super::solve::ordered) gives:
//! it reads them from the store again and again, lane by lane, and holds of a record no more than bits. What is not
//! matched in order is held, as anywhere else.

use std::collections::{BTreeMap, HashMap};

use super::claims::Claims;
use super::left_over::LeftOver;
use super::solve::{Placed, is_late, not_in_order};
use super::{Grouping, KeyedError, KeyedTuning, Lane, OpenStore, StoreError, Whole};
use crate::align::{Counted, Item, Log, LogError, PairAligner, Rules, Runs};
use crate::record::{OffsetRange, Side};

/// How many records of a lane are taken in turn; from every such record on a lane can be read.
const STEP: usize = 1_024;

/// The records of one group in which order counts, in a bucket of the store.
pub(super) struct LongGroup<'a> {
    store: &'a mut dyn OpenStore,
    bucket: usize,
    grouping: Grouping,
    group: Whole,
}

impl<'a> LongGroup<'a> {
    pub fn new(store: &'a mut dyn OpenStore, bucket: usize, grouping: Grouping, group: Whole) -> Self {
        Self { store, bucket, grouping, group }
    }

    /// Visits its records from the `from`-th record of the bucket on, each with its place in the bucket.
    fn read(&mut self, from: u64, visit: &mut dyn FnMut(u64, Lane, &Item) -> bool) -> Result<(), StoreError> {
        let (grouping, group) = (self.grouping, self.group);
        let mut next = from;
        self.store.read(self.bucket, from, &mut |lane, item| {
            let place = next;
            next += 1;
            grouping.whole(item) != group || visit(place, lane, item)
        })
    }

    /// Tells `claims` what is matched in order, and adds the rest to `left_over`. What lies behind the barrier takes no copy
    /// from the others.
    pub fn solve(
        mut self,
        rules: &Rules,
        tuning: &KeyedTuning,
        left_over: &mut LeftOver,
        claims: &mut Claims<'_>,
    ) -> Result<(), KeyedError> {
        let barrier = claims.judged().barrier;
        let lanes = self.lanes(barrier)?;
        let mut known = Known { barrier, ..Known::default() };
        claims.next_group();
        let turns = [false, true].into_iter().filter(|&late| !late || lanes.late);
        for late in turns {
            if late {
                self.tell_lacking(&known, left_over, claims)?;
            }
            for &source in lanes.records[0].keys() {
                for &target in lanes.records[1].keys() {
                    let parts = Parts::new(&mut self, &known, [source, target], late, tuning)?;
                    let solved = parts.solve(rules, tuning, left_over, claims)?;
                    known.add([source, target], solved);
                }
            }
        }
        self.leave_over(&lanes, &known, rules, left_over)
    }

    fn lanes(&mut self, barrier: &[i64]) -> Result<Lanes, StoreError> {
        let mut lanes = Lanes::default();
        self.read(0, &mut |_, Lane { side, index }, item| {
            *lanes.records[side as usize].entry(index).or_default() += 1;
            lanes.late |= side == Side::Source && is_late(barrier, index, item);
            true
        })?;
        Ok(lanes)
    }

    /// Tells `claims` which judged records have no copy in order, when all of them had their turn. Each of them is kept to
    /// the end in any case.
    fn tell_lacking(
        &mut self,
        known: &Known<'_>,
        left_over: &LeftOver,
        claims: &mut Claims<'_>,
    ) -> Result<(), KeyedError> {
        let mut next: HashMap<usize, usize> = HashMap::new();
        let mut lacking = 0;
        self.read(0, &mut |_, Lane { side, index: lane }, item| {
            if side == Side::Target {
                return true;
            }
            let next = next.entry(lane).or_default();
            let index = *next;
            *next += 1;
            if !known.is_taken(side as usize, lane, index) {
                lacking += usize::from(claims.lacks(lane, item));
            }
            left_over.check_room(lacking + 2 * claims.withheld()).is_ok()
        })?;
        left_over.check_room(lacking + 2 * claims.withheld())
    }

    /// What is matched with nothing in order.
    fn leave_over(
        &mut self,
        lanes: &Lanes,
        known: &Known<'_>,
        rules: &Rules,
        left_over: &mut LeftOver,
    ) -> Result<(), KeyedError> {
        let rest = [0, 1].map(|side: usize| -> usize {
            let rest = |(&lane, &records): (&usize, &usize)| records - known.taken(side, lane);
            lanes.records[side].iter().map(rest).sum()
        });
        if rest == [0, 0] {
            return Ok(());
        }
        let both = rest.iter().all(|&rest| rest > 0);
        if both {
            left_over.check_room(rest.iter().sum())?;
        }
        // By side: lane, index in it, record.
        let mut held: [Vec<(usize, usize, Item)>; 2] = Default::default();
        let mut next: HashMap<(usize, usize), usize> = HashMap::new();
        self.read(0, &mut |_, Lane { side, index: lane }, item| {
            let next = next.entry((side as usize, lane)).or_default();
            let index = *next;
            *next += 1;
            if known.is_taken(side as usize, lane, index) {
                return true;
            }
            if both {
                held[side as usize].push((lane, index, *item));
                return true;
            }
            left_over.add_alone(side, lane, *item);
            left_over.check().is_ok()
        })?;
        left_over.check()?;
        if !both {
            return Ok(());
        }
        let counts = known.counts();
        let sides = held.each_mut().map(|held| {
            held.sort_unstable_by_key(|&(lane, index, _)| (lane, index));
            let mut placed = Placed::default();
            held.iter().for_each(|&(lane, _, item)| placed.push(lane, item));
            placed
        });
        let late: Vec<bool> =
            sides[0].iter().map(|(lane, item)| is_late(known.barrier, lane, &item)).collect();
        let sides = [&sides[0], &sides[1]];
        let solution = not_in_order(sides, &late, rules);
        left_over.add_rest(sides, &solution, &|side, at, other| {
            let (lane, index, _) = held[side][at];
            let pair = if side == 0 { (lane, other) } else { (other, lane) };
            counts.get(&pair).map_or(0, |counts| counts[side].below(index))
        });
        left_over.check()
    }
}

/// The lanes of a group.
#[derive(Default)]
struct Lanes {
    /// How many records each has, by side.
    records: [BTreeMap<usize, usize>; 2],
    /// Whether any record lies behind its barrier.
    late: bool,
}

/// What is known of a group so far. A record is known by its lane, and by its index among those of the group in it.
#[derive(Default)]
struct Known<'b> {
    /// By source lane; empty where it does not matter.
    barrier: &'b [i64],
    /// By lanes of both sides: what is matched in order, by side.
    matched: BTreeMap<(usize, usize), [Bits; 2]>,
    /// By side and lane: what is matched in order, or cannot be.
    taken: HashMap<(usize, usize), Bits>,
}

impl Known<'_> {
    fn add(&mut self, lanes: [usize; 2], Solved { matched, unsolved }: Solved) {
        for side in [0, 1] {
            let taken = self.taken.entry((side, lanes[side])).or_default();
            taken.add(&matched[side]);
            taken.add(&unsolved[side]);
        }
        let all = self.matched.entry((lanes[0], lanes[1])).or_default();
        for (all, matched) in all.iter_mut().zip(&matched) {
            all.add(matched);
        }
    }

    fn is_taken(&self, side: usize, lane: usize, index: usize) -> bool {
        self.taken.get(&(side, lane)).is_some_and(|taken| taken.holds(index))
    }

    /// How many records of a lane are.
    fn taken(&self, side: usize, lane: usize) -> usize {
        self.taken.get(&(side, lane)).map_or(0, Bits::count)
    }

    /// The first index of a target lane that comes after all that is matched with the source lane.
    fn next_on_target(&self, [source, target]: [usize; 2]) -> usize {
        self.matched.get(&(source, target)).map_or(0, |matched| matched[1].end())
    }

    fn counts(&self) -> HashMap<(usize, usize), [Counts<'_>; 2]> {
        self.matched.iter().map(|(&lanes, matched)| (lanes, matched.each_ref().map(Counts::new))).collect()
    }
}

/// What two lanes come to: indices, by side.
struct Solved {
    matched: [Bits; 2],
    unsolved: [Bits; 2],
}

/// What one source lane and one target lane have in common, of what is free: two sequences whose n-th record has offset n.
struct Parts<'p, 'a, 'b> {
    group: &'p mut LongGroup<'a>,
    known: &'p Known<'b>,
    lanes: [usize; 2],
    /// The turn of the records behind the barrier, or of the others.
    late: bool,
    target_from: usize,
    /// What each side has. What is on one side only is in no common subsequence; a few others are taken for it.
    present: [Present; 2],
    /// By side, for every [`STEP`]-th record: its place in the bucket, and its index in the lane.
    marks: [Vec<(u64, usize)>; 2],
    len: [usize; 2],
}

impl<'p, 'a, 'b> Parts<'p, 'a, 'b> {
    fn new(
        group: &'p mut LongGroup<'a>,
        known: &'p Known<'b>,
        lanes: [usize; 2],
        late: bool,
        tuning: &KeyedTuning,
    ) -> Result<Self, StoreError> {
        let target_from = known.next_on_target(lanes);
        let everything = [Present::everything(), Present::everything()];
        let (marks, len) = ([Vec::new(), Vec::new()], [0, 0]);
        let mut parts = Self { group, known, lanes, late, target_from, present: everything, marks, len };
        let mut free = [0, 0];
        for side in Side::BOTH {
            parts.each(side, (0, 0), &mut |_, _, _| {
                free[side as usize] += 1;
                true
            })?;
        }
        if free.contains(&0) {
            return Ok(parts);
        }
        let mut present = free.map(|records| Present::new(records, tuning.solved_max));
        for side in Side::BOTH {
            parts.each(side, (0, 0), &mut |_, _, item| {
                present[side as usize].add(item.identity);
                true
            })?;
        }
        parts.present = present;
        for side in Side::BOTH {
            let (mut marks, mut len) = (Vec::new(), 0);
            parts.each(side, (0, 0), &mut |place, index, _| {
                if usize::is_multiple_of(len, STEP) {
                    marks.push((place, index));
                }
                len += 1;
                true
            })?;
            parts.marks[side as usize] = marks;
            parts.len[side as usize] = len;
        }
        Ok(parts)
    }

    /// Visits the free records of one side that the other may have, with place in the bucket and index in the lane, from
    /// a place at which the next record of the lane has that index.
    fn each(
        &mut self,
        side: Side,
        (place, index): (u64, usize),
        visit: &mut dyn FnMut(u64, usize, &Item) -> bool,
    ) -> Result<(), StoreError> {
        let Self { group, known, lanes, late, target_from, present, .. } = self;
        let own = Lane { side, index: lanes[side as usize] };
        let fits = |index: usize, item: &Item| {
            let in_turn = match side {
                Side::Source => is_late(known.barrier, own.index, item) == *late,
                Side::Target => index >= *target_from,
            };
            in_turn
                && !known.is_taken(side as usize, own.index, index)
                && present[side.other() as usize].may_hold(item.identity)
        };
        let mut next = index;
        group.read(place, &mut |place, lane, item| {
            if lane != own {
                return true;
            }
            let index = next;
            next += 1;
            !fits(index, item) || visit(place, index, item)
        })
    }

    /// Visits the records of one side with these ranks: rank, index in the lane, record.
    fn ranks(
        &mut self,
        side: Side,
        ranks: std::ops::Range<usize>,
        visit: &mut dyn FnMut(usize, usize, &Item) -> bool,
    ) -> Result<(), StoreError> {
        if ranks.is_empty() {
            return Ok(());
        }
        let mark = ranks.start / STEP;
        let Some(&from) = self.marks[side as usize].get(mark) else { return Ok(()) };
        let mut next = mark * STEP;
        self.each(side, from, &mut |_, index, item| {
            let rank = next;
            next += 1;
            if rank < ranks.start {
                return true;
            }
            rank < ranks.end && visit(rank, index, item) && rank + 1 < ranks.end
        })
    }

    /// Aligns them as one pair.
    fn solve(
        mut self,
        rules: &Rules,
        tuning: &KeyedTuning,
        left_over: &mut LeftOver,
        claims: &mut Claims<'_>,
    ) -> Result<Solved, KeyedError> {
        let mut solved = Solved { matched: Default::default(), unsolved: Default::default() };
        if self.len.contains(&0) {
            return Ok(solved);
        }
        let aligner = self.fed(rules, tuning)?;
        let (runs, regions) = aligner.certified(&mut self)?;
        let (.., unsolved) = regions.into_parts();
        self.tell(&runs, &mut solved.matched, claims)?;
        for side in Side::BOTH {
            self.set_apart(side, &unsolved[side as usize], &mut solved.unsolved[side as usize], left_over)?;
        }
        Ok(solved)
    }

    /// Both sides side by side, the one first that the other waits for.
    fn fed(&mut self, rules: &Rules, tuning: &KeyedTuning) -> Result<PairAligner, KeyedError> {
        let mut aligner = PairAligner::new(*rules, tuning.pair, [0, 0]);
        let mut fed = [0, 0];
        loop {
            let [source, target] = aligner.held();
            let side = match [0, 1].map(|side: usize| fed[side] < self.len[side]) {
                [false, false] => return Ok(aligner),
                [true, false] => Side::Source,
                [false, true] => Side::Target,
                [true, true] if source <= target => Side::Source,
                [true, true] => Side::Target,
            };
            let mut items = Vec::with_capacity(STEP);
            let from = fed[side as usize];
            self.ranks(side, from..from + STEP, &mut |rank, _, item| {
                items.push(Item { offset: rank as i64, ..*item });
                true
            })?;
            if items.is_empty() {
                return Err(StoreError("the store gives fewer records than before".to_owned()).into());
            }
            fed[side as usize] += items.len();
            aligner.push(side, &items);
            // Differences that are too far apart to be held.
            let held = aligner.held().iter().chain(&aligner.left_over()).sum::<usize>();
            if held > tuning.pair.pairs_max.max(2 * STEP) {
                return Err(KeyedError::LeftOver { max: tuning.pair.pairs_max });
            }
        }
    }

    /// Tells `claims` of all that is matched, and notes it.
    fn tell(
        &mut self,
        runs: &Runs,
        matched: &mut [Bits; 2],
        claims: &mut Claims<'_>,
    ) -> Result<(), StoreError> {
        let lanes = self.lanes;
        let mut first = 0;
        while first < runs.matched() {
            let end = runs.matched().min(first + STEP as u64);
            let (Some(from), Some(to)) = (runs.pair(first), runs.pair(end - 1)) else { break };
            let ranks = [from.0 as usize..to.0 as usize + 1, from.1 as usize..to.1 as usize + 1];
            let mut items: [Vec<Item>; 2] = [Vec::with_capacity(STEP), Vec::with_capacity(STEP)];
            for (side, ranks) in Side::BOTH.into_iter().zip(ranks) {
                let mut next = first;
                let (items, matched) = (&mut items[side as usize], &mut matched[side as usize]);
                self.ranks(side, ranks, &mut |rank, index, item| {
                    let wanted =
                        runs.pair(next).map(|pair| if side == Side::Source { pair.0 } else { pair.1 });
                    if wanted == Some(rank as i64) {
                        items.push(*item);
                        matched.set(index);
                        next += 1;
                    }
                    true
                })?;
            }
            let [source, target] = items;
            debug_assert_eq!((source.len(), target.len()), ((end - first) as usize, (end - first) as usize));
            for (source, target) in source.iter().zip(&target) {
                claims.matched((lanes[0], source), (lanes[1], target));
            }
            first = end;
        }
        Ok(())
    }

    /// Lists the records of stretches with too many differences, and notes them.
    fn set_apart(
        &mut self,
        side: Side,
        unsolved: &Counted,
        noted: &mut Bits,
        left_over: &mut LeftOver,
    ) -> Result<(), KeyedError> {
        let (Some(start), Some(end)) = (unsolved.start(), unsolved.end()) else { return Ok(()) };
        let lane = self.lanes[side as usize];
        left_over.check_room(unsolved.records() as usize)?;
        self.ranks(side, start as usize..end as usize, &mut |rank, index, item| {
            if unsolved.contains(rank as i64) {
                left_over.add_unsolved(side, lane, *item);
                noted.set(index);
            }
            true
        })?;
        Ok(())
    }
}

impl Log for Parts<'_, '_, '_> {
    fn read(
        &mut self,
        side: Side,
        range: OffsetRange,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        let rank = |offset: i64| usize::try_from(offset).unwrap_or(0);
        let read = self.ranks(side, rank(range.start)..rank(range.end), &mut |rank, _, item| {
            visit(&Item { offset: rank as i64, ..*item })
        });
        read.map_err(|StoreError(why)| LogError(why))
    }
}

/// Which identities a side has: all of them, and a few others.
struct Present {
    /// None: everything.
    words: Vec<u64>,
}

impl Present {
    fn everything() -> Self {
        Self { words: Vec::new() }
    }

    /// For so many records. At most 32 bytes for each of `solved_max`.
    fn new(records: usize, solved_max: usize) -> Self {
        let most = solved_max.saturating_mul(4).max(1);
        let words = (records / 8 + 1).next_power_of_two().min(most.next_power_of_two());
        Self { words: vec![0; words] }
    }

    /// Two bits, each as its word and its place in it.
    fn bits(&self, identity: u128) -> [(usize, u64); 2] {
        let mixed = (identity as u64) ^ ((identity >> 64) as u64).rotate_left(32);
        [0x9e37_79b9_7f4a_7c15_u64, 0xc2b2_ae3d_27d4_eb4f].map(|factor| {
            let hash = mixed.wrapping_mul(factor) >> 24;
            ((hash >> 6) as usize & (self.words.len() - 1), 1_u64 << (hash & 63))
        })
    }

    fn add(&mut self, identity: u128) {
        for (word, bit) in self.bits(identity) {
            self.words[word] |= bit;
        }
    }

    fn may_hold(&self, identity: u128) -> bool {
        self.words.is_empty()
            || self.bits(identity).into_iter().all(|(word, bit)| self.words[word] & bit != 0)
    }
}

/// A set of indices, at a bit for each up to the highest.
#[derive(Clone, Default)]
struct Bits {
    words: Vec<u64>,
}

impl Bits {
    fn set(&mut self, index: usize) {
        let word = index / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1_u64 << (index % 64);
    }

    fn holds(&self, index: usize) -> bool {
        self.words.get(index / 64).is_some_and(|word| word & (1_u64 << (index % 64)) != 0)
    }

    fn add(&mut self, others: &Self) {
        if others.words.len() > self.words.len() {
            self.words.resize(others.words.len(), 0);
        }
        for (word, others) in self.words.iter_mut().zip(&others.words) {
            *word |= others;
        }
    }

    fn count(&self) -> usize {
        ones(&self.words)
    }

    /// One past the highest.
    fn end(&self) -> usize {
        let last = self.words.iter().rposition(|&word| word != 0);
        last.map_or(0, |at| at * 64 + 64 - self.words[at].leading_zeros() as usize)
    }
}

/// How many indices of a set lie below one.
struct Counts<'w> {
    words: &'w [u64],
    /// Below every [`WORDS`]-th word, and in all.
    before: Vec<usize>,
}

const WORDS: usize = 32;

impl<'w> Counts<'w> {
    fn new(bits: &'w Bits) -> Self {
        let mut before = vec![0];
        let mut count = 0;
        for words in bits.words.chunks(WORDS) {
            count += ones(words);
            before.push(count);
        }
        Self { words: &bits.words, before }
    }

    fn below(&self, index: usize) -> usize {
        let whole = (index / 64).min(self.words.len());
        let block = whole / WORDS;
        let of_last = self.words.get(index / 64).map_or(0, |word| word & ((1_u64 << (index % 64)) - 1));
        self.before[block] + ones(&self.words[block * WORDS..whole]) + of_last.count_ones() as usize
    }
}

fn ones(words: &[u64]) -> usize {
    words.iter().map(|word| word.count_ones() as usize).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_indices_counts_what_lies_below_any_index() {
        let indices = [0, 1, 63, 64, 200, 2_047, 2_048, 4_095, 5_000];
        let mut bits = Bits::default();
        assert_eq!((bits.end(), bits.count(), Counts::new(&bits).below(7)), (0, 0, 0));
        indices.iter().for_each(|&index| bits.set(index));
        let counts = Counts::new(&bits);
        for index in 0..9_000 {
            let below = indices.iter().filter(|&&other| other < index).count();
            assert_eq!(
                (counts.below(index), bits.holds(index)),
                (below, indices.contains(&index)),
                "{index}"
            );
        }
        assert_eq!((bits.end(), bits.count()), (5_001, indices.len()));
        let mut others = Bits::default();
        others.set(9_000);
        others.add(&bits);
        assert_eq!((others.end(), others.count()), (9_001, indices.len() + 1));
    }

    #[test]
    fn nothing_that_a_side_has_is_taken_for_absent_and_most_of_what_it_lacks_is() {
        let identity = |n: u128| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let mut present = Present::new(10_000, 1 << 18);
        assert!(Present::everything().may_hold(1));
        (1..=10_000).for_each(|n| present.add(identity(n)));
        assert!((1..=10_000).all(|n| present.may_hold(identity(n))));
        let others = (10_001..=20_000).filter(|&n| present.may_hold(identity(n))).count();
        assert!(others < 2_000, "{others}");
        assert_eq!(Present::new(1 << 30, 1 << 10).words.len(), 4 << 10);
    }
}
