//! How long the record at a position will still be there, by the topic's retention. Pure; reads no clock.

use serde::Serialize;

use crate::inventory::TopicInfo;

const HOUR_MS: i128 = 3_600_000;

/// Which limit of the topic deletes the record first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// `retention.ms`, from the record's own timestamp.
    Time,
    /// `retention.bytes`, at the present write rate.
    Size,
}

/// How long the record at a position will still be there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Headroom {
    /// No limit deletes it.
    Never {
        /// Why not.
        detail: String,
    },
    /// No record stands there yet.
    NoRecord,
    /// It is deleted already.
    Gone,
    /// It is deleted no earlier than this; whole segments are, so it may stay longer.
    Remaining {
        /// From now; 0 where it may go at any moment.
        seconds: i64,
        /// By which limit.
        by: Limit,
        /// Sampled sizes and the present write rate are in it, or one limit could not be told.
        estimate: bool,
        /// How it was computed.
        detail: String,
    },
    /// Cannot be told.
    NotKnown {
        /// Why.
        detail: String,
    },
}

/// What was seen at the position. `None` where it could not be learnt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sample {
    /// Of the record at the position, milliseconds since the epoch; -1 where it has none.
    pub timestamp: Option<i64>,
    /// Estimated bytes from the position to the end of the log.
    pub bytes_behind: Option<u64>,
    /// Estimated bytes written in the last hour.
    pub bytes_per_hour: Option<u64>,
}

/// Whether anything has to be sampled to answer.
pub(super) fn settled(topic: &TopicInfo) -> Option<Headroom> {
    let Some(policy) = topic.cleanup_policy else {
        return Some(Headroom::NotKnown {
            detail: "the brokers do not tell the topic's settings".to_owned(),
        });
    };
    if !policy.delete {
        let detail = "cleanup.policy is compact: only a later record of the same key removes one".to_owned();
        return Some(Headroom::Never { detail });
    }
    let unlimited = |limit: Option<i64>| limit.is_some_and(|limit| limit < 0);
    (unlimited(topic.retention_ms) && unlimited(topic.retention_bytes))
        .then(|| Headroom::Never { detail: "neither retention.ms nor retention.bytes is set".to_owned() })
}

/// The earlier of the two limits. `topic`: settings as the brokers tell them now.
pub(super) fn headroom(topic: &TopicInfo, sample: Sample, now_ms: i64) -> Headroom {
    if let Some(settled) = settled(topic) {
        return settled;
    }
    let limits = [
        (Limit::Time, by_time(topic.retention_ms, sample, now_ms)),
        (Limit::Size, by_size(topic.retention_bytes, sample)),
    ];
    let mut earliest: Option<(i64, Limit, String)> = None;
    let mut unknown = Vec::new();
    let mut never = Vec::new();
    for (limit, told) in limits {
        match told {
            Told::In { ms, detail } if earliest.as_ref().is_none_or(|(least, ..)| ms < *least) => {
                earliest = Some((ms, limit, detail));
            }
            Told::In { .. } => {}
            Told::Never(why) => never.push(why),
            Told::Unknown(why) => unknown.push(why),
        }
    }
    match earliest {
        Some((ms, by, mut detail)) => {
            let estimate = by == Limit::Size || !unknown.is_empty();
            unknown.iter().for_each(|why| detail += &format!("; {why}"));
            Headroom::Remaining { seconds: ms.max(0) / 1_000, by, estimate, detail }
        }
        None if unknown.is_empty() => Headroom::Never { detail: never.join("; ") },
        None => Headroom::NotKnown { detail: unknown.join("; ") },
    }
}

/// What one limit says.
enum Told {
    In { ms: i64, detail: String },
    Never(String),
    Unknown(String),
}

fn by_time(retention_ms: Option<i64>, sample: Sample, now_ms: i64) -> Told {
    match (retention_ms, sample.timestamp) {
        (None, _) => Told::Unknown("retention.ms is not told".to_owned()),
        (Some(limit), _) if limit < 0 => Told::Never("retention.ms is not set".to_owned()),
        (Some(_), None | Some(..0)) => Told::Unknown("the record has no timestamp".to_owned()),
        (Some(limit), Some(timestamp)) => Told::In {
            ms: timestamp.saturating_add(limit).saturating_sub(now_ms),
            detail: format!("retention.ms {limit}, from the record's timestamp"),
        },
    }
}

fn by_size(retention_bytes: Option<i64>, sample: Sample) -> Told {
    let limit = match retention_bytes {
        None => return Told::Unknown("retention.bytes is not told".to_owned()),
        Some(limit) if limit < 0 => return Told::Never("retention.bytes is not set".to_owned()),
        Some(limit) => limit,
    };
    let (Some(behind), Some(rate)) = (sample.bytes_behind, sample.bytes_per_hour) else {
        return Told::Unknown("the write rate could not be learnt".to_owned());
    };
    let spare = i128::from(limit) - i128::from(behind);
    let detail = format!("retention.bytes {limit}, about {behind} bytes behind it, {rate} more an hour");
    match (spare, rate) {
        (..=0, _) => Told::In { ms: 0, detail },
        (_, 0) => Told::Never("nothing was written in the last hour".to_owned()),
        _ => Told::In { ms: i64::try_from(spare * HOUR_MS / i128::from(rate)).unwrap_or(i64::MAX), detail },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::CleanupPolicy;

    const NOW: i64 = 1_000_000_000;
    const DELETE: CleanupPolicy = CleanupPolicy { delete: true, compact: false };

    fn topic(cleanup_policy: CleanupPolicy, ms: i64, bytes: i64) -> TopicInfo {
        TopicInfo {
            cleanup_policy: Some(cleanup_policy),
            retention_ms: Some(ms),
            retention_bytes: Some(bytes),
            ..TopicInfo::default()
        }
    }

    fn remaining(headroom: Headroom) -> (i64, Limit, bool) {
        match headroom {
            Headroom::Remaining { seconds, by, estimate, .. } => (seconds, by, estimate),
            other => panic!("{other:?}"),
        }
    }

    const OLD: Sample =
        Sample { timestamp: Some(NOW - 40_000), bytes_behind: Some(600), bytes_per_hour: Some(3_600) };

    #[test]
    fn the_record_s_own_timestamp_counts_for_retention_ms_and_is_no_estimate() {
        assert_eq!(remaining(headroom(&topic(DELETE, 100_000, -1), OLD, NOW)), (60, Limit::Time, false));
        assert_eq!(remaining(headroom(&topic(DELETE, 30_000, -1), OLD, NOW)), (0, Limit::Time, false));
    }

    #[test]
    fn the_write_rate_counts_for_retention_bytes_and_is_an_estimate() {
        assert_eq!(remaining(headroom(&topic(DELETE, -1, 1_000), OLD, NOW)), (400, Limit::Size, true));
        assert_eq!(remaining(headroom(&topic(DELETE, -1, 500), OLD, NOW)), (0, Limit::Size, true));
        let quiet = Sample { bytes_per_hour: Some(0), ..OLD };
        assert!(matches!(headroom(&topic(DELETE, -1, 1_000), quiet, NOW), Headroom::Never { .. }));
    }

    #[test]
    fn the_earlier_limit_decides() {
        assert_eq!(remaining(headroom(&topic(DELETE, 100_000, 1_000), OLD, NOW)), (60, Limit::Time, false));
        assert_eq!(remaining(headroom(&topic(DELETE, 900_000, 1_000), OLD, NOW)), (400, Limit::Size, true));
    }

    #[test]
    fn compaction_alone_deletes_nothing_by_age() {
        let compact = CleanupPolicy { delete: false, compact: true };
        assert!(matches!(headroom(&topic(compact, 1, 1), OLD, NOW), Headroom::Never { .. }));
        let both = CleanupPolicy { delete: true, compact: true };
        assert_eq!(remaining(headroom(&topic(both, 100_000, -1), OLD, NOW)).0, 60);
    }

    #[test]
    fn what_is_not_told_is_not_made_up() {
        let silent = TopicInfo::default();
        assert!(matches!(headroom(&silent, OLD, NOW), Headroom::NotKnown { .. }));
        let none = Sample { timestamp: Some(-1), ..OLD };
        assert!(matches!(headroom(&topic(DELETE, 100_000, -1), none, NOW), Headroom::NotKnown { .. }));
        let no_rate = Sample { bytes_per_hour: None, ..OLD };
        let half = headroom(&topic(DELETE, 100_000, 1_000), no_rate, NOW);
        assert_eq!(remaining(half), (60, Limit::Time, true), "half known is an estimate");
    }
}
