//! What planning costs: wall and CPU time of `plan` over many groups and partitions, between two embedded clusters in a
//! process of their own, so that their work is not counted. Asserts the answers, never a time.
//!
//! `cargo bench -p cutproof --bench plan -- [--groups N] [--partitions N] [--rounds N]`

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cutproof::config;
use cutproof::kafka::{Cluster, ClusterSettings};
use cutproof::monitor::Remembering;
use cutproof::positions::mm2::{self, Checkpoint, OffsetSync};
use cutproof::positions::{PositionState, plan};
use cutproof::record::Side;
use cutproof_testcontainers::{
    Commit, Compression, EmbeddedCluster, PlainRecord, ProduceOptions, commit_offsets, produce_with,
};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Records in each partition, on both sides.
const RECORDS: i64 = 200;
/// Where every group stands on the source, and where MirrorMaker 2 puts it.
const POSITION: (i64, i64) = (150, 102);

#[derive(Clone, Copy)]
struct Settings {
    groups: usize,
    partitions: i32,
    rounds: usize,
}

fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let (role, rest) = match args.first().map(String::as_str) {
        Some("--host") => (host as fn(Settings) -> Fallible<()>, &args[1..]),
        _ => (measure as fn(Settings) -> Fallible<()>, &args[..]),
    };
    let mut settings = Settings { groups: 1_000, partitions: 96, rounds: 3 };
    for pair in rest.chunks(2) {
        let [name, value] = pair else { return Err(format!("{} wants a value", pair[0]).into()) };
        match name.as_str() {
            "--groups" => settings.groups = value.parse()?,
            "--partitions" => settings.partitions = value.parse()?,
            "--rounds" => settings.rounds = value.parse()?,
            _ => return Err(format!("there is no option {name}").into()),
        }
    }
    role(settings)
}

fn measure(settings: Settings) -> Fallible<()> {
    let Settings { groups, partitions, rounds } = settings;
    let arguments = ["--host", "--groups", &groups.to_string(), "--partitions", &partitions.to_string()]
        .map(str::to_owned);
    let mut host = Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(host.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
    let addresses: Vec<&str> = line.split_whitespace().collect();
    let [source, target] = addresses[..] else { return Err("the clusters did not start".into()) };
    let text = "apiVersion: cutproof/v1\nkind: Proof\nsource: { alias: src, bootstrap_servers: 'unused:1' }\n\
                target: { alias: dst, bootstrap_servers: 'unused:1' }\n";
    let config = config::parse(text, Path::new(""))?;
    for round in 1..=rounds {
        let open = |side, alias, address: &str| {
            Cluster::connect(ClusterSettings::new(side, alias, address, BTreeMap::new()))
        };
        let (source, target) = (open(Side::Source, "src", source)?, open(Side::Target, "dst", target)?);
        let (begun, cpu) = (Instant::now(), cpu_time());
        let plan = plan(&config, &source, &target, &Remembering::default())?;
        let (wall, cpu) = (begun.elapsed(), cpu_time() - cpu);
        let positions: Vec<_> = plan.groups.iter().flat_map(|group| &group.positions).collect();
        assert_eq!(positions.len(), groups * partitions as usize);
        assert!(positions.iter().all(|p| p.resume == Some(POSITION.1) && p.state == PositionState::Judged));
        println!("round {round}: {groups} groups x {partitions} partitions: wall {wall:.2?}, CPU {cpu:.2?}");
    }
    drop(host.stdin.take());
    host.wait()?;
    Ok(())
}

/// User and system time of this process.
fn cpu_time() -> Duration {
    // SAFETY: plain data, filled in by getrusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is valid for the call.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let of = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1_000);
    of(usage.ru_utime) + of(usage.ru_stime)
}

/// Holds the clusters until nobody wants them any more.
fn host(settings: Settings) -> Fallible<()> {
    let Settings { groups, partitions, .. } = settings;
    let (source, target) = (EmbeddedCluster::start(1)?, EmbeddedCluster::start(1)?);
    let (syncs, checkpoints) = ("mm2-offset-syncs.dst.internal", "src.checkpoints.internal");
    for (cluster, topic, partitions) in [
        (&source, "orders", partitions),
        (&source, syncs, 1),
        (&target, "src.orders", partitions),
        (&target, checkpoints, 1),
    ] {
        cluster.create_topic(topic, partitions)?;
    }
    let name = |group: usize| format!("group-{group:04}");
    let plain = |partition: i32| {
        (0..RECORDS).map(move |n| internal(partition, n.to_string().into_bytes(), vec![b'v'; 20]))
    };
    let sync = |partition: i32| {
        [0, 101, RECORDS - 1].map(|offset| {
            let (topic, upstream_offset, downstream_offset) = ("orders".to_owned(), offset, offset);
            let (key, value) =
                mm2::encode_offset_sync(&OffsetSync { topic, partition, upstream_offset, downstream_offset });
            internal(0, key, value)
        })
    };
    let checkpoint = |group: usize, partition: i32| {
        let (key, value) = mm2::encode_checkpoint(&Checkpoint {
            group: name(group),
            topic: "src.orders".to_owned(),
            partition,
            upstream_offset: POSITION.0,
            downstream_offset: POSITION.1,
            metadata: String::new(),
        });
        internal(0, key, value)
    };
    // An embedded partition keeps 5 MiB: compressed, that is enough for all checkpoints.
    let options = ProduceOptions { compression: Compression::Lz4, ..ProduceOptions::default() };
    produce_with(source.bootstrap_servers(), "orders", &options, (0..partitions).flat_map(plain))?;
    produce_with(target.bootstrap_servers(), "src.orders", &options, (0..partitions).flat_map(plain))?;
    produce_with(source.bootstrap_servers(), syncs, &options, (0..partitions).flat_map(sync))?;
    let all =
        (0..partitions).flat_map(|partition| (0..groups).map(move |group| checkpoint(group, partition)));
    produce_with(target.bootstrap_servers(), checkpoints, &options, all)?;
    let bootstrap = source.bootstrap_servers();
    std::thread::scope(|scope| {
        let commit = |from: usize| -> Fallible<()> {
            for group in (from..groups).step_by(16) {
                let commits: Vec<Commit> =
                    (0..partitions).map(|partition| Commit::new("orders", partition, POSITION.0)).collect();
                commit_offsets(bootstrap, &name(group), &commits)?;
            }
            Ok(())
        };
        let threads: Vec<_> = (0..16).map(|from| scope.spawn(move || commit(from))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread failed")?)
    })?;
    println!("{} {}", source.bootstrap_servers(), target.bootstrap_servers());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn internal(partition: i32, key: Vec<u8>, value: Vec<u8>) -> PlainRecord {
    PlainRecord {
        partition,
        key: Some(key),
        value: Some(value),
        headers: vec![],
        timestamp: 1_793_606_400_000,
    }
}
