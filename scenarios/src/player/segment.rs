//! Log segments of a broker as bytes on disk, to damage them as a disk or an unclean loss does. Knows no names.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::Path;

use cutproof_testcontainers::{Error, Result};

/// Of a record batch, before its records.
const HEADER: usize = 61;

/// A record batch.
#[derive(Debug, PartialEq, Eq)]
struct Batch {
    bytes: Range<usize>,
    offsets: Range<i64>,
}

/// The whole batches of a segment, in order.
fn batches(segment: &[u8]) -> Vec<Batch> {
    let number =
        |at: usize| segment.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_be_bytes);
    let mut all = Vec::new();
    let mut at = 0;
    while at + HEADER <= segment.len() {
        let base = segment.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()).map(i64::from_be_bytes);
        let (Some(base), Some(length), Some(last)) = (base, number(at + 8), number(at + 23)) else { break };
        let Ok(length) = usize::try_from(length) else { break };
        let end = at + 12 + length;
        if end > segment.len() || length == 0 {
            break;
        }
        all.push(Batch { bytes: at..end, offsets: base..base + i64::from(last) + 1 });
        at = end;
    }
    all
}

/// Flips a bit in the records of the batch that holds `offset`; a running broker serves it so.
///
/// # Errors
/// If there is no such batch.
pub fn damage(log: &Path, offset: i64) -> Result<()> {
    let segment = read(log)?;
    let batch = batches(&segment).into_iter().find(|batch| batch.offsets.contains(&offset));
    let Some(at) = batch.map(|batch| batch.bytes.end - 1) else {
        return Err(Error::Misuse(format!("no batch of the log's first segment holds offset {offset}")));
    };
    let mut file = OpenOptions::new().write(true).open(log).map_err(failed("open", log))?;
    file.seek(SeekFrom::Start(at as u64)).map_err(failed("seek in", log))?;
    file.write_all(&[segment[at] ^ 1]).map_err(failed("write", log))
}

/// Cuts off everything from the batch that begins at `offset`.
///
/// # Errors
/// If no batch begins there.
pub fn lose_from(log: &Path, offset: i64) -> Result<()> {
    let batches = batches(&read(log)?);
    let Some(batch) = batches.iter().find(|batch| batch.offsets.start == offset) else {
        let starts: Vec<String> = batches.iter().map(|batch| batch.offsets.start.to_string()).collect();
        let starts = starts.join(", ");
        return Err(Error::Misuse(format!(
            "no batch begins at offset {offset}; there are batches at {starts}"
        )));
    };
    let file = OpenOptions::new().write(true).open(log).map_err(failed("open", log))?;
    file.set_len(batch.bytes.start as u64).map_err(failed("shorten", log))
}

fn read(log: &Path) -> Result<Vec<u8>> {
    fs::read(log).map_err(failed("read", log))
}

fn failed(what: &'static str, log: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = log.to_owned();
    move |source| Error::File { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two batches: offsets 0 to 2 and 3, with 5 and 7 bytes of records.
    fn segment() -> Vec<u8> {
        let batch = |base: i64, last: i32, records: usize| {
            let mut bytes = base.to_be_bytes().to_vec();
            bytes.extend(((HEADER - 12 + records) as i32).to_be_bytes());
            bytes.extend([0; 11]);
            bytes.extend(last.to_be_bytes());
            bytes.resize(HEADER, 0);
            bytes.resize(HEADER + records, 9);
            bytes
        };
        [batch(0, 2, 5), batch(3, 0, 7)].concat()
    }

    #[test]
    fn batches_are_found_and_the_space_behind_them_is_none() {
        let mut bytes = segment();
        bytes.extend([0; 100]);
        let expected = [Batch { bytes: 0..66, offsets: 0..3 }, Batch { bytes: 66..134, offsets: 3..4 }];
        assert_eq!(batches(&bytes), expected);
    }

    #[test]
    fn one_bit_of_the_batch_is_flipped_and_a_tail_is_cut_where_a_batch_begins() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("0.log");
        fs::write(&log, segment()).unwrap();
        damage(&log, 1).unwrap();
        let after = fs::read(&log).unwrap();
        let changed: Vec<usize> = (0..after.len()).filter(|at| after[*at] != segment()[*at]).collect();
        assert_eq!(changed, [65]);
        assert!(damage(&log, 4).is_err());
        assert!(lose_from(&log, 1).unwrap_err().to_string().contains("batches at 0, 3"));
        lose_from(&log, 3).unwrap();
        assert_eq!(fs::read(&log).unwrap(), after[..66]);
    }
}
