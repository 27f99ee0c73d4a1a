//! The table of what is caught, out of results: failure, check, answer, how. Claims nothing that no scenario showed.

use crate::format::{FoundAnswer, TableRow};
use crate::result::{Outcome, Said, ScenarioResult};

/// How the row of a scenario begins, as far as its file alone says: failure and name.
pub fn row_head(name: &str, row: &TableRow) -> String {
    format!("| {} (`{name}`) |", escape(&row.failure))
}

/// The rows of a page, without its heading.
pub fn rows_of(page: &str) -> Vec<&str> {
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    rows.skip(1).collect()
}

/// Markdown; only scenarios with a `table` make a row, in the order of the answers.
pub fn table(results: &[ScenarioResult]) -> String {
    let mut rows: Vec<(FoundAnswer, &ScenarioResult, &TableRow)> = results
        .iter()
        .filter_map(|result| result.table.as_ref().map(|row| (row.found, result, row)))
        .collect();
    rows.sort_by_key(|(found, ..)| *found as u8);
    let mut text = "# What is caught\n\n\
        Written by `cutproof scenario run --table`: each row is a scenario that was played, and the proof said what the \
        row says.\n\n\
        | failure | check | answer | how |\n| --- | --- | --- | --- |\n"
        .to_owned();
    for (found, result, row) in rows {
        let cells = match (&result.outcome, &result.said) {
            (Outcome::AsExpected, Some(said)) => [check(said), found.as_str().to_owned(), how(row, said)],
            (Outcome::AsExpected | Outcome::CouldNotRun(_), _) => {
                [String::new(), "**not played**".to_owned(), String::new()]
            }
            (Outcome::Unexpected(lines), _) => {
                [String::new(), "**not as expected**".to_owned(), lines.first().cloned().unwrap_or_default()]
            }
        };
        let [check, answer, how] = cells.map(|cell| escape(&cell));
        text += &format!("{} {check} | {answer} | {how} |\n", row_head(&result.name, row));
    }
    text
}

/// What told: kinds of findings with their parts and causes, else states of positions, else the verdict.
fn check(said: &Said) -> String {
    let mut told: Vec<String> = said.findings.keys().map(|kind| format!("`{kind}`")).collect();
    if !said.parts.is_empty() {
        let parts: Vec<&str> = said.parts.iter().copied().collect();
        told.push(format!("({})", parts.join(", ")));
    }
    told.extend(said.causes.iter().map(|cause| format!("cause `{cause}`")));
    told.extend(said.states.iter().map(|state| format!("position `{state}`")));
    if said.skip_records > 0 {
        told.push("skip".to_owned());
    }
    if told.is_empty() {
        told.push(match (said.verdict, &said.error) {
            (Some(verdict), _) => format!("verdict {}", verdict.as_str()),
            (None, _) => format!("refused, exit code {}", said.exit_code),
        });
    }
    told.join(" ")
}

fn how(row: &TableRow, said: &Said) -> String {
    // Reasons may tell times of the run: only where the scenario does not say it in its own words.
    let reason = said.reason.as_ref().filter(|_| row.why.is_none());
    let example = said.example.as_ref().or(said.error.as_ref()).or(reason);
    let why = row.why.iter().cloned();
    let example = example.map(|example| match said.example {
        Some(_) => format!("e.g. {example}"),
        None => example.clone(),
    });
    // Where nothing is found there is nothing to show.
    let example = example.filter(|_| row.found != FoundAnswer::No);
    why.chain(example).collect::<Vec<_>>().join("; ")
}

fn escape(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}
