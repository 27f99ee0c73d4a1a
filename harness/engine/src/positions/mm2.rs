//! MirrorMaker 2's checkpoint and offset-sync records: from bytes and back. Translates nothing, reads no topic.
//!
//! All numbers are big-endian; a string is its length as INT16 and its UTF-8 bytes.

/// Where a group would resume on the target, as MirrorMaker 2 wrote it to `<source>.checkpoints.internal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Consumer group.
    pub group: String,
    /// Topic on the **target**.
    pub topic: String,
    /// Partition number, the same on both sides.
    pub partition: i32,
    /// The group's committed offset on the source when this was written.
    pub upstream_offset: i64,
    /// The offset on the target that it was translated to.
    pub downstream_offset: i64,
    /// The commit's metadata.
    pub metadata: String,
}

/// One known correspondence of offsets, as MirrorMaker 2 wrote it to `mm2-offset-syncs.<alias>.internal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetSync {
    /// Topic on the **source**.
    pub topic: String,
    /// Partition number, the same on both sides.
    pub partition: i32,
    /// Offset on the source.
    pub upstream_offset: i64,
    /// Offset on the target of the same record.
    pub downstream_offset: i64,
}

/// What a checkpoint is about: the key that compaction goes by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CheckpointKey {
    /// Consumer group.
    pub group: String,
    /// Topic on the **target**.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
}

/// What an offset-sync is about: the key that compaction goes by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OffsetSyncKey {
    /// Topic on the **source**.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
}

/// Bytes that are none of MirrorMaker 2's records. Carries no payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mm2Error {
    /// The record has no key.
    #[error("the record has no key")]
    NoKey,
    /// The bytes end inside a field.
    #[error("the {part} ends inside `{field}`, after {length} bytes")]
    Truncated {
        /// `key` or `value`.
        part: &'static str,
        /// The field that is cut.
        field: &'static str,
        /// Length of the part.
        length: usize,
    },
    /// Bytes are left over.
    #[error("the {part} has {extra} bytes too many")]
    Trailing {
        /// `key` or `value`.
        part: &'static str,
        /// How many.
        extra: usize,
    },
    /// A string of negative length, or one that is not UTF-8.
    #[error("`{field}` of the {part} is no string")]
    NotAString {
        /// `key` or `value`.
        part: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A version that this reader does not know.
    #[error("the value is of version {0}; only version 0 is known")]
    Version(i16),
}

/// Reads the key of a record of the checkpoints topic.
///
/// # Errors
/// [`Mm2Error`] where the bytes are not one.
pub fn parse_checkpoint_key(key: Option<&[u8]>) -> Result<CheckpointKey, Mm2Error> {
    let mut fields = Fields::new("key", key.ok_or(Mm2Error::NoKey)?);
    let out = CheckpointKey {
        group: fields.string("group")?,
        topic: fields.string("topic")?,
        partition: fields.i32("partition")?,
    };
    fields.end()?;
    Ok(out)
}

/// Reads a record of the checkpoints topic. `Ok(None)` for a tombstone.
///
/// # Errors
/// [`Mm2Error`] where the bytes are not one.
pub fn parse_checkpoint(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Option<Checkpoint>, Mm2Error> {
    let CheckpointKey { group, topic, partition } = parse_checkpoint_key(key)?;
    let Some(value) = value else { return Ok(None) };
    let mut fields = Fields::new("value", value);
    let version = fields.i16("version")?;
    if version != 0 {
        return Err(Mm2Error::Version(version));
    }
    let out = Checkpoint {
        group,
        topic,
        partition,
        upstream_offset: fields.i64("upstreamOffset")?,
        downstream_offset: fields.i64("offset")?,
        metadata: fields.string("metadata")?,
    };
    fields.end()?;
    Ok(Some(out))
}

/// Reads the key of a record of the offset-syncs topic.
///
/// # Errors
/// [`Mm2Error`] where the bytes are not one.
pub fn parse_offset_sync_key(key: Option<&[u8]>) -> Result<OffsetSyncKey, Mm2Error> {
    let mut fields = Fields::new("key", key.ok_or(Mm2Error::NoKey)?);
    let out = OffsetSyncKey { topic: fields.string("topic")?, partition: fields.i32("partition")? };
    fields.end()?;
    Ok(out)
}

/// Reads a record of the offset-syncs topic. `Ok(None)` for a tombstone.
///
/// # Errors
/// [`Mm2Error`] where the bytes are not one.
pub fn parse_offset_sync(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Option<OffsetSync>, Mm2Error> {
    let OffsetSyncKey { topic, partition } = parse_offset_sync_key(key)?;
    let Some(value) = value else { return Ok(None) };
    let mut fields = Fields::new("value", value);
    let out = OffsetSync {
        topic,
        partition,
        upstream_offset: fields.i64("upstreamOffset")?,
        downstream_offset: fields.i64("offset")?,
    };
    fields.end()?;
    Ok(Some(out))
}

/// Key and value as MirrorMaker 2 would write them; for tests and rehearsals.
///
/// # Panics
/// If a string is longer than 32,767 bytes.
pub fn encode_checkpoint(checkpoint: &Checkpoint) -> (Vec<u8>, Vec<u8>) {
    let Checkpoint { group, topic, partition, upstream_offset, downstream_offset, metadata } = checkpoint;
    let mut key = Vec::new();
    put_string(&mut key, group);
    put_string(&mut key, topic);
    key.extend(partition.to_be_bytes());
    let mut value = 0i16.to_be_bytes().to_vec();
    value.extend(upstream_offset.to_be_bytes());
    value.extend(downstream_offset.to_be_bytes());
    put_string(&mut value, metadata);
    (key, value)
}

/// Key and value as MirrorMaker 2 would write them; for tests and rehearsals.
///
/// # Panics
/// If the topic's name is longer than 32,767 bytes.
pub fn encode_offset_sync(sync: &OffsetSync) -> (Vec<u8>, Vec<u8>) {
    let OffsetSync { topic, partition, upstream_offset, downstream_offset } = sync;
    let mut key = Vec::new();
    put_string(&mut key, topic);
    key.extend(partition.to_be_bytes());
    let mut value = upstream_offset.to_be_bytes().to_vec();
    value.extend(downstream_offset.to_be_bytes());
    (key, value)
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    let length = i16::try_from(text.len()).expect("names are shorter than 32 KiB");
    out.extend(length.to_be_bytes());
    out.extend(text.as_bytes());
}

/// Takes fields from the front of a key or value.
struct Fields<'a> {
    part: &'static str,
    length: usize,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn new(part: &'static str, bytes: &'a [u8]) -> Self {
        Self { part, length: bytes.len(), rest: bytes }
    }

    fn take(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], Mm2Error> {
        let error = Mm2Error::Truncated { part: self.part, field, length: self.length };
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(error)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Mm2Error> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(field, N)?);
        Ok(out)
    }

    fn i16(&mut self, field: &'static str) -> Result<i16, Mm2Error> {
        self.array(field).map(i16::from_be_bytes)
    }

    fn i32(&mut self, field: &'static str) -> Result<i32, Mm2Error> {
        self.array(field).map(i32::from_be_bytes)
    }

    fn i64(&mut self, field: &'static str) -> Result<i64, Mm2Error> {
        self.array(field).map(i64::from_be_bytes)
    }

    fn string(&mut self, field: &'static str) -> Result<String, Mm2Error> {
        let bad = Mm2Error::NotAString { part: self.part, field };
        let length = usize::try_from(self.i16(field)?).map_err(|_| bad.clone())?;
        let bytes = self.take(field, length)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| bad)
    }

    fn end(&self) -> Result<(), Mm2Error> {
        match self.rest.len() {
            0 => Ok(()),
            extra => Err(Mm2Error::Trailing { part: self.part, extra }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let digit = |b: u8| (b as char).to_digit(16).expect("hex") as u8;
        digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
    }

    #[test]
    fn a_checkpoint_captured_from_mirrormaker_2_is_read() {
        let key = bytes("0004 67353030 | 000a 7372632e6f7264657273 | 00000000");
        let value = bytes("0000 | 00000000000001f4 | 0000000000000195 | 0000");
        let expected = Checkpoint {
            group: "g500".into(),
            topic: "src.orders".into(),
            partition: 0,
            upstream_offset: 500,
            downstream_offset: 405,
            metadata: String::new(),
        };
        assert_eq!(parse_checkpoint(Some(&key), Some(&value)), Ok(Some(expected.clone())));
        assert_eq!(encode_checkpoint(&expected), (key.clone(), value));
        assert_eq!(parse_checkpoint(Some(&key), None), Ok(None), "a tombstone");
    }

    #[test]
    fn an_offset_sync_captured_from_mirrormaker_2_is_read() {
        let key = bytes("0006 6f7264657273 00000000");
        let value = bytes("0000000000000065 0000000000000065");
        let expected =
            OffsetSync { topic: "orders".into(), partition: 0, upstream_offset: 101, downstream_offset: 101 };
        assert_eq!(parse_offset_sync(Some(&key), Some(&value)), Ok(Some(expected.clone())));
        assert_eq!(encode_offset_sync(&expected), (key, value));
    }

    #[test]
    fn what_is_no_checkpoint_is_refused_with_the_reason() {
        let key = bytes("0001 67 0001 74 00000007");
        let value = bytes("0000 0000000000000001 0000000000000002 0000");
        assert_eq!(parse_checkpoint(None, Some(&value)), Err(Mm2Error::NoKey));
        let version = bytes("0001 0000000000000001 0000000000000002 0000");
        assert_eq!(parse_checkpoint(Some(&key), Some(&version)), Err(Mm2Error::Version(1)));
        let cut = parse_checkpoint(Some(&key), Some(&value[..12]));
        assert_eq!(cut, Err(Mm2Error::Truncated { part: "value", field: "offset", length: 12 }));
        let mut long = value.clone();
        long.push(0);
        let trailing = parse_checkpoint(Some(&key), Some(&long));
        assert_eq!(trailing, Err(Mm2Error::Trailing { part: "value", extra: 1 }));
        let negative = bytes("ffff 0001 74 00000007");
        let no_string = Err(Mm2Error::NotAString { part: "key", field: "group" });
        assert_eq!(parse_checkpoint(Some(&negative), Some(&value)), no_string);
        let latin1 = bytes("0001 e4 0001 74 00000007");
        assert_eq!(parse_checkpoint(Some(&latin1), Some(&value)), no_string);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_what_parses_is_written_back_the_same(
            key in proptest::collection::vec(any::<u8>(), 0..40),
            value in proptest::collection::vec(any::<u8>(), 0..40),
        ) {
            if let Ok(Some(checkpoint)) = parse_checkpoint(Some(&key), Some(&value)) {
                prop_assert_eq!(encode_checkpoint(&checkpoint), (key.clone(), value.clone()));
            }
            if let Ok(Some(sync)) = parse_offset_sync(Some(&key), Some(&value)) {
                prop_assert_eq!(encode_offset_sync(&sync), (key, value));
            }
        }

        #[test]
        fn what_is_written_is_read_back_and_every_prefix_is_refused(
            group in ".{0,12}", topic in "[a-z.]{0,12}", partition: i32, up: i64, down: i64, metadata in ".{0,8}",
        ) {
            let checkpoint = Checkpoint {
                group, topic: topic.clone(), partition, upstream_offset: up, downstream_offset: down, metadata,
            };
            let (key, value) = encode_checkpoint(&checkpoint);
            for cut in 0..value.len() {
                prop_assert!(parse_checkpoint(Some(&key), Some(&value[..cut])).is_err());
            }
            for cut in 0..key.len() {
                prop_assert!(parse_checkpoint(Some(&key[..cut]), Some(&value)).is_err());
            }
            prop_assert_eq!(parse_checkpoint(Some(&key), Some(&value)), Ok(Some(checkpoint)));
            let sync = OffsetSync { topic, partition, upstream_offset: up, downstream_offset: down };
            let (key, value) = encode_offset_sync(&sync);
            prop_assert_eq!(parse_offset_sync(Some(&key), Some(&value)), Ok(Some(sync)));
        }
    }
}
