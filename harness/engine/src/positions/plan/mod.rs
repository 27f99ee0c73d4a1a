//! The plan: which partitions are paired, where each pair starts, where each group stands and would resume.
//! Asks both clusters; judges nothing. Reads no record of a user's topic, unless positions come from a header or by
//! timestamp: then single ones, around the commits.

mod cleanup;
mod csv_file;
mod error;
mod evidence;
mod groups;
mod internal;
mod lookups;
mod origins;
mod pairs;
mod resume;
mod sharing;
mod standings;
mod start;
mod state;
mod times;
mod types;
mod units;
mod unmatched;
mod view;
mod words;

#[cfg(test)]
mod tests;

#[doc(hidden)] // for fuzzers
pub use csv_file::parse as parse_csv;
pub use error::PlanError;
pub use types::{
    GroupPlan, GroupPosition, Ignored, LaneResume, PairPlan, Plan, SourceLane, TargetLane, UnitPlan,
    UnitPosition,
};
pub(crate) use units::commit_state;
pub(crate) use words::below_log_start;

use super::names::TopicNames;
use crate::config::{ProofConfig, RangeStart};
use crate::kafka::Cluster;
use crate::monitor::Monitor;
use crate::record::Side;
use view::ClusterView;

/// Plans a run. Reads topics, offsets, groups and, where an origin needs them, MirrorMaker 2's own topics.
///
/// # Errors
/// [`PlanError`]; its [`class`](PlanError::class) says whether the user can mend it.
pub fn plan(
    config: &ProofConfig,
    source: &Cluster,
    target: &Cluster,
    monitor: &dyn Monitor,
) -> Result<Plan, PlanError> {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now_ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
    plan_from(config, source, target, now_ms, monitor)
}

/// The same from any two clusters. `now_ms`: the time that a duration is counted back from.
fn plan_from(
    config: &ProofConfig,
    source: &dyn ClusterView,
    target: &dyn ClusterView,
    now_ms: i64,
    monitor: &dyn Monitor,
) -> Result<Plan, PlanError> {
    monitor.stage("plan");
    let source_cluster_id = source.cluster_id();
    let target_cluster_id = target.cluster_id();
    let noise_floor = config.range.noise_floor;
    if source_cluster_id == target_cluster_id && !noise_floor {
        return Err(PlanError::SameCluster {
            source_alias: source.alias().to_owned(),
            target_alias: target.alias().to_owned(),
            cluster_id: source_cluster_id,
        });
    }
    let names = TopicNames::new(&config.replication, source.alias(), target.alias());
    let source_topics = source.topics()?;
    let target_topics = target.topics()?;
    let mut out = pairs::pair(config, names, (source, &source_topics), (target, &target_topics))?;
    if noise_floor {
        out.remarks.push("noise floor: the source is compared with itself; this proves nothing about the target, which is not read".into());
    }
    let context = groups::Context { config, names, source, target, source_topics, target_topics, now_ms };
    let (groups, notes) = groups::groups(&context, &mut out.pairs, &mut out.units)?;
    let (records_read_to_locate, members_unknown) = (notes.records_read, notes.members_unknown);
    out.remarks.extend(notes.remarks);
    pairs::set_starts(config, source, now_ms, &mut out.pairs, &groups)?;
    units::set_starts(config, source, now_ms, &mut out.units, &groups)?;
    out.remarks.extend(units::remarks(&out.units));
    let groups = units::outside_range(groups::outside_range(groups, &out.pairs), &out.units);
    out.remarks.extend(cleanup::remarks([source, target], &out.pairs)?);
    let of_pairs = out.pairs.iter().map(|pair| pair.source.topic.as_str());
    let of_units = out.units.iter().flat_map(|unit| unit.topics(Side::Source));
    let chosen: Vec<&str> = of_pairs.chain(of_units).collect();
    out.remarks.extend(unmatched::remarks(config, &context.source_topics, &chosen, &groups));
    for remark in &out.remarks {
        monitor.warn(remark);
    }
    let unproved: Vec<String> = groups.iter().filter_map(GroupPlan::without_position).collect();
    if !groups.iter().any(GroupPlan::stands_on_source) && config.range.start == RangeStart::Positions {
        return Err(groups::no_group(&context, notes.listed));
    }
    // No remarks: a run's verdict says so itself.
    for sentence in &unproved {
        monitor.warn(sentence);
    }
    let pairs::Paired { pairs, units, ignored, remarks } = out;
    Ok(Plan {
        source_cluster_id,
        target_cluster_id,
        pairs,
        units,
        groups,
        members_unknown,
        ignored,
        remarks,
        records_read_to_locate,
    })
}
