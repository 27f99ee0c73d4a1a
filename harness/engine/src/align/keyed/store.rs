//! Where the records of open groups wait for the end, as a trait, and in memory. Knows no files.

use super::Lane;
use crate::align::Item;

/// Why a record could not be put aside or read again: a store that is full, or a disk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

/// Holds the records of open groups until the end, in buckets: all records of a group are in one bucket, those of a
/// lane in their order, and one bucket at a time is solved.
pub trait OpenStore {
    /// Number of buckets, at least 1; it never changes.
    fn buckets(&self) -> usize;

    /// Adds a record of `lane` to `bucket`, which is below [`buckets`](Self::buckets).
    fn append(&mut self, bucket: usize, lane: Lane, item: &Item) -> Result<(), StoreError>;

    /// Visits the records of `bucket` in the order in which they were added, without the first `from`, until `visit` returns
    /// `false`. Called after the last [`append`](Self::append), as often as that is needed.
    fn read(
        &mut self,
        bucket: usize,
        from: u64,
        visit: &mut dyn FnMut(Lane, &Item) -> bool,
    ) -> Result<(), StoreError>;

    /// Lets go of what `bucket` holds.
    fn clear(&mut self, bucket: usize);
}

/// Buckets in memory: for small amounts, and for tests.
#[derive(Clone, Debug)]
pub struct InMemoryStore {
    buckets: Vec<Vec<(Lane, Item)>>,
}

impl InMemoryStore {
    /// `buckets`: how many, at least 1.
    pub fn new(buckets: usize) -> Self {
        Self { buckets: vec![Vec::new(); buckets.max(1)] }
    }
}

impl Default for InMemoryStore {
    fn default() -> Self {
        Self::new(1)
    }
}

impl OpenStore for InMemoryStore {
    fn buckets(&self) -> usize {
        self.buckets.len()
    }

    fn append(&mut self, bucket: usize, lane: Lane, item: &Item) -> Result<(), StoreError> {
        let buckets = self.buckets.len();
        let bucket = self
            .buckets
            .get_mut(bucket)
            .ok_or_else(|| StoreError(format!("no bucket {bucket} of {buckets}")))?;
        bucket.push((lane, *item));
        Ok(())
    }

    fn read(
        &mut self,
        bucket: usize,
        from: u64,
        visit: &mut dyn FnMut(Lane, &Item) -> bool,
    ) -> Result<(), StoreError> {
        let records = self.buckets.get(bucket).map_or(&[][..], Vec::as_slice);
        let _ = records.iter().skip(from as usize).all(|(lane, item)| visit(*lane, item));
        Ok(())
    }

    fn clear(&mut self, bucket: usize) {
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            *bucket = Vec::new();
        }
    }
}
