//! Runs one child to its end and takes the kernel's own account of it: wall time, CPU time, peak memory.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Fallible;

/// One finished child.
pub struct Measured {
    pub wall: Duration,
    /// User and system time.
    pub cpu: Duration,
    pub rss_kib: i64,
    pub exit_code: Option<i32>,
    stdout: String,
}

impl Measured {
    /// The first line that the child printed.
    pub fn answer(&self) -> &str {
        self.stdout.lines().next().unwrap_or("(nothing)")
    }
}

/// Runs `command`; the child is reaped here, so that its usage is its own.
pub fn measure(mut command: Command) -> Fallible<Measured> {
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut stdout = String::new();
    child.stdout.take().ok_or("no stdout")?.read_to_string(&mut stdout)?;
    let mut status = 0;
    // SAFETY: plain data, filled in by wait4 below.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the id is that of our own child, which nothing else waits for; both pointers are valid.
    let reaped = unsafe { libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut usage) };
    if reaped < 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    let wall = begun.elapsed();
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000);
    Ok(Measured {
        wall,
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        rss_kib: usage.ru_maxrss,
        exit_code: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
        stdout,
    })
}
