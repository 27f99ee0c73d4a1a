//! A first-in-first-out buffer whose content is one slice; beyond a limit it lies in a store that the caller gives.
//! Nothing but storage.

use super::{Item, Overflow, StoreError};

#[derive(Default)]
pub(super) struct Queue {
    items: Vec<Item>,
    head: usize,
    store: Option<Store>,
    full: Option<StoreError>,
}

struct Store {
    overflow: Box<dyn Overflow>,
    /// Items that stay in memory.
    in_memory_max: usize,
    in_use: bool,
}

impl Queue {
    /// Beyond `in_memory_max` items the content lies in `overflow`.
    pub fn overflow_to(&mut self, overflow: Box<dyn Overflow>, in_memory_max: usize) {
        self.store = Some(Store { overflow, in_memory_max, in_use: false });
    }

    pub fn extend(&mut self, items: &[Item]) {
        if let Some(store) = self.store.as_mut().filter(|store| store.in_use || self.full.is_none()) {
            if store.in_use {
                if self.full.is_none() {
                    match store.overflow.append(items) {
                        Ok(()) => return,
                        Err(error) => self.full = Some(error),
                    }
                }
                // The caller learns of it, and ends the reading: what is under way may be as large as memory.
                if store.overflow.append_over(items).is_ok() {
                    return;
                }
                // What is there stays readable: nothing is lost.
                self.items = store.overflow.items()[self.head..].to_vec();
                self.head = 0;
                store.in_use = false;
            } else if self.items.len() - self.head + items.len() > store.in_memory_max {
                let held = &self.items[self.head..];
                match store.overflow.append(held).and_then(|()| store.overflow.append(items)) {
                    Ok(()) => {
                        store.in_use = true;
                        self.items = Vec::new();
                        self.head = 0;
                        return;
                    }
                    Err(error) => self.full = Some(error),
                }
            }
        }
        if self.head == self.items.len() {
            self.items.clear();
            self.head = 0;
        } else if self.head > 4096 && self.head > self.items.len() / 2 {
            self.items.drain(..self.head);
            self.head = 0;
        }
        self.items.extend_from_slice(items);
    }

    pub fn as_slice(&self) -> &[Item] {
        match &self.store {
            Some(store) if store.in_use => &store.overflow.items()[self.head..],
            _ => &self.items[self.head..],
        }
    }

    pub fn take(&mut self, n: usize) {
        self.head += n;
        if let Some(store) = self.store.as_mut().filter(|store| store.in_use) {
            let rest = store.overflow.items().len() - self.head;
            if rest <= store.in_memory_max / 2 {
                self.items = store.overflow.items()[self.head..].to_vec();
                self.head = 0;
                store.in_use = false;
                store.overflow.clear();
            }
        }
        debug_assert!(self.head <= self.items.len() || self.store.as_ref().is_some_and(|store| store.in_use));
    }

    pub fn len(&self) -> usize {
        self.as_slice().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Why the store took no more.
    pub fn full(&self) -> Option<&StoreError> {
        self.full.as_ref()
    }
}
