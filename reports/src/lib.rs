//! What a run leaves: the result types, and the files they are written to and read from. Knows no Kafka client.

mod finding;
mod manifest;

pub use finding::{Finding, FindingKind, OrderBroken, Part, RecordPlace, TimestampType};
pub use manifest::{
    Barrier, ClusterSummary, Counts, FileEntry, GroupSummary, Origin, PairSummary, PositionState,
    PositionSummary, RunManifest, RunState, SCHEMA_VERSION, Scorecard, SelfCheck, Verdict,
};
