//! Notices when a record of a closed region turns up again on the other side. Decides nothing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::watch_by_time::ByTime;
use super::{Item, Rules};
use crate::record::Side;

/// For keys that are hashes already.
#[derive(Default)]
pub(super) struct PassThroughHasher(u64);

impl Hasher for PassThroughHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

pub(super) type PassThrough = BuildHasherDefault<PassThroughHasher>;

const NONE: u32 = u32::MAX;

struct Entry {
    region: u32,
    next: u32,
}

/// Which regions hold an identity, by the side they hold it on. Two identities whose low halves agree are
/// taken for one: that can only make a region be looked at again. Only the first sighting counts, so an entry
/// is let go when it is seen.
#[derive(Default)]
struct ByIdentity {
    heads: HashMap<u64, [u32; 2], PassThrough>,
    entries: Vec<Entry>,
}

impl ByIdentity {
    fn add(&mut self, region: usize, side: Side, item: &Item) {
        let at = self.entries.len() as u32;
        let heads = self.heads.entry(item.identity as u64).or_insert([NONE; 2]);
        self.entries.push(Entry { region: region as u32, next: heads[side as usize] });
        heads[side as usize] = at;
    }

    fn see(&mut self, side: Side, item: &Item, hit: &mut impl FnMut(usize)) {
        let Some(heads) = self.heads.get_mut(&(item.identity as u64)) else { return };
        let mut at = std::mem::replace(&mut heads[1 - side as usize], NONE);
        if *heads == [NONE; 2] {
            self.heads.remove(&(item.identity as u64));
        }
        while let Some(entry) = self.entries.get(at as usize) {
            hit(entry.region as usize);
            at = entry.next;
        }
        if self.heads.is_empty() {
            self.entries.clear();
        }
    }
}

/// What is looked for.
enum Held {
    OfAnyTime(ByIdentity),
    WithinTolerance(ByTime),
}

/// What is looked for of some regions in a row.
struct Generation {
    held: Held,
    first_region: usize,
}

impl Generation {
    fn new(rules: &Rules, first_region: usize) -> Self {
        let held = match rules.timestamp_tolerance_ms {
            None => Held::OfAnyTime(ByIdentity::default()),
            Some(_) => Held::WithinTolerance(ByTime::new(rules)),
        };
        Self { held, first_region }
    }

    fn is_empty(&self) -> bool {
        match &self.held {
            Held::OfAnyTime(held) => held.heads.is_empty(),
            Held::WithinTolerance(held) => held.is_empty(),
        }
    }

    /// How many entries there is memory for.
    fn len(&self) -> usize {
        match &self.held {
            Held::OfAnyTime(held) => held.entries.len(),
            Held::WithinTolerance(held) => held.len(),
        }
    }

    fn add(&mut self, region: usize, side: Side, item: &Item) {
        match &mut self.held {
            Held::OfAnyTime(held) => held.add(region, side, item),
            Held::WithinTolerance(held) => held.add(region, side, item),
        }
    }

    #[inline]
    fn see(&mut self, side: Side, item: &Item, hit: &mut impl FnMut(usize)) {
        match &mut self.held {
            Held::OfAnyTime(held) => held.see(side, item, hit),
            Held::WithinTolerance(held) => {
                while let Some(region) = held.take_near(side, item) {
                    hit(region);
                }
            }
        }
    }
}

/// The regions that are looked out for: all of the last ones. The oldest are let go where they hold too much together.
pub(super) struct Watch {
    rules: Rules,
    old: Generation,
    new: Generation,
}

impl Watch {
    pub fn new(rules: &Rules) -> Self {
        Self { rules: *rules, old: Generation::new(rules, 0), new: Generation::new(rules, 0) }
    }

    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.old.is_empty()
    }

    /// From now on, `item` of `side` is looked for on the other side.
    pub fn add(&mut self, region: usize, side: Side, item: &Item) {
        self.new.add(region, side, item);
    }

    /// Lets go of the oldest regions where more than `max` records are looked for. Returns which ones they are.
    pub fn shrink(&mut self, max: usize, regions: usize) -> std::ops::Range<usize> {
        if self.new.len() * 2 <= max {
            return 0..0;
        }
        let gone = self.old.first_region..self.new.first_region;
        self.old = std::mem::replace(&mut self.new, Generation::new(&self.rules, regions));
        gone
    }

    /// Calls `hit` with every region that holds what may equal `item` on the side that is not `side`: its identity and,
    /// where time counts, a time near to its own.
    pub fn see(&mut self, side: Side, item: &Item, mut hit: impl FnMut(usize)) {
        self.new.see(side, item, &mut hit);
        if !self.old.is_empty() {
            self.old.see(side, item, &mut hit);
        }
    }
}
