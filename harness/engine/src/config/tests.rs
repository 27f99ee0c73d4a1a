//! What a configuration means, and what is said about one that means nothing.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;
use crate::record::{
    Contract, DecodeMode, FindingKind, Isolation, LogKind, OrderPromise, Partitioning, Side, TimestampRule,
};

const HEAD: &str = "apiVersion: cutproof/v1\nkind: Proof\n";
const CLUSTERS: &str = "source: { bootstrap_servers: 'a:1' }\ntarget: { bootstrap_servers: 'b:2' }\n";

fn environment(name: &str) -> Option<String> {
    (name == "SECRET").then(|| "hunter2".to_owned())
}

fn config(rest: &str) -> Result<ProofConfig, ConfigError> {
    parse_with(&format!("{HEAD}{CLUSTERS}{rest}"), Path::new("/etc/proof"), &environment)
}

fn whole(text: &str) -> Result<ProofConfig, ConfigError> {
    parse_with(&format!("{HEAD}{text}"), Path::new("/etc/proof"), &environment)
}

fn refusal(rest: &str) -> String {
    config(rest).expect_err("must be refused").to_string()
}

#[test]
fn the_template_says_the_defaults() {
    let template = parse_with(init_template(), Path::new(""), &environment).expect("the template parses");
    let short = "apiVersion: cutproof/v1\nkind: Proof\nsource: { bootstrap_servers: '127.0.0.1:19092' }\n\
                 target: { bootstrap_servers: '127.0.0.1:29092' }\n";
    let mut plain = parse_with(short, Path::new(""), &environment).expect("the short file parses");
    assert_ne!(template.digest, plain.digest, "the digest is over the text");
    // The built-in contract is what the template's only rule spells out.
    assert_eq!(template.contract_for("any"), plain.contract_for("any"));
    assert_eq!(template.contracts.len(), 1);
    plain.contracts = template.contracts.clone();
    plain.digest = template.digest.clone();
    assert_eq!(format!("{template:#?}"), format!("{plain:#?}"));
    assert_eq!(template.contract_for("any"), Contract::default());
    assert_eq!(template.unsupported(), Vec::<String>::new());
}

#[test]
fn the_template_names_every_key_of_the_format() {
    for key in [
        "apiVersion",
        "kind",
        "source",
        "target",
        "alias",
        "bootstrap_servers",
        "properties_file",
        "properties",
        "allow_unverified_tls",
        "schema_registry",
        "url",
        "basic_auth",
        "username",
        "password",
        "bearer_token",
        "ca_file",
        "certificate_file",
        "key_file",
        "replication",
        "policy",
        "separator",
        "offset_syncs_location",
        "topic_map",
        "topics",
        "groups",
        "include",
        "exclude",
        "positions",
        "origin",
        "csv_file",
        "range",
        "start",
        "settle",
        "noise_floor",
        "contracts",
        "log",
        "order",
        "partitions",
        "isolation",
        "timestamps",
        "timestamp_type",
        "headers",
        "ignore",
        "decode",
        "allow",
        "finding",
        "max",
        "reason",
        "limits",
        "memory",
        "spill",
        "report",
        "payload_fields",
        "tolerance_ms",
        "timestamp",
        "duration",
    ] {
        assert!(init_template().contains(&format!("{key}:")), "the template does not show `{key}`");
    }
}

#[test]
fn the_example_of_the_interface_is_read_as_it_says() {
    let text = r#"
source:
  alias: src
  bootstrap_servers: 127.0.0.1:19092
  properties: { security.protocol: SSL, fetch.wait.max.ms: 100 }
  schema_registry: { url: "http://127.0.0.1:8081" }
target: { alias: dst, bootstrap_servers: 127.0.0.1:29092 }
replication:
  kind: offset_preserving
  policy: identity
  separator: "_"
  offset_syncs_location: target
  topic_map: { orders: orders.copy }
topics: { include: ["orders", "payments-.*"], exclude: ["payments-test"] }
groups: { include: ["billing"], exclude: [] }
positions: { origin: csv, csv_file: offsets.csv }
range: { start: { timestamp: 2026-11-21T10:00:00.250+01:00 }, settle: 1m30s }
contracts:
  - topics: ["orders"]
    log: compacted
    order: key
    partitions: by_key
    isolation: read_uncommitted
    timestamps: { tolerance_ms: 5 }
    timestamp_type: ignore
    headers: { ignore: [trace] }
    decode: all
    allow: [{ finding: duplicate_record, max: 100, reason: "idempotent" }, { finding: missing_record, reason: x }]
  - timestamps: ignore
limits: { memory: 64MiB, spill: 1GiB }
report: { payload_fields: ["$.id"] }
"#;
    let got = whole(text).expect("the example parses");
    assert_eq!((got.source.alias.as_str(), got.target.alias.as_str()), ("src", "dst"));
    assert_eq!(got.source.properties["fetch.wait.max.ms"], "100");
    assert_eq!(got.source.schema_registry.as_ref().map(|r| r.url.as_str()), Some("http://127.0.0.1:8081"));
    assert_eq!(got.replication.kind, ReplicationKind::OffsetPreserving);
    assert_eq!(got.replication.policy, NamePolicy::Identity);
    assert_eq!(got.replication.separator, "_");
    assert_eq!(got.replication.offset_syncs_location, Side::Target);
    assert_eq!(got.replication.topic_map["orders"], "orders.copy");
    assert!(got.topics.matches("payments-eu") && !got.topics.matches("payments-test"));
    assert!(!got.topics.matches("orders-2"), "patterns match whole names");
    assert_eq!(got.groups.literal_names(), ["billing"]);
    assert_eq!(got.positions.csv_file.as_deref(), Some(Path::new("/etc/proof/offsets.csv")));
    assert_eq!(got.range.start, RangeStart::Timestamp(1_795_251_600_250));
    assert_eq!(got.range.settle, Duration::from_secs(90));
    assert_eq!(got.limits, Limits { memory_bytes: 64 << 20, spill_bytes: 1 << 30 });
    assert_eq!(got.report.payload_fields, ["$.id"]);

    let orders = got.contract_for("orders");
    assert_eq!(orders.log, LogKind::Compacted);
    assert_eq!(orders.order, OrderPromise::Key);
    assert_eq!(orders.partitions, Partitioning::ByKey);
    assert_eq!(orders.isolation, Isolation::ReadUncommitted);
    assert_eq!(orders.timestamps, TimestampRule::ToleranceMs(5));
    assert!(!orders.timestamp_type_exact);
    assert_eq!(orders.headers_ignored, ["trace"]);
    assert_eq!(orders.decode, DecodeMode::All);
    assert_eq!(orders.allowances.len(), 2);
    assert_eq!(orders.allowances[0].finding, crate::record::Allowed::Finding(FindingKind::DuplicateRecord));
    assert_eq!((orders.allowances[0].max, orders.allowances[1].max), (Some(100), None));

    let rest = got.contract_for("payments-eu");
    assert_eq!(rest, Contract { timestamps: TimestampRule::Ignore, ..Contract::default() });
}

#[test]
fn the_first_contract_that_matches_wins_and_without_one_the_default_holds() {
    let got =
        config("contracts: [{ topics: ['or.*'], decode: none }, { topics: ['orders'], decode: all }]\n")
            .expect("parses");
    assert_eq!(got.contract_for("orders").decode, DecodeMode::None);
    assert_eq!(got.contract_for("xorders"), Contract::default());
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_the_nearest_known_one() {
    let text = refusal("topics:\n  includes: ['a']\n");
    assert_eq!(
        text,
        "line 6, column 3: unknown key `includes`; did you mean `include`? Known here: include, exclude"
    );
    for (wrong, right) in [
        ("contract: []\n", "`contracts`"),
        ("range: { setle: 1s }\n", "`settle`"),
        ("contracts: [{ allow: [{ findings: missing_record, reason: x }] }]\n", "`finding`"),
        ("contracts: [{ timestamps: { tolerance: 5 } }]\n", "`tolerance_ms`"),
        ("range: { start: { timestmp: 2026-11-21T10:00:00Z } }\n", "`timestamp`"),
        ("contracts: [{ headers: { ignored: [] } }]\n", "`ignore`"),
        ("replication: { offset_sync_location: source }\n", "`offset_syncs_location`"),
    ] {
        let text = refusal(wrong);
        assert!(text.contains(&format!("did you mean {right}?")), "{wrong} gave: {text}");
        assert!(text.starts_with("line 5"), "{wrong} gave: {text}");
    }
}

#[test]
fn an_unknown_word_is_refused_with_the_words_allowed() {
    let text = refusal("positions: { origin: checkpoint }\n");
    assert!(text.contains("line 5") && text.contains("did you mean `checkpoints`?"), "{text}");
    let text = refusal("contracts: [{ timestamps: exakt }]\n");
    assert!(text.contains("did you mean `exact`?") && text.contains("tolerance_ms"), "{text}");
    let text = refusal("range: { start: earlyest }\n");
    assert!(text.contains("did you mean `earliest`?"), "{text}");
    let text = refusal("contracts: [{ timestamps: 5 }]\n");
    assert!(text.contains("tolerance_ms: 5"), "{text}");
}

#[test]
fn another_version_or_kind_is_called_that_before_any_key() {
    let v2 = parse("apiVersion: cutproof/v2\nkind: Proof\nnews: 1\n", Path::new("")).expect_err("v2");
    assert_eq!(v2.to_string(), "apiVersion is `cutproof/v2`; this version of Cutproof reads `cutproof/v1`");
    let other = parse("apiVersion: cutproof/v1\nkind: Scenario\n", Path::new("")).expect_err("kind");
    assert!(other.to_string().starts_with("kind is `Scenario`"), "{other}");
    for empty in ["", "---\n", "# nothing\n", "[]\n", "just words\n"] {
        assert!(parse(empty, Path::new("")).is_err(), "{empty:?} was accepted");
    }
    assert!(
        whole("source: { bootstrap_servers: a }\n").expect_err("no target").to_string().contains("`target`")
    );
}

#[test]
fn a_value_of_the_wrong_shape_is_named_without_being_repeated() {
    let text = whole(
        "source: { bootstrap_servers: a, properties: [sasl.password=hunter2] }\ntarget: { bootstrap_servers: b }\n",
    )
    .expect_err("a list is no map")
    .to_string();
    assert!(text.contains("line 3") && !text.contains("hunter2"), "{text}");
    let text = whole("source: { bootstrap_servers: a, properties: sasl.password=hunter2 }\n")
        .expect_err("a string is no map")
        .to_string();
    assert!(text.contains("line 3") && !text.contains("hunter2"), "{text}");
    let text = whole("source: { bootstrap_servers: a, properties: { sasl.password: { hunter2: 1 } } }\n")
        .expect_err("a map is no string")
        .to_string();
    assert!(text.contains("line 3") && !text.contains("hunter2"), "{text}");
    let text = whole("source: { bootstrap_servers: a, properties: { p: \"hunter2 }\n")
        .expect_err("open")
        .to_string();
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_value_of_the_wrong_shape_is_answered_with_what_to_write_and_the_place_once() {
    for (wrong, to_write) in [
        ("contracts: [{ timestamps: { tolerance_ms: -1 } }]\n", "expected a whole number, 0 or more"),
        ("range: { noise_floor: perhaps }\n", "expected true or false"),
        ("topics: { include: hunter2 }\n", "expected a list: [value]"),
        ("topics: [hunter2]\n", "expected a mapping: { key: value }"),
        ("replication: { separator: [hunter2] }\n", "expected a single value, no list and no mapping"),
    ] {
        let text = refusal(wrong);
        assert!(text.starts_with("line 5, column ") && text.ends_with(&format!(": {to_write}")), "{text}");
        assert_eq!(text.matches("line ").count(), 1, "{text}");
    }
    let text = whole("source: { schema_registry: { url: 'http://r', basic_auth: 'me:hunter2' } }\n")
        .expect_err("no mapping")
        .to_string();
    assert!(text.starts_with("line 3, column "), "{text}");
    assert!(text.ends_with(": expected a mapping: { key: value }") && !text.contains("hunter2"), "{text}");
}

#[test]
fn faults_of_the_yaml_itself_and_values_by_alias_name_the_place_once_and_no_value() {
    for wrong in [
        "topics: { include: [\"hunter2] }\n",
        "topics: { include: [hunter2 }\n",
        "topics: { include: *hunter2 }\n",
        "topics: { include: !!map hunter2 }\n",
        "groups: { include: [&a hunter2], exclude: *a }\n",
    ] {
        let text = refusal(wrong);
        assert!(!text.contains(" at line ") && !text.contains("used at"), "{wrong} gave: {text}");
        assert!(!text.contains("hunter2"), "{wrong} gave: {text}");
    }
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    let text = refusal("topics: { include: [a] }\ntopics: { include: [b] }\n");
    assert!(text.contains("`topics`") && text.contains("twice"), "{text}");
}

#[test]
fn a_pattern_that_is_no_regex_is_named() {
    let text = refusal("topics: { include: ['ok', 'or(ders'] }\n");
    assert!(text.starts_with("topics.include[1]: `or(ders` is not a regular expression"), "{text}");
    let text = refusal("groups: { exclude: ['a)(b'] }\n");
    assert!(text.starts_with("groups.exclude[0]: `a)(b`"), "{text}");
    let text = refusal("contracts: [{}, { topics: ['*'] }]\n");
    assert!(text.starts_with("contracts[1].topics[0]: `*`"), "{text}");
}

#[test]
fn alternatives_are_anchored_as_a_whole() {
    let filter = NameFilter::new("topics", &["a|bc".into()], &[]).expect("a regex");
    assert!(filter.matches("a") && filter.matches("bc"));
    assert!(!filter.matches("ax") && !filter.matches("xbc") && !filter.matches("a\n"));
}

#[test]
fn literal_names_are_those_without_operators() {
    let include = ["billing", r"pay\.ments", "a.b-c_d", ".*", "x+", ""].map(String::from);
    let filter = NameFilter::new("groups", &include, &["billing".into()]).expect("regexes");
    assert_eq!(filter.literal_names_beside(&["pay.ments", "other"]), ["pay.ments", "a.b-c_d"]);
    assert_eq!(filter.literal_names_beside(&["axb-c_d"]), ["pay.ments"], "a description");
    assert_eq!(filter.literal_names(), ["pay.ments", "a.b-c_d"]);
    let two = NameFilter::new("topics", &["orders.v1".into(), "orders-v1".into()], &[]).expect("regexes");
    assert_eq!(two.literal_names_beside(&["orders-v1"]), ["orders.v1", "orders-v1"], "both are written out");
}

#[test]
fn secrets_come_from_the_environment_or_a_file_and_never_show() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("token"), "from-file\n").expect("written");
    let text = format!(
        "{HEAD}source:\n  bootstrap_servers: a\n  properties: {{ sasl.password: 'x${{env:SECRET}}y' }}\n  \
         schema_registry: {{ url: 'http://r/', basic_auth: {{ username: me, password: '${{env:SECRET}}' }} }}\n\
         target:\n  bootstrap_servers: b\n  schema_registry: {{ url: 'https://r', bearer_token: '${{file:token}}' }}\n"
    );
    let got = parse_with(&text, dir.path(), &environment).expect("parses");
    assert_eq!(got.source.properties["sasl.password"], "xhunter2y");
    let registry = got.source.schema_registry.as_ref().expect("a registry");
    assert_eq!(registry.url, "http://r");
    assert_eq!(registry.basic_auth.as_ref().expect("basic").password.expose_secret(), "hunter2");
    let token = got.target.schema_registry.as_ref().and_then(|r| r.bearer_token.as_ref()).expect("a token");
    assert_eq!(token.expose_secret(), "from-file");
    let shown = format!("{got:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("from-file"), "{shown}");
}

#[test]
fn a_secret_that_is_not_there_is_named_by_key_and_variable() {
    let text = whole(
        "source: { bootstrap_servers: a, properties: { ssl.key.password: '${env:NOPE}' } }\ntarget: {}\n",
    )
    .expect_err("not set")
    .to_string();
    assert_eq!(text, "source.properties.ssl.key.password: the environment variable NOPE is not set");
    let text = whole("source: { bootstrap_servers: a, properties: { p: '${env:SECRET' } }\ntarget: {}\n")
        .expect_err("not closed")
        .to_string();
    assert!(text.starts_with("source.properties.p: a reference"), "{text}");
    let text = whole("source: { bootstrap_servers: a, properties: { p: '${file:no/such}' } }\ntarget: {}\n")
        .expect_err("no file")
        .to_string();
    assert_eq!(text, "source.properties.p: cannot read /etc/proof/no/such");
}

#[test]
fn a_registry_url_with_credentials_is_refused_without_printing_them() {
    let text = whole(
        "source: { bootstrap_servers: a, schema_registry: { url: 'http://me:hunter2@r' } }\ntarget: { bootstrap_servers: b }\n",
    )
    .expect_err("credentials")
    .to_string();
    assert!(text.starts_with("source.schema_registry.url") && !text.contains("hunter2"), "{text}");
}

#[test]
fn sizes_and_durations_have_units() {
    for (text, bytes) in [
        ("0", 0),
        ("17", 17),
        ("1KiB", 1024),
        ("256MiB", 256 << 20),
        ("4 GiB", 4 << 30),
        ("10MB", 10_000_000),
    ] {
        assert_eq!(scalars::parse_size(text), Ok(bytes), "{text}");
    }
    for bad in ["", "MiB", "-1MiB", "1.5GiB", "1XiB", "99999999999TiB"] {
        assert!(scalars::parse_size(bad).is_err(), "{bad}");
    }
    for (text, ms) in
        [("500ms", 500), ("10s", 10_000), ("2h", 7_200_000), ("1h30m", 5_400_000), ("1d", 86_400_000)]
    {
        assert_eq!(scalars::parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
    }
    for bad in ["", "10", "s", "1.5h", "10 parsecs", "99999999999999d", "-1s"] {
        assert!(scalars::parse_duration(bad).is_err(), "{bad}");
    }
    let text = refusal("limits: { memory: lots }\n");
    assert!(text.contains("line 5") && text.contains("unit of size"), "{text}");
    let text = refusal("range: { start: { duration: 2 } }\n");
    assert!(text.contains("no unit"), "{text}");
    let text = refusal("range: { start: { timestamp: yesterday } }\n");
    assert!(text.contains("RFC 3339"), "{text}");
    let text = refusal("range: { start: { timestamp: 2026-11-21T10:00:00Z, duration: 2h } }\n");
    assert!(text.contains("either"), "{text}");
}

#[test]
fn a_csv_that_nothing_would_read_is_refused() {
    assert!(refusal("positions: { csv_file: x.csv }\n").contains("nothing reads it"));
    assert!(refusal("positions: { origin: csv }\n").contains("positions.csv_file"));
    config("replication: { kind: none }\npositions: { csv_file: x.csv }\n").expect("auto reads it here");
}

#[test]
fn by_key_means_the_order_of_each_key_and_cannot_promise_more() {
    let got = config("contracts: [{ partitions: by_key }]\n").expect("parses").contract_for("orders");
    assert_eq!((got.order, got.partitions), (OrderPromise::Key, Partitioning::ByKey));
    let got = config("contracts: [{ partitions: by_key, order: none }]\n").expect("parses");
    assert_eq!(got.contract_for("orders").order, OrderPromise::None);
    let text = refusal("contracts: [{}, { partitions: by_key, order: partition }]\n");
    assert!(text.contains("contracts[1].order") && text.contains("write `order: key`"), "{text}");
}

#[test]
fn what_is_not_supported_is_listed_with_its_key() {
    let got = config(
        "positions: { origin: header }\nlimits: { spill: 1GiB }\nreport: { payload_fields: [a] }\n\
         contracts: [{}, { decode: all, partitions: by_key, order: key }]\n",
    )
    .expect("parses");
    let keys: Vec<String> =
        got.unsupported().iter().map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect();
    assert_eq!(keys, ["report.payload_fields"]);
}

#[test]
fn equal_aliases_and_missing_addresses_are_refused() {
    let text =
        whole("source: { alias: a, bootstrap_servers: x }\ntarget: { alias: a, bootstrap_servers: y }\n")
            .expect_err("equal aliases")
            .to_string();
    assert!(text.starts_with("target.alias"), "{text}");
    let text = whole("source: {}\ntarget: { bootstrap_servers: y }\n").expect_err("no address").to_string();
    assert!(text.starts_with("source.bootstrap_servers"), "{text}");
}

#[test]
fn the_noise_floor_compares_the_source_with_itself() {
    let got = config("range: { noise_floor: true }\n").expect("parses");
    assert_eq!(got.target.bootstrap_servers, "a:1");
    let got = whole("source: { bootstrap_servers: 'a:1' }\nrange: { noise_floor: true }\n")
        .expect("no target needed");
    assert_eq!(got.target.bootstrap_servers, "a:1");
}

#[test]
fn properties_of_the_file_give_way_to_those_written_inline() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(dir.path().join("client")).expect("made");
    let file = "# Java\nbootstrap.servers = from-file:9092\nsecurity.protocol: SSL\nssl.key.password=${env:SECRET}\n";
    std::fs::write(dir.path().join("client/source.properties"), file).expect("written");
    let text = format!(
        "{HEAD}source:\n  properties_file: client/source.properties\n  properties: {{ security.protocol: SASL_SSL }}\n\
         target:\n  bootstrap_servers: inline:9092\n  properties_file: client/source.properties\n"
    );
    let path = dir.path().join("cutproof.yaml");
    std::fs::write(&path, &text).expect("written");
    let got = parse_with(&text, dir.path(), &environment).expect("parses");
    assert_eq!(got.source.bootstrap_servers, "from-file:9092");
    assert_eq!(got.target.bootstrap_servers, "inline:9092");
    assert_eq!(got.source.properties["security.protocol"], "SASL_SSL");
    assert_eq!(got.target.properties["security.protocol"], "SSL");
    assert_eq!(got.source.properties["ssl.key.password"], "hunter2");
    assert!(!got.source.properties.contains_key("bootstrap.servers"), "said once");
    let text = load(&path).expect_err("SECRET is not in this process' environment").to_string();
    assert!(text.starts_with(&path.display().to_string()) && text.contains("SECRET is not set"), "{text}");
}

#[test]
fn an_unreadable_file_is_named() {
    let error = load(Path::new("/no/such/cutproof.yaml")).expect_err("not there");
    assert_eq!(error.to_string(), "cannot read the configuration /no/such/cutproof.yaml");
    let text = whole("source: { properties_file: no.properties }\ntarget: { bootstrap_servers: b }\n")
        .expect_err("not there")
        .to_string();
    assert_eq!(text, "source.properties_file: cannot read /etc/proof/no.properties");
}

#[test]
fn a_named_file_that_cannot_be_read_keeps_the_system_s_reason_and_no_content() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("cutproof.yaml");
    let text = format!(
        "{HEAD}source: {{ properties_file: client.properties }}\ntarget: {{ bootstrap_servers: b }}\n"
    );
    std::fs::write(&path, text).expect("written");
    let causes = || {
        use std::error::Error;
        let error = load(&path).expect_err("not readable");
        let causes = std::iter::successors(error.source(), |&cause: &&dyn std::error::Error| cause.source());
        causes.map(|cause| cause.to_string()).collect::<Vec<_>>()
    };
    assert!(causes().last().is_some_and(|reason| reason.contains("No such file")), "{:?}", causes());
    std::fs::write(dir.path().join("client.properties"), b"sasl.password=hunter2\xe4").expect("written");
    assert!(causes().last().is_some_and(|reason| reason.contains("UTF-8")), "{:?}", causes());
    assert!(!causes().concat().contains("hunter2"), "{:?}", causes());
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,200}") {
        let _ = config(&text);
        let _ = scalars::parse_size(&text);
        let _ = scalars::parse_duration(&text);
    }
}
