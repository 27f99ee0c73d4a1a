//! Kafka's nouns and the contract of a topic as plain data. No client, no I/O, no judgement.

mod contract;

pub use contract::{
    Allowance, Contract, DecodeMode, Isolation, LogKind, OrderPromise, Partitioning, TimestampRule,
};
pub use cutproof_reports::{FindingKind, TimestampType};

use std::fmt;

/// Which of the two clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Side {
    /// The cluster that is left.
    Source,
    /// The cluster that takes over.
    Target,
}

impl Side {
    /// Source first, as everywhere.
    pub const BOTH: [Side; 2] = [Side::Source, Side::Target];

    /// `source` or `target`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A partition of a topic on one cluster. Printed as `orders-3`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Topic name on that cluster.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
}

impl TopicPartition {
    /// Names a partition.
    pub fn new(topic: impl Into<String>, partition: i32) -> Self {
        Self { topic: topic.into(), partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// `start` inclusive, `end` exclusive, as `ListOffsets` and `OffsetCommit` count. A difference of two
/// offsets is not a number of records: markers, aborts and compaction leave gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OffsetRange {
    /// First offset inside.
    pub start: i64,
    /// First offset outside.
    pub end: i64,
}

/// A header as it stands on the wire: the name may repeat, the value may be null.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Name; UTF-8 by the protocol, kept as bytes.
    pub name: Vec<u8>,
    /// Value; `None` is null and differs from empty.
    pub value: Option<Vec<u8>>,
}

/// One record with its payload. Null (`None`) and empty differ everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Offset in its partition.
    pub offset: i64,
    /// Milliseconds since the epoch; -1 where there is none.
    pub timestamp: i64,
    /// Who set the timestamp.
    pub timestamp_type: TimestampType,
    /// Key bytes.
    pub key: Option<Vec<u8>>,
    /// Value bytes; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in their order.
    pub headers: Vec<Header>,
}
