//! Random pairs for tests: two sequences, how they were read, and their alignment. Judges nothing.

use std::num::NonZeroU64;

use super::{Classified, PairReading, classify};
use crate::align::{InMemory, Item, PairAligner, Rules, Tuning};
use crate::record::{OffsetRange, Side};

pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % n
    }
}

pub fn items(letters: &[u64], gap: i64) -> Vec<Item> {
    letters
        .iter()
        .enumerate()
        .map(|(at, &letter)| Item {
            identity: u128::from(letter),
            offset: at as i64 * gap,
            timestamp: (letter / 5) as i64,
            key: NonZeroU64::new(letter % 3),
            value: letter,
        })
        .collect()
}

pub fn sequences(random: &mut Random) -> [Vec<u64>; 2] {
    let letters = [4, 30, 1_000][random.below(3) as usize];
    let source: Vec<u64> = (0..random.below(30)).map(|_| random.below(letters)).collect();
    let mut target = source.clone();
    for _ in 0..random.below(5) {
        let at = random.below(target.len() as u64 + 1) as usize;
        let to = (at + random.below(6) as usize).min(target.len());
        let back = random.below(target.len() as u64 + 1) as usize;
        match random.below(4) {
            0 => drop(target.drain(at..to)),
            1 => {
                let block = target[at..to].to_vec();
                target.splice(back..back, block);
            }
            2 => target[at..to].reverse(),
            _ => target.insert(at, random.below(letters + 5)),
        }
    }
    [source, target]
}

pub fn reading(lists: &[Vec<Item>; 2], source_end: i64, complete: [bool; 2]) -> PairReading {
    let end = |side: usize| lists[side].last().map_or(0, |item| item.offset + 1);
    PairReading {
        name: "orders-0 -> src.orders-0".into(),
        start: [0, 0],
        source_end,
        target_end: 0,
        read_to: [end(0), end(1)],
        complete,
        holes: Default::default(),
        timestamps_within: Some(0),
    }
}

/// Any pair: its lists, and how it was read. Offsets may leave gaps, in which holes may lie.
pub fn any_pair(random: &mut Random) -> ([Vec<Item>; 2], PairReading) {
    let [source, mut target] = sequences(random);
    if random.below(2) == 0 {
        target.truncate(random.below(20) as usize);
    }
    let lists = [items(&source, 1 + random.below(2) as i64), items(&target, 2)];
    let source_end = random.below(40) as i64;
    let complete = [random.below(3) > 0, random.below(3) > 0];
    let mut reading = reading(&lists, source_end, complete);
    reading.target_end = random.below(60) as i64;
    for side in [0, 1] {
        let spaced = lists[side].get(1).is_none_or(|item| item.offset == 2);
        if spaced && random.below(3) == 0 {
            let start = 2 * random.below(lists[side].len() as u64 + 2) as i64 + 1;
            reading.holes[side].push(OffsetRange { start, end: start + 1 });
        }
    }
    reading.timestamps_within = [None, Some(0), Some(3)][random.below(3) as usize];
    (lists, reading)
}

/// The pair with its whole source behind the end of the target, so that most of its tail is only counted.
pub fn with_counted_tail(lists: &[Vec<Item>; 2], reading: PairReading) -> Classified {
    with_counted_tail_and(lists, reading, Tuning::default())
}

pub fn with_counted_tail_and(lists: &[Vec<Item>; 2], reading: PairReading, tuning: Tuning) -> Classified {
    let tuning = Tuning { window: 1, agreeing: 1, near: 1, ..tuning };
    let mut aligner = PairAligner::new(Rules::default(), tuning, [0, 0]).with_barrier(reading.source_end);
    aligner.push(Side::Target, &lists[1]);
    aligner.end_target();
    aligner.push(Side::Source, &lists[0]);
    let alignment = aligner.finish(0, &mut InMemory(lists.clone())).expect("lists can be read");
    classify(reading, alignment)
}

pub fn with_all_kept(lists: &[Vec<Item>; 2], reading: PairReading, tuning: Tuning) -> Classified {
    let mut aligner = PairAligner::new(Rules::default(), tuning, [0, 0]).with_barrier(reading.source_end);
    for side in Side::BOTH {
        aligner.push(side, &lists[side as usize]);
    }
    let alignment = aligner.finish(0, &mut InMemory(lists.clone())).expect("lists can be read");
    classify(reading, alignment)
}
