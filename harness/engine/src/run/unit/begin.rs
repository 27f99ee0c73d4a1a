//! Where the reading of a unit begins: at the log starts of that time. What retention has taken since the plan is not
//! read, and where it was to be judged it is named. Asks no cluster.

use cutproof_reports::{Origin, PositionState};

use super::super::retained::Retained;
use super::Unit;
use crate::positions::plan::{below_log_start, commit_state};
use crate::record::Side;

/// What retention has taken of a unit between the plan and the reading.
#[derive(Debug, Default)]
pub(in crate::run) struct Gone {
    /// Of what was to be judged: without it nothing is proven.
    pub remarks: Vec<String>,
    /// Of what the range need not hold.
    pub notes: Vec<String>,
    /// Source lanes that have lost records.
    pub sources: Vec<usize>,
    /// Target lanes that have lost records.
    pub targets: Vec<usize>,
}

impl Unit {
    /// Begins each lane where its log starts now.
    pub fn begin(&mut self, retained: &Retained) {
        (0..self.plan.sources.len()).for_each(|at| self.begin_source(at, retained));
        (0..self.plan.targets.len()).for_each(|at| self.begin_target(at, retained));
    }

    fn begin_source(&mut self, at: usize, retained: &Retained) {
        let lane = &mut self.plan.sources[at];
        let (planned, start) = (lane.log_start, lane.start);
        let now = retained.start(Side::Source, &lane.partition, planned);
        if now == planned {
            return;
        }
        lane.log_start = now;
        lane.start = start.max(now);
        self.gone.sources.push(at);
        let mut needed = start > planned;
        for (_, position) in &mut self.positions {
            let committed = position.committed[at];
            needed |= committed.is_some_and(|committed| (start..now).contains(&committed));
            if position.commit_states[at].0 == PositionState::Judged {
                position.commit_states[at] = commit_state(lane, committed);
            }
        }
        if start >= now {
            return;
        }
        let gone = format!(
            "{} of the source: retention has deleted offsets {start} to {} since the run was planned",
            lane.partition,
            now - 1
        );
        if needed {
            self.gone.remarks.push(format!("{gone}, before they were read: they are not judged"));
        } else {
            // Nobody asked for them: the range starts where the log does.
            self.gone.notes.push(format!("{gone}: the range starts at offset {now}"));
        }
    }

    fn begin_target(&mut self, at: usize, retained: &Retained) {
        let lane = &mut self.plan.targets[at];
        let planned = lane.log_start;
        let now = retained.start(Side::Target, &lane.partition, planned);
        if now == planned {
            return;
        }
        lane.log_start = now;
        self.gone.targets.push(at);
        for (_, position) in &mut self.positions {
            let resume = &mut position.resumes[at];
            let Some(offset) = resume.offset.filter(|&offset| offset < now) else { continue };
            if resume.origin == Origin::Earliest {
                resume.offset = Some(now);
            } else if resume.state.stands() {
                resume.state = PositionState::BelowTargetLogStart;
                resume.detail = format!("{}; {}", resume.detail, below_log_start(offset, now));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::positions::{LaneResume, UnitPosition};
    use crate::record::TopicPartition;
    use crate::run::unit::state_tests::unit;

    /// The first source lane from 10, in scope from `start`; a group that has committed and resumes at these offsets.
    fn planned(start: i64, committed: i64, resume_at: (Origin, i64)) -> Unit {
        let mut unit = unit();
        let source = &mut unit.plan.sources[0];
        (source.log_start, source.start, source.end) = (10, start, 100);
        (unit.plan.targets[0].log_start, unit.plan.targets[0].end) = (10, 100);
        let resume = |(origin, offset)| LaneResume {
            offset: Some(offset),
            origin,
            also: Vec::new(),
            state: PositionState::Judged,
            detail: "as told".to_owned(),
        };
        let position = UnitPosition {
            unit: 0,
            committed: vec![Some(committed), None],
            commit_states: vec![(PositionState::Judged, String::new()); 2],
            resumes: vec![resume(resume_at), resume((Origin::None, 0))],
            records_read_to_locate: 0,
        };
        unit.positions = vec![(0, position)];
        unit
    }

    /// The first lane of one side starts at `log_start` now.
    fn now(side: Side, log_start: i64) -> Retained {
        let mut retained = Retained::default();
        let partition = TopicPartition::new("orders", 0);
        retained.0[side as usize] = BTreeMap::from([(partition, log_start)]);
        retained
    }

    #[test]
    fn what_retention_took_before_the_scope_is_only_not_read() {
        let mut unit = planned(40, 40, (Origin::Csv, 50));
        unit.begin(&now(Side::Source, 30));
        let lane = &unit.plan.sources[0];
        assert_eq!((lane.log_start, lane.start), (30, 40));
        assert_eq!(unit.plan.log_starts(), [vec![30, 0], vec![10, 0]], "the other lanes as planned");
        assert_eq!((unit.gone.remarks.len(), unit.gone.notes.len(), unit.gone.targets.len()), (0, 0, 0));
        assert_eq!(unit.gone.sources, [0]);
        assert_eq!(unit.positions[0].1.commit_states[0].0, PositionState::Judged);
    }

    #[test]
    fn what_a_group_would_have_read_is_named_and_the_group_is_not_judged() {
        let mut unit = planned(40, 40, (Origin::Csv, 50));
        unit.begin(&now(Side::Source, 60));
        assert_eq!((unit.plan.sources[0].log_start, unit.plan.sources[0].start), (60, 60));
        let [remark] = &unit.gone.remarks[..] else { panic!("{:?}", unit.gone) };
        assert!(["orders-0 of the source", "offsets 40 to 59"].iter().all(|word| remark.contains(word)));
        assert_eq!(unit.positions[0].1.commit_states[0].0, PositionState::BelowSourceLogStart);
    }

    #[test]
    fn a_range_from_the_log_start_follows_it_unless_a_group_stands_there() {
        let mut free = planned(10, 80, (Origin::Csv, 50));
        free.begin(&now(Side::Source, 60));
        assert_eq!((free.plan.sources[0].start, free.gone.remarks.len()), (60, 0));
        assert!(free.gone.notes[0].contains("offsets 10 to 59"), "{:?}", free.gone.notes);
        let mut taken = planned(10, 59, (Origin::Csv, 50));
        taken.begin(&now(Side::Source, 60));
        assert_eq!((taken.gone.remarks.len(), taken.gone.notes.len()), (1, 0));
    }

    #[test]
    fn a_resume_offset_that_the_target_has_lost_is_no_position_and_the_earliest_one_moves_on() {
        let resume = |origin, offset, log_start| {
            let mut unit = planned(40, 40, (origin, offset));
            unit.begin(&now(Side::Target, log_start));
            let LaneResume { offset, state, .. } = unit.positions[0].1.resumes[0];
            (unit.gone.targets, offset, state)
        };
        let lost = PositionState::BelowTargetLogStart;
        assert_eq!(resume(Origin::Csv, 50, 51), (vec![0], Some(50), lost));
        assert_eq!(resume(Origin::Csv, 50, 50), (vec![0], Some(50), PositionState::Judged));
        assert_eq!(resume(Origin::Earliest, 10, 50), (vec![0], Some(50), PositionState::Judged));
        assert_eq!(resume(Origin::Csv, 5, 10), (vec![], Some(5), PositionState::Judged), "as planned");
    }
}
