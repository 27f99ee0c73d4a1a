//! Proves, before a Kafka cutover, that every consumer group can resume on the target at the right record.
//!
//! One way through, left to right; a stage uses `record` and the stages to its left:
//! `plan -> consume -> decode -> fingerprint -> align -> compare -> classify -> ledger -> report -> gate`.

pub mod record;
