use super::*;
use crate::kafka::ffi::property_names;

fn map(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn translated(entries: &[(&str, &str)]) -> ClientProperties {
    translate(&map(entries), false).expect("usable")
}

fn values(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    translated(entries).iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn owned(entries: &[(&str, &str)]) -> Vec<(String, String)> {
    entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn refused(entries: &[(&str, &str)]) -> PropertyError {
    translate(&map(entries), false).expect_err("not usable")
}

const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"alice\" \
                     password=\"hunter2-secret\";";

#[test]
fn a_java_client_with_scram_over_tls_becomes_a_librdkafka_client() {
    let found = values(&[
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.jaas.config", SCRAM),
        ("ssl.truststore.location", "/etc/ca.pem"),
        ("ssl.truststore.type", "PEM"),
        ("ssl.endpoint.identification.algorithm", "HTTPS"),
        ("request.timeout.ms", "20000"),
        ("fetch.max.wait.ms", "250"),
        ("receive.buffer.bytes", "-1"),
        ("client.id", "proof"),
        ("key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer"),
        ("max.poll.records", "500"),
    ]);
    let expected = owned(&[
        ("client.id", "proof"),
        ("fetch.wait.max.ms", "250"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.password", "hunter2-secret"),
        ("sasl.username", "alice"),
        ("security.protocol", "sasl_ssl"),
        ("socket.receive.buffer.bytes", "0"),
        ("socket.timeout.ms", "20000"),
        ("ssl.ca.location", "/etc/ca.pem"),
        ("ssl.endpoint.identification.algorithm", "https"),
    ]);
    assert_eq!(found, expected);
}

#[test]
fn librdkafkas_own_dialect_passes_as_it_is_and_wins_over_javas() {
    let own = [
        ("sasl.mechanisms", "PLAIN"),
        ("sasl.password", "p"),
        ("sasl.username", "u"),
        ("security.protocol", "sasl_plaintext"),
        ("ssl.ca.location", "a.pem"),
    ];
    assert_eq!(values(&own), owned(&own));
    let mut both = own.to_vec();
    both.push(("sasl.jaas.config", SCRAM));
    both.push(("ssl.truststore.location", "b.jks"));
    assert_eq!(values(&both), owned(&own));
}

#[test]
fn key_stores_are_taken_by_their_type_or_their_ending() {
    let pem = owned(&[
        ("ssl.certificate.location", "c.pem"),
        ("ssl.key.location", "c.pem"),
        ("ssl.key.password", "k"),
    ]);
    let key = ("ssl.key.password", "k");
    assert_eq!(values(&[("ssl.keystore.location", "c.pem"), ("ssl.keystore.password", "x"), key]), pem);
    let typed =
        [("ssl.keystore.location", "store"), ("ssl.keystore.type", "pkcs12"), ("ssl.keystore.password", "x")];
    let pkcs12 = owned(&[("ssl.keystore.location", "store"), ("ssl.keystore.password", "x")]);
    assert_eq!(values(&typed), pkcs12);
    assert_eq!(values(&[typed[0], typed[2]]), pkcs12);
    let inline = [
        ("ssl.keystore.certificate.chain", "CERT"),
        ("ssl.keystore.key", "KEY"),
        ("ssl.keystore.type", "PEM"),
    ];
    assert_eq!(values(&inline), owned(&[("ssl.certificate.pem", "CERT"), ("ssl.key.pem", "KEY")]));
    assert_eq!(
        values(&[("ssl.truststore.certificates", "CA"), ("ssl.truststore.type", "PEM")]),
        owned(&[("ssl.ca.pem", "CA")])
    );
}

#[test]
fn java_key_stores_are_refused_with_the_command_that_converts_them() {
    for (entries, command) in [
        (&[("ssl.truststore.location", "trust.jks")][..], "keytool -exportcert -rfc"),
        (&[("ssl.truststore.location", "trust")][..], "keytool -exportcert -rfc"),
        (&[("ssl.truststore.location", "trust.p12")][..], "openssl pkcs12 -in"),
        (&[("ssl.keystore.location", "client.jks")][..], "keytool -importkeystore"),
        (&[("ssl.keystore.location", "x"), ("ssl.keystore.type", "JKS")][..], "keytool -importkeystore"),
    ] {
        let error = refused(entries);
        assert!(matches!(error, PropertyError::Unsupported { .. }), "{error:?}");
        assert_eq!(error.key(), entries[0].0);
        assert!(error.to_string().contains(command), "{error}");
    }
}

#[test]
fn what_would_commit_create_or_skip_is_overridden_and_said() {
    let entries = [
        ("allow.auto.create.topics", "true"),
        ("auto.offset.reset", "earliest"),
        ("bootstrap.servers", "elsewhere:9092"),
        ("check.crcs", "false"),
        ("enable.auto.commit", "true"),
        ("enable.auto.offset.store", "true"),
        ("group.id", "their-group"),
        ("isolation.level", "read_uncommitted"),
    ];
    let found = translated(&entries);
    assert_eq!(found.iter().count(), 0);
    let keys: Vec<&str> = found.remarks().iter().map(|remark| remark.key.as_str()).collect();
    assert_eq!(keys, entries.map(|(key, _)| key));
    assert!(found.remarks().iter().all(|remark| remark.kind == RemarkKind::Overridden));
}

#[test]
fn what_does_not_matter_for_reading_is_ignored_and_said() {
    let found = translated(&[
        ("acks", "all"),
        ("key.deserializer", "x"),
        ("max.poll.records", "1"),
        ("schema.registry.url", "http://u:hunter2@r"),
    ]);
    assert_eq!(found.iter().count(), 0);
    assert_eq!(found.remarks().len(), 4);
    assert!(found.remarks().iter().all(|remark| remark.kind == RemarkKind::Ignored));
    assert!(!format!("{found:?}").contains("hunter2"));
}

#[test]
fn an_unknown_key_is_refused_with_the_nearest_known_one() {
    let error = refused(&[("sasl.mechanim", "PLAIN")]);
    assert_eq!(
        error,
        PropertyError::Unknown { key: "sasl.mechanim".to_owned(), nearest: Some("sasl.mechanism") }
    );
    assert_eq!(error.to_string(), "unknown property `sasl.mechanim`; did you mean `sasl.mechanism`?");
    let error = refused(&[("flux.capacitor", "on")]);
    assert_eq!(error.to_string(), "unknown property `flux.capacitor`");
}

#[test]
fn certificates_are_verified_unless_the_user_insists_apart_from_the_properties() {
    for off in ["false", "FALSE", "0", "no", ""] {
        let entries = [("enable.ssl.certificate.verification", off), ("security.protocol", "SSL")];
        assert!(matches!(refused(&entries), PropertyError::Refused { .. }), "{off:?}");
        let insisted = translate(&map(&entries), true).expect("insisted");
        assert_eq!(insisted.get("enable.ssl.certificate.verification"), Some(off));
        let kinds: Vec<RemarkKind> = insisted.remarks().iter().map(|remark| remark.kind).collect();
        assert_eq!(kinds, [RemarkKind::Warning]);
    }
    assert!(translated(&[("enable.ssl.certificate.verification", "true")]).remarks().is_empty());
}

#[test]
fn names_of_brokers_go_unverified_only_with_a_warning() {
    let found = translated(&[("ssl.endpoint.identification.algorithm", ""), ("security.protocol", "SSL")]);
    assert_eq!(found.get("ssl.endpoint.identification.algorithm"), Some("none"));
    assert_eq!(found.remarks()[0].kind, RemarkKind::Warning);
}

#[test]
fn what_is_not_built_in_is_refused_and_not_waited_for() {
    for entries in [
        &[("security.protocol", "SASL_SSL"), ("sasl.mechanism", "GSSAPI")][..],
        &[("security.protocol", "SASL_SSL"), ("sasl.mechanism", "OAUTHBEARER")],
        &[("security.protocol", "SASL_SSL"), ("sasl.mechanism", "AWS_MSK_IAM")],
        &[("sasl.kerberos.service.name", "kafka")],
        &[("sasl.oauthbearer.method", "oidc")],
        &[("sasl.jaas.config", "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true;")],
        &[("sasl.jaas.config", "software.amazon.msk.auth.iam.IAMLoginModule required;")],
    ] {
        let error = refused(entries);
        assert!(matches!(error, PropertyError::Unsupported { .. }), "{error:?}");
    }
    assert!(matches!(refused(&[("plugin.library.paths", "x.so")]), PropertyError::Refused { .. }));
}

#[test]
fn half_of_the_credentials_is_an_error_that_names_the_other_half() {
    let sasl = [("security.protocol", "SASL_PLAINTEXT"), ("sasl.mechanism", "plain")];
    assert_eq!(refused(&[sasl[0]]).key(), "sasl.mechanism");
    assert_eq!(refused(&sasl).key(), "sasl.username");
    assert_eq!(refused(&[sasl[0], sasl[1], ("sasl.username", "u")]).key(), "sasl.password");
    assert_eq!(refused(&[("security.protocol", "TLS")]).key(), "security.protocol");
    let unused = translated(&[("sasl.username", "u"), ("sasl.password", "p")]);
    assert_eq!(unused.remarks()[0].kind, RemarkKind::Warning);
}

#[test]
fn values_that_do_not_fit_are_refused_without_being_repeated() {
    for (key, value) in
        [("request.timeout.ms", "soon-hunter2"), ("fetch.max.wait.ms", "-5"), ("sasl.jaas.config", "hunter2")]
    {
        let error = refused(&[(key, value)]);
        assert_eq!(error.key(), key);
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn debug_masks_secrets_and_shows_the_rest() {
    let found = translated(&[
        ("security.protocol", "SASL_SSL"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.jaas.config", SCRAM),
        ("ssl.key.password", "hunter2-key"),
        ("ssl.keystore.key", "hunter2-pem"),
        ("ssl.keystore.password", "hunter2-store"),
    ]);
    let debug = format!("{found:?}");
    assert!(!debug.contains("hunter2"), "{debug}");
    assert!(debug.contains("sasl_ssl") && debug.contains("alice") && debug.contains("[redacted]"), "{debug}");
    let mut secrets: Vec<&str> = found.secrets().collect();
    secrets.sort_unstable();
    assert_eq!(secrets, ["hunter2-key", "hunter2-pem", "hunter2-secret", "hunter2-store"]);
}

#[test]
fn every_key_that_is_handed_on_is_known_to_librdkafka_as_it_is_built() {
    use rdkafka::config::ClientConfig;
    use rdkafka::error::KafkaError;
    use rdkafka::types::RDKafkaConfRes;
    let unknown: Vec<&&str> = known::PASSED
        .iter()
        .filter(|key| match ClientConfig::new().set(**key, "1").create_native_config() {
            Ok(_) => false,
            Err(KafkaError::ClientConfig(result, description, ..)) => {
                result == RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN || description.contains("build")
            }
            Err(_) => true,
        })
        .collect();
    assert_eq!(unknown, Vec::<&&str>::new());
}

#[test]
fn every_property_of_librdkafka_has_a_place_in_the_tables() {
    const INTERNAL: &[&str] = &[
        "builtin.features",
        "client.software.name",
        "client.software.version",
        "default_topic_conf",
        "enable.sparse.connections",
        "enable_sasl_queue",
        "enabled_events",
        "internal.termination.signal",
        "metadata.request.timeout.ms",
        "opaque",
        "ssl_ca",
        "ssl_certificate",
        "ssl_engine_callback_data",
        "ssl_key",
    ];
    let names = property_names();
    assert!(names.len() > 100, "{names:?}");
    let without: Vec<&String> = names
        .iter()
        .filter(|name| {
            let internal = INTERNAL.contains(&name.as_str())
                || name.ends_with("_cb")
                || ["test.", "ut_"].iter().any(|prefix| name.starts_with(prefix));
            let placed = known::all().any(|key| key == *name)
                || known::REFUSED.iter().any(|(key, _)| key == *name)
                || known::REFUSED_PREFIXES.iter().any(|(prefix, _)| name.starts_with(prefix));
            !internal && !placed
        })
        .collect();
    assert_eq!(without, Vec::<&String>::new());
}

#[test]
fn no_key_stands_in_two_tables() {
    let mut keys: Vec<&str> = known::all().chain(known::REFUSED.iter().map(|(key, _)| *key)).collect();
    keys.sort_unstable();
    for pair in keys.windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
}
