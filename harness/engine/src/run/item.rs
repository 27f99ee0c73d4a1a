//! Records and contracts as alignment knows them. Reads nothing.

use crate::align::{Item, Rules};
use crate::fingerprint::Fingerprinter;
use crate::record::{Contract, RecordView, TimestampRule};

/// `record` as alignment knows it.
pub(super) fn item(fingerprinter: &Fingerprinter, view: &RecordView<'_>) -> Item {
    let fingerprint = fingerprinter.of(view);
    Item {
        identity: fingerprint.identity,
        offset: view.offset,
        timestamp: view.timestamp,
        key: fingerprint.key,
        value: fingerprint.value,
    }
}

/// By how much the timestamps of a record and its copy may differ, in milliseconds; `None` where nothing is promised.
pub(super) fn timestamps_within(contract: &Contract) -> Option<u64> {
    match contract.timestamps {
        TimestampRule::Exact => Some(0),
        TimestampRule::ToleranceMs(within) => Some(within),
        TimestampRule::Ignore => None,
    }
}

/// The part of a contract that alignment needs.
pub(super) fn rules(contract: &Contract) -> Rules {
    let timestamp_tolerance_ms = match contract.timestamps {
        TimestampRule::ToleranceMs(tolerance) => Some(tolerance),
        TimestampRule::Exact | TimestampRule::Ignore => None,
    };
    Rules { timestamp_tolerance_ms }
}
