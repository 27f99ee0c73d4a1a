//! Reads pairs up to the barrier: the two readers run side by side, and alignment is fed as records come in. Judges
//! nothing.

mod barrier;
mod edges;
mod noting;
mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::RunError;
use super::checkpoint::{self, Checkpoints};
use super::noticed::{Noticed, ids};
use super::reading::{self, RangeToRead, with_readers};
use super::samples::Samples;
use super::shared::Shared;
use super::stable::Awaited;
use crate::align::PairAligner;
use crate::classify::PairReading;
use crate::consume::{Hole, PlannedRange};
use crate::fingerprint::Fingerprinter;
use crate::kafka::KafkaError;
use crate::ledger::Intake;
use crate::positions::PairPlan;
use crate::record::{OffsetRange, Side, TopicPartition};

pub(super) use edges::edges;

use barrier::Barrier;
use noting::Noting;
use state::PairState;

/// A pair that was read up to the barrier.
pub(super) struct PairRead {
    pub aligner: PairAligner,
    pub reading: PairReading,
    /// What came in on each side, taken before alignment.
    pub intake: [Intake; 2],
    /// Why it was not read to its end, or not judged; empty where it was.
    pub remarks: Vec<String>,
    /// What could not be read on each side.
    pub holes: [Vec<Hole>; 2],
    /// Which sides gave nothing for the stall limit.
    pub stalled: [bool; 2],
    /// Which sides no longer held the offset that was due.
    pub out_of_range: [bool; 2],
}

/// What a drive ends with.
pub(super) struct Driven {
    pub pairs: Vec<PairRead>,
    pub source_ends_at: time::OffsetDateTime,
    pub target_ends_at: time::OffsetDateTime,
    pub rounds: u32,
    pub awaited: Awaited,
    pub samples: Samples,
    /// Schema ids in the source's values, by pair.
    pub schema_ids: Vec<BTreeSet<u32>>,
}

/// Reads all `pairs` (located ones of one isolation level; `chosen` are their indices in the plan) up to the barrier,
/// each from where the checkpoint has it.
pub(super) fn drive(
    shared: &Shared<'_>,
    pairs: &[&PairPlan],
    chosen: &[usize],
    checkpoints: &mut Checkpoints<'_>,
) -> Result<Driven, RunError> {
    let mut source_ends_at = time::OffsetDateTime::now_utc();
    let source_ends = ends(shared, Side::Source, pairs)?;
    let target_ends = ends(shared, Side::Target, pairs)?;
    let mut states = Vec::with_capacity(pairs.len());
    let mut known_ids = vec![BTreeSet::new(); pairs.len()];
    for (at, pair) in pairs.iter().enumerate() {
        let mut state = PairState::new(shared, pairs.len(), pair, [source_ends[at], target_ends[at]]);
        if let Some(so_far) = checkpoints.restored(chosen[at])? {
            let ends = [source_ends[at], target_ends[at]];
            checkpoint::check_ends([&pair.source, &pair.target], &so_far, ends)?;
            source_ends_at = source_ends_at.min(so_far.source_ends_at);
            known_ids[at].clone_from(&so_far.schema_ids);
            state.go_on(shared, pairs.len(), pair, so_far);
        }
        states.push(state);
    }
    shared.monitor.expect_offsets(
        states.iter().map(|state| Side::BOTH.map(|side| state.planned(side)).iter().sum::<u64>()).sum(),
    );
    let shared_ids = Mutex::new(known_ids);
    let mut noticed = Noticed::new(&shared_ids);
    let noting = Noting { chosen, checkpoints, source_ends_at, schema_ids: &shared_ids };
    let ranges = Side::BOTH.map(|side| ranges(shared, side, pairs, &states));
    let reached = with_readers(shared, ranges, &mut noticed, |commands, incoming| {
        Barrier::new(shared, pairs, commands, noting).run(&mut states, incoming)
    })?;
    let pairs = states.into_iter().zip(pairs).map(|(state, pair)| state.finish(pair)).collect();
    Ok(Driven {
        pairs,
        source_ends_at,
        target_ends_at: reached.target_ends_at,
        rounds: reached.rounds,
        awaited: reached.awaited,
        samples: noticed.samples,
        schema_ids: ids(&shared_ids).clone(),
    })
}

/// What is still to be read of one side.
fn ranges(shared: &Shared<'_>, side: Side, pairs: &[&PairPlan], states: &[PairState]) -> Vec<RangeToRead> {
    let range = |(pair, state): (&&PairPlan, &PairState)| {
        let range = PlannedRange {
            partition: pair.partition(side).clone(),
            range: OffsetRange { start: state.next[side as usize], end: state.end[side as usize] },
        };
        (range, Fingerprinter::new(&pair.contract, shared.seed))
    };
    pairs.iter().zip(states).map(range).collect()
}

/// The present end of each pair on one side.
fn ends(shared: &Shared<'_>, side: Side, pairs: &[&PairPlan]) -> Result<Vec<i64>, KafkaError> {
    let partitions: Vec<TopicPartition> = pairs.iter().map(|pair| pair.partition(side).clone()).collect();
    reading::ends(shared, side, &partitions)
}

/// A pair, for messages.
fn name(pair: &PairPlan) -> String {
    format!("{} -> {}", pair.source, pair.target)
}
