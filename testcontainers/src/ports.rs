//! Loopback ports that no parallel test process picks too. Listens on none of them.

use std::fs::{self, File};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Result};

/// Below the range from which systems take ports for outgoing connections.
const LOW: u16 = 18_000;
const HIGH: u16 = 32_000;

/// A port that stays this process's until it is dropped, also while nothing listens on it (a broker that restarts).
#[derive(Debug)]
pub struct ReservedPort {
    port: u16,
    _lock: File,
}

impl ReservedPort {
    /// Reserves a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If none is free or the lock files cannot be written.
    pub fn new() -> Result<Self> {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        // SAFETY: a system call that cannot fail.
        let user = unsafe { libc::getuid() };
        let directory = std::env::temp_dir().join(format!("cutproof-ports-{user}"));
        fs::create_dir_all(&directory).map_err(Error::file("create", &directory))?;
        let span = u32::from(HIGH - LOW);
        // Spreads processes apart; the lock, not the spread, makes it safe.
        let first = std::process::id().wrapping_mul(97) % span;
        for _ in 0..span {
            let step = CALLS.fetch_add(1, Ordering::Relaxed);
            let port = LOW + u16::try_from(first.wrapping_add(step) % span).expect("below HIGH - LOW");
            let path = directory.join(port.to_string());
            let lock = File::create(&path).map_err(Error::file("create", &path))?;
            if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return Ok(Self { port, _lock: lock });
            }
        }
        Err(Error::NoPort { low: LOW, high: HIGH })
    }

    /// Its number.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn ports_held_at_the_same_time_differ() {
        let ports: Vec<_> = (0..50).map(|_| ReservedPort::new().unwrap()).collect();
        assert_eq!(ports.iter().map(ReservedPort::port).collect::<HashSet<_>>().len(), 50);
    }
}
