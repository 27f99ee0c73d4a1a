//! What each outcome of a unit counts as, by which sides were read to their ends.

use super::{SourceReading, Standing, Taken, TargetReading, UnitReading, classify_unit};
use crate::align::keyed::LaneOutcome;
use crate::align::{Item, Outcome};
use crate::record::{FindingKind, Side};

fn item(offset: i64) -> Item {
    Item { identity: 7, offset, timestamp: 0, key: None, value: 0 }
}

/// One lane on each side, 100 records on both, the source's last matched.
fn reading(complete: [bool; 2]) -> UnitReading {
    let source = SourceReading {
        log_start: 0,
        start: 0,
        end: 100,
        read_to: 100,
        deleted_up_to: Some(0),
        highest_matched: Some(99),
        matched_in_all: Some(99),
    };
    let target = TargetReading {
        start: 0,
        cut: 100,
        end: 100,
        follows_shortened: None,
        first_copy: Some(0),
        read_to: 100,
    };
    UnitReading {
        name: "a -> b".to_owned(),
        sources: vec![source],
        targets: vec![target],
        complete,
        ordered: true,
        compacted: false,
        timestamps_within: Some(0),
        meanings: false,
        taken: Taken::default(),
    }
}

fn standings(complete: [bool; 2]) -> Vec<Standing> {
    let (source, target) = (item(10), item(20));
    let outcomes = [
        (Some(0), None, Outcome::Missing { source }),
        (None, Some(0), Outcome::Extraneous { target }),
        (Some(0), Some(0), Outcome::Duplicate { original: source, target }),
        (Some(0), Some(0), Outcome::Mismatched { source, target }),
        (Some(0), Some(0), Outcome::Reordered { source, target, key_order_broken: true }),
        (Some(0), None, Outcome::Unsolved { side: Side::Source, record: source }),
    ];
    outcomes
        .into_iter()
        .map(|(source_lane, target_lane, outcome)| {
            classify_unit(&reading(complete), &LaneOutcome { source_lane, target_lane, outcome }, None)
        })
        .collect()
}

#[test]
fn a_finding_is_told_only_where_the_side_that_could_refute_it_was_read_to_its_end() {
    use FindingKind::{DuplicateRecord, ExtraneousRecord, MismatchedRecord, MissingRecord, ReorderedRecord};
    let told = |complete: [bool; 2], kinds: [Option<FindingKind>; 6]| {
        let expected = kinds.map(|kind| kind.map_or(Standing::Unverifiable, Standing::Finding));
        assert_eq!(standings(complete), expected, "{complete:?}");
    };
    let [missing, extraneous, duplicate, mismatched, reordered] =
        [MissingRecord, ExtraneousRecord, DuplicateRecord, MismatchedRecord, ReorderedRecord].map(Some);
    told([true, true], [missing, extraneous, duplicate, mismatched, reordered, None]);
    // A copy may be among what was not read of the target.
    told([true, false], [None, extraneous, duplicate, None, reordered, None]);
    // An original may be among what was not read of the source.
    told([false, true], [missing, None, None, None, reordered, None]);
    told([false, false], [None, None, None, None, reordered, None]);
}

#[test]
fn while_a_source_partition_was_not_read_only_its_order_proves_a_record_missing() {
    let missing = |complete: [bool; 2], matched_in_all, ordered| {
        let mut reading = UnitReading { ordered, ..reading(complete) };
        reading.sources[0].matched_in_all = matched_in_all;
        [10, 60].map(|offset| {
            let outcome = Outcome::Missing { source: item(offset) };
            let entry = LaneOutcome { source_lane: Some(0), target_lane: None, outcome };
            classify_unit(&reading, &entry, None)
        })
    };
    let [found, pending] = [Standing::Finding(FindingKind::MissingRecord), Standing::Pending];
    assert_eq!(missing([false, true], Some(50), true), [found, pending]);
    assert_eq!(missing([false, true], None, true), [pending; 2], "some target partition may be behind");
    assert_eq!(missing([false, true], Some(50), false), [pending; 2], "its copy may come in any order");
    assert_eq!(missing([true, true], None, false), [found; 2], "the barrier was read");
}
