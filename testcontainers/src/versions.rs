//! The one place that names versions of what is fetched and run. Knows no paths and fetches nothing.

/// A Kafka release that a cluster or MirrorMaker 2 may run. Both run on Java 17.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KafkaVersion {
    /// The last 3.x line: what a source cluster runs by default.
    V3_9,
    /// A current 4.x line: what a target cluster runs by default.
    V4_3,
}

impl KafkaVersion {
    /// What a source cluster runs unless told otherwise.
    pub const SOURCE_DEFAULT: Self = Self::V3_9;
    /// What a target cluster runs unless told otherwise.
    pub const TARGET_DEFAULT: Self = Self::V4_3;

    /// The full release, as its artifacts are versioned.
    pub const fn release(self) -> &'static str {
        match self {
            Self::V3_9 => "3.9.2",
            Self::V4_3 => "4.3.1",
        }
    }
}

impl std::fmt::Display for KafkaVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.release())
    }
}

/// SLF4J's binding to reload4j, for Kafka 3.x.
pub const SLF4J: &str = "1.7.36";
/// Log4j 2 with its SLF4J 1.7 binding, for Kafka 4.x, whose POMs leave the binding out.
pub const LOG4J: &str = "2.25.3";

/// The registry with a Confluent-compatible interface.
pub const APICURIO_REGISTRY: &str = "2.4.2.Final";
/// The Quarkus that the registry is built with.
pub const QUARKUS: &str = "2.16.4.Final";
/// Published stand-in for the config index that the registry's bill of materials names.
pub const APICURIO_CONFIG_INDEX: &str = "0.1.10.Final";
/// Published stand-in for the JSON schema validator that the registry names.
pub const EVERIT_JSON_SCHEMA: &str = "1.14.2";

/// Copies a classpath, and unpacks the registry's properties.
pub const MAVEN_DEPENDENCY_PLUGIN: &str = "3.6.1";
/// Extends the registry's properties.
pub const MAVEN_ANTRUN_PLUGIN: &str = "3.1.0";
