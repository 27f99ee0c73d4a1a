//! What a topic promises, as plain data. Who may differ from whom, and by how much.

use super::FindingKind;

/// What one topic's copy must keep. The built-in default is the strictest.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    /// Retained or compacted.
    pub log: LogKind,
    /// Which order is promised.
    pub order: OrderPromise,
    /// Whether a record stays in its partition number.
    pub partitions: Partitioning,
    /// What a reader sees of transactions.
    pub isolation: Isolation,
    /// How timestamps compare.
    pub timestamps: TimestampRule,
    /// Whether `CreateTime` and `LogAppendTime` must agree.
    pub timestamp_type_exact: bool,
    /// Header names that replicators add; left out of the comparison on both sides.
    pub headers_ignored: Vec<String>,
    /// When payloads are decoded.
    pub decode: DecodeMode,
    /// Findings that the owner accepts, with the reason.
    pub allowances: Vec<Allowance>,
}

impl Default for Contract {
    fn default() -> Self {
        Self {
            log: LogKind::Retained,
            order: OrderPromise::Partition,
            partitions: Partitioning::Same,
            isolation: Isolation::ReadCommitted,
            timestamps: TimestampRule::Exact,
            timestamp_type_exact: true,
            headers_ignored: [
                "__mskmr",
                "redpanda-migrator-provenance",
                "redpanda-migrator-offset",
                "__replicator_id",
            ]
            .map(String::from)
            .to_vec(),
            decode: DecodeMode::Mismatches,
            allowances: Vec::new(),
        }
    }
}

/// How the topic's log is cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// Records stay until retention deletes them from the front.
    Retained,
    /// The last record of each key stays.
    Compacted,
}

/// Which order the copy must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderPromise {
    /// The order of the partition.
    Partition,
    /// Only the order within each key.
    Key,
    /// None: a multiset.
    None,
}

/// Whether a record stays in its partition number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partitioning {
    /// Source partition n is target partition n.
    Same,
    /// Repartitioned or merged: any partition of the target topic.
    ByKey,
}

/// What a reader sees of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Aborted records are invisible; the log ends at the last stable offset.
    ReadCommitted,
    /// Everything up to the high watermark.
    ReadUncommitted,
}

/// How timestamps compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampRule {
    /// To the millisecond.
    Exact,
    /// Not at all.
    Ignore,
    /// By at most this many milliseconds.
    ToleranceMs(u64),
}

/// When payloads are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeMode {
    /// Only where bytes differ.
    Mismatches,
    /// Every record: proves that each can be read on the target.
    All,
    /// Never.
    None,
}

/// What an owner can accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Findings of one kind.
    Finding(FindingKind),
    /// Records of a compacted topic of which it cannot be told whether compaction removed them.
    CompactedOrDropped,
}

/// Something that the owner accepts. It is still found and counted; it only does not decide the verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Allowance {
    /// What.
    pub finding: Allowed,
    /// How many at most, over the topics of the contract; `None` is any number.
    pub max: Option<u64>,
    /// Why; printed in the report.
    pub reason: String,
}
