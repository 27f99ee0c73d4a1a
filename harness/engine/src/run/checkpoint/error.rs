//! Why a run cannot go on from a checkpoint: what differs, and what to do.

use std::path::PathBuf;

use cutproof_reports::ReportError;

use crate::record::{Side, TopicPartition};

/// A run that is not taken up again. Nothing in its directory was changed.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The directory: complete, without a checkpoint, damaged, or in use.
    #[error(transparent)]
    Directory(ReportError),
    /// The configuration file is not the one that the run began with.
    #[error(
        "the configuration is not the one that the run in {directory} began with: its digest was {then} and is {now}; \
         give that file again, or run without --resume", directory = directory.display()
    )]
    ConfigChanged {
        /// The run directory.
        directory: PathBuf,
        /// Digest in the checkpoint.
        then: String,
        /// Digest of the file given now.
        now: String,
    },
    /// The addresses lead to another cluster.
    #[error(
        "the {side} \"{alias}\" is cluster {now}, but the run was begun with cluster {then}; correct the address, or \
         run without --resume"
    )]
    OtherCluster {
        /// Which side.
        side: Side,
        /// Its alias.
        alias: String,
        /// Cluster id in the checkpoint.
        then: String,
        /// Cluster id now.
        now: String,
    },
    /// Written by another version, whose records of the past may mean something else.
    #[error(
        "the checkpoint in {directory} was written by Cutproof {found}, this is {own}; go on with that version, or run \
         without --resume", directory = directory.display()
    )]
    OtherVersion {
        /// The run directory.
        directory: PathBuf,
        /// Version and format that wrote it.
        found: String,
        /// This version and format.
        own: String,
    },
    /// A log is shorter than what was read of it.
    #[error(
        "{partition} of the {side} ends at offset {now}, but the run has read or planned it up to {then}: it was \
         truncated or made anew, so what was compared is gone; run without --resume"
    )]
    LogShrank {
        /// Which side.
        side: Side,
        /// Which partition.
        partition: TopicPartition,
        /// End in the checkpoint.
        then: i64,
        /// End now.
        now: i64,
    },
    /// The content has its digest, but is not what this version writes.
    #[error(
        "the checkpoint of the run cannot be understood ({0}); this is a defect of Cutproof, report it and run without --resume"
    )]
    Content(#[from] postcard::Error),
}
