//! The compacted contract of units against its oracle: several lanes a side, cleaned at any time, damaged at random, for
//! any arrival and tuning. `CUTPROOF_SEEDS` sets the number of seeds (default 100,000).

#[path = "judged/choices.rs"]
mod choices;
#[path = "judged/histories.rs"]
mod histories;
#[path = "judged/items.rs"]
mod items;
#[path = "judged/lanes.rs"]
mod lanes;

use choices::Random;
use cutproof::align::Rules;
use cutproof::align::keyed::InMemoryLanes;
use cutproof::classify::{
    Cleaning, SourceReading, Standing, Taken, TargetReading, UnitReading, UnitRules, classify_unit,
    judge_compacted_unit, take_apart,
};
use cutproof_fixtures::compaction::{History, play};
use cutproof_fixtures::oracle::compacted::{Column, CompactedLog, LogRecord};
use cutproof_fixtures::oracle::compacted_lanes::judge_compacted_lanes;
use cutproof_fixtures::oracle::{self, OracleFinding, Order, Timestamps};
use histories::{column, damage, items, lines, seeds};
use lanes::finding;

/// Both sides by lane, and when they were read.
#[derive(Debug)]
struct Unit {
    order: Order,
    lanes: [Vec<CompactedLog>; 2],
    now_ms: i64,
    timestamps_kept: bool,
    timestamps_exact: bool,
}

impl Unit {
    /// Histories side by side, one of each source lane; on the target lane by lane, or all in one. `clean`: nothing is
    /// damaged.
    fn any(seed: u64, clean: bool) -> Self {
        let random = &mut Random::Seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let order = [Order::Key, Order::None, Order::KeyThenMultiset, Order::KeyThenMultiset];
        let order = order[random.below(4) as usize];
        let count = if order == Order::KeyThenMultiset { 1 + random.below(3) } else { 1 };
        let shared_keys = random.below(2) == 0;
        let mut lanes: [Vec<CompactedLog>; 2] = Default::default();
        let mut now_ms = 0;
        for lane in 0..count {
            let history = History {
                seed: seed * 4 + lane + 1,
                writes: 24 / count,
                timestamps_ignored: seed.is_multiple_of(3),
                dropped: None,
                lags: false,
            };
            let played = play(&history);
            // No two histories share a moment.
            now_ms = (played.now_ms * 4 + 3).max(now_ms);
            for (side, mut log) in [played.source, played.target].into_iter().enumerate() {
                log.delete_retention_ms = log.delete_retention_ms.map(|kept| kept * 4);
                for record in &mut log.records {
                    record.record.identity += lane << 56;
                    record.record.timestamp = record.record.timestamp * 4 + lane as i64;
                    if !shared_keys {
                        record.record.key = record.record.key.map(|key| key * 8 + lane);
                    }
                }
                lanes[side].push(log);
            }
        }
        if random.below(3) == 0 && order == Order::KeyThenMultiset {
            let one = lanes[1].drain(..).reduce(behind).expect("one lane at least");
            lanes[1].push(one);
        }
        let damages = if clean { 0 } else { random.below(4) };
        for _ in 0..damages {
            let side = usize::from(random.below(4) > 0);
            let lane = random.below(lanes[side].len() as u64) as usize;
            damage(&mut lanes[side][lane], random);
        }
        Self {
            order,
            lanes,
            now_ms,
            timestamps_kept: random.below(4) > 0,
            timestamps_exact: !seed.is_multiple_of(3),
        }
    }
}

fn table(unit: &Unit) -> String {
    let [source, target] = unit.lanes.each_ref().map(|lanes| lanes.iter().map(lines).collect::<String>());
    format!("{:?}, now {}\nsource\n{source}target\n{target}", unit.order, unit.now_ms)
}

fn behind(mut log: CompactedLog, next: CompactedLog) -> CompactedLog {
    let end = log.end;
    log.records.extend(next.records.into_iter().map(|r| LogRecord { offset: r.offset + end, ..r }));
    log.end += next.end;
    log.delete_retention_ms = log.delete_retention_ms.min(next.delete_retention_ms);
    log
}

/// The engine's answer, in the oracle's words.
fn judged(unit: &Unit, random: &mut Random<'_>) -> Vec<(OracleFinding, Column)> {
    let lanes = unit.lanes.each_ref();
    let mut log = InMemoryLanes(lanes.map(|lanes| lanes.iter().map(items).collect()));
    let counts = lanes.map(Vec::len);
    let (alignment, pairs) = lanes::align(Rules::default(), unit.order, &mut log, random);
    let of_lane = |at: usize| pairs.iter().filter(move |pair| pair.source.0 == at);
    let reading = UnitReading {
        name: "accounts".into(),
        sources: (unit.lanes[0].iter().enumerate())
            .map(|(at, log)| SourceReading {
                log_start: 0,
                start: 0,
                end: log.end,
                read_to: log.end,
                deleted_up_to: None,
                highest_matched: of_lane(at).map(|pair| pair.source.1).max(),
                matched_in_all: None,
            })
            .collect(),
        targets: (unit.lanes[1].iter())
            .map(|log| TargetReading {
                start: 0,
                cut: log.end,
                end: log.end,
                follows_shortened: None,
                first_copy: None,
                read_to: log.end,
            })
            .collect(),
        complete: [true, true],
        ordered: unit.order != Order::None,
        compacted: true,
        timestamps_within: unit.timestamps_exact.then_some(0),
        meanings: false,
        taken: Taken::default(),
    };
    let mut outcomes = alignment.outcomes;
    take_apart(&reading, &mut outcomes);
    let mut standings: Vec<Standing> =
        outcomes.iter().map(|entry| classify_unit(&reading, entry, None)).collect();
    let retention = lanes.map(|lanes| {
        lanes.iter().map(|log| log.delete_retention_ms).collect::<Option<Vec<i64>>>()?.into_iter().min()
    });
    let rules = UnitRules {
        rules: Rules::default(),
        timestamps_exact: unit.timestamps_exact,
        ordered: unit.order != Order::None,
        cleaning: Cleaning {
            delete_retention_ms: retention,
            barrier_ms: unit.now_ms,
            timestamps_kept: unit.timestamps_kept,
        },
        log_starts: &counts.map(|count| vec![0; count]),
    };
    judge_compacted_unit(&outcomes, &mut standings, &reading, &rules, &mut log).expect("lists can be read");
    let mut answer: Vec<(OracleFinding, Column)> = outcomes
        .iter()
        .zip(&standings)
        .map(|(entry, standing)| (finding(&log, entry), column(standing)))
        .collect();
    answer.sort_unstable();
    answer
}

fn by_the_oracle(unit: &Unit) -> Vec<(OracleFinding, Column)> {
    let rules = oracle::Rules { order: unit.order, timestamps: Timestamps::InIdentity };
    let lanes = unit.lanes.each_ref().map(Vec::as_slice);
    let mut expected =
        judge_compacted_lanes(lanes, rules, unit.now_ms, unit.timestamps_kept, unit.timestamps_exact);
    expected.sort_unstable();
    expected
}

#[test]
fn the_engine_judges_compacted_lanes_as_the_oracle_does() {
    let mut seen = [0_u64; 4];
    for seed in 0..seeds() {
        let unit = Unit::any(seed, false);
        let expected = by_the_oracle(&unit);
        assert_eq!(judged(&unit, &mut Random::new(seed)), expected, "seed {seed}\n{}", table(&unit));
        expected.iter().for_each(|(_, column)| seen[*column as usize] += 1);
    }
    assert_eq!(seen[Column::Compacted as usize], 0, "nothing is proven benign without a place in an order");
    let rest = [Column::Finding, Column::Pending, Column::CompactedOrDropped];
    assert!(rest.iter().all(|column| seen[*column as usize] > 100), "every column occurs: {seen:?}");
}

#[test]
fn a_clean_history_is_never_called_divergent() {
    let mut untold = 0;
    for seed in 0..seeds() {
        let unit = Unit::any(seed, true);
        let answer = judged(&unit, &mut Random::new(seed));
        let found = answer.iter().filter(|(_, column)| *column != Column::CompactedOrDropped).count();
        assert_eq!(found, 0, "seed {seed}: {answer:?}\n{}", table(&unit));
        untold += answer.len();
    }
    assert!(untold > 10_000, "only {untold} were left to compaction");
}

/// The promise itself, apart from the rules: a key of which nothing is a finding and nothing is pending ends alike.
#[test]
fn of_a_key_without_a_finding_the_last_value_is_equal() {
    let mut keys_seen = 0;
    for seed in 0..seeds() {
        let unit = Unit::any(seed, false);
        if unit.order == Order::None || unit.lanes.iter().any(|lanes| lanes.len() > 1) {
            continue;
        }
        let [source, target] = [0, 1].map(|side: usize| &unit.lanes[side][0].records);
        let answer = judged(&unit, &mut Random::new(seed));
        let key_of = |finding: &OracleFinding| match finding.source() {
            Some(at) => source[at].record.key,
            None => finding.target().and_then(|at| target[at].record.key),
        };
        let open = |key: Option<u64>| {
            let keys = |finding: &OracleFinding| {
                [key_of(finding), finding.target().and_then(|at| target[at].record.key)]
            };
            answer.iter().any(|(f, c)| *c != Column::CompactedOrDropped && keys(f).contains(&key))
        };
        for key in source.iter().chain(target).filter_map(|log| log.record.key) {
            if open(Some(key)) {
                continue;
            }
            let last = |logs: &[LogRecord]| logs.iter().rfind(|log| log.record.key == Some(key)).copied();
            let alike = match (last(source), last(target)) {
                (Some(s), Some(t)) => s.tombstone && t.tombstone || s.record.identity == t.record.identity,
                (one, other) => one.or(other).is_none_or(|left| left.tombstone),
            };
            assert!(alike, "seed {seed} key {key}: {answer:?}\n{}", table(&unit));
            keys_seen += 1;
        }
    }
    assert!(keys_seen > 10_000, "only {keys_seen} keys were looked at");
}
