//! What a [`PairAligner`](super::PairAligner) has consumed, as plain data. Reads and writes nothing.

use std::borrow::Cow;

use super::{Item, Runs};
use crate::record::OffsetRange;

/// A stretch in which the two sequences differ, between two stretches matched in lockstep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Offsets on the source and the target.
    pub range: [OffsetRange; 2],
    /// What the longest common subsequence of the two stretches leaves out.
    pub left_over: [Vec<Item>; 2],
    /// Offset of the first later record on that side that equals a record of this region on the other side.
    pub sighted: [Option<i64>; 2],
    /// Below this offset of that side every record that could be sighted was looked at: the region's end where it was
    /// too large to look for its records while reading on, `i64::MAX` where they are looked for up to the end.
    pub watched_to: [i64; 2],
    /// False where the stretches were too large to solve.
    pub solved: bool,
}

/// What a pair's aligner has consumed. What it holds back is not in it: that is read again.
#[derive(Clone, Debug)]
pub struct Snapshot<'a> {
    /// One past the last offset that was consumed: source, target.
    pub next_offset: [i64; 2],
    /// Records matched in order so far.
    pub runs: Cow<'a, Runs>,
    /// Closed stretches in which the sides differ, ascending.
    pub regions: Cow<'a, [Region]>,
}
