//! Results as text for a terminal, without colours. Pure: prints nothing, knows no width.

use comfy_table::{CellAlignment, Table, presets};

use crate::offsets::{OffsetsOf, Translation};
use crate::rows::{
    FINDING_HEADER, LEDGER_HEADER, POSITION_HEADER, finding_cells, findings_by_kind,
    group_without_positions_cells, grouped, pair_cells, plain, position_cells, shout, sum_cells,
};
use crate::{Counts, Finding, GroupSummary, PairSummary, RunManifest, RunState, Scorecard};

/// The first `max_rows` findings, and how many more there are.
pub fn findings_table(findings: &[Finding], max_rows: usize) -> String {
    if findings.is_empty() {
        return "no findings\n".to_owned();
    }
    let shown = findings.len().min(max_rows);
    let mut text = String::new();
    if shown > 0 {
        text = table(FINDING_HEADER, findings[..shown].iter().map(finding_cells), &[]);
    }
    let more = findings.len() - shown;
    if more > 0 {
        text += &format!("... and {} more in findings/*.parquet\n", grouped(more as u64));
    }
    text
}

/// Every position of every group, one row each.
pub fn groups_table(groups: &[GroupSummary]) -> String {
    if groups.is_empty() {
        return "no groups\n".to_owned();
    }
    let rows = groups.iter().flat_map(|group| {
        let alone = group.positions.is_empty().then(|| group_without_positions_cells(group));
        group.positions.iter().map(move |position| position_cells(group, position)).chain(alone)
    });
    table(POSITION_HEADER, rows, &[3, 4, 6, 7, 8, 9])
}

/// Every pair, one row each, and their sums.
pub fn ledger_table(pairs: &[PairSummary]) -> String {
    if pairs.is_empty() {
        return "no pairs\n".to_owned();
    }
    let sums = (pairs.len() > 1).then(|| sum_cells(&Counts::sum(pairs)));
    table(LEDGER_HEADER, pairs.iter().map(pair_cells).chain(sums), &[1, 2, 3, 4, 5, 6, 7, 8, 9])
}

/// What offsets of one side are on the other, one row each. `-` where it is not known.
pub fn translations_table(answers: &[Translation], of: OffsetsOf) -> String {
    let header = match of {
        OffsetsOf::Source => ["source", "target", "its copy", "resume at", "state"],
        OffsetsOf::Target => ["target", "source", "its original", "go back to", "state"],
    };
    let number = |offset: Option<i64>| offset.map_or("-".to_owned(), |offset| offset.to_string());
    let rows = answers.iter().map(|answer| {
        [
            format!("{}-{}:{}", answer.topic, answer.partition, answer.offset),
            answer.other_partition.map_or("-".to_owned(), |n| format!("{}-{n}", answer.other_topic)),
            number(answer.record_offset),
            number(answer.resume_offset),
            answer.state.as_str().to_owned(),
        ]
    });
    table(header, rows, &[2, 3])
}

/// The verdict in one line: what was compared, what was found, the groups, the exit code, the decisive reason.
pub fn verdict_line(manifest: &RunManifest) -> String {
    let totals = &manifest.totals;
    let partial = if manifest.state == RunState::Partial { " (partial run)" } else { "" };
    let mut line = format!(
        "{}{partial}: {} of {} source records matched; {}; {}; exit code {}",
        shout(manifest.verdict),
        grouped(totals.matched),
        grouped(totals.source_records),
        findings_by_kind(totals),
        groups_by_colour(&manifest.groups),
        manifest.exit_code
    );
    if let Some(reason) = manifest.reasons.first().filter(|_| manifest.exit_code != 0) {
        line += &format!(": {}", plain(reason));
    }
    line
}

fn groups_by_colour(groups: &[GroupSummary]) -> String {
    let colours: Vec<String> = Scorecard::ALL
        .into_iter()
        .map(|colour| (colour, groups.iter().filter(|group| group.scorecard == colour).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(colour, count)| format!("{count} {}", colour.as_str()))
        .collect();
    if colours.is_empty() { "no groups".to_owned() } else { format!("groups: {}", colours.join(", ")) }
}

/// Rows of text as a table for a terminal; `right`: columns that are numbers.
pub fn table<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    right: &[usize],
) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header.to_vec());
    for row in rows {
        table.add_row(row.iter().map(|cell| plain(cell)).collect::<Vec<_>>());
    }
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}
