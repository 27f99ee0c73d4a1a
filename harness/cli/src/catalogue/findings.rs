//! Kinds of findings, and the parts in which two records can differ.

use super::{Entry, Kind};

const fn finding(code: &'static str, meaning: &'static str, next: &'static str) -> Entry {
    Entry { kind: Kind::Finding, code, meaning, next }
}

const fn part(code: &'static str, meaning: &'static str, next: &'static str) -> Entry {
    Entry { kind: Kind::Part, code, meaning, next }
}

pub(super) const ENTRIES: &[Entry] = &[
    finding(
        "missing_record",
        "A source record in scope has no copy on the target, although a later record of the same partition was \
         copied or the target was read to its end. Consumers that resume on the target would never see it.",
        "Look at the record by source topic, partition and offset; check the replicator's filters, errors and restarts, \
         and the retention of the target topic. Copy it again before the cutover.",
    ),
    finding(
        "extraneous_record",
        "A target record in scope is a copy of no source record: somebody else wrote it, the source has deleted it, or \
         its transaction was aborted on the source.",
        "Find out who may write to the target topic besides the replicator. With MirrorMaker 2, check whether its \
         consumer reads `read_uncommitted`: then it copies aborted records.",
    ),
    finding(
        "duplicate_record",
        "A further copy of a source record. One finding for each further copy; consumers on the target would process \
         it again.",
        "Usual after an unclean restart of a replicator that gives at-least-once. If the consumers are idempotent, allow it \
         with a reason: contracts[].allow.",
    ),
    finding(
        "reordered_record",
        "The copy is there, but out of order. `order_broken` says which promise broke: `key` (two records of one key are \
         swapped, which consumers rely on) or only `partition`.",
        "For `key`: check whether the replicator's producer may reorder on retries. For `partition`: decide whether any \
         consumer of the topic relies on it; if none does, allow it with a reason.",
    ),
    finding(
        "mismatched_record",
        "At the same place in the order, with the same key, stands a record that differs. `parts` names where: value, \
         tombstone, headers, timestamp, timestamp_type, schema.",
        "Run `cutproof explain` with the part. `detail` names sizes, header names and, where it could be decoded, the \
         paths that differ.",
    ),
    finding(
        "misplaced_record",
        "The only copy of a source record is in another partition than the contract promises. Order within its key is no \
         longer guaranteed.",
        "Check that the target topic has the source's partition count and that the replicator keeps the partition.",
    ),
    finding(
        "undecodable_record",
        "A record that the schema registry of one side does not let a consumer read: unknown schema id, truncated payload, or \
         bytes left over after decoding.",
        "`detail` names the side and why. Check that the schema exists in that side's registry under the id in the payload.",
    ),
    part(
        "value",
        "Both records have a value, and the bytes differ. Where a schema registry is configured, `detail` names the paths \
         that differ after decoding; values of equal meaning are no finding.",
        "Check for transformations in the replicator, and for converters that write the payload anew.",
    ),
    part(
        "tombstone",
        "One side has a null value, the other has not. An empty value is no tombstone.",
        "On a compacted topic a tombstone deletes its key: check converters and transformations that turn null into empty.",
    ),
    part(
        "headers",
        "Names, values, order or number of headers differ, after leaving out those that the contract ignores.",
        "If the replicator adds the header, ignore its name: contracts[].headers.ignore.",
    ),
    part(
        "timestamp",
        "The timestamps differ by more than the contract allows.",
        "Check whether the target topic has message.timestamp.type=LogAppendTime. If time plays no role for the consumers, set \
         contracts[].timestamps to a tolerance or to ignore.",
    ),
    part(
        "timestamp_type",
        "One side has CreateTime, the other LogAppendTime, or none.",
        "Set message.timestamp.type of the target topic to the source's, or set contracts[].timestamp_type to ignore.",
    ),
    part(
        "schema",
        "The bytes are equal, but the two registries give the schema id another meaning: a consumer on the target would read \
         something else.",
        "Compare the schema under this id in both registries; import the source's ids, or have the replicator translate them.",
    ),
];
