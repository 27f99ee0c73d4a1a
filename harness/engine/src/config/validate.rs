//! From the file's shape to checked values: defaults that depend on each other, patterns, secrets, named files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::secrets::Resolver;
use super::types::*;
use super::yaml::{RawCluster, RawFilter, RawProof, RawRegistry};
use super::{ConfigError, NameFilter};
use crate::record::{OrderPromise, Partitioning};

/// Checks everything that the shape alone cannot say.
pub(super) fn check(
    raw: RawProof,
    base_dir: &Path,
    secrets: &Resolver<'_>,
    digest: String,
) -> Result<ProofConfig, ConfigError> {
    let RawProof {
        _api_version: _,
        _kind: _,
        source,
        target,
        replication,
        topics,
        groups,
        positions,
        range,
        contracts,
        limits,
        report,
    } = raw;
    let source = cluster("source", source, base_dir, secrets)?;
    let target = match (range.noise_floor, target) {
        (true, target) => {
            let alias = target.and_then(|t| t.alias).unwrap_or_else(|| "target".into());
            ClusterConfig { alias, ..source.clone() }
        }
        (false, Some(target)) => cluster("target", target, base_dir, secrets)?,
        (false, None) => {
            return Err(ConfigError::Missing { place: "at the top level".into(), key: "target".into() });
        }
    };
    if source.alias == target.alias {
        let reason =
            format!("both clusters have the alias `{}`; name them as the replicator does", source.alias);
        return Err(ConfigError::value("target.alias", reason));
    }
    if replication.separator.is_empty() && replication.policy == NamePolicy::Default {
        return Err(ConfigError::value("replication.separator", "is empty; the default policy needs one"));
    }
    let mut rules = Vec::with_capacity(contracts.len());
    for (index, raw) in contracts.into_iter().enumerate() {
        let (patterns, contract) = raw.into_contract();
        if (contract.order, contract.partitions) == (OrderPromise::Partition, Partitioning::ByKey) {
            let reason = "is `partition`, but with `partitions: by_key` no partition keeps its order: write \
                          `order: key`, or leave it out";
            return Err(ConfigError::value(format!("contracts[{index}].order"), reason));
        }
        for (row, allowance) in contract.allowances.iter().enumerate() {
            if allowance.reason.trim().is_empty() {
                let key = format!("contracts[{index}].allow[{row}].reason");
                return Err(ConfigError::value(key, "is empty; say why this finding is acceptable"));
            }
        }
        let topics = NameFilter::of_list(&format!("contracts[{index}].topics"), &patterns)?;
        rules.push(ContractRule { topics, contract });
    }
    if limits.memory.0 == 0 {
        return Err(ConfigError::value("limits.memory", "is 0; a run needs room for records in flight"));
    }
    Ok(ProofConfig {
        source,
        target,
        replication: ReplicationConfig {
            kind: replication.kind,
            policy: replication.policy,
            separator: replication.separator,
            offset_syncs_location: replication.offset_syncs_location,
            topic_map: replication.topic_map,
        },
        topics: filter("topics", &topics)?,
        groups: filter("groups", &groups)?,
        positions: positions_config(positions.origin, positions.csv_file, replication.kind, base_dir)?,
        range: RangeConfig { start: range.start.0, settle: range.settle.0, noise_floor: range.noise_floor },
        contracts: rules,
        limits: Limits { memory_bytes: limits.memory.0, spill_bytes: limits.spill.0 },
        report: ReportConfig { payload_fields: report.payload_fields },
        digest,
    })
}

fn filter(key: &str, raw: &RawFilter) -> Result<NameFilter, ConfigError> {
    NameFilter::new(key, &raw.include, &raw.exclude)
}

fn positions_config(
    origin: OriginChoice,
    csv_file: Option<String>,
    kind: ReplicationKind,
    base_dir: &Path,
) -> Result<PositionsConfig, ConfigError> {
    let csv_file = csv_file.map(|f| base_dir.join(f));
    let reads_csv =
        origin == OriginChoice::Csv || (origin == OriginChoice::Auto && kind == ReplicationKind::None);
    match (&csv_file, origin) {
        (None, OriginChoice::Csv) => {
            Err(ConfigError::value("positions.csv_file", "is missing, but positions.origin is csv"))
        }
        (Some(_), _) if !reads_csv => {
            let reason = format!(
                "is set, but with positions.origin `{}` and replication.kind `{}` nothing reads it; \
                 write `origin: csv` or remove it",
                origin.as_str(),
                kind.as_str()
            );
            Err(ConfigError::value("positions.csv_file", reason))
        }
        _ => Ok(PositionsConfig { origin, csv_file }),
    }
}

fn cluster(
    side: &str,
    raw: RawCluster,
    base_dir: &Path,
    secrets: &Resolver<'_>,
) -> Result<ClusterConfig, ConfigError> {
    let RawCluster {
        alias,
        bootstrap_servers,
        properties_file,
        properties: inline,
        allow_unverified_tls,
        schema_registry,
    } = raw;
    let mut properties = match properties_file {
        Some(file) => read_properties(side, &base_dir.join(file))?,
        None => BTreeMap::new(),
    };
    properties.extend(inline);
    for (name, value) in &mut properties {
        *value = secrets.resolve(&format!("{side}.properties.{name}"), value)?;
    }
    let from_file = properties.remove("bootstrap.servers");
    let bootstrap_servers = bootstrap_servers.or(from_file).unwrap_or_default();
    if bootstrap_servers.trim().is_empty() {
        let reason = "is missing; write host:port, or bootstrap.servers in the properties file";
        return Err(ConfigError::value(format!("{side}.bootstrap_servers"), reason));
    }
    let alias = alias.unwrap_or_else(|| side.to_owned());
    if alias.is_empty() {
        return Err(ConfigError::value(
            format!("{side}.alias"),
            "is empty; leave it out or name the cluster",
        ));
    }
    let schema_registry = schema_registry
        .map(|r| registry(&format!("{side}.schema_registry"), r, base_dir, secrets))
        .transpose()?;
    Ok(ClusterConfig { alias, bootstrap_servers, properties, allow_unverified_tls, schema_registry })
}

fn read_properties(side: &str, path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let key = format!("{side}.properties_file");
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::NamedFile {
        key: key.clone(),
        path: path.to_owned(),
        source,
    })?;
    parse_properties(&text).map_err(|reason| ConfigError::value(key, format!("{}: {reason}", path.display())))
}

fn parse_properties(text: &str) -> Result<BTreeMap<String, String>, String> {
    crate::kafka::properties::parse(text).map_err(|error| error.to_string())
}

fn registry(
    key: &str,
    raw: RawRegistry,
    base_dir: &Path,
    secrets: &Resolver<'_>,
) -> Result<RegistryConfig, ConfigError> {
    let RawRegistry { url, basic_auth, bearer_token, ca_file, certificate_file, key_file } = raw;
    if !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(ConfigError::value(format!("{key}.url"), "must start with http:// or https://"));
    }
    let host = url.split("://").nth(1).unwrap_or_default().split('/').next().unwrap_or_default();
    if host.contains('@') {
        let reason = "carries credentials; write them as basic_auth: { username, password: \"${env:NAME}\" }";
        return Err(ConfigError::value(format!("{key}.url"), reason));
    }
    if basic_auth.is_some() && bearer_token.is_some() {
        return Err(ConfigError::value(
            key,
            "has both basic_auth and bearer_token; a request carries one of them",
        ));
    }
    if certificate_file.is_some() != key_file.is_some() {
        return Err(ConfigError::value(key, "certificate_file and key_file belong together; one is missing"));
    }
    let file = |name: Option<String>| -> Option<PathBuf> { name.map(|n| base_dir.join(n)) };
    let basic_auth = match basic_auth {
        Some(auth) => Some(BasicAuth {
            username: secrets.resolve(&format!("{key}.basic_auth.username"), &auth.username)?,
            password: SecretString::from(
                secrets.resolve(&format!("{key}.basic_auth.password"), &auth.password)?,
            ),
        }),
        None => None,
    };
    let bearer_token = match bearer_token {
        Some(token) => Some(SecretString::from(secrets.resolve(&format!("{key}.bearer_token"), &token)?)),
        None => None,
    };
    Ok(RegistryConfig {
        url: url.trim_end_matches('/').to_owned(),
        basic_auth,
        bearer_token,
        ca_file: file(ca_file),
        certificate_file: file(certificate_file),
        key_file: file(key_file),
    })
}
