//! The fuzz target of scenario files on stable: its corpus, the library, and a fixed number of mutations of both.
//! `CUTPROOF_MUTATIONS` sets their number (default 20,000).

#[path = "../../harness/engine/tests/judged/choices.rs"]
mod choices;
#[path = "../../fuzz/src/corpus.rs"]
mod corpus;
#[path = "../../fuzz/src/scenario.rs"]
mod scenario;

use std::path::Path;

use corpus::{Seed, expect_named_rightly, expect_promises_kept, mutations};
use cutproof_scenarios::find;

/// Beside the corpus all scenarios of the library, and the template.
fn seeds() -> Vec<Seed> {
    let here = env!("CARGO_MANIFEST_DIR");
    let mut seeds = corpus::corpus(&corpus::fuzz_directory(here, ".."), "scenario");
    let library = find(&[Path::new(here).join("library")]).expect("the library");
    seeds.extend(library.iter().map(|found| {
        let content = std::fs::read(&found.path).expect("readable");
        (format!("valid-{}", found.name), content)
    }));
    seeds.push(("valid-template".to_owned(), cutproof_scenarios::template().into()));
    seeds
}

#[test]
fn valid_seeds_are_read_and_broken_ones_are_refused() {
    expect_named_rightly("scenario", scenario::scenario, &seeds());
}

#[test]
fn no_mutation_of_a_seed_breaks_a_promise() {
    expect_promises_kept("scenario", scenario::scenario, &seeds(), mutations(20_000));
}
