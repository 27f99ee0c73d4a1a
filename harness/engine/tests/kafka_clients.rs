//! The clients against real clusters of both lines: bounds behind markers, groups, commits, times, settings, refusals,
//! and that nothing but reading goes over the wire.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cutproof::inventory::{CleanupPolicy, SideInventory};
use cutproof::kafka::{
    Cluster, ClusterSettings, ErrorClass, GroupState, KafkaError, LogBounds, RangeReader, ReadEnd, ReadLimit,
    fetch_records, read_range,
};
use cutproof::record::{Isolation, OffsetRange, Side, TimestampType, TopicPartition};
use cutproof_testcontainers::{
    Commit, KafkaCluster, KafkaOptions, KafkaVersion, PlainRecord, Topic, TransactionEnd, commit_offsets,
    create_topic, delete_records, delete_topic, produce, produce_transaction,
};
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};

const LIMIT: Duration = Duration::from_secs(20);
const PASSWORD: &str = "hunter2secret";
const FIRST: i64 = 1_700_000_000_000;

fn start(version: KafkaVersion) -> KafkaCluster {
    KafkaCluster::start(KafkaOptions::new("clients", version).scram_user("alice", PASSWORD).proxied())
        .expect("a cluster")
}

fn settings(bootstrap: &str, properties: &[(&str, &str)]) -> ClusterSettings {
    let properties = properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    ClusterSettings::new(Side::Source, "east", bootstrap, properties)
}

fn records(count: i64) -> impl Iterator<Item = PlainRecord> {
    (0..count).map(|n| PlainRecord {
        partition: 0,
        key: Some(format!("k{n}").into_bytes()),
        value: Some(n.to_string().into_bytes()),
        headers: Vec::new(),
        timestamp: FIRST + n,
    })
}

fn tp(topic: &str) -> TopicPartition {
    TopicPartition::new(topic, 0)
}

fn bounds(cluster: &Cluster, topic: &str, isolation: Isolation) -> LogBounds {
    cluster.log_bounds(&[tp(topic)], isolation).expect("bounds")[&tp(topic)]
}

fn read(cluster: &Cluster, topic: &str, range: (i64, i64), isolation: Isolation) -> (Vec<i64>, ReadEnd) {
    let mut seen = Vec::new();
    let range = OffsetRange { start: range.0, end: range.1 };
    let end = read_range(cluster, &tp(topic), range, isolation, ReadLimit::within(LIMIT), |record| {
        seen.push(record.offset);
        ControlFlow::Continue(())
    })
    .expect("read");
    (seen, end)
}

/// Offsets 0..5 committed, 5 a marker, 6..10 aborted, 10 a marker: the log ends at 11 behind a marker.
fn a_range_ends_behind_markers_and_aborted_records(bootstrap: &str, cluster: &Cluster) {
    create_topic(bootstrap, &Topic::new("tx", 1)).expect("created");
    produce_transaction(bootstrap, "tx", "a", TransactionEnd::Commit, records(5)).expect("committed");
    produce_transaction(bootstrap, "tx", "b", TransactionEnd::Abort, records(4)).expect("aborted");
    let expected = LogBounds { log_start: 0, end: 11 };
    assert_eq!(bounds(cluster, "tx", Isolation::ReadCommitted), expected);
    assert_eq!(bounds(cluster, "tx", Isolation::ReadUncommitted), expected);
    let committed: Vec<i64> = (0..5).collect();
    assert_eq!(
        read(cluster, "tx", (0, 11), Isolation::ReadCommitted),
        (committed.clone(), ReadEnd::ReachedEnd)
    );
    assert_eq!(read(cluster, "tx", (0, 8), Isolation::ReadCommitted), (committed, ReadEnd::ReachedEnd));
    assert_eq!(read(cluster, "tx", (5, 11), Isolation::ReadCommitted), (vec![], ReadEnd::ReachedEnd));
    let all = (0..5).chain(6..10).collect();
    assert_eq!(read(cluster, "tx", (0, 11), Isolation::ReadUncommitted), (all, ReadEnd::ReachedEnd));

    let wanted = [(tp("tx"), 5), (tp("tx"), 7), (tp("tx"), 4), (tp("tx"), 10), (tp("tx"), 99)];
    for (isolation, there) in [(Isolation::ReadCommitted, vec![4]), (Isolation::ReadUncommitted, vec![7, 4])]
    {
        let found = fetch_records(cluster, isolation, &wanted, Instant::now() + LIMIT).expect("fetched");
        assert_eq!(found.len(), wanted.len());
        let offsets: Vec<i64> = found.into_iter().flatten().map(|record| record.offset).collect();
        assert_eq!(offsets, there, "{isolation:?}");
    }
}

fn an_open_transaction_ends_the_log_for_who_reads_committed(bootstrap: &str, cluster: &Cluster) {
    create_topic(bootstrap, &Topic::new("open", 1)).expect("created");
    produce(bootstrap, "open", records(3)).expect("produced");
    produce_transaction(bootstrap, "open", "c", TransactionEnd::LeaveOpen, records(2)).expect("left open");
    assert_eq!(bounds(cluster, "open", Isolation::ReadCommitted), LogBounds { log_start: 0, end: 3 });
    assert_eq!(bounds(cluster, "open", Isolation::ReadUncommitted), LogBounds { log_start: 0, end: 5 });
    assert_eq!(read(cluster, "open", (0, 3), Isolation::ReadCommitted), (vec![0, 1, 2], ReadEnd::ReachedEnd));
    let mut reader = RangeReader::open(cluster, Isolation::ReadCommitted).expect("open");
    let limit = ReadLimit::within(Duration::from_secs(5));
    let range = OffsetRange { start: 0, end: 5 };
    let end = reader.read_range(&tp("open"), range, limit, |_| ControlFlow::Continue(())).expect("read");
    assert_eq!(end, ReadEnd::TimedOut { at: 3 });
}

fn what_retention_took_is_out_of_range_with_the_bounds(bootstrap: &str, cluster: &Cluster) {
    create_topic(bootstrap, &Topic::new("short", 1)).expect("created");
    produce(bootstrap, "short", records(20)).expect("produced");
    delete_records(bootstrap, "short", 0, 8).expect("deleted");
    assert_eq!(bounds(cluster, "short", Isolation::ReadCommitted), LogBounds { log_start: 8, end: 20 });
    for asked in [3, 25] {
        let out = ReadEnd::OutOfRange { asked, log_start: 8, log_end: 20 };
        assert_eq!(read(cluster, "short", (asked, 30), Isolation::ReadCommitted), (vec![], out));
    }
    let tail = (8..20).collect();
    assert_eq!(read(cluster, "short", (8, 20), Isolation::ReadCommitted), (tail, ReadEnd::ReachedEnd));
    let found = fetch_records(
        cluster,
        Isolation::ReadCommitted,
        &[(tp("short"), 2), (tp("short"), 19)],
        Instant::now() + LIMIT,
    );
    let offsets: Vec<Option<i64>> =
        found.expect("fetched").into_iter().map(|record| record.map(|record| record.offset)).collect();
    assert_eq!(offsets, [None, Some(19)]);
}

fn times_become_offsets(cluster: &Cluster) {
    let at = |millis: i64| cluster.offsets_for_times(&[(tp("short"), millis)]).expect("found")[&tp("short")];
    assert_eq!(at(FIRST + 12), Some(12));
    assert_eq!(at(0), Some(8));
    assert_eq!(at(FIRST + 20), None);
}

fn settings_of_topics_are_known(bootstrap: &str, cluster: &Cluster) {
    let configs = [
        ("cleanup.policy", "compact"),
        ("message.timestamp.type", "LogAppendTime"),
        ("retention.ms", "3600000"),
    ];
    create_topic(bootstrap, &Topic { configs: &configs, ..Topic::new("state", 2) }).expect("created");
    let config = cluster.topic_config("state").expect("asked").expect("told");
    assert_eq!(config["cleanup.policy"], "compact");
    assert_eq!(cluster.topic_config("no-such-topic").expect("asked"), None);
    let inventory = SideInventory::gather(cluster).expect("gathered");
    assert_eq!(inventory.cluster_id, cluster.cluster_id());
    assert_eq!(inventory.remarks, Vec::<String>::new());
    let state = &inventory.topics["state"];
    assert_eq!(state.partitions, 2);
    assert_eq!(state.cleanup_policy, Some(CleanupPolicy { delete: false, compact: true }));
    assert_eq!(state.retention_ms, Some(3_600_000));
    assert_eq!(state.timestamp_type, Some(TimestampType::LogAppendTime));
    let offsets = &inventory.topics["__consumer_offsets"];
    assert!(offsets.internal && offsets.cleanup_policy.is_some_and(|policy| policy.compact), "{offsets:?}");
    assert!(!inventory.topics["tx"].internal);
}

fn a_topic_made_again_has_another_id(bootstrap: &str, cluster: &Cluster) {
    let id = || cluster.topic_ids(&["twice", "never"]).expect("asked").expect("told");
    create_topic(bootstrap, &Topic::new("twice", 1)).expect("created");
    let first = id();
    assert_eq!(first.keys().collect::<Vec<_>>(), ["twice"]);
    assert_eq!(first["twice"].len(), 22);
    delete_topic(bootstrap, "twice").expect("deleted");
    let gone = Instant::now() + LIMIT;
    while !id().is_empty() && Instant::now() < gone {
        std::thread::sleep(Duration::from_millis(50));
    }
    create_topic(bootstrap, &Topic::new("twice", 1)).expect("created again");
    assert_ne!(first["twice"], id()["twice"]);
}

/// A consumer that is a member for as long as `watch` runs.
#[expect(clippy::disallowed_methods, reason = "this is a user's consumer, not one of Cutproof's")]
fn with_member(bootstrap: &str, group: &str, protocol: &str, watch: impl FnOnce()) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .set("group.protocol", protocol)
        .set("client.id", "worker")
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()
        .expect("a consumer");
    consumer.subscribe(&["short"]).expect("subscribed");
    let running = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while running.load(Ordering::SeqCst) {
                let _ = consumer.poll(Duration::from_millis(50));
            }
        });
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(watch));
        running.store(false, Ordering::SeqCst);
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
}

fn groups_and_their_commits_are_seen_from_outside(bootstrap: &str, cluster: &Cluster, version: KafkaVersion) {
    let commits = [Commit::new("short", 0, 12), Commit::new("tx", 0, 0)];
    commit_offsets(bootstrap, "billing", &commits).expect("committed");
    let all = cluster.committed("billing", None).expect("read");
    let offsets: BTreeMap<TopicPartition, i64> = all.iter().map(|(tp, c)| (tp.clone(), c.offset)).collect();
    assert_eq!(offsets, BTreeMap::from([(tp("short"), 12), (tp("tx"), 0)]));
    let some =
        cluster.committed("billing", Some(&[tp("short"), tp("open"), tp("no-such-topic")])).expect("read");
    assert_eq!(some.into_iter().map(|(tp, c)| (tp, c.offset)).collect::<Vec<_>>(), [(tp("short"), 12)]);
    assert!(cluster.committed("nobody", None).expect("read").is_empty());

    let listed = cluster.groups().expect("asked").expect("listed");
    let billing = listed.iter().find(|group| group.group == "billing").expect("there");
    assert_eq!((billing.state, billing.protocol_type), (GroupState::Empty, ""));
    let members = cluster.group_members("billing").expect("asked").expect("told");
    assert_eq!(members.state, GroupState::Empty);
    assert!(!members.is_active());
    let nobody = cluster.group_members("nobody").expect("asked").expect("told");
    assert_eq!((nobody.state, nobody.is_active()), (GroupState::Dead, false));

    let protocols: &[&str] =
        if version == KafkaVersion::V4_3 { &["classic", "consumer"] } else { &["classic"] };
    for protocol in protocols {
        let group = format!("live-{protocol}");
        with_member(bootstrap, &group, protocol, || {
            let until = Instant::now() + LIMIT;
            loop {
                let members = cluster.group_members(&group).expect("asked").expect("told");
                if members.is_active() && members.members[0].client_id == "worker" {
                    break;
                }
                assert!(Instant::now() < until, "{protocol}: {members:?}");
                std::thread::sleep(Duration::from_millis(100));
            }
            let listed = cluster.groups().expect("asked").expect("listed");
            let found = listed.iter().find(|listed| listed.group == group).expect("there");
            assert_eq!(found.protocol_type, "consumer");
            assert_eq!(
                found.group_type.as_deref(),
                Some(*protocol).filter(|_| version == KafkaVersion::V4_3).or(found.group_type.as_deref())
            );
        });
    }
    // Nobody may have been made a member by being looked at.
    let names: BTreeSet<String> =
        cluster.groups().expect("asked").expect("listed").into_iter().map(|group| group.group).collect();
    assert!(names.iter().all(|name| !name.contains("cutproof")), "{names:?}");
}

fn refused_credentials_are_no_time_out(cluster: &KafkaCluster) {
    let bootstrap = cluster.sasl_bootstrap().expect("a SASL listener");
    let jaas = |password: &str| {
        format!(
            "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"alice\" password=\"{password}\";"
        )
    };
    let with = |mechanism: &str, password: &str| {
        let jaas = jaas(password);
        let properties = [
            ("security.protocol", "SASL_PLAINTEXT"),
            ("sasl.mechanism", mechanism),
            ("sasl.jaas.config", &jaas),
        ];
        let mut settings = settings(&bootstrap, &properties);
        settings.request_timeout = LIMIT;
        let started = Instant::now();
        let outcome = Cluster::connect(settings);
        (outcome, started.elapsed())
    };
    for mechanism in ["SCRAM-SHA-512", "SCRAM-SHA-256"] {
        let (connected, _) = with(mechanism, PASSWORD);
        let connected = connected.expect("connected");
        assert_eq!(connected.cluster_id(), cluster.cluster_id());
        assert!(!format!("{connected:?}").contains(PASSWORD));
        assert!(connected.topics().expect("topics").contains_key("tx"));
        assert_eq!(
            read(&connected, "short", (8, 10), Isolation::ReadCommitted),
            (vec![8, 9], ReadEnd::ReachedEnd)
        );

        let (refused, took) = with(mechanism, "wrong-hunter3");
        let error = refused.expect_err("refused");
        assert!(matches!(error, KafkaError::CredentialsRefused { .. }), "{error:?}");
        assert_eq!(error.class(), ErrorClass::BadInput);
        assert!(took < LIMIT / 2, "{took:?}");
        let text = format!("{error} {error:?}");
        assert!(text.contains(&bootstrap) && !text.contains("hunter3"), "{text}");
    }
    let (refused, took) = with("PLAIN", PASSWORD);
    let error = refused.expect_err("not offered by the listener");
    assert!(matches!(error, KafkaError::CredentialsRefused { .. }), "{error:?}");
    assert!(took < LIMIT / 2, "{took:?}");

    let mut without = settings(&bootstrap, &[]);
    without.request_timeout = Duration::from_secs(3);
    let error = Cluster::connect(without).expect_err("the listener wants SASL");
    assert!(matches!(error, KafkaError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("security.protocol"), "{error}");

    let mut tls = settings(&bootstrap, &[("security.protocol", "SSL")]);
    tls.request_timeout = Duration::from_secs(3);
    let error = Cluster::connect(tls).expect_err("the listener speaks no TLS");
    assert!(matches!(error, KafkaError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("PLAINTEXT broker listener?"), "{error}");
}

/// Reads in every way over the recorded listener, and looks at what was asked of the brokers.
fn only_requests_that_read_go_over_the_wire(cluster: &KafkaCluster) {
    const READING: &[i16] = &[
        1,  // Fetch
        2,  // ListOffsets
        3,  // Metadata
        9,  // OffsetFetch
        10, // FindCoordinator
        15, // DescribeGroups
        16, // ListGroups
        18, // ApiVersions
        23, // OffsetForLeaderEpoch
        32, // DescribeConfigs
        69, // ConsumerGroupDescribe
    ];
    let before = cluster.recorded().expect("recorded");
    let proxied =
        Cluster::connect(settings(&cluster.proxied_bootstrap().expect("proxied"), &[])).expect("connected");
    SideInventory::gather(&proxied).expect("gathered");
    proxied.topic_partitions("tx").expect("described");
    proxied.topic_partitions("not-there").expect_err("absent");
    proxied.topic_ids(&["tx", "not-there"]).expect("described");
    proxied.log_bounds(&[TopicPartition::new("not-there", 0)], Isolation::ReadCommitted).expect_err("absent");
    proxied.committed("billing", None).expect("read");
    proxied.group_members("billing").expect("described");
    times_become_offsets(&proxied);
    assert_eq!(read(&proxied, "short", (8, 20), Isolation::ReadCommitted).1, ReadEnd::ReachedEnd);
    assert!(matches!(
        read(&proxied, "short", (1, 2), Isolation::ReadCommitted).1,
        ReadEnd::OutOfRange { .. }
    ));
    assert!(!proxied.topics().expect("topics").contains_key("not-there"));
    drop(proxied);
    let seen: BTreeSet<i16> = cluster
        .recorded()
        .expect("recorded")
        .into_iter()
        .filter(|(kind, count)| before.get(kind).is_none_or(|earlier| count > earlier))
        .map(|(kind, _)| kind.api_key)
        .collect();
    assert!(seen.contains(&1) && seen.contains(&32), "{seen:?}");
    let others: Vec<&i16> = seen.iter().filter(|key| !READING.contains(key)).collect();
    assert_eq!(others, Vec::<&i16>::new());
}

fn clients_of(version: KafkaVersion) {
    let kafka = start(version);
    let bootstrap = kafka.bootstrap_servers();
    let cluster = Cluster::connect(settings(&bootstrap, &[])).expect("connected");
    assert_eq!(cluster.cluster_id(), kafka.cluster_id());
    a_range_ends_behind_markers_and_aborted_records(&bootstrap, &cluster);
    an_open_transaction_ends_the_log_for_who_reads_committed(&bootstrap, &cluster);
    what_retention_took_is_out_of_range_with_the_bounds(&bootstrap, &cluster);
    times_become_offsets(&cluster);
    groups_and_their_commits_are_seen_from_outside(&bootstrap, &cluster, version);
    settings_of_topics_are_known(&bootstrap, &cluster);
    a_topic_made_again_has_another_id(&bootstrap, &cluster);
    refused_credentials_are_no_time_out(&kafka);
    only_requests_that_read_go_over_the_wire(&kafka);
}

#[test]
fn clients_read_a_cluster_of_kafka_3_and_nothing_else() {
    clients_of(KafkaVersion::V3_9);
}

#[test]
fn clients_read_a_cluster_of_kafka_4_and_nothing_else() {
    clients_of(KafkaVersion::V4_3);
}
