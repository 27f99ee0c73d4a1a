//! What a run meets at the edges of a log: open and aborted transactions, records deleted while it reads, batches that
//! cannot be read, a partition that stalls. Nothing of it may become a match, or a finding.

mod support;

use std::ops::Range;
use std::time::{Duration, Instant};

use cutproof_testcontainers::mirrormaker::{MirrorMaker, MirrorOptions};
use cutproof_testcontainers::{
    EmbeddedCluster, OpenTransaction, PlainRecord, ProduceOptions, Topic, TransactionEnd, committed_offsets,
    create_topic, delete_records, produce, produce_transaction, produce_with,
};
use serde_json::Value;
use support::segment::{batches, segment};
use support::started::start;
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
fn a_transaction_that_ends_while_the_run_waits_leaves_nothing_open() {
    let lab = lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    for (topic, end) in [("edge-ends", TransactionEnd::Commit), ("edge-undone", TransactionEnd::Abort)] {
        make(&source, topic);
        make(&target, &format!("edge.{topic}"));
        produce(&source, topic, records(0..200)).expect("produced");
        let transaction = OpenTransaction::begin(&source, topic, topic).expect("begun");
        transaction.produce(records(200..220)).expect("produced");
        // A copy that reads uncommitted, as MirrorMaker 2 does.
        produce(&target, &format!("edge.{topic}"), records(0..220)).expect("produced");
        let work = tempfile::tempdir().expect("a directory");
        let mut run = start(work.path(), &config(&lab, "edge", &whole(topic, "60s")));
        run.wait_for("settle");
        // It waits for the transaction by now, and would go on to for longer than this.
        std::thread::sleep(Duration::from_secs(2));
        transaction.end(end).expect("ended");
        let ended = run.end(work.path());
        match end {
            // What was aborted is on the target for good: it was there before the run, and nothing will ever explain it.
            TransactionEnd::Abort => {
                ended.expect_code(10);
                let findings = cutproof_reports::read_findings(ended.directory.as_deref().expect("one"));
                let told: Vec<_> = findings
                    .expect("the findings are readable")
                    .into_iter()
                    .map(|f| (f.kind.to_string(), f.target.expect("a place").offset, f.cause))
                    .collect();
                let cause = || Some("aborted_transaction_replicated".to_owned());
                let all = (200..220).map(|offset| ("extraneous_record".to_owned(), offset, cause()));
                assert_eq!(told, all.collect::<Vec<_>>());
            }
            _ => {
                ended.expect_code(0);
                assert_eq!((&ended.run["verdict"], ended.findings()), (&Value::from("match"), vec![]));
            }
        }
        assert_eq!(ended.run["totals"]["matched"], 200);
        assert_eq!(ended.run["totals"]["unverifiable"], 0);
    }
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
    const TOPICS: [(&str, i32, &str); 3] = [
        ("edge-aborted", 1, "order: partition"),
        ("edge-aborted-keyed", 1, "order: key"),
        ("edge-aborted-spread", 2, "partitions: by_key"),
    ];
    let partition = |n: i64, partitions: i32| (n % 7) as i32 % partitions;
    let spread = |numbers: Range<i64>, partitions: i32| {
        numbers.map(move |n| PlainRecord { partition: partition(n, partitions), ..record(0, n) })
    };
    let lab = lab();
    let source = lab.source.bootstrap_servers();
    for (topic, partitions, _) in TOPICS {
        create_topic(&source, &Topic::new(topic, partitions)).expect("the topic is made");
        produce(&source, topic, spread(0..50, partitions)).expect("produced");
        for (id, end, numbers) in
            [("edge-3", TransactionEnd::Abort, 50..60), ("edge-4", TransactionEnd::Commit, 60..70)]
        {
            produce_transaction(&source, topic, id, end, spread(numbers, partitions)).expect("produced");
        }
    }
    let mut options = MirrorOptions::new(&source, &lab.target.bootstrap_servers(), "edge-aborted.*");
    options.source_alias = "mirror".to_owned();
    let mut mm2 = MirrorMaker::start(options).expect("MM2 starts");
    mm2.wait_until_copied(&TOPICS.map(|topic| topic.0), PATIENCE).expect("MM2 copies all");
    mm2.stop();
    // Somebody else's record among them has another cause.
    for (topic, ..) in TOPICS {
        produce(&lab.target.bootstrap_servers(), &format!("mirror.{topic}"), records(900..901))
            .expect("produced");
    }
    let contracts =
        TOPICS.map(|(topic, _, promise)| format!("  - {{ topics: [{topic}], {promise} }}\n")).concat();
    let work = tempfile::tempdir().expect("a directory");
    let more = format!("{}contracts:\n{contracts}", whole("edge-aborted.*", "1s"));
    let ended = cutproof_run(work.path(), &config(&lab, "mirror", &more));
    ended.expect_code(10);
    let all = cutproof_reports::read_findings(ended.directory.as_deref().expect("a directory"))
        .expect("the findings are readable");
    assert_eq!(all.len(), 33);
    assert!(all.iter().all(|finding| finding.kind.to_string() == "extraneous_record"));
    for (topic, partitions, _) in TOPICS {
        let target = format!("mirror.{topic}");
        let of_topic =
            all.iter().filter(|finding| finding.target.as_ref().expect("a target").topic == target);
        let (copies, others): (Vec<_>, Vec<_>) = of_topic.partition(|finding| finding.cause.is_some());
        assert_eq!((copies.len(), others.len()), (10, 1), "{topic}");
        let mut expected: Vec<String> = (50..60)
            .map(|n| {
                let own = partition(n, partitions);
                // No marker lies before them.
                let offset = (0..n).filter(|&other| partition(other, partitions) == own).count();
                format!("a copy of {topic}-{own} offset {offset}, whose transaction was aborted")
            })
            .collect();
        expected.sort();
        let mut details: Vec<String> = copies.iter().map(|finding| finding.detail.clone()).collect();
        details.sort();
        assert_eq!(details, expected);
        let causes = copies.iter().all(|f| f.cause.as_deref() == Some("aborted_transaction_replicated"));
        assert!(causes, "{copies:?}");
    }
    assert_eq!(ended.run["totals"]["matched"], 180);
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
    // Slow before it begins: the source's 200 batches take 24 s, however late this thread runs.
    network.delay(60);
    let mut run = start(work.path(), &config);
    run.wait_for("compare");
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
fn units_are_judged_by_what_is_left_when_they_are_read() {
    const TOPICS: [(&str, &str); 2] =
        [("edge-head-keyed", "order: key"), ("edge-head-spread", "partitions: by_key")];
    const DELETED: i64 = 400;
    let lab = lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    let fill = |topic: &str, copied: i64| {
        make(&source, topic);
        make(&target, &format!("edge.{topic}"));
        produce(&source, topic, records(0..1_000)).expect("produced");
        produce(&target, &format!("edge.{topic}"), records(0..copied)).expect("produced");
    };
    for (topic, _) in TOPICS {
        fill(topic, 1_000);
    }
    // A pair that waits for its copy: the units are read after it.
    fill("edge-head-late", 999);
    let contracts =
        TOPICS.map(|(topic, promise)| format!("  - {{ topics: [{topic}], {promise} }}\n")).concat();
    let more = format!("{}contracts:\n{contracts}", whole("edge-head-.*", "8s"));
    let work = tempfile::tempdir().expect("a directory");
    let mut run = start(work.path(), &config(&lab, "edge", &more));
    run.wait_for("settle");
    run.signal("STOP");
    for (topic, _) in TOPICS {
        delete_records(&source, topic, 0, DELETED).expect("deleted");
    }
    run.signal("CONT");
    let ended = run.end(work.path());
    ended.expect_code(12);
    assert_eq!((&ended.run["totals"]["pending"], ended.findings()), (&Value::from(1), vec![]));
    assert_eq!(ended.run["totals"]["unverifiable"], 0);
    for (topic, _) in TOPICS {
        let rows = ended.run["pairs"].as_array().expect("pairs");
        let row = rows.iter().find(|row| row["source_topic"] == topic).expect("its row");
        assert_eq!(row["source_start_offset"], DELETED);
        assert_eq!(row["matched"], 1_000 - DELETED);
        let named = format!("{topic}-0 of the source: retention has deleted offsets 0 to {}", DELETED - 1);
        assert!(row["notes"].to_string().contains(&named), "{row}");
    }
}

#[test]
fn a_compacted_topic_whose_beginning_is_deleted_while_it_is_read_is_judged() {
    let lab = lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    make(&source, "edge-cleaned");
    make(&target, "edge.edge-cleaned");
    produce(&source, "edge-cleaned", records(0..1_000)).expect("produced");
    // The last record is waited for. Whether the source holds a value of the tombstone's key is looked up back to the
    // beginning of its log.
    let tombstone = PlainRecord { key: Some(b"of nobody else".to_vec()), value: None, ..record(0, 800) };
    let copy = records(0..800).chain([tombstone]).chain(records(800..999));
    produce(&target, "edge.edge-cleaned", copy).expect("produced");
    commit(&source, "edge-cleaned", "edge-cleaned", &[500]);
    let more = "topics: { include: [\"edge-cleaned\"] }\ngroups: { include: [\"edge-cleaned\"] }\n\
                range: { settle: 8s }\ncontracts: [{ topics: [edge-cleaned], log: compacted }]\n";
    let work = tempfile::tempdir().expect("a directory");
    let mut run = start(work.path(), &config(&lab, "edge", more));
    run.wait_for("settle");
    run.signal("STOP");
    delete_records(&source, "edge-cleaned", 0, 450).expect("deleted");
    run.signal("CONT");
    let ended = run.end(work.path());
    ended.expect_code(10);
    assert_eq!(ended.run["totals"]["findings"]["extraneous_record"], 1, "{}", ended.run["reasons"]);
    assert_eq!(ended.run["totals"]["matched"], 499);
    assert_eq!(ended.run["totals"]["pending"], 1);
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

/// Spoils two batches of partition 0 of a stopped node: one has a flipped bit in a record, one a codec that nobody knows.
/// Gives their offsets.
fn spoil(directory: &std::path::Path, topic: &str) -> [Range<i64>; 2] {
    let path = segment(directory, topic);
    let mut segment = std::fs::read(&path).expect("a segment");
    let batches = batches(&segment);
    let with = |offset: i64| batches.iter().find(|batch| batch.offsets.contains(&offset)).expect("a batch");
    let (flipped, unknown) = (with(150), with(350));
    segment[flipped.at + flipped.length - 1] ^= 1;
    segment[unknown.at + 22] = 6;
    let checksum = crc32c(&segment[unknown.at + 21..unknown.at + unknown.length]);
    segment[unknown.at + 17..unknown.at + 21].copy_from_slice(&checksum.to_be_bytes());
    std::fs::write(&path, segment).expect("written");
    [flipped.offsets.clone(), unknown.offsets.clone()]
}

#[test]
fn batches_that_cannot_be_read_are_named_and_the_rest_of_the_partition_is_judged() {
    const TOPICS: [(&str, &str); 4] = [
        ("edge-poison", "order: partition"),
        ("edge-poison-keyed", "order: key"),
        ("edge-poison-loose", "order: none"),
        ("edge-poison-spread", "partitions: by_key"),
    ];
    let mut lab = lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    for (topic, _) in TOPICS {
        make(&source, topic);
        let copy = format!("edge.{topic}");
        make(&target, &copy);
        for n in 0..5 {
            produce(&source, topic, records(n * 100..n * 100 + 100)).expect("produced");
        }
        produce(&target, &copy, records(0..500)).expect("produced");
    }
    lab.source.stop_node(1).expect("stopped");
    let directory = lab.source.data_dir(1).expect("its directory");
    let spoiled = TOPICS.map(|(topic, _)| spoil(directory, topic));
    lab.source.start_node(1).expect("started again");
    // Its groups are loaded a little after it answers; until then it lists none.
    committed_offsets(&source, "edge-nobody", &[("edge-poison".to_owned(), 0)]).expect("loaded");
    let work = tempfile::tempdir().expect("a directory");
    let contracts =
        TOPICS.map(|(topic, promise)| format!("  - {{ topics: [{topic}], {promise} }}\n")).concat();
    let more = format!("{}contracts:\n{contracts}", whole("edge-poison.*", "1s"));
    let ended = cutproof_run(work.path(), &config(&lab, "edge", &more));
    ended.expect_code(12);
    assert_eq!((&ended.run["verdict"], ended.findings()), (&Value::from("inconclusive"), vec![]));
    let reasons = ended.run["reasons"].to_string();
    for ((topic, _), spoiled) in TOPICS.iter().zip(&spoiled) {
        let lost: i64 = spoiled.iter().map(|offsets| offsets.end - offsets.start).sum();
        let rows = ended.run["pairs"].as_array().expect("pairs").iter();
        let rows: Vec<&Value> = rows.filter(|row| row["target_topic"] == format!("edge.{topic}")).collect();
        let sum = |name: &str| rows.iter().map(|row| row[name].as_i64().expect("a number")).sum::<i64>();
        let sums = ["matched", "unverifiable", "pending", "target_records"].map(sum);
        assert_eq!(sums, [500 - lost, lost, 0, 500], "their copies on the target: {rows:?}");
        for (Range { start, end }, why) in spoiled.iter().zip(["CRC32C", "codec 0x6"]) {
            let offsets = format!("{topic}-0 of the source: offsets {start} to {} cannot be read", end - 1);
            expect_words(&reasons, &[&offsets, why, &format!("{} offsets are not judged", end - start)]);
        }
    }

    // A group that stands in the first of them cannot be judged, one behind it can.
    let (inside, behind) = (spoiled[0][0].start + 1, spoiled[0][0].end + 10);
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
