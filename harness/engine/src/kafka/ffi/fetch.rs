//! The events of a consumer's queue with all that they say: topic, partition and offset also of ends and errors.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t as err;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};

use super::string;
use crate::record::{Header, Record, TimestampType, TopicPartition};

/// What stands in the queue.
pub enum Entry {
    Record(TopicPartition, Record),
    /// The end of the partition as of now; `next` is the offset that a further record could have.
    PartitionEnd {
        partition: TopicPartition,
        next: i64,
    },
    /// Trouble with one partition, or with the client (`None`).
    Fault {
        partition: Option<TopicPartition>,
        code: Code,
        text: String,
    },
}

/// The queue of a consumer that assigns its partitions itself.
pub struct FetchQueue<C: ConsumerContext + 'static> {
    // Field order matters: the queue is given back before the consumer is closed.
    queue: Queue,
    consumer: BaseConsumer<C>,
}

struct Queue(*mut rd::rd_kafka_queue_t);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: came from rd_kafka_queue_get_consumer and is given back once.
        unsafe { rd::rd_kafka_queue_destroy(self.0) }
    }
}

struct Event(*mut rd::rd_kafka_event_t);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: given to us by rd_kafka_queue_poll and destroyed once.
        unsafe { rd::rd_kafka_event_destroy(self.0) }
    }
}

// SAFETY: librdkafka's clients and queues may be used from any thread; events never leave `poll`.
unsafe impl<C: ConsumerContext + 'static> Send for FetchQueue<C> {}

impl<C: ConsumerContext + 'static> FetchQueue<C> {
    /// `None` where the consumer has no queue, which one with a group id always has.
    pub fn new(consumer: BaseConsumer<C>) -> Option<Self> {
        // SAFETY: the client lives in `consumer`, which this value owns; the queue is referenced on its own.
        let queue = unsafe { rd::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        (!queue.is_null()).then(|| Self { queue: Queue(queue), consumer })
    }

    /// The client, to assign.
    pub fn consumer(&self) -> &BaseConsumer<C> {
        &self.consumer
    }

    /// Waits at most `timeout` for one entry. `None` says nothing about the end of anything.
    pub fn poll(&self, timeout: Duration) -> Option<Entry> {
        // SAFETY: the queue is valid; the event, if any, is owned by `Event`.
        let event = unsafe { rd::rd_kafka_queue_poll(self.queue.0, timeout.as_millis() as i32) };
        if event.is_null() {
            return None;
        }
        let event = Event(event);
        // SAFETY: a live event.
        match unsafe { rd::rd_kafka_event_type(event.0) } {
            rd::RD_KAFKA_EVENT_FETCH => self.record(&event),
            rd::RD_KAFKA_EVENT_ERROR => self.error(&event),
            rd::RD_KAFKA_EVENT_LOG => {
                self.log(&event);
                None
            }
            _ => None,
        }
    }

    fn record(&self, event: &Event) -> Option<Entry> {
        // SAFETY: a fetch event owns its one message; what is read is copied before the event is dropped.
        unsafe {
            let message = rd::rd_kafka_event_message_next(event.0);
            if message.is_null() {
                return None;
            }
            let raw = &*message;
            let partition =
                TopicPartition { topic: string(rd::rd_kafka_topic_name(raw.rkt)), partition: raw.partition };
            if raw.err != err::RD_KAFKA_RESP_ERR_NO_ERROR {
                let text = bytes(raw.payload, raw.len).unwrap_or_default();
                let text = String::from_utf8_lossy(&text).into_owned();
                return Some(Entry::Fault { partition: Some(partition), code: raw.err.into(), text });
            }
            Some(Entry::Record(partition, record(message, raw)))
        }
    }

    fn error(&self, event: &Event) -> Option<Entry> {
        // SAFETY: a live error event; the topic-partition, if any, is owned and given back here.
        unsafe {
            let code = rd::rd_kafka_event_error(event.0);
            let text = string(rd::rd_kafka_event_error_string(event.0));
            let raw = rd::rd_kafka_event_topic_partition(event.0);
            let place = (!raw.is_null()).then(|| {
                let partition = TopicPartition { topic: string((*raw).topic), partition: (*raw).partition };
                let offset = (*raw).offset;
                rd::rd_kafka_topic_partition_destroy(raw);
                (partition, offset)
            });
            if code == err::RD_KAFKA_RESP_ERR__PARTITION_EOF {
                return place.map(|(partition, next)| Entry::PartitionEnd { partition, next });
            }
            if place.is_none() {
                self.consumer.context().error(ClientError::Global(code.into()), &text);
            }
            Some(Entry::Fault { partition: place.map(|(partition, _)| partition), code: code.into(), text })
        }
    }

    fn log(&self, event: &Event) {
        let (mut facility, mut text, mut level) = (ptr::null(), ptr::null(), 0);
        // SAFETY: a live log event; both strings live as long as it.
        unsafe {
            if rd::rd_kafka_event_log(event.0, &mut facility, &mut text, &mut level) == 0 {
                let level = if level <= 2 { RDKafkaLogLevel::Critical } else { RDKafkaLogLevel::Warning };
                self.consumer.context().log(level, &string(facility), &string(text));
            }
        }
    }
}

/// A copy; `None` for a null pointer. librdkafka gives a non-null one for an empty payload.
///
/// # Safety
/// `data` is null or points to `len` bytes that live during the call.
unsafe fn bytes(data: *const c_void, len: usize) -> Option<Vec<u8>> {
    // SAFETY: by this function's contract.
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len) }.to_vec())
}

/// # Safety
/// `message` is a fetched message that lives during the call; `raw` is the same.
unsafe fn record(message: *const rd::rd_kafka_message_t, raw: &rd::rd_kafka_message_t) -> Record {
    let mut kind = rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    let mut list: *mut rd::rd_kafka_headers_t = ptr::null_mut();
    let mut headers = Vec::new();
    // SAFETY: by this function's contract; header names and values belong to the message and are copied.
    unsafe {
        let timestamp = rd::rd_kafka_message_timestamp(message, &mut kind);
        if rd::rd_kafka_message_headers(message, &mut list) == err::RD_KAFKA_RESP_ERR_NO_ERROR {
            let mut name: *const c_char = ptr::null();
            let mut value: *const c_void = ptr::null();
            let mut len = 0;
            while rd::rd_kafka_header_get_all(list, headers.len(), &mut name, &mut value, &mut len)
                == err::RD_KAFKA_RESP_ERR_NO_ERROR
            {
                headers.push(Header {
                    name: CStr::from_ptr(name).to_bytes().to_vec(),
                    value: bytes(value, len),
                });
            }
        }
        Record {
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
