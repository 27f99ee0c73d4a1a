//! The stages, once, in the order of the picture in the README; cancellation and progress. Decides nothing itself.

mod aborted;
mod again;
mod blocks;
mod budget;
mod checkpoint;
mod compacted;
mod drive;
mod error;
mod explain;
mod groups;
mod holes;
mod lead;
mod locate;
mod meaning;
mod patience;
mod phases;
mod reading;
mod same;
mod samples;
mod selfcheck;
mod spill;
mod stable;
mod tails;
mod uncompared;
mod unit;

#[doc(hidden)] // for fuzzers
pub use checkpoint::rewritten as rewritten_checkpoint;
pub use checkpoint::{CheckpointEvery, ResumeError};
pub use error::RunError;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use cutproof_reports::{
    Barrier, ClusterSummary, Counts, Finding, FindingKind, OffsetRun, PairSummary, RunDirectory, RunManifest,
    RunState, SCHEMA_VERSION, SelfCheck, Verdict,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::align::LogError;
use crate::cancel::CancelToken;
use crate::classify::{Classified, Misplacement, classify, find_misplaced};
use crate::config::{ClusterConfig, ProofConfig};
use crate::decode::{Decoder, Payload, Slot};
use crate::fingerprint::{Fingerprinter, KeyedHasher};
use crate::gates::{Results, decide};
use crate::kafka::{Cluster, ClusterSettings};
use crate::ledger::{Intake, Judgement, account};
use crate::monitor::Monitor;
use crate::positions::plan::plan;
use crate::positions::{PairPlan, Plan};
use crate::record::{Allowance, Contract, DecodeMode, Isolation, LogKind, OffsetRange, Side};

use again::{PairLog, Readers};
use budget::Budget;
use checkpoint::{Checkpoints, SoFar};
use drive::{Driven, PairRead, Shared, drive};
use explain::Explainer;
use lead::{LeadIn, lead_in};
use locate::Start;
use spill::SpillSpace;
use unit::{JudgedUnit, Planned, Unit};

/// Findings of each kind that the report shows.
const SAMPLE_OF_KIND: usize = 20;

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
    /// Ends with 11 instead of 0 where the go rests on an allowance, or a group would do records twice.
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

/// The proof: plan, read, align, compare, classify, account, report, decide.
pub fn run(
    config: &ProofConfig,
    options: &RunOptions,
    monitor: &dyn Monitor,
) -> Result<RunOutcome, RunError> {
    let unsupported = config.unsupported();
    if !unsupported.is_empty() {
        return Err(RunError::Unsupported(unsupported));
    }
    let started_at = OffsetDateTime::now_utc();
    let decoder = Decoder::new(registry(&config.source), registry(&config.target))?;
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
        readers: Readers::new([&source, &target], &options.cancel),
        decoder,
        hasher,
        seed: seed(directory.run_id()),
        plan: so_far.plan.clone(),
        not_located: so_far.not_located.clone(),
        topic_ids: so_far.topic_ids.clone(),
        spill: SpillSpace::new(config.limits.spill_bytes),
        schema_remarks: BTreeSet::new(),
    };
    let leads = run.locate(so_far.located)?;
    (so_far.plan, so_far.located, so_far.not_located) = (run.plan.clone(), true, run.not_located.clone());
    let AllRead { pairs, mut samples, schema_ids, mut barrier } =
        run.compare(&mut checkpoints(&mut so_far)?)?;
    if options.resume.is_some() {
        samples = samples::first_records(&run.plan.pairs, &mut run.readers);
    }
    let mut judged = run.judge(pairs, &barrier)?;
    judged.units = run.units(&mut barrier, &mut samples)?;
    let sample = run.report_findings(&mut judged, &schema_ids, &directory)?;
    let self_check = run.self_check(&samples);
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
    samples: Vec<crate::record::Record>,
    /// By the plan's index.
    schema_ids: Vec<BTreeSet<u32>>,
    barrier: Barrier,
}

/// All pairs, judged.
struct AllJudged {
    /// By the plan's index; `None` where a pair could not be judged.
    judgements: Vec<Option<Judgement>>,
    misplaced: Vec<Misplacement>,
    /// What is not aligned pair by pair.
    units: Vec<(Unit, JudgedUnit)>,
    /// Why a pair was not judged, or not to its end.
    remarks: Vec<Vec<String>>,
    /// Records of pairs that were read but not judged: source, target.
    unjudged: Vec<[u64; 2]>,
}

impl Run<'_> {
    /// Finds where each pair starts on the target, and reads what lies before it back to the lowest resume offset.
    fn locate(&mut self, located: bool) -> Result<Vec<LeadIn>, RunError> {
        self.monitor.stage("locate");
        let mut leads = Vec::new();
        for at in 0..self.plan.pairs.len() {
            if unit::is_unit(&self.plan.pairs[at].contract) {
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
            leads.push(lead_in(&self.plan.pairs[at], &mut self.readers, self.seed));
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
        let mut all = AllRead {
            pairs: self.plan.pairs.iter().map(|_| None).collect(),
            samples: Vec::new(),
            schema_ids: vec![BTreeSet::new(); self.plan.pairs.len()],
            barrier: Barrier::default(),
        };
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
            let Driven { pairs: mut read, source_ends_at, target_ends_at, rounds, samples, schema_ids } =
                drive(&shared, &pairs, &chosen, checkpoints)?;
            edges(&mut self.readers, &shared, &pairs, &mut read)?;
            for ((at, pair), ids) in chosen.into_iter().zip(read).zip(schema_ids) {
                all.pairs[at] = Some(pair);
                all.schema_ids[at] = ids;
            }
            if all.samples.is_empty() {
                all.samples = samples;
            }
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

    /// Ends each alignment, judges it within the scope, and proves that its ledger adds up.
    fn judge(&mut self, read: Vec<Option<PairRead>>, barrier: &Barrier) -> Result<AllJudged, RunError> {
        self.monitor.stage("judge");
        let cleaning = compacted::TopicCleaning::read(&self.plan, self.clusters, barrier)?;
        let mut judged = AllJudged {
            judgements: Vec::new(),
            misplaced: Vec::new(),
            units: Vec::new(),
            remarks: Vec::new(),
            unjudged: Vec::new(),
        };
        let mut classified: Vec<Option<(Classified, [Intake; 2])>> = Vec::new();
        for (at, read) in read.into_iter().enumerate() {
            let pair = &self.plan.pairs[at];
            let Some(PairRead { aligner, reading, intake, mut remarks, .. }) = read else {
                classified.push(None);
                judged.remarks.push(self.not_located.get(&at).cloned().into_iter().collect());
                judged.unjudged.push([0, 0]);
                continue;
            };
            let fingerprinter = Fingerprinter::new(&pair.contract, self.seed);
            let read_to = reading.read_to;
            let mut log = PairLog { readers: &mut self.readers, pair, fingerprinter, read_to };
            let aligned = aligner.finish(pair.source_log_start, &mut log);
            let judgement = aligned.map(|alignment| classify(reading, alignment)).and_then(|judgement| {
                match pair.contract.log {
                    LogKind::Retained => Ok(judgement),
                    LogKind::Compacted => {
                        compacted::judge(judgement, intake, pair, &cleaning, &mut log, self.clusters)
                    }
                }
            });
            match judgement {
                Ok(judgement) => {
                    classified.push(Some((judgement, intake)));
                    judged.unjudged.push([0, 0]);
                }
                Err(LogError(why)) => {
                    remarks.push(why);
                    classified.push(None);
                    judged.unjudged.push(intake.map(|intake| intake.records));
                }
            }
            judged.remarks.push(remarks);
        }
        self.withdraw_other_logs(&mut classified, &mut judged);
        let mut topics: BTreeMap<&str, Vec<(usize, &mut Classified)>> = BTreeMap::new();
        for (at, pair) in classified.iter_mut().enumerate() {
            if let Some((pair, _)) = pair {
                topics.entry(&self.plan.pairs[at].target.topic).or_default().push((at, pair));
            }
        }
        for pairs in topics.values_mut() {
            for (at, error) in tails::take_misplaced(pairs, &self.plan, &mut self.readers, self.seed) {
                judged.remarks[at].push(error.0);
            }
            judged.misplaced.extend(find_misplaced(pairs));
        }
        for pair in classified {
            judged.judgements.push(pair.map(|(pair, intake)| account(pair, intake)).transpose()?);
        }
        Ok(judged)
    }

    /// Pairs whose logs are no longer the ones that were read are not judged. After everything was read again, too.
    fn withdraw_other_logs(
        &self,
        classified: &mut [Option<(Classified, [Intake; 2])>],
        judged: &mut AllJudged,
    ) {
        let read_to: Vec<Option<[Option<i64>; 2]>> = classified
            .iter()
            .map(|pair| {
                let reading = &pair.as_ref()?.0.reading;
                Some([0, 1].map(|side: usize| reading.complete[side].then_some(reading.read_to[side])))
            })
            .collect();
        match same::other_logs(&self.plan, &self.plan.pairs, self.clusters, &self.topic_ids, &read_to) {
            Ok(changed) => {
                for (at, why) in changed.into_iter().enumerate() {
                    let Some(why) = why else { continue };
                    judged.remarks[at].push(why);
                    if let Some((_, intake)) = classified[at].take() {
                        judged.unjudged[at] = intake.map(|intake| intake.records);
                    }
                }
            }
            Err(error) => {
                let why = format!("whether its logs are still the ones that were read is not known: {error}");
                for (remarks, _) in judged.remarks.iter_mut().zip(&read_to).filter(|(_, read)| read.is_some())
                {
                    remarks.push(why.clone());
                }
            }
        }
    }

    /// Reads and judges what is not aligned pair by pair, all of one isolation level together.
    fn units(
        &mut self,
        barrier: &mut Barrier,
        samples: &mut Vec<crate::record::Record>,
    ) -> Result<Vec<(Unit, JudgedUnit)>, RunError> {
        let mut out = Vec::new();
        let mut units = unit::units(&self.plan);
        for isolation in [Isolation::ReadCommitted, Isolation::ReadUncommitted] {
            let chosen: Vec<Unit> =
                units.extract_if(.., |unit| unit.plan.contract.isolation == isolation).collect();
            if chosen.is_empty() {
                continue;
            }
            self.monitor.stage("compare");
            let (cancel, spill) = (self.cancel.clone(), self.spill.clone());
            let shared =
                shared(self.config, self.clusters, self.seed, &cancel, self.monitor, isolation, &spill);
            let driven = unit::drive_units(&shared, &chosen.iter().collect::<Vec<_>>())?;
            if samples.is_empty() {
                *samples = driven.samples;
            }
            barrier.source_ends_at = rfc3339(driven.source_ends_at);
            barrier.target_ends_at = rfc3339(driven.target_ends_at);
            barrier.rounds += driven.rounds;
            self.monitor.stage("judge");
            let cleaning = compacted::TopicCleaning::read(&self.plan, self.clusters, barrier)?;
            for (unit, mut read) in chosen.into_iter().zip(driven.units) {
                unit::edges(&mut self.readers, &shared, &unit, &mut read)?;
                let mut judged =
                    unit::judge(&unit, read, &mut self.readers, self.clusters, &cleaning, self.seed)?;
                unit::withdraw_other_logs(&self.plan, &unit, self.clusters, &self.topic_ids, &mut judged);
                out.push((unit, judged));
            }
        }
        Ok(out)
    }

    /// Explains every finding and writes it. Returns the first ones of each kind.
    fn report_findings(
        &mut self,
        judged: &mut AllJudged,
        schema_ids: &[BTreeSet<u32>],
        directory: &RunDirectory,
    ) -> Result<Vec<Finding>, RunError> {
        self.monitor.stage("report");
        let mut writer = directory.findings_writer()?;
        let mut finding_id = 0;
        let mut sample = Vec::new();
        let mut kept: BTreeMap<FindingKind, usize> = BTreeMap::new();
        let pairs: Vec<&PairPlan> = self.plan.pairs.iter().collect();
        let mut explainer = Explainer {
            readers: &mut self.readers,
            decoder: &mut self.decoder,
            hasher: &self.hasher,
            seed: self.seed,
        };
        let AllJudged { judgements, misplaced, units, remarks, .. } = judged;
        let [source_registry, target_registry] =
            [&self.config.source, &self.config.target].map(|cluster| cluster.schema_registry.is_some());
        let mut emit = |finding: Finding| {
            let finding = Finding { finding_id, ..finding };
            finding_id += 1;
            writer.push(&finding)?;
            let kept = kept.entry(finding.kind).or_default();
            if *kept < SAMPLE_OF_KIND {
                *kept += 1;
                sample.push(finding);
            }
            Ok(())
        };
        for at in 0..pairs.len() {
            explainer.explain(&pairs, judgements, at, misplaced, &mut emit)?;
            let decode = pairs[at].contract.decode;
            // With `decode: all` a target without a registry is asked too: it knows of no record.
            let asks = decode == DecodeMode::All || (target_registry && decode != DecodeMode::None);
            if let Some(judgement) = judgements[at].as_mut().filter(|_| asks) {
                let Explainer { readers, decoder, hasher, .. } = &mut explainer;
                let agreement = match source_registry && target_registry {
                    true => meaning::agreement(decoder, pairs[at], &schema_ids[at]),
                    false => meaning::Agreement::default(),
                };
                let mut look = meaning::Look { readers, decoder, hasher };
                let unknown = meaning::read_matched(&mut look, pairs[at], judgement, &agreement, &mut emit)?;
                remarks[at].extend(unknown);
                self.schema_remarks.extend(agreement.remarks);
            }
        }
        for (unit, judged) in units {
            unit::explain(&mut explainer, unit, judged, &mut emit)?;
            if unit.plan.contract.decode == DecodeMode::All {
                let Explainer { readers, decoder, hasher, .. } = &mut explainer;
                unit::decode_matched(
                    &mut meaning::Look { readers, decoder, hasher },
                    unit,
                    judged,
                    &mut emit,
                )?;
            }
            if target_registry && source_registry && unit.plan.contract.decode != DecodeMode::None {
                let agreement = unit::agreement(explainer.decoder, unit, judged);
                self.schema_remarks.extend(agreement.remarks);
            }
        }
        writer.close()?;
        Ok(sample)
    }

    fn self_check(&mut self, samples: &[crate::record::Record]) -> SelfCheck {
        let pairs = self.plan.pairs.iter().map(|pair| (&pair.contract, &pair.target.topic));
        let units = self.plan.units.iter();
        let units = units.flat_map(|unit| Some((&unit.contract, &unit.targets.first()?.partition.topic)));
        let Some((contract, topic)) = pairs.chain(units).next() else { return SelfCheck::default() };
        let mut check = selfcheck::self_check(samples, contract, self.seed);
        if contract.decode == DecodeMode::All {
            let decoder = &mut self.decoder;
            selfcheck::plant_undecodable(&mut check, samples, |sample| {
                let bytes = sample.value.as_deref().unwrap_or_default();
                let payload = Payload { topic, bytes, headers: &sample.headers };
                decoder.check(Side::Target, Slot::Value, payload)
            });
        }
        check
    }

    #[allow(clippy::too_many_arguments)] // every stage's result comes together here, once
    fn conclude(
        self,
        directory: &RunDirectory,
        judged: AllJudged,
        leads: &[LeadIn],
        self_check: SelfCheck,
        sample: Vec<Finding>,
        started_at: OffsetDateTime,
        barrier: Barrier,
    ) -> Result<RunOutcome, RunError> {
        let known = groups::Known {
            judgements: &judged.judgements,
            leads,
            remarks: &judged.remarks,
            misplaced: &judged.misplaced,
        };
        let mut groups = groups::summaries(&self.plan, &known);
        unit::add_positions(&mut groups, &judged.units);
        let pairs = pair_summaries(&self.plan, &judged);
        let contracts: Vec<&Contract> = pairs.iter().map(|(contract, _)| *contract).collect();
        let pairs: Vec<PairSummary> = pairs.iter().map(|(_, pair)| pair.clone()).collect();
        let totals = totals(&pairs);
        let mut unread: Vec<String> = pairs.iter().flat_map(|pair| pair.remarks.clone()).collect();
        match uncompared::uncompared(&self.plan, self.clusters) {
            Ok(sentences) => unread.extend(sentences),
            Err(error) => {
                unread.push(format!("whether partitions were added meanwhile is not known: {error}"))
            }
        }
        let (findings, compacted_or_dropped) = by_contract(&contracts, &pairs);
        let results = Results {
            findings,
            compacted_or_dropped,
            records: [totals.source_records, totals.target_records],
            pending: totals.pending,
            unverifiable: totals.unverifiable,
            unread,
            groups: &groups,
            conditional: self.conditional,
            self_check_failed: (!self_check.passed)
                .then(|| format!("planted {:?}, found {:?}", self_check.planted, self_check.found)),
        };
        let mut decision = decide(&results);
        let mut state = RunState::Complete;
        if let Some(code) = self.cancel.cancelled() {
            state = RunState::Partial;
            decision.exit_code = code;
            decision.reasons.insert(0, "stopped before the end: what was not read is not judged".to_owned());
            if decision.verdict == Verdict::Match {
                decision.verdict = Verdict::Inconclusive;
            }
        }
        decision.reasons.extend(self.schema_remarks.iter().cloned());
        decision.reasons.extend(self.plan.remarks.iter().cloned());
        let [source, target] = [
            (&self.config.source, &self.plan.source_cluster_id),
            (&self.config.target, &self.plan.target_cluster_id),
        ]
        .map(|(cluster, id)| ClusterSummary { alias: cluster.alias.clone(), cluster_id: id.clone() });
        let manifest = RunManifest {
            schema_version: SCHEMA_VERSION,
            cutproof_version: env!("CARGO_PKG_VERSION").to_owned(),
            run_id: directory.run_id().to_string(),
            state,
            verdict: decision.verdict,
            exit_code: decision.exit_code,
            reasons: decision.reasons,
            started_at: rfc3339(started_at),
            finished_at: rfc3339(OffsetDateTime::now_utc()),
            config_digest: self.config.digest.clone(),
            source,
            target,
            barrier,
            totals,
            records_read_to_locate: self.records_read_to_locate(),
            pairs,
            groups,
            self_check,
            files: Vec::new(),
        };
        directory.write_pairs(&manifest.pairs)?;
        directory.write_positions(&manifest.groups)?;
        directory.write_resume_offsets(&manifest.groups)?;
        write_offset_map(directory, &self.plan, &judged)?;
        directory.write_report(&manifest, &sample)?;
        let manifest = directory.finish(manifest)?;
        Ok(RunOutcome { manifest, directory: directory.path().to_owned(), sample })
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

/// What the readers met at the edges of the logs: offsets that cannot be read, and open transactions.
fn edges(
    readers: &mut Readers<'_>,
    shared: &Shared<'_>,
    pairs: &[&PairPlan],
    read: &mut [PairRead],
) -> Result<(), RunError> {
    for (pair, read) in pairs.iter().zip(read.iter_mut()) {
        for side in Side::BOTH {
            let holes = &read.holes[side as usize];
            read.remarks.extend(holes.iter().map(|hole| holes::remark(side, pair.partition(side), hole)));
            readers.holes.add(side, pair.partition(side), holes.iter().cloned());
            // Those that were met while the start was located may hold copies of the first records.
            let all = OffsetRange { start: 0, end: i64::MAX };
            let known = readers.holes.within(side, pair.partition(side), all);
            read.reading.holes[side as usize] = known.into_iter().map(|hole| hole.range).collect();
            if read.stalled[side as usize] {
                readers.stalled.insert((side, pair.partition(side).clone()));
            }
        }
    }
    if shared.isolation == Isolation::ReadCommitted {
        let mut pairs: Vec<(&PairPlan, &mut PairRead)> = pairs.iter().copied().zip(read).collect();
        stable::open_transactions(readers, [shared.source, shared.target], shared.settle, &mut pairs)?;
    }
    Ok(())
}

fn write_offset_map(directory: &RunDirectory, plan: &Plan, judged: &AllJudged) -> Result<(), RunError> {
    let mut writer = directory.offset_map_writer()?;
    for (pair, judgement) in plan.pairs.iter().zip(&judged.judgements) {
        for run in judgement.iter().flat_map(|judgement| judgement.alignment.runs.as_slice()) {
            writer.push(&OffsetRun {
                source_topic: pair.source.topic.clone(),
                source_partition: pair.source.partition,
                source_offset: run.source_offset,
                target_topic: pair.target.topic.clone(),
                target_partition: pair.target.partition,
                target_offset: run.target_offset,
                record_count: run.count,
            })?;
        }
    }
    writer.close()?;
    Ok(())
}

/// The rows of the ledger in the plan's order, each with its contract.
fn pair_summaries<'p>(plan: &'p Plan, judged: &AllJudged) -> Vec<(&'p Contract, PairSummary)> {
    let unit_rows = |planned: Planned| {
        let found = judged.units.iter().find(|(unit, _)| unit.planned == planned);
        found.map(|(unit, judged)| unit::rows(unit, judged)).unwrap_or_default()
    };
    let mut rows = Vec::new();
    for (at, pair) in plan.pairs.iter().enumerate() {
        let own = match unit::is_unit(&pair.contract) {
            true => unit_rows(Planned::Pair(at)),
            false => vec![pair_summary(pair, judged, at)],
        };
        rows.extend(own.into_iter().map(|row| (&pair.contract, row)));
    }
    for (at, unit) in plan.units.iter().enumerate() {
        rows.extend(unit_rows(Planned::Unit(at)).into_iter().map(|row| (&unit.contract, row)));
    }
    rows
}

fn pair_summary(plan: &PairPlan, judged: &AllJudged, at: usize) -> PairSummary {
    let mut summary = PairSummary {
        source_topic: plan.source.topic.clone(),
        source_partition: Some(plan.source.partition),
        target_topic: plan.target.topic.clone(),
        target_partition: Some(plan.target.partition),
        source_start_offset: Some(plan.source_start),
        source_end_offset: Some(plan.source_end),
        target_start_offset: Some(plan.target_start.unwrap_or(plan.target_end)),
        target_end_offset: Some(plan.target_end),
        counts: Counts::default(),
        remarks: judged.remarks[at].clone(),
        notes: Vec::new(),
    };
    match &judged.judgements[at] {
        Some(judgement) => {
            summary.counts = judgement.ledger.counts();
            summary.source_end_offset = Some(judgement.cut[0]);
            summary.target_end_offset = Some(judgement.cut[1]);
        }
        None => {
            let [source, target] = judged.unjudged[at];
            summary.counts.source_records = source;
            summary.counts.target_records = target;
            summary.counts.unverifiable = source + target;
        }
    }
    summary
}

/// Counts of something that an allowance may cover, with the allowances of their contract.
type ByContract<'p, T> = Vec<(&'p [Allowance], T)>;

/// All pairs of one contract together, for an allowance's limit is over its topics: findings by kind, and records of
/// which it cannot be told whether they were compacted.
fn by_contract<'p>(
    contracts: &[&'p Contract],
    pairs: &[PairSummary],
) -> (ByContract<'p, BTreeMap<FindingKind, u64>>, ByContract<'p, u64>) {
    let mut all: Vec<(&Contract, BTreeMap<FindingKind, u64>, u64)> = Vec::new();
    for (&own, pair) in contracts.iter().zip(pairs) {
        let at = all.iter().position(|(contract, ..)| *contract == own).unwrap_or_else(|| {
            all.push((own, BTreeMap::new(), 0));
            all.len() - 1
        });
        for (&kind, &count) in &pair.counts.findings {
            *all[at].1.entry(kind).or_default() += count;
        }
        all[at].2 += pair.counts.compacted_or_dropped;
    }
    all.into_iter()
        .map(|(contract, findings, open)| {
            let allowances = contract.allowances.as_slice();
            ((allowances, findings), (allowances, open))
        })
        .unzip()
}

fn totals(pairs: &[PairSummary]) -> Counts {
    let mut totals = Counts::default();
    for PairSummary { counts, .. } in pairs {
        let Counts {
            source_records,
            target_records,
            matched,
            equal_meaning,
            pending,
            unverifiable,
            compacted,
            compacted_or_dropped,
            findings,
        } = counts;
        totals.source_records += source_records;
        totals.target_records += target_records;
        totals.matched += matched;
        totals.equal_meaning += equal_meaning;
        totals.pending += pending;
        totals.unverifiable += unverifiable;
        totals.compacted += compacted;
        totals.compacted_or_dropped += compacted_or_dropped;
        for (kind, count) in findings {
            *totals.findings.entry(*kind).or_default() += count;
        }
    }
    totals
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
