//! Plays scenarios: sets the stage, performs the steps, has the engine run its proof, asks the judge. Parses no file.

mod cast;
mod config;
mod cut_over;
mod full_read;
mod ground;
mod names;
mod planting;
mod prove;
mod replicator;
mod segment;
mod several;
mod stage;
mod steps;
mod workload;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use cutproof::cancel::CancelToken;
use cutproof::monitor::Monitor;
use cutproof_reports::{Finding, PositionState};
use cutproof_testcontainers::EmbeddedCluster;

pub use cast::Cast;
pub use config::{Addresses, proof_config};
pub use names::Names;
pub use several::Audience;

use crate::error::ScenarioError;
use crate::format::{Clusters, FindingExpect, FindingItem, FoundWord, Loaded};
use crate::judge::{ProofEnd, differences, sentence};
use crate::result::{Outcome, Said, ScenarioResult};
use ground::{Ground, Pool};
use stage::Stage;
use steps::{Around, perform};

/// The words that allow to write to the user's own clusters.
#[derive(Clone, Debug)]
pub struct Permission {
    /// In front of every topic and group that is made.
    pub topic_prefix: String,
}

/// How to play.
#[derive(Clone)]
pub struct PlayOptions {
    /// Artefacts are left below this directory.
    pub out: PathBuf,
    /// Keeps them for scenarios that are as expected, too.
    pub keep: bool,
    /// In place of the seeds of the files.
    pub seed: Option<u64>,
    /// For scenarios on the user's own clusters.
    pub permission: Option<Permission>,
    /// Stops between two steps, and the proof.
    pub cancel: CancelToken,
}

/// Plays scenarios; real clusters are kept for the next one where both allow it. Everything that it started ends with
/// it.
pub struct Player {
    options: PlayOptions,
    /// Held while a scenario is played on real clusters: these are played one after the other.
    pool: Mutex<Pool>,
    /// Different from that of any other player on the same clusters.
    run: u32,
    played: AtomicU32,
}

impl Player {
    /// Starts nothing yet.
    pub fn new(options: PlayOptions) -> Self {
        let mut random = [0; 4];
        // Without randomness the process id tells players apart.
        let run = match getrandom::fill(&mut random) {
            Ok(()) => u32::from_le_bytes(random),
            Err(_) => std::process::id(),
        };
        Self { options, pool: Mutex::default(), run, played: AtomicU32::new(0) }
    }

    /// Plays one. Never fails: what went wrong is in the result.
    pub fn play(&self, loaded: &Loaded, monitor: &dyn Monitor) -> ScenarioResult {
        let started = Instant::now();
        let mut said = None;
        let mut work = None;
        let outcome = self.try_play(loaded, monitor, &mut said, &mut work).map_or_else(
            |error| Outcome::CouldNotRun(error.to_string()),
            |lines| if lines.is_empty() { Outcome::AsExpected } else { Outcome::Unexpected(lines) },
        );
        let keep = self.options.keep || outcome != Outcome::AsExpected;
        let artefacts = work.filter(|work: &PathBuf| {
            if let (true, Outcome::Unexpected(lines)) = (keep, &outcome) {
                let _ = fs::write(work.join("differences.txt"), lines.join("\n") + "\n");
            }
            if !keep {
                let _ = fs::remove_dir_all(work);
            }
            keep
        });
        ScenarioResult {
            name: loaded.name.clone(),
            description: loaded.scenario.description.trim().to_owned(),
            outcome,
            duration: started.elapsed(),
            said,
            artefacts,
            table: loaded.scenario.table.clone(),
        }
    }

    fn try_play(
        &self,
        loaded: &Loaded,
        monitor: &dyn Monitor,
        said: &mut Option<Said>,
        kept: &mut Option<PathBuf>,
    ) -> Result<Vec<String>, ScenarioError> {
        let scenario = &loaded.scenario;
        let tag = self.tag(loaded)?;
        let directory = loaded.path.parent().unwrap_or(Path::new(""));
        let cast =
            Cast::of(scenario, directory).map_err(|problem| ScenarioError::step("set the stage", problem))?;
        let work = work_directory(&self.options.out, &loaded.name)?;
        *kept = Some(work.clone());
        let failed = |error| ScenarioError::step("start the clusters", error);
        let mut pool;
        let ground = match &scenario.clusters.0 {
            Clusters::Embedded(spec) => Ground::Embedded([
                EmbeddedCluster::start(spec.brokers).map_err(failed)?,
                EmbeddedCluster::start(spec.brokers).map_err(failed)?,
            ]),
            Clusters::Kafka(spec) => {
                pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
                Ground::Kafka(pool.get(spec).map_err(failed)?)
            }
            Clusters::Own(own) => {
                Ground::Own([own.source.bootstrap_servers.clone(), own.target.bootstrap_servers.clone()])
            }
        };
        let names = Names::tagged(scenario, &tag);
        let around = Around { cancel: &self.options.cancel, monitor };
        let mut stage = Stage::set(loaded, &cast, names, self.options.seed, work, ground)?;
        let done = scenario
            .steps()
            .iter()
            .try_for_each(|step| perform(&mut stage, step, &around))
            .and_then(|()| judged(&stage, said));
        let cleared = stage.clear().map_err(|error| {
            ScenarioError::step(&format!("remove topics and groups that begin with {tag}"), error)
        });
        // Why it did not come to its end matters more than what it left behind.
        done.and_then(|lines| cleared.map(|()| lines))
    }

    /// What topics and groups of this scenario begin with; empty where clusters are its own.
    fn tag(&self, loaded: &Loaded) -> Result<String, ScenarioError> {
        let number = self.played.fetch_add(1, Ordering::Relaxed) + 1;
        let tag = format!("t{:08x}{number}-", self.run);
        match (&loaded.scenario.clusters.0, &self.options.permission) {
            (Clusters::Embedded(_), _) => Ok(String::new()),
            (Clusters::Kafka(_), _) => Ok(tag),
            (Clusters::Own(_), Some(permission)) => Ok(format!("{}{tag}", permission.topic_prefix)),
            (Clusters::Own(own), None) => Err(ScenarioError::NotPermitted(format!(
                "{} would write to {} and {}: add --execute and --topic-prefix PREFIX to let it make topics and groups \
                 that begin with PREFIX, and remove them afterwards",
                loaded.name, own.source.bootstrap_servers, own.target.bootstrap_servers
            ))),
        }
    }
}

/// A new directory; its number is the first that is free.
fn work_directory(out: &Path, name: &str) -> Result<PathBuf, ScenarioError> {
    let scenarios = out.join("scenarios");
    fs::create_dir_all(&scenarios).map_err(ScenarioError::read(&scenarios))?;
    let name = name.replace('/', "-");
    for number in 1.. {
        let directory = scenarios.join(format!("{name}-{number}"));
        match fs::create_dir(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(ScenarioError::read(&directory)(error)),
        }
    }
    Err(ScenarioError::None { path: scenarios })
}

/// The differences between what was expected and what the proof said.
fn judged(stage: &Stage<'_>, said: &mut Option<Said>) -> Result<Vec<String>, ScenarioError> {
    let expect = &stage.scenario.expect;
    let Some(end) = &stage.end else {
        return Err(ScenarioError::step("run", "the proof was not run"));
    };
    let asks = |word: FoundWord| {
        expect.findings.iter().flatten().any(|item| matches!(item, FindingItem::Word(w) if *w == word))
    };
    *said = Some(in_short(end, asks(FoundWord::FullRead)));
    let mut derived = Vec::new();
    let mut lines = Vec::new();
    if asks(FoundWord::Planted) {
        derived.extend(in_scope(stage, end));
        if derived.is_empty() {
            lines
                .push("findings: `planted` is nothing: no defect or dropped record lies in scope".to_owned());
        }
    }
    if asks(FoundWord::FullRead) {
        let read = full_read::findings(stage)
            .map_err(|error| ScenarioError::step("read both sides whole", error))?;
        derived.extend(read);
        if derived.is_empty() {
            lines.push(
                "findings: `full_read` is nothing: both sides hold the same; write `findings: []`".to_owned(),
            );
        }
    }
    lines.extend(differences(expect, &derived, end));
    lines.extend(stage.unexpected.iter().cloned());
    Ok(lines)
}

/// Planted findings before a pair's start are none of the proof's business.
fn in_scope(stage: &Stage<'_>, end: &ProofEnd) -> Vec<FindingExpect> {
    let ProofEnd::Ended { manifest, .. } = end else { return stage.derived.clone() };
    let before_start = |finding: &&FindingExpect| {
        let Some(source) = &finding.source else { return false };
        manifest.pairs.iter().any(|pair| {
            pair.source_topic == source.topic
                && pair.source_partition == Some(source.partition)
                && source.offset.is_some_and(|offset| Some(offset) < pair.source_start_offset)
        })
    };
    stage.derived.iter().filter(|finding| !before_start(finding)).cloned().collect()
}

/// `of_the_moment`: which records are found differs from run to run, so none of them is an example.
fn in_short(end: &ProofEnd, of_the_moment: bool) -> Said {
    let (manifest, findings) = match end {
        ProofEnd::Refused { exit_code, error } => {
            return Said { exit_code: *exit_code, error: Some(error.clone()), ..Said::default() };
        }
        ProofEnd::Ended { manifest, findings } => (manifest, findings),
    };
    let mut said = Said {
        exit_code: manifest.exit_code,
        verdict: Some(manifest.verdict),
        reason: manifest.reasons.first().cloned(),
        example: findings.first().filter(|_| !of_the_moment).map(example),
        ..Said::default()
    };
    for finding in findings {
        *said.findings.entry(finding.kind).or_default() += 1;
        said.causes.extend(finding.cause.clone());
        said.parts.extend(finding.parts.iter().map(|part| part.as_str()));
    }
    for position in manifest.groups.iter().flat_map(|group| &group.positions) {
        if position.state != PositionState::Judged {
            said.states.insert(position.state.as_str());
        }
        said.skip_records += position.skip_records.unwrap_or(0);
    }
    said
}

/// A finding without its detail, which may tell times of the run.
fn example(finding: &Finding) -> String {
    sentence(&Finding { detail: String::new(), ..finding.clone() })
}

/// The order in which scenarios share clusters best: those in this process first, then by clusters.
pub fn playing_order(mut scenarios: Vec<Loaded>) -> Vec<Loaded> {
    scenarios.sort_by_key(|loaded| match &loaded.scenario.clusters.0 {
        Clusters::Embedded(_) => (0, String::new()),
        Clusters::Kafka(spec) => (if spec.shared { 1 } else { 2 }, format!("{spec:?}")),
        Clusters::Own(_) => (3, String::new()),
    });
    scenarios
}
