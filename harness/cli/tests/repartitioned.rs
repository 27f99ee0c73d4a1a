//! Topics whose records change partitions or order, end to end: the binary against two embedded clusters, held against
//! counting over every copy.

use std::path::PathBuf;
use std::process::Command;

use cutproof_reports::{PositionState, PositionSummary, RunManifest, Verdict, read_findings, read_manifest};
use cutproof_testcontainers::{
    Commit, EmbeddedCluster, PlainRecord, ProduceOptions, commit_offsets, produce_with,
};

/// A record with the number that tells whose copy it is.
#[derive(Clone, Debug)]
struct Copy {
    of: usize,
    record: PlainRecord,
}

/// Two embedded clusters and a place for the run.
struct Lab {
    source: EmbeddedCluster,
    target: EmbeddedCluster,
    work: tempfile::TempDir,
}

/// What a run left.
struct Left {
    code: Option<i32>,
    said: String,
    run: RunManifest,
    directory: PathBuf,
}

impl Lab {
    fn new() -> Self {
        Self {
            source: EmbeddedCluster::start(1).expect("a source"),
            target: EmbeddedCluster::start(1).expect("a target"),
            work: tempfile::tempdir().expect("a directory"),
        }
    }

    fn run(&self, more: &str) -> Left {
        let file = self.work.path().join("cutproof.yaml");
        let config = format!(
            "apiVersion: cutproof/v1\nkind: Proof\n\
             source: {{ alias: src, bootstrap_servers: \"{}\" }}\n\
             target: {{ alias: dst, bootstrap_servers: \"{}\" }}\n{more}",
            self.source.bootstrap_servers(),
            self.target.bootstrap_servers()
        );
        std::fs::write(&file, config).expect("written");
        let out = tempfile::tempdir_in(self.work.path()).expect("a directory").keep();
        let output = Command::new(env!("CARGO_BIN_EXE_cutproof"))
            .args(["run", "-c"])
            .arg(file)
            .arg("--out")
            .arg(&out)
            .output()
            .expect("the binary starts");
        let said = format!(
            "{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let directory = std::fs::read_dir(&out).expect("the out directory").next();
        let directory = directory.unwrap_or_else(|| panic!("no run: {said}")).expect("an entry").path();
        let run = read_manifest(&directory).unwrap_or_else(|error| panic!("{error}\n{said}"));
        Left { code: output.status.code(), said, run, directory }
    }
}

/// In order, as one partition leader would append them.
fn fill(cluster: &EmbeddedCluster, topic: &str, partitions: i32, records: &[Copy]) {
    cluster.create_topic(topic, partitions).expect("made");
    let properties = [("enable.idempotence", "false"), ("max.in.flight.requests.per.connection", "1")];
    let options = ProduceOptions {
        properties: properties.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..ProduceOptions::default()
    };
    let records = records.iter().map(|copy| copy.record.clone());
    produce_with(cluster.bootstrap_servers(), topic, &options, records).expect("produced");
}

/// Record `of`: its key is `of % 23`, every eleventh has none. All its copies are equal to it.
fn record(of: usize, partitions: i32) -> Copy {
    let key = of % 23;
    Copy {
        of,
        record: PlainRecord {
            partition: ((key * 7 + key / 3) as i32) % partitions,
            key: (!of.is_multiple_of(11)).then(|| format!("key {key}").into_bytes()),
            value: Some(format!("value {of}").into_bytes()),
            headers: vec![],
            timestamp: 1_793_606_400_000 + of as i64,
        },
    }
}

fn records(count: usize, partitions: i32) -> Vec<Copy> {
    (0..count).map(|of| record(of, partitions)).collect()
}

/// Offset of each record in its partition.
fn offsets(records: &[Copy]) -> Vec<i64> {
    let mut next = std::collections::HashMap::new();
    let offset = |copy: &Copy| {
        let next = next.entry(copy.record.partition).or_insert(0);
        *next += 1;
        *next - 1
    };
    records.iter().map(offset).collect()
}

/// `partition@offset` of record `of` in a log; the last one where there are several.
fn place(log: &[Copy], of: usize) -> Option<(i32, i64)> {
    let all = offsets(log);
    let at = log.iter().rposition(|copy| copy.of == of)?;
    Some((log[at].record.partition, all[at]))
}

type Found = (String, Option<(String, i32, i64)>, Option<(i32, i64)>);

fn findings(left: &Left) -> Vec<Found> {
    let mut found: Vec<Found> = read_findings(&left.directory)
        .expect("readable")
        .into_iter()
        .map(|finding| {
            let source = finding.source.map(|place| (place.topic, place.partition, place.offset));
            let target = finding.target.map(|place| (place.partition, place.offset));
            (finding.kind.to_string(), source, target)
        })
        .collect();
    found.sort();
    found
}

/// Skip, replay and image of each target partition by counting over every copy, against the run's.
fn expect_positions(left: &Left, logs: [&[Copy]; 2], commits: &[i64], resumes: &[i64]) {
    let [source, target] = logs;
    let (source_offsets, target_offsets) = (offsets(source), offsets(target));
    let ahead = |of: usize| {
        let at = source.iter().position(|copy| copy.of == of)?;
        Some(source_offsets[at] >= commits[source[at].record.partition as usize])
    };
    let copies: Vec<(i32, i64, Option<bool>)> = target
        .iter()
        .zip(&target_offsets)
        .map(|(copy, &offset)| (copy.record.partition, offset, ahead(copy.of)))
        .collect();
    let rows: Vec<&PositionSummary> = left.run.groups[0].positions.iter().collect();
    let own: Vec<&&PositionSummary> = rows.iter().filter(|row| row.target_partition.is_none()).collect();
    let committed: Vec<Option<i64>> = own.iter().map(|row| row.source_offset).collect();
    assert_eq!(committed, commits.iter().copied().map(Some).collect::<Vec<_>>(), "{}", left.said);
    assert!(own.iter().all(|row| row.missing_records == Some(0)), "{rows:?}");
    for (partition, &resume) in (0..).zip(resumes) {
        let here = |wanted: bool| {
            let of_partition = copies.iter().filter(move |(at, ..)| *at == partition);
            of_partition.filter(move |(.., ahead)| *ahead == Some(wanted)).map(|(_, offset, _)| *offset)
        };
        // No record has a second copy here, so that each counts where it lies.
        let skip = here(true).filter(|&offset| offset < resume).count() as u64;
        let replay = here(false).filter(|&offset| offset >= resume).count() as u64;
        let end = copies.iter().filter(|(at, ..)| *at == partition).count() as i64;
        let image = here(true).min().unwrap_or(end);
        let row = rows.iter().find(|row| row.target_partition == Some(partition)).expect("a row");
        let stated = (row.target_offset, row.skip_records, row.replay_records, row.image_offset);
        assert_eq!(
            stated,
            (Some(resume), Some(skip), Some(replay), Some(image)),
            "partition {partition}: {row:?}"
        );
    }
}

fn commit(cluster: &EmbeddedCluster, topic: &str, offsets: &[i64]) {
    let commits: Vec<Commit> =
        (0..).zip(offsets).map(|(partition, &offset)| Commit::new(topic, partition, offset)).collect();
    commit_offsets(cluster.bootstrap_servers(), "billing", &commits).expect("committed");
}

/// The lowest offset of each partition whose record comes at or after `from`.
fn at_record(log: &[Copy], partitions: i32, from: usize) -> Vec<i64> {
    (0..partitions)
        .map(|partition| {
            let own = log.iter().filter(|copy| copy.record.partition == partition);
            own.filter(|copy| copy.of < from).count() as i64
        })
        .collect()
}

const BY_KEY: &str = "replication: { kind: group_commits, policy: identity }\n\
                      topics: { include: [\"orders\"] }\ngroups: { include: [\"billing\"] }\n\
                      range: { settle: 500ms }\ncontracts: [{ partitions: by_key }]\n";

#[test]
fn a_topic_with_twice_the_partitions_matches_and_its_groups_are_counted_exactly() {
    let lab = Lab::new();
    let (source, target) = (records(900, 4), records(900, 8));
    fill(&lab.source, "orders", 4, &source);
    fill(&lab.target, "orders", 8, &target);
    let commits = at_record(&source, 4, 500);
    commit(&lab.source, "orders", &commits);

    // Where the group stands: nothing is skipped or done again.
    let resumes = at_record(&target, 8, 500);
    commit(&lab.target, "orders", &resumes);
    let left = lab.run(BY_KEY);
    assert_eq!((left.code, left.run.verdict), (Some(0), Verdict::Match), "{}", left.said);
    assert_eq!(findings(&left), []);
    expect_positions(&left, [&source, &target], &commits, &resumes);
    let skip: u64 = left.run.groups[0].positions.iter().filter_map(|row| row.skip_records).sum();
    assert_eq!(skip, 0);
    let csv = std::fs::read_to_string(left.directory.join("resume_offsets.csv")).expect("readable");
    assert_eq!(csv.lines().count(), 8, "{csv}");
    // In scope is what the group has not read, and it is spread over the rows of the source partitions.
    let rows = &left.run.pairs;
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert!(rows.iter().all(|row| row.source_partition.is_some() && row.target_partition.is_none()));
    assert_eq!((left.run.totals.source_records, left.run.totals.target_records), (400, 400));
    assert_eq!(left.run.totals.matched, 400);

    // Elsewhere: some records before it again, some after it never.
    let resumes: Vec<i64> =
        resumes.iter().enumerate().map(|(at, resume)| if at < 4 { resume - 9 } else { resume + 5 }).collect();
    commit(&lab.target, "orders", &resumes);
    let left = lab.run(BY_KEY);
    assert_eq!((left.code, left.run.verdict), (Some(10), Verdict::Match), "{}", left.said);
    expect_positions(&left, [&source, &target], &commits, &resumes);
}

#[test]
fn every_defect_in_a_repartitioned_topic_is_found_and_nothing_else() {
    let lab = Lab::new();
    let source = records(900, 4);
    let mut target = records(900, 8);
    let at = |target: &[Copy], of: usize| target.iter().position(|copy| copy.of == of).expect("there");
    // In scope, keyed, and each of another key.
    let [lost, doubled, changed] = [552, 601, 650];
    let (first, second) = (700, 700 + 23);
    let one = at(&target, first);
    let other = at(&target, second);
    target.swap(one, other);
    let copy = target[at(&target, doubled)].clone();
    target.insert(at(&target, 800), copy);
    let here = at(&target, changed);
    target[here].record.value = Some(b"changed".to_vec());
    let mut stranger = record(10_000, 8);
    stranger.record.key = Some(b"nobody".to_vec());
    target.insert(at(&target, 820), stranger);
    let here = at(&target, lost);
    target.remove(here);
    fill(&lab.source, "orders", 4, &source);
    fill(&lab.target, "orders", 8, &target);
    commit(&lab.source, "orders", &at_record(&source, 4, 500));
    commit(&lab.target, "orders", &at_record(&target, 8, 500));
    let left = lab.run(BY_KEY);
    assert_eq!((left.code, left.run.verdict), (Some(10), Verdict::Divergent), "{}", left.said);
    let on_source = |of: usize| {
        let (partition, offset) = place(&source, of).expect("there");
        Some(("orders".to_owned(), partition, offset))
    };
    let on_target = |of: usize| Some(place(&target, of).expect("there"));
    let mut expected: Vec<Found> = vec![
        ("missing_record".to_owned(), on_source(lost), None),
        ("duplicate_record".to_owned(), on_source(doubled), on_target(doubled)),
        ("mismatched_record".to_owned(), on_source(changed), on_target(changed)),
        ("extraneous_record".to_owned(), None, on_target(10_000)),
        // The leftmost explanation: the first one was moved behind the second.
        ("reordered_record".to_owned(), on_source(second), on_target(second)),
    ];
    expected.sort();
    assert_eq!(findings(&left), expected, "{}", left.said);
    let strays: Vec<_> = left.run.pairs.iter().filter(|row| row.source_partition.is_none()).collect();
    assert_eq!(strays.len(), 1);
    assert_eq!((strays[0].counts.source_records, strays[0].counts.target_records), (0, 1));
    let missing: u64 = left.run.groups[0].positions.iter().filter_map(|row| row.missing_records).sum();
    assert_eq!(missing, 1);
}

#[test]
fn a_stranger_is_found_although_a_record_of_its_key_from_before_the_scope_was_never_copied() {
    const STRANGER: usize = 5_000;
    let of_one_key = |copy: Copy| {
        let record = PlainRecord { key: Some(b"once".to_vec()), ..copy.record };
        Copy { record, ..copy }
    };
    let lab = Lab::new();
    let mut source = records(1_000, 3);
    source[37] = of_one_key(source[37].clone());
    let mut target: Vec<Copy> = (500..1_000).map(|of| record(of, 5)).collect();
    target.insert(400, of_one_key(record(STRANGER, 5)));
    fill(&lab.source, "orders", 3, &source);
    fill(&lab.target, "orders", 5, &target);
    commit(&lab.source, "orders", &at_record(&source, 3, 800));
    commit(&lab.target, "orders", &at_record(&target, 5, 800));
    let left = lab.run(BY_KEY);
    let extraneous = ("extraneous_record".to_owned(), None, place(&target, STRANGER));
    assert_eq!((findings(&left), left.code), (vec![extraneous], Some(10)), "{}", left.said);
}

#[test]
fn a_group_without_a_commit_on_one_partition_of_a_repartitioned_topic_is_not_called_safe() {
    let lab = Lab::new();
    let (source, target) = (records(400, 3), records(400, 5));
    fill(&lab.source, "orders", 3, &source);
    fill(&lab.target, "orders", 5, &target);
    // It has read nothing of the second partition, whose records lie among the others on the target.
    let commits = at_record(&source, 3, 300);
    let offsets = [(0, commits[0]), (2, commits[2])];
    let commits: Vec<Commit> =
        offsets.map(|(partition, offset)| Commit { topic: "orders".to_owned(), partition, offset }).to_vec();
    commit_offsets(lab.source.bootstrap_servers(), "billing", &commits).expect("committed");
    commit(&lab.target, "orders", &at_record(&target, 5, 300));
    let left = lab.run(BY_KEY);
    assert_eq!((left.run.verdict, left.code), (Verdict::Inconclusive, Some(12)), "{}", left.said);
    let positions = &left.run.groups[0].positions;
    assert!(positions.iter().all(|row| row.image_offset.is_none() && row.skip_records.is_none()));
    assert!(positions.iter().all(|row| row.detail.contains("no commit on orders-1")), "{positions:?}");
}

#[test]
fn of_a_group_that_has_committed_on_the_target_only_nothing_is_counted_whatever_order_is_promised() {
    let lab = Lab::new();
    let all = records(300, 2);
    fill(&lab.source, "orders", 2, &all);
    fill(&lab.target, "orders", 2, &all);
    let resumes = at_record(&all, 2, 100);
    commit(&lab.target, "orders", &resumes);
    for promise in ["partitions: by_key", "order: key", "order: partition"] {
        let more = BY_KEY.replace("partitions: by_key", promise);
        let left = lab.run(&more.replace("settle: 500ms", "start: earliest, settle: 500ms"));
        assert_eq!((left.run.verdict, left.code), (Verdict::Inconclusive, Some(12)), "{}", left.said);
        let positions = &left.run.groups[0].positions;
        let stated: Vec<_> = positions
            .iter()
            .map(|row| (row.target_partition, row.source_offset, row.target_offset))
            .collect();
        assert_eq!(
            stated,
            [(Some(0), None, Some(resumes[0])), (Some(1), None, Some(resumes[1]))],
            "{promise}"
        );
        for row in positions {
            assert_eq!(row.state, PositionState::NoSourceCommit, "{promise}: {row:?}");
            let counts = [row.skip_records, row.replay_records, row.missing_records];
            assert_eq!((counts, row.image_offset), ([None; 3], None), "{promise}: {row:?}");
        }
        let reason = format!("own commit there, {}", resumes[1]);
        let named = |said: &&String| said.starts_with("group billing at orders-1") && said.contains(&reason);
        assert!(left.run.reasons.iter().any(|said| named(&said)), "{promise}: {:?}", left.run.reasons);
        let csv = std::fs::read_to_string(left.directory.join("resume_offsets.csv")).expect("readable");
        assert_eq!(csv, "", "{promise}");
    }
}

#[test]
fn two_topics_in_one_are_compared_with_it_and_refused_without_the_contract() {
    let lab = Lab::new();
    let all = records(600, 3);
    let (first, second): (Vec<Copy>, Vec<Copy>) = all.iter().cloned().partition(|copy| copy.of % 23 < 12);
    let mut merged = records(600, 5);
    fill(&lab.source, "one", 3, &first);
    fill(&lab.source, "two", 3, &second);
    // A record without a key may be anywhere.
    let keyless = merged.iter().position(|copy| copy.of == 22 * 11).expect("there");
    assert_eq!(merged[keyless].record.key, None);
    let mut moved = merged.remove(keyless);
    moved.record.partition = (moved.record.partition + 1) % 5;
    merged.push(moved);
    let lost = 300;
    merged.retain(|copy| copy.of != lost);
    fill(&lab.target, "both", 5, &merged);
    let more = "replication: { kind: none, policy: identity, topic_map: { one: both, two: both } }\n\
                topics: { include: [\"one\", \"two\"] }\nrange: { start: earliest, settle: 500ms }\n";
    let left = lab.run(&format!("{more}contracts: [{{ partitions: by_key }}]\n"));
    assert_eq!((left.code, left.run.verdict), (Some(10), Verdict::Divergent), "{}", left.said);
    let (topic, log) = if lost % 23 < 12 { ("one", &first) } else { ("two", &second) };
    let (partition, offset) = place(log, lost).expect("there");
    let expected: Vec<Found> =
        vec![("missing_record".to_owned(), Some((topic.to_owned(), partition, offset)), None)];
    assert_eq!(findings(&left), expected, "{}", left.said);
    assert_eq!((left.run.totals.source_records, left.run.totals.target_records), (600, 599));

    let file = lab.work.path().join("cutproof.yaml");
    let config = std::fs::read_to_string(&file).expect("readable").replace("partitions: by_key", "");
    std::fs::write(&file, config).expect("written");
    let output =
        Command::new(env!("CARGO_BIN_EXE_cutproof")).args(["run", "-c"]).arg(&file).output().expect("starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("both go to both") && said.contains("by_key"), "{said}");
}

#[test]
fn where_only_the_order_of_keys_or_none_is_promised_other_orders_are_no_finding() {
    let lab = Lab::new();
    let source = records(300, 2);
    // Neighbours of different keys change places everywhere.
    let mut target = source.clone();
    for pair in target.chunks_exact_mut(2) {
        let keyless = pair.iter().any(|copy| copy.record.key.is_none());
        if pair[0].record.key != pair[1].record.key && !keyless {
            pair.swap(0, 1);
        }
    }
    fill(&lab.source, "orders", 2, &source);
    fill(&lab.target, "orders", 2, &target);
    let commits = at_record(&source, 2, 120);
    commit(&lab.source, "orders", &commits);
    let resumes = at_record(&target, 2, 100);
    commit(&lab.target, "orders", &resumes);
    let more = "replication: { kind: group_commits, policy: identity }\ntopics: { include: [\"orders\"] }\n\
                groups: { include: [\"billing\"] }\nrange: { settle: 500ms }\n";
    let strict = lab.run(more);
    assert_ne!(strict.run.verdict, Verdict::Match, "{}", strict.said);
    let by_key = lab.run(&format!("{more}contracts: [{{ order: key }}]\n"));
    assert_eq!((by_key.code, by_key.run.verdict), (Some(0), Verdict::Match), "{}", by_key.said);
    assert_eq!(by_key.run.pairs.len(), 2);
    let row = &by_key.run.groups[0].positions[0];
    assert_eq!(
        (row.partition, row.target_partition, row.skip_records),
        (Some(0), Some(0), Some(0)),
        "{row:?}"
    );
    assert!(row.replay_records > Some(0), "{row:?}");

    // A key's records change places: found where its order is promised, not where none is.
    let lab = Lab::new();
    let one = target.iter().position(|copy| copy.of == 200).expect("there");
    let other = target.iter().position(|copy| copy.of == 223).expect("there");
    target.swap(one, other);
    fill(&lab.source, "orders", 2, &source);
    fill(&lab.target, "orders", 2, &target);
    let more = "replication: { kind: none, policy: identity }\ntopics: { include: [\"orders\"] }\n\
                range: { start: earliest, settle: 500ms }\n";
    let by_key = lab.run(&format!("{more}contracts: [{{ order: key }}]\n"));
    let kinds: Vec<String> = findings(&by_key).into_iter().map(|found| found.0).collect();
    assert_eq!(kinds, ["reordered_record"], "{}", by_key.said);
    let none = lab.run(&format!("{more}contracts: [{{ order: none }}]\n"));
    assert_eq!((none.code, none.run.verdict), (Some(0), Verdict::Match), "{}", none.said);
    assert_eq!(findings(&none), []);
}
