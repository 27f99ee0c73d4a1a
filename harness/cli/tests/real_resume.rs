//! `run --resume` on Apache Kafka: the binary is killed while it compares and while it waits for the target, is taken up
//! again, and says what a run says that nobody killed.

mod support;

use std::path::Path;
use std::sync::Arc;

use cutproof_reports::{Finding, OffsetRun, RunManifest, read_findings, read_manifest, read_offset_map};
use cutproof_testcontainers::{PlainRecord, Topic, create_topic, produce, produce_with, wait};
use support::started::start;
use support::*;

/// Of each partition.
const RECORDS: i64 = 10_000;
/// Of each partition's copy, at first.
const COPIED: usize = 8_000;
const TOPIC: &str = "resume-orders";
const COPY: &str = "resume.resume-orders";

/// What is on the target of one partition: two differences in each, an early and a late one.
fn copies(partition: i32) -> Vec<PlainRecord> {
    let mut copies: Vec<PlainRecord> = (0..RECORDS).map(|n| record(partition, n)).collect();
    if partition == 0 {
        copies[7_000].value = Some(b"altered".to_vec());
        copies.remove(1_000);
    } else {
        let foreign = PlainRecord { value: Some(b"nobody's".to_vec()), ..record(partition, 7_000) };
        copies.insert(7_000, PlainRecord { key: Some(b"nobody".to_vec()), ..foreign });
        copies.insert(2_050, record(partition, 2_000));
    }
    copies
}

fn planted() -> Vec<FoundAt> {
    let found = |kind: &str, source, target| (kind.to_owned(), source, target);
    vec![
        found("duplicate_record", Some((1, 2_000)), Some((1, 2_050))),
        found("extraneous_record", None, Some((1, 7_001))),
        found("mismatched_record", Some((0, 7_000)), Some((0, 6_999))),
        found("missing_record", Some((0, 1_000)), None),
    ]
}

/// All that a run says of the records; not what belongs to the one run: its id, times, keyed hashes.
#[derive(Debug, PartialEq)]
struct Said {
    manifest: RunManifest,
    findings: Vec<Finding>,
    offset_map: Vec<OffsetRun>,
}

fn said(directory: &Path) -> Said {
    let mut manifest = read_manifest(directory).expect("run.json");
    assert!(!directory.join("checkpoint").exists(), "a complete run needs none");
    for own in [&mut manifest.run_id, &mut manifest.started_at, &mut manifest.finished_at] {
        own.clear();
    }
    manifest.barrier = Default::default();
    manifest.files.clear();
    let mut findings = read_findings(directory).expect("findings");
    for finding in &mut findings {
        (finding.key_hash, finding.source_value_hash, finding.target_value_hash) = (None, None, None);
    }
    Said { manifest, findings, offset_map: read_offset_map(directory).expect("the offset map") }
}

fn checkpoint(directory: &Path) -> Vec<u8> {
    std::fs::read(directory.join("checkpoint")).expect("a checkpoint")
}

#[test]
fn a_run_killed_while_it_compares_or_waits_says_what_an_uninterrupted_one_says() {
    let lab = lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    create_topic(&source, &Topic::new(TOPIC, 2)).expect("made");
    create_topic(&target, &Topic::new(COPY, 2)).expect("made");
    let all = (0..2).flat_map(|partition| (0..RECORDS).map(move |n| record(partition, n)));
    produce_with(&source, TOPIC, &small_batches(), all).expect("produced");
    let copies = [0, 1].map(copies);
    let copy = |records: [&[PlainRecord]; 2]| {
        produce(&target, COPY, records.concat()).expect("produced");
    };
    copy(copies.each_ref().map(|copies| &copies[..COPIED]));
    commit(&source, "resume-billing", TOPIC, &[1_500, 3_000]);
    commit(&target, "resume-billing", COPY, &[1_400, 2_990]);

    let network = Arc::clone(lab.source.network().expect("proxied"));
    let more = "replication: { kind: group_commits }\ntopics: { include: [\"resume-orders\"] }\n\
                groups: { include: [\"resume-billing\"] }\nrange: { start: earliest, settle: 300s }\n";
    // An answer holds few records: what is slow comes little by little.
    let config = config_at(&lab.source.proxied_bootstrap().expect("proxied"), &target, "resume", more)
        .replace("alias: resume,", "alias: resume, properties: { fetch.message.max.bytes: \"1000\" },");
    let works = [(), (), ()].map(|()| tempfile::tempdir().expect("a directory"));
    let [waiting, whole, comparing] = works.each_ref().map(tempfile::TempDir::path);

    // Killed while it waits for the rest of the copy.
    let mut run = start(waiting, &config);
    run.wait_for("settle");
    let waited = run.directory();
    run.kill();
    assert!(waited.join("checkpoint").exists() && !waited.join("run.json").exists());
    copy(copies.each_ref().map(|copies| &copies[COPIED..]));

    network.forget();
    let ended = cutproof_run(whole, &config);
    let bytes_of_all = network.bytes_to_clients();
    ended.expect_code(10);
    let mut found = ended.findings();
    found.sort();
    assert_eq!(found, planted());
    let expected = said(ended.directory.as_deref().expect("a directory"));
    let totals = &expected.manifest.totals;
    assert_eq!((totals.source_records, totals.target_records), (20_000, 20_001));
    assert_eq!((totals.matched, totals.pending, totals.unverifiable), (19_998, 0, 0));
    assert_eq!(expected.manifest.groups.len(), 1);

    cutproof_resume(waiting, &waited).expect_code(10);
    assert_eq!(said(&waited), expected, "killed while it waited");

    // Killed while it compares, once a checkpoint has a good part of it: one is written every ten seconds, and the
    // source takes longer.
    network.bandwidth(40_000);
    let mut run = start(comparing, &config);
    run.wait_for("compare");
    let compared = run.directory();
    network.forget();
    wait::until("an eighth of all", PATIENCE, || match network.bytes_to_clients() {
        bytes if bytes * 8 > bytes_of_all => Ok(()),
        bytes => Err(format!("{bytes} of {bytes_of_all} bytes were read")),
    })
    .expect("an eighth");
    let before = checkpoint(&compared);
    wait::until("a checkpoint of the comparison", PATIENCE, || match checkpoint(&compared) {
        now if now != before => Ok(()),
        now => Err(format!("it has {} bytes, as before", now.len())),
    })
    .expect("a checkpoint");
    let said_by_then = run.kill();
    assert!(!said_by_then.contains("settle"), "it had compared all: {said_by_then}");
    assert!(!compared.join("run.json").exists());
    network.bandwidth(0);
    network.forget();
    cutproof_resume(comparing, &compared).expect_code(10);
    assert_eq!(said(&compared), expected, "killed while it compared");
    // What was compared before is not read again.
    let bytes = network.bytes_to_clients();
    assert!(bytes * 10 < bytes_of_all * 9, "{bytes} of {bytes_of_all} bytes");
}
