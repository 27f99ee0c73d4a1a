//! Free offsets and later records at their edges: of lanes that begin late, go on behind what was read, or are live.

use std::num::NonZeroU64;

use super::*;
use crate::align::keyed::{InMemoryLanes, LaneOutcome};
use crate::align::{Item, Outcome, Rules};
use crate::fingerprint::TOMBSTONE;
use crate::record::FindingKind;

/// `3:a=1`: offset, key, value; `x` is a tombstone, written at 0.
fn item(word: &str) -> Item {
    let (offset, rest) = word.split_once(':').expect("an offset");
    let (key, value) = rest.split_once('=').expect("a key");
    let key = u64::from(key.as_bytes()[0]);
    let value = if value == "x" { TOMBSTONE } else { value.parse().expect("a number") };
    Item {
        identity: u128::from(key) << 64 | u128::from(value),
        offset: offset.parse().expect("a number"),
        timestamp: 0,
        key: NonZeroU64::new(key),
        value,
    }
}

/// Lanes of both sides as lines of words, the first offset that is left of each, and how far they were read.
struct Case {
    lanes: [Vec<&'static str>; 2],
    log_starts: [Vec<i64>; 2],
    read_to: [i64; 2],
    /// Where the source ended at the barrier, and where the target is cut.
    ends: [i64; 2],
    retention_ms: i64,
}

fn case(source: &[&'static str], target: &[&'static str]) -> Case {
    let lanes = [source.to_vec(), target.to_vec()];
    let log_starts = lanes.each_ref().map(|lanes| vec![0; lanes.len()]);
    Case { lanes, log_starts, read_to: [10, 10], ends: [10, 10], retention_ms: 1_000 }
}

impl Case {
    fn reading(&self) -> UnitReading {
        let source = SourceReading {
            log_start: 0,
            start: 0,
            end: self.ends[0],
            read_to: self.read_to[0],
            deleted_up_to: Some(0),
            highest_matched: None,
            matched_in_all: None,
        };
        let target = TargetReading {
            start: 0,
            cut: self.ends[1],
            end: 0,
            follows_shortened: None,
            first_copy: None,
            read_to: self.read_to[1],
        };
        UnitReading {
            name: "accounts".into(),
            sources: vec![source; self.lanes[0].len()],
            targets: vec![target; self.lanes[1].len()],
            complete: [true, true],
            ordered: true,
            compacted: false,
            timestamps_within: Some(0),
            meanings: false,
            taken: Taken::default(),
        }
    }

    /// What becomes of source records that are missing, by lane and word.
    fn missing(&self, records: &[(usize, &str)]) -> Vec<Standing> {
        let outcomes: Vec<LaneOutcome> = records.iter().map(|&(lane, word)| missing(lane, word)).collect();
        self.judge(&outcomes, vec![FOUND; outcomes.len()])
    }

    /// What becomes of `standings`.
    fn judge(&self, outcomes: &[LaneOutcome], mut standings: Vec<Standing>) -> Vec<Standing> {
        let items = |line: &&str| line.split_whitespace().map(item).collect();
        let mut log = InMemoryLanes(self.lanes.each_ref().map(|lines| lines.iter().map(items).collect()));
        let reading = self.reading();
        let rules = UnitRules {
            rules: Rules::default(),
            ordered: true,
            timestamps_exact: true,
            cleaning: Cleaning {
                delete_retention_ms: [Some(self.retention_ms); 2],
                barrier_ms: 5_000,
                timestamps_kept: true,
            },
            log_starts: &self.log_starts,
        };
        judge_compacted_unit(outcomes, &mut standings, &reading, &rules, &mut log)
            .expect("lists can be read");
        standings
    }
}

fn missing(lane: usize, word: &str) -> LaneOutcome {
    LaneOutcome {
        source_lane: Some(lane),
        target_lane: None,
        outcome: Outcome::Missing { source: item(word) },
    }
}

const FOUND: Standing = Standing::Finding(FindingKind::MissingRecord);
const UNTOLD: Standing = Standing::CompactedOrDropped;

#[test]
fn a_free_offset_counts_from_the_begin_of_the_lane_to_the_last_record_or_where_it_was_read_to() {
    let missing = |target: &'static str, log_start: i64, read_to: i64| {
        let mut case = case(&["0:a=1 1:a=2"], &[target]);
        case.log_starts[1] = vec![log_start];
        case.read_to[1] = read_to;
        case.missing(&[(0, "0:a=1")])[0]
    };
    assert_eq!(missing("0:a=2", 0, 1), FOUND);
    assert_eq!(missing("0:a=2", 0, 2), UNTOLD, "behind it");
    assert_eq!(missing("1:a=2", 0, 2), UNTOLD, "before it");
    assert_eq!(missing("1:a=2", 1, 2), FOUND, "before what is left");
    assert_eq!(missing("0:a=2 2:b=1", 0, 1), UNTOLD, "before what was written while reading");
    assert_eq!(missing("0:a=2 1:b=1", 0, 1), FOUND);
}

#[test]
fn each_free_offset_stands_for_one_record() {
    let both = case(&["0:a=1 1:a=2 2:a=3"], &["1:a=3 2:b=1"]);
    let both = Case { read_to: [3, 3], ..both };
    assert_eq!(both.missing(&[(0, "0:a=1"), (0, "1:a=2")]), [UNTOLD, FOUND]);
}

#[test]
fn a_later_record_that_the_holding_side_lacks_explains_only_from_the_barrier_on() {
    // The target ends with a value that the source has not.
    let missing = |cut: i64, source_read_to: i64| {
        let mut case = case(&["0:a=1"], &["5:a=9"]);
        case.ends = [8, cut];
        case.read_to[0] = source_read_to;
        case.missing(&[(0, "0:a=1")])[0]
    };
    assert_eq!(missing(5, 9), UNTOLD, "at the cut, and the source was read beyond the barrier");
    assert_eq!(missing(6, 9), FOUND, "before the cut");
    assert_eq!(missing(5, 8), FOUND, "nothing is known beyond the barrier");
}

#[test]
fn a_later_record_explains_an_earlier_one_of_its_lane_and_any_one_of_other_lanes() {
    let two = case(&["0:a=1 3:a=2 6:a=3", "9:b=1"], &["7:a=2", "8:b=1"]);
    assert_eq!(two.missing(&[(0, "0:a=1")]), [UNTOLD]);
    assert_eq!(two.missing(&[(0, "3:a=2")]), [UNTOLD], "itself, once more");
    assert_eq!(two.missing(&[(0, "6:a=3")]), [FOUND], "the later one is older");
    let elsewhere = case(&["6:a=3", "3:a=2"], &["7:a=2", "8:b=1"]);
    assert_eq!(elsewhere.missing(&[(0, "6:a=3")]), [UNTOLD], "of two lanes no order is known");
}

#[test]
fn a_tombstone_of_the_lacking_side_explains_where_another_lane_may_have_held_it() {
    let missing = |source: &[&'static str], retention_ms: i64| {
        let case = Case { retention_ms, ..case(source, &["7:a=x"]) };
        case.missing(&[(0, "0:a=1")])[0]
    };
    assert_eq!(missing(&["0:a=1", "1:b=1"], 1_000), UNTOLD);
    assert_eq!(missing(&["0:a=1"], 1_000), FOUND, "there is no other lane");
    assert_eq!(missing(&["0:a=1", "1:b=1"], 9_000), FOUND, "it would still be there");
}

#[test]
fn a_tombstone_that_ends_the_key_explains_where_a_lane_has_no_value_of_it() {
    let missing =
        |source: &'static str, target: &[&'static str]| case(&[source], target).missing(&[(0, "0:a=1")])[0];
    assert_eq!(missing("0:a=1 1:a=x", &["7:b=1"]), UNTOLD);
    assert_eq!(missing("0:a=1 1:a=2", &["7:b=1"]), FOUND);
    assert_eq!(missing("0:a=1 1:a=x", &["7:a=5"]), FOUND, "a value is left of it");
    assert_eq!(missing("0:a=1 1:a=x", &["7:a=5", "7:b=1"]), UNTOLD, "the other lane has none");
}

#[test]
fn a_last_record_that_may_still_come_supersedes_what_the_source_has_let_go() {
    // `a=1` was copied; then the source has compacted it away under `a=3`, which the target has not got yet.
    let stale = LaneOutcome {
        source_lane: None,
        target_lane: Some(0),
        outcome: Outcome::Extraneous { target: item("0:a=1") },
    };
    let found = Standing::Finding(FindingKind::ExtraneousRecord);
    let judged = |source: &'static str, last: &str, standing: Standing| {
        let case = Case { read_to: [4, 10], ..case(&[source], &["0:a=1 1:b=1"]) };
        case.judge(&[missing(0, last), stale.clone()], vec![standing, found])
    };
    let pending = Standing::Pending;
    assert_eq!(judged("1:b=1 3:a=3", "3:a=3", pending), [pending, UNTOLD]);
    assert_eq!(judged("0:c=1 1:b=1 2:c=2 3:a=3", "3:a=3", pending), [pending, found], "no offset is free");
    assert_eq!(judged("1:b=1 3:a=3", "3:a=3", FOUND), [FOUND, found], "it will not come");
    assert_eq!(judged("1:b=1 2:a=3 3:a=x", "2:a=3", pending), [pending, found], "it is not the last one");
}

#[test]
fn what_a_record_that_is_gone_may_explain_is_not_told_and_what_is_newer_or_has_no_key_is() {
    let reading = case(&["0:a=1"], &["7:b=1"]).reading();
    let [old, new] = [100, 101].map(|timestamp| Item { timestamp, ..item("0:a=1") });
    let keyless = Item { key: None, ..old };
    let missing = |source| LaneOutcome {
        source_lane: Some(0),
        target_lane: None,
        outcome: Outcome::Missing { source },
    };
    let outcomes = [old, new, keyless].map(missing);
    let mut standings = [FOUND; 3];
    assert_eq!(withhold_taken(&outcomes, &mut standings, &reading, true, 100), 1);
    assert_eq!(standings, [Standing::Unverifiable, FOUND, FOUND]);
    let mut told = [UNTOLD; 3];
    assert_eq!(withhold_taken(&outcomes, &mut told, &reading, true, 100), 0);
}
