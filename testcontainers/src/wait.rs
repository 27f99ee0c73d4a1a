//! Waiting for a condition with a deadline and a reason. The only place that sleeps between tries.

use std::time::{Duration, Instant};

use crate::error::{Error, Result};

const PAUSE: Duration = Duration::from_millis(50);

/// Tries until `attempt` succeeds; after `patience` fails with what was wrong the last time.
///
/// # Errors
/// [`Error::Timeout`] that ends with the last reason.
pub fn until<T>(what: &str, patience: Duration, mut attempt: impl FnMut() -> Result<T, String>) -> Result<T> {
    until_or_broken(what, patience, || Ok(attempt()))
}

/// As [`until`], but an outer error ends the waiting at once.
///
/// # Errors
/// The outer error, or [`Error::Timeout`].
pub fn until_or_broken<T>(
    what: &str,
    patience: Duration,
    mut attempt: impl FnMut() -> Result<Result<T, String>>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        let reason = match attempt()? {
            Ok(value) => return Ok(value),
            Err(reason) => reason,
        };
        if start.elapsed() >= patience {
            return Err(Error::Timeout {
                what: what.to_owned(),
                waited_seconds: patience.as_secs(),
                detail: format!(": {reason}"),
            });
        }
        std::thread::sleep(PAUSE);
    }
}
