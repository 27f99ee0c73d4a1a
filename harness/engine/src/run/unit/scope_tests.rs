//! Where the scope of a target lane starts and ends, and what that makes of records that belong to nobody.

use super::scope;
use crate::align::keyed::{LaneOutcome, LanePair, PairSink};
use crate::align::{Item, Outcome};
use crate::classify::{SourceReading, Standing, Taken, TargetReading, UnitReading, classify_unit};
use crate::ledger::Cells;
use crate::record::FindingKind;

fn item(offset: i64) -> Item {
    Item { identity: 1, offset, timestamp: 2_000, key: None, value: 0 }
}

fn mismatched(source: i64, target: i64) -> Outcome {
    Outcome::Mismatched { source: item(source), target: item(target) }
}

fn reordered(source: i64, target: i64) -> Outcome {
    Outcome::Reordered { source: item(source), target: item(target), key_order_broken: true }
}

/// One lane a side: the source from `log_start` to its end at 20, read to `read_to`; the target from 0 to 40.
fn reading(log_start: i64, read_to: i64) -> UnitReading {
    let source = SourceReading {
        log_start,
        start: log_start,
        end: 20,
        read_to,
        deleted_up_to: Some(1_000),
        highest_matched: None,
        matched_in_all: None,
    };
    UnitReading {
        name: "orders -> all.orders".into(),
        sources: vec![source],
        targets: vec![TargetReading {
            start: 0,
            cut: 40,
            end: 0,
            follows_shortened: None,
            first_copy: None,
            read_to: 40,
        }],
        complete: [true, true],
        ordered: true,
        compacted: false,
        timestamps_within: Some(0),
        meanings: false,
        taken: Taken::default(),
    }
}

/// `reading` with the scope set. `pairs`: offsets on the source and on the target.
fn scoped(mut reading: UnitReading, pairs: &[(i64, i64)], outcomes: &[Outcome]) -> UnitReading {
    let starts = reading.sources.iter().map(|lane| vec![lane.start, lane.end]).collect();
    let mut cells = Cells::new([starts, vec![Vec::new(); reading.targets.len()]]);
    pairs.iter().for_each(|&(s, t)| cells.matched(LanePair { source: (0, s), target: (0, t) }));
    cells.close();
    let entry = |outcome: &Outcome| LaneOutcome {
        source_lane: outcome.source().map(|_| 0),
        target_lane: outcome.target().map(|_| 0),
        outcome: outcome.clone(),
    };
    scope::set(&mut reading, &cells, &outcomes.iter().map(entry).collect::<Vec<_>>());
    reading
}

fn stranger(reading: &UnitReading, offset: i64) -> Standing {
    let entry = LaneOutcome {
        source_lane: None,
        target_lane: Some(0),
        outcome: Outcome::Extraneous { target: item(offset) },
    };
    classify_unit(reading, &entry, None)
}

#[test]
fn while_the_source_goes_on_the_scope_ends_behind_the_last_copy_however_altered_it_is() {
    let found = Standing::Finding(FindingKind::ExtraneousRecord);
    let altered: Vec<Outcome> = (0..20).map(|n| mismatched(n, if n < 10 { n } else { n + 1 })).collect();
    let live = scoped(reading(0, 21), &[], &altered);
    assert_eq!((live.targets[0].start, live.targets[0].cut), (0, 21));
    assert_eq!([10, 21].map(|offset| stranger(&live, offset)), [found, Standing::Beyond]);

    let some = scoped(reading(0, 30), &[(0, 0), (21, 9)], &[reordered(5, 7), mismatched(25, 12)]);
    assert_eq!(some.targets[0].cut, 8, "what is copied of later records does not count");
    let none = scoped(reading(0, 30), &[(21, 9)], &[mismatched(25, 12)]);
    assert_eq!(none.targets[0].cut, 0);
    let ended = scoped(reading(0, 20), &[(0, 0)], &[]);
    assert_eq!(ended.targets[0].cut, 40, "all that was read");
    // A record of the scope that is there once more is judged wherever that is; one from after it belongs to what goes on.
    let resent = |source| Outcome::Duplicate { original: item(source), target: item(30) };
    assert_eq!(scoped(reading(0, 30), &[(0, 0)], &[resent(0)]).targets[0].cut, 31);
    assert_eq!(scoped(reading(0, 30), &[(0, 0)], &[resent(20)]).targets[0].cut, 1);
}

#[test]
fn where_the_source_has_lost_records_the_scope_starts_with_the_first_copy_of_what_is_left() {
    let places = |reading: UnitReading, pairs: &[(i64, i64)], outcomes: &[Outcome]| {
        let lane = scoped(reading, pairs, outcomes).targets.remove(0);
        (lane.start, lane.first_copy, lane.follows_shortened)
    };
    assert_eq!(places(reading(3, 20), &[(5, 9)], &[]), (9, Some(9), Some(9)));
    assert_eq!(places(reading(3, 20), &[(5, 9)], &[mismatched(7, 6)]), (6, Some(6), Some(9)));
    assert_eq!(places(reading(3, 20), &[(5, 9)], &[reordered(7, 6)]), (6, Some(6), Some(9)));
    assert_eq!(places(reading(3, 20), &[], &[mismatched(7, 6)]), (6, Some(6), None));
    assert_eq!(places(reading(3, 20), &[], &[]), (0, None, None));
    assert_eq!(places(reading(0, 20), &[(5, 9)], &[]).0, 0, "nothing was lost");
}

#[test]
fn what_stood_on_the_target_when_reading_began_is_judged_although_the_source_goes_on() {
    let found = Standing::Finding(FindingKind::ExtraneousRecord);
    let at_first = |end: i64, pairs: &[(i64, i64)]| {
        let mut reading = reading(0, 21);
        reading.targets[0].end = end;
        scoped(reading, pairs, &[])
    };
    // A partition without a copy of what is in scope, and one with strangers behind its last copy.
    for pairs in [&[][..], &[(0, 0), (1, 1)]] {
        let reading = at_first(12, pairs);
        assert_eq!(reading.targets[0].cut, 12);
        assert_eq!([11, 12].map(|offset| stranger(&reading, offset)), [found, Standing::Beyond]);
    }
    assert_eq!(at_first(12, &[(0, 0), (19, 30)]).targets[0].cut, 31);
    assert_eq!(at_first(99, &[]).targets[0].cut, 40, "no more than was read");
}

#[test]
fn a_target_lane_follows_the_shortened_lanes_where_each_has_a_match() {
    let mut reading = reading(3, 20);
    reading.sources =
        [3, 5, 0].map(|log_start| SourceReading { log_start, ..reading.sources[0].clone() }).to_vec();
    reading.targets = vec![reading.targets[0].clone(); 2];
    let mut cells = Cells::new([vec![vec![3, 20]; 3], vec![Vec::new(); 2]]);
    for (source, target) in
        [((0, 5), (0, 4)), ((0, 6), (0, 7)), ((1, 8), (0, 9)), ((2, 1), (0, 20)), ((0, 9), (1, 1))]
    {
        cells.matched(LanePair { source, target });
    }
    cells.close();
    scope::set(&mut reading, &cells, &[]);
    let follows: Vec<Option<i64>> = reading.targets.iter().map(|lane| lane.follows_shortened).collect();
    assert_eq!(follows, [Some(9), None]);
}

#[test]
fn a_source_lane_has_come_as_far_as_in_the_target_lane_that_is_farthest_behind() {
    let unread = || {
        let mut reading = reading(0, 20);
        reading.complete = [false, true];
        reading.targets.push(reading.targets[0].clone());
        reading
    };
    let far = |pairs: &[(i64, (usize, i64))]| {
        let mut reading = unread();
        let mut cells = Cells::new([vec![vec![0, 20]], vec![Vec::new(); 2]]);
        pairs.iter().for_each(|&(s, target)| cells.matched(LanePair { source: (0, s), target }));
        cells.close();
        scope::set(&mut reading, &cells, &[]);
        reading.sources[0].matched_in_all
    };
    assert_eq!(far(&[(0, (0, 0)), (3, (1, 0)), (9, (0, 1)), (25, (1, 1))]), Some(3));
    assert_eq!(far(&[(0, (0, 0)), (9, (0, 1))]), None);
}

#[test]
fn between_copies_from_outside_the_scope_no_record_is_surely_of_it() {
    let mut reading = reading(0, 30);
    reading.sources = [10, 20].map(|start| SourceReading { start, ..reading.sources[0].clone() }).to_vec();
    reading.targets = vec![reading.targets[0].clone(); 3];
    let mut cells = Cells::new([vec![vec![10, 20], vec![20, 20]], vec![Vec::new(); 3]]);
    for (source, target) in [
        // The second lane has nothing in scope: its copies lie among those of the first one.
        ((0, 9), (0, 3)),
        ((0, 10), (0, 5)),
        ((1, 19), (0, 8)),
        ((0, 11), (0, 9)),
        ((0, 12), (0, 14)),
        ((1, 20), (0, 12)),
        // All of what was before comes first.
        ((1, 18), (1, 6)),
        ((0, 13), (1, 7)),
        // Nothing but the scope.
        ((0, 14), (2, 0)),
    ] {
        cells.matched(LanePair { source, target });
    }
    cells.close();
    let surely = [0, 1, 2].map(|lane| scope::surely_in_scope(&reading, &cells, lane));
    assert_eq!(surely, [9..12, 7..i64::MAX, i64::MIN..i64::MAX]);
}
