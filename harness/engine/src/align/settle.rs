//! Says what became of each record that is not matched in order. Knows no cause and no importance.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::num::NonZeroU64;

use super::pair::Region;
use super::runs::Runs;
use super::{Item, Log, LogError, Rules};
use crate::record::{OffsetRange, Side};

/// What became of one record (or pair of records) that is not matched in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// On the source only.
    Missing {
        /// The source record.
        source: Item,
    },
    /// On the target only.
    Extraneous {
        /// The target record.
        target: Item,
    },
    /// A further copy.
    Duplicate {
        /// The first source record that it is a copy of.
        original: Item,
        /// The further copy.
        target: Item,
    },
    /// On both sides, out of order.
    Reordered {
        /// The source record.
        source: Item,
        /// Its copy.
        target: Item,
        /// Whether two records of its key changed places, not only records of different keys.
        key_order_broken: bool,
    },
    /// At the same place in the order and of the same key, but not equal.
    Mismatched {
        /// The source record.
        source: Item,
        /// The target record in its place.
        target: Item,
    },
    /// In a stretch whose differences were too many to solve.
    Unsolved {
        /// Which side it is on.
        side: Side,
        /// The record.
        record: Item,
    },
}

impl Outcome {
    /// The source record, for a duplicate its original.
    pub fn source(&self) -> Option<&Item> {
        match self {
            Self::Missing { source } | Self::Reordered { source, .. } | Self::Mismatched { source, .. } => {
                Some(source)
            }
            Self::Duplicate { original, .. } => Some(original),
            Self::Unsolved { side: Side::Source, record } => Some(record),
            Self::Extraneous { .. } | Self::Unsolved { .. } => None,
        }
    }

    /// The target record.
    pub fn target(&self) -> Option<&Item> {
        match self {
            Self::Unsolved { side: Side::Target, record } => Some(record),
            Self::Missing { .. } | Self::Unsolved { .. } => None,
            Self::Extraneous { target }
            | Self::Duplicate { target, .. }
            | Self::Reordered { target, .. }
            | Self::Mismatched { target, .. } => Some(target),
        }
    }
}

pub(super) fn settle(
    runs: &Runs,
    regions: Vec<Region>,
    rules: &Rules,
    source_starts: [i64; 2],
    log: &mut dyn Log,
) -> Result<Vec<Outcome>, LogError> {
    let mut source = Vec::new();
    let mut target = Vec::new();
    let mut outcomes = Vec::new();
    for Region { left_over: [s, t], solved, .. } in regions {
        if solved {
            source.extend(s);
            target.extend(t);
        } else {
            outcomes.extend(s.into_iter().map(|record| Outcome::Unsolved { side: Side::Source, record }));
            outcomes.extend(t.into_iter().map(|record| Outcome::Unsolved { side: Side::Target, record }));
        }
    }
    let unsolved = outcomes.iter().filter_map(Outcome::source).map(|item| item.offset);
    let unsolved: Vec<i64> = unsolved.collect();
    let reordered = take_reordered(&mut source, &mut target, rules);
    let duplicates = take_duplicates(&mut target, rules, source_starts, log)?;
    let mismatched = take_mismatched(&mut source, &mut target, runs);
    let left_over_source: HashSet<i64> = source
        .iter()
        .chain(reordered.iter().map(|(s, _)| s))
        .chain(mismatched.iter().map(|(s, _)| s))
        .map(|item| item.offset)
        .chain(unsolved)
        .collect();
    let broken = key_order_broken(&reordered, runs, &left_over_source, log)?;

    let mut outcomes = Vec::new();
    outcomes.extend(
        reordered.into_iter().zip(broken).map(|((source, target), key_order_broken)| Outcome::Reordered {
            source,
            target,
            key_order_broken,
        }),
    );
    outcomes.extend(duplicates.into_iter().map(|(original, target)| Outcome::Duplicate { original, target }));
    outcomes.extend(mismatched.into_iter().map(|(source, target)| Outcome::Mismatched { source, target }));
    outcomes.extend(source.into_iter().map(|source| Outcome::Missing { source }));
    outcomes.extend(target.into_iter().map(|target| Outcome::Extraneous { target }));
    outcomes.sort_by_key(|outcome| {
        let target = outcome.target().map(|item| item.offset);
        match outcome {
            Outcome::Duplicate { .. }
            | Outcome::Extraneous { .. }
            | Outcome::Unsolved { side: Side::Target, .. } => {
                (runs.matched_below_target(target.unwrap_or_default()), i64::MAX, target)
            }
            _ => {
                let source = outcome.source().map_or(i64::MAX, |item| item.offset);
                (runs.matched_below_source(source), source, target)
            }
        }
    });
    Ok(outcomes)
}

/// Moves the items at `indices` (any order, no repeats) out of `items`.
fn take(items: &mut Vec<Item>, indices: &HashSet<usize>) {
    let mut at = 0;
    items.retain(|_| {
        at += 1;
        !indices.contains(&(at - 1))
    });
}

fn take_pairs(source: &mut Vec<Item>, target: &mut Vec<Item>, pairs: &[(usize, usize)]) -> Vec<(Item, Item)> {
    let taken = pairs.iter().map(|&(i, j)| (source[i], target[j])).collect();
    take(source, &pairs.iter().map(|pair| pair.0).collect());
    take(target, &pairs.iter().map(|pair| pair.1).collect());
    taken
}

/// Equal identity on both sides: in order of the source, each with the first unused equal target record.
fn take_reordered(source: &mut Vec<Item>, target: &mut Vec<Item>, rules: &Rules) -> Vec<(Item, Item)> {
    let pairs = first_free(source, target, rules);
    take_pairs(source, target, &pairs)
}

/// Index pairs: each source item in turn with the first target item that matches it and is still free.
pub(super) fn first_free(source: &[Item], target: &[Item], rules: &Rules) -> Vec<(usize, usize)> {
    let mut unused: HashMap<u128, VecDeque<usize>> = HashMap::new();
    for (j, item) in target.iter().enumerate() {
        unused.entry(item.identity).or_default().push_back(j);
    }
    let mut pairs = Vec::new();
    for (i, item) in source.iter().enumerate() {
        let Some(candidates) = unused.get_mut(&item.identity) else { continue };
        if let Some(at) = candidates.iter().position(|&j| rules.matches(item, &target[j]))
            && let Some(j) = candidates.remove(at)
        {
            pairs.push((i, j));
        }
    }
    pairs
}

/// Target records of which any source record is the original: the first one in scope, else the first one before.
fn take_duplicates(
    target: &mut Vec<Item>,
    rules: &Rules,
    [history_start, scope_start]: [i64; 2],
    log: &mut dyn Log,
) -> Result<Vec<(Item, Item)>, LogError> {
    let mut wanted: HashMap<u128, Vec<usize>> = HashMap::new();
    for (j, item) in target.iter().enumerate() {
        wanted.entry(item.identity).or_default().push(j);
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut originals: BTreeMap<usize, Item> = BTreeMap::new();
    for (start, end) in [(scope_start, i64::MAX), (history_start, scope_start)] {
        if wanted.is_empty() || start >= end {
            continue;
        }
        log.read(Side::Source, OffsetRange { start, end }, &mut |item| {
            if let Some(copies) = wanted.get_mut(&item.identity) {
                copies.retain(|&j| {
                    let found = rules.matches(item, &target[j]);
                    if found {
                        originals.insert(j, *item);
                    }
                    !found
                });
                if copies.is_empty() {
                    wanted.remove(&item.identity);
                }
            }
            !wanted.is_empty()
        })?;
    }
    let duplicates = originals.iter().map(|(&j, original)| (*original, target[j])).collect();
    take(target, &originals.into_keys().collect());
    Ok(duplicates)
}

/// Left over on both sides between the same two records matched in order: same key, in order. Without a key:
/// same timestamp, then same value.
fn take_mismatched(source: &mut Vec<Item>, target: &mut Vec<Item>, runs: &Runs) -> Vec<(Item, Item)> {
    #[derive(PartialEq, Eq, Hash, Clone, Copy)]
    enum Place {
        Key(NonZeroU64),
        Timestamp(i64),
        Value(u64),
    }
    let source_gaps: Vec<u64> = source.iter().map(|item| runs.matched_below_source(item.offset)).collect();
    let target_gaps: Vec<u64> = target.iter().map(|item| runs.matched_below_target(item.offset)).collect();
    let by_key: fn(&Item) -> Option<Place> = |item| item.key.map(Place::Key);
    let by_timestamp: fn(&Item) -> Option<Place> =
        |item| item.key.is_none().then_some(Place::Timestamp(item.timestamp));
    let by_value: fn(&Item) -> Option<Place> = |item| item.key.is_none().then_some(Place::Value(item.value));
    let mut pairs = Vec::new();
    let mut used_source = vec![false; source.len()];
    let mut used_target = vec![false; target.len()];
    for place in [by_key, by_timestamp, by_value] {
        // Ascending indices, taken from the front.
        let mut waiting: HashMap<(u64, Place), VecDeque<usize>> = HashMap::new();
        for (j, item) in target.iter().enumerate().filter(|&(j, _)| !used_target[j]) {
            if let Some(place) = place(item) {
                waiting.entry((target_gaps[j], place)).or_default().push_back(j);
            }
        }
        for (i, item) in source.iter().enumerate() {
            let Some(place) = place(item).filter(|_| !used_source[i]) else { continue };
            if let Some(j) = waiting.get_mut(&(source_gaps[i], place)).and_then(|queue| queue.pop_front()) {
                (used_source[i], used_target[j]) = (true, true);
                pairs.push((i, j));
            }
        }
    }
    pairs.sort_unstable();
    take_pairs(source, target, &pairs)
}

/// For each reordered pair: is there a copy of the same key that comes before it on one side and after it on
/// the other? Looks at the other reordered pairs, and at the records matched in order between its two places.
fn key_order_broken(
    reordered: &[(Item, Item)],
    runs: &Runs,
    left_over_source: &HashSet<i64>,
    log: &mut dyn Log,
) -> Result<Vec<bool>, LogError> {
    let mut broken = vec![false; reordered.len()];
    let mut by_key: HashMap<NonZeroU64, Vec<usize>> = HashMap::new();
    for (n, (source, _)) in reordered.iter().enumerate() {
        if let Some(key) = source.key {
            by_key.entry(key).or_default().push(n);
        }
    }
    for pairs in by_key.values_mut() {
        pairs.sort_unstable_by_key(|&n| reordered[n].0.offset);
        let mut latest = i64::MIN;
        for &n in pairs.iter() {
            broken[n] |= latest > reordered[n].1.offset;
            latest = latest.max(reordered[n].1.offset);
        }
        let mut earliest = i64::MAX;
        for &n in pairs.iter().rev() {
            broken[n] |= earliest < reordered[n].1.offset;
            earliest = earliest.min(reordered[n].1.offset);
        }
    }

    // Ranks of the records matched in order that lie between a pair's two places.
    let span = |n: usize| {
        let (source, target) = &reordered[n];
        let [a, b] = [runs.matched_below_source(source.offset), runs.matched_below_target(target.offset)];
        a.min(b)..a.max(b)
    };
    let mut open: Vec<usize> = (0..reordered.len())
        .filter(|&n| reordered[n].0.key.is_some() && !broken[n] && !span(n).is_empty())
        .collect();
    open.sort_unstable_by_key(|&n| span(n).start);
    let mut at = 0;
    while at < open.len() {
        let mut ranks = span(open[at]);
        let first = at;
        while at < open.len() && span(open[at]).start <= ranks.end {
            ranks.end = ranks.end.max(span(open[at]).end);
            at += 1;
        }
        let mut wanted: HashMap<NonZeroU64, Vec<usize>> = HashMap::new();
        for &n in &open[first..at] {
            wanted.entry(reordered[n].0.key.expect("filtered above")).or_default().push(n);
        }
        let (Some((from, _)), Some((to, _))) = (runs.pair(ranks.start), runs.pair(ranks.end - 1)) else {
            continue;
        };
        let mut rank = ranks.start;
        log.read(Side::Source, OffsetRange { start: from, end: to + 1 }, &mut |item| {
            if left_over_source.contains(&item.offset) {
                return true;
            }
            if let Some(pairs) = item.key.and_then(|key| wanted.get_mut(&key)) {
                pairs.retain(|&n| {
                    let hit = span(n).contains(&rank);
                    broken[n] |= hit;
                    !hit
                });
            }
            rank += 1;
            true
        })?;
    }
    Ok(broken)
}
