//! How far a region grows whose end is not proved: past the sighting, and past as many records again as it holds.

use super::super::{InMemory, Item, Rules, Tuning};
use super::*;

/// Two lists of numbers of which each is there once a side, common ones in one order; and regions by their ranges.
struct World {
    lists: InMemory,
    /// What is equal.
    all: Runs,
    runs: Runs,
    regions: Regions,
    end: [i64; 2],
}

fn items(numbers: &[i64]) -> Vec<Item> {
    let item = |(at, &number): (usize, &i64)| Item {
        identity: number as u128 + 1,
        offset: at as i64,
        timestamp: number,
        key: None,
        value: number as u64,
    };
    numbers.iter().enumerate().map(item).collect()
}

/// Regions as source from, source to, target from, target to; all that is left over lies in one.
fn world(numbers: [Vec<i64>; 2], regions: &[[i64; 4]]) -> World {
    let lists = numbers.each_ref().map(|numbers| items(numbers));
    let mut runs = Runs::default();
    for source in &lists[0] {
        if let Some(target) = lists[1].iter().find(|target| target.identity == source.identity) {
            runs.push(source.offset, target.offset);
        }
    }
    let mut world = World {
        end: lists.each_ref().map(|list| list.len() as i64),
        lists: InMemory(lists),
        all: runs.clone(),
        runs,
        regions: Regions::default(),
    };
    for &[source_from, source_to, target_from, target_to] in regions {
        let range = [
            OffsetRange { start: source_from, end: source_to },
            OffsetRange { start: target_from, end: target_to },
        ];
        let solution = world.solution(range);
        world.regions.push(range, solution, [NEVER; 2]);
    }
    world
}

impl World {
    fn solution(&self, range: [OffsetRange; 2]) -> Solution {
        let left_over = [0, 1].map(|side: usize| {
            let [own, other] = [&self.lists.0[side], &self.lists.0[1 - side]];
            own.iter()
                .filter(|item| (range[side].start..range[side].end).contains(&item.offset))
                .filter(|item| other.iter().all(|other| other.identity != item.identity))
                .copied()
                .collect()
        });
        Solution { left_over, counted: Default::default(), solved: true }
    }

    /// The first region's range after it was enlarged: source from and to, target from and to. Whatever is equal must
    /// still be matched, and the rest be left over.
    fn enlarge(&mut self, side: Side, sighting: i64, pairs_max: usize) -> [i64; 4] {
        let tuning = Tuning { pairs_max, ..Tuning::default() };
        let frame = Frame { end: self.end, rules: &Rules::default(), tuning: &tuning };
        enlarge(&mut self.runs, &mut self.regions, 0, (side, sighting), &frame, &mut self.lists)
            .expect("lists can be read");
        let [source, target] = self.regions.get(0).range;
        if self.regions.get(0).solved {
            assert_eq!(self.runs.as_slice(), self.all.as_slice());
            let expected = self.solution([source, target]).left_over;
            let given_up = Side::BOTH.map(|side| self.regions.given_up(0, side) as usize);
            assert_eq!(given_up, expected.each_ref().map(Vec::len));
            if self.regions.sparse_from(0).is_none() {
                assert_eq!(self.regions.to_plain()[0].left_over, expected);
            }
            assert_eq!(self.regions.get(0).watched_to, [source.end, target.end]);
        }
        [source.start, source.end, target.start, target.end]
    }
}

const MANY: usize = 1 << 20;

/// 10 to 13 and 30 to 31 are lost, and 90 to 92 come after all.
fn lost() -> World {
    let source: Vec<i64> = (0..60).chain(90..93).collect();
    let target = (0..60).filter(|n| !(10..14).contains(n) && !(30..32).contains(n)).collect();
    world([source, target], &[[10, 14, 10, 10], [30, 32, 26, 26], [60, 63, 54, 54]])
}

#[test]
fn a_region_takes_in_twice_what_it_matches_and_what_it_gives_up_and_one_more() {
    let mut world = lost();
    assert_eq!(world.enlarge(Side::Target, 12, MANY), [10, 19, 10, 15]);
    assert_eq!(world.enlarge(Side::Target, 16, MANY), [10, 29, 10, 25]);
    assert_eq!(world.regions.len(), 3);
    // Then the next region lies before the cut.
    assert_eq!(world.enlarge(Side::Target, 26, MANY), [10, 51, 10, 45]);
    assert_eq!(world.regions.len(), 2);
    assert_eq!(world.enlarge(Side::Target, 46, MANY), [10, 63, 10, 54]);
    assert_eq!(world.regions.len(), 1);
}

#[test]
fn a_region_reaches_past_a_far_sighting_and_no_further() {
    assert_eq!(lost().enlarge(Side::Target, 40, MANY), [10, 47, 10, 41]);
    assert_eq!(lost().enlarge(Side::Source, 35, MANY), [10, 36, 10, 30]);
    assert_eq!(lost().enlarge(Side::Target, 52, MANY), [10, 59, 10, 53]);
    assert_eq!(
        lost().enlarge(Side::Target, 53, MANY),
        [10, 63, 10, 54],
        "with the last match goes what follows"
    );
}

#[test]
fn a_region_ends_behind_the_regions_that_begin_before_its_end() {
    // 10 is lost, 70 added, 25 and 26 lost beside 71 and 72.
    let source: Vec<i64> = (0..60).collect();
    let target: Vec<i64> =
        (0..10).chain(11..21).chain([70]).chain(21..25).chain([71, 72]).chain(27..60).collect();
    let regions = [[10, 11, 10, 10], [21, 21, 20, 21], [25, 27, 25, 27]];
    let world = || world([source.clone(), target.clone()], &regions);
    assert_eq!(world().enlarge(Side::Target, 18, MANY), [10, 20, 10, 19]);
    // The last match before the added record, and then it.
    assert_eq!(world().enlarge(Side::Target, 19, MANY), [10, 21, 10, 20]);
    assert_eq!(world().enlarge(Side::Target, 20, MANY), [10, 21, 10, 21]);
    assert_eq!(world().enlarge(Side::Target, 24, MANY), [10, 25, 10, 25]);
    assert_eq!(world().enlarge(Side::Target, 25, MANY), [10, 27, 10, 27]);
    assert_eq!(world().enlarge(Side::Source, 26, MANY), [10, 27, 10, 27]);
    assert_eq!(world().enlarge(Side::Source, 27, MANY), [10, 28, 10, 28]);
}

#[test]
fn a_region_that_would_hold_more_than_may_be_is_counted_and_then_reaches_the_end() {
    // Five pairs, and four that are given up.
    let mut world = lost();
    assert_eq!(world.enlarge(Side::Target, 12, 14), [10, 19, 10, 15]);
    assert!(world.regions.get(0).solved);
    let mut world = lost();
    assert_eq!(world.enlarge(Side::Target, 12, 13), [10, 19, 10, 15]);
    assert!(!world.regions.get(0).solved);
    assert_eq!(Side::BOTH.map(|side| world.regions.given_up(0, side)), [9, 5]);
    assert_eq!(world.runs.matched(), 49);
    assert_eq!(world.enlarge(Side::Target, 16, MANY), [10, 63, 10, 54]);
}

#[test]
fn of_a_region_of_which_source_records_were_only_counted_they_take_no_room() {
    let mut world = lost();
    let mut counted = [Counted::default(), Counted::default()];
    for item in &world.lists.0[0][10..14] {
        counted[0].add(item.offset, item.identity);
    }
    let solution = Solution { left_over: Default::default(), counted: counted.clone(), solved: true };
    let range = world.regions.get(0).range;
    world.regions.splice(0..1, range, solution, [NEVER; 2]);
    let tuning = Tuning { pairs_max: 10, ..Tuning::default() };
    let frame = Frame { end: world.end, rules: &Rules::default(), tuning: &tuning };
    let World { runs, regions, lists, .. } = &mut world;
    enlarge(runs, regions, 0, (Side::Target, 12), &frame, lists).expect("lists can be read");
    assert!(regions.get(0).solved);
    assert_eq!(regions.sparse_from(0), Some(10));
    assert_eq!((regions.left_over(), regions.given_up(0, Side::Source)), ([5, 0], 4));
    assert_eq!(runs.matched(), 54);
}

#[test]
fn a_sighting_is_in_reach_while_what_is_given_up_is_not_outnumbered_by_what_is_matched_before_it() {
    let world = lost();
    // Source 10 to 13 are given up; behind them the target is matched at 10 and so on.
    let reach = |offset| could_cross(&world.regions, 0, Side::Target, offset, &world.runs);
    assert_eq!([10, 13, 14, 15, 40].map(reach), [true, true, true, false, false]);
    // Nothing of the target is given up; but left over of the source are two and three further ones.
    let reach = |offset| could_cross(&world.regions, 0, Side::Source, offset, &world.runs);
    assert_eq!([14, 19, 20, 33, 62].map(reach), [true, true, false, false, false]);
}
