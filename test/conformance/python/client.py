"""kafka-python and aiokafka: checks, groups, and the access log in and out. The checks assign partitions."""

import asyncio
import itertools
import logging
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import aiokafka  # noqa: E402
import kafka  # noqa: E402
from aiokafka.admin import AIOKafkaAdminClient  # noqa: E402
from aiokafka.admin import NewTopic as AioNewTopic  # noqa: E402
from kafka import errors  # noqa: E402
from kafka.admin import KafkaAdminClient, NewTopic  # noqa: E402

from group_scenario import PARTITIONS, share_topic  # noqa: E402
from report import Report, equal, lines_of, read_topics  # noqa: E402
from logins import check_logins  # noqa: E402
from transactions import run_transactions  # noqa: E402

logging.disable(logging.CRITICAL)
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
numbers = itertools.count()
run = format(int(time.time() * 1000), "x")


def new_name():
    return f"python-{run}-{next(numbers)}"


def codec_of(name):
    return None if name == "none" else name


def numbered(count):
    return [b"value-%d" % i for i in range(count)]


class KafkaPython:
    """The functions that both libraries are checked by, in kafka-python."""

    name = "kafka-python"

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def create(self, topic, partitions=1, config=None):
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            admin.create_topics([NewTopic(topic, partitions, 1, topic_configs=config or {})])
        finally:
            admin.close()

    def produce(self, topic, values, codec="none", key=None, headers=None, timestamp=None, **config):
        producer = kafka.KafkaProducer(
            bootstrap_servers=self.bootstrap, compression_type=codec_of(codec), linger_ms=20, **config
        )
        try:
            sent = [
                producer.send(topic, value, partition=0, key=key, headers=headers or [], timestamp_ms=timestamp)
                for value in values
            ]
            producer.flush(20)
            return [future.get(20).offset for future in sent]
        finally:
            producer.close(5)

    def consume(self, topic, count, offset=0, reset="earliest"):
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=self.bootstrap, auto_offset_reset=reset, check_crcs=True, enable_auto_commit=False
        )
        try:
            partition = kafka.TopicPartition(topic, 0)
            consumer.assign([partition])
            consumer.seek(partition, offset)
            records = []
            deadline = time.monotonic() + 20
            while len(records) < count:
                if time.monotonic() > deadline:
                    raise AssertionError(f"only {len(records)} of {count} records came")
                for batch in consumer.poll(500).values():
                    records.extend(batch)
            return records[:count]
        finally:
            consumer.close()

    def offsets(self, topic, time_ms):
        consumer = kafka.KafkaConsumer(bootstrap_servers=self.bootstrap)
        try:
            partition = kafka.TopicPartition(topic, 0)
            found = consumer.offsets_for_times({partition: time_ms})[partition]
            beginning = consumer.beginning_offsets([partition])[partition]
            return beginning, consumer.end_offsets([partition])[partition], found and found.offset
        finally:
            consumer.close()


    def share_topic(self):
        producer = kafka.KafkaProducer(bootstrap_servers=self.bootstrap)
        try:
            share_topic(
                self.create_new,
                lambda topic, partition, value: producer.send(topic, value, partition=partition),
                lambda: producer.flush(20),
                self.member,
                self.committed,
            )
        finally:
            producer.close(5)

    def create_new(self, partitions):
        topic = new_name()
        self.create(topic, partitions)
        return topic

    def member(self, member, topic, group):
        ledger = member.ledger
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=self.bootstrap,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=6000,
            heartbeat_interval_ms=300,
        )
        try:
            consumer.subscribe([topic])
            while not member.ending:
                offsets = {}
                for partition, records in consumer.poll(500).items():
                    for record in records:
                        ledger.consumed(member.name, record.partition, record.offset, record.value)
                    offsets[partition] = kafka.OffsetAndMetadata(records[-1].offset + 1, "", -1)
                try:
                    if offsets:
                        consumer.commit(offsets)
                        ledger.committed({partition.partition: at.offset for partition, at in offsets.items()})
                except (errors.CommitFailedError, errors.RebalanceInProgressError):
                    pass  # the partitions are on their way to another member
        finally:
            consumer.close()

    def committed(self, group, topic):
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            offsets = admin.list_group_offsets(group)
            offsets = offsets.get(group, offsets)
            return [offsets[kafka.TopicPartition(topic, partition)].offset for partition in range(PARTITIONS)]
        finally:
            admin.close()


class AioKafka:
    """The same in aiokafka."""

    name = "aiokafka"

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def create(self, topic, partitions=1, config=None):
        async def body():
            admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
            await admin.start()
            try:
                return await admin.create_topics([AioNewTopic(topic, partitions, 1, topic_configs=config or {})])
            finally:
                await admin.close()

        for _topic, code, *_ in asyncio.run(body()).topic_errors:
            if code:
                raise aiokafka.errors.for_code(code)(topic)

    def produce(self, topic, values, codec="none", key=None, headers=None, timestamp=None, **config):
        async def body():
            producer = aiokafka.AIOKafkaProducer(
                bootstrap_servers=self.bootstrap, compression_type=codec_of(codec), linger_ms=20, **config
            )
            await producer.start()
            try:
                sent = [
                    await producer.send(topic, value, partition=0, key=key, headers=headers or [], timestamp_ms=timestamp)
                    for value in values
                ]
                return [getattr(record, "offset", None) for record in await asyncio.wait_for(asyncio.gather(*sent), 20)]
            finally:
                await producer.stop()

        return asyncio.run(body())

    def consume(self, topic, count, offset=0, reset="earliest"):
        async def body():
            consumer = aiokafka.AIOKafkaConsumer(
                bootstrap_servers=self.bootstrap, auto_offset_reset=reset, check_crcs=True, enable_auto_commit=False
            )
            await consumer.start()
            try:
                partition = aiokafka.TopicPartition(topic, 0)
                consumer.assign([partition])
                consumer.seek(partition, offset)
                records = []
                deadline = time.monotonic() + 20
                while len(records) < count:
                    if time.monotonic() > deadline:
                        raise AssertionError(f"only {len(records)} of {count} records came")
                    for batch in (await consumer.getmany(timeout_ms=500)).values():
                        records.extend(batch)
                return records[:count]
            finally:
                await consumer.stop()

        return asyncio.run(body())

    def offsets(self, topic, time_ms):
        async def body():
            consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
            await consumer.start()
            try:
                partition = aiokafka.TopicPartition(topic, 0)
                found = (await consumer.offsets_for_times({partition: time_ms}))[partition]
                beginning = (await consumer.beginning_offsets([partition]))[partition]
                return beginning, (await consumer.end_offsets([partition]))[partition], found and found.offset
            finally:
                await consumer.stop()

        return asyncio.run(body())


    def share_topic(self):
        """On an event loop of its own; the scenario's threads hand their work over to it."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()

        def wait(awaitable):
            return asyncio.run_coroutine_threadsafe(awaitable, loop).result(25)

        async def started():
            producer = aiokafka.AIOKafkaProducer(bootstrap_servers=self.bootstrap)
            await producer.start()
            return producer

        producer = wait(started())
        try:
            share_topic(
                self.create_new,
                lambda topic, partition, value: wait(producer.send(topic, value, partition=partition)),
                lambda: wait(producer.flush()),
                lambda member, topic, group: asyncio.run_coroutine_threadsafe(self.member(member, topic, group), loop).result(),
                self.committed,
            )
        finally:
            wait(producer.stop())
            loop.call_soon_threadsafe(loop.stop)
            thread.join(5)

    def create_new(self, partitions):
        topic = new_name()
        self.create(topic, partitions)
        return topic

    async def member(self, member, topic, group):
        ledger = member.ledger
        consumer = aiokafka.AIOKafkaConsumer(
            topic,
            bootstrap_servers=self.bootstrap,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=6000,
            heartbeat_interval_ms=300,
        )
        await consumer.start()
        try:
            while not member.ending:
                offsets = {}
                for partition, records in (await consumer.getmany(timeout_ms=100)).items():
                    for record in records:
                        ledger.consumed(member.name, record.partition, record.offset, record.value)
                    offsets[partition] = records[-1].offset + 1
                try:
                    if offsets:
                        await consumer.commit(offsets)
                        ledger.committed({partition.partition: offset for partition, offset in offsets.items()})
                except (aiokafka.errors.CommitFailedError, aiokafka.errors.IllegalStateError):
                    pass  # the partitions are on their way to another member
        finally:
            await consumer.stop()

    def committed(self, group, topic):
        async def body():
            admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
            await admin.start()
            try:
                offsets = await admin.list_consumer_group_offsets(group)
                return [offsets[aiokafka.TopicPartition(topic, partition)].offset for partition in range(PARTITIONS)]
            finally:
                await admin.close()

        return asyncio.run(body())


class Checks:
    """What both libraries must be able to do."""

    def __init__(self, library, report):
        self.library = library
        self.report = report

    def topic(self, **options):
        name = new_name()
        self.library.create(name, **options)
        return name

    def run(self):
        def check(name, body):
            self.report.check(f"{self.library.name}: {name}", body)

        for codec in CODECS:
            check(f"records compressed with {codec} come back as they were", lambda codec=codec: self.round_trip(codec))
        for acks in [0, 1, "all"]:
            check(f"acks {acks} without idempotence", lambda acks=acks: self.acks(acks))
        check("an idempotent producer gets offsets without gaps", self.idempotent)
        check("headers, keys, null values and timestamps", self.headers)
        check("beginning, end and offsets for times", self.offsets)
        check("a seek into the middle, and a reset from out of range", self.seeks)
        check("a record over max.message.bytes is refused", self.too_large)
        check("a topic that exists is not created again", self.exists)

    def round_trip(self, codec):
        topic = self.topic()
        self.library.produce(topic, numbered(500), codec)
        equal(numbered(500), [record.value for record in self.library.consume(topic, 500)], "values")

    def acks(self, acks):
        topic = self.topic()
        self.library.produce(topic, numbered(20), acks=acks, enable_idempotence=False)
        equal(numbered(20), [record.value for record in self.library.consume(topic, 20)], "values")

    def idempotent(self):
        topic = self.topic()
        offsets = self.library.produce(topic, numbered(1000), enable_idempotence=True)
        equal(list(range(1000)), offsets, "offsets")

    def headers(self):
        topic = self.topic()
        headers = [("a", b"1"), ("a", b"2"), ("empty", b"")]
        self.library.produce(topic, [b"value", None], key=b"key", headers=headers, timestamp=1600000000123)
        first, second = self.library.consume(topic, 2)
        equal(headers, list(first.headers), "headers")
        equal((b"key", b"value", 1600000000123), (first.key, first.value, first.timestamp), "key, value, timestamp")
        equal((b"key", None), (second.key, second.value), "tombstone")

    def offsets(self):
        topic = self.topic()
        base = int(time.time() * 1000) - 100_000
        for i in range(3):
            self.library.produce(topic, [b"v"], timestamp=base + i * 1000)
        equal((0, 3, 2), self.library.offsets(topic, base + 1001), "beginning, end, for a time")
        equal((0, 3, None), self.library.offsets(topic, base + 9000), "beginning, end, for a time after the last")

    def seeks(self):
        topic = self.topic()
        self.library.produce(topic, numbered(100))
        equal(b"value-42", self.library.consume(topic, 1, offset=42)[0].value, "value at 42")
        equal(b"value-0", self.library.consume(topic, 1, offset=5000)[0].value, "value after a reset")

    def too_large(self):
        topic = self.topic(config={"max.message.bytes": "1000"})
        try:
            self.library.produce(topic, [bytes(5000)])
        except Exception as error:  # each library has its own class of the same name
            equal("MessageSizeTooLargeError", type(error).__name__, "error")
            return
        raise AssertionError("5,000 bytes were accepted")

    def exists(self):
        topic = self.topic()
        try:
            self.library.create(topic)
        except Exception as error:  # each library has its own class of the same name
            equal("TopicAlreadyExistsError", type(error).__name__, "error")
            return
        raise AssertionError("the topic was created twice")


class AdminChecks:
    """kafka-python's admin client, the larger of the two."""

    def __init__(self, bootstrap, report):
        self.admin = KafkaAdminClient(bootstrap_servers=bootstrap)
        self.library = KafkaPython(bootstrap)
        self.report = report

    def run(self):
        self.report.check("kafka-python admin: list, describe and delete topics", self.topics)
        self.report.check("kafka-python admin: describe cluster", self.cluster)
        self.report.check("kafka-python admin: describe log dirs", lambda: self.admin.describe_log_dirs())
        self.admin.close()

    def topics(self):
        topic = new_name()
        self.library.create(topic, partitions=3)
        if topic not in self.admin.list_topics():
            raise AssertionError("the topic is not listed")
        equal(3, len(self.admin.describe_topics([topic])[0]["partitions"]), "partitions")
        self.admin.delete_topics([topic])
        try:
            self.admin.delete_topics([topic])
        except errors.UnknownTopicOrPartitionError:
            return
        raise AssertionError("the topic was deleted twice")

    def cluster(self):
        equal(1, len(self.admin.describe_cluster()["brokers"]), "brokers")


def run_groups(libraries, report):
    for library in libraries.values():
        name = f"{library.name}: three members share a topic while they come and go, and a later one goes on"
        report.check(name, library.share_topic)


def main():
    bootstrap, command, *args = sys.argv[1:]
    libraries = {"kafka-python": KafkaPython(bootstrap), "aiokafka": AioKafka(bootstrap)}
    if command == "checks":
        report = Report(args[0] if args else "")
        for library in libraries.values():
            Checks(library, report).run()
        AdminChecks(bootstrap, report).run()
        sys.exit(report.exit_status())
    if command == "logins":
        sys.exit(check_logins(args[0]))
    if command == "groups":
        report = Report(args[0] if args else "")
        run_groups(libraries, report)
        sys.exit(report.exit_status())
    if command == "transactions":
        report = Report(args[0] if args else "")
        run_transactions(bootstrap, libraries["kafka-python"].create, report)
        sys.exit(report.exit_status())
    if command == "produce":
        name, topic, path, codec = args
        libraries[name].produce(topic, lines_of(path), codec)
    if command == "consume":
        name, count, directory, *topics = args
        library = libraries[name]

        def read(topic):
            return b"".join(record.value + b"\n" for record in library.consume(topic, int(count)))

        sys.exit(read_topics(topics, directory, read))


main()
