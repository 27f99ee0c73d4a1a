//! Where one group would resume on one partition, what other origins say, and what is odd about it. Pure.

use super::super::locate::LogBounds;
use super::super::syncs::Translation;
use super::super::{Origin, OtherPosition, PositionState};
use super::internal::{PartitionSyncs, SeenCheckpoint};
use super::lookups::Found;
use super::origins::Rule;
use super::{state, words};
use crate::record::TopicPartition;

/// All that is known of one group on one pair.
#[derive(Clone, Debug)]
pub(super) struct Known<'a> {
    pub group: &'a str,
    pub source: &'a TopicPartition,
    pub target: &'a TopicPartition,
    pub committed: i64,
    pub source_bounds: LogBounds,
    pub target_bounds: LogBounds,
    /// High watermarks of source and target, read after everything else; `None` where nothing made it necessary.
    pub ends: Option<[i64; 2]>,
    pub target_commit: Option<i64>,
    /// Somebody consumes with the group on the target.
    pub active: bool,
    pub checkpoint: Option<&'a SeenCheckpoint>,
    pub syncs: Syncs<'a>,
    pub csv: Option<i64>,
    /// What the header or the timestamp gave.
    pub looked_up: Option<&'a Found>,
    /// Milliseconds since the epoch.
    pub now_ms: i64,
}

/// What is known of a partition's offset-syncs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Syncs<'a> {
    /// They were not asked for.
    NotRead,
    /// There is no such topic, or it may not be seen.
    NoTopic,
    /// The topic has none for this partition.
    None,
    /// These.
    Some(&'a PartitionSyncs),
}

impl Known<'_> {
    /// What MirrorMaker 2 would make of the commit now.
    pub fn translation(&self) -> Option<Translation> {
        match self.syncs {
            Syncs::Some(syncs) => Some(syncs.store.translate(self.committed)),
            Syncs::NotRead | Syncs::NoTopic | Syncs::None => None,
        }
    }

    /// Whether the offset-syncs that are left explain the checkpoint; `None` where there is nothing to go by.
    pub fn is_explained(&self) -> Option<bool> {
        let (Some(seen), Syncs::Some(syncs)) = (self.checkpoint, self.syncs) else { return None };
        Some(syncs.explains(seen.checkpoint.upstream_offset, seen.checkpoint.downstream_offset))
    }

    /// Whether MirrorMaker 2 is where a position came from.
    pub fn is_translated(&self, origin: Origin) -> bool {
        let checkpoint = self.checkpoint.map(|seen| seen.checkpoint.downstream_offset);
        match origin {
            Origin::Checkpoints | Origin::OffsetSyncs => true,
            Origin::GroupCommits => checkpoint.is_some() && checkpoint == self.target_commit,
            _ => false,
        }
    }

    /// Where an origin puts the group.
    pub fn offset(&self, origin: Origin) -> Option<i64> {
        match origin {
            Origin::GroupCommits => self.target_commit,
            Origin::Checkpoints => self.checkpoint.map(|seen| seen.checkpoint.downstream_offset),
            Origin::OffsetSyncs => self.translation().and_then(Translation::offset),
            Origin::Identity => Some(self.committed),
            Origin::Earliest => Some(self.target_bounds.start),
            Origin::Csv => self.csv,
            Origin::Header | Origin::Timestamp => match self.looked_up? {
                Found::At { offset, .. } => Some(*offset),
                Found::Nothing { .. } => None,
            },
            Origin::None => None,
        }
    }
}

/// The position, the origin that gave it, what is odd, and a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resume {
    pub offset: Option<i64>,
    pub origin: Origin,
    pub also: Vec<OtherPosition>,
    pub state: PositionState,
    pub detail: String,
}

/// Takes the first origin that gives a position, lists the others, and looks at what comes out.
pub(super) fn resume(rule: Rule, known: &Known<'_>) -> Resume {
    let origin = rule.judged().into_iter().find(|origin| known.offset(*origin).is_some());
    let offset = origin.and_then(|origin| known.offset(origin));
    let origin = origin.unwrap_or(Origin::None);
    let also: Vec<OtherPosition> = rule
        .read()
        .into_iter()
        .filter(|other| *other != origin)
        .filter_map(|other| Some(OtherPosition { origin: other, offset: known.offset(other)? }))
        .collect();
    let why = match origin {
        Origin::None => words::nothing(rule, known),
        _ => words::why(origin, rule, known),
    };
    let (state, troubles) = state::state(rule, known, origin, offset);
    let detail = [vec![why], words::others(origin, offset, &also, rule, known), troubles].concat();
    let detail: Vec<String> = detail.into_iter().filter(|text| !text.is_empty()).collect();
    Resume { offset, origin, also, state, detail: detail.join("; ") }
}
