//! What both sides of a pair have gained since a run, matched by what counts as the same record. Pure; reads nothing.

use std::collections::{HashMap, VecDeque};

use serde::Serialize;

use super::marks::Marks;

/// Where a record stands and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Offset.
    pub offset: i64,
    /// Milliseconds since the epoch; -1 where it has none.
    pub timestamp: i64,
}

/// Some records of one partition: a count of records, not of offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Span {
    /// How many.
    pub records: u64,
    /// The first by offset.
    pub first: Option<Place>,
    /// The last by offset.
    pub last: Option<Place>,
}

impl Span {
    fn push(&mut self, place: Place) {
        self.records += 1;
        self.first.get_or_insert(place);
        self.last = Some(place);
    }
}

impl FromIterator<Place> for Span {
    fn from_iter<T: IntoIterator<Item = Place>>(places: T) -> Self {
        let mut span = Self::default();
        places.into_iter().for_each(|place| span.push(place));
        span
    }
}

/// Records after the compared range: all of the source first, then all of the target, both by offset.
///
/// A record that stands on both sides is on neither alone, whichever way it was copied. Memory grows with the source's.
#[derive(Debug)]
pub(super) struct Tail {
    /// By offset, with the target offset of the first copy.
    source: Vec<(Place, Option<i64>)>,
    /// Source records without a copy so far, by identity, in order. An empty list: all have one.
    waiting: HashMap<u128, VecDeque<usize>>,
    target_only: Span,
    target_only_at: Marks,
    copies_at: Marks,
}

impl Tail {
    /// `commits`: offsets on the target for which it can be asked.
    pub fn new(commits: &[i64]) -> Self {
        Self {
            source: Vec::new(),
            waiting: HashMap::new(),
            target_only: Span::default(),
            target_only_at: Marks::new(commits.iter().copied()),
            copies_at: Marks::new(commits.iter().copied()),
        }
    }

    pub fn push_source(&mut self, identity: u128, place: Place) {
        self.waiting.entry(identity).or_default().push_back(self.source.len());
        self.source.push((place, None));
    }

    pub fn push_target(&mut self, identity: u128, place: Place) {
        match self.waiting.get_mut(&identity) {
            Some(waiting) => {
                if let Some(at) = waiting.pop_front() {
                    self.source[at].1 = Some(place.offset);
                }
                self.copies_at.push(place.offset);
            }
            None => {
                self.target_only.push(place);
                self.target_only_at.push(place.offset);
            }
        }
    }

    /// Source records so far.
    pub fn source_records(&self) -> usize {
        self.source.len()
    }

    /// All records that the source has gained.
    pub fn new_on_source(&self) -> Span {
        self.source.iter().map(|(place, _)| *place).collect()
    }

    /// Of those, the ones that the target does not have.
    pub fn only_on_source(&self) -> u64 {
        self.source.iter().filter(|(_, copy)| copy.is_none()).count() as u64
    }

    /// Target records that the source does not have.
    pub fn target_only(&self) -> &Span {
        &self.target_only
    }

    /// Target-only records before a commit: processed by a group that stands there.
    pub fn target_only_before(&self, commit: i64) -> u64 {
        self.target_only_at.before(commit)
    }

    /// Target-only records at or after a commit: not processed.
    pub fn target_only_from(&self, commit: i64) -> u64 {
        self.target_only_at.from(commit)
    }

    /// Target records at or after a commit that the source has too.
    pub fn copies_from(&self, commit: i64) -> u64 {
        self.copies_at.from(commit)
    }

    /// The first source record that a group has not processed on the target: it has no copy before the commit.
    pub fn first_unprocessed(&self, commit: i64) -> Option<i64> {
        let unprocessed = |(_, copy): &&(Place, Option<i64>)| copy.is_none_or(|copy| copy >= commit);
        self.source.iter().find(unprocessed).map(|(place, _)| place.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(commits: &[i64], source: &[(u128, i64)], target: &[(u128, i64)]) -> Tail {
        let mut tail = Tail::new(commits);
        let place = |offset| Place { offset, timestamp: 1_000 + offset };
        source.iter().for_each(|&(identity, offset)| tail.push_source(identity, place(offset)));
        target.iter().for_each(|&(identity, offset)| tail.push_target(identity, place(offset)));
        tail
    }

    #[test]
    fn what_both_sides_have_is_on_neither_alone_and_a_further_copy_neither() {
        let tail = tail(&[52], &[(1, 10), (2, 11), (3, 14)], &[(1, 50), (9, 51), (1, 52), (2, 53), (8, 57)]);
        assert_eq!(tail.target_only().records, 2);
        assert_eq!(tail.target_only().first, Some(Place { offset: 51, timestamp: 1_051 }));
        assert_eq!(tail.target_only().last, Some(Place { offset: 57, timestamp: 1_057 }));
        assert_eq!((tail.target_only_before(52), tail.target_only_from(52)), (1, 1));
        assert_eq!(tail.copies_from(52), 2);
        assert_eq!((tail.new_on_source().records, tail.only_on_source()), (3, 1));
    }

    #[test]
    fn a_group_goes_back_to_the_first_source_record_that_it_has_not_processed() {
        let source = [(1, 10), (2, 11), (3, 14)];
        let at = |commit| tail(&[commit], &source, &[(1, 50), (2, 51), (3, 52)]).first_unprocessed(commit);
        assert_eq!([50, 51, 52, 53].map(at), [Some(10), Some(11), Some(14), None]);
        let stale = tail(&[99], &source, &[(1, 50), (3, 51)]);
        assert_eq!(stale.first_unprocessed(99), Some(11), "one that was never copied was never processed");
    }

    #[test]
    fn equal_records_are_matched_one_to_one() {
        let tail = tail(&[51], &[(1, 10), (1, 11)], &[(1, 50)]);
        assert_eq!(tail.only_on_source(), 1);
        assert_eq!(tail.first_unprocessed(51), Some(11));
    }
}
