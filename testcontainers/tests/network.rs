//! The network in front of a cluster: what clients ask is recorded, and cutting, slowing and resetting it is felt.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use cutproof_testcontainers::{
    FaultyNetwork, Isolation, KafkaCluster, KafkaOptions, PlainRecord, Recorded, Topic, create_topic,
    produce, read_all,
};

fn records(count: u32) -> impl Iterator<Item = PlainRecord> {
    (0..count).map(|number| PlainRecord {
        partition: 0,
        key: None,
        value: Some(number.to_string().into_bytes()),
        headers: Vec::new(),
        timestamp: 1_700_000_000_000,
    })
}

#[test]
fn what_clients_ask_through_the_network_is_recorded_by_api_key() {
    let cluster = KafkaCluster::start(KafkaOptions::source().nodes(3).proxied()).unwrap();
    let direct = cluster.bootstrap_servers();
    create_topic(&direct, &Topic::new("orders", 3)).unwrap();
    produce(&direct, "orders", records(1_000)).unwrap();
    assert!(cluster.recorded().unwrap().is_empty(), "the direct listener does not pass through the network");

    let proxied = cluster.proxied_bootstrap().unwrap();
    for partition in 0..3 {
        let expected = if partition == 0 { 1_000 } else { 0 };
        assert_eq!(
            read_all(&proxied, "orders", partition, Isolation::ReadCommitted).unwrap().len(),
            expected
        );
    }
    let recorded = cluster.recorded().unwrap();
    let count = |key: i16| recorded.get(&Recorded::new(key)).copied().unwrap_or(0);
    for key in [1, 2, 3, 18] {
        assert!(count(key) > 0, "{} is missing in {recorded:?}", Recorded::new(key));
    }
    assert!(count(2) >= 3, "the ends of three partitions were asked for: {recorded:?}");
    assert_eq!((count(0), count(8), count(19)), (0, 0, 0), "a reader wrote: {recorded:?}");
    let clients = cluster.network().unwrap().recorded_clients();
    assert_eq!(clients.keys().collect::<Vec<_>>(), ["cutproof-testcontainers"]);
    let bytes = cluster.network().unwrap().bytes_to_clients();
    // A record takes ten bytes or more, and nothing else that was asked for takes many.
    assert!((10_000..200_000).contains(&bytes), "{bytes} bytes of answers");

    cluster.network().unwrap().forget();
    assert_eq!(cluster.network().unwrap().bytes_to_clients(), 0);
    produce(&proxied, "orders", records(10)).unwrap();
    let recorded = cluster.recorded().unwrap();
    assert!(
        recorded.contains_key(&Recorded::new(0)) && recorded.contains_key(&Recorded::new(22)),
        "{recorded:?}"
    );
}

#[test]
fn a_read_survives_a_cut_and_a_reset() {
    let cluster = KafkaCluster::start(KafkaOptions::target().proxied()).unwrap();
    let direct = cluster.bootstrap_servers();
    create_topic(&direct, &Topic::new("orders", 1)).unwrap();
    produce(&direct, "orders", records(200_000)).unwrap();
    let proxied = cluster.proxied_bootstrap().unwrap();
    let network = Arc::clone(cluster.network().unwrap());
    network.delay(20);
    let reader = spawn(move || read_all(&proxied, "orders", 0, Isolation::ReadCommitted).unwrap());
    sleep(Duration::from_millis(300));
    network.reset();
    network.cut();
    sleep(Duration::from_secs(1));
    assert!(!reader.is_finished(), "nothing passes a cut");
    network.heal();
    network.delay(0);
    let read = reader.join().unwrap();
    assert_eq!(read.len(), 200_000);
    assert!((0..).zip(&read).all(|(offset, record)| record.offset == offset));
}

/// A server that sends back what it gets.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            spawn(move || {
                let mut from = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut from, &mut stream);
            });
        }
    });
    address
}

fn ask(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Duration> {
    let start = Instant::now();
    stream.write_all(text)?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer)?;
    assert_eq!(answer, text);
    Ok(start.elapsed())
}

#[test]
fn a_cut_holds_bytes_a_delay_and_a_bandwidth_slow_them_and_a_reset_ends_connections() {
    let network = FaultyNetwork::start([echo()]).unwrap();
    let connect = || {
        let stream = TcpStream::connect(network.lanes()[0].address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    };
    let mut stream = connect();
    ask(&mut stream, b"hello").unwrap();

    network.delay(100);
    let taken = ask(&mut stream, b"slowly").unwrap();
    assert!(taken >= Duration::from_millis(200), "two directions of 100 ms took {taken:?}");
    network.delay(0);

    network.bandwidth(40_000);
    let taken = ask(&mut stream, &[7; 10_000]).unwrap();
    assert!(
        taken >= Duration::from_millis(490),
        "10,000 bytes there and back at 40,000 a second took {taken:?}"
    );
    network.bandwidth(0);

    network.cut();
    stream.write_all(b"held").unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let mut answer = [0; 4];
    assert!(stream.read(&mut answer).is_err(), "nothing passes a cut");
    network.heal();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"held");

    network.reset();
    let error = stream.read(&mut answer).expect_err("the connection was reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    ask(&mut connect(), b"again").unwrap();

    let mut forgotten = connect();
    ask(&mut forgotten, b"hello").unwrap();
    network.half_open();
    forgotten.write_all(b"lost").unwrap();
    forgotten.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let error = forgotten.read(&mut answer).expect_err("nothing comes back, not even an end");
    assert!(matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut), "{error}");
    ask(&mut connect(), b"again").unwrap();

    let address = network.lanes()[0].address();
    drop(network);
    assert!(TcpStream::connect(address).is_err(), "nothing listens any more");
}
