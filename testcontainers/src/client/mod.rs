//! What tests do to a cluster through a client: make topics, produce, read back, commit. Judges nothing.

mod admin;
mod groups;
mod produce;
mod read;

use std::time::Duration;

use rdkafka::ClientConfig;

pub use admin::{
    Topic, add_partitions, alter_topic, broker_count, create_topic, delete_groups, delete_records,
    delete_topic, partition_count, topic_names,
};
pub use groups::{Commit, Member, commit_offsets, committed_offsets};
pub use produce::{
    Compression, OpenTransaction, ProduceOptions, TransactionEnd, produce, produce_transaction, produce_with,
};
pub(crate) use produce::{OffsetProducer, Placed};
pub use read::{Isolation, LogEnds, log_ends, read_all, read_from};

/// How long one request may take; long, because test machines are busy.
pub(crate) const REQUEST: Duration = Duration::from_secs(30);

/// Settings that every client of this package shares.
pub(crate) fn client_config(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("client.id", "cutproof-testcontainers")
        .set("reconnect.backoff.ms", "20")
        .set("reconnect.backoff.max.ms", "500")
        .set("broker.address.family", "v4");
    config
}
