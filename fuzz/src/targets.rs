//! What each fuzz target does with some bytes: they are parsed, and what was read must hold. A broken promise panics.
//! Used by the fuzzer and by the tests of the corpus. Draws no bytes.
//!
//! A target answers whether the bytes were what it reads.

use std::collections::BTreeMap;
use std::path::Path;

use cutproof::decode::{Framed, SchemaRef, Slot, parse_framing, read_avro_twice};
use cutproof::kafka::properties;
use cutproof::positions::mm2;
use cutproof::positions::plan::parse_csv;
use cutproof::record::Header;
use cutproof::run::rewritten_checkpoint;

use super::choices::Random;
use super::{lanes, pair};

/// Whether the bytes are what the target reads.
pub type Target = fn(&[u8]) -> bool;

/// Every target by its name, which is also that of its corpus.
pub const ALL: [(&str, Target); 10] = [
    ("align", align),
    ("align_keyed", align_keyed),
    ("avro", avro),
    ("checkpoint", checkpoint),
    ("config", config),
    ("csv_positions", csv_positions),
    ("framing", framing),
    ("mm2_checkpoint", mm2_checkpoint),
    ("mm2_offset_sync", mm2_offset_sync),
    ("properties", java_properties),
];

/// The first byte is the length of the first part.
fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = bytes.split_first() else { return (&[], &[]) };
    rest.split_at(usize::from(*length).min(rest.len()))
}

/// The key, after one byte of its length, and the value. What is read is written back the same.
pub fn mm2_checkpoint(bytes: &[u8]) -> bool {
    let (key, value) = halves(bytes);
    let named = mm2::parse_checkpoint_key(Some(key));
    assert_eq!(mm2::parse_checkpoint(Some(key), None), named.clone().map(|_| None), "a tombstone");
    let Ok(Some(read)) = mm2::parse_checkpoint(Some(key), Some(value)) else { return false };
    let named = named.expect("the key of what was read");
    assert_eq!((&named.group, &named.topic, named.partition), (&read.group, &read.topic, read.partition));
    assert_eq!(mm2::encode_checkpoint(&read), (key.to_vec(), value.to_vec()));
    true
}

/// The key, after one byte of its length, and the value. What is read is written back the same.
pub fn mm2_offset_sync(bytes: &[u8]) -> bool {
    let (key, value) = halves(bytes);
    let named = mm2::parse_offset_sync_key(Some(key));
    assert_eq!(mm2::parse_offset_sync(Some(key), None), named.clone().map(|_| None), "a tombstone");
    let Ok(Some(read)) = mm2::parse_offset_sync(Some(key), Some(value)) else { return false };
    let named = named.expect("the key of what was read");
    assert_eq!((&named.topic, named.partition), (&read.topic, read.partition));
    assert_eq!(mm2::encode_offset_sync(&read), (key.to_vec(), value.to_vec()));
    true
}

/// A byte of choices (key or value; with a header or without), the header after one byte of its length, the payload.
/// No byte of what is framed is lost.
pub fn framing(bytes: &[u8]) -> bool {
    let Some((choices, rest)) = bytes.split_first() else { return false };
    let (slot, name) =
        [(Slot::Key, "__key_schema_id"), (Slot::Value, "__value_schema_id")][usize::from(choices & 1)];
    let in_header = choices & 2 != 0;
    let (header, payload) = if in_header { halves(rest) } else { (&[][..], rest) };
    let value = in_header.then(|| header.to_vec());
    let headers = [Header { name: name.as_bytes().to_vec(), value }];
    let Ok(Some(Framed { schema, header_rest, body })) = parse_framing(slot, payload, &headers) else {
        return false;
    };
    let mut id = match schema {
        SchemaRef::Id(id) => [&[0][..], &id.to_be_bytes()].concat(),
        SchemaRef::Guid(guid) => [&[1][..], &guid].concat(),
    };
    if in_header {
        id.extend(header_rest);
        assert_eq!((id.as_slice(), body), (header, payload));
    } else {
        id.extend(body);
        assert_eq!((id.as_slice(), header_rest), (payload, &[][..]));
    }
    true
}

/// A schema up to the end of the line, and a datum.
pub fn avro(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (schema, rest) = bytes.split_at(end);
    let body = rest.strip_prefix(b"\n").unwrap_or(rest);
    std::str::from_utf8(schema).is_ok_and(|schema| read_avro_twice(schema, body))
}

/// The text of `cutproof.yaml`. The same text says the same again.
pub fn config(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let read = || cutproof::config::parse(text, Path::new("no-such-directory"));
    match (read(), read()) {
        (Ok(once), Ok(again)) => {
            assert_eq!(once.digest, again.digest);
            true
        }
        (Err(once), Err(again)) => {
            assert_eq!(once.to_string(), again.to_string());
            false
        }
        _ => panic!("one text, two answers"),
    }
}

/// The text of a Java properties file. What is read, written with every character escaped, is read again the same;
/// and its translation shows no password.
pub fn java_properties(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(read) = properties::parse(text) else { return false };
    let escaped = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    let written: String =
        read.iter().map(|(key, value)| format!("{}={}\n", escaped(key), escaped(value))).collect();
    assert_eq!(properties::parse(&written).as_ref(), Ok(&read));
    if let Ok(translated) = properties::translate(&read, false) {
        let shown = format!("{translated:?}");
        assert!(translated.secrets().all(|secret| secret.len() < 12 || !shown.contains(secret)), "{shown}");
    }
    true
}

/// The text of a file of positions. What is read, written in quotes, is read again the same.
pub fn csv_positions(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(read) = parse_csv(text, None) else { return false };
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let written: String = read
        .iter()
        .map(|((group, at), offset)| {
            format!("{},{},{},{offset}\n", quoted(group), quoted(&at.topic), at.partition)
        })
        .collect();
    let again: BTreeMap<_, _> = parse_csv(&written, None).expect("what was read can be written");
    assert_eq!(again, read, "{written:?}");
    true
}

/// What follows the header of a run's checkpoint. What is read is written so that it is read again the same.
pub fn checkpoint(bytes: &[u8]) -> bool {
    let Some(written) = rewritten_checkpoint(bytes) else { return false };
    assert_eq!(rewritten_checkpoint(&written), Some(written));
    true
}

/// Choices: two sequences, their arrival, restarts from snapshots and tuning. The oracle says what must be found.
pub fn align(bytes: &[u8]) -> bool {
    pair::judge_any(&mut Random::Bytes(bytes), pair::Restarts::AtRandom, "");
    true
}

/// Choices: lanes of both sides, their arrival and tuning. The oracle says what must be found.
pub fn align_keyed(bytes: &[u8]) -> bool {
    lanes::judge_any(&mut Random::Bytes(bytes), "");
    true
}
