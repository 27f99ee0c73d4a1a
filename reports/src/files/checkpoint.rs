//! The checkpoint of an unfinished run: bytes that are there whole or not at all. Knows nothing of what they mean.

use std::io::Write;
use std::path::Path;

use super::atomic::AtomicFile;
use crate::ReportError;

/// Its name in the run directory. Never an entry of `run.json`: it holds hashes that only its owner should see, and
/// goes when the run is complete.
pub(crate) const CHECKPOINT_FILE: &str = "checkpoint";

/// What every checkpoint begins with; the digest of the content follows, then the content.
const MAGIC: &[u8] = b"cutproof checkpoint\n";

/// Replaces the checkpoint. The one before it stays whole until this one is durable. Only the owner may read it.
pub(crate) fn write(path: &Path, content: &[&[u8]]) -> Result<(), ReportError> {
    let mut digest = blake3::Hasher::new();
    for part in content {
        digest.update(part);
    }
    let mut file = AtomicFile::begin(path, 0o600)?;
    let mut all = || {
        file.write_all(MAGIC)?;
        file.write_all(digest.finalize().as_bytes())?;
        content.iter().try_for_each(|part| file.write_all(part))
    };
    all().map_err(ReportError::io("write", path))?;
    file.commit(CHECKPOINT_FILE)?;
    Ok(())
}

/// Reads the content back. An error where there is none, or where it is not what was written.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ReportError> {
    let all = match std::fs::read(path) {
        Err(error)
            if [std::io::ErrorKind::NotFound, std::io::ErrorKind::NotADirectory].contains(&error.kind()) =>
        {
            let path = path.parent().unwrap_or(path).to_path_buf();
            return Err(ReportError::NoCheckpoint { path });
        }
        other => other.map_err(ReportError::io("read", path))?,
    };
    content(&all).map(<[u8]>::to_vec).ok_or_else(|| ReportError::Damaged { path: path.to_path_buf() })
}

fn content(all: &[u8]) -> Option<&[u8]> {
    let (digest, content) = all.strip_prefix(MAGIC)?.split_first_chunk::<32>()?;
    (blake3::hash(content) == *digest).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_or_missing_byte_is_noticed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(CHECKPOINT_FILE);
        write(&path, &[b"first ", b"", b"second"]).expect("written");
        assert_eq!(read(&path).expect("whole"), b"first second");
        let whole = std::fs::read(&path).expect("readable");
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert_eq!(content(&changed), None, "byte {at}");
            assert_eq!(content(&whole[..at]), None, "the first {at} bytes");
        }
    }
}
