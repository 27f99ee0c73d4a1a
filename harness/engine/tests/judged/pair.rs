//! One pair, judged by the engine and by the oracle of `cutproof-fixtures`: sequences, arrival and restarts by choice.
#![allow(dead_code)] // each program uses a part

use std::borrow::Cow;

use cutproof::align::{
    InMemory, Item, Outcome, Overflow, PairAligner, Rules, Runs, Snapshot, StoreError, Tuning,
};
use cutproof::ledger::{Intake, check_progress};
use cutproof::record::Side;
use cutproof_fixtures::oracle::{self, OracleFinding, OracleRecord, Timestamps};

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

fn engine_findings(
    source: &[Item],
    target: &[Item],
    rules: Rules,
    random: &mut Random<'_>,
    restarts: Restarts,
) -> Vec<OracleFinding> {
    let tuning = if random.below(4) == 0 {
        Tuning::default()
    } else {
        Tuning {
            agreeing: 1 + random.below(3) as usize,
            near: random.below(4) as usize,
            watched_max: [0, 6, 1 << 20][random.below(3) as usize],
            pairs_max: 1 << 20,
            window: [1, 4, 16, 1 << 16][random.below(4) as usize],
            indexed_max: [2, 1 << 17][random.below(2) as usize],
            bridge: [0, 2, 4_000][random.below(3) as usize],
        }
    };
    let mut aligner = PairAligner::new(rules, tuning, [0, 0]);
    if random.below(3) > 0 {
        let limit = [10, 100_000][random.below(2) as usize];
        let store = || -> Box<dyn Overflow> { Box::new(Limited(Vec::new(), limit)) };
        aligner.overflow_to([store(), store()], random.below(6) as usize);
    }
    let mut rest = [source, target];
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
            aligner = restarted(&aligner, rules, tuning, [source, target], &mut rest);
        }
    }
    let mut log = InMemory([source.to_vec(), target.to_vec()]);
    let alignment = aligner.finish(0, &mut log).expect("lists can be read");
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
    let index = |side: Side, item: &Item| {
        log.0[side as usize].iter().position(|other| other.offset == item.offset).expect("one of the list")
    };
    let [s, t] = [|item: &Item| (Side::Source, *item), |item: &Item| (Side::Target, *item)];
    let at = |(side, item): (Side, Item)| index(side, &item);
    let mut findings: Vec<OracleFinding> = alignment
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Missing { source } => OracleFinding::Missing { source: at(s(source)) },
            Outcome::Extraneous { target } => OracleFinding::Extraneous { target: at(t(target)) },
            Outcome::Duplicate { original, target } => {
                OracleFinding::Duplicate { original: at(s(original)), target: at(t(target)) }
            }
            Outcome::Reordered { source, target, key_order_broken } => OracleFinding::Reordered {
                source: at(s(source)),
                target: at(t(target)),
                key_order_broken: *key_order_broken,
            },
            Outcome::Mismatched { source, target } => {
                OracleFinding::Mismatched { source: at(s(source)), target: at(t(target)) }
            }
            Outcome::Unsolved { .. } => panic!("small sequences are always solved"),
        })
        .collect();
    let counted = log.0[0].iter().filter(|item| alignment.tail.contains(item.offset));
    findings.extend(counted.map(|source| OracleFinding::Missing { source: at(s(source)) }));
    assert!(alignment.unsolved.iter().all(|unsolved| unsolved.is_empty()));
    findings.sort_unstable();
    findings
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
    let (s, t) = (items(source, 0, random), items(target, 0, random));
    let found = engine_findings(&s, &t, rules, random, restarts);
    assert_eq!(found, expected.findings, "{case}\nsource {source:?}\ntarget {target:?}");
}
