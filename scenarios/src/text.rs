//! Results for people and as JSON. Prints nothing.

use serde_json::{Value, json};

use crate::format::Loaded;
use crate::result::{Outcome, ScenarioResult, exit_code};

/// One line, and the differences where there are any.
pub fn line(result: &ScenarioResult) -> String {
    let seconds = result.duration.as_secs_f64();
    let said = said(result);
    let (word, lines) = match &result.outcome {
        Outcome::AsExpected => ("ok", Vec::new()),
        Outcome::Unexpected(lines) => ("FAILED", lines.clone()),
        Outcome::CouldNotRun(reason) => ("ERROR", vec![reason.trim_end().to_owned()]),
    };
    let mut text = format!("{word:<7}{:<40} {seconds:>6.1} s  {said}\n", result.name);
    for line in lines {
        text += &format!("         {}\n", line.replace('\n', "\n         "));
    }
    if let Some(artefacts) = &result.artefacts {
        text += &format!("         kept: {}\n", artefacts.display());
    }
    text
}

fn said(result: &ScenarioResult) -> String {
    let Some(said) = &result.said else { return String::new() };
    let verdict = said.verdict.map_or("refused", |verdict| verdict.as_str());
    let kinds = said.findings.iter().map(|(kind, count)| format!(", {count} {kind}"));
    format!("{verdict}{}", kinds.collect::<String>())
}

/// How many were as expected.
pub fn summary(results: &[ScenarioResult]) -> String {
    let count = |code: i32| results.iter().filter(|result| result.exit_code() == code).count();
    format!(
        "{} scenarios: {} as expected, {} not, {} could not be played\n",
        results.len(),
        count(0),
        count(10),
        count(1)
    )
}

/// All results as JSON.
pub fn json(results: &[ScenarioResult]) -> String {
    let one = |result: &ScenarioResult| {
        let ScenarioResult { name, description, outcome, duration, said, artefacts, table: _ } = result;
        let (word, details) = match outcome {
            Outcome::AsExpected => ("as_expected", Vec::new()),
            Outcome::Unexpected(lines) => ("unexpected", lines.clone()),
            Outcome::CouldNotRun(reason) => ("could_not_run", vec![reason.clone()]),
        };
        json!({
            "name": name,
            "description": description.trim(),
            "outcome": word,
            "details": details,
            "seconds": duration.as_secs_f64(),
            "said": said,
            "artefacts": artefacts,
        })
    };
    let scenarios: Vec<Value> = results.iter().map(one).collect();
    let all = json!({ "exit_code": exit_code(results), "scenarios": scenarios });
    format!("{}\n", serde_json::to_string_pretty(&all).unwrap_or_default())
}

/// Name, clusters and first sentence of each.
pub fn list(scenarios: &[Loaded]) -> String {
    let width = scenarios.iter().map(|loaded| loaded.name.len()).max().unwrap_or(0);
    let line = |loaded: &Loaded| {
        let clusters = loaded.scenario.clusters.describe();
        format!("{:width$}  {clusters:<22}  {}\n", loaded.name, loaded.scenario.first_sentence())
    };
    scenarios.iter().map(line).collect()
}
