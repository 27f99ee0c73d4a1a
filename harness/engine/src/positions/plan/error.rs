//! Why no plan could be made: what, where, and what to do next.

use crate::kafka::{ErrorClass, KafkaError};

/// No plan. Offsets and names only; never a payload or a secret.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Both sides are one cluster.
    #[error(
        "source \"{source_alias}\" and target \"{target_alias}\" are the same cluster, {cluster_id}; correct the \
         addresses, or set range.noise_floor to compare the source with itself"
    )]
    SameCluster {
        /// Alias of the source.
        source_alias: String,
        /// Alias of the target.
        target_alias: String,
        /// As both report it.
        cluster_id: String,
    },
    /// The topic patterns match nothing.
    #[error("no topic of source \"{alias}\" matches topics.include [{patterns}] ({seen} topics seen){hint}")]
    NoTopic {
        /// Alias of the source.
        alias: String,
        /// The include patterns.
        patterns: String,
        /// Topics that the cluster showed.
        seen: usize,
        /// What to do.
        hint: String,
    },
    /// Topics that are written out, or that a pattern matches, and that the source does not describe.
    #[error(
        "source \"{alias}\" does not describe {}, which topics.include names: see that the names are right, that the topics \
         are there and that this client may describe them, or take them out", topics.join(", ")
    )]
    TopicNotShown {
        /// Alias of the source.
        alias: String,
        /// Their names.
        topics: Vec<String>,
    },
    /// The group patterns match nothing that has a position.
    #[error(
        "no consumer group on source \"{alias}\" matches groups.include [{patterns}] and has a committed offset on \
         the planned topics; name the groups, or set range.start to earliest to compare without groups{hint}"
    )]
    NoGroup {
        /// Alias of the source.
        alias: String,
        /// The include patterns.
        patterns: String,
        /// What to do.
        hint: String,
    },
    /// A source topic has no counterpart.
    #[error("target \"{alias}\" has no topic {}; {hint}", target_topics.join(", "))]
    TargetTopicAbsent {
        /// Alias of the target.
        alias: String,
        /// The names that were expected.
        target_topics: Vec<String>,
        /// What to do.
        hint: String,
    },
    /// The contract promises partition n in partition n, and there are too few.
    #[error(
        "{target_topic} on target \"{alias}\" has {target_partitions} partitions, {source_topic} on the source has \
         {source_partitions}; with `partitions: same` the target needs at least as many"
    )]
    FewerPartitions {
        /// Alias of the target.
        alias: String,
        /// Source topic.
        source_topic: String,
        /// Target topic.
        target_topic: String,
        /// Its partitions on the source.
        source_partitions: i32,
        /// Its partitions on the target.
        target_partitions: i32,
    },
    /// Several source topics go to one target topic, and no contract says so.
    #[error("{} and {} both go to {target_topic} on target \"{alias}\"; {hint}", topics[0], topics[1])]
    Merged {
        /// Two of the source topics.
        topics: [String; 2],
        /// Target topic.
        target_topic: String,
        /// Alias of the target.
        alias: String,
        /// What to do.
        hint: &'static str,
    },
    /// A position in the CSV file that is not in the log.
    #[error(
        "{file}: group {group} asks for offset {asked} of {topic}-{partition} on target \"{alias}\"; available are \
         {start} to {end}"
    )]
    OffsetOutOfRange {
        /// The file.
        file: String,
        /// Alias of the target.
        alias: String,
        /// Group.
        group: String,
        /// Target topic.
        topic: String,
        /// Target partition.
        partition: i32,
        /// As the file says.
        asked: i64,
        /// First offset that is left.
        start: i64,
        /// Log end: the last position that makes sense.
        end: i64,
    },
    /// The CSV file cannot be used.
    #[error("{file}: {reason}")]
    Csv {
        /// The file.
        file: String,
        /// Line and reason.
        reason: String,
    },
    /// The configuration asks for what this version cannot do.
    #[error("{}", .0.join("; "))]
    Unsupported(Vec<String>),
    /// A topic of the replicator could not be read to its end.
    #[error(
        "{topic_partition} of \"{alias}\" was not read to its end: {reason}; positions would be incomplete"
    )]
    Incomplete {
        /// Alias of the cluster.
        alias: String,
        /// `topic-partition`.
        topic_partition: String,
        /// How the read ended.
        reason: String,
    },
    /// A cluster did not answer, or refused.
    #[error(transparent)]
    Cluster(#[from] KafkaError),
}

impl PlanError {
    /// Whose fault it is; decides the exit code.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::SameCluster { .. }
            | Self::NoTopic { .. }
            | Self::TopicNotShown { .. }
            | Self::NoGroup { .. }
            | Self::TargetTopicAbsent { .. }
            | Self::FewerPartitions { .. }
            | Self::Merged { .. }
            | Self::OffsetOutOfRange { .. }
            | Self::Csv { .. }
            | Self::Unsupported(_) => ErrorClass::BadInput,
            Self::Incomplete { .. } => ErrorClass::Environment,
            Self::Cluster(error) => error.class(),
        }
    }
}
