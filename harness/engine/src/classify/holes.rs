//! What offsets that could not be read keep from being judged: records left over in the same gap between two records
//! matched in order, and positions in that gap. Reads nothing; everything outside the gap is judged as ever.

use crate::align::{Alignment, Outcome, Runs};
use crate::record::{OffsetRange, Side};

use super::{PairReading, Standing};

/// A hole, and where it lies among the matched records.
#[derive(Clone, Copy, Debug)]
struct Hidden {
    side: Side,
    range: OffsetRange,
    /// Matched records before it.
    rank: u64,
}

/// The holes of one pair.
#[derive(Debug)]
pub struct HiddenGaps<'a> {
    runs: &'a Runs,
    gaps: Vec<Hidden>,
    /// Target records outside the gaps that copy nothing that was read: they may copy unread source records.
    strangers: bool,
}

impl<'a> HiddenGaps<'a> {
    /// `alignment`: of the same pair.
    pub fn of(reading: &PairReading, alignment: &'a Alignment) -> Self {
        let runs = &alignment.runs;
        let mut gaps = Vec::new();
        for side in Side::BOTH {
            for &range in &reading.holes[side as usize] {
                let rank = match side {
                    Side::Source => runs.matched_below_source(range.start),
                    Side::Target => runs.matched_below_target(range.start),
                };
                gaps.push(Hidden { side, range, rank });
            }
        }
        let mut hidden = Self { runs, gaps, strangers: false };
        hidden.strangers = !hidden.gaps.is_empty()
            && alignment
                .outcomes
                .iter()
                .any(|outcome| matches!(outcome, Outcome::Extraneous { .. }) && !hidden.hides(outcome));
        hidden
    }

    /// Takes back what cannot be told without the hole's records. `standings` is parallel to `outcomes`.
    pub(super) fn withhold(&self, outcomes: &[Outcome], standings: &mut [Standing]) {
        for (outcome, standing) in outcomes.iter().zip(standings) {
            if matches!(standing, Standing::Finding(_) | Standing::Pending) && self.hides(outcome) {
                *standing = Standing::Unverifiable;
            }
        }
    }

    /// Whether what `outcome` says may be another thing once the hole's records are known.
    fn hides(&self, outcome: &Outcome) -> bool {
        if self.gaps.is_empty() {
            return false;
        }
        let at_source = |offset| self.runs.matched_below_source(offset);
        let at_target = |offset| self.runs.matched_below_target(offset);
        self.gaps.iter().any(|gap| match outcome {
            // Its copy may be one of the target's unread records.
            Outcome::Missing { source } => gap.side == Side::Target && at_source(source.offset) == gap.rank,
            // It may be a copy of one of the source's unread records.
            Outcome::Extraneous { target } | Outcome::Duplicate { target, .. } => {
                gap.side == Side::Source && at_target(target.offset) == gap.rank
            }
            // Which two belong together at the same place is not known.
            Outcome::Mismatched { source, .. } => at_source(source.offset) == gap.rank,
            // Equal records out of order stay that, whatever else there is.
            Outcome::Reordered { .. } | Outcome::Unsolved { .. } => false,
        })
    }

    /// Whether skip and replay of a group that committed `commit` and resumes at `resume` can be counted: it stands
    /// before or after each hole on both sides, and no unread record can have a copy on the other side of it.
    pub fn leave_counts(&self, commit: i64, resume: i64) -> bool {
        self.gaps.iter().all(|gap| {
            let before = gap.rank.checked_sub(1).and_then(|rank| self.runs.pair(rank));
            let (source_end, target_end) = self.runs.pair(gap.rank).unwrap_or((i64::MAX, i64::MAX));
            match gap.side {
                Side::Source => {
                    let target_begin = before.map_or(i64::MIN, |(_, target)| target + 1);
                    let ahead = commit <= gap.range.start && resume <= target_begin;
                    let behind = commit >= gap.range.end && resume >= target_end;
                    !self.strangers && (ahead || behind)
                }
                // Further copies of anything may lie in the hole: only a group that resumes behind it never meets them.
                Side::Target => resume >= gap.range.end && commit >= source_end,
            }
        })
    }

    /// Whether the first copy at or after `commit` is known.
    pub fn leave_image(&self, commit: i64) -> bool {
        let rank = self.runs.matched_below_source(commit);
        self.gaps.iter().all(|gap| rank != gap.rank || gap.side == Side::Source && commit >= gap.range.end)
    }

    /// Whether all source records at or after `commit` were read, with everything that may hold their copies.
    pub fn leave_missing(&self, commit: i64) -> bool {
        let rank = self.runs.matched_below_source(commit);
        self.gaps.iter().all(|gap| rank > gap.rank || gap.side == Side::Source && commit >= gap.range.end)
    }
}
