//! What the readers met at the edges of a unit's logs: offsets that cannot be read, open transactions, logs that were
//! replaced. Where something is hidden, the side counts as not read to its end. Judges nothing else.

use std::collections::BTreeMap;

use crate::kafka::Cluster;
use crate::positions::Plan;
use crate::record::{Isolation, Side, TopicPartition};

use super::super::RunError;
use super::super::again::Readers;
use super::super::same::{TopicIds, other_logs};
use super::super::shared::Shared;
use super::super::stable::{Awaited, open_transactions_at};
use super::{JudgedUnit, Unit, UnitRead, stand_ins};

/// Remembers what could not be read, and looks for open transactions.
pub(in crate::run) fn edges(
    readers: &mut Readers<'_>,
    shared: &Shared<'_>,
    awaited: &Awaited,
    unit: &Unit,
    read: &mut UnitRead,
) -> Result<(), RunError> {
    for (side, lane, hole) in &read.holes {
        readers.holes.add(*side, unit.plan.partition(*side, *lane), [hole.clone()]);
    }
    for &(side, lane) in &read.stalled {
        readers.stalled.insert((side, unit.plan.partition(side, lane).clone()));
    }
    if shared.isolation != Isolation::ReadCommitted {
        return Ok(());
    }
    let clusters = [shared.source, shared.target];
    for side in Side::BOTH {
        if !read.complete[side as usize] {
            continue;
        }
        let read_to: BTreeMap<TopicPartition, i64> = read.read_to[side as usize]
            .iter()
            .enumerate()
            .map(|(lane, &end)| (unit.plan.partition(side, lane).clone(), end))
            .collect();
        let open = open_transactions_at(readers, clusters, shared.settle, awaited, side, read_to)?;
        read.complete[side as usize] = open.is_empty();
        read.remarks.extend(open);
    }
    Ok(())
}

/// A unit whose logs are no longer the ones that were read is not judged. After everything was read again, too.
pub(in crate::run) fn withdraw_other_logs(
    plan: &Plan,
    unit: &Unit,
    clusters: [&Cluster; 2],
    topic_ids: &TopicIds,
    judged: &mut JudgedUnit,
) {
    let pairs = stand_ins(&unit.plan);
    let reading = &judged.reading;
    let sources: Vec<i64> = reading.sources.iter().map(|lane| lane.read_to).collect();
    let targets: Vec<i64> = reading.targets.iter().map(|lane| lane.read_to).collect();
    let read_to: Vec<Option<[Option<i64>; 2]>> = (0..pairs.len())
        .map(|at| {
            let end = |lanes: &[i64], complete: bool| lanes.get(at).copied().filter(|_| complete);
            Some([end(&sources, reading.complete[0]), end(&targets, reading.complete[1])])
        })
        .collect();
    match other_logs(plan, &pairs, clusters, topic_ids, &read_to) {
        Ok(changed) => {
            let changed: Vec<String> = changed.into_iter().flatten().collect();
            if !changed.is_empty() {
                judged.result = None;
                judged.remarks.extend(changed);
            }
        }
        Err(error) => judged
            .remarks
            .push(format!("whether its logs are still the ones that were read is not known: {error}")),
    }
}
