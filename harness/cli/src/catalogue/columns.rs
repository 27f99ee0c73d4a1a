//! Columns of the ledger that need a word: what records count as that are neither matched nor a finding.

use super::{Entry, Kind};

const fn column(code: &'static str, meaning: &'static str, next: &'static str) -> Entry {
    Entry { kind: Kind::Column, code, meaning, next }
}

pub(super) const ENTRIES: &[Entry] = &[
    column(
        "pending",
        "Source records after the last copied one: the target had not reached them when its end was read. They are not \
         judged, and the run is inconclusive.",
        "Wait until replication has caught up, then run again; if it has stopped, start it.",
    ),
    column(
        "unverifiable",
        "Records that could not be judged: a side was not read to its end, or the sides differ in too many records at once.",
        "Read the remark at the pair in run.json; it says why and where.",
    ),
    column(
        "compacted",
        "Under `log: compacted`: records that one side holds and the other lacks, and that compaction explains. The side that \
         lacks such a record has a free offset in its place, and a later record of its key; or the key was deleted by a \
         tombstone older than `delete.retention.ms`. The last value of the key is equal on both sides, or pending. A record \
         that was dropped instead looks the same if the log has a free offset there: its successor stands for it. They \
         count neither as missing ahead of a group nor as skipped or replayed.",
        "Nothing. For fewer of them, compare before the cleaner runs (min.compaction.lag.ms).",
    ),
    column(
        "compacted_or_dropped",
        "Under `log: compacted`: a deleted key whose tombstone or older records one side lacks, and it cannot be told whether \
         compaction removed them: the tombstone has no timestamp, the target sets its own timestamps, or the configuration \
         of the topic (`delete.retention.ms`) cannot be read. The run is inconclusive.",
        "Grant DescribeConfigs on the topic on both sides and run again; or allow it with a reason: contracts[].allow, \
         finding: compacted_or_dropped.",
    ),
];
