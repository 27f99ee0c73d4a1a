//! Sets the demo's stage: two embedded clusters, the workload on one, its copy on the other, the groups' commits, a
//! registry for each, and the configuration. Judges nothing.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use cutproof_fixtures::workloads::{ORDERS_SCHEMA, TopicFixture};
use cutproof_scenarios::staging::{carried, in_order, plain};
use cutproof_testcontainers::{
    Commit, Copier, CopierSettings, EmbeddedCluster, Error, FixedRegistry, NeededTopic, commit_offsets,
    produce_with,
};

use super::planted::Script;
use crate::failure::Failure;

/// The replicator's names for the two clusters.
pub const SOURCE_ALIAS: &str = "src";
const TARGET_ALIAS: &str = "dst";
const BROKERS: i32 = 3;
/// The id in the framing of orders.
const ORDERS_SCHEMA_ID: u32 = 1;

/// All that runs while the demo does. No client of the clusters may outlive it.
pub struct Stage {
    source: EmbeddedCluster,
    target: EmbeddedCluster,
    source_registry: FixedRegistry,
    target_registry: FixedRegistry,
    topics: Vec<String>,
    groups: Vec<String>,
    source_records: usize,
    target_records: usize,
    checkpoints: usize,
}

impl Stage {
    /// Starts everything, fills the source, copies, commits, translates.
    pub fn set(script: &Script) -> Result<Self, Failure> {
        let failed = |error: Error| {
            Failure::from_error(1, &error, "run the demo again; it needs free ports on 127.0.0.1")
                .while_doing("set the demo's stage")
        };
        Self::try_set(script).map_err(failed)
    }

    fn try_set(script: &Script) -> Result<Self, Error> {
        let (source, target) = (EmbeddedCluster::start(BROKERS)?, EmbeddedCluster::start(BROKERS)?);
        let registry = || FixedRegistry::start(HashMap::from([(ORDERS_SCHEMA_ID, ORDERS_SCHEMA.to_owned())]));
        let mut copier = Copier::new(CopierSettings::new(
            source.bootstrap_servers(),
            SOURCE_ALIAS,
            target.bootstrap_servers(),
            TARGET_ALIAS,
        ));
        let topics = &script.workload.topics;
        let named: Vec<(&str, i32)> =
            topics.iter().map(|topic| (topic.name.as_str(), topic.partitions as i32)).collect();
        for (topic, partitions) in &named {
            source.create_topic(topic, *partitions)?;
        }
        for NeededTopic { name, partitions, on_target } in copier.needed_topics(&named) {
            (if on_target { &target } else { &source }).create_topic(&name, partitions)?;
        }
        let (mut source_records, mut target_records) = (0, 0);
        for (topic, on_target) in topics.iter().zip(&script.target) {
            source_records += fill(&source, topic)?;
            target_records +=
                copier.copy_topic_with(&topic.name, |read| carried(read, &on_target.records))?;
        }
        for group in &script.workload.groups {
            let commits: Vec<Commit> = group
                .commits
                .iter()
                .map(|commit| Commit::new(&commit.topic, commit.partition, commit.next_record as i64))
                .collect();
            commit_offsets(source.bootstrap_servers(), &group.group, &commits)?;
        }
        let groups: Vec<String> = script.workload.groups.iter().map(|group| group.group.clone()).collect();
        let names: Vec<&str> = groups.iter().map(String::as_str).collect();
        let checkpoints = copier.write_checkpoints(&names)?.len();
        Ok(Self {
            source_registry: registry()?,
            target_registry: registry()?,
            topics: topics.iter().map(|topic| topic.name.clone()).collect(),
            groups,
            source,
            target,
            source_records,
            target_records,
            checkpoints,
        })
    }

    /// What was done, in a few lines.
    pub fn description(&self) -> String {
        let Self { topics, groups, source_records, target_records, checkpoints, .. } = self;
        format!(
            "Two embedded clusters of {BROKERS} brokers each; an in-process replicator\n  \
             {source_records} records of {} on the source, {target_records} on the target\n  \
             groups {}, with {checkpoints} checkpoints\n",
            topics.join(", "),
            groups.join(", ")
        )
    }

    /// Writes the configuration of the proof into `directory`, which is made where it does not exist.
    pub fn write_config(&self, directory: &Path) -> Result<PathBuf, Failure> {
        let path = directory.join("demo.cutproof.yaml");
        std::fs::create_dir_all(directory).and_then(|()| std::fs::write(&path, self.config())).map_err(
            |error| {
                Failure::from_error(1, &error, "name a directory that can be written with --out")
                    .while_doing(&format!("write {}", path.display()))
            },
        )?;
        Ok(path)
    }

    fn config(&self) -> String {
        let cluster = |alias: &str, cluster: &EmbeddedCluster, registry: &FixedRegistry| {
            format!(
                "\n  alias: {alias}\n  bootstrap_servers: {}\n  properties: {{ fetch.wait.max.ms: \"10\" }}\n  \
                 schema_registry: {{ url: \"{}\" }}",
                cluster.bootstrap_servers(),
                registry.url()
            )
        };
        format!(
            "# Written by `cutproof demo`; its clusters are gone when it ends.\n\
             apiVersion: cutproof/v1\n\
             kind: Proof\n\
             # fetch.wait.max.ms: the brokers are at hand, so no fetch needs to wait long for more.\n\
             source:{}\n\
             target:{}\n\
             topics: {{ include: [{}] }}\n\
             # Literal names: embedded brokers can't list groups.\n\
             groups: {{ include: [{}] }}\n\
             # Nothing is being copied any more, so there is nothing to wait for.\n\
             range: {{ settle: 500ms }}\n",
            cluster(SOURCE_ALIAS, &self.source, &self.source_registry),
            cluster(TARGET_ALIAS, &self.target, &self.target_registry),
            self.topics.join(", "),
            self.groups.join(", ")
        )
    }
}

fn fill(cluster: &EmbeddedCluster, topic: &TopicFixture) -> Result<usize, Error> {
    let records = (0..)
        .zip(&topic.records)
        .flat_map(|(partition, records)| records.iter().map(move |record| plain(record, partition)));
    produce_with(cluster.bootstrap_servers(), &topic.name, &in_order(), records)
}
