//! Real and embedded Kafka clusters, MirrorMaker 2, a schema registry, a replicator of our own and a recording,
//! faulty network: what tests and rehearsals of Cutproof stand on. Compares nothing, and knows none of its other packages.

pub mod client;
pub mod copier;
pub mod embedded;
pub mod error;
pub mod fixed_registry;
mod http;
mod jvm_logging;
pub mod kafka;
pub mod maven;
pub mod mirrormaker;
pub mod ports;
pub mod process;
pub mod record;
pub mod recorder;
pub mod registry;
pub mod versions;
pub mod wait;

pub use client::{
    Commit, Compression, Isolation, LogEnds, Member, OpenTransaction, ProduceOptions, Topic, TransactionEnd,
    add_partitions, alter_topic, commit_offsets, committed_offsets, create_topic, delete_groups,
    delete_records, delete_topic, log_ends, partition_count, produce, produce_transaction, produce_with,
    read_all, read_from, topic_names,
};
pub use copier::{Carried, Copier, CopierSettings, CopyNaming, NeededTopic, WrittenCheckpoint};
pub use embedded::{EMBEDDED_PARTITION_BYTES, EmbeddedCluster};
pub use error::{Error, Result};
pub use fixed_registry::FixedRegistry;
pub use kafka::{KafkaCluster, KafkaOptions, ScramUser};
pub use mirrormaker::{CopyGap, MirrorMaker, MirrorOptions, MirrorPolicy, copy_gaps};
pub use record::{PlainRead, PlainRecord, PlainTimestampType};
pub use recorder::{FaultyNetwork, Recorded};
pub use registry::Registry;
pub use versions::KafkaVersion;
