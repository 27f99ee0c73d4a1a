//! The alignment against the oracle of `cutproof-fixtures`: the whole list of findings and the whole offset map, for any
//! arrival and tuning. `CUTPROOF_SEEDS` sets the number of seeds (default 100,000; the long run is 1,000,000).

#[path = "judged/choices.rs"]
mod choices;
#[path = "judged/items.rs"]
mod items;
#[path = "judged/pair.rs"]
mod pair;

use choices::Random;
use pair::{Restarts, judge, judge_any, sequences};

fn seeds() -> u64 {
    std::env::var("CUTPROOF_SEEDS").map_or(100_000, |n| n.parse().expect("CUTPROOF_SEEDS is a number"))
}

#[test]
fn the_engine_finds_what_the_oracle_finds_and_nothing_else() {
    for seed in 0..seeds() {
        judge_any(&mut Random::new(seed), Restarts::Never, format_args!("seed {seed}"));
    }
}

#[test]
fn every_style_of_published_sequences_is_judged_as_the_oracle_judges_it() {
    for seed in 0..cutproof_fixtures::sequences::STYLES * 40 {
        let (source, target) = cutproof_fixtures::sequences::sequence_pair(seed, 45);
        let random = &mut Random::new(seed);
        judge(&source, &target, None, random, Restarts::Never, format_args!("seed {seed}"));
    }
}

#[test]
fn an_alignment_that_was_taken_up_again_from_snapshots_is_the_same() {
    for seed in 0..seeds() {
        let random = &mut Random::new(seed);
        let tolerance = (random.below(4) == 0).then(|| random.below(6));
        let [source, target] = match random.below(3) {
            0 => {
                let (source, target) = cutproof_fixtures::sequences::sequence_pair(seed, 120);
                [source, target]
            }
            _ => sequences(random, tolerance.is_some()),
        };
        judge(&source, &target, tolerance, random, Restarts::AtRandom, format_args!("seed {seed}"));
    }
}
