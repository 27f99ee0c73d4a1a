//! The records of a scenario: a workload of the fixtures, or a file of records. Produces nothing.

use std::collections::BTreeMap;
use std::path::Path;

use cutproof_fixtures::FixtureRecord;
use cutproof_fixtures::workloads::{
    BASE_TIMESTAMP, Size, TopicFixture, Workload, clicks, customers, demo_at, orders, payments, sensors,
};
use cutproof_testcontainers::PlainRecord;

use crate::format::{Bytes, RawRecord, WorkloadName, WorkloadSpec};

/// The id that the schema of orders has in a fixed registry.
pub const SCHEMA_ID: u32 = 1;
/// Of each topic.
const PARTITIONS_MAX: usize = 100;
/// Single records without a timestamp begin here: a day after the workloads.
pub const RAW_TIMESTAMP: i64 = BASE_TIMESTAMP + 86_400_000;

/// What is said of a workload, as records. `schema_id`: in the framing of orders.
pub(super) fn build(
    spec: &WorkloadSpec,
    seed: u64,
    directory: &Path,
    schema_id: u32,
) -> Result<Workload, String> {
    let size = Size {
        seed,
        partitions: spec.partitions,
        records_per_partition: spec.records,
        base_timestamp: BASE_TIMESTAMP,
    };
    if !(1..=PARTITIONS_MAX).contains(&spec.partitions) {
        return Err(format!("workload.partitions: {} is not between 1 and 100", spec.partitions));
    }
    match (spec.name, &spec.file) {
        (Some(name), None) => Ok(match name {
            WorkloadName::Orders => orders(&size, schema_id),
            WorkloadName::Clicks => clicks(&size),
            WorkloadName::Customers => customers(&size),
            WorkloadName::Sensors => sensors(&size),
            WorkloadName::Payments => payments(&size),
            WorkloadName::Demo => demo_at(seed, BASE_TIMESTAMP, schema_id),
        }),
        (None, Some(file)) => read(&directory.join(file)),
        _ => Err("workload: write either `name` or `file`".to_owned()),
    }
}

fn read(path: &Path) -> Result<Workload, String> {
    let wrong = |reason: String| format!("workload.file: {}: {reason}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let mut topics: BTreeMap<String, Vec<Vec<FixtureRecord>>> = BTreeMap::new();
    let mut clock = RAW_TIMESTAMP;
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        // Of serde's text only the place: the line may hold what is nobody's business.
        let record: RawRecord = serde_json::from_str(line)
            .map_err(|error| wrong(format!("line {number}, column {}: not a record", error.column())))?;
        let partition = usize::try_from(record.partition)
            .ok()
            .filter(|partition| *partition < PARTITIONS_MAX)
            .ok_or_else(|| wrong(format!("line {number}: partition is not between 0 and 99")))?;
        let partitions = topics.entry(record.topic.clone()).or_default();
        if partitions.len() <= partition {
            partitions.resize(partition + 1, Vec::new());
        }
        partitions[partition].extend(plain(&record, &mut clock).into_iter().map(fixture));
    }
    if topics.is_empty() {
        return Err(wrong("there is no record in it".to_owned()));
    }
    let topics = topics.into_iter().map(|(name, records)| TopicFixture {
        name,
        partitions: records.len(),
        compacted: false,
        records,
    });
    Ok(Workload { topics: topics.collect(), groups: Vec::new() })
}

fn fixture(record: PlainRecord) -> FixtureRecord {
    let PlainRecord { partition: _, key, value, headers, timestamp } = record;
    FixtureRecord { key, value, headers, timestamp }
}

/// The records that one entry stands for. `clock`: the timestamp of the next one that has none.
pub(super) fn plain(raw: &RawRecord, clock: &mut i64) -> Vec<PlainRecord> {
    let RawRecord { topic: _, partition, key, value, headers, timestamp, count } = raw;
    let numbered = |bytes: &Option<Bytes>, number: u32| {
        bytes
            .as_ref()
            .map(|bytes| if count.is_some() { number_in(&bytes.0, number) } else { bytes.0.clone() })
    };
    (0..count.unwrap_or(1))
        .map(|number| {
            let timestamp = timestamp.map_or(*clock, |first| first + i64::from(number));
            *clock = (*clock).max(timestamp) + 1;
            let headers =
                headers.iter().flatten().map(|(name, value)| (name.clone(), numbered(value, number)));
            PlainRecord {
                partition: *partition,
                key: numbered(key, number),
                value: numbered(value, number),
                headers: headers.collect(),
                timestamp,
            }
        })
        .collect()
}

/// `{n}` becomes the number, wherever it stands.
fn number_in(bytes: &[u8], number: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(3).position(|three| three == b"{n}") {
        out.extend_from_slice(&rest[..at]);
        out.extend(number.to_string().into_bytes());
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_may_stand_for_several_numbered_records() {
        let raw: RawRecord = serde_json::from_str(
            r#"{"topic":"a","partition":2,"key":"k{n}","value":"v","headers":[{"h":null},{"h":"{n}"}],"count":2}"#,
        )
        .unwrap();
        let mut clock = 100;
        let records = plain(&raw, &mut clock);
        assert_eq!(records[1].key.as_deref(), Some(&b"k1"[..]));
        assert_eq!(records[1].headers, [("h".to_owned(), None), ("h".to_owned(), Some(b"1".to_vec()))]);
        assert_eq!([records[0].timestamp, records[1].timestamp, clock], [100, 101, 102]);
        assert_eq!(number_in(b"{n}-{n}{", 7), b"7-7{");
    }

    #[test]
    fn a_record_file_gives_topics_and_a_wrong_line_is_named_without_its_text() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("records.jsonl");
        std::fs::write(&file, "{\"topic\":\"a\",\"partition\":1,\"value\":\"x\"}\n\n{\"topic\":\"b\"}\n")
            .unwrap();
        let workload = read(&file).unwrap();
        let shape: Vec<(&str, usize, usize)> =
            workload.topics.iter().map(|t| (t.name.as_str(), t.partitions, t.record_count())).collect();
        assert_eq!(shape, [("a", 2, 1), ("b", 1, 1)]);
        std::fs::write(&file, "{\"topic\":\"a\"}\n{\"topic\":\"a\",\"secret\":1}\n").unwrap();
        let error = read(&file).unwrap_err();
        assert!(error.contains("line 2") && !error.contains("secret"), "{error}");
    }
}
