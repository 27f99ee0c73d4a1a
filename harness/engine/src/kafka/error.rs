//! What can go wrong between Cutproof and one cluster: what was tried, where, and whose fault it is. No payload, no secret.

use std::fmt;
use std::time::Duration;

use super::properties::PropertyError;
use crate::record::{Side, TopicPartition};

/// Who can mend it; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorClass {
    /// The user's flags, configuration or credentials: exit code 2.
    BadInput,
    /// The network, the cluster, its permissions: exit code 1.
    Environment,
}

/// What was tried, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// Which side.
    pub side: Side,
    /// The cluster's name in the configuration.
    pub alias: String,
    /// What was tried, e.g. `read` or `list groups`.
    pub operation: &'static str,
    /// Where, if it concerns one partition.
    pub partition: Option<TopicPartition>,
    /// At which offset, if it concerns one.
    pub offset: Option<i64>,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { side, alias, operation, partition, offset } = self;
        match partition {
            Some(partition) => write!(f, "cannot {operation} {partition} of {side} \"{alias}\"")?,
            None => {
                let operation =
                    [" of", " in"].iter().find_map(|word| operation.strip_suffix(word)).unwrap_or(operation);
                write!(f, "cannot {operation} on {side} \"{alias}\"")?;
            }
        }
        match offset {
            Some(offset) => write!(f, " at offset {offset}"),
            None => Ok(()),
        }
    }
}

/// Why an operation on a cluster failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KafkaError {
    /// The properties cannot be used.
    #[error("{at}: {source}")]
    Properties {
        /// Which cluster.
        at: Box<At>,
        /// Which property, and why.
        source: PropertyError,
    },
    /// The cluster answered, and refused the credentials.
    #[error(
        "{at}: {address} refused the credentials ({detail}); check sasl.mechanism, user name and password"
    )]
    CredentialsRefused {
        /// What was tried.
        at: Box<At>,
        /// The broker, as `host:port`.
        address: String,
        /// What the client said.
        detail: String,
    },
    /// No trusted TLS connection came about.
    #[error(
        "{at}: no trusted TLS connection to {address} ({detail}); check security.protocol, ssl.ca.location, and the \
         client's certificate where the listener asks for one"
    )]
    TlsRefused {
        /// What was tried.
        at: Box<At>,
        /// The broker, as `host:port`.
        address: String,
        /// What the client said.
        detail: String,
    },
    /// No broker could be reached within the time limit.
    #[error(
        "{at}: {address} not reachable within {} s ({detail}); check the address, the network and security.protocol",
        waited.as_secs_f32().round()
    )]
    Unreachable {
        /// What was tried.
        at: Box<At>,
        /// The broker or the bootstrap servers, as `host:port`.
        address: String,
        /// The time limit.
        waited: Duration,
        /// What the client said.
        detail: String,
    },
    /// The brokers are there, but gave no answer within the time limit.
    #[error(
        "{at}: no answer within {} s ({detail}); try again when the brokers are less loaded",
        waited.as_secs_f32().round()
    )]
    TimedOut {
        /// What was tried.
        at: Box<At>,
        /// The time limit.
        waited: Duration,
        /// What the client said.
        detail: String,
    },
    /// The credentials are good, but may not do this.
    #[error(
        "{at}: not permitted ({detail}); give the principal Describe and Read on the topics and Describe on the groups"
    )]
    NotPermitted {
        /// What was tried.
        at: Box<At>,
        /// What the cluster said.
        detail: String,
    },
    /// The cluster has no such topic or partition.
    #[error("{at}: {what} does not exist there")]
    NotThere {
        /// What was tried.
        at: Box<At>,
        /// The topic or partition.
        what: String,
    },
    /// The brokers do not know the request.
    #[error("{at}: the brokers do not support this ({detail})")]
    NotSupported {
        /// What was tried.
        at: Box<At>,
        /// What the client said.
        detail: String,
    },
    /// Anything else that the cluster or the client refused.
    #[error("{at}: {detail}")]
    Failed {
        /// What was tried.
        at: Box<At>,
        /// What was said.
        detail: String,
    },
}

impl KafkaError {
    /// What was tried, and where.
    pub fn at(&self) -> &At {
        match self {
            Self::Properties { at, .. }
            | Self::CredentialsRefused { at, .. }
            | Self::TlsRefused { at, .. }
            | Self::Unreachable { at, .. }
            | Self::TimedOut { at, .. }
            | Self::NotPermitted { at, .. }
            | Self::NotThere { at, .. }
            | Self::NotSupported { at, .. }
            | Self::Failed { at, .. } => at,
        }
    }

    /// Whether no answer came.
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::TimedOut { .. })
    }

    /// Whether it may be of a few brokers or topics only, so that others can have an answer all the same.
    pub fn may_concern_few(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::NotThere { .. }
            | Self::Failed { .. } => true,
            Self::Properties { .. }
            | Self::CredentialsRefused { .. }
            | Self::TlsRefused { .. }
            | Self::NotPermitted { .. }
            | Self::NotSupported { .. } => false,
        }
    }

    /// Whose fault it is. Refused credentials are the user's, an unreachable cluster is not.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Properties { .. } | Self::CredentialsRefused { .. } | Self::TlsRefused { .. } => {
                ErrorClass::BadInput
            }
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::NotPermitted { .. }
            | Self::NotThere { .. }
            | Self::NotSupported { .. }
            | Self::Failed { .. } => ErrorClass::Environment,
        }
    }
}
