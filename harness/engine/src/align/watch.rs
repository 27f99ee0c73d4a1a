//! Notices when the identity of a record of a closed region turns up again on the other side. Decides nothing.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::Item;
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
struct Generation {
    heads: HashMap<u64, [u32; 2], PassThrough>,
    entries: Vec<Entry>,
    first_region: usize,
}

impl Generation {
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

/// The regions that are looked out for: all of the last ones. The oldest are let go where they hold too much together.
#[derive(Default)]
pub(super) struct Watch {
    old: Generation,
    new: Generation,
}

impl Watch {
    pub fn is_empty(&self) -> bool {
        self.new.heads.is_empty() && self.old.heads.is_empty()
    }

    /// From now on, `item` of `side` is looked for on the other side.
    pub fn add(&mut self, region: usize, side: Side, item: &Item) {
        self.new.add(region, side, item);
    }

    /// Lets go of the oldest regions where more than `max` records are looked for. Returns which ones they are.
    pub fn shrink(&mut self, max: usize, regions: usize) -> std::ops::Range<usize> {
        if self.new.entries.len() * 2 <= max {
            return 0..0;
        }
        let gone = self.old.first_region..self.new.first_region;
        self.old = std::mem::take(&mut self.new);
        self.new.first_region = regions;
        gone
    }

    /// Calls `hit` with every region that holds the identity of `item` on the side that is not `side`.
    pub fn see(&mut self, side: Side, item: &Item, mut hit: impl FnMut(usize)) {
        self.new.see(side, item, &mut hit);
        if !self.old.heads.is_empty() {
            self.old.see(side, item, &mut hit);
        }
    }
}
