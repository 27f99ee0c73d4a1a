//! The limits of the longest common subsequence: exactly as many equal pairs and records as may be.

use super::lcs::{TooManyPairs, leftmost_lcs};
use super::tests::items;
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
