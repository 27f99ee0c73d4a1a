//! Replaces `${env:NAME}` and `${file:PATH}` in values that may be secret. Logs nothing.

use std::path::Path;

use super::ConfigError;

/// Where the values come from.
pub(super) struct Resolver<'a> {
    /// Directory of the configuration file.
    pub base_dir: &'a Path,
    /// Looks a variable up.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Resolver<'_> {
    /// The value with all references replaced. A file's last line break is not part of the secret.
    pub fn resolve(&self, key: &str, value: &str) -> Result<String, ConfigError> {
        let mut out = String::with_capacity(value.len());
        let mut rest = value;
        while let Some(start) = next_reference(rest) {
            out.push_str(&rest[..start]);
            let body = &rest[start + 2..];
            let end = body.find('}').ok_or_else(|| {
                ConfigError::value(
                    key,
                    "a reference `${...` is not closed; write ${env:NAME} or ${file:PATH}",
                )
            })?;
            out.push_str(&self.look_up(key, &body[..end])?);
            rest = &body[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn look_up(&self, key: &str, reference: &str) -> Result<String, ConfigError> {
        if let Some(name) = reference.strip_prefix("env:") {
            return (self.environment)(name)
                .ok_or_else(|| ConfigError::Environment { key: key.to_owned(), name: name.to_owned() });
        }
        let path = self.base_dir.join(reference.trim_start_matches("file:"));
        let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::NamedFile {
            key: key.to_owned(),
            path,
            source,
        })?;
        Ok(text.strip_suffix('\n').map(|t| t.strip_suffix('\r').unwrap_or(t)).unwrap_or(&text).to_owned())
    }
}

fn next_reference(text: &str) -> Option<usize> {
    let env = text.find("${env:");
    let file = text.find("${file:");
    match (env, file) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
