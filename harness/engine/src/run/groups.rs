//! Puts each group's positions together: what the plan says, what the judged pairs count, what the lead-in adds.

use cutproof_reports::{GroupSummary, PositionState, PositionSummary};

use crate::align::{Alignment, Counted, Outcome};
use crate::classify::{HiddenGaps, Misplacement};
use crate::gates::scorecard;
use crate::ledger::{Copies, Judgement, judge_resume};
use crate::positions::{GroupPosition, Plan};

use super::lead::LeadIn;

/// What is known of each pair, by its index in the plan.
pub(super) struct Known<'a> {
    pub judgements: &'a [Option<Judgement>],
    pub leads: &'a [LeadIn],
    /// Why a pair was not judged, or not to its end.
    pub remarks: &'a [Vec<String>],
    /// Copies in other partitions than the contract promises.
    pub misplaced: &'a [Misplacement],
}

pub(super) fn summaries(plan: &Plan, known: &Known<'_>) -> Vec<GroupSummary> {
    let copies: Vec<Option<Copies<'_>>> =
        known.judgements.iter().map(|judgement| judgement.as_ref().map(Copies::of)).collect();
    plan.groups
        .iter()
        .map(|group| {
            let positions: Vec<PositionSummary> = group
                .positions
                .iter()
                .filter(|position| !super::unit::is_unit(&plan.pairs[position.pair].contract))
                .map(|position| summary(plan, known, &copies, position, &group.positions))
                .collect();
            GroupSummary { group: group.group.clone(), scorecard: scorecard(&positions), positions }
        })
        .collect()
}

fn summary(
    plan: &Plan,
    known: &Known<'_>,
    copies: &[Option<Copies<'_>>],
    position: &GroupPosition,
    all: &[GroupPosition],
) -> PositionSummary {
    let pair = &plan.pairs[position.pair];
    let mut summary = PositionSummary {
        topic: pair.source.topic.clone(),
        partition: Some(pair.source.partition),
        target_topic: pair.target.topic.clone(),
        target_partition: Some(pair.target.partition),
        source_offset: position.committed,
        target_offset: position.resume,
        origin: position.origin,
        also: position.also.clone(),
        image_offset: None,
        skip_records: None,
        replay_records: None,
        missing_records: None,
        records_read_to_locate: pair.records_read_to_locate + position.records_read_to_locate,
        state: position.state,
        detail: position.detail.clone(),
    };
    // Without a commit on the source nothing is ahead of the group or behind it.
    let Some(committed) = position.committed else { return summary };
    let (Some(copies), Some(judgement)) = (&copies[position.pair], &known.judgements[position.pair]) else {
        return not_located(summary, &known.remarks[position.pair]);
    };
    if let Some(why) = unsolved(&judgement.alignment) {
        return not_provable(summary, format!("skip, replay and image not provable: {why}"));
    }
    // Without a resume offset only the image can be told: the one for a reader that starts behind everything.
    let counted = judge_resume(copies, committed, position.resume.unwrap_or(i64::MAX));
    let complete = judgement.reading.complete == [true, true];
    let expired = committed < judgement.reading.start[0];
    let hidden = HiddenGaps::of(&judgement.reading, &judgement.alignment);
    if complete && !expired && counted.pending_before == 0 {
        let image = moved_here(known.misplaced, position, all).into_iter().fold(counted.image, i64::min);
        summary.image_offset = Some(image).filter(|_| hidden.leave_image(committed));
        summary.missing_records = Some(counted.missing).filter(|_| hidden.leave_missing(committed));
    }
    let Some(resume) = position.resume else { return summary };
    if !complete || !hidden.leave_counts(committed, resume) {
        return not_located(summary, &known.remarks[position.pair]);
    }
    if expired {
        return summary;
    }
    if counted.pending_before > 0 {
        summary.state = PositionState::AheadOfCopy;
        summary.detail = format!(
            "the group is ahead of the copy: {} records before its commit are not on the target yet; wait until \
             replication has caught up, then run again",
            counted.pending_before
        );
        return summary;
    }
    let Some((skipped, replayed)) = misplaced(known.misplaced, position.pair, committed, all) else {
        let why = "skip not provable: records at or after the commit are in a partition where the group does not resume";
        return not_provable(summary, why.to_owned());
    };
    if counted.perhaps_skipped > 0 {
        let why = format!(
            "skip not provable: whether {} records at or after the commit were copied before offset {resume}, or other \
             writes of their keys that compaction has taken since, cannot be told",
            counted.perhaps_skipped
        );
        return not_provable(summary, why);
    }
    summary.skip_records = Some(counted.skip + skipped);
    let before_start = match counted.orphaned {
        0 => known.leads[position.pair].replayed_from(resume),
        orphaned => Err(format!(
            "compaction has removed the source records of {orphaned} target records from offset {resume} on, perhaps \
             from before the group's commit"
        )),
    };
    match before_start {
        Ok(before_start) => summary.replay_records = Some(counted.replay + before_start + replayed),
        Err(why) => summary.detail = format!("replay not provable: {why}"),
    }
    if summary.replay_records.is_none() && summary.state.stands() {
        summary.state = PositionState::NotLocated;
    }
    summary
}

/// Skip and replay by copies that lie in another partition: there the group resumes at that partition's offset. `None` where
/// it has none there that a record at or after the commit would be read from.
fn misplaced(
    misplaced: &[Misplacement],
    pair: usize,
    committed: i64,
    all: &[GroupPosition],
) -> Option<(u64, u64)> {
    let mut counts = (0, 0);
    for copy in misplaced.iter().filter(|copy| copy.source_pair == pair) {
        let there = all.iter().find(|other| other.pair == copy.target_pair).and_then(|other| other.resume);
        let ahead = copy.source.offset >= committed;
        match there {
            Some(resume) if ahead => counts.0 += u64::from(copy.target.offset < resume),
            Some(resume) => counts.1 += u64::from(copy.target.offset >= resume),
            None if ahead => return None,
            None => {}
        }
    }
    Some(counts)
}

/// The lowest copy in this position's target partition of a record of another one that the group has still to read.
fn moved_here(misplaced: &[Misplacement], position: &GroupPosition, all: &[GroupPosition]) -> Option<i64> {
    let to_read = |copy: &&Misplacement| {
        let is_ahead = |committed: i64| copy.source.offset >= committed;
        all.iter().any(|other| other.pair == copy.source_pair && other.committed.is_some_and(is_ahead))
    };
    let here = misplaced.iter().filter(|copy| copy.target_pair == position.pair);
    here.filter(to_read).map(|copy| copy.target.offset).min()
}

fn not_located(summary: PositionSummary, remarks: &[String]) -> PositionSummary {
    let why = remarks.first().cloned();
    not_provable(summary, why.unwrap_or_else(|| "the pair was not judged".to_owned()))
}

fn not_provable(mut summary: PositionSummary, why: String) -> PositionSummary {
    if summary.state.stands() {
        summary.state = PositionState::NotLocated;
        summary.detail = why;
    }
    summary
}

/// Why copies may be there that nothing tells: any of the records that were not solved may be one of any other.
pub(super) fn unsolved(alignment: &Alignment) -> Option<String> {
    let [source, target] = alignment.unsolved.each_ref().map(Counted::records);
    (source + target > 0).then(|| {
        format!(
            "the sides differ in too many records at once, {source} of the source and {target} of the target: which of \
             them are copies is not known"
        )
    })
}

/// Copies of source records among the target records of a lead-in, at or after an offset.
pub(super) fn copies_from(outcomes: &[Outcome], resume: i64) -> u64 {
    outcomes
        .iter()
        .filter(|outcome| {
            matches!(
                outcome,
                Outcome::Duplicate { .. } | Outcome::Reordered { .. } | Outcome::Mismatched { .. }
            )
        })
        .filter_map(Outcome::target)
        .filter(|target| target.offset >= resume)
        .count() as u64
}

#[cfg(test)]
mod tests;
