//! Notes how far a set of pairs has come, for a run that goes on later. Decides not when.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::super::RunError;
use super::super::checkpoint::{self, Checkpoints};
use super::super::noticed::ids;
use super::name;
use super::state::PairState;
use crate::positions::PairPlan;

/// What a drive needs to note how far it has come.
pub(super) struct Noting<'a, 'c> {
    /// The pairs' indices in the plan.
    pub chosen: &'a [usize],
    pub checkpoints: &'a mut Checkpoints<'c>,
    pub source_ends_at: time::OffsetDateTime,
    pub schema_ids: &'a Mutex<Vec<BTreeSet<u32>>>,
}

impl Noting<'_, '_> {
    pub fn checkpoint(&mut self, pairs: &[&PairPlan], states: &[PairState]) -> Result<(), RunError> {
        for (at, (state, pair)) in states.iter().zip(pairs).enumerate() {
            let PairState { aligner, intake, source_barrier, first_target_end, holes, .. } = state;
            if !aligner.has_snapshot() {
                // The last one stays.
                continue;
            }
            let schema_ids = ids(self.schema_ids)[at].clone();
            let ends = [*source_barrier, *first_target_end];
            let so_far = checkpoint::so_far(aligner, *intake, ends, self.source_ends_at, schema_ids, holes);
            self.checkpoints.put(self.chosen[at], &name(pair), &so_far)?;
        }
        self.checkpoints.write()
    }
}
