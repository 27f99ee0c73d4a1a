//! Offsets that could not be read, remembered for the whole run: what is read again leaves them out at once, and what
//! was met before the comparison is told too. Reads nothing itself.

use std::collections::{BTreeMap, HashMap};

use crate::consume::Hole;
use crate::record::{OffsetRange, Side, TopicPartition};

/// By side and partition, ascending.
#[derive(Default)]
pub(super) struct Holes(HashMap<(Side, TopicPartition), BTreeMap<i64, Hole>>);

impl Holes {
    /// Remembers `holes`; one that was known only in part grows.
    pub fn add(&mut self, side: Side, partition: &TopicPartition, holes: impl IntoIterator<Item = Hole>) {
        let known = self.0.entry((side, partition.clone())).or_default();
        for mut hole in holes {
            let touching: Vec<i64> = known
                .range(..=hole.range.end)
                .filter(|(_, other)| other.range.end >= hole.range.start)
                .map(|(&start, _)| start)
                .collect();
            for start in touching {
                let other = known.remove(&start).expect("just found");
                hole.range.start = hole.range.start.min(other.range.start);
                hole.range.end = hole.range.end.max(other.range.end);
                hole.detail = other.detail;
            }
            known.insert(hole.range.start, hole);
        }
    }

    /// All of one side, by partition.
    pub fn of_side(&self, side: Side) -> Vec<(TopicPartition, Vec<Hole>)> {
        let own = self.0.iter().filter(|((of, _), holes)| *of == side && !holes.is_empty());
        let mut own: Vec<(TopicPartition, Vec<Hole>)> = own
            .map(|((_, partition), holes)| (partition.clone(), holes.values().cloned().collect()))
            .collect();
        own.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        own
    }

    /// The holes that `range` meets.
    pub fn within(&self, side: Side, partition: &TopicPartition, range: OffsetRange) -> Vec<&Hole> {
        let known = self.0.get(&(side, partition.clone()));
        let known = known.into_iter().flat_map(BTreeMap::values);
        known.filter(|hole| hole.range.start < range.end && hole.range.end > range.start).collect()
    }

    /// The first offsets of `range` that could not be read and are not among `told`.
    pub fn beyond(
        &self,
        side: Side,
        partition: &TopicPartition,
        range: OffsetRange,
        told: &[OffsetRange],
    ) -> Option<Hole> {
        self.within(side, partition, range).into_iter().find_map(|hole| {
            let end = hole.range.end.min(range.end);
            let mut start = hole.range.start.max(range.start);
            while let Some(known) = told.iter().find(|known| (known.start..known.end).contains(&start)) {
                start = known.end;
            }
            let next = told.iter().map(|known| known.start).filter(|&known| known > start);
            let range = OffsetRange { start, end: next.fold(end, i64::min) };
            (range.start < range.end).then(|| Hole { range, detail: hole.detail.clone() })
        })
    }

    /// What is left of `range`, in order.
    pub fn readable(&self, side: Side, partition: &TopicPartition, range: OffsetRange) -> Vec<OffsetRange> {
        let mut left = Vec::new();
        let mut start = range.start;
        for hole in self.within(side, partition, range) {
            if hole.range.start > start {
                left.push(OffsetRange { start, end: hole.range.start });
            }
            start = hole.range.end;
        }
        if start < range.end || left.is_empty() && range.start >= range.end {
            left.push(OffsetRange { start, end: range.end });
        }
        left
    }
}

/// For people: which offsets are not judged, and why.
pub(super) fn remark(side: Side, partition: &TopicPartition, hole: &Hole) -> String {
    let OffsetRange { start, end } = hole.range;
    format!(
        "{partition} of the {side}: offsets {start} to {} cannot be read ({}); these {} offsets are not judged",
        end - 1,
        hole.detail,
        end - start
    )
}

/// For people: offsets that were read once and not again.
pub(super) fn lost(side: Side, partition: &TopicPartition, hole: &Hole) -> String {
    let OffsetRange { start, end } = hole.range;
    format!(
        "{partition} of the {side}: offsets {start} to {} were read and cannot be read again ({}): without them nothing \
         read of the partition is judged; run again",
        end - 1,
        hole.detail
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: i64, end: i64) -> OffsetRange {
        OffsetRange { start, end }
    }

    #[test]
    fn what_is_read_again_leaves_known_holes_out() {
        let partition = TopicPartition::new("orders", 0);
        let mut holes = Holes::default();
        let hole = |start, end| Hole { range: range(start, end), detail: "bad".to_owned() };
        holes.add(Side::Source, &partition, [hole(10, 20), hole(30, 31)]);
        holes.add(Side::Source, &partition, [hole(15, 25)]);
        let readable = |start, end| holes.readable(Side::Source, &partition, range(start, end));
        assert_eq!(readable(0, 40), [range(0, 10), range(25, 30), range(31, 40)]);
        assert_eq!(readable(12, 28), [range(25, 28)]);
        assert_eq!(readable(12, 20), []);
        assert_eq!(readable(5, 5), [range(5, 5)]);
        assert_eq!(holes.readable(Side::Target, &partition, range(0, 40)), [range(0, 40)]);
        let text = remark(Side::Source, &partition, holes.within(Side::Source, &partition, range(0, 29))[0]);
        for word in ["orders-0", "10 to 24", "15 offsets", "source", "bad"] {
            assert!(text.contains(word), "{word} in {text}");
        }
    }

    #[test]
    fn offsets_that_nobody_has_told_of_are_found_in_any_hole() {
        let partition = TopicPartition::new("orders", 0);
        let mut holes = Holes::default();
        let hole = |start, end| Hole { range: range(start, end), detail: "bad".to_owned() };
        holes.add(Side::Source, &partition, [hole(10, 20), hole(30, 31)]);
        let beyond = |within: OffsetRange, told: &[OffsetRange]| {
            holes.beyond(Side::Source, &partition, within, told).map(|hole| hole.range)
        };
        assert_eq!(beyond(range(0, 40), &[]), Some(range(10, 20)));
        assert_eq!(beyond(range(12, 15), &[]), Some(range(12, 15)));
        assert_eq!(beyond(range(20, 30), &[]), None);
        assert_eq!(beyond(range(0, 40), &[range(15, 20), range(8, 15)]), Some(range(30, 31)));
        assert_eq!(beyond(range(0, 30), &[range(15, 20), range(8, 15)]), None);
        assert_eq!(beyond(range(0, 40), &[range(8, 12), range(14, 20)]), Some(range(12, 14)));
        assert_eq!(holes.beyond(Side::Target, &partition, range(0, 40), &[]), None);
        let text = lost(Side::Target, &partition, &hole(10, 20));
        for word in ["orders-0 of the target", "10 to 19", "bad", "run again"] {
            assert!(text.contains(word), "{word} in {text}");
        }
    }

    #[test]
    fn what_is_handed_out_and_taken_in_by_another_run_is_left_out_there_too() {
        let [a, b] = [0, 1].map(|partition| TopicPartition::new("orders", partition));
        let hole = |start, end| Hole { range: OffsetRange { start, end }, detail: "bad".to_owned() };
        let mut holes = Holes::default();
        holes.add(Side::Target, &b, [hole(7, 9), hole(2, 4)]);
        holes.add(Side::Target, &a, [hole(5, 6)]);
        holes.add(Side::Target, &a, []);
        holes.add(Side::Source, &a, []);
        let expected = vec![(a, vec![hole(5, 6)]), (b.clone(), vec![hole(2, 4), hole(7, 9)])];
        assert_eq!((holes.of_side(Side::Source), holes.of_side(Side::Target)), (vec![], expected));
        let mut others = Holes::default();
        for (partition, met) in holes.of_side(Side::Target) {
            others.add(Side::Target, &partition, met);
        }
        assert_eq!(others.of_side(Side::Target), holes.of_side(Side::Target));
        let whole = OffsetRange { start: 0, end: 10 };
        assert_eq!(others.readable(Side::Target, &b, whole), holes.readable(Side::Target, &b, whole));
    }
}
