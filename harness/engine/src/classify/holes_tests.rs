//! Beside which holes a group's counts can be told: at each edge of a hole, and one offset off it.

use super::*;
use crate::align::{Alignment, Counted, Item, Outcome, Runs};
use crate::record::{FindingKind, OffsetRange, Side};

/// Source offset `n` is target offset `n + 100`, for 0 to 9 and 20 to 29; `hole` lies between.
fn alignment(outcomes: Vec<Outcome>) -> Alignment {
    Alignment {
        runs: Runs::from_spans([(0, 100, 10), (20, 120, 10)]),
        outcomes,
        tail: Counted::default(),
        unsolved: Default::default(),
        records_read_again: 0,
    }
}

fn reading(side: Side, hole: OffsetRange) -> PairReading {
    let mut reading = PairReading {
        name: "orders-0 -> src.orders-0".into(),
        start: [0, 100],
        source_end: 30,
        target_end: 130,
        read_to: [30, 130],
        complete: [true, true],
        holes: Default::default(),
        timestamps_within: Some(0),
    };
    reading.holes[side as usize].push(hole);
    reading
}

const IN_SOURCE: OffsetRange = OffsetRange { start: 12, end: 15 };
const IN_TARGET: OffsetRange = OffsetRange { start: 112, end: 115 };

#[test]
fn a_group_is_counted_where_it_stands_on_one_side_of_a_source_hole_on_both_clusters() {
    let alignment = alignment(Vec::new());
    let reading = reading(Side::Source, IN_SOURCE);
    let hidden = HiddenGaps::of(&reading, &alignment);
    let counts = |commit, resume| hidden.leave_counts(commit, resume);
    // Before: up to the hole, and not past the gap's begin on the target. Behind: from its end, and past the gap.
    assert_eq!([0, 12, 13].map(|commit| counts(commit, 110)), [true, true, false]);
    assert_eq!([109, 110, 111].map(|resume| counts(12, resume)), [true, true, false]);
    assert_eq!([14, 15, 29].map(|commit| counts(commit, 120)), [false, true, true]);
    assert_eq!([119, 120, 121].map(|resume| counts(15, resume)), [false, true, true]);
    assert_eq!([14, 15].map(|commit| hidden.leave_image(commit)), [false, true]);
    assert_eq!([14, 15].map(|commit| hidden.leave_missing(commit)), [false, true]);
    assert_eq!([9, 10].map(|commit| hidden.leave_image(commit)), [true, false]);
    assert_eq!([9, 10].map(|commit| hidden.leave_missing(commit)), [false, false]);
}

#[test]
fn beside_a_target_hole_only_a_group_that_resumes_behind_it_is_counted() {
    let alignment = alignment(Vec::new());
    let reading = reading(Side::Target, IN_TARGET);
    let hidden = HiddenGaps::of(&reading, &alignment);
    assert_eq!([114, 115, 120].map(|resume| hidden.leave_counts(20, resume)), [false, true, true]);
    assert_eq!([0, 19, 20].map(|commit| hidden.leave_counts(commit, 115)), [false, false, true]);
    assert_eq!([9, 10, 15, 20, 21].map(|c| hidden.leave_image(c)), [true, false, false, false, true]);
    assert_eq!([9, 10, 15, 20, 21].map(|c| hidden.leave_missing(c)), [false, false, false, false, true]);
}

#[test]
fn a_hole_at_the_begin_or_the_end_hides_everything_on_its_far_side() {
    let alignment = alignment(Vec::new());
    let at_begin = reading(Side::Source, OffsetRange { start: -5, end: -3 });
    let hidden = HiddenGaps::of(&at_begin, &alignment);
    assert!(!hidden.leave_counts(-5, 0), "before it there is no place on the target");
    assert_eq!([-4, -3].map(|commit| hidden.leave_counts(commit, 100)), [false, true]);
    let at_end = reading(Side::Source, OffsetRange { start: 31, end: 33 });
    let hidden = HiddenGaps::of(&at_end, &alignment);
    assert_eq!([31, 32].map(|commit| hidden.leave_counts(commit, 130)), [true, false]);
    assert!(!hidden.leave_counts(33, 10_000), "behind it there is no place on the target");
}

#[test]
fn target_records_that_copy_nothing_that_was_read_leave_no_count_beside_a_source_hole() {
    let item = |offset| Item { identity: 5, offset, timestamp: 0, key: None, value: 0 };
    let stranger = |offset| vec![Outcome::Extraneous { target: item(offset) }];
    for (offset, told) in [(115, true), (150, false)] {
        let alignment = alignment(stranger(offset));
        let reading = reading(Side::Source, IN_SOURCE);
        assert_eq!(HiddenGaps::of(&reading, &alignment).leave_counts(0, 100), told, "{offset}");
    }
    let alignment = alignment(vec![Outcome::Missing { source: item(35) }]);
    let reading = reading(Side::Source, IN_SOURCE);
    assert!(HiddenGaps::of(&reading, &alignment).leave_counts(0, 100), "no target record");
}

#[test]
fn what_is_beside_a_hole_of_either_side_is_withheld_and_what_is_elsewhere_is_not() {
    let item = |offset| Item { identity: 5, offset, timestamp: 0, key: None, value: 0 };
    let outcomes = |source: i64, target: i64| {
        let (source, target) = (item(source), item(target));
        vec![
            Outcome::Missing { source },
            Outcome::Extraneous { target },
            Outcome::Duplicate { original: source, target },
            Outcome::Mismatched { source, target },
            Outcome::Reordered { source, target, key_order_broken: false },
        ]
    };
    let found = Standing::Finding(FindingKind::MissingRecord);
    let hidden = |side, hole, (source, target): (i64, i64)| {
        let alignment = alignment(outcomes(source, target));
        let mut standings = [found, found, found, Standing::Pending, found];
        HiddenGaps::of(&reading(side, hole), &alignment).withhold(&alignment.outcomes, &mut standings);
        standings.map(|standing| standing == Standing::Unverifiable)
    };
    assert_eq!(hidden(Side::Source, IN_SOURCE, (16, 116)), [false, true, true, true, false]);
    assert_eq!(hidden(Side::Target, IN_TARGET, (16, 116)), [true, false, false, true, false]);
    for side in Side::BOTH {
        let hole = [IN_SOURCE, IN_TARGET][side as usize];
        assert_eq!(hidden(side, hole, (35, 135)), [false; 5]);
    }
}
