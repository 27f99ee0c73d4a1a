//! Locates the start of a pair on the target by record identity, over the two clusters. Counts nothing, judges nothing.

use crate::consume::ReadEnd;
use crate::fingerprint::Fingerprinter;
use crate::kafka::Cluster;
use crate::positions::locate::{
    self, LocateLimits, Located, LocatedItem, LogBounds, LogReader, TimestampHelp,
};
use crate::positions::{PairPlan, Plan, PositionState};
use crate::record::{OffsetRange, Side};

use super::RunError;
use super::again::Readers;
use super::holes;

/// Where a pair's start was found, or why not.
pub(super) enum Start {
    /// The plan now holds it.
    Found,
    /// The pair cannot be compared.
    NotFound {
        /// Why, and what to do.
        why: String,
        /// What that makes of the positions at this pair.
        state: PositionState,
    },
}

/// Sets the pair's `target_start` and `lead_in_from`, and what it cost.
pub(super) fn locate_pair<'a>(
    plan: &mut Plan,
    at: usize,
    readers: &mut Readers<'a>,
    clusters: [&'a Cluster; 2],
    seed: u64,
) -> Result<Start, RunError> {
    let lowest_resume = plan
        .groups
        .iter()
        .flat_map(|group| &group.positions)
        // Without a commit on the source no replay is counted.
        .filter(|position| position.pair == at && position.committed.is_some())
        .filter_map(|position| position.resume)
        .min();
    let pair = &mut plan.pairs[at];
    let mut reader = PairReader {
        readers,
        clusters,
        pair,
        fingerprinter: Fingerprinter::new(&pair.contract, seed),
        cut_short: None,
    };
    let help = match reader.answers_timestamps()? {
        true => TimestampHelp::from(pair.contract.timestamps),
        false => TimestampHelp::None,
    };
    let located =
        locate::locate(&mut reader, pair.source_start, pair.target_hint, help, LocateLimits::default())?;
    // Where a log was not read to the end that was asked for, no record is no evidence.
    let no_evidence = match (reader.cut_short.take(), &located) {
        (Some(why), _) => Some(why),
        (None, Located::AtEnd { .. }) => reader.unread(),
        (None, _) => None,
    };
    pair.records_read_to_locate = located.records_read();
    if let Some(why) = no_evidence {
        return Ok(Start::NotFound { why, state: PositionState::NotLocated });
    }
    let offset = match located {
        Located::At { offset, .. } | Located::AtEnd { offset, caught_up: true, .. } => offset,
        Located::AtEnd { offset, caught_up: false, evidence, .. } => {
            // What may still arrive there belongs before the start.
            let why = format!(
                "{}: the target has not caught up with offset {}, where the pair starts (its end is {offset}; \
                 {evidence}); wait for replication, then run again",
                pair.target, pair.source_start
            );
            return Ok(Start::NotFound { why, state: PositionState::AheadOfCopy });
        }
        Located::NotLocated { why, .. } => {
            return Ok(Start::NotFound { why, state: PositionState::NotLocated });
        }
    };
    pair.target_start = Some(offset);
    pair.lead_in_from = lowest_resume.filter(|&resume| resume < offset);
    Ok(Start::Found)
}

/// Marks the positions at a pair that was not located.
pub(super) fn mark_not_located(plan: &mut Plan, at: usize, why: &str, state: PositionState) {
    let positions = plan.groups.iter_mut().flat_map(|group| &mut group.positions);
    for position in positions.filter(|position| position.pair == at && position.state.stands()) {
        position.state = state;
        position.detail = why.to_owned();
    }
}

struct PairReader<'r, 'a, 'p> {
    readers: &'r mut Readers<'a>,
    clusters: [&'a Cluster; 2],
    pair: &'p PairPlan,
    fingerprinter: Fingerprinter,
    /// Why a read ended before its end.
    cut_short: Option<String>,
}

impl PairReader<'_, '_, '_> {
    /// What could not be read of either log so far.
    fn unread(&self) -> Option<String> {
        Side::BOTH.into_iter().find_map(|side| {
            let partition = self.pair.partition(side);
            let all = OffsetRange { start: 0, end: i64::MAX };
            let holes = self.readers.holes.within(side, partition, all);
            holes.first().map(|hole| {
                let remark = holes::remark(side, partition, hole);
                format!("{remark}; the start of the pair may lie there")
            })
        })
    }

    /// Whether both brokers look up timestamps: some (librdkafka's mock cluster) answer "none" to everything, which
    /// would read as "no such record".
    fn answers_timestamps(&mut self) -> Result<bool, RunError> {
        for side in Side::BOTH {
            let bounds = self.bounds(side)?;
            if bounds.start < bounds.end && self.offset_at_or_after(side, 0)?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl LogReader for PairReader<'_, '_, '_> {
    type Error = RunError;

    fn bounds(&mut self, side: Side) -> Result<LogBounds, RunError> {
        let partition = self.pair.partition(side).clone();
        let bounds = self.clusters[side as usize]
            .log_bounds(std::slice::from_ref(&partition), self.pair.contract.isolation)?;
        Ok(bounds.get(&partition).map_or(LogBounds { start: 0, end: 0 }, |bounds| LogBounds {
            start: bounds.log_start,
            end: bounds.end,
        }))
    }

    fn offset_at_or_after(&mut self, side: Side, timestamp_ms: i64) -> Result<Option<i64>, RunError> {
        let partition = self.pair.partition(side).clone();
        let found = self.clusters[side as usize].offsets_for_times(&[(partition.clone(), timestamp_ms)])?;
        Ok(found.get(&partition).copied().flatten())
    }

    fn read(
        &mut self,
        side: Side,
        from_offset: i64,
        max_records: usize,
    ) -> Result<Vec<LocatedItem>, RunError> {
        let end = self.bounds(side)?.end;
        let mut items = Vec::new();
        if max_records == 0 {
            return Ok(items);
        }
        let partition = self.pair.partition(side).clone();
        let range = OffsetRange { start: from_offset, end };
        let fingerprinter = &self.fingerprinter;
        let end = self.readers.read(side, self.pair.contract.isolation, &partition, range, |view| {
            items.push(LocatedItem {
                offset: view.offset,
                timestamp: view.timestamp,
                identity: fingerprinter.of(view).identity,
            });
            items.len() < max_records
        })?;
        if end != ReadEnd::ReachedEnd {
            self.cut_short.get_or_insert_with(|| {
                format!(
                    "{partition} of the {side} could not be read from offset {from_offset} on to locate the start of \
                     the pair: {end:?}"
                )
            });
        }
        Ok(items)
    }
}
