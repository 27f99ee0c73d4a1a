//! Settles what no match was found for: duplicates, by one pass over the source; mismatches; the rest.
//! Knows no cause and no importance.

use std::collections::{HashMap, HashSet, VecDeque};
use std::num::NonZeroU64;

use super::solve::{Placed, Solution};
use super::{Extent, KeyedError, LaneLog, LaneOutcome, Passed};
use crate::align::watch::PassThrough;
use crate::align::{Item, LogError, Outcome, Rules};
use crate::record::{OffsetRange, Side};

/// Source and target index.
type IndexPairs = Vec<(usize, usize)>;

/// What is left over on both sides of a group in which order counts.
struct Contested {
    sides: [Placed; 2],
    /// Lanes of the two sides that have a record here, ascending.
    lanes: [Vec<usize>; 2],
    /// For each record and each of the other side's `lanes`: the pairs of the two lanes that are matched before it.
    before: [Vec<u32>; 2],
}

/// All that is left over, and the outcomes that are certain.
pub(super) struct LeftOver {
    /// By source lane: where records that the target has nothing for have an outcome; everywhere if empty.
    listed: Vec<OffsetRange>,
    /// Those that have none.
    passed: Passed,
    /// How many records are kept in the rest, of both sides, and may be.
    kept: usize,
    kept_max: usize,
    outcomes: Vec<LaneOutcome>,
    /// Target records of groups that have none left over on the source.
    target_only: Placed,
    contested: Vec<Contested>,
    /// Records in no order.
    multiset: [Placed; 2],
}

/// Where originals are looked for, in every source lane: what was read up to the barrier, then what lies before it, then
/// what was read behind the barrier; nothing before `history_start`.
pub(super) struct Scope {
    pub history_start: i64,
    pub start: i64,
    pub barrier: i64,
    pub end: i64,
}

impl LeftOver {
    /// `kept`: how many records have an outcome elsewhere already; `kept_max`: how many may have one altogether.
    pub fn new(listed: Vec<OffsetRange>, kept: usize, kept_max: usize) -> Self {
        Self {
            listed,
            passed: Passed::default(),
            kept,
            kept_max,
            outcomes: Vec::new(),
            target_only: Placed::default(),
            contested: Vec::new(),
            multiset: Default::default(),
        }
    }

    /// A record of a group in which order counts, and of which nothing is on the other side.
    pub fn add_alone(&mut self, side: Side, lane: usize, item: Item) {
        match side {
            Side::Target => self.target_only.push(lane, item),
            Side::Source if self.is_listed(lane, &item) => self.outcomes.push(missing(lane, item)),
            Side::Source => {
                self.passed.records += 1;
                self.passed.sum = self.passed.sum.wrapping_add(item.identity);
                return;
            }
        }
        self.kept += 1;
    }

    fn is_listed(&self, lane: usize, item: &Item) -> bool {
        self.listed.get(lane).is_none_or(|range| (range.start..range.end).contains(&item.offset))
    }

    /// Records that have no outcome.
    pub fn passed(&self) -> Passed {
        self.passed
    }

    /// Whether all that was added is not too much.
    pub fn check(&self) -> Result<(), KeyedError> {
        self.check_room(0)
    }

    /// A record to which order does not matter, and that matches none on the other side.
    pub fn add_unordered(&mut self, side: Side, lane: usize, item: Item) {
        self.multiset[side as usize].push(lane, item);
        self.kept += 1;
    }

    /// A record of a stretch with too many differences.
    pub fn add_unsolved(&mut self, side: Side, lane: usize, record: Item) {
        self.outcomes.push(LaneOutcome {
            source_lane: (side == Side::Source).then_some(lane),
            target_lane: (side == Side::Target).then_some(lane),
            outcome: Outcome::Unsolved { side, record },
        });
        self.kept += 1;
    }

    /// Whether so many more records may be kept.
    pub fn check_room(&self, records: usize) -> Result<(), KeyedError> {
        match self.kept.saturating_add(records) > self.kept_max {
            true => Err(KeyedError::LeftOver { max: self.kept_max }),
            false => Ok(()),
        }
    }

    /// What the solution of a group leaves over. `order_counts`: whether records have a place within it.
    pub fn add_group(&mut self, sides: [&Placed; 2], solution: &Solution, order_counts: bool) {
        self.add(sides, solution, order_counts, || Contested::of_group(sides, solution));
    }

    /// The same where `sides` has no record that is matched in order, and order counts. `before`: by side and index, how many
    /// records that are matched with one of a lane of the other side come before it in its lane.
    pub fn add_rest(
        &mut self,
        sides: [&Placed; 2],
        solution: &Solution,
        before: &dyn Fn(usize, usize, usize) -> usize,
    ) {
        self.add(sides, solution, true, || Contested::new(sides, &solution.left_over, before));
    }

    fn add(
        &mut self,
        sides: [&Placed; 2],
        solution: &Solution,
        order_counts: bool,
        contested: impl FnOnce() -> Contested,
    ) {
        let Solution { matched: _, reordered, unsolved, left_over } = solution;
        let at = |side: Side, at: usize| (sides[side as usize].lanes[at], sides[side as usize].items[at]);
        for &(s, t) in reordered {
            let ((source_lane, source), (target_lane, target)) = (at(Side::Source, s), at(Side::Target, t));
            self.outcomes.push(LaneOutcome {
                source_lane: Some(source_lane),
                target_lane: Some(target_lane),
                outcome: Outcome::Reordered { source, target, key_order_broken: source.key.is_some() },
            });
        }
        self.kept += reordered.len();
        for side in Side::BOTH {
            for &index in &unsolved[side as usize] {
                let (lane, record) = at(side, index);
                self.add_unsolved(side, lane, record);
            }
        }
        if order_counts && left_over.iter().all(|indices| !indices.is_empty()) {
            self.kept += left_over.iter().map(Vec::len).sum::<usize>();
            self.contested.push(contested());
            return;
        }
        for side in Side::BOTH {
            for &index in &left_over[side as usize] {
                let (lane, item) = at(side, index);
                match order_counts {
                    true => self.add_alone(side, lane, item),
                    false => self.add_unordered(side, lane, item),
                }
            }
        }
    }

    /// The outcomes of all that was added, in no particular order. `scopes`: by source lane.
    pub fn settle(
        mut self,
        rules: &Rules,
        scopes: &[Scope],
        log: &mut dyn LaneLog,
    ) -> Result<Vec<LaneOutcome>, LogError> {
        self.multiset.iter_mut().for_each(Placed::sort);
        let originals = {
            let contested = self.contested.iter().map(|group| &group.sides[1]);
            let targets: Vec<&Placed> =
                [&self.target_only, &self.multiset[1]].into_iter().chain(contested).collect();
            find_originals(&targets, rules, scopes, log)?
        };
        let Self { mut outcomes, target_only, contested, multiset, .. } = self;
        let mut originals = originals.into_iter();
        let is_late = |(lane, item): (usize, Item)| item.offset >= scopes[lane].barrier;
        let late = |source: &Placed| -> Vec<bool> { source.iter().map(is_late).collect() };
        let mut settle = |sides: [&Placed; 2], mismatched: &dyn Fn(&[bool]) -> IndexPairs| {
            let originals: Vec<Option<(usize, Item)>> = originals.by_ref().take(sides[1].len()).collect();
            let duplicate: Vec<bool> = originals.iter().map(Option::is_some).collect();
            write(sides, &originals, &mismatched(&duplicate), &mut outcomes);
        };
        settle([&Placed::default(), &target_only], &|_| Vec::new());
        let [source, target] = &multiset;
        settle([source, target], &|duplicate| {
            mismatched_in_no_order([&source.items, &target.items], duplicate, &late(source))
        });
        for group in &contested {
            let [source, target] = &group.sides;
            settle([source, target], &|duplicate| group.mismatched(duplicate, &late(source)));
        }
        Ok(outcomes)
    }
}

impl Placed {
    fn sort(&mut self) {
        let mut records: Vec<(usize, Item)> = self.iter().collect();
        records.sort_unstable_by_key(|(lane, item)| (*lane, item.offset));
        (self.lanes, self.items) = records.into_iter().unzip();
    }
}

fn missing(lane: usize, source: Item) -> LaneOutcome {
    LaneOutcome { source_lane: Some(lane), target_lane: None, outcome: Outcome::Missing { source } }
}

/// Writes the outcomes of records left over. `originals`: by target index; `mismatched`: index pairs.
fn write(
    sides: [&Placed; 2],
    originals: &[Option<(usize, Item)>],
    mismatched: &[(usize, usize)],
    outcomes: &mut Vec<LaneOutcome>,
) {
    let mut partner: HashMap<usize, usize> = HashMap::new();
    for &(s, t) in mismatched {
        partner.insert(t, s);
    }
    let used: HashSet<usize> = mismatched.iter().map(|pair| pair.0).collect();
    let alone = sides[0].iter().enumerate().filter(|(s, _)| !used.contains(s));
    outcomes.extend(alone.map(|(_, (lane, source))| missing(lane, source)));
    for (t, (target_lane, target)) in sides[1].iter().enumerate() {
        let (source_lane, outcome) = match (originals[t], partner.get(&t)) {
            (Some((lane, original)), _) => (Some(lane), Outcome::Duplicate { original, target }),
            (None, Some(&s)) => {
                (Some(sides[0].lanes[s]), Outcome::Mismatched { source: sides[0].items[s], target })
            }
            (None, None) => (None, Outcome::Extraneous { target }),
        };
        outcomes.push(LaneOutcome { source_lane, target_lane: Some(target_lane), outcome });
    }
}

/// For each record of `targets`, one after the other: the first source record, by lane and offset, that it is a copy
/// of, with its lane; in scope, or else before it, or else behind the barrier: what is judged does not hide behind what is
/// not.
fn find_originals(
    targets: &[&Placed],
    rules: &Rules,
    scopes: &[Scope],
    log: &mut dyn LaneLog,
) -> Result<Vec<Option<(usize, Item)>>, LogError> {
    let targets: Vec<&Item> = targets.iter().flat_map(|placed| &placed.items).collect();
    let mut originals = vec![None; targets.len()];
    let mut wanted: HashMap<u128, Vec<usize>, PassThrough> = HashMap::default();
    for (t, item) in targets.iter().enumerate() {
        wanted.entry(item.identity).or_default().push(t);
    }
    let range = |start: i64, end: i64| OffsetRange { start, end };
    let start = |scope: &Scope| scope.start.max(scope.history_start);
    let in_scope = scopes.iter().map(|scope| range(start(scope), scope.end.min(scope.barrier)));
    let before = scopes.iter().map(|scope| range(scope.history_start, scope.start));
    let behind = scopes.iter().map(|scope| range(start(scope).max(scope.barrier), scope.end));
    for (lane, range) in in_scope.enumerate().chain(before.enumerate()).chain(behind.enumerate()) {
        if wanted.is_empty() {
            break;
        }
        if range.start >= range.end {
            continue;
        }
        log.read(Side::Source, lane, range, Extent::Left, &mut |item| {
            if let Some(copies) = wanted.get_mut(&item.identity) {
                copies.retain(|&t| {
                    let found = rules.matches(item, targets[t]);
                    if found {
                        originals[t] = Some((lane, *item));
                    }
                    !found
                });
                if copies.is_empty() {
                    wanted.remove(&item.identity);
                }
            }
            !wanted.is_empty()
        })?;
    }
    Ok(originals)
}

impl Contested {
    fn of_group(sides: [&Placed; 2], solution: &Solution) -> Self {
        // Matched indices of two lanes, ascending.
        let mut pairs: HashMap<(usize, usize), [Vec<usize>; 2]> = HashMap::new();
        for &(s, t) in &solution.matched {
            let indices = pairs.entry((sides[0].lanes[s], sides[1].lanes[t])).or_default();
            indices[0].push(s);
            indices[1].push(t);
        }
        Self::new(sides, &solution.left_over, &|side, index, other| {
            let lane = sides[side].lanes[index];
            let key = if side == 0 { (lane, other) } else { (other, lane) };
            let pairs = pairs.get(&key).map_or(&[][..], |indices| &indices[side]);
            pairs.partition_point(|&matched| matched < index)
        })
    }

    /// `before`: by side, index in it, and lane of the other side.
    fn new(
        sides: [&Placed; 2],
        left_over: &[Vec<usize>; 2],
        before: &dyn Fn(usize, usize, usize) -> usize,
    ) -> Self {
        let own = [0, 1].map(|side: usize| sides[side].select(&left_over[side]));
        let lanes = [0, 1].map(|side: usize| -> Vec<usize> {
            own[side].by_lane().into_iter().map(|(lane, _)| lane).collect()
        });
        let before = [0, 1].map(|side: usize| {
            let mut counts = Vec::with_capacity(left_over[side].len() * lanes[1 - side].len());
            for &index in &left_over[side] {
                counts.extend(lanes[1 - side].iter().map(|&other| before(side, index, other) as u32));
            }
            counts
        });
        Self { sides: own, lanes, before }
    }

    /// Index pairs at the same place: each source record in turn, `late` ones last, with the first free target record.
    fn mismatched(&self, duplicate: &[bool], late: &[bool]) -> IndexPairs {
        let [source, target] = &self.sides;
        let mut used = duplicate.to_vec();
        let mut pairs = Vec::new();
        let [source_lanes, target_lanes] = [source.by_lane(), target.by_lane()];
        let lanes = source_lanes.iter().enumerate();
        let in_turn = turns(late).flat_map(|turn| lanes.clone().map(move |lane| (turn, lane)));
        for (turn, (n, (_, source_indices))) in in_turn {
            // By target lane and place, ascending indices.
            let mut waiting: HashMap<(usize, u32), VecDeque<usize>> = HashMap::new();
            for (m, (_, target_indices)) in target_lanes.iter().enumerate() {
                for t in target_indices.clone().filter(|&t| !used[t]) {
                    let place = self.before[1][t * self.lanes[0].len() + n];
                    waiting.entry((m, place)).or_default().push_back(t);
                }
            }
            for s in source_indices.clone().filter(|&s| late[s] == turn) {
                let first = (0..target_lanes.len()).find_map(|m| {
                    let place = self.before[0][s * self.lanes[1].len() + m];
                    waiting.get_mut(&(m, place)).and_then(VecDeque::pop_front)
                });
                if let Some(t) = first {
                    used[t] = true;
                    pairs.push((s, t));
                }
            }
        }
        pairs
    }
}

/// Those that are not late, then those that are, if any: what is judged finds its altered copy as if nothing else had been
/// read.
fn turns(late: &[bool]) -> impl Iterator<Item = bool> {
    [false, true].into_iter().filter(move |turn| late.contains(turn))
}

/// Index pairs where order does not count: same key; without a key, same timestamp, then same value. Source records that
/// are `late` have their turn when all others had it.
fn mismatched_in_no_order([source, target]: [&[Item]; 2], duplicate: &[bool], late: &[bool]) -> IndexPairs {
    #[derive(PartialEq, Eq, Hash)]
    enum Alike {
        Key(NonZeroU64),
        Timestamp(i64),
        Value(u64),
    }
    let by_key: fn(&Item) -> Option<Alike> = |item| item.key.map(Alike::Key);
    let by_timestamp: fn(&Item) -> Option<Alike> =
        |item| item.key.is_none().then_some(Alike::Timestamp(item.timestamp));
    let by_value: fn(&Item) -> Option<Alike> = |item| item.key.is_none().then_some(Alike::Value(item.value));
    let mut used = [vec![false; source.len()], duplicate.to_vec()];
    let mut pairs = Vec::new();
    let ways = [by_key, by_timestamp, by_value];
    for (turn, alike) in turns(late).flat_map(|turn| ways.map(|alike| (turn, alike))) {
        let mut waiting: HashMap<Alike, VecDeque<usize>> = HashMap::new();
        for (t, item) in target.iter().enumerate().filter(|&(t, _)| !used[1][t]) {
            if let Some(alike) = alike(item) {
                waiting.entry(alike).or_default().push_back(t);
            }
        }
        for (s, item) in source.iter().enumerate() {
            let Some(alike) = alike(item).filter(|_| late[s] == turn && !used[0][s]) else { continue };
            if let Some(t) = waiting.get_mut(&alike).and_then(VecDeque::pop_front) {
                (used[0][s], used[1][t]) = (true, true);
                pairs.push((s, t));
            }
        }
    }
    pairs
}
