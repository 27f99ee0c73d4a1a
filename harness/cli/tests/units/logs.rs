//! Three topics, one for each way to compare units, and both logs of each as a test keeps them.

use std::collections::BTreeMap;

use cutproof_testcontainers::{EmbeddedCluster, PlainRecord, ProduceOptions, produce_with};

use crate::support::config_at;

/// A topic and what its contract promises.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub topic: &'static str,
    promise: &'static str,
    /// Source, target.
    pub partitions: [i32; 2],
}

pub const SHAPES: [Shape; 3] = [
    Shape { topic: "spread", promise: "partitions: by_key", partitions: [3, 5] },
    Shape { topic: "keyed", promise: "order: key", partitions: [2, 2] },
    Shape { topic: "loose", promise: "order: none", partitions: [2, 2] },
];

/// Record `n`: its key is one of 23, every eleventh has none. All its copies are equal to it.
pub fn record(n: i64, partitions: i32) -> PlainRecord {
    let keyless = n % 11 == 0;
    let key = n % 23;
    let spread = if keyless { n / 11 } else { key * 7 + key / 3 };
    PlainRecord {
        partition: (spread % i64::from(partitions)) as i32,
        key: (!keyless).then(|| format!("key {key}").into_bytes()),
        value: Some(format!("value {n}").into_bytes()),
        headers: vec![],
        timestamp: 1_793_606_400_000 + n,
    }
}

/// Two embedded clusters with a topic of each shape.
pub struct Lab {
    pub clusters: [EmbeddedCluster; 2],
    pub work: tempfile::TempDir,
}

impl Lab {
    pub fn new() -> Self {
        let clusters = [(), ()].map(|()| EmbeddedCluster::start(1).expect("embedded brokers"));
        for shape in SHAPES {
            for (cluster, partitions) in clusters.iter().zip(shape.partitions) {
                cluster.create_topic(shape.topic, partitions).expect("made");
            }
        }
        Self { clusters, work: tempfile::tempdir().expect("a directory") }
    }

    /// `more`: keys of the configuration apart from clusters, names, topics and contracts. `properties`: of both clients.
    pub fn config(&self, properties: &str, more: &str) -> String {
        self.config_of(&SHAPES, properties, more)
    }

    /// The same for some of the topics.
    pub fn config_of(&self, shapes: &[Shape], properties: &str, more: &str) -> String {
        let [source, target] = self.clusters.each_ref().map(EmbeddedCluster::bootstrap_servers);
        let topics = shapes.iter().map(|shape| shape.topic).collect::<Vec<_>>().join(", ");
        let contracts =
            SHAPES.map(|shape| format!("  - {{ topics: [{}], {} }}\n", shape.topic, shape.promise)).concat();
        let config = config_at(
            source,
            target,
            "src",
            &format!(
                "replication: {{ kind: none, policy: identity }}\ntopics: {{ include: [{topics}] }}\n\
                 contracts:\n{contracts}{more}"
            ),
        );
        config.replace(" bootstrap_servers", &format!(" properties: {{ {properties} }}, bootstrap_servers"))
    }
}

/// A log: for each partition the numbers of its records.
#[derive(Clone, Debug, Default)]
pub struct Log(pub BTreeMap<i32, Vec<i64>>);

impl Log {
    /// Appends record after record, on the cluster and here.
    pub fn append(&mut self, cluster: &EmbeddedCluster, shape: Shape, side: usize, numbers: &[i64]) {
        let records: Vec<PlainRecord> = numbers.iter().map(|&n| record(n, shape.partitions[side])).collect();
        for (record, &n) in records.iter().zip(numbers) {
            self.0.entry(record.partition).or_default().push(n);
        }
        produce_in_order(cluster, shape.topic, records);
    }

    /// Partition and offset of every record `n`, in order.
    pub fn places(&self, n: i64) -> Vec<(i32, i64)> {
        let of = |(&partition, numbers): (&i32, &Vec<i64>)| {
            let offsets = numbers.iter().enumerate().filter(|(_, other)| **other == n);
            offsets.map(|(offset, _)| (partition, offset as i64)).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of).collect()
    }
}

/// As one partition leader would append them.
pub fn produce_in_order(cluster: &EmbeddedCluster, topic: &str, records: Vec<PlainRecord>) {
    let properties = [("enable.idempotence", "false"), ("max.in.flight.requests.per.connection", "1")];
    let options = ProduceOptions {
        properties: properties.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..ProduceOptions::default()
    };
    produce_with(cluster.bootstrap_servers(), topic, &options, records).expect("produced");
}

/// A finding: kind, topic, cause, and partition and offset on the source and on the target.
pub type Found = (String, String, Option<String>, Option<(i32, i64)>, Option<(i32, i64)>);

/// All findings of a run, sorted.
pub fn findings(directory: &std::path::Path) -> Vec<Found> {
    let mut found: Vec<Found> = cutproof_reports::read_findings(directory)
        .expect("the findings are readable")
        .into_iter()
        .map(|finding| {
            let place = |place: &cutproof_reports::RecordPlace| (place.partition, place.offset);
            let topic = finding.source.as_ref().or(finding.target.as_ref()).map(|at| at.topic.clone());
            let (source, target) = (finding.source.as_ref().map(place), finding.target.as_ref().map(place));
            (finding.kind.to_string(), topic.expect("a record"), finding.cause, source, target)
        })
        .collect();
    found.sort();
    found
}
