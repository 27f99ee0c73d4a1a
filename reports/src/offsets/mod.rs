//! Translates offsets with what a run has left: its offset map, and its findings for the copies that are out of order.
//! Both ways, over the compared range. Reads a run directory; talks to no cluster and guesses nothing outside it.

mod pair;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{
    FindingKind, PairSummary, ReportError, RunState, read_manifest, read_offset_map, stream_findings,
};
use pair::PairOffsets;

/// On which cluster the offsets to translate are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OffsetsOf {
    /// Positions on the source; the answer is on the target: where to resume.
    Source,
    /// Positions on the target; the answer is on the source: where to go back to.
    Target,
}

/// How sure a translation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TranslationState {
    /// There is a record at the offset, and it has a copy.
    Exact,
    /// No record with a copy is at the offset (a transaction marker, a compacted or missing record): the next one counts.
    Next,
    /// Nothing that has a copy follows within the compared range: its end counts.
    End,
    /// Before the compared range: not known.
    BeforeRange,
    /// Beyond the compared range: not known.
    AfterRange,
    /// The run did not compare this partition, or not as one of a pair.
    NotCompared,
    /// The run did not judge all of this partition: not known.
    NotJudged,
}

impl TranslationState {
    /// The name in JSON, e.g. `before_range`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Next => "next",
            Self::End => "end",
            Self::BeforeRange => "before_range",
            Self::AfterRange => "after_range",
            Self::NotCompared => "not_compared",
            Self::NotJudged => "not_judged",
        }
    }
}

/// One offset and what it is on the other side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Translation {
    /// Topic, as asked.
    pub topic: String,
    /// Partition, as asked.
    pub partition: i32,
    /// Offset, as asked: the next record that a reader would read.
    pub offset: i64,
    /// Topic on the other side; empty where the partition was not compared.
    pub other_topic: String,
    /// Partition on the other side.
    pub other_partition: Option<i32>,
    /// The other side's offset of the very record at `offset`: its lowest copy on the target, its original on the source.
    pub record_offset: Option<i64>,
    /// Where a reader that stands at `offset` goes on without skipping anything that has a copy.
    pub resume_offset: Option<i64>,
    /// How sure that is.
    pub state: TranslationState,
}

/// All that a run directory knows of offsets.
#[derive(Debug)]
pub struct Offsets {
    pairs: Vec<(PairSummary, PairOffsets)>,
}

impl Offsets {
    /// Reads the offset map and the findings of a complete run; one that was stopped is refused.
    pub fn load(directory: &Path) -> Result<Self, ReportError> {
        let manifest = read_manifest(directory)?;
        if manifest.state != RunState::Complete {
            return Err(ReportError::Stopped { path: directory.to_owned() });
        }
        let mut by_source: BTreeMap<(String, i32), usize> = BTreeMap::new();
        let mut pairs = Vec::new();
        for pair in manifest.pairs {
            // A row without a range on each side has no map: its records may change partitions or order.
            let range = |start: Option<i64>, end: Option<i64>| Some(start?..end?);
            let (Some(source_partition), Some(source), Some(target)) = (
                pair.source_partition,
                range(pair.source_start_offset, pair.source_end_offset),
                range(pair.target_start_offset, pair.target_end_offset),
            ) else {
                continue;
            };
            by_source.insert((pair.source_topic.clone(), source_partition), pairs.len());
            pairs.push((pair, PairOffsets::new([source, target])));
        }
        for run in read_offset_map(directory)? {
            if let Some(&at) = by_source.get(&(run.source_topic, run.source_partition)) {
                pairs[at].1.push_run(run.source_offset, run.target_offset, run.record_count);
            }
        }
        for finding in stream_findings(directory)? {
            let finding = finding?;
            if let (FindingKind::MissingRecord, Some(source)) = (finding.kind, &finding.source)
                && let Some(&at) = by_source.get(&(source.topic.clone(), source.partition))
            {
                pairs[at].1.push_missing(source.offset);
            }
            let copies = matches!(
                finding.kind,
                FindingKind::DuplicateRecord | FindingKind::ReorderedRecord | FindingKind::MismatchedRecord
            );
            if let (true, Some(source), Some(target)) = (copies, finding.source, finding.target)
                && let Some(&at) = by_source.get(&(source.topic, source.partition))
            {
                pairs[at].1.push_copy(source.offset, target.offset);
            }
        }
        pairs.iter_mut().for_each(|(_, offsets)| offsets.seal());
        Ok(Self { pairs })
    }

    /// What `offset` of `topic`-`partition` on one side is on the other.
    pub fn translate(&self, of: OffsetsOf, topic: &str, partition: i32, offset: i64) -> Translation {
        let found = self.pairs.iter().find(|(pair, _)| match of {
            OffsetsOf::Source => pair.source_topic == topic && pair.source_partition == Some(partition),
            OffsetsOf::Target => pair.target_topic == topic && pair.target_partition == Some(partition),
        });
        let mut translation = Translation {
            topic: topic.to_owned(),
            partition,
            offset,
            other_topic: String::new(),
            other_partition: None,
            record_offset: None,
            resume_offset: None,
            state: TranslationState::NotCompared,
        };
        let Some((pair, offsets)) = found else { return translation };
        if !pair.remarks.is_empty() || pair.counts.unverifiable > 0 {
            // A record that nothing is known of may be the next copy.
            translation.state = TranslationState::NotJudged;
            return translation;
        }
        let (other, answer) = match of {
            OffsetsOf::Source => {
                ((&pair.target_topic, pair.target_partition), offsets.resume_on_target(offset))
            }
            OffsetsOf::Target => {
                ((&pair.source_topic, pair.source_partition), offsets.return_to_source(offset))
            }
        };
        translation.other_topic = other.0.clone();
        translation.other_partition = other.1;
        translation.record_offset = answer.record;
        translation.resume_offset = answer.resume;
        translation.state = answer.state;
        translation
    }

    /// Target records at or after `offset` that copy a source record, further copies included. `None` before the
    /// compared range, and where the run did not compare the partition; beyond the range there are none.
    pub fn copies_from(&self, target_topic: &str, partition: i32, offset: i64) -> Option<u64> {
        let found = self
            .pairs
            .iter()
            .find(|(pair, _)| pair.target_topic == target_topic && pair.target_partition == Some(partition));
        found.and_then(|(_, offsets)| offsets.copies_from(offset))
    }

    /// The lowest of `offsets` of a source partition whose record the target lacked.
    pub fn first_missing(&self, source_topic: &str, partition: i32, offsets: Range<i64>) -> Option<i64> {
        self.of_source(source_topic, partition)?.first_missing(offsets)
    }

    /// Source and target offset of the last record of a source partition that was matched in order.
    pub fn last_match(&self, source_topic: &str, partition: i32) -> Option<(i64, i64)> {
        self.of_source(source_topic, partition)?.last_match()
    }

    fn of_source(&self, topic: &str, partition: i32) -> Option<&PairOffsets> {
        let here =
            |pair: &PairSummary| pair.source_topic == topic && pair.source_partition == Some(partition);
        self.pairs.iter().find(|(pair, _)| here(pair)).map(|(_, offsets)| offsets)
    }

    /// The pairs that were compared.
    pub fn pairs(&self) -> impl Iterator<Item = &PairSummary> {
        self.pairs.iter().map(|(pair, _)| pair)
    }
}
