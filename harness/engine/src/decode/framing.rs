//! Finds the schema that a payload names, in its prefix or in the record's headers. Pure; asks no registry.

use std::fmt;

use thiserror::Error;

use crate::record::Header;

/// Which half of a record a payload is. Decides the header that may carry its schema id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// The record's key.
    Key,
    /// The record's value.
    Value,
}

impl Slot {
    /// `key` or `value`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
        }
    }

    fn header_name(self) -> &'static [u8] {
        match self {
            Self::Key => b"__key_schema_id",
            Self::Value => b"__value_schema_id",
        }
    }
}

/// A schema as one registry numbers it. Ids of two registries are not comparable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SchemaRef {
    /// A numeric id; 1 or more.
    Id(u32),
    /// A GUID, as its 16 bytes.
    Guid([u8; 16]),
}

impl fmt::Display for SchemaRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => write!(f, "schema id {id}"),
            Self::Guid(bytes) => write!(f, "schema guid {}", guid_text(bytes)),
        }
    }
}

/// The usual spelling of a GUID: lower case, with hyphens.
pub fn guid_text(bytes: &[u8; 16]) -> String {
    uuid::Uuid::from_bytes(*bytes).to_string()
}

/// A payload split at its framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framed<'a> {
    /// The writer's schema.
    pub schema: SchemaRef,
    /// What follows the id inside a header; Protobuf keeps its message indexes there. Empty for a prefix.
    pub header_rest: &'a [u8],
    /// The encoded datum: after the prefix, or the whole payload where a header carries the id.
    pub body: &'a [u8],
}

/// A framing that begins and cannot be finished.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FramingError {
    /// The payload starts as a framed one and ends inside the id.
    #[error("the payload of {bytes} bytes ends inside its schema id, which takes {needed}")]
    TooShort {
        /// Length of the payload.
        bytes: usize,
        /// Length of the framing that its first byte announces.
        needed: usize,
    },
    /// The header is there, but what it holds is no schema id.
    #[error("header {name} of {bytes} bytes holds no schema id (00 and 4 bytes, or 01 and 16 bytes)")]
    BadHeader {
        /// Name of the header.
        name: &'static str,
        /// Length of its value.
        bytes: usize,
    },
}

/// Reads the framing of one payload. The header wins over the prefix; of several headers of that name the last
/// counts, and a null value counts as no header. `None`: not framed. Id 0 and negative ids are never given out
/// by a registry, so such a payload (a small big-endian long, say) is not framed.
pub fn parse<'a>(
    slot: Slot,
    payload: &'a [u8],
    headers: &'a [Header],
) -> Result<Option<Framed<'a>>, FramingError> {
    let last = headers.iter().rev().find(|h| h.name == slot.header_name());
    if let Some(value) = last.and_then(|h| h.value.as_deref()) {
        return match split(value) {
            Ok(Some((schema, header_rest))) => Ok(Some(Framed { schema, header_rest, body: payload })),
            _ => {
                let name = match slot {
                    Slot::Key => "__key_schema_id",
                    Slot::Value => "__value_schema_id",
                };
                Err(FramingError::BadHeader { name, bytes: value.len() })
            }
        };
    }
    Ok(split(payload)?.map(|(schema, body)| Framed { schema, header_rest: &[], body }))
}

/// The id at the front of `bytes` and what follows it.
fn split(bytes: &[u8]) -> Result<Option<(SchemaRef, &[u8])>, FramingError> {
    let too_short = |needed| FramingError::TooShort { bytes: bytes.len(), needed };
    match bytes.first() {
        Some(0) => {
            let (id, rest) = bytes[1..].split_first_chunk::<4>().ok_or_else(|| too_short(5))?;
            let id = u32::from_be_bytes(*id);
            let given_out = (1..=i32::MAX as u32).contains(&id);
            Ok(given_out.then_some((SchemaRef::Id(id), rest)))
        }
        Some(1) => {
            let (guid, rest) = bytes[1..].split_first_chunk::<16>().ok_or_else(|| too_short(17))?;
            Ok(Some((SchemaRef::Guid(*guid), rest)))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(name: &str, value: Option<&[u8]>) -> Header {
        Header { name: name.as_bytes().to_vec(), value: value.map(<[u8]>::to_vec) }
    }

    #[test]
    fn a_prefix_names_the_schema_and_the_rest_is_the_body() {
        let framed = parse(Slot::Value, &[0, 0, 0, 1, 44, 9, 8], &[]).unwrap().unwrap();
        assert_eq!(framed, Framed { schema: SchemaRef::Id(300), header_rest: &[], body: &[9, 8] });
    }

    #[test]
    fn a_guid_prefix_takes_sixteen_bytes() {
        let mut payload = vec![1];
        payload.extend(0..16);
        payload.push(77);
        let framed = parse(Slot::Key, &payload, &[]).unwrap().unwrap();
        assert_eq!(framed.body, &[77]);
        assert_eq!(framed.schema.to_string(), "schema guid 00010203-0405-0607-0809-0a0b0c0d0e0f");
    }

    #[test]
    fn the_last_header_wins_over_earlier_ones_and_over_the_prefix() {
        let headers = [
            header("__value_schema_id", Some(&[0, 0, 0, 0, 5])),
            header("__value_schema_id", Some(&[0, 0, 0, 0, 6, 2])),
        ];
        let payload = [0, 0, 0, 0, 9, 1];
        let framed = parse(Slot::Value, &payload, &headers).unwrap().unwrap();
        assert_eq!(framed, Framed { schema: SchemaRef::Id(6), header_rest: &[2], body: &payload });
        let of_key = parse(Slot::Key, &payload, &headers).unwrap().unwrap();
        assert_eq!(of_key.schema, SchemaRef::Id(9), "the header of the value says nothing about the key");
    }

    #[test]
    fn a_last_header_that_is_null_leaves_the_prefix_in_charge() {
        let headers =
            [header("__value_schema_id", Some(&[0, 0, 0, 0, 5])), header("__value_schema_id", None)];
        assert_eq!(parse(Slot::Value, &[0, 0, 0, 0, 9], &headers).unwrap().unwrap().schema, SchemaRef::Id(9));
    }

    #[test]
    fn a_payload_shorter_than_its_framing_is_an_error_value() {
        for bytes in 1..5 {
            let short = Err(FramingError::TooShort { bytes, needed: 5 });
            assert_eq!(parse(Slot::Value, &[0; 4][..bytes], &[]), short);
        }
        assert_eq!(parse(Slot::Value, &[1; 16], &[]), Err(FramingError::TooShort { bytes: 16, needed: 17 }));
    }

    #[test]
    fn a_header_that_holds_no_id_is_an_error_value() {
        for value in [&[][..], &[0, 0, 0], &[7; 20], &[0, 0, 0, 0, 0]] {
            let headers = [header("__value_schema_id", Some(value))];
            assert_eq!(
                parse(Slot::Value, b"{}", &headers),
                Err(FramingError::BadHeader { name: "__value_schema_id", bytes: value.len() })
            );
        }
    }

    #[test]
    fn text_empty_payloads_and_small_longs_are_not_framed() {
        for payload in [&b"{\"a\":1}"[..], b"", &42u64.to_be_bytes(), &[0, 0xff, 0xff, 0xff, 0xff, 1]] {
            assert_eq!(parse(Slot::Value, payload, &[]), Ok(None));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_and_nothing_of_a_framed_payload_is_lost(
            payload in prop::collection::vec(any::<u8>(), 0..40),
            value in prop::option::of(prop::collection::vec(any::<u8>(), 0..24)),
        ) {
            let headers = [Header { name: b"__value_schema_id".to_vec(), value }];
            let _ = parse(Slot::Value, &payload, &headers);
            if let Ok(Some(framed)) = parse(Slot::Value, &payload, &[]) {
                let mut again = match framed.schema {
                    SchemaRef::Id(id) => [&[0][..], &id.to_be_bytes()].concat(),
                    SchemaRef::Guid(guid) => [&[1][..], &guid].concat(),
                };
                again.extend(framed.body);
                prop_assert_eq!(again, payload);
            }
        }
    }
}
