//! How to reach one cluster, and the settings that every reader has. Opens nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::config::{ClientConfig, RDKafkaLogLevel};

use super::properties::ClientProperties;
use crate::record::{Isolation, Side};

/// How long a request may take unless said otherwise.
pub const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How to reach one cluster. `Debug` shows the names of properties, no values.
#[derive(Clone)]
pub struct ClusterSettings {
    /// Which side it is.
    pub side: Side,
    /// The replicator's name for it.
    pub alias: String,
    /// `host:port`, comma-separated.
    pub bootstrap_servers: String,
    /// In Java's or librdkafka's dialect, file and inline already merged. Values may be secret.
    pub properties: BTreeMap<String, String>,
    /// How long connecting, and each request, may take.
    pub request_timeout: Duration,
    /// The user said, apart from the properties, that brokers need not be verified.
    pub allow_unverified_tls: bool,
}

impl ClusterSettings {
    /// With the default time limit, and TLS verified.
    pub fn new(
        side: Side,
        alias: impl Into<String>,
        bootstrap_servers: impl Into<String>,
        properties: BTreeMap<String, String>,
    ) -> Self {
        Self {
            side,
            alias: alias.into(),
            bootstrap_servers: bootstrap_servers.into(),
            properties,
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
            allow_unverified_tls: false,
        }
    }
}

impl fmt::Debug for ClusterSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { side, alias, bootstrap_servers, properties, request_timeout, allow_unverified_tls } = self;
        f.debug_struct("ClusterSettings")
            .field("side", side)
            .field("alias", alias)
            .field("bootstrap_servers", bootstrap_servers)
            .field("properties", &properties.keys().collect::<Vec<_>>())
            .field("request_timeout", request_timeout)
            .field("allow_unverified_tls", allow_unverified_tls)
            .finish()
    }
}

/// What all clients have in common: never commits, creates no topic, checks checksums, sends no telemetry.
pub(super) fn client_config(bootstrap_servers: &str, properties: &ClientProperties) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", "cutproof");
    for (key, value) in properties.iter() {
        config.set(key, value);
    }
    for (key, value) in [
        ("bootstrap.servers", bootstrap_servers),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "error"),
        ("allow.auto.create.topics", "false"),
        ("check.crcs", "true"),
        ("fetch.queue.backoff.ms", "1"),
        ("enable.metrics.push", "false"),
    ] {
        config.set(key, value);
    }
    // Closed connections are librdkafka's daily business; errors come by their own way.
    config.set_log_level(match properties.get("debug") {
        Some(_) => RDKafkaLogLevel::Debug,
        None => RDKafkaLogLevel::Warning,
    });
    config
}

/// A client that reads assigned partitions and reports the end of each. The group name is never joined.
pub(super) fn reader_config(
    bootstrap_servers: &str,
    properties: &ClientProperties,
    isolation: Isolation,
) -> ClientConfig {
    let mut config = client_config(bootstrap_servers, properties);
    config
        .set("isolation.level", isolation_name(isolation))
        .set("enable.partition.eof", "true")
        .set("group.id", format!("cutproof-reader-{}", uuid::Uuid::now_v7().simple()));
    config
}

fn isolation_name(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::ReadCommitted => "read_committed",
        Isolation::ReadUncommitted => "read_uncommitted",
    }
}
