//! Headers are read as they were written, whatever stands before and behind them.

use super::tests::{Broker, STALL};
use super::*;
use crate::cancel::CancelToken;
use crate::record::{Header, OffsetRange, Record, Side, TimestampType, TopicPartition};

/// No more than the mock broker keeps of a partition, 5 MiB.
const RECORDS: i64 = 10_000;

/// Values of all lengths from none to 700 bytes, so that ends fall on every place of a page; every second one ends
/// with a zero byte. Headers: none, or up to two of null, empty and other values.
fn record(offset: i64) -> Record {
    let length = (offset * 37 % 701) as usize;
    let value = (offset % 50 != 3).then(|| {
        let mut value = vec![(offset % 251) as u8; length];
        if let Some(last) = value.last_mut()
            && offset % 2 == 0
        {
            *last = 0;
        }
        value
    });
    let header =
        |name: &[u8], value: Option<&[u8]>| Header { name: name.to_vec(), value: value.map(<[u8]>::to_vec) };
    Record {
        offset,
        timestamp: 1_000_000 + offset,
        timestamp_type: TimestampType::CreateTime,
        key: (offset % 3 != 0).then(|| vec![0; (offset % 5) as usize]),
        value,
        headers: match offset % 7 {
            0 => vec![header(b"h", None)],
            1 => vec![header(b"", Some(b""))],
            2 => vec![header(b"h", Some(b"\0")), header(b"h", Some(b"x"))],
            _ => vec![],
        },
    }
}

#[test]
fn headers_are_read_as_written_behind_any_value_in_any_codec() {
    let all: Vec<Record> = (0..RECORDS).map(record).collect();
    let partition = TopicPartition::new("orders", 0);
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let broker = Broker::start("orders", 1);
        let settings = [("compression.codec", codec), ("batch.size", "50000"), ("linger.ms", "50")];
        broker.produce_with("orders", 0, &all, &settings);
        let mut reader = Reader::open(Side::Source, &broker.config(), STALL).expect("a reader");
        let range = OffsetRange { start: 0, end: RECORDS };
        let mut at = 0;
        let ended = reader
            .read_range(&partition, range, &CancelToken::default(), &mut Vec::new(), |view| {
                assert_eq!(view.to_record(), all[at], "{codec}");
                at += 1;
                true
            })
            .expect("readable");
        assert_eq!((ended, at), (ReadEnd::ReachedEnd, all.len()), "{codec}");
    }
}
