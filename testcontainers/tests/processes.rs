//! No child outlives the one who started it.

#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cutproof_testcontainers::{KafkaCluster, KafkaOptions, MirrorMaker, MirrorOptions};

const ROLE: &str = "CUTPROOF_TEST_PARENT";

/// Running: there, and not a zombie that only waits to be reaped.
fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| rest.split_whitespace().next().is_some_and(|state| state != "Z"))
}

fn wait_until_gone(pids: &[u32]) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Some(pid) = pids.iter().find(|pid| runs(**pid)) {
        assert!(Instant::now() < deadline, "process {pid} still runs");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn children_and_their_data_are_gone_after_drop() {
    let cluster = KafkaCluster::start(KafkaOptions::source()).unwrap();
    let bootstrap = cluster.bootstrap_servers();
    let mirror = MirrorMaker::start(MirrorOptions::new(&bootstrap, &bootstrap, "none")).unwrap();
    let pids = [cluster.process_id(1).unwrap().unwrap(), mirror.process_id().unwrap()];
    assert!(pids.iter().all(|pid| runs(*pid)));
    let data = cluster.data_dir(1).unwrap().to_owned();
    assert!(data.is_dir());
    drop(mirror);
    drop(cluster);
    assert!(!pids.iter().any(|pid| Path::new(&format!("/proc/{pid}")).exists()), "killed and reaped");
    assert!(!data.exists());
}

/// Runs itself as a parent, in a process of its own, and kills that.
#[test]
fn children_are_gone_after_their_parent_was_killed() {
    if std::env::var_os(ROLE).is_some() {
        // A thread that ends must not take the children with it.
        let cluster =
            std::thread::spawn(|| KafkaCluster::start(KafkaOptions::source()).unwrap()).join().unwrap();
        std::thread::sleep(Duration::from_millis(500));
        let node = cluster.data_dir(1).unwrap().parent().unwrap();
        println!(
            "\nstarted {} {}",
            cluster.process_id(1).unwrap().unwrap(),
            node.parent().unwrap().display()
        );
        std::thread::sleep(Duration::from_secs(300));
        return;
    }
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "children_are_gone_after_their_parent_was_killed", "--nocapture"])
        .env(ROLE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines().map_while(Result::ok);
    let started = lines.find_map(|line| line.strip_prefix("started ").map(str::to_owned));
    let started = started.expect("the parent says whom it started");
    let (pid, directory) = started.split_once(' ').unwrap();
    let pid = pid.parse().unwrap();
    let ran = runs(pid);
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(ran, "the child outlived the thread that asked for it");
    wait_until_gone(&[pid]);
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn data_and_logs_are_kept_when_a_test_panics() {
    let place = std::sync::Mutex::new(None);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let cluster = KafkaCluster::start(KafkaOptions::source()).unwrap();
        let node = cluster.data_dir(1).unwrap().parent().unwrap().to_owned();
        *place.lock().unwrap() = Some((node, cluster.process_id(1).unwrap().unwrap()));
        std::panic::resume_unwind(Box::new("as a failed assertion would"));
    }));
    assert!(outcome.is_err());
    let (node, pid) = place.into_inner().unwrap().unwrap();
    assert!(!runs(pid));
    assert!(node.join("src-broker-1.log").is_file());
    std::fs::remove_dir_all(node.parent().unwrap()).unwrap();
}

/// Runs itself where no program can be found, in a process of its own.
#[test]
fn without_java_or_maven_starting_is_an_error() {
    if std::env::var_os(ROLE).is_some() {
        let error = KafkaCluster::start(KafkaOptions::source()).err().expect("nothing can be started");
        println!("\nrefused {error}");
        return;
    }
    let refusal = |cache: Option<&Path>| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "without_java_or_maven_starting_is_an_error", "--nocapture"]);
        command.env(ROLE, "1").env("PATH", "");
        if let Some(cache) = cache {
            command.env("CUTPROOF_CACHE", cache);
        }
        let output = command.output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().find_map(|line| line.strip_prefix("refused ").map(str::to_owned)).expect("it is refused")
    };
    let empty = tempfile::tempdir().unwrap();
    let without_maven = refusal(Some(empty.path()));
    assert!(without_maven.starts_with("cannot run `mvn`"), "{without_maven}");
    // Fetches what the next line needs, if it is not there yet.
    cutproof_testcontainers::maven::kafka_libs(KafkaOptions::source().version).unwrap();
    let without_java = refusal(None);
    assert!(without_java.starts_with("cannot run `java`"), "{without_java}");
}
