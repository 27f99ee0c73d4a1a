//! A finished run as later looks at the clusters are held against it: its manifest and its offset map. Asks no cluster.

use std::path::{Path, PathBuf};

use cutproof_reports::offsets::Offsets;
use cutproof_reports::{Counts, PairSummary, ReportError, RunManifest, RunState, read_manifest};

use crate::kafka::Cluster;
use crate::record::{Side, TopicPartition};

/// What a run has left.
#[derive(Debug)]
pub struct FinishedRun {
    /// The run directory.
    pub directory: PathBuf,
    /// `run.json`.
    pub manifest: RunManifest,
    /// The offset map, and the copies that are out of order.
    pub offsets: Offsets,
    /// The pairs that the offset map knows.
    pub(super) pairs: Vec<Compared>,
}

/// A pair that was compared partition by partition, so that offsets translate. Half-open offsets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    pub source_topic: String,
    pub source_partition: i32,
    pub target_topic: String,
    pub target_partition: i32,
    pub source_start_offset: i64,
    pub source_end_offset: i64,
    pub target_start_offset: i64,
    pub target_end_offset: i64,
    pub counts: Counts,
    /// Why it was not judged whole; empty where it was.
    pub remarks: Vec<String>,
}

impl Compared {
    /// `None` for a row that lacks a partition or a range: its records may change partitions or order.
    fn of(pair: &PairSummary) -> Option<Self> {
        Some(Self {
            source_topic: pair.source_topic.clone(),
            source_partition: pair.source_partition?,
            target_topic: pair.target_topic.clone(),
            target_partition: pair.target_partition?,
            source_start_offset: pair.source_start_offset?,
            source_end_offset: pair.source_end_offset?,
            target_start_offset: pair.target_start_offset?,
            target_end_offset: pair.target_end_offset?,
            counts: pair.counts.clone(),
            remarks: pair.remarks.clone(),
        })
    }

    /// Its partition on one side.
    pub fn partition(&self, side: Side) -> TopicPartition {
        match side {
            Side::Source => TopicPartition::new(&self.source_topic, self.source_partition),
            Side::Target => TopicPartition::new(&self.target_topic, self.target_partition),
        }
    }
}

impl FinishedRun {
    /// Reads a run directory.
    pub fn load(directory: &Path) -> Result<Self, ReportError> {
        let manifest = read_manifest(directory)?;
        let pairs = manifest.pairs.iter().filter_map(Compared::of).collect();
        Ok(Self { directory: directory.to_owned(), manifest, offsets: Offsets::load(directory)?, pairs })
    }

    /// The newest complete run below a directory that was between these clusters (source, target); `None` where there
    /// is none. What is no run, or not finished, is passed over.
    pub fn newest(below: &Path, cluster_ids: [&str; 2]) -> Result<Option<Self>, ReportError> {
        let failed = |source| ReportError::Io { doing: "read", path: below.to_owned(), source };
        let entries = match std::fs::read_dir(below) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(failed)?,
        };
        let mut found: Option<(String, PathBuf)> = None;
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            let Ok(manifest) = read_manifest(&path) else { continue };
            let ours = manifest.state == RunState::Complete
                && [manifest.source.cluster_id.as_str(), manifest.target.cluster_id.as_str()] == cluster_ids;
            // Run ids sort by time.
            if ours && found.as_ref().is_none_or(|(newest, _)| *newest < manifest.run_id) {
                found = Some((manifest.run_id, path));
            }
        }
        found.map(|(_, path)| Self::load(&path)).transpose()
    }

    /// Whether the run was between these clusters; else a sentence with both ids.
    pub fn other_clusters(&self, clusters: [&Cluster; 2]) -> Option<String> {
        let recorded = [&self.manifest.source, &self.manifest.target];
        recorded.into_iter().zip(clusters).find(|(run, now)| run.cluster_id != now.cluster_id()).map(
            |(run, now)| {
                format!(
                    "the run's {} cluster was {}, the configuration's is {}",
                    now.side(),
                    run.cluster_id,
                    now.cluster_id()
                )
            },
        )
    }
}
