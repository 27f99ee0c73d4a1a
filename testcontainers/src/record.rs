//! Records as plain bytes: what is produced and what is read back. Knows no client.

/// A record to produce. Offsets are the broker's business.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlainRecord {
    /// The partition it goes to.
    pub partition: i32,
    /// `None` is a null key, which is not an empty one.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone, which is not an empty value.
    pub value: Option<Vec<u8>>,
    /// In order; names may repeat, values may be null or empty.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Milliseconds since 1970. 0 makes the client use the time of sending.
    pub timestamp: i64,
}

/// Who set a record's timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PlainTimestampType {
    /// The record has none.
    NotAvailable,
    /// Its producer.
    CreateTime,
    /// The broker.
    LogAppendTime,
}

/// A record as it was read from one partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlainRead {
    /// Its offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970; -1 if it has none.
    pub timestamp: i64,
    /// Who set the timestamp.
    pub timestamp_type: PlainTimestampType,
    /// `None` is a null key.
    pub key: Option<Vec<u8>>,
    /// `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// In order; names may repeat, values may be null or empty.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl PlainRead {
    /// The same record, to be produced to `partition`.
    pub fn into_record(self, partition: i32) -> PlainRecord {
        let Self { offset: _, timestamp, timestamp_type: _, key, value, headers } = self;
        PlainRecord { partition, key, value, headers, timestamp }
    }
}
