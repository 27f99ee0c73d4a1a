//! Equal bytes, other meaning: records that the target's registry cannot read, or reads with another schema. Looks only
//! at records that are matched; compares no bytes.

use std::collections::BTreeSet;

use cutproof_reports::{Finding, FindingKind, Part, RecordPlace};

use crate::consume::ReadEnd;
use crate::decode::{Check, Decoder, Payload, SchemaAgreement, Slot};
use crate::fingerprint::KeyedHasher;
use crate::ledger::Judgement;
use crate::positions::PairPlan;
use crate::record::{DecodeMode, OffsetRange, Record, Side};

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
/// means something else on the target are mismatched in their schema. The pair's ledger follows. Gives what could not be
/// found out, a sentence each: without it nothing is proven.
pub(super) fn read_matched(
    look: &mut Look<'_, '_>,
    pair: &PairPlan,
    judgement: &mut Judgement,
    agreement: &Agreement,
    emit: &mut dyn FnMut(Finding) -> Result<(), RunError>,
) -> Result<Vec<String>, RunError> {
    if pair.contract.decode != DecodeMode::All && agreement.differ.is_empty() {
        return Ok(Vec::new());
    }
    let Judgement { alignment, ledger, reading, cut, .. } = judgement;
    let range = OffsetRange { start: reading.start[1], end: cut[1] };
    let matched = |offset: i64| {
        let runs = &alignment.runs;
        let matched = runs.pair(runs.matched_below_target(offset));
        // Copies of what the source got after the barrier lie between those of the scope.
        let (source, _) =
            matched.filter(|&(source, target)| target == offset && source < reading.source_end)?;
        Some(Matched { source: Some(source) })
    };
    let unknown = look.at_matched(pair, range, agreement, matched, &mut |finding| {
        if finding.kind == FindingKind::MismatchedRecord {
            ledger.matched -= 1;
        }
        ledger.find(finding.kind);
        emit(finding)
    })?;
    ledger.check(&reading.name)?;
    Ok(unknown)
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
    /// Looks at the target records of `range` that `matched` knows, and hands on what is wrong with them.
    pub fn at_matched(
        &mut self,
        pair: &PairPlan,
        range: OffsetRange,
        agreement: &Agreement,
        matched: impl Fn(i64) -> Option<Matched>,
        emit: &mut dyn FnMut(Finding) -> Result<(), RunError>,
    ) -> Result<Vec<String>, RunError> {
        let Self { readers, decoder, hasher } = self;
        let all = pair.contract.decode == DecodeMode::All;
        let mut failed = None;
        let mut unknown: Option<(u64, String)> = None;
        let end = readers.read(Side::Target, pair.contract.isolation, &pair.target, range, |view| {
            let Some(Matched { source }) = matched(view.offset) else { return true };
            let record = view.to_record();
            match meaning(decoder, pair, &record, all, agreement) {
                Meaning::Fine => {}
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
        let unknown = unknown.map(|(records, why)| {
            format!(
                "{}: whether {records} records can be read on the target is not known: {why}",
                pair.target
            )
        });
        let unread = (end != ReadEnd::ReachedEnd)
            .then(|| format!("{} could not be read again to look at its schemas: {end:?}", pair.target));
        Ok(unknown.into_iter().chain(unread).collect())
    }
}

/// What a look at a record says whose bytes are equal on both sides.
enum Meaning {
    Fine,
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
    if let Some(id) = schema_id(bytes).filter(|id| agreement.differ.contains(id)) {
        let detail = format!("equal bytes, but schema id {id} is another schema in the target's registry");
        return Meaning::Wrong(FindingKind::MismatchedRecord, detail);
    }
    if !all {
        return Meaning::Fine;
    }
    let payload = Payload { topic: &pair.target.topic, bytes, headers: &record.headers };
    match decoder.check(Side::Target, Slot::Value, payload) {
        Check::Undecodable { why } => Meaning::Wrong(FindingKind::UndecodableRecord, why),
        Check::Unavailable { why } => Meaning::Unknown(why),
        Check::Decodable | Check::NotFramed => Meaning::Fine,
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
    use super::*;

    #[test]
    fn that_schema_ids_were_not_kept_is_told() {
        assert_eq!(too_many("orders", 999), None);
        assert!(too_many("orders", 1_000).is_some_and(|said| said.contains("orders: 1000 schema ids")));
    }
}
