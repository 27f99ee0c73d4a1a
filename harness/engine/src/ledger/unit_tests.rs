//! What a group meets at a unit, against counting by definition over every copy.

use std::collections::HashMap;

use proptest::prelude::*;

use super::{Cells, LaneCounts, Place, Repeated, UnitCopies};
use crate::align::keyed::{LaneOutcome, LanePair, PairSink};
use crate::align::{Item, Outcome};
use crate::classify::Standing;
use crate::record::{FindingKind, Side};

pub(super) const SOURCE_LANES: usize = 3;
pub(super) const TARGET_LANES: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    InOrder,
    Reordered,
    Mismatched,
    None,
}

/// A source record: its lane, how its first copy lies, how many further copies it has.
pub(super) type Drawn = (usize, First, usize);

pub(super) fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let first = prop_oneof![
        6 => Just(First::InOrder),
        1 => Just(First::Reordered),
        1 => Just(First::Mismatched),
        1 => Just(First::None),
    ];
    let copies = prop_oneof![6 => Just(0usize), 1 => Just(1), 1 => Just(2)];
    prop::collection::vec((0..SOURCE_LANES, first, copies), 0..40)
}

pub(super) fn item(identity: u128, offset: i64) -> Item {
    Item { identity, offset, timestamp: 0, key: None, value: 0 }
}

/// Each source record with the places of its copies, the first one first.
pub(super) struct Unit {
    pub records: Vec<(Place, First, Vec<Place>)>,
}

/// `order` shuffles the target: a number for each copy.
pub(super) fn unit(drawn: &[Drawn], order: &[u32]) -> Unit {
    let mut next_source = [0i64; SOURCE_LANES];
    let mut copies: Vec<(u32, usize)> = Vec::new();
    let mut records = Vec::new();
    let mut order = order.iter().cycle();
    for (at, &(lane, first, further)) in drawn.iter().enumerate() {
        records.push(((lane, next_source[lane]), first, Vec::new()));
        next_source[lane] += 1;
        let count = if first == First::None { 0 } else { 1 + further };
        copies.extend((0..count).map(|_| (*order.next().expect("endless"), at)));
    }
    copies.sort_by_key(|(order, _)| *order);
    let mut next_target = [0i64; TARGET_LANES];
    for (order, at) in copies {
        let lane = order as usize % TARGET_LANES;
        records[at].2.push((lane, next_target[lane]));
        next_target[lane] += 1;
    }
    // The first copy is any of them: rotate by what was drawn.
    for (at, (_, _, copies)) in records.iter_mut().enumerate() {
        if !copies.is_empty() {
            let by = at % copies.len();
            copies.rotate_left(by);
        }
    }
    Unit { records }
}

pub(super) fn outcomes(unit: &Unit) -> (Vec<LanePair>, Vec<LaneOutcome>, Vec<Standing>) {
    let (mut pairs, mut outcomes, mut standings) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (source, first, copies)) in unit.records.iter().enumerate() {
        let identity = at as u128;
        let source_item = item(identity, source.1);
        let mut add = |target: Option<Place>, outcome: Outcome, kind| {
            outcomes.push(LaneOutcome {
                source_lane: Some(source.0),
                target_lane: target.map(|place| place.0),
                outcome,
            });
            standings.push(Standing::Finding(kind));
        };
        let Some(&place) = copies.first() else {
            add(None, Outcome::Missing { source: source_item }, FindingKind::MissingRecord);
            continue;
        };
        let target = item(identity, place.1);
        match first {
            First::InOrder => pairs.push(LanePair { source: *source, target: place }),
            First::Reordered => add(
                Some(place),
                Outcome::Reordered { source: source_item, target, key_order_broken: true },
                FindingKind::ReorderedRecord,
            ),
            First::Mismatched => add(
                Some(place),
                Outcome::Mismatched { source: source_item, target: item(u128::MAX - identity, place.1) },
                FindingKind::MismatchedRecord,
            ),
            First::None => {}
        }
        for &place in &copies[1..] {
            let outcome = Outcome::Duplicate { original: source_item, target: item(identity, place.1) };
            add(Some(place), outcome, FindingKind::DuplicateRecord);
        }
    }
    (pairs, outcomes, standings)
}

/// By definition, for each target lane.
fn by_definition(unit: &Unit, commits: &[Option<i64>], resumes: &[Option<i64>]) -> Vec<LaneCounts> {
    let ahead = |(lane, offset): Place| commits[lane].map(|commit| offset >= commit);
    let passed = |(lane, offset): &Place| resumes[*lane].map(|resume| *offset < resume);
    let copies = |wanted: bool, lane: usize| {
        let records = unit.records.iter().filter(move |(source, ..)| ahead(*source) == Some(wanted));
        records.flat_map(|(_, _, copies)| copies).filter(move |place| place.0 == lane).map(|place| place.1)
    };
    // A record is skipped at the lane of its first copy: the one in order, else the lowest.
    let first = |first: First, copies: &[Place]| match first {
        First::InOrder => copies.first().copied(),
        _ => copies.iter().min().copied(),
    };
    let skip = |lane: usize| {
        let mut skip = resumes[lane].map(|_| 0);
        for (source, kind, copies) in &unit.records {
            let Some(at) = first(*kind, copies).filter(|at| at.0 == lane && ahead(*source) == Some(true))
            else {
                continue;
            };
            if *kind == First::InOrder && passed(&at) == Some(false) {
                continue;
            }
            skip = match copies.iter().map(passed).collect::<Option<Vec<bool>>>() {
                Some(passed) => skip.map(|skip| skip + u64::from(passed.into_iter().all(|passed| passed))),
                None => None,
            };
        }
        skip
    };
    (0..TARGET_LANES)
        .map(|lane| LaneCounts {
            image: copies(true, lane).min(),
            skip: skip(lane),
            replay: resumes[lane]
                .map(|resume| copies(false, lane).filter(|offset| *offset >= resume).count() as u64),
        })
        .collect()
}

proptest! {
    #[test]
    fn skip_replay_and_image_are_those_of_the_definition(
        drawn in drawn(),
        order in prop::collection::vec(any::<u32>(), 1..100),
        commits in prop::array::uniform3(prop::option::weighted(0.9, 0i64..20)),
        resumes in prop::array::uniform4(prop::option::weighted(0.8, 0i64..15)),
    ) {
        let unit = unit(&drawn, &order);
        let (pairs, outcomes, standings) = outcomes(&unit);
        let thresholds = [
            commits.iter().map(|commit| commit.iter().copied().collect()).collect(),
            resumes.iter().map(|resume| resume.iter().copied().collect()).collect(),
        ];
        let mut cells = Cells::new(thresholds);
        pairs.iter().for_each(|pair| cells.matched(*pair));
        cells.close();
        prop_assert_eq!(cells.pairs(), pairs.len() as u64);

        let mut repeated = Repeated::among(&outcomes, None, 0);
        let mut both = [Vec::new(), Vec::new()];
        for (at, (source, _, copies)) in unit.records.iter().enumerate() {
            both[0].push((*source, at as u128));
            both[1].extend(copies.iter().map(|copy| (*copy, at as u128)));
        }
        for side in Side::BOTH {
            both[side as usize].sort_unstable();
            for ((lane, offset), identity) in &both[side as usize] {
                repeated.see(side, *lane, &item(*identity, *offset));
            }
        }
        let in_order: HashMap<Place, Place> =
            repeated.partners().iter().map(|p| (p.source, p.target)).collect();

        let copies = UnitCopies::of(&cells, &outcomes, &standings, in_order);
        let got = copies.judge(&commits, &resumes);
        prop_assert_eq!(got, by_definition(&unit, &commits, &resumes));
    }
}

#[test]
fn a_skip_that_depends_on_a_partition_without_a_resume_offset_is_not_told() {
    let original = item(7, 0);
    let outcomes = vec![LaneOutcome {
        source_lane: Some(0),
        target_lane: Some(1),
        outcome: Outcome::Duplicate { original, target: item(7, 3) },
    }];
    let mut cells = Cells::new([vec![vec![0]], vec![vec![5], vec![]]]);
    cells.matched(LanePair { source: (0, 0), target: (0, 2) });
    cells.close();
    let standings = [Standing::Finding(FindingKind::DuplicateRecord)];
    let copies = UnitCopies::of(&cells, &outcomes, &standings, HashMap::from([((0, 0), (0, 2))]));
    let got = copies.judge(&[Some(0)], &[Some(5), None]);
    assert_eq!((got[0].skip, got[1].skip), (None, None));
    assert_eq!((got[0].replay, got[0].image, got[1].image), (Some(0), Some(2), Some(3)));
}

#[test]
fn skip_is_not_told_where_equal_records_of_two_lanes_were_matched_otherwise_than_they_are_counted() {
    // Two equal source records: the one of lane 1 lies before the commit and has met the first of three copies.
    let outcomes = [LaneOutcome {
        source_lane: Some(0),
        target_lane: Some(0),
        outcome: Outcome::Duplicate { original: item(7, 0), target: item(7, 2) },
    }];
    let mut cells = Cells::new([vec![vec![0], vec![1]], vec![vec![1]]]);
    cells.matched(LanePair { source: (1, 0), target: (0, 0) });
    cells.matched(LanePair { source: (0, 0), target: (0, 1) });
    cells.close();
    let standings = [Standing::Finding(FindingKind::DuplicateRecord)];
    let copies = UnitCopies::of(&cells, &outcomes, &standings, HashMap::from([((0, 0), (0, 0))]));
    assert_eq!(copies.judge(&[Some(0), Some(1)], &[Some(1)])[0].skip, None);
}

#[test]
fn what_compaction_explains_is_no_copy() {
    let outcomes = [LaneOutcome {
        source_lane: Some(0),
        target_lane: Some(0),
        outcome: Outcome::Duplicate { original: item(7, 0), target: item(7, 2) },
    }];
    let mut cells = Cells::new([vec![vec![0]], vec![vec![1]]]);
    cells.matched(LanePair { source: (0, 0), target: (0, 0) });
    cells.close();
    let skip = |standing| {
        let copies = UnitCopies::of(&cells, &outcomes, &[standing], HashMap::from([((0, 0), (0, 0))]));
        copies.judge(&[Some(0)], &[Some(1)])[0].skip
    };
    assert_eq!(skip(Standing::Finding(FindingKind::DuplicateRecord)), Some(0), "a further copy is to come");
    assert_eq!([Standing::Compacted, Standing::CompactedOrDropped].map(skip), [Some(1); 2]);
}

#[test]
fn what_is_missing_or_not_yet_there_follows_from_the_standing_of_each_record() {
    let standings = [
        Standing::Finding(FindingKind::MissingRecord),
        Standing::Finding(FindingKind::MisplacedRecord),
        Standing::Pending,
        Standing::Unverifiable,
        Standing::Compacted,
        Standing::CompactedOrDropped,
        Standing::Beyond,
    ];
    // One record of each standing: twice in one lane, once in the other.
    let places = [(0, 14), (1, 7)].into_iter().flat_map(|(lane, end)| (0..end).map(move |at| (lane, at)));
    let outcomes: Vec<LaneOutcome> = places
        .map(|(lane, offset)| LaneOutcome {
            source_lane: Some(lane),
            target_lane: None,
            outcome: Outcome::Missing { source: item(1, offset) },
        })
        .collect();
    let standings: Vec<Standing> = standings.iter().cycle().take(21).copied().collect();
    let cells = Cells::new([vec![vec![]; 2], vec![vec![]]]);
    let copies = UnitCopies::of(&cells, &outcomes, &standings, HashMap::new());
    for (lane, missing, pending) in
        [(0, [2, 1, 1, 0], [0, 1, 2, 2, 3, 4]), (1, [1, 0, 0, 0], [0, 1, 2, 2, 2, 2])]
    {
        assert_eq!([0, 1, 7, 8].map(|commit| copies.missing_from(lane, commit)), missing);
        assert_eq!([2, 3, 4, 9, 10, 14].map(|commit| copies.pending_before(lane, commit)), pending);
    }
}
