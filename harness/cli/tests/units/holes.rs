//! Offsets of a unit that are gone when they are read: named, not judged, never missing and never a match.

use std::time::Duration;

use cutproof_testcontainers::{
    EMBEDDED_PARTITION_BYTES, EmbeddedCluster, PlainRecord, ProduceOptions, produce_with,
};
use serde_json::Value;

use crate::logs::{Lab, SHAPES, Shape, record};
use crate::support::Ended;
use crate::support::started::start;

const RECORDS: i64 = 1_200;
/// Never copied, where the target loses records: that nobody can tell.
const LOST: i64 = 40;

/// One batch for each record, so that a slow broker takes long: it gives one batch of a partition at a time.
fn produce_small(cluster: &EmbeddedCluster, shape: Shape, side: usize, numbers: impl Iterator<Item = i64>) {
    let small = ProduceOptions {
        properties: vec![("batch.num.messages".to_owned(), "1".to_owned())],
        ..ProduceOptions::default()
    };
    let records = numbers.map(|n| record(n, shape.partitions[side]));
    produce_with(cluster.bootstrap_servers(), shape.topic, &small, records).expect("produced");
}

/// So much is written to each partition that the broker keeps nothing of what was there.
fn push_out(cluster: &EmbeddedCluster, side: usize) {
    const RECORD: usize = 512 << 10;
    for shape in SHAPES {
        let large = (0..shape.partitions[side]).flat_map(|partition| {
            (0..EMBEDDED_PARTITION_BYTES / RECORD + 2).map(move |_| PlainRecord {
                partition,
                value: Some(vec![b'x'; RECORD]),
                ..record(1, 1)
            })
        });
        produce_with(cluster.bootstrap_servers(), shape.topic, &ProduceOptions::default(), large)
            .expect("produced");
    }
}

/// The side loses its records while the run reads it.
fn run_that_loses(side: usize) -> Ended {
    let lab = Lab::new();
    for shape in SHAPES {
        produce_small(&lab.clusters[0], shape, 0, 0..RECORDS);
        produce_small(&lab.clusters[1], shape, 1, (0..RECORDS).filter(|&n| side == 0 || n != LOST));
    }
    let slow = lab.clusters[side].mock();
    slow.broker_round_trip_time(1, Duration::from_millis(100)).expect("slow");
    let config = lab.config(
        "fetch.message.max.bytes: \"500\", queued.min.messages: \"1\"",
        "range: { start: earliest, settle: 1s }\n",
    );
    let mut run = start(lab.work.path(), &config);
    // There are no pairs to be judged before the units are read.
    run.wait_for("judge");
    std::thread::sleep(Duration::from_secs(2));
    push_out(&lab.clusters[side], side);
    slow.broker_round_trip_time(1, Duration::ZERO).expect("quick");
    let ended = run.end_within(Duration::from_secs(120), lab.work.path());
    ended.expect_code(12);
    assert_eq!((&ended.run["verdict"], ended.findings()), (&Value::from("inconclusive"), vec![]));
    let reasons = ended.run["reasons"].to_string();
    let name = ["source", "target"][side];
    for shape in SHAPES {
        for partition in 0..shape.partitions[side] {
            let partition = format!("{}-{partition} of the {name}", shape.topic);
            // All of what was to be read, or what had gone by the time that it was asked for.
            let gone = [" no longer holds offset", ": offsets "].map(|words| format!("{partition}{words}"));
            assert!(gone.iter().any(|gone| reasons.contains(gone)), "{gone:?} in {reasons}");
        }
        let rows: Vec<&Value> = ended.run["pairs"]
            .as_array()
            .expect("pairs")
            .iter()
            .filter(|row| row["source_topic"] == shape.topic)
            .collect();
        let sum = |name: &str| rows.iter().map(|row| row[name].as_u64().expect("a number")).sum::<u64>();
        let [source, target] = ["source_records", "target_records"].map(sum);
        // Every record that was read is in one column.
        assert_eq!((sum("pending"), sum("matched") * 2 + sum("unverifiable")), (0, source + target));
        assert!(sum("unverifiable") > 0 && [source, target][1 - side] >= RECORDS as u64 - 1, "{rows:?}");
    }
    ended
}

/// Records before and behind large ones, which are deleted with the first of these while the source is read.
#[test]
fn behind_records_that_are_deleted_before_they_are_read_the_others_are_read_and_judged() {
    const LARGE: usize = 512 << 10;
    let shape = SHAPES[1];
    let large = |numbers: std::ops::Range<i64>| {
        (0..shape.partitions[0]).flat_map(move |partition| {
            numbers.clone().map(move |n| PlainRecord {
                partition,
                value: Some(vec![b'x'; LARGE]),
                ..record(1_000_001 + n, 1)
            })
        })
    };
    let lab = Lab::new();
    for (side, cluster) in lab.clusters.iter().enumerate() {
        produce_small(cluster, shape, side, 0..RECORDS);
        // One more does not fit.
        produce_with(cluster.bootstrap_servers(), shape.topic, &ProduceOptions::default(), large(0..9))
            .expect("produced");
        produce_small(cluster, shape, side, RECORDS..2 * RECORDS);
    }
    let source = &lab.clusters[0];
    source.mock().broker_round_trip_time(1, Duration::from_millis(100)).expect("slow");
    let config = lab.config_of(
        &[shape],
        "fetch.message.max.bytes: \"500\", queued.min.messages: \"1\"",
        "range: { start: earliest, settle: 1s }\n",
    );
    let mut run = start(lab.work.path(), &config);
    run.wait_for("judge");
    std::thread::sleep(Duration::from_secs(2));
    produce_with(source.bootstrap_servers(), shape.topic, &ProduceOptions::default(), large(20..22))
        .expect("produced");
    source.mock().broker_round_trip_time(1, Duration::ZERO).expect("quick");
    let ended = run.end_within(Duration::from_secs(120), lab.work.path());
    ended.expect_code(12);
    assert_eq!((&ended.run["verdict"], ended.findings()), (&Value::from("inconclusive"), vec![]));
    let reasons = ended.run["reasons"].to_string();
    for partition in 0..shape.partitions[0] {
        let named = format!("{}-{partition} of the source: offsets ", shape.topic);
        assert!(reasons.contains(&named) && reasons.contains("retention has deleted them"), "{reasons}");
    }
    let total = |name: &str| ended.run["totals"][name].as_i64().expect("a number");
    assert!(total("matched") > RECORDS && total("unverifiable") > 0, "{}", ended.run["totals"]);
    assert_eq!(total("pending"), 0);
    let columns = total("matched") * 2 + total("unverifiable");
    assert_eq!(columns, total("source_records") + total("target_records"));
}

#[test]
fn source_records_that_are_gone_when_they_are_read_make_nothing_extraneous() {
    let ended = run_that_loses(0);
    assert!(ended.run["totals"]["source_records"].as_u64() < Some(3 * RECORDS as u64));
}

#[test]
fn target_records_that_are_gone_when_they_are_read_make_nothing_missing() {
    let ended = run_that_loses(1);
    assert_eq!(ended.run["totals"]["source_records"], 3 * RECORDS);
}
