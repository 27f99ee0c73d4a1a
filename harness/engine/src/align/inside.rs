//! What one side of a region holds, as far as it tells which later record of the other side may equal one of it. Pure.

use std::collections::{HashMap, HashSet};

use super::watch::PassThrough;
use super::{Item, Rules};

/// Identities by their low halves and, where time counts, the first and the last timestamp of each. So a few others are
/// taken for equal, too: that can only make a region be looked at again.
pub(super) enum Inside {
    OfAnyTime(HashSet<u64, PassThrough>),
    Spans(HashMap<u64, (i64, i64), PassThrough>, Rules),
}

impl Inside {
    pub fn new(rules: &Rules) -> Self {
        match rules.timestamp_tolerance_ms {
            None => Self::OfAnyTime(HashSet::default()),
            Some(_) => Self::Spans(HashMap::default(), *rules),
        }
    }

    pub fn add(&mut self, item: &Item) {
        let (identity, time) = (item.identity as u64, item.timestamp);
        match self {
            Self::OfAnyTime(identities) => {
                identities.insert(identity);
            }
            Self::Spans(spans, _) => {
                let (first, last) = spans.entry(identity).or_insert((time, time));
                (*first, *last) = ((*first).min(time), (*last).max(time));
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        match self {
            Self::OfAnyTime(identities) => identities.is_empty(),
            Self::Spans(spans, _) => spans.is_empty(),
        }
    }

    /// Whether `item` of the other side may equal a record that was added. True for each that does.
    pub fn may_hold(&self, item: &Item) -> bool {
        let identity = item.identity as u64;
        match self {
            Self::OfAnyTime(identities) => identities.contains(&identity),
            Self::Spans(spans, rules) => {
                let near = |&(first, last): &(i64, i64)| rules.near(first, last).contains(&item.timestamp);
                spans.get(&identity).is_some_and(near)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(identity: u128, timestamp: i64) -> Item {
        Item { identity, offset: 0, timestamp, key: None, value: 0 }
    }

    fn inside(tolerance: Option<u64>, items: &[Item]) -> Inside {
        let mut inside = Inside::new(&Rules { timestamp_tolerance_ms: tolerance });
        assert!(inside.is_empty());
        items.iter().for_each(|item| inside.add(item));
        assert!(!inside.is_empty());
        inside
    }

    #[test]
    fn without_a_tolerance_an_identity_is_enough() {
        let inside = inside(None, &[item(7, 100)]);
        assert_eq!([(7, 0), (8, 100)].map(|(id, time)| inside.may_hold(&item(id, time))), [true, false]);
    }

    #[test]
    fn within_a_tolerance_the_time_must_be_near_to_those_of_the_identity() {
        let inside = inside(Some(5), &[item(7, 102), item(8, 500), item(7, 100), item(7, 101)]);
        let holds = |time| inside.may_hold(&item(7, time));
        assert_eq!([94, 95, 107, 108, 500].map(holds), [false, true, true, false, false]);
        assert!(!inside.may_hold(&item(9, 100)));
    }

    #[test]
    fn times_at_the_ends_of_all_times_are_near_to_themselves() {
        for time in [i64::MIN, i64::MAX] {
            assert!(inside(Some(u64::MAX), &[item(7, time)]).may_hold(&item(7, -1 - time)));
            assert!(inside(Some(5), &[item(7, time)]).may_hold(&item(7, time)));
        }
    }
}
