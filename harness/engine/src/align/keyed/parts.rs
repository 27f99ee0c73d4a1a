//! Divides the groups of a bucket into parts that fit into memory. Solves nothing.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Grouping, OpenStore, StoreError, Whole};
use crate::align::Item;

/// Cells in which the records of a bucket are counted by their group.
const CELLS: usize = 1 << 12;

/// Groups of one bucket that are solved together.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All groups in these cells.
    Cells(Range<usize>),
    /// These groups, ascending.
    Groups(Vec<Whole>),
    /// One group, with more records than are solved in memory.
    Long(Whole),
}

impl Part {
    /// The whole bucket.
    pub fn all() -> Self {
        Self::Cells(0..CELLS)
    }

    /// Whether `item` belongs to one of its groups.
    pub fn holds(&self, grouping: Grouping, item: &Item) -> bool {
        match self {
            Self::Cells(cells) => cells.len() == CELLS || cells.contains(&cell(grouping, item)),
            Self::Groups(groups) => groups.binary_search(&grouping.whole(item)).is_ok(),
            Self::Long(group) => *group == grouping.whole(item),
        }
    }
}

/// All groups of `bucket`, in parts of at most `max` records; a group with more is a part of its own.
pub(super) fn parts(
    store: &mut dyn OpenStore,
    bucket: usize,
    grouping: Grouping,
    max: u64,
) -> Result<Vec<Part>, StoreError> {
    let mut cells = vec![0_u64; CELLS];
    store.read(bucket, 0, &mut |_, item| {
        cells[cell(grouping, item)] += 1;
        true
    })?;
    let mut parts = Vec::new();
    let (mut start, mut records) = (0, 0);
    for (at, &more) in cells.iter().enumerate() {
        if records > 0 && records + more > max {
            parts.push(Part::Cells(start..at));
            (start, records) = (at, 0);
        }
        if more > max {
            parts.extend(parts_of_cell(store, bucket, grouping, at, max)?);
            start = at + 1;
        } else {
            records += more;
        }
    }
    if records > 0 {
        parts.push(Part::Cells(start..CELLS));
    }
    Ok(parts)
}

/// The groups of one cell that has too many records for one part.
fn parts_of_cell(
    store: &mut dyn OpenStore,
    bucket: usize,
    grouping: Grouping,
    at: usize,
    max: u64,
) -> Result<Vec<Part>, StoreError> {
    let mut groups: BTreeMap<Whole, u64> = BTreeMap::new();
    store.read(bucket, 0, &mut |_, item| {
        if cell(grouping, item) == at {
            *groups.entry(grouping.whole(item)).or_default() += 1;
        }
        true
    })?;
    let mut parts = Vec::new();
    let (mut together, mut records) = (Vec::new(), 0);
    for (group, more) in groups {
        if more > max {
            parts.push(Part::Long(group));
            continue;
        }
        if records + more > max {
            parts.push(Part::Groups(std::mem::take(&mut together)));
            records = 0;
        }
        together.push(group);
        records += more;
    }
    if !together.is_empty() {
        parts.push(Part::Groups(together));
    }
    Ok(parts)
}

/// Depends on the group only, and on other bits of it than its bucket does.
fn cell(grouping: Grouping, item: &Item) -> usize {
    let mixed = grouping.group(item).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (mixed >> 52) as usize
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::super::{InMemoryStore, Lane};
    use super::*;
    use crate::record::Side;

    #[test]
    fn every_record_is_in_one_part_and_only_a_group_of_its_own_is_larger_than_allowed() {
        let mut store = InMemoryStore::new(1);
        // Key 7 has 500 records, the others 1 to 5.
        let keys = (1..=400_u64)
            .flat_map(|key| std::iter::repeat_n(key, if key == 7 { 500 } else { key as usize % 5 + 1 }));
        let items: Vec<Item> = keys
            .enumerate()
            .map(|(offset, key)| Item {
                identity: offset as u128,
                offset: offset as i64,
                timestamp: 0,
                key: NonZeroU64::new(key),
                value: 0,
            })
            .collect();
        let lane = Lane { side: Side::Source, index: 0 };
        items.iter().for_each(|item| store.append(0, lane, item).expect("memory holds it"));
        let grouping = Grouping::KeyThenMultiset;
        for max in [0, 1, 5, 60, 499, 500, 10_000] {
            let parts = parts(&mut store, 0, grouping, max).expect("memory can be read");
            let held = |part: &Part| items.iter().filter(|item| part.holds(grouping, item)).count() as u64;
            assert_eq!(parts.iter().map(held).sum::<u64>(), items.len() as u64, "{max}");
            for item in &items {
                assert_eq!(parts.iter().filter(|part| part.holds(grouping, item)).count(), 1, "{max}");
            }
            for part in &parts {
                match part {
                    Part::Long(_) => assert!(held(part) > max),
                    _ => assert!((1..=max).contains(&held(part)), "{max}: {part:?}"),
                }
            }
            let long = parts.contains(&Part::Long((NonZeroU64::new(7), 0)));
            assert_eq!(long, max < 500);
        }
    }
}
