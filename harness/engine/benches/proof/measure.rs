//! Runs one child to its end and takes the kernel's own account of it: wall time, CPU time, peak memory. From a small
//! process in between: the kernel counts what a parent holds when it starts a child as the child's peak.

use std::process::{Command, ExitCode, Stdio};
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

/// Runs `command` below a process that measures it.
pub fn measure(command: Command) -> Fallible<Measured> {
    let output = Command::new(std::env::current_exe()?)
        .arg("--measure")
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::null())
        .output()?;
    let mut stdout = String::from_utf8(output.stdout)?;
    let account = stdout.trim_end().rfind('\n').map_or(0, |end| end + 1);
    let numbers = stdout.split_off(account);
    let numbers: Vec<i64> = numbers.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    let [wall, cpu, rss_kib, code] = numbers[..] else { return Err("the measuring process failed".into()) };
    Ok(Measured {
        wall: Duration::from_micros(wall.unsigned_abs()),
        cpu: Duration::from_micros(cpu.unsigned_abs()),
        rss_kib,
        exit_code: i32::try_from(code).ok().filter(|&code| code >= 0),
        stdout,
    })
}

/// The process in between: `args` are the child's program and arguments. Prints microseconds of wall and CPU time, KiB
/// of peak memory, and the exit code (-1: none) after what the child printed.
#[expect(clippy::zombie_processes, reason = "wait4 below waits for it, and tells what it used")]
pub fn measure_child(args: &[String]) -> ExitCode {
    let [program, args @ ..] = args else { panic!("--measure wants a program") };
    let begun = Instant::now();
    let child =
        Command::new(program).args(args).stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    let mut status = 0;
    // SAFETY: plain data, filled in by wait4 below.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the id is that of our own child, which nothing else waits for; both pointers are valid.
    let reaped = unsafe { libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut usage) };
    assert!(reaped > 0, "{}", std::io::Error::last_os_error());
    let micros = |time: libc::timeval| time.tv_sec * 1_000_000 + i64::from(time.tv_usec as i32);
    let code = if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { -1 };
    let cpu = micros(usage.ru_utime) + micros(usage.ru_stime);
    println!("\n{} {cpu} {} {code}", begun.elapsed().as_micros(), usage.ru_maxrss);
    ExitCode::SUCCESS
}
