//! Solves one group of records that are all in memory: who is matched in order, who is reordered, who is left over.
//! Pure; knows no duplicates, for which the history counts.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::KeyedTuning;
use crate::align::lcs::leftmost_lcs;
use crate::align::settle::first_free;
use crate::align::watch::PassThrough;
use crate::align::{InMemory, Item, PairAligner, Rules};
use crate::record::Side;

/// How many records of each side are taken in turn when two long sequences are followed.
const STEP: usize = 256;

/// Records of one side, by lane, then offset.
#[derive(Clone, Debug, Default)]
pub(super) struct Placed {
    pub items: Vec<Item>,
    pub lanes: Vec<usize>,
}

impl Placed {
    pub fn push(&mut self, lane: usize, item: Item) {
        self.items.push(item);
        self.lanes.push(lane);
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether a record is at this lane and offset.
    pub fn holds(&self, (lane, offset): (usize, i64)) -> bool {
        let from = self.lanes.partition_point(|&other| other < lane);
        let to = self.lanes.partition_point(|&other| other <= lane);
        self.items[from..to].binary_search_by_key(&offset, |item| item.offset).is_ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = (usize, Item)> {
        self.lanes.iter().copied().zip(self.items.iter().copied())
    }

    /// The records at `indices`.
    pub fn select(&self, indices: &[usize]) -> Self {
        Self {
            items: indices.iter().map(|&at| self.items[at]).collect(),
            lanes: indices.iter().map(|&at| self.lanes[at]).collect(),
        }
    }

    /// The lanes, ascending, each with the indices of its records.
    pub fn by_lane(&self) -> Vec<(usize, Range<usize>)> {
        let mut start = 0;
        let runs = self.lanes.chunk_by(|a, b| a == b).map(|run| {
            start += run.len();
            (run[0], start - run.len()..start)
        });
        runs.collect()
    }
}

/// Indices into the two sides of a group; each record is in one of the four.
#[derive(Debug, Default)]
pub(super) struct Solution {
    /// By source index within two lanes.
    pub matched: Vec<(usize, usize)>,
    /// Each has changed places with a matched pair of the same two lanes, or the matched ones were not the most possible.
    pub reordered: Vec<(usize, usize)>,
    /// Ascending, by side: in stretches whose differences were too many.
    pub unsolved: [Vec<usize>; 2],
    /// Ascending, by side.
    pub left_over: [Vec<usize>; 2],
}

/// Whether a source record lies behind the barrier of its lane. `barrier`: by lane; empty where there is none.
pub(super) fn is_late(barrier: &[i64], lane: usize, item: &Item) -> bool {
    barrier.get(lane).is_some_and(|&end| item.offset >= end)
}

/// The barrier of a unit with so many source lanes, as far as records behind it take only what all others leave. Of one
/// lane that follows from the order. The lanes of the unit count, not those that have records of a group left: which ones
/// have depends on what was matched before.
pub(super) fn dividing(barrier: &[i64], source_lanes: usize) -> &[i64] {
    if source_lanes > 1 { barrier } else { &[] }
}

/// Which source records are judged, by lane: those that lie from its start to its barrier. No barrier is empty, and so are
/// starts where all that lies before the barrier is judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged<'s> {
    pub starts: &'s [i64],
    pub barrier: &'s [i64],
}

impl Judged<'_> {
    pub fn is_late(&self, lane: usize, item: &Item) -> bool {
        is_late(self.barrier, lane, item)
    }

    pub fn holds(&self, lane: usize, item: &Item) -> bool {
        !self.is_late(lane, item) && self.starts.get(lane).is_none_or(|&start| item.offset >= start)
    }
}

/// By source index: whether a record takes only what all others leave.
fn late(source: &Placed, barrier: &[i64]) -> Vec<bool> {
    source.iter().map(|(lane, item)| is_late(barrier, lane, &item)).collect()
}

/// Index pairs: each source record in turn, late ones last, with the first target record that is equal and free.
fn in_turn(source: &[Item], late: &[bool], target: &[Item], rules: &Rules) -> Vec<(usize, usize)> {
    let mut turn: Vec<usize> = (0..source.len()).collect();
    turn.sort_by_key(|&at| late[at]);
    let items: Vec<Item> = turn.iter().map(|&at| source[at]).collect();
    let mut pairs: Vec<(usize, usize)> =
        first_free(&items, target, rules).into_iter().map(|(s, t)| (turn[s], t)).collect();
    pairs.sort_unstable();
    pairs
}

/// A group in which order does not count. `barrier`: by source lane, what lies behind it takes no copy from the others.
pub(super) fn multiset(sides: [&Placed; 2], rules: &Rules, barrier: &[i64]) -> Solution {
    let matched = in_turn(&sides[0].items, &late(sides[0], barrier), &sides[1].items, rules);
    let mut solution = Solution { matched, ..Solution::default() };
    solution.left_over = [0, 1].map(|side| free(sides[side].len(), &solution.matched, side, &[]));
    solution
}

/// A group in which order counts. `barrier`: by source lane, what lies behind it takes no copy from the others.
pub(super) fn ordered(sides: [&Placed; 2], rules: &Rules, tuning: &KeyedTuning, barrier: &[i64]) -> Solution {
    let mut solution = Solution::default();
    let mut taken = [vec![false; sides[0].len()], vec![false; sides[1].len()]];
    let late = late(sides[0], barrier);
    // By source and target lane: one past the last target record that is matched.
    let mut next: HashMap<(usize, usize), usize> = HashMap::new();
    let turns = [false, true].into_iter().filter(|turn| late.contains(turn));
    let lanes = sides[0].by_lane();
    let lanes_in_turn = turns.flat_map(|turn| lanes.iter().cloned().map(move |lane| (turn, lane)));
    for (turn, (source_lane, source)) in lanes_in_turn {
        for (target_lane, target) in sides[1].by_lane() {
            // What is late comes after all that is not, on the target, too.
            let start = next.get(&(source_lane, target_lane)).copied().unwrap_or(target.start);
            let indices = [source.clone(), start..target.end];
            let fits = |side: usize, at: usize| !taken[side][at] && (side == 1 || late[at] == turn);
            let indices = [0, 1].map(|side: usize| -> Vec<usize> {
                indices[side].clone().filter(|&at| fits(side, at)).collect()
            });
            let items = [0, 1].map(|side: usize| -> Vec<Item> {
                indices[side].iter().map(|&at| sides[side].items[at]).collect()
            });
            let (pairs, unsolved) = longest([&items[0], &items[1]], rules, tuning);
            for (s, t) in pairs {
                let (s, t) = (indices[0][s], indices[1][t]);
                (taken[0][s], taken[1][t]) = (true, true);
                next.insert((source_lane, target_lane), t + 1);
                solution.matched.push((s, t));
            }
            for side in [0, 1] {
                for &at in &unsolved[side] {
                    taken[side][indices[side][at]] = true;
                    solution.unsolved[side].push(indices[side][at]);
                }
            }
        }
    }
    solution.unsolved.iter_mut().for_each(|indices| indices.sort_unstable());
    let rest = [0, 1].map(|side| free(sides[side].len(), &solution.matched, side, &solution.unsolved[side]));
    let late: Vec<bool> = rest[0].iter().map(|&at| late[at]).collect();
    let own = [0, 1].map(|side: usize| sides[side].select(&rest[side]));
    let of_rest = not_in_order([&own[0], &own[1]], &late, rules);
    solution.reordered = of_rest.reordered.into_iter().map(|(s, t)| (rest[0][s], rest[1][t])).collect();
    solution.left_over =
        [0, 1].map(|side: usize| of_rest.left_over[side].iter().map(|&at| rest[side][at]).collect());
    solution
}

/// Records of a group in which order counts, none of which is matched in order. `late`: by source index.
pub(super) fn not_in_order(sides: [&Placed; 2], late: &[bool], rules: &Rules) -> Solution {
    let reordered = in_turn(&sides[0].items, late, &sides[1].items, rules);
    let left_over = [0, 1].map(|side| free(sides[side].len(), &reordered, side, &[]));
    Solution { reordered, left_over, ..Solution::default() }
}

/// Indices below `len` that are neither in a pair nor among `others`.
fn free(len: usize, pairs: &[(usize, usize)], side: usize, others: &[usize]) -> Vec<usize> {
    let mut taken = vec![false; len];
    pairs.iter().for_each(|pair| taken[[pair.0, pair.1][side]] = true);
    others.iter().for_each(|&at| taken[at] = true);
    (0..len).filter(|&at| !taken[at]).collect()
}

/// The leftmost longest common subsequence of two lanes, and what lies in stretches with too many equal pairs.
fn longest(
    items: [&[Item]; 2],
    rules: &Rules,
    tuning: &KeyedTuning,
) -> (Vec<(usize, usize)>, [Vec<usize>; 2]) {
    if items.iter().any(|items| items.is_empty()) {
        return Default::default();
    }
    if items[0].len() + items[1].len() <= tuning.solved_at_once_max
        && let Ok(pairs) = leftmost_lcs(items[0], items[1], rules, tuning.pair.pairs_max)
    {
        return (pairs.into_iter().map(|(s, t)| (s as usize, t as usize)).collect(), Default::default());
    }
    // What is on one side only is in no common subsequence, and would only make the two look less alike.
    let target = common(items[1], items[0]);
    let source = common(items[0], items[1]);
    follow([&source, &target], items, rules, tuning)
}

/// Indices of those `items` whose identity is among the `others`; by half of it, so a few others too.
fn common(items: &[Item], others: &[Item]) -> Vec<usize> {
    let others: HashSet<u64, PassThrough> = others.iter().map(|item| item.identity as u64).collect();
    (0..items.len()).filter(|&at| others.contains(&(items[at].identity as u64))).collect()
}

/// Aligns the records at `indices` as one pair, with their ranks in the place of offsets.
fn follow(
    indices: [&[usize]; 2],
    items: [&[Item]; 2],
    rules: &Rules,
    tuning: &KeyedTuning,
) -> (Vec<(usize, usize)>, [Vec<usize>; 2]) {
    let mut log = InMemory([0, 1].map(|side: usize| {
        let ranked = indices[side].iter().enumerate();
        ranked.map(|(rank, &at)| Item { offset: rank as i64, ..items[side][at] }).collect()
    }));
    let mut aligner = PairAligner::new(*rules, tuning.pair, [0, 0]);
    let longer = log.0.iter().map(Vec::len).max().unwrap_or(0);
    for start in (0..longer).step_by(STEP) {
        for side in Side::BOTH {
            let items = &log.0[side as usize];
            aligner.push(side, &items[start.min(items.len())..(start + STEP).min(items.len())]);
        }
    }
    let (runs, regions) = aligner.certified(&mut log).expect("lists in memory can always be read");
    let mut pairs = Vec::with_capacity(runs.matched() as usize);
    for run in runs.as_slice() {
        let [source, target] = [run.source_offset as usize, run.target_offset as usize];
        pairs.extend((0..run.count as usize).map(|n| (indices[0][source + n], indices[1][target + n])));
    }
    let (.., unsolved) = regions.into_parts();
    let unsolved =
        [0, 1].map(|side: usize| unsolved[side].offsets().map(|rank| indices[side][rank as usize]).collect());
    (pairs, unsolved)
}
