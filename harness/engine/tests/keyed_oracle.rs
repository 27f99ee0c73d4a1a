//! Keyed alignment against the oracle of `cutproof-fixtures`: the whole list of outcomes and all pairs, for any arrival,
//! tuning and number of buckets. `CUTPROOF_SEEDS` sets the number of seeds (default 100,000).

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use cutproof::align::keyed::{
    Grouping, InMemoryStore, KeyedAligner, KeyedAlignment, KeyedTuning, LaneLog, LanePair, PairSink,
};
use cutproof::align::{Item, LogError, Outcome, Rules, Tuning};
use cutproof::record::{OffsetRange, Side};
use cutproof_fixtures::oracle::{self, OracleFinding, OracleOutcome, OracleRecord, Order, Timestamps};

struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for _ in 0..4 {
            random.below(2);
        }
        random
    }

    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % n
    }

    fn upto(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }
}

#[derive(Default)]
struct Pairs(Vec<LanePair>);

impl PairSink for Pairs {
    fn matched(&mut self, pair: LanePair) {
        self.0.push(pair);
    }
}

/// By side, the items of each lane.
struct Lanes([Vec<Vec<Item>>; 2]);

impl LaneLog for Lanes {
    fn read(
        &mut self,
        side: Side,
        lane: usize,
        range: OffsetRange,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        let items = &self.0[side as usize][lane];
        let from = items.partition_point(|item| item.offset < range.start);
        let _ = items[from..].iter().take_while(|item| item.offset < range.end).all(&mut *visit);
        Ok(())
    }
}

impl Lanes {
    /// What the oracle's index of a record is, by side.
    fn index(&self, side: Side, lane: usize, offset: i64) -> usize {
        let lanes = &self.0[side as usize];
        let at =
            lanes[lane].binary_search_by_key(&offset, |item| item.offset).expect("an offset of the lane");
        lanes[..lane].iter().map(Vec::len).sum::<usize>() + at
    }
}

/// How records get from the source's partitions to the target's.
#[derive(Clone, Copy, Debug)]
struct Shape {
    order: Order,
    lanes: [u64; 2],
    letters: u64,
    keys: u64,
    /// Where a key's records lie in all source lanes, not in one.
    merged: bool,
    /// Where a key's records are spread over the target lanes by identity, not by key.
    spread: bool,
    /// Where equal records may lie in several lanes of a side.
    anywhere: bool,
    tolerance: Option<u64>,
}

impl Shape {
    fn any(random: &mut Random) -> Self {
        let order = [Order::Key, Order::None, Order::KeyThenMultiset, Order::KeyThenMultiset][random.upto(4)];
        let by_key = order == Order::KeyThenMultiset;
        let mut lanes = || if by_key { 1 + random.below(4) } else { 1 };
        let lanes = [lanes(), lanes()];
        Self {
            order,
            lanes,
            letters: [1, 2, 3, 6, 20, 400][random.upto(6)],
            keys: random.below(5),
            merged: random.below(2) == 0,
            spread: random.below(4) == 0,
            anywhere: false,
            tolerance: (random.below(4) == 0).then(|| random.below(6)),
        }
    }

    fn rules(&self) -> oracle::Rules {
        let timestamps = self.tolerance.map_or(Timestamps::InIdentity, Timestamps::ToleranceMs);
        oracle::Rules { order: self.order, timestamps }
    }

    fn record(&self, random: &mut Random) -> OracleRecord {
        let letter = random.below(self.letters);
        let key = (letter % (self.keys + 1)).checked_sub(1);
        let lane = match (self.merged, self.anywhere) {
            (_, true) => 0,
            (true, _) => random.below(self.lanes[0]),
            (false, _) => key.unwrap_or(letter) * 7 % self.lanes[0],
        };
        let timestamp = if self.tolerance.is_some() { random.below(12) as i64 } else { (letter / 3) as i64 };
        OracleRecord { identity: lane * 1_000 + letter, key, value: letter / 4, timestamp }
    }

    /// The lane of a record of `side`; equal records have the same, unless they may lie anywhere.
    fn lane(&self, side: Side, record: &OracleRecord, random: &mut Random) -> usize {
        let letter = record.identity % 1_000;
        let lanes = self.lanes[side as usize];
        let lane = match side {
            _ if self.anywhere => random.below(lanes),
            Side::Source => record.identity % 100_000 / 1_000,
            Side::Target if self.spread => letter % lanes,
            Side::Target => record.key.map_or(letter, |key| key + 1) % lanes,
        };
        lane as usize
    }

    /// The records that the source holds, and those that the target holds, by lane.
    fn sequences(&self, random: &mut Random) -> [Vec<Vec<OracleRecord>>; 2] {
        let source: Vec<OracleRecord> = (0..random.below(50)).map(|_| self.record(random)).collect();
        let mut target = source.clone();
        for _ in 0..random.below(6) {
            self.change(&mut target, random);
        }
        [(Side::Source, source), (Side::Target, target)].map(|(side, records)| {
            let mut lanes = vec![Vec::new(); self.lanes[side as usize] as usize];
            for record in records {
                lanes[self.lane(side, &record, random)].push(record);
            }
            lanes
        })
    }

    fn change(&self, target: &mut Vec<OracleRecord>, random: &mut Random) {
        let at = random.upto(target.len() + 1);
        let to = (at + random.upto(10)).min(target.len());
        match random.below(8) {
            0 => drop(target.drain(at..to)),
            1 => {
                let block = target[at..to].to_vec();
                let back = random.upto(target.len() + 1);
                target.splice(back..back, block);
            }
            2 => {
                let block: Vec<_> = target.drain(at..to).collect();
                let back = random.upto(target.len() + 1);
                target.splice(back..back, block);
            }
            3 => target.insert(at, self.record(random)),
            4 => target[at..to].reverse(),
            5 if at + 1 < target.len() => target.swap(at, at + 1),
            6 => {
                // Another identity at the same place, same key.
                for record in &mut target[at..to] {
                    record.identity += 100_000 * (1 + random.below(2));
                    record.value += random.below(2);
                }
            }
            _ => {
                for record in &mut target[at..to] {
                    record.timestamp += random.below(5) as i64;
                }
            }
        }
    }
}

/// Offsets with gaps, as markers and compaction leave them, from another start in each lane.
fn items(records: &[OracleRecord], random: &mut Random) -> Vec<Item> {
    let mut offset = random.below(90) as i64;
    let gaps = random.below(2) == 1;
    records
        .iter()
        .map(|record| {
            offset += if gaps && random.below(6) == 0 { 1 + random.below(3) as i64 } else { 1 };
            Item {
                identity: u128::from(record.identity),
                offset,
                timestamp: record.timestamp,
                key: record.key.map(|key| NonZeroU64::new(key + 1).expect("not zero")),
                value: record.value,
            }
        })
        .collect()
}

fn any_tuning(random: &mut Random) -> KeyedTuning {
    if random.below(4) == 0 {
        return KeyedTuning::default();
    }
    let pair = Tuning {
        agreeing: 1 + random.upto(3),
        near: random.upto(4),
        watched_max: [0, 3, 1 << 20][random.upto(3)],
        pairs_max: 1 << 20,
        window: [1, 8, 1 << 16][random.upto(3)],
        indexed_max: [2, 1 << 17][random.upto(2)],
    };
    KeyedTuning {
        pair,
        waiting_max: [1, 2, 5, 4096][random.upto(4)],
        held_max: [1, 9, 1 << 20][random.upto(3)],
        solved_at_once_max: [0, 3, 256][random.upto(3)],
    }
}

fn align(shape: &Shape, log: &mut Lanes, random: &mut Random) -> (KeyedAlignment, Vec<LanePair>) {
    let grouping = match shape.order {
        Order::Key => Grouping::Key,
        Order::KeyThenMultiset => Grouping::KeyThenMultiset,
        Order::None | Order::Partition => Grouping::Multiset,
    };
    let lanes = shape.lanes.map(|lanes| lanes as usize);
    let store = Box::new(InMemoryStore::new(1 + random.upto(5)));
    let rules = Rules { timestamp_tolerance_ms: shape.tolerance };
    let mut aligner = KeyedAligner::new(rules, grouping, any_tuning(random), lanes, store);
    let mut pairs = Pairs::default();
    let mut rest: Vec<(Side, usize, &[Item])> = Vec::new();
    for side in Side::BOTH {
        rest.extend(log.0[side as usize].iter().enumerate().map(|(lane, items)| (side, lane, &items[..])));
    }
    let favoured = Side::BOTH[random.upto(2)];
    let favour = random.below(8);
    rest.retain(|(.., items)| !items.is_empty());
    while !rest.is_empty() {
        let mut at = random.upto(rest.len());
        if rest[at].0 != favoured && random.below(8) < favour {
            at = random.upto(rest.len());
        }
        let (side, lane, items) = rest[at];
        let (now, later) = items.split_at((1 + random.upto(9)).min(items.len()));
        aligner.push(side, lane, now, &mut pairs).expect("memory holds it");
        rest[at].2 = later;
        rest.retain(|(.., items)| !items.is_empty());
        if random.below(300) == 0 {
            aligner.spill().expect("memory holds it");
        }
        for side in Side::BOTH {
            assert_eq!(aligner.held()[side as usize], aligner.held_by_lane(side).iter().sum::<usize>());
        }
    }
    let alignment = aligner.finish(&vec![0; lanes[0]], log, &mut pairs).expect("lists can be read");
    (alignment, pairs.0)
}

fn found(alignment: &KeyedAlignment, pairs: &[LanePair], log: &Lanes) -> OracleOutcome {
    let mut matched: Vec<(usize, usize)> = pairs
        .iter()
        .map(|pair| {
            let source = log.index(Side::Source, pair.source.0, pair.source.1);
            (source, log.index(Side::Target, pair.target.0, pair.target.1))
        })
        .collect();
    matched.sort_unstable();
    let mut findings: Vec<OracleFinding> = alignment
        .outcomes
        .iter()
        .map(|entry| {
            let source = entry.outcome.source().map(|item| {
                log.index(Side::Source, entry.source_lane.expect("it has a source record"), item.offset)
            });
            let target = entry.outcome.target().map(|item| {
                log.index(Side::Target, entry.target_lane.expect("it has a target record"), item.offset)
            });
            match (&entry.outcome, source, target) {
                (Outcome::Missing { .. }, Some(source), None) => OracleFinding::Missing { source },
                (Outcome::Extraneous { .. }, None, Some(target)) => OracleFinding::Extraneous { target },
                (Outcome::Duplicate { .. }, Some(original), Some(target)) => {
                    OracleFinding::Duplicate { original, target }
                }
                (&Outcome::Reordered { key_order_broken, .. }, Some(source), Some(target)) => {
                    OracleFinding::Reordered { source, target, key_order_broken }
                }
                (Outcome::Mismatched { .. }, Some(source), Some(target)) => {
                    OracleFinding::Mismatched { source, target }
                }
                other => panic!("small sequences are always solved: {other:?}"),
            }
        })
        .collect();
    let sorted_by = |entry: &cutproof::align::keyed::LaneOutcome| {
        let source =
            (entry.source_lane.unwrap_or(usize::MAX), entry.outcome.source().map(|item| item.offset));
        let target = (entry.target_lane, entry.outcome.target().map(|item| item.offset));
        (source, target)
    };
    assert!(alignment.outcomes.is_sorted_by_key(sorted_by), "{:?}", alignment.outcomes);
    findings.sort_unstable();
    OracleOutcome { matched, findings }
}

fn seeds() -> u64 {
    std::env::var("CUTPROOF_SEEDS").map_or(100_000, |n| n.parse().expect("CUTPROOF_SEEDS is a number"))
}

#[test]
fn keyed_alignment_finds_what_the_oracle_finds_and_nothing_else() {
    for seed in 0..seeds() {
        let random = &mut Random::new(seed);
        let shape = Shape::any(random);
        let [source, target] = shape.sequences(random);
        let expected = oracle::judge_lanes(&source, &target, shape.rules());
        let mut log =
            Lanes([&source, &target].map(|lanes| lanes.iter().map(|lane| items(lane, random)).collect()));
        let (alignment, pairs) = align(&shape, &mut log, random);
        let found = found(&alignment, &pairs, &log);
        assert_eq!(found, expected, "seed {seed} {shape:?}\nsource {source:?}\ntarget {target:?}");
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
    for seed in 0..seeds() / 5 {
        let random = &mut Random::new(seed);
        let tolerance = (random.below(4) == 0).then(|| random.below(6));
        let lanes = [1 + random.below(3), 1 + random.below(3)];
        let letters = [1, 3, 6, 20][random.upto(4)];
        let order = Order::KeyThenMultiset;
        let shape = Shape { order, lanes, letters, anywhere: true, tolerance, ..Shape::any(random) };
        let [source, target] = shape.sequences(random);
        let expected = oracle::judge_lanes(&source, &target, shape.rules());
        let mut log =
            Lanes([&source, &target].map(|lanes| lanes.iter().map(|lane| items(lane, random)).collect()));
        let (alignment, pairs) = align(&shape, &mut log, random);
        let found = found(&alignment, &pairs, &log);
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

/// Long sequences, so that stretches are followed side by side, and most of what differs lies far apart.
#[test]
fn long_groups_are_judged_as_the_oracle_judges_them() {
    for seed in 0..cutproof_fixtures::sequences::STYLES * 2 {
        let random = &mut Random::new(seed);
        let (source, target) = cutproof_fixtures::sequences::sequence_pair(seed, 300);
        let order = [Order::Key, Order::None, Order::KeyThenMultiset][(seed % 3) as usize];
        let shape = Shape { order, lanes: [1, 1], tolerance: None, ..Shape::any(random) };
        let [source, target] = [vec![source], vec![target]];
        let expected = oracle::judge_lanes(&source, &target, shape.rules());
        let mut log =
            Lanes([&source, &target].map(|lanes| lanes.iter().map(|lane| items(lane, random)).collect()));
        let (alignment, pairs) = align(&shape, &mut log, random);
        assert_eq!(found(&alignment, &pairs, &log), expected, "seed {seed} {shape:?}");
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
    let mut log = Lanes([
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
