//! What a source reader notices by the way: samples for the run's test of itself, and schema ids. Judges nothing.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::meaning::schema_id;
use super::samples::Samples;
use crate::record::RecordView;

/// Schema ids kept for one pair: a payload that is not framed can look as if it were.
pub(super) const SCHEMA_IDS: usize = 1_000;

/// What a source reader notices by the way.
pub(super) struct Noticed<'a> {
    pub samples: Samples,
    pub schema_ids: Vec<BTreeSet<u32>>,
    last_schema_id: Option<(usize, u32)>,
    /// The same ids, for checkpoints: touched for new ones only.
    shared_ids: &'a Mutex<Vec<BTreeSet<u32>>>,
}

impl<'a> Noticed<'a> {
    pub fn new(shared_ids: &'a Mutex<Vec<BTreeSet<u32>>>) -> Self {
        let schema_ids = ids(shared_ids).clone();
        Self { samples: Samples::default(), schema_ids, last_schema_id: None, shared_ids }
    }

    pub fn notice(&mut self, at: usize, view: &RecordView<'_>) {
        self.samples.offer(view);
        if let Some(id) = view.value.and_then(schema_id)
            && self.last_schema_id != Some((at, id))
            && self.schema_ids[at].len() < SCHEMA_IDS
        {
            self.last_schema_id = Some((at, id));
            if self.schema_ids[at].insert(id) {
                ids(self.shared_ids)[at].insert(id);
            }
        }
    }
}

/// By pair.
pub(super) fn ids(shared: &Mutex<Vec<BTreeSet<u32>>>) -> MutexGuard<'_, Vec<BTreeSet<u32>>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
