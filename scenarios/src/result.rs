//! What became of a scenario, as plain data: for the terminal, JUnit, JSON and the table of what is caught.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use cutproof_reports::{FindingKind, Verdict};
use serde::Serialize;

use crate::format::TableRow;

/// One played scenario.
#[derive(Clone, Debug)]
pub struct ScenarioResult {
    /// Name below the directory that was named.
    pub name: String,
    /// Its description.
    pub description: String,
    /// As expected, or not, or not played to its end.
    pub outcome: Outcome,
    /// How long it took, clusters included.
    pub duration: Duration,
    /// What the proof said; `None` if it came to nothing.
    pub said: Option<Said>,
    /// Where its files are, if they were kept.
    pub artefacts: Option<PathBuf>,
    /// Its row in the table of what is caught.
    pub table: Option<TableRow>,
}

/// How a scenario ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The proof said what was expected, and nothing else.
    AsExpected,
    /// It did not: one line for each difference.
    Unexpected(Vec<String>),
    /// It could not be played: why.
    CouldNotRun(String),
}

/// What a proof said, in short and in the names of the scenario.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Said {
    /// What `cutproof run` would have ended with.
    pub exit_code: i32,
    /// `None` if the proof refused to run.
    pub verdict: Option<Verdict>,
    /// Why it refused.
    pub error: Option<String>,
    /// Findings by kind.
    pub findings: BTreeMap<FindingKind, u64>,
    /// Causes that were named.
    pub causes: BTreeSet<String>,
    /// Parts that differed.
    pub parts: BTreeSet<&'static str>,
    /// States of positions, other than judged.
    pub states: BTreeSet<&'static str>,
    /// Records that groups would skip, all together, where that is exact.
    pub skip_records: u64,
    /// The first finding, as a sentence.
    pub example: Option<String>,
    /// The first of the run's reasons.
    pub reason: Option<String>,
}

impl ScenarioResult {
    /// 0 as expected, 10 not, 1 if it could not be played.
    pub fn exit_code(&self) -> i32 {
        match self.outcome {
            Outcome::AsExpected => 0,
            Outcome::Unexpected(_) => 10,
            Outcome::CouldNotRun(_) => 1,
        }
    }
}

/// For all: 1 if one could not be played, else 10 if one was not as expected, else 0.
pub fn exit_code(results: &[ScenarioResult]) -> i32 {
    let codes: Vec<i32> = results.iter().map(ScenarioResult::exit_code).collect();
    [1, 10].into_iter().find(|code| codes.contains(code)).unwrap_or(0)
}
