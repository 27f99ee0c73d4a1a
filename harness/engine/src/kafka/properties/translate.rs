//! Java's dialect to librdkafka's, key by key. Pure: looks at names and values, at no file and no client.

use std::collections::BTreeMap;

use super::{ClientProperties, PropertyError, Remark, RemarkKind, jaas, known};

/// Keys of `ClientProperties` are librdkafka's. Where both dialects are given for one thing, librdkafka's wins.
///
/// `allow_unverified_tls`: the user said, apart from the properties, that brokers may go unverified.
pub fn translate(
    properties: &BTreeMap<String, String>,
    allow_unverified_tls: bool,
) -> Result<ClientProperties, PropertyError> {
    let mut out = ClientProperties::default();
    for (key, value) in properties {
        simple(&mut out, key, value)?;
    }
    renamed(&mut out, properties)?;
    credentials(&mut out, properties)?;
    trust(&mut out, properties)?;
    key_store(&mut out, properties)?;
    verification(&mut out, allow_unverified_tls)?;
    mechanism(&mut out)?;
    out.remarks.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(out)
}

/// What needs no look at other keys.
fn simple(out: &mut ClientProperties, key: &str, value: &str) -> Result<(), PropertyError> {
    let has = |table: &[&str]| table.contains(&key);
    if has(known::TRANSLATED) {
        return Ok(());
    }
    if has(known::FIXED) {
        remark(out, RemarkKind::Overridden, key, overridden(key));
        return Ok(());
    }
    if has(known::PASSED) {
        out.values.insert(key.to_owned(), normal(key, value)?);
        return Ok(());
    }
    if has(known::IGNORED) || known::IGNORED_PREFIXES.iter().any(|prefix| key.starts_with(prefix)) {
        remark(out, RemarkKind::Ignored, key, "has no effect on reading; ignored");
        return Ok(());
    }
    if let Some((_, reason)) = known::REFUSED.iter().find(|(refused, _)| *refused == key) {
        return Err(PropertyError::Refused { key: key.to_owned(), reason: (*reason).to_owned() });
    }
    if let Some((_, reason)) = known::REFUSED_PREFIXES.iter().find(|(prefix, _)| key.starts_with(prefix)) {
        return Err(PropertyError::Unsupported { key: key.to_owned(), reason: (*reason).to_owned() });
    }
    Err(PropertyError::Unknown { key: key.to_owned(), nearest: nearest(key) })
}

fn overridden(key: &str) -> &'static str {
    match key {
        "bootstrap.servers" | "metadata.broker.list" => "the configuration's bootstrap_servers counts",
        "isolation.level" => "the topic's contract says what a reader sees of transactions",
        "group.id" | "group.instance.id" => "readers join no group; a throw-away name is used",
        _ => "readers set this themselves, so that nothing is committed, created or skipped; not honoured",
    }
}

/// The nearest known key by spelling, if it is near enough to be a slip.
fn nearest(key: &str) -> Option<&'static str> {
    known::all()
        .map(|known| (strsim::jaro_winkler(key, known), known))
        .filter(|(similarity, _)| *similarity > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

fn normal(key: &str, value: &str) -> Result<String, PropertyError> {
    Ok(match key {
        "security.protocol" => value.trim().to_ascii_lowercase(),
        "sasl.mechanism" | "sasl.mechanisms" => value.trim().to_ascii_uppercase(),
        "ssl.endpoint.identification.algorithm" => match value.trim().to_ascii_lowercase().as_str() {
            "" | "none" => "none".to_owned(),
            other => other.to_owned(),
        },
        "ssl.cipher.suites" if value.contains("_WITH_") => {
            return Err(PropertyError::Invalid {
                key: key.to_owned(),
                reason: "these are Java's names; write OpenSSL's, separated by colons \
                         (e.g. ECDHE-RSA-AES256-GCM-SHA384)"
                    .to_owned(),
            });
        }
        _ => value.to_owned(),
    })
}

fn remark(out: &mut ClientProperties, kind: RemarkKind, key: &str, text: impl Into<String>) {
    out.remarks.push(Remark { kind, key: key.to_owned(), text: text.into() });
}

/// Sets a value that another dialect implies, unless it is there in librdkafka's own.
fn imply(out: &mut ClientProperties, key: &str, value: impl Into<String>) {
    out.values.entry(key.to_owned()).or_insert_with(|| value.into());
}

fn invalid(key: &str, reason: impl Into<String>) -> PropertyError {
    PropertyError::Invalid { key: key.to_owned(), reason: reason.into() }
}

fn unsupported(key: &str, reason: impl Into<String>) -> PropertyError {
    PropertyError::Unsupported { key: key.to_owned(), reason: reason.into() }
}

fn renamed(out: &mut ClientProperties, properties: &BTreeMap<String, String>) -> Result<(), PropertyError> {
    for (java, ours) in [
        ("fetch.max.wait.ms", "fetch.wait.max.ms"),
        ("receive.buffer.bytes", "socket.receive.buffer.bytes"),
        ("request.timeout.ms", "socket.timeout.ms"),
        ("send.buffer.bytes", "socket.send.buffer.bytes"),
    ] {
        let Some(value) = properties.get(java) else { continue };
        let number: i64 = value.trim().parse().map_err(|_| invalid(java, "is not a whole number"))?;
        // Java writes -1 for the system's default, which is 0 here.
        let least = if ours.ends_with("buffer.bytes") { -1 } else { 0 };
        if number < least {
            return Err(invalid(java, format!("must be at least {least}")));
        }
        let number = match ours {
            "socket.timeout.ms" => number.clamp(10, 300_000),
            "fetch.wait.max.ms" => number.min(300_000),
            _ => number.max(0),
        };
        imply(out, ours, number.to_string());
    }
    Ok(())
}

fn credentials(
    out: &mut ClientProperties,
    properties: &BTreeMap<String, String>,
) -> Result<(), PropertyError> {
    const KEY: &str = "sasl.jaas.config";
    let Some(text) = properties.get(KEY) else { return Ok(()) };
    let module = jaas::parse(text).map_err(|reason| invalid(KEY, reason))?;
    match module.short_name() {
        "PlainLoginModule" | "ScramLoginModule" => {}
        "Krb5LoginModule" => {
            return Err(unsupported(
                KEY,
                "Kerberos is not built in; use a listener with TLS, SCRAM or PLAIN",
            ));
        }
        other => {
            return Err(unsupported(
                KEY,
                format!(
                    "login module {other} runs in Java only; PlainLoginModule and ScramLoginModule are known"
                ),
            ));
        }
    }
    if module.options.get("tokenauth").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Err(unsupported(
            KEY,
            "delegation tokens (tokenauth) are not known here; use SCRAM credentials",
        ));
    }
    for (option, ours) in [("username", "sasl.username"), ("password", "sasl.password")] {
        let value = module.options.get(option).ok_or_else(|| invalid(KEY, format!("has no {option}")))?;
        imply(out, ours, value);
    }
    Ok(())
}

/// How a store of keys or certificates is written.
enum Store {
    Pem,
    Pkcs12,
    Java,
}

fn store_type(
    properties: &BTreeMap<String, String>,
    key: &str,
    location: &str,
    default: Store,
) -> Result<Store, PropertyError> {
    match properties.get(key).map(|value| value.trim().to_ascii_uppercase()).as_deref() {
        Some("PEM") => Ok(Store::Pem),
        Some("PKCS12") => Ok(Store::Pkcs12),
        Some("JKS" | "JCEKS" | "BCFKS") => Ok(Store::Java),
        Some(_) => Err(unsupported(key, "PEM, PKCS12 and JKS are known")),
        None => {
            let ending = location.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
            Ok(match ending.as_str() {
                "pem" | "crt" | "cer" => Store::Pem,
                "p12" | "pfx" => Store::Pkcs12,
                "jks" | "keystore" | "truststore" => Store::Java,
                _ => default,
            })
        }
    }
}

fn trust(out: &mut ClientProperties, properties: &BTreeMap<String, String>) -> Result<(), PropertyError> {
    const LOCATION: &str = "ssl.truststore.location";
    if let Some(pem) = properties.get("ssl.truststore.certificates") {
        imply(out, "ssl.ca.pem", pem);
    }
    let Some(location) = properties.get(LOCATION) else {
        for key in ["ssl.truststore.type", "ssl.truststore.password"] {
            if properties.contains_key(key) {
                remark(
                    out,
                    RemarkKind::Ignored,
                    key,
                    "there is no ssl.truststore.location that needs it; ignored",
                );
            }
        }
        return Ok(());
    };
    if out.values.contains_key("ssl.ca.location") {
        remark(out, RemarkKind::Ignored, LOCATION, "ssl.ca.location is given and wins; ignored");
        return Ok(());
    }
    match store_type(properties, "ssl.truststore.type", location, Store::Java)? {
        Store::Pem => {
            imply(out, "ssl.ca.location", location);
            if properties.contains_key("ssl.truststore.password") {
                let text = "a PEM file of certificates has no password; ignored";
                remark(out, RemarkKind::Ignored, "ssl.truststore.password", text);
            }
            Ok(())
        }
        Store::Pkcs12 => Err(unsupported(
            LOCATION,
            "a PKCS#12 trust store cannot be read here. Write its certificates as PEM: \
             `openssl pkcs12 -in TRUSTSTORE -nokeys -out ca.pem`, then set ssl.ca.location=ca.pem",
        )),
        Store::Java => Err(unsupported(
            LOCATION,
            "a JKS trust store cannot be read here. Write its certificates as PEM: \
             `keytool -exportcert -rfc -keystore TRUSTSTORE -alias ALIAS -file ca.pem` (once for each alias), then set \
             ssl.ca.location=ca.pem, or ssl.truststore.location=ca.pem with ssl.truststore.type=PEM",
        )),
    }
}

fn key_store(out: &mut ClientProperties, properties: &BTreeMap<String, String>) -> Result<(), PropertyError> {
    const LOCATION: &str = "ssl.keystore.location";
    if let Some(chain) = properties.get("ssl.keystore.certificate.chain") {
        imply(out, "ssl.certificate.pem", chain);
    }
    if let Some(key) = properties.get("ssl.keystore.key") {
        imply(out, "ssl.key.pem", key);
    }
    let Some(location) = properties.get(LOCATION) else {
        if properties.contains_key("ssl.keystore.type") && !properties.contains_key("ssl.keystore.key") {
            let text = "there is no ssl.keystore.location that needs it; ignored";
            remark(out, RemarkKind::Ignored, "ssl.keystore.type", text);
        }
        return Ok(());
    };
    // Without type and telling ending: librdkafka's own meaning of the key, a PKCS#12 file.
    match store_type(properties, "ssl.keystore.type", location, Store::Pkcs12)? {
        Store::Pkcs12 => Ok(()),
        Store::Pem => {
            // One file holds the private key and the chain, each found by its own marks.
            for ours in ["ssl.certificate.location", "ssl.key.location"] {
                imply(out, ours, location);
            }
            out.values.remove(LOCATION);
            out.values.remove("ssl.keystore.password");
            Ok(())
        }
        Store::Java => Err(unsupported(
            LOCATION,
            "a JKS key store cannot be read here. Convert it: `keytool -importkeystore -srckeystore KEYSTORE \
             -destkeystore client.p12 -deststoretype PKCS12`, then set ssl.keystore.location=client.p12 and \
             ssl.keystore.type=PKCS12",
        )),
    }
}

fn verification(out: &mut ClientProperties, allowed: bool) -> Result<(), PropertyError> {
    const VERIFY: &str = "enable.ssl.certificate.verification";
    const NAME: &str = "ssl.endpoint.identification.algorithm";
    let off = |value: &str| !matches!(value.trim().to_ascii_lowercase().as_str(), "true" | "t" | "1");
    if out.get(VERIFY).is_some_and(off) {
        if !allowed {
            let reason = "it would trust any broker; name the authority in ssl.ca.location, or allow unverified TLS \
                          explicitly";
            return Err(PropertyError::Refused { key: VERIFY.to_owned(), reason: reason.to_owned() });
        }
        remark(
            out,
            RemarkKind::Warning,
            VERIFY,
            "brokers are not verified: anyone on the path can pose as the cluster",
        );
    }
    if out.get(NAME) == Some("none") {
        let text = "host names of brokers are not verified: any certificate of the authority is accepted for any host";
        remark(out, RemarkKind::Warning, NAME, text);
    }
    Ok(())
}

/// Refuses what librdkafka would only fail at later, or wait for without end.
fn mechanism(out: &mut ClientProperties) -> Result<(), PropertyError> {
    let protocol = out.get("security.protocol").unwrap_or("plaintext").to_owned();
    if !matches!(protocol.as_str(), "plaintext" | "ssl" | "sasl_plaintext" | "sasl_ssl") {
        return Err(invalid("security.protocol", "must be PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"));
    }
    if !protocol.starts_with("sasl_") {
        let credentials = ["sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"];
        if let Some(found) = credentials.into_iter().find(|key| out.get(key).is_some()) {
            let text = format!("security.protocol is {protocol}, so these credentials are not used");
            remark(out, RemarkKind::Warning, found, text);
        }
        return Ok(());
    }
    let (key, mechanism) = ["sasl.mechanism", "sasl.mechanisms"]
        .into_iter()
        .find_map(|key| out.get(key).map(|value| (key, value)))
        .unwrap_or(("sasl.mechanism", ""));
    match mechanism {
        "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" => {
            match ["sasl.username", "sasl.password"].into_iter().find(|key| out.get(key).is_none()) {
                Some(missing) => {
                    Err(invalid(missing, format!("is missing; {mechanism} needs it (or sasl.jaas.config)")))
                }
                None => Ok(()),
            }
        }
        "OAUTHBEARER" if out.get("enable.sasl.oauthbearer.unsecure.jwt") == Some("true") => Ok(()),
        "OAUTHBEARER" => Err(unsupported(
            key,
            "tokens cannot be fetched here; use a listener with mutual TLS, SCRAM or PLAIN",
        )),
        "" => Err(invalid(key, "is missing; write PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")),
        _ => Err(unsupported(key, "PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 are built in")),
    }
}
