//! Batches that cannot be read, produced byte by byte into librdkafka's mock cluster, which checks none.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::tests::{Broker, STALL, record};
use super::*;
use crate::cancel::CancelToken;
use crate::record::{OffsetRange, Side, TopicPartition};

/// What is wrong with a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wrong {
    Nothing,
    Checksum,
    Codec,
    Compression,
}

/// A record batch (magic 2) of `count` records of one byte, from offset 0 on; the broker gives the offset.
fn batch(count: usize, wrong: Wrong) -> Vec<u8> {
    let mut records = Vec::new();
    for n in 0..count as u64 {
        let mut body = vec![0, 0];
        varint(&mut body, n);
        body.extend([1, 2, b'v', 0]);
        varint(&mut records, body.len() as u64);
        records.extend(body);
    }
    let attributes: i16 = match wrong {
        Wrong::Nothing | Wrong::Checksum => 0,
        // 1 to 4 are codecs.
        Wrong::Codec => 6,
        Wrong::Compression => 4,
    };
    let mut checked = attributes.to_be_bytes().to_vec();
    checked.extend((count as i32 - 1).to_be_bytes());
    checked.extend(1_000i64.to_be_bytes());
    checked.extend(1_000i64.to_be_bytes());
    checked.extend((-1i64).to_be_bytes());
    checked.extend((-1i16).to_be_bytes());
    checked.extend((-1i32).to_be_bytes());
    checked.extend((count as i32).to_be_bytes());
    checked.extend(records);
    let checksum = crc32c(&checked) ^ u32::from(wrong == Wrong::Checksum);
    let mut batch = 0i64.to_be_bytes().to_vec();
    batch.extend((checked.len() as i32 + 9).to_be_bytes());
    batch.extend((-1i32).to_be_bytes());
    batch.push(2);
    batch.extend(checksum.to_be_bytes());
    batch.extend(checked);
    batch
}

/// A zigzag varint of a number that is not negative.
fn varint(to: &mut Vec<u8>, n: u64) {
    let mut n = n << 1;
    while n >= 0x80 {
        to.push(n as u8 | 0x80);
        n >>= 7;
    }
    to.push(n as u8);
}

fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

/// Produce version 3, acks 1, one batch to `topic`-0.
fn produce_raw(broker: &Broker, topic: &str, batch: &[u8]) {
    let string = |text: &str| [&(text.len() as i16).to_be_bytes(), text.as_bytes()].concat();
    let body = [
        &[0, 0, 0, 3, 0, 0, 0, 1][..],
        &string("poison"),
        &(-1i16).to_be_bytes(),
        &1i16.to_be_bytes(),
        &5_000i32.to_be_bytes(),
        &1i32.to_be_bytes(),
        &string(topic),
        &1i32.to_be_bytes(),
        &0i32.to_be_bytes(),
        &(batch.len() as i32).to_be_bytes(),
        batch,
    ]
    .concat();
    let servers = broker.config().get("bootstrap.servers").expect("an address").to_owned();
    let mut stream = TcpStream::connect(servers.split(',').next().expect("one broker")).expect("connected");
    stream.write_all(&[&(body.len() as i32).to_be_bytes()[..], &body].concat()).expect("sent");
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("an answer");
    let mut answer = vec![0; i32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).expect("an answer");
    // Correlation, topics, name, partitions, partition, error.
    let at = 4 + 4 + 2 + topic.len() + 4 + 4;
    assert_eq!(answer[at..at + 2], [0, 0], "the broker took the batch");
}

fn read(broker: &Broker, range: OffsetRange) -> (ReadEnd, Vec<i64>, Vec<Hole>) {
    let mut config = broker.config();
    // After a batch that it cannot read, librdkafka would rest for half a second.
    config.set("check.crcs", "true").set("fetch.error.backoff.ms", "10");
    let mut reader = Reader::open(Side::Source, &config, STALL).expect("a reader");
    let (mut offsets, mut holes) = (Vec::new(), Vec::new());
    let partition = TopicPartition::new("orders", 0);
    let end = reader
        .read_range(&partition, range, &CancelToken::default(), &mut holes, |view| {
            offsets.push(view.offset);
            true
        })
        .expect("read");
    (end, offsets, holes)
}

fn without(range: OffsetRange, hole: OffsetRange) -> Vec<i64> {
    (range.start..range.end).filter(|offset| !(hole.start..hole.end).contains(offset)).collect()
}

#[test]
fn a_batch_that_cannot_be_read_is_stepped_past_exactly_and_the_rest_is_read() {
    for wrong in [Wrong::Checksum, Wrong::Codec, Wrong::Compression] {
        let broker = Broker::start("orders", 1);
        let good: Vec<_> = (0..50).map(record).collect();
        broker.produce("orders", 0, &good);
        produce_raw(&broker, "orders", &batch(37, wrong));
        broker.produce("orders", 0, &good);
        let poison = OffsetRange { start: 50, end: 87 };
        let whole = OffsetRange { start: 0, end: 137 };
        let (end, offsets, holes) = read(&broker, whole);
        assert_eq!(end, ReadEnd::ReachedEnd, "{wrong:?}");
        assert_eq!(holes.iter().map(|hole| hole.range).collect::<Vec<_>>(), [poison], "{wrong:?}");
        assert_eq!(offsets, without(whole, poison), "{wrong:?}");
        // Entered in its middle, left at the range's end, and none of it wanted.
        let (_, offsets, holes) = read(&broker, OffsetRange { start: 60, end: 70 });
        assert_eq!((offsets.len(), holes[0].range), (0, OffsetRange { start: 60, end: 70 }), "{wrong:?}");
        let (end, offsets, holes) = read(&broker, OffsetRange { start: 40, end: 50 });
        assert_eq!((end, offsets.len(), holes.len()), (ReadEnd::ReachedEnd, 10, 0), "{wrong:?}");
    }
}

#[test]
fn two_unreadable_batches_in_a_row_are_two_holes_and_good_raw_batches_are_none() {
    let broker = Broker::start("orders", 1);
    for wrong in [Wrong::Nothing, Wrong::Checksum, Wrong::Codec, Wrong::Nothing] {
        produce_raw(&broker, "orders", &batch(5, wrong));
    }
    let (end, offsets, holes) = read(&broker, OffsetRange { start: 0, end: 20 });
    assert_eq!(end, ReadEnd::ReachedEnd);
    assert_eq!(offsets, without(OffsetRange { start: 0, end: 20 }, OffsetRange { start: 5, end: 15 }));
    let ranges: Vec<(i64, i64)> = holes.iter().map(|hole| (hole.range.start, hole.range.end)).collect();
    assert_eq!(ranges, [(5, 10), (10, 15)]);
}

#[test]
fn after_a_hundred_unreadable_batches_the_range_ends_and_says_where() {
    let broker = Broker::start("orders", 1);
    produce_raw(&broker, "orders", &batch(10, Wrong::Nothing));
    for _ in 0..101 {
        produce_raw(&broker, "orders", &batch(1, Wrong::Checksum));
    }
    produce_raw(&broker, "orders", &batch(10, Wrong::Nothing));
    let (end, offsets, holes) = read(&broker, OffsetRange { start: 0, end: 121 });
    assert!(matches!(end, ReadEnd::Failed { at: 110, .. }), "{end:?}");
    assert_eq!(offsets, (0..10).collect::<Vec<i64>>(), "what follows is not read");
    let ranges: Vec<(i64, i64)> = holes.iter().map(|hole| (hole.range.start, hole.range.end)).collect();
    assert_eq!(ranges, (10..110).map(|offset| (offset, offset + 1)).collect::<Vec<(i64, i64)>>());
    // The hundred are no more than one range may have, and the next range begins anew.
    let (end, offsets, holes) = read(&broker, OffsetRange { start: 110, end: 121 });
    assert_eq!((end, holes.len()), (ReadEnd::ReachedEnd, 1));
    assert_eq!(offsets, (111..121).collect::<Vec<i64>>());
}

#[test]
fn a_batch_that_decompresses_to_more_than_the_client_s_limit_is_a_hole() {
    let broker = Broker::start("orders", 1);
    broker.produce("orders", 0, &[record(0)]);
    let zeros = crate::record::Record { value: Some(vec![0; 90_000]), ..record(1) };
    let many = vec![zeros; 20];
    broker.produce_with("orders", 0, &many, &[("compression.codec", "zstd"), ("linger.ms", "200")]);
    broker.produce("orders", 0, &[record(2)]);
    let mut config = broker.config();
    for (name, value) in [
        ("message.max.bytes", "1000"),
        ("fetch.max.bytes", "1000000"),
        ("receive.message.max.bytes", "1000512"),
    ] {
        config.set(name, value);
    }
    let mut reader = Reader::open(Side::Source, &config, STALL).expect("a reader");
    let (mut offsets, mut holes) = (Vec::new(), Vec::new());
    let end = reader
        .read_range(
            &TopicPartition::new("orders", 0),
            OffsetRange { start: 0, end: 22 },
            &CancelToken::default(),
            &mut holes,
            |view| {
                offsets.push(view.offset);
                true
            },
        )
        .expect("read");
    assert_eq!(end, ReadEnd::ReachedEnd);
    assert_eq!(offsets, [0, 21]);
    // The producer may have made more than one batch of them.
    let lost: Vec<i64> = holes.iter().flat_map(|hole| hole.range.start..hole.range.end).collect();
    assert_eq!(lost, (1..21).collect::<Vec<i64>>(), "{holes:?}");
}
