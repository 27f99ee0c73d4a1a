//! Many scenarios: those in this process several at a time, for they mostly wait; the others one after the other. Results
//! and what is told of them come in the order of the scenarios. Plays none itself.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use cutproof::monitor::Monitor;

use super::Player;
use crate::format::{Clusters, Loaded};
use crate::result::ScenarioResult;

/// So many embedded scenarios are played at a time. Each mostly waits for connections to its own brokers.
const AT_A_TIME: usize = 8;

/// Hears how playing goes on. Never called twice at the same time.
pub trait Audience: Send {
    /// The so-manieth begins, from 0; others may be under way.
    fn begins(&mut self, _number: usize, _loaded: &Loaded) {}
    /// One has ended, and all before it.
    fn ended(&mut self, _result: &ScenarioResult) {}
}

/// Nobody.
impl Audience for () {}

/// What has ended, and how many of it have been told of.
struct Ended<'a> {
    results: Vec<Option<ScenarioResult>>,
    told: usize,
    audience: &'a mut dyn Audience,
}

impl Ended<'_> {
    fn add(&mut self, number: usize, result: ScenarioResult) {
        self.results[number] = Some(result);
        while let Some(Some(result)) = self.results.get(self.told) {
            self.audience.ended(result);
            self.told += 1;
        }
    }
}

impl Player {
    /// Plays all, and gives their results in the same order; once cancelled, of those that had begun. Those on embedded
    /// clusters come first and must stand first ([`super::playing_order`]) to be told of at once.
    pub fn play_all(
        &self,
        scenarios: &[Loaded],
        monitor: &dyn Monitor,
        audience: &mut dyn Audience,
    ) -> Vec<ScenarioResult> {
        let results = scenarios.iter().map(|_| None).collect();
        let ended = Mutex::new(Ended { results, told: 0, audience });
        let lock = || ended.lock().unwrap_or_else(PoisonError::into_inner);
        let play = |number: usize| {
            if self.options.cancel.cancelled().is_none() {
                lock().audience.begins(number, &scenarios[number]);
                let result = self.play(&scenarios[number], monitor);
                lock().add(number, result);
            }
        };
        let is_embedded =
            |&number: &usize| matches!(scenarios[number].scenario.clusters.0, Clusters::Embedded(_));
        let (embedded, others): (Vec<usize>, Vec<usize>) = (0..scenarios.len()).partition(is_embedded);
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(number) = embedded.get(next.fetch_add(1, Ordering::Relaxed)) {
                play(*number);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..AT_A_TIME.min(embedded.len()) {
                scope.spawn(work);
            }
        });
        others.into_iter().for_each(play);
        let ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
        ended.results.into_iter().flatten().collect()
    }
}
