//! A Python environment with the data tools that must read our files. Missing Python is an error, never a skip.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// The interpreter of an environment that has exactly the pinned packages; built once per set of pins and cached.
pub fn interpreter() -> PathBuf {
    let cache = cache_directory(|name| std::env::var_os(name).filter(|value| !value.is_empty()));
    let pins = &blake3::hash(REQUIREMENTS.as_bytes()).to_hex()[..16];
    let home = cache.join("python").join(pins);
    fs::create_dir_all(cache.join("python")).expect("the cache directory must be writable");
    let lock = File::create(cache.join("python").join(format!("{pins}.lock"))).expect("writable");
    lock.lock().expect("the other test process ends at some time");
    let python = home.join("bin/python");
    // The marker comes last: without it an earlier build was cut short.
    let marker = home.join("finished");
    if !marker.exists() {
        if home.exists() {
            fs::remove_dir_all(&home).expect("removable");
        }
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&home));
        let requirements = home.join("requirements.txt");
        fs::write(&requirements, REQUIREMENTS).expect("writable");
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements));
        fs::write(&marker, "").expect("writable");
    }
    python
}

/// `$CUTPROOF_CACHE`, else `$XDG_CACHE_HOME/cutproof`, else `~/.cache/cutproof`.
pub fn cache_directory(variable: impl Fn(&str) -> Option<OsString>) -> PathBuf {
    let under = |name: &str, rest: &str| variable(name).map(|directory| Path::new(&directory).join(rest));
    variable("CUTPROOF_CACHE")
        .map(PathBuf::from)
        .or_else(|| under("XDG_CACHE_HOME", "cutproof"))
        .or_else(|| under("HOME", ".cache/cutproof"))
        .expect("set CUTPROOF_CACHE, XDG_CACHE_HOME or HOME")
}

/// Runs a command to its end and returns what it said; panics with that where it fails.
pub fn succeed(command: &mut Command) -> String {
    let (success, said) = run(command);
    assert!(success, "{command:?} failed:\n{said}");
    said
}

/// Runs a command to its end: whether it succeeded, and what it said.
pub fn run(command: &mut Command) -> (bool, String) {
    let output =
        command.output().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}; install python3"));
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), said.concat())
}
