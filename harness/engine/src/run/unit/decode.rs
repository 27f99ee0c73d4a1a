//! `decode: all` where records may change partitions or order: can what is matched be read on the target? Looks at target
//! records only. A unit keeps no pairs, so that a finding names no source record, and counts for no source partition; and
//! where copies from outside the scope may lie, what cannot be read is no finding, but makes the run inconclusive.

use std::collections::HashSet;

use cutproof_reports::Finding;

use crate::ledger::Place;
use crate::positions::PairPlan;
use crate::record::{Allowed, FindingKind, OffsetRange};

use super::super::RunError;
use super::super::meaning::{Agreement, Expected, Look, Matched};
use super::{JudgedUnit, Unit, scope, stand_ins};

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
    // Any number of them, whether in scope or not.
    let is_allowed = unit.plan.contract.allowances.iter().any(|allowance| {
        allowance.max.is_none() && allowance.finding == Allowed::Finding(FindingKind::UndecodableRecord)
    });
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
        let surely = scope::surely_in_scope(&judged.reading, &result.cells, lane);
        let mut perhaps: Option<(u64, String)> = None;
        let strays = &mut result.ledger.strays;
        // Schema ids that mean something else on the target are told for the unit as a whole.
        let looked = look.at_matched(pair, &expected, &Agreement::default(), matched, &mut |finding| {
            let offset = finding.target.as_ref().map(|place| place.offset);
            if is_allowed || offset.is_some_and(|offset| surely.contains(&offset)) {
                strays.find(finding.kind);
                return emit(finding);
            }
            perhaps.get_or_insert((0, finding.detail)).0 += 1;
            Ok(())
        })?;
        judged.remarks.extend(looked.unknown);
        judged.remarks.extend(perhaps.map(|(records, why)| perhaps_in_scope(pair, records, &why)));
        notes.extend(looked.notes);
    }
    Ok(notes)
}

/// For people; without knowing whose copies these are nothing is proven.
fn perhaps_in_scope(pair: &PairPlan, records: u64, why: &str) -> String {
    format!(
        "{}: {records} records cannot be read on the target ({why}), and whether they are in scope is not known: copies \
         of records from outside it lie among those of the scope",
        pair.target
    )
}
