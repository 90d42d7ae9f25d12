"""Exactly once, the application: consumes records, writes "offset value" to the same partition of another topic, and commits both in one
transaction; some it aborts. Whatever goes wrong it aborts and begins again where the group is; when not even that works, it ends,
and whoever started it starts another. And the reader of what comes out."""

import faulthandler
import random
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

ABORTED = 0.15
BATCH_MAX = 50
CALL_SECONDS_MAX = 20


def note(text):
    print("# " + str(text).replace("\n", " "), flush=True)


def consumer_of(bootstrap, group):
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "session.timeout.ms": 2000,
            "heartbeat.interval.ms": 300,
            "check.crcs": True,
            "reconnect.backoff.max.ms": 200,
            "fetch.wait.max.ms": 200,
        }
    )


def transform(bootstrap, topic, output, group, transactional_id):
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": 10000,
            "message.timeout.ms": 10000,
            "reconnect.backoff.max.ms": 200,
            "linger.ms": 5,
        }
    )
    producer.init_transactions(30)
    consumer = consumer_of(bootstrap, group)
    consumer.subscribe([topic])
    note("ready")
    while True:
        messages = [message for message in consumer.consume(BATCH_MAX, 0.2) if not message.error()]
        if not messages:
            continue
        try:
            producer.begin_transaction()
            offsets = {}
            for message in messages:
                value = f"{message.offset()} {message.value().decode()}"
                producer.produce(output, value=value, partition=message.partition())
                offsets[message.partition()] = message.offset() + 1
                if random.randrange(BATCH_MAX) == 0:
                    time.sleep(random.random() / 20)  # so that transactions meet what happens to them
            positions = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
            send_offsets(producer, positions, consumer.consumer_group_metadata())
            if random.random() < ABORTED:
                abort(producer, consumer)
            else:
                commit(producer)
                note("committed")
        except KafkaException as error:
            note(error)
            abort(producer, consumer)


def send_offsets(producer, positions, group):
    """The library forgets the time limit of this call while it waits for a coordinator whose connection is gone (confluentinc/librdkafka
    issue 5456), and may wait forever: then the process ends, and another takes its place."""
    faulthandler.dump_traceback_later(CALL_SECONDS_MAX + 5, exit=True)
    try:
        producer.send_offsets_to_transaction(positions, group, CALL_SECONDS_MAX)
    finally:
        faulthandler.cancel_dump_traceback_later()


def commit(producer):
    """A commit whose answer did not come may have happened: it is asked again, never aborted."""
    for _ in range(5):
        try:
            producer.commit_transaction(CALL_SECONDS_MAX)
            return
        except KafkaException as error:
            if not error.args[0].retriable():
                raise
            note(error)
    raise SystemExit("the transaction does not end")


def abort(producer, consumer):
    producer.abort_transaction(CALL_SECONDS_MAX)
    note("aborted")
    for position in consumer.committed(consumer.assignment(), CALL_SECONDS_MAX):
        if position.error:
            raise KafkaException(position.error)
        # Below zero: nothing is committed for it, and it begins anew.
        consumer.seek(TopicPartition(position.topic, position.partition, position.offset if position.offset >= 0 else 0))


def read(bootstrap, topic, partitions):
    """Prints "partition offset value" for every committed record, until it is killed."""
    consumer = consumer_of(bootstrap, "not-used")
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    while True:
        messages = [message for message in consumer.consume(1000, 0.5) if not message.error()]
        if messages:
            lines = [f"{message.partition()} {message.offset()} {message.value().decode()}\n" for message in messages]
            print("".join(lines), end="", flush=True)
