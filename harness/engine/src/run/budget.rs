//! What `limits.memory` allows each part of a run. Pure arithmetic; measures nothing.

use crate::align::keyed::KeyedTuning;
use crate::align::{Item, Tuning};

/// Bytes that a record costs that is left over when its region is closed: itself, its part of the region, and its
/// outcome.
const BYTES_OF_LEFT_OVER: u64 = 128;
const BYTES_OF_ITEM: u64 = std::mem::size_of::<Item>() as u64;
/// Bytes that a record costs while its group is solved in memory.
const BYTES_OF_SOLVED: u64 = 256;
/// However small the limit, each side of each pair may hold so many items, as long as all together hold less than 32 MiB.
const LEAST_HELD: usize = 1_024;
/// With fewer, a search may not find an end: more than `near` and `agreeing` together.
const LEAST_FOR_A_SEARCH: usize = 48;
/// With room for fewer items of each side of a pair, readers wait for each other more than they read.
const COMFORTABLE: u64 = 256;

/// Findings that are explained together before the size of any record is known.
pub(super) const EXPLAINED_FIRST: usize = 64;
/// Findings that are explained together at most.
pub(super) const EXPLAINED_MOST: usize = 2_000;

/// `limits.memory`, divided.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// The limit in bytes.
    pub memory: u64,
}

impl Budget {
    /// What one reader may fetch ahead, in bytes. Two of them read at the same time.
    pub fn prefetch(self) -> u64 {
        self.memory / 8
    }

    /// Items of one side of a pair that may wait before the side is paused, and before they lie on disk. An eighth
    /// of the limit for both sides of all pairs.
    pub fn held_max(self, pairs: usize) -> usize {
        (self.share_of_pair(pairs) as usize).clamp(least_held(pairs), 1 << 20)
    }

    /// Items of one side of a pair in an eighth of the limit.
    fn share_of_pair(self, pairs: usize) -> u64 {
        self.memory / 8 / BYTES_OF_ITEM / 2 / pairs.max(1) as u64
    }

    /// What to say where there are so many pairs that the limit leaves little to each.
    pub fn crowded(self, pairs: usize) -> Option<String> {
        let share = self.share_of_pair(pairs);
        (least_held(pairs) < LEAST_HELD && share < COMFORTABLE).then(|| {
            let enough = (pairs as u64 * COMFORTABLE * 2 * BYTES_OF_ITEM * 8).div_ceil(1 << 20);
            format!(
                "limits.memory leaves room for {share} records of each side of {pairs} pairs: the readers will often wait \
                 for each other, and over 10,000 pairs more memory may be used; allow {enough}MiB, or compare fewer topics \
                 at once"
            )
        })
    }

    /// Items of one side of a lead-in that may wait, which is read without pauses: one pair at a time, nothing on disk.
    pub fn held_by_lead_in(self) -> usize {
        2 * self.held_max(1)
    }

    /// Items that units may hold in memory, all together: a quarter of the limit, because buffers double and indices
    /// come on top.
    pub fn held_by_units(self) -> usize {
        (self.memory / 4 / BYTES_OF_ITEM) as usize
    }

    /// Records of all pairs that may be left over.
    pub fn left_over_max(self) -> usize {
        (self.memory / 2 / BYTES_OF_LEFT_OVER) as usize
    }

    /// Findings whose payloads, two records each at most, may be held together: an eighth of the limit, where records are
    /// as large as the `records` of `bytes` that were held for the last ones, which were `before` findings. Where none of
    /// their records could be read, as many as before. The next records may be larger than the last: no more than twice
    /// as many as before.
    pub fn explained_together(self, before: usize, records: u64, bytes: u64) -> usize {
        if records == 0 {
            return before;
        }
        let of_one_finding = 2 * bytes.div_ceil(records).max(1);
        ((self.memory / 8 / of_one_finding) as usize).clamp(1, EXPLAINED_MOST.min(2 * before.max(1)))
    }

    /// Which pair gives up where too much is left over. Each of `pairs` says what it has left over, and whether it is at
    /// rest.
    pub fn to_give_up(self, pairs: impl Iterator<Item = (usize, bool)>) -> Option<usize> {
        largest_over(self.left_over_max(), pairs)
    }

    /// Which unit is relieved where units hold too much in memory. Each of `units` says what it holds, and whether it is
    /// at rest.
    pub fn to_relieve(self, units: impl Iterator<Item = (usize, bool)>) -> Option<usize> {
        largest_over(self.held_by_units(), units)
    }

    /// How alignment searches within the limit, with so many pairs at the same time.
    pub fn tuning(self, pairs: usize) -> Tuning {
        let share = |bytes: u64, most: usize| {
            ((self.memory / bytes / pairs.max(1) as u64) as usize).clamp(least_held(pairs), most)
        };
        let default = Tuning::default();
        Tuning {
            // 25 MiB, 5 MiB, and, only for one pair at a time, 100 MiB of the default limit.
            watched_max: share(512, 1 << 22),
            indexed_max: share(2_048, 1 << 20),
            pairs_max: ((self.memory / 256) as usize).max(1 << 14),
            window: default.window.min(self.held_max(pairs)),
            ..default
        }
    }

    /// How so many units are aligned within the limit. A quarter of it is for the groups that are solved, one unit after the
    /// other; a sixty-fourth for what counts the records on disk.
    pub fn keyed_tuning(self, units: usize) -> KeyedTuning {
        KeyedTuning {
            pair: self.tuning(units),
            solved_max: ((self.memory / 4 / BYTES_OF_SOLVED) as usize).max(1_024),
            cells: ((self.memory / 64 / 4 / units.max(1) as u64) as usize).clamp(1 << 8, 1 << 16),
            ..KeyedTuning::default()
        }
    }

    /// What the records of one of so many units go through on their way to disk: a sixteenth of the limit for all.
    pub fn buffers(self, units: usize) -> Buffers {
        let share = (self.memory / 16 / units.max(1) as u64) as usize;
        let count = (share / (8 << 10)).clamp(1, 64);
        Buffers { count, bytes: (share / count).min(8 << 10) }
    }
}

/// Buffers of one unit.
#[derive(Clone, Copy, Debug)]
pub(in crate::run) struct Buffers {
    /// How many, at least 1.
    pub count: usize,
    /// Bytes of each.
    pub bytes: usize,
}

/// Where `all` hold more than `max`: of those still read the one that holds most. Each says what it holds, and whether it
/// is at rest. What those at rest hold counts half: it cannot be relieved any more, and must not make the others give up
/// one after the other; all of it together stays below twice the limit.
fn largest_over(max: usize, all: impl Iterator<Item = (usize, bool)>) -> Option<usize> {
    let (mut still_read, mut at_rest) = (0, 0);
    let mut most: Option<(usize, usize)> = None;
    for (at, (held, rests)) in all.enumerate() {
        if rests {
            at_rest += held;
            continue;
        }
        still_read += held;
        if held > most.map_or(0, |(_, most)| most) {
            most = Some((at, held));
        }
    }
    let (at, _) = most.filter(|_| still_read + at_rest / 2 > max)?;
    Some(at)
}

/// Items of one side of a pair for which there is always room.
fn least_held(pairs: usize) -> usize {
    let in_all = (32 << 20) / 2 / BYTES_OF_ITEM as usize;
    (in_all / pairs.max(1)).clamp(LEAST_FOR_A_SEARCH, LEAST_HELD)
}

/// Gives memory that was freed back to the system: after the readers have ended, that is most of theirs.
pub(super) fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: may be called at any time, from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_fit_into_the_whole_for_up_to_ten_thousand_pairs() {
        let budget = Budget { memory: 256 << 20 };
        for pairs in [1, 4, 96, 341, 342, 500, 2_000, 10_000] {
            let Tuning { watched_max, indexed_max, window, .. } = budget.tuning(pairs);
            let held = pairs * 2 * budget.held_max(pairs) * BYTES_OF_ITEM as usize;
            let searching = pairs * (watched_max * 50 + indexed_max * 2 * 20);
            assert!(held <= 48 << 20, "{pairs} pairs: {held}");
            assert!(searching <= 128 << 20, "{pairs} pairs: {searching}");
            assert!(window <= budget.held_max(pairs));
        }
    }

    #[test]
    fn so_many_findings_are_explained_together_that_records_like_the_last_ones_fit() {
        let budget = Budget { memory: 256 << 20 };
        let together = |records, bytes| budget.explained_together(EXPLAINED_MOST, records, bytes);
        assert_eq!(budget.explained_together(EXPLAINED_FIRST, 128, 128 << 10), 2 * EXPLAINED_FIRST);
        assert_eq!(together(128, 128 << 20), 16, "a mebibyte each");
        assert_eq!(together(128, 128 << 10), EXPLAINED_MOST, "a kibibyte each");
        assert_eq!(together(1, 1 << 30), 1, "even one is too much");
        assert_eq!(together(0, 0), EXPLAINED_MOST, "nothing is known of their size");
        assert_eq!(Budget { memory: 0 }.explained_together(7, 3, 0), 1);
        for bytes in [1 << 14, 1 << 17, 3 << 20] {
            let held = 2 * bytes * together(10, 10 * bytes) as u64;
            assert!(held <= budget.memory / 8, "{held} for records of {bytes}");
        }
    }

    #[test]
    fn the_buffers_of_any_number_of_units_fit_into_the_whole() {
        let budget = Budget { memory: 256 << 20 };
        for units in [1, 4, 96, 500, 2_000, 10_000] {
            let Buffers { count, bytes } = budget.buffers(units);
            let KeyedTuning { cells, solved_max, .. } = budget.keyed_tuning(units);
            assert!(units * count * bytes <= 16 << 20, "{units} units: {count} of {bytes}");
            assert!(units * cells * 4 <= 12 << 20, "{units} units: {cells}");
            assert!(solved_max as u64 * BYTES_OF_SOLVED <= 64 << 20);
        }
        let Buffers { count, bytes } = Budget { memory: 1 }.buffers(3);
        assert_eq!((count, bytes), (1, 0), "record by record");
    }

    #[test]
    fn where_there_is_little_room_for_each_of_many_pairs_it_is_said_how_much_is_enough() {
        let budget = Budget { memory: 256 << 20 };
        assert_eq!([1, 500, 1_365].map(|pairs| budget.crowded(pairs)), [None, None, None]);
        let said = budget.crowded(2_000).expect("little room");
        assert!(
            ["174 records", "2000 pairs", "allow 375MiB"].iter().all(|words| said.contains(words)),
            "{said}"
        );
        assert_eq!(Budget { memory: 375 << 20 }.crowded(2_000), None);
        assert_eq!(Budget { memory: 1 }.crowded(3), None, "what a test of little memory wants");
    }

    #[test]
    fn one_pair_that_is_given_up_takes_no_other_along() {
        let budget = Budget { memory: 256 << 20 };
        let max = budget.left_over_max();
        let given_up = |pairs: &[(usize, bool)]| budget.to_give_up(pairs.iter().copied());
        assert_eq!(given_up(&[(3, false), (max - 3, false), (0, false)]), None);
        assert_eq!(given_up(&[(3, false), (max - 2, false), (0, false)]), Some(1));
        assert_eq!(given_up(&[(3, false), (max + 9_000, true), (0, false)]), None);
        assert_eq!(given_up(&[(max / 2, false), (max + 9_000, true), (0, false)]), Some(0));
        assert_eq!(given_up(&[(0, false), (3 * max, true), (0, false)]), None, "nothing is won by it");
    }

    #[test]
    fn the_unit_that_holds_most_is_relieved_and_those_at_rest_count_half() {
        let budget = Budget { memory: 256 << 20 };
        let max = budget.held_by_units();
        let relieved = |units: &[(usize, bool)]| budget.to_relieve(units.iter().copied());
        assert_eq!(relieved(&[(3, false), (max - 3, false), (0, false)]), None);
        assert_eq!(relieved(&[(3, false), (max - 2, false), (0, false)]), Some(1));
        assert_eq!(relieved(&[(3, false), (max + 9_000, true)]), None);
        assert_eq!(relieved(&[(max / 2, false), (max + 9_000, true)]), Some(0));
    }

    #[test]
    fn what_is_left_over_stays_below_twice_the_limit_however_many_pairs_are_given_up() {
        let budget = Budget { memory: 1 << 20 };
        let max = budget.left_over_max();
        let mut pairs = vec![(0, false); 50];
        for at in 0..pairs.len() {
            while !pairs[at].1 {
                pairs[at].0 += 1;
                if let Some(given_up) = budget.to_give_up(pairs.iter().copied()) {
                    pairs[given_up].1 = true;
                } else if pairs[at].0 > 2 * max {
                    panic!("{at} is never given up");
                }
            }
        }
        let all: usize = pairs.iter().map(|pair| pair.0).sum();
        assert!(all <= 2 * max + 2 * pairs.len(), "{all} of {max}");
    }

    #[test]
    fn the_least_limit_leaves_room_for_a_search() {
        let budget = Budget { memory: 1 };
        for pairs in [1, 1_000, 100_000] {
            let tuning = budget.tuning(pairs);
            assert!(budget.held_max(pairs) > tuning.near + tuning.agreeing);
            assert!(tuning.window > tuning.near + tuning.agreeing);
        }
    }
}
