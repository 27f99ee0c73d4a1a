//! Open groups on disk: buckets in files without a name, up to `limits.spill`. Knows nothing of alignment.

use std::num::NonZeroU64;
use std::sync::Arc;

use crate::align::Item;
use crate::align::keyed::{Lane, OpenStore, StoreError};
use crate::record::Side;
use crate::run::budget::Buffers;
use crate::run::spill::{SpillFile, SpillSpace};

/// Bytes of one record.
const RECORD: usize = 1 + 4 + 16 + 8 + 8 + 8 + 8;
/// Bytes that are read at a time.
const PIECE: usize = 1_024 * RECORD;

/// Records by bucket, in files that have no name.
pub(super) struct SpillStore {
    buckets: Vec<Bucket>,
    /// Bytes of one bucket that wait in memory.
    buffer: usize,
}

struct Bucket {
    waiting: Vec<u8>,
    file: SpillFile,
}

impl SpillStore {
    /// Files are made in `space` once there is something to write.
    pub fn new(space: &Arc<SpillSpace>, buffers: Buffers) -> Self {
        let bucket = |_| Bucket { waiting: Vec::new(), file: SpillFile::new(space) };
        Self { buckets: (0..buffers.count).map(bucket).collect(), buffer: buffers.bytes }
    }
}

impl OpenStore for SpillStore {
    fn buckets(&self) -> usize {
        self.buckets.len()
    }

    fn append(&mut self, bucket: usize, lane: Lane, item: &Item) -> Result<(), StoreError> {
        let Bucket { waiting, file } = &mut self.buckets[bucket];
        if !waiting.is_empty() && waiting.len() + RECORD > self.buffer {
            file.append(waiting)?;
            waiting.clear();
        }
        if waiting.capacity() == 0 {
            waiting.reserve_exact(self.buffer.max(RECORD));
        }
        encode(lane, item, waiting);
        Ok(())
    }

    fn read(
        &mut self,
        bucket: usize,
        from: u64,
        visit: &mut dyn FnMut(Lane, &Item) -> bool,
    ) -> Result<(), StoreError> {
        let Bucket { waiting, file } = &self.buckets[bucket];
        let mut visit_all = |bytes: &[u8]| {
            bytes.chunks_exact(RECORD).all(|record| {
                let (lane, item) = decode(record);
                visit(lane, &item)
            })
        };
        let mut at = from * RECORD as u64;
        let left = file.len().saturating_sub(at);
        let mut piece = vec![0; left.min(PIECE as u64) as usize];
        while at < file.len() {
            let size = (file.len() - at).min(PIECE as u64) as usize;
            file.read(at, &mut piece[..size])?;
            if !visit_all(&piece[..size]) {
                return Ok(());
            }
            at += size as u64;
        }
        let in_memory = ((at - file.len()) as usize).min(waiting.len());
        visit_all(&waiting[in_memory..]);
        Ok(())
    }

    fn clear(&mut self, bucket: usize) {
        let Bucket { waiting, file } = &mut self.buckets[bucket];
        *waiting = Vec::new();
        file.clear();
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

    /// Of so many bytes.
    fn two(bytes: usize) -> Buffers {
        Buffers { count: 2, bytes }
    }

    #[test]
    fn what_is_put_aside_comes_back_whole_from_anywhere_and_gives_its_room_back() {
        let space = SpillSpace::new(1 << 20);
        for bytes in [1, 300, 8 << 10, 1 << 20] {
            let mut store = SpillStore::new(&space, two(bytes));
            let lane = |n: i64| Lane { side: Side::BOTH[n as usize % 2], index: n as usize % 5 };
            for n in 0..4_000 {
                store.append(n as usize % 2, lane(n), &item(n)).expect("room");
            }
            assert_eq!(space.used() > 0, bytes < 1 << 20, "something was written");
            for bucket in 0..2 {
                let all: Vec<_> =
                    (0..4_000).filter(|n| *n as usize % 2 == bucket).map(|n| (lane(n), item(n))).collect();
                for from in [0, 1, 1_023, 1_024, 1_999, 2_000, 3_000] {
                    for most in [1, 1_100, 5_000] {
                        let mut found = Vec::new();
                        let read = store.read(bucket, from, &mut |lane, item| {
                            found.push((lane, *item));
                            found.len() < most
                        });
                        read.expect("readable");
                        let expected: Vec<_> = all.iter().skip(from as usize).take(most).copied().collect();
                        assert!(found == expected, "{bytes}, bucket {bucket} from {from}, at most {most}");
                    }
                }
                store.clear(bucket);
                store.read(bucket, 0, &mut |_, _| panic!("nothing is left")).expect("readable");
            }
            assert_eq!(space.used(), 0, "what was read is free again");
        }
    }

    #[test]
    fn no_more_is_written_than_the_limit_allows() {
        let mut store = SpillStore::new(&SpillSpace::new(10), two(8 << 10));
        let lane = Lane { side: Side::Source, index: 0 };
        let failed = (0..1_000).find_map(|n| store.append(0, lane, &item(n)).err());
        assert!(failed.expect("the limit holds").0.contains("limits.spill"));
    }

    #[test]
    fn a_buffer_takes_no_more_memory_than_it_may() {
        let mut store = SpillStore::new(&SpillSpace::new(1 << 20), two(1 << 10));
        let lane = Lane { side: Side::Source, index: 0 };
        for n in 0..1_000 {
            store.append(0, lane, &item(n)).expect("room");
            assert!(store.buckets[0].waiting.capacity() <= 1 << 10);
        }
    }
}
