//! Batches of records straight from librdkafka's consumer queue: the one place with raw message pointers.
//!
//! Why raw: one call hands over up to [`BATCH`] messages, where the safe wrapper pays a queue lock and an
//! allocation for each. The safety argument stands at each block; all pointers stay inside [`BatchQueue::poll`].

use std::ffi::CStr;
use std::os::raw::{c_char, c_void};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};

use super::headerless::Headerless;
use crate::record::{HeaderView, RecordView, TimestampType};

const BATCH: usize = 2_000;

/// A topic, as long as its [`BatchQueue`] lives: equal for all records of the topic.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct TopicHandle(usize);

/// What stands in the queue.
pub(super) enum Entry<'a> {
    Record {
        topic: TopicHandle,
        partition: i32,
        view: RecordView<'a>,
    },
    /// The end of the partition as of now. `offset` is the next one.
    PartitionEnd {
        topic: TopicHandle,
        partition: i32,
        offset: i64,
    },
    /// The client gave up on something; `partition` is below 0 where it concerns the whole client.
    Fault {
        topic: Option<TopicHandle>,
        partition: i32,
        offset: i64,
        code: i32,
        text: String,
    },
}

/// A consumer whose queue is read in batches.
pub(super) struct BatchQueue<C: ConsumerContext + 'static> {
    // Field order matters: the queue is given back before the consumer is closed.
    queue: Queue,
    consumer: BaseConsumer<C>,
    messages: Vec<*mut rd::rd_kafka_message_t>,
    headerless: Headerless,
}

struct Queue(*mut rd::rd_kafka_queue_t);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the pointer came from rd_kafka_queue_get_consumer and is given back once.
        unsafe { rd::rd_kafka_queue_destroy(self.0) }
    }
}

// SAFETY: librdkafka's client and queue handles may be used from any thread; message pointers never leave `poll`.
unsafe impl<C: ConsumerContext + 'static> Send for BatchQueue<C> {}

impl<C: ConsumerContext + 'static> BatchQueue<C> {
    /// `None` where the client has no consumer queue, which a consumer with a group id always has.
    pub fn new(consumer: BaseConsumer<C>) -> Option<Self> {
        // SAFETY: the client lives in `consumer`, which this value owns; the queue is referenced on its own.
        let queue = unsafe { rd::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        (!queue.is_null()).then(|| Self {
            queue: Queue(queue),
            consumer,
            messages: vec![ptr::null_mut(); BATCH],
            headerless: Headerless::of_this_client(),
        })
    }

    /// The client, to assign and to ask.
    pub fn consumer(&self) -> &BaseConsumer<C> {
        &self.consumer
    }

    /// The name behind a handle.
    pub fn topic_name(&self, topic: TopicHandle) -> String {
        // SAFETY: a handle is the address of a topic object that librdkafka keeps for as long as the client lives
        // and the partition is assigned; the name is copied at once.
        unsafe {
            let name = rd::rd_kafka_topic_name(topic.0 as *const rd::rd_kafka_topic_t);
            CStr::from_ptr(name).to_string_lossy().into_owned()
        }
    }

    /// Waits at most `timeout` for a first entry and visits what is there, at most one batch. Returns how many.
    pub fn poll(&mut self, timeout: Duration, mut visit: impl FnMut(&Self, Entry<'_>)) -> usize {
        // SAFETY: the buffer has BATCH places; the call fills the first `n` with owned message pointers.
        let n = unsafe {
            rd::rd_kafka_consume_batch_queue(
                self.queue.0,
                timeout.as_millis() as i32,
                self.messages.as_mut_ptr(),
                BATCH,
            )
        };
        let n = usize::try_from(n).unwrap_or(0);
        // Given back on every path: where `visit` panics, closing the client would wait for what is not.
        for message in Fetched(self.messages[..n].iter()) {
            // SAFETY: a non-null pointer filled in above, owned by `message` until the end of this turn.
            let raw = unsafe { &*message.0 };
            let topic = TopicHandle(raw.rkt as usize);
            let entry = match raw.err {
                rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR => {
                    let mut headers = Vec::new();
                    // SAFETY: `raw` is a fetched message; all views end before `message` is dropped.
                    let view = unsafe { view(message.0, raw, self.headerless, &mut headers) };
                    visit(self, Entry::Record { topic, partition: raw.partition, view });
                    continue;
                }
                rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTITION_EOF => {
                    Entry::PartitionEnd { topic, partition: raw.partition, offset: raw.offset }
                }
                code => Entry::Fault {
                    topic: (!raw.rkt.is_null()).then_some(topic),
                    partition: raw.partition,
                    offset: raw.offset,
                    code: code as i32,
                    // SAFETY: an error message's payload is its text, owned by `message`.
                    text: unsafe { bytes(raw.payload, raw.len) }
                        .map(|text| String::from_utf8_lossy(text).into_owned())
                        .unwrap_or_default(),
                },
            };
            visit(self, entry);
        }
        n
    }
}

/// Owned messages that are not visited yet.
struct Fetched<'a>(std::slice::Iter<'a, *mut rd::rd_kafka_message_t>);

impl Iterator for Fetched<'_> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        self.0.next().map(|message| Message(*message))
    }
}

impl Drop for Fetched<'_> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

struct Message(*mut rd::rd_kafka_message_t);

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: owned, and destroyed once.
        unsafe { rd::rd_kafka_message_destroy(self.0) }
    }
}

/// `None` for a null pointer; librdkafka gives a non-null one for an empty payload.
///
/// # Safety
/// `data` is null or points to `len` bytes that live for `'a`.
unsafe fn bytes<'a>(data: *const c_void, len: usize) -> Option<&'a [u8]> {
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) })
}

/// # Safety
/// `message` is a fetched message that lives for `'a`; `raw` is the same.
unsafe fn view<'a>(
    message: *mut rd::rd_kafka_message_t,
    raw: &'a rd::rd_kafka_message_t,
    headerless: Headerless,
    headers: &'a mut Vec<HeaderView<'a>>,
) -> RecordView<'a> {
    let mut kind = rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    let mut list: *mut rd::rd_kafka_headers_t = ptr::null_mut();
    unsafe {
        let timestamp = rd::rd_kafka_message_timestamp(message, &mut kind);
        if !headerless.is_certain(raw)
            && rd::rd_kafka_message_headers(message, &mut list)
                == rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            let mut name: *const c_char = ptr::null();
            let mut value: *const c_void = ptr::null();
            let mut len = 0;
            while rd::rd_kafka_header_get_all(list, headers.len(), &mut name, &mut value, &mut len)
                == rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR
            {
                headers.push(HeaderView { name: CStr::from_ptr(name).to_bytes(), value: bytes(value, len) });
            }
        }
        RecordView {
            offset: raw.offset,
            timestamp,
            timestamp_type: match kind {
                rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_CREATE_TIME => TimestampType::CreateTime,
                rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME => {
                    TimestampType::LogAppendTime
                }
                rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE => {
                    TimestampType::NotAvailable
                }
            },
            key: bytes(raw.key, raw.key_len),
            value: bytes(raw.payload, raw.len),
            headers,
        }
    }
}
