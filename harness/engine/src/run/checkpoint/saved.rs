//! What a checkpoint holds, as types that are written and read: mirrors of the engine's own, field by field.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;

use cutproof_reports::{Origin, OtherPosition, PositionState};
use serde::{Deserialize, Serialize, Serializer};

use super::SoFar;
use super::saved_units::{SavedUnit, SavedUnitPosition};
use crate::align::{Item, Region, Run, Runs, Snapshot};
use crate::config::ProofConfig;
use crate::consume::Hole;
use crate::ledger::Intake;
use crate::positions::{GroupPlan, GroupPosition, Ignored, PairPlan, Plan};
use crate::record::{OffsetRange, TopicPartition};
use crate::run::same::TopicIds;

/// Read first, and by every version: whose checkpoint it is.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Header {
    /// Cutproof's version and that of this format.
    pub version: String,
    pub config_digest: String,
    /// Source, target.
    pub cluster_ids: [String; 2],
}

/// What stays as it is while records are read.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SavedRun {
    /// Nanoseconds since the epoch.
    pub started_at: i128,
    pub topic_ids: TopicIds,
    pub located: bool,
    /// Why a pair (by index) was not located.
    pub not_located: BTreeMap<usize, String>,
    /// What could not be read while the pairs were located: source, target.
    holes: [Vec<SavedHoles>; 2],
    pairs: Vec<SavedPairPlan>,
    groups: Vec<(String, Vec<SavedPosition>, Vec<SavedUnitPosition>)>,
    /// Read from their start again: only what was planned is saved.
    units: Vec<SavedUnit>,
    /// Name, reason.
    ignored: Vec<(String, String)>,
    remarks: Vec<String>,
    records_read_to_locate: u64,
    members_unknown: usize,
}

/// A pair's plan without its contract, which the configuration gives.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct SavedPairPlan {
    source: (String, i32),
    target: (String, i32),
    source_start: i64,
    source_end: i64,
    source_log_start: i64,
    target_log_start: i64,
    target_end: i64,
    start_reason: String,
    target_hint: Option<i64>,
    target_start: Option<i64>,
    lead_in_from: Option<i64>,
    records_read_to_locate: u64,
}

/// Topic, partition; of each hole start, end, detail.
type SavedHoles = ((String, i32), Vec<SavedHole>);

/// Start, end, detail.
type SavedHole = (i64, i64, String);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct SavedPosition {
    pair: usize,
    committed: Option<i64>,
    resume: Option<i64>,
    origin: Origin,
    also: Vec<OtherPosition>,
    state: PositionState,
    detail: String,
    records_read_to_locate: u64,
}

impl SavedRun {
    pub fn of(so_far: &SoFar) -> Self {
        let SoFar { started_at, plan, topic_ids, located, not_located, holes, pairs: _ } = so_far;
        // The header has the cluster ids.
        let Plan {
            source_cluster_id: _,
            target_cluster_id: _,
            pairs,
            units,
            groups,
            members_unknown,
            ignored,
            remarks,
            records_read_to_locate,
        } = plan;
        let position = |position: &GroupPosition| {
            let GroupPosition {
                pair,
                committed,
                resume,
                origin,
                also,
                state,
                detail,
                records_read_to_locate,
            } = position.clone();
            SavedPosition { pair, committed, resume, origin, also, state, detail, records_read_to_locate }
        };
        let group = |GroupPlan { group, positions, units }: &GroupPlan| {
            let units = units.iter().map(SavedUnitPosition::of).collect();
            (group.clone(), positions.iter().map(position).collect(), units)
        };
        let name = |Ignored { name, reason }: &Ignored| (name.clone(), reason.clone());
        let of_partition = |(partition, holes): &(TopicPartition, Vec<Hole>)| -> SavedHoles {
            ((partition.topic.clone(), partition.partition), holes.iter().map(saved_hole).collect())
        };
        Self {
            started_at: started_at.unix_timestamp_nanos(),
            topic_ids: topic_ids.clone(),
            located: *located,
            not_located: not_located.clone(),
            holes: holes.each_ref().map(|side| side.iter().map(of_partition).collect()),
            pairs: pairs.iter().map(SavedPairPlan::of).collect(),
            units: units.iter().map(SavedUnit::of).collect(),
            groups: groups.iter().map(group).collect(),
            ignored: ignored.iter().map(name).collect(),
            remarks: remarks.clone(),
            records_read_to_locate: *records_read_to_locate,
            members_unknown: *members_unknown,
        }
    }

    /// What could not be read while the pairs were located: source, target.
    pub fn holes(&self) -> [Vec<(TopicPartition, Vec<Hole>)>; 2] {
        let of_partition = |((topic, partition), holes): &SavedHoles| -> (TopicPartition, Vec<Hole>) {
            (TopicPartition::new(topic.clone(), *partition), holes.iter().cloned().map(hole).collect())
        };
        self.holes.each_ref().map(|side| side.iter().map(of_partition).collect())
    }

    pub fn plan(self, cluster_ids: [String; 2], config: &ProofConfig) -> Plan {
        let [source_cluster_id, target_cluster_id] = cluster_ids;
        let position = |saved: SavedPosition| {
            let SavedPosition {
                pair,
                committed,
                resume,
                origin,
                also,
                state,
                detail,
                records_read_to_locate,
            } = saved;
            GroupPosition { pair, committed, resume, origin, also, state, detail, records_read_to_locate }
        };
        let group =
            |(group, positions, units): (String, Vec<SavedPosition>, Vec<SavedUnitPosition>)| GroupPlan {
                group,
                positions: positions.into_iter().map(position).collect(),
                units: units.into_iter().map(SavedUnitPosition::position).collect(),
            };
        Plan {
            source_cluster_id,
            target_cluster_id,
            pairs: self.pairs.into_iter().map(|pair| pair.plan(config)).collect(),
            units: self.units.into_iter().map(|unit| unit.plan(config)).collect(),
            groups: self.groups.into_iter().map(group).collect(),
            members_unknown: self.members_unknown,
            ignored: self.ignored.into_iter().map(|(name, reason)| Ignored { name, reason }).collect(),
            remarks: self.remarks,
            records_read_to_locate: self.records_read_to_locate,
        }
    }
}

impl SavedPairPlan {
    fn of(pair: &PairPlan) -> Self {
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
            records_read_to_locate,
        } = pair.clone();
        Self {
            source: (source.topic, source.partition),
            target: (target.topic, target.partition),
            source_start,
            source_end,
            source_log_start,
            target_log_start,
            target_end,
            start_reason,
            target_hint,
            target_start,
            lead_in_from,
            records_read_to_locate,
        }
    }

    fn plan(self, config: &ProofConfig) -> PairPlan {
        PairPlan {
            contract: config.contract_for(&self.source.0),
            source: TopicPartition::new(self.source.0, self.source.1),
            target: TopicPartition::new(self.target.0, self.target.1),
            source_start: self.source_start,
            source_end: self.source_end,
            source_log_start: self.source_log_start,
            target_log_start: self.target_log_start,
            target_end: self.target_end,
            start_reason: self.start_reason,
            target_hint: self.target_hint,
            target_start: self.target_start,
            lead_in_from: self.lead_in_from,
            records_read_to_locate: self.records_read_to_locate,
        }
    }
}

/// How far one pair has come: all that alignment has consumed. Written from borrowed parts, read into owned ones.
#[derive(Serialize)]
pub(super) struct PairToSave<'a> {
    facts: SavedFacts,
    runs: RunsToSave<'a>,
    regions: RegionsToSave<'a>,
}

#[derive(Serialize, Deserialize)]
struct SavedFacts {
    /// Nanoseconds since the epoch.
    source_ends_at: i128,
    source_barrier: i64,
    first_target_end: i64,
    /// Records and sum of what was consumed: source, target.
    intake: [(u64, u128); 2],
    schema_ids: BTreeSet<u32>,
    next_offset: [i64; 2],
    /// By side.
    holes: [Vec<SavedHole>; 2],
}

#[derive(Deserialize)]
pub(super) struct SavedPair {
    facts: SavedFacts,
    runs: Vec<(i64, i64, u64)>,
    regions: Vec<SavedRegion>,
}

/// Ranges, left-over records by side, sightings, watched up to, solved.
type SavedRegion = ([(i64, i64); 2], [Vec<SavedItem>; 2], [Option<i64>; 2], [i64; 2], bool);

/// Identity, offset, timestamp, key, value.
type SavedItem = (u128, i64, i64, Option<NonZeroU64>, u64);

/// One pair between the run and its checkpoint.
pub(in crate::run) struct PairSoFar<'a> {
    /// When the source's end was asked for.
    pub source_ends_at: time::OffsetDateTime,
    /// The source's end at that time.
    pub source_barrier: i64,
    /// The target's end, asked for after it.
    pub first_target_end: i64,
    /// Of what was consumed: source, target.
    pub intake: [Intake; 2],
    /// Of the source's values.
    pub schema_ids: BTreeSet<u32>,
    /// What could not be read on each side, below what was consumed.
    pub holes: [Vec<Hole>; 2],
    /// What alignment has consumed.
    pub snapshot: Snapshot<'a>,
}

struct RunsToSave<'a>(&'a [Run]);
struct RegionsToSave<'a>(&'a [Region]);
struct ItemsToSave<'a>(&'a [Item]);

impl Serialize for RunsToSave<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|run| (run.source_offset, run.target_offset, run.count)))
    }
}

impl Serialize for RegionsToSave<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|region| {
            let Region { range, left_over: [source, target], sighted, watched_to, solved } = region;
            let range = range.map(|OffsetRange { start, end }| (start, end));
            (range, [ItemsToSave(source), ItemsToSave(target)], sighted, watched_to, solved)
        }))
    }
}

impl Serialize for ItemsToSave<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(|item| -> SavedItem {
            let Item { identity, offset, timestamp, key, value } = *item;
            (identity, offset, timestamp, key, value)
        }))
    }
}

impl<'a> PairToSave<'a> {
    pub fn of(pair: &'a PairSoFar<'a>) -> Self {
        let PairSoFar {
            source_ends_at,
            source_barrier,
            first_target_end,
            intake,
            schema_ids,
            holes,
            snapshot,
        } = pair;
        let Snapshot { next_offset, runs, regions } = snapshot;
        Self {
            facts: SavedFacts {
                source_ends_at: source_ends_at.unix_timestamp_nanos(),
                source_barrier: *source_barrier,
                first_target_end: *first_target_end,
                intake: intake.map(|Intake { records, sum }| (records, sum)),
                schema_ids: schema_ids.clone(),
                next_offset: *next_offset,
                holes: holes.each_ref().map(|holes| holes.iter().map(saved_hole).collect()),
            },
            runs: RunsToSave(runs.as_slice()),
            regions: RegionsToSave(regions),
        }
    }
}

impl SavedPair {
    /// An error where the runs are none that were ever matched: their numbers leave the range of offsets.
    pub fn pair(self) -> Result<PairSoFar<'static>, postcard::Error> {
        let Self { facts, runs, regions } = self;
        if !in_range(&runs) {
            return Err(postcard::Error::SerdeDeCustom);
        }
        let SavedFacts {
            source_ends_at,
            source_barrier,
            first_target_end,
            intake,
            schema_ids,
            next_offset,
            holes,
        } = facts;
        let item = |(identity, offset, timestamp, key, value): SavedItem| Item {
            identity,
            offset,
            timestamp,
            key,
            value,
        };
        let region = |(range, left_over, sighted, watched_to, solved): SavedRegion| Region {
            range: range.map(|(start, end)| OffsetRange { start, end }),
            left_over: left_over.map(|items| items.into_iter().map(item).collect()),
            sighted,
            watched_to,
            solved,
        };
        Ok(PairSoFar {
            source_ends_at: instant(source_ends_at),
            source_barrier,
            first_target_end,
            intake: intake.map(|(records, sum)| Intake { records, sum }),
            schema_ids,
            holes: holes.map(|holes| holes.into_iter().map(hole).collect()),
            snapshot: Snapshot {
                next_offset,
                runs: Cow::Owned(Runs::from_spans(runs)),
                regions: Cow::Owned(regions.into_iter().map(region).collect()),
            },
        })
    }
}

fn saved_hole(Hole { range, detail }: &Hole) -> SavedHole {
    (range.start, range.end, detail.clone())
}

fn hole((start, end, detail): SavedHole) -> Hole {
    Hole { range: OffsetRange { start, end }, detail }
}

/// Whether every run, and all of them together, end at numbers that offsets can have.
fn in_range(runs: &[(i64, i64, u64)]) -> bool {
    let mut all = 0_i64;
    runs.iter().all(|&(source, target, count)| {
        let Ok(count) = i64::try_from(count) else { return false };
        let sum = all.checked_add(count);
        all = sum.unwrap_or(i64::MAX);
        sum.is_some() && source.checked_add(count).is_some() && target.checked_add(count).is_some()
    })
}

/// Nanoseconds since the epoch as a time. What was written from a time is one.
pub(super) fn instant(nanos: i128) -> time::OffsetDateTime {
    time::OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(time::OffsetDateTime::UNIX_EPOCH)
}
