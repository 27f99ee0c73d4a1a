//! A run's directory: its id, its key, its artefacts and the manifest that is written last. Lays out no content.

mod atomic;
mod checkpoint;
mod key;
mod listing;

use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

pub(crate) use atomic::{AtomicFile, TEMPORARY_SUFFIX};
use atomic::{entry_of, sync_directory};
use checkpoint::CHECKPOINT_FILE;
use key::KEY_FILE;
use listing::Listing;

use crate::markdown::report_markdown;
use crate::resume_offsets::{ResumeRow, resume_csv, resume_rows};
use crate::tables::{self, FindingsWriter, OffsetMapWriter};
use crate::{
    FileEntry, Finding, GroupSummary, PairSummary, ReportError, RunManifest, RunState, SCHEMA_VERSION,
};

/// Written last: a directory without it is not a finished run.
pub(crate) const MANIFEST_FILE: &str = "run.json";
/// `findings/part-00000.parquet` and further parts.
pub(crate) const FINDINGS_DIRECTORY: &str = "findings";
pub(crate) const PAIRS_FILE: &str = "pairs.parquet";
pub(crate) const POSITIONS_FILE: &str = "positions.parquet";
pub(crate) const OFFSET_MAP_FILE: &str = "offset_map.parquet";
const RESUME_OFFSETS_FILE: &str = "resume_offsets.csv";
const REPORT_FILE: &str = "report.md";

/// Writes a file of [`ResumeRow`]s: whole or not at all, for half an offset is an offset, too. What is no regular file
/// (a pipe, a terminal) is written as it is.
pub fn write_resume_csv(path: &Path, rows: &[ResumeRow]) -> Result<(), ReportError> {
    let content = resume_csv(rows);
    if path.metadata().is_ok_and(|there| !there.is_file()) {
        return std::fs::write(path, content).map_err(ReportError::io("write", path));
    }
    let mut file = AtomicFile::begin(path, 0o666)?;
    file.write_all(&content).map_err(ReportError::io("write", path))?;
    file.commit("").map(drop)
}

/// One run's directory, named by the run id.
///
/// Every file gets a temporary name in its directory, is made durable, then renamed. `run.json` comes last and lists
/// the artefacts with size and digest. `hash.key` (mode 0600) is not listed: it is a secret that may be deleted or
/// kept apart from the evidence, and a digest of it would let a guess be checked.
#[derive(Clone, Debug)]
pub struct RunDirectory {
    run_id: String,
    path: PathBuf,
    listing: Arc<Listing>,
    /// Held by the process that writes the run, until it ends however it ends.
    _lock: Option<Arc<File>>,
}

impl RunDirectory {
    /// Makes `parent/<run id>/` with a fresh UUIDv7 and hash key; `parent` is made where it does not exist.
    pub fn create(parent: &Path) -> Result<Self, ReportError> {
        let run_id = Uuid::now_v7().to_string();
        let path = parent.join(&run_id);
        std::fs::create_dir_all(parent).map_err(ReportError::io("create", parent))?;
        std::fs::create_dir(&path).map_err(ReportError::io("create", &path))?;
        sync_directory(parent)?;
        key::create(&path.join(KEY_FILE))?;
        let _lock = lock(&path)?;
        Ok(Self { run_id, path, listing: Arc::default(), _lock })
    }

    /// Opens the directory of a run that did not complete, and the checkpoint to go on from. Changes nothing yet.
    ///
    /// # Errors
    /// [`ReportError::Complete`], [`ReportError::NoCheckpoint`], [`ReportError::Damaged`], and [`ReportError::InUse`]
    /// while another process writes the run.
    pub fn resume(path: &Path) -> Result<(Self, Vec<u8>), ReportError> {
        match read_manifest(path) {
            Ok(manifest) if manifest.state == RunState::Complete => {
                return Err(ReportError::Complete { path: path.to_path_buf() });
            }
            // A file system that has no such path says so again below.
            Ok(_) | Err(ReportError::NotFinished { .. } | ReportError::Io { .. }) => {}
            Err(error) => return Err(error),
        }
        let content = checkpoint::read(&path.join(CHECKPOINT_FILE))?;
        let _lock = lock(path)?;
        Ok((Self { _lock, ..Self::open(path)? }, content))
    }

    /// Takes away what an earlier attempt left and this one would contradict: its manifest and temporary files.
    /// Other artefacts are replaced one by one.
    pub fn begin_again(&self) -> Result<(), ReportError> {
        for path in files_below(&self.path)? {
            if is_temporary(&path) || path == self.path.join(MANIFEST_FILE) {
                std::fs::remove_file(&path).map_err(ReportError::io("remove", &path))?;
            }
        }
        sync_directory(&self.path)
    }

    /// Replaces the checkpoint by `content`, put together. Atomic and durable; readable by the owner only.
    pub fn write_checkpoint(&self, content: &[&[u8]]) -> Result<(), ReportError> {
        checkpoint::write(&self.path.join(CHECKPOINT_FILE), content)
    }

    /// Removes the checkpoint of a run that is complete. None is no error.
    pub fn remove_checkpoint(&self) -> Result<(), ReportError> {
        let path = self.path.join(CHECKPOINT_FILE);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(ReportError::io("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Opens the directory of a run, finished or not. The artefacts are those of `run.json`; without one, those found.
    pub fn open(path: &Path) -> Result<Self, ReportError> {
        let (run_id, entries) = match read_manifest(path) {
            Ok(manifest) => (manifest.run_id, manifest.files),
            Err(ReportError::NotFinished { .. }) => {
                let full = path.canonicalize().map_err(ReportError::io("open", path))?;
                (full.file_name().unwrap_or_default().to_string_lossy().into_owned(), artefacts_in(path)?)
            }
            Err(error) => return Err(error),
        };
        Ok(Self { run_id, path: path.to_path_buf(), listing: Arc::new(Listing::of(entries)), _lock: None })
    }

    /// UUIDv7: sorts by the time of the run.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run's key for hashes of keys and values. An error where someone removed `hash.key`.
    pub fn hash_key(&self) -> Result<[u8; 32], ReportError> {
        key::read(&self.path.join(KEY_FILE))
    }

    /// The artefacts in place, by path.
    pub fn files(&self) -> Vec<FileEntry> {
        self.listing.entries()
    }

    /// Opens `findings/*.parquet` for a stream of findings. Close it, also where there was none to push.
    pub fn findings_writer(&self) -> Result<FindingsWriter, ReportError> {
        FindingsWriter::begin(self, tables::FINDINGS_PER_FILE)
    }

    /// Opens `offset_map.parquet` for a stream of runs. Close it, also where there was none to push.
    pub fn offset_map_writer(&self) -> Result<OffsetMapWriter, ReportError> {
        OffsetMapWriter::begin(self)
    }

    /// Writes `pairs.parquet`, one row each.
    pub fn write_pairs(&self, pairs: &[PairSummary]) -> Result<(), ReportError> {
        tables::write_pairs(self, pairs)
    }

    /// Writes `positions.parquet`, one row for each position of each group.
    pub fn write_positions(&self, groups: &[GroupSummary]) -> Result<(), ReportError> {
        tables::write_positions(self, groups)
    }

    /// Writes `resume_offsets.csv`, without a header, as `kafka-consumer-groups --reset-offsets --from-file` reads it.
    /// Returns the number of rows; see [`resume_rows`] for which positions have one.
    pub fn write_resume_offsets(&self, groups: &[GroupSummary]) -> Result<usize, ReportError> {
        let rows = resume_rows(groups);
        self.put(RESUME_OFFSETS_FILE, &resume_csv(&rows))?;
        Ok(rows.len())
    }

    /// Writes `report.md`. `findings` may be a sample: the manifest's totals say how many there are.
    /// The files it lists are those in place now, so write it after the tables.
    pub fn write_report(&self, manifest: &RunManifest, findings: &[Finding]) -> Result<(), ReportError> {
        let manifest = RunManifest { files: self.files(), ..manifest.clone() };
        self.put(REPORT_FILE, report_markdown(&manifest, findings)?.as_bytes())
    }

    /// Writes any other artefact whole, e.g. `junit.xml`. `name` is relative to the run directory.
    pub fn write_bytes(&self, name: &str, content: &[u8]) -> Result<(), ReportError> {
        let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        let own_writer =
            [MANIFEST_FILE, KEY_FILE, CHECKPOINT_FILE].iter().any(|own| Path::new(name) == Path::new(own));
        if !plain || name.is_empty() || name.ends_with('/') || own_writer {
            return Err(ReportError::Name { name: name.to_owned() });
        }
        self.put(name, content)
    }

    /// Writes any other artefact as indented JSON, e.g. `gates.json`.
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), ReportError> {
        let mut text =
            serde_json::to_vec_pretty(value).map_err(ReportError::json("write", &self.path.join(name)))?;
        text.push(b'\n');
        self.write_bytes(name, &text)
    }

    /// Writes `run.json` with the artefacts in place and returns what was written. Refuses a manifest of another run,
    /// and to finish while a writer is open or after one has failed.
    pub fn finish(&self, manifest: RunManifest) -> Result<RunManifest, ReportError> {
        if manifest.run_id != self.run_id {
            return Err(ReportError::Foreign {
                field: "run_id",
                found: manifest.run_id,
                expected: self.run_id.clone(),
            });
        }
        if manifest.schema_version != SCHEMA_VERSION {
            return Err(ReportError::Foreign {
                field: "schema_version",
                found: manifest.schema_version.to_string(),
                expected: SCHEMA_VERSION.to_string(),
            });
        }
        let manifest = RunManifest { files: self.listing.close()?, ..manifest };
        let path = self.path.join(MANIFEST_FILE);
        let mut file = AtomicFile::begin(&path, 0o666)?;
        serde_json::to_writer_pretty(&mut file, &manifest).map_err(ReportError::json("write", &path))?;
        writeln!(file).map_err(ReportError::io("write", &path))?;
        file.commit(MANIFEST_FILE)?;
        Ok(manifest)
    }

    /// Reads every artefact and compares it with the size and digest that `run.json` gives.
    pub fn verify_files(&self) -> Result<(), ReportError> {
        for expected in read_manifest(&self.path)?.files {
            let path = self.path.join(&expected.path);
            match entry_of(&path, &expected.path) {
                Ok(found) if found == expected => {}
                Ok(_) => return Err(ReportError::Changed { path, how: "was changed" }),
                Err(ReportError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                    return Err(ReportError::Changed { path, how: "was removed" });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Begins an artefact; the run cannot finish before it is given to [`Self::commit`].
    pub(crate) fn begin(&self, name: &str) -> Result<AtomicFile, ReportError> {
        let path = self.path.join(name);
        if let Some(directory) = path.parent().filter(|directory| !directory.exists()) {
            std::fs::create_dir_all(directory).map_err(ReportError::io("create", directory))?;
            sync_directory(&self.path)?;
        }
        self.listing.begin(name);
        AtomicFile::begin(&path, 0o666)
    }

    /// Deletes the artefacts of an earlier attempt under `directory/`, so that none outlives what replaces it.
    pub(crate) fn clear(&self, directory: &str) -> Result<(), ReportError> {
        for entry in self.listing.take_under(directory) {
            let path = self.path.join(&entry.path);
            std::fs::remove_file(&path).map_err(ReportError::io("remove", &path))?;
        }
        Ok(())
    }

    /// Puts an artefact in place and on the list.
    pub(crate) fn commit(&self, name: &str, file: AtomicFile) -> Result<(), ReportError> {
        self.listing.finished(file.commit(name)?);
        Ok(())
    }

    fn put(&self, name: &str, content: &[u8]) -> Result<(), ReportError> {
        let mut file = self.begin(name)?;
        file.write_all(content).map_err(ReportError::io("write", &self.path.join(name)))?;
        self.commit(name, file)
    }
}

/// Reads `run.json` of a run directory. Unknown fields are passed over; a newer schema version is refused.
pub fn read_manifest(directory: &Path) -> Result<RunManifest, ReportError> {
    #[derive(serde::Deserialize)]
    struct Version {
        schema_version: u64,
    }
    let path = directory.join(MANIFEST_FILE);
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && directory.is_dir() => {
            return Err(ReportError::NotFinished { path: directory.to_path_buf() });
        }
        other => other.map_err(ReportError::io("read", &path))?,
    };
    let Version { schema_version } = serde_json::from_str(&text).map_err(ReportError::json("read", &path))?;
    if !(1..=u64::from(SCHEMA_VERSION)).contains(&schema_version) {
        return Err(ReportError::SchemaVersion { path, found: schema_version, known: SCHEMA_VERSION });
    }
    serde_json::from_str(&text).map_err(ReportError::json("read", &path))
}

/// The artefacts of an unfinished run as they lie there: no temporary file, no key, no checkpoint.
fn artefacts_in(root: &Path) -> Result<Vec<FileEntry>, ReportError> {
    let mut entries = Vec::new();
    for path in files_below(root)? {
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        if !(is_temporary(&path) || [KEY_FILE, CHECKPOINT_FILE].contains(&name.as_str())) {
            entries.push(entry_of(&path, &name)?);
        }
    }
    Ok(entries)
}

fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with('.') && name.ends_with(TEMPORARY_SUFFIX)
}

/// All files under `root`, in no order.
fn files_below(root: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let mut files = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(directory) = open.pop() {
        for item in std::fs::read_dir(&directory).map_err(ReportError::io("read", &directory))? {
            let path = item.map_err(ReportError::io("read", &directory))?.path();
            (if path.is_dir() { &mut open } else { &mut files }).push(path);
        }
    }
    Ok(files)
}

/// Keeps other processes from writing the same run. Where the file system knows no locks, there is none.
fn lock(directory: &Path) -> Result<Option<Arc<File>>, ReportError> {
    let path = directory.join(KEY_FILE);
    let file = File::open(&path).map_err(ReportError::io("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Arc::new(file))),
        Err(TryLockError::WouldBlock) => Err(ReportError::InUse { path: directory.to_path_buf() }),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}
