//! What librdkafka says where it makes no client, as an error of the property that it is about. Opens nothing.

use std::collections::BTreeMap;

use super::{ClientProperties, PropertyError, known};

/// What has another name in Java's dialect and the same value: librdkafka's name, Java's.
const JAVAS: [(&str, &str); 6] = [
    ("ssl.ca.location", "ssl.truststore.location"),
    ("ssl.ca.pem", "ssl.truststore.certificates"),
    ("ssl.certificate.location", "ssl.keystore.location"),
    ("ssl.certificate.pem", "ssl.keystore.certificate.chain"),
    ("ssl.key.location", "ssl.keystore.location"),
    ("ssl.key.pem", "ssl.keystore.key"),
];

/// The name under which the user gave what librdkafka knows as `key`.
pub fn as_written<'a>(key: &'a str, written: &BTreeMap<String, String>) -> &'a str {
    let java = JAVAS.into_iter().find(|(ours, java)| *ours == key && written.contains_key(*java));
    match java {
        Some((_, java)) if !written.contains_key(key) => java,
        _ => key,
    }
}

/// The error of the property that `text` is about; `None` where it names none, as it may be about the machine. `text`
/// must hold no secret.
pub fn refusal(
    text: &str,
    written: &BTreeMap<String, String>,
    properties: &ClientProperties,
) -> Option<PropertyError> {
    let key = about(text, properties)?;
    let words = text.strip_prefix(key).and_then(|rest| rest.strip_prefix(" failed: ")).unwrap_or(text);
    let reason = match properties.get(key).filter(|_| key.ends_with(".location")) {
        Some(path) => format!("cannot use {path}: {words}"),
        None => format!("cannot be used: {words}"),
    };
    Some(PropertyError::Invalid { key: as_written(key, written).to_owned(), reason })
}

/// The property that a text names first, by librdkafka's name.
fn about(text: &str, properties: &ClientProperties) -> Option<&'static str> {
    // It does not say which property holds the key.
    if text.starts_with("Private key check failed") {
        return ["ssl.key.location", "ssl.key.pem", "ssl.keystore.location"]
            .into_iter()
            .find(|key| properties.get(key).is_some());
    }
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_')))
        .filter(|word| word.contains('.'))
        .find_map(|word| known::all().find(|key| *key == word))
}

#[cfg(test)]
mod tests {
    use super::super::translate;
    use super::*;

    fn told(text: &str, entries: &[(&str, &str)]) -> Option<String> {
        let written: BTreeMap<String, String> =
            entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let properties = translate(&written, false).expect("usable");
        refusal(text, &written, &properties).map(|error| error.to_string())
    }

    #[test]
    fn the_property_is_named_as_it_was_written_with_the_file_that_it_leads_to() {
        for (text, entries, expected) in [
            (
                "ssl.ca.location failed: error:05880009:no certificate",
                &[("ssl.ca.location", "ca.pem")][..],
                "property `ssl.ca.location`: cannot use ca.pem: error:05880009:no certificate",
            ),
            (
                "ssl.key.location failed: error:1",
                &[("ssl.keystore.location", "client.pem")][..],
                "property `ssl.keystore.location`: cannot use client.pem: error:1",
            ),
            (
                "failed to read certificate #0 from ssl.ca.pem: not in PEM format?: ",
                &[("ssl.truststore.certificates", "hunter2")][..],
                "property `ssl.truststore.certificates`: cannot be used: failed to read certificate #0 from \
                 ssl.ca.pem: not in PEM format?: ",
            ),
            (
                "Private key check failed: error:2",
                &[("ssl.certificate.location", "c.pem"), ("ssl.key.location", "k.pem")][..],
                "property `ssl.key.location`: cannot use k.pem: Private key check failed: error:2",
            ),
            (
                "`retry.backoff.ms` must be <= 5",
                &[("retry.backoff.ms", "9")][..],
                "property `retry.backoff.ms`: cannot be used: `retry.backoff.ms` must be <= 5",
            ),
        ] {
            assert_eq!(told(text, entries).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_names_no_property_is_nobody_s() {
        for text in ["Failed to create thread: no memory (11)", "Private key check failed: error:2", ""] {
            assert_eq!(told(text, &[("ssl.ca.location", "ca.pem")]), None, "{text}");
        }
    }
}
