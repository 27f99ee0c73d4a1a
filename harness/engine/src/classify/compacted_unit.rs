//! The compacted contract where only the order of each key is promised, or none: which unmatched records compaction may
//! explain. Pure; the lanes are read through a trait.
//!
//! Where nothing says between which neighbours a record would have to lie, no free offset is known to be *its* hole. So
//! nothing is proven benign here: what compaction may explain is `compacted_or_dropped`, which is no match. It may explain
//! that one side holds a record of a key and the other lacks it if both hold:
//!
//! 1. **Successor.** One of
//!    - *superseded*: the lacking side holds a last record of the key in one of its lanes, and the holding side has that
//!      record, too: in the same lane at or after the one in question, or in another lane, whose order relative to it is
//!      not known. A last record beyond the barrier counts as well, and one of the source that the target may still get:
//!      it stays pending, and its key open. Where no order is promised, any record of the key does;
//!    - *expired*: the key ends with a tombstone in the lane that holds the record, older at the barrier than the lacking
//!      side's `delete.retention.ms` (or not known to be younger), and a lane of the lacking side ends the key without a
//!      value.
//! 2. **Hole.** The lane of the successor, or one without a record of the key, has a free offset left; each stands for one
//!    record. A lane without free offsets was never compacted: what it lacks was not written there.
//!
//! It follows that, where an order is promised, the last value of a key is equal on both sides, or there is a finding or
//! an open record of that key.
//!
//! Without a key nothing is compacted. Where timestamps are compared exactly, a further or moved copy is one write, resent
//! or moved: a finding. Where they are not, which of equal records alignment names is its choice, and compaction may have
//! taken another one. Two records at the same place with one timestamp are one write, altered: a finding; with two
//! timestamps both must be explained.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;

use crate::align::keyed::{Extent, LaneLog, LaneOutcome};
use crate::align::{Item, LogError, Outcome, Rules};
use crate::fingerprint::TOMBSTONE;
use crate::record::{OffsetRange, Side};

use super::compacted::{Explained, tombstone_explains};
use super::{Cleaning, Standing, UnitReading};

/// What the compacted contract of a unit is judged by.
#[derive(Clone, Copy, Debug)]
pub struct UnitRules<'a> {
    /// When two records are equal.
    pub rules: Rules,
    /// Whether the records of a key have an order.
    pub ordered: bool,
    /// Whether equal records have equal timestamps.
    pub timestamps_exact: bool,
    /// How the logs are cleaned.
    pub cleaning: Cleaning,
    /// First offset that is left, by side and lane.
    pub log_starts: &'a [Vec<i64>; 2],
}

/// Takes from the findings and the pending records of a unit those that compaction may explain. `standings`: parallel to
/// `outcomes`. `log` must reach to the present ends of all lanes.
pub fn judge_compacted_unit(
    outcomes: &[LaneOutcome],
    standings: &mut [Standing],
    reading: &UnitReading,
    rules: &UnitRules<'_>,
    log: &mut dyn LaneLog,
) -> Result<(), LogError> {
    let claims: Vec<(usize, Vec<Claim>)> = outcomes
        .iter()
        .zip(&*standings)
        .enumerate()
        .filter(|(_, (_, standing))| matches!(standing, Standing::Finding(_) | Standing::Pending))
        .filter_map(|(at, (entry, _))| Some((at, claims(entry, rules.timestamps_exact)?)))
        .collect();
    if claims.is_empty() {
        return Ok(());
    }
    let keys: HashSet<NonZeroU64> = claims.iter().flat_map(|(_, claims)| claims).map(|c| c.key).collect();
    let mut seen = Seen::look(&keys, reading, rules, log)?;
    let pending = outcomes.iter().zip(&*standings).filter(|(_, standing)| **standing == Standing::Pending);
    seen.pending =
        pending.filter_map(|(entry, _)| Some((entry.source_lane?, entry.outcome.source()?.offset))).collect();
    // What needs one hole comes before what needs two.
    for wanted in [1, 2] {
        for (at, claims) in claims.iter().filter(|(_, claims)| claims.len() == wanted) {
            let lanes = claims.iter().map(|claim| seen.explaining_lanes(claim, reading, rules));
            let Some(lanes) = lanes.collect::<Option<Vec<Vec<usize>>>>() else { continue };
            if seen.take_holes(claims, &lanes) {
                standings[*at] = Standing::CompactedOrDropped;
                let own = claims.iter().filter(|claim| claim.holding == Side::Source);
                for claim in own {
                    seen.pending.remove(&(claim.lane, claim.offset));
                }
            }
        }
    }
    Ok(())
}

/// Takes back what is found or pending although compaction may explain it by a record that is gone since it was read.
/// `last`: how new such a record can be, in milliseconds. Returns how many outcomes that are.
pub fn withhold_taken(
    outcomes: &[LaneOutcome],
    standings: &mut [Standing],
    reading: &UnitReading,
    timestamps_exact: bool,
    last: i64,
) -> usize {
    let newer = |item: Option<&Item>| item.is_none_or(|item| reading.is_newer(item, last));
    let mut withheld = 0;
    for (entry, standing) in outcomes.iter().zip(standings) {
        let open = matches!(standing, Standing::Finding(_) | Standing::Pending);
        // What explains a record is newer than it.
        let told = newer(entry.outcome.source()) && newer(entry.outcome.target());
        if open && !told && claims(entry, timestamps_exact).is_some() {
            *standing = Standing::Unverifiable;
            withheld += 1;
        }
    }
    withheld
}

/// A record that one side holds and the other lacks.
struct Claim {
    holding: Side,
    lane: usize,
    offset: i64,
    key: NonZeroU64,
}

impl Claim {
    fn lacking(&self) -> Side {
        self.holding.other()
    }
}

/// The records that compaction would have to explain; `None` where it cannot.
fn claims(entry: &LaneOutcome, timestamps_exact: bool) -> Option<Vec<Claim>> {
    let claim = |holding: Side, item: &Item| {
        let lane = match holding {
            Side::Source => entry.source_lane,
            Side::Target => entry.target_lane,
        };
        Some(Claim { holding, lane: lane?, offset: item.offset, key: item.key? })
    };
    match &entry.outcome {
        Outcome::Missing { source } => Some(vec![claim(Side::Source, source)?]),
        Outcome::Extraneous { target } => Some(vec![claim(Side::Target, target)?]),
        Outcome::Duplicate { target, .. } if !timestamps_exact => Some(vec![claim(Side::Target, target)?]),
        Outcome::Reordered { source, target, .. } if !timestamps_exact => {
            Some(vec![claim(Side::Source, source)?, claim(Side::Target, target)?])
        }
        Outcome::Mismatched { source, target } if source.timestamp != target.timestamp => {
            Some(vec![claim(Side::Source, source)?, claim(Side::Target, target)?])
        }
        _ => None,
    }
}

/// Where the last record of a key stands in one lane.
#[derive(Clone, Copy)]
struct Last {
    lane: usize,
    item: Item,
}

/// What the lanes hold of the keys concerned.
#[derive(Default)]
struct Seen {
    /// The last record of each key in each lane, by side.
    last: [HashMap<NonZeroU64, Vec<Last>>; 2],
    /// By side and key: the latest offset in each lane of a record that equals a last record of the other side.
    like_last: [HashMap<(NonZeroU64, usize), HashMap<usize, i64>>; 2],
    /// Free offsets that are left, by side and lane.
    holes: [Vec<i64>; 2],
    /// Source records that may still come to the target, by lane and offset.
    pending: HashSet<(usize, i64)>,
}

impl Seen {
    fn look(
        keys: &HashSet<NonZeroU64>,
        reading: &UnitReading,
        rules: &UnitRules<'_>,
        log: &mut dyn LaneLog,
    ) -> Result<Self, LogError> {
        let mut seen = Self::default();
        for side in Side::BOTH {
            for (lane, &start) in rules.log_starts[side as usize].iter().enumerate() {
                let mut records = 0;
                let mut end = match side {
                    Side::Source => reading.sources[lane].read_to,
                    Side::Target => reading.targets[lane].read_to,
                };
                let last = &mut seen.last[side as usize];
                log.read(side, lane, OffsetRange { start, end: i64::MAX }, Extent::Left, &mut |item| {
                    records += 1;
                    end = end.max(item.offset + 1);
                    let Some(key) = item.key.filter(|key| keys.contains(key)) else { return true };
                    let lasts = last.entry(key).or_default();
                    match lasts.last_mut().filter(|last| last.lane == lane) {
                        Some(last) => last.item = *item,
                        None => lasts.push(Last { lane, item: *item }),
                    }
                    true
                })?;
                seen.holes[side as usize].push(end - start - records);
            }
        }
        if rules.ordered {
            seen.look_for_lasts(rules, log)?;
        }
        Ok(seen)
    }

    fn look_for_lasts(&mut self, rules: &UnitRules<'_>, log: &mut dyn LaneLog) -> Result<(), LogError> {
        let Self { last, like_last, .. } = self;
        for side in Side::BOTH {
            let lasts = &last[side.other() as usize];
            for (lane, &start) in rules.log_starts[side as usize].iter().enumerate() {
                let like_last = &mut like_last[side as usize];
                log.read(side, lane, OffsetRange { start, end: i64::MAX }, Extent::Left, &mut |item| {
                    let Some((key, lasts)) = item.key.and_then(|key| Some((key, lasts.get(&key)?))) else {
                        return true;
                    };
                    for last in lasts {
                        if equal(&rules.rules, side, item, &last.item) {
                            like_last.entry((key, last.lane)).or_default().insert(lane, item.offset);
                        }
                    }
                    true
                })?;
            }
        }
        Ok(())
    }

    /// The lanes of the lacking side that may have lost the record; `None` where nothing explains its absence.
    fn explaining_lanes(
        &self,
        claim: &Claim,
        reading: &UnitReading,
        rules: &UnitRules<'_>,
    ) -> Option<Vec<usize>> {
        let lacking = claim.lacking() as usize;
        let lasts = self.last[lacking].get(&claim.key).map_or(&[][..], Vec::as_slice);
        let superseding =
            lasts.iter().filter(|last| !rules.ordered || self.supersedes(claim, last, reading, rules));
        let superseding: Vec<usize> = superseding.map(|last| last.lane).collect();
        if !superseding.is_empty() {
            return Some(superseding.into_iter().chain(self.lanes_without(lacking, lasts)).collect());
        }
        let own = self.last[claim.holding as usize].get(&claim.key)?;
        let own = own.iter().find(|last| last.lane == claim.lane && last.item.value == TOMBSTONE)?;
        let explained = tombstone_explains(claim.holding, own.item.timestamp, &rules.cleaning);
        let values: Vec<Last> = lasts.iter().filter(|last| last.item.value != TOMBSTONE).copied().collect();
        let lanes: Vec<usize> = self.lanes_without(lacking, &values).collect();
        (explained != Explained::Not && !lanes.is_empty()).then_some(lanes)
    }

    fn lanes_without(&self, side: usize, lasts: &[Last]) -> impl Iterator<Item = usize> {
        (0..self.holes[side].len()).filter(|lane| lasts.iter().all(|last| last.lane != *lane))
    }

    fn supersedes(&self, claim: &Claim, last: &Last, reading: &UnitReading, rules: &UnitRules<'_>) -> bool {
        let beyond = match claim.lacking() {
            Side::Source => last.item.offset >= reading.sources[last.lane].end,
            Side::Target => reading.live() && last.item.offset >= reading.targets[last.lane].cut,
        };
        let still_to_come =
            claim.lacking() == Side::Source && self.pending.contains(&(last.lane, last.item.offset));
        // Another lane may have held it, until it had its time.
        let gone = self.holes[claim.holding as usize].len() > 1
            && last.item.value == TOMBSTONE
            && tombstone_explains(claim.lacking(), last.item.timestamp, &rules.cleaning) != Explained::Not;
        let like_last = &self.like_last[claim.holding as usize];
        beyond
            || still_to_come
            || gone
            || like_last.get(&(claim.key, last.lane)).is_some_and(|lanes| {
                lanes.iter().any(|(&lane, &offset)| lane != claim.lane || offset >= claim.offset)
            })
    }

    /// Takes one hole for each claim from one of its lanes, or none at all.
    fn take_holes(&mut self, claims: &[Claim], lanes: &[Vec<usize>]) -> bool {
        let mut taken = Vec::new();
        for (claim, lanes) in claims.iter().zip(lanes) {
            let holes = &self.holes[claim.lacking() as usize];
            match lanes.iter().find(|&&lane| holes[lane] > 0) {
                Some(&lane) => taken.push((claim.lacking() as usize, lane)),
                None => return false,
            }
        }
        // The two claims of an outcome lack on different sides.
        taken.into_iter().for_each(|(side, lane)| self.holes[side][lane] -= 1);
        true
    }
}

fn equal(rules: &Rules, side: Side, item: &Item, last_of_other: &Item) -> bool {
    match side {
        Side::Source => rules.matches(item, last_of_other),
        Side::Target => rules.matches(last_of_other, item),
    }
}
