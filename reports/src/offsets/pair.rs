//! The offsets of one pair: matched records as runs, further copies one by one. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::TranslationState;

/// `count` records: source `source + n` is target `target + n`.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    source: i64,
    target: i64,
    count: i64,
}

/// What one offset is on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub record: Option<i64>,
    pub resume: Option<i64>,
    pub state: TranslationState,
}

/// One pair's copies. Push all, then [`seal`](Self::seal), then ask.
#[derive(Debug)]
pub(super) struct PairOffsets {
    /// Compared offsets: source, target.
    ranges: [Range<i64>; 2],
    /// Ascending on both sides.
    stretches: Vec<Stretch>,
    /// Copies out of order, by source offset: ascending target offsets, the one in order included where there is one.
    copies: BTreeMap<i64, Vec<i64>>,
    /// Source records that have a copy below their place in order, by that place on the target.
    early: BTreeMap<i64, i64>,
    /// Lowest first copy among `copies` at or after each of its source offsets.
    lowest_from: BTreeMap<i64, i64>,
    /// Source records without a copy.
    missing: BTreeSet<i64>,
}

impl PairOffsets {
    pub fn new(ranges: [Range<i64>; 2]) -> Self {
        Self {
            ranges,
            stretches: Vec::new(),
            copies: BTreeMap::new(),
            early: BTreeMap::new(),
            lowest_from: BTreeMap::new(),
            missing: BTreeSet::new(),
        }
    }

    pub fn push_run(&mut self, source: i64, target: i64, count: u64) {
        self.stretches.push(Stretch { source, target, count: i64::try_from(count).unwrap_or(i64::MAX) });
    }

    pub fn push_copy(&mut self, source: i64, target: i64) {
        self.copies.entry(source).or_default().push(target);
    }

    pub fn push_missing(&mut self, source: i64) {
        self.missing.insert(source);
    }

    /// The lowest missing record among `offsets` of the source.
    pub fn first_missing(&self, offsets: Range<i64>) -> Option<i64> {
        // `range` panics where the start is greater.
        (offsets.start < offsets.end).then(|| self.missing.range(offsets).next().copied()).flatten()
    }

    /// Source and target offset of the last record in order.
    pub fn last_match(&self) -> Option<(i64, i64)> {
        let last = self.stretches.last()?;
        Some((last.source + last.count - 1, last.target + last.count - 1))
    }

    /// To be called once, after the last push.
    pub fn seal(&mut self) {
        self.stretches.sort_unstable_by_key(|stretch| stretch.source);
        let stretches = &self.stretches;
        for (&source, targets) in &mut self.copies {
            if let Some(in_order) = at_source(stretches, source) {
                if targets.iter().any(|&target| target < in_order) {
                    self.early.insert(in_order, source);
                }
                targets.push(in_order);
            }
            targets.sort_unstable();
        }
        let mut lowest = i64::MAX;
        for (&source, targets) in self.copies.iter().rev() {
            lowest = lowest.min(targets.first().copied().unwrap_or(i64::MAX));
            self.lowest_from.insert(source, lowest);
        }
    }

    /// Where a reader that stands at `source` resumes on the target.
    pub fn resume_on_target(&self, source: i64) -> Answer {
        if let Some(state) = outside(source, &self.ranges[0]) {
            return Answer { record: None, resume: None, state };
        }
        let record = match self.copies.get(&source) {
            Some(targets) => targets.first().copied(),
            None => at_source(&self.stretches, source),
        };
        let next = self.stretches.partition_point(|stretch| stretch.source + stretch.count <= source);
        let in_order =
            self.stretches.get(next).map(|stretch| stretch.target + (source - stretch.source).max(0));
        let further = self.lowest_from.range(source..).next().map(|(_, &lowest)| lowest);
        self.answer(record, in_order.into_iter().chain(further).min(), 1)
    }

    /// Where a reader that has read the target up to `target` goes on on the source.
    pub fn return_to_source(&self, target: i64) -> Answer {
        if let Some(state) = outside(target, &self.ranges[1]) {
            return Answer { record: None, resume: None, state };
        }
        let copy_of = self.copies.iter().find(|(_, targets)| targets.contains(&target));
        let record = at_target(&self.stretches, target).or(copy_of.map(|(&source, _)| source));
        let in_order = self.first_unread_in_order(target);
        let further = self
            .copies
            .iter()
            .find(|(_, targets)| targets.first().is_some_and(|&first| first >= target))
            .map(|(&source, _)| source);
        self.answer(record, in_order.into_iter().chain(further).min(), 0)
    }

    /// Target records at or after `target` that copy a source record; `None` before the compared range.
    pub fn copies_from(&self, target: i64) -> Option<u64> {
        let past = |stretch: &Stretch| (stretch.target + stretch.count - target.max(stretch.target)).max(0);
        let in_order: i64 = self.stretches.iter().map(past).sum();
        let out_of_order = |copy: &&i64| **copy >= target && at_target(&self.stretches, **copy).is_none();
        let further = self.copies.values().flatten().filter(out_of_order).count();
        (target >= self.ranges[1].start).then_some(in_order.unsigned_abs() + further as u64)
    }

    /// The first record in order at or after `target` that has no copy before it.
    fn first_unread_in_order(&self, target: i64) -> Option<i64> {
        let mut at = target;
        loop {
            let next = self.stretches.partition_point(|stretch| stretch.target + stretch.count <= at);
            let stretch = self.stretches.get(next)?;
            at = at.max(stretch.target);
            let read_early = self
                .early
                .get(&at)
                .is_some_and(|source| self.copies[source].first().is_some_and(|&first| first < target));
            if !read_early {
                return Some(stretch.source + (at - stretch.target));
            }
            at += 1;
        }
    }

    fn answer(&self, record: Option<i64>, resume: Option<i64>, other: usize) -> Answer {
        let state = match (record, resume) {
            (Some(_), _) => TranslationState::Exact,
            (None, Some(_)) => TranslationState::Next,
            (None, None) => TranslationState::End,
        };
        Answer { record, resume: Some(resume.unwrap_or(self.ranges[other].end)), state }
    }
}

fn outside(offset: i64, range: &Range<i64>) -> Option<TranslationState> {
    if offset < range.start {
        Some(TranslationState::BeforeRange)
    } else if offset > range.end {
        Some(TranslationState::AfterRange)
    } else {
        None
    }
}

/// Target offset of the record in order at `source`.
fn at_source(stretches: &[Stretch], source: i64) -> Option<i64> {
    let stretch = stretches[..stretches.partition_point(|stretch| stretch.source <= source)].last()?;
    let n = source - stretch.source;
    (n < stretch.count).then_some(stretch.target + n)
}

/// Source offset of the record in order at `target`.
fn at_target(stretches: &[Stretch], target: i64) -> Option<i64> {
    let stretch = stretches[..stretches.partition_point(|stretch| stretch.target <= target)].last()?;
    let n = target - stretch.target;
    (n < stretch.count).then_some(stretch.source + n)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Records of the source (offsets with gaps) and, for each, the target offsets of its copies; the first `bool`
    /// says whether it is matched in order.
    type Plan = Vec<(i64, Vec<i64>, bool)>;

    fn offsets(plan: &Plan, ranges: [Range<i64>; 2]) -> PairOffsets {
        let mut pair = PairOffsets::new(ranges);
        let mut in_order_after = -1;
        for (source, targets, matched) in plan {
            let mut targets = targets.clone();
            if *matched && let Some(at) = targets.iter().position(|&target| target > in_order_after) {
                in_order_after = targets.remove(at);
                pair.push_run(*source, in_order_after, 1);
            }
            targets.iter().for_each(|&target| pair.push_copy(*source, target));
        }
        pair.seal();
        pair
    }

    proptest! {
        #[test]
        fn both_ways_are_what_the_definitions_say(
            steps in proptest::collection::vec((1..4i64, 0..4u8, any::<bool>()), 0..40),
            order in proptest::collection::vec(any::<u16>(), 160),
            ask in 0..140i64,
        ) {
            // Every copy gets a target offset of its own: its draw, spread, so that order is arbitrary.
            let mut source = 0;
            let mut slots: Vec<(u16, usize)> = Vec::new();
            let mut plan: Plan = Vec::new();
            for (gap, copies, matched) in steps {
                source += gap;
                for _ in 0..copies {
                    let n = slots.len();
                    slots.push((order[n % order.len()] / 64 + 16 * n as u16, plan.len()));
                }
                plan.push((source, Vec::new(), matched));
            }
            slots.sort_unstable();
            for (place, &(_, record)) in slots.iter().enumerate() {
                plan[record].1.push(2 * place as i64);
            }
            let ranges = [0..source + 1, 0..2 * slots.len() as i64];
            let pair = offsets(&plan, ranges.clone());
            let copies: Vec<(i64, &Vec<i64>)> =
                plan.iter().filter(|(_, targets, _)| !targets.is_empty()).map(|(s, t, _)| (*s, t)).collect();

            let answer = pair.resume_on_target(ask);
            if ask <= ranges[0].end {
                let image = copies.iter().filter(|(s, _)| *s >= ask).map(|(_, t)| t[0]).min();
                prop_assert_eq!(answer.resume, Some(image.unwrap_or(ranges[1].end)));
                let record = copies.iter().find(|(s, _)| *s == ask).map(|(_, t)| t[0]);
                prop_assert_eq!(answer.record, record);
            } else {
                prop_assert_eq!(answer.state, TranslationState::AfterRange);
            }

            let at_or_after = copies.iter().flat_map(|(_, t)| *t).filter(|t| **t >= ask).count();
            prop_assert_eq!(pair.copies_from(ask), Some(at_or_after as u64));

            let answer = pair.return_to_source(ask);
            if ask <= ranges[1].end {
                let unread = copies.iter().filter(|(_, t)| t[0] >= ask).map(|(s, _)| *s).min();
                prop_assert_eq!(answer.resume, Some(unread.unwrap_or(ranges[0].end)));
                let record = copies.iter().find(|(_, t)| t.contains(&ask)).map(|(s, _)| *s);
                prop_assert_eq!(answer.record, record);
            } else {
                prop_assert_eq!(answer.state, TranslationState::AfterRange);
            }
        }
    }

    #[test]
    fn a_marker_between_two_runs_is_no_record_and_shifts_nothing() {
        let mut pair = PairOffsets::new([100..111, 50..61]);
        pair.push_run(100, 50, 5);
        pair.push_run(106, 55, 5);
        pair.push_missing(105);
        pair.seal();
        assert_eq!(pair.last_match(), Some((110, 59)));
        assert_eq!(
            [100..105, 100..106, 105..111, 106..111].map(|offsets| pair.first_missing(offsets)),
            [None, Some(105), Some(105), None]
        );
        let at = |offset| pair.resume_on_target(offset);
        assert_eq!(
            (at(104).record, at(104).resume, at(104).state),
            (Some(54), Some(54), TranslationState::Exact)
        );
        assert_eq!((at(105).record, at(105).resume, at(105).state), (None, Some(55), TranslationState::Next));
        assert_eq!((at(106).record, at(106).resume), (Some(55), Some(55)));
        assert_eq!((at(111).record, at(111).resume, at(111).state), (None, Some(61), TranslationState::End));
        assert_eq!(at(99).state, TranslationState::BeforeRange);
        assert_eq!(
            [49, 50, 55, 61, 99].map(|offset| pair.copies_from(offset)),
            [None, Some(10), Some(5), Some(0), Some(0)]
        );
        assert_eq!(pair.return_to_source(55).resume, Some(106));
        assert_eq!(
            pair.return_to_source(60),
            Answer { record: None, resume: Some(111), state: TranslationState::End }
        );
    }
}
