//! `cutproof offsets translate` on the run directory of a demo: agrees with what the engine counted for each group.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use cutproof_reports::offsets::{Translation, TranslationState};
use cutproof_reports::{RunManifest, read_manifest};

fn cutproof(arguments: &[&str]) -> Output {
    Command::cargo_bin("cutproof").expect("the binary is built").args(arguments).output().expect("it runs")
}

fn demo_run(out: &Path) -> PathBuf {
    let output = cutproof(&["demo", "--quiet", "--seed", "3", "--out", out.to_str().expect("UTF-8")]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let mut entries = std::fs::read_dir(out).expect("the directory was made");
    entries.find_map(|entry| Some(entry.ok()?.path()).filter(|path| path.is_dir())).expect("a run directory")
}

fn translate(run: &Path, from: &str, positions: &[String]) -> Vec<Translation> {
    let run = run.to_str().expect("UTF-8");
    let mut arguments = vec!["offsets", "translate", run, "--from", from, "-o", "json"];
    arguments.extend(positions.iter().map(String::as_str));
    let output = cutproof(&arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn every_commit_translates_to_the_image_that_the_proof_found_and_back_to_where_nothing_is_lost() {
    let out = tempfile::tempdir().expect("a directory");
    let run = demo_run(out.path());
    let manifest: RunManifest = read_manifest(&run).expect("a finished run");
    let positions: Vec<_> = manifest.groups.iter().flat_map(|group| &group.positions).collect();
    assert!(positions.len() >= 6, "{positions:?}");
    let asked: Vec<String> = positions
        .iter()
        .map(|p| {
            format!("{}-{}:{}", p.topic, p.partition.expect("a pair's"), p.source_offset.expect("committed"))
        })
        .collect();
    let answers = translate(&run, "source", &asked);
    for (position, answer) in positions.iter().zip(&answers) {
        assert_eq!(answer.resume_offset, position.image_offset, "{position:?} {answer:?}");
        assert_eq!(answer.other_topic, position.target_topic);
    }
    let images: Vec<String> = answers
        .iter()
        .map(|a| {
            format!(
                "{}-{}:{}",
                a.other_topic,
                a.other_partition.expect("known"),
                a.resume_offset.expect("known")
            )
        })
        .collect();
    for (back, there) in translate(&run, "target", &images).iter().zip(&answers) {
        assert_eq!(back.other_topic, there.topic);
        assert!(back.resume_offset.is_some());
        if there.state == TranslationState::Exact && back.record_offset == Some(there.offset) {
            assert!(back.resume_offset <= Some(there.offset), "{back:?} {there:?}");
        }
    }
}

#[test]
fn what_is_not_known_is_said_and_ends_with_12_and_what_is_no_position_with_2() {
    let out = tempfile::tempdir().expect("a directory");
    let run = demo_run(out.path());
    let run = run.to_str().expect("UTF-8");
    let output =
        cutproof(&["offsets", "translate", run, "--from", "source", "nosuch-0:5", "orders-0:99999999"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(12), "{text}");
    assert!(text.contains("nosuch-0:5 is not known: the run compared no such partition"), "{text}");
    assert!(text.contains("after_range") && text.contains("the run compared offsets"), "{text}");
    let output = cutproof(&["offsets", "translate", run, "--from", "source", "orders"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("orders-3:1200"));
    let nowhere = out.path().join("nothing");
    let output = cutproof(&[
        "offsets",
        "translate",
        nowhere.to_str().expect("UTF-8"),
        "--from",
        "target",
        "orders-0:1",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("run.json"));
}
