//! What the copier writes where it shall do damage, and the findings that must follow from that alone. Pure.

use cutproof_fixtures::FixtureRecord;
use cutproof_fixtures::defects::{DefectKind, plant_several};
use cutproof_fixtures::workloads::{TopicFixture, Workload};
use cutproof_reports::{FindingKind, OrderBroken};

use crate::format::{At, FindingExpect};

/// Records behind the groups' commits that stay as they are, so that every pair can be located.
const UNTOUCHED: usize = 60;

/// One topic as the source has it.
pub struct SourceTopic {
    /// As in the file.
    pub name: String,
    /// On the target, as in the file.
    pub copy: String,
    /// Compacted topics take no defects.
    pub compacted: bool,
    /// By partition; offsets are indices.
    pub records: Vec<Vec<FixtureRecord>>,
    /// How many of each partition every group has read; none if no group reads it.
    pub read: Vec<usize>,
    /// How many records its copy holds already, by partition.
    pub before: Vec<usize>,
}

/// What the target will hold, and what follows.
pub struct Plantation {
    /// Topics in the order given; records by partition.
    pub target: Vec<Vec<Vec<FixtureRecord>>>,
    /// The findings, all of them.
    pub findings: Vec<FindingExpect>,
}

/// Plants one defect of each kind.
///
/// # Errors
/// If the workload has no room for one of them.
pub fn plant(kinds: &[DefectKind], seed: u64, topics: &[SourceTopic]) -> Result<Plantation, String> {
    let tails: Vec<TopicFixture> = topics
        .iter()
        .map(|topic| TopicFixture {
            name: topic.name.clone(),
            partitions: topic.records.len(),
            compacted: topic.compacted,
            records: (0..topic.records.len()).map(|p| topic.records[p][head(topic, p)..].to_vec()).collect(),
        })
        .collect();
    let workload = Workload { topics: tails, groups: Vec::new() };
    let planted = plant_several(kinds, seed, &workload).map_err(|error| error.to_string())?;
    let target = topics.iter().zip(planted.topics).map(|(topic, planted)| {
        let tails = planted.records.into_iter().enumerate();
        tails.map(|(p, tail)| [topic.records[p][..head(topic, p)].to_vec(), tail].concat()).collect()
    });
    let target = target.collect();
    let mut findings = Vec::new();
    for finding in &planted.expected {
        let Some(topic) = topics.iter().find(|topic| topic.name == finding.topic) else { continue };
        let [source, on_target] = [finding.source_partition, finding.target_partition];
        let at = |name: &str, partition: i32, index: Option<usize>, before: usize| {
            let offset = before + head(topic, partition as usize) + index?;
            Some(At { topic: name.to_owned(), partition, offset: Some(offset as i64) })
        };
        let expected = &finding.finding;
        let before = topic.before.get(on_target as usize).copied().unwrap_or(0);
        findings.push(FindingExpect {
            source: at(&topic.name, source, expected.source_index, 0),
            target: at(&topic.copy, on_target, expected.target_index, before),
            parts: Some(expected.parts.clone()),
            order_broken: expected.order_broken.map(|order: OrderBroken| order),
            ..FindingExpect::of(expected.kind)
        });
    }
    Ok(Plantation { target, findings })
}

/// Where the part that takes defects begins.
fn head(topic: &SourceTopic, partition: usize) -> usize {
    let records = topic.records[partition].len();
    let read = topic.read.get(partition).copied().unwrap_or(0).min(records);
    read + UNTOUCHED.min((records - read) / 4)
}

/// The finding for a record that a filter drops.
pub fn dropped(topic: &str, partition: i32, offset: i64) -> FindingExpect {
    FindingExpect {
        source: Some(At { topic: topic.to_owned(), partition, offset: Some(offset) }),
        ..FindingExpect::of(FindingKind::MissingRecord)
    }
}
