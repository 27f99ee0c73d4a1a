//! Whether the logs at the end of the run are the ones it began with: a topic that was deleted and made again, or a log
//! that was cut back, holds other records under the offsets that were read. Reads no record.

use std::collections::BTreeMap;

use crate::kafka::{Cluster, KafkaError};
use crate::positions::{PairPlan, Plan};
use crate::record::{Isolation, OffsetRange, Side, TopicPartition};

use super::bounds::bounds_of_each;

/// Topic ids by name: source, target; `None` where the brokers have none.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct TopicIds([Option<BTreeMap<String, String>>; 2]);

impl TopicIds {
    /// Of all topics of the plan, as of now.
    pub fn of(plan: &Plan, clusters: [&Cluster; 2]) -> Result<Self, KafkaError> {
        let [source, target] = Side::BOTH.map(|side| {
            let of_units = plan.units.iter().flat_map(|unit| match side {
                Side::Source => unit.sources.iter().map(|lane| lane.partition.topic.as_str()).collect(),
                Side::Target => vec![unit.target_topic()],
            });
            let of_pairs = plan.pairs.iter().map(|pair| pair.partition(side).topic.as_str());
            let mut topics: Vec<&str> = of_pairs.chain(of_units).collect();
            topics.sort_unstable();
            topics.dedup();
            clusters[side as usize].topic_ids(&topics)
        });
        Ok(Self([source?, target?]))
    }
}

/// How far a log was read.
#[derive(Clone, Copy)]
pub(super) struct LogRead {
    /// From the first offset to one past the last.
    pub range: OffsetRange,
    /// Whether it is asked where the log ends now: one that was read to its end is, and one that no longer held the offset
    /// that was due, because that may be gone at either end of the log.
    pub end_is_asked: bool,
}

/// What has become of the logs of a pair since they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// As far as the brokers tell they hold what was read.
    Same,
    /// They do not; says why.
    Changed(String),
    /// A broker does not tell; says of what.
    Unknown(String),
}

/// What has become of each of `pairs`. `read`: its logs on the source and the target; a pair or a log that was not read is
/// not looked at.
pub(super) fn other_logs(
    plan: &Plan,
    pairs: &[PairPlan],
    clusters: [&Cluster; 2],
    at_start: &TopicIds,
    read: &[Option<[Option<LogRead>; 2]>],
) -> Result<Vec<Since>, KafkaError> {
    let now = TopicIds::of(plan, clusters)?;
    let mut since = vec![Since::Same; pairs.len()];
    for side in Side::BOTH {
        let log = |at: usize| read[at].and_then(|logs| logs[side as usize]);
        let ids = [at_start, &now].map(|ids| ids.0[side as usize].as_ref());
        let mut asked: Vec<usize> = Vec::new();
        let mut ends: Vec<(TopicPartition, i64)> = Vec::new();
        for (at, pair) in pairs.iter().enumerate() {
            let Some(LogRead { range, end_is_asked }) = log(at) else { continue };
            if matches!(since[at], Since::Changed(_)) {
                continue;
            }
            let partition = pair.partition(side);
            if let [Some(before), Some(now)] = ids
                && let Some(why) = other_topic(side, partition, range, before, now)
            {
                since[at] = Since::Changed(why);
            } else if end_is_asked {
                asked.push(at);
                ends.push((partition.clone(), range.end));
            }
        }
        for (at, now) in asked.into_iter().zip(reach_as_far(side, clusters[side as usize], &ends)?) {
            if now != Since::Same {
                since[at] = now;
            }
        }
    }
    Ok(since)
}

fn other_topic(
    side: Side,
    partition: &TopicPartition,
    read: OffsetRange,
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
) -> Option<String> {
    let before = before.get(&partition.topic)?;
    let what = match now.get(&partition.topic) {
        Some(now) if now == before => return None,
        Some(_) => "was deleted and made again",
        None => "was deleted",
    };
    let offsets = match read.start < read.end {
        true => format!(" (offsets {} to {})", read.start, read.end - 1),
        false => String::new(),
    };
    Some(format!(
        "{partition} of the {side}: topic {} {what} while the run read it; nothing read of the partition{offsets} is \
         judged: run again",
        partition.topic
    ))
}

/// Whether each of `logs` of one side, with one past the last offset that was read of it, still reaches so far.
fn reach_as_far(
    side: Side,
    cluster: &Cluster,
    logs: &[(TopicPartition, i64)],
) -> Result<Vec<Since>, KafkaError> {
    if logs.is_empty() {
        return Ok(Vec::new());
    }
    let partitions: Vec<TopicPartition> = logs.iter().map(|(partition, _)| partition.clone()).collect();
    let bounds = bounds_of_each(cluster, &partitions, Isolation::ReadUncommitted)?;
    let since = |(partition, read_to): &(TopicPartition, i64)| match bounds.get(partition) {
        Some(Ok(bounds)) => {
            cut_back(side, partition, bounds.end, *read_to).map_or(Since::Same, Since::Changed)
        }
        Some(Err(error)) => Since::Unknown(format!(
            "{partition} of the {side}: whether its log is still the one that was read is not known: {error}"
        )),
        None => Since::Same,
    };
    Ok(logs.iter().map(since).collect())
}

fn cut_back(side: Side, partition: &TopicPartition, end: i64, read_to: i64) -> Option<String> {
    (end < read_to).then(|| {
        format!(
            "{partition} of the {side}: offsets up to {} were read, but its log now ends at {end}: it was cut back \
             (offsets {end} to {} are other records or none, as after an unclean leader election); nothing read of the \
             partition is judged: run again",
            read_to - 1,
            read_to - 1
        )
    })
}

#[cfg(test)]
mod tests {
    use cutproof_testcontainers::EmbeddedCluster;

    use super::super::two_logs::TwoLogs;
    use super::*;
    use crate::kafka::ClusterSettings;
    use crate::record::Contract;

    fn range(start: i64, end: i64) -> OffsetRange {
        OffsetRange { start, end }
    }

    #[test]
    fn a_log_that_ends_before_what_was_read_was_cut_back() {
        let partition = TopicPartition::new("orders", 3);
        assert_eq!(cut_back(Side::Source, &partition, 100, 100), None);
        assert_eq!(cut_back(Side::Source, &partition, 101, 100), None);
        let text = cut_back(Side::Target, &partition, 90, 100).expect("cut back");
        assert!(["orders-3", "target", "90", "99"].iter().all(|word| text.contains(word)), "{text}");
    }

    #[test]
    fn a_topic_that_was_made_again_is_told_with_the_offsets_that_were_read() {
        let partition = TopicPartition::new("orders", 3);
        let ids = |id: &str| BTreeMap::from([("orders".to_owned(), id.to_owned())]);
        let told = |read, now: &BTreeMap<String, String>| {
            other_topic(Side::Source, &partition, read, &ids("one"), now)
        };
        assert_eq!(told(range(5, 90), &ids("one")), None);
        let text = told(range(5, 90), &ids("another")).expect("another topic");
        for word in ["orders-3 of the source", "deleted and made again", "offsets 5 to 89", "run again"] {
            assert!(text.contains(word), "{word} in {text}");
        }
        let text = told(range(5, 5), &BTreeMap::new()).expect("no topic");
        assert!(text.contains("was deleted while") && !text.contains("offsets"), "{text}");
    }

    #[test]
    fn an_end_that_was_cut_away_is_found_also_where_the_reader_has_noticed_it() {
        let logs = TwoLogs::of((0..10).map(|n| vec![n]).collect(), Contract::default());
        let plan = Plan {
            source_cluster_id: String::new(),
            target_cluster_id: String::new(),
            pairs: vec![logs.pair.clone()],
            units: Vec::new(),
            groups: Vec::new(),
            ignored: Vec::new(),
            remarks: Vec::new(),
            members_unknown: 0,
            records_read_to_locate: 0,
        };
        let ids = TopicIds::of(&plan, logs.clusters()).expect("answered");
        let since = |read: Option<[Option<LogRead>; 2]>| {
            other_logs(&plan, &plan.pairs, logs.clusters(), &ids, &[read]).expect("answered")
        };
        let whole = Some(LogRead { range: range(0, 10), end_is_asked: true });
        let beyond = |end_is_asked| Some(LogRead { range: range(3, 12), end_is_asked });
        assert_eq!(since(Some([whole, whole])), [Since::Same]);
        assert_eq!(since(None), [Since::Same], "it was not read");
        assert_eq!(since(Some([whole, beyond(false)])), [Since::Same], "its broker may be away");
        let since = since(Some([whole, beyond(true)]));
        let [Since::Changed(why)] = &since[..] else { panic!("{since:?}") };
        for word in ["src.orders-0 of the target", "now ends at 10", "offsets 10 to 11"] {
            assert!(why.contains(word), "{word} in {why}");
        }
    }

    #[test]
    fn a_log_whose_broker_is_away_leaves_the_others_their_answer() {
        let brokers = EmbeddedCluster::start(2).expect("embedded brokers");
        brokers.create_topic("orders", 2).expect("made");
        for (partition, broker) in [(0, 1), (1, 2)] {
            brokers.mock().partition_leader("orders", partition, Some(broker)).expect("led");
        }
        let settings =
            ClusterSettings::new(Side::Source, "src", brokers.bootstrap_servers(), BTreeMap::new());
        let request_timeout = std::time::Duration::from_secs(2);
        let cluster = Cluster::connect(ClusterSettings { request_timeout, ..settings }).expect("connected");
        brokers.mock().broker_down(2).expect("down");
        let logs = [0, 1].map(|partition| (TopicPartition::new("orders", partition), 7));
        let since = reach_as_far(Side::Source, &cluster, &logs).expect("one answers");
        let [Since::Changed(cut), Since::Unknown(why)] = &since[..] else { panic!("{since:?}") };
        assert!(cut.contains("orders-0") && why.contains("orders-1 of the source"), "{cut} {why}");
    }
}
