//! Runs over two embedded clusters on which something happens as a stage begins: what retention takes then is no defect
//! of the copy. And values that a registry is asked about although they name no schema.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use cutproof::cancel::CancelToken;
use cutproof::config::{ProofConfig, parse};
use cutproof::monitor::Monitor;
use cutproof::record::Side;
use cutproof::run::{CheckpointEvery, RunOptions, RunOutcome, run};
use cutproof_reports::{FindingKind, Part, Verdict};
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
    let out = tempfile::tempdir().expect("a directory");
    let options = RunOptions {
        out: out.path().to_path_buf(),
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

/// An Avro string in the framing of the registry.
fn framed(schema: u8, text: &str) -> Vec<u8> {
    [&[0, 0, 0, 0, schema, 2 * text.len() as u8], text.as_bytes()].concat()
}

#[test]
fn a_pair_whose_history_is_deleted_while_it_is_read_is_judged_by_what_is_left() {
    const HISTORY: i64 = 4;
    const RECORDS: i64 = 20;
    let clusters = clusters(&["orders"]);
    let small = |n: i64| record(n, format!("value {n}").into_bytes());
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
    let registries = [1, 2].map(|schema| {
        FixedRegistry::start(HashMap::from([(schema, "\"string\"".to_owned())])).expect("a registry")
    });
    let config = config(
        &clusters,
        Some(&registries),
        "topics: { include: [orders, keyed] }\ngroups: { include: [none] }\n\
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
        "topics: { include: [orders] }\ngroups: { include: [none] }\nrange: { start: earliest, settle: 100ms }\n",
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
