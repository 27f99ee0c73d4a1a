//! Mismatched records that cannot be read again, or whose registry does not answer: other bytes may still be equal in
//! meaning, as under another schema id. Where nothing that is known of the two says otherwise, they are not judged.

use std::collections::BTreeMap;

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

/// Why it is not known whether two mismatched records are equal in meaning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    /// One of them could not be read again.
    Gone,
    /// A registry has not answered; says which.
    Unanswered(String),
}

/// Those of one pair or unit.
#[derive(Default)]
pub(super) struct Undecided(BTreeMap<Doubt, Those>);

/// Those of one doubt: how many, and the places of the first two.
#[derive(Default)]
struct Those {
    records: u64,
    first: String,
}

impl Undecided {
    /// Takes in one, whose places are indices into `pairs`.
    pub fn note(&mut self, pairs: &[&PairPlan], draft: &Draft, doubt: Doubt) {
        let those = self.0.entry(doubt).or_default();
        those.records += 1;
        if those.first.is_empty()
            && let (Some(source), Some(target)) = (draft.source, draft.target)
        {
            let place = |side: Side, (pair, item): (usize, Item)| {
                format!("{} offset {}", pairs[pair].partition(side), item.offset)
            };
            those.first = format!("{} and {}", place(Side::Source, source), place(Side::Target, target));
        }
    }

    /// Takes in those of `drafts`, by index, that are `undecided`.
    pub fn note_all(&mut self, pairs: &[&PairPlan], drafts: &[Draft], undecided: Vec<(usize, Doubt)>) {
        undecided.into_iter().for_each(|(at, doubt)| self.note(pairs, &drafts[at], doubt));
    }

    /// How many, on each side.
    pub fn records(&self) -> u64 {
        self.0.values().map(|those| those.records).sum()
    }

    /// For people; without these records nothing is proven.
    pub fn remarks(&self) -> Vec<String> {
        let remark = |(doubt, Those { records, first }): (&Doubt, &Those)| {
            let why = match doubt {
                Doubt::Gone => "could not be read again (retention, or a broker that is away)".to_owned(),
                Doubt::Unanswered(why) => format!("could not be decoded ({why})"),
            };
            format!(
                "{records} records have other bytes than their copies and {why}: whether they are equal in meaning is not \
                 known, and they are not judged; the first: {first}; run again"
            )
        };
        self.0.iter().map(remark).collect()
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
    fn the_remarks_say_how_many_and_why_and_where_the_first_ones_are() {
        let [source, target] = ["orders", "src.orders"].map(|topic| TopicPartition::new(topic, 3));
        let pair = PairPlan::unbounded(source, target, Contract::default());
        let mut undecided = Undecided::default();
        assert_eq!((undecided.records(), undecided.remarks()), (0, vec![]));
        let down = |side: &str| Doubt::Unanswered(format!("the {side} registry answers 503"));
        for (offset, doubt) in [
            (40, Doubt::Gone),
            (50, Doubt::Gone),
            (60, down("target")),
            (70, down("source")),
            (80, down("target")),
        ] {
            let draft = Draft {
                kind: FindingKind::MismatchedRecord,
                source: Some((0, item(offset, 0, 1))),
                target: Some((0, item(offset + 1, 0, 2))),
                order_broken: None,
                cause: None,
                aborted: None,
            };
            undecided.note(&[&pair], &draft, doubt);
        }
        assert_eq!(undecided.records(), 5);
        let said = undecided.remarks();
        assert_eq!(said.len(), 3, "{said:?}");
        for words in [
            ["2 records", "read again", "orders-3 offset 40 and src.orders-3 offset 41"],
            ["1 records", "the source registry answers 503", "orders-3 offset 70"],
            ["2 records", "the target registry answers 503", "orders-3 offset 60"],
        ] {
            let of_all = |remark: &&String| words.iter().all(|word| remark.contains(*word));
            assert_eq!(said.iter().filter(of_all).count(), 1, "{words:?} in {said:?}");
        }
    }
}
