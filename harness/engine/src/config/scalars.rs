//! Values that YAML has no type for: sizes, durations, instants, and "a word or a small map". Pure.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::types::RangeStart;
use crate::record::TimestampRule;

/// Bytes, written `256MiB`, `4GiB`, `64KiB`, `10MB` or as a plain number.
pub(super) fn parse_size(text: &str) -> Result<u64, String> {
    let (number, unit) = split_unit(text.trim());
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        other => return Err(format!("`{other}` is not a unit of size; write e.g. 256MiB or 4GiB")),
    };
    let number: u64 =
        number.parse().map_err(|_| "a size is a whole number and a unit, e.g. 256MiB".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "the size does not fit into 64 bits".to_owned())
}

/// A length of time, written `500ms`, `10s`, `5m`, `2h`, `1d` or several of them (`1h30m`).
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err("a duration is a whole number and a unit, e.g. 10s or 2h".into());
    }
    while !rest.is_empty() {
        let (number, tail) = split_unit(rest);
        let unit_length = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at(unit_length);
        let millis: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" => return Err("the duration has no unit; write e.g. 10s, 5m or 2h".into()),
            other => return Err(format!("`{other}` is not a unit of time; known are ms, s, m, h, d")),
        };
        let number: u64 = number
            .parse()
            .map_err(|_| "a duration is a whole number and a unit, e.g. 10s or 2h".to_owned())?;
        let part = number.checked_mul(millis).map(Duration::from_millis);
        total = part.and_then(|p| total.checked_add(p)).ok_or("the duration is too long")?;
        rest = next;
    }
    if total.as_millis() > i64::MAX as u128 {
        return Err("the duration is too long".into());
    }
    Ok(total)
}

/// RFC 3339 to milliseconds since the epoch.
pub(super) fn parse_instant(text: &str) -> Result<i64, String> {
    let at = OffsetDateTime::parse(text.trim(), &Rfc3339)
        .map_err(|_| "not an RFC 3339 timestamp; write e.g. 2026-11-21T10:00:00Z".to_owned())?;
    i64::try_from(at.unix_timestamp_nanos() / 1_000_000)
        .map_err(|_| "the timestamp is out of range".to_owned())
}

fn split_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// A size in bytes as a field.
#[derive(Clone, Copy)]
pub(super) struct Size(pub u64);

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_size(&text).map(Size).map_err(de::Error::custom)
    }
}

/// A length of time as a field.
#[derive(Clone, Copy)]
pub(super) struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map(Span).map_err(de::Error::custom)
    }
}

/// `exact`, `ignore` or `{ tolerance_ms: 5 }`.
#[derive(Clone, Copy)]
pub(super) struct Timestamps(pub TimestampRule);

impl<'de> Deserialize<'de> for Timestamps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimestampsVisitor)
    }
}

struct TimestampsVisitor;

impl<'de> Visitor<'de> for TimestampsVisitor {
    type Value = Timestamps;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("exact, ignore or { tolerance_ms: 5 }")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Timestamps, E> {
        match word {
            "exact" => Ok(Timestamps(TimestampRule::Exact)),
            "ignore" => Ok(Timestamps(TimestampRule::Ignore)),
            other => Err(E::unknown_variant(other, &["exact", "ignore", "{ tolerance_ms: 5 }"])),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Timestamps, A::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Tolerance {
            tolerance_ms: u64,
        }
        let fields = Tolerance::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Timestamps(TimestampRule::ToleranceMs(fields.tolerance_ms)))
    }
}

/// `positions`, `earliest`, `{ timestamp: RFC 3339 }` or `{ duration: 2h }`.
#[derive(Clone)]
pub(super) struct Start(pub RangeStart);

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StartVisitor)
    }
}

struct StartVisitor;

impl<'de> Visitor<'de> for StartVisitor {
    type Value = Start;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("positions, earliest, { timestamp: 2026-11-21T10:00:00Z } or { duration: 2h }")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Start, E> {
        match word {
            "positions" => Ok(Start(RangeStart::Positions)),
            "earliest" => Ok(Start(RangeStart::Earliest)),
            other => {
                const KNOWN: &[&str] =
                    &["positions", "earliest", "{ timestamp: 2026-11-21T10:00:00Z }", "{ duration: 2h }"];
                Err(E::unknown_variant(other, KNOWN))
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Start, A::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Bound {
            timestamp: Option<String>,
            duration: Option<Span>,
        }
        let fields = Bound::deserialize(de::value::MapAccessDeserializer::new(map))?;
        match (fields.timestamp, fields.duration) {
            (Some(at), None) => {
                parse_instant(&at).map(|ms| Start(RangeStart::Timestamp(ms))).map_err(de::Error::custom)
            }
            (None, Some(span)) => Ok(Start(RangeStart::Duration(span.0))),
            _ => Err(de::Error::custom("range.start takes either a timestamp or a duration")),
        }
    }
}
