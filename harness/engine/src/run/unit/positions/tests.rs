//! A group's rows where it has no commit on one of the source partitions.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::judge::UnitResult;
use super::super::state_tests::unit;
use super::*;
use crate::classify::{SourceReading, Taken, TargetReading, UnitReading};
use crate::ledger::{Cells, Ledger, UnitIntake, UnitLedger};
use crate::positions::LaneResume;
use crate::record::{Side, TopicPartition};
use crate::run::retained::Retained;

/// The unit was read to these offsets of its source lanes, and nothing differed.
fn judged(unit: &Unit, read_to: [i64; 2]) -> JudgedUnit {
    let sources = unit.plan.sources.iter().zip(read_to).map(|(lane, read_to)| SourceReading {
        log_start: lane.log_start,
        start: lane.start.min(read_to),
        end: read_to,
        read_to,
        deleted_up_to: None,
        highest_matched: None,
        matched_in_all: None,
    });
    let target =
        TargetReading { start: 0, cut: 90, end: 90, follows_shortened: None, first_copy: None, read_to: 90 };
    let mut cells = Cells::new([vec![vec![5]; 2], vec![vec![7]; 2]]);
    cells.close();
    JudgedUnit {
        reading: UnitReading {
            name: "orders -> orders".to_owned(),
            sources: sources.collect(),
            targets: vec![target.clone(), target],
            complete: [true, true],
            ordered: true,
            compacted: false,
            timestamps_within: Some(0),
            meanings: false,
            taken: Taken::default(),
        },
        intake: UnitIntake::default(),
        result: Some(UnitResult {
            cells,
            outcomes: Vec::new(),
            standings: Vec::new(),
            in_order: HashMap::new(),
            unpaired: false,
            ledger: UnitLedger { rows: vec![Ledger::default(); 2], strays: Ledger::default() },
        }),
        remarks: Vec::new(),
        schema_ids: BTreeSet::new(),
        holes: [vec![Vec::new(); 2], vec![Vec::new(); 2]],
    }
}

/// The states of a group's rows that has a commit on lane 0 only. Lane 1 held `planned`, begins at `begins` when its turn
/// comes, and is read to `read_to`.
fn states(planned: [i64; 2], begins: i64, read_to: i64) -> Vec<PositionState> {
    let mut unit = unit();
    (unit.plan.sources[0].log_start, unit.plan.sources[0].end) = (0, 9);
    let other = &mut unit.plan.sources[1];
    (other.log_start, other.start, other.end) = (planned[0], planned[0], planned[1]);
    let resume = LaneResume {
        offset: Some(7),
        origin: Origin::Csv,
        also: Vec::new(),
        state: PositionState::Judged,
        detail: "as told".to_owned(),
    };
    let position = UnitPosition {
        unit: 0,
        committed: vec![Some(5), None],
        commit_states: vec![(PositionState::Judged, String::new()); 2],
        resumes: vec![resume.clone(), resume],
        records_read_to_locate: 0,
    };
    unit.positions = vec![(0, position)];
    let mut retained = Retained::default();
    retained.0[Side::Source as usize] = BTreeMap::from([(TopicPartition::new("orders", 1), begins)]);
    unit.begin(&retained);
    let judged = judged(&unit, [9, read_to]);
    let result = judged.result.as_ref().expect("judged");
    let copies = UnitCopies::of(&result.cells, &result.outcomes, &result.standings, result.in_order.clone());
    let (_, position) = &unit.positions[0];
    let rows = Rows { unit: &unit, judged: &judged, position, copies: Some(&copies) };
    rows.by_lane().iter().map(|row| row.state).collect()
}

#[test]
fn a_partition_without_a_commit_that_never_held_a_record_stands_against_nothing() {
    assert_eq!(states([500, 500], 500, 500), [PositionState::Judged; 3]);
}

#[test]
fn a_partition_without_a_commit_that_holds_records_leaves_no_number() {
    assert_eq!(states([100, 200], 100, 200), [PositionState::NotLocated; 3]);
    // Also where it is another log by the time that it is read.
    assert_eq!(states([100, 200], 250, 300), [PositionState::NotLocated; 3], "retention went past the plan");
    assert_eq!(states([100, 200], 300, 300), [PositionState::NotLocated; 3], "it took all of them");
    assert_eq!(states([500, 500], 500, 510), [PositionState::NotLocated; 3], "they came after the plan");
}
