//! Looks once more into source tails that were only counted, for records whose copy lies in another partition.

use crate::align::{Log, LogError};
use crate::classify::{Classified, extraneous};
use crate::positions::Plan;
use crate::record::{OffsetRange, Side};

use super::again::{FirstReading, PairLog, Readers};

/// Takes out of the tails of one topic's pairs (by the plan's index) what equals an extraneous record of another pair.
/// Returns why a tail could not be read, by pair.
pub(super) fn take_misplaced(
    pairs: &mut [(usize, &mut Classified)],
    plan: &Plan,
    readers: &mut Readers<'_>,
    seed: u64,
) -> Vec<(usize, LogError)> {
    let wanted = extraneous(pairs.iter().map(|(_, pair)| &**pair));
    let mut failed = Vec::new();
    if wanted.is_empty() {
        return failed;
    }
    for (at, classified) in pairs {
        let pair = &plan.pairs[*at];
        let tail = &classified.alignment.tail;
        let (Some(start), Some(end)) = (tail.start(), tail.end()) else { continue };
        let reading = &classified.reading;
        let first = FirstReading { start: reading.start, holes: reading.holes.clone() };
        let mut log = PairLog::new(readers, pair, seed, reading.read_to, first);
        let mut found = Vec::new();
        let read = log.read(Side::Source, OffsetRange { start, end }, &mut |item| {
            if wanted.contains(&item.identity) && tail.contains(item.offset) {
                found.push(*item);
            }
            true
        });
        match read {
            Ok(()) => classified.take_from_tail(&found),
            Err(error) => failed.push((*at, error)),
        }
    }
    failed
}
