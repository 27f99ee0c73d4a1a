//! The records without a key of one lane on each side as a sequence of their own, where their order is promised:
//! one [`PairAligner`] over the two lanes with all other records left out.

use super::left_over::Scope;
use super::{Extent, KeyedError, KeyedTuning, LaneLog, LaneOutcome, LanePair, PairSink};
use crate::align::{Counted, Item, Log, LogError, Outcome, PairAligner, Rules, settle};
use crate::record::{OffsetRange, Side};

/// Stands for the first offset of a lane, which is known only when its first record arrives.
const START: i64 = i64::MIN;

pub(super) struct Keyless {
    aligner: PairAligner,
}

impl Keyless {
    pub fn new(rules: Rules, tuning: &KeyedTuning) -> Self {
        Self { aligner: PairAligner::new(rules, tuning.pair, [START; 2]) }
    }

    pub fn push(&mut self, side: Side, items: &[Item]) {
        self.aligner.push(side, items);
    }

    pub fn held(&self) -> [usize; 2] {
        self.aligner.held()
    }

    /// Records that have no match and stay in memory to the end.
    pub fn left_over(&self) -> usize {
        self.aligner.left_over().iter().sum()
    }

    /// Source records that wait for the target.
    pub fn waiting_for_target(&self) -> u64 {
        if self.aligner.waits_for_target() { self.aligner.held()[0] as u64 } else { 0 }
    }

    /// `scope`: of the source; `target_start`: the first offset that was read of the target, if there is any.
    /// `left_over_max`: how many outcomes there may be.
    pub fn finish(
        self,
        scope: &Scope,
        target_start: i64,
        left_over_max: usize,
        log: &mut dyn LaneLog,
        sink: &mut dyn PairSink,
    ) -> Result<Vec<LaneOutcome>, KeyedError> {
        let mut log = KeylessLog { log, starts: [scope.start, target_start] };
        let &Scope { history_start, start, barrier, .. } = scope;
        let scope = settle::Scope { history_start, start: start.max(history_start), barrier };
        let alignment = self.aligner.finish_in(scope, &mut log)?;
        for run in alignment.runs.as_slice() {
            for n in 0..run.count as i64 {
                let (source, target) = ((0, run.source_offset + n), (0, run.target_offset + n));
                sink.matched(LanePair { source, target });
            }
        }
        let unsolved: u64 = alignment.unsolved.iter().map(Counted::records).sum();
        if alignment.outcomes.len() as u64 + unsolved > left_over_max as u64 {
            return Err(KeyedError::LeftOver { max: left_over_max });
        }
        let mut outcomes: Vec<LaneOutcome> = alignment.outcomes.into_iter().map(in_only_lanes).collect();
        for side in Side::BOTH {
            let unsolved = &alignment.unsolved[side as usize];
            let (Some(start), Some(end)) = (unsolved.start(), unsolved.end()) else { continue };
            log.read(side, OffsetRange { start, end }, &mut |item| {
                if unsolved.contains(item.offset) {
                    outcomes.push(in_only_lanes(Outcome::Unsolved { side, record: *item }));
                }
                true
            })?;
        }
        Ok(outcomes)
    }
}

fn in_only_lanes(outcome: Outcome) -> LaneOutcome {
    let lane = |item: Option<&Item>| item.map(|_| 0);
    LaneOutcome { source_lane: lane(outcome.source()), target_lane: lane(outcome.target()), outcome }
}

/// The two lanes without the records that have a key.
struct KeylessLog<'a> {
    log: &'a mut dyn LaneLog,
    starts: [i64; 2],
}

impl Log for KeylessLog<'_> {
    fn read(
        &mut self,
        side: Side,
        range: OffsetRange,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        let start = if range.start == START { self.starts[side as usize] } else { range.start };
        if start >= range.end {
            return Ok(());
        }
        self.log.read(side, 0, OffsetRange { start, end: range.end }, Extent::All, &mut |item| {
            item.key.is_some() || visit(item)
        })
    }
}
