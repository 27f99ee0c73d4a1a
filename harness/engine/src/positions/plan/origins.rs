//! Which origins are read, and which of them is judged. Decides by the configuration alone.

use super::super::Origin;
use crate::config::{OriginChoice, ReplicationKind};

/// What the configuration says about origins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub choice: OriginChoice,
    pub kind: ReplicationKind,
    pub has_csv: bool,
    pub noise_floor: bool,
}

impl Rule {
    /// The origins of which the first that gives a position is judged. What the user names stands alone; else a commit
    /// on the target comes first, since a client takes it before all else.
    pub fn judged(self) -> Vec<Origin> {
        if self.noise_floor {
            return vec![Origin::Identity];
        }
        match (self.choice, self.kind) {
            (OriginChoice::Checkpoints, _) => vec![Origin::Checkpoints],
            (OriginChoice::OffsetSyncs, _) => vec![Origin::OffsetSyncs],
            (OriginChoice::GroupCommits, _) => vec![Origin::GroupCommits],
            (OriginChoice::Identity, _) => vec![Origin::Identity],
            (OriginChoice::Header, _) => vec![Origin::Header],
            (OriginChoice::Timestamp, _) => vec![Origin::Timestamp],
            (OriginChoice::Csv, _) => vec![Origin::Csv],
            (OriginChoice::Earliest, _) => vec![Origin::Earliest],
            (OriginChoice::Auto, ReplicationKind::Mirrormaker2) => {
                vec![Origin::GroupCommits, Origin::Checkpoints]
            }
            (OriginChoice::Auto, ReplicationKind::OffsetPreserving) => {
                vec![Origin::GroupCommits, Origin::Identity]
            }
            (OriginChoice::Auto, ReplicationKind::GroupCommits) => vec![Origin::GroupCommits],
            (OriginChoice::Auto, ReplicationKind::RedpandaMigrator) => {
                vec![Origin::GroupCommits, Origin::Header]
            }
            // The file is there to be applied: it replaces the commits.
            (OriginChoice::Auto, ReplicationKind::None) if self.has_csv => vec![Origin::Csv],
            (OriginChoice::Auto, ReplicationKind::None) => vec![Origin::GroupCommits, Origin::Earliest],
        }
    }

    /// The origins that are read: those that may be judged, and those that they are compared with.
    pub fn read(self) -> Vec<Origin> {
        let mut out = self.judged();
        if self.noise_floor {
            return out;
        }
        let further: &[Origin] = match self.kind {
            ReplicationKind::Mirrormaker2 => {
                &[Origin::GroupCommits, Origin::Checkpoints, Origin::OffsetSyncs]
            }
            ReplicationKind::OffsetPreserving => &[Origin::GroupCommits, Origin::Identity],
            ReplicationKind::RedpandaMigrator => &[Origin::GroupCommits, Origin::Header],
            ReplicationKind::GroupCommits | ReplicationKind::None => &[Origin::GroupCommits],
        };
        out.extend(further.iter().filter(|origin| !self.judged().contains(origin)));
        out
    }

    /// Whether it is read.
    pub fn reads(self, origin: Origin) -> bool {
        self.read().contains(&origin)
    }

    /// Whether it may be judged.
    pub fn judges(self, origin: Origin) -> bool {
        self.judged().contains(&origin)
    }
}
