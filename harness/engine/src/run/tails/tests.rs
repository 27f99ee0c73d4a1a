//! What is taken out of counted tails for strays of other pairs.

use std::num::NonZeroU64;

use super::*;
use crate::align::{InMemory, Item, Outcome};
use crate::classify::any_pair::{Random, reading, with_counted_tail};
use crate::classify::{Misplacement, PairReading, find_misplaced};

type Lists = [Vec<Item>; 2];

/// The records of one side have another key than those of the other one: none is told to be an altered copy.
fn item(side: Side, identity: u128, offset: i64, timestamp: i64) -> Item {
    Item { identity, offset, timestamp, key: NonZeroU64::new(1 + side as u64), value: 0 }
}

fn classified(lists: &Lists, within: Option<u64>) -> Classified {
    let reading = reading(lists, i64::MAX, [true, true]);
    with_counted_tail(lists, PairReading { timestamps_within: within, ..reading })
}

/// What is misplaced among the pairs of a topic after `take` has taken something back from each.
fn found(
    topic: &[Lists],
    within: Option<u64>,
    take: impl Fn(&Lists, &mut Strays, &mut Classified),
) -> Vec<Misplacement> {
    let mut pairs: Vec<Classified> = topic.iter().map(|lists| classified(lists, within)).collect();
    let mut strays = Strays::of(pairs.iter());
    for (lists, pair) in topic.iter().zip(&mut pairs) {
        take(lists, &mut strays, pair);
    }
    find_misplaced(&mut pairs.iter_mut().enumerate().collect::<Vec<_>>())
}

fn taken_for(lists: &Lists, strays: &mut Strays, pair: &mut Classified) {
    take_for(strays, pair, &mut InMemory(lists.clone())).expect("lists can be read");
}

/// As if nothing had been counted only.
fn all_taken(lists: &Lists, _: &mut Strays, pair: &mut Classified) {
    let tail = &pair.alignment.tail;
    let items: Vec<Item> = lists[0].iter().filter(|item| tail.contains(item.offset)).copied().collect();
    pair.take_from_tail(&items);
}

#[test]
fn of_a_tail_of_equal_records_no_more_are_taken_back_than_there_are_strays() {
    let equal = |offset| item(Side::Source, 7, offset, offset);
    let here: Lists = [(0..10_000).map(equal).collect(), Vec::new()];
    let there: Lists = [Vec::new(), vec![item(Side::Target, 7, 0, 5_000), item(Side::Target, 8, 1, 0)]];
    for (within, taken) in [(None, 0), (Some(2), 4_998)] {
        let mut strays = Strays::of(std::iter::once(&classified(&there, within)));
        // The tails of two pairs are looked through for the same ones.
        for _ in 0..2 {
            let mut pair = classified(&here, within);
            assert_eq!(pair.alignment.tail.records(), 10_000);
            taken_for(&here, &mut strays, &mut pair);
            assert_eq!(pair.alignment.tail.records(), 9_999);
            assert_eq!(pair.alignment.outcomes, [Outcome::Missing { source: here[0][taken] }]);
        }
    }
}

#[test]
fn what_is_found_is_what_would_be_found_if_all_had_been_taken_back() {
    let mut random = Random(61);
    let (mut misplaced, mut left) = (0, 0);
    for _ in 0..5_000 {
        let topic: Vec<Lists> = (0..3).map(|at| any_lists(&mut random, at)).collect();
        let within = [None, Some(0), Some(3)][random.below(3) as usize];
        let expected = found(&topic, within, all_taken);
        misplaced += expected.len();
        let few = found(&topic, within, |lists, strays, pair| {
            taken_for(lists, strays, pair);
            assert!(!strays.all_taken() || strays.is_empty(), "they are given back");
        });
        assert_eq!(few, expected, "{topic:?} {within:?}");
        let source: usize = topic.iter().map(|lists| lists[0].len()).sum();
        left += source - expected.len();
    }
    assert!(misplaced > 1_000 && left > 1_000, "{misplaced} misplaced, {left} left");
}

/// A pair that copies nothing: what its target holds is not in its source, but may be in its neighbours'.
fn any_lists(random: &mut Random, at: u64) -> Lists {
    Side::BOTH.map(|side| {
        let parity = (at + side as u64) % 2;
        let records = random.below(9) as i64;
        let any = |offset| {
            let identity = u128::from(2 * random.below(2) + parity);
            item(side, identity, offset, random.below(20) as i64)
        };
        (0..records).map(any).collect()
    })
}
