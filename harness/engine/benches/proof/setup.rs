//! Two clusters that hold the same records in topic `bench`, but for what the settings say of the target.

use std::ops::Range;
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
        match &clusters {
            Clusters::Real(_) => create_topic(bootstrap, &Topic::new("bench", settings.partitions))?,
            Clusters::Embedded(embedded) => embedded[at].create_topic("bench", settings.partitions)?,
        }
        match at {
            0 => produce_with(bootstrap, "bench", &options, records(settings, 0..settings.records as u64))?,
            _ => produce_with(bootstrap, "bench", &options, copies(settings))?,
        };
    }
    Ok(clusters)
}

/// What the target holds.
fn copies(settings: &Settings) -> impl Iterator<Item = PlainRecord> + use<> {
    let end = settings.records.saturating_sub(settings.lag) as u64;
    let middle = end / 2;
    let every = settings.diverging_every;
    records(settings, 0..middle)
        .chain(records(settings, 0..settings.duplicate_block as u64))
        .chain(records(settings, middle..end))
        .enumerate()
        .map(move |(n, mut record)| {
            if every > 0 && n % every == every / 2 {
                record.value.get_or_insert_default().push(b'!');
            }
            record
        })
}

/// Keyed by one of the keys in turn; values that neither repeat nor compress to nothing.
fn records(settings: &Settings, range: Range<u64>) -> impl Iterator<Item = PlainRecord> + use<> {
    let Settings { bytes, partitions, keys, .. } = *settings;
    range.map(move |n| {
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
    })
}

/// A configuration that compares all of `bench` under the same name.
pub fn config(directory: &Path, source: &str, target: &str, memory: Option<&str>) -> Fallible<PathBuf> {
    let path = directory.join("cutproof.yaml");
    let mut text = format!(
        "apiVersion: cutproof/v1\nkind: Proof\n\
         source: {{ alias: src, bootstrap_servers: \"{source}\" }}\n\
         target: {{ alias: dst, bootstrap_servers: \"{target}\" }}\n\
         replication: {{ policy: identity }}\ntopics: {{ include: [\"bench\"] }}\nrange: {{ start: earliest }}\n"
    );
    if let Some(memory) = memory {
        text += &format!("limits: {{ memory: {memory} }}\n");
    }
    std::fs::write(&path, text)?;
    Ok(path)
}
