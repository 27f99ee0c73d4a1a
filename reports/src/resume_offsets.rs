//! `resume_offsets.csv`: where each group can resume so that it skips nothing, and the format of such files. Pure;
//! commits nothing.

use std::collections::BTreeMap;

use crate::{GroupSummary, PositionState};

/// One line of the file that `kafka-consumer-groups --reset-offsets --from-file` reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumeRow {
    /// Group id.
    pub group: String,
    /// Topic on the cluster that the file is for.
    pub topic: String,
    /// Partition on that cluster.
    pub partition: i32,
    /// Where the group goes on: on the target the image, on the source where it returns to.
    pub offset: i64,
}

/// One row for each target partition of each group, by group, topic and partition.
///
/// Where several source partitions flow into one target partition, the lowest image counts. A target partition has no
/// row where one of its positions has no image: any offset could skip records.
pub fn resume_rows(groups: &[GroupSummary]) -> Vec<ResumeRow> {
    let mut images: BTreeMap<(&str, &str, i32), Option<i64>> = BTreeMap::new();
    for group in groups {
        for position in &group.positions {
            // A row of a source partition only: its images are told by the target partitions' rows.
            let Some(partition) = position.target_partition else { continue };
            let key = (group.group.as_str(), position.target_topic.as_str(), partition);
            let image = position.image_offset.filter(|_| !stands_beyond(position.state));
            images.entry(key).and_modify(|lowest| *lowest = (*lowest).min(image)).or_insert(image);
        }
    }
    images
        .into_iter()
        .filter_map(|((group, topic, partition), image)| {
            image.map(|offset| ResumeRow {
                group: group.to_owned(),
                topic: topic.to_owned(),
                partition,
                offset,
            })
        })
        .collect()
}

/// A commit beyond the source's end is none of the records that are there: a reset to behind them would skip them all.
fn stands_beyond(state: PositionState) -> bool {
    matches!(state, PositionState::BeyondSourceEnd | PositionState::TopicRecreated)
}

/// Lines `group,topic,partition,offset` without a header, quoted where RFC 4180 asks for it, each ended by a line
/// feed: Kafka's tool splits the file there.
pub fn resume_csv(rows: &[ResumeRow]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    for ResumeRow { group, topic, partition, offset } in rows {
        writer
            .write_record([group, topic, &partition.to_string(), &offset.to_string()])
            .expect("four fields a line, written to memory");
    }
    writer.into_inner().expect("written to memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Origin, PositionSummary, Scorecard};

    fn position(partition: i32, target_partition: i32, image: Option<i64>) -> PositionSummary {
        PositionSummary {
            topic: "orders".into(),
            partition: Some(partition),
            target_topic: "src.orders".into(),
            target_partition: Some(target_partition),
            source_offset: Some(7),
            target_offset: Some(5),
            origin: Origin::Checkpoints,
            also: Vec::new(),
            image_offset: image,
            skip_records: None,
            replay_records: None,
            missing_records: None,
            records_read_to_locate: 0,
            state: PositionState::Judged,
            detail: String::new(),
        }
    }

    fn group(name: &str, positions: Vec<PositionSummary>) -> GroupSummary {
        GroupSummary { group: name.into(), scorecard: Scorecard::Green, positions }
    }

    fn text(groups: &[GroupSummary]) -> String {
        String::from_utf8(resume_csv(&resume_rows(groups))).expect("group ids are UTF-8")
    }

    #[test]
    fn each_image_is_a_line_with_the_target_topic_and_no_header() {
        let groups =
            [group("billing", vec![position(0, 0, Some(9)), position(1, 1, None), position(2, 2, Some(0))])];
        assert_eq!(text(&groups), "billing,src.orders,0,9\nbilling,src.orders,2,0\n");
    }

    #[test]
    fn a_commit_beyond_the_sources_end_has_no_line() {
        let beyond = |state| PositionSummary { state, ..position(0, 0, Some(9)) };
        for state in [PositionState::BeyondSourceEnd, PositionState::TopicRecreated] {
            let groups = [group("billing", vec![beyond(state), position(1, 1, Some(4))])];
            assert_eq!(text(&groups), "billing,src.orders,1,4\n");
        }
    }

    #[test]
    fn group_ids_with_commas_and_quotes_are_quoted() {
        let groups = [group("a,b \"c\"", vec![position(0, 0, Some(1))])];
        assert_eq!(text(&groups), "\"a,b \"\"c\"\"\",src.orders,0,1\n");
    }

    #[test]
    fn partitions_that_merge_propose_the_lowest_image() {
        let groups =
            [group("g", vec![position(0, 3, Some(9)), position(1, 3, Some(4)), position(2, 3, Some(6))])];
        assert_eq!(text(&groups), "g,src.orders,3,4\n");
    }

    #[test]
    fn a_merged_partition_with_one_unknown_image_is_left_out() {
        let groups =
            [group("g", vec![position(0, 3, Some(9)), position(1, 3, None), position(2, 4, Some(6))])];
        assert_eq!(text(&groups), "g,src.orders,4,6\n");
    }

    #[test]
    fn repartitioned_topics_propose_an_image_for_each_target_partition() {
        let commit = PositionSummary { target_partition: None, ..position(0, 0, None) };
        let resume = |target, image| PositionSummary { partition: None, ..position(0, target, Some(image)) };
        let groups = [group("g", vec![commit, resume(0, 4), resume(1, 6)])];
        assert_eq!(text(&groups), "g,src.orders,0,4\ng,src.orders,1,6\n");
    }

    #[test]
    fn no_group_gives_an_empty_file() {
        assert_eq!(text(&[]), "");
    }
}
