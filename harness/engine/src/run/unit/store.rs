//! Open groups on disk: buckets in files without a name, up to `limits.spill`. Knows nothing of alignment.

use std::num::NonZeroU64;
use std::sync::Arc;

use crate::align::Item;
use crate::align::keyed::{Lane, OpenStore, StoreError};
use crate::record::Side;
use crate::run::spill::{SpillFile, SpillSpace};

const BUCKETS: usize = 64;
/// Bytes of one bucket that wait in memory.
const BUFFER: usize = 8 << 10;
/// Bytes of one record.
const RECORD: usize = 1 + 4 + 16 + 8 + 8 + 8 + 8;

/// Records by bucket, in files that have no name.
pub(super) struct SpillStore {
    buckets: Vec<Bucket>,
}

struct Bucket {
    waiting: Vec<u8>,
    file: SpillFile,
}

impl SpillStore {
    /// Files are made in `space` once there is something to write.
    pub fn new(space: &Arc<SpillSpace>) -> Self {
        let bucket = |_| Bucket { waiting: Vec::new(), file: SpillFile::new(space) };
        Self { buckets: (0..BUCKETS).map(bucket).collect() }
    }
}

impl OpenStore for SpillStore {
    fn buckets(&self) -> usize {
        self.buckets.len()
    }

    fn append(&mut self, bucket: usize, lane: Lane, item: &Item) -> Result<(), StoreError> {
        let Bucket { waiting, file } = &mut self.buckets[bucket];
        encode(lane, item, waiting);
        if waiting.len() >= BUFFER {
            file.append(waiting)?;
            waiting.clear();
        }
        Ok(())
    }

    fn read(&mut self, bucket: usize, visit: &mut dyn FnMut(Lane, &Item)) -> Result<(), StoreError> {
        let Bucket { waiting, file } = &mut self.buckets[bucket];
        let waiting = std::mem::take(waiting);
        let mut bytes = vec![0; file.len() as usize];
        if !bytes.is_empty() {
            file.read(0, &mut bytes)?;
            file.clear();
        }
        for record in bytes.chunks_exact(RECORD).chain(waiting.chunks_exact(RECORD)) {
            let (lane, item) = decode(record);
            visit(lane, &item);
        }
        Ok(())
    }
}

fn encode(lane: Lane, item: &Item, out: &mut Vec<u8>) {
    let Item { identity, offset, timestamp, key, value } = item;
    out.push(lane.side as u8);
    out.extend((lane.index as u32).to_le_bytes());
    out.extend(identity.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out.extend(timestamp.to_le_bytes());
    out.extend(key.map_or(0, NonZeroU64::get).to_le_bytes());
    out.extend(value.to_le_bytes());
}

fn decode(record: &[u8]) -> (Lane, Item) {
    let eight = |at: usize| <[u8; 8]>::try_from(&record[at..at + 8]).expect("eight bytes");
    let lane = Lane {
        side: if record[0] == 0 { Side::Source } else { Side::Target },
        index: u32::from_le_bytes(record[1..5].try_into().expect("four bytes")) as usize,
    };
    let item = Item {
        identity: u128::from_le_bytes(record[5..21].try_into().expect("sixteen bytes")),
        offset: i64::from_le_bytes(eight(21)),
        timestamp: i64::from_le_bytes(eight(29)),
        key: NonZeroU64::new(u64::from_le_bytes(eight(37))),
        value: u64::from_le_bytes(eight(45)),
    };
    (lane, item)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(offset: i64) -> Item {
        Item {
            identity: u128::MAX - offset as u128,
            offset,
            timestamp: -offset,
            key: NonZeroU64::new(offset as u64 % 3),
            value: !(offset as u64),
        }
    }

    #[test]
    fn what_is_put_aside_comes_back_whole_and_gives_its_room_back() {
        let space = SpillSpace::new(1 << 20);
        let mut store = SpillStore::new(&space);
        let lane = |n: i64| Lane { side: Side::BOTH[n as usize % 2], index: n as usize % 5 };
        for n in 0..2_000 {
            store.append(n as usize % 2, lane(n), &item(n)).expect("room");
        }
        assert!(space.used() > 0, "something was written");
        for bucket in 0..2 {
            let mut found = Vec::new();
            store.read(bucket, &mut |lane, item| found.push((lane, *item))).expect("readable");
            let expected: Vec<_> =
                (0..2_000).filter(|n| *n as usize % 2 == bucket).map(|n| (lane(n), item(n))).collect();
            assert_eq!(found, expected);
        }
        assert_eq!(space.used(), 0, "what was read is free again");
    }

    #[test]
    fn no_more_is_written_than_the_limit_allows() {
        let mut store = SpillStore::new(&SpillSpace::new(10));
        let lane = Lane { side: Side::Source, index: 0 };
        let failed = (0..1_000).find_map(|n| store.append(0, lane, &item(n)).err());
        assert!(failed.expect("the limit holds").0.contains("limits.spill"));
    }
}
