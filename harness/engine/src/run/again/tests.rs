//! Readings that lack what the first one had, and partitions that give nothing any more.

use std::time::Instant;

use super::super::two_logs::TwoLogs;
use super::*;
use crate::monitor::Remembering;
use crate::record::Contract;

fn range(start: i64, end: i64) -> OffsetRange {
    OffsetRange { start, end }
}

/// The target's offsets that a log visits, up to `last`.
fn visited(
    readers: &mut Readers<'_>,
    pair: &PairPlan,
    first: FirstReading,
    last: i64,
) -> Result<Vec<i64>, LogError> {
    let mut log = PairLog::new(readers, pair, 7, [10, 10], first);
    let mut offsets = Vec::new();
    log.read(Side::Target, range(0, 10), &mut |item| {
        offsets.push(item.offset);
        item.offset < last
    })?;
    Ok(offsets)
}

#[test]
fn records_that_are_left_are_fetched_although_their_neighbours_are_deleted() {
    const LARGE: usize = 512 << 10;
    const RECORDS: i64 = (cutproof_testcontainers::EMBEDDED_PARTITION_BYTES / LARGE) as i64 + 4;
    let logs = TwoLogs::of(vec![vec![b'x'; LARGE]; RECORDS as usize], Contract::default());
    let cancel = CancelToken::default();
    let mut readers = logs.readers(&cancel);
    let wanted = Side::BOTH.map(|side| Wanted {
        side,
        isolation: Isolation::ReadUncommitted,
        partition: logs.pair.partition(side),
        offsets: vec![0, 1, RECORDS - 2, RECORDS - 1],
    });
    for records in readers.fetch(&wanted).expect("readers") {
        let mut offsets: Vec<i64> = records.into_keys().collect();
        offsets.sort_unstable();
        assert_eq!(offsets, [RECORDS - 2, RECORDS - 1]);
    }
}

#[test]
fn offsets_that_only_the_first_reading_has_read_are_named_and_what_is_left_is_not_aligned_without_them() {
    let values = (0..10).map(|n| vec![n]).collect();
    let logs = TwoLogs::of(values, Contract::default());
    let cancel = CancelToken::default();
    let mut readers = logs.readers(&cancel);
    let first = |start: i64, holes: &[OffsetRange]| FirstReading {
        start: [0, start],
        holes: [Vec::new(), holes.to_vec()],
    };
    let whole: Vec<i64> = (0..10).collect();
    assert_eq!(visited(&mut readers, &logs.pair, first(0, &[]), 10), Ok(whole));

    let hole = Hole { range: range(3, 5), detail: "bad checksum".to_owned() };
    readers.holes.add(Side::Target, &logs.pair.target, [hole]);
    let LogError(why) = visited(&mut readers, &logs.pair, first(0, &[]), 10).expect_err("two are lost");
    for word in ["src.orders-0 of the target", "offsets 3 to 4", "bad checksum"] {
        assert!(why.contains(word), "{word} in {why}");
    }
    let rest = Ok(vec![0, 1, 2, 5, 6, 7, 8, 9]);
    assert_eq!(visited(&mut readers, &logs.pair, first(0, &[range(3, 5)]), 10), rest);
    assert_eq!(visited(&mut readers, &logs.pair, first(5, &[]), 10), rest, "they lie before its start");
    assert_eq!(
        visited(&mut readers, &logs.pair, first(0, &[]), 2),
        Ok(vec![0, 1, 2]),
        "nobody asked for them"
    );
}

#[test]
fn a_partition_that_gives_nothing_is_waited_for_once_and_told_once() {
    const RECORDS: i64 = 10_000;
    const APART: usize = 2_500;
    let values = (0..RECORDS).map(|n| n.to_be_bytes().to_vec()).collect();
    let logs = TwoLogs::of(values, Contract::default());
    let (cancel, monitor) = (CancelToken::default(), Remembering::default());
    let mut readers = logs.watched_readers(&cancel, &monitor);
    let limit = Duration::from_secs(3);
    readers.sides.iter_mut().for_each(|side| side.stall_limit = limit);
    let wanted = Side::BOTH.map(|side| Wanted {
        side,
        isolation: Isolation::ReadCommitted,
        partition: logs.pair.partition(side),
        offsets: (0..RECORDS).step_by(APART).collect(),
    });
    let fetched = |readers: &mut Readers<'_>| {
        let records = readers.fetch(&wanted).expect("readers");
        records.iter().map(HashMap::len).collect::<Vec<_>>()
    };
    assert_eq!(fetched(&mut readers), [4, 4]);

    logs.take_down(Side::Target);
    let began = Instant::now();
    assert_eq!(fetched(&mut readers), [4, 0]);
    assert_eq!(fetched(&mut readers), [4, 0]);
    let (isolation, partition) = (Isolation::ReadUncommitted, &logs.pair.target);
    let end =
        readers.read(Side::Target, isolation, partition, range(7, RECORDS), |_| true).expect("a reader");
    assert_eq!(end, ReadEnd::Stalled { at: 7 });
    assert!(began.elapsed() < 2 * limit, "{:?}", began.elapsed());
    let warnings = monitor.warnings.lock().expect("a test's monitor");
    let [warning] = &warnings[..] else { panic!("{warnings:?}") };
    for word in ["src.orders-0 of the target", "no record", "offset 0", "run again"] {
        assert!(warning.contains(word), "{word} in {warning}");
    }
}
