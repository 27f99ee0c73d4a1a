//! One pair, judged by the engine and by the oracle of `cutproof-fixtures`: sequences, arrival and restarts by choice.
#![allow(dead_code)] // each program uses a part

use std::borrow::Cow;

use cutproof::align::{
    Alignment, InMemory, Item, Outcome, Overflow, PairAligner, Rules, Run, Runs, Snapshot, StoreError, Tuning,
};
use cutproof::ledger::{Intake, check_progress};
use cutproof::record::Side;
use cutproof_fixtures::oracle::{self, OracleFinding, OracleOutcome, OracleRecord, Timestamps};

use super::choices::Random;
use super::items::items;

/// Takes so many records in all.
struct Limited(Vec<Item>, usize);

impl Overflow for Limited {
    fn append(&mut self, items: &[Item]) -> Result<(), StoreError> {
        self.1 = self.1.checked_sub(items.len()).ok_or_else(|| StoreError("full".to_owned()))?;
        self.0.extend_from_slice(items);
        Ok(())
    }
    fn items(&self) -> &[Item] {
        &self.0
    }
    fn clear(&mut self) {
        self.0.clear();
    }
}

fn record(letter: u64, keys: u64, tolerance: bool, random: &mut Random<'_>) -> OracleRecord {
    OracleRecord {
        identity: letter,
        key: (letter % (keys + 1)).checked_sub(1),
        value: letter / 4,
        timestamp: if tolerance { random.below(12) as i64 } else { (letter / 3) as i64 },
    }
}

pub fn sequences(random: &mut Random<'_>, tolerance: bool) -> [Vec<OracleRecord>; 2] {
    let letters = [1, 2, 3, 6, 20, 400][random.below(6) as usize];
    let keys = 1 + random.below(4);
    let len = random.below(50) as usize;
    let source: Vec<_> = (0..len)
        .map(|_| random.below(letters))
        .collect::<Vec<_>>()
        .into_iter()
        .map(|l| record(l, keys, tolerance, random))
        .collect();
    let mut target: Vec<OracleRecord> = source.clone();
    for _ in 0..random.below(6) {
        let at = random.below(target.len() as u64 + 1) as usize;
        let to = (at + random.below(10) as usize).min(target.len());
        let elsewhere =
            |target: &[OracleRecord], random: &mut Random<'_>| random.below(target.len() as u64 + 1) as usize;
        match random.below(7) {
            0 => drop(target.drain(at..to)),
            1 => {
                let block = target[at..to].to_vec();
                let back = elsewhere(&target, random);
                target.splice(back..back, block);
            }
            2 => {
                let block: Vec<_> = target.drain(at..to).collect();
                let back = elsewhere(&target, random);
                target.splice(back..back, block);
            }
            3 => {
                let letter = random.below(letters + 3);
                target.insert(at, record(letter, keys, tolerance, random));
            }
            4 => target[at..to].reverse(),
            5 if at < target.len() => {
                // Another identity at the same place, same key.
                target[at].identity += 1_000 * (1 + random.below(2));
                target[at].value += random.below(2);
            }
            _ => {
                for record in &mut target[at..to] {
                    record.timestamp += random.below(5) as i64;
                }
            }
        }
    }
    [source, target]
}

#[derive(Clone, Copy, PartialEq)]
pub enum Restarts {
    Never,
    AtRandom,
}

/// What a new process has: the snapshot as plain numbers, and the logs to read on from where it ends. What was consumed
/// must be accounted for at that very point.
fn restarted<'a>(
    aligner: &PairAligner,
    rules: Rules,
    tuning: Tuning,
    all: [&'a [Item]; 2],
    rest: &mut [&'a [Item]; 2],
) -> PairAligner {
    let (Snapshot { next_offset, runs, regions }, held) = aligner.snapshot();
    let mut left_over = [Intake::default(); 2];
    let mut consumed = [Intake::default(); 2];
    for side in [0, 1] {
        let pushed = all[side].len() - rest[side].len();
        let ended = all[side].partition_point(|item| item.offset < next_offset[side]);
        assert_eq!(ended + held[side].len(), pushed, "what is held back follows what was consumed");
        consumed[side] = all[side][..ended].iter().map(|item| item.identity).collect();
        left_over[side] =
            regions.iter().flat_map(|region| &region.left_over[side]).map(|item| item.identity).collect();
        rest[side] = &all[side][ended..];
    }
    check_progress("the pair", consumed, runs.matched(), left_over).expect("adds up at every point");
    let spans = runs.as_slice().iter().map(|run| (run.source_offset, run.target_offset, run.count));
    let snapshot = Snapshot {
        next_offset,
        runs: Cow::Owned(Runs::from_spans(spans)),
        regions: Cow::Owned(regions.to_vec()),
    };
    PairAligner::restore(rules, tuning, [0, 0], snapshot)
}

fn any_tuning(random: &mut Random<'_>) -> Tuning {
    if random.below(4) == 0 {
        return Tuning::default();
    }
    Tuning {
        agreeing: 1 + random.below(3) as usize,
        near: random.below(4) as usize,
        watched_max: [0, 6, 1 << 20][random.below(3) as usize],
        pairs_max: 1 << 20,
        window: [1, 4, 16, 1 << 16][random.below(4) as usize],
        indexed_max: [2, 1 << 17][random.below(2) as usize],
        bridge: [0, 2, 4_000][random.below(3) as usize],
    }
}

/// The alignment of two whole logs: arrival, tuning, stores and restarts by choice.
pub fn align(log: &mut InMemory, rules: Rules, random: &mut Random<'_>, restarts: Restarts) -> Alignment {
    let all = log.0.each_ref().map(Vec::as_slice);
    let tuning = any_tuning(random);
    let mut aligner = PairAligner::new(rules, tuning, [0, 0]);
    if random.below(3) > 0 {
        let limit = [10, 100_000][random.below(2) as usize];
        let store = || -> Box<dyn Overflow> { Box::new(Limited(Vec::new(), limit)) };
        aligner.overflow_to([store(), store()], random.below(6) as usize);
    }
    let mut rest = all;
    let favour = random.below(8);
    // Each may throw far back, so only some.
    let mut restarts = if restarts == Restarts::AtRandom { 1 + random.below(5) } else { 0 };
    let mut end_target = random.below(2) == 0;
    while rest.iter().any(|items| !items.is_empty()) {
        if rest[1].is_empty() && end_target {
            aligner.end_target();
            end_target = false;
        }
        let side = Side::BOTH[usize::from(random.below(8) < favour)];
        let side = if rest[side as usize].is_empty() { Side::BOTH[1 - side as usize] } else { side };
        let n = (1 + random.below(9) as usize).min(rest[side as usize].len());
        let (now, later) = rest[side as usize].split_at(n);
        aligner.push(side, now);
        rest[side as usize] = later;
        if restarts > 0 && random.below(6) == 0 && aligner.has_snapshot() {
            restarts -= 1;
            aligner = restarted(&aligner, rules, tuning, all, &mut rest);
        }
    }
    aligner.finish(0, log).expect("lists can be read")
}

/// The oracle's index of the record at `offset`.
fn index_at(log: &InMemory, side: Side, offset: i64) -> usize {
    log.0[side as usize].binary_search_by_key(&offset, |item| item.offset).expect("an offset of the list")
}

fn index(log: &InMemory, side: Side, item: &Item) -> usize {
    index_at(log, side, item.offset)
}

/// An outcome in the oracle's words.
pub fn finding(outcome: &Outcome, log: &InMemory) -> OracleFinding {
    let s = |item: &Item| index(log, Side::Source, item);
    let t = |item: &Item| index(log, Side::Target, item);
    match outcome {
        Outcome::Missing { source } => OracleFinding::Missing { source: s(source) },
        Outcome::Extraneous { target } => OracleFinding::Extraneous { target: t(target) },
        Outcome::Duplicate { original, target } => {
            OracleFinding::Duplicate { original: s(original), target: t(target) }
        }
        Outcome::Reordered { source, target, key_order_broken } => OracleFinding::Reordered {
            source: s(source),
            target: t(target),
            key_order_broken: *key_order_broken,
        },
        Outcome::Mismatched { source, target } => {
            OracleFinding::Mismatched { source: s(source), target: t(target) }
        }
        Outcome::Unsolved { .. } => panic!("small sequences are always solved"),
    }
}

/// The offset map as pairs of the oracle's indices. Its runs are as long as can be, and whatever is asked of it is what
/// they say.
fn matched(runs: &Runs, log: &InMemory) -> Vec<(usize, usize)> {
    let end = |run: &Run| (run.source_offset + run.count as i64, run.target_offset + run.count as i64);
    let touch = |two: &[Run]| end(&two[0]) == (two[1].source_offset, two[1].target_offset);
    assert!(!runs.as_slice().windows(2).any(touch), "two runs are one: {runs:?}");
    let of_run = |run: &Run| {
        let run = *run;
        (0..run.count as i64).map(move |n| (run.source_offset + n, run.target_offset + n))
    };
    let pairs: Vec<(i64, i64)> = runs.as_slice().iter().flat_map(of_run).collect();
    assert_eq!(runs.matched(), pairs.len() as u64);
    let told: Vec<(i64, i64)> = (0..=runs.matched()).filter_map(|n| runs.pair(n)).collect();
    assert_eq!(told, pairs);
    for offset in log.0.iter().flatten().flat_map(|item| [item.offset, item.offset + 1]) {
        let below = [0, 1].map(|side: usize| pairs.partition_point(|&(s, t)| [s, t][side] < offset) as u64);
        assert_eq!([runs.matched_below_source(offset), runs.matched_below_target(offset)], below, "{offset}");
    }
    pairs.iter().map(|&(s, t)| (index_at(log, Side::Source, s), index_at(log, Side::Target, t))).collect()
}

/// An alignment in the oracle's words.
fn found(alignment: &Alignment, log: &InMemory) -> OracleOutcome {
    // In each gap between records matched in order, the target's own records come last.
    let place = |outcome: &Outcome| match outcome {
        Outcome::Extraneous { target } | Outcome::Duplicate { target, .. } => {
            (alignment.runs.matched_below_target(target.offset), 1, target.offset)
        }
        _ => {
            let source = outcome.source().expect("all others have one").offset;
            (alignment.runs.matched_below_source(source), 0, source)
        }
    };
    assert!(alignment.outcomes.is_sorted_by_key(place), "{:?}", alignment.outcomes);
    let mut findings: Vec<OracleFinding> =
        alignment.outcomes.iter().map(|outcome| finding(outcome, log)).collect();
    let listed = findings.len();
    let counted = log.0[0].iter().filter(|item| alignment.tail.contains(item.offset));
    findings.extend(counted.map(|item| OracleFinding::Missing { source: index(log, Side::Source, item) }));
    assert_eq!((findings.len() - listed) as u64, alignment.tail.records());
    assert!(alignment.unsolved.iter().all(|unsolved| unsolved.is_empty()));
    findings.sort_unstable();
    OracleOutcome { matched: matched(&alignment.runs, log), findings }
}

/// Draws a small case and panics if the engine does not find what the oracle finds. `case` names it.
pub fn judge_any(random: &mut Random<'_>, restarts: Restarts, case: impl std::fmt::Display) {
    let tolerance = (random.below(4) == 0).then(|| random.below(6));
    let [source, target] = sequences(random, tolerance.is_some());
    judge(&source, &target, tolerance, random, restarts, case);
}

/// Panics if the engine does not find what the oracle finds.
pub fn judge(
    source: &[OracleRecord],
    target: &[OracleRecord],
    tolerance: Option<u64>,
    random: &mut Random<'_>,
    restarts: Restarts,
    case: impl std::fmt::Display,
) {
    let timestamps = tolerance.map_or(Timestamps::InIdentity, Timestamps::ToleranceMs);
    let expected = oracle::judge(source, target, oracle::Rules { timestamps, ..oracle::Rules::STRICT });
    let rules = Rules { timestamp_tolerance_ms: tolerance };
    let mut log = InMemory([items(source, 0, random), items(target, 0, random)]);
    let alignment = align(&mut log, rules, random, restarts);
    assert_eq!(found(&alignment, &log), expected, "{case}\nsource {source:?}\ntarget {target:?}");
}
