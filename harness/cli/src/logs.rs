//! Everything that goes to stderr: logs and single lines, without tearing the progress bar. Filters by `RUST_LOG`, default `warn`.

use std::io::{self, Write};
use std::sync::OnceLock;

use indicatif::ProgressBar;
use tracing_subscriber::EnvFilter;

static BAR: OnceLock<ProgressBar> = OnceLock::new();

/// Starts logging. A second call changes nothing.
pub fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| Stderr).try_init();
}

/// From now on lines are written above this bar.
pub fn above(bar: &ProgressBar) {
    let _ = BAR.set(bar.clone());
}

/// Writes one line (or several) to stderr.
pub fn line(text: &str) {
    let _ = writeln!(Stderr, "{text}");
}

struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = || io::stderr().lock().write_all(bytes).map(|()| bytes.len());
        match BAR.get() {
            Some(bar) if !bar.is_finished() => bar.suspend(write),
            _ => write(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
