//! Every kind of planted defect, over many seeds: the whole list of findings with their parts, and nothing else.
//! `CUTPROOF_SEEDS` sets the number of seeds; each kind has a part in 400 of them (default 250).

use cutproof::align::{InMemory, Item, Outcome, PairAligner, Rules, Tuning};
use cutproof::compare::difference;
use cutproof::fingerprint::Fingerprinter;
use cutproof::record::{Contract, Header, Record, Side, TimestampType};
use cutproof_fixtures::FixtureRecord;
use cutproof_fixtures::defects::{DefectKind, ExpectedFinding, plant};
use cutproof_fixtures::workloads::{Size, orders};
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

fn find(source: &[Record], target: &[Record]) -> Vec<ExpectedFinding> {
    let contract = Contract::default();
    let fingerprinter = Fingerprinter::new(&contract, 7);
    let items = |records: &[Record]| -> Vec<Item> {
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
    };
    let mut log = InMemory([items(source), items(target)]);
    let mut aligner = PairAligner::new(Rules::default(), Tuning::default(), [0, 0]);
    for side in Side::BOTH {
        aligner.push(side, &log.0[side as usize]);
    }
    let alignment = aligner.finish(0, &mut log).expect("lists can be read");
    alignment
        .outcomes
        .iter()
        .map(|outcome| {
            let (kind, parts, order_broken) = match outcome {
                Outcome::Missing { .. } => (FindingKind::MissingRecord, vec![], None),
                Outcome::Extraneous { .. } => (FindingKind::ExtraneousRecord, vec![], None),
                Outcome::Duplicate { .. } => (FindingKind::DuplicateRecord, vec![], None),
                Outcome::Reordered { key_order_broken, .. } => {
                    let broken = if *key_order_broken { OrderBroken::Key } else { OrderBroken::Partition };
                    (FindingKind::ReorderedRecord, vec![], Some(broken))
                }
                Outcome::Mismatched { source: s, target: t } => {
                    let found = difference(&contract, &source[s.offset as usize], &target[t.offset as usize]);
                    (FindingKind::MismatchedRecord, found.parts, None)
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
        })
        .collect()
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

#[test]
fn each_planted_defect_is_found_with_its_kind_and_parts_and_nothing_else() {
    let size = Size { seed: 11, partitions: 1, records_per_partition: 400, ..Size::default() };
    let workload = orders(&size, 1);
    let source = &workload.topics[0].records[0];
    let mut planted = 0;
    for kind in DefectKind::ALL {
        for seed in 0..seeds() {
            // A record moved to another partition needs two of them: its test is with the pairs of a topic.
            let Ok(plant) = plant(kind, seed, source) else { continue };
            planted += 1;
            let found = find(&records(source), &records(&plant.target));
            assert_eq!(sorted(found), sorted(plant.expected), "{kind:?} seed {seed}");
        }
    }
    assert!(planted >= 19 * seeds(), "only {planted} defects could be planted");
}
