//! Real clusters of both lines: what is produced is what is read, nodes can be killed and started, credentials count.

use cutproof_testcontainers::{
    Commit, Compression, Isolation, KafkaCluster, KafkaOptions, KafkaVersion, PlainRead, PlainRecord,
    PlainTimestampType, ProduceOptions, Topic, TransactionEnd, commit_offsets, committed_offsets,
    create_topic, delete_records, log_ends, produce, produce_transaction, produce_with, read_all,
    topic_names,
};

fn record(partition: i32, key: Option<&str>, value: Option<&str>) -> PlainRecord {
    let bytes = |text: &str| text.as_bytes().to_vec();
    PlainRecord {
        partition,
        key: key.map(bytes),
        value: value.map(bytes),
        headers: Vec::new(),
        timestamp: 1_700_000_000_000,
    }
}

fn numbered(partition: i32, numbers: std::ops::Range<u32>) -> Vec<PlainRecord> {
    numbers.map(|number| record(partition, Some("k"), Some(&number.to_string()))).collect()
}

fn values(records: &[PlainRead]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8(record.value.clone().unwrap()).unwrap()).collect()
}

fn texts(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

fn awkward() -> Vec<PlainRecord> {
    let header = |name: &str, value: Option<&[u8]>| (name.to_owned(), value.map(<[u8]>::to_vec));
    let mut with_headers = record(1, Some("h"), Some("v"));
    with_headers.headers = vec![
        header("a", Some(b"1")),
        header("b", None),
        header("a", Some(b"")),
        header("a", Some(b"1")),
        header("", Some(&[0, 255])),
    ];
    let mut old = record(1, Some("old"), Some("v"));
    old.timestamp = 1;
    vec![
        record(1, None, None),
        record(1, Some(""), Some("")),
        record(1, Some("k"), None),
        record(1, None, Some("v")),
        with_headers,
        old,
    ]
}

fn round_trip(version: KafkaVersion) {
    let cluster = KafkaCluster::start(KafkaOptions::new("round", version)).unwrap();
    let bootstrap = cluster.bootstrap_servers();

    create_topic(&bootstrap, &Topic::new("orders", 3)).unwrap();
    let sent = awkward();
    produce(&bootstrap, "orders", sent.clone()).unwrap();
    let read = read_all(&bootstrap, "orders", 1, Isolation::ReadCommitted).unwrap();
    assert_eq!(read.iter().map(|record| record.offset).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    assert!(read.iter().all(|record| record.timestamp_type == PlainTimestampType::CreateTime));
    let back: Vec<_> = read.into_iter().map(|record| record.into_record(1)).collect();
    assert_eq!(back, sent);
    assert_eq!(read_all(&bootstrap, "orders", 0, Isolation::ReadCommitted).unwrap(), []);

    let appended = Topic {
        configs: &[("message.timestamp.type", "LogAppendTime"), ("retention.ms", "-1")],
        ..Topic::new("append", 1)
    };
    create_topic(&bootstrap, &appended).unwrap();
    produce(&bootstrap, "append", [record(0, None, Some("v"))]).unwrap();
    let read = read_all(&bootstrap, "append", 0, Isolation::ReadCommitted).unwrap();
    assert_eq!(read[0].timestamp_type, PlainTimestampType::LogAppendTime);
    assert!(read[0].timestamp > 1_700_000_000_000);

    transactions_leave_gaps(&bootstrap);
    commits_are_kept(&bootstrap);
    deleted_records_move_the_log_start(&bootstrap);
    compressed_batches_are_read_back(&bootstrap);

    let names = topic_names(&bootstrap).unwrap();
    assert!(
        names.contains(&"orders".to_owned()) && names.contains(&"__consumer_offsets".to_owned()),
        "{names:?}"
    );
    assert_eq!(cluster.cluster_id().len(), 22);
    assert!(cluster.data_dir(1).unwrap().join("orders-1").is_dir());
    let printed = cluster
        .run_tool("org.apache.kafka.tools.TopicCommand", &["--bootstrap-server", &bootstrap, "--describe"])
        .unwrap();
    assert!(printed.contains("Topic: orders\t"), "{printed}");
}

fn transactions_leave_gaps(bootstrap: &str) {
    create_topic(bootstrap, &Topic::new("txn", 1)).unwrap();
    produce_transaction(bootstrap, "txn", "t", TransactionEnd::Commit, numbered(0, 0..3)).unwrap();
    produce_transaction(bootstrap, "txn", "t", TransactionEnd::Abort, numbered(0, 3..6)).unwrap();
    let read = |isolation| values(&read_all(bootstrap, "txn", 0, isolation).unwrap());
    assert_eq!(read(Isolation::ReadUncommitted), texts(0..6));
    assert_eq!(read(Isolation::ReadCommitted), texts(0..3));
    // Six records and two markers.
    assert_eq!(log_ends(bootstrap, "txn").unwrap()[0].end, 8);

    produce_transaction(bootstrap, "txn", "open", TransactionEnd::LeaveOpen, numbered(0, 6..8)).unwrap();
    produce(bootstrap, "txn", numbered(0, 8..9)).unwrap();
    assert_eq!(read(Isolation::ReadUncommitted), texts(0..9));
    assert_eq!(read(Isolation::ReadCommitted), texts(0..3), "an open transaction hides everything after it");
}

fn commits_are_kept(bootstrap: &str) {
    commit_offsets(bootstrap, "billing", &[Commit::new("orders", 1, 4), Commit::new("orders", 0, 0)])
        .unwrap();
    let asked = [("orders".to_owned(), 0), ("orders".to_owned(), 1), ("orders".to_owned(), 2)];
    assert_eq!(committed_offsets(bootstrap, "billing", &asked).unwrap(), [Some(0), Some(4), None]);
    assert_eq!(committed_offsets(bootstrap, "nobody", &asked[..1]).unwrap(), [None]);
}

fn deleted_records_move_the_log_start(bootstrap: &str) {
    create_topic(bootstrap, &Topic::new("short", 1)).unwrap();
    produce(bootstrap, "short", numbered(0, 0..10)).unwrap();
    assert_eq!(delete_records(bootstrap, "short", 0, 7).unwrap(), 7);
    let ends = log_ends(bootstrap, "short").unwrap()[0];
    assert_eq!((ends.start, ends.end), (7, 10));
    assert_eq!(values(&read_all(bootstrap, "short", 0, Isolation::ReadCommitted).unwrap()), texts(7..10));
    assert!(delete_records(bootstrap, "short", 0, 100).is_err());
}

fn compressed_batches_are_read_back(bootstrap: &str) {
    create_topic(bootstrap, &Topic::new("packed", 5)).unwrap();
    let codecs =
        [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];
    for (partition, compression) in (0..).zip(codecs) {
        let options = ProduceOptions { compression, ..ProduceOptions::default() };
        produce_with(bootstrap, "packed", &options, numbered(partition, 0..20_000)).unwrap();
        let read = read_all(bootstrap, "packed", partition, Isolation::ReadCommitted).unwrap();
        assert_eq!(values(&read), texts(0..20_000), "{compression:?}");
    }
}

#[test]
fn what_is_produced_to_kafka_3_is_what_is_read() {
    round_trip(KafkaVersion::V3_9);
}

#[test]
fn what_is_produced_to_kafka_4_is_what_is_read() {
    round_trip(KafkaVersion::V4_3);
}

#[test]
fn a_killed_broker_comes_back_with_its_data() {
    let mut cluster = KafkaCluster::start(KafkaOptions::target()).unwrap();
    let bootstrap = cluster.bootstrap_servers();
    create_topic(&bootstrap, &Topic::new("orders", 1)).unwrap();
    produce(&bootstrap, "orders", numbered(0, 0..100)).unwrap();
    cluster.kill_node(1).unwrap();
    assert!(cluster.start_node(2).is_err(), "there is no node 2");
    cluster.start_node(1).unwrap();
    assert!(cluster.start_node(1).is_err(), "it runs already");
    produce(&bootstrap, "orders", numbered(0, 100..150)).unwrap();
    let read = read_all(&bootstrap, "orders", 0, Isolation::ReadCommitted).unwrap();
    assert_eq!(values(&read), texts(0..150));
    cluster.stop();
    cluster.start_node(1).unwrap();
    assert_eq!(log_ends(&bootstrap, "orders").unwrap()[0].end, 150);
}

#[test]
fn three_brokers_serve_on_after_one_was_killed() {
    let mut cluster = KafkaCluster::start(KafkaOptions::source().nodes(3)).unwrap();
    let bootstrap = cluster.bootstrap_servers();
    let topic = Topic { replication: 3, ..Topic::new("orders", 3) };
    create_topic(&bootstrap, &topic).unwrap();
    produce(&bootstrap, "orders", (0..3).flat_map(|partition| numbered(partition, 0..50))).unwrap();
    cluster.kill_node(2).unwrap();
    produce(&bootstrap, "orders", (0..3).flat_map(|partition| numbered(partition, 50..100))).unwrap();
    cluster.start_node(2).unwrap();
    for partition in 0..3 {
        let read = read_all(&bootstrap, "orders", partition, Isolation::ReadCommitted).unwrap();
        assert_eq!(values(&read), texts(0..100));
    }
}

#[test]
fn the_sasl_listener_refuses_a_wrong_password() {
    use rdkafka::consumer::{BaseConsumer, Consumer};
    use std::time::Duration;

    for version in [KafkaVersion::V3_9, KafkaVersion::V4_3] {
        let options = KafkaOptions::new("sasl", version).scram_user("alice", "secret");
        let cluster = KafkaCluster::start(options).unwrap();
        let ask = |password: &str, mechanism: &str| {
            let consumer: BaseConsumer = rdkafka::ClientConfig::new()
                .set("bootstrap.servers", cluster.sasl_bootstrap().unwrap())
                .set("group.id", "g")
                .set("security.protocol", "SASL_PLAINTEXT")
                .set("sasl.mechanism", mechanism)
                .set("sasl.username", "alice")
                .set("sasl.password", password)
                .create()
                .unwrap();
            consumer.fetch_metadata(None, Duration::from_secs(8)).map(|metadata| metadata.brokers().len())
        };
        assert_eq!(ask("secret", "SCRAM-SHA-512").unwrap(), 1);
        assert_eq!(ask("secret", "SCRAM-SHA-256").unwrap(), 1);
        assert!(ask("wrong", "SCRAM-SHA-512").is_err());
        assert!(!cluster.bootstrap_servers().contains(&cluster.sasl_bootstrap().unwrap()));
    }
}

#[test]
fn a_broker_that_cannot_start_is_an_error_with_the_end_of_its_log() {
    let options = KafkaOptions::source().property("log.retention.ms", "not a number");
    let error = KafkaCluster::start(options).err().expect("it cannot start").to_string();
    assert!(error.contains("log.retention.ms"), "{error}");
}
