//! Records put aside until the end, by bucket and counted. Solves nothing.

use super::{Grouping, Lane, OpenStore, StoreError};
use crate::align::Item;

/// An [`OpenStore`] and how much went into it.
pub(super) struct Aside {
    pub store: Box<dyn OpenStore + Send>,
    grouping: Grouping,
    /// Source, target.
    records: [u64; 2],
}

impl Aside {
    pub fn new(store: Box<dyn OpenStore + Send>, grouping: Grouping) -> Self {
        Self { store, grouping, records: [0; 2] }
    }

    pub fn put(&mut self, lane: Lane, item: &Item) -> Result<(), StoreError> {
        let bucket = bucket(self.grouping.group(item), self.store.buckets());
        self.records[lane.side as usize] += 1;
        self.store.append(bucket, lane, item)
    }

    /// Records put aside so far: source, target.
    pub fn records(&self) -> [u64; 2] {
        self.records
    }
}

fn bucket(group: u64, buckets: usize) -> usize {
    let mixed = group.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (mixed % buckets as u64) as usize
}
