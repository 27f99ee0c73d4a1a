//! Names for equal records, so that those that time tells apart are not taken for one another. Pure: reads nothing.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::{LocatedItem, TimestampHelp};

/// Names for the identities of some records. Where copies keep the time, equal records too far apart to have a common
/// copy have different names; elsewhere the identity is the name.
pub(super) struct Names {
    help: TimestampHelp,
    /// By identity, in the order of time, more than twice the slack apart.
    spans: HashMap<u128, Vec<Span>>,
}

/// Equal records each of which may have a common copy with the next.
struct Span {
    first: i64,
    last: i64,
    name: u128,
}

impl Names {
    pub fn of<'i>(items: impl Iterator<Item = &'i LocatedItem>, help: TimestampHelp) -> Self {
        let mut spans = HashMap::new();
        let TimestampHelp::Within(slack) = help else { return Self { help, spans } };
        let mut times: HashMap<u128, Vec<i64>> = HashMap::new();
        for item in items {
            times.entry(item.identity).or_default().push(item.timestamp);
        }
        let mut name = 0;
        for (identity, mut times) in times {
            times.sort_unstable();
            let mut of_identity = Vec::new();
            for part in times.chunk_by(|a, b| b.abs_diff(*a) <= slack.saturating_mul(2)) {
                of_identity.push(Span { first: part[0], last: part[part.len() - 1], name });
                name += 1;
            }
            spans.insert(identity, of_identity);
        }
        Self { help, spans }
    }

    /// The name of those of the records of which this one, of the other side, may be a copy.
    pub fn of_copy(&self, item: &LocatedItem) -> Option<u128> {
        self.within(item, 1).next()
    }

    /// The names of those of the records with which this one, of the same side, may share a copy: with two at most.
    pub fn sharing(&self, item: &LocatedItem) -> impl Iterator<Item = u128> {
        self.within(item, 2)
    }

    /// The names of equal records at most so many times the slack away. Spans are too far apart for two within once.
    fn within(&self, item: &LocatedItem, times: u64) -> impl Iterator<Item = u128> {
        let untimed = matches!(self.help, TimestampHelp::None).then_some(item.identity);
        let (from, to) = near(self.help, times, item.timestamp).into_inner();
        let spans = self.spans.get(&item.identity).map(Vec::as_slice).unwrap_or_default();
        let begin = spans.partition_point(|span| span.last < from);
        let timed = spans[begin..].iter().take_while(move |span| span.first <= to).map(|span| span.name);
        untimed.into_iter().chain(timed)
    }
}

/// The times at most so many times the slack away from this one: all, where timestamps say nothing about copies.
pub(super) fn near(help: TimestampHelp, times: u64, timestamp: i64) -> RangeInclusive<i64> {
    match help {
        TimestampHelp::None => i64::MIN..=i64::MAX,
        TimestampHelp::Within(slack) => {
            let reach = slack.saturating_mul(times);
            timestamp.saturating_sub_unsigned(reach)..=timestamp.saturating_add_unsigned(reach)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(timestamp: i64) -> LocatedItem {
        LocatedItem { offset: 0, timestamp, identity: 9 }
    }

    fn names(times: &[i64], help: TimestampHelp) -> Names {
        let items: Vec<_> = times.iter().map(|&time| at(time)).collect();
        Names::of(items.iter(), help)
    }

    #[test]
    fn without_help_from_timestamps_the_identity_is_the_name() {
        let names = names(&[0, 1_000], TimestampHelp::None);
        assert_eq!(names.of_copy(&at(i64::MAX)), Some(9));
        assert_eq!(names.sharing(&at(-1)).collect::<Vec<_>>(), [9]);
        let other = LocatedItem { identity: 8, ..at(0) };
        assert_eq!(names.of_copy(&other), Some(8), "of every record");
    }

    #[test]
    fn equal_records_have_one_name_as_long_as_the_next_may_have_the_same_copy() {
        let names = names(&[30, 100, 110, 120, 141], TimestampHelp::Within(5));
        let name = |time: i64| names.of_copy(&at(time));
        assert!(name(100).is_some());
        assert_eq!([name(95), name(105), name(115), name(125)], [name(100); 4]);
        assert_ne!(name(30), name(100));
        assert_ne!(name(141), name(120));
        assert_eq!([name(24), name(36), name(94), name(126), name(135), name(147)], [None; 6]);
        assert_eq!(names.of_copy(&LocatedItem { identity: 8, ..at(100) }), None, "another record");
    }

    #[test]
    fn a_record_between_two_names_may_share_a_copy_with_either() {
        let names = names(&[100, 111], TimestampHelp::Within(5));
        let shared = |time: i64| names.sharing(&at(time)).count();
        assert_eq!([89, 90, 100, 101, 110, 111, 121, 122].map(shared), [0, 1, 1, 2, 2, 1, 1, 0]);
    }

    #[test]
    fn a_slack_without_end_leaves_one_name() {
        let names = names(&[i64::MIN, 0, i64::MAX], TimestampHelp::Within(u64::MAX));
        assert_eq!(names.of_copy(&at(i64::MIN)), names.of_copy(&at(i64::MAX)));
        assert_eq!(names.sharing(&at(7)).count(), 1);
    }

    proptest! {
        #[test]
        fn a_copy_has_the_name_of_each_record_it_may_be_a_copy_of(
            times in proptest::collection::vec(0i64..200, 1..12), slack in 0u64..12, copy in -20i64..220,
        ) {
            let names = names(&times, TimestampHelp::Within(slack));
            let name = names.of_copy(&at(copy));
            let originals: Vec<_> = times.iter().filter(|time| time.abs_diff(copy) <= slack).collect();
            prop_assert_eq!(name.is_some(), !originals.is_empty());
            for original in originals {
                prop_assert_eq!(names.of_copy(&at(*original)), name);
            }
            let shared: Vec<_> = names.sharing(&at(copy)).collect();
            for other in times.iter().filter(|time| time.abs_diff(copy) <= 2 * slack) {
                prop_assert!(names.of_copy(&at(*other)).is_some_and(|name| shared.contains(&name)));
            }
        }
    }
}
