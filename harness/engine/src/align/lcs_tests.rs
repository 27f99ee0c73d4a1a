//! The limits of the longest common subsequence: exactly as many equal pairs and records as may be; and what is equal
//! within a tolerance.

use super::lcs::{TooManyPairs, leftmost_lcs};
use super::tests::{Random, items};
use super::{Item, Rules};

fn longest(source: &[Item], target: &[Item], max_pairs: usize) -> Result<usize, TooManyPairs> {
    leftmost_lcs(source, target, &Rules::default(), max_pairs).map(|pairs| pairs.len())
}

#[test]
fn more_equal_pairs_than_may_be_are_refused_and_as_many_are_not() {
    // Behind one that differs, each of three equals each of three.
    let [source, target] = [items(b"xaaa"), items(b"yaaa")];
    assert_eq!([8, 9, 10].map(|max| longest(&source, &target, max)), [Err(TooManyPairs), Ok(3), Ok(3)]);
    // Three times two, over two letters.
    let [source, target] = [items(b"xababab"), items(b"yab")];
    assert_eq!([5, 6].map(|max| longest(&source, &target, max)), [Err(TooManyPairs), Ok(2)]);
}

#[test]
fn more_than_four_records_for_each_pair_that_may_be_are_refused() {
    let [source, target] = [items(b"abcd"), items(b"efgh")];
    assert_eq!([1, 2].map(|max| longest(&source, &target, max)), [Err(TooManyPairs), Ok(0)]);
    let longer = items(b"efghi");
    assert_eq!([2, 3].map(|max| longest(&source, &longer, max)), [Err(TooManyPairs), Ok(0)]);
}

#[test]
fn equal_beginnings_and_what_has_nothing_beside_it_need_no_room() {
    let same = items(b"aaaaaaaaaa");
    assert_eq!(longest(&same, &same, 0), Ok(10));
    assert_eq!(longest(&same, &same[..4], 0), Ok(4));
    assert_eq!(longest(&same[..4], &same, 0), Ok(4));
}

/// `items`, each with a timestamp of its own.
fn timed(times: impl IntoIterator<Item = i64>) -> Vec<Item> {
    let times: Vec<i64> = times.into_iter().collect();
    let same = items(&vec![b'a'; times.len()]);
    same.into_iter().zip(times).map(|(item, timestamp)| Item { timestamp, ..item }).collect()
}

#[test]
fn within_a_tolerance_as_many_are_in_common_as_a_table_says() {
    let mut random = Random(75);
    for _ in 0..2_000 {
        let rules = Rules { timestamp_tolerance_ms: Some(random.below(4)) };
        let (n, m) = (random.below(20) as usize, random.below(20) as usize);
        let [source, target] = [n, m].map(|len| timed((0..len).map(|_| random.below(15) as i64)));
        let mut longest = vec![vec![0_usize; m + 1]; n + 1];
        for i in (0..n).rev() {
            for j in (0..m).rev() {
                longest[i][j] = longest[i + 1][j].max(longest[i][j + 1]);
                if rules.matches(&source[i], &target[j]) {
                    longest[i][j] = longest[i][j].max(1 + longest[i + 1][j + 1]);
                }
            }
        }
        let pairs = leftmost_lcs(&source, &target, &rules, 400).expect("there is room for all pairs");
        assert_eq!(pairs.len(), longest[0][0], "{rules:?} {source:?} {target:?}");
        assert!(pairs.iter().all(|&(i, j)| rules.matches(&source[i as usize], &target[j as usize])));
        assert!(pairs.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 < two[1].1));
    }
}

#[test]
fn equal_records_far_apart_in_time_are_not_compared_with_each_other() {
    const RECORDS: i64 = 200_000;
    let rules = Rules { timestamp_tolerance_ms: Some(5) };
    let source = timed((0..RECORDS).map(|n| 1_000 * n));
    let target = timed((1..RECORDS).map(|n| 1_000 * n + 1));
    let pairs = leftmost_lcs(&source, &target, &rules, RECORDS as usize).expect("no more pairs than records");
    assert_eq!(pairs, (1..RECORDS as u32).map(|n| (n, n - 1)).collect::<Vec<_>>());
}
