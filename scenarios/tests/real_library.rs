//! The scenarios of `library/real`, each as expected, on Kafka and MirrorMaker 2; and the user's own clusters.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cutproof::cancel::CancelToken;
use cutproof::monitor::Silent;
use cutproof_scenarios::{
    Outcome, Permission, PlayOptions, Player, load, load_all, playing_order, table, template, text,
};
use cutproof_testcontainers::{KafkaCluster, KafkaOptions, topic_names, wait};

/// Two cores: one test at a time.
static ONE: Mutex<()> = Mutex::new(());

#[test]
fn every_real_scenario_is_as_expected() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/real");
    let scenarios = playing_order(load_all(std::slice::from_ref(&library)).expect("the library"));
    assert!(scenarios.len() >= 37, "only {} scenarios", scenarios.len());
    let out = tempfile::tempdir().expect("a directory");
    let player = Player::new(PlayOptions {
        out: out.path().to_owned(),
        keep: false,
        seed: None,
        permission: None,
        cancel: CancelToken::default(),
    });
    let results = player.play_all(&scenarios, &Silent, &mut ());
    let told: String = results.iter().map(text::line).collect();
    eprintln!("{told}");
    assert!(results.iter().all(|result| result.outcome == Outcome::AsExpected), "{told}");
    let played = table::table(&results);
    let page = std::fs::read_to_string(library.join("../../../docs/what-is-caught.md")).expect("the page");
    for row in table::rows_of(&played) {
        assert!(page.lines().any(|line| line == row), "docs/what-is-caught.md does not say: {row}");
    }
}

/// Names of topics that are not the broker's own.
fn topics(cluster: &KafkaCluster) -> Vec<String> {
    let names = topic_names(&cluster.bootstrap_servers()).expect("the cluster answers");
    names.into_iter().filter(|name| !name.starts_with("__")).collect()
}

#[test]
fn clusters_of_the_user_are_written_to_under_the_prefix_only_and_left_as_they_were() {
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let source = KafkaCluster::start(KafkaOptions::source()).expect("the source starts");
    let target = KafkaCluster::start(KafkaOptions::target()).expect("the target starts");
    let out = tempfile::tempdir().expect("a directory");
    let file = out.path().join("own.yaml");
    let own = format!(
        "clusters: {{ own: {{ source: {{ bootstrap_servers: \"{}\" }}, target: {{ bootstrap_servers: \"{}\" }} }} }}",
        source.bootstrap_servers(),
        target.bootstrap_servers()
    );
    std::fs::write(&file, template().replace("clusters: embedded", &own)).expect("written");
    let loaded = load(&file).expect("a scenario");
    let options = PlayOptions {
        out: out.path().to_owned(),
        keep: true,
        seed: None,
        permission: None,
        cancel: CancelToken::default(),
    };
    let refused = Player::new(options.clone()).play(&loaded, &Silent);
    assert!(
        matches!(&refused.outcome, Outcome::CouldNotRun(why) if why.contains("--execute")),
        "{refused:?}"
    );
    assert_eq!(topics(&source), Vec::<String>::new());
    let permission = Some(Permission { topic_prefix: "drill.".to_owned() });
    let result = Player::new(PlayOptions { permission, ..options }).play(&loaded, &Silent);
    assert_eq!(result.outcome, Outcome::AsExpected, "{}", text::line(&result));
    let config =
        std::fs::read_to_string(result.artefacts.expect("kept").join("cutproof.yaml")).expect("kept");
    assert!(config.contains("\"drill.t") && config.contains("-orders\""), "{config}");
    wait::until("no topic on either cluster", Duration::from_secs(60), || {
        match (topics(&source), topics(&target)) {
            (source, target) if source.is_empty() && target.is_empty() => Ok(()),
            left => Err(format!("{left:?}")),
        }
    })
    .expect("everything is removed");
}
