//! Reads a checkpoint back, and refuses one that is not of this run's configuration, clusters or version.

use std::collections::BTreeMap;
use std::path::Path;

use cutproof_reports::{ReportError, RunDirectory};

use super::saved::{Header, PairToSave, SavedPair, SavedRun, instant};
use super::{ResumeError, version};
use crate::config::{ClusterConfig, ProofConfig};
use crate::consume::Hole;
use crate::kafka::Cluster;
use crate::positions::Plan;
use crate::record::{Side, TopicPartition};
use crate::run::RunError;
use crate::run::same::TopicIds;

/// How far a run has come, apart from what its pairs hold.
pub(in crate::run) struct SoFar {
    pub started_at: time::OffsetDateTime,
    pub plan: Plan,
    /// As the run began.
    pub topic_ids: TopicIds,
    /// Whether the plan holds where each pair starts on the target.
    pub located: bool,
    /// Why a pair (by the plan's index) was not located.
    pub not_located: BTreeMap<usize, String>,
    /// What could not be read while the pairs were located: source, target.
    pub holes: [Vec<(TopicPartition, Vec<Hole>)>; 2],
    /// By the plan's index: pairs as a checkpoint has them.
    pub pairs: BTreeMap<usize, Vec<u8>>,
}

impl SoFar {
    /// A run that begins now.
    pub fn begin(plan: Plan, topic_ids: TopicIds, started_at: time::OffsetDateTime) -> Self {
        Self {
            started_at,
            plan,
            topic_ids,
            located: false,
            not_located: BTreeMap::new(),
            holes: Default::default(),
            pairs: BTreeMap::new(),
        }
    }

    /// Refuses other clusters than those that the run was begun with.
    pub fn check_clusters(&self, config: &ProofConfig, clusters: [&Cluster; 2]) -> Result<(), ResumeError> {
        let then = [&self.plan.source_cluster_id, &self.plan.target_cluster_id];
        for (side, ClusterConfig { alias, .. }) in
            [(Side::Source, &config.source), (Side::Target, &config.target)]
        {
            let (then, now) = (then[side as usize], clusters[side as usize].cluster_id());
            if then != now {
                let (alias, then, now) = (alias.clone(), then.clone(), now.to_owned());
                return Err(ResumeError::OtherCluster { side, alias, then, now });
            }
        }
        Ok(())
    }
}

/// Opens the run directory at `path` and reads its checkpoint. Changes nothing.
pub(in crate::run) fn load(path: &Path, config: &ProofConfig) -> Result<(RunDirectory, SoFar), RunError> {
    let (directory, content) = RunDirectory::resume(path).map_err(|error| match error {
        ReportError::NoCheckpoint { .. }
        | ReportError::Complete { .. }
        | ReportError::Damaged { .. }
        | ReportError::InUse { .. } => RunError::Resume(ResumeError::Directory(error)),
        error => RunError::Report(error),
    })?;
    let so_far = decode(path, &content, config)?;
    Ok((directory, so_far))
}

pub(super) fn decode(directory: &Path, content: &[u8], config: &ProofConfig) -> Result<SoFar, ResumeError> {
    let (Header { version: found, config_digest: then, cluster_ids }, rest) =
        postcard::take_from_bytes(content)?;
    if found != version() {
        return Err(ResumeError::OtherVersion { directory: directory.to_owned(), found, own: version() });
    }
    if then != config.digest {
        let now = config.digest.clone();
        return Err(ResumeError::ConfigChanged { directory: directory.to_owned(), then, now });
    }
    let (run, mut rest): (SavedRun, &[u8]) = postcard::take_from_bytes(rest)?;
    let mut pairs = BTreeMap::new();
    while let Some((at, bytes, after)) = split_pair(rest)? {
        pairs.insert(at, bytes.to_vec());
        rest = after;
    }
    Ok(SoFar {
        started_at: instant(run.started_at),
        topic_ids: run.topic_ids.clone(),
        located: run.located,
        not_located: run.not_located.clone(),
        holes: run.holes(),
        plan: run.plan(cluster_ids, config),
        pairs,
    })
}

/// What stands before a pair's bytes: its index and their number.
pub(super) fn head(at: usize, bytes: usize) -> [u8; 16] {
    let mut head = [0; 16];
    head[..8].copy_from_slice(&(at as u64).to_le_bytes());
    head[8..].copy_from_slice(&(bytes as u64).to_le_bytes());
    head
}

type OnePair<'a> = Option<(usize, &'a [u8], &'a [u8])>;

/// The next pair's index, its bytes, and what follows; `None` at the end.
fn split_pair(content: &[u8]) -> Result<OnePair<'_>, postcard::Error> {
    if content.is_empty() {
        return Ok(None);
    }
    let short = postcard::Error::DeserializeUnexpectedEnd;
    let (at, rest) = content.split_first_chunk::<8>().ok_or(short.clone())?;
    let (len, rest) = rest.split_first_chunk::<8>().ok_or(short.clone())?;
    let (bytes, after) = rest.split_at_checked(u64::from_le_bytes(*len) as usize).ok_or(short)?;
    Ok(Some((u64::from_le_bytes(*at) as usize, bytes, after)))
}

/// For fuzzers: reads what follows a checkpoint's header, with every pair in it, and writes it again. `None` where it is
/// refused.
#[doc(hidden)]
pub fn rewritten(after_header: &[u8]) -> Option<Vec<u8>> {
    let text = "apiVersion: cutproof/v1\nkind: Proof\nsource: { bootstrap_servers: \"a:1\" }\n\
                target: { bootstrap_servers: \"b:1\" }\n";
    let config = crate::config::parse(text, Path::new("")).ok()?;
    let header =
        Header { version: version(), config_digest: config.digest.clone(), cluster_ids: Default::default() };
    let mut content = postcard::to_stdvec(&header).ok()?;
    content.extend(after_header);
    let so_far = decode(Path::new("run"), &content, &config).ok()?;
    let mut out = postcard::to_stdvec(&SavedRun::of(&so_far)).ok()?;
    for (at, bytes) in &so_far.pairs {
        let pair = postcard::from_bytes::<SavedPair>(bytes).ok()?.pair().ok()?;
        let bytes = postcard::to_stdvec(&PairToSave::of(&pair)).ok()?;
        out.extend(head(*at, bytes.len()));
        out.extend(bytes);
    }
    Some(out)
}
