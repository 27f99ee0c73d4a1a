//! Positions that only records can give: by the header that carries the source offset, and by timestamp. Reads single
//! records of the topics that are compared, around the commits; judges nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Origin;
use super::super::header::{self, Marked, MarkedLog, Paired, SOURCE_OFFSET_HEADER};
use super::super::locate::LogBounds;
use super::PlanError;
use super::sharing::SharedReader;
use super::times::Times;
use super::types::{PairPlan, TargetLane, UnitPlan};
use super::view::{ClusterView, Glimpse};
use crate::record::{Isolation, OffsetRange, TimestampType, TopicPartition};

/// Commits nearer than this to each other are looked up with the same reads.
const NEAR: i64 = 256;
/// Records that are read ahead for them at most.
const AHEAD_MAX: i64 = 2048;

/// What a look-up gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A position and how it came about.
    At { offset: i64, why: String },
    /// None, and why.
    Nothing { why: String },
}

/// By index of the pair and commit on the source: what came of it, and how many records were read for it.
type ByCommit<T> = BTreeMap<(usize, i64), (T, u64)>;

/// What was found for each commit.
pub(super) type LookUps = ByCommit<Found>;

/// Looks up each commit by `origin`: the header or the timestamp.
pub(super) fn look_up(
    origin: Origin,
    (source, target): (&dyn ClusterView, &dyn ClusterView),
    pairs: &[PairPlan],
    commits: &BTreeSet<(usize, i64)>,
) -> Result<LookUps, PlanError> {
    let mut out = LookUps::new();
    for isolation in [Isolation::ReadCommitted, Isolation::ReadUncommitted] {
        let here = commits.iter().filter(|(at, _)| pairs[*at].contract.isolation == isolation);
        let here: Vec<(usize, i64)> = here.copied().collect();
        if here.is_empty() {
            continue;
        }
        let mut reader = SharedReader::new(source.reader(isolation)?);
        let firsts = each_near(&here, &mut reader, |reader, at, commit| {
            let pair = &pairs[at];
            let range = OffsetRange { start: commit.max(pair.source_log_start), end: pair.source_end };
            Ok(reader.read(&pair.source, range, 1)?.into_iter().next())
        })?;
        let records = firsts.iter().filter_map(|((at, _), (first, _))| Some((*at, (*first)?.timestamp)));
        let times = Times::ask(target, pairs, records)?;
        let mut on_target = SharedReader::new(target.reader(isolation)?);
        let found = each_near(&here, &mut on_target, |on_target, at, commit| {
            let (next, before) = (firsts[&(at, commit)].0, reader.records_read);
            let readers = (&mut reader, on_target);
            let mut one = LookUp { target, at, pair: &pairs[at], next, times: &times, readers };
            let found = match origin {
                Origin::Header => one.by_header(commit)?,
                _ => one.by_timestamp()?,
            };
            Ok((found, reader.records_read - before))
        })?;
        for (key, ((found, further), on_target)) in found {
            let (_, first) = firsts[&key];
            out.insert(key, (found, first + further + on_target));
        }
    }
    Ok(out)
}

/// Does something for each commit, with as much read ahead as those near it will ask for. Gives what it gave, and how
/// many records the reader read for it.
fn each_near<'c, T>(
    commits: &[(usize, i64)],
    reader: &mut SharedReader<'c>,
    mut each: impl FnMut(&mut SharedReader<'c>, usize, i64) -> Result<T, PlanError>,
) -> Result<ByCommit<T>, PlanError> {
    let mut out = BTreeMap::new();
    for near in commits.chunk_by(|a, b| a.0 == b.0 && b.1.saturating_sub(a.1) < NEAR) {
        let last = near.last().map_or(0, |last| last.1);
        for &(at, commit) in near {
            let ahead = last.saturating_sub(commit).min(AHEAD_MAX);
            reader.ahead = usize::try_from(ahead).unwrap_or(0);
            let before = reader.records_read;
            let done = each(reader, at, commit)?;
            out.insert((at, commit), (done, reader.records_read - before));
        }
    }
    Ok(out)
}

/// By timestamp, for each target partition of a unit: the first record at or after the earliest of the records that the
/// group would read next on its source partitions, since any of them may be anywhere.
pub(super) fn unit_by_timestamp(
    source: &mut SharedReader<'_>,
    target: &dyn ClusterView,
    unit: &UnitPlan,
    committed: &[Option<i64>],
) -> Result<Vec<Found>, PlanError> {
    let mut next: Option<(i64, String)> = None;
    for (lane, commit) in unit.sources.iter().zip(committed) {
        let Some(commit) = *commit else { continue };
        let range = OffsetRange { start: commit.max(lane.log_start), end: lane.end };
        for record in source.read(&lane.partition, range, 1)? {
            let name = format!("source record {} of {}", record.offset, lane.partition);
            next = [next, Some((record.timestamp, name))].into_iter().flatten().min();
        }
    }
    let all = |found: &dyn Fn(&TargetLane) -> Found| Ok(unit.targets.iter().map(found).collect());
    let Some((timestamp, name)) = next else {
        let why = "by timestamp: nothing is left to read on the source, so the target's log end";
        return all(&|lane| Found::At { offset: lane.end, why: why.to_owned() });
    };
    if timestamp < 0 {
        return all(&|_| Found::Nothing { why: format!("{name} has no timestamp to look up") });
    }
    let partitions: Vec<TopicPartition> = unit.targets.iter().map(|lane| lane.partition.clone()).collect();
    let found = target.offsets_at(&partitions, timestamp)?;
    let holds_records = unit.targets.iter().any(|lane| lane.log_start < lane.end);
    if holds_records
        && found.iter().all(Option::is_none)
        && target.offsets_at(&partitions, 0)?.iter().all(Option::is_none)
    {
        let why = format!("the brokers of target \"{}\" look up no timestamps", target.alias());
        return all(&|_| Found::Nothing { why: why.clone() });
    }
    let when = format!("{timestamp} ms, the timestamp of {name}, the earliest that it would read next");
    let of = |(lane, found): (&TargetLane, Option<i64>)| match found {
        Some(offset) => Found::At {
            offset,
            why: format!(
                "by timestamp: the first target record at or after {when}; records with equal timestamps, or out of \
                 order, are not told apart"
            ),
        },
        None => Found::At {
            offset: lane.end,
            why: format!("by timestamp: no target record is at or after {when}: the target's log end"),
        },
    };
    Ok(unit.targets.iter().zip(found).map(of).collect())
}

struct LookUp<'a, 'c> {
    target: &'a dyn ClusterView,
    /// The pair's index.
    at: usize,
    pair: &'a PairPlan,
    /// The first record on the source that the group has not read.
    next: Option<Glimpse>,
    times: &'a Times,
    readers: (&'a mut SharedReader<'c>, &'a mut SharedReader<'c>),
}

impl LookUp<'_, '_> {
    fn by_header(&mut self, commit: i64) -> Result<Found, PlanError> {
        if let Some(record) = self.next {
            let found = self.pair_up(&record)?;
            return Ok(match found {
                Paired::At { first, last, copies } => {
                    let others = match copies {
                        1 => String::new(),
                        _ => format!("; {copies} copies stand from there to {last}, the first is taken"),
                    };
                    let why = format!(
                        "paired with source record {} by the header {SOURCE_OFFSET_HEADER}{others}",
                        record.offset
                    );
                    Found::At { offset: first, why }
                }
                Paired::Absent { why } => Found::Nothing {
                    why: format!("no copy of source record {} was found by its header: {why}", record.offset),
                },
            });
        }
        let Some(record) = self.last_before(commit)? else {
            return Ok(Found::Nothing { why: "the source partition holds no record to pair".to_owned() });
        };
        Ok(match self.pair_up(&record)? {
            Paired::At { last, .. } => Found::At {
                offset: last.saturating_add(1),
                why: format!(
                    "the place after the copy of source record {}, the last one, by the header \
                     {SOURCE_OFFSET_HEADER}",
                    record.offset
                ),
            },
            Paired::Absent { why } => Found::Nothing {
                why: format!(
                    "no copy of source record {}, the last one, was found by its header: {why}",
                    record.offset
                ),
            },
        })
    }

    fn by_timestamp(&mut self) -> Result<Found, PlanError> {
        let end = self.pair.target_end;
        let Some(record) = self.next else {
            let why =
                "by timestamp: nothing is left to read on the source, so the target's log end".to_owned();
            return Ok(Found::At { offset: end, why });
        };
        if record.timestamp < 0 {
            let why = format!("source record {} has no timestamp to look up", record.offset);
            return Ok(Found::Nothing { why });
        }
        let when = format!("{} ms, the timestamp of source record {}", record.timestamp, record.offset);
        let partition = std::slice::from_ref(&self.pair.target);
        let found = self.times.first_at(self.target, (self.at, self.pair), record.timestamp)?;
        if let Some(offset) = found {
            let there = self.readers.1.read(&self.pair.target, OffsetRange { start: offset, end }, 1)?;
            let own = there.first().is_some_and(|r| r.timestamp_type == TimestampType::LogAppendTime);
            let weakness = match own {
                true => {
                    "the target sets its own timestamps, so this is when the copy arrived, not which record it is"
                }
                false => "records with equal timestamps, or out of order, are not told apart",
            };
            let why = format!("by timestamp: the first target record at or after {when}; {weakness}");
            return Ok(Found::At { offset, why });
        }
        let is_empty = self.pair.target_log_start >= end;
        let answers =
            is_empty || self.target.offsets_at(partition, 0)?.into_iter().flatten().next().is_some();
        Ok(match answers {
            true => Found::At {
                offset: end,
                why: format!("by timestamp: no target record is at or after {when}: the target's log end"),
            },
            false => Found::Nothing {
                why: format!("the brokers of target \"{}\" look up no timestamps", self.target.alias()),
            },
        })
    }

    fn last_before(&mut self, commit: i64) -> Result<Option<Glimpse>, PlanError> {
        let start = self.pair.source_log_start;
        let mut end = commit.min(self.pair.source_end);
        let mut back = 64;
        while end > start {
            let from = end.saturating_sub(back).max(start);
            let seen =
                self.readers.0.read(&self.pair.source, OffsetRange { start: from, end }, usize::MAX)?;
            if let Some(last) = seen.into_iter().last() {
                return Ok(Some(last));
            }
            (end, back) = (from, back.saturating_mul(8));
        }
        Ok(None)
    }

    fn pair_up(&mut self, record: &Glimpse) -> Result<Paired, PlanError> {
        let mut log = TargetLog {
            cluster: self.target,
            reader: self.readers.1,
            at: self.at,
            pair: self.pair,
            times: self.times,
        };
        header::pair_by_header(&mut log, record.offset, record.timestamp)
    }
}

struct TargetLog<'a, 'c> {
    cluster: &'a dyn ClusterView,
    reader: &'a mut SharedReader<'c>,
    at: usize,
    pair: &'a PairPlan,
    times: &'a Times,
}

impl MarkedLog for TargetLog<'_, '_> {
    type Error = PlanError;

    fn bounds(&mut self) -> Result<LogBounds, PlanError> {
        Ok(LogBounds { start: self.pair.target_log_start, end: self.pair.target_end })
    }

    fn offset_at_or_after(&mut self, timestamp_ms: i64) -> Result<Option<i64>, PlanError> {
        self.times.first_at(self.cluster, (self.at, self.pair), timestamp_ms)
    }

    fn read(&mut self, from_offset: i64, max_records: usize) -> Result<Vec<Marked>, PlanError> {
        let range = OffsetRange { start: from_offset, end: self.pair.target_end };
        let records = self.reader.read(&self.pair.target, range, max_records)?;
        Ok(records
            .into_iter()
            .map(|Glimpse { offset, source_offset, .. }| Marked { offset, source_offset })
            .collect())
    }
}
