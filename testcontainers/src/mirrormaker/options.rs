//! What MirrorMaker 2 is started with, and the properties that follow from it.

use std::collections::BTreeMap;

use crate::versions::KafkaVersion;

/// How topics are named on the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MirrorPolicy {
    /// `<source alias><separator><topic>`.
    #[default]
    Default,
    /// The same name.
    Identity,
}

/// What a [`super::MirrorMaker`] is started with.
#[derive(Clone, Debug)]
pub struct MirrorOptions {
    /// Its own release, which need not be that of a cluster.
    pub version: KafkaVersion,
    /// Bootstrap servers of the source.
    pub source_bootstrap: String,
    /// Bootstrap servers of the target.
    pub target_bootstrap: String,
    /// Its name for the source.
    pub source_alias: String,
    /// Its name for the target.
    pub target_alias: String,
    /// Which topics it copies: a regular expression over whole names.
    pub topics: String,
    /// Which groups it translates: a regular expression over whole names.
    pub groups: String,
    /// Names on the target.
    pub policy: MirrorPolicy,
    /// Between alias and topic under the default policy; also within names of internal topics. `None` is MM2's `.`.
    pub separator: Option<String>,
    /// Exactly-once: reads committed records only, writes transactions.
    pub exactly_once: bool,
    /// Commits translated offsets for groups on the target.
    pub sync_group_offsets: bool,
    /// Keeps the offset-syncs topic on the target instead of the source.
    pub offset_syncs_on_target: bool,
    /// `offset.lag.max`; `None` is MM2's 100.
    pub offset_lag_max: Option<u32>,
    /// Properties of `mm2.properties` that are added, or replace the package's.
    pub properties: BTreeMap<String, String>,
    /// Heap in MiB.
    pub heap_mib: u32,
}

impl MirrorOptions {
    /// Copies `topics` and translates all groups, with MM2's defaults except for short intervals.
    pub fn new(source_bootstrap: &str, target_bootstrap: &str, topics: &str) -> Self {
        Self {
            version: KafkaVersion::SOURCE_DEFAULT,
            source_bootstrap: source_bootstrap.to_owned(),
            target_bootstrap: target_bootstrap.to_owned(),
            source_alias: "src".to_owned(),
            target_alias: "dst".to_owned(),
            topics: topics.to_owned(),
            groups: ".*".to_owned(),
            policy: MirrorPolicy::Default,
            separator: None,
            exactly_once: false,
            sync_group_offsets: false,
            offset_syncs_on_target: false,
            offset_lag_max: None,
            properties: BTreeMap::new(),
            heap_mib: 384,
        }
    }

    /// With a property of `mm2.properties`.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a transformation that drops every record that has a header of this name.
    #[must_use]
    pub fn dropping_records_with_header(self, header: &str) -> Self {
        let connector = format!("{}->{}", self.source_alias, self.target_alias);
        let set =
            |options: Self, name: &str, value: &str| options.property(&format!("{connector}.{name}"), value);
        let transforms = "org.apache.kafka.connect.transforms";
        let options = set(self, "transforms", "drop");
        let options = set(options, "transforms.drop.type", &format!("{transforms}.Filter"));
        let options = set(options, "transforms.drop.predicate", "marked");
        let options = set(options, "predicates", "marked");
        let options =
            set(options, "predicates.marked.type", &format!("{transforms}.predicates.HasHeaderKey"));
        set(options, "predicates.marked.name", header)
    }

    /// The name of a source topic on the target.
    pub fn target_topic(&self, source_topic: &str) -> String {
        match self.policy {
            MirrorPolicy::Default => format!("{}{}{source_topic}", self.source_alias, self.separator()),
            MirrorPolicy::Identity => source_topic.to_owned(),
        }
    }

    /// The topic on the target that holds checkpoints.
    pub fn checkpoints_topic(&self) -> String {
        let separator = self.separator();
        format!("{}{separator}checkpoints{separator}internal", self.source_alias)
    }

    /// The topic that holds offset-syncs: on the source, or on the target if `offset_syncs_on_target`.
    pub fn offset_syncs_topic(&self) -> String {
        let separator = self.separator();
        let other = if self.offset_syncs_on_target { &self.source_alias } else { &self.target_alias };
        format!("mm2-offset-syncs{separator}{other}{separator}internal")
    }

    /// The topic on the target that holds how far it has read the source. Connect's own, so no separator counts.
    pub fn connect_offsets_topic(&self) -> String {
        format!("mm2-offsets.{}.internal", self.source_alias)
    }

    /// The separator within names.
    pub fn separator(&self) -> &str {
        self.separator.as_deref().unwrap_or(".")
    }

    /// The content of `mm2.properties`. `rest_port` is used for exactly-once only.
    pub(super) fn to_properties(&self, rest_port: u16) -> String {
        let Self { source_alias: source, target_alias: target, .. } = self;
        let mut all = BTreeMap::new();
        let mut set = |name: String, value: &str| all.insert(name, value.to_owned());
        set("clusters".to_owned(), &format!("{source}, {target}"));
        set(format!("{source}.bootstrap.servers"), &self.source_bootstrap);
        set(format!("{target}.bootstrap.servers"), &self.target_bootstrap);
        set(format!("{source}->{target}.enabled"), "true");
        set(format!("{source}->{target}.topics"), &self.topics);
        set(format!("{source}->{target}.groups"), &self.groups);
        set(format!("{target}->{source}.enabled"), "false");
        set(format!("{target}->{source}.emit.heartbeats.enabled"), "false");
        for name in [
            "replication.factor",
            "checkpoints.topic.replication.factor",
            "heartbeats.topic.replication.factor",
            "offset-syncs.topic.replication.factor",
            "offset.storage.replication.factor",
            "status.storage.replication.factor",
            "config.storage.replication.factor",
            "offset.storage.partitions",
            "status.storage.partitions",
            "emit.checkpoints.interval.seconds",
            "sync.group.offsets.interval.seconds",
            "tasks.max",
        ] {
            set(name.to_owned(), "1");
        }
        set("refresh.topics.interval.seconds".to_owned(), "2");
        set("refresh.groups.interval.seconds".to_owned(), "2");
        set("sync.topic.acls.enabled".to_owned(), "false");
        set(format!("{target}.offset.flush.interval.ms"), "1000");
        set("sync.group.offsets.enabled".to_owned(), if self.sync_group_offsets { "true" } else { "false" });
        if self.offset_syncs_on_target {
            set("offset-syncs.topic.location".to_owned(), "target");
        }
        if let Some(lag) = self.offset_lag_max {
            set("offset.lag.max".to_owned(), &lag.to_string());
        }
        if self.policy == MirrorPolicy::Identity {
            let class = "org.apache.kafka.connect.mirror.IdentityReplicationPolicy";
            set("replication.policy.class".to_owned(), class);
        }
        if let Some(separator) = &self.separator {
            set("replication.policy.separator".to_owned(), separator);
        }
        if self.exactly_once {
            set(format!("{target}.exactly.once.source.support"), "enabled");
            set("dedicated.mode.enable.internal.rest".to_owned(), "true");
            set("listeners".to_owned(), &format!("http://127.0.0.1:{rest_port}"));
            set(format!("{source}.consumer.isolation.level"), "read_committed");
        }
        all.extend(self.properties.clone());
        all.into_iter().map(|(name, value)| format!("{name} = {value}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_policy_and_the_separator() {
        let mut options = MirrorOptions::new("s:1", "t:1", "orders");
        assert_eq!(options.target_topic("orders"), "src.orders");
        assert_eq!(options.checkpoints_topic(), "src.checkpoints.internal");
        assert_eq!(options.offset_syncs_topic(), "mm2-offset-syncs.dst.internal");
        options.separator = Some("_".to_owned());
        options.offset_syncs_on_target = true;
        assert_eq!(options.target_topic("orders"), "src_orders");
        assert_eq!(options.checkpoints_topic(), "src_checkpoints_internal");
        assert_eq!(options.offset_syncs_topic(), "mm2-offset-syncs_src_internal");
        options.policy = MirrorPolicy::Identity;
        assert_eq!(options.target_topic("orders"), "orders");
    }

    #[test]
    fn a_property_of_the_caller_replaces_the_packages() {
        let options = MirrorOptions::new("s:1", "t:1", "orders").property("tasks.max", "3");
        let text = options.to_properties(1);
        assert!(text.contains("tasks.max = 3\n") && !text.contains("tasks.max = 1\n"), "{text}");
    }
}
