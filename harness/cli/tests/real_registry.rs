//! Decoding through real registries (Apicurio, Confluent's API), one for each side, and a listener that refuses.

mod support;

use std::path::Path;

use cutproof_fixtures::FixtureRecord;
use cutproof_fixtures::workloads::{ORDERS_SCHEMA, Size, orders};
use cutproof_testcontainers::{EmbeddedCluster, KafkaCluster, KafkaOptions, Registry, produce};
use support::{Ended, cutproof_run, plain};

const OTHER_SCHEMA: &str =
    r#"{"type":"record","name":"Other","namespace":"shop","fields":[{"name":"n","type":"long"}]}"#;

struct Lab {
    source: EmbeddedCluster,
    target: EmbeddedCluster,
    registries: [Registry; 2],
    source_id: u32,
    target_id: u32,
    records: Vec<FixtureRecord>,
}

/// The same schema has another id in the target's registry; 400 orders on the source.
fn lab() -> Lab {
    let registries = [0, 1].map(|_| Registry::start().expect("a registry starts"));
    registries[1].register("first-come", OTHER_SCHEMA).expect("registered");
    let [source_id, target_id] =
        [0, 1].map(|at: usize| registries[at].register("orders-value", ORDERS_SCHEMA).expect("registered"));
    assert_ne!(source_id, target_id, "the ids must differ for the test to show anything");
    // The first answer of a cold JVM may take longer than a run waits.
    for (registry, id) in registries.iter().zip([source_id, target_id]) {
        registry.schema(id).expect("it answers");
    }
    let clusters = [0, 1].map(|_| EmbeddedCluster::start(1).expect("a cluster"));
    for cluster in &clusters {
        cluster.create_topic("orders", 1).expect("made");
    }
    let size = Size { partitions: 1, records_per_partition: 400, ..Size::default() };
    let records = orders(&size, source_id).topics[0].records[0].clone();
    let [source, target] = clusters;
    Lab { source, target, registries, source_id, target_id, records }
}

fn fill(cluster: &EmbeddedCluster, records: &[FixtureRecord]) {
    let records = records.iter().map(|record| plain(0, record));
    produce(cluster.bootstrap_servers(), "orders", records).expect("produced");
}

/// Indices of records whose value is framed and long enough to hold an order.
fn framed(records: &[FixtureRecord]) -> Vec<usize> {
    let full = |record: &FixtureRecord| record.value.as_ref().is_some_and(|value| value.len() > 20);
    (0..records.len()).filter(|&at| full(&records[at])).collect()
}

fn with_id(record: &FixtureRecord, id: u32) -> FixtureRecord {
    let mut record = record.clone();
    if let Some(value) = &mut record.value {
        value[1..5].copy_from_slice(&id.to_be_bytes());
    }
    record
}

impl Lab {
    fn run(&self, work: &Path, contract: &str) -> Ended {
        let side = |name: &str, cluster: &EmbeddedCluster, registry: &Registry| {
            format!(
                "{name}: {{ alias: {name}, bootstrap_servers: \"{}\", schema_registry: {{ url: \"{}\" }} }}\n",
                cluster.bootstrap_servers(),
                registry.url()
            )
        };
        let config = format!(
            "apiVersion: cutproof/v1\nkind: Proof\n{}{}replication: {{ policy: identity }}\n\
             topics: {{ include: [\"orders\"] }}\nrange: {{ start: earliest, settle: 500ms }}\n{contract}",
            side("source", &self.source, &self.registries[0]),
            side("target", &self.target, &self.registries[1]),
        );
        cutproof_run(work, &config)
    }
}

#[test]
fn a_remapped_schema_id_is_no_divergence_and_one_of_another_schema_is_while_both_registries_answer() {
    let mut lab = lab();
    let at = framed(&lab.records);
    let mut target: Vec<FixtureRecord> = lab.records.clone();
    for &remapped in &at[10..15] {
        target[remapped] = with_id(&lab.records[remapped], lab.target_id);
    }
    fill(&lab.source, &lab.records);
    fill(&lab.target, &target);
    let work = tempfile::tempdir().expect("a directory");
    // Ids that the source's registry gave out are not those of the target's: each is looked up on its own side.
    let ended = lab.run(work.path(), "contracts: [{ topics: [\".*\"], decode: mismatches }]\n");
    let kinds: Vec<String> = ended.findings().into_iter().map(|finding| finding.0).collect();
    assert_eq!(ended.run["totals"]["equal_meaning"], 5, "{}", ended.run["reasons"]);
    // The other records hold an id that means another schema on the target: each is a finding.
    let rest = at.len() - 5;
    assert_eq!(kinds, vec!["mismatched_record"; rest]);

    // With the registry down nobody knows what the remapped ones mean; equal bytes match.
    lab.registries[1].stop();
    let work = tempfile::tempdir().expect("a directory");
    let ended = lab.run(work.path(), "");
    ended.expect_code(12);
    assert_eq!(ended.findings(), []);
    let totals = &ended.run["totals"];
    assert_eq!((&totals["matched"], &totals["unverifiable"]), (&395.into(), &10.into()));
    let reasons = ended.run["reasons"].to_string();
    for words in ["5 records have other bytes than their copies", "the target registry at http://127.0.0.1"] {
        assert!(reasons.contains(words), "{words} in {reasons}");
    }
}

#[test]
fn where_every_schema_id_is_remapped_only_the_record_with_an_unknown_one_is_a_finding() {
    let lab = lab();
    let at = framed(&lab.records);
    // Both sides hold the id of their own registry's schema, so only the planted differences remain.
    let mut source: Vec<FixtureRecord> = lab.records.clone();
    let mut target: Vec<FixtureRecord> = source
        .iter()
        .map(|record| {
            if record.value.as_ref().is_some_and(|v| v.len() > 5) {
                with_id(record, lab.target_id)
            } else {
                record.clone()
            }
        })
        .collect();
    target[at[20]] = with_id(&source[at[20]], 9_999);
    // Equal bytes that neither registry can read.
    source[at[30]] = with_id(&source[at[30]], 8_888);
    target[at[30]] = source[at[30]].clone();
    fill(&lab.source, &source);
    fill(&lab.target, &target);
    let work = tempfile::tempdir().expect("a directory");
    let ended = lab.run(work.path(), "");
    ended.expect_code(10);
    let directory = ended.directory.as_deref().expect("a run directory");
    let findings = cutproof_reports::read_findings(directory).expect("findings");
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].source.as_ref().map(|place| place.offset), Some(at[20] as i64));
    assert_eq!(findings[0].cause.as_deref(), Some("undecodable_on_target"));
    assert!(findings[0].detail.contains("9999"), "{}", findings[0].detail);
    assert_eq!(ended.run["totals"]["equal_meaning"], at.len() as u64 - 2);
    assert!(ended.run["reasons"].to_string().contains("8888"), "{}", ended.run["reasons"]);
    assert_ne!(lab.source_id, 9_999);

    // With `decode: all` the unreadable record is a finding of its own.
    let work = tempfile::tempdir().expect("a directory");
    let ended = lab.run(work.path(), "contracts: [{ topics: [\".*\"], decode: all }]\n");
    let mut findings = ended.findings();
    findings.sort();
    let place = |at: usize| Some((0, at as i64));
    assert_eq!(
        findings,
        [
            ("mismatched_record".to_owned(), place(at[20]), place(at[20])),
            ("undecodable_record".to_owned(), place(at[30]), place(at[30])),
        ]
    );
}

#[test]
fn credentials_that_the_brokers_refuse_end_with_2_and_show_no_password() {
    let cluster =
        KafkaCluster::start(KafkaOptions::target().scram_user("reader", "right")).expect("a cluster starts");
    let address = cluster.sasl_bootstrap().expect("a SASL listener");
    let work = tempfile::tempdir().expect("a directory");
    let side = |name: &str| {
        format!(
            "{name}:\n  alias: {name}\n  bootstrap_servers: \"{address}\"\n  properties:\n    security.protocol: \
             SASL_PLAINTEXT\n    sasl.mechanism: SCRAM-SHA-512\n    sasl.username: reader\n    sasl.password: wrong-secret\n"
        )
    };
    let config = format!(
        "apiVersion: cutproof/v1\nkind: Proof\n{}{}topics: {{ include: [\"orders\"] }}\nrange: {{ start: earliest }}\n",
        side("source"),
        side("target")
    );
    let ended = cutproof_run(work.path(), &config);
    ended.expect_code(2);
    assert!(ended.stderr.contains("refused the credentials"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("wrong-secret"), "{}", ended.stderr);
}
