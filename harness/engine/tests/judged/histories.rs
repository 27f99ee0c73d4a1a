//! Compacted logs of the fixtures for the engine: as items, damaged, and in print. Judges nothing.

use std::num::NonZeroU64;

use cutproof::align::Item;
use cutproof::classify::Standing;
use cutproof::fingerprint::TOMBSTONE;
use cutproof_fixtures::oracle::compacted::{Column, CompactedLog, LogRecord};

use super::choices::Random;

/// `CUTPROOF_SEEDS`, or 100,000.
pub fn seeds() -> u64 {
    std::env::var("CUTPROOF_SEEDS").map_or(100_000, |n| n.parse().expect("CUTPROOF_SEEDS is a number"))
}

/// As the engine sees them.
pub fn items(log: &CompactedLog) -> Vec<Item> {
    let item = |log: &LogRecord| Item {
        identity: u128::from(log.record.identity),
        offset: log.offset,
        timestamp: log.record.timestamp,
        key: log.record.key.map(|key| NonZeroU64::new(key + 1).expect("not zero")),
        value: if log.tombstone { TOMBSTONE } else { log.record.value },
    };
    log.records.iter().map(item).collect()
}

/// A standing in the oracle's words, where whole logs were read.
pub fn column(standing: &Standing) -> Column {
    match standing {
        Standing::Finding(_) => Column::Finding,
        Standing::Pending => Column::Pending,
        Standing::Compacted => Column::Compacted,
        Standing::CompactedOrDropped => Column::CompactedOrDropped,
        Standing::Unverifiable | Standing::Beyond => panic!("whole logs were read"),
    }
}

/// Offset, key, identity, timestamp, `x` for a tombstone.
pub fn lines(log: &CompactedLog) -> String {
    let line = |log: &LogRecord| {
        let LogRecord { record, offset, tombstone } = log;
        let key = record.key.map_or("-".to_owned(), |key| key.to_string());
        let mark = if *tombstone { "x" } else { "" };
        format!("  {offset}: {key} = {:x} @{} {mark}\n", record.identity, record.timestamp)
    };
    let lines: String = log.records.iter().map(line).collect();
    format!("{lines}  end {}, tombstones kept {:?}\n", log.end, log.delete_retention_ms)
}

/// One of all that may go wrong, on a log as it is at the end.
pub fn damage(log: &mut CompactedLog, random: &mut Random<'_>) {
    let len = log.records.len();
    if len < 2 {
        return;
    }
    let at = random.upto(len);
    match random.below(8) {
        // Lost after it was written; never written.
        0 | 1 => drop(log.records.remove(at)),
        2 => {
            log.records.remove(at);
            log.records[at..].iter_mut().for_each(|record| record.offset -= 1);
            log.end -= 1;
        }
        3 => log.records[at].record.identity += 1,
        4 => {
            log.records[at].record.identity += 1;
            log.records[at].record.timestamp += 1;
        }
        5 => {
            let other = random.upto(len);
            let (a, b) = (log.records[at], log.records[other]);
            log.records[at] = LogRecord { offset: a.offset, ..b };
            log.records[other] = LogRecord { offset: b.offset, ..a };
        }
        6 => {
            let copy = LogRecord { offset: log.end, ..log.records[at] };
            log.records.push(copy);
            log.end += 1;
        }
        _ => log.delete_retention_ms = None,
    }
    log.end = log.end.max(log.records.last().map_or(0, |record| record.offset + 1));
}
