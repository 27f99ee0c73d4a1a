//! The binary while it runs: what it says, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Ended;

/// A run that is still going on.
pub struct Started {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

pub fn start(work: &Path, config: &str) -> Started {
    let file = work.join("cutproof.yaml");
    std::fs::write(&file, config).expect("the configuration is written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_cutproof"))
        .args(["run", "-o", "json", "-c"])
        .arg(&file)
        .arg("--out")
        .arg(work.join("out"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let stderr = BufReader::new(child.stderr.take().expect("its stderr"));
    Started { child, stderr, said: String::new() }
}

/// Sends a process a signal: `STOP`, `CONT`.
pub fn signal(process: &Child, name: &str) {
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-s", name, &id]).status().expect("kill").success());
}

impl Started {
    /// Returns once it has said `word`.
    pub fn wait_for(&mut self, word: &str) {
        while !self.said.contains(word) {
            self.next_line(word);
        }
    }

    /// Returns once it says a line that is `wanted`. `what`: for the message where none comes.
    pub fn wait_for_line(&mut self, what: &str, wanted: impl Fn(&str) -> bool) {
        while !wanted(&self.next_line(what)) {}
    }

    fn next_line(&mut self, awaited: &str) -> String {
        let mut line = String::new();
        let read = self.stderr.read_line(&mut line).expect("readable");
        assert!(read > 0, "the run ended before it said {awaited}: {}", self.said);
        self.said.push_str(&line);
        line
    }

    /// Its directory; it has said which.
    pub fn directory(&self) -> PathBuf {
        let named = self.said.lines().find_map(|line| line.strip_prefix("run directory "));
        PathBuf::from(named.expect("it says where it writes"))
    }

    /// Sends it a signal: `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// SIGKILL. Returns all that it has said.
    pub fn kill(mut self) -> String {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
        self.stderr.read_to_string(&mut self.said).expect("readable");
        std::mem::take(&mut self.said)
    }

    /// Waits for its end; a run that goes on for longer is killed, and the test fails.
    pub fn end_within(mut self, limit: Duration, work: &Path) -> Ended {
        let begun = Instant::now();
        while self.child.try_wait().expect("a child").is_none() {
            if begun.elapsed() > limit {
                self.child.kill().expect("killed");
                self.stderr.read_to_string(&mut self.said).expect("readable");
                panic!("the run goes on after {limit:?}: {}", self.said);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.end(work)
    }

    pub fn end(mut self, work: &Path) -> Ended {
        let mut stdout = String::new();
        // Little is said on stderr, so that it cannot fill up meanwhile.
        self.child.stdout.take().expect("its stdout").read_to_string(&mut stdout).expect("readable");
        self.stderr.read_to_string(&mut self.said).expect("readable");
        let code = self.child.wait().expect("ended").code().unwrap_or(-1);
        let run: Value = serde_json::from_str(&stdout).unwrap_or(Value::Null);
        let directory = run["run_id"].as_str().map(|id| work.join("out").join(id));
        Ended { code, run, stderr: std::mem::take(&mut self.said), directory }
    }
}

/// A test that failed leaves no run behind, least of all one that is stopped.
impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
