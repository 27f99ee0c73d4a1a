//! What is known after a cutover: a group's way back to the source, and how it gets on on the target.

use super::{Entry, Kind};

const fn way_back(code: &'static str, meaning: &'static str, next: &'static str) -> Entry {
    Entry { kind: Kind::WayBack, code, meaning, next }
}

const fn movement(code: &'static str, meaning: &'static str, next: &'static str) -> Entry {
    Entry { kind: Kind::Movement, code, meaning, next }
}

pub(super) const ENTRIES: &[Entry] = &[
    way_back(
        "open",
        "Going on at the stated source offset, the group skips no record that the source has and that it has not processed. \
         Records that only the target has are counted apart: the source does not have them.",
        "Stop the group on the target, copy target-only records back if they are needed, then use the file of --csv.",
    ),
    way_back(
        "not_moved",
        "What the group has processed on the target it had processed on the source before. Its commit on the source stands.",
        "Nothing is to be reset: start its consumers on the source again.",
    ),
    way_back(
        "below_source_log_start",
        "Closed: the source's retention has deleted records that the group has not processed on the target.",
        "Stay on the target; or copy the records back, or accept their loss and choose an offset by hand.",
    ),
    way_back(
        "topic_gone",
        "Closed: the topic or partition no longer exists on one of the sides.",
        "Check the name and the permission to describe it; a deleted topic cannot be gone back to.",
    ),
    way_back(
        "topic_recreated",
        "Closed: one of the topics is not the one that the run compared: its log is shorter, or another record stands where \
         the last matched one stood.",
        "Compare again with `cutproof run`; the old run's offsets mean other records.",
    ),
    way_back(
        "before_range",
        "Closed: the group's commit on the target lies before what the run compared, so the run does not know what stands there.",
        "Run again with an earlier range.start, and ask again with that run.",
    ),
    way_back(
        "not_compared",
        "Closed: the run did not compare this partition of the target topic.",
        "Records of a partition that only the target has have no place on the source: copy them back. Else run again with \
         the topic in scope.",
    ),
    way_back(
        "beyond_target_end",
        "Closed: the group has committed beyond the end of the target's log: it was cut back, or the topic was made again.",
        "Look at the target topic and at the group (kafka-consumer-groups --describe) first.",
    ),
    way_back(
        "other_cluster",
        "Closed: the run was between other clusters than the configuration's; its offsets mean nothing here.",
        "Name the run between these clusters with --run, or correct the addresses.",
    ),
    way_back(
        "not_known",
        "The run did not judge the pair whole, or what came after it could not be read: no offset is stated.",
        "Read `detail`; remove the cause, or run again, and ask again.",
    ),
    movement("moves", "The group's commit went on between the two looks.", "Nothing; look at what remains."),
    movement(
        "at_end",
        "The group's commit did not move, and nothing remains for it on the partition.",
        "Nothing, as long as producers write elsewhere too.",
    ),
    movement(
        "stands_still",
        "The group's commit did not move between the two looks, though records remain for it.",
        "Look at its consumers on the target; a longer --interval rules out a pause between two commits.",
    ),
    movement(
        "went_back",
        "The group's commit is lower than at the first look, or gone: somebody reset it, or a consumer seeks back.",
        "Find out who commits for the group: records are processed again.",
    ),
    movement(
        "no_commit",
        "The group has committed nothing on the partition of the target.",
        "See that its consumers run on the target, and that its offsets were set there.",
    ),
];
