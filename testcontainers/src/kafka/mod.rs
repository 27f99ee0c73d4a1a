//! A real Kafka cluster (KRaft, without ZooKeeper) in child JVMs on loopback ports. Creates no topic of its own accord.

mod base64_id;
mod node;
mod options;

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64_id::random_cluster_id;
use node::Node;
pub use options::{KafkaOptions, ScramUser};

use crate::error::{Error, Result};
use crate::process::{JavaCommand, JavaProcess, WorkDirectory};
use crate::recorder::{FaultyNetwork, Lane, Recorded};
use crate::{client, jvm_logging, maven, wait};

const FORMAT_PATIENCE: Duration = Duration::from_secs(60);
const START_PATIENCE: Duration = Duration::from_secs(120);
const STOP_PATIENCE: Duration = Duration::from_secs(90);
const TOOL_PATIENCE: Duration = Duration::from_secs(120);

/// A running cluster. Dropping it kills its brokers and removes their data (kept while panicking).
pub struct KafkaCluster {
    // Dropped in this order: the brokers, the network in front of them, their directories.
    nodes: Vec<Node>,
    network: Option<Arc<FaultyNetwork>>,
    options: KafkaOptions,
    cluster_id: String,
    tools_run: AtomicU32,
    work: WorkDirectory,
}

impl KafkaCluster {
    /// Formats and starts all brokers; returns when an admin metadata call shows all of them.
    ///
    /// # Errors
    /// If Java or Maven are missing, or a broker ends or is not ready in time, with the end of its log.
    pub fn start(options: KafkaOptions) -> Result<Self> {
        if options.nodes == 0 {
            return Err(Error::Misuse(format!("cluster {} needs at least one node", options.alias)));
        }
        let libs = maven::kafka_libs(options.version)?;
        let work = WorkDirectory::new(&options.alias)?;
        let cluster_id = random_cluster_id();
        let ids = 1..=options.nodes;
        let layouts =
            ids.map(|id| node::Layout::reserve(id, &options, work.path())).collect::<Result<Vec<_>>>()?;
        let network = match options.proxied {
            false => None,
            true => {
                Some(Arc::new(FaultyNetwork::start(layouts.iter().filter_map(node::Layout::behind_proxy))?))
            }
        };
        let lanes = network.as_deref().map_or(&[][..], FaultyNetwork::lanes);
        let voters: Vec<String> =
            layouts.iter().map(|layout| format!("{}@{}", layout.id, layout.controller.address())).collect();
        let logging = jvm_logging::configure(options.version, work.path())?;
        let mut nodes = Vec::new();
        for (at, layout) in layouts.into_iter().enumerate() {
            nodes.push(Node::new(layout, &options, &voters.join(","), lanes.get(at), &libs, &logging)?);
        }
        let formats =
            nodes.iter().map(|node| node.start_format(&cluster_id, &options)).collect::<Result<Vec<_>>>()?;
        for format in formats {
            format.run_to_end(FORMAT_PATIENCE)?;
        }
        for node in &mut nodes {
            node.start()?;
        }
        let mut cluster = Self { nodes, network, options, cluster_id, tools_run: 0.into(), work };
        for id in 1..=cluster.options.nodes {
            cluster.wait_until_ready(id)?;
        }
        Ok(cluster)
    }

    /// The name that a replicator and messages have for it.
    pub fn alias(&self) -> &str {
        &self.options.alias
    }

    /// What it was started with.
    pub fn options(&self) -> &KafkaOptions {
        &self.options
    }

    /// The id in its metadata: 22 characters.
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// `host:port` of every broker, separated by commas. Plain text, no authentication.
    pub fn bootstrap_servers(&self) -> String {
        self.addresses(|node| Some(node.layout.plain.address()))
    }

    /// As [`KafkaCluster::bootstrap_servers`], for the listener that wants SASL/SCRAM over plain text.
    ///
    /// # Errors
    /// If the cluster was started without SCRAM users.
    pub fn sasl_bootstrap(&self) -> Result<String> {
        match self.options.scram_users.is_empty() {
            true => Err(Error::Misuse(format!("cluster {} has no SCRAM users", self.alias()))),
            false => Ok(self.addresses(|node| node.layout.sasl.as_ref().map(|port| port.address()))),
        }
    }

    /// As [`KafkaCluster::bootstrap_servers`], through the recording and faulty network.
    ///
    /// # Errors
    /// If the cluster was not started with `proxied`.
    pub fn proxied_bootstrap(&self) -> Result<String> {
        let lanes = self.network()?.lanes();
        Ok(lanes.iter().map(Lane::address).collect::<Vec<_>>().join(","))
    }

    /// The network in front of the brokers: what passed through it, and its faults.
    ///
    /// # Errors
    /// If the cluster was not started with `proxied`.
    pub fn network(&self) -> Result<&Arc<FaultyNetwork>> {
        self.network.as_ref().ok_or_else(|| Error::Misuse(format!("cluster {} is not proxied", self.alias())))
    }

    /// The requests that clients sent through [`KafkaCluster::proxied_bootstrap`], by API key.
    ///
    /// # Errors
    /// If the cluster was not started with `proxied`.
    pub fn recorded(&self) -> Result<BTreeMap<Recorded, u64>> {
        Ok(self.network()?.recorded())
    }

    /// Where broker `node` (from 1) keeps its log segments.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn data_dir(&self, node: u16) -> Result<&Path> {
        Ok(&self.node(node)?.layout.data)
    }

    /// The end of what broker `node` (from 1) logged.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn log_tail(&self, node: u16) -> Result<String> {
        Ok(self.node(node)?.log_tail())
    }

    /// The process id of broker `node` (from 1), if it was started and not ended by us.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn process_id(&self, node: u16) -> Result<Option<u32>> {
        Ok(self.node(node)?.process_id())
    }

    /// SIGKILL for broker `node` (from 1): it has no chance to flush or say goodbye.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn kill_node(&mut self, node: u16) -> Result<()> {
        self.node_mut(node)?.kill();
        Ok(())
    }

    /// SIGTERM for broker `node` (from 1), and SIGKILL if it does not end within 90 s.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn stop_node(&mut self, node: u16) -> Result<()> {
        self.node_mut(node)?.stop(STOP_PATIENCE);
        Ok(())
    }

    /// Starts broker `node` (from 1) again on its data and ports; returns when it answers metadata calls.
    ///
    /// # Errors
    /// If there is no such node, it still runs, or it is not ready in time.
    pub fn start_node(&mut self, node: u16) -> Result<()> {
        self.node_mut(node)?.start()?;
        self.wait_until_ready(node)
    }

    /// Stops all brokers: SIGTERM for all, then SIGKILL for those that do not end. They can be started again.
    pub fn stop(&mut self) {
        for node in &mut self.nodes {
            node.terminate();
        }
        for node in &mut self.nodes {
            node.stop(STOP_PATIENCE);
        }
    }

    /// Runs one of Kafka's command line classes of this version, such as
    /// `org.apache.kafka.tools.consumer.group.ConsumerGroupCommand`. Returns what it printed.
    ///
    /// # Errors
    /// If it fails or takes longer than two minutes.
    pub fn run_tool(&self, class: &str, arguments: &[&str]) -> Result<String> {
        let number = self.tools_run.fetch_add(1, Ordering::Relaxed);
        let libs = maven::kafka_libs(self.options.version)?;
        let logging = jvm_logging::configure(self.options.version, self.work.path())?;
        let name = format!("{}-tool-{number}", self.alias());
        let mut command = JavaCommand::class(&name, &libs, 256, self.work.path(), class).flag(logging);
        for argument in arguments {
            command = command.arg(argument);
        }
        let log = command.log();
        JavaProcess::start(command)?.run_to_end(TOOL_PATIENCE)?;
        std::fs::read_to_string(&log).map_err(Error::file("read", &log))
    }

    fn addresses(&self, address: impl FnMut(&Node) -> Option<String>) -> String {
        self.nodes.iter().filter_map(address).collect::<Vec<_>>().join(",")
    }

    fn node(&self, id: u16) -> Result<&Node> {
        self.nodes.iter().find(|node| node.layout.id == id).ok_or_else(|| self.no_node(id))
    }

    fn node_mut(&mut self, id: u16) -> Result<&mut Node> {
        let error = self.no_node(id);
        self.nodes.iter_mut().find(|node| node.layout.id == id).ok_or(error)
    }

    fn no_node(&self, id: u16) -> Error {
        Error::Misuse(format!("cluster {} has nodes 1 to {}, not {id}", self.alias(), self.options.nodes))
    }

    /// Ready: it answers a metadata call that shows as many brokers as run.
    fn wait_until_ready(&mut self, id: u16) -> Result<()> {
        let running = self.nodes.iter_mut().filter_map(|node| node.is_running().then_some(())).count();
        let what = format!("node {id} of cluster {}", self.alias());
        let node = self.node_mut(id)?;
        let address = node.layout.plain.address();
        wait::until_or_broken(&what, START_PATIENCE, || {
            node.check()?;
            if !listens(&address) {
                return Ok(Err("it does not listen yet".to_owned()));
            }
            Ok(match client::broker_count(&address) {
                Ok(brokers) if brokers >= running => Ok(()),
                Ok(brokers) => Err(format!("its metadata shows {brokers} of {running} brokers")),
                Err(error) => Err(error.to_string()),
            })
        })
    }
}

fn listens(address: &str) -> bool {
    let address: SocketAddr = address.parse().expect("an address of ours");
    TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok()
}
