//! What the format can say but this version does not do. A run refuses it; it never ignores it. Pure.

use super::types::ProofConfig;

impl ProofConfig {
    /// One line for each setting that this version cannot honour, with its key; empty where it can run.
    pub fn unsupported(&self) -> Vec<String> {
        let mut out = Vec::new();
        let mut refuse = |key: String, what: &str| out.push(format!("{key}: {what} is not supported yet"));
        if !self.report.payload_fields.is_empty() {
            refuse("report.payload_fields".into(), "showing payload fields");
        }
        out
    }
}
