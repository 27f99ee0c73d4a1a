//! What `limits.memory` allows each part of a run. Pure arithmetic; measures nothing.

use crate::align::{Item, Tuning};

/// Bytes that a record costs that is left over when its region is closed: itself, its part of the region, and its
/// outcome.
const BYTES_OF_LEFT_OVER: u64 = 128;
const BYTES_OF_ITEM: u64 = std::mem::size_of::<Item>() as u64;

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
        let items = self.memory / 8 / BYTES_OF_ITEM / 2 / pairs.max(1) as u64;
        (items as usize).clamp(1_024, 1 << 20)
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

    /// How alignment searches within the limit, with so many pairs at the same time.
    pub fn tuning(self, pairs: usize) -> Tuning {
        let share = |bytes: u64, least: usize, most: usize| {
            ((self.memory / bytes / pairs.max(1) as u64) as usize).clamp(least, most)
        };
        let default = Tuning::default();
        Tuning {
            // 25 MiB, 5 MiB, and, only for one pair at a time, 100 MiB of the default limit.
            watched_max: share(512, 1_024, 1 << 22),
            indexed_max: share(2_048, 1_024, 1 << 20),
            pairs_max: ((self.memory / 256) as usize).max(1 << 14),
            window: default.window.min(self.held_max(pairs)),
            ..default
        }
    }
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
    fn the_parts_fit_into_the_whole_for_any_number_of_pairs() {
        let budget = Budget { memory: 256 << 20 };
        for pairs in [1, 4, 96, 500] {
            let Tuning { watched_max, indexed_max, window, .. } = budget.tuning(pairs);
            let held = pairs * 2 * budget.held_max(pairs) * BYTES_OF_ITEM as usize;
            let searching = pairs * (watched_max * 50 + indexed_max * 2 * 20);
            assert!(held <= 48 << 20, "{pairs} pairs: {held}");
            assert!(searching <= 128 << 20, "{pairs} pairs: {searching}");
            assert!(window <= budget.held_max(pairs));
        }
    }

    #[test]
    fn the_least_limit_leaves_room_for_a_search() {
        let budget = Budget { memory: 1 };
        let tuning = budget.tuning(1_000);
        assert!(budget.held_max(1_000) > tuning.near + tuning.agreeing);
        assert!(tuning.window > tuning.near + tuning.agreeing);
    }
}
