//! A network of our own in front of brokers: every connection passes one lane per broker. It records the header of each
//! request, and can be cut, slowed, narrowed or reset, and its connections left half open. It changes no byte.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU64;
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

mod requests;

use requests::RequestScanner;
pub use requests::{Recorded, RequestHeader, api_name};

const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// One listening address in front of one broker.
#[derive(Debug)]
pub struct Lane {
    listen: SocketAddr,
    upstream: SocketAddr,
}

impl Lane {
    /// `host:port` that clients connect to, and that the broker must advertise.
    pub fn address(&self) -> String {
        self.listen.to_string()
    }

    /// `host:port` of the broker behind it.
    pub fn upstream(&self) -> String {
        self.upstream.to_string()
    }
}

/// All lanes of a cluster. Dropping it closes them and every connection.
pub struct FaultyNetwork {
    lanes: Vec<Lane>,
    shared: Arc<Shared>,
    acceptors: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    cut: bool,
    delay: Duration,
    /// `None`: as many as come.
    bytes_per_second: Option<NonZeroU64>,
    /// Until when the link is taken by what has passed: to the brokers, to the clients.
    taken_until: [Option<Instant>; 2],
    closed: bool,
    connections: Vec<Weak<Connection>>,
    recorded: BTreeMap<Recorded, u64>,
    clients: BTreeMap<String, u64>,
    bytes_to_clients: u64,
}

struct Connection {
    client: TcpStream,
    broker: TcpStream,
    /// Neither side hears of the other any more.
    half_open: AtomicBool,
}

impl FaultyNetwork {
    /// Opens one lane in front of each broker address; the brokers need not run yet.
    ///
    /// # Errors
    /// If a port cannot be opened or an address is none.
    pub fn start(upstreams: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut network = Self { lanes: Vec::new(), shared: Arc::default(), acceptors: Vec::new() };
        for address in upstreams {
            network.open_lane(&address)?;
        }
        Ok(network)
    }

    fn open_lane(&mut self, upstream: &str) -> Result<()> {
        let bad = |_| Error::Misuse(format!("{upstream} is no address: give an IP address and a port"));
        let upstream: SocketAddr = upstream.parse().map_err(bad)?;
        let failed = |source| Error::Network { what: "listen", address: "127.0.0.1:0".to_owned(), source };
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(failed)?;
        let listen = listener.local_addr().map_err(failed)?;
        let shared = Arc::clone(&self.shared);
        self.acceptors.push(std::thread::spawn(move || accept(&listener, upstream, &shared)));
        self.lanes.push(Lane { listen, upstream });
        Ok(())
    }

    /// The lanes in order of the brokers given.
    pub fn lanes(&self) -> &[Lane] {
        &self.lanes
    }

    /// How many requests of each API passed from clients to brokers.
    pub fn recorded(&self) -> BTreeMap<Recorded, u64> {
        self.shared.lock().recorded.clone()
    }

    /// How many requests each client id sent.
    pub fn recorded_clients(&self) -> BTreeMap<String, u64> {
        self.shared.lock().clients.clone()
    }

    /// How many bytes of answers passed from brokers to clients.
    pub fn bytes_to_clients(&self) -> u64 {
        self.shared.lock().bytes_to_clients
    }

    /// Forgets what was recorded.
    pub fn forget(&self) {
        let mut state = self.shared.lock();
        state.recorded.clear();
        state.clients.clear();
        state.bytes_to_clients = 0;
    }

    /// Pulls the cable: nothing passes in either direction, connections stay open and bytes are held.
    pub fn cut(&self) {
        self.shared.lock().cut = true;
    }

    /// Plugs the cable in again: held bytes pass.
    pub fn heal(&self) {
        self.shared.lock().cut = false;
        self.shared.changed.notify_all();
    }

    /// Holds each chunk for `delay_ms` milliseconds in each direction before it passes; 0 ends it.
    pub fn delay(&self, delay_ms: u64) {
        self.shared.lock().delay = Duration::from_millis(delay_ms);
    }

    /// Lets at most so many bytes a second pass in each direction, all connections together; 0 ends it.
    pub fn bandwidth(&self, bytes_per_second: u64) {
        self.shared.lock().bytes_per_second = NonZeroU64::new(bytes_per_second);
    }

    /// Leaves every open connection half open, for good: each side may send, and nothing arrives, nor an end. As where a
    /// firewall forgets a connection. New ones are served.
    pub fn half_open(&self) {
        for connection in self.shared.lock().connections.iter().filter_map(Weak::upgrade) {
            connection.half_open.store(true, Ordering::Relaxed);
        }
    }

    /// Resets every open connection (RST on both sides). New ones are accepted.
    pub fn reset(&self) {
        for connection in
            self.shared.lock().connections.drain(..).filter_map(|connection| connection.upgrade())
        {
            connection.reset();
        }
    }
}

impl Drop for FaultyNetwork {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        self.reset();
        for (lane, acceptor) in self.lanes.iter().zip(self.acceptors.drain(..)) {
            // Wakes the acceptor, which then sees that it is closed.
            drop(TcpStream::connect(lane.listen));
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while holding it")
    }

    /// Waits out a delay, the bytes that are before `bytes` in their direction, and a cut. Says whether the network is
    /// still there.
    fn pass(&self, bytes: usize, direction: Direction) -> bool {
        let wait = self.lock().take(bytes, direction);
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        let state = self.changed.wait_while(self.lock(), |state| state.cut && !state.closed);
        !state.expect("nothing panics while holding it").closed
    }

    fn record(&self, headers: Vec<RequestHeader>) {
        if headers.is_empty() {
            return;
        }
        let mut state = self.lock();
        for RequestHeader { api_key, api_version: _, client_id } in headers {
            *state.recorded.entry(Recorded::new(api_key)).or_default() += 1;
            if let Some(client_id) = client_id {
                *state.clients.entry(client_id).or_default() += 1;
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    ToBroker,
    ToClient,
}

impl State {
    /// How long `bytes` are under way.
    fn take(&mut self, bytes: usize, direction: Direction) -> Duration {
        let Some(rate) = self.bytes_per_second else { return self.delay };
        let now = Instant::now();
        let taken_until = &mut self.taken_until[direction as usize];
        let start = taken_until.map_or(now, |until| until.max(now));
        let done = start + Duration::from_secs_f64(bytes as f64 / rate.get() as f64);
        *taken_until = Some(done);
        done - now + self.delay
    }
}

impl Connection {
    fn reset(&self) {
        for stream in [&self.client, &self.broker] {
            send_reset(stream);
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Dissolves the connection at once: the peer sees RST, and our threads that read it see its end.
#[cfg(target_os = "linux")]
fn send_reset(stream: &TcpStream) {
    let nowhere = libc::sockaddr { sa_family: libc::AF_UNSPEC as libc::sa_family_t, sa_data: [0; 14] };
    let size = libc::socklen_t::try_from(size_of::<libc::sockaddr>()).expect("a small struct");
    // SAFETY: the descriptor is open as long as `stream` is borrowed; the address has the size given.
    unsafe { libc::connect(stream.as_raw_fd(), &raw const nowhere, size) };
}

/// Elsewhere the peer sees an orderly end.
#[cfg(not(target_os = "linux"))]
fn send_reset(_: &TcpStream) {}

fn accept(listener: &TcpListener, upstream: SocketAddr, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.lock().closed {
            return;
        }
        let Ok(client) = client else { continue };
        let shared = Arc::clone(shared);
        // The connection ends by itself when either side closes, or when the network is dropped.
        std::thread::spawn(move || connect(client, upstream, &shared));
    }
}

/// Connects a client to its broker and carries bytes both ways until either side ends.
fn connect(client: TcpStream, upstream: SocketAddr, shared: &Arc<Shared>) {
    if !shared.pass(0, Direction::ToBroker) {
        return;
    }
    // Without a broker the client sees its connection closed, as it would see it refused.
    let Ok(broker) = TcpStream::connect_timeout(&upstream, CONNECT_PATIENCE) else { return };
    let _ = client.set_nodelay(true);
    let _ = broker.set_nodelay(true);
    let connection = Arc::new(Connection { client, broker, half_open: AtomicBool::new(false) });
    {
        let mut state = shared.lock();
        if state.closed {
            return;
        }
        state.connections.retain(|connection| connection.strong_count() > 0);
        state.connections.push(Arc::downgrade(&connection));
    }
    let (back, back_shared) = (Arc::clone(&connection), Arc::clone(shared));
    let answers =
        std::thread::spawn(move || carry(&back.broker, &back.client, &back.half_open, &back_shared, None));
    let Connection { client, broker, half_open } = connection.as_ref();
    carry(client, broker, half_open, shared, Some(RequestScanner::default()));
    let _ = answers.join();
}

fn carry(
    mut from: &TcpStream,
    mut to: &TcpStream,
    half_open: &AtomicBool,
    shared: &Shared,
    mut scanner: Option<RequestScanner>,
) {
    let direction = if scanner.is_some() { Direction::ToBroker } else { Direction::ToClient };
    let mut chunk = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        if !shared.pass(length, direction) {
            break;
        }
        if half_open.load(Ordering::Relaxed) {
            continue;
        }
        // Recorded when it passes, not when it was tried.
        match &mut scanner {
            Some(scanner) => shared.record(scanner.feed(&chunk[..length])),
            None => shared.lock().bytes_to_clients += length as u64,
        }
        if to.write_all(&chunk[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
