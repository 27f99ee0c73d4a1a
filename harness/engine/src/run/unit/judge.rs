//! Ends the alignment of a unit, judges it within the scope, and proves that its ledger adds up.

use std::collections::{BTreeSet, HashMap};

use crate::align::keyed::{KeyedAlignment, LaneLog, LaneOutcome};
use crate::align::{Item, LogError, Outcome};
use crate::classify::{
    Cleaning, SourceReading, Standing, TargetReading, UnitReading, UnitRules, classify_unit,
    judge_compacted_unit, take_apart,
};
use crate::consume::ReadEnd;
use crate::fingerprint::Fingerprinter;
use crate::kafka::Cluster;
use crate::ledger::{
    Cells, Intake, Place, Repeated, UnitIntake, UnitLedger, account_unit, check_unit_intake,
};
use crate::positions::UnitPlan;
use crate::record::{DecodeMode, LogKind, OffsetRange, OrderPromise, Side, TimestampRule, TopicPartition};

use super::super::RunError;
use super::super::again::Readers;
use super::super::compacted::{TopicCleaning, compacted_meanwhile, reach_to_the_ends};
use super::super::item::{item, rules};
use super::{Unit, UnitRead, scope};

/// A unit that was read.
pub(in crate::run) struct JudgedUnit {
    pub reading: UnitReading,
    pub intake: UnitIntake,
    /// `None` where it could not be judged; the remarks say why.
    pub result: Option<UnitResult>,
    /// Why it was not judged, or not to its end.
    pub remarks: Vec<String>,
    pub schema_ids: BTreeSet<u32>,
}

impl JudgedUnit {
    /// Records that are not matched in order, which the unit holds.
    pub fn left_over(&self) -> usize {
        self.result.as_ref().map_or(0, |result| result.outcomes.len())
    }
}

/// What became of the records of a unit.
pub(in crate::run) struct UnitResult {
    pub cells: Cells,
    pub outcomes: Vec<LaneOutcome>,
    /// Parallel to `outcomes`.
    pub standings: Vec<Standing>,
    /// Where the originals of duplicates are matched in order.
    pub in_order: HashMap<Place, Place>,
    pub ledger: UnitLedger,
}

/// The logs of a unit's lanes, as far as the run has read them.
struct UnitLog<'r, 'a> {
    readers: &'r mut Readers<'a>,
    plan: &'r UnitPlan,
    fingerprinter: Fingerprinter,
    read_to: [Vec<i64>; 2],
}

impl UnitLog<'_, '_> {
    /// From now on, what was written since the run has read the lanes is seen, too.
    fn reach_to_the_ends(&mut self, clusters: [&Cluster; 2]) -> Result<(), LogError> {
        for side in Side::BOTH {
            let partitions: Vec<TopicPartition> = self.plan.partitions(side).into_iter().cloned().collect();
            let read_to = &mut self.read_to[side as usize];
            reach_to_the_ends(clusters[side as usize], &partitions, self.plan.contract.isolation, read_to)?;
        }
        Ok(())
    }
}

impl LaneLog for UnitLog<'_, '_> {
    fn read(
        &mut self,
        side: Side,
        lane: usize,
        range: OffsetRange,
        visit: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        let partition = self.plan.partition(side, lane);
        let range = OffsetRange { start: range.start, end: range.end.min(self.read_to[side as usize][lane]) };
        if range.start >= range.end {
            return Ok(());
        }
        let fingerprinter = &self.fingerprinter;
        let end = self
            .readers
            .read(side, self.plan.contract.isolation, partition, range, |view| {
                visit(&item(fingerprinter, view))
            })
            .map_err(|error| LogError(error.to_string()))?;
        match end {
            _ if self.readers.stopped() => Err(LogError("stopped".to_owned())),
            ReadEnd::ReachedEnd => Ok(()),
            other => Err(LogError(format!(
                "{partition} of the {side} could not be read again from offset {} to {}: {other:?}",
                range.start, range.end
            ))),
        }
    }
}

/// What judging needs apart from the unit.
pub(in crate::run) struct Judging<'r, 'a> {
    pub readers: &'r mut Readers<'a>,
    pub clusters: [&'r Cluster; 2],
    /// How the topics under a compacted contract are cleaned.
    pub cleaning: &'r TopicCleaning,
    /// Of the run's identities.
    pub seed: u64,
    /// How many source records may be without a match in order.
    pub left_over_max: usize,
    pub both_registries: bool,
}

/// Judges one unit.
pub(in crate::run) fn judge(
    unit: &Unit,
    read: UnitRead,
    judging: Judging<'_, '_>,
) -> Result<JudgedUnit, RunError> {
    let Judging { readers, clusters, cleaning, seed, left_over_max, both_registries } = judging;
    let UnitRead {
        aligner,
        mut cells,
        mut intake,
        read_to,
        first_ends,
        deleted_up_to,
        complete,
        mut remarks,
        schema_ids,
        holes: _,
        stalled: _,
    } = read;
    let plan = &unit.plan;
    let name = format!("{} -> {}", plan.source_topics(), plan.target_topic());
    let fingerprinter = Fingerprinter::new(&plan.contract, seed);
    let mut log = UnitLog { readers, plan, fingerprinter, read_to: read_to.clone() };
    let log_starts = plan.log_starts();
    let scope = plan.sources.iter().zip(&first_ends[0]);
    let scope = scope.map(|(lane, &end)| OffsetRange { start: lane.start.min(end), end }).collect();
    let aligned = aligner.map(|mut aligner| {
        aligner.list(scope, left_over_max);
        aligner.finish(&log_starts[0], &mut log, &mut cells)
    });
    cells.close();
    let mut reading = reading(plan, name, &cells, [&read_to, &first_ends], &deleted_up_to, complete);
    reading.meanings = both_registries && plan.contract.decode != DecodeMode::None;
    let KeyedAlignment { mut outcomes, passed, .. } = match aligned {
        Some(Ok(alignment)) => alignment,
        failed => {
            remarks.extend(failed.and_then(Result::err).map(|error| error.to_string()));
            return Ok(JudgedUnit { reading, intake, result: None, remarks, schema_ids });
        }
    };
    intake.passed = Intake { records: passed.records, sum: passed.sum };
    take_apart(&reading, &mut outcomes);
    let in_order = match partners(&outcomes, plan, &mut log) {
        Ok(in_order) => in_order,
        Err(LogError(why)) => {
            remarks.push(why);
            return Ok(JudgedUnit { reading, intake, result: None, remarks, schema_ids });
        }
    };
    scope::set(&mut reading, &cells, &outcomes);
    let mut standings: Vec<Standing> = outcomes.iter().map(|entry| classify_unit(&reading, entry)).collect();
    remarks.extend(not_told_from_deleted(plan, &reading, &outcomes, &standings));
    if plan.contract.log == LogKind::Compacted {
        let judged = check_unit_intake(&reading.name, &outcomes, &intake)
            .map_err(|_| compacted_meanwhile(&reading.name))
            .and_then(|()| log.reach_to_the_ends(clusters))
            .and_then(|()| {
                judge_compacted(plan, cleaning.of_unit(plan), &reading, &outcomes, &mut standings, &mut log)
            });
        if let Err(LogError(why)) = judged {
            remarks.push(why);
            return Ok(JudgedUnit { reading, intake, result: None, remarks, schema_ids });
        }
    }
    let ledger = account_unit(&reading, &cells, &outcomes, &standings, &intake)?;
    let result = UnitResult { cells, outcomes, standings, in_order, ledger };
    Ok(JudgedUnit { reading, intake, result: Some(result), remarks, schema_ids })
}

/// What to say of target records that may copy what retention has deleted from the source.
fn not_told_from_deleted(
    plan: &UnitPlan,
    reading: &UnitReading,
    outcomes: &[LaneOutcome],
    standings: &[Standing],
) -> Option<String> {
    let untold = outcomes.iter().zip(standings).filter(|(entry, standing)| {
        let alone = matches!(entry.outcome, Outcome::Extraneous { .. } | Outcome::Duplicate { .. });
        alone && **standing == Standing::Unverifiable
    });
    let untold = untold.count();
    (reading.complete[0] && untold > 0).then(|| {
        format!(
            "{untold} records of {} on the target may be copies of source records that retention has deleted: not judged",
            plan.target_topic()
        )
    })
}

/// Takes from the findings what compaction may explain.
fn judge_compacted(
    plan: &UnitPlan,
    cleaning: Cleaning,
    reading: &UnitReading,
    outcomes: &[LaneOutcome],
    standings: &mut [Standing],
    log: &mut UnitLog<'_, '_>,
) -> Result<(), LogError> {
    let rules = UnitRules {
        rules: rules(&plan.contract),
        ordered: plan.contract.order != OrderPromise::None,
        timestamps_exact: plan.contract.timestamps == TimestampRule::Exact,
        cleaning,
        log_starts: &plan.log_starts(),
    };
    judge_compacted_unit(outcomes, standings, reading, &rules, log)
}

fn reading(
    plan: &UnitPlan,
    name: String,
    cells: &Cells,
    [read_to, first_ends]: [&[Vec<i64>; 2]; 2],
    deleted_up_to: &[Option<i64>],
    complete: [bool; 2],
) -> UnitReading {
    let sources = plan.sources.iter().enumerate().map(|(at, lane)| {
        let end = first_ends[0][at];
        let below = cells.sum(|source, _| source.0 == at && source.1 < end);
        SourceReading {
            log_start: lane.log_start,
            start: lane.start.min(end),
            end,
            read_to: read_to[0][at],
            deleted_up_to: deleted_up_to[at],
            highest_matched: below.highest_source,
            matched_in_all: None,
        }
    });
    let targets = plan.targets.iter().enumerate().map(|(at, lane)| TargetReading {
        start: lane.log_start,
        cut: read_to[1][at],
        end: first_ends[1][at],
        follows_shortened: None,
        first_copy: None,
        read_to: read_to[1][at],
    });
    UnitReading {
        name,
        sources: sources.collect(),
        targets: targets.collect(),
        complete,
        ordered: plan.contract.order != OrderPromise::None,
        compacted: plan.contract.log == LogKind::Compacted,
        timestamps_within: match plan.contract.timestamps {
            TimestampRule::Exact => Some(0),
            TimestampRule::ToleranceMs(within) => Some(within),
            TimestampRule::Ignore => None,
        },
        meanings: false,
    }
}

/// Where the originals of duplicates are matched in order. Reads the lanes again where there are duplicates.
fn partners(
    outcomes: &[LaneOutcome],
    plan: &UnitPlan,
    log: &mut UnitLog<'_, '_>,
) -> Result<HashMap<Place, Place>, LogError> {
    let mut repeated = Repeated::among(outcomes);
    if repeated.is_empty() {
        return Ok(HashMap::new());
    }
    let log_starts = plan.log_starts();
    for side in Side::BOTH {
        for (lane, &start) in log_starts[side as usize].iter().enumerate() {
            log.read(side, lane, OffsetRange { start, end: i64::MAX }, &mut |item| {
                repeated.see(side, lane, item);
                true
            })?;
        }
    }
    let rules = rules(&plan.contract);
    let pairs = repeated.partners(|source, target| rules.matches(source, target));
    Ok(pairs.into_iter().map(|pair| (pair.source, pair.target)).collect())
}
