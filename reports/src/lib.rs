//! What a run leaves: the result types, and the files they are written to and read from. Knows no Kafka client.

mod error;
mod files;
mod finding;
mod manifest;
mod markdown;
pub mod offsets;
mod resume_offsets;
mod rows;
pub mod show;
mod tables;
mod words;

pub use error::ReportError;
pub use files::{RunDirectory, read_manifest, write_resume_csv};
pub use finding::{Finding, FindingKind, OrderBroken, Part, RecordPlace, TimestampType};
pub use manifest::{
    Barrier, ClusterSummary, Counts, FileEntry, GroupSummary, Origin, OtherPosition, PairSummary,
    PositionState, PositionSummary, RunManifest, RunState, SCHEMA_VERSION, Scorecard, SelfCheck, Verdict,
};
pub use markdown::report_markdown;
pub use resume_offsets::{ResumeRow, resume_csv, resume_rows};
pub use rows::{grouped, plain};
pub use tables::{
    FindingsSummary, FindingsWriter, OffsetMapWriter, OffsetRun, read_findings, read_offset_map, read_pairs,
    read_positions, stream_findings,
};
