//! Why a configuration was refused. Names the place and the way out; never repeats a value that may be a secret.

use std::path::{Path, PathBuf};

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file itself cannot be read.
    #[error("cannot read the configuration {path}", path = path.display())]
    Read {
        /// As given.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// The file is of another version or kind.
    #[error("{key} is `{found}`; this version of Cutproof reads `{expected}`")]
    Version {
        /// `apiVersion` or `kind`.
        key: &'static str,
        /// What the file says.
        found: String,
        /// What it must say.
        expected: &'static str,
    },
    /// A key that no version of the format has.
    #[error("{place}: unknown key `{key}`; did you mean `{nearest}`? Known here: {known}")]
    UnknownKey {
        /// Line and column.
        place: String,
        /// As written.
        key: String,
        /// The known key that looks most like it.
        nearest: String,
        /// All keys that may stand here.
        known: String,
    },
    /// A word that is none of those allowed.
    #[error("{place}: `{word}` is not known here; did you mean `{nearest}`? Allowed: {known}")]
    UnknownWord {
        /// Line and column.
        place: String,
        /// As written.
        word: String,
        /// The allowed word that looks most like it.
        nearest: String,
        /// All words that may stand here.
        known: String,
    },
    /// A key that must be there is not.
    #[error("{place}: `{key}` is missing")]
    Missing {
        /// Line and column of the mapping that lacks it.
        place: String,
        /// The key.
        key: String,
    },
    /// Not YAML, or a value of the wrong shape.
    #[error("{place}: {reason}")]
    Syntax {
        /// Line and column, as far as known.
        place: String,
        /// What was expected.
        reason: String,
    },
    /// A value of the right shape that makes no sense.
    #[error("{key}: {reason}")]
    Value {
        /// The key's path, e.g. `topics.include[1]`.
        key: String,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// A file that the configuration names cannot be read.
    #[error("{key}: cannot read {path}", path = path.display())]
    NamedFile {
        /// The key's path, e.g. `source.properties_file`.
        key: String,
        /// After resolving against the configuration's directory.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// An environment variable that the configuration names is not set.
    #[error("{key}: the environment variable {name} is not set")]
    Environment {
        /// The key's path.
        key: String,
        /// The variable.
        name: String,
    },
    /// One of the others, in a file.
    #[error("{path}: {error}", path = path.display())]
    InFile {
        /// The configuration file.
        path: PathBuf,
        /// What is wrong in it.
        #[source]
        error: Box<ConfigError>,
    },
}

impl ConfigError {
    pub(super) fn in_file(self, path: &Path) -> Self {
        Self::InFile { path: path.to_owned(), error: Box::new(self) }
    }

    pub(super) fn value(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Value { key: key.into(), reason: reason.into() }
    }
}
