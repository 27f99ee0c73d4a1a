//! Records put aside until the end, by bucket and counted. Solves nothing.

use super::{Grouping, Lane, OpenStore, StoreError};
use crate::align::Item;
use crate::record::Side;

/// Cells that identities are counted in.
const CELLS: usize = 1 << 16;

/// An [`OpenStore`] and how much went into it.
pub(super) struct Aside {
    pub store: Box<dyn OpenStore + Send>,
    grouping: Grouping,
    /// Of the source.
    records: u64,
    /// By cell of the identity: source records less target records. Empty until something is put aside.
    balance: Vec<i32>,
    /// The sum of what is above zero in `balance`.
    waiting: u64,
}

impl Aside {
    pub fn new(store: Box<dyn OpenStore + Send>, grouping: Grouping) -> Self {
        Self { store, grouping, records: 0, balance: Vec::new(), waiting: 0 }
    }

    pub fn put(&mut self, lane: Lane, item: &Item) -> Result<(), StoreError> {
        let bucket = place(self.grouping.group(item), self.store.buckets());
        self.count(lane.side, item.identity as u64);
        self.store.append(bucket, lane, item)
    }

    fn count(&mut self, side: Side, identity: u64) {
        self.balance.resize(CELLS, 0);
        let balance = &mut self.balance[place(identity, CELLS)];
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
