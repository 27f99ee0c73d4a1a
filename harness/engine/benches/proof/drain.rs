//! The limit: both topics drained in batches by librdkafka, one thread a side, nothing done with the records.

use std::ptr;

use rdkafka::bindings as rd;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const BATCH: usize = 2_000;
/// A batch that is not full is waited for so long: at the end of a topic that is time lost.
const WAIT_MS: i32 = 20;

/// `args`: source, target, topic, partitions of either. Prints `N records, N bytes`.
pub fn drain_both(args: &[String]) {
    let [source, target, topic, partitions @ ..] = args else { panic!("--drain wants five arguments") };
    let partitions: Vec<i32> =
        partitions.iter().map(|n| n.parse().expect("a number of partitions")).collect();
    let (records, bytes) = std::thread::scope(|scope| {
        let threads = [(source, partitions[0]), (target, partitions[1])].map(|(bootstrap, partitions)| {
            scope.spawn(move || {
                let (mut records, mut bytes) = (0_u64, 0_u64);
                drain(bootstrap, topic, partitions, |message| {
                    records += 1;
                    bytes += (message.len + message.key_len) as u64;
                });
                (records, bytes)
            })
        });
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    });
    println!("{records} records, {bytes} bytes");
}

/// Visits all records of a topic, as they come.
pub fn drain(bootstrap: &str, topic: &str, partitions: i32, mut visit: impl FnMut(&rd::rd_kafka_message_t)) {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", "drain")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("check.crcs", "true")
        .set("enable.partition.eof", "true")
        .set("fetch.queue.backoff.ms", "1")
        .create()
        .expect("a client");
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions {
        list.add_partition_offset(topic, partition, Offset::Offset(0)).expect("a plain offset");
    }
    consumer.assign(&list).expect("assigned");
    // SAFETY: the client outlives the queue, which is given back below.
    let queue = unsafe { rd::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
    let mut messages = vec![ptr::null_mut(); BATCH];
    let mut ended = 0;
    while ended < partitions {
        // SAFETY: the buffer has BATCH places.
        let n = unsafe { rd::rd_kafka_consume_batch_queue(queue, WAIT_MS, messages.as_mut_ptr(), BATCH) };
        for message in &messages[..usize::try_from(n).unwrap_or(0)] {
            // SAFETY: filled in above, owned until it is destroyed here.
            unsafe {
                let raw = &**message;
                match raw.err {
                    rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => visit(raw),
                    rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF => ended += 1,
                    other => panic!("the drain failed: {other:?}"),
                }
                rd::rd_kafka_message_destroy(*message);
            }
        }
    }
    // SAFETY: obtained above, given back once.
    unsafe { rd::rd_kafka_queue_destroy(queue) };
}
