//! Why a run could not complete, and the exit code that says so.

use crate::consume::ReaderError;
use crate::decode::DecodeError;
use crate::kafka::{ErrorClass, KafkaError};
use crate::ledger::LedgerError;
use crate::positions::PlanError;

use super::checkpoint::ResumeError;

/// Why a run could not complete. Findings are no error.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration asks for what this version does not do.
    #[error("the configuration asks for what this version does not do: {}", .0.join("; "))]
    Unsupported(Vec<String>),
    /// A cluster.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// The plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A reader.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// The registries' settings.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The run's files.
    #[error(transparent)]
    Report(#[from] cutproof_reports::ReportError),
    /// The run cannot go on from where it was stopped.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The ledger does not add up.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl RunError {
    /// 2 for bad flags, configuration or credentials, 1 for everything else.
    pub fn exit_code(&self) -> i32 {
        let class = match self {
            Self::Unsupported(_) | Self::Decode(_) | Self::Resume(_) => ErrorClass::BadInput,
            Self::Kafka(error) => error.class(),
            Self::Plan(error) => error.class(),
            Self::Reader(_) | Self::Report(_) | Self::Ledger(_) => ErrorClass::Environment,
        };
        match class {
            ErrorClass::BadInput => 2,
            ErrorClass::Environment => 1,
        }
    }
}
