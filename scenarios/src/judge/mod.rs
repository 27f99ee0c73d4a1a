//! Whether a proof said what a scenario expects, all of it and nothing else. Pure; runs nothing.

mod findings;

use cutproof_reports::{Finding, GroupSummary, PositionSummary, RunManifest};

pub use findings::{differences as finding_differences, sentence};

use crate::format::{Count, Expect, FindingExpect, GroupExpect, TotalsExpect};

/// How a proof ended.
#[derive(Clone, Debug)]
pub enum ProofEnd {
    /// With a result.
    Ended {
        /// `run.json`.
        manifest: Box<RunManifest>,
        /// All of them.
        findings: Vec<Finding>,
    },
    /// With an error.
    Refused {
        /// As `cutproof run` would have ended.
        exit_code: i32,
        /// What it would have said.
        error: String,
    },
}

/// One line for each difference; empty where all is as expected. `derived`: the findings that the player derived where
/// `expect` leaves that to it.
pub fn differences(expect: &Expect, derived: &[FindingExpect], end: &ProofEnd) -> Vec<String> {
    match end {
        ProofEnd::Refused { exit_code, error } => refused(expect, *exit_code, error),
        ProofEnd::Ended { manifest, findings } => ended(expect, derived, manifest, findings),
    }
}

fn refused(expect: &Expect, exit_code: i32, error: &str) -> Vec<String> {
    let Some(text) = &expect.error else {
        return vec![format!("the proof did not run (exit code {exit_code}): {error}")];
    };
    let mut lines = Vec::new();
    code(expect, exit_code, &mut lines);
    if !error.contains(text) {
        lines.push(format!("error: expected one that says `{text}`, found: {error}"));
    }
    lines
}

fn ended(
    expect: &Expect,
    derived: &[FindingExpect],
    manifest: &RunManifest,
    findings: &[Finding],
) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(text) = &expect.error {
        lines.push(format!("error: expected one that says `{text}`, but the proof ran"));
    }
    code(expect, manifest.exit_code, &mut lines);
    if let Some(verdict) = expect.verdict
        && verdict != manifest.verdict
    {
        lines.push(format!("verdict: expected {}, found {}", verdict.as_str(), manifest.verdict.as_str()));
    }
    if expect.error.is_none() {
        lines.extend(finding_differences(expect, derived, findings));
    }
    if manifest.totals.matched == 0 && expect.totals.matched != Some(Count::Exactly(0)) {
        lines.push(
            "the proof matched no record, so it says nothing; if that is the point, expect `totals: {matched: 0}`"
                .to_owned(),
        );
    }
    totals(&expect.totals, manifest, &mut lines);
    for group in &expect.groups {
        group_lines(group, &manifest.groups, &mut lines);
    }
    for text in &expect.reasons {
        if !manifest.reasons.iter().any(|reason| reason.contains(text)) {
            let found = manifest.reasons.join(" | ");
            lines.push(format!("reasons: none says `{text}`; found: {found}"));
        }
    }
    if !lines.is_empty() && expect.reasons.is_empty() && !manifest.reasons.is_empty() {
        lines.push(format!("(the run's reasons: {})", manifest.reasons.join(" | ")));
    }
    lines
}

fn code(expect: &Expect, found: i32, lines: &mut Vec<String>) {
    if let Some(expected) = expect.exit_code
        && expected != found
    {
        lines.push(format!("exit code: expected {expected}, found {found}"));
    }
}

fn totals(expect: &TotalsExpect, manifest: &RunManifest, lines: &mut Vec<String>) {
    let TotalsExpect {
        source_records,
        target_records,
        matched,
        equal_meaning,
        pending,
        unverifiable,
        compacted,
    } = expect;
    let found = &manifest.totals;
    for (name, expected, found) in [
        ("source_records", source_records, found.source_records),
        ("target_records", target_records, found.target_records),
        ("matched", matched, found.matched),
        ("equal_meaning", equal_meaning, found.equal_meaning),
        ("pending", pending, found.pending),
        ("unverifiable", unverifiable, found.unverifiable),
        ("compacted", compacted, found.compacted),
    ] {
        if let Some(expected) = expected.filter(|expected| !expected.holds(found)) {
            lines.push(format!("totals.{name}: expected {expected}, found {found}"));
        }
    }
}

fn group_lines(expect: &GroupExpect, groups: &[GroupSummary], lines: &mut Vec<String>) {
    let name = &expect.group;
    let Some(group) = groups.iter().find(|group| group.group == *name) else {
        let there: Vec<&str> = groups.iter().map(|group| group.group.as_str()).collect();
        lines.push(format!("groups: {name} is not among those of the run: {}", there.join(", ")));
        return;
    };
    if let Some(scorecard) = expect.scorecard
        && scorecard != group.scorecard
    {
        let (expected, found) = (scorecard.as_str(), group.scorecard.as_str());
        lines.push(format!("group {name}: expected {expected}, found {found}"));
    }
    let topic =
        |position: &PositionSummary| expect.topic.as_ref().is_none_or(|topic| *topic == position.topic);
    let here = |position: &&PositionSummary| {
        topic(position) && expect.partition.is_none_or(|partition| position.partition == Some(partition))
    };
    let positions: Vec<&PositionSummary> = group.positions.iter().filter(here).collect();
    if positions.is_empty() {
        lines.push(format!("group {name}: has no position that the scenario speaks of"));
    }
    for position in positions {
        position_lines(expect, position, lines);
    }
}

fn position_lines(expect: &GroupExpect, position: &PositionSummary, lines: &mut Vec<String>) {
    let GroupExpect {
        group,
        topic: _,
        partition: _,
        state,
        scorecard: _,
        skip,
        replay,
        missing,
        resume,
        image,
    } = expect;
    let mut say = |what: &str, expected: String, found: String| {
        let topic = &position.topic;
        let partition =
            position.partition.map_or_else(|| "any".to_owned(), |partition| partition.to_string());
        lines.push(format!(
            "group {group} at {topic}-{partition}: {what}: expected {expected}, found {found}"
        ));
    };
    if let Some(state) = state.filter(|state| *state != position.state) {
        let found = format!("{} ({})", position.state.as_str(), position.detail);
        say("state", state.as_str().to_owned(), found);
    }
    for (what, expected, found) in [
        ("skip", skip, position.skip_records),
        ("replay", replay, position.replay_records),
        ("missing", missing, position.missing_records),
    ] {
        if let Some(expected) = expected.filter(|expected| !found.is_some_and(|found| expected.holds(found)))
        {
            say(what, expected.to_string(), stated(found));
        }
    }
    for (what, expected, found) in
        [("resume", resume, position.target_offset), ("image", image, position.image_offset)]
    {
        if let Some(expected) = expected.filter(|expected| found != Some(*expected)) {
            say(what, expected.to_string(), stated(found));
        }
    }
}

fn stated(number: Option<impl ToString>) -> String {
    number.map_or_else(|| "none stated".to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests;
