//! Each state that a position can be in, and what its detail says.

use super::*;
use crate::positions::{Origin, PositionState};

/// 1,000 records of orders-0 from offset 0, copied one to one, with the syncs that MirrorMaker 2 writes for them.
fn a_thousand() -> (Fake, Fake) {
    let mut source = Fake::new("src", "S").topic("orders", &[(0, 1000)]);
    for offset in [0, 101, 202, 303, 404, 505, 606, 707, 808, 909, 999] {
        source = source.synced("orders", 0, offset, offset);
    }
    let target =
        Fake::new("dst", "T").topic("src.orders", &[(0, 1000)]).topic("src.checkpoints.internal", &[(0, 0)]);
    (source, target)
}

/// Origin, position and state of the only position, and its detail.
fn only(plan: &Plan) -> (Option<i64>, Origin, PositionState, &str) {
    let [group] = &plan.groups[..] else { panic!("{:?}", plan.groups) };
    let [position] = &group.positions[..] else { panic!("{:?}", group.positions) };
    (position.resume, position.origin, position.state, &position.detail)
}

fn also(plan: &Plan) -> Vec<(Origin, i64)> {
    plan.groups[0].positions[0].also.iter().map(|other| (other.origin, other.offset)).collect()
}

#[track_caller]
fn says(detail: &str, words: &[&str]) {
    for word in words {
        assert!(detail.contains(word), "`{word}` in: {detail}");
    }
}

#[test]
fn a_checkpoint_that_a_prefix_of_the_syncs_gives_is_explained_though_the_last_say_less() {
    let (source, target) = a_thousand();
    let source = source.commit("g", "orders", 0, 500);
    let plan = planned("", &source, &target.checkpoint("g", "src.orders", 0, 500, 405)).expect("a plan");
    let (resume, origin, state, detail) = only(&plan);
    assert_eq!((resume, origin, state), (Some(405), Origin::Checkpoints, PositionState::Judged));
    assert_eq!(also(&plan).len(), 1, "{detail}");
    assert!(!detail.contains("prefix"), "{detail}");
    assert!(plan.remarks.is_empty(), "{:?}", plan.remarks);
}

#[test]
fn a_checkpoint_that_no_prefix_gives_is_shown_with_both_values_and_is_no_alarm() {
    let (source, target) = a_thousand();
    let source = source.commit("g", "orders", 0, 990);
    let plan = planned("", &source, &target.checkpoint("g", "src.orders", 0, 990, 930)).expect("a plan");
    let (resume, _, state, detail) = only(&plan);
    assert_eq!((resume, state), (Some(930), PositionState::Judged));
    assert_eq!(also(&plan), [(Origin::OffsetSyncs, 910)]);
    says(detail, &["no prefix", "930 for 990", "910 now", "no fault"]);
    assert_eq!(plan.remarks.len(), 1);
    says(&plan.remarks[0], &["1 of 1 checkpoints", "both values"]);
}

#[test]
fn a_commit_on_the_target_is_judged_and_the_other_origins_are_listed() {
    let (source, target) = a_thousand();
    let source = source.commit("g", "orders", 0, 990);
    let of = |commit: i64| {
        let (_, target) = a_thousand();
        target.checkpoint("g", "src.orders", 0, 990, 910).commit("g", "src.orders", 0, commit)
    };
    for (commit, words) in [
        (910, "synced from MirrorMaker 2's checkpoint"),
        (800, "not synced since"),
        (950, "moves no commit back"),
    ] {
        let plan = planned("", &source, &of(commit)).expect("a plan");
        let (resume, origin, state, detail) = only(&plan);
        assert_eq!((resume, origin, state), (Some(commit), Origin::GroupCommits, PositionState::Judged));
        assert_eq!(also(&plan), [(Origin::Checkpoints, 910), (Origin::OffsetSyncs, 910)]);
        says(detail, &[words]);
    }
    // Who names an origin gets it, and is told what a client would do instead.
    let rest = "positions: { origin: checkpoints }";
    let plan = planned(rest, &source, &of(800)).expect("a plan");
    assert_eq!(only(&plan).0, Some(910));
    says(only(&plan).3, &["group_commits says 800, which a client would use instead"]);
    drop(target);
}

#[test]
fn a_stale_checkpoint_keeps_its_position_and_says_how_old_it_is_and_how_far_behind() {
    let (source, target) = a_thousand();
    let source = source.commit("g", "orders", 0, 990);
    let plan = planned("", &source, &target.checkpoint("g", "src.orders", 0, 500, 405)).expect("a plan");
    let (resume, origin, state, detail) = only(&plan);
    assert_eq!((resume, origin, state), (Some(405), Origin::Checkpoints, PositionState::StaleCheckpoint));
    // Written at 0 ms, now is 40 s.
    says(detail, &["40 s ago", "at 500", "490 offsets", "would be 910", "may read its checkpoints topic"]);
    assert!(state.stands(), "what it would skip and replay is counted");

    let (source, target) = a_thousand();
    let back = source.commit("g", "orders", 0, 300);
    let plan = planned("", &back, &target.checkpoint("g", "src.orders", 0, 500, 405)).expect("a plan");
    let (resume, _, state, detail) = only(&plan);
    assert_eq!((resume, state), (Some(405), PositionState::StaleCheckpoint));
    says(detail, &["gone back by 200 offsets"]);
}

#[test]
fn a_checkpoint_that_is_held_back_because_it_would_say_the_same_is_not_stale() {
    let (source, target) = a_thousand();
    let source = source.commit("g", "orders", 0, 995);
    let plan = planned("", &source, &target.checkpoint("g", "src.orders", 0, 990, 910)).expect("a plan");
    let (resume, _, state, detail) = only(&plan);
    assert_eq!((resume, state), (Some(910), PositionState::Judged));
    says(detail, &["when the group was at 990", "at 995 it would say no more"]);
}

#[test]
fn without_a_checkpoint_the_reason_is_told() {
    let plan = |group: &str, commit: i64, first_sync: i64| {
        let (_, target) = a_thousand();
        let source = Fake::new("src", "S")
            .topic("orders", &[(0, 1000)])
            .synced("orders", 0, first_sync, 0)
            .commit(group, "orders", 0, commit);
        planned("", &source, &target).expect("a plan")
    };
    for (group, commit, first_sync, words) in [
        ("console-consumer-77", 500, 0, &["default groups.exclude", "console-consumer-.*"][..]),
        ("connect-sink", 500, 0, &["default groups.exclude"]),
        ("g", 500, 600, &["500 is before the first offset-sync, at 600", "before replication began"]),
        ("g", 700, 600, &["yet", "by its offset-syncs it would be 1", "emit.checkpoints.interval.seconds"]),
        ("g", 1000, 600, &["it has read everything on the source"]),
    ] {
        let plan = plan(group, commit, first_sync);
        let (resume, origin, state, detail) = only(&plan);
        assert_eq!((resume, origin, state), (None, Origin::None, PositionState::NoCheckpoint), "{detail}");
        says(detail, words);
    }
}

#[test]
fn where_the_offset_syncs_topic_is_gone_a_checkpoint_still_stands_and_nothing_else_is_translated() {
    let source = Fake::new("src", "S")
        .topic("orders", &[(0, 1000)])
        .commit("g", "orders", 0, 500)
        .commit("late", "orders", 0, 700);
    let (_, target) = a_thousand();
    let plan = planned("", &source, &target.checkpoint("g", "src.orders", 0, 500, 405)).expect("a plan");
    let [there, late] = [0, 1].map(|at: usize| &plan.groups[at].positions[0]);
    assert_eq!((there.resume, there.state), (Some(405), PositionState::Judged), "{}", there.detail);
    assert_eq!((late.resume, late.state), (None, PositionState::NoOffsetSync));
    says(&late.detail, &["makes none without offset-syncs", "no offset-syncs topic, or it may not be read"]);
}

#[test]
fn a_recreated_target_topic_is_seen_by_syncs_past_its_end() {
    let (source, _) = a_thousand();
    let source = source.commit("g", "orders", 0, 990);
    let target =
        Fake::new("dst", "T").topic("src.orders", &[(0, 950)]).checkpoint("g", "src.orders", 0, 990, 910);
    let plan = planned("", &source, &target).expect("a plan");
    let (resume, _, state, detail) = only(&plan);
    assert_eq!((resume, state), (Some(910), PositionState::TopicRecreated));
    says(detail, &["target offset 999", "ends at 950", "recreated"]);
    // The group's own commit there is no translation.
    let own = planned("", &source, &target.commit("g", "src.orders", 0, 5)).expect("a plan");
    assert_eq!(only(&own).2, PositionState::Judged, "{}", only(&own).3);
}

#[test]
fn a_recreated_source_topic_is_seen_by_syncs_past_its_end() {
    let (mut source, target) = a_thousand();
    source = source.topic("orders", &[(0, 300)]).commit("g", "orders", 0, 200);
    let plan = planned("", &source, &target.checkpoint("g", "src.orders", 0, 990, 910)).expect("a plan");
    let (_, _, state, detail) = only(&plan);
    assert_eq!(state, PositionState::TopicRecreated);
    says(detail, &["source offset 999", "ends at 300", "gone back by 790 offsets"]);
}

#[test]
fn a_recreated_target_topic_is_inferred_where_the_syncs_go_back() {
    let (source, target) = a_thousand();
    let source = source.synced("orders", 0, 1005, 0).synced("orders", 0, 1200, 195);
    let source = source.topic("orders", &[(0, 1201)]).commit("g", "orders", 0, 990);
    let plan = planned("", &source, &target.checkpoint("g", "src.orders", 0, 990, 910)).expect("a plan");
    let (resume, _, state, detail) = only(&plan);
    assert_eq!((resume, state), (Some(910), PositionState::TopicRecreated));
    says(detail, &["from 999 to 0", "it is inferred"]);

    // A MirrorMaker 2 that reads a part again writes it after what it wrote: nothing was recreated.
    let (source, target) = a_thousand();
    let source = source.synced("orders", 0, 950, 1000).commit("g", "orders", 0, 990);
    let target = target.topic("src.orders", &[(0, 1050)]).checkpoint("g", "src.orders", 0, 990, 910);
    let plan = planned("", &source, &target).expect("a plan");
    assert_eq!(only(&plan).2, PositionState::Judged, "{}", only(&plan).3);
}

#[test]
fn logs_that_grow_while_they_are_asked_for_are_no_trouble() {
    let (mut source, mut target) = a_thousand();
    (source.grows, target.grows) = (500, 500);
    let source = source.synced("orders", 0, 1400, 1400).commit("g", "orders", 0, 1401);
    let plan = planned("", &source, &target.checkpoint("g", "src.orders", 0, 1401, 1401)).expect("a plan");
    let (resume, _, state, detail) = only(&plan);
    assert_eq!((resume, state), (Some(1401), PositionState::Judged), "{detail}");
    assert_eq!(
        (plan.pairs[0].source_end, plan.pairs[0].target_end, plan.pairs[0].source_start),
        (1500, 1500, 1401)
    );
    // Without growth the same is trouble.
    let (source, target) = a_thousand();
    let source = source.synced("orders", 0, 1400, 1400).commit("g", "orders", 0, 1401);
    let plan = planned("", &source, &target.checkpoint("g", "src.orders", 0, 1401, 1401)).expect("a plan");
    assert_eq!(only(&plan).2, PositionState::TopicRecreated);
}

#[test]
fn a_group_that_is_active_on_the_target_has_no_position_to_rely_on() {
    let (source, mut target) = a_thousand();
    let source = source.commit("g", "orders", 0, 990);
    target.active.insert("g".into());
    let plan = planned("", &source, &target).expect("a plan");
    let (_, _, state, detail) = only(&plan);
    assert_eq!(state, PositionState::NoCheckpoint, "the stronger trouble");
    says(detail, &["not synced, because the group is active on the target", "stop its consumers there"]);

    let (_, target) = a_thousand();
    let mut target = target.checkpoint("g", "src.orders", 0, 990, 910).commit("g", "src.orders", 0, 700);
    target.active.insert("g".into());
    let plan = planned("", &source, &target).expect("a plan");
    let (resume, _, state, detail) = only(&plan);
    assert_eq!((resume, state), (Some(700), PositionState::TargetGroupActive));
    says(detail, &["the checkpoint says 910: not synced, because the group is active"]);
    assert!(plan.remarks.iter().any(|r| r.contains("group g is consuming")), "{:?}", plan.remarks);
}

#[test]
fn commits_of_an_offset_preserving_copy_say_whether_they_are_synced_or_clamped() {
    let rest = "replication: { kind: offset_preserving, policy: identity }";
    for (on_target, resume, words) in [
        (Some(90), 90, "synced: the same number"),
        (Some(80), 80, "clamped to the target's log end: the commit on the source, 90"),
        (Some(40), 40, "on the source it is 90: not synced since"),
        (Some(95), 95, "has gone back there, or was used on the target"),
        (None, 90, "the group has no commit on the target; offsets are preserved"),
    ] {
        let source = Fake::new("src", "S").topic("orders", &[(0, 100)]).commit("g", "orders", 0, 90);
        let end = if words.starts_with("clamped") { 80 } else { 100 };
        let mut target = Fake::new("dst", "T").topic("orders", &[(0, end)]);
        if let Some(offset) = on_target {
            target = target.commit("g", "orders", 0, offset);
        }
        let plan = planned(rest, &source, &target).expect("a plan");
        let (position, _, state, detail) = only(&plan);
        assert_eq!((position, state), (Some(resume), PositionState::Judged), "{detail}");
        says(detail, &[words]);
        let fell_back = plan.remarks.iter().any(|r| r.contains("1 of 1 positions fell back to identity"));
        assert_eq!(fell_back, on_target.is_none(), "{:?}", plan.remarks);
    }
}

#[test]
fn without_the_offset_syncs_topic_checkpoints_stand_and_nothing_is_recomputed() {
    let with = || Fake::new("src", "S").topic("orders", &[(0, 1000)]).commit("g", "orders", 0, 500);
    let (_, target) = a_thousand();
    let plan = planned("", &with(), &target.checkpoint("g", "src.orders", 0, 500, 405)).expect("a plan");
    assert_eq!(only(&plan).2, PositionState::Judged, "{}", only(&plan).3);
    assert_eq!(also(&plan), []);

    let (_, target) = a_thousand();
    let plan = planned("positions: { origin: offset_syncs }", &with(), &target).expect("a plan");
    let (resume, origin, state, detail) = only(&plan);
    assert_eq!((resume, origin, state), (None, Origin::None, PositionState::NoOffsetSync), "{detail}");
    says(detail, &["no offset-syncs topic", "replication.offset_syncs_location"]);
    // Without it MirrorMaker 2 makes no checkpoint either.
    let (_, target) = a_thousand();
    let plan = planned("", &with(), &target).expect("a plan");
    assert_eq!(only(&plan).2, PositionState::NoOffsetSync, "{}", only(&plan).3);
}

#[test]
fn a_commit_on_the_target_without_one_on_the_source_is_a_position_that_is_not_judged() {
    let source = || source().commit("g", "orders", 0, 500).commit("g", "payments", 0, 4);
    let target = || {
        target()
            .checkpoint("g", "src.orders", 0, 500, 405)
            .checkpoint("gone", "src.orders", 1, 20, 20)
            .commit("g", "src.orders", 1, 40)
            .commit("own", "src.payments", 0, 3)
            .commit("theirs", "src.refunds", 0, 9)
    };
    let plan = planned("", &source(), &target()).expect("a plan");
    let of_g = [
        "g orders-0 500 405 Checkpoints Judged",
        "g orders-1 - 40 GroupCommits NoSourceCommit",
        "g payments-0 4 - None NoOffsetSync",
    ];
    let of_own = "own payments-0 - 3 GroupCommits NoSourceCommit";
    assert_eq!(positions(&plan), [&of_g[..], &[of_own]].concat(), "`theirs` reads other topics");
    let detail = &plan.groups[0].positions[1].detail;
    says(detail, &["no commit on orders-1 of the source", "commit there, 40", "groups.exclude"]);
    assert!(!detail.contains("live members"), "{detail}");
    let orders1 = &plan.pairs[1];
    assert_eq!((orders1.source_start, orders1.target_hint), (0, None), "no group stands on it");
    let left_out = planned("groups: { exclude: [own] }", &source(), &target()).expect("a plan");
    assert_eq!(positions(&left_out), of_g);

    // A target that lists no groups is asked for those that are known otherwise.
    let mut silent = target();
    silent.lists_groups = false;
    assert_eq!(positions(&planned("", &source(), &silent).expect("a plan")), of_g);
    // Where the source lists none, those of the target are asked for there, too.
    let mut mute = source().commit("own", "payments", 0, 2);
    mute.lists_groups = false;
    let plan = planned("groups: { include: ['o.*'] }", &mute, &target()).expect("a plan");
    assert_eq!(positions(&plan), ["own payments-0 2 3 GroupCommits Judged"]);

    // Alone it is nothing to start a range at.
    let alone = "groups: { include: ['own'] }";
    let refused = planned(alone, &source(), &target()).expect_err("no commit on the source").to_string();
    assert!(refused.contains("no consumer group on source"), "{refused}");
    let mut active = target();
    active.active.insert("own".into());
    let plan = planned(&format!("{alone}\nrange: {{ start: earliest }}"), &source(), &active);
    let (resume, origin, state, detail) = only(plan.as_ref().expect("a plan"));
    assert_eq!((resume, origin, state), (Some(3), Origin::GroupCommits, PositionState::NoSourceCommit));
    says(detail, &["live members"]);
}

#[test]
fn a_target_that_does_not_tell_who_consumes_is_not_taken_for_one_where_nobody_does() {
    let planned_on = |lists: bool, tells: bool| {
        let (source, target) = a_thousand();
        let source = source.commit("g", "orders", 0, 990).commit("h", "orders", 0, 990);
        let commit = |target: Fake, group| {
            target.checkpoint(group, "src.orders", 0, 990, 910).commit(group, "src.orders", 0, 910)
        };
        let mut target = commit(commit(target, "g"), "h");
        target.active.insert("g".into());
        (target.lists_groups, target.tells_members) = (lists, tells);
        let plan = planned("", &source, &target).expect("a plan");
        let states: Vec<_> = plan.groups.iter().map(|group| group.positions[0].state).collect();
        (plan, states, target.member_requests.get())
    };
    use PositionState::{Judged, TargetGroupActive};
    for lists in [true, false] {
        let (plan, states, requests) = planned_on(lists, false);
        assert_eq!((states, plan.members_unknown), (vec![Judged; 2], 2), "{lists}");
        let remark = plan.remarks.iter().find(|remark| remark.contains("live members")).expect("a remark");
        says(remark, &["target \"dst\" does not tell whether 2 groups", "see that they are stopped"]);
        assert_eq!(requests, 1, "who does not tell of one tells of none");
        let (plan, states, _) = planned_on(lists, true);
        assert_eq!((states, plan.members_unknown), (vec![TargetGroupActive, Judged], 0), "{lists}");
        assert!(!plan.remarks.iter().any(|remark| remark.contains("live members")), "{:?}", plan.remarks);
    }
}
