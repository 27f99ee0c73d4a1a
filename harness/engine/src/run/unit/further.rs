//! A record from behind the barrier does not explain what stands in front of the last copy of the scope, where a record of
//! the scope equals it: that is one more copy of the scope, and the other record is not copied yet. Judges nothing.

use std::collections::HashMap;

use crate::align::keyed::{Extent, LaneLog, LaneOutcome};
use crate::align::{Item, LogError, Outcome, Rules};
use crate::classify::UnitReading;
use crate::ledger::Cells;
use crate::record::{OffsetRange, Side};

use super::scope::last_copies;

/// Takes such records apart that were found out of order. `outcomes`: all that is not in `cells`; keeps their order. Reads
/// the scope of the source again where something may have to be taken apart; where some of it was deleted meanwhile, what
/// equals nothing that is left is not told.
pub(super) fn take_apart(
    reading: &UnitReading,
    cells: &Cells,
    outcomes: &mut Vec<LaneOutcome>,
    rules: &Rules,
    log: &mut dyn LaneLog,
) -> Result<(), LogError> {
    if !reading.complete[Side::Source as usize] {
        // A further copy of what was not read cannot be told.
        return Ok(());
    }
    let mut hidden = in_front(reading, cells, outcomes);
    let mut is_whole = true;
    let mut further: Vec<(usize, usize, Item)> = Vec::new();
    for (lane, source) in reading.sources.iter().enumerate() {
        let scope = OffsetRange { start: source.start, end: source.end };
        if hidden.is_empty() || scope.start >= scope.end {
            continue;
        }
        let mut look = |item: &Item| {
            if let Some(alike) = hidden.get_mut(&item.identity) {
                alike.retain(|(at, target)| {
                    let found = rules.matches(item, target);
                    if found {
                        further.push((*at, lane, *item));
                    }
                    !found
                });
                if alike.is_empty() {
                    hidden.remove(&item.identity);
                }
            }
            !hidden.is_empty()
        };
        if log.read(Side::Source, lane, scope, Extent::All, &mut look).is_err() {
            is_whole = false;
            log.read(Side::Source, lane, scope, Extent::Left, &mut look)?;
        }
    }
    let untold: Vec<usize> = match is_whole {
        true => Vec::new(),
        false => hidden.into_values().flatten().map(|(at, _)| at).collect(),
    };
    if further.is_empty() && untold.is_empty() {
        return Ok(());
    }
    let further = further.into_iter().map(|(at, lane, original)| (at, Some((lane, original))));
    for (at, original) in further.chain(untold.into_iter().map(|at| (at, None))) {
        let entry = &mut outcomes[at];
        let Outcome::Reordered { source, target, .. } = entry.outcome else { continue };
        let target_lane = entry.target_lane.take();
        entry.outcome = Outcome::Missing { source };
        let (source_lane, outcome) = match original {
            Some((lane, original)) => (Some(lane), Outcome::Duplicate { original, target }),
            None => (None, Outcome::Unsolved { side: Side::Target, record: target }),
        };
        outcomes.push(LaneOutcome { source_lane, target_lane, outcome });
    }
    outcomes.sort_by_key(LaneOutcome::place);
    Ok(())
}

/// What is out of order with a record from behind the barrier and stands in front of the last copy of the scope in its
/// lane: the outcome and the target record, by identity. Those without a key are told where they are aligned.
fn in_front(
    reading: &UnitReading,
    cells: &Cells,
    outcomes: &[LaneOutcome],
) -> HashMap<u128, Vec<(usize, Item)>> {
    let mut found: HashMap<u128, Vec<(usize, Item)>> = HashMap::new();
    let last = last_copies(reading, cells, outcomes);
    for (at, entry) in outcomes.iter().enumerate() {
        let Outcome::Reordered { source, target, .. } = &entry.outcome else { continue };
        let (Some(from), Some(to)) = (entry.source_lane, entry.target_lane) else { continue };
        let late = source.offset >= reading.sources[from].end;
        if late && source.key.is_some() && Some(target.offset) < last[to] {
            found.entry(target.identity).or_default().push((at, *target));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::super::scope;
    use super::*;
    use crate::align::keyed::{Grouping, InMemoryLanes, InMemoryStore, KeyedAligner, KeyedTuning, Trimmed};
    use crate::classify::{SourceReading, Standing, Taken, TargetReading, classify_unit};
    use crate::record::FindingKind;

    /// Letters are records of one key.
    fn lane(letters: &str) -> Vec<Item> {
        let item = |(at, letter): (usize, u8)| Item {
            identity: letter.into(),
            offset: at as i64,
            timestamp: 0,
            key: NonZeroU64::new(1),
            value: letter.into(),
        };
        letters.bytes().enumerate().map(item).collect()
    }

    fn reading(sources: &[Vec<Item>], ends: &[i64], target: &[Item]) -> UnitReading {
        let source = |(lane, &end): (&Vec<Item>, &i64)| SourceReading {
            log_start: 0,
            start: 0,
            end,
            read_to: lane.len() as i64,
            deleted_up_to: None,
            highest_matched: None,
            matched_in_all: None,
        };
        let read_to = target.len() as i64;
        let target = TargetReading {
            start: 0,
            cut: read_to,
            end: 0,
            follows_shortened: None,
            first_copy: None,
            read_to,
        };
        UnitReading {
            name: "orders -> all.orders".into(),
            sources: sources.iter().zip(ends).map(source).collect(),
            targets: vec![target],
            complete: [true, true],
            ordered: true,
            compacted: false,
            timestamps_within: None,
            meanings: false,
            taken: Taken::default(),
        }
    }

    fn judged(grouping: Grouping, sources: &[[&str; 2]], target: &str) -> Vec<(i64, Standing)> {
        judged_from(0, grouping, sources, target)
    }

    /// What the outcomes of a target lane count as, by its offsets. `sources`: each with what it holds before the barrier
    /// and behind it; all before `left_from` is deleted when it is read again.
    fn judged_from(
        left_from: i64,
        grouping: Grouping,
        sources: &[[&str; 2]],
        target: &str,
    ) -> Vec<(i64, Standing)> {
        let ends: Vec<i64> = sources.iter().map(|[judged, _]| judged.len() as i64).collect();
        let lanes: Vec<Vec<Item>> = sources.iter().map(|parts| lane(&parts.concat())).collect();
        let mut log = InMemoryLanes([lanes, vec![lane(target)]]);
        let mut cells = Cells::new([ends.iter().map(|&end| vec![0, end]).collect(), vec![Vec::new()]]);
        let store = Box::new(InMemoryStore::default());
        let tuning = KeyedTuning::default();
        let mut aligner = KeyedAligner::new(Rules::default(), grouping, tuning, [sources.len(), 1], store)
            .with_barrier(ends.clone());
        let [source_lanes, target_lanes] = &log.0;
        let parts = || source_lanes.iter().zip(&ends).map(|(items, &end)| items.split_at(end as usize));
        for (at, (items, _)) in parts().enumerate() {
            aligner.push(Side::Source, at, items, &mut cells).expect("memory holds it");
        }
        aligner.push(Side::Target, 0, &target_lanes[0], &mut cells).expect("memory holds it");
        for (at, (_, items)) in parts().enumerate() {
            aligner.push(Side::Source, at, items, &mut cells).expect("memory holds it");
        }
        let mut reading = reading(source_lanes, &ends, &target_lanes[0]);
        aligner.list(ends.iter().map(|&end| OffsetRange { start: 0, end }).collect(), usize::MAX);
        let history = vec![0; sources.len()];
        let mut outcomes = aligner.finish(&history, &mut log, &mut cells).expect("in memory").outcomes;
        cells.close();
        let mut log = Trimmed { lanes: log, left_from };
        take_apart(&reading, &cells, &mut outcomes, &Rules::default(), &mut log).expect("in memory");
        assert!(outcomes.is_sorted_by_key(LaneOutcome::place), "{outcomes:?}");
        scope::set(&mut reading, &cells, &outcomes);
        let standing = |entry: &LaneOutcome| {
            Some((entry.outcome.target()?.offset, classify_unit(&reading, entry, None)))
        };
        outcomes.iter().filter_map(standing).collect()
    }

    #[test]
    fn a_further_copy_of_what_is_judged_is_found_although_an_equal_record_is_not_copied_yet() {
        let further = Standing::Finding(FindingKind::DuplicateRecord);
        assert_eq!(judged(Grouping::Key, &[["xy", "x"]], "xxy"), [(1, further)]);
        let by_key = Grouping::KeyThenMultiset;
        assert_eq!(judged(by_key, &[["xy", "x"]], "xxy"), [(1, further)]);
        assert_eq!(judged(by_key, &[["xy", "x"], ["q", ""]], "xxyq"), [(1, further)]);
    }

    #[test]
    fn where_records_of_the_scope_are_gone_a_further_copy_of_what_is_left_is_found_and_no_other_is_passed_over()
     {
        let further = Standing::Finding(FindingKind::DuplicateRecord);
        assert_eq!(judged_from(1, Grouping::Key, &[["pxy", "x"]], "pxxy"), [(2, further)]);
        assert_eq!(judged_from(1, Grouping::Key, &[["xzy", "x"]], "xxzy"), [(1, Standing::Unverifiable)]);
    }

    #[test]
    fn a_record_from_behind_the_barrier_that_is_copied_out_of_order_does_not_count() {
        for grouping in [Grouping::Key, Grouping::KeyThenMultiset] {
            // Before the copies of the scope, where nothing there equals it.
            assert_eq!(judged(grouping, &[["xy", "z"]], "zxy"), [(0, Standing::Beyond)]);
            // Behind them, though one there equals it.
            assert_eq!(judged(grouping, &[["xy", "zx"]], "xyxz"), [(2, Standing::Beyond)]);
        }
    }
}
