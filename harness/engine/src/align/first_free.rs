//! The first of some records that is free and whose timestamp lies between two others. Pure.

use std::ops::RangeInclusive;

/// Records in an order of their own, each of which can be taken once.
#[derive(Debug)]
pub struct FirstFree {
    /// Ascending.
    timestamps: Vec<i64>,
    /// A tree over them: each node holds the first of the free records below it; the leaves are its second half.
    first: Vec<usize>,
    /// By record.
    leaves: Vec<usize>,
}

const NONE: usize = usize::MAX;

impl FirstFree {
    /// All are free. `timestamps`: by record.
    pub fn new(timestamps: impl IntoIterator<Item = i64>) -> Self {
        let mut by_time: Vec<(i64, usize)> =
            timestamps.into_iter().enumerate().map(|(at, time)| (time, at)).collect();
        by_time.sort_unstable();
        let count = by_time.len();
        let (mut first, mut leaves) = (vec![NONE; 2 * count], vec![NONE; count]);
        for (leaf, &(_, at)) in by_time.iter().enumerate() {
            (first[count + leaf], leaves[at]) = (at, count + leaf);
        }
        for node in (1..count).rev() {
            first[node] = first[2 * node].min(first[2 * node + 1]);
        }
        Self { timestamps: by_time.into_iter().map(|(time, _)| time).collect(), first, leaves }
    }

    /// Takes the first one that is free and of one of these `times`.
    pub fn take(&mut self, times: RangeInclusive<i64>) -> Option<usize> {
        let at = self.first_of(&times);
        let mut node = *self.leaves.get(at)?;
        self.first[node] = NONE;
        while node > 1 {
            node /= 2;
            self.first[node] = self.first[2 * node].min(self.first[2 * node + 1]);
        }
        Some(at)
    }

    fn first_of(&self, times: &RangeInclusive<i64>) -> usize {
        let count = self.timestamps.len();
        let mut from = count + self.timestamps.partition_point(|time| time < times.start());
        let mut to = count + self.timestamps.partition_point(|time| time <= times.end());
        let mut first = NONE;
        while from < to {
            if from % 2 == 1 {
                first = first.min(self.first[from]);
                from += 1;
            }
            if to % 2 == 1 {
                to -= 1;
                first = first.min(self.first[to]);
            }
            (from, to) = (from / 2, to / 2);
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::FirstFree;

    proptest! {
        #[test]
        fn each_takes_the_first_free_record_of_its_time(
            timestamps in prop::collection::vec(-9i64..9, 0..40),
            wanted in prop::collection::vec((-12i64..12, 0i64..5), 0..60),
        ) {
            let mut free = FirstFree::new(timestamps.iter().copied());
            let mut taken = vec![false; timestamps.len()];
            for (earliest, more) in wanted {
                let times = earliest..=earliest + more;
                let first =
                    (0..timestamps.len()).find(|&at| !taken[at] && times.contains(&timestamps[at]));
                first.into_iter().for_each(|at| taken[at] = true);
                prop_assert_eq!(free.take(times), first);
            }
        }
    }
}
