//! What a group would skip and do again at its resume position, in records. Pure counting over copies.

use crate::align::{Counted, Outcome, Runs};
use crate::record::FindingKind;

use super::Judgement;
use crate::classify::{SLIDES, Standing};

/// Every copy on the target of a source record of one pair, and the source records that have none.
#[derive(Debug)]
pub struct Copies<'a> {
    runs: &'a Runs,
    /// Copies apart from those matched in order: source and target offset, ascending.
    further: Vec<(i64, i64)>,
    /// Those that may be copies, or other writes that compaction has taken on the other side. Ascending.
    perhaps: Vec<(i64, i64)>,
    /// Source offsets without a copy that were judged missing, ascending.
    missing: Vec<i64>,
    /// Source offsets that the target has not reached, ascending.
    pending: Vec<i64>,
    /// The same where they were only counted, in scope below `source_end`.
    tail: &'a Counted,
    /// Target records whose source record compaction has removed, or may have. Ascending.
    orphans: Vec<Orphan>,
    source_end: i64,
    target_end: i64,
}

/// A target record whose source record compaction has removed, or may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Orphan {
    target: i64,
    /// Matched pairs before its place, at least.
    at_least: u64,
    /// And at most, where it is a copy for sure.
    at_most: Option<u64>,
}

/// One group at one pair: `None` where a number would be a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The lowest target offset of what is, or may be, a first copy of a source record at or after the commit; else the
    /// target's end.
    pub image: i64,
    /// Source records at or after the commit whose copies all lie before the resume offset.
    pub skip: u64,
    /// Source records at or after the commit of which it is not known whether all their copies lie before the resume
    /// offset: whether they belong to `skip`.
    pub perhaps_skipped: u64,
    /// Target records at or after the resume offset that copy source records before the commit, those included that
    /// compaction has removed from the source.
    pub replay: u64,
    /// Source records at or after the commit without a copy.
    pub missing: u64,
    /// Source records before the commit that the target does not hold yet.
    pub pending_before: u64,
    /// Target records at or after the resume offset whose source record compaction has removed, perhaps from before the
    /// commit: whether they belong to `replay` is not known.
    pub orphaned: u64,
}

impl<'a> Copies<'a> {
    /// All copies of one judged pair, the ones beyond the cut included: a resume offset may lie there.
    pub fn of(judgement: &'a Judgement) -> Self {
        let (mut further, mut perhaps) = (Vec::new(), Vec::new());
        let (mut missing, mut pending, mut orphans) = (Vec::new(), Vec::new(), Vec::new());
        let last_repeat = last_repeat(&judgement.alignment.outcomes);
        for (outcome, standing) in judgement.alignment.outcomes.iter().zip(&judgement.standings) {
            match outcome {
                // Two writes, no copy of one another; each is gone on the other side, or may be.
                _ if matches!(standing, Standing::Compacted | Standing::CompactedOrDropped) => {
                    let Some(target) = outcome.target() else { continue };
                    if let (Standing::CompactedOrDropped, Some(source)) = (standing, outcome.source()) {
                        perhaps.push((source.offset, target.offset));
                    }
                    let before = judgement.alignment.runs.matched_below_target(target.offset);
                    let at_least = match is_repeat(outcome) {
                        true => 0,
                        // Where a match stands for a later copy of its record, it does not lie before.
                        false if Some(target.offset) < last_repeat => before.saturating_sub(SLIDES),
                        false => before,
                    };
                    let sure = *standing == Standing::Compacted && !is_repeat(outcome);
                    let at_most = sure.then_some(before);
                    orphans.push(Orphan { target: target.offset, at_least, at_most });
                }
                Outcome::Duplicate { original: source, target }
                | Outcome::Reordered { source, target, .. }
                | Outcome::Mismatched { source, target } => {
                    further.push((source.offset, target.offset));
                }
                Outcome::Missing { source } => match standing {
                    Standing::Finding(FindingKind::MissingRecord) => missing.push(source.offset),
                    // Misplaced: its copy is in another partition.
                    Standing::Finding(_) => {}
                    Standing::Pending | Standing::Unverifiable => pending.push(source.offset),
                    Standing::Compacted | Standing::CompactedOrDropped | Standing::Beyond => {}
                },
                Outcome::Extraneous { .. } | Outcome::Unsolved { .. } => {}
            }
        }
        further.sort_unstable();
        perhaps.sort_unstable();
        missing.sort_unstable();
        pending.sort_unstable();
        orphans.sort_unstable();
        Self {
            runs: &judgement.alignment.runs,
            further,
            perhaps,
            missing,
            pending,
            tail: &judgement.alignment.tail,
            orphans,
            source_end: judgement.reading.source_end,
            target_end: judgement.reading.read_to[1],
        }
    }

    /// Where all copies for sure of `source` lie.
    fn copies_of(&self, source: i64) -> impl Iterator<Item = i64> {
        let from = self.further.partition_point(|&(other, _)| other < source);
        let further = self.further[from..].iter().take_while(move |(other, _)| *other == source);
        self.in_order(source).into_iter().chain(further.map(|&(_, target)| target))
    }

    /// Where `source` is matched in order, if it is.
    fn in_order(&self, source: i64) -> Option<i64> {
        let (found, target) = self.runs.pair(self.runs.matched_below_source(source))?;
        (found == source).then_some(target)
    }
}

/// Whether an equal record of the target may be the copy instead.
fn is_repeat(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Duplicate { .. } | Outcome::Reordered { .. })
}

fn last_repeat(outcomes: &[Outcome]) -> Option<i64> {
    let repeats = outcomes.iter().filter(|outcome| is_repeat(outcome));
    repeats.filter_map(Outcome::target).map(|target| target.offset).max()
}

/// Counts what a group that committed `commit` on the source meets when it resumes at `resume` on the target.
pub fn judge_resume(copies: &Copies<'_>, commit: i64, resume: i64) -> Resume {
    let before_commit = copies.runs.matched_below_source(commit);
    let before_resume = copies.runs.matched_below_target(resume);
    let mut skip = before_resume.saturating_sub(before_commit);
    let mut replay = before_commit.saturating_sub(before_resume);
    let mut image = copies.runs.pair(before_commit).map(|(_, target)| target);
    for targets in copies.further.chunk_by(|a, b| a.0 == b.0) {
        let source = targets[0].0;
        let targets = targets.iter().map(|&(_, target)| target);
        if source < commit {
            replay += targets.filter(|&target| target >= resume).count() as u64;
            continue;
        }
        let in_order = copies.in_order(source);
        let all_before = targets.clone().all(|target| target < resume);
        match in_order {
            // Counted above as skipped, but a later copy is still to come.
            Some(target) if target < resume && !all_before => skip -= 1,
            None if all_before => skip += 1,
            _ => {}
        }
        image = image.into_iter().chain(targets).min();
    }
    let mut perhaps_skipped = 0;
    for targets in copies.perhaps.chunk_by(|a, b| a.0 == b.0).filter(|targets| targets[0].0 >= commit) {
        let source = targets[0].0;
        let mut targets = targets.iter().map(|&(_, target)| target);
        image = image.into_iter().chain(targets.clone()).min();
        let open = match copies.copies_of(source).max() {
            None => targets.any(|target| target < resume),
            Some(last) => last < resume && targets.any(|target| target >= resume),
        };
        perhaps_skipped += u64::from(open);
    }
    let orphans = &copies.orphans[copies.orphans.partition_point(|orphan| orphan.target < resume)..];
    let before_it = |orphan: &&Orphan| orphan.at_most.is_some_and(|at_most| at_most < before_commit);
    replay += orphans.iter().filter(before_it).count() as u64;
    let at_or_after = |offsets: &[i64]| offsets.partition_point(|&offset| offset < commit);
    Resume {
        image: image.unwrap_or(copies.target_end),
        skip,
        perhaps_skipped,
        replay,
        missing: (copies.missing.len() - at_or_after(&copies.missing)) as u64,
        pending_before: at_or_after(&copies.pending) as u64
            + copies.tail.below(commit.min(copies.source_end)),
        orphaned: orphans
            .iter()
            .filter(|orphan| !before_it(orphan) && orphan.at_least <= before_commit)
            .count() as u64,
    }
}
