//! What is planted is found, under every contract and whatever the records are.

use super::*;
use crate::record::{LogKind, OrderPromise, Partitioning, TimestampRule, TimestampType};

/// The `n`th record; `key` is the number of its key.
fn record(n: i64, key: Option<i64>) -> Record {
    Record {
        offset: n,
        timestamp: n,
        timestamp_type: TimestampType::CreateTime,
        key: key.map(|key| format!("key {key}").into_bytes()),
        value: Some(format!("value {n}").into_bytes()),
        headers: Vec::new(),
    }
}

fn of_five_keys(count: i64) -> Vec<Record> {
    (0..count).map(|n| record(n, Some(n % 5))).collect()
}

/// One of each that the interface allows.
fn contracts() -> Vec<Contract> {
    let orders = [
        (OrderPromise::Partition, Partitioning::Same),
        (OrderPromise::Key, Partitioning::Same),
        (OrderPromise::Key, Partitioning::ByKey),
        (OrderPromise::None, Partitioning::Same),
    ];
    let timestamps = [TimestampRule::Exact, TimestampRule::ToleranceMs(5), TimestampRule::Ignore];
    let mut contracts = Vec::new();
    for (order, partitions) in orders {
        for log in [LogKind::Retained, LogKind::Compacted] {
            for timestamps in timestamps {
                contracts.push(Contract { log, order, partitions, timestamps, ..Contract::default() });
            }
        }
    }
    contracts
}

#[test]
fn what_is_planted_is_found_under_every_contract() {
    for contract in contracts() {
        let check = self_check(&of_five_keys(40), std::iter::once(&contract), 7);
        let kinds = match contract.order {
            OrderPromise::Partition => 6,
            OrderPromise::Key => 5,
            OrderPromise::None => 4,
        };
        assert_eq!((check.passed, check.planted.len()), (true, kinds), "{contract:?}: {check:?}");
        assert_eq!(check.detail, "");
    }
}

#[test]
fn what_is_planted_is_found_whatever_keys_times_and_values_there_are() {
    let shapes: [fn(i64) -> Record; 7] = [
        |n| record(n, None),
        |n| record(n, Some(n)),
        |n| record(n, Some(0)),
        |n| record(n, (n % 3 > 0).then_some(n % 4)),
        |n| record(n, (n % 4 == 2).then_some(1)),
        |n| Record { timestamp: -1, ..record(n, (n % 2 > 0).then_some(n % 3)) },
        |n| Record { value: (n % 3 > 0).then(|| vec![n as u8]), ..record(n, Some(n)) },
    ];
    for (at, shape) in shapes.into_iter().enumerate() {
        for count in [12, 13, 18, 19, 20, 41, 64] {
            let samples: Vec<Record> = (0..count).map(shape).collect();
            for contract in contracts() {
                let check = self_check(&samples, std::iter::once(&contract), 7);
                assert!(check.passed, "shape {at}, {count} records, {contract:?}: {check:?}");
            }
        }
    }
}

#[test]
fn every_contract_of_the_run_is_tested_once_and_the_counts_are_added() {
    let [by_pair, by_key] =
        [OrderPromise::Partition, OrderPromise::Key].map(|order| Contract { order, ..Contract::default() });
    let decoding = Contract { decode: DecodeMode::All, ..by_pair.clone() };
    let check = self_check(&of_five_keys(40), [&by_pair, &by_key, &decoding, &by_pair].into_iter(), 7);
    assert!(check.passed, "{check:?}");
    let planted = |kind: FindingKind| check.planted.get(&kind).copied();
    let kinds = [FindingKind::MissingRecord, FindingKind::ReorderedRecord, FindingKind::MisplacedRecord];
    assert_eq!(kinds.map(planted), [Some(2), Some(2), Some(1)]);
}

#[test]
fn too_few_records_pass_nothing_and_are_said_to_be_too_few() {
    let ignoring = Contract { timestamps: TimestampRule::Ignore, ..Contract::default() };
    let exact = Contract::default();
    let check = self_check(&of_five_keys(11), [&exact, &ignoring].into_iter(), 7);
    assert_eq!((check.passed, check.planted.len(), check.found.len()), (false, 0, 0));
    assert!(check.detail.starts_with("no lost, added or changed record was planted: only 11 "), "{check:?}");

    // Equal apart from their times.
    let alike: Vec<Record> = (0..40).map(|n| Record { timestamp: n, ..record(0, Some(1)) }).collect();
    let check = self_check(&alike, [&exact, &ignoring].into_iter(), 7);
    assert_eq!((check.passed, check.planted.len()), (true, 6), "{check:?}");
    let said = ["under 1 of 2 contracts no lost", " only 1 different"];
    assert!(said.iter().all(|words| check.detail.contains(words)), "{check:?}");

    let check = self_check(&of_five_keys(40), std::iter::empty(), 7);
    assert_eq!((check.passed, check.planted.len(), check.detail.as_str()), (false, 0, ""));
}

#[test]
fn an_undecodable_record_is_planted_where_a_sample_can_be_decoded() {
    let broken = || Check::Undecodable { why: "a byte too many".to_owned() };
    let samples = of_five_keys(3);
    let planted = |passed: bool, read: &dyn Fn(&Record) -> Check| {
        let mut check = SelfCheck { passed, ..SelfCheck::default() };
        plant_undecodable(&mut check, &samples, read);
        (check.planted.len(), check.found.len(), check.passed)
    };
    let ends_with_zero = |record: &Record| record.value.as_deref().is_some_and(|v| v.ends_with(&[0]));
    let reads = |record: &Record| if ends_with_zero(record) { broken() } else { Check::Decodable };
    assert_eq!([true, false].map(|passed| planted(passed, &reads)), [(1, 1, true); 2]);
    assert_eq!(planted(true, &|_| Check::Decodable), (1, 0, false));
    assert_eq!(planted(true, &|_| broken()), (0, 0, true));
    assert_eq!(planted(false, &|_| Check::NotFramed), (0, 0, false));

    // What was not found before is not made good.
    let mut failed = SelfCheck { planted: [(FindingKind::MissingRecord, 1)].into(), ..SelfCheck::default() };
    plant_undecodable(&mut failed, &samples, reads);
    assert_eq!((failed.planted.len(), failed.found.len(), failed.passed), (2, 1, false));
}

#[test]
fn a_record_is_moved_only_where_enough_are_left() {
    for count in 1..40 {
        let check = self_check(&of_five_keys(count), std::iter::once(&Contract::default()), 7);
        let kinds = match count {
            0..12 => 0,
            12..19 => 5,
            _ => 6,
        };
        assert_eq!((check.passed, check.planted.len()), (kinds > 0, kinds), "{count}: {check:?}");
    }
}
