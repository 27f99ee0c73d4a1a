//! What a group is told where records could not be told apart, and where compaction has removed the source's.

use cutproof_reports::Origin;

use super::*;
use crate::align::{Item, Tuning};
use crate::classify::Standing;
use crate::classify::any_pair::{items, reading, with_all_kept};
use crate::ledger::{Intake, account};
use crate::positions::{GroupPlan, PairPlan};
use crate::record::{Contract, TopicPartition};

fn plan(committed: i64, resume: i64) -> Plan {
    let [source, target] = ["orders", "src.orders"].map(|topic| TopicPartition::new(topic, 0));
    let position = GroupPosition {
        pair: 0,
        committed: Some(committed),
        resume: Some(resume),
        origin: Origin::Checkpoints,
        also: Vec::new(),
        state: PositionState::Judged,
        detail: String::new(),
        records_read_to_locate: 0,
    };
    Plan {
        source_cluster_id: "a".into(),
        target_cluster_id: "b".into(),
        pairs: vec![PairPlan::unbounded(source, target, Contract::default())],
        units: Vec::new(),
        groups: vec![GroupPlan { group: "billing".into(), positions: vec![position], units: Vec::new() }],
        members_unknown: 0,
        ignored: Vec::new(),
        remarks: Vec::new(),
        records_read_to_locate: 0,
    }
}

/// `standing`: of all that is not matched, if not what it is by itself.
fn judged(lists: &[Vec<Item>; 2], tuning: Tuning, standing: Option<Standing>) -> Judgement {
    let mut pair = with_all_kept(lists, reading(lists, i64::MAX, [true, true]), tuning);
    if let Some(standing) = standing {
        pair.standings.fill(standing);
    }
    let intake = lists.each_ref().map(|list| list.iter().map(|item| item.identity).collect::<Intake>());
    account(pair, intake).expect("the ledger adds up")
}

fn told(judgement: Judgement, committed: i64, resume: i64) -> PositionSummary {
    let plan = plan(committed, resume);
    let (judgements, leads, remarks) = ([Some(judgement)], [LeadIn::None], [Vec::new()]);
    let known = Known { judgements: &judgements, leads: &leads, remarks: &remarks, misplaced: &[] };
    summaries(&plan, &known).remove(0).positions.remove(0)
}

/// Skip, replay, missing, image.
fn numbers(told: &PositionSummary) -> [Option<u64>; 4] {
    let image = told.image_offset.map(i64::unsigned_abs);
    [told.skip_records, told.replay_records, told.missing_records, image]
}

#[test]
fn where_records_were_not_solved_no_number_and_no_image_is_told() {
    let nothing_solved = || Tuning { pairs_max: 0, ..Tuning::default() };
    let lists = [items(&[1, 2, 3, 4], 1), items(&[11, 12, 13, 14, 15], 1)];
    for (committed, resume) in [(0, 0), (2, 1), (4, 5)] {
        let told = told(judged(&lists, nothing_solved(), None), committed, resume);
        assert_eq!(numbers(&told), [None; 4], "{told:?}");
        assert_eq!(told.state, PositionState::NotLocated);
        for word in ["not provable", "4 of the source", "5 of the target"] {
            assert!(told.detail.contains(word), "{word} in {}", told.detail);
        }
    }
    let equal = [items(&[1, 2, 3, 4], 1), items(&[1, 2, 3, 4], 1)];
    let told = told(judged(&equal, nothing_solved(), None), 2, 1);
    assert_eq!((numbers(&told), told.state), ([Some(0), Some(1), Some(0), Some(2)], PositionState::Judged));
}

#[test]
fn replay_is_not_told_where_compaction_has_removed_source_records_perhaps_from_before_the_commit() {
    // 9 is on the target only, between 2 and 4.
    let lists = [items(&[1, 2, 4], 1), items(&[1, 2, 9, 4], 1)];
    let judged = || judged(&lists, Tuning::default(), Some(Standing::Compacted));
    let open = told(judged(), 2, 2);
    assert_eq!((numbers(&open), open.state), ([Some(0), None, Some(0), Some(3)], PositionState::NotLocated));
    assert!(
        open.detail.contains("replay not provable") && open.detail.contains("1 target records"),
        "{open:?}"
    );
    for (committed, resume, image) in [(2, 3, 3), (1, 1, 1)] {
        let known = told(judged(), committed, resume);
        let expected = [Some(0), Some(0), Some(0), Some(image)];
        assert_eq!((numbers(&known), known.state), (expected, PositionState::Judged), "{known:?}");
    }
}

/// Two partitions with ten records each, and a copy of record 5 of the first at offset 3 of the second one; what the group
/// is told of them that committed and resumes here.
fn with_a_record_moved(positions: [Option<(i64, i64)>; 2]) -> Vec<PositionSummary> {
    let mut plan = plan(0, 0);
    let position = plan.groups[0].positions.remove(0);
    plan.pairs.push(plan.pairs[0].clone());
    for (pair, at) in positions.into_iter().enumerate() {
        let Some((committed, resume)) = at else { continue };
        let own =
            GroupPosition { pair, committed: Some(committed), resume: Some(resume), ..position.clone() };
        plan.groups[0].positions.push(own);
    }
    let records = items(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 1);
    let judgement = || Some(judged(&[records.clone(), records.clone()], Tuning::default(), None));
    let moved = Misplacement { source_pair: 0, source: records[5], target_pair: 1, target: records[3] };
    let (judgements, leads) = ([judgement(), judgement()], [LeadIn::None, LeadIn::None]);
    let remarks = [Vec::new(), Vec::new()];
    let known = Known { judgements: &judgements, leads: &leads, remarks: &remarks, misplaced: &[moved] };
    summaries(&plan, &known).remove(0).positions
}

#[test]
fn a_copy_in_another_partition_counts_where_the_group_resumes_there() {
    let [first, second] = [0, 1];
    let image = |told: &[PositionSummary], pair: usize| told[pair].image_offset;
    // It has still to read the record: resuming behind its copy would skip it.
    let told = with_a_record_moved([Some((4, 4)), Some((8, 8))]);
    assert_eq!((image(&told, first), image(&told, second)), (Some(4), Some(3)));
    assert_eq!((told[first].skip_records, told[second].skip_records), (Some(1), Some(0)));
    // It has read it.
    let told = with_a_record_moved([Some((6, 6)), Some((8, 8))]);
    assert_eq!((image(&told, first), image(&told, second)), (Some(6), Some(8)));
    assert_eq!(told[first].skip_records, Some(0));
    // It resumes nowhere in that partition.
    let told = with_a_record_moved([Some((4, 4)), None]);
    assert_eq!((told[first].skip_records, told[first].state), (None, PositionState::NotLocated));
    let told = with_a_record_moved([Some((6, 6)), None]);
    assert_eq!((told[first].skip_records, told[first].state), (Some(0), PositionState::Judged));
}

#[test]
fn nothing_is_counted_of_a_position_without_a_commit_on_the_source() {
    let mut plan = plan(0, 2);
    let position = &mut plan.groups[0].positions[0];
    (position.committed, position.state) = (None, PositionState::NoSourceCommit);
    let records = items(&[1, 2, 3, 4], 1);
    let judgement = judged(&[records.clone(), records], Tuning::default(), None);
    let (judgements, leads, remarks) = ([Some(judgement)], [LeadIn::None], [Vec::new()]);
    let known = Known { judgements: &judgements, leads: &leads, remarks: &remarks, misplaced: &[] };
    let told = summaries(&plan, &known).remove(0).positions.remove(0);
    assert_eq!((numbers(&told), told.state), ([None; 4], PositionState::NoSourceCommit));
    assert_eq!((told.source_offset, told.target_offset), (None, Some(2)));
}
