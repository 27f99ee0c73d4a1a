//! Values that YAML has no type for: places in a log, payloads, lengths of time, machines, links. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// A type written as text that [`FromStr`] reads; `$pattern` is for editors.
macro_rules! from_text {
    ($type:ty, $pattern:literal, $what:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }

        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": ["string", "integer"], "pattern": $pattern, "description": $what })
            }
        }
    };
}

/// One of the two clusters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SideWord {
    /// The cluster that is left.
    #[default]
    Source,
    /// The cluster that takes over.
    Target,
}

impl fmt::Display for SideWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// A place in a partition's log, counted when the step is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// This offset.
    Offset(i64),
    /// The log end offset, less so many.
    Head(i64),
    /// The log start offset, and so many.
    Start(i64),
    /// So far between log start and log end offset.
    Percent(i64),
}

impl Place {
    /// As an offset between `start` and `head` of a log.
    pub fn resolve(self, start: i64, head: i64) -> i64 {
        match self {
            Self::Offset(offset) => offset,
            Self::Head(minus) => head - minus,
            Self::Start(plus) => start + plus,
            Self::Percent(percent) => start + (head - start) * percent / 100,
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let compact: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= 0);
        let after = |word: &str, sign: char| match compact.strip_prefix(word)? {
            "" => Some(0),
            rest => number(rest.strip_prefix(sign)?),
        };
        let percent = || compact.strip_suffix('%').and_then(number).filter(|percent| *percent <= 100);
        None.or_else(|| number(&compact).map(Self::Offset))
            .or_else(|| after("head", '-').map(Self::Head))
            .or_else(|| after("start", '+').map(Self::Start))
            .or_else(|| percent().map(Self::Percent))
            .ok_or_else(|| {
                format!(
                    "`{text}` is no place in a log; write an offset, head, head - 5, start, start + 5 or 50%"
                )
            })
    }
}

from_text!(
    Place,
    r"^([0-9]+|head( *- *[0-9]+)?|start( *\+ *[0-9]+)?|[0-9]+ *%)$",
    "an offset, head, head - 5, start, start + 5 or 50%"
);

/// A length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let unit = match &text[digits..] {
            "ms" => Some(1),
            "s" => Some(1_000),
            "m" => Some(60_000),
            _ => None,
        };
        let span = text[..digits].parse::<u64>().ok().zip(unit).and_then(|(n, unit)| n.checked_mul(unit));
        span.map(|ms| Self(Duration::from_millis(ms)))
            .ok_or_else(|| format!("`{text}` is no length of time; write e.g. 500ms, 10s or 2m"))
    }
}

from_text!(Span, r"^[0-9]+(ms|s|m)$", "a length of time: 500ms, 10s, 2m");

/// Something that can be started, stopped and killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// The replicator.
    Replicator,
    /// A broker, from 1.
    Node(SideWord, u16),
}

impl FromStr for Machine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, number) = text.split_once('-').unwrap_or((text, "1"));
        let side = match name {
            "replicator" if name == text => return Ok(Self::Replicator),
            "source" => Some(SideWord::Source),
            "target" => Some(SideWord::Target),
            _ => None,
        };
        let number = number.parse::<u16>().ok().filter(|number| *number > 0);
        side.zip(number).map(|(side, number)| Self::Node(side, number)).ok_or_else(|| {
            format!("`{text}` can't be started or stopped; write replicator, source-1 (a broker) or target-1")
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replicator => f.write_str("replicator"),
            Self::Node(side, number) => write!(f, "{side}-{number}"),
        }
    }
}

from_text!(Machine, r"^(replicator|(source|target)(-[1-9])?)$", "replicator, source-1 (a broker), target-1");

/// A connection that can be cut and slowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// From the source to the replicator.
    SourceReplicator,
    /// From the replicator to the target.
    ReplicatorTarget,
    /// From the proof to the source.
    CutproofSource,
    /// From the proof to the target.
    CutproofTarget,
}

impl Link {
    /// The cluster at its end.
    pub fn side(self) -> SideWord {
        match self {
            Self::SourceReplicator | Self::CutproofSource => SideWord::Source,
            Self::ReplicatorTarget | Self::CutproofTarget => SideWord::Target,
        }
    }

    /// Whether the replicator is at its other end; else the proof.
    pub fn is_replicators(self) -> bool {
        matches!(self, Self::SourceReplicator | Self::ReplicatorTarget)
    }
}

/// A record's place: `orders-0@12`, or `orders-0` for any offset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// Topic on that side.
    pub topic: String,
    /// Partition.
    pub partition: i32,
    /// Offset, where it is said.
    pub offset: Option<i64>,
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is no place of a record; write topic-partition@offset, e.g. orders-0@12");
        let (partition, offset) = match text.split_once('@') {
            Some((partition, offset)) => (partition, Some(offset.parse().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let (topic, partition) = partition.rsplit_once('-').ok_or_else(wrong)?;
        Ok(Self { topic: topic.to_owned(), partition: partition.parse().map_err(|_| wrong())?, offset })
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)?;
        match self.offset {
            Some(offset) => write!(f, "@{offset}"),
            None => Ok(()),
        }
    }
}

from_text!(At, r"^.+-[0-9]+(@[0-9]+)?$", "topic-partition@offset, e.g. orders-0@12; without @offset any");

/// A key, value or header value that is not null: text, `{ hex: 00ff }` or `{ size: 1000 }` (so many `x`).
#[derive(Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BytesVisitor)
    }
}

struct BytesVisitor;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BytesMap {
    /// Hexadecimal digits.
    hex: Option<String>,
    /// So many times `x`.
    size: Option<usize>,
}

impl<'de> Visitor<'de> for BytesVisitor {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text in quotes, { hex: 00ff } or { size: 1000 }")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Bytes, E> {
        Ok(Bytes(text.as_bytes().to_vec()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Bytes, A::Error> {
        let fields = BytesMap::deserialize(MapAccessDeserializer::new(map))?;
        match (fields.hex, fields.size) {
            (Some(hex), None) => {
                from_hex(&hex).map(Bytes).ok_or_else(|| A::Error::custom("hex takes pairs of 0-9 and a-f"))
            }
            (None, Some(size)) => Ok(Bytes(vec![b'x'; size])),
            _ => Err(A::Error::custom("a payload has either hex or size")),
        }
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let map = generator.subschema_for::<BytesMap>();
        json_schema!({ "anyOf": [{ "type": "string" }, map] })
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    pairs.remainder().is_empty().then(|| pairs.map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Headers in order, one mapping of one name each; names may repeat, values may be null.
pub type RecordHeaders = Vec<BTreeMap<String, Option<Bytes>>>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_an_offset_the_head_the_start_or_a_share() {
        let at = |text: &str| text.parse::<Place>().map(|place| place.resolve(100, 300));
        assert_eq!(at("7"), Ok(7));
        assert_eq!(at("head"), Ok(300));
        assert_eq!(at("head - 5"), Ok(295));
        assert_eq!(at("head-5"), Ok(295));
        assert_eq!(at("start + 1"), Ok(101));
        assert_eq!(at("50%"), Ok(200));
        for wrong in ["heads", "head + 5", "head 5", "-1", "101%", "", "start - 1"] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_record_is_found_by_topic_partition_and_offset() {
        let at: At = "my-orders-3@12".parse().unwrap();
        assert_eq!((at.topic.as_str(), at.partition, at.offset), ("my-orders", 3, Some(12)));
        assert_eq!(at.to_string(), "my-orders-3@12");
        assert_eq!("orders-3".parse::<At>().unwrap().offset, None);
        for wrong in ["orders", "orders-x", "orders-3@", "orders@3"] {
            assert!(wrong.parse::<At>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn machines_and_spans_are_read_and_others_are_refused() {
        assert_eq!("replicator".parse(), Ok(Machine::Replicator));
        assert_eq!("target".parse(), Ok(Machine::Node(SideWord::Target, 1)));
        assert_eq!("source-3".parse(), Ok(Machine::Node(SideWord::Source, 3)));
        assert!(
            ["replicator-1", "broker", "source-0", "source-x"].iter().all(|t| t.parse::<Machine>().is_err())
        );
        assert_eq!("2m".parse(), Ok(Span(Duration::from_secs(120))));
        assert!(["2", "s", "1.5s", "2h"].iter().all(|text| text.parse::<Span>().is_err()));
    }

    #[test]
    fn hex_is_bytes_in_pairs() {
        assert_eq!(from_hex("00fF"), Some(vec![0, 255]));
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("0g"), None);
    }
}
