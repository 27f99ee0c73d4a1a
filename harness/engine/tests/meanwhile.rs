//! Runs over two embedded clusters on which something happens as a stage begins: what retention takes then is no defect
//! of the copy. And values that a registry is asked about although they name no schema, or while it is down.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cutproof::cancel::CancelToken;
use cutproof::config::{ProofConfig, parse};
use cutproof::monitor::Monitor;
use cutproof::record::Side;
use cutproof::run::{CheckpointEvery, RunOptions, RunOutcome, run};
use cutproof_reports::{FindingKind, OrderBroken, Part, PositionState, Verdict, read_offset_map};
use cutproof_testcontainers::{
    Commit, EMBEDDED_PARTITION_BYTES, EmbeddedCluster, FixedRegistry, PlainRecord, commit_offsets, produce,
};

/// So large that no batch holds two.
const LARGE: usize = 512 << 10;

/// Acts once, as a stage begins.
struct Meanwhile<F> {
    stage: &'static str,
    act: F,
    acted: AtomicBool,
}

impl<F: Fn() + Send + Sync> Monitor for Meanwhile<F> {
    fn stage(&self, name: &str) {
        if name == self.stage && !self.acted.swap(true, Ordering::SeqCst) {
            (self.act)();
        }
    }
    fn expect_offsets(&self, _: u64) {}
    fn read(&self, _: Side, _: u64, _: u64) {}
    fn warn(&self, _: &str) {}
}

fn run_while(config: &ProofConfig, stage: &'static str, act: impl Fn() + Send + Sync) -> RunOutcome {
    run_into(tempfile::tempdir().expect("a directory").path(), config, stage, act)
}

fn run_into(
    out: &Path,
    config: &ProofConfig,
    stage: &'static str,
    act: impl Fn() + Send + Sync,
) -> RunOutcome {
    let options = RunOptions {
        out: out.to_path_buf(),
        resume: None,
        checkpoint_every: CheckpointEvery::default(),
        cancel: CancelToken::default(),
        conditional: false,
    };
    run(config, &options, &Meanwhile { stage, act, acted: AtomicBool::new(false) }).expect("a run")
}

/// Two clusters with these topics of one partition, under their name and with the source's alias before it.
fn clusters(topics: &[&str]) -> [EmbeddedCluster; 2] {
    let clusters = [(), ()].map(|()| EmbeddedCluster::start(1).expect("embedded brokers"));
    for topic in topics {
        clusters[0].create_topic(topic, 1).expect("made");
        clusters[1].create_topic(&format!("src.{topic}"), 1).expect("made");
    }
    clusters
}

fn config(
    clusters: &[EmbeddedCluster; 2],
    registries: Option<&[FixedRegistry; 2]>,
    more: &str,
) -> ProofConfig {
    let side = |at: usize| {
        let registry = registries.map_or(String::new(), |registries| {
            format!(", schema_registry: {{ url: \"{}\" }}", registries[at].url())
        });
        format!(
            "{{ alias: {}, bootstrap_servers: \"{}\", properties: {{ fetch.wait.max.ms: \"10\" }}{registry} }}",
            ["src", "dst"][at],
            clusters[at].bootstrap_servers()
        )
    };
    let text =
        format!("apiVersion: cutproof/v1\nkind: Proof\nsource: {}\ntarget: {}\n{more}", side(0), side(1));
    parse(&text, Path::new("")).expect("a configuration")
}

fn record(n: i64, value: Vec<u8>) -> PlainRecord {
    PlainRecord {
        partition: 0,
        key: Some(b"key".to_vec()),
        value: Some(value),
        headers: vec![],
        timestamp: 1_793_606_400_000 + n,
    }
}

fn large(n: i64) -> PlainRecord {
    record(n, vec![b'x'; LARGE])
}

/// A registry for each side that knows strings, under id 1 on the source and 2 on the target.
fn remapping() -> [FixedRegistry; 2] {
    [1, 2].map(|schema| {
        FixedRegistry::start(HashMap::from([(schema, "\"string\"".to_owned())])).expect("a registry")
    })
}

/// An Avro string in the framing of the registry.
fn framed(schema: u8, text: &str) -> Vec<u8> {
    [&[0, 0, 0, 0, schema, 2 * text.len() as u8], text.as_bytes()].concat()
}

#[test]
fn a_pair_whose_history_is_deleted_while_it_is_read_is_judged_by_what_is_left() {
    const HISTORY: i64 = 4;
    const RECORDS: i64 = 20;
    let clusters = clusters(&["orders"]);
    let logs = || (0..HISTORY).map(large).chain((HISTORY..HISTORY + RECORDS).map(small));
    let mut copy: Vec<PlainRecord> = logs().collect();
    let foreign = PlainRecord { key: Some(b"of nobody else".to_vec()), ..small(100) };
    let at = (HISTORY + RECORDS / 2) as usize;
    copy.insert(at, foreign);
    produce(clusters[0].bootstrap_servers(), "orders", logs()).expect("produced");
    produce(clusters[1].bootstrap_servers(), "src.orders", copy).expect("produced");
    let commit = Commit::new("orders", 0, HISTORY);
    commit_offsets(clusters[0].bootstrap_servers(), "shop", &[commit]).expect("committed");
    let config = config(
        &clusters,
        None,
        "topics: { include: [orders] }\ngroups: { include: [shop] }\nrange: { start: positions, settle: 100ms }\n",
    );
    // What the range holds stays; most of what was before it goes.
    let source = clusters[0].bootstrap_servers().to_owned();
    let outcome = run_while(&config, "judge", || {
        produce(&source, "orders", (200..208).map(large)).expect("produced");
    });
    let manifest = outcome.manifest;
    assert_eq!(manifest.pairs[0].source_start_offset, Some(HISTORY));
    assert_eq!(manifest.pairs[0].remarks, Vec::<String>::new());
    let totals = &manifest.totals;
    assert_eq!(
        totals.findings,
        BTreeMap::from([(FindingKind::ExtraneousRecord, 1)]),
        "{:?}",
        manifest.reasons
    );
    assert_eq!((totals.matched, totals.unverifiable), (RECORDS as u64, 0));
    let found = outcome.sample[0].target.as_ref().map(|place| place.offset);
    assert_eq!((manifest.exit_code, found), (10, Some(at as i64)));
}

fn small(n: i64) -> PlainRecord {
    record(n, format!("value {n}").into_bytes())
}

fn bootstraps(clusters: &[EmbeddedCluster; 2]) -> [String; 2] {
    clusters.each_ref().map(|cluster| cluster.bootstrap_servers().to_owned())
}

/// Appends as many large records to both copies of a topic, so that each loses most of what it began with.
fn push_out(bootstraps: &[String; 2]) {
    for (bootstrap, topic) in bootstraps.iter().zip(["orders", "src.orders"]) {
        produce(bootstrap, topic, (200..208).map(large)).expect("produced");
    }
}

#[test]
fn a_unit_is_read_from_where_its_logs_begin_when_its_turn_comes() {
    const HISTORY: i64 = 4;
    const RECORDS: i64 = 20;
    let clusters = clusters(&["orders"]);
    let log = || (0..HISTORY).map(large).chain((HISTORY..HISTORY + RECORDS).map(small));
    let mut copy: Vec<PlainRecord> = log().collect();
    let foreign = PlainRecord { key: Some(b"of nobody else".to_vec()), ..small(100) };
    let at = (HISTORY + RECORDS / 2) as usize;
    copy.insert(at, foreign);
    produce(clusters[0].bootstrap_servers(), "orders", log()).expect("produced");
    produce(clusters[1].bootstrap_servers(), "src.orders", copy).expect("produced");
    let commit = Commit::new("orders", 0, HISTORY);
    commit_offsets(clusters[0].bootstrap_servers(), "shop", &[commit]).expect("committed");
    let config = config(
        &clusters,
        None,
        "topics: { include: [orders] }\ngroups: { include: [shop] }\nrange: { start: positions, settle: 100ms }\n\
         contracts: [{ topics: [orders], order: key }]\n",
    );
    // There are no pairs to be judged before the unit is read.
    let both = bootstraps(&clusters);
    let outcome = run_while(&config, "judge", || push_out(&both));
    let manifest = outcome.manifest;
    assert_eq!(manifest.pairs[0].source_start_offset, Some(HISTORY));
    assert_eq!(manifest.pairs[0].remarks, Vec::<String>::new());
    let totals = &manifest.totals;
    let found = BTreeMap::from([(FindingKind::ExtraneousRecord, 1)]);
    assert_eq!(totals.findings, found, "{:?}", manifest.reasons);
    assert_eq!((totals.matched, totals.unverifiable), (RECORDS as u64 + 8, 0));
    let found = outcome.sample[0].target.as_ref().map(|place| place.offset);
    assert_eq!((manifest.exit_code, found), (10, Some(at as i64)));
}

#[test]
fn what_is_deleted_after_a_unit_has_read_it_makes_no_copy_of_it_extraneous() {
    let clusters = clusters(&["orders"]);
    // The log begins late already; then come records that will be gone, and some that stay.
    let log = || {
        let gone = (0..12).map(large).chain((12..22).map(small));
        gone.chain((22..26).map(large)).chain((26..36).map(small))
    };
    let foreign = PlainRecord { key: Some(b"of nobody else".to_vec()), ..small(100) };
    let strays = [small(12), foreign];
    produce(clusters[0].bootstrap_servers(), "orders", log()).expect("produced");
    produce(clusters[1].bootstrap_servers(), "src.orders", log().chain(strays)).expect("produced");
    let config = config(
        &clusters,
        None,
        "topics: { include: [orders] }\ngroups: { include: [none] }\nrange: { start: earliest, settle: 100ms }\n\
         contracts: [{ topics: [orders], order: key }]\n",
    );
    let source = clusters[0].bootstrap_servers().to_owned();
    let outcome = run_while(&config, "settle", || {
        produce(&source, "orders", (200..208).map(large)).expect("produced");
    });
    let manifest = outcome.manifest;
    let start = manifest.pairs[0].source_start_offset.expect("a start");
    assert!((1..12).contains(&start), "it begins at {start}");
    let totals = &manifest.totals;
    let found = BTreeMap::from([(FindingKind::ExtraneousRecord, 1)]);
    assert_eq!(totals.findings, found, "{:?}", manifest.reasons);
    // What was read is matched, gone or not; the second copy of a record that is gone is nothing of its own.
    assert_eq!((totals.matched, totals.unverifiable), ((36 - start) as u64, 1));
    let of_nobody = outcome.sample[0].target.as_ref().and_then(|place| place.timestamp);
    assert_eq!(of_nobody, Some(small(100).timestamp));
    let [remark] = &manifest.pairs[0].remarks[..] else { panic!("{:?}", manifest.pairs[0].remarks) };
    assert!(
        remark.contains("1 records of src.orders") && remark.contains("orders-0 before offset"),
        "{remark}"
    );
}

#[test]
fn a_compacted_pair_whose_history_is_deleted_while_it_is_read_is_judged_by_what_is_left() {
    const HISTORY: i64 = 4;
    const RECORDS: i64 = 20;
    let clusters = clusters(&["orders"]);
    let log = || (0..HISTORY).map(large).chain((HISTORY..HISTORY + RECORDS).map(small));
    let mut copy: Vec<PlainRecord> = log().collect();
    // Whether the source holds a value of its key is looked up back to the beginning of the log.
    let tombstone = PlainRecord { key: Some(b"of nobody else".to_vec()), value: None, ..small(100) };
    copy.insert((HISTORY + RECORDS / 2) as usize, tombstone);
    produce(clusters[0].bootstrap_servers(), "orders", log()).expect("produced");
    produce(clusters[1].bootstrap_servers(), "src.orders", copy).expect("produced");
    let commit = Commit::new("orders", 0, HISTORY);
    commit_offsets(clusters[0].bootstrap_servers(), "shop", &[commit]).expect("committed");
    let config = config(
        &clusters,
        None,
        "topics: { include: [orders] }\ngroups: { include: [shop] }\nrange: { start: positions, settle: 100ms }\n\
         contracts: [{ topics: [orders], log: compacted }]\n",
    );
    let source = clusters[0].bootstrap_servers().to_owned();
    let manifest = run_while(&config, "judge", || {
        produce(&source, "orders", (200..208).map(large)).expect("produced");
    })
    .manifest;
    assert_eq!(manifest.pairs[0].remarks, Vec::<String>::new());
    let totals = &manifest.totals;
    let found = BTreeMap::from([(FindingKind::ExtraneousRecord, 1)]);
    assert_eq!(totals.findings, found, "{:?}", manifest.reasons);
    assert_eq!((totals.matched, totals.unverifiable), (RECORDS as u64, 0));
}

/// Of `orders` and the group `shop`, which a CSV file sets to `resume` on the target.
fn config_of_shop(
    clusters: &[EmbeddedCluster; 2],
    work: &std::path::Path,
    resume: i64,
    more: &str,
) -> ProofConfig {
    let positions = work.join("positions.csv");
    std::fs::write(&positions, format!("shop,src.orders,0,{resume}\n")).expect("written");
    let of_shop = format!(
        "topics: {{ include: [orders] }}\ngroups: {{ include: [shop] }}\n\
         positions: {{ origin: csv, csv_file: \"{}\" }}\n{more}",
        positions.display()
    );
    config(clusters, None, &of_shop)
}

#[test]
fn replay_before_the_start_of_a_pair_is_counted_over_what_is_left() {
    const COMMIT: i64 = 14;
    const RESUME: i64 = 8;
    let clusters = clusters(&["orders"]);
    let log = || (0..4).map(large).chain((4..24).map(small));
    let mut copy: Vec<PlainRecord> = log().collect();
    // Among what is done again: its original lies before what is aligned.
    copy.insert(10, small(5));
    produce(clusters[0].bootstrap_servers(), "orders", log()).expect("produced");
    produce(clusters[1].bootstrap_servers(), "src.orders", copy).expect("produced");
    let commit = Commit::new("orders", 0, COMMIT);
    commit_offsets(clusters[0].bootstrap_servers(), "shop", &[commit]).expect("committed");
    let work = tempfile::tempdir().expect("a directory");
    let more = "range: { start: positions, settle: 100ms }\n";
    let config = config_of_shop(&clusters, work.path(), RESUME, more);
    let both = bootstraps(&clusters);
    let manifest = run_while(&config, "locate", || push_out(&both)).manifest;
    let position = &manifest.groups[0].positions[0];
    let counted = (position.skip_records, position.replay_records);
    assert_eq!(counted, (Some(0), Some(COMMIT as u64 - RESUME as u64 + 1)), "{}", position.detail);
}

#[test]
fn a_resume_offset_that_retention_passes_before_the_run_ends_is_not_judged_and_a_gone_image_not_proposed() {
    const COMMIT: i64 = 14;
    const RESUME: i64 = 8;
    for order in ["partition", "key"] {
        let clusters = clusters(&["orders"]);
        let [source, target] = bootstraps(&clusters);
        produce(&source, "orders", (0..24).map(small)).expect("produced");
        produce(&target, "src.orders", (0..24).map(small)).expect("produced");
        commit_offsets(&source, "shop", &[Commit::new("orders", 0, COMMIT)]).expect("committed");
        let work = tempfile::tempdir().expect("a directory");
        let more = format!(
            "range: {{ start: earliest, settle: 100ms }}\ncontracts: [{{ topics: [orders], order: {order} }}]\n"
        );
        let config = config_of_shop(&clusters, work.path(), RESUME, &more);
        let told = |act: &(dyn Fn() + Send + Sync)| {
            let outcome = run_into(work.path(), &config, "report", act);
            let proposed = outcome.directory.join("resume_offsets.csv");
            (outcome.manifest, std::fs::read_to_string(proposed).expect("readable"))
        };
        let (manifest, proposed) = told(&|| {});
        let position = &manifest.groups[0].positions[0];
        assert_eq!((position.state, position.skip_records), (PositionState::Judged, Some(0)), "{position:?}");
        assert_eq!((manifest.exit_code, manifest.verdict), (0, Verdict::Match), "{:?}", manifest.reasons);
        assert_eq!(proposed, format!("shop,src.orders,0,{COMMIT}\n"));

        // Everything was read and judged by then.
        let (manifest, proposed) = told(&|| {
            let all = 0..(EMBEDDED_PARTITION_BYTES / LARGE) as i64 + 2;
            produce(&target, "src.orders", all.map(large)).expect("produced");
        });
        let position = &manifest.groups[0].positions[0];
        assert_eq!(position.state, PositionState::BelowTargetLogStart, "{position:?}");
        assert_eq!((position.target_offset, position.image_offset), (Some(RESUME), None));
        let verdict = (manifest.exit_code, manifest.verdict);
        assert_eq!(verdict, (12, Verdict::Inconclusive), "{:?}", manifest.reasons);
        let words = ["group shop at orders-0", "8 is below the target's log start"];
        let told = |reason: &String| words.iter().all(|word| reason.contains(word));
        assert!(manifest.reasons.iter().any(told), "{:?}", manifest.reasons);
        assert_eq!((manifest.totals.matched, proposed.as_str()), (24, ""));
    }
}

#[test]
fn remapped_records_that_are_gone_when_they_are_explained_make_the_run_inconclusive() {
    const RECORDS: i64 = 21;
    const REMAPPED: u64 = 10;
    let topics = ["orders", "keyed"];
    let clusters = clusters(&topics);
    // Every other record is framed, each side with the id of its own registry.
    let value = |n: i64, schema: u8| match n % 2 {
        0 => format!("value {n}").into_bytes(),
        _ => framed(schema, &format!("value {n}")),
    };
    for topic in topics {
        for (cluster, topic, schema) in
            [(&clusters[0], topic.to_owned(), 1), (&clusters[1], format!("src.{topic}"), 2)]
        {
            let records = (0..RECORDS).map(|n| record(n, value(n, schema)));
            produce(cluster.bootstrap_servers(), &topic, records).expect("produced");
        }
    }
    let registries = remapping();
    let config = config(
        &clusters,
        Some(&registries),
        "topics: { include: [orders, keyed] }\ngroups: { include: [] }\n\
         range: { start: earliest, settle: 100ms }\ncontracts: [{ topics: [keyed], order: key }]\n",
    );
    let whole = run_while(&config, "report", || {}).manifest;
    assert_eq!(whole.totals.equal_meaning, 2 * REMAPPED, "{:?}", whole.reasons);
    assert_eq!((whole.totals.findings.len(), whole.totals.unverifiable), (0, 0));

    let target = clusters[1].bootstrap_servers().to_owned();
    let gone = run_while(&config, "report", || {
        for topic in topics {
            let all = 0..(EMBEDDED_PARTITION_BYTES / LARGE) as i64 + 2;
            produce(&target, &format!("src.{topic}"), all.map(large)).expect("produced");
        }
    });
    let manifest = gone.manifest;
    assert_eq!((manifest.exit_code, manifest.verdict), (12, Verdict::Inconclusive), "{:?}", manifest.reasons);
    let totals = &manifest.totals;
    assert_eq!((totals.findings.len(), gone.sample.len(), totals.equal_meaning), (0, 0, 0));
    assert_eq!((totals.matched, totals.unverifiable), (2 * (RECORDS as u64 - REMAPPED), 4 * REMAPPED));
    for topic in topics {
        let first = format!("{topic}-0 offset 1 and src.{topic}-0 offset 1");
        assert!(manifest.reasons.iter().any(|reason| reason.contains(&first)), "{:?}", manifest.reasons);
    }
}

#[test]
fn findings_far_apart_whose_broker_goes_away_before_they_are_reported_are_told_after_one_stall() {
    const APART: i64 = 2_500;
    const CHANGED: i64 = 12;
    let clusters = clusters(&["orders"]);
    let log = |changed: &'static str| {
        (0..CHANGED * APART).map(move |n| match n % APART == APART / 2 {
            true => record(n, changed.as_bytes().to_vec()),
            false => small(n),
        })
    };
    produce(clusters[0].bootstrap_servers(), "orders", log("one")).expect("produced");
    produce(clusters[1].bootstrap_servers(), "src.orders", log("another")).expect("produced");
    let config = config(
        &clusters,
        None,
        "topics: { include: [orders] }\ngroups: { include: [] }\nrange: { start: earliest, settle: 100ms }\n",
    );
    // The clusters stay with this thread, which takes the broker down while the run waits.
    let (begins, begun) = std::sync::mpsc::channel();
    let (outcome, took) = std::thread::scope(|scope| {
        let config = &config;
        let running = scope.spawn(move || {
            run_while(config, "report", move || {
                let (done, is_done) = std::sync::mpsc::channel::<()>();
                begins.send(done).expect("somebody listens");
                is_done.recv().expect("taken down");
            })
        });
        let done = begun.recv().expect("the run reports");
        clusters[1].mock().broker_down(1).expect("down");
        let began = Instant::now();
        done.send(()).expect("the run waits");
        (running.join().expect("a run"), began.elapsed())
    });
    // One stall takes 45 s, and what the run asks that broker for afterwards has its own time limit.
    assert!(took < Duration::from_secs(180), "{took:?}");
    let manifest = outcome.manifest;
    assert_eq!((manifest.exit_code, manifest.verdict), (10, Verdict::Divergent), "{:?}", manifest.reasons);
    let found = BTreeMap::from([(FindingKind::MismatchedRecord, CHANGED as u64)]);
    assert_eq!((manifest.totals.findings, outcome.sample.len()), (found, CHANGED as usize));
    for finding in &outcome.sample {
        let hashed = [&finding.source_value_hash, &finding.target_value_hash].map(Option::is_some);
        assert_eq!((hashed, finding.parts.len()), ([true, false], 0), "{finding:?}");
        assert!(finding.detail.contains("the target record could not be read again"), "{}", finding.detail);
    }
}

#[test]
fn matched_records_that_are_gone_when_they_are_decoded_are_counted_and_make_the_run_inconclusive() {
    const RECORDS: u64 = 21;
    let topics = ["orders", "keyed"];
    let clusters = clusters(&topics);
    for topic in topics {
        for (cluster, topic) in [(&clusters[0], topic.to_owned()), (&clusters[1], format!("src.{topic}"))] {
            let records = (0..RECORDS as i64).map(|n| record(n, framed(1, &format!("value {n}"))));
            produce(cluster.bootstrap_servers(), &topic, records).expect("produced");
        }
    }
    let schemas = || HashMap::from([(1, "\"string\"".to_owned())]);
    let registries = [(), ()].map(|()| FixedRegistry::start(schemas()).expect("a registry"));
    let config = config(
        &clusters,
        Some(&registries),
        "topics: { include: [orders, keyed] }\ngroups: { include: [] }\n\
         range: { start: earliest, settle: 100ms }\n\
         contracts: [{ topics: [keyed], order: key, decode: all }, { decode: all }]\n",
    );
    let whole = run_while(&config, "report", || {}).manifest;
    assert_eq!((whole.verdict, whole.totals.matched), (Verdict::Match, 2 * RECORDS), "{:?}", whole.reasons);

    let target = clusters[1].bootstrap_servers().to_owned();
    let gone = run_while(&config, "report", || {
        for topic in topics {
            let all = 0..(EMBEDDED_PARTITION_BYTES / LARGE) as i64 + 2;
            produce(&target, &format!("src.{topic}"), all.map(large)).expect("produced");
        }
    });
    let manifest = gone.manifest;
    assert_eq!((manifest.exit_code, manifest.verdict), (12, Verdict::Inconclusive), "{:?}", manifest.reasons);
    assert_eq!((manifest.totals.matched, gone.sample.len()), (2 * RECORDS, 0));
    for topic in topics {
        let counted =
            format!("src.{topic}-0: whether {RECORDS} records can be read on the target is not known");
        assert!(manifest.reasons.iter().any(|reason| reason.contains(&counted)), "{:?}", manifest.reasons);
    }
}

#[test]
fn remapped_records_whose_registry_is_down_make_the_run_inconclusive_and_changed_text_is_a_finding() {
    const RECORDS: i64 = 21;
    const REMAPPED: u64 = 10;
    const CHANGED: i64 = 8;
    let topics = ["orders", "keyed"];
    let clusters = clusters(&topics);
    // Every other record is framed, each side with the id of its own registry.
    let value = |n: i64, schema: u8| match n % 2 {
        0 if n == CHANGED && schema == 2 => b"another value".to_vec(),
        0 => format!("value {n}").into_bytes(),
        _ => framed(schema, &format!("value {n}")),
    };
    for topic in topics {
        for (cluster, topic, schema) in
            [(&clusters[0], topic.to_owned(), 1), (&clusters[1], format!("src.{topic}"), 2)]
        {
            let records = (0..RECORDS).map(|n| record(n, value(n, schema)));
            produce(cluster.bootstrap_servers(), &topic, records).expect("produced");
        }
    }
    let registries = remapping();
    let config = config(
        &clusters,
        Some(&registries),
        "topics: { include: [orders, keyed] }\ngroups: { include: [] }\n\
         range: { start: earliest, settle: 100ms }\ncontracts: [{ topics: [keyed], order: key }]\n",
    );
    let [_source, target] = registries;
    drop(target);
    let down = run_while(&config, "report", || {});
    let totals = &down.manifest.totals;
    assert_eq!(totals.findings, BTreeMap::from([(FindingKind::MismatchedRecord, 2)]));
    let places: Vec<Option<i64>> =
        down.sample.iter().map(|finding| Some(finding.source.as_ref()?.offset)).collect();
    assert_eq!(places, [Some(CHANGED); 2]);
    assert_eq!((totals.equal_meaning, totals.unverifiable), (0, 4 * REMAPPED));
    assert_eq!(totals.matched, 2 * (RECORDS as u64 - REMAPPED - 1));
    for topic in topics {
        let first = format!("{topic}-0 offset 1 and src.{topic}-0 offset 1");
        let told = |reason: &String| {
            let words = ["10 records have other bytes", "the target registry at http://127.0.0.1", &first];
            words.iter().all(|word| reason.contains(*word))
        };
        assert!(down.manifest.reasons.iter().any(told), "{:?}", down.manifest.reasons);
    }
}

#[test]
fn of_values_that_begin_like_framed_ones_only_those_of_the_schema_are_findings() {
    const RECORDS: i64 = 21;
    const FRAMED: i64 = 7;
    let clusters = clusters(&["orders"]);
    // Numbers of 8 bytes that begin with schema id 1; as strings they would end before their last byte.
    let value = |n: i64| match n {
        FRAMED => framed(1, "hi"),
        _ => (0x0102_0000 + n).to_be_bytes().to_vec(),
    };
    for (cluster, topic) in clusters.iter().zip(["orders", "src.orders"]) {
        let records = (0..RECORDS).map(|n| record(n, value(n)));
        produce(cluster.bootstrap_servers(), topic, records).expect("produced");
    }
    let registries = ["\"string\"", "\"long\""]
        .map(|schema| FixedRegistry::start(HashMap::from([(1, schema.to_owned())])).expect("a registry"));
    let config = config(
        &clusters,
        Some(&registries),
        "topics: { include: [orders] }\ngroups: { include: [] }\nrange: { start: earliest, settle: 100ms }\n",
    );
    let outcome = run_while(&config, "report", || {});
    let manifest = outcome.manifest;
    assert_eq!((manifest.exit_code, outcome.sample.len()), (10, 1), "{:?}", manifest.reasons);
    let found = &outcome.sample[0];
    assert_eq!(found.kind, FindingKind::MismatchedRecord);
    assert_eq!(found.parts, [Part::Schema]);
    assert_eq!(found.source.as_ref().map(|place| place.offset), Some(FRAMED));
    assert_eq!((manifest.totals.matched, manifest.totals.unverifiable), (RECORDS as u64 - 1, 0));
    let note = "orders-0: 20 values begin as if they named a schema";
    assert!(manifest.reasons.iter().any(|reason| reason.contains(note)), "{:?}", manifest.reasons);
}

#[test]
fn remapped_records_that_swapped_places_are_reordered_although_they_are_equal_in_meaning() {
    let clusters = clusters(&["orders"]);
    let keyed = |key: &str, n: i64, value: Vec<u8>| PlainRecord {
        key: Some(key.as_bytes().to_vec()),
        ..record(n, value)
    };
    let remapped = |key: &str, n: i64, schema: u8| keyed(key, n, framed(schema, key));
    let last = || keyed("z", 9, b"plain".to_vec());
    let source = [remapped("a", 0, 1), remapped("b", 1, 1), remapped("c", 2, 1), last()];
    let target = [remapped("b", 1, 2), remapped("c", 2, 2), remapped("a", 0, 2), last()];
    produce(clusters[0].bootstrap_servers(), "orders", source).expect("produced");
    produce(clusters[1].bootstrap_servers(), "src.orders", target).expect("produced");
    let registries = remapping();
    let config = config(
        &clusters,
        Some(&registries),
        "topics: { include: [orders] }\ngroups: { include: [] }\nrange: { start: earliest, settle: 100ms }\n",
    );
    let outcome = run_while(&config, "report", || {});
    let totals = &outcome.manifest.totals;
    assert_eq!(totals.findings, BTreeMap::from([(FindingKind::ReorderedRecord, 1)]));
    assert_eq!((totals.matched, totals.equal_meaning, outcome.sample.len()), (3, 2, 1));
    let found = &outcome.sample[0];
    let offsets = [&found.source, &found.target].map(|place| place.as_ref().map(|place| place.offset));
    assert_eq!((offsets, found.order_broken), ([Some(0), Some(2)], Some(OrderBroken::Partition)));
}

#[test]
fn remapped_records_in_their_place_are_not_reordered_because_those_of_another_key_are_shifted() {
    let clusters = clusters(&["orders"]);
    let keyed = |key: &str, value: Vec<u8>, n: i64| PlainRecord {
        key: Some(key.as_bytes().to_vec()),
        ..record(n, value)
    };
    let of = |text: &str, schema: u8| keyed(&text[..1], framed(schema, text), 7);
    let last = || keyed("z", b"plain".to_vec(), 9);
    let source = ["a1", "b1", "a2", "b2"].map(|text| of(text, 1)).into_iter().chain([last()]);
    let target = ["a0", "a1", "b1", "a2", "b2"].map(|text| of(text, 2)).into_iter().chain([last()]);
    produce(clusters[0].bootstrap_servers(), "orders", source).expect("produced");
    produce(clusters[1].bootstrap_servers(), "src.orders", target).expect("produced");
    let registries = remapping();
    let config = config(
        &clusters,
        Some(&registries),
        "topics: { include: [orders] }\ngroups: { include: [] }\nrange: { start: earliest, settle: 100ms }\n",
    );
    let totals = run_while(&config, "report", || {}).manifest.totals;
    let expected = [(FindingKind::MismatchedRecord, 2), (FindingKind::ExtraneousRecord, 1)];
    assert_eq!(totals.findings, BTreeMap::from(expected));
    assert_eq!((totals.matched, totals.equal_meaning), (3, 2));
}

#[test]
fn records_behind_the_barrier_that_were_copied_before_the_last_ones_in_front_of_it_are_no_strangers() {
    let clusters = clusters(&["orders"]);
    let servers = [0, 1].map(|at: usize| clusters[at].bootstrap_servers().to_owned());
    let put = |side: usize, numbers: std::ops::Range<i64>| {
        let records = numbers.map(|n| PlainRecord {
            key: Some(format!("k{n}").into_bytes()),
            ..record(n, format!("value {n}").into_bytes())
        });
        produce(&servers[side], ["orders", "src.orders"][side], records).expect("produced");
    };
    put(0, 0..2_000);
    put(1, 0..1_000);
    let more = "topics: { include: [orders] }\nrange: { start: earliest, settle: 2s }\n";
    let config = config(&clusters, None, more);
    let outcome = run_while(&config, "settle", || {
        put(0, 2_000..2_004);
        put(1, 2_000..2_004);
        put(1, 1_000..2_000);
    });
    let totals = &outcome.manifest.totals;
    assert_eq!(outcome.manifest.pairs[0].source_end_offset, Some(2_000));
    assert_eq!(totals.findings, BTreeMap::new(), "{:?}", outcome.manifest.reasons);
    assert_eq!((totals.matched, totals.pending), (2_000, 0));
}

#[test]
fn a_stranger_behind_the_last_copy_is_found_although_the_source_goes_on_meanwhile() {
    let clusters = clusters(&["orders"]);
    let [source, target] = bootstraps(&clusters);
    let stranger = PlainRecord { key: Some(b"of nobody else".to_vec()), ..small(100) };
    produce(&source, "orders", (0..10).map(small)).expect("produced");
    produce(&target, "src.orders", (0..10).map(small).chain([stranger])).expect("produced");
    let more = "topics: { include: [orders] }\nrange: { start: earliest, settle: 100ms }\n";
    let config = config(&clusters, None, more);
    let manifest = run_while(&config, "settle", || {
        produce(&source, "orders", [small(10)]).expect("produced");
    })
    .manifest;
    let pair = &manifest.pairs[0];
    assert_eq!((pair.source_end_offset, pair.target_end_offset), (Some(10), Some(11)));
    let found = BTreeMap::from([(FindingKind::ExtraneousRecord, 1)]);
    assert_eq!(manifest.totals.findings, found, "{:?}", manifest.reasons);
    assert_eq!((manifest.totals.matched, manifest.exit_code), (10, 10));
}

#[test]
fn the_offset_map_of_a_live_flow_ends_where_the_compared_range_ends() {
    let clusters = clusters(&["orders"]);
    let servers = [0, 1].map(|at: usize| clusters[at].bootstrap_servers().to_owned());
    let produce_on_both = |numbers: std::ops::Range<i64>| {
        for (servers, topic) in servers.iter().zip(["orders", "src.orders"]) {
            let records = numbers.clone().map(|n| record(n, format!("value {n}").into_bytes()));
            produce(servers, topic, records).expect("produced");
        }
    };
    produce_on_both(0..20);
    let more = "topics: { include: [orders] }\nrange: { start: earliest, settle: 100ms }\n";
    let config = config(&clusters, None, more);
    let out = tempfile::tempdir().expect("a directory");
    let outcome = run_into(out.path(), &config, "settle", || produce_on_both(20..50));
    let pair = &outcome.manifest.pairs[0];
    assert_eq!((pair.source_end_offset, outcome.manifest.verdict), (Some(20), Verdict::Match));
    let map = read_offset_map(&outcome.directory).expect("an offset map");
    let rows: Vec<(i64, i64, u64)> =
        map.iter().map(|row| (row.source_offset, row.target_offset, row.record_count)).collect();
    assert_eq!(rows, [(0, 0, 20)]);
}

/// Writes to a topic of the target a while after settling has begun, and counts what is read of the target.
struct WritesLater {
    target: String,
    writer: Mutex<Option<JoinHandle<()>>>,
    read: AtomicU64,
}

impl Monitor for WritesLater {
    fn stage(&self, name: &str) {
        if name == "settle" {
            let target = self.target.clone();
            let writer = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_secs(1));
                let late = (100..150).map(|n| record(n, b"late".to_vec()));
                produce(&target, "src.payments", late).expect("produced");
            });
            *self.writer.lock().expect("a writer") = Some(writer);
        }
    }
    fn expect_offsets(&self, _: u64) {}
    fn read(&self, side: Side, records: u64, _: u64) {
        if side == Side::Target {
            self.read.fetch_add(records, Ordering::SeqCst);
        }
    }
    fn warn(&self, _: &str) {}
}

#[test]
fn while_one_pair_waits_for_its_target_nothing_more_is_read_of_the_others() {
    let clusters = clusters(&["orders", "payments"]);
    let [source, target] = clusters.each_ref().map(EmbeddedCluster::bootstrap_servers);
    let records = |count: i64| (0..count).map(|n| record(n, format!("value {n}").into_bytes()));
    produce(source, "orders", records(20)).expect("produced");
    produce(target, "src.orders", records(19)).expect("produced");
    produce(source, "payments", records(30)).expect("produced");
    produce(target, "src.payments", records(30)).expect("produced");
    let more = "topics: { include: [orders, payments] }\nrange: { start: earliest, settle: 3s }\n";
    let config = config(&clusters, None, more);
    let out = tempfile::tempdir().expect("a directory");
    let options = RunOptions {
        out: out.path().to_path_buf(),
        resume: None,
        checkpoint_every: CheckpointEvery::default(),
        cancel: CancelToken::default(),
        conditional: false,
    };
    let monitor =
        WritesLater { target: target.to_owned(), writer: Mutex::default(), read: AtomicU64::new(0) };
    let outcome = run(&config, &options, &monitor).expect("a run");
    let writer = monitor.writer.lock().expect("a writer").take().expect("it settled");
    writer.join().expect("written");
    assert_eq!(outcome.manifest.totals.pending, 1, "{:?}", outcome.manifest.reasons);
    assert_eq!(monitor.read.load(Ordering::SeqCst), 19 + 30);
}
