//! Proves at the end that closing each region where it was closed lost nothing; else solves a larger one.
//!
//! **Claim.** The result equals the leftmost longest common subsequence of the two whole sequences.
//! Lockstep is always right: where the next two records are equal, matching them is never worse and never
//! further right. A region from (i, j) to the cut (i', j') is right if no longest common subsequence of what
//! follows (i, j) has a pair that *crosses* the cut, say (s, t) with s before i' and t at or after j' (the
//! other direction is the mirror image). Take any common subsequence P whose last crossing pair is at t:
//! at most `i' - i` of its pairs have a source record up to s, and each other pair has a target record after t.
//! Our matching M has at least `m + d + n - l` pairs: m inside the region, d between the cut and t, and all but
//! l of the n target records after t. So P is shorter than M wherever `d > (i' - i - m) + l`:
//!
//! > *the records matched between the cut and the crossing outnumber the source records that the region
//! > leaves over plus the target records left over after the crossing.*
//!
//! As t grows, d grows and l shrinks: only the first later record that could cross must be looked at
//! ([`watch`](super::watch) notes it), and beyond some distance none can matter. Nothing is assumed about
//! identities being unique. Where the bound does not hold, the region is made larger, its records are read
//! again, and the new cut is proved in the same way; at worst the region reaches the end, where nothing crosses.

use std::collections::HashSet;

use super::pair::{Region, solve};
use super::runs::Runs;
use super::watch::PassThrough;
use super::{Item, Log, LogError, Rules, Tuning};
use crate::record::{OffsetRange, Side};

/// How many records a side's horizon check reads between two looks at the bound.
const STRIDE: u64 = 256;

/// What both sequences have in common.
pub(super) struct Frame<'a> {
    /// One past the last offset, source and target.
    pub end: [i64; 2],
    pub rules: &'a Rules,
    pub tuning: &'a Tuning,
}

pub(super) fn certify(
    runs: &mut Runs,
    regions: &mut Vec<Region>,
    frame: &Frame<'_>,
    log: &mut dyn Log,
) -> Result<(), LogError> {
    let end = frame.end;
    let mut left_over = LeftOver::collect(regions);
    let mut at = 0;
    while at < regions.len() {
        regions[at].sighted = look_ahead(&regions[at], runs, &left_over, end, log)?;
        while let Some(reach) = sighting_in_reach(&regions[at], runs, &left_over) {
            enlarge(runs, regions, at, reach, frame, log)?;
            left_over = LeftOver::collect(regions);
            regions[at].sighted = look_ahead(&regions[at], runs, &left_over, end, log)?;
        }
        at += 1;
    }
    Ok(())
}

/// Offsets of all left-over records, ascending, by side.
struct LeftOver([Vec<i64>; 2]);

impl LeftOver {
    fn collect(regions: &[Region]) -> Self {
        Self([0, 1].map(|side| {
            regions.iter().flat_map(|region| region.left_over[side].iter().map(|item| item.offset)).collect()
        }))
    }

    fn after(&self, side: Side, offset: i64) -> u64 {
        let offsets = &self.0[side as usize];
        (offsets.len() - offsets.partition_point(|&other| other <= offset)) as u64
    }
}

/// Whether a common subsequence that crosses the region's end at `offset` of `side` could be as long as ours.
fn could_cross(region: &Region, side: Side, offset: i64, runs: &Runs, left_over: &LeftOver) -> bool {
    let below = |offset| match side {
        Side::Source => runs.matched_below_source(offset),
        Side::Target => runs.matched_below_target(offset),
    };
    let between = below(offset).saturating_sub(below(region.range[side as usize].end));
    let given_up = region.left_over[1 - side as usize].len() as u64;
    between <= given_up + left_over.after(side, offset)
}

fn sighting_in_reach(region: &Region, runs: &Runs, left_over: &LeftOver) -> Option<(Side, i64)> {
    Side::BOTH.into_iter().find_map(|side| {
        let offset = region.sighted[side as usize]?;
        could_cross(region, side, offset, runs, left_over).then_some((side, offset))
    })
}

/// Lets region `at` reach past the sighting, and past as many records again as it holds.
fn enlarge(
    runs: &mut Runs,
    regions: &mut Vec<Region>,
    at: usize,
    (side, sighting): (Side, i64),
    frame: &Frame<'_>,
    log: &mut dyn Log,
) -> Result<(), LogError> {
    let start = [0, 1].map(|side: usize| regions[at].range[side].start);
    let first = runs.matched_below_source(start[0]);
    let inside = runs.matched_below_source(regions[at].range[0].end) - first;
    let given_up = regions[at].left_over.iter().map(|items| items.len() as u64).sum::<u64>();
    let past_sighting = match side {
        Side::Source => runs.matched_below_source(sighting + 1),
        Side::Target => runs.matched_below_target(sighting + 1),
    };
    let rank = past_sighting.max(first + inside + inside + given_up + 1);
    let mut cut = match rank.checked_sub(1).and_then(|last| runs.pair(last)) {
        Some((source, target)) if rank < runs.matched() => [source + 1, target + 1],
        _ => frame.end,
    };
    cut[side as usize] = cut[side as usize].max(sighting + 1);
    // Whole regions only: a region that begins before the cut is taken in to its end.
    let mut absorbed = at + 1;
    while absorbed < regions.len() && (0..2).any(|side| regions[absorbed].range[side].start < cut[side]) {
        cut = [0, 1].map(|side: usize| cut[side].max(regions[absorbed].range[side].end));
        absorbed += 1;
    }
    // Both cuts must lie after the same pair.
    let rank = runs.matched_below_source(cut[0]).max(runs.matched_below_target(cut[1]));
    if let Some((source, target)) = rank.checked_sub(1).and_then(|last| runs.pair(last)) {
        cut = [cut[0].max(source + 1), cut[1].max(target + 1)];
    }
    let range = [0, 1].map(|side: usize| OffsetRange { start: start[side], end: cut[side] });
    let mut items = [Vec::new(), Vec::new()];
    for side in Side::BOTH {
        let items: &mut Vec<Item> = &mut items[side as usize];
        log.read(side, range[side as usize], &mut |item| {
            items.push(*item);
            true
        })?;
    }
    let (pairs, region) = solve([&items[0], &items[1]], range, frame.rules, frame.tuning);
    runs.replace(first..rank, &pairs);
    regions.splice(at..absorbed, [region]);
    Ok(())
}

/// The first record on each side, after the region and near enough to matter, that equals one inside it. Reads only
/// what was not watched.
fn look_ahead(
    region: &Region,
    runs: &Runs,
    left_over: &LeftOver,
    end: [i64; 2],
    log: &mut dyn Log,
) -> Result<[Option<i64>; 2], LogError> {
    let mut sighted = region.sighted;
    for side in Side::BOTH {
        let other = if side == Side::Source { Side::Target } else { Side::Source };
        let from = region.watched_to[side as usize];
        let seen_or_read = sighted[side as usize].is_some() || from >= end[side as usize];
        // The bound only gets tighter: where it holds for a crossing at `from`, no later one can matter.
        if seen_or_read || !could_cross(region, side, from, runs, left_over) {
            continue;
        }
        let mut inside: HashSet<u64, PassThrough> = HashSet::default();
        log.read(other, region.range[other as usize], &mut |item| {
            inside.insert(item.identity as u64);
            true
        })?;
        if inside.is_empty() {
            continue;
        }
        let mut seen = 0;
        log.read(side, OffsetRange { start: from, end: end[side as usize] }, &mut |item| {
            seen += 1;
            if inside.contains(&(item.identity as u64)) {
                sighted[side as usize] = Some(item.offset);
                return false;
            }
            seen % STRIDE != 0 || could_cross(region, side, item.offset, runs, left_over)
        })?;
    }
    Ok(sighted)
}
