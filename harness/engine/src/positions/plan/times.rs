//! Where target partitions have records of a time: asked for many partitions at once. Reads no record; decides nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::PlanError;
use super::types::PairPlan;
use super::view::ClusterView;

/// By index of the pair and timestamp: the first target offset at or after it.
pub(super) struct Times(HashMap<(usize, i64), Option<i64>>);

impl Times {
    /// Asks for all these timestamps, each with the index of its pair: of each pair one at a time, and all pairs together.
    pub fn ask(
        target: &dyn ClusterView,
        pairs: &[PairPlan],
        timestamps: impl Iterator<Item = (usize, i64)>,
    ) -> Result<Self, PlanError> {
        let mut wanted: BTreeMap<usize, BTreeSet<i64>> = BTreeMap::new();
        for (at, timestamp_ms) in timestamps.filter(|(_, timestamp_ms)| *timestamp_ms >= 0) {
            wanted.entry(at).or_default().insert(timestamp_ms);
        }
        let mut out = HashMap::new();
        loop {
            let round: Vec<(usize, i64)> =
                wanted.iter_mut().filter_map(|(at, left)| Some((*at, left.pop_first()?))).collect();
            if round.is_empty() {
                return Ok(Self(out));
            }
            let asked: Vec<_> = round.iter().map(|&(at, time)| (pairs[at].target.clone(), time)).collect();
            out.extend(round.into_iter().zip(target.offsets_at_times(&asked)?));
        }
    }

    /// What was asked for together; else it is asked for alone.
    pub fn first_at(
        &self,
        target: &dyn ClusterView,
        (at, pair): (usize, &PairPlan),
        timestamp_ms: i64,
    ) -> Result<Option<i64>, PlanError> {
        if let Some(known) = self.0.get(&(at, timestamp_ms)) {
            return Ok(*known);
        }
        let found = target.offsets_at(std::slice::from_ref(&pair.target), timestamp_ms)?;
        Ok(found.into_iter().flatten().next())
    }
}
