use std::collections::BTreeMap;

use cutproof_reports::{
    Barrier, ClusterSummary, Counts, FindingKind, Part, RecordPlace, RunState, SelfCheck, TimestampType,
    Verdict,
};

use super::*;

fn expect(text: &str) -> Expect {
    cutproof::config::from_yaml(text).expect("an expectation")
}

fn missing(offset: i64) -> Finding {
    Finding {
        finding_id: 0,
        kind: FindingKind::MissingRecord,
        parts: Vec::new(),
        cause: None,
        order_broken: None,
        source: Some(RecordPlace {
            topic: "orders".into(),
            partition: 0,
            offset,
            timestamp: None,
            timestamp_type: TimestampType::CreateTime,
        }),
        target: None,
        key_hash: None,
        source_value_hash: None,
        target_value_hash: None,
        detail: String::new(),
    }
}

fn run(matched: u64, findings: Vec<Finding>) -> ProofEnd {
    let manifest = RunManifest {
        schema_version: 1,
        cutproof_version: String::new(),
        run_id: String::new(),
        state: RunState::Complete,
        verdict: if findings.is_empty() { Verdict::Match } else { Verdict::Divergent },
        exit_code: if findings.is_empty() { 0 } else { 10 },
        reasons: Vec::new(),
        started_at: String::new(),
        finished_at: String::new(),
        config_digest: String::new(),
        source: ClusterSummary::default(),
        target: ClusterSummary::default(),
        barrier: Barrier::default(),
        totals: Counts { matched, findings: BTreeMap::new(), ..Counts::default() },
        records_read_to_locate: 0,
        pairs: Vec::new(),
        groups: Vec::new(),
        self_check: SelfCheck::default(),
        files: Vec::new(),
    };
    ProofEnd::Ended { manifest: Box::new(manifest), findings }
}

#[test]
fn a_finding_too_many_and_one_too_few_are_both_told() {
    let expect = expect("{ verdict: divergent, findings: [{ kind: missing_record, source: orders-0@1 }] }");
    assert_eq!(differences(&expect, &[], &run(5, vec![missing(1)])), Vec::<String>::new());
    assert_eq!(
        differences(&expect, &[], &run(5, vec![missing(2)])),
        [
            "findings: expected 1 of missing_record, source orders-0@1, found 0",
            "findings: not expected: missing_record, source orders-0@2"
        ]
    );
    assert_eq!(differences(&expect, &[], &run(5, vec![missing(1), missing(1)])).len(), 1);
}

#[test]
fn counts_are_exact_unless_they_say_otherwise() {
    let three = vec![missing(1), missing(2), missing(3)];
    let told = |count: &str| {
        let text =
            format!("{{ verdict: divergent, findings: [{{ kind: missing_record, count: {count} }}] }}");
        differences(&expect(&text), &[], &run(5, three.clone())).len()
    };
    assert_eq!(told("3"), 0);
    assert_eq!(told("at least 2"), 0);
    assert_eq!(told("2"), 1);
    assert_eq!(told("at least 4"), 1);
}

#[test]
fn the_closest_description_takes_its_finding_before_a_vague_one() {
    let vague_first = expect(
        "{ verdict: divergent, findings: [{ kind: missing_record }, { kind: missing_record, source: orders-0@1 }] }",
    );
    assert_eq!(differences(&vague_first, &[], &run(5, vec![missing(1), missing(9)])), Vec::<String>::new());
}

#[test]
fn every_part_cause_and_kind_counts() {
    let found = Finding {
        kind: FindingKind::MismatchedRecord,
        parts: vec![Part::Headers, Part::Value],
        cause: Some("because".into()),
        detail: "a.b differs".into(),
        ..missing(1)
    };
    let told = |entry: &str| {
        let expect = expect(&format!("{{ verdict: divergent, findings: [{{ {entry} }}] }}"));
        differences(&expect, &[], &run(5, vec![found.clone()])).len()
    };
    assert_eq!(told("kind: mismatched_record, parts: [value, headers], cause: because, detail: a.b"), 0);
    for wrong in [
        "kind: missing_record",
        "kind: mismatched_record, parts: [value]",
        "kind: mismatched_record, cause: other",
        "kind: mismatched_record, detail: other",
        "kind: mismatched_record, source: orders-1",
        "kind: mismatched_record, target: orders-0@1",
        "kind: mismatched_record, order_broken: key",
    ] {
        assert_eq!(told(wrong), 2, "{wrong}");
    }
}

#[test]
fn a_proof_that_matched_nothing_is_a_failure_unless_that_is_expected() {
    let text = "{ verdict: match, findings: [] }";
    assert!(differences(&expect(text), &[], &run(0, vec![]))[0].contains("matched no record"));
    let text = "{ verdict: match, findings: [], totals: { matched: 0 } }";
    assert_eq!(differences(&expect(text), &[], &run(0, vec![])), Vec::<String>::new());
}

#[test]
fn a_group_that_is_not_there_and_a_proof_that_refused_are_differences() {
    let with_group = expect("{ verdict: match, findings: [], groups: [{ group: g, skip: 0 }] }");
    assert_eq!(differences(&with_group, &[], &run(5, vec![])).len(), 1);
    let end = ProofEnd::Refused { exit_code: 2, error: "no topic matches".into() };
    assert_eq!(differences(&with_group, &[], &end).len(), 1);
    assert_eq!(differences(&expect("{ error: no topic, exit_code: 2 }"), &[], &end), Vec::<String>::new());
    assert_eq!(differences(&expect("{ error: other, exit_code: 1 }"), &[], &end).len(), 2);
    assert_eq!(differences(&expect("{ error: other }"), &[], &run(5, vec![])).len(), 1);
}
