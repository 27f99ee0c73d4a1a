//! `cutproof demo` as a user runs it: the whole way over embedded clusters, and its own judgement of the result.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use cutproof_reports::{FindingKind, RunManifest, Verdict, read_findings, read_manifest};

fn demo(out: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::cargo_bin("cutproof").expect("the binary is built");
    command.args(["demo", "--quiet", "--out"]).arg(out).args(arguments).output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The only run directory below `out`.
fn run_directory(out: &Path) -> PathBuf {
    let entries = std::fs::read_dir(out).expect("the directory was made");
    let mut directories: Vec<PathBuf> =
        entries.map(|entry| entry.expect("readable").path()).filter(|path| path.is_dir()).collect();
    assert_eq!(directories.len(), 1, "{directories:?}");
    directories.remove(0)
}

fn manifest(out: &Path) -> RunManifest {
    read_manifest(&run_directory(out)).expect("a finished run")
}

#[test]
fn the_demo_finds_exactly_what_it_planted_and_the_run_itself_is_divergent() {
    for seed in ["1", "7"] {
        let out = tempfile::tempdir().expect("a directory");
        let output = demo(out.path(), &["--seed", seed]);
        let stdout = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{stdout}{}", text(&output.stderr));
        assert!(stdout.contains("found exactly the 11 planted defects"), "{stdout}");
        let manifest = manifest(out.path());
        assert_eq!((manifest.verdict, manifest.exit_code), (Verdict::Divergent, 10));
        // Both clusters, the three groups with their counts, and where the files are.
        for expected in
            [manifest.source.cluster_id.as_str(), &manifest.target.cluster_id, "billing", &manifest.run_id]
        {
            assert!(stdout.contains(expected), "{expected}: {stdout}");
        }
        assert_ne!(manifest.source.cluster_id, manifest.target.cluster_id);
        assert_eq!(manifest.groups.len(), 3);
        for position in manifest.groups.iter().flat_map(|group| &group.positions) {
            assert!(position.skip_records.is_some() && position.replay_records.is_some(), "{position:?}");
        }
        // Only the registries make the path that differs known.
        let findings = read_findings(&run_directory(out.path())).expect("findings");
        assert!(findings.iter().any(|finding| {
            finding.kind == FindingKind::MismatchedRecord && finding.detail.contains("amount_cents")
        }));
    }
}

#[test]
fn the_clean_demo_is_a_match_with_exact_skip_and_replay() {
    let out = tempfile::tempdir().expect("a directory");
    let output = demo(out.path(), &["--clean"]);
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}{}", text(&output.stderr));
    let manifest = manifest(out.path());
    assert_eq!((manifest.verdict, manifest.exit_code), (Verdict::Match, 0));
    assert_eq!(manifest.totals.findings_total(), 0);
    // 95 % of three topics: the group that is farthest behind has done a twentieth.
    assert_eq!(manifest.totals.source_records, 20_900);
    assert_eq!(manifest.totals.matched, 20_900);
    for position in manifest.groups.iter().flat_map(|group| &group.positions) {
        // An exact copy of a fresh topic has the source's offsets, so what is replayed can be told from them.
        let replay =
            position.source_offset.zip(position.target_offset).map(|(source, target)| source - target);
        assert_eq!(position.image_offset, position.source_offset, "{position:?}");
        assert_eq!(position.skip_records, Some(0), "{position:?}");
        assert_eq!(position.replay_records.map(|records| records as i64), replay, "{position:?}");
    }
}

#[test]
fn an_out_that_is_no_directory_is_refused_by_name() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let output = demo(file.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.contains(&file.path().display().to_string()), "{stderr}");
}
