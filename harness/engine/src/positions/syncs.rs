//! MirrorMaker 2's translation of a committed offset, recomputed by its own rule: what it keeps of a partition's
//! offset-syncs, and what follows from them. Reads no topic; says nothing about whether the answer is right.
//!
//! MirrorMaker 2 keeps 64 syncs a partition, the newest in slot 0, dense near the head and sparser towards the past:
//!
//! - B: for i < j, `slot[i].upstream <= slot[j].upstream + 2^j - 2^i`: no slot is older than its number allows;
//! - C: for i < j that differ, `slot[i].upstream >= slot[j].upstream + 2^max(i - 2, 0)`: no slot is wasted.
//!
//! These alone leave several arrays possible; [`SyncStore::add`] chooses as MirrorMaker 2 does (since 3.5.2 and 3.6).
//! A MirrorMaker 2 that could not read its checkpoints when it started holds less: only what it has read since.

/// Syncs that are kept of each partition.
pub const SLOTS: usize = 64;

/// A source offset and the target offset of the same record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SyncPoint {
    /// Offset on the source.
    pub upstream: i64,
    /// Offset on the target.
    pub downstream: i64,
}

impl SyncPoint {
    /// What a commit at or after this point becomes, if this is the nearest point known: the same record, or the
    /// place after it. Records between the two may or may not have been copied, so nothing is ever added.
    pub fn translates(self, upstream: i64) -> Option<i64> {
        match upstream.cmp(&self.upstream) {
            std::cmp::Ordering::Less => None,
            std::cmp::Ordering::Equal => Some(self.downstream),
            std::cmp::Ordering::Greater => Some(self.downstream.saturating_add(1)),
        }
    }
}

/// What the syncs say about a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Translation {
    /// The position on the target, and the point that it follows from.
    At {
        /// Where the group would resume.
        offset: i64,
        /// The nearest point that is kept.
        from: SyncPoint,
    },
    /// The commit is before every point that is kept; MirrorMaker 2 writes no checkpoint then.
    TooOld {
        /// The earliest point that is kept.
        earliest: SyncPoint,
    },
}

impl Translation {
    /// The position, where there is one.
    pub fn offset(self) -> Option<i64> {
        match self {
            Self::At { offset, .. } => Some(offset),
            Self::TooOld { .. } => None,
        }
    }
}

/// A sync and which it is: equal numbers from two records are two syncs.
#[derive(Clone, Copy, Debug)]
struct Slot {
    point: SyncPoint,
    serial: u64,
}

/// One partition's syncs as MirrorMaker 2 holds them.
#[derive(Clone, Debug)]
pub struct SyncStore {
    slots: [Slot; SLOTS],
    taken: u64,
}

impl SyncStore {
    /// After the first sync.
    pub fn new(first: SyncPoint) -> Self {
        Self { slots: [Slot { point: first, serial: 0 }; SLOTS], taken: 1 }
    }

    /// After one more, in the order of the topic.
    pub fn add(&mut self, point: SyncPoint) {
        let new = Slot { point, serial: self.taken };
        self.taken += 1;
        // The source was read again from an earlier offset: what was known is void.
        if point.upstream < self.slots[0].point.upstream {
            self.slots = [new; SLOTS];
            return;
        }
        let before = self.slots;
        self.slots[0] = new;
        let mut cursor = 0;
        let mut in_use = new;
        for at in 1..SLOTS {
            let nearer = self.slots[at - 1];
            // A slot that is still recent enough stays, and so does all behind it.
            (in_use, cursor) = replacement(&before, nearer, at, in_use, cursor);
            if is_recent(nearer, before[at], at - 1, at) {
                break;
            }
            self.slots[at] = in_use;
        }
    }

    /// What becomes of a commit.
    pub fn translate(&self, upstream: i64) -> Translation {
        let kept = self.slots.iter().find_map(|slot| Some((slot.point.translates(upstream)?, slot.point)));
        match kept {
            Some((offset, from)) => Translation::At { offset, from },
            None => Translation::TooOld { earliest: self.slots[SLOTS - 1].point },
        }
    }

    /// The slots, the newest first; the same point may be in several.
    pub fn points(&self) -> impl Iterator<Item = SyncPoint> + '_ {
        self.slots.iter().map(|slot| slot.point)
    }
}

/// What slot `at` would take, and where in the array `before` the next look starts. A candidate that fits is used, and
/// let go for the next slot; one that repeats, or is too near the slot before, can never fit and is passed over; one
/// that is too old for this slot is looked at again for the next.
fn replacement(
    before: &[Slot; SLOTS],
    nearer: Slot,
    at: usize,
    mut in_use: Slot,
    mut cursor: usize,
) -> (Slot, usize) {
    loop {
        let candidate = before[cursor];
        let apart = is_apart(nearer, candidate, at - 1);
        let fits = apart
            && is_recent(nearer, candidate, at - 1, at)
            && before.get(at + 1).is_none_or(|farther| is_apart(candidate, *farther, at));
        let repeats = before.get(cursor + 1).is_some_and(|next| next.serial == candidate.serial);
        if fits {
            in_use = candidate;
        }
        let pass_over = repeats || !apart;
        if fits || pass_over {
            cursor += 1;
        }
        if !pass_over || cursor >= at {
            return (in_use, cursor);
        }
    }
}

/// B between slots `i` and `j`.
fn is_recent(nearer: Slot, farther: Slot, i: usize, j: usize) -> bool {
    let reach = (1_i128 << j) - (1_i128 << i);
    nearer.serial == farther.serial
        || i128::from(nearer.point.upstream) <= i128::from(farther.point.upstream) + reach
}

/// C of slot `i` and one behind it.
fn is_apart(nearer: Slot, farther: Slot, i: usize) -> bool {
    let distance = 1_i128 << i.saturating_sub(2);
    nearer.serial == farther.serial
        || i128::from(nearer.point.upstream) >= i128::from(farther.point.upstream) + distance
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(upstream: i64, downstream: i64) -> SyncPoint {
        SyncPoint { upstream, downstream }
    }

    fn store(points: &[SyncPoint]) -> SyncStore {
        let mut store = SyncStore::new(points[0]);
        points[1..].iter().for_each(|point| store.add(*point));
        store
    }

    /// The syncs of 1,000 records at `offset.lag.max` 100, as MirrorMaker 2 wrote them.
    fn of_a_thousand() -> Vec<SyncPoint> {
        [0, 101, 202, 303, 404, 505, 606, 707, 808, 909, 999].map(|offset| point(offset, offset)).to_vec()
    }

    #[test]
    fn positions_seen_with_mirrormaker_2_are_recomputed() {
        let all = of_a_thousand();
        // 500 and 990 were translated before the last sync was flushed, as any prefix of the syncs may be used.
        let early = store(&all[..10]);
        assert_eq!(early.translate(990), Translation::At { offset: 910, from: point(909, 909) });
        assert_eq!(store(&all[..6]).translate(500), Translation::At { offset: 405, from: point(404, 404) });
        let whole = store(&all);
        for (upstream, downstream) in [(990, 910), (1000, 1000), (2000, 1000), (999, 999), (0, 0)] {
            assert_eq!(whole.translate(upstream).offset(), Some(downstream), "{upstream}");
        }
    }

    #[test]
    fn a_commit_before_the_first_sync_is_not_translated() {
        let late = store(&[point(500, 0), point(601, 101)]);
        assert_eq!(late.translate(499), Translation::TooOld { earliest: point(500, 0) });
        assert_eq!(late.translate(500).offset(), Some(0));
        assert_eq!(late.translate(600).offset(), Some(1), "never by adding the distance on the source");
    }

    #[test]
    fn reading_the_source_again_from_an_earlier_offset_forgets_all() {
        let mut again = store(&of_a_thousand());
        again.add(point(400, 1000));
        assert_eq!(again.translate(404).offset(), Some(1001));
        assert_eq!(again.translate(399), Translation::TooOld { earliest: point(400, 1000) });
    }

    #[test]
    fn far_behind_the_head_few_syncs_are_left() {
        let many: Vec<SyncPoint> = (0..2000).map(|n| point(n * 101, n * 101)).collect();
        let store = store(&many);
        let mut left: Vec<i64> = store.points().map(|p| p.upstream).collect();
        left.dedup();
        assert_eq!(left[0], 1999 * 101);
        assert!(left.len() < 24, "{left:?}");
        // The gap to the next point grows with the distance from the head.
        let gap = |upstream: i64| upstream - store.translate(upstream).offset().expect("translated");
        assert!(gap(1990 * 101) < 1_000, "{}", gap(1990 * 101));
        assert!(gap(1000 * 101) > 10_000, "{}", gap(1000 * 101));
    }

    /// The rule once more, from its statement in words: for each slot all places where the cursor may stop are tried in
    /// turn over lists, with big numbers and without early ends that the statement does not name.
    fn by_the_statement(points: &[SyncPoint]) -> Vec<SyncPoint> {
        let up = |id: usize| points[id].upstream as i128;
        let b = |i: usize, x: usize, j: usize, y: usize| {
            x == y || up(x) <= up(y) + 2_i128.pow(j as u32) - 2_i128.pow(i as u32)
        };
        let c = |i: usize, x: usize, y: usize| {
            x == y || up(x) - up(y) >= 2_i128.pow((i as u32).saturating_sub(2))
        };
        let mut slots = vec![0_usize; SLOTS];
        for new in 1..points.len() {
            let old = slots.clone();
            if up(new) < up(old[0]) {
                slots = vec![new; SLOTS];
                continue;
            }
            slots[0] = new;
            let mut waiting: std::collections::VecDeque<(usize, usize)> =
                old.iter().copied().enumerate().collect();
            let mut used = new;
            for j in 1..SLOTS {
                let i = j - 1;
                while let Some(&(place, candidate)) = waiting.front() {
                    // Never from a place that is not nearer than the slot, but for the first look.
                    let is_last_of_its_kind = old.get(place + 1) != Some(&candidate);
                    let near_enough = b(i, slots[i], j, candidate);
                    let far_enough = c(i, slots[i], candidate);
                    let leaves_room = j == SLOTS - 1 || c(j, candidate, old[j + 1]);
                    let fits = near_enough && far_enough && leaves_room;
                    if fits {
                        used = candidate;
                    }
                    let never_again = !is_last_of_its_kind || !far_enough;
                    if fits || never_again {
                        waiting.pop_front();
                    }
                    let next_place = waiting.front().map_or(SLOTS, |(place, _)| *place);
                    if !never_again || next_place >= j {
                        break;
                    }
                }
                if b(i, slots[i], j, slots[j]) {
                    break;
                }
                slots[j] = used;
            }
        }
        slots.into_iter().map(|id| points[id]).collect()
    }

    fn stream() -> impl Strategy<Value = Vec<SyncPoint>> {
        let step = prop_oneof![
            4 => 1_i64..3,
            4 => Just(101_i64),
            4 => 1_i64..5_000,
            1 => Just(0_i64),
            1 => -3_000_i64..0,
            1 => 1_i64 << 20..1_i64 << 40,
        ];
        (0_i64..1000, proptest::collection::vec((step, 1_i64..200), 0..150)).prop_map(|(first, steps)| {
            let mut points = vec![point(first, 7)];
            for (upstream, downstream) in steps {
                let last = points[points.len() - 1];
                points.push(point((last.upstream + upstream).max(0), last.downstream + downstream));
            }
            points
        })
    }

    proptest! {
        #[test]
        fn the_slots_are_those_of_the_statement_and_keep_its_invariants(points in stream()) {
            let store = store(&points);
            let slots: Vec<SyncPoint> = store.points().collect();
            prop_assert_eq!(&slots, &by_the_statement(&points));
            prop_assert_eq!(slots[0], points[points.len() - 1]);
            for i in 0..SLOTS {
                for j in i + 1..SLOTS {
                    let (near, far) = (store.slots[i], store.slots[j]);
                    prop_assert!(is_recent(near, far, i, j), "B {i} {j}");
                    // Two syncs of one source offset, as after a restart, are as near as can be.
                    let same = near.point.upstream == far.point.upstream;
                    prop_assert!(same || is_apart(near, far, i), "C {i} {j}");
                }
            }
        }

        #[test]
        fn a_translation_never_lies_past_the_record_and_is_one_that_a_prefix_gives(
            points in stream(), at in 0_usize..150, plus in 0_i64..50,
        ) {
            let upstream = points[at.min(points.len() - 1)].upstream + plus;
            if let Translation::At { offset, from } = store(&points).translate(upstream) {
                prop_assert!(from.upstream <= upstream);
                let given = points.iter().any(|point| point.translates(upstream) == Some(offset));
                prop_assert!(given);
            }
        }

        /// Why it is enough to look for one sync: the newest of a prefix is always in slot 0.
        #[test]
        fn some_prefix_gives_a_position_exactly_if_some_sync_does(
            points in stream(), at in 0_usize..150, plus in -5_i64..50, wanted in 0_usize..150, one in 0_i64..2,
        ) {
            let upstream = points[at.min(points.len() - 1)].upstream + plus;
            let offset = points[wanted.min(points.len() - 1)].downstream + one;
            let by_sync = points.iter().any(|point| point.translates(upstream) == Some(offset));
            let by_prefix = (1..=points.len())
                .any(|end| store(&points[..end]).translate(upstream).offset() == Some(offset));
            prop_assert_eq!(by_sync, by_prefix);
        }
    }
}
