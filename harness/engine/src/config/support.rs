//! What the format can say but this version does not do. A run refuses it; it never ignores it. Pure.

use super::types::ProofConfig;
use crate::record::{DecodeMode, OrderPromise};

impl ProofConfig {
    /// One line for each setting that this version cannot honour, with its key; empty where it can run.
    pub fn unsupported(&self) -> Vec<String> {
        let mut out = Vec::new();
        let mut refuse = |key: String, what: &str| out.push(format!("{key}: {what} is not supported yet"));
        for (index, rule) in self.contracts.iter().enumerate() {
            let contract = &rule.contract;
            if contract.order != OrderPromise::Partition && contract.decode == DecodeMode::All {
                refuse(format!("contracts[{index}].decode"), "all, where the order is not partition,");
            }
        }
        if !self.report.payload_fields.is_empty() {
            refuse("report.payload_fields".into(), "showing payload fields");
        }
        out
    }
}
