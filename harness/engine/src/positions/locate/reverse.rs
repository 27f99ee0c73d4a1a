//! Where on the source the records of a target range come from, so that replay can be counted.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::scan::{Logs, Stop};
use super::{LocateLimits, Located, LocatedItem, LogReader, TimestampHelp};
use crate::record::{OffsetRange, Side};

/// Finds the lowest source offset of a record of which a target record in `lead_in` is a copy. `lead_in` reaches from
/// the lowest resume offset to the located start; a repeated copy in it may be of a source record further back than
/// its first record. `near` is the source start, below which the answer is sought.
///
/// [`Located::AtEnd`] with `offset = near`: no record of the lead-in is a copy of a source record before `near`.
///
/// # Errors
/// The reader's.
pub fn locate_source<R: LogReader>(
    reader: &mut R,
    lead_in: OffsetRange,
    near: i64,
    help: TimestampHelp,
    limits: LocateLimits,
) -> Result<Located, R::Error> {
    let mut logs = Logs::open(reader, limits)?;
    match search(&mut logs, lead_in, near, help, limits) {
        Ok(Some(offset)) => Ok(Located::At {
            offset,
            records_read: logs.records_read,
            evidence: format!("the lead-in copies source records from offset {offset} on"),
        }),
        Ok(None) => Ok(Located::AtEnd {
            offset: near,
            caught_up: true,
            records_read: logs.records_read,
            evidence: format!("no record of the lead-in is a copy of a source record before offset {near}"),
        }),
        Err(Stop::Failed(error)) => Err(error),
        Err(Stop::TooMuch) => Ok(Located::NotLocated {
            why: format!(
                "the lead-in, target offsets {} to {}, is too long to be searched for; the group would replay at \
                 least that far",
                lead_in.start, lead_in.end
            ),
            records_read: logs.records_read,
        }),
    }
}

fn search<R: LogReader>(
    logs: &mut Logs<'_, R>,
    lead_in: OffsetRange,
    near: i64,
    help: TimestampHelp,
    limits: LocateLimits,
) -> Result<Option<i64>, Stop<R::Error>> {
    // One for the earliest timestamp is enough; all identities are needed.
    let mut earliest: Option<LocatedItem> = None;
    let mut identities = HashSet::new();
    logs.visit(Side::Target, lead_in.start, lead_in.end, |item| {
        if earliest.is_none_or(|e| item.timestamp < e.timestamp) {
            earliest = Some(*item);
        }
        identities.insert(item.identity);
        ControlFlow::Continue(())
    })?;
    let source = logs.bounds(Side::Source);
    let near = near.clamp(source.start, source.end);
    if let Some(from) = logs.lower_bound(Side::Source, help, earliest.iter())? {
        return first_hit(logs, &identities, from, near);
    }
    // Without timestamps: back from the start, until a stretch as long as all before it holds no copy.
    let mut lowest = None;
    let mut to = near;
    let mut width = limits.window.max(lead_in.end - lead_in.start).max(1);
    while to > source.start {
        let from = to.saturating_sub(width).max(source.start);
        match first_hit(logs, &identities, from, to)? {
            Some(offset) => lowest = Some(offset),
            None if lowest.is_some() => break,
            None => {}
        }
        width = width.max(near - from);
        to = from;
    }
    Ok(lowest)
}

fn first_hit<R: LogReader>(
    logs: &mut Logs<'_, R>,
    identities: &HashSet<u128>,
    from: i64,
    to: i64,
) -> Result<Option<i64>, Stop<R::Error>> {
    let mut found = None;
    logs.visit(Side::Source, from, to, |item| {
        if identities.contains(&item.identity) {
            found = Some(item.offset);
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(found)
}
