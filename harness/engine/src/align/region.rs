//! The stretches in which the two sequences differ, and what they leave over, in one list a side. Solves and judges nothing.

use super::{Counted, Item};
use crate::record::{OffsetRange, Side};

/// No offset: nothing was seen, or nothing more is looked for.
pub(super) const NEVER: i64 = i64::MAX;

/// A stretch in which the two sequences differ, between two stretches matched in lockstep.
#[derive(Debug)]
pub(super) struct Region {
    /// Offsets on the source and the target.
    pub range: [OffsetRange; 2],
    /// Where this region's left-over records begin in the lists of [`Regions`].
    from: [u32; 2],
    /// Offset of the first later record on that side that equals a record of this region on the other side.
    pub sighted: [i64; 2],
    /// Up to which offset of that side such records were looked for.
    pub watched_to: [i64; 2],
    /// Records that were only counted; of an unsolved region, all.
    counted: Option<Box<[Counted; 2]>>,
    /// False where the stretches were too large to solve.
    pub solved: bool,
}

/// What two stretches come to.
#[derive(Debug)]
pub(super) struct Solution {
    /// What the longest common subsequence leaves out.
    pub left_over: [Vec<Item>; 2],
    /// Records that were only counted.
    pub counted: [Counted; 2],
    pub solved: bool,
}

/// All regions of a pair, ascending.
#[derive(Debug, Default)]
pub(super) struct Regions {
    list: Vec<Region>,
    left_over: [Vec<Item>; 2],
    /// Regions that have counted records, ascending.
    counting: Vec<usize>,
}

impl Regions {
    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn get(&self, at: usize) -> &Region {
        &self.list[at]
    }

    pub fn get_mut(&mut self, at: usize) -> &mut Region {
        &mut self.list[at]
    }

    /// Left-over records of all regions, by side.
    pub fn left_over(&self) -> [usize; 2] {
        self.left_over.each_ref().map(Vec::len)
    }

    /// Records that region `at` leaves over on `side`, the ones that were only counted included.
    pub fn given_up(&self, at: usize, side: Side) -> u64 {
        let side = side as usize;
        let from =
            |at: usize| self.list.get(at).map_or(self.left_over[side].len(), |r| r.from[side] as usize);
        let counted = self.list[at].counted.as_ref().map_or(0, |counted| counted[side].records());
        (from(at + 1) - from(at)) as u64 + counted
    }

    /// Left-over records of `side` after `offset`.
    pub fn left_over_after(&self, side: Side, offset: i64) -> u64 {
        let items = &self.left_over[side as usize];
        let held = items.len() - items.partition_point(|item| item.offset <= offset);
        let counted = self.counting.iter().rev().map(|&at| self.counted(at, side)).map_while(|counted| {
            let after = counted.records() - counted.below(offset + 1);
            (after > 0 || counted.is_empty()).then_some(after)
        });
        held as u64 + counted.sum::<u64>()
    }

    fn counted(&self, at: usize, side: Side) -> &Counted {
        &self.list[at].counted.as_ref().expect("listed as counting")[side as usize]
    }

    /// Where the source records begin of which region `at` may hold only some.
    pub fn sparse_from(&self, at: usize) -> Option<i64> {
        self.list[at].counted.as_ref().and_then(|counted| counted[0].start())
    }

    /// Adds the region that comes after all others.
    pub fn push(&mut self, range: [OffsetRange; 2], solution: Solution, watched_to: [i64; 2]) {
        let end = self.list.len();
        self.splice(end..end, range, solution, watched_to);
    }

    /// Puts one region in the place of those at `at`.
    pub fn splice(
        &mut self,
        at: std::ops::Range<usize>,
        range: [OffsetRange; 2],
        solution: Solution,
        watched_to: [i64; 2],
    ) {
        let Solution { left_over, counted, solved } = solution;
        let from = |regions: &Self, n: usize, side: usize| {
            regions.list.get(n).map_or(regions.left_over[side].len(), |region| region.from[side] as usize)
        };
        let start = [0, 1].map(|side: usize| from(self, at.start, side));
        for (side, items) in left_over.into_iter().enumerate() {
            let end = from(self, at.end, side);
            let (old, new) = (end - start[side], items.len());
            if end == self.left_over[side].len() {
                self.left_over[side].truncate(start[side]);
                self.left_over[side].extend(items);
            } else {
                self.left_over[side].splice(start[side]..end, items);
            }
            for region in &mut self.list[at.end..] {
                region.from[side] = (region.from[side] as usize + new - old) as u32;
            }
        }
        let counted = counted.iter().any(|counted| !counted.is_empty()).then(|| Box::new(counted));
        let region = Region {
            range,
            from: start.map(|from| from as u32),
            sighted: [NEVER; 2],
            watched_to,
            counted,
            solved,
        };
        if at.start == self.list.len() {
            if region.counted.is_some() {
                self.counting.push(self.list.len());
            }
            self.list.push(region);
            return;
        }
        self.list.splice(at, [region]);
        self.counting = (0..self.list.len()).filter(|&n| self.list[n].counted.is_some()).collect();
    }

    /// Whether any region has records that were only counted.
    pub fn is_counting(&self) -> bool {
        !self.counting.is_empty()
    }

    /// A copy as plain data; without what was only counted.
    pub fn to_plain(&self) -> Vec<super::Region> {
        let items = |at: usize, side: usize| {
            let from =
                |at: usize| self.list.get(at).map_or(self.left_over[side].len(), |r| r.from[side] as usize);
            self.left_over[side][from(at)..from(at + 1)].to_vec()
        };
        let plain = |(at, region): (usize, &Region)| super::Region {
            range: region.range,
            left_over: [0, 1].map(|side| items(at, side)),
            sighted: region.sighted.map(|offset| (offset != NEVER).then_some(offset)),
            watched_to: region.watched_to,
            solved: region.solved,
        };
        self.list.iter().enumerate().map(plain).collect()
    }

    /// The regions of a snapshot; nobody has looked for their records at or after `seen_to`.
    pub fn from_plain(plain: Vec<super::Region>, seen_to: [i64; 2]) -> Self {
        let mut regions = Self::default();
        for super::Region { range, left_over, sighted, watched_to, solved } in plain {
            let watched_to = [0, 1].map(|side: usize| watched_to[side].min(seen_to[side]));
            regions.push(range, Solution { left_over, counted: Default::default(), solved }, watched_to);
            let last = regions.list.len() - 1;
            regions.list[last].sighted = sighted.map(|offset| offset.unwrap_or(NEVER));
        }
        regions
    }

    /// Left-over records by side; source records that were only counted; records of unsolved regions by side.
    pub fn into_parts(self) -> ([Vec<Item>; 2], Counted, [Counted; 2]) {
        let (mut tail, mut unsolved) = (Counted::default(), [Counted::default(), Counted::default()]);
        for region in self.list {
            let Some(counted) = region.counted else { continue };
            let [source, target] = *counted;
            if region.solved {
                tail.extend(source);
            } else {
                unsolved[0].extend(source);
                unsolved[1].extend(target);
            }
        }
        (self.left_over, tail, unsolved)
    }
}
