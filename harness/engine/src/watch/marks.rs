//! Counts offsets before and after several marks in one pass. Pure; holds no offset.

/// Push offsets in any order, then ask for the marks that it was made with.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Ascending, each once.
    marks: Vec<i64>,
    /// `counts[n]`: offsets at or after exactly `n` marks.
    counts: Vec<u64>,
}

impl Marks {
    pub fn new(marks: impl IntoIterator<Item = i64>) -> Self {
        let mut marks: Vec<i64> = marks.into_iter().collect();
        marks.sort_unstable();
        marks.dedup();
        Self { counts: vec![0; marks.len() + 1], marks }
    }

    pub fn push(&mut self, offset: i64) {
        self.counts[self.marks.partition_point(|&mark| mark <= offset)] += 1;
    }

    /// Pushed offsets below a mark.
    pub fn before(&self, mark: i64) -> u64 {
        self.counts[..=self.at(mark)].iter().sum()
    }

    /// Pushed offsets at or after a mark.
    pub fn from(&self, mark: i64) -> u64 {
        self.counts[self.at(mark) + 1..].iter().sum()
    }

    /// Where a mark stands. For any other offset the counts could not tell.
    fn at(&self, mark: i64) -> usize {
        self.marks.binary_search(&mark).expect("a mark that was given")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_at_a_mark_is_after_it_and_gaps_do_not_count() {
        let mut marks = Marks::new([10, 5, 10, 99]);
        [3, 5, 9, 10, 50].into_iter().for_each(|offset| marks.push(offset));
        assert_eq!([5, 10, 99].map(|mark| marks.before(mark)), [1, 3, 5]);
        assert_eq!([5, 10, 99].map(|mark| marks.from(mark)), [4, 2, 0]);
    }
}
