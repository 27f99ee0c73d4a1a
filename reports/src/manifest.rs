//! `run.json`: what a run was, what it read, what it concluded. Field names are fixed by the interface (schema version 1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::FindingKind;

/// The `schema_version` that this crate writes.
pub const SCHEMA_VERSION: u32 = 1;

/// Did the run read all that it planned?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Ran to its end.
    Complete,
    /// Stopped early; the artefacts hold what was known then.
    Partial,
}

impl RunState {
    /// Both states.
    pub const ALL: [RunState; 2] = [Self::Complete, Self::Partial];

    /// The name in files, e.g. `complete`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
        }
    }
}

/// The three answers. What cannot be proven is never `Match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Proven equal over the stated range.
    Match,
    /// At least one finding that no allowance covers.
    Divergent,
    /// Could not tell; `reasons` says why.
    Inconclusive,
}

impl Verdict {
    /// The three answers.
    pub const ALL: [Verdict; 3] = [Self::Match, Self::Divergent, Self::Inconclusive];

    /// The name in files, e.g. `match`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Divergent => "divergent",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// Green: safe and exact. Yellow: safe, but something to read. Red: not safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scorecard {
    /// Skip 0, replay 0, nothing open.
    Green,
    /// Skip 0, but records are replayed, or a state needs a look.
    Yellow,
    /// Records would be skipped or are missing ahead of the group, or its position cannot be judged.
    Red,
}

impl Scorecard {
    /// All colours, best first.
    pub const ALL: [Scorecard; 3] = [Self::Green, Self::Yellow, Self::Red];

    /// The name in files, e.g. `green`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }
}

/// Where a position came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// MirrorMaker 2's checkpoints topic on the target.
    Checkpoints,
    /// Recomputed from MirrorMaker 2's offset-syncs.
    OffsetSyncs,
    /// The group's own commit on the target.
    GroupCommits,
    /// Offset-preserving replicator: the same number.
    Identity,
    /// A header that carries the source offset.
    Header,
    /// By timestamp.
    Timestamp,
    /// From a CSV of `kafka-consumer-groups --export`.
    Csv,
    /// The log start of the target.
    Earliest,
    /// No origin gave a position.
    None,
}

impl Origin {
    /// All origins.
    pub const ALL: [Origin; 9] = [
        Self::Checkpoints,
        Self::OffsetSyncs,
        Self::GroupCommits,
        Self::Identity,
        Self::Header,
        Self::Timestamp,
        Self::Csv,
        Self::Earliest,
        Self::None,
    ];

    /// The name in files, e.g. `checkpoints`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Checkpoints => "checkpoints",
            Self::OffsetSyncs => "offset_syncs",
            Self::GroupCommits => "group_commits",
            Self::Identity => "identity",
            Self::Header => "header",
            Self::Timestamp => "timestamp",
            Self::Csv => "csv",
            Self::Earliest => "earliest",
            Self::None => "none",
        }
    }
}

/// What is known about one group's position on one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PositionState {
    /// Skip and replay are exact.
    Judged,
    /// The group has a commit on the source, but nothing translates it.
    NoCheckpoint,
    /// The checkpoint is older than the group's progress.
    StaleCheckpoint,
    /// The resume offset is past the target's log end.
    BeyondTargetEnd,
    /// The resume offset was deleted by the target's retention.
    BelowTargetLogStart,
    /// The group committed past the source's log end.
    BeyondSourceEnd,
    /// The source records at the commit were deleted by retention.
    BelowSourceLogStart,
    /// No offset-sync exists for the partition.
    NoOffsetSync,
    /// The topic was deleted and created again under the same name.
    TopicRecreated,
    /// The group has live members on the target.
    TargetGroupActive,
    /// Source records at or after the commit are not on the target yet.
    AheadOfCopy,
    /// The image could not be located; `detail` says why.
    NotLocated,
    /// The group has a commit on the target, where it would resume, but none on the source.
    NoSourceCommit,
}

impl PositionState {
    /// All states.
    pub const ALL: [PositionState; 13] = [
        Self::Judged,
        Self::NoCheckpoint,
        Self::StaleCheckpoint,
        Self::BeyondTargetEnd,
        Self::BelowTargetLogStart,
        Self::BeyondSourceEnd,
        Self::BelowSourceLogStart,
        Self::NoOffsetSync,
        Self::TopicRecreated,
        Self::TargetGroupActive,
        Self::AheadOfCopy,
        Self::NotLocated,
        Self::NoSourceCommit,
    ];

    /// Whether skip and replay at the position are what the group would meet: nothing but time can move it.
    pub fn stands(self) -> bool {
        match self {
            Self::Judged | Self::StaleCheckpoint => true,
            Self::NoCheckpoint
            | Self::BeyondTargetEnd
            | Self::BelowTargetLogStart
            | Self::BeyondSourceEnd
            | Self::BelowSourceLogStart
            | Self::NoOffsetSync
            | Self::TopicRecreated
            | Self::TargetGroupActive
            | Self::AheadOfCopy
            | Self::NotLocated
            | Self::NoSourceCommit => false,
        }
    }

    /// The name in files, e.g. `judged`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Judged => "judged",
            Self::NoCheckpoint => "no_checkpoint",
            Self::StaleCheckpoint => "stale_checkpoint",
            Self::BeyondTargetEnd => "beyond_target_end",
            Self::BelowTargetLogStart => "below_target_log_start",
            Self::BeyondSourceEnd => "beyond_source_end",
            Self::BelowSourceLogStart => "below_source_log_start",
            Self::NoOffsetSync => "no_offset_sync",
            Self::TopicRecreated => "topic_recreated",
            Self::TargetGroupActive => "target_group_active",
            Self::AheadOfCopy => "ahead_of_copy",
            Self::NotLocated => "not_located",
            Self::NoSourceCommit => "no_source_commit",
        }
    }
}

/// One side's cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSummary {
    /// The name that the configuration gives it.
    pub alias: String,
    /// As the brokers report it.
    pub cluster_id: String,
}

/// What "the end" meant in this run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barrier {
    /// When the source's end offsets were read (RFC 3339).
    pub source_ends_at: String,
    /// When the target's end offsets were last read (RFC 3339).
    pub target_ends_at: String,
    /// How often the target's ends were read again because the pending set still shrank.
    pub rounds: u32,
}

/// The columns of the ledger. For the source: `source_records` = matched + missing + reordered + mismatched
/// + misplaced + source's pending, unverifiable, compacted and compacted_or_dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Source records in scope.
    pub source_records: u64,
    /// Target records in scope.
    pub target_records: u64,
    /// Pairs that are equal by the contract.
    pub matched: u64,
    /// Of `matched`: bytes differ, decoded meaning is equal (e.g. remapped schema id).
    #[serde(default)]
    pub equal_meaning: u64,
    /// Source records not on the target yet at the barrier: not judged.
    pub pending: u64,
    /// Records that could not be judged.
    pub unverifiable: u64,
    /// Records that compaction explains, with evidence.
    pub compacted: u64,
    /// Records of which it cannot be told whether compaction removed them or they were lost.
    #[serde(default)]
    pub compacted_or_dropped: u64,
    /// Findings of each kind; kinds with none may be absent.
    pub findings: BTreeMap<FindingKind, u64>,
}

impl Counts {
    /// Those of all rows together.
    pub fn sum(rows: &[PairSummary]) -> Self {
        let mut total = Self::default();
        rows.iter().for_each(|row| total.add(&row.counts));
        total
    }

    /// Adds those of more records, column by column.
    pub fn add(&mut self, more: &Self) {
        let Self {
            source_records,
            target_records,
            matched,
            equal_meaning,
            pending,
            unverifiable,
            compacted,
            compacted_or_dropped,
            findings,
        } = more;
        self.source_records += source_records;
        self.target_records += target_records;
        self.matched += matched;
        self.equal_meaning += equal_meaning;
        self.pending += pending;
        self.unverifiable += unverifiable;
        self.compacted += compacted;
        self.compacted_or_dropped += compacted_or_dropped;
        for (kind, count) in findings {
            *self.findings.entry(*kind).or_default() += count;
        }
    }

    /// The number of findings of all kinds.
    pub fn findings_total(&self) -> u64 {
        self.findings.values().sum()
    }
}

/// One pair: a source partition and the target partition it was compared with. Offsets half-open.
///
/// Where the contract says `partitions: by_key`, all source partitions are compared with all target partitions: one row
/// for each source partition, without a target partition, whose target counts are the target records that copy it or
/// stand in its place; and one row without a source partition for target records that belong to none, where there are any.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairSummary {
    /// Source topic; all of them, with commas between, where the row belongs to no source partition.
    pub source_topic: String,
    /// Source partition.
    pub source_partition: Option<i32>,
    /// Target topic.
    pub target_topic: String,
    /// Target partition.
    pub target_partition: Option<i32>,
    /// First source offset in scope.
    pub source_start_offset: Option<i64>,
    /// First source offset out of scope.
    pub source_end_offset: Option<i64>,
    /// First target offset in scope. `None` where there is no offset map: `notes` tell the ranges then.
    pub target_start_offset: Option<i64>,
    /// First target offset out of scope.
    pub target_end_offset: Option<i64>,
    /// The ledger.
    #[serde(flatten)]
    pub counts: Counts,
    /// Why something in this pair could not be judged; empty where all was.
    #[serde(default)]
    pub remarks: Vec<String>,
    /// What a reader of the row should know, e.g. the ranges of the target partitions of `partitions: by_key`.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What another origin says about a position that is judged by its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherPosition {
    /// Where it comes from.
    pub origin: Origin,
    /// The offset on the target that it names.
    pub offset: i64,
}

/// One group on one partition. Offsets are `None` where there is none to state.
///
/// Where the contract says `partitions: by_key`, a group has one row for each source partition that it has committed,
/// without a target partition (its commit, and what is missing after it), and one for each target partition, without a
/// source partition (where it resumes, the image, skip and replay). What a row does not state is `None` there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PositionSummary {
    /// Source topic; all of them, with commas between, where the row belongs to no source partition.
    pub topic: String,
    /// Source partition.
    pub partition: Option<i32>,
    /// Target topic.
    pub target_topic: String,
    /// Target partition.
    pub target_partition: Option<i32>,
    /// The group's committed offset on the source; also `None` where it has committed on the target only.
    pub source_offset: Option<i64>,
    /// Where the group would resume on the target.
    pub target_offset: Option<i64>,
    /// Where `target_offset` came from.
    pub origin: Origin,
    /// What the other origins say that were read; `target_offset` is none of theirs.
    #[serde(default)]
    pub also: Vec<OtherPosition>,
    /// Resuming here skips nothing.
    pub image_offset: Option<i64>,
    /// Source records at or after the commit whose copies all lie before the resume offset.
    pub skip_records: Option<u64>,
    /// Target records at or after the resume offset that copy source records before the commit.
    pub replay_records: Option<u64>,
    /// Source records at or after the commit that have no copy at all.
    pub missing_records: Option<u64>,
    /// What it cost to tell where the position is: records read for its own look-up, by a header or by timestamp, and to
    /// locate where its pair starts. All groups of a pair share the latter, so that the rows do not add up.
    #[serde(default)]
    pub records_read_to_locate: u64,
    /// What is known.
    pub state: PositionState,
    /// A sentence for people: why, and what to do.
    #[serde(default)]
    pub detail: String,
}

/// One consumer group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// Group id.
    pub group: String,
    /// The worst of its positions; red without any.
    pub scorecard: Scorecard,
    /// One entry for each partition that it has committed on either side; none for a group that the configuration names
    /// and that has committed nothing in scope.
    pub positions: Vec<PositionSummary>,
}

/// Synthetic divergences, drawn from the run's own records, that went through the same code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelfCheck {
    /// Planted, by kind, under all contracts of the run together. Empty where nothing was.
    pub planted: BTreeMap<FindingKind, u64>,
    /// Found, by kind.
    pub found: BTreeMap<FindingKind, u64>,
    /// Whether something was planted, and just that was found. Where nothing was planted it is no failure: `detail` says
    /// why.
    pub passed: bool,
    /// Set where there was too little to plant into, under one contract or all.
    #[serde(default)]
    pub detail: String,
}

/// One artefact of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the run directory.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// Hex of the BLAKE3 digest.
    pub blake3: String,
}

/// `run.json`. Written last: a directory without it is not a finished run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunManifest {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Version of Cutproof.
    pub cutproof_version: String,
    /// UUIDv7.
    pub run_id: String,
    /// Complete or partial.
    pub state: RunState,
    /// The answer.
    pub verdict: Verdict,
    /// The process' exit code.
    pub exit_code: i32,
    /// Why the verdict is what it is; also what limits it.
    pub reasons: Vec<String>,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339.
    pub finished_at: String,
    /// Hex BLAKE3 of the configuration file as read.
    pub config_digest: String,
    /// Source cluster.
    pub source: ClusterSummary,
    /// Target cluster.
    pub target: ClusterSummary,
    /// What "the end" meant.
    pub barrier: Barrier,
    /// Sums over all pairs.
    pub totals: Counts,
    /// Records that were read to locate positions and the starts of pairs, before the comparison and each counted once.
    #[serde(default)]
    pub records_read_to_locate: u64,
    /// One entry a pair.
    pub pairs: Vec<PairSummary>,
    /// One entry a group.
    pub groups: Vec<GroupSummary>,
    /// The run's test of itself.
    pub self_check: SelfCheck,
    /// All artefacts but this one.
    pub files: Vec<FileEntry>,
}
