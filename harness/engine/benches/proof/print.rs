//! A topic as lines, as `kcat -C -e -f '%p %T %k %s\n'` prints it: what people sort and compare. Knows no headers.

use std::io::{BufWriter, Write, stdout};

use rdkafka::bindings as rd;

use super::drain::drain;

/// Arguments: this program, source, target, topic, partitions of either, a directory for the lines.
pub const SORT_AND_COMPARE: &str = r#"
cd "$7"; export LC_ALL=C
"$1" --print "$2" "$4" "$5" | sort >source.sorted
"$1" --print "$3" "$4" "$6" | sort >target.sorted
cmp source.sorted target.sorted && echo "$(wc -l <source.sorted) lines are equal"
rm source.sorted target.sorted
"#;

/// `args`: bootstrap servers, topic, partitions.
pub fn print_lines(args: &[String]) {
    let [bootstrap, topic, partitions] = args else { panic!("--print wants three arguments") };
    let mut out = BufWriter::with_capacity(1 << 20, stdout().lock());
    drain(bootstrap, topic, partitions.parse().expect("a number of partitions"), |message| {
        // SAFETY: a fetched message, alive during the visit; its fields are what they say.
        let (timestamp, key, value) = unsafe {
            let bytes = |data: *mut std::ffi::c_void, len| match data.is_null() {
                true => &[][..],
                false => std::slice::from_raw_parts(data.cast::<u8>(), len),
            };
            let timestamp = rd::rd_kafka_message_timestamp(
                message,
                &mut rd::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE,
            );
            (timestamp, bytes(message.key, message.key_len), bytes(message.payload, message.len))
        };
        write!(out, "{} {timestamp} ", message.partition).expect("written");
        for part in [key, b" ", value, b"\n"] {
            out.write_all(part).expect("written");
        }
    });
    out.flush().expect("written");
}
