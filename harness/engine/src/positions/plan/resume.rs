//! Where one group would resume on one partition, and what is odd about it: the rules of the origins. Pure.

use super::super::locate::LogBounds;
use super::super::mm2::Checkpoint;
use super::super::{Origin, PositionState};
use crate::config::{OriginChoice, ReplicationKind};
use crate::record::TopicPartition;

/// All that is known of one group on one pair.
#[derive(Clone, Debug)]
pub(super) struct Known<'a> {
    pub target: &'a TopicPartition,
    pub committed: i64,
    pub source: LogBounds,
    pub target_bounds: LogBounds,
    pub target_commit: Option<i64>,
    pub checkpoint: Option<&'a Checkpoint>,
    /// `None` where the offset-syncs were not read.
    pub has_offset_sync: Option<bool>,
    pub csv: Option<i64>,
}

/// Which origins are asked, in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub choice: OriginChoice,
    pub kind: ReplicationKind,
    pub has_csv: bool,
    pub noise_floor: bool,
}

impl Rule {
    /// The origins to ask, first to last.
    pub fn origins(self) -> Vec<Origin> {
        if self.noise_floor {
            return vec![Origin::Identity];
        }
        match (self.choice, self.kind) {
            (OriginChoice::Checkpoints, _) => vec![Origin::Checkpoints],
            (OriginChoice::GroupCommits, _) => vec![Origin::GroupCommits],
            (OriginChoice::Identity, _) => vec![Origin::Identity],
            (OriginChoice::Csv, _) => vec![Origin::Csv],
            (OriginChoice::Earliest, _) => vec![Origin::Earliest],
            (OriginChoice::OffsetSyncs, _) => vec![Origin::OffsetSyncs],
            (OriginChoice::Header, _) => vec![Origin::Header],
            (OriginChoice::Timestamp, _) => vec![Origin::Timestamp],
            (OriginChoice::Auto, ReplicationKind::Mirrormaker2) => {
                vec![Origin::GroupCommits, Origin::Checkpoints]
            }
            (OriginChoice::Auto, ReplicationKind::OffsetPreserving) => {
                vec![Origin::GroupCommits, Origin::Identity]
            }
            (OriginChoice::Auto, ReplicationKind::GroupCommits | ReplicationKind::RedpandaMigrator) => {
                vec![Origin::GroupCommits]
            }
            (OriginChoice::Auto, ReplicationKind::None) if self.has_csv => vec![Origin::Csv],
            (OriginChoice::Auto, ReplicationKind::None) => vec![Origin::Earliest],
        }
    }

    /// Whether any of them is asked.
    pub fn asks(self, origin: Origin) -> bool {
        self.origins().contains(&origin)
    }
}

/// The position, the origin that gave it, what is odd, and a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resume {
    pub offset: Option<i64>,
    pub origin: Origin,
    pub state: PositionState,
    pub detail: String,
}

/// Asks the origins in turn and looks at what comes out.
pub(super) fn resume(rule: Rule, known: &Known<'_>) -> Resume {
    let found = rule.origins().into_iter().find_map(|origin| {
        let (offset, why) = ask(origin, rule, known)?;
        Some((offset, origin, why))
    });
    let (offset, origin, mut detail) = match found {
        Some((offset, origin, why)) => (Some(offset), origin, why),
        None => (None, Origin::None, nothing(rule, known)),
    };
    let (state, trouble) = state(rule, known, offset);
    if !trouble.is_empty() {
        detail = if detail.is_empty() { trouble } else { format!("{detail}; {trouble}") };
    }
    Resume { offset, origin, state, detail }
}

fn ask(origin: Origin, rule: Rule, known: &Known<'_>) -> Option<(i64, String)> {
    let committed = known.committed;
    match origin {
        Origin::GroupCommits => {
            let offset = known.target_commit?;
            let why = match known.checkpoint {
                Some(c) if c.downstream_offset != offset => format!(
                    "the group's own commit on the target, which a client would use; the checkpoint says {}",
                    c.downstream_offset
                ),
                _ => "the group's own commit on the target, which a client would use".to_owned(),
            };
            Some((offset, why))
        }
        Origin::Checkpoints => {
            let checkpoint = known.checkpoint?;
            let up = checkpoint.upstream_offset;
            let age = match up.cmp(&committed) {
                std::cmp::Ordering::Equal => String::new(),
                std::cmp::Ordering::Less => {
                    format!(
                        "; written when the group was at {up}, now it is at {committed}: wait for the next one"
                    )
                }
                std::cmp::Ordering::Greater => {
                    format!("; written when the group was at {up}: it has gone back to {committed} since")
                }
            };
            Some((checkpoint.downstream_offset, format!("MirrorMaker 2's checkpoint{age}")))
        }
        Origin::Identity => {
            let why = match (rule.noise_floor, rule.choice) {
                (true, _) => "the source is compared with itself",
                (false, OriginChoice::Auto) => {
                    "no commit on the target; offsets are preserved: the same number"
                }
                (false, _) => "the same number on both sides",
            };
            Some((committed, why.to_owned()))
        }
        Origin::Earliest => Some((known.target_bounds.start, "the target's log start".to_owned())),
        Origin::Csv => Some((known.csv?, "from the CSV file".to_owned())),
        Origin::OffsetSyncs | Origin::Header | Origin::Timestamp | Origin::None => None,
    }
}

/// Why no origin gave a position, and what to do.
fn nothing(rule: Rule, known: &Known<'_>) -> String {
    let origins = rule.origins();
    let mut out = Vec::new();
    if origins.contains(&Origin::GroupCommits) {
        out.push("the group has no commit on the target".to_owned());
    }
    if origins.contains(&Origin::Checkpoints) {
        out.push(match known.has_offset_sync {
            Some(false) => format!(
                "MirrorMaker 2 has no checkpoint of it and no offset-sync for {}: see that the topic is replicated \
                 and that the group's position was not committed before replication began",
                known.target
            ),
            _ => format!(
                "MirrorMaker 2 has no checkpoint of it on {}: see that groups.exclude does not name it, that \
                 checkpoints are emitted, and that the position is not older than replication; then commit again \
                 and wait for the next checkpoint",
                known.target
            ),
        });
    }
    if origins.contains(&Origin::Csv) {
        out.push(format!("the CSV file has no row for it on {}", known.target));
    }
    out.join("; ")
}

fn state(rule: Rule, known: &Known<'_>, resume: Option<i64>) -> (PositionState, String) {
    let Known { committed, source, target_bounds, .. } = known;
    if *committed > source.end {
        let text = format!(
            "committed {committed} is past the source's log end {}: the topic was recreated, or an open transaction \
             hides its end",
            source.end
        );
        return (PositionState::BeyondSourceEnd, text);
    }
    if *committed < source.start {
        let text = format!(
            "committed {committed} is below the source's log start {}: retention deleted records that the group \
             never read; they cannot be compared",
            source.start
        );
        return (PositionState::BelowSourceLogStart, text);
    }
    match resume {
        None if rule.asks(Origin::Checkpoints) && known.has_offset_sync == Some(false) => {
            (PositionState::NoOffsetSync, String::new())
        }
        None => (PositionState::NoCheckpoint, String::new()),
        Some(offset) if offset > target_bounds.end => {
            let text = format!(
                "{offset} is past the target's log end {}: the copy is behind or the target topic was recreated; a \
                 client would reset by its auto.offset.reset",
                target_bounds.end
            );
            (PositionState::BeyondTargetEnd, text)
        }
        Some(offset) if offset < target_bounds.start => {
            let text = format!(
                "{offset} is below the target's log start {}: retention deleted it; a client would reset by its \
                 auto.offset.reset",
                target_bounds.start
            );
            (PositionState::BelowTargetLogStart, text)
        }
        Some(_) => (PositionState::Judged, String::new()),
    }
}
