//! Spans of records that were read already, so that who needs them next reads none of them again. Holds a bounded
//! number; reads nothing itself.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A span of more records is not kept: it belongs to a scan, which would push out everything else.
const SPAN_MAX: usize = 4096;

/// What has a place in a log.
pub(in crate::positions) trait Placed {
    /// Its offset.
    fn offset(&self) -> i64;
}

/// Spans by log. What is between two offsets of one of them is known whole.
pub(in crate::positions) struct Spans<K, T> {
    /// By first offset: one past the last offset, and the records. They do not overlap.
    by_log: HashMap<K, BTreeMap<i64, (i64, Vec<T>)>>,
    held: usize,
    held_max: usize,
}

impl<K: Eq + Hash, T: Copy + Placed> Spans<K, T> {
    /// Of at most `held_max` records together; 0 keeps none.
    pub fn new(held_max: usize) -> Self {
        Self { by_log: HashMap::new(), held: 0, held_max }
    }

    /// All records from `from` up to an offset past it; `None` where nothing is known of `from`.
    pub fn known(&self, log: &K, from: i64) -> Option<(&[T], i64)> {
        let (_, (to, records)) = self.by_log.get(log)?.range(..=from).next_back()?;
        let first = records.partition_point(|record| record.offset() < from);
        (from < *to).then(|| (&records[first..], *to))
    }

    /// `records` are all that the log has with `from <= offset < to`. Where there is no room, all others go.
    pub fn keep(&mut self, log: K, from: i64, to: i64, records: &[T]) {
        // An empty span takes room too.
        let size = records.len() + 1;
        if records.len() > SPAN_MAX || size > self.held_max {
            return;
        }
        if self.held + size > self.held_max {
            self.by_log.clear();
            self.held = 0;
        }
        let spans = self.by_log.entry(log).or_default();
        // What follows is known from its own start on.
        let to = spans.range(from..).next().map_or(to, |(next, _)| to.min(*next));
        if from < to {
            let records: Vec<T> = records.iter().take_while(|record| record.offset() < to).copied().collect();
            self.held += records.len() + 1;
            spans.insert(from, (to, records));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Placed for i64 {
        fn offset(&self) -> i64 {
            *self
        }
    }

    #[test]
    fn what_was_kept_is_known_up_to_its_end_and_gaps_are_known_as_empty() {
        let mut spans = Spans::new(100);
        spans.keep("a", 10, 20, &[11, 15]);
        assert_eq!(spans.known(&"a", 9), None);
        assert_eq!(spans.known(&"a", 10), Some((&[11, 15][..], 20)));
        assert_eq!(spans.known(&"a", 12), Some((&[15][..], 20)));
        assert_eq!(spans.known(&"a", 16), Some((&[][..], 20)));
        assert_eq!(spans.known(&"a", 20), None);
        assert_eq!(spans.known(&"b", 12), None, "another log");
    }

    #[test]
    fn an_overlapping_span_ends_where_the_next_begins() {
        let mut spans = Spans::new(100);
        spans.keep("a", 10, 20, &[11, 15]);
        spans.keep("a", 5, 30, &[5, 11, 15, 25]);
        assert_eq!(spans.known(&"a", 5), Some((&[5][..], 10)));
        assert_eq!(spans.known(&"a", 10), Some((&[11, 15][..], 20)));
        assert_eq!(spans.known(&"a", 25), None);
    }

    #[test]
    fn no_more_is_held_than_allowed() {
        let mut spans = Spans::new(10);
        for at in 0..100 {
            spans.keep("a", at * 10, at * 10 + 10, &[at * 10, at * 10 + 1]);
            assert!(spans.held <= 10);
            assert!(spans.known(&"a", at * 10).is_some(), "the newest is there");
        }
        assert_eq!(spans.known(&"a", 0), None);
        spans.keep("a", 2_000, 3_000, &(2_000..2_100).collect::<Vec<_>>());
        assert_eq!(spans.known(&"a", 2_000), None, "larger than all that may be held");
        let mut none = Spans::new(0);
        none.keep("a", 1, 2, &[1]);
        assert_eq!(none.known(&"a", 1), None);
    }
}
