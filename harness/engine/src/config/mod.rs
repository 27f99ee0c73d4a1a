//! What the user asks for: `cutproof.yaml` as checked, plain values. Reads files, talks to no cluster, decides nothing.

mod error;
mod filter;
mod scalars;
mod secrets;
mod support;
mod template;
mod types;
mod validate;
mod yaml;

pub use error::ConfigError;
pub use filter::NameFilter;
pub use scalars::parse_duration;
pub use template::init_template;
pub use types::{
    BasicAuth, ClusterConfig, ContractRule, Limits, NamePolicy, OriginChoice, PositionsConfig, ProofConfig,
    RangeConfig, RangeStart, RegistryConfig, ReplicationConfig, ReplicationKind, ReportConfig,
};

use std::path::Path;

/// Reads and checks a configuration file. Relative paths in it resolve against its directory.
///
/// # Errors
/// [`ConfigError`], with the file's name, and the line or key that is wrong.
pub fn load(path: &Path) -> Result<ProofConfig, ConfigError> {
    let named = |error: ConfigError| error.in_file(path);
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let base_dir = path.parent().unwrap_or(Path::new(""));
    parse(&text, base_dir).map_err(named)
}

/// Checks the text of a configuration. `${env:NAME}` is looked up in this process' environment.
///
/// # Errors
/// [`ConfigError`], with the line or key that is wrong; never with a value that may be a secret.
pub fn parse(text: &str, base_dir: &Path) -> Result<ProofConfig, ConfigError> {
    parse_with(text, base_dir, &|name| std::env::var(name).ok())
}

/// Reads another of our YAML formats: errors name line, column, an unknown key and the nearest known one, and never
/// repeat a value. Formats refuse unknown keys by `#[serde(deny_unknown_fields)]`.
///
/// # Errors
/// [`ConfigError`], with the line or key that is wrong.
pub fn from_yaml<'de, T: serde::Deserialize<'de>>(text: &'de str) -> Result<T, ConfigError> {
    yaml::decode(text)
}

/// As [`parse`], with the environment given.
pub(crate) fn parse_with(
    text: &str,
    base_dir: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<ProofConfig, ConfigError> {
    let raw = yaml::read(text)?;
    let secrets = secrets::Resolver { base_dir, environment };
    validate::check(raw, base_dir, &secrets, crate::fingerprint::digest_hex(text.as_bytes()))
}

#[cfg(test)]
mod tests;
