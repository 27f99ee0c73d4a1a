//! Ends the alignment of a unit, judges it within the scope, and proves that its ledger adds up.

use std::collections::{BTreeSet, HashMap};

use crate::align::keyed::{Extent, KeyedAlignment, LaneLog, LaneOutcome};
use crate::align::{LogError, Outcome};
use crate::classify::{
    Cleaning, SourceReading, Standing, Taken, TargetReading, UnitReading, UnitRules, classify_unit,
    judge_compacted_unit, take_apart, withhold_taken,
};
use crate::fingerprint::Fingerprinter;
use crate::kafka::Cluster;
use crate::ledger::{
    Cells, Intake, Place, Repeated, UnitIntake, UnitLedger, account_unit, check_unit_intake, places,
};
use crate::positions::UnitPlan;
use crate::record::{DecodeMode, LogKind, OffsetRange, OrderPromise, Side, TimestampRule};

use super::super::RunError;
use super::super::again::{Readers, changed_meanwhile};
use super::super::compacted::TopicCleaning;
use super::super::item::{rules, timestamps_within};
use super::super::retained::Retained;
use super::log::{FirstReading, LaneHoles, UnitLog};
use super::times::LaneTimes;
use super::{Unit, UnitRead, further, scope, untold};

/// A unit that was read.
pub(in crate::run) struct JudgedUnit {
    pub reading: UnitReading,
    pub intake: UnitIntake,
    /// `None` where it could not be judged; the remarks say why.
    pub result: Option<UnitResult>,
    /// Why it was not judged, or not to its end.
    pub remarks: Vec<String>,
    pub schema_ids: BTreeSet<u32>,
    /// What could not be read when the unit was read, by side and lane.
    pub holes: LaneHoles,
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
    /// Whether that is not known for all of them: some of the records are gone.
    pub unpaired: bool,
    pub ledger: UnitLedger,
}

/// What judging needs apart from the unit.
pub(in crate::run) struct Judging<'r, 'a> {
    pub readers: &'r mut Readers<'a>,
    pub clusters: [&'r Cluster; 2],
    /// How far back the logs still reach.
    pub retained: &'r Retained,
    /// How the topics under a compacted contract are cleaned.
    pub cleaning: &'r TopicCleaning,
    /// Of the run's identities.
    pub seed: u64,
    /// How many records may be without a match in order.
    pub left_over_max: usize,
    pub both_registries: bool,
}

/// Judges one unit.
pub(in crate::run) fn judge(
    unit: &Unit,
    read: UnitRead,
    judging: Judging<'_, '_>,
) -> Result<JudgedUnit, RunError> {
    let Judging { readers, clusters, retained, cleaning, seed, left_over_max, both_registries } = judging;
    let UnitRead {
        aligner,
        mut cells,
        mut intake,
        read_from,
        read_to,
        first_ends,
        times,
        complete,
        mut remarks,
        schema_ids,
        holes: met,
        stalled: _,
        out_of_range: _,
    } = read;
    remarks.extend(unit.gone.remarks.iter().cloned());
    let plan = &unit.plan;
    let mut holes: LaneHoles = plan.log_starts().map(|lanes| vec![Vec::new(); lanes.len()]);
    for (side, lane, hole) in met {
        holes[side as usize][lane].push(hole.range);
    }
    remarks.extend(cleaning.remarks(&plan.contract));
    let name = format!("{} -> {}", plan.source_topics(), plan.target_topic());
    let fingerprinter = Fingerprinter::new(&plan.contract, seed);
    let first = FirstReading { from: &read_from, to: &read_to, holes: &holes };
    let mut log = UnitLog::new(readers, clusters, (plan, fingerprinter), first, retained);
    let history_start = log.left_from(Side::Source);
    let scope = plan.sources.iter().zip(&first_ends[0]);
    let scope = scope.map(|(lane, &end)| OffsetRange { start: lane.start.min(end), end }).collect();
    let aligned = aligner.map(|mut aligner| {
        aligner.list(scope, left_over_max);
        aligner.finish(&history_start, &mut log, &mut cells)
    });
    cells.close();
    let mut reading = reading(plan, name, &cells, [&read_from, &read_to, &first_ends], &times, complete);
    reading.meanings = both_registries && plan.contract.decode != DecodeMode::None;
    let KeyedAlignment { mut outcomes, passed, .. } = match aligned {
        Some(Ok(alignment)) => alignment,
        failed => {
            remarks.extend(failed.and_then(Result::err).map(|error| error.to_string()));
            return Ok(JudgedUnit { reading, intake, result: None, remarks, schema_ids, holes });
        }
    };
    intake.passed = Intake { records: passed.records, sum: passed.sum };
    take_apart(&reading, &mut outcomes);
    let further = further::take_apart(&reading, &cells, &mut outcomes, &rules(&plan.contract), &mut log);
    let in_order = match further.and_then(|()| partners(&outcomes, &mut log, left_over_max)) {
        Ok(in_order) => in_order,
        Err(LogError(why)) => {
            remarks.push(why);
            return Ok(JudgedUnit { reading, intake, result: None, remarks, schema_ids, holes });
        }
    };
    reading.taken =
        Taken { from_source: log.taken(Side::Source, &times), from_target: unread_on_target(unit, &times) };
    let unpaired = may_be_unpaired(&outcomes, &reading, log.taken(Side::Target, &times));
    scope::set(&mut reading, &cells, &outcomes);
    let standing = |entry: &LaneOutcome| {
        let original_at = places(entry).0.and_then(|source| in_order.get(&source));
        classify_unit(&reading, entry, original_at.copied())
    };
    let mut standings: Vec<Standing> = outcomes.iter().map(standing).collect();
    let left_from = log.left_from(Side::Source);
    remarks.extend(untold::not_told_from_deleted(plan, &reading, &left_from, &outcomes, &standings));
    remarks.extend(untold::perhaps_copied(unit, &reading, &outcomes, &standings));
    let left_from = [left_from, log.left_from(Side::Target)];
    let outcomes_in_order = (outcomes.as_slice(), standings.as_slice(), &in_order);
    remarks.extend(untold::perhaps_copied_in_scope(plan, &reading, &left_from, outcomes_in_order));
    if plan.contract.log == LogKind::Compacted {
        let judged = check_unit_intake(&reading.name, &outcomes, &intake)
            .map_err(|_| changed_meanwhile(&reading.name))
            .and_then(|()| log.reach_to_the_ends())
            .and_then(|()| {
                judge_compacted(cleaning.of_unit(plan), &reading, &outcomes, &mut standings, &mut log)
            });
        if let Err(LogError(why)) = judged {
            remarks.push(why);
            return Ok(JudgedUnit { reading, intake, result: None, remarks, schema_ids, holes });
        }
        remarks.extend(withhold_what_is_gone(&reading, &outcomes, &mut standings, (&log, &times)));
    }
    let ledger = match account_unit(&reading, &cells, &outcomes, &standings, &intake) {
        Err(_) if log.read_again => {
            remarks.push(changed_meanwhile(&reading.name).0);
            return Ok(JudgedUnit { reading, intake, result: None, remarks, schema_ids, holes });
        }
        ledger => ledger?,
    };
    let result = UnitResult { cells, outcomes, standings, in_order, unpaired, ledger };
    Ok(JudgedUnit { reading, intake, result: Some(result), remarks, schema_ids, holes })
}

/// How new the target records can be that retention took between the plan and the reading; `None` where it took none.
fn unread_on_target(unit: &Unit, times: &[Vec<LaneTimes>; 2]) -> Option<i64> {
    let slack = goes_back(times);
    let gone = unit.gone.targets.iter().map(|&lane| times[1][lane]);
    gone.map(|lane| lane.before_first_by(slack).unwrap_or(i64::MAX)).max()
}

/// By how much timestamps go back at most, in any lane.
fn goes_back(times: &[Vec<LaneTimes>; 2]) -> u64 {
    times.iter().flatten().map(LaneTimes::goes_back).max().unwrap_or(0)
}

/// Whether a duplicated record, or the copy that it is matched with, may be gone since it was read. `from_target`: how new
/// copies that are gone can be.
fn may_be_unpaired(outcomes: &[LaneOutcome], reading: &UnitReading, from_target: Option<i64>) -> bool {
    let Some(last) = reading.taken.from_source.max(from_target) else { return false };
    outcomes.iter().any(|entry| match &entry.outcome {
        Outcome::Duplicate { original, .. } => !reading.is_newer(original, last),
        _ => false,
    })
}

/// Takes from the findings what compaction may explain.
fn judge_compacted(
    cleaning: Cleaning,
    reading: &UnitReading,
    outcomes: &[LaneOutcome],
    standings: &mut [Standing],
    log: &mut UnitLog<'_, '_>,
) -> Result<(), LogError> {
    let plan = log.plan;
    let rules = UnitRules {
        rules: rules(&plan.contract),
        ordered: plan.contract.order != OrderPromise::None,
        timestamps_exact: plan.contract.timestamps == TimestampRule::Exact,
        cleaning,
        log_starts: &Side::BOTH.map(|side| log.left_from(side)),
    };
    judge_compacted_unit(outcomes, standings, reading, &rules, log)
}

/// Under the compacted contract, what is left to be found may be explained by records that are gone since they were read.
/// Returns what to say of it.
fn withhold_what_is_gone(
    reading: &UnitReading,
    outcomes: &[LaneOutcome],
    standings: &mut [Standing],
    (log, times): (&UnitLog<'_, '_>, &[Vec<LaneTimes>; 2]),
) -> Option<String> {
    let last = Side::BOTH.into_iter().filter_map(|side| log.taken(side, times)).max()?;
    // By so much a record that explains another one may seem to be the older one.
    let slack = goes_back(times);
    let exact = log.plan.contract.timestamps == TimestampRule::Exact;
    let withheld = withhold_taken(outcomes, standings, reading, exact, last.saturating_add_unsigned(slack));
    untold::not_told_from_compacted(log.plan, withheld, &Side::BOTH.map(|side| log.left_from(side)))
}

fn reading(
    plan: &UnitPlan,
    name: String,
    cells: &Cells,
    [read_from, read_to, first_ends]: [&[Vec<i64>; 2]; 3],
    times: &[Vec<LaneTimes>; 2],
    complete: [bool; 2],
) -> UnitReading {
    let slack = goes_back(times);
    let sources = plan.sources.iter().enumerate().map(|(at, lane)| {
        let end = first_ends[0][at];
        let below = cells.sum(|source, _| source.0 == at && source.1 < end);
        SourceReading {
            log_start: read_from[0][at],
            start: lane.start.min(end),
            end,
            read_to: read_to[0][at],
            deleted_up_to: times[0][at].before_first_by(slack),
            highest_matched: below.highest_source,
            matched_in_all: None,
        }
    });
    let targets = (0..plan.targets.len()).map(|at| TargetReading {
        start: read_from[1][at],
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
        timestamps_within: timestamps_within(&plan.contract),
        meanings: false,
        taken: Taken::default(),
    }
}

/// Where the originals of duplicates are matched in order. Reads what is left of the lanes where there are duplicates.
/// `held_max`: how many records equal to them may be held.
fn partners(
    outcomes: &[LaneOutcome],
    log: &mut UnitLog<'_, '_>,
    held_max: usize,
) -> Result<HashMap<Place, Place>, LogError> {
    let plan = log.plan;
    let mut repeated = Repeated::among(outcomes, rules(&plan.contract).timestamp_tolerance_ms, held_max);
    if repeated.is_empty() {
        return Ok(HashMap::new());
    }
    for side in Side::BOTH {
        for lane in 0..plan.partitions(side).len() {
            let mut room = true;
            log.read(side, lane, OffsetRange { start: 0, end: i64::MAX }, Extent::Left, &mut |item| {
                room = repeated.see(side, lane, item);
                room
            })?;
            if !room {
                return Err(LogError(format!(
                    "limits.memory is used up by records equal to those that are on the target more than once: more than \
                     {held_max} of {} and {} within the timestamp tolerance are not held",
                    plan.source_topics(),
                    plan.target_topic()
                )));
            }
        }
    }
    Ok(repeated.partners().into_iter().map(|pair| (pair.source, pair.target)).collect())
}
