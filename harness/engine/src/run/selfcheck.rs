//! The run's test of itself: divergences of each kind, planted in memory into copies of the run's own records, must be
//! found by the same code. Touches no cluster, and no registry that was not asked before.

use std::collections::BTreeMap;

use cutproof_reports::{FindingKind, Part, SelfCheck};

use crate::align::keyed::{
    Grouping, InMemoryLanes, InMemoryStore, KeyedAligner, KeyedTuning, LanePair, PairSink,
};
use crate::align::{InMemory, Item, Outcome, PairAligner, Rules, Tuning};
use crate::classify::{Classified, PairReading, Standing, classify, find_misplaced};
use crate::compare::difference;
use crate::decode::Check;
use crate::fingerprint::Fingerprinter;
use crate::record::{Contract, OrderPromise, Record, Side};

use super::item::{item, rules};

/// Fewer different records than this are too few to plant into.
const ENOUGH: usize = 12;
/// Records of a partition of their own, where there are enough: one record is moved to it.
const OTHER_PARTITION: usize = 3;
/// The record that is moved.
const MOVED: usize = 9;

/// Plants one missing, extraneous, duplicate, reordered, mismatched and, where a partition has an order, misplaced record
/// each, and looks for them.
pub(super) fn self_check(samples: &[Record], contract: &Contract, seed: u64) -> SelfCheck {
    let fingerprinter = Fingerprinter::new(contract, seed);
    let mut seen = std::collections::HashSet::new();
    let mut source: Vec<Record> = samples
        .iter()
        .filter(|record| seen.insert(record.view(|view| fingerprinter.of(view)).identity))
        .cloned()
        .collect();
    let few = source.len();
    if few < ENOUGH {
        let detail = format!("only {few} different records were read: nothing could be planted");
        return SelfCheck { passed: true, detail, ..SelfCheck::default() };
    }
    let two_partitions =
        contract.order == OrderPromise::Partition && few >= ENOUGH + MOVED - 5 + OTHER_PARTITION;
    let other = if two_partitions { source.split_off(few - OTHER_PARTITION) } else { Vec::new() };
    let mut partitions = vec![[source.clone(), source], [other.clone(), other]];
    number(&mut partitions);
    let few = partitions[0][0].len();
    let moved = two_partitions.then(|| partitions[0][1][MOVED].clone());
    let [source, target] = &mut partitions[0];
    // From the back, so that the places in front stay where they are.
    let changed = &mut target[few - 2];
    changed.value = Some([changed.value.as_deref().unwrap_or_default(), b"\0cutproof"].concat());
    target.swap(few - 5, few - 4);
    if two_partitions {
        target.remove(MOVED);
    }
    target.insert(6, target[1].clone());
    let mut strange = target[3].clone();
    strange.value = Some([strange.value.as_deref().unwrap_or_default(), b"\0stranger"].concat());
    strange.key = Some(b"cutproof self-check".to_vec());
    target.insert(4, strange);
    target.remove(2);
    let mut planted: BTreeMap<FindingKind, u64> = [
        FindingKind::MissingRecord,
        FindingKind::ExtraneousRecord,
        FindingKind::DuplicateRecord,
        FindingKind::ReorderedRecord,
        FindingKind::MismatchedRecord,
    ]
    .map(|kind| (kind, 1))
    .into();
    let swapped = [&source[few - 5].key, &source[few - 4].key];
    let breaks_order = match contract.order {
        OrderPromise::Partition => true,
        OrderPromise::Key => swapped[0].is_some() && swapped[0] == swapped[1],
        OrderPromise::None => false,
    };
    if !breaks_order {
        planted.remove(&FindingKind::ReorderedRecord);
    }
    if let Some(moved) = moved {
        partitions[1][1].insert(1, moved);
        planted.insert(FindingKind::MisplacedRecord, 1);
    }
    number(&mut partitions);
    let found = find(&partitions, contract, &fingerprinter);
    let passed = found == planted;
    SelfCheck { planted, found, passed, detail: String::new() }
}

/// Plants an undecodable record, too: a sample that `read` can decode, with one byte behind its end. Where there is no
/// such sample, nothing.
pub(super) fn plant_undecodable(
    check: &mut SelfCheck,
    samples: &[Record],
    mut read: impl FnMut(&Record) -> Check,
) {
    let Some(sample) = samples.iter().find(|sample| read(sample) == Check::Decodable) else { return };
    let mut broken = sample.clone();
    broken.value.get_or_insert_default().push(0);
    check.planted.insert(FindingKind::UndecodableRecord, 1);
    if matches!(read(&broken), Check::Undecodable { .. }) {
        check.found.insert(FindingKind::UndecodableRecord, 1);
    }
    check.passed = check.found == check.planted;
}

fn number(partitions: &mut [[Vec<Record>; 2]]) {
    for records in partitions.iter_mut().flatten() {
        for (offset, record) in (0..).zip(records) {
            record.offset = offset;
        }
    }
}

/// What is found in the partitions' two sides. What an aligner does not give counts as not found.
fn find(
    partitions: &[[Vec<Record>; 2]],
    contract: &Contract,
    fingerprinter: &Fingerprinter,
) -> BTreeMap<FindingKind, u64> {
    let items = |records: &Vec<Record>| -> Vec<Item> {
        records.iter().map(|record| record.view(|view| item(fingerprinter, view))).collect()
    };
    let logs = partitions.iter().map(|sides| InMemory(sides.each_ref().map(items)));
    let found = match contract.order {
        OrderPromise::Partition => in_order(logs, rules(contract)),
        _ => logs.map(|log| by_key(log, rules(contract), contract.order)).collect(),
    };
    let mut counts = BTreeMap::new();
    for ([source, target], found) in partitions.iter().zip(found.into_iter().flatten()) {
        for (kind, outcome) in found {
            // Found, but not named: counts as not found.
            if let Outcome::Mismatched { source: s, target: t } = outcome
                && !difference(contract, &source[s.offset as usize], &target[t.offset as usize])
                    .parts
                    .iter()
                    .any(|part| matches!(part, Part::Value | Part::Tombstone))
            {
                continue;
            }
            *counts.entry(kind).or_default() += 1;
        }
    }
    counts
}

type Found = Vec<(FindingKind, Outcome)>;

/// By pair. A misplaced record is told at the pair that misses it.
fn in_order(logs: impl Iterator<Item = InMemory>, rules: Rules) -> Option<Vec<Found>> {
    let classified = logs.map(|mut log| {
        let mut aligner = PairAligner::new(rules, Tuning::default(), [0, 0]);
        aligner.push(Side::Source, &log.0[0]);
        aligner.push(Side::Target, &log.0[1]);
        let ends = log.0.each_ref().map(|items| items.len() as i64);
        let reading = PairReading {
            name: "self-check".to_owned(),
            start: [0, 0],
            source_end: ends[0],
            read_to: ends,
            complete: [true, true],
            holes: Default::default(),
        };
        Some(classify(reading, aligner.finish(0, &mut log).ok()?))
    });
    let mut pairs: Vec<Classified> = classified.collect::<Option<_>>()?;
    find_misplaced(&mut pairs.iter_mut().enumerate().collect::<Vec<_>>());
    let findings = |pair: Classified| {
        let outcomes = pair.alignment.outcomes.into_iter().zip(pair.standings);
        outcomes.filter_map(|(outcome, standing)| match (standing, &outcome) {
            (Standing::Finding(FindingKind::MisplacedRecord), Outcome::Extraneous { .. }) => None,
            (Standing::Finding(kind), _) => Some((kind, outcome)),
            _ => None,
        })
    };
    Some(pairs.into_iter().map(|pair| findings(pair).collect()).collect())
}

fn by_key(log: InMemory, rules: Rules, order: OrderPromise) -> Option<Found> {
    let grouping = match order {
        OrderPromise::None => Grouping::Multiset,
        _ => Grouping::KeyThenMultiset,
    };
    let store = Box::new(InMemoryStore::default());
    let mut aligner = KeyedAligner::new(rules, grouping, KeyedTuning::default(), [1, 1], store);
    for side in Side::BOTH {
        aligner.push(side, 0, &log.0[side as usize], &mut Uncounted).ok()?;
    }
    let alignment =
        aligner.finish(&[0], &mut InMemoryLanes(log.0.map(|lane| vec![lane])), &mut Uncounted).ok()?;
    let kind = |outcome: &Outcome| {
        Some(match outcome {
            Outcome::Missing { .. } => FindingKind::MissingRecord,
            Outcome::Extraneous { .. } => FindingKind::ExtraneousRecord,
            Outcome::Duplicate { .. } => FindingKind::DuplicateRecord,
            Outcome::Reordered { .. } => FindingKind::ReorderedRecord,
            Outcome::Mismatched { .. } => FindingKind::MismatchedRecord,
            Outcome::Unsolved { .. } => return None,
        })
    };
    let outcomes = alignment.outcomes.into_iter().map(|entry| entry.outcome);
    Some(outcomes.filter_map(|outcome| Some((kind(&outcome)?, outcome))).collect())
}

struct Uncounted;

impl PairSink for Uncounted {
    fn matched(&mut self, _: LanePair) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::TimestampType;

    fn record(n: i64) -> Record {
        Record {
            offset: n,
            timestamp: n,
            timestamp_type: TimestampType::CreateTime,
            key: Some(format!("key {}", n % 5).into_bytes()),
            value: Some(format!("value {n}").into_bytes()),
            headers: Vec::new(),
        }
    }

    #[test]
    fn what_is_planted_is_found_under_every_promise_of_order() {
        let samples: Vec<Record> = (0..40).map(record).collect();
        for order in [OrderPromise::Partition, OrderPromise::Key, OrderPromise::None] {
            let contract = Contract { order, ..Contract::default() };
            let check = self_check(&samples, &contract, 7);
            let kinds = if order == OrderPromise::Partition { 6 } else { 4 };
            assert!(check.passed && check.planted.len() >= kinds, "{order:?}: {check:?}");
        }
    }

    #[test]
    fn an_undecodable_record_is_planted_where_a_sample_can_be_decoded() {
        let broken = || Check::Undecodable { why: "a byte too many".to_owned() };
        let samples: Vec<Record> = (0..3).map(record).collect();
        let planted = |read: &dyn Fn(&Record) -> Check| {
            let mut check = SelfCheck { passed: true, ..SelfCheck::default() };
            plant_undecodable(&mut check, &samples, read);
            (check.planted.len(), check.found.len(), check.passed)
        };
        let ends_with_zero = |record: &Record| record.value.as_deref().is_some_and(|v| v.ends_with(&[0]));
        assert_eq!(
            planted(&|record| if ends_with_zero(record) { broken() } else { Check::Decodable }),
            (1, 1, true)
        );
        assert_eq!(planted(&|_| Check::Decodable), (1, 0, false));
        assert_eq!(planted(&|_| broken()), (0, 0, true));
        assert_eq!(planted(&|_| Check::NotFramed), (0, 0, true));
    }

    #[test]
    fn a_record_is_moved_only_where_enough_are_left() {
        for count in 1..40 {
            let samples: Vec<Record> = (0..count).map(record).collect();
            let check = self_check(&samples, &Contract::default(), 7);
            let kinds = match count {
                0..12 => 0,
                12..19 => 5,
                _ => 6,
            };
            assert_eq!((check.passed, check.planted.len()), (true, kinds), "{count}: {check:?}");
        }
    }
}
