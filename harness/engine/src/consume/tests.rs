//! The reader on librdkafka's mock cluster.

use std::sync::mpsc::{channel, sync_channel};
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::message::{Header as KafkaHeader, OwnedHeaders};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};

use super::*;
use crate::cancel::CancelToken;
use crate::record::{OffsetRange, Record, Side, TopicPartition};

pub(super) struct Broker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Broker {
    pub(super) fn start(topic: &str, partitions: i32) -> Self {
        let cluster = MockCluster::new(1).expect("a mock cluster starts");
        cluster.create_topic(topic, partitions, 1).expect("a topic is made");
        Self { cluster }
    }

    pub(super) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", self.cluster.bootstrap_servers())
            .set("group.id", "reader-test")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("fetch.queue.backoff.ms", "1");
        config
    }

    pub(super) fn produce(&self, topic: &str, partition: i32, records: &[Record]) {
        self.produce_with(topic, partition, records, &[]);
    }

    pub(super) fn produce_with(
        &self,
        topic: &str,
        partition: i32,
        records: &[Record],
        settings: &[(&str, &str)],
    ) {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.cluster.bootstrap_servers());
        for (name, value) in settings {
            config.set(*name, *value);
        }
        let producer: BaseProducer = config.create().expect("a producer");
        for record in records {
            let mut headers = OwnedHeaders::new();
            for header in &record.headers {
                let key = std::str::from_utf8(&header.name).expect("a test's header name");
                headers = headers.insert(KafkaHeader { key, value: header.value.as_deref() });
            }
            let mut base: BaseRecord<'_, [u8], [u8]> =
                BaseRecord::to(topic).partition(partition).timestamp(record.timestamp).headers(headers);
            base.key = record.key.as_deref();
            base.payload = record.value.as_deref();
            producer.send(base).map_err(|(error, _)| error).expect("queued");
        }
        producer.flush(Duration::from_secs(10)).expect("all acknowledged");
    }
}

pub(super) fn record(offset: i64) -> Record {
    let bytes = |n: i64| match offset % 4 {
        n0 if n0 == n => None,
        n1 if n1 == (n + 1) % 4 => Some(Vec::new()),
        _ => Some(format!("{n}-{offset}").into_bytes()),
    };
    Record {
        offset,
        timestamp: 1_000_000 + offset,
        timestamp_type: crate::record::TimestampType::CreateTime,
        key: bytes(0),
        value: bytes(1),
        headers: (0..offset % 3)
            .map(|n| crate::record::Header { name: b"h".to_vec(), value: (n > 0).then(Vec::new) })
            .collect(),
    }
}

pub(super) const STALL: Duration = Duration::from_secs(5);

#[test]
fn a_range_is_read_exactly_with_null_empty_headers_and_timestamps_kept() {
    let broker = Broker::start("orders", 1);
    let all: Vec<Record> = (0..500).map(record).collect();
    broker.produce("orders", 0, &all);
    let mut reader = Reader::open(Side::Source, &broker.config(), STALL).expect("a reader");
    let partition = TopicPartition::new("orders", 0);
    for (start, end) in [(0, 500), (17, 18), (490, 500), (100, 333), (5, 5), (0, 500)] {
        let mut read = Vec::new();
        let ended = reader
            .read_range(
                &partition,
                OffsetRange { start, end },
                &CancelToken::default(),
                &mut Vec::new(),
                |view| {
                    read.push(view.to_record());
                    true
                },
            )
            .expect("readable");
        assert_eq!(ended, ReadEnd::ReachedEnd);
        assert_eq!(read, all[start as usize..end as usize], "{start}..{end}");
    }
}

#[test]
fn a_reading_that_was_cancelled_is_no_reading_to_the_end() {
    let broker = Broker::start("orders", 1);
    broker.produce("orders", 0, &(0..500).map(record).collect::<Vec<_>>());
    let mut reader = Reader::open(Side::Source, &broker.config(), STALL).expect("a reader");
    let partition = TopicPartition::new("orders", 0);
    let cancel = CancelToken::default();
    cancel.cancel(130);
    let range = OffsetRange { start: 7, end: 500 };
    let ended = reader.read_range(&partition, range, &cancel, &mut Vec::new(), |_| true).expect("answered");
    assert!(matches!(&ended, ReadEnd::Failed { at: 7, detail } if detail.contains("stopped")), "{ended:?}");
    let nothing = OffsetRange { start: 7, end: 7 };
    let ended = reader.read_range(&partition, nothing, &cancel, &mut Vec::new(), |_| true).expect("answered");
    assert_eq!(ended, ReadEnd::ReachedEnd);
}

#[test]
fn a_visit_that_panics_does_not_keep_the_client_from_closing() {
    let broker = Broker::start("orders", 1);
    broker.produce("orders", 0, &(0..500).map(record).collect::<Vec<_>>());
    let (closed, waiting) = channel();
    let config = broker.config();
    std::thread::spawn(move || {
        let panicked = std::panic::catch_unwind(move || {
            let mut reader = Reader::open(Side::Source, &config, STALL).expect("a reader");
            let range = OffsetRange { start: 0, end: 500 };
            let partition = TopicPartition::new("orders", 0);
            reader.read_range(&partition, range, &CancelToken::default(), &mut Vec::new(), |view| {
                assert!(view.offset < 3, "planted");
                true
            })
        });
        closed.send(panicked.is_err())
    });
    assert_eq!(waiting.recv_timeout(Duration::from_secs(30)), Ok(true));
}

#[test]
fn an_offset_that_is_not_there_is_named_and_never_reset() {
    let broker = Broker::start("orders", 1);
    broker.produce("orders", 0, &[record(0)]);
    let mut reader = Reader::open(Side::Source, &broker.config(), STALL).expect("a reader");
    let partition = TopicPartition::new("orders", 0);
    let ended = reader
        .read_range(
            &partition,
            OffsetRange { start: 700, end: 800 },
            &CancelToken::default(),
            &mut Vec::new(),
            |_| true,
        )
        .expect("answered");
    assert!(matches!(ended, ReadEnd::OutOfRange { asked: 700, .. }), "{ended:?}");
}

#[test]
fn an_end_that_never_comes_is_a_stall_and_no_end() {
    let broker = Broker::start("orders", 1);
    broker.produce("orders", 0, &[record(0), record(1)]);
    let mut reader = Reader::open(Side::Target, &broker.config(), Duration::from_secs(3)).expect("a reader");
    let partition = TopicPartition::new("orders", 0);
    let ended = reader
        .read_range(
            &partition,
            OffsetRange { start: 0, end: 10 },
            &CancelToken::default(),
            &mut Vec::new(),
            |_| true,
        )
        .expect("answered");
    assert_eq!(ended, ReadEnd::Stalled { at: 2 });
}

#[test]
fn time_in_which_nobody_takes_the_records_is_no_stall() {
    let broker = Broker::start("orders", 3);
    let all: Vec<Record> = (0..6_000).map(record).collect();
    let ranges: Vec<PlannedRange> = (0..3)
        .map(|partition| {
            broker.produce("orders", partition, &all);
            PlannedRange {
                partition: TopicPartition::new("orders", partition),
                range: OffsetRange { start: 0, end: 6_000 },
            }
        })
        .collect();
    let (batches, incoming) = sync_channel(1);
    let (commands, orders) = channel();
    let stall_limit = Duration::from_secs(2);
    let reader = Reader::open(Side::Source, &broker.config(), stall_limit).expect("a reader");
    let cancel = CancelToken::default();
    std::thread::scope(|scope| {
        let thread = scope.spawn({
            let (ranges, cancel) = (&ranges, &cancel);
            move || read_side(reader, ranges, |_, view| view.offset, &batches, &orders, cancel)
        });
        let (mut records, mut ends, mut taken) = (0, Vec::new(), 0);
        while ends.len() < 3 {
            let batch: Batch<i64> = incoming.recv_timeout(STALL).expect("the reader goes on");
            taken += 1;
            if taken <= 2 {
                std::thread::sleep(Duration::from_millis(2_300));
            }
            records += batch.items.len();
            ends.extend(batch.end);
        }
        commands.send(Command::Stop).expect("running");
        thread.join().expect("no panic").expect("no error");
        assert_eq!((records, ends), (18_000, vec![ReadEnd::ReachedEnd; 3]));
    });
}

#[test]
fn a_partition_that_has_given_nothing_is_waited_for_as_long_as_told_and_one_that_has_for_the_stall_limit() {
    const LIMIT: Duration = Duration::from_secs(4);
    let broker = Broker::start("orders", 1);
    broker.produce("orders", 0, &(0..100).map(record).collect::<Vec<_>>());
    let partition = TopicPartition::new("orders", 0);
    let mut reader = Reader::open_for_short_reads(Side::Source, &broker.config(), LIMIT).expect("a reader");
    let mut read = |first: Duration, start: i64, end: i64| {
        let range = OffsetRange { start, end };
        let began = Instant::now();
        reader.wait_for_first(first);
        let ended = reader.read_range(&partition, range, &CancelToken::default(), &mut Vec::new(), |_| true);
        (ended.expect("a reader"), began.elapsed())
    };
    assert_eq!(read(LIMIT, 0, 100).0, ReadEnd::ReachedEnd, "connected by now");
    let first = LIMIT / 2;
    let (ended, took) = read(first, 0, 200);
    assert_eq!(ended, ReadEnd::Stalled { at: 100 });
    assert!(took > LIMIT, "{took:?}");
    let (ended, took) = read(first, 100, 200);
    assert_eq!(ended, ReadEnd::Stalled { at: 100 }, "the broker says that the log ends there");
    assert!(took > LIMIT, "{took:?}");
    broker.cluster.broker_down(1).expect("down");
    let (ended, took) = read(first, 0, 100);
    assert_eq!(ended, ReadEnd::Stalled { at: 0 });
    assert!(took > first && took < LIMIT, "{took:?}");
    let (ended, took) = read(2 * LIMIT, 0, 100);
    assert_eq!(ended, ReadEnd::Stalled { at: 0 });
    assert!(took > LIMIT, "{took:?}");
}

#[test]
fn pausing_resuming_and_extending_loses_and_repeats_nothing() {
    let broker = Broker::start("orders", 3);
    for partition in 0..3 {
        let all: Vec<Record> = (0..3_000).map(record).collect();
        broker.produce("orders", partition, &all);
    }
    let ranges: Vec<PlannedRange> = (0..3)
        .map(|partition| PlannedRange {
            partition: TopicPartition::new("orders", partition),
            range: OffsetRange { start: 10, end: 1_000 },
        })
        .collect();
    let (batches, incoming) = sync_channel(4);
    let (commands, orders) = channel();
    let reader = Reader::open(Side::Source, &broker.config(), STALL).expect("a reader");
    let cancel = CancelToken::default();
    std::thread::scope(|scope| {
        let thread = scope.spawn({
            let (ranges, cancel) = (&ranges, &cancel);
            move || read_side(reader, ranges, |_, view| view.offset, &batches, &orders, cancel)
        });
        let mut seen = vec![Vec::<i64>::new(); 3];
        let mut ends = 0;
        let mut paused = false;
        let mut extended = false;
        while ends < 3 || !extended {
            let batch: Batch<i64> = incoming.recv_timeout(STALL).expect("the reader goes on");
            seen[batch.at].extend(&batch.items);
            if !paused && batch.at == 1 {
                paused = true;
                commands.send(Command::Pause { at: 1 }).expect("running");
                std::thread::sleep(Duration::from_millis(50));
                commands.send(Command::Resume { at: 1 }).expect("running");
            }
            if batch.end == Some(ReadEnd::ReachedEnd) {
                ends += 1;
                if ends == 3 && !extended {
                    extended = true;
                    ends = 0;
                    for at in 0..3 {
                        commands.send(Command::Extend { at, end: 3_000 }).expect("running");
                    }
                }
            }
        }
        commands.send(Command::Stop).expect("running");
        thread.join().expect("no panic").expect("no error");
        for offsets in seen {
            assert_eq!(offsets, (10..3_000).collect::<Vec<i64>>());
        }
    });
}

#[test]
fn a_range_that_has_lost_what_was_due_goes_on_where_it_is_told_to() {
    let broker = Broker::start("orders", 2);
    let produce = |records: std::ops::Range<i64>| {
        let records: Vec<Record> = records.map(record).collect();
        (0..2).for_each(|partition| broker.produce("orders", partition, &records));
    };
    produce(0..500);
    let ranges = [0, 1].map(|partition| PlannedRange {
        partition: TopicPartition::new("orders", partition),
        range: OffsetRange { start: 700, end: 800 },
    });
    let (batches, incoming) = sync_channel(4);
    let (commands, orders) = channel();
    let reader = Reader::open(Side::Source, &broker.config(), STALL).expect("a reader");
    let cancel = CancelToken::default();
    std::thread::scope(|scope| {
        let thread = scope.spawn({
            let (ranges, cancel) = (&ranges, &cancel);
            move || read_side(reader, ranges, |_, view| view.offset, &batches, &orders, cancel)
        });
        let next = || -> Batch<i64> { incoming.recv_timeout(STALL).expect("the reader goes on") };
        let mut lost = 0;
        while lost < 2 {
            lost += u32::from(matches!(next().end, Some(ReadEnd::OutOfRange { asked: 700, .. })));
        }
        produce(500..1_200);
        for (at, to) in [(0, 750), (1, 800)] {
            commands.send(Command::Skip { at, to }).expect("running");
        }
        let mut seen = vec![Vec::<i64>::new(); 2];
        let mut ends = 0;
        while ends < 2 {
            let batch = next();
            seen[batch.at].extend(&batch.items);
            ends += u32::from(batch.end == Some(ReadEnd::ReachedEnd));
        }
        commands.send(Command::Stop).expect("running");
        thread.join().expect("no panic").expect("no error");
        assert_eq!(seen, [(750..800).collect::<Vec<i64>>(), Vec::new()]);
    });
}
