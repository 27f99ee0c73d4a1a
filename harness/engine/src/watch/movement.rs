//! Whether a group gets on between two looks. Pure.

use serde::Serialize;

/// What a group's commit did between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Movement {
    /// It went on.
    Moves,
    /// It did not move, and nothing remains.
    AtEnd,
    /// It did not move, though records remain, or may.
    StandsStill,
    /// It is lower than before.
    WentBack,
    /// There is none.
    NoCommit,
}

impl Movement {
    /// All of them.
    pub const ALL: [Movement; 5] =
        [Self::Moves, Self::AtEnd, Self::StandsStill, Self::WentBack, Self::NoCommit];

    /// The name in JSON, e.g. `stands_still`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Moves => "moves",
            Self::AtEnd => "at_end",
            Self::StandsStill => "stands_still",
            Self::WentBack => "went_back",
            Self::NoCommit => "no_commit",
        }
    }
}

/// From two commits and what remains after the second; `None`: not known.
pub(super) fn movement(then: Option<i64>, now: Option<i64>, remaining: Option<u64>) -> Movement {
    match (then, now) {
        (_, None) if remaining == Some(0) => Movement::AtEnd,
        (None, None) => Movement::NoCommit,
        // A commit that expired or was deleted.
        (Some(_), None) => Movement::WentBack,
        (None, Some(_)) => Movement::Moves,
        (Some(then), Some(now)) if now > then => Movement::Moves,
        (Some(then), Some(now)) if now < then => Movement::WentBack,
        _ if remaining == Some(0) => Movement::AtEnd,
        _ => Movement::StandsStill,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_that_does_not_move_is_fine_only_where_nothing_remains() {
        let cases = [
            (Some(5), Some(6), Some(3), Movement::Moves),
            (None, Some(6), Some(3), Movement::Moves),
            (Some(5), Some(5), Some(0), Movement::AtEnd),
            (Some(5), Some(5), Some(3), Movement::StandsStill),
            (Some(5), Some(5), None, Movement::StandsStill),
            (Some(5), Some(4), Some(9), Movement::WentBack),
            (Some(5), None, Some(9), Movement::WentBack),
            (None, None, Some(9), Movement::NoCommit),
            (None, None, Some(0), Movement::AtEnd),
        ];
        for (then, now, remaining, expected) in cases {
            assert_eq!(movement(then, now, remaining), expected, "{then:?} {now:?} {remaining:?}");
        }
    }
}
