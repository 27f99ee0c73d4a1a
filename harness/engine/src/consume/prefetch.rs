//! How much a client may fetch ahead, chosen from a share of the memory limit and the number of partitions. What the
//! user's own properties say wins. Opens nothing.

use rdkafka::config::ClientConfig;

/// A fetch answer is copied into one buffer, and each record of it costs an entry in the client's queue besides.
const QUEUED_TO_FETCHED: u64 = 2;
/// The client's entry for one queued record, apart from its bytes.
const BYTES_OF_ENTRY: u64 = 400;
/// What an answer needs around its records, by librdkafka's own reckoning.
const FRAMING: u64 = 512;
/// The least that librdkafka takes for `message.max.bytes`.
const LEAST_MESSAGE: u64 = 1_000;
/// Smaller answers than this are no good to anybody.
const LEAST_FETCH: u64 = 1 << 20;
/// Larger ones bring nothing more.
const MOST_FETCH: u64 = 50 << 20;
const LEAST_OF_PARTITION: u64 = 64 << 10;
const MOST_OF_PARTITION: u64 = 1 << 20;

/// `config` for a client that reads `partitions` partitions and may use about `bytes` of memory for what it fetches
/// ahead. A broker sends at least one batch whatever the limits say, so large batches still come through.
pub fn bounded_prefetch(mut config: ClientConfig, bytes: u64, partitions: usize) -> ClientConfig {
    let bytes = bytes.clamp(LEAST_FETCH, 2 * QUEUED_TO_FETCHED * MOST_FETCH);
    let own = |name: &str| config.get(name).and_then(|value| value.trim().parse::<u64>().ok());
    // The client refuses a fetch that could be smaller than one message, or larger than what it may receive.
    let message = own("message.max.bytes").unwrap_or(0);
    let received = own("receive.message.max.bytes").map_or(u64::MAX, |most| most.saturating_sub(FRAMING));
    let fetch = (bytes / (2 * QUEUED_TO_FETCHED)).max(LEAST_FETCH).max(message).min(received);
    let of_partition = (fetch / partitions.max(1) as u64).clamp(LEAST_OF_PARTITION, MOST_OF_PARTITION);
    for (names, value) in [
        (&["fetch.max.bytes"][..], fetch),
        (&["fetch.message.max.bytes", "max.partition.fetch.bytes"], of_partition),
        (&["queued.max.messages.kbytes"], (bytes / QUEUED_TO_FETCHED) >> 10),
        (&["queued.min.messages"], (bytes / BYTES_OF_ENTRY).clamp(1_000, 100_000)),
    ] {
        if names.iter().all(|name| config.get(name).is_none()) {
            config.set(names[0], value.to_string());
        }
    }
    if config.get("message.max.bytes").is_none() {
        config.set("message.max.bytes", fetch.clamp(LEAST_MESSAGE, 1_000_000).to_string());
    }
    config
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka::consumer::BaseConsumer;

    #[test]
    fn clients_accept_the_limits_for_any_memory_and_any_number_of_partitions() {
        for bytes in [0, 1 << 20, 32 << 20, 1 << 40] {
            for partitions in [0, 1, 96, 10_000] {
                let config = bounded_prefetch(ClientConfig::new(), bytes, partitions);
                let client: Result<BaseConsumer, _> = config.create();
                assert!(client.is_ok(), "{bytes} bytes, {partitions} partitions: {:?}", client.err());
            }
        }
    }

    #[test]
    fn clients_accept_the_limits_beside_the_users_own_sizes() {
        for own in [
            &[("message.max.bytes", "100000000")][..],
            &[("receive.message.max.bytes", "1100000")],
            &[("message.max.bytes", "3000000"), ("receive.message.max.bytes", "3000512")],
        ] {
            for bytes in [0, 32 << 20, 1 << 40] {
                let mut config = ClientConfig::new();
                own.iter().for_each(|(name, value)| {
                    config.set(*name, *value);
                });
                let client: Result<BaseConsumer, _> = bounded_prefetch(config, bytes, 4).create();
                assert!(client.is_ok(), "{bytes} bytes, {own:?}: {:?}", client.err());
            }
        }
    }

    #[test]
    fn more_partitions_fetch_less_each_and_the_users_own_word_wins() {
        let get = |config: &ClientConfig, name: &str| config.get(name).map(str::to_owned);
        let one = bounded_prefetch(ClientConfig::new(), 32 << 20, 1);
        let many = bounded_prefetch(ClientConfig::new(), 32 << 20, 96);
        assert_eq!(get(&one, "fetch.message.max.bytes").as_deref(), Some("1048576"));
        assert_eq!(get(&many, "fetch.message.max.bytes").as_deref(), Some("87381"));
        assert_eq!(get(&one, "fetch.max.bytes"), get(&many, "fetch.max.bytes"));
        let mut own = ClientConfig::new();
        own.set("max.partition.fetch.bytes", "5000").set("queued.min.messages", "7");
        let own = bounded_prefetch(own, 32 << 20, 96);
        assert_eq!(get(&own, "fetch.message.max.bytes"), None);
        assert_eq!(get(&own, "queued.min.messages").as_deref(), Some("7"));
    }
}
