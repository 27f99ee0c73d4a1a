//! The bytes of MirrorMaker 2's internal records. All numbers are big-endian; a string is its length as INT16 and its
//! bytes. Writes only; never headers.

/// Key of a checkpoint. `topic` is the target's.
pub(super) fn checkpoint_key(group: &str, topic: &str, partition: i32) -> Vec<u8> {
    let mut key = Vec::new();
    put_string(&mut key, group);
    put_string(&mut key, topic);
    key.extend(partition.to_be_bytes());
    key
}

/// Value of a checkpoint: version 0, both offsets, no metadata.
pub(super) fn checkpoint_value(upstream_offset: i64, downstream_offset: i64) -> Vec<u8> {
    let mut value = Vec::new();
    value.extend(0i16.to_be_bytes());
    value.extend(upstream_offset.to_be_bytes());
    value.extend(downstream_offset.to_be_bytes());
    put_string(&mut value, "");
    value
}

/// Key of an offset-sync. `topic` is the source's.
pub(super) fn offset_sync_key(topic: &str, partition: i32) -> Vec<u8> {
    let mut key = Vec::new();
    put_string(&mut key, topic);
    key.extend(partition.to_be_bytes());
    key
}

/// Value of an offset-sync: it has no version.
pub(super) fn offset_sync_value(upstream_offset: i64, downstream_offset: i64) -> Vec<u8> {
    [upstream_offset.to_be_bytes(), downstream_offset.to_be_bytes()].concat()
}

/// Kafka allows topics 249 bytes, and groups no more than fit here.
fn put_string(to: &mut Vec<u8>, text: &str) {
    let length = i16::try_from(text.len()).expect("names of groups and topics are shorter than 32 KiB");
    to.extend(length.to_be_bytes());
    to.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u32> = text.chars().filter_map(|digit| digit.to_digit(16)).collect();
        digits.chunks(2).map(|two| (two[0] * 16 + two[1]) as u8).collect()
    }

    #[test]
    fn a_checkpoint_has_the_bytes_that_mirrormaker_wrote() {
        let key = hex("0004 67353030 | 000a 7372632e6f7264657273 | 00000000");
        assert_eq!(checkpoint_key("g500", "src.orders", 0), key);
        assert_eq!(checkpoint_value(500, 405), hex("0000 | 00000000000001f4 | 0000000000000195 | 0000"));
    }

    #[test]
    fn an_offset_sync_has_the_bytes_that_mirrormaker_wrote() {
        assert_eq!(offset_sync_key("orders", 0), hex("0006 6f7264657273 00000000"));
        assert_eq!(offset_sync_value(101, 101), hex("0000000000000065 0000000000000065"));
    }
}
