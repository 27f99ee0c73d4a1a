//! Policy and results in, decision out. Needs no Kafka: the same results give the same decision again.

use std::collections::BTreeMap;

use cutproof_reports::{FindingKind, GroupSummary, PositionState, PositionSummary, Scorecard, Verdict};

use crate::record::{Allowance, Allowed};

/// Groups that one reason names; the groups' table has all.
const NAMED: usize = 3;

/// What the decision rests on.
#[derive(Debug)]
pub struct Results<'a> {
    /// Findings by the contract they fall under: its allowances, and the count of each kind.
    pub findings: Vec<(&'a [Allowance], BTreeMap<FindingKind, u64>)>,
    /// Records that compaction may have removed or that may be lost, by contract as above.
    pub compacted_or_dropped: Vec<(&'a [Allowance], u64)>,
    /// Records in scope: source, target.
    pub records: [u64; 2],
    /// Source records that the target has not reached.
    pub pending: u64,
    /// Records that could not be judged.
    pub unverifiable: u64,
    /// Ranges that could not be read to their end, a sentence each.
    pub unread: Vec<String>,
    /// The groups.
    pub groups: &'a [GroupSummary],
    /// Whether the target does not tell of some group if somebody consumes with it there, and moves its position.
    /// A reason says so; it makes nothing inconclusive, for no further run would know more.
    pub members_unknown: bool,
    /// Whether a go with conditions is to be told from one without.
    pub conditional: bool,
    /// Why the run's test of itself failed, if it did.
    pub self_check_failed: Option<String>,
}

/// May the cutover go ahead?
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What the records say.
    pub verdict: Verdict,
    /// 0, 10, 11 (only where asked) or 12.
    pub exit_code: i32,
    /// Why, the decisive reason first.
    pub reasons: Vec<String>,
}

/// The default gates: no finding that no allowance covers, nothing skipped and nothing missing ahead of a group,
/// every position judged, and no group without one.
pub fn decide(results: &Results<'_>) -> Decision {
    let mut divergent = Vec::new();
    let mut allowed = Vec::new();
    for (allowances, findings) in &results.findings {
        for (&kind, &count) in findings.iter().filter(|(_, count)| **count > 0) {
            match covering(allowances, Allowed::Finding(kind), count) {
                Some(allowance) => allowed.push(format!("{count} {kind} allowed: {}", allowance.reason)),
                None => divergent.push(format!("{count} {kind}")),
            }
        }
    }
    let mut no_go = Vec::new();
    let mut open = Vec::new();
    for group in results.groups {
        if group.positions.is_empty() {
            open.push(format!(
                "group {} has no position in scope, so nothing is proved of it: see that its name in groups.include is \
                 right and that it commits on the topics, or take it out",
                group.group
            ));
        }
        for position in &group.positions {
            judge_position(&group.group, position, &mut no_go, &mut open);
        }
    }
    for &(allowances, count) in results.compacted_or_dropped.iter().filter(|(_, count)| *count > 0) {
        match covering(allowances, Allowed::CompactedOrDropped, count) {
            Some(allowance) => {
                allowed.push(format!("{count} compacted_or_dropped allowed: {}", allowance.reason))
            }
            None => open.push(format!("{count} records were compacted or dropped: it cannot be told which")),
        }
    }
    if results.records == [0, 0] {
        open.push("no record was compared".to_owned());
    }
    if results.pending > 0 {
        open.push(format!(
            "{} source records after the last copied one are not on the target: replication lags, has stopped, or \
             lost them; they are not judged",
            results.pending
        ));
    }
    if results.unverifiable > 0 {
        open.push(format!("{} records could not be judged", results.unverifiable));
    }
    open.extend(results.unread.iter().cloned());
    open.extend(
        results.self_check_failed.iter().map(|why| format!("the run's test of itself failed: {why}")),
    );

    let verdict = if !divergent.is_empty() {
        Verdict::Divergent
    } else if !open.is_empty() {
        Verdict::Inconclusive
    } else {
        Verdict::Match
    };
    let mut conditions = if results.conditional { conditions(results) } else { Vec::new() };
    let exit_code = if !divergent.is_empty() || !no_go.is_empty() {
        10
    } else if !open.is_empty() {
        12
    } else if results.conditional && !(allowed.is_empty() && conditions.is_empty()) {
        11
    } else {
        0
    };
    if exit_code != 11 {
        conditions.clear();
    }
    let reasons = [divergent, no_go, open, conditions, allowed].concat();
    Decision { verdict, exit_code, reasons }
}

/// The first allowance for this that is large enough.
fn covering(allowances: &[Allowance], what: Allowed, count: u64) -> Option<&Allowance> {
    allowances.iter().find(|a| a.finding == what && a.max.is_none_or(|max| count <= max))
}

/// What a go asks of those who give it, allowances apart: records that are processed again, positions that are about to
/// change, positions that may be moving.
fn conditions(results: &Results<'_>) -> Vec<String> {
    let (mut replaying, mut stale) = (Vec::new(), Vec::new());
    for GroupSummary { group, positions, .. } in results.groups {
        let on_target = positions.iter().filter(|position| sides(position)[1]);
        let replayed: u64 = on_target.filter_map(|position| position.replay_records).sum();
        if replayed > 0 {
            replaying.push(format!("{group} ({replayed} records)"));
        }
        if positions.iter().any(|position| position.state != PositionState::Judged) {
            stale.push(group.clone());
        }
    }
    let mut out = Vec::new();
    if !replaying.is_empty() {
        out.push(format!("groups that would process records again: {}", few(&replaying)));
    }
    if !stale.is_empty() {
        out.push(format!("groups that rest on a stale checkpoint: {}", few(&stale)));
    }
    if results.members_unknown {
        out.push("the target does not tell whether groups have live members there".to_owned());
    }
    out
}

/// The first names, and how many more there are.
fn few(names: &[String]) -> String {
    let (shown, others) = names.split_at(names.len().min(NAMED));
    let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    format!("{}{more}", shown.join(", "))
}

fn judge_position(group: &str, position: &PositionSummary, no_go: &mut Vec<String>, open: &mut Vec<String>) {
    let (topic, partition) = match (position.partition, position.target_partition) {
        (None, Some(target)) => (&position.target_topic, Some(target)),
        (source, _) => (&position.topic, source),
    };
    let partition = partition.map(|partition| format!("-{partition}")).unwrap_or_default();
    let place = format!("group {group} at {topic}{partition}");
    if let Some(skip) = position.skip_records.filter(|&skip| skip > 0) {
        no_go.push(format!("{place} would skip {skip} records"));
    }
    if let Some(missing) = position.missing_records.filter(|&missing| missing > 0) {
        no_go.push(format!("{place}: {missing} records ahead of it are missing on the target"));
    }
    if !is_settled(position) {
        let why = if position.detail.is_empty() { "its position was not judged" } else { &position.detail };
        open.push(format!("{place}: {why}"));
    }
}

/// Whether all that is promised of a position is known. A count that is absent is never a zero.
fn is_settled(position: &PositionSummary) -> bool {
    let [on_source, on_target] = sides(position);
    position.state.stands()
        && (!on_source || position.missing_records.is_some())
        && (!on_target || (position.skip_records.is_some() && position.replay_records.is_some()))
}

/// Whether a position says what belongs to the source and to the target. A row of one side states what belongs to that
/// side; the rows of the other side state the rest.
fn sides(position: &PositionSummary) -> [bool; 2] {
    [position.partition.is_some(), position.target_partition.is_some()]
}

/// The worst of a group's positions; red without any. A stale checkpoint is safe where its counts are, but worth a
/// look: the next one replays less.
pub fn scorecard(positions: &[PositionSummary]) -> Scorecard {
    if positions.is_empty() {
        return Scorecard::Red;
    }
    let of = |position: &PositionSummary| {
        let none = |records: Option<u64>| records == Some(0);
        let [on_source, on_target] = sides(position);
        if !is_settled(position)
            || (on_target && !none(position.skip_records))
            || (on_source && !none(position.missing_records))
        {
            Scorecard::Red
        } else if (on_target && !none(position.replay_records)) || position.state != PositionState::Judged {
            Scorecard::Yellow
        } else {
            Scorecard::Green
        }
    };
    let worse = |a: Scorecard, b: Scorecard| match (a, b) {
        (Scorecard::Red, _) | (_, Scorecard::Red) => Scorecard::Red,
        (Scorecard::Yellow, _) | (_, Scorecard::Yellow) => Scorecard::Yellow,
        _ => Scorecard::Green,
    };
    positions.iter().map(of).fold(Scorecard::Green, worse)
}

#[cfg(test)]
mod tests;
