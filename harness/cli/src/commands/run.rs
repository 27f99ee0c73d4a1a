//! `cutproof run`: the proof. Shows progress and the result; the engine decides.

use std::collections::HashMap;
use std::path::Path;

use cutproof::cancel::CancelToken;
use cutproof::config::ProofConfig;
use cutproof::run::{CheckpointEvery, RunOptions, RunOutcome};
use cutproof_reports::{FileEntry, Finding, FindingKind, RunManifest, RunState, resume_rows, show};

use super::{refusals, reset};
use crate::args::{Format, RunArguments};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::{output, signals};

/// Findings that the terminal shows; the files have all. Where there are more, so many of each kind.
const FINDINGS_SHOWN: usize = 20;
const OF_EACH_KIND_SHOWN: usize = 5;

/// Runs, prints the result, returns the exit code that the manifest holds.
pub fn run(arguments: &RunArguments) -> Result<i32, Failure> {
    let config = refusals::load(&arguments.config)?;
    let cancel = CancelToken::default();
    signals::listen(cancel.clone())?;
    let options = RunOptions {
        out: arguments.out.clone(),
        resume: arguments.resume.clone(),
        checkpoint_every: CheckpointEvery::default(),
        cancel: cancel.clone(),
        conditional: arguments.conditional,
    };
    let progress = Progress::new(arguments.quiet);
    let outcome = cutproof::run::run(&config, &options, &progress);
    progress.finish();
    let RunOutcome { manifest, directory, sample } = outcome.map_err(|error| {
        let mut failure = refusals::from_run(&error);
        // Stopped before there was anything to write: the signal's code, not the error's.
        failure.exit_code = cancel.cancelled().unwrap_or(failure.exit_code);
        failure
    })?;
    let text = match arguments.output {
        Format::Json => manifest_text(&directory)?,
        Format::Text => text(&manifest, &sample, &directory) + &to_the_images(&manifest, &directory, &config),
    };
    output::result(&text)?;
    if manifest.state == RunState::Partial {
        crate::logs::line(&how_to_go_on(&arguments.config, &directory, arguments.conditional));
    }
    Ok(manifest.exit_code)
}

/// How the groups are set to their images: the run itself commits nothing.
fn to_the_images(manifest: &RunManifest, directory: &Path, config: &ProofConfig) -> String {
    let rows = resume_rows(&manifest.groups);
    if manifest.state != RunState::Complete || rows.is_empty() {
        return String::new();
    }
    let groups: Vec<&str> = rows.iter().map(|row| row.group.as_str()).collect();
    let command = reset::command(&config.target, &groups, &directory.join("resume_offsets.csv"));
    format!(
        "\nTo start every group at its image on the target (stopped; only where the proof is a go)\n{command}"
    )
}

/// What a run that was stopped ends with on stderr: a command line for a shell. The checkpoint does not hold `conditional`.
fn how_to_go_on(config: &Path, directory: &Path, conditional: bool) -> String {
    let [config, directory] = [config, directory].map(|path| reset::quoted(&path.display().to_string()));
    let conditional = if conditional { " --conditional" } else { "" };
    format!("stopped; to go on from here: cutproof run -c {config} --resume {directory}{conditional}")
}

/// `run.json` as it stands.
pub fn manifest_text(directory: &Path) -> Result<String, Failure> {
    let path = directory.join("run.json");
    std::fs::read_to_string(&path).map_err(|error| {
        Failure::from_error(1, &error, "look at the run directory; the run itself came to its end")
            .while_doing(&format!("read {}", path.display()))
    })
}

/// The result for people. `sample`: the first findings of each kind.
pub fn text(manifest: &RunManifest, sample: &[Finding], directory: &Path) -> String {
    let findings = shown(sample);
    let mut text = format!("{}\n", show::verdict_line(manifest));
    for (side, cluster) in [("source", &manifest.source), ("target", &manifest.target)] {
        text += &format!("  {side} \"{}\", cluster {}\n", cluster.alias, cluster.cluster_id);
    }
    if !manifest.reasons.is_empty() {
        text += &format!("\nReasons\n{}", bullets(&manifest.reasons));
    }
    text += &format!("\nGroups\n{}", show::groups_table(&manifest.groups));
    text += &format!("\nFindings\n{}", show::findings_table(&findings, findings.len()));
    let more = manifest.totals.findings_total().saturating_sub(findings.len() as u64);
    if more > 0 {
        text += &format!("... and {more} more in findings/*.parquet\n");
    }
    text += &format!("\nLedger\n{}", show::ledger_table(&manifest.pairs));
    text + &format!("\nFiles in {}\n{}", directory.display(), files(&manifest.files))
}

/// All, or the first of each kind where they are many.
fn shown(sample: &[Finding]) -> Vec<Finding> {
    if sample.len() <= FINDINGS_SHOWN {
        return sample.to_vec();
    }
    let mut of_kind: HashMap<FindingKind, usize> = HashMap::new();
    let few = sample.iter().filter(|finding| {
        let seen = of_kind.entry(finding.kind).or_default();
        *seen += 1;
        *seen <= OF_EACH_KIND_SHOWN
    });
    few.cloned().collect()
}

fn bullets(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  - {line}\n")).collect()
}

fn files(entries: &[FileEntry]) -> String {
    let names = entries.iter().map(|entry| entry.path.as_str());
    format!("  run.json {}\n", names.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(kinds: &[(FindingKind, usize)]) -> Vec<Finding> {
        let one = |kind| Finding {
            finding_id: 0,
            kind,
            parts: Vec::new(),
            cause: None,
            order_broken: None,
            source: None,
            target: None,
            key_hash: None,
            source_value_hash: None,
            target_value_hash: None,
            detail: String::new(),
        };
        kinds.iter().flat_map(|&(kind, count)| std::iter::repeat_n(one(kind), count)).collect()
    }

    #[test]
    fn the_command_to_go_on_asks_for_conditions_again_and_survives_a_shell() {
        let command = |config: &str, directory: &str, conditional: bool| {
            let said = how_to_go_on(Path::new(config), Path::new(directory), conditional);
            said.strip_prefix("stopped; to go on from here: cutproof run ").map(str::to_owned)
        };
        assert_eq!(command("c.yaml", "out/r", false).as_deref(), Some("-c c.yaml --resume out/r"));
        assert_eq!(
            command("my c.yaml", "it's/r", true).as_deref(),
            Some(r"-c 'my c.yaml' --resume 'it'\''s/r' --conditional")
        );
    }

    #[test]
    fn few_findings_are_shown_whole_and_many_still_show_every_kind() {
        use FindingKind::{DuplicateRecord, MissingRecord};
        assert_eq!(shown(&findings(&[(MissingRecord, 19), (DuplicateRecord, 1)])).len(), 20);
        let kinds: Vec<FindingKind> = shown(&findings(&[(MissingRecord, 20), (DuplicateRecord, 1)]))
            .iter()
            .map(|finding| finding.kind)
            .collect();
        assert_eq!(kinds, [[MissingRecord; 5].as_slice(), &[DuplicateRecord]].concat());
    }
}
