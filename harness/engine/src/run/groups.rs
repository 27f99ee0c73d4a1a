//! Puts each group's positions together: what the plan says, what the judged pairs count, what the lead-in adds.

use cutproof_reports::{GroupSummary, PositionState, PositionSummary};

use crate::align::Outcome;
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
        source_offset: Some(position.committed),
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
    let (Some(copies), Some(judgement)) = (&copies[position.pair], &known.judgements[position.pair]) else {
        return not_located(summary, &known.remarks[position.pair]);
    };
    // Without a resume offset only the image can be told: the one for a reader that starts behind everything.
    let counted = judge_resume(copies, position.committed, position.resume.unwrap_or(i64::MAX));
    let complete = judgement.reading.complete == [true, true];
    let expired = position.committed < judgement.reading.start[0];
    let hidden = HiddenGaps::of(&judgement.reading, &judgement.alignment);
    if complete && !expired && counted.pending_before == 0 {
        summary.image_offset = Some(counted.image).filter(|_| hidden.leave_image(position.committed));
        summary.missing_records = Some(counted.missing).filter(|_| hidden.leave_missing(position.committed));
    }
    let Some(resume) = position.resume else { return summary };
    if !complete || !hidden.leave_counts(position.committed, resume) {
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
    let (skipped, replayed) = misplaced(known.misplaced, position, all);
    summary.skip_records = Some(counted.skip + skipped);
    match known.leads[position.pair].replayed_from(resume) {
        Ok(before_start) => summary.replay_records = Some(counted.replay + before_start + replayed),
        Err(why) => summary.detail = format!("replay not provable: {why}"),
    }
    if summary.replay_records.is_none() && summary.state.stands() {
        summary.state = PositionState::NotLocated;
    }
    summary
}

/// Skip and replay by copies that lie in another partition: there the group resumes at that partition's offset.
fn misplaced(misplaced: &[Misplacement], position: &GroupPosition, all: &[GroupPosition]) -> (u64, u64) {
    let mut counts = (0, 0);
    for copy in misplaced.iter().filter(|copy| copy.source_pair == position.pair) {
        let there = all.iter().find(|other| other.pair == copy.target_pair).and_then(|other| other.resume);
        let passed = there.is_some_and(|resume| copy.target.offset < resume);
        let ahead = copy.source.offset >= position.committed;
        counts.0 += u64::from(ahead && passed);
        counts.1 += u64::from(!ahead && there.is_some() && !passed);
    }
    counts
}

fn not_located(mut summary: PositionSummary, remarks: &[String]) -> PositionSummary {
    if summary.state.stands() {
        summary.state = PositionState::NotLocated;
        summary.detail = remarks.first().cloned().unwrap_or_else(|| "the pair was not judged".to_owned());
    }
    summary
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
