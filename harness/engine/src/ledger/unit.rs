//! What happened to every record of a unit in scope: each lands in exactly one column of one row, a row for each source
//! lane and one for target records that belong to none; independent sums must agree.

use super::{Cells, Intake, Ledger, LedgerError, check_sums, places};
use crate::align::Outcome;
use crate::align::keyed::LaneOutcome;
use crate::classify::{Standing, UnitReading};
use crate::record::{FindingKind, Side};

/// What came in from one source lane, taken before alignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceIntake {
    /// All that was read.
    pub read: Intake,
    /// Records in scope.
    pub in_scope: u64,
}

/// What came in of a unit, taken before alignment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitIntake {
    /// By lane.
    pub sources: Vec<SourceIntake>,
    /// All target lanes together.
    pub target: Intake,
    /// Of the source: records out of scope that alignment has counted without an outcome.
    pub passed: Intake,
}

/// One unit's records, in counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitLedger {
    /// By source lane. The target records of a row are the copies of its source records, and what stands in their
    /// place.
    pub rows: Vec<Ledger>,
    /// Target records that belong to no source record.
    pub strays: Ledger,
}

/// Accounts for every record of a unit. `standings`: parallel to `outcomes`.
pub fn account_unit(
    reading: &UnitReading,
    cells: &Cells,
    outcomes: &[LaneOutcome],
    standings: &[Standing],
    intake: &UnitIntake,
) -> Result<UnitLedger, LedgerError> {
    check_unit_intake(&reading.name, outcomes, intake)?;
    let matched = |lane: usize| {
        let scope = reading.sources[lane].start..reading.sources[lane].end;
        cells.sum(|source, _| source.0 == lane && scope.contains(&source.1)).pairs
    };
    let mut rows: Vec<Ledger> = (0..reading.sources.len())
        .map(|lane| Ledger { matched: matched(lane), ..Ledger::default() })
        .collect();
    let mut strays = Ledger::default();
    let mut out_of_scope = cells.pairs() - rows.iter().map(|row| row.matched).sum::<u64>();
    for (entry, standing) in outcomes.iter().zip(standings) {
        let row = entry.source_lane.map_or(&mut strays, |lane| &mut rows[lane]);
        let on = on(entry);
        match standing {
            Standing::Finding(kind) => row.find(*kind),
            Standing::Pending => row.pending += 1,
            Standing::Unverifiable => {
                [0, 1].iter().for_each(|&side: &usize| row.unverifiable[side] += on[side])
            }
            Standing::Compacted => [0, 1].iter().for_each(|&side: &usize| row.compacted[side] += on[side]),
            Standing::CompactedOrDropped => {
                [0, 1].iter().for_each(|&side: &usize| row.compacted_or_dropped[side] += on[side])
            }
            Standing::Beyond => out_of_scope += on[1],
        }
    }
    let mut target_records = out_of_scope;
    for (lane, row) in rows.iter_mut().enumerate() {
        row.records = [intake.sources[lane].in_scope, target_columns(row)];
        row.check(&format!("{} (source lane {lane})", reading.name))?;
        target_records += row.records[1];
    }
    strays.records = [0, target_columns(&strays)];
    target_records += strays.records[1];
    if target_records != intake.target.records {
        return Err(LedgerError::Columns {
            pair: reading.name.clone(),
            side: Side::Target,
            records: intake.target.records,
            columns: target_records,
        });
    }
    Ok(UnitLedger { rows, strays })
}

/// What came in of a unit must be matched, or have an outcome.
pub fn check_unit_intake(
    name: &str,
    outcomes: &[LaneOutcome],
    intake: &UnitIntake,
) -> Result<(), LedgerError> {
    let source_read = intake.sources.iter().fold(Intake::default(), |sum, lane| sum.with(lane.read));
    check_sums(name, [source_read.without(intake.passed), intake.target], unmatched(outcomes))
}

/// The target records that the columns of a row speak of.
fn target_columns(row: &Ledger) -> u64 {
    use FindingKind::{DuplicateRecord, ExtraneousRecord, MismatchedRecord, ReorderedRecord};
    let found: u64 = [DuplicateRecord, ExtraneousRecord, MismatchedRecord, ReorderedRecord]
        .iter()
        .map(|kind| row.findings.get(kind).copied().unwrap_or(0))
        .sum();
    row.matched + found + row.unverifiable[1] + row.compacted[1] + row.compacted_or_dropped[1]
}

/// How many records an outcome accounts for on each side. A duplicate's original is accounted for where it is matched.
fn on(entry: &LaneOutcome) -> [u64; 2] {
    let (source, target) = places(entry);
    let own = source.is_some() && !matches!(entry.outcome, Outcome::Duplicate { .. });
    [own, target.is_some()].map(u64::from)
}

fn unmatched(outcomes: &[LaneOutcome]) -> [Intake; 2] {
    let mut sums = [Intake::default(); 2];
    for entry in outcomes {
        let items = [entry.outcome.source(), entry.outcome.target()];
        for ((sum, item), on) in sums.iter_mut().zip(items).zip(on(entry)) {
            if let Some(item) = item.filter(|_| on > 0) {
                sum.add(item.identity);
            }
        }
    }
    sums
}
