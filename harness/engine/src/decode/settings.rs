//! How to reach a schema registry, as plain data. Opens nothing.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// One side's registry. `Debug` shows no secret and no user info of the URL.
#[derive(Clone)]
pub struct RegistrySettings {
    /// Base URL, `http` or `https`; may have a path, as `https://host/apis/ccompat/v7` or `.../contexts/:.ctx:`.
    pub url: String,
    /// How to authenticate.
    pub auth: RegistryAuth,
    /// PEM bundle of the only authorities to trust; `None` trusts the platform's.
    pub ca_file: Option<PathBuf>,
    /// PEM file with the client's certificate chain; needs `client_key_file`.
    pub client_cert_file: Option<PathBuf>,
    /// PEM file with the client's private key, unencrypted; needs `client_cert_file`.
    pub client_key_file: Option<PathBuf>,
    /// For one request as a whole. Connecting takes at most 2 s of it.
    pub timeout: Duration,
}

impl RegistrySettings {
    /// No authentication, the platform's authorities, 5 s.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            auth: RegistryAuth::None,
            ca_file: None,
            client_cert_file: None,
            client_key_file: None,
            timeout: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for RegistrySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, auth, ca_file, client_cert_file, client_key_file, timeout } = self;
        f.debug_struct("RegistrySettings")
            .field("url", &shown_url(url))
            .field("auth", auth)
            .field("ca_file", ca_file)
            .field("client_cert_file", client_cert_file)
            .field("client_key_file", client_key_file)
            .field("timeout", timeout)
            .finish()
    }
}

/// How to authenticate at a registry.
#[derive(Clone, Debug)]
pub enum RegistryAuth {
    /// Not at all, or by a client certificate, or by user info in the URL.
    None,
    /// HTTP basic.
    Basic {
        /// User name; for Confluent Cloud the API key.
        user: String,
        /// Password; for Confluent Cloud the API secret.
        password: SecretString,
    },
    /// A bearer token.
    Bearer(SecretString),
}

/// The URL without user info and query, for people; what cannot be read as a URL is not shown.
pub(super) fn shown_url(url: &str) -> String {
    let Ok(mut url) = reqwest::Url::parse(url) else { return "(not a URL)".to_owned() };
    let bare = url.set_username("").is_ok() && url.set_password(None).is_ok();
    url.set_query(None);
    url.set_fragment(None);
    if bare { url.to_string() } else { "(not a URL)".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_secret() {
        let mut settings = RegistrySettings::new("https://ada:hunter2@sr.example/x?token=hunter2");
        settings.auth = RegistryAuth::Basic { user: "ada".into(), password: "hunter2".into() };
        let text = format!("{settings:?}");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("https://sr.example/x"), "{text}");
        assert!(!format!("{:?}", RegistrySettings::new("ada:hunter2@sr")).contains("hunter2"));
    }
}
