//! What is odd about a position, and what to do about it: one state, and a sentence for everything that was noticed.
//! Pure. The state with the strongest evidence wins; what is only inferred says so.

use std::cmp::Ordering;

use super::super::{Origin, PositionState};
use super::internal::PartitionSyncs;
use super::origins::Rule;
use super::resume::{Known, Syncs};
use super::words::{ACTIVE, age, below_log_start, distance, forgotten};

/// The state of a position, and the troubles behind it, the one that decides first.
pub(super) fn state(
    rule: Rule,
    known: &Known<'_>,
    origin: Origin,
    resume: Option<i64>,
) -> (PositionState, Vec<String>) {
    let found = [
        recreated(known, origin),
        outside_source(known),
        resume.is_none().then(|| (untranslated(rule, known), String::new())),
        resume.and_then(|offset| outside_target(known, offset)),
        active(rule, known),
        stale(known, origin),
    ];
    let found: Vec<(PositionState, String)> = found.into_iter().flatten().collect();
    let state = found.first().map_or(PositionState::Judged, |(state, _)| *state);
    (state, found.into_iter().map(|(_, trouble)| trouble).collect())
}

/// The state where no origin gives a position.
fn untranslated(rule: Rule, known: &Known<'_>) -> PositionState {
    let by_syncs = rule.judges(Origin::Checkpoints) || rule.judges(Origin::OffsetSyncs);
    match known.syncs {
        Syncs::None | Syncs::NoTopic if by_syncs => PositionState::NoOffsetSync,
        _ => PositionState::NoCheckpoint,
    }
}

fn outside_source(known: &Known<'_>) -> Option<(PositionState, String)> {
    let Known { committed, source_bounds, .. } = known;
    if *committed > source_bounds.end {
        let text = format!(
            "committed {committed} is past the source's log end {}: the topic was recreated, or an open transaction \
             hides its end",
            source_bounds.end
        );
        return Some((PositionState::BeyondSourceEnd, text));
    }
    if *committed < source_bounds.start {
        let text = format!(
            "committed {committed} is below the source's log start {}: retention deleted records that the group \
             never read; they cannot be compared",
            source_bounds.start
        );
        return Some((PositionState::BelowSourceLogStart, text));
    }
    None
}

fn outside_target(known: &Known<'_>, resume: i64) -> Option<(PositionState, String)> {
    let bounds = known.target_bounds;
    if resume > bounds.end {
        let text = format!(
            "{resume} is past the target's log end {}: the copy is behind or the target topic was recreated; a \
             client would reset by its auto.offset.reset: let the copy catch up, or set the group to its image",
            bounds.end
        );
        return Some((PositionState::BeyondTargetEnd, text));
    }
    if resume < bounds.start {
        let text = format!("{}: set the group to its image", below_log_start(resume, bounds.start));
        return Some((PositionState::BelowTargetLogStart, text));
    }
    None
}

/// A position by MirrorMaker 2 that speaks of a topic that is no more. Kafka tells no topic's history, so this goes by
/// what the syncs say of records that must be there.
fn recreated(known: &Known<'_>, origin: Origin) -> Option<(PositionState, String)> {
    let Syncs::Some(syncs) = known.syncs else { return None };
    if !known.is_translated(origin) {
        return None;
    }
    let text = beyond_the_end(known, syncs).or_else(|| before_a_retreat(known, syncs, origin))?;
    let text = format!(
        "{text}; positions from before mean other records: have MirrorMaker 2 forget the old offset-syncs and \
         checkpoints, or set the group to its image"
    );
    Some((PositionState::TopicRecreated, text))
}

fn beyond_the_end(known: &Known<'_>, syncs: &PartitionSyncs) -> Option<String> {
    let [source_end, target_end] = known.ends?;
    let newest = syncs.newest;
    if newest.downstream >= target_end {
        return Some(format!(
            "MirrorMaker 2 wrote target offset {} (its newest offset-sync), but the target's log ends at {target_end}: \
             the target topic was recreated since, or lost records",
            newest.downstream
        ));
    }
    (newest.upstream >= source_end).then(|| {
        format!(
            "MirrorMaker 2 copied source offset {} (its newest offset-sync), but the source's log ends at \
             {source_end}: the source topic was recreated since, or lost records",
            newest.upstream
        )
    })
}

fn before_a_retreat(known: &Known<'_>, syncs: &PartitionSyncs, origin: Origin) -> Option<String> {
    let retreat = syncs.retreat?;
    let seen = known.checkpoint.filter(|_| origin != Origin::OffsetSyncs)?;
    let is_older = seen.written_ms <= retreat.written_ms && known.is_explained() == Some(false);
    is_older.then(|| {
        format!(
            "the checkpoint is from before the offset-syncs went back on the target, from {} to {}, while the source \
             went from {} to {}: it is inferred that the target topic was recreated, or lost the end of its log, between",
            retreat.before.downstream, retreat.after.downstream, retreat.before.upstream, retreat.after.upstream
        )
    })
}

fn active(rule: Rule, known: &Known<'_>) -> Option<(PositionState, String)> {
    (known.active && !rule.noise_floor).then(|| (PositionState::TargetGroupActive, ACTIVE.to_owned()))
}

/// A checkpoint of an older commit. One that MirrorMaker 2 holds back because the position would be the same is none.
fn stale(known: &Known<'_>, origin: Origin) -> Option<(PositionState, String)> {
    let seen = known.checkpoint.filter(|_| origin == Origin::Checkpoints)?;
    let (then, resume) = (seen.checkpoint.upstream_offset, seen.checkpoint.downstream_offset);
    let now = known.committed;
    let age = age(seen.written_ms, known.now_ms);
    let text = match then.cmp(&now) {
        Ordering::Equal => return None,
        Ordering::Less => {
            let due = known.translation().map(|translation| translation.offset().unwrap_or(-1));
            if due.is_some_and(|due| due <= resume) {
                return None;
            }
            let next = due.map_or(String::new(), |due| format!(", which would be {due}"));
            format!(
                "the checkpoint was written {age} when the group was at {then}, now it is {} on: wait for the next \
                 one{next}, or stop the group first{}",
                distance(now.saturating_sub(then)),
                forgotten(known)
            )
        }
        Ordering::Greater => format!(
            "the checkpoint was written {age} when the group was at {then}; it has gone back by {} since: wait for \
             the next one",
            distance(then - now)
        ),
    };
    Some((PositionState::StaleCheckpoint, text))
}
