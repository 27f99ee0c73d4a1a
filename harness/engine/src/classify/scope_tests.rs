//! What each outcome of a pair counts as, from the matched pairs around it, over random pairs.

use std::collections::HashSet;
use std::num::NonZeroU64;

use super::any_pair::{Random, any_pair, items, reading, with_all_kept, with_counted_tail};
use super::*;
use crate::align::{Item, Outcome, Tuning};
use crate::record::{FindingKind, OffsetRange, Side};

fn by_definition(pair: &Classified, outcome: &Outcome) -> Standing {
    let PairReading { source_end, target_end, read_to, complete, holes, timestamps_within, .. } =
        &pair.reading;
    let runs = &pair.alignment.runs;
    let pairs: Vec<(i64, i64)> = (0..runs.matched()).filter_map(|n| runs.pair(n)).collect();
    let matched = [0, 1].map(|side| pairs.iter().map(|p| [p.0, p.1][side]).collect::<Vec<i64>>());
    let near_hole = |side: usize, of: usize, offset: i64| {
        // A hole of one side, a record of the other: as many pairs before both.
        let before = |side: usize, offset: i64| matched[side].iter().filter(|&&at| at < offset).count();
        holes[side].iter().any(|hole: &OffsetRange| before(side, hole.start) == before(of, offset))
    };
    let beyond = |source: i64| source >= *source_end;
    let live = read_to[0] > *source_end;
    let read_beyond = complete[0] && holes[0].iter().all(|hole| hole.end <= *source_end);
    match outcome {
        Outcome::Unsolved { .. } => unreachable!("only counted"),
        Outcome::Missing { source } if beyond(source.offset) => Standing::Beyond,
        Outcome::Missing { source } if near_hole(1, 0, source.offset) => Standing::Unverifiable,
        Outcome::Missing { source } if matched[0].iter().any(|&later| later > source.offset) => {
            Standing::Finding(FindingKind::MissingRecord)
        }
        Outcome::Missing { .. } if complete[1] => Standing::Pending,
        Outcome::Missing { .. } => Standing::Unverifiable,
        Outcome::Reordered { source, .. } if beyond(source.offset) => Standing::Beyond,
        Outcome::Mismatched { source, target } if beyond(source.offset) => {
            let apart = source.timestamp.abs_diff(target.timestamp);
            let known = read_beyond && target.offset < *target_end;
            assert!(!known || timestamps_within.is_none_or(|within| apart <= within), "{pair:?}");
            Standing::Beyond
        }
        Outcome::Reordered { .. } => Standing::Finding(FindingKind::ReorderedRecord),
        Outcome::Mismatched { source, .. }
            if near_hole(0, 0, source.offset) || near_hole(1, 0, source.offset) =>
        {
            Standing::Unverifiable
        }
        Outcome::Mismatched { .. } => Standing::Finding(FindingKind::MismatchedRecord),
        Outcome::Duplicate { target, .. } | Outcome::Extraneous { target } => {
            let further = pair.alignment.outcomes.iter().filter_map(|outcome| match outcome {
                Outcome::Mismatched { source, target }
                | Outcome::Reordered { source, target, .. }
                | Outcome::Duplicate { original: source, target } => Some((source.offset, target.offset)),
                _ => None,
            });
            let in_scope_later =
                pairs.iter().copied().chain(further).any(|(s, t)| !beyond(s) && t >= target.offset);
            let nothing_later = matched[1].iter().all(|&at| at < target.offset);
            let stranger = matches!(outcome, Outcome::Extraneous { .. });
            let was_there = stranger && read_beyond && target.offset < *target_end;
            if live && !in_scope_later && !was_there {
                Standing::Beyond
            } else if nothing_later && !complete[0] || near_hole(0, 1, target.offset) {
                Standing::Unverifiable
            } else if matches!(outcome, Outcome::Duplicate { .. }) {
                Standing::Finding(FindingKind::DuplicateRecord)
            } else {
                Standing::Finding(FindingKind::ExtraneousRecord)
            }
        }
    }
}

#[test]
fn what_an_outcome_counts_as_follows_from_the_pairs_around_it() {
    let mut random = Random(51);
    for _ in 0..10_000 {
        let (lists, reading) = any_pair(&mut random);
        let pair = with_all_kept(&lists, reading, Tuning::default());
        let expected: Vec<Standing> =
            pair.alignment.outcomes.iter().map(|outcome| by_definition(&pair, outcome)).collect();
        assert_eq!(pair.standings, expected, "{lists:?} {pair:?}");
    }
}

#[test]
fn what_is_taken_apart_was_paired_behind_the_barrier_and_stands_in_order() {
    let mut random = Random(53);
    let mut strangers = 0;
    for _ in 0..10_000 {
        let (lists, reading) = any_pair(&mut random);
        let together = PairReading { timestamps_within: None, ..reading.clone() };
        let [together, apart] =
            [together, reading].map(|reading| with_all_kept(&lists, reading, Tuning::default()));
        let runs = &apart.alignment.runs;
        let place = |outcome: &Outcome| match (outcome, outcome.source(), outcome.target()) {
            (Outcome::Duplicate { .. } | Outcome::Extraneous { .. }, _, Some(target)) => {
                (runs.matched_below_target(target.offset), Side::Target, target.offset)
            }
            (_, Some(source), _) => (runs.matched_below_source(source.offset), Side::Source, source.offset),
            _ => unreachable!("only counted"),
        };
        let places: Vec<_> = apart.alignment.outcomes.iter().map(place).collect();
        assert!(places.is_sorted(), "{lists:?} {apart:?}");
        // What was Mismatched and no longer is; all else is as it was.
        let gone = |outcome: &&Outcome| !apart.alignment.outcomes.contains(outcome);
        for outcome in together.alignment.outcomes.iter().filter(gone) {
            let Outcome::Mismatched { source, target } = *outcome else { panic!("{outcome:?} {apart:?}") };
            assert!(source.offset >= apart.reading.source_end, "{lists:?} {apart:?}");
            for one in [Outcome::Missing { source }, Outcome::Extraneous { target }] {
                assert!(apart.alignment.outcomes.contains(&one), "{lists:?} {apart:?}");
            }
            strangers += 1;
        }
    }
    assert!(strangers > 0);
}

#[test]
fn the_scope_of_the_target_ends_behind_what_was_there_and_what_became_of_the_scope_of_the_source() {
    let mut random = Random(52);
    for _ in 0..10_000 {
        let (lists, mut reading) = any_pair(&mut random);
        reading.start = [0, 7];
        let pair = with_all_kept(&lists, reading, Tuning::default());
        let PairReading { source_end, target_end, read_to, complete, ref holes, .. } = pair.reading;
        let read_beyond = complete[0] && holes[0].iter().all(|hole| hole.end <= source_end);
        let was_there = read_beyond.then(|| target_end.min(read_to[1]));
        let runs = &pair.alignment.runs;
        let mut pairs = (0..runs.matched()).filter_map(|n| runs.pair(n));
        let last = pairs.rfind(|pair| pair.0 < source_end).map(|pair| pair.1);
        let further = pair.alignment.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Mismatched { source, target }
            | Outcome::Reordered { source, target, .. }
            | Outcome::Duplicate { original: source, target } => {
                (source.offset < source_end).then_some(target.offset)
            }
            _ => None,
        });
        let target = match read_to[0] > source_end {
            true => {
                let behind_last = last.into_iter().chain(further).max().map_or(7, |target| target + 1);
                was_there.map_or(behind_last, |was_there| was_there.max(behind_last))
            }
            false => read_to[1],
        };
        assert_eq!(pair.cut, [source_end.min(read_to[0]), target], "{lists:?} {pair:?}");
    }
}

/// One record each, in this order, with the source's end at 10 and the target's at 12 when reading began; the next source
/// records came since. Strangers have numbers from 1,000 on.
fn live(target: &[u64]) -> ([Vec<Item>; 2], PairReading) {
    let source: Vec<u64> = (0..14).collect();
    let keyless = |letters: &[u64]| {
        let item = |item: Item| Item { key: None, timestamp: item.value.cast_signed(), ..item };
        items(letters, 1).into_iter().map(item).collect::<Vec<Item>>()
    };
    let lists = [keyless(&source), keyless(target)];
    let reading = PairReading { target_end: 12, ..reading(&lists, 10, [true, true]) };
    (lists, reading)
}

/// The same with one key for all records.
fn live_of_one_key(target: &[u64]) -> ([Vec<Item>; 2], PairReading) {
    let (mut lists, reading) = live(target);
    lists.iter_mut().flatten().for_each(|item| item.key = NonZeroU64::new(7));
    (lists, reading)
}

/// Copies of the scope, then these.
fn after_the_scope(target: &[u64]) -> Vec<u64> {
    (0..10).chain(target.iter().copied()).collect()
}

/// The standings of the outcomes that have a target record, by its offset.
fn judged(lists: &[Vec<Item>; 2], reading: PairReading) -> (Vec<(i64, Standing)>, [i64; 2]) {
    let pair = with_all_kept(lists, reading, Tuning::default());
    let target = |outcome: &Outcome| outcome.target().map(|target| target.offset);
    let outcomes = pair.alignment.outcomes.iter().zip(&pair.standings);
    let mut on_target: Vec<(i64, Standing)> =
        outcomes.filter_map(|(outcome, standing)| Some((target(outcome)?, *standing))).collect();
    on_target.sort_by_key(|(offset, _)| *offset);
    (on_target, pair.cut)
}

#[test]
fn a_stranger_that_stood_behind_the_last_copy_when_reading_began_is_found_although_the_source_goes_on() {
    let found = Standing::Finding(FindingKind::ExtraneousRecord);
    let (lists, reading) = live(&after_the_scope(&[1_000, 1_001, 1_002]));
    let expected = vec![(10, found), (11, found), (12, Standing::Beyond)];
    assert_eq!(judged(&lists, reading), (expected, [10, 12]));
    // Nothing of the scope is there at all.
    let (lists, reading) = live(&(1_000..1_013).collect::<Vec<u64>>());
    let expected: Vec<_> = (0..13).map(|at| (at, if at < 12 { found } else { Standing::Beyond })).collect();
    assert_eq!(judged(&lists, reading), (expected, [10, 12]));
    // No more than was read.
    let (lists, reading) = live(&after_the_scope(&[1_000]));
    assert_eq!(judged(&lists, reading), (vec![(10, found)], [10, 11]));
}

#[test]
fn a_stranger_with_the_key_of_a_later_record_is_found_where_its_timestamp_is_another() {
    let found = Standing::Finding(FindingKind::ExtraneousRecord);
    let (lists, reading) = live_of_one_key(&after_the_scope(&[1_000, 1_001, 1_002]));
    let expected = vec![(10, found), (11, found), (12, Standing::Beyond)];
    assert_eq!(judged(&lists, reading.clone()), (expected, [10, 12]));
    let (only, only_reading) = live_of_one_key(&after_the_scope(&[1_000]));
    assert_eq!(judged(&only, only_reading), (vec![(10, found)], [10, 11]));
    // Each is 990 ms newer than the record in whose place it stands.
    let within = |within| judged(&lists, PairReading { timestamps_within: within, ..reading.clone() }).0;
    let beyond: Vec<_> = (10..13).map(|at| (at, Standing::Beyond)).collect();
    assert_eq!(within(Some(989)), [(10, found), (11, found), (12, Standing::Beyond)]);
    assert_eq!(within(Some(990)), beyond);
    assert_eq!(within(None), beyond);
    // In the place of records of the scope they are altered copies.
    let altered = Standing::Finding(FindingKind::MismatchedRecord);
    let (lists, reading) = live_of_one_key(&(1_000..1_013).collect::<Vec<u64>>());
    let standing = |at: i64| match at {
        ..10 => altered,
        10 | 11 => found,
        _ => Standing::Beyond,
    };
    let expected: Vec<_> = (0..13).map(|at| (at, standing(at))).collect();
    assert_eq!(judged(&lists, reading), (expected, [10, 12]));
}

#[test]
fn copies_of_later_records_that_stood_there_when_reading_began_do_not_count() {
    for live in [live, live_of_one_key] {
        // Those of 10 and 11, the one a second time; of an altered one; and of two that changed places.
        let (lists, reading) = live(&after_the_scope(&[10, 10]));
        assert_eq!(judged(&lists, reading), (vec![(11, Standing::Beyond)], [10, 12]));
        let (mut lists, reading) = live(&after_the_scope(&[1_000, 11]));
        lists[1][10].timestamp = 10;
        assert_eq!(judged(&lists, reading), (vec![(10, Standing::Beyond)], [10, 12]));
        let (lists, reading) = live(&after_the_scope(&[11, 10]));
        let moved = judged(&lists, reading).0;
        assert!(matches!(moved[..], [(_, Standing::Beyond)]), "{moved:?}");
    }
}

#[test]
fn what_may_be_a_copy_of_something_unread_behind_the_barrier_is_no_stranger() {
    for live in [live, live_of_one_key] {
        let (lists, reading) = live(&after_the_scope(&[1_000, 1_001]));
        let beyond = (vec![(10, Standing::Beyond), (11, Standing::Beyond)], [10, 10]);
        let unread = PairReading { complete: [false, true], ..reading.clone() };
        assert_eq!(judged(&lists, unread), beyond);
        // An open transaction at the end of what could be read.
        let mut open = reading;
        open.holes[0].push(OffsetRange { start: 14, end: 17 });
        assert_eq!(judged(&lists, open), beyond);
    }
}

#[test]
fn a_long_tail_is_taken_back_as_a_whole_in_the_order_of_its_offsets() {
    const RECORDS: usize = 200_000;
    const IN_SCOPE: usize = 150_000;
    let letters: Vec<u64> = (0..RECORDS as u64).collect();
    let lists = [items(&letters, 1), Vec::new()];
    let mut pair = with_counted_tail(&lists, reading(&lists, IN_SCOPE as i64, [true, true]));
    assert_eq!(pair.alignment.tail.records(), RECORDS as u64);
    pair.take_from_tail(&lists[0]);
    assert!(pair.alignment.tail.is_empty());
    let all: Vec<Outcome> = lists[0].iter().map(|&source| Outcome::Missing { source }).collect();
    assert!(pair.alignment.outcomes == all);
    assert_eq!(pair.standings.len(), RECORDS);
    let (in_scope, beyond) = pair.standings.split_at(IN_SCOPE);
    assert!(in_scope.iter().all(|standing| *standing == Standing::Pending));
    assert!(beyond.iter().all(|standing| *standing == Standing::Beyond));
}

/// What the source holds before offset 2 is judged; all of the target was there when reading began.
fn judged_of_two(source: &[u64], target: &[u64]) -> Vec<(i64, Standing)> {
    judged_of(2, source, target)
}

fn judged_of(barrier: i64, source: &[u64], target: &[u64]) -> Vec<(i64, Standing)> {
    let lists = [items(source, 1), items(target, 1)];
    let reading = PairReading { target_end: target.len() as i64, ..reading(&lists, barrier, [true, true]) };
    judged(&lists, reading).0
}

#[test]
fn a_further_copy_of_what_is_judged_is_found_although_an_equal_record_is_not_copied_yet() {
    let further = Standing::Finding(FindingKind::DuplicateRecord);
    assert_eq!(judged_of_two(&[7, 8, 7], &[7, 7, 8]), [(1, further)]);
    // The last of the scope is an altered copy, behind which the flow goes on.
    let altered = Standing::Finding(FindingKind::MismatchedRecord);
    assert_eq!(judged_of_two(&[7, 8, 6, 7], &[7, 7, 11, 6]), [(1, further), (2, altered)]);
    // The last copy of the scope is one that was moved.
    let moved = Standing::Finding(FindingKind::ReorderedRecord);
    assert_eq!(judged_of(3, &[1, 7, 3, 4, 7], &[7, 3, 7, 1, 4]), [(2, further), (3, moved)]);
    // The other one is copied out of order behind the scope.
    assert_eq!(judged_of_two(&[7, 8, 6, 7], &[7, 7, 8, 7, 6]), [(1, further), (3, Standing::Beyond)]);
}

#[test]
fn a_record_from_behind_the_barrier_that_is_copied_out_of_order_does_not_count() {
    // Before the copies of the scope, where nothing there equals it.
    assert_eq!(judged_of_two(&[7, 8, 9], &[9, 7, 8]), [(0, Standing::Beyond)]);
    // Behind them, though one there equals it.
    assert_eq!(judged_of_two(&[7, 8, 6, 7], &[7, 8, 7, 6]), [(2, Standing::Beyond)]);
}

#[test]
fn no_further_copy_of_what_is_judged_hides_behind_what_is_not() {
    let mut random = Random(54);
    let mut would_hide = 0;
    for _ in 0..10_000 {
        let (lists, reading) = any_pair(&mut random);
        let end = reading.source_end;
        let in_scope = lists[0].iter().filter(|item| item.offset < end);
        let in_scope: HashSet<u128> = in_scope.map(|item| item.identity).collect();
        let hidden = |pair: &Classified| {
            let runs = &pair.alignment.runs;
            let of_scope = (0..runs.matched()).filter_map(|n| runs.pair(n)).filter(|pair| pair.0 < end);
            let moved = pair.alignment.outcomes.iter().filter_map(|outcome| match outcome {
                Outcome::Reordered { source, target, .. } if source.offset < end => Some(target.offset),
                _ => None,
            });
            let last = of_scope.map(|pair| pair.1).chain(moved).max();
            let out_of_order = pair.alignment.outcomes.iter().filter_map(|outcome| match outcome {
                Outcome::Reordered { source, target, .. } if source.offset >= end => Some(target),
                _ => None,
            });
            let in_front = out_of_order.filter(|target| Some(target.offset) < last);
            in_front.filter(|target| in_scope.contains(&target.identity)).count()
        };
        let all_judged = PairReading { source_end: i64::MAX, ..reading.clone() };
        would_hide += hidden(&with_all_kept(&lists, all_judged, Tuning::default()));
        let pair = with_all_kept(&lists, reading, Tuning::default());
        assert_eq!(hidden(&pair), 0, "{lists:?} {pair:?}");
    }
    assert!(would_hide > 10, "only {would_hide}");
}
