//! One cluster, asked for what it holds: topics, bounds, times, groups, commits, configurations. Reads no record.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::metadata::{Metadata, MetadataPartition};

use super::context::{Events, Fault, FaultKind, Shared};
use super::error::{At, KafkaError};
use super::ffi::{self, Failure, OffsetOf};
use super::properties::{ClientProperties, PropertyError, Remark, refusal, translate};
use super::settings::{self, ClusterSettings};
use super::tls_files;
use crate::record::{Isolation, Side, TopicPartition};

/// How often the client is looked after while nobody asks.
const LOOK_AFTER: Duration = Duration::from_millis(50);
/// Between two tries of a request that may pass in a moment.
const TRY_AGAIN: Duration = Duration::from_millis(100);
/// librdkafka's "no offset". (No record at or after a time is -1.)
const NOT_ANSWERED: i64 = -1001;
/// Topics in one request for configurations.
const CONFIGS_AT_ONCE: usize = 500;

/// A topic as the brokers list it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicListing {
    /// Number of partitions; they are numbered from 0.
    pub partitions: usize,
    /// One of Kafka's own, e.g. `__consumer_offsets`.
    pub internal: bool,
}

/// Where a partition's log begins and ends. The difference is no number of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBounds {
    /// First offset that is still there.
    pub log_start: i64,
    /// One past the last: last stable offset when read committed, else high watermark.
    pub end: i64,
}

/// State of a consumer group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// Members, partitions assigned.
    Stable,
    /// Members, being assigned.
    Rebalancing,
    /// No members; commits may be there.
    Empty,
    /// Gone, or never was.
    Dead,
    /// The broker names none that the client knows; ask for the members.
    Unknown,
}

impl GroupState {
    fn from_name(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "stable" => Self::Stable,
            "preparingrebalance" | "completingrebalance" => Self::Rebalancing,
            "empty" => Self::Empty,
            "dead" => Self::Dead,
            _ => Self::Unknown,
        }
    }
}

/// A consumer group as the brokers list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    /// Group id.
    pub group: String,
    /// State at that moment.
    pub state: GroupState,
    /// `consumer`, or empty where only offsets were committed and no member ever joined.
    pub protocol_type: &'static str,
    /// `classic` or `consumer` (KIP-848); `None` where the broker is too old to say.
    pub group_type: Option<String>,
}

/// One live member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// As its client names itself.
    pub client_id: String,
    /// Where it connects from.
    pub host: String,
}

/// A group's state and its live members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMembers {
    /// State at that moment.
    pub state: GroupState,
    /// Empty where nobody consumes.
    pub members: Vec<GroupMember>,
}

impl GroupMembers {
    /// Whether somebody consumes, and may commit at any time.
    pub fn is_active(&self) -> bool {
        !self.members.is_empty()
    }
}

/// A topic's configuration: values by name, without those that the brokers hide.
pub type TopicConfig = BTreeMap<String, String>;

/// A committed position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The next offset that the group would read.
    pub offset: i64,
    /// Free text of the committer.
    pub metadata: String,
    /// Leader epoch of the last record that was read, where the committer gave it.
    pub leader_epoch: Option<i32>,
}

/// An open, read-only connection to one cluster. May be shared between threads; requests block the caller.
pub struct Cluster {
    settings: ClusterSettings,
    properties: ClientProperties,
    events: Arc<Events>,
    client: Arc<BaseConsumer<Shared>>,
    watching: Arc<AtomicBool>,
    watcher: Option<JoinHandle<()>>,
    cluster_id: String,
    /// A broker that answered; those that any broker can answer are sent to it. Below 0: none known.
    broker: AtomicI32,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("settings", &self.settings)
            .field("properties", &self.properties)
            .field("cluster_id", &self.cluster_id)
            .finish_non_exhaustive()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.watching.store(false, Ordering::SeqCst);
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

impl Cluster {
    /// Translates the properties, opens a client and learns the cluster's id. Fails within the time limit of the
    /// settings, and at once where the cluster refuses the credentials.
    pub fn connect(settings: ClusterSettings) -> Result<Self, KafkaError> {
        let started = Instant::now();
        let at = || at(&settings, "connect");
        let refused = |source| KafkaError::Properties { at: at(), source };
        let properties = translate(&settings.properties, settings.allow_unverified_tls).map_err(refused)?;
        tls_files::check(&settings.properties, &properties).map_err(refused)?;
        let secrets = properties.secrets().map(str::to_owned).collect();
        let events = Arc::new(Events::new(settings.side, secrets));
        let client: BaseConsumer<Shared> = settings::client_config(&settings.bootstrap_servers, &properties)
            .create_with_context(Shared(Arc::clone(&events)))
            .map_err(|error| creation(at(), &settings, &properties, &events, &error))?;
        let client = Arc::new(client);
        let watching = Arc::new(AtomicBool::new(true));
        let watcher = watch(Arc::clone(&client), Arc::clone(&watching));
        let mut cluster = Self {
            settings,
            properties,
            events,
            client,
            watching,
            watcher: Some(watcher),
            cluster_id: String::new(),
            broker: AtomicI32::new(-1),
        };
        cluster.cluster_id = cluster.await_id(started)?;
        Ok(cluster)
    }

    fn await_id(&self, started: Instant) -> Result<String, KafkaError> {
        let limit = self.settings.request_timeout;
        // Sets the client going; the answer is used by librdkafka itself even if it comes later.
        let _ = self.client.fetch_metadata(None, LOOK_AFTER.min(limit));
        loop {
            if let Some(id) = self.client.client().fetch_cluster_id(LOOK_AFTER) {
                return Ok(id);
            }
            let fault = self.events.worst_since(started);
            if let Some(fault) = fault.as_ref().filter(|fault| fault.is_final()) {
                return Err(self.no_connection("connect", started, Some(fault), "refused"));
            }
            if started.elapsed() >= limit {
                return match self.client.fetch_metadata(None, LOOK_AFTER) {
                    Ok(_) => {
                        let detail = "they report no cluster id".to_owned();
                        Err(KafkaError::NotSupported { at: self.at("connect"), detail })
                    }
                    Err(error) => {
                        Err(self.no_connection("connect", started, fault.as_ref(), &error.to_string()))
                    }
                };
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// As the brokers report it.
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// Which side it is.
    pub fn side(&self) -> Side {
        self.settings.side
    }

    /// Its name in the configuration.
    pub fn alias(&self) -> &str {
        &self.settings.alias
    }

    /// How long a request may take.
    pub fn request_timeout(&self) -> Duration {
        self.settings.request_timeout
    }

    /// What became of the user's properties: ignored, overridden, or worth a warning.
    pub fn remarks(&self) -> &[Remark] {
        self.properties.remarks()
    }

    /// Settings for a client that reads partitions that it assigns itself, and reports the end of each. What keeps a
    /// reader from committing, creating or skipping anything cannot be overridden by properties.
    pub fn reader_config(&self, isolation: Isolation) -> ClientConfig {
        settings::reader_config(&self.settings.bootstrap_servers, &self.properties, isolation)
    }

    /// All topics that the principal may see, in one request.
    pub fn topics(&self) -> Result<BTreeMap<String, TopicListing>, KafkaError> {
        let metadata = self.metadata("list topics")?;
        Ok(metadata
            .topics()
            .iter()
            .map(|topic| {
                let name = topic.name().to_owned();
                let internal = is_internal(&name);
                (name, TopicListing { partitions: topic.partitions().len(), internal })
            })
            .collect())
    }

    fn metadata(&self, operation: &'static str) -> Result<Metadata, KafkaError> {
        let started = Instant::now();
        let metadata = self
            .client
            .fetch_metadata(None, self.settings.request_timeout)
            .map_err(|error| self.failed(operation, None, started, client_failure(&error)))?;
        let known = |id: &i32| metadata.brokers().iter().any(|broker| broker.id() == *id);
        let broker =
            Some(metadata.orig_broker_id()).filter(known).or(metadata.brokers().first().map(|b| b.id()));
        self.broker.store(broker.unwrap_or(-1), Ordering::Relaxed);
        Ok(metadata)
    }

    /// A broker for requests that any broker can answer; librdkafka would wait for the controller.
    fn any_broker(&self, operation: &'static str) -> Result<i32, KafkaError> {
        if self.broker.load(Ordering::Relaxed) < 0 {
            self.metadata(operation)?;
        }
        Ok(self.broker.load(Ordering::Relaxed))
    }

    /// The error, and another broker next time: this one may be gone.
    fn broker_failed(&self, operation: &'static str, since: Instant, failure: Failure) -> KafkaError {
        self.broker.store(-1, Ordering::Relaxed);
        self.failed(operation, None, since, failure)
    }

    /// The partitions of one topic, in order. [`KafkaError::NotThere`] where there is none of that name.
    pub fn topic_partitions(&self, topic: &str) -> Result<Vec<TopicPartition>, KafkaError> {
        const OPERATION: &str = "describe a topic";
        let broker = self.any_broker(OPERATION)?;
        let started = Instant::now();
        let described = ffi::describe_topics(&self.client, broker, &[topic], self.settings.request_timeout)
            .map_err(|failure| self.broker_failed(OPERATION, started, failure))?;
        let not_there = || KafkaError::NotThere { at: self.at(OPERATION), what: format!("topic {topic}") };
        let described = described.into_iter().next().ok_or_else(not_there)?;
        match described.error {
            Some(failure) if is_absent(failure.code) => Err(not_there()),
            Some(failure) => Err(self.failed(OPERATION, None, started, failure)),
            None => Ok(described
                .partitions
                .into_iter()
                .map(|number| TopicPartition::new(topic, number))
                .collect()),
        }
    }

    /// All partitions that the leader of `partition` leads, itself among them; where none leads it, all without a leader.
    /// None at all where the brokers do not list it, `None` where no broker answers `within` a time.
    pub fn led_beside(
        &self,
        partition: &TopicPartition,
        within: Duration,
    ) -> Option<HashSet<TopicPartition>> {
        // The first time a broker may be asked that is away, unnoticed so far.
        let metadata = (0..2).find_map(|_| self.client.fetch_metadata(None, within / 2).ok())?;
        let topics = metadata.topics();
        let own = topics.iter().filter(|topic| topic.name() == partition.topic);
        let own = own.flat_map(|topic| topic.partitions()).find(|own| own.id() == partition.partition);
        let Some(leader) = own.map(MetadataPartition::leader) else { return Some(HashSet::new()) };
        let led = topics.iter().flat_map(|topic| {
            let led = topic.partitions().iter().filter(move |other| other.leader() == leader);
            led.map(move |other| TopicPartition::new(topic.name(), other.id()))
        });
        Some(led.collect())
    }

    /// The ids of topics, in Base64 as Kafka's tools print them: another id under the same name means that the topic
    /// was deleted and made again. `None` where the brokers know none; topics that do not exist are left out.
    pub fn topic_ids(&self, topics: &[&str]) -> Result<Option<BTreeMap<String, String>>, KafkaError> {
        if topics.is_empty() {
            return Ok(Some(BTreeMap::new()));
        }
        let broker = self.any_broker("describe topics")?;
        let started = Instant::now();
        let described =
            match ffi::describe_topics(&self.client, broker, topics, self.settings.request_timeout) {
                Ok(described) => described,
                Err(failure) if failure.is_unsupported() => return Ok(None),
                Err(failure) => return Err(self.broker_failed("describe topics", started, failure)),
            };
        let there = described.iter().filter(|topic| topic.error.is_none()).count();
        let ids: BTreeMap<String, String> =
            described.into_iter().filter_map(|topic| Some((topic.name, topic.id?))).collect();
        Ok((there == 0 || !ids.is_empty()).then_some(ids))
    }

    /// Where the logs of `partitions` begin and end, with one request to each broker for each bound. Every partition
    /// asked for is in the answer.
    pub fn log_bounds(
        &self,
        partitions: &[TopicPartition],
        isolation: Isolation,
    ) -> Result<BTreeMap<TopicPartition, LogBounds>, KafkaError> {
        const OPERATION: &str = "read the log bounds of";
        let starts = partitions.iter().map(|partition| (partition.clone(), OffsetOf::LogStart)).collect();
        let starts = self.list_offsets(OPERATION, starts, isolation)?;
        let ends = partitions.iter().map(|partition| (partition.clone(), OffsetOf::LogEnd)).collect();
        let mut ends = self.list_offsets(OPERATION, ends, isolation)?;
        starts
            .into_iter()
            .map(|(partition, log_start)| match ends.remove(&partition) {
                // Retention may move the start past an end that was asked for earlier, never the other way round.
                Some(end) if end >= 0 && log_start >= 0 => Ok((partition, LogBounds { log_start, end })),
                _ => {
                    let mut at = self.at(OPERATION);
                    at.partition = Some(partition);
                    Err(KafkaError::Failed { at, detail: "the brokers gave no offset".to_owned() })
                }
            })
            .collect()
    }

    /// For each partition the offset of the first record at or after a time (milliseconds since the epoch); `None`
    /// where there is none. Of a partition given twice the last time counts.
    pub fn offsets_for_times(
        &self,
        times: &[(TopicPartition, i64)],
    ) -> Result<BTreeMap<TopicPartition, Option<i64>>, KafkaError> {
        let wanted =
            times.iter().map(|(partition, millis)| (partition.clone(), OffsetOf::Time(*millis))).collect();
        let found = self.list_offsets("look up a time in", wanted, Isolation::ReadUncommitted)?;
        Ok(found
            .into_iter()
            .map(|(partition, offset)| (partition, (offset >= 0).then_some(offset)))
            .collect())
    }

    fn list_offsets(
        &self,
        operation: &'static str,
        mut wanted: BTreeMap<TopicPartition, OffsetOf>,
        isolation: Isolation,
    ) -> Result<BTreeMap<TopicPartition, i64>, KafkaError> {
        let started = Instant::now();
        let mut found = BTreeMap::new();
        while !wanted.is_empty() {
            let left = self.settings.request_timeout.saturating_sub(started.elapsed());
            let list: Vec<(TopicPartition, OffsetOf)> =
                wanted.iter().map(|(p, of)| (p.clone(), *of)).collect();
            let answer = match ffi::list_offsets(&self.client, &list, isolation, left) {
                Ok(answer) => answer,
                // No partition has a leader: none exists, or all are moving.
                Err(failure) if failure.code == Code::NoEnt => {
                    self.all_there(operation, wanted.keys())?;
                    list.into_iter()
                        .map(|(partition, _)| (partition, Err(Code::LeaderNotAvailable)))
                        .collect()
                }
                // The broker went away in the middle; it, or another leader, may be there soon.
                Err(failure) if may_pass(failure.code) => {
                    list.into_iter().map(|(partition, _)| (partition, Err(failure.code))).collect()
                }
                Err(failure) => return Err(self.failed(operation, None, started, failure)),
            };
            let mut last = None;
            for (partition, outcome) in answer {
                match outcome {
                    // librdkafka leaves it so, without an error, where a broker did not answer.
                    Ok(NOT_ANSWERED) => last = Some((partition, Code::BrokerTransportFailure)),
                    Ok(offset) => {
                        wanted.remove(&partition);
                        found.insert(partition, offset);
                    }
                    Err(code) if may_pass(code) => last = Some((partition, code)),
                    Err(code) => return Err(self.partition_failed(operation, partition, started, code)),
                }
            }
            if wanted.is_empty() {
                break;
            }
            if started.elapsed() + TRY_AGAIN >= self.settings.request_timeout {
                return Err(match last {
                    Some((partition, code)) => self.partition_failed(operation, partition, started, code),
                    None => KafkaError::TimedOut {
                        at: self.at(operation),
                        waited: self.settings.request_timeout,
                        detail: "some partitions were not answered for".to_owned(),
                    },
                });
            }
            std::thread::sleep(TRY_AGAIN);
            if last.is_some_and(|(_, code)| is_other_leader(code)) {
                // librdkafka would ask by the leader that it remembers until its metadata is old.
                let left = self.settings.request_timeout.saturating_sub(started.elapsed());
                let _ = self.client.fetch_metadata(None, left);
            }
        }
        Ok(found)
    }

    /// [`KafkaError::NotThere`] with the first partition that the cluster does not list.
    fn all_there<'p>(
        &self,
        operation: &'static str,
        mut partitions: impl Iterator<Item = &'p TopicPartition>,
    ) -> Result<(), KafkaError> {
        let topics = self.topics()?;
        let listed = |partition: &TopicPartition| {
            let number = usize::try_from(partition.partition).unwrap_or(usize::MAX);
            topics.get(&partition.topic).is_some_and(|topic| number < topic.partitions)
        };
        match partitions.find(|partition| !listed(partition)) {
            Some(absent) => {
                let mut at = self.at(operation);
                at.partition = Some(absent.clone());
                Err(KafkaError::NotThere { at, what: absent.to_string() })
            }
            None => Ok(()),
        }
    }

    /// All consumer groups that the principal may see; `None` where the brokers do not list groups.
    pub fn groups(&self) -> Result<Option<Vec<GroupListing>>, KafkaError> {
        const OPERATION: &str = "list groups";
        let started = Instant::now();
        let ffi::GroupListings { groups, errors } =
            match ffi::list_groups(&self.client, self.settings.request_timeout) {
                Ok(listings) => listings,
                Err(failure) if failure.is_unsupported() => return Ok(None),
                Err(failure) => return Err(self.failed(OPERATION, None, started, failure)),
            };
        // A broker that did not answer may hold groups: half a list is none.
        let unsupported = errors.iter().any(Failure::is_unsupported);
        match errors.into_iter().find(|failure| !failure.is_unsupported()) {
            Some(failure) => return Err(self.failed(OPERATION, None, started, failure)),
            None if unsupported => return Ok(None),
            None => {}
        }
        let mut groups: Vec<GroupListing> = groups
            .into_iter()
            .map(|(group, state, kind, simple)| GroupListing {
                group,
                state: GroupState::from_name(&state),
                protocol_type: if simple { "" } else { "consumer" },
                group_type: (!kind.eq_ignore_ascii_case("unknown")).then(|| kind.to_ascii_lowercase()),
            })
            .collect();
        groups.sort_by(|a, b| a.group.cmp(&b.group));
        Ok(Some(groups))
    }

    /// A group's state and live members; `None` where the brokers do not tell. A group that does not exist is dead.
    pub fn group_members(&self, group: &str) -> Result<Option<GroupMembers>, KafkaError> {
        let started = Instant::now();
        match ffi::describe_group(&self.client, group, self.settings.request_timeout) {
            Ok(description) => Ok(Some(GroupMembers {
                state: GroupState::from_name(&description.state),
                members: description
                    .members
                    .into_iter()
                    .map(|(client_id, host)| GroupMember { client_id, host })
                    .collect(),
            })),
            Err(failure) if failure.is_unsupported() => Ok(None),
            Err(failure) if failure.code == Code::GroupIdNotFound => {
                Ok(Some(GroupMembers { state: GroupState::Dead, members: Vec::new() }))
            }
            Err(failure) => Err(self.failed("describe a group", None, started, failure)),
        }
    }

    /// What a group has committed, on all partitions (`None`) or on those given. Partitions without a commit, and
    /// those that no longer exist, are left out. Brokers that do not list groups may not know "all" either: name the
    /// partitions there.
    pub fn committed(
        &self,
        group: &str,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<BTreeMap<TopicPartition, Committed>, KafkaError> {
        const OPERATION: &str = "read the committed offsets of a group";
        let started = Instant::now();
        let distinct: Option<Vec<TopicPartition>> =
            partitions.map(|list| list.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect());
        if distinct.as_ref().is_some_and(Vec::is_empty) {
            return Ok(BTreeMap::new());
        }
        let positions =
            match ffi::committed(&self.client, group, distinct.as_deref(), self.settings.request_timeout) {
                Ok(positions) => positions,
                Err(failure) if failure.code == Code::GroupIdNotFound => return Ok(BTreeMap::new()),
                Err(failure) => return Err(self.failed(OPERATION, None, started, failure)),
            };
        let mut committed = BTreeMap::new();
        for ffi::Position { partition, offset, metadata, leader_epoch, error } in positions {
            match error {
                Some(code) if is_absent(code) => {}
                Some(code) => return Err(self.partition_failed(OPERATION, partition, started, code)),
                None if offset < 0 => {}
                None => {
                    committed.insert(partition, Committed { offset, metadata, leader_epoch });
                }
            }
        }
        Ok(committed)
    }

    /// One topic's configuration; `None` where the brokers do not tell, or the principal may not ask.
    pub fn topic_config(&self, topic: &str) -> Result<Option<TopicConfig>, KafkaError> {
        Ok(self.topic_configs(&[topic])?.and_then(|mut configs| configs.remove(topic)))
    }

    /// The configurations of topics, by topic, in few requests; `None` where the brokers do not tell. Topics whose
    /// configuration the principal may not read, and those that do not exist, are left out.
    pub fn topic_configs(
        &self,
        topics: &[&str],
    ) -> Result<Option<BTreeMap<String, TopicConfig>>, KafkaError> {
        const OPERATION: &str = "read topic configurations";
        let mut configs = BTreeMap::new();
        for chunk in topics.chunks(CONFIGS_AT_ONCE) {
            let broker = self.any_broker(OPERATION)?;
            let started = Instant::now();
            let answer =
                match ffi::describe_configs(&self.client, broker, chunk, self.settings.request_timeout) {
                    Ok(answer) => answer,
                    Err(failure) if failure.is_unsupported() => return Ok(None),
                    Err(failure) => return Err(self.broker_failed(OPERATION, started, failure)),
                };
            for (topic, outcome) in answer {
                match outcome {
                    Ok(values) => {
                        configs.insert(topic, values);
                    }
                    Err(failure) if is_absent(failure.code) || is_forbidden(failure.code) => {}
                    Err(failure) => return Err(self.failed(OPERATION, None, started, failure)),
                }
            }
        }
        Ok(Some(configs))
    }

    pub(super) fn events(&self) -> &Arc<Events> {
        &self.events
    }

    pub(super) fn at(&self, operation: &'static str) -> Box<At> {
        at(&self.settings, operation)
    }

    pub(super) fn creation(&self, operation: &'static str, error: ClientError) -> KafkaError {
        creation(self.at(operation), &self.settings, &self.properties, &self.events, &error)
    }

    pub(super) fn partition_failed(
        &self,
        operation: &'static str,
        partition: TopicPartition,
        since: Instant,
        code: Code,
    ) -> KafkaError {
        self.failed(operation, Some((partition, None)), since, Failure { code, text: code.to_string() })
    }

    /// The typed error for what librdkafka answered, with what the connections reported since then.
    pub(super) fn failed(
        &self,
        operation: &'static str,
        place: Option<(TopicPartition, Option<i64>)>,
        since: Instant,
        failure: Failure,
    ) -> KafkaError {
        let mut at = self.at(operation);
        let what = match &place {
            Some((partition, _)) => partition.to_string(),
            None => "it".to_owned(),
        };
        if let Some((partition, offset)) = place {
            at.partition = Some(partition);
            at.offset = offset;
        }
        let detail = self.events.redact(&failure.text);
        let waited = self.settings.request_timeout;
        match failure.code {
            code if is_forbidden(code) => KafkaError::NotPermitted { at, detail },
            code if is_absent(code) => KafkaError::NotThere { at, what },
            _ if failure.is_unsupported() => KafkaError::NotSupported { at, detail },
            Code::Authentication | Code::SaslAuthenticationFailed | Code::SSL => {
                self.no_connection(operation, since, self.events.worst_since(since).as_ref(), &detail)
            }
            Code::AllBrokersDown | Code::BrokerTransportFailure | Code::Resolve => {
                self.no_connection(operation, since, self.events.worst_since(since).as_ref(), &detail)
            }
            Code::OperationTimedOut | Code::RequestTimedOut | Code::MessageTimedOut | Code::TimedOutQueue => {
                match self.events.worst_since(since) {
                    Some(fault) if fault.kind != FaultKind::Other => {
                        self.no_connection(operation, since, Some(&fault), &detail)
                    }
                    _ => KafkaError::TimedOut { at, waited, detail },
                }
            }
            _ => KafkaError::Failed { at, detail },
        }
    }

    fn no_connection(
        &self,
        operation: &'static str,
        since: Instant,
        fault: Option<&Fault>,
        detail: &str,
    ) -> KafkaError {
        let at = self.at(operation);
        let address = fault
            .and_then(|fault| fault.address.clone())
            .unwrap_or_else(|| self.settings.bootstrap_servers.clone());
        let detail = fault.map_or_else(|| self.events.redact(detail), |fault| fault.text.clone());
        match fault.map(|fault| fault.kind) {
            Some(FaultKind::Credentials) => KafkaError::CredentialsRefused { at, address, detail },
            Some(FaultKind::Tls) => KafkaError::TlsRefused { at, address, detail },
            Some(FaultKind::Network | FaultKind::Other) | None => {
                KafkaError::Unreachable { at, address, waited: since.elapsed(), detail }
            }
        }
    }
}

/// Serves the client while nobody asks: what it reports is only handed out when polled.
fn watch(client: Arc<BaseConsumer<Shared>>, watching: Arc<AtomicBool>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        while watching.load(Ordering::SeqCst) {
            // What is reported went to the shared context; this client has no partitions and gets no records.
            let _ = client.poll(LOOK_AFTER);
        }
    })
}

fn at(settings: &ClusterSettings, operation: &'static str) -> Box<At> {
    let ClusterSettings { side, alias, .. } = settings;
    Box::new(At { side: *side, alias: alias.clone(), operation, partition: None, offset: None })
}

/// A client that could not be made: nearly always a value that librdkafka refuses, or a file that it cannot use. Never
/// repeats a value that may be secret.
fn creation(
    at: Box<At>,
    settings: &ClusterSettings,
    properties: &ClientProperties,
    events: &Events,
    error: &ClientError,
) -> KafkaError {
    let refused = match error {
        ClientError::ClientConfig(_, description, key, value) => {
            let reason = match value.is_empty() {
                true => description.clone(),
                false => description.replace(value, "..."),
            };
            Some(PropertyError::Invalid { key: key.clone(), reason: events.redact(&reason) })
        }
        ClientError::ClientCreation(text) => refusal(&events.redact(text), &settings.properties, properties),
        _ => None,
    };
    match refused {
        Some(source) => KafkaError::Properties { at, source },
        None => KafkaError::Failed { at, detail: events.redact(&error.to_string()) },
    }
}

fn client_failure(error: &ClientError) -> Failure {
    Failure { code: error.rdkafka_error_code().unwrap_or(Code::Fail), text: error.to_string() }
}

fn is_internal(topic: &str) -> bool {
    matches!(
        topic,
        "__consumer_offsets" | "__transaction_state" | "__share_group_state" | "__cluster_metadata"
    )
}

pub(super) fn is_absent(code: Code) -> bool {
    matches!(
        code,
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::UnknownTopicId
    )
}

pub(super) fn is_forbidden(code: Code) -> bool {
    matches!(
        code,
        Code::TopicAuthorizationFailed | Code::GroupAuthorizationFailed | Code::ClusterAuthorizationFailed
    )
}

/// The client's idea of the leader is of yesterday.
fn is_other_leader(code: Code) -> bool {
    matches!(code, Code::NotLeaderForPartition | Code::FencedLeaderEpoch | Code::UnknownLeaderEpoch)
}

/// Errors of a partition that moves, which pass by themselves.
fn may_pass(code: Code) -> bool {
    matches!(
        code,
        Code::NotLeaderForPartition
            | Code::LeaderNotAvailable
            | Code::ReplicaNotAvailable
            | Code::FencedLeaderEpoch
            | Code::UnknownLeaderEpoch
            | Code::OffsetNotAvailable
            | Code::RequestTimedOut
            | Code::KafkaStorageError
            | Code::BrokerTransportFailure
    )
}
