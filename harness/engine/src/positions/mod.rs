//! Where groups stand and where they would resume: names, origins, the plan, and the image of a position by record
//! identity. Reads no record to compare it; judges nothing.

pub mod header;
pub mod locate;
pub mod mm2;
pub mod names;
pub mod plan;
pub mod syncs;

pub use cutproof_reports::{Origin, OtherPosition, PositionState};
pub use plan::{
    GroupPlan, GroupPosition, Ignored, LaneResume, PairPlan, Plan, PlanError, SourceLane, TargetLane,
    UnitPlan, UnitPosition, plan,
};
