//! The whole list of findings against the whole list that is expected.

use std::fmt::Write;

use cutproof_reports::{Finding, RecordPlace};

use crate::format::{At, Count, Expect, FindingExpect, FindingItem};

/// Unexpected findings that are shown.
const SHOWN: usize = 12;

/// One line for each expected finding that is not there, or not as often, and each that is there and not expected.
pub fn differences(expect: &Expect, derived: &[FindingExpect], found: &[Finding]) -> Vec<String> {
    let written = expect.findings.iter().flatten().filter_map(|item| match item {
        FindingItem::One(one) => Some(one.as_ref()),
        FindingItem::Word(_) => None,
    });
    let mut expected: Vec<&FindingExpect> = written.chain(derived).collect();
    // Whoever says most chooses first, so that a vaguer entry does not take what only a closer one can have.
    expected.sort_by_key(|expected| (std::cmp::Reverse(said(expected)), is_open(expected.count)));
    let mut left: Vec<Option<&Finding>> = found.iter().map(Some).collect();
    let mut lines = Vec::new();
    for expected in expected {
        let most = match expected.count {
            Count::Exactly(count) => count,
            Count::AtLeast(_) => u64::MAX,
        };
        let mut taken = 0;
        for slot in &mut left {
            if taken < most && slot.is_some_and(|finding| fits(expected, finding)) {
                *slot = None;
                taken += 1;
            }
        }
        if !expected.count.holds(taken) {
            lines.push(format!("findings: expected {} of {}, found {taken}", expected.count, text(expected)));
        }
    }
    let more: Vec<&Finding> = left.into_iter().flatten().collect();
    lines.extend(
        more.iter().take(SHOWN).map(|finding| format!("findings: not expected: {}", sentence(finding))),
    );
    if more.len() > SHOWN {
        lines.push(format!("findings: and {} more that are not expected", more.len() - SHOWN));
    }
    lines
}

fn is_open(count: Count) -> bool {
    matches!(count, Count::AtLeast(_))
}

fn said(expected: &FindingExpect) -> usize {
    let FindingExpect { kind: _, count: _, source, target, parts, cause, order_broken, detail } = expected;
    let place = |at: &Option<At>| at.as_ref().map_or(0, |at| 1 + usize::from(at.offset.is_some()));
    place(source)
        + place(target)
        + usize::from(parts.is_some())
        + usize::from(cause.is_some())
        + usize::from(order_broken.is_some())
        + usize::from(detail.is_some())
}

fn fits(expected: &FindingExpect, finding: &Finding) -> bool {
    let FindingExpect { kind, count: _, source, target, parts, cause, order_broken, detail } = expected;
    let sorted = |parts: &[cutproof_reports::Part]| {
        let mut parts = parts.to_vec();
        parts.sort_unstable();
        parts
    };
    *kind == finding.kind
        && at(source, &finding.source)
        && at(target, &finding.target)
        && parts.as_ref().is_none_or(|parts| sorted(parts) == sorted(&finding.parts))
        && cause.as_ref().is_none_or(|cause| finding.cause.as_ref() == Some(cause))
        && order_broken.is_none_or(|order| finding.order_broken == Some(order))
        && detail.as_ref().is_none_or(|detail| finding.detail.contains(detail))
}

fn at(expected: &Option<At>, found: &Option<RecordPlace>) -> bool {
    let Some(At { topic, partition, offset }) = expected else { return true };
    found.as_ref().is_some_and(|place| {
        place.topic == *topic
            && place.partition == *partition
            && offset.is_none_or(|offset| offset == place.offset)
    })
}

fn text(expected: &FindingExpect) -> String {
    let FindingExpect { kind, count: _, source, target, parts, cause, order_broken, detail } = expected;
    let mut text = kind.to_string();
    if let Some(parts) = parts {
        let names: Vec<&str> = parts.iter().map(|part| part.as_str()).collect();
        let _ = write!(text, " ({})", names.join(", "));
    }
    for (side, at) in [("source", source), ("target", target)] {
        if let Some(at) = at {
            let _ = write!(text, ", {side} {at}");
        }
    }
    if let Some(cause) = cause {
        let _ = write!(text, ", cause {cause}");
    }
    if let Some(order) = order_broken {
        let _ = write!(text, ", order of the {} broken", order.as_str());
    }
    if let Some(detail) = detail {
        let _ = write!(text, ", detail `{detail}`");
    }
    text
}

/// A finding in one line.
pub fn sentence(finding: &Finding) -> String {
    let Finding { kind, parts, cause, order_broken, source, target, detail, .. } = finding;
    let place = |place: &RecordPlace| At {
        topic: place.topic.clone(),
        partition: place.partition,
        offset: Some(place.offset),
    };
    let mut text = text(&FindingExpect {
        source: source.as_ref().map(place),
        target: target.as_ref().map(place),
        parts: (!parts.is_empty()).then(|| parts.clone()),
        cause: cause.clone(),
        order_broken: *order_broken,
        ..FindingExpect::of(*kind)
    });
    if !detail.is_empty() {
        let _ = write!(text, ": {detail}");
    }
    text
}
