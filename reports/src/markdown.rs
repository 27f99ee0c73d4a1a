//! `report.md`, for a change record: the verdict on top, then what it rests on. Pure. The layout is the template's.

use minijinja::Environment;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use serde::Serialize;

use crate::rows::{
    FINDING_HEADER, LEDGER_HEADER, POSITION_HEADER, finding_cells, findings_by_kind,
    group_without_positions_cells, grouped, is_clean, pair_cells, pair_name, plain, position_cells, shout,
    sum_cells,
};
use crate::{
    Finding, FindingKind, GroupSummary, PairSummary, PositionState, ReportError, RunManifest, RunState,
    Scorecard,
};

/// Of each kind.
const FINDINGS_SHOWN: usize = 5;
const PAIRS_SHOWN: usize = 50;
const POSITIONS_SHOWN: usize = 100;
const REMARKS_SHOWN: usize = 50;

/// What the template sees.
#[derive(Serialize)]
struct View<'a> {
    run: &'a RunManifest,
    partial: bool,
    verdict: String,
    found: String,
    groups: Shown,
    kinds: Vec<KindShown>,
    ledger: Shown,
    self_check: Shown,
    open: Shown,
}

/// Some rows, and how many more there are.
#[derive(Serialize)]
struct Shown {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    more: u64,
}

#[derive(Serialize)]
struct KindShown {
    kind: &'static str,
    count: u64,
    table: Shown,
}

/// Lays out a run. `findings` may be a sample: the manifest's totals say how many there are. Shows no payload and no hash.
pub fn report_markdown(manifest: &RunManifest, findings: &[Finding]) -> Result<String, ReportError> {
    let view = View {
        run: manifest,
        partial: manifest.state == RunState::Partial,
        verdict: shout(manifest.verdict),
        found: findings_by_kind(&manifest.totals),
        groups: positions_shown(&manifest.groups),
        kinds: kinds_shown(manifest, findings),
        ledger: ledger_shown(manifest),
        self_check: self_check_shown(manifest),
        open: cut(not_judged(manifest), REMARKS_SHOWN, |sentence| vec![sentence.clone()]),
    };
    let laid_out = || -> Result<String, minijinja::Error> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?;
        environment.set_syntax(syntax);
        environment.add_filter("grouped", grouped);
        environment.add_filter("md", |text: String| escape(&text));
        environment.add_template("report.md", include_str!("../templates/report.md.jinja"))?;
        environment.get_template("report.md")?.render(Serde(&view))
    };
    laid_out().map_err(|source| ReportError::Template { source })
}

fn cut<T>(all: Vec<T>, most: usize, cells: impl Fn(&T) -> Vec<String>) -> Shown {
    let more = all.len().saturating_sub(most) as u64;
    Shown { header: Vec::new(), rows: all.iter().take(most).map(cells).collect(), more }
}

fn header(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The worst groups first, else in the order of the manifest.
fn positions_shown(groups: &[GroupSummary]) -> Shown {
    let mut worst_first: Vec<&GroupSummary> = groups.iter().collect();
    worst_first.sort_by_key(|group| match group.scorecard {
        Scorecard::Red => 0,
        Scorecard::Yellow => 1,
        Scorecard::Green => 2,
    });
    let rows = worst_first
        .into_iter()
        .flat_map(|group| {
            let alone = group.positions.is_empty().then(|| group_without_positions_cells(group));
            group.positions.iter().map(move |position| position_cells(group, position)).chain(alone)
        })
        .collect();
    Shown { header: header(&POSITION_HEADER), ..cut(rows, POSITIONS_SHOWN, |cells| cells.to_vec()) }
}

fn kinds_shown(manifest: &RunManifest, findings: &[Finding]) -> Vec<KindShown> {
    let shown = |kind: FindingKind| {
        let given: Vec<&Finding> = findings.iter().filter(|finding| finding.kind == kind).collect();
        let counted = manifest.totals.findings.get(&kind).copied().unwrap_or(0);
        let count = counted.max(given.len() as u64);
        let rows: Vec<Vec<String>> =
            given.iter().take(FINDINGS_SHOWN).map(|finding| finding_cells(finding)[1..].to_vec()).collect();
        let more = count - rows.len() as u64;
        (count > 0).then(|| KindShown {
            kind: kind.as_str(),
            count,
            table: Shown { header: header(&FINDING_HEADER[1..]), rows, more },
        })
    };
    FindingKind::ALL.into_iter().filter_map(shown).collect()
}

/// Pairs that need a look first, else in the order of the manifest; the sums last.
fn ledger_shown(manifest: &RunManifest) -> Shown {
    let mut pairs: Vec<&PairSummary> = manifest.pairs.iter().collect();
    pairs.sort_by_key(|pair| is_clean(pair));
    let mut shown = cut(pairs, PAIRS_SHOWN, |pair| pair_cells(pair).to_vec());
    shown.rows.push(sum_cells(&manifest.totals).to_vec());
    Shown { header: header(&LEDGER_HEADER), ..shown }
}

fn self_check_shown(manifest: &RunManifest) -> Shown {
    let check = &manifest.self_check;
    let of =
        |counts: &std::collections::BTreeMap<FindingKind, u64>, kind| counts.get(&kind).copied().unwrap_or(0);
    let rows = FindingKind::ALL
        .into_iter()
        .map(|kind| (kind, of(&check.planted, kind), of(&check.found, kind)))
        .filter(|(_, planted, found)| planted + found > 0)
        .map(|(kind, planted, found)| vec![kind.to_string(), grouped(planted), grouped(found)])
        .collect();
    Shown { header: header(&["kind", "planted", "found"]), rows, more: 0 }
}

/// What this run can't vouch for, a sentence each.
fn not_judged(manifest: &RunManifest) -> Vec<String> {
    let totals = &manifest.totals;
    let mut sentences = Vec::new();
    if manifest.state == RunState::Partial {
        sentences.push("The run stopped early: what it had not read is not judged.".to_owned());
    }
    if totals.source_records == 0 && totals.target_records == 0 {
        sentences.push("No record was compared.".to_owned());
    }
    let open = [
        (totals.pending, "not on the target yet at the barrier"),
        (totals.unverifiable, "could not be judged"),
        (
            totals.compacted,
            "gone by compaction on one side: a later record of the key, or its deletion, stands for them",
        ),
        (totals.compacted_or_dropped, "compacted or lost on one side: it cannot be told which"),
    ];
    for (name, (count, what)) in
        ["Pending", "Unverifiable", "Compacted", "Compacted-or-dropped"].into_iter().zip(open)
    {
        if count > 0 {
            sentences.push(format!("{name} records: {} ({what}).", grouped(count)));
        }
    }
    for group in &manifest.groups {
        for position in &group.positions {
            let open = position.target_partition.is_some()
                && (position.skip_records.is_none() || position.replay_records.is_none());
            if position.state == PositionState::Judged && !open {
                continue;
            }
            let partition = pair_name(
                (&position.topic, position.partition),
                (&position.target_topic, position.target_partition),
            );
            let detail =
                if position.detail.is_empty() { String::new() } else { format!(": {}", position.detail) };
            sentences.push(format!(
                "Group {}, {partition}: {}{detail}",
                group.group,
                position.state.as_str()
            ));
        }
    }
    for pair in &manifest.pairs {
        let name = pair_name(
            (&pair.source_topic, pair.source_partition),
            (&pair.target_topic, pair.target_partition),
        );
        sentences.extend(pair.remarks.iter().map(|remark| format!("{name}: {remark}")));
    }
    sentences
}

/// Text that Markdown shows as it is, also in a table cell.
fn escape(text: &str) -> String {
    let characters: Vec<char> = plain(text).chars().collect();
    let mut out = String::with_capacity(characters.len());
    for (at, &character) in characters.iter().enumerate() {
        let special = match character {
            '\\' | '`' | '*' | '|' | '<' | ']' | '~' | '&' => true,
            '#' => at == 0,
            // Between letters or digits an underscore is an underscore.
            '_' => {
                let inside = |at: Option<usize>| {
                    at.and_then(|at| characters.get(at)).is_some_and(|near| near.is_alphanumeric())
                };
                !(inside(at.checked_sub(1)) && inside(Some(at + 1)))
            }
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn a_name_cannot_break_out_of_its_cell() {
        assert_eq!(escape("a|b"), "a\\|b");
        assert_eq!(escape("<img src=x>"), "\\<img src=x>");
        assert_eq!(escape("one\ntwo"), "one\\\\ntwo");
        assert_eq!(escape("[x](http://y)"), "[x\\](http://y)");
    }

    #[test]
    fn ordinary_topic_names_stay_as_they_are() {
        assert_eq!(escape("payments_v2.orders-3"), "payments_v2.orders-3");
        assert_eq!(escape("__consumer_offsets"), "\\_\\_consumer_offsets");
    }
}
