use super::*;
use crate::record::TimestampType;

fn record() -> Record {
    Record {
        offset: 7,
        timestamp: 1_000,
        timestamp_type: TimestampType::CreateTime,
        key: Some(b"k".to_vec()),
        value: Some(b"secret-1".to_vec()),
        headers: vec![header(b"h", Some(b"1")), header(b"__mskmr", Some(b"x"))],
    }
}

fn header(name: &[u8], value: Option<&[u8]>) -> Header {
    Header { name: name.to_vec(), value: value.map(<[u8]>::to_vec) }
}

fn parts(target: Record) -> Vec<Part> {
    difference(&Contract::default(), &record(), &target).parts
}

#[test]
fn each_part_is_named_and_only_the_parts_that_differ() {
    assert_eq!(parts(record()), []);
    assert_eq!(parts(Record { offset: 9, ..record() }), []);
    assert_eq!(parts(Record { value: Some(b"secret-2".to_vec()), ..record() }), [Part::Value]);
    assert_eq!(parts(Record { value: None, ..record() }), [Part::Tombstone]);
    assert_eq!(parts(Record { timestamp: 999, ..record() }), [Part::Timestamp]);
    assert_eq!(
        parts(Record { timestamp_type: TimestampType::LogAppendTime, ..record() }),
        [Part::TimestampType]
    );
    assert_eq!(parts(Record { headers: vec![], ..record() }), [Part::Headers]);
    assert_eq!(parts(Record { headers: vec![header(b"h", None)], ..record() }), [Part::Headers]);
    let all = Record {
        value: Some(vec![]),
        timestamp: 0,
        timestamp_type: TimestampType::NotAvailable,
        headers: vec![header(b"H", Some(b"1"))],
        ..record()
    };
    assert_eq!(parts(all), [Part::Value, Part::Headers, Part::Timestamp, Part::TimestampType]);
}

#[test]
fn headers_that_replicators_add_are_left_out() {
    assert_eq!(parts(Record { headers: vec![header(b"h", Some(b"1"))], ..record() }), []);
}

#[test]
fn a_tombstone_is_not_an_empty_value() {
    let tombstone = Record { value: None, ..record() };
    let empty = Record { value: Some(vec![]), ..record() };
    assert_eq!(difference(&Contract::default(), &tombstone, &empty).parts, [Part::Tombstone]);
}

#[test]
fn a_tolerance_holds_up_to_its_last_millisecond() {
    let contract = Contract { timestamps: TimestampRule::ToleranceMs(5), ..Contract::default() };
    let at = |timestamp| difference(&contract, &record(), &Record { timestamp, ..record() }).parts;
    assert_eq!(at(1_005), []);
    assert_eq!(at(994), [Part::Timestamp]);
}

#[test]
fn the_detail_shows_no_payload() {
    let other = Record {
        value: Some(b"secret-2".to_vec()),
        headers: vec![header(b"h", Some(b"hidden"))],
        ..record()
    };
    let text = difference(&Contract::default(), &record(), &other).detail.join(" ");
    assert!(!text.contains("secret") && !text.contains("hidden"), "{text}");
    assert!(text.contains("first difference at byte 7"), "{text}");
}

#[test]
fn the_detail_of_each_part_says_where_the_two_differ() {
    let with = |headers: &[(&[u8], Option<&[u8]>)]| Record {
        headers: headers.iter().map(|(name, value)| header(name, *value)).collect(),
        ..record()
    };
    let base = with(&[(b"a", Some(b"1")), (b"b", Some(b"2"))]);
    let details = |source: &Record, target: &Record| difference(&Contract::default(), source, target).detail;
    for (target, detail) in [
        (with(&[(b"a", Some(b"1")), (b"c", Some(b"2"))]), "header 1 is `b` on the source, `c` on the target"),
        (with(&[(b"a", Some(b"9")), (b"c", Some(b"2"))]), "header `a` has another value"),
        (with(&[(b"a", Some(b"1")), (b"b", None)]), "header `b` is null on the target only"),
        (with(&[(b"a", Some(b"1"))]), "2 headers on the source, 1 on the target"),
        (with(&[(b"c", None)]), "2 headers on the source, 1 on the target"),
        (
            Record { value: Some(b"secret".to_vec()), ..base.clone() },
            "value of 8 bytes on the source, 6 on the target, first difference at byte 6",
        ),
        (Record { value: None, ..base.clone() }, "value of 8 bytes on the source, tombstone on the target"),
        (Record { timestamp: 7, ..base.clone() }, "timestamp 1000 on the source, 7 on the target"),
        (
            Record { timestamp_type: TimestampType::LogAppendTime, ..base.clone() },
            "timestamp type create_time on the source, log_append_time on the target",
        ),
    ] {
        assert_eq!(details(&base, &target), [detail]);
    }
    let null = with(&[(b"a", Some(b"1")), (b"b", None)]);
    assert_eq!(details(&null, &base), ["header `b` is null on the source only"]);
    let tombstone = Record { value: None, ..base.clone() };
    assert_eq!(details(&tombstone, &base), ["tombstone on the source, value of 8 bytes on the target"]);
}

#[test]
fn what_the_contract_leaves_out_is_no_difference() {
    let contract = Contract {
        timestamps: TimestampRule::Ignore,
        timestamp_type_exact: false,
        headers_ignored: vec!["trace".to_owned()],
        ..Contract::default()
    };
    let mut target = record();
    target.timestamp = 0;
    target.timestamp_type = TimestampType::LogAppendTime;
    target.headers.insert(1, header(b"trace", None));
    assert_eq!(difference(&contract, &record(), &target), Difference::default());
}
