//! Where the reading of a source partition starts, and why: the one place for `range.start`. Asks no cluster.

use super::super::locate::LogBounds;
use crate::config::RangeStart;

/// The time that `range.start` names, in milliseconds since the epoch; `None` where it names none.
pub(super) fn since(start: RangeStart, now_ms: i64) -> Option<i64> {
    match start {
        RangeStart::Timestamp(ms) => Some(ms),
        RangeStart::Duration(back) => Some(now_ms.saturating_sub(back.as_millis() as i64)),
        RangeStart::Positions | RangeStart::Earliest => None,
    }
}

/// The first offset in scope, with the reason for people. `lowest`: the lowest committed offset and its group.
/// `at_time`: the first offset at or after the time asked for.
pub(super) fn start(
    asked: RangeStart,
    log: LogBounds,
    lowest: Option<(i64, &str)>,
    at_time: Option<i64>,
) -> (i64, String) {
    let (offset, reason) = match (asked, lowest) {
        (RangeStart::Positions, Some((committed, group))) => {
            (committed, format!("the lowest committed offset, of group {group}"))
        }
        (RangeStart::Positions, None) => {
            (log.start, "no group has a commit on it: from the source's log start".to_owned())
        }
        (RangeStart::Earliest, _) => (log.start, "from the source's log start, as asked".to_owned()),
        (RangeStart::Timestamp(_) | RangeStart::Duration(_), _) => match at_time {
            Some(offset) => (offset, "the first record at or after the time asked for".to_owned()),
            None => (log.end, "no record at or after the time asked for".to_owned()),
        },
    };
    let within = offset.clamp(log.start, log.end);
    let reason = match offset {
        offset if offset < within => {
            format!("{reason}, is {offset}, which retention has deleted: from the source's log start")
        }
        offset if offset > within => format!("{reason}, is {offset}, past the log end: from the end"),
        _ => reason,
    };
    (within, reason)
}
