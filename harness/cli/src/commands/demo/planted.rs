//! What the demo shows: the workload, the target's records with the defects in them, and the findings that must follow.
//! Pure; the findings follow from the defects alone.

use cutproof_fixtures::FixtureRecord;
use cutproof_fixtures::defects::{DefectKind, PlantedFinding, plant_several};
use cutproof_fixtures::workloads::{TopicFixture, Workload, demo};
use cutproof_reports::{FindingKind, OrderBroken, Part};

use super::judge::Place;
use crate::failure::Failure;

/// The name of the target's copy of a topic, by MirrorMaker 2's default policy.
pub fn target_topic(topic: &str) -> String {
    format!("{}.{topic}", super::stage::SOURCE_ALIAS)
}

/// One defect of each.
const DEFECTS: [DefectKind; 10] = [
    DefectKind::DropRecord,
    DefectKind::AddRecord,
    DefectKind::RepeatAtOnce,
    DefectKind::RepeatLater,
    DefectKind::SwapWithinKey,
    DefectKind::SwapAcrossKeys,
    DefectKind::MoveToOtherPartition,
    DefectKind::TombstoneToEmpty,
    DefectKind::DropHeader,
    DefectKind::ShiftTimestamp,
];
/// The one more that fixtures do not have: an order whose amount changes, so that its Avro path shows.
const CHANGED_AMOUNT: &str = "change_amount";
/// Records after the start of the comparison that stay as they are.
const UNTOUCHED: usize = 60;
/// Where among them the one order changes.
const CHANGED_FROM: usize = 20;

/// The workload and what the target has of it.
pub struct Script {
    /// The source.
    pub workload: Workload,
    /// The target, topics by the source's names.
    pub target: Vec<TopicFixture>,
    defects: usize,
    /// By defect.
    expected: Vec<(String, Place)>,
}

impl Script {
    /// Everything arrives as it is.
    pub fn clean(seed: u64) -> Self {
        let workload = demo(seed);
        Self { target: workload.topics.clone(), workload, defects: 0, expected: Vec::new() }
    }

    /// Each defect once, in what the groups have still to read.
    pub fn planted(seed: u64) -> Result<Self, Failure> {
        let workload = demo(seed);
        let tail = Workload {
            topics: workload.topics.iter().map(|topic| tail(&workload, topic)).collect(),
            groups: Vec::new(),
        };
        let planted = plant_several(&DEFECTS, seed, &tail)
            .map_err(|error| Failure::from_error(2, &error, "take another --seed"))?;
        let mut target = workload.topics.clone();
        for (topic, planted) in target.iter_mut().zip(planted.topics) {
            for (partition, planted) in planted.records.into_iter().enumerate() {
                let head = head(&workload, &topic.name, partition);
                topic.records[partition].truncate(head);
                topic.records[partition].extend(planted);
            }
        }
        let mut expected: Vec<(String, Place)> = planted
            .expected
            .iter()
            .map(|finding| (finding.defect.as_str().to_owned(), place(&workload, finding)))
            .collect();
        expected.push((CHANGED_AMOUNT.to_owned(), change_amount(&workload, &mut target)?));
        Ok(Self { workload, target, defects: DEFECTS.len() + 1, expected })
    }

    /// How many defects were planted.
    pub fn defects(&self) -> usize {
        self.defects
    }

    /// The findings that must follow, and no others.
    pub fn expected(&self) -> Vec<Place> {
        self.expected.iter().map(|(_, place)| place.clone()).collect()
    }

    /// A line for each finding with the defect that it follows from.
    pub fn description(&self) -> String {
        if self.expected.is_empty() {
            return "  nothing: the copy is exact\n".to_owned();
        }
        let width = self.expected.iter().map(|(defect, _)| defect.len()).max().unwrap_or(0);
        self.expected.iter().map(|(defect, place)| format!("  {defect:width$}  {place}\n")).collect()
    }
}

/// Records of a partition before the part that takes defects: all that no group has still to read, and some more.
fn head(workload: &Workload, topic: &str, partition: usize) -> usize {
    first_to_read(workload, topic, partition) + UNTOUCHED
}

/// The lowest commit of any group.
fn first_to_read(workload: &Workload, topic: &str, partition: usize) -> usize {
    let commits = workload.groups.iter().flat_map(|group| &group.commits);
    let here = commits.filter(|commit| commit.topic == topic && commit.partition as usize == partition);
    here.map(|commit| commit.next_record).min().unwrap_or(0)
}

fn tail(workload: &Workload, topic: &TopicFixture) -> TopicFixture {
    let records = topic.records.iter().enumerate();
    let records =
        records.map(|(partition, all)| all[head(workload, &topic.name, partition)..].to_vec()).collect();
    TopicFixture { records, ..topic.clone() }
}

/// Offsets are indices: topics are fresh, and the embedded brokers leave no gaps.
fn place(workload: &Workload, planted: &PlantedFinding) -> Place {
    let at = |topic: String, partition: i32, index: Option<usize>| {
        let offset = head(workload, &planted.topic, partition as usize) + index?;
        Some((topic, partition, offset as i64))
    };
    let finding = &planted.finding;
    Place {
        source: at(planted.topic.clone(), planted.source_partition, finding.source_index),
        target: at(target_topic(&planted.topic), planted.target_partition, finding.target_index),
        kind: finding.kind,
        parts: finding.parts.clone(),
        order_broken: finding.order_broken.map(OrderBroken::as_str),
    }
}

/// Changes `amount_cents` of one order. It lies before all other defects, so its index is the same on both sides.
fn change_amount(workload: &Workload, target: &mut [TopicFixture]) -> Result<Place, Failure> {
    const TOPIC: &str = "orders";
    const PARTITION: usize = 0;
    let first = first_to_read(workload, TOPIC, PARTITION);
    let copies =
        target.iter_mut().find(|topic| topic.name == TOPIC).map(|topic| &mut topic.records[PARTITION]);
    let mut range = copies
        .into_iter()
        .flat_map(|copies| copies.iter_mut().enumerate().take(first + UNTOUCHED).skip(first + CHANGED_FROM));
    let changed =
        range.find_map(|(index, record)| with_other_amount(record).map(|other| (index, record, other)));
    let Some((index, record, other)) = changed else {
        return Err(Failure::new(2, "no order is fit for another amount", "take another --seed"));
    };
    record.value = Some(other);
    Ok(Place {
        source: Some((TOPIC.to_owned(), PARTITION as i32, index as i64)),
        target: Some((target_topic(TOPIC), PARTITION as i32, index as i64)),
        kind: FindingKind::MismatchedRecord,
        parts: vec![Part::Value],
        order_broken: None,
    })
}

/// The value with an amount that is one cent off; `None` without a key, and where the value is no order.
///
/// Avro writes the fields one after the other, whole numbers as zigzag varints: skip the framing, `order_id`, the
/// length and bytes of `customer`, and `status`; then the second lowest bit of the next number counts one.
fn with_other_amount(record: &FixtureRecord) -> Option<Vec<u8>> {
    const FRAMING: usize = 5;
    record.key.as_ref()?;
    let mut value = record.value.clone()?;
    let mut rest = value.get(FRAMING..)?;
    varint(&mut rest)?;
    let customer = usize::try_from(varint(&mut rest)? / 2).ok()?;
    rest = rest.get(customer..)?;
    varint(&mut rest)?;
    let amount = value.len() - rest.len();
    *value.get_mut(amount)? ^= 2;
    Some(value)
}

/// Takes one varint from the front, zigzag left as it is.
fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutproof_fixtures::oracle::{Rules, judge};
    use cutproof_fixtures::oracle_records;

    /// The oracle is quadratic, so only partitions where one defect or more lies, cut to what is compared.
    #[test]
    fn an_oracle_that_knows_of_no_defect_finds_what_is_expected_of_the_unmoved() {
        for seed in [1, 2] {
            let script = Script::planted(seed).expect("the workload has room");
            let mut expected: Vec<(FindingKind, Option<i64>, Option<i64>)> = Vec::new();
            let mut found = expected.clone();
            for (source, target) in script.workload.topics.iter().zip(&script.target) {
                for (partition, (s, t)) in source.records.iter().zip(&target.records).enumerate() {
                    if s == t {
                        continue;
                    }
                    let first = first_to_read(&script.workload, &source.name, partition);
                    let (s, t) = oracle_records(&s[first..], &t[first..]);
                    let offset = |index: Option<usize>| index.map(|index| (index + first) as i64);
                    let outcome = judge(&s, &t, Rules::STRICT);
                    found.extend(
                        outcome.findings.iter().map(|f| (f.kind(), offset(f.source()), offset(f.target()))),
                    );
                }
            }
            for Place { source, target, kind, .. } in script.expected() {
                let [source, target] = [source, target].map(|at| at.map(|(_, _, offset)| offset));
                match kind {
                    // Seen partition by partition it is one record less here and one more there.
                    FindingKind::MisplacedRecord => {
                        expected.push((FindingKind::MissingRecord, source, None));
                        expected.push((FindingKind::ExtraneousRecord, None, target));
                    }
                    kind => expected.push((kind, source, target)),
                }
            }
            expected.sort();
            found.sort();
            assert_eq!(found, expected, "seed {seed}");
        }
    }

    #[test]
    fn the_same_seed_plants_the_same_and_another_one_something_else() {
        let [one, again, other] = [3, 3, 4].map(|seed| Script::planted(seed).expect("room").expected());
        assert_eq!(one, again);
        assert_ne!(one, other);
    }

    #[test]
    fn a_clean_script_changes_nothing() {
        let script = Script::clean(1);
        assert_eq!(script.target, script.workload.topics);
        assert_eq!((script.defects(), script.expected().len()), (0, 0));
    }
}
