//! Keyed alignment against the oracle of `cutproof-fixtures`: the whole list of outcomes and all pairs, for any arrival,
//! tuning and number of buckets, listed or not. `CUTPROOF_SEEDS` sets the number of seeds (default 100,000).

#[path = "judged/choices.rs"]
mod choices;
#[path = "judged/items.rs"]
mod items;
#[path = "judged/lanes.rs"]
mod lanes;

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use choices::Random;
use cutproof::align::keyed::{Grouping, InMemoryLanes, InMemoryStore, KeyedAligner, KeyedTuning, LanePair};
use cutproof::align::{Item, Outcome, Rules};
use cutproof::record::Side;
use cutproof_fixtures::oracle::{OracleFinding, OracleOutcome, OracleRecord, Order};
use lanes::{Judged, Pairs, Shape, judge, judge_any};

fn seeds() -> u64 {
    std::env::var("CUTPROOF_SEEDS").map_or(100_000, |n| n.parse().expect("CUTPROOF_SEEDS is a number"))
}

#[test]
fn keyed_alignment_finds_what_the_oracle_finds_and_nothing_else() {
    for seed in 0..seeds() {
        judge_any(&mut Random::new(seed), format_args!("seed {seed}"));
    }
}

/// How often each identity is in `what`.
fn tally(what: impl Iterator<Item = u64>) -> BTreeMap<u64, usize> {
    let mut tally = BTreeMap::new();
    what.for_each(|identity| *tally.entry(identity).or_default() += 1);
    tally
}

#[test]
fn where_equal_records_lie_in_several_lanes_each_record_still_has_one_outcome() {
    for seed in 0..seeds() {
        let random = &mut Random::new(seed);
        let tolerance = (random.below(4) == 0).then(|| random.below(6));
        let lanes = [1 + random.below(3), 1 + random.below(3)];
        let letters = [1, 3, 6, 20][random.upto(4)];
        let order = Order::KeyThenMultiset;
        let shape = Shape { order, lanes, letters, anywhere: true, tolerance, ..Shape::any(random) };
        let [source, target] = shape.sequences(random);
        let Judged { expected, found } = judge(&shape, [&source, &target], random);
        let (source, target) = (source.concat(), target.concat());

        let mut places = [vec![0; source.len()], vec![0; target.len()]];
        for &(s, t) in &found.matched {
            assert!(shape.rules().matches(&source[s], &target[t]), "seed {seed}");
            places[0][s] += 1;
            places[1][t] += 1;
        }
        for finding in &found.findings {
            let duplicate = matches!(finding, OracleFinding::Duplicate { .. });
            finding.source().filter(|_| !duplicate).into_iter().for_each(|s| places[0][s] += 1);
            finding.target().into_iter().for_each(|t| places[1][t] += 1);
        }
        assert!(places.iter().flatten().all(|&places| places == 1), "seed {seed}: {places:?}");

        // Without an order, equal records can stand for one another; so nothing but the partners may differ.
        if tolerance.is_none() {
            let keyless = |record: &OracleRecord| record.key.is_none().then_some(record.identity);
            let matched = |outcome: &OracleOutcome| {
                tally(outcome.matched.iter().filter_map(|&(s, _)| keyless(&source[s])))
            };
            assert_eq!(matched(&found), matched(&expected), "seed {seed} {shape:?}");
            let duplicates = |outcome: &OracleOutcome| {
                tally(outcome.findings.iter().filter_map(|finding| match *finding {
                    OracleFinding::Duplicate { target: t, .. } => keyless(&target[t]),
                    _ => None,
                }))
            };
            assert_eq!(duplicates(&found), duplicates(&expected), "seed {seed} {shape:?}");
        }
    }
}

/// Two topics are merged and hold equal records of a key. However they arrive: what one order of all records explains is
/// no finding.
#[test]
fn equal_records_of_several_lanes_that_came_in_order_are_no_finding() {
    for seed in 0..seeds() {
        let random = &mut Random::new(seed);
        let lanes = [2 + random.below(2), 1 + random.below(3)];
        let letters = [2, 3, 6][random.upto(3)];
        let keys = 1 + random.below(3);
        let order = Order::KeyThenMultiset;
        let shape =
            Shape { order, lanes, letters, keys, anywhere: true, tolerance: None, ..Shape::any(random) };
        let [mut source, mut target] = lanes.map(|lanes| vec![Vec::new(); lanes as usize]);
        for _ in 0..random.below(40) {
            let record = shape.record(random);
            source[random.below(lanes[0]) as usize].push(record);
            target[(record.key.unwrap_or(0) % lanes[1]) as usize].push(record);
        }
        let Judged { found, .. } = judge(&shape, [&source, &target], random);
        assert_eq!(found.findings, [], "seed {seed} {shape:?}\nsource {source:?}\ntarget {target:?}");
        assert_eq!(found.matched.len(), source.concat().len(), "seed {seed}");
    }
}

/// Long sequences, so that stretches are followed side by side, and most of what differs lies far apart.
#[test]
fn long_groups_are_judged_as_the_oracle_judges_them() {
    for seed in 0..cutproof_fixtures::sequences::STYLES * 2 {
        let random = &mut Random::new(seed);
        let (source, target) = cutproof_fixtures::sequences::sequence_pair(seed, 300);
        let order = [Order::Key, Order::None, Order::KeyThenMultiset][(seed % 3) as usize];
        let shape = Shape { order, lanes: [1, 1], tolerance: None, ..Shape::any(random) };
        let [source, target] = [vec![source], vec![target]];
        let Judged { expected, found } = judge(&shape, [&source, &target], random);
        assert_eq!(found, expected, "seed {seed} {shape:?}");
    }
}

#[test]
fn a_copy_of_a_record_before_the_scope_is_a_duplicate_only_within_the_history_that_is_looked_at() {
    let item = |identity: u128, offset: i64| Item {
        identity,
        offset,
        timestamp: 0,
        key: NonZeroU64::new(1 + identity as u64),
        value: 0,
    };
    let mut log = InMemoryLanes([
        vec![vec![item(7, 3), item(8, 4), item(1, 10)], vec![item(9, 2)]],
        vec![vec![item(1, 0), item(7, 1), item(9, 2), item(8, 3)]],
    ]);
    let mut pairs = Pairs::default();
    let tuning = KeyedTuning::default();
    let store = Box::new(InMemoryStore::default());
    let grouping = Grouping::KeyThenMultiset;
    let mut aligner = KeyedAligner::new(Rules::default(), grouping, tuning, [2, 1], store);
    aligner.push(Side::Source, 0, &log.0[0][0][2..], &mut pairs).expect("memory holds it");
    aligner.push(Side::Target, 0, &log.0[1][0], &mut pairs).expect("memory holds it");
    let alignment = aligner.finish(&[4, 0], &mut log, &mut pairs).expect("lists can be read");
    assert_eq!(pairs.0, [LanePair { source: (0, 10), target: (0, 0) }]);
    let found: Vec<_> = alignment
        .outcomes
        .iter()
        .map(|entry| (entry.source_lane, entry.target_lane, entry.outcome.clone()))
        .collect();
    assert_eq!(
        found,
        [
            (Some(0), Some(0), Outcome::Duplicate { original: item(8, 4), target: item(8, 3) }),
            (Some(1), Some(0), Outcome::Duplicate { original: item(9, 2), target: item(9, 2) }),
            (None, Some(0), Outcome::Extraneous { target: item(7, 1) }),
        ]
    );
}

#[test]
fn memory_holds_what_is_in_flight_and_not_one_record_more() {
    let item = |n: u64| Item {
        identity: u128::from(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        offset: n as i64,
        timestamp: 0,
        key: NonZeroU64::new(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        value: n,
    };
    let store = Box::new(InMemoryStore::default());
    let tuning = KeyedTuning::default();
    let mut pairs = Pairs::default();
    let mut aligner = KeyedAligner::new(Rules::default(), Grouping::Key, tuning, [1, 1], store);
    for n in 1..10_000 {
        aligner.push(Side::Source, 0, &[item(n)], &mut pairs).expect("memory holds it");
        if let Some(late) = n.checked_sub(100).filter(|&late| late > 0) {
            aligner.push(Side::Target, 0, &[item(late)], &mut pairs).expect("memory holds it");
        }
        assert_eq!(aligner.held(), [n.min(100) as usize, 0]);
    }
    assert_eq!(pairs.0.len(), 9_899);
}
