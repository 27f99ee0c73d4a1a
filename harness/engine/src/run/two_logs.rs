//! Two embedded clusters that hold the same records, for tests of what is read again.

use std::collections::BTreeMap;

use cutproof_testcontainers::{EmbeddedCluster, PlainRecord, produce};

use super::again::Readers;
use crate::cancel::CancelToken;
use crate::kafka::{Cluster, ClusterSettings};
use crate::monitor::{Monitor, Silent};
use crate::positions::PairPlan;
use crate::record::{Contract, Side, TopicPartition};

/// `orders-0` on the source, `src.orders-0` on the target.
pub(super) struct TwoLogs {
    // A client must not outlive its cluster.
    clusters: [Cluster; 2],
    embedded: [EmbeddedCluster; 2],
    pub pair: PairPlan,
}

impl TwoLogs {
    /// One record for each of `values`, from offset 0 on.
    pub fn of(values: Vec<Vec<u8>>, contract: Contract) -> Self {
        let [source, target] = ["orders", "src.orders"].map(|topic| TopicPartition::new(topic, 0));
        let pair = PairPlan::unbounded(source, target, contract);
        let embedded = Side::BOTH.map(|side| {
            let cluster = EmbeddedCluster::start(1).expect("an embedded cluster");
            let topic = &pair.partition(side).topic;
            cluster.create_topic(topic, 1).expect("made");
            let records = values.iter().map(|value| PlainRecord {
                partition: 0,
                key: None,
                value: Some(value.clone()),
                headers: vec![],
                timestamp: 1_793_606_400_000,
            });
            produce(cluster.bootstrap_servers(), topic, records).expect("produced");
            cluster
        });
        let clusters = Side::BOTH.map(|side| {
            let servers = embedded[side as usize].bootstrap_servers();
            let properties = BTreeMap::from([("fetch.wait.max.ms".to_owned(), "10".to_owned())]);
            Cluster::connect(ClusterSettings::new(side, "embedded", servers, properties)).expect("connected")
        });
        Self { clusters, embedded, pair }
    }

    /// Source, target.
    pub fn clusters(&self) -> [&Cluster; 2] {
        self.clusters.each_ref()
    }

    /// What reads them again.
    pub fn readers<'t>(&'t self, cancel: &'t CancelToken) -> Readers<'t> {
        self.watched_readers(cancel, &Silent)
    }

    /// The same, whose warnings `monitor` hears.
    pub fn watched_readers<'t>(&'t self, cancel: &'t CancelToken, monitor: &'t dyn Monitor) -> Readers<'t> {
        let [source, target] = &self.clusters;
        Readers::new([source, target], cancel, monitor)
    }

    /// The only broker of a side goes away.
    pub fn take_down(&self, side: Side) {
        self.embedded[side as usize].mock().broker_down(1).expect("down");
    }
}
