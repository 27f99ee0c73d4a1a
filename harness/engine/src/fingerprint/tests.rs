use super::*;
use crate::record::{Header, Record, TimestampType};

fn record() -> Record {
    Record {
        offset: 7,
        timestamp: 1_000,
        timestamp_type: TimestampType::CreateTime,
        key: Some(b"k".to_vec()),
        value: Some(b"v".to_vec()),
        headers: vec![Header { name: b"h".to_vec(), value: Some(b"1".to_vec()) }],
    }
}

fn of(contract: &Contract, record: &Record) -> Fingerprint {
    record.view(|view| Fingerprinter::new(contract, 42).of(view))
}

#[test]
fn every_part_of_a_record_counts_and_its_offset_does_not() {
    let contract = Contract::default();
    let same = of(&contract, &record());
    assert_eq!(same, of(&contract, &Record { offset: 8, ..record() }));
    let header =
        |name: &[u8], value: Option<&[u8]>| Header { name: name.to_vec(), value: value.map(<[u8]>::to_vec) };
    let others = [
        Record { key: None, ..record() },
        Record { key: Some(vec![]), ..record() },
        Record { key: Some(b"K".to_vec()), ..record() },
        Record { value: None, ..record() },
        Record { value: Some(vec![]), ..record() },
        Record { value: Some(b"V".to_vec()), ..record() },
        Record { key: Some(b"v".to_vec()), value: Some(b"k".to_vec()), ..record() },
        Record { timestamp: 1_001, ..record() },
        Record { timestamp_type: TimestampType::LogAppendTime, ..record() },
        Record { headers: vec![], ..record() },
        Record { headers: vec![header(b"h", None)], ..record() },
        Record { headers: vec![header(b"h", Some(b""))], ..record() },
        Record { headers: vec![header(b"H", Some(b"1"))], ..record() },
        Record { headers: vec![header(b"h", Some(b"1")), header(b"h", Some(b"1"))], ..record() },
        Record { headers: vec![header(b"a", None), header(b"b", None)], ..record() },
        Record { headers: vec![header(b"b", None), header(b"a", None)], ..record() },
    ];
    let mut seen = vec![same.identity];
    for other in &others {
        let identity = of(&contract, other).identity;
        assert!(!seen.contains(&identity), "{other:?} looks like another record");
        seen.push(identity);
    }
}

#[test]
fn what_the_contract_ignores_does_not_count() {
    let contract = Contract {
        timestamps: TimestampRule::Ignore,
        timestamp_type_exact: false,
        headers_ignored: vec!["trace".to_owned()],
        ..Contract::default()
    };
    let mut other = record();
    other.timestamp = 5;
    other.timestamp_type = TimestampType::LogAppendTime;
    other.headers.insert(0, Header { name: b"trace".to_vec(), value: None });
    assert_eq!(of(&contract, &record()), of(&contract, &other));
}

#[test]
fn a_keyed_hash_tells_null_from_empty_and_needs_its_key() {
    let hasher = KeyedHasher::new([1; 32]);
    assert_eq!(hasher.hash(None), None);
    assert_eq!(hasher.hash(Some(b"")).map(|hash| hash.len()), Some(32));
    assert_ne!(hasher.hash(Some(b"x")), KeyedHasher::new([2; 32]).hash(Some(b"x")));
}
