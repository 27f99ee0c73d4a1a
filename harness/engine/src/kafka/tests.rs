//! Against librdkafka's mock cluster: no ListGroups, no DescribeConfigs, no look-up by time, no transactions.

use std::collections::{BTreeMap, HashSet};
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use cutproof_testcontainers::{Commit, PlainRecord, commit_offsets, produce as produce_records};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use super::*;
use crate::record::{Header, Isolation, OffsetRange, Record, Side, TimestampType, TopicPartition};

type Mock = MockCluster<'static, DefaultProducerContext>;

const LIMIT: Duration = Duration::from_secs(10);

fn mock(topics: &[(&str, i32)]) -> Mock {
    let mock = MockCluster::new(3).expect("a mock cluster");
    for (topic, partitions) in topics {
        mock.create_topic(topic, *partitions, 1).expect("a topic");
    }
    mock
}

fn settings(bootstrap: &str, properties: &[(&str, &str)]) -> ClusterSettings {
    let properties = properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    ClusterSettings::new(Side::Target, "west", bootstrap, properties)
}

fn connect(mock: &Mock) -> Cluster {
    Cluster::connect(settings(&mock.bootstrap_servers(), &[])).expect("connected")
}

fn tp(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

/// `count` records with key and value `n`, from 0.
fn produce(mock: &Mock, partition: &TopicPartition, count: usize) {
    produce_to(&mock.bootstrap_servers(), partition, count);
}

fn produce_to(bootstrap: &str, partition: &TopicPartition, count: usize) {
    let records = (0..count).map(|n| PlainRecord {
        partition: partition.partition,
        key: Some(n.to_string().into_bytes()),
        value: Some(n.to_string().into_bytes()),
        headers: Vec::new(),
        timestamp: 1_000 + n as i64,
    });
    produce_records(bootstrap, &partition.topic, records).expect("delivered");
}

fn offsets(
    cluster: &Cluster,
    partition: &TopicPartition,
    range: (i64, i64),
    limit: ReadLimit,
) -> (Vec<i64>, ReadEnd) {
    let mut seen = Vec::new();
    let range = OffsetRange { start: range.0, end: range.1 };
    let end = read_range(cluster, partition, range, Isolation::ReadCommitted, limit, |record| {
        seen.push(record.offset);
        ControlFlow::Continue(())
    })
    .expect("read");
    (seen, end)
}

#[test]
fn a_cluster_tells_its_id_topics_and_partitions() {
    let mock = mock(&[("orders", 3), ("payments", 1)]);
    let cluster = connect(&mock);
    assert!(!cluster.cluster_id().is_empty());
    let topics = cluster.topics().expect("topics");
    let listing = |partitions| TopicListing { partitions, internal: false };
    let expected = BTreeMap::from([("orders".to_owned(), listing(3)), ("payments".to_owned(), listing(1))]);
    assert_eq!(topics, expected);
    assert_eq!(cluster.topic_partitions("orders").expect("partitions"), [0, 1, 2].map(|n| tp("orders", n)));
}

#[test]
fn a_topic_that_is_not_there_is_said_to_be_so_and_is_not_created() {
    let mock = mock(&[("orders", 1)]);
    let cluster = connect(&mock);
    let error = cluster.topic_partitions("order").expect_err("absent");
    assert!(matches!(error, KafkaError::NotThere { .. }), "{error:?}");
    assert!(error.to_string().contains("topic order"), "{error}");
    let error = cluster.log_bounds(&[tp("order", 0)], Isolation::ReadCommitted).expect_err("absent");
    assert!(matches!(error, KafkaError::NotThere { .. }), "{error:?}");
    assert_eq!(error.at().partition, Some(tp("order", 0)));
    assert_eq!(cluster.topics().expect("topics").len(), 1);
}

#[test]
fn log_bounds_come_for_every_partition_asked_for_even_twice() {
    let mock = mock(&[("orders", 3)]);
    produce(&mock, &tp("orders", 1), 7);
    let cluster = connect(&mock);
    let asked = [tp("orders", 1), tp("orders", 0), tp("orders", 1)];
    for isolation in [Isolation::ReadCommitted, Isolation::ReadUncommitted] {
        let bounds = cluster.log_bounds(&asked, isolation).expect("bounds");
        let expected = BTreeMap::from([
            (tp("orders", 0), LogBounds { log_start: 0, end: 0 }),
            (tp("orders", 1), LogBounds { log_start: 0, end: 7 }),
        ]);
        assert_eq!(bounds, expected);
    }
    assert!(cluster.log_bounds(&[], Isolation::ReadCommitted).expect("none").is_empty());
}

#[test]
fn what_one_broker_leads_is_told_while_it_is_away_too_and_not_where_no_broker_answers() {
    let mock = mock(&[("orders", 3), ("audit", 1)]);
    for (topic, number, broker) in [("orders", 0, 1), ("orders", 1, 2), ("orders", 2, 2), ("audit", 0, 2)] {
        mock.partition_leader(topic, number, Some(broker)).expect("a leader");
    }
    let cluster = connect(&mock);
    let beside = |partition: &TopicPartition| cluster.led_beside(partition, LIMIT);
    mock.broker_down(2).expect("down");
    let led = HashSet::from([tp("orders", 1), tp("orders", 2), tp("audit", 0)]);
    assert_eq!(beside(&tp("orders", 1)), Some(led));
    assert_eq!(beside(&tp("orders", 0)), Some(HashSet::from([tp("orders", 0)])));
    assert_eq!(beside(&tp("orders", 7)), Some(HashSet::new()));
    mock.partition_leader("orders", 2, None).expect("no leader");
    assert_eq!(beside(&tp("orders", 2)), Some(HashSet::from([tp("orders", 2)])));
    for broker in [1, 3] {
        mock.broker_down(broker).expect("down");
    }
    assert_eq!(cluster.led_beside(&tp("orders", 1), Duration::from_millis(300)), None);
}

#[test]
fn what_the_brokers_do_not_offer_is_none_and_no_empty_answer() {
    let mock = mock(&[("orders", 1)]);
    let cluster = connect(&mock);
    assert_eq!(cluster.groups().expect("asked"), None);
    assert_eq!(cluster.group_members("g").expect("asked"), None);
    assert_eq!(cluster.topic_config("orders").expect("asked"), None);
    let found = cluster.offsets_for_times(&[(tp("orders", 0), 5)]).expect("asked");
    assert_eq!(found, BTreeMap::from([(tp("orders", 0), None)]));
}

#[test]
fn committed_offsets_are_read_without_joining_the_group() {
    let mock = mock(&[("orders", 3)]);
    let commits = [Commit::new("orders", 0, 5), Commit::new("orders", 2, 0)];
    commit_offsets(&mock.bootstrap_servers(), "billing", &commits).expect("committed");
    let cluster = connect(&mock);
    let asked = [tp("orders", 0), tp("orders", 1), tp("orders", 2), tp("orders", 0), tp("gone", 0)];
    let found = cluster.committed("billing", Some(&asked)).expect("read");
    let offsets: Vec<(TopicPartition, i64)> = found.into_iter().map(|(tp, c)| (tp, c.offset)).collect();
    assert_eq!(offsets, [(tp("orders", 0), 5), (tp("orders", 2), 0)]);
    assert!(cluster.committed("billing", Some(&[])).expect("nothing").is_empty());
    assert!(cluster.committed("other", Some(&asked)).expect("read").is_empty());
}

#[test]
fn a_range_is_read_to_its_end_and_no_further() {
    let mock = mock(&[("orders", 1)]);
    let orders = tp("orders", 0);
    produce(&mock, &orders, 20);
    let cluster = connect(&mock);
    let within = || ReadLimit::within(LIMIT);
    assert_eq!(offsets(&cluster, &orders, (3, 8), within()), ((3..8).collect(), ReadEnd::ReachedEnd));
    assert_eq!(offsets(&cluster, &orders, (0, 20), within()), ((0..20).collect(), ReadEnd::ReachedEnd));
    assert_eq!(offsets(&cluster, &orders, (5, 5), within()), (vec![], ReadEnd::ReachedEnd));
    assert_eq!(offsets(&cluster, &orders, (20, 20), within()), (vec![], ReadEnd::ReachedEnd));
    let limited = within().at_most(4);
    assert_eq!(offsets(&cluster, &orders, (0, 20), limited), ((0..4).collect(), ReadEnd::Stopped));
}

#[test]
fn an_end_that_the_log_has_not_reached_is_waited_for_and_not_taken_as_read() {
    let mock = mock(&[("orders", 1)]);
    let orders = tp("orders", 0);
    produce(&mock, &orders, 3);
    let cluster = connect(&mock);
    let soon = ReadLimit::within(Duration::from_secs(3));
    assert_eq!(offsets(&cluster, &orders, (0, 5), soon), (vec![0, 1, 2], ReadEnd::TimedOut { at: 3 }));
    let bootstrap = mock.bootstrap_servers();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(300));
            produce_to(&bootstrap, &orders, 2);
        });
        let waited = offsets(&cluster, &orders, (0, 5), ReadLimit::within(LIMIT));
        assert_eq!(waited, ((0..5).collect(), ReadEnd::ReachedEnd));
    });
}

#[test]
fn an_offset_outside_the_log_is_reported_with_the_bounds_and_never_moved() {
    let mock = mock(&[("orders", 1)]);
    let orders = tp("orders", 0);
    produce(&mock, &orders, 3);
    let cluster = connect(&mock);
    let out = ReadEnd::OutOfRange { asked: 7, log_start: 0, log_end: 3 };
    assert_eq!(offsets(&cluster, &orders, (7, 9), ReadLimit::within(LIMIT)), (vec![], out));
}

#[test]
fn an_open_reader_reads_one_range_after_another_without_mixing_them() {
    let mock = mock(&[("orders", 2)]);
    produce(&mock, &tp("orders", 0), 50);
    produce(&mock, &tp("orders", 1), 50);
    let cluster = connect(&mock);
    let mut reader = RangeReader::open(&cluster, Isolation::ReadCommitted).expect("open");
    let started = Instant::now();
    for round in 0..30_i64 {
        // Ends at the log's end and in the middle by turns: the end of one must not end the next.
        let (start, end) = if round % 2 == 0 { (45, 50) } else { (round, round + 3) };
        let partition = tp("orders", (round / 2 % 2) as i32);
        let mut seen = Vec::new();
        let read = reader
            .read_range(&partition, OffsetRange { start, end }, ReadLimit::within(LIMIT), |record| {
                seen.push(record.offset);
                ControlFlow::Continue(())
            })
            .expect("read");
        assert_eq!(read, ReadEnd::ReachedEnd, "round {round}");
        assert_eq!(seen, (start..end).collect::<Vec<_>>(), "round {round}");
    }
    assert!(started.elapsed() < LIMIT, "{:?}", started.elapsed());
}

#[test]
fn scattered_records_are_fetched_in_the_order_asked() {
    let mock = mock(&[("orders", 2)]);
    produce(&mock, &tp("orders", 0), 2_000);
    produce(&mock, &tp("orders", 1), 10);
    let cluster = connect(&mock);
    let wanted = [(0, 1_999), (1, 3), (0, 0), (0, 1_200), (1, 3), (1, 40), (0, 1)]
        .map(|(partition, offset)| (tp("orders", partition), offset));
    let found =
        fetch_records(&cluster, Isolation::ReadCommitted, &wanted, Instant::now() + LIMIT).expect("fetched");
    let values: Vec<Option<String>> = found
        .into_iter()
        .map(|record| record.map(|record| String::from_utf8(record.value.expect("a value")).expect("digits")))
        .collect();
    let expected =
        ["1999", "3", "0", "1200", "3", "", "1"].map(|text| (!text.is_empty()).then(|| text.to_owned()));
    assert_eq!(values, expected);
}

#[test]
fn null_and_empty_repeated_headers_and_timestamps_survive_reading() {
    let mock = mock(&[("orders", 1)]);
    let tombstone = PlainRecord {
        partition: 0,
        key: Some(b"k".to_vec()),
        value: None,
        headers: [("a", Some("1")), ("b", None), ("a", Some(""))]
            .map(|(name, value)| (name.to_owned(), value.map(|value| value.as_bytes().to_vec())))
            .to_vec(),
        timestamp: 42,
    };
    let empty =
        PlainRecord { partition: 0, key: None, value: Some(Vec::new()), headers: Vec::new(), timestamp: 43 };
    produce_records(&mock.bootstrap_servers(), "orders", [tombstone, empty]).expect("delivered");
    let cluster = connect(&mock);
    let mut seen = Vec::new();
    let range = OffsetRange { start: 0, end: 2 };
    let end = read_range(
        &cluster,
        &tp("orders", 0),
        range,
        Isolation::ReadUncommitted,
        ReadLimit::within(LIMIT),
        |record| {
            seen.push(record);
            ControlFlow::Continue(())
        },
    );
    assert_eq!(end.expect("read"), ReadEnd::ReachedEnd);
    let header = |name: &str, value: Option<&[u8]>| Header {
        name: name.as_bytes().to_vec(),
        value: value.map(<[u8]>::to_vec),
    };
    let expected = [
        Record {
            offset: 0,
            timestamp: 42,
            timestamp_type: TimestampType::CreateTime,
            key: Some(b"k".to_vec()),
            value: None,
            headers: vec![header("a", Some(b"1")), header("b", None), header("a", Some(b""))],
        },
        Record {
            offset: 1,
            timestamp: 43,
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: Some(Vec::new()),
            headers: Vec::new(),
        },
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_cluster_that_is_not_there_is_named_within_the_time_limit() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its number");
    let mut settings = settings(&free.to_string(), &[]);
    settings.request_timeout = Duration::from_millis(900);
    let started = Instant::now();
    let error = Cluster::connect(settings).expect_err("nobody listens");
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    assert!(matches!(error, KafkaError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.class(), ErrorClass::Environment);
    let text = error.to_string();
    assert!(text.contains(&free.to_string()) && text.contains("target \"west\""), "{text}");
}

#[test]
fn brokers_that_go_away_later_are_an_error_of_the_network() {
    let mock = mock(&[("orders", 1)]);
    let mut settings = settings(&mock.bootstrap_servers(), &[]);
    settings.request_timeout = Duration::from_secs(2);
    let cluster = Cluster::connect(settings).expect("connected");
    for broker in 1..=3 {
        mock.broker_down(broker).expect("down");
    }
    let error = cluster.topics().expect_err("no brokers");
    assert_eq!(error.class(), ErrorClass::Environment, "{error:?}");
    assert!(matches!(error, KafkaError::Unreachable { .. } | KafkaError::TimedOut { .. }), "{error:?}");
    let error = cluster.log_bounds(&[tp("orders", 0)], Isolation::ReadCommitted).expect_err("no brokers");
    assert!(matches!(error, KafkaError::Unreachable { .. } | KafkaError::TimedOut { .. }), "{error:?}");
}

#[test]
fn a_value_that_librdkafka_refuses_is_the_users_error_and_is_not_repeated() {
    let error =
        Cluster::connect(settings("127.0.0.1:1", &[("fetch.min.bytes", "hunter2")])).expect_err("no number");
    assert_eq!(error.class(), ErrorClass::BadInput);
    let text = error.to_string();
    assert!(text.contains("fetch.min.bytes") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_tls_file_or_key_that_cannot_be_used_is_the_users_error_and_no_key_is_repeated() {
    let directory = tempfile::tempdir().expect("a directory");
    let [absent, no_pem] = ["absent.pem", "no.pem"].map(|name| directory.path().join(name));
    std::fs::write(&no_pem, "hunter2").expect("written");
    let [absent, no_pem] = [absent, no_pem].map(|path| path.display().to_string());
    for (key, value, words) in [
        ("ssl.ca.location", absent.as_str(), [absent.as_str(), "No such file or directory"]),
        ("ssl.certificate.location", absent.as_str(), [absent.as_str(), "No such file or directory"]),
        ("ssl.ca.location", no_pem.as_str(), [no_pem.as_str(), "cannot use"]),
        ("ssl.certificate.location", no_pem.as_str(), [no_pem.as_str(), "cannot use"]),
        ("ssl.certificate.pem", "hunter2", ["cannot be used", "PEM"]),
        ("ssl.key.pem", "hunter2", ["cannot be used", "PEM"]),
    ] {
        let properties = [("security.protocol", "SSL"), (key, value)];
        let error = Cluster::connect(settings("127.0.0.1:1", &properties)).expect_err("unusable");
        assert_eq!(error.class(), ErrorClass::BadInput, "{error:?}");
        let text = error.to_string();
        assert!(text.contains(&format!("property `{key}`")) && !text.contains("hunter2"), "{text}");
        assert!(words.iter().all(|word| text.contains(word)), "{words:?} in {text}");
    }
}

#[test]
fn no_property_changes_what_keeps_a_reader_from_committing_or_skipping() {
    let mock = mock(&[("orders", 1)]);
    let cluster = Cluster::connect(settings(
        &mock.bootstrap_servers(),
        &[
            ("allow.auto.create.topics", "true"),
            ("auto.offset.reset", "earliest"),
            ("check.crcs", "false"),
            ("enable.auto.commit", "true"),
            ("enable.auto.offset.store", "true"),
            ("enable.metrics.push", "true"),
            ("group.id", "billing"),
            ("isolation.level", "read_uncommitted"),
            ("bootstrap.servers", "127.0.0.1:1"),
        ],
    ))
    .expect("connected");
    let config = cluster.reader_config(Isolation::ReadCommitted);
    for (key, value) in [
        ("allow.auto.create.topics", "false"),
        ("auto.offset.reset", "error"),
        ("check.crcs", "true"),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("enable.metrics.push", "false"),
        ("enable.partition.eof", "true"),
        ("fetch.queue.backoff.ms", "1"),
        ("isolation.level", "read_committed"),
        ("bootstrap.servers", &mock.bootstrap_servers()),
    ] {
        assert_eq!(config.get(key), Some(value), "{key}");
    }
    assert!(config.get("group.id").is_some_and(|group| group.starts_with("cutproof-reader-")));
    assert_ne!(config.get("group.id"), cluster.reader_config(Isolation::ReadCommitted).get("group.id"));
    assert_eq!(cluster.remarks().len(), 9);
}

#[test]
fn debug_of_settings_and_cluster_shows_no_value_of_a_secret() {
    let mock = mock(&[]);
    let settings = settings(&mock.bootstrap_servers(), &[("ssl.key.password", "hunter2")]);
    assert!(!format!("{settings:?}").contains("hunter2"));
    let cluster = Cluster::connect(settings).expect("connected");
    let debug = format!("{cluster:?}");
    assert!(!debug.contains("hunter2") && debug.contains("ssl.key.password"), "{debug}");
}

#[test]
fn an_error_says_what_was_tried_where_and_at_which_offset() {
    let at = At {
        side: Side::Target,
        alias: "west".to_owned(),
        operation: "read",
        partition: Some(tp("orders", 3)),
        offset: Some(1234),
    };
    let error = KafkaError::Failed { at: Box::new(at), detail: "bad checksum".to_owned() };
    assert_eq!(error.to_string(), "cannot read orders-3 of target \"west\" at offset 1234: bad checksum");
}

#[test]
fn an_answer_that_did_not_come_asks_for_nothing_that_cannot_be_set() {
    let alias = "east".to_owned();
    let at = At { side: Side::Source, alias, operation: "list groups", partition: None, offset: None };
    let error = KafkaError::TimedOut { at: Box::new(at), waited: LIMIT, detail: "timed out".to_owned() };
    let expected = "cannot list groups on source \"east\": no answer within 10 s (timed out); try again when the \
                    brokers are less loaded";
    assert_eq!(error.to_string(), expected);
}
