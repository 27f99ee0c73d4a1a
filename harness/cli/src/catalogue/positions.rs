//! What is known about a group's position on a partition, and the colour of a group.

use super::{Entry, Kind};

const fn state(code: &'static str, meaning: &'static str, next: &'static str) -> Entry {
    Entry { kind: Kind::PositionState, code, meaning, next }
}

const fn scorecard(code: &'static str, meaning: &'static str, next: &'static str) -> Entry {
    Entry { kind: Kind::Scorecard, code, meaning, next }
}

pub(super) const ENTRIES: &[Entry] = &[
    state(
        "judged",
        "Skip and replay are exact counts of records. Skip: records that the group would never process on the target. Replay: \
         records that it would process again.",
        "Skip must be 0. For a replay, check that the consumers are idempotent, or reset the group to the image in resume_offsets.csv.",
    ),
    state(
        "no_checkpoint",
        "The group has committed on the source, but no origin translates that into a position on the target. It would start where \
         its auto.offset.reset says.",
        "Check that the replicator's group filter includes the group and that checkpoints are being emitted; or set the position \
         from resume_offsets.csv.",
    ),
    state(
        "stale_checkpoint",
        "The translated position belongs to an older commit than the one the group has now, and the next one would be another. \
         Skip and replay are exact for the position as it stands, so where nothing is skipped this alone stops no cutover.",
        "Wait for the replicator's next checkpoint, or stop the group first, and run again: there is less to replay then.",
    ),
    state(
        "beyond_target_end",
        "The resume offset lies past the end of the target partition. A consumer would fall back to its auto.offset.reset.",
        "Let the replicator catch up, or reset the group to the image in resume_offsets.csv.",
    ),
    state(
        "below_target_log_start",
        "The target's retention has deleted the record at the resume offset. A consumer would fall back to its auto.offset.reset.",
        "Raise the retention of the target topic and copy again, or reset the group.",
    ),
    state(
        "beyond_source_end",
        "The group has committed past the end of the source partition: the partition was truncated, or the topic was made anew.",
        "Look at the group on the source (kafka-consumer-groups --describe) and repair its offset there first.",
    ),
    state(
        "below_source_log_start",
        "The source's retention has deleted the record that the group would read next, so its image cannot be located by identity.",
        "Have the group catch up on the source, or accept its loss there; then run again.",
    ),
    state(
        "no_offset_sync",
        "MirrorMaker 2 has written no offset-sync for the partition, or its offset-syncs topic is not there, so nothing can be \
         translated on it.",
        "Check that the partition is being copied, that MirrorMaker 2 may write its offset-syncs topic, and that \
         replication.offset_syncs_location and the aliases are its own.",
    ),
    state(
        "topic_recreated",
        "MirrorMaker 2's offset-syncs speak of records that the topic does not hold, or go back on the target: it was deleted and \
         made again under the same name, or lost records. Offsets from before mean other records.",
        "Reset the group on the source to the new topic, have the replicator forget the old offsets, and run again.",
    ),
    state(
        "target_group_active",
        "The group has live members on the target already: they move the position while it is judged, no replicator syncs it, and \
         it cannot be reset.",
        "Stop the consumers on the target and run again.",
    ),
    state(
        "ahead_of_copy",
        "Source records at or after the commit are not on the target yet, so nobody can say whether they will come.",
        "Let the replicator catch up and run again; if it has stopped, start it.",
    ),
    state(
        "not_located",
        "The image of the position could not be found by comparing records; `detail` says why.",
        "Read `detail`. An earlier range.start often gives enough records to align by.",
    ),
    state(
        "no_source_commit",
        "The group has a commit on the target, where it would resume, but none on the source: what it has processed is not known, \
         so no skip and no replay can be counted.",
        "If the group is to move, commit on the source where it starts, or delete its commit on the target. If it is the target's \
         own, leave it out with groups.exclude.",
    ),
    scorecard(
        "green",
        "The group skips nothing and replays nothing; every position is judged.",
        "Nothing, as long as nobody writes to the target meanwhile. Run again shortly before the cutover.",
    ),
    scorecard(
        "yellow",
        "The group skips nothing, but would process records again.",
        "Check that its consumers are idempotent, or reset it to the image in resume_offsets.csv.",
    ),
    scorecard(
        "red",
        "The group would skip records, or records ahead of it are missing, or a position of it could not be judged.",
        "Do not move the group yet. Look at its rows: skip, missing, and state with `detail`.",
    ),
];
