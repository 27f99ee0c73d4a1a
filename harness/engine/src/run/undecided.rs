//! Mismatched records that cannot be read again: other bytes may still be equal in meaning, as under another schema id.
//! Where nothing that is known of the two says otherwise, they are not judged.

use super::explain::Draft;
use crate::align::Item;
use crate::compare::timestamps_differ;
use crate::decode::{Slot, parse_framing};
use crate::fingerprint::TOMBSTONE;
use crate::positions::PairPlan;
use crate::record::{Contract, DecodeMode, Record, Side};

/// Whether two mismatched records may be equal in meaning, where both sides have a registry. `records`: those that could
/// be read again.
pub(super) fn may_be_equal_in_meaning(
    contract: &Contract,
    [source, target]: [&Item; 2],
    records: [Option<&Record>; 2],
) -> bool {
    let tombstone = source.value == TOMBSTONE || target.value == TOMBSTONE;
    contract.decode != DecodeMode::None
        && source.value != target.value
        && !tombstone
        && !timestamps_differ(contract, source.timestamp, target.timestamp)
        && records.into_iter().flatten().all(is_framed)
}

fn is_framed(record: &Record) -> bool {
    let bytes = record.value.as_deref().unwrap_or_default();
    matches!(parse_framing(Slot::Value, bytes, &record.headers), Ok(Some(_)))
}

/// Those of one pair or unit.
#[derive(Default)]
pub(super) struct Undecided {
    records: u64,
    first: Option<String>,
}

impl Undecided {
    /// Takes in one, whose places are indices into `pairs`.
    pub fn note(&mut self, pairs: &[&PairPlan], draft: &Draft) {
        self.records += 1;
        if self.first.is_none()
            && let (Some(source), Some(target)) = (draft.source, draft.target)
        {
            let place = |side: Side, (pair, item): (usize, Item)| {
                format!("{} offset {}", pairs[pair].partition(side), item.offset)
            };
            self.first = Some(format!("{} and {}", place(Side::Source, source), place(Side::Target, target)));
        }
    }

    /// How many, on each side.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// For people; without it nothing is proven.
    pub fn remark(&self) -> Option<String> {
        let Self { records, first } = self;
        first.as_ref().map(|first| {
            format!(
                "{records} records have other bytes than their copies and could not be read again (retention, or a broker \
                 that is away): whether they are equal in meaning is not known, and they are not judged; the first: \
                 {first}; run again"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{TimestampRule, TimestampType, TopicPartition};
    use cutproof_reports::FindingKind;

    fn item(offset: i64, timestamp: i64, value: u64) -> Item {
        Item { identity: value.into(), offset, timestamp, key: None, value }
    }

    fn record(value: &[u8]) -> Record {
        Record {
            offset: 0,
            timestamp: 0,
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: Some(value.to_vec()),
            headers: vec![],
        }
    }

    #[test]
    fn only_other_values_that_may_be_framed_may_be_equal_in_meaning() {
        let contract = Contract::default();
        let (source, target) = (item(1, 5, 77), item(2, 5, 78));
        let may = |source: &Item, target: &Item, records| {
            may_be_equal_in_meaning(&contract, [source, target], records)
        };
        let (framed, plain, short) = (record(b"\0\0\0\0\x01x"), record(b"text"), record(b"\0\0"));
        assert!(may(&source, &target, [None, None]));
        assert!(may(&source, &target, [Some(&framed), None]) && may(&source, &target, [None, Some(&framed)]));
        for unframed in [&plain, &short] {
            assert!(!may(&source, &target, [Some(unframed), None]));
            assert!(!may(&source, &target, [None, Some(unframed)]));
        }
        // Of the same value something else differs.
        assert!(!may(&source, &item(2, 5, 77), [None, None]));
        assert!(!may(&source, &item(2, 5, TOMBSTONE), [None, None]));
        assert!(!may(&item(1, 5, TOMBSTONE), &target, [None, None]));
        let later = item(2, 6, 78);
        assert!(!may(&source, &later, [None, None]));
        for timestamps in [TimestampRule::Ignore, TimestampRule::ToleranceMs(1)] {
            let contract = Contract { timestamps, ..Contract::default() };
            assert!(may_be_equal_in_meaning(&contract, [&source, &later], [None, None]), "{timestamps:?}");
        }
        let bytes_decide = Contract { decode: DecodeMode::None, ..Contract::default() };
        assert!(!may_be_equal_in_meaning(&bytes_decide, [&source, &target], [None, None]));
    }

    #[test]
    fn the_remark_says_how_many_and_where_the_first_ones_are() {
        let [source, target] = ["orders", "src.orders"].map(|topic| TopicPartition::new(topic, 3));
        let pair = PairPlan::unbounded(source, target, Contract::default());
        let mut undecided = Undecided::default();
        assert_eq!((undecided.records(), undecided.remark()), (0, None));
        for offset in [40, 50] {
            let draft = Draft {
                kind: FindingKind::MismatchedRecord,
                source: Some((0, item(offset, 0, 1))),
                target: Some((0, item(offset + 1, 0, 2))),
                order_broken: None,
                cause: None,
                aborted: None,
            };
            undecided.note(&[&pair], &draft);
        }
        assert_eq!(undecided.records(), 2);
        let said = undecided.remark().expect("there are some");
        for words in ["2 records", "orders-3 offset 40 and src.orders-3 offset 41", "run again"] {
            assert!(said.contains(words), "{words} in {said}");
        }
    }
}
