//! Each rule of the compacted contract by itself. A log is written as `offset:key=value`, `x` for a tombstone, `-` for no key;
//! a record's timestamp is its value's number, or what follows `@`.

use super::*;
use crate::align::{InMemory, PairAligner, Tuning};
use crate::classify::{PairReading, classify};
use crate::record::FindingKind;

const DAY: i64 = 86_400_000;

struct Case {
    logs: [&'static str; 2],
    ends: [i64; 2],
    /// The source's end at the barrier.
    barrier: i64,
    start: [i64; 2],
    cleaning: Cleaning,
}

fn case(source: &'static str, target: &'static str, ends: [i64; 2]) -> Case {
    let cleaning =
        Cleaning { delete_retention_ms: [Some(DAY), Some(DAY)], barrier_ms: 10 * DAY, timestamps_kept: true };
    Case { logs: [source, target], ends, barrier: ends[0], start: [0, 0], cleaning }
}

fn item(word: &str) -> Item {
    let (offset, rest) = word.split_once(':').expect("an offset");
    let (key, rest) = rest.split_once('=').expect("a key");
    let (value, timestamp) = rest.split_once('@').unwrap_or((rest, rest));
    let number = |text: &str| text.parse::<u64>().unwrap_or(0);
    Item {
        identity: key.bytes().chain(value.bytes()).fold(7, |sum, byte| sum * 257 + u128::from(byte)),
        offset: offset.parse().expect("a number"),
        timestamp: if timestamp == "?" { -1 } else { number(timestamp) as i64 },
        key: key.bytes().next().filter(|&key| key != b'-').and_then(|key| NonZeroU64::new(u64::from(key))),
        value: if value == "x" { TOMBSTONE } else { number(value) },
    }
}

impl Case {
    fn judge(self) -> Vec<Standing> {
        self.judge_from(LogStarts::default())
    }

    fn judge_from(self, starts: LogStarts) -> Vec<Standing> {
        let (mut pair, mut log) = self.classified();
        judge_compacted(&mut pair, &Rules::default(), &self.cleaning, starts, &mut log).expect("in memory");
        pair.standings
    }

    fn classified(&self) -> (Classified, InMemory) {
        let all = self.logs.map(|log| log.split_whitespace().map(item).collect::<Vec<_>>());
        let mut log = InMemory(all);
        let mut aligner = PairAligner::new(Rules::default(), Tuning::default(), self.start);
        for side in Side::BOTH {
            let from = log.0[side as usize].partition_point(|item| item.offset < self.start[side as usize]);
            aligner.push(side, &log.0[side as usize][from..]);
        }
        let alignment = aligner.finish(0, &mut log).expect("in memory");
        let reading = PairReading {
            name: "accounts-0".into(),
            start: self.start,
            source_end: self.barrier,
            target_end: self.ends[1],
            read_to: self.ends,
            complete: [true, true],
            holes: Default::default(),
            timestamps_within: Some(0),
        };
        (classify(reading, alignment), log)
    }
}

const MISSING: Standing = Standing::Finding(FindingKind::MissingRecord);
const EXTRANEOUS: Standing = Standing::Finding(FindingKind::ExtraneousRecord);
const MISMATCHED: Standing = Standing::Finding(FindingKind::MismatchedRecord);

#[test]
fn a_superseded_record_whose_place_is_free_is_compacted() {
    let got = case("0:a=1 1:b=2 2:a=3", "1:b=2 2:a=3", [3, 3]).judge();
    assert_eq!(got, [Standing::Compacted]);
    let got = case("1:b=2 2:a=3", "0:a=1 1:b=2 2:a=3", [3, 3]).judge();
    assert_eq!(got, [Standing::Compacted], "on the target only: the source cleaned it after it was copied");
}

#[test]
fn without_a_free_offset_it_was_never_written_there() {
    assert_eq!(case("0:a=1 1:b=2 2:a=3", "0:b=2 1:a=3", [3, 2]).judge(), [MISSING]);
    assert_eq!(case("0:b=2 1:a=3", "0:a=1 1:b=2 2:a=3", [2, 3]).judge(), [EXTRANEOUS]);
}

#[test]
fn of_more_records_than_free_offsets_the_excess_is_missing() {
    let got = case("0:a=1 1:a=2 2:a=3 3:b=4 4:a=5", "1:b=4 2:a=5", [5, 3]).judge();
    assert_eq!(got, [Standing::Compacted, MISSING, MISSING]);
}

#[test]
fn a_last_value_is_missing_whatever_is_free() {
    assert_eq!(case("0:a=1 1:b=2", "4:b=2", [2, 5]).judge(), [MISSING]);
    let got = case("0:a=1 1:a=2 2:b=3", "0:a=1 4:b=3", [3, 5]).judge();
    assert_eq!(got, [MISSING], "an older value of the key is no successor");
    assert_eq!(
        case("9:b=3", "0:a=1 1:b=3", [10, 2]).judge(),
        [EXTRANEOUS],
        "a value the source does not have"
    );
}

#[test]
fn a_record_from_behind_the_barrier_that_the_target_lacks_stands_for_the_older_value_of_its_key() {
    // The original of a=2 was cleaned after it was copied, and a=9 is not copied yet.
    let lagging = Case { barrier: 5, ..case("0:m=1 5:a=9", "0:m=1 1:a=2", [6, 2]) };
    assert_eq!(lagging.judge(), [Standing::Beyond, Standing::Compacted]);
    // The source never had it.
    let stranger = Case { barrier: 1, ..case("0:m=1 1:a=9", "0:m=1 1:a=2", [2, 2]) };
    assert_eq!(stranger.judge(), [Standing::Beyond, EXTRANEOUS]);
    // Two that are left, of which only one stands in the place of a=9.
    let two = Case { barrier: 5, ..case("0:m=1 5:a=9", "0:m=1 1:a=2 2:a=3", [6, 3]) };
    assert_eq!(two.judge(), [Standing::Beyond, Standing::Compacted, Standing::Compacted]);
}

#[test]
fn behind_the_last_match_older_values_are_no_altered_copies_of_what_the_target_has_not_got_yet() {
    let (waits, gone) = (Standing::Pending, Standing::Compacted);
    // a=2 was copied; then the source has cleaned it under a=9, which is not copied yet.
    let got = case("0:m=1 5:a=9", "0:m=1 1:a=2", [6, 2]).judge();
    assert_eq!(got, [waits, gone]);
    assert_eq!(case("5:a=9", "0:a=2", [6, 1]).judge(), [waits, gone], "nothing is matched");
    assert_eq!(case("0:m=1 5:a=x@9", "0:m=1 1:a=2", [6, 2]).judge(), [waits, gone], "a deletion waits");
    let got = case("0:m=1 5:a=9", "0:m=1 1:a=2 2:a=3", [6, 3]).judge();
    assert_eq!(got, [waits, gone, gone]);
    let got = case("0:m=1 5:a=8 6:a=9", "0:m=1 1:a=2 2:a=3", [7, 3]).judge();
    assert_eq!(got, [waits, waits, gone, gone]);
    let got = case("0:m=1 5:a=8 6:b=9", "0:m=1 1:b=2 2:a=3", [7, 3]).judge();
    assert_eq!(got, [waits, waits, gone, gone], "two keys");
    // Another record altered on the way, which lay before a=9.
    let got = case("0:m=1 3:b=7 5:a=9", "0:m=1 1:a=2 2:b=8@7", [6, 3]).judge();
    assert_eq!(got, [MISMATCHED, waits, gone]);
    // The source goes on.
    let live = Case { barrier: 6, ..case("0:m=1 5:a=9 7:b=1", "0:m=1 1:a=2", [8, 2]) };
    assert_eq!(live.judge(), [waits, Standing::Beyond, gone]);
}

#[test]
fn what_has_the_time_or_the_value_of_a_record_that_the_target_has_not_got_yet_is_its_altered_copy() {
    let judge = |target: &'static str| case("0:m=1 5:a=9", target, [6, 3]).judge();
    assert_eq!(judge("0:m=1 1:a=8"), [Standing::Pending, Standing::Compacted]);
    assert_eq!(judge("0:m=1 1:a=8@9"), [MISMATCHED], "its time");
    assert_eq!(judge("0:m=1 1:a=8@10"), [MISMATCHED], "newer");
    assert_eq!(judge("0:m=1 1:a=09@2"), [MISMATCHED], "its value");
    assert_eq!(judge("0:m=1 1:a=8@?"), [MISMATCHED], "of no time");
    assert_eq!(judge("0:m=1 1:a=2 2:a=8@9"), [MISMATCHED, EXTRANEOUS], "its time, behind an older one");
    assert_eq!(judge("0:m=1 1:a=2 2:a=09@3"), [MISMATCHED, EXTRANEOUS], "its value, behind an older one");
}

#[test]
fn a_record_that_had_its_turn_is_not_waited_for() {
    // Behind it: one that is matched, one that was altered.
    assert_eq!(case("0:m=1 5:a=9 6:n=1", "0:m=1 1:a=2 2:n=1", [7, 3]).judge(), [MISMATCHED]);
    let altered = case("0:m=1 5:a=9 6:b=7", "0:m=1 1:a=2 2:b=8@7", [7, 3]);
    assert_eq!(altered.judge(), [MISMATCHED; 2]);
}

#[test]
fn an_older_value_was_written_before_what_waits_or_is_its_altered_copy() {
    assert_eq!(case("0:m=1 1:a=9", "0:m=1 1:a=2", [2, 2]).judge(), [MISMATCHED], "no offset is free");
    assert_eq!(case("0:m=1 1:a=9", "0:m=1 1:a=2", [9, 2]).judge(), [MISMATCHED], "only behind it");
    let got = case("0:m=1 1:b=5 2:a=9", "0:m=1 1:a=2", [9, 2]).judge();
    assert_eq!(got, [Standing::Pending, MISMATCHED], "the one before it is taken");
    let got = case("0:m=1 2:a=9", "0:m=1 1:a=2 2:a=3", [9, 3]).judge();
    assert_eq!(got, [MISMATCHED, EXTRANEOUS], "one is free for two");
    let got = case("0:m=1 2:a=8 3:b=9", "0:m=1 1:b=2 2:a=3", [9, 3]).judge();
    assert_eq!(got, [Standing::Pending, MISMATCHED, Standing::Compacted], "one is free for two keys");
}

#[test]
fn what_waits_is_newer_by_more_than_the_tolerance_and_not_even_pending_where_the_target_was_not_read() {
    let judge = |timestamps_within: Option<u64>, target_complete: bool| {
        let case = case("0:m=1 5:a=9", "0:m=1 1:a=2", [6, 2]);
        let (mut pair, mut log) = case.classified();
        pair.reading.timestamps_within = timestamps_within;
        pair.reading.complete[1] = target_complete;
        judge_compacted(&mut pair, &Rules::default(), &case.cleaning, LogStarts::default(), &mut log)
            .expect("in memory");
        pair.standings
    };
    assert_eq!(judge(Some(6), true), [Standing::Pending, Standing::Compacted]);
    assert_eq!(judge(Some(7), true), [MISMATCHED]);
    assert_eq!(judge(None, true), [MISMATCHED]);
    assert_eq!(judge(Some(0), false), [Standing::Unverifiable, Standing::Compacted]);
}

#[test]
fn a_copy_of_a_cleaned_source_has_no_gaps_and_is_no_finding() {
    assert_eq!(case("3:b=2 7:a=3 20:c=4", "0:b=2 1:a=3 2:c=4", [21, 3]).judge(), [] as [Standing; 0]);
}

#[test]
fn a_record_without_a_key_cannot_be_compacted() {
    assert_eq!(case("0:-=1 1:b=2 2:-=3", "1:b=2 2:-=3", [3, 3]).judge(), [MISSING]);
}

#[test]
fn an_expired_tombstone_explains_itself_and_what_it_deleted() {
    let got = case("0:a=1 1:a=x@2 2:b=3", "2:b=3", [3, 3]).judge();
    assert_eq!(got, [Standing::Compacted; 2]);
    let got = case("2:b=3", "1:a=x@2 2:b=3", [3, 3]).judge();
    assert_eq!(got, [Standing::Compacted]);
}

#[test]
fn a_young_tombstone_may_not_be_gone() {
    let young = case("0:a=x@860000000 1:b=3", "1:b=3", [2, 2]);
    assert_eq!(young.judge(), [MISSING]);
    let mut of_the_target = case("1:b=3", "0:a=x@860000000 1:b=3", [2, 2]);
    of_the_target.cleaning.timestamps_kept = false;
    assert_eq!(of_the_target.judge(), [Standing::CompactedOrDropped], "its age on the source is not known");
}

#[test]
fn a_tombstone_explains_nothing_while_a_value_of_its_key_is_left() {
    assert_eq!(case("0:a=1 1:a=x@2 2:b=3", "0:a=1 2:b=3", [3, 3]).judge(), [MISSING]);
    // The value stands before the scope.
    let before = Case { start: [1, 3], ..case("0:a=1 1:a=x@2 2:b=3", "0:a=1 5:b=3", [3, 6]) };
    assert_eq!(before.judge(), [MISSING]);
}

#[test]
fn without_a_timestamp_or_the_setting_it_cannot_be_told() {
    let got = case("0:a=x@? 1:b=3", "1:b=3", [2, 2]).judge();
    assert_eq!(got, [Standing::CompactedOrDropped]);
    let mut unknown = case("0:a=x@2 1:b=3", "1:b=3", [2, 2]);
    unknown.cleaning.delete_retention_ms[1] = None;
    assert_eq!(unknown.judge(), [Standing::CompactedOrDropped]);
    let mut no_gap = case("0:a=x@2 1:b=3", "0:b=3", [2, 1]);
    no_gap.cleaning.delete_retention_ms[1] = None;
    assert_eq!(no_gap.judge(), [MISSING], "never written: nothing to guess");
}

#[test]
fn a_pending_record_stays_pending_unless_compaction_explains_it() {
    assert_eq!(case("0:b=1 1:a=2", "0:b=1", [2, 1]).judge(), [Standing::Pending]);
    assert_eq!(case("0:b=1 1:a=2", "0:b=1", [2, 4]).judge(), [Standing::Pending], "free, but the last value");
    assert_eq!(case("0:b=1 1:a=x@2", "0:b=1", [2, 4]).judge(), [Standing::Compacted]);
}

#[test]
fn what_was_written_while_reading_explains_what_was_cleaned_while_reading() {
    // Beyond the ends that were read.
    let got = case("0:a=1 1:b=2 5:a=9", "1:b=2 7:a=9", [2, 2]);
    let got = Case { ends: [2, 2], ..got };
    let all = got.judge();
    assert_eq!(all[0], Standing::Compacted, "{all:?}");
}

#[test]
fn free_offsets_right_before_the_start_count() {
    let got = Case { start: [0, 5], ..case("0:a=1 1:b=2 2:a=3", "3:c=0 5:b=2 6:a=3", [3, 7]) };
    assert_eq!(got.judge(), [Standing::Compacted]);
    let got = Case { start: [0, 5], ..case("0:a=1 1:b=2 2:a=3", "4:c=0 5:b=2 6:a=3", [3, 7]) };
    assert_eq!(got.judge(), [MISSING], "the offset before the start is taken");
}

#[test]
fn one_timestamp_is_one_write_and_stays_a_finding() {
    // Resent: the source has free offsets, and a later record of the key.
    let got = case("0:a=1 1:b=2 9:a=3", "0:a=1 1:b=2 2:a=1 3:a=3", [10, 4]).judge();
    assert_eq!(got, [Standing::Finding(FindingKind::DuplicateRecord)]);
    // The same before the copy that is matched in order, whatever time that one has.
    let got = case("1:b=2 2:a=1@5 9:a=3", "0:a=1@5 1:b=2 2:a=1@7 9:a=3", [10, 10]).judge();
    assert_eq!(got, [Standing::Finding(FindingKind::DuplicateRecord)]);
    // The same value written twice, one of them compacted.
    let got = case("0:a=1@1 1:b=2 9:a=3", "0:a=1@1 1:b=2 2:a=1@7 3:a=3", [10, 4]).judge();
    assert_eq!(got, [Standing::Compacted]);
    // Altered on the way; and two writes of which each side has compacted one.
    let got = case("0:c=0 2:a=1@5 4:b=2 5:a=3", "0:c=0 2:a=8@5 4:b=2 5:a=3", [6, 6]).judge();
    assert_eq!(got, [Standing::Finding(FindingKind::MismatchedRecord)]);
    let got = case("0:c=0 2:a=1@5 4:b=2 5:a=3", "0:c=0 2:a=8@6 4:b=2 5:a=3", [6, 6]).judge();
    assert_eq!(got, [Standing::Compacted]);
}

#[test]
fn of_equal_values_compaction_leaves_the_later() {
    let got = case("2:a=1@9 3:b=2", "0:a=1@3 1:a=4 2:a=1@9 3:b=2", [4, 4]).judge();
    assert_eq!(got, [Standing::Compacted; 2]);
    let got = case("0:a=1@3 1:a=4 2:a=1@9 3:b=2", "2:a=1@9 3:b=2", [4, 4]).judge();
    assert_eq!(got, [Standing::Compacted; 2]);
}

#[test]
fn records_that_were_explained_of_a_key_that_ends_unequal_are_what_they_were_before() {
    let taken_back = |case: Case, standings: &[Standing]| {
        let (mut pair, mut log) = case.classified();
        let gaps = Gaps::of(&pair);
        let claims = claims(&pair, &gaps);
        let rules = Rules::default();
        let seen = Seen::look(&pair, &gaps, &claims, &rules, &mut log).expect("in memory");
        let before = std::mem::replace(&mut pair.standings, standings.to_vec());
        take_back_unequal_keys(&mut pair, &gaps, &claims, &seen, &rules, &before);
        pair.standings
    };
    let compacted = [Standing::Compacted];
    assert_eq!(taken_back(case("0:a=1 1:b=2", "1:b=2", [2, 2]), &compacted), [MISSING]);
    assert_eq!(taken_back(case("1:b=2", "0:a=1 1:b=2", [2, 2]), &compacted), [EXTRANEOUS]);
    assert_eq!(taken_back(case("0:a=1 1:b=2 2:a=3", "1:b=2 2:a=3", [3, 3]), &compacted), compacted);
    assert_eq!(taken_back(case("0:a=x 1:b=2", "1:b=2", [2, 2]), &compacted), compacted, "both have none");
    let since = || case("0:a=1 1:b=2", "1:b=2 2:a=9", [2, 2]);
    assert_eq!(taken_back(since(), &[Standing::Compacted; 2])[0], Standing::Compacted, "written since");
    // Of a key with a record that is still open nothing is promised.
    let open = [Standing::Compacted, MISSING];
    assert_eq!(taken_back(case("0:a=1 1:a=2 2:b=3", "2:b=3", [3, 3]), &open), open);
}

#[test]
fn what_was_not_judged_is_not_called_compacted() {
    let case = || case("0:a=1 1:a=2 2:b=1", "1:a=2 2:b=1", [3, 3]);
    assert_eq!(case().judge(), [Standing::Compacted]);
    for standing in [Standing::Unverifiable, Standing::Beyond] {
        let (mut pair, mut log) = case().classified();
        pair.standings.fill(standing);
        judge_compacted(&mut pair, &Rules::default(), &case().cleaning, LogStarts::default(), &mut log)
            .expect("in memory");
        assert_eq!(pair.standings, [standing]);
    }
}

#[test]
fn where_the_beginning_of_a_log_is_gone_no_tombstone_proves_that_it_held_no_older_value() {
    let judge = |planned: i64, now: i64| {
        let case = Case { start: [5, 5], ..case("5:a=x@2 6:b=3", "6:b=3", [7, 7]) };
        case.judge_from(LogStarts { planned: [0, planned], now: [0, now] })
    };
    assert_eq!(judge(0, 0), [Standing::Compacted]);
    assert_eq!(judge(3, 3), [Standing::Compacted], "gone before the run");
    assert_eq!(judge(0, 3), [Standing::CompactedOrDropped]);
}

#[test]
fn what_has_its_place_in_a_part_that_is_gone_is_unverifiable_and_the_rest_is_judged() {
    // More matches than are looked back over.
    let matched: Vec<String> = (1..=100).map(|n| format!("{n}:k={n}")).collect();
    let [source, target] = [
        format!("0:a=1 {} 101:c=1 102:c=2 103:a=2", matched.join(" ")),
        format!("{} 102:c=2 103:a=2", matched.join(" ")),
    ]
    .map(|log| -> &'static str { log.leak() });
    let judge =
        |now: i64| case(source, target, [104, 104]).judge_from(LogStarts { planned: [0, 0], now: [0, now] });
    assert_eq!(judge(0), [Standing::Compacted; 2]);
    assert_eq!(judge(30), [Standing::Unverifiable, Standing::Compacted]);
    assert_eq!(judge(60), [Standing::Unverifiable; 2]);
}

#[test]
fn whether_an_offset_before_the_beginning_of_the_log_was_free_cannot_be_told() {
    let judge = |source: &'static str, target_log_start: i64| {
        let case = Case { start: [5, 6], ..case(source, "6:b=2 7:a=3", [8, 8]) };
        let starts = [5, target_log_start];
        case.judge_from(LogStarts { planned: starts, now: starts })
    };
    assert_eq!(judge("5:a=1 6:b=2 7:a=3", 5), [Standing::Compacted]);
    assert_eq!(judge("5:a=1 6:b=2 7:a=3", 6), [Standing::CompactedOrDropped]);
    assert_eq!(judge("5:c=1 6:b=2 7:a=3", 6), [MISSING], "compaction leaves a last value");
}
