//! The command as its users start it: what it refuses, what it says, how it ends. No cluster is needed.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn cutproof(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cutproof")).args(arguments).output().expect("cutproof starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// Exit code, nothing on stdout, and all of these on stderr.
#[track_caller]
fn assert_refused(output: &Output, code: i32, said: &[&str]) {
    let stderr = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert_eq!(stdout(output), "", "a refusal is no result");
    for words in said {
        assert!(stderr.contains(words), "no `{words}` in: {stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
}

/// The two lines of a failure.
#[track_caller]
fn assert_two_lines(output: &Output) {
    let stderr = stderr(output);
    let lines: Vec<&str> =
        stderr.lines().filter(|line| line.starts_with("error: ") || line.starts_with("next: ")).collect();
    assert_eq!(lines.len(), 2, "{stderr}");
    assert!(lines[0].starts_with("error: ") && lines[1].len() > "next: ".len(), "{stderr}");
}

fn config(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("cutproof.yaml");
    std::fs::write(&path, text).expect("a configuration is written");
    path
}

/// A port of this machine on which nobody listens.
fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

#[test]
fn the_version_is_printed_and_is_no_error() {
    let output = cutproof(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), concat!("cutproof ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn without_a_command_the_help_is_shown_and_the_exit_code_is_2() {
    assert_refused(&cutproof(&[]), 2, &["Usage: cutproof", "init", "explain"]);
}

#[test]
fn an_unknown_flag_is_refused_with_the_nearest_known_one() {
    assert_refused(&cutproof(&["init", "--outt", "x.yaml"]), 2, &["'--outt'", "'--out'"]);
    assert_refused(&cutproof(&["explian"]), 2, &["'explian'", "'explain'"]);
}

#[test]
fn init_writes_a_configuration_that_is_accepted_and_never_overwrites() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("proof.yaml");
    let shown = path.to_str().expect("text");
    let output = cutproof(&["init", "--out", shown]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains(&format!("cutproof plan -c {shown}")), "{}", stdout(&output));
    cutproof::config::load(&path).expect("what init writes is accepted");

    std::fs::write(&path, "mine").expect("a changed file");
    let again = cutproof(&["init", "--out", shown]);
    assert_refused(&again, 2, &[shown, "exists"]);
    assert_two_lines(&again);
    assert_eq!(std::fs::read_to_string(&path).expect("it is still there"), "mine");

    let nowhere = directory.path().join("no/such/place.yaml");
    assert_refused(
        &cutproof(&["init", "--out", nowhere.to_str().expect("text")]),
        2,
        &["place.yaml", "next: "],
    );
}

#[test]
fn explain_says_what_a_word_means_and_what_to_do() {
    for code in [
        "missing_record",
        "tombstone",
        "resent_block",
        "beyond_target_end",
        "red",
        "inconclusive",
        "10",
        "unreachable",
    ] {
        let output = cutproof(&["explain", code]);
        assert_eq!(output.status.code(), Some(0), "{code}: {}", stderr(&output));
        let text = stdout(&output);
        assert!(text.starts_with(&format!("{code} (")) && text.contains("\nWhat to do: "), "{text}");
    }
}

#[test]
fn explain_without_a_word_lists_them_and_an_unknown_word_names_the_nearest() {
    let list = stdout(&cutproof(&["explain"]));
    for code in ["missing_record", "headers", "no_checkpoint", "yellow", "divergent", "143", "no_topic"] {
        assert!(list.lines().any(|line| line.trim() == code), "no {code} in {list}");
    }
    let unknown = cutproof(&["explain", "mising_record"]);
    assert_refused(&unknown, 2, &["`mising_record`", "`missing_record`"]);
    assert_two_lines(&unknown);
}

#[test]
fn a_reader_that_goes_away_causes_no_panic_and_no_error() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_cutproof"))
        .arg("explain")
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .expect("cutproof starts");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_configuration_that_is_not_there_is_refused_by_name() {
    for command in ["plan", "run"] {
        let output = cutproof(&[command, "-c", "no/such/cutproof.yaml"]);
        assert_refused(&output, 2, &["no/such/cutproof.yaml", "No such file"]);
        assert_two_lines(&output);
    }
}

#[test]
fn a_file_that_the_configuration_names_is_refused_with_the_system_s_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = "apiVersion: cutproof/v1\nkind: Proof\nsource: { properties_file: client.properties }\n\
                target: { bootstrap_servers: \"127.0.0.1:1\" }\n";
    let path = config(directory.path(), text);
    let refused = |reason: &str| {
        let output = cutproof(&["run", "-c", path.to_str().expect("text")]);
        assert_refused(&output, 2, &["cutproof.yaml: source.properties_file", "client.properties", reason]);
        assert_two_lines(&output);
        assert_eq!(stderr(&output).matches("source.properties_file").count(), 1, "{}", stderr(&output));
    };
    refused("No such file");
    std::fs::write(directory.path().join("client.properties"), b"client.id=\xe4").expect("written");
    refused("valid UTF-8");
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let template = cutproof::config::init_template();
    let path = config(directory.path(), &template.replacen("bootstrap_servers:", "bootstrap_server:", 1));
    for command in ["plan", "run"] {
        let output = cutproof(&[command, "-c", path.to_str().expect("text")]);
        assert_refused(&output, 2, &["cutproof.yaml", "line ", "`bootstrap_server`", "`bootstrap_servers`"]);
        assert_two_lines(&output);
    }
}

#[test]
fn what_this_version_does_not_do_is_refused_and_not_ignored() {
    let directory = tempfile::tempdir().expect("a directory");
    let template = cutproof::config::init_template();
    let path =
        config(directory.path(), &template.replacen("payload_fields: []", "payload_fields: [price]", 1));
    for command in ["plan", "run"] {
        let output = cutproof(&[command, "-c", path.to_str().expect("text")]);
        assert_refused(&output, 2, &["report.payload_fields", "cutproof explain unsupported"]);
    }
}

#[test]
fn a_registry_that_cannot_be_used_is_refused_by_the_plan_as_by_the_run() {
    for (registry, said) in [
        ("url: \"http://r\", ca_file: no/such/ca.pem", &["no/such/ca.pem", "No such file"][..]),
        ("url: \"http://r/?token=hunter2\"", &["schema_registry.url of the source", "without a query"][..]),
        ("url: \"http://r\", bearer_token: \"a\\nhunter2\"", &["bearer token of the source"][..]),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let source = format!("{{ bootstrap_servers: \"127.0.0.1:1\", schema_registry: {{ {registry} }} }}");
        let target = "{ bootstrap_servers: \"127.0.0.1:1\" }";
        let text = format!("apiVersion: cutproof/v1\nkind: Proof\nsource: {source}\ntarget: {target}\n");
        let path = config(directory.path(), &text);
        for command in ["plan", "run"] {
            let output = cutproof(&[command, "-c", path.to_str().expect("text")]);
            assert_refused(&output, 2, &[said, &["cutproof explain registry_settings"]].concat());
            assert_two_lines(&output);
            assert!(!stderr(&output).contains("hunter2"), "{}", stderr(&output));
        }
    }
}

#[test]
fn a_tls_file_that_is_not_there_is_the_configuration_s_fault() {
    let directory = tempfile::tempdir().expect("a directory");
    let side = |alias: &str| {
        let address = format!("127.0.0.1:{}", closed_port());
        let properties = "{ security.protocol: SSL, ssl.ca.location: no/such/ca.pem }";
        format!("{{ alias: {alias}, bootstrap_servers: \"{address}\", properties: {properties} }}")
    };
    let text =
        format!("apiVersion: cutproof/v1\nkind: Proof\nsource: {}\ntarget: {}\n", side("src"), side("dst"));
    let path = config(directory.path(), &text);
    for command in ["plan", "run"] {
        let output = cutproof(&[command, "-c", path.to_str().expect("text")]);
        let said = ["`ssl.ca.location`", "no/such/ca.pem", "No such file", "explain client_property"];
        assert_refused(&output, 2, &said);
        assert_two_lines(&output);
    }
}

#[test]
fn a_checkpoint_that_cannot_be_read_asks_for_its_owner_and_not_only_for_room() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = config(directory.path(), cutproof::config::init_template());
    // Nobody can read a directory as a file, whatever the permissions.
    let run = directory.path().join("run");
    std::fs::create_dir_all(run.join("checkpoint")).expect("made");
    let [config, run] = [&path, &run].map(|path| path.to_str().expect("text"));
    let output = cutproof(&["run", "-c", config, "--resume", run]);
    let checkpoint = format!("cannot read {run}/checkpoint");
    assert_refused(&output, 1, &[&checkpoint, "owns the run directory", "cutproof explain report_files"]);
    assert_two_lines(&output);
}

#[test]
fn an_unreachable_cluster_ends_with_1_and_its_address_within_the_time_limit() {
    let directory = tempfile::tempdir().expect("a directory");
    let address = format!("127.0.0.1:{}", closed_port());
    let text = cutproof::config::init_template().replacen("127.0.0.1:19092", &address, 1);
    let path = config(directory.path(), &text);
    let ended = &|command: &str| {
        let started = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_cutproof"))
            .args([command, "-c", path.to_str().expect("text")])
            .current_dir(directory.path())
            .output()
            .expect("cutproof starts");
        (output, started.elapsed())
    };
    let [planned, run] = std::thread::scope(|scope| {
        ["plan", "run"]
            .map(|command| scope.spawn(move || ended(command)))
            .map(|thread| thread.join().expect("it ends"))
    });
    for (output, took) in [planned, run] {
        assert_refused(&output, 1, &[&address, "source", "cutproof explain unreachable"]);
        assert_two_lines(&output);
        assert!(took < Duration::from_secs(20), "{took:?}");
    }
    assert!(!directory.path().join("cutproof.out").exists(), "nothing was compared, so nothing is left");
}

/// A run that hangs in its plan, because nobody listens on its address: signals it, and says how it ended.
fn signalled(signal: &str, times: usize) -> (Option<i32>, String, Duration) {
    let directory = tempfile::tempdir().expect("a directory");
    let address = format!("127.0.0.1:{}", closed_port());
    let path =
        config(directory.path(), &cutproof::config::init_template().replacen("127.0.0.1:19092", &address, 1));
    let mut run = Command::new(env!("CARGO_BIN_EXE_cutproof"))
        .args(["run", "-c", path.to_str().expect("text")])
        .current_dir(directory.path())
        .stderr(Stdio::piped())
        .spawn()
        .expect("cutproof starts");
    let mut said = BufReader::new(run.stderr.take().expect("its stderr"));
    let mut text = String::new();
    said.read_line(&mut text).expect("its first stage");
    let started = Instant::now();
    for _ in 0..times {
        let pid = run.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().expect("kill").success());
        // Two equal signals at once would arrive as one.
        if times > 1 {
            said.read_line(&mut text).expect("that it stops");
        }
    }
    said.read_to_string(&mut text).expect("the rest");
    (run.wait().expect("it ends").code(), text, started.elapsed())
}

#[test]
fn a_run_that_is_stopped_ends_with_the_signal_s_code() {
    let ((interrupted, text, _), (terminated, ..)) = std::thread::scope(|scope| {
        let interrupted = scope.spawn(|| signalled("INT", 1));
        let terminated = scope.spawn(|| signalled("TERM", 1));
        (interrupted.join().expect("it ends"), terminated.join().expect("it ends"))
    });
    assert_eq!((interrupted, terminated), (Some(130), Some(143)));
    assert!(text.contains("stopping: "), "{text}");
}

#[test]
fn a_second_signal_ends_a_run_at_once() {
    let (code, text, took) = signalled("INT", 2);
    assert_eq!(code, Some(130));
    assert!(text.contains("stopping: ") && !text.contains("error: "), "{text}");
    assert!(took < Duration::from_secs(5), "{took:?}");
}
