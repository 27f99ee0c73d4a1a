//! The scenarios of `library/real`, each as expected, on Kafka and MirrorMaker 2.

use std::path::Path;

use cutproof::cancel::CancelToken;
use cutproof::monitor::Silent;
use cutproof_scenarios::{Outcome, PlayOptions, Player, ScenarioResult, load_all, playing_order, text};
use cutproof_testcontainers::maven;

#[test]
fn every_real_scenario_is_as_expected() {
    maven::kafka_libs(cutproof_testcontainers::KafkaVersion::TARGET_DEFAULT).expect("Java and Maven");
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/real");
    let scenarios = playing_order(load_all(&[library]).expect("the library"));
    assert!(scenarios.len() >= 3, "only {} scenarios", scenarios.len());
    let out = tempfile::tempdir().expect("a directory");
    let mut player = Player::new(PlayOptions {
        out: out.path().to_owned(),
        keep: false,
        seed: None,
        permission: None,
        cancel: CancelToken::default(),
    });
    let results: Vec<ScenarioResult> = scenarios.iter().map(|loaded| player.play(loaded, &Silent)).collect();
    let told: String = results.iter().map(text::line).collect();
    eprintln!("{told}");
    assert!(results.iter().all(|result| result.outcome == Outcome::AsExpected), "{told}");
}
