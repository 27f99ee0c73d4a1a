//! Properties of reading and comparing Avro, over generated schemas and values; the Avro library writes the data.

use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;
use serde_json::json;

use super::{AvroSchema, Fault, differences, schema_differences};

/// A schema to be.
#[derive(Clone, Debug)]
enum Plan {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Fixed(usize),
    Enum(usize),
    Array(Box<Plan>),
    Map(Box<Plan>),
    Record(Vec<Plan>),
    /// `null` and another.
    Nullable(Box<Plan>),
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let leaf = prop_oneof![
        Just(Plan::Null),
        Just(Plan::Boolean),
        Just(Plan::Int),
        Just(Plan::Long),
        Just(Plan::Float),
        Just(Plan::Double),
        Just(Plan::Bytes),
        Just(Plan::String),
        (1..5usize).prop_map(Plan::Fixed),
        (1..4usize).prop_map(Plan::Enum),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|plan| Plan::Array(Box::new(plan))),
            inner.clone().prop_map(|plan| Plan::Map(Box::new(plan))),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Plan::Record),
            inner
                .prop_filter("no union in a union", |p| !matches!(p, Plan::Nullable(_) | Plan::Null))
                .prop_map(|plan| Plan::Nullable(Box::new(plan))),
        ]
    })
}

fn text(plan: &Plan, names: &mut usize) -> serde_json::Value {
    *names += 1;
    let name = format!("N{names}");
    match plan {
        Plan::Null => json!("null"),
        Plan::Boolean => json!("boolean"),
        Plan::Int => json!("int"),
        Plan::Long => json!("long"),
        Plan::Float => json!("float"),
        Plan::Double => json!("double"),
        Plan::Bytes => json!("bytes"),
        Plan::String => json!("string"),
        Plan::Fixed(size) => json!({"type": "fixed", "name": name, "size": size}),
        Plan::Enum(count) => {
            let symbols: Vec<String> = (0..*count).map(|i| format!("S{i}")).collect();
            json!({"type": "enum", "name": name, "symbols": symbols})
        }
        Plan::Array(items) => json!({"type": "array", "items": text(items, names)}),
        Plan::Map(values) => json!({"type": "map", "values": text(values, names)}),
        Plan::Nullable(plan) => json!(["null", text(plan, names)]),
        Plan::Record(fields) => {
            let fields = fields.iter().enumerate();
            let fields: Vec<_> =
                fields.map(|(i, plan)| json!({"name": format!("a{i}"), "type": text(plan, names)})).collect();
            json!({"type": "record", "name": name, "fields": fields})
        }
    }
}

fn any_value(plan: &Plan) -> BoxedStrategy<Value> {
    match plan {
        Plan::Null => Just(Value::Null).boxed(),
        Plan::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
        Plan::Int => any::<i32>().prop_map(Value::Int).boxed(),
        Plan::Long => any::<i64>().prop_map(Value::Long).boxed(),
        Plan::Float => any::<u32>().prop_map(|bits| Value::Float(f32::from_bits(bits))).boxed(),
        Plan::Double => any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))).boxed(),
        Plan::Bytes => prop::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes).boxed(),
        Plan::String => ".{0,3}".prop_map(Value::String).boxed(),
        Plan::Fixed(size) => {
            let size = *size;
            prop::collection::vec(any::<u8>(), size).prop_map(move |b| Value::Fixed(size, b)).boxed()
        }
        Plan::Enum(count) => (0..*count).prop_map(|i| Value::Enum(i as u32, format!("S{i}"))).boxed(),
        Plan::Array(items) => prop::collection::vec(any_value(items), 0..3).prop_map(Value::Array).boxed(),
        Plan::Map(values) => {
            prop::collection::hash_map("[a-c]{0,2}", any_value(values), 0..3).prop_map(Value::Map).boxed()
        }
        Plan::Nullable(plan) => prop_oneof![
            Just(Value::Union(0, Box::new(Value::Null))),
            any_value(plan).prop_map(|value| Value::Union(1, Box::new(value))),
        ]
        .boxed(),
        Plan::Record(fields) => {
            let fields: Vec<_> = fields.iter().map(any_value).collect();
            let named = |values: Vec<Value>| {
                Value::Record(values.into_iter().enumerate().map(|(i, v)| (format!("a{i}"), v)).collect())
            };
            fields.prop_map(named).boxed()
        }
    }
}

/// An oracle for meaning: a text that two values share exactly if they mean the same.
fn meaning(value: &Value) -> String {
    match value {
        Value::Float(x) => format!("f{:x}", x.to_bits()),
        Value::Double(x) => format!("d{:x}", x.to_bits()),
        Value::Enum(index, _) => format!("e{index}"),
        Value::Array(items) => format!("[{}]", items.iter().map(meaning).collect::<Vec<_>>().join(",")),
        Value::Map(entries) => {
            let mut entries: Vec<_> = entries.iter().map(|(k, v)| format!("{k:?}:{}", meaning(v))).collect();
            entries.sort();
            format!("{{{}}}", entries.join(","))
        }
        Value::Union(branch, value) => format!("u{branch}{}", meaning(value)),
        Value::Record(fields) => {
            format!("r{}", fields.iter().map(|(_, v)| meaning(v)).collect::<Vec<_>>().join(","))
        }
        leaf => format!("{leaf:?}"),
    }
}

fn schema_text(plan: &Plan) -> String {
    text(plan, &mut 0).to_string()
}

fn write(schema: &str, value: &Value) -> Vec<u8> {
    let schema = apache_avro::Schema::parse_str(schema).unwrap();
    let writer = GenericDatumWriter::builder(&schema).build().unwrap();
    writer.write_value_to_vec(value.clone()).unwrap()
}

fn planned() -> impl Strategy<Value = (Plan, Value)> {
    let plans = any_plan().prop_filter("bytes as a whole have no framing", |p| !matches!(p, Plan::Bytes));
    plans.prop_flat_map(|plan| {
        let value = any_value(&plan);
        (Just(plan), value)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_the_library_writes_is_read_back_whole((plan, value) in planned()) {
        let text = schema_text(&plan);
        let schema = AvroSchema::parse(&text, &[]).unwrap();
        let read = schema.read(&write(&text, &value)).unwrap();
        prop_assert_eq!(meaning(&read), meaning(&value));
    }

    #[test]
    fn every_strict_prefix_and_every_extension_is_broken(
        (plan, value) in planned(),
        more in prop::collection::vec(any::<u8>(), 1..4),
    ) {
        let text = schema_text(&plan);
        let schema = AvroSchema::parse(&text, &[]).unwrap();
        let bytes = write(&text, &value);
        for end in 0..bytes.len() {
            prop_assert!(matches!(schema.read(&bytes[..end]), Err(Fault::Broken(_))), "prefix of {}", end);
            prop_assert!(matches!(schema.check(&bytes[..end]), Err(Fault::Broken(_))), "prefix of {}", end);
        }
        for length in 1..=more.len() {
            let longer = [&bytes[..], &more[..length]].concat();
            prop_assert!(matches!(schema.read(&longer), Err(Fault::Broken(_))), "{} more bytes", length);
        }
    }

    #[test]
    fn any_bytes_are_read_by_both_decoders_or_refused(
        plan in any_plan(),
        bytes in prop::collection::vec(prop_oneof![0..6u8, any::<u8>()], 0..24),
    ) {
        let schema = AvroSchema::parse(&schema_text(&plan), &[]).unwrap();
        match schema.check(&bytes) {
            // The strict walk says yes: then so does the library, to the last byte.
            Ok(()) => prop_assert!(schema.read(&bytes).is_ok()),
            Err(fault) => prop_assert_eq!(schema.read(&bytes).unwrap_err(), fault),
        }
    }

    #[test]
    fn two_values_are_equal_exactly_when_they_mean_the_same(
        (plan, a, b) in any_plan().prop_flat_map(|plan| {
            let (a, b) = (any_value(&plan), any_value(&plan));
            (Just(plan), a, b)
        }),
    ) {
        let schema = AvroSchema::parse(&schema_text(&plan), &[]).unwrap();
        prop_assert_eq!(differences((&schema, &a), (&schema, &a)), Vec::<String>::new());
        let equal = differences((&schema, &a), (&schema, &b)).is_empty();
        prop_assert_eq!(equal, meaning(&a) == meaning(&b));
        prop_assert_eq!(differences((&schema, &b), (&schema, &a)).is_empty(), equal);
    }

    #[test]
    fn two_schemas_are_equal_exactly_when_their_canonical_forms_are(a in any_plan(), b in any_plan()) {
        // These plans hold nothing that the canonical form drops.
        let canonical = |plan| apache_avro::Schema::parse_str(&schema_text(plan)).unwrap().canonical_form();
        let parsed = |plan| AvroSchema::parse(&schema_text(plan), &[]).unwrap();
        prop_assert_eq!(schema_differences(&parsed(&a), &parsed(&a)), Ok(Vec::new()));
        let differences = schema_differences(&parsed(&a), &parsed(&b)).unwrap();
        prop_assert_eq!(differences.is_empty(), canonical(&a) == canonical(&b));
    }
}

#[test]
fn the_deepest_data_that_are_judged_overflow_no_stack() {
    let list = r#"{"type":"record","name":"N","fields":[{"name":"next","type":["null","N"]}]}"#;
    let schema = AvroSchema::parse(list, &[]).unwrap();
    let chain = |length: usize| [vec![2; length], vec![0]].concat();
    let deepest = (1..1000).take_while(|length| schema.check(&chain(*length)).is_ok()).last().unwrap();
    let value = schema.read(&chain(deepest)).unwrap();
    assert_eq!(differences((&schema, &value), (&schema, &value)), Vec::<String>::new());
    assert!(matches!(schema.read(&chain(deepest + 1)), Err(Fault::Beyond(_))));
}

#[test]
fn floats_are_equal_by_their_bits_and_not_by_comparison() {
    let list = r#"{"type":"array","items":["float","double"]}"#;
    let schema = AvroSchema::parse(list, &[]).unwrap();
    let of = |float: u32, double: u64| {
        Value::Array(vec![
            Value::Union(0, Box::new(Value::Float(f32::from_bits(float)))),
            Value::Union(1, Box::new(Value::Double(f64::from_bits(double)))),
        ])
    };
    let compare = |a: &Value, b: &Value| differences((&schema, a), (&schema, b));
    let (quiet, other) = (of(0x7fc0_0000, 0x7ff8 << 48), of(0x7fc0_0001, (0x7ff8 << 48) + 1));
    let (zero, negative) = (of(0, 0), of(1 << 31, 1 << 63));
    assert_eq!(compare(&quiet, &quiet), Vec::<String>::new());
    assert_eq!(compare(&quiet, &other), ["[0]", "[1]"]);
    assert_eq!(compare(&zero, &negative), ["[0]", "[1]"]);
}

#[test]
fn bytes_as_a_whole_value_have_no_length_and_are_equal_only_to_themselves() {
    let schema = AvroSchema::parse(r#"{"type":"bytes","logicalType":"decimal","precision":4}"#, &[]).unwrap();
    let (whole, prefix) = (schema.read(b"abc").unwrap(), schema.read(b"ab").unwrap());
    assert_eq!(differences((&schema, &whole), (&schema, &whole)), Vec::<String>::new());
    assert_eq!(differences((&schema, &whole), (&schema, &prefix)), ["(whole value)"]);
    assert_eq!(schema.check(b""), Ok(()));
}

#[test]
fn a_branch_with_the_same_value_is_another_meaning() {
    let schema = AvroSchema::parse(
        r#"[{"type":"record","name":"Paid","fields":[{"name":"at","type":"long"}]},
            {"type":"record","name":"Refunded","fields":[{"name":"at","type":"long"}]}]"#,
        &[],
    )
    .unwrap();
    let (paid, refunded) = (schema.read(&[0, 8]).unwrap(), schema.read(&[2, 8]).unwrap());
    assert_eq!(
        differences((&schema, &paid), (&schema, &refunded)),
        ["(whole value) (record Paid / record Refunded)"]
    );
}
