//! DuckDB, Polars and pandas read our Parquet files, and see the columns and values that were written.

mod common;
#[path = "common/python.rs"]
mod python;

use std::path::{Path, PathBuf};
use std::process::Command;

use cutproof_reports::*;
use serde_json::{Value, json};

fn place_cells(place: &Option<RecordPlace>, in_calendar: bool) -> Vec<Value> {
    match place {
        None => vec![Value::Null; 5],
        Some(place) => vec![
            json!(place.topic),
            json!(place.partition),
            json!(place.offset),
            json!(place.timestamp.filter(|_| in_calendar)),
            json!(place.timestamp_type),
        ],
    }
}

fn findings(run_id: &str) -> Value {
    let rows: Vec<Vec<Value>> = common::findings()
        .iter()
        .map(|finding| {
            // The last one carries nanoseconds as milliseconds.
            let far = finding.finding_id == 7;
            let detail = match far {
                true => "values differ [source timestamp beyond the calendar: 1700000000123000000 ms]",
                false => &finding.detail,
            };
            let mut row = vec![
                json!(run_id),
                json!(finding.finding_id),
                json!(finding.kind),
                json!(finding.parts),
                json!(finding.cause),
                json!(finding.order_broken),
            ];
            row.extend(place_cells(&finding.source, !far));
            row.extend(place_cells(&finding.target, true));
            row.extend([
                json!(finding.key_hash),
                json!(finding.source_value_hash),
                json!(finding.target_value_hash),
                json!(detail),
            ]);
            row
        })
        .collect();
    json!({
        "files": "findings/*.parquet",
        "columns": [
            "run_id", "finding_id", "kind", "parts", "cause", "order_broken", "source_topic", "source_partition",
            "source_offset", "source_timestamp", "source_timestamp_type", "target_topic", "target_partition",
            "target_offset", "target_timestamp", "target_timestamp_type", "key_hash", "source_value_hash",
            "target_value_hash", "detail"
        ],
        "times": ["source_timestamp", "target_timestamp"],
        "rows": rows,
    })
}

/// The rows of a table whose columns are named as the fields of `run.json`.
fn as_in_the_manifest(files: &str, columns: &[&str], rows: impl Iterator<Item = Value>) -> Value {
    let rows: Vec<Vec<Value>> =
        rows.map(|row| columns.iter().map(|column| row[*column].clone()).collect()).collect();
    json!({"files": files, "columns": columns, "times": [], "rows": rows})
}

fn pairs() -> Value {
    let columns = [
        "source_topic",
        "source_partition",
        "target_topic",
        "target_partition",
        "source_start_offset",
        "source_end_offset",
        "target_start_offset",
        "target_end_offset",
        "source_records",
        "target_records",
        "matched",
        "equal_meaning",
        "pending",
        "unverifiable",
        "compacted",
        "compacted_or_dropped",
        "missing_record",
        "extraneous_record",
        "duplicate_record",
        "reordered_record",
        "mismatched_record",
        "misplaced_record",
        "undecodable_record",
        "remarks",
        "notes",
    ];
    let rows = common::pairs().into_iter().map(|pair| {
        let mut row = json!(pair);
        for kind in FindingKind::ALL {
            row[kind.as_str()] = json!(pair.counts.findings.get(&kind).unwrap_or(&0));
        }
        row
    });
    as_in_the_manifest("pairs.parquet", &columns, rows)
}

fn positions() -> Value {
    let columns = [
        "group_id",
        "scorecard",
        "topic",
        "partition",
        "target_topic",
        "target_partition",
        "source_offset",
        "target_offset",
        "origin",
        "image_offset",
        "skip_records",
        "replay_records",
        "missing_records",
        "records_read_to_locate",
        "state",
        "detail",
        "also",
    ];
    let rows = common::groups().into_iter().flat_map(|group| {
        group.positions.into_iter().map(move |position| {
            let mut row = json!(position);
            row["group_id"] = json!(group.group);
            row["scorecard"] = json!(group.scorecard);
            let other = |other: &Value| {
                let origin = other["origin"].as_str().expect("a word");
                json!(format!("{origin}={}", other["offset"]))
            };
            row["also"] = row["also"].as_array().expect("a list").iter().map(other).collect();
            row
        })
    });
    as_in_the_manifest("positions.parquet", &columns, rows)
}

fn offset_map() -> Value {
    let rows: Vec<Value> = common::offset_runs()
        .into_iter()
        .map(|run| {
            json!([
                run.source_topic,
                run.source_partition,
                run.source_offset,
                run.target_topic,
                run.target_partition,
                run.target_offset,
                run.record_count
            ])
        })
        .collect();
    json!({
        "files": "offset_map.parquet",
        "columns": [
            "source_topic", "source_partition", "source_offset", "target_topic", "target_partition", "target_offset",
            "record_count"
        ],
        "times": [],
        "rows": rows,
    })
}

fn answers() -> Value {
    json!({
        "by kind": [
            ["duplicate_record", 1], ["extraneous_record", 1], ["mismatched_record", 1], ["misplaced_record", 1],
            ["missing_record", 2], ["reordered_record", 1], ["undecodable_record", 1]
        ],
        "by part": [["headers", 1], ["schema", 1], ["timestamp_type", 1], ["value", 1]],
        "unsafe": [["billing,\"eu\"", "orders", 0, 12]],
        "translate 150": [],
        "translate 50": [[46]],
        "joined": [[2, 2]],
    })
}

fn expected(run: &RunDirectory) -> Value {
    json!({
        "tables": {
            "findings": findings(run.run_id()),
            "pairs": pairs(),
            "positions": positions(),
            "offset_map": offset_map(),
        },
        "answers": answers(),
    })
}

fn read(run: &Path, expected: &Value) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/read_parquet.py");
    let file = tempfile::NamedTempFile::new().expect("writable");
    std::fs::write(file.path(), expected.to_string()).expect("writable");
    python::run(Command::new(python::interpreter()).arg(script).arg(run).arg(file.path()))
}

fn known_run() -> (tempfile::TempDir, RunDirectory) {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let run = RunDirectory::create(parent.path()).expect("a writable directory");
    common::write_run(&run);
    (parent, run)
}

#[test]
fn duckdb_polars_and_pandas_see_what_was_written() {
    let (_parent, run) = known_run();
    let (agree, said) = read(run.path(), &expected(&run));
    assert!(agree, "{said}");
    assert_eq!(said, "4 tables agree in DuckDB, Polars, pandas\n");
}

#[test]
fn duckdb_polars_and_pandas_see_the_columns_of_tables_without_rows() {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let run = RunDirectory::create(parent.path()).expect("a writable directory");
    run.findings_writer().expect("writable").close().expect("writable");
    run.write_pairs(&[]).expect("writable");
    run.write_positions(&[]).expect("writable");
    run.offset_map_writer().expect("writable").close().expect("writable");
    let mut expected = expected(&run);
    for table in expected["tables"].as_object_mut().expect("an object").values_mut() {
        table["rows"] = json!([]);
    }
    for answer in expected["answers"].as_object_mut().expect("an object").values_mut() {
        *answer = json!([]);
    }
    let (agree, said) = read(run.path(), &expected);
    assert!(agree, "{said}");
}

#[test]
fn the_comparison_notices_one_wrong_cell_in_each_reader() {
    let (_parent, run) = known_run();
    let mut expected = expected(&run);
    expected["tables"]["findings"]["rows"][5][8] = json!(9_007_199_254_740_992i64);
    let (agree, said) = read(run.path(), &expected);
    assert!(!agree);
    let lines: Vec<String> = ["DuckDB", "Polars", "pandas"]
        .map(|reader| {
            format!("{reader}, findings, row 5, source_offset: 9007199254740993, expected 9007199254740992")
        })
        .into();
    assert_eq!(said.lines().collect::<Vec<_>>(), lines);
}

#[test]
fn the_cache_is_where_the_environment_says() {
    let from = |set: &[(&str, &str)]| {
        python::cache_directory(|name| {
            set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into())
        })
    };
    assert_eq!(
        from(&[("CUTPROOF_CACHE", "/c"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]),
        PathBuf::from("/c")
    );
    assert_eq!(from(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]), PathBuf::from("/x/cutproof"));
    assert_eq!(from(&[("HOME", "/h")]), PathBuf::from("/h/.cache/cutproof"));
}
