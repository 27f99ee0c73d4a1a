//! Equal, or in which parts not. Knows no cause, weighs nothing, shows no payload.

use cutproof_reports::Part;

use crate::record::{Contract, Header, Record, TimestampRule};

/// In which parts two records of the same place differ, and what may be said of it without a payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Empty where both are equal by the contract.
    pub parts: Vec<Part>,
    /// Sizes, header names, timestamps. Never a payload.
    pub detail: Vec<String>,
}

/// Compares all parts of two records by the contract, the key excepted.
pub fn difference(contract: &Contract, source: &Record, target: &Record) -> Difference {
    let mut difference = Difference::default();
    values(source, target, &mut difference);
    headers(contract, source, target, &mut difference);
    timestamps(contract, source, target, &mut difference);
    difference
}

fn values(source: &Record, target: &Record, difference: &mut Difference) {
    match (&source.value, &target.value) {
        (None, None) => {}
        (Some(source), Some(target)) => {
            if source != target {
                let equal = source.iter().zip(target).take_while(|(s, t)| s == t).count();
                difference.parts.push(Part::Value);
                difference.detail.push(format!(
                    "value of {} bytes on the source, {} on the target, first difference at byte {equal}",
                    source.len(),
                    target.len()
                ));
            }
        }
        (None, Some(target)) => {
            difference.parts.push(Part::Tombstone);
            difference
                .detail
                .push(format!("tombstone on the source, value of {} bytes on the target", target.len()));
        }
        (Some(source), None) => {
            difference.parts.push(Part::Tombstone);
            difference
                .detail
                .push(format!("value of {} bytes on the source, tombstone on the target", source.len()));
        }
    }
}

fn headers(contract: &Contract, source: &Record, target: &Record, difference: &mut Difference) {
    let ignored =
        |header: &&Header| contract.headers_ignored.iter().any(|name| name.as_bytes() == header.name);
    let kept = |record: &'_ Record| -> Vec<Header> {
        record.headers.iter().filter(|header| !ignored(header)).cloned().collect()
    };
    let (source, target) = (kept(source), kept(target));
    if source == target {
        return;
    }
    difference.parts.push(Part::Headers);
    let name = |header: &Header| String::from_utf8_lossy(&header.name).into_owned();
    let detail = match source.iter().zip(&target).position(|(s, t)| s != t) {
        Some(at) if source.len() == target.len() => {
            let (s, t) = (&source[at], &target[at]);
            match (&s.value, &t.value) {
                _ if s.name != t.name => {
                    format!("header {at} is `{}` on the source, `{}` on the target", name(s), name(t))
                }
                (None, Some(_)) => format!("header `{}` is null on the source only", name(s)),
                (Some(_), None) => format!("header `{}` is null on the target only", name(s)),
                _ => format!("header `{}` has another value", name(s)),
            }
        }
        _ => format!("{} headers on the source, {} on the target", source.len(), target.len()),
    };
    difference.detail.push(detail);
}

/// Whether two timestamps are further apart than the contract allows.
pub fn timestamps_differ(contract: &Contract, source: i64, target: i64) -> bool {
    let apart = source.abs_diff(target);
    match contract.timestamps {
        TimestampRule::Exact => apart != 0,
        TimestampRule::Ignore => false,
        TimestampRule::ToleranceMs(tolerance) => apart > tolerance,
    }
}

fn timestamps(contract: &Contract, source: &Record, target: &Record, difference: &mut Difference) {
    if timestamps_differ(contract, source.timestamp, target.timestamp) {
        difference.parts.push(Part::Timestamp);
        difference.detail.push(format!(
            "timestamp {} on the source, {} on the target",
            source.timestamp, target.timestamp
        ));
    }
    if contract.timestamp_type_exact && source.timestamp_type != target.timestamp_type {
        difference.parts.push(Part::TimestampType);
        difference.detail.push(format!(
            "timestamp type {} on the source, {} on the target",
            source.timestamp_type.as_str(),
            target.timestamp_type.as_str()
        ));
    }
}

#[cfg(test)]
mod tests;
