//! Where a pair starts on the target, given where it starts on the source.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use super::names::{Names, near};
use super::scan::{Logs, Stop};
use super::{LocateLimits, Located, LocatedItem, LogReader, TimestampHelp, lcs};
use crate::record::Side;

/// Hits kept in memory at most.
const HITS_MAX: usize = 1 << 20;
/// Target records looked at between the last copy of an earlier source record and the image, at most.
const GAP_MAX: usize = 4096;

/// Finds the first target offset in scope for a pair that starts at `source_start`:
///
/// - where the record at the start has a copy: the lowest offset of a copy of any record from the start on;
/// - where the first records have none, or there are none yet: the offset after the last copy of a record before the
///   start, so that what stands in their place is in scope; of several unknown records there, no more than are without a
///   copy, except right after the copy of the last record before the start;
/// - where the source has lost nothing and the pair starts at its first record, or before it has any: the target's log
///   start.
///
/// `hint` is where someone says it is; it saves reading, and decides nothing.
///
/// # Errors
/// The reader's.
pub fn locate<R: LogReader>(
    reader: &mut R,
    source_start: i64,
    hint: Option<i64>,
    help: TimestampHelp,
    limits: LocateLimits,
) -> Result<Located, R::Error> {
    let mut logs = Logs::open(reader, limits)?;
    let source = logs.bounds(Side::Source);
    let start = source_start.clamp(source.start, source.end);
    if start == 0 && source.start == 0 {
        return Ok(Located::At {
            offset: logs.bounds(Side::Target).start,
            records_read: 0,
            evidence: "the range starts at the source's first record: the whole target log is in scope"
                .into(),
        });
    }
    let mut run = limits.run.max(1);
    loop {
        let may_widen = run < limits.run_max;
        let attempt = Attempt::open(&mut logs, start, run, help, hint, limits.window)
            .and_then(|attempt| attempt.solve(&mut logs, may_widen));
        match attempt {
            Ok(Some(found)) => return Ok(found.into_located(logs.records_read)),
            Ok(None) if may_widen => run = run.saturating_mul(8).min(limits.run_max),
            Ok(None) => {
                let why = format!(
                    "{run} source records on each side of offset {start} do not tell where their copies are: none \
                     is on the target, or all are repeated; if the target sets its own timestamps, say so in the \
                     topic's contract"
                );
                return Ok(Located::NotLocated { why, records_read: logs.records_read });
            }
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::TooMuch) => {
                let why = format!(
                    "after {} records no copy of the source records around offset {start} was found",
                    logs.records_read
                );
                return Ok(Located::NotLocated { why, records_read: logs.records_read });
            }
        }
    }
}

enum Found {
    At { offset: i64, evidence: String },
    AtEnd { offset: i64, caught_up: bool, evidence: String },
}

impl Found {
    fn into_located(self, records_read: u64) -> Located {
        match self {
            Self::At { offset, evidence } => Located::At { offset, records_read, evidence },
            Self::AtEnd { offset, caught_up, evidence } => {
                Located::AtEnd { offset, caught_up, records_read, evidence }
            }
        }
    }
}

/// One try with runs of one length. The identities of their records are their names from here on, and so are those of
/// what is compared with them.
struct Attempt {
    names: Names,
    /// Source records from the start on.
    ahead: Vec<LocatedItem>,
    ahead_complete: bool,
    /// Source records before the start.
    behind: Vec<LocatedItem>,
    behind_complete: bool,
    start: i64,
    help: TimestampHelp,
    hint: Option<i64>,
    window: i64,
}

/// What was seen of the two runs on the target.
struct Sight {
    /// Target records that look like one of the runs, with its name, in order, up to `first`.
    hits: Vec<(i64, u128)>,
    /// The first copy of a record that occurs only from the start on: offset and index in `ahead`.
    first: Option<(i64, usize)>,
    /// Names of the runs that occur on the source before them too, so that a copy says nothing.
    older: HashSet<u128>,
    /// Whether every place was looked at where a copy can be.
    complete: bool,
    /// Timestamps of long ago were left out of account: with them, copies may lie from here on.
    with_long_ago: Option<i64>,
}

/// What the order of repeated records says.
struct Order {
    /// The first copy from the start on: offset and index in `ahead`.
    image: Option<(i64, usize)>,
    /// Whether the last record before the start has a copy.
    last_copied: bool,
}

impl Attempt {
    fn open<R: LogReader>(
        logs: &mut Logs<'_, R>,
        start: i64,
        run: usize,
        help: TimestampHelp,
        hint: Option<i64>,
        window: i64,
    ) -> Result<Self, Stop<R::Error>> {
        let (mut ahead, ahead_complete) = logs.after(Side::Source, start, run)?;
        let (mut behind, behind_complete) = logs.before(Side::Source, start, run)?;
        let names = Names::of(behind.iter().chain(&ahead), help);
        for item in behind.iter_mut().chain(&mut ahead) {
            // Each is as near to itself as a copy.
            item.identity = names.of_copy(item).unwrap_or(item.identity);
        }
        Ok(Self { names, ahead, ahead_complete, behind, behind_complete, start, help, hint, window })
    }

    fn solve<R: LogReader>(
        self,
        logs: &mut Logs<'_, R>,
        may_widen: bool,
    ) -> Result<Option<Found>, Stop<R::Error>> {
        let Some(sight) = self.look_by_timestamp(logs)? else {
            let sight = self.look_around(logs)?;
            return self.conclude(logs, &sight, may_widen);
        };
        let found = self.conclude(logs, &sight, may_widen)?;
        match sight.with_long_ago {
            Some(from) if found.is_some() && self.may_begin_late(&sight) => {
                let end = logs.bounds(Side::Target).end;
                let mut sight = Sight { hits: Vec::new(), first: None, ..sight };
                self.look(logs, (from, end), &mut sight)?;
                self.conclude(logs, &sight, may_widen)
            }
            _ => Ok(found),
        }
    }

    /// Whether the copies of the first records from the start on may lie before what was looked at: neither the very
    /// first one's was met, nor one of a record before the start.
    fn may_begin_late(&self, sight: &Sight) -> bool {
        let behind: HashSet<u128> = self.behind.iter().map(|item| item.identity).collect();
        !self.ahead.is_empty()
            && sight.first.is_none_or(|(_, index)| index > 0)
            && !sight.hits.iter().any(|hit| behind.contains(&hit.1))
    }

    /// A copy's timestamp is known, so no copy is below what the look-up says.
    fn look_by_timestamp<R: LogReader>(
        &self,
        logs: &mut Logs<'_, R>,
    ) -> Result<Option<Sight>, Stop<R::Error>> {
        let both = || self.behind.iter().chain(&self.ahead);
        // A repeat within twice the slack can have the same copies.
        let help = match self.help {
            TimestampHelp::Within(slack) => TimestampHelp::Within(slack.saturating_mul(2)),
            TimestampHelp::None => TimestampHelp::None,
        };
        let Some(source_from) = logs.lower_bound(Side::Source, help, both())? else { return Ok(None) };
        let Some(target) = logs.lower_bounds(Side::Target, self.help, both())? else { return Ok(None) };
        let older = self.older(logs, source_from)?;
        let end = logs.bounds(Side::Target).end;
        let with_long_ago = (target.exact < target.usual).then_some(target.exact);
        let mut sight = Sight { hits: Vec::new(), first: None, older, complete: true, with_long_ago };
        self.look(logs, (target.usual, end), &mut sight)?;
        Ok(Some(sight))
    }

    /// Without timestamps: a window around the hint, and the end of the log, widening until a run agrees.
    fn look_around<R: LogReader>(&self, logs: &mut Logs<'_, R>) -> Result<Sight, Stop<R::Error>> {
        let (source, target) = (logs.bounds(Side::Source), logs.bounds(Side::Target));
        let guess = target.start.saturating_add(self.start - source.start);
        let center = self.hint.unwrap_or(guess).clamp(target.start, target.end);
        let mut radius = self.window.max(1);
        loop {
            let source_from = self.start.saturating_sub(radius.saturating_mul(4)).max(source.start);
            let older = self.older(logs, source_from)?;
            let from = center.saturating_sub(radius).max(target.start);
            let to = center.saturating_add(radius).min(target.end);
            let all = from == target.start && to == target.end && source_from == source.start;
            let mut sight =
                Sight { hits: Vec::new(), first: None, older, complete: all, with_long_ago: None };
            self.look(logs, (from, to), &mut sight)?;
            if all {
                return Ok(sight);
            }
            if sight.first.is_some_and(|(_, index)| self.ahead.len() - index < 8) && !self.ahead_complete {
                // A longer run is needed, not a wider window.
                return Ok(Sight { first: None, ..sight });
            }
            if sight.first.is_none() {
                // Perhaps nothing from the start on is copied yet: then the end of the log tells.
                let tail = target.end.saturating_sub(radius).max(to);
                self.look(logs, (tail, target.end), &mut sight)?;
                if sight.first.is_none() && self.ends_in_a_run(&sight) && self.is_clear(&sight) {
                    return Ok(Sight { complete: true, ..sight });
                }
            } else if self.is_convincing(logs, &sight, from)? && self.is_clear(&sight) {
                return Ok(sight);
            }
            radius = radius.saturating_mul(4);
        }
    }

    /// Whether repeated records, if they matter, can be told apart.
    fn is_clear(&self, sight: &Sight) -> bool {
        !self.needs_order(sight) || self.anchor(sight).is_some()
    }

    /// Whether identities alone do not decide: a repeated record may be a copy from the start on, or the last
    /// record before the start repeats and nothing after it is there.
    fn needs_order(&self, sight: &Sight) -> bool {
        let hit: HashSet<u128> = sight.hits.iter().map(|hit| hit.1).collect();
        let repeats = |item: &LocatedItem| {
            let both = self.behind.iter().chain(&self.ahead);
            sight.older.contains(&item.identity)
                || both.filter(|other| other.identity == item.identity).take(2).count() == 2
        };
        self.ahead.iter().any(|item| hit.contains(&item.identity))
            || (sight.first.is_none() && self.behind.last().is_some_and(repeats))
    }

    /// Whether enough records after the first copy agree with the run, so that it is no chance repeat, and
    /// whether enough was seen before it, so that no copy is left of what was looked at.
    fn is_convincing<R: LogReader>(
        &self,
        logs: &mut Logs<'_, R>,
        sight: &Sight,
        from: i64,
    ) -> Result<bool, Stop<R::Error>> {
        let Some((offset, index)) = sight.first else { return Ok(false) };
        let behind: HashSet<u128> = self.behind.iter().map(|item| item.identity).collect();
        let preceded = sight.hits.iter().any(|hit| behind.contains(&hit.1));
        if !preceded && from > logs.bounds(Side::Target).start {
            return Ok(false);
        }
        let ahead: HashSet<u128> = self.ahead[index..].iter().map(|item| item.identity).collect();
        let (around, _) = logs.after(Side::Target, offset, 32)?;
        let around = around.iter().filter_map(|item| self.names.of_copy(item));
        let agreeing = around.filter(|name| ahead.contains(name)).count();
        Ok(agreeing >= (self.ahead.len() - index).min(8))
    }

    /// Whether the last hits are consecutive records before the start: the copy has come that far, in order.
    fn ends_in_a_run(&self, sight: &Sight) -> bool {
        let Some(&(_, identity)) = sight.hits.last() else { return false };
        let Some(index) = self.behind.iter().rposition(|item| item.identity == identity) else {
            return false;
        };
        let wanted = (index + 1).min(8);
        let Some(from) = sight.hits.len().checked_sub(wanted) else { return false };
        let run = &self.behind[index + 1 - wanted..=index];
        (wanted == 8 || self.behind_complete)
            && sight.hits[from..].iter().map(|hit| hit.1).eq(run.iter().map(|item| item.identity))
    }

    /// Names of the two runs that also occur on the source before them.
    fn older<R: LogReader>(
        &self,
        logs: &mut Logs<'_, R>,
        source_from: i64,
    ) -> Result<HashSet<u128>, Stop<R::Error>> {
        let runs: HashSet<u128> = self.behind.iter().chain(&self.ahead).map(|item| item.identity).collect();
        let to = self.behind.first().map_or(self.start, |item| item.offset);
        let mut out = HashSet::new();
        logs.visit(Side::Source, source_from, to, |item| {
            out.extend(self.names.sharing(item).filter(|name| runs.contains(name)));
            ControlFlow::Continue(())
        })?;
        Ok(out)
    }

    /// Notes hits in a part of the target until the first copy that is conclusive.
    fn look<R: LogReader>(
        &self,
        logs: &mut Logs<'_, R>,
        (from, to): (i64, i64),
        sight: &mut Sight,
    ) -> Result<(), Stop<R::Error>> {
        let mut ahead: HashMap<u128, usize> = HashMap::new();
        for (index, item) in self.ahead.iter().enumerate() {
            ahead.entry(item.identity).or_insert(index);
        }
        let behind: HashSet<u128> = self.behind.iter().map(|item| item.identity).collect();
        let mut overflow = false;
        logs.visit(Side::Target, from, to, |item| {
            let Some(name) = self.names.of_copy(item) else { return ControlFlow::Continue(()) };
            if let Some(index) = ahead.get(&name)
                && !behind.contains(&name)
                && !sight.older.contains(&name)
            {
                sight.first = Some((item.offset, *index));
                return ControlFlow::Break(());
            }
            if behind.contains(&name) || ahead.contains_key(&name) {
                sight.hits.push((item.offset, name));
                overflow = sight.hits.len() > HITS_MAX;
            }
            if overflow { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if overflow { Err(Stop::TooMuch) } else { Ok(()) }
    }

    fn conclude<R: LogReader>(
        &self,
        logs: &mut Logs<'_, R>,
        sight: &Sight,
        may_widen: bool,
    ) -> Result<Option<Found>, Stop<R::Error>> {
        if sight.first.is_none() && !self.ahead_complete {
            return Ok(None);
        }
        // Repeated records before the conclusive one: which of them are from the start on?
        let hit: HashSet<u128> = sight.hits.iter().map(|hit| hit.1).collect();
        let order = match self.needs_order(sight) {
            true => match self.by_order(logs, sight)? {
                Some(order) => Some(order),
                None => return Ok(None),
            },
            false => None,
        };
        let image = order.as_ref().and_then(|order| order.image).into_iter().chain(sight.first).min();
        let copied_behind = self.behind.iter().rposition(|item| hit.contains(&item.identity));
        let without_copy = image.map_or(self.ahead.len(), |(_, index)| index);
        let ahead_is_short = without_copy * 2 >= self.ahead.len() && without_copy > 0 && !self.ahead_complete;
        let behind_is_short = without_copy > 0 && copied_behind.is_none() && !self.behind_complete;
        if may_widen && (ahead_is_short || behind_is_short) {
            return Ok(None);
        }
        if image.is_none() && copied_behind.is_none() && !self.behind_complete {
            return Ok(None);
        }
        let nothing_known = image.is_none() && copied_behind.is_none() && !self.behind.is_empty();
        let target = logs.bounds(Side::Target);
        if nothing_known && target.start < target.end {
            return Ok(None);
        }
        let (offset, again) = self.with_gap(logs, sight, image)?;
        Ok(Some(match image {
            Some((at, 0)) => Found::At {
                offset,
                evidence: format!(
                    "the record at source offset {} has its first copy at {at}",
                    self.ahead[0].offset
                ),
            },
            Some((at, index)) => Found::At {
                offset,
                evidence: format!(
                    "the first {index} source records from offset {} on have no copy before {at}, where the next one has",
                    self.start
                ),
            },
            None => {
                let last_copied = match order {
                    Some(order) => order.last_copied,
                    None => copied_behind.is_none_or(|index| index + 1 == self.behind.len()),
                };
                let caught_up = last_copied && !nothing_known && !again && sight.complete;
                let evidence = match (self.behind.is_empty(), caught_up) {
                    (true, _) => format!("the source has no record before offset {} to go by", self.start),
                    (false, true) => format!(
                        "the last source record before offset {} is on the target, none from there on",
                        self.start
                    ),
                    (false, false) => {
                        format!(
                            "the target does not hold all source records before offset {} yet",
                            self.start
                        )
                    }
                };
                Found::AtEnd { offset, caught_up, evidence }
            }
        }))
    }

    /// Decides among repeated records by their order between records that are not repeated. `None`: cannot be
    /// told with these runs.
    fn by_order<R: LogReader>(
        &self,
        logs: &mut Logs<'_, R>,
        sight: &Sight,
    ) -> Result<Option<Order>, Stop<R::Error>> {
        let (behind_from, hits_from) = match self.anchor(sight) {
            Some(found) => found,
            None if self.behind_complete => (0, 0),
            None => return Ok(None),
        };
        let behind = &self.behind[behind_from..];
        let source: Vec<u128> = behind.iter().chain(&self.ahead).map(|item| item.identity).collect();
        let mut hits = sight.hits[hits_from..].to_vec();
        if let Some((first, _)) = sight.first {
            let (context, _) = logs.after(Side::Target, first, self.ahead.len().saturating_mul(2))?;
            let known: HashSet<u128> = source.iter().copied().collect();
            let named = context.iter().filter_map(|item| Some((item.offset, self.names.of_copy(item)?)));
            hits.extend(named.filter(|(_, name)| known.contains(name)));
        }
        let target: Vec<u128> = hits.iter().map(|hit| hit.1).collect();
        let Some(pairs) = lcs::leftmost(&source, &target) else { return Ok(None) };
        let image = pairs.iter().find(|pair| pair.0 >= behind.len());
        Ok(Some(Order {
            image: image.map(|&(a, b)| (hits[b].0, a - behind.len())),
            last_copied: behind.is_empty() || pairs.iter().any(|pair| pair.0 + 1 == behind.len()),
        }))
    }

    /// The last record before the start that does not repeat and has a copy: what follows it in `behind` and in
    /// the hits.
    fn anchor(&self, sight: &Sight) -> Option<(usize, usize)> {
        let mut count: HashMap<u128, usize> = HashMap::new();
        for item in self.behind.iter().chain(&self.ahead) {
            *count.entry(item.identity).or_default() += 1;
        }
        self.behind.iter().enumerate().rev().find_map(|(index, item)| {
            let unique = count[&item.identity] == 1 && !sight.older.contains(&item.identity);
            let at = unique.then(|| sight.hits.iter().position(|hit| hit.1 == item.identity)).flatten()?;
            Some((index + 1, at + 1))
        })
    }

    /// Takes what stands in the place of leading records without a copy into scope. Also says whether copies of
    /// records further back than the run stand last before the image: then a stretch is being copied again.
    fn with_gap<R: LogReader>(
        &self,
        logs: &mut Logs<'_, R>,
        sight: &Sight,
        image: Option<(i64, usize)>,
    ) -> Result<(i64, bool), Stop<R::Error>> {
        let (at, without_copy) = image.unwrap_or((logs.bounds(Side::Target).end, self.ahead.len()));
        let behind: HashMap<u128, usize> =
            self.behind.iter().enumerate().map(|(index, item)| (item.identity, index)).collect();
        let last = sight.hits.iter().rev().find(|hit| hit.0 < at && behind.contains_key(&hit.1));
        let Some(&(last_at, identity)) = last else { return Ok((at, false)) };
        if image.is_some() && without_copy == 0 {
            return Ok((at, false));
        }
        let mut gap = Vec::new();
        logs.visit(Side::Target, last_at + 1, at, |item| {
            gap.push(*item);
            if gap.len() > GAP_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let last_older = self.last_copy_of_older(logs, &gap)?;
        let follows = last_older.is_none() && behind[&identity] + 1 == self.behind.len();
        if gap.len() > GAP_MAX {
            return Ok((if follows && image.is_none() { gap[0].offset } else { at }, last_older.is_some()));
        }
        let unknown = &gap[last_older.map_or(0, |index| index + 1)..];
        // Where the source shows nothing from the start on yet, it may soon: what follows belongs there.
        let taken = match follows {
            true => unknown.len(),
            false => unknown.len().min(without_copy),
        };
        Ok((unknown.get(unknown.len() - taken).map_or(at, |item| item.offset), last_older.is_some()))
    }

    /// The last of these target records that is a copy of a source record further back than the run.
    fn last_copy_of_older<R: LogReader>(
        &self,
        logs: &mut Logs<'_, R>,
        gap: &[LocatedItem],
    ) -> Result<Option<usize>, Stop<R::Error>> {
        let to = self.behind.first().map_or(self.start, |item| item.offset);
        if gap.is_empty() || to <= logs.bounds(Side::Source).start {
            return Ok(None);
        }
        let from = match logs.lower_bound(Side::Source, self.help, gap.iter())? {
            Some(from) => from,
            None => to.saturating_sub(self.window.saturating_mul(4)),
        };
        let mut wanted: HashMap<u128, Vec<(i64, usize)>> = HashMap::new();
        for (index, item) in gap.iter().enumerate() {
            wanted.entry(item.identity).or_default().push((item.timestamp, index));
        }
        wanted.values_mut().for_each(|equal| equal.sort_unstable());
        let mut last: Option<usize> = None;
        logs.visit(Side::Source, from, to, |item| {
            if let Some(equal) = wanted.get_mut(&item.identity) {
                let (first_time, last_time) = near(self.help, 1, item.timestamp).into_inner();
                let begin = equal.partition_point(|other| other.0 < first_time);
                let end = equal.partition_point(|other| other.0 <= last_time);
                // One original is enough.
                last = equal.drain(begin..end).map(|other| other.1).chain(last).max();
            }
            ControlFlow::Continue(())
        })?;
        Ok(last)
    }
}
