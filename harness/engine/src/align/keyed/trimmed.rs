//! For tests: lanes in memory of which the beginning is deleted when they are read again.

use super::{Extent, InMemoryLanes, LaneLog};
use crate::align::{Item, LogError};
use crate::record::{OffsetRange, Side};

/// What lies before `left_from` is gone from every source lane.
pub struct Trimmed {
    pub lanes: InMemoryLanes,
    pub left_from: i64,
}

impl LaneLog for Trimmed {
    fn read(
        &mut self,
        side: Side,
        lane: usize,
        range: OffsetRange,
        extent: Extent,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        let left_from = if side == Side::Source { self.left_from } else { i64::MIN };
        if extent == Extent::All && range.start < left_from {
            return Err(LogError("deleted".to_owned()));
        }
        let range = OffsetRange { start: range.start.max(left_from), ..range };
        self.lanes.read(side, lane, range, extent, visit)
    }
}
