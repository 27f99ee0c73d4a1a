//! The first of some records that is free and whose timestamp, or whatever else it is looked for by, lies between two
//! others. Pure.

use std::ops::RangeInclusive;

/// Records in an order of their own, each of which can be taken once. `P`: where each lies, e.g. its timestamp.
#[derive(Debug)]
pub struct FirstFree<P> {
    /// Ascending.
    places: Vec<P>,
    /// A tree over them: each node holds the first of the free records below it; the leaves are its second half.
    first: Vec<usize>,
    /// By record.
    leaves: Vec<usize>,
}

const NONE: usize = usize::MAX;

impl<P: Copy + Ord> FirstFree<P> {
    /// All are free. `places`: by record.
    pub fn new(places: impl IntoIterator<Item = P>) -> Self {
        let mut by_place: Vec<(P, usize)> =
            places.into_iter().enumerate().map(|(at, place)| (place, at)).collect();
        by_place.sort_unstable();
        let count = by_place.len();
        let (mut first, mut leaves) = (vec![NONE; 2 * count], vec![NONE; count]);
        for (leaf, &(_, at)) in by_place.iter().enumerate() {
            (first[count + leaf], leaves[at]) = (at, count + leaf);
        }
        for node in (1..count).rev() {
            first[node] = first[2 * node].min(first[2 * node + 1]);
        }
        Self { places: by_place.into_iter().map(|(place, _)| place).collect(), first, leaves }
    }

    /// Takes the first one that is free and lies at one of these `places`.
    pub fn take(&mut self, places: RangeInclusive<P>) -> Option<usize> {
        let at = self.first_of(&places);
        let leaf = *self.leaves.get(at)?;
        self.set(leaf, NONE);
        Some(at)
    }

    /// Makes one that was taken free again.
    pub fn give_back(&mut self, at: usize) {
        let leaf = self.leaves[at];
        self.set(leaf, at);
    }

    fn set(&mut self, leaf: usize, first: usize) {
        let mut node = leaf;
        self.first[node] = first;
        while node > 1 {
            node /= 2;
            self.first[node] = self.first[2 * node].min(self.first[2 * node + 1]);
        }
    }

    fn first_of(&self, places: &RangeInclusive<P>) -> usize {
        let count = self.places.len();
        let mut from = count + self.places.partition_point(|place| place < places.start());
        let mut to = count + self.places.partition_point(|place| place <= places.end());
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
            wanted in prop::collection::vec((-12i64..12, 0i64..5, any::<bool>()), 0..60),
        ) {
            let mut free = FirstFree::new(timestamps.iter().copied());
            let mut taken = vec![false; timestamps.len()];
            for (earliest, more, given_back) in wanted {
                let times = earliest..=earliest + more;
                let first =
                    (0..timestamps.len()).find(|&at| !taken[at] && times.contains(&timestamps[at]));
                prop_assert_eq!(free.take(times), first);
                if let Some(at) = first {
                    taken[at] = !given_back;
                    if given_back {
                        free.give_back(at);
                    }
                }
            }
        }
    }
}
