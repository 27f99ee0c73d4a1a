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
//!
//! Both records of a pair that crosses match, so where time counts, the later one's is near to that of a record inside.
//! A record of an equal identity that is not near is no sighting, and costs no reading.

use std::collections::HashSet;

use super::inside::Inside;
use super::pair::solve;
use super::region::{NEVER, Regions, Solution};
use super::runs::Runs;
use super::watch::PassThrough;
use super::{Counted, Item, Log, LogError, Rules, Tuning};
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
    regions: &mut Regions,
    frame: &Frame<'_>,
    log: &mut dyn Log,
) -> Result<(), LogError> {
    let mut at = 0;
    while at < regions.len() {
        look_ahead(regions, at, runs, frame, log)?;
        while let Some(reach) = sighting_in_reach(regions, at, runs) {
            enlarge(runs, regions, at, reach, frame, log)?;
            look_ahead(regions, at, runs, frame, log)?;
        }
        at += 1;
    }
    Ok(())
}

/// Whether a common subsequence that crosses the end of region `at` at `offset` of `side` could be as long as ours.
fn could_cross(regions: &Regions, at: usize, side: Side, offset: i64, runs: &Runs) -> bool {
    let below = |offset| match side {
        Side::Source => runs.matched_below_source(offset),
        Side::Target => runs.matched_below_target(offset),
    };
    let between = below(offset).saturating_sub(below(regions.get(at).range[side as usize].end));
    between <= regions.given_up(at, side.other()) + regions.left_over_after(side, offset)
}

fn sighting_in_reach(regions: &Regions, at: usize, runs: &Runs) -> Option<(Side, i64)> {
    Side::BOTH.into_iter().find_map(|side| {
        let offset = regions.get(at).sighted[side as usize];
        (offset != NEVER && could_cross(regions, at, side, offset, runs)).then_some((side, offset))
    })
}

/// Lets region `at` reach past the sighting, and past as many records again as it holds.
fn enlarge(
    runs: &mut Runs,
    regions: &mut Regions,
    at: usize,
    (side, sighting): (Side, i64),
    frame: &Frame<'_>,
    log: &mut dyn Log,
) -> Result<(), LogError> {
    let start = regions.get(at).range.map(|range| range.start);
    let first = runs.matched_below_source(start[0]);
    let inside = runs.matched_below_source(regions.get(at).range[0].end) - first;
    let given_up = Side::BOTH.map(|side| regions.given_up(at, side)).iter().sum::<u64>();
    let past_sighting = match side {
        Side::Source => runs.matched_below_source(sighting + 1),
        Side::Target => runs.matched_below_target(sighting + 1),
    };
    let rank = past_sighting.max(first + inside + inside + given_up + 1);
    // What could not be solved cannot be solved with more records either.
    let rank = if regions.get(at).solved { rank } else { u64::MAX };
    let mut cut = match rank.checked_sub(1).and_then(|last| runs.pair(last)) {
        Some((source, target)) if rank < runs.matched() => [source + 1, target + 1],
        _ => frame.end,
    };
    cut[side as usize] = cut[side as usize].max(sighting + 1);
    // Whole regions only: a region that begins before the cut is taken in to its end.
    let mut absorbed = at + 1;
    while absorbed < regions.len() && (0..2).any(|side| regions.get(absorbed).range[side].start < cut[side]) {
        cut = [0, 1].map(|side: usize| cut[side].max(regions.get(absorbed).range[side].end));
        absorbed += 1;
    }
    // Both cuts lie after the same pair: what is not matched lies in a region, and regions begin and end between pairs.
    let rank = runs.matched_below_source(cut[0]);
    debug_assert_eq!(rank, runs.matched_below_target(cut[1]));
    let range = [0, 1].map(|side: usize| OffsetRange { start: start[side], end: cut[side] });
    let sparse_from = (at..absorbed).find_map(|at| regions.sparse_from(at));
    let held = if sparse_from.is_some() { &Side::BOTH[1..] } else { &Side::BOTH };
    let left_over = |&side: &Side| (at..absorbed).map(|at| regions.given_up(at, side)).sum::<u64>();
    let records = 2 * (rank - first) + held.iter().map(left_over).sum::<u64>();
    let (pairs, solution) = if records > frame.tuning.pairs_max as u64 {
        (Vec::new(), count(range, log)?)
    } else {
        let (items, counted) = read(range, sparse_from, log)?;
        solve([&items[0], &items[1]], counted, frame.rules, frame.tuning)
    };
    runs.replace(first..rank, &pairs);
    regions.splice(at..absorbed, range, solution, cut);
    Ok(())
}

/// Both stretches in memory. Of the source's part from `sparse_from` on, only what equals a record of the target's
/// stretch; the others are counted.
fn read(
    range: [OffsetRange; 2],
    sparse_from: Option<i64>,
    log: &mut dyn Log,
) -> Result<([Vec<Item>; 2], Counted), LogError> {
    let [mut source, mut target] = [Vec::new(), Vec::new()];
    let mut counted = Counted::default();
    log.read(Side::Target, range[1], &mut |item| {
        target.push(*item);
        true
    })?;
    let mut present: HashSet<u64, PassThrough> = HashSet::default();
    if sparse_from.is_some() {
        present.extend(target.iter().map(|item| item.identity as u64));
    }
    log.read(Side::Source, range[0], &mut |item| {
        if sparse_from.is_some_and(|from| item.offset >= from) && !present.contains(&(item.identity as u64)) {
            counted.add(item.offset, item.identity);
        } else {
            source.push(*item);
        }
        true
    })?;
    Ok(([source, target], counted))
}

/// Both stretches, only counted: they are too large to solve.
fn count(range: [OffsetRange; 2], log: &mut dyn Log) -> Result<Solution, LogError> {
    let mut counted = [Counted::default(), Counted::default()];
    for side in Side::BOTH {
        let counted = &mut counted[side as usize];
        log.read(side, range[side as usize], &mut |item| {
            counted.add(item.offset, item.identity);
            true
        })?;
    }
    Ok(Solution { left_over: [Vec::new(), Vec::new()], counted, solved: false })
}

/// Looks for the first record on each side, after the region and near enough to matter, that may equal one inside it,
/// from where nobody has looked for it so far.
fn look_ahead(
    regions: &mut Regions,
    at: usize,
    runs: &Runs,
    frame: &Frame<'_>,
    log: &mut dyn Log,
) -> Result<(), LogError> {
    for side in Side::BOTH {
        let region = regions.get(at);
        let end = frame.end[side as usize];
        let from = region.watched_to[side as usize];
        if region.sighted[side as usize] != NEVER
            || from >= end
            || !could_cross(regions, at, side, from, runs)
        {
            continue;
        }
        let mut inside = Inside::new(frame.rules);
        log.read(side.other(), region.range[side.other() as usize], &mut |item| {
            inside.add(item);
            true
        })?;
        if inside.is_empty() {
            continue;
        }
        let (mut seen, mut sighted) = (0, NEVER);
        log.read(side, OffsetRange { start: from, end }, &mut |item| {
            seen += 1;
            if inside.may_hold(item) {
                sighted = item.offset;
                return false;
            }
            seen % STRIDE != 0 || could_cross(regions, at, side, item.offset, runs)
        })?;
        regions.get_mut(at).sighted[side as usize] = sighted;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
