//! The plan: which partitions are paired, where each pair starts, where each group stands and would resume.
//! Asks both clusters; reads no record of a user's topic; judges nothing.

mod types;

pub use types::{GroupPlan, GroupPosition, Ignored, PairPlan, Plan};
