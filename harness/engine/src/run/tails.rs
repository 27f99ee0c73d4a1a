//! Looks once more into source tails that were only counted, for records whose copy lies in another partition.

use crate::align::{Log, LogError};
use crate::classify::{Classified, Strays};
use crate::positions::Plan;
use crate::record::{OffsetRange, Side};

use super::again::{FirstReading, PairLog, Readers};

/// Takes out of the tails of one topic's pairs (by the plan's index) what may go with a stray of another pair.
/// Returns why a tail could not be read, by pair.
pub(super) fn take_misplaced(
    pairs: &mut [(usize, &mut Classified)],
    plan: &Plan,
    readers: &mut Readers<'_>,
    seed: u64,
) -> Vec<(usize, LogError)> {
    let mut strays = Strays::of(pairs.iter().map(|(_, pair)| &**pair));
    let mut failed = Vec::new();
    if strays.is_empty() {
        return failed;
    }
    for (at, classified) in pairs {
        if classified.alignment.tail.is_empty() {
            continue;
        }
        if readers.stopped() {
            failed.push((*at, LogError("stopped".to_owned())));
            continue;
        }
        let reading = &classified.reading;
        let first = FirstReading { start: reading.start, holes: reading.holes.clone() };
        let mut log = PairLog::new(readers, &plan.pairs[*at], seed, reading.read_to, first);
        if let Err(error) = take_for(&mut strays, classified, &mut log) {
            failed.push((*at, error));
        }
    }
    failed
}

/// Takes out of the tail of one pair what may go with one of `strays`: all are free, before and after.
fn take_for(strays: &mut Strays, classified: &mut Classified, log: &mut dyn Log) -> Result<(), LogError> {
    let tail = &classified.alignment.tail;
    let (Some(start), Some(end)) = (tail.start(), tail.end()) else { return Ok(()) };
    let within = classified.reading.timestamps_within;
    let mut found = Vec::new();
    let read = log.read(Side::Source, OffsetRange { start, end }, &mut |item| {
        if tail.contains(item.offset) && strays.take(item, within) {
            found.push(*item);
        }
        !strays.all_taken()
    });
    strays.give_back();
    read?;
    classified.take_from_tail(&found);
    Ok(())
}

#[cfg(test)]
mod tests;
