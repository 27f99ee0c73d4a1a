//! Open groups on disk: buckets in unlinked files, up to `limits.spill`. Knows nothing of alignment.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::align::Item;
use crate::align::keyed::{Lane, OpenStore, StoreError};
use crate::record::Side;

const BUCKETS: usize = 64;
/// Bytes of one bucket that wait in memory.
const BUFFER: usize = 8 << 10;
/// Bytes of one record.
const RECORD: usize = 1 + 4 + 16 + 8 + 8 + 8 + 8;

/// What is left of `limits.spill`, for all stores of a run.
pub(super) type Budget = Arc<AtomicU64>;

/// Records by bucket, in files that have no name.
pub(super) struct SpillStore {
    directory: PathBuf,
    budget: Budget,
    buckets: Vec<Bucket>,
}

#[derive(Default)]
struct Bucket {
    waiting: Vec<u8>,
    file: Option<File>,
}

impl SpillStore {
    /// Files are made in `directory` once there is something to write.
    pub fn new(directory: PathBuf, budget: Budget) -> Self {
        Self { directory, budget, buckets: (0..BUCKETS).map(|_| Bucket::default()).collect() }
    }

    fn write_out(&mut self, bucket: usize) -> Result<(), StoreError> {
        let Bucket { waiting, file } = &mut self.buckets[bucket];
        let bytes = waiting.len() as u64;
        let taken = self
            .budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes))
            .is_ok();
        if !taken {
            let why = "limits.spill is used up by records of keys whose order differs; raise it, or compare fewer \
                       topics at once";
            return Err(StoreError(why.to_owned()));
        }
        let directory = &self.directory;
        let failed = |error: std::io::Error| {
            StoreError(format!("records cannot be put aside in {}: {error}", directory.display()))
        };
        let file = match file {
            Some(file) => file,
            None => file.insert(unnamed_file(directory, bucket).map_err(failed)?),
        };
        file.write_all(waiting).map_err(failed)?;
        waiting.clear();
        Ok(())
    }
}

/// A file that is gone when it is closed, however the run ends.
fn unnamed_file(directory: &std::path::Path, bucket: usize) -> std::io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = directory.join(format!(".spill-{}-{number}-{bucket}", std::process::id()));
    let file = File::options().read(true).write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

impl OpenStore for SpillStore {
    fn buckets(&self) -> usize {
        self.buckets.len()
    }

    fn append(&mut self, bucket: usize, lane: Lane, item: &Item) -> Result<(), StoreError> {
        encode(lane, item, &mut self.buckets[bucket].waiting);
        if self.buckets[bucket].waiting.len() >= BUFFER { self.write_out(bucket) } else { Ok(()) }
    }

    fn read(&mut self, bucket: usize, visit: &mut dyn FnMut(Lane, &Item)) -> Result<(), StoreError> {
        let Bucket { waiting, file } = std::mem::take(&mut self.buckets[bucket]);
        let mut bytes = Vec::new();
        if let Some(mut file) = file {
            let failed = |error: std::io::Error| {
                StoreError(format!("records put aside cannot be read again: {error}"))
            };
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            let read = file.read_to_end(&mut bytes).map_err(failed)?;
            self.budget.fetch_add(read as u64, Ordering::Relaxed);
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
    fn what_is_put_aside_comes_back_whole_and_leaves_no_file() {
        let directory = std::env::temp_dir().join(format!("cutproof-spill-{}", std::process::id()));
        std::fs::create_dir_all(&directory).expect("a directory");
        let budget: Budget = Arc::new(AtomicU64::new(1 << 20));
        let mut store = SpillStore::new(directory.clone(), budget.clone());
        let lane = |n: i64| Lane { side: Side::BOTH[n as usize % 2], index: n as usize % 5 };
        for n in 0..2_000 {
            store.append(n as usize % 2, lane(n), &item(n)).expect("room");
        }
        assert!(budget.load(Ordering::Relaxed) < 1 << 20, "something was written");
        assert_eq!(std::fs::read_dir(&directory).expect("readable").count(), 0);
        for bucket in 0..2 {
            let mut found = Vec::new();
            store.read(bucket, &mut |lane, item| found.push((lane, *item))).expect("readable");
            let expected: Vec<_> =
                (0..2_000).filter(|n| *n as usize % 2 == bucket).map(|n| (lane(n), item(n))).collect();
            assert_eq!(found, expected);
        }
        assert_eq!(budget.load(Ordering::Relaxed), 1 << 20, "what was read is free again");
        std::fs::remove_dir(&directory).expect("empty");
    }

    #[test]
    fn no_more_is_written_than_the_limit_allows() {
        let mut store = SpillStore::new(std::env::temp_dir(), Arc::new(AtomicU64::new(10)));
        let lane = Lane { side: Side::Source, index: 0 };
        let failed = (0..1_000).find_map(|n| store.append(0, lane, &item(n)).err());
        assert!(failed.expect("the limit holds").0.contains("limits.spill"));
    }
}
