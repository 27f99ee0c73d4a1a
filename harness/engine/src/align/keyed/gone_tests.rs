//! What becomes of further copies where their originals were deleted after they were pushed.

use std::num::NonZeroU64;

use super::*;
use crate::align::Rules;

/// What lies before is gone from the source.
const LEFT_FROM: i64 = 2;

struct Uncounted;

impl PairSink for Uncounted {
    fn matched(&mut self, _: LanePair) {}
}

/// Offsets of target records without a match, each with that of its original. Records are given by key and value.
fn unmatched(
    grouping: Grouping,
    history_start: i64,
    records: [&[(u64, u64)]; 2],
) -> Result<Vec<(i64, Option<i64>)>, KeyedError> {
    let items = |records: &[(u64, u64)]| -> Vec<Item> {
        let item = |(&(key, value), offset): (&(u64, u64), i64)| Item {
            identity: u128::from(key * 1_000 + value),
            offset,
            timestamp: 0,
            key: NonZeroU64::new(key),
            value,
        };
        records.iter().zip(0..).map(item).collect()
    };
    let lanes = InMemoryLanes(records.map(|records| vec![items(records)]));
    let store = Box::new(InMemoryStore::default());
    let mut aligner = KeyedAligner::new(Rules::default(), grouping, KeyedTuning::default(), [1, 1], store);
    for side in Side::BOTH {
        aligner.push(side, 0, &lanes.0[side as usize][0], &mut Uncounted).expect("memory holds it");
    }
    let mut log = Trimmed { lanes, left_from: LEFT_FROM };
    let alignment = aligner.finish(&[history_start], &mut log, &mut Uncounted)?;
    let place = |entry: &LaneOutcome| {
        let original = match &entry.outcome {
            Outcome::Duplicate { original, .. } => Some(original.offset),
            _ => None,
        };
        Some((entry.outcome.target()?.offset, original))
    };
    let mut places: Vec<(i64, Option<i64>)> = alignment.outcomes.iter().filter_map(place).collect();
    places.sort_unstable();
    Ok(places)
}

#[test]
fn originals_are_looked_for_in_what_is_left() {
    let records: [&[(u64, u64)]; 2] = [&[(1, 0), (1, 1), (2, 5)], &[(1, 0), (1, 1), (2, 5), (1, 0), (2, 5)]];
    let expected = Ok(vec![(3, None), (4, Some(2))]);
    // Known before it is read, or only met then.
    for history_start in [LEFT_FROM, 0] {
        for grouping in [Grouping::KeyThenMultiset, Grouping::Multiset, Grouping::Key] {
            assert_eq!(unmatched(grouping, history_start, records), expected, "{grouping:?}");
        }
    }
}

#[test]
fn originals_without_a_key_are_looked_for_in_what_is_known_to_be_left() {
    let records: [&[(u64, u64)]; 2] = [&[(0, 0), (0, 1), (0, 5)], &[(0, 0), (0, 1), (0, 5), (0, 0), (0, 5)]];
    let expected = Ok(vec![(3, None), (4, Some(2))]);
    assert_eq!(unmatched(Grouping::Key, LEFT_FROM, records), expected);
    assert_eq!(unmatched(Grouping::KeyThenMultiset, 0, records), expected);
    // A sequence has to be read as it was.
    assert!(unmatched(Grouping::Key, 0, records).is_err());
}
