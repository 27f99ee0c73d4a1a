//! Producing records to the partitions they name, in order, and only returning once all are acknowledged.

use std::sync::Mutex;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};

use super::{REQUEST, client_config};
use crate::error::{Error, Result};
use crate::record::PlainRecord;

/// How batches are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip
    Gzip,
    /// snappy
    Snappy,
    /// lz4
    Lz4,
    /// zstd
    Zstd,
}

impl Compression {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// How records are produced.
#[derive(Clone, Debug, Default)]
pub struct ProduceOptions {
    /// Of batches.
    pub compression: Compression,
    /// Client properties in librdkafka's dialect that override the package's.
    pub properties: Vec<(String, String)>,
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionEnd {
    /// Its records become visible to read_committed readers.
    Commit,
    /// Its records stay in the log and are skipped by read_committed readers.
    Abort,
    /// The producer goes away; the broker aborts the transaction after one minute.
    LeaveOpen,
}

/// Produces `records` uncompressed, each partition in the order given. Returns when all are acknowledged by all replicas.
///
/// # Errors
/// If any record is not acknowledged.
pub fn produce(
    bootstrap: &str,
    topic: &str,
    records: impl IntoIterator<Item = PlainRecord>,
) -> Result<usize> {
    produce_with(bootstrap, topic, &ProduceOptions::default(), records)
}

/// As [`produce`], with options. Returns the number of records. Memory does not grow with their number.
///
/// # Errors
/// If any record is not acknowledged.
pub fn produce_with(
    bootstrap: &str,
    topic: &str,
    options: &ProduceOptions,
    records: impl IntoIterator<Item = PlainRecord>,
) -> Result<usize> {
    let sender = Sender::new(bootstrap, topic, &producer_config(bootstrap, options), Tally::default())?;
    let mut sent = 0;
    for record in records {
        sender.send(&record, 0)?;
        sent += 1;
    }
    sender.flush(sent)?;
    Ok(sent)
}

/// Produces `records` in one transaction of `transactional_id` and ends it. Aborted and open transactions are written
/// to the log too.
///
/// # Errors
/// If any record is not acknowledged or the transaction cannot be ended.
pub fn produce_transaction(
    bootstrap: &str,
    topic: &str,
    transactional_id: &str,
    end: TransactionEnd,
    records: impl IntoIterator<Item = PlainRecord>,
) -> Result<usize> {
    let transaction = OpenTransaction::begin(bootstrap, topic, transactional_id)?;
    let sent = transaction.produce(records)?;
    transaction.end(end)?;
    Ok(sent)
}

/// A transaction over one topic that stays open until it is ended. Dropping it leaves it open on the broker, which
/// aborts it after one minute.
pub struct OpenTransaction {
    sender: Sender<Tally>,
    id: String,
}

impl OpenTransaction {
    /// Begins a transaction of `transactional_id`; one of the same id that was left open is aborted.
    ///
    /// # Errors
    /// If the broker refuses.
    pub fn begin(bootstrap: &str, topic: &str, transactional_id: &str) -> Result<Self> {
        let mut config = producer_config(bootstrap, &ProduceOptions::default());
        config.set("transactional.id", transactional_id);
        let sender = Sender::new(bootstrap, topic, &config, Tally::default())?;
        let this = Self { sender, id: transactional_id.to_owned() };
        this.sender.producer.init_transactions(REQUEST).map_err(this.failed("initialise"))?;
        this.sender.producer.begin_transaction().map_err(this.failed("begin"))?;
        Ok(this)
    }

    /// Produces records in it; returns when all are in the log.
    ///
    /// # Errors
    /// If any record is not acknowledged.
    pub fn produce(&self, records: impl IntoIterator<Item = PlainRecord>) -> Result<usize> {
        let mut sent = 0;
        for record in records {
            self.sender.send(&record, 0)?;
            sent += 1;
        }
        // An abort would drop what was not sent yet; it must be in the log.
        self.sender.flush(sent)?;
        Ok(sent)
    }

    /// Ends it; returns when that is in the log.
    ///
    /// # Errors
    /// If the transaction cannot be ended.
    pub fn end(self, end: TransactionEnd) -> Result<()> {
        let producer = &self.sender.producer;
        match end {
            TransactionEnd::Commit => producer.commit_transaction(REQUEST).map_err(self.failed("commit"))?,
            TransactionEnd::Abort => producer.abort_transaction(REQUEST).map_err(self.failed("abort"))?,
            TransactionEnd::LeaveOpen => return Ok(()),
        }
        // The broker answers before the markers are in the log, and gives the id out again once they are.
        Self::begin(&self.sender.bootstrap, &self.sender.topic, &self.id).map(drop)
    }

    fn failed(&self, what: &str) -> impl FnOnce(KafkaError) -> Error {
        Error::kafka(format!("{what} transaction {}", self.id), &self.sender.bootstrap)
    }
}

fn producer_config(bootstrap: &str, options: &ProduceOptions) -> ClientConfig {
    let mut config = client_config(bootstrap);
    config
        .set("acks", "all")
        // Keeps each partition in order through retries.
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .set("batch.num.messages", "20000")
        .set("batch.size", "900000")
        .set("queue.buffering.max.messages", "500000")
        .set("queue.buffering.max.kbytes", "131072")
        .set("message.timeout.ms", "60000")
        .set("allow.auto.create.topics", "false")
        .set("compression.codec", options.compression.name());
    for (name, value) in &options.properties {
        config.set(name, value);
    }
    config
}

/// Counts failures; remembers the first.
#[derive(Default)]
struct Tally {
    failures: Mutex<(usize, Option<KafkaError>)>,
}

/// A context that knows which deliveries failed.
trait Failures: ProducerContext<DeliveryOpaque = usize> + 'static {
    fn take_failures(&self) -> (usize, Option<KafkaError>);
}

impl rdkafka::ClientContext for Tally {}

impl ProducerContext for Tally {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, _: usize) {
        if let Err((error, _)) = result {
            note(&self.failures, error);
        }
    }
}

impl Failures for Tally {
    fn take_failures(&self) -> (usize, Option<KafkaError>) {
        std::mem::take(&mut *self.failures.lock().expect("nothing panics while holding it"))
    }
}

fn note(failures: &Mutex<(usize, Option<KafkaError>)>, error: &KafkaError) {
    let mut failures = failures.lock().expect("nothing panics while holding it");
    failures.0 += 1;
    failures.1.get_or_insert_with(|| error.clone());
}

struct Sender<C: Failures> {
    bootstrap: String,
    topic: String,
    producer: BaseProducer<C>,
}

impl<C: Failures> Sender<C> {
    fn new(bootstrap: &str, topic: &str, config: &ClientConfig, context: C) -> Result<Self> {
        let producer =
            config.create_with_context(context).map_err(Error::kafka("create a producer", bootstrap))?;
        Ok(Self { bootstrap: bootstrap.to_owned(), topic: topic.to_owned(), producer })
    }

    /// Queues one record; waits for room.
    fn send(&self, record: &PlainRecord, opaque: usize) -> Result<()> {
        let PlainRecord { partition, key, value, headers, timestamp } = record;
        let mut message = BaseRecord::<[u8], [u8], usize>::with_opaque_to(&self.topic, opaque)
            .partition(*partition)
            .timestamp(*timestamp);
        message.key = key.as_deref();
        message.payload = value.as_deref();
        if !headers.is_empty() {
            message.headers = Some(to_headers(headers));
        }
        loop {
            match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    message = back;
                    self.producer.poll(Duration::from_millis(10));
                }
                Err((error, _)) => {
                    let what = format!("produce to {}-{partition}", self.topic);
                    return Err(Error::kafka(what, &self.bootstrap)(error));
                }
            }
        }
    }

    /// Waits for all acknowledgements.
    fn flush(&self, total: usize) -> Result<()> {
        let what = format!("produce {total} records to topic {}", self.topic);
        self.producer.flush(REQUEST * 4).map_err(Error::kafka(what, &self.bootstrap))?;
        match self.producer.context().take_failures() {
            (0, _) => Ok(()),
            (failed, first) => Err(Error::NotAcknowledged {
                topic: self.topic.clone(),
                bootstrap: self.bootstrap.clone(),
                failed,
                total,
                first: Box::new(first.expect("a failure was counted with its error")),
            }),
        }
    }
}

fn to_headers(headers: &[(String, Option<Vec<u8>>)]) -> OwnedHeaders {
    headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), |all, (key, value)| {
        all.insert(Header { key, value: value.as_ref() })
    })
}

/// Where a record landed: the index that its sender gave it, its partition and its offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub index: usize,
    pub partition: i32,
    pub offset: i64,
}

/// A producer that says where each record landed.
pub(crate) struct OffsetProducer {
    sender: Sender<Places>,
}

#[derive(Default)]
struct Places {
    tally: Tally,
    placed: Mutex<Vec<Placed>>,
}

impl rdkafka::ClientContext for Places {}

impl ProducerContext for Places {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        match result {
            Ok(message) => {
                let placed = Placed { index, partition: message.partition(), offset: message.offset() };
                self.placed.lock().expect("nothing panics while holding it").push(placed);
            }
            Err((error, _)) => note(&self.tally.failures, error),
        }
    }
}

impl Failures for Places {
    fn take_failures(&self) -> (usize, Option<KafkaError>) {
        self.tally.take_failures()
    }
}

impl OffsetProducer {
    pub(crate) fn new(bootstrap: &str, topic: &str, options: &ProduceOptions) -> Result<Self> {
        let config = producer_config(bootstrap, options);
        Ok(Self { sender: Sender::new(bootstrap, topic, &config, Places::default())? })
    }

    /// Queues one record under the caller's `index`.
    pub(crate) fn send(&self, record: &PlainRecord, index: usize) -> Result<()> {
        self.sender.send(record, index)
    }

    /// Waits for all acknowledgements; returns where the records sent since the last call landed, by index.
    pub(crate) fn flush(&self, total: usize) -> Result<Vec<Placed>> {
        self.sender.flush(total)?;
        let places = self.sender.producer.context();
        let mut placed = std::mem::take(&mut *places.placed.lock().expect("nothing panics while holding it"));
        placed.sort_by_key(|placed| placed.index);
        Ok(placed)
    }
}
