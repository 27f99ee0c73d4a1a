//! Which of alignment's outcomes are findings, which are pending or unverifiable, and which lie beyond the cut.

use crate::align::{Alignment, Item, Outcome, Runs};
use crate::record::{FindingKind, OffsetRange, Side};

use super::holes::HiddenGaps;

/// How a pair was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairReading {
    /// `orders-0 -> src.orders-0`, for messages.
    pub name: String,
    /// First offset in scope: source, target.
    pub start: [i64; 2],
    /// The source's end at the barrier: what lies at or after it is read only to explain the target's tail.
    pub source_end: i64,
    /// The target's end when reading began, after the source's was asked for.
    pub target_end: i64,
    /// One past the last offset read: source, target.
    pub read_to: [i64; 2],
    /// Whether the side was read to its planned end.
    pub complete: [bool; 2],
    /// Offsets below `read_to`, or right behind it, that hold records nobody could read: source, target.
    pub holes: [Vec<OffsetRange>; 2],
    /// By how much the timestamps of a record and its copy may differ, in milliseconds; `None` where nothing is promised.
    pub timestamps_within: Option<u64>,
}

impl PairReading {
    /// Whether the source was read beyond the barrier.
    fn live(&self) -> bool {
        self.read_to[0] > self.source_end
    }

    /// Up to where a target record that copies nothing is a stranger: the source was read beyond all that the target held
    /// when reading began. `None` where it was not, or where offsets behind the barrier could not be read (those of open
    /// transactions among them): their copies may be there.
    fn known_to(&self) -> Option<i64> {
        let all_read = self.complete[0] && self.holes[0].iter().all(|hole| hole.end <= self.source_end);
        all_read.then(|| self.target_end.min(self.read_to[1]))
    }
}

/// What an outcome counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A finding of this kind.
    Finding(FindingKind),
    /// A source record that the target has not reached.
    Pending,
    /// Cannot be judged.
    Unverifiable,
    /// Under a compacted contract: explained by compaction.
    Compacted,
    /// Under a compacted contract: compacted or lost, which cannot be told.
    CompactedOrDropped,
    /// After the cut: not judged and not counted.
    Beyond,
}

/// One pair, classified.
#[derive(Debug)]
pub struct Classified {
    /// How the pair was read.
    pub reading: PairReading,
    /// The matched runs and what is not matched.
    pub alignment: Alignment,
    /// Parallel to `alignment.outcomes`.
    pub standings: Vec<Standing>,
    /// First offset out of scope: source, target.
    pub cut: [i64; 2],
}

impl Classified {
    /// Takes records out of the counted tail again: each is [`Outcome::Missing`] then, with the standing that it had.
    /// `items`: some of `alignment.tail`, ascending.
    pub fn take_from_tail(&mut self, items: &[Item]) {
        self.alignment.tail = self.alignment.tail.without(items);
        let source_end = self.reading.source_end;
        let in_scope = tail_standing(&self.reading, &self.alignment.runs);
        let standing = |item: &Item| if item.offset >= source_end { Standing::Beyond } else { in_scope };
        let Alignment { runs, outcomes, .. } = &mut self.alignment;
        let standings = &mut self.standings;
        // Room behind the outcomes, into which they move from the last one on as far as they lie after the items. All
        // items lie after the last matched record; after them come only the target's own records of the last gap.
        let (mut from, mut to) = (outcomes.len(), outcomes.len() + items.len());
        outcomes.extend(items.iter().map(|item| Outcome::Missing { source: *item }));
        standings.extend(items.iter().map(standing));
        for item in items.iter().rev() {
            let after = |outcome: &Outcome| match outcome {
                Outcome::Duplicate { .. } | Outcome::Extraneous { .. } => {
                    let target = outcome.target().map_or(0, |target| target.offset);
                    runs.matched_below_target(target) == runs.matched()
                }
                _ => outcome.source().is_some_and(|source| source.offset > item.offset),
            };
            while from > 0 && after(&outcomes[from - 1]) {
                (from, to) = (from - 1, to - 1);
                outcomes.swap(from, to);
                standings.swap(from, to);
            }
            to -= 1;
            outcomes[to] = Outcome::Missing { source: *item };
            standings[to] = standing(item);
        }
    }
}

/// What the source records of the scope after the last matched one count as.
pub fn tail_standing(reading: &PairReading, runs: &Runs) -> Standing {
    // What the target holds there may be their copies.
    let hidden = reading.holes[1].iter().any(|hole| runs.matched_below_target(hole.start) == runs.matched());
    if reading.complete[1] && !hidden { Standing::Pending } else { Standing::Unverifiable }
}

/// Says of each outcome of one pair what it counts as.
pub fn classify(reading: PairReading, mut alignment: Alignment) -> Classified {
    take_apart(&reading, &mut alignment);
    let runs = &alignment.runs;
    let total = runs.matched();
    let live = reading.live();
    // Behind what became of the scope the flow goes on. What copies nothing is a stranger there, too, as far as that is
    // known.
    let (behind_last, target_cut) = match live {
        true => {
            let last = last_counterpart(&reading, &alignment);
            let behind_last = last.map_or(reading.start[1], |last| last + 1);
            (behind_last, reading.known_to().map_or(behind_last, |known| known.max(behind_last)))
        }
        false => (reading.read_to[1], reading.read_to[1]),
    };
    let nothing_after = |rank: u64| rank == total;
    let mut standings: Vec<Standing> = alignment
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            // A pair's are only counted, never listed.
            Outcome::Unsolved { .. } => Standing::Unverifiable,
            Outcome::Missing { source } => {
                let rank = runs.matched_below_source(source.offset);
                if source.offset >= reading.source_end {
                    Standing::Beyond
                } else if !nothing_after(rank) {
                    Standing::Finding(FindingKind::MissingRecord)
                } else {
                    tail_standing(&reading, runs)
                }
            }
            Outcome::Reordered { source, .. } | Outcome::Mismatched { source, .. }
                if source.offset >= reading.source_end =>
            {
                Standing::Beyond
            }
            Outcome::Reordered { .. } => Standing::Finding(FindingKind::ReorderedRecord),
            Outcome::Mismatched { .. } => Standing::Finding(FindingKind::MismatchedRecord),
            Outcome::Duplicate { target, .. } | Outcome::Extraneous { target } => {
                let rank = runs.matched_below_target(target.offset);
                let copies_none = matches!(outcome, Outcome::Extraneous { .. });
                let end = if copies_none { target_cut } else { behind_last };
                if live && target.offset >= end {
                    Standing::Beyond
                } else if nothing_after(rank) && !reading.complete[0] {
                    Standing::Unverifiable
                } else if copies_none {
                    Standing::Finding(FindingKind::ExtraneousRecord)
                } else {
                    Standing::Finding(FindingKind::DuplicateRecord)
                }
            }
        })
        .collect();
    HiddenGaps::of(&reading, &alignment).withhold(&alignment.outcomes, &mut standings);

    let cut = [reading.source_end.min(reading.read_to[0]), target_cut];
    Classified { reading, alignment, standings, cut }
}

/// Takes apart a source record from behind the barrier and a target record that stands in its place, but is no copy of it
/// by its timestamp: the one is not there yet, the other may be a stranger. Only where a stranger would be told. Keeps the
/// order of the outcomes.
fn take_apart(reading: &PairReading, alignment: &mut Alignment) {
    let (Some(known), Some(within)) = (reading.known_to(), reading.timestamps_within) else { return };
    let Alignment { runs, outcomes, .. } = alignment;
    let mut alone = Vec::new();
    for outcome in outcomes.iter_mut() {
        let Outcome::Mismatched { source, target } = *outcome else { continue };
        let behind = source.offset >= reading.source_end && target.offset < known;
        if behind && source.timestamp.abs_diff(target.timestamp) > within {
            alone.push(Outcome::Extraneous { target });
            *outcome = Outcome::Missing { source };
        }
    }
    if alone.is_empty() {
        return;
    }
    outcomes.append(&mut alone);
    outcomes.sort_by_cached_key(|outcome| place(runs, outcome));
}

/// What a pair's outcomes are sorted by: in each gap between matched records, the target's own stand at the end.
pub(super) fn place(runs: &Runs, outcome: &Outcome) -> (u64, Side, i64) {
    match outcome {
        Outcome::Missing { source }
        | Outcome::Reordered { source, .. }
        | Outcome::Mismatched { source, .. } => {
            (runs.matched_below_source(source.offset), Side::Source, source.offset)
        }
        Outcome::Extraneous { target } | Outcome::Duplicate { target, .. } => {
            (runs.matched_below_target(target.offset), Side::Target, target.offset)
        }
        // A pair's are only counted, never listed.
        Outcome::Unsolved { side, record } => (u64::MAX, *side, record.offset),
    }
}

/// The last target offset that holds what a source record of the scope became: its copy, a record that differs from it
/// (where schema ids are remapped, every one does), or one copy more.
fn last_counterpart(reading: &PairReading, alignment: &Alignment) -> Option<i64> {
    let Alignment { runs, outcomes, .. } = alignment;
    let matched = runs.matched_below_source(reading.source_end).checked_sub(1);
    let copy = matched.and_then(|last| runs.pair(last)).map(|(_, target)| target);
    let of_scope = outcomes
        .iter()
        .filter(|outcome| outcome.source().is_some_and(|source| source.offset < reading.source_end));
    copy.into_iter().chain(of_scope.filter_map(Outcome::target).map(|target| target.offset)).max()
}
