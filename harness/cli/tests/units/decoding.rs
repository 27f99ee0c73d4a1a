//! `decode: all` where records may change partitions or order: what the target's registry cannot read, though it is equal.

use std::collections::HashMap;

use cutproof_testcontainers::{FixedRegistry, PlainRecord};

use crate::logs::{Found, Lab, Log, SHAPES, findings, produce_in_order, record};
use crate::support::cutproof_run;

/// Equal on both sides, with bytes behind the value's end; lost; and without a frame, which no schema is asked about.
const BROKEN: i64 = 41;
const LOST: i64 = 50;
const UNFRAMED: i64 = 60;
const RECORDS: i64 = 120;

/// An Avro string in the framing of the registry, under schema 1.
fn framed(n: i64, partitions: i32) -> PlainRecord {
    let text = format!("value {n}");
    let mut value = [&[0, 0, 0, 0, 1, 2 * text.len() as u8], text.as_bytes()].concat();
    match n {
        BROKEN => value.extend(b"more"),
        UNFRAMED => value = text.into_bytes(),
        _ => {}
    }
    PlainRecord { value: Some(value), ..record(n, partitions) }
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
        .replace("order: none }", "order: none, decode: all }")
        .replace(
            "{ alias: src,",
            &format!("{{ alias: src, schema_registry: {{ url: \"{}\" }},", registries[0].url()),
        )
        .replace(
            "{ alias: dst,",
            &format!("{{ alias: dst, schema_registry: {{ url: \"{}\" }},", registries[1].url()),
        );
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
