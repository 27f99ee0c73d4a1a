//! Tells which reordered records broke the order of their key, not only that of the partition. Decides nothing else.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::ops::Range;

use super::runs::Runs;
use super::{Item, Log, LogError};
use crate::record::{OffsetRange, Side};

/// Pairs of equal records out of order, as indices into what is left over on either side.
#[derive(Clone, Copy)]
pub(super) struct Reordered<'a> {
    pub pairs: &'a [(u32, u32)],
    pub source: &'a [Item],
    pub target: &'a [Item],
}

impl Reordered<'_> {
    fn source(&self, n: u32) -> &Item {
        &self.source[self.pairs[n as usize].0 as usize]
    }

    fn target(&self, n: u32) -> &Item {
        &self.target[self.pairs[n as usize].1 as usize]
    }

    fn all(&self) -> Range<u32> {
        0..self.pairs.len() as u32
    }

    /// Of the records matched in order between the two places of a pair.
    fn ranks(&self, n: u32, runs: &Runs) -> Range<u64> {
        let source = runs.matched_below_source(self.source(n).offset);
        let target = runs.matched_below_target(self.target(n).offset);
        source.min(target)..source.max(target)
    }

    /// By pair: does it stand before another one of its key on one side and after it on the other?
    fn among_themselves(&self) -> Vec<bool> {
        let mut broken = vec![false; self.pairs.len()];
        let mut by_key: HashMap<NonZeroU64, Vec<u32>> = HashMap::new();
        for n in self.all() {
            if let Some(key) = self.source(n).key {
                by_key.entry(key).or_default().push(n);
            }
        }
        for pairs in by_key.values_mut() {
            pairs.sort_unstable_by_key(|&n| self.source(n).offset);
            let mut latest = i64::MIN;
            for &n in pairs.iter() {
                broken[n as usize] |= latest > self.target(n).offset;
                latest = latest.max(self.target(n).offset);
            }
            let mut earliest = i64::MAX;
            for &n in pairs.iter().rev() {
                broken[n as usize] |= earliest < self.target(n).offset;
                earliest = earliest.min(self.target(n).offset);
            }
        }
        broken
    }
}

/// By pair: is there a copy of the same key that comes before it on one side and after it on the other? Looks at the
/// other reordered pairs, and at the records matched in order between its two places: parts of the source that lie
/// within `bridge` matched records of each other are read again in one go.
pub(super) fn key_order_broken(
    reordered: Reordered<'_>,
    runs: &Runs,
    bridge: usize,
    log: &mut dyn Log,
) -> Result<Vec<bool>, LogError> {
    let mut broken = reordered.among_themselves();
    let mut open: Vec<(Range<u64>, u32)> = reordered
        .all()
        .filter(|&n| !broken[n as usize] && reordered.source(n).key.is_some())
        .map(|n| (reordered.ranks(n, runs), n))
        .filter(|(ranks, _)| !ranks.is_empty())
        .collect();
    open.sort_unstable_by_key(|(ranks, _)| ranks.start);
    let mut open = &open[..];
    while let Some((first, _)) = open.first() {
        let mut ranks = first.clone();
        let near = open.iter().take_while(|(next, _)| {
            let near = next.start <= ranks.end.saturating_add(bridge as u64);
            if near {
                ranks.end = ranks.end.max(next.end);
            }
            near
        });
        let (together, rest) = open.split_at(near.count());
        sweep(together, ranks, reordered, runs, log, &mut broken)?;
        open = rest;
    }
    Ok(broken)
}

/// Reads the source over the matched records of `ranks`. `open`: in the order in which their ranks begin.
fn sweep(
    open: &[(Range<u64>, u32)],
    ranks: Range<u64>,
    reordered: Reordered<'_>,
    runs: &Runs,
    log: &mut dyn Log,
    broken: &mut [bool],
) -> Result<(), LogError> {
    let (Some((from, _)), Some((to, _))) = (runs.pair(ranks.start), runs.pair(ranks.end - 1)) else {
        return Ok(());
    };
    let mut waiting = open.iter().peekable();
    let mut begun: HashMap<NonZeroU64, Vec<&(Range<u64>, u32)>> = HashMap::new();
    let mut rank = ranks.start;
    log.read(Side::Source, OffsetRange { start: from, end: to + 1 }, &mut |item| {
        if runs.pair(rank).is_none_or(|(matched, _)| item.offset < matched) {
            return true;
        }
        while let Some(open) = waiting.next_if(|(ranks, _)| ranks.start <= rank) {
            if let Some(key) = reordered.source(open.1).key {
                begun.entry(key).or_default().push(open);
            }
        }
        if let Some(begun) = item.key.and_then(|key| begun.get_mut(&key)) {
            begun.retain(|(ranks, n)| {
                let hit = ranks.contains(&rank);
                broken[*n as usize] |= hit;
                !hit && rank < ranks.end
            });
        }
        rank += 1;
        true
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys 1, 2, 3 in turn; offset n is the n-th record.
    fn item(n: i64) -> Item {
        Item {
            identity: n as u128,
            offset: n,
            timestamp: n,
            key: NonZeroU64::new(1 + n as u64 % 3),
            value: n as u64,
        }
    }

    /// Counts how often it is read.
    struct Counted(Vec<Item>, usize);

    impl Log for Counted {
        fn read(
            &mut self,
            _: Side,
            range: OffsetRange,
            visit: &mut dyn FnMut(&Item) -> bool,
        ) -> Result<(), LogError> {
            self.1 += 1;
            let within = self.0.iter().filter(|item| (range.start..range.end).contains(&item.offset));
            let _ = within.take_while(|item| visit(item)).count();
            Ok(())
        }
    }

    #[test]
    fn parts_that_are_near_each_other_are_read_in_one_go_with_the_same_answer() {
        // Source record n comes by 2 (other keys only) or by 4 (its own key, too) later on the target.
        let moved = [(10, 2), (20, 4), (300, 4), (900, 2)];
        let source: Vec<Item> = (0..1_000).map(item).collect();
        let left: Vec<Item> = moved.map(|(n, _)| item(n)).to_vec();
        let right: Vec<Item> = moved.map(|(n, by)| Item { offset: n + by, ..item(n) }).to_vec();
        let mut runs = Runs::default();
        for n in (0..1_000).filter(|n| !moved.iter().any(|(moved, _)| moved == n)) {
            let passed = moved.iter().find(|&&(moved, by)| (moved + 1..=moved + by).contains(&n));
            runs.push(n, n - i64::from(passed.is_some()));
        }
        let reordered = Reordered { pairs: &[(0, 0), (1, 1), (2, 2), (3, 3)], source: &left, target: &right };
        for (bridge, reads) in [(0, 4), (10, 3), (300, 2), (4_000, 1)] {
            let mut log = Counted(source.clone(), 0);
            let broken = key_order_broken(reordered, &runs, bridge, &mut log).expect("readable");
            assert_eq!((broken, log.1), (vec![false, true, true, false], reads), "bridge {bridge}");
        }
    }
}
