//! A known run for the tests: two groups, two pairs, one finding of each kind. Reads and writes no file.
#![allow(dead_code)]

use cutproof_reports::*;

/// A record at `topic-partition@offset`.
pub fn place(topic: &str, partition: i32, offset: i64, timestamp: Option<i64>) -> Option<RecordPlace> {
    let timestamp_type = match timestamp {
        Some(_) => TimestampType::CreateTime,
        None => TimestampType::NotAvailable,
    };
    Some(RecordPlace { topic: topic.into(), partition, offset, timestamp, timestamp_type })
}

/// One finding of each kind, and one whose producer sent nanoseconds as milliseconds.
pub fn findings() -> Vec<Finding> {
    let at = 1_700_000_000_123;
    let source = |offset| place("orders", 0, offset, Some(at));
    let target = |offset| place("src.orders", 0, offset, Some(at + 1));
    let hash = |digit: char| Some(digit.to_string().repeat(32));
    let finding = |finding_id, kind, source, target| Finding {
        finding_id,
        kind,
        parts: Vec::new(),
        cause: None,
        order_broken: None,
        source,
        target,
        key_hash: hash('a'),
        source_value_hash: hash('b'),
        target_value_hash: None,
        detail: String::new(),
    };
    vec![
        finding(0, FindingKind::MissingRecord, source(7), None),
        Finding {
            cause: Some("aborted_transaction_replicated".into()),
            key_hash: None,
            source_value_hash: None,
            target_value_hash: hash('c'),
            ..finding(1, FindingKind::ExtraneousRecord, None, target(8))
        },
        finding(2, FindingKind::DuplicateRecord, source(9), target(12)),
        Finding {
            order_broken: Some(OrderBroken::Key),
            ..finding(3, FindingKind::ReorderedRecord, source(10), target(9))
        },
        Finding {
            parts: vec![Part::Value, Part::Headers, Part::TimestampType],
            target_value_hash: hash('d'),
            detail: "value: 12 bytes against 13; header `trace` | differs".into(),
            ..finding(4, FindingKind::MismatchedRecord, source(11), target(10))
        },
        finding(
            5,
            FindingKind::MisplacedRecord,
            source(9_007_199_254_740_993),
            place("src.orders", 1, 3, None),
        ),
        Finding {
            parts: vec![Part::Schema],
            detail: "Größe \"値段\"\nsecond line".into(),
            ..finding(6, FindingKind::UndecodableRecord, source(13), target(i64::MAX))
        },
        Finding {
            detail: "values differ".into(),
            ..finding(7, FindingKind::MissingRecord, place("orders", 0, 14, Some(at * 1_000_000)), None)
        },
    ]
}

/// A pair that diverges and one that does not.
pub fn pairs() -> Vec<PairSummary> {
    let counts = Counts {
        source_records: 1_000,
        target_records: 999,
        matched: 992,
        equal_meaning: 4,
        pending: 2,
        unverifiable: 1,
        compacted: 0,
        compacted_or_dropped: 0,
        findings: FindingKind::ALL.into_iter().zip([2, 1, 1, 1, 1, 1, 1]).collect(),
    };
    vec![
        PairSummary {
            source_topic: "clean".into(),
            source_partition: Some(0),
            target_topic: "src.clean".into(),
            target_partition: Some(0),
            source_start_offset: Some(0),
            source_end_offset: Some(5),
            target_start_offset: Some(0),
            target_end_offset: Some(5),
            counts: Counts { source_records: 5, target_records: 5, matched: 5, ..Counts::default() },
            ..PairSummary::default()
        },
        PairSummary {
            source_topic: "orders".into(),
            source_partition: Some(0),
            target_topic: "src.orders".into(),
            target_partition: Some(0),
            source_start_offset: Some(7),
            source_end_offset: Some(1_100),
            target_start_offset: Some(3),
            target_end_offset: Some(1_010),
            counts,
            remarks: vec!["offset 55: an oversized batch was stepped over".into(), "second".into()],
            notes: Vec::new(),
        },
    ]
}

/// A safe group, and one that would skip.
pub fn groups() -> Vec<GroupSummary> {
    let position = PositionSummary {
        topic: "orders".into(),
        partition: Some(0),
        target_topic: "src.orders".into(),
        target_partition: Some(0),
        source_offset: Some(500),
        target_offset: Some(405),
        origin: Origin::Checkpoints,
        also: vec![OtherPosition { origin: Origin::OffsetSyncs, offset: 304 }],
        image_offset: Some(499),
        skip_records: Some(0),
        replay_records: Some(94),
        missing_records: Some(0),
        records_read_to_locate: 130,
        state: PositionState::Judged,
        detail: String::new(),
    };
    let unknown = PositionSummary {
        partition: Some(1),
        target_partition: Some(1),
        target_offset: None,
        origin: Origin::None,
        also: Vec::new(),
        image_offset: None,
        skip_records: None,
        replay_records: None,
        missing_records: None,
        state: PositionState::NoCheckpoint,
        detail: "no checkpoint: let the connector run, or use offset_syncs".into(),
        ..position.clone()
    };
    vec![
        GroupSummary {
            group: "audit".into(),
            scorecard: Scorecard::Yellow,
            positions: vec![position.clone()],
        },
        GroupSummary {
            group: "billing,\"eu\"".into(),
            scorecard: Scorecard::Red,
            positions: vec![PositionSummary { skip_records: Some(12), ..position }, unknown],
        },
    ]
}

/// Runs of the offset map.
pub fn offset_runs() -> Vec<OffsetRun> {
    let run = |source_offset, target_offset, record_count| OffsetRun {
        source_topic: "orders".into(),
        source_partition: 0,
        source_offset,
        target_topic: "src.orders".into(),
        target_partition: 0,
        target_offset,
        record_count,
    };
    vec![run(7, 3, 100), run(108, 103, 1), run(9_007_199_254_740_993, 104, 5)]
}

/// The manifest of the known run.
pub fn manifest(run_id: &str) -> RunManifest {
    let pairs = pairs();
    let mut totals = pairs[1].counts.clone();
    totals.source_records += 5;
    totals.target_records += 5;
    totals.matched += 5;
    RunManifest {
        schema_version: SCHEMA_VERSION,
        cutproof_version: "0.1.0".into(),
        run_id: run_id.into(),
        state: RunState::Complete,
        verdict: Verdict::Divergent,
        exit_code: 10,
        reasons: vec!["2 missing_record".into(), "group billing,\"eu\" would skip 12 records".into()],
        started_at: "2026-11-21T10:00:00Z".into(),
        finished_at: "2026-11-21T10:05:00Z".into(),
        config_digest: "ab".repeat(32),
        source: ClusterSummary { alias: "src".into(), cluster_id: "kWbYz0000000000000000A".into() },
        target: ClusterSummary { alias: "dst".into(), cluster_id: "kWbYz0000000000000000B".into() },
        barrier: Barrier {
            source_ends_at: "2026-11-21T10:04:00Z".into(),
            target_ends_at: "2026-11-21T10:04:30Z".into(),
            rounds: 2,
        },
        totals,
        records_read_to_locate: 260,
        pairs,
        groups: groups(),
        self_check: SelfCheck {
            planted: [(FindingKind::MissingRecord, 3), (FindingKind::DuplicateRecord, 2)].into(),
            found: [(FindingKind::MissingRecord, 3), (FindingKind::DuplicateRecord, 1)].into(),
            passed: false,
            detail: String::new(),
        },
        files: Vec::new(),
    }
}

/// Writes the whole known run.
pub fn write_run(run: &RunDirectory) -> RunManifest {
    write_run_as(run, RunState::Complete)
}

pub fn write_run_as(run: &RunDirectory, state: RunState) -> RunManifest {
    let mut writer = run.findings_writer().expect("a writable directory");
    for finding in findings() {
        writer.push(&finding).expect("a writable directory");
    }
    let summary = writer.close().expect("a writable directory");
    run.write_pairs(&pairs()).expect("a writable directory");
    run.write_positions(&groups()).expect("a writable directory");
    let mut map = run.offset_map_writer().expect("a writable directory");
    for offset_run in offset_runs() {
        map.push(&offset_run).expect("a writable directory");
    }
    map.close().expect("a writable directory");
    run.write_resume_offsets(&groups()).expect("a writable directory");
    let manifest = RunManifest { state, ..manifest(run.run_id()) };
    run.write_report(&manifest, &summary.first).expect("a writable directory");
    run.finish(manifest).expect("a writable directory")
}
