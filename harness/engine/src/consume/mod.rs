//! Reads planned ranges of one side, each partition in order, and says how each ended. Compares nothing.

mod headerless;
mod poison;
mod prefetch;
mod raw;
mod reader;
mod stalls;

pub use poison::Hole;
pub use prefetch::bounded_prefetch;
pub use reader::{Batch, Command, PlannedRange, ReadEnd, Reader, ReaderError, read_side};
pub use stalls::Stalls;

#[cfg(test)]
mod headerless_tests;
#[cfg(test)]
mod poison_tests;
#[cfg(test)]
mod tests;
