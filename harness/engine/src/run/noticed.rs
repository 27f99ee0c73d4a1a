//! What a source reader notices by the way: samples for the run's test of itself, and schema ids. Judges nothing.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::meaning::schema_id;
use crate::record::{Record, RecordView};

/// Records kept for the run's test of itself, payload included.
pub(super) const SAMPLES: usize = 64;
const SAMPLE_BYTES: usize = 64 << 10;
/// Schema ids kept for one pair: a payload that is not framed can look as if it were.
pub(super) const SCHEMA_IDS: usize = 1_000;

/// What a source reader notices by the way.
pub(super) struct Noticed<'a> {
    pub samples: Vec<Record>,
    sampled_bytes: usize,
    pub schema_ids: Vec<BTreeSet<u32>>,
    last_schema_id: Option<(usize, u32)>,
    /// The same ids, for checkpoints: touched for new ones only.
    shared_ids: &'a Mutex<Vec<BTreeSet<u32>>>,
}

impl<'a> Noticed<'a> {
    pub fn new(shared_ids: &'a Mutex<Vec<BTreeSet<u32>>>) -> Self {
        let schema_ids = ids(shared_ids).clone();
        Self { samples: Vec::new(), sampled_bytes: 0, schema_ids, last_schema_id: None, shared_ids }
    }

    pub fn notice(&mut self, at: usize, view: &RecordView<'_>) {
        if self.samples.len() < SAMPLES && self.sampled_bytes < SAMPLE_BYTES {
            self.sampled_bytes += view.key.map_or(0, <[u8]>::len) + view.value.map_or(0, <[u8]>::len);
            self.samples.push(view.to_record());
        }
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
