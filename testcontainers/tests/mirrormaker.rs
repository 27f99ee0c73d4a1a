//! Real MirrorMaker 2 between two real clusters: what it copies, names, drops, repeats and translates.

use std::time::Duration;

use cutproof_testcontainers::{
    Commit, Isolation, KafkaCluster, KafkaOptions, KafkaVersion, MirrorMaker, MirrorOptions, MirrorPolicy,
    PlainRecord, Topic, TransactionEnd, commit_offsets, committed_offsets, copy_gaps, create_topic, log_ends,
    produce, produce_transaction, read_all, topic_names,
};

const PATIENCE: Duration = Duration::from_secs(120);

struct Pair {
    source: KafkaCluster,
    target: KafkaCluster,
}

impl Pair {
    fn start() -> Self {
        let target = std::thread::spawn(|| KafkaCluster::start(KafkaOptions::target()).unwrap());
        let source = KafkaCluster::start(KafkaOptions::source()).unwrap();
        Self { source, target: target.join().unwrap() }
    }

    fn from(&self) -> String {
        self.source.bootstrap_servers()
    }

    fn to(&self) -> String {
        self.target.bootstrap_servers()
    }

    fn mirror(&self, topics: &str) -> MirrorOptions {
        MirrorOptions::new(&self.from(), &self.to(), topics)
    }

    fn source_records(&self, topic: &str, partition: i32, isolation: Isolation) -> Vec<PlainRecord> {
        records(&self.from(), topic, partition, isolation)
    }

    fn target_records(&self, topic: &str, partition: i32) -> Vec<PlainRecord> {
        records(&self.to(), topic, partition, Isolation::ReadCommitted)
    }
}

fn records(bootstrap: &str, topic: &str, partition: i32, isolation: Isolation) -> Vec<PlainRecord> {
    let read = read_all(bootstrap, topic, partition, isolation).unwrap();
    read.into_iter().map(|record| record.into_record(partition)).collect()
}

fn numbered(partition: i32, numbers: std::ops::Range<i64>) -> Vec<PlainRecord> {
    let record = |number: i64| PlainRecord {
        partition,
        key: (number % 5 != 0).then(|| format!("key-{}", number % 50).into_bytes()),
        value: (number % 7 != 0)
            .then(|| if number % 11 == 0 { vec![] } else { number.to_string().into_bytes() }),
        headers: vec![("n".to_owned(), None), ("n".to_owned(), Some(number.to_be_bytes().to_vec()))],
        timestamp: 1_700_000_000_000 + number,
    };
    numbers.map(record).collect()
}

#[test]
fn every_record_is_copied_and_a_killed_mirrormaker_copies_some_again() {
    let pair = Pair::start();
    create_topic(&pair.from(), &Topic::new("orders", 2)).unwrap();
    produce(&pair.from(), "orders", numbered(0, 0..5_000)).unwrap();
    produce(&pair.from(), "orders", numbered(1, 0..300)).unwrap();
    commit_offsets(
        &pair.from(),
        "billing",
        &[Commit::new("orders", 0, 5_000), Commit::new("orders", 1, 120)],
    )
    .unwrap();

    let mut options = pair.mirror("orders");
    options.sync_group_offsets = true;
    // It forgets how far it was when it is killed.
    let options = options.property("dst.offset.flush.interval.ms", "12000");
    assert_eq!(copy_gaps(&options, &["orders"]).unwrap().len(), 2, "nothing is copied yet");
    let mut mirror = MirrorMaker::start(options).unwrap();
    mirror.wait_until_copied(&["orders"], PATIENCE).unwrap();
    for partition in 0..2 {
        let source = pair.source_records("orders", partition, Isolation::ReadCommitted);
        assert_eq!(pair.target_records("src.orders", partition), source);
    }

    mirror.wait_for_checkpoints("billing", &[("orders", 0)], PATIENCE).unwrap();
    assert!(mirror.wait_for_checkpoints("nobody", &[("orders", 0)], Duration::from_secs(1)).is_err());
    let asked = [("src.orders".to_owned(), 0), ("src.orders".to_owned(), 1)];
    let synced = || committed_offsets(&pair.to(), "billing", &asked).unwrap()[0];
    let deadline = std::time::Instant::now() + PATIENCE;
    while synced() != Some(5_000) {
        assert!(std::time::Instant::now() < deadline, "{:?}", synced());
        std::thread::sleep(Duration::from_millis(200));
    }

    // The records are there, but the kill comes before the commit of how far it is.
    // The others come right after such a commit, so that the next one is seconds away.
    produce(&pair.from(), "orders", numbered(0, 5_000..5_001)).unwrap();
    mirror.wait_until_copied(&["orders"], PATIENCE).unwrap();
    produce(&pair.from(), "orders", numbered(0, 5_001..6_000)).unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    while log_ends(&pair.to(), "src.orders").unwrap()[0].end < 6_000 {
        assert!(std::time::Instant::now() < deadline, "it copies no further");
        std::thread::sleep(Duration::from_millis(20));
    }
    mirror.kill();
    assert!(mirror.wait_until_copied(&["orders"], PATIENCE).is_err(), "it does not run");
    mirror.restart().unwrap();
    mirror.wait_until_copied(&["orders"], PATIENCE).unwrap();
    let target = pair.target_records("src.orders", 0);
    let distinct: std::collections::HashSet<_> = target.iter().collect();
    assert_eq!(distinct.len(), 6_000, "nothing is lost");
    assert!(target.len() > 6_000, "some were copied twice: {}", target.len());
    mirror.stop();
}

#[test]
fn mirrormaker_4_copies_exactly_once_under_the_same_names() {
    let pair = Pair::start();
    create_topic(&pair.from(), &Topic::new("payments", 1)).unwrap();
    let transact =
        |end, numbers| produce_transaction(&pair.from(), "payments", "t", end, numbered(0, numbers)).unwrap();
    transact(TransactionEnd::Commit, 0..6);
    transact(TransactionEnd::Abort, 6..10);
    transact(TransactionEnd::Commit, 10..20);
    transact(TransactionEnd::Abort, 20..25);
    commit_offsets(&pair.from(), "ledger", &[Commit::new("payments", 0, 8)]).unwrap();

    let mut options = pair.mirror("payments");
    options.version = KafkaVersion::V4_3;
    options.policy = MirrorPolicy::Identity;
    options.exactly_once = true;
    options.offset_syncs_on_target = true;
    let syncs = options.offset_syncs_topic();
    let mut mirror = MirrorMaker::start(options).unwrap();
    mirror.wait_until_copied(&["payments"], PATIENCE).unwrap();
    let target = pair.target_records("payments", 0);
    assert_eq!(target, pair.source_records("payments", 0, Isolation::ReadCommitted));
    assert_eq!(target, [numbered(0, 0..6), numbered(0, 10..20)].concat());
    let end = log_ends(&pair.to(), "payments").unwrap()[0].end;
    assert!(end > 16, "the target has markers of its own, its end is {end}");
    mirror.wait_for_checkpoints("ledger", &[("payments", 0)], PATIENCE).unwrap();
    assert!(topic_names(&pair.to()).unwrap().contains(&syncs));
    assert!(!topic_names(&pair.from()).unwrap().contains(&"mm2-offset-syncs.dst.internal".to_owned()));
}

#[test]
fn mirrormaker_copies_aborted_records_by_default_and_drops_what_a_transformation_filters() {
    let pair = Pair::start();
    create_topic(&pair.from(), &Topic::new("orders", 1)).unwrap();
    let mut sent = numbered(0, 0..10);
    for at in [3, 9] {
        sent[at].headers.push(("drop-me".to_owned(), None));
    }
    produce(&pair.from(), "orders", sent.clone()).unwrap();
    let aborted = numbered(0, 10..13);
    create_topic(&pair.from(), &Topic::new("payments", 1)).unwrap();
    produce_transaction(&pair.from(), "payments", "t", TransactionEnd::Abort, aborted.clone()).unwrap();

    let mut options = pair.mirror("orders|payments").dropping_records_with_header("drop-me");
    options.separator = Some("_".to_owned());
    let marked = |record: &PlainRecord| record.headers.iter().any(|(name, _)| name == "drop-me");
    let mut mirror = MirrorMaker::start(options).unwrap();
    mirror
        .wait_until_copied_except(&["orders", "payments"], PATIENCE, |read| {
            marked(&read.clone().into_record(0))
        })
        .unwrap();
    sent.retain(|record| !marked(record));
    assert_eq!(sent.len(), 8);
    assert_eq!(pair.target_records("src_orders", 0), sent);
    assert_eq!(pair.target_records("src_payments", 0), aborted);
    // The last record was dropped, so it never says that it was there.
    assert!(mirror.wait_until_copied(&["orders"], Duration::from_secs(2)).is_err());
}
