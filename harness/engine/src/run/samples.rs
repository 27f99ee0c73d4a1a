//! Which of a run's source records are kept for its test of itself: one rule for those that come in, and for those that
//! are read again where a run goes on from a checkpoint, which holds no payload. Plants nothing.

use crate::positions::PairPlan;
use crate::record::{HeaderView, Isolation, OffsetRange, Record, RecordView, Side};

use super::again::Readers;
use super::unit::is_unit;

/// Records kept, payload included.
const KEPT: usize = 64;
/// So many are kept whatever is the rule for the others, ...
const FEW: usize = 24;
/// ... up to so many bytes together: room for [`ENOUGH`] of the largest that brokers take by default, and a little more.
const FEW_BYTES: usize = 16 << 20;
/// Further ones are kept up to so many bytes together.
const BYTES: usize = 64 << 10;
/// Fewer different records than this are too few to plant into. So many find room: a record that is larger than its share
/// is passed over.
pub(super) const ENOUGH: usize = 12;
/// Records that are looked at: those that are too large are not passed over for ever.
const LOOKED_AT: usize = 1_000;

/// The first records of the sources that are small enough.
#[derive(Debug, Default)]
pub(super) struct Samples {
    records: Vec<Record>,
    bytes: usize,
    looked_at: usize,
}

impl Samples {
    /// What is kept.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Whether no further record is kept.
    pub fn is_full(&self) -> bool {
        let kept = self.records.len();
        self.looked_at >= LOOKED_AT || kept >= KEPT || (kept >= FEW && self.bytes >= BYTES)
    }

    /// Keeps a copy of the next record if there is room for it.
    pub fn offer(&mut self, view: &RecordView<'_>) {
        if !self.is_full() && self.has_room(size(view)) {
            self.records.push(view.to_record());
        }
    }

    /// Adds those that another reading has kept, as far as there is room.
    pub fn add(&mut self, others: Samples) {
        for record in others.records {
            if self.has_room(record.view(size)) {
                self.records.push(record);
            }
        }
    }

    /// Counts the next record, and its bytes if it is to be kept.
    fn has_room(&mut self, bytes: usize) -> bool {
        if self.is_full() {
            return false;
        }
        self.looked_at += 1;
        let together = self.bytes + bytes;
        let fits = match self.records.len() < FEW {
            true => bytes <= FEW_BYTES / ENOUGH && together <= FEW_BYTES,
            false => together <= BYTES,
        };
        if fits {
            self.bytes = together;
        }
        fits
    }
}

/// Bytes of the payload.
fn size(view: &RecordView<'_>) -> usize {
    let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
    let header = |header: &HeaderView<'_>| header.name.len() + length(header.value);
    length(view.key) + length(view.value) + view.headers.iter().map(header).sum::<usize>()
}

/// The first records in scope of what is aligned pair by pair, in the order in which a run reads it. What cannot be read
/// is left out: too few are said to be too few.
pub(super) fn first_records(pairs: &[PairPlan], readers: &mut Readers<'_>) -> Samples {
    let mut samples = Samples::default();
    for isolation in [Isolation::ReadCommitted, Isolation::ReadUncommitted] {
        let of_isolation = |pair: &&PairPlan| {
            pair.target_start.is_some() && pair.contract.isolation == isolation && !is_unit(&pair.contract)
        };
        for pair in pairs.iter().filter(of_isolation) {
            if samples.is_full() {
                return samples;
            }
            let range = OffsetRange { start: pair.source_start, end: pair.source_end };
            let read = readers.read(Side::Source, isolation, &pair.source, range, |view| {
                samples.offer(view);
                !samples.is_full()
            });
            if let Err(error) = read {
                tracing::warn!(%error, partition = %pair.source, "records for the self-check cannot be read again");
            }
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TimestampType;

    /// How many of `count` records with values of so many bytes are kept.
    fn kept(count: usize, bytes: impl Fn(usize) -> usize) -> usize {
        let mut samples = Samples::default();
        for n in 0..count {
            offer(&mut samples, bytes(n));
        }
        samples.records().len()
    }

    fn offer(samples: &mut Samples, bytes: usize) {
        let value = vec![0_u8; bytes];
        samples.offer(&RecordView {
            offset: 0,
            timestamp: 0,
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: Some(&value),
            headers: &[],
        });
    }

    #[test]
    fn enough_records_are_kept_of_any_size_that_brokers_take_by_default() {
        assert_eq!(kept(200, |_| 10), KEPT);
        assert_eq!(kept(200, |_| 5_958), FEW);
        assert_eq!(kept(200, |_| 100 << 10), FEW);
        assert!((ENOUGH..FEW).contains(&kept(200, |_| 1_048_588)));
        assert_eq!(kept(5, |_| 10), 5);
    }

    #[test]
    fn a_record_that_is_too_large_leaves_its_place_to_the_smaller_ones_behind_it() {
        assert_eq!(kept(40, |_| FEW_BYTES), 0);
        assert_eq!(kept(40, |n| if n < 20 { FEW_BYTES } else { 10 }), 20);
        // Not for ever.
        assert_eq!(kept(LOOKED_AT + 20, |n| if n < LOOKED_AT { FEW_BYTES } else { 10 }), 0);
    }

    #[test]
    fn what_two_readings_keep_is_kept_by_the_same_rule() {
        let of = |count: usize| {
            let mut samples = Samples::default();
            (0..count).for_each(|_| offer(&mut samples, 10));
            samples
        };
        for (first, second, expected) in [(3, 4, 7), (60, 60, KEPT), (0, 5, 5)] {
            let mut samples = of(first);
            samples.add(of(second));
            assert_eq!((samples.records().len(), samples.bytes), (expected, 10 * expected));
            assert_eq!(samples.is_full(), expected == KEPT);
        }
    }
}
