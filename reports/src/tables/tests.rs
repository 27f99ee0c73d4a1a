//! The tables' schemas as a whole, rotation, equal bytes. Content is compared in `tests/`.

use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::schema::printer::print_schema;

use super::*;
use crate::{Finding, FindingKind, ReportError, RunDirectory};

fn new_run() -> (tempfile::TempDir, RunDirectory) {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let run = RunDirectory::create(parent.path()).expect("a writable directory");
    (parent, run)
}

fn finding(finding_id: i64) -> Finding {
    Finding {
        finding_id,
        kind: if finding_id % 2 == 0 { FindingKind::MissingRecord } else { FindingKind::DuplicateRecord },
        parts: Vec::new(),
        cause: None,
        order_broken: None,
        source: None,
        target: None,
        key_hash: None,
        source_value_hash: None,
        target_value_hash: None,
        detail: format!("detail {finding_id}"),
    }
}

fn write(run: &RunDirectory, rows_per_part: u64, count: i64) -> FindingsSummary {
    let mut writer = FindingsWriter::begin(run, rows_per_part).expect("writable");
    for finding_id in 0..count {
        writer.push(&finding(finding_id)).expect("writable");
    }
    writer.close().expect("writable")
}

fn parts(run: &RunDirectory) -> Vec<(String, i64)> {
    let rows = |path: &str| {
        let file = std::fs::File::open(run.path().join(path)).expect("listed");
        SerializedFileReader::new(file).expect("Parquet").metadata().file_metadata().num_rows()
    };
    run.files().into_iter().map(|file| (file.path.clone(), rows(&file.path))).collect()
}

fn schema_of(path: &Path) -> Vec<String> {
    let file = std::fs::File::open(path).expect("written");
    let reader = SerializedFileReader::new(file).expect("Parquet");
    let mut printed = Vec::new();
    print_schema(&mut printed, reader.metadata().file_metadata().schema());
    let printed = String::from_utf8(printed).expect("ASCII");
    printed.lines().map(|line| line.trim().to_owned()).filter(|line| line != "}").skip(1).collect()
}

#[test]
fn the_columns_of_findings_are_these_in_this_order() {
    let (_parent, run) = new_run();
    write(&run, 10, 0);
    let expected = [
        "REQUIRED BYTE_ARRAY run_id (STRING);",
        "REQUIRED INT64 finding_id;",
        "REQUIRED BYTE_ARRAY kind (STRING);",
        "REQUIRED group parts (LIST) {",
        "REPEATED group list {",
        "REQUIRED BYTE_ARRAY element (STRING);",
        "OPTIONAL BYTE_ARRAY cause (STRING);",
        "OPTIONAL BYTE_ARRAY order_broken (STRING);",
        "OPTIONAL BYTE_ARRAY source_topic (STRING);",
        "OPTIONAL INT32 source_partition;",
        "OPTIONAL INT64 source_offset;",
        "OPTIONAL INT64 source_timestamp (TIMESTAMP(MILLIS,true));",
        "OPTIONAL BYTE_ARRAY source_timestamp_type (STRING);",
        "OPTIONAL BYTE_ARRAY target_topic (STRING);",
        "OPTIONAL INT32 target_partition;",
        "OPTIONAL INT64 target_offset;",
        "OPTIONAL INT64 target_timestamp (TIMESTAMP(MILLIS,true));",
        "OPTIONAL BYTE_ARRAY target_timestamp_type (STRING);",
        "OPTIONAL BYTE_ARRAY key_hash (STRING);",
        "OPTIONAL BYTE_ARRAY source_value_hash (STRING);",
        "OPTIONAL BYTE_ARRAY target_value_hash (STRING);",
        "REQUIRED BYTE_ARRAY detail (STRING);",
    ];
    assert_eq!(schema_of(&run.path().join("findings/part-00000.parquet")), expected);
}

#[test]
fn the_columns_of_pairs_are_these_in_this_order() {
    let (_parent, run) = new_run();
    run.write_pairs(&[]).expect("writable");
    let expected = [
        "REQUIRED BYTE_ARRAY source_topic (STRING);",
        "OPTIONAL INT32 source_partition;",
        "REQUIRED BYTE_ARRAY target_topic (STRING);",
        "OPTIONAL INT32 target_partition;",
        "OPTIONAL INT64 source_start_offset;",
        "OPTIONAL INT64 source_end_offset;",
        "OPTIONAL INT64 target_start_offset;",
        "OPTIONAL INT64 target_end_offset;",
        "REQUIRED INT64 source_records;",
        "REQUIRED INT64 target_records;",
        "REQUIRED INT64 matched;",
        "REQUIRED INT64 equal_meaning;",
        "REQUIRED INT64 pending;",
        "REQUIRED INT64 unverifiable;",
        "REQUIRED INT64 compacted;",
        "REQUIRED INT64 compacted_or_dropped;",
        "REQUIRED INT64 missing_record;",
        "REQUIRED INT64 extraneous_record;",
        "REQUIRED INT64 duplicate_record;",
        "REQUIRED INT64 reordered_record;",
        "REQUIRED INT64 mismatched_record;",
        "REQUIRED INT64 misplaced_record;",
        "REQUIRED INT64 undecodable_record;",
        "REQUIRED group remarks (LIST) {",
        "REPEATED group list {",
        "REQUIRED BYTE_ARRAY element (STRING);",
        "REQUIRED group notes (LIST) {",
        "REPEATED group list {",
        "REQUIRED BYTE_ARRAY element (STRING);",
    ];
    assert_eq!(schema_of(&run.path().join("pairs.parquet")), expected);
}

#[test]
fn the_columns_of_positions_are_these_in_this_order() {
    let (_parent, run) = new_run();
    run.write_positions(&[]).expect("writable");
    let expected = [
        "REQUIRED BYTE_ARRAY group_id (STRING);",
        "REQUIRED BYTE_ARRAY scorecard (STRING);",
        "REQUIRED BYTE_ARRAY topic (STRING);",
        "OPTIONAL INT32 partition;",
        "REQUIRED BYTE_ARRAY target_topic (STRING);",
        "OPTIONAL INT32 target_partition;",
        "OPTIONAL INT64 source_offset;",
        "OPTIONAL INT64 target_offset;",
        "REQUIRED BYTE_ARRAY origin (STRING);",
        "OPTIONAL INT64 image_offset;",
        "OPTIONAL INT64 skip_records;",
        "OPTIONAL INT64 replay_records;",
        "OPTIONAL INT64 missing_records;",
        "REQUIRED INT64 records_read_to_locate;",
        "REQUIRED BYTE_ARRAY state (STRING);",
        "REQUIRED BYTE_ARRAY detail (STRING);",
        "REQUIRED group also (LIST) {",
        "REPEATED group list {",
        "REQUIRED BYTE_ARRAY element (STRING);",
    ];
    assert_eq!(schema_of(&run.path().join("positions.parquet")), expected);
}

#[test]
fn the_columns_of_the_offset_map_are_these_in_this_order() {
    let (_parent, run) = new_run();
    run.offset_map_writer().expect("writable").close().expect("writable");
    let expected = [
        "REQUIRED BYTE_ARRAY source_topic (STRING);",
        "REQUIRED INT32 source_partition;",
        "REQUIRED INT64 source_offset;",
        "REQUIRED BYTE_ARRAY target_topic (STRING);",
        "REQUIRED INT32 target_partition;",
        "REQUIRED INT64 target_offset;",
        "REQUIRED INT64 record_count;",
    ];
    assert_eq!(schema_of(&run.path().join("offset_map.parquet")), expected);
}

#[test]
fn findings_rotate_into_parts_that_read_back_in_order() {
    let (_parent, run) = new_run();
    let summary = write(&run, 3, 8);
    let expected = [("00000", 3), ("00001", 3), ("00002", 2)];
    assert_eq!(parts(&run), expected.map(|(part, rows)| (format!("findings/part-{part}.parquet"), rows)));
    let ids: Result<Vec<i64>, ReportError> =
        stream_findings(run.path()).expect("readable").map(|finding| Ok(finding?.finding_id)).collect();
    assert_eq!(ids.expect("readable"), (0..8).collect::<Vec<_>>());
    assert_eq!(summary.by_kind, [(FindingKind::MissingRecord, 4), (FindingKind::DuplicateRecord, 4)].into());
}

#[test]
fn a_part_that_is_just_full_has_no_empty_successor() {
    let (_parent, run) = new_run();
    write(&run, 4, 8);
    let rows: Vec<i64> = parts(&run).into_iter().map(|(_, rows)| rows).collect();
    assert_eq!(rows, [4, 4]);
}

#[test]
fn fewer_parts_than_in_an_earlier_attempt_leave_none_of_it() {
    let (_parent, run) = new_run();
    write(&run, 2, 8);
    write(&run, 2, 3);
    let ids: Vec<i64> =
        read_findings(run.path()).expect("readable").iter().map(|finding| finding.finding_id).collect();
    assert_eq!(ids, [0, 1, 2]);
    assert_eq!(parts(&run).len(), 2);
}

#[test]
fn only_the_first_few_of_each_kind_are_kept_in_memory_and_all_are_counted() {
    let (_parent, run) = new_run();
    let summary = write(&run, 1_000_000, 30_000);
    assert_eq!(summary.total(), 30_000);
    let ids: Vec<i64> = summary.first.iter().map(|finding| finding.finding_id).collect();
    assert_eq!(ids, (0..40).collect::<Vec<_>>());
    assert_eq!(read_findings(run.path()).expect("readable"), (0..30_000).map(finding).collect::<Vec<_>>());
}

#[test]
fn long_details_do_not_wait_for_a_full_row_group() {
    let (_parent, run) = new_run();
    let mut writer = FindingsWriter::begin(&run, FINDINGS_PER_FILE).expect("writable");
    let mut state = 1u64;
    for finding_id in 0..48 {
        // A mebibyte that no compression shrinks to nothing.
        let noise = (0..1 << 20).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b' ' + ((state >> 33) % 90) as u8)
        });
        writer.push(&Finding { detail: noise.collect(), ..finding(finding_id) }).expect("writable");
    }
    writer.close().expect("writable");
    let file = std::fs::File::open(run.path().join("findings/part-00000.parquet")).expect("written");
    let reader = SerializedFileReader::new(file).expect("Parquet");
    assert!(reader.num_row_groups() >= 3, "{} row groups", reader.num_row_groups());
    assert_eq!(read_findings(run.path()).expect("readable").len(), 48);
}

#[test]
fn equal_rows_give_equal_bytes() {
    let bytes = || {
        let (_parent, run) = new_run();
        let mut writer = run.offset_map_writer().expect("writable");
        for number in 0..20_000i64 {
            let run = OffsetRun {
                source_topic: format!("topic-{}", number % 7),
                source_partition: (number % 5) as i32,
                source_offset: number,
                target_topic: format!("src.topic-{}", number % 7),
                target_partition: 0,
                target_offset: 3 * number,
                record_count: 1,
            };
            writer.push(&run).expect("writable");
        }
        writer.close().expect("writable");
        std::fs::read(run.path().join("offset_map.parquet")).expect("written")
    };
    assert_eq!(bytes(), bytes());

    let (_parent, run) = new_run();
    write(&run, 1_000_000, 20_000);
    let first = std::fs::read(run.path().join("findings/part-00000.parquet")).expect("written");
    write(&run, 1_000_000, 20_000);
    assert_eq!(std::fs::read(run.path().join("findings/part-00000.parquet")).expect("written"), first);
}
