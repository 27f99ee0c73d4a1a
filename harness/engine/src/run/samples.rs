//! The first records of the run's sources, for its test of itself: read again where a run goes on from a checkpoint,
//! which holds no payload.

use crate::positions::PairPlan;
use crate::record::{OffsetRange, Record, Side};

use super::again::Readers;
use super::noticed::SAMPLES;

/// The first [`SAMPLES`] records in scope, pair by pair. What cannot be read is left out: too few are said to be too few.
pub(super) fn first_records(pairs: &[PairPlan], readers: &mut Readers<'_>) -> Vec<Record> {
    let mut records = Vec::new();
    for pair in pairs.iter().filter(|pair| pair.target_start.is_some()) {
        let range = OffsetRange { start: pair.source_start, end: pair.source_end };
        let read = readers.read(Side::Source, pair.contract.isolation, &pair.source, range, |view| {
            records.push(view.to_record());
            records.len() < SAMPLES
        });
        if let Err(error) = read {
            tracing::warn!(%error, partition = %pair.source, "records for the self-check cannot be read again");
        }
        if records.len() >= SAMPLES {
            break;
        }
    }
    records
}
