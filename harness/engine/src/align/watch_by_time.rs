//! What the watch looks for where time counts: an identity at about a time. Decides nothing.

use std::collections::BTreeSet;

use super::{Item, Rules};
use crate::record::Side;

/// An identity by its low half, a timestamp, and a region that holds a record with both.
type Entry = (u64, i64, u32);

/// Which regions hold an identity at which time, by the side they hold it on. Two identities whose low halves agree are
/// taken for one: that can only make a region be looked at again. Only the first sighting counts, so an entry is let go
/// when a record near to it is seen; nothing else lets go of it, as timestamps need not ascend.
pub(super) struct ByTime {
    rules: Rules,
    entries: [BTreeSet<Entry>; 2],
}

impl ByTime {
    pub fn new(rules: &Rules) -> Self {
        Self { rules: *rules, entries: Default::default() }
    }

    pub fn is_empty(&self) -> bool {
        self.entries.iter().all(BTreeSet::is_empty)
    }

    pub fn len(&self) -> usize {
        self.entries.iter().map(BTreeSet::len).sum()
    }

    pub fn add(&mut self, region: usize, side: Side, item: &Item) {
        self.entries[side as usize].insert((item.identity as u64, item.timestamp, region as u32));
    }

    /// Takes an entry that `item` of `side` may equal, if there is one: the region that holds it on the other side.
    pub fn take_near(&mut self, side: Side, item: &Item) -> Option<usize> {
        let identity = item.identity as u64;
        let near = self.rules.near(item.timestamp, item.timestamp);
        let entries = &mut self.entries[side.other() as usize];
        let places = (identity, *near.start(), u32::MIN)..=(identity, *near.end(), u32::MAX);
        let entry = *entries.range(places).next()?;
        entries.remove(&entry);
        Some(entry.2 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(identity: u128, timestamp: i64) -> Item {
        Item { identity, offset: 0, timestamp, key: None, value: 0 }
    }

    fn taken(held: &mut ByTime, side: Side, item: &Item) -> Vec<usize> {
        std::iter::from_fn(|| held.take_near(side, item)).collect()
    }

    #[test]
    fn each_is_taken_once_by_the_first_record_of_the_other_side_that_is_near_in_time() {
        let mut held = ByTime::new(&Rules { timestamp_tolerance_ms: Some(5) });
        assert!(held.is_empty());
        for (region, time) in [(0, 100), (1, 104), (2, 100), (3, 1_000)] {
            held.add(region, Side::Source, &item(7, time));
        }
        for other in [item(8, 100), item(7, 94), item(7, 110), item(7, 994)] {
            assert_eq!(taken(&mut held, Side::Target, &other), [0; 0], "{other:?}");
        }
        assert_eq!(taken(&mut held, Side::Source, &item(7, 100)), [0; 0], "of the same side");
        assert_eq!(held.len(), 4);
        assert_eq!(taken(&mut held, Side::Target, &item(7, 98)), [0, 2]);
        assert_eq!(taken(&mut held, Side::Target, &item(7, 105)), [1]);
        assert_eq!(taken(&mut held, Side::Target, &item(7, 105)), [0; 0]);
        assert_eq!((held.len(), held.is_empty()), (1, false));
        assert_eq!(taken(&mut held, Side::Target, &item(7, 1_005)), [3]);
        assert!(held.is_empty());
    }

    #[test]
    fn times_at_the_ends_of_all_times_are_near_to_themselves() {
        for time in [i64::MIN, i64::MAX] {
            for (tolerance, other) in [(5, time), (u64::MAX, -1 - time)] {
                let mut held = ByTime::new(&Rules { timestamp_tolerance_ms: Some(tolerance) });
                held.add(4, Side::Target, &item(7, time));
                assert_eq!(taken(&mut held, Side::Source, &item(7, other)), [4]);
            }
        }
    }
}
