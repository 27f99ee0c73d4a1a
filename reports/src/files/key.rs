//! The run's secret for hashes of keys and values: 32 random bytes in a file of its own. Hashes nothing itself.

use std::io::Write;
use std::path::Path;

use super::atomic::AtomicFile;
use crate::ReportError;

/// Its name in the run directory. Never an entry of `run.json`: a digest would let a guess be checked.
pub(crate) const KEY_FILE: &str = "hash.key";

/// Draws a key and writes it as 64 hex digits; only the owner may read the file, from its creation on.
pub(crate) fn create(path: &Path) -> Result<(), ReportError> {
    let mut key = [0u8; 32];
    getrandom::fill(&mut key).map_err(|error| ReportError::Random { reason: error.to_string() })?;
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = AtomicFile::begin(path, 0o600)?;
    writeln!(file, "{hex}").map_err(ReportError::io("write", path))?;
    file.commit(KEY_FILE)?;
    Ok(())
}

/// Reads the key back.
pub(crate) fn read(path: &Path) -> Result<[u8; 32], ReportError> {
    let text = std::fs::read_to_string(path).map_err(ReportError::io("read", path))?;
    parse(text.trim_end()).ok_or_else(|| ReportError::Key { path: path.to_path_buf() })
}

fn parse(hex: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        hex.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect::<Option<_>>()?;
    let mut key = [0u8; 32];
    if digits.len() != 64 {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair[0] << 4 | pair[1];
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_key_is_exactly_64_hex_digits() {
        let hex = "00ff".repeat(16);
        let key = parse(&hex).expect("64 hex digits");
        assert_eq!((key[0], key[1], key[31]), (0x00, 0xff, 0xff));
        assert_eq!(parse(&hex[1..]), None);
        assert_eq!(parse(&format!("{hex}0")), None);
        assert_eq!(parse(&"zz".repeat(32)), None);
    }
}
