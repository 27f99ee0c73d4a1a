//! Puts the groups' positions at a unit together: its commits by source partition, what it meets by target partition.

use cutproof_reports::{GroupSummary, Origin, PositionState, PositionSummary};

use crate::align::Outcome;
use crate::align::keyed::LaneOutcome;
use crate::classify::Standing;
use crate::ledger::{LaneCounts, UnitCopies};
use crate::positions::UnitPosition;
use crate::record::LogKind;

use super::{JudgedUnit, Planned, Unit};

/// Adds the positions at one unit to the groups' summaries, which are in the plan's order.
pub(super) fn add(groups: &mut [GroupSummary], unit: &Unit, judged: &JudgedUnit) {
    let copies = judged.result.as_ref().map(|result| {
        UnitCopies::of(&result.cells, &result.outcomes, &result.standings, result.in_order.clone())
    });
    for (group, position) in &unit.positions {
        let Some(summary) = groups.get_mut(*group) else { continue };
        let rows = Rows { unit, judged, position, copies: copies.as_ref() };
        match unit.planned {
            Planned::Pair(_) => summary.positions.push(rows.as_pair()),
            Planned::Unit(_) => summary.positions.extend(rows.by_lane()),
        }
    }
}

struct Rows<'a> {
    unit: &'a Unit,
    judged: &'a JudgedUnit,
    position: &'a UnitPosition,
    copies: Option<&'a UnitCopies<'a>>,
}

/// Why numbers cannot be given.
struct Trouble {
    state: PositionState,
    detail: String,
}

impl Rows<'_> {
    /// One row for each source partition with a commit, then one for each target partition.
    fn by_lane(&self) -> Vec<PositionSummary> {
        let trouble = self.trouble();
        let mut rows = Vec::new();
        for (at, lane) in self.unit.plan.sources.iter().enumerate() {
            let Some(commit) = self.position.committed[at] else { continue };
            let (state, detail) = self.position.commit_states[at].clone();
            let mut row = PositionSummary {
                topic: lane.partition.topic.clone(),
                partition: Some(lane.partition.partition),
                target_partition: None,
                source_offset: Some(commit),
                state,
                detail,
                ..self.blank()
            };
            match &trouble {
                Some(trouble) if row.state.stands() => {
                    (row.state, row.detail) = (trouble.state, trouble.detail.clone());
                }
                None => row.missing_records = self.copies.map(|copies| copies.missing_from(at, commit)),
                Some(_) => {}
            }
            rows.push(row);
        }
        let counts = self.counts();
        let uncommitted = self.uncommitted(false).filter(|_| !self.is_on_target_only());
        for (at, lane) in self.unit.plan.targets.iter().enumerate() {
            let resume = &self.position.resumes[at];
            let mut row = PositionSummary {
                target_partition: Some(lane.partition.partition),
                target_offset: resume.offset,
                origin: resume.origin,
                also: resume.also.clone(),
                records_read_to_locate: self.position.records_read_to_locate,
                state: resume.state,
                detail: resume.detail.clone(),
                ..self.blank()
            };
            self.fill(&mut row, at, trouble.as_ref(), counts.as_ref().map(|counts| counts[at]));
            if let Some(uncommitted) = &uncommitted {
                row.detail = format!("{}; {uncommitted}", row.detail);
            }
            rows.push(row);
        }
        rows
    }

    /// One row for the only partition of each side.
    fn as_pair(&self) -> PositionSummary {
        let [source, target] = [&self.unit.plan.sources[0].partition, &self.unit.plan.targets[0].partition];
        let resume = &self.position.resumes[0];
        let commit = self.position.committed[0];
        let mut row = PositionSummary {
            topic: source.topic.clone(),
            partition: Some(source.partition),
            target_partition: Some(target.partition),
            source_offset: commit,
            target_offset: resume.offset,
            origin: resume.origin,
            also: resume.also.clone(),
            records_read_to_locate: self.position.records_read_to_locate,
            state: resume.state,
            detail: resume.detail.clone(),
            ..self.blank()
        };
        let trouble = self.trouble();
        if trouble.is_none() {
            row.missing_records =
                self.copies.zip(commit).map(|(copies, commit)| copies.missing_from(0, commit));
        }
        self.fill(&mut row, 0, trouble.as_ref(), self.counts().map(|counts| counts[0]));
        row
    }

    fn blank(&self) -> PositionSummary {
        PositionSummary {
            topic: self.unit.plan.source_topics(),
            partition: None,
            target_topic: self.unit.plan.target_topic().to_owned(),
            target_partition: None,
            source_offset: None,
            target_offset: None,
            origin: Origin::None,
            also: Vec::new(),
            image_offset: None,
            skip_records: None,
            replay_records: None,
            missing_records: None,
            records_read_to_locate: 0,
            state: PositionState::Judged,
            detail: String::new(),
        }
    }

    /// What the group meets at target lane `at`, or why that is not told.
    fn fill(
        &self,
        row: &mut PositionSummary,
        at: usize,
        trouble: Option<&Trouble>,
        counts: Option<LaneCounts>,
    ) {
        let Some(counts) = counts.filter(|_| trouble.is_none()) else {
            if let Some(Trouble { state, detail }) = trouble
                && row.state.stands()
            {
                (row.state, row.detail) = (*state, detail.clone());
            }
            return;
        };
        row.image_offset = Some(counts.image.unwrap_or(self.judged.reading.targets[at].read_to));
        let Some(resume) = self.position.resumes[at].offset else { return };
        row.skip_records = counts.skip;
        row.replay_records = counts.replay;
        let mut why = Vec::new();
        if counts.skip.is_none() {
            why.push(
                "skip not provable: a further copy is in a partition without a resume offset, or equal records are in \
                 several partitions",
            );
        }
        if self.may_replay_deleted(at, resume) {
            row.replay_records = None;
            why.push(
                "replay not provable: target records may be copies of source records that retention or compaction has \
                 removed",
            );
        }
        if !why.is_empty() && row.state.stands() {
            row.state = PositionState::NotLocated;
            row.detail = why.join("; ");
        }
    }

    fn counts(&self) -> Option<Vec<LaneCounts>> {
        let resumes: Vec<Option<i64>> = self.position.resumes.iter().map(|resume| resume.offset).collect();
        self.copies.map(|copies| copies.judge(&self.position.committed, &resumes))
    }

    /// Whether the group has committed nothing of the unit on the source.
    fn is_on_target_only(&self) -> bool {
        self.position.committed.iter().all(Option::is_none)
    }

    /// What stands against every number of this group at this unit.
    fn trouble(&self) -> Option<Trouble> {
        if self.is_on_target_only() {
            // Of every number; the rows have a state and a detail of their own.
            return Some(Trouble { state: PositionState::NoSourceCommit, detail: String::new() });
        }
        let not_located = |detail: String| Some(Trouble { state: PositionState::NotLocated, detail });
        let Some(copies) = self.copies.filter(|_| self.judged.reading.complete == [true, true]) else {
            let why = self.judged.remarks.first().cloned();
            return not_located(why.unwrap_or_else(|| "the partitions were not judged".to_owned()));
        };
        let outcomes = self.judged.result.iter().flat_map(|result| &result.outcomes);
        let unsolved = outcomes.filter(|entry| matches!(entry.outcome, Outcome::Unsolved { .. })).count();
        if unsolved > 0 {
            return not_located(format!(
                "{unsolved} records could not be matched: the sides differ in too many equal records at once (allow more \
                 with limits.memory), or could not be read again (run again)"
            ));
        }
        if let Some(why) = self.perhaps_deleted() {
            return not_located(why.to_owned());
        }
        let states = self.position.commit_states.iter();
        if let Some((state, detail)) = states.clone().find(|(state, _)| *state != PositionState::Judged) {
            return Some(Trouble { state: *state, detail: detail.clone() });
        }
        if let Some(uncommitted) = self.uncommitted(true) {
            return not_located(format!(
                "{uncommitted}, and they lie among the others on the target; commit where the group starts there, then run \
                 again"
            ));
        }
        let commits = self.position.committed.iter().enumerate();
        let pending: u64 =
            commits.filter_map(|(lane, commit)| Some(copies.pending_before(lane, (*commit)?))).sum();
        (pending > 0).then(|| Trouble {
            state: PositionState::AheadOfCopy,
            detail: format!(
                "the group is ahead of the copy: {pending} records before its commits are not on the target yet; \
                 wait until replication has caught up, then run again"
            ),
        })
    }

    /// Why skip and image are not known where retention has taken records while the run went on.
    fn perhaps_deleted(&self) -> Option<&'static str> {
        let result = self.judged.result.as_ref()?;
        let perhaps_copied = |(entry, standing): (&LaneOutcome, &Standing)| {
            matches!(entry.outcome, Outcome::Missing { .. }) && *standing == Standing::Unverifiable
        };
        if result.outcomes.iter().zip(&result.standings).any(perhaps_copied) {
            return Some(
                "copies of source records may be among those that retention has deleted from the target while the run \
                 went on",
            );
        }
        result.unpaired.then_some(
            "retention has deleted records while the run went on that may be the first copies of others, or have more \
             than one copy",
        )
    }

    /// Whether a record that nothing is known of, at or after `resume`, may be the copy of a source record that is gone.
    fn may_replay_deleted(&self, lane: usize, resume: i64) -> bool {
        let shortened = self.judged.reading.shortened().next().is_some();
        let removed = shortened || self.unit.plan.contract.log == LogKind::Compacted;
        let Some(result) = &self.judged.result else { return false };
        result.outcomes.iter().zip(&result.standings).any(|(entry, standing)| {
            let unverifiable = *standing == Standing::Unverifiable;
            let unknown = match (&entry.outcome, standing) {
                (_, Standing::Finding(_)) => None,
                (Outcome::Extraneous { target }, _) if removed || unverifiable => Some(target.offset),
                (Outcome::Duplicate { target, .. } | Outcome::Mismatched { target, .. }, _)
                    if unverifiable =>
                {
                    Some(target.offset)
                }
                (outcome, Standing::Compacted | Standing::CompactedOrDropped) => {
                    outcome.target().map(|target| target.offset)
                }
                _ => None,
            };
            entry.target_lane == Some(lane) && unknown.is_some_and(|offset| offset >= resume)
        })
    }

    /// Source partitions that hold records, or have held some since the run was planned, and that the group has not
    /// committed. `read`: of topics of which it has committed others, or of the rest.
    fn uncommitted(&self, read: bool) -> Option<String> {
        let lanes = || self.unit.plan.sources.iter().zip(&self.position.committed).enumerate();
        let is_read = |topic: &str| {
            lanes().any(|(_, (lane, committed))| committed.is_some() && lane.partition.topic == topic)
        };
        let names: Vec<String> = lanes()
            .filter(|(at, (_, committed))| committed.is_none() && self.had_records(*at))
            .filter(|(_, (lane, _))| is_read(&lane.partition.topic) == read)
            .map(|(_, (lane, _))| lane.partition.to_string())
            .collect();
        let names = names.join(", ");
        (!names.is_empty()).then(|| {
            format!("the group has no commit on {names} of the source: copies of its records are not counted")
        })
    }

    /// Whether a source lane has held records at any time since the plan: the copies of those that retention has taken
    /// meanwhile, and of those that came, are on the target like the others.
    fn had_records(&self, at: usize) -> bool {
        let (lane, read_to) = (&self.unit.plan.sources[at], self.judged.reading.sources[at].read_to);
        self.unit.gone.sources.contains(&at) || lane.end.max(read_to) > lane.log_start
    }
}

#[cfg(test)]
mod tests;
