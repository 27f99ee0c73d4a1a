//! `decode: all` where records may change partitions or order: what the target's registry cannot read, though it is equal.

use std::collections::HashMap;
use std::time::Duration;

use cutproof_testcontainers::{FixedRegistry, PlainRecord};

use crate::logs::{Found, Lab, Log, SHAPES, findings, produce_in_order, record};
use crate::support::started::start;
use crate::support::{commit, cutproof_run};

/// Equal on both sides, with bytes behind the value's end; lost; and without a frame, which no schema is asked about.
const BROKEN: i64 = 41;
const LOST: i64 = 50;
const UNFRAMED: i64 = 60;
const RECORDS: i64 = 120;

/// An Avro string in the framing of the registry.
fn under(schema: u8, n: i64, partitions: i32) -> PlainRecord {
    let text = format!("value {n}");
    let value = [&[0, 0, 0, 0, schema, 2 * text.len() as u8], text.as_bytes()].concat();
    PlainRecord { value: Some(value), ..record(n, partitions) }
}

/// Under schema 1, apart from what is wrong with some.
fn framed(n: i64, partitions: i32) -> PlainRecord {
    let mut record = under(1, n, partitions);
    match n {
        BROKEN => record.value.iter_mut().for_each(|value| value.extend(b"more")),
        UNFRAMED => record.value = Some(format!("value {n}").into_bytes()),
        _ => {}
    }
    record
}

#[test]
fn every_matched_record_is_read_through_the_targets_registry_whatever_order_is_promised() {
    let lab = Lab::new();
    let registries = [(), ()]
        .map(|()| FixedRegistry::start(HashMap::from([(1, "\"string\"".to_owned())])).expect("a registry"));
    let mut expected: Vec<Found> = Vec::new();
    for shape in SHAPES {
        let mut logs = [Log::default(), Log::default()];
        for (side, log) in logs.iter_mut().enumerate() {
            let numbers: Vec<i64> = (0..RECORDS).filter(|&n| side == 0 || n != LOST).collect();
            let records: Vec<PlainRecord> =
                numbers.iter().map(|&n| framed(n, shape.partitions[side])).collect();
            for (record, &n) in records.iter().zip(&numbers) {
                log.0.entry(record.partition).or_default().push(n);
            }
            produce_in_order(&lab.clusters[side], shape.topic, records);
        }
        let topic = shape.topic.to_owned();
        let [source, target] = &logs;
        expected.push(("missing_record".to_owned(), topic.clone(), None, Some(source.places(LOST)[0]), None));
        let place = target.places(BROKEN)[0];
        expected.push(("undecodable_record".to_owned(), topic, None, None, Some(place)));
    }
    expected.sort();
    let config = lab
        .config("fetch.wait.max.ms: \"10\"", "range: { start: earliest, settle: 500ms }\n")
        .replace("partitions: by_key }", "partitions: by_key, decode: all }")
        .replace("order: key }", "order: key, decode: all }")
        .replace("order: none }", "order: none, decode: all }");
    let config = with_registries(&config, &registries);
    let ended = cutproof_run(lab.work.path(), &config);
    ended.expect_code(10);
    assert_eq!(findings(ended.directory.as_deref().expect("a directory")), expected, "{}", ended.stderr);
    let totals = &ended.run["totals"];
    assert_eq!((&totals["matched"], &totals["unverifiable"]), (&(3 * (RECORDS - 1)).into(), &0.into()));

    let check = &ended.run["self_check"];
    assert_eq!(check["planted"]["undecodable_record"], 1, "{check}");
    assert_eq!((&check["found"], &check["passed"]), (&check["planted"], &true.into()));

    // Without a registry nobody can say that they are readable.
    let config = config.replace(&registries[1].url(), "http://127.0.0.1:1");
    let ended = cutproof_run(lab.work.path(), &config);
    let reasons = ended.run["reasons"].to_string();
    for shape in SHAPES {
        let unknown = format!("{}-0: whether ", shape.topic);
        assert!(reasons.contains(&unknown), "{unknown} in {reasons}");
    }
}

#[test]
fn among_copies_that_all_have_another_schema_id_a_stranger_is_found_also_while_the_source_goes_on() {
    let lab = Lab::new();
    let registries = [1, 2].map(|schema| {
        FixedRegistry::start(HashMap::from([(schema, "\"string\"".to_owned())])).expect("a registry")
    });
    let shape = SHAPES[1];
    let [source, mut target] =
        [1, 2].map(|schema| (0..RECORDS).map(|n| under(schema, n, shape.partitions[0])).collect::<Vec<_>>());
    let key = Some(b"of nobody else".to_vec());
    let at = RECORDS as usize / 2;
    target.insert(at, PlainRecord { partition: 0, key, ..under(2, RECORDS, 1) });
    let offset = target[..at].iter().filter(|record| record.partition == 0).count() as i64;
    produce_in_order(&lab.clusters[0], shape.topic, source);
    produce_in_order(&lab.clusters[1], shape.topic, target);
    let config =
        lab.config_of(&[shape], "fetch.wait.max.ms: \"10\"", "range: { start: earliest, settle: 2s }\n");
    let config = with_registries(&config, &registries);
    let work = lab.work.path();
    let mut run = start(work, &config);
    run.wait_for("settle");
    produce_in_order(&lab.clusters[0], shape.topic, vec![under(1, RECORDS + 1, 1)]);
    let ended = run.end_within(Duration::from_secs(60), work);
    let found = findings(ended.directory.as_deref().expect("a directory"));
    let stranger: Found =
        ("extraneous_record".to_owned(), shape.topic.to_owned(), None, None, Some((0, offset)));
    assert_eq!(found, [stranger], "{}", ended.stderr);
    ended.expect_code(10);
    assert_eq!(ended.run["totals"]["matched"], RECORDS);
    let last = &ended.run["pairs"][0];
    assert!(last["target_end_offset"].is_null(), "no offset map, so no range that it covers: {last}");
    let compared = format!("[0, {})", last["target_records"]);
    assert!(last["notes"].to_string().contains(&compared), "to the end of the copies: {last}");
}

#[test]
fn what_the_target_cannot_read_is_found_only_where_it_is_surely_in_scope() {
    let lab = Lab::new();
    let registries = [(), ()]
        .map(|()| FixedRegistry::start(HashMap::from([(1, "\"string\"".to_owned())])).expect("a registry"));
    let shape = SHAPES[1];
    // Each key is in one partition of the source, and all of them are in one of the target, in the same order.
    for (side, cluster) in lab.clusters.iter().enumerate() {
        let one = |n: i64| PlainRecord {
            partition: if side == 0 { (n % 2) as i32 } else { 0 },
            key: Some(format!("key {}", n % 22).into_bytes()),
            ..framed(n, 1)
        };
        produce_in_order(cluster, shape.topic, (0..RECORDS).map(one).collect());
    }
    let [source, target] = lab.clusters.each_ref().map(|cluster| cluster.bootstrap_servers());
    let more = "groups: { include: [\"billing\"] }\nrange: { settle: 500ms }\n";
    let config = lab
        .config_of(&[shape], "fetch.wait.max.ms: \"10\"", more)
        .replace("kind: none", "kind: group_commits")
        .replace("order: key }", "partitions: by_key, decode: all }");
    let config = with_registries(&config, &registries);
    let earliest = config.replace("settle: 500ms", "start: earliest, settle: 500ms");
    let end = RECORDS / 2;
    let broken: Found =
        ("undecodable_record".to_owned(), shape.topic.to_owned(), None, None, Some((0, BROKEN)));

    // The group has read it long ago, but not what lies before and behind it on the target.
    commit(source, "billing", shape.topic, &[5, end]);
    commit(target, "billing", shape.topic, &[10, 0]);
    let ended = cutproof_run(lab.work.path(), &config);
    ended.expect_code(12);
    assert_eq!(findings(ended.directory.as_deref().expect("a directory")), [], "{}", ended.stderr);
    let reasons = ended.run["reasons"].to_string();
    let said = format!("{}-0: 1 records cannot be read on the target", shape.topic);
    assert!(reasons.contains(&said), "{said} in {reasons}");

    // Everything is in scope.
    let ended = cutproof_run(lab.work.path(), &earliest);
    ended.expect_code(10);
    let found = findings(ended.directory.as_deref().expect("a directory"));
    assert_eq!(found, std::slice::from_ref(&broken), "{}", ended.stderr);

    // All of what is not lies before the scope.
    commit(source, "billing", shape.topic, &[10, 10]);
    commit(target, "billing", shape.topic, &[20, 0]);
    let ended = cutproof_run(lab.work.path(), &config);
    ended.expect_code(10);
    assert_eq!(findings(ended.directory.as_deref().expect("a directory")), [broken], "{}", ended.stderr);
}

/// `config` with a registry for each side.
fn with_registries(config: &str, registries: &[FixedRegistry; 2]) -> String {
    ["src", "dst"].iter().zip(registries).fold(config.to_owned(), |config, (alias, registry)| {
        let with = format!("{{ alias: {alias}, schema_registry: {{ url: \"{}\" }},", registry.url());
        config.replace(&format!("{{ alias: {alias},"), &with)
    })
}
