//! Which missing record and which stray go together, among random pairs of one topic, by definition.

use super::any_pair::{Random, reading, with_all_kept};
use super::*;
use crate::align::{Item, Outcome, Tuning};
use crate::record::FindingKind;

const MISSING: Standing = Standing::Finding(FindingKind::MissingRecord);
const EXTRANEOUS: Standing = Standing::Finding(FindingKind::ExtraneousRecord);
const MISPLACED: Standing = Standing::Finding(FindingKind::MisplacedRecord);

const OF_MISSING: [Standing; 4] = [MISSING, Standing::Pending, Standing::Beyond, Standing::Unverifiable];
const OF_STRAYS: [Standing; 4] = [EXTRANEOUS, EXTRANEOUS, Standing::Beyond, Standing::Unverifiable];

fn item(identity: u128, offset: i64, timestamp: i64) -> Item {
    Item { identity, offset, timestamp, key: None, value: 0 }
}

/// A pair of which this was said.
fn pair(said: Vec<(Outcome, Standing)>, within: Option<u64>) -> Classified {
    let nothing = [Vec::new(), Vec::new()];
    let reading = reading(&nothing, i64::MAX, [true, true]);
    let reading = PairReading { timestamps_within: within, ..reading };
    let mut pair = with_all_kept(&nothing, reading, Tuning::default());
    let (outcomes, standings): (Vec<_>, Vec<_>) = said.into_iter().unzip();
    pair.alignment.outcomes = outcomes;
    pair.standings = standings;
    pair
}

fn found(pairs: &mut [Classified]) -> Vec<Misplacement> {
    find_misplaced(&mut pairs.iter_mut().enumerate().collect::<Vec<_>>())
}

/// Each stray in turn takes the first record that is open and near.
fn by_definition(pairs: &[Classified], within: Option<u64>) -> Vec<Misplacement> {
    let mut open: Vec<(usize, Item)> = Vec::new();
    for (at, pair) in pairs.iter().enumerate() {
        for (outcome, standing) in pair.alignment.outcomes.iter().zip(&pair.standings) {
            if let Outcome::Missing { source } = outcome
                && [MISSING, Standing::Pending].contains(standing)
            {
                open.push((at, *source));
            }
        }
    }
    let mut found = Vec::new();
    for (at, pair) in pairs.iter().enumerate() {
        for (outcome, standing) in pair.alignment.outcomes.iter().zip(&pair.standings) {
            let Outcome::Extraneous { target } = outcome else { continue };
            if *standing != EXTRANEOUS {
                continue;
            }
            let near = |source: &Item| {
                within.is_none_or(|within| source.timestamp.abs_diff(target.timestamp) <= within)
            };
            let equal = |source: &Item| source.identity == target.identity && near(source);
            if let Some(first) = open.iter().position(|(_, source)| equal(source)) {
                let (source_pair, source) = open.remove(first);
                found.push(Misplacement { source_pair, source, target_pair: at, target: *target });
            }
        }
    }
    found
}

#[test]
fn each_stray_goes_with_the_first_open_record_that_equals_it_and_is_near() {
    let mut random = Random(71);
    let mut all = 0;
    for _ in 0..5_000 {
        let within = [None, Some(0), Some(3)][random.below(3) as usize];
        let any = |at: u64| {
            let one = |offset: u64| {
                let side = random.below(2);
                // What a pair misses, it has no stray of.
                let identity = u128::from(2 * random.below(2) + (at + side) % 2);
                let item = item(identity, offset as i64, random.below(20) as i64);
                let choice = random.below(4) as usize;
                match side {
                    0 => (Outcome::Missing { source: item }, OF_MISSING[choice]),
                    _ => (Outcome::Extraneous { target: item }, OF_STRAYS[choice]),
                }
            };
            pair((0..10).map(one).collect(), within)
        };
        let mut pairs: Vec<Classified> = (0..4).map(any).collect();
        let expected = by_definition(&pairs, within);
        assert_eq!(found(&mut pairs), expected, "{pairs:?}");
        let misplaced = pairs.iter().flat_map(|pair| &pair.standings).filter(|at| **at == MISPLACED).count();
        assert_eq!(misplaced, 2 * expected.len());
        all += expected.len();
    }
    assert!(all > 5_000, "only {all} were misplaced");
}

#[test]
fn a_record_is_not_misplaced_in_its_own_partition() {
    let missing = (Outcome::Missing { source: item(7, 0, 0) }, MISSING);
    let stray = (Outcome::Extraneous { target: item(7, 0, 0) }, EXTRANEOUS);
    assert!(found(&mut [pair(vec![missing.clone(), stray.clone()], None)]).is_empty());
    assert_eq!(found(&mut [pair(vec![missing], None), pair(vec![stray], None)]).len(), 1);
}

#[test]
fn strays_do_not_go_through_all_records_of_other_times() {
    const RECORDS: i64 = 200_000;
    let missing = |n| (Outcome::Missing { source: item(7, n, n) }, MISSING);
    let stray = |n| (Outcome::Extraneous { target: item(7, n, 2 * RECORDS + n) }, EXTRANEOUS);
    let here = pair((0..RECORDS).map(missing).collect(), Some(5));
    let there = pair((0..RECORDS).map(stray).collect(), Some(5));
    assert!(found(&mut [here, there]).is_empty());
}
