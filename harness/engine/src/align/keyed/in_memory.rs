//! All lanes of a unit in memory as a [`LaneLog`]: for small ones, and for tests.

use super::{Extent, LaneLog};
use crate::align::{Item, LogError};
use crate::record::{OffsetRange, Side};

/// By side and lane, each in ascending order of offsets.
#[derive(Clone, Debug, Default)]
pub struct InMemoryLanes(pub [Vec<Vec<Item>>; 2]);

impl LaneLog for InMemoryLanes {
    fn read(
        &mut self,
        side: Side,
        lane: usize,
        range: OffsetRange,
        _: Extent,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        let items = &self.0[side as usize][lane];
        let from = items.partition_point(|item| item.offset < range.start);
        let _ = items[from..].iter().take_while(|item| item.offset < range.end).all(&mut *visit);
        Ok(())
    }
}
