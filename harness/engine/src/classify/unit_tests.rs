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
        deleted_up_to: Some(1_000),
        highest_matched: Some(15),
        matched_in_all: Some(15),
    };
    UnitReading {
        name: "orders -> all.orders".into(),
        sources: vec![source],
        targets: vec![TargetReading {
            start: 5,
            cut: 30,
            end: 30,
            follows_shortened: Some(8),
            first_copy: Some(8),
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
    classify_unit(reading, &entry, None)
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
    let mut before = [Standing::Beyond; 4];
    // The copy of what lies before the scope stands in it once more.
    before[2] = finding(FindingKind::DuplicateRecord);
    for (source, expected) in [(9, before), (10, inside), (19, inside), (20, [Standing::Beyond; 4])] {
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
    empty.sources[0].deleted_up_to = None;
    assert_eq!(extraneous(&empty, 12, 2_000), Standing::Unverifiable, "all of the source was deleted");
}

#[test]
fn a_newer_record_in_no_order_or_behind_matches_of_all_that_lost_records_copies_nothing_deleted() {
    let mut reading = shortened(reading());
    reading.targets[0].follows_shortened = Some(12);
    let standings = |reading: &UnitReading| [11, 12].map(|offset| extraneous(reading, offset, 2_000));
    assert_eq!(standings(&reading), [Standing::Unverifiable, FOUND]);
    reading.ordered = false;
    assert_eq!(standings(&reading), [FOUND; 2]);
    reading.ordered = true;
    reading.targets[0].follows_shortened = None;
    assert_eq!(standings(&reading), [Standing::Unverifiable; 2]);
}

#[test]
fn where_timestamps_say_nothing_nobody_can_tell_what_copies_a_deleted_record() {
    let ignored = UnitReading { timestamps_within: None, ..shortened(reading()) };
    let [beyond, unverifiable] = [Standing::Beyond, Standing::Unverifiable];
    for timestamp in [0, 9_999] {
        let standings = [5, 7, 8, 12].map(|offset| extraneous(&ignored, offset, timestamp));
        assert_eq!(standings, [beyond, beyond, unverifiable, unverifiable]);
    }
    // Nor which of two equal records is the copy of the one that is left.
    let duplicate = |offset| judge(&ignored, Outcome::Duplicate { original: item(15), target: item(offset) });
    assert_eq!([7, 8].map(duplicate), [beyond, unverifiable]);
    let whole = UnitReading { timestamps_within: None, ..reading() };
    assert_eq!([7, 12].map(|offset| extraneous(&whole, offset, 0)), [FOUND; 2], "nothing was deleted");
}

/// What is left of records in the same place at these times, with these values: the standings of all outcomes.
fn in_one_place(reading: &UnitReading, source: (i64, i64, u64), target: (i64, u64)) -> Vec<Standing> {
    let source = Item { timestamp: source.1, value: source.2, ..item(source.0) };
    let target = Item { timestamp: target.0, value: target.1, ..item(9) };
    let entry = |source_lane, target_lane, outcome| LaneOutcome { source_lane, target_lane, outcome };
    let mut outcomes = vec![
        entry(Some(0), Some(0), Outcome::Mismatched { source, target }),
        entry(Some(0), None, Outcome::Missing { source: item(19) }),
        entry(None, Some(0), Outcome::Extraneous { target: item(8) }),
        entry(None, Some(0), Outcome::Extraneous { target: item(10) }),
    ];
    take_apart(reading, &mut outcomes);
    let targets = outcomes[2..].iter().filter_map(|entry| entry.outcome.target());
    assert!(targets.map(|item| item.offset).is_sorted());
    let own = |entry: &&LaneOutcome| {
        let offsets =
            [entry.outcome.source(), entry.outcome.target()].map(|item| item.map(|item| item.offset));
        offsets[0] == Some(source.offset) || offsets[1] == Some(9)
    };
    outcomes.iter().filter(own).map(|entry| classify_unit(reading, entry, None)).collect()
}

#[test]
fn a_record_of_another_time_is_no_altered_copy_of_one_out_of_scope() {
    let [altered, beyond] = [finding(FindingKind::MismatchedRecord), Standing::Beyond];
    for source in [9, 20] {
        assert_eq!(in_one_place(&reading(), (source, 50, 1), (50, 2)), [beyond], "its altered copy");
        assert_eq!(in_one_place(&reading(), (source, 50, 1), (51, 2)), [beyond, FOUND]);
        assert_eq!(in_one_place(&reading(), (source, 50, 1), (51, 1)), [beyond, FOUND]);
        let tolerant = UnitReading { timestamps_within: Some(1), ..reading() };
        assert_eq!(in_one_place(&tolerant, (source, 50, 1), (51, 2)), [beyond]);
    }
    assert_eq!(in_one_place(&reading(), (12, 50, 1), (51, 2)), [altered]);
    // Where time says nothing, it may be the copy under another schema id.
    let ignored = UnitReading { timestamps_within: None, ..reading() };
    assert_eq!(in_one_place(&ignored, (9, 50, 1), (51, 2)), [beyond, FOUND]);
    let decoded = UnitReading { meanings: true, ..ignored };
    assert_eq!(in_one_place(&decoded, (9, 50, 1), (51, 2)), [beyond]);
}

#[test]
fn what_waits_for_its_copy_is_not_paired_with_the_copy_of_an_older_record_that_is_gone() {
    let altered = finding(FindingKind::MismatchedRecord);
    let compacted = UnitReading { compacted: true, ..reading() };
    let deleted = shortened(reading());
    let pending = Standing::Pending;
    assert_eq!(in_one_place(&deleted, (16, 3_000, 1), (900, 2)), [pending, Standing::Unverifiable]);
    assert_eq!(in_one_place(&compacted, (16, 3_000, 1), (900, 2)), [pending, FOUND]);
    for reading in [deleted, compacted] {
        assert_eq!(in_one_place(&reading, (16, 3_000, 1), (3_000, 2)), [altered], "of the same time");
        assert_eq!(in_one_place(&reading, (16, 3_000, 1), (900, 1)), [altered], "with the same value");
        assert_eq!(in_one_place(&reading, (14, 3_000, 1), (900, 2)), [altered], "it had its turn");
        let ignored = UnitReading { timestamps_within: None, ..reading };
        assert_eq!(in_one_place(&ignored, (16, 3_000, 1), (900, 2)), [altered], "time says nothing");
    }
    assert_eq!(in_one_place(&reading(), (16, 3_000, 1), (900, 2)), [altered], "nothing is gone");
}

#[test]
fn a_further_copy_before_the_first_one_copies_what_was_deleted_unless_it_is_newer() {
    let duplicate = |reading: &UnitReading, offset: i64, timestamp: i64| {
        let target = Item { timestamp, ..item(offset) };
        judge(reading, Outcome::Duplicate { original: Item { offset: 15, ..target }, target })
    };
    let found = finding(FindingKind::DuplicateRecord);
    assert_eq!([7, 8].map(|offset| duplicate(&reading(), offset, 1_000)), [found; 2], "nothing was deleted");
    let shortened = shortened(reading());
    let of_that_age = [7, 8].map(|offset| duplicate(&shortened, offset, 1_000));
    assert_eq!(of_that_age, [Standing::Beyond, found]);
    // Which of two equal copies arrives first decides where the first copy of a lane lies.
    assert_eq!([7, 8].map(|offset| duplicate(&shortened, offset, 1_001)), [found; 2], "newer");
    let tolerant = UnitReading { timestamps_within: Some(5), ..shortened.clone() };
    assert_eq!([1_005, 1_006].map(|at| duplicate(&tolerant, 7, at)), [Standing::Beyond, found]);
    let ignored = UnitReading { timestamps_within: None, ..shortened };
    assert_eq!(duplicate(&ignored, 7, 9_999), Standing::Beyond, "time says nothing");
}

#[test]
fn of_two_copies_of_a_record_before_the_scope_one_in_scope_is_found_whichever_of_them_is_matched() {
    let mut reading = reading();
    reading.targets.push(TargetReading { start: 10, ..reading.targets[0].clone() });
    let again = |offset: i64, original_at: (usize, i64)| {
        let outcome = Outcome::Duplicate { original: item(9), target: item(offset) };
        let entry = LaneOutcome { source_lane: Some(0), target_lane: Some(0), outcome };
        classify_unit(&reading, &entry, Some(original_at))
    };
    let found = finding(FindingKind::DuplicateRecord);
    let all = [(6, (1, 9)), (4, (1, 10)), (4, (1, 29)), (4, (1, 9)), (4, (1, 30)), (4, (0, 5)), (4, (0, 4))];
    let beyond = Standing::Beyond;
    assert_eq!(
        all.map(|(offset, original_at)| again(offset, original_at)),
        [found, found, found, beyond, beyond, found, beyond]
    );
}

#[test]
fn in_a_lane_without_a_copy_what_cannot_be_older_than_the_source_is_not_passed_over() {
    let mut reading = shortened(reading());
    (reading.targets[0].follows_shortened, reading.targets[0].first_copy) = (None, None);
    let standings = |reading: &UnitReading| [1_000, 1_001].map(|at| extraneous(reading, 12, at));
    assert_eq!(standings(&reading), [Standing::Beyond, Standing::Unverifiable]);
    reading.timestamps_within = None;
    assert_eq!(standings(&reading), [Standing::Beyond; 2]);
}

/// Retention has taken records up to these times while the run went on.
fn taken(reading: UnitReading, from_source: Option<i64>, from_target: Option<i64>) -> UnitReading {
    UnitReading { taken: Taken { from_source, from_target }, ..reading }
}

#[test]
fn what_may_copy_a_record_that_is_gone_since_it_was_read_is_not_extraneous() {
    let read = taken(reading(), Some(1_000), None);
    let standings =
        |reading: &UnitReading| [1_000, 1_001].map(|timestamp| extraneous(reading, 12, timestamp));
    assert_eq!(standings(&read), [Standing::Unverifiable, FOUND]);
    assert_eq!(standings(&reading()), [FOUND; 2]);
    assert_eq!(extraneous(&read, 4, 1_000), Standing::Beyond, "out of scope it stays");
    let tolerant = UnitReading { timestamps_within: Some(5), ..read.clone() };
    let within = [1_005, 1_006].map(|timestamp| extraneous(&tolerant, 12, timestamp));
    assert_eq!(within, [Standing::Unverifiable, FOUND]);
    let further = Outcome::Duplicate { original: item(12), target: item(13) };
    assert_eq!(judge(&read, further), finding(FindingKind::DuplicateRecord), "its original is left");
    let ignored = UnitReading { timestamps_within: None, ..read };
    assert_eq!(standings(&ignored), [Standing::Unverifiable; 2]);
}

#[test]
fn a_record_in_the_place_of_another_may_copy_one_that_is_gone_unless_both_are_of_one_time() {
    let read = taken(reading(), Some(1_500), None);
    let mismatched = |reading: &UnitReading, (source, target): (i64, i64)| {
        let [source, target] = [source, target].map(|timestamp| Item { timestamp, ..item(12) });
        judge(reading, Outcome::Mismatched { source, target })
    };
    let found = finding(FindingKind::MismatchedRecord);
    let times = [(1_000, 1_000), (2_000, 1_000), (1_000, 2_000)];
    let standings = times.map(|times| mismatched(&read, times));
    assert_eq!(standings, [found, Standing::Unverifiable, found]);
    assert_eq!(times.map(|times| mismatched(&reading(), times)), [found; 3]);
}

#[test]
fn a_record_in_the_place_of_one_whose_copy_is_gone_may_copy_what_the_source_has_lost() {
    let mismatched = |reading: &UnitReading, (source, target): (i64, i64)| {
        let [source, target] = [source, target].map(|timestamp| Item { timestamp, ..item(12) });
        judge(reading, Outcome::Mismatched { source, target })
    };
    let found = finding(FindingKind::MismatchedRecord);
    let times = [(1_400, 900), (1_400, 1_001), (1_501, 900), (900, 900)];
    let standings = |reading: &UnitReading| times.map(|times| mismatched(reading, times));
    let read = taken(shortened(reading()), None, Some(1_500));
    assert_eq!(standings(&read), [Standing::Unverifiable, found, found, found]);
    assert_eq!(standings(&taken(reading(), None, Some(1_500))), [found; 4], "the source has lost nothing");
    assert_eq!(standings(&shortened(reading())), [found; 4], "the target has lost nothing");
}

#[test]
fn a_record_whose_copy_may_have_been_taken_from_the_target_before_it_was_read_is_not_missing() {
    let missing = |reading: &UnitReading| {
        let source = |timestamp| Item { timestamp, ..item(12) };
        [1_000, 1_001].map(|timestamp| judge(reading, Outcome::Missing { source: source(timestamp) }))
    };
    let found = finding(FindingKind::MissingRecord);
    assert_eq!(missing(&taken(reading(), None, Some(1_000))), [Standing::Unverifiable, found]);
    assert_eq!(missing(&reading()), [found; 2]);
    let before_the_scope = Outcome::Missing { source: Item { timestamp: 0, ..item(9) } };
    assert_eq!(judge(&taken(reading(), None, Some(1_000)), before_the_scope), Standing::Beyond);
}
