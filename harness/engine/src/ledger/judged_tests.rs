//! Skip, replay and image against their definitions, scope, and the ledger, over random sequences.

use super::*;
use crate::align::{InMemory, Item, PairAligner, Rules, Tuning};
use crate::classify::any_pair::{Random, items, reading, sequences};
use crate::classify::{Classified, HiddenGaps, classify, find_misplaced};
use crate::record::{FindingKind, OffsetRange, Side};

fn classified(lists: [Vec<Item>; 2], source_end: i64, complete: [bool; 2]) -> (Classified, [Intake; 2]) {
    let mut aligner = PairAligner::new(Rules::default(), Tuning::default(), [0, 0]);
    aligner.push(Side::Source, &lists[0]);
    aligner.push(Side::Target, &lists[1]);
    let reading = reading(&lists, source_end, complete);
    let intake = [0, 1].map(|side: usize| lists[side].iter().map(|item| item.identity).collect::<Intake>());
    let alignment = aligner.finish(0, &mut InMemory(lists)).expect("lists can be read");
    (classify(reading, alignment), intake)
}

fn judged(lists: [Vec<Item>; 2], source_end: i64, complete: [bool; 2]) -> Judgement {
    let (pair, intake) = classified(lists, source_end, complete);
    account(pair, intake).expect("the ledger adds up")
}

#[test]
fn skip_replay_and_image_are_what_their_definitions_count() {
    let mut random = Random(77);
    for round in 0..20_000 {
        let [source, target] = sequences(&mut random);
        let gap = 1 + random.below(2) as i64;
        let lists = [items(&source, 1), items(&target, gap)];
        let ends = [0, 1].map(|side: usize| lists[side].last().map_or(0, |item| item.offset + 1));
        let judgement = judged(lists, i64::MAX, [true, true]);
        // Every copy, as pairs of offsets.
        let runs = &judgement.alignment.runs;
        let mut copies: Vec<(i64, i64)> = (0..runs.matched()).filter_map(|n| runs.pair(n)).collect();
        let mut missing = Vec::new();
        for outcome in &judgement.alignment.outcomes {
            match (outcome.source(), outcome.target()) {
                (Some(source), Some(target)) => copies.push((source.offset, target.offset)),
                (Some(source), None) => missing.push(source.offset),
                _ => {}
            }
        }
        let (commit, resume) =
            (random.below(ends[0] as u64 + 2) as i64, random.below(ends[1] as u64 + 3) as i64);
        let counted = judge_resume(&Copies::of(&judgement), commit, resume);
        let of = |s: i64| copies.iter().filter(move |copy| copy.0 == s).map(|copy| copy.1);
        let sources: Vec<i64> = (0..ends[0]).collect();
        let skip = sources
            .iter()
            .filter(|&&s| s >= commit && of(s).count() > 0 && of(s).all(|t| t < resume))
            .count();
        let replay = copies.iter().filter(|&&(s, t)| s < commit && t >= resume).count();
        let image =
            sources.iter().filter(|&&s| s >= commit).filter_map(|&s| of(s).min()).min().unwrap_or(ends[1]);
        assert_eq!(
            (counted.skip, counted.replay, counted.image),
            (skip as u64, replay as u64, image),
            "round {round}: {source:?} {target:?} commit {commit} resume {resume}"
        );
        let open = counted.missing + judgement.ledger.pending;
        let ahead = missing.iter().filter(|&&s| s >= commit).count() as u64;
        assert!(counted.missing <= ahead && ahead <= open + counted.pending_before);
    }
}

#[test]
fn what_a_stalled_target_did_not_deliver_is_not_called_missing() {
    let lists = || [items(&[1, 2, 3, 4], 1), items(&[1, 2], 1)];
    let incomplete = judged(lists(), i64::MAX, [true, false]);
    assert_eq!((incomplete.ledger.unverifiable, incomplete.ledger.pending), ([2, 0], 0));
    let late = judged(lists(), i64::MAX, [true, true]);
    assert_eq!((late.ledger.unverifiable, late.ledger.pending), ([0, 0], 2));
    assert!(late.ledger.findings.is_empty());
}

#[test]
fn a_later_record_that_matched_is_evidence_that_one_is_missing() {
    let judgement = judged([items(&[1, 2, 3], 1), items(&[1, 3], 1)], i64::MAX, [true, true]);
    assert_eq!(judgement.ledger.findings.get(&FindingKind::MissingRecord), Some(&1));
}

#[test]
fn nothing_after_the_cut_is_judged() {
    // Offsets 3 and 4 of the source came after the barrier; the target has one of them, and a tail.
    let judgement = judged([items(&[1, 2, 3, 10, 11], 1), items(&[1, 2, 3, 10, 99], 1)], 3, [true, true]);
    assert_eq!(judgement.cut, [3, 3]);
    assert_eq!(judgement.ledger.records, [3, 3]);
    assert_eq!((judgement.ledger.matched, judgement.ledger.pending), (3, 0));
    assert!(judgement.ledger.findings.is_empty());
    // What the target holds of a source record in scope is: a second copy of one, wherever it lies.
    let judgement = judged([items(&[1, 2, 3, 10, 11], 1), items(&[1, 2, 3, 10, 2, 99], 1)], 3, [true, true]);
    assert_eq!(judgement.ledger.findings, [(FindingKind::DuplicateRecord, 1)].into());
    assert_eq!((judgement.cut, judgement.ledger.records), ([3, 5], [3, 4]));
    // Without anything after the barrier the same tail is judged.
    let judgement = judged([items(&[1, 2, 3], 1), items(&[1, 2, 3, 99], 1)], 3, [true, true]);
    assert_eq!(judgement.ledger.findings.get(&FindingKind::ExtraneousRecord), Some(&1));
}

#[test]
fn where_every_record_differs_the_scope_reaches_as_far_as_their_counterparts() {
    // As with remapped schema ids: no two records are equal in bytes. The source's offset 3 came after the barrier.
    let changed = |mut items: Vec<Item>| {
        for item in &mut items {
            (item.identity, item.value) = (item.identity + 1_000, item.value + 1_000);
        }
        items
    };
    let lists = [items(&[1, 2, 4, 10], 1), changed(items(&[1, 99, 2, 4], 1))];
    let judgement = judged(lists, 3, [true, true]);
    let found = |kind| judgement.ledger.findings.get(&kind).copied();
    assert_eq!(found(FindingKind::MismatchedRecord), Some(3), "{judgement:?}");
    assert_eq!(found(FindingKind::ExtraneousRecord), Some(1), "{judgement:?}");
    assert_eq!((judgement.cut, judgement.ledger.records), ([3, 4], [3, 4]));
}

/// The two lists with `hole` on `side` unread.
fn judged_with_hole(mut lists: [Vec<Item>; 2], side: Side, hole: OffsetRange) -> Judgement {
    let ends = [0, 1].map(|side: usize| lists[side].last().map_or(0, |item| item.offset + 1));
    lists[side as usize].retain(|item| item.offset < hole.start || item.offset >= hole.end);
    let mut aligner = PairAligner::new(Rules::default(), Tuning::default(), [0, 0]);
    aligner.push(Side::Source, &lists[0]);
    aligner.push(Side::Target, &lists[1]);
    let mut reading = reading(&lists, ends[0], [true, true]);
    reading.read_to = ends;
    reading.holes[side as usize].push(hole);
    let intake = [0, 1].map(|side: usize| lists[side].iter().map(|item| item.identity).collect::<Intake>());
    let alignment = aligner.finish(0, &mut InMemory(lists)).expect("lists can be read");
    account(classify(reading, alignment), intake).expect("the ledger adds up")
}

#[test]
fn counterparts_of_records_that_could_not_be_read_are_unverifiable_and_the_rest_is_judged() {
    for side in Side::BOTH {
        let lists = || [items(&[1, 2, 3, 4, 5, 6], 1), items(&[1, 2, 3, 4, 6], 1)];
        let judgement = judged_with_hole(lists(), side, OffsetRange { start: 1, end: 3 });
        let mut unverifiable = [0, 0];
        unverifiable[1 - side as usize] = 2;
        assert_eq!(judgement.ledger.unverifiable, unverifiable, "{side}");
        assert_eq!(judgement.ledger.matched, 3);
        let missing = std::collections::BTreeMap::from([(FindingKind::MissingRecord, 1)]);
        assert_eq!(
            judgement.ledger.findings, missing,
            "record 5 is missing, whatever is in the hole of the {side}"
        );
        let tail = judged_with_hole(lists(), side, OffsetRange { start: 4, end: 6 });
        assert_eq!(tail.ledger.findings.get(&FindingKind::ExtraneousRecord), None);
        assert_eq!(tail.ledger.pending, 0);
    }
}

#[test]
fn a_hole_in_equal_logs_makes_no_finding_and_leaves_only_counts_that_are_right() {
    let mut random = Random(4_242);
    let (mut told, mut withheld) = (0, 0);
    for _ in 0..10_000 {
        let letters: Vec<u64> = (0..5 + random.below(20)).map(|n| n * 7 + random.below(7)).collect();
        let lists = [items(&letters, 1), items(&letters, 1 + random.below(2) as i64)];
        let side = Side::BOTH[random.below(2) as usize];
        let end = lists[side as usize].last().map_or(0, |item| item.offset + 1);
        let start = random.below(end as u64) as i64;
        let hole = OffsetRange { start, end: (start + 1 + random.below(5) as i64).min(end) };
        let whole = judged(lists.clone(), i64::MAX, [true, true]);
        let judgement = judged_with_hole(lists.clone(), side, hole);
        assert!(judgement.ledger.findings.is_empty() && judgement.ledger.pending == 0, "{side} {hole:?}");
        let commit = random.below(letters.len() as u64 + 1) as i64;
        let resume = random.below(2 * letters.len() as u64) as i64;
        let [expected, counted] =
            [&whole, &judgement].map(|judgement| judge_resume(&Copies::of(judgement), commit, resume));
        let hidden = HiddenGaps::of(&judgement.reading, &judgement.alignment);
        if hidden.leave_counts(commit, resume) {
            told += 1;
            assert_eq!((counted.skip, counted.replay), (expected.skip, expected.replay), "{side} {hole:?}");
        } else {
            withheld += 1;
        }
        if hidden.leave_image(commit) {
            assert_eq!(counted.image, expected.image, "{side} {hole:?} commit {commit}");
        }
        if hidden.leave_missing(commit) {
            assert_eq!(counted.missing, 0);
        }
    }
    assert!(told > 1_000 && withheld > 1_000, "{told} told, {withheld} withheld");
}

#[test]
fn a_record_in_another_partition_is_misplaced_and_neither_missing_nor_extraneous() {
    let (mut first, first_intake) =
        classified([items(&[1, 7, 3], 1), items(&[1, 3], 1)], i64::MAX, [true, true]);
    let (mut second, second_intake) =
        classified([items(&[4, 5], 1), items(&[4, 7, 5], 1)], i64::MAX, [true, true]);
    let found = find_misplaced(&mut [(0, &mut first), (1, &mut second)]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].source_pair, found[0].source.offset), (0, 1));
    assert_eq!((found[0].target_pair, found[0].target.offset), (1, 1));
    let first = account(first, first_intake).expect("the ledger adds up");
    let second = account(second, second_intake).expect("the ledger adds up");
    let misplaced = std::collections::BTreeMap::from([(FindingKind::MisplacedRecord, 1)]);
    assert_eq!((&first.ledger.findings, first.ledger.misplaced), (&misplaced, [1, 0]));
    assert!(second.ledger.findings.is_empty());
    assert_eq!(second.ledger.misplaced, [0, 1]);
}

#[test]
fn a_record_in_another_partition_is_the_missing_one_only_as_near_in_time_as_the_contract_promises() {
    let findings = |apart: i64, within: Option<u64>| {
        let here = [items(&[1, 7, 3], 1), items(&[1, 3], 1)];
        let mut there = [items(&[4, 5], 1), items(&[4, 7, 5], 1)];
        there[1][1].timestamp += apart;
        let [(mut first, first_intake), (mut second, second_intake)] =
            [here, there].map(|lists| classified(lists, i64::MAX, [true, true]));
        first.reading.timestamps_within = within;
        second.reading.timestamps_within = within;
        find_misplaced(&mut [(0, &mut first), (1, &mut second)]);
        let judged = [(first, first_intake), (second, second_intake)];
        judged.map(|(pair, intake)| account(pair, intake).expect("the ledger adds up").ledger.findings)
    };
    let one = |kind| std::collections::BTreeMap::from([(kind, 1_u64)]);
    let misplaced = [one(FindingKind::MisplacedRecord), Default::default()];
    let apart = [one(FindingKind::MissingRecord), one(FindingKind::ExtraneousRecord)];
    for (milliseconds, within) in [(5, Some(5)), (-5, Some(5)), (0, Some(0)), (900_000, None)] {
        assert_eq!(findings(milliseconds, within), misplaced, "{milliseconds} {within:?}");
    }
    for (milliseconds, within) in [(6, Some(5)), (-6, Some(5)), (1, Some(0))] {
        assert_eq!(findings(milliseconds, within), apart, "{milliseconds} {within:?}");
    }
}
