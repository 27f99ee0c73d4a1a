//! One file that is there whole or not at all: temporary name, fsync, rename. Knows nothing of what is in it.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{FileEntry, ReportError};

/// How a temporary name ends; it begins with a dot.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// A file under a temporary name in the directory of its final one. Dropped before [`Self::commit`], it is removed.
pub(crate) struct AtomicFile {
    temporary: BufWriter<NamedTempFile>,
    path: PathBuf,
    digest: blake3::Hasher,
    bytes: u64,
}

impl AtomicFile {
    /// Begins `path`, whose directory must exist. `mode` as for `open(2)`: the umask takes away from it.
    pub(crate) fn begin(path: &Path, mode: u32) -> Result<Self, ReportError> {
        let directory = directory_of(path);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = tempfile::Builder::new()
            .prefix(&format!(".{name}."))
            .suffix(TEMPORARY_SUFFIX)
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(directory)
            .map_err(ReportError::io("create a temporary file for", path))?;
        Ok(Self {
            temporary: BufWriter::new(temporary),
            path: path.to_path_buf(),
            digest: blake3::Hasher::new(),
            bytes: 0,
        })
    }

    /// Makes the file durable, then visible under its name. `listed_as` is the path in the entry.
    pub(crate) fn commit(self, listed_as: &str) -> Result<FileEntry, ReportError> {
        let Self { temporary, path, digest, bytes } = self;
        let temporary =
            temporary.into_inner().map_err(|error| ReportError::io("write", &path)(error.into_error()))?;
        temporary.as_file().sync_all().map_err(ReportError::io("make durable", &path))?;
        temporary.persist(&path).map_err(|error| ReportError::io("rename into place", &path)(error.error))?;
        sync_directory(directory_of(&path))?;
        Ok(FileEntry { path: listed_as.to_owned(), bytes, blake3: digest.finalize().to_hex().to_string() })
    }
}

impl Write for AtomicFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.temporary.write(data)?;
        self.digest.update(&data[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.flush()
    }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> Result<(), ReportError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(ReportError::io("make durable", directory))
}

/// The entry that a file on disk deserves.
pub(crate) fn entry_of(path: &Path, listed_as: &str) -> Result<FileEntry, ReportError> {
    let file = File::open(path).map_err(ReportError::io("read", path))?;
    let mut digest = blake3::Hasher::new();
    digest.update_reader(file).map_err(ReportError::io("read", path))?;
    Ok(FileEntry {
        path: listed_as.to_owned(),
        bytes: digest.count(),
        blake3: digest.finalize().to_hex().to_string(),
    })
}
