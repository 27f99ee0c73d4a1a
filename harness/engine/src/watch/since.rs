//! The compared pairs as they are now: log bounds, whether they are still the same logs, what both sides have gained.
//! Knows commits as marks only; judges no group.

use std::collections::BTreeMap;

use super::evidence::{Compared, FinishedRun};
use super::look::Look;
use super::tail::{Place, Tail};
use crate::config::ProofConfig;
use crate::fingerprint::Fingerprinter;
use crate::kafka::{LogBounds, TopicListing};
use crate::record::{Contract, Isolation, OffsetRange, RecordView, Side, TopicPartition};
use crate::run::RunError;

/// Bytes that one source record of a tail takes, about.
const BYTES_HELD: u64 = 128;

/// One compared pair as it is now.
pub(super) struct PairNow<'a> {
    pub summary: &'a Compared,
    pub source: TopicPartition,
    pub target: TopicPartition,
    pub contract: Contract,
    /// By side; `Err` where the topic is gone.
    pub logs: Result<[LogBounds; 2], String>,
    /// Why one of the topics is not the one that was compared.
    pub recreated: Option<String>,
    pub tail: Tail,
    /// Why what the source has gained is not known whole.
    pub source_unread: Option<String>,
    /// Why what the target has gained is not known whole.
    pub target_unread: Option<String>,
}

impl PairNow<'_> {
    /// Why the counts of the tail are not exact.
    pub fn unread(&self) -> Option<&str> {
        self.source_unread.as_deref().or(self.target_unread.as_deref())
    }

    /// Why the place of return behind the compared range is not known. Where the source has gained nothing, what
    /// the target has gained does not matter.
    pub fn return_unknown(&self) -> Option<&str> {
        let copies_matter = self.tail.source_records() > 0;
        self.source_unread.as_deref().or(self.target_unread.as_deref().filter(|_| copies_matter))
    }
}

/// Looks up where the pairs' logs begin and end. Reads no record.
pub(super) fn pairs_now<'a>(
    config: &ProofConfig,
    run: &'a FinishedRun,
    look: &Look<'_>,
    topics: [&BTreeMap<String, TopicListing>; 2],
) -> Result<Vec<PairNow<'a>>, RunError> {
    let mut pairs: Vec<PairNow<'a>> = Vec::new();
    for summary in &run.pairs {
        let [source, target] = Side::BOTH.map(|side| summary.partition(side));
        let gone = Side::BOTH.into_iter().zip([&source, &target]).find(|(side, at)| {
            let number = usize::try_from(at.partition).unwrap_or(usize::MAX);
            topics[*side as usize].get(&at.topic).is_none_or(|topic| number >= topic.partitions)
        });
        let none = LogBounds { log_start: 0, end: 0 };
        pairs.push(PairNow {
            summary,
            contract: config.contract_for(&summary.source_topic),
            logs: match gone {
                Some((side, at)) => Err(format!("{at} does not exist on the {side} any more")),
                None => Ok([none; 2]),
            },
            recreated: None,
            tail: Tail::new(&[]),
            source_unread: None,
            target_unread: None,
            source,
            target,
        });
    }
    for isolation in [Isolation::ReadCommitted, Isolation::ReadUncommitted] {
        for side in Side::BOTH {
            let mut there: Vec<&mut PairNow<'_>> = pairs
                .iter_mut()
                .filter(|pair| pair.contract.isolation == isolation && pair.logs.is_ok())
                .collect();
            let asked: Vec<TopicPartition> = there
                .iter()
                .map(|pair| if side == Side::Source { &pair.source } else { &pair.target }.clone())
                .collect();
            let bounds = match asked.is_empty() {
                true => BTreeMap::new(),
                false => look.cluster(side).log_bounds(&asked, isolation)?,
            };
            for (pair, at) in there.iter_mut().zip(&asked) {
                if let (Ok(logs), Some(bounds)) = (&mut pair.logs, bounds.get(at)) {
                    logs[side as usize] = *bounds;
                }
            }
        }
    }
    Ok(pairs)
}

/// Reads what both sides have gained since the run. `commits`: offsets on the target that will be asked for.
pub(super) fn read_tail(
    look: &mut Look<'_>,
    pair: &mut PairNow<'_>,
    commits: &[i64],
    memory_bytes: u64,
) -> Result<(), RunError> {
    let Ok([source_log, target_log]) = pair.logs else { return Ok(()) };
    let Compared { source_end_offset, target_end_offset, .. } = *pair.summary;
    let isolation = pair.contract.isolation;
    // Within one look; nobody can prepare for its seed.
    let fingerprinter = Fingerprinter::new(&pair.contract, uuid::Uuid::now_v7().as_u64_pair().1);
    let seen = |view: &RecordView<'_>| {
        let place = Place { offset: view.offset, timestamp: view.timestamp };
        (fingerprinter.of(view).identity, place)
    };
    let mut tail = Tail::new(commits);
    let held_max = usize::try_from(memory_bytes / BYTES_HELD).unwrap_or(usize::MAX);
    let mut too_many = false;
    let range = OffsetRange { start: source_end_offset.max(source_log.log_start), end: source_log.end };
    pair.source_unread = look.read(Side::Source, isolation, &pair.source, range, |view| {
        let (identity, place) = seen(view);
        tail.push_source(identity, place);
        too_many = tail.source_records() > held_max;
        !too_many
    })?;
    if too_many {
        pair.source_unread = Some(format!(
            "the source has gained more than {held_max} records since the run; raise limits.memory, or run again"
        ));
    }
    let range = OffsetRange { start: target_end_offset.max(target_log.log_start), end: target_log.end };
    pair.target_unread = look.read(Side::Target, isolation, &pair.target, range, |view| {
        let (identity, place) = seen(view);
        tail.push_target(identity, place);
        true
    })?;
    for (log, compared, unread, at, side) in [
        (source_log, source_end_offset, &mut pair.source_unread, &pair.source, Side::Source),
        (target_log, target_end_offset, &mut pair.target_unread, &pair.target, Side::Target),
    ] {
        if log.log_start > compared && unread.is_none() {
            *unread = Some(format!(
                "{at} of the {side} starts at {}: what was written from {compared} on is deleted in part",
                log.log_start
            ));
        }
    }
    pair.tail = tail;
    Ok(())
}

/// Evidence that a log is not the one that the run compared: it is shorter, or the last matched record is another.
pub(super) fn recreated(
    look: &mut Look<'_>,
    run: &FinishedRun,
    pair: &PairNow<'_>,
) -> Result<Option<String>, RunError> {
    let Ok(logs) = pair.logs else { return Ok(None) };
    let summary = pair.summary;
    let compared = [summary.source_end_offset, summary.target_end_offset];
    let places = [&pair.source, &pair.target];
    for side in Side::BOTH {
        let at = side as usize;
        if logs[at].end < compared[at] {
            return Ok(Some(format!(
                "{} of the {side} ends at {}, the run had read it to {}: it was made again or cut back",
                places[at], logs[at].end, compared[at]
            )));
        }
    }
    // Only where equal bytes were matched throughout is a difference now evidence.
    if summary.counts.equal_meaning > 0 {
        return Ok(None);
    }
    let Some((original, copy)) = run.offsets.last_match(&summary.source_topic, summary.source_partition)
    else {
        return Ok(None);
    };
    let isolation = pair.contract.isolation;
    let on_source = look.record(Side::Source, isolation, &pair.source, original)?;
    let on_target = look.record(Side::Target, isolation, &pair.target, copy)?;
    let (Some(on_source), Some(on_target)) = (on_source, on_target) else { return Ok(None) };
    let fingerprinter = Fingerprinter::new(&pair.contract, 0);
    let [source, target] = [on_source, on_target].map(|record| record.view(|view| fingerprinter.of(view)));
    Ok((source.identity != target.identity).then(|| {
        format!(
            "{} at {original} and {} at {copy} were copies of each other and are not any more: one was made again",
            pair.source, pair.target
        )
    }))
}
