//! Turns the judged outcomes of a unit into findings. Decides nothing.

use cutproof_reports::{Finding, FindingKind, OrderBroken};

use crate::align::Outcome;
use crate::classify::{Standing, UnitReading};
use crate::positions::PairPlan;
use crate::record::OffsetRange;

use super::super::RunError;
use super::super::aborted::Suspects;
use super::super::blocks;
use super::super::explain::{Draft, Explainer};
use super::super::undecided::Undecided;
use super::judge::UnitResult;
use super::{JudgedUnit, Unit, stand_ins};

/// Explains the findings of a unit and hands each to `emit`. What is equal in meaning, or may be, is taken back from its
/// ledger.
pub(in crate::run) fn explain(
    explainer: &mut Explainer<'_, '_>,
    unit: &Unit,
    judged: &mut JudgedUnit,
    emit: &mut dyn FnMut(Finding) -> Result<(), RunError>,
) -> Result<(), RunError> {
    let Some(result) = &mut judged.result else { return Ok(()) };
    let pairs = stand_ins(&unit.plan);
    let pairs: Vec<&PairPlan> = pairs.iter().collect();
    let mut drafts = drafts(result);
    blocks::name(&mut drafts);
    let aborted = explainer.aborted(&pairs, suspects(&drafts, &judged.reading))?;
    drafts.iter_mut().for_each(|draft| draft.name_aborted(&aborted));
    let none = explainer.explain_drafts(&pairs, &drafts, emit)?;
    let rows = &mut result.ledger.rows;
    for (lane, _) in none.equal.into_iter().filter_map(|at| drafts[at].source) {
        rows[lane].mismatched_are_equal(1);
    }
    let mut undecided = Undecided::default();
    for (at, doubt) in none.undecided {
        let Some((lane, _)) = drafts[at].source else { continue };
        rows[lane].mismatched_are_unverifiable(1);
        undecided.note(&pairs, &drafts[at], doubt);
    }
    for row in rows {
        row.check(&judged.reading.name)?;
    }
    judged.remarks.extend(undecided.remarks());
    Ok(())
}

/// The findings of a unit. Their places are lanes, which stand for pairs.
fn drafts(result: &UnitResult) -> Vec<Draft> {
    let mut drafts = Vec::new();
    for (entry, standing) in result.outcomes.iter().zip(&result.standings) {
        let Standing::Finding(kind) = *standing else { continue };
        let order_broken = match entry.outcome {
            Outcome::Reordered { key_order_broken: true, .. } => Some(OrderBroken::Key),
            Outcome::Reordered { .. } => Some(OrderBroken::Partition),
            _ => None,
        };
        drafts.push(Draft {
            kind,
            source: entry.source_lane.zip(entry.outcome.source().copied()),
            target: entry.target_lane.zip(entry.outcome.target().copied()),
            order_broken,
            cause: None,
            aborted: None,
        });
    }
    drafts
}

/// All extraneous records: nothing says in which source partition, or between which neighbours, an original would lie.
fn suspects(drafts: &[Draft], reading: &UnitReading) -> Vec<Suspects> {
    let extraneous = drafts.iter().filter(|draft| draft.kind == FindingKind::ExtraneousRecord);
    let ranges = reading.sources.iter().map(|lane| OffsetRange { start: lane.log_start, end: lane.read_to });
    vec![Suspects {
        targets: extraneous.filter_map(|draft| draft.target).collect(),
        ranges: ranges.enumerate().collect(),
    }]
}
