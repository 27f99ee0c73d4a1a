//! Turns the engine's errors into failures: the code of the process, and the class that `cutproof explain` knows.
//! Exhaustive, so that a new error does not compile until it has its place.

use std::path::Path;

use cutproof::config::{self, ConfigError, ProofConfig};
use cutproof::kafka::KafkaError;
use cutproof::positions::PlanError;
use cutproof::run::{ResumeError, RunError};
use cutproof_reports::ReportError;

use crate::catalogue::{self, Kind};
use crate::failure::Failure;

/// Reads the configuration.
pub fn load(path: &Path) -> Result<ProofConfig, Failure> {
    config::load(path).map_err(|error: ConfigError| failure(2, &error, "bad_config"))
}

/// A run, or its plan, that came to no result.
pub fn from_run(error: &RunError) -> Failure {
    failure(error.exit_code(), error, class(error))
}

fn failure(exit_code: i32, error: &dyn std::error::Error, class: &str) -> Failure {
    let next =
        catalogue::of_kind(Kind::Error).find(|entry| entry.code == class).map_or("", |entry| entry.next);
    Failure::from_error(exit_code, error, &format!("{next} (cutproof explain {class})"))
}

fn class(error: &RunError) -> &'static str {
    match error {
        RunError::Unsupported(_) => "unsupported",
        RunError::Kafka(error) => kafka_class(error),
        RunError::Plan(error) => plan_class(error),
        RunError::Reader(_) => "read_failed",
        RunError::Decode(_) => "registry_settings",
        RunError::Report(_) => "report_files",
        RunError::Resume(error) => resume_class(error),
        RunError::Ledger(_) => "ledger",
    }
}

fn resume_class(error: &ResumeError) -> &'static str {
    match error {
        ResumeError::Directory(ReportError::NoCheckpoint { .. }) => "no_checkpoint",
        ResumeError::Directory(ReportError::Complete { .. }) => "run_complete",
        ResumeError::Directory(ReportError::InUse { .. }) => "run_in_use",
        ResumeError::Directory(_) | ResumeError::Content(_) => "checkpoint_damaged",
        ResumeError::OtherVersion { .. } => "other_version",
        ResumeError::ConfigChanged { .. } => "config_changed",
        ResumeError::OtherCluster { .. } => "other_cluster",
        ResumeError::LogShrank { .. } => "log_shrank",
    }
}

fn kafka_class(error: &KafkaError) -> &'static str {
    match error {
        KafkaError::Properties { .. } => "client_property",
        KafkaError::CredentialsRefused { .. } => "credentials_refused",
        KafkaError::TlsRefused { .. } => "tls_refused",
        KafkaError::Unreachable { .. } => "unreachable",
        KafkaError::TimedOut { .. } => "timed_out",
        KafkaError::NotPermitted { .. } => "not_permitted",
        KafkaError::NotThere { .. } => "not_there",
        KafkaError::NotSupported { .. } => "not_supported",
        KafkaError::Failed { .. } => "cluster_failed",
    }
}

fn plan_class(error: &PlanError) -> &'static str {
    match error {
        PlanError::SameCluster { .. } => "same_cluster",
        PlanError::NoTopic { .. } => "no_topic",
        PlanError::TopicNotShown { .. } => "topic_not_described",
        PlanError::NoGroup { .. } => "no_group",
        PlanError::TargetTopicAbsent { .. } => "target_topic_absent",
        PlanError::FewerPartitions { .. } => "fewer_partitions",
        PlanError::Merged { .. } => "merged_topics",
        PlanError::OffsetOutOfRange { .. } => "offset_out_of_range",
        PlanError::Csv { .. } => "positions_csv",
        PlanError::Unsupported(_) => "unsupported",
        PlanError::Incomplete { .. } => "incomplete_positions",
        PlanError::Cluster(error) => kafka_class(error),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cutproof::ledger::LedgerError;
    use cutproof::record::Side;

    use super::*;

    #[test]
    fn a_ledger_that_does_not_add_up_ends_with_1_and_asks_to_keep_what_there_is() {
        let pair = "orders-0 -> src.orders-0".to_owned();
        let columns = LedgerError::Columns { pair: pair.clone(), side: Side::Source, records: 3, columns: 2 };
        let sums = LedgerError::Sums { pair, source_sum: 1, target_sum: 2 };
        for error in [columns, sums].map(RunError::from) {
            let text = error.to_string();
            assert!(text.contains("orders-0") && text.contains("keep the run directory"), "{text}");
            assert_eq!((from_run(&error).exit_code, class(&error)), (1, "ledger"));
        }
    }

    #[test]
    fn every_class_of_errors_is_explained_and_every_explained_one_exists() {
        let source = include_str!("refusals.rs").split("#[cfg(test)]").next().expect("the code above");
        let classes: BTreeSet<&str> = source
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|text| !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
            .collect();
        let explained: BTreeSet<&str> = catalogue::of_kind(Kind::Error).map(|entry| entry.code).collect();
        assert_eq!(classes, explained);
    }
}
