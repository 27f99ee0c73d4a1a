//! Stepping past a batch that cannot be read: which offsets to try, and where the hole ends. Reads nothing itself.
//!
//! A fetch at any offset of a batch returns the whole batch, so that a batch with a wrong checksum, an unknown codec or
//! too much content cannot be entered from behind, and the client does not say where it ends. Offsets after it are
//! tried, ever further ahead, until one is answered by something else; the last step is then halved to the exact end.

use crate::record::OffsetRange;

/// Offsets that could not be read, between offsets that could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Half-open. How many records were there is not known.
    pub range: OffsetRange,
    /// What the client said.
    pub detail: String,
}

/// The search for the end of one batch.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// First offset that is lost.
    from: i64,
    /// The highest offset known to lie in the batch.
    inside: i64,
    /// The lowest offset known to lie after it, or the end of the range.
    outside: i64,
    /// How far ahead the next offset to try lies, while none after the batch is known.
    stride: Option<i64>,
    detail: String,
}

impl Step {
    /// The batch at `base` was met where `due` was to be read next, in a range that ends at `end` (after `due`).
    pub fn new(base: i64, due: i64, end: i64, detail: String) -> Self {
        let from = base.max(due).min(end - 1);
        Self { from, inside: from, outside: end, stride: Some(1), detail }
    }

    /// The next offset to try; `None` where the end is known.
    pub fn offset(&self) -> Option<i64> {
        let ahead = self.stride.map(|stride| self.inside.saturating_add(stride));
        match ahead.filter(|&offset| offset < self.outside) {
            Some(offset) => Some(offset),
            None if self.inside + 1 < self.outside => Some(self.inside + (self.outside - self.inside) / 2),
            None => None,
        }
    }

    /// What answered at [`offset`](Self::offset): a batch that cannot be read either, with its base offset, or
    /// (`None`) anything else.
    pub fn answered(&mut self, unreadable: Option<i64>) {
        let Some(tried) = self.offset() else { return };
        match unreadable {
            Some(base) if base <= self.from => {
                self.inside = tried;
                self.stride = self.stride.map(|stride| stride.saturating_mul(2));
            }
            _ => {
                self.outside = tried;
                self.stride = None;
            }
        }
    }

    /// The hole, once [`offset`](Self::offset) has none to try.
    pub fn hole(self) -> Hole {
        Hole { range: OffsetRange { start: self.from, end: self.outside }, detail: self.detail }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps past a batch of `base..end` met at `due`; returns the hole and how many offsets were tried.
    fn step(base: i64, batch_end: i64, due: i64, range_end: i64) -> (OffsetRange, usize) {
        let mut step = Step::new(base, due, range_end, String::new());
        let mut tries = 0;
        while let Some(offset) = step.offset() {
            tries += 1;
            assert!(offset > due && offset < range_end, "{offset} is not to be tried");
            step.answered((offset < batch_end).then_some(base));
        }
        (step.hole().range, tries)
    }

    #[test]
    fn the_hole_ends_exactly_where_the_batch_ends_or_the_range() {
        for batch in [1, 2, 3, 7, 8, 9, 100, 4_095, 4_096, 20_000] {
            for due in [500, 500 + batch / 2] {
                let (hole, tries) = step(500, 500 + batch, due, 1_000_000);
                assert_eq!((hole.start, hole.end), (due, 500 + batch));
                assert!(tries <= 32, "{tries} tries for a batch of {batch}");
                let (hole, _) = step(500, 500 + batch, due, due + 1 + batch / 4);
                assert_eq!(hole.end, (500 + batch).min(due + 1 + batch / 4));
            }
        }
    }

    #[test]
    fn another_unreadable_batch_right_behind_is_no_part_of_it() {
        let mut step = Step::new(10, 10, 1_000, String::new());
        while let Some(offset) = step.offset() {
            step.answered(Some(if offset < 14 { 10 } else { 14 }));
        }
        assert_eq!(step.hole().range, OffsetRange { start: 10, end: 14 });
    }

    #[test]
    fn offsets_that_compaction_left_out_before_the_batch_are_no_hole() {
        let (hole, _) = step(700, 710, 650, 1_000);
        assert_eq!((hole.start, hole.end), (700, 710));
    }
}
