//! The proof of a scenario, by the same entry point as `cutproof run`; steps that are done meanwhile. Judges nothing.

use std::fs;
use std::path::Path;

use cutproof::run::{CheckpointEvery, RunOptions, RunOutcome};
use cutproof_reports::{Finding, RunManifest, read_findings};

use super::stage::Stage;
use super::steps::{Around, perform};
use super::{Names, proof_config};
use crate::error::ScenarioError;
use crate::format::{Run, SideWord};
use crate::judge::ProofEnd;

/// Writes the configuration, runs, and keeps what was said in the names of the file.
pub fn prove(stage: &mut Stage<'_>, run: &Run, around: &Around<'_>) -> Result<(), ScenarioError> {
    let failed = |reason: String| ScenarioError::step("run", reason);
    let addresses = stage.addresses().map_err(|error| failed(error.to_string()))?;
    let text = proof_config(stage.scenario, &stage.names, stage.cast, &addresses);
    let text = with_tagged_csv(&text, stage).map_err(failed)?;
    let file = stage.work.join("cutproof.yaml");
    fs::write(&file, &text).map_err(|error| failed(format!("{}: {error}", file.display())))?;
    let config = match cutproof::config::parse(&text, &stage.directory) {
        Ok(config) => config,
        Err(error) => {
            stage.end = Some(ProofEnd::Refused { exit_code: 2, error: error.to_string() });
            return Ok(());
        }
    };
    let options = RunOptions {
        out: stage.work.join("run"),
        resume: None,
        checkpoint_every: CheckpointEvery::default(),
        cancel: around.cancel.clone(),
        conditional: run.conditional,
    };
    let outcome = std::thread::scope(|scope| {
        let proof = scope.spawn(|| cutproof::run::run(&config, &options, around.monitor).map_err(Box::new));
        let done: Result<(), ScenarioError> =
            run.meanwhile.iter().try_for_each(|step| perform(stage, step, around));
        if done.is_err() {
            // So that the proof comes to its end.
            stage.ground.heal();
        }
        let outcome = proof.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        done.map(|()| outcome)
    })?;
    if around.cancel.cancelled().is_some() {
        return Err(ScenarioError::Stopped);
    }
    stage.end = Some(match outcome {
        Err(error) => ProofEnd::Refused {
            exit_code: error.exit_code(),
            error: stage.names.as_in_file(&with_causes(error.as_ref())),
        },
        Ok(RunOutcome { manifest, directory, sample: _ }) => {
            let findings = read_findings(&directory).map_err(|error| failed(error.to_string()))?;
            in_names_of_file(&manifest, &findings, &stage.names).map_err(failed)?
        }
    });
    Ok(())
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = error.source();
    }
    text
}

/// Names stand in many places, also within sentences: so the whole text loses its tags.
fn in_names_of_file(manifest: &RunManifest, findings: &[Finding], names: &Names) -> Result<ProofEnd, String> {
    let said = |error: serde_json::Error| error.to_string();
    let manifest = names.as_in_file(&serde_json::to_string(manifest).map_err(said)?);
    let findings = names.as_in_file(&serde_json::to_string(findings).map_err(said)?);
    Ok(ProofEnd::Ended {
        manifest: serde_json::from_str(&manifest).map_err(said)?,
        findings: serde_json::from_str(&findings).map_err(said)?,
    })
}

/// `positions.csv_file` holds names of the file: a copy of it with the tagged ones takes its place.
fn with_tagged_csv(text: &str, stage: &Stage<'_>) -> Result<String, String> {
    let mut config: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let Some(csv) = config["positions"]["csv_file"].as_str().map(|csv| stage.directory.join(csv)) else {
        return Ok(text.to_owned());
    };
    let rows = fs::read_to_string(&csv).map_err(|error| format!("{}: {error}", csv.display()))?;
    let tagged: String = rows.lines().map(|row| tagged_row(row, &stage.names)).collect();
    let copy = stage.work.join("positions.csv");
    fs::write(&copy, tagged).map_err(|error| format!("{}: {error}", copy.display()))?;
    let absolute = fs::canonicalize(&copy).map_err(|error| error.to_string())?;
    config["positions"]["csv_file"] = path_text(&absolute).into();
    serde_json::to_string_pretty(&config).map_err(|error| error.to_string())
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// `group,topic,partition,offset`, the topic on the target. Anything else stays for the engine to refuse.
fn tagged_row(row: &str, names: &Names) -> String {
    let cells: Vec<&str> = row.split(',').collect();
    match cells[..] {
        [group, topic, partition, offset] if partition.trim().parse::<i32>().is_ok() => {
            let (group, topic) = (names.group(group.trim()), names.topic(SideWord::Target, topic.trim()));
            format!("{group},{topic},{partition},{offset}\n")
        }
        _ => format!("{row}\n"),
    }
}
