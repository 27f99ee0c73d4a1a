//! Location against whole lists in memory, with every trouble that a copy can have.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::record::OffsetRange;

/// Two logs in memory. Lookups by timestamp work as a broker's do.
#[derive(Clone, Debug, Default)]
struct Memory {
    logs: [Vec<LocatedItem>; 2],
    bounds: [Option<LogBounds>; 2],
    records: usize,
    reads: usize,
}

impl Memory {
    fn log(&self, side: Side) -> &[LocatedItem] {
        &self.logs[side as usize]
    }
}

impl LogReader for Memory {
    type Error = std::convert::Infallible;

    fn bounds(&mut self, side: Side) -> Result<LogBounds, Self::Error> {
        let log = self.log(side);
        let start = log.first().map_or(0, |item| item.offset);
        let end = log.last().map_or(0, |item| item.offset + 1);
        Ok(self.bounds[side as usize].unwrap_or(LogBounds { start, end }))
    }

    fn offset_at_or_after(&mut self, side: Side, timestamp_ms: i64) -> Result<Option<i64>, Self::Error> {
        Ok(self.log(side).iter().find(|item| item.timestamp >= timestamp_ms).map(|item| item.offset))
    }

    fn read(
        &mut self,
        side: Side,
        from_offset: i64,
        max_records: usize,
    ) -> Result<Vec<LocatedItem>, Self::Error> {
        let from = self.log(side).partition_point(|item| item.offset < from_offset);
        let out: Vec<_> = self.log(side)[from..].iter().take(max_records).copied().collect();
        self.records += out.len();
        self.reads += 1;
        Ok(out)
    }
}

fn item(offset: i64, timestamp: i64, identity: u128) -> LocatedItem {
    LocatedItem { offset, timestamp, identity }
}

/// A log from offset `base` on, one record per letter; timestamps follow the letters.
fn letters(base: i64, text: &str) -> Vec<LocatedItem> {
    text.chars().enumerate().map(|(i, c)| item(base + i as i64, c as i64, c as u128)).collect()
}

fn pair(source: &str, target: &str) -> Memory {
    // The source starts at 100, so that it counts as a log that has lost its beginning.
    Memory { logs: [letters(100, source), letters(0, target)], ..Memory::default() }
}

const BOTH: [TimestampHelp; 2] = [TimestampHelp::Within(0), TimestampHelp::None];

/// Short runs and windows, so that small logs exercise the widening, and so little kept that most of it is let go.
fn tight() -> LocateLimits {
    LocateLimits { run: 2, run_max: 1 << 12, window: 2, records_max: 1_000_000, kept: 12 }
}

fn at(source: &str, target: &str, start: i64) -> Vec<Option<i64>> {
    let mut out = Vec::new();
    for help in BOTH {
        for limits in [LocateLimits::default(), tight()] {
            out.push(
                match locate(&mut pair(source, target), 100 + start, None, help, limits).expect("infallible")
                {
                    Located::At { offset, .. } => Some(offset),
                    _ => None,
                },
            );
        }
    }
    out
}

fn at_end(source: &str, target: &str, start: i64) -> Vec<Option<(i64, bool)>> {
    let mut out = Vec::new();
    for help in BOTH {
        for limits in [LocateLimits::default(), tight()] {
            out.push(
                match locate(&mut pair(source, target), 100 + start, None, help, limits).expect("infallible")
                {
                    Located::AtEnd { offset, caught_up, .. } => Some((offset, caught_up)),
                    _ => None,
                },
            );
        }
    }
    out
}

#[test]
fn an_equal_copy_is_found_at_its_place() {
    for start in 1..26 {
        assert_eq!(
            at("abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz", start),
            vec![Some(start); 4]
        );
    }
}

#[test]
fn what_follows_the_copy_of_the_sources_last_record_is_in_scope() {
    // The source may bring it yet: an open transaction, or a record that came between two questions.
    assert_eq!(at_end("abcdef", "abcdefXY", 6), vec![Some((6, true)); 4]);
    assert_eq!(at_end("abcdef", "abcdef", 6), vec![Some((6, true)); 4]);
    assert_eq!(at_end("abcdef", "abcdXY", 6), vec![Some((6, false)); 4], "e and f may come yet");
    let many: Vec<LocatedItem> = (0..10_000).map(|n| item(n, n, n as u128)).collect();
    let source: Vec<LocatedItem> =
        many[..2_000].iter().map(|i| item(i.offset + 100, i.timestamp, i.identity)).collect();
    for help in BOTH {
        let mut logs = Memory { logs: [source.clone(), many.clone()], ..Memory::default() };
        let found = locate(&mut logs, 2_100, None, help, LocateLimits::default()).expect("infallible");
        assert!(matches!(found, Located::AtEnd { offset: 2_000, caught_up: true, .. }), "{found:?}");
    }
}

#[test]
fn of_a_source_that_never_had_a_record_the_whole_target_is_in_scope() {
    for help in BOTH {
        let mut logs = Memory { logs: [Vec::new(), letters(10, "XY")], ..Memory::default() };
        let found = locate(&mut logs, 0, None, help, LocateLimits::default()).expect("infallible");
        assert!(matches!(found, Located::At { offset: 10, .. }), "{found:?}");
        logs.logs[1].clear();
        let found = locate(&mut logs, 0, None, help, LocateLimits::default()).expect("infallible");
        assert!(matches!(found, Located::At { offset: 0, .. }), "{found:?}");
    }
}

#[test]
fn the_first_copy_counts_where_records_were_copied_twice() {
    assert_eq!(at("abcdef", "abcdabcdef", 2), vec![Some(2); 4], "both copies of c; the lower one");
    assert_eq!(at("abcdef", "ababcdef", 2), vec![Some(4); 4], "the second pass begins before the start");
    assert_eq!(at("abcdef", "abcdeff", 5), vec![Some(5); 4]);
}

#[test]
fn a_record_that_came_too_early_belongs_to_the_scope() {
    assert_eq!(at("abcdef", "abedcf", 4), vec![Some(2); 4]);
}

#[test]
fn what_stands_in_the_place_of_lost_records_is_in_scope() {
    assert_eq!(at("abcdef", "abef", 2), vec![Some(2); 4], "c and d are lost");
    assert_eq!(at("abcdef", "abXYef", 2), vec![Some(2); 4], "c and d are changed");
    assert_eq!(at("abcdef", "abXcdef", 2), vec![Some(3); 4], "X is before the image of c");
    assert_eq!(at("abcdef", "aXYdef", 2), vec![Some(2); 4], "b and c are changed; b is out of scope");
    assert_eq!(at("abcdef", "adef", 2), vec![Some(1); 4], "b and c are lost");
}

#[test]
fn with_nothing_copied_from_there_on_the_end_is_the_start() {
    assert_eq!(at_end("abcd", "ab", 2), vec![Some((2, true)); 4]);
    assert_eq!(at_end("abcd", "abcd", 4), vec![Some((4, true)); 4], "the group has read everything");
    assert_eq!(at_end("abcd", "abXY", 2), vec![Some((2, true)); 4], "c and d are changed");
    assert_eq!(at_end("abcd", "a", 3), vec![Some((1, false)); 4], "the copy is not there yet");
    assert_eq!(at_end("abcd", "", 3), vec![Some((0, false)); 4], "an empty target");
}

#[test]
fn a_stretch_that_is_being_copied_again_is_no_part_of_the_scope() {
    let alphabet = "abcdefghijklmnopqrstuvwxyz";
    let limits = LocateLimits { run: 2, ..LocateLimits::default() };
    for help in BOTH {
        let mut logs = pair(alphabet, "abcdefghijklmnopqrstuvwxabcdefgh");
        let found = locate(&mut logs, 124, None, help, limits).expect("infallible");
        assert!(matches!(found, Located::AtEnd { offset: 32, caught_up: false, .. }), "{found:?}");
        let mut logs = pair(alphabet, "abcdefghijklmnopqrstuvwxabcdefghijklmnopqrstuvwx");
        let found = locate(&mut logs, 124, None, help, limits).expect("infallible");
        assert!(matches!(found, Located::AtEnd { offset: 48, caught_up: true, .. }), "{found:?}");
    }
}

#[test]
fn records_left_of_the_sources_log_start_stay_out_of_scope() {
    assert_eq!(at("abc", "xyzabc", 0), vec![Some(3); 4]);
    assert_eq!(at("abc", "xyzbc", 0), vec![Some(3); 4], "z may be an old copy");
}

#[test]
fn from_the_first_record_ever_the_whole_target_is_in_scope() {
    for target in ["Xabc", "Xbc", "", "abc"] {
        let mut logs = Memory { logs: [letters(0, "abc"), letters(7, target)], ..Memory::default() };
        logs.bounds[1] = Some(LogBounds { start: 7, end: 7 + target.len() as i64 });
        let found = locate(&mut logs, 0, None, TimestampHelp::Within(0), LocateLimits::default());
        assert!(matches!(found, Ok(Located::At { offset: 7, .. })), "{target}: {found:?}");
    }
}

#[test]
fn what_is_on_neither_side_known_is_not_located() {
    for help in BOTH {
        let found = locate(&mut pair("abcd", "WXYZ"), 102, None, help, tight()).expect("infallible");
        let Located::NotLocated { why, .. } = found else { panic!("{found:?}") };
        assert!(why.contains("offset 102") && why.contains("contract"), "{why}");
    }
}

#[test]
fn repeated_records_are_told_apart_by_the_records_around_them() {
    assert_eq!(at("axxxxb", "axxxxb", 3), vec![Some(3); 4]);
    assert_eq!(at("axbxcx", "axbxcx", 3), vec![Some(3); 4]);
    assert_eq!(at("xyxz", "xyxz", 2), vec![Some(2); 4]);
    assert_eq!(
        at("xxxxxxxx", "xxxxxxxx", 5),
        vec![Some(5); 4],
        "nothing but repeats: counted from the start"
    );
    assert_eq!(at("abcabcabcabcd", "abcabcabcabcd", 6), vec![Some(6); 4]);
}

#[test]
fn copies_of_earlier_repeats_are_not_taken_for_those_around_the_start() {
    // b and c occur early and again around the start; only the early ones are copied.
    assert_eq!(at_end("bpqrscpqrsdbc", "bc", 12)[..2], [Some((2, false)); 2]);
    assert_eq!(at_end("bpqrscpqrsdbc", "bpqrscpqrsdb", 12), vec![Some((12, true)); 4]);
    assert_eq!(at("bpqrscpqrsdbc", "bpqrscpqrsdbc", 12), vec![Some(12); 4]);
    assert_eq!(
        at_end("xxxxxxxx", "xxxxx", 6),
        vec![Some((5, false)); 4],
        "one x before the start is not there"
    );
    assert_eq!(at_end("xxxxxxxx", "xxxxxx", 6), vec![Some((6, true)); 4]);
}

#[test]
fn a_long_run_of_equal_records_is_counted_through() {
    let make = |count: usize| (0..count as i64).map(|i| item(i + 10, 5, 9)).collect::<Vec<_>>();
    let mut logs = Memory { logs: [make(1000), make(990)], ..Memory::default() };
    for help in BOTH {
        let found = locate(&mut logs, 510, Some(415), help, LocateLimits::default()).expect("infallible");
        assert!(matches!(found, Located::At { offset: 510, .. }), "{found:?}");
    }
}

/// The same record once a second, with timestamps this far from the full second.
fn beats(seconds: impl Iterator<Item = i64>, off: i64) -> Vec<LocatedItem> {
    let beat = |(offset, second): (i64, i64)| item(offset, 1_000_000 + second * 1_000 + off, 1 << 70);
    (0..).zip(seconds).map(beat).collect()
}

#[test]
fn equal_records_further_apart_than_the_tolerance_are_told_apart_by_time() {
    let cases: [(Vec<i64>, i64, &str); 3] = [
        ((10..100).collect(), 40, "the target begins later"),
        ((0..100).filter(|&n| n != 7).collect(), 49, "one is lost before the start"),
        ((0..8).chain(7..100).collect(), 51, "one is copied twice before it"),
    ];
    for (target, expected, what) in cases {
        for off in [-5, 0, 5] {
            let logs = [beats(0..100, 0), beats(target.iter().copied(), off)];
            let mut logs = Memory { logs, ..Memory::default() };
            for limits in [LocateLimits::default(), tight()] {
                let found = locate(&mut logs, 50, None, TimestampHelp::Within(5), limits);
                let Ok(Located::At { offset, .. }) = found else { panic!("{found:?}") };
                assert_eq!(offset, expected, "{what}, {off} ms off");
            }
        }
    }
}

#[test]
fn however_many_equal_records_there_are_time_tells_them_apart() {
    let logs = [beats(0..200_000, 0), beats((0..200_000).filter(|&n| n != 7), 3)];
    let mut logs = Memory { logs, ..Memory::default() };
    let found = locate(&mut logs, 150_000, None, TimestampHelp::Within(5), LocateLimits::default());
    assert!(matches!(found, Ok(Located::At { offset: 149_999, .. })), "{found:?}");
    assert!(logs.records < 2_000, "{} records were read", logs.records);
}

#[test]
fn an_equal_record_of_another_time_is_no_copy_of_one_further_back_than_the_run() {
    let other = |n: i64| item(n, 1_000 + n * 20, n as u128);
    let beat = |offset: i64, timestamp: i64| item(offset, timestamp, 1 << 70);
    let mut source: Vec<_> = (0..20).map(other).collect();
    source[2] = beat(2, 1_040);
    // A stranger with an early timestamp and an equal record stand where the first two from the start on are lost.
    for (timestamp, expected) in [(1_205, 10), (1_043, 12)] {
        let mut target = source.clone();
        target[10] = item(10, 1_000, 1 << 80);
        target[11] = beat(11, timestamp);
        let mut logs = Memory { logs: [source.clone(), target], ..Memory::default() };
        let limits = LocateLimits { run: 5, ..LocateLimits::default() };
        let found = locate(&mut logs, 10, None, TimestampHelp::Within(5), limits);
        let Ok(Located::At { offset, .. }) = found else { panic!("{found:?}") };
        assert_eq!(offset, expected, "with {timestamp}");
    }
}

#[test]
fn a_lookup_by_timestamp_reads_little_of_a_long_log() {
    let log: Vec<_> = (0..200_000i64).map(|i| item(i, 1_000 + i / 3, i as u128)).collect();
    let mut logs = Memory { logs: [log.clone(), log], ..Memory::default() };
    let found = locate(&mut logs, 150_000, None, TimestampHelp::Within(0), LocateLimits::default());
    assert!(matches!(found, Ok(Located::At { offset: 150_000, .. })), "{found:?}");
    assert!(logs.records < 2_000, "{} records were read", logs.records);
}

#[test]
fn one_timestamp_of_long_ago_does_not_cost_the_whole_log() {
    let mut source: Vec<_> = (0..1_500_000i64).map(|i| item(i, 1_000_000 + i, i as u128)).collect();
    source[1_400_010].timestamp = 7;
    let mut target = source.clone();
    target[1].timestamp = 8;
    target[1].identity = 1 << 90;
    let mut logs = Memory { logs: [source, target], ..Memory::default() };
    let found = locate(&mut logs, 1_400_000, None, TimestampHelp::Within(0), LocateLimits::default());
    assert!(matches!(found, Ok(Located::At { offset: 1_400_000, .. })), "{found:?}");
    assert!(logs.records < 5_000, "{} records were read", logs.records);
}

#[test]
fn one_timestamp_of_long_ago_does_not_hide_the_copies_of_the_sources_first_records() {
    // The source has lost what came before; the target still holds it.
    let older = 1_500_000i64;
    let record = |n: i64| item(0, 1_000_000 + n, n as u128);
    let mut target: Vec<_> = (0..older + 1_000).map(record).collect();
    target[older as usize + 3].timestamp = 7;
    number(&mut target, &[0]);
    let mut source = target[older as usize..].to_vec();
    for (n, record) in (0i64..).zip(&mut source) {
        record.offset = 3_000_000 + n;
    }
    let mut logs = Memory { logs: [source, target], ..Memory::default() };
    for ahead in [0, 2] {
        let start = 3_000_000 + ahead;
        let found = locate(&mut logs, start, None, TimestampHelp::Within(0), LocateLimits::default());
        let Ok(Located::At { offset, .. }) = &found else { panic!("{found:?}") };
        assert_eq!(*offset, older + ahead, "{found:?}");
    }
}

#[test]
fn a_lost_record_beside_a_timestamp_of_long_ago_does_not_cost_the_whole_log() {
    let mut source: Vec<_> = (0..1_500_000i64).map(|i| item(i, 1_000_000 + i, i as u128)).collect();
    source[1_400_010].timestamp = 7;
    let mut target = source.clone();
    target.remove(1_400_000);
    let mut logs = Memory { logs: [source, target], ..Memory::default() };
    let found = locate(&mut logs, 1_400_000, None, TimestampHelp::Within(0), LocateLimits::default());
    assert!(matches!(found, Ok(Located::At { offset: 1_400_001, .. })), "{found:?}");
    assert!(logs.records < 5_000, "{} records were read", logs.records);
}

#[test]
fn without_timestamps_a_hint_saves_reading() {
    let log: Vec<_> = (0..500_000i64).map(|i| item(i, -1, i as u128)).collect();
    let mut shifted: Vec<_> = log.clone();
    for item in &mut shifted {
        item.offset += 40_000;
    }
    let mut logs = Memory { logs: [log, shifted], ..Memory::default() };
    let found = locate(&mut logs, 300_000, Some(339_500), TimestampHelp::None, LocateLimits::default());
    assert!(matches!(found, Ok(Located::At { offset: 340_000, .. })), "{found:?}");
    assert!(logs.records < 100_000, "{} records were read", logs.records);
}

#[test]
fn the_limit_on_reading_ends_the_search() {
    let log: Vec<_> = (0..10_000i64).map(|i| item(i, 5, i as u128)).collect();
    let mut logs = Memory { logs: [log.clone(), log], ..Memory::default() };
    let limits = LocateLimits { records_max: 1_000, ..LocateLimits::default() };
    let found = locate(&mut logs, 9_000, None, TimestampHelp::Within(0), limits);
    assert!(matches!(found, Ok(Located::NotLocated { .. })), "{found:?}");
}

#[test]
fn the_lead_in_reaches_back_to_the_lowest_record_it_copies() {
    for help in BOTH {
        for limits in [LocateLimits::default(), tight()] {
            let back = |target: &str, from: i64, to: i64| {
                let lead_in = OffsetRange { start: from, end: to };
                match locate_source(&mut pair("abcdefgh", target), lead_in, 106, help, limits)
                    .expect("infallible")
                {
                    Located::At { offset, .. } => Some(offset),
                    Located::AtEnd { offset: 106, .. } => None,
                    other => panic!("{other:?}"),
                }
            };
            assert_eq!(back("abcdefgh", 3, 6), Some(103));
            assert_eq!(back("abcdefgh", 6, 6), None, "nothing to replay");
            assert_eq!(back("abcdXfgh", 4, 6), Some(105), "X is no copy");
            assert_eq!(back("abcdabcdefgh", 3, 10), Some(100), "the second pass goes further back");
            assert_eq!(back("abcdefXYgh", 6, 8), None, "only unknown records");
        }
    }
}

/// Where the answer is, from whole lists. Only for identities that do not repeat on the source.
fn oracle(source: &[LocatedItem], target: &[LocatedItem], start: i64) -> Located {
    let known = |offset: i64, caught_up: Option<bool>| match caught_up {
        None => Located::At { offset, records_read: 0, evidence: String::new() },
        Some(caught_up) => Located::AtEnd { offset, caught_up, records_read: 0, evidence: String::new() },
    };
    let behind: Vec<u128> = source.iter().filter(|i| i.offset < start).map(|i| i.identity).collect();
    let ahead: Vec<u128> = source.iter().filter(|i| i.offset >= start).map(|i| i.identity).collect();
    let first = target.iter().position(|t| ahead.contains(&t.identity));
    let before = first.unwrap_or(target.len());
    let end = target.last().map_or(0, |t| t.offset + 1);
    let at = first.map_or(end, |i| target[i].offset);
    let lost =
        first.map_or(ahead.len(), |i| ahead.iter().position(|id| *id == target[i].identity).expect("in"));
    let last = (0..before).rev().find(|&i| behind.contains(&target[i].identity));
    let offset = match last {
        Some(last) if lost > 0 || first.is_none() => {
            let gap = &target[last + 1..before];
            let follows = behind.last() == Some(&target[last].identity);
            let taken = if follows { gap.len() } else { gap.len().min(lost) };
            gap.get(gap.len() - taken).map_or(at, |t| t.offset)
        }
        _ => at,
    };
    if first.is_some() {
        return known(offset, None);
    }
    if last.is_none() && !behind.is_empty() && !target.is_empty() {
        return Located::NotLocated { why: String::new(), records_read: 0 };
    }
    let copied: HashSet<u128> = target.iter().map(|t| t.identity).collect();
    known(offset, Some(behind.last().is_none_or(|id| copied.contains(id))))
}

fn bare(located: Located) -> Located {
    match located {
        Located::At { offset, .. } => Located::At { offset, records_read: 0, evidence: String::new() },
        Located::AtEnd { offset, caught_up, .. } => {
            Located::AtEnd { offset, caught_up, records_read: 0, evidence: String::new() }
        }
        Located::NotLocated { .. } => Located::NotLocated { why: String::new(), records_read: 0 },
    }
}

/// What happened to one source record on its way: lost, changed, repeated, preceded by a stranger, late.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Kept,
    Lost,
    Changed,
    Twice,
    Stranger,
    Late,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        12 => Just(Fate::Kept),
        2 => Just(Fate::Lost),
        1 => Just(Fate::Changed),
        1 => Just(Fate::Twice),
        1 => Just(Fate::Stranger),
        1 => Just(Fate::Late),
    ]
}

/// Copies the source with these fates, then copies a stretch of the result again.
fn copy(
    source: &[LocatedItem],
    fates: &[Fate],
    again: Option<(usize, usize)>,
    gaps: &[i64],
) -> Vec<LocatedItem> {
    let mut out: Vec<LocatedItem> = Vec::new();
    let mut late: Vec<LocatedItem> = Vec::new();
    for (stranger, (record, fate)) in (1u128 << 100..).zip(source.iter().zip(fates)) {
        match fate {
            Fate::Kept => out.push(*record),
            Fate::Lost => {}
            Fate::Changed => out.push(LocatedItem { identity: stranger, ..*record }),
            Fate::Twice => out.extend([*record, *record]),
            Fate::Stranger => out.extend([LocatedItem { identity: stranger, ..*record }, *record]),
            Fate::Late => late.push(*record),
        }
        if late.len() > 2 {
            out.append(&mut late);
        }
    }
    out.append(&mut late);
    if let Some((from, to)) = again {
        let (from, to) = (from.min(out.len()), to.min(out.len()));
        if from < to {
            let stretch = out[from..to].to_vec();
            out.splice(to..to, stretch);
        }
    }
    number(&mut out, gaps);
    out
}

fn number(log: &mut [LocatedItem], gaps: &[i64]) {
    let mut next = 0;
    for (index, record) in log.iter_mut().enumerate() {
        next += gaps.get(index % gaps.len().max(1)).copied().unwrap_or(0);
        record.offset = next;
        next += 1;
    }
}

prop_compose! {
    fn unique_source(max: usize)(
        times in proptest::collection::vec(0i64..30, 0..max), gaps in proptest::collection::vec(0i64..3, 1..5), base in 1i64..50,
    ) -> Vec<LocatedItem> {
        let mut log: Vec<_> = times.iter().enumerate().map(|(i, t)| item(0, *t, i as u128)).collect();
        number(&mut log, &gaps);
        for record in &mut log {
            record.offset += base;
        }
        log
    }
}

/// Equal records have equal timestamps, as where the timestamp is part of the identity.
fn lost_only(
    identities: &[u128],
    kept: &[bool],
    at: usize,
    same_time: bool,
    help: TimestampHelp,
    limits: LocateLimits,
) -> Result<(), TestCaseError> {
    let time = |id: u128| if same_time { 7 } else { 100 + id as i64 };
    let source: Vec<_> =
        identities.iter().enumerate().map(|(i, id)| item(i as i64 + 5, time(*id), *id)).collect();
    let mut target: Vec<_> = source.iter().zip(kept).filter(|(_, kept)| **kept).map(|(i, _)| *i).collect();
    number(&mut target, &[0]);
    let at = at.min(source.len());
    let ids = |log: &[LocatedItem]| log.iter().map(|i| i.identity).collect::<Vec<_>>();
    let pairs = lcs::leftmost(&ids(&source), &ids(&target)).expect("short");
    let expected = pairs.iter().find(|pair| pair.0 >= at).map(|pair| target[pair.1].offset);
    let start = source.get(at).map_or(source.len() as i64 + 5, |i| i.offset);
    let mut logs = Memory { logs: [source, target], ..Memory::default() };
    let last_copied = pairs.iter().any(|pair| pair.0 + 1 == at);
    let got = match locate(&mut logs, start, None, help, limits).expect("infallible") {
        Located::At { offset, .. } => Some(offset),
        Located::AtEnd { caught_up, .. } => {
            prop_assert_eq!(caught_up, last_copied, "{:?}", help);
            None
        }
        Located::NotLocated { .. } if pairs.is_empty() => None,
        other => panic!("{other:?}"),
    };
    prop_assert_eq!(got, expected, "{:?}", help);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn it_agrees_with_whole_lists_whatever_happened_on_the_way(
        source in unique_source(40), fates in proptest::collection::vec(fate(), 40),
        again in proptest::option::of((0usize..40, 0usize..40)), gaps in proptest::collection::vec(0i64..3, 1..4),
        at in 0usize..41, cut in 0usize..20, short: bool, hint in proptest::option::of(0i64..60),
    ) {
        // A record that comes too early by more than the run is not seen: long runs only for those.
        let fates: Vec<Fate> =
            fates.iter().map(|fate| if short && matches!(fate, Fate::Late) { Fate::Kept } else { *fate }).collect();
        let mut target = copy(&source, &fates, again, &gaps);
        target.truncate(target.len().saturating_sub(cut.saturating_sub(10)));
        let end = source.last().map_or(1, |i| i.offset + 1);
        let start = source.get(at).map_or(end, |i| i.offset);
        let expected = oracle(&source, &target, start);
        let mut logs = Memory { logs: [source, target], ..Memory::default() };
        logs.bounds[0] = Some(LogBounds { start: logs.logs[0].first().map_or(1, |i| i.offset), end });
        let limits = if short { tight() } else { LocateLimits::default() };
        let exact = locate(&mut logs, start, hint, TimestampHelp::Within(0), limits).expect("infallible");
        // With a short run, a stretch copied again counts as a copy that is still under way.
        let plain = |located: Located| match located {
            Located::AtEnd { offset, .. } if short => Located::At { offset, records_read: 0, evidence: String::new() },
            other => other,
        };
        prop_assert_eq!(plain(bare(exact)), plain(expected.clone()), "by timestamp");
        // Without timestamps a window must be able to show what happened.
        let blind = locate(&mut logs, start, hint, TimestampHelp::None, LocateLimits::default()).expect("infallible");
        prop_assert_eq!(bare(blind), expected, "by window");
    }

    #[test]
    fn equal_records_far_apart_in_time_are_located_as_if_they_were_different(
        source in unique_source(40), fates in proptest::collection::vec(fate(), 40),
        again in proptest::option::of((0usize..40, 0usize..40)), at in 0usize..40,
        off in proptest::collection::vec(-5i64..6, 1..7),
    ) {
        let spread = |i: &LocatedItem| LocatedItem { timestamp: 1_000 + i.identity as i64 * 20, ..*i };
        let source: Vec<_> = source.iter().map(spread).collect();
        let target = copy(&source, &fates, again, &[0]);
        let start = source.get(at).map_or(1, |i| i.offset);
        // Strangers stay what they are; of the others every second one is equal.
        let alike = |log: &[LocatedItem], off: &[i64]| -> Vec<LocatedItem> {
            let alike = |(i, off): (&LocatedItem, &i64)| LocatedItem {
                timestamp: i.timestamp + off,
                identity: if i.identity < 1 << 100 { i.identity % 2 } else { i.identity },
                ..*i
            };
            log.iter().zip(off.iter().cycle()).map(alike).collect()
        };
        let equal = [alike(&source, &[0]), alike(&target, &off)];
        for limits in [LocateLimits::default(), tight()] {
            let mut logs = Memory { logs: [source.clone(), target.clone()], ..Memory::default() };
            let expected = locate(&mut logs, start, None, TimestampHelp::Within(0), limits).expect("infallible");
            let mut logs = Memory { logs: equal.clone(), ..Memory::default() };
            let got = locate(&mut logs, start, None, TimestampHelp::Within(5), limits).expect("infallible");
            prop_assert_eq!(bare(got), bare(expected));
        }
    }

    #[test]
    fn a_copy_that_only_lost_records_is_located_as_the_longest_common_subsequence_says(
        identities in proptest::collection::vec(0u128..6, 1..40),
        kept in proptest::collection::vec(proptest::bool::weighted(0.8), 40), at in 1usize..40, same_time: bool,
    ) {
        for help in BOTH {
            lost_only(&identities, &kept, at, same_time, help, LocateLimits::default())?;
        }
    }

    #[test]
    fn repeats_that_stay_near_need_only_short_runs(
        repeats in proptest::collection::vec((proptest::bool::weighted(0.3), 0usize..3), 20..90),
        lost in proptest::collection::hash_set(0usize..90, 0..8), at in 1usize..90,
    ) {
        let mut identities: Vec<u128> = Vec::new();
        for (index, (repeated, back)) in repeats.iter().enumerate() {
            let earlier = identities.len().checked_sub(back + 1).map(|i| identities[i]);
            identities.push(earlier.filter(|_| *repeated).unwrap_or(index as u128));
        }
        let kept: Vec<bool> = (0..identities.len()).map(|i| !lost.contains(&i)).collect();
        let limits = LocateLimits { run: 24, window: 16, ..LocateLimits::default() };
        for help in BOTH {
            lost_only(&identities, &kept, at, false, help, limits)?;
        }
    }

    #[test]
    fn with_short_windows_and_no_timestamps_an_ordered_copy_is_located(
        count in 30usize..120, lost in proptest::collection::hash_set(0usize..120, 0..6), at in 1usize..120,
        shift in 0i64..500, hint in proptest::option::of(0i64..600),
    ) {
        let source: Vec<_> = (0..count as i64).map(|i| item(i + 3, -1, i as u128)).collect();
        let mut target: Vec<_> =
            source.iter().enumerate().filter(|(i, _)| !lost.contains(i)).map(|(_, r)| *r).collect();
        for (index, record) in target.iter_mut().enumerate() {
            record.offset = shift + index as i64;
        }
        let start = source.get(at).map_or(count as i64 + 3, |i| i.offset);
        let expected = oracle(&source, &target, start);
        let mut logs = Memory { logs: [source, target], ..Memory::default() };
        let got = locate(&mut logs, start, hint, TimestampHelp::None, tight()).expect("infallible");
        prop_assert_eq!(bare(got), expected);
    }

    #[test]
    fn the_lead_in_is_traced_to_its_lowest_source_record(
        source in unique_source(40), fates in proptest::collection::vec(fate(), 40),
        again in proptest::option::of((0usize..40, 0usize..40)), from in 0i64..60, length in 0i64..60, near in 0i64..120,
    ) {
        let target = copy(&source, &fates, again, &[0]);
        let lead_in = OffsetRange { start: from, end: from + length };
        let inside: HashSet<u128> =
            target.iter().filter(|t| t.offset >= lead_in.start && t.offset < lead_in.end).map(|t| t.identity).collect();
        let expected = source.iter().find(|s| s.offset < near && inside.contains(&s.identity)).map(|s| s.offset);
        let mut logs = Memory { logs: [source, target], ..Memory::default() };
        for help in BOTH {
            let got = locate_source(&mut logs, lead_in, near, help, LocateLimits::default()).expect("infallible");
            let got = match got {
                Located::At { offset, .. } => Some(offset),
                Located::AtEnd { .. } => None,
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(got, expected, "{:?}", help);
        }
    }
}

#[test]
fn what_was_read_is_not_read_again_while_it_is_kept() {
    // The first 600 records from the start on have no copy, so that runs of 2, 16, 128 and 1,024 records are tried.
    let source: Vec<LocatedItem> = (0..4_000).map(|n| item(100 + n, n, n as u128)).collect();
    let target: Vec<LocatedItem> = (0..4_000)
        .filter(|n| !(2_000..2_600).contains(n))
        .zip(0..)
        .map(|(n, at)| item(at, n, n as u128))
        .collect();
    for help in BOTH {
        let find = |kept: usize| {
            let mut logs = Memory { logs: [source.clone(), target.clone()], ..Memory::default() };
            let limits = LocateLimits { kept, ..tight() };
            let found = locate(&mut logs, 2_100, None, help, limits).expect("infallible");
            let Located::At { offset, records_read, .. } = found else { panic!("{found:?}") };
            assert_eq!((offset, records_read), (2_000, logs.records as u64));
            (logs.reads, logs.records)
        };
        let (without, with) = (find(0), find(LocateLimits::default().kept));
        assert!(with.0 < without.0, "{help:?}: reads {} of {}", with.0, without.0);
        assert!(with.1 < without.1, "{help:?}: records {} of {}", with.1, without.1);
        println!("{help:?}: {with:?} reads and records, {without:?} where nothing is kept");
    }
}
