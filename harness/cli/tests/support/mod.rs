//! Two real clusters for the tests of one program, the binary run against them, and an independent full read to hold
//! its answers against. Shares no code with the engine.
#![allow(dead_code)] // each program uses a part

pub mod segment;
pub mod started;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use cutproof_fixtures::FixtureRecord;
use cutproof_fixtures::workloads::TopicFixture;
use cutproof_testcontainers::kafka::{KafkaCluster, KafkaOptions};
use cutproof_testcontainers::{
    Commit, Isolation, PlainRead, PlainRecord, ProduceOptions, Topic, commit_offsets, committed_offsets,
    create_topic, log_ends, produce, read_all,
};
use serde_json::Value;

/// Long enough for a loaded machine of two cores.
pub const PATIENCE: Duration = Duration::from_secs(180);

pub struct Lab {
    pub source: KafkaCluster,
    pub target: KafkaCluster,
}

/// One pair of clusters for the whole program; its processes end with the program. One test at a time: two cores.
pub fn lab() -> MutexGuard<'static, Lab> {
    lab_with(|target| target)
}

/// The same, with a target of its own; the first call of the program decides.
pub fn lab_with(target: fn(KafkaOptions) -> KafkaOptions) -> MutexGuard<'static, Lab> {
    static LAB: OnceLock<Mutex<Lab>> = OnceLock::new();
    // The cleaner looks for work more often than every 15 seconds.
    let options = |options: KafkaOptions| options.proxied().property("log.cleaner.backoff.ms", "500");
    let lab = LAB.get_or_init(|| {
        Mutex::new(Lab {
            source: KafkaCluster::start(options(KafkaOptions::source())).expect("the source starts"),
            target: KafkaCluster::start(target(options(KafkaOptions::target()))).expect("the target starts"),
        })
    });
    // A test that failed does not make the clusters unusable for the next.
    lab.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

pub fn plain(partition: usize, record: &FixtureRecord) -> PlainRecord {
    PlainRecord {
        partition: partition as i32,
        key: record.key.clone(),
        value: record.value.clone(),
        headers: record.headers.clone(),
        timestamp: record.timestamp,
    }
}

/// Makes `name` with the fixture's partitions and produces its records.
pub fn fill(bootstrap: &str, name: &str, fixture: &TopicFixture) {
    create_topic(bootstrap, &Topic::new(name, fixture.partitions as i32)).expect("the topic is made");
    produce(bootstrap, name, plain_records(fixture)).expect("all records are acknowledged");
}

/// What a fixture holds, as records to produce.
pub fn plain_records(fixture: &TopicFixture) -> impl Iterator<Item = PlainRecord> + '_ {
    let numbered = fixture.records.iter().enumerate();
    numbered.flat_map(|(partition, records)| records.iter().map(move |record| plain(partition, record)))
}

pub fn commit(bootstrap: &str, group: &str, topic: &str, offsets: &[i64]) {
    let commits: Vec<Commit> =
        (0..).zip(offsets).map(|(partition, &offset)| Commit::new(topic, partition, offset)).collect();
    commit_offsets(bootstrap, group, &commits).expect("the group's offsets are committed");
}

/// A finding: its kind, and partition and offset on the source and on the target.
pub type FoundAt = (String, Option<(i32, i64)>, Option<(i32, i64)>);

/// How the binary ended.
pub struct Ended {
    pub code: i32,
    /// `run.json`; null where there is none.
    pub run: Value,
    pub stderr: String,
    pub directory: Option<PathBuf>,
}

impl Ended {
    /// All findings, as (kind, source partition and offset, target partition and offset).
    pub fn findings(&self) -> Vec<FoundAt> {
        let directory = self.directory.as_deref().expect("a run directory");
        let place = |place: &cutproof_reports::RecordPlace| (place.partition, place.offset);
        cutproof_reports::read_findings(directory)
            .expect("the findings are readable")
            .iter()
            .map(|f| (f.kind.to_string(), f.source.as_ref().map(place), f.target.as_ref().map(place)))
            .collect()
    }

    /// What must hold of every run, or the whole output.
    pub fn expect_code(&self, code: i32) -> &Self {
        let reasons = &self.run["reasons"];
        assert_eq!(self.code, code, "reasons {reasons}\nstderr {}", self.stderr);
        self
    }
}

/// Runs `cutproof run` on `config`, with a directory of its own below `work`.
pub fn cutproof_run(work: &Path, config: &str) -> Ended {
    cutproof_run_with(work, config, &[])
}

pub fn cutproof_run_with(work: &Path, config: &str, more: &[&str]) -> Ended {
    let file = work.join("cutproof.yaml");
    std::fs::write(&file, config).expect("the configuration is written");
    let out = work.join("out");
    ended(command(&file).arg("--out").arg(&out).args(more), &out)
}

/// Takes a run up that was killed, with the configuration that it was started with.
pub fn cutproof_resume(work: &Path, directory: &Path) -> Ended {
    ended(command(&work.join("cutproof.yaml")).arg("--resume").arg(directory), &work.join("out"))
}

fn command(file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutproof"));
    command.args(["run", "-o", "json", "-c"]).arg(file);
    command
}

/// Runs `command` to its end. `out`: where its run directory is.
fn ended(command: &mut Command, out: &Path) -> Ended {
    let output = command.output().expect("the binary starts");
    let run: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    let directory = run["run_id"].as_str().map(|id| out.join(id));
    Ended {
        code: output.status.code().unwrap_or(-1),
        run,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        directory,
    }
}

pub fn config(lab: &Lab, source_alias: &str, more: &str) -> String {
    config_at(&lab.source.bootstrap_servers(), &lab.target.bootstrap_servers(), source_alias, more)
}

pub fn config_at(source: &str, target: &str, source_alias: &str, more: &str) -> String {
    format!(
        "apiVersion: cutproof/v1\nkind: Proof\n\
         source: {{ alias: {source_alias}, bootstrap_servers: \"{source}\" }}\n\
         target: {{ alias: dst, bootstrap_servers: \"{target}\" }}\n{more}"
    )
}

/// Record `n` of a partition: one of seven keys, one second after the one before, from 2026-11-02T08:00:00Z on.
pub fn record(partition: i32, n: i64) -> PlainRecord {
    PlainRecord {
        partition,
        key: Some(format!("k{}", n % 7).into_bytes()),
        value: Some(format!("value {partition} {n}").into_bytes()),
        headers: vec![],
        timestamp: 1_793_606_400_000 + n * 1_000,
    }
}

/// So few records in a batch that reading them takes many requests.
pub fn small_batches() -> ProduceOptions {
    let properties = [("batch.num.messages", "10"), ("max.in.flight.requests.per.connection", "1")];
    let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    ProduceOptions { properties, ..ProduceOptions::default() }
}

/// A record without its offset.
type Content = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>, i64);

fn content(read: PlainRead) -> (i64, Content) {
    (read.offset, (read.key, read.value, read.headers, read.timestamp))
}

/// Both logs of one pair, read whole by the test itself: target offsets of each source record's copies.
pub struct FullRead {
    /// Source offset and the target offsets of its copies, ascending.
    pub copies: BTreeMap<i64, Vec<i64>>,
    /// Target offsets of records that copy nothing.
    pub strangers: Vec<i64>,
    pub target_end: i64,
}

/// Only for workloads in which no two source records are equal.
pub fn full_read(lab: &Lab, topic: &str, target_topic: &str, partition: i32) -> FullRead {
    let read = |bootstrap: &str, topic: &str| {
        read_all(bootstrap, topic, partition, Isolation::ReadCommitted).expect("the partition is readable")
    };
    let mut by_content: HashMap<Content, i64> = HashMap::new();
    let mut copies = BTreeMap::new();
    for (offset, content) in read(&lab.source.bootstrap_servers(), topic).into_iter().map(content) {
        assert_eq!(by_content.insert(content, offset), None, "two source records are equal");
        copies.insert(offset, Vec::new());
    }
    let mut strangers = Vec::new();
    for (offset, content) in read(&lab.target.bootstrap_servers(), target_topic).into_iter().map(content) {
        match by_content.get(&content) {
            Some(source) => copies.get_mut(source).expect("inserted above").push(offset),
            None => strangers.push(offset),
        }
    }
    let ends = log_ends(&lab.target.bootstrap_servers(), target_topic).expect("the target's ends");
    FullRead { copies, strangers, target_end: ends[partition as usize].end }
}

impl FullRead {
    /// Records at or after `commit` that have copies, all before `resume`.
    pub fn skip(&self, commit: i64, resume: i64) -> u64 {
        let ahead = self.copies.range(commit..).map(|(_, copies)| copies);
        ahead.filter(|copies| !copies.is_empty() && copies.iter().all(|&t| t < resume)).count() as u64
    }

    /// Target records at or after `resume` that copy a record before `commit`.
    pub fn replay(&self, commit: i64, resume: i64) -> u64 {
        let before = self.copies.range(..commit).flat_map(|(_, copies)| copies);
        before.filter(|&&target| target >= resume).count() as u64
    }

    /// The lowest target offset of a copy of a record at or after `commit`.
    pub fn image(&self, commit: i64) -> i64 {
        self.copies.range(commit..).flat_map(|(_, copies)| copies).copied().min().unwrap_or(self.target_end)
    }
}

/// What a run says of one group at one partition. Whatever number it states is the one of an independent full read.
#[derive(Debug)]
pub struct Stated {
    pub group: String,
    pub partition: i32,
    pub state: String,
    /// In records.
    pub skip: Option<i64>,
    /// In records.
    pub replay: Option<i64>,
    pub image: Option<i64>,
}

impl Stated {
    /// Group, partition, state, and which numbers are stated.
    pub fn line(&self) -> String {
        let of = |name: &str, value: Option<i64>| value.map_or(String::new(), |_| format!(" {name}"));
        let numbers = [of("skip", self.skip), of("replay", self.replay), of("image", self.image)].concat();
        format!("{} {} {}{numbers}", self.group, self.partition, self.state)
    }
}

/// Every position in `run`, in order, with each number that it states held against an independent full read.
pub fn stated_positions(lab: &Lab, run: &Value, target_topic: impl Fn(&str) -> String) -> Vec<Stated> {
    let mut reads: HashMap<(String, i32), FullRead> = HashMap::new();
    let mut out = Vec::new();
    for group in run["groups"].as_array().expect("groups") {
        let name = group["group"].as_str().expect("a group id");
        for position in group["positions"].as_array().expect("positions") {
            let topic = position["topic"].as_str().expect("a topic").to_owned();
            let partition = position["partition"].as_i64().expect("a partition") as i32;
            let read = reads
                .entry((topic.clone(), partition))
                .or_insert_with(|| full_read(lab, &topic, &target_topic(&topic), partition));
            let number = |name: &str| position[name].as_i64();
            let (commit, resume) = (number("source_offset").expect("a commit"), number("target_offset"));
            let stated = Stated {
                group: name.to_owned(),
                partition,
                state: position["state"].as_str().expect("a state").to_owned(),
                skip: number("skip_records"),
                replay: number("replay_records"),
                image: number("image_offset"),
            };
            let place = || format!("of {name} at {topic}-{partition}: {position}");
            if stated.skip.is_some() || stated.replay.is_some() {
                let resume = resume.unwrap_or_else(|| panic!("counted without a resume offset, {}", place()));
                let skip = stated.skip.map(|_| read.skip(commit, resume) as i64);
                let replay = stated.replay.map(|_| read.replay(commit, resume) as i64);
                assert_eq!((stated.skip, stated.replay), (skip, replay), "skip and replay {}", place());
            }
            if let Some(image) = stated.image {
                assert_eq!(image, read.image(commit), "image {}", place());
            }
            out.push(stated);
        }
    }
    out
}

/// Every position in `run` states skip, replay and image, equal to an independent full read. Returns how many there are.
pub fn expect_positions(lab: &Lab, run: &Value, target_topic: impl Fn(&str) -> String) -> usize {
    let all = stated_positions(lab, run, target_topic);
    for stated in &all {
        let Stated { skip: Some(_), replay: Some(_), image: Some(_), .. } = stated else {
            panic!("not all is stated: {stated:?} in {}", run["groups"]);
        };
    }
    all.len()
}

/// The offsets that the group has committed on the target.
pub fn target_commits(lab: &Lab, group: &str, topic: &str, partitions: i32) -> Vec<Option<i64>> {
    let asked: Vec<(String, i32)> = (0..partitions).map(|partition| (topic.to_owned(), partition)).collect();
    committed_offsets(&lab.target.bootstrap_servers(), group, &asked).expect("the target answers")
}
