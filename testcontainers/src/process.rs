//! A child JVM that cannot outlive this process: logged to files, killed and reaped on drop.
//! Knows nothing of Kafka.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::error::{Error, Result};
use crate::maven::tail;

const LOG_TAIL_LINES: usize = 30;
const EXIT_POLL: Duration = Duration::from_millis(10);

/// How to start a JVM. Kept, so that the same process can be started again.
#[derive(Clone, Debug)]
pub struct JavaCommand {
    /// For messages and the log's file name: letters, digits, `-`.
    pub name: String,
    /// Everything after `java`.
    pub arguments: Vec<OsString>,
    /// Variables added to the environment.
    pub environment: Vec<(String, String)>,
    /// Where it runs and logs.
    pub directory: PathBuf,
}

impl JavaCommand {
    /// A class on the classpath `libs/*`, with flags for a small heap and a fast start.
    pub fn class(name: &str, libs: &Path, heap_mib: u32, directory: &Path, class: &str) -> Self {
        let mut classpath = libs.as_os_str().to_owned();
        classpath.push("/*");
        let mut command = Self::flags(name, heap_mib, directory);
        command.arguments.extend(["-cp".into(), classpath, class.into()]);
        command
    }

    /// An executable jar, with the same flags.
    pub fn jar(name: &str, jar: &Path, heap_mib: u32, directory: &Path, definitions: &[String]) -> Self {
        let mut command = Self::flags(name, heap_mib, directory);
        command.arguments.extend(definitions.iter().map(OsString::from));
        command.arguments.extend(["-jar".into(), jar.into()]);
        command
    }

    fn flags(name: &str, heap_mib: u32, directory: &Path) -> Self {
        let flags = [format!("-Xmx{heap_mib}m"), format!("-Xms{}m", heap_mib.min(128))];
        let fixed =
            ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Djava.awt.headless=true"];
        Self {
            name: name.to_owned(),
            arguments: flags.into_iter().chain(fixed.map(str::to_owned)).map(OsString::from).collect(),
            environment: Vec::new(),
            directory: directory.to_owned(),
        }
    }

    /// Inserts a JVM flag before everything else.
    #[must_use]
    pub fn flag(mut self, flag: impl Into<OsString>) -> Self {
        self.arguments.insert(0, flag.into());
        self
    }

    /// Appends an argument of the program.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Where stdout and stderr of every start of this command are appended.
    pub fn log(&self) -> PathBuf {
        self.directory.join(format!("{}.log", self.name))
    }

    fn log_tail(&self) -> String {
        let bytes = std::fs::read(self.log()).unwrap_or_default();
        tail(&String::from_utf8_lossy(&bytes), LOG_TAIL_LINES).to_owned()
    }
}

/// A running or ended JVM. Dropping it kills it (SIGKILL) and reaps it.
#[derive(Debug)]
pub struct JavaProcess {
    command: JavaCommand,
    child: Option<Child>,
}

impl JavaProcess {
    /// Starts it. It is not ready for anything yet.
    ///
    /// # Errors
    /// If `java` cannot be run or the log cannot be opened.
    pub fn start(command: JavaCommand) -> Result<Self> {
        let child = Some(spawn(&command)?);
        Ok(Self { command, child })
    }

    /// Starts it again with the same command, after it has ended or was killed.
    ///
    /// # Errors
    /// As [`JavaProcess::start`]; also if it still runs.
    pub fn restart(&mut self) -> Result<()> {
        if self.is_running() {
            return Err(Error::Misuse(format!("{} still runs: kill or stop it first", self.command.name)));
        }
        self.child = Some(spawn(&self.command)?);
        Ok(())
    }

    /// The process id while a child is held.
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Whether it has not ended by itself and was not ended.
    pub fn is_running(&mut self) -> bool {
        self.exit_status().is_none() && self.child.is_some()
    }

    fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().ok().flatten())
    }

    /// Nothing if it runs.
    ///
    /// # Errors
    /// With the end of its log if it has ended.
    pub fn check(&mut self) -> Result<()> {
        if self.child.is_some() && self.exit_status().is_none() {
            return Ok(());
        }
        let status = self.exit_status().map_or_else(|| "was stopped".to_owned(), |status| status.to_string());
        Err(Error::Exited {
            name: self.command.name.clone(),
            status,
            log: self.command.log(),
            tail: self.command.log_tail(),
        })
    }

    /// The end of what it wrote.
    pub fn log_tail(&self) -> String {
        self.command.log_tail()
    }

    /// Its log file.
    pub fn log(&self) -> PathBuf {
        self.command.log()
    }

    /// SIGKILL, and waits until it is gone. Nothing if it is gone already.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Both fail only for a child that has ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM, and SIGKILL if it has not ended within `patience`. Says whether it ended by itself.
    pub fn stop(&mut self, patience: Duration) -> bool {
        self.terminate();
        self.wait_or_kill(patience)
    }

    /// SIGTERM without waiting; [`JavaProcess::stop`] or drop must follow.
    pub fn terminate(&mut self) {
        if let (true, Some(pid)) = (self.is_running(), self.id()) {
            // SAFETY: plain system call; the pid is our child that was not reaped yet, so it names no other process.
            unsafe { libc::kill(pid.cast_signed(), libc::SIGTERM) };
        }
    }

    fn wait_or_kill(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_running() {
            if Instant::now() >= deadline {
                self.kill();
                return false;
            }
            std::thread::sleep(EXIT_POLL);
        }
        self.kill();
        true
    }

    /// Waits until it ends by itself, for programs that do one thing.
    ///
    /// # Errors
    /// If it fails, or does not end within `patience` (it is killed then).
    pub fn run_to_end(mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            match self.exit_status() {
                Some(status) if status.success() => return Ok(()),
                Some(_) => return self.check(),
                None if Instant::now() >= deadline => {
                    return Err(Error::Timeout {
                        what: format!("the end of {}", self.command.name),
                        waited_seconds: patience.as_secs(),
                        detail: format!("; the end of its log:\n{}", self.log_tail()),
                    });
                }
                None => std::thread::sleep(EXIT_POLL),
            }
        }
    }
}

impl Drop for JavaProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A directory for logs and data. Removed on drop, except while panicking: then it is kept and its place printed.
#[derive(Debug)]
pub struct WorkDirectory {
    directory: Option<TempDir>,
    owner: String,
}

impl WorkDirectory {
    /// A new directory; `owner` is for the message.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn new(owner: &str) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix(&format!("cutproof-{owner}-"))
            .tempdir()
            .map_err(Error::file("create a directory in", std::env::temp_dir()))?;
        Ok(Self { directory: Some(directory), owner: owner.to_owned() })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.as_ref().expect("a directory until it is dropped").path()
    }
}

impl Drop for WorkDirectory {
    fn drop(&mut self) {
        if let (true, Some(directory)) = (std::thread::panicking(), self.directory.take()) {
            eprintln!("logs and data of {} are kept in {}", self.owner, directory.keep().display());
        }
    }
}

type Spawned = io::Result<Child>;

/// The kernel kills a child with a parent-death signal when the *thread* that started it ends. So all children
/// are started by one thread that lives as long as the process.
fn spawner() -> &'static Sender<(Command, Sender<Spawned>)> {
    static SPAWNER: OnceLock<Sender<(Command, Sender<Spawned>)>> = OnceLock::new();
    SPAWNER.get_or_init(|| {
        let (sender, requests) = channel::<(Command, Sender<Spawned>)>();
        std::thread::Builder::new()
            .name("spawner".to_owned())
            .spawn(move || {
                for (mut command, answer) in requests {
                    // The asker waits for the answer, so it is there.
                    let _ = answer.send(command.spawn());
                }
            })
            .expect("a thread can be started");
        sender
    })
}

fn spawn(command: &JavaCommand) -> Result<Child> {
    let log_path = command.log();
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&log_path)
        .map_err(Error::file("open", &log_path))?;
    let log_too = log.try_clone().map_err(Error::file("open", &log_path))?;
    let mut native = Command::new("java");
    native
        .args(&command.arguments)
        .envs(command.environment.iter().map(|(name, value)| (name, value)))
        .current_dir(&command.directory)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(log_too);
    die_with_this_process(&mut native);
    let (sender, answer) = channel();
    spawner().send((native, sender)).expect("the spawner lives as long as the process");
    answer
        .recv()
        .expect("the spawner answers every request")
        .map_err(|source| Error::MissingTool { tool: "java", source })
}

#[cfg(target_os = "linux")]
fn die_with_this_process(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    let parent = std::process::id().cast_signed();
    let prepare = move || {
        // SAFETY: both are async-signal-safe system calls without memory arguments.
        unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before the line above took effect.
            if libc::getppid() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
        }
        Ok(())
    };
    // SAFETY: the closure allocates nothing and takes no lock.
    unsafe { command.pre_exec(prepare) };
}

#[cfg(not(target_os = "linux"))]
fn die_with_this_process(_: &mut Command) {}
