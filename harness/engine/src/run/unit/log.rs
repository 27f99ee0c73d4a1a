//! The lanes of a unit, read again. What retention has deleted meanwhile is told, or passed over where the caller can do
//! without it. Judges nothing.

use std::slice::from_ref;

use crate::align::keyed::{Extent, LaneLog};
use crate::align::{Item, LogError};
use crate::consume::ReadEnd;
use crate::fingerprint::Fingerprinter;
use crate::kafka::Cluster;
use crate::positions::UnitPlan;
use crate::record::{OffsetRange, Side, TopicPartition};

use super::super::again::{Part, Readers};
use super::super::compacted::reach_to_the_ends;
use super::super::item::item;
use super::super::retained::Retained;
use super::times::LaneTimes;

/// Offsets that could not be read, by side and lane.
pub(in crate::run) type LaneHoles = [Vec<Vec<OffsetRange>>; 2];

/// What the first reading of a unit has read, by side and lane.
pub(super) struct FirstReading<'f> {
    /// Its first offsets.
    pub from: &'f [Vec<i64>; 2],
    /// One past the last offset.
    pub to: &'f [Vec<i64>; 2],
    /// What it could not read either.
    pub holes: &'f LaneHoles,
}

/// The logs of a unit's lanes, as far as the run has read them and they are still there.
pub(super) struct UnitLog<'r, 'a> {
    pub readers: &'r mut Readers<'a>,
    pub clusters: [&'r Cluster; 2],
    pub plan: &'r UnitPlan,
    pub fingerprinter: Fingerprinter,
    /// By side and lane.
    pub read_to: [Vec<i64>; 2],
    /// What the first reading could not read either.
    holes: LaneHoles,
    /// Whether any part was read.
    pub read_again: bool,
    left: [Vec<LeftFrom>; 2],
}

/// Where what is left of a lane begins.
#[derive(Clone, Copy)]
struct LeftFrom {
    offset: i64,
    /// Timestamp of the first record from there on, once it was read.
    timestamp: Option<i64>,
}

impl LeftFrom {
    fn at(offset: i64) -> Self {
        Self { offset, timestamp: None }
    }

    fn move_to(&mut self, offset: i64) {
        if offset > self.offset {
            *self = Self::at(offset);
        }
    }
}

impl<'r, 'a> UnitLog<'r, 'a> {
    /// Nothing was read again so far. `retained`: the log starts now.
    pub fn new(
        readers: &'r mut Readers<'a>,
        clusters: [&'r Cluster; 2],
        (plan, fingerprinter): (&'r UnitPlan, Fingerprinter),
        first: FirstReading<'_>,
        retained: &Retained,
    ) -> Self {
        let left = Side::BOTH.map(|side| {
            let lanes = first.from[side as usize].iter().enumerate();
            let start = |(lane, &from): (usize, &i64)| retained.start(side, plan.partition(side, lane), from);
            lanes.map(start).map(LeftFrom::at).collect()
        });
        let (read_to, holes) = (first.to.clone(), first.holes.clone());
        Self { readers, clusters, plan, fingerprinter, read_to, holes, read_again: false, left }
    }

    /// The first offset that is left, as far as is known, by lane.
    pub fn left_from(&self, side: Side) -> Vec<i64> {
        self.left[side as usize].iter().map(|left| left.offset).collect()
    }

    /// How new records can be, in milliseconds, that were read of one side and are gone since; `None` where none is.
    pub fn taken(&self, side: Side, times: &[Vec<LaneTimes>; 2]) -> Option<i64> {
        let lanes = self.left[side as usize].iter().zip(&times[side as usize]);
        lanes.filter_map(|(left, times)| times.before(left.offset, left.timestamp)).max()
    }

    /// From now on, what was written since the run has read the lanes is seen, too.
    pub fn reach_to_the_ends(&mut self) -> Result<(), LogError> {
        for side in Side::BOTH {
            let n = side as usize;
            let partitions: Vec<TopicPartition> = self.plan.partitions(side).into_iter().cloned().collect();
            let isolation = self.plan.contract.isolation;
            let starts = reach_to_the_ends(self.clusters[n], &partitions, isolation, &mut self.read_to[n])?;
            self.left[n].iter_mut().zip(starts).for_each(|(left, start)| left.move_to(start));
        }
        Ok(())
    }

    /// Fails where offsets have been left out that the first reading has read.
    fn read_part(
        &mut self,
        side: Side,
        lane: usize,
        range: OffsetRange,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<ReadEnd, LogError> {
        self.read_again = true;
        let plan = self.plan;
        let partition = plan.partition(side, lane);
        let fingerprinter = &self.fingerprinter;
        let left = &mut self.left[side as usize][lane];
        let mut first = (range.start == left.offset).then_some(&mut left.timestamp);
        let part = Part {
            side,
            isolation: plan.contract.isolation,
            partition,
            range,
            first_from: range.start,
            told: &self.holes[side as usize][lane],
        };
        self.readers.read_again(&part, |view| {
            let record = item(fingerprinter, view);
            if let Some(first) = first.take() {
                *first = Some(record.timestamp);
            }
            visit(&record)
        })
    }

    /// Whether the log begins behind `asked` now.
    fn has_moved(&mut self, side: Side, lane: usize, asked: i64) -> bool {
        let partition = self.plan.partition(side, lane);
        let retained = Retained::of(side, self.clusters[side as usize], from_ref(partition));
        let left = &mut self.left[side as usize][lane];
        left.move_to(retained.start(side, partition, left.offset));
        left.offset > asked
    }

    fn unreadable(&self, side: Side, lane: usize, range: OffsetRange, why: &str) -> LogError {
        LogError(format!(
            "{} of the {side} could not be read again from offset {} to {}: {why}",
            self.plan.partition(side, lane),
            range.start,
            range.end
        ))
    }
}

impl LaneLog for UnitLog<'_, '_> {
    fn read(
        &mut self,
        side: Side,
        lane: usize,
        mut range: OffsetRange,
        extent: Extent,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        range.end = range.end.min(self.read_to[side as usize][lane]);
        while range.start < range.end {
            let left_from = self.left[side as usize][lane].offset;
            if range.start < left_from {
                if extent == Extent::All {
                    let why = format!("retention has deleted what lies before offset {left_from}");
                    return Err(self.unreadable(side, lane, range, &why));
                }
                range.start = left_from;
                continue;
            }
            match self.read_part(side, lane, range, visit)? {
                ReadEnd::ReachedEnd => break,
                ReadEnd::OutOfRange { asked, .. } if self.has_moved(side, lane, asked) => range.start = asked,
                other => return Err(self.unreadable(side, lane, range, &format!("{other:?}"))),
            }
        }
        Ok(())
    }
}
