//! The stages, once, in the order of the picture in the README; cancellation and progress. Decides nothing itself.

mod aborted;
mod again;
mod blocks;
mod bounds;
mod budget;
mod checkpoint;
mod compacted;
mod conclude;
mod error;
mod explain;
mod groups;
mod holes;
mod item;
mod judge;
mod lead;
mod left;
mod locate;
mod meaning;
mod moved;
mod noticed;
mod pair;
mod patience;
mod phases;
mod reading;
mod report;
mod resumable;
mod retained;
mod same;
mod samples;
mod selfcheck;
mod shared;
mod spill;
mod stable;
mod summaries;
mod tails;
#[cfg(test)]
mod two_logs;
mod uncompared;
mod undecided;
mod unit;
mod unread;

#[doc(hidden)] // for fuzzers
pub use checkpoint::rewritten as rewritten_checkpoint;
pub use checkpoint::{CheckpointEvery, ResumeError};
pub use error::RunError;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use cutproof_reports::{Barrier, Finding, RunDirectory, RunManifest, RunState, SelfCheck};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cancel::CancelToken;
use crate::config::{ClusterConfig, ProofConfig};
use crate::decode::{Decoder, Payload, Slot};
use crate::fingerprint::KeyedHasher;
use crate::kafka::{Cluster, ClusterSettings};
use crate::monitor::Monitor;
use crate::positions::plan::plan;
use crate::positions::{PairPlan, Plan};
use crate::record::{DecodeMode, Isolation, Side, TopicPartition};

use again::Readers;
use budget::Budget;
use checkpoint::{Checkpoints, SoFar};
use lead::{LeadIn, lead_in};
use locate::Start;
use pair::{Driven, PairRead, drive};
use retained::Retained;
use samples::Samples;
use shared::Shared;
use spill::SpillSpace;
use unit::{JudgedUnit, Unit};

/// What a run is asked to do apart from its configuration.
pub struct RunOptions {
    /// The run directory is made below this one.
    pub out: PathBuf,
    /// The directory of a run that was stopped: goes on from its checkpoint there, and makes no new one.
    pub resume: Option<PathBuf>,
    /// How often the run notes how far it has come.
    pub checkpoint_every: CheckpointEvery,
    /// Stops the run; what is known by then is written and marked partial.
    pub cancel: CancelToken,
    /// Ends with 11 instead of 0 where the go rests on an allowance or on a stale checkpoint, a group would do records
    /// twice, or the target does not tell whether groups have live members.
    pub conditional: bool,
}

/// A finished run.
#[derive(Debug)]
pub struct RunOutcome {
    /// As written to `run.json`; holds the exit code.
    pub manifest: RunManifest,
    /// The run directory.
    pub directory: PathBuf,
    /// The first findings of each kind, in their order.
    pub sample: Vec<Finding>,
}

/// Opens a client for each side, both at the same time. Fails within the request timeout, naming the address.
pub fn connect(config: &ProofConfig) -> Result<[Cluster; 2], RunError> {
    let open = |side, cluster: &ClusterConfig| {
        let settings = ClusterSettings::new(
            side,
            &cluster.alias,
            &cluster.bootstrap_servers,
            cluster.properties.clone(),
        );
        Cluster::connect(ClusterSettings { allow_unverified_tls: cluster.allow_unverified_tls, ..settings })
    };
    std::thread::scope(|scope| {
        let target = scope.spawn(|| open(Side::Target, &config.target));
        let source = open(Side::Source, &config.source);
        let target = target.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok([source?, target?])
    })
}

/// Refuses what is known to be unusable before anything is asked: settings that this version does not honour, and
/// registries whose settings cannot be used. Opens no connection.
pub fn check(config: &ProofConfig) -> Result<(), RunError> {
    decoder(config).map(drop)
}

/// The decoder of a configuration that passes [`check`].
fn decoder(config: &ProofConfig) -> Result<Decoder, RunError> {
    let unsupported = config.unsupported();
    if !unsupported.is_empty() {
        return Err(RunError::Unsupported(unsupported));
    }
    Ok(Decoder::new(registry(&config.source), registry(&config.target))?)
}

/// The proof: plan, read, align, compare, classify, account, report, decide.
pub fn run(
    config: &ProofConfig,
    options: &RunOptions,
    monitor: &dyn Monitor,
) -> Result<RunOutcome, RunError> {
    let decoder = decoder(config)?;
    let started_at = OffsetDateTime::now_utc();
    let stopped =
        options.resume.as_deref().map(|directory| checkpoint::load(directory, config)).transpose()?;
    monitor.stage("connect");
    let [source, target] = connect(config)?;
    for remark in [&source, &target].into_iter().flat_map(Cluster::remarks) {
        monitor.warn(&remark.to_string());
    }
    let (directory, mut so_far) = match stopped {
        Some((directory, so_far)) => {
            so_far.check_clusters(config, [&source, &target])?;
            directory.begin_again()?;
            (directory, so_far)
        }
        None => {
            let plan = plan(config, &source, &target, monitor)?;
            let topic_ids = same::TopicIds::of(&plan, [&source, &target])?;
            (RunDirectory::create(&options.out)?, SoFar::begin(plan, topic_ids, started_at))
        }
    };
    monitor.announce(&announcement(config, &so_far.plan));
    monitor.announce(&format!("run directory {}", directory.path().display()));
    let checkpoints = |so_far: &mut SoFar| {
        let fixed = checkpoint::fixed(config, so_far)?;
        let pairs = std::mem::take(&mut so_far.pairs);
        let mut checkpoints = Checkpoints::new(&directory, monitor, options.checkpoint_every, fixed, pairs);
        checkpoints.write()?;
        Ok::<_, RunError>(checkpoints)
    };
    if !so_far.located {
        checkpoints(&mut so_far)?;
    }
    let hasher = KeyedHasher::new(directory.hash_key()?);
    let mut run = Run {
        config,
        monitor,
        cancel: options.cancel.clone(),
        conditional: options.conditional,
        clusters: [&source, &target],
        readers: Readers::new([&source, &target], &options.cancel, monitor),
        decoder,
        hasher,
        seed: seed(directory.run_id()),
        plan: so_far.plan.clone(),
        not_located: so_far.not_located.clone(),
        topic_ids: so_far.topic_ids.clone(),
        spill: SpillSpace::new(config.limits.spill_bytes),
        schema_remarks: BTreeSet::new(),
    };
    for (side, partitions) in Side::BOTH.into_iter().zip(&so_far.holes) {
        for (partition, holes) in partitions {
            run.readers.holes.add(side, partition, holes.iter().cloned());
        }
    }
    let leads = run.locate(so_far.located)?;
    // Where it was stopped by then, the checkpoint stays as it is: what was not read to its end says nothing.
    let locates_again = !so_far.located && run.cancel.cancelled().is_some();
    if !locates_again {
        (so_far.plan, so_far.located, so_far.not_located) = (run.plan.clone(), true, run.not_located.clone());
        so_far.holes = Side::BOTH.map(|side| run.readers.holes.of_side(side));
    }
    let AllRead { pairs, mut samples, schema_ids, mut barrier } = match locates_again {
        true => AllRead::nothing(run.plan.pairs.len()),
        false => run.compare(&mut checkpoints(&mut so_far)?)?,
    };
    if options.resume.is_some() {
        samples = samples::first_records(&run.plan.pairs, &mut run.readers);
    }
    let mut judged = run.judge(pairs, &barrier)?;
    judged.units = run.units(judged.left_over(), &mut barrier, &mut samples)?;
    let sample = run.report_findings(&mut judged, &schema_ids, &directory)?;
    let self_check = run.self_check(samples.records());
    let outcome = run.conclude(&directory, judged, &leads, self_check, sample, so_far.started_at, barrier)?;
    if outcome.manifest.state == RunState::Complete {
        directory.remove_checkpoint()?;
    }
    Ok(outcome)
}

struct Run<'a> {
    config: &'a ProofConfig,
    monitor: &'a dyn Monitor,
    cancel: CancelToken,
    conditional: bool,
    clusters: [&'a Cluster; 2],
    readers: Readers<'a>,
    decoder: Decoder,
    hasher: KeyedHasher,
    seed: u64,
    plan: Plan,
    topic_ids: same::TopicIds,
    /// Why a pair (by the plan's index) was not located.
    not_located: BTreeMap<usize, String>,
    /// What the registries say of the schemas that were seen.
    schema_remarks: BTreeSet<String>,
    /// What may be held on disk.
    spill: Arc<SpillSpace>,
}

/// All pairs, read up to the barrier.
struct AllRead {
    /// By the plan's index; `None` where a pair was not located.
    pairs: Vec<Option<PairRead>>,
    samples: Samples,
    /// By the plan's index.
    schema_ids: Vec<BTreeSet<u32>>,
    barrier: Barrier,
}

impl AllRead {
    /// Of so many pairs.
    fn nothing(pairs: usize) -> Self {
        Self {
            pairs: (0..pairs).map(|_| None).collect(),
            samples: Samples::default(),
            schema_ids: vec![BTreeSet::new(); pairs],
            barrier: Barrier::default(),
        }
    }
}

impl Run<'_> {
    /// Finds where each pair starts on the target, and reads what lies before it back to the lowest resume offset.
    fn locate(&mut self, located: bool) -> Result<Vec<LeadIn>, RunError> {
        self.monitor.stage("locate");
        let mut leads = Vec::new();
        for at in 0..self.plan.pairs.len() {
            let stopped = !located && self.cancel.cancelled().is_some();
            if stopped || unit::is_unit(&self.plan.pairs[at].contract) {
                leads.push(LeadIn::None);
                continue;
            }
            if !located
                && let Start::NotFound { why, state } =
                    locate::locate_pair(&mut self.plan, at, &mut self.readers, self.clusters, self.seed)?
            {
                locate::mark_not_located(&mut self.plan, at, &why, state);
                self.not_located.insert(at, why);
            }
            let budget = Budget { memory: self.config.limits.memory_bytes };
            leads.push(lead_in(&self.plan.pairs[at], &mut self.readers, self.clusters, self.seed, budget));
        }
        Ok(leads)
    }

    /// What locating has read, each record counted once.
    fn records_read_to_locate(&self) -> u64 {
        let starts = self.plan.pairs.iter().map(|pair| pair.records_read_to_locate);
        starts.sum::<u64>() + self.plan.records_read_to_locate
    }

    /// Reads the located pairs, all of one isolation level together.
    fn compare(&mut self, checkpoints: &mut Checkpoints<'_>) -> Result<AllRead, RunError> {
        self.monitor.stage("compare");
        let mut all = AllRead::nothing(self.plan.pairs.len());
        let spill = self.spill.clone();
        for isolation in [Isolation::ReadCommitted, Isolation::ReadUncommitted] {
            let chosen: Vec<usize> = (0..self.plan.pairs.len())
                .filter(|&at| {
                    let pair = &self.plan.pairs[at];
                    pair.target_start.is_some()
                        && pair.contract.isolation == isolation
                        && !unit::is_unit(&pair.contract)
                })
                .collect();
            if chosen.is_empty() {
                continue;
            }
            let pairs: Vec<&PairPlan> = chosen.iter().map(|&at| &self.plan.pairs[at]).collect();
            let cancel = self.cancel.clone();
            let shared =
                shared(self.config, self.clusters, self.seed, &cancel, self.monitor, isolation, &spill);
            if let Some(crowded) = shared.budget.crowded(pairs.len()) {
                self.monitor.warn(&crowded);
            }
            let Driven {
                pairs: mut read,
                source_ends_at,
                target_ends_at,
                rounds,
                awaited,
                samples,
                schema_ids,
            } = drive(&shared, &pairs, &chosen, checkpoints)?;
            pair::edges(&mut self.readers, &shared, &pairs, &awaited, &mut read)?;
            for ((at, pair), ids) in chosen.into_iter().zip(read).zip(schema_ids) {
                all.pairs[at] = Some(pair);
                all.schema_ids[at] = ids;
            }
            all.samples.add(samples);
            all.barrier.source_ends_at = rfc3339(source_ends_at);
            all.barrier.target_ends_at = rfc3339(target_ends_at);
            all.barrier.rounds += rounds;
        }
        if spill.most_used() > 0 {
            tracing::info!(bytes = spill.most_used(), "records were held on disk");
        }
        budget::give_back();
        Ok(all)
    }

    /// Reads and judges what is not aligned pair by pair, all of one isolation level together. `held_by_pairs`: records of
    /// pairs that are not matched in order, which stay in memory.
    fn units(
        &mut self,
        held_by_pairs: usize,
        barrier: &mut Barrier,
        samples: &mut Samples,
    ) -> Result<Vec<(Unit, JudgedUnit)>, RunError> {
        let mut out = Vec::new();
        let mut units = unit::units(&self.plan);
        for isolation in [Isolation::ReadCommitted, Isolation::ReadUncommitted] {
            let mut chosen: Vec<Unit> =
                units.extract_if(.., |unit| unit.plan.contract.isolation == isolation).collect();
            if chosen.is_empty() {
                continue;
            }
            self.monitor.stage("compare");
            let retained = self.retained_of_units(&chosen);
            for unit in &mut chosen {
                unit.begin(&retained);
                unit.gone.remarks.iter().for_each(|gone| self.monitor.warn(gone));
            }
            let (cancel, spill) = (self.cancel.clone(), self.spill.clone());
            let shared =
                shared(self.config, self.clusters, self.seed, &cancel, self.monitor, isolation, &spill);
            let driven = unit::drive_units(&shared, &chosen.iter().collect::<Vec<_>>())?;
            samples.add(driven.samples);
            barrier.source_ends_at = rfc3339(driven.source_ends_at);
            barrier.target_ends_at = rfc3339(driven.target_ends_at);
            barrier.rounds += driven.rounds;
            self.monitor.stage("judge");
            let cleaning = compacted::TopicCleaning::read(&self.plan, self.clusters, barrier)?;
            for (unit, mut read) in chosen.into_iter().zip(driven.units) {
                // Those before may have taken long.
                let retained = self.retained_of_units(std::slice::from_ref(&unit));
                unit::edges(&mut self.readers, &shared, &driven.awaited, &unit, &mut read)?;
                let kept: usize = out.iter().map(|(_, judged): &(_, JudgedUnit)| judged.left_over()).sum();
                let room = shared.budget.left_over_max().saturating_sub(held_by_pairs + kept);
                let both_registries = self.registries() == [true, true];
                let judging = unit::Judging {
                    readers: &mut self.readers,
                    clusters: self.clusters,
                    retained: &retained,
                    cleaning: &cleaning,
                    seed: self.seed,
                    left_over_max: room,
                    both_registries,
                };
                let out_of_range = std::mem::take(&mut read.out_of_range);
                let mut judged = unit::judge(&unit, read, judging)?;
                let logs = (self.clusters, &self.topic_ids, out_of_range.as_slice());
                unit::withdraw_other_logs(&self.plan, &unit, logs, &mut judged);
                out.push((unit, judged));
            }
        }
        Ok(out)
    }

    /// The present log starts of `units`. A run that was stopped reads nothing more, and need not know.
    fn retained_of_units(&self, units: &[Unit]) -> Retained {
        let mut retained = Retained::default();
        for side in Side::BOTH.into_iter().filter(|_| !self.readers.stopped()) {
            let partitions = units.iter().flat_map(|unit| unit.plan.partitions(side));
            let partitions: Vec<TopicPartition> = partitions.cloned().collect();
            retained.ask(side, self.clusters[side as usize], &partitions);
        }
        retained
    }

    /// Which sides have a schema registry.
    fn registries(&self) -> [bool; 2] {
        [&self.config.source, &self.config.target].map(|cluster| cluster.schema_registry.is_some())
    }

    fn self_check(&mut self, samples: &[crate::record::Record]) -> SelfCheck {
        let pairs = self.plan.pairs.iter().map(|pair| (&pair.contract, &pair.target.topic));
        let units = self.plan.units.iter();
        let units = units.flat_map(|unit| Some((&unit.contract, &unit.targets.first()?.partition.topic)));
        let mut contracts = pairs.chain(units);
        let mut check =
            selfcheck::self_check(samples, contracts.clone().map(|(contract, _)| contract), self.seed);
        if let Some((_, topic)) = contracts.find(|(contract, _)| contract.decode == DecodeMode::All) {
            let decoder = &mut self.decoder;
            selfcheck::plant_undecodable(&mut check, samples, |sample| {
                let bytes = sample.value.as_deref().unwrap_or_default();
                let payload = Payload { topic, bytes, headers: &sample.headers };
                decoder.check(Side::Target, Slot::Value, payload)
            });
        }
        check
    }
}

/// What all partitions of one isolation level have in common.
fn shared<'s>(
    config: &ProofConfig,
    clusters: [&'s Cluster; 2],
    seed: u64,
    cancel: &'s CancelToken,
    monitor: &'s dyn Monitor,
    isolation: Isolation,
    spill: &'s Arc<SpillSpace>,
) -> Shared<'s> {
    Shared {
        source: clusters[0],
        target: clusters[1],
        isolation,
        budget: Budget { memory: config.limits.memory_bytes },
        spill,
        settle: config.range.settle,
        seed,
        cancel,
        monitor,
    }
}

fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

/// A seed that nobody can know before the run: the random bits of its id.
fn seed(run_id: &str) -> u64 {
    uuid::Uuid::parse_str(run_id).map_or(0, |id| id.as_u64_pair().1)
}

/// Both cluster ids and the plan, for people, before the first record is read.
fn announcement(config: &ProofConfig, plan: &Plan) -> String {
    format!(
        "source \"{}\" is cluster {}, target \"{}\" is cluster {}; {} pairs, {} repartitioned topics, {} groups",
        config.source.alias,
        plan.source_cluster_id,
        config.target.alias,
        plan.target_cluster_id,
        plan.pairs.len(),
        plan.units.len(),
        plan.groups.len()
    )
}

fn registry(cluster: &ClusterConfig) -> Option<crate::decode::RegistrySettings> {
    use crate::decode::{RegistryAuth, RegistrySettings};
    let registry = cluster.schema_registry.as_ref()?;
    let auth = match (&registry.basic_auth, &registry.bearer_token) {
        (Some(basic), _) => {
            RegistryAuth::Basic { user: basic.username.clone(), password: basic.password.clone() }
        }
        (None, Some(token)) => RegistryAuth::Bearer(token.clone()),
        (None, None) => RegistryAuth::None,
    };
    Some(RegistrySettings {
        auth,
        ca_file: registry.ca_file.clone(),
        client_cert_file: registry.certificate_file.clone(),
        client_key_file: registry.key_file.clone(),
        ..RegistrySettings::new(registry.url.clone())
    })
}
