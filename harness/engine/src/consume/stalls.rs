//! Which partitions of one side gave nothing, and how long the others are waited for: those that the same broker leads
//! only shortly, until one of them gives something. Asks nobody, knows no clock.

use std::collections::HashSet;
use std::time::Duration;

use super::ReadEnd;
use crate::record::{OffsetRange, TopicPartition};

/// Where the broker of a partition gave nothing for the whole stall limit, the partition is waited for this part of it.
const SHORTER: u32 = 10;

/// What readings of one side, one after another, have met. A dead broker costs one stall limit, and little more for each
/// further partition that it leads; a partition of any other broker is waited for as long as ever.
#[derive(Debug)]
pub struct Stalls {
    limit: Duration,
    /// They are not waited for once more.
    given_up: HashSet<TopicPartition>,
    /// For each partition that gave nothing for the whole limit, while nothing came from its broker since.
    silent: Vec<Silent>,
}

/// What a broker leads that gives nothing.
#[derive(Debug)]
enum Silent {
    Leads(HashSet<TopicPartition>),
    /// Nobody could say what: no broker of the side answers.
    All,
}

impl Silent {
    fn leads(&self, partition: &TopicPartition) -> bool {
        match self {
            Self::Leads(led) => led.contains(partition),
            Self::All => true,
        }
    }
}

impl Stalls {
    /// None so far. `limit`: how long a partition may give nothing.
    pub fn new(limit: Duration) -> Self {
        Self { limit, given_up: HashSet::new(), silent: Vec::new() }
    }

    /// How long a partition may give nothing where nothing is known of its broker.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Whether the partition gave nothing before: another reading would wait in vain.
    pub fn has_given_up(&self, partition: &TopicPartition) -> bool {
        self.given_up.contains(partition)
    }

    /// How long the partition may give nothing before it has given anything.
    pub fn patience(&self, partition: &TopicPartition) -> Duration {
        match self.silent.iter().any(|broker| broker.leads(partition)) {
            true => self.short(),
            false => self.limit,
        }
    }

    fn short(&self) -> Duration {
        self.limit / SHORTER
    }

    /// From here on nobody waits for the partition.
    pub fn give_up(&mut self, partition: &TopicPartition) {
        self.given_up.insert(partition.clone());
    }

    /// The partition gave something: it is waited for again, and so is all that its broker leads.
    pub fn gave(&mut self, partition: &TopicPartition) {
        self.given_up.remove(partition);
        self.silent.retain(|broker| !broker.leads(partition));
    }

    /// Remembers how a reading of `range` has ended. Where the partition gave nothing for the whole limit, `led_beside`
    /// is asked once for all that its broker leads, and has so long for the answer; `None`: nobody says. Returns how long
    /// the partition was waited for where it is given up.
    pub fn note(
        &mut self,
        partition: &TopicPartition,
        range: OffsetRange,
        end: &ReadEnd,
        led_beside: impl FnOnce(Duration) -> Option<HashSet<TopicPartition>>,
    ) -> Option<Duration> {
        // Nobody was asked for it.
        if range.start >= range.end {
            return None;
        }
        let answered = match end {
            ReadEnd::ReachedEnd | ReadEnd::OutOfRange { .. } => true,
            ReadEnd::Stalled { at } | ReadEnd::Failed { at, .. } => *at > range.start,
        };
        if answered {
            self.gave(partition);
        }
        if !matches!(end, ReadEnd::Stalled { .. }) {
            return None;
        }
        let waited = self.patience(partition);
        self.give_up(partition);
        if waited == self.limit {
            let led = led_beside(self.short());
            self.silent.push(led.map_or(Silent::All, Silent::Leads));
        }
        Some(waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(45);
    const SHORT: Duration = Duration::from_millis(4_500);
    const RANGE: OffsetRange = OffsetRange { start: 10, end: 50 };
    const NOTHING: ReadEnd = ReadEnd::Stalled { at: 10 };

    fn partitions<const N: usize>() -> [TopicPartition; N] {
        std::array::from_fn(|number| TopicPartition::new("orders", number as i32))
    }

    /// Where it is known already who leads what.
    fn nobody_asks(_: Duration) -> Option<HashSet<TopicPartition>> {
        panic!("who leads what was asked for")
    }

    /// Of so many partitions the first one gave nothing for the whole limit. Its broker leads the first `led`.
    fn after_one<const N: usize>(led: Option<usize>) -> ([TopicPartition; N], Stalls) {
        let all = partitions::<N>();
        let mut stalls = Stalls::new(LIMIT);
        assert_eq!(stalls.patience(&all[0]), LIMIT);
        let waited = stalls.note(&all[0], RANGE, &NOTHING, |within| {
            assert_eq!(within, SHORT);
            led.map(|led| all[..led].iter().cloned().collect())
        });
        assert_eq!(waited, Some(LIMIT));
        (all, stalls)
    }

    #[test]
    fn all_partitions_of_a_dead_broker_cost_one_limit_and_a_tenth_for_each_further_one() {
        let (all, mut stalls) = after_one::<120>(Some(100));
        let further = all[1..100].iter().map(|partition| {
            assert!(!stalls.has_given_up(partition), "{partition} is tried");
            assert_eq!(stalls.patience(partition), SHORT);
            stalls.note(partition, RANGE, &NOTHING, nobody_asks).expect("given up")
        });
        assert_eq!(further.sum::<Duration>(), 99 * SHORT);
        assert!(all[..100].iter().all(|partition| stalls.has_given_up(partition)));
        for partition in &all[100..] {
            assert_eq!((stalls.patience(partition), stalls.has_given_up(partition)), (LIMIT, false));
        }
    }

    #[test]
    fn a_partition_of_another_broker_has_the_whole_patience_and_then_makes_its_own_broker_silent() {
        let (all, mut stalls) = after_one::<6>(Some(2));
        let led = HashSet::from([all[3].clone(), all[4].clone()]);
        assert_eq!(stalls.note(&all[3], RANGE, &NOTHING, |_| Some(led)), Some(LIMIT));
        let patience = [1, 2, 4, 5].map(|number: usize| stalls.patience(&all[number]));
        assert_eq!(patience, [SHORT, LIMIT, SHORT, LIMIT]);
    }

    #[test]
    fn one_partition_that_gives_something_gives_all_of_its_broker_the_whole_patience_back() {
        let detail = || "bad".to_owned();
        let answers = [
            ReadEnd::ReachedEnd,
            ReadEnd::OutOfRange { asked: 10, detail: detail() },
            ReadEnd::Failed { at: 11, detail: detail() },
        ];
        for answer in answers {
            let (all, mut stalls) = after_one::<4>(Some(3));
            assert_eq!(stalls.note(&all[1], RANGE, &answer, nobody_asks), None);
            assert_eq!(stalls.patience(&all[2]), LIMIT, "{answer:?}");
            assert!(stalls.has_given_up(&all[0]), "the one that gave nothing is not tried again: {answer:?}");
        }
    }

    #[test]
    fn what_says_nothing_of_the_broker_changes_nothing() {
        let (all, mut stalls) = after_one::<3>(Some(2));
        let nothing = OffsetRange { start: 7, end: 7 };
        assert_eq!(stalls.note(&all[1], nothing, &ReadEnd::ReachedEnd, nobody_asks), None);
        let failed = ReadEnd::Failed { at: 10, detail: "stopped before its end".to_owned() };
        assert_eq!(stalls.note(&all[1], RANGE, &failed, nobody_asks), None);
        assert_eq!(stalls.note(&all[2], RANGE, &ReadEnd::ReachedEnd, nobody_asks), None);
        assert_eq!((stalls.patience(&all[1]), stalls.has_given_up(&all[1])), (SHORT, false));
    }

    #[test]
    fn one_that_gave_something_and_then_nothing_had_the_whole_patience_and_is_asked_about_anew() {
        let (all, mut stalls) = after_one::<4>(Some(3));
        let led = HashSet::from([all[1].clone(), all[3].clone()]);
        let waited = stalls.note(&all[1], RANGE, &ReadEnd::Stalled { at: 30 }, |_| Some(led));
        assert_eq!(waited, Some(LIMIT));
        assert_eq!([2, 3].map(|number: usize| stalls.patience(&all[number])), [LIMIT, SHORT]);
    }

    #[test]
    fn where_nobody_says_who_leads_what_all_are_waited_for_shortly_until_any_gives_something() {
        let (all, mut stalls) = after_one::<3>(None);
        assert_eq!([1, 2].map(|number: usize| stalls.patience(&all[number])), [SHORT; 2]);
        assert_eq!(stalls.note(&all[1], RANGE, &NOTHING, nobody_asks), Some(SHORT));
        assert_eq!(stalls.note(&all[2], RANGE, &ReadEnd::ReachedEnd, nobody_asks), None);
        assert_eq!(stalls.patience(&TopicPartition::new("audit", 0)), LIMIT);
    }

    #[test]
    fn a_partition_that_another_reading_has_read_is_waited_for_again() {
        let (all, mut stalls) = after_one::<2>(Some(2));
        stalls.gave(&all[0]);
        assert_eq!((stalls.patience(&all[0]), stalls.has_given_up(&all[0])), (LIMIT, false));
        stalls.give_up(&all[1]);
        assert!(stalls.has_given_up(&all[1]) && !stalls.has_given_up(&all[0]));
    }
}
