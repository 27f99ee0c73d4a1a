//! What alignment holds and reads again: little where little differs, and never more than it says.

use super::tests::Random;
use super::*;
use crate::record::{OffsetRange, Side};

/// Records of which each is the only one like it; without a key.
fn items(numbers: impl IntoIterator<Item = u64>) -> Vec<Item> {
    let item = |(at, number): (usize, u64)| Item {
        identity: (u128::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835),
        offset: at as i64,
        timestamp: number as i64,
        key: None,
        value: number,
    };
    numbers.into_iter().enumerate().map(item).collect()
}

const TOLERANT: Rules = Rules { timestamp_tolerance_ms: Some(5) };

fn aligner(tuning: Tuning) -> PairAligner {
    PairAligner::new(Rules::default(), tuning, [0, 0])
}

/// Both sides in turn, some records at a time.
fn push_all(aligner: &mut PairAligner, lists: &[Vec<Item>; 2], step: usize) {
    let longer = lists[0].len().max(lists[1].len());
    for start in (0..longer).step_by(step) {
        for side in Side::BOTH {
            let list = &lists[side as usize];
            aligner.push(side, &list[start.min(list.len())..(start + step).min(list.len())]);
        }
    }
}

fn range(start: i64, end: i64) -> OffsetRange {
    OffsetRange { start, end }
}

/// Notes the last offset that is read of each side.
struct Noting(InMemory, [Option<i64>; 2]);

impl Log for Noting {
    fn read(
        &mut self,
        side: Side,
        range: OffsetRange,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        let last = &mut self.1[side as usize];
        self.0.read(side, range, &mut |item| {
            *last = (*last).max(Some(item.offset));
            visit(item)
        })
    }
}

#[test]
fn equal_records_are_matched_when_both_are_there_and_nothing_is_held() {
    let mut aligner = aligner(Tuning::default());
    for item in items(0..100) {
        aligner.push(Side::Source, &[item]);
        assert_eq!((aligner.held(), aligner.matched()), ([1, 0], item.offset as u64));
        aligner.push(Side::Target, &[item]);
        assert_eq!((aligner.held(), aligner.matched()), ([0, 0], item.offset as u64 + 1));
    }
}

#[test]
fn one_block_that_is_lost_or_added_is_one_region_without_another_record_and_costs_no_reading() {
    let mut random = Random(91);
    for _ in 0..300 {
        let (at, many) = (random.below(400), 1 + random.below(150));
        let whole = items(0..1_000);
        let rest = items((0..1_000).filter(|number| !(at..at + many).contains(number)));
        let lacking = Side::BOTH[random.below(2) as usize];
        let holding = lacking.other() as usize;
        let mut lists = [whole.clone(), whole.clone()];
        lists[lacking as usize] = rest;
        let mut aligner = aligner(Tuning::default());
        push_all(&mut aligner, &lists, 1 + random.below(50) as usize);

        let (start, end) = (at as i64, (at + many) as i64);
        let mut region = Region {
            range: [range(start, start), range(start, start)],
            left_over: Default::default(),
            sighted: [None, None],
            watched_to: [i64::MAX; 2],
            solved: true,
        };
        region.range[holding].end = end;
        region.left_over[holding] = whole[at as usize..(at + many) as usize].to_vec();
        let mut left_over = [0, 0];
        left_over[holding] = many as usize;
        assert_eq!((aligner.left_over(), aligner.held()), (left_over, [0, 0]));
        assert!(aligner.has_snapshot());
        assert_eq!(aligner.snapshot().0.regions.as_ref(), [region]);
        let log = &mut InMemory(lists);
        let alignment = aligner.finish(0, log).expect("lists can be read");
        // An added record may copy any source record.
        let read = if lacking == Side::Source { log.0[0].len() as u64 } else { 0 };
        assert_eq!(alignment.records_read_again, read);
    }
}

#[test]
fn the_records_of_a_region_are_watched_for_up_to_half_of_what_may_be() {
    let lists = [items(0..200_000), items((0..200_000).filter(|number| !(50..150).contains(number)))];
    for (watched_max, watched_to) in [(200, [i64::MAX; 2]), (199, [150, 50])] {
        let mut aligner = aligner(Tuning { watched_max, ..Tuning::default() });
        push_all(&mut aligner, &lists, 1_000);
        assert_eq!(aligner.snapshot().0.regions[0].watched_to, watched_to);
        let mut log = Noting(InMemory(lists.clone()), [None; 2]);
        let alignment = aligner.finish(0, &mut log).expect("lists can be read");
        // The hundred that are lost, and the target up to where matching what lies between is longer.
        let (read, last) = if watched_max == 200 { (0, None) } else { (356, Some(305)) };
        assert_eq!((alignment.records_read_again, log.1[1]), (read, last));
    }
}

#[test]
fn the_oldest_regions_are_let_go_where_too_much_is_watched() {
    let gone = |number: &u64| number.is_multiple_of(100) && *number > 0;
    let lists = [items(0..1_000), items((0..1_000).filter(|number| !gone(number)))];
    for rules in [Rules::default(), TOLERANT] {
        let mut aligner = PairAligner::new(rules, Tuning { watched_max: 6, ..Tuning::default() }, [0, 0]);
        push_all(&mut aligner, &lists, 10);
        let watched_to: Vec<_> =
            aligner.snapshot().0.regions.iter().map(|region| region.watched_to).collect();
        // Nine regions with one record each: after every fourth, those before the last four are let go.
        let end = [801, 793];
        let mut expected = vec![[i64::MAX; 2]; 9];
        expected[..4].fill(end);
        assert_eq!(watched_to, expected);
    }
}

#[test]
fn a_record_that_turns_up_again_is_noted_once_and_far_away_costs_no_reading() {
    let moved = |from: usize, to: usize| {
        let mut numbers: Vec<u64> = (0..5_000).collect();
        let record = numbers.remove(from);
        numbers.insert(to, record);
        numbers
    };
    let (whole, moved) = (items(0..5_000), items(moved(100, 4_000)));
    for (rules, lists, sighted) in [
        (Rules::default(), [whole.clone(), moved.clone()], [None, Some(4_000)]),
        (Rules::default(), [moved.clone(), whole.clone()], [Some(4_000), None]),
        (TOLERANT, [whole.clone(), moved.clone()], [None, Some(4_000)]),
        (TOLERANT, [moved, whole], [Some(4_000), None]),
    ] {
        let mut aligner = PairAligner::new(rules, Tuning::default(), [0, 0]);
        push_all(&mut aligner, &lists, 100);
        let regions = aligner.snapshot().0.regions.into_owned();
        assert_eq!(regions.iter().map(|region| region.sighted).collect::<Vec<_>>(), [sighted, [None; 2]]);
        let alignment = aligner.finish(0, &mut InMemory(lists)).expect("lists can be read");
        assert_eq!(alignment.records_read_again, 0);
    }
}

fn tolerant(lists: &[Vec<Item>; 2], tuning: Tuning) -> Alignment {
    let mut aligner = PairAligner::new(TOLERANT, tuning, [0, 0]);
    push_all(&mut aligner, lists, 100);
    aligner.finish(0, &mut InMemory(lists.clone())).expect("lists can be read")
}

#[test]
fn of_equal_records_too_far_apart_in_time_to_be_copies_of_one_another_only_a_few_are_read_again() {
    const RECORDS: i64 = 20_000;
    let beat = |offset: i64, timestamp: i64| Item { identity: 7, offset, timestamp, key: None, value: 0 };
    let source: Vec<Item> = (0..RECORDS).map(|n| beat(n, 1_000 * n)).collect();
    // So many that the place where the sides run alike again is near, and so many that a window is cut short.
    for (lost, window) in [(1_i64, 1 << 16), (100, 256)] {
        let kept = (0..RECORDS).filter(|n| !(10..10 + lost).contains(n));
        let target: Vec<Item> = (0..).zip(kept).map(|(offset, n)| beat(offset, 1_000 * n + 1)).collect();
        let tuning = Tuning { pairs_max: 10_000, window, ..Tuning::default() };
        let alignment = tolerant(&[source.clone(), target], tuning);
        assert_eq!(alignment.runs.matched() as i64, RECORDS - lost);
        let missing: Vec<Outcome> =
            (10..10 + lost as usize).map(|n| Outcome::Missing { source: source[n] }).collect();
        assert_eq!(alignment.outcomes, missing);
        assert_eq!(alignment.unsolved.each_ref().map(Counted::records), [0, 0]);
        let read = alignment.records_read_again;
        assert!(read < 2_000, "{lost} lost, {read} read again");
    }
}

#[test]
fn of_many_altered_records_among_equal_ones_far_apart_in_time_none_is_looked_for_in_what_follows() {
    const RECORDS: i64 = 20_000;
    let beat = |n: i64, timestamp: i64| Item {
        identity: 7,
        offset: n,
        timestamp,
        key: NonZeroU64::new(7),
        value: 0,
    };
    let source: Vec<Item> = (0..RECORDS).map(|n| beat(n, 1_000 * n)).collect();
    let mut target: Vec<Item> = (0..RECORDS).map(|n| beat(n, 1_000 * n + 1)).collect();
    for item in target.iter_mut().skip(50).step_by(100) {
        (item.identity, item.value) = (1_000 + item.offset as u128, 1);
    }
    let alignment = tolerant(&[source.clone(), target.clone()], Tuning::default());
    assert_eq!(alignment.runs.matched() as i64, RECORDS - 200);
    let altered = source.iter().zip(&target).skip(50).step_by(100);
    let mismatched: Vec<Outcome> =
        altered.map(|(&source, &target)| Outcome::Mismatched { source, target }).collect();
    assert_eq!(alignment.outcomes, mismatched);
    assert_eq!(alignment.unsolved.each_ref().map(Counted::records), [0, 0]);
    // The source once: an altered record may copy any of it.
    assert_eq!(alignment.records_read_again, RECORDS as u64);
}

#[test]
fn of_many_copies_with_a_time_of_their_own_each_is_compared_with_what_is_near_only() {
    const RECORDS: i64 = 1_000_000;
    let beat =
        |n: i64| Item { identity: 7, offset: n, timestamp: 1_000 * n, key: NonZeroU64::new(7), value: 0 };
    let source: Vec<Item> = (0..RECORDS).map(beat).collect();
    let mut target = source.clone();
    for item in target.iter_mut().skip(50).step_by(50) {
        item.timestamp = 1_000_000_000_000 + item.offset;
    }
    let restamped = (RECORDS / 50 - 1) as usize;
    let alignment = tolerant(&[source, target], Tuning::default());
    assert_eq!(alignment.runs.matched(), RECORDS as u64 - restamped as u64);
    let altered = |outcome: &&Outcome| matches!(outcome, Outcome::Mismatched { .. });
    assert_eq!(alignment.outcomes.iter().filter(altered).count(), restamped);
}

#[test]
fn within_a_tolerance_nothing_is_read_again_for_a_record_that_is_like_no_other() {
    let lists = [items(0..1_000), items((0..1_000).filter(|&number| number != 10))];
    let alignment = tolerant(&lists, Tuning::default());
    assert_eq!((alignment.outcomes.len(), alignment.records_read_again), (1, 0));
}

#[test]
fn of_a_source_far_ahead_of_an_ended_target_only_a_window_is_held() {
    let tuning = Tuning { window: 100, ..Tuning::default() };
    let mut aligner = aligner(tuning);
    aligner.push(Side::Target, &items([7]));
    aligner.end_target();
    let source = items(10..1_010);
    for (n, item) in source.iter().enumerate() {
        assert_eq!(aligner.held(), [if n <= 100 { n } else { 0 }, 1]);
        assert_eq!(aligner.has_snapshot(), n <= 100, "records that are only counted are in no snapshot");
        aligner.push(Side::Source, &[*item]);
    }
    let alignment = aligner.finish(0, &mut InMemory([source, items([7])])).expect("lists can be read");
    assert_eq!((alignment.tail.records(), alignment.outcomes.len()), (1_000, 1));
}

#[test]
fn of_a_source_far_ahead_what_the_target_still_holds_is_kept_however_much_is_moved_at_once() {
    for held in [4_095, 4_096, 4_097, 10_000] {
        let tuning = Tuning { window: 100, near: 20_000, ..Tuning::default() };
        let mut aligner = aligner(tuning);
        let source = items((10..10 + held).chain([7]));
        let target = items([5, 7]);
        aligner.push(Side::Target, &target);
        aligner.push(Side::Source, &source);
        assert_eq!(aligner.held(), [held as usize + 1, 2]);
        aligner.end_target();
        assert_eq!(aligner.held(), [1, 2]);
        let alignment = aligner.finish(0, &mut InMemory([source, target])).expect("lists can be read");
        assert_eq!((alignment.tail.records(), alignment.runs.matched()), (0, 1));
        assert_eq!(alignment.outcomes.len() as u64, held + 1);
    }
}

#[test]
fn of_a_long_tail_of_one_key_no_more_is_listed_than_the_target_has_left_over() {
    let one = Item { identity: 0, offset: 0, timestamp: 3, key: None, value: 5 };
    let keyed = |item: Item| Item { key: NonZeroU64::new(7), ..item };
    let of_one_time = |item: Item| Item { timestamp: one.timestamp, ..item };
    let of_one_value = |item: Item| Item { value: one.value, ..item };
    let of_both = |item: Item| Item { timestamp: one.timestamp, value: one.value, ..item };
    let cases: [(&dyn Fn(Item) -> Item, usize); 4] =
        [(&keyed, 3), (&of_one_time, 3), (&of_one_value, 3), (&of_both, 6)];
    for (case, (alike, listed)) in cases.into_iter().enumerate() {
        let [source, target] =
            [items(1_000..6_000), items(0..3)].map(|items| items.into_iter().map(alike).collect::<Vec<_>>());
        let mut aligner = aligner(Tuning { window: 100, ..Tuning::default() });
        aligner.push(Side::Target, &target);
        aligner.end_target();
        aligner.push(Side::Source, &source);
        let alignment = aligner.finish(0, &mut InMemory([source, target])).expect("lists can be read");
        let mismatched =
            alignment.outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Mismatched { .. })).count();
        assert_eq!((mismatched, alignment.outcomes.len()), (3, listed), "{case}");
        assert_eq!(alignment.tail.records(), 5_000 - listed as u64);
    }
}

/// `agree`: which records are equal. No run of equal records is long enough to end a search.
fn dense(agree: impl Fn(u64) -> bool, records: u64) -> (Vec<usize>, Vec<u64>) {
    let mut aligner = aligner(Tuning { window: 64, near: 0, agreeing: 1_000, ..Tuning::default() });
    let [source, target] =
        [items(0..records), items((0..records).map(|n| if agree(n) { n } else { 10_000 + n }))];
    let mut held = Vec::new();
    let mut matched = Vec::new();
    for (s, t) in source.iter().zip(&target) {
        aligner.push(Side::Source, &[*s]);
        aligner.push(Side::Target, &[*t]);
        held.push(aligner.held()[0]);
        matched.push(aligner.matched());
    }
    (held, matched)
}

#[test]
fn where_half_of_a_window_agrees_it_is_cut_short_behind_the_last_that_does() {
    // Every second record agrees, the first one does not.
    let (held, matched) = dense(|n| n % 2 == 1, 200);
    let expected: Vec<usize> = (1..=200).map(|n: usize| n % 64).collect();
    assert_eq!(held, expected);
    assert_eq!(matched[199], 96);
    // The last two of a window do not agree: they are held on.
    let (held, matched) = dense(|n| n > 20 && n < 62, 64);
    assert_eq!((held[62], held[63], matched[63]), (63, 2, 41));
}

#[test]
fn where_less_than_half_of_a_window_agrees_twice_as_much_is_tried() {
    // 31 of 64; with the next 64, 95 of 128.
    let (held, matched) = dense(|n| n > 32, 130);
    assert_eq!((held[63], held[126], matched[126]), (64, 127, 0));
    assert_eq!((held[127], held[129], matched[129]), (0, 0, 97));
    let (held, _) = dense(|n| n > 31, 64);
    assert_eq!(held[63], 0, "32 of 64");
}

#[test]
fn a_store_that_is_full_is_told_by_the_aligner_that_uses_it() {
    struct None;
    impl Overflow for None {
        fn append(&mut self, _: &[Item]) -> Result<(), StoreError> {
            Err(StoreError("full".to_owned()))
        }
        fn items(&self) -> &[Item] {
            &[]
        }
        fn clear(&mut self) {}
    }
    for side in Side::BOTH {
        let mut aligner = aligner(Tuning::default());
        aligner.overflow_to([Box::new(None), Box::new(None)], 3);
        aligner.push(side, &items(0..3));
        assert_eq!(aligner.full(), Option::None);
        aligner.push(side, &items(3..4));
        assert_eq!(aligner.full(), Some(&StoreError("full".to_owned())));
        assert_eq!(aligner.held()[side as usize], 4);
    }
}

#[test]
fn a_region_with_more_left_over_than_may_be_is_counted_and_in_no_snapshot() {
    let lists = [items(0..100), items(10..100)];
    for (pairs_max, solved) in [(10, true), (9, false)] {
        let tuning = Tuning { pairs_max, near: 0, agreeing: 1, ..Tuning::default() };
        let mut aligner = aligner(tuning);
        push_all(&mut aligner, &lists, 100);
        assert_eq!(aligner.has_snapshot(), solved);
        let alignment = aligner.finish(0, &mut InMemory(lists.clone())).expect("lists can be read");
        let unsolved = alignment.unsolved.each_ref().map(Counted::records);
        assert_eq!(unsolved, if solved { [0, 0] } else { [10, 0] }, "{pairs_max}");
    }
}

#[test]
fn originals_are_looked_for_no_further_than_the_last_one_that_is_wanted() {
    // 40 and 60 come twice; their second copies stand at the end.
    let lists = [items(0..1_000), items((0..1_000).chain([40, 60]))];
    let mut aligner = aligner(Tuning::default());
    push_all(&mut aligner, &lists, 100);
    let alignment = aligner.finish(0, &mut InMemory(lists)).expect("lists can be read");
    assert_eq!((alignment.outcomes.len(), alignment.records_read_again), (2, 61));
}
