//! A real schema registry (Apicurio, with the Confluent-compatible interface) in a child JVM. Keeps everything in memory.
//! For fixed answers without a JVM see [`crate::fixed_registry`].

use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::http;
use crate::ports::ReservedPort;
use crate::process::{JavaCommand, JavaProcess, WorkDirectory};
use crate::{maven, wait};

const BASE_PATH: &str = "/apis/ccompat/v7";
const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
const START_PATIENCE: Duration = Duration::from_secs(120);
const STOP_PATIENCE: Duration = Duration::from_secs(10);

/// A running registry. Dropping it kills it.
pub struct Registry {
    process: JavaProcess,
    port: ReservedPort,
    _work: WorkDirectory,
}

impl Registry {
    /// Starts an empty registry; returns when it answers. The first start on a machine builds it (minutes).
    ///
    /// # Errors
    /// If Java or Maven are missing, or it ends or does not answer in time, with the end of its log.
    pub fn start() -> Result<Self> {
        let jar = maven::registry_jar()?;
        let work = WorkDirectory::new("registry")?;
        let port = ReservedPort::new()?;
        let definitions = [
            "-Dquarkus.http.host=127.0.0.1".to_owned(),
            format!("-Dquarkus.http.port={}", port.port()),
            "-Dquarkus.log.level=WARN".to_owned(),
            "-Dquarkus.datasource.jdbc.initial-size=2".to_owned(),
            "-Dquarkus.datasource.jdbc.min-size=2".to_owned(),
            "-Dquarkus.datasource.jdbc.max-size=10".to_owned(),
        ];
        let process = JavaProcess::start(JavaCommand::jar("registry", &jar, 384, work.path(), &definitions))?;
        let mut registry = Self { process, port, _work: work };
        registry.wait_until_ready()?;
        Ok(registry)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let (process, address) = (&mut self.process, self.port.address());
        wait::until_or_broken("the schema registry", START_PATIENCE, || {
            process.check()?;
            Ok(match http::request(&address, "GET", &format!("{BASE_PATH}/subjects"), None) {
                Ok(answer) if answer.status == 200 => Ok(()),
                Ok(answer) => Err(format!("it answers with status {}", answer.status)),
                Err(error) => Err(error.to_string()),
            })
        })
    }

    /// The base URL for clients; it has a path.
    pub fn url(&self) -> String {
        format!("http://{}{BASE_PATH}", self.port.address())
    }

    /// Registers an Avro schema under a subject; returns its id. The same text again gives the same id.
    ///
    /// # Errors
    /// If the registry refuses it.
    pub fn register(&self, subject: &str, avro_schema: &str) -> Result<u32> {
        self.register_typed(subject, "AVRO", avro_schema)
    }

    /// As [`Registry::register`], for a schema type as the registry names it: `AVRO`, `JSON`, `PROTOBUF`.
    ///
    /// # Errors
    /// If the registry refuses it.
    pub fn register_typed(&self, subject: &str, schema_type: &str, schema: &str) -> Result<u32> {
        let body = json!({ "schemaType": schema_type, "schema": schema });
        let answer = self.ask("POST", &format!("/subjects/{}/versions", escape(subject)), Some(&body))?;
        let id = answer.get("id").and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
        id.ok_or_else(|| Error::BadAnswer {
            bootstrap: self.url(),
            what: format!("no id for subject {subject}"),
        })
    }

    /// The text of the schema with an id.
    ///
    /// # Errors
    /// If there is none.
    pub fn schema(&self, id: u32) -> Result<String> {
        let answer = self.ask("GET", &format!("/schemas/ids/{id}"), None)?;
        let schema = answer.get("schema").and_then(Value::as_str).map(str::to_owned);
        schema
            .ok_or_else(|| Error::BadAnswer { bootstrap: self.url(), what: format!("no schema for id {id}") })
    }

    /// All subjects, sorted.
    ///
    /// # Errors
    /// If the registry does not answer.
    pub fn subjects(&self) -> Result<Vec<String>> {
        let answer = self.ask("GET", "/subjects", None)?;
        let names = answer.as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut names: Vec<_> = names.map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }

    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let (address, path) = (self.port.address(), format!("{BASE_PATH}{path}"));
        let bytes = body.map(|body| body.to_string().into_bytes());
        let body = bytes.as_deref().map(|bytes| (CONTENT_TYPE, bytes));
        let answer = http::request(&address, method, &path, body).map_err(|source| Error::Network {
            what: "ask the registry",
            address: address.clone(),
            source,
        })?;
        if !(200..300).contains(&answer.status) {
            return Err(Error::Registry {
                request: format!("{method} {path}"),
                status: answer.status,
                body: String::from_utf8_lossy(&answer.body).into_owned(),
            });
        }
        serde_json::from_slice(&answer.body).map_err(|error| Error::BadAnswer {
            bootstrap: address,
            what: format!("{method} {path}: {error}"),
        })
    }

    /// The process id while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Stops it: SIGTERM, then SIGKILL. What it held is gone.
    pub fn stop(&mut self) {
        self.process.stop(STOP_PATIENCE);
    }
}

/// Percent-encodes everything in a path segment that is not a letter, a digit or one of `-._~`.
fn escape(segment: &str) -> String {
    let mut escaped = String::new();
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte))
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_escaped_in_paths() {
        assert_eq!(escape("orders-value"), "orders-value");
        assert_eq!(escape(":.ctx:a/b é"), "%3A.ctx%3Aa%2Fb%20%C3%A9");
    }
}
