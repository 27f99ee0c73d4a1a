//! Finds the copy of a source record by a header that carries its source offset. Reads through a trait; looks at one
//! header and at nothing else of a record; judges nothing.
//!
//! A look-up by timestamp says where to begin. From there the headers themselves lead: how far the one that was read is
//! from the one that is sought is how far the copy is at most, if nothing is repeated.

use super::locate::LogBounds;
use crate::record::Header;

/// The header that Redpanda Migrator adds: the record's offset on the source, as an unsigned big-endian number.
pub const SOURCE_OFFSET_HEADER: &str = "redpanda-migrator-offset";

/// Records in one read.
const WINDOW: usize = 256;
/// Reads before giving up: enough to halve the largest log to nothing, at every third.
const READS_MAX: u32 = 120;

/// The source offset that a record carries; of several the last, which was added last. `None` where it carries none, or
/// none of eight bytes.
pub fn source_offset(headers: &[Header]) -> Option<i64> {
    let named = headers.iter().rfind(|header| header.name == SOURCE_OFFSET_HEADER.as_bytes())?;
    let bytes: [u8; 8] = named.value.as_deref()?.try_into().ok()?;
    i64::try_from(u64::from_be_bytes(bytes)).ok()
}

/// A target record, as far as pairing looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Offset on the target.
    pub offset: i64,
    /// The source offset that it carries.
    pub source_offset: Option<i64>,
}

/// Reads one target partition.
pub trait MarkedLog {
    /// Why a read failed.
    type Error;

    /// The log's bounds now.
    fn bounds(&mut self) -> Result<LogBounds, Self::Error>;

    /// As `ListOffsets`: the first offset whose record has this timestamp or a later one.
    fn offset_at_or_after(&mut self, timestamp_ms: i64) -> Result<Option<i64>, Self::Error>;

    /// Records from `from_offset` on, in the order of offsets; fewer than `max_records` only at the end of the log.
    fn read(&mut self, from_offset: i64, max_records: usize) -> Result<Vec<Marked>, Self::Error>;
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paired {
    /// The copies, as far as they were seen.
    At {
        /// The lowest offset of a copy.
        first: i64,
        /// The highest.
        last: i64,
        /// How many.
        copies: usize,
    },
    /// There is none where it would be.
    Absent {
        /// Why, as a sentence.
        why: String,
    },
}

/// Finds the copies of the source record at `wanted`, whose timestamp is `timestamp_ms`.
///
/// # Errors
/// The reader's.
pub fn pair_by_header<L: MarkedLog>(log: &mut L, wanted: i64, timestamp_ms: i64) -> Result<Paired, L::Error> {
    let bounds = log.bounds()?;
    if bounds.start >= bounds.end {
        return Ok(absent("the target partition holds no record".to_owned()));
    }
    // Where copies may still be: [low, high).
    let (mut low, mut high) = (bounds.start, bounds.end);
    // The nearest copies known on both sides: target offset, source offset.
    let (mut below, mut above) = (None, None);
    let by_time = match timestamp_ms {
        0.. => log.offset_at_or_after(timestamp_ms)?,
        _ => None,
    };
    let mut at = by_time.unwrap_or(wanted).clamp(low, high - 1);
    for reads in 1..=READS_MAX {
        let seen = log.read(at, WINDOW)?;
        if seen.iter().any(|record| record.source_offset == Some(wanted)) {
            let from_the_first = reads == 1 && by_time == Some(at);
            return collect(log, bounds, wanted, &seen, from_the_first);
        }
        let marked: Vec<(i64, i64)> =
            seen.iter().filter_map(|record| Some((record.offset, record.source_offset?))).collect();
        let (Some(&(first, first_source)), Some(&(last, last_source))) = (marked.first(), marked.last())
        else {
            match seen.last() {
                Some(record) => {
                    return Ok(absent(format!(
                        "the target records from offset {at} to {} carry no header {SOURCE_OFFSET_HEADER}",
                        record.offset
                    )));
                }
                // Only the marks of transactions stand from here to the end.
                None => high = at,
            }
            if low >= high {
                break;
            }
            at = low + (high - low) / 2;
            continue;
        };
        if last_source < wanted {
            low = low.max(seen.last().map_or(last, |record| record.offset) + 1);
            below = Some((last, last_source));
        } else if first_source > wanted {
            high = high.min(at);
            above = Some((first, first_source));
        } else {
            return Ok(absent(format!(
                "the copies of its neighbours stand at offsets {first} to {last}, its own does not"
            )));
        }
        if low >= high {
            break;
        }
        // Every third read halves what is left, so that no run of repeats leads around for long.
        let middle = low + (high - low) / 2;
        let guess = guess(below, above, wanted).filter(|_| reads % 3 != 0).unwrap_or(middle);
        at = guess.saturating_sub(WINDOW as i64 / 4).clamp(low, high - 1);
    }
    Ok(absent(format!("no target record from offset {} to {} carries it", bounds.start, bounds.end)))
}

/// Where the copy would be, by the nearest copies known: on the line between two, or at the distance from one.
fn guess(below: Option<(i64, i64)>, above: Option<(i64, i64)>, wanted: i64) -> Option<i64> {
    match (below, above) {
        (Some((offset, source)), Some((offset_above, source_above))) => {
            let part = i128::from(wanted - source) * i128::from(offset_above - offset);
            let whole = i128::from(source_above - source).max(1);
            i64::try_from(i128::from(offset) + part / whole).ok()
        }
        (Some((offset, source)), None) => offset.checked_add(wanted - source),
        (None, Some((offset, source))) => offset.checked_sub(source - wanted),
        (None, None) => None,
    }
}

fn absent(why: String) -> Paired {
    Paired::Absent { why }
}

/// The copies in what was seen and, unless nothing before it can be one, in the records before it.
fn collect<L: MarkedLog>(
    log: &mut L,
    bounds: LogBounds,
    wanted: i64,
    seen: &[Marked],
    from_the_first: bool,
) -> Result<Paired, L::Error> {
    let mut copies: Vec<i64> =
        seen.iter().filter(|record| record.source_offset == Some(wanted)).map(|r| r.offset).collect();
    let begin = seen.first().map_or(bounds.start, |record| record.offset);
    if !from_the_first && begin > bounds.start {
        let from = begin.saturating_sub(WINDOW as i64).max(bounds.start);
        let earlier = log.read(from, WINDOW)?;
        copies.extend(
            earlier
                .iter()
                .filter(|record| record.offset < begin && record.source_offset == Some(wanted))
                .map(|record| record.offset),
        );
    }
    let (first, last) =
        (copies.iter().copied().min().unwrap_or(begin), copies.iter().copied().max().unwrap_or(begin));
    Ok(Paired::At { first, last, copies: copies.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    /// Offset, timestamp, source offset.
    struct Log {
        records: Vec<(i64, i64, Option<i64>)>,
        answers_times: bool,
        reads: u32,
    }

    impl MarkedLog for Log {
        type Error = Infallible;

        fn bounds(&mut self) -> Result<LogBounds, Infallible> {
            let start = self.records.first().map_or(0, |r| r.0);
            Ok(LogBounds { start, end: self.records.last().map_or(0, |r| r.0 + 1) })
        }

        fn offset_at_or_after(&mut self, timestamp_ms: i64) -> Result<Option<i64>, Infallible> {
            let found = self.records.iter().find(|r| r.1 >= timestamp_ms).map(|r| r.0);
            Ok(found.filter(|_| self.answers_times))
        }

        fn read(&mut self, from_offset: i64, max_records: usize) -> Result<Vec<Marked>, Infallible> {
            self.reads += 1;
            let from = self.records.iter().filter(|r| r.0 >= from_offset).take(max_records);
            Ok(from.map(|r| Marked { offset: r.0, source_offset: r.2 }).collect())
        }
    }

    fn log(records: Vec<(i64, i64, Option<i64>)>) -> Log {
        Log { records, answers_times: true, reads: 0 }
    }

    fn find(log: &mut Log, wanted: i64, timestamp_ms: i64) -> Paired {
        let Ok(found) = pair_by_header(log, wanted, timestamp_ms);
        found
    }

    fn at(offset: i64) -> Paired {
        Paired::At { first: offset, last: offset, copies: 1 }
    }

    #[test]
    fn the_header_is_eight_bytes_big_endian_and_the_last_of_its_name() {
        let header =
            |name: &str, value: Option<&[u8]>| Header { name: name.into(), value: value.map(<[u8]>::to_vec) };
        let ours = |value| header(SOURCE_OFFSET_HEADER, value);
        assert_eq!(source_offset(&[ours(Some(&[0, 0, 0, 0, 0, 0, 1, 2]))]), Some(258));
        let twice = [ours(Some(&[0; 8])), header("x", None), ours(Some(&[0, 0, 0, 0, 0, 0, 0, 9]))];
        assert_eq!(source_offset(&twice), Some(9));
        for none in [ours(None), ours(Some(&[1; 7])), ours(Some(&[0xff; 8])), header("other", Some(&[0; 8]))]
        {
            assert_eq!(source_offset(&[none]), None);
        }
    }

    #[test]
    fn where_timestamps_are_kept_one_read_is_enough() {
        let mut log = log((0..10_000).map(|n| (n, 5 * n, Some(n + 700))).collect());
        assert_eq!(find(&mut log, 6_000, 5 * 5_300), at(5_300));
        assert_eq!(log.reads, 1);
    }

    #[test]
    fn repeated_copies_are_all_named_and_the_lowest_is_the_first() {
        // The copier went back by 300 records once: 700 to 999 stand twice.
        let again = (0..1_000).chain(700..1_500);
        let mut log = log(again.enumerate().map(|(at, n)| (at as i64, n, Some(n))).collect());
        assert_eq!(find(&mut log, 900, 900), Paired::At { first: 900, last: 900, copies: 1 });
        // Within one read both are seen.
        assert_eq!(find(&mut log, 990, 990), Paired::At { first: 990, last: 990, copies: 1 });
        let twice = (0..100).chain(90..200);
        log.records = twice.enumerate().map(|(at, n)| (at as i64, n, Some(n))).collect();
        assert_eq!(find(&mut log, 95, 95), Paired::At { first: 95, last: 105, copies: 2 });
        log.answers_times = false;
        assert_eq!(find(&mut log, 95, 95), Paired::At { first: 95, last: 105, copies: 2 });
    }

    #[test]
    fn timestamps_that_the_target_set_itself_only_cost_a_few_reads_more() {
        let mut log = log((0..100_000).map(|n| (n + 50, 9_000_000 + n, Some(n * 3))).collect());
        assert_eq!(find(&mut log, 150_000, 1), at(50_050));
        assert!(log.reads < 10, "{}", log.reads);
    }

    #[test]
    fn a_record_that_was_not_copied_is_not_guessed() {
        let mut log = log((0..1_000).filter(|n| *n != 400).map(|n| (n, n, Some(n))).collect());
        let Paired::Absent { why } = find(&mut log, 400, 400) else { panic!("it is not there") };
        assert!(why.contains("1000") || why.contains("neighbours"), "{why}");
        log.records = (0..10).map(|n| (n, n, None)).collect();
        let Paired::Absent { why } = find(&mut log, 4, 4) else { panic!("no header") };
        assert!(why.contains("carry no header redpanda-migrator-offset"), "{why}");
        log.records.clear();
        assert_eq!(find(&mut log, 4, 4), absent("the target partition holds no record".into()));
    }

    proptest! {
        /// Source gaps, target gaps, ties and shuffled timestamps, brokers that look up no time.
        #[test]
        fn a_copy_that_is_there_once_is_always_found(
            steps in proptest::collection::vec((1_i64..4, 1_i64..60, 0_i64..1000), 1..1500),
            pick: prop::sample::Index, answers_times: bool, lies: bool,
        ) {
            let mut records = Vec::new();
            let (mut offset, mut source) = (3, 1_000);
            for (step, source_step, time) in &steps {
                offset += step;
                source += source_step;
                records.push((offset, if lies { *time } else { source }, Some(source)));
            }
            let wanted = records[pick.index(records.len())];
            let mut log = Log { records, answers_times, reads: 0 };
            prop_assert_eq!(find(&mut log, wanted.2.expect("marked"), wanted.1), at(wanted.0));
        }
    }
}
