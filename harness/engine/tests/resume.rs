//! A run that is killed anywhere and goes on from its checkpoint, against the run that was never stopped: every finding,
//! every count, every run of the offset map. The kill is a panic in the monitor, after which nothing is written.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use cutproof::cancel::CancelToken;
use cutproof::config::{ProofConfig, parse};
use cutproof::monitor::Monitor;
use cutproof::record::Side;
use cutproof::run::{CheckpointEvery, ResumeError, RunError, RunOptions, RunOutcome, run};
use cutproof_reports::{
    Finding, OffsetRun, RunManifest, RunState, read_findings, read_manifest, read_offset_map,
};
use cutproof_testcontainers::{Commit, EmbeddedCluster, PlainRecord, commit_offsets, produce};

struct Lab {
    // The clients of a run are gone when it returns, so the clusters may go at any time after.
    clusters: [EmbeddedCluster; 2],
    work: tempfile::TempDir,
    /// Source topics.
    topics: Vec<&'static str>,
    contracts: &'static str,
    groups: &'static str,
    start: &'static str,
}

/// A topic with so many partitions and records in each.
type TopicOf = (&'static str, i32, i64);

fn record(partition: i32, n: i64) -> PlainRecord {
    PlainRecord {
        partition,
        key: Some(format!("k{}", n % 11).into_bytes()),
        value: Some(format!("{partition} {n}").into_bytes()),
        headers: vec![],
        timestamp: 1_793_606_400_000 + n,
    }
}

/// What a careless copy makes of one partition: lost, repeated, swapped, changed, foreign and far repeated records.
fn copied(partition: i32, records: i64) -> Vec<PlainRecord> {
    let mut copy: Vec<PlainRecord> = (0..records).map(|n| record(partition, n)).collect();
    let len = copy.len();
    copy[len - 40].value = Some(b"changed".to_vec());
    let early = copy[7].clone();
    copy.insert(len - 100, early);
    copy.swap(len / 2, len / 2 + 1);
    let block = copy[len / 3..len / 3 + 50].to_vec();
    copy.splice(len / 3 + 60..len / 3 + 60, block);
    copy.drain(len / 4..len / 4 + 30);
    copy.insert(len / 5, PlainRecord { value: Some(b"foreign".to_vec()), ..record(partition, 5) });
    copy.remove(3);
    copy
}

impl Lab {
    fn new() -> Self {
        let topics = [("orders", 2, 6_000), ("plain", 1, 3_000)];
        Self::with(&topics, "[{ topics: [plain], isolation: read_uncommitted }]")
    }

    fn with(topics: &[TopicOf], contracts: &'static str) -> Self {
        let clusters = [(), ()].map(|()| EmbeddedCluster::start(1).expect("embedded brokers"));
        for &(topic, partitions, records) in topics {
            clusters[0].create_topic(topic, partitions).expect("made");
            clusters[1].create_topic(&format!("src.{topic}"), partitions).expect("made");
            for partition in 0..partitions {
                let own = (0..records).map(|n| record(partition, n));
                produce(clusters[0].bootstrap_servers(), topic, own).expect("produced");
                let copy = copied(partition, records);
                produce(clusters[1].bootstrap_servers(), &format!("src.{topic}"), copy).expect("produced");
            }
        }
        let topics = topics.iter().map(|topic| topic.0).collect();
        let work = tempfile::tempdir().expect("a directory");
        Self { clusters, work, topics, contracts, groups: "", start: "earliest" }
    }

    fn runs(&self) -> Runs {
        let [source, target] = self.clusters.each_ref().map(EmbeddedCluster::bootstrap_servers);
        let (topics, Self { contracts, groups, start, .. }) = (self.topics.join(", "), self);
        let quick = "properties: { fetch.wait.max.ms: \"10\" }";
        let config = format!(
            "apiVersion: cutproof/v1\nkind: Proof\n\
             source: {{ alias: src, bootstrap_servers: \"{source}\", {quick} }}\n\
             target: {{ alias: dst, bootstrap_servers: \"{target}\", {quick} }}\n\
             topics: {{ include: [{topics}] }}\ngroups: {{ include: [{groups}] }}\n\
             range: {{ start: {start}, settle: 100ms }}\n\
             contracts: {contracts}\n"
        );
        let out = tempfile::tempdir_in(self.work.path()).expect("a directory").keep();
        Runs { config, out }
    }
}

/// So many runs at a time, where there are many: they wait for the clusters more than they compute.
const AT_ONCE: usize = 6;
/// So often a run is tried to be killed: how many batches there are, and so how many checkpoints, varies.
const TRIES: usize = 20;

/// Runs over the clusters of a lab, with an out directory of their own.
struct Runs {
    /// The text of `cutproof.yaml`.
    config: String,
    out: PathBuf,
}

impl Runs {
    fn config(&self) -> ProofConfig {
        parse(&self.config, Path::new("")).expect("a configuration")
    }

    /// The same in another out directory.
    fn apart(&self) -> Self {
        let out = tempfile::tempdir_in(&self.out).expect("a directory").keep();
        Self { config: self.config.clone(), out }
    }

    /// Runs, or goes on, until the end or until killed.
    fn run(&self, resume: Option<&Path>, kill: Kill) -> Option<Result<RunOutcome, RunError>> {
        self.counted(resume, kill).0
    }

    /// The same, and how many checkpoints there were.
    fn counted(&self, resume: Option<&Path>, kill: Kill) -> (Option<Result<RunOutcome, RunError>>, u64) {
        let cancel = CancelToken::default();
        let monitor =
            Fatal { kill, cancel: cancel.clone(), checkpoints: 0.into(), reads: 0.into(), stages: 0.into() };
        let options = RunOptions {
            out: self.out.clone(),
            resume: resume.map(Path::to_path_buf),
            checkpoint_every: CheckpointEvery { time: Duration::from_secs(600), records: 1 },
            cancel,
            conditional: false,
        };
        let config = self.config();
        let ended = std::panic::catch_unwind(AssertUnwindSafe(|| run(&config, &options, &monitor))).ok();
        (ended, monitor.checkpoints.into_inner())
    }

    /// The directory of the only run.
    fn directory(&self) -> PathBuf {
        let entries = std::fs::read_dir(&self.out).expect("the out directory");
        let mut runs: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }

    /// Kills a new run and takes it up again: it says what is expected, and so does one that ends before. Whether it was
    /// alive to be killed.
    fn dies(&self, kill: Kill, expected: &Said) -> bool {
        let runs = self.apart();
        let died = runs.run(None, kill).is_none();
        let directory = runs.directory();
        if died {
            assert!(!directory.join("run.json").exists(), "{kill:?}");
            let outcome = runs.run(Some(&directory), Kill::Never).expect("alive").expect("complete");
            assert_eq!(outcome.directory, directory);
        }
        assert_eq!(&said(&directory), expected, "{kill:?}");
        died
    }

    /// Has a new run die at each of `kills`, in so many tries. Those at which none did.
    fn outlived(&self, kills: &[Kill], tries: usize, expected: &Said) -> Vec<Kill> {
        let next = AtomicUsize::new(0);
        let outlived = Mutex::new(Vec::new());
        let work = || {
            while let Some(&kill) = kills.get(next.fetch_add(1, Ordering::SeqCst)) {
                if !(0..tries).any(|_| self.dies(kill, expected)) {
                    outlived.lock().expect("no thread panicked").push(kill);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(work);
            }
        });
        outlived.into_inner().expect("no thread panicked")
    }

    /// How many checkpoints whole runs have, as many at a time as are killed at a time: the least and the most.
    fn checkpoints(&self, expected: &Said) -> [u64; 2] {
        let whole = || {
            let (ended, checkpoints) = self.apart().counted(None, Kill::Never);
            let outcome = ended.expect("alive").expect("complete");
            assert_eq!(&said(&outcome.directory), expected);
            checkpoints
        };
        let mut counts: Vec<u64> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(whole)).collect();
            threads.into_iter().map(|thread| thread.join().expect("a whole run")).collect()
        });
        // The last kills have the machine to themselves: larger batches, and fewer checkpoints.
        counts.push(whole());
        [counts.iter().min(), counts.iter().max()].map(|count| *count.expect("one run at least"))
    }

    /// Kills new runs at `kills` and at each checkpoint that every run has, from the first to the last, and takes them up
    /// again. A run that has more of them may die at those, too.
    fn die_everywhere(&self, mut kills: Vec<Kill>, expected: &Said) {
        let [least, most] = self.checkpoints(expected);
        assert!(least >= 6, "{least} checkpoints");
        kills.extend((1..=least).map(Kill::Checkpoint));
        assert_eq!(self.outlived(&kills, TRIES, expected), [], "of {least} to {most} checkpoints");
        let more: Vec<Kill> = (least + 1..=most).map(Kill::Checkpoint).collect();
        self.outlived(&more, 1, expected);
    }
}

/// Where the process dies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kill {
    Never,
    /// Right after this checkpoint, from 1. That of locating and the first one of comparing are two.
    Checkpoint(u64),
    /// Right after this batch, before the checkpoint that follows it.
    Read(u64),
    /// As a stage begins.
    Stage(&'static str),
    /// As a stage begins, by a signal: the run ends by itself.
    Signal(&'static str),
    /// As a stage begins for the second time: for units.
    StageAgain(&'static str),
}

struct Fatal {
    kill: Kill,
    cancel: CancelToken,
    checkpoints: AtomicU64,
    reads: AtomicU64,
    /// Of the name that is fatal.
    stages: AtomicU64,
}

impl Fatal {
    fn die(&self) {
        // The readers' threads would die with a process.
        self.cancel.cancel(137);
        panic!("killed at {:?}", self.kill);
    }
}

impl Monitor for Fatal {
    fn stage(&self, name: &str) {
        let (Kill::Stage(stage) | Kill::StageAgain(stage) | Kill::Signal(stage)) = self.kill else { return };
        if stage == name {
            if matches!(self.kill, Kill::Signal(_)) {
                return self.cancel.cancel(130);
            }
            let n = self.stages.fetch_add(1, Ordering::SeqCst) + 1;
            if n == if matches!(self.kill, Kill::Stage(_)) { 1 } else { 2 } {
                self.die();
            }
        }
    }
    fn expect_offsets(&self, _: u64) {}
    fn read(&self, _: Side, _: u64, _: u64) {
        let n = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
        if matches!(self.kill, Kill::Read(last) if last == n) {
            self.die();
        }
    }
    fn warn(&self, _: &str) {}
    fn checkpoint(&self, _: u64) {
        let n = self.checkpoints.fetch_add(1, Ordering::SeqCst) + 1;
        if matches!(self.kill, Kill::Checkpoint(last) if last == n) {
            self.die();
        }
    }
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

#[test]
fn a_run_killed_anywhere_and_taken_up_again_says_what_an_uninterrupted_one_says() {
    let lab = Lab::new();
    let runs = lab.runs();
    let whole = runs.apart().run(None, Kill::Never).expect("alive").expect("complete").directory;
    let expected = said(&whole);
    assert_eq!(expected.manifest.exit_code, 10, "{:?}", expected.manifest.reasons);
    assert!(expected.findings.len() > 3 * 80, "{} findings", expected.findings.len());
    let totals = &expected.manifest.totals;
    assert_eq!((totals.source_records, totals.pending, totals.unverifiable), (15_000, 0, 0));

    let mut kills: Vec<Kill> = ["locate", "compare", "settle", "judge", "report"].map(Kill::Stage).into();
    kills.extend((1..=6).map(Kill::Read));
    runs.die_everywhere(kills, &expected);

    // Again and again in one run, at each checkpoint, each time a little later.
    let again = runs.apart();
    assert!(again.run(None, Kill::Checkpoint(1)).is_none());
    let directory = again.directory();
    let deaths = (2..100).take_while(|&k| again.run(Some(&directory), Kill::Checkpoint(k)).is_none()).count();
    assert!((4..60).contains(&deaths), "{deaths} deaths");
    assert_eq!(said(&directory), expected);

    // The same run can't be taken up once it is complete.
    let refused = again.run(Some(&directory), Kill::Never).expect("alive").expect_err("refused");
    assert!(matches!(refused, RunError::Resume(ResumeError::Directory(_))), "{refused}");
    assert_eq!(refused.exit_code(), 2);
}

#[test]
fn a_run_stopped_while_it_locates_its_pairs_locates_them_when_it_goes_on() {
    let mut lab = Lab::with(&[("orders", 3, 2_000)], "[]");
    (lab.groups, lab.start) = ("shop", "positions");
    let commits: Vec<Commit> = (0..3).map(|partition| Commit::new("orders", partition, 700)).collect();
    commit_offsets(lab.clusters[0].bootstrap_servers(), "shop", &commits).expect("committed");
    let runs = lab.runs();
    let expected = said(&runs.run(None, Kill::Never).expect("alive").expect("complete").directory);
    assert!(expected.manifest.pairs.iter().all(|pair| pair.source_start_offset == Some(700)));
    assert!(expected.findings.len() > 100, "{} findings", expected.findings.len());
    for stage in ["locate", "compare"] {
        let stopped = runs.run(None, Kill::Signal(stage)).expect("alive").expect("ended");
        assert_eq!((stopped.manifest.exit_code, stopped.manifest.state), (130, RunState::Partial), "{stage}");
        runs.run(Some(&stopped.directory), Kill::Never).expect("alive").expect("complete");
        assert_eq!(said(&stopped.directory), expected, "{stage}");
    }
}

#[test]
fn what_is_compared_by_key_or_without_order_is_read_again_and_says_what_an_uninterrupted_run_says() {
    let lab = Lab::with(
        &[("orders", 1, 2_000), ("spread", 2, 1_000), ("keyed", 1, 1_000), ("loose", 1, 1_000)],
        "[{ topics: [spread], partitions: by_key }, { topics: [keyed], order: key }, \
         { topics: [loose], order: none, isolation: read_uncommitted }]",
    );
    let runs = lab.runs();
    let expected = said(&runs.apart().run(None, Kill::Never).expect("alive").expect("complete").directory);
    assert_eq!(expected.manifest.exit_code, 10, "{:?}", expected.manifest.reasons);
    let totals = &expected.manifest.totals;
    assert_eq!((totals.source_records, totals.pending, totals.unverifiable), (6_000, 0, 0));
    assert!(expected.findings.len() > 5 * 80, "{} findings", expected.findings.len());
    assert!(expected.manifest.self_check.passed);

    let mut kills: Vec<Kill> = ["compare", "settle", "judge"].map(Kill::Stage).into();
    kills.extend(["compare", "settle", "judge"].map(Kill::StageAgain));
    kills.push(Kill::Stage("report"));
    kills.extend((1..=10).map(Kill::Read));
    runs.die_everywhere(kills, &expected);
}

#[test]
fn what_cannot_be_taken_up_is_refused_and_left_as_it_is() {
    let lab = Lab::new();
    let runs = lab.runs();
    assert!(runs.run(None, Kill::Stage("judge")).is_none());
    let stopped = runs.directory();
    let refused = runs.run(Some(Path::new("no-such-run")), Kill::Never).expect("alive").expect_err("refused");
    assert!(refused.to_string().contains("no-such-run holds no checkpoint"), "{refused}");
    let config = ProofConfig { digest: "0".repeat(64), ..runs.config() };
    let options = RunOptions {
        out: PathBuf::new(),
        resume: Some(stopped.clone()),
        checkpoint_every: CheckpointEvery::default(),
        cancel: CancelToken::default(),
        conditional: false,
    };
    let refused = run(&config, &options, &cutproof::monitor::Silent).expect_err("another configuration");
    assert!(matches!(refused, RunError::Resume(ResumeError::ConfigChanged { .. })), "{refused}");
    assert!(refused.to_string().contains(&runs.config().digest), "{refused}");
    assert_eq!(refused.exit_code(), 2);
    runs.run(Some(&stopped), Kill::Never).expect("alive").expect("refusals change nothing");
}
