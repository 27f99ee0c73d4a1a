use super::*;
use cutproof_reports::Origin;

fn results<'a>(
    findings: Vec<(&'a [Allowance], BTreeMap<FindingKind, u64>)>,
    groups: &'a [GroupSummary],
) -> Results<'a> {
    Results {
        findings,
        compacted_or_dropped: Vec::new(),
        records: [10, 10],
        pending: 0,
        unverifiable: 0,
        unread: Vec::new(),
        groups,
        members_unknown: false,
        conditional: false,
        self_check_failed: None,
    }
}

fn position(skip: u64, replay: u64, state: PositionState) -> PositionSummary {
    PositionSummary {
        topic: "orders".into(),
        partition: Some(3),
        target_topic: "src.orders".into(),
        target_partition: Some(3),
        source_offset: Some(7),
        target_offset: Some(7),
        origin: Origin::Checkpoints,
        also: Vec::new(),
        image_offset: Some(7),
        skip_records: Some(skip),
        replay_records: Some(replay),
        missing_records: Some(0),
        records_read_to_locate: 0,
        state,
        detail: String::new(),
    }
}

fn group(position: PositionSummary) -> Vec<GroupSummary> {
    let positions = vec![position];
    vec![GroupSummary { group: "billing".into(), scorecard: scorecard(&positions), positions }]
}

#[test]
fn records_that_agree_and_groups_that_skip_nothing_pass_even_with_replay() {
    let groups = group(position(0, 5, PositionState::Judged));
    let decision = decide(&results(vec![], &groups));
    assert_eq!((decision.verdict, decision.exit_code), (Verdict::Match, 0));
    assert_eq!(groups[0].scorecard, Scorecard::Yellow);
}

#[test]
fn what_a_row_of_one_side_leaves_to_the_other_side_is_not_held_against_the_group() {
    let commit = PositionSummary {
        target_partition: None,
        skip_records: None,
        replay_records: None,
        ..position(0, 0, PositionState::Judged)
    };
    let resume =
        PositionSummary { partition: None, missing_records: None, ..position(0, 0, PositionState::Judged) };
    assert_eq!(scorecard(&[commit.clone(), resume.clone()]), Scorecard::Green);
    let lost = PositionSummary { missing_records: Some(1), ..commit };
    assert_eq!(scorecard(&[lost, resume.clone()]), Scorecard::Red);
    let unknown = PositionSummary { skip_records: None, ..resume };
    assert_eq!(scorecard(&[unknown]), Scorecard::Red);
}

#[test]
fn no_record_compared_is_never_a_match() {
    let decision = decide(&Results { records: [0, 0], ..results(vec![], &[]) });
    assert_eq!((decision.verdict, decision.exit_code), (Verdict::Inconclusive, 12));
}

#[test]
fn a_group_that_skips_is_no_go_though_the_records_agree() {
    let groups = group(position(2, 0, PositionState::Judged));
    let decision = decide(&results(vec![], &groups));
    assert_eq!((decision.verdict, decision.exit_code), (Verdict::Match, 10));
    assert_eq!(decision.reasons, ["group billing at orders-3 would skip 2 records"]);
    assert_eq!(groups[0].scorecard, Scorecard::Red);
}

#[test]
fn a_position_that_was_not_judged_is_inconclusive() {
    let groups = group(position(0, 0, PositionState::NoCheckpoint));
    assert_eq!(decide(&results(vec![], &groups)).exit_code, 12);
}

#[test]
fn a_group_without_any_position_is_inconclusive_and_named() {
    let groups = [GroupSummary { group: "ghost".into(), scorecard: scorecard(&[]), positions: Vec::new() }];
    let decision = decide(&results(vec![], &groups));
    assert_eq!((decision.verdict, decision.exit_code), (Verdict::Inconclusive, 12));
    let [reason] = &decision.reasons[..] else { panic!("{:?}", decision.reasons) };
    assert!(
        reason.starts_with("group ghost has no position") && reason.contains("groups.include"),
        "{reason}"
    );
    assert_eq!(groups[0].scorecard, Scorecard::Red);
}

#[test]
fn only_two_states_let_a_group_go_and_only_with_all_counts() {
    for state in PositionState::ALL {
        let groups = group(position(0, 0, state));
        let decision = decide(&results(vec![], &groups));
        let (code, colour) = match state {
            PositionState::Judged => (0, Scorecard::Green),
            PositionState::StaleCheckpoint => (0, Scorecard::Yellow),
            _ => (12, Scorecard::Red),
        };
        assert_eq!((decision.exit_code, groups[0].scorecard), (code, colour), "{state:?}");
        let skipping = group(position(1, 0, state));
        assert_eq!(decide(&results(vec![], &skipping)).exit_code, 10, "{state:?}: a counted skip is a no-go");
        assert_eq!(skipping[0].scorecard, Scorecard::Red);
        for without in [
            PositionSummary { skip_records: None, ..position(0, 0, state) },
            PositionSummary { replay_records: None, ..position(0, 0, state) },
            PositionSummary { missing_records: None, ..position(0, 0, state) },
        ] {
            let groups = group(without);
            assert_eq!(
                decide(&results(vec![], &groups)).exit_code,
                12,
                "{state:?}: an absent count is no zero"
            );
            assert_eq!(groups[0].scorecard, Scorecard::Red, "{state:?}");
        }
    }
}

#[test]
fn an_allowance_covers_its_kind_up_to_its_limit_and_is_named() {
    let allowances = [Allowance {
        finding: Allowed::Finding(FindingKind::DuplicateRecord),
        max: Some(3),
        reason: "consumers are idempotent".into(),
    }];
    let counts = |n| BTreeMap::from([(FindingKind::DuplicateRecord, n)]);
    let three = decide(&results(vec![(&allowances, counts(3))], &[]));
    assert_eq!((three.verdict, three.exit_code), (Verdict::Match, 0));
    assert_eq!(three.reasons, ["3 duplicate_record allowed: consumers are idempotent"]);
    assert_eq!(decide(&results(vec![(&allowances, counts(4))], &[])).exit_code, 10);
    let other = BTreeMap::from([(FindingKind::MissingRecord, 1)]);
    assert_eq!(decide(&results(vec![(&allowances, other)], &[])).exit_code, 10);
}

#[test]
fn what_may_be_compacted_or_dropped_is_inconclusive_unless_it_is_allowed() {
    let allowances = [Allowance {
        finding: Allowed::CompactedOrDropped,
        max: Some(3),
        reason: "deletions are replayed from the database".into(),
    }];
    let decided = |allowances: &[Allowance], n| {
        let groups = [];
        let results = results(vec![], &groups);
        let decision = decide(&Results { compacted_or_dropped: vec![(allowances, n)], ..results });
        (decision.verdict, decision.exit_code)
    };
    assert_eq!(decided(&[], 1), (Verdict::Inconclusive, 12));
    assert_eq!(decided(&[], 0), (Verdict::Match, 0));
    assert_eq!(decided(&allowances, 3), (Verdict::Match, 0));
    assert_eq!(decided(&allowances, 4), (Verdict::Inconclusive, 12));
}

#[test]
fn divergent_comes_before_inconclusive() {
    let missing = BTreeMap::from([(FindingKind::MissingRecord, 1)]);
    let decision = decide(&Results { pending: 5, ..results(vec![(&[], missing)], &[]) });
    assert_eq!((decision.verdict, decision.exit_code), (Verdict::Divergent, 10));
    assert_eq!(decision.reasons.len(), 2);
}

#[test]
fn what_is_pending_unverifiable_unread_or_failed_is_inconclusive() {
    let base = || results(vec![], &[]);
    for open in [
        Results { pending: 1, ..base() },
        Results { unverifiable: 1, ..base() },
        Results { unread: vec!["orders-0 stalled".into()], ..base() },
        Results { self_check_failed: Some("planted 1, found 0".into()), ..base() },
    ] {
        assert_eq!(decide(&open).exit_code, 12, "{open:?}");
    }
}

#[test]
fn a_go_with_conditions_is_told_apart_only_where_that_is_asked() {
    let replaying = group(position(0, 5, PositionState::Judged));
    let asked =
        |groups: &[GroupSummary]| decide(&Results { conditional: true, ..results(vec![], groups) }).exit_code;
    assert_eq!(asked(&replaying), 11);
    assert_eq!(asked(&group(position(0, 0, PositionState::Judged))), 0);
    assert_eq!(asked(&group(position(0, 0, PositionState::StaleCheckpoint))), 11);
    assert_eq!(asked(&group(position(1, 5, PositionState::Judged))), 10);
    assert_eq!(asked(&group(position(0, 5, PositionState::NoCheckpoint))), 12);
    assert_eq!(decide(&results(vec![], &replaying)).exit_code, 0);
    let exact = group(position(0, 0, PositionState::Judged));
    for (conditional, code) in [(true, 11), (false, 0)] {
        let silent = Results { members_unknown: true, conditional, ..results(vec![], &exact) };
        assert_eq!(decide(&silent).exit_code, code, "whoever consumes on the target moves the position");
    }
}

#[test]
fn what_a_go_asks_for_is_told_first_with_a_few_of_the_groups_and_only_where_the_exit_code_says_so() {
    let named = |name: &str, position: PositionSummary| GroupSummary {
        group: name.into(),
        ..group(position).remove(0)
    };
    let again = ["a", "b", "c", "d"].map(|name| named(name, position(0, 5, PositionState::Judged)));
    let stale = named("e", position(0, 0, PositionState::StaleCheckpoint));
    let groups: Vec<GroupSummary> = again.into_iter().chain([stale]).collect();
    let allowances = [Allowance {
        finding: Allowed::Finding(FindingKind::DuplicateRecord),
        max: None,
        reason: "idempotent".into(),
    }];
    let base = || {
        let counts = BTreeMap::from([(FindingKind::DuplicateRecord, 2)]);
        results(vec![(&allowances, counts)], &groups)
    };
    let allowed = "2 duplicate_record allowed: idempotent";
    let asked = decide(&Results { conditional: true, members_unknown: true, ..base() });
    assert_eq!(asked.exit_code, 11);
    let expected = [
        "groups that would process records again: a (5 records), b (5 records), c (5 records) and 1 more",
        "groups that rest on a stale checkpoint: e",
        "the target does not tell whether groups have live members there",
        allowed,
    ];
    assert_eq!(asked.reasons, expected);
    assert_eq!(decide(&Results { members_unknown: true, ..base() }).reasons, [allowed]);
    let pending = decide(&Results { conditional: true, pending: 1, ..base() });
    assert_eq!((pending.exit_code, pending.reasons.len()), (12, 2), "{:?}", pending.reasons);
}
