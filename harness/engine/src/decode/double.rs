//! A schema registry for tests: one thread on 127.0.0.1, answers by path, remembers every request. Knows no schema.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

/// What one path answers.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) delay: Duration,
    pub(super) location: Option<String>,
}

impl Reply {
    pub(super) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, body: body.into(), delay: Duration::ZERO, location: None }
    }

    pub(super) fn schema(text: &str) -> Self {
        Self::new(200, json!({ "schema": text }).to_string())
    }

    pub(super) fn typed(schema_type: &str, text: &str) -> Self {
        Self::new(200, json!({ "schema": text, "schemaType": schema_type }).to_string())
    }

    pub(super) fn referring(text: &str, references: serde_json::Value) -> Self {
        Self::new(200, json!({ "schema": text, "references": references }).to_string())
    }

    pub(super) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

#[derive(Default)]
struct State {
    replies: Mutex<HashMap<String, Reply>>,
    everything: Mutex<Option<Reply>>,
    /// Request line and headers, as sent.
    requests: Mutex<Vec<String>>,
    stop: AtomicBool,
}

/// Runs until dropped.
pub(super) struct Double {
    address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

impl Double {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State::default());
        let shared = state.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.stop.load(Ordering::SeqCst) {
                    return;
                }
                let shared = shared.clone();
                std::thread::spawn(move || answer(stream, &shared));
            }
        });
        Self { address, state, thread: Some(thread) }
    }

    /// The path answers this from now on.
    pub(super) fn on(&self, path: &str, reply: Reply) -> &Self {
        self.state.replies.lock().unwrap().insert(path.to_owned(), reply);
        self
    }

    /// Id `id` is this Avro schema.
    pub(super) fn avro(&self, id: u32, text: &str) -> &Self {
        self.on(&format!("/schemas/ids/{id}"), Reply::schema(text))
    }

    /// Every path answers this from now on; `None` restores the paths.
    pub(super) fn always(&self, reply: Option<Reply>) -> &Self {
        *self.state.everything.lock().unwrap() = reply;
        self
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }
}

impl Drop for Double {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream, state: &State) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut request = String::new();
    while reader.read_line(&mut request).is_ok_and(|n| n > 2) {}
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    state.requests.lock().unwrap().push(request);
    let reply = state.everything.lock().unwrap().clone();
    let reply = reply.or_else(|| state.replies.lock().unwrap().get(&path).cloned());
    let missing = json!({ "error_code": 40403, "message": "Schema not found" }).to_string();
    let reply = reply.unwrap_or_else(|| Reply::new(404, missing));
    std::thread::sleep(reply.delay);
    let location = reply.location.map_or_else(String::new, |to| format!("Location: {to}\r\n"));
    let _ = write!(
        stream,
        "HTTP/1.1 {} X\r\nContent-Length: {}\r\n{location}Connection: close\r\n\r\n{}",
        reply.status,
        reply.body.len(),
        reply.body
    );
}
