//! A first-in-first-out buffer whose content is one slice. Nothing but storage.

use super::Item;

#[derive(Default)]
pub(super) struct Queue {
    items: Vec<Item>,
    head: usize,
}

impl Queue {
    pub fn extend(&mut self, items: &[Item]) {
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
        &self.items[self.head..]
    }

    pub fn take(&mut self, n: usize) {
        self.head += n;
        debug_assert!(self.head <= self.items.len());
    }

    pub fn len(&self) -> usize {
        self.items.len() - self.head
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
