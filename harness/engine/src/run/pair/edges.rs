//! What the readers of pairs met at the edges of the logs. Judges nothing.

use super::super::again::Readers;
use super::super::shared::Shared;
use super::super::stable::{Awaited, open_transactions};
use super::super::{RunError, holes};
use super::PairRead;
use crate::positions::PairPlan;
use crate::record::{Isolation, OffsetRange, Side};

/// What the readers met at the edges of the logs: offsets that cannot be read, and open transactions.
pub(in crate::run) fn edges(
    readers: &mut Readers<'_>,
    shared: &Shared<'_>,
    pairs: &[&PairPlan],
    awaited: &Awaited,
    read: &mut [PairRead],
) -> Result<(), RunError> {
    for (pair, read) in pairs.iter().zip(read.iter_mut()) {
        for side in Side::BOTH {
            let holes = &read.holes[side as usize];
            read.remarks.extend(holes.iter().map(|hole| holes::remark(side, pair.partition(side), hole)));
            readers.holes.add(side, pair.partition(side), holes.iter().cloned());
            // Those that were met while the start was located may hold copies of the first records.
            let all = OffsetRange { start: 0, end: i64::MAX };
            let known = readers.holes.within(side, pair.partition(side), all);
            read.reading.holes[side as usize] = known.into_iter().map(|hole| hole.range).collect();
            if read.stalled[side as usize] {
                readers.stalls(side).give_up(pair.partition(side));
            } else if read.reading.complete[side as usize] {
                // One that gave nothing while the start was located is back.
                readers.stalls(side).gave(pair.partition(side));
            }
        }
    }
    if shared.isolation == Isolation::ReadCommitted {
        let mut pairs: Vec<(&PairPlan, &mut PairRead)> = pairs.iter().copied().zip(read).collect();
        let clusters = [shared.source, shared.target];
        open_transactions(readers, clusters, shared.settle, awaited, &mut pairs)?;
    }
    Ok(())
}
