//! The proof on real input: Kafka 3.9.2 to 4.3.1 through MirrorMaker 2, every answer held against a full read.

mod support;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use cutproof_fixtures::workloads::{Size, TopicFixture, orders};
use cutproof_testcontainers::mirrormaker::{MirrorMaker, MirrorOptions, MirrorPolicy};
use cutproof_testcontainers::{
    Isolation, KafkaVersion, PlainRecord, Topic, create_topic, delete_records, log_ends, produce, read_all,
};
use support::*;

const PARTITIONS: i32 = 4;

/// The workload of the tests: Avro orders with zipf keys, null keys, tombstones, empty values, repeated and null headers.
fn produce_orders(lab: &Lab, topic: &str, records_per_partition: usize) -> Vec<i64> {
    fill(&lab.source.bootstrap_servers(), topic, &the_orders(records_per_partition));
    vec![records_per_partition as i64; PARTITIONS as usize]
}

fn the_orders(records_per_partition: usize) -> TopicFixture {
    let size = Size { partitions: PARTITIONS as usize, records_per_partition, ..Size::default() };
    orders(&size, 1).topics.swap_remove(0)
}

/// The same orders, and MirrorMaker 2 that copies them. It finds one record in each partition when it starts, and the
/// others come when it has written an offset-sync for that one: of many records at once it may let the first syncs go,
/// and then never translates a group that stands before its oldest.
fn mirrored_orders(
    lab: &Lab,
    options: MirrorOptions,
    topic: &str,
    records_per_partition: usize,
) -> (MirrorMaker, Vec<i64>) {
    let mut first = the_orders(records_per_partition);
    let rest = first.records.iter_mut().map(|records| records.split_off(1)).collect();
    let rest = TopicFixture { records: rest, ..first.clone() };
    let source = lab.source.bootstrap_servers();
    fill(&source, topic, &first);
    let mut mm2 = MirrorMaker::start(options).expect("MM2 starts");
    for partition in 0..PARTITIONS {
        mm2.wait_for_offset_sync(topic, partition, 0, PATIENCE).expect("the first offset-sync");
    }
    produce(&source, topic, plain_records(&rest)).expect("all records are acknowledged");
    (mm2, vec![records_per_partition as i64; PARTITIONS as usize])
}

/// Three groups: at the end, in the middle, and far behind, beyond one step of MM2's offset-syncs.
fn commit_groups(lab: &Lab, topic: &str, prefix: &str, ends: &[i64]) -> Vec<String> {
    let source = lab.source.bootstrap_servers();
    let part = |per_mille: i64| ends.iter().map(|end| end * per_mille / 1_000).collect::<Vec<_>>();
    [("end", part(1_000)), ("mid", part(500)), ("far", part(90))]
        .into_iter()
        .map(|(name, offsets)| {
            let group = format!("{prefix}-{name}");
            commit(&source, &group, topic, &offsets);
            group
        })
        .collect()
}

fn options(lab: &Lab, alias: &str, topic: &str, groups: &str) -> MirrorOptions {
    let mut options =
        MirrorOptions::new(&lab.source.bootstrap_servers(), &lab.target.bootstrap_servers(), topic);
    options.source_alias = alias.to_owned();
    options.groups = groups.to_owned();
    options
}

fn copy(mm2: &mut MirrorMaker, topic: &str, groups: &[String]) {
    mm2.wait_until_copied(&[topic], PATIENCE).expect("MM2 copies all");
    let partitions: Vec<(&str, i32)> = (0..PARTITIONS).map(|partition| (topic, partition)).collect();
    for group in groups {
        mm2.wait_for_checkpoints(group, &partitions, PATIENCE).expect("MM2 writes checkpoints");
    }
}

fn scope(topic: &str, groups: &str) -> String {
    format!("topics: {{ include: [\"{topic}\"] }}\ngroups: {{ include: [\"{groups}\"] }}\n")
}

#[test]
fn a_clean_copy_by_the_default_policy_is_a_match_and_every_group_is_counted_exactly() {
    let lab = lab();
    let options = options(&lab, "plain", "orders-plain", "plain-.*");
    let (mut mm2, ends) = mirrored_orders(&lab, options, "orders-plain", 25_000);
    let groups = commit_groups(&lab, "orders-plain", "plain", &ends);
    copy(&mut mm2, "orders-plain", &groups);
    mm2.stop();
    let work = tempfile::tempdir().expect("a directory");
    let ended = cutproof_run(work.path(), &config(&lab, "plain", &scope("orders-plain", "plain-.*")));
    ended.expect_code(0);
    assert_eq!(ended.run["verdict"], "match");
    assert_eq!(ended.run["totals"]["matched"], ended.run["totals"]["source_records"]);
    assert_eq!(ended.findings(), []);
    assert_eq!(ended.run["self_check"]["passed"], true);
    assert_eq!(expect_positions(&lab, &ended.run, |topic| format!("plain.{topic}")), 12);

    // Kafka's own tool takes the proposed offsets as they are; with them every group is exact.
    let target = lab.target.bootstrap_servers();
    let csv = ended.directory.as_deref().expect("a run directory").join("resume_offsets.csv");
    let reset = |mode: &str| {
        let mut arguments = vec!["--bootstrap-server", &target, "--reset-offsets"];
        arguments.extend(groups.iter().flat_map(|group| ["--group", group]));
        arguments.extend(["--from-file", csv.to_str().expect("UTF-8"), mode]);
        let class = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
        lab.target.run_tool(class, &arguments).expect("the tool accepts the file")
    };
    let told = reset("--dry-run");
    assert!(groups.iter().all(|group| told.contains(group.as_str())), "{told}");
    reset("--execute");
    let again = tempfile::tempdir().expect("a directory");
    let after = cutproof_run(again.path(), &config(&lab, "plain", &scope("orders-plain", "plain-.*")));
    after.expect_code(0);
    let groups = after.run["groups"].as_array().expect("groups");
    assert_eq!(groups.len(), 3);
    for position in groups.iter().flat_map(|group| group["positions"].as_array().expect("positions")) {
        assert_eq!(
            (&position["skip_records"], &position["replay_records"]),
            (&0.into(), &0.into()),
            "{position}"
        );
        assert_eq!(position["target_offset"], position["image_offset"], "{position}");
        assert_eq!(position["origin"], "group_commits", "{position}");
    }
}

#[test]
fn a_clean_copy_by_the_identity_policy_and_exactly_once_is_a_match_though_offsets_have_gaps() {
    let lab = lab();
    let mut options = options(&lab, "eos", "orders-eos", "eos-.*");
    options.version = KafkaVersion::TARGET_DEFAULT;
    options.policy = MirrorPolicy::Identity;
    options.exactly_once = true;
    options.sync_group_offsets = true;
    let (mut mm2, ends) = mirrored_orders(&lab, options, "orders-eos", 25_000);
    let groups = commit_groups(&lab, "orders-eos", "eos", &ends);
    copy(&mut mm2, "orders-eos", &groups);
    mm2.stop();
    let work = tempfile::tempdir().expect("a directory");
    let more = format!("replication: {{ policy: identity }}\n{}", scope("orders-eos", "eos-.*"));
    let ended = cutproof_run(work.path(), &config(&lab, "eos", &more));
    ended.expect_code(0);
    assert_eq!(ended.run["verdict"], "match");
    assert_eq!(ended.findings(), []);
    assert_eq!(expect_positions(&lab, &ended.run, str::to_owned), 12);
    // The markers of MM2's transactions make the target's log longer than its records.
    let target_ends = log_ends(&lab.target.bootstrap_servers(), "orders-eos").expect("the target's ends");
    assert!(target_ends.iter().zip(&ends).all(|(target, source)| target.end > *source), "{target_ends:?}");
}

#[test]
fn an_extra_a_repeated_and_a_filtered_record_are_the_three_findings() {
    let lab = lab();
    let options = options(&lab, "three", "orders-three", "three-.*").dropping_records_with_header("drop-me");
    let (mut mm2, ends) = mirrored_orders(&lab, options, "orders-three", 5_000);
    let source = lab.source.bootstrap_servers();
    let target = lab.target.bootstrap_servers();
    let marked = PlainRecord {
        partition: 2,
        key: Some(b"order-marked".to_vec()),
        value: Some(b"dropped on the way".to_vec()),
        headers: vec![("drop-me".to_owned(), Some(b"1".to_vec()))],
        timestamp: 1_793_700_000_000,
    };
    let after = PlainRecord { headers: vec![], timestamp: 1_793_700_000_001, ..marked.clone() };
    produce(&source, "orders-three", [marked, after]).expect("produced");
    let groups = commit_groups(&lab, "orders-three", "three", &ends);
    copy(&mut mm2, "orders-three", &groups);
    mm2.stop();
    let copied = read_all(&target, "three.orders-three", 1, Isolation::ReadCommitted).expect("readable");
    let repeated = copied[3_000].clone().into_record(1);
    let stranger =
        PlainRecord { value: Some(b"written by someone else".to_vec()), ..copied[77].clone().into_record(0) };
    produce(&target, "three.orders-three", [repeated, stranger]).expect("produced");
    let work = tempfile::tempdir().expect("a directory");
    let ended = cutproof_run(work.path(), &config(&lab, "three", &scope("orders-three", "three-.*")));
    ended.expect_code(10);
    assert_eq!(ended.run["verdict"], "divergent");
    let mut findings = ended.findings();
    findings.sort();
    let kind = |name: &str| format!("{name}_record");
    assert_eq!(
        findings,
        [
            (kind("duplicate"), Some((1, 3_000)), Some((1, 5_000))),
            (kind("extraneous"), None, Some((0, 5_000))),
            (kind("missing"), Some((2, 5_000)), None),
        ]
    );
}

#[test]
fn every_duplicate_of_a_killed_and_restarted_mirrormaker_is_found_and_nothing_else() {
    let lab = lab();
    let ends = produce_orders(&lab, "orders-killed", 25_000);
    let groups = commit_groups(&lab, "orders-killed", "killed", &ends);
    // It may not remember how far it was: nothing is flushed before the kill.
    let options = options(&lab, "killed", "orders-killed", "killed-.*")
        .property("dst.offset.flush.interval.ms", "600000")
        .property("dst.producer.linger.ms", "0")
        .property("src.consumer.max.poll.records", "50")
        .property("killed.consumer.max.poll.records", "50");
    let mut mm2 = MirrorMaker::start(options).expect("MM2 starts");
    let target = lab.target.bootstrap_servers();
    let begun = Instant::now();
    loop {
        let copied = log_ends(&target, "killed.orders-killed")
            .map_or(0, |ends| ends.iter().map(|ends| ends.end).sum::<i64>());
        if copied > 500 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "MM2 copies nothing: {}", mm2.log_tail());
        std::thread::sleep(Duration::from_millis(20));
    }
    mm2.kill();
    let mut again = options_again(&lab);
    again.properties.insert("dst.offset.flush.interval.ms".to_owned(), "1000".to_owned());
    // It begins anew, with all records at once, and may let its first offset-syncs go where it has many to write.
    again.offset_lag_max = Some(10_000);
    let mut mm2 = MirrorMaker::start(again).expect("MM2 starts again");
    copy(&mut mm2, "orders-killed", &groups);
    mm2.stop();
    let work = tempfile::tempdir().expect("a directory");
    let more = format!("range: {{ start: earliest }}\n{}", scope("orders-killed", "killed-.*"));
    let ended = cutproof_run(work.path(), &config(&lab, "killed", &more));
    ended.expect_code(10);
    // One finding for each copy beyond the first, told by its source record; which copy is named may vary.
    let mut found: BTreeMap<(i32, i64), usize> = BTreeMap::new();
    for (kind, source, _) in ended.findings() {
        assert_eq!(kind, "duplicate_record");
        *found.entry(source.expect("an original")).or_default() += 1;
    }
    let mut expected = BTreeMap::new();
    for partition in 0..PARTITIONS {
        let read = full_read(&lab, "orders-killed", "killed.orders-killed", partition);
        assert_eq!(read.strangers, [0; 0]);
        for (offset, copies) in read.copies.iter().filter(|(_, copies)| copies.len() > 1) {
            expected.insert((partition, *offset), copies.len() - 1);
        }
    }
    assert!(!expected.is_empty(), "the kill made no duplicate: the test shows nothing");
    assert_eq!(found, expected);
    assert_eq!(expect_positions(&lab, &ended.run, |topic| format!("killed.{topic}")), 12);
}

fn options_again(lab: &Lab) -> MirrorOptions {
    options(lab, "killed", "orders-killed", "killed-.*")
}

#[test]
fn a_group_ahead_of_a_stopped_copy_is_inconclusive_and_nothing_is_called_missing() {
    let lab = lab();
    let options = options(&lab, "ahead", "orders-ahead", "ahead-.*");
    let (mut mm2, ends) = mirrored_orders(&lab, options, "orders-ahead", 2_000);
    let groups = commit_groups(&lab, "orders-ahead", "ahead", &ends);
    copy(&mut mm2, "orders-ahead", &groups);
    mm2.stop();
    let late = (0..50).map(|n| PlainRecord {
        partition: 0,
        key: Some(b"late".to_vec()),
        value: Some(format!("late {n}").into_bytes()),
        headers: vec![],
        timestamp: 1_793_700_000_000 + n,
    });
    produce(&lab.source.bootstrap_servers(), "orders-ahead", late).expect("produced");
    commit(&lab.source.bootstrap_servers(), "ahead-end", "orders-ahead", &[2_040, 2_000, 2_000, 2_000]);
    let work = tempfile::tempdir().expect("a directory");
    let more = format!("range: {{ settle: 2s }}\n{}", scope("orders-ahead", "ahead-.*"));
    let ended = cutproof_run(work.path(), &config(&lab, "ahead", &more));
    ended.expect_code(12);
    assert_eq!(ended.run["verdict"], "inconclusive");
    assert_eq!(ended.run["totals"]["pending"], 50);
    assert_eq!(ended.findings(), []);
    let groups = ended.run["groups"].as_array().expect("groups");
    let state_of = |group: &str| {
        let group = groups.iter().find(|g| g["group"] == group).expect("the group");
        let at_0 = |p: &&serde_json::Value| p["partition"] == 0;
        group["positions"].as_array().and_then(|ps| ps.iter().find(at_0)).expect("a position")["state"]
            .clone()
    };
    assert_eq!(state_of("ahead-end"), "ahead_of_copy");
    assert_eq!(state_of("ahead-mid"), "judged");
}

#[test]
fn a_commit_that_retention_has_overtaken_is_named_and_inconclusive() {
    let lab = lab();
    let options = options(&lab, "expired", "orders-expired", "expired-.*");
    let (mut mm2, ends) = mirrored_orders(&lab, options, "orders-expired", 2_000);
    let groups = commit_groups(&lab, "orders-expired", "expired", &ends);
    copy(&mut mm2, "orders-expired", &groups);
    mm2.stop();
    // The group far behind stands at 180.
    delete_records(&lab.source.bootstrap_servers(), "orders-expired", 3, 700).expect("deleted");
    let work = tempfile::tempdir().expect("a directory");
    let ended = cutproof_run(work.path(), &config(&lab, "expired", &scope("orders-expired", "expired-.*")));
    ended.expect_code(12);
    assert_eq!(ended.findings(), []);
    let reasons = ended.run["reasons"].to_string();
    assert!(
        ["orders-expired-3", "180", "700"].iter().all(|word| reasons.contains(word)),
        "the partition, the offset asked for and the log start are named: {reasons}"
    );
}

#[test]
fn a_run_asks_brokers_for_nothing_but_what_reading_needs() {
    let lab = lab();
    let options = options(&lab, "wire", "orders-wire", "wire-.*");
    let (mut mm2, ends) = mirrored_orders(&lab, options, "orders-wire", 1_000);
    let groups = commit_groups(&lab, "orders-wire", "wire", &ends);
    copy(&mut mm2, "orders-wire", &groups);
    mm2.stop();
    let proxied = [&lab.source, &lab.target].map(|cluster| cluster.proxied_bootstrap().expect("a proxy"));
    let work = tempfile::tempdir().expect("a directory");
    let config = config_at(&proxied[0], &proxied[1], "wire", &scope("orders-wire", "wire-.*"));
    cutproof_run(work.path(), &config).expect_code(0);
    const READ_ONLY: [&str; 15] = [
        "ApiVersions",
        "ConsumerGroupDescribe",
        "DescribeCluster",
        "DescribeConfigs",
        "DescribeGroups",
        "DescribeTopicPartitions",
        "Fetch",
        "FindCoordinator",
        "ListGroups",
        "ListOffsets",
        "Metadata",
        "OffsetFetch",
        "OffsetForLeaderEpoch",
        "SaslAuthenticate",
        "SaslHandshake",
    ];
    for cluster in [&lab.source, &lab.target] {
        let recorded = cluster.recorded().expect("a recording");
        let names: Vec<&str> = recorded.keys().map(|request| request.name).collect();
        assert!(
            names.contains(&"Fetch") && names.contains(&"Metadata"),
            "nothing went through it: {names:?}"
        );
        let writes: Vec<&&str> = names.iter().filter(|name| !READ_ONLY.contains(name)).collect();
        assert!(writes.is_empty(), "{} was asked for {writes:?}", cluster.alias());
    }
}

#[test]
fn a_compacted_topic_that_only_the_target_has_cleaned_is_a_match_and_a_dropped_last_value_is_found() {
    let lab = lab();
    let [source, target] = [lab.source.bootstrap_servers(), lab.target.bootstrap_servers()];
    // Segments roll by the records' own time. The source never cleans: its dirty part is never more than all of it.
    let configs = |ratio| {
        [
            ("cleanup.policy", "compact"),
            ("segment.ms", "60000"),
            ("min.cleanable.dirty.ratio", ratio),
            ("delete.retention.ms", "0"),
        ]
    };
    let update = |n: i64, key: i64, value: Option<Vec<u8>>| PlainRecord {
        partition: 0,
        key: Some(format!("account-{key}").into_bytes()),
        value,
        headers: vec![],
        timestamp: 1_793_700_000_000 + n * 1_000,
    };
    for topic in ["accounts-clean", "accounts-dropped"] {
        create_topic(&source, &Topic { configs: &configs("1.0"), ..Topic::new(topic, 1) }).expect("made");
        let copy = format!("accounts.{topic}");
        create_topic(&target, &Topic { configs: &configs("0.01"), ..Topic::new(&copy, 1) }).expect("made");
        let balance = |n: i64| (n % 11 > 0).then(|| format!("balance {n}").into_bytes());
        let mut updates: Vec<PlainRecord> = (0..3_000).map(|n| update(n, n % 150, balance(n))).collect();
        if topic == "accounts-dropped" {
            // The last value of a key of its own, in the midst of what is cleaned.
            let headers = vec![("drop-me".to_owned(), Some(b"1".to_vec()))];
            updates.insert(2_000, PlainRecord { headers, ..update(2_000, 999, Some(b"lost".to_vec())) });
        }
        produce(&source, topic, updates).expect("produced");
    }
    let options = options(&lab, "accounts", "accounts-.*", "none")
        .dropping_records_with_header("drop-me")
        .property("sync.topic.configs.enabled", "false");
    let mut mm2 = MirrorMaker::start(options).expect("MM2 starts");
    mm2.wait_until_copied(&["accounts-clean", "accounts-dropped"], PATIENCE).expect("MM2 copies all");
    mm2.stop();
    let begun = Instant::now();
    let left = |topic: &str| {
        read_all(&target, &format!("accounts.{topic}"), 0, Isolation::ReadCommitted).expect("readable").len()
    };
    // Three times the same: its cleaner has done with both.
    let (mut before, mut same) = ([usize::MAX; 2], 0);
    loop {
        let now = ["accounts-clean", "accounts-dropped"].map(left);
        same = if now == before { same + 1 } else { 0 };
        if same >= 2 && now.iter().all(|left| *left <= 1_500) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "the target's cleaner does not run");
        before = now;
        std::thread::sleep(Duration::from_secs(2));
    }
    let run = |topic: &str, promise: &str| {
        let work = tempfile::tempdir().expect("a directory");
        let more = format!(
            "range: {{ start: earliest, settle: 1s }}\ncontracts: [{{ log: compacted{promise} }}]\n{}",
            scope(topic, "no-.*")
        );
        let ended = cutproof_run(work.path(), &config(&lab, "accounts", &more));
        (ended, work)
    };
    let (ended, _work) = run("accounts-clean", "");
    ended.expect_code(0);
    assert_eq!(ended.run["verdict"], "match");
    let totals = &ended.run["totals"];
    let count = |name: &str| totals[name].as_u64().unwrap_or_else(|| panic!("{name} in {totals}"));
    assert_eq!(count("source_records"), 3_000);
    assert_eq!(count("matched"), count("target_records"));
    assert_eq!(count("compacted"), count("source_records") - count("target_records"));
    assert!(count("compacted") > 1_000 && count("compacted_or_dropped") == 0, "{totals}");
    let (ended, _work) = run("accounts-dropped", "");
    ended.expect_code(10);
    assert_eq!(ended.findings(), [("missing_record".to_owned(), Some((0, 2_000)), None)]);
    // Without a place in an order nothing is proven benign: no match, and no alarm.
    for promise in [", order: key", ", order: none", ", order: key, partitions: by_key"] {
        let (ended, _work) = run("accounts-clean", promise);
        ended.expect_code(12);
        assert_eq!(ended.findings(), [], "{promise}");
        let totals = &ended.run["totals"];
        let count = |name: &str| totals[name].as_u64().unwrap_or_else(|| panic!("{name} in {totals}"));
        assert_eq!(count("matched"), count("target_records"), "{promise}");
        assert_eq!(count("compacted_or_dropped"), 3_000 - count("target_records"), "{promise}: {totals}");
        let (ended, _work) = run("accounts-dropped", promise);
        ended.expect_code(10);
        assert_eq!(ended.findings(), [("missing_record".to_owned(), Some((0, 2_000)), None)], "{promise}");
    }
}
