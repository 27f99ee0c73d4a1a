//! Calls that librdkafka has and its Rust wrapper has not. The one place of `kafka` with raw pointers.

mod admin;
mod fetch;

pub(super) use admin::{
    Failure, GroupListings, OffsetOf, Position, committed, describe_configs, describe_group, describe_topics,
    list_groups, list_offsets,
};
pub(super) use fetch::{Entry, FetchQueue};

use std::ffi::{CStr, CString};
use std::os::raw::c_char;

/// Copies a C string.
///
/// # Safety
/// `text` is null or points to a C string that lives during the call.
unsafe fn string(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: by this function's contract.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

/// Names with a zero byte cannot exist in Kafka; they become a name that the broker refuses.
fn c_string(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

/// The entries of an array that librdkafka returned with its length.
///
/// # Safety
/// `array` is null or points to `count` pointers that live for `'a`.
unsafe fn entries<'a, T>(array: *mut *const T, count: usize) -> &'a [*const T] {
    if array.is_null() {
        return &[];
    }
    // SAFETY: by this function's contract.
    unsafe { std::slice::from_raw_parts(array, count) }
}

/// The names of all properties that librdkafka has, but for those of topics.
#[cfg(test)]
pub(super) fn property_names() -> Vec<String> {
    use rdkafka::bindings as rd;
    // SAFETY: the configuration and its dump are made, read and given back here; the dump is `count` C strings, names
    // and values in turn.
    unsafe {
        let config = rd::rd_kafka_conf_new();
        let mut count = 0;
        let dump = rd::rd_kafka_conf_dump(config, &mut count);
        let names = (0..count).step_by(2).map(|at| string(*dump.add(at))).collect();
        rd::rd_kafka_conf_dump_free(dump, count);
        rd::rd_kafka_conf_destroy(config);
        names
    }
}
