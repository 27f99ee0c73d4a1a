//! What the state of one pair says of a pause. Reads nothing: the clusters are there because a pass has some.

use std::collections::BTreeMap;
use std::time::Duration;

use cutproof_testcontainers::EmbeddedCluster;

use super::super::budget::Budget;
use super::super::shared::Shared;
use super::super::spill::SpillSpace;
use super::state::PairState;
use crate::align::Item;
use crate::cancel::CancelToken;
use crate::consume::{Batch, ReadEnd};
use crate::kafka::{Cluster, ClusterSettings};
use crate::monitor::Silent;
use crate::positions::PairPlan;
use crate::record::{Contract, Isolation, Side, TopicPartition};

/// The state of a pair with `ends` (source, target), before anything was read.
fn with_state(ends: [i64; 2], check: impl FnOnce(PairState)) {
    let brokers = EmbeddedCluster::start(1).expect("an embedded broker");
    let [source, target] = Side::BOTH.map(|side| {
        let settings = ClusterSettings::new(side, "one", brokers.bootstrap_servers(), BTreeMap::new());
        Cluster::connect(settings).expect("connected")
    });
    let (spill, cancel) = (SpillSpace::new(1 << 20), CancelToken::default());
    let shared = Shared {
        source: &source,
        target: &target,
        isolation: Isolation::ReadCommitted,
        budget: Budget { memory: 1 << 20 },
        spill: &spill,
        settle: Duration::ZERO,
        seed: 1,
        cancel: &cancel,
        monitor: &Silent,
    };
    let [from, to] = ["orders", "src.orders"].map(|topic| TopicPartition::new(topic, 0));
    let pair = PairPlan { target_start: Some(0), ..PairPlan::unbounded(from, to, Contract::default()) };
    check(PairState::new(&shared, 1, &pair, ends));
}

/// Records `offsets` of one side, each like no other, to the end that was asked for.
fn arrive(state: &mut PairState, side: Side, offsets: std::ops::Range<i64>, end: Option<ReadEnd>) {
    let item = |offset: i64| Item { identity: offset as u128, offset, timestamp: 0, key: None, value: 0 };
    let next_offset = offsets.end;
    let items = offsets.map(item).collect();
    state.take(Batch { side, at: 0, items, next_offset, end, holes: Vec::new() });
}

#[test]
fn a_pause_that_the_reader_did_not_hear_of_ends_with_its_range() {
    with_state([9, 3], |mut state| {
        arrive(&mut state, Side::Target, 0..3, Some(ReadEnd::ReachedEnd));
        arrive(&mut state, Side::Source, 0..5, None);
        state.paused[0] = true;
        assert!(state.source_waits());
        arrive(&mut state, Side::Source, 5..9, Some(ReadEnd::ReachedEnd));
        assert!(!state.source_waits() && !state.paused[0]);
        assert!(!state.settled(), "patience decides how long it waits for the target");
    });
}

#[test]
fn a_pair_that_is_given_up_waits_for_no_target() {
    with_state([9, 3], |mut state| {
        arrive(&mut state, Side::Target, 0..3, Some(ReadEnd::ReachedEnd));
        state.paused[0] = true;
        state.give_up(Side::Source, "too much".to_owned());
        assert!(!state.source_waits() && state.at_rest());
    });
}

#[test]
fn a_source_that_waits_for_a_target_is_read_on_when_the_target_is_given_up() {
    with_state([19, 3], |mut state| {
        arrive(&mut state, Side::Target, 0..3, Some(ReadEnd::ReachedEnd));
        arrive(&mut state, Side::Source, 3..15, None);
        assert_eq!(state.changes_pace(Side::Source, 2), Some(true));
        state.paused[0] = true;
        assert_eq!(state.changes_pace(Side::Source, 2), None, "the target may grow");
        state.give_up(Side::Target, "no broker tells its end".to_owned());
        assert_eq!(state.changes_pace(Side::Source, 2), Some(false));
    });
}

#[test]
fn a_target_catches_up_by_what_is_equal_and_where_hardly_anything_is_by_what_it_has() {
    with_state([50, 50], |mut state| {
        arrive(&mut state, Side::Source, 0..20, None);
        assert_eq!((state.progress().matched, state.progress().waiting), (0, 20));
        arrive(&mut state, Side::Target, 100..105, None);
        assert_eq!(state.progress().waiting, 15, "as with schema ids that are remapped");
        arrive(&mut state, Side::Target, 105..130, None);
        assert_eq!(state.progress().waiting, 0);
    });
    with_state([50, 50], |mut state| {
        arrive(&mut state, Side::Source, 0..40, None);
        arrive(&mut state, Side::Target, 0..30, None);
        let before = state.progress();
        assert_eq!((before.matched, before.waiting), (30, 10));
        arrive(&mut state, Side::Target, 100..105, None);
        let after = state.progress();
        assert_eq!((after.matched, after.waiting), (30, 10), "what lies behind a hole is no progress");
    });
}
