//! Plants divergences into two copies of some records. Looks for none of them.

use std::collections::{BTreeMap, HashSet};

use cutproof_reports::FindingKind;

use super::super::samples::ENOUGH;
use super::super::unit::{grouping, is_unit};
use crate::align::keyed::Grouping;
use crate::fingerprint::Fingerprinter;
use crate::record::{Contract, Record};

/// Records of a partition of their own, where there are enough: one record is moved to it.
const OTHER_PARTITION: usize = 3;
/// The record that is moved.
const MOVED: usize = 9;
/// From here on records may change places: those in front have other things happen to them.
const EXCHANGED: usize = 7;

/// Records with divergences in them.
pub(super) struct Planted {
    /// By partition: source, target. Offsets count from 0, without gaps.
    pub partitions: Vec<[Vec<Record>; 2]>,
    /// What is to be found in them.
    pub kinds: BTreeMap<FindingKind, u64>,
}

/// Fewer different records than are needed: how many there are.
#[derive(Debug)]
pub(super) struct TooFew(pub usize);

/// Plants one divergence of each kind that `contract` knows into copies of `samples`.
pub(super) fn plant(
    samples: &[Record],
    contract: &Contract,
    fingerprinter: &Fingerprinter,
) -> Result<Planted, TooFew> {
    let mut seen = HashSet::new();
    let mut source: Vec<Record> = samples
        .iter()
        .filter(|record| seen.insert(record.view(|view| fingerprinter.of(view)).identity))
        .cloned()
        .collect();
    let few = source.len();
    if few < ENOUGH {
        return Err(TooFew(few));
    }
    let two_partitions = !is_unit(contract) && few >= ENOUGH + MOVED - 5 + OTHER_PARTITION;
    let other = if two_partitions { source.split_off(few - OTHER_PARTITION) } else { Vec::new() };
    let mut partitions = vec![[source.clone(), source], [other.clone(), other]];
    number(&mut partitions);
    let few = partitions[0][0].len();
    let exchanged = out_of_order(&partitions[0][0], contract);
    let target = &mut partitions[0][1];
    // From the back, so that the places in front stay where they are.
    let changed = &mut target[few - 2];
    changed.value = Some([changed.value.as_deref().unwrap_or_default(), b"\0cutproof"].concat());
    let (one, later) = exchanged.unwrap_or((few - 5, few - 4));
    target.swap(one, later);
    let moved = two_partitions.then(|| target.remove(MOVED));
    target.insert(6, target[1].clone());
    let mut strange = target[3].clone();
    strange.value = Some([strange.value.as_deref().unwrap_or_default(), b"\0stranger"].concat());
    strange.key = Some(b"cutproof self-check".to_vec());
    target.insert(4, strange);
    target.remove(2);
    let mut kinds: BTreeMap<FindingKind, u64> = [
        FindingKind::MissingRecord,
        FindingKind::ExtraneousRecord,
        FindingKind::DuplicateRecord,
        FindingKind::MismatchedRecord,
    ]
    .map(|kind| (kind, 1))
    .into();
    if exchanged.is_some() {
        kinds.insert(FindingKind::ReorderedRecord, 1);
    }
    if let Some(moved) = moved {
        partitions[1][1].insert(1, moved);
        kinds.insert(FindingKind::MisplacedRecord, 1);
    }
    number(&mut partitions);
    Ok(Planted { partitions, kinds })
}

/// Two records that may not change places, with none between them that belongs to the same sequence; `None` where any two
/// may. Leaves out the last three.
fn out_of_order(records: &[Record], contract: &Contract) -> Option<(usize, usize)> {
    let few = records.len();
    if !is_unit(contract) {
        return Some((few - 5, few - 4));
    }
    let in_one_sequence = |one: usize, later: usize| match (grouping(contract), &records[one].key) {
        (Grouping::Multiset, _) | (Grouping::KeyThenMultiset, None) => false,
        (Grouping::Key | Grouping::KeyThenMultiset, key) => *key == records[later].key,
    };
    let before = |later: usize| {
        (EXCHANGED..later).rev().find(|&one| in_one_sequence(one, later)).map(|one| (one, later))
    };
    (EXCHANGED..few - 3).rev().find_map(before)
}

fn number(partitions: &mut [[Vec<Record>; 2]]) {
    for records in partitions.iter_mut().flatten() {
        for (offset, record) in (0..).zip(records) {
            record.offset = offset;
        }
    }
}
