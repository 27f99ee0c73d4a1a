//! What a group meets whose records have any standing, against counting by definition.

use super::counted_tests::intake;
use super::*;
use crate::align::Tuning;
use crate::classify::SLIDES;
use crate::classify::any_pair::{Random, any_pair, items, reading, with_all_kept, with_counted_tail};

/// A standing of their own for some outcomes: of a pair whose records compaction may explain, or that has others.
fn say_any(pair: &mut Classified, random: &mut Random) {
    for standing in &mut pair.standings {
        *standing = match random.below(12) {
            0 => Standing::Compacted,
            1 => Standing::CompactedOrDropped,
            2 => Standing::Unverifiable,
            3 => Standing::Finding(FindingKind::MisplacedRecord),
            _ => *standing,
        };
    }
}

/// By definition, over all copies that compaction does not explain away.
fn by_definition(judgement: &Judgement, sources: &[i64], commit: i64, resume: i64) -> Resume {
    let runs = &judgement.alignment.runs;
    let mut copies: Vec<(i64, i64)> = (0..runs.matched()).filter_map(|n| runs.pair(n)).collect();
    let in_order = copies.clone();
    let (mut missing, mut pending, mut perhaps) = (Vec::new(), Vec::new(), Vec::new());
    for (outcome, standing) in judgement.alignment.outcomes.iter().zip(&judgement.standings) {
        let compacted = matches!(standing, Standing::Compacted | Standing::CompactedOrDropped);
        match (outcome.source(), outcome.target()) {
            (Some(source), Some(target)) if !compacted => copies.push((source.offset, target.offset)),
            (Some(source), Some(target)) if *standing == Standing::CompactedOrDropped => {
                perhaps.push((source.offset, target.offset));
            }
            (Some(source), None) => match standing {
                Standing::Finding(FindingKind::MissingRecord) => missing.push(source.offset),
                Standing::Pending | Standing::Unverifiable => pending.push(source.offset),
                _ => {}
            },
            _ => {}
        }
    }
    let of = |s: i64| copies.iter().filter(move |copy| copy.0 == s).map(|copy| copy.1);
    let ahead = |&&s: &&i64| s >= commit && of(s).count() > 0;
    let firsts = sources.iter().filter(ahead).filter_map(|&s| of(s).min());
    let firsts = firsts.chain(perhaps.iter().filter(|copy| copy.0 >= commit).map(|copy| copy.1));
    // With each one alone, or without any.
    let skipped = |targets: Vec<i64>| !targets.is_empty() && targets.iter().all(|&t| t < resume);
    let open = |&&s: &&i64| {
        let mut with = perhaps.iter().filter(|copy| copy.0 == s);
        s >= commit && with.any(|copy| skipped(of(s).chain([copy.1]).collect()) != skipped(of(s).collect()))
    };
    let count = |n: usize| n as u64;
    let (replayed, orphaned) = orphaned(judgement, &in_order, commit, resume);
    Resume {
        image: firsts.min().unwrap_or(judgement.reading.read_to[1]),
        skip: count(sources.iter().filter(ahead).filter(|&&s| of(s).all(|t| t < resume)).count()),
        perhaps_skipped: count(sources.iter().filter(open).count()),
        replay: replayed + count(copies.iter().filter(|&&(s, t)| s < commit && t >= resume).count()),
        missing: count(missing.iter().filter(|&&s| s >= commit).count()),
        pending_before: count(pending.iter().filter(|&&s| s < commit).count()),
        orphaned,
    }
}

/// By definition: target records from `resume` on whose source record compaction explains: those whose place tells that it
/// came before the commit; and those that it may have, because not enough records matched between the commit and their
/// place tell that it came after.
fn orphaned(judgement: &Judgement, in_order: &[(i64, i64)], commit: i64, resume: i64) -> (u64, u64) {
    let outcomes = &judgement.alignment.outcomes;
    let repeat = |outcome: &Outcome| matches!(outcome, Outcome::Duplicate { .. } | Outcome::Reordered { .. });
    let repeated_after = |target: i64| {
        let mut repeats = outcomes.iter().filter(|outcome| repeat(outcome)).filter_map(Outcome::target);
        repeats.any(|other| other.offset > target)
    };
    let (mut replayed, mut orphaned) = (0, 0);
    for (outcome, standing) in outcomes.iter().zip(&judgement.standings) {
        let compacted = matches!(standing, Standing::Compacted | Standing::CompactedOrDropped);
        let Some(target) = outcome.target().filter(|target| compacted && target.offset >= resume) else {
            continue;
        };
        let between = in_order.iter().filter(|&&(s, t)| s >= commit && t < target.offset).count() as u64;
        let needed = if repeated_after(target.offset) { SLIDES } else { 0 };
        // A record that was matched behind it and lies before the commit.
        let sure = *standing == Standing::Compacted && !repeat(outcome);
        if sure && in_order.iter().any(|&(s, t)| s < commit && t > target.offset) {
            replayed += 1;
        } else {
            orphaned += u64::from(repeat(outcome) || between <= needed);
        }
    }
    (replayed, orphaned)
}

#[test]
fn a_target_record_that_the_source_has_compacted_is_replayed_perhaps_unless_its_place_is_behind_the_commit() {
    // 9 is on the target only, between 2 and 4.
    let lists = [items(&[1, 2, 4], 1), items(&[1, 2, 9, 4], 1)];
    for (standing, told) in [
        (Standing::Compacted, [0, 0, 1, 0, 0]),
        (Standing::CompactedOrDropped, [0, 0, 1, 1, 0]),
        (Standing::Finding(FindingKind::ExtraneousRecord), [0; 5]),
    ] {
        let mut pair = with_all_kept(&lists, reading(&lists, i64::MAX, [true, true]), Tuning::default());
        pair.standings = vec![standing];
        let judgement = account(pair, intake(&lists)).expect("adds up");
        let copies = Copies::of(&judgement);
        let of = |commit, resume| judge_resume(&copies, commit, resume).orphaned;
        assert_eq!([of(0, 0), of(1, 2), of(2, 2), of(3, 0), of(3, 3)], told, "{standing:?}");
    }
}

#[test]
fn what_a_group_meets_follows_from_the_standing_of_each_record() {
    let mut random = Random(41);
    for _ in 0..10_000 {
        let (lists, reading) = any_pair(&mut random);
        let mut pair = with_all_kept(&lists, reading, Tuning::default());
        say_any(&mut pair, &mut random);
        // The sums of misplaced records belong to two pairs: the columns are not checked here.
        let Classified { reading, alignment, standings, cut } = pair;
        let judgement = Judgement { reading, alignment, standings, cut, ledger: Ledger::default() };
        let sources: Vec<i64> = lists[0].iter().map(|item| item.offset).collect();
        for _ in 0..4 {
            let (commit, resume) = (random.below(60) as i64, random.below(70) as i64);
            let expected = by_definition(&judgement, &sources, commit, resume);
            let counted = judge_resume(&Copies::of(&judgement), commit, resume);
            assert_eq!(counted, expected, "{lists:?} {judgement:?} commit {commit} resume {resume}");
        }
    }
}

#[test]
fn what_a_group_meets_is_the_same_where_the_tail_was_only_counted() {
    let mut random = Random(42);
    for _ in 0..10_000 {
        let (lists, reading) = any_pair(&mut random);
        let pairs =
            [with_all_kept(&lists, reading.clone(), Tuning::default()), with_counted_tail(&lists, reading)];
        let [kept, counted] = pairs.map(|pair| account(pair, intake(&lists)).expect("adds up"));
        let (commit, resume) = (random.below(60) as i64, random.below(70) as i64);
        let [kept, counted] =
            [&kept, &counted].map(|judgement| judge_resume(&Copies::of(judgement), commit, resume));
        assert_eq!(counted, kept, "{lists:?} commit {commit} resume {resume}");
    }
}
