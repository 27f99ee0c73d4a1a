//! Keyed alignment against the oracle of `cutproof-fixtures`: the whole list of outcomes and all pairs, for any arrival,
//! tuning and number of buckets, listed or not. What is read behind a barrier, which the oracle does not know, against
//! itself. `CUTPROOF_SEEDS` sets the number of seeds (default 100,000).

#[path = "judged/choices.rs"]
mod choices;
#[path = "judged/items.rs"]
mod items;
#[path = "judged/lanes.rs"]
mod lanes;

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use choices::Random;
use cutproof::align::keyed::{
    Grouping, InMemoryLanes, InMemoryStore, KeyedAligner, KeyedTuning, LaneOutcome, LanePair, Passed,
};
use cutproof::align::{Item, Outcome, Rules};
use cutproof::record::{OffsetRange, Side};
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

/// Two source lanes whose records are all different, and what the target has of them: by chance some is not there yet,
/// lost, altered, moved, copied again or of nothing. Equal records lie in one lane.
fn different_records(random: &mut Random<'_>) -> InMemoryLanes {
    let keys = 1 + random.below(2);
    let mut source: Vec<Vec<Item>> = vec![Vec::new(); 2];
    let mut copies: Vec<Item> = Vec::new();
    for value in 0..random.below(20) {
        let lane = random.upto(2);
        let item = Item {
            identity: u128::from(value),
            offset: source[lane].len() as i64,
            timestamp: value as i64,
            key: NonZeroU64::new(1 + random.below(keys)),
            value,
        };
        source[lane].push(item);
        copies.push(item);
    }
    copies.truncate(copies.len().saturating_sub(random.upto(4)));
    damage(&mut copies, random);
    InMemoryLanes([source, spread(copies, random)])
}

/// Loses, alters, moves, copies again or makes up some.
fn damage(copies: &mut Vec<Item>, random: &mut Random<'_>) {
    for _ in 0..random.below(5) {
        let (at, to) = (random.upto(copies.len() + 1), random.upto(copies.len() + 1));
        let Some(&item) = copies.get(at) else { continue };
        match random.below(5) {
            0 => drop(copies.remove(at)),
            1 => copies[at].identity += 1_000,
            2 => {
                copies.remove(at);
                copies.insert(to.min(copies.len()), item);
            }
            3 => copies.insert(to, item),
            _ => copies.insert(to, Item { identity: item.identity + 100_000, ..item }),
        }
    }
}

/// One or two target lanes; equal records lie in one.
fn spread(copies: Vec<Item>, random: &mut Random<'_>) -> Vec<Vec<Item>> {
    let mut target: Vec<Vec<Item>> = vec![Vec::new(); 1 + random.upto(2)];
    for item in copies {
        let lane = (item.identity % target.len() as u128) as usize;
        let offset = target[lane].len() as i64;
        target[lane].push(Item { offset, ..item });
    }
    target
}

/// Two source lanes in which equal records may lie.
struct Merged {
    source: [Vec<Item>; 2],
    /// How many of each are judged: those are on the target, and by chance some that follow them.
    judged: [usize; 2],
    /// What is on the target, in an order that is that of each lane.
    copies: Vec<Item>,
}

fn merged(random: &mut Random<'_>) -> Merged {
    let (letters, keys) = (2 + random.below(5), 1 + random.below(2));
    let mut source: [Vec<Item>; 2] = Default::default();
    for lane in &mut source {
        for offset in 0..random.below(10) as i64 {
            let value = random.below(letters);
            let key = NonZeroU64::new(1 + value % keys);
            lane.push(Item { identity: u128::from(value), offset, timestamp: value as i64, key, value });
        }
    }
    let judged = [0, 1].map(|lane: usize| random.upto(source[lane].len() + 1));
    let ends = [0, 1].map(|lane: usize| judged[lane] + random.upto(source[lane].len() - judged[lane] + 1));
    let (mut next, mut copies) = ([0, 0], Vec::new());
    while next != ends {
        let lane = random.upto(2);
        if next[lane] < ends[lane] {
            copies.push(source[lane][next[lane]]);
            next[lane] += 1;
        }
    }
    Merged { source, judged, copies }
}

/// Outcomes, what has none, and pairs, where of each source lane so many records lie before the barrier, and the others are
/// read when all those were. Arrival by choice.
fn judged_in_part(
    log: &InMemoryLanes,
    before: [usize; 2],
    (tuning, spilled): (KeyedTuning, bool),
    random: &mut Random<'_>,
) -> (Vec<LaneOutcome>, Passed, Vec<LanePair>) {
    let ends = before.map(|records| records as i64);
    let lanes = log.0.each_ref().map(Vec::len);
    let store = Box::new(InMemoryStore::new(1 + random.upto(3)));
    let mut aligner = KeyedAligner::new(Rules::default(), Grouping::KeyThenMultiset, tuning, lanes, store)
        .with_barrier(ends.to_vec());
    if spilled {
        aligner.spill().expect("memory holds it");
    }
    let mut pairs = Pairs::default();
    let [source, target] = &log.0;
    let mut rest: Vec<(Side, usize, &[Item])> = Vec::new();
    let mut behind: Vec<(Side, usize, &[Item])> = Vec::new();
    for (lane, items) in source.iter().enumerate() {
        let (judged, late) = items.split_at(before[lane]);
        rest.push((Side::Source, lane, judged));
        behind.push((Side::Source, lane, late));
    }
    rest.extend(target.iter().enumerate().map(|(lane, items)| (Side::Target, lane, &items[..])));
    loop {
        if rest.iter().all(|(side, _, items)| *side == Side::Target || items.is_empty()) {
            rest.append(&mut behind);
        }
        rest.retain(|(.., items)| !items.is_empty());
        if rest.is_empty() {
            break;
        }
        let at = random.upto(rest.len());
        let (side, lane, items) = rest[at];
        let (now, later) = items.split_at((1 + random.upto(3)).min(items.len()));
        aligner.push(side, lane, now, &mut pairs).expect("memory holds it");
        rest[at].2 = later;
    }
    aligner.list(ends.map(|end| OffsetRange { start: 0, end }).to_vec(), usize::MAX);
    let alignment = aligner.finish(&[0, 0], &mut log.clone(), &mut pairs).expect("lists can be read");
    pairs.0.sort_unstable();
    (alignment.outcomes, alignment.passed, pairs.0)
}

/// Tuning, and whether all is put aside from the beginning.
fn ways() -> [(KeyedTuning, bool); 5] {
    let tuning = KeyedTuning { cells: 64, ..KeyedTuning::default() };
    [
        (tuning, false),
        (tuning, true),
        (KeyedTuning { solved_max: 0, ..tuning }, true),
        (KeyedTuning { solved_max: 3, ..tuning }, false),
        (KeyedTuning { waiting_max: 1, ..tuning }, false),
    ]
}

#[test]
fn what_is_read_behind_the_barrier_comes_to_the_same_however_it_arrives_and_wherever_it_is_held() {
    let ways = ways();
    let mut findings = 0;
    for seed in 0..seeds() / 20 {
        let random = &mut Random::new(seed);
        let log = different_records(random);
        let before = [0, 1].map(|lane: usize| random.upto(log.0[0][lane].len() + 1));
        let expected = judged_in_part(&log, before, ways[0], random);
        findings += expected.0.len() as u64;
        for (n, way) in ways.into_iter().enumerate() {
            let found = judged_in_part(&log, before, way, random);
            assert_eq!(found, expected, "seed {seed}, way {n}: {before:?} of {log:?}");
        }
    }
    assert!(findings >= seeds() / 100, "{findings}");
}

/// While the source goes on, too: what lies behind the barrier and is not on the target yet is no finding, and takes no copy
/// that makes one of a judged record.
#[test]
fn what_is_merged_in_order_is_no_finding_whatever_follows_behind_the_barrier() {
    for seed in 0..seeds() / 20 {
        let random = &mut Random::new(seed);
        let Merged { source, judged, copies } = merged(random);
        let matched = copies.len();
        // With equal records of both lanes behind the barrier, not every choice is looked at.
        let behind = [0, 1].map(|lane: usize| &source[lane][judged[lane]..]);
        let same = |item: &Item| behind[1].iter().any(|other| other.identity == item.identity);
        let told = !behind[0].iter().any(same);
        let log = InMemoryLanes([source.to_vec(), spread(copies, random)]);
        for (n, way) in ways().into_iter().enumerate() {
            let (outcomes, _, pairs) = judged_in_part(&log, judged, way, random);
            let case = || format!("seed {seed}, way {n}: {judged:?} of {log:?}");
            for LaneOutcome { source_lane, outcome, .. } in &outcomes {
                match (outcome, source_lane) {
                    (Outcome::Missing { source }, Some(lane)) => {
                        assert!(source.offset as usize >= judged[*lane], "{outcome:?}, {}", case());
                    }
                    (Outcome::Unsolved { .. }, _) => assert!(!told, "{outcome:?}, {}", case()),
                    _ => panic!("{outcome:?}, {}", case()),
                }
            }
            assert!(pairs.len() == matched || !told, "{}", case());
        }
    }
}

/// Where all is put aside, nothing depends on arrival.
#[test]
fn equal_records_behind_the_barrier_come_to_the_same_whatever_fits_into_memory() {
    let tuning = KeyedTuning { cells: 64, ..KeyedTuning::default() };
    let ways = [1 << 18, 3, 0].map(|solved_max| (KeyedTuning { solved_max, ..tuning }, true));
    for seed in 0..seeds() / 20 {
        let random = &mut Random::new(seed);
        let Merged { source, judged, mut copies } = merged(random);
        damage(&mut copies, random);
        let log = InMemoryLanes([source.to_vec(), spread(copies, random)]);
        let expected = judged_in_part(&log, judged, ways[0], random);
        for way in &ways[1..] {
            let found = judged_in_part(&log, judged, *way, random);
            assert_eq!(found, expected, "seed {seed}, {}: {judged:?} of {log:?}", way.0.solved_max);
        }
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
