//! Records matched in order, as runs in which both offsets grow by one per record: the exact offset map.

/// `count` records: source `source_offset + n` is target `target_offset + n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First source offset.
    pub source_offset: i64,
    /// First target offset.
    pub target_offset: i64,
    /// Records, at least 1.
    pub count: u64,
    /// Pairs in all runs before this one.
    before: u64,
}

impl Run {
    /// Its part below `ends` (source, target); `None` where nothing of it lies there.
    pub fn below(&self, ends: [i64; 2]) -> Option<Self> {
        let room = (ends[0] - self.source_offset).min(ends[1] - self.target_offset);
        let count = self.count.min(u64::try_from(room).unwrap_or(0));
        (count > 0).then_some(Self { count, ..*self })
    }
}

/// Runs in ascending order of both offsets.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    runs: Vec<Run>,
}

impl Runs {
    /// Appends a pair that lies after all others on both sides.
    #[inline]
    pub fn push(&mut self, source_offset: i64, target_offset: i64) {
        if let Some(last) = self.runs.last_mut() {
            let n = last.count as i64;
            if source_offset == last.source_offset + n && target_offset == last.target_offset + n {
                last.count += 1;
                return;
            }
        }
        let before = self.matched();
        self.runs.push(Run { source_offset, target_offset, count: 1, before });
    }

    /// Runs from their first source offset, first target offset and length, ascending, as [`as_slice`](Self::as_slice)
    /// gives them.
    pub fn from_spans(spans: impl IntoIterator<Item = (i64, i64, u64)>) -> Self {
        let mut before = 0;
        let runs = spans
            .into_iter()
            .map(|(source_offset, target_offset, count)| {
                let run = Run { source_offset, target_offset, count, before };
                before += count;
                run
            })
            .collect();
        Self { runs }
    }

    /// The runs, ascending.
    pub fn as_slice(&self) -> &[Run] {
        &self.runs
    }

    /// Pairs in all runs.
    pub fn matched(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.before + run.count)
    }

    /// Pairs whose source offset is below `offset`.
    pub fn matched_below_source(&self, offset: i64) -> u64 {
        self.below(offset, |run| run.source_offset)
    }

    /// Pairs whose target offset is below `offset`.
    pub fn matched_below_target(&self, offset: i64) -> u64 {
        self.below(offset, |run| run.target_offset)
    }

    /// Source and target offset of the `n`-th pair, from 0.
    pub fn pair(&self, n: u64) -> Option<(i64, i64)> {
        let run = self.runs[..self.runs.partition_point(|run| run.before <= n)].last()?;
        let at = n - run.before;
        (at < run.count).then(|| (run.source_offset + at as i64, run.target_offset + at as i64))
    }

    fn below(&self, offset: i64, start: impl Fn(&Run) -> i64) -> u64 {
        match self.runs[..self.runs.partition_point(|run| start(run) < offset)].last() {
            None => 0,
            Some(run) => run.before + run.count.min((offset - start(run)) as u64),
        }
    }

    /// Replaces the pairs with ranks in `ranks` by `pairs`, which lie between their neighbours on both sides.
    pub(super) fn replace(&mut self, ranks: std::ops::Range<u64>, pairs: &[(i64, i64)]) {
        let mut replaced = Runs::default();
        replaced.append(self, 0..ranks.start);
        for &(source, target) in pairs {
            replaced.push(source, target);
        }
        replaced.append(self, ranks.end..self.matched());
        *self = replaced;
    }

    fn append(&mut self, from: &Runs, ranks: std::ops::Range<u64>) {
        let first = from.runs.partition_point(|run| run.before + run.count <= ranks.start);
        for run in &from.runs[first..] {
            if run.before >= ranks.end {
                break;
            }
            let skip = ranks.start.saturating_sub(run.before);
            let keep = run.count.min(ranks.end - run.before) - skip;
            self.push(run.source_offset + skip as i64, run.target_offset + skip as i64);
            if let Some(last) = self.runs.last_mut() {
                last.count += keep - 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_of_a_run_below_two_ends_is_what_lies_below_both() {
        let runs = Runs::from_spans([(0, 5, 2), (10, 20, 5)]);
        let below = |ends: [i64; 2]| {
            let part = runs.as_slice()[1].below(ends)?;
            Some((part.source_offset, part.target_offset, part.count, part.before))
        };
        assert_eq!(below([13, 100]), Some((10, 20, 3, 2)));
        assert_eq!(below([100, 22]), Some((10, 20, 2, 2)));
        assert_eq!(below([12, 24]), Some((10, 20, 2, 2)));
        assert_eq!(below([15, 25]), Some((10, 20, 5, 2)));
        assert_eq!(below([99, 99]), Some((10, 20, 5, 2)));
        assert_eq!([below([10, 99]), below([99, 20]), below([3, 7])], [None; 3]);
    }
}
