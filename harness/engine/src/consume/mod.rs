//! Reads planned ranges of one side, each partition in order, and says how each ended. Compares nothing.

mod raw;
mod reader;

pub use reader::{Batch, Command, PlannedRange, ReadEnd, Reader, ReaderError, read_side};

#[cfg(test)]
mod tests;
