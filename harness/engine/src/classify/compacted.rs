//! The compacted contract: which unmatched records compaction explains. Pure; the two logs are read through a trait.
//!
//! The cleaner of either side may have removed any record of which a later one of its key stands behind it, and tombstones
//! that are old enough; nothing is assumed about the order in which it does so (brokers differ). A record that one side
//! holds and the other lacks is therefore **no finding** only with two pieces of evidence from the side that lacks it:
//!
//! 1. **Hole.** Between the neighbours that matched in order, offsets are free. Neighbouring offsets without a gap prove
//!    that it was never written there. Each hole stands for one record; the records in excess of the holes are findings.
//!    A hole alone proves nothing: markers and aborted records leave holes too.
//! 2. **Successor.** One of
//!    - *superseded*: the lacking side holds a later record of the key, after the gap; after the last match, the source one
//!      from behind the barrier;
//!    - *expired*: the last record of the key on the holding side is a tombstone, older at the barrier than the lacking
//!      side's `delete.retention.ms`, and the lacking side holds no value of the key. Without a timestamp or that setting it
//!      cannot be told: `compacted_or_dropped`. So too where the target's timestamps are its own.
//!
//! It follows that the last value of every key is equal on both sides, or there is a finding (or an open record) of that
//! key; [`judge_compacted`] checks this at its end by itself.
//!
//! - Without a key nothing is compacted: always a finding.
//! - **The same timestamp on both sides tells one write from two.** A duplicate, reordered or mismatched record with the
//!   timestamp of its counterpart was resent, moved or altered: it stays a finding. With two timestamps it is two writes,
//!   and no finding where compaction explains each. Where the target's timestamps are its own, nothing tells one from two:
//!   `compacted_or_dropped` at best.
//! - A pending record that is explained counts as compacted; else it stays pending.
//! - Where identities repeat, compaction leaves the later copy, but alignment matches the first: matches first *slide* to
//!   the latest equal left-over record of the gap behind them, from the back to the front. A further or moved copy with a
//!   timestamp of its own that is still not explained may be so by another matching: as long as its key has the same last
//!   value on both sides, it cannot be told, `compacted_or_dropped`.
//! - Behind the last match a target that lags may hold older values of a key whose next record it has not got yet: they
//!   stand beside it, and are no altered copies of it. `lagging` takes them apart; that record stays pending.
//! - What retention has deleted since the plan tells nothing: a record whose place cannot be read again is unverifiable, and
//!   where the beginning of a log is gone, no tombstone proves that it held no older value.

mod lagging;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroU64;

use crate::align::{Counted, Item, Log, LogError, Outcome, Rules};
use crate::fingerprint::TOMBSTONE;
use crate::record::{OffsetRange, Side};

use super::{Classified, Standing};

/// A match slides at most over so many earlier matches.
pub const SLIDES: u64 = 64;

/// What is known of how the two logs are cleaned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleaning {
    /// `delete.retention.ms`: source, target; `None` where it could not be read.
    pub delete_retention_ms: [Option<i64>; 2],
    /// When the target's ends were read, milliseconds since the epoch.
    pub barrier_ms: i64,
    /// Whether the target keeps the source's timestamps, so that a target record's age is its source record's.
    pub timestamps_kept: bool,
}

/// The first offsets of the two logs: source, target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogStarts {
    /// When the run was planned.
    pub planned: [i64; 2],
    /// That are left now.
    pub now: [i64; 2],
}

/// Takes from the findings and the pending records of one pair those that compaction explains. `log` must reach from the
/// present log `starts` to the present ends of both logs: what was cleaned while they were read is explained by what was
/// written meanwhile.
pub fn judge_compacted(
    pair: &mut Classified,
    rules: &Rules,
    cleaning: &Cleaning,
    starts: LogStarts,
    log: &mut dyn Log,
) -> Result<(), LogError> {
    let mut gaps = Gaps::of(pair);
    let mut claims = claims(pair, &gaps);
    withhold_deleted(pair, &gaps, &mut claims, starts.now);
    if claims.is_empty() {
        return Ok(());
    }
    let mut seen = Seen::look(pair, &gaps, &claims, rules, log)?;
    gaps.slide(&seen.near, &seen.stamps);
    claims.retain(|claim| !one_write(pair, claim.outcome, &gaps, &seen.stamps));
    seen.look_at_history(pair, &gaps, &claims, starts, log)?;
    let mut holes = Holes::default();
    let mut cut_short = [false; 2];
    for side in Side::BOTH {
        let n = side as usize;
        let wanted = claims.iter().filter(|claim| gaps.at(claim).0 == 0 && claim.lacking() == side).count();
        let from = (pair.reading.start[n] - wanted as i64).max(0);
        cut_short[n] = from < starts.now[n];
        holes.before_start[n] = before_start(pair, side, from.max(starts.now[n]), log)?;
    }

    let explained: Vec<Explained> = claims
        .iter()
        .map(|claim| {
            let explained = seen.explain(pair, &gaps, claim, cleaning);
            match cleaning.timestamps_kept || !has_counterpart(&pair.alignment.outcomes[claim.outcome]) {
                true => explained,
                // Nothing tells whether it is one write or two.
                false => explained.max(Explained::CannotTell),
            }
        })
        .collect();
    let before = pair.standings.clone();
    for paired in [false, true] {
        for certain in [true, false] {
            let mut order: Vec<usize> = (0..claims.len()).filter(|&n| claims[n].paired == paired).collect();
            order.sort_by_key(|&n| (claims[n].outcome, claims[n].side as usize));
            for claims_of_one in order.chunk_by(|&a, &b| claims[a].outcome == claims[b].outcome) {
                let worst = claims_of_one.iter().map(|&n| explained[n]).max().unwrap_or(Explained::Not);
                if worst == Explained::Not || (worst == Explained::Yes) != certain {
                    continue;
                }
                let place = |&n: &usize| {
                    let side = claims[n].lacking();
                    let mut places = gaps.places(&claims[n]);
                    places.find(|&gap| holes.left(pair, &gaps, side, gap) > 0).map(|gap| (side, gap))
                };
                if let Some(places) = claims_of_one.iter().map(place).collect::<Option<Vec<_>>>() {
                    places.into_iter().for_each(|place| *holes.used.entry(place).or_default() += 1);
                    pair.standings[claims[claims_of_one[0]].outcome] =
                        if certain { Standing::Compacted } else { Standing::CompactedOrDropped };
                }
            }
        }
    }
    for claim in &claims {
        let open = matches!(pair.standings[claim.outcome], Standing::Finding(_));
        let equal = matches!(
            pair.alignment.outcomes[claim.outcome],
            Outcome::Duplicate { .. } | Outcome::Reordered { .. }
        );
        if open && equal && seen.ends_alike(claim.key, rules) {
            pair.standings[claim.outcome] = Standing::CompactedOrDropped;
        }
    }
    take_back_unequal_keys(pair, &gaps, &claims, &seen, rules, &before);
    let unexplained: HashSet<usize> = claims
        .iter()
        .zip(&explained)
        .filter(|(_, explained)| **explained == Explained::Not)
        .map(|(claim, _)| claim.outcome)
        .collect();
    // Its place may lie before what is left.
    for claim in claims.iter().filter(|claim| gaps.at(claim).0 == 0 && cut_short[claim.lacking() as usize]) {
        let open = matches!(pair.standings[claim.outcome], Standing::Finding(_) | Standing::Pending);
        if open && !unexplained.contains(&claim.outcome) {
            pair.standings[claim.outcome] = Standing::CompactedOrDropped;
        }
    }
    lagging::take_apart(pair, &gaps, &holes);
    Ok(())
}

/// Takes out the claims that cannot be judged any more: their gap, or the matches that may slide over it, cannot be read
/// again.
fn withhold_deleted(pair: &mut Classified, gaps: &Gaps, claims: &mut Vec<Claim>, left_from: [i64; 2]) {
    let needs_deleted = |claim: &&Claim| {
        let rank = gaps.at(claim).0.checked_sub(SLIDES);
        Side::BOTH.into_iter().any(|side| {
            let first = rank.and_then(|rank| gaps.pair(pair, side, rank));
            first.unwrap_or(pair.reading.start[side as usize]) < left_from[side as usize]
        })
    };
    let gone: HashSet<usize> = claims.iter().filter(needs_deleted).map(|claim| claim.outcome).collect();
    claims.retain(|claim| !gone.contains(&claim.outcome));
    for outcome in gone {
        pair.standings[outcome] = Standing::Unverifiable;
    }
}

/// A record that one side holds and the other lacks, and that compaction may explain.
struct Claim {
    outcome: usize,
    /// The side that holds it.
    side: Side,
    /// Index into that side's left-over records.
    left: usize,
    key: NonZeroU64,
    /// One of two records of its outcome: both must be explained.
    paired: bool,
}

impl Claim {
    fn lacking(&self) -> Side {
        self.side.other()
    }
}

fn claims(pair: &Classified, gaps: &Gaps) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (at, (outcome, standing)) in pair.alignment.outcomes.iter().zip(&pair.standings).enumerate() {
        let sides: &[Side] = match outcome {
            _ if !matches!(standing, Standing::Finding(_) | Standing::Pending) => &[],
            Outcome::Missing { .. } => &[Side::Source],
            Outcome::Extraneous { .. } | Outcome::Duplicate { .. } => &[Side::Target],
            Outcome::Reordered { .. } | Outcome::Mismatched { .. } => &Side::BOTH,
            Outcome::Unsolved { .. } => &[],
        };
        for &side in sides {
            let Some(left) = gaps.left_of[side as usize].get(&at).copied() else { continue };
            let Some(key) = gaps.left[side as usize][left].item.key else { continue };
            claims.push(Claim { outcome: at, side, left, key, paired: sides.len() == 2 });
        }
    }
    claims
}

/// Whether alignment names a record of the other side that this one may be a copy of.
fn has_counterpart(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Duplicate { .. } | Outcome::Reordered { .. } | Outcome::Mismatched { .. })
}

/// Whether the two records of an outcome are one write, by their timestamps: those of the records that alignment named,
/// of those that matches have left, and of the copy before a further copy.
fn one_write(pair: &Classified, at: usize, gaps: &Gaps, stamps: &[HashMap<i64, i64>; 2]) -> bool {
    let timestamps = |side: Side| {
        let left = &gaps.left[side as usize][*gaps.left_of[side as usize].get(&at)?];
        Some([left.first_timestamp, left.item.timestamp])
    };
    match &pair.alignment.outcomes[at] {
        Outcome::Duplicate { original, target } => {
            let runs = &pair.alignment.runs;
            let copy = runs.pair(runs.matched_below_source(original.offset));
            let copy = copy.filter(|copy| copy.0 == original.offset && copy.1 < target.offset);
            let stamp = copy.and_then(|(_, target)| stamps[1].get(&target));
            Some([original.timestamp; 2]) == timestamps(Side::Target)
                && stamp.is_none_or(|stamp| *stamp == original.timestamp)
        }
        Outcome::Reordered { .. } | Outcome::Mismatched { .. } => {
            timestamps(Side::Source) == timestamps(Side::Target)
        }
        Outcome::Missing { .. } | Outcome::Extraneous { .. } | Outcome::Unsolved { .. } => false,
    }
}

/// A record that is not matched in order.
struct Left {
    item: Item,
    /// Matched pairs before it.
    gap: u64,
    /// The same before matches slid. Each gap from `gap` to this one may be its place.
    first_gap: u64,
    first_timestamp: i64,
}

/// The matched pairs and what lies between them, after matches have slid.
struct Gaps {
    /// By side, ascending by offset.
    left: [Vec<Left>; 2],
    /// Outcome to index in `left`.
    left_of: [HashMap<usize, usize>; 2],
    /// Offset of a pair on one side, where it has slid.
    moved: [HashMap<u64, i64>; 2],
    /// How many of `left`, and of the counted tail, lie in each gap.
    occupied: [HashMap<u64, i64>; 2],
}

impl Gaps {
    fn of(pair: &Classified) -> Self {
        let runs = &pair.alignment.runs;
        let mut gaps = Self {
            left: Default::default(),
            left_of: Default::default(),
            moved: Default::default(),
            occupied: Default::default(),
        };
        gaps.occupied[0].insert(runs.matched(), pair.alignment.tail.records() as i64);
        for side in Side::BOTH {
            let item = |outcome: &Outcome| match (side, outcome) {
                // Its original is matched, or another outcome.
                (Side::Source, Outcome::Duplicate { .. }) => None,
                (Side::Source, _) => outcome.source().copied(),
                (Side::Target, _) => outcome.target().copied(),
            };
            let items = pair.alignment.outcomes.iter().enumerate();
            let mut items: Vec<(usize, Item)> = items.filter_map(|(at, o)| Some((at, item(o)?))).collect();
            items.sort_by_key(|(_, item)| item.offset);
            for (at, item) in items {
                let gap = match side {
                    Side::Source => runs.matched_below_source(item.offset),
                    Side::Target => runs.matched_below_target(item.offset),
                };
                gaps.left_of[side as usize].insert(at, gaps.left[side as usize].len());
                *gaps.occupied[side as usize].entry(gap).or_default() += 1;
                gaps.left[side as usize].push(Left {
                    item,
                    gap,
                    first_gap: gap,
                    first_timestamp: item.timestamp,
                });
            }
        }
        gaps
    }

    fn at(&self, claim: &Claim) -> (u64, &Item) {
        let left = &self.left[claim.side as usize][claim.left];
        (left.gap, &left.item)
    }

    /// The gaps that may be a claim's place: several where matches have slid past it.
    fn places(&self, claim: &Claim) -> std::ops::RangeInclusive<u64> {
        let left = &self.left[claim.side as usize][claim.left];
        left.gap..=left.first_gap
    }

    /// Offset of the `rank`-th pair on one side.
    fn pair(&self, pair: &Classified, side: Side, rank: u64) -> Option<i64> {
        let (source, target) = pair.alignment.runs.pair(rank)?;
        let stays = if side == Side::Source { source } else { target };
        Some(self.moved[side as usize].get(&rank).copied().unwrap_or(stays))
    }

    /// Moves each match to the latest equal left-over record of the gap behind it. `near`: by side and left-over record,
    /// the matches before it that it equals, with that side's offset.
    /// `stamps`: by side, the timestamps of those matches, by offset.
    fn slide(&mut self, near: &[HashMap<usize, Vec<(u64, i64)>>; 2], stamps: &[HashMap<i64, i64>; 2]) {
        let mut open: BTreeMap<u64, [Vec<usize>; 2]> = BTreeMap::new();
        for side in [0, 1] {
            for (at, left) in self.left[side].iter().enumerate() {
                open.entry(left.gap).or_default()[side].push(at);
            }
        }
        while let Some((gap, lists)) = open.pop_last() {
            let Some(rank) = gap.checked_sub(1) else { return };
            for (side, mut list) in lists.into_iter().enumerate() {
                list.sort_by_key(|&at| self.left[side][at].item.offset);
                let equal = |at: usize| {
                    near[side].get(&at)?.iter().find(|(other, _)| *other == rank).map(|(_, offset)| *offset)
                };
                let Some((position, stood)) =
                    list.iter().enumerate().rev().find_map(|(n, &at)| Some((n, equal(at)?)))
                else {
                    continue;
                };
                let stood = self.moved[side].get(&rank).copied().unwrap_or(stood);
                let slid = &mut self.left[side][list[position]].item;
                self.moved[side].insert(rank, slid.offset);
                slid.offset = stood;
                slid.timestamp = stamps[side].get(&stood).copied().unwrap_or(slid.timestamp);
                for &at in &list[..=position] {
                    self.left[side][at].gap = rank;
                    *self.occupied[side].entry(gap).or_default() -= 1;
                    *self.occupied[side].entry(rank).or_default() += 1;
                    open.entry(rank).or_default()[side].push(at);
                }
            }
        }
    }
}

/// Free offsets of each gap.
#[derive(Default)]
struct Holes {
    /// Right before the first offset in scope.
    before_start: [i64; 2],
    used: HashMap<(Side, u64), i64>,
}

impl Holes {
    fn left(&self, pair: &Classified, gaps: &Gaps, side: Side, gap: u64) -> i64 {
        let n = side as usize;
        let lower = self.begin(pair, gaps, side, gap);
        let upper = gaps.pair(pair, side, gap).unwrap_or(pair.reading.read_to[n]);
        let occupied = gaps.occupied[n].get(&gap).copied().unwrap_or(0);
        upper - lower - occupied - self.used.get(&(side, gap)).copied().unwrap_or(0)
    }

    /// In the source's last gap those below `offset`, which is that of a left-over record there; used ones, too.
    fn in_last_gap_below(&self, pair: &Classified, gaps: &Gaps, offset: i64) -> i64 {
        let last_gap = pair.alignment.runs.matched();
        let lower = self.begin(pair, gaps, Side::Source, last_gap);
        let left = &gaps.left[Side::Source as usize];
        // Ascending, and matches have slid only over what lies before the rest.
        let left = &left[left.partition_point(|left| left.gap < last_gap)..];
        let listed = left.partition_point(|left| left.item.offset < offset) as i64;
        let counted = |counted: &Counted| (counted.below(offset) - counted.below(lower)) as i64;
        offset - lower - listed - counted(&pair.alignment.tail) - counted(&pair.alignment.unsolved[0])
    }

    /// The first offset of a gap.
    fn begin(&self, pair: &Classified, gaps: &Gaps, side: Side, gap: u64) -> i64 {
        match gap.checked_sub(1).and_then(|rank| gaps.pair(pair, side, rank)) {
            Some(offset) => offset + 1,
            None => pair.reading.start[side as usize] - self.before_start[side as usize],
        }
    }
}

/// Free offsets right before the first one in scope, at or after `from`: a pair starts where its first record is located.
fn before_start(pair: &Classified, side: Side, from: i64, log: &mut dyn Log) -> Result<i64, LogError> {
    let start = pair.reading.start[side as usize];
    let from = from.min(start);
    let mut last = from - 1;
    if from < start {
        log.read(side, OffsetRange { start: from, end: start }, &mut |item| {
            last = item.offset;
            true
        })?;
    }
    Ok(start - 1 - last)
}

/// Whether something stands for a record that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Explained {
    Yes,
    CannotTell,
    Not,
}

/// What one pass over the parts of the logs that matter has seen, for the keys concerned.
struct Seen {
    /// The last record of each key, by side.
    last: [HashMap<NonZeroU64, Item>; 2],
    /// See [`Gaps::slide`].
    near: [HashMap<usize, Vec<(u64, i64)>>; 2],
    /// See [`Gaps::slide`].
    stamps: [HashMap<i64, i64>; 2],
    /// Where the pass began, by side.
    from: [i64; 2],
    /// Whether a side has lost its beginning since the plan.
    shortened: [bool; 2],
}

impl Seen {
    fn look(
        pair: &Classified,
        gaps: &Gaps,
        claims: &[Claim],
        rules: &Rules,
        log: &mut dyn Log,
    ) -> Result<Self, LogError> {
        let keys: HashSet<NonZeroU64> = claims.iter().map(|claim| claim.key).collect();
        let first = claims.iter().map(|claim| gaps.at(claim).0).min().unwrap_or(0);
        let mut seen = Self {
            last: Default::default(),
            near: Default::default(),
            stamps: Default::default(),
            from: pair.reading.start,
            shortened: [false; 2],
        };
        if let Some(rank) = first.checked_sub(SLIDES) {
            for side in Side::BOTH {
                seen.from[side as usize] =
                    gaps.pair(pair, side, rank).unwrap_or(pair.reading.start[side as usize]);
            }
        }
        let runs = &pair.alignment.runs;
        // Left-over records of one identity stand in ascending order of their gaps.
        let wanted = [0, 1].map(|side: usize| {
            let mut wanted: HashMap<u128, Vec<usize>> = HashMap::new();
            for (at, left) in gaps.left[side].iter().enumerate() {
                wanted.entry(left.item.identity).or_default().push(at);
            }
            wanted
        });
        for side in Side::BOTH {
            let range = OffsetRange { start: seen.from[side as usize], end: i64::MAX };
            let Self { last, near, stamps, .. } = &mut seen;
            log.read(side, range, &mut |item| {
                if let Some(key) = item.key.filter(|key| keys.contains(key)) {
                    last[side as usize].insert(key, *item);
                }
                if !wanted.iter().any(|wanted| wanted.contains_key(&item.identity)) {
                    return true;
                }
                let rank = match side {
                    Side::Source => runs.matched_below_source(item.offset),
                    Side::Target => runs.matched_below_target(item.offset),
                };
                let Some((source, target)) = runs.pair(rank) else { return true };
                let (own, partner) = if side == Side::Source { (source, target) } else { (target, source) };
                if own != item.offset {
                    return true;
                }
                for holding in Side::BOTH {
                    let lefts = &gaps.left[holding as usize];
                    let equal = wanted[holding as usize].get(&item.identity).map_or(&[][..], Vec::as_slice);
                    let behind = equal.partition_point(|&at| lefts[at].gap <= rank);
                    for &at in equal[behind..].iter().take_while(|&&at| lefts[at].gap <= rank + SLIDES) {
                        let left = &lefts[at].item;
                        if holding == side {
                            stamps[side as usize].insert(item.offset, item.timestamp);
                        } else if match side {
                            Side::Source => rules.matches(item, left),
                            Side::Target => rules.matches(left, item),
                        } {
                            near[holding as usize].entry(at).or_default().push((rank, partner));
                        }
                    }
                }
                true
            })?;
        }
        Ok(seen)
    }

    /// Where a tombstone may explain an absence: whether an older value stands before what has been looked at.
    fn look_at_history(
        &mut self,
        pair: &Classified,
        gaps: &Gaps,
        claims: &[Claim],
        starts: LogStarts,
        log: &mut dyn Log,
    ) -> Result<(), LogError> {
        self.shortened = [0, 1].map(|side: usize| starts.now[side] > starts.planned[side]);
        for side in Side::BOTH {
            let open: HashSet<NonZeroU64> = claims
                .iter()
                .filter(|claim| claim.lacking() == side)
                .filter(|claim| !self.superseded(pair, gaps, claim))
                .filter(|claim| self.deleted(claim.side, claim.key))
                .filter(|claim| !self.last[side as usize].contains_key(&claim.key))
                .map(|claim| claim.key)
                .collect();
            let range = OffsetRange { start: starts.now[side as usize], end: self.from[side as usize] };
            if open.is_empty() || range.start >= range.end {
                continue;
            }
            let last = &mut self.last[side as usize];
            log.read(side, range, &mut |item| {
                if let Some(key) = item.key.filter(|key| open.contains(key)) {
                    last.insert(key, *item);
                }
                true
            })?;
        }
        Ok(())
    }

    /// Whether the key has no value: its last record is a tombstone, or it has none.
    fn deleted(&self, side: Side, key: NonZeroU64) -> bool {
        self.last[side as usize].get(&key).is_none_or(|item| item.value == TOMBSTONE)
    }

    /// Whether the key has the same last value on both sides, or none.
    fn ends_alike(&self, key: NonZeroU64, rules: &Rules) -> bool {
        let [source, target] = [0, 1].map(|side: usize| self.last[side].get(&key));
        source.zip(target).is_some_and(|(source, target)| rules.matches(source, target))
            || Side::BOTH.into_iter().all(|side| self.deleted(side, key))
    }

    /// Whether a side holds a record of the key after a gap. After the last match, that is one that was written after the
    /// gap was read, or, on the source, after the barrier: where the target lags, its copy is not there yet.
    fn behind(&self, pair: &Classified, gaps: &Gaps, side: Side, (key, gap): (NonZeroU64, u64)) -> bool {
        let read_to = pair.reading.read_to[side as usize];
        let end = gaps.pair(pair, side, gap).unwrap_or(match side {
            Side::Source => read_to.min(pair.reading.source_end),
            Side::Target => read_to,
        });
        self.last[side as usize].get(&key).is_some_and(|last| last.offset >= end)
    }

    fn superseded(&self, pair: &Classified, gaps: &Gaps, claim: &Claim) -> bool {
        self.behind(pair, gaps, claim.lacking(), (claim.key, gaps.at(claim).0))
    }

    fn explain(&self, pair: &Classified, gaps: &Gaps, claim: &Claim, cleaning: &Cleaning) -> Explained {
        if self.superseded(pair, gaps, claim) {
            return Explained::Yes;
        }
        let Some(last) = self.last[claim.side as usize].get(&claim.key).filter(|i| i.value == TOMBSTONE)
        else {
            return Explained::Not;
        };
        if !self.deleted(claim.lacking(), claim.key) {
            return Explained::Not;
        }
        let lacking = claim.lacking() as usize;
        match tombstone_explains(claim.side, last.timestamp, cleaning) {
            // An older value may have stood there.
            Explained::Yes if self.shortened[lacking] && !self.last[lacking].contains_key(&claim.key) => {
                Explained::CannotTell
            }
            explained => explained,
        }
    }
}

/// Whether a tombstone that `holding` ends a key with was old enough at the barrier for the other side to have let it go.
pub(super) fn tombstone_explains(holding: Side, timestamp: i64, cleaning: &Cleaning) -> Explained {
    match cleaning.delete_retention_ms[holding.other() as usize] {
        Some(kept) if timestamp >= 0 => {
            if timestamp.saturating_add(kept) <= cleaning.barrier_ms {
                Explained::Yes
            } else if holding == Side::Target && !cleaning.timestamps_kept {
                Explained::CannotTell
            } else {
                Explained::Not
            }
        }
        _ => Explained::CannotTell,
    }
}

/// The promise itself, checked apart from the rules above: of a key all of whose unmatched records were explained the
/// last value is equal on both sides. Where it is not, its records are what they were before.
fn take_back_unequal_keys(
    pair: &mut Classified,
    gaps: &Gaps,
    claims: &[Claim],
    seen: &Seen,
    rules: &Rules,
    before: &[Standing],
) {
    let mut open: HashSet<NonZeroU64> = HashSet::new();
    for side in Side::BOTH {
        for (&outcome, &left) in &gaps.left_of[side as usize] {
            if pair.standings[outcome] != Standing::Compacted {
                open.extend(gaps.left[side as usize][left].item.key);
            }
        }
    }
    for claim in claims.iter().filter(|claim| !open.contains(&claim.key)) {
        let [source, target] = [0, 1].map(|side: usize| seen.last[side].get(&claim.key));
        // Not reached by the target, or not solved: the key has an open record.
        let counted = source.is_some_and(|last| pair.alignment.tail.contains(last.offset))
            || [source, target]
                .into_iter()
                .zip(&pair.alignment.unsolved)
                .any(|(last, unsolved)| last.is_some_and(|last| unsolved.contains(last.offset)));
        if counted {
            continue;
        }
        let written_since = [source, target]
            .into_iter()
            .zip(pair.cut)
            .any(|(last, cut)| last.is_some_and(|last| last.offset >= cut));
        if !seen.ends_alike(claim.key, rules) && !written_since {
            pair.standings[claim.outcome] = before[claim.outcome];
        }
    }
}

#[cfg(test)]
mod tests;
