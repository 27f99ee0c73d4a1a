//! Progress and counters as a trait, so that the engine never prints and tests can ask what was said.

use std::sync::Mutex;

use crate::record::Side;

/// What the engine tells whoever watches. Called from several threads; must return quickly.
pub trait Monitor: Send + Sync {
    /// A stage begins: `connect`, `plan`, `locate`, `compare`, `settle`, `judge`, `report`.
    fn stage(&self, name: &str);
    /// The planned number of offsets (not records) to read on both sides together.
    fn expect_offsets(&self, total: u64);
    /// Records read since the last call, and offsets passed (gaps included).
    fn read(&self, side: Side, records: u64, offsets: u64);
    /// Something that a person should see, but that does not end the run.
    fn warn(&self, message: &str);
    /// The run's so-manieth checkpoint is in place, from 1 in each process.
    fn checkpoint(&self, _number: u64) {}
    /// What the run is about to do: cluster ids and the plan, before the first record is read; where it writes.
    fn announce(&self, _text: &str) {}
}

/// Says nothing.
pub struct Silent;

impl Monitor for Silent {
    fn stage(&self, _: &str) {}
    fn expect_offsets(&self, _: u64) {}
    fn read(&self, _: Side, _: u64, _: u64) {}
    fn warn(&self, _: &str) {}
}

/// Remembers what was said: the test double.
#[derive(Default)]
pub struct Remembering {
    /// Stages in order.
    pub stages: Mutex<Vec<String>>,
    /// Warnings in order.
    pub warnings: Mutex<Vec<String>>,
    /// Records read: source, target.
    pub records: Mutex<[u64; 2]>,
}

impl Monitor for Remembering {
    fn stage(&self, name: &str) {
        self.stages.lock().expect("a test's monitor").push(name.to_owned());
    }
    fn expect_offsets(&self, _: u64) {}
    fn read(&self, side: Side, records: u64, _: u64) {
        self.records.lock().expect("a test's monitor")[side as usize] += records;
    }
    fn warn(&self, message: &str) {
        self.warnings.lock().expect("a test's monitor").push(message.to_owned());
    }
}
