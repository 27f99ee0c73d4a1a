//! Why a scenario file was refused, or a scenario could not be played. What the proof said is no error.

use std::path::{Path, PathBuf};

use cutproof::config::ConfigError;

/// A scenario that is none, or that could not be played.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// A file or directory cannot be read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// As given.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A directory without scenarios.
    #[error("no scenario in {path}: a scenario is a file that ends in .yaml", path = path.display())]
    None {
        /// As given.
        path: PathBuf,
    },
    /// Not of the format.
    #[error("{path}: {error}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Line, column, the key and the nearest known one.
        error: Box<ConfigError>,
    },
    /// Of the format, but without sense.
    #[error("{path}: {problems}", path = path.display(), problems = problems.join("; "))]
    Senseless {
        /// The file.
        path: PathBuf,
        /// One for each place: the key and what to write instead.
        problems: Vec<String>,
    },
    /// The user's own clusters, without the words that allow to write to them.
    #[error("{0}")]
    NotPermitted(String),
    /// A step failed.
    #[error("{step}: {reason}")]
    Step {
        /// Which one, as written.
        step: String,
        /// What failed.
        reason: String,
    },
    /// Stopped by a signal.
    #[error("stopped")]
    Stopped,
}

impl ScenarioError {
    /// 2 for bad files and flags, 1 for everything else.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Read { .. } | Self::Step { .. } | Self::Stopped => 1,
            Self::None { .. } | Self::Format { .. } | Self::Senseless { .. } | Self::NotPermitted(_) => 2,
        }
    }

    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read { path, source }
    }

    /// Any failure while doing `step`.
    pub(crate) fn step(step: &str, reason: impl ToString) -> Self {
        Self::Step { step: step.to_owned(), reason: reason.to_string() }
    }
}
