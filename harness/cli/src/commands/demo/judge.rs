//! Whether two lists of findings are the same, as whole lists. Knows no run.

use std::collections::BTreeMap;
use std::fmt;

use cutproof_reports::{Finding, FindingKind, OrderBroken, Part, RecordPlace};

/// Topic, partition, offset on one side.
pub type At = (String, i32, i64);

/// What must be equal between a planted finding and a found one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub source: Option<At>,
    pub target: Option<At>,
    pub kind: FindingKind,
    /// In the order of [`Part`].
    pub parts: Vec<Part>,
    /// `key` or `partition`, for a reordered record.
    pub order_broken: Option<&'static str>,
}

impl Place {
    /// Of a finding as it was read back.
    pub fn of(finding: &Finding) -> Self {
        let at = |place: &RecordPlace| (place.topic.clone(), place.partition, place.offset);
        let mut parts = finding.parts.clone();
        parts.sort_unstable();
        Self {
            source: finding.source.as_ref().map(at),
            target: finding.target.as_ref().map(at),
            kind: finding.kind,
            parts,
            order_broken: finding.order_broken.map(OrderBroken::as_str),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        for part in &self.parts {
            write!(f, " {}", part.as_str())?;
        }
        if let Some(order) = self.order_broken {
            write!(f, " (order of the {order})")?;
        }
        for (side, at) in [("source", &self.source), ("target", &self.target)] {
            if let Some((topic, partition, offset)) = at {
                write!(f, ", {side} {topic}-{partition}@{offset}")?;
            }
        }
        Ok(())
    }
}

/// One line for each finding that only one of the lists has; empty where they are equal, repeats counted.
pub fn compare(expected: &[Place], found: &[Place]) -> String {
    let mut balance: BTreeMap<&Place, i64> = BTreeMap::new();
    for place in expected {
        *balance.entry(place).or_default() -= 1;
    }
    for place in found {
        *balance.entry(place).or_default() += 1;
    }
    let line = |(place, count): (&Place, i64)| {
        let what = if count < 0 { "planted, not found" } else { "found, not planted" };
        format!("  {what}: {place}\n").repeat(count.unsigned_abs() as usize)
    };
    balance.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(offset: i64) -> Place {
        Place {
            source: Some(("orders".into(), 0, offset)),
            target: None,
            kind: FindingKind::MissingRecord,
            parts: Vec::new(),
            order_broken: None,
        }
    }

    #[test]
    fn lists_are_equal_in_any_order_and_repeats_count() {
        assert_eq!(compare(&[missing(1), missing(2)], &[missing(2), missing(1)]), "");
        assert_eq!(
            compare(&[missing(1)], &[missing(1), missing(1)]),
            "  found, not planted: missing_record, source orders-0@1\n"
        );
    }

    #[test]
    fn any_field_that_differs_is_a_difference_on_both_lists() {
        let one = missing(1);
        let others = [
            missing(2),
            Place { kind: FindingKind::MismatchedRecord, ..one.clone() },
            Place { parts: vec![Part::Value], ..one.clone() },
            Place { order_broken: Some("key"), ..one.clone() },
            Place { target: Some(("orders".into(), 0, 1)), ..one.clone() },
        ];
        for other in others {
            assert_eq!(compare(std::slice::from_ref(&one), &[other]).lines().count(), 2);
        }
    }
}
