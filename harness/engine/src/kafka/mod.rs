//! Clients for one cluster: properties and their translation, what the cluster holds, small reads. Read-only: never
//! produces, commits, creates or joins. Compares nothing.

mod cluster;
mod context;
mod error;
mod ffi;
pub mod properties;
mod read;
mod settings;
mod tls_files;

#[cfg(test)]
mod tests;

pub use cluster::{
    Cluster, Committed, GroupListing, GroupMember, GroupMembers, GroupState, LogBounds, TopicConfig,
    TopicListing,
};
pub use error::{At, ErrorClass, KafkaError};
pub use properties::ClientProperties;
pub use read::{RangeReader, ReadEnd, ReadLimit, fetch_records, read_range};
pub use settings::{ClusterSettings, DEFAULT_REQUEST_TIMEOUT};
