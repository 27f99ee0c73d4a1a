//! The copier between two embedded clusters.

use super::*;
use crate::client::{Commit, commit_offsets, produce, read_all};
use crate::embedded::EmbeddedCluster;

const START: i64 = 1_793_606_400_000;

/// Every shape: null, empty and other keys, values and header values; repeated header names.
fn record(n: usize, partition: i32) -> PlainRecord {
    let shape = |n: usize, name: &str| match n % 3 {
        0 => None,
        1 => Some(Vec::new()),
        _ => Some(format!("{name} {n}").into_bytes()),
    };
    PlainRecord {
        partition,
        key: shape(n, "key"),
        value: shape(n / 3, "value"),
        headers: (0..n % 4).map(|at| (format!("h{}", at % 2), shape(at + n, "header"))).collect(),
        timestamp: START + n as i64,
    }
}

struct Two {
    source: EmbeddedCluster,
    target: EmbeddedCluster,
    copier: Copier,
}

/// Two clusters, a topic `orders` of two partitions on the source, and all that the copier needs.
fn two(naming: CopyNaming) -> Two {
    let (source, target) = (EmbeddedCluster::start(3).unwrap(), EmbeddedCluster::start(3).unwrap());
    source.create_topic("orders", 2).unwrap();
    let settings = CopierSettings::new(source.bootstrap_servers(), "src", target.bootstrap_servers(), "dst");
    let copier = Copier::new(CopierSettings { naming, ..settings });
    for NeededTopic { name, partitions, on_target } in copier.needed_topics(&[("orders", 2)]) {
        let cluster = if on_target { &target } else { &source };
        cluster.create_topic(&name, partitions).unwrap();
    }
    Two { source, target, copier }
}

impl Two {
    fn fill(&self, from: usize, to: usize) {
        let records = (from..to).flat_map(|n| [record(n, 0), record(n + 100_000, 1)]);
        produce(self.source.bootstrap_servers(), "orders", records).unwrap();
    }

    fn on_target(&self, topic: &str, partition: i32) -> Vec<PlainRead> {
        read_all(self.target.bootstrap_servers(), topic, partition, Isolation::ReadUncommitted).unwrap()
    }

    fn on_source(&self, topic: &str, partition: i32) -> Vec<PlainRead> {
        read_all(self.source.bootstrap_servers(), topic, partition, Isolation::ReadUncommitted).unwrap()
    }
}

#[test]
fn every_record_arrives_as_it_was_produced_and_each_only_once() {
    for naming in [CopyNaming::default(), CopyNaming::Identity] {
        let mut two = two(naming);
        two.fill(0, 300);
        assert_eq!(two.copier.copy_topic("orders").unwrap(), 600);
        assert_eq!(two.copier.copy_topic("orders").unwrap(), 0);
        two.fill(300, 400);
        assert_eq!(two.copier.copy_topic("orders").unwrap(), 200);
        let topic = two.copier.target_topic("orders");
        for (partition, shift) in [(0, 0), (1, 100_000)] {
            let copies = two.on_target(&topic, partition);
            assert_eq!(copies, two.on_source("orders", partition));
            let records: Vec<_> = copies.into_iter().map(|read| read.into_record(partition)).collect();
            assert_eq!(records, (0..400).map(|n| record(n + shift, partition)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn checkpoints_and_syncs_lie_where_mirrormaker_puts_them_and_translate_by_its_rule() {
    let mut two = two(CopyNaming::default());
    two.fill(0, 1000);
    two.copier.copy_topic("orders").unwrap();
    let commit = |group, partition, offset| {
        commit_offsets(two.source.bootstrap_servers(), group, &[Commit::new("orders", partition, offset)])
            .unwrap();
    };
    commit("middle", 0, 500);
    commit("end", 0, 1000);
    commit("end", 1, 404);
    let written = two.copier.write_checkpoints(&["middle", "end", "absent"]).unwrap();
    let positions: Vec<_> = written
        .iter()
        .map(|w| (w.group.as_str(), w.topic.as_str(), w.partition, w.upstream_offset, w.downstream_offset))
        .collect();
    assert_eq!(
        positions,
        [
            ("middle", "src.orders", 0, 500, 405),
            ("end", "src.orders", 0, 1000, 1000),
            ("end", "src.orders", 1, 404, 404)
        ]
    );
    // The bytes themselves are `wire`'s tests'; here, that they are what lies in the topic.
    let checkpoints = two.on_target("src.checkpoints.internal", 0);
    assert_eq!(checkpoints.len(), 3);
    assert_eq!(checkpoints[0].key, Some(wire::checkpoint_key("middle", "src.orders", 0)));
    assert_eq!(checkpoints[0].value, Some(wire::checkpoint_value(500, 405)));
    let syncs = two.on_source("mm2-offset-syncs.dst.internal", 0);
    assert_eq!(syncs.len(), 2 * 11);
    assert_eq!(syncs[1].value, Some(wire::offset_sync_value(101, 101)));
    assert!(syncs.iter().chain(&checkpoints).all(|record| record.headers.is_empty()));

    // Nothing has moved: nothing is written. A group that goes back is.
    assert_eq!(two.copier.write_checkpoints(&["middle", "end"]).unwrap(), []);
    commit_offsets(two.source.bootstrap_servers(), "end", &[Commit::new("orders", 1, 5)]).unwrap();
    assert_eq!(two.copier.write_checkpoints(&["end"]).unwrap()[0].downstream_offset, 1);
}

#[test]
fn what_is_changed_on_the_way_lands_as_changed_and_positions_follow_the_regular_copies() {
    let mut two = two(CopyNaming::Identity);
    two.fill(0, 50);
    // Record 10 is lost, record 20 is written twice, record 30 goes to the other partition.
    let change = |source: Vec<Vec<PlainRead>>| {
        let mut carried = Vec::new();
        for (partition, records) in (0..).zip(source) {
            for read in records {
                let copy = Carried::copy_of(read, partition);
                match (partition, copy.source_offset) {
                    (0, Some(10)) => {}
                    (0, Some(20)) => {
                        carried.push(Carried { source_offset: None, ..copy.clone() });
                        carried.push(copy);
                    }
                    (0, Some(30)) => {
                        let record = PlainRecord { partition: 1, ..copy.record };
                        carried.push(Carried { record, source_offset: None });
                    }
                    _ => carried.push(copy),
                }
            }
        }
        carried
    };
    assert_eq!(two.copier.copy_topic_with("orders", change).unwrap(), 100);
    let (first, second) = (two.on_target("orders", 0), two.on_target("orders", 1));
    let offsets: Vec<i64> = first.iter().map(|read| read.timestamp - START).collect();
    let expected: Vec<i64> =
        (0..50).filter(|n| ![10, 30].contains(n)).flat_map(|n| vec![n; 1 + usize::from(n == 20)]).collect();
    assert_eq!(offsets, expected);
    assert_eq!(second[0].timestamp, START + 30);
    assert_eq!(second.len(), 51);
    commit_offsets(two.source.bootstrap_servers(), "g", &[Commit::new("orders", 0, 11)]).unwrap();
    // Record 11 follows a jump, so it has a sync of its own.
    assert_eq!(two.copier.write_checkpoints(&["g"]).unwrap()[0].downstream_offset, 10);
}

#[test]
fn a_topic_that_is_not_there_is_named() {
    let mut two = two(CopyNaming::default());
    let error = two.copier.copy_topic("absent").unwrap_err();
    assert!(error.to_string().contains("no topic absent"), "{error}");
}
