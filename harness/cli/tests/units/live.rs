//! A source that is still produced to, and a copy that follows it, while the run goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cutproof_testcontainers::EmbeddedCluster;
use serde_json::Value;

use crate::logs::{Found, Lab, Log, SHAPES, Shape, findings, produce_in_order, record};
use crate::support::config_at;
use crate::support::started::start;

/// Records of a topic when the run starts, and how far behind the copy is.
const AT_START: i64 = 600;
const BEHIND: i64 = 60;
const STEP: i64 = 20;
/// Never copied, and copied twice.
const LOST: i64 = 100;
const DOUBLED: i64 = 200;
/// Not copied either, but written after the source's end was taken.
const LOST_LATER: i64 = 7;

/// Both logs of one topic.
struct Flow {
    shape: Shape,
    logs: [Log; 2],
    produced: i64,
    copied: i64,
    /// Once the run waits for the target: records from here on lie after its end of the source.
    after: Option<i64>,
}

impl Flow {
    fn new(shape: Shape) -> Self {
        Self { shape, logs: Default::default(), produced: 0, copied: 0, after: None }
    }

    /// `count` more on the source, and the copy as far as it follows.
    fn go_on(&mut self, lab: &Lab, count: i64) {
        let new: Vec<i64> = (self.produced..self.produced + count).collect();
        self.logs[0].append(&lab.clusters[0], self.shape, 0, &new);
        self.produced += count;
        let after = self.after.unwrap_or(i64::MAX);
        let lost = |n: &i64| *n == LOST || *n >= after && n % LOST_LATER == 0;
        let mut copies: Vec<i64> = (self.copied..self.produced - BEHIND).filter(|n| !lost(n)).collect();
        if (self.copied..self.produced - BEHIND).contains(&DOUBLED) {
            copies.push(DOUBLED);
        }
        let all_before_copied = self.copied >= after;
        self.copied = self.produced - BEHIND;
        self.logs[1].append(&lab.clusters[1], self.shape, 1, &copies);
        if all_before_copied {
            // Of somebody else, in every partition of the target.
            for partition in 0..self.shape.partitions[1] {
                let stranger =
                    cutproof_testcontainers::PlainRecord { partition, ..record(1_000_000 + self.copied, 1) };
                produce_in_order(&lab.clusters[1], self.shape.topic, vec![stranger]);
                self.logs[1].0.entry(partition).or_default().push(-1);
            }
        }
    }

    fn expected(&self) -> Vec<Found> {
        let [source, target] = &self.logs;
        let found = |kind: &str, n, target| {
            let source = source.places(n)[0];
            (kind.to_owned(), self.shape.topic.to_owned(), None, Some(source), target)
        };
        let second = target.places(DOUBLED)[1];
        vec![found("duplicate_record", DOUBLED, Some(second)), found("missing_record", LOST, None)]
    }

    /// Whether the run states the range of each source partition, and the cut of each target partition: behind the last
    /// copy of a record in scope.
    fn expect_ranges(&self, run: &Value) {
        let [source, target] = &self.logs;
        let rows: Vec<&Value> = run["pairs"]
            .as_array()
            .expect("pairs")
            .iter()
            .filter(|row| row["source_topic"] == self.shape.topic && !row["source_partition"].is_null())
            .collect();
        assert_eq!(rows.len() as i32, self.shape.partitions[0]);
        let mut in_scope: Vec<i64> = Vec::new();
        for (partition, row) in rows.iter().enumerate() {
            let end = row["source_end_offset"].as_i64().expect("an end") as usize;
            let log = &source.0[&(partition as i32)];
            assert!(end < log.len(), "the source went on");
            in_scope.extend(&log[..end]);
            let lost = u64::from(log[..end].contains(&LOST));
            assert_eq!(row["source_records"], end as u64, "{row}");
            assert_eq!(row["matched"], end as u64 - lost, "{row}");
            assert_eq!((&row["pending"], &row["unverifiable"]), (&Value::from(0), &Value::from(0)), "{row}");
        }
        assert!(in_scope.contains(&(AT_START - 1)), "all that was there when the run started");
        let notes: String = rows.iter().map(|row| row["notes"].to_string()).collect();
        for (partition, numbers) in &target.0 {
            let last = numbers.iter().rposition(|n| in_scope.contains(n)).expect("a copy");
            let range = format!("{}-{partition} [0, {})", self.shape.topic, last + 1);
            assert!(notes.contains(&range), "{range} in {notes}");
            assert!(last + 1 < numbers.len(), "the copy went on");
        }
    }
}

#[test]
fn a_live_flow_is_judged_up_to_the_barrier_and_what_is_late_is_not_called_lost() {
    let lab = Lab::new();
    let mut flows = SHAPES.map(Flow::new);
    flows.iter_mut().for_each(|flow| flow.go_on(&lab, AT_START));
    let config = lab.config("fetch.wait.max.ms: \"10\"", "range: { start: earliest, settle: 8s }\n");
    let work = lab.work.path();
    let settles = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        let watched = scope.spawn({
            let (mut run, settles) = (start(work, &config), &settles);
            move || {
                run.wait_for("settle");
                settles.store(true, Ordering::SeqCst);
                run.end_within(Duration::from_secs(120), work)
            }
        });
        while !watched.is_finished() {
            for flow in &mut flows {
                if settles.load(Ordering::SeqCst) {
                    flow.after.get_or_insert(flow.produced);
                }
                flow.go_on(&lab, STEP);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        watched.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    ended.expect_code(10);
    let mut expected: Vec<Found> = flows.iter().flat_map(Flow::expected).collect();
    expected.sort();
    assert_eq!(findings(ended.directory.as_deref().expect("a directory")), expected, "{}", ended.stderr);
    flows.iter().for_each(|flow| flow.expect_ranges(&ended.run));
}

#[test]
fn strangers_that_stood_behind_the_last_copy_before_the_run_are_found_although_the_source_goes_on() {
    let lab = Lab::new();
    let all: Vec<i64> = (0..AT_START).collect();
    let mut expected: Vec<Found> = Vec::new();
    for shape in SHAPES {
        Log::default().append(&lab.clusters[0], shape, 0, &all);
        let mut target = Log::default();
        target.append(&lab.clusters[1], shape, 1, &all);
        for (&partition, numbers) in &target.0 {
            let stranger = cutproof_testcontainers::PlainRecord { partition, ..record(1_000_000, 1) };
            produce_in_order(&lab.clusters[1], shape.topic, vec![stranger]);
            let place = (partition, numbers.len() as i64);
            expected.push(("extraneous_record".to_owned(), shape.topic.to_owned(), None, None, Some(place)));
        }
    }
    expected.sort();
    let config = lab.config("fetch.wait.max.ms: \"10\"", "range: { start: earliest, settle: 8s }\n");
    let work = lab.work.path();
    let mut run = start(work, &config);
    run.wait_for("settle");
    for shape in SHAPES {
        produce_in_order(&lab.clusters[0], shape.topic, vec![record(AT_START, shape.partitions[0])]);
    }
    let ended = run.end_within(Duration::from_secs(120), work);
    ended.expect_code(10);
    assert_eq!(findings(ended.directory.as_deref().expect("a directory")), expected, "{}", ended.stderr);
}

#[test]
fn a_partition_whose_copy_loses_records_right_up_to_the_barrier_is_judged_all_the_same() {
    const LOST_EVERY: i64 = 5;
    let clusters = [(), ()].map(|()| EmbeddedCluster::start(1).expect("embedded brokers"));
    clusters.iter().for_each(|cluster| cluster.create_topic("plain", 1).expect("made"));
    let (mut produced, mut copied) = (0, 0);
    let mut go_on = |count: i64| {
        let new = produced..produced + count;
        let copies = (copied..new.end - BEHIND).filter(|n| n % LOST_EVERY != 0);
        (produced, copied) = (new.end, new.end - BEHIND);
        produce_in_order(&clusters[0], "plain", new.map(|n| record(n, 1)).collect());
        produce_in_order(&clusters[1], "plain", copies.map(|n| record(n, 1)).collect());
    };
    go_on(AT_START);
    let work = tempfile::tempdir().expect("a directory");
    let [source, target] = clusters.each_ref().map(EmbeddedCluster::bootstrap_servers);
    let more = "replication: { kind: none, policy: identity }\ntopics: { include: [plain] }\n\
                range: { start: earliest, settle: 8s }\n";
    let ended = std::thread::scope(|scope| {
        let run = start(work.path(), &config_at(source, target, "src", more));
        let watched = scope.spawn(|| run.end_within(Duration::from_secs(120), work.path()));
        while !watched.is_finished() {
            go_on(STEP);
            std::thread::sleep(Duration::from_millis(50));
        }
        watched.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    ended.expect_code(10);
    let end = ended.run["pairs"][0]["source_end_offset"].as_i64().expect("an end");
    assert!(end >= AT_START);
    let expected: Vec<Found> = (0..end)
        .filter(|n| n % LOST_EVERY == 0)
        .map(|n| ("missing_record".to_owned(), "plain".to_owned(), None, Some((0, n)), None))
        .collect();
    let mut found = findings(ended.directory.as_deref().expect("a directory"));
    found.sort_by_key(|found| found.3);
    assert_eq!(found, expected);
    let totals = &ended.run["totals"];
    assert_eq!((&totals["pending"], &totals["unverifiable"]), (&Value::from(0), &Value::from(0)));
}
