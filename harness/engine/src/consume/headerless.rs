//! Tells that a fetched record has no headers by one byte of it. Says nothing of the headers that there are.
//!
//! Why: `rd_kafka_message_headers` makes and frees a buffer for each record before it reads that there are none,
//! which is a tenth of a run's CPU time; librdkafka has no public call that only counts them.
//!
//! In a record of message format 2 the number of headers, a varint, follows the value's last byte. librdkafka does
//! not copy: a value of at least one byte points into the response, or into the batch's decompressed buffer, each of
//! them one piece of memory with the whole record in it (`rd_kafka_msgset_reader_msg_v2` reads key, value and headers
//! off one slice; `rd_kafka_recv` and the decompressors allocate once). So a first byte other than zero is the only
//! way in which headers can begin. Older formats have no headers: whatever follows there, "none" is right.
//!
//! What does not hold for other versions of librdkafka must not decide: [`Headerless::of_this_client`].

use rdkafka::bindings as rd;

/// The versions whose source was read for the argument above.
const KNOWN: [i32; 1] = [0x020c_01ff];
/// No platform has smaller pages.
const PAGE: usize = 4096;

/// Whether the byte may be asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Headerless {
    known: bool,
}

impl Headerless {
    /// For the librdkafka that is linked.
    pub fn of_this_client() -> Self {
        // SAFETY: takes nothing, returns a number.
        Self { known: KNOWN.contains(&unsafe { rd::rd_kafka_version() }) }
    }

    /// True only where the record has no headers; false says nothing.
    ///
    /// # Safety
    /// `raw` is a fetched message that lives during the call.
    pub unsafe fn is_certain(self, raw: &rd::rd_kafka_message_t) -> bool {
        // An empty value is a constant elsewhere, a null one has no place.
        if !self.known || raw.payload.is_null() || raw.len == 0 {
            return false;
        }
        let behind = raw.payload.cast::<u8>().wrapping_add(raw.len);
        if (behind as usize).is_multiple_of(PAGE) {
            return false;
        }
        // SAFETY: in format 2 the byte is part of the record. In an older one, or where a producer left the number
        // out, it may lie one past the buffer, but on the page of the value's last byte, which is mapped; there are
        // no headers then, so any answer is right. Volatile: nothing may be concluded from that it was read.
        unsafe { behind.read_volatile() == 0 }
    }
}
