//! Whether the target still holds where the groups resume, as the run ends: retention goes on while a run reads, and
//! while a stopped one waits.

use std::collections::BTreeMap;

use cutproof_reports::{GroupSummary, Origin, PositionState, PositionSummary};

use crate::gates::scorecard;
use crate::kafka::{Cluster, KafkaError};
use crate::positions::plan::below_log_start;
use crate::record::{Isolation, TopicPartition};

/// Asks for the present log starts where groups resume, once for all, and takes back what they have passed.
pub(super) fn check(groups: &mut [GroupSummary], target: &Cluster) -> Result<(), KafkaError> {
    let rows = groups.iter().flat_map(|group| &group.positions);
    let asked: Vec<TopicPartition> = rows.filter_map(partition).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let bounds = target.log_bounds(&asked, Isolation::ReadUncommitted)?;
    let starts: BTreeMap<TopicPartition, i64> =
        bounds.into_iter().map(|(partition, bounds)| (partition, bounds.log_start)).collect();
    take_back(groups, &starts);
    Ok(())
}

/// The target partition of a row that has an offset there.
fn partition(row: &PositionSummary) -> Option<TopicPartition> {
    let partition = row.target_partition.filter(|_| row.target_offset.or(row.image_offset).is_some())?;
    Some(TopicPartition::new(row.target_topic.as_str(), partition))
}

/// `starts`: the log starts of the target.
fn take_back(groups: &mut [GroupSummary], starts: &BTreeMap<TopicPartition, i64>) {
    for group in groups {
        for row in &mut group.positions {
            if let Some(&start) = partition(row).and_then(|partition| starts.get(&partition)) {
                take_back_row(row, start);
            }
        }
        group.scorecard = scorecard(&group.positions);
    }
}

/// Skip and replay stay what they are at the offset, as where the plan finds it gone.
fn take_back_row(row: &mut PositionSummary, start: i64) {
    let skips_nothing = row.state.stands() && row.skip_records == Some(0);
    if skips_nothing && row.target_offset.is_some_and(|resume| resume >= start) {
        // What skips nothing at a later offset skips nothing here.
        row.image_offset = row.image_offset.map(|image| image.max(start));
        return;
    }
    let gone = row.image_offset.take_if(|image| *image < start);
    let has_image = row.image_offset.is_some();
    if let Some(image) = gone.filter(|_| !row.state.stands()) {
        add(
            &mut row.detail,
            &format!("its image {image} is gone, too: the target's log starts at {start} by now"),
        );
    }
    let Some(resume) = row.target_offset.filter(|&resume| resume < start) else { return };
    if !row.state.stands() {
        return;
    }
    // A position by the log start moves on with it, and up to the image nothing is skipped.
    let said = if row.origin == Origin::Earliest && has_image {
        format!(
            "the target's log starts at {start} by now: the group resumes there, and repeats no more records than this"
        )
    } else {
        row.state = PositionState::BelowTargetLogStart;
        let mend = if has_image { ": set the group to its image" } else { "" };
        format!("{}{mend}", below_log_start(resume, start))
    };
    add(&mut row.detail, &said);
}

fn add(detail: &mut String, said: &str) {
    *detail = if detail.is_empty() { said.to_owned() } else { format!("{detail}; {said}") };
}

#[cfg(test)]
mod tests {
    use cutproof_reports::Scorecard;

    use super::*;

    /// A group that resumes at 8 by a CSV file, skips nothing, and has its image at 14.
    fn judged() -> PositionSummary {
        PositionSummary {
            topic: "orders".to_owned(),
            partition: Some(0),
            target_topic: "src.orders".to_owned(),
            target_partition: Some(0),
            source_offset: Some(14),
            target_offset: Some(8),
            origin: Origin::Csv,
            also: Vec::new(),
            image_offset: Some(14),
            skip_records: Some(0),
            replay_records: Some(6),
            missing_records: Some(0),
            records_read_to_locate: 0,
            state: PositionState::Judged,
            detail: "from the CSV file".to_owned(),
        }
    }

    /// The row, and its group's colour, where the target's log starts at `start` when the run ends.
    fn at(start: i64, row: PositionSummary) -> (PositionSummary, Scorecard) {
        let group = "shop".to_owned();
        let mut groups = [GroupSummary { group, scorecard: Scorecard::Yellow, positions: vec![row] }];
        take_back(&mut groups, &BTreeMap::from([(TopicPartition::new("src.orders", 0), start)]));
        let [group] = groups;
        (group.positions[0].clone(), group.scorecard)
    }

    #[test]
    fn what_the_log_still_holds_or_ends_with_stays_judged() {
        for start in [0, 8] {
            assert_eq!(at(start, judged()), (judged(), Scorecard::Yellow));
        }
        let nothing_left = PositionSummary { target_offset: Some(14), ..judged() };
        assert_eq!(at(14, nothing_left.clone()).0, nothing_left);
        // Its image is gone, and at the log start it skips nothing either.
        let behind_its_image = PositionSummary { target_offset: Some(16), image_offset: Some(8), ..judged() };
        let told = at(12, behind_its_image.clone()).0;
        assert_eq!(told, PositionSummary { image_offset: Some(12), ..behind_its_image });
    }

    #[test]
    fn a_resume_offset_that_is_gone_is_not_judged_and_an_image_that_is_gone_not_proposed() {
        let stale = PositionSummary { state: PositionState::StaleCheckpoint, ..judged() };
        for (row, start, image) in [(judged(), 9, Some(14)), (stale, 14, Some(14)), (judged(), 15, None)] {
            let (told, colour) = at(start, row);
            assert_eq!((told.state, colour), (PositionState::BelowTargetLogStart, Scorecard::Red));
            assert_eq!((told.target_offset, told.image_offset), (Some(8), image));
            assert_eq!((told.skip_records, told.replay_records), (Some(0), Some(6)));
            let begins = format!("from the CSV file; {}", below_log_start(8, start));
            assert!(told.detail.starts_with(&begins), "{}", told.detail);
            assert_eq!(told.detail.contains("to its image"), image.is_some(), "{}", told.detail);
        }
    }

    #[test]
    fn a_position_by_the_log_start_moves_on_with_it_up_to_its_image() {
        let earliest = || PositionSummary { origin: Origin::Earliest, ..judged() };
        let (told, colour) = at(14, earliest());
        assert_eq!((told.state, colour), (PositionState::Judged, Scorecard::Yellow));
        assert_eq!((told.target_offset, told.image_offset), (Some(8), Some(14)));
        assert!(told.detail.contains("the target's log starts at 14"), "{}", told.detail);
        assert_eq!(at(15, earliest()).0.state, PositionState::BelowTargetLogStart);
    }

    #[test]
    fn other_states_stay_and_so_does_what_names_no_offset_on_the_target() {
        let active = PositionSummary { state: PositionState::TargetGroupActive, ..judged() };
        let told = at(20, active.clone()).0;
        let detail = "from the CSV file; its image 14 is gone, too: the target's log starts at 20 by now";
        assert_eq!(told, PositionSummary { image_offset: None, detail: detail.to_owned(), ..active });
        let of_source = PositionSummary { target_partition: None, target_offset: None, ..judged() };
        assert_eq!(at(20, of_source.clone()).0, of_source);
        let nowhere = PositionSummary { target_offset: None, origin: Origin::None, ..judged() };
        let state = PositionState::NoCheckpoint;
        let nowhere = PositionSummary { state, image_offset: None, ..nowhere };
        assert_eq!((at(20, nowhere.clone()).0, partition(&nowhere)), (nowhere, None));
    }
}
