//! Two whole sequences in memory as a [`Log`]: for small ones, and for tests.

use super::{Item, Log, LogError};
use crate::record::{OffsetRange, Side};

/// Source and target, each in ascending order of offsets.
#[derive(Clone, Debug, Default)]
pub struct InMemory(pub [Vec<Item>; 2]);

impl Log for InMemory {
    fn read(
        &mut self,
        side: Side,
        range: OffsetRange,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        let items = &self.0[side as usize];
        let from = items.partition_point(|item| item.offset < range.start);
        let _ = items[from..].iter().take_while(|item| item.offset < range.end).all(&mut *visit);
        Ok(())
    }
}
