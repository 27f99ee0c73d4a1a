//! Whether the files that TLS properties lead to can be opened, with the operating system's reason, which librdkafka
//! leaves out. Reads nothing of them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::properties::{ClientProperties, PropertyError, as_written};

/// In the order in which librdkafka opens them.
const LOCATIONS: [&str; 5] = [
    "ssl.ca.location",
    "ssl.crl.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
];

/// Refuses the first file that cannot be opened. `written`: the properties as the user gave them.
pub(super) fn check(
    written: &BTreeMap<String, String>,
    properties: &ClientProperties,
) -> Result<(), PropertyError> {
    // Without TLS nobody opens them.
    if !matches!(properties.get("security.protocol"), Some("ssl" | "sasl_ssl")) {
        return Ok(());
    }
    for key in LOCATIONS {
        // To librdkafka an empty value is none, and blanks in front are passed over.
        let value = properties.get(key).filter(|value| !value.is_empty());
        if let Some(reason) = value.and_then(|value| unusable(key, value.trim_start())) {
            return Err(PropertyError::Invalid { key: as_written(key, written).to_owned(), reason });
        }
    }
    Ok(())
}

fn unusable(key: &str, value: &str) -> Option<String> {
    // Not a file: librdkafka looks for the system's authorities.
    if key == "ssl.ca.location" && value == "probe" {
        return None;
    }
    let path = Path::new(value);
    let error = open(path).err()?;
    if may_be_a_key(value) {
        return Some("must be the path of a file, and seems to be the text of one".to_owned());
    }
    let from = match path.is_relative() {
        true => "; a relative path counts from the directory in which cutproof is started",
        false => "",
    };
    Some(format!("cannot open {value}: {error}{from}"))
}

/// A key that stands where its path belongs is not repeated, in Base64 neither.
fn may_be_a_key(value: &str) -> bool {
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
    value.contains("-----BEGIN") || value.contains('\n') || (value.len() >= 64 && value.bytes().all(base64))
}

/// Pipes are only looked at: what they hold can be read once.
fn open(path: &Path) -> io::Result<()> {
    match fs::metadata(path)?.is_file() {
        true => File::open(path).map(drop),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::properties::translate;
    use super::*;

    fn checked(entries: &[(&str, &str)]) -> Result<(), String> {
        let written: BTreeMap<String, String> =
            entries.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let properties = translate(&written, false).expect("usable");
        check(&written, &properties).map_err(|error| error.to_string())
    }

    const TLS: (&str, &str) = ("security.protocol", "SSL");

    #[test]
    fn a_file_that_is_not_there_is_named_with_the_property_as_written_and_the_reason() {
        const REASON: &str = "cannot open /no/such/x.pem: No such file or directory (os error 2)";
        for key in LOCATIONS.into_iter().chain(["ssl.truststore.location"]) {
            let mut entries = vec![TLS, (key, "/no/such/x.pem")];
            if key == "ssl.keystore.location" {
                entries.push(("ssl.keystore.type", "PKCS12"));
            }
            assert_eq!(checked(&entries), Err(format!("property `{key}`: {REASON}")));
            assert_eq!(checked(&entries[1..]), Ok(()), "without TLS nobody opens it");
        }
        let both = checked(&[TLS, ("ssl.keystore.location", "/no/such/x.pem")]);
        assert_eq!(both, Err(format!("property `ssl.keystore.location`: {REASON}")));
        let relative = checked(&[TLS, ("ssl.ca.location", "no/such/x.pem")]).expect_err("absent");
        assert!(relative.ends_with("the directory in which cutproof is started"), "{relative}");
    }

    #[test]
    fn what_can_be_opened_and_the_system_s_authorities_are_accepted() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("key.pem");
        std::fs::write(&file, "no key").expect("written");
        let [directory, file] = [directory.path(), &file].map(|path| path.display().to_string());
        for authorities in ["probe", &directory, &file] {
            let entries = [TLS, ("ssl.ca.location", authorities), ("ssl.key.location", &file)];
            assert_eq!(checked(&entries), Ok(()));
        }
        // None is named.
        assert_eq!(checked(&[TLS, ("ssl.ca.location", ""), ("ssl.key.location", "")]), Ok(()));
    }

    #[test]
    fn a_key_in_the_place_of_its_path_is_not_repeated() {
        let base64 = format!("{}hunter2+/==", "MIIEvQ".repeat(20));
        for key in ["-----BEGIN PRIVATE KEY-----hunter2", "hunter2\nhunter2", &base64] {
            let text = checked(&[TLS, ("ssl.key.location", key)]).expect_err("no path");
            assert!(text.contains("`ssl.key.location`") && !text.contains("hunter2"), "{text}");
        }
    }
}
