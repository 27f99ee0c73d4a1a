//! `cutproof rollback` and `cutproof offsets progress` after a cutover between two embedded clusters.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use cutproof_testcontainers::{
    Commit, Copier, CopierSettings, EmbeddedCluster, PlainRecord, commit_offsets, committed_offsets,
    log_ends, produce,
};
use serde_json::{Value, json};
use support::started::signal;

/// Topic `orders` (2 partitions, 300 records each) is copied, groups `billing` and `mail` stand at 250 of each on the
/// source, and a run has compared everything from there on. Then the cutover.
struct Lab {
    source: EmbeddedCluster,
    target: EmbeddedCluster,
    copier: Copier,
    work: tempfile::TempDir,
}

fn record(partition: i32, n: i64) -> PlainRecord {
    PlainRecord {
        partition,
        key: Some(format!("k{}", n % 7).into_bytes()),
        value: Some(format!("value {partition} {n}").into_bytes()),
        headers: vec![],
        timestamp: 1_793_606_400_000 + n,
    }
}

fn records(numbers: Range<i64>) -> impl Iterator<Item = PlainRecord> {
    numbers.map(|n| record(0, n))
}

fn lab() -> Lab {
    let (source, target) =
        (EmbeddedCluster::start(1).expect("a source"), EmbeddedCluster::start(1).expect("a target"));
    let mut copier = Copier::new(CopierSettings::new(
        source.bootstrap_servers(),
        "src",
        target.bootstrap_servers(),
        "dst",
    ));
    source.create_topic("orders", 2).expect("made");
    for topic in copier.needed_topics(&[("orders", 2)]) {
        let cluster = if topic.on_target { &target } else { &source };
        cluster.create_topic(&topic.name, topic.partitions).expect("made");
    }
    let all = (0..2).flat_map(|partition| (0..300).map(move |n| record(partition, n)));
    produce(source.bootstrap_servers(), "orders", all).expect("produced");
    for group in ["billing", "mail"] {
        let commits = [Commit::new("orders", 0, 250), Commit::new("orders", 1, 250)];
        commit_offsets(source.bootstrap_servers(), group, &commits).expect("committed");
    }
    copier.copy_topic("orders").expect("copied");
    copier.write_checkpoints(&["billing", "mail"]).expect("written");
    let lab = Lab { source, target, copier, work: tempfile::tempdir().expect("a directory") };
    let output = lab.cutproof(&["run", "--quiet", "-c", &lab.config("billing, mail"), "--out", &lab.out()]);
    expect(
        &output,
        0,
        &["MATCH", "--bootstrap-server", lab.target.bootstrap_servers(), "resume_offsets.csv --dry-run"],
    );
    lab
}

impl Lab {
    /// Embedded brokers do not list groups: those that count are named.
    fn config(&self, groups: &str) -> String {
        let file = self.work.path().join("cutproof.yaml");
        let text = format!(
            "apiVersion: cutproof/v1\nkind: Proof\n\
             source: {{ alias: src, bootstrap_servers: \"{}\" }}\n\
             target: {{ alias: dst, bootstrap_servers: \"{}\" }}\n\
             topics: {{ include: [\"orders\"] }}\ngroups: {{ include: [{groups}] }}\nrange: {{ settle: 500ms }}\n",
            self.source.bootstrap_servers(),
            self.target.bootstrap_servers()
        );
        std::fs::write(&file, text).expect("written");
        file.to_str().expect("UTF-8").to_owned()
    }

    fn out(&self) -> String {
        self.work.path().join("out").to_str().expect("UTF-8").to_owned()
    }

    fn run_directory(&self) -> PathBuf {
        let mut runs = std::fs::read_dir(self.out()).expect("the out directory");
        runs.next().expect("a run directory").expect("an entry").path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutproof"));
        command.args(arguments).current_dir(self.work.path());
        command
    }

    fn cutproof(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary starts")
    }

    fn rollback(&self, groups: &str, code: i32, more: &[&str]) -> Value {
        let (config, out) = (self.config(groups), self.out());
        let mut arguments = vec!["rollback", "--quiet", "-o", "json", "-c", &config];
        if !more.contains(&"--run") {
            arguments.extend(["--out", &out]);
        }
        arguments.extend(more);
        let output = self.cutproof(&arguments);
        expect(&output, code, &[]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        assert_eq!(report["exit_code"], code);
        report
    }

    fn target_commit(&self, group: &str, partition: i32, offset: i64) {
        let commit = [Commit::new("src.orders", partition, offset)];
        commit_offsets(self.target.bootstrap_servers(), group, &commit).expect("committed");
    }

    fn produce_on_target(&self, numbers: Range<i64>) {
        produce(self.target.bootstrap_servers(), "src.orders", records(numbers)).expect("produced");
    }

    fn produce_on_source(&self, numbers: Range<i64>) {
        produce(self.source.bootstrap_servers(), "orders", records(numbers)).expect("produced");
    }
}

#[track_caller]
fn expect(output: &Output, code: i32, said: &[&str]) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "stdout {stdout}\nstderr {stderr}");
    for words in said {
        assert!(stdout.contains(words) || stderr.contains(words), "{words:?} in\n{stdout}\n{stderr}");
    }
}

/// Of a group on a partition: the fields asked for.
#[track_caller]
fn position(report: &Value, group: &str, partition: i64, fields: &[&str]) -> Value {
    let groups = report["groups"].as_array().expect("groups");
    let group = groups.iter().find(|known| known["group"] == group).unwrap_or_else(|| panic!("{report:#}"));
    let positions = group["positions"].as_array().expect("positions");
    let found = positions.iter().find(|known| known["target_partition"] == partition).expect("a position");
    fields.iter().map(|field| found[*field].clone()).collect()
}

const WAY: [&str; 4] = ["way_back", "source_offset", "target_only_processed", "target_only_not_processed"];

#[test]
fn groups_inside_and_beyond_the_map_go_back_to_their_offsets_and_target_only_records_are_counted() {
    let lab = lab();
    lab.produce_on_target(1_000..1_020);
    lab.target_commit("billing", 0, 280);
    lab.target_commit("billing", 1, 300);
    lab.target_commit("mail", 0, 312);
    let ends = || {
        let (source, target) = (lab.source.bootstrap_servers(), lab.target.bootstrap_servers());
        [log_ends(source, "orders").expect("known"), log_ends(target, "src.orders").expect("known")]
    };
    let before = ends();
    let csv = lab.work.path().join("back.csv");
    let report = lab.rollback("billing, mail", 0, &["--csv", csv.to_str().expect("UTF-8")]);
    assert_eq!(report["open"], "yes");
    assert_eq!(report["run_id"], json!(lab.run_directory().file_name().expect("a name").to_str()));
    assert_eq!(position(&report, "billing", 0, &WAY), json!(["open", 280, 0, 20]));
    assert_eq!(position(&report, "billing", 1, &WAY), json!(["open", 300, 0, 0]));
    assert_eq!(position(&report, "mail", 0, &WAY), json!(["open", 300, 12, 8]));
    assert_eq!(position(&report, "mail", 1, &WAY), json!(["not_moved", 250, null, 0]));

    let pair = &report["pairs"][0];
    let (first, last) = (&pair["target_only"]["first"], &pair["target_only"]["last"]);
    assert_eq!(pair["target_only"]["records"], 20);
    assert_eq!(first, &json!({ "offset": 300, "timestamp": 1_793_606_401_000_i64 }));
    assert_eq!(last, &json!({ "offset": 319, "timestamp": 1_793_606_401_019_i64 }));
    assert_eq!(pair["copy_back_records"], 20, "billing has processed none of them");
    assert_eq!(pair["new_on_source"]["records"], 0);
    assert_eq!(report["pairs"][1]["target_only"]["records"], 0);

    let headroom = position(&report, "billing", 0, &["source_headroom", "target_headroom"]);
    for side in 0..2 {
        assert_eq!(headroom[side]["state"], "not_known", "embedded brokers tell no settings: {headroom}");
        assert!(headroom[side]["detail"].as_str().expect("why").contains("settings"), "{headroom}");
    }
    assert_eq!(position(&report, "mail", 0, &["source_headroom"])[0]["state"], "no_record");

    let rows = std::fs::read_to_string(&csv).expect("written");
    assert_eq!(rows, "billing,orders,0,280\nbilling,orders,1,300\nmail,orders,0,300\n");
    assert_eq!(ends(), before, "nothing is written to either cluster");
    let asked = [("orders".to_owned(), 0), ("orders".to_owned(), 1)];
    let commits = committed_offsets(lab.source.bootstrap_servers(), "billing", &asked).expect("known");
    assert_eq!(commits, [Some(250), Some(250)], "nothing is committed");

    let shown = lab.cutproof(&[
        "rollback",
        "-c",
        &lab.config("billing, mail"),
        "--run",
        lab.run_directory().to_str().expect("UTF-8"),
        "--csv",
        "back.csv",
    ]);
    let command = format!(
        "kafka-consumer-groups.sh --bootstrap-server {} --group billing --group mail --reset-offsets --from-file \
         back.csv --dry-run",
        lab.source.bootstrap_servers()
    );
    expect(&shown, 0, &["THE WAY BACK IS OPEN", "orders-0:280", "not_moved", &command, "--execute"]);
    expect(&shown, 0, &["mail has not processed 8 target-only records", "src.orders has 20 records"]);
}

#[test]
fn what_the_source_gained_is_told_from_what_was_copied_and_a_group_goes_back_to_what_it_has_not_processed() {
    let mut lab = lab();
    lab.produce_on_target(1_000..1_020);
    lab.produce_on_source(300..305);
    lab.copier.copy_topic("orders").expect("copied");
    // Target: 20 of its own at 300, then the copies at 320. The source goes on by two that nobody copies.
    lab.produce_on_source(305..307);
    lab.target_commit("billing", 0, 323);
    lab.target_commit("mail", 0, 325);
    let report = lab.rollback("billing, mail", 0, &[]);
    assert_eq!(position(&report, "billing", 0, &WAY), json!(["open", 303, 20, 0]));
    assert_eq!(position(&report, "mail", 0, &WAY), json!(["open", 305, 20, 0]));
    let pair = &report["pairs"][0];
    assert_eq!(pair["target_only"]["records"], 20);
    assert_eq!(pair["copy_back_records"], 0, "every group has processed them");
    assert_eq!(pair["new_on_source"]["records"], 7);
    assert_eq!(pair["new_on_source"]["first"]["offset"], 300);
    assert_eq!(pair["new_on_source"]["last"], json!({ "offset": 306, "timestamp": 1_793_606_400_306_i64 }));
    assert_eq!(pair["only_on_source_records"], 2);
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("orders-0 has gained 2 records that the target does not have"), "{warnings}");
    // Embedded brokers tell nobody's members: on neither side is that taken for none.
    for side in ["target", "source"] {
        let unknown = format!("the {side} does not tell whether 2 groups have live members");
        assert!(warnings.contains(&unknown), "{unknown} in {warnings}");
    }
}

#[test]
fn a_topic_that_is_configured_and_was_not_compared_is_named_and_nothing_is_called_open() {
    let lab = lab();
    lab.target_commit("billing", 0, 280);
    lab.target_commit("mail", 0, 290);
    lab.source.create_topic("payments", 1).expect("made");
    lab.rollback("billing, mail", 0, &[]);
    let config = lab.config("billing, mail");
    let text = std::fs::read_to_string(&config).expect("readable");
    std::fs::write(&config, text.replace("[\"orders\"]", "[orders, payments]")).expect("written");
    let output = lab.cutproof(&["rollback", "--quiet", "-c", &config, "--out", &lab.out()]);
    expect(
        &output,
        12,
        &["THE WAY BACK IS NOT KNOWN", "payments is in the configuration, but not in the run"],
    );
}

#[test]
fn a_closed_way_is_told_with_its_reason_and_ends_with_10() {
    let lab = lab();
    lab.target_commit("billing", 0, 280);
    lab.target_commit("far", 0, 9_999);
    lab.target_commit("late", 0, 100);
    let report = lab.rollback("billing, far, late", 10, &["--csv", "back.csv"]);
    assert_eq!(report["open"], "no");
    assert_eq!(position(&report, "far", 0, &WAY[..2]), json!(["beyond_target_end", null]));
    assert_eq!(position(&report, "late", 0, &WAY[..2]), json!(["before_range", null]));
    assert_eq!(position(&report, "billing", 0, &WAY[..2]), json!(["open", 280]));
    let rows = std::fs::read_to_string(lab.work.path().join("back.csv")).expect("written");
    assert_eq!(rows, "billing,orders,0,280\n", "a closed way has no row");

    // The embedded source keeps 5 MiB in a partition: its log start moves beyond what billing would go back to.
    let large = |n: i64| PlainRecord { value: Some(vec![b'x'; 500_000]), ..record(0, n) };
    produce(lab.source.bootstrap_servers(), "orders", (0..14).map(large)).expect("produced");
    let start = log_ends(lab.source.bootstrap_servers(), "orders").expect("known")[0].start;
    assert!(start > 280, "the log starts at {start}");
    let report = lab.rollback("billing", 10, &[]);
    assert_eq!(position(&report, "billing", 0, &WAY[..2]), json!(["below_source_log_start", null]));
    assert!(report["reasons"][0].as_str().expect("a reason").contains(&start.to_string()), "{report:#}");
}

#[test]
fn a_run_between_other_clusters_leads_nowhere() {
    let (lab, other) = (lab(), lab());
    let run = other.run_directory();
    let report = lab.rollback("billing, mail", 10, &["--run", run.to_str().expect("UTF-8")]);
    assert_eq!(position(&report, "billing", 0, &WAY[..2]), json!(["other_cluster", null]));
    let config = lab.config("billing, mail");
    let none = lab.cutproof(&["rollback", "--quiet", "-c", &config, "--out", &other.out()]);
    expect(&none, 2, &["no complete run between clusters", "--run"]);
    let nowhere = lab.cutproof(&["rollback", "--quiet", "-c", &config, "--run", "nothing"]);
    expect(&nowhere, 2, &["run.json"]);
}

#[test]
fn without_any_group_on_the_target_nothing_is_called_open() {
    let lab = lab();
    let report = lab.rollback("nobody", 12, &[]);
    assert_eq!(report["open"], "not_known");
    assert_eq!(report["groups"], json!([]));
}

#[test]
fn between_two_looks_a_group_moves_stands_still_or_goes_back_and_what_remains_is_counted() {
    let lab = lab();
    lab.produce_on_target(1_000..1_020);
    for (group, partition, offset) in
        [("billing", 0, 280), ("billing", 1, 300), ("mail", 0, 312), ("done", 0, 320), ("done", 1, 300)]
    {
        lab.target_commit(group, partition, offset);
    }
    let run = lab.run_directory();
    let progress = |config: &str, interval: &str| {
        let arguments =
            ["offsets", "progress", run.to_str().expect("UTF-8"), "-c", config, "--interval", interval];
        lab.command(&[&arguments[..], &["-o", "json"]].concat())
    };
    let config = lab.config("billing, mail, done");
    let mut child = progress(&config, "6s")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("its stderr"));
    let mut said = String::new();
    while !said.contains("wait") {
        assert!(stderr.read_line(&mut said).expect("readable") > 0, "it ended before its first look: {said}");
    }
    // Its second look is not before these.
    signal(&child, "STOP");
    lab.target_commit("billing", 0, 290);
    lab.target_commit("mail", 0, 305);
    signal(&child, "CONT");
    let mut stdout = String::new();
    child.stdout.take().expect("its stdout").read_to_string(&mut stdout).expect("readable");
    stderr.read_to_string(&mut said).expect("readable");
    assert_eq!(child.wait().expect("ended").code(), Some(10), "{said}{stdout}");
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    let fields = [
        "movement",
        "commit_then",
        "commit_now",
        "processed_records",
        "remaining_compared",
        "remaining_target_only",
    ];
    assert_eq!(position(&report, "billing", 0, &fields), json!(["moves", 280, 290, 10, 10, 20]));
    assert_eq!(position(&report, "billing", 1, &fields), json!(["at_end", 300, 300, 0, 0, 0]));
    assert_eq!(position(&report, "mail", 0, &fields), json!(["went_back", 312, 305, 0, 0, 15]));
    assert_eq!(position(&report, "mail", 1, &fields[..1]), json!(["no_commit"]));
    assert_eq!(position(&report, "done", 0, &fields), json!(["at_end", 320, 320, 0, 0, 0]));

    let still = progress(&lab.config("billing"), "50ms").output().expect("it starts");
    expect(&still, 10, &["billing on src.orders-0: stands_still"]);
    let done = progress(&lab.config("done"), "50ms").output().expect("it starts");
    expect(&done, 0, &["at_end"]);
    let unknown = progress(&lab.config("mail"), "50ms").output().expect("it starts");
    expect(&unknown, 10, &["it has committed nothing on the target", "stands_still"]);
}
