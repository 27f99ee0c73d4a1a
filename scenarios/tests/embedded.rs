//! The scenarios of `library/embedded`, each as expected; and that the player and the judge can fail.

use std::path::{Path, PathBuf};
use std::time::Instant;

use cutproof::cancel::CancelToken;
use cutproof::monitor::Silent;
use cutproof_scenarios::{
    Audience, Loaded, Outcome, PlayOptions, Player, ScenarioResult, load, load_all, table, text,
};

fn library() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("library/embedded")
}

fn player(out: &Path) -> Player {
    Player::new(PlayOptions {
        out: out.to_owned(),
        keep: false,
        seed: None,
        permission: None,
        cancel: CancelToken::default(),
    })
}

/// Plays one text.
fn play(text: &str) -> (ScenarioResult, tempfile::TempDir) {
    let out = tempfile::tempdir().expect("a directory");
    let file = out.path().join("scenario.yaml");
    std::fs::write(&file, text).expect("written");
    let loaded = load(&file).expect("a scenario");
    (player(out.path()).play(&loaded, &Silent), out)
}

fn lines(result: &ScenarioResult) -> String {
    match &result.outcome {
        Outcome::Unexpected(lines) => lines.join("\n"),
        other => panic!("{other:?}"),
    }
}

/// Remembers what it hears.
#[derive(Default)]
struct Told {
    begun: usize,
    ended: Vec<String>,
}

impl Audience for Told {
    fn begins(&mut self, _: usize, _: &Loaded) {
        self.begun += 1;
    }

    fn ended(&mut self, result: &ScenarioResult) {
        self.ended.push(result.name.clone());
    }
}

#[test]
fn every_embedded_scenario_is_as_expected_and_leaves_nothing() {
    let scenarios = load_all(&[library()]).expect("the library");
    assert!(scenarios.len() >= 34, "only {} scenarios", scenarios.len());
    let out = tempfile::tempdir().expect("a directory");
    let begun = Instant::now();
    let mut told = Told::default();
    let results = player(out.path()).play_all(&scenarios, &Silent, &mut told);
    let names: Vec<String> = scenarios.iter().map(|loaded| loaded.name.clone()).collect();
    assert_eq!(results.iter().map(|result| result.name.clone()).collect::<Vec<_>>(), names);
    assert_eq!((told.begun, &told.ended[..]), (names.len(), &names[..]), "told in their order");
    eprintln!("{} scenarios in {:.1} s", results.len(), begun.elapsed().as_secs_f64());
    let told: String = results.iter().map(text::line).collect();
    assert!(results.iter().all(|result| result.outcome == Outcome::AsExpected), "{told}");
    assert_eq!(std::fs::read_dir(out.path().join("scenarios")).expect("made").count(), 0);
    let played = table::table(&results);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/what-is-caught.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let rows = table::rows_of(&played);
    assert!(rows.len() > 30, "{played}");
    for row in rows {
        assert!(page.lines().any(|line| line == row), "docs/what-is-caught.md does not say: {row}");
    }
}

#[test]
fn the_template_plays_as_it_says() {
    let (result, _out) = play(cutproof_scenarios::template());
    assert_eq!(result.outcome, Outcome::AsExpected, "{}", text::line(&result));
}

#[test]
fn a_wrong_expectation_fails_and_the_difference_and_the_artefacts_are_told() {
    let wrong = cutproof_scenarios::template().replace("src.orders-0@300", "src.orders-1@300");
    let (result, _out) = play(&wrong);
    let told = lines(&result);
    assert!(told.contains("expected 1 of extraneous_record, target src.orders-1@300, found 0"), "{told}");
    assert!(told.contains("not expected: extraneous_record, target src.orders-0@300"), "{told}");
    let kept = result.artefacts.expect("kept");
    for file in ["cutproof.yaml", "differences.txt", "run"] {
        assert!(kept.join(file).exists(), "{file}");
    }
}

#[test]
fn a_finding_that_nobody_expects_fails() {
    let text = cutproof_scenarios::template()
        .replace("    - { kind: extraneous_record, target: src.orders-0@300 }\n", "")
        .replace("  findings:\n", "  findings: []\n");
    assert!(lines(&play(&text).0).contains("not expected: extraneous_record"));
}

#[test]
fn a_proof_that_matched_no_record_fails_though_all_else_is_expected() {
    let zero = std::fs::read_to_string(library().join("zero-records.yaml")).expect("in the library");
    let without = zero.replace("  totals: { source_records: 0, matched: 0 }\n", "");
    assert_ne!(zero, without);
    let (result, _out) = play(&without);
    assert!(lines(&result).contains("matched no record"), "{}", text::line(&result));
}

#[test]
fn a_cutover_that_does_otherwise_than_was_stated_would_be_told_by_skip_and_replay() {
    // A rogue copy of an old record: the group that resumes at the head does it again.
    let text = "
description: A record that a group has read is copied once more at the end. The proof must count it as done again.
workload: { name: payments, partitions: 1, records: 200 }
steps:
  - produce
  - commit: { group: g, topic: payments, offset: 150 }
  - wait_until_copied
  - wait_for_checkpoints
  - run
  - cut_over
expect: { verdict: match, findings: [], groups: [{ group: g, skip: 0, replay: 999 }] }
";
    let told = lines(&play(text).0);
    assert!(told.contains("group g at payments-0: replay: expected 999, found "), "{told}");
    assert!(!told.contains("cut_over"), "{told}");
}

#[test]
fn a_step_that_fails_is_no_result() {
    let text =
        cutproof_scenarios::template().replace("partition: 0, key: stranger", "partition: 9, key: stranger");
    let (result, _out) = play(&text);
    assert_eq!(result.exit_code(), 1);
    assert!(
        matches!(&result.outcome, Outcome::CouldNotRun(reason) if reason.starts_with("produce_raw: ")),
        "{result:?}"
    );
}
