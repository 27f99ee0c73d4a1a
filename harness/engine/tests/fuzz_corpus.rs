//! The fuzz targets on stable: every file of their corpora, and a fixed number of mutations of them. A fuzzer goes on
//! from there (fuzz/README.md). `CUTPROOF_MUTATIONS` sets the number of mutations for each target (default 20,000).

#[path = "judged/choices.rs"]
mod choices;
#[path = "../../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "judged/items.rs"]
mod items;
#[path = "judged/lanes.rs"]
mod lanes;
#[path = "judged/pair.rs"]
mod pair;
#[path = "../../../fuzz/src/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::path::PathBuf;

use corpus::{corpus, expect_named_rightly, expect_promises_kept, mutations, names};
use targets::ALL;

/// Played by the tests of the scenarios, which the engine does not know.
const ELSEWHERE: [&str; 1] = ["scenario"];

fn fuzz_directory() -> PathBuf {
    corpus::fuzz_directory(env!("CARGO_MANIFEST_DIR"), "../..")
}

#[test]
fn every_target_has_a_program_for_the_fuzzer_and_a_corpus_and_there_are_no_others() {
    let known: BTreeSet<String> =
        ALL.iter().map(|(name, _)| *name).chain(ELSEWHERE).map(str::to_owned).collect();
    assert_eq!(names(&fuzz_directory().join("corpus")), known);
    let programs = names(&fuzz_directory().join("fuzz_targets"));
    assert_eq!(programs, known.iter().map(|name| format!("{name}.rs")).collect());
}

/// The fuzzer's package is no member of the workspace, so that nothing here compiles its programs.
#[test]
fn the_program_of_each_target_is_built_and_calls_a_body_that_the_tests_compile() {
    let fuzz = fuzz_directory();
    let read = |path: &str| std::fs::read_to_string(fuzz.join(path)).expect("readable");
    let (manifest, library) = (read("Cargo.toml"), read("src/lib.rs"));
    for name in ALL.iter().map(|(name, _)| *name).chain(ELSEWHERE) {
        let path = format!("fuzz_targets/{name}.rs");
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"{path}\"\n")), "{name} is not built");
        let program = read(&path);
        let call =
            program.split_once("    cutproof_fuzz::").and_then(|(_, rest)| rest.split_once("(bytes);\n"));
        let (module, body) = call.and_then(|(call, _)| call.split_once("::")).expect("a call");
        let whole = format!(
            "#![no_main]\n\nlibfuzzer_sys::fuzz_target!(|bytes: &[u8]| {{\n\
             \x20   cutproof_fuzz::{module}::{body}(bytes);\n\
             }});\n"
        );
        assert_eq!(program, whole, "{path} does nothing else");
        assert!(library.contains(&format!("pub mod {module};\n")), "{module}");
        let bodies = read(&format!("src/{module}.rs"));
        assert!(bodies.contains(&format!("pub fn {body}(bytes: &[u8]) -> bool {{\n")), "{path} calls {body}");
    }
}

#[test]
fn valid_seeds_are_read_and_broken_ones_are_refused() {
    for (name, target) in ALL {
        expect_named_rightly(name, target, &corpus(&fuzz_directory(), name));
    }
}

#[test]
fn no_mutation_of_a_seed_breaks_a_promise() {
    for (name, target) in ALL {
        expect_promises_kept(name, target, &corpus(&fuzz_directory(), name), mutations(20_000));
    }
}
