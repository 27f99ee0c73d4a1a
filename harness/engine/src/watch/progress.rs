//! How the groups get on on the target between two looks, held against a finished run. Counts records, not offsets.

use cutproof_reports::ClusterSummary;
use serde::Serialize;

use super::commits::{self, Commits};
use super::evidence::{Compared, FinishedRun};
use super::look::Look;
use super::movement::{Movement, movement};
use super::rollback::Answer;
use super::since::{PairNow, pairs_now, read_tail};
use crate::config::ProofConfig;
use crate::kafka::Cluster;
use crate::monitor::Monitor;
use crate::record::{OffsetRange, Side, TopicPartition};
use crate::run::RunError;

/// How all groups get on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The run that it is held against.
    pub run_id: String,
    /// The target.
    pub target: ClusterSummary,
    /// Whether every group moves or has nothing left.
    pub moving: Answer,
    /// What the process ends with.
    pub exit_code: i32,
    /// What does not move, or is not known.
    pub reasons: Vec<String>,
    /// By group id.
    pub groups: Vec<GroupProgress>,
}

/// One group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupProgress {
    /// Group id.
    pub group: String,
    /// One entry for each compared partition on which it has a position.
    pub positions: Vec<PositionProgress>,
}

/// One group on one target partition. Counts are `None` where they are not known; `detail` says why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PositionProgress {
    /// Target topic.
    pub target_topic: String,
    /// Target partition.
    pub target_partition: i32,
    /// Its commit at the first look.
    pub commit_then: Option<i64>,
    /// Its commit at the second look.
    pub commit_now: Option<i64>,
    /// Records in between.
    pub processed_records: Option<u64>,
    /// Copies of compared source records that it has still to process.
    pub remaining_compared: Option<u64>,
    /// Copies of source records that came after the compared range and that it has still to process.
    pub remaining_new_copies: Option<u64>,
    /// Records after the compared range that only the target has and that it has still to process.
    pub remaining_target_only: Option<u64>,
    /// What the commit did.
    pub movement: Movement,
    /// For people: why something is not known.
    pub detail: String,
}

/// What the groups have committed on the compared partitions of the target at this moment.
pub fn commits_now(config: &ProofConfig, run: &FinishedRun, target: &Cluster) -> Result<Commits, RunError> {
    let partitions: Vec<TopicPartition> = run.pairs.iter().map(|pair| pair.partition(Side::Target)).collect();
    Ok(commits::committed(target, &commits::groups(config, run, target)?, &partitions)?)
}

/// What the groups did between `then` and `now`, and what remains. Writes nothing.
pub fn progress(
    config: &ProofConfig,
    run: &FinishedRun,
    clusters: [&Cluster; 2],
    [then, now]: [&Commits; 2],
    monitor: &dyn Monitor,
) -> Result<Progress, RunError> {
    monitor.stage("read");
    let mut look = Look::new(clusters);
    let topics = [clusters[0].topics()?, clusters[1].topics()?];
    let mut pairs = pairs_now(config, run, &look, [&topics[0], &topics[1]])?;
    for pair in &mut pairs {
        let commits: Vec<i64> =
            now.keys().chain(then.keys()).filter_map(|group| stands_at(run, now, group, pair)).collect();
        read_tail(&mut look, pair, &commits, config.limits.memory_bytes)?;
    }
    let mut groups = Vec::new();
    for group in now.keys() {
        let mut positions = Vec::new();
        for pair in &pairs {
            let [before, after] = [then, now].map(|commits| commits::of(commits, group, &pair.target));
            if before.or(after).or(resumed_at(run, group, pair.summary)).is_some() {
                positions.push(position(run, &mut look, pair, group, now, [before, after])?);
            }
        }
        if !positions.is_empty() {
            groups.push(GroupProgress { group: group.clone(), positions });
        }
    }
    Ok(conclude(run, groups))
}

/// Its commit, or where the run found that it would resume.
fn stands_at(run: &FinishedRun, now: &Commits, group: &str, pair: &PairNow<'_>) -> Option<i64> {
    commits::of(now, group, &pair.target).or_else(|| resumed_at(run, group, pair.summary))
}

fn resumed_at(run: &FinishedRun, group: &str, pair: &Compared) -> Option<i64> {
    let group = run.manifest.groups.iter().find(|known| known.group == group)?;
    let here = |topic: &str, number: Option<i32>| {
        (topic, number) == (pair.source_topic.as_str(), Some(pair.source_partition))
    };
    group.positions.iter().find(|position| here(&position.topic, position.partition))?.target_offset
}

fn position(
    run: &FinishedRun,
    look: &mut Look<'_>,
    pair: &PairNow<'_>,
    group: &str,
    now: &Commits,
    [then_at, now_at]: [Option<i64>; 2],
) -> Result<PositionProgress, RunError> {
    let mut detail = String::new();
    let mut why = |text: &str| {
        if detail.is_empty() {
            text.clone_into(&mut detail);
        }
    };
    let mut processed = Some(0);
    if let (Ok([_, log]), Some(start), Some(end)) = (&pair.logs, then_at, now_at)
        && end > start
    {
        let mut records = 0;
        let range = OffsetRange { start: start.max(log.log_start), end: end.min(log.end) };
        let unread = look.read(Side::Target, pair.contract.isolation, &pair.target, range, |_| {
            records += 1;
            true
        })?;
        let deleted = (start < log.log_start).then(|| {
            format!(
                "{} starts at {}: what the group processed is deleted in part",
                pair.target, log.log_start
            )
        });
        let unread = unread.or(deleted);
        processed = unread.is_none().then_some(records);
        unread.iter().for_each(|text| why(text));
    }
    if then_at.is_none() && now_at.is_some() {
        processed = None;
        why("it had no commit at the first look");
    }
    let stands = stands_at(run, now, group, pair);
    let compared = stands.and_then(|at| {
        run.offsets.copies_from(&pair.summary.target_topic, pair.summary.target_partition, at)
    });
    if let (Some(at), None) = (stands, compared) {
        why(&format!(
            "{at} is before the compared range, which starts at {}",
            pair.summary.target_start_offset
        ));
    }
    let tail_unknown = pair.logs.as_ref().err().map(String::as_str).or(pair.unread());
    tail_unknown.iter().for_each(|text| why(text));
    let in_tail = stands.filter(|_| tail_unknown.is_none());
    let (new_copies, target_only) =
        (in_tail.map(|at| pair.tail.copies_from(at)), in_tail.map(|at| pair.tail.target_only_from(at)));
    let remaining = compared.zip(new_copies).zip(target_only).map(|((a, b), c)| a + b + c);
    Ok(PositionProgress {
        target_topic: pair.target.topic.clone(),
        target_partition: pair.target.partition,
        commit_then: then_at,
        commit_now: now_at,
        processed_records: processed,
        remaining_compared: compared,
        remaining_new_copies: new_copies,
        remaining_target_only: target_only,
        movement: movement(then_at, now_at, remaining),
        detail,
    })
}

fn conclude(run: &FinishedRun, groups: Vec<GroupProgress>) -> Progress {
    let mut moving = Answer::Yes;
    let mut reasons = Vec::new();
    for group in &groups {
        for position in &group.positions {
            let PositionProgress { target_topic, target_partition, movement, detail, .. } = position;
            let place = format!("{} on {target_topic}-{target_partition}", group.group);
            let known =
                [position.remaining_compared, position.remaining_new_copies, position.remaining_target_only];
            match movement {
                Movement::StandsStill | Movement::WentBack => {
                    moving = Answer::No;
                    reasons.push(format!("{place}: {}", movement.as_str()));
                }
                Movement::NoCommit => {
                    reasons.push(format!("{place}: it has committed nothing on the target"));
                }
                Movement::Moves | Movement::AtEnd if known.contains(&None) => {
                    reasons.push(format!("{place}: what remains is not known: {detail}"));
                }
                Movement::Moves | Movement::AtEnd => {}
            }
        }
    }
    let unmapped = run.manifest.pairs.len() - run.pairs.len();
    if unmapped > 0 {
        reasons.push(format!(
            "{unmapped} rows of the run have no offset map, their records may change partition or order: not looked at"
        ));
    }
    if groups.is_empty() {
        reasons.push("no group has a position on a compared partition".to_owned());
    }
    if moving == Answer::Yes && !reasons.is_empty() {
        moving = Answer::NotKnown;
    }
    Progress {
        run_id: run.manifest.run_id.clone(),
        target: run.manifest.target.clone(),
        moving,
        exit_code: moving.exit_code(),
        reasons,
        groups,
    }
}
