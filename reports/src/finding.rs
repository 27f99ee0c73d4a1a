//! One divergence between source and target, as it is written to `findings/*.parquet`. No payload, only keyed hashes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What kind of divergence a finding is. Names are fixed: users script against them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// A source record in scope that has no copy on the target.
    MissingRecord,
    /// A target record in scope that is a copy of no source record.
    ExtraneousRecord,
    /// A further copy of a source record; one finding for each further copy.
    DuplicateRecord,
    /// The copy is there, but out of order.
    ReorderedRecord,
    /// Same place in the order and same key, other value, headers, timestamp or tombstone.
    MismatchedRecord,
    /// The only copy is in another partition than the contract promises.
    MisplacedRecord,
    /// A record that one side's registry or schema cannot decode.
    UndecodableRecord,
}

impl FindingKind {
    /// All kinds, in the order in which reports list them.
    pub const ALL: [FindingKind; 7] = [
        Self::MissingRecord,
        Self::ExtraneousRecord,
        Self::DuplicateRecord,
        Self::ReorderedRecord,
        Self::MismatchedRecord,
        Self::MisplacedRecord,
        Self::UndecodableRecord,
    ];

    /// The name in files, on the command line and in configurations, e.g. `missing_record`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingRecord => "missing_record",
            Self::ExtraneousRecord => "extraneous_record",
            Self::DuplicateRecord => "duplicate_record",
            Self::ReorderedRecord => "reordered_record",
            Self::MismatchedRecord => "mismatched_record",
            Self::MisplacedRecord => "misplaced_record",
            Self::UndecodableRecord => "undecodable_record",
        }
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// In which part two records differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Both values are present and differ.
    Value,
    /// Exactly one side is a tombstone (null value).
    Tombstone,
    /// Header names, values, order or number differ, after the contract's ignore list.
    Headers,
    /// Timestamps differ by more than the contract allows.
    Timestamp,
    /// One side is `CreateTime`, the other `LogAppendTime` (or has none).
    TimestampType,
    /// Equal bytes that decode to other meanings, because the registries disagree.
    Schema,
}

impl Part {
    /// All parts, in the order in which reports list them.
    pub const ALL: [Part; 6] =
        [Self::Value, Self::Tombstone, Self::Headers, Self::Timestamp, Self::TimestampType, Self::Schema];

    /// The name in files, e.g. `timestamp_type`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Tombstone => "tombstone",
            Self::Headers => "headers",
            Self::Timestamp => "timestamp",
            Self::TimestampType => "timestamp_type",
            Self::Schema => "schema",
        }
    }
}

/// For a reordered record: which promise broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderBroken {
    /// Two records of one key are swapped: per-key order, which consumers rely on.
    Key,
    /// Only the order between different keys changed.
    Partition,
}

impl OrderBroken {
    /// Both promises.
    pub const ALL: [OrderBroken; 2] = [Self::Key, Self::Partition];

    /// The name in files: `key` or `partition`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Partition => "partition",
        }
    }
}

/// Who set a record's timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestampType {
    /// The record carries none.
    NotAvailable,
    /// Set by the producer.
    CreateTime,
    /// Set by the broker.
    LogAppendTime,
}

impl TimestampType {
    /// All types.
    pub const ALL: [TimestampType; 3] = [Self::NotAvailable, Self::CreateTime, Self::LogAppendTime];

    /// The name in files, e.g. `create_time`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAvailable => "not_available",
            Self::CreateTime => "create_time",
            Self::LogAppendTime => "log_append_time",
        }
    }
}

/// Where one record is. `timestamp` in milliseconds since the epoch; `None` where the record has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordPlace {
    /// Topic name on that side's cluster.
    pub topic: String,
    /// Partition number on that side's cluster.
    pub partition: i32,
    /// Offset on that side's cluster. Offsets of two clusters are not comparable.
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: Option<i64>,
    /// Who set the timestamp.
    pub timestamp_type: TimestampType,
}

impl fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}@{}", self.topic, self.partition, self.offset)
    }
}

/// One divergence. A missing record has no `target`, an extraneous one no `source`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Position in the run's canonical order, from 0: by source topic, partition, offset, then target's.
    pub finding_id: i64,
    /// What it is.
    pub kind: FindingKind,
    /// Which parts differ; empty unless the kind compares two records.
    pub parts: Vec<Part>,
    /// Why, where it is known, e.g. `aborted_transaction_replicated`.
    pub cause: Option<String>,
    /// Only for reordered records.
    pub order_broken: Option<OrderBroken>,
    /// The source record, or the source record that a duplicate is a copy of.
    pub source: Option<RecordPlace>,
    /// The target record.
    pub target: Option<RecordPlace>,
    /// Hex of the keyed BLAKE3 hash of the key (32 hex digits); `None` for a null key.
    pub key_hash: Option<String>,
    /// Hex of the keyed BLAKE3 hash of the source value; `None` for a tombstone or no record.
    pub source_value_hash: Option<String>,
    /// Hex of the keyed BLAKE3 hash of the target value; `None` for a tombstone or no record.
    pub target_value_hash: Option<String>,
    /// A sentence for people: paths that differ, sizes, header names. Never a payload.
    pub detail: String,
}
