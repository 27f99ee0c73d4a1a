//! What stands in a run directory, and when: names, modes, the manifest last.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cutproof_reports::offsets::{Offsets, OffsetsOf, TranslationState};
use cutproof_reports::{ReportError, RunDirectory, read_findings, read_manifest};

fn names_in(directory: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for item in fs::read_dir(directory).expect("a directory") {
        let path = item.expect("a directory").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            names.extend(names_in(&path).into_iter().map(|inner| format!("{name}/{inner}")));
        } else {
            names.insert(name);
        }
    }
    names
}

fn new_run() -> (tempfile::TempDir, RunDirectory) {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let run = RunDirectory::create(&parent.path().join("cutproof.out")).expect("a writable directory");
    (parent, run)
}

#[test]
fn a_finished_run_has_these_files_and_no_temporary_one() {
    let (_parent, run) = new_run();
    common::write_run(&run);
    let expected = [
        "findings/part-00000.parquet",
        "hash.key",
        "offset_map.parquet",
        "pairs.parquet",
        "positions.parquet",
        "report.md",
        "resume_offsets.csv",
        "run.json",
    ];
    assert_eq!(names_in(run.path()), expected.map(String::from).into());
}

#[test]
fn the_manifest_lists_every_artefact_but_itself_and_the_key() {
    let (_parent, run) = new_run();
    let manifest = common::write_run(&run);
    let listed: Vec<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
    let expected = [
        "findings/part-00000.parquet",
        "offset_map.parquet",
        "pairs.parquet",
        "positions.parquet",
        "report.md",
        "resume_offsets.csv",
    ];
    assert_eq!(listed, expected);
    for file in &manifest.files {
        let content = fs::read(run.path().join(&file.path)).expect("it is listed");
        assert_eq!(file.bytes, content.len() as u64, "{}", file.path);
        assert_eq!(file.blake3, blake3::hash(&content).to_hex().as_str(), "{}", file.path);
    }
}

#[test]
fn the_key_is_fresh_for_each_run_and_only_the_owner_may_read_it() {
    let (_parent, run) = new_run();
    let key_file = run.path().join("hash.key");
    let mode = fs::metadata(&key_file).expect("the key is there from the start").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let key = run.hash_key().expect("a key");
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(fs::read_to_string(&key_file).expect("readable"), format!("{hex}\n"));
    let (_other_parent, other) = new_run();
    assert_ne!(key, other.hash_key().expect("a key"));
    assert_ne!(key, [0; 32]);
}

#[test]
fn the_key_stands_in_no_other_file() {
    let (_parent, run) = new_run();
    common::write_run(&run);
    let hex = fs::read_to_string(run.path().join("hash.key")).expect("a key");
    for name in names_in(run.path()).into_iter().filter(|name| name != "hash.key") {
        let content = fs::read(run.path().join(&name)).expect("readable");
        assert!(!content.windows(64).any(|window| window == hex.trim().as_bytes()), "{name}");
    }
    assert!(!format!("{run:?}").contains(hex.trim()));
}

#[test]
fn a_removed_or_damaged_key_is_an_error_and_the_rest_stays_readable() {
    let (_parent, run) = new_run();
    common::write_run(&run);
    fs::write(run.path().join("hash.key"), "00ff").expect("writable");
    assert!(matches!(run.hash_key(), Err(ReportError::Key { .. })));
    fs::remove_file(run.path().join("hash.key")).expect("removable");
    let opened = RunDirectory::open(run.path()).expect("a finished run");
    assert!(matches!(opened.hash_key(), Err(ReportError::Io { .. })));
    opened.verify_files().expect("the key is not evidence");
}

#[test]
fn run_ids_sort_by_time_and_name_the_directory() {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let ids: Vec<String> = (0..3)
        .map(|_| {
            let run = RunDirectory::create(parent.path()).expect("a writable directory");
            assert_eq!(run.path(), parent.path().join(run.run_id()));
            assert_eq!(run.run_id().as_bytes()[14], b'7', "UUID version 7");
            run.run_id().to_owned()
        })
        .collect();
    assert!(ids.is_sorted());
}

#[test]
fn a_run_that_died_before_the_end_has_no_manifest() {
    let (_parent, run) = new_run();
    let path = run.path().to_path_buf();
    let mut writer = run.findings_writer().expect("a writable directory");
    writer.push(&common::findings()[0]).expect("a writable directory");
    run.write_pairs(&common::pairs()).expect("a writable directory");
    // As a killed process: nothing of it gets to tidy up.
    std::mem::forget((writer, run));
    assert!(!path.join("run.json").exists());
    assert!(!path.join("findings/part-00000.parquet").exists(), "half a table is not visible");
    assert!(matches!(read_manifest(&path), Err(ReportError::NotFinished { .. })));
    let opened = RunDirectory::open(&path).expect("an unfinished run can be looked at");
    assert_eq!(opened.run_id(), path.file_name().expect("a name").to_string_lossy());
    let files: Vec<String> = opened.files().into_iter().map(|file| file.path).collect();
    assert_eq!(files, ["pairs.parquet"]);
}

#[test]
fn a_run_that_ends_with_an_error_keeps_what_it_has_written() {
    let (_parent, run) = new_run();
    let path = run.path().to_path_buf();
    run.write_checkpoint(&[b"so far"]).expect("a writable directory");
    run.write_pairs(&common::pairs()).expect("a writable directory");
    let before = names_in(&path);
    drop(run);
    assert_eq!(names_in(&path), before);
    assert!(
        ["checkpoint", "hash.key", "pairs.parquet"].iter().all(|name| before.contains(*name)),
        "{before:?}"
    );
}

#[test]
fn a_run_cannot_finish_while_a_table_is_open_or_lost() {
    let (_parent, run) = new_run();
    let mut writer = run.findings_writer().expect("a writable directory");
    writer.push(&common::findings()[0]).expect("a writable directory");
    drop(writer);
    let error = run.finish(common::manifest(run.run_id())).expect_err("a finding would be lost");
    assert!(error.to_string().contains("findings/part-00000.parquet"), "{error}");
    assert_eq!(names_in(run.path()), ["hash.key".to_owned()].into());
}

#[test]
fn a_second_attempt_leaves_nothing_of_the_first() {
    let (_parent, run) = new_run();
    common::write_run(&run);
    let opened = RunDirectory::open(run.path()).expect("a finished run");
    let summary = opened.findings_writer().expect("writable").close().expect("writable");
    assert_eq!(summary.total(), 0);
    assert_eq!(read_findings(run.path()).expect("readable"), []);
    let manifest = opened.finish(common::manifest(run.run_id())).expect("writable");
    assert_eq!(manifest.files.len(), 6);
    opened.verify_files().expect("all is as listed");
}

#[test]
fn a_changed_or_removed_artefact_is_noticed() {
    let (_parent, run) = new_run();
    common::write_run(&run);
    run.verify_files().expect("all is as listed");
    let path = run.path().join("pairs.parquet");
    let mut content = fs::read(&path).expect("readable");
    content[20] ^= 1;
    fs::write(&path, &content).expect("writable");
    assert!(matches!(run.verify_files(), Err(ReportError::Changed { how: "was changed", .. })));
    fs::remove_file(&path).expect("removable");
    assert!(matches!(run.verify_files(), Err(ReportError::Changed { how: "was removed", .. })));
}

#[test]
fn a_manifest_of_another_run_is_refused() {
    let (_parent, run) = new_run();
    let error = run.finish(common::manifest("another")).expect_err("another run");
    assert!(matches!(error, ReportError::Foreign { field: "run_id", .. }));
    assert!(!run.path().join("run.json").exists());
}

#[test]
fn a_manifest_of_a_newer_version_is_refused_and_unknown_fields_are_not() {
    let (_parent, run) = new_run();
    let manifest = common::write_run(&run);
    let path = run.path().join("run.json");
    let mut value: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).expect("readable")).expect("JSON");
    value["added_later"] = serde_json::json!({"a": 1});
    value["pairs"][0]["added_later"] = serde_json::json!([1]);
    fs::write(&path, value.to_string()).expect("writable");
    assert_eq!(read_manifest(run.path()).expect("unknown fields are passed over"), manifest);

    value["schema_version"] = serde_json::json!(2);
    value["verdict"] = serde_json::json!("a word of the future");
    fs::write(&path, value.to_string()).expect("writable");
    let error = read_manifest(run.path()).expect_err("newer");
    assert!(matches!(error, ReportError::SchemaVersion { found: 2, known: 1, .. }), "{error}");
    assert!(error.to_string().contains("newer"), "{error}");
    assert!(matches!(RunDirectory::open(run.path()), Err(ReportError::SchemaVersion { .. })));
}

#[test]
fn the_manifest_has_the_fields_of_the_interface() {
    let (_parent, run) = new_run();
    common::write_run(&run);
    let text = fs::read_to_string(run.path().join("run.json")).expect("readable");
    let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(
        keys(&value),
        [
            "schema_version",
            "cutproof_version",
            "run_id",
            "state",
            "verdict",
            "exit_code",
            "reasons",
            "started_at",
            "finished_at",
            "config_digest",
            "source",
            "target",
            "barrier",
            "totals",
            "records_read_to_locate",
            "pairs",
            "groups",
            "self_check",
            "files"
        ]
    );
    let counts = [
        "source_records",
        "target_records",
        "matched",
        "equal_meaning",
        "pending",
        "unverifiable",
        "compacted",
        "compacted_or_dropped",
        "findings",
    ];
    assert_eq!(keys(&value["totals"]), counts);
    let mut pair = vec![
        "source_topic",
        "source_partition",
        "target_topic",
        "target_partition",
        "source_start_offset",
        "source_end_offset",
        "target_start_offset",
        "target_end_offset",
    ];
    pair.extend(counts);
    pair.extend(["remarks", "notes"]);
    assert_eq!(keys(&value["pairs"][0]), pair);
    assert_eq!(
        keys(&value["groups"][0]["positions"][0]),
        [
            "topic",
            "partition",
            "target_topic",
            "target_partition",
            "source_offset",
            "target_offset",
            "origin",
            "also",
            "image_offset",
            "skip_records",
            "replay_records",
            "missing_records",
            "records_read_to_locate",
            "state",
            "detail"
        ]
    );
    assert_eq!(keys(&value["files"][0]), ["path", "bytes", "blake3"]);
    assert!(text.ends_with("}\n") && text.contains("\n  \"run_id\""), "indented");
}

#[test]
fn other_artefacts_stay_inside_the_directory_and_off_its_own_files() {
    let (_parent, run) = new_run();
    run.write_bytes("junit.xml", b"<testsuites/>").expect("writable");
    run.write_json("gates.json", &serde_json::json!({"gates": []})).expect("writable");
    let files: Vec<String> = run.files().into_iter().map(|file| file.path).collect();
    assert_eq!(files, ["gates.json", "junit.xml"]);
    let key = run.hash_key().expect("a key");
    for name in ["../x", "/tmp/x", "run.json", "hash.key", "hash.key/", "./hash.key", "", "a/../../x"] {
        let refused = run.write_bytes(name, b"x");
        assert!(matches!(refused, Err(ReportError::Name { .. })), "{name}");
    }
    assert_eq!(run.hash_key().expect("a key"), key);
}

#[test]
fn artefacts_are_readable_by_those_whom_the_umask_allows() {
    let (parent, run) = new_run();
    common::write_run(&run);
    let plain = parent.path().join("plain");
    fs::write(&plain, "").expect("writable");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&run.path().join("pairs.parquet")), mode(&plain));
    assert_eq!(mode(&run.path().join("run.json")), mode(&plain));
}

#[test]
fn resume_offsets_name_the_target_topic_and_only_known_images() {
    let (_parent, run) = new_run();
    common::write_run(&run);
    let text = fs::read_to_string(run.path().join("resume_offsets.csv")).expect("readable");
    assert_eq!(text, "audit,src.orders,0,499\n\"billing,\"\"eu\"\"\",src.orders,0,499\n");
}

#[test]
fn a_checkpoint_is_its_owner_s_only_replaced_whole_and_no_artefact() {
    let (_parent, run) = new_run();
    run.write_checkpoint(&[b"first"]).expect("written");
    run.write_checkpoint(&[b"sec", b"ond"]).expect("written");
    let mode = fs::metadata(run.path().join("checkpoint")).expect("there").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert!(matches!(run.write_bytes("checkpoint", b""), Err(ReportError::Name { .. })));
    let manifest = common::write_run(&run);
    assert!(manifest.files.iter().all(|file| file.path != "checkpoint"), "{:?}", manifest.files);
    run.remove_checkpoint().expect("removed");
    run.remove_checkpoint().expect("none is no error");
    assert!(!names_in(run.path()).contains("checkpoint"));
}

#[test]
fn an_unfinished_run_is_taken_up_with_its_key_and_without_what_would_contradict_it() {
    let (_parent, run) = new_run();
    let (path, key) = (run.path().to_path_buf(), run.hash_key().expect("a key"));
    assert!(matches!(RunDirectory::resume(&path), Err(ReportError::NoCheckpoint { .. })));
    run.write_checkpoint(&[b"so far"]).expect("written");
    assert!(matches!(RunDirectory::resume(&path), Err(ReportError::InUse { .. })), "its writer is alive");
    let id = run.run_id().to_owned();
    common::write_run_as(&run, cutproof_reports::RunState::Partial);
    drop(run);
    fs::write(path.join(".pairs.parquet.x1.tmp"), b"half").expect("written");
    fs::create_dir_all(path.join("findings")).expect("made");
    fs::write(path.join("findings/.part-00001.parquet.x2.tmp"), b"half").expect("written");

    let (run, checkpoint) = RunDirectory::resume(&path).expect("unfinished");
    assert_eq!((checkpoint.as_slice(), run.run_id()), (&b"so far"[..], id.as_str()));
    assert_eq!(run.hash_key().expect("the same"), key);
    run.begin_again().expect("cleared");
    let names = names_in(&path);
    assert!(!names.contains("run.json") && names.iter().all(|name| !name.ends_with(".tmp")), "{names:?}");
    assert!(names.contains("checkpoint") && names.contains("hash.key"), "{names:?}");
    common::write_run(&run);
    run.verify_files().expect("the artefacts of the second attempt");
    drop(run);
    assert!(matches!(RunDirectory::resume(&path), Err(ReportError::Complete { .. })));
}

#[test]
fn what_is_no_run_directory_or_was_changed_is_not_taken_up() {
    let (parent, run) = new_run();
    let absent = parent.path().join("no-such-run");
    assert!(matches!(RunDirectory::resume(&absent), Err(ReportError::NoCheckpoint { .. })));
    run.write_checkpoint(&[b"so far"]).expect("written");
    let path = run.path().join("checkpoint");
    let mut content = fs::read(&path).expect("readable");
    *content.last_mut().expect("not empty") ^= 1;
    fs::write(&path, content).expect("written");
    assert!(matches!(RunDirectory::resume(run.path()), Err(ReportError::Damaged { .. })));
}

#[test]
fn of_a_partition_that_was_not_judged_to_its_end_no_offset_is_translated() {
    let (_parent, run) = new_run();
    common::write_run(&run);
    let offsets = Offsets::load(run.path()).expect("readable");
    let translate = |of, topic: &str, offset| offsets.translate(of, topic, 0, offset);
    for (of, topic) in [(OffsetsOf::Source, "orders"), (OffsetsOf::Target, "src.orders")] {
        let told = translate(of, topic, 500);
        assert_eq!(
            (told.state, told.record_offset, told.resume_offset),
            (TranslationState::NotJudged, None, None)
        );
    }
    let known = translate(OffsetsOf::Source, "clean", 2);
    assert!(known.state != TranslationState::NotJudged && known.resume_offset.is_some(), "{known:?}");
    assert_eq!(translate(OffsetsOf::Source, "nowhere", 2).state, TranslationState::NotCompared);
}
