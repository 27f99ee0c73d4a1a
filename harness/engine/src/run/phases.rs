//! Which part of a pass comes next once every partition is at rest: reading, settling, explaining. One order for pairs and
//! units. Reads nothing and asks nothing: the caller does.

use std::time::{Duration, Instant};

use super::RunError;
use super::patience::{Patience, Progress};
use super::stable::Awaited;
use crate::record::Side;

/// How often the target's ends are asked for while records are still expected.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(400);

/// What a pass is at.
pub(super) enum Phase {
    /// Both sides, to the ends at t0.
    Read,
    /// The target further, while it brings what is waited for.
    Settle {
        /// When the target's ends were last asked for.
        asked_at: Option<Instant>,
        /// How long that goes on.
        patience: Patience,
    },
    /// The source further, as far as it explains what the target has at its end.
    Explain,
    /// Nothing more is read.
    Done,
}

/// What the states of all pairs or units of a pass say together.
pub(super) struct Standing {
    /// Of each.
    pub progress: Vec<Progress>,
    /// None waits for the target.
    pub settled: bool,
    /// The target has records that source records after the end at t0 may explain.
    pub tail: bool,
}

/// How the barrier was reached.
pub(super) struct Reached {
    /// When the target's ends were asked for last.
    pub target_ends_at: time::OffsetDateTime,
    /// How often they were.
    pub rounds: u32,
    /// The source's transactions that were waited for.
    pub awaited: Awaited,
}

impl Phase {
    /// Whether more of the target may be read. What it gets after the source's end was taken to explain its tail has no
    /// counterpart in what is read.
    pub fn target_may_grow(&self) -> bool {
        matches!(self, Self::Read | Self::Settle { .. })
    }

    /// The phase that follows. `extend` asks for the ends of a side again, has partitions that grew read on, and says
    /// whether any did. `settle`: `range.settle`.
    ///
    /// # Errors
    /// Those of `extend`.
    pub fn next(
        self,
        standing: Standing,
        settle: Duration,
        mut extend: impl FnMut(Side) -> Result<bool, RunError>,
    ) -> Result<Self, RunError> {
        match self {
            Self::Read => {
                Ok(Self::Settle { asked_at: None, patience: Patience::new(settle, standing.progress) })
            }
            Self::Settle { asked_at, patience } if asked_at.is_some_and(|at| at.elapsed() < ASK_AGAIN) => {
                Ok(Self::Settle { asked_at, patience })
            }
            Self::Settle { asked_at, mut patience } => {
                let waits = patience.lasts(standing.progress) && !standing.settled;
                let grew = (asked_at.is_none() || waits) && extend(Side::Target)?;
                if grew || waits {
                    return Ok(Self::Settle { asked_at: Some(Instant::now()), patience });
                }
                Ok(if standing.tail && extend(Side::Source)? { Self::Explain } else { Self::Done })
            }
            Self::Explain | Self::Done => Ok(Self::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked for, and the phase after it. `matched` by each turn; the target grows in turns of `growing`.
    fn walk(turns: &[(u64, bool, bool)], growing: &[usize], settle: Duration) -> (Vec<(usize, Side)>, usize) {
        let mut asked = Vec::new();
        let mut phase = Phase::Read;
        for (turn, &(matched, settled, tail)) in turns.iter().enumerate() {
            if let Phase::Settle { asked_at: Some(at), .. } = &mut phase {
                *at = at.checked_sub(ASK_AGAIN).expect("a time before now");
            }
            let standing = Standing { progress: vec![Progress { matched, waiting: 1 }], settled, tail };
            let next = phase.next(standing, settle, |side| {
                asked.push((turn, side));
                Ok(growing.contains(&turn))
            });
            phase = next.expect("nothing fails");
            if matches!(phase, Phase::Done) {
                return (asked, turn);
            }
        }
        (asked, turns.len())
    }

    #[test]
    fn the_target_is_asked_once_even_if_nothing_waits() {
        let turns = [(9, true, false); 4];
        assert_eq!(walk(&turns, &[], Duration::ZERO), (vec![(1, Side::Target)], 1));
        // What it got since is read, and that is all.
        assert_eq!(walk(&turns, &[1, 2, 3], Duration::ZERO), (vec![(1, Side::Target)], 2));
    }

    #[test]
    fn while_something_waits_the_target_is_asked_again_until_patience_ends() {
        let long = Duration::from_secs(600);
        let waits = [(9, false, true); 5];
        let asked = (1..5).map(|turn| (turn, Side::Target)).collect();
        assert_eq!(walk(&waits, &[], long), (asked, 5));
        let mut turns = waits;
        turns[3].1 = true;
        let asked = vec![(1, Side::Target), (2, Side::Target), (3, Side::Source)];
        assert_eq!(walk(&turns, &[], long), (asked, 3));
        assert_eq!(walk(&waits, &[], Duration::ZERO), (vec![(1, Side::Target), (1, Side::Source)], 1));
    }

    #[test]
    fn the_source_explains_a_tail_once() {
        let turns = [(9, true, true); 5];
        let asked = vec![(1, Side::Target), (1, Side::Source)];
        assert_eq!(walk(&turns, &[], Duration::ZERO), (asked, 1));
        let asked = vec![(1, Side::Target), (2, Side::Source)];
        assert_eq!(walk(&turns, &[1, 2], Duration::ZERO), (asked, 3));
    }

    #[test]
    fn once_the_source_explains_the_target_grows_no_more() {
        let settle = Phase::Settle { asked_at: None, patience: Patience::new(Duration::ZERO, Vec::new()) };
        let grows = [Phase::Read, settle, Phase::Explain, Phase::Done].map(|phase| phase.target_may_grow());
        assert_eq!(grows, [true, true, false, false]);
    }

    #[test]
    fn ends_are_not_asked_for_again_at_once() {
        let asked_at = Some(Instant::now());
        let patience = Patience::new(Duration::from_secs(600), Vec::new());
        let standing = Standing { progress: Vec::new(), settled: false, tail: true };
        let next = Phase::Settle { asked_at, patience }.next(standing, Duration::ZERO, |side| {
            panic!("{side:?} was asked");
        });
        assert!(matches!(next, Ok(Phase::Settle { asked_at: at, .. }) if at == asked_at));
    }
}
