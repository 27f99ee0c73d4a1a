//! What keyed alignment holds in memory, what it puts aside, and what becomes of groups that cannot be solved.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;
use crate::align::{Item, Rules};
use crate::record::Side;

#[derive(Default)]
struct Pairs(Vec<LanePair>);

impl PairSink for Pairs {
    fn matched(&mut self, pair: LanePair) {
        self.0.push(pair);
    }
}

/// Counts what is put aside.
struct Counting(InMemoryStore, Arc<AtomicUsize>);

impl OpenStore for Counting {
    fn buckets(&self) -> usize {
        self.0.buckets()
    }
    fn append(&mut self, bucket: usize, lane: Lane, item: &Item) -> Result<(), StoreError> {
        self.1.fetch_add(1, Relaxed);
        self.0.append(bucket, lane, item)
    }
    fn read(
        &mut self,
        bucket: usize,
        from: u64,
        visit: &mut dyn FnMut(Lane, &Item) -> bool,
    ) -> Result<(), StoreError> {
        self.0.read(bucket, from, visit)
    }
    fn clear(&mut self, bucket: usize) {
        self.0.clear(bucket);
    }
}

/// One unit, fed by hand.
struct Unit {
    aligner: KeyedAligner,
    lanes: InMemoryLanes,
    pairs: Pairs,
    put_aside: Arc<AtomicUsize>,
}

impl Unit {
    fn new(grouping: Grouping, lanes: [usize; 2], tuning: KeyedTuning) -> Self {
        let put_aside = Arc::new(AtomicUsize::new(0));
        let store = Box::new(Counting(InMemoryStore::new(3), put_aside.clone()));
        Self {
            aligner: KeyedAligner::new(Rules::default(), grouping, tuning, lanes, store),
            lanes: InMemoryLanes(lanes.map(|lanes| vec![Vec::new(); lanes])),
            pairs: Pairs::default(),
            put_aside,
        }
    }

    /// A record of `key`, 0 for none, behind those of its lane; records in memory, and put aside.
    fn push(&mut self, side: Side, lane: usize, key: u64, value: u64) -> (usize, usize) {
        let list = &mut self.lanes.0[side as usize][lane];
        let item = Item {
            identity: u128::from(key * 1_000 + value),
            offset: list.len() as i64,
            timestamp: value as i64,
            key: NonZeroU64::new(key),
            value,
        };
        list.push(item);
        self.aligner.push(side, lane, &[item], &mut self.pairs).expect("memory holds it");
        for side in Side::BOTH {
            let by_lane = self.aligner.held_by_lane(side).iter().sum::<usize>();
            assert_eq!(self.aligner.held()[side as usize], by_lane);
        }
        (self.aligner.held().iter().sum(), self.put_aside.load(Relaxed))
    }

    fn source(&mut self, lane: usize, key: u64, value: u64) -> (usize, usize) {
        self.push(Side::Source, lane, key, value)
    }

    fn target(&mut self, lane: usize, key: u64, value: u64) -> (usize, usize) {
        self.push(Side::Target, lane, key, value)
    }

    fn finish(mut self) -> (KeyedAlignment, Vec<LanePair>) {
        let starts = vec![0; self.lanes.0[0].len()];
        let alignment =
            self.aligner.finish(&starts, &mut self.lanes, &mut self.pairs).expect("lists can be read");
        (alignment, self.pairs.0)
    }
}

const BY_KEY: Grouping = Grouping::KeyThenMultiset;

#[test]
fn between_two_lanes_a_group_is_put_aside_as_soon_as_its_first_records_differ() {
    let mut unit = Unit::new(BY_KEY, [1, 1], KeyedTuning::default());
    assert_eq!(unit.source(0, 1, 10), (1, 0));
    assert_eq!(unit.source(0, 1, 11), (2, 0));
    assert_eq!(unit.source(0, 2, 10), (3, 0));
    assert_eq!(unit.target(0, 1, 10), (2, 0), "met");
    assert_eq!(unit.target(0, 1, 99), (1, 2));
    assert_eq!(unit.source(0, 1, 12), (1, 3), "it stays open");
    assert_eq!(unit.target(0, 2, 10), (0, 3), "another group does not");
}

#[test]
fn each_open_group_is_remembered_once_until_all_is_put_aside() {
    let mut unit = Unit::new(BY_KEY, [1, 1], KeyedTuning::default());
    for key in 1..=5 {
        unit.source(0, key, 1);
        assert_eq!(unit.target(0, key, 2), (0, 2 * key as usize));
        assert_eq!(unit.aligner.open_groups(), key as usize);
    }
    unit.source(0, 5, 3);
    unit.source(0, 6, 1);
    assert_eq!(unit.target(0, 6, 1), (0, 11), "they have met");
    assert_eq!(unit.aligner.open_groups(), 5);
    unit.aligner.spill().expect("memory holds it");
    unit.source(0, 7, 1);
    unit.target(0, 7, 2);
    assert_eq!(unit.aligner.open_groups(), 0);
}

#[test]
fn among_several_lanes_a_group_on_both_sides_waits_up_to_its_limit() {
    let tuning = KeyedTuning { waiting_max: 4, ..KeyedTuning::default() };
    let before = |unit: &mut Unit| {
        for value in 0..3 {
            assert_eq!(unit.source(0, 1, value), (value as usize + 1, 0));
        }
        assert_eq!(unit.target(0, 1, 50), (4, 0));
    };
    let mut in_its_lane = Unit::new(BY_KEY, [2, 1], tuning);
    before(&mut in_its_lane);
    assert_eq!(in_its_lane.source(0, 1, 3), (0, 5));
    let mut in_another = Unit::new(BY_KEY, [2, 1], tuning);
    before(&mut in_another);
    assert_eq!(in_another.source(1, 1, 3), (0, 5));
    // Records that have met do not count.
    let mut after_some = Unit::new(BY_KEY, [2, 1], tuning);
    for value in 0..7 {
        after_some.source(0, 1, value);
    }
    for value in 0..5 {
        assert_eq!(after_some.target(0, 1, value), (6 - value as usize, 0));
    }
    assert_eq!(after_some.target(0, 1, 50), (3, 0));
    assert_eq!(after_some.source(0, 1, 8), (4, 0));
    assert_eq!(after_some.source(0, 1, 9), (0, 5));
    // Of one side only, however many: whatever comes may still meet the first.
    let mut of_one_side = Unit::new(BY_KEY, [2, 1], tuning);
    for value in 0..10 {
        assert_eq!(of_one_side.source(value as usize % 2, 1, value), (value as usize + 1, 0));
    }
    assert_eq!(of_one_side.target(0, 1, 50), (0, 11));
}

#[test]
fn where_much_is_held_what_waits_on_both_sides_is_put_aside_and_then_not_before_twice_as_much() {
    let tuning = KeyedTuning { held_max: 10, ..KeyedTuning::default() };
    let mut unit = Unit::new(BY_KEY, [2, 1], tuning);
    for key in 1..=5 {
        unit.source(0, key, 1);
        assert_eq!(unit.target(0, key, 2), (2 * key as usize, 0));
    }
    assert_eq!(unit.source(0, 6, 1), (1, 10), "one too many");
    // What waits on one side only stays.
    for key in 7..=15 {
        assert_eq!(unit.source(0, key, 1), (key as usize - 5, 10));
    }
    assert_eq!(unit.source(0, 16, 1), (11, 10), "one too many again");
    // From here on it is twice the eleven.
    for key in 17..=22 {
        unit.source(0, key, 1);
    }
    assert_eq!(unit.target(0, 17, 2), (18, 10));
    for key in 23..=26 {
        assert_eq!(unit.source(0, key, 1), (key as usize - 4, 10));
    }
    assert_eq!(unit.source(0, 27, 1), (21, 12));
}

#[test]
fn a_group_whose_waiting_records_have_all_met_begins_anew() {
    let mut unit = Unit::new(BY_KEY, [2, 1], KeyedTuning::default());
    unit.source(0, 1, 1);
    unit.target(0, 1, 2);
    assert_eq!(unit.target(0, 1, 1), (3, 0));
    assert_eq!(unit.source(1, 1, 2), (0, 0), "it meets the first, and then the others meet");
    for value in 3..5 {
        assert_eq!(unit.source(0, 1, value), (1, 0));
        assert_eq!(unit.target(0, 1, value), (0, 0));
    }
    let (alignment, mut pairs) = unit.finish();
    assert_eq!(alignment.outcomes, []);
    pairs.sort_unstable();
    let pair = |lane, source, target| LanePair { source: (lane, source), target: (0, target) };
    assert_eq!(pairs, [pair(0, 0, 1), pair(0, 1, 2), pair(0, 2, 3), pair(1, 0, 0)]);
}

#[test]
fn lanes_that_wait_side_by_side_are_dropped_one_by_one_and_lose_nothing() {
    // In any order of arrival of the four targets.
    for order in 0..24_u64 {
        let mut values: Vec<u64> = (0..4).collect();
        let mut rest = order;
        let order: Vec<u64> = (1..=4)
            .rev()
            .map(|n| {
                let at = rest % n;
                rest /= n;
                values.remove(at as usize)
            })
            .collect();
        let mut unit = Unit::new(BY_KEY, [4, 4], KeyedTuning::default());
        for lane in 0..4 {
            unit.source(lane, 1, lane as u64);
        }
        for (n, value) in order.iter().enumerate() {
            assert_eq!(unit.target(n, 1, *value), (3 - n, 0), "{order:?}");
        }
        let (alignment, mut pairs) = unit.finish();
        assert_eq!(alignment.outcomes, []);
        pairs.sort_unstable();
        let expected: Vec<LanePair> = (0..4)
            .map(|lane| {
                let at = order.iter().position(|value| *value == lane as u64).expect("one of the four");
                LanePair { source: (lane, 0), target: (at, 0) }
            })
            .collect();
        assert_eq!(pairs, expected);
    }
}

#[test]
fn records_without_a_key_whose_order_counts_are_held_until_they_meet_also_after_a_spill() {
    let mut unit = Unit::new(Grouping::Key, [1, 1], KeyedTuning::default());
    for value in 0..3 {
        assert_eq!(unit.source(0, 0, value), (value as usize + 1, 0));
    }
    assert_eq!(unit.source(0, 5, 1), (4, 0));
    assert_eq!(unit.aligner.held_by_lane(Side::Source), [4]);
    unit.aligner.spill().expect("memory holds it");
    assert_eq!((unit.aligner.held(), unit.put_aside.load(Relaxed)), ([3, 0], 1));
    assert_eq!(unit.target(0, 5, 1), (3, 2), "what has a key is put aside from now on");
    assert_eq!(unit.target(0, 0, 0), (2, 2));
    let (alignment, pairs) = unit.finish();
    assert_eq!((alignment.outcomes.len(), pairs.len()), (2, 2));
}

/// No pair may be held, and nothing is solved at once.
fn solves_nothing() -> KeyedTuning {
    let pair = Tuning { pairs_max: 0, ..Tuning::default() };
    KeyedTuning { pair, solved_at_once_max: 0, ..KeyedTuning::default() }
}

#[test]
fn records_of_a_key_that_are_too_many_to_solve_are_each_listed_in_their_own_lane() {
    let mut unit = Unit::new(BY_KEY, [2, 3], solves_nothing());
    for (lane, key, value) in [(0, 9, 7), (1, 1, 1), (1, 1, 2), (1, 1, 3)] {
        unit.source(lane, key, value);
    }
    for (lane, key, value) in [(0, 9, 7), (2, 1, 2), (2, 1, 1), (2, 1, 4)] {
        unit.target(lane, key, value);
    }
    let [sources, targets] = [unit.lanes.0[0][1].clone(), unit.lanes.0[1][2].clone()];
    let (alignment, pairs) = unit.finish();
    let unsolved = |side: Side, record: Item| LaneOutcome {
        source_lane: (side == Side::Source).then_some(1),
        target_lane: (side == Side::Target).then_some(2),
        outcome: Outcome::Unsolved { side, record },
    };
    let mismatched = LaneOutcome {
        source_lane: Some(1),
        target_lane: Some(2),
        outcome: Outcome::Mismatched { source: sources[2], target: targets[2] },
    };
    let expected = [
        unsolved(Side::Source, sources[0]),
        unsolved(Side::Source, sources[1]),
        mismatched,
        unsolved(Side::Target, targets[0]),
        unsolved(Side::Target, targets[1]),
    ];
    assert_eq!(alignment.outcomes, expected, "what is on one side only is in no common sequence");
    assert_eq!(pairs, [LanePair { source: (0, 0), target: (0, 0) }]);
}

#[test]
fn records_without_a_key_that_are_too_many_to_solve_are_listed_and_no_others() {
    let mut unit = Unit::new(Grouping::Key, [1, 1], solves_nothing());
    for (key, value) in [(0, 1), (5, 1), (0, 2), (0, 3)] {
        unit.source(0, key, value);
    }
    for (key, value) in [(0, 1), (0, 3), (5, 1), (0, 4)] {
        unit.target(0, key, value);
    }
    let lists = unit.lanes.0.each_ref().map(|lanes| lanes[0].clone());
    let (alignment, pairs) = unit.finish();
    let unsolved = |side: Side, at: usize| LaneOutcome {
        source_lane: (side == Side::Source).then_some(0),
        target_lane: (side == Side::Target).then_some(0),
        outcome: Outcome::Unsolved { side, record: lists[side as usize][at] },
    };
    let [source, target] = Side::BOTH;
    let expected = [unsolved(source, 2), unsolved(source, 3), unsolved(target, 1), unsolved(target, 3)];
    assert_eq!(alignment.outcomes, expected);
    assert_eq!(pairs.len(), 2);
}

#[test]
fn originals_are_looked_for_no_further_than_the_last_one_that_is_wanted() {
    let mut unit = Unit::new(BY_KEY, [2, 1], KeyedTuning::default());
    for key in 1..=20 {
        unit.source(0, key, 1);
        unit.source(1, key + 50, 1);
        unit.target(0, key, 1);
        unit.target(0, key + 50, 1);
    }
    unit.target(0, 4, 1);
    unit.target(0, 7, 1);
    let (alignment, _) = unit.finish();
    let originals: Vec<_> = alignment.outcomes.iter().map(|entry| entry.outcome.source()).collect();
    assert_eq!(
        originals.iter().map(|item| item.map(|item| item.offset)).collect::<Vec<_>>(),
        [Some(3), Some(6)]
    );
    assert_eq!(alignment.records_read_again, 7);
}

/// Outcomes and pairs, where what lies before offset 1 of the first source lane and 2 of the second is judged, with all put
/// aside or not. `lanes`: two of the source and one of the target; letters are records of one key.
fn judged_in_part(grouping: Grouping, aside: bool, lanes: [&str; 3]) -> (KeyedAlignment, Vec<LanePair>) {
    judged_before(grouping, KeyedTuning::default(), aside, 1, lanes)
}

/// The same, where what lies before offset `barrier` of the first source lane is judged.
fn judged_before(
    grouping: Grouping,
    tuning: KeyedTuning,
    aside: bool,
    barrier: usize,
    [first, second, target]: [&str; 3],
) -> (KeyedAlignment, Vec<LanePair>) {
    let (judged, behind) = first.split_at(barrier);
    divided(grouping, tuning, aside, [&format!("{judged}|{behind}"), second, target])
}

/// The same, where what lies behind the `|` of a source lane is not judged.
fn divided(
    grouping: Grouping,
    tuning: KeyedTuning,
    aside: bool,
    lanes: [&str; 3],
) -> (KeyedAlignment, Vec<LanePair>) {
    let sources = [lanes[0], lanes[1]].map(|lane| lane.split_once('|').unwrap_or((lane, "")));
    let ends = sources.map(|(judged, _)| judged.len() as i64);
    let mut unit = Unit::new(grouping, [2, 1], tuning);
    unit.aligner = unit.aligner.with_barrier(ends.to_vec());
    if aside {
        unit.aligner.spill().expect("memory holds it");
    }
    let [source, target] = Side::BOTH;
    let [(first, first_behind), (second, second_behind)] = sources;
    // What lies behind the barrier is read when all else was.
    let parts = [
        (source, 0, first),
        (source, 1, second),
        (target, 0, lanes[2]),
        (source, 0, first_behind),
        (source, 1, second_behind),
    ];
    for (side, lane, letters) in parts {
        for letter in letters.bytes() {
            unit.push(side, lane, 1, letter.into());
        }
    }
    unit.aligner.list(ends.map(|end| OffsetRange { start: 0, end }).to_vec(), usize::MAX);
    let (alignment, mut pairs) = unit.finish();
    pairs.sort_unstable();
    (alignment, pairs)
}

#[test]
fn the_original_of_a_further_copy_is_one_that_is_judged_if_there_is_one() {
    for (grouping, aside) in [(BY_KEY, false), (BY_KEY, true), (Grouping::Multiset, true)] {
        let (alignment, pairs) = judged_in_part(grouping, aside, ["ax", "xb", "axxxb"]);
        assert_eq!((alignment.outcomes.len(), pairs.len()), (1, 4));
        let LaneOutcome { source_lane, outcome, .. } = &alignment.outcomes[0];
        assert!(
            matches!(outcome, Outcome::Duplicate { original, .. } if original.offset == 0),
            "{outcome:?}"
        );
        assert_eq!(*source_lane, Some(1), "{grouping:?}, {aside}");
        // Where there is none, it is the one that is not.
        let (alignment, _) = judged_in_part(grouping, aside, ["ax", "cb", "axxcb"]);
        let originals = alignment.outcomes.iter().map(|entry| entry.outcome.source().map(|item| item.offset));
        assert_eq!(originals.collect::<Vec<_>>(), [Some(1)]);
    }
}

#[test]
fn what_lies_behind_the_barrier_takes_no_copy_from_another_lane() {
    let pair = |source, target| LanePair { source, target: (0, target) };
    for (grouping, aside) in [(BY_KEY, false), (BY_KEY, true), (Grouping::Multiset, true)] {
        // The second record of the first lane is not copied yet.
        let (alignment, pairs) = judged_in_part(grouping, aside, ["ax", "xw", "axw"]);
        assert_eq!(pairs, [pair((0, 0), 0), pair((1, 0), 1), pair((1, 1), 2)], "{grouping:?}, {aside}");
        let missing = alignment.outcomes.iter().filter(|entry| entry.source_lane == Some(1)).count();
        assert_eq!(missing, 0);
    }
}

#[test]
fn what_lies_behind_the_barrier_takes_no_copy_from_a_lane_that_has_another_record_before_it() {
    let pair = |source, target| LanePair { source, target: (0, target) };
    for aside in [false, true] {
        let (alignment, pairs) = judged_in_part(BY_KEY, aside, ["ax", "yx", "ax"]);
        assert_eq!(pairs, [pair((0, 0), 0), pair((1, 1), 1)], "{aside}");
        let of_second = alignment.outcomes.iter().filter(|entry| entry.source_lane == Some(1));
        let offsets: Vec<_> = of_second.map(|entry| entry.outcome.source().map(|item| item.offset)).collect();
        assert_eq!(offsets, [Some(0)], "{aside}");
    }
}

#[test]
fn what_lies_behind_the_barrier_is_still_out_of_order_before_what_lies_before_it() {
    let (alignment, pairs) = judged_in_part(BY_KEY, true, ["ab", "c", "bac"]);
    let pair = |source, target| LanePair { source, target: (0, target) };
    assert_eq!(pairs, [pair((0, 0), 1), pair((1, 0), 2)]);
    let outcomes: Vec<&Outcome> = alignment.outcomes.iter().map(|entry| &entry.outcome).collect();
    assert!(
        matches!(outcomes[..], [Outcome::Reordered { source, .. }] if source.offset == 1),
        "{outcomes:?}"
    );
}

#[test]
fn whether_a_record_comes_last_does_not_depend_on_what_was_matched_before() {
    // Where nothing is put aside, the second lane has nothing left when the group is solved.
    let pair = |source, target| LanePair { source, target: (0, target) };
    let read_again = KeyedTuning { solved_max: 0, ..KeyedTuning::default() };
    for tuning in [KeyedTuning::default(), read_again] {
        for aside in [false, true] {
            let (alignment, pairs) = judged_before(BY_KEY, tuning, aside, 1, ["abd", "c", "cbda"]);
            assert_eq!(pairs, [pair((0, 0), 3), pair((1, 0), 0)], "{aside}, {}", tuning.solved_max);
            let reordered = |entry: &LaneOutcome| match &entry.outcome {
                Outcome::Reordered { source, target, .. } => (source.offset, target.offset),
                other => panic!("{other:?}"),
            };
            let found: Vec<(i64, i64)> = alignment.outcomes.iter().map(reordered).collect();
            assert_eq!(found, [(1, 1), (2, 2)], "{aside}, {}", tuning.solved_max);
        }
    }
}

#[test]
fn what_lies_behind_the_barrier_hides_no_choice_among_equal_records() {
    // Without the last record of the first lane, which is not copied yet, it is the same.
    for (first, passed) in [("xy", 0), ("xyx", 1)] {
        for aside in [false, true] {
            let (alignment, pairs) =
                judged_before(BY_KEY, KeyedTuning::default(), aside, 2, [first, "xz", "xzxy"]);
            assert_eq!(alignment.outcomes, [], "{first}, {aside}");
            assert_eq!((alignment.passed.records, pairs.len()), (passed, 4), "{first}, {aside}");
        }
    }
}

/// Tuning, and whether all is put aside: what is put aside fits into memory, or is read again.
fn ways() -> [(KeyedTuning, bool); 4] {
    let tuning = KeyedTuning::default();
    let read_again = KeyedTuning { solved_max: 0, ..tuning };
    [(tuning, false), (tuning, true), (read_again, false), (read_again, true)]
}

#[test]
fn what_lies_behind_the_barrier_gives_its_copy_to_a_judged_record_where_that_puts_the_key_in_order() {
    for lanes in [
        ["xy", "xzw|x", "xzwxy"],
        ["x", "xzw|x", "xzwx"],
        ["xzw|x", "xy", "xzwxy"],
        // More than one; and with some that are there already.
        ["xxy", "xxzwv|xx", "xxzwvxxy"],
        ["xy", "xzw|xqx", "xzwxyxq"],
        // Where something else of the key was found out of order.
        ["pqxy", "prxzw|x", "prpqxzwxy"],
        // Where nothing but that was found.
        ["xy", "xz|x", "xzxy"],
    ] {
        for (tuning, aside) in ways() {
            let (alignment, pairs) = divided(BY_KEY, tuning, aside, lanes);
            let case = format!("{lanes:?}, {aside}, {}", tuning.solved_max);
            let judged = [0, 1].map(|lane: usize| lanes[lane].find('|').unwrap_or(lanes[lane].len()) as i64);
            for entry in &alignment.outcomes {
                let (lane, Outcome::Missing { source }) = (entry.source_lane, &entry.outcome) else {
                    panic!("{case}: {entry:?}")
                };
                assert!(lane.is_some_and(|lane| source.offset >= judged[lane]), "{case}: {entry:?}");
            }
            assert_eq!(pairs.len(), lanes[2].len(), "{case}");
            let records = lanes[0].len() + lanes[1].len() - lanes[..2].concat().matches('|').count();
            let without = alignment.outcomes.len() + alignment.passed.records as usize;
            assert_eq!(without, records - pairs.len(), "{case}");
        }
    }
}

#[test]
fn what_lies_behind_the_barrier_keeps_its_copy_where_no_choice_puts_the_key_in_order() {
    let pair = |source, target| LanePair { source, target: (0, target) };
    // By case: the judged records that are missing, and the copy of the record behind the barrier.
    for (lanes, missing, kept) in [
        // Its own lane has lost an equal one; nothing is to be chosen, or nothing helps.
        (["c", "xzw|x", "czwx"], vec![(1, 0)], pair((1, 3), 3)),
        (["xy", "xzw|x", "xyzwx"], vec![(1, 0)], pair((1, 3), 4)),
        // Another lane is not there yet.
        (["azx", "b|x", "bxa"], vec![(0, 1), (0, 2)], pair((1, 1), 1)),
    ] {
        for (tuning, aside) in ways() {
            let (alignment, pairs) = divided(BY_KEY, tuning, aside, lanes);
            let case = format!("{lanes:?}, {aside}, {}", tuning.solved_max);
            let found = alignment.outcomes.iter().map(|entry| match (&entry.outcome, entry.source_lane) {
                (Outcome::Missing { source }, Some(lane)) => (lane, source.offset),
                other => panic!("{case}: {other:?}"),
            });
            assert_eq!(found.collect::<Vec<_>>(), missing, "{case}");
            assert!(pairs.contains(&kept) && pairs.len() == lanes[2].len(), "{case}: {pairs:?}");
        }
    }
}

#[test]
fn what_lies_behind_the_barrier_takes_no_altered_copy_from_another_lane() {
    let [source, target] = Side::BOTH;
    for (grouping, key) in [(BY_KEY, 0), (BY_KEY, 1), (Grouping::Multiset, 0), (Grouping::Multiset, 1)] {
        for aside in [false, true] {
            let item = |value: u64, offset: i64, timestamp: i64| Item {
                identity: u128::from(value),
                offset,
                timestamp,
                key: NonZeroU64::new(key),
                value,
            };
            let late = item(1, 0, 100);
            let [own, altered] = [item(2, 0, 100), item(3, 0, 100)];
            let copied = item(4, 1, 4);
            let mut log = InMemoryLanes([vec![vec![late], vec![own, copied]], vec![vec![altered, copied]]]);
            let store = Box::new(InMemoryStore::new(3));
            let tuning = KeyedTuning::default();
            let mut aligner =
                KeyedAligner::new(Rules::default(), grouping, tuning, [2, 1], store).with_barrier(vec![0, 2]);
            if aside {
                aligner.spill().expect("memory holds it");
            }
            let mut pairs = Pairs::default();
            for (side, lane) in [(source, 1), (target, 0), (source, 0)] {
                let items = &log.0[side as usize][lane];
                aligner.push(side, lane, items, &mut pairs).expect("memory holds it");
            }
            aligner.list([0, 2].map(|end| OffsetRange { start: 0, end }).to_vec(), usize::MAX);
            let alignment = aligner.finish(&[0, 0], &mut log, &mut pairs).expect("lists can be read");
            let expected = [
                LaneOutcome {
                    source_lane: Some(0),
                    target_lane: None,
                    outcome: Outcome::Missing { source: late },
                },
                LaneOutcome {
                    source_lane: Some(1),
                    target_lane: Some(0),
                    outcome: Outcome::Mismatched { source: own, target: altered },
                },
            ];
            assert_eq!(alignment.outcomes, expected, "{grouping:?}, {key}, {aside}");
            assert_eq!(pairs.0, [LanePair { source: (1, 1), target: (0, 1) }]);
        }
    }
}

/// Two source lanes and a target lane, of one key, whose order is broken as far as the first choice tells.
fn out_of_order(lanes: [&str; 3]) -> Unit {
    let mut unit = Unit::new(BY_KEY, [2, 1], KeyedTuning::default());
    let [source, target] = Side::BOTH;
    for (letters, (side, lane)) in lanes.into_iter().zip([(source, 0), (source, 1), (target, 0)]) {
        for letter in letters.bytes() {
            unit.push(side, lane, 1, letter.into());
        }
    }
    unit
}

#[test]
fn where_too_many_choices_could_put_a_key_in_order_none_of_it_is_called_out_of_order() {
    let lane = "x".repeat(300);
    let lanes = [format!("{lane}ab"), format!("{lane}cd"), format!("{lane}{lane}badc")];
    let (alignment, pairs) = out_of_order(lanes.each_ref().map(String::as_str)).finish();
    assert_eq!(pairs.len(), 602);
    let places = |entry: &LaneOutcome| match &entry.outcome {
        Outcome::Unsolved { side, record } => {
            assert_eq!(
                [entry.source_lane.is_some(), entry.target_lane.is_some()],
                match side {
                    Side::Source => [true, false],
                    Side::Target => [false, true],
                }
            );
            (*side, record.value)
        }
        other => panic!("{other:?}"),
    };
    let mut found: Vec<(Side, u64)> = alignment.outcomes.iter().map(places).collect();
    found.sort_by_key(|(side, value)| (*side as usize, *value));
    let [b, d] = [b'b', b'd'].map(u64::from);
    let [source, target] = Side::BOTH;
    assert_eq!(found, [(source, b), (source, d), (target, b), (target, d)]);
}

struct Unreadable;

impl LaneLog for Unreadable {
    fn read(
        &mut self,
        _: Side,
        _: usize,
        _: OffsetRange,
        _: Extent,
        _: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        Err(LogError("gone".into()))
    }
}

#[test]
fn where_nobody_can_look_for_another_choice_nothing_is_called_out_of_order() {
    let Unit { aligner, mut pairs, .. } = out_of_order(["ab", "c", "bac"]);
    let error = aligner.finish(&[0, 0], &mut Unreadable, &mut pairs).expect_err("it has to be read again");
    assert_eq!(error, KeyedError::Log(LogError("gone".into())));
}

#[test]
fn what_is_put_aside_waits_for_its_own_copies_and_not_for_whatever_else_the_target_brings() {
    let mut unit = Unit::new(BY_KEY, [1, 1], KeyedTuning::default());
    unit.aligner.spill().expect("memory holds it");
    for key in 1..=10 {
        unit.source(0, key, 1);
    }
    assert_eq!(unit.aligner.waiting_for_target(), 10);
    for key in 100..=140 {
        unit.target(0, key, 1);
    }
    for key in 1..=10 {
        assert_eq!(unit.aligner.waiting_for_target(), 11 - key);
        unit.target(0, key, 1);
    }
    assert_eq!(unit.aligner.waiting_for_target(), 0);
    // What came before its original does not let anything wait.
    unit.target(0, 11, 1);
    unit.source(0, 11, 1);
    assert_eq!(unit.aligner.waiting_for_target(), 0);
}

#[test]
fn source_records_wait_for_the_target_by_key_or_without_one_and_where_they_are_put_aside() {
    let mut unit = Unit::new(Grouping::Key, [1, 1], KeyedTuning::default());
    let waits = |unit: &Unit| (unit.aligner.waits_for_target(), unit.aligner.waiting_for_target());
    assert_eq!(waits(&unit), (false, 0));
    unit.target(0, 9, 1);
    assert_eq!(waits(&unit), (false, 0), "the target has more than the source");
    for value in 1..=3 {
        unit.source(0, 1, value);
        unit.source(0, 0, value);
    }
    assert_eq!(waits(&unit), (true, 6));
    for value in 1..=2 {
        unit.target(0, 0, value);
    }
    assert_eq!(waits(&unit), (true, 4));
    for value in 1..=3 {
        unit.target(0, 1, value);
    }
    assert_eq!(waits(&unit), (true, 1), "one without a key");
    unit.target(0, 0, 3);
    assert_eq!(waits(&unit), (false, 0));
    // Whether what is put aside has met its copy is known only at the end.
    unit.aligner.spill().expect("memory holds it");
    unit.source(0, 2, 1);
    assert_eq!(waits(&unit), (true, 1));
    unit.target(0, 2, 1);
    assert_eq!(waits(&unit), (true, 0));
}

#[test]
fn source_records_out_of_scope_of_which_the_target_has_nothing_are_only_counted() {
    let scope = |start, end| vec![OffsetRange { start, end }];
    let filled = || {
        let mut unit = Unit::new(BY_KEY, [1, 1], KeyedTuning::default());
        for key in 1..=20 {
            unit.source(0, key, 1);
        }
        // A copy, one that was altered, and one of nothing.
        unit.target(0, 3, 1);
        unit.target(0, 5, 2);
        unit.target(0, 40, 1);
        unit
    };
    let mut unit = filled();
    unit.aligner.list(scope(10, 15), 8);
    let (alignment, pairs) = unit.finish();
    assert_eq!(pairs.len(), 1);
    let offsets: Vec<Option<i64>> =
        alignment.outcomes.iter().map(|entry| entry.outcome.source().map(|item| item.offset)).collect();
    // Those in scope; what may be altered; what nothing is known of.
    assert_eq!(offsets, [Some(4), Some(10), Some(11), Some(12), Some(13), Some(14), None]);
    let out = (1..=20_u128).filter(|key| ![3, 5].contains(key) && !(11..=15).contains(key));
    let sum = out.clone().map(|key| key * 1_000 + 1).sum();
    assert_eq!(alignment.passed, Passed { records: out.count() as u64, sum });

    let Unit { mut aligner, mut lanes, mut pairs, .. } = filled();
    aligner.list(scope(10, 15), 7);
    let error = aligner
        .finish(&[0], &mut lanes, &mut pairs)
        .expect_err("five in scope, one that was altered on both sides, and one of nothing");
    assert_eq!(error, KeyedError::LeftOver { max: 7 });
}

/// Whether a unit fits, with so many records kept at most. `records`: side, key or 0, value.
fn fits(grouping: Grouping, tuning: KeyedTuning, records: &[(Side, u64, u64)], left_over_max: usize) -> bool {
    let mut unit = Unit::new(grouping, [1, 1], tuning);
    for &(side, key, value) in records {
        unit.push(side, 0, key, value);
    }
    let Unit { mut aligner, mut lanes, mut pairs, .. } = unit;
    // Nothing of the source is in scope.
    aligner.list(vec![OffsetRange { start: 100, end: 200 }], left_over_max);
    match aligner.finish(&[0], &mut lanes, &mut pairs) {
        Ok(_) => true,
        Err(KeyedError::LeftOver { max }) if max == left_over_max => false,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn whatever_is_kept_of_either_side_counts() {
    let [source, target] = Side::BOTH;
    let tuning = KeyedTuning::default;
    let keyed = [1, 2, 3].map(|n| (target, n, n));
    let unordered = [1, 2, 3].map(|n| (target, 0, n));
    let kept =
        [(BY_KEY, keyed), (BY_KEY, unordered), (Grouping::Key, unordered), (Grouping::Multiset, keyed)];
    for (grouping, records) in kept {
        let all = [2, 3].map(|max| fits(grouping, tuning(), &records, max));
        assert_eq!(all, [false, true], "of the target, {grouping:?}");
        let of_source = records.map(|(_, key, value)| (source, key, value));
        let passed = grouping == BY_KEY && records == keyed;
        let all = [2, 3].map(|max| fits(grouping, tuning(), &of_source, max));
        assert_eq!(all, [passed, true], "of the source out of scope, {grouping:?}");
    }
    let [own, others] = [[1, 2, 3].map(|n| (source, 0, n)), [1, 3, 4].map(|n| (target, 0, n))];
    let unsolved = [own, others].concat();
    let all = [3, 4].map(|max| fits(Grouping::Key, solves_nothing(), &unsolved, max));
    assert_eq!(all, [false, true], "what is not solved");
}

/// What the lanes come to, with all in one bucket and at most so many records solved in memory: outcomes and pairs.
/// `lanes`: by side and lane the keys and values of its records; of each pair of lanes, one after the other.
fn solved(lanes: &[Vec<Vec<(u64, u64)>>; 2], solved_max: usize) -> (Vec<LaneOutcome>, Vec<LanePair>) {
    let tuning = KeyedTuning { solved_max, waiting_max: 4, ..KeyedTuning::default() };
    let items = |lane: &Vec<(u64, u64)>| -> Vec<Item> {
        let item = |(offset, &(key, value)): (usize, &(u64, u64))| Item {
            identity: u128::from(key * 1_000_000 + value),
            // Of a lane that was thinned out.
            offset: 3 * offset as i64,
            timestamp: value as i64,
            key: NonZeroU64::new(key),
            value,
        };
        lane.iter().enumerate().map(item).collect()
    };
    let mut log = InMemoryLanes(lanes.each_ref().map(|lanes| lanes.iter().map(items).collect()));
    let counts = lanes.each_ref().map(Vec::len);
    let store = Box::new(InMemoryStore::new(1));
    let mut aligner = KeyedAligner::new(Rules::default(), BY_KEY, tuning, counts, store);
    let mut pairs = Pairs::default();
    for side in Side::BOTH {
        for (lane, items) in log.0[side as usize].iter().enumerate() {
            aligner.push(side, lane, items, &mut pairs).expect("memory holds it");
        }
    }
    let alignment = aligner.finish(&vec![0; counts[0]], &mut log, &mut pairs).expect("lists can be read");
    let mut pairs = pairs.0;
    pairs.sort_unstable();
    (alignment.outcomes, pairs)
}

#[test]
fn one_lost_record_of_a_key_that_does_not_fit_into_memory_is_found_and_nothing_else() {
    let source: Vec<(u64, u64)> = (0..5_000).map(|value| (1, value)).collect();
    let mut target = source.clone();
    target.remove(1);
    let (outcomes, pairs) = solved(&[vec![source], vec![target]], 100);
    let [LaneOutcome { source_lane: Some(0), target_lane: None, outcome: Outcome::Missing { source } }] =
        &outcomes[..]
    else {
        panic!("{outcomes:?}")
    };
    assert_eq!((source.offset, source.value), (3, 1));
    let expected = (0..5_000)
        .filter(|&n| n != 1)
        .map(|n| LanePair { source: (0, 3 * n), target: (0, 3 * (n - i64::from(n > 1))) });
    assert!(pairs.into_iter().eq(expected));
}

#[test]
fn a_key_that_does_not_fit_into_memory_comes_to_the_same_as_one_that_does() {
    let source: Vec<Vec<(u64, u64)>> = vec![
        (0..3_000).map(|value| (1 + value % 2, value)).collect(),
        (3_000..6_000).map(|value| (if u64::is_multiple_of(value, 5) { 3 } else { 1 }, value)).collect(),
    ];
    let mut target: Vec<Vec<(u64, u64)>> = vec![source[0].clone(), Vec::new(), source[1].clone()];
    // Lost, altered, copied again, moved within a lane and to another one, and not from the source.
    target[0].drain(10..13);
    target[0][40].1 = 700_000;
    target[0].push(source[0][20]);
    target[0].swap(100, 102);
    let moved: Vec<(u64, u64)> = target[2].drain(500..700).collect();
    target[1].extend(moved);
    target[2].insert(300, (1, 800_000));
    target[2].reverse();
    target[2][..2_000].reverse();
    let expected = solved(&[source.clone(), target.clone()], usize::MAX);
    assert!(
        expected.0.len() > 50 && expected.1.len() > 3_000,
        "{} and {}",
        expected.0.len(),
        expected.1.len()
    );
    for solved_max in [0, 1, 700, 3_000] {
        assert!(solved(&[source.clone(), target.clone()], solved_max) == expected, "{solved_max}");
    }
}

#[test]
fn a_key_with_more_differences_than_may_be_held_ends_the_unit_and_not_the_memory() {
    let pair = Tuning { pairs_max: 3_000, ..Tuning::default() };
    let tuning = KeyedTuning { pair, solved_max: 100, ..KeyedTuning::default() };
    let mut unit = Unit::new(BY_KEY, [1, 1], tuning);
    for value in 0..4_000 {
        unit.source(0, 1, value);
        unit.target(0, 1, 3_999 - value);
    }
    let Unit { aligner, mut lanes, mut pairs, .. } = unit;
    let error = aligner.finish(&[0], &mut lanes, &mut pairs).expect_err("nothing is in order");
    assert_eq!(error, KeyedError::LeftOver { max: 3_000 });
}
