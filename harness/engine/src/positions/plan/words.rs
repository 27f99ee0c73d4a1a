//! The sentences of a position: where it came from, what speaks for it, and why there is none. Decides nothing.

use std::cmp::Ordering;

use super::super::syncs::Translation;
use super::super::{Origin, OtherPosition};
use super::lookups::Found;
use super::origins::Rule;
use super::resume::{Known, Syncs};
use crate::config::{OriginChoice, ReplicationKind};

/// What is wrong with a group that consumes on the target.
pub(super) const ACTIVE: &str = "the group is active on the target: its position there moves while it is judged, no \
                                 replicator syncs it, and it cannot be reset: stop its consumers there and run again";

/// Why a position is not judged where the group has no commit on `source`, a partition or topics. `offset`: its
/// commit on the target.
pub(super) fn uncommitted(source: &str, offset: Option<i64>, active: bool) -> String {
    let Some(offset) = offset else {
        return format!(
            "the group has no commit on {source} of the source, and none on this partition of the target"
        );
    };
    let members = if active { "; it has live members there" } else { "" };
    format!(
        "the group has no commit on {source} of the source, but would resume on the target at its own commit there, \
         {offset}: what it has processed is not known, so nothing is proved of it; if it is to move, commit on the \
         source where it starts, or delete the commit on the target; if it is the target's own, leave it out with \
         groups.exclude{members}"
    )
}

/// What is wrong with a resume offset that the target's log no longer reaches back to.
pub(crate) fn below_log_start(offset: i64, log_start: i64) -> String {
    format!(
        "{offset} is below the target's log start {log_start}: retention deleted it; a client would reset by its \
         auto.offset.reset"
    )
}

/// Where a position came from.
pub(super) fn why(origin: Origin, rule: Rule, known: &Known<'_>) -> String {
    match origin {
        Origin::GroupCommits => commit(rule, known),
        Origin::Checkpoints => checkpoint(known),
        Origin::OffsetSyncs => syncs(known),
        Origin::Identity => match (rule.noise_floor, rule.choice) {
            (true, _) => "the source is compared with itself".to_owned(),
            (false, OriginChoice::Auto) => {
                format!("{}; offsets are preserved, so the same number", no_commit(known))
            }
            (false, _) => "the same number on both sides".to_owned(),
        },
        Origin::Earliest => match rule.choice {
            OriginChoice::Auto => format!("{}; the target's log start", no_commit(known)),
            _ => "the target's log start".to_owned(),
        },
        Origin::Csv => "from the CSV file".to_owned(),
        Origin::Header | Origin::Timestamp => match (known.looked_up, rule.choice) {
            (Some(Found::At { why, .. }), OriginChoice::Auto) => format!("{}; {why}", no_commit(known)),
            (Some(Found::At { why, .. } | Found::Nothing { why }), _) => why.clone(),
            (None, _) => String::new(),
        },
        Origin::None => String::new(),
    }
}

fn no_commit(known: &Known<'_>) -> String {
    match known.active {
        true => "not synced, because the group is active on the target: it has no commit there".to_owned(),
        false => "the group has no commit on the target".to_owned(),
    }
}

fn commit(rule: Rule, known: &Known<'_>) -> String {
    const OWN: &str = "the group's own commit on the target, which a client would use";
    let Some(offset) = known.target_commit else { return String::new() };
    let behind = match known.active {
        true => "not synced, because the group is active on the target",
        false => "not synced since: see that the replicator syncs group offsets",
    };
    match rule.kind {
        ReplicationKind::Mirrormaker2 => {
            let Some(seen) = known.checkpoint else { return OWN.to_owned() };
            let translated = seen.checkpoint.downstream_offset;
            match offset.cmp(&translated) {
                Ordering::Equal => format!("{OWN}, synced from MirrorMaker 2's checkpoint"),
                Ordering::Less => format!("{OWN}; the checkpoint says {translated}: {behind}"),
                Ordering::Greater => format!(
                    "{OWN}; the checkpoint says {translated}, but MirrorMaker 2 moves no commit back: somebody else \
                     committed it, or the group has gone back on the source"
                ),
            }
        }
        ReplicationKind::OffsetPreserving => match offset.cmp(&known.committed) {
            Ordering::Equal => format!("{OWN}, synced: the same number as on the source"),
            Ordering::Less if offset == known.target_bounds.end => format!(
                "{OWN}, clamped to the target's log end: the commit on the source, {}, is not copied yet",
                known.committed
            ),
            Ordering::Less => format!("{OWN}; on the source it is {}: {behind}", known.committed),
            Ordering::Greater => format!(
                "{OWN}; on the source it is {}: the group has gone back there, or was used on the target",
                known.committed
            ),
        },
        ReplicationKind::GroupCommits | ReplicationKind::RedpandaMigrator | ReplicationKind::None => {
            OWN.to_owned()
        }
    }
}

fn checkpoint(known: &Known<'_>) -> String {
    let Some(seen) = known.checkpoint else { return String::new() };
    let then = seen.checkpoint.upstream_offset;
    let due = known.translation().and_then(Translation::offset);
    let held_back = then < known.committed && due.is_some_and(|due| due <= seen.checkpoint.downstream_offset);
    match held_back {
        true => format!(
            "MirrorMaker 2's checkpoint, written when the group was at {then}: at {} it would say no more",
            known.committed
        ),
        false => "MirrorMaker 2's checkpoint".to_owned(),
    }
}

fn syncs(known: &Known<'_>) -> String {
    match (known.syncs, known.translation()) {
        (Syncs::Some(syncs), Some(Translation::At { from, .. })) => format!(
            "recomputed from MirrorMaker 2's {} offset-syncs, by the nearest that it keeps, {} to {}",
            syncs.count, from.upstream, from.downstream
        ),
        _ => String::new(),
    }
}

/// What the other origins say, and what that says about a checkpoint.
pub(super) fn others(
    origin: Origin,
    offset: Option<i64>,
    also: &[OtherPosition],
    rule: Rule,
    known: &Known<'_>,
) -> Vec<String> {
    let mut out = Vec::new();
    let said = also.iter().filter(|other| {
        // The sentence about the commit names the checkpoint already.
        let named = origin == Origin::GroupCommits
            && other.origin == Origin::Checkpoints
            && rule.kind == ReplicationKind::Mirrormaker2;
        Some(other.offset) != offset && !named
    });
    for OtherPosition { origin: other, offset } in said {
        let used = match other {
            Origin::GroupCommits => ", which a client would use instead unless the group is reset",
            _ => "",
        };
        out.push(format!("{} says {offset}{used}", other.as_str()));
    }
    if let (Some(false), Some(seen)) = (known.is_explained(), known.checkpoint) {
        let now = match known.syncs {
            Syncs::Some(syncs) => syncs.store.translate(seen.checkpoint.upstream_offset).offset(),
            _ => None,
        };
        let now = now.map_or("nothing".to_owned(), |offset| offset.to_string());
        out.push(format!(
            "no prefix of the offset-syncs that are left gives the checkpoint, {} for {}; they give {now} now: \
             compaction removes such evidence, so this alone is no fault",
            seen.checkpoint.downstream_offset, seen.checkpoint.upstream_offset
        ));
    }
    if let Some(Found::Nothing { why }) =
        known.looked_up.filter(|_| !matches!(origin, Origin::Header | Origin::Timestamp | Origin::None))
    {
        out.push(why.clone());
    }
    out
}

/// Why no origin gave a position, and what to do.
pub(super) fn nothing(rule: Rule, known: &Known<'_>) -> String {
    let mut out = Vec::new();
    for origin in rule.judged() {
        match origin {
            Origin::GroupCommits => out.push(no_commit(known)),
            Origin::Checkpoints => out.push(no_checkpoint(known)),
            Origin::OffsetSyncs => out.push(no_translation(known)),
            Origin::Csv => out.push(format!("the CSV file has no row for it on {}", known.target)),
            Origin::Header | Origin::Timestamp => {
                if let Some(Found::Nothing { why }) = known.looked_up {
                    out.push(why.clone());
                }
            }
            Origin::Identity | Origin::Earliest | Origin::None => {}
        }
    }
    if known.committed >= known.source_bounds.end {
        out.push("it has read everything on the source, so only what comes later is ahead of it".to_owned());
    }
    out.join("; ")
}

fn no_checkpoint(known: &Known<'_>) -> String {
    if is_left_out_by_default(known.group) {
        return format!(
            "MirrorMaker 2 has no checkpoint of it on {}: its default groups.exclude, console-consumer-.*, connect-.* \
             and __.*, leaves the group out; change it there, or exclude the group here if it does not move",
            known.target
        );
    }
    match (known.syncs, known.translation()) {
        (Syncs::None, _) => format!(
            "MirrorMaker 2 has no checkpoint of it and no offset-sync for {}: see that the topic is replicated \
             and that the group's position was not committed before replication began",
            known.target
        ),
        (_, Some(Translation::TooOld { .. })) => {
            format!("MirrorMaker 2 has no checkpoint of it on {}: {}", known.target, no_translation(known))
        }
        (_, Some(Translation::At { offset, .. })) => format!(
            "MirrorMaker 2 has no checkpoint of it on {} yet; by its offset-syncs it would be {offset}: wait for \
             emit.checkpoints.interval.seconds, for a new group also for refresh.groups.interval.seconds, and see \
             that groups and groups.exclude there do not leave it out{}",
            known.target,
            forgotten(known)
        ),
        (Syncs::NoTopic, _) => format!(
            "MirrorMaker 2 has no checkpoint of it on {}, and makes none without offset-syncs: {}",
            known.target,
            no_translation(known)
        ),
        (Syncs::NotRead | Syncs::Some(_), None) => format!(
            "MirrorMaker 2 has no checkpoint of it on {}: see that groups.exclude does not name it, that \
             checkpoints are emitted, and that the position is not older than replication; then commit again \
             and wait for the next checkpoint",
            known.target
        ),
    }
}

/// Why a checkpoint may never come though the offset-syncs would give it; empty at the head, where it comes all the same.
pub(super) fn forgotten(known: &Known<'_>) -> &'static str {
    match known.syncs {
        Syncs::Some(syncs) if known.committed < syncs.newest.upstream => {
            "; if none comes, see that MirrorMaker 2 may read its checkpoints topic: started without, it translates \
             nothing behind its newest offset-sync"
        }
        _ => "",
    }
}

fn no_translation(known: &Known<'_>) -> String {
    match (known.syncs, known.translation()) {
        (Syncs::Some(syncs), Some(Translation::TooOld { earliest })) => {
            let committed = known.committed;
            let before = match committed < syncs.first.upstream {
                true => format!(
                    "{committed} is before the first offset-sync, at {}: it was committed before replication began, \
                     or compaction removed what was older",
                    syncs.first.upstream
                ),
                false => format!(
                    "{committed} is before the earliest offset-sync that MirrorMaker 2 keeps, at {}: it has read \
                     the source again since",
                    earliest.upstream
                ),
            };
            format!("{before}; let the group read on, or set it to its image in resume_offsets.csv")
        }
        (Syncs::None, _) => format!(
            "MirrorMaker 2 has no offset-sync for {}: see that it is replicated and that the offset-syncs topic may \
             be written",
            known.source
        ),
        (Syncs::NoTopic, _) => "there is no offset-syncs topic, or it may not be read: see \
                                replication.offset_syncs_location and the aliases"
            .to_owned(),
        _ => String::new(),
    }
}

/// By MirrorMaker 2's default for `groups.exclude`.
fn is_left_out_by_default(group: &str) -> bool {
    ["console-consumer-", "connect-", "__"].iter().any(|prefix| group.starts_with(prefix))
}

/// How long ago, in words.
pub(super) fn age(then_ms: i64, now_ms: i64) -> String {
    let seconds = now_ms.saturating_sub(then_ms).max(0) / 1000;
    match seconds {
        _ if then_ms < 0 => "at an unknown time".to_owned(),
        0..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// A difference of offsets, which bounds a number of records.
pub(super) fn distance(offsets: i64) -> String {
    match offsets {
        1 => "1 offset".to_owned(),
        _ => format!("{offsets} offsets (at most as many records)"),
    }
}
