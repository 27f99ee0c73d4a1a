//! Temporary files for what does not fit into memory: one budget for all of a run, nameless from the start, so that
//! nothing is left behind whatever ends the run. Knows what it stores only as bytes and items.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use memmap2::{Mmap, MmapOptions, UncheckedAdvice};

use crate::align::{Item, Overflow, StoreError};

/// How often pages of the files that were read are given back: they stay in the system's cache, but no longer count as
/// this process's memory.
const GIVE_BACK: Duration = Duration::from_millis(20);
/// Files are mapped in steps of at least so much address space.
const LEAST_MAPPED: usize = 64 << 20;

/// The disk space that a run may use.
pub(in crate::run) struct SpillSpace {
    limit: u64,
    used: AtomicU64,
    most_used: AtomicU64,
    mapped: Mutex<Vec<Weak<Mmap>>>,
    gives_back: AtomicBool,
}

impl SpillSpace {
    /// `limit` in bytes, over all files.
    pub fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicU64::new(0),
            most_used: AtomicU64::new(0),
            mapped: Mutex::default(),
            gives_back: AtomicBool::new(false),
        })
    }

    /// The most bytes that were in use at the same time.
    pub fn most_used(&self) -> u64 {
        self.most_used.load(Ordering::Relaxed)
    }

    /// Bytes in use now.
    #[cfg(test)]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn take(&self, bytes: u64) -> Result<(), StoreError> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if used > self.limit {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(StoreError(format!(
                "limits.spill ({} bytes) is used up; raise it, or compare fewer topics at once",
                self.limit
            )));
        }
        self.most_used.fetch_max(used, Ordering::Relaxed);
        Ok(())
    }

    fn give(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// From now on, pages of `map` that were read are given back again and again.
    fn watch(self: &Arc<Self>, map: &Arc<Mmap>) {
        let mut mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        mapped.retain(|map| map.strong_count() > 0);
        mapped.push(Arc::downgrade(map));
        drop(mapped);
        if self.gives_back.swap(true, Ordering::Relaxed) {
            return;
        }
        let space = Arc::downgrade(self);
        std::thread::spawn(move || {
            while let Some(space) = space.upgrade() {
                let mapped = space.mapped.lock().unwrap_or_else(PoisonError::into_inner).clone();
                mapped.iter().filter_map(Weak::upgrade).for_each(|map| give_back(&map));
                drop(space);
                std::thread::sleep(GIVE_BACK);
            }
        });
    }
}

/// Lets go of the pages that are in memory.
fn give_back(map: &Mmap) {
    // SAFETY: the map is a shared, read-only view of a file: pages that are let go are read from it again.
    if let Err(error) = unsafe { map.unchecked_advise(UncheckedAdvice::DontNeed) } {
        tracing::debug!(%error, "pages of a temporary file cannot be given back");
    }
}

/// A growing file without a name, in the directory for temporary files (`TMPDIR`).
pub(in crate::run) struct SpillFile {
    space: Arc<SpillSpace>,
    file: Option<File>,
    len: u64,
}

impl SpillFile {
    /// An empty one. The file is made when the first bytes come.
    pub fn new(space: &Arc<SpillSpace>) -> Self {
        Self { space: space.clone(), file: None, len: 0 }
    }

    /// Appends `bytes` and returns where they begin. Refused over `limits.spill`, and where the disk is full.
    pub fn append(&mut self, bytes: &[u8]) -> Result<u64, StoreError> {
        self.space.take(bytes.len() as u64)?;
        self.write(bytes)
    }

    /// The same whatever `limits.spill` says.
    fn append_over(&mut self, bytes: &[u8]) -> Result<u64, StoreError> {
        self.space.used.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.write(bytes)
    }

    /// Writes `bytes` for which space was taken.
    fn write(&mut self, bytes: &[u8]) -> Result<u64, StoreError> {
        let at = self.len;
        let write = |file: &File| file.write_all_at(bytes, at).map_err(|error| failed("written to", &error));
        let written = self.file().and_then(write);
        if let Err(error) = written {
            self.space.give(bytes.len() as u64);
            return Err(error);
        }
        self.len += bytes.len() as u64;
        Ok(at)
    }

    /// Fills `bytes` with what begins at `at`.
    pub fn read(&self, at: u64, bytes: &mut [u8]) -> Result<(), StoreError> {
        let file = self.file.as_ref().ok_or_else(|| StoreError("nothing was spilled".to_owned()))?;
        file.read_exact_at(bytes, at).map_err(|error| failed("read", &error))
    }

    /// Bytes in the file.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Gives the file back.
    pub fn clear(&mut self) {
        self.file = None;
        self.space.give(std::mem::take(&mut self.len));
    }

    fn file(&mut self) -> Result<&File, StoreError> {
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile().map_err(|error| failed("made", &error))?);
        }
        Ok(self.file.as_ref().expect("made above"))
    }
}

impl Drop for SpillFile {
    fn drop(&mut self) {
        self.clear();
    }
}

fn failed(what: &str, error: &std::io::Error) -> StoreError {
    let directory = std::env::temp_dir();
    StoreError(format!("a temporary file in {} cannot be {what}: {error}", directory.display()))
}

/// Items on disk, seen as one slice.
pub(super) struct SpilledItems {
    file: SpillFile,
    items: usize,
    map: Option<Arc<Mmap>>,
    /// Bytes of address space that `map` covers; the file may be shorter.
    mapped: usize,
}

impl SpilledItems {
    /// None yet.
    pub fn new(space: &Arc<SpillSpace>) -> Self {
        Self { file: SpillFile::new(space), items: 0, map: None, mapped: 0 }
    }

    /// Appends `items` once there is address space for them: what is refused leaves nothing behind.
    fn put(
        &mut self,
        items: &[Item],
        append: impl FnOnce(&mut SpillFile, &[u8]) -> Result<u64, StoreError>,
    ) -> Result<(), StoreError> {
        if items.is_empty() {
            return Ok(());
        }
        // SAFETY: an item is plain data without padding (checked below), read for the length of the slice.
        let bytes =
            unsafe { std::slice::from_raw_parts(items.as_ptr().cast::<u8>(), std::mem::size_of_val(items)) };
        self.map(bytes.len())?;
        append(&mut self.file, bytes)?;
        self.items += items.len();
        Ok(())
    }

    /// Covers what the file holds, and `more` bytes.
    fn map(&mut self, more: usize) -> Result<(), StoreError> {
        let needed = self.file.len() as usize + more;
        if self.map.is_some() && needed <= self.mapped {
            return Ok(());
        }
        let len = needed.next_power_of_two().max(LEAST_MAPPED);
        let file = self.file.file()?;
        // SAFETY: the file has no name, so that nobody else can change or cut it; this value only ever appends to it,
        // and only looks at what was written.
        let map = unsafe { MmapOptions::new().len(len).map(file) };
        let map = Arc::new(map.map_err(|error| failed("mapped", &error))?);
        self.file.space.watch(&map);
        self.map = Some(map);
        self.mapped = len;
        Ok(())
    }
}

impl Overflow for SpilledItems {
    fn append(&mut self, items: &[Item]) -> Result<(), StoreError> {
        self.put(items, SpillFile::append)
    }

    fn append_over(&mut self, items: &[Item]) -> Result<(), StoreError> {
        self.put(items, SpillFile::append_over)
    }

    fn items(&self) -> &[Item] {
        let Some(map) = &self.map else { return &[] };
        debug_assert!(self.items * std::mem::size_of::<Item>() <= self.file.len() as usize);
        // SAFETY: the file holds `items` whole items, written by this process from valid ones; a map begins at a page.
        unsafe { std::slice::from_raw_parts(map.as_ptr().cast::<Item>(), self.items) }
    }

    fn clear(&mut self) {
        self.items = 0;
        self.mapped = 0;
        self.map = None;
        self.file.clear();
    }
}

// No padding between or after the fields of an item.
const _: () = assert!(std::mem::size_of::<Item>() == 16 + 8 + 8 + 8 + 8);

#[cfg(test)]
mod tests {
    use super::*;

    fn item(n: u64) -> Item {
        let key = std::num::NonZeroU64::new(n % 3);
        Item { identity: u128::from(n) << 64 | 7, offset: n as i64, timestamp: -(n as i64), key, value: !n }
    }

    #[test]
    fn items_come_back_as_they_went_and_the_space_is_given_back() {
        let space = SpillSpace::new(200 << 20);
        let mut stored = SpilledItems::new(&space);
        let all: Vec<Item> = (0..2_000_000).map(item).collect();
        for round in 0..2 {
            for part in all.chunks(8_191) {
                stored.append(part).expect("within the limit");
            }
            assert!(stored.items() == all, "round {round}");
            assert_eq!(space.used.load(Ordering::Relaxed), 96_000_000);
            stored.clear();
            assert!(stored.items().is_empty());
            assert_eq!(space.used.load(Ordering::Relaxed), 0);
        }
        assert_eq!(space.most_used(), 96_000_000);
    }

    #[test]
    fn what_is_under_way_at_the_limit_goes_into_the_file_and_counts() {
        let space = SpillSpace::new(4 * 48);
        let mut stored = SpilledItems::new(&space);
        let all: Vec<Item> = (0..9).map(item).collect();
        stored.append(&all[..3]).expect("within the limit");
        assert!(stored.append(&all[3..5]).is_err());
        stored.append_over(&all[3..5]).expect("the disk has room");
        stored.append_over(&all[5..]).expect("the disk has room");
        assert!(stored.items() == all);
        assert_eq!(space.used(), 9 * 48);
        assert!(stored.append(&all[..1]).is_err());
        stored.clear();
        assert_eq!(space.used(), 0);
    }

    #[test]
    fn all_files_of_a_run_share_one_limit_and_what_was_written_stays_readable_over_it() {
        let space = SpillSpace::new(100);
        let [mut one, mut two] = [SpillFile::new(&space), SpillFile::new(&space)];
        assert_eq!(one.append(b"0123456789"), Ok(0));
        assert_eq!(one.append(b"abc"), Ok(10));
        assert_eq!(two.append(&[1; 87]), Ok(0));
        let error = two.append(&[1]).expect_err("over the limit");
        assert!(error.0.contains("limits.spill (100 bytes)"), "{error}");
        let mut read = [0; 4];
        one.read(9, &mut read).expect("it is there");
        assert_eq!(&read, b"9abc");
        drop(two);
        assert_eq!(one.append(&[1; 87]), Ok(13));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_has_no_name_from_the_start() {
        let space = SpillSpace::new(100);
        let mut file = SpillFile::new(&space);
        file.append(b"x").expect("written");
        use std::os::unix::fs::MetadataExt;
        assert_eq!(file.file.as_ref().expect("made").metadata().expect("open").nlink(), 0);
    }
}
