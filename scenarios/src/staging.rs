//! Records of the fixtures on their way to clusters, and what an in-process copier writes of them. Talks to no cluster.

use cutproof_fixtures::FixtureRecord;
use cutproof_testcontainers::{Carried, PlainRead, PlainRecord, ProduceOptions};

/// How far ahead a record is looked for on the source when the target's next one is another: farther than any block
/// that is lost or changed.
const LOOK_AHEAD: usize = 100;

/// A record of the fixtures, to be produced to `partition`.
pub fn plain(record: &FixtureRecord, partition: i32) -> PlainRecord {
    let FixtureRecord { key, value, headers, timestamp } = record.clone();
    PlainRecord { partition, key, value, headers, timestamp }
}

/// In order with one request at a time; idempotence would cost the producer another round to start.
pub fn in_order() -> ProduceOptions {
    let properties = [("enable.idempotence", "false"), ("max.in.flight.requests.per.connection", "1")];
    ProduceOptions {
        properties: properties.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..ProduceOptions::default()
    }
}

/// What a copier writes so that the target holds `on_target` (by partition): those that are regular copies of what was
/// `read` with the offset that they came from.
pub fn carried(read: Vec<Vec<PlainRead>>, on_target: &[Vec<FixtureRecord>]) -> Vec<Carried> {
    let mut all = Vec::new();
    for (partition, records) in (0..).zip(on_target) {
        let mut source = read.get(partition as usize).map_or(&[][..], Vec::as_slice);
        for record in records {
            let ahead = source.iter().take(LOOK_AHEAD).position(|read| is_copy(read, record));
            let source_offset = ahead.map(|ahead| source[ahead].offset);
            source = &source[ahead.map_or(0, |ahead| ahead + 1)..];
            all.push(Carried { record: plain(record, partition), source_offset });
        }
    }
    all
}

fn is_copy(read: &PlainRead, record: &FixtureRecord) -> bool {
    let PlainRead { offset: _, timestamp, timestamp_type: _, key, value, headers } = read;
    (timestamp, key, value, headers) == (&record.timestamp, &record.key, &record.value, &record.headers)
}
