//! An embedded cluster: librdkafka's mock brokers in this process. Fast and small, and no Kafka: it makes topics only
//! through [`EmbeddedCluster::create_topic`], lists no groups, looks up no timestamps, knows no transactions, compacts
//! and deletes nothing, and keeps at most 5 MiB in each partition. For anything else take a real cluster.

use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;

use crate::error::{Error, Result};

/// What a partition keeps at most, in bytes as sent; beyond it the oldest records go.
pub const EMBEDDED_PARTITION_BYTES: usize = 5 << 20;

/// Mock brokers on free ports of 127.0.0.1, stopped when dropped. Drop every client of it first: a client that
/// outlives its cluster aborts the process.
pub struct EmbeddedCluster {
    mock: MockCluster<'static, DefaultProducerContext>,
    bootstrap_servers: String,
    brokers: i32,
}

impl EmbeddedCluster {
    /// Starts `brokers` brokers (at least one). Takes a few milliseconds.
    ///
    /// # Errors
    /// If librdkafka can't start them.
    pub fn start(brokers: i32) -> Result<Self> {
        if brokers < 1 {
            return Err(Error::Misuse(format!(
                "an embedded cluster of {brokers} brokers: ask for at least one"
            )));
        }
        let mock = MockCluster::new(brokers).map_err(Error::kafka("start embedded brokers", "127.0.0.1"))?;
        let bootstrap_servers = mock.bootstrap_servers();
        Ok(Self { mock, bootstrap_servers, brokers })
    }

    /// `host:port` of every broker, comma-separated.
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Makes a topic with a replica on each broker, up to three.
    ///
    /// # Errors
    /// If it exists.
    pub fn create_topic(&self, topic: &str, partitions: i32) -> Result<()> {
        self.mock
            .create_topic(topic, partitions, self.brokers.min(3))
            .map_err(Error::kafka(format!("create topic {topic}"), &self.bootstrap_servers))
    }

    /// The brokers themselves, to make them fail: errors by request, round-trip times, brokers going down.
    pub fn mock(&self) -> &MockCluster<'static, DefaultProducerContext> {
        &self.mock
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{broker_count, partition_count};

    #[test]
    fn two_embedded_clusters_are_two_and_each_has_its_own_topics() {
        let (one, other) = (EmbeddedCluster::start(3).unwrap(), EmbeddedCluster::start(1).unwrap());
        one.create_topic("orders", 4).unwrap();
        assert_eq!(broker_count(one.bootstrap_servers()).unwrap(), 3);
        assert_eq!(broker_count(other.bootstrap_servers()).unwrap(), 1);
        assert_eq!(partition_count(one.bootstrap_servers(), "orders").unwrap(), 4);
        assert_eq!(partition_count(other.bootstrap_servers(), "orders").unwrap(), 0);
        assert!(one.create_topic("orders", 4).is_err());
        assert!(EmbeddedCluster::start(0).is_err());
    }
}
