//! Runs the two readers over all lanes of a set of units up to the barrier, and feeds alignment as records come in.
//! Judges nothing.

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::align::keyed::KeyedAligner;
use crate::consume::{Hole, PlannedRange};
use crate::fingerprint::Fingerprinter;
use crate::kafka::KafkaError;
use crate::ledger::{Cells, UnitIntake};
use crate::record::{OffsetRange, Side};

use super::super::RunError;
use super::super::noticed::Noticed;
use super::super::reading::{self, RangeToRead, with_readers};
use super::super::samples::Samples;
use super::super::shared::Shared;
use super::super::stable::Awaited;
use super::Unit;
use super::barrier::Barrier;
use super::state::State;
use super::store::SpillStore;
use super::times::LaneTimes;

/// A unit that was read up to the barrier.
pub(in crate::run) struct UnitRead {
    /// `None` where the unit was given up: alignment has not seen all that came in.
    pub aligner: Option<KeyedAligner>,
    pub cells: Cells,
    pub intake: UnitIntake,
    /// Where each lane began: nothing before it could be read, by side and lane.
    pub read_from: [Vec<i64>; 2],
    /// One past the last offset read, by side and lane.
    pub read_to: [Vec<i64>; 2],
    /// The ends when reading began, by side and lane; those of the source are the barrier.
    pub first_ends: [Vec<i64>; 2],
    /// By side and lane.
    pub times: [Vec<LaneTimes>; 2],
    pub complete: [bool; 2],
    /// Why it was not read to its end; empty where it was.
    pub remarks: Vec<String>,
    /// What could not be read.
    pub holes: Vec<(Side, usize, Hole)>,
    /// Lanes that gave nothing for the stall limit.
    pub stalled: Vec<(Side, usize)>,
    /// Lanes that no longer held the offset that was due.
    pub out_of_range: Vec<(Side, usize)>,
    /// Schema ids in the source's values.
    pub schema_ids: BTreeSet<u32>,
}

/// What a drive ends with.
pub(in crate::run) struct DrivenUnits {
    /// In the order of the units.
    pub units: Vec<UnitRead>,
    pub source_ends_at: time::OffsetDateTime,
    pub target_ends_at: time::OffsetDateTime,
    pub rounds: u32,
    pub awaited: Awaited,
    pub samples: Samples,
}

/// Reads all `units`, of one isolation level, up to the barrier.
pub(in crate::run) fn drive_units(shared: &Shared<'_>, units: &[&Unit]) -> Result<DrivenUnits, RunError> {
    let lanes = Side::BOTH.map(|side| lanes(units, side));
    let source_ends_at = time::OffsetDateTime::now_utc();
    let ends = [ends(shared, units, Side::Source, &lanes[0])?, ends(shared, units, Side::Target, &lanes[1])?];
    let count = units.len();
    let mut states: Vec<State> = units
        .iter()
        .enumerate()
        .map(|(at, unit)| {
            let own = |side: usize| {
                let of_unit = lanes[side].iter().zip(&ends[side]).filter(|(lane, _)| lane.0 == at);
                of_unit.map(|(_, end)| *end).collect::<Vec<i64>>()
            };
            let store = SpillStore::new(shared.spill, shared.budget.buffers(count));
            State::new(unit, [own(0), own(1)], store, shared.budget.keyed_tuning(count))
        })
        .collect();
    shared.monitor.expect_offsets(states.iter().map(State::planned).sum());
    let ids = Mutex::new(vec![BTreeSet::new(); lanes[0].len()]);
    let mut noticed = Noticed::new(&ids);
    let ranges = Side::BOTH.map(|side| ranges(shared, side, units, &states));
    let reached = with_readers(shared, ranges, &mut noticed, |commands, incoming| {
        Barrier::new(shared, units, &lanes, commands).run(&mut states, incoming)
    })?;
    let mut read: Vec<UnitRead> =
        states.into_iter().zip(units).map(|(state, unit)| state.finish(unit)).collect();
    for ((at, _), ids) in lanes[0].iter().zip(noticed.schema_ids) {
        read[*at].schema_ids.extend(ids);
    }
    Ok(DrivenUnits {
        units: read,
        source_ends_at,
        target_ends_at: reached.target_ends_at,
        rounds: reached.rounds,
        awaited: reached.awaited,
        samples: noticed.samples,
    })
}

/// The planned ranges of one side: unit and lane of each.
fn lanes(units: &[&Unit], side: Side) -> Vec<(usize, usize)> {
    let count = |unit: &Unit| match side {
        Side::Source => unit.plan.sources.len(),
        Side::Target => unit.plan.targets.len(),
    };
    units.iter().enumerate().flat_map(|(at, unit)| (0..count(unit)).map(move |lane| (at, lane))).collect()
}

/// The present end of each lane of one side.
fn ends(
    shared: &Shared<'_>,
    units: &[&Unit],
    side: Side,
    lanes: &[(usize, usize)],
) -> Result<Vec<i64>, KafkaError> {
    let partitions: Vec<_> =
        lanes.iter().map(|&(at, lane)| units[at].plan.partition(side, lane).clone()).collect();
    reading::ends(shared, side, &partitions)
}

/// What is to be read of one side, lane after lane of the units.
fn ranges(shared: &Shared<'_>, side: Side, units: &[&Unit], states: &[State]) -> Vec<RangeToRead> {
    let of_unit = |(unit, state): (&&Unit, &State)| {
        let range = |(lane, range): (usize, OffsetRange)| {
            let range = PlannedRange { partition: unit.plan.partition(side, lane).clone(), range };
            (range, Fingerprinter::new(&unit.plan.contract, shared.seed))
        };
        state.ranges(side).enumerate().map(range).collect::<Vec<_>>()
    };
    units.iter().zip(states).flat_map(of_unit).collect()
}
