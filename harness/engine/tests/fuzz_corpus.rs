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
