//! Two clusters that hold the same records in topic `bench`, but for what the settings say of the target.

use std::path::{Path, PathBuf};

use cutproof_testcontainers::{
    Compression, EmbeddedCluster, KafkaCluster, KafkaOptions, PlainRecord, ProduceOptions, Topic,
    create_topic, produce_with,
};

use super::{Fallible, Settings};

/// Real clusters on the JVM, or embedded ones for a quick look.
pub enum Clusters {
    Real(Box<[KafkaCluster; 2]>),
    Embedded([EmbeddedCluster; 2]),
}

impl Clusters {
    pub fn bootstrap_servers(&self) -> [String; 2] {
        match self {
            Self::Real(clusters) => clusters.each_ref().map(KafkaCluster::bootstrap_servers),
            Self::Embedded(clusters) => {
                clusters.each_ref().map(|cluster| cluster.bootstrap_servers().to_owned())
            }
        }
    }
}

/// Starts both clusters and fills them.
pub fn clusters(settings: &Settings) -> Fallible<Clusters> {
    let clusters = if settings.real {
        let mut clusters = [KafkaOptions::source(), KafkaOptions::target()];
        clusters.iter_mut().for_each(|options| options.heap_mib = 768);
        let [source, target] = clusters;
        Clusters::Real(Box::new([KafkaCluster::start(source)?, KafkaCluster::start(target)?]))
    } else {
        Clusters::Embedded([EmbeddedCluster::start(3)?, EmbeddedCluster::start(3)?])
    };
    let compression = match settings.compression.as_str() {
        "none" => Compression::None,
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        other => return Err(format!("unknown compression {other}").into()),
    };
    let options = ProduceOptions { compression, ..ProduceOptions::default() };
    for (at, bootstrap) in clusters.bootstrap_servers().iter().enumerate() {
        let partitions = [settings.partitions, settings.target_partitions][at];
        match &clusters {
            Clusters::Real(_) => create_topic(bootstrap, &Topic::new("bench", partitions))?,
            Clusters::Embedded(embedded) => embedded[at].create_topic("bench", partitions)?,
        }
        match at {
            0 => produce_with(bootstrap, "bench", &options, originals(settings))?,
            _ => produce_with(bootstrap, "bench", &options, copies(settings))?,
        };
    }
    Ok(clusters)
}

/// What the source holds.
fn originals(settings: &Settings) -> impl Iterator<Item = PlainRecord> + use<> {
    let Settings { bytes, partitions, keys, .. } = *settings;
    (0..settings.records as u64).map(move |n| record(n, bytes, partitions, keys))
}

/// What the target holds.
pub fn copies(settings: &Settings) -> impl Iterator<Item = PlainRecord> + use<> {
    let end = settings.records.saturating_sub(settings.lag) as u64;
    let middle = end / 2;
    let diverging = Diverging::of(settings);
    let moved = (settings.target_partitions != settings.partitions).then_some(settings.target_partitions);
    let Settings { bytes, partitions, keys, .. } = *settings;
    let record = move |n| record(n, bytes, partitions, keys);
    (0..middle)
        .chain(0..settings.duplicate_block as u64)
        .chain(middle..end)
        .enumerate()
        .flat_map(move |(at, n)| diverging.copy(at as u64, n, record))
        .map(move |mut record| {
            if let (Some(target_partitions), Some(key)) = (moved, &record.key) {
                let key: u64 = std::str::from_utf8(key).expect("digits").parse().expect("digits");
                record.partition = (key % target_partitions as u64) as i32;
            }
            record
        })
}

/// Which copies differ, and how.
#[derive(Clone, Copy)]
struct Diverging {
    every: u64,
    all: bool,
    partitions: u64,
}

impl Diverging {
    fn of(settings: &Settings) -> Self {
        Self {
            every: settings.diverging_every as u64,
            all: settings.diverging_all,
            partitions: settings.partitions as u64,
        }
    }

    /// How the `at`-th copy differs.
    fn way(self, at: u64) -> Option<u64> {
        (self.every > 0 && at % self.every == self.every / 2)
            .then(|| if self.all { at / self.every % 8 } else { 0 })
    }

    /// What stands in the place of the `at`-th copy, which is that of record `n`.
    fn copy(self, at: u64, n: u64, record: impl Fn(u64) -> PlainRecord) -> Vec<PlainRecord> {
        const SWAP: u64 = 4;
        // The next one of the same partition.
        if self.way(at) == Some(SWAP) {
            return vec![record(n + self.partitions)];
        }
        if at >= self.partitions && self.way(at - self.partitions) == Some(SWAP) {
            return vec![record(n - self.partitions)];
        }
        let mut copy = record(n);
        match self.way(at) {
            Some(0) => copy.value.get_or_insert_default().push(b'!'),
            Some(1) => return vec![],
            Some(2) => {
                let mut other = copy.clone();
                other.value.get_or_insert_default().insert(0, b'+');
                return vec![copy, other];
            }
            Some(3) => return vec![copy.clone(), copy],
            Some(5) => copy.headers.push(("planted".to_owned(), None)),
            Some(6) => copy.timestamp += 1,
            Some(7) => copy.value = None,
            _ => {}
        }
        vec![copy]
    }
}

/// Keyed by one of the keys in turn; values that neither repeat nor compress to nothing.
fn record(n: u64, bytes: usize, partitions: i32, keys: u64) -> PlainRecord {
    let mut value = format!("{n:016x}").into_bytes();
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while value.len() + 6 < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        value.push(b'a' + (state >> 59) as u8 % 16);
    }
    PlainRecord {
        partition: (n % partitions as u64) as i32,
        key: Some(format!("{:06}", if keys == 0 { n } else { n % keys }).into_bytes()),
        value: Some(value),
        headers: vec![],
        timestamp: 1_793_606_400_000 + (n / 10) as i64,
    }
}

/// A configuration that compares all of `bench` under the same name.
pub fn config(directory: &Path, source: &str, target: &str, settings: &Settings) -> Fallible<PathBuf> {
    let path = directory.join("cutproof.yaml");
    let mut text = format!(
        "apiVersion: cutproof/v1\nkind: Proof\n\
         source: {{ alias: src, bootstrap_servers: \"{source}\" }}\n\
         target: {{ alias: dst, bootstrap_servers: \"{target}\" }}\n\
         replication: {{ policy: identity }}\ntopics: {{ include: [\"bench\"] }}\nrange: {{ start: earliest }}\n"
    );
    if let Some(memory) = &settings.memory {
        text += &format!("limits: {{ memory: {memory} }}\n");
    }
    if let Some(contract) = &settings.contract {
        text += &format!("contracts: [{{ topics: [\".*\"], {contract} }}]\n");
    }
    std::fs::write(&path, text)?;
    Ok(path)
}
