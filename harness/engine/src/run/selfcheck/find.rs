//! Looks for what was planted, by the run's own aligners and rules. What they do not give, or not by its name, counts as
//! not found.

use std::collections::BTreeMap;

use cutproof_reports::{FindingKind, Part};

use super::super::item::{item, rules, timestamps_within};
use super::super::unit::{grouping, is_unit};
use crate::align::keyed::{InMemoryLanes, InMemoryStore, KeyedAligner, KeyedTuning};
use crate::align::{InMemory, Item, Outcome, PairAligner, Tuning};
use crate::classify::{
    Classified, Cleaning, LogStarts, PairReading, SourceReading, Standing, Taken, TargetReading, UnitReading,
    UnitRules, classify, classify_unit, find_misplaced, judge_compacted, judge_compacted_unit, take_apart,
};
use crate::compare::difference;
use crate::fingerprint::Fingerprinter;
use crate::ledger::Cells;
use crate::record::{Contract, LogKind, OrderPromise, Record, Side, TimestampRule};

/// What is found in the partitions' two sides (source, target), by kind.
pub(super) fn find(
    partitions: &[[Vec<Record>; 2]],
    contract: &Contract,
    fingerprinter: &Fingerprinter,
) -> BTreeMap<FindingKind, u64> {
    let items = |records: &Vec<Record>| -> Vec<Item> {
        records.iter().map(|record| record.view(|view| item(fingerprinter, view))).collect()
    };
    let logs = partitions.iter().map(|sides| InMemory(sides.each_ref().map(items)));
    let found: Option<Vec<Found>> = match is_unit(contract) {
        false => in_order(logs, contract),
        true => logs.map(|log| in_unit(log, contract)).collect(),
    };
    let mut counts = BTreeMap::new();
    for ([source, target], found) in partitions.iter().zip(found.into_iter().flatten()) {
        for (kind, outcome) in found {
            // Found, but not named: counts as not found.
            if let Outcome::Mismatched { source: s, target: t } = outcome
                && !difference(contract, &source[s.offset as usize], &target[t.offset as usize])
                    .parts
                    .iter()
                    .any(|part| matches!(part, Part::Value | Part::Tombstone))
            {
                continue;
            }
            *counts.entry(kind).or_default() += 1;
        }
    }
    counts
}

/// What is a finding, and as which kind.
type Found = Vec<(FindingKind, Outcome)>;

/// By pair. A misplaced record is told at the pair that misses it.
fn in_order(logs: impl Iterator<Item = InMemory>, contract: &Contract) -> Option<Vec<Found>> {
    let rules = rules(contract);
    let classified = logs.map(|mut log| {
        let mut aligner = PairAligner::new(rules, Tuning::default(), [0, 0]);
        aligner.push(Side::Source, &log.0[0]);
        aligner.push(Side::Target, &log.0[1]);
        let ends = log.0.each_ref().map(|items| items.len() as i64);
        let reading = PairReading {
            name: "self-check".to_owned(),
            start: [0, 0],
            source_end: ends[0],
            target_end: ends[1],
            read_to: ends,
            complete: [true, true],
            holes: Default::default(),
            timestamps_within: timestamps_within(contract),
        };
        let mut pair = classify(reading, aligner.finish(0, &mut log).ok()?);
        if contract.log == LogKind::Compacted {
            judge_compacted(&mut pair, &rules, &cleaning(contract), LogStarts::default(), &mut log).ok()?;
        }
        Some(pair)
    });
    let mut pairs: Vec<Classified> = classified.collect::<Option<_>>()?;
    find_misplaced(&mut pairs.iter_mut().enumerate().collect::<Vec<_>>());
    let findings = |pair: Classified| {
        let outcomes = pair.alignment.outcomes.into_iter().zip(pair.standings);
        outcomes.filter_map(|(outcome, standing)| match (standing, &outcome) {
            (Standing::Finding(FindingKind::MisplacedRecord), Outcome::Extraneous { .. }) => None,
            (Standing::Finding(kind), _) => Some((kind, outcome)),
            _ => None,
        })
    };
    Some(pairs.into_iter().map(|pair| findings(pair).collect()).collect())
}

/// As a unit of one lane on each side.
fn in_unit(log: InMemory, contract: &Contract) -> Option<Found> {
    let rules = rules(contract);
    let ends = log.0.each_ref().map(|items| items.len() as i64);
    let store = Box::new(InMemoryStore::default());
    let mut aligner = KeyedAligner::new(rules, grouping(contract), KeyedTuning::default(), [1, 1], store);
    let mut cells = Cells::new([vec![Vec::new()], vec![Vec::new()]]);
    for side in Side::BOTH {
        aligner.push(side, 0, &log.0[side as usize], &mut cells).ok()?;
    }
    let mut lanes = InMemoryLanes(log.0.map(|lane| vec![lane]));
    let mut outcomes = aligner.finish(&[0], &mut lanes, &mut cells).ok()?.outcomes;
    cells.close();
    let reading = reading(contract, ends, cells.sum(|_, _| true).highest_source);
    take_apart(&reading, &mut outcomes);
    let mut standings: Vec<Standing> =
        outcomes.iter().map(|entry| classify_unit(&reading, entry, None)).collect();
    if contract.log == LogKind::Compacted {
        let rules = UnitRules {
            rules,
            ordered: reading.ordered,
            timestamps_exact: contract.timestamps == TimestampRule::Exact,
            cleaning: cleaning(contract),
            log_starts: &[vec![0], vec![0]],
        };
        judge_compacted_unit(&outcomes, &mut standings, &reading, &rules, &mut lanes).ok()?;
    }
    let found = outcomes.into_iter().zip(standings).filter_map(|(entry, standing)| match standing {
        Standing::Finding(kind) => Some((kind, entry.outcome)),
        _ => None,
    });
    Some(found.collect())
}

/// Of two lanes that were read from their beginning to their ends. `highest_matched`: a source offset.
fn reading(
    contract: &Contract,
    [source_end, target_end]: [i64; 2],
    highest_matched: Option<i64>,
) -> UnitReading {
    UnitReading {
        name: "self-check".to_owned(),
        sources: vec![SourceReading {
            log_start: 0,
            start: 0,
            end: source_end,
            read_to: source_end,
            deleted_up_to: None,
            highest_matched,
            matched_in_all: None,
        }],
        targets: vec![TargetReading {
            start: 0,
            cut: target_end,
            end: target_end,
            follows_shortened: None,
            first_copy: None,
            read_to: target_end,
        }],
        complete: [true, true],
        ordered: contract.order != OrderPromise::None,
        compacted: contract.log == LogKind::Compacted,
        timestamps_within: timestamps_within(contract),
        meanings: false,
        taken: Taken::default(),
    }
}

/// Nothing is known of how the topics are cleaned: nothing was cleaned here.
fn cleaning(contract: &Contract) -> Cleaning {
    Cleaning {
        delete_retention_ms: [None, None],
        barrier_ms: 0,
        timestamps_kept: contract.timestamps != TimestampRule::Ignore,
    }
}
