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
        targets: vec![TargetReading { start: 5, cut: 30, first_matched: Some(8), read_to: 40 }],
        complete: [true, true],
        ordered: true,
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

#[test]
fn an_extraneous_record_may_copy_what_the_source_was_not_read_for_or_no_longer_holds() {
    let extraneous = |reading: &UnitReading, offset: i64, timestamp: i64| {
        judge(reading, Outcome::Extraneous { target: Item { timestamp, ..item(offset) } })
    };
    let found = finding(FindingKind::ExtraneousRecord);
    let stalled = UnitReading { complete: [false, true], ..reading() };
    assert_eq!(extraneous(&stalled, 12, 2_000), Standing::Unverifiable);

    assert_eq!(extraneous(&reading(), 12, 999), found, "nothing was deleted");
    let shortened = shortened(reading());
    assert_eq!(extraneous(&shortened, 12, 1_001), found, "newer than the oldest record that is left");
    for (offset, standing) in
        [(7, Standing::Beyond), (8, Standing::Unverifiable), (12, Standing::Unverifiable)]
    {
        assert_eq!(extraneous(&shortened, offset, 1_000), standing, "{offset}");
    }
    let mut unmatched = shortened.clone();
    unmatched.targets[0].first_matched = None;
    assert_eq!(extraneous(&unmatched, 12, 1_000), Standing::Beyond);
    let mut empty = shortened;
    empty.sources[0].first_timestamp = None;
    assert_eq!(extraneous(&empty, 12, 2_000), Standing::Unverifiable, "all of the source was deleted");
}
