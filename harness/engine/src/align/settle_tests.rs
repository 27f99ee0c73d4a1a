//! Which of the equal records each takes, against the definition; and at once, however many are equal.

use proptest::prelude::*;

use super::settle::first_free;
use super::{Item, Rules};

/// By identity and timestamp.
fn items(records: impl IntoIterator<Item = (u8, i64)>) -> Vec<Item> {
    let item = |(offset, (letter, timestamp)): (i64, (u8, i64))| Item {
        identity: u128::from(letter),
        offset,
        timestamp,
        key: None,
        value: 0,
    };
    (0..).zip(records).map(item).collect()
}

proptest! {
    #[test]
    fn each_in_turn_takes_the_first_equal_record_that_is_free(
        source in prop::collection::vec((0u8..3, 0i64..20), 0..60),
        target in prop::collection::vec((0u8..3, 0i64..20), 0..60),
        timestamp_tolerance_ms in prop::option::of(0u64..6),
    ) {
        let rules = Rules { timestamp_tolerance_ms };
        let (source, target) = (items(source), items(target));
        let mut taken = vec![false; target.len()];
        let mut expected = Vec::new();
        for (i, item) in source.iter().enumerate() {
            let first = (0..target.len()).find(|&j| !taken[j] && rules.matches(item, &target[j]));
            first.into_iter().for_each(|j| taken[j] = true);
            expected.extend(first.map(|j| (i, j)));
        }
        prop_assert_eq!(first_free(&source, &target, &rules), expected);
    }
}

#[test]
fn of_very_many_equal_records_the_first_of_which_nobody_may_take_each_finds_its_own_at_once() {
    const RECORDS: i64 = 100_000;
    let rules = Rules { timestamp_tolerance_ms: Some(5) };
    let source = items((0..RECORDS).map(|n| (7, 1_000 * n)));
    let target = items((-1..RECORDS).map(|n| (7, 1_000 * n + 1)));
    let expected: Vec<(usize, usize)> = (0..RECORDS as usize).map(|n| (n, n + 1)).collect();
    assert_eq!(first_free(&source, &target, &rules), expected);
}
