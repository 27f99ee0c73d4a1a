//! The lead-in of a pair: target records before its start at which a group would resume. They are out of scope, and
//! are read only to count what would be replayed. What retention takes meanwhile is no part of it.

use crate::align::{Alignment, Log, LogError, Outcome, PairAligner, Tuning};
use crate::kafka::Cluster;
use crate::positions::PairPlan;
use crate::record::{LogKind, OffsetRange, Side};

use super::again::{FirstReading, PairLog, Readers};
use super::budget::Budget;
use super::groups::{copies_from, unsolved};
use super::holes;
use super::item::rules;
use super::retained::Retained;

/// So many offsets of one side are read before the other side has its turn.
const TURN: i64 = 1 << 17;

/// So often a lead-in is read at most: where its beginning is deleted each time, it stays unknown.
const ATTEMPTS: usize = 3;

/// What lies between the lowest resume offset and the start of a pair.
pub(super) enum LeadIn {
    /// No group resumes before the start.
    None,
    /// Aligned with the source records before the start. `whole_source`: the source still has all its records.
    Known { alignment: Alignment, from: i64, whole_source: bool },
    /// Could not be read.
    Unknown { why: String, start: i64 },
}

impl LeadIn {
    /// Copies of source records before the pair's start that a reader from `resume` on meets before the start, or why
    /// that is not known.
    pub fn replayed_from(&self, resume: i64) -> Result<u64, String> {
        match self {
            Self::None => Ok(0),
            Self::Unknown { start, .. } if resume >= *start => Ok(0),
            Self::Unknown { why, .. } => Err(why.clone()),
            Self::Known { alignment, from, whole_source } => {
                let strangers = alignment.outcomes.iter().any(
                    |outcome| matches!(outcome, Outcome::Extraneous { target } if target.offset >= resume),
                );
                let [source, target] = &alignment.unsolved;
                let open = target.end().is_some_and(|end| end > resume) || (strangers && !source.is_empty());
                if let Some(why) = unsolved(alignment).filter(|_| open) {
                    return Err(why);
                }
                if strangers && !whole_source {
                    return Err(
                        "target records before the start may be copies of source records that retention \
                                or compaction has removed"
                            .to_owned(),
                    );
                }
                if resume < *from {
                    return Err(format!("the resume offset {resume} is below the first one read, {from}"));
                }
                let runs = &alignment.runs;
                let in_order = runs.matched() - runs.matched_below_target(resume);
                Ok(in_order + copies_from(&alignment.outcomes, resume))
            }
        }
    }
}

/// Reads and aligns the lead-in of a located pair.
pub(super) fn lead_in(
    pair: &PairPlan,
    readers: &mut Readers<'_>,
    clusters: [&Cluster; 2],
    seed: u64,
    budget: Budget,
) -> LeadIn {
    let (Some(from), Some(start)) = (pair.lead_in_from, pair.target_start) else { return LeadIn::None };
    while_it_moves(
        || Retained::of_pair(clusters, pair),
        |log_starts| from_what_is_left(pair, [from, start], log_starts, readers, (seed, budget)),
    )
}

/// What `read` makes of the log starts that `ask` tells, and whether it missed what they promise: where retention went on
/// meanwhile, what is left then is read once more.
fn while_it_moves<T>(mut ask: impl FnMut() -> [i64; 2], mut read: impl FnMut([i64; 2]) -> (T, bool)) -> T {
    let mut log_starts = ask();
    for _ in 1..ATTEMPTS {
        let (read, missed) = read(log_starts);
        let before = log_starts;
        if missed {
            log_starts = ask();
        }
        if log_starts == before {
            return read;
        }
    }
    read(log_starts).0
}

/// The same, of what `log_starts` (source, target) leave, and whether they no longer left it when it was read.
fn from_what_is_left(
    pair: &PairPlan,
    [resume, start]: [i64; 2],
    log_starts: [i64; 2],
    readers: &mut Readers<'_>,
    (seed, budget): (u64, Budget),
) -> (LeadIn, bool) {
    let [history_start, target_start] = log_starts;
    let from = resume.max(target_start);
    if from >= start {
        let lead_in = match target_start > pair.target_log_start {
            true => LeadIn::Unknown { why: gone(pair, [resume, start]), start },
            false => LeadIn::None,
        };
        return (lead_in, false);
    }
    let (aligned, missed) = align(pair, [from, start], history_start, readers, (seed, budget));
    let ranges = [(Side::Source, history_start, pair.source_start), (Side::Target, from, start)];
    for (side, first, end) in ranges {
        let range = OffsetRange { start: first, end };
        if let Some(hole) = readers.holes.within(side, pair.partition(side), range).first() {
            let why = holes::remark(side, pair.partition(side), hole);
            return (LeadIn::Unknown { why, start }, false);
        }
    }
    match aligned {
        Ok(alignment) => {
            let whole_source = keeps_all(history_start, pair.contract.log);
            (LeadIn::Known { alignment, from, whole_source }, false)
        }
        Err(error) => (LeadIn::Unknown { why: error.to_string(), start }, missed),
    }
}

/// For people: why what a group would have met first is not known.
fn gone(pair: &PairPlan, [resume, start]: [i64; 2]) -> String {
    format!(
        "{} of the target: retention has deleted offsets {resume} to {} since the run was planned, before they were \
         read",
        pair.target,
        start - 1
    )
}

/// Whether the source still has every record that it ever had.
fn keeps_all(source_log_start: i64, log: LogKind) -> bool {
    source_log_start == 0 && log == LogKind::Retained
}

/// The ranges to read of both sides, in turn and each of at most [`TURN`] offsets: neither side has to wait in memory for
/// all of the other.
fn in_turn(from: [i64; 2], to: [i64; 2]) -> impl Iterator<Item = (Side, OffsetRange)> {
    let longest = from.iter().zip(to).map(|(from, to)| to - from).max().unwrap_or(0);
    let starts = (0..longest.max(0)).step_by(TURN as usize);
    starts.flat_map(move |passed| {
        let part = move |side: Side| {
            let (from, to) = (from[side as usize], to[side as usize]);
            let range = OffsetRange { start: from + passed, end: to.min(from + passed + TURN) };
            (range.start < range.end).then_some((side, range))
        };
        Side::BOTH.into_iter().filter_map(part)
    })
}

/// Why no more of a lead-in can be held: nothing pauses the side that is ahead, and nothing goes to disk.
fn too_much(aligner: &PairAligner, budget: Budget) -> Option<String> {
    // A side may be ahead by one turn whatever the limit says.
    let held_max = budget.held_by_lead_in().max(TURN as usize);
    let (held, left_over) = (aligner.held(), aligner.left_over());
    let over =
        held.iter().any(|&held| held > held_max) || left_over.iter().sum::<usize>() > budget.left_over_max();
    over.then(|| {
        format!(
            "limits.memory is used up by records before the start that differ: {} source and {} target records",
            held[0] + left_over[0],
            held[1] + left_over[1]
        )
    })
}

/// The alignment, and whether a log no longer reached back to what was to be read of it.
fn align(
    pair: &PairPlan,
    [from, start]: [i64; 2],
    history_start: i64,
    readers: &mut Readers<'_>,
    (seed, budget): (u64, Budget),
) -> (Result<Alignment, LogError>, bool) {
    // A guess at where the lead-in begins on the source; whatever it misses is looked up from the log start on.
    let guess = pair.source_start - (start - from);
    let source_from = guess.max(history_start).min(pair.source_start);
    let mut aligner = PairAligner::new(rules(&pair.contract), Tuning::default(), [source_from, from]);
    let read_to = [pair.source_start, start];
    // What could not be read is asked for at the end.
    let mut log = PairLog::new(readers, pair, seed, read_to, FirstReading::default());
    let pushed = push_all(&mut aligner, &mut log, in_turn([source_from, from], read_to), budget);
    let aligned = pushed.and_then(|()| aligner.finish(history_start.min(source_from), &mut log));
    (aligned, log.gone)
}

fn push_all(
    aligner: &mut PairAligner,
    log: &mut PairLog<'_, '_>,
    parts: impl Iterator<Item = (Side, OffsetRange)>,
    budget: Budget,
) -> Result<(), LogError> {
    for (side, range) in parts {
        let mut items = Vec::new();
        log.read(side, range, &mut |item| {
            items.push(*item);
            true
        })?;
        aligner.push(side, &items);
        if let Some(why) = too_much(aligner, budget) {
            return Err(LogError(why));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
