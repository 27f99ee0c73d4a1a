//! How long a run waits for the target: while it brings what is waited for, and `range.settle` longer. A target that only
//! grows by what the source got after its end was taken, grows for ever. Reads nothing.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_waited_for_lets_it_wait_longer() {
        let progress =
            |matched, waiting| vec![Progress { matched: 7, waiting: 0 }, Progress { matched, waiting }];
        let mut patience = Patience::new(Duration::from_millis(40), progress(10, 5));
        for (matched, waiting) in [(10, 5), (11, 5), (11, 4), (12, 6)] {
            std::thread::sleep(Duration::from_millis(if matched == 10 { 0 } else { 25 }));
            assert!(patience.lasts(progress(matched, waiting)), "{matched} {waiting}");
        }
        std::thread::sleep(Duration::from_millis(50));
        assert!(!patience.lasts(progress(12, 6)));
    }
}
