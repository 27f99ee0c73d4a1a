//! Where groups would resume, on Kafka 3.9.2 and 4.3.1 with MirrorMaker 2 of both: for each trouble that a position can
//! have the exact state, and every number that is stated against a full read by the test. What is judged of clean copies
//! (the default policy, the identity policy with exactly-once and synced groups, a group ahead of the copy, a commit
//! below the source's log start) is in `real_mirrormaker.rs`; edges of the logs themselves are in `real_edges.rs`.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{MutexGuard, Once};
use std::time::{Duration, Instant};

use cutproof_testcontainers::mirrormaker::{MirrorMaker, MirrorOptions};
use cutproof_testcontainers::{
    Isolation, KafkaVersion, Member, PlainRecord, Topic, TransactionEnd, create_topic, delete_topic,
    log_ends, produce, produce_transaction, read_all,
};
use serde_json::Value;
use support::*;

const ALL: &str = " skip replay image";
const CHECKPOINTS_OF_DEAF: &str = "deaf.checkpoints.internal";

/// The target knows a user `mirror`, who may do everything until something is said about it. Everybody else is no user,
/// and may do all.
fn positions_lab() -> MutexGuard<'static, Lab> {
    lab_with(|target| {
        target
            .scram_user("mirror", "secret")
            .property("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer")
            .property("allow.everyone.if.no.acl.found", "true")
            .property("super.users", "User:ANONYMOUS")
    })
}

fn records(numbers: Range<i64>) -> impl Iterator<Item = PlainRecord> {
    numbers.map(|n| record(0, n))
}

fn make(bootstrap: &str, topic: &str) {
    create_topic(bootstrap, &Topic::new(topic, 1)).expect("the topic is made");
}

fn options(lab: &Lab, alias: &str, groups: &str) -> MirrorOptions {
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    let mut options = MirrorOptions::new(&source, &target, &format!("{alias}-.*"));
    options.source_alias = alias.to_owned();
    options.groups = groups.to_owned();
    options
}

/// Runs over one topic and the groups that match.
fn run(lab: &Lab, alias: &str, topic: &str, groups: &str, more: &str) -> (Ended, tempfile::TempDir) {
    let work = tempfile::tempdir().expect("a directory");
    let scope = format!(
        "topics: {{ include: [\"{topic}\"] }}\ngroups: {{ include: [\"{groups}\"] }}\nrange: {{ settle: 1s }}\n{more}"
    );
    (cutproof_run(work.path(), &config(lab, alias, &scope)), work)
}

fn lines(stated: &[Stated]) -> Vec<String> {
    stated.iter().map(Stated::line).collect()
}

/// The row of a group at partition 0.
fn row<'a>(run: &'a Value, group: &str) -> &'a Value {
    let groups = run["groups"].as_array().expect("groups");
    let group = groups.iter().find(|known| known["group"] == group).expect("the group");
    &group["positions"][0]
}

#[track_caller]
fn says(row: &Value, words: &[&str]) {
    let detail = row["detail"].as_str().expect("a detail");
    for word in words {
        assert!(detail.contains(word), "{word:?} is not in {row}");
    }
}

/// MirrorMaker 2 of 3.9.2 with the default policy has copied six topics, each with a trouble of its own. Made once.
fn odd(lab: &Lab) {
    static MADE: Once = Once::new();
    MADE.call_once(|| {
        let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
        // One record to begin with, so that MirrorMaker 2 has an offset-sync for the first offset of each partition: of
        // many records at once, it may let the first syncs go.
        let plain = [
            ("odd-past", &[("past-end", 3_000)][..]),
            ("odd-stale", &[("stale-on", 500), ("stale-back", 2_000), ("stale-not", 1_200)]),
            ("odd-active", &[("active-shop", 800), ("active-none", 900)]),
            ("odd-again", &[("again-near", 1_990)]),
        ];
        create_topic(&source, &Topic::new("odd-deep", 12)).expect("made");
        produce(&source, "odd-deep", (0..12).map(|partition| record(partition, 0))).expect("produced");
        for (topic, _) in plain {
            make(&source, topic);
            produce(&source, topic, records(0..1)).expect("produced");
        }

        make(&source, "odd-aborted");
        produce(&source, "odd-aborted", records(0..1)).expect("produced");

        let mut mm2 = MirrorMaker::start(options(lab, "odd", "(deep|past|stale|active|again|aborted)-.*"))
            .expect("MM2 starts");
        let first = (0..12).map(|partition| ("odd-deep", partition));
        let others = plain.map(|(topic, _)| (topic, 0)).into_iter().chain([("odd-aborted", 0)]);
        for (topic, partition) in first.chain(others) {
            mm2.wait_for_offset_sync(topic, partition, 0, PATIENCE).expect("the first offset-sync");
        }
        produce(&source, "odd-aborted", records(1..50)).expect("produced");
        for (id, end, numbers) in
            [("odd-1", TransactionEnd::Abort, 50..60), ("odd-2", TransactionEnd::Commit, 60..70)]
        {
            produce_transaction(&source, "odd-aborted", id, end, records(numbers)).expect("produced");
        }
        produce(&source, "odd-aborted", records(70..170)).expect("produced");
        let aborted =
            [("aborted-before", 30), ("aborted-inside", 55), ("aborted-after", 66), ("aborted-head", 172)];
        for (group, offset) in aborted {
            commit(&source, group, "odd-aborted", &[offset]);
        }
        for (topic, commits) in plain {
            produce(&source, topic, records(1..2_000)).expect("produced");
            for (group, offset) in commits {
                commit(&source, group, topic, &[*offset]);
            }
        }
        let deep = (0..12).flat_map(|partition| (1..deep_end(partition)).map(move |n| record(partition, n)));
        produce(&source, "odd-deep", deep).expect("produced");
        // Before the last offset-sync a group would get a position that is nearer or farther, by chance.
        for partition in 0..12 {
            mm2.wait_for_offset_sync("odd-deep", partition, deep_end(partition) - 1, PATIENCE)
                .expect("the last offset-sync");
        }
        let deep = |offset: fn(i64) -> i64| (0..12).map(|p| offset(deep_end(p))).collect::<Vec<_>>();
        commit(&source, "deep-head", "odd-deep", &deep(|end| end));
        commit(&source, "deep-step", "odd-deep", &deep(|end| end - 101));
        commit(&source, "deep-far", "odd-deep", &deep(|end| if end > 100_000 { end - 100_000 } else { 90 }));
        let topics = ["odd-deep", "odd-past", "odd-stale", "odd-active", "odd-again", "odd-aborted"];
        mm2.wait_until_copied(&topics, PATIENCE).expect("MM2 copies all");
        let on_each: Vec<(&str, i32)> = (0..12).map(|partition| ("odd-deep", partition)).collect();
        for group in ["deep-head", "deep-step", "deep-far"] {
            mm2.wait_for_checkpoints(group, &on_each, PATIENCE).expect("checkpoints");
        }
        for (topic, group) in [
            ("odd-past", "past-end"),
            ("odd-stale", "stale-on"),
            ("odd-stale", "stale-back"),
            ("odd-stale", "stale-not"),
            ("odd-active", "active-shop"),
            ("odd-again", "again-near"),
            ("odd-aborted", "aborted-before"),
            ("odd-aborted", "aborted-inside"),
            ("odd-aborted", "aborted-after"),
            ("odd-aborted", "aborted-head"),
        ] {
            mm2.wait_for_checkpoints(group, &[(topic, 0)], PATIENCE).expect("checkpoints");
        }
        mm2.stop();

        // The target topic is deleted and made again, and MirrorMaker 2 goes on where it was.
        delete_topic(&target, "odd.odd-again").expect("deleted");
        std::thread::sleep(Duration::from_millis(500));
        make(&target, "odd.odd-again");
        produce(&source, "odd-again", records(2_000..2_300)).expect("produced");
        mm2.restart().expect("MM2 starts again");
        mm2.wait_until_copied(&["odd-again"], PATIENCE).expect("MM2 copies the rest");
        mm2.stop();
        commit(&source, "stale-on", "odd-stale", &[1_900]);
        commit(&source, "stale-back", "odd-stale", &[700]);
    });
}

fn deep_end(partition: i32) -> i64 {
    if partition == 0 { 120_000 } else { 1_000 }
}

#[test]
fn at_the_head_one_sync_step_and_a_hundred_thousand_records_behind_on_12_partitions_every_count_is_exact() {
    let lab = positions_lab();
    odd(&lab);
    let (ended, _work) = run(&lab, "odd", "odd-deep", "deep-(head|step|far)", "");
    ended.expect_code(0);
    let stated = stated_positions(&lab, &ended.run, |topic| format!("odd.{topic}"));
    let expected: Vec<String> = ["deep-far", "deep-head", "deep-step"]
        .into_iter()
        .flat_map(|group| (0..12).map(move |partition| format!("{group} {partition} judged{ALL}")))
        .collect();
    assert_eq!(lines(&stated), expected);
    assert!(stated.iter().all(|position| position.skip == Some(0)), "{stated:?}");
    let replay = |group: &str| {
        stated.iter().filter(|p| p.group == group).map(|p| p.replay.expect("stated")).collect::<Vec<_>>()
    };
    assert_eq!(replay("deep-head"), [0; 12], "the head is translated exactly");
    expect_cost(&ended.run);
    // Nothing is ever translated forward: the group far behind starts near the beginning of the partition.
    assert!(replay("deep-far")[0] > 10_000, "{:?}", replay("deep-far"));
}

/// Each pair's start is located once, whatever number of groups share it, and with little reading.
fn expect_cost(run: &Value) {
    let mut by_partition: BTreeMap<i64, BTreeSet<u64>> = BTreeMap::new();
    let groups = run["groups"].as_array().expect("groups");
    for position in groups.iter().flat_map(|group| group["positions"].as_array().expect("positions")) {
        let partition = position["partition"].as_i64().expect("a partition");
        let read = position["records_read_to_locate"].as_u64().expect("a number");
        by_partition.entry(partition).or_default().insert(read);
    }
    assert!(
        by_partition.values().all(|reads| reads.len() == 1),
        "all groups of a pair share it: {by_partition:?}"
    );
    let reads: Vec<u64> = by_partition.into_values().flatten().collect();
    assert!(reads.iter().all(|read| (1..3_000).contains(read)), "{reads:?}");
    assert_eq!(run["records_read_to_locate"], reads.iter().sum::<u64>());
}

#[test]
fn a_group_that_committed_past_the_end_is_named_and_still_counted() {
    let lab = positions_lab();
    odd(&lab);
    let (ended, _work) = run(&lab, "odd", "odd-past", "past-.*", "");
    ended.expect_code(12);
    let stated = stated_positions(&lab, &ended.run, |topic| format!("odd.{topic}"));
    assert_eq!(lines(&stated), [format!("past-end 0 beyond_source_end{ALL}")]);
    says(row(&ended.run, "past-end"), &["committed 3000 is past the source's log end 2000"]);
}

#[test]
fn a_checkpoint_of_an_older_commit_is_stale_whichever_way_the_group_went() {
    let lab = positions_lab();
    odd(&lab);
    let (ended, _work) = run(&lab, "odd", "odd-stale", "stale-.*", "");
    // The one that went back would skip.
    ended.expect_code(10);
    let stated = stated_positions(&lab, &ended.run, |topic| format!("odd.{topic}"));
    assert_eq!(
        lines(&stated),
        [
            format!("stale-back 0 stale_checkpoint{ALL}"),
            format!("stale-not 0 judged{ALL}"),
            format!("stale-on 0 stale_checkpoint{ALL}"),
        ]
    );
    says(row(&ended.run, "stale-on"), &["when the group was at 500", "1400 offsets"]);
    says(row(&ended.run, "stale-back"), &["when the group was at 2000", "gone back by 1300 offsets"]);
}

#[test]
fn aborted_transactions_in_the_range_leave_every_position_exact() {
    let lab = positions_lab();
    odd(&lab);
    let (ended, _work) = run(&lab, "odd", "odd-aborted", "aborted-.*", "");
    ended.expect_code(10);
    // MirrorMaker 2 reads uncommitted: the ten aborted records are ordinary ones on the target, and nothing else differs.
    let findings = ended.findings();
    assert_eq!(findings.len(), 10, "{findings:?}");
    assert!(
        findings.iter().all(|(kind, source, _)| kind == "extraneous_record" && source.is_none()),
        "{findings:?}"
    );
    let stated = stated_positions(&lab, &ended.run, |topic| format!("odd.{topic}"));
    let judged = |group: &str| format!("aborted-{group} 0 judged{ALL}");
    assert_eq!(lines(&stated), [judged("after"), judged("before"), judged("head"), judged("inside")]);
    // Offsets on the source have two markers, on the target ten records more: no constant distance would do.
    assert_eq!(stated.iter().map(|p| p.image).collect::<Vec<_>>(), [Some(65), Some(30), Some(170), Some(60)]);
}

#[test]
fn a_group_that_consumes_on_the_target_is_named_as_active_and_the_other_is_judged() {
    let lab = positions_lab();
    odd(&lab);
    let member =
        Member::join(&lab.target.bootstrap_servers(), "active-shop", "odd.odd-active").expect("joined");
    let (ended, _work) = run(&lab, "odd", "odd-active", "active-.*", "");
    let by_key = "contracts: [{ order: key }]\n";
    let (in_key_order, _work) = run(&lab, "odd", "odd-active", "active-.*", by_key);
    drop(member);
    for ended in [ended, in_key_order] {
        ended.expect_code(12);
        let stated = stated_positions(&lab, &ended.run, |topic| format!("odd.{topic}"));
        assert_eq!(
            lines(&stated),
            [format!("active-none 0 judged{ALL}"), format!("active-shop 0 target_group_active{ALL}")]
        );
        says(row(&ended.run, "active-shop"), &["active on the target", "stop its consumers there"]);
    }
}

#[test]
fn a_target_topic_made_again_under_old_checkpoints_is_named_and_what_is_gone_is_missing() {
    let lab = positions_lab();
    odd(&lab);
    let (ended, _work) = run(&lab, "odd", "odd-again", "again-.*", "");
    ended.expect_code(10);
    let findings = ended.findings();
    let missing: Vec<FoundAt> =
        (1_990..2_000).map(|offset| ("missing_record".to_owned(), Some((0, offset)), None)).collect();
    assert_eq!(findings, missing);
    let stated = stated_positions(&lab, &ended.run, |topic| format!("odd.{topic}"));
    assert_eq!(lines(&stated), [format!("again-near 0 topic_recreated{ALL}")]);
    // At the old position a client would meet nothing of the 300 that were copied since.
    assert_eq!((stated[0].skip, stated[0].replay, stated[0].image), (Some(300), Some(0), Some(0)));
    says(row(&ended.run, "again-near"), &["recreated", "forget the old offset-syncs and checkpoints"]);
}

#[test]
fn a_group_from_before_replication_a_separator_and_offset_syncs_on_the_target_that_are_deleted_later() {
    let lab = positions_lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    make(&source, "late-orders");
    produce(&source, "late-orders", records(0..500)).expect("produced");
    commit(&source, "late-before", "late-orders", &[100]);
    let mut options = options(&lab, "late", "late-.*").property("late.consumer.auto.offset.reset", "latest");
    options.version = KafkaVersion::TARGET_DEFAULT;
    options.separator = Some("_".to_owned());
    options.offset_syncs_on_target = true;
    let mut mm2 = MirrorMaker::start(options).expect("MM2 starts");
    // Replication begins with the first record that comes when MirrorMaker 2 is there.
    let begun = Instant::now();
    let mut next = 500;
    while log_ends(&target, "late_late-orders").map_or(0, |ends| ends[0].end) == 0 {
        assert!(begun.elapsed() < PATIENCE, "MM2 copies nothing: {}", mm2.log_tail());
        produce(&source, "late-orders", records(next..next + 1)).expect("produced");
        next += 1;
        std::thread::sleep(Duration::from_millis(500));
    }
    produce(&source, "late-orders", records(next..2_000)).expect("produced");
    commit(&source, "late-mid", "late-orders", &[1_200]);
    commit(&source, "late-head", "late-orders", &[2_000]);
    mm2.wait_until_copied(&["late-orders"], PATIENCE).expect("MM2 copies all");
    for group in ["late-mid", "late-head"] {
        mm2.wait_for_checkpoints(group, &[("late-orders", 0)], PATIENCE).expect("checkpoints");
    }
    mm2.stop();
    let first =
        read_all(&target, "late_late-orders", 0, Isolation::ReadCommitted).expect("readable").remove(0);
    let first_copied = (0..2_000).find(|n| record(0, *n).value == first.value).expect("one of ours");
    assert!(first_copied >= 500, "what was there before is not copied");

    let how = "replication: { separator: \"_\", offset_syncs_location: target }\n";
    let renamed = |topic: &str| format!("late_{topic}");
    let (ended, _work) = run(&lab, "late", "late-orders", "late-.*", how);
    ended.expect_code(10);
    let missing: Vec<FoundAt> =
        (100..first_copied).map(|offset| ("missing_record".to_owned(), Some((0, offset)), None)).collect();
    assert_eq!(ended.findings(), missing, "what the group would have read and is not copied");
    let stated = stated_positions(&lab, &ended.run, renamed);
    assert_eq!(
        lines(&stated),
        [
            "late-before 0 no_checkpoint image".to_owned(),
            format!("late-head 0 judged{ALL}"),
            format!("late-mid 0 judged{ALL}"),
        ]
    );
    says(
        row(&ended.run, "late-before"),
        &["100 is before the first offset-sync", "before replication began"],
    );
    let also = |run: &Value| row(run, "late-mid")["also"][0]["origin"].clone();
    assert_eq!(also(&ended.run), "offset_syncs", "they are read where they are");

    let (ended, _work) = run(&lab, "late", "late-orders", "late-(mid|head)", how);
    ended.expect_code(0);
    assert_eq!(expect_positions(&lab, &ended.run, renamed), 2);

    // Without the offset-syncs the checkpoints still stand; nothing can be recomputed.
    delete_topic(&target, "mm2-offset-syncs_late_internal").expect("deleted");
    let (ended, _work) = run(&lab, "late", "late-orders", "late-(mid|head)", how);
    ended.expect_code(0);
    assert_eq!(expect_positions(&lab, &ended.run, renamed), 2);
    assert_eq!(also(&ended.run), Value::Null);
    let recompute = format!("{how}positions: {{ origin: offset_syncs }}\n");
    let (ended, _work) = run(&lab, "late", "late-orders", "late-(mid|head)", &recompute);
    ended.expect_code(12);
    let stated = stated_positions(&lab, &ended.run, renamed);
    assert_eq!(lines(&stated), ["late-head 0 no_offset_sync image", "late-mid 0 no_offset_sync image"]);
    says(row(&ended.run, "late-mid"), &["no offset-syncs topic", "replication.offset_syncs_location"]);
}

#[test]
fn a_mirrormaker_restarted_without_read_access_to_its_checkpoints_forgets_what_lies_behind() {
    let lab = positions_lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    make(&source, "deaf-orders");
    // One to begin with: of many records at once MirrorMaker 2 may let the first offset-syncs go.
    produce(&source, "deaf-orders", records(0..1)).expect("produced");
    let user = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"mirror\" password=\"secret\";";
    let mut options = options(&lab, "deaf", "deaf-.*")
        .property("dst.bootstrap.servers", &lab.target.sasl_bootstrap().expect("a SASL listener"))
        .property("dst.security.protocol", "SASL_PLAINTEXT")
        .property("dst.sasl.mechanism", "SCRAM-SHA-512")
        .property("dst.sasl.jaas.config", user);
    options.version = KafkaVersion::TARGET_DEFAULT;
    let mut mm2 = MirrorMaker::start(options).expect("MM2 starts");
    mm2.wait_for_offset_sync("deaf-orders", 0, 0, PATIENCE).expect("the first offset-sync");
    produce(&source, "deaf-orders", records(1..3_000)).expect("produced");
    commit(&source, "deaf-behind", "deaf-orders", &[1_000]);
    mm2.wait_until_copied(&["deaf-orders"], PATIENCE).expect("MM2 copies all");
    mm2.wait_for_checkpoints("deaf-behind", &[("deaf-orders", 0)], PATIENCE).expect("checkpoints");
    // All that it knows after its start: with an earlier one it could translate what is committed below.
    mm2.wait_for_offset_sync("deaf-orders", 0, 2_600, PATIENCE).expect("offset-syncs near the end");
    mm2.stop();

    // A topic with rules is closed to all but what they allow: everything but reading.
    let mut rules = vec!["--bootstrap-server", &target, "--add", "--allow-principal", "User:mirror"];
    rules.extend(["--topic", CHECKPOINTS_OF_DEAF]);
    rules.extend(
        ["Write", "Create", "Describe", "DescribeConfigs"].iter().flat_map(|name| ["--operation", *name]),
    );
    lab.target.run_tool("org.apache.kafka.tools.AclCommand", &rules).expect("the rules are set");
    produce(&source, "deaf-orders", records(3_000..3_400)).expect("produced");
    commit(&source, "deaf-behind", "deaf-orders", &[2_000]);
    commit(&source, "deaf-new", "deaf-orders", &[2_500]);
    commit(&source, "deaf-head", "deaf-orders", &[3_400]);
    mm2.restart().expect("MM2 starts again");
    mm2.wait_until_copied(&["deaf-orders"], PATIENCE).expect("MM2 copies the rest");
    mm2.wait_for_checkpoints("deaf-head", &[("deaf-orders", 0)], PATIENCE).expect("it writes checkpoints");
    // Twice its interval: all groups have had their turn.
    std::thread::sleep(Duration::from_secs(2));
    mm2.stop();

    let (ended, _work) = run(&lab, "deaf", "deaf-orders", "deaf-.*", "");
    ended.expect_code(12);
    assert_eq!(ended.findings(), []);
    let stated = stated_positions(&lab, &ended.run, |topic| format!("deaf.{topic}"));
    assert_eq!(
        lines(&stated),
        [
            format!("deaf-behind 0 stale_checkpoint{ALL}"),
            format!("deaf-head 0 judged{ALL}"),
            "deaf-new 0 no_checkpoint image".to_owned(),
        ]
    );
    let why = ["may read its checkpoints topic"];
    says(row(&ended.run, "deaf-behind"), &why);
    says(row(&ended.run, "deaf-new"), &why);
}
