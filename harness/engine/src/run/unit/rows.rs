//! The rows of a unit in the ledger. Judges nothing.

use cutproof_reports::{Counts, PairSummary};

use crate::ledger::Ledger;

use super::{JudgedUnit, Planned, Unit};

/// One row for each source partition, and one for target records that belong to none, where there are any. A unit of one
/// partition on each side is one row.
pub(in crate::run) fn rows(unit: &Unit, judged: &JudgedUnit) -> Vec<PairSummary> {
    let mut rows: Vec<PairSummary> =
        (0..unit.plan.sources.len()).map(|lane| row(unit, judged, lane)).collect();
    let strays = match &judged.result {
        Some(result) => result.ledger.strays.counts(),
        None => {
            let records = judged.intake.target.records;
            Counts { target_records: records, unverifiable: records, ..Counts::default() }
        }
    };
    match (unit.planned, rows.first_mut()) {
        (Planned::Pair(_), Some(row)) => {
            let (source, target) = (&unit.plan.sources[0], &unit.plan.targets[0]);
            row.source_partition = Some(source.partition.partition);
            row.target_partition = Some(target.partition.partition);
            row.counts.add(&strays);
            row.remarks = judged.remarks.clone();
            row.notes = notes(unit, judged, "the contract promises no order of the partition");
        }
        (_, first) => {
            if let Some(first) = first {
                first.remarks = judged.remarks.clone();
                first.notes = notes(unit, judged, "records may change partitions");
            }
            if strays != Counts::default() {
                rows.push(PairSummary {
                    source_topic: unit.plan.source_topics(),
                    target_topic: unit.plan.target_topic().to_owned(),
                    counts: strays,
                    ..PairSummary::default()
                });
            }
        }
    }
    rows
}

fn row(unit: &Unit, judged: &JudgedUnit, lane: usize) -> PairSummary {
    let partition = &unit.plan.sources[lane].partition;
    let reading = &judged.reading.sources[lane];
    let counts = match &judged.result {
        Some(result) => Ledger::counts(&result.ledger.rows[lane]),
        None => {
            let records = judged.intake.sources[lane].in_scope;
            Counts { source_records: records, unverifiable: records, ..Counts::default() }
        }
    };
    PairSummary {
        source_topic: partition.topic.clone(),
        source_partition: Some(partition.partition),
        target_topic: unit.plan.target_topic().to_owned(),
        source_start_offset: Some(reading.start),
        source_end_offset: Some(reading.end.min(reading.read_to)),
        counts,
        ..PairSummary::default()
    }
}

/// Ranges of the target partitions, and what is not told.
fn notes(unit: &Unit, judged: &JudgedUnit, why: &str) -> Vec<String> {
    let lanes = unit.plan.targets.iter().zip(&judged.reading.targets);
    let ranges: Vec<String> = lanes
        .map(|(lane, reading)| format!("{} [{}, {})", lane.partition, reading.start, reading.cut))
        .collect();
    let mut notes = vec![format!("compared with {}", ranges.join(", ")), format!("no offset map: {why}")];
    notes.extend(unit.gone.notes.iter().cloned());
    notes
}
