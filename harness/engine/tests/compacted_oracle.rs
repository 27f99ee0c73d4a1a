//! The compacted contract against its oracle, over histories that are cleaned on either side at any time, for any arrival
//! and tuning. `CUTPROOF_SEEDS` sets the number of seeds (default 100,000).

#[path = "judged/choices.rs"]
mod choices;
#[path = "judged/histories.rs"]
mod histories;
#[path = "judged/items.rs"]
mod items;
#[path = "judged/pair.rs"]
mod pair;

use choices::Random;
use cutproof::align::{InMemory, Item, Rules};
use cutproof::classify::{Cleaning, LogStarts, PairReading, classify, judge_compacted};
use cutproof_fixtures::compaction::{Compacted, History, play};
use cutproof_fixtures::oracle::compacted::{self, Column, LogRecord};
use cutproof_fixtures::oracle::{self, OracleFinding};
use histories::{column, items, lines, seeds};
use pair::Restarts;

fn history(seed: u64) -> History {
    let timestamps_ignored = seed.is_multiple_of(3);
    History { seed: seed + 1, writes: 30, timestamps_ignored, dropped: None, lags: false }
}

fn table(logs: &Compacted) -> String {
    format!("now {}\nsource\n{}target\n{}", logs.now_ms, lines(&logs.source), lines(&logs.target))
}

/// The engine's answer, in the oracle's words.
fn judged(logs: &Compacted, timestamps_kept: bool, random: &mut Random<'_>) -> Vec<(OracleFinding, Column)> {
    let ends = [logs.source.end, logs.target.end];
    let mut log = InMemory([items(&logs.source), items(&logs.target)]);
    let restarts = [Restarts::Never, Restarts::AtRandom][random.upto(2)];
    let alignment = pair::align(&mut log, Rules::default(), random, restarts);
    let reading = PairReading {
        name: "accounts-0".into(),
        start: [0, 0],
        source_end: ends[0],
        target_end: ends[1],
        read_to: ends,
        complete: [true, true],
        holes: Default::default(),
        timestamps_within: timestamps_kept.then_some(0),
    };
    let cleaning = Cleaning {
        delete_retention_ms: [logs.source.delete_retention_ms, logs.target.delete_retention_ms],
        barrier_ms: logs.now_ms,
        timestamps_kept,
    };
    let mut pair = classify(reading, alignment);
    // What was only counted is judged by its count; listed, it is judged as all else.
    let tail = log.0[0].iter().filter(|item| pair.alignment.tail.contains(item.offset));
    let tail: Vec<Item> = tail.copied().collect();
    pair.take_from_tail(&tail);
    judge_compacted(&mut pair, &Rules::default(), &cleaning, LogStarts::default(), &mut log)
        .expect("lists can be read");
    let findings = pair.alignment.outcomes.iter().map(|outcome| pair::finding(outcome, &log));
    let mut answer: Vec<_> = findings.zip(pair.standings.iter().map(column)).collect();
    answer.sort_unstable();
    answer
}

fn by_the_oracle(logs: &Compacted, timestamps_kept: bool) -> Vec<(OracleFinding, Column)> {
    let rules = oracle::Rules::STRICT;
    let mut expected =
        compacted::judge_compacted(&logs.source, &logs.target, rules, logs.now_ms, timestamps_kept);
    expected.sort_unstable();
    expected
}

/// Anything that may go wrong, on the logs as they are at the end.
fn damage(logs: &mut Compacted, random: &mut Random<'_>) {
    for _ in 0..random.below(4) {
        let log = if random.below(4) == 0 { &mut logs.source } else { &mut logs.target };
        histories::damage(log, random);
    }
}

#[test]
fn the_engine_judges_compacted_logs_as_the_oracle_does() {
    let mut seen = [0_u64; 4];
    for seed in 0..seeds() {
        let random = &mut Random::Seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut logs = play(&History { lags: seed.is_multiple_of(2), ..history(seed) });
        damage(&mut logs, random);
        let timestamps_kept = random.below(4) > 0;
        let expected = by_the_oracle(&logs, timestamps_kept);
        assert_eq!(judged(&logs, timestamps_kept, random), expected, "seed {seed}\n{}", table(&logs));
        expected.iter().for_each(|(_, column)| seen[*column as usize] += 1);
    }
    assert!(seen.iter().all(|&count| count > 100), "every column occurs: {seen:?}");
}

#[test]
fn whatever_was_compacted_when_a_clean_history_raises_no_alarm() {
    let (mut compacted, mut open) = (0, 0);
    for seed in 0..seeds() {
        let logs = play(&history(seed));
        let answer = judged(&logs, true, &mut Random::new(seed));
        let untold = answer.iter().filter(|(_, column)| *column == Column::CompactedOrDropped).count();
        // Only where timestamps are ignored do two writes look alike.
        assert!(untold == 0 || history(seed).timestamps_ignored, "seed {seed}");
        open += untold;
        assert!(
            answer.iter().all(|(_, column)| *column >= Column::Compacted),
            "seed {seed}: {answer:?}\n{}",
            table(&logs)
        );
        compacted += answer.len();
    }
    assert!(compacted > 10_000, "compaction explained only {compacted} records");
    assert!(open * 200 < compacted, "of {compacted} records {open} could not be told");
}

#[test]
fn a_target_that_lags_behind_a_cleaned_source_raises_no_alarm() {
    let mut apart = 0;
    for seed in 0..seeds() {
        let logs = play(&History { timestamps_ignored: false, lags: true, ..history(seed) });
        let [source, target] = [&logs.source.records, &logs.target.records];
        let key_of = |finding: &OracleFinding| match finding.source() {
            Some(at) => source[at].record.key,
            None => finding.target().and_then(|at| target[at].record.key),
        };
        // Then it looks as if its timestamp had been altered.
        let value_comes_again = |key: Option<u64>| {
            let again = |s: &LogRecord, t: &LogRecord| {
                let [s, t] = [s.record, t.record];
                s.key == key && t.key == key && s.value == t.value && s.timestamp != t.timestamp
            };
            source.iter().any(|s| target.iter().any(|t| again(s, t)))
        };
        let on_source = |t: &LogRecord| source.iter().any(|s| s.record.identity == t.record.identity);
        let answer = judged(&logs, true, &mut Random::new(seed));
        for (finding, column) in &answer {
            let key = key_of(finding);
            let alarm = *column == Column::Finding && !value_comes_again(key);
            assert!(!alarm, "seed {seed}: {answer:?}\n{}", table(&logs));
            // Behind the last match.
            let old = |at: usize| *column == Column::Compacted && !target[at..].iter().any(on_source);
            if matches!(finding, OracleFinding::Extraneous { target } if old(*target)) {
                let waits = |(f, c): &(OracleFinding, Column)| *c == Column::Pending && key_of(f) == key;
                assert!(answer.iter().any(waits), "seed {seed}: {answer:?}\n{}", table(&logs));
                apart += 1;
            }
        }
    }
    assert!(apart > seeds() / 20, "only {apart} older values were told from altered copies");
}

#[test]
fn a_last_value_that_was_never_copied_is_always_found() {
    let mut dropped = 0;
    for seed in 0..seeds() {
        let clean = history(seed);
        let values = play(&clean).last_values;
        let Some(&(number, key)) = values.get(seed as usize % values.len().max(1)) else { continue };
        let logs = play(&History { dropped: Some(number), ..clean });
        let last = logs.source.records.iter().rposition(|log| log.record.key == Some(key));
        let last = last.expect("the last value of a key is never compacted");
        let on_target = logs.target.records.iter().rfind(|log| log.record.key == Some(key));
        if on_target.is_some_and(|log| log.record.identity == logs.source.records[last].record.identity) {
            // The same value again: the value before it stands in its place.
            assert!(clean.timestamps_ignored);
            continue;
        }
        dropped += 1;
        let answer = judged(&logs, true, &mut Random::new(seed));
        let named = |finding: &OracleFinding| match clean.timestamps_ignored {
            false => finding.source() == Some(last),
            // Which of equal records is named may vary: the key is.
            true => {
                let keys = [
                    finding.source().map(|at| logs.source.records[at].record.key),
                    finding.target().map(|at| logs.target.records[at].record.key),
                ];
                keys.contains(&Some(Some(key)))
            }
        };
        let found = answer
            .iter()
            .any(|(finding, column)| named(finding) && matches!(column, Column::Finding | Column::Pending));
        assert!(found, "seed {seed}: {answer:?}\n{}", table(&logs));
    }
    assert!(dropped > seeds() / 2, "only {dropped} were dropped");
}
