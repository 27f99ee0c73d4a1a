//! Every kind of planted defect, over many seeds and all workloads: the whole list of findings with their parts, and
//! nothing else. `CUTPROOF_SEEDS` sets the number of seeds; each kind has a part in 400 of them (default 250).

use std::collections::BTreeSet;

use cutproof::align::{Alignment, InMemory, Item, Outcome, PairAligner, Rules, Tuning};
use cutproof::classify::{Classified, PairReading, Standing, classify, find_misplaced};
use cutproof::compare::difference;
use cutproof::fingerprint::Fingerprinter;
use cutproof::ledger::{Intake, Ledger, account};
use cutproof::record::{Contract, Header, Record, Side, TimestampType};
use cutproof_fixtures::FixtureRecord;
use cutproof_fixtures::defects::{DefectKind, ExpectedFinding, PlantedWorkload, plant, plant_several};
use cutproof_fixtures::workloads::{
    Size, TopicFixture, Workload, clicks, customers, orders, payments, sensors,
};
use cutproof_reports::{FindingKind, OrderBroken};

fn records(fixtures: &[FixtureRecord]) -> Vec<Record> {
    let header = |(name, value): &(String, Option<Vec<u8>>)| Header {
        name: name.clone().into(),
        value: value.clone(),
    };
    (0..)
        .zip(fixtures)
        .map(|(offset, fixture)| Record {
            offset,
            timestamp: fixture.timestamp,
            timestamp_type: TimestampType::CreateTime,
            key: fixture.key.clone(),
            value: fixture.value.clone(),
            headers: fixture.headers.iter().map(header).collect(),
        })
        .collect()
}

fn items(records: &[Record]) -> Vec<Item> {
    let fingerprinter = Fingerprinter::new(&Contract::default(), 7);
    let item = |record: &Record| {
        let print = record.view(|view| fingerprinter.of(view));
        Item {
            identity: print.identity,
            offset: record.offset,
            timestamp: record.timestamp,
            key: print.key,
            value: print.value,
        }
    };
    records.iter().map(item).collect()
}

/// Source and target of one partition. Offsets are indices.
struct Pair {
    records: [Vec<Record>; 2],
    log: InMemory,
}

impl Pair {
    fn of(source: &[FixtureRecord], target: &[FixtureRecord]) -> Self {
        let records = [records(source), records(target)];
        let log = InMemory(records.each_ref().map(|records| items(records)));
        Self { records, log }
    }

    fn aligned(&mut self) -> Alignment {
        let mut aligner = PairAligner::new(Rules::default(), Tuning::default(), [0, 0]);
        for side in Side::BOTH {
            aligner.push(side, &self.log.0[side as usize]);
        }
        aligner.finish(0, &mut self.log).expect("lists can be read")
    }

    /// An outcome in the words of the defects.
    fn finding(&self, outcome: &Outcome) -> ExpectedFinding {
        let (kind, parts, order_broken) = match outcome {
            Outcome::Missing { .. } => (FindingKind::MissingRecord, vec![], None),
            Outcome::Extraneous { .. } => (FindingKind::ExtraneousRecord, vec![], None),
            Outcome::Duplicate { .. } => (FindingKind::DuplicateRecord, vec![], None),
            Outcome::Reordered { key_order_broken, .. } => {
                let broken = if *key_order_broken { OrderBroken::Key } else { OrderBroken::Partition };
                (FindingKind::ReorderedRecord, vec![], Some(broken))
            }
            Outcome::Mismatched { source: s, target: t } => {
                let [source, target] = &self.records;
                let (s, t) = (&source[s.offset as usize], &target[t.offset as usize]);
                (FindingKind::MismatchedRecord, difference(&Contract::default(), s, t).parts, None)
            }
            Outcome::Unsolved { .. } => panic!("small sequences are always solved"),
        };
        ExpectedFinding {
            kind,
            parts,
            source_index: outcome.source().map(|item| item.offset as usize),
            target_index: outcome.target().map(|item| item.offset as usize),
            order_broken,
        }
    }
}

fn find(source: &[FixtureRecord], target: &[FixtureRecord]) -> Vec<ExpectedFinding> {
    let mut pair = Pair::of(source, target);
    let alignment = pair.aligned();
    alignment.outcomes.iter().map(|outcome| pair.finding(outcome)).collect()
}

fn sorted(mut findings: Vec<ExpectedFinding>) -> Vec<ExpectedFinding> {
    findings.sort_by_key(|f| (f.kind, f.source_index, f.target_index));
    findings
}

/// Of each kind.
fn seeds() -> u64 {
    std::env::var("CUTPROOF_SEEDS").map_or(250, |n| {
        let seeds: u64 = n.parse().expect("CUTPROOF_SEEDS is a number");
        seeds.div_ceil(400)
    })
}

/// All that there are, one topic each.
fn workloads(seed: u64, partitions: usize) -> [Workload; 5] {
    let size = Size { seed, partitions, records_per_partition: 120, ..Size::default() };
    [orders(&size, 1), clicks(&size), customers(&size), sensors(&size), payments(&size)]
}

#[test]
fn each_planted_defect_is_found_with_its_kind_and_parts_and_nothing_else() {
    let within_a_partition = DefectKind::ALL.map(|kind| (kind, 0)).into_iter();
    let mut planted: Vec<(DefectKind, u64)> =
        within_a_partition.filter(|(kind, _)| *kind != DefectKind::MoveToOtherPartition).collect();
    for seed in 0..seeds() {
        for topic in workloads(seed, 1).iter().flat_map(|workload| &workload.topics) {
            let source = &topic.records[0];
            for (kind, count) in &mut planted {
                // Not every workload has what each defect needs.
                let Ok(plant) = plant(*kind, seed, source) else { continue };
                *count += 1;
                let found = find(source, &plant.target);
                assert_eq!(sorted(found), sorted(plant.expected), "{kind:?} in {} seed {seed}", topic.name);
            }
        }
    }
    assert_eq!(planted.len(), 19);
    for (kind, count) in planted {
        assert!(2 * count >= seeds(), "{kind:?} could be planted only {count} times");
    }
}

/// A finding with the partitions of its source record and of its target record; the pair's where it has but one.
type Row = (usize, usize, ExpectedFinding);

fn in_order(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|(from, to, f)| (*from, *to, f.kind, f.source_index, f.target_index));
    rows
}

/// All partitions of a topic, judged as a run judges them: the findings, and the ledger of each pair.
fn judged(source: &TopicFixture, target: &TopicFixture) -> (Vec<Row>, Vec<Ledger>) {
    let mut pairs: Vec<Pair> =
        source.records.iter().zip(&target.records).map(|(source, target)| Pair::of(source, target)).collect();
    let read = |(at, pair): (usize, &mut Pair)| {
        let ends = pair.log.0.each_ref().map(|items| items.len() as i64);
        let reading = PairReading {
            name: format!("{}-{at}", source.name),
            start: [0, 0],
            source_end: ends[0],
            target_end: ends[1],
            read_to: ends,
            complete: [true, true],
            holes: Default::default(),
            timestamps_within: Some(0),
        };
        classify(reading, pair.aligned())
    };
    let mut classified: Vec<Classified> = pairs.iter_mut().enumerate().map(read).collect();
    let misplaced = find_misplaced(&mut classified.iter_mut().enumerate().collect::<Vec<_>>());
    let mut rows: Vec<Row> = Vec::new();
    for found in misplaced {
        let finding = ExpectedFinding {
            kind: FindingKind::MisplacedRecord,
            parts: vec![],
            source_index: Some(found.source.offset as usize),
            target_index: Some(found.target.offset as usize),
            order_broken: None,
        };
        rows.push((found.source_pair, found.target_pair, finding));
    }
    let mut ledgers = Vec::new();
    for (at, (pair, classified)) in pairs.iter().zip(classified).enumerate() {
        let intake =
            pair.log.0.each_ref().map(|items| items.iter().map(|item| item.identity).collect::<Intake>());
        let judgement = account(classified, intake).expect("the ledger adds up");
        for (outcome, standing) in judgement.alignment.outcomes.iter().zip(&judgement.standings) {
            match standing {
                Standing::Finding(FindingKind::MisplacedRecord) | Standing::Pending => {}
                Standing::Finding(kind) => {
                    let finding = pair.finding(outcome);
                    assert_eq!(finding.kind, *kind);
                    rows.push((at, at, finding));
                }
                other => panic!("{outcome:?} is {other:?}"),
            }
        }
        ledgers.push(judgement.ledger);
    }
    (in_order(rows), ledgers)
}

/// What the defects say of a topic. What is missing behind the last matched record of its pair is pending.
fn promised(
    planted: &PlantedWorkload,
    source: &TopicFixture,
    target: &TopicFixture,
) -> (Vec<Row>, Vec<Ledger>) {
    let of_topic = planted.expected.iter().filter(|row| row.topic == source.name);
    let mut rows: Vec<Row> = of_topic
        .map(|row| (row.source_partition as usize, row.target_partition as usize, row.finding.clone()))
        .collect();
    let mut ledgers = Vec::new();
    for (at, (source, target)) in source.records.iter().zip(&target.records).enumerate() {
        let unmatched: BTreeSet<usize> = rows
            .iter()
            .filter(|(from, _, finding)| *from == at && finding.kind != FindingKind::DuplicateRecord)
            .filter_map(|(_, _, finding)| finding.source_index)
            .collect();
        let end = (0..source.len()).rev().find(|index| !unmatched.contains(index)).map_or(0, |last| last + 1);
        let all = rows.len();
        rows.retain(|(from, _, finding)| {
            *from != at || finding.kind != FindingKind::MissingRecord || finding.source_index < Some(end)
        });
        let mut ledger = Ledger {
            records: [source.len() as u64, target.len() as u64],
            matched: (source.len() - unmatched.len()) as u64,
            pending: (all - rows.len()) as u64,
            ..Ledger::default()
        };
        for (from, to, finding) in &rows {
            if *from == at {
                ledger.find(finding.kind);
            }
            if finding.kind == FindingKind::MisplacedRecord {
                ledger.misplaced[0] += u64::from(*from == at);
                ledger.misplaced[1] += u64::from(*to == at);
            }
        }
        ledgers.push(ledger);
    }
    (in_order(rows), ledgers)
}

#[test]
fn a_record_that_moved_to_another_partition_is_misplaced_whatever_else_went_wrong_there() {
    let mut moved = [0, 0];
    for seed in 0..seeds() {
        let alone = seed.is_multiple_of(2);
        let more = |n: u64| DefectKind::ALL[((seed * 7 + n * 11) % 20) as usize];
        let mut kinds = vec![DefectKind::MoveToOtherPartition; 1 + (seed / 2 % 3) as usize];
        if !alone {
            kinds.extend((0..3).map(more));
        }
        for workload in workloads(seed, 2 + (seed / 2 % 2) as usize) {
            // Compacted topics take no defect, and not every workload has what each defect needs.
            let Ok(planted) = plant_several(&kinds, seed, &workload) else { continue };
            for (source, target) in workload.topics.iter().zip(&planted.topics) {
                let (rows, ledgers) = promised(&planted, source, target);
                assert_eq!(
                    judged(source, target),
                    (rows, ledgers),
                    "{kinds:?} in {} seed {seed}",
                    source.name
                );
            }
            moved[usize::from(alone)] += 1;
        }
    }
    assert!(moved[1] >= seeds(), "alone in only {} workloads", moved[1]);
    assert!(10 * moved[0] >= seeds(), "among others in only {} workloads", moved[0]);
}
