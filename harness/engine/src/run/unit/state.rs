//! One unit while it is read: how far each lane is, what came in, what waits. Drives nothing, judges nothing.

use std::collections::BTreeSet;

use crate::align::Item;
use crate::align::keyed::{KeyedAligner, KeyedTuning};
use crate::consume::{Batch, Hole, ReadEnd};
use crate::ledger::{Cells, SourceIntake, UnitIntake};
use crate::record::{LogKind, OffsetRange, Side};

use super::super::holes;
use super::super::item::rules;
use super::super::patience::Progress;
use super::super::unread::unread;
use super::Unit;
use super::drive::UnitRead;
use super::store::SpillStore;
use super::times::LaneTimes;

/// One lane of a unit while it is read.
pub(super) struct LaneState {
    /// Index among the ranges of the side's reader.
    pub range: usize,
    /// Where the log began as far as what was read is concerned: nothing before it is left to be read.
    from: i64,
    pub next: i64,
    pub end: i64,
    pub ended: Option<ReadEnd>,
    pub paused: bool,
    pub last_timestamp: i64,
    times: LaneTimes,
    holes: Vec<Hole>,
}

impl LaneState {
    pub fn reached(&self) -> bool {
        self.ended == Some(ReadEnd::ReachedEnd)
    }
}

/// A unit while it is read.
pub(super) struct State {
    pub aligner: KeyedAligner,
    cells: Cells,
    /// By side.
    pub lanes: [Vec<LaneState>; 2],
    source_ends: Vec<i64>,
    target_ends: Vec<i64>,
    starts: Vec<i64>,
    intake: UnitIntake,
    /// Whether its records go to disk.
    pub spilled: bool,
    /// Why nothing more is read of it.
    pub failed: Option<String>,
}

impl State {
    /// `ends`: by side and lane. Range indices are set where the lanes of all units are put together.
    pub fn new(unit: &Unit, ends: [Vec<i64>; 2], store: SpillStore, tuning: KeyedTuning) -> Self {
        let plan = &unit.plan;
        let log_starts = plan.log_starts();
        // Where a record of one lane is gone, its copy in another tells how new it can have been.
        let times_matter = plan.contract.log == LogKind::Compacted
            || !unit.gone.targets.is_empty()
            || log_starts.iter().flatten().any(|&start| start > 0);
        let lanes = [0, 1].map(|side: usize| {
            let lane = |(&start, &end): (&i64, &i64)| LaneState {
                range: 0,
                from: start,
                next: start,
                end: end.max(start),
                ended: None,
                paused: false,
                last_timestamp: i64::MIN,
                times: LaneTimes::new(times_matter),
                holes: Vec::new(),
            };
            log_starts[side].iter().zip(&ends[side]).map(lane).collect::<Vec<_>>()
        });
        let [source_ends, target_ends] =
            lanes.each_ref().map(|lanes| lanes.iter().map(|lane| lane.end).collect::<Vec<i64>>());
        let starts: Vec<i64> =
            plan.sources.iter().zip(&source_ends).map(|(lane, end)| lane.start.min(*end)).collect();
        Self {
            aligner: KeyedAligner::new(
                rules(&plan.contract),
                unit.grouping,
                tuning,
                [plan.sources.len(), plan.targets.len()],
                Box::new(store),
            )
            .with_barrier(source_ends.clone()),
            cells: Cells::new(thresholds(unit, &starts, &source_ends)),
            intake: UnitIntake {
                sources: vec![SourceIntake::default(); plan.sources.len()],
                ..UnitIntake::default()
            },
            lanes,
            source_ends,
            target_ends,
            starts,
            spilled: false,
            failed: None,
        }
    }

    /// What is to be read of one side, lane after lane.
    pub fn ranges(&self, side: Side) -> impl Iterator<Item = OffsetRange> {
        self.lanes[side as usize].iter().map(|lane| OffsetRange { start: lane.next, end: lane.end })
    }

    pub fn planned(&self) -> u64 {
        self.lanes.iter().flatten().map(|lane| (lane.end - lane.next).unsigned_abs()).sum()
    }

    pub fn all(&self) -> impl Iterator<Item = &LaneState> {
        self.lanes.iter().flatten()
    }

    pub fn complete(&self, side: Side) -> bool {
        let whole = |lane: &LaneState| lane.reached() && lane.holes.is_empty();
        self.failed.is_none() && self.lanes[side as usize].iter().all(whole)
    }

    /// Read as far as the readers go now, or given up.
    pub fn at_rest(&self) -> bool {
        self.all().all(|lane| lane.ended.is_some())
    }

    /// Target records that are not matched in order.
    pub fn unmatched_on_target(&self) -> u64 {
        self.intake.target.records - self.cells.pairs()
    }

    /// Nothing that was read of the source waits for the target any more, or what the target lacks cannot be told.
    pub fn settled(&self) -> bool {
        !self.complete(Side::Target) || !self.aligner.waits_for_target()
    }

    pub fn progress(&self) -> Progress {
        Progress { matched: self.cells.pairs(), waiting: self.aligner.waiting_for_target() }
    }

    /// Records that wait in memory for other lanes.
    pub fn held(&self) -> usize {
        self.aligner.held().iter().sum()
    }

    /// What memory holds: those, what is remembered of groups that are put aside, and what has no match and stays to the
    /// end, which no lane will ever relieve.
    pub fn in_memory(&self) -> usize {
        self.held() + self.aligner.open_groups() + self.aligner.left_over()
    }

    pub fn take(&mut self, lane: usize, batch: Batch<Item>) {
        let side = batch.side as usize;
        for item in &batch.items {
            match batch.side {
                Side::Source => {
                    let intake = &mut self.intake.sources[lane];
                    intake.read.add(item.identity);
                    let scope = self.starts[lane]..self.source_ends[lane];
                    intake.in_scope += u64::from(scope.contains(&item.offset));
                }
                Side::Target => self.intake.target.add(item.identity),
            }
        }
        let state = &mut self.lanes[side][lane];
        state.next = batch.next_offset;
        state.holes.extend(batch.holes);
        if let Some(last) = batch.items.last() {
            state.last_timestamp = state.last_timestamp.max(last.timestamp);
        }
        state.times.see(&batch.items);
        if let Some(end) = batch.end {
            state.ended = Some(end);
        }
        if self.failed.is_none()
            && let Err(error) = self.aligner.push(batch.side, lane, &batch.items, &mut self.cells)
        {
            self.failed = Some(error.to_string());
        }
    }

    /// The lane goes on at `to`: what lies between what was read and that is deleted. Before the scope of a source lane that
    /// is as if its log began there; elsewhere those offsets are not judged.
    pub fn pass_over(&mut self, side: Side, lane: usize, to: i64) {
        let history = side == Side::Source && to < self.starts[lane];
        let state = &mut self.lanes[side as usize][lane];
        if history {
            state.from = to;
            state.times.begin_again();
        } else {
            let range = OffsetRange { start: state.next, end: to };
            state.holes.push(Hole { range, detail: "retention has deleted them".to_owned() });
        }
        (state.next, state.ended, state.paused) = (to, None, false);
    }

    pub fn finish(self, unit: &Unit) -> UnitRead {
        let complete = Side::BOTH.map(|side| self.complete(side));
        let mut remarks: Vec<String> = self.failed.iter().cloned().collect();
        for side in Side::BOTH {
            for (at, lane) in self.lanes[side as usize].iter().enumerate() {
                let partition = unit.plan.partition(side, at);
                remarks.extend(unread(side, partition, lane.ended.as_ref(), lane.next, lane.end));
                remarks.extend(lane.holes.iter().map(|hole| holes::remark(side, partition, hole)));
            }
        }
        let lanes = |side: Side| (0..self.lanes[side as usize].len()).map(move |lane| (side, lane));
        let lanes: Vec<(Side, usize)> = lanes(Side::Source).chain(lanes(Side::Target)).collect();
        let state = |(side, lane): (Side, usize)| &self.lanes[side as usize][lane];
        let holes = lanes
            .iter()
            .flat_map(|&at| state(at).holes.iter().map(move |hole| (at.0, at.1, hole.clone())))
            .collect();
        let ended = |so: fn(&ReadEnd) -> bool| -> Vec<(Side, usize)> {
            lanes.iter().copied().filter(|&at| state(at).ended.as_ref().is_some_and(so)).collect()
        };
        let stalled = ended(|end| matches!(end, ReadEnd::Stalled { .. }));
        let out_of_range = ended(|end| matches!(end, ReadEnd::OutOfRange { .. }));
        UnitRead {
            aligner: self.failed.is_none().then_some(self.aligner),
            cells: self.cells,
            intake: self.intake,
            read_from: self.lanes.each_ref().map(|lanes| lanes.iter().map(|lane| lane.from).collect()),
            read_to: self.lanes.each_ref().map(|lanes| lanes.iter().map(|lane| lane.next).collect()),
            times: self.lanes.each_ref().map(|lanes| lanes.iter().map(|lane| lane.times).collect()),
            first_ends: [self.source_ends, self.target_ends],
            complete,
            remarks,
            holes,
            stalled,
            out_of_range,
            schema_ids: BTreeSet::new(),
        }
    }
}

/// All offsets that anything will be counted by: the scope's, and where the groups stand and would resume.
fn thresholds(unit: &Unit, starts: &[i64], ends: &[i64]) -> [Vec<Vec<i64>>; 2] {
    let mut source: Vec<Vec<i64>> = starts.iter().zip(ends).map(|(&start, &end)| vec![start, end]).collect();
    let mut target: Vec<Vec<i64>> = vec![Vec::new(); unit.plan.targets.len()];
    for (_, position) in &unit.positions {
        for (lane, committed) in source.iter_mut().zip(&position.committed) {
            lane.extend(committed);
        }
        for (lane, resume) in target.iter_mut().zip(&position.resumes) {
            lane.extend(resume.offset);
        }
    }
    [source, target]
}
