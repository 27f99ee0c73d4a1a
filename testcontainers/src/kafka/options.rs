//! What a cluster is started with.

use std::collections::BTreeMap;

use crate::versions::KafkaVersion;

/// A user of the SASL/SCRAM listener (SCRAM-SHA-512 and SCRAM-SHA-256).
#[derive(Clone, Debug)]
pub struct ScramUser {
    /// Name: letters and digits.
    pub name: String,
    /// Password: letters and digits.
    pub password: String,
}

/// What a [`super::KafkaCluster`] is started with.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// The release that its brokers run.
    pub version: KafkaVersion,
    /// How many brokers; each is a controller too. 1 or 3.
    pub nodes: u16,
    /// The name that a replicator and messages have for it: letters, digits, `-`.
    pub alias: String,
    /// Broker properties that are added, or replace the package's.
    pub properties: BTreeMap<String, String>,
    /// If any: a further listener that wants SASL/SCRAM over plain text.
    pub scram_users: Vec<ScramUser>,
    /// A further listener that is advertised at a recording and faulty network.
    pub proxied: bool,
    /// Heap of each broker, in MiB.
    pub heap_mib: u32,
}

impl KafkaOptions {
    /// One broker with the plain listener only.
    pub fn new(alias: &str, version: KafkaVersion) -> Self {
        Self {
            version,
            nodes: 1,
            alias: alias.to_owned(),
            properties: BTreeMap::new(),
            scram_users: Vec::new(),
            proxied: false,
            heap_mib: 384,
        }
    }

    /// A source cluster: alias `src`, [`KafkaVersion::SOURCE_DEFAULT`].
    pub fn source() -> Self {
        Self::new("src", KafkaVersion::SOURCE_DEFAULT)
    }

    /// A target cluster: alias `dst`, [`KafkaVersion::TARGET_DEFAULT`].
    pub fn target() -> Self {
        Self::new("dst", KafkaVersion::TARGET_DEFAULT)
    }

    /// With this many brokers.
    #[must_use]
    pub fn nodes(mut self, nodes: u16) -> Self {
        self.nodes = nodes;
        self
    }

    /// With a broker property.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With a user of the SASL/SCRAM listener.
    #[must_use]
    pub fn scram_user(mut self, name: &str, password: &str) -> Self {
        self.scram_users.push(ScramUser { name: name.to_owned(), password: password.to_owned() });
        self
    }

    /// With a recording and faulty network in front.
    #[must_use]
    pub fn proxied(mut self) -> Self {
        self.proxied = true;
        self
    }
}
