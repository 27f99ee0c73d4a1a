//! Proves, before a Kafka cutover, that every consumer group can resume on the target at the right record.
//!
//! One way through, left to right; a stage uses `record` and the stages to its left:
//! `plan -> consume -> decode -> fingerprint -> align -> compare -> classify -> ledger -> report -> gate`.

pub mod align;
pub mod cancel;
pub mod classify;
pub mod compare;
pub mod config;
pub mod consume;
pub mod decode;
pub mod fingerprint;
pub mod gates;
pub mod inventory;
pub mod kafka;
pub mod ledger;
pub mod monitor;
pub mod positions;
pub mod record;
pub mod run;
pub mod watch;
