//! `cutproof demo`: two embedded clusters, a workload, a copy of it with planted defects, and the proof by the real
//! engine; then whether it found exactly what was planted. Needs no Kafka, opens nothing, leaves the run directory.

mod judge;
mod planted;
mod stage;

use std::path::Path;
use std::time::Instant;

use cutproof::cancel::CancelToken;
use cutproof::run::{CheckpointEvery, RunOptions, RunOutcome};
use cutproof_reports::{RunState, Verdict, read_findings};

use super::{plan, refusals, run};
use crate::args::DemoArguments;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::{logs, output, signals};
use judge::{Place, compare};
use planted::Script;
use stage::Stage;

/// The demo's own answer where the findings are not those that were planted.
const NOT_AS_PLANTED: i32 = 10;

/// Sets the stage, runs the proof, compares what it found with what was planted. 0 only if they are equal.
pub fn demo(arguments: &DemoArguments) -> Result<i32, Failure> {
    let started = Instant::now();
    let cancel = CancelToken::default();
    signals::listen(cancel.clone())?;
    let script =
        if arguments.clean { Script::clean(arguments.seed) } else { Script::planted(arguments.seed)? };
    let progress = Progress::new(arguments.quiet);
    logs::line("starting two embedded clusters of three brokers each, copying the workload between them ...");
    let stage = Stage::set(&script)?;
    let config_file = stage.write_config(&arguments.out)?;
    let config = refusals::load(&config_file)?;
    let plan = plan::planned(&config, &progress).map_err(|error| refusals::from_run(&error))?;
    output::result(&format!(
        "{}\nPlan\n{}\nPlanted\n{}\n",
        stage.description(),
        plan::text(&config, &plan),
        script.description()
    ))?;
    let options = RunOptions {
        out: arguments.out.clone(),
        resume: None,
        checkpoint_every: CheckpointEvery::default(),
        cancel,
        conditional: false,
    };
    let outcome = cutproof::run::run(&config, &options, &progress);
    progress.finish();
    let RunOutcome { manifest, directory, sample } = outcome.map_err(|error| refusals::from_run(&error))?;
    let mut text = run::text(&manifest, &sample, &directory);
    text += &format!("  configuration: {}\n\n", config_file.display());
    let code = match manifest.state {
        RunState::Partial => manifest.exit_code,
        RunState::Complete => {
            let (sentence, code) = conclusion(&script, &found(&directory)?, manifest.verdict);
            text += &format!("{sentence} ({:.1} s)\n", started.elapsed().as_secs_f64());
            code
        }
    };
    output::result(&text)?;
    Ok(code)
}

/// What the run wrote to its files, not what it holds in memory.
fn found(directory: &Path) -> Result<Vec<Place>, Failure> {
    let findings = read_findings(directory).map_err(|error| {
        Failure::from_error(1, &error, "look at the run directory; the run itself came to its end")
    })?;
    Ok(findings.iter().map(Place::of).collect())
}

/// Whether the findings and the verdict are the planted ones, as a sentence and an exit code.
fn conclusion(script: &Script, found: &[Place], verdict: Verdict) -> (String, i32) {
    let differences = compare(&script.expected(), found);
    let verdict_expected = if script.defects() == 0 { Verdict::Match } else { Verdict::Divergent };
    if !differences.is_empty() {
        return (format!("NOT what was planted:\n{differences}"), NOT_AS_PLANTED);
    }
    if verdict != verdict_expected {
        let (verdict, expected) = (verdict.as_str(), verdict_expected.as_str());
        return (
            format!("the findings are those that were planted, but the verdict is {verdict}, not {expected}"),
            NOT_AS_PLANTED,
        );
    }
    let sentence = match script.defects() {
        0 => "planted nothing, found nothing".to_owned(),
        defects => format!(
            "found exactly the {defects} planted defects: the {} findings in the run directory are those that follow \
             from them, and no other",
            found.len()
        ),
    };
    (sentence, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_planted_findings_with_their_verdict_give_zero() {
        let script = Script::planted(1).expect("the workload has room");
        let expected = script.expected();
        assert_eq!(conclusion(&script, &expected, Verdict::Divergent).1, 0);
        assert_eq!(conclusion(&script, &expected, Verdict::Inconclusive).1, NOT_AS_PLANTED);
        assert_eq!(conclusion(&script, &expected[1..], Verdict::Divergent).1, NOT_AS_PLANTED);
        let clean = Script::clean(1);
        assert_eq!(conclusion(&clean, &[], Verdict::Match).1, 0);
        assert_eq!(conclusion(&clean, &expected[..1], Verdict::Match).1, NOT_AS_PLANTED);
        assert_eq!(conclusion(&clean, &[], Verdict::Inconclusive).1, NOT_AS_PLANTED);
    }
}
