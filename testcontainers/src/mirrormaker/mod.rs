//! MirrorMaker 2, dedicated, in a child JVM between two clusters. Says when it has copied everything; compares nothing.

mod options;
mod progress;

use std::fs;
use std::time::{Duration, Instant};

pub use options::{MirrorOptions, MirrorPolicy};
pub use progress::{CopyGap, copy_gaps};

use crate::error::{Error, Result};
use crate::ports::ReservedPort;
use crate::process::{JavaCommand, JavaProcess, WorkDirectory};
use crate::record::PlainRead;
use crate::{jvm_logging, maven};

const STOP_PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// A running MirrorMaker 2. Dropping it kills it.
pub struct MirrorMaker {
    process: JavaProcess,
    options: MirrorOptions,
    _rest_port: ReservedPort,
    _work: WorkDirectory,
}

impl MirrorMaker {
    /// Starts it. It needs seconds until it copies: see [`MirrorMaker::wait_until_copied`].
    ///
    /// # Errors
    /// If Java or Maven are missing.
    pub fn start(options: MirrorOptions) -> Result<Self> {
        let libs = maven::kafka_libs(options.version)?;
        let name = format!("mm2-{}-{}", options.source_alias, options.target_alias);
        let work = WorkDirectory::new(&name)?;
        let rest_port = ReservedPort::new()?;
        let path = work.path().join("mm2.properties");
        fs::write(&path, options.to_properties(rest_port.port())).map_err(Error::file("write", &path))?;
        let logging = jvm_logging::configure(options.version, work.path())?;
        let class = "org.apache.kafka.connect.mirror.MirrorMaker";
        let command =
            JavaCommand::class(&name, &libs, options.heap_mib, work.path(), class).flag(logging).arg(path);
        Ok(Self { process: JavaProcess::start(command)?, options, _rest_port: rest_port, _work: work })
    }

    /// What it was started with.
    pub fn options(&self) -> &MirrorOptions {
        &self.options
    }

    /// The process id while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// The end of what it logged (warnings and errors).
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }

    /// SIGKILL: it has no chance to commit how far it was.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGTERM, and SIGKILL if it does not end within 30 s. It commits how far it was.
    pub fn stop(&mut self) {
        self.process.stop(STOP_PATIENCE);
    }

    /// Starts it again after [`MirrorMaker::kill`] or [`MirrorMaker::stop`], with the same properties.
    ///
    /// # Errors
    /// If it still runs.
    pub fn restart(&mut self) -> Result<()> {
        self.process.restart()
    }

    /// Waits until it has acknowledged, by its own committed source offsets, every record that the source topics hold
    /// when this is called. Transactions and gaps on the source do not confuse it.
    ///
    /// # Errors
    /// If it ends, or it is not done within `patience`: with the partitions that it lags on.
    pub fn wait_until_copied(&mut self, source_topics: &[&str], patience: Duration) -> Result<()> {
        self.wait_until_copied_except(source_topics, patience, |_| false)
    }

    /// As [`MirrorMaker::wait_until_copied`], where it drops on purpose the records for which `dropped` says so: it does
    /// not count those at the end of a partition as read.
    ///
    /// # Errors
    /// As [`MirrorMaker::wait_until_copied`].
    pub fn wait_until_copied_except(
        &mut self,
        source_topics: &[&str],
        patience: Duration,
        dropped: impl Fn(&PlainRead) -> bool,
    ) -> Result<()> {
        let ends = progress::source_ends(&self.options, source_topics)?;
        let start = Instant::now();
        loop {
            self.process.check()?;
            let gaps = progress::gaps_before(&self.options, &ends, &dropped)?;
            if gaps.is_empty() {
                return Ok(());
            }
            if start.elapsed() >= patience {
                return Err(Error::Timeout {
                    what: format!("the copy of {}", source_topics.join(", ")),
                    waited_seconds: patience.as_secs(),
                    detail: format!(": {}; the end of its log:\n{}", list(&gaps), self.log_tail()),
                });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Waits until there is a checkpoint for the group on each source topic-partition given.
    ///
    /// # Errors
    /// If it ends, or they are not there within `patience`: with those that are missing.
    pub fn wait_for_checkpoints(
        &mut self,
        group: &str,
        source_partitions: &[(&str, i32)],
        patience: Duration,
    ) -> Result<()> {
        let start = Instant::now();
        loop {
            self.process.check()?;
            let there = progress::checkpointed(&self.options, group)?;
            let missing: Vec<_> = source_partitions
                .iter()
                .filter(|(topic, partition)| !there.contains(&(self.options.target_topic(topic), *partition)))
                .map(|(topic, partition)| format!("{topic}-{partition}"))
                .collect();
            if missing.is_empty() {
                return Ok(());
            }
            if start.elapsed() >= patience {
                return Err(Error::Timeout {
                    what: format!("checkpoints of group {group}"),
                    waited_seconds: patience.as_secs(),
                    detail: format!(
                        ": none for {}; the end of its log:\n{}",
                        missing.join(", "),
                        self.log_tail()
                    ),
                });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Waits until it has written an offset-sync of the source partition at or after `source_offset`. It writes them
    /// behind the copy, and one that starts again without its checkpoints knows no older one.
    ///
    /// # Errors
    /// If it ends, or there is none within `patience`: with the newest that is there.
    pub fn wait_for_offset_sync(
        &mut self,
        source_topic: &str,
        partition: i32,
        source_offset: i64,
        patience: Duration,
    ) -> Result<()> {
        let start = Instant::now();
        loop {
            self.process.check()?;
            let newest = progress::newest_sync(&self.options, source_topic, partition)?;
            if newest.is_some_and(|newest| newest >= source_offset) {
                return Ok(());
            }
            if start.elapsed() >= patience {
                let newest = newest.map_or("none".to_owned(), |newest| newest.to_string());
                return Err(Error::Timeout {
                    what: format!("an offset-sync of {source_topic}-{partition} from {source_offset} on"),
                    waited_seconds: patience.as_secs(),
                    detail: format!(": the newest is {newest}; the end of its log:\n{}", self.log_tail()),
                });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

fn list(gaps: &[CopyGap]) -> String {
    gaps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
