//! All that there is while a scenario is played: clusters, registries, replicator, and what the player knows of the
//! records that it produced. Performs no step.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use cutproof_fixtures::FixtureRecord;
use cutproof_fixtures::workloads::{ORDERS_SCHEMA, Workload};
use cutproof_testcontainers::{
    FixedRegistry, Member, NeededTopic, OpenTransaction, PlainRecord, Registry, Result, Topic, create_topic,
    delete_groups, delete_topic, produce_with, topic_names,
};

use super::ground::Ground;
use super::replicator::Replicator;
use super::workload::{self, RAW_TIMESTAMP, SCHEMA_ID};
use super::{Addresses, Cast, Names};
use crate::error::ScenarioError;
use crate::format::{
    Clusters, FindingExpect, Link, Loaded, RegistrySpec, Scenario, SideWord, Step, WorkloadName,
};
use crate::judge::ProofEnd;
use crate::staging::{in_order, plain};

/// A scenario in play. No client may outlive its clusters, so they stand last.
pub struct Stage<'a> {
    pub scenario: &'a Scenario,
    pub cast: &'a Cast,
    /// Of the file.
    pub directory: PathBuf,
    /// For what is left.
    pub work: PathBuf,
    pub names: Names,
    pub seed: u64,
    pub workload: Option<Workload>,
    pub transactions: HashMap<String, OpenTransaction>,
    /// Of groups that consume until the scenario ends.
    pub members: Vec<Member>,
    pub replicator: Replicator,
    pub registries: Registries,
    /// Of the topics made so far, by side and name in the file.
    pub partitions: BTreeMap<(SideWord, String), i32>,
    /// Records of the workload produced so far, by topic and partition.
    pub produced: HashMap<String, Vec<usize>>,
    /// All that the player produced to the source outside of transactions, by topic and partition.
    pub source_log: BTreeMap<String, Vec<Vec<FixtureRecord>>>,
    /// How many records it produced to the target itself, by topic and partition.
    pub rogue: HashMap<(String, i32), usize>,
    /// On the source: group, topic and partition, offset.
    pub commits: BTreeMap<String, BTreeMap<(String, i32), i64>>,
    /// The next timestamp of a single record.
    pub clock: i64,
    /// Whether the copier has planted its defects.
    pub planted: bool,
    /// Findings that must follow from what the copier did.
    pub derived: Vec<FindingExpect>,
    pub end: Option<ProofEnd>,
    /// What a step found to be otherwise than it must be.
    pub unexpected: Vec<String>,
    pub ground: Ground<'a>,
}

/// Source, target.
pub enum Registries {
    None,
    Fixed([FixedRegistry; 2]),
    Real(Box<[Registry; 2]>),
}

impl Registries {
    fn start(spec: &RegistrySpec) -> Result<Self> {
        Ok(match spec {
            RegistrySpec::None(_) => Self::None,
            RegistrySpec::Fixed(spec) => {
                let start = |schemas: &BTreeMap<u32, String>| {
                    FixedRegistry::start(schemas.iter().map(|(id, text)| (*id, schema_text(text))).collect())
                };
                Self::Fixed([start(&spec.source)?, start(&spec.target)?])
            }
            RegistrySpec::Apicurio(_) => Self::Real(Box::new([Registry::start()?, Registry::start()?])),
        })
    }

    fn urls(&self) -> [Option<String>; 2] {
        match self {
            Self::None => [None, None],
            Self::Fixed(both) => both.each_ref().map(|registry| Some(registry.url())),
            Self::Real(both) => both.each_ref().map(|registry| Some(registry.url())),
        }
    }
}

/// A schema of a file: its text, or the word `orders`.
pub fn schema_text(text: &str) -> String {
    if text == "orders" { ORDERS_SCHEMA.to_owned() } else { text.to_owned() }
}

impl<'a> Stage<'a> {
    /// Starts registries, makes the workload's topics. The replicator does not run yet.
    pub fn set(
        loaded: &'a Loaded,
        cast: &'a Cast,
        names: Names,
        seed: Option<u64>,
        work: PathBuf,
        ground: Ground<'a>,
    ) -> Result<Self, ScenarioError> {
        let scenario = &loaded.scenario;
        let failed = |error| ScenarioError::step("set the stage", error);
        let registries = Registries::start(&scenario.registry).map_err(failed)?;
        let replicator_reaches = |side| match link_used(scenario, side, true) {
            true => ground.behind_network(side),
            false => Ok(ground.bootstrap(side)),
        };
        let reached = [
            replicator_reaches(SideWord::Source).map_err(failed)?,
            replicator_reaches(SideWord::Target).map_err(failed)?,
        ];
        let replicator = Replicator::new(&scenario.replicator(), &names, [&reached[0], &reached[1]]);
        let mut stage = Self {
            scenario,
            cast,
            directory: loaded.path.parent().map(PathBuf::from).unwrap_or_default(),
            work,
            names,
            seed: seed.unwrap_or_else(|| scenario.workload.as_ref().map_or(1, |workload| workload.seed)),
            workload: None,
            transactions: HashMap::new(),
            members: Vec::new(),
            replicator,
            registries,
            partitions: BTreeMap::new(),
            produced: HashMap::new(),
            source_log: BTreeMap::new(),
            rogue: HashMap::new(),
            commits: BTreeMap::new(),
            clock: RAW_TIMESTAMP,
            planted: false,
            derived: Vec::new(),
            end: None,
            unexpected: Vec::new(),
            ground,
        };
        stage.set_workload()?;
        Ok(stage)
    }

    fn set_workload(&mut self) -> Result<(), ScenarioError> {
        let failed = |error| ScenarioError::step("set the stage", error);
        let Some(spec) = &self.scenario.workload else { return Ok(()) };
        let mut schema_id = SCHEMA_ID;
        let orders = matches!(spec.name, Some(WorkloadName::Orders | WorkloadName::Demo));
        if let (Registries::Real(both), true) = (&self.registries, orders) {
            schema_id = both[0].register("orders-value", ORDERS_SCHEMA).map_err(failed)?;
            let by_steps = self.scenario.steps().iter().any(
                |step| matches!(step, Step::RegisterSchema(register) if register.on == SideWord::Target),
            );
            if !by_steps {
                both[1].register("orders-value", ORDERS_SCHEMA).map_err(failed)?;
            }
        }
        let workload = workload::build(spec, self.seed, &self.directory, schema_id)
            .map_err(|problem| ScenarioError::step("set the stage", problem))?;
        for topic in &workload.topics {
            let config = if topic.compacted { vec![("cleanup.policy", "compact")] } else { Vec::new() };
            self.create(SideWord::Source, &topic.name, topic.partitions as i32, &config).map_err(failed)?;
        }
        self.workload = Some(workload);
        Ok(())
    }

    /// Makes a topic, and for the copier what it needs beside it. `config`: over retention that is off.
    pub fn create(
        &mut self,
        side: SideWord,
        topic: &str,
        partitions: i32,
        config: &[(&str, &str)],
    ) -> Result<()> {
        let name = self.names.topic(side, topic);
        self.create_named(side, &name, partitions, config)?;
        self.partitions.insert((side, topic.to_owned()), partitions);
        if side == SideWord::Target {
            return Ok(());
        }
        self.source_log.insert(topic.to_owned(), vec![Vec::new(); partitions as usize]);
        let Replicator::Copier { copier, .. } = &self.replicator else { return Ok(()) };
        let there = self.partitions.keys().filter(|(side, _)| *side == SideWord::Source).count();
        for NeededTopic { name: needed, partitions, on_target } in
            copier.needed_topics(&[(&name, partitions)])
        {
            let side = if on_target { SideWord::Target } else { SideWord::Source };
            // Its internal topics serve all that it copies.
            let internal = [copier.offset_syncs_topic(), copier.checkpoints_topic()].contains(&needed);
            if !internal || there == 1 {
                self.create_named(side, &needed, partitions, &[])?;
            }
        }
        let copy = self.names.copy_of(topic);
        self.partitions.insert((SideWord::Target, copy), partitions);
        Ok(())
    }

    pub fn create_named(
        &self,
        side: SideWord,
        name: &str,
        partitions: i32,
        config: &[(&str, &str)],
    ) -> Result<()> {
        if let Ground::Embedded(clusters) = &self.ground {
            return clusters[side as usize].create_topic(name, partitions);
        }
        let mut configs = vec![("retention.ms", "-1")];
        configs.retain(|(name, _)| config.iter().all(|(other, _)| other != name));
        configs.extend_from_slice(config);
        let replication = match &self.scenario.clusters.0 {
            Clusters::Kafka(spec) => i32::from(spec.nodes),
            // Whatever the user's brokers do by default.
            Clusters::Own(_) | Clusters::Embedded(_) => -1,
        };
        let topic = Topic { name, partitions, replication, configs: &configs };
        create_topic(&self.ground.bootstrap(side), &topic)
    }

    /// Produces to a topic by its name in the file, and remembers it.
    pub fn produce(&mut self, side: SideWord, topic: &str, records: Vec<PlainRecord>) -> Result<usize> {
        for record in &records {
            self.remember(side, topic, record);
        }
        let name = self.names.topic(side, topic);
        produce_with(&self.ground.bootstrap(side), &name, &in_order(), records)
    }

    fn remember(&mut self, side: SideWord, topic: &str, record: &PlainRecord) {
        let PlainRecord { partition, key, value, headers, timestamp } = record.clone();
        match side {
            SideWord::Target => *self.rogue.entry((topic.to_owned(), partition)).or_default() += 1,
            SideWord::Source => {
                let log = self.source_log.get_mut(topic);
                if let Some(log) = log.and_then(|log| log.get_mut(usize::try_from(partition).ok()?)) {
                    log.push(FixtureRecord { key, value, headers, timestamp });
                }
            }
        }
    }

    /// Produces what the workload has left, or so many more of each partition.
    pub fn produce_workload(&mut self, topics: &[String], per_partition: Option<usize>) -> Result<()> {
        let Some(workload) = self.workload.take() else { return Ok(()) };
        let mut outcome = Ok(());
        for topic in workload.topics.iter().filter(|topic| topics.is_empty() || topics.contains(&topic.name))
        {
            let done =
                self.produced.entry(topic.name.clone()).or_insert_with(|| vec![0; topic.records.len()]);
            let mut records = Vec::new();
            for (partition, all) in topic.records.iter().enumerate() {
                let from = done[partition];
                let to = per_partition.map_or(all.len(), |more| (from + more).min(all.len()));
                records.extend(all[from..to].iter().map(|record| plain(record, partition as i32)));
                done[partition] = to;
            }
            outcome = outcome.and_then(|()| self.produce(SideWord::Source, &topic.name, records).map(drop));
        }
        self.workload = Some(workload);
        outcome
    }

    /// Where the proof reaches both sides.
    pub fn addresses(&self) -> Result<Addresses> {
        let reach = |side| match link_used(self.scenario, side, false) {
            true => self.ground.behind_network(side),
            false => Ok(self.ground.bootstrap(side)),
        };
        Ok(Addresses {
            bootstrap: [reach(SideWord::Source)?, reach(SideWord::Target)?],
            registries: self.registries.urls(),
        })
    }

    /// Removes what was made on clusters that are not the player's; elsewhere only heals the network.
    pub fn clear(&mut self) -> Result<()> {
        self.transactions.clear();
        self.members.clear();
        self.replicator = Replicator::None;
        self.ground.heal();
        if !matches!(self.ground, Ground::Own(_)) {
            return Ok(());
        }
        let tag = self.names.tag();
        for side in [SideWord::Source, SideWord::Target] {
            let bootstrap = self.ground.bootstrap(side);
            for topic in topic_names(&bootstrap)?.iter().filter(|topic| topic.contains(tag)) {
                delete_topic(&bootstrap, topic)?;
            }
            let groups: Vec<String> = self.cast.groups.iter().map(|group| self.names.group(group)).collect();
            if !groups.is_empty() {
                let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
                delete_groups(&bootstrap, &groups)?;
            }
        }
        Ok(())
    }
}

/// Whether a scenario cuts or slows the replicator's link to a side, or the proof's.
fn link_used(scenario: &Scenario, side: SideWord, replicators: bool) -> bool {
    fn any(steps: &[Step], fits: &dyn Fn(Link) -> bool) -> bool {
        steps.iter().any(|step| match step {
            Step::Cut(link) | Step::Heal(link) => fits(*link),
            Step::Slow(slow) => fits(slow.link),
            Step::Run(run) => {
                let inner: Vec<Step> = run.meanwhile.iter().map(|step| step.0.clone()).collect();
                any(&inner, fits)
            }
            _ => false,
        })
    }
    any(&scenario.steps(), &|link| link.side() == side && link.is_replicators() == replicators)
}
