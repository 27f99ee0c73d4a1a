//! Several partitions of a side, judged by keyed alignment and by the oracle of `cutproof-fixtures`: shape, records,
//! arrival and tuning by choice.
#![allow(dead_code)] // each program uses a part

use cutproof::align::keyed::{
    Grouping, InMemoryLanes, InMemoryStore, KeyedAligner, KeyedAlignment, KeyedTuning, LaneOutcome, LanePair,
    PairSink, Passed,
};
use cutproof::align::{Item, Outcome, Rules, Tuning};
use cutproof::record::{OffsetRange, Side};
use cutproof_fixtures::oracle::{self, OracleFinding, OracleOutcome, OracleRecord, Order, Timestamps};

use super::choices::Random;
use super::items::items;

#[derive(Default)]
pub struct Pairs(pub Vec<LanePair>);

impl PairSink for Pairs {
    fn matched(&mut self, pair: LanePair) {
        self.0.push(pair);
    }
}

/// What the oracle's index of a record is, by side.
fn index(log: &InMemoryLanes, side: Side, lane: usize, offset: i64) -> usize {
    let lanes = &log.0[side as usize];
    let at = lanes[lane].binary_search_by_key(&offset, |item| item.offset).expect("an offset of the lane");
    lanes[..lane].iter().map(Vec::len).sum::<usize>() + at
}

/// An outcome in the oracle's words.
pub fn finding(log: &InMemoryLanes, entry: &LaneOutcome) -> OracleFinding {
    let source = entry.outcome.source().map(|item| {
        index(log, Side::Source, entry.source_lane.expect("it has a source record"), item.offset)
    });
    let target = entry.outcome.target().map(|item| {
        index(log, Side::Target, entry.target_lane.expect("it has a target record"), item.offset)
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
        // Too many choices among equal records of several lanes; the oracle knows no such thing.
        (Outcome::Unsolved { .. }, Some(source), None) => OracleFinding::Missing { source },
        (Outcome::Unsolved { .. }, None, Some(target)) => OracleFinding::Extraneous { target },
        other => panic!("an outcome without its records: {other:?}"),
    }
}

/// How records get from the source's partitions to the target's.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub order: Order,
    pub lanes: [u64; 2],
    pub letters: u64,
    pub keys: u64,
    /// Where a key's records lie in all source lanes, not in one.
    pub merged: bool,
    /// Where a key's records are spread over the target lanes by identity, not by key.
    pub spread: bool,
    /// Where equal records may lie in several lanes of a side.
    pub anywhere: bool,
    pub tolerance: Option<u64>,
}

impl Shape {
    pub fn any(random: &mut Random<'_>) -> Self {
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

    pub fn rules(&self) -> oracle::Rules {
        let timestamps = self.tolerance.map_or(Timestamps::InIdentity, Timestamps::ToleranceMs);
        oracle::Rules { order: self.order, timestamps }
    }

    pub fn record(&self, random: &mut Random<'_>) -> OracleRecord {
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
    fn lane(&self, side: Side, record: &OracleRecord, random: &mut Random<'_>) -> usize {
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
    pub fn sequences(&self, random: &mut Random<'_>) -> [Vec<Vec<OracleRecord>>; 2] {
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

    fn change(&self, target: &mut Vec<OracleRecord>, random: &mut Random<'_>) {
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

fn any_tuning(random: &mut Random<'_>) -> KeyedTuning {
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
        bridge: [0, 2, 4_000][random.upto(3)],
    };
    KeyedTuning {
        pair,
        waiting_max: [1, 2, 5, 4096][random.upto(4)],
        held_max: [1, 9, 1 << 20][random.upto(3)],
        solved_at_once_max: [0, 3, 256][random.upto(3)],
        solved_max: [0, 2, 7, 1 << 18][random.upto(4)],
        cells: [1, 1 << 16][random.upto(2)],
    }
}

/// How the engine groups records under a promise of the oracle.
pub fn grouping(order: Order) -> Grouping {
    match order {
        Order::Key => Grouping::Key,
        Order::KeyThenMultiset => Grouping::KeyThenMultiset,
        Order::None | Order::Partition => Grouping::Multiset,
    }
}

/// From its first record to its last.
fn whole(lane: &[Item]) -> OffsetRange {
    let [start, end] = [lane.first().map(|item| item.offset), lane.last().map(|item| item.offset + 1)];
    OffsetRange { start: start.unwrap_or(0), end: end.unwrap_or(0) }
}

/// The alignment of whole lanes, and all pairs: arrival, tuning and buckets by choice, and whether the whole is listed, as
/// a run does it, or nothing is said of that.
pub fn align(
    rules: Rules,
    order: Order,
    log: &mut InMemoryLanes,
    random: &mut Random<'_>,
) -> (KeyedAlignment, Vec<LanePair>) {
    let lanes = log.0.each_ref().map(Vec::len);
    let store = Box::new(InMemoryStore::new(1 + random.upto(5)));
    let mut tuning = any_tuning(random);
    // Where equal records without an order can be put aside, they have to fit into memory.
    if order == Order::None || rules.timestamp_tolerance_ms.is_some() {
        tuning.solved_max = 1 << 18;
    }
    let all_fits = tuning.solved_max >= 1 << 18;
    let mut aligner = KeyedAligner::new(rules, grouping(order), tuning, lanes, store);
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
        if random.below(300) == 0 && all_fits {
            aligner.spill().expect("memory holds it");
        }
        for side in Side::BOTH {
            assert_eq!(aligner.held()[side as usize], aligner.held_by_lane(side).iter().sum::<usize>());
        }
    }
    if random.below(2) == 1 {
        aligner.list(log.0[0].iter().map(|lane| whole(lane)).collect(), usize::MAX);
    }
    let alignment = aligner.finish(&vec![0; lanes[0]], log, &mut pairs).expect("lists can be read");
    assert_eq!(alignment.passed, Passed::default(), "all is listed");
    (alignment, pairs.0)
}

fn found(alignment: &KeyedAlignment, pairs: &[LanePair], log: &InMemoryLanes) -> OracleOutcome {
    let mut matched: Vec<(usize, usize)> = pairs
        .iter()
        .map(|pair| {
            let source = index(log, Side::Source, pair.source.0, pair.source.1);
            (source, index(log, Side::Target, pair.target.0, pair.target.1))
        })
        .collect();
    matched.sort_unstable();
    let mut findings: Vec<OracleFinding> =
        alignment.outcomes.iter().map(|entry| finding(log, entry)).collect();
    let sorted_by = |entry: &LaneOutcome| {
        let source =
            (entry.source_lane.unwrap_or(usize::MAX), entry.outcome.source().map(|item| item.offset));
        let target = (entry.target_lane, entry.outcome.target().map(|item| item.offset));
        (source, target)
    };
    assert!(alignment.outcomes.is_sorted_by_key(sorted_by), "{:?}", alignment.outcomes);
    findings.sort_unstable();
    OracleOutcome { matched, findings }
}

/// The oracle's answer and the engine's.
pub struct Judged {
    pub expected: OracleOutcome,
    pub found: OracleOutcome,
}

/// Both answers about the lanes of `source` and `target`.
pub fn judge(shape: &Shape, [source, target]: [&[Vec<OracleRecord>]; 2], random: &mut Random<'_>) -> Judged {
    let expected = oracle::judge_lanes(source, target, shape.rules());
    // From another start in each lane.
    let mut lane_items = |lane: &Vec<OracleRecord>| {
        let before = random.below(90) as i64;
        items(lane, before, random)
    };
    let mut log = InMemoryLanes([source, target].map(|lanes| lanes.iter().map(&mut lane_items).collect()));
    let rules = Rules { timestamp_tolerance_ms: shape.tolerance };
    let (alignment, pairs) = align(rules, shape.order, &mut log, random);
    Judged { found: found(&alignment, &pairs, &log), expected }
}

/// Draws a small case and panics if the engine does not find what the oracle finds. `case` names it.
pub fn judge_any(random: &mut Random<'_>, case: impl std::fmt::Display) {
    let shape = Shape::any(random);
    let [source, target] = shape.sequences(random);
    let Judged { expected, found } = judge(&shape, [&source, &target], random);
    assert_eq!(found, expected, "{case} {shape:?}\nsource {source:?}\ntarget {target:?}");
}
