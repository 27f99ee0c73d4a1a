//! What the format can say but this version does not do. A run refuses it; it never ignores it. Pure.

use super::types::{OriginChoice, ProofConfig, ReplicationKind};
use crate::record::{DecodeMode, LogKind, OrderPromise};

impl ProofConfig {
    /// One line for each setting that this version cannot honour, with its key; empty where it can run.
    pub fn unsupported(&self) -> Vec<String> {
        let mut out = Vec::new();
        let mut refuse = |key: String, what: &str| out.push(format!("{key}: {what} is not supported yet"));
        match self.positions.origin {
            OriginChoice::OffsetSyncs | OriginChoice::Header | OriginChoice::Timestamp => {
                refuse("positions.origin".into(), self.positions.origin.as_str());
            }
            OriginChoice::Auto if self.replication.kind == ReplicationKind::RedpandaMigrator => {
                let what =
                    "redpanda_migrator with origin `auto` (set positions.origin to group_commits or csv)";
                refuse("replication.kind".into(), what);
            }
            _ => {}
        }
        for (index, rule) in self.contracts.iter().enumerate() {
            let contract = &rule.contract;
            if contract.log == LogKind::Compacted {
                refuse(format!("contracts[{index}].log"), "compacted");
            }
            if contract.order != OrderPromise::Partition {
                if contract.log == LogKind::Compacted {
                    refuse(
                        format!("contracts[{index}].order"),
                        "another order than partition on a compacted log",
                    );
                }
                if contract.decode == DecodeMode::All {
                    refuse(format!("contracts[{index}].decode"), "all, where the order is not partition,");
                }
            }
        }
        if !self.report.payload_fields.is_empty() {
            refuse("report.payload_fields".into(), "showing payload fields");
        }
        out
    }
}
