//! Positions at topics whose records may change partitions: by timestamp, and of a group that is active on the target.

use super::*;
use crate::positions::{PositionState, UnitPosition};

const MERGED: &str = "policy: identity, topic_map: { orders: all, payments: all }";

fn by_key(kind: &str, more: &str) -> String {
    format!("replication: {{ kind: {kind}, {MERGED} }}\ncontracts: [{{ partitions: by_key }}]\n{more}")
}

/// Two source topics of one partition, a record a second each; the later one began at 30 s.
fn sources() -> Fake {
    Fake::new("src", "S")
        .log("orders", (0..100).map(|n| (n, n * 1_000, None)))
        .log("payments", (0..50).map(|n| (n, (30 + n) * 1_000, None)))
}

/// Both of them in one partition, from the 20th second on.
fn merged() -> Fake {
    let mut times: Vec<i64> = (20..100).chain(30..80).map(|second| second * 1_000).collect();
    times.sort_unstable();
    Fake::new("dst", "T").log("all", times.into_iter().enumerate().map(|(at, time)| (at as i64, time, None)))
}

/// Of each group its only position at the only unit.
fn on_units(plan: &Plan) -> Vec<&UnitPosition> {
    let of = |group: &'_ GroupPlan| group.units.len();
    assert!(plan.groups.iter().all(|group| of(group) == 1), "{:?}", plan.groups);
    plan.groups.iter().flat_map(|group| &group.units).collect()
}

fn resumes(plan: &Plan) -> Vec<(Option<i64>, PositionState)> {
    on_units(plan).iter().flat_map(|p| &p.resumes).map(|resume| (resume.offset, resume.state)).collect()
}

fn detail(plan: &Plan, group: usize) -> &str {
    &on_units(plan)[group].resumes[0].detail
}

#[test]
fn by_timestamp_the_earliest_record_that_a_group_would_read_next_decides_for_every_partition() {
    use PositionState::{Judged, NoCheckpoint};
    let rest = by_key("none", "positions: { origin: timestamp }\n");
    // a: orders at 60 s, payments at 40 s. b: nothing on payments. c: at both ends. d: before all that the target has.
    let source = || {
        sources()
            .commit("a", "orders", 0, 60)
            .commit("a", "payments", 0, 10)
            .commit("b", "orders", 0, 60)
            .commit("c", "orders", 0, 100)
            .commit("c", "payments", 0, 50)
            .commit("d", "orders", 0, 5)
    };
    let plan = planned(&rest, &source(), &merged()).expect("a plan");
    // 10 records from 20 s to 29 s, then two a second.
    assert_eq!(
        resumes(&plan),
        [(Some(30), Judged), (Some(70), Judged), (Some(130), Judged), (Some(0), Judged)]
    );
    let said = detail(&plan, 0);
    assert!(said.contains("40000 ms, the timestamp of source record 10 of payments-0"), "{said}");
    assert!(said.contains("equal timestamps"), "{said}");
    assert!(detail(&plan, 2).contains("nothing is left to read on the source"), "{}", detail(&plan, 2));
    // b asks for what a has read already.
    let read: Vec<u64> = on_units(&plan).iter().map(|p| p.records_read_to_locate).collect();
    assert_eq!((read, plan.records_read_to_locate), (vec![2, 0, 0, 1], 3));

    let mut without = source();
    without.records.values_mut().flatten().for_each(|record| record.timestamp = -1);
    let plan = planned(&rest, &without, &merged()).expect("a plan");
    assert_eq!(resumes(&plan)[0], (None, NoCheckpoint));
    assert!(detail(&plan, 0).contains("has no timestamp to look up"), "{}", detail(&plan, 0));

    // A broker that answers no time is not one whose records are all older.
    let mut mute = merged();
    mute.records.values_mut().flatten().for_each(|record| record.timestamp = -1);
    let plan = planned(&rest, &source(), &mute).expect("a plan");
    assert_eq!(resumes(&plan)[0], (None, NoCheckpoint));
    assert!(detail(&plan, 0).contains("look up no timestamps"), "{}", detail(&plan, 0));
    // The end needs no timestamp.
    assert_eq!(resumes(&plan)[2], (Some(130), Judged));
}

#[test]
fn by_timestamp_what_is_later_than_all_records_of_a_partition_is_its_end() {
    let rest = by_key("none", "positions: { origin: timestamp }\n");
    let source = sources().commit("g", "orders", 0, 95);
    let short = Fake::new("dst", "T").log("all", (0..10).map(|n| (n, n * 1_000, None)));
    let plan = planned(&rest, &source, &short).expect("a plan");
    assert_eq!(resumes(&plan), [(Some(10), PositionState::Judged)]);
    assert!(detail(&plan, 0).contains("no target record is at or after 95000 ms"), "{}", detail(&plan, 0));
}

#[test]
fn a_group_that_is_active_on_the_target_is_so_at_every_partition_unless_something_stronger_speaks_against_it()
{
    use PositionState::{BelowTargetLogStart, BeyondTargetEnd, Judged, NoCheckpoint, TargetGroupActive};
    let source = || source().commit("g", "orders", 0, 500).commit("idle", "orders", 0, 500);
    let target = |active: bool| {
        let mut target = target()
            .topic("all", &[(10, 900), (10, 50), (10, 50), (0, 9)])
            .commit("g", "all", 0, 400)
            .commit("g", "all", 1, 77)
            .commit("g", "all", 2, 5)
            .commit("idle", "all", 0, 400);
        if active {
            target.active.insert("g".into());
        }
        target
    };
    let config = by_key("group_commits", "");
    let plan = planned(&config, &source(), &target(true)).expect("a plan");
    assert_eq!(
        resumes(&plan)[..4],
        [
            (Some(400), TargetGroupActive),
            (Some(77), BeyondTargetEnd),
            (Some(5), BelowTargetLogStart),
            (None, NoCheckpoint)
        ]
    );
    let [active, idle] = &on_units(&plan)[..] else { panic!("{:?}", plan.groups) };
    for resume in &active.resumes {
        assert!(resume.detail.contains("stop its consumers there"), "{resume:?}");
    }
    assert!(active.commit_states.iter().all(|(state, _)| *state == Judged), "nothing is odd on the source");
    assert_eq!(idle.resumes[0].state, Judged, "another group");
    assert!(!idle.resumes[0].detail.contains("active"), "{:?}", idle.resumes[0]);
    assert!(plan.remarks.iter().any(|remark| remark.contains("group g is consuming")), "{:?}", plan.remarks);

    let plan = planned(&config, &source(), &target(false)).expect("a plan");
    assert_eq!(resumes(&plan)[0], (Some(400), Judged));
}

#[test]
fn a_group_that_is_active_on_the_target_is_so_where_only_the_order_of_each_key_is_promised() {
    let source = source().commit("g", "orders", 0, 500);
    let mut target = target().checkpoint("g", "src.orders", 0, 500, 405);
    target.active.insert("g".into());
    let plan = planned("contracts: [{ order: key }]", &source, &target).expect("a plan");
    assert_eq!(positions(&plan), ["g orders-0 500 405 Checkpoints TargetGroupActive"]);
}

#[test]
fn commits_on_the_target_alone_are_positions_at_a_repartitioned_topic_that_are_not_judged() {
    use PositionState::{Judged, NoSourceCommit};
    let source = source().commit("g", "orders", 0, 500);
    let target = target()
        .topic("all", &[(0, 900), (0, 50)])
        .commit("g", "all", 0, 400)
        .commit("g", "all", 1, 30)
        .commit("own", "all", 1, 7);
    let plan = planned(&by_key("group_commits", ""), &source, &target).expect("a plan");
    assert_eq!(
        resumes(&plan),
        [(Some(400), Judged), (Some(30), Judged), (None, NoSourceCommit), (Some(7), NoSourceCommit)]
    );
    let own = on_units(&plan)[1];
    assert!(own.committed.iter().all(Option::is_none), "{own:?}");
    for (resume, words) in own.resumes.iter().zip(["none on this partition", "own commit there, 7"]) {
        let detail = &resume.detail;
        assert!(detail.contains("no commit on orders,payments of the source"), "{detail}");
        assert!(detail.contains(words), "{detail}");
    }
    assert_eq!(plan.units[0].sources.iter().map(|lane| lane.start).collect::<Vec<_>>(), [500, 0, 0]);
}

#[test]
fn a_group_that_commits_while_the_plan_is_made_is_not_beyond_the_ends_of_a_repartitioned_topic() {
    let rest = "replication: { policy: identity }\ncontracts: [{ partitions: by_key }]\n";
    let cluster = |alias: &str, grows: i64| {
        let cluster = Fake::new(alias, alias).topic("orders", &[(0, 100), (0, 100)]);
        Fake { grows, ..cluster.commit("g", "orders", 0, 120).commit("g", "orders", 1, 50) }
    };
    let states = |grows: i64| {
        let plan = planned(rest, &cluster("src", grows), &cluster("dst", grows)).expect("a plan");
        let position = on_units(&plan)[0].clone();
        (position.commit_states[0].0, position.resumes[0].state, plan.units[0].targets[0].end)
    };
    assert_eq!(states(50), (PositionState::Judged, PositionState::Judged, 150));
    assert_eq!(states(10), (PositionState::BeyondSourceEnd, PositionState::BeyondTargetEnd, 110));
}
