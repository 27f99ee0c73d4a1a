//! What a run meets at the edges of a log: open and aborted transactions, records deleted and topics made again while it
//! reads, batches that cannot be read, a partition that stalls. Nothing of it may become a match, or a finding.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cutproof_testcontainers::mirrormaker::{MirrorMaker, MirrorOptions};
use cutproof_testcontainers::{
    EmbeddedCluster, PlainRecord, ProduceOptions, Topic, TransactionEnd, create_topic, delete_records,
    delete_topic, produce, produce_transaction, produce_with,
};
use serde_json::Value;
use support::*;

fn records(numbers: Range<i64>) -> impl Iterator<Item = PlainRecord> {
    numbers.map(|n| record(0, n))
}

fn make(bootstrap: &str, topic: &str) {
    create_topic(bootstrap, &Topic::new(topic, 1)).expect("the topic is made");
}

fn whole(topic: &str, settle: &str) -> String {
    format!("topics: {{ include: [\"{topic}\"] }}\nrange: {{ start: earliest, settle: {settle} }}\n")
}

fn expect_words(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

/// A run that is still going on.
struct Started {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    said: String,
}

fn start(work: &Path, config: &str) -> Started {
    let file = work.join("cutproof.yaml");
    std::fs::write(&file, config).expect("the configuration is written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_cutproof"))
        .args(["run", "-o", "json", "-c"])
        .arg(&file)
        .arg("--out")
        .arg(work.join("out"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let stderr = BufReader::new(child.stderr.take().expect("its stderr"));
    Started { child, stderr, said: String::new() }
}

impl Started {
    /// Returns once it has said `word`.
    fn wait_for(&mut self, word: &str) {
        while !self.said.contains(word) {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).expect("readable");
            assert!(read > 0, "the run ended before it said {word}: {}", self.said);
            self.said.push_str(&line);
        }
    }

    fn end(mut self, work: &Path) -> Ended {
        let mut stdout = String::new();
        // Little is said on stderr, so that it cannot fill up meanwhile.
        self.child.stdout.take().expect("its stdout").read_to_string(&mut stdout).expect("readable");
        self.stderr.read_to_string(&mut self.said).expect("readable");
        let code = self.child.wait().expect("ended").code().unwrap_or(-1);
        let run: Value = serde_json::from_str(&stdout).unwrap_or(Value::Null);
        let directory = run["run_id"].as_str().map(|id| work.join("out").join(id));
        Ended { code, run, stderr: self.said, directory }
    }
}

#[test]
fn a_partition_that_stalls_is_named_within_a_minute_though_the_others_go_on() {
    let (source, target) =
        (EmbeddedCluster::start(2).expect("a source"), EmbeddedCluster::start(1).expect("a target"));
    source.create_topic("stalls", 2).expect("made");
    target.create_topic("src.stalls", 2).expect("made");
    // One batch for each record, so that a slow broker takes long; each partition has its own.
    let single = ProduceOptions {
        properties: vec![("batch.num.messages".to_owned(), "1".to_owned())],
        ..ProduceOptions::default()
    };
    for (partition, broker) in [(0, 1), (1, 2)] {
        source.mock().partition_leader("stalls", partition, Some(broker)).expect("a leader");
    }
    let all = || (0..2).flat_map(|partition| (0..300).map(move |n| record(partition, n)));
    produce_with(source.bootstrap_servers(), "stalls", &single, all()).expect("produced");
    produce(target.bootstrap_servers(), "src.stalls", all()).expect("produced");
    source.mock().broker_round_trip_time(2, Duration::from_millis(100)).expect("slow");
    let work = tempfile::tempdir().expect("a directory");
    let config =
        config_at(source.bootstrap_servers(), target.bootstrap_servers(), "src", &whole("stalls", "1s"));
    let mut run = start(work.path(), &config);
    run.wait_for("compare");
    std::thread::sleep(Duration::from_secs(2));
    source.mock().broker_down(2).expect("down");
    let stalled = Instant::now();
    run.wait_for("stalls-1 of the source gave no record");
    assert!(stalled.elapsed() < Duration::from_secs(60), "named after {:?}", stalled.elapsed());
    let ended = run.end(work.path());
    ended.expect_code(12);
    assert_eq!(ended.run["verdict"], "inconclusive");
    assert_eq!(ended.findings(), []);
    let pairs = ended.run["pairs"].as_array().expect("pairs");
    assert_eq!(pairs[0]["matched"], 300, "the other partition is judged");
    assert!(pairs[1]["matched"].as_u64().expect("a number") < 300);
    assert!(pairs[1]["unverifiable"].as_u64().expect("a number") > 0);
    expect_words(&ended.run["reasons"].to_string(), &["stalls-1", "300"]);
}

#[test]
fn an_open_transaction_ends_the_judgement_and_is_named_with_its_time_on_either_side() {
    let lab = lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    make(&source, "edge-open");
    make(&target, "edge.edge-open");
    produce(&source, "edge-open", records(0..200)).expect("produced");
    produce_transaction(&source, "edge-open", "edge-1", TransactionEnd::LeaveOpen, records(200..220))
        .expect("produced");
    produce(&source, "edge-open", records(220..225)).expect("produced");
    // A copy that reads uncommitted, as MirrorMaker 2 does.
    produce(&target, "edge.edge-open", records(0..225)).expect("produced");
    let work = tempfile::tempdir().expect("a directory");
    let ended = cutproof_run(work.path(), &config(&lab, "edge", &whole("edge-open", "1s")));
    ended.expect_code(12);
    assert_eq!((&ended.run["verdict"], ended.findings()), (&Value::from("inconclusive"), vec![]));
    assert_eq!(ended.run["totals"]["matched"], 200);
    assert_eq!(ended.run["totals"]["unverifiable"], 25);
    let reasons = ended.run["reasons"].to_string();
    expect_words(
        &reasons,
        &["edge-open-0 of the source", "offset 200", "2026-11-02T08:03:20Z", "25 offsets"],
    );

    make(&source, "edge-late");
    make(&target, "edge.edge-late");
    produce(&source, "edge-late", records(0..100)).expect("produced");
    produce(&target, "edge.edge-late", records(0..60)).expect("produced");
    produce_transaction(&target, "edge.edge-late", "edge-2", TransactionEnd::LeaveOpen, records(60..100))
        .expect("produced");
    let ended = cutproof_run(work.path(), &config(&lab, "edge", &whole("edge-late", "1s")));
    ended.expect_code(12);
    assert_eq!((&ended.run["totals"]["pending"], ended.findings()), (&Value::from(40), vec![]));
    let reasons = ended.run["reasons"].to_string();
    expect_words(&reasons, &["edge.edge-late-0 of the target", "offset 60", "2026-11-02T08:01:00Z"]);
}

#[test]
fn aborted_records_that_mirrormaker_copied_are_extraneous_and_their_cause_is_named() {
    let lab = lab();
    let source = lab.source.bootstrap_servers();
    make(&source, "edge-aborted");
    produce(&source, "edge-aborted", records(0..50)).expect("produced");
    for (id, end, numbers) in
        [("edge-3", TransactionEnd::Abort, 50..60), ("edge-4", TransactionEnd::Commit, 60..70)]
    {
        produce_transaction(&source, "edge-aborted", id, end, records(numbers)).expect("produced");
    }
    let mut options = MirrorOptions::new(&source, &lab.target.bootstrap_servers(), "edge-aborted");
    options.source_alias = "mirror".to_owned();
    let mut mm2 = MirrorMaker::start(options).expect("MM2 starts");
    mm2.wait_until_copied(&["edge-aborted"], PATIENCE).expect("MM2 copies all");
    mm2.stop();
    // Somebody else's record among them has another cause.
    produce(&lab.target.bootstrap_servers(), "mirror.edge-aborted", records(900..901)).expect("produced");
    let work = tempfile::tempdir().expect("a directory");
    let ended = cutproof_run(work.path(), &config(&lab, "mirror", &whole("edge-aborted", "1s")));
    ended.expect_code(10);
    let findings = cutproof_reports::read_findings(ended.directory.as_deref().expect("a directory"))
        .expect("the findings are readable");
    assert_eq!(findings.len(), 11);
    for (n, finding) in (50..).zip(&findings[..10]) {
        assert_eq!(finding.kind.to_string(), "extraneous_record");
        assert_eq!(finding.cause.as_deref(), Some("aborted_transaction_replicated"));
        expect_words(&finding.detail, &[&format!("edge-aborted-0 offset {n}")]);
    }
    assert_eq!(findings[10].cause, None);
    assert_eq!(ended.run["totals"]["matched"], 60);
}

#[test]
fn records_deleted_before_they_were_read_are_not_judged() {
    let lab = lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    make(&source, "edge-deleted");
    make(&target, "edge.edge-deleted");
    let small = ProduceOptions {
        properties: vec![("batch.num.messages".to_owned(), "10".to_owned())],
        ..ProduceOptions::default()
    };
    produce_with(&source, "edge-deleted", &small, records(0..2_000)).expect("produced");
    produce(&target, "edge.edge-deleted", records(0..2_000)).expect("produced");
    let network = lab.source.network().expect("proxied");
    let proxied = lab.source.proxied_bootstrap().expect("proxied");
    let work = tempfile::tempdir().expect("a directory");
    let config = config_at(&proxied, &target, "edge", &whole("edge-deleted", "1s")).replace(
        "alias: edge,",
        "alias: edge, properties: { fetch.message.max.bytes: \"500\", queued.min.messages: \"1\" },",
    );
    let mut run = start(work.path(), &config);
    run.wait_for("compare");
    network.delay(60);
    std::thread::sleep(Duration::from_secs(1));
    delete_records(&source, "edge-deleted", 0, 1_990).expect("deleted");
    network.delay(0);
    let ended = run.end(work.path());
    ended.expect_code(12);
    assert_eq!((&ended.run["verdict"], ended.findings()), (&Value::from("inconclusive"), vec![]));
    assert!(ended.run["totals"]["unverifiable"].as_u64().expect("a number") > 0);
    let reasons = ended.run["reasons"].to_string();
    expect_words(
        &reasons,
        &["edge-deleted-0 of the source no longer holds offset", "to 1999 are not judged"],
    );
}

#[test]
fn a_topic_made_again_under_the_same_name_is_not_judged() {
    let lab = lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    make(&source, "edge-again");
    make(&target, "edge.edge-again");
    produce(&source, "edge-again", records(0..100)).expect("produced");
    produce(&target, "edge.edge-again", records(0..90)).expect("produced");
    let work = tempfile::tempdir().expect("a directory");
    let mut run = start(work.path(), &config(&lab, "edge", &whole("edge-again", "120s")));
    run.wait_for("settle");
    delete_topic(&source, "edge-again").expect("deleted");
    std::thread::sleep(Duration::from_millis(500));
    make(&source, "edge-again");
    produce(&source, "edge-again", records(0..100)).expect("produced");
    produce(&target, "edge.edge-again", records(90..100)).expect("produced");
    let ended = run.end(work.path());
    ended.expect_code(12);
    assert_eq!((&ended.run["verdict"], ended.findings()), (&Value::from("inconclusive"), vec![]));
    assert_eq!(ended.run["totals"]["matched"], 0);
    assert_eq!(ended.run["totals"]["unverifiable"], 200);
    let reasons = ended.run["reasons"].to_string();
    expect_words(&reasons, &["edge-again-0 of the source", "was deleted and made again"]);
}

/// A record batch in a log segment.
struct Batch {
    at: usize,
    length: usize,
    offsets: Range<i64>,
}

fn batches(segment: &[u8]) -> Vec<Batch> {
    let number = |at: usize| i32::from_be_bytes(segment[at..at + 4].try_into().expect("four bytes"));
    let mut all = Vec::new();
    let mut at = 0;
    while at + 61 <= segment.len() {
        let base = i64::from_be_bytes(segment[at..at + 8].try_into().expect("eight bytes"));
        let length = 12 + number(at + 8) as usize;
        all.push(Batch { at, length, offsets: base..base + i64::from(number(at + 23)) + 1 });
        at += length;
    }
    all
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn batches_that_cannot_be_read_are_named_and_the_rest_of_the_partition_is_judged() {
    let mut lab = lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    make(&source, "edge-poison");
    make(&target, "edge.edge-poison");
    for n in 0..5 {
        produce(&source, "edge-poison", records(n * 100..n * 100 + 100)).expect("produced");
    }
    produce(&target, "edge.edge-poison", records(0..500)).expect("produced");
    lab.source.stop_node(1).expect("stopped");
    let path = lab.source.data_dir(1).expect("its directory").join("edge-poison-0/00000000000000000000.log");
    let mut segment = std::fs::read(&path).expect("a segment");
    let batches = batches(&segment);
    let with = |offset: i64| batches.iter().find(|batch| batch.offsets.contains(&offset)).expect("a batch");
    // One with a flipped bit in a record, one with a codec that nobody knows.
    let (flipped, unknown) = (with(150), with(350));
    segment[flipped.at + flipped.length - 1] ^= 1;
    segment[unknown.at + 22] = 6;
    let checksum = crc32c(&segment[unknown.at + 21..unknown.at + unknown.length]);
    segment[unknown.at + 17..unknown.at + 21].copy_from_slice(&checksum.to_be_bytes());
    std::fs::write(&path, segment).expect("written");
    lab.source.start_node(1).expect("started again");
    let work = tempfile::tempdir().expect("a directory");
    let ended = cutproof_run(work.path(), &config(&lab, "edge", &whole("edge-poison", "1s")));
    ended.expect_code(12);
    assert_eq!((&ended.run["verdict"], ended.findings()), (&Value::from("inconclusive"), vec![]));
    let lost: i64 = [flipped, unknown].iter().map(|batch| batch.offsets.end - batch.offsets.start).sum();
    assert_eq!(ended.run["totals"]["matched"], 500 - lost);
    assert_eq!(ended.run["totals"]["unverifiable"], lost, "their copies on the target");
    let reasons = ended.run["reasons"].to_string();
    for (batch, why) in [(flipped, "CRC32C"), (unknown, "codec 0x6")] {
        let Range { start, end } = batch.offsets;
        let offsets = format!("edge-poison-0 of the source: offsets {start} to {} cannot be read", end - 1);
        expect_words(&reasons, &[&offsets, why, &format!("{} offsets are not judged", end - start)]);
    }

    // A group that stands in the first of them cannot be judged, one behind it can.
    let (inside, behind) = (flipped.offsets.start + 1, flipped.offsets.end + 10);
    let mut positions = String::new();
    for (group, offset) in [("edge-inside", inside), ("edge-behind", behind)] {
        commit(&source, group, "edge-poison", &[offset]);
        positions.push_str(&format!("{group},edge.edge-poison,0,{offset}\n"));
    }
    std::fs::write(work.path().join("positions.csv"), positions).expect("written");
    let more = "topics: { include: [\"edge-poison\"] }\ngroups: { include: [\"edge-(inside|behind)\"] }\n\
                positions: { origin: csv, csv_file: positions.csv }\nrange: { settle: 1s }\n";
    let ended = cutproof_run(work.path(), &config(&lab, "edge", more));
    ended.expect_code(12);
    assert_eq!(ended.findings(), []);
    let position = |group: &str| {
        let groups = ended.run["groups"].as_array().expect("groups");
        let found = groups.iter().find(|other| other["group"] == group).expect("the group");
        found["positions"][0].clone()
    };
    let [inside, behind] = ["edge-inside", "edge-behind"].map(position);
    assert_eq!((&inside["state"], &inside["skip_records"]), (&Value::from("not_located"), &Value::Null));
    assert_eq!(behind["state"], "judged", "{behind}");
    assert_eq!((&behind["skip_records"], &behind["replay_records"]), (&Value::from(0), &Value::from(0)));
}
