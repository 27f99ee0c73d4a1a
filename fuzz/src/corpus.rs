//! The corpora of the fuzz targets, for the tests that feed them to the targets on stable. Knows no target.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::choices::Random;

/// Whether the bytes are what the target reads.
pub type Target = fn(&[u8]) -> bool;

/// A seed: its name, which begins with `valid-` or `broken-`, and its bytes.
pub type Seed = (String, Vec<u8>);

/// The names in a directory.
pub fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a plain name")).collect()
}

/// The seeds of a target, by name. `fuzz`: the directory of the fuzz targets.
pub fn corpus(fuzz: &Path, target: &str) -> Vec<Seed> {
    let directory = fuzz.join("corpus").join(target);
    let read = |name: String| {
        let content = std::fs::read(directory.join(&name)).expect("readable");
        (name, content)
    };
    names(&directory).into_iter().map(read).collect()
}

/// Valid seeds must be read, broken ones refused, and one must be valid.
pub fn expect_named_rightly(name: &str, target: Target, seeds: &[Seed]) {
    let mut valid = 0;
    for (file, content) in seeds {
        let read = target(content);
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

/// `CUTPROOF_MUTATIONS`, or as many as CI affords.
pub fn mutations(in_ci: u64) -> u64 {
    std::env::var("CUTPROOF_MUTATIONS").map_or(in_ci, |n| n.parse().expect("CUTPROOF_MUTATIONS is a number"))
}

/// No mutation of a seed may break a promise, and some must still be read.
pub fn expect_promises_kept(name: &str, target: Target, seeds: &[Seed], mutations: u64) {
    let mut read = 0;
    for seed in 0..mutations {
        let bytes = mutated(seeds, &mut Random::new(seed));
        let outcome = std::panic::catch_unwind(|| target(&bytes));
        read += u64::from(outcome.unwrap_or_else(|_| {
            panic!("target {name}, mutation {seed}: keep these bytes as a seed: {bytes:02x?}")
        }));
    }
    assert!(mutations < 1_000 || read > 0, "{name}: no mutation was read, so none went deep");
}

/// A seed with one to four changes: flipped bits, bytes that lengths and signs turn on, cuts, repeats, splices.
fn mutated(seeds: &[Seed], random: &mut Random<'_>) -> Vec<u8> {
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

/// The directory of the fuzz targets, from a package's directory.
pub fn fuzz_directory(package: &str, up: &str) -> PathBuf {
    Path::new(package).join(up).join("fuzz")
}
