//! The checked configuration as plain data. No parsing, no defaults that the file format does not state.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

use super::NameFilter;
use crate::record::{Contract, Side};

/// All that a run needs to know from its user.
#[derive(Clone, Debug)]
pub struct ProofConfig {
    /// The cluster that is left.
    pub source: ClusterConfig,
    /// The cluster that takes over. With `range.noise_floor` a copy of `source`.
    pub target: ClusterConfig,
    /// What copies the records, and how it names them.
    pub replication: ReplicationConfig,
    /// Over source topics.
    pub topics: NameFilter,
    /// Over consumer groups.
    pub groups: NameFilter,
    /// Where resume positions come from.
    pub positions: PositionsConfig,
    /// Which part of the logs is compared.
    pub range: RangeConfig,
    /// In the file's order; the first that matches a topic wins.
    pub contracts: Vec<ContractRule>,
    /// Bounds on what a run may take.
    pub limits: Limits,
    /// What reports may show.
    pub report: ReportConfig,
    /// Hex of the BLAKE3 digest of the file's text.
    pub digest: String,
}

impl ProofConfig {
    /// What is promised for a source topic: the first rule that matches, else the built-in default.
    pub fn contract_for(&self, source_topic: &str) -> Contract {
        self.rule_for(source_topic).map(|at| self.contracts[at].contract.clone()).unwrap_or_default()
    }

    /// Index into `contracts` of the rule that a source topic falls under; `None` for the built-in default.
    pub fn rule_for(&self, source_topic: &str) -> Option<usize> {
        self.contracts.iter().position(|rule| rule.topics.matches(source_topic))
    }
}

/// How to reach one cluster.
#[derive(Clone)]
pub struct ClusterConfig {
    /// The replicator's name for it.
    pub alias: String,
    /// `host:port`, comma-separated.
    pub bootstrap_servers: String,
    /// Client properties: those of the properties file, over them those written inline. Values may be secret.
    pub properties: BTreeMap<String, String>,
    /// The brokers' certificates need not be verified: said apart from the properties, so never by accident.
    pub allow_unverified_tls: bool,
    /// Its schema registry, where there is one.
    pub schema_registry: Option<RegistryConfig>,
}

impl fmt::Debug for ClusterConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alias, bootstrap_servers, properties, allow_unverified_tls, schema_registry } = self;
        f.debug_struct("ClusterConfig")
            .field("alias", alias)
            .field("bootstrap_servers", bootstrap_servers)
            .field("properties", &properties.keys().collect::<Vec<_>>())
            .field("allow_unverified_tls", allow_unverified_tls)
            .field("schema_registry", schema_registry)
            .finish()
    }
}

/// How to reach a schema registry.
#[derive(Clone, Debug)]
pub struct RegistryConfig {
    /// Base URL, without credentials.
    pub url: String,
    /// HTTP basic authentication.
    pub basic_auth: Option<BasicAuth>,
    /// Bearer token.
    pub bearer_token: Option<SecretString>,
    /// PEM file with the authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the client's certificate.
    pub certificate_file: Option<PathBuf>,
    /// PEM file with the client's key.
    pub key_file: Option<PathBuf>,
}

/// User name and password.
#[derive(Clone, Debug)]
pub struct BasicAuth {
    /// User name.
    pub username: String,
    /// Password.
    pub password: SecretString,
}

/// What copies the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicationConfig {
    /// Which replicator.
    pub kind: ReplicationKind,
    /// How it names topics on the target.
    pub policy: NamePolicy,
    /// Between alias and topic.
    pub separator: String,
    /// On which cluster MirrorMaker 2 keeps its offset-syncs.
    pub offset_syncs_location: Side,
    /// Source topic to target topic; wins over the policy.
    pub topic_map: BTreeMap<String, String>,
}

/// Which replicator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicationKind {
    /// Apache Kafka's MirrorMaker 2.
    Mirrormaker2,
    /// Byte copies that keep offsets, e.g. Cluster Linking or Redpanda Shadowing.
    OffsetPreserving,
    /// Offsets differ; the replicator commits the groups' positions on the target, e.g. MSK Replicator.
    GroupCommits,
    /// Redpanda Migrator.
    RedpandaMigrator,
    /// None that Cutproof knows.
    None,
}

impl ReplicationKind {
    /// The name in the configuration, e.g. `offset_preserving`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mirrormaker2 => "mirrormaker2",
            Self::OffsetPreserving => "offset_preserving",
            Self::GroupCommits => "group_commits",
            Self::RedpandaMigrator => "redpanda_migrator",
            Self::None => "none",
        }
    }
}

/// How topics are named on the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamePolicy {
    /// `<source alias><separator><topic>`.
    Default,
    /// The same name.
    Identity,
}

/// Where resume positions come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PositionsConfig {
    /// Which origin.
    pub origin: OriginChoice,
    /// Rows of group, topic, partition, offset; resolved against the configuration's directory.
    pub csv_file: Option<PathBuf>,
}

/// The origin that the user asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginChoice {
    /// By the kind of replication.
    Auto,
    /// MirrorMaker 2's checkpoints.
    Checkpoints,
    /// Recomputed from MirrorMaker 2's offset-syncs.
    OffsetSyncs,
    /// The groups' commits on the target.
    GroupCommits,
    /// The same number on both sides.
    Identity,
    /// A header that carries the source offset.
    Header,
    /// By timestamp.
    Timestamp,
    /// From a file.
    Csv,
    /// The target's log start.
    Earliest,
}

impl OriginChoice {
    /// The name in the configuration, e.g. `group_commits`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Checkpoints => "checkpoints",
            Self::OffsetSyncs => "offset_syncs",
            Self::GroupCommits => "group_commits",
            Self::Identity => "identity",
            Self::Header => "header",
            Self::Timestamp => "timestamp",
            Self::Csv => "csv",
            Self::Earliest => "earliest",
        }
    }
}

/// Which part of the logs is compared. It always ends at the barrier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeConfig {
    /// Where it starts.
    pub start: RangeStart,
    /// How long the target may bring nothing that is waited for, before what is left is judged.
    pub settle: Duration,
    /// Compare the source with itself: it must find nothing.
    pub noise_floor: bool,
}

/// Where the range starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeStart {
    /// At the lowest committed source offset of each partition.
    Positions,
    /// At the source's log start.
    Earliest,
    /// At the first record at or after this time, in milliseconds since the epoch.
    Timestamp(i64),
    /// As far back from the start of the run.
    Duration(Duration),
}

/// A contract and the source topics that it is for.
#[derive(Clone, Debug)]
pub struct ContractRule {
    /// Over source topics.
    pub topics: NameFilter,
    /// What they promise.
    pub contract: Contract,
}

/// Bounds on what a run may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory for records in flight or that differ, for buffers, and for the payloads of findings.
    pub memory_bytes: u64,
    /// Bytes of disk for what does not fit into memory.
    pub spill_bytes: u64,
}

/// What reports may show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReportConfig {
    /// Paths of payload fields that may appear; none by default.
    pub payload_fields: Vec<String>,
}
