//! The fuzz targets on stable: every file of their corpora, and a fixed number of mutations of them. A fuzzer goes on
//! from there (fuzz/README.md). `CUTPROOF_MUTATIONS` sets the number of mutations for each target (default 20,000).

#[path = "judged/choices.rs"]
mod choices;
#[path = "judged/lanes.rs"]
mod lanes;
#[path = "judged/pair.rs"]
mod pair;
#[path = "../../../fuzz/src/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use choices::Random;
use targets::ALL;

fn fuzz_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name")).collect()
}

/// Name and content, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let directory = fuzz_directory().join("corpus").join(target);
    let read = |name: String| {
        let content = std::fs::read(directory.join(&name)).expect("readable");
        (name, content)
    };
    names(&directory).into_iter().map(read).collect()
}

#[test]
fn every_target_has_a_program_for_the_fuzzer_and_a_corpus_and_there_are_no_others() {
    let known: BTreeSet<String> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names(&fuzz_directory().join("corpus")), known);
    let programs = names(&fuzz_directory().join("fuzz_targets"));
    assert_eq!(programs, known.iter().map(|name| format!("{name}.rs")).collect());
}

#[test]
fn valid_seeds_are_read_and_broken_ones_are_refused() {
    for (name, target) in ALL {
        let mut valid = 0;
        for (file, content) in corpus(name) {
            let read = target(&content);
            match file.split('-').next() {
                Some("valid") => assert!(read, "{name}/{file} is refused"),
                Some("broken") => assert!(!read, "{name}/{file} is read"),
                // A fuzzer's own finds are not named.
                _ => {}
            }
            valid += u32::from(file.starts_with("valid-"));
        }
        assert!(valid > 0, "{name} has no valid seed");
    }
}

/// A seed with one to four changes: flipped bits, bytes that lengths and signs turn on, cuts, repeats, splices.
fn mutated(seeds: &[(String, Vec<u8>)], random: &mut Random<'_>) -> Vec<u8> {
    let mut bytes = seeds[random.upto(seeds.len())].1.clone();
    for _ in 0..1 + random.below(4) {
        let at = random.upto(bytes.len() + 1);
        let to = (at + random.upto(16)).min(bytes.len());
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = [0, 1, 2, 0x7f, 0x80, 0xfe, 0xff][random.upto(7)],
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..to)),
            4 => {
                let again = bytes[at..to].to_vec();
                bytes.splice(at..at, again);
            }
            5 => {
                let other = &seeds[random.upto(seeds.len())].1;
                let from = random.upto(other.len() + 1);
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            6 => bytes.insert(at, random.below(256) as u8),
            _ => {
                let fill = [0, 0xff][random.upto(2)];
                bytes[at..to].fill(fill);
            }
        }
    }
    bytes
}

#[test]
fn no_mutation_of_a_seed_breaks_a_promise() {
    let mutations = std::env::var("CUTPROOF_MUTATIONS")
        .map_or(20_000, |n| n.parse().expect("CUTPROOF_MUTATIONS is a number"));
    for (name, target) in ALL {
        let seeds = corpus(name);
        let mut read = 0;
        for seed in 0..mutations {
            let bytes = mutated(&seeds, &mut Random::new(seed));
            let outcome = std::panic::catch_unwind(|| target(&bytes));
            read += u64::from(outcome.unwrap_or_else(|_| {
                panic!("target {name}, mutation {seed}: keep these bytes as a seed: {bytes:02x?}")
            }));
        }
        assert!(mutations < 1_000 || read > 0, "{name}: no mutation was read, so none went deep");
    }
}
