//! For people: why a partition was not read to its end, the first time or again. Decides nothing.

use std::time::Duration;

use super::shared::STALL_LIMIT;
use crate::consume::ReadEnd;
use crate::record::{OffsetRange, Side, TopicPartition};

/// For people: why a partition was not read to its end; `None` where it was.
pub(super) fn unread(
    side: Side,
    partition: &TopicPartition,
    ended: Option<&ReadEnd>,
    next: i64,
    end: i64,
) -> Option<String> {
    Some(match ended {
        Some(ReadEnd::ReachedEnd) => return None,
        Some(ReadEnd::OutOfRange { asked, detail }) => format!(
            "{partition} of the {side} no longer holds offset {asked}, which was to be read next (retention, \
             truncation, or a new topic of the same name): {detail}; offsets {asked} to {} are not judged",
            end - 1
        ),
        Some(ReadEnd::Stalled { at }) => format!(
            "{partition} of the {side} gave no record for {} s at offset {at}, though its log end is at {end}",
            STALL_LIMIT.as_secs(),
        ),
        Some(ReadEnd::Failed { at, detail }) => {
            format!("{partition} of the {side} cannot be read on at offset {at}: {detail}")
        }
        None => format!("{partition} of the {side} was not read beyond offset {next}"),
    })
}

/// For people: that a partition gave nothing of what was `left` of a reading apart from the comparison, and what to do. It
/// was waited for less than the whole limit where its broker gave nothing before.
pub(super) fn stalled(
    side: Side,
    partition: &TopicPartition,
    left: OffsetRange,
    [waited, limit]: [Duration; 2],
) -> String {
    let shortly = match waited < limit {
        true => format!(
            " (another one gave none for {} s before, and no other broker is known to lead this one)",
            limit.as_secs()
        ),
        false => String::new(),
    };
    format!(
        "{partition} of the {side} gave no record for {} s at offset {}{shortly}, though offsets up to {} were asked for: it \
         is not waited for again, unless the comparison can read it; see whether the broker that leads it is up, then run \
         again",
        waited.as_secs(),
        left.start,
        left.end - 1
    )
}
