//! Records that alignment only counted, and each standing's column: random pairs against counting by definition.

use super::*;
use crate::align::{Item, Tuning};
use crate::classify::any_pair::{
    Random, any_pair, items, reading, with_all_kept, with_counted_tail, with_counted_tail_and,
};

pub(super) fn intake(lists: &[Vec<Item>; 2]) -> [Intake; 2] {
    lists.each_ref().map(|list| list.iter().map(|item| item.identity).collect())
}

#[test]
fn a_tail_that_was_only_counted_is_accounted_for_as_one_that_was_kept() {
    let mut random = Random(31);
    let mut counted = 0;
    for _ in 0..10_000 {
        let (lists, reading) = any_pair(&mut random);
        let kept = with_all_kept(&lists, reading.clone(), Tuning::default());
        let pair = with_counted_tail(&lists, reading);
        counted += u64::from(pair.alignment.tail.records() > 1);
        let kept = account(kept, intake(&lists)).expect("adds up");
        let ledger = account(pair, intake(&lists)).expect("adds up").ledger;
        assert_eq!(ledger, kept.ledger, "{lists:?} {:?}", kept.reading);
    }
    assert!(counted > 1_000, "only {counted} tails were counted");
}

#[test]
fn what_is_taken_out_of_the_tail_is_listed_as_if_it_had_been_kept() {
    let mut random = Random(32);
    for _ in 0..10_000 {
        let (lists, reading) = any_pair(&mut random);
        let kept = with_all_kept(&lists, reading.clone(), Tuning::default());
        let mut pair = with_counted_tail(&lists, reading);
        let few = random.below(4);
        let taken: Vec<Item> = (lists[0].iter())
            .filter(|item| pair.alignment.tail.contains(item.offset) && random.below(4) < few)
            .copied()
            .collect();
        pair.take_from_tail(&taken);
        assert!(taken.iter().all(|item| !pair.alignment.tail.contains(item.offset)), "{lists:?} {taken:?}");
        let listed: Vec<(Outcome, Standing)> = (kept.alignment.outcomes.iter().cloned())
            .zip(kept.standings)
            .filter(|(outcome, _)| match outcome {
                Outcome::Missing { source } => !pair.alignment.tail.contains(source.offset),
                _ => true,
            })
            .collect();
        let found: Vec<_> = pair.alignment.outcomes.into_iter().zip(pair.standings).collect();
        assert_eq!(found, listed, "{lists:?} {taken:?}");
    }
}

#[test]
fn what_the_counted_tail_lost_before_a_match_is_listed_up_to_a_limit_and_unverifiable_beyond_it() {
    let lists = [items(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 2), items(&[9, 10], 2)];
    let judged = |pairs_max: usize| {
        let tuning = Tuning { pairs_max, ..Tuning::default() };
        let pair = with_counted_tail_and(&lists, reading(&lists, i64::MAX, [true, true]), tuning);
        let judgement = account(pair, intake(&lists)).expect("adds up");
        let counts = judgement.ledger.counts();
        let missing = counts.findings.get(&FindingKind::MissingRecord).copied().unwrap_or(0);
        (missing, counts.unverifiable, counts.pending, judgement.alignment.unsolved[0].records())
    };
    assert_eq!(judged(8), (8, 0, 1, 0));
    assert_eq!(judged(7), (0, 8, 1, 8));
}

#[test]
fn what_could_not_be_solved_is_unverifiable_in_scope_and_nothing_else() {
    let mut random = Random(33);
    let mut unsolved = 0;
    for _ in 0..10_000 {
        let (lists, reading) = any_pair(&mut random);
        let end = reading.source_end;
        // No equal pair may be held, and no record be left over.
        let pair = with_all_kept(&lists, reading, Tuning { pairs_max: 0, ..Tuning::default() });
        unsolved += u64::from(pair.alignment.unsolved[0].records() > 1);
        let matched = pair.alignment.runs.matched_below_source(end);
        let beyond = pair.alignment.runs.matched() - matched;
        let in_scope = lists[0].iter().filter(|item| item.offset < end).count() as u64;
        let target = lists[1].len() as u64 - beyond;
        let expected = Ledger {
            records: [in_scope, target],
            matched,
            unverifiable: [in_scope - matched, target - matched],
            ..Ledger::default()
        };
        assert_eq!(account(pair, intake(&lists)).expect("adds up").ledger, expected, "{lists:?} {end}");
    }
    assert!(unsolved > 1_000, "only {unsolved} were not solved");
}

#[test]
fn each_standing_has_its_own_column_by_side() {
    let mut random = Random(34);
    for _ in 0..2_000 {
        let (lists, mut reading) = any_pair(&mut random);
        reading.source_end = i64::MAX;
        let judge = |standing: Standing| {
            let mut pair = with_all_kept(&lists, reading.clone(), Tuning::default());
            pair.standings.fill(standing);
            let matched = pair.alignment.runs.matched();
            let ledger = account(pair, intake(&lists)).expect("adds up").ledger;
            (
                ledger,
                Ledger {
                    records: lists.each_ref().map(|list| list.len() as u64),
                    matched,
                    ..Ledger::default()
                },
            )
        };
        let (ledger, all) = judge(Standing::Unverifiable);
        let unmatched = all.records.map(|records| records - all.matched);
        assert_eq!(ledger, Ledger { unverifiable: unmatched, ..all.clone() });
        let (ledger, _) = judge(Standing::Compacted);
        assert_eq!(ledger, Ledger { compacted: unmatched, ..all.clone() });
        let (ledger, _) = judge(Standing::CompactedOrDropped);
        assert_eq!(ledger, Ledger { compacted_or_dropped: unmatched, ..all.clone() });
        let (ledger, _) = judge(Standing::Beyond);
        assert_eq!(ledger, Ledger { records: [all.matched; 2], ..all.clone() });
        let counts =
            Ledger { compacted: [1, 2], compacted_or_dropped: [3, 4], unverifiable: [5, 6], ..all }.counts();
        assert_eq!((counts.compacted, counts.compacted_or_dropped, counts.unverifiable), (3, 7, 11));
    }
}

#[test]
fn another_record_in_the_place_of_one_that_was_aligned_does_not_add_up() {
    let mut random = Random(34);
    let mut tried = 0;
    for _ in 0..100 {
        let (lists, reading) = any_pair(&mut random);
        let pair = with_all_kept(&lists, reading, Tuning::default());
        assert_eq!(check_intake(&pair, intake(&lists)), Ok(()));
        for side in [0, 1] {
            let mut other = intake(&lists);
            // As many records, of which one is not what it was.
            other[side].sum = other[side].sum.wrapping_add(1);
            tried += 1;
            assert!(check_intake(&pair, other).is_err(), "{lists:?}");
        }
    }
    assert_eq!(tried, 200);
}

#[test]
fn the_same_record_gone_from_both_sides_does_not_add_up() {
    let mut random = Random(35);
    for _ in 0..100 {
        let (lists, reading) = any_pair(&mut random);
        let pair = with_all_kept(&lists, reading, Tuning::default());
        let mut before = intake(&lists);
        before.iter_mut().for_each(|side| side.add(77));
        assert!(matches!(check_intake(&pair, before), Err(LedgerError::Columns { .. })), "{lists:?}");
    }
}
