//! Runs, counted records and regions against plain lists: every answer they give, and no more room than is needed.

use super::counted::Counted;
use super::region::{NEVER, Regions, Solution};
use super::runs::Runs;
use super::tests::{Random, pairs};
use super::{Item, Region};
use crate::record::{OffsetRange, Side};

fn item(offset: i64) -> Item {
    Item { identity: u128::MAX - offset as u128, offset, timestamp: 0, key: None, value: 0 }
}

/// Ascending offsets in a range, some side by side.
fn offsets(random: &mut Random, range: std::ops::Range<i64>) -> Vec<i64> {
    let few = random.below(4);
    range.filter(|_| random.below(4) < few).collect()
}

/// Both offsets ascend.
fn any_pairs(random: &mut Random, from: (i64, i64), count: u64) -> Vec<(i64, i64)> {
    let (mut source, mut target) = from;
    let mut pairs = Vec::new();
    for _ in 0..count {
        source += i64::from(random.below(4) == 0);
        target += i64::from(random.below(4) == 0);
        pairs.push((source, target));
        (source, target) = (source + 1, target + 1);
    }
    pairs
}

fn runs(pairs: &[(i64, i64)]) -> Runs {
    let mut runs = Runs::default();
    pairs.iter().for_each(|&(source, target)| runs.push(source, target));
    runs
}

/// As few runs as there can be.
fn fewest(pairs: &[(i64, i64)]) -> usize {
    let breaks = pairs.windows(2).filter(|two| (two[0].0 + 1, two[0].1 + 1) != two[1]).count();
    breaks + usize::from(!pairs.is_empty())
}

#[test]
fn runs_say_of_every_pair_and_offset_what_a_list_of_pairs_says_and_are_as_few_as_can_be() {
    let mut random = Random(71);
    for _ in 0..5_000 {
        let count = random.below(20);
        let list = any_pairs(&mut random, (3, 5), count);
        let runs = runs(&list);
        assert_eq!(pairs(&runs), list);
        assert_eq!((runs.matched(), runs.as_slice().len()), (list.len() as u64, fewest(&list)));
        assert_eq!(runs.pair(list.len() as u64), None);
        for offset in 0..40 {
            let below =
                |side: fn(&(i64, i64)) -> i64| list.iter().filter(|p| side(p) < offset).count() as u64;
            assert_eq!(runs.matched_below_source(offset), below(|p| p.0));
            assert_eq!(runs.matched_below_target(offset), below(|p| p.1));
        }
        let spans = runs.as_slice().iter().map(|run| (run.source_offset, run.target_offset, run.count));
        assert_eq!(Runs::from_spans(spans).as_slice(), runs.as_slice());
    }
}

#[test]
fn replaced_runs_are_those_of_the_list_with_the_same_part_replaced() {
    let mut random = Random(72);
    for _ in 0..10_000 {
        let count = random.below(25);
        let all = any_pairs(&mut random, (0, 0), count);
        let from = random.below(count + 1);
        let to = from + random.below(count - from + 1);
        let (from_at, to_at) = (from as usize, to as usize);
        // Some of what was there, or other pairs between the same neighbours.
        let mut instead: Vec<(i64, i64)> = all[from_at..to_at].to_vec();
        instead.retain(|_| random.below(3) > 0);
        if let (true, Some(&(source, target))) = (random.below(2) == 0, all.get(to_at)) {
            let last =
                instead.last().or(from_at.checked_sub(1).map(|at| &all[at])).copied().unwrap_or((-1, -1));
            if last.0 < source - 1 && last.1 < target - 1 {
                instead.push((source - 1, target - 1));
            }
        }
        let mut replaced = runs(&all);
        replaced.replace(from..to, &instead);
        let list = [&all[..from_at], &instead, &all[to_at..]].concat();
        assert_eq!(replaced.as_slice(), runs(&list).as_slice(), "{all:?} {from}..{to} {instead:?}");
    }
}

fn counted(offsets: &[i64]) -> Counted {
    let mut counted = Counted::default();
    offsets.iter().for_each(|&offset| counted.add(offset, item(offset).identity));
    counted
}

#[test]
fn counted_records_of_two_lists_are_those_of_the_one_with_both() {
    let mut random = Random(73);
    for _ in 0..10_000 {
        let all = offsets(&mut random, 0..30);
        let (one, other): (Vec<i64>, Vec<i64>) = all.iter().partition(|_| random.below(2) == 0);
        assert_eq!(counted(&one).merged(&counted(&other)), counted(&all), "{one:?} {other:?}");
        let (first, later) = all.split_at(random.below(all.len() as u64 + 1) as usize);
        let mut extended = counted(first);
        extended.extend(counted(later));
        assert_eq!(extended, counted(&all), "{first:?} {later:?}");
        let stretches =
            |list: &[i64]| list.len() - list.windows(2).filter(|two| two[0] + 1 == two[1]).count();
        assert_eq!(format!("{extended:?}").matches("start:").count(), stretches(&all), "as few as can be");
        assert_eq!((extended.records(), extended.is_empty()), (all.len() as u64, all.is_empty()));
    }
}

/// A region by the lists of what it leaves over and of what was only counted of it.
#[derive(Clone, Debug)]
struct Plain {
    range: [OffsetRange; 2],
    left_over: [Vec<Item>; 2],
    counted: [Vec<i64>; 2],
    solved: bool,
    watched_to: [i64; 2],
}

impl Plain {
    fn any(random: &mut Random, range: [OffsetRange; 2]) -> Self {
        let mut left_over = [Vec::new(), Vec::new()];
        let mut of_counted = [Vec::new(), Vec::new()];
        let counting = random.below(3);
        for side in [0, 1] {
            for offset in offsets(random, range[side].start..range[side].end) {
                // Of what is solved only source records are counted.
                match counting {
                    0 => of_counted[side].push(offset),
                    1 if side == 0 && random.below(2) == 0 => of_counted[side].push(offset),
                    _ => left_over[side].push(item(offset)),
                }
            }
        }
        let watched_to = [NEVER, range[1].end];
        Self { range, left_over, counted: of_counted, solved: counting != 0, watched_to }
    }

    fn solution(&self) -> Solution {
        let counted = self.counted.each_ref().map(|offsets| counted(offsets));
        Solution { left_over: self.left_over.clone(), counted, solved: self.solved }
    }
}

/// Ascending, side by side or not.
fn any_regions(random: &mut Random) -> Vec<Plain> {
    let mut at = [0, 0];
    let mut regions = Vec::new();
    for _ in 0..random.below(6) {
        let range = at.map(|at| {
            let start = at + random.below(3) as i64;
            OffsetRange { start, end: start + random.below(6) as i64 }
        });
        at = range.map(|range| range.end);
        regions.push(Plain::any(random, range));
    }
    regions
}

fn assert_same(regions: &Regions, plain: &[Plain]) {
    assert_eq!(regions.len(), plain.len());
    let counting = |region: &&Plain| region.counted.iter().any(|counted| !counted.is_empty());
    assert_eq!(regions.is_counting(), plain.iter().any(|region| counting(&region)));
    assert_eq!(
        regions.left_over(),
        [0, 1].map(|side| plain.iter().map(|region| region.left_over[side].len()).sum::<usize>())
    );
    for (at, region) in plain.iter().enumerate() {
        let got = regions.get(at);
        assert_eq!((got.range, got.watched_to, got.solved), (region.range, region.watched_to, region.solved));
        assert_eq!(got.sighted, [NEVER; 2]);
        assert_eq!(regions.sparse_from(at), region.counted[0].first().copied());
        for side in Side::BOTH {
            let n = side as usize;
            let given_up = region.left_over[n].len() + region.counted[n].len();
            assert_eq!(regions.given_up(at, side), given_up as u64, "{at} {side} of {plain:?}");
        }
    }
    for side in Side::BOTH {
        let n = side as usize;
        for offset in -1..50 {
            let after = |region: &Plain| {
                region.left_over[n].iter().filter(|item| item.offset > offset).count()
                    + region.counted[n].iter().filter(|&&at| at > offset).count()
            };
            let after: usize = plain.iter().map(after).sum();
            assert_eq!(regions.left_over_after(side, offset), after as u64, "{side} {offset} of {plain:?}");
        }
    }
    let snapshot: Vec<Region> = (plain.iter())
        .map(|region| Region {
            range: region.range,
            left_over: region.left_over.clone(),
            sighted: [None; 2],
            watched_to: region.watched_to,
            solved: region.solved,
        })
        .collect();
    assert_eq!(regions.to_plain(), snapshot);
}

#[test]
fn regions_say_of_each_what_was_put_in_also_after_several_became_one() {
    let mut random = Random(74);
    for _ in 0..5_000 {
        let mut plain = any_regions(&mut random);
        let mut regions = Regions::default();
        for region in &plain {
            regions.push(region.range, region.solution(), region.watched_to);
        }
        assert_same(&regions, &plain);
        while !plain.is_empty() && random.below(3) > 0 {
            let at = random.below(plain.len() as u64) as usize;
            let to = at + 1 + random.below((plain.len() - at) as u64) as usize;
            let range = [0, 1].map(|side: usize| OffsetRange {
                start: plain[at].range[side].start,
                end: plain[to - 1].range[side].end,
            });
            let one = Plain::any(&mut random, range);
            regions.splice(at..to, range, one.solution(), one.watched_to);
            plain.splice(at..to, [one]);
            assert_same(&regions, &plain);
        }
        let all = |side: usize| plain.iter().flat_map(move |region| region.left_over[side].clone());
        let of_counted = |side: usize, solved: bool| {
            let regions = plain.iter().filter(|region| region.solved == solved);
            counted(&regions.flat_map(|region| region.counted[side].clone()).collect::<Vec<_>>())
        };
        let left_over = [all(0).collect::<Vec<_>>(), all(1).collect()];
        let unsolved = [of_counted(0, false), of_counted(1, false)];
        assert_eq!(regions.into_parts(), (left_over, of_counted(0, true), unsolved));
    }
}

#[test]
fn regions_of_a_snapshot_are_looked_for_only_as_far_as_was_read() {
    let range = [OffsetRange { start: 1, end: 3 }, OffsetRange { start: 2, end: 4 }];
    let plain = |watched_to, sighted| Region {
        range,
        left_over: [vec![item(1)], Vec::new()],
        sighted,
        watched_to,
        solved: true,
    };
    let before = vec![plain([NEVER, 4], [None, Some(9)]), plain([NEVER, NEVER], [Some(7), None])];
    let regions = Regions::from_plain(before, [10, 20]);
    let after = vec![plain([10, 4], [None, Some(9)]), plain([10, 20], [Some(7), None])];
    assert_eq!(regions.to_plain(), after);
    assert_eq!(regions.left_over(), [2, 0]);
}
