//! Kafka's nouns and the contract of a topic as plain data. No client, no I/O, no judgement.

mod contract;

pub use contract::{
    Allowance, Allowed, Contract, DecodeMode, Isolation, LogKind, OrderPromise, Partitioning, TimestampRule,
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

    /// The side across.
    pub fn other(self) -> Self {
        match self {
            Self::Source => Self::Target,
            Self::Target => Self::Source,
        }
    }

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

/// A header borrowed from a client's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderView<'a> {
    /// Name.
    pub name: &'a [u8],
    /// Value; `None` is null and differs from empty.
    pub value: Option<&'a [u8]>,
}

/// One record borrowed from a client's buffer.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    /// Offset in its partition.
    pub offset: i64,
    /// Milliseconds since the epoch; -1 where there is none.
    pub timestamp: i64,
    /// Who set the timestamp.
    pub timestamp_type: TimestampType,
    /// Key bytes.
    pub key: Option<&'a [u8]>,
    /// Value bytes; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers in their order.
    pub headers: &'a [HeaderView<'a>],
}

impl Record {
    /// Bytes of key, value and headers.
    pub fn payload_bytes(&self) -> u64 {
        let Self { offset: _, timestamp: _, timestamp_type: _, key, value, headers } = self;
        let of = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        let headers: usize = headers.iter().map(|header| header.name.len() + of(&header.value)).sum();
        (of(key) + of(value) + headers) as u64
    }

    /// Calls `visit` with a borrowed view of this record.
    pub fn view<T>(&self, visit: impl FnOnce(&RecordView<'_>) -> T) -> T {
        let headers: Vec<HeaderView<'_>> = self
            .headers
            .iter()
            .map(|header| HeaderView { name: &header.name, value: header.value.as_deref() })
            .collect();
        visit(&RecordView {
            offset: self.offset,
            timestamp: self.timestamp,
            timestamp_type: self.timestamp_type,
            key: self.key.as_deref(),
            value: self.value.as_deref(),
            headers: &headers,
        })
    }
}

impl RecordView<'_> {
    /// Copies the payload.
    pub fn to_record(&self) -> Record {
        Record {
            offset: self.offset,
            timestamp: self.timestamp,
            timestamp_type: self.timestamp_type,
            key: self.key.map(<[u8]>::to_vec),
            value: self.value.map(<[u8]>::to_vec),
            headers: self
                .headers
                .iter()
                .map(|header| Header { name: header.name.to_vec(), value: header.value.map(<[u8]>::to_vec) })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_is_key_and_value_and_headers_with_their_names() {
        let header =
            |value: Option<&[u8]>| Header { name: b"name".to_vec(), value: value.map(<[u8]>::to_vec) };
        let mut record = Record {
            offset: 7,
            timestamp: 7,
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: None,
            headers: vec![],
        };
        assert_eq!(record.payload_bytes(), 0);
        record.key = Some(vec![0; 10]);
        record.value = Some(vec![0; 100]);
        record.headers = vec![header(None), header(Some(&[0; 1_000]))];
        assert_eq!(record.payload_bytes(), 1_118);
    }
}
