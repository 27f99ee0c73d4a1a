//! What the readers met at the edges of a unit's logs: offsets that cannot be read, open transactions, logs that were
//! replaced. Where something is hidden, the side counts as not read to its end. Judges nothing else.

use std::collections::BTreeMap;

use crate::kafka::Cluster;
use crate::positions::Plan;
use crate::record::{Isolation, OffsetRange, Side, TopicPartition};

use super::super::RunError;
use super::super::again::Readers;
use super::super::same::{LogRead, Since, TopicIds, other_logs};
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
        readers.stalls(side).give_up(unit.plan.partition(side, lane));
    }
    // Those that gave nothing before are back.
    for side in Side::BOTH.into_iter().filter(|&side| read.complete[side as usize]) {
        for lane in 0..read.read_to[side as usize].len() {
            readers.stalls(side).gave(unit.plan.partition(side, lane));
        }
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
/// `out_of_range`: lanes that no longer held the offset that was due.
pub(in crate::run) fn withdraw_other_logs(
    plan: &Plan,
    unit: &Unit,
    (clusters, topic_ids, out_of_range): ([&Cluster; 2], &TopicIds, &[(Side, usize)]),
    judged: &mut JudgedUnit,
) {
    let pairs = stand_ins(&unit.plan);
    let reading = &judged.reading;
    let range = |start, end| OffsetRange { start, end };
    let sources = reading.sources.iter().map(|lane| range(lane.log_start, lane.read_to));
    let targets = reading.targets.iter().map(|lane| range(lane.start, lane.read_to));
    let ranges: [Vec<OffsetRange>; 2] = [sources.collect(), targets.collect()];
    let log = |side: Side, at: usize| {
        let end_is_asked = reading.complete[side as usize] || out_of_range.contains(&(side, at));
        ranges[side as usize].get(at).map(|&range| LogRead { range, end_is_asked })
    };
    let read: Vec<_> = (0..pairs.len()).map(|at| Some(Side::BOTH.map(|side| log(side, at)))).collect();
    match other_logs(plan, &pairs, clusters, topic_ids, &read) {
        Ok(since) => {
            for since in since {
                match since {
                    Since::Same => {}
                    Since::Unknown(why) => judged.remarks.push(why),
                    Since::Changed(why) => {
                        judged.result = None;
                        judged.remarks.push(why);
                    }
                }
            }
        }
        Err(error) => judged
            .remarks
            .push(format!("whether its logs are still the ones that were read is not known: {error}")),
    }
}
