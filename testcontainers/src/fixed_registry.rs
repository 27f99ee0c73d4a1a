//! A schema registry that knows a fixed set of schemas and can only answer look-ups by id: one thread on 127.0.0.1.
//! Registers nothing, checks no schema. For anything else take a real registry.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use crate::error::{Error, Result};

const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";
/// A client that says nothing for so long is let go.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than any look-up needs.
const REQUEST_MAX: u64 = 64 << 10;

/// Answers `GET /schemas/ids/{id}` until dropped.
pub struct FixedRegistry {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl FixedRegistry {
    /// Starts on a free port. `avro_schemas`: text by id.
    ///
    /// # Errors
    /// If there is no free port or no thread to be had.
    pub fn start(avro_schemas: HashMap<u32, String>) -> Result<Self> {
        let failed = |source| Error::Network { what: "listen", address: "127.0.0.1:0".to_owned(), source };
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let serve = move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                // A client that goes away in the middle is its own affair.
                let _ = stream.and_then(|stream| answer(&stream, &avro_schemas));
            }
        };
        let thread =
            std::thread::Builder::new().name("fixed-registry".to_owned()).spawn(serve).map_err(failed)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for FixedRegistry {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One request, one answer, end of connection.
fn answer(mut stream: &TcpStream, avro_schemas: &HashMap<u32, String>) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream.take(REQUEST_MAX));
    let mut request_line = String::new();
    reader.read_line(&mut request_line)?;
    let mut header = String::new();
    while reader.read_line(&mut header)? > 2 {
        header.clear();
    }
    let (status, body) = reply(&request_line, avro_schemas);
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Status and body for a request line such as `GET /schemas/ids/1?deleted=true HTTP/1.1`.
fn reply(request_line: &str, avro_schemas: &HashMap<u32, String>) -> (&'static str, String) {
    let mut words = request_line.split(' ');
    let (method, path) = (words.next(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let id = path.strip_prefix("/schemas/ids/").and_then(|id| id.parse().ok());
    match id.and_then(|id: u32| avro_schemas.get(&id)) {
        Some(schema) if method == Some("GET") => ("200 OK", json!({ "schema": schema }).to_string()),
        _ => ("404 Not Found", json!({ "error_code": 40403, "message": "Schema not found" }).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(registry: &FixedRegistry, path: &str) -> String {
        let mut stream = TcpStream::connect(registry.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn a_known_id_gives_its_schema_and_any_other_gives_404_until_it_stops() {
        let registry = FixedRegistry::start(HashMap::from([(7, "\"string\"".to_owned())])).unwrap();
        let found = ask(&registry, "/schemas/ids/7?deleted=true");
        assert!(
            found.starts_with("HTTP/1.1 200") && found.ends_with(r#"{"schema":"\"string\""}"#),
            "{found}"
        );
        for path in ["/schemas/ids/8", "/schemas/ids/", "/subjects", "/schemas/ids/7/versions"] {
            let missing = ask(&registry, path);
            assert!(missing.starts_with("HTTP/1.1 404") && missing.contains("40403"), "{path}: {missing}");
        }
        let address = registry.address;
        drop(registry);
        assert!(TcpStream::connect(address).is_err());
    }
}
