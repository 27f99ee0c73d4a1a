//! Shows a run's progress on stderr: a bar on a terminal, plain lines elsewhere, nothing but warnings when quiet.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cutproof::monitor::Monitor;
use cutproof::record::Side;
use indicatif::{ProgressBar, ProgressStyle};

use crate::logs;

/// Between two plain lines of progress.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The command line's monitor. Counts are for the eye; the ledger has the true ones.
pub struct Progress {
    look: Look,
    started: Instant,
    records: [AtomicU64; 2],
    offsets: AtomicU64,
    expected_offsets: AtomicU64,
}

enum Look {
    Bar(ProgressBar),
    Lines(Mutex<Lines>),
    Quiet,
}

struct Lines {
    stage: String,
    last: Option<Instant>,
}

impl Progress {
    /// Chooses by what stderr is.
    pub fn new(quiet: bool) -> Self {
        let look = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Look::Quiet,
            (false, true) => Look::Bar(bar()),
            (false, false) => Look::Lines(Mutex::new(Lines { stage: String::new(), last: None })),
        };
        if let Look::Bar(bar) = &look {
            logs::above(bar);
        }
        Self {
            look,
            started: Instant::now(),
            records: [AtomicU64::new(0), AtomicU64::new(0)],
            offsets: AtomicU64::new(0),
            expected_offsets: AtomicU64::new(0),
        }
    }

    /// Takes the bar away, so that the result stands alone.
    pub fn finish(&self) {
        if let Look::Bar(bar) = &self.look {
            bar.finish_and_clear();
        }
    }

    fn records_read(&self) -> String {
        let [source, target] = [0, 1].map(|side| self.records[side].load(Ordering::Relaxed));
        format!("{source} source and {target} target records read")
    }

    fn share(&self) -> String {
        let expected = self.expected_offsets.load(Ordering::Relaxed);
        match percent(self.offsets.load(Ordering::Relaxed), expected) {
            Some(percent) => format!(", {percent} % of the planned offsets"),
            None => String::new(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Monitor for Progress {
    fn stage(&self, name: &str) {
        match &self.look {
            Look::Bar(bar) => bar.set_message(name.to_owned()),
            Look::Lines(lines) => {
                name.clone_into(&mut lock(lines).stage);
                logs::line(&format!("{name} ..."));
            }
            Look::Quiet => {}
        }
    }

    fn expect_offsets(&self, total: u64) {
        self.expected_offsets.store(total, Ordering::Relaxed);
        if let Look::Bar(bar) = &self.look {
            bar.set_length(total);
        }
    }

    fn read(&self, side: Side, records: u64, offsets: u64) {
        self.records[side as usize].fetch_add(records, Ordering::Relaxed);
        self.offsets.fetch_add(offsets, Ordering::Relaxed);
        match &self.look {
            Look::Bar(bar) => bar.inc(offsets),
            Look::Lines(lines) => {
                let mut lines = lock(lines);
                if lines.is_due(Instant::now(), self.started) {
                    logs::line(&format!("{}: {}{}", lines.stage, self.records_read(), self.share()));
                }
            }
            Look::Quiet => {}
        }
    }

    fn warn(&self, message: &str) {
        logs::line(&format!("warning: {message}"));
    }

    /// Shown even when quiet: nobody should read from a cluster without having seen which one it is.
    fn announce(&self, text: &str) {
        logs::line(text.trim_end());
    }
}

impl Lines {
    /// Whether a line may be printed now; if so, it counts as printed.
    fn is_due(&mut self, now: Instant, started: Instant) -> bool {
        let due = now.duration_since(self.last.unwrap_or(started)) >= LINE_INTERVAL;
        if due {
            self.last = Some(now);
        }
        due
    }
}

/// A poisoned lock means that a thread died while printing; its counts are still good.
fn lock(lines: &Mutex<Lines>) -> std::sync::MutexGuard<'_, Lines> {
    lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn bar() -> ProgressBar {
    let template = "{msg:<8} {wide_bar} {percent:>3} %  {human_pos}/{human_len} offsets  {elapsed}";
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn percent(part: u64, whole: u64) -> Option<u64> {
    // More may be read than was planned: the barrier moves.
    (whole > 0).then(|| (part.saturating_mul(100) / whole).min(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_lines_come_at_most_every_five_seconds() {
        let started = Instant::now();
        let mut lines = Lines { stage: String::new(), last: None };
        let due: Vec<u64> =
            (0..=16).filter(|&second| lines.is_due(started + Duration::from_secs(second), started)).collect();
        assert_eq!(due, [5, 10, 15]);
    }

    #[test]
    fn the_share_is_silent_without_a_plan_and_never_above_a_hundred() {
        assert_eq!(percent(5, 0), None);
        assert_eq!(percent(5, 10), Some(50));
        assert_eq!(percent(15, 10), Some(100));
    }
}
