//! A cutover as a user would do it, after the proof: groups resume on the target, and what they skip and do again is
//! counted by reading. It must be what the proof had stated.

use std::collections::HashMap;

use cutproof_reports::PositionSummary;
use cutproof_testcontainers::{Commit, Error, Result, commit_offsets, committed_offsets};

use super::full_read::{FullRead, full_read};
use super::stage::Stage;
use crate::format::{CutOverAt, SideWord};
use crate::judge::ProofEnd;

/// Stops the replicator, commits where each group resumes, reads on from there.
pub fn cut_over(stage: &mut Stage<'_>, at: CutOverAt) -> Result<()> {
    stage.replicator.stop();
    let Some(ProofEnd::Ended { manifest, .. }) = &stage.end else {
        return Err(Error::Misuse(
            "the proof came to no result, so nobody knows where groups resume".to_owned(),
        ));
    };
    let target = stage.ground.bootstrap(SideWord::Target);
    let mut reads: HashMap<(String, i32), FullRead> = HashMap::new();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for group in &manifest.groups {
        let name = stage.names.group(&group.group);
        for position in group.positions.iter().filter(|position| is_stated(position)) {
            let PositionSummary { topic, partition, target_topic, target_partition, .. } = position;
            let resume = match at {
                CutOverAt::Position => position.target_offset,
                CutOverAt::Image => position.image_offset,
            };
            let (Some(resume), Some(commit)) = (resume, position.source_offset) else { continue };
            // Where records change partitions no single commit belongs to a resume offset.
            let (Some(partition), Some(target_partition)) = (*partition, *target_partition) else { continue };
            let physical = stage.names.topic(SideWord::Target, target_topic);
            commit_offsets(&target, &name, &[Commit::new(&physical, target_partition, resume)])?;
            let resumed = committed_offsets(&target, &name, &[(physical, target_partition)])?;
            let resume = resumed.first().copied().flatten().unwrap_or(resume);
            let key = (topic.clone(), partition);
            if !reads.contains_key(&key) {
                reads.insert(key.clone(), full_read(stage, topic, partition)?);
            }
            let Some(read) = reads.get(&key) else { continue };
            let found = (skipped(read, commit, resume), again(read, commit, resume));
            let stated = match at {
                CutOverAt::Position => (position.skip_records, position.replay_records),
                // The image promises to skip nothing; what it does again is not stated.
                CutOverAt::Image => (Some(0), Some(found.1)),
            };
            checked += 1;
            if stated != (Some(found.0), Some(found.1)) {
                wrong.push(format!(
                    "cut_over: group {} at {topic}-{partition}, resumed at {resume}: skipped {} and did {} again, the proof had \
                     said {:?} and {:?}",
                    group.group, found.0, found.1, stated.0, stated.1
                ));
            }
        }
    }
    if checked == 0 {
        wrong.push("cut_over: no group has a position with skip and replay, so it showed nothing".to_owned());
    }
    stage.unexpected.extend(wrong);
    Ok(())
}

/// Whether the proof says what the group meets: at an older checkpoint as at the last one.
fn is_stated(position: &PositionSummary) -> bool {
    position.state.stands() && position.skip_records.is_some() && position.replay_records.is_some()
}

/// Records at or after the commit whose copies all lie before.
fn skipped(read: &FullRead, commit: i64, resume: i64) -> u64 {
    let ahead = read.copies.range(commit..).map(|(_, copies)| copies);
    ahead.filter(|copies| !copies.is_empty() && copies.iter().all(|&at| at < resume)).count() as u64
}

/// Copies of records before the commit that are read once more.
fn again(read: &FullRead, commit: i64, resume: i64) -> u64 {
    let before = read.copies.range(..commit).flat_map(|(_, copies)| copies);
    before.filter(|&&at| at >= resume).count() as u64
}

#[cfg(test)]
mod tests {
    use cutproof_reports::{Origin, PositionState};

    use super::*;

    #[test]
    fn a_stale_position_is_taken_as_long_as_its_counts_are_stated() {
        let position = |state, replay_records| PositionSummary {
            topic: "orders".to_owned(),
            partition: Some(0),
            target_topic: "src.orders".to_owned(),
            target_partition: Some(0),
            source_offset: Some(9),
            target_offset: Some(7),
            origin: Origin::Checkpoints,
            also: Vec::new(),
            image_offset: Some(9),
            skip_records: Some(0),
            replay_records,
            missing_records: Some(0),
            records_read_to_locate: 0,
            state,
            detail: String::new(),
        };
        assert!(is_stated(&position(PositionState::Judged, Some(2))));
        assert!(is_stated(&position(PositionState::StaleCheckpoint, Some(2))));
        assert!(!is_stated(&position(PositionState::StaleCheckpoint, None)));
        assert!(!is_stated(&position(PositionState::TargetGroupActive, Some(2))));
    }

    #[test]
    fn what_is_skipped_and_done_again_is_counted_from_copies() {
        let copies = [(0, vec![0]), (1, vec![1, 5]), (2, vec![]), (3, vec![2]), (4, vec![3])];
        let read = FullRead { copies: copies.into_iter().collect(), strangers: vec![4] };
        assert_eq!((skipped(&read, 3, 2), again(&read, 3, 2)), (0, 1));
        assert_eq!((skipped(&read, 1, 4), again(&read, 1, 4)), (2, 0));
        assert_eq!((skipped(&read, 5, 0), again(&read, 5, 0)), (0, 5));
    }
}
