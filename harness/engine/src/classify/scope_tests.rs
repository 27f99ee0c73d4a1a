//! What each outcome of a pair counts as, from the matched pairs around it, over random pairs.

use super::any_pair::{Random, any_pair, with_all_kept};
use super::*;
use crate::align::{Outcome, Tuning};
use crate::record::{FindingKind, OffsetRange};

fn by_definition(pair: &Classified, outcome: &Outcome) -> Standing {
    let PairReading { source_end, read_to, complete, holes, .. } = &pair.reading;
    let runs = &pair.alignment.runs;
    let pairs: Vec<(i64, i64)> = (0..runs.matched()).filter_map(|n| runs.pair(n)).collect();
    let matched = [0, 1].map(|side| pairs.iter().map(|p| [p.0, p.1][side]).collect::<Vec<i64>>());
    let near_hole = |side: usize, of: usize, offset: i64| {
        // A hole of one side, a record of the other: as many pairs before both.
        let before = |side: usize, offset: i64| matched[side].iter().filter(|&&at| at < offset).count();
        holes[side].iter().any(|hole: &OffsetRange| before(side, hole.start) == before(of, offset))
    };
    let beyond = |source: i64| source >= *source_end;
    let live = read_to[0] > *source_end;
    match outcome {
        Outcome::Unsolved { .. } => unreachable!("only counted"),
        Outcome::Missing { source } if beyond(source.offset) => Standing::Beyond,
        Outcome::Missing { source } if near_hole(1, 0, source.offset) => Standing::Unverifiable,
        Outcome::Missing { source } if matched[0].iter().any(|&later| later > source.offset) => {
            Standing::Finding(FindingKind::MissingRecord)
        }
        Outcome::Missing { .. } if complete[1] => Standing::Pending,
        Outcome::Missing { .. } => Standing::Unverifiable,
        Outcome::Reordered { source, .. } | Outcome::Mismatched { source, .. } if beyond(source.offset) => {
            Standing::Beyond
        }
        Outcome::Reordered { .. } => Standing::Finding(FindingKind::ReorderedRecord),
        Outcome::Mismatched { source, .. }
            if near_hole(0, 0, source.offset) || near_hole(1, 0, source.offset) =>
        {
            Standing::Unverifiable
        }
        Outcome::Mismatched { .. } => Standing::Finding(FindingKind::MismatchedRecord),
        Outcome::Duplicate { target, .. } | Outcome::Extraneous { target } => {
            let further = pair.alignment.outcomes.iter().filter_map(|outcome| match outcome {
                Outcome::Mismatched { source, target }
                | Outcome::Reordered { source, target, .. }
                | Outcome::Duplicate { original: source, target } => Some((source.offset, target.offset)),
                _ => None,
            });
            let in_scope_later =
                pairs.iter().copied().chain(further).any(|(s, t)| !beyond(s) && t >= target.offset);
            let nothing_later = matched[1].iter().all(|&at| at < target.offset);
            if live && !in_scope_later {
                Standing::Beyond
            } else if nothing_later && !complete[0] || near_hole(0, 1, target.offset) {
                Standing::Unverifiable
            } else if matches!(outcome, Outcome::Duplicate { .. }) {
                Standing::Finding(FindingKind::DuplicateRecord)
            } else {
                Standing::Finding(FindingKind::ExtraneousRecord)
            }
        }
    }
}

#[test]
fn what_an_outcome_counts_as_follows_from_the_pairs_around_it() {
    let mut random = Random(51);
    for _ in 0..10_000 {
        let (lists, reading) = any_pair(&mut random);
        let pair = with_all_kept(&lists, reading, Tuning::default());
        let expected: Vec<Standing> =
            pair.alignment.outcomes.iter().map(|outcome| by_definition(&pair, outcome)).collect();
        assert_eq!(pair.standings, expected, "{lists:?} {pair:?}");
    }
}

#[test]
fn the_scope_of_the_target_ends_behind_the_last_thing_that_a_source_record_in_scope_became() {
    let mut random = Random(52);
    for _ in 0..10_000 {
        let (lists, mut reading) = any_pair(&mut random);
        reading.start = [0, 7];
        let pair = with_all_kept(&lists, reading, Tuning::default());
        let PairReading { source_end, read_to, .. } = pair.reading;
        let runs = &pair.alignment.runs;
        let mut pairs = (0..runs.matched()).filter_map(|n| runs.pair(n));
        let last = pairs.rfind(|pair| pair.0 < source_end).map(|pair| pair.1);
        let further = pair.alignment.outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Mismatched { source, target }
            | Outcome::Reordered { source, target, .. }
            | Outcome::Duplicate { original: source, target } => {
                (source.offset < source_end).then_some(target.offset)
            }
            _ => None,
        });
        let target = match read_to[0] > source_end {
            true => last.into_iter().chain(further).max().map_or(7, |target| target + 1),
            false => read_to[1],
        };
        assert_eq!(pair.cut, [source_end.min(read_to[0]), target], "{lists:?} {pair:?}");
    }
}
