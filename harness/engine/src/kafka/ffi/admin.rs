//! Read-only admin requests: ListOffsets, groups and their commits, topics, configs. One request, one answer.
//!
//! Every request goes through [`ask`], which owns the options, the queue and the answer for as long as they are used.
//! Results are copied before the answer is dropped; no pointer leaves this file.

use std::collections::BTreeMap;
use std::ptr;
use std::time::{Duration, Instant};

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_admin_op_t as op;
use rdkafka::bindings::rd_kafka_resp_err_t as err;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{c_string, entries, string};
use crate::record::{Isolation, TopicPartition};

/// Waiting longer than the request's own time limit: librdkafka answers by then, if only that time is up.
const GRACE: Duration = Duration::from_secs(2);

/// What a broker or the client said instead of an answer.
#[derive(Clone, Debug)]
pub struct Failure {
    pub code: Code,
    pub text: String,
}

impl Failure {
    fn new(code: rd::rd_kafka_resp_err_t, text: String) -> Self {
        Self { code: code.into(), text }
    }

    /// The brokers do not know the request.
    pub fn is_unsupported(&self) -> bool {
        matches!(self.code, Code::UnsupportedFeature | Code::UnsupportedVersion)
    }
}

/// Which offset to ask for.
#[derive(Clone, Copy, Debug)]
pub enum OffsetOf {
    LogStart,
    LogEnd,
    /// The first record at or after this time, in milliseconds since the epoch, not below 0.
    Time(i64),
}

/// A committed position as it stands.
#[derive(Clone, Debug)]
pub struct Position {
    pub partition: TopicPartition,
    pub offset: i64,
    pub metadata: String,
    pub leader_epoch: Option<i32>,
    pub error: Option<Code>,
}

/// What the brokers list; `errors` are those of single brokers.
#[derive(Clone, Debug, Default)]
pub struct GroupListings {
    /// Group id, name of the state, name of the type, whether no member ever joined.
    pub groups: Vec<(String, String, String, bool)>,
    pub errors: Vec<Failure>,
}

/// One group's state and live members.
#[derive(Clone, Debug)]
pub struct GroupDescription {
    pub state: String,
    /// Client id and host of each member.
    pub members: Vec<(String, String)>,
}

/// One topic as the brokers describe it.
#[derive(Clone, Debug)]
pub struct TopicDescription {
    pub name: String,
    /// Base64, as Kafka's tools print it; `None` where the brokers know no ids.
    pub id: Option<String>,
    pub partitions: Vec<i32>,
    pub error: Option<Failure>,
}

/// Who is asked.
enum Target {
    /// Coordinators, or all brokers, as the request wants.
    LibrdkafkasChoice,
    /// This one, since any can answer. (librdkafka would wait for the controller.)
    Broker(i32),
    /// The leaders, who answer by isolation.
    Leaders(Isolation),
}

struct Options(*mut rd::rd_kafka_AdminOptions_t);

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: made by rd_kafka_AdminOptions_new and destroyed once.
        unsafe { rd::rd_kafka_AdminOptions_destroy(self.0) }
    }
}

struct Queue(*mut rd::rd_kafka_queue_t);

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: made by rd_kafka_queue_new and destroyed once; a late answer is dropped by librdkafka itself.
        unsafe { rd::rd_kafka_queue_destroy(self.0) }
    }
}

struct Answer(*mut rd::rd_kafka_event_t);

impl Drop for Answer {
    fn drop(&mut self) {
        // SAFETY: given to us by rd_kafka_queue_poll and destroyed once.
        unsafe { rd::rd_kafka_event_destroy(self.0) }
    }
}

/// Sends one request and waits for its answer. `send` gets valid pointers to the client, the options and the queue,
/// and must enqueue exactly one request; `read` gets the answer, which is no error.
fn ask<C: ConsumerContext, T>(
    client: &BaseConsumer<C>,
    operation: rd::rd_kafka_admin_op_t,
    target: Target,
    timeout: Duration,
    send: impl FnOnce(*mut rd::rd_kafka_t, *const rd::rd_kafka_AdminOptions_t, *mut rd::rd_kafka_queue_t),
    read: impl FnOnce(*mut rd::rd_kafka_event_t) -> T,
) -> Result<T, Failure> {
    let rk = client.client().native_ptr();
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX).max(1);
    let mut text = [0; 256];
    // SAFETY: `rk` lives as long as `client`, which is borrowed; both results are checked and owned.
    let (options, queue) =
        unsafe { (Options(rd::rd_kafka_AdminOptions_new(rk, operation)), Queue(rd::rd_kafka_queue_new(rk))) };
    // SAFETY: the options are valid, the buffer's length is stated.
    unsafe {
        let set =
            rd::rd_kafka_AdminOptions_set_request_timeout(options.0, millis, text.as_mut_ptr(), text.len());
        if set != err::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(Failure::new(set, string(text.as_ptr())));
        }
    }
    match target {
        Target::LibrdkafkasChoice => {}
        Target::Broker(id) => {
            // SAFETY: the options are valid, the buffer's length is stated.
            unsafe {
                let set = rd::rd_kafka_AdminOptions_set_broker(options.0, id, text.as_mut_ptr(), text.len());
                if set != err::RD_KAFKA_RESP_ERR_NO_ERROR {
                    return Err(Failure::new(set, string(text.as_ptr())));
                }
            }
        }
        Target::Leaders(isolation) => {
            let level = match isolation {
                Isolation::ReadCommitted => {
                    rd::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED
                }
                Isolation::ReadUncommitted => {
                    rd::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED
                }
            };
            // SAFETY: the options are valid; the error, if any, is owned and given back here.
            unsafe {
                let error = rd::rd_kafka_AdminOptions_set_isolation_level(options.0, level);
                if !error.is_null() {
                    let code = rd::rd_kafka_error_code(error);
                    let failure = Failure::new(code, string(rd::rd_kafka_error_string(error)));
                    rd::rd_kafka_error_destroy(error);
                    return Err(failure);
                }
            }
        }
    }
    send(rk, options.0, queue.0);
    let until = Instant::now() + timeout + GRACE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        // SAFETY: the queue is valid; the event, if any, is owned by `Answer`.
        let event = unsafe { rd::rd_kafka_queue_poll(queue.0, left.as_millis() as i32) };
        if !event.is_null() {
            let answer = Answer(event);
            // SAFETY: the event is valid until `answer` is dropped.
            let (code, text) =
                unsafe { (rd::rd_kafka_event_error(answer.0), rd::rd_kafka_event_error_string(answer.0)) };
            if code != err::RD_KAFKA_RESP_ERR_NO_ERROR {
                // SAFETY: the text lives as long as the event.
                return Err(Failure::new(code, unsafe { string(text) }));
            }
            return Ok(read(answer.0));
        }
        if left.is_zero() {
            return Err(Failure::new(err::RD_KAFKA_RESP_ERR__TIMED_OUT, "no answer".to_owned()));
        }
    }
}

/// A partition and its offset, or why there is none.
pub type OffsetAnswer = (TopicPartition, Result<i64, Code>);

/// Offsets of many partitions, one request for each leader. Partitions must differ.
pub fn list_offsets<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    wanted: &[(TopicPartition, OffsetOf)],
    isolation: Isolation,
    timeout: Duration,
) -> Result<Vec<OffsetAnswer>, Failure> {
    let mut list = TopicPartitionList::with_capacity(wanted.len());
    for (partition, of) in wanted {
        let offset = match of {
            OffsetOf::LogStart => Offset::Beginning,
            OffsetOf::LogEnd => Offset::End,
            OffsetOf::Time(millis) => Offset::Offset((*millis).max(0)),
        };
        list.add_partition_offset(&partition.topic, partition.partition, offset)
            .map_err(|_| Failure::new(err::RD_KAFKA_RESP_ERR__INVALID_ARG, "an invalid offset".to_owned()))?;
    }
    ask(
        client,
        op::RD_KAFKA_ADMIN_OP_LISTOFFSETS,
        Target::Leaders(isolation),
        timeout,
        // SAFETY: the list is valid during the call, which copies it.
        |rk, options, queue| unsafe { rd::rd_kafka_ListOffsets(rk, list.ptr(), options, queue) },
        // SAFETY: an event of this request; all pointers live as long as it, and are copied from.
        |event| unsafe {
            let mut count = 0;
            let infos = rd::rd_kafka_ListOffsets_result_infos(
                rd::rd_kafka_event_ListOffsets_result(event),
                &mut count,
            );
            entries(infos, count)
                .iter()
                .map(|info| {
                    let raw = &*rd::rd_kafka_ListOffsetsResultInfo_topic_partition(*info);
                    (
                        name(raw),
                        if raw.err == err::RD_KAFKA_RESP_ERR_NO_ERROR {
                            Ok(raw.offset)
                        } else {
                            Err(raw.err.into())
                        },
                    )
                })
                .collect()
        },
    )
}

/// # Safety
/// `raw` is an element of a valid list.
unsafe fn name(raw: &rd::rd_kafka_topic_partition_t) -> TopicPartition {
    // SAFETY: the topic is a C string owned by the list.
    TopicPartition { topic: unsafe { string(raw.topic) }, partition: raw.partition }
}

/// All consumer groups that the principal may see.
pub fn list_groups<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    timeout: Duration,
) -> Result<GroupListings, Failure> {
    ask(
        client,
        op::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS,
        Target::LibrdkafkasChoice,
        timeout,
        // SAFETY: valid pointers, by `ask`.
        |rk, options, queue| unsafe { rd::rd_kafka_ListConsumerGroups(rk, options, queue) },
        // SAFETY: an event of this request; all pointers live as long as it, and are copied from.
        |event| unsafe {
            let result = rd::rd_kafka_event_ListConsumerGroups_result(event);
            let mut count = 0;
            let valid = rd::rd_kafka_ListConsumerGroups_result_valid(result, &mut count);
            let groups = entries(valid, count)
                .iter()
                .map(|group| {
                    let state = rd::rd_kafka_ConsumerGroupListing_state(*group);
                    let kind = rd::rd_kafka_ConsumerGroupListing_type(*group);
                    (
                        string(rd::rd_kafka_ConsumerGroupListing_group_id(*group)),
                        string(rd::rd_kafka_consumer_group_state_name(state)),
                        string(rd::rd_kafka_consumer_group_type_name(kind)),
                        rd::rd_kafka_ConsumerGroupListing_is_simple_consumer_group(*group) != 0,
                    )
                })
                .collect();
            let errors = rd::rd_kafka_ListConsumerGroups_result_errors(result, &mut count);
            let errors = entries(errors, count)
                .iter()
                .map(|error| {
                    Failure::new(rd::rd_kafka_error_code(*error), string(rd::rd_kafka_error_string(*error)))
                })
                .collect();
            GroupListings { groups, errors }
        },
    )
}

/// One group's state and members.
pub fn describe_group<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    group: &str,
    timeout: Duration,
) -> Result<GroupDescription, Failure> {
    let group = c_string(group);
    let mut groups = [group.as_ptr()];
    ask(
        client,
        op::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS,
        Target::LibrdkafkasChoice,
        timeout,
        // SAFETY: one name, valid during the call, which copies it.
        |rk, options, queue| unsafe {
            rd::rd_kafka_DescribeConsumerGroups(rk, groups.as_mut_ptr(), groups.len(), options, queue);
        },
        // SAFETY: an event of this request; all pointers live as long as it, and are copied from.
        |event| unsafe {
            let result = rd::rd_kafka_event_DescribeConsumerGroups_result(event);
            let mut count = 0;
            let groups = rd::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count);
            let Some(group) = entries(groups, count).first() else {
                return Err(Failure::new(
                    err::RD_KAFKA_RESP_ERR__BAD_MSG,
                    "an answer without the group".to_owned(),
                ));
            };
            let error = rd::rd_kafka_ConsumerGroupDescription_error(*group);
            if !error.is_null() {
                return Err(Failure::new(
                    rd::rd_kafka_error_code(error),
                    string(rd::rd_kafka_error_string(error)),
                ));
            }
            let state = rd::rd_kafka_ConsumerGroupDescription_state(*group);
            let members = (0..rd::rd_kafka_ConsumerGroupDescription_member_count(*group))
                .map(|at| {
                    let member = rd::rd_kafka_ConsumerGroupDescription_member(*group, at);
                    (
                        string(rd::rd_kafka_MemberDescription_client_id(member)),
                        string(rd::rd_kafka_MemberDescription_host(member)),
                    )
                })
                .collect();
            Ok(GroupDescription { state: string(rd::rd_kafka_consumer_group_state_name(state)), members })
        },
    )?
}

struct GroupOffsets(*mut rd::rd_kafka_ListConsumerGroupOffsets_t);

impl Drop for GroupOffsets {
    fn drop(&mut self) {
        // SAFETY: made by rd_kafka_ListConsumerGroupOffsets_new and destroyed once.
        unsafe { rd::rd_kafka_ListConsumerGroupOffsets_destroy(self.0) }
    }
}

/// A group's committed positions: all (`None`), or those of the given partitions (not empty, all different).
pub fn committed<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    group: &str,
    partitions: Option<&[TopicPartition]>,
    timeout: Duration,
) -> Result<Vec<Position>, Failure> {
    let list = partitions.map(|partitions| {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            list.add_partition(&partition.topic, partition.partition);
        }
        list
    });
    let group = c_string(group);
    let raw = list.as_ref().map_or(ptr::null(), |list| list.ptr().cast_const());
    // SAFETY: both pointers are valid during the call, which copies from them.
    let request = GroupOffsets(unsafe { rd::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), raw) });
    let mut requests = [request.0];
    ask(
        client,
        op::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
        Target::LibrdkafkasChoice,
        timeout,
        // SAFETY: one request, valid during the call, which copies it.
        |rk, options, queue| unsafe {
            rd::rd_kafka_ListConsumerGroupOffsets(rk, requests.as_mut_ptr(), requests.len(), options, queue);
        },
        // SAFETY: an event of this request; all pointers live as long as it, and are copied from.
        |event| unsafe {
            let result = rd::rd_kafka_event_ListConsumerGroupOffsets_result(event);
            let mut count = 0;
            let groups = rd::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count);
            let mut positions = Vec::new();
            for group in entries(groups, count) {
                let error = rd::rd_kafka_group_result_error(*group);
                if !error.is_null() {
                    return Err(Failure::new(
                        rd::rd_kafka_error_code(error),
                        string(rd::rd_kafka_error_string(error)),
                    ));
                }
                let list = rd::rd_kafka_group_result_partitions(*group);
                if list.is_null() || (*list).cnt <= 0 {
                    continue;
                }
                for raw in std::slice::from_raw_parts((*list).elems, (*list).cnt as usize) {
                    positions.push(position(raw));
                }
            }
            Ok(positions)
        },
    )?
}

/// # Safety
/// `raw` is an element of a valid list.
unsafe fn position(raw: &rd::rd_kafka_topic_partition_t) -> Position {
    // SAFETY: metadata is null or `metadata_size` bytes owned by the list; the epoch is read from the same element.
    let (metadata, epoch) = unsafe {
        let metadata = match raw.metadata.is_null() {
            true => &[][..],
            false => std::slice::from_raw_parts(raw.metadata.cast::<u8>(), raw.metadata_size),
        };
        (metadata, rd::rd_kafka_topic_partition_get_leader_epoch(raw))
    };
    Position {
        // SAFETY: by this function's contract.
        partition: unsafe { name(raw) },
        offset: raw.offset,
        metadata: String::from_utf8_lossy(metadata).into_owned(),
        leader_epoch: (epoch >= 0).then_some(epoch),
        error: (raw.err != err::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| raw.err.into()),
    }
}

struct Topics(*mut rd::rd_kafka_TopicCollection_t);

impl Drop for Topics {
    fn drop(&mut self) {
        // SAFETY: made by rd_kafka_TopicCollection_of_topic_names and destroyed once.
        unsafe { rd::rd_kafka_TopicCollection_destroy(self.0) }
    }
}

/// Topics by name, with ids and partitions. Asks for no topic that is not named, and creates none.
pub fn describe_topics<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    broker: i32,
    topics: &[&str],
    timeout: Duration,
) -> Result<Vec<TopicDescription>, Failure> {
    let names: Vec<_> = topics.iter().map(|topic| c_string(topic)).collect();
    let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
    // SAFETY: the names live during the call, which copies them.
    let topics =
        Topics(unsafe { rd::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len()) });
    ask(
        client,
        op::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        Target::Broker(broker),
        timeout,
        // SAFETY: the collection is valid during the call, which copies it.
        |rk, options, queue| unsafe { rd::rd_kafka_DescribeTopics(rk, topics.0, options, queue) },
        // SAFETY: an event of this request; all pointers live as long as it, and are copied from.
        |event| unsafe {
            let result = rd::rd_kafka_event_DescribeTopics_result(event);
            let mut count = 0;
            let topics = rd::rd_kafka_DescribeTopics_result_topics(result, &mut count);
            entries(topics, count).iter().map(|topic| topic_description(*topic)).collect()
        },
    )
}

/// # Safety
/// `topic` is a description in a live answer.
unsafe fn topic_description(topic: *const rd::rd_kafka_TopicDescription_t) -> TopicDescription {
    // SAFETY: all pointers live as long as the answer, and are copied from.
    unsafe {
        let error = rd::rd_kafka_TopicDescription_error(topic);
        let failed = !error.is_null() && rd::rd_kafka_error_code(error) != err::RD_KAFKA_RESP_ERR_NO_ERROR;
        let id = rd::rd_kafka_TopicDescription_topic_id(topic);
        let none = id.is_null()
            || (rd::rd_kafka_Uuid_most_significant_bits(id) == 0
                && rd::rd_kafka_Uuid_least_significant_bits(id) == 0);
        let mut count = 0;
        let partitions = rd::rd_kafka_TopicDescription_partitions(topic, &mut count);
        let mut partitions: Vec<i32> = entries(partitions, count)
            .iter()
            .map(|part| rd::rd_kafka_TopicPartitionInfo_partition(*part))
            .collect();
        partitions.sort_unstable();
        TopicDescription {
            name: string(rd::rd_kafka_TopicDescription_name(topic)),
            id: (!none).then(|| string(rd::rd_kafka_Uuid_base64str(id))),
            partitions,
            error: failed.then(|| {
                Failure::new(rd::rd_kafka_error_code(error), string(rd::rd_kafka_error_string(error)))
            }),
        }
    }
}

struct Resource(*mut rd::rd_kafka_ConfigResource_t);

impl Drop for Resource {
    fn drop(&mut self) {
        // SAFETY: made by rd_kafka_ConfigResource_new and destroyed once.
        unsafe { rd::rd_kafka_ConfigResource_destroy(self.0) }
    }
}

/// A topic and its configuration, values by name, or why it is not told.
pub type ConfigAnswer = (String, Result<BTreeMap<String, String>, Failure>);

/// Configurations of topics in one request. Sensitive values come back without a value, and are left out.
pub fn describe_configs<C: ConsumerContext>(
    client: &BaseConsumer<C>,
    broker: i32,
    topics: &[&str],
    timeout: Duration,
) -> Result<Vec<ConfigAnswer>, Failure> {
    let kind = rd::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC;
    let resources: Vec<Resource> = topics
        .iter()
        // SAFETY: the name lives during the call, which copies it.
        .map(|topic| Resource(unsafe { rd::rd_kafka_ConfigResource_new(kind, c_string(topic).as_ptr()) }))
        .collect();
    if resources.iter().any(|resource| resource.0.is_null()) {
        return Err(Failure::new(err::RD_KAFKA_RESP_ERR__INVALID_ARG, "an invalid topic name".to_owned()));
    }
    let mut pointers: Vec<_> = resources.iter().map(|resource| resource.0).collect();
    ask(
        client,
        op::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS,
        Target::Broker(broker),
        timeout,
        // SAFETY: the resources live during the call, which copies them.
        |rk, options, queue| unsafe {
            rd::rd_kafka_DescribeConfigs(rk, pointers.as_mut_ptr(), pointers.len(), options, queue);
        },
        // SAFETY: an event of this request; all pointers live as long as it, and are copied from.
        |event| unsafe {
            let result = rd::rd_kafka_event_DescribeConfigs_result(event);
            let mut count = 0;
            let resources = rd::rd_kafka_DescribeConfigs_result_resources(result, &mut count);
            entries(resources, count)
                .iter()
                .map(|resource| {
                    let name = string(rd::rd_kafka_ConfigResource_name(*resource));
                    let code = rd::rd_kafka_ConfigResource_error(*resource);
                    if code != err::RD_KAFKA_RESP_ERR_NO_ERROR {
                        let text = string(rd::rd_kafka_ConfigResource_error_string(*resource));
                        return (name, Err(Failure::new(code, text)));
                    }
                    let mut count = 0;
                    let configs = rd::rd_kafka_ConfigResource_configs(*resource, &mut count);
                    let values = entries(configs, count)
                        .iter()
                        .filter_map(|entry| {
                            let value = rd::rd_kafka_ConfigEntry_value(*entry);
                            (!value.is_null())
                                .then(|| (string(rd::rd_kafka_ConfigEntry_name(*entry)), string(value)))
                        })
                        .collect();
                    (name, Ok(values))
                })
                .collect()
        },
    )
}
