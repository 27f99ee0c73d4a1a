//! Why a run directory could not be written or read: what was tried, on which file, and the way out. No payload.

use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;

/// An artefact that could not be written or read. The cause stays behind `source()`.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The file system refused.
    #[error("cannot {doing} {path}", path = path.display())]
    Io {
        /// A verb: `create`, `write`, `read`.
        doing: &'static str,
        /// Which file or directory.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The operating system gave no random bytes for the hash key.
    #[error("cannot draw the run's hash key from the operating system: {reason}")]
    Random {
        /// As the operating system puts it.
        reason: String,
    },
    /// A Parquet file cannot be written or read.
    #[error("cannot {doing} the Parquet file {path}", path = path.display())]
    Parquet {
        /// A verb: `write`, `read`.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// The library's reason.
        source: ParquetError,
    },
    /// A Parquet file without a column that it must have, or with one of another type.
    #[error("{path} has no column `{column}` of type {expected}; was it written by another tool?", path = path.display())]
    Column {
        /// Which file.
        path: PathBuf,
        /// Its name.
        column: &'static str,
        /// The Arrow type that it must have.
        expected: String,
    },
    /// A cell that holds none of the words that may stand there, or null where a value must be.
    #[error("{path}: row {row} of column `{column}` holds {found}; was it written by a newer version of Cutproof?", path = path.display())]
    Cell {
        /// Which file.
        path: PathBuf,
        /// From 0, within the file.
        row: usize,
        /// Which column.
        column: &'static str,
        /// A known set of words never holds payloads, so it may be shown.
        found: String,
    },
    /// A number that the file's type cannot hold.
    #[error(
        "{what} is {value}, more than a signed 64-bit column holds; this is a defect of Cutproof, report it"
    )]
    TooLarge {
        /// Which count.
        what: &'static str,
        /// Its value.
        value: u64,
    },
    /// JSON that cannot be written or is not what it should be.
    #[error("cannot {doing} {path}", path = path.display())]
    Json {
        /// A verb: `write`, `read`.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// The library's reason, with line and column.
        source: serde_json::Error,
    },
    /// A `run.json` of another schema version.
    #[error(
        "{path} has schema_version {found}; this version of Cutproof reads 1 to {known}: read it with the version that \
         wrote it, or a newer one", path = path.display()
    )]
    SchemaVersion {
        /// Which file.
        path: PathBuf,
        /// What it says.
        found: u64,
        /// The newest that this version reads.
        known: u32,
    },
    /// A run directory without `run.json`.
    #[error("{path} holds no run.json: the run did not finish; run it again, or resume it", path = path.display())]
    NotFinished {
        /// The run directory.
        path: PathBuf,
    },
    /// A run that was stopped where a complete one is needed.
    #[error("{path} holds a run that was stopped: its offset map has an end; resume it, or run again", path = path.display())]
    Stopped {
        /// The run directory.
        path: PathBuf,
    },
    /// `finish` was called while a table was still open or had failed.
    #[error(
        "cannot finish the run: {names} began but never closed, so records of it would be lost; close every writer first"
    )]
    Unclosed {
        /// Relative paths, with commas.
        names: String,
    },
    /// The manifest is of another run or schema version than the directory.
    #[error("cannot finish the run: the manifest says {field} {found}, the run directory has {expected}")]
    Foreign {
        /// `run_id` or `schema_version`.
        field: &'static str,
        /// What the manifest says.
        found: String,
        /// What it must be.
        expected: String,
    },
    /// A file name that points out of the run directory, or at a file that has its own writer.
    #[error(
        "`{name}` cannot be an artefact: give a relative path inside the run directory that is not run.json or hash.key"
    )]
    Name {
        /// As given.
        name: String,
    },
    /// `hash.key` is not 64 hex digits.
    #[error("{path} is not a hash key (64 hex digits); hashes of this run cannot be computed again", path = path.display())]
    Key {
        /// Which file.
        path: PathBuf,
    },
    /// An artefact is not what `run.json` says.
    #[error("{path} {how} since the run finished; do not rely on it", path = path.display())]
    Changed {
        /// Which file.
        path: PathBuf,
        /// `was changed` or `was removed`.
        how: &'static str,
    },
    /// A run directory with nothing to go on from.
    #[error(
        "{path} holds no checkpoint to go on from: it is no run directory, or its run was stopped before the plan was \
         made; run again without --resume", path = path.display()
    )]
    NoCheckpoint {
        /// The directory.
        path: PathBuf,
    },
    /// A run that needs no going on.
    #[error("the run in {path} is complete; its result stands in run.json, and a new comparison is a new run", path = path.display())]
    Complete {
        /// The run directory.
        path: PathBuf,
    },
    /// A checkpoint that is not what was written.
    #[error("{path} is damaged: its content does not have its digest; run again without --resume", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// Another process writes this run.
    #[error("the run in {path} is still being written by another process; wait for its end, or stop it first", path = path.display())]
    InUse {
        /// The run directory.
        path: PathBuf,
    },
    /// The report's template failed.
    #[error("cannot lay out report.md; this is a defect of Cutproof, report it")]
    Template {
        /// The template engine's reason.
        source: minijinja::Error,
    },
}

impl ReportError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { doing, path, source }
    }

    pub(crate) fn parquet(doing: &'static str, path: &Path) -> impl FnOnce(ParquetError) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Parquet { doing, path, source }
    }

    pub(crate) fn json(doing: &'static str, path: &Path) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Json { doing, path, source }
    }
}
