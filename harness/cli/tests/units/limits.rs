//! Little memory, and less disk than is needed: neither may change a result, only end it.

use cutproof_reports::{RunManifest, read_manifest};
use serde_json::Value;

use crate::logs::{Found, Lab, Log, SHAPES, Shape, findings};
use crate::support::{Ended, cutproof_run};

const RECORDS: i64 = 20_000;
const EARLIEST: &str = "range: { start: earliest, settle: 500ms }\n";

/// Everything a run says of the records; not what belongs to the one run.
fn said(directory: &std::path::Path) -> (RunManifest, Vec<Found>) {
    let mut manifest = read_manifest(directory).expect("run.json");
    for own in [
        &mut manifest.run_id,
        &mut manifest.started_at,
        &mut manifest.finished_at,
        &mut manifest.config_digest,
    ] {
        own.clear();
    }
    manifest.barrier = Default::default();
    manifest.files.clear();
    (manifest, findings(directory))
}

/// A copy that lost, doubled, moved and added records all over, the first records of every key among them.
fn careless_copy() -> Vec<i64> {
    let mut copy: Vec<i64> = (0..RECORDS).filter(|n| n % 97 != 5).collect();
    for at in (30..copy.len()).step_by(101) {
        copy.swap(at, at - 23);
    }
    let block = copy[1_000..1_060].to_vec();
    copy.splice(1_200..1_200, block);
    for foreign in 0..20 {
        copy.insert(200 * foreign as usize, RECORDS + foreign);
    }
    copy
}

#[test]
fn little_memory_changes_nothing_and_too_little_disk_ends_inconclusive_with_all_counted() {
    let lab = Lab::new();
    for shape in SHAPES {
        let numbers: Vec<i64> = (0..RECORDS).collect();
        Log::default().append(&lab.clusters[0], shape, 0, &numbers);
        Log::default().append(&lab.clusters[1], shape, 1, &careless_copy());
    }
    let run = |topics: &[Shape], limits: &str| {
        let more = format!("{EARLIEST}limits: {{ {limits} }}\n");
        cutproof_run(lab.work.path(), &lab.config_of(topics, "fetch.wait.max.ms: \"10\"", &more))
    };
    let plenty = run(&SHAPES, "memory: 256MiB");
    plenty.expect_code(10);
    let expected = said(plenty.directory.as_deref().expect("a directory"));
    assert!(expected.1.len() > 3 * 200, "{} findings", expected.1.len());
    assert_eq!(expected.0.totals.source_records, 3 * RECORDS as u64);

    // Room for the records without a key that wait for their copies, which order: key holds in memory.
    let little = run(&SHAPES, "memory: 512KiB");
    little.expect_code(10);
    let found = said(little.directory.as_deref().expect("a directory"));
    assert_eq!(found.1, expected.1);
    assert_eq!(found.0, expected.0);

    let full = run(&SHAPES[..1], "memory: 1KiB, spill: 4KiB");
    full.expect_code(12);
    assert_eq!((&full.run["verdict"], full.findings()), (&Value::from("inconclusive"), vec![]));
    expect_given_up(&full, &expected.1, 1);
    // Of several, what had been read before there was no room is judged all the same.
    let full = run(&SHAPES[1..], "memory: 1KiB, spill: 4KiB");
    assert_ne!(full.run["verdict"], "match");
    expect_given_up(&full, &expected.1, 2);
}

/// At least so many units are not judged, for want of room: each of their records counts as unverifiable. Of the others all
/// is found that a run with room finds.
fn expect_given_up(ended: &Ended, all: &[Found], least: usize) {
    let reasons = ended.run["reasons"].to_string();
    assert!(reasons.contains("limits.spill (4096 bytes) is used up"), "{reasons}");
    let mut judged = Vec::new();
    let mut given_up = 0;
    for shape in SHAPES {
        let rows = ended.run["pairs"].as_array().expect("pairs").iter();
        let rows: Vec<&Value> = rows.filter(|row| row["target_topic"] == shape.topic).collect();
        // Each row of a topic that keeps its partitions is a unit.
        let units: Vec<&[&Value]> = match shape.partitions {
            [source, target] if source == target => rows.chunks(1).collect(),
            _ => rows.chunks(rows.len().max(1)).collect(),
        };
        for unit in units {
            let sum = |name: &str| unit.iter().map(|row| row[name].as_u64().expect("a number")).sum::<u64>();
            let [matched, unverifiable, source, target] =
                ["matched", "unverifiable", "source_records", "target_records"].map(sum);
            if unverifiable == 0 {
                judged.push((shape.topic.to_owned(), unit[0]["source_partition"].as_i64()));
                continue;
            }
            given_up += 1;
            assert!(source + target > 0);
            assert_eq!((matched, unverifiable), (0, source + target), "{unit:?}");
        }
    }
    assert!(given_up >= least, "{given_up} of the units: {}", ended.run["pairs"]);
    let of_judged = all.iter().filter(|(_, topic, _, source, target)| {
        let partition = source.or(*target).map(|(partition, _)| i64::from(partition));
        judged.contains(&(topic.clone(), partition))
    });
    assert_eq!(
        findings(ended.directory.as_deref().expect("a directory")),
        of_judged.cloned().collect::<Vec<_>>()
    );
}
