//! `cutproof plan`: what a run would read and judge. Reads no record of a topic that is compared, writes no file.

use comfy_table::{CellAlignment, Table, presets};
use cutproof::config::ProofConfig;
use cutproof::positions::{GroupPlan, GroupPosition, Ignored, PairPlan, Plan};
use cutproof::run::RunError;
use serde_json::{Value, json};

use super::refusals;
use crate::args::{Format, PlanArguments};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;

/// Asks both clusters and prints what a run would do.
pub fn plan(arguments: &PlanArguments) -> Result<i32, Failure> {
    let config = refusals::load(&arguments.config)?;
    let progress = Progress::new(arguments.quiet);
    let planned = planned(&config, &progress);
    progress.finish();
    let plan = planned.map_err(|error| refusals::from_run(&error))?;
    let text = match arguments.output {
        Format::Text => text(&config, &plan),
        Format::Json => format!("{:#}\n", json(&config, &plan)),
    };
    output::result(&text)?;
    Ok(0)
}

/// The plan alone, by clients that are gone afterwards.
pub fn planned(config: &ProofConfig, progress: &Progress) -> Result<Plan, RunError> {
    let unsupported = config.unsupported();
    if !unsupported.is_empty() {
        return Err(RunError::Unsupported(unsupported));
    }
    let [source, target] = cutproof::run::connect(config)?;
    Ok(cutproof::positions::plan(config, &source, &target, progress)?)
}

/// The plan for people.
pub fn text(config: &ProofConfig, plan: &Plan) -> String {
    let Plan { source_cluster_id, target_cluster_id, pairs, groups, ignored, remarks } = plan;
    let mut text = String::new();
    for (side, cluster, id) in
        [("source", &config.source, source_cluster_id), ("target", &config.target, target_cluster_id)]
    {
        text += &format!("{side} \"{}\", cluster {id}, {}\n", cluster.alias, cluster.bootstrap_servers);
    }
    text += &format!("\nPairs\n{}", pairs_table(pairs));
    text += &format!("\nGroups\n{}", groups_table(groups, pairs));
    if !ignored.is_empty() {
        let lines = ignored.iter().map(|Ignored { name, reason }| format!("  - {name}: {reason}\n"));
        text += &format!("\nLeft out\n{}", lines.collect::<String>());
    }
    if !remarks.is_empty() {
        let lines = remarks.iter().map(|remark| format!("  - {remark}\n"));
        text += &format!("\nRemarks\n{}", lines.collect::<String>());
    }
    let offsets: u64 = pairs.iter().map(PairPlan::source_offsets).sum();
    text + &format!("\nTo read: at most {offsets} records of the source, and their copies\n")
}

fn pairs_table(pairs: &[PairPlan]) -> String {
    let header = ["source", "start", "end", "target", "expected start", "end", "why it starts there"];
    let rows = pairs.iter().map(|pair| {
        [
            pair.source.to_string(),
            pair.source_start.to_string(),
            pair.source_end.to_string(),
            pair.target.to_string(),
            offset(pair.target_start.or(pair.target_hint)),
            pair.target_end.to_string(),
            pair.start_reason.clone(),
        ]
    });
    table(header, rows, &[1, 2, 4, 5])
}

fn groups_table(groups: &[GroupPlan], pairs: &[PairPlan]) -> String {
    if groups.is_empty() {
        return "no groups\n".to_owned();
    }
    let header = ["group", "source", "committed", "target", "resume", "origin", "state", "detail"];
    let rows = groups.iter().flat_map(|GroupPlan { group, positions }| {
        positions.iter().map(move |position| {
            let GroupPosition { pair, committed, resume, origin, state, detail } = position;
            [
                group.clone(),
                pairs[*pair].source.to_string(),
                committed.to_string(),
                pairs[*pair].target.to_string(),
                offset(*resume),
                origin.as_str().to_owned(),
                state.as_str().to_owned(),
                detail.clone(),
            ]
        })
    });
    table(header, rows, &[2, 4])
}

fn offset(offset: Option<i64>) -> String {
    offset.map_or_else(|| "-".to_owned(), |offset| offset.to_string())
}

fn table<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    right: &[usize],
) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header.to_vec());
    for row in rows {
        table.add_row(row.to_vec());
    }
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

fn json(config: &ProofConfig, plan: &Plan) -> Value {
    let Plan { source_cluster_id, target_cluster_id, pairs, groups, ignored, remarks } = plan;
    json!({
        "source": { "alias": config.source.alias, "cluster_id": source_cluster_id },
        "target": { "alias": config.target.alias, "cluster_id": target_cluster_id },
        "pairs": pairs.iter().map(pair_json).collect::<Vec<_>>(),
        "groups": groups.iter().map(|group| group_json(group, pairs)).collect::<Vec<_>>(),
        "ignored": ignored
            .iter()
            .map(|Ignored { name, reason }| json!({ "name": name, "reason": reason }))
            .collect::<Vec<_>>(),
        "remarks": remarks,
    })
}

/// The contract is left out: it is the configuration's.
fn pair_json(pair: &PairPlan) -> Value {
    let PairPlan {
        source,
        target,
        contract: _,
        source_start,
        source_end,
        source_log_start,
        target_log_start,
        target_end,
        start_reason,
        target_hint,
        target_start,
        lead_in_from,
    } = pair;
    json!({
        "source_topic": source.topic,
        "source_partition": source.partition,
        "source_start_offset": source_start,
        "source_end_offset": source_end,
        "source_log_start_offset": source_log_start,
        "target_topic": target.topic,
        "target_partition": target.partition,
        "target_hint_offset": target_hint,
        "target_start_offset": target_start,
        "target_lead_in_offset": lead_in_from,
        "target_end_offset": target_end,
        "target_log_start_offset": target_log_start,
        "start_reason": start_reason,
    })
}

fn group_json(group: &GroupPlan, pairs: &[PairPlan]) -> Value {
    let GroupPlan { group, positions } = group;
    let positions = positions.iter().map(|position| {
        let GroupPosition { pair, committed, resume, origin, state, detail } = position;
        json!({
            "topic": pairs[*pair].source.topic,
            "partition": pairs[*pair].source.partition,
            "source_offset": committed,
            "target_topic": pairs[*pair].target.topic,
            "target_partition": pairs[*pair].target.partition,
            "target_offset": resume,
            "origin": origin.as_str(),
            "state": state.as_str(),
            "detail": detail,
        })
    });
    json!({ "group": group, "positions": positions.collect::<Vec<_>>() })
}
