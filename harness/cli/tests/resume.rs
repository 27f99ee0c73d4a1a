//! `run --resume` as a user has it: the binary is killed while it waits for the target, taken up again, and refused
//! where going on would prove nothing. Two embedded clusters.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use cutproof_reports::{RunState, Verdict, read_findings, read_manifest};
use cutproof_testcontainers::{EmbeddedCluster, PlainRecord, produce};

const RECORDS: i64 = 900;
/// Copied when the run is killed; one record before it is lost.
const COPIED: i64 = 600;
const LOST: i64 = 250;

struct Lab {
    source: EmbeddedCluster,
    target: EmbeddedCluster,
    work: tempfile::TempDir,
}

fn record(n: i64) -> PlainRecord {
    PlainRecord {
        partition: 0,
        key: Some(format!("k{}", n % 7).into_bytes()),
        value: Some(format!("value {n}").into_bytes()),
        headers: vec![],
        timestamp: 1_793_606_400_000 + n,
    }
}

impl Lab {
    fn new() -> Self {
        // As long as the tail is not copied, the run waits for it.
        Self::with("300s", "")
    }

    /// `more`: further keys of the configuration.
    fn with(settle: &str, more: &str) -> Self {
        let [source, target] = [(), ()].map(|()| EmbeddedCluster::start(1).expect("embedded brokers"));
        source.create_topic("orders", 1).expect("made");
        target.create_topic("src.orders", 1).expect("made");
        produce(source.bootstrap_servers(), "orders", (0..RECORDS).map(record)).expect("produced");
        let lab = Self { source, target, work: tempfile::tempdir().expect("a directory") };
        lab.copy(0..COPIED);
        let servers =
            |cluster: &EmbeddedCluster| format!("bootstrap.servers={}\n", cluster.bootstrap_servers());
        lab.write("source.properties", &servers(&lab.source));
        lab.write("target.properties", &servers(&lab.target));
        lab.write(
            "cutproof.yaml",
            &format!(
                "apiVersion: cutproof/v1\nkind: Proof\n\
                 source: {{ alias: src, properties_file: source.properties }}\n\
                 target: {{ alias: dst, properties_file: target.properties }}\n\
                 topics: {{ include: [orders] }}\ngroups: {{ include: [] }}\n\
                 range: {{ start: earliest, settle: {settle} }}\n{more}"
            ),
        );
        lab
    }

    fn copy(&self, records: std::ops::Range<i64>) {
        let copies = records.filter(|&n| n != LOST).map(record);
        produce(self.target.bootstrap_servers(), "src.orders", copies).expect("produced");
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.work.path().join(name), text).expect("written");
    }

    fn command(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutproof"));
        command.arg("run").arg("-c").arg(self.work.path().join("cutproof.yaml")).args(flags);
        command
    }

    fn resume(&self, directory: &Path) -> Output {
        self.command(&["--resume", &directory.display().to_string()]).output().expect("the binary starts")
    }

    /// A run that waits for the tail, and its directory.
    fn waiting(&self, flags: &[&str]) -> (Child, BufReader<std::process::ChildStderr>, PathBuf) {
        let mut child =
            self.command(flags).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("starts");
        let mut said = BufReader::new(child.stderr.take().expect("its stderr"));
        let (mut line, mut directory) = (String::new(), None);
        while !line.starts_with("settle") {
            line.clear();
            assert!(said.read_line(&mut line).expect("readable") > 0, "the run ended before it waited");
            directory =
                line.strip_prefix("run directory ").map(|path| PathBuf::from(path.trim_end())).or(directory);
        }
        (child, said, directory.expect("it says where it writes"))
    }

    fn out(&self) -> String {
        self.work.path().join("out").display().to_string()
    }
}

fn expect(output: &Output, code: i32, said: &[&str]) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "stdout {stdout}\nstderr {stderr}");
    for words in said {
        assert!(stdout.contains(words) || stderr.contains(words), "{words:?} in\n{stdout}\n{stderr}");
    }
}

fn expect_the_lost_record_only(directory: &Path) {
    let manifest = read_manifest(directory).expect("run.json");
    assert_eq!((manifest.state, manifest.verdict), (RunState::Complete, Verdict::Divergent));
    let totals = &manifest.totals;
    let counts = (totals.source_records, totals.target_records, totals.matched, totals.pending);
    assert_eq!(counts, (RECORDS as u64, RECORDS as u64 - 1, RECORDS as u64 - 1, 0));
    let findings = read_findings(directory).expect("findings");
    let offsets: Vec<_> = findings.iter().map(|f| f.source.as_ref().map(|place| place.offset)).collect();
    assert_eq!(offsets, [Some(LOST)]);
    assert!(manifest.self_check.passed && manifest.self_check.detail.is_empty(), "{:?}", manifest.self_check);
    assert!(!directory.join("checkpoint").exists());
}

#[test]
fn a_run_killed_while_it_waits_goes_on_and_is_refused_where_that_would_prove_nothing() {
    let lab = Lab::new();
    let (mut child, _said, directory) = lab.waiting(&["--out", &lab.out()]);
    expect(&lab.resume(&directory), 2, &["still being written by another process", "run_in_use"]);
    child.kill().expect("SIGKILL");
    child.wait().expect("ended");
    assert!(!directory.join("run.json").exists());

    // Another cluster behind the same configuration file.
    let other = EmbeddedCluster::start(1).expect("embedded brokers");
    let target = std::fs::read_to_string(lab.work.path().join("target.properties")).expect("readable");
    lab.write("target.properties", &format!("bootstrap.servers={}\n", other.bootstrap_servers()));
    expect(&lab.resume(&directory), 2, &["the target \"dst\" is cluster mockCluster", "other_cluster"]);
    lab.write("target.properties", &target);
    let config = std::fs::read_to_string(lab.work.path().join("cutproof.yaml")).expect("readable");
    lab.write("cutproof.yaml", &format!("{config}# a remark\n"));
    expect(&lab.resume(&directory), 2, &["the configuration is not the one", "config_changed"]);
    lab.write("cutproof.yaml", &config);
    expect(&lab.resume(lab.work.path()), 2, &["holds no checkpoint", "no_checkpoint"]);
    let both = lab.command(&["--resume", "x", "--out", "y"]).output().expect("the binary starts");
    expect(&both, 2, &["cannot be used with"]);

    lab.copy(COPIED..RECORDS);
    expect(&lab.resume(&directory), 10, &["DIVERGENT", "1 missing_record"]);
    expect_the_lost_record_only(&directory);
    expect(&lab.resume(&directory), 2, &["is complete", "run_complete"]);
    expect_the_lost_record_only(&directory);
}

#[test]
fn where_no_order_of_the_partition_is_promised_a_killed_run_reads_again_and_ends_alike() {
    for promise in ["partitions: by_key", "order: key", "order: none"] {
        // The lost record is waited for, too.
        let lab = Lab::with("4s", &format!("contracts: [{{ {promise} }}]\n"));
        let (mut child, _said, directory) = lab.waiting(&["--out", &lab.out()]);
        child.kill().expect("SIGKILL");
        child.wait().expect("ended");
        assert!(directory.join("checkpoint").exists(), "{promise}");
        lab.copy(COPIED..RECORDS);
        expect(&lab.resume(&directory), 10, &["DIVERGENT", "1 missing_record"]);
        expect_the_lost_record_only(&directory);
    }
}

#[test]
fn a_run_stopped_by_a_signal_says_how_to_go_on_and_does_so_when_killed_again() {
    let lab = Lab::new();
    let (mut child, said, directory) = lab.waiting(&["--out", &lab.out()]);
    let signal = |child: &Child, name: &str| {
        let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().expect("kill");
        assert!(sent.success());
    };
    signal(&child, "TERM");
    let rest: Vec<String> = said.lines().map(|line| line.expect("readable")).collect();
    assert_eq!(child.wait().expect("ended").code(), Some(143), "{rest:?}");
    let hint = rest.last().expect("a last line");
    let config = lab.work.path().join("cutproof.yaml");
    let expected = format!("cutproof run -c {} --resume {}", config.display(), directory.display());
    assert!(hint.ends_with(&expected), "{hint}");
    let partial = read_manifest(&directory).expect("run.json");
    assert_eq!((partial.state, partial.exit_code), (RunState::Partial, 143));
    let run = directory.display().to_string();
    let mut translate = Command::new(env!("CARGO_BIN_EXE_cutproof"));
    translate.args(["offsets", "translate", &run, "--from", "source", "orders-0:1"]);
    let translated = translate.output().expect("the binary starts");
    expect(&translated, 2, &["was stopped", "translate offsets"]);

    // Taken up, killed, taken up.
    let (mut child, _said, same) = lab.waiting(&["--resume", &directory.display().to_string()]);
    assert_eq!(same, directory);
    child.kill().expect("SIGKILL");
    child.wait().expect("ended");
    assert!(!directory.join("run.json").exists(), "the partial result would contradict what follows");
    lab.copy(COPIED..RECORDS);
    expect(&lab.resume(&directory), 10, &["1 missing_record"]);
    expect_the_lost_record_only(&directory);
    assert_eq!(read_manifest(&directory).expect("run.json").run_id, partial.run_id);
    assert_eq!(read_manifest(&directory).expect("run.json").started_at, partial.started_at);
}
