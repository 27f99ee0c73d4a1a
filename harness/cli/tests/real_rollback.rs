//! `cutproof rollback` after a cutover between Kafka 3.9.2 and 4.3.1: what only real brokers tell, which is retention, the
//! write rate, and who is in a group. The rules themselves are in `rollback.rs`, on embedded clusters.

mod support;

use std::path::Path;
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use cutproof_testcontainers::mirrormaker::{MirrorMaker, MirrorOptions};
use cutproof_testcontainers::{
    Member, PlainRecord, Topic, alter_topic, create_topic, delete_records, log_ends, produce,
};
use serde_json::{Value, json};
use support::*;

const TOPIC: &str = "back-orders";
const ON_TARGET: &str = "back.back-orders";
const RETENTION_MS: i64 = 7_200_000;
const TARGET_BYTES: i64 = 400_000;
/// Key and value, and what the record itself takes.
const RECORD_BYTES: i64 = 2 + 100 + 10;

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as i64
}

/// One record a second.
fn record(begin_ms: i64, n: i64) -> PlainRecord {
    PlainRecord {
        partition: 0,
        key: Some(format!("k{}", n % 7).into_bytes()),
        value: Some(format!("{n:0100}").into_bytes()),
        headers: vec![],
        timestamp: begin_ms + n * 1_000,
    }
}

fn cutproof(work: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutproof"));
    command.args(arguments).current_dir(work).output().expect("the binary starts")
}

#[track_caller]
fn rollback(work: &Path, code: i32) -> Value {
    let output =
        cutproof(work, &["rollback", "--quiet", "-o", "json", "-c", "cutproof.yaml", "--out", "out"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{}{stderr}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A group, and its position.
fn of<'a>(report: &'a Value, group: &str) -> (&'a Value, &'a Value) {
    let groups = report["groups"].as_array().expect("groups");
    let group = groups.iter().find(|known| known["group"] == group).unwrap_or_else(|| panic!("{report:#}"));
    (group, &group["positions"][0])
}

#[track_caller]
fn expect_seconds(headroom: &Value, by: &str, estimate: bool, expected: i64, tolerance: i64) {
    let told = [&headroom["state"], &headroom["by"], &headroom["estimate"]];
    assert_eq!(told, [&json!("remaining"), &json!(by), &json!(estimate)], "{headroom}");
    let seconds = headroom["seconds"].as_i64().expect("seconds");
    assert!((seconds - expected).abs() <= tolerance, "{expected} s expected: {headroom}");
}

#[test]
fn headroom_live_members_target_only_records_and_a_closed_way_are_told_from_what_real_brokers_say() {
    let lab = lab();
    let [source, target] = [&lab.source, &lab.target].map(|cluster| cluster.bootstrap_servers());
    // 2,000 records, the first 40 minutes ago: all of them within the last hour.
    let begin = now_ms() - 2_400_000;
    let kept = [("retention.ms", "7200000")];
    create_topic(&source, &Topic { configs: &kept, ..Topic::new(TOPIC, 1) }).expect("made");
    // One to begin with: of many records at once MirrorMaker 2 may let the first offset-syncs go.
    produce(&source, TOPIC, [record(begin, 0)]).expect("produced");
    let mut options = MirrorOptions::new(&source, &target, TOPIC);
    options.source_alias = "back".to_owned();
    options.groups = "back-.*".to_owned();
    let mut mm2 = MirrorMaker::start(options).expect("MM2 starts");
    mm2.wait_for_offset_sync(TOPIC, 0, 0, PATIENCE).expect("the first offset-sync");
    produce(&source, TOPIC, (1..2_000).map(|n| record(begin, n))).expect("produced");
    for group in ["back-billing", "back-mail", "back-idle"] {
        commit(&source, group, TOPIC, &[1_000]);
    }
    mm2.wait_until_copied(&[TOPIC], PATIENCE).expect("MM2 copies all");
    for group in ["back-billing", "back-mail", "back-idle"] {
        mm2.wait_for_checkpoints(group, &[(TOPIC, 0)], PATIENCE).expect("checkpoints");
    }
    mm2.stop();
    let work = tempfile::tempdir().expect("a directory");
    let scope =
        "topics: { include: [back-orders] }\ngroups: { include: [\"back-.*\"] }\nrange: { settle: 1s }\n";
    cutproof_run(work.path(), &config(&lab, "back", scope)).expect_code(0);

    // The cutover: the target is written to, the groups move on there, and its retention goes by size.
    alter_topic(&target, ON_TARGET, &[("retention.ms", "-1"), ("retention.bytes", "400000")])
        .expect("altered");
    produce(&target, ON_TARGET, (3_000..3_030).map(|n| record(begin, n - 900))).expect("produced");
    commit(&target, "back-billing", ON_TARGET, &[1_500]);
    commit(&target, "back-mail", ON_TARGET, &[2_010]);
    let on_target = Member::join(&target, "back-billing", ON_TARGET).expect("joined");
    let on_source = Member::join(&source, "back-mail", TOPIC).expect("joined");
    let before = [log_ends(&source, TOPIC), log_ends(&target, ON_TARGET)].map(|ends| ends.expect("known"));
    let asked_at = now_ms();
    let report = rollback(work.path(), 0);
    assert_eq!(report["open"], "yes");

    let (group, position) = of(&report, "back-billing");
    assert_eq!((&group["active_on_target"], &group["active_on_source"]), (&json!(true), &json!(false)));
    assert_eq!((&position["way_back"], &position["source_offset"]), (&json!("open"), &json!(1_500)));
    assert_eq!(position["target_only_processed"], 0);
    assert_eq!(position["target_only_not_processed"], 30);
    // The record at source offset 1,500 goes when its own timestamp and retention.ms say so.
    let by_time = (begin + 1_500 * 1_000 + RETENTION_MS - asked_at) / 1_000;
    expect_seconds(&position["source_headroom"], "time", false, by_time, 60);
    // On the target, 530 records stand behind it, and 2,030 were written in the last hour.
    let by_size = (TARGET_BYTES - 530 * RECORD_BYTES) * 3_600 / (2_030 * RECORD_BYTES);
    expect_seconds(&position["target_headroom"], "size", true, by_size, by_size / 50);

    let (group, position) = of(&report, "back-mail");
    assert_eq!((&group["active_on_target"], &group["active_on_source"]), (&json!(false), &json!(true)));
    assert_eq!((&position["way_back"], &position["source_offset"]), (&json!("open"), &json!(2_000)));
    assert_eq!(
        (&position["target_only_processed"], &position["target_only_not_processed"]),
        (&json!(10), &json!(20))
    );
    assert_eq!(position["source_headroom"]["state"], "no_record", "it goes back to the source's end");

    let (_, position) = of(&report, "back-idle");
    assert_eq!((&position["way_back"], &position["source_offset"]), (&json!("not_moved"), &json!(1_000)));

    let pair = &report["pairs"][0];
    assert_eq!(pair["target_only"]["records"], 30);
    assert_eq!(pair["target_only"]["first"], json!({ "offset": 2_000, "timestamp": begin + 2_100_000 }));
    assert_eq!(pair["target_only"]["last"], json!({ "offset": 2_029, "timestamp": begin + 2_129_000 }));
    assert_eq!(pair["copy_back_records"], 30, "back-billing has processed none of them");
    let warnings = report["warnings"].to_string();
    for words in [
        "back-billing has live members on the target",
        "back-mail has live members on the source",
        "back-mail has not processed 20 target-only records",
    ] {
        assert!(warnings.contains(words), "{words:?} in {warnings}");
    }
    drop((on_target, on_source));
    let after = [log_ends(&source, TOPIC), log_ends(&target, ON_TARGET)].map(|ends| ends.expect("known"));
    assert_eq!(after, before, "nothing is written to either cluster");

    // Retention on the source overtakes what billing would go back to.
    delete_records(&source, TOPIC, 0, 1_700).expect("deleted");
    let report = rollback(work.path(), 10);
    assert_eq!(report["open"], "no");
    let (_, position) = of(&report, "back-billing");
    assert_eq!(
        (&position["way_back"], &position["source_offset"]),
        (&json!("below_source_log_start"), &Value::Null)
    );
    assert_eq!(of(&report, "back-mail").1["way_back"], "open");
    let text = cutproof(work.path(), &["rollback", "--quiet", "-c", "cutproof.yaml", "--out", "out"]);
    assert_eq!(text.status.code(), Some(10));
    let text = String::from_utf8_lossy(&text.stdout);
    for words in ["THE WAY BACK IS CLOSED", "it would go back to 1500, but the source's log starts at 1700"] {
        assert!(text.contains(words), "{words:?} in {text}");
    }
}
