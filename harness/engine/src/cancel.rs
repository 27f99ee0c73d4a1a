//! A flag that says "stop now", shared between the signal handler, the readers and the run. Knows no signals.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

/// Cheap to clone; all clones see the same flag.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<AtomicI32>);

impl CancelToken {
    /// Asks every holder to stop. `exit_code` is what the process will end with: 130 (SIGINT) or 143 (SIGTERM).
    pub fn cancel(&self, exit_code: i32) {
        let _ = self.0.compare_exchange(0, exit_code, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// The exit code of the first cancel, if any.
    pub fn cancelled(&self) -> Option<i32> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            code => Some(code),
        }
    }
}
