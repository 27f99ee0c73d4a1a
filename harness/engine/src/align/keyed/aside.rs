//! Records put aside until the end, by bucket and counted. Solves nothing.

use super::parts::{Part, parts};
use super::{Grouping, Lane, OpenStore, StoreError};
use crate::align::Item;
use crate::record::Side;

/// An [`OpenStore`] and how much went into it.
pub(super) struct Aside {
    pub store: Box<dyn OpenStore + Send>,
    grouping: Grouping,
    /// Records, by bucket.
    in_bucket: Vec<u64>,
    /// Of the source.
    records: u64,
    cells: usize,
    /// By cell of the identity: source records less target records. Empty until something is put aside.
    balance: Vec<i32>,
    /// The sum of what is above zero in `balance`.
    waiting: u64,
}

impl Aside {
    /// `cells`: that identities are counted in, at least 1.
    pub fn new(store: Box<dyn OpenStore + Send>, grouping: Grouping, cells: usize) -> Self {
        let in_bucket = vec![0; store.buckets()];
        Self { store, grouping, in_bucket, records: 0, cells: cells.max(1), balance: Vec::new(), waiting: 0 }
    }

    pub fn put(&mut self, lane: Lane, item: &Item) -> Result<(), StoreError> {
        let bucket = place(self.grouping.group(item), self.store.buckets());
        self.count(lane.side, item.identity as u64);
        self.in_bucket[bucket] += 1;
        self.store.append(bucket, lane, item)
    }

    /// The groups of `bucket`, in parts of at most `max` records, or one group.
    pub fn parts(&mut self, bucket: usize, max: usize) -> Result<Vec<Part>, StoreError> {
        match self.in_bucket[bucket] {
            0 => Ok(Vec::new()),
            records if records <= max as u64 => Ok(vec![Part::all()]),
            _ => parts(&mut *self.store, bucket, self.grouping, max as u64),
        }
    }

    fn count(&mut self, side: Side, identity: u64) {
        self.balance.resize(self.cells, 0);
        let balance = &mut self.balance[place(identity, self.cells)];
        match side {
            Side::Source => {
                self.records += 1;
                self.waiting += u64::from(*balance >= 0);
                *balance = balance.saturating_add(1);
            }
            Side::Target => {
                self.waiting -= u64::from(*balance > 0);
                *balance = balance.saturating_sub(1);
            }
        }
    }

    /// Source records put aside so far.
    pub fn source_records(&self) -> u64 {
        self.records
    }

    /// How many of them wait for a copy: at most so many fewer than in truth as the target has other records, which hide
    /// only what shares a cell with them.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }
}

fn place(number: u64, places: usize) -> usize {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    (mixed % places as u64) as usize
}
