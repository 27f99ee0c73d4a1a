//! Equal records of one key in several lanes can stand for one another: is there a choice among them that leaves nothing of
//! the key out of order? Looks at keys of which something was found out of order, or a copy is wanted by two records;
//! matches nothing itself.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;

use super::solve::{Placed, is_late};
use super::{Extent, LaneLog, LaneOutcome, LanePair};
use crate::align::{Item, LogError, Outcome, Rules};
use crate::record::{OffsetRange, Side};

/// Of a key with more records than this on a side, it is not decided.
const RECORDS_OF_KEY_MAX: usize = 1 << 14;
/// With more records than this together, of none.
const RECORDS_MAX: usize = 1 << 18;
/// So many choices are looked at for a key.
const CHOICES_MAX: usize = 1 << 16;

/// A key, and two records of it without which there is nothing to choose: equal ones that were found out of order, or a
/// copy and one of those that want it.
pub(super) type Suspect = (NonZeroU64, LanePair);

/// What is known of the order of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyOrder {
    /// Another choice among equal records puts all in order.
    Kept,
    /// There may be such a choice, but there are too many records or choices to tell.
    Undecided,
}

/// The records of a key.
#[derive(Default)]
struct Records {
    sides: [Placed; 2],
    /// By side: the lane of the first one, and whether there are others in another lane.
    lane: [Option<usize>; 2],
    several: [bool; 2],
    /// Where they are too many: they are not kept.
    too_many: bool,
}

impl Records {
    fn add(&mut self, side: Side, lane: usize, item: &Item) {
        let at = side as usize;
        self.several[at] |= *self.lane[at].get_or_insert(lane) != lane;
        if !self.too_many {
            self.sides[at].push(lane, *item);
        }
        if self.sides[at].len() > RECORDS_OF_KEY_MAX {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        self.sides = Default::default();
        self.too_many = true;
    }

    fn kept(&self) -> usize {
        self.sides.iter().map(Placed::len).sum()
    }

    /// Whether equal records of a side are in more than one lane, as far as that is known.
    fn leave_a_choice(&self, side: Side) -> bool {
        match self.too_many {
            true => self.several[side as usize],
            false => in_several_lanes(&self.sides[side as usize]),
        }
    }
}

/// The keys among `suspects` of which a choice among equal records puts all in order, or may do so; of the others none does.
/// `scope`: by side and lane; `barrier`: by source lane, what lies behind it need not be on the target yet. Where each side
/// is one lane there is no choice.
pub(super) fn orders(
    suspects: &[Suspect],
    rules: &Rules,
    scope: &[Vec<Option<OffsetRange>>; 2],
    barrier: &[i64],
    log: &mut dyn LaneLog,
) -> Result<HashMap<NonZeroU64, KeyOrder>, LogError> {
    let several = [0, 1].map(|side: usize| scope[side].len() > 1);
    if several == [false, false] {
        return Ok(HashMap::new());
    }
    let mut keys: HashMap<NonZeroU64, Records> =
        suspects.iter().map(|(key, _)| (*key, Records::default())).collect();
    for side in Side::BOTH {
        collect(&mut keys, side, &scope[side as usize], log)?;
        if side == Side::Source && !several[1] {
            keys.retain(|_, records| records.leave_a_choice(side));
        }
    }
    // What compaction has removed meanwhile cannot be put in order.
    for (key, pair) in suspects {
        let still_there = |Records { sides: [source, target], too_many, .. }: &Records| {
            *too_many || source.holds(pair.source) && target.holds(pair.target)
        };
        if !keys.get(key).is_none_or(still_there) {
            keys.remove(key);
        }
    }
    keys.retain(|_, records| Side::BOTH.iter().any(|&side| records.leave_a_choice(side)));
    let known = |records: &Records| match records.too_many {
        true => Some(KeyOrder::Undecided),
        false => order(&records.sides, rules, barrier),
    };
    Ok(keys.iter().filter_map(|(key, records)| Some((*key, known(records)?))).collect())
}

/// The two records of an outcome, each for itself and neither solved.
pub(super) fn undecided(entry: &LaneOutcome) -> impl Iterator<Item = LaneOutcome> {
    let records = [entry.outcome.source(), entry.outcome.target()];
    Side::BOTH.into_iter().zip(records).filter_map(move |(side, record)| {
        Some(LaneOutcome {
            source_lane: entry.source_lane.filter(|_| side == Side::Source),
            target_lane: entry.target_lane.filter(|_| side == Side::Target),
            outcome: Outcome::Unsolved { side, record: *record? },
        })
    })
}

/// The key of two equal records that were found out of order, and where they are.
pub(super) fn out_of_order(entry: &LaneOutcome) -> Option<Suspect> {
    let Outcome::Reordered { source, target, .. } = &entry.outcome else { return None };
    let pair =
        LanePair { source: (entry.source_lane?, source.offset), target: (entry.target_lane?, target.offset) };
    Some((source.key?, pair))
}

/// Reads the records of `keys`.
fn collect(
    keys: &mut HashMap<NonZeroU64, Records>,
    side: Side,
    scope: &[Option<OffsetRange>],
    log: &mut dyn LaneLog,
) -> Result<(), LogError> {
    let mut kept: usize = keys.values().map(Records::kept).sum();
    for (lane, range) in scope.iter().enumerate() {
        let Some(range) = range.filter(|_| !keys.is_empty()) else { continue };
        log.read(side, lane, range, Extent::All, &mut |item| {
            let Some(records) = item.key.and_then(|key| keys.get_mut(&key)) else { return true };
            kept -= records.kept();
            records.add(side, lane, item);
            kept += records.kept();
            if kept > RECORDS_MAX {
                keys.values_mut().for_each(Records::give_up);
                kept = 0;
            }
            true
        })?;
    }
    Ok(())
}

/// Whether equal records are in more than one lane.
fn in_several_lanes(side: &Placed) -> bool {
    let mut lane_of: HashMap<u128, usize> = HashMap::new();
    side.iter().any(|(lane, item)| *lane_of.entry(item.identity).or_insert(lane) != lane)
}

/// Whether all that both sides hold can be taken from the fronts of their lanes, two equal records at a time; `None` where
/// it cannot, and where one side has fewer of some records than the other.
fn order(sides: &[Placed; 2], rules: &Rules, barrier: &[i64]) -> Option<KeyOrder> {
    let Common { lanes: [source, target], one_of_several } = &in_common(sides, barrier)?;
    let mut seen: HashSet<Vec<u32>> = HashSet::new();
    let mut to_look_at = vec![vec![0_u32; source.len() + target.len()]];
    while let Some(taken) = to_look_at.pop() {
        let (of_source, of_target) = taken.split_at(source.len());
        let front =
            |lanes: &[Vec<Item>], taken: &[u32], at: usize| lanes[at].get(taken[at] as usize).copied();
        let mut left = false;
        for s in 0..source.len() {
            let Some(first) = front(source, of_source, s) else { continue };
            left = true;
            for t in 0..target.len() {
                if front(target, of_target, t).is_some_and(|item| rules.matches(&first, &item)) {
                    let mut next = taken.clone();
                    next[s] += 1;
                    next[source.len() + t] += 1;
                    if seen.insert(next.clone()) {
                        to_look_at.push(next);
                    }
                }
            }
        }
        if !left {
            return Some(KeyOrder::Kept);
        }
        if seen.len() > CHOICES_MAX {
            return Some(KeyOrder::Undecided);
        }
    }
    // The late records that were left out may be the wrong ones.
    one_of_several.then_some(KeyOrder::Undecided)
}

/// What both sides of a key have.
struct Common {
    /// By side and lane.
    lanes: [Vec<Vec<Item>>; 2],
    /// Whether late records were left out although equal late ones of another lane could have been.
    one_of_several: bool,
}

/// The late ones among equal source records.
#[derive(Default)]
struct Late {
    records: u32,
    /// The lane of the first one, and whether there are others in another lane.
    lane: Option<usize>,
    several: bool,
}

/// The records that both sides have; `None` where one has more of some than the other. Of the source, what the target
/// does not have yet is left out: the last ones of those behind the barrier.
fn in_common(sides: &[Placed; 2], barrier: &[i64]) -> Option<Common> {
    let mut counts: HashMap<u128, [u32; 2]> = HashMap::new();
    for (side, placed) in sides.iter().enumerate() {
        placed.items.iter().for_each(|item| counts.entry(item.identity).or_default()[side] += 1);
    }
    let mut late: HashMap<u128, Late> = HashMap::new();
    for (lane, item) in sides[0].iter().filter(|(lane, item)| is_late(barrier, *lane, item)) {
        let late = late.entry(item.identity).or_default();
        late.records += 1;
        late.several |= *late.lane.get_or_insert(lane) != lane;
    }
    // By identity: how many are yet to be left out.
    let mut surplus: HashMap<u128, u32> = HashMap::new();
    let mut one_of_several = false;
    for (&identity, &[source, target]) in &counts {
        if source == target || source.min(target) == 0 {
            continue;
        }
        let more = source.checked_sub(target)?;
        let late = late.get(&identity).filter(|late| late.records >= more)?;
        one_of_several |= late.several && late.records > more;
        surplus.insert(identity, more);
    }
    let mut left_out = [vec![false; sides[0].len()], vec![false; sides[1].len()]];
    for at in (0..sides[0].len()).rev() {
        let (lane, item) = (sides[0].lanes[at], &sides[0].items[at]);
        if is_late(barrier, lane, item)
            && let Some(more) = surplus.get_mut(&item.identity)
            && *more > 0
        {
            *more -= 1;
            left_out[0][at] = true;
        }
    }
    let lanes = [0, 1].map(|side: usize| -> Vec<Vec<Item>> {
        let Placed { items, .. } = &sides[side];
        let common = |at: &usize| !left_out[side][*at] && !counts[&items[*at].identity].contains(&0);
        let lanes = sides[side].by_lane().into_iter();
        lanes.map(|(_, range)| range.filter(common).map(|at| items[at]).collect()).collect()
    });
    Some(Common { lanes, one_of_several })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::keyed::InMemoryLanes;

    /// Words are lanes, letters records of one key.
    fn side(words: &str) -> Vec<Vec<Item>> {
        let item = |(offset, letter): (usize, char)| Item {
            identity: letter as u128,
            offset: offset as i64,
            timestamp: 0,
            key: NonZeroU64::new(1),
            value: 0,
        };
        words.split(' ').map(|lane| lane.chars().enumerate().map(item).collect()).collect()
    }

    fn order_of(source: &str, target: &str) -> Option<KeyOrder> {
        order_before(source, target, &[])
    }

    fn order_before(source: &str, target: &str, barrier: &[i64]) -> Option<KeyOrder> {
        let mut log = InMemoryLanes([side(source), side(target)]);
        let scope = [0, 1].map(|side: usize| {
            let lanes = log.0[side].iter();
            lanes.map(|lane| Some(OffsetRange { start: 0, end: lane.len() as i64 })).collect()
        });
        let (source, target) = (log.0[0][0][0], log.0[1][0][0]);
        let reordered = LaneOutcome {
            source_lane: Some(0),
            target_lane: Some(0),
            outcome: Outcome::Reordered { source, target, key_order_broken: true },
        };
        let suspects = [out_of_order(&reordered).expect("of a key")];
        let orders = orders(&suspects, &Rules::default(), &scope, barrier, &mut log).expect("in memory");
        orders.into_values().next()
    }

    #[test]
    fn equal_records_of_two_lanes_stand_for_one_another() {
        for (source, target, expected) in [
            ("xy xz", "xzxy", true),
            ("xy xz", "xyxz", true),
            ("xy xz", "xxzy", true),
            ("xy xz", "yxxz", false),
            ("xy xz", "xxy", true),
            ("xy xz", "xyz", false),
            // What the target lacks, or has on its own, says nothing about order.
            ("xy xzm", "xzxy", true),
            ("xy xz", "xzexy", true),
            // One of two equal records is gone: which one is not asked.
            ("xyx xz", "xzxy", false),
            ("xyxz", "xz xy", true),
            ("xyxz", "zx xy", false),
            // No choice: nothing to look at.
            ("ab cd", "acbd", false),
            ("xxy", "xxy", false),
        ] {
            let expected = expected.then_some(KeyOrder::Kept);
            assert_eq!(order_of(source, target), expected, "{source} -> {target}");
        }
    }

    #[test]
    fn what_lies_behind_the_barrier_need_not_be_on_the_target_yet() {
        let [kept, undecided] = [Some(KeyOrder::Kept), Some(KeyOrder::Undecided)];
        for (source, target, barrier, expected) in [
            ("xyx xz", "xzxy", [2, 2], kept),
            ("xyxx xzx", "xzxy", [2, 2], kept),
            ("xyx xz", "xzxy", [3, 2], None),
            // Or it is there already, with what came after it.
            ("xyxa xz", "xzxyxa", [2, 2], kept),
            ("xyxax xz", "xzxyxa", [2, 2], kept),
            // It does not replace what is lost, and no order explains what has none.
            ("xyx xz", "zxy", [2, 2], None),
            ("xyx xz", "yxxz", [2, 2], None),
            // One of two is not there, of either lane; or that of the first lane, which is not tried.
            ("xyx xzx", "xzxyx", [2, 2], kept),
            ("xyxa xzxb", "xzxyxba", [2, 2], kept),
            ("xyxa xzxb", "xzxyaxb", [2, 2], undecided),
        ] {
            assert_eq!(order_before(source, target, &barrier), expected, "{source} -> {target}, {barrier:?}");
        }
    }

    #[test]
    fn what_is_gone_when_it_is_looked_for_stays_as_it_was_found() {
        let mut log = InMemoryLanes([side("xy xz"), side("xzxy")]);
        let scope = [2, 1].map(|lanes| vec![Some(OffsetRange { start: 0, end: 9 }); lanes]);
        let reordered = |offset: i64| LaneOutcome {
            source_lane: Some(0),
            target_lane: Some(0),
            outcome: Outcome::Reordered {
                source: Item { offset, ..log.0[0][0][0] },
                target: log.0[1][0][0],
                key_order_broken: true,
            },
        };
        let outcomes = [reordered(0), reordered(5)];
        let mut keys = |outcomes: &[LaneOutcome]| {
            let suspects: Vec<Suspect> = outcomes.iter().filter_map(out_of_order).collect();
            orders(&suspects, &Rules::default(), &scope, &[], &mut log).expect("in memory").len()
        };
        assert_eq!([keys(&outcomes[..1]), keys(&outcomes)], [1, 0]);
    }

    #[test]
    fn with_too_many_records_or_choices_it_is_not_decided() {
        let [kept, undecided] = [Some(KeyOrder::Kept), Some(KeyOrder::Undecided)];
        let many = "xy".repeat(RECORDS_OF_KEY_MAX / 2 + 1);
        assert_eq!(order_of(&format!("{many} x"), &format!("x{many}")), undecided);
        assert_eq!(order_of(&format!("{many} "), &many), None, "of one lane there is no choice");
        let fits = "xy".repeat(RECORDS_OF_KEY_MAX / 4);
        assert_eq!(order_of(&format!("{fits} x"), &format!("{fits}x")), kept);
        // Each x has many places to come from, and nothing fits in the end.
        let lane = "x".repeat(300);
        assert_eq!(order_of(&format!("{lane}ab {lane}cd"), &format!("{lane}{lane}badc")), undecided);
    }
}
