//! Every exit code and refusal that needs clusters, and that equal runs end equally, by starting the binary against two
//! embedded ones.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use cutproof_reports::{RunState, Scorecard, Verdict, read_findings, read_manifest};
use cutproof_testcontainers::{
    Carried, Commit, Copier, CopierSettings, EmbeddedCluster, PlainRead, PlainRecord, commit_offsets, produce,
};

/// Two embedded clusters, topic `orders` (2 partitions, 300 records each) copied, group `billing` at 250 of each.
struct Lab {
    source: EmbeddedCluster,
    target: EmbeddedCluster,
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

/// `change` says what reaches the target of partition 0.
fn lab(change: impl Fn(&mut Vec<PlainRead>)) -> Lab {
    let (source, target) =
        (EmbeddedCluster::start(1).expect("a source"), EmbeddedCluster::start(1).expect("a target"));
    let mut copier = Copier::new(CopierSettings::new(
        source.bootstrap_servers(),
        "src",
        target.bootstrap_servers(),
        "dst",
    ));
    source.create_topic("orders", 2).expect("made");
    source.create_topic("empty", 1).expect("made");
    source.create_topic("absent", 1).expect("made");
    source.create_topic("wide", 3).expect("made");
    target.create_topic("src.empty", 1).expect("made");
    target.create_topic("src.wide", 2).expect("made");
    for topic in copier.needed_topics(&[("orders", 2)]) {
        let cluster = if topic.on_target { &target } else { &source };
        cluster.create_topic(&topic.name, topic.partitions).expect("made");
    }
    let records = (0..2).flat_map(|partition| (0..300).map(move |n| record(partition, n)));
    produce(source.bootstrap_servers(), "orders", records).expect("produced");
    let commits = [Commit::new("orders", 0, 250), Commit::new("orders", 1, 250)];
    commit_offsets(source.bootstrap_servers(), "billing", &commits).expect("committed");
    copier
        .copy_topic_with("orders", |mut partitions| {
            change(&mut partitions[0]);
            let carried = |(partition, records): (i32, Vec<PlainRead>)| {
                records.into_iter().map(move |record| Carried::copy_of(record, partition))
            };
            (0..).zip(partitions).flat_map(carried).collect()
        })
        .expect("copied");
    copier.write_checkpoints(&["billing"]).expect("written");
    Lab { source, target, work: tempfile::tempdir().expect("a directory") }
}

impl Lab {
    fn config(&self, more: &str) -> String {
        format!(
            "apiVersion: cutproof/v1\nkind: Proof\n\
             source: {{ alias: src, bootstrap_servers: \"{}\" }}\n\
             target: {{ alias: dst, bootstrap_servers: \"{}\" }}\n{more}",
            self.source.bootstrap_servers(),
            self.target.bootstrap_servers()
        )
    }

    fn command(&self, config: &str, flags: &[&str]) -> Command {
        let file = self.work.path().join("cutproof.yaml");
        std::fs::write(&file, config).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutproof"));
        command.arg("run").arg("-c").arg(file).arg("--out").arg(self.out()).args(flags);
        command
    }

    fn out(&self) -> std::path::PathBuf {
        self.work.path().join("out")
    }

    fn run(&self, more: &str, flags: &[&str]) -> Output {
        self.command(&self.config(more), flags).output().expect("the binary starts")
    }
}

const ORDERS: &str = "topics: { include: [\"orders\"] }\ngroups: { include: [\"billing\"] }\n";

fn expect(output: &Output, code: i32, said: &[&str]) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "stdout {stdout}\nstderr {stderr}");
    for words in said {
        assert!(stdout.contains(words) || stderr.contains(words), "{words:?} in\n{stdout}\n{stderr}");
    }
}

fn only_run(out: &Path) -> std::path::PathBuf {
    let mut runs =
        std::fs::read_dir(out).expect("the out directory").map(|entry| entry.expect("an entry").path());
    let run = runs.next().expect("a run directory");
    assert_eq!(runs.next(), None);
    run
}

#[test]
fn a_match_ends_with_0_or_11_where_a_condition_was_asked_for_and_writes_every_file() {
    let lab = lab(|_| {});
    expect(&lab.run(ORDERS, &[]), 0, &["MATCH", "mockCluster"]);
    let run = only_run(&lab.out());
    let manifest = read_manifest(&run).expect("run.json");
    assert_eq!(
        (manifest.verdict, manifest.state, manifest.exit_code),
        (Verdict::Match, RunState::Complete, 0)
    );
    let mut names: Vec<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    names.sort_unstable();
    let expected = [
        "findings/part-00000.parquet",
        "offset_map.parquet",
        "pairs.parquet",
        "positions.parquet",
        "report.md",
        "resume_offsets.csv",
    ];
    assert_eq!(names, expected);
    // Embedded brokers do not tell who consumes.
    let silent = "target \"dst\" does not tell whether 1 groups have live members";
    assert!(manifest.reasons.iter().any(|reason| reason.starts_with(silent)), "{:?}", manifest.reasons);
    // The checkpoint is a lower bound: the group would do some records twice.
    assert!(manifest.groups[0].positions.iter().any(|position| position.replay_records > Some(0)));
    let cause = "exit code 11: groups that would process records again: billing (";
    expect(&lab.run(ORDERS, &["--conditional"]), 11, &["MATCH", cause]);
}

#[test]
fn the_noise_floor_finds_nothing_and_says_that_it_proves_nothing_about_the_target() {
    // A loss on the target: an ordinary run finds it (below), this one does not look there.
    let lab = lab(|records| drop(records.remove(270)));
    let said = "compared with itself; this proves nothing about the target";
    let floor = format!("range: {{ noise_floor: true }}\n{ORDERS}");
    expect(&lab.run(&floor, &[]), 0, &["MATCH", said]);
    let run = only_run(&lab.out());
    let manifest = read_manifest(&run).expect("run.json");
    assert_eq!((manifest.verdict, manifest.exit_code), (Verdict::Match, 0));
    assert!(manifest.reasons.iter().any(|reason| reason.contains(said)), "{:?}", manifest.reasons);
    assert!(std::fs::read_to_string(run.join("report.md")).expect("a report").contains(said));
    assert_eq!(manifest.source.cluster_id, manifest.target.cluster_id);
    assert_eq!(read_findings(&run).expect("findings"), []);
    assert!(manifest.totals.matched >= 100, "{:?}", manifest.totals);
    let positions: Vec<_> = manifest.groups.iter().flat_map(|group| &group.positions).collect();
    assert_eq!(positions.len(), 2);
    for position in positions {
        assert_eq!((position.skip_records, position.replay_records), (Some(0), Some(0)), "{position:?}");
    }
}

#[test]
fn the_noise_floor_finds_nothing_whatever_order_or_cleaning_is_promised() {
    let lab = lab(|_| {});
    let promises = [
        "order: key",
        "order: none",
        "partitions: by_key",
        "log: compacted",
        "log: compacted, order: key",
        "log: compacted, partitions: by_key",
    ];
    for promise in promises {
        let contract = format!("contracts: [{{ topics: [orders], {promise} }}]\n");
        expect(&lab.run(&format!("range: {{ noise_floor: true }}\n{contract}{ORDERS}"), &[]), 0, &["MATCH"]);
        let run = only_run(&lab.out());
        let manifest = read_manifest(&run).expect("run.json");
        assert_eq!(read_findings(&run).expect("findings"), [], "{promise}");
        let totals = &manifest.totals;
        assert_eq!(totals.matched, totals.source_records, "{promise}: {totals:?}");
        assert_eq!(totals.matched, totals.target_records, "{promise}: {totals:?}");
        assert!(totals.matched >= 100, "{promise}: {totals:?}");
        let positions = manifest.groups.iter().flat_map(|group| &group.positions);
        let met: Vec<_> = positions.filter(|position| position.target_offset.is_some()).collect();
        assert_eq!(met.len(), 2, "{promise}: {met:?}");
        for position in met {
            let counts = (position.skip_records, position.replay_records);
            assert_eq!(counts, (Some(0), Some(0)), "{promise}: {position:?}");
        }
        assert!(manifest.self_check.passed, "{promise}: {:?}", manifest.self_check);
        std::fs::remove_dir_all(lab.out()).expect("room for the next run");
    }
}

#[test]
fn two_runs_over_the_same_records_write_the_same_findings_in_the_same_order_whatever_memory_they_have() {
    let lab = lab(|records| {
        let late = records.remove(40);
        records.insert(90, late);
        let again = records[150].clone();
        records.insert(200, again);
        records[260].value = Some(b"changed".to_vec());
        drop(records.drain(270..275));
        records.swap(280, 281);
    });
    let findings = |memory: &str, promise: &str| {
        let more = format!(
            "limits: {{ memory: {memory} }}\nrange: {{ start: earliest, settle: 500ms }}\n\
             contracts: [{{ topics: [\".*\"], {promise} }}]\n\
             topics: {{ include: [\"orders\"] }}\ngroups: {{ include: [] }}\n"
        );
        expect(&lab.run(&more, &[]), 10, &["DIVERGENT"]);
        let out = lab.out();
        let mut rows = read_findings(&only_run(&out)).expect("findings");
        std::fs::remove_dir_all(&out).expect("room for the next run");
        // The key of the hashes is the run's own: each is named by its place among them.
        let mut met: Vec<String> = Vec::new();
        for row in &mut rows {
            let hashes = [&mut row.key_hash, &mut row.source_value_hash, &mut row.target_value_hash];
            for hash in hashes.into_iter().flatten() {
                let known = met.iter().position(|other| *other == *hash);
                let at = known.unwrap_or_else(|| {
                    met.push(hash.clone());
                    met.len() - 1
                });
                *hash = format!("hash {at}");
            }
        }
        rows
    };
    // Of the records that changed places, two are of different keys: no finding where only the order of keys counts.
    for (promise, least) in [("order: partition", 9), ("order: key", 8), ("partitions: by_key", 8)] {
        let roomy = findings("256MiB", promise);
        assert!(roomy.len() >= least, "{promise}: {roomy:?}");
        for memory in ["256MiB", "2MiB"] {
            assert_eq!(findings(memory, promise), roomy, "{promise}, {memory}");
        }
    }
}

#[test]
fn a_lost_record_ends_with_10_and_is_the_only_finding() {
    let lab = lab(|records| drop(records.remove(270)));
    expect(&lab.run(ORDERS, &[]), 10, &["DIVERGENT", "missing_record", "orders-0@270"]);
    let findings = read_findings(&only_run(&lab.out())).expect("findings");
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].source.as_ref().map(|place| place.offset), Some(270));
}

#[test]
fn an_allowed_finding_is_listed_but_does_not_decide() {
    let lab = lab(|records| drop(records.remove(120)));
    let allowed = "range: { start: earliest, settle: 500ms }\ncontracts: [{ topics: [\".*\"], allow: [{ finding: missing_record, \
                   max: 1, reason: \"known gap\" }] }]\ntopics: { include: [\"orders\"] }\ngroups: { include: [] }\n";
    expect(&lab.run(allowed, &[]), 0, &["known gap", "missing_record"]);
}

#[test]
fn a_group_that_is_named_and_has_committed_nothing_ends_with_12_and_one_that_a_pattern_may_mean_does_not() {
    let lab = lab(|_| {});
    let run = |groups: &str| {
        lab.run(&format!("topics: {{ include: [\"orders\"] }}\ngroups: {{ include: [{groups}] }}\n"), &[])
    };
    expect(&run("billing, ghost"), 12, &["INCONCLUSIVE", "group ghost has no position in scope"]);
    let groups = read_manifest(&only_run(&lab.out())).expect("run.json").groups;
    let scorecards: Vec<_> = groups.iter().map(|group| (group.group.as_str(), group.scorecard)).collect();
    assert_eq!(scorecards, [("billing", Scorecard::Yellow), ("ghost", Scorecard::Red)]);
    expect(&run("billing, \"ghost.*\""), 0, &["MATCH"]);
}

#[test]
fn no_record_compared_ends_with_12() {
    let lab = lab(|_| {});
    let empty = "range: { start: earliest }\ntopics: { include: [\"empty\"] }\n";
    expect(&lab.run(empty, &[]), 12, &["INCONCLUSIVE", "no record was compared"]);
}

#[test]
fn records_in_a_partition_that_only_the_target_has_are_no_match() {
    let lab = lab(|_| {});
    lab.source.create_topic("narrow", 1).expect("made");
    lab.target.create_topic("src.narrow", 2).expect("made");
    let same = |bootstrap: &str, topic: &str| {
        produce(bootstrap, topic, (0..20).map(|n| record(0, n))).expect("produced")
    };
    same(lab.source.bootstrap_servers(), "narrow");
    same(lab.target.bootstrap_servers(), "src.narrow");
    let narrow = "range: { start: earliest }\ntopics: { include: [\"narrow\"] }\n";
    expect(&lab.run(narrow, &[]), 0, &["MATCH"]);
    produce(lab.target.bootstrap_servers(), "src.narrow", [record(1, 99)]).expect("produced");
    expect(&lab.run(narrow, &[]), 12, &["INCONCLUSIVE", "src.narrow-1"]);
}

#[test]
fn a_long_tail_of_the_target_behind_a_short_source_is_read_to_its_end() {
    let lab = lab(|_| {});
    lab.source.create_topic("short", 1).expect("made");
    lab.target.create_topic("src.short", 1).expect("made");
    produce(lab.source.bootstrap_servers(), "short", (0..20).map(|n| record(0, n))).expect("produced");
    produce(lab.target.bootstrap_servers(), "src.short", (0..8_020).map(|n| record(0, n))).expect("produced");
    // Room for some 10,000 waiting records, and a side is paused at half of that.
    let more = "limits: { memory: 2MiB }\nrange: { start: earliest }\ntopics: { include: [\"short\"] }\n";
    expect(&lab.run(more, &[]), 10, &["8000 extraneous_record"]);
}

#[test]
fn bad_input_ends_with_2_and_says_what_is_wrong() {
    let lab = lab(|_| {});
    let same = lab.config(ORDERS).replace(lab.target.bootstrap_servers(), lab.source.bootstrap_servers());
    expect(&lab.command(&same, &[]).output().expect("starts"), 2, &["same cluster"]);
    let refused = |more: &str, said: &[&str]| expect(&lab.run(more, &[]), 2, said);
    refused("topics: { include: [\"nothing-like-it\"] }\n", &["no topic", "nothing-like-it"]);
    refused(
        "topics: { include: [\"orders\"] }\ngroups: { include: [\"nobody\"] }\n",
        &["no consumer group", "nobody"],
    );
    refused("range: { start: earliest }\ntopics: { include: [\"absent\"] }\n", &["src.absent"]);
    refused(
        "range: { start: earliest }\ntopics: { include: [\"wide\"] }\n",
        &["src.wide", "2 partitions", "3"],
    );
    refused("topics: { include: [\"orders(\"] }\n", &["orders("]);
    refused("toppics: {}\n", &["toppics", "topics"]);
    let properties =
        lab.config(ORDERS).replace("alias: src,", "alias: src, properties_file: not-there.properties,");
    expect(&lab.command(&properties, &[]).output().expect("starts"), 2, &["not-there.properties"]);
    assert!(!lab.out().exists() || std::fs::read_dir(lab.out()).expect("readable").next().is_none());
}

#[test]
fn a_position_from_a_file_that_the_target_does_not_hold_is_refused_with_what_is_available() {
    let lab = lab(|_| {});
    std::fs::write(
        lab.work.path().join("positions.csv"),
        "billing,src.orders,0,9999\nbilling,src.orders,1,100\n",
    )
    .expect("written");
    let csv = format!("positions: {{ origin: csv, csv_file: positions.csv }}\n{ORDERS}");
    expect(&lab.run(&csv, &[]), 2, &["orders-0", "9999", "0 to 300"]);
}

#[test]
fn an_interrupted_run_ends_with_the_signal_s_code_and_leaves_artefacts_marked_partial() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        // The tail is not copied, so that the run waits for it.
        let lab = lab(|records| records.truncate(280));
        let config = lab.config(&format!("range: {{ settle: 300s }}\n{ORDERS}"));
        let mut child =
            lab.command(&config, &[]).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
        let mut said = BufReader::new(child.stderr.take().expect("its stderr"));
        let mut line = String::new();
        while !line.contains("settle") {
            line.clear();
            assert!(said.read_line(&mut line).expect("readable") > 0, "the run ended before it waited");
        }
        assert!(
            Command::new("kill")
                .args(["-s", signal, &child.id().to_string()])
                .status()
                .expect("kill")
                .success()
        );
        let mut rest = String::new();
        said.read_to_string(&mut rest).expect("readable");
        assert_eq!(child.wait().expect("ended").code(), Some(code), "{rest}");
        let manifest = read_manifest(&only_run(&lab.out())).expect("run.json");
        assert_eq!((manifest.state, manifest.exit_code), (RunState::Partial, code));
        assert_ne!(manifest.verdict, Verdict::Match);
    }
}
