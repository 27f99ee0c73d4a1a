//! Keeps the house: rooms one way, each outside crate in its room, arrows between packages.

#[path = "architecture/judge.rs"]
mod judge;
#[path = "architecture/names.rs"]
mod names;
#[path = "architecture/rules.rs"]
mod rules;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rules::{COMMON, EVERYWHERE, OWNED, PACKAGE_OWNED, PACKAGES, PACKAGES_IN_TESTS, ROOMS};
use serde_json::Value;

#[test]
fn every_room_uses_only_what_stands_to_its_left() {
    let crates = outside_crates();
    let tests_only = dependencies("cutproof", &["dev"]);
    let mut complaints = Vec::new();
    let mut files = 0;
    for source in sources() {
        let Source { path, module, in_test, parent, file } = source;
        files += 1;
        let Some(room) = module.first() else { continue };
        for name in names::names(&file, &module, in_test, &crates, &parent) {
            if let Some(complaint) = judge::complaint(room, &name, &tests_only) {
                complaints.push(format!("{}:{}: {complaint}", path.display(), name.line));
            }
        }
    }
    assert!(files > ROOMS.len(), "only {files} files were read");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn no_file_stands_outside_the_module_tree() {
    let reached: HashSet<PathBuf> = sources().into_iter().map(|source| source.path).collect();
    let mut stray = files_below(&source_dir());
    stray.retain(|path| !reached.contains(path));
    assert!(stray.is_empty(), "no module declares {stray:?}");
}

#[test]
fn the_crate_root_only_names_its_rooms() {
    let root = parse(&source_dir().join("lib.rs"));
    for item in &root.items {
        let syn::Item::Mod(module) = item else { panic!("lib.rs holds more than modules") };
        assert!(module.content.is_none(), "lib.rs holds the body of {}", module.ident);
        let name = module.ident.to_string();
        assert!(
            ROOMS.contains(&name.as_str()),
            "the room `{name}` has no place in tests/architecture/rules.rs"
        );
    }
}

#[test]
fn every_outside_crate_has_its_place() {
    let known: HashSet<String> =
        OWNED.iter().map(|(name, _)| *name).chain(COMMON).chain(EVERYWHERE).map(str::to_owned).collect();
    let used = dependencies("cutproof", &["normal", "build"]);
    let unknown: Vec<&String> = used.difference(&known).collect();
    assert!(unknown.is_empty(), "no row in tests/architecture/rules.rs: {unknown:?}");
}

#[test]
fn arrows_between_packages_point_one_way() {
    let packages = packages();
    let ours: Vec<&str> = packages.iter().map(|package| text(package, "name")).collect();
    let mut complaints = Vec::new();
    for package in packages {
        complaints.extend(package_complaints(package, &ours));
    }
    assert!(ours.len() >= 5, "only {ours:?} were read");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn an_arrow_that_points_backward_between_packages_is_seen() {
    let ours =
        ["cutproof", "cutproof-reports", "cutproof-fixtures", "cutproof-testcontainers", "cutproof-cli"];
    let package = |name: &str, dependency: &str, kind: Value| serde_json::json!({ "name": name, "dependencies": [{ "name": dependency, "kind": kind }] });
    let normal = Value::Null;
    let backward = [
        package("cutproof-reports", "cutproof", normal.clone()),
        package("cutproof-fixtures", "cutproof", normal.clone()),
        package("cutproof-fixtures", "cutproof", "dev".into()),
        package("cutproof", "cutproof-fixtures", normal.clone()),
        package("cutproof", "cutproof-cli", "dev".into()),
        package("cutproof-testcontainers", "cutproof-reports", "dev".into()),
        package("cutproof-reports", "rdkafka", normal.clone()),
        package("cutproof-fixtures", "rdkafka", "dev".into()),
        package("cutproof", "parquet", normal.clone()),
        package("cutproof-cli", "tokio", "build".into()),
        package("cutproof-newcomer", "serde", normal.clone()),
    ];
    for package in backward {
        assert_eq!(package_complaints(&package, &ours).len(), 1, "not seen: {package}");
    }
    let forward = package("cutproof", "cutproof-fixtures", "dev".into());
    assert_eq!(package_complaints(&forward, &ours), Vec::<String>::new());
}

#[test]
fn a_backward_import_is_seen_in_every_form() {
    // In the module `align::pair`; `gates`, `kafka` and `run` are out of its reach.
    let backward = [
        "use crate::gates;",
        "use crate::gates::decide;",
        "use crate::gates::*;",
        "use crate::gates as doors;",
        "use crate::{record::Side, gates::decide};",
        "use crate::{record::{Side, Record}, gates::{self as doors, decide}};",
        "use crate::{self, record::Side};",
        "use crate as engine;",
        "use crate::*;",
        "use super::super::gates::decide;",
        "use super::super::{gates};",
        "use super::super::*;",
        "use super::{super::gates::decide};",
        "use cutproof::gates::decide;",
        "use ::cutproof::gates::decide;",
        "extern crate self as engine;",
        "extern crate rdkafka;",
        "pub use crate::gates::decide;",
        "pub(crate) use crate::kafka::Cluster;",
        "fn f() { crate::gates::decide(); }",
        "fn f() { super::super::gates::decide(); }",
        "fn f() { cutproof::gates::decide(); }",
        "fn f() { use crate::gates::decide; decide(); }",
        "fn f(x: crate::gates::Decision) {}",
        "fn f() -> Vec<crate::gates::Decision> { vec![] }",
        "fn f<T: crate::gates::Gate>() {}",
        "struct S { x: Option<crate::gates::Decision> }",
        "impl crate::gates::Gate for S {}",
        "impl S { fn f() { match x { crate::gates::Decision { .. } => {} } } }",
        "fn f() { println!(\"{}\", crate::gates::decide()); }",
        "fn f() { vec![super::super::gates::decide()]; }",
        "macro_rules! m { () => { $crate::gates::decide() } }",
        "macro_rules! m { () => { use crate::{record, gates}; } }",
        "macro_rules! m { ($x:ident) => { use crate::{gates::$x}; } }",
        "#[derive(serde::Serialize)] struct S;",
        "#[serde(with = \"crate::gates::text\")] struct S;",
        "mod inner { use crate::gates::decide; }",
        "mod inner { use super::super::super::gates::decide; }",
        "mod inner { fn f() { super::super::super::gates::decide() } }",
        "#[cfg(test)] mod tests { use crate::gates::decide; }",
        "include!(\"../gates/mod.rs\");",
        "#[path = \"../gates/mod.rs\"] mod doors;",
        "use crate::unheard_of::Thing;",
        "use crate::positions::Plan;",
        "use rdkafka::ClientConfig;",
        "use rdkafka;",
        "use rdkafka as r;",
        "use ::rdkafka::ClientConfig;",
        "use {std::fmt, rdkafka::ClientConfig};",
        "fn f() { rdkafka::ClientConfig::new(); }",
        "fn f() { ::rdkafka::ClientConfig::new(); }",
        "fn f() { dbg!(rdkafka::ClientConfig::new()); }",
        "use serde::Deserialize;",
        "use std::fs::File;",
        "use std::{fmt, fs};",
        "use std::*;",
        "use std as s;",
        "use std::time;",
        "use std::time::*;",
        "use std::time::{Duration, Instant};",
        "fn f() { std::time::SystemTime::now(); }",
        "fn f() { std::thread::sleep(x); }",
        "fn f() { use std::time as clock; mod time {} }",
    ];
    for text in backward {
        assert_ne!(complaints(&["align", "pair"], text), Vec::<String>::new(), "not seen: {text}");
    }
    for (module, text) in [
        (&["decode", "avro"][..], "use crate::fingerprint::Fingerprinter;"),
        (&["decode"], "use rdkafka::ClientConfig;"),
        (&["positions"], "use rdkafka::ClientConfig;"),
        (&["kafka"], "use tokio::runtime::Runtime;"),
        (&["kafka"], "pub use rdkafka::ClientConfig;"),
        (&["kafka"], "pub use thiserror;"),
        (&["gates"], "use blake3::Hash;"),
        (&["run"], "use blake3::Hash;"),
        (&["run"], "use arrow::array::Array;"),
        (&["run"], "use crate::watch::Watch;"),
        (&["config"], "use crate::kafka::Cluster;"),
        (&["config"], "use crate::fingerprint::Fingerprinter;"),
        (&["consume"], "use proptest::prelude::*;"),
    ] {
        assert_ne!(complaints(module, text), Vec::<String>::new(), "not seen in {module:?}: {text}");
    }
}

#[test]
fn what_is_allowed_is_let_through() {
    for (module, text) in [
        (&["align", "pair"][..], "use crate::record::{OffsetRange, Side};"),
        (&["align", "pair"], "use super::{Item, Rules, watch::PassThrough};"),
        (&["align", "pair"], "use crate::align::Item; use crate::fingerprint::Fingerprint;"),
        (
            &["align", "pair"],
            "// crate::gates\n/// [`decide`](crate::gates::decide)\nfn f() { \"crate::gates::x\"; }",
        ),
        (
            &["align", "pair"],
            "use std::time::Duration; use std::io; use thiserror::Error; use cutproof_reports::Part;",
        ),
        (&["align"], "mod time; fn f() { time::now(); }"),
        (
            &["align"],
            "#[cfg(test)] mod tests { use proptest::prelude::*; fn f() { std::thread::sleep(x); } }",
        ),
        (&["align", "tests"], "fn f() { let gates = 1; self::gates(); Self::gates(); }"),
        (&["kafka"], "use rdkafka::ClientConfig; pub(in crate::kafka) struct S;"),
        (&["config"], "use crate::kafka::properties::read; use crate::fingerprint::digest_hex;"),
        (&["run"], "use crate::{align, gates::{self as doors, decide}}; use tokio::runtime::Runtime;"),
        (&["record"], "pub use cutproof_reports::FindingKind;"),
    ] {
        assert_eq!(complaints(module, text), Vec::<String>::new(), "refused in {module:?}: {text}");
    }
    // A test module that sees its parent's `time` does not name the crate of that name.
    let file = syn::parse_str("use super::*; fn f() { time::Duration::ZERO; }").expect("a test's source");
    let module = ["align".to_owned(), "tests".to_owned()];
    let parent = HashSet::from(["time".to_owned()]);
    assert_eq!(names::names(&file, &module, true, &outside_crates(), &parent).len(), 1);
}

/// The complaints about a source text that is the module `module`.
fn complaints(module: &[&str], text: &str) -> Vec<String> {
    let file = syn::parse_str(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let path: Vec<String> = module.iter().map(|name| (*name).to_owned()).collect();
    let tests_only = HashSet::from(["proptest".to_owned()]);
    names::names(&file, &path, false, &outside_crates(), &HashSet::new())
        .iter()
        .filter_map(|name| judge::complaint(module[0], name, &tests_only))
        .collect()
}

/// One file of the engine.
struct Source {
    path: PathBuf,
    /// Module path below the crate root; empty for lib.rs.
    module: Vec<String>,
    in_test: bool,
    /// Names that the module above declares.
    parent: HashSet<String>,
    file: syn::File,
}

/// All files of the engine, found as the compiler finds them.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let lib = source_dir().join("lib.rs");
    let mut open = vec![(lib, source_dir(), Vec::<String>::new(), false, HashSet::new())];
    while let Some((path, children, module, in_test, parent)) = open.pop() {
        let file = parse(&path);
        let scope = names::scope_of(&file.items, &parent);
        for item in &file.items {
            let syn::Item::Mod(child) = item else { continue };
            if child.content.is_some() {
                continue;
            }
            let name = child.ident.to_string();
            let flat = children.join(format!("{name}.rs"));
            let path = if flat.exists() { flat } else { children.join(&name).join("mod.rs") };
            let in_test = in_test || names::is_test_only(&child.attrs);
            let module = [&module[..], std::slice::from_ref(&name)].concat();
            open.push((path, children.join(name), module, in_test, scope.clone()));
        }
        found.push(Source { path, module, in_test, parent, file });
    }
    found
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn parse(path: &Path) -> syn::File {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn source_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Names of all crates that the engine can name.
fn outside_crates() -> HashSet<String> {
    let mut crates = dependencies("cutproof", &["normal", "build", "dev"]);
    crates.extend(EVERYWHERE.map(str::to_owned));
    crates.extend(OWNED.map(|(name, _)| name.to_owned()));
    crates
}

/// The crates of a package's dependencies of some kinds (`normal`, `dev`, `build`), as sources name them.
fn dependencies(package: &str, kinds: &[&str]) -> HashSet<String> {
    let packages = packages();
    let package =
        packages.iter().find(|known| text(known, "name") == package).expect("a package of the workspace");
    package["dependencies"]
        .as_array()
        .expect("a list of dependencies")
        .iter()
        .filter(|dependency| kinds.contains(&dependency["kind"].as_str().unwrap_or("normal")))
        .map(|dependency| {
            let name = dependency["rename"].as_str().unwrap_or(text(dependency, "name"));
            name.replace('-', "_")
        })
        .collect()
}

/// What is wrong with one package's dependencies.
fn package_complaints(package: &Value, ours: &[&str]) -> Vec<String> {
    let name = text(package, "name");
    let Some((_, arrows)) = PACKAGES.iter().find(|(known, _)| *known == name) else {
        return vec![format!("the package {name} has no row in tests/architecture/rules.rs")];
    };
    let in_tests = PACKAGES_IN_TESTS.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, to)| to);
    let mut complaints = Vec::new();
    for dependency in package["dependencies"].as_array().expect("a list of dependencies") {
        let to = text(dependency, "name");
        let for_tests = dependency["kind"] == "dev";
        let is_ours = ours.contains(&to) || PACKAGES.iter().any(|(known, _)| *known == to);
        if is_ours && !arrows.contains(&to) && !(for_tests && in_tests.contains(&to)) {
            complaints.push(format!("{name} may not depend on {to}"));
        }
        if let Some((_, owners)) = PACKAGE_OWNED.iter().find(|(owned, _)| *owned == to)
            && !owners.contains(&name)
        {
            complaints.push(format!("{name} may not depend on {to}: only {owners:?} may"));
        }
    }
    complaints
}

/// The workspace's packages as cargo sees them.
fn packages() -> &'static [Value] {
    static PACKAGES_READ: OnceLock<Vec<Value>> = OnceLock::new();
    PACKAGES_READ.get_or_init(read_packages)
}

fn read_packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON");
    match metadata["packages"].take() {
        Value::Array(packages) => packages,
        other => panic!("cargo metadata lists no packages: {other}"),
    }
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {value}"))
}
