//! What people read: `report.md` as a whole, and the terminal's tables.

mod common;

use cutproof_reports::*;

/// The known run with a fixed id and one file.
fn known() -> RunManifest {
    let files = vec![FileEntry { path: "pairs.parquet".into(), bytes: 5_932, blake3: "e7".repeat(32) }];
    RunManifest { files, ..common::manifest("0192f0c1-0000-7000-8000-000000000001") }
}

/// A run with nothing to say against.
fn clean() -> RunManifest {
    let pairs = vec![common::pairs()[0].clone()];
    RunManifest {
        verdict: Verdict::Match,
        exit_code: 0,
        reasons: Vec::new(),
        totals: pairs[0].counts.clone(),
        pairs,
        groups: Vec::new(),
        self_check: SelfCheck {
            passed: false,
            detail: "Too few records to plant into.".into(),
            ..SelfCheck::default()
        },
        ..known()
    }
}

#[test]
fn the_report_of_the_known_run_is_this_page() {
    let report = report_markdown(&known(), &common::findings()).expect("a known run");
    assert_eq!(report, include_str!("expected/report.md"), "\n{report}");
}

#[test]
fn the_report_of_a_clean_run_is_this_page() {
    let report = report_markdown(&clean(), &[]).expect("a known run");
    assert_eq!(report, include_str!("expected/clean.md"), "\n{report}");
}

#[test]
fn the_report_shows_no_hash_of_a_key_or_value() {
    let report = report_markdown(&known(), &common::findings()).expect("a known run");
    for digit in ["a", "b", "c", "d"] {
        assert!(!report.replace(&"ab".repeat(32), "").contains(&digit.repeat(32)));
    }
}

#[test]
fn a_partial_run_says_so_before_anything_else_but_the_verdict() {
    let manifest = RunManifest { state: RunState::Partial, verdict: Verdict::Inconclusive, ..known() };
    let report = report_markdown(&manifest, &[]).expect("a known run");
    assert!(report.starts_with("# Cutproof: INCONCLUSIVE\n\n**Partial: the run stopped early."), "{report}");
    assert!(report.contains("* The run stopped early: what it had not read is not judged.\n"), "{report}");
    assert!(show::verdict_line(&manifest).starts_with("INCONCLUSIVE (partial run): "));
}

#[test]
fn findings_beyond_the_sample_are_counted() {
    let mut manifest = known();
    manifest.totals.findings.insert(FindingKind::MissingRecord, 1_234_567);
    let report = report_markdown(&manifest, &common::findings()).expect("a known run");
    assert!(report.contains("### missing_record: 1,234,567\n"), "{report}");
    assert!(report.contains("\n... and 1,234,565 more in `findings/*.parquet`.\n"), "{report}");
    let without_sample = report_markdown(&manifest, &[]).expect("a known run");
    assert!(
        without_sample.contains("### missing_record: 1,234,567\n\n... 1,234,567 more in"),
        "{without_sample}"
    );
}

#[test]
fn only_the_first_five_of_a_kind_are_shown() {
    let mut manifest = known();
    manifest.totals.findings = [(FindingKind::MissingRecord, 7)].into();
    let findings: Vec<Finding> = (100..107)
        .map(|offset| Finding {
            source: common::place("orders", 0, offset, None),
            ..common::findings()[0].clone()
        })
        .collect();
    let report = report_markdown(&manifest, &findings).expect("a known run");
    let shown: Vec<i64> =
        (100..107).filter(|offset| report.contains(&format!("orders-0@{offset} "))).collect();
    assert_eq!(shown, [100, 101, 102, 103, 104]);
    assert!(report.contains("... and 2 more in `findings/*.parquet`."), "{report}");
}

#[test]
fn of_many_pairs_those_that_need_a_look_are_shown() {
    let mut manifest = known();
    let clean = manifest.pairs[0].clone();
    manifest.pairs = (0..200)
        .map(|partition| PairSummary { source_partition: Some(partition), ..clean.clone() })
        .collect();
    manifest.pairs.push(common::pairs()[1].clone());
    manifest.pairs[150].counts.pending = 3;
    let report = report_markdown(&manifest, &[]).expect("a known run");
    assert!(report.contains("| orders-0 -> src.orders-0 |"), "{report}");
    assert!(report.contains("| clean-150 -> src.clean-0 |"), "{report}");
    assert!(report.contains("... and 151 more pairs in `pairs.parquet`"), "{report}");
    assert_eq!(report.matches("| clean-").count(), 49);
}

#[test]
fn the_verdict_is_one_line() {
    assert_eq!(
        show::verdict_line(&clean()),
        "MATCH: 5 of 5 source records matched; no findings; no groups; exit code 0"
    );
    let mut manifest = known();
    manifest.totals.findings = [(FindingKind::MissingRecord, 2_000)].into();
    manifest.reasons = vec!["2000 missing_record\nof orders".into()];
    assert_eq!(
        show::verdict_line(&manifest),
        "DIVERGENT: 997 of 1,005 source records matched; 2,000 missing_record; groups: 1 yellow, 1 red; \
         exit code 10: 2000 missing_record\\nof orders"
    );
}

#[test]
fn the_table_of_findings_ends_with_how_many_more_there_are() {
    let expected = "\
┌───────────────────┬────────────┬────────────────┬───────┬────────────────────────────────┐
│ kind              ┆ source     ┆ target         ┆ parts ┆ detail                         │
╞═══════════════════╪════════════╪════════════════╪═══════╪════════════════════════════════╡
│ missing_record    ┆ orders-0@7 ┆ -              ┆ -     ┆                                │
│ extraneous_record ┆ -          ┆ src.orders-0@8 ┆ -     ┆ aborted_transaction_replicated │
└───────────────────┴────────────┴────────────────┴───────┴────────────────────────────────┘
... and 6 more in findings/*.parquet
";
    assert_eq!(show::findings_table(&common::findings(), 2), expected);
    assert_eq!(show::findings_table(&common::findings(), 0), "... and 8 more in findings/*.parquet\n");
    assert!(!show::findings_table(&common::findings(), 8).contains("more"));
    assert_eq!(show::findings_table(&[], 8), "no findings\n");
}

#[test]
fn the_table_of_groups_never_shows_an_unknown_count_as_zero() {
    let text = show::groups_table(&common::groups());
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.contains('┆'))
        .map(|line| line.trim_matches('│').split('┆').map(str::trim).collect())
        .collect();
    assert_eq!(
        rows,
        [
            vec![
                "group",
                "scorecard",
                "partition",
                "committed",
                "resumes at",
                "origin",
                "image",
                "skip",
                "replay",
                "missing",
                "state"
            ],
            vec![
                "audit",
                "yellow",
                "orders-0 -> src.orders-0",
                "500",
                "405",
                "checkpoints",
                "499",
                "0",
                "94",
                "0",
                "judged"
            ],
            vec![
                "billing,\"eu\"",
                "red",
                "orders-0 -> src.orders-0",
                "500",
                "405",
                "checkpoints",
                "499",
                "12",
                "94",
                "0",
                "judged"
            ],
            vec![
                "billing,\"eu\"",
                "red",
                "orders-1 -> src.orders-1",
                "500",
                "-",
                "none",
                "-",
                "not provable",
                "not provable",
                "not provable",
                "no_checkpoint"
            ],
        ]
    );
    assert_eq!(show::groups_table(&[]), "no groups\n");
}

#[test]
fn the_ledger_ends_with_the_sums() {
    let text = show::ledger_table(&common::pairs());
    let row = |name: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.starts_with(&format!("│ {name}"))).expect("a row");
        line.trim_matches('│').split('┆').map(|cell| cell.trim().to_owned()).collect()
    };
    assert_eq!(
        row("orders-0"),
        ["orders-0 -> src.orders-0", "[7, 1100)", "[3, 1010)", "1,000", "999", "992", "8", "2", "1", "0"]
    );
    assert_eq!(row("all"), ["all", "-", "-", "1,005", "1,004", "997", "8", "2", "1", "0"]);
    assert!(!show::ledger_table(&common::pairs()[..1]).contains("│ all"), "one pair needs no sum");
    assert_eq!(show::ledger_table(&[]), "no pairs\n");
}
