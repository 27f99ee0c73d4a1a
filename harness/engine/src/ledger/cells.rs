//! Counts the matched pairs of a unit without keeping them: all that is asked of them later is on which side of a few
//! offsets known beforehand they lie. Judges nothing.

use std::collections::HashMap;

use crate::align::keyed::{LanePair, PairSink};

/// The pairs between two lanes and between the same thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cell {
    pairs: u64,
    lowest_target: i64,
    highest_target: i64,
    highest_source: i64,
}

/// Which cell a pair falls into: lanes, and how many thresholds lie at or below its offsets.
type Place = [u32; 4];

/// Matched pairs, by lane and by where they lie among the lanes' thresholds.
#[derive(Debug)]
pub struct Cells {
    /// By side and lane, ascending.
    thresholds: [Vec<Vec<i64>>; 2],
    cells: HashMap<Place, Cell>,
    last: Option<(Place, Cell)>,
    pairs: u64,
}

/// Some of the pairs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Pairs.
    pub pairs: u64,
    /// Lowest and highest target offset of a pair; only meaningful for one target lane.
    pub target: Option<(i64, i64)>,
    /// Highest source offset of a pair; only meaningful for one source lane.
    pub highest_source: Option<i64>,
}

impl Cells {
    /// `thresholds`: by side and lane, the offsets that will be asked for, in any order. A pair at a threshold lies
    /// behind it.
    pub fn new(mut thresholds: [Vec<Vec<i64>>; 2]) -> Self {
        for lane in thresholds.iter_mut().flatten() {
            lane.sort_unstable();
            lane.dedup();
        }
        Self { thresholds, cells: HashMap::new(), last: None, pairs: 0 }
    }

    /// All pairs so far.
    pub fn pairs(&self) -> u64 {
        self.pairs
    }

    /// Writes the cell at hand back. Needed before anything is asked.
    pub fn close(&mut self) {
        if let Some((place, cell)) = self.last.take() {
            self.cells.insert(place, cell);
        }
    }

    /// The pairs that `wanted` takes. It is given the two lanes and, for each side, an offset that stands for the
    /// cell's: at or after a threshold if and only if the pairs' offsets are.
    pub fn sum(&self, wanted: impl Fn((usize, i64), (usize, i64)) -> bool) -> Sum {
        debug_assert!(self.last.is_none(), "closed before it is asked");
        let mut sum = Sum::default();
        for (place, cell) in &self.cells {
            let [source_lane, source_rank, target_lane, target_rank] = place.map(|n| n as usize);
            let source = (source_lane, self.floor(0, source_lane, source_rank));
            let target = (target_lane, self.floor(1, target_lane, target_rank));
            if !wanted(source, target) {
                continue;
            }
            sum.pairs += cell.pairs;
            let (low, high) = sum.target.unwrap_or((i64::MAX, i64::MIN));
            sum.target = Some((low.min(cell.lowest_target), high.max(cell.highest_target)));
            sum.highest_source = sum.highest_source.max(Some(cell.highest_source));
        }
        sum
    }

    fn floor(&self, side: usize, lane: usize, rank: usize) -> i64 {
        rank.checked_sub(1).map_or(i64::MIN, |below| self.thresholds[side][lane][below])
    }

    fn rank(&self, side: usize, (lane, offset): (usize, i64)) -> u32 {
        self.thresholds[side][lane].partition_point(|&threshold| threshold <= offset) as u32
    }
}

impl PairSink for Cells {
    fn matched(&mut self, LanePair { source, target }: LanePair) {
        let place = [source.0 as u32, self.rank(0, source), target.0 as u32, self.rank(1, target)];
        self.pairs += 1;
        if !matches!(&self.last, Some((at, _)) if *at == place) {
            self.close();
            let fresh = Cell {
                pairs: 0,
                lowest_target: target.1,
                highest_target: target.1,
                highest_source: source.1,
            };
            self.last = Some((place, self.cells.get(&place).copied().unwrap_or(fresh)));
        }
        if let Some((_, cell)) = &mut self.last {
            cell.pairs += 1;
            cell.lowest_target = cell.lowest_target.min(target.1);
            cell.highest_target = cell.highest_target.max(target.1);
            cell.highest_source = cell.highest_source.max(source.1);
        }
    }
}
