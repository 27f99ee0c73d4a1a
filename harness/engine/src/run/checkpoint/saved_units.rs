//! The plan's units as a checkpoint holds them: mirrors of the engine's own types, field by field.

use cutproof_reports::{Origin, OtherPosition, PositionState};
use serde::{Deserialize, Serialize};

use crate::config::ProofConfig;
use crate::positions::{LaneResume, SourceLane, TargetLane, UnitPlan, UnitPosition};
use crate::record::TopicPartition;

/// A unit's plan without its contract, which the configuration gives.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SavedUnit {
    /// Topic, partition, log start, start, end, reason.
    sources: Vec<(String, i32, i64, i64, i64, String)>,
    /// Topic, partition, log start, end.
    targets: Vec<(String, i32, i64, i64)>,
}

impl SavedUnit {
    pub fn of(unit: &UnitPlan) -> Self {
        let UnitPlan { sources, targets, contract: _ } = unit.clone();
        let source = |SourceLane { partition, log_start, start, end, start_reason }| {
            let TopicPartition { topic, partition } = partition;
            (topic, partition, log_start, start, end, start_reason)
        };
        let target = |TargetLane { partition, log_start, end }| {
            let TopicPartition { topic, partition } = partition;
            (topic, partition, log_start, end)
        };
        Self {
            sources: sources.into_iter().map(source).collect(),
            targets: targets.into_iter().map(target).collect(),
        }
    }

    pub fn plan(self, config: &ProofConfig) -> UnitPlan {
        let contract = self.sources.first().map(|lane| config.contract_for(&lane.0)).unwrap_or_default();
        let source = |(topic, partition, log_start, start, end, start_reason): (String, _, _, _, _, _)| {
            let partition = TopicPartition::new(topic, partition);
            SourceLane { partition, log_start, start, end, start_reason }
        };
        let target = |(topic, partition, log_start, end): (String, _, _, _)| {
            let partition = TopicPartition::new(topic, partition);
            TargetLane { partition, log_start, end }
        };
        UnitPlan {
            sources: self.sources.into_iter().map(source).collect(),
            targets: self.targets.into_iter().map(target).collect(),
            contract,
        }
    }
}

/// Offset, origin, what other origins say, state, detail.
type SavedResume = (Option<i64>, Origin, Vec<OtherPosition>, PositionState, String);

/// A group's position at a unit.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SavedUnitPosition {
    unit: usize,
    committed: Vec<Option<i64>>,
    commit_states: Vec<(PositionState, String)>,
    resumes: Vec<SavedResume>,
    records_read_to_locate: u64,
}

impl SavedUnitPosition {
    pub fn of(position: &UnitPosition) -> Self {
        let UnitPosition { unit, committed, commit_states, resumes, records_read_to_locate } =
            position.clone();
        let resume =
            |LaneResume { offset, origin, also, state, detail }| (offset, origin, also, state, detail);
        let resumes = resumes.into_iter().map(resume).collect();
        Self { unit, committed, commit_states, resumes, records_read_to_locate }
    }

    pub fn position(self) -> UnitPosition {
        let Self { unit, committed, commit_states, resumes, records_read_to_locate } = self;
        let resume =
            |(offset, origin, also, state, detail)| LaneResume { offset, origin, also, state, detail };
        let resumes = resumes.into_iter().map(resume).collect();
        UnitPosition { unit, committed, commit_states, resumes, records_read_to_locate }
    }
}
