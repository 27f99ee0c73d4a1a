//! Names duplicates that were copied again as a block: side by side on the target, in the order of their originals.
//! Judges nothing, reads nothing.

use std::collections::HashMap;

use cutproof_reports::FindingKind;

use super::explain::Draft;
use crate::ledger::Place;

/// The cause, as reports name it.
const CAUSE: &str = "resent_block";

/// Names blocks among the findings of one pair, which come in the order of the target.
pub(super) fn named(drafts: impl Iterator<Item = Draft>) -> impl Iterator<Item = Draft> {
    let mut drafts = drafts.peekable();
    let mut block: Option<Block> = None;
    std::iter::from_fn(move || {
        let mut draft = drafts.next()?;
        // A duplicate is one of a block where it follows another one, or another one follows it.
        let within = block.is_some();
        let mut so_far = block.take().map_or_else(|| Block::begin(&draft), Some);
        block = drafts.peek().and_then(|next| so_far.take()?.with(next));
        if within || block.is_some() {
            draft.cause = Some(CAUSE);
        }
        Some(draft)
    })
}

/// Names blocks among the findings of one unit, which come in any order. Originals of several source partitions may
/// alternate in a block; between two of one partition there may be others whose copies went elsewhere.
pub(super) fn name(drafts: &mut [Draft]) {
    let mut duplicates: Vec<usize> =
        (0..drafts.len()).filter(|&at| drafts[at].kind == FindingKind::DuplicateRecord).collect();
    duplicates.sort_unstable_by_key(|&at| drafts[at].target.map(|(lane, item)| (lane, item.offset)));
    let mut rest = duplicates.as_slice();
    while let [first, others @ ..] = rest {
        let mut block = Block::begin(&drafts[*first]);
        let mut records = 1;
        let mut in_order = false;
        for &at in others {
            let Some(longer) = block.take().and_then(|block| block.with(&drafts[at])) else { break };
            in_order |= longer.records() > longer.sources.len();
            block = Some(longer);
            records += 1;
        }
        let (own, others) = rest.split_at(records);
        // One record each of several partitions have no order that could have been kept.
        own.iter().filter(|_| in_order).for_each(|&at| drafts[at].cause = Some(CAUSE));
        rest = others;
    }
}

/// Duplicates that lie side by side on the target, those of each source partition in the order of their originals.
struct Block {
    first_target: i64,
    last_target: Place,
    /// The last original, by source partition.
    sources: HashMap<usize, i64>,
}

impl Block {
    /// `None` where it is no duplicate.
    fn begin(draft: &Draft) -> Option<Self> {
        let (source, target) = places(draft)?;
        Some(Self { first_target: target.1, last_target: target, sources: HashMap::from([source]) })
    }

    /// The block with one more record; `None` where that does not belong to it.
    fn with(mut self, next: &Draft) -> Option<Self> {
        let ((lane, source), target) = places(next)?;
        let beside = target == (self.last_target.0, self.last_target.1 + 1);
        let in_order = self.sources.get(&lane).is_none_or(|&last| source > last);
        (beside && in_order).then(|| {
            self.sources.insert(lane, source);
            self.last_target = target;
            self
        })
    }

    fn records(&self) -> usize {
        (self.last_target.1 - self.first_target + 1) as usize
    }
}

/// Where a duplicate's original is, and where it is itself.
fn places(draft: &Draft) -> Option<(Place, Place)> {
    let (source, target) =
        draft.source.zip(draft.target).filter(|_| draft.kind == FindingKind::DuplicateRecord)?;
    Some(((source.0, source.1.offset), (target.0, target.1.offset)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::Item;

    fn duplicate(source: Place, target: Place) -> Draft {
        let item = |offset| Item { identity: 0, offset, timestamp: 0, key: None, value: 0 };
        Draft {
            kind: FindingKind::DuplicateRecord,
            source: Some((source.0, item(source.1))),
            target: Some((target.0, item(target.1))),
            order_broken: None,
            cause: None,
            aborted: None,
        }
    }

    /// Which of the duplicates, each a source and a target place, are of a block of a unit.
    fn of_blocks(places: &[(Place, Place)]) -> Vec<bool> {
        let mut drafts: Vec<Draft> =
            places.iter().map(|&(source, target)| duplicate(source, target)).collect();
        name(&mut drafts);
        drafts.iter().map(|draft| draft.cause == Some(CAUSE)).collect()
    }

    #[test]
    fn a_block_lies_side_by_side_and_keeps_the_order_of_each_source_partition() {
        // Two partitions alternate; told in the order of the source.
        let mixed = [((0, 5), (1, 10)), ((0, 7), (1, 12)), ((1, 40), (1, 11)), ((1, 41), (1, 13))];
        assert_eq!(of_blocks(&mixed), [true; 4]);
        // A gap on the target, another target partition, the wrong order.
        assert_eq!(of_blocks(&[((0, 5), (1, 10)), ((0, 6), (1, 12))]), [false; 2]);
        assert_eq!(of_blocks(&[((0, 5), (1, 10)), ((0, 6), (2, 11))]), [false; 2]);
        assert_eq!(of_blocks(&[((0, 6), (1, 10)), ((0, 5), (1, 11))]), [false; 2]);
        // One record each of two partitions says nothing of an order.
        assert_eq!(of_blocks(&[((0, 5), (1, 10)), ((1, 6), (1, 11))]), [false; 2]);
        // Two blocks, and one record alone behind them.
        let two = [((0, 5), (0, 1)), ((0, 6), (0, 2)), ((0, 5), (0, 3)), ((0, 6), (0, 4)), ((0, 9), (0, 6))];
        assert_eq!(of_blocks(&two), [true, true, true, true, false]);
    }

    #[test]
    fn the_findings_of_a_pair_are_named_as_they_come() {
        let missing =
            || Draft { kind: FindingKind::MissingRecord, target: None, ..duplicate((0, 0), (0, 0)) };
        let drafts = [
            missing(),
            duplicate((0, 5), (0, 10)),
            duplicate((0, 6), (0, 11)),
            duplicate((0, 6), (0, 12)),
            duplicate((0, 8), (0, 14)),
            missing(),
            duplicate((0, 9), (0, 20)),
            duplicate((0, 11), (0, 21)),
        ];
        let causes: Vec<bool> = named(drafts.into_iter()).map(|draft| draft.cause == Some(CAUSE)).collect();
        assert_eq!(causes, [false, true, true, false, false, false, true, true]);
    }
}
