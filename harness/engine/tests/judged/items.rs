//! The oracle's records as the engine's items. Chooses only where offsets leave gaps.

use std::num::NonZeroU64;

use cutproof::align::Item;
use cutproof_fixtures::oracle::OracleRecord;

use super::choices::Random;

/// Behind offset `before`, with gaps as markers and compaction leave them.
pub fn items(records: &[OracleRecord], before: i64, random: &mut Random<'_>) -> Vec<Item> {
    let mut offset = before;
    let gaps = random.below(2) == 1;
    records
        .iter()
        .map(|record| {
            offset += if gaps && random.below(6) == 0 { 1 + random.below(3) as i64 } else { 1 };
            Item {
                identity: u128::from(record.identity),
                offset,
                timestamp: record.timestamp,
                key: record.key.map(|key| NonZeroU64::new(key + 1).expect("not zero")),
                value: record.value,
            }
        })
        .collect()
}
