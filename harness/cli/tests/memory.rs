//! The promise about memory: the binary's own peak, as the kernel counts it, over more records than fit into the limit,
//! with one record lost early. Two embedded clusters; their logs are compressed, so that they hold so many.
#![cfg(target_os = "linux")]

mod support;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cutproof_testcontainers::{Compression, EmbeddedCluster, PlainRecord, ProduceOptions, produce_with};
use serde_json::Value;
use support::{Ended, FoundAt, config_at};

/// Of each topic, on the source.
const RECORDS: i64 = 300_000;
/// Its copy is lost.
const LOST: i64 = 1_000;
const MIB: u64 = 1 << 20;

/// A topic, what its contract promises, and its partitions: source, target.
#[derive(Clone, Copy)]
struct Shape {
    topic: &'static str,
    contract: &'static str,
    partitions: [i64; 2],
    one_key: bool,
}

const IN_ORDER: Shape = Shape { topic: "plain", contract: "", partitions: [1, 1], one_key: false };
const ONE_KEY: Shape =
    Shape { topic: "hot", contract: "partitions: by_key", partitions: [2, 3], one_key: true };
const MANY_KEYS: Shape = Shape { topic: "spread", one_key: false, ..ONE_KEY };

impl Shape {
    /// Record `n`, of about 100 bytes, where `side` has it.
    fn record(self, n: i64, side: usize) -> PlainRecord {
        let key = if self.one_key { 1 } else { n };
        PlainRecord {
            partition: (key % self.partitions[side]) as i32,
            key: Some(format!("key {key}").into_bytes()),
            value: Some(format!("{n:0100}").into_bytes()),
            headers: vec![],
            timestamp: 1_793_606_400_000 + n,
        }
    }

    /// Partition and offset of the lost record on the source.
    fn place_of_lost(self) -> (i32, i64) {
        let partition = self.record(LOST, 0).partition;
        let before = (0..LOST).filter(|&n| self.record(n, 0).partition == partition).count();
        (partition, before as i64)
    }

    fn fill(self, clusters: &[EmbeddedCluster; 2]) {
        let properties = [("enable.idempotence", "false"), ("max.in.flight.requests.per.connection", "1")];
        let options = ProduceOptions {
            compression: Compression::Gzip,
            properties: properties.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        };
        for (side, cluster) in clusters.iter().enumerate() {
            cluster.create_topic(self.topic, self.partitions[side] as i32).expect("made");
            let records = (0..RECORDS).filter(|&n| side == 0 || n != LOST).map(|n| self.record(n, side));
            produce_with(cluster.bootstrap_servers(), self.topic, &options, records).expect("produced");
        }
    }
}

/// Runs the binary; its end, and the most bytes of memory that it had.
fn run(work: &Path, config: &str) -> (Ended, u64) {
    let (file, said, answer) = (work.join("cutproof.yaml"), work.join("stderr"), work.join("stdout"));
    std::fs::write(&file, config).expect("the configuration is written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_cutproof"))
        .args(["run", "-o", "json", "-c"])
        .arg(&file)
        .arg("--out")
        .arg(work.join("out"))
        .stdout(File::create(&answer).expect("made"))
        .stderr(File::create(&said).expect("made"))
        .spawn()
        .expect("the binary starts");
    // It only grows: what is missed is what the last milliseconds add.
    let mut peak = 0;
    while child.try_wait().expect("a child").is_none() {
        peak = peak.max(peak_of(child.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(5));
    }
    let status = child.wait().expect("ended");
    let read = |path: &PathBuf| std::fs::read_to_string(path).expect("readable");
    let run: Value = serde_json::from_str(&read(&answer)).unwrap_or(Value::Null);
    let directory = run["run_id"].as_str().map(|id| work.join("out").join(id));
    (Ended { code: status.code().unwrap_or(-1), run, stderr: read(&said), directory }, peak)
}

/// Bytes of memory that a process had at most since it began; `None` where it has ended.
fn peak_of(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[test]
fn one_record_lost_early_is_found_within_the_memory_that_is_promised() {
    let clusters = [(), ()].map(|()| EmbeddedCluster::start(1).expect("embedded brokers"));
    let work = tempfile::tempdir().expect("a directory");
    for shape in [IN_ORDER, ONE_KEY, MANY_KEYS] {
        shape.fill(&clusters);
    }
    // With the last of these, a key that was solved in memory would not fit.
    let runs = [
        (IN_ORDER, "256MiB", 256 * MIB),
        (MANY_KEYS, "256MiB", 256 * MIB),
        (ONE_KEY, "256MiB", 256 * MIB),
        (ONE_KEY, "32MiB", 128 * MIB),
    ];
    for (shape, memory, most) in runs {
        let Shape { topic, contract, .. } = shape;
        let contracts = match contract {
            "" => String::new(),
            contract => format!("contracts:\n  - {{ topics: [{topic}], {contract} }}\n"),
        };
        let [source, target] = clusters.each_ref().map(EmbeddedCluster::bootstrap_servers);
        let more = format!(
            "replication: {{ kind: none, policy: identity }}\ntopics: {{ include: [{topic}] }}\n{contracts}\
             range: {{ start: earliest, settle: 500ms }}\nlimits: {{ memory: {memory} }}\n"
        );
        let (ended, peak) = run(work.path(), &config_at(source, target, "src", &more));
        ended.expect_code(10);
        let lost: FoundAt = ("missing_record".to_owned(), Some(shape.place_of_lost()), None);
        assert_eq!(ended.findings(), [lost], "{topic}, {memory}");
        let totals = &ended.run["totals"];
        let counts = ["source_records", "target_records", "matched"].map(|name| totals[name].as_i64());
        assert_eq!(counts, [Some(RECORDS), Some(RECORDS - 1), Some(RECORDS - 1)], "{topic}, {memory}");
        assert!(peak > 0 && peak <= most, "{topic}, {memory}: {} MiB", peak / MIB);
    }
}
