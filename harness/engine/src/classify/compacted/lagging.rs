//! A target that lags, behind the last match: the source's cleaner may have removed a record that was copied, under a later
//! one of its key that was not. The source then holds the one and the target the other, and alignment finds them in one
//! place, as it finds an altered copy. What tells the two apart is told here. Nothing here makes a match: the later record
//! is waited for.
//!
//! The target's records of a key are older values of it, and the source's wait, if behind the last match
//! 1. each of the target's is older than each of the source's, by more than the timestamps of a record and its copy may
//!    differ, and has another value: an altered copy keeps its timestamp, or its value;
//! 2. before the first of the source's, an offset is free on the source for each of the target's: it was written there;
//! 3. nothing from behind the first of the source's is on the target, moved or altered: its turn has not come;
//! 4. nothing else of the key is found there.
//!
//! Otherwise, and where timestamps say nothing, the key's records stay what they are.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;

use super::{Gaps, Holes};
use crate::align::{Alignment, Item, Outcome};
use crate::classify::scope::place;
use crate::classify::{Classified, Standing, tail_standing};
use crate::record::Side;

/// Takes apart the records of the keys of which the target only lags. `holes`: with what all others have used of them.
pub(super) fn take_apart(pair: &mut Classified, gaps: &Gaps, holes: &Holes) {
    let Some(within) = pair.reading.timestamps_within else { return };
    let copied_to = copied_to(&pair.alignment.outcomes, within);
    let lagging = |found: Found| found.waits_from(within, copied_to).map(|first| (first, found));
    let mut keys: Vec<(i64, Found)> =
        found_behind_the_last_match(pair, gaps).into_values().filter_map(lagging).collect();
    // What must lie before the first has fewer holes to lie in.
    keys.sort_unstable_by_key(|(first, _)| *first);
    let free = holes.left(pair, gaps, Side::Source, pair.alignment.runs.matched());
    let mut taken = 0;
    let mut apart: HashSet<usize> = HashSet::new();
    for (first, found) in keys {
        let wanted = found.older.len() as i64;
        if taken + wanted <= free.min(holes.in_last_gap_below(pair, gaps, first)) {
            taken += wanted;
            apart.extend(found.outcomes);
        }
    }
    if !apart.is_empty() {
        write(pair, &apart);
    }
}

/// The last source record that is on the target, though not in order: moved, or altered.
fn copied_to(outcomes: &[Outcome], within: u64) -> Option<i64> {
    let copied = |outcome: &Outcome| match outcome {
        Outcome::Reordered { source, .. } => Some(source.offset),
        Outcome::Mismatched { source, target } => {
            let of_one_time = source.timestamp.abs_diff(target.timestamp) <= within;
            of_one_time.then_some(source.offset)
        }
        _ => None,
    };
    outcomes.iter().filter_map(copied).max()
}

/// What is found of a key behind the last match.
#[derive(Default)]
struct Found {
    /// Source records beside which a target record stands.
    waiting: Vec<Item>,
    /// Target records beside those, and without any.
    older: Vec<Item>,
    /// Indices of their outcomes.
    outcomes: Vec<usize>,
    /// Whether there is anything else, or anything that cannot be told.
    more: bool,
}

impl Found {
    /// The first offset of a source record, if all are newer than the target's and none of them is on the target.
    fn waits_from(&self, within: u64, copied_to: Option<i64>) -> Option<i64> {
        let Self { waiting, older, outcomes: _, more } = self;
        let first = waiting.iter().map(|item| item.offset).min()?;
        let since = waiting.iter().map(|item| item.timestamp).min()?;
        let values: HashSet<u64> = waiting.iter().map(|item| item.value).collect();
        let is_older = |item: &Item| {
            item.timestamp >= 0
                && item.timestamp.saturating_add_unsigned(within) < since
                && !values.contains(&item.value)
        };
        let lags = !more && Some(first) > copied_to && older.iter().all(is_older);
        lags.then_some(first)
    }
}

fn found_behind_the_last_match(pair: &Classified, gaps: &Gaps) -> HashMap<NonZeroU64, Found> {
    let last_gap = pair.alignment.runs.matched();
    let mut keys: HashMap<NonZeroU64, Found> = HashMap::new();
    for (at, (outcome, standing)) in pair.alignment.outcomes.iter().zip(&pair.standings).enumerate() {
        let is_settled = matches!(standing, Standing::Compacted | Standing::Beyond);
        if is_settled || matches!(outcome, Outcome::Missing { .. }) {
            continue;
        }
        let behind = |side: Side| {
            let left = &gaps.left[side as usize][*gaps.left_of[side as usize].get(&at)?];
            (left.gap == last_gap).then_some(left.item)
        };
        let [source, target] = Side::BOTH.map(behind);
        let Some(key) = source.or(target).and_then(|item| item.key) else { continue };
        let found = keys.entry(key).or_default();
        match (outcome, standing, source, target) {
            (Outcome::Mismatched { .. }, Standing::Finding(_), Some(source), Some(target)) => {
                found.waiting.push(source);
                found.older.push(target);
                found.outcomes.push(at);
            }
            (Outcome::Extraneous { .. }, Standing::Finding(_), None, Some(target)) => {
                found.older.push(target);
                found.outcomes.push(at);
            }
            _ => found.more = true,
        }
    }
    keys
}

/// Each source record of the outcomes `apart` is waited for, and explains why the target's are gone on the source. Keeps the
/// order of the outcomes.
fn write(pair: &mut Classified, apart: &HashSet<usize>) {
    let Classified { reading, alignment, standings, cut: _ } = pair;
    let Alignment { runs, outcomes, .. } = alignment;
    let waits = tail_standing(reading, runs);
    let mut judged: Vec<(Outcome, Standing)> = Vec::with_capacity(outcomes.len() + apart.len());
    for (at, (outcome, standing)) in outcomes.drain(..).zip(standings.drain(..)).enumerate() {
        match outcome {
            Outcome::Mismatched { source, target } if apart.contains(&at) => {
                judged.push((Outcome::Missing { source }, waits));
                judged.push((Outcome::Extraneous { target }, Standing::Compacted));
            }
            outcome if apart.contains(&at) => judged.push((outcome, Standing::Compacted)),
            outcome => judged.push((outcome, standing)),
        }
    }
    judged.sort_by_cached_key(|(outcome, _)| place(runs, outcome));
    (*outcomes, *standings) = judged.into_iter().unzip();
}
