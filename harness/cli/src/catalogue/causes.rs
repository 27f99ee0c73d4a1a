//! Why a finding came about, where the records themselves prove it.

use super::{Entry, Kind};

const fn cause(code: &'static str, meaning: &'static str, next: &'static str) -> Entry {
    Entry { kind: Kind::Cause, code, meaning, next }
}

pub(super) const ENTRIES: &[Entry] = &[
    cause(
        "aborted_transaction_replicated",
        "The target record is a copy of a record whose transaction was aborted on the source: consumers there never saw it.",
        "Set isolation.level=read_committed on the replicator's consumer (MirrorMaker 2's default is read_uncommitted) and copy again.",
    ),
    cause(
        "resent_block",
        "Several neighbouring records were copied twice, in the same order: the replicator started again from an older position.",
        "Look for a restart or a rebalance of the replicator at the time of the target records. Shorter commit intervals, or \
         exactly-once where the replicator has it, make such blocks smaller or avoid them.",
    ),
    cause(
        "undecodable_on_source",
        "The source's registry and schema do not let the source record be read: it was broken before it was copied.",
        "Look for the producer of the record; the copy cannot be better than the original.",
    ),
    cause(
        "undecodable_on_target",
        "The source record can be read, its copy cannot: the target's registry lacks the schema, or the payload was damaged.",
        "Register the schema on the target under the id that the payload names, or have the replicator translate ids.",
    ),
];
