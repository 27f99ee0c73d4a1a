//! A queue against a plain list: what it holds, and whether that lies in memory or in the store.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::queue::Queue;
use super::tests::Random;
use super::{Item, Overflow, StoreError};

/// Takes so many records in all, and tells how many it holds.
struct Limited {
    items: Vec<Item>,
    left: usize,
    holds: Arc<AtomicUsize>,
}

impl Overflow for Limited {
    fn append(&mut self, items: &[Item]) -> Result<(), StoreError> {
        self.left = self.left.checked_sub(items.len()).ok_or_else(|| StoreError("full".to_owned()))?;
        self.items.extend_from_slice(items);
        self.holds.store(self.items.len(), Relaxed);
        Ok(())
    }
    fn items(&self) -> &[Item] {
        &self.items
    }
    fn clear(&mut self) {
        self.items.clear();
        self.holds.store(0, Relaxed);
    }
}

fn item(offset: i64) -> Item {
    Item { identity: offset as u128, offset, timestamp: 0, key: None, value: 0 }
}

#[test]
fn a_queue_holds_what_it_was_given_and_lies_in_the_store_only_beyond_its_limit() {
    let mut random = Random(61);
    let (mut stored, mut refused) = (0, 0);
    for _ in 0..2_000 {
        let in_memory_max = random.below(12) as usize;
        let mut left = [60, 100_000][random.below(2) as usize];
        let holds = Arc::new(AtomicUsize::new(0));
        let mut queue = Queue::default();
        let store = Limited { items: Vec::new(), left, holds: holds.clone() };
        queue.overflow_to(Box::new(store), in_memory_max);
        // By definition: all that is held, how much of it and of what was taken since lies in the store, and whether
        // that has refused some.
        let (mut held, mut in_store, mut full) = (VecDeque::new(), 0, false);
        let mut next = 0;
        for _ in 0..40 {
            if random.below(2) == 0 {
                let items: Vec<Item> = (next..next + random.below(9) as i64).map(item).collect();
                next += items.len() as i64;
                queue.extend(&items);
                let moves = match in_store {
                    0 if held.len() + items.len() > in_memory_max => held.len() + items.len(),
                    0 => 0,
                    _ => items.len(),
                };
                if !full && moves > 0 {
                    full = moves > left;
                    in_store = if full { 0 } else { in_store + moves };
                    left = left.saturating_sub(moves);
                }
                held.extend(items);
            } else {
                let n = random.below(held.len() as u64 + 1) as usize;
                queue.take(n);
                held.drain(..n);
                if held.len() <= in_memory_max / 2 {
                    in_store = 0;
                }
            }
            assert_eq!(queue.as_slice(), held.make_contiguous());
            assert_eq!((queue.len(), queue.is_empty()), (held.len(), held.is_empty()));
            assert_eq!(queue.full().is_some(), full);
            if !full {
                assert_eq!(holds.load(Relaxed), in_store);
            }
            stored += u64::from(in_store > 0);
        }
        refused += u64::from(full);
    }
    assert!(stored > 1_000 && refused > 100, "{stored} stored, {refused} refused");
}

#[test]
fn a_long_queue_that_is_read_slowly_stays_in_order() {
    let mut queue = Queue::default();
    let mut first = 0;
    for start in (0..40_000).step_by(500) {
        let items: Vec<Item> = (start..start + 500).map(item).collect();
        queue.extend(&items);
        queue.take(400);
        first += 400;
        assert_eq!(queue.len() as i64, start + 500 - first);
        assert!(queue.as_slice().iter().map(|item| item.offset).eq(first..start + 500));
    }
}

/// Refuses what comes beyond its limit unless told to take it all the same.
struct OverItsLimit {
    items: Vec<Item>,
    limit: usize,
    /// Beyond so many there is no room at all.
    room: usize,
    holds: Arc<AtomicUsize>,
}

impl Overflow for OverItsLimit {
    fn append(&mut self, items: &[Item]) -> Result<(), StoreError> {
        match self.items.len() + items.len() <= self.limit {
            true => self.append_over(items),
            false => Err(StoreError("the limit".to_owned())),
        }
    }
    fn append_over(&mut self, items: &[Item]) -> Result<(), StoreError> {
        if self.items.len() + items.len() > self.room {
            return Err(StoreError("no room".to_owned()));
        }
        self.items.extend_from_slice(items);
        self.holds.store(self.items.len(), Relaxed);
        Ok(())
    }
    fn items(&self) -> &[Item] {
        &self.items
    }
    fn clear(&mut self) {
        self.items.clear();
        self.holds.store(0, Relaxed);
    }
}

#[test]
fn at_the_limit_of_its_store_a_queue_goes_on_there_and_comes_to_memory_only_where_there_is_no_room() {
    let holds = Arc::new(AtomicUsize::new(0));
    let mut queue = Queue::default();
    let store = OverItsLimit { items: Vec::new(), limit: 10, room: 14, holds: holds.clone() };
    queue.overflow_to(Box::new(store), 4);
    let mut held = Vec::new();
    for (offset, in_store) in
        [(0, 0), (2, 0), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14), (14, 14), (16, 14)]
    {
        let items = [item(offset), item(offset + 1)];
        queue.extend(&items);
        held.extend(items);
        assert_eq!(queue.as_slice(), held);
        assert_eq!(holds.load(Relaxed), in_store, "after {offset}");
        assert_eq!(queue.full(), (offset >= 10).then(|| StoreError("the limit".to_owned())).as_ref());
    }
}
