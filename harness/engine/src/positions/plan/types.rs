//! The plan as plain data.

use super::super::{Origin, OtherPosition, PositionState};
use crate::record::{Contract, Side, TopicPartition};

/// What a run is going to read and judge. Offsets of the two sides are not comparable.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// As the source's brokers report it.
    pub source_cluster_id: String,
    /// As the target's brokers report it.
    pub target_cluster_id: String,
    /// Topics with `partitions: same`, by source topic, then partition.
    pub pairs: Vec<PairPlan>,
    /// Topics with `partitions: by_key`, by target topic.
    pub units: Vec<UnitPlan>,
    /// By group id. Groups with a commit on a planned partition of either side, and those that the configuration names.
    pub groups: Vec<GroupPlan>,
    /// Groups of which the target does not tell whether somebody consumes with them there.
    pub members_unknown: usize,
    /// Topics that the patterns match, but that the plan leaves out.
    pub ignored: Vec<Ignored>,
    /// Sentences for people: what was assumed, what looks odd.
    pub remarks: Vec<String>,
    /// Records that were read for positions by a header or by timestamp, each counted once.
    pub records_read_to_locate: u64,
}

/// A source partition, the target partition it is compared with, and the range to read. Half-open offsets.
#[derive(Clone, Debug, PartialEq)]
pub struct PairPlan {
    /// Partition on the source cluster.
    pub source: TopicPartition,
    /// Partition on the target cluster.
    pub target: TopicPartition,
    /// What the source topic promises.
    pub contract: Contract,
    /// First source offset in scope.
    pub source_start: i64,
    /// Source log end by the contract's isolation, when the plan was made. The barrier may be later.
    pub source_end: i64,
    /// First source offset that retention has left.
    pub source_log_start: i64,
    /// First target offset that retention has left.
    pub target_log_start: i64,
    /// Target log end by the contract's isolation, when the plan was made.
    pub target_end: i64,
    /// Why the pair starts at `source_start`, as a sentence.
    pub start_reason: String,
    /// Where an origin puts `source_start` on the target: a hint for locating its image, never the answer.
    pub target_hint: Option<i64>,
    /// First target offset in scope: the image of `source_start`. `None` until it is located.
    pub target_start: Option<i64>,
    /// The lowest resume offset below `target_start`, from which replay is counted. `None` until the start is
    /// located, and where no group resumes below it.
    pub lead_in_from: Option<i64>,
    /// Records that were read on both sides to locate the start; 0 until then.
    pub records_read_to_locate: u64,
}

impl PairPlan {
    /// Two partitions whose bounds are not known yet.
    pub fn unbounded(source: TopicPartition, target: TopicPartition, contract: Contract) -> Self {
        Self {
            source,
            target,
            contract,
            source_start: 0,
            source_end: 0,
            source_log_start: 0,
            target_log_start: 0,
            target_end: 0,
            start_reason: String::new(),
            target_hint: None,
            target_start: None,
            lead_in_from: None,
            records_read_to_locate: 0,
        }
    }

    /// The partition on one side.
    pub fn partition(&self, side: Side) -> &TopicPartition {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    /// Records that may be in the source range at most: offsets, so gaps count too.
    pub fn source_offsets(&self) -> u64 {
        self.source_end.saturating_sub(self.source_start).max(0).unsigned_abs()
    }
}

/// All source partitions whose records go to one target topic, whichever of its partitions they go to. Read from the
/// log start on both sides: nothing else tells for sure where the copies begin. Half-open offsets.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitPlan {
    /// By topic, then partition.
    pub sources: Vec<SourceLane>,
    /// All partitions of the target topic.
    pub targets: Vec<TargetLane>,
    /// What the source topics promise, all of them the same.
    pub contract: Contract,
}

impl UnitPlan {
    /// The target topic.
    pub fn target_topic(&self) -> &str {
        self.targets.first().map_or("", |lane| &lane.partition.topic)
    }

    /// The source topics, with commas between.
    pub fn source_topics(&self) -> String {
        let mut topics: Vec<&str> = self.sources.iter().map(|lane| lane.partition.topic.as_str()).collect();
        topics.dedup();
        topics.join(",")
    }

    /// First offset that is left, by side and lane.
    pub fn log_starts(&self) -> [Vec<i64>; 2] {
        [
            self.sources.iter().map(|lane| lane.log_start).collect(),
            self.targets.iter().map(|lane| lane.log_start).collect(),
        ]
    }

    /// The topics of one side, one for each lane.
    pub fn topics(&self, side: Side) -> impl Iterator<Item = &str> {
        self.partitions(side).into_iter().map(|partition| partition.topic.as_str())
    }

    /// The partition with index `lane` of one side.
    pub fn partition(&self, side: Side, lane: usize) -> &TopicPartition {
        match side {
            Side::Source => &self.sources[lane].partition,
            Side::Target => &self.targets[lane].partition,
        }
    }

    /// The partitions of one side, by lane.
    pub fn partitions(&self, side: Side) -> Vec<&TopicPartition> {
        match side {
            Side::Source => self.sources.iter().map(|lane| &lane.partition).collect(),
            Side::Target => self.targets.iter().map(|lane| &lane.partition).collect(),
        }
    }

    /// Records that are read of the source at most: offsets, so gaps count too.
    pub fn source_offsets(&self) -> u64 {
        self.sources.iter().map(|lane| lane.end.saturating_sub(lane.log_start).max(0).unsigned_abs()).sum()
    }
}

/// A source partition of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLane {
    /// Partition on the source cluster.
    pub partition: TopicPartition,
    /// First offset that retention has left: where reading starts.
    pub log_start: i64,
    /// First offset in scope.
    pub start: i64,
    /// Log end by the contract's isolation, when the plan was made. The barrier may be later.
    pub end: i64,
    /// Why the scope starts at `start`, as a sentence.
    pub start_reason: String,
}

/// A target partition of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetLane {
    /// Partition on the target cluster.
    pub partition: TopicPartition,
    /// First offset that retention has left: where reading starts.
    pub log_start: i64,
    /// Log end by the contract's isolation, when the plan was made.
    pub end: i64,
}

/// One group on one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitPosition {
    /// Index into [`Plan::units`].
    pub unit: usize,
    /// By source lane: the committed offset; `None` where the group has none, in all lanes where it has committed on the
    /// target only.
    pub committed: Vec<Option<i64>>,
    /// By source lane: what speaks against judging it, and why.
    pub commit_states: Vec<(PositionState, String)>,
    /// By target lane.
    pub resumes: Vec<LaneResume>,
    /// Records that were read for these positions, where they come by timestamp.
    pub records_read_to_locate: u64,
}

/// Where a group would resume on one target partition of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneResume {
    /// `None` where no origin says so.
    pub offset: Option<i64>,
    /// Where `offset` came from.
    pub origin: Origin,
    /// What the other origins say that were read.
    pub also: Vec<OtherPosition>,
    /// [`PositionState::Judged`] where nothing speaks against judging it, else what does.
    pub state: PositionState,
    /// For people.
    pub detail: String,
}

/// One consumer group and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPlan {
    /// Group id; the same on both sides.
    pub group: String,
    /// One entry for each pair of which it has committed a partition, by pair.
    pub positions: Vec<GroupPosition>,
    /// One entry for each unit of which it has committed a partition.
    pub units: Vec<UnitPosition>,
}

impl GroupPlan {
    /// Whether it has committed on the source.
    pub fn stands_on_source(&self) -> bool {
        let of_pairs = self.positions.iter().map(|position| position.committed);
        let of_units = self.units.iter().flat_map(|position| position.committed.iter().copied());
        of_pairs.chain(of_units).any(|committed| committed.is_some())
    }

    /// Why nothing is proved of the group, as a sentence: it is here only because the configuration names it. `None`
    /// where it has a position.
    pub fn without_position(&self) -> Option<String> {
        (self.positions.is_empty() && self.units.is_empty()).then(|| {
            format!(
                "group {} is named in groups.include, but has no committed offset on a planned topic: nothing is proved \
                 of it; see that the name is right and that it commits there, or take it out",
                self.group
            )
        })
    }
}

/// One group on one pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPosition {
    /// Index into [`Plan::pairs`].
    pub pair: usize,
    /// The group's committed offset on the source: the next record that it would read. `None` where it has committed on
    /// the target only: then `resume` is that commit, and nothing is counted.
    pub committed: Option<i64>,
    /// Where it would resume on the target; `None` where no origin says so.
    pub resume: Option<i64>,
    /// Where `resume` came from.
    pub origin: Origin,
    /// What the other origins say that were read.
    pub also: Vec<OtherPosition>,
    /// [`PositionState::Judged`] where nothing speaks against judging it, else what does.
    pub state: PositionState,
    /// For people: where `resume` came from and why, or what is wrong and what to do.
    pub detail: String,
    /// Records that were read for this position, where it comes by a header or by timestamp. What another position had
    /// read already is not read again.
    pub records_read_to_locate: u64,
}

/// A name that a pattern matches, but that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Topic.
    pub name: String,
    /// Why, as a sentence.
    pub reason: String,
}
