//! One broker: its ports, directories, properties and process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::options::KafkaOptions;
use crate::error::{Error, Result};
use crate::ports::ReservedPort;
use crate::process::{JavaCommand, JavaProcess};
use crate::recorder::Lane;
use crate::versions::KafkaVersion;

/// Where a broker listens and stores.
pub(super) struct Layout {
    pub id: u16,
    pub plain: ReservedPort,
    pub controller: ReservedPort,
    pub sasl: Option<ReservedPort>,
    pub proxied: Option<ReservedPort>,
    pub directory: PathBuf,
    pub data: PathBuf,
}

impl Layout {
    pub(super) fn reserve(id: u16, options: &KafkaOptions, work: &Path) -> Result<Self> {
        let optional = |wanted: bool| wanted.then(ReservedPort::new).transpose();
        let directory = work.join(format!("node-{id}"));
        fs::create_dir_all(&directory).map_err(Error::file("create", &directory))?;
        Ok(Self {
            id,
            plain: ReservedPort::new()?,
            controller: ReservedPort::new()?,
            sasl: optional(!options.scram_users.is_empty())?,
            proxied: optional(options.proxied)?,
            data: directory.join("data"),
            directory,
        })
    }

    /// The address that the network in front of it connects to.
    pub(super) fn behind_proxy(&self) -> Option<String> {
        self.proxied.as_ref().map(ReservedPort::address)
    }

    fn configuration(&self) -> PathBuf {
        self.directory.join("server.properties")
    }
}

pub(super) struct Node {
    pub layout: Layout,
    server: JavaCommand,
    format: JavaCommand,
    process: Option<JavaProcess>,
}

impl Node {
    /// Writes its properties; starts nothing.
    pub(super) fn new(
        layout: Layout,
        options: &KafkaOptions,
        voters: &str,
        lane: Option<&Lane>,
        libs: &Path,
        logging: &str,
    ) -> Result<Self> {
        let path = layout.configuration();
        let text: String = properties(&layout, options, voters, lane)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        fs::write(&path, text).map_err(Error::file("write", &path))?;
        let command = |role: &str, heap_mib: u32, class: &str| {
            let name = format!("{}-{role}-{}", options.alias, layout.id);
            JavaCommand::class(&name, libs, heap_mib, &layout.directory, class).flag(logging)
        };
        Ok(Self {
            server: command("broker", options.heap_mib, "kafka.Kafka").arg(&path),
            format: command("format", 128, "kafka.tools.StorageTool"),
            layout,
            process: None,
        })
    }

    /// Begins to format the data directory with the cluster's id and users.
    pub(super) fn start_format(&self, cluster_id: &str, options: &KafkaOptions) -> Result<JavaProcess> {
        let mut command = self
            .format
            .clone()
            .arg("format")
            .arg("-t")
            .arg(cluster_id)
            .arg("-c")
            .arg(self.layout.configuration());
        for user in &options.scram_users {
            for mechanism in ["SCRAM-SHA-512", "SCRAM-SHA-256"] {
                let value = format!("{mechanism}=[name={},password={}]", user.name, user.password);
                command = command.arg("--add-scram").arg(value);
            }
        }
        JavaProcess::start(command)
    }

    pub(super) fn start(&mut self) -> Result<()> {
        match &mut self.process {
            Some(process) => process.restart(),
            None => {
                self.process = Some(JavaProcess::start(self.server.clone())?);
                Ok(())
            }
        }
    }

    pub(super) fn check(&mut self) -> Result<()> {
        self.process.as_mut().map_or(Ok(()), JavaProcess::check)
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(JavaProcess::is_running)
    }

    pub(super) fn process_id(&self) -> Option<u32> {
        self.process.as_ref().and_then(JavaProcess::id)
    }

    pub(super) fn log_tail(&self) -> String {
        self.process.as_ref().map_or_else(String::new, JavaProcess::log_tail)
    }

    pub(super) fn kill(&mut self) {
        if let Some(process) = &mut self.process {
            process.kill();
        }
    }

    pub(super) fn terminate(&mut self) {
        if let Some(process) = &mut self.process {
            process.terminate();
        }
    }

    pub(super) fn stop(&mut self, patience: Duration) {
        if let Some(process) = &mut self.process {
            process.stop(patience);
        }
    }
}

fn properties(
    layout: &Layout,
    options: &KafkaOptions,
    voters: &str,
    lane: Option<&Lane>,
) -> BTreeMap<String, String> {
    let plain = layout.plain.address();
    let mut listeners =
        vec![format!("PLAINTEXT://{plain}"), format!("CONTROLLER://{}", layout.controller.address())];
    let mut advertised = vec![format!("PLAINTEXT://{plain}")];
    let mut protocols = vec!["PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT"];
    if let Some(port) = &layout.sasl {
        listeners.push(format!("SASL://{}", port.address()));
        advertised.push(format!("SASL://{}", port.address()));
        protocols.push("SASL:SASL_PLAINTEXT");
    }
    if let (Some(port), Some(lane)) = (&layout.proxied, lane) {
        listeners.push(format!("PROXIED://{}", port.address()));
        advertised.push(format!("PROXIED://{}", lane.address()));
        protocols.push("PROXIED:PLAINTEXT");
    }
    let replicas = options.nodes.min(3).to_string();
    let mut properties: BTreeMap<String, String> = [
        ("process.roles", "broker,controller"),
        ("node.id", &layout.id.to_string()),
        ("controller.quorum.voters", voters),
        ("listeners", &listeners.join(",")),
        ("advertised.listeners", &advertised.join(",")),
        ("listener.security.protocol.map", &protocols.join(",")),
        ("inter.broker.listener.name", "PLAINTEXT"),
        ("controller.listener.names", "CONTROLLER"),
        ("log.dirs", &layout.data.display().to_string()),
        ("num.partitions", "1"),
        ("default.replication.factor", &replicas),
        ("min.insync.replicas", "1"),
        ("auto.create.topics.enable", "false"),
        ("log.retention.ms", "-1"),
        ("offsets.topic.num.partitions", "1"),
        ("offsets.topic.replication.factor", &replicas),
        ("transaction.state.log.num.partitions", "1"),
        ("transaction.state.log.replication.factor", &replicas),
        ("transaction.state.log.min.isr", "1"),
        ("group.initial.rebalance.delay.ms", "0"),
        // A killed broker may come back once its old session has ended.
        ("broker.session.timeout.ms", "3000"),
        ("broker.heartbeat.interval.ms", "500"),
        // Small and quick: the defaults are for machines of their own.
        ("num.network.threads", "2"),
        ("num.io.threads", "4"),
        ("num.recovery.threads.per.data.dir", "1"),
        ("log.cleaner.dedupe.buffer.size", "8388608"),
        ("log.cleaner.backoff.ms", "1000"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    let mut set = |name: &str, value: &str| properties.insert(name.to_owned(), value.to_owned());
    if options.version >= KafkaVersion::V4_3 {
        set("share.coordinator.state.topic.replication.factor", &replicas);
        set("share.coordinator.state.topic.min.isr", "1");
    }
    if layout.sasl.is_some() {
        set("sasl.enabled.mechanisms", "SCRAM-SHA-512,SCRAM-SHA-256");
        for mechanism in ["scram-sha-512", "scram-sha-256"] {
            set(
                &format!("listener.name.sasl.{mechanism}.sasl.jaas.config"),
                "org.apache.kafka.common.security.scram.ScramLoginModule required;",
            );
        }
    }
    properties.extend(options.properties.clone());
    properties
}
