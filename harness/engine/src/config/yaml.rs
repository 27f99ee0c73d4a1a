//! The file format of `cutproof.yaml`: which keys there are, and what is said about one that there is not.
//! The only module that knows the YAML library. Checks no meaning.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use super::ConfigError;
use super::scalars::{Size, Span, Start, Timestamps};
use super::types::{NamePolicy, OriginChoice, RangeStart, ReplicationKind};
use crate::record::{
    Allowed, Contract, DecodeMode, FindingKind, Isolation, LogKind, OrderPromise, Partitioning, Side,
    TimestampRule,
};

pub(super) const API_VERSION: &str = "cutproof/v1";
pub(super) const KIND: &str = "Proof";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProof {
    // Both were checked by `read`; they stand here so that they are known keys.
    #[serde(rename = "apiVersion")]
    pub _api_version: String,
    #[serde(rename = "kind")]
    pub _kind: String,
    pub source: RawCluster,
    pub target: Option<RawCluster>,
    #[serde(default)]
    pub replication: RawReplication,
    #[serde(default)]
    pub topics: RawFilter,
    #[serde(default)]
    pub groups: RawFilter,
    #[serde(default)]
    pub positions: RawPositions,
    #[serde(default)]
    pub range: RawRange,
    #[serde(default)]
    pub contracts: Vec<RawContract>,
    #[serde(default)]
    pub limits: RawLimits,
    #[serde(default)]
    pub report: RawReport,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCluster {
    pub alias: Option<String>,
    pub bootstrap_servers: Option<String>,
    pub properties_file: Option<String>,
    #[serde(default)]
    pub properties: BTreeMap<String, String>,
    #[serde(default)]
    pub allow_unverified_tls: bool,
    pub schema_registry: Option<RawRegistry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRegistry {
    pub url: String,
    pub basic_auth: Option<RawBasicAuth>,
    pub bearer_token: Option<String>,
    pub ca_file: Option<String>,
    pub certificate_file: Option<String>,
    pub key_file: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBasicAuth {
    pub username: String,
    pub password: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawReplication {
    #[serde(deserialize_with = "words::kind")]
    pub kind: ReplicationKind,
    #[serde(deserialize_with = "words::policy")]
    pub policy: NamePolicy,
    pub separator: String,
    #[serde(deserialize_with = "words::side")]
    pub offset_syncs_location: Side,
    pub topic_map: BTreeMap<String, String>,
}

impl Default for RawReplication {
    fn default() -> Self {
        Self {
            kind: ReplicationKind::Mirrormaker2,
            policy: NamePolicy::Default,
            separator: ".".into(),
            offset_syncs_location: Side::Source,
            topic_map: BTreeMap::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawFilter {
    pub include: Vec<String>,
    pub exclude: Vec<String>,
}

impl Default for RawFilter {
    fn default() -> Self {
        Self { include: vec![".*".into()], exclude: Vec::new() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPositions {
    #[serde(deserialize_with = "words::origin")]
    pub origin: OriginChoice,
    pub csv_file: Option<String>,
}

impl Default for RawPositions {
    fn default() -> Self {
        Self { origin: OriginChoice::Auto, csv_file: None }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRange {
    pub start: Start,
    pub settle: Span,
    pub noise_floor: bool,
}

impl Default for RawRange {
    fn default() -> Self {
        Self {
            start: Start(RangeStart::Positions),
            settle: Span(Duration::from_secs(10)),
            noise_floor: false,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawContract {
    pub topics: Vec<String>,
    #[serde(deserialize_with = "words::log")]
    pub log: LogKind,
    /// `None`: not written; what that means depends on `partitions`.
    #[serde(deserialize_with = "words::written_order")]
    pub order: Option<OrderPromise>,
    #[serde(deserialize_with = "words::partitions")]
    pub partitions: Partitioning,
    #[serde(deserialize_with = "words::isolation")]
    pub isolation: Isolation,
    pub timestamps: Timestamps,
    #[serde(deserialize_with = "words::timestamp_type_exact")]
    pub timestamp_type: bool,
    pub headers: RawHeaders,
    #[serde(deserialize_with = "words::decode")]
    pub decode: DecodeMode,
    pub allow: Vec<RawAllowance>,
}

impl Default for RawContract {
    fn default() -> Self {
        let Contract {
            log,
            order: _,
            partitions,
            isolation,
            timestamps,
            timestamp_type_exact,
            headers_ignored,
            decode,
            allowances: _,
        } = Contract::default();
        Self {
            topics: vec![".*".into()],
            log,
            order: None,
            partitions,
            isolation,
            timestamps: Timestamps(timestamps),
            timestamp_type: timestamp_type_exact,
            headers: RawHeaders { ignore: headers_ignored },
            decode,
            allow: Vec::new(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawHeaders {
    pub ignore: Vec<String>,
}

impl Default for RawHeaders {
    fn default() -> Self {
        Self { ignore: Contract::default().headers_ignored }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAllowance {
    #[serde(deserialize_with = "words::finding")]
    pub finding: Allowed,
    pub max: Option<u64>,
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLimits {
    pub memory: Size,
    pub spill: Size,
}

impl Default for RawLimits {
    fn default() -> Self {
        Self { memory: Size(256 << 20), spill: Size(DEFAULT_SPILL_BYTES) }
    }
}

/// What `limits.spill` is where nobody says otherwise.
pub(super) const DEFAULT_SPILL_BYTES: u64 = 4 << 30;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawReport {
    pub payload_fields: Vec<String>,
}

/// Reads the text into the format's shape. Version and kind are checked first, so that a file of another
/// version is called that, and not a heap of unknown keys.
pub(super) fn read(text: &str) -> Result<RawProof, ConfigError> {
    #[derive(Deserialize)]
    struct Head {
        #[serde(rename = "apiVersion")]
        api_version: String,
        kind: String,
    }
    let head: Head = decode(text)?;
    check_head("apiVersion", &head.api_version, API_VERSION)?;
    check_head("kind", &head.kind, KIND)?;
    decode(text)
}

fn check_head(key: &'static str, found: &str, expected: &'static str) -> Result<(), ConfigError> {
    if found == expected {
        return Ok(());
    }
    Err(ConfigError::Version { key, found: found.to_owned(), expected })
}

pub(super) fn decode<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, ConfigError> {
    // Snippets would print the lines around an error: a password may stand there.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(explain)
}

/// Says it in our words, without values of the file.
fn explain(error: serde_saphyr::Error) -> ConfigError {
    let place = match error.location() {
        Some(at) if at.line() > 0 => format!("line {}, column {}", at.line(), at.column()),
        _ => "somewhere in the file".to_owned(),
    };
    explain_at(place, &error)
}

fn explain_at(place: String, error: &serde_saphyr::Error) -> ConfigError {
    use serde_saphyr::{Error, MessageFormatter, UserMessageFormatter};
    match error.without_snippet() {
        // The place is that of the alias; what is wrong with its value is the same as without one.
        Error::AliasError { error, .. } => explain_at(place, error),
        Error::SerdeUnknownField { field, expected, .. } => ConfigError::UnknownKey {
            place,
            key: field.clone(),
            nearest: nearest(field, expected),
            known: expected.join(", "),
        },
        Error::SerdeUnknownVariant { variant, expected, .. } => ConfigError::UnknownWord {
            place,
            word: variant.clone(),
            nearest: nearest(variant, expected),
            known: expected.join(", "),
        },
        Error::SerdeMissingField { field, .. } => ConfigError::Missing { place, key: (*field).to_owned() },
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => ConfigError::Syntax {
            place,
            reason: format!("expected {}, found {}", to_write(expected), without_value(unexpected)),
        },
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            ConfigError::Syntax { place, reason: format!("the key `{key}` stands here twice") }
        }
        Error::Message { msg, .. } => ConfigError::Syntax { place, reason: msg.clone() },
        Error::Eof { .. } => {
            ConfigError::Syntax { place, reason: "the file is empty or ends too early".into() }
        }
        Error::InvalidScalar { ty: expected, .. } | Error::Unexpected { expected, .. } => {
            ConfigError::Syntax { place, reason: format!("expected {}", to_write(expected)) }
        }
        Error::UnsupportedTag { .. } | Error::TaggedScalarCannotDeserializeIntoString { .. } => {
            let reason = "a tag cannot stand here; put a value that begins with `!` in quotes".into();
            ConfigError::Syntax { place, reason }
        }
        Error::MultipleDocuments { .. } => {
            ConfigError::Syntax { place, reason: "the file holds more than one YAML document".into() }
        }
        other => {
            // The rest are faults of the YAML itself; their first line carries no value.
            let text = UserMessageFormatter.format_message(other);
            ConfigError::Syntax { place, reason: text.lines().next().unwrap_or("not YAML").to_owned() }
        }
    }
}

/// What a person writes, for the library's word for it.
fn to_write(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "u128" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "i128" => "a whole number",
        "floating point" => "a number",
        "boolean" => "true or false",
        "mapping start" => "a mapping: { key: value }",
        "sequence start" => "a list: [value]",
        "string scalar" => "a single value, no list and no mapping",
        other => other,
    }
}

/// serde prints `string "hunter2"`; the kind is enough.
fn without_value(unexpected: &str) -> &str {
    unexpected.split(['"', '`']).next().unwrap_or(unexpected).trim_end()
}

fn nearest(word: &str, known: &[&'static str]) -> String {
    known
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(word, a).total_cmp(&strsim::jaro_winkler(word, b)))
        .map(|k| (*k).to_owned())
        .unwrap_or_default()
}

/// One function for each list of words, so that a wrong one is answered with the list.
mod words {
    use super::*;
    use serde::Deserializer;
    use serde::de::Error as _;

    macro_rules! word {
        ($name:ident -> $type:ty { $($word:literal => $value:expr),+ $(,)? }) => {
            pub(super) fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                let word = String::deserialize(deserializer)?;
                match word.as_str() {
                    $($word => Ok($value),)+
                    other => Err(D::Error::unknown_variant(other, &[$($word),+])),
                }
            }
        };
    }

    word!(kind -> ReplicationKind {
        "mirrormaker2" => ReplicationKind::Mirrormaker2,
        "offset_preserving" => ReplicationKind::OffsetPreserving,
        "group_commits" => ReplicationKind::GroupCommits,
        "redpanda_migrator" => ReplicationKind::RedpandaMigrator,
        "none" => ReplicationKind::None,
    });
    word!(policy -> NamePolicy { "default" => NamePolicy::Default, "identity" => NamePolicy::Identity });
    word!(side -> Side { "source" => Side::Source, "target" => Side::Target });
    word!(origin -> OriginChoice {
        "auto" => OriginChoice::Auto,
        "checkpoints" => OriginChoice::Checkpoints,
        "offset_syncs" => OriginChoice::OffsetSyncs,
        "group_commits" => OriginChoice::GroupCommits,
        "identity" => OriginChoice::Identity,
        "header" => OriginChoice::Header,
        "timestamp" => OriginChoice::Timestamp,
        "csv" => OriginChoice::Csv,
        "earliest" => OriginChoice::Earliest,
    });
    word!(log -> LogKind { "retained" => LogKind::Retained, "compacted" => LogKind::Compacted });
    word!(order -> OrderPromise {
        "partition" => OrderPromise::Partition,
        "key" => OrderPromise::Key,
        "none" => OrderPromise::None,
    });
    pub(super) fn written_order<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<OrderPromise>, D::Error> {
        order(deserializer).map(Some)
    }
    word!(partitions -> Partitioning { "same" => Partitioning::Same, "by_key" => Partitioning::ByKey });
    word!(isolation -> Isolation {
        "read_committed" => Isolation::ReadCommitted,
        "read_uncommitted" => Isolation::ReadUncommitted,
    });
    word!(timestamp_type_exact -> bool { "exact" => true, "ignore" => false });
    word!(decode -> DecodeMode {
        "mismatches" => DecodeMode::Mismatches,
        "all" => DecodeMode::All,
        "none" => DecodeMode::None,
    });
    word!(finding -> Allowed {
        "missing_record" => Allowed::Finding(FindingKind::MissingRecord),
        "extraneous_record" => Allowed::Finding(FindingKind::ExtraneousRecord),
        "duplicate_record" => Allowed::Finding(FindingKind::DuplicateRecord),
        "reordered_record" => Allowed::Finding(FindingKind::ReorderedRecord),
        "mismatched_record" => Allowed::Finding(FindingKind::MismatchedRecord),
        "misplaced_record" => Allowed::Finding(FindingKind::MisplacedRecord),
        "undecodable_record" => Allowed::Finding(FindingKind::UndecodableRecord),
        "compacted_or_dropped" => Allowed::CompactedOrDropped,
    });
}

impl RawContract {
    /// Into the plain type, whole.
    pub(super) fn into_contract(self) -> (Vec<String>, Contract) {
        let Self {
            topics,
            log,
            order,
            partitions,
            isolation,
            timestamps: Timestamps(timestamps),
            timestamp_type,
            headers: RawHeaders { ignore },
            decode,
            allow,
        } = self;
        let timestamps: TimestampRule = timestamps;
        let order = order.unwrap_or(match partitions {
            Partitioning::Same => Contract::default().order,
            // A key's records stay together; the order between keys does not outlive repartitioning.
            Partitioning::ByKey => OrderPromise::Key,
        });
        let allowances = allow
            .into_iter()
            .map(|RawAllowance { finding, max, reason }| crate::record::Allowance { finding, max, reason })
            .collect();
        let contract = Contract {
            log,
            order,
            partitions,
            isolation,
            timestamps,
            timestamp_type_exact: timestamp_type,
            headers_ignored: ignore,
            decode,
            allowances,
        };
        (topics, contract)
    }
}
