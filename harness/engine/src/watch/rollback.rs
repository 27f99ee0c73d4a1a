//! The way back of every group, held against a finished run. Asks and reads; the decisions are in `way_back`.

use std::collections::{BTreeMap, BTreeSet};

use cutproof_reports::offsets::OffsetsOf;
use cutproof_reports::{Barrier, ClusterSummary, FindingKind, PositionSummary};
use serde::Serialize;
use time::OffsetDateTime;

use super::commits::{self, Commits};
use super::evidence::{Compared, FinishedRun};
use super::headroom::Headroom;
use super::look::Look;
use super::retention::Retention;
use super::since::{PairNow, pairs_now, read_tail, recreated};
use super::tail::Span;
use super::way_back::{Seen, WayBack, decide, stay_without_commit};
use crate::config::ProofConfig;
use crate::kafka::{Cluster, LogBounds, TopicListing};
use crate::monitor::Monitor;
use crate::positions::names::TopicNames;
use crate::record::{Isolation, Side, TopicPartition};
use crate::run::RunError;

/// The answer of a look after the cutover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Nothing speaks against it, and everything is known.
    Yes,
    /// Something speaks against it.
    No,
    /// Something is not known.
    NotKnown,
}

impl Answer {
    /// 0, 10 or 12, as a run's.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Yes => 0,
            Self::No => 10,
            Self::NotKnown => 12,
        }
    }
}

/// The ways back of all groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rollback {
    /// The run that it is held against.
    pub run_id: String,
    /// Its directory.
    pub run_directory: String,
    /// Source, as the run knew it.
    pub source: ClusterSummary,
    /// Target, as the run knew it.
    pub target: ClusterSummary,
    /// When the run's compared range ended.
    pub barrier: Barrier,
    /// Whether every way back is open.
    pub open: Answer,
    /// What the process ends with.
    pub exit_code: i32,
    /// Why a way is closed or not known.
    pub reasons: Vec<String>,
    /// What a person should know before anybody goes back.
    pub warnings: Vec<String>,
    /// What both sides have gained since the run.
    pub pairs: Vec<PairSince>,
    /// By group id.
    pub groups: Vec<GroupWayBack>,
}

/// What has happened on one pair since the run. `None` where it is not known; `remarks` says why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PairSince {
    /// Source topic.
    pub source_topic: String,
    /// Source partition.
    pub source_partition: i32,
    /// Target topic.
    pub target_topic: String,
    /// Target partition.
    pub target_partition: i32,
    /// Where the run's compared range ended on the source.
    pub compared_source_end_offset: i64,
    /// Where it ended on the target.
    pub compared_target_end_offset: i64,
    /// Records that only the target has.
    pub target_only: Option<Span>,
    /// Of those, the ones that not every group has processed: to be copied back before all groups go back.
    pub copy_back_records: Option<u64>,
    /// Records that the source has gained.
    pub new_on_source: Option<Span>,
    /// Of those, the ones that the target does not have.
    pub only_on_source_records: Option<u64>,
    /// Sentences for people.
    pub remarks: Vec<String>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupWayBack {
    /// Group id.
    pub group: String,
    /// Live members on the target; `None` where the brokers do not tell.
    pub active_on_target: Option<bool>,
    /// Live members on the source.
    pub active_on_source: Option<bool>,
    /// One entry for each partition on which it has a position.
    pub positions: Vec<PositionWayBack>,
}

/// One group on one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PositionWayBack {
    /// Source topic; `None` where the run did not compare the target partition.
    pub source_topic: Option<String>,
    /// Source partition.
    pub source_partition: Option<i32>,
    /// Target topic.
    pub target_topic: String,
    /// Target partition.
    pub target_partition: i32,
    /// The group's commit on the target now.
    pub target_commit: Option<i64>,
    /// Its commit on the source now.
    pub source_commit: Option<i64>,
    /// Where it goes on on the source; `None` where the way is closed or not known.
    pub source_offset: Option<i64>,
    /// What is known.
    pub way_back: WayBack,
    /// For people: why.
    pub detail: String,
    /// Target-only records that the group has processed.
    pub target_only_processed: Option<u64>,
    /// Target-only records that it has not processed: on the source it would never see them.
    pub target_only_not_processed: Option<u64>,
    /// How long the record at `source_offset` will be there.
    pub source_headroom: Option<Headroom>,
    /// How long the record at `target_commit` will be there.
    pub target_headroom: Option<Headroom>,
}

/// Looks at both clusters and says for each group where it can go on on the source. Writes nothing to either.
pub fn rollback(
    config: &ProofConfig,
    run: &FinishedRun,
    clusters: [&Cluster; 2],
    monitor: &dyn Monitor,
) -> Result<Rollback, RunError> {
    if let Some(why) = run.other_clusters(clusters) {
        return Ok(elsewhere(run, &why));
    }
    let [source, target] = clusters;
    monitor.stage("positions");
    let mut look = Look::new(clusters);
    let topics = [source.topics()?, target.topics()?];
    let mut pairs = pairs_now(config, run, &look, [&topics[0], &topics[1]])?;
    let groups = commits::groups(config, run, target)?;
    let compared: BTreeSet<&str> = run.manifest.pairs.iter().map(|pair| pair.target_topic.as_str()).collect();
    let on_target: Vec<TopicPartition> = compared
        .iter()
        .filter_map(|&topic| Some((topic, topics[1].get(topic)?.partitions)))
        .flat_map(|(topic, count)| (0..count as i32).map(move |number| TopicPartition::new(topic, number)))
        .collect();
    let on_source: Vec<TopicPartition> =
        pairs.iter().filter(|pair| pair.logs.is_ok()).map(|pair| pair.source.clone()).collect();
    let on_target = commits::committed(target, &groups, &on_target)?;
    let on_source = commits::committed(source, &groups, &on_source)?;

    monitor.stage("read");
    for pair in &mut pairs {
        let commits: Vec<i64> =
            groups.iter().filter_map(|group| commits::of(&on_target, group, &pair.target)).collect();
        read_tail(&mut look, pair, &commits, config.limits.memory_bytes)?;
        pair.recreated = recreated(&mut look, run, pair)?;
    }
    let names = Side::BOTH.map(|side| {
        let there = pairs.iter().filter(|pair| pair.logs.is_ok());
        there
            .map(|pair| if side == Side::Source { &pair.source } else { &pair.target }.topic.clone())
            .collect::<BTreeSet<String>>()
    });
    let now_ms =
        i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
    let mut retention = Retention::learn(clusters, [&names[0], &names[1]], now_ms)?;

    let empty_now = empty_beside(&look, &pairs, &on_target);
    let all: Vec<&str> = groups.iter().map(String::as_str).collect();
    let named = config.groups.literal_names_beside(&all);
    let mut unknown = not_compared(config, run, &topics[0]);
    let mut ways = Vec::new();
    for group in groups.iter().cloned() {
        let mut positions = Vec::new();
        for pair in &pairs {
            let commits = [&on_source, &on_target];
            if let Some(position) = position(run, &mut look, &mut retention, &group, pair, commits)? {
                positions.push(position);
            }
        }
        positions.extend(without_map(&group, &pairs, &on_target, &empty_now));
        if positions.is_empty() {
            if named.contains(&group) {
                unknown
                    .push(format!("not_known: {group} is named and has no position on a compared partition"));
            }
            continue;
        }
        let active = |cluster: &Cluster| -> Result<Option<bool>, RunError> {
            Ok(cluster.group_members(&group)?.map(|members| members.is_active()))
        };
        let (active_on_source, active_on_target) = (active(source)?, active(target)?);
        ways.push(GroupWayBack { active_on_target, active_on_source, positions, group });
    }
    let pairs: Vec<PairSince> = pairs.iter().map(|pair| since(pair, &on_target)).collect();
    Ok(conclude(run, pairs, ways, unknown))
}

/// Topics of the configuration that the run did not compare: where their groups go back to is not known.
fn not_compared(
    config: &ProofConfig,
    run: &FinishedRun,
    on_source: &BTreeMap<String, TopicListing>,
) -> Vec<String> {
    let names = TopicNames::new(&config.replication, &config.source.alias, &config.target.alias);
    let compared: BTreeSet<&str> =
        run.manifest.pairs.iter().flat_map(|pair| pair.source_topic.split(',')).collect();
    on_source
        .keys()
        .filter(|topic| config.topics.matches(topic) && names.internal_reason(topic).is_none())
        .filter(|topic| !compared.contains(topic.as_str()))
        .map(|topic| {
            format!("not_known: {topic} is in the configuration, but not in the run: name another with --run, or leave it out with topics.exclude")
        })
        .collect()
}

fn position(
    run: &FinishedRun,
    look: &mut Look<'_>,
    retention: &mut Retention,
    group: &str,
    pair: &PairNow<'_>,
    [on_source, on_target]: [&Commits; 2],
) -> Result<Option<PositionWayBack>, RunError> {
    let target_commit = commits::of(on_target, group, &pair.target);
    let source_commit = commits::of(on_source, group, &pair.source);
    let known = recorded(run, group, pair.summary);
    let mut out = empty(pair.summary, target_commit, source_commit);
    let logs = match &pair.logs {
        Ok(logs) => *logs,
        Err(why) if target_commit.is_some() || known.is_some() => {
            (out.way_back, out.detail) = (WayBack::TopicGone, why.clone());
            return Ok(Some(out));
        }
        Err(_) => return Ok(None),
    };
    let [source_log, target_log] = logs;
    let decided = match target_commit {
        None if known.is_none() => return Ok(None),
        None => stay_without_commit(source_commit, source_log, pair.recreated.as_deref()),
        Some(commit) => {
            let Compared { target_topic, target_partition, target_end_offset, .. } = pair.summary;
            let stood = source_commit.or(known.and_then(|position| position.source_offset)).unwrap_or(0);
            let left = stood.max(source_log.log_start)..i64::MAX;
            let asked = commit.min(*target_end_offset);
            let back = run.offsets.translate(OffsetsOf::Target, target_topic, *target_partition, asked);
            decide(&Seen {
                commit,
                source_commit,
                resumed_at: known.and_then(|position| position.target_offset),
                source_log,
                target_log,
                pair: pair.summary,
                back: &back,
                missing: run.offsets.first_missing(&pair.source.topic, pair.source.partition, left),
                tail: &pair.tail,
                tail_unread: pair.return_unknown(),
                recreated: pair.recreated.as_deref(),
            })
        }
    };
    out.way_back = decided.way_back;
    out.source_offset = decided.source_offset;
    out.detail = decided.detail;
    if pair.unread().is_none() && pair.recreated.is_none() {
        out.target_only_processed = target_commit.map(|commit| pair.tail.target_only_before(commit));
        out.target_only_not_processed = Some(match target_commit {
            Some(commit) => pair.tail.target_only_from(commit),
            None => pair.tail.target_only().records,
        });
    }
    let isolation = pair.contract.isolation;
    if let Some(offset) = out.source_offset {
        let at = &pair.source;
        out.source_headroom =
            Some(retention.headroom(look, Side::Source, isolation, at, offset, source_log)?);
    }
    if let Some(offset) = target_commit {
        let at = &pair.target;
        out.target_headroom =
            Some(retention.headroom(look, Side::Target, isolation, at, offset, target_log)?);
    }
    Ok(Some(out))
}

/// What the run knew of a group on a pair.
fn recorded<'a>(run: &'a FinishedRun, group: &str, pair: &Compared) -> Option<&'a PositionSummary> {
    let group = run.manifest.groups.iter().find(|known| known.group == group)?;
    group.positions.iter().find(|position| {
        (position.topic.as_str(), position.partition)
            == (pair.source_topic.as_str(), Some(pair.source_partition))
    })
}

fn empty(pair: &Compared, target_commit: Option<i64>, source_commit: Option<i64>) -> PositionWayBack {
    PositionWayBack {
        source_topic: Some(pair.source_topic.clone()),
        source_partition: Some(pair.source_partition),
        target_topic: pair.target_topic.clone(),
        target_partition: pair.target_partition,
        target_commit,
        source_commit,
        source_offset: None,
        way_back: WayBack::NotKnown,
        detail: String::new(),
        target_only_processed: None,
        target_only_not_processed: None,
        source_headroom: None,
        target_headroom: None,
    }
}

/// Partitions of compared topics with commits that no pair has and that hold no record: a client commits there, too.
fn empty_beside(look: &Look<'_>, pairs: &[PairNow<'_>], on_target: &Commits) -> BTreeSet<TopicPartition> {
    let known: BTreeSet<&TopicPartition> = pairs.iter().map(|pair| &pair.target).collect();
    let committed: BTreeSet<&TopicPartition> = on_target.values().flat_map(BTreeMap::keys).collect();
    let asked: Vec<TopicPartition> = committed.difference(&known).map(|at| (*at).clone()).collect();
    if asked.is_empty() {
        return BTreeSet::new();
    }
    // What is not told is not known to be empty.
    let bounds =
        look.cluster(Side::Target).log_bounds(&asked, Isolation::ReadUncommitted).unwrap_or_default();
    let never_written = |log: &LogBounds| log.end == 0;
    bounds.into_iter().filter(|(_, log)| never_written(log)).map(|(partition, _)| partition).collect()
}

/// Commits on partitions of compared topics that the offset map does not know. `empty_now`: those that hold nothing.
fn without_map(
    group: &str,
    pairs: &[PairNow<'_>],
    on_target: &Commits,
    empty_now: &BTreeSet<TopicPartition>,
) -> Vec<PositionWayBack> {
    let known: BTreeSet<&TopicPartition> = pairs.iter().map(|pair| &pair.target).collect();
    let mapped: BTreeSet<&str> = pairs.iter().map(|pair| pair.target.topic.as_str()).collect();
    let unmapped = |topic: &str| !mapped.contains(topic);
    let committed = on_target.get(group).into_iter().flatten();
    committed
        .filter(|(partition, commit)| {
            let says_nothing = **commit == 0 && empty_now.contains(partition);
            !known.contains(partition) && !says_nothing
        })
        .map(|(partition, commit)| {
            let (way_back, detail) = match unmapped(&partition.topic) {
                true => (
                    WayBack::NotKnown,
                    "records of this topic may change partition or order: there is no offset map",
                ),
                false => (WayBack::NotCompared, "the run did not compare this partition"),
            };
            PositionWayBack {
                source_topic: None,
                source_partition: None,
                target_topic: partition.topic.clone(),
                target_partition: partition.partition,
                way_back,
                detail: detail.to_owned(),
                ..empty(&Compared::default(), Some(*commit), None)
            }
        })
        .collect()
}

fn since(pair: &PairNow<'_>, on_target: &Commits) -> PairSince {
    let Compared {
        source_topic,
        source_partition,
        target_topic,
        target_partition,
        source_end_offset,
        target_end_offset,
        counts,
        ..
    } = pair.summary;
    let mut out = PairSince {
        source_topic: source_topic.clone(),
        source_partition: *source_partition,
        target_topic: target_topic.clone(),
        target_partition: *target_partition,
        compared_source_end_offset: *source_end_offset,
        compared_target_end_offset: *target_end_offset,
        target_only: None,
        copy_back_records: None,
        new_on_source: None,
        only_on_source_records: None,
        remarks: Vec::new(),
    };
    let name = format!("{source_topic}-{source_partition}");
    let not_read = pair.logs.as_ref().err().map(String::as_str).or(pair.recreated.as_deref());
    if let Some(why) = not_read {
        out.remarks.push(why.to_owned());
        return out;
    }
    out.remarks.extend([&pair.source_unread, &pair.target_unread].into_iter().flatten().cloned());
    if pair.source_unread.is_none() {
        out.new_on_source = Some(pair.tail.new_on_source());
    }
    if pair.unread().is_none() {
        let lowest = on_target.values().filter_map(|commits| commits.get(&pair.target)).min();
        out.target_only = Some(pair.tail.target_only().clone());
        out.copy_back_records = Some(match lowest {
            Some(&commit) => pair.tail.target_only_from(commit),
            None => pair.tail.target_only().records,
        });
        let alone = pair.tail.only_on_source();
        out.only_on_source_records = Some(alone);
        if alone > 0 {
            out.remarks.push(format!(
                "{name} has gained {alone} records that the target does not have: a producer still writes to the source"
            ));
        }
    }
    let missing = counts.findings.get(&FindingKind::MissingRecord).copied().unwrap_or(0);
    if missing > 0 {
        out.remarks.push(format!(
            "{missing} compared records of {name} were missing on the target: nobody has processed them there"
        ));
    }
    out
}

/// Every position of a run that was between other clusters.
fn elsewhere(run: &FinishedRun, why: &str) -> Rollback {
    let closed = |position: &PositionSummary| {
        Some(PositionWayBack {
            source_topic: Some(position.topic.clone()),
            source_partition: position.partition,
            target_topic: position.target_topic.clone(),
            target_partition: position.target_partition?,
            way_back: WayBack::OtherCluster,
            detail: why.to_owned(),
            ..empty(&Compared::default(), None, None)
        })
    };
    let ways = run.manifest.groups.iter().map(|group| GroupWayBack {
        group: group.group.clone(),
        active_on_target: None,
        active_on_source: None,
        positions: group.positions.iter().filter_map(closed).collect(),
    });
    let mut report = conclude(run, Vec::new(), ways.collect(), Vec::new());
    (report.open, report.exit_code) = (Answer::No, Answer::No.exit_code());
    report.reasons = vec![format!("other_cluster: {why}")];
    report.warnings.clear();
    report
}

fn conclude(
    run: &FinishedRun,
    pairs: Vec<PairSince>,
    groups: Vec<GroupWayBack>,
    unknown: Vec<String>,
) -> Rollback {
    let manifest = &run.manifest;
    let mut reasons = Vec::new();
    let mut open = Answer::Yes;
    for group in &groups {
        for position in &group.positions {
            let counted = position.target_only_not_processed.is_some();
            let way = position.way_back;
            let place = format!("{} on {}-{}", group.group, position.target_topic, position.target_partition);
            if way.is_closed() {
                open = Answer::No;
                reasons.push(format!("{}: {place}: {}", way.as_str(), position.detail));
            } else if way == WayBack::NotKnown || !counted {
                if open == Answer::Yes {
                    open = Answer::NotKnown;
                }
                let why = if counted || !position.detail.is_empty() {
                    position.detail.as_str()
                } else {
                    "what the target alone has cannot be counted"
                };
                reasons.push(format!("not_known: {place}: {why}"));
            }
        }
    }
    if open == Answer::Yes && !unknown.is_empty() {
        open = Answer::NotKnown;
    }
    reasons.extend(unknown);
    if groups.is_empty() {
        open = Answer::NotKnown;
        reasons.push("no group has a position on a compared partition".to_owned());
    }
    let warnings = warnings(&pairs, &groups);
    Rollback {
        run_id: manifest.run_id.clone(),
        run_directory: run.directory.display().to_string(),
        source: manifest.source.clone(),
        target: manifest.target.clone(),
        barrier: manifest.barrier.clone(),
        open,
        exit_code: open.exit_code(),
        reasons,
        warnings,
        pairs,
        groups,
    }
}

fn warnings(pairs: &[PairSince], groups: &[GroupWayBack]) -> Vec<String> {
    let mut warnings = Vec::new();
    for GroupWayBack { group, active_on_target, active_on_source, positions } in groups {
        if *active_on_target == Some(true) {
            warnings.push(format!(
                "{group} has live members on the target: stop them first and ask again, its position moves on"
            ));
        }
        if *active_on_source == Some(true) {
            warnings.push(format!(
                "{group} has live members on the source: its offsets there cannot be reset while they run"
            ));
        }
        let left: u64 = positions.iter().filter_map(|position| position.target_only_not_processed).sum();
        if left > 0 {
            warnings.push(format!(
                "{group} has not processed {left} target-only records: on the source it never sees them unless they \
                 are copied back"
            ));
        }
    }
    let silent = [
        (Side::Target, groups.iter().filter(|group| group.active_on_target.is_none()).count()),
        (Side::Source, groups.iter().filter(|group| group.active_on_source.is_none()).count()),
    ];
    for (side, silent) in silent.into_iter().filter(|(_, silent)| *silent > 0) {
        warnings.push(format!(
            "the {side} does not tell whether {silent} groups have live members: see that they are stopped there"
        ));
    }
    let by_topic: BTreeMap<&str, u64> = pairs
        .iter()
        .filter_map(|pair| Some((pair, pair.target_only.as_ref()?.records)))
        .fold(BTreeMap::new(), |mut sums, (pair, records)| {
            *sums.entry(pair.target_topic.as_str()).or_default() += records;
            sums
        });
    for (topic, records) in by_topic.into_iter().filter(|(_, records)| *records > 0) {
        warnings.push(format!("{topic} has {records} records that the source does not have"));
    }
    warnings.extend(pairs.iter().flat_map(|pair| pair.remarks.iter().cloned()));
    warnings
}
