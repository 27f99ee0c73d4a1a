//! Transactions that are open at the barrier: a reader of committed records stops at the last stable offset, so what
//! lies between it and the high watermark is not judged. Says which partition, since when, and how many offsets.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use crate::kafka::{Cluster, KafkaError};
use crate::positions::PairPlan;
use crate::record::{Isolation, OffsetRange, Side, TopicPartition};

use super::RunError;
use super::again::Readers;
use super::bounds::{EachBounds, bounds_of_each};
use super::pair::PairRead;
use super::shared::Shared;

/// How often the last stable offsets are asked for while open transactions may end.
const ASK_AGAIN: Duration = Duration::from_millis(300);

/// By partition: from the last stable offset to the high watermark where a transaction is open, or why that is not known.
type Open = BTreeMap<TopicPartition, Result<OffsetRange, KafkaError>>;

/// Source partitions whose transactions were waited for before the source was read on to explain the target's tail, and
/// what was open there then: an empty range where all had ended.
#[derive(Default)]
pub(super) struct Awaited(Open);

/// Waits at most `range.settle` until every record that `partitions` of the source hold now can be read: the target may
/// hold copies of uncommitted ones. What comes later does not matter. A partition whose bounds are not told is not waited
/// for.
pub(super) fn await_transactions(
    shared: &Shared<'_>,
    mut partitions: Vec<TopicPartition>,
) -> Result<Awaited, KafkaError> {
    if shared.isolation != Isolation::ReadCommitted || partitions.is_empty() {
        return Ok(Awaited::default());
    }
    let begun = Instant::now();
    let ends = bounds_of_each(shared.source, &partitions, Isolation::ReadUncommitted)?;
    let mut awaited = Awaited(untold(&ends));
    partitions.retain(|partition| known_end(&ends, partition).is_some());
    loop {
        let stable = bounds_of_each(shared.source, &partitions, Isolation::ReadCommitted)?;
        awaited.0.extend(untold(&stable));
        partitions.retain(|partition| {
            let Some(hidden) = hidden(&ends, &stable, partition) else { return false };
            awaited.0.insert(partition.clone(), Ok(hidden));
            hidden.start < hidden.end
        });
        let over = begun.elapsed() >= shared.settle || shared.cancel.cancelled().is_some();
        if partitions.is_empty() || over {
            return Ok(awaited);
        }
        std::thread::sleep(ASK_AGAIN);
    }
}

fn known_end(bounds: &EachBounds, partition: &TopicPartition) -> Option<i64> {
    bounds.get(partition)?.as_ref().ok().map(|bounds| bounds.end)
}

/// The partitions whose bounds were not told: what is open there is not known.
fn untold(bounds: &EachBounds) -> Open {
    let errors = bounds.iter().filter_map(|(partition, bounds)| Some((partition, bounds.as_ref().err()?)));
    errors.map(|(partition, error)| (partition.clone(), Err(error.clone()))).collect()
}

/// From the last stable offset of a partition to its high watermark, where both were told.
fn hidden(ends: &EachBounds, stable: &EachBounds, partition: &TopicPartition) -> Option<OffsetRange> {
    Some(OffsetRange { start: known_end(stable, partition)?, end: known_end(ends, partition)? })
}

/// Names the transactions that are still open at each pair's end, after waiting at most `settle` for them to end: a
/// living producer has one open at nearly any time. What the target may hold of them is not judged. A side of which it is
/// not known counts as not read to its end.
pub(super) fn open_transactions(
    readers: &mut Readers<'_>,
    clusters: [&Cluster; 2],
    settle: Duration,
    awaited: &Awaited,
    pairs: &mut [(&PairPlan, &mut PairRead)],
) -> Result<(), RunError> {
    for side in Side::BOTH {
        let read_to: BTreeMap<TopicPartition, i64> = pairs
            .iter()
            .filter(|(_, read)| read.reading.complete[side as usize])
            .map(|(pair, read)| (pair.partition(side).clone(), read.reading.read_to[side as usize]))
            .collect();
        let open = still_open(clusters, settle, awaited, side, read_to)?;
        for (pair, read) in pairs.iter_mut() {
            let partition = pair.partition(side);
            let Some(open) = open.get(partition) else { continue };
            read.remarks.push(sentence(readers, side, partition, open)?);
            match open {
                // MirrorMaker 2 copies uncommitted records unless told otherwise.
                Ok(range) if side == Side::Source => read.reading.holes[0].push(*range),
                Ok(_) => {}
                Err(_) => read.reading.complete[side as usize] = false,
            }
        }
    }
    Ok(())
}

/// The same for partitions that are not compared pair by pair; `read_to`: one past the last offset read. Returns a
/// sentence for each partition with an open transaction, and for each of which it is not known.
pub(super) fn open_transactions_at(
    readers: &mut Readers<'_>,
    clusters: [&Cluster; 2],
    settle: Duration,
    awaited: &Awaited,
    side: Side,
    read_to: BTreeMap<TopicPartition, i64>,
) -> Result<Vec<String>, RunError> {
    let open = still_open(clusters, settle, awaited, side, read_to)?;
    open.iter().map(|(partition, open)| sentence(readers, side, partition, open)).collect()
}

/// Of the partitions in `read_to`. Those of the source that were waited for before are not asked again: a transaction
/// that has ended since was open when the records were read.
fn still_open(
    clusters: [&Cluster; 2],
    settle: Duration,
    awaited: &Awaited,
    side: Side,
    mut read_to: BTreeMap<TopicPartition, i64>,
) -> Result<Open, KafkaError> {
    let mut open = Open::new();
    if side == Side::Source {
        for (partition, hidden) in &awaited.0 {
            let Some(read_to) = read_to.remove(partition) else { continue };
            // What was committed between the last look and the reading was read.
            let left = hidden.clone().map(|range| OffsetRange { start: range.start.max(read_to), ..range });
            if left.as_ref().is_ok_and(|left| left.start >= left.end) {
                continue;
            }
            open.insert(partition.clone(), left);
        }
    }
    open.extend(hanging(clusters[side as usize], read_to, settle)?);
    Ok(open)
}

/// By partition, from the last stable offset to the high watermark: where a transaction holds the last stable offset at
/// or below the offset that was read to, and where that is not told.
fn hanging(
    cluster: &Cluster,
    mut read_to: BTreeMap<TopicPartition, i64>,
    settle: Duration,
) -> Result<Open, KafkaError> {
    let begun = Instant::now();
    let mut unknown = Open::new();
    loop {
        let partitions: Vec<TopicPartition> = read_to.keys().cloned().collect();
        if partitions.is_empty() {
            return Ok(unknown);
        }
        // The high watermark first: a transaction that ends in between is not taken for an open one.
        let ends = bounds_of_each(cluster, &partitions, Isolation::ReadUncommitted)?;
        let known: Vec<TopicPartition> =
            partitions.into_iter().filter(|partition| known_end(&ends, partition).is_some()).collect();
        let stable = bounds_of_each(cluster, &known, Isolation::ReadCommitted)?;
        let mut open = held_back(&read_to, &ends, &stable);
        unknown.extend(untold(&ends));
        unknown.extend(untold(&stable));
        if open.is_empty() || begun.elapsed() >= settle {
            open.append(&mut unknown);
            return Ok(open);
        }
        read_to.retain(|partition, _| open.contains_key(partition));
        std::thread::sleep(ASK_AGAIN);
    }
}

/// Of the partitions whose bounds are known.
fn held_back(read_to: &BTreeMap<TopicPartition, i64>, ends: &EachBounds, stable: &EachBounds) -> Open {
    let open = read_to.iter().filter_map(|(partition, &read_to)| {
        let range = hidden(ends, stable, partition)?;
        (range.start <= read_to && range.start < range.end).then(|| (partition.clone(), Ok(range)))
    });
    open.collect()
}

fn sentence(
    readers: &mut Readers<'_>,
    side: Side,
    partition: &TopicPartition,
    open: &Result<OffsetRange, KafkaError>,
) -> Result<String, RunError> {
    let range = match open {
        Ok(range) => *range,
        Err(error) => {
            return Ok(format!(
                "{partition} of the {side}: whether a transaction is open at its end is not known, so that what lies \
                 there is not judged: {error}"
            ));
        }
    };
    let mut since = None;
    let _ = readers.read(side, Isolation::ReadUncommitted, partition, range, |view| {
        since = Some(view.timestamp);
        false
    })?;
    Ok(remark(side, partition, range, since))
}

/// For people. `since`: the timestamp of the first record of the open transaction, in milliseconds since the epoch.
fn remark(side: Side, partition: &TopicPartition, range: OffsetRange, since: Option<i64>) -> String {
    let since = since
        .filter(|&millis| millis >= 0)
        .and_then(|millis| OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok())
        .map_or_else(|| "an unknown time".to_owned(), super::rfc3339);
    format!(
        "{partition} of the {side}: a transaction is open, so that committed records can be read up to offset {} only \
         (last stable offset); records from offset {} on, since {since}, {} offsets are not judged: have its producer \
         end it, or abort it with kafka-transactions.sh, then run again",
        range.start,
        range.start,
        range.end - range.start
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::{At, LogBounds};

    #[test]
    fn a_partition_whose_bounds_are_not_told_hides_no_open_transaction_of_another() {
        let [open, done, away] = [0, 1, 2].map(|number| TopicPartition::new("orders", number));
        let bounds = |end| Ok(LogBounds { log_start: 0, end });
        let at =
            At { side: Side::Source, alias: "a".into(), operation: "ask", partition: None, offset: None };
        let failed = || Err(KafkaError::Failed { at: Box::new(at.clone()), detail: "away".into() });
        let ends = [(open.clone(), bounds(9)), (done.clone(), bounds(9)), (away.clone(), failed())].into();
        let stable = [(open.clone(), bounds(5)), (done.clone(), bounds(9))].into();
        let read_to = [(open.clone(), 5), (done, 9), (away.clone(), 7)].into();
        let held = held_back(&read_to, &ends, &stable);
        let held: Vec<_> = held.into_iter().map(|(partition, range)| (partition, range.ok())).collect();
        assert_eq!(held, [(open.clone(), Some(OffsetRange { start: 5, end: 9 }))]);
        assert_eq!([&open, &away].map(|partition| known_end(&ends, partition)), [Some(9), None]);
        assert_eq!(untold(&ends).keys().collect::<Vec<_>>(), [&away], "what is open there is not known");
    }

    #[test]
    fn an_open_transaction_is_told_with_partition_offsets_and_time() {
        let partition = TopicPartition::new("orders", 2);
        let range = OffsetRange { start: 70, end: 95 };
        let text = remark(Side::Source, &partition, range, Some(1_793_606_400_000));
        for word in ["orders-2", "source", "offset 70", "25 offsets", "2026-11-02T", "not judged"] {
            assert!(text.contains(word), "{word} in {text}");
        }
        assert!(remark(Side::Target, &partition, range, None).contains("unknown time"));
    }
}
