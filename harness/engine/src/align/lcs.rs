//! The leftmost longest common subsequence of two slices. Pure; holds one number for each equal pair.

use super::{Item, Rules};

/// The slices have more equal pairs, or are longer, than the caller's limit allows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooManyPairs;

/// Index pairs in ascending order: of all longest common subsequences the one with the lexicographically
/// smallest source indices, then the smallest target indices.
pub(super) fn leftmost_lcs(
    source: &[Item],
    target: &[Item],
    rules: &Rules,
    max_pairs: usize,
) -> Result<Vec<(u32, u32)>, TooManyPairs> {
    // Equal heads are always matched: no choice of a later copy can be longer, and none is further left.
    let head = source.iter().zip(target).take_while(|(s, t)| rules.matches(s, t)).count();
    let mut pairs: Vec<(u32, u32)> = (0..head as u32).map(|i| (i, i)).collect();
    let (source, target) = (&source[head..], &target[head..]);
    if source.is_empty() || target.is_empty() {
        return Ok(pairs);
    }
    let candidates = Candidates::find(source, target, rules, max_pairs)?;
    let chains = chain_lengths(&candidates);
    let mut remaining = chains.longest;
    let mut next_target = 0;
    for i in 0..source.len() {
        if remaining == 0 {
            break;
        }
        let row = candidates.row(i);
        let at = row.start + candidates.targets[row.clone()].partition_point(|&j| j < next_target);
        if at < row.end && chains.from[at] == remaining {
            let j = candidates.targets[at];
            pairs.push((head as u32 + i as u32, head as u32 + j));
            next_target = j + 1;
            remaining -= 1;
        }
    }
    Ok(pairs)
}

/// For every source index the target indices that match it, ascending.
struct Candidates {
    starts: Vec<u32>,
    targets: Vec<u32>,
}

impl Candidates {
    fn find(source: &[Item], target: &[Item], rules: &Rules, max_pairs: usize) -> Result<Self, TooManyPairs> {
        // 4 bytes for each record, 8 for each equal pair.
        if source.len() + target.len() > 4 * max_pairs {
            return Err(TooManyPairs);
        }
        // Equal ones by time, where it counts: then all that match a record lie side by side.
        let timed = rules.timestamp_tolerance_ms.is_some();
        let place = |j: &u32| {
            let item = &target[*j as usize];
            (item.identity, if timed { item.timestamp } else { 0 })
        };
        let mut by_place: Vec<u32> = (0..target.len() as u32).collect();
        by_place.sort_unstable_by_key(|j| (place(j), *j));
        let mut starts = Vec::with_capacity(source.len() + 1);
        let mut targets: Vec<u32> = Vec::new();
        starts.push(0);
        for item in source {
            let earliest = *rules.near(item.timestamp, item.timestamp).start();
            let from = by_place.partition_point(|j| place(j) < (item.identity, earliest));
            let equal = by_place[from..].iter().take_while(|&&j| rules.matches(item, &target[j as usize]));
            let row = targets.len();
            targets.extend(equal);
            if targets.len() > max_pairs {
                return Err(TooManyPairs);
            }
            targets[row..].sort_unstable();
            starts.push(targets.len() as u32);
        }
        Ok(Self { starts, targets })
    }

    fn row(&self, i: usize) -> std::ops::Range<usize> {
        self.starts[i] as usize..self.starts[i + 1] as usize
    }
}

struct Chains {
    /// For each candidate pair, the length of the longest chain that starts with it.
    from: Vec<u32>,
    longest: u32,
}

/// Walks the pairs from the back; `latest[n]` is the largest target index at which a chain of n + 1 pairs starts.
fn chain_lengths(candidates: &Candidates) -> Chains {
    let mut from = vec![0; candidates.targets.len()];
    let mut latest: Vec<u32> = Vec::new();
    for i in (0..candidates.starts.len() - 1).rev() {
        // Ascending, so that two pairs of one source record never extend each other.
        for at in candidates.row(i) {
            let j = candidates.targets[at];
            let longer = latest.partition_point(|&start| start > j);
            from[at] = longer as u32 + 1;
            match latest.get_mut(longer) {
                Some(start) => *start = j.max(*start),
                None => latest.push(j),
            }
        }
    }
    Chains { from, longest: latest.len() as u32 }
}
