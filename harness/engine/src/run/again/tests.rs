//! Readings that lack what the first one had, and partitions that give nothing any more.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cutproof_testcontainers::{EmbeddedCluster, PlainRecord, produce};

use super::super::two_logs::TwoLogs;
use super::*;
use crate::kafka::ClusterSettings;
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
    let limit = Duration::from_secs(6);
    readers.sides.iter_mut().for_each(|side| side.stalls = Stalls::new(limit));
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

#[test]
fn partitions_of_a_dead_broker_cost_one_wait_and_little_more_each_and_those_of_another_are_read_as_ever() {
    const PARTITIONS: i32 = 8;
    let brokers = EmbeddedCluster::start(2).expect("embedded brokers");
    brokers.create_topic("orders", PARTITIONS).expect("made");
    let all: Vec<TopicPartition> =
        (0..PARTITIONS).map(|number| TopicPartition::new("orders", number)).collect();
    for number in 0..PARTITIONS {
        // The last one keeps its broker.
        let broker = if number == PARTITIONS - 1 { 1 } else { 2 };
        brokers.mock().partition_leader("orders", number, Some(broker)).expect("led");
    }
    let records = (0..PARTITIONS).map(|partition| PlainRecord {
        partition,
        key: None,
        value: Some(vec![7]),
        headers: vec![],
        timestamp: 1_793_606_400_000,
    });
    produce(brokers.bootstrap_servers(), "orders", records).expect("produced");
    let clusters = Side::BOTH.map(|side| {
        let servers = brokers.bootstrap_servers();
        Cluster::connect(ClusterSettings::new(side, "embedded", servers, BTreeMap::new())).expect("connected")
    });
    let (cancel, monitor) = (CancelToken::default(), Remembering::default());
    let mut readers = Readers::new(clusters.each_ref(), &cancel, &monitor);
    let limit = Duration::from_secs(3);
    readers.sides.iter_mut().for_each(|side| side.stalls = Stalls::new(limit));
    let isolation = Isolation::ReadUncommitted;
    let fetched = |readers: &mut Readers<'_>| {
        let wanted = |partition| Wanted { side: Side::Source, isolation, partition, offsets: vec![0] };
        let wanted: Vec<Wanted<'_>> = all.iter().map(wanted).collect();
        let records = readers.fetch(&wanted).expect("readers");
        records.iter().map(HashMap::len).collect::<Vec<_>>()
    };
    assert_eq!(fetched(&mut readers), [1; 8]);

    brokers.mock().broker_down(2).expect("down");
    let began = Instant::now();
    assert_eq!(fetched(&mut readers), [0, 0, 0, 0, 0, 0, 0, 1]);
    assert!(began.elapsed() < 5 * limit, "seven limits are {:?}: {:?}", 7 * limit, began.elapsed());
    let warnings = monitor.warnings.lock().expect("a test's monitor");
    assert_eq!(warnings.len(), 7, "{warnings:?}");
    let shortly = "another one gave none for 3 s before";
    for (number, warning) in warnings.iter().enumerate() {
        assert!(warning.contains(&format!("orders-{number} of the source")), "{warning}");
        assert_eq!(warning.contains(shortly), number > 0, "{warning}");
    }
}
