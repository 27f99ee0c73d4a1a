use std::path::Path;

use super::*;

fn refusal(text: &str) -> String {
    match parse(text, Path::new("x.yaml")) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => {
            assert_eq!(error.exit_code(), 2);
            error.to_string()
        }
    }
}

fn with(from: &str, to: &str) -> String {
    assert!(template().contains(from), "the template has no {from}");
    template().replace(from, to)
}

#[test]
fn the_template_is_a_scenario() {
    let scenario = parse(template(), Path::new("x.yaml")).expect("it checks");
    assert_eq!(scenario.steps().len(), 8);
    assert_eq!(scenario.first_sentence(), "A stranger writes one record to the copy of orders.");
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one() {
    let text = refusal(&with("replicator: copier", "replicater: copier"));
    assert!(
        text.contains("line 15") && text.contains("`replicater`") && text.contains("`replicator`"),
        "{text}"
    );
    let text = refusal(&with("on: target", "in: target"));
    assert!(text.contains("`in`") && text.contains("`on`"), "{text}");
    let text = refusal(&with("pending: 0", "panding: 0"));
    assert!(text.contains("`panding`") && text.contains("`pending`"), "{text}");
}

#[test]
fn an_unknown_word_is_refused_with_the_nearest_known_one() {
    for (from, to, nearest) in [
        ("  - commit_groups", "  - comit_groups", "`commit_groups`"),
        ("clusters: embedded", "clusters: embeded", "`embedded`"),
        ("replicator: copier", "replicator: { copier: { defects: [drop_recrd] } }", "`drop_record`"),
        ("kind: extraneous_record", "kind: extranous_record", "`extraneous_record`"),
        ("verdict: divergent", "verdict: divergant", "`divergent`"),
        ("state: judged", "state: juged", "`judged`"),
    ] {
        let text = refusal(&with(from, to));
        assert!(text.contains(nearest) && text.contains("line "), "{to}: {text}");
    }
}

#[test]
fn the_proof_is_checked_as_the_engine_checks_it() {
    let text = refusal(&format!("{}\nproof: {{ contracts: [{{ oder: key }}] }}\n", template()));
    assert!(text.contains("proof:") && text.contains("`oder`") && text.contains("`order`"), "{text}");
}

#[test]
fn a_scenario_that_expects_nothing_is_refused() {
    let head = template().split("expect:").next().expect("a head");
    for (expect, says) in [
        ("", "`expect` is missing"),
        ("expect: {}", "no findings"),
        ("expect: { verdict: match }", "no findings"),
        ("expect: { findings: [] }", "neither exit_code nor verdict"),
        (
            "expect: { verdict: match, findings: [], groups: [{ group: billing }] }",
            "says nothing about billing",
        ),
        ("expect: { error: \"\" }", "is empty"),
        ("expect: { verdict: match, findings: [planted] }", "`planted` needs"),
        ("expect: { error: no topic, findings: [] }", "remove either"),
    ] {
        let text = refusal(&format!("{head}{expect}\n"));
        assert!(text.contains(says), "{expect}: {text}");
    }
}

#[test]
fn what_embedded_clusters_cannot_do_is_refused() {
    for step in [
        "{ kill: source-1 }",
        "{ cut: cutproof-source }",
        "{ delete_records: { topic: orders, before: head } }",
        "{ transaction: { id: a, end: abort, records: [{ topic: orders }] } }",
        "{ recreate_topic: { topic: orders } }",
    ] {
        let text = refusal(&with("  - run\n", &format!("  - {step}\n  - run\n")));
        assert!(text.contains("steps[7]") && text.contains("clusters: kafka"), "{step}: {text}");
    }
    let text = refusal(&with("replicator: copier", "replicator: mirrormaker2"));
    assert!(text.contains("needs real brokers"), "{text}");
}

#[test]
fn steps_that_make_no_sense_are_refused() {
    for (step, says) in [
        ("{ commit: { group: g, topic: order, offset: head } }", "did you mean `orders`"),
        ("{ produce_raw: { on: target, records: [{ topic: orders }] } }", "did you mean `src.orders`"),
        ("{ commit: { group: g, topic: orders, offset: heads } }", "no place in a log"),
        ("{ register_schema: { subject: a, schema: orders } }", "registry: apicurio"),
        ("{ slow: { link: cutproof-source } }", "say how slow"),
        ("run", "runs once"),
        ("{ produce: {}, run: {} }", "beside another key"),
    ] {
        let text = refusal(&with("  - run\n", &format!("  - {step}\n  - run\n")));
        assert!(text.contains(says), "{step}: {text}");
    }
    let kafka = with("clusters: embedded", "clusters: kafka");
    for (step, says) in [
        ("{ kill: source-1 }", "shared: false"),
        ("{ kill: source-2 }", "there are 1 brokers"),
        ("{ run: { meanwhile: [run] } }", "while the proof runs"),
    ] {
        let text = refusal(&kafka.replace("  - run\n", &format!("  - {step}\n  - run\n")));
        assert!(text.contains(says), "{step}: {text}");
    }
    let both = kafka.replace("  - run\n", "  - cut: source-replicator\n  - cut: cutproof-source\n  - run\n");
    assert!(refusal(&both).contains("one of each cluster"));
    assert!(refusal(&with("  - run\n", "  - cut_over\n  - run\n")).contains("comes after"));
}

#[test]
fn values_that_are_no_text_are_read_where_text_may_stand() {
    let steps = "  - commit: { group: g, topic: orders, partition: 0, offset: 12 }\n  - run\n";
    let scenario = parse(&with("  - run\n", steps), Path::new("x.yaml")).expect("a number is a place");
    let commit = scenario.steps().into_iter().find_map(|step| match step {
        Step::Commit(commit) => Some(commit.offset),
        _ => None,
    });
    assert_eq!(commit, Some(Place::Offset(12)));
}

#[test]
fn yes_and_no_are_words_without_quotes() {
    for (word, found) in
        [("yes", FoundAnswer::Yes), ("no", FoundAnswer::No), ("sometimes", FoundAnswer::Sometimes)]
    {
        let text = format!("{}\ntable: {{ failure: x, found: {word} }}\n", template());
        let scenario = parse(&text, Path::new("x.yaml")).expect("it checks");
        assert_eq!(scenario.table.map(|row| row.found), Some(found));
    }
}

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenario.schema.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let now = json_schema();
    if committed != now && std::env::var_os("CUTPROOF_WRITE_SCHEMA").is_some() {
        std::fs::write(&path, &now).expect("written");
        return;
    }
    assert!(committed == now, "run this test with CUTPROOF_WRITE_SCHEMA=1 and commit scenario.schema.json");
}

#[test]
fn the_readme_explains_every_key_as_the_types_do() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).expect("a README");
    let (before, rest) = readme.split_once("<!-- reference -->\n").expect("a place for the reference");
    let (_, after) = rest.split_once("<!-- /reference -->").expect("its end");
    let now = format!("{before}<!-- reference -->\n{}<!-- /reference -->{after}", reference());
    if readme != now && std::env::var_os("CUTPROOF_WRITE_SCHEMA").is_some() {
        std::fs::write(&path, &now).expect("written");
        return;
    }
    assert!(readme == now, "run this test with CUTPROOF_WRITE_SCHEMA=1 and commit README.md");
}
