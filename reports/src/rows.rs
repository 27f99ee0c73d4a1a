//! Results as rows of text cells, the same for the terminal and for `report.md`. Knows no layout.

use crate::{Counts, Finding, FindingKind, GroupSummary, PairSummary, PositionSummary, RecordPlace, Verdict};

/// Columns of [`finding_cells`].
pub(crate) const FINDING_HEADER: [&str; 5] = ["kind", "source", "target", "parts", "detail"];

/// One finding. Never a hash: those are for joins, not for people.
pub(crate) fn finding_cells(finding: &Finding) -> [String; 5] {
    let place = |place: &Option<RecordPlace>| place.as_ref().map_or_else(none, RecordPlace::to_string);
    let mut parts: Vec<String> = finding.parts.iter().map(|part| part.as_str().to_owned()).collect();
    parts.extend(finding.order_broken.map(|broken| format!("{} order", broken.as_str())));
    let detail = match finding.cause.as_deref() {
        Some(cause) if finding.detail.is_empty() => cause.to_owned(),
        Some(cause) => format!("{cause}: {}", finding.detail),
        None => finding.detail.clone(),
    };
    [
        finding.kind.to_string(),
        place(&finding.source),
        place(&finding.target),
        if parts.is_empty() { none() } else { parts.join(", ") },
        detail,
    ]
}

/// Columns of [`position_cells`].
pub(crate) const POSITION_HEADER: [&str; 11] = [
    "group",
    "scorecard",
    "partition",
    "committed",
    "resumes at",
    "origin",
    "image",
    "skip",
    "replay",
    "missing",
    "state",
];

/// One position of one group. A count that is not exact is `not provable`, never a guess.
pub(crate) fn position_cells(group: &GroupSummary, position: &PositionSummary) -> [String; 11] {
    let offset = |offset: Option<i64>| offset.map_or_else(none, |offset| offset.to_string());
    // What a row of only one side does not state is told by the rows of the other side.
    let count = |applies: bool, count: Option<u64>| match count {
        Some(count) => grouped(count),
        None if applies => "not provable".to_owned(),
        None => none(),
    };
    let (on_source, on_target) = (position.partition.is_some(), position.target_partition.is_some());
    [
        group.group.clone(),
        group.scorecard.as_str().to_owned(),
        pair_name((&position.topic, position.partition), (&position.target_topic, position.target_partition)),
        offset(position.source_offset),
        offset(position.target_offset),
        position.origin.as_str().to_owned(),
        offset(position.image_offset),
        count(on_target, position.skip_records),
        count(on_target, position.replay_records),
        count(on_source, position.missing_records),
        position.state.as_str().to_owned(),
    ]
}

/// A group that is named in the configuration and has committed nothing in scope.
pub(crate) fn group_without_positions_cells(group: &GroupSummary) -> [String; 11] {
    let mut cells = std::array::from_fn(|_| none());
    cells[0] = group.group.clone();
    cells[1] = group.scorecard.as_str().to_owned();
    cells[10] = "no position in scope".to_owned();
    cells
}

/// Columns of [`pair_cells`]. Offsets are half-open.
pub(crate) const LEDGER_HEADER: [&str; 10] = [
    "pair",
    "source offsets",
    "target offsets",
    "source records",
    "target records",
    "matched",
    "findings",
    "pending",
    "unverifiable",
    "compacted",
];

/// One row of the ledger.
pub(crate) fn pair_cells(pair: &PairSummary) -> [String; 10] {
    let name =
        pair_name((&pair.source_topic, pair.source_partition), (&pair.target_topic, pair.target_partition));
    let range = |start: Option<i64>, end: Option<i64>| match (start, end) {
        (Some(start), Some(end)) => format!("[{start}, {end})"),
        _ => none(),
    };
    ledger_cells(
        name,
        range(pair.source_start_offset, pair.source_end_offset),
        range(pair.target_start_offset, pair.target_end_offset),
        &pair.counts,
    )
}

/// The row of sums.
pub(crate) fn sum_cells(counts: &Counts) -> [String; 10] {
    ledger_cells("all".to_owned(), none(), none(), counts)
}

fn ledger_cells(name: String, source: String, target: String, counts: &Counts) -> [String; 10] {
    [
        name,
        source,
        target,
        grouped(counts.source_records),
        grouped(counts.target_records),
        grouped(counts.matched),
        grouped(counts.findings_total()),
        grouped(counts.pending),
        grouped(counts.unverifiable),
        match counts.compacted_or_dropped {
            0 => grouped(counts.compacted),
            open => format!("{} + {} or dropped", grouped(counts.compacted), grouped(open)),
        },
    ]
}

/// Does this row need no look?
pub(crate) fn is_clean(pair: &PairSummary) -> bool {
    let Counts { pending, unverifiable, compacted_or_dropped, .. } = pair.counts;
    pair.counts.findings_total() == 0
        && pending + unverifiable + compacted_or_dropped == 0
        && pair.remarks.is_empty()
}

/// `orders-3`, or `orders-3 -> src.orders-3` where the two sides differ in name or number. A side without a partition
/// stands for all of its partitions: `orders-3 -> src.orders`.
pub(crate) fn pair_name(source: (&str, Option<i32>), target: (&str, Option<i32>)) -> String {
    let name = |(topic, partition): (&str, Option<i32>)| match partition {
        Some(partition) => format!("{topic}-{partition}"),
        None => topic.to_owned(),
    };
    if source == target { name(source) } else { format!("{} -> {}", name(source), name(target)) }
}

/// `3 missing_record, 1 duplicate_record`, or `no findings`.
pub(crate) fn findings_by_kind(counts: &Counts) -> String {
    let some: Vec<String> = FindingKind::ALL
        .into_iter()
        .filter_map(|kind| counts.findings.get(&kind).filter(|count| **count > 0).map(|count| (kind, *count)))
        .map(|(kind, count)| format!("{} {kind}", grouped(count)))
        .collect();
    if some.is_empty() { "no findings".to_owned() } else { some.join(", ") }
}

/// The verdict in capitals.
pub(crate) fn shout(verdict: Verdict) -> String {
    verdict.as_str().to_uppercase()
}

/// `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// On one line, with control and direction-changing characters written out: names come from clusters, not from us.
pub fn plain(text: &str) -> String {
    let unsafe_to_print = |character: char| {
        character.is_control()
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if unsafe_to_print(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    out
}

fn none() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_by_three() {
        let all = [0, 7, 999, 1_000, 12_345, 999_999, 1_000_000, u64::MAX].map(grouped);
        assert_eq!(
            all,
            ["0", "7", "999", "1,000", "12,345", "999,999", "1,000,000", "18,446,744,073,709,551,615"]
        );
    }

    #[test]
    fn a_group_id_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[31m\nb\u{202e}c"), "a\\u{1b}[31m\\nb\\u{202e}c");
        assert_eq!(plain("Größe, 値段"), "Größe, 値段");
    }

    #[test]
    fn the_sum_of_a_ledger_is_the_sum_of_each_column() {
        let pair = |n: u64, kind| PairSummary {
            counts: Counts {
                source_records: n,
                target_records: 10 * n,
                matched: 100 * n,
                equal_meaning: 1_000 * n,
                pending: 10_000 * n,
                unverifiable: 100_000 * n,
                compacted: 1_000_000 * n,
                compacted_or_dropped: 10_000_000 * n,
                findings: [(kind, n)].into(),
            },
            ..PairSummary::default()
        };
        let pairs = [
            pair(1, FindingKind::MissingRecord),
            pair(2, FindingKind::MissingRecord),
            pair(3, FindingKind::DuplicateRecord),
        ];
        let expected = Counts {
            source_records: 6,
            target_records: 60,
            matched: 600,
            equal_meaning: 6_000,
            pending: 60_000,
            unverifiable: 600_000,
            compacted: 6_000_000,
            compacted_or_dropped: 60_000_000,
            findings: [(FindingKind::MissingRecord, 3), (FindingKind::DuplicateRecord, 3)].into(),
        };
        assert_eq!(Counts::sum(&pairs), expected);
        assert_eq!(findings_by_kind(&expected), "3 missing_record, 3 duplicate_record");
    }
}
