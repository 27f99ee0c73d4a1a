//! Whether a group's way back to the source is open, and where it leads. Pure.

use cutproof_reports::offsets::{Translation, TranslationState};
use serde::Serialize;

use super::evidence::Compared;
use super::tail::Tail;
use crate::kafka::LogBounds;

/// What is known about one group's way back on one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WayBack {
    /// Going on at the source offset skips nothing that the source has.
    Open,
    /// What the group has processed on the target it had processed on the source: it goes on from its commit there.
    NotMoved,
    /// The source has deleted records that the group would have to read.
    BelowSourceLogStart,
    /// The topic no longer exists on one of the sides.
    TopicGone,
    /// One of the topics is no longer the one that the run compared.
    TopicRecreated,
    /// The group's position on the target lies before what the run compared.
    BeforeRange,
    /// The run did not compare the partition.
    NotCompared,
    /// The group has committed beyond the end of the target's log.
    BeyondTargetEnd,
    /// The run was between other clusters.
    OtherCluster,
    /// The run, or what came after it, does not say.
    NotKnown,
}

impl WayBack {
    /// All states.
    pub const ALL: [WayBack; 10] = [
        Self::Open,
        Self::NotMoved,
        Self::BelowSourceLogStart,
        Self::TopicGone,
        Self::TopicRecreated,
        Self::BeforeRange,
        Self::NotCompared,
        Self::BeyondTargetEnd,
        Self::OtherCluster,
        Self::NotKnown,
    ];

    /// The name in JSON, e.g. `not_moved`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::NotMoved => "not_moved",
            Self::BelowSourceLogStart => "below_source_log_start",
            Self::TopicGone => "topic_gone",
            Self::TopicRecreated => "topic_recreated",
            Self::BeforeRange => "before_range",
            Self::NotCompared => "not_compared",
            Self::BeyondTargetEnd => "beyond_target_end",
            Self::OtherCluster => "other_cluster",
            Self::NotKnown => "not_known",
        }
    }

    /// Whether the way is closed: no offset on the source is right.
    pub fn is_closed(self) -> bool {
        !matches!(self, Self::Open | Self::NotMoved | Self::NotKnown)
    }
}

/// What a decision rests on, for one group on one pair.
pub(super) struct Seen<'a> {
    /// The group's commit on the target.
    pub commit: i64,
    /// Its commit on the source, as it is now.
    pub source_commit: Option<i64>,
    /// Where the run found that it would resume on the target.
    pub resumed_at: Option<i64>,
    /// As they are now.
    pub source_log: LogBounds,
    /// As they are now.
    pub target_log: LogBounds,
    /// What the run compared.
    pub pair: &'a Compared,
    /// The commit, or the compared range's end where that is lower, on the source by the run's map.
    pub back: &'a Translation,
    /// The lowest missing record that the source still has, from where the group stood there on.
    pub missing: Option<i64>,
    /// What both sides have gained since.
    pub tail: &'a Tail,
    /// Why the tail is not whole.
    pub tail_unread: Option<&'a str>,
    /// Why a topic is not the one that was compared.
    pub recreated: Option<&'a str>,
}

/// The decision.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub way_back: WayBack,
    /// Where the group goes on, on the source.
    pub source_offset: Option<i64>,
    /// For people.
    pub detail: String,
}

fn decided(way_back: WayBack, source_offset: Option<i64>, detail: impl Into<String>) -> Decided {
    Decided { way_back, source_offset, detail: detail.into() }
}

pub(super) fn decide(seen: &Seen<'_>) -> Decided {
    let Seen { commit, pair, source_log, target_log, .. } = seen;
    if let Some(why) = seen.recreated {
        return decided(WayBack::TopicRecreated, None, why);
    }
    if *commit > target_log.end {
        let detail = format!("its commit {commit} is beyond the target's log end {}", target_log.end);
        return decided(WayBack::BeyondTargetEnd, None, detail);
    }
    // Before the compared range only records are repeated that precede every commit of the source in it.
    let stood_in_range = seen.source_commit.is_some_and(|commit| commit >= pair.source_start_offset);
    let at_start = seen.resumed_at.is_some_and(|resumed| *commit <= resumed);
    let unjudged = pair.remarks.first();
    // Where the pair was not located, its start on the target is none.
    if stood_in_range && (at_start || (unjudged.is_none() && *commit < pair.target_start_offset)) {
        return stay(seen, "it has processed nothing on the target that it had not processed on the source");
    }
    if let Some(remark) = unjudged {
        return decided(WayBack::NotKnown, None, format!("the run did not judge the pair: {remark}"));
    }
    if *commit < pair.target_start_offset {
        let detail = format!(
            "its commit {commit} is before the compared range, target offsets {} to {}",
            pair.target_start_offset, pair.target_end_offset
        );
        return decided(WayBack::BeforeRange, None, detail);
    }
    let open = pair.counts.pending + pair.counts.unverifiable;
    if open > 0 {
        let detail = format!("{open} records of the pair were not judged by the run; run again");
        return decided(WayBack::NotKnown, None, detail);
    }
    let offset = match (seen.back.state, seen.back.resume_offset) {
        (TranslationState::Exact | TranslationState::Next, Some(offset)) => offset,
        (TranslationState::End, Some(end)) if source_log.log_start > end => end,
        (TranslationState::End, Some(_)) => match seen.tail_unread {
            Some(why) => return decided(WayBack::NotKnown, None, why),
            None => seen.tail.first_unprocessed(*commit).unwrap_or(source_log.end),
        },
        (state, _) => {
            let detail =
                format!("the run's offset map does not know its commit {commit}: {}", state.as_str());
            return decided(WayBack::NotKnown, None, detail);
        }
    };
    if seen.source_commit.is_some_and(|commit| commit >= offset) {
        return stay(seen, "it had processed as much on the source");
    }
    // Nobody has processed it on the target.
    let (offset, detail) = match seen.missing.filter(|&missing| missing < offset) {
        Some(missing) => {
            (missing, format!("back to {missing}, which the target lacked when the run compared"))
        }
        None => (offset, String::new()),
    };
    if let Some(closed) = deleted(offset, seen.source_log) {
        return closed;
    }
    decided(WayBack::Open, Some(offset), detail)
}

/// A group that has committed nothing on the target.
pub(super) fn stay_without_commit(
    source_commit: Option<i64>,
    source_log: LogBounds,
    recreated: Option<&str>,
) -> Decided {
    if let Some(why) = recreated {
        return decided(WayBack::TopicRecreated, None, why);
    }
    let Some(source_commit) = source_commit else {
        return decided(
            WayBack::NotKnown,
            None,
            "it has no commit on either side any more, and had one when the run compared",
        );
    };
    deleted(source_commit, source_log).unwrap_or_else(|| {
        let detail = "it has committed nothing on the target; it goes on from its commit on the source";
        decided(WayBack::NotMoved, Some(source_commit), detail)
    })
}

/// The group goes on from its own commit on the source.
fn stay(seen: &Seen<'_>, why: &str) -> Decided {
    let commit = seen.source_commit.unwrap_or_default();
    deleted(commit, seen.source_log).unwrap_or_else(|| {
        let detail = format!("{why}; it goes on from its commit there");
        decided(WayBack::NotMoved, Some(commit), detail)
    })
}

fn deleted(offset: i64, source_log: LogBounds) -> Option<Decided> {
    (offset < source_log.log_start).then(|| {
        let detail =
            format!("it would go back to {offset}, but the source's log starts at {}", source_log.log_start);
        decided(WayBack::BelowSourceLogStart, None, detail)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::tail::Place;
    use cutproof_reports::Counts;

    /// Compared: source 100 to 200, target 50 to 150, one to one. The logs go on to 210 and 180.
    struct Case {
        commit: i64,
        source_commit: Option<i64>,
        resumed_at: Option<i64>,
        source_log: LogBounds,
        target_end: i64,
        counts: Counts,
        remarks: Vec<String>,
        new_on_source: Vec<i64>,
        tail_unread: Option<&'static str>,
        recreated: Option<&'static str>,
        missing: Option<i64>,
    }

    fn case(commit: i64) -> Case {
        Case {
            commit,
            source_commit: None,
            resumed_at: None,
            source_log: LogBounds { log_start: 0, end: 210 },
            target_end: 180,
            counts: Counts::default(),
            remarks: Vec::new(),
            new_on_source: Vec::new(),
            tail_unread: None,
            recreated: None,
            missing: None,
        }
    }

    impl Case {
        fn decide(self) -> (WayBack, Option<i64>) {
            let pair = Compared {
                source_start_offset: 100,
                source_end_offset: 200,
                target_start_offset: 50,
                target_end_offset: 150,
                counts: self.counts,
                remarks: self.remarks,
                ..Compared::default()
            };
            let mapped = self.commit.min(150);
            let back = Translation {
                topic: String::new(),
                partition: 0,
                offset: mapped,
                other_topic: String::new(),
                other_partition: None,
                record_offset: None,
                resume_offset: (mapped >= 50).then_some(mapped + 50),
                state: match mapped {
                    ..50 => TranslationState::BeforeRange,
                    150 => TranslationState::End,
                    _ => TranslationState::Exact,
                },
            };
            let mut tail = Tail::new(&[self.commit]);
            for offset in self.new_on_source {
                tail.push_source(offset as u128, Place { offset, timestamp: 0 });
            }
            let decided = decide(&Seen {
                commit: self.commit,
                source_commit: self.source_commit,
                resumed_at: self.resumed_at,
                source_log: self.source_log,
                target_log: LogBounds { log_start: 0, end: self.target_end },
                pair: &pair,
                back: &back,
                missing: self.missing,
                tail: &tail,
                tail_unread: self.tail_unread,
                recreated: self.recreated,
            });
            (decided.way_back, decided.source_offset)
        }
    }

    #[test]
    fn a_group_inside_the_map_goes_back_by_it() {
        assert_eq!(case(120).decide(), (WayBack::Open, Some(170)));
        let with_commit = Case { source_commit: Some(110), resumed_at: Some(55), ..case(120) };
        assert_eq!(with_commit.decide(), (WayBack::Open, Some(170)));
    }

    #[test]
    fn a_group_beyond_the_map_goes_back_to_the_first_new_record_or_the_source_s_end() {
        assert_eq!(case(170).decide(), (WayBack::Open, Some(210)));
        assert_eq!(case(150).decide(), (WayBack::Open, Some(210)));
        let stale = Case { new_on_source: vec![203, 207], ..case(170) };
        assert_eq!(stale.decide(), (WayBack::Open, Some(203)));
        let unread = Case { tail_unread: Some("stalled"), ..case(170) };
        assert_eq!(unread.decide(), (WayBack::NotKnown, None));
        let inside = Case { tail_unread: Some("stalled"), ..case(120) };
        assert_eq!(inside.decide(), (WayBack::Open, Some(170)), "inside the map the tail does not matter");
    }

    #[test]
    fn a_group_that_has_not_moved_goes_on_from_its_commit_on_the_source() {
        let here = |commit| Case { source_commit: Some(130), resumed_at: Some(60), ..case(commit) };
        assert_eq!(here(60).decide(), (WayBack::NotMoved, Some(130)), "where it would have resumed");
        assert_eq!(here(20).decide(), (WayBack::NotMoved, Some(130)), "before the range, repeating");
        assert_eq!(here(70).decide(), (WayBack::NotMoved, Some(130)), "moved, but only through repeats");
        assert_eq!(here(81).decide(), (WayBack::Open, Some(131)));
    }

    #[test]
    fn the_way_is_closed_with_the_reason() {
        let expired = LogBounds { log_start: 171, end: 210 };
        assert_eq!(Case { source_log: expired, ..case(120) }.decide(), (WayBack::BelowSourceLogStart, None));
        assert_eq!(Case { source_log: expired, ..case(121) }.decide(), (WayBack::Open, Some(171)));
        let all_expired = LogBounds { log_start: 205, end: 210 };
        assert_eq!(
            Case { source_log: all_expired, ..case(170) }.decide(),
            (WayBack::BelowSourceLogStart, None)
        );
        assert_eq!(case(49).decide(), (WayBack::BeforeRange, None));
        assert_eq!(case(181).decide(), (WayBack::BeyondTargetEnd, None));
        let other = Case { recreated: Some("another record stands there"), ..case(120) };
        assert_eq!(other.decide(), (WayBack::TopicRecreated, None));
    }

    #[test]
    fn what_the_run_did_not_judge_is_not_known() {
        let pending = Counts { pending: 1, ..Counts::default() };
        assert_eq!(Case { counts: pending, ..case(120) }.decide(), (WayBack::NotKnown, None));
        let unread = vec!["stalled".to_owned()];
        let log = LogBounds { log_start: 0, end: 210 };
        assert_eq!(stay_without_commit(None, log, None).way_back, WayBack::NotKnown, "both have expired");
        assert_eq!(stay_without_commit(Some(130), log, None).way_back, WayBack::NotMoved);
        let stalled = |commit| Case { remarks: unread.clone(), source_commit: Some(130), ..case(commit) };
        assert_eq!(stalled(120).decide(), (WayBack::NotKnown, None));
        assert_eq!(stalled(20).decide(), (WayBack::NotKnown, None), "a start that was not located is none");
        let here = Case { resumed_at: Some(20), ..stalled(20) };
        assert_eq!(here.decide(), (WayBack::NotMoved, Some(130)), "it has not moved at all");
    }

    #[test]
    fn a_group_goes_back_to_what_the_target_lacked() {
        let lacking = |commit| Case { missing: Some(160), source_commit: Some(110), ..case(commit) };
        assert_eq!(lacking(120).decide(), (WayBack::Open, Some(160)));
        assert_eq!(lacking(170).decide(), (WayBack::Open, Some(160)), "from behind the map, too");
        assert_eq!(lacking(105).decide(), (WayBack::Open, Some(155)), "it will come to it");
        let expired = LogBounds { log_start: 161, end: 210 };
        assert_eq!(
            Case { source_log: expired, ..lacking(120) }.decide(),
            (WayBack::BelowSourceLogStart, None)
        );
    }
}
