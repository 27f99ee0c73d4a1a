//! The Parquet files of a run: one module a table. Judges nothing; knows no file name but its own.
//!
//! Only types that DuckDB, Polars, pandas, DataFusion and Spark read alike: INT32, INT64, STRING,
//! TIMESTAMP(MILLIS, UTC), LIST of STRING. Equal rows give equal bytes.

mod cells;
mod far_timestamps;
mod findings;
mod offset_map;
mod pairs;
mod positions;
#[cfg(test)]
mod tests;
mod writer;

pub use findings::{FindingsSummary, FindingsWriter, read_findings, stream_findings};
pub use offset_map::{OffsetMapWriter, OffsetRun, read_offset_map};
pub use pairs::read_pairs;
pub use positions::read_positions;

pub(crate) use findings::FINDINGS_PER_FILE;
pub(crate) use pairs::write_pairs;
pub(crate) use positions::write_positions;
