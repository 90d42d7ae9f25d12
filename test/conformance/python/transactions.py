"""Transactions by kafka-python and aiokafka: what is committed is read, what is aborted is not, together with offsets of a group."""

import asyncio
import itertools
import time

import aiokafka
import kafka
from kafka.structs import OffsetAndMetadata

from report import equal

TRANSACTIONS = [("a", True), ("b", False), ("c", True), ("d", False), ("e", True)]
READ = ["a", "c", "e"]
LAST_COMMITTED = 4
numbers = itertools.count()


def run_transactions(bootstrap, create, report):
    what = "committed records and offsets are seen, aborted ones never"
    for name, transact, read in [
        ("kafka-python", with_kafka_python, read_with_kafka_python),
        ("aiokafka", with_aiokafka, read_with_aiokafka),
    ]:

        def both(transact=transact, read=read):
            topic = f"python-transactions-{int(time.time() * 1000)}-{next(numbers)}"
            create(topic)
            transact(bootstrap, topic)
            equal(READ, read(bootstrap, topic), "committed records")
            equal(LAST_COMMITTED, committed_offset(bootstrap, topic), "committed offset")

        report.check(f"{name}: {what}", both)


def committed_offset(bootstrap, topic):
    """Markers are written after a transaction is over for its producer."""
    consumer = kafka.KafkaConsumer(bootstrap_servers=bootstrap, group_id=f"group-{topic}", enable_auto_commit=False)
    try:
        deadline = time.monotonic() + 15
        while True:
            offset = consumer.committed(kafka.TopicPartition(topic, 0))
            if offset == LAST_COMMITTED or time.monotonic() > deadline:
                return offset
            time.sleep(0.05)
    finally:
        consumer.close()


def with_kafka_python(bootstrap, topic):
    producer = kafka.KafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"id-{topic}", transaction_timeout_ms=30000)
    try:
        producer.init_transactions()
        for offset, (value, commit) in enumerate(TRANSACTIONS):
            producer.begin_transaction()
            producer.send(topic, value.encode(), partition=0).get(15)
            position = {kafka.TopicPartition(topic, 0): OffsetAndMetadata(offset, "", -1)}
            producer.send_offsets_to_transaction(position, f"group-{topic}")
            if commit:
                producer.commit_transaction()
            else:
                producer.abort_transaction()
    finally:
        producer.close(5)


def read_with_kafka_python(bootstrap, topic):
    consumer = kafka.KafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest", enable_auto_commit=False
    )
    try:
        consumer.assign([kafka.TopicPartition(topic, 0)])
        values = []
        deadline = time.monotonic() + 15
        while len(values) < len(READ) and time.monotonic() < deadline:
            for records in consumer.poll(500).values():
                values += [record.value.decode() for record in records]
        return values
    finally:
        consumer.close()


def with_aiokafka(bootstrap, topic):
    asyncio.run(transact_with_aiokafka(bootstrap, topic))


async def transact_with_aiokafka(bootstrap, topic):
    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"id-{topic}")
    await producer.start()
    try:
        for offset, (value, commit) in enumerate(TRANSACTIONS):
            await producer.begin_transaction()
            await producer.send_and_wait(topic, value.encode(), partition=0)
            await producer.send_offsets_to_transaction({aiokafka.TopicPartition(topic, 0): offset}, f"group-{topic}")
            if commit:
                await producer.commit_transaction()
            else:
                await producer.abort_transaction()
    finally:
        await producer.stop()


def read_with_aiokafka(bootstrap, topic):
    return asyncio.run(consume_with_aiokafka(bootstrap, topic))


async def consume_with_aiokafka(bootstrap, topic):
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign([aiokafka.TopicPartition(topic, 0)])
        values = []
        deadline = time.monotonic() + 15
        while len(values) < len(READ) and time.monotonic() < deadline:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                values += [record.value.decode() for record in records]
        return values
    finally:
        await consumer.stop()
