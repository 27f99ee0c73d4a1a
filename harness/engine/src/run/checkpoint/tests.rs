//! What is written is what is read, and what does not fit is refused.

use std::borrow::Cow;
use std::num::NonZeroU64;
use std::path::Path;

use super::load::{decode, head};
use super::*;
use crate::align::{Item, Region, Runs, Snapshot};
use crate::positions::{
    GroupPlan, GroupPosition, Ignored, LaneResume, PairPlan, Plan, SourceLane, TargetLane, UnitPlan,
    UnitPosition,
};
use crate::record::{Contract, OffsetRange, OrderPromise};
use crate::run::same::TopicIds;
use cutproof_reports::{Origin, OtherPosition, PositionState};

fn config(more: &str) -> ProofConfig {
    let text = format!(
        "apiVersion: cutproof/v1\nkind: Proof\nsource: {{ bootstrap_servers: \"a:1\" }}\n\
         target: {{ bootstrap_servers: \"b:1\" }}\n{more}"
    );
    crate::config::parse(&text, Path::new("")).expect("a configuration")
}

fn plan(contract: Contract) -> Plan {
    let pair = |partition: i32| PairPlan {
        source: TopicPartition::new("orders", partition),
        target: TopicPartition::new("src.orders", partition),
        contract: contract.clone(),
        source_start: 1,
        source_end: 2,
        source_log_start: 3,
        target_log_start: 4,
        target_end: 5,
        start_reason: "why".into(),
        target_hint: Some(6),
        target_start: (partition == 0).then_some(7),
        lead_in_from: Some(i64::MAX),
        records_read_to_locate: 17,
    };
    let position = GroupPosition {
        pair: 1,
        committed: Some(8),
        resume: Some(9),
        origin: Origin::GroupCommits,
        also: vec![OtherPosition { origin: Origin::Checkpoints, offset: 10 }],
        state: PositionState::Judged,
        detail: "detail".into(),
        records_read_to_locate: 18,
    };
    let unit = UnitPlan {
        sources: vec![SourceLane {
            partition: TopicPartition::new("orders", 4),
            log_start: 10,
            start: 11,
            end: 12,
            start_reason: "there".into(),
        }],
        targets: vec![TargetLane { partition: TopicPartition::new("all", 5), log_start: 13, end: 14 }],
        contract: contract.clone(),
    };
    let on_unit = UnitPosition {
        unit: 0,
        committed: vec![Some(15), None],
        commit_states: vec![(PositionState::NotLocated, "lost".into())],
        resumes: vec![LaneResume {
            offset: Some(16),
            origin: Origin::Csv,
            also: vec![OtherPosition { origin: Origin::Csv, offset: 11 }],
            state: PositionState::BeyondTargetEnd,
            detail: "far".into(),
        }],
        records_read_to_locate: 19,
    };
    Plan {
        source_cluster_id: "S".into(),
        target_cluster_id: "T".into(),
        pairs: vec![pair(0), pair(1)],
        units: vec![unit],
        groups: vec![GroupPlan { group: "billing".into(), positions: vec![position], units: vec![on_unit] }],
        members_unknown: 1,
        ignored: vec![Ignored { name: "logs".into(), reason: "none".into() }],
        remarks: vec!["remark".into()],
        records_read_to_locate: 20,
    }
}

fn pair() -> PairSoFar<'static> {
    let item = |n: i64| Item {
        identity: u128::MAX - n as u128,
        offset: n,
        timestamp: -1,
        key: NonZeroU64::new(n as u64),
        value: u64::MAX,
    };
    let region = Region {
        range: [OffsetRange { start: 1, end: 4 }, OffsetRange { start: 2, end: 2 }],
        left_over: [vec![item(0), item(3)], vec![]],
        sighted: [None, Some(40)],
        watched_to: [i64::MAX, 17],
        solved: false,
    };
    PairSoFar {
        source_ends_at: time::OffsetDateTime::UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_001),
        source_barrier: 99,
        first_target_end: 70,
        intake: [[1, u128::MAX].into_iter().collect(), [5].into_iter().collect()],
        schema_ids: [3, 1].into(),
        holes: [vec![], vec![Hole { range: OffsetRange { start: 5, end: 9 }, detail: "bad batch".into() }]],
        snapshot: Snapshot {
            next_offset: [50, 60],
            runs: Cow::Owned(Runs::from_spans([(4, 2, 10), (20, 12, 30)])),
            regions: Cow::Owned(vec![region]),
        },
    }
}

/// As locating met them: none on the source.
fn holes() -> [Vec<(TopicPartition, Vec<Hole>)>; 2] {
    let hole = |start, end| Hole { range: OffsetRange { start, end }, detail: format!("bad at {start}") };
    let of = |partition, holes| (TopicPartition::new("src.orders", partition), holes);
    [vec![], vec![of(0, vec![hole(3, 5), hole(8, 9)]), of(1, vec![hole(0, i64::MAX)])]]
}

#[test]
fn a_pair_is_read_as_it_was_written() {
    let written = pair();
    let bytes = postcard::to_stdvec(&PairToSave::of(&written)).expect("written");
    let read = postcard::from_bytes::<SavedPair>(&bytes).expect("read").pair().expect("in range");
    let PairSoFar { source_ends_at, source_barrier, first_target_end, intake, schema_ids, holes, snapshot } =
        read;
    assert_eq!(holes, written.holes);
    assert_eq!(
        (source_ends_at, source_barrier, first_target_end, intake, schema_ids),
        (
            written.source_ends_at,
            written.source_barrier,
            written.first_target_end,
            written.intake,
            written.schema_ids
        )
    );
    assert_eq!(snapshot.next_offset, written.snapshot.next_offset);
    assert_eq!(snapshot.runs.as_slice(), written.snapshot.runs.as_slice());
    assert_eq!(snapshot.regions, written.snapshot.regions);
}

#[test]
fn runs_whose_numbers_overflow_are_refused_and_do_not_panic() {
    for spans in [vec![(0, 0, u64::MAX)], vec![(0, 0, 1 << 62), (0, 0, 1 << 62)], vec![(i64::MAX, 0, 1)]] {
        let mut written = pair();
        written.snapshot.runs = Cow::Owned(Runs::from_spans(spans.iter().copied()));
        let bytes = postcard::to_stdvec(&PairToSave::of(&written)).expect("written");
        let read = postcard::from_bytes::<SavedPair>(&bytes).expect("well formed");
        assert!(read.pair().is_err(), "{spans:?}");
    }
}

/// After a change of the format, `CUTPROOF_WRITE_SEEDS=1` writes it anew.
#[test]
fn the_fuzzer_s_seed_is_a_whole_checkpoint_of_this_format() {
    let mut so_far =
        SoFar::begin(plan(Contract::default()), TopicIds::default(), time::OffsetDateTime::UNIX_EPOCH);
    so_far.holes = holes();
    let mut content = postcard::to_stdvec(&SavedRun::of(&so_far)).expect("written");
    let pair = postcard::to_stdvec(&PairToSave::of(&pair())).expect("written");
    content.extend(head(1, pair.len()));
    content.extend(pair);
    assert_eq!(rewritten(&content).as_ref(), Some(&content));
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/checkpoint/valid-plan-and-pair");
    if std::env::var_os("CUTPROOF_WRITE_SEEDS").is_some() {
        std::fs::write(&seed, &content).expect("the seed is written");
    }
    assert_eq!(std::fs::read(&seed).expect("the seed is readable"), content);
}

#[test]
fn a_plan_is_read_as_it_was_written_with_the_contracts_of_the_configuration() {
    let config = config("contracts: [{ topics: [orders], order: key }]");
    let contract = config.contract_for("orders");
    assert_eq!(contract.order, OrderPromise::Key);
    let mut so_far = SoFar::begin(plan(contract), TopicIds::default(), time::OffsetDateTime::UNIX_EPOCH);
    so_far.located = true;
    so_far.not_located = [(1, "why not".to_owned())].into();
    so_far.holes = holes();
    let mut content = fixed(&config, &so_far).expect("written");
    for (at, bytes) in [(0, b"zero".as_slice()), (7, b"")] {
        content.extend(head(at, bytes.len()));
        content.extend(bytes);
    }
    let read = decode(Path::new("run"), &content, &config).expect("read");
    assert_eq!(read.plan, so_far.plan);
    assert_eq!((read.located, read.not_located), (true, so_far.not_located));
    assert_eq!(read.holes, so_far.holes);
    assert_eq!(read.started_at, so_far.started_at);
    assert_eq!(read.pairs, [(0, b"zero".to_vec()), (7, vec![])].into());
    for cut in 1..content.len() {
        let short = decode(Path::new("run"), &content[..content.len() - cut], &config);
        assert!(short.is_err() || short.is_ok_and(|short| short.pairs.len() < 2), "{cut} bytes short");
    }
}

#[test]
fn another_configuration_and_another_version_are_refused_with_both_values() {
    let then = config("");
    let so_far =
        SoFar::begin(plan(Contract::default()), TopicIds::default(), time::OffsetDateTime::UNIX_EPOCH);
    let content = fixed(&then, &so_far).expect("written");
    let now = config("limits: { memory: 1GiB }");
    let refused = decode(Path::new("run"), &content, &now).err().expect("refused").to_string();
    assert!(refused.contains(&then.digest) && refused.contains(&now.digest), "{refused}");
    let header = Header {
        version: "0.0.9".into(),
        config_digest: then.digest.clone(),
        cluster_ids: Default::default(),
    };
    let other = postcard::to_stdvec(&header).expect("written");
    let refused = decode(Path::new("run"), &other, &then).err().expect("refused").to_string();
    assert!(refused.contains("0.0.9") && refused.contains(&version()), "{refused}");
}

#[test]
fn a_log_that_ends_before_what_was_read_of_it_is_refused() {
    let [source, target] = ["orders", "src.orders"].map(|topic| TopicPartition::new(topic, 0));
    let check = |ends| check_ends([&source, &target], &pair(), ends);
    assert!(check([99, 60]).is_ok());
    let refused = check([98, 60]).expect_err("the source ends before the barrier").to_string();
    assert!(
        refused.contains("orders-0 of the source ends at offset 98") && refused.contains("up to 99"),
        "{refused}"
    );
    assert!(matches!(
        check([200, 59]),
        Err(ResumeError::LogShrank { side: Side::Target, then: 60, now: 59, .. })
    ));
}
