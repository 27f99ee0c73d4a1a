//! Turns the properties that a user has, in Java's or librdkafka's dialect, into those of a reader. Opens nothing.

mod file;
mod jaas;
mod known;
mod refusal;
mod translate;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub use file::{PropertiesFileError, parse};
pub(super) use refusal::{as_written, refusal};
pub use translate::translate;

/// Why a property cannot be used. Names the key, never its value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// Neither Java's client nor librdkafka knows the key.
    #[error("unknown property `{key}`{}", nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    Unknown {
        /// As written.
        key: String,
        /// The nearest known key, if one is near.
        nearest: Option<&'static str>,
    },
    /// The key is known, but what it asks for cannot be had here.
    #[error("property `{key}` is not supported: {reason}")]
    Unsupported {
        /// As written.
        key: String,
        /// Why, and what to do instead.
        reason: String,
    },
    /// The value does not fit the key.
    #[error("property `{key}`: {reason}")]
    Invalid {
        /// As written.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It would switch a protection off.
    #[error("property `{key}` is refused: {reason}")]
    Refused {
        /// As written.
        key: String,
        /// Why, and how to insist.
        reason: String,
    },
}

impl PropertyError {
    /// The property that is at fault.
    pub fn key(&self) -> &str {
        match self {
            Self::Unknown { key, .. }
            | Self::Unsupported { key, .. }
            | Self::Invalid { key, .. }
            | Self::Refused { key, .. } => key,
        }
    }
}

/// What became of a property that was not simply handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemarkKind {
    /// Of no effect on a reader.
    Ignored,
    /// Cutproof sets it itself; the value given is not honoured.
    Overridden,
    /// Honoured, but a person should know.
    Warning,
}

/// Something to tell about one property. Holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// What became of it.
    pub kind: RemarkKind,
    /// The key as written.
    pub key: String,
    /// A sentence for people.
    pub text: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "property `{}`: {}", self.key, self.text)
    }
}

/// Properties in librdkafka's dialect. `Debug` masks what may be secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ClientProperties {
    values: BTreeMap<String, String>,
    remarks: Vec<Remark>,
}

impl ClientProperties {
    /// One value, in librdkafka's name for it.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// All names and values; values may be secret.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// What was ignored, overridden, or deserves a warning, in order of keys.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// The values that must never be printed.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.iter().filter(|(key, _)| is_secret(key)).map(|(_, value)| value)
    }
}

impl fmt::Debug for ClientProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { values, remarks } = self;
        let masked: BTreeMap<&str, &str> = values
            .iter()
            .map(|(key, value)| (key.as_str(), if is_secret(key) { "[redacted]" } else { value.as_str() }))
            .collect();
        f.debug_struct("ClientProperties").field("values", &masked).field("remarks", remarks).finish()
    }
}

/// Whether a key's value must not be shown. Keys that are not known count as secret.
pub fn is_secret(key: &str) -> bool {
    let word =
        ["password", "secret", "jaas", "passphrase", "token", "credential", "user.info", "oauthbearer"]
            .iter()
            .any(|word| key.contains(word));
    word || matches!(key, "ssl.key.pem" | "ssl.keystore.key") || !known::all().any(|known| known == key)
}
