//! What both sides hold, by the player's own full read: copies, records without one, strangers. Shares no code with the
//! engine. For workloads without repeats.

use std::collections::{BTreeMap, HashMap};

use cutproof_reports::FindingKind;
use cutproof_testcontainers::{Error, PlainRead, Result};

use super::stage::Stage;
use super::steps::read_partition;
use crate::format::{At, Count, FindingExpect, SideWord};

/// A record without its offset.
type Content = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<(String, Option<Vec<u8>>)>, i64);

/// One partition and its copy.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct FullRead {
    /// Source offset, and the target offsets of its copies, ascending.
    pub copies: BTreeMap<i64, Vec<i64>>,
    /// Target offsets of records that copy nothing.
    pub strangers: Vec<i64>,
}

impl FullRead {
    /// Of two lists. `None` if two source records are equal.
    pub fn of(source: Vec<PlainRead>, target: Vec<PlainRead>) -> Option<Self> {
        let mut by_content: HashMap<Content, i64> = HashMap::new();
        let mut read = Self::default();
        for (offset, content) in source.into_iter().map(content) {
            if by_content.insert(content, offset).is_some() {
                return None;
            }
            read.copies.insert(offset, Vec::new());
        }
        for (offset, content) in target.into_iter().map(content) {
            match by_content.get(&content).and_then(|source| read.copies.get_mut(source)) {
                Some(copies) => copies.push(offset),
                None => read.strangers.push(offset),
            }
        }
        Some(read)
    }
}

fn content(read: PlainRead) -> (i64, Content) {
    (read.offset, (read.key, read.value, read.headers, read.timestamp))
}

/// Reads a partition and its copy whole.
pub fn full_read(stage: &Stage<'_>, topic: &str, partition: i32) -> Result<FullRead> {
    let source = read_partition(stage, SideWord::Source, topic, partition, 0)?;
    let target = read_partition(stage, SideWord::Target, &stage.names.copy_of(topic), partition, 0)?;
    FullRead::of(source, target).ok_or_else(|| {
        Error::Misuse(format!(
            "{topic}-{partition} holds a record twice: a full read can't tell its copies apart"
        ))
    })
}

/// The findings that follow: missing, extraneous and duplicate records of all topics.
pub fn findings(stage: &Stage<'_>) -> Result<Vec<FindingExpect>> {
    let mut all = Vec::new();
    for ((_, topic), partitions) in stage.partitions.iter().filter(|((side, _), _)| *side == SideWord::Source)
    {
        let copy = stage.names.copy_of(topic);
        for partition in 0..*partitions {
            let read = full_read(stage, topic, partition)?;
            let at = |topic: &str, offset: i64| {
                Some(At { topic: topic.to_owned(), partition, offset: Some(offset) })
            };
            for (offset, copies) in &read.copies {
                let source = at(topic, *offset);
                match copies.len() {
                    0 => all.push(FindingExpect { source, ..FindingExpect::of(FindingKind::MissingRecord) }),
                    1 => {}
                    copies => all.push(FindingExpect {
                        source,
                        count: Count::Exactly(copies as u64 - 1),
                        ..FindingExpect::of(FindingKind::DuplicateRecord)
                    }),
                }
            }
            all.extend(read.strangers.iter().map(|offset| FindingExpect {
                target: at(&copy, *offset),
                ..FindingExpect::of(FindingKind::ExtraneousRecord)
            }));
        }
    }
    Ok(all)
}
