//! How long a run waits for the target: while it brings what is waited for, and `range.settle` longer. A target that only
//! grows by what the source got after its end was taken, grows for ever. Reads nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How far the target of a pair or unit has caught up.
#[derive(Clone, Copy)]
pub(super) struct Progress {
    /// Pairs of records matched so far.
    pub matched: u64,
    /// Source records that wait for the target.
    pub waiting: u64,
}

impl Progress {
    fn is_after(&self, before: &Self) -> bool {
        self.matched > before.matched || self.waiting < before.waiting
    }
}

/// What is left of the time to wait.
pub(super) struct Patience {
    limit: Duration,
    progressed_at: Instant,
    /// As it was last asked about.
    progress: Vec<Progress>,
}

impl Patience {
    /// Begins to wait. `progress`: of all pairs or units.
    pub fn new(limit: Duration, progress: Vec<Progress>) -> Self {
        Self { limit, progressed_at: Instant::now(), progress }
    }

    /// Whether to wait on. `progress`: of the same, now.
    pub fn lasts(&mut self, progress: Vec<Progress>) -> bool {
        if progress.iter().zip(&self.progress).any(|(now, before)| now.is_after(before)) {
            self.progressed_at = Instant::now();
        }
        self.progress = progress;
        self.progressed_at.elapsed() < self.limit
    }
}

/// What is left of the time for which pairs whose source is paused wait for more of the target: as long as one of them
/// gets what it waits for, all of them wait.
pub(super) struct Waits {
    limit: Duration,
    /// When one began to wait, or got some of what it waits for.
    progressed_at: Option<Instant>,
    /// Of each pair that has waited: as it was last asked about.
    progress: BTreeMap<usize, Progress>,
}

impl Waits {
    /// None waits so far.
    pub fn new(limit: Duration) -> Self {
        Self { limit, progressed_at: None, progress: BTreeMap::new() }
    }

    /// Whether the pair of this index has waited.
    pub fn know(&self, at: usize) -> bool {
        self.progress.contains_key(&at)
    }

    /// Whether to wait on. `waiting`: those that wait `now`, or have waited and are read, by their index among all pairs.
    pub fn last(&mut self, waiting: &[(usize, Progress)], now: Instant) -> bool {
        for &(at, progress) in waiting {
            let before = self.progress.insert(at, progress);
            if before.is_none_or(|before| progress.is_after(&before)) {
                self.progressed_at = Some(now);
            }
        }
        self.progressed_at.is_some_and(|at| now.duration_since(at) <= self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of one pair and of another that wait: matched so far, and waiting.
    type Turn = (Option<(u64, u64)>, Option<(u64, u64)>);

    /// For how many of these turns, one second apart, pairs wait on.
    fn turns(limit: u64, turns: &[Turn]) -> usize {
        let mut waits = Waits::new(Duration::from_secs(limit));
        let start = Instant::now();
        let lasts = |(turn, &(one, other)): (usize, &Turn)| {
            let progress = |(matched, waiting)| Progress { matched, waiting };
            let waiting: Vec<(usize, Progress)> =
                [(3, one), (7, other)].into_iter().filter_map(|(at, of)| Some((at, progress(of?)))).collect();
            waits.last(&waiting, start + Duration::from_secs(turn as u64))
        };
        turns.iter().enumerate().map(lasts).take_while(|lasts| *lasts).count()
    }

    #[test]
    fn a_paused_source_waits_no_longer_for_a_target_that_grows_by_what_is_not_waited_for() {
        // Only what lies behind a hole comes: nothing matches, and as many records wait as before.
        assert_eq!(turns(2, &[(Some((10, 500)), None); 9]), 3);
        // The source reads a piece further in between: more waits, and still nothing matches.
        let more = [1, 1, 2, 2, 4, 4, 8].map(|piece| (Some((10, 500 * piece)), None));
        assert_eq!(turns(2, &more), 3);
    }

    #[test]
    fn a_paused_source_waits_for_a_target_that_catches_up_however_slowly() {
        let mut slow = [10, 10, 11, 11, 11, 12, 12, 13, 13].map(|matched| (Some((matched, 500)), None));
        assert_eq!(turns(2, &slow), 9);
        slow[5..].fill((Some((11, 499)), None));
        assert_eq!(turns(2, &slow), 8, "what was waited for is decided otherwise: that is progress, once");
    }

    #[test]
    fn a_pair_waits_as_long_as_another_one_gets_what_it_waits_for() {
        let stuck = Some((10, 500));
        let together = [5, 6, 7, 8, 9, 9, 9, 9].map(|matched| (stuck, Some((matched, 40))));
        assert_eq!(turns(2, &together), 7);
        // It began to wait long after the pass began, and has its time.
        let late =
            [(stuck, None), (stuck, None), (stuck, stuck), (None, stuck), (None, stuck), (None, stuck)];
        assert_eq!(turns(2, &late), 5);
    }

    #[test]
    fn without_time_to_wait_the_target_is_asked_once_for_what_came_and_again_after_progress() {
        assert_eq!(turns(0, &[(Some((10, 500)), None); 3]), 1);
        assert_eq!(turns(0, &[10, 11, 12, 12].map(|matched| (Some((matched, 500)), None))), 3);
    }

    #[test]
    fn only_what_was_waited_for_lets_it_wait_longer() {
        let progress =
            |matched, waiting| vec![Progress { matched: 7, waiting: 0 }, Progress { matched, waiting }];
        let mut patience = Patience::new(Duration::from_millis(400), progress(10, 5));
        for (matched, waiting) in [(10, 5), (11, 5), (11, 4), (12, 6)] {
            std::thread::sleep(Duration::from_millis(if matched == 10 { 0 } else { 250 }));
            assert!(patience.lasts(progress(matched, waiting)), "{matched} {waiting}");
        }
        std::thread::sleep(Duration::from_millis(500));
        assert!(!patience.lasts(progress(12, 6)));
    }
}
