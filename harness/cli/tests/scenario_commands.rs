//! `cutproof scenario` as a user runs it: exit codes, what is printed, files for CI. The library itself is played elsewhere.

use std::fs;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;

fn scenario(directory: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::cargo_bin("cutproof").expect("the binary is built");
    let Output { status, stdout, stderr } =
        command.current_dir(directory).arg("scenario").args(arguments).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code().expect("no signal"), text(stdout), text(stderr))
}

#[test]
fn a_new_scenario_checks_plays_and_is_listed_and_is_never_overwritten() {
    let directory = tempfile::tempdir().expect("a directory");
    assert_eq!(scenario(directory.path(), &["new", "mine"]).0, 0);
    assert_eq!(scenario(directory.path(), &["new", "mine"]).0, 2);
    assert_eq!(scenario(directory.path(), &["check", "mine.yaml"]).0, 0);
    let (code, listed, _) = scenario(directory.path(), &["list", "."]);
    assert_eq!(code, 0);
    assert!(listed.starts_with("mine  embedded") && listed.contains("A stranger writes"), "{listed}");
    let run = ["run", "mine.yaml", "--quiet", "--junit", "junit.xml", "--table", "table.md"];
    let (code, told, errors) = scenario(directory.path(), &run);
    assert_eq!(code, 0, "{told}{errors}");
    assert!(told.contains("1 extraneous_record") && told.contains("1 scenarios: 1 as expected"), "{told}");
    let junit = fs::read_to_string(directory.path().join("junit.xml")).expect("written");
    assert!(junit.contains(r#"tests="1""#) && junit.contains(r#"failures="0""#), "{junit}");
    assert!(fs::read_to_string(directory.path().join("table.md")).expect("written").contains("| failure |"));
}

#[test]
fn a_wrong_expectation_ends_with_10_and_the_difference_is_printed_and_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    assert_eq!(scenario(directory.path(), &["new", "mine"]).0, 0);
    let file = directory.path().join("mine.yaml");
    let text = fs::read_to_string(&file).expect("written");
    fs::write(&file, text.replace("verdict: divergent", "verdict: match")).expect("written");
    let (code, told, _) = scenario(directory.path(), &["run", ".", "--quiet"]);
    assert_eq!(code, 10, "{told}");
    assert!(
        told.contains("FAILED mine") && told.contains("verdict: expected match, found divergent"),
        "{told}"
    );
    assert!(directory.path().join("cutproof.out/scenarios/mine-1/differences.txt").exists(), "{told}");
    let (code, json, _) = scenario(directory.path(), &["run", "mine.yaml", "--quiet", "-o", "json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((code, &json["exit_code"]), (10, &10.into()));
    assert_eq!(json["scenarios"][0]["outcome"], "unexpected");
}

#[test]
fn wrong_files_and_flags_end_with_2_before_anything_is_played() {
    let directory = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("written");
    assert_eq!(scenario(directory.path(), &["run", "."]).0, 2);
    assert_eq!(scenario(directory.path(), &["run", "absent.yaml"]).0, 2);
    assert_eq!(scenario(directory.path(), &["new", "good"]).0, 0);
    write("typo.yaml", "description: One. Two.\nexpects: {}\n");
    let (code, _, errors) = scenario(directory.path(), &["run", "."]);
    assert!(code == 2 && errors.contains("`expects`") && errors.contains("`expect`"), "{errors}");
    let (code, told, _) = scenario(directory.path(), &["check", "."]);
    assert!(
        code == 2 && told.contains("ok     ./good.yaml") && told.contains("WRONG  ./typo.yaml"),
        "{told}"
    );
    assert!(!directory.path().join("cutproof.out").exists());
}

#[test]
fn clusters_of_the_user_are_left_alone_without_the_users_word() {
    let directory = tempfile::tempdir().expect("a directory");
    let own = "description: One. Two.\n\
               clusters: { own: { source: { bootstrap_servers: \"127.0.0.1:1\" }, target: { bootstrap_servers: \"127.0.0.1:2\" } } }\n\
               expect: { verdict: match, findings: [] }\n";
    fs::write(directory.path().join("own.yaml"), own).expect("written");
    let (code, _, errors) = scenario(directory.path(), &["run", "own.yaml"]);
    assert!(code == 2 && errors.contains("--execute and --topic-prefix"), "{errors}");
    for half in [&["--execute"][..], &["--topic-prefix", "drill."]] {
        assert_eq!(scenario(directory.path(), &[&["run", "own.yaml"], half].concat()).0, 2);
    }
}
