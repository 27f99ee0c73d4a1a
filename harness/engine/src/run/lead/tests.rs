//! When replay before a pair's start is a number, and when it is not.

use super::*;
use crate::align::Item;
use crate::classify::any_pair::{items, reading, with_all_kept};

fn known(lists: &[Vec<Item>; 2], pairs_max: usize, whole_source: bool) -> LeadIn {
    let tuning = Tuning { pairs_max, ..Tuning::default() };
    let pair = with_all_kept(lists, reading(lists, i64::MAX, [true, true]), tuning);
    LeadIn::Known { alignment: pair.alignment, from: 0, whole_source }
}

#[test]
fn replay_is_not_provable_where_records_ahead_were_not_solved() {
    let lists = [items(&[1, 2, 3, 4], 1), items(&[11, 12, 13, 14], 1)];
    let lead_in = known(&lists, 0, true);
    for resume in [0, 3] {
        let why = lead_in.replayed_from(resume).expect_err("not provable");
        assert!(why.contains("4 of the source and 4 of the target"), "{why}");
    }
    assert_eq!(lead_in.replayed_from(4), Ok(0), "the group never meets them");
    let equal = [items(&[1, 2, 3, 4], 1), items(&[1, 2, 3, 4], 1)];
    assert_eq!(known(&equal, 0, true).replayed_from(1), Ok(3), "everything matches");
}

#[test]
fn a_target_record_beside_source_records_that_were_not_solved_leaves_no_number() {
    let lists = [items(&[1, 2, 4], 1), items(&[1, 2, 9, 4], 1)];
    let LeadIn::Known { mut alignment, from, whole_source } = known(&lists, 1 << 20, true) else {
        panic!("it was read")
    };
    alignment.unsolved[0].add(3, 77);
    let lead_in = LeadIn::Known { alignment, from, whole_source };
    let why = lead_in.replayed_from(1).expect_err("not provable");
    assert!(why.contains("1 of the source and 0 of the target"), "{why}");
    assert_eq!(lead_in.replayed_from(3), Ok(1), "the group never meets it");
}

#[test]
fn a_target_record_of_which_the_source_knows_nothing_leaves_no_number_unless_the_source_keeps_all() {
    let lists = [items(&[1, 2, 4], 1), items(&[1, 2, 9, 4], 1)];
    let why = known(&lists, 1 << 20, false).replayed_from(1).expect_err("not provable");
    assert!(why.contains("retention or compaction has removed"), "{why}");
    assert_eq!(known(&lists, 1 << 20, true).replayed_from(1), Ok(2));
    assert_eq!(known(&lists, 1 << 20, false).replayed_from(3), Ok(1), "the group never meets it");
}

#[test]
fn a_source_keeps_all_where_its_log_begins_at_zero_and_is_never_compacted() {
    assert!(keeps_all(0, LogKind::Retained));
    assert!(!keeps_all(1, LogKind::Retained));
    assert!(!keeps_all(0, LogKind::Compacted));
}

#[test]
fn both_sides_are_read_in_turn_each_to_its_end() {
    let parts: Vec<(Side, i64, i64)> =
        in_turn([10, 0], [10 + TURN + 5, 7]).map(|(side, range)| (side, range.start, range.end)).collect();
    let expected =
        [(Side::Source, 10, 10 + TURN), (Side::Target, 0, 7), (Side::Source, 10 + TURN, 10 + TURN + 5)];
    assert_eq!(parts, expected);
    assert_eq!(in_turn([3, 3], [3, 2]).count(), 0);
}

#[test]
fn a_lead_in_that_differs_more_than_memory_allows_is_given_up() {
    let budget = Budget { memory: 8 << 20 };
    let most = budget.held_by_lead_in().max(TURN as usize);
    let letters: Vec<u64> = (0..most as u64 + 1).collect();
    let strangers = items(&letters, 1);
    for side in Side::BOTH {
        let mut aligner = PairAligner::new(Default::default(), Tuning::default(), [0, 0]);
        aligner.push(side, &strangers[..most]);
        assert_eq!(too_much(&aligner, budget), None);
        aligner.push(side, &strangers[most..]);
        let why = too_much(&aligner, budget).expect("too much");
        assert!(why.contains("limits.memory") && why.contains(&(most + 1).to_string()), "{why}");
        // Where the other side has the same records, nothing waits.
        aligner.push(side.other(), &strangers);
        assert_eq!(too_much(&aligner, budget), None);
    }
}

#[test]
fn a_lead_in_is_read_again_only_where_its_beginning_was_deleted_meanwhile() {
    // What is read by turn, from a log that loses 10 offsets at each question; `missed` by turn.
    let read = |missed: &[bool]| {
        let (mut asked, mut read) = (0, Vec::new());
        let last = while_it_moves(
            || {
                asked += 10;
                [asked, 7]
            },
            |log_starts| {
                read.push(log_starts[0]);
                (log_starts[0], missed[read.len() - 1])
            },
        );
        assert_eq!(read.last(), Some(&last));
        read
    };
    // Read to its end, or not for another reason: no memory, a batch that cannot be read.
    assert_eq!(read(&[false]), [10]);
    assert_eq!(read(&[true, false]), [10, 20]);
    assert_eq!(read(&[true; 9]), [10, 20, 30], "and not for ever");
}

#[test]
fn a_lead_in_that_is_missed_although_the_log_starts_where_it_did_is_not_read_again() {
    let mut read = 0;
    while_it_moves(
        || [10, 7],
        |_| {
            read += 1;
            ((), true)
        },
    );
    assert_eq!(read, 1);
}
