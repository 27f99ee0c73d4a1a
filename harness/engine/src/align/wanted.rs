//! Which records of the counted tail may go with a left-over target record, and of those that have the same in common no
//! more than the target has: a tail of few keys would else be taken back as a whole. Reads nothing, pairs nothing.

use std::collections::HashMap;
use std::hash::Hash;
use std::num::NonZeroU64;

use super::watch::PassThrough;
use super::{Item, Rules};

/// How many source records can still go with a left-over target record, by what they would have in common.
pub(super) struct Wanted {
    identities: HashMap<u128, Alike, PassThrough>,
    /// Which of several equal records are within the tolerance of a target record's timestamp is not told here: all that
    /// are between the first and the last of these timestamps are wanted.
    tolerance: Option<u64>,
    /// Behind the last match only, and timestamps and values only without a key: as mismatched records are told.
    keys: HashMap<NonZeroU64, usize>,
    timestamps: HashMap<i64, usize>,
    values: HashMap<u64, usize>,
}

/// Left-over target records of one identity.
struct Alike {
    left: usize,
    first: i64,
    last: i64,
}

impl Wanted {
    /// `target`: left over; those from `behind_last` on lie behind the last match.
    pub fn by(target: &[Item], behind_last: usize, rules: &Rules) -> Self {
        let mut wanted = Self {
            identities: HashMap::default(),
            tolerance: rules.timestamp_tolerance_ms,
            keys: HashMap::new(),
            timestamps: HashMap::new(),
            values: HashMap::new(),
        };
        for item in target {
            let none = Alike { left: 0, first: item.timestamp, last: item.timestamp };
            let alike = wanted.identities.entry(item.identity).or_insert(none);
            alike.left += 1;
            alike.first = alike.first.min(item.timestamp);
            alike.last = alike.last.max(item.timestamp);
        }
        for item in &target[behind_last..] {
            match item.key {
                Some(key) => *wanted.keys.entry(key).or_default() += 1,
                None => {
                    *wanted.timestamps.entry(item.timestamp).or_default() += 1;
                    *wanted.values.entry(item.value).or_default() += 1;
                }
            }
        }
        wanted
    }

    /// Whether a source record may go with one.
    pub fn names(&self, item: &Item) -> bool {
        self.equal_one(item)
            || match item.key {
                Some(key) => self.keys.contains_key(&key),
                None => {
                    self.timestamps.contains_key(&item.timestamp) || self.values.contains_key(&item.value)
                }
            }
    }

    /// Whether a source record may be equal to one.
    fn equal_one(&self, item: &Item) -> bool {
        let near = |alike: &Alike| {
            self.tolerance.is_none_or(|tolerance| {
                let tolerance = i64::try_from(tolerance).unwrap_or(i64::MAX);
                let span = alike.first.saturating_sub(tolerance)..=alike.last.saturating_add(tolerance);
                span.contains(&item.timestamp)
            })
        };
        self.identities.get(&item.identity).is_some_and(near)
    }

    /// Takes a source record that lies behind the last match, after all that lie before it there. It counts for one place
    /// only, that which pairs are told by first: what goes with one by that is out for the others, and these need another.
    pub fn take(&mut self, item: &Item) {
        if self.equal_one(item) {
            if self.tolerance.is_none()
                && let Some(alike) = self.identities.get_mut(&item.identity)
            {
                alike.left -= 1;
                if alike.left == 0 {
                    self.identities.remove(&item.identity);
                }
            }
            return;
        }
        match item.key {
            Some(key) => {
                one_less(&mut self.keys, key);
            }
            None => {
                if !one_less(&mut self.timestamps, item.timestamp) {
                    one_less(&mut self.values, item.value);
                }
            }
        }
    }
}

/// Takes one of so many; false where there is none.
fn one_less<K: Eq + Hash>(left: &mut HashMap<K, usize>, place: K) -> bool {
    let Some(count) = left.get_mut(&place) else { return false };
    *count -= 1;
    if *count == 0 {
        left.remove(&place);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(identity: u128, key: u64, timestamp: i64, value: u64) -> Item {
        Item { identity, offset: 0, timestamp, key: NonZeroU64::new(key), value }
    }

    /// Which of `tail` are taken, in this order.
    fn taken(target: &[Item], behind_last: usize, rules: &Rules, tail: &[Item]) -> Vec<usize> {
        let mut wanted = Wanted::by(target, behind_last, rules);
        let mut taken = Vec::new();
        for (at, item) in tail.iter().enumerate() {
            if wanted.names(item) {
                wanted.take(item);
                taken.push(at);
            }
        }
        taken
    }

    #[test]
    fn of_each_place_as_many_are_taken_as_the_target_has_left_over_there() {
        let exact = Rules::default();
        let keyed = |n: u128| item(n, 7, 0, 0);
        let tail: Vec<Item> = (100..110).map(keyed).collect();
        assert_eq!(taken(&[keyed(1), keyed(2)], 0, &exact, &tail), [0, 1]);
        assert_eq!(taken(&[keyed(1), keyed(2)], 1, &exact, &tail), [0], "one lies before the last match");
        assert_eq!(taken(&[item(1, 8, 0, 0)], 0, &exact, &tail), [0; 0]);
        let equal = [item(1, 7, 0, 0); 5];
        assert_eq!(taken(&equal[..2], 2, &exact, &equal), [0, 1]);
        let tolerant = Rules { timestamp_tolerance_ms: Some(5) };
        assert_eq!(taken(&equal[..2], 2, &tolerant, &equal), [0, 1, 2, 3, 4]);
        // A heartbeat each second: only those that are within the tolerance of one.
        let beats: Vec<Item> = (0..60).map(|second| item(1, 0, second * 1_000, 9)).collect();
        assert_eq!(taken(&beats[20..22], 2, &tolerant, &beats), [20, 21]);
    }

    #[test]
    fn what_counts_for_one_place_leaves_the_others_to_those_behind_it() {
        let exact = Rules::default();
        // Equal ones may be reordered, and then the next two of the key stand where the target's two do.
        let target = [item(1, 7, 0, 0), item(2, 7, 0, 0)];
        let tail = [item(1, 7, 0, 0), item(3, 7, 0, 0), item(4, 7, 0, 0), item(5, 7, 0, 0)];
        assert_eq!(taken(&target, 0, &exact, &tail), [0, 1, 2]);
        // Without a key: first by the timestamp, then by the value.
        let target = [item(1, 0, 10, 20)];
        let tail = [item(3, 0, 10, 20), item(4, 0, 10, 20), item(5, 0, 10, 20), item(6, 0, 11, 21)];
        assert_eq!(taken(&target, 0, &exact, &tail), [0, 1]);
    }
}
