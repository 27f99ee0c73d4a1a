//! What each outcome of a unit counts as, at the edges of its lanes.

use super::*;
use crate::align::keyed::LaneOutcome;
use crate::align::{Item, Outcome};
use crate::record::{FindingKind, Side};

/// One lane a side: the source from 10 to 20 with a match at 15, the target from 5 to 30 with its first match at 8.
fn reading() -> UnitReading {
    let source = SourceReading {
        log_start: 0,
        start: 10,
        end: 20,
        read_to: 20,
        first_timestamp: Some(1_000),
        highest_matched: Some(15),
        matched_in_all: Some(15),
    };
    UnitReading {
        name: "orders -> all.orders".into(),
        sources: vec![source],
        targets: vec![TargetReading {
            start: 5,
            cut: 30,
            first_matched: Some(8),
            first_copy: Some(8),
            read_to: 40,
        }],
        complete: [true, true],
        ordered: true,
        timestamps_within: Some(0),
    }
}

/// Read beyond the barrier.
fn live(mut reading: UnitReading) -> UnitReading {
    reading.sources[0].read_to = 21;
    reading
}

/// Retention has deleted some of the source.
fn shortened(mut reading: UnitReading) -> UnitReading {
    reading.sources[0].log_start = 1;
    reading
}

fn item(offset: i64) -> Item {
    Item { identity: 1, offset, timestamp: 2_000, key: None, value: 0 }
}

fn judge(reading: &UnitReading, outcome: Outcome) -> Standing {
    let entry = LaneOutcome {
        source_lane: outcome.source().map(|_| 0),
        target_lane: outcome.target().map(|_| 0),
        outcome,
    };
    classify_unit(reading, &entry)
}

const fn finding(kind: FindingKind) -> Standing {
    Standing::Finding(kind)
}

#[test]
fn a_missing_record_is_one_only_where_a_later_one_of_its_lane_has_matched() {
    let missing = |reading: &UnitReading, offset| judge(reading, Outcome::Missing { source: item(offset) });
    let all: Vec<Standing> = [9, 10, 14, 16, 19, 20].map(|offset| missing(&reading(), offset)).to_vec();
    let found = finding(FindingKind::MissingRecord);
    let [beyond, pending] = [Standing::Beyond, Standing::Pending];
    assert_eq!(all, [beyond, found, found, pending, pending, beyond]);

    let mut unmatched = reading();
    unmatched.sources[0].highest_matched = None;
    assert_eq!(missing(&unmatched, 10), pending);
    let stalled = UnitReading { complete: [true, false], ..reading() };
    assert_eq!(missing(&stalled, 10), Standing::Unverifiable);
}

#[test]
fn what_has_its_source_record_out_of_scope_is_out_of_scope() {
    let outcomes = |source: i64| {
        let (source, target) = (item(source), item(7));
        [
            Outcome::Reordered { source, target, key_order_broken: true },
            Outcome::Mismatched { source, target },
            Outcome::Duplicate { original: source, target },
            Outcome::Unsolved { side: Side::Source, record: source },
        ]
    };
    let inside = [
        finding(FindingKind::ReorderedRecord),
        finding(FindingKind::MismatchedRecord),
        finding(FindingKind::DuplicateRecord),
        Standing::Unverifiable,
    ];
    for (source, expected) in
        [(9, [Standing::Beyond; 4]), (10, inside), (19, inside), (20, [Standing::Beyond; 4])]
    {
        assert_eq!(outcomes(source).map(|outcome| judge(&reading(), outcome)), expected, "{source}");
    }
}

#[test]
fn target_records_are_judged_from_the_start_of_their_lane_to_its_cut() {
    let own = |reading: &UnitReading, offset: i64| {
        [
            Outcome::Duplicate { original: item(12), target: item(offset) },
            Outcome::Extraneous { target: item(offset) },
            Outcome::Unsolved { side: Side::Target, record: item(offset) },
        ]
        .map(|outcome| judge(reading, outcome))
    };
    let duplicate = finding(FindingKind::DuplicateRecord);
    let inside = [duplicate, finding(FindingKind::ExtraneousRecord), Standing::Unverifiable];
    let before = [duplicate, Standing::Beyond, Standing::Beyond];
    assert_eq!(own(&reading(), 4), before);
    for offset in [5, 29, 30] {
        assert_eq!(own(&reading(), offset), inside, "{offset}, and nothing was read beyond the barrier");
    }
    assert_eq!(own(&live(reading()), 4), before);
    assert_eq!(own(&live(reading()), 5), inside);
    assert_eq!(own(&live(reading()), 29), inside);
    assert_eq!(own(&live(reading()), 30), [Standing::Beyond; 3]);
}

fn extraneous(reading: &UnitReading, offset: i64, timestamp: i64) -> Standing {
    judge(reading, Outcome::Extraneous { target: Item { timestamp, ..item(offset) } })
}

const FOUND: Standing = finding(FindingKind::ExtraneousRecord);

#[test]
fn an_extraneous_record_may_copy_what_the_source_was_not_read_for_or_no_longer_holds() {
    let stalled = UnitReading { complete: [false, true], ..reading() };
    assert_eq!(extraneous(&stalled, 12, 2_000), Standing::Unverifiable);

    assert_eq!(extraneous(&reading(), 12, 999), FOUND, "nothing was deleted");
    assert_eq!(extraneous(&reading(), 7, 999), FOUND, "nothing was deleted");
    let shortened = shortened(reading());
    assert_eq!(extraneous(&shortened, 12, 1_001), FOUND, "newer than the oldest record that is left");
    for (offset, standing) in
        [(7, Standing::Beyond), (8, Standing::Unverifiable), (12, Standing::Unverifiable)]
    {
        assert_eq!(extraneous(&shortened, offset, 1_000), standing, "{offset}");
    }
    // The last record that was deleted may be newer than the first one that was not.
    assert_eq!(extraneous(&shortened, 7, 1_002), Standing::Beyond);
    let tolerant = UnitReading { timestamps_within: Some(5), ..shortened.clone() };
    let standings = [1_005, 1_006].map(|timestamp| extraneous(&tolerant, 12, timestamp));
    assert_eq!(standings, [Standing::Unverifiable, FOUND]);
    let mut empty = shortened;
    empty.sources[0].first_timestamp = None;
    assert_eq!(extraneous(&empty, 12, 2_000), Standing::Unverifiable, "all of the source was deleted");
}

#[test]
fn where_timestamps_say_nothing_order_alone_tells_what_copies_a_deleted_record() {
    let one_lane = UnitReading { timestamps_within: None, ..shortened(reading()) };
    let mut doubtful = one_lane.clone();
    doubtful.targets[0].first_copy = Some(6);
    let unordered = UnitReading { ordered: false, ..one_lane.clone() };
    let mut several = one_lane.clone();
    several.sources.push(reading().sources[0].clone());
    let [beyond, unverifiable] = [Standing::Beyond, Standing::Unverifiable];
    for timestamp in [0, 9_999] {
        let standings = |reading| [5, 6, 7, 8, 12].map(|offset| extraneous(reading, offset, timestamp));
        assert_eq!(standings(&one_lane), [beyond, beyond, beyond, FOUND, FOUND]);
        assert_eq!(standings(&doubtful), [beyond, unverifiable, unverifiable, FOUND, FOUND]);
        for reading in [&unordered, &several] {
            assert_eq!(standings(reading), [beyond, beyond, beyond, unverifiable, unverifiable]);
        }
    }
    let whole = UnitReading { timestamps_within: None, ..reading() };
    assert_eq!([7, 12].map(|offset| extraneous(&whole, offset, 0)), [FOUND; 2], "nothing was deleted");
}

#[test]
fn a_further_copy_before_the_first_one_copies_what_was_deleted() {
    let duplicate = |reading: &UnitReading, offset: i64| {
        judge(reading, Outcome::Duplicate { original: item(15), target: item(offset) })
    };
    let found = finding(FindingKind::DuplicateRecord);
    assert_eq!([7, 8].map(|offset| duplicate(&reading(), offset)), [found; 2], "nothing was deleted");
    let shortened = shortened(reading());
    assert_eq!([7, 8].map(|offset| duplicate(&shortened, offset)), [Standing::Beyond, found]);
}

#[test]
fn in_a_lane_without_a_copy_what_cannot_be_older_than_the_source_is_not_passed_over() {
    let mut reading = shortened(reading());
    (reading.targets[0].first_matched, reading.targets[0].first_copy) = (None, None);
    let standings = |reading: &UnitReading| [1_000, 1_001].map(|at| extraneous(reading, 12, at));
    assert_eq!(standings(&reading), [Standing::Beyond, Standing::Unverifiable]);
    reading.timestamps_within = None;
    assert_eq!(standings(&reading), [Standing::Beyond; 2]);
}
