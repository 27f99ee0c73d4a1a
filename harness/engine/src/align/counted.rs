//! Records of one side that were counted and not held: how many, where, and the sum of their identities. Judges nothing.

use super::Item;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    start: i64,
    end: i64,
    /// Records in all stretches before this one.
    before: u64,
}

/// Records in ascending order of offsets, of which nothing is kept but offsets and one sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    stretches: Vec<Stretch>,
    sum: u128,
}

impl Counted {
    /// Counts a record that lies after all others.
    #[inline]
    pub fn add(&mut self, offset: i64, identity: u128) {
        self.sum = self.sum.wrapping_add(identity);
        match self.stretches.last_mut() {
            Some(last) if last.end == offset => last.end += 1,
            _ => {
                let before = self.records();
                self.stretches.push(Stretch { start: offset, end: offset + 1, before });
            }
        }
    }

    /// How many.
    pub fn records(&self) -> u64 {
        self.stretches.last().map_or(0, |last| last.before + (last.end - last.start) as u64)
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// Their offsets, ascending.
    pub fn offsets(&self) -> impl Iterator<Item = i64> + '_ {
        self.stretches.iter().flat_map(|stretch| stretch.start..stretch.end)
    }

    /// Sum of the identities, modulo 2^128.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The lowest offset.
    pub fn start(&self) -> Option<i64> {
        self.stretches.first().map(|first| first.start)
    }

    /// One past the highest offset.
    pub fn end(&self) -> Option<i64> {
        self.stretches.last().map(|last| last.end)
    }

    /// Records whose offset is below `offset`.
    pub fn below(&self, offset: i64) -> u64 {
        match self.stretches[..self.stretches.partition_point(|at| at.start < offset)].last() {
            None => 0,
            Some(last) => last.before + (last.end.min(offset) - last.start) as u64,
        }
    }

    /// Whether the record at `offset` is one of them.
    pub fn contains(&self, offset: i64) -> bool {
        self.below(offset + 1) > self.below(offset)
    }

    /// Without `items`, which are some of them, in ascending order.
    pub fn without(&self, items: &[Item]) -> Self {
        let mut rest = Self::default();
        let mut items = items.iter().peekable();
        for stretch in &self.stretches {
            let mut start = stretch.start;
            while let Some(item) = items.next_if(|item| item.offset < stretch.end) {
                rest.append(start, item.offset);
                rest.sum = rest.sum.wrapping_sub(item.identity);
                start = item.offset + 1;
            }
            rest.append(start, stretch.end);
        }
        rest.sum = rest.sum.wrapping_add(self.sum);
        rest
    }

    /// Those from `offset` on; `before`: all the others.
    pub(super) fn behind(&self, offset: i64, before: &Self) -> Self {
        let mut rest = Self::default();
        for stretch in &self.stretches {
            rest.append(stretch.start.max(offset), stretch.end);
        }
        rest.sum = self.sum.wrapping_sub(before.sum);
        rest
    }

    /// These and others, which may lie in between.
    pub(super) fn merged(&self, other: &Self) -> Self {
        let mut merged = Self::default();
        let [mut a, mut b] = [self, other].map(|one| one.stretches.iter().peekable());
        while let Some(stretch) = match (a.peek(), b.peek()) {
            (Some(one), Some(two)) if two.start < one.start => b.next(),
            (Some(_), _) => a.next(),
            (None, _) => b.next(),
        } {
            merged.append(stretch.start, stretch.end);
        }
        merged.sum = self.sum.wrapping_add(other.sum);
        merged
    }

    /// Appends records that lie after all of these.
    pub(super) fn extend(&mut self, later: Self) {
        self.sum = self.sum.wrapping_add(later.sum);
        for Stretch { start, end, .. } in later.stretches {
            self.append(start, end);
        }
    }

    fn append(&mut self, start: i64, end: i64) {
        let last = self.stretches.last_mut().filter(|last| last.end == start);
        if let Some(last) = last {
            last.end = last.end.max(end);
        } else if start < end {
            let before = self.records();
            self.stretches.push(Stretch { start, end, before });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_behind_an_offset_is_the_rest() {
        let counted = |offsets: &[i64]| {
            let mut counted = Counted::default();
            offsets.iter().for_each(|&offset| counted.add(offset, u128::MAX - offset as u128));
            counted
        };
        let all = [1, 2, 3, 7, 8, 12];
        for at in 0..14 {
            let (before, behind): (Vec<i64>, Vec<i64>) = all.iter().partition(|&&offset| offset < at);
            assert_eq!(counted(&all).behind(at, &counted(&before)), counted(&behind), "from {at} on");
        }
    }

    #[test]
    fn what_is_taken_out_is_no_longer_counted_anywhere() {
        let item = |offset: i64| Item {
            identity: u128::MAX - offset as u128,
            offset,
            timestamp: 0,
            key: None,
            value: 0,
        };
        let offsets = [3, 4, 5, 9, 10, 20];
        let mut all = Counted::default();
        for offset in offsets {
            all.add(offset, item(offset).identity);
        }
        assert_eq!(all.stretches.len(), 3, "records side by side take no more room than one");
        for taken in 0..1_u32 << offsets.len() {
            let (out, kept): (Vec<_>, Vec<_>) = (0..offsets.len()).partition(|&at| taken & (1 << at) != 0);
            let out: Vec<Item> = out.into_iter().map(|at| item(offsets[at])).collect();
            let rest = all.without(&out);
            let kept: Vec<Item> = kept.into_iter().map(|at| item(offsets[at])).collect();
            assert_eq!(rest.records(), kept.len() as u64);
            assert_eq!(rest.start(), kept.first().map(|item| item.offset));
            assert_eq!(rest.end(), kept.last().map(|item| item.offset + 1));
            assert_eq!(rest.sum(), kept.iter().fold(0, |sum: u128, item| sum.wrapping_add(item.identity)));
            for offset in 0..25 {
                let below = kept.iter().filter(|item| item.offset < offset).count() as u64;
                assert_eq!(rest.below(offset), below);
                assert!(rest.offsets().eq(kept.iter().map(|item| item.offset)));
                assert_eq!(rest.contains(offset), kept.iter().any(|item| item.offset == offset));
            }
        }
    }
}
