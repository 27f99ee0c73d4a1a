//! The first segment of partition 0 on the disk of a broker that does not run: its batches, and less of it.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// Where it lies. `directory`: the broker's data.
pub fn segment(directory: &Path, topic: &str) -> PathBuf {
    directory.join(format!("{topic}-0/00000000000000000000.log"))
}

/// A record batch in a log segment.
pub struct Batch {
    pub at: usize,
    pub length: usize,
    pub offsets: Range<i64>,
}

pub fn batches(segment: &[u8]) -> Vec<Batch> {
    let number = |at: usize| i32::from_be_bytes(segment[at..at + 4].try_into().expect("four bytes"));
    let mut all = Vec::new();
    let mut at = 0;
    while at + 61 <= segment.len() {
        let base = i64::from_be_bytes(segment[at..at + 8].try_into().expect("eight bytes"));
        let length = 12 + number(at + 8) as usize;
        all.push(Batch { at, length, offsets: base..base + i64::from(number(at + 23)) + 1 });
        at += length;
    }
    all
}

/// Cuts the log off: `from`, where a batch begins, and what follows it is gone, as after a loss that nobody noticed.
pub fn lose_from(directory: &Path, topic: &str, from: i64) {
    let path = segment(directory, topic);
    let bytes = std::fs::read(&path).expect("a segment");
    let batches = batches(&bytes);
    let batch = batches.iter().find(|batch| batch.offsets.start == from).expect("a batch begins there");
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("writable");
    file.set_len(batch.at as u64).expect("shortened");
}
