//! Logs that are others than the ones a run has read: topics deleted and made again, and a target that loses the end of
//! a log, while the run reads or waits. Nothing read of them may become a match, or a finding.

mod support;

use std::sync::Arc;

use cutproof_testcontainers::{
    PlainRecord, Topic, create_topic, delete_topic, log_ends, produce, produce_with, topic_names, wait,
};
use serde_json::Value;
use support::segment::lose_from;
use support::started::start;
use support::*;

fn records(numbers: std::ops::Range<i64>) -> impl Iterator<Item = PlainRecord> {
    numbers.map(|n| record(0, n))
}

fn make(bootstrap: &str, topic: &str) {
    create_topic(bootstrap, &Topic::new(topic, 1)).expect("the topic is made");
}

fn make_again(bootstrap: &str, topic: &str) {
    delete_topic(bootstrap, topic).expect("deleted");
    wait::until("the topic is gone", PATIENCE, || {
        let names = topic_names(bootstrap).map_err(|error| error.to_string())?;
        if names.iter().any(|name| name == topic) { Err(format!("{topic} is there")) } else { Ok(()) }
    })
    .expect("gone");
    make(bootstrap, topic);
}

fn wait_for_end(bootstrap: &str, topic: &str, end: i64) {
    wait::until("the log's end", PATIENCE, || match log_ends(bootstrap, topic) {
        Ok(ends) if ends[0].end == end => Ok(()),
        Ok(ends) => Err(format!("{topic} ends at {}", ends[0].end)),
        Err(error) => Err(error.to_string()),
    })
    .expect("the broker serves it");
}

fn ranged(topics: &str, settle: &str) -> String {
    format!("topics: {{ include: [\"{topics}\"] }}\nrange: {{ start: earliest, settle: {settle} }}\n")
}

fn expect_words(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

#[test]
fn a_topic_made_again_under_the_same_name_on_either_side_is_not_judged() {
    let lab = lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    for (topic, side, promise) in [
        ("again-source", "source", "order: partition"),
        ("again-target", "target", "order: partition"),
        ("spread-source", "source", "partitions: by_key"),
        ("spread-target", "target", "partitions: by_key"),
    ] {
        let copy = format!("edge.{topic}");
        make(&source, topic);
        make(&target, &copy);
        produce(&source, topic, records(0..100)).expect("produced");
        produce(&target, &copy, records(0..90)).expect("produced");
        let work = tempfile::tempdir().expect("a directory");
        let more = format!("{}contracts: [{{ {promise} }}]\n", ranged(topic, "120s"));
        let mut run = start(work.path(), &config(&lab, "edge", &more));
        run.wait_for("settle");
        // It sees no moment at which the topic is not there.
        run.signal("STOP");
        let of_source = side == "source";
        let (bootstrap, name) = if of_source { (&source, topic) } else { (&target, copy.as_str()) };
        make_again(bootstrap, name);
        produce(bootstrap, name, records(0..100)).expect("produced");
        if of_source {
            produce(&target, &copy, records(90..100)).expect("produced");
        }
        run.signal("CONT");
        let ended = run.end_within(PATIENCE, work.path());
        ended.expect_code(12);
        assert_eq!(
            (&ended.run["verdict"], ended.findings()),
            (&Value::from("inconclusive"), vec![]),
            "{topic}"
        );
        assert_eq!(ended.run["totals"]["matched"], 0, "{topic}");
        let unverifiable = ended.run["totals"]["unverifiable"].as_u64().expect("a number");
        // Of the target's new log the run may have read what it still waited for, or nothing.
        let least = if of_source { 200 } else { 190 };
        assert!((least..=200).contains(&unverifiable), "{topic}: {unverifiable}");
        let reasons = ended.run["reasons"].to_string();
        expect_words(&reasons, &[&format!("{name}-0 of the {side}"), "was deleted and made again"]);
    }
}

/// By what a run says of its progress.
fn target_records_read(line: &str) -> Option<u64> {
    line.split_once(" source and ")?.1.split_once(" target records read")?.0.parse().ok()
}

#[test]
fn a_target_that_loses_the_end_of_its_log_behind_the_reader_is_named_and_not_judged() {
    const LONG: i64 = 20_000;
    let mut lab = lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    // One is read to its end by then, and ten records are waited for; the other is still being read.
    for (topic, records_of_source, kept, copied) in
        [("lost-behind", 300, 250, 290), ("lost-under", LONG, 500, LONG)]
    {
        let copy = format!("edge.{topic}");
        make(&source, topic);
        make(&target, &copy);
        produce(&source, topic, records(0..records_of_source)).expect("produced");
        for part in [0..kept, kept..copied] {
            produce_with(&target, &copy, &small_batches(), records(part)).expect("produced");
        }
    }
    let network = Arc::clone(lab.target.network().expect("proxied"));
    network.bandwidth(20_000);
    let proxied = lab.target.proxied_bootstrap().expect("proxied");
    let config = config_at(&source, &proxied, "edge", &ranged("lost-.*", "2s"))
        .replace("alias: dst,", "alias: dst, properties: { fetch.message.max.bytes: \"2000\" },");
    let work = tempfile::tempdir().expect("a directory");
    let mut run = start(work.path(), &config);
    run.wait_for_line("that it has read 2,000 records of the target", |line| {
        target_records_read(line).is_some_and(|read| (2_000..LONG as u64).contains(&read))
    });
    run.signal("STOP");
    network.bandwidth(0);
    lab.target.kill_node(1).expect("killed");
    let lost = [("edge.lost-behind", 250), ("edge.lost-under", 500)];
    for (topic, end) in lost {
        lose_from(lab.target.data_dir(1).expect("its directory"), topic, end);
    }
    lab.target.start_node(1).expect("started again");
    for (topic, end) in lost {
        wait_for_end(&target, topic, end);
    }
    run.signal("CONT");
    let ended = run.end_within(PATIENCE, work.path());
    ended.expect_code(12);
    assert_eq!((&ended.run["verdict"], ended.findings()), (&Value::from("inconclusive"), vec![]));
    let rows = ended.run["pairs"].as_array().expect("pairs");
    let row = |topic: &str| rows.iter().find(|row| row["source_topic"] == topic).expect("its row");
    let behind = row("lost-behind");
    assert_eq!((&behind["matched"], &behind["unverifiable"]), (&Value::from(0), &Value::from(590)));
    expect_words(
        &behind["remarks"].to_string(),
        &["edge.lost-behind-0 of the target: offsets up to 289 were read", "ends at 250", "250 to 289"],
    );
    let under = row("lost-under");
    assert!(under["matched"].as_i64().expect("a number") < LONG, "{under}");
    expect_words(
        &under["remarks"].to_string(),
        &["edge.lost-under-0 of the target no longer holds offset", "to 19999 are not judged"],
    );
}
