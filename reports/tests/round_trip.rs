//! Report -> file -> report is the identity, for any content.

mod common;

use std::collections::BTreeMap;

use cutproof_reports::*;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z._-]{1,12}", any::<String>()]
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![0..5u64, 0..=i64::MAX as u64]
}

fn timestamp() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), 1_500_000_000_000..1_800_000_000_000i64]
}

fn place() -> impl Strategy<Value = RecordPlace> {
    (text(), any::<i32>(), any::<i64>(), option::of(timestamp()), select(&TimestampType::ALL)).prop_map(
        |(topic, partition, offset, timestamp, timestamp_type)| RecordPlace {
            topic,
            partition,
            offset,
            timestamp,
            timestamp_type,
        },
    )
}

fn finding() -> impl Strategy<Value = Finding> {
    let what = (any::<i64>(), select(&FindingKind::ALL), vec(select(&Part::ALL), 0..4));
    let why = (option::of(text()), option::of(select(&OrderBroken::ALL)), text());
    let places = (option::of(place()), option::of(place()));
    let hashes = (option::of("[0-9a-f]{32}"), option::of("[0-9a-f]{32}"), option::of("[0-9a-f]{32}"));
    (what, why, places, hashes).prop_map(
        |(
            (finding_id, kind, parts),
            (cause, order_broken, detail),
            (source, target),
            (key_hash, source_value_hash, target_value_hash),
        )| Finding {
            finding_id,
            kind,
            parts,
            cause,
            order_broken,
            source,
            target,
            key_hash,
            source_value_hash,
            target_value_hash,
            detail,
        },
    )
}

fn findings_by_kind() -> impl Strategy<Value = BTreeMap<FindingKind, u64>> {
    btree_map(select(&FindingKind::ALL), 1..=i64::MAX as u64, 0..4)
}

fn counts() -> impl Strategy<Value = Counts> {
    (proptest::array::uniform8(count()), findings_by_kind()).prop_map(|(numbers, findings)| {
        let [source_records, target_records, matched, equal_meaning, pending, unverifiable, rest @ ..] =
            numbers;
        let [compacted, compacted_or_dropped] = rest;
        Counts {
            source_records,
            target_records,
            matched,
            equal_meaning,
            pending,
            unverifiable,
            compacted,
            compacted_or_dropped,
            findings,
        }
    })
}

fn pair() -> impl Strategy<Value = PairSummary> {
    let names = (text(), any::<Option<i32>>(), text(), any::<Option<i32>>());
    (names, any::<[Option<i64>; 4]>(), counts(), vec(text(), 0..3), vec(text(), 0..3)).prop_map(
        |(names, offsets, counts, remarks, notes)| {
            let (source_topic, source_partition, target_topic, target_partition) = names;
            let [source_start_offset, source_end_offset, target_start_offset, target_end_offset] = offsets;
            PairSummary {
                source_topic,
                source_partition,
                target_topic,
                target_partition,
                source_start_offset,
                source_end_offset,
                target_start_offset,
                target_end_offset,
                counts,
                remarks,
                notes,
            }
        },
    )
}

fn position() -> impl Strategy<Value = PositionSummary> {
    let names = (text(), any::<Option<i32>>(), text(), any::<Option<i32>>());
    let offsets = proptest::array::uniform3(option::of(any::<i64>()));
    let numbers = (proptest::array::uniform3(option::of(count())), count());
    let words = (select(&Origin::ALL), select(&PositionState::ALL), text());
    let other =
        (select(&Origin::ALL), any::<i64>()).prop_map(|(origin, offset)| OtherPosition { origin, offset });
    (names, offsets, numbers, words, vec(other, 0..4)).prop_map(|(names, offsets, numbers, words, also)| {
        let (origin, state, detail) = words;
        let (topic, partition, target_topic, target_partition) = names;
        let [source_offset, target_offset, image_offset] = offsets;
        let ([skip_records, replay_records, missing_records], records_read_to_locate) = numbers;
        PositionSummary {
            topic,
            partition,
            target_topic,
            target_partition,
            source_offset,
            target_offset,
            origin,
            also,
            image_offset,
            skip_records,
            replay_records,
            missing_records,
            records_read_to_locate,
            state,
            detail,
        }
    })
}

/// Group ids are unique; `fewest` positions each.
fn groups(fewest: usize) -> impl Strategy<Value = Vec<GroupSummary>> {
    btree_map(text(), (select(&Scorecard::ALL), vec(position(), fewest..4)), 0..4).prop_map(|groups| {
        groups
            .into_iter()
            .map(|(group, (scorecard, positions))| GroupSummary { group, scorecard, positions })
            .collect()
    })
}

fn offset_run() -> impl Strategy<Value = OffsetRun> {
    (text(), any::<i32>(), any::<i64>(), text(), any::<i32>(), any::<i64>(), count()).prop_map(
        |(
            source_topic,
            source_partition,
            source_offset,
            target_topic,
            target_partition,
            target_offset,
            record_count,
        )| {
            OffsetRun {
                source_topic,
                source_partition,
                source_offset,
                target_topic,
                target_partition,
                target_offset,
                record_count,
            }
        },
    )
}

fn manifest() -> impl Strategy<Value = RunManifest> {
    let words = (select(&RunState::ALL), select(&Verdict::ALL), any::<i32>(), vec(text(), 0..3));
    let texts = proptest::array::uniform8(text());
    let check = (findings_by_kind(), findings_by_kind(), any::<bool>(), text());
    let tables = (counts(), vec(pair(), 0..3), groups(0));
    let numbers = (any::<u32>(), count());
    (words, texts, numbers, check, tables).prop_map(|(words, texts, numbers, check, tables)| {
        let (rounds, records_read_to_locate) = numbers;
        let (state, verdict, exit_code, reasons) = words;
        let [
            started_at,
            finished_at,
            source_alias,
            source_id,
            target_alias,
            target_id,
            source_ends_at,
            target_ends_at,
        ] = texts;
        let (planted, found, passed, detail) = check;
        let (totals, pairs, groups) = tables;
        RunManifest {
            state,
            verdict,
            exit_code,
            reasons,
            started_at,
            finished_at,
            source: ClusterSummary { alias: source_alias, cluster_id: source_id },
            target: ClusterSummary { alias: target_alias, cluster_id: target_id },
            barrier: Barrier { source_ends_at, target_ends_at, rounds },
            totals,
            records_read_to_locate,
            pairs,
            groups,
            self_check: SelfCheck { planted, found, passed, detail },
            ..common::manifest("")
        }
    })
}

fn new_run() -> (tempfile::TempDir, RunDirectory) {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let run = RunDirectory::create(parent.path()).expect("a writable directory");
    (parent, run)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn findings_read_back_as_they_were_written(findings in vec(finding(), 0..40)) {
        let (_parent, run) = new_run();
        let mut writer = run.findings_writer().expect("writable");
        for finding in &findings {
            writer.push(finding).expect("writable");
        }
        let summary = writer.close().expect("writable");
        prop_assert_eq!(summary.total(), findings.len() as u64);
        prop_assert_eq!(read_findings(run.path()).expect("readable"), findings);
    }

    #[test]
    fn pairs_read_back_as_they_were_written(pairs in vec(pair(), 0..10)) {
        let (_parent, run) = new_run();
        run.write_pairs(&pairs).expect("writable");
        prop_assert_eq!(read_pairs(run.path()).expect("readable"), pairs);
    }

    #[test]
    fn positions_read_back_as_they_were_written(groups in groups(1)) {
        let (_parent, run) = new_run();
        run.write_positions(&groups).expect("writable");
        prop_assert_eq!(read_positions(run.path()).expect("readable"), groups);
    }

    #[test]
    fn the_offset_map_reads_back_as_it_was_written(runs in vec(offset_run(), 0..20)) {
        let (_parent, run) = new_run();
        let mut writer = run.offset_map_writer().expect("writable");
        for offset_run in &runs {
            writer.push(offset_run).expect("writable");
        }
        writer.close().expect("writable");
        prop_assert_eq!(read_offset_map(run.path()).expect("readable"), runs);
    }

    #[test]
    fn the_manifest_reads_back_as_it_was_written(manifest in manifest()) {
        let (_parent, run) = new_run();
        let manifest = RunManifest { run_id: run.run_id().to_owned(), ..manifest };
        let written = run.finish(manifest).expect("writable");
        prop_assert_eq!(read_manifest(run.path()).expect("readable"), written);
    }

    #[test]
    fn any_run_can_be_laid_out_for_people(manifest in manifest(), findings in vec(finding(), 0..10)) {
        let mut manifest = manifest;
        // The sum of counts of a real run fits; arbitrary ones need not.
        manifest.pairs.truncate(1);
        for counts in manifest.pairs.iter_mut().map(|pair| &mut pair.counts).chain([&mut manifest.totals]) {
            counts.findings.values_mut().for_each(|count| *count %= 1_000_000);
        }
        let report = report_markdown(&manifest, &findings).expect("a total template");
        prop_assert!(report.starts_with("# Cutproof: "));
        let tables = show::findings_table(&findings, 5) + &show::groups_table(&manifest.groups)
            + &show::ledger_table(&manifest.pairs) + &show::verdict_line(&manifest);
        prop_assert!(!tables.chars().any(|character| character.is_control() && character != '\n'));
    }
}

#[test]
fn a_kind_with_none_reads_back_as_a_kind_that_is_absent() {
    let (_parent, run) = new_run();
    let mut pairs = common::pairs();
    pairs[0].counts.findings.insert(FindingKind::MissingRecord, 0);
    run.write_pairs(&pairs).expect("writable");
    assert_eq!(read_pairs(run.path()).expect("readable"), common::pairs());
}

#[test]
fn a_count_that_no_column_holds_is_an_error_and_not_another_number() {
    let (_parent, run) = new_run();
    let mut pairs = common::pairs();
    pairs[0].counts.matched = 1 << 63;
    assert!(matches!(run.write_pairs(&pairs), Err(ReportError::TooLarge { what: "matched", .. })));
}

#[test]
fn a_run_without_any_part_of_findings_is_not_a_run_without_findings() {
    let (_parent, run) = new_run();
    assert!(read_findings(run.path()).is_err());
    std::fs::create_dir(run.path().join("findings")).expect("writable");
    assert!(read_findings(run.path()).is_err());
    run.findings_writer().expect("writable").close().expect("writable");
    assert_eq!(read_findings(run.path()).expect("a part without rows"), []);
}

#[test]
fn a_file_that_is_cut_short_is_an_error() {
    let (_parent, run) = new_run();
    common::write_run(&run);
    let path = run.path().join("findings/part-00000.parquet");
    let content = std::fs::read(&path).expect("readable");
    std::fs::write(&path, &content[..content.len() - 1]).expect("writable");
    assert!(matches!(read_findings(run.path()), Err(ReportError::Parquet { .. })));
}

#[test]
fn a_run_of_the_offset_map_takes_at_most_forty_bytes() {
    const RUNS: i64 = 100_000;
    let (_parent, run) = new_run();
    let mut writer = run.offset_map_writer().expect("writable");
    let (mut source_offset, mut target_offset, mut state) = (7_000_000_000, 3_000_000_000, 1_u64);
    for n in 0..RUNS {
        // Lengths and distances that do not repeat, over a dozen partitions.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let record_count = 1 + (state >> 44);
        let partition = (n * 12 / RUNS) as i32;
        let offset_run = OffsetRun {
            source_topic: "orders".to_owned(),
            source_partition: partition,
            source_offset,
            target_topic: "src.orders".to_owned(),
            target_partition: partition,
            target_offset,
            record_count,
        };
        writer.push(&offset_run).expect("writable");
        source_offset += record_count as i64 + 1;
        target_offset += record_count as i64 + (state >> 60) as i64;
    }
    writer.close().expect("writable");
    let size = std::fs::metadata(run.path().join("offset_map.parquet")).expect("there").len();
    assert!(size <= 40 * RUNS as u64, "{size} bytes for {RUNS} runs");
}
