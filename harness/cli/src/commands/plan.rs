//! `cutproof plan`: what a run would read and judge. Reads no record of a topic that is compared, writes no file.

use cutproof::config::ProofConfig;
use cutproof::positions::{
    GroupPlan, GroupPosition, Ignored, LaneResume, PairPlan, Plan, SourceLane, TargetLane, UnitPlan,
    UnitPosition,
};
use cutproof::run::RunError;
use cutproof_reports::show::table;
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

/// The plan alone, by clients that are gone afterwards. What a run would refuse is refused.
pub fn planned(config: &ProofConfig, progress: &Progress) -> Result<Plan, RunError> {
    cutproof::run::check(config)?;
    let [source, target] = cutproof::run::connect(config)?;
    Ok(cutproof::positions::plan(config, &source, &target, progress)?)
}

/// The plan for people.
pub fn text(config: &ProofConfig, plan: &Plan) -> String {
    let Plan {
        source_cluster_id,
        target_cluster_id,
        pairs,
        units,
        groups,
        // A remark says so.
        members_unknown: _,
        ignored,
        remarks,
        records_read_to_locate,
    } = plan;
    let mut text = String::new();
    for (side, cluster, id) in
        [("source", &config.source, source_cluster_id), ("target", &config.target, target_cluster_id)]
    {
        text += &format!("{side} \"{}\", cluster {id}, {}\n", cluster.alias, cluster.bootstrap_servers);
    }
    if !pairs.is_empty() || units.is_empty() {
        text += &format!("\nPairs\n{}", pairs_table(pairs));
    }
    if !units.is_empty() {
        text += &format!("\nRepartitioned (partitions: by_key)\n{}", units_table(units));
    }
    text += &format!("\nGroups\n{}", groups_table(groups, pairs, units));
    if !ignored.is_empty() {
        let lines = ignored.iter().map(|Ignored { name, reason }| format!("  - {name}: {reason}\n"));
        text += &format!("\nLeft out\n{}", lines.collect::<String>());
    }
    if !remarks.is_empty() {
        let lines = remarks.iter().map(|remark| format!("  - {remark}\n"));
        text += &format!("\nRemarks\n{}", lines.collect::<String>());
    }
    let of_units = units.iter().map(UnitPlan::source_offsets);
    let offsets: u64 = pairs.iter().map(PairPlan::source_offsets).chain(of_units).sum();
    text += &format!("\nTo read: at most {offsets} records of the source, and their copies\n");
    if *records_read_to_locate > 0 {
        text += &format!("Read for the positions above: {records_read_to_locate} records\n");
    }
    text
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

/// One row for each partition of either side: any source partition may flow into any target partition.
fn units_table(units: &[UnitPlan]) -> String {
    let header = ["partition", "side", "log start", "scope starts", "end", "why it starts there"];
    let rows = units.iter().flat_map(|UnitPlan { sources, targets, contract: _ }| {
        let sources = sources.iter().map(|lane| {
            let SourceLane { partition, log_start, start, end, start_reason } = lane;
            [
                partition.to_string(),
                "source".to_owned(),
                log_start.to_string(),
                start.to_string(),
                end.to_string(),
                start_reason.clone(),
            ]
        });
        let targets = targets.iter().map(|TargetLane { partition, log_start, end }| {
            [
                partition.to_string(),
                "target".to_owned(),
                log_start.to_string(),
                "-".to_owned(),
                end.to_string(),
                "found by reading".to_owned(),
            ]
        });
        sources.chain(targets).collect::<Vec<_>>()
    });
    table(header, rows, &[2, 3, 4])
}

fn groups_table(groups: &[GroupPlan], pairs: &[PairPlan], units: &[UnitPlan]) -> String {
    if groups.is_empty() {
        return "no groups\n".to_owned();
    }
    let header = ["group", "source", "committed", "target", "resume", "origin", "state", "detail"];
    let rows = groups.iter().flat_map(|plan| {
        let GroupPlan { group, positions, units: on_units } = plan;
        let alone = plan.without_position().map(|why| {
            let none = || "-".to_owned();
            let state = "no position in scope".to_owned();
            [group.clone(), none(), none(), none(), none(), none(), state, why]
        });
        let of_units = on_units.iter().flat_map(move |position| unit_rows(group, position, units));
        let of_pairs = positions.iter().map(move |position| {
            let GroupPosition { pair, committed, resume, origin, state, detail, .. } = position;
            [
                group.clone(),
                pairs[*pair].source.to_string(),
                offset(*committed),
                pairs[*pair].target.to_string(),
                offset(*resume),
                origin.as_str().to_owned(),
                state.as_str().to_owned(),
                detail.clone(),
            ]
        });
        of_pairs.chain(of_units).chain(alone)
    });
    table(header, rows, &[2, 4])
}

/// The commits by source partition, then the resume offsets by target partition.
fn unit_rows(group: &str, position: &UnitPosition, units: &[UnitPlan]) -> Vec<[String; 8]> {
    let UnitPosition { unit, committed, commit_states, resumes, records_read_to_locate: _ } = position;
    let unit = &units[*unit];
    let none = || "-".to_owned();
    let commits =
        unit.sources.iter().zip(committed).zip(commit_states).filter_map(|((lane, committed), state)| {
            let (state, detail) = state;
            Some([
                group.to_owned(),
                lane.partition.to_string(),
                (*committed)?.to_string(),
                unit.target_topic().to_owned(),
                none(),
                none(),
                state.as_str().to_owned(),
                detail.clone(),
            ])
        });
    let resumes = unit.targets.iter().zip(resumes).map(|(lane, resume)| {
        let LaneResume { offset: resume, origin, also: _, state, detail } = resume;
        [
            group.to_owned(),
            unit.source_topics(),
            none(),
            lane.partition.to_string(),
            offset(*resume),
            origin.as_str().to_owned(),
            state.as_str().to_owned(),
            detail.clone(),
        ]
    });
    commits.chain(resumes).collect()
}

fn offset(offset: Option<i64>) -> String {
    offset.map_or_else(|| "-".to_owned(), |offset| offset.to_string())
}

fn json(config: &ProofConfig, plan: &Plan) -> Value {
    let Plan {
        source_cluster_id,
        target_cluster_id,
        pairs,
        units,
        groups,
        members_unknown,
        ignored,
        remarks,
        records_read_to_locate,
    } = plan;
    json!({
        "source": { "alias": config.source.alias, "cluster_id": source_cluster_id },
        "target": { "alias": config.target.alias, "cluster_id": target_cluster_id },
        "pairs": pairs.iter().map(pair_json).collect::<Vec<_>>(),
        "units": units.iter().map(unit_json).collect::<Vec<_>>(),
        "groups": groups.iter().map(|group| group_json(group, pairs, units)).collect::<Vec<_>>(),
        "members_unknown": members_unknown,
        "ignored": ignored
            .iter()
            .map(|Ignored { name, reason }| json!({ "name": name, "reason": reason }))
            .collect::<Vec<_>>(),
        "remarks": remarks,
        "records_read_to_locate": records_read_to_locate,
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
        // The start is not located by the plan.
        records_read_to_locate: _,
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

fn unit_json(unit: &UnitPlan) -> Value {
    let UnitPlan { sources, targets, contract: _ } = unit;
    let sources = sources.iter().map(|lane| {
        let SourceLane { partition, log_start, start, end, start_reason } = lane;
        json!({
            "source_topic": partition.topic,
            "source_partition": partition.partition,
            "source_start_offset": start,
            "source_end_offset": end,
            "source_log_start_offset": log_start,
            "start_reason": start_reason,
        })
    });
    let targets = targets.iter().map(|TargetLane { partition, log_start, end }| {
        json!({
            "target_topic": partition.topic,
            "target_partition": partition.partition,
            "target_end_offset": end,
            "target_log_start_offset": log_start,
        })
    });
    json!({ "sources": sources.collect::<Vec<_>>(), "targets": targets.collect::<Vec<_>>() })
}

/// The positions at a unit as the run's: rows without a target partition, then rows without a source partition.
fn unit_positions_json(position: &UnitPosition, units: &[UnitPlan]) -> Vec<Value> {
    let UnitPosition { unit, committed, commit_states, resumes, records_read_to_locate } = position;
    let unit = &units[*unit];
    let commits =
        unit.sources.iter().zip(committed).zip(commit_states).filter_map(|((lane, committed), state)| {
            let (state, detail) = state;
            committed.map(|committed| {
                json!({
                    "topic": lane.partition.topic,
                    "partition": lane.partition.partition,
                    "source_offset": committed,
                    "target_topic": unit.target_topic(),
                    "target_partition": null,
                    "target_offset": null,
                    "origin": "none",
                    "state": state.as_str(),
                    "detail": detail,
                })
            })
        });
    let resumes = unit.targets.iter().zip(resumes).map(|(lane, resume)| {
        let LaneResume { offset, origin, also, state, detail } = resume;
        json!({
            "topic": unit.source_topics(),
            "partition": null,
            "source_offset": null,
            "target_topic": lane.partition.topic,
            "target_partition": lane.partition.partition,
            "target_offset": offset,
            "origin": origin.as_str(),
            "also": also,
            "records_read_to_locate": records_read_to_locate,
            "state": state.as_str(),
            "detail": detail,
        })
    });
    commits.chain(resumes).collect()
}

fn group_json(group: &GroupPlan, pairs: &[PairPlan], units: &[UnitPlan]) -> Value {
    let GroupPlan { group, positions, units: on_units } = group;
    let positions = positions.iter().map(|position| {
        let GroupPosition { pair, committed, resume, origin, also, state, detail, records_read_to_locate } =
            position;
        json!({
            "topic": pairs[*pair].source.topic,
            "partition": pairs[*pair].source.partition,
            "source_offset": committed,
            "target_topic": pairs[*pair].target.topic,
            "target_partition": pairs[*pair].target.partition,
            "target_offset": resume,
            "origin": origin.as_str(),
            "also": also,
            "records_read_to_locate": records_read_to_locate,
            "state": state.as_str(),
            "detail": detail,
        })
    });
    let of_units = on_units.iter().flat_map(|position| unit_positions_json(position, units));
    json!({ "group": group, "positions": positions.chain(of_units).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_without_a_position_has_a_row_that_says_why() {
        let ghost = GroupPlan { group: "ghost".into(), positions: Vec::new(), units: Vec::new() };
        let text = groups_table(&[ghost], &[], &[]);
        for words in ["ghost", "no position in scope", "named in groups.include"] {
            assert!(text.contains(words), "{words} in {text}");
        }
    }
}
