//! Says what became of each record that is not matched in order. Knows no cause and no importance.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::ops::Range;

use super::first_free::FirstFree;
use super::key_order::{Reordered, key_order_broken};
use super::runs::Runs;
use super::wanted::Wanted;
use super::{Counted, Item, Log, LogError, Rules, Tuning};
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

/// Which records of the source are judged, by their offsets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    /// From here on the original of a target record is looked for.
    pub history_start: i64,
    /// The first one.
    pub start: i64,
    /// What lies at or behind it is read only to explain the target's tail.
    pub barrier: i64,
}

/// Says it of all left-over records (ascending offsets), and of the ones in `tail` that something is left over for;
/// returns what remains of that, and those of them before the last match where they are too many to hold.
pub(super) fn settle(
    runs: &Runs,
    left_over: [Vec<Item>; 2],
    tail: Counted,
    (rules, tuning): (&Rules, &Tuning),
    scope: Scope,
    log: &mut dyn Log,
) -> Result<(Vec<Outcome>, Counted, Counted), LogError> {
    let [mut source, target] = left_over;
    let (tail, unsolved) = set_apart(tail, runs, tuning.pairs_max as u64, log)?;
    let tail = take_from_tail(tail, runs, &mut source, &target, rules, log)?;
    let mut partners = Partners {
        of_source: vec![Partner::None; source.len()],
        of_target: vec![Partner::None; target.len()],
    };
    let equal = Equal { source: &source, target: &target, by_identity: ByIdentity::new(&target), rules };
    let (reordered, originals) = equal.take(runs, scope, &mut partners, log)?;
    take_mismatched(&source, &target, runs, &mut partners);
    let reordered = Reordered { pairs: &reordered, source: &source, target: &target };
    let broken = key_order_broken(reordered, runs, tuning.bridge, log)?;

    let mut outcomes = Vec::with_capacity(partners.outcomes());
    let (mut i, mut j) = (0, 0);
    let (mut originals, mut broken) = (originals.into_iter(), broken.into_iter());
    // By place: source records before the target's own in each gap.
    let mut take_target = |j: usize, outcomes: &mut Vec<Outcome>| match partners.of_target[j] {
        Partner::None => outcomes.push(Outcome::Extraneous { target: target[j] }),
        Partner::Original => outcomes
            .extend(originals.next().map(|(_, original)| Outcome::Duplicate { original, target: target[j] })),
        Partner::Reordered(_) | Partner::Mismatched(_) => {}
    };
    while i < source.len() {
        let rank = runs.matched_below_source(source[i].offset);
        while j < target.len() && runs.matched_below_target(target[j].offset) < rank {
            take_target(j, &mut outcomes);
            j += 1;
        }
        let item = source[i];
        outcomes.push(match partners.of_source[i] {
            Partner::Reordered(j) => Outcome::Reordered {
                source: item,
                target: target[j as usize],
                key_order_broken: broken.next().unwrap_or_default(),
            },
            Partner::Mismatched(j) => Outcome::Mismatched { source: item, target: target[j as usize] },
            Partner::None | Partner::Original => Outcome::Missing { source: item },
        });
        i += 1;
    }
    (j..target.len()).for_each(|j| take_target(j, &mut outcomes));
    Ok((outcomes, tail, unsolved))
}

/// Whom a left-over record goes with: an index into the other side's list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Partner {
    None,
    Reordered(u32),
    Mismatched(u32),
    /// A source record that has its copy elsewhere.
    Original,
}

struct Partners {
    of_source: Vec<Partner>,
    of_target: Vec<Partner>,
}

impl Partners {
    fn outcomes(&self) -> usize {
        let own = |partner: &&Partner| matches!(partner, Partner::None | Partner::Original);
        self.of_source.len() + self.of_target.iter().filter(own).count()
    }
}

/// The source offset of the last match.
fn last_match(runs: &Runs) -> i64 {
    let last = runs.matched().checked_sub(1).and_then(|last| runs.pair(last));
    last.map_or(i64::MIN, |(source, _)| source)
}

/// Takes what has a match after it out of the counted tail, where it is more than `max` records: they stay counted.
fn set_apart(
    tail: Counted,
    runs: &Runs,
    max: u64,
    log: &mut dyn Log,
) -> Result<(Counted, Counted), LogError> {
    let last = last_match(runs);
    let Some(start) = tail.start().filter(|_| tail.below(last) > max) else {
        return Ok((tail, Counted::default()));
    };
    let mut apart = Counted::default();
    log.read(Side::Source, OffsetRange { start, end: last }, &mut |item| {
        if tail.contains(item.offset) {
            apart.add(item.offset, item.identity);
        }
        true
    })?;
    Ok((tail.behind(last, &apart), apart))
}

/// Reads the counted tail again and moves into `source` what may go with a left-over target record, and what has a
/// matched record after it: that is no tail.
fn take_from_tail(
    tail: Counted,
    runs: &Runs,
    source: &mut Vec<Item>,
    target: &[Item],
    rules: &Rules,
    log: &mut dyn Log,
) -> Result<Counted, LogError> {
    let (Some(start), Some(end)) = (tail.start(), tail.end()) else { return Ok(tail) };
    let (matched, last) = (runs.matched(), last_match(runs));
    let in_last_gap = target.partition_point(|item| runs.matched_below_target(item.offset) < matched);
    let read_to = if target.is_empty() { end.min(last) } else { end };
    if read_to <= start {
        return Ok(tail);
    }
    let mut wanted = Wanted::by(target, in_last_gap, rules);
    let mut taken = Vec::new();
    log.read(Side::Source, OffsetRange { start, end: read_to }, &mut |item| {
        let before_last = item.offset < last;
        if (before_last || wanted.names(item)) && tail.contains(item.offset) {
            if !before_last {
                wanted.take(item);
            }
            taken.push(*item);
        }
        true
    })?;
    let tail = tail.without(&taken);
    source.extend(taken);
    source.sort_unstable_by_key(|item| item.offset);
    Ok(tail)
}

/// So many equal records of the target are looked through one by one, also where time counts.
const FEW: usize = 8;

/// Equal target records, to be taken by time.
struct ByTime {
    free: FirstFree<i64>,
    /// Of the target records.
    indices: Vec<u32>,
}

impl ByTime {
    /// Takes the first one that is free and near to `item`: its index.
    fn take(&mut self, item: &Item, rules: &Rules) -> Option<u32> {
        let at = self.free.take(rules.near(item.timestamp, item.timestamp))?;
        Some(self.indices[at])
    }
}

/// Target records in the order of their identities, and, of equal ones, of their offsets.
struct ByIdentity {
    order: Vec<u32>,
    /// Where the identities with each value of the highest bits begin.
    starts: Vec<u32>,
    bits: u32,
}

impl ByIdentity {
    fn new(target: &[Item]) -> Self {
        let mut order: Vec<u32> = (0..target.len() as u32).collect();
        order.sort_unstable_by_key(|&j| (target[j as usize].identity, j));
        let bits = (target.len().max(1)).ilog2().min(20);
        let bucket = |j: &u32| (target[*j as usize].identity.checked_shr(128 - bits).unwrap_or(0)) as usize;
        let mut starts = Vec::with_capacity((1 << bits) + 1);
        let mut at = 0;
        for n in 0..1 << bits {
            at += order[at..].iter().take_while(|j| bucket(j) < n).count();
            starts.push(at as u32);
        }
        starts.push(order.len() as u32);
        Self { order, starts, bits }
    }

    /// The first place in `order` of a target record with this identity.
    #[inline]
    fn first(&self, identity: u128, target: &[Item]) -> Option<usize> {
        let bucket = identity.checked_shr(128 - self.bits).unwrap_or(0) as usize;
        let (from, to) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        let among = &self.order[from..to];
        let first = from + among.partition_point(|&j| target[j as usize].identity < identity);
        let found = self.order[first..to].first()?;
        (target[*found as usize].identity == identity).then_some(first)
    }

    /// Whether more than a few target records have the identity of the one at place `first`, the first that has it.
    fn are_many(&self, first: usize, target: &[Item]) -> bool {
        let identity = |place: usize| self.order.get(place).map(|&j| target[j as usize].identity);
        identity(first + FEW) == identity(first)
    }

    /// Those that are `free` of the target records with the identity of the one at place `first`, to be taken by time, where
    /// time counts and they are many. `groups`: those that were asked for before.
    fn by_time<'g>(
        &self,
        first: usize,
        target: &[Item],
        rules: &Rules,
        groups: &'g mut HashMap<usize, ByTime>,
        free: impl Fn(usize) -> bool,
    ) -> Option<&'g mut ByTime> {
        let counts = rules.timestamp_tolerance_ms.is_some() && self.are_many(first, target);
        counts.then(|| {
            groups.entry(first).or_insert_with(|| {
                let identity = target[self.order[first] as usize].identity;
                let equal =
                    self.order[first..].iter().take_while(|&&j| target[j as usize].identity == identity);
                let indices: Vec<u32> = equal.copied().filter(|&j| free(j as usize)).collect();
                let free = FirstFree::new(indices.iter().map(|&j| target[j as usize].timestamp));
                ByTime { free, indices }
            })
        })
    }

    /// Each source record in turn, with its index, and the first target record that is equal and not taken, from an index
    /// on.
    fn first_free<'i>(
        &self,
        source: impl Iterator<Item = (usize, &'i Item)>,
        (target, from): (&[Item], usize),
        rules: &Rules,
        taken: &mut [bool],
    ) -> IndexPairs {
        // By the first place of an identity: how many of its first records are not to be had.
        let mut front = vec![0_u32; target.len()];
        // The same where time counts: one that nobody may take would keep the front where it is.
        let mut by_time = HashMap::new();
        let mut pairs = Vec::new();
        for (i, item) in source {
            let Some(first) = self.first(item.identity, target) else { continue };
            let free = |j: usize| j >= from && !taken[j];
            if let Some(equal) = self.by_time(first, target, rules, &mut by_time, free) {
                if let Some(j) = equal.take(item, rules) {
                    taken[j as usize] = true;
                    pairs.push((i as u32, j));
                }
                continue;
            }
            let front = &mut front[first];
            for at in first + *front as usize..self.order.len() {
                let j = self.order[at] as usize;
                if target[j].identity != item.identity {
                    break;
                }
                let free = j >= from && !taken[j];
                let found = free && rules.matches(item, &target[j]);
                taken[j] |= found;
                if (found || !free) && at == first + *front as usize {
                    *front += 1;
                }
                if found {
                    pairs.push((i as u32, j as u32));
                    break;
                }
            }
        }
        pairs
    }
}

/// Index pairs: each source item in turn with the first target item that matches it and is still free.
pub(super) fn first_free(source: &[Item], target: &[Item], rules: &Rules) -> Vec<(usize, usize)> {
    let mut taken = vec![false; target.len()];
    let by_identity = ByIdentity::new(target);
    let pairs = by_identity.first_free(source.iter().enumerate(), (target, 0), rules, &mut taken);
    pairs.into_iter().map(|(i, j)| (i as usize, j as usize)).collect()
}

/// Source and target index.
type IndexPairs = Vec<(u32, u32)>;

/// Target index, and what the record is a further copy of.
type Originals = Vec<(u32, Item)>;

/// What is left over, for finding what is equal.
struct Equal<'a> {
    source: &'a [Item],
    target: &'a [Item],
    by_identity: ByIdentity,
    rules: &'a Rules,
}

impl Equal<'_> {
    /// Pairs of equal records, and the originals of further copies; both by ascending indices. What is judged does not hide
    /// behind what is not: in front of the last copy of the scope, a record from behind the barrier gets only what is no
    /// further copy of the scope.
    fn take(
        self,
        runs: &Runs,
        scope: Scope,
        partners: &mut Partners,
        log: &mut dyn Log,
    ) -> Result<(IndexPairs, Originals), LogError> {
        let Scope { history_start, start, barrier } = scope;
        let judged = self.source.partition_point(|item| item.offset < barrier);
        let late = judged..self.source.len();
        let mut reordered = self.take_reordered(0..judged, 0, partners);
        let behind = self.first_behind(judged, runs.matched_below_source(barrier), runs, partners);
        reordered.extend(self.take_reordered(late.clone(), behind, partners));
        let mut originals = self.take_duplicates(&[(start, barrier)], partners, log)?;
        reordered.extend(self.take_reordered(late, 0, partners));
        let others = [(start.max(barrier), i64::MAX), (history_start, start)];
        originals.extend(self.take_duplicates(&others, partners, log)?);
        reordered.sort_unstable();
        originals.sort_unstable_by_key(|(j, _)| *j);
        Ok((reordered, originals))
    }

    /// The first target record with nothing of the scope after it. `judged`: so many source records are in scope;
    /// `matched`: so many of the scope are matched in order.
    fn first_behind(&self, judged: usize, matched: u64, runs: &Runs, partners: &Partners) -> usize {
        // Where one of the scope has no copy between the last match of it and the next one, any of the target's there may
        // stand for it.
        let behind_last = |i: &usize| runs.matched_below_source(self.source[*i].offset) == matched;
        let mut without_match = (0..judged).rev().take_while(behind_last);
        let open = without_match.any(|i| partners.of_source[i] == Partner::None);
        let first = matched + u64::from(open);
        let behind_matched =
            self.target.partition_point(|item| runs.matched_below_target(item.offset) < first);
        // What was moved is a copy of the scope, too.
        let moved = partners.of_source[..judged].iter().filter_map(|partner| match partner {
            Partner::Reordered(j) => Some(*j as usize + 1),
            _ => None,
        });
        moved.fold(behind_matched, usize::max)
    }

    /// Equal identity on both sides: in order of the source, each of `among` with the first unused equal target record
    /// from an index on.
    fn take_reordered(&self, among: Range<usize>, from: usize, partners: &mut Partners) -> IndexPairs {
        if among.is_empty() {
            return Vec::new();
        }
        let mut taken: Vec<bool> =
            partners.of_target.iter().map(|&partner| partner != Partner::None).collect();
        let free = among.filter(|&i| partners.of_source[i] == Partner::None);
        let items = free.map(|i| (i, &self.source[i]));
        let pairs = self.by_identity.first_free(items, (self.target, from), self.rules, &mut taken);
        for &(i, j) in &pairs {
            partners.of_source[i as usize] = Partner::Reordered(j);
            partners.of_target[j as usize] = Partner::Reordered(i);
        }
        pairs
    }

    /// Target records without a partner of which a source record in these ranges is the original: the first one in the
    /// first range that has one. By index of the target record.
    fn take_duplicates(
        &self,
        ranges: &[(i64, i64)],
        partners: &mut Partners,
        log: &mut dyn Log,
    ) -> Result<Originals, LogError> {
        let mut wanted = partners.of_target.iter().filter(|&&partner| partner == Partner::None).count();
        let mut originals = Vec::new();
        // By the first place of an identity: how many of its first records have theirs.
        let mut found = vec![0_u32; self.target.len()];
        // The same where time counts.
        let mut by_time = HashMap::new();
        for &(start, end) in ranges {
            if wanted == 0 || start >= end {
                continue;
            }
            log.read(Side::Source, OffsetRange { start, end }, &mut |item| {
                let Some(first) = self.by_identity.first(item.identity, self.target) else { return true };
                let alone = |j: usize| partners.of_target[j] == Partner::None;
                let equal = self.by_identity.by_time(first, self.target, self.rules, &mut by_time, alone);
                if let Some(equal) = equal {
                    while let Some(j) = equal.take(item, self.rules) {
                        partners.of_target[j as usize] = Partner::Original;
                        originals.push((j, *item));
                        wanted -= 1;
                    }
                    return wanted > 0;
                }
                let found = &mut found[first];
                for at in first + *found as usize..self.by_identity.order.len() {
                    let j = self.by_identity.order[at] as usize;
                    if self.target[j].identity != item.identity {
                        break;
                    }
                    let free = partners.of_target[j] == Partner::None;
                    if free && self.rules.matches(item, &self.target[j]) {
                        partners.of_target[j] = Partner::Original;
                        originals.push((j as u32, *item));
                        wanted -= 1;
                    }
                    if partners.of_target[j] != Partner::None && at == first + *found as usize {
                        *found += 1;
                    }
                }
                wanted > 0
            })?;
        }
        Ok(originals)
    }
}

/// Left over on both sides between the same two records matched in order: same key, in order. Without a key:
/// same timestamp, then same value.
fn take_mismatched(source: &[Item], target: &[Item], runs: &Runs, partners: &mut Partners) {
    let by_key: fn(&Item) -> Option<u64> = |item| item.key.map(NonZeroU64::get);
    let by_timestamp: fn(&Item) -> Option<u64> =
        |item| item.key.is_none().then_some(item.timestamp.cast_unsigned());
    let by_value: fn(&Item) -> Option<u64> = |item| item.key.is_none().then_some(item.value);
    for place in [by_key, by_timestamp, by_value] {
        // Gap, place, index: the k-th of each gap and place go together.
        let places = |items: &[Item], partners: &[Partner], below: &dyn Fn(i64) -> u64| {
            let mut places: Vec<(u64, u64, u32)> = items
                .iter()
                .enumerate()
                .filter(|&(n, _)| partners[n] == Partner::None)
                .filter_map(|(n, item)| Some((below(item.offset), place(item)?, n as u32)))
                .collect();
            places.sort_unstable();
            places
        };
        let targets = places(target, &partners.of_target, &|offset| runs.matched_below_target(offset));
        if targets.is_empty() {
            continue;
        }
        let sources = places(source, &partners.of_source, &|offset| runs.matched_below_source(offset));
        let mut targets = targets.into_iter().peekable();
        for (gap, at, i) in sources {
            while targets.next_if(|&(other_gap, other, _)| (other_gap, other) < (gap, at)).is_some() {}
            if let Some((.., j)) = targets.next_if(|&(other_gap, other, _)| (other_gap, other) == (gap, at)) {
                partners.of_source[i as usize] = Partner::Mismatched(j);
                partners.of_target[j as usize] = Partner::Mismatched(i);
            }
        }
    }
}
