//! The clusters that a scenario is played on: embedded ones of its own, real ones shared between scenarios of one
//! kind, or the user's. Stages nothing.

use cutproof_testcontainers::{EmbeddedCluster, Error, KafkaCluster, KafkaOptions, KafkaVersion, Result};

use crate::format::{KafkaSpec, SideWord, Version};

/// Two clusters.
pub enum Ground<'a> {
    /// In this process.
    Embedded([EmbeddedCluster; 2]),
    /// Real ones of the pool.
    Kafka(&'a mut [KafkaCluster; 2]),
    /// The user's, by bootstrap servers.
    Own([String; 2]),
}

impl Ground<'_> {
    /// Where clients connect.
    pub fn bootstrap(&self, side: SideWord) -> String {
        match self {
            Self::Embedded(clusters) => clusters[side as usize].bootstrap_servers().to_owned(),
            Self::Kafka(clusters) => clusters[side as usize].bootstrap_servers(),
            Self::Own(addresses) => addresses[side as usize].clone(),
        }
    }

    /// Where clients connect through the network that can be cut and slowed.
    ///
    /// # Errors
    /// If there is no such network.
    pub fn behind_network(&self, side: SideWord) -> Result<String> {
        self.kafka(side)?.proxied_bootstrap()
    }

    /// A cluster that the player started.
    ///
    /// # Errors
    /// If it is another one.
    pub fn kafka(&self, side: SideWord) -> Result<&KafkaCluster> {
        match self {
            Self::Kafka(clusters) => Ok(&clusters[side as usize]),
            Self::Embedded(_) | Self::Own(_) => Err(not_ours(side)),
        }
    }

    /// As [`Ground::kafka`], to stop and start its brokers.
    ///
    /// # Errors
    /// If it is another one.
    pub fn kafka_mut(&mut self, side: SideWord) -> Result<&mut KafkaCluster> {
        match self {
            Self::Kafka(clusters) => Ok(&mut clusters[side as usize]),
            Self::Embedded(_) | Self::Own(_) => Err(not_ours(side)),
        }
    }

    /// Undoes every fault of the networks.
    pub fn heal(&self) {
        if let Self::Kafka(clusters) = self {
            for network in clusters.iter().filter_map(|cluster| cluster.network().ok()) {
                network.delay(0);
                network.heal();
            }
        }
    }
}

fn not_ours(side: SideWord) -> Error {
    Error::Misuse(format!("the {side} is no real cluster that the scenario started"))
}

/// The real clusters that were started last; other ones take their place.
#[derive(Default)]
pub struct Pool {
    last: Option<(KafkaSpec, [KafkaCluster; 2])>,
}

impl Pool {
    /// Clusters as described: those of the scenario before, where they are the same and shared.
    ///
    /// # Errors
    /// If they can't be started.
    pub fn get(&mut self, spec: &KafkaSpec) -> Result<&mut [KafkaCluster; 2]> {
        if self.last.as_ref().is_none_or(|(last, _)| last != spec || !spec.shared) {
            // First the old ones go: two pairs at once take much memory.
            self.last = None;
            let clusters = [
                KafkaCluster::start(options("src", spec.source, spec, &spec.source_config))?,
                KafkaCluster::start(options("dst", spec.target, spec, &spec.target_config))?,
            ];
            return Ok(&mut self.last.insert((spec.clone(), clusters)).1);
        }
        match &mut self.last {
            Some((_, clusters)) => Ok(clusters),
            None => Err(Error::Misuse("no clusters".to_owned())),
        }
    }
}

fn options(
    alias: &str,
    version: Version,
    spec: &KafkaSpec,
    config: &std::collections::BTreeMap<String, String>,
) -> KafkaOptions {
    let mut options = KafkaOptions::new(alias, kafka_version(version)).nodes(spec.nodes).proxied();
    // Compacted topics are cleaned twice a second rather than every 15 seconds.
    options = options.property("log.cleaner.backoff.ms", "500");
    // A broker that was killed is back sooner.
    if !spec.shared {
        options = options
            .property("broker.session.timeout.ms", "3000")
            .property("broker.heartbeat.interval.ms", "500");
    }
    config.iter().fold(options, |options, (name, value)| options.property(name, value))
}

/// The same version, as test containers name it.
pub fn kafka_version(version: Version) -> KafkaVersion {
    match version {
        Version::V3 => KafkaVersion::V3_9,
        Version::V4 => KafkaVersion::V4_3,
    }
}
