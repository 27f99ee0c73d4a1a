"""What people write first: both topics into dicts, then compared. The bench's rival; needs confluent-kafka.

Arguments: source and target address, topic, partitions. Proves no order, knows no headers, keeps everything in memory.
"""

import sys

from confluent_kafka import Consumer, TopicPartition

BATCH = 10_000


def read(bootstrap, topic, partitions):
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "dict-diff",
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "fetch.queue.backoff.ms": 1,
        }
    )
    planned = [TopicPartition(topic, partition, 0) for partition in range(partitions)]
    left = sum(consumer.get_watermark_offsets(partition)[1] for partition in planned)
    consumer.assign(planned)
    records = {}
    while left > 0:
        for message in consumer.consume(BATCH, 1.0):
            records[message.partition(), message.offset()] = (message.key(), message.value())
            left -= 1
    consumer.close()
    return records


def main():
    source_address, target_address, topic, partitions = sys.argv[1:]
    source = read(source_address, topic, int(partitions))
    target = read(target_address, topic, int(partitions))
    equal = sum(1 for place, record in source.items() if target.get(place) == record)
    print(f"{equal} of {len(source)} and {len(target)} records are equal at the same offset")


main()
