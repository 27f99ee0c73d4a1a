//! The decoder against two registries on 127.0.0.1.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use serde_json::json;

use super::double::{Double, Reply};
use super::*;

const ORDER: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"id","type":"long"},
    {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
        {"name":"price","type":"double"}]}}},
    {"name":"tags","type":{"type":"map","values":"int"}},
    {"name":"note","type":["null","string"],"default":null}]}"#;

/// The same schema in another spelling.
const ORDER_RESPELLED: &str = r#"{"namespace":"shop","name":"Order","doc":"An order.","type":"record","fields":[{"name":"id","type":{"type":"long"}},{"name":"lines","type":{"type":"array","items":{"type":"record","name":"shop.Line","fields":[{"name":"price","type":"double"}]}}},{"name":"tags","type":{"type":"map","values":"int"}},{"name":"note","type":["null","string"],"default":null}]}"#;

/// The same layout, another meaning: the default of a field.
const ORDER_OTHER_DEFAULT: &str = r#"{"type":"record","name":"Order","namespace":"shop","fields":[
    {"name":"id","type":"long","default":7},
    {"name":"lines","type":{"type":"array","items":{"type":"record","name":"Line","fields":[
        {"name":"price","type":"double"}]}}},
    {"name":"tags","type":{"type":"map","values":"int"}},
    {"name":"note","type":["null","string"],"default":null}]}"#;

fn settings(double: &Double) -> RegistrySettings {
    let mut settings = RegistrySettings::new(double.url());
    settings.timeout = Duration::from_secs(3);
    settings
}

fn decoder(source: &Double, target: &Double) -> Decoder {
    Decoder::new(Some(settings(source)), Some(settings(target))).unwrap()
}

fn framed(id: u32, body: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), body].concat()
}

fn payload(bytes: &[u8]) -> Payload<'_> {
    Payload { topic: "orders", bytes, headers: &[] }
}

/// An order; entries of `tags` in the order given.
fn order(id: i64, prices: &[f64], tags: &[(&str, i32)], note: Option<&str>) -> Vec<u8> {
    let schema = |text: &str| apache_avro::Schema::parse_str(text).unwrap();
    let write = |schema: &apache_avro::Schema, value: Value| -> Vec<u8> {
        GenericDatumWriter::builder(schema).build().unwrap().write_value_to_vec(value).unwrap()
    };
    let mut bytes = write(&schema("\"long\""), Value::Long(id));
    let prices = prices.iter().copied().map(Value::Double).collect();
    bytes.extend(write(&schema(r#"{"type":"array","items":"double"}"#), Value::Array(prices)));
    // One block per entry keeps the order that the caller chose.
    for (key, value) in tags {
        let one = HashMap::from([((*key).to_owned(), Value::Int(*value))]);
        let block = write(&schema(r#"{"type":"map","values":"int"}"#), Value::Map(one));
        bytes.extend(&block[..block.len() - 1]);
    }
    bytes.push(0);
    let note = match note {
        None => Value::Union(0, Box::new(Value::Null)),
        Some(text) => Value::Union(1, Box::new(Value::String(text.to_owned()))),
    };
    bytes.extend(write(&schema(r#"["null","string"]"#), note));
    bytes
}

fn plain_order() -> Vec<u8> {
    order(9, &[1.5, 2.5, 3.5], &[("a", 1), ("b", 2)], Some("secret-note"))
}

fn differs(explanation: &Explanation) -> &[String] {
    match explanation {
        Explanation::Differs { paths } => paths,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_remapped_id_has_equal_meaning() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(1, ORDER);
    target.avro(7, ORDER_RESPELLED);
    let mut decoder = decoder(&source, &target);
    let body = plain_order();
    let explanation = decoder.explain_value(payload(&framed(1, &body)), payload(&framed(7, &body)));
    assert_eq!(
        explanation,
        Explanation::EqualMeaning {
            note: "schema id 1 on the source, schema id 7 on the target: the same schema, and the same encoded value"
                .into()
        }
    );
    decoder.explain_value(payload(&framed(1, &body)), payload(&framed(7, &body)));
    assert_eq!((source.requests().len(), target.requests().len()), (1, 1), "schemas are remembered");
}

#[test]
fn map_order_and_block_layout_have_equal_meaning() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(1, ORDER);
    target.avro(1, ORDER);
    let mut decoder = decoder(&source, &target);
    let a = order(9, &[f64::NAN], &[("a", 1), ("b", 2)], None);
    let b = order(9, &[f64::NAN], &[("b", 2), ("a", 1)], None);
    assert_ne!(a, b);
    let explanation = decoder.explain_value(payload(&framed(1, &a)), payload(&framed(1, &b)));
    assert!(matches!(explanation, Explanation::EqualMeaning { .. }), "{explanation:?}");
}

#[test]
fn a_map_that_holds_a_key_twice_is_equal_only_to_the_same_bytes() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(1, ORDER);
    target.avro(7, ORDER);
    let mut decoder = decoder(&source, &target);
    let mut explain =
        |a: &[u8], b: &[u8]| decoder.explain_value(payload(&framed(1, a)), payload(&framed(7, b)));
    let [twice, last] = [&[("a", 1), ("a", 2)][..], &[("a", 2)]].map(|tags| order(9, &[], tags, None));
    for explanation in [explain(&twice, &last), explain(&last, &twice)] {
        let Explanation::Unavailable { why } = explanation else { panic!("{explanation:?}") };
        assert!(why.contains("a key twice"), "{why}");
    }
    let same = explain(&twice, &twice);
    assert!(matches!(same, Explanation::EqualMeaning { .. }), "{same:?}");
}

#[test]
fn other_values_are_named_by_path_and_never_shown() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(1, ORDER);
    target.avro(7, ORDER);
    let mut decoder = decoder(&source, &target);
    let a = order(9, &[1.0, 2.0, 3.0], &[("secret-key", 1)], Some("secret-note"));
    let b = order(9, &[1.0, 2.0, 4.0], &[("secret-key", 2)], None);
    let explanation = decoder.explain_value(payload(&framed(1, &a)), payload(&framed(7, &b)));
    assert_eq!(differs(&explanation), ["lines[2].price", "tags{}", "note (string / null)"]);
    assert!(!explanation.to_string().contains("secret"), "{explanation}");
}

#[test]
fn fields_that_one_schema_lacks_are_among_the_paths() {
    let (source, target) = (Double::start(), Double::start());
    let with = |fields: &str| format!(r#"{{"type":"record","name":"R","fields":[{fields}]}}"#);
    source.avro(1, &with(r#"{"name":"id","type":"int"},{"name":"old","type":"int"}"#));
    target.avro(2, &with(r#"{"name":"new","type":"int"},{"name":"id","type":"int"}"#));
    let mut decoder = decoder(&source, &target);
    let explanation = decoder.explain_value(payload(&framed(1, &[2, 4])), payload(&framed(2, &[8, 2])));
    assert_eq!(
        differs(&explanation),
        ["old (only in the source's schema)", "new (only in the target's schema)"],
        "id is equal by name though it stands elsewhere"
    );
}

#[test]
fn the_same_id_for_another_schema_is_a_difference_even_if_the_bytes_are_equal() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(1, ORDER).avro(2, ORDER).avro(3, ORDER);
    target.avro(1, ORDER_OTHER_DEFAULT).avro(2, ORDER_RESPELLED);
    let mut decoder = decoder(&source, &target);
    let mut agree = |id| {
        let bytes = framed(id, &plain_order());
        decoder.schemas_agree(Slot::Value, payload(&bytes), payload(&bytes))
    };
    for _ in 0..1000 {
        assert_eq!(agree(1), SchemaAgreement::Differs { paths: vec!["id (default)".to_owned()].into() });
        assert_eq!(agree(2), SchemaAgreement::Same);
    }
    assert_eq!(
        agree(3),
        SchemaAgreement::Undecodable {
            side: Side::Target,
            why: "value of orders: schema id 3 is not in the target registry".into()
        }
    );
    assert_eq!(agree(0), SchemaAgreement::NotFramed);
    assert_eq!((source.requests().len(), target.requests().len()), (3, 3));
}

#[test]
fn two_schemas_are_compared_once_whatever_is_asked_and_the_memory_of_it_is_bounded() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(1, ORDER);
    target.avro(7, ORDER_OTHER_DEFAULT);
    let mut decoder = decoder(&source, &target);
    let (one, other) = (framed(1, &plain_order()), framed(7, &plain_order()));
    for _ in 0..3 {
        let explanation = decoder.explain_value(payload(&one), payload(&other));
        assert_eq!(differs(&explanation), ["id (default)"]);
    }
    let agreement = decoder.schemas_agree(Slot::Value, payload(&one), payload(&other));
    assert_eq!(agreement, SchemaAgreement::Differs { paths: vec!["id (default)".to_owned()].into() });
    assert_eq!(decoder.compared.len(), 1);

    let json = |text: &str| Schema { text: text.into(), references: vec![], kind: SchemaKind::Json };
    let (same, another) = (json("1"), json("2"));
    let pair = |n: u32| (SchemaRef::Id(n), SchemaRef::Id(n + 1));
    assert!(decoder.compare_schemas(pair(1), &same, &same).is_ok_and(|paths| paths.is_empty()));
    let again = decoder.compare_schemas(pair(1), &same, &another);
    assert!(again.is_ok_and(|paths| paths.is_empty()), "what the pair has said is not asked for again");
    let apart = decoder.compare_schemas(pair(2), &same, &another);
    assert!(apart.is_ok_and(|paths| !paths.is_empty()));
    for n in 3..2 * MOST_PAIRS as u32 {
        assert!(decoder.compare_schemas(pair(n), &same, &same).is_ok());
        assert!(decoder.compared.len() <= MOST_PAIRS);
    }
}

#[test]
fn a_missing_id_is_undecodable_on_that_side() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(42, ORDER);
    let mut decoder = decoder(&source, &target);
    let bytes = framed(42, &plain_order());
    let why = "value of orders: schema id 42 is not in the target registry".to_owned();
    assert_eq!(
        decoder.explain_value(payload(&bytes), payload(&bytes)),
        Explanation::Undecodable { side: Side::Target, why: why.clone() }
    );
    assert_eq!(decoder.check(Side::Source, Slot::Value, payload(&bytes)), Check::Decodable);
    assert_eq!(decoder.check(Side::Target, Slot::Value, payload(&bytes)), Check::Undecodable { why });
}

#[test]
fn a_404_that_is_not_the_registrys_own_accuses_nobody() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(1, ORDER);
    for body in ["<html>not here</html>", r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#] {
        target.always(Some(Reply::new(404, body)));
        let bytes = framed(1, &plain_order());
        match decoder(&source, &target).explain_value(payload(&bytes), payload(&bytes)) {
            Explanation::Unanswered { why } => assert!(why.contains("path of its url"), "{why}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn truncated_and_extended_payloads_are_undecodable() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(1, ORDER);
    target.avro(1, ORDER);
    let mut decoder = decoder(&source, &target);
    let whole = framed(1, &order(9, &[], &[], None));
    for end in 1..whole.len() {
        let cut = &whole[..end];
        let explanation = decoder.explain_value(payload(&whole), payload(cut));
        assert!(
            matches!(explanation, Explanation::Undecodable { side: Side::Target, .. }),
            "{explanation:?}"
        );
        let check = decoder.check(Side::Target, Slot::Value, payload(cut));
        assert!(matches!(check, Check::Undecodable { .. }), "{check:?}");
    }
    let longer = [&whole[..], b"secret"].concat();
    let explanation = decoder.explain_value(payload(&longer), payload(&whole));
    assert_eq!(
        explanation,
        Explanation::Undecodable {
            side: Side::Source,
            why: "value of orders: 6 bytes are left over after the value".into()
        }
    );
}

#[test]
fn a_registry_that_is_down_gives_no_match_and_is_asked_no_more_for_a_while() {
    let source = Double::start();
    source.avro(1, ORDER);
    let mut gone = settings(&source);
    gone.url = {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://ada:hunter2@{}/", free.local_addr().unwrap())
    };
    let mut decoder = Decoder::new(Some(settings(&source)), Some(gone)).unwrap();
    let bytes = framed(1, &plain_order());
    let begin = Instant::now();
    for _ in 0..100_000 {
        let explanation = decoder.explain_value(payload(&bytes), payload(&bytes));
        let Explanation::Unanswered { why } = explanation else { panic!("{explanation:?}") };
        assert!(why.contains("the target registry at http://127.0.0.1:"), "{why}");
        assert!(!why.contains("hunter2") && !why.contains("ada"), "{why}");
        assert!(begin.elapsed() < Duration::from_secs(5), "it was asked again and again");
    }
}

#[test]
fn while_a_registry_does_not_answer_nobody_can_tell_whether_other_bytes_are_equal_in_meaning() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(1, ORDER).on("/schemas/ids/3", Reply::typed("PROTOBUF", "message A {}"));
    let body = plain_order();
    for status in [401, 403, 404, 429, 500, 503] {
        target.always(Some(Reply::new(status, "")));
        let mut decoder = decoder(&source, &target);
        let mut explain =
            |a, x: &[u8], b, y: &[u8]| decoder.explain_value(payload(&framed(a, x)), payload(&framed(b, y)));
        // Another id, and the same id of what may be the same order with its map in another order.
        for (id, other) in [(7, &body[..]), (1, &order(9, &[1.5], &[], None)[..])] {
            let explanation = explain(1, &body, id, other);
            let Explanation::Unanswered { why } = explanation else { panic!("{status}: {explanation:?}") };
            assert!(why.contains("the target registry at http://127.0.0.1:"), "{why}");
        }
        assert!(matches!(explain(3, &[0, 8, 1], 4, &[0, 8, 1]), Explanation::Unanswered { .. }));
        // A kind that is not decoded: whatever the registry says, other bytes stay other bytes.
        assert!(matches!(explain(3, &[0, 8, 1], 4, &[0, 8, 2]), Explanation::Unavailable { .. }));
        // What cannot be read on its own side is equal to nothing.
        let broken = explain(1, &body[..3], 7, &body);
        assert!(matches!(broken, Explanation::Undecodable { side: Side::Source, .. }), "{broken:?}");
        let unknown = explain(2, &body, 7, &body);
        assert!(matches!(unknown, Explanation::Undecodable { side: Side::Source, .. }), "{unknown:?}");
    }
    // That there is no such schema is an answer.
    target.always(None);
    let (one, other) = (framed(1, &body), framed(7, &body));
    let missing = decoder(&source, &target).explain_value(payload(&one), payload(&other));
    assert!(matches!(missing, Explanation::Undecodable { side: Side::Target, .. }), "{missing:?}");
    // Where a side has no registry, none will ever answer.
    source.always(Some(Reply::new(503, "")));
    for settings in [[Some(settings(&source)), None], [None, Some(settings(&source))]] {
        let [source, target] = settings;
        let mut decoder = Decoder::new(source, target).unwrap();
        let explanation = decoder.explain_value(payload(&one), payload(&other));
        assert!(matches!(explanation, Explanation::Unavailable { .. }), "{explanation:?}");
    }
    // Both are named where neither answers.
    target.always(Some(Reply::new(503, "")));
    let neither = decoder(&source, &target).explain_value(payload(&one), payload(&other)).to_string();
    assert!(neither.contains("the source registry") && neither.contains("the target registry"), "{neither}");
}

#[test]
fn a_slow_registry_costs_two_tries_and_then_nothing() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(1, ORDER).avro(2, ORDER);
    target.always(Some(Reply::schema(ORDER).after(Duration::from_secs(30))));
    let mut slow = settings(&target);
    slow.timeout = Duration::from_secs(1);
    let mut decoder = Decoder::new(Some(settings(&source)), Some(slow)).unwrap();
    let begin = Instant::now();
    for id in [1, 1, 2, 2, 1] {
        let bytes = framed(id, &plain_order());
        let explanation = decoder.explain_value(payload(&bytes), payload(&bytes));
        let Explanation::Unanswered { why } = explanation else { panic!("{explanation:?}") };
        assert!(why.ends_with("does not answer in time"), "{why}");
    }
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert_eq!(target.requests().len(), 2);
}

#[test]
fn a_registry_that_recovers_is_asked_again_after_its_rest() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(1, ORDER);
    target.avro(1, ORDER).always(Some(Reply::new(503, "")));
    let patience = Patience {
        retry_after: Duration::from_millis(1),
        first_rest: Duration::from_millis(50),
        longest_rest: Duration::from_millis(50),
        failure_lives: Duration::from_millis(50),
    };
    let mut decoder =
        Decoder::with_patience(Some(settings(&source)), Some(settings(&target)), patience).unwrap();
    let bytes = framed(1, &plain_order());
    let mut check = || decoder.check(Side::Target, Slot::Value, payload(&bytes));
    assert!(matches!(check(), Check::Unavailable { .. }));
    assert_eq!(target.requests().len(), 2, "one retry");
    std::thread::sleep(Duration::from_millis(60));
    assert!(matches!(check(), Check::Unavailable { .. }));
    assert_eq!(target.requests().len(), 3, "a registry that was down gets a single try");
    target.always(None);
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(check(), Check::Decodable);
}

#[test]
fn answers_that_make_no_sense_are_unavailable_for_that_id_only() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(1, ORDER).avro(2, ORDER).avro(3, ORDER).avro(4, ORDER);
    target
        .on("/schemas/ids/1", Reply::new(500, r#"{"error_code":50001,"message":"store"}"#))
        .on("/schemas/ids/2", Reply::new(200, "{\"schema\":"))
        .avro(3, ORDER)
        .on("/schemas/ids/4", Reply::schema("{\"type\":\"recor\"}"));
    let mut decoder = decoder(&source, &target);
    let mut why = |id| match decoder.check(Side::Target, Slot::Value, payload(&framed(id, &plain_order()))) {
        Check::Unavailable { why } => why,
        other => format!("{other:?}"),
    };
    assert!(why(1).ends_with("answers 500"));
    assert!(why(1).ends_with("answers 500"));
    assert_eq!(target.requests().len(), 2, "one retry, then remembered");
    assert!(why(2).ends_with("answers with something that is no schema"));
    assert_eq!(why(3), "Decodable");
    assert_eq!(
        why(4),
        "schema id 4 of the target registry is not understood: type recor is defined nowhere before its use"
    );
}

#[test]
fn refused_credentials_are_unavailable_and_the_secret_is_not_named() {
    let (source, target) = (Double::start(), Double::start());
    for status in [401, 403] {
        target.always(Some(Reply::new(status, "")));
        let mut closed = settings(&target);
        closed.auth = RegistryAuth::Bearer("hunter2".into());
        let mut decoder = Decoder::new(Some(settings(&source)), Some(closed)).unwrap();
        let check = decoder.check(Side::Target, Slot::Value, payload(&framed(1, &plain_order())));
        let Check::Unavailable { why } = check else { panic!("{check:?}") };
        assert!(why.contains(&format!("answers {status}")) && !why.contains("hunter2"), "{why}");
    }
    assert_eq!(target.requests().len(), 2, "credentials are not tried twice");
    assert!(target.requests()[0].to_lowercase().contains("authorization: bearer hunter2"));
}

#[test]
fn the_path_of_the_base_url_and_basic_credentials_are_sent() {
    let (source, target) = (Double::start(), Double::start());
    target.on("/apis/ccompat/v7/schemas/ids/5", Reply::schema(ORDER));
    for slash in ["", "/"] {
        let mut settings = settings(&target);
        settings.url = format!("{}/apis/ccompat/v7{slash}", target.url());
        settings.auth = RegistryAuth::Basic { user: "ada".into(), password: "hunter2".into() };
        let mut decoder = Decoder::new(Some(self::settings(&source)), Some(settings)).unwrap();
        let bytes = framed(5, &plain_order());
        assert_eq!(decoder.check(Side::Target, Slot::Value, payload(&bytes)), Check::Decodable);
    }
    for request in target.requests() {
        assert!(request.to_lowercase().contains("authorization: basic ywrhomh1bnrlcji="), "{request}");
    }
}

#[test]
fn references_are_fetched_and_compared_with_the_schema() {
    let (source, target) = (Double::start(), Double::start());
    let order = r#"{"type":"record","name":"shop.Order","fields":[{"name":"line","type":"Line"}]}"#;
    let line = |of: &str| {
        format!(r#"{{"type":"record","name":"shop.Line","fields":[{{"name":"paid","type":"{of}"}}]}}"#)
    };
    let refers = json!([{ "name": "shop.Line", "subject": "lines/v:1", "version": 3 }]);
    let refers_twice = json!([
        { "name": "shop.Line", "subject": "lines/v:1", "version": 3 },
        { "name": "shop.Line", "subject": "lines/v:1", "version": 3 }
    ]);
    for id in [1, 2, 3] {
        source.on(&format!("/schemas/ids/{id}"), Reply::referring(order, refers.clone()));
        target.on(&format!("/schemas/ids/{id}"), Reply::referring(order, refers_twice.clone()));
    }
    source.on("/subjects/lines%2Fv:1/versions/3?deleted=true", Reply::schema(&line("boolean")));
    target.on("/subjects/lines%2Fv:1/versions/3?deleted=true", Reply::schema(&line("boolean")));
    let mut first = decoder(&source, &target);
    let bytes = framed(1, &[1]);
    assert_eq!(first.schemas_agree(Slot::Value, payload(&bytes), payload(&bytes)), SchemaAgreement::Same);
    assert!(matches!(
        first.check(Side::Target, Slot::Value, payload(&framed(1, &[9]))),
        Check::Undecodable { .. }
    ));

    target.on("/subjects/lines%2Fv:1/versions/3?deleted=true", Reply::schema(&line("int")));
    let bytes = framed(2, &[1]);
    let agreement = decoder(&source, &target).schemas_agree(Slot::Value, payload(&bytes), payload(&bytes));
    let differs = SchemaAgreement::Differs { paths: vec!["line.paid (boolean / int)".to_owned()].into() };
    assert_eq!(agreement, differs);

    let missing = r#"{"error_code":40402,"message":"Version not found."}"#;
    target.on("/subjects/lines%2Fv:1/versions/3?deleted=true", Reply::new(404, missing));
    let bytes = framed(3, &[1]);
    assert_eq!(
        decoder(&source, &target).check(Side::Target, Slot::Value, payload(&bytes)),
        Check::Undecodable {
            why: "value of orders: version 3 of subject lines/v:1, which it refers to, is not in the target registry"
                .into()
        }
    );
}

#[test]
fn a_version_that_was_deleted_softly_is_found_by_what_refers_to_it() {
    let (source, target) = (Double::start(), Double::start());
    let refers = json!([{ "name": "A", "subject": "a", "version": 1 }]);
    target.on("/schemas/ids/1", Reply::referring("\"A\"", refers));
    let a = r#"{"type":"record","name":"A","fields":[{"name":"n","type":"int"}]}"#;
    let gone = r#"{"error_code":40402,"message":"Version 1 not found."}"#;
    target.on("/subjects/a/versions/1", Reply::new(404, gone));
    target.on("/subjects/a/versions/1?deleted=true", Reply::schema(a));
    let mut decoder = decoder(&source, &target);
    assert_eq!(decoder.check(Side::Target, Slot::Value, payload(&framed(1, &[2]))), Check::Decodable);
}

#[test]
fn schemas_that_refer_to_each_other_in_a_circle_end() {
    let (source, target) = (Double::start(), Double::start());
    let refers = json!([{ "name": "A", "subject": "a", "version": 1 }]);
    target.on("/schemas/ids/1", Reply::referring("\"int\"", refers.clone()));
    target.on("/subjects/a/versions/1?deleted=true", Reply::referring("\"int\"", refers));
    let mut decoder = decoder(&source, &target);
    assert_eq!(decoder.check(Side::Target, Slot::Value, payload(&framed(1, &[2]))), Check::Decodable);
}

#[test]
fn ids_in_headers_and_guids_are_resolved() {
    let (source, target) = (Double::start(), Double::start());
    source.avro(1, ORDER);
    target.on("/schemas/guids/00010203-0405-0607-0809-0a0b0c0d0e0f", Reply::schema(ORDER));
    let mut decoder = decoder(&source, &target);
    let guid: Vec<u8> = std::iter::once(1).chain(0..16).collect();
    let headers = [Header { name: b"__value_schema_id".to_vec(), value: Some(guid.clone()) }];
    let body = plain_order();
    let with_header = Payload { topic: "orders", bytes: &body, headers: &headers };
    let explanation = decoder.explain_value(payload(&framed(1, &body)), with_header);
    assert!(matches!(explanation, Explanation::EqualMeaning { .. }), "{explanation:?}");
    let prefixed = [&guid[..], &body].concat();
    assert_eq!(decoder.check(Side::Target, Slot::Value, payload(&prefixed)), Check::Decodable);
}

#[test]
fn json_and_protobuf_schemas_are_compared_as_far_as_they_can_be() {
    let (source, target) = (Double::start(), Double::start());
    source.on("/schemas/ids/1", Reply::typed("JSON", r#"{"type":"object","title":"T"}"#));
    target.on("/schemas/ids/2", Reply::typed("JSON", r#"{"title":"T", "type":"object"}"#));
    source.on("/schemas/ids/3", Reply::typed("PROTOBUF", "message A {}"));
    target.on("/schemas/ids/4", Reply::typed("PROTOBUF", "message A {}"));
    target.on("/schemas/ids/5", Reply::typed("PROTOBUF", "message A { }"));
    let mut decoder = decoder(&source, &target);
    let mut explain =
        |a, x: &[u8], b, y: &[u8]| decoder.explain_value(payload(&framed(a, x)), payload(&framed(b, y)));
    let equal = explain(1, br#"{"a":1,"b":2}"#, 2, br#"{"b":2,"a":1}"#);
    assert!(
        matches!(&equal, Explanation::EqualMeaning { note } if note.contains("another order")),
        "{equal:?}"
    );
    let other = explain(1, br#"{"a":9007199254740993}"#, 2, br#"{"a":9007199254740992}"#);
    assert_eq!(differs(&other), ["a"]);
    let broken = explain(1, b"{}", 2, b"{");
    assert!(matches!(broken, Explanation::Undecodable { side: Side::Target, .. }), "{broken:?}");
    assert!(matches!(explain(3, &[0, 8, 1], 4, &[0, 8, 1]), Explanation::EqualMeaning { .. }));
    assert!(matches!(explain(3, &[0, 8, 1], 4, &[0, 8, 2]), Explanation::Unavailable { .. }));
    assert!(matches!(explain(3, &[0, 8, 1], 5, &[0, 8, 1]), Explanation::Unavailable { .. }));
    assert_eq!(differs(&explain(1, b"{}", 4, b"{}")), ["schema type (JSON / PROTOBUF)"]);
}

#[test]
fn payloads_without_framing_are_compared_by_size_byte_and_as_json() {
    let mut decoder = Decoder::new(None, None).unwrap();
    let mut explain = |a: &[u8], b: &[u8]| decoder.explain_value(payload(a), payload(b));
    assert_eq!(
        explain(b"{\"a\":1}", b"{\"a\":12}"),
        Explanation::NotFramed {
            framed: None,
            source_bytes: 7,
            target_bytes: 8,
            first_difference: Some(6),
            json: Some(JsonComparison::Differs { paths: vec!["a".into()] }),
        }
    );
    let respelled = explain(b"{\"a\":1,\"b\":2}", b"{\"b\":2,\"a\":1}");
    assert!(
        matches!(&respelled, Explanation::NotFramed { json: Some(JsonComparison::EqualMeaning { .. }), .. }),
        "{respelled:?}"
    );
    assert_eq!(
        explain(b"abc", b"abcd"),
        Explanation::NotFramed {
            framed: None,
            source_bytes: 3,
            target_bytes: 4,
            first_difference: Some(3),
            json: None
        }
    );
    let half = explain(&framed(1, b"x"), b"abc");
    assert!(matches!(half, Explanation::NotFramed { framed: Some(Side::Source), .. }), "{half:?}");
}

#[test]
fn without_a_registry_nothing_is_known_but_what_the_bytes_say() {
    let mut decoder = Decoder::new(None, None).unwrap();
    let explanation = decoder.explain_value(payload(&framed(1, b"x")), payload(&framed(2, b"x")));
    assert_eq!(
        explanation.to_string(),
        "not decoded: no schema registry is configured for the source (the bytes differ only in the schema: schema id 1 / schema id 2)"
    );
}

#[test]
fn short_keys_are_not_framed_and_short_values_are_undecodable() {
    let mut decoder = Decoder::new(None, None).unwrap();
    let bytes = 7u32.to_be_bytes();
    assert_eq!(decoder.check(Side::Source, Slot::Key, payload(&bytes)), Check::NotFramed);
    assert!(matches!(decoder.check(Side::Source, Slot::Value, payload(&bytes)), Check::Undecodable { .. }));
}

#[test]
fn redirects_are_followed_a_little_and_credentials_stay_with_their_host() {
    let (source, target, elsewhere) = (Double::start(), Double::start(), Double::start());
    elsewhere.avro(1, ORDER);
    let mut moved = Reply::new(302, "");
    moved.location = Some(format!("{}/schemas/ids/1", elsewhere.url().replace("127.0.0.1", "localhost")));
    target.always(Some(moved));
    let mut closed = settings(&target);
    closed.auth = RegistryAuth::Bearer("hunter2".into());
    let mut decoder = Decoder::new(Some(settings(&source)), Some(closed)).unwrap();
    let bytes = framed(1, &plain_order());
    assert_eq!(decoder.check(Side::Target, Slot::Value, payload(&bytes)), Check::Decodable);
    assert!(elsewhere.requests().iter().all(|request| !request.contains("hunter2")));
}

#[test]
fn a_decoder_works_inside_another_runtime() {
    let (source, target) = (Double::start(), Double::start());
    target.avro(1, ORDER);
    let outer = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    outer.block_on(async {
        let mut decoder = decoder(&source, &target);
        let bytes = framed(1, &plain_order());
        assert_eq!(decoder.check(Side::Target, Slot::Value, payload(&bytes)), Check::Decodable);
    });
}

#[test]
fn settings_that_cannot_work_are_refused_without_their_secrets() {
    let refused = |settings| Decoder::new(None, Some(settings)).err().expect("refused").to_string();
    let with = |url: &str| RegistrySettings::new(url);
    for url in ["sr.example:8081", "ftp://sr.example", "http://ada:hunter2@[", "http://sr?x=hunter2"] {
        let text = refused(with(url));
        assert!(text.contains("of the target cannot be used") && !text.contains("hunter2"), "{text}");
    }
    let mut twice = with("http://ada:hunter2@sr");
    twice.auth = RegistryAuth::Bearer("hunter3".into());
    assert!(refused(twice).contains("authenticates twice"));
    let mut token = with("http://sr");
    token.auth = RegistryAuth::Bearer("hunter2\n".into());
    assert!(!refused(token).contains("hunter2"));
    let mut no_file = with("http://sr");
    no_file.ca_file = Some("/nowhere/ca.pem".into());
    assert_eq!(refused(no_file), "cannot read /nowhere/ca.pem for the target's schema_registry");
    let empty = tempfile::NamedTempFile::new().unwrap();
    let mut no_pem = with("http://sr");
    no_pem.ca_file = Some(empty.path().to_owned());
    assert!(refused(no_pem).contains("holds no usable PEM certificate"));
    let mut half = with("http://sr");
    half.client_cert_file = Some(empty.path().to_owned());
    assert!(refused(half).contains("both a client certificate and its key"));
}

#[test]
fn a_decoder_can_be_sent_to_another_thread() {
    fn sent<T: Send>() {}
    sent::<Decoder>();
}
