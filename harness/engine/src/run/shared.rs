//! What all passes over the logs have in common: clusters, limits, patience. Does nothing.

use std::sync::Arc;
use std::time::Duration;

use super::budget::Budget;
use super::spill::SpillSpace;
use crate::cancel::CancelToken;
use crate::kafka::Cluster;
use crate::monitor::Monitor;
use crate::record::Isolation;

/// How often the limits are looked at while records come in.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// A reader without progress for so long gives the partition up.
pub(super) const STALL_LIMIT: Duration = Duration::from_secs(45);

/// What all pairs have in common.
pub(super) struct Shared<'a> {
    pub source: &'a Cluster,
    pub target: &'a Cluster,
    pub isolation: Isolation,
    /// What may be held in memory.
    pub budget: Budget,
    /// What may be held on disk.
    pub spill: &'a Arc<SpillSpace>,
    /// How long the target may bring nothing that is waited for, before what is left over counts as left over.
    pub settle: Duration,
    pub seed: u64,
    pub cancel: &'a CancelToken,
    pub monitor: &'a dyn Monitor,
}
