//! Equal bytes, other meaning: records that the target's registry cannot read, or reads with another schema. Looks only
//! at records that are matched; compares no bytes.

use std::collections::BTreeSet;

use cutproof_reports::{Finding, FindingKind, Part, RecordPlace};

use crate::consume::{Hole, ReadEnd};
use crate::decode::{Check, Decoder, Payload, SchemaAgreement, SchemaRef, Slot, parse_framing};
use crate::fingerprint::KeyedHasher;
use crate::ledger::Judgement;
use crate::positions::PairPlan;
use crate::record::{DecodeMode, LogKind, OffsetRange, Record, Side};

use super::RunError;
use super::again::Readers;
use super::noticed::SCHEMA_IDS;

/// What a look at the schema ids of one pair's matched records says.
#[derive(Default)]
pub(super) struct Agreement {
    /// Ids that mean another schema on the target.
    pub differ: BTreeSet<u32>,
    /// For people: ids that the target does not know, registries that do not answer.
    pub remarks: Vec<String>,
}

/// Asks both registries for each schema id that was seen in the source's values.
pub(super) fn agreement(decoder: &mut Decoder, pair: &PairPlan, ids: &BTreeSet<u32>) -> Agreement {
    let mut agreement = Agreement::default();
    for &id in ids {
        let bytes = [&[0][..], &id.to_be_bytes(), &[0]].concat();
        let payload = |topic| Payload { topic, bytes: &bytes, headers: &[] };
        let answer =
            decoder.schemas_agree(Slot::Value, payload(&pair.source.topic), payload(&pair.target.topic));
        match answer {
            SchemaAgreement::Same | SchemaAgreement::NotFramed => {}
            SchemaAgreement::Differs { .. } => drop(agreement.differ.insert(id)),
            SchemaAgreement::Undecodable { side, why } => {
                agreement
                    .remarks
                    .push(format!("{}: values with schema id {id} on the {side}: {why}", pair.source.topic));
            }
            SchemaAgreement::Unavailable { why } => {
                agreement
                    .remarks
                    .push(format!("{}: schema id {id} was not compared: {why}", pair.source.topic));
            }
        }
    }
    agreement.remarks.extend(too_many(&pair.source.topic, ids.len()));
    agreement
}

/// Where not all schema ids were kept.
fn too_many(topic: &str, ids: usize) -> Option<String> {
    (ids >= SCHEMA_IDS).then(|| {
        format!(
            "{topic}: {SCHEMA_IDS} schema ids were seen in its values, and further ones are not compared between the \
             registries: if the values are not framed, say `decode: none` in the topic's contract"
        )
    })
}

/// Reads the matched target records of a pair once more: with `decode: all` each is decoded; records whose schema id
/// means something else on the target are mismatched in their schema. The pair's ledger follows.
pub(super) fn read_matched(
    look: &mut Look<'_, '_>,
    pair: &PairPlan,
    judgement: &mut Judgement,
    agreement: &Agreement,
    emit: &mut dyn FnMut(Finding) -> Result<(), RunError>,
) -> Result<Looked, RunError> {
    if pair.contract.decode != DecodeMode::All && agreement.differ.is_empty() {
        return Ok(Looked::default());
    }
    let Judgement { alignment, ledger, reading, cut, .. } = judgement;
    let expected = Expected {
        range: OffsetRange { start: reading.start[1], end: cut[1] },
        records: alignment.runs.matched_below_source(reading.source_end),
        exact: true,
        told: &reading.holes[1],
    };
    let matched = |offset: i64| {
        let runs = &alignment.runs;
        let matched = runs.pair(runs.matched_below_target(offset));
        // Copies of what the source got after the barrier lie between those of the scope.
        let (source, _) =
            matched.filter(|&(source, target)| target == offset && source < reading.source_end)?;
        Some(Matched { source: Some(source) })
    };
    let looked = look.at_matched(pair, &expected, agreement, matched, &mut |finding| {
        if finding.kind == FindingKind::MismatchedRecord {
            ledger.matched -= 1;
        }
        ledger.find(finding.kind);
        emit(finding)
    })?;
    ledger.check(&reading.name)?;
    Ok(looked)
}

/// What a look at records leaves to be said, a sentence each.
#[derive(Default)]
pub(super) struct Looked {
    /// What could not be found out: without it nothing is proven.
    pub unknown: Vec<String>,
    /// What says nothing against a proof.
    pub notes: Vec<String>,
}

/// The matched target records to look at.
pub(super) struct Expected<'t> {
    /// Where they are.
    pub range: OffsetRange,
    /// How many there are.
    pub records: u64,
    /// Whether there may be no more of them.
    pub exact: bool,
    /// Offsets that could not be read before: none of them is matched.
    pub told: &'t [OffsetRange],
}

/// A target record that is matched, and with which source offset, where that is known.
pub(super) struct Matched {
    pub source: Option<i64>,
}

/// What a look at records needs.
pub(super) struct Look<'r, 'a> {
    pub readers: &'r mut Readers<'a>,
    pub decoder: &'r mut Decoder,
    pub hasher: &'r KeyedHasher,
}

impl Look<'_, '_> {
    /// Looks at the target records that `matched` knows, and hands on what is wrong with them. Those that are not met
    /// any more are counted.
    pub fn at_matched(
        &mut self,
        pair: &PairPlan,
        expected: &Expected<'_>,
        agreement: &Agreement,
        matched: impl Fn(i64) -> Option<Matched>,
        emit: &mut dyn FnMut(Finding) -> Result<(), RunError>,
    ) -> Result<Looked, RunError> {
        let Self { readers, decoder, hasher } = self;
        let all = pair.contract.decode == DecodeMode::All;
        let range = expected.range;
        let mut failed = None;
        let mut unknown: Option<(u64, String)> = None;
        let (mut met, mut unframed) = (0_u64, 0_u64);
        let end = readers.read(Side::Target, pair.contract.isolation, &pair.target, range, |view| {
            let Some(Matched { source }) = matched(view.offset) else { return true };
            met += 1;
            let record = view.to_record();
            match meaning(decoder, pair, &record, all, agreement) {
                Meaning::Fine => {}
                Meaning::Unframed => unframed += 1,
                Meaning::Unknown(why) => unknown.get_or_insert((0, why)).0 += 1,
                Meaning::Wrong(kind, detail) => {
                    failed = emit(finding(kind, detail, pair, source, &record, hasher)).err();
                }
            }
            failed.is_none()
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        let mut looked = Looked::default();
        looked.unknown.extend(unknown.map(|(records, why)| not_known(pair, &records.to_string(), &why)));
        let lost = readers.holes.beyond(Side::Target, &pair.target, range, expected.told);
        looked.say_not_met(pair, expected, expected.records.saturating_sub(met), &end, lost.as_ref());
        looked.notes.extend(not_framed(pair, unframed));
        Ok(looked)
    }
}

impl Looked {
    /// Of the records to look at so many were not met: nobody has read them through the registry. Those that compaction
    /// has removed meanwhile nobody will.
    fn say_not_met(
        &mut self,
        pair: &PairPlan,
        expected: &Expected<'_>,
        records: u64,
        end: &ReadEnd,
        lost: Option<&Hole>,
    ) {
        if expected.exact && records == 0 {
            return;
        }
        let why = match (end, lost) {
            (ReadEnd::ReachedEnd, Some(Hole { range: OffsetRange { start, end }, detail })) => {
                format!("offsets {start} to {} cannot be read ({detail})", end - 1)
            }
            (ReadEnd::ReachedEnd, None) if records == 0 => return,
            (ReadEnd::ReachedEnd, None) if pair.contract.log == LogKind::Compacted => {
                let gone = format!("{records} matched records were compacted before they were decoded");
                return self.notes.push(format!("{}: {gone}", pair.target));
            }
            (ReadEnd::ReachedEnd, None) => "they are gone (retention or compaction)".to_owned(),
            (end, _) => format!("{end:?}"),
        };
        let records = match (records, expected.exact) {
            (0, _) => "all".to_owned(),
            (records, true) => records.to_string(),
            (records, false) => format!("{records} or more"),
        };
        self.unknown.push(not_known(pair, &records, &format!("they could not be read again: {why}")));
    }
}

/// For people; without these records nothing is proven.
fn not_known(pair: &PairPlan, records: &str, why: &str) -> String {
    format!("{}: whether {records} records can be read on the target is not known: {why}", pair.target)
}

/// Where values begin like framed ones by chance.
fn not_framed(pair: &PairPlan, records: u64) -> Option<String> {
    (records > 0).then(|| {
        format!(
            "{}: {records} values begin as if they named a schema that is another one on the target, but are not of that \
             schema on the source: they count as bytes without a schema; if the values are not framed, say \
             `decode: none` in the topic's contract",
            pair.source
        )
    })
}

/// What a look at a record says whose bytes are equal on both sides.
#[derive(Debug, PartialEq)]
enum Meaning {
    Fine,
    /// It only begins as if it named a schema.
    Unframed,
    Wrong(FindingKind, String),
    /// Its registry does not answer, or its format is not decoded.
    Unknown(String),
}

fn meaning(
    decoder: &mut Decoder,
    pair: &PairPlan,
    record: &Record,
    all: bool,
    agreement: &Agreement,
) -> Meaning {
    let Some(bytes) = record.value.as_deref() else { return Meaning::Fine };
    let mut equal = Meaning::Fine;
    if let Some(id) = schema_id(bytes).filter(|id| agreement.differ.contains(id)) {
        let another = format!("schema id {id} is another schema in the target's registry");
        match of_schema(decoder, &pair.source.topic, record, bytes, id) {
            Check::Decodable => {
                let detail = format!("equal bytes, but {another}");
                return Meaning::Wrong(FindingKind::MismatchedRecord, detail);
            }
            Check::Unavailable { why } => {
                return Meaning::Unknown(format!(
                    "{another}, and whether values are of that schema on the source is not known: {why}"
                ));
            }
            Check::Undecodable { .. } | Check::NotFramed => equal = Meaning::Unframed,
        }
    }
    if !all {
        return equal;
    }
    let payload = Payload { topic: &pair.target.topic, bytes, headers: &record.headers };
    match decoder.check(Side::Target, Slot::Value, payload) {
        Check::Undecodable { why } => Meaning::Wrong(FindingKind::UndecodableRecord, why),
        Check::Unavailable { why } => Meaning::Unknown(why),
        Check::Decodable | Check::NotFramed => equal,
    }
}

/// Whether a value is framed with schema `id` and can be read with it on the source. Any bytes may begin like a framing.
fn of_schema(decoder: &mut Decoder, topic: &str, record: &Record, bytes: &[u8], id: u32) -> Check {
    match parse_framing(Slot::Value, bytes, &record.headers) {
        Ok(Some(framed)) if framed.schema == SchemaRef::Id(id) => {
            decoder.check(Side::Source, Slot::Value, Payload { topic, bytes, headers: &record.headers })
        }
        _ => Check::NotFramed,
    }
}

/// The schema id of a payload in the registry's framing (`00`, id as 32 bits).
pub(super) fn schema_id(bytes: &[u8]) -> Option<u32> {
    match bytes {
        [0, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}

fn finding(
    kind: FindingKind,
    detail: String,
    pair: &PairPlan,
    source_offset: Option<i64>,
    record: &Record,
    hasher: &KeyedHasher,
) -> Finding {
    let place = |topic: &str, partition, offset| RecordPlace {
        topic: topic.to_owned(),
        partition,
        offset,
        timestamp: Some(record.timestamp).filter(|&timestamp| timestamp >= 0),
        timestamp_type: record.timestamp_type,
    };
    let value_hash = hasher.hash(record.value.as_deref());
    Finding {
        finding_id: 0,
        kind,
        parts: if kind == FindingKind::MismatchedRecord { vec![Part::Schema] } else { Vec::new() },
        cause: None,
        order_broken: None,
        source: source_offset.map(|offset| place(&pair.source.topic, pair.source.partition, offset)),
        target: Some(place(&pair.target.topic, pair.target.partition, record.offset)),
        key_hash: hasher.hash(record.key.as_deref()),
        source_value_hash: source_offset.and(value_hash.clone()),
        target_value_hash: value_hash,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use cutproof_testcontainers::FixedRegistry;

    use super::super::two_logs::TwoLogs;
    use super::*;
    use crate::cancel::CancelToken;
    use crate::decode::RegistrySettings;
    use crate::record::{Contract, Header, TimestampType, TopicPartition};

    fn record(value: &[u8], headers: Vec<Header>) -> Record {
        Record {
            offset: 0,
            timestamp: 0,
            timestamp_type: TimestampType::CreateTime,
            key: None,
            value: Some(value.to_vec()),
            headers,
        }
    }

    #[test]
    fn a_value_means_something_else_only_if_it_can_be_read_with_the_schema_that_it_names() {
        let registries = ["\"string\"", "\"long\""]
            .map(|schema| FixedRegistry::start(HashMap::from([(1, schema.to_owned())])).expect("a registry"));
        let [source, target] =
            registries.each_ref().map(|registry| Some(RegistrySettings::new(registry.url())));
        let mut decoder = Decoder::new(source, target).expect("a decoder");
        let [source, target] = ["orders", "src.orders"].map(|topic| TopicPartition::new(topic, 0));
        let pair = PairPlan::unbounded(source, target, Contract::default());
        let agreement = agreement(&mut decoder, &pair, &BTreeSet::from([1]));
        assert_eq!(agreement.differ, BTreeSet::from([1]));
        let mut said =
            |value: &[u8], headers| meaning(&mut decoder, &pair, &record(value, headers), false, &agreement);
        let framed = b"\0\0\0\0\x01\x04hi".as_slice();
        let Meaning::Wrong(kind, detail) = said(framed, vec![]) else { panic!("a string is no long") };
        assert_eq!(kind, FindingKind::MismatchedRecord);
        assert!(detail.contains("schema id 1"), "{detail}");
        // As a string it would end after one more byte, or go on for longer.
        for long in [0x0102_0304_i64, 0x0101_0000, 0x017e_0000] {
            assert_eq!(said(&long.to_be_bytes(), vec![]), Meaning::Unframed, "{long:#x}");
        }
        assert_eq!(said(b"\0\0\0\0\x02\x04hi", vec![]), Meaning::Fine);
        // A header wins over what the value begins with.
        let named = Header { name: b"__value_schema_id".to_vec(), value: Some(b"\0\0\0\0\x02".to_vec()) };
        assert_eq!(said(framed, vec![named]), Meaning::Unframed);
    }

    #[test]
    fn matched_records_that_are_not_met_again_are_counted_and_nothing_is_proven_without_them() {
        let of = |log| Contract { log, decode: DecodeMode::All, ..Contract::default() };
        let framed = (0..10_u8).map(|n| [b"\0\0\0\0\x01\x02".as_slice(), &[b'a' + n]].concat());
        let logs = TwoLogs::of(framed.collect(), of(LogKind::Retained));
        let schemas = || HashMap::from([(1, "\"string\"".to_owned())]);
        let registries = [(), ()].map(|()| FixedRegistry::start(schemas()).expect("a registry"));
        let [source, target] =
            registries.each_ref().map(|registry| Some(RegistrySettings::new(registry.url())));
        let mut decoder = Decoder::new(source, target).expect("a decoder");
        let hasher = KeyedHasher::new([7; 32]);
        let cancel = CancelToken::default();
        let mut readers = logs.readers(&cancel);
        let range = |start, end| OffsetRange { start, end };
        let mut said = |readers: &mut Readers<'_>, log, records, exact, told: &[OffsetRange]| {
            let pair = PairPlan { contract: of(log), ..logs.pair.clone() };
            let mut look = Look { readers, decoder: &mut decoder, hasher: &hasher };
            let expected = Expected { range: range(0, 10), records, exact, told };
            let all = |_| Some(Matched { source: None });
            let looked = look.at_matched(&pair, &expected, &Agreement::default(), all, &mut |_| Ok(()));
            let Looked { unknown, notes } = looked.expect("readable");
            (unknown.concat(), notes.concat())
        };
        let nothing = (String::new(), String::new());
        assert_eq!(said(&mut readers, LogKind::Retained, 10, true, &[]), nothing);
        assert_eq!(said(&mut readers, LogKind::Retained, 3, false, &[]), nothing);
        let (unknown, _) = said(&mut readers, LogKind::Retained, 12, true, &[]);
        assert!(unknown.contains("src.orders-0: whether 2 records") && unknown.contains("gone"), "{unknown}");
        let (unknown, note) = said(&mut readers, LogKind::Compacted, 12, true, &[]);
        assert!(unknown.is_empty() && note.contains("src.orders-0: 2 matched records"), "{unknown} {note}");

        let hole = Hole { range: range(3, 5), detail: "bad checksum".to_owned() };
        readers.holes.add(Side::Target, &logs.pair.target, [hole]);
        for log in [LogKind::Retained, LogKind::Compacted] {
            let (unknown, _) = said(&mut readers, log, 10, true, &[]);
            for word in ["src.orders-0: whether 2 records", "offsets 3 to 4", "bad checksum"] {
                assert!(unknown.contains(word), "{word} in {unknown}");
            }
        }
        let (unknown, _) = said(&mut readers, LogKind::Retained, 3, false, &[]);
        assert!(unknown.contains("whether all records"), "{unknown}");
        // None of those two was matched.
        assert_eq!(said(&mut readers, LogKind::Retained, 8, true, &[]), nothing);
        assert_eq!(said(&mut readers, LogKind::Retained, 3, false, &[range(3, 5)]), nothing);
    }

    #[test]
    fn values_that_only_look_framed_are_counted_aloud() {
        let [source, target] = ["orders", "src.orders"].map(|topic| TopicPartition::new(topic, 3));
        let pair = PairPlan::unbounded(source, target, Contract::default());
        assert_eq!(not_framed(&pair, 0), None);
        assert!(not_framed(&pair, 7).is_some_and(|said| said.starts_with("orders-3: 7 values")));
    }

    #[test]
    fn that_schema_ids_were_not_kept_is_told() {
        assert_eq!(too_many("orders", 999), None);
        assert!(too_many("orders", 1_000).is_some_and(|said| said.contains("orders: 1000 schema ids")));
    }
}
