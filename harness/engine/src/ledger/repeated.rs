//! Finds where the originals of duplicates are matched in order, by reading: the pairs themselves are not kept. Where
//! equal records repeat, they are paired in order: which of them is whose copy changes no count. Pure.

use std::collections::{HashMap, HashSet};

use super::unit_resume::{Place, places};
use crate::align::keyed::{LaneOutcome, LanePair};
use crate::align::{FirstFree, Item, Outcome, Rules};
use crate::record::Side;

/// What is looked for, and what was seen of it: all of the source first, then all of the target, each in order of lane and
/// offset.
#[derive(Debug)]
pub struct Repeated {
    originals: HashSet<Place>,
    /// How many equal records were seen, by identity and side.
    seen: HashMap<u128, [u64; 2]>,
    /// By side: records that are not matched in order.
    apart: [HashSet<Place>; 2],
    pairing: Pairing,
}

/// Which equal records are a pair.
#[derive(Debug)]
enum Pairing {
    /// The first of one side with the first of the other, and so on: only the ranks of the originals need to be known.
    ByRank { wanted: HashMap<(u128, u64), Place>, pairs: Vec<LanePair> },
    /// Each of the source with the first free one of about its time: all of them are held.
    ByTime { tolerance_ms: u64, held: [HashMap<u128, Vec<(Place, i64)>>; 2], room: usize },
}

impl Repeated {
    /// Looks for the originals among `outcomes`. `tolerance_ms`: by how much the timestamps of equal records may differ, if
    /// that counts; then at most `held_max` records are held.
    pub fn among(outcomes: &[LaneOutcome], tolerance_ms: Option<u64>, held_max: usize) -> Self {
        let (mut originals, mut seen) = (HashSet::new(), HashMap::new());
        let mut apart: [HashSet<Place>; 2] = Default::default();
        for entry in outcomes {
            let (source, target) = places(entry);
            if let Outcome::Duplicate { original, .. } = &entry.outcome {
                seen.insert(original.identity, [0, 0]);
                originals.extend(source);
            } else {
                apart[0].extend(source);
            }
            apart[1].extend(target);
        }
        let pairing = match tolerance_ms {
            None => Pairing::ByRank { wanted: HashMap::new(), pairs: Vec::new() },
            Some(tolerance_ms) => Pairing::ByTime { tolerance_ms, held: Default::default(), room: held_max },
        };
        Self { originals, seen, apart, pairing }
    }

    /// Whether nothing needs to be read.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Notes a record. Whether there is room for more.
    pub fn see(&mut self, side: Side, lane: usize, item: &Item) -> bool {
        let Some(seen) = self.seen.get_mut(&item.identity) else { return true };
        let place = (lane, item.offset);
        if self.apart[side as usize].contains(&place) {
            return true;
        }
        let rank = seen[side as usize];
        seen[side as usize] += 1;
        match &mut self.pairing {
            Pairing::ByRank { wanted, pairs } => match side {
                Side::Source if self.originals.contains(&place) => {
                    wanted.insert((item.identity, rank), place);
                }
                Side::Source => {}
                Side::Target => {
                    let source = wanted.remove(&(item.identity, rank));
                    pairs.extend(source.map(|source| LanePair { source, target: place }));
                }
            },
            Pairing::ByTime { held, room, .. } => {
                let Some(left) = room.checked_sub(1) else {
                    // One too many.
                    held.iter_mut().for_each(HashMap::clear);
                    return false;
                };
                *room = left;
                held[side as usize].entry(item.identity).or_default().push((place, item.timestamp));
            }
        }
        true
    }

    /// The pairs of the originals among what was seen.
    pub fn partners(self) -> Vec<LanePair> {
        let Self { originals, pairing, .. } = self;
        let (tolerance_ms, [sources, mut targets]) = match pairing {
            Pairing::ByRank { pairs, .. } => return pairs,
            Pairing::ByTime { tolerance_ms, held, .. } => (tolerance_ms, held),
        };
        let rules = Rules { timestamp_tolerance_ms: Some(tolerance_ms) };
        let mut pairs = Vec::new();
        for (identity, sources) in sources {
            let targets = targets.remove(&identity).unwrap_or_default();
            let mut free = FirstFree::new(targets.iter().map(|(_, timestamp)| *timestamp));
            for (source, timestamp) in sources {
                let first = free.take(rules.near(timestamp, timestamp));
                let first = first.filter(|_| originals.contains(&source));
                pairs.extend(first.map(|at| LanePair { source, target: targets[at].0 }));
            }
        }
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(identity: u128, offset: i64, timestamp: i64) -> Item {
        Item { identity, offset, timestamp, key: None, value: 0 }
    }

    fn entry(outcome: Outcome) -> LaneOutcome {
        LaneOutcome {
            source_lane: outcome.source().map(|_| 0),
            target_lane: outcome.target().map(|_| 0),
            outcome,
        }
    }

    /// The record at offset `original` of the source is once more at offset `target`.
    fn duplicate(original: i64, target: i64) -> LaneOutcome {
        entry(Outcome::Duplicate { original: item(7, original, 0), target: item(7, target, 0) })
    }

    fn pair(source: i64, target: i64) -> LanePair {
        LanePair { source: (0, source), target: (0, target) }
    }

    #[test]
    fn only_originals_of_duplicates_that_are_matched_in_order_are_paired() {
        let source = item(7, 0, 0);
        assert!(Repeated::among(&[entry(Outcome::Missing { source })], None, 0).is_empty());
        let outcomes = [
            duplicate(2, 4),
            entry(Outcome::Missing { source }),
            entry(Outcome::Extraneous { target: item(9, 6, 0) }),
        ];
        for tolerance_ms in [None, Some(0)] {
            let mut repeated = Repeated::among(&outcomes, tolerance_ms, 9);
            assert!(!repeated.is_empty());
            for offset in 0..4 {
                assert!(repeated.see(Side::Source, 0, &item(7, offset, 0)));
            }
            assert!(repeated.see(Side::Source, 1, &item(9, 0, 0)));
            for offset in [3, 4, 5] {
                assert!(repeated.see(Side::Target, 0, &item(7, offset, 0)));
            }
            assert!(repeated.see(Side::Target, 0, &item(9, 6, 0)));
            // Offset 0 is missing, 4 is the duplicate, 1 has met 3 and nobody asks for it.
            assert_eq!(repeated.partners(), [pair(2, 5)], "{tolerance_ms:?}");
        }
    }

    #[test]
    fn of_very_many_equal_records_only_the_originals_are_held() {
        const RECORDS: i64 = 100_000;
        let mut repeated = Repeated::among(&[duplicate(70_000, 70_001)], None, 0);
        (0..RECORDS).for_each(|offset| assert!(repeated.see(Side::Source, 0, &item(7, offset, offset))));
        (0..=RECORDS).for_each(|offset| assert!(repeated.see(Side::Target, 0, &item(7, offset, offset))));
        let Pairing::ByRank { wanted, pairs } = &repeated.pairing else { panic!("no time counts") };
        assert_eq!((wanted.len(), pairs.len()), (0, 1));
        assert_eq!(repeated.partners(), [pair(70_000, 70_000)]);
    }

    #[test]
    fn where_time_counts_each_takes_the_first_free_copy_of_its_time() {
        let mut repeated = Repeated::among(&[duplicate(1, 9), duplicate(2, 10)], Some(5), 9);
        for (offset, timestamp) in [(0, 100), (1, 200), (2, 104)] {
            assert!(repeated.see(Side::Source, 0, &item(7, offset, timestamp)));
        }
        for (offset, timestamp) in [(0, 198), (1, 101), (2, 99)] {
            assert!(repeated.see(Side::Target, 0, &item(7, offset, timestamp)));
        }
        // The first one takes 1 and leaves 2.
        assert_eq!(repeated.partners(), [pair(1, 0), pair(2, 2)]);
    }

    #[test]
    fn where_time_counts_no_more_are_held_than_there_is_room_for() {
        let mut repeated = Repeated::among(&[duplicate(0, 1)], Some(5), 3);
        let seen = [0, 1, 2, 3].map(|offset| repeated.see(Side::Source, 0, &item(7, offset, offset)));
        assert_eq!(seen, [true, true, true, false]);
        assert!(repeated.see(Side::Target, 0, &item(8, 0, 0)), "it is like none of them");
    }
}
