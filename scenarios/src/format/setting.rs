//! Where a scenario is played: clusters, registries, replicator, workload.

use std::collections::BTreeMap;
use std::path::PathBuf;

use cutproof_fixtures::defects::DefectKind;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::SideWord;

/// No settings.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Empty {}

/// Two clusters.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clusters {
    /// In this process, made for this scenario alone: fast, but without transactions, compaction, retention, look-up by
    /// timestamp and network faults.
    Embedded(Embedded),
    /// Real Kafka on the JVM, on free ports of 127.0.0.1.
    Kafka(KafkaSpec),
    /// The user's own two clusters. Written to only with --execute and --topic-prefix.
    Own(OwnSpec),
}

impl Default for Clusters {
    fn default() -> Self {
        Self::Embedded(Embedded::default())
    }
}

impl Clusters {
    /// In a few words.
    pub fn describe(&self) -> String {
        match self {
            Self::Embedded(_) => "embedded".to_owned(),
            Self::Own(_) => "own".to_owned(),
            Self::Kafka(spec) => {
                let nodes = if spec.nodes > 1 { format!(" x{}", spec.nodes) } else { String::new() };
                format!("kafka {} -> {}{nodes}", spec.source.release(), spec.target.release())
            }
        }
    }
}

/// Embedded clusters.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Embedded {
    /// Brokers of each cluster (3).
    #[schemars(range(min = 1, max = 9))]
    pub brokers: i32,
}

impl Default for Embedded {
    fn default() -> Self {
        Self { brokers: 3 }
    }
}

/// Real clusters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaSpec {
    /// Version of the source (3.9.2).
    pub source: Version,
    /// Version of the target (4.3.1).
    pub target: Version,
    /// Brokers of each cluster: 1 (default) or 3.
    pub nodes: u16,
    /// Whether other scenarios may use the same two clusters, with topics of their own (true). Must be false where brokers
    /// are stopped or killed.
    pub shared: bool,
    /// Broker properties of the source.
    pub source_config: BTreeMap<String, String>,
    /// Broker properties of the target.
    pub target_config: BTreeMap<String, String>,
}

impl Default for KafkaSpec {
    fn default() -> Self {
        Self {
            source: Version::V3,
            target: Version::V4,
            nodes: 1,
            shared: true,
            source_config: BTreeMap::new(),
            target_config: BTreeMap::new(),
        }
    }
}

/// A release of Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum Version {
    /// The last 3.x line.
    #[serde(rename = "3.9.2")]
    V3,
    /// A current 4.x line.
    #[serde(rename = "4.3.1")]
    V4,
}

impl Version {
    /// As its brokers name it.
    pub fn release(self) -> &'static str {
        match self {
            Self::V3 => "3.9.2",
            Self::V4 => "4.3.1",
        }
    }
}

/// The user's own clusters, reached in plain text.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnSpec {
    /// The cluster that is left.
    pub source: OwnCluster,
    /// The cluster that takes over.
    pub target: OwnCluster,
}

/// One of the user's own clusters.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnCluster {
    /// The replicator's name for it (src, dst).
    #[serde(default)]
    pub alias: Option<String>,
    /// `host:port`, comma-separated. Without authentication and TLS.
    pub bootstrap_servers: String,
}

/// A schema registry for each side.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegistrySpec {
    /// None.
    None(Empty),
    /// In this process; answers look-ups by id only.
    Fixed(FixedSpec),
    /// A real one on the JVM, with the Confluent interface. Filled by register_schema; without such a step the
    /// schema of orders is registered on both sides.
    Apicurio(Empty),
}

impl Default for RegistrySpec {
    fn default() -> Self {
        Self::None(Empty {})
    }
}

/// What fixed registries hold: Avro schemas by id; the word `orders` stands for the schema of that workload.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FixedSpec {
    /// Of the source ({1: orders}).
    pub source: BTreeMap<u32, String>,
    /// Of the target ({1: orders}).
    pub target: BTreeMap<u32, String>,
}

impl Default for FixedSpec {
    fn default() -> Self {
        let orders = BTreeMap::from([(1, "orders".to_owned())]);
        Self { source: orders.clone(), target: orders }
    }
}

/// What copies.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplicatorSpec {
    /// Nothing: steps write both sides, or a replicator of the user's own does.
    None(Empty),
    /// In this process, on any clusters. Copies at wait_until_copied and can plant defects.
    Copier(CopierSpec),
    /// MirrorMaker 2 on the JVM. Real clusters only.
    Mirrormaker2(Box<MirrorSpec>),
}

/// How topics are named on the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PolicyWord {
    /// `src.orders`.
    #[default]
    Default,
    /// `orders`.
    Identity,
}

/// The in-process copier.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CopierSpec {
    /// Names on the target (default).
    pub policy: PolicyWord,
    /// Between alias and topic (`.`).
    pub separator: Option<String>,
    /// Syncs of an undisturbed partition are this plus one apart (100).
    #[schemars(range(min = 0))]
    pub offset_lag_max: Option<u32>,
    /// Defects to plant into the first copy, one of each; `expect: {findings: [planted]}` names what follows from them.
    /// They lie behind what the groups have read, apart from one another; compacted topics take none.
    pub defects: Vec<Defect>,
    /// Drops every record that has a header of this name.
    pub drop_records_with_header: Option<String>,
}

/// A defect by the name that fixtures give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defect(pub DefectKind);

impl<'de> Deserialize<'de> for Defect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const KNOWN: [&str; DefectKind::ALL.len()] = {
            let mut names = [""; DefectKind::ALL.len()];
            let mut at = 0;
            while at < names.len() {
                names[at] = DefectKind::ALL[at].as_str();
                at += 1;
            }
            names
        };
        let name = String::deserialize(deserializer)?;
        DefectKind::from_name(&name).map(Defect).ok_or_else(|| D::Error::unknown_variant(&name, &KNOWN))
    }
}

/// MirrorMaker 2. Aliases are `src` and `dst` in this file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MirrorSpec {
    /// Its own release (3.9.2).
    pub version: Version,
    /// Names on the target (default).
    pub policy: PolicyWord,
    /// Between alias and topic, and within names of internal topics (`.`).
    pub separator: Option<String>,
    /// Exactly-once: reads committed records only, writes transactions (false).
    pub exactly_once: bool,
    /// Reads committed records only (false, as MirrorMaker 2 does).
    pub read_committed: bool,
    /// Commits translated offsets for groups on the target (false).
    pub sync_group_offsets: bool,
    /// Where it keeps offset-syncs (source).
    pub offset_syncs_location: SideWord,
    /// `offset.lag.max` (100).
    pub offset_lag_max: Option<u32>,
    /// A transformation that drops every record that has a header of this name.
    pub drop_records_with_header: Option<String>,
    /// Properties of mm2.properties, such as `dst.offset.flush.interval.ms`; aliases as in this file.
    pub properties: BTreeMap<String, String>,
}

impl Default for MirrorSpec {
    fn default() -> Self {
        Self {
            version: Version::V3,
            policy: PolicyWord::Default,
            separator: None,
            exactly_once: false,
            read_committed: false,
            sync_group_offsets: false,
            offset_syncs_location: SideWord::Source,
            offset_lag_max: None,
            drop_records_with_header: None,
            properties: BTreeMap::new(),
        }
    }
}

/// The records of the source and the groups that read them: by name, or from a file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadSpec {
    /// A workload of the fixtures.
    #[serde(default)]
    pub name: Option<WorkloadName>,
    /// Records, one JSON object a line, as produce_raw takes them; relative to this file.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The same seed gives the same records and defects (1).
    #[serde(default = "one")]
    pub seed: u64,
    /// Partitions of each topic (3).
    #[serde(default = "three")]
    #[schemars(range(min = 1, max = 100))]
    pub partitions: usize,
    /// Records of each partition (400).
    #[serde(default = "four_hundred")]
    pub records: usize,
}

fn one() -> u64 {
    1
}

fn three() -> usize {
    3
}

fn four_hundred() -> usize {
    400
}

/// A workload of the fixtures. Topic and groups: `orders` (billing at the end, shipping half-way, analytics at 5 %),
/// `clicks` (sessions at 75 %), `customers` (compacted; crm at the end), `sensors` (alarms at 90 %), `payments` (ledger at
/// the end, fraud half-way). `demo` has orders, clicks and customers in a size of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadName {
    /// Avro orders with popular keys, null keys, tombstones, empty values, repeated and null headers.
    Orders,
    /// JSON without keys.
    Clicks,
    /// JSON by key, compacted, with tombstones.
    Customers,
    /// Binary readings in bursts of equal timestamps; some records repeat exactly.
    Sensors,
    /// JSON with binary keys and repeated headers.
    Payments,
    /// Three topics of `cutproof demo`.
    Demo,
}
