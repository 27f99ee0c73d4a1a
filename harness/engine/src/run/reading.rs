//! The two reader threads of a drive, and the ends that they read to. Knows neither pairs nor units, judges nothing.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use crate::align::Item;
use crate::consume::{Batch, Command, PlannedRange, Reader, ReaderError, bounded_prefetch, read_side};
use crate::fingerprint::Fingerprinter;
use crate::kafka::{Cluster, KafkaError};
use crate::record::{RecordView, Side, TopicPartition};

use super::RunError;
use super::bounds::bounds_of_each;
use super::item::item;
use super::noticed::Noticed;
use super::shared::{STALL_LIMIT, Shared};

/// Batches under way between the readers and alignment.
const BATCHES: usize = 32;

/// One partition's range, and what makes items of its records.
pub(super) type RangeToRead = (PlannedRange, Fingerprinter);

/// Reads `ranges` (source, target) on a thread each while `barrier` takes the batches and sends commands. Both
/// readers have ended when this returns.
pub(super) fn with_readers<R>(
    shared: &Shared<'_>,
    ranges: [Vec<RangeToRead>; 2],
    noticed: &mut Noticed<'_>,
    barrier: impl FnOnce(&[Sender<Command>; 2], &Receiver<Batch<Item>>) -> Result<R, RunError>,
) -> Result<R, RunError> {
    let (batches, incoming) = sync_channel::<Batch<Item>>(BATCHES);
    let (to_source, source_commands) = channel();
    let (to_target, target_commands) = channel();
    let commands = [to_source, to_target];
    let [source, target] = ranges;
    std::thread::scope(|scope| {
        let source = reading(shared, Side::Source, source, batches.clone(), source_commands, Some(noticed));
        let target = reading(shared, Side::Target, target, batches, target_commands, None);
        let source = scope.spawn(failing_alone(source, commands[1].clone()));
        let target = scope.spawn(failing_alone(target, commands[0].clone()));
        let outcome = barrier(&commands, &incoming);
        for command in &commands {
            let _ = command.send(Command::Stop);
        }
        drop(incoming);
        for thread in [source, target] {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        }
        outcome
    })
}

/// Tells the other reader to stop unless it is disarmed: `barrier` would wait for one that nobody ends.
struct StopsOther(Option<Sender<Command>>);

impl Drop for StopsOther {
    fn drop(&mut self) {
        if let Some(other) = &self.0 {
            let _ = other.send(Command::Stop);
        }
    }
}

/// One reader's work; where it fails or panics, the other one is stopped.
fn failing_alone<E>(
    work: impl FnOnce() -> Result<(), E>,
    other: Sender<Command>,
) -> impl FnOnce() -> Result<(), E> {
    move || {
        let mut on_failure = StopsOther(Some(other));
        work()?;
        on_failure.0 = None;
        Ok(())
    }
}

/// The work of one reader thread.
fn reading<'a>(
    shared: &'a Shared<'a>,
    side: Side,
    ranges: Vec<RangeToRead>,
    batches: SyncSender<Batch<Item>>,
    commands: Receiver<Command>,
    mut noticed: Option<&'a mut Noticed<'_>>,
) -> impl FnOnce() -> Result<(), ReaderError> + Send + 'a {
    let (ranges, fingerprinters): (Vec<PlannedRange>, Vec<Fingerprinter>) = ranges.into_iter().unzip();
    let cluster = cluster(shared, side);
    move || {
        let config =
            bounded_prefetch(cluster.reader_config(shared.isolation), shared.budget.prefetch(), ranges.len());
        let reader = Reader::open(side, &config, STALL_LIMIT)?;
        let map = |at: usize, view: &RecordView<'_>| {
            if let Some(noticed) = &mut noticed {
                noticed.notice(at, view);
            }
            item(&fingerprinters[at], view)
        };
        read_side(reader, &ranges, map, &batches, &commands, shared.cancel)
    }
}

fn cluster<'a>(shared: &Shared<'a>, side: Side) -> &'a Cluster {
    match side {
        Side::Source => shared.source,
        Side::Target => shared.target,
    }
}

/// The present end of each partition of one side; 0 where the broker names none.
pub(super) fn ends(
    shared: &Shared<'_>,
    side: Side,
    partitions: &[TopicPartition],
) -> Result<Vec<i64>, KafkaError> {
    let bounds = cluster(shared, side).log_bounds(partitions, shared.isolation)?;
    Ok(partitions.iter().map(|partition| bounds.get(partition).map_or(0, |bounds| bounds.end)).collect())
}

/// The same where some brokers may be away: of each partition its end, or why it is not known.
pub(super) fn ends_of_each(
    shared: &Shared<'_>,
    side: Side,
    partitions: &[TopicPartition],
) -> Result<Vec<Result<i64, String>>, KafkaError> {
    let bounds = bounds_of_each(cluster(shared, side), partitions, shared.isolation)?;
    let end = |partition: &TopicPartition| match bounds.get(partition) {
        Some(Ok(bounds)) => Ok(bounds.end),
        Some(Err(error)) => Err(format!("its present end is not known: {error}")),
        None => Ok(0),
    };
    Ok(partitions.iter().map(end).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_fails_or_panics_stops_the_other_and_one_that_ends_does_not() {
        let stopped = |work: fn() -> Result<(), ()>| {
            let (to_other, commands) = channel();
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(failing_alone(work, to_other)));
            matches!(commands.try_recv(), Ok(Command::Stop))
        };
        assert!(stopped(|| Err(())));
        assert!(stopped(|| panic!("a reader's panic")));
        assert!(!stopped(|| Ok(())));
    }
}
