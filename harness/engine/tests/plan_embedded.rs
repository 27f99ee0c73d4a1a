//! The plan over two embedded clusters: what is asked of real clients, and that no user's topic is read.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use cutproof::config::{self, ProofConfig};
use cutproof::kafka::{Cluster, ClusterSettings, ErrorClass};
use cutproof::monitor::Remembering;
use cutproof::positions::mm2::{self, Checkpoint, OffsetSync};
use cutproof::positions::{Origin, Plan, PlanError, PositionState, plan};
use cutproof::record::Side;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const LIMIT: Duration = Duration::from_secs(10);

struct Embedded {
    mock: MockCluster<'static, DefaultProducerContext>,
}

impl Embedded {
    fn start(topics: &[(&str, i32)]) -> Self {
        let mock = MockCluster::new(1).expect("a mock cluster");
        for (topic, partitions) in topics {
            mock.create_topic(topic, *partitions, 1).expect("a topic");
        }
        Self { mock }
    }

    fn produce(&self, topic: &str, partition: i32, records: &[(Vec<u8>, Option<Vec<u8>>)]) {
        self.produce_to_each(topic, partition..partition + 1, records);
    }

    /// The same records to each of the partitions, by one client.
    fn produce_to_each(
        &self,
        topic: &str,
        partitions: std::ops::Range<i32>,
        records: &[(Vec<u8>, Option<Vec<u8>>)],
    ) {
        let mut config = ClientConfig::new();
        let producer: BaseProducer =
            config.set("bootstrap.servers", self.mock.bootstrap_servers()).create().expect("a producer");
        for partition in partitions {
            for (key, value) in records {
                let record = BaseRecord::to(topic).partition(partition).key(key);
                let record = match value {
                    Some(value) => record.payload(value),
                    None => record,
                };
                producer.send(record).map_err(|(error, _)| error).expect("queued");
            }
        }
        producer.flush(LIMIT).expect("delivered");
    }

    fn fill(&self, topic: &str, partition: i32, count: usize) {
        self.produce(topic, partition, &numbered(count));
    }

    fn commit(&self, group: &str, commits: &[(&str, i32, i64)]) {
        commit(&self.mock.bootstrap_servers(), group, commits);
    }

    fn connect(&self, side: Side, alias: &str) -> Cluster {
        let settings = ClusterSettings::new(side, alias, self.mock.bootstrap_servers(), BTreeMap::new());
        Cluster::connect(settings).expect("connected")
    }
}

fn numbered(count: usize) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    (0..count).map(|n| (n.to_string().into_bytes(), Some(vec![b'v']))).collect()
}

#[expect(clippy::disallowed_methods, reason = "the test plays the group on a cluster of its own")]
fn commit(bootstrap: &str, group: &str, commits: &[(&str, i32, i64)]) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .create()
        .expect("a consumer");
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in commits {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset)).expect("an offset");
    }
    consumer.commit(&list, CommitMode::Sync).expect("committed");
}

fn config(rest: &str) -> ProofConfig {
    let text = format!(
        "apiVersion: cutproof/v1\nkind: Proof\nsource: {{ alias: src, bootstrap_servers: 'unused:1' }}\n\
         target: {{ alias: dst, bootstrap_servers: 'unused:1' }}\n{rest}\n"
    );
    config::parse(&text, Path::new("")).expect("a configuration")
}

fn planned(rest: &str, source: &Embedded, target: &Embedded) -> Result<Plan, PlanError> {
    let (source, target) = (source.connect(Side::Source, "src"), target.connect(Side::Target, "dst"));
    plan(&config(rest), &source, &target, &Remembering::default())
}

fn checkpoint(group: &str, topic: &str, partition: i32, up: i64, down: i64) -> (Vec<u8>, Option<Vec<u8>>) {
    let (key, value) = mm2::encode_checkpoint(&Checkpoint {
        group: group.into(),
        topic: topic.into(),
        partition,
        upstream_offset: up,
        downstream_offset: down,
        metadata: String::new(),
    });
    (key, Some(value))
}

fn source() -> Embedded {
    let source = Embedded::start(&[("orders", 2), ("mm2-offset-syncs.dst.internal", 1)]);
    source.fill("orders", 0, 30);
    source.fill("orders", 1, 10);
    source
}

fn target() -> Embedded {
    let target = Embedded::start(&[("src.orders", 2), ("src.checkpoints.internal", 1)]);
    target.fill("src.orders", 0, 28);
    target.fill("src.orders", 1, 10);
    target
}

#[test]
fn a_plan_for_mirrormaker_2_is_made_from_commits_checkpoints_and_offset_syncs() {
    let (source, target) = (source(), target());
    source.commit("billing", &[("orders", 0, 20), ("orders", 1, 5)]);
    source.commit("search", &[("orders", 0, 12)]);
    source.commit("late", &[("orders", 1, 9)]);
    let sync = OffsetSync { topic: "orders".into(), partition: 0, upstream_offset: 0, downstream_offset: 0 };
    let (key, value) = mm2::encode_offset_sync(&sync);
    source.produce("mm2-offset-syncs.dst.internal", 0, &[(key, Some(value))]);
    target.produce(
        "src.checkpoints.internal",
        0,
        &[
            checkpoint("billing", "src.orders", 0, 10, 9),
            checkpoint("billing", "src.orders", 0, 20, 15),
            checkpoint("billing", "src.orders", 1, 5, 5),
            checkpoint("search", "src.orders", 0, 12, 99),
            (b"no checkpoint".to_vec(), Some(vec![1])),
        ],
    );
    target.commit("billing", &[("src.orders", 1, 4)]);
    // The embedded cluster does not list groups: `late` is known only because it is written out.
    let plan = planned("groups: { include: ['.*', 'late'] }", &source, &target).expect("a plan");

    assert_ne!(plan.source_cluster_id, plan.target_cluster_id);
    let pairs: Vec<_> = plan
        .pairs
        .iter()
        .map(|p| {
            (
                p.source.to_string(),
                p.target.to_string(),
                p.source_start,
                p.source_end,
                p.target_end,
                p.target_hint,
            )
        })
        .collect();
    assert_eq!(
        pairs,
        [
            ("orders-0".into(), "src.orders-0".into(), 12, 30, 28, Some(99)),
            ("orders-1".into(), "src.orders-1".into(), 5, 10, 10, Some(4)),
        ]
    );
    let positions: Vec<_> = plan
        .groups
        .iter()
        .flat_map(|g| {
            g.positions.iter().map(|p| (g.group.as_str(), p.pair, p.committed, p.resume, p.origin, p.state))
        })
        .collect();
    assert_eq!(
        positions,
        [
            ("billing", 0, Some(20), Some(15), Origin::Checkpoints, PositionState::Judged),
            ("billing", 1, Some(5), Some(4), Origin::GroupCommits, PositionState::Judged),
            ("late", 1, Some(9), None, Origin::None, PositionState::NoOffsetSync),
            ("search", 0, Some(12), Some(99), Origin::Checkpoints, PositionState::BeyondTargetEnd),
        ]
    );
    let remarks = plan.remarks.join("\n");
    assert!(remarks.contains("does not list its groups"), "{remarks}");
    assert!(remarks.contains("src.checkpoints.internal-0") && remarks.contains("offset 4"), "{remarks}");
}

#[test]
fn one_cluster_on_both_sides_is_the_users_mistake() {
    let source = source();
    let error = planned("replication: { policy: identity }", &source, &source).expect_err("refused");
    assert!(matches!(error, PlanError::SameCluster { .. }), "{error}");
    assert_eq!(error.class(), ErrorClass::BadInput);
    source.commit("g", &[("orders", 0, 7)]);
    let plan =
        planned("range: { noise_floor: true }\ngroups: { include: [g] }", &source, &source).expect("told");
    assert_eq!(plan.groups[0].positions[0].resume, Some(7));
    assert_eq!(plan.pairs[0].source, plan.pairs[0].target);
}

#[test]
fn absent_and_smaller_target_topics_are_named() {
    let source = source();
    let none = Embedded::start(&[("orders", 2)]);
    let error = planned("topics: { include: [orders] }", &source, &none).expect_err("absent").to_string();
    assert!(error.contains("src.orders") && error.contains("replication.policy"), "{error}");
    let small = Embedded::start(&[("src.orders", 1)]);
    let error = planned("topics: { include: [orders] }", &source, &small).expect_err("too small").to_string();
    assert!(error.contains("1 partitions") && error.contains("has 2"), "{error}");
    let error = planned("", &source, &target()).expect_err("no group").to_string();
    assert!(error.contains("does not list its groups"), "{error}");
}

/// User and system time of this process, in seconds.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit(')').next().expect("a name in brackets");
    let field =
        |at: usize| after_name.split_whitespace().nth(at).and_then(|t| t.parse::<f64>().ok()).expect("ticks");
    (field(11) + field(12)) / 100.0
}

/// With `--nocapture` it prints what the plan cost. The embedded cluster keeps 5 MiB of a partition: no more checkpoints
/// than that, or the oldest are gone.
#[test]
fn hundreds_of_groups_on_dozens_of_partitions_are_planned_in_seconds() {
    const PARTITIONS: i32 = 48;
    const GROUPS: usize = 400;
    const COMMITTING: usize = 16;
    let source = Embedded::start(&[("orders", PARTITIONS), ("mm2-offset-syncs.dst.internal", 1)]);
    let target = Embedded::start(&[("src.orders", PARTITIONS), ("src.checkpoints.internal", 1)]);
    let group = |n: usize| format!("group-{n:04}");
    let (mut syncs, mut checkpoints) = (Vec::new(), Vec::new());
    for partition in 0..PARTITIONS {
        for offset in [0, 101, 199] {
            let sync = OffsetSync {
                topic: "orders".into(),
                partition,
                upstream_offset: offset,
                downstream_offset: offset,
            };
            let (key, value) = mm2::encode_offset_sync(&sync);
            syncs.push((key, Some(value)));
        }
        for n in 0..GROUPS {
            checkpoints.push(checkpoint(&group(n), "src.orders", partition, 150, 102));
        }
    }
    source.produce_to_each("orders", 0..PARTITIONS, &numbered(200));
    target.produce_to_each("src.orders", 0..PARTITIONS, &numbered(200));
    source.produce("mm2-offset-syncs.dst.internal", 0, &syncs);
    target.produce("src.checkpoints.internal", 0, &checkpoints);
    // A client takes a while to find its group's coordinator: many at once.
    let (bootstrap, commits) =
        (source.mock.bootstrap_servers(), (0..PARTITIONS).map(|p| ("orders", p, 150)).collect::<Vec<_>>());
    std::thread::scope(|scope| {
        for from in 0..COMMITTING {
            let (bootstrap, commits) = (&bootstrap, &commits);
            scope.spawn(move || {
                (from..GROUPS).step_by(COMMITTING).for_each(|n| commit(bootstrap, &group(n), commits));
            });
        }
    });
    let (source, target) = (source.connect(Side::Source, "src"), target.connect(Side::Target, "dst"));
    let (started, cpu) = (std::time::Instant::now(), cpu_seconds());
    let plan = plan(&config(""), &source, &target, &Remembering::default()).expect("a plan");
    println!(
        "{GROUPS} groups x {PARTITIONS} partitions: {:.2?}, {:.2} s of CPU",
        started.elapsed(),
        cpu_seconds() - cpu
    );
    let positions = || plan.groups.iter().flat_map(|g| &g.positions);
    assert_eq!(positions().count(), GROUPS * PARTITIONS as usize);
    assert!(positions().all(|p| p.resume == Some(102) && p.state == PositionState::Judged));
    assert!(started.elapsed() < Duration::from_secs(60), "{:.2?}", started.elapsed());
}
