//! `decode: all` where records may change partitions or order: can what is matched be read on the target? Looks at target
//! records only. A unit keeps no pairs, so that a finding names no source record, and counts for no source partition.

use std::collections::HashSet;

use cutproof_reports::Finding;

use crate::ledger::Place;
use crate::positions::PairPlan;
use crate::record::OffsetRange;

use super::super::RunError;
use super::super::meaning::{Agreement, Expected, Look, Matched};
use super::{JudgedUnit, Unit, stand_ins};

/// Decodes the matched records in the range of each target partition. What is wrong goes to `emit` and into the unit's
/// ledger, what could not be found out into its remarks; what says nothing against a proof is given back.
pub(in crate::run) fn decode_matched(
    look: &mut Look<'_, '_>,
    unit: &Unit,
    judged: &mut JudgedUnit,
    emit: &mut dyn FnMut(Finding) -> Result<(), RunError>,
) -> Result<Vec<String>, RunError> {
    let mut notes = Vec::new();
    let Some(result) = &mut judged.result else { return Ok(notes) };
    let pairs: Vec<PairPlan> = stand_ins(&unit.plan);
    let sources = &judged.reading.sources;
    for (lane, (pair, reading)) in pairs.iter().zip(&judged.reading.targets).enumerate() {
        let own = result.outcomes.iter().filter(|entry| entry.target_lane == Some(lane));
        let others: HashSet<i64> =
            own.filter_map(|entry| entry.outcome.target()).map(|item| item.offset).collect();
        // Copies from before the scope and from after it lie among those of the scope: how many is not known.
        let whole = reading.start == unit.plan.targets[lane].log_start && reading.cut == reading.read_to;
        let in_scope = |(at, offset): Place| (sources[at].start..sources[at].end).contains(&offset);
        let copies = result.cells.sum(|source, target| target.0 == lane && (whole || in_scope(source)));
        let expected = Expected {
            range: OffsetRange { start: reading.start, end: reading.cut },
            records: copies.pairs,
            exact: whole,
            told: &judged.holes[1][lane],
        };
        let matched = |offset: i64| (!others.contains(&offset)).then_some(Matched { source: None });
        let strays = &mut result.ledger.strays;
        // Schema ids that mean something else on the target are told for the unit as a whole.
        let looked = look.at_matched(pair, &expected, &Agreement::default(), matched, &mut |finding| {
            strays.find(finding.kind);
            emit(finding)
        })?;
        judged.remarks.extend(looked.unknown);
        notes.extend(looked.notes);
    }
    Ok(notes)
}
