//! The checkpoints of a run: when one is due, what it holds, and how a run goes on from one. Aligns and judges nothing.
//!
//! A checkpoint holds the plan and, of each pair, both ends when the run began to read and what alignment has
//! *consumed*: everything else (what was read but is held back, look-aheads, lead-ins) is read again. What locating could not read is in it, for pairs are not located
//! again. So a run that goes on is the run that never stopped. No payload is in it; its hashes are seeded by the run's
//! id, so that only its owner may read the file. A pair without an entry begins at its start.

mod error;
mod load;
mod saved;
mod saved_units;
#[cfg(test)]
mod tests;

pub use error::ResumeError;
pub use load::rewritten;
pub(super) use load::{SoFar, load};
pub(super) use saved::PairSoFar;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cutproof_reports::RunDirectory;

use super::RunError;
use crate::align::PairAligner;
use crate::config::ProofConfig;
use crate::consume::Hole;
use crate::ledger::{Intake, check_progress};
use crate::monitor::Monitor;
use crate::record::{Side, TopicPartition};

use saved::{Header, PairToSave, SavedPair, SavedRun};

/// Raise it with every change of what is written.
const FORMAT: u32 = 8;
/// The next checkpoint waits at least so many times as long as the last one took: 2 % of the time at most.
const REST: u32 = 50;

/// How often a run notes how far it has come: after so much time, or so many records of both sides.
#[derive(Clone, Copy, Debug)]
pub struct CheckpointEvery {
    /// Between two checkpoints; longer where writing one takes long.
    pub time: Duration,
    /// Records read since the last one.
    pub records: u64,
}

impl Default for CheckpointEvery {
    fn default() -> Self {
        Self { time: Duration::from_secs(10), records: 100_000_000 }
    }
}

/// The version of what this build writes.
fn version() -> String {
    format!("{} (checkpoint format {FORMAT})", env!("CARGO_PKG_VERSION"))
}

/// The part of a checkpoint that stays as it is while records are read.
pub(super) fn fixed(config: &ProofConfig, so_far: &SoFar) -> Result<Vec<u8>, RunError> {
    let plan = &so_far.plan;
    let header = Header {
        version: version(),
        config_digest: config.digest.clone(),
        cluster_ids: [plan.source_cluster_id.clone(), plan.target_cluster_id.clone()],
    };
    let run = SavedRun::of(so_far);
    let fixed = postcard::to_stdvec(&header).and_then(|header| postcard::to_extend(&run, header));
    Ok(fixed.map_err(ResumeError::from)?)
}

/// Writes the checkpoints of a run, and hands out what the last one had.
pub(super) struct Checkpoints<'a> {
    directory: &'a RunDirectory,
    monitor: &'a dyn Monitor,
    every: CheckpointEvery,
    fixed: Vec<u8>,
    /// By the plan's index: the pair as it is written.
    pairs: BTreeMap<usize, Vec<u8>>,
    /// By the plan's index: up to where `pairs` has it.
    written_to: BTreeMap<usize, [i64; 2]>,
    number: u64,
    records: u64,
    due_at: Instant,
}

impl<'a> Checkpoints<'a> {
    /// `pairs`: those of the checkpoint that the run goes on from.
    pub fn new(
        directory: &'a RunDirectory,
        monitor: &'a dyn Monitor,
        every: CheckpointEvery,
        fixed: Vec<u8>,
        pairs: BTreeMap<usize, Vec<u8>>,
    ) -> Self {
        let due_at = Instant::now() + every.time;
        Self {
            directory,
            monitor,
            every,
            fixed,
            pairs,
            written_to: BTreeMap::new(),
            number: 0,
            records: 0,
            due_at,
        }
    }

    /// What the checkpoint that the run goes on from has of a pair, by the plan's index.
    pub fn restored(&self, pair: usize) -> Result<Option<PairSoFar<'static>>, RunError> {
        let Some(bytes) = self.pairs.get(&pair) else { return Ok(None) };
        let saved: SavedPair = postcard::from_bytes(bytes).map_err(ResumeError::from)?;
        Ok(Some(saved.pair().map_err(ResumeError::from)?))
    }

    /// Counts records that were read. Whether it is time for a checkpoint.
    pub fn due_after(&mut self, records: u64) -> bool {
        self.records += records;
        self.records >= self.every.records || Instant::now() >= self.due_at
    }

    /// Takes in how far a pair (by the plan's index) has come, if that adds up.
    pub fn put(&mut self, pair: usize, name: &str, so_far: &PairSoFar<'_>) -> Result<(), RunError> {
        let snapshot = &so_far.snapshot;
        if self.written_to.get(&pair) == Some(&snapshot.next_offset) {
            return Ok(());
        }
        let left_over = [0, 1].map(|side: usize| {
            let items = snapshot.regions.iter().flat_map(|region| &region.left_over[side]);
            items.map(|item| item.identity).collect::<Intake>()
        });
        check_progress(name, so_far.intake, snapshot.runs.matched(), left_over)?;
        let bytes = postcard::to_stdvec(&PairToSave::of(so_far)).map_err(ResumeError::from)?;
        self.pairs.insert(pair, bytes);
        self.written_to.insert(pair, snapshot.next_offset);
        Ok(())
    }

    /// Writes a checkpoint with what was put so far.
    pub fn write(&mut self) -> Result<(), RunError> {
        let began = Instant::now();
        let heads: Vec<[u8; 16]> =
            self.pairs.iter().map(|(&at, bytes)| load::head(at, bytes.len())).collect();
        let mut parts = vec![self.fixed.as_slice()];
        for (head, bytes) in heads.iter().zip(self.pairs.values()) {
            parts.extend([head.as_slice(), bytes]);
        }
        self.directory.write_checkpoint(&parts)?;
        self.records = 0;
        self.number += 1;
        self.due_at = Instant::now() + self.every.time.max(began.elapsed() * REST);
        tracing::debug!(number = self.number, bytes = parts.iter().map(|part| part.len()).sum::<usize>(), took = ?began.elapsed(), "checkpoint");
        self.monitor.checkpoint(self.number);
        Ok(())
    }
}

/// What was consumed of a pair, and both ends when the run began to read: the intake without what alignment still holds
/// back.
pub(super) fn so_far<'a>(
    aligner: &'a PairAligner,
    intake: [Intake; 2],
    [source_barrier, first_target_end]: [i64; 2],
    source_ends_at: time::OffsetDateTime,
    schema_ids: BTreeSet<u32>,
    holes: &[Vec<Hole>; 2],
) -> PairSoFar<'a> {
    let (snapshot, held) = aligner.snapshot();
    let held = held.map(|items| items.iter().map(|item| item.identity).collect::<Intake>());
    let intake = [0, 1].map(|side: usize| intake[side].without(held[side]));
    // A hole behind the last consumed record is met again.
    let holes = [0, 1].map(|side: usize| {
        let behind = |hole: &&Hole| hole.range.start < snapshot.next_offset[side];
        holes[side].iter().filter(behind).cloned().collect()
    });
    PairSoFar { source_ends_at, source_barrier, first_target_end, intake, schema_ids, holes, snapshot }
}

/// Refuses logs that are shorter than what was read of them, or was to be read. `ends`: of both sides, now.
pub(super) fn check_ends(
    partitions: [&TopicPartition; 2],
    so_far: &PairSoFar<'_>,
    ends: [i64; 2],
) -> Result<(), ResumeError> {
    let [source, target] = so_far.snapshot.next_offset;
    let then = [source.max(so_far.source_barrier), target];
    for side in Side::BOTH {
        let (then, now) = (then[side as usize], ends[side as usize]);
        if now < then {
            let partition = partitions[side as usize].clone();
            return Err(ResumeError::LogShrank { side, partition, then, now });
        }
    }
    Ok(())
}
