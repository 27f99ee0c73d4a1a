//! How long a unit waits for its target while some of its lanes cannot be read.

use std::num::NonZeroU64;

use super::state::State;
use super::store::SpillStore;
use super::{Gone, Planned, Unit};
use crate::align::Item;
use crate::align::keyed::Grouping;
use crate::consume::{Batch, ReadEnd};
use crate::positions::{SourceLane, TargetLane, UnitPlan};
use crate::record::{Contract, OrderPromise, Partitioning, Side, TopicPartition};
use crate::run::budget::Budget;
use crate::run::spill::SpillSpace;

/// Two lanes a side.
pub(super) fn unit() -> Unit {
    let partition = |partition| TopicPartition { topic: "orders".into(), partition };
    let source = |at| SourceLane {
        partition: partition(at),
        log_start: 0,
        start: 0,
        end: 2,
        start_reason: String::new(),
    };
    let target = |at| TargetLane { partition: partition(at), log_start: 0, end: 1 };
    let contract =
        Contract { order: OrderPromise::Key, partitions: Partitioning::ByKey, ..Contract::default() };
    Unit {
        planned: Planned::Unit(0),
        plan: UnitPlan {
            sources: [0, 1].map(source).to_vec(),
            targets: [0, 1].map(target).to_vec(),
            contract,
        },
        grouping: Grouping::KeyThenMultiset,
        positions: Vec::new(),
        gone: Gone::default(),
    }
}

/// Nothing of `unit` is read yet. `ends`: by side and lane.
fn state(unit: &Unit, ends: [Vec<i64>; 2]) -> State {
    let budget = Budget { memory: 1 << 20 };
    let store = SpillStore::new(&SpillSpace::new(1 << 20), budget.buffers(1));
    State::new(unit, ends, store, budget.keyed_tuning(1))
}

/// Records of these keys at these offsets, and the lane's end behind them.
fn arrive(state: &mut State, side: Side, lane: usize, records: &[(i64, u64)], end: ReadEnd) {
    let item = |&(offset, key): &(i64, u64)| Item {
        identity: key.into(),
        offset,
        timestamp: 0,
        key: NonZeroU64::new(key),
        value: key,
    };
    let items: Vec<Item> = records.iter().map(item).collect();
    let next_offset = items.last().map_or(0, |item| item.offset + 1);
    let batch = Batch { side, at: lane, items, next_offset, end: Some(end), holes: Vec::new() };
    state.take(lane, batch);
}

fn failed() -> ReadEnd {
    ReadEnd::Failed { at: 0, detail: "a batch cannot be read".into() }
}

#[test]
fn what_a_source_partition_holds_is_waited_for_although_another_one_failed() {
    let unit = unit();
    let mut state = state(&unit, [vec![2, 2], vec![1, 0]]);
    arrive(&mut state, Side::Source, 0, &[(0, 1), (1, 2)], ReadEnd::ReachedEnd);
    arrive(&mut state, Side::Source, 1, &[], failed());
    arrive(&mut state, Side::Target, 0, &[(0, 1)], ReadEnd::ReachedEnd);
    arrive(&mut state, Side::Target, 1, &[], ReadEnd::ReachedEnd);
    assert!(state.at_rest() && !state.complete(Side::Source) && state.complete(Side::Target));
    assert!(!state.settled(), "the copy of the second record may still come");
    arrive(&mut state, Side::Target, 1, &[(0, 2)], ReadEnd::ReachedEnd);
    assert!(state.settled(), "nothing is waited for");
}

#[test]
fn nothing_is_waited_for_once_the_target_cannot_be_read() {
    let unit = unit();
    let mut state = state(&unit, [vec![1, 0], vec![0, 0]]);
    arrive(&mut state, Side::Source, 0, &[(0, 1)], ReadEnd::ReachedEnd);
    arrive(&mut state, Side::Source, 1, &[], ReadEnd::ReachedEnd);
    arrive(&mut state, Side::Target, 0, &[], ReadEnd::ReachedEnd);
    arrive(&mut state, Side::Target, 1, &[], failed());
    assert!(state.settled());
}

#[test]
fn offsets_that_are_deleted_before_the_scope_move_the_begin_of_a_source_lane_and_others_are_a_hole() {
    let mut unit = unit();
    unit.plan.sources[0].start = 5;
    let mut state = state(&unit, [vec![9, 0], vec![9, 0]]);
    let gone = || ReadEnd::OutOfRange { asked: 1, detail: "gone".into() };
    for side in Side::BOTH {
        arrive(&mut state, side, 0, &[(0, 1)], gone());
        state.pass_over(side, 0, 4);
        arrive(&mut state, side, 0, &[(5, 2), (8, 3)], ReadEnd::ReachedEnd);
        arrive(&mut state, side, 1, &[], ReadEnd::ReachedEnd);
    }
    assert_eq!(Side::BOTH.map(|side| state.complete(side)), [true, false]);
    let read = state.finish(&unit);
    assert_eq!(read.read_from, [vec![4, 0], vec![0, 0]]);
    assert_eq!(read.read_to, [vec![9, 0], vec![9, 0]]);
    let [(Side::Target, 0, hole)] = &read.holes[..] else { panic!("{:?}", read.holes) };
    assert_eq!((hole.range.start, hole.range.end), (1, 4));
    let [remark] = &read.remarks[..] else { panic!("{:?}", read.remarks) };
    assert!(
        ["orders-0 of the target", "offsets 1 to 3", "retention"].iter().all(|word| remark.contains(word))
    );
}

#[test]
fn a_deletion_that_reaches_into_the_scope_is_a_hole() {
    let mut unit = unit();
    unit.plan.sources[0].start = 5;
    // Up to the scope's start, too: what was read before it is no beginning of the scope.
    for left in [5, 6] {
        let mut state = state(&unit, [vec![9, 0], vec![0, 0]]);
        let gone = ReadEnd::OutOfRange { asked: 1, detail: "gone".into() };
        arrive(&mut state, Side::Source, 0, &[(0, 1)], gone);
        state.pass_over(Side::Source, 0, left);
        assert!(state.lanes[0][0].ended.is_none(), "it goes on");
        arrive(&mut state, Side::Source, 0, &[(6, 2), (8, 3)], ReadEnd::ReachedEnd);
        assert!(!state.complete(Side::Source));
        assert_eq!(state.finish(&unit).read_from[0], [0, 0]);
    }
}
