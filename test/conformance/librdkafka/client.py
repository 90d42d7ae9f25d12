"""librdkafka by confluent-kafka: checks, groups, and the access log in and out. The checks assign partitions."""

import itertools
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition  # noqa: E402
from confluent_kafka.admin import (  # noqa: E402
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)
from confluent_kafka import ConsumerGroupTopicPartitions, TopicCollection  # noqa: E402

from group_scenario import PARTITIONS, share_topic  # noqa: E402
from report import Report, equal, lines_of, read_topics  # noqa: E402
from transactions import TransactionChecks  # noqa: E402
from logins import check_logins  # noqa: E402
import transform  # noqa: E402

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
numbers = itertools.count()
run = format(int(time.time() * 1000), "x")


def new_name():
    return f"rdkafka-{run}-{next(numbers)}"


def produce(bootstrap, topic, values, **config):
    """Produces to partition 0 and returns the offsets, in order."""
    offsets = []
    errors = []
    producer = Producer({"bootstrap.servers": bootstrap, "message.timeout.ms": 15000, **config})

    def delivered(error, message):
        if error is None:
            offsets.append(message.offset())
        else:
            errors.append(error)

    for value in values:
        while True:
            try:
                producer.produce(topic, value=value, partition=0, on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    left = producer.flush(20)
    if left or errors:
        raise AssertionError(f"{left} records not sent, first error {errors[:1]}")
    return offsets


def consume(bootstrap, topic, count, partition=0, offset=0, **config):
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "not-used",
            "enable.auto.commit": False,
            "check.crcs": True,
            "auto.offset.reset": "earliest",
            **config,
        }
    )
    try:
        consumer.assign([TopicPartition(topic, partition, offset)])
        messages = []
        deadline = time.monotonic() + 20
        while len(messages) < count:
            if time.monotonic() > deadline:
                raise AssertionError(f"only {len(messages)} of {count} records came")
            for message in consumer.consume(min(1000, count - len(messages)), 0.2):
                if message.error():
                    raise KafkaException(message.error())
                messages.append(message)
        return messages
    finally:
        consumer.close()


def fails(code, body):
    try:
        body()
    except KafkaException as error:
        equal(code, error.args[0].code(), f"error code ({error})")
        return
    raise AssertionError(f"expected error {code}, got none")


class Checks:
    def __init__(self, bootstrap, report):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.report = report

    def topic(self, partitions=1, **config):
        name = new_name()
        config = {key.replace("_", "."): value for key, value in config.items()}
        self.admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result(15)
        return name

    def run(self):
        check = self.report.check
        for codec in CODECS:
            check(f"records compressed with {codec} come back as they were", lambda codec=codec: self.round_trip(codec))
        check("an idempotent producer gets offsets without gaps", self.idempotent)
        for acks in ["0", "1", "all"]:
            check(f"acks {acks}", lambda acks=acks: self.acks(acks))
        check("headers, null keys and null values", self.nulls)
        check("watermarks and offsets for times", self.offsets)
        check("a consumer starts in the middle, at the end and at the tail", self.positions)
        check("a message over max.message.bytes is refused", self.too_large)
        check("metadata of all topics, and of one that does not exist", self.metadata)
        check("admin: create, describe, grow and delete a topic; the errors of doing it twice", self.topics)
        check("admin: describe and alter configs", self.configs)
        check("admin: list offsets and delete records", self.delete_records)
        check("admin: describe cluster", self.cluster)
        check("kcat lists metadata, queries offsets, and prints keys and headers", self.kcat)

    def round_trip(self, codec):
        topic = self.topic()
        values = [b"value-%d " % i * 10 for i in range(500)]
        produce(self.bootstrap, topic, values, **{"compression.type": codec, "linger.ms": 50})
        equal(values, [message.value() for message in consume(self.bootstrap, topic, 500)], "values")

    def idempotent(self):
        topic = self.topic()
        values = [b"%d" % i for i in range(3000)]
        offsets = produce(self.bootstrap, topic, values, **{"enable.idempotence": True, "batch.num.messages": 50})
        equal(list(range(3000)), offsets, "offsets")
        equal(values, [message.value() for message in consume(self.bootstrap, topic, 3000)], "values")

    def acks(self, acks):
        topic = self.topic()
        produce(self.bootstrap, topic, [b"a", b"b"], acks=acks)
        equal([b"a", b"b"], [message.value() for message in consume(self.bootstrap, topic, 2)], "values")

    def nulls(self):
        topic = self.topic()
        producer = Producer({"bootstrap.servers": self.bootstrap})
        headers = [("a", b"1"), ("a", b"2"), ("null", None), ("empty", b"")]
        producer.produce(topic, key=b"key", value=b"value", headers=headers, timestamp=1600000000123, partition=0)
        producer.produce(topic, key=None, value=None, partition=0)
        producer.produce(topic, key=b"", value=b"", partition=0)
        equal(0, producer.flush(15), "unsent")
        first, second, third = consume(self.bootstrap, topic, 3)
        equal(headers, first.headers(), "headers")
        equal((1, 1600000000123), first.timestamp(), "timestamp")
        equal((None, None), (second.key(), second.value()), "nulls")
        equal((b"", b""), (third.key(), third.value()), "empty ones")

    def offsets(self):
        topic = self.topic()
        producer = Producer({"bootstrap.servers": self.bootstrap})
        base = int(time.time() * 1000) - 1_000_000
        for i in range(10):
            producer.produce(topic, value=b"v", timestamp=base + i * 1000, partition=0)
        equal(0, producer.flush(15), "unsent")
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "not-used"})
        try:
            equal((0, 10), consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10), "watermarks")
            found = consumer.offsets_for_times([TopicPartition(topic, 0, base + 4001)], timeout=10)
            equal(5, found[0].offset, "offset for a time")
            found = consumer.offsets_for_times([TopicPartition(topic, 0, base + 99_000)], timeout=10)
            equal(-1, found[0].offset, "offset for a time after the last")
        finally:
            consumer.close()

    def positions(self):
        topic = self.topic()
        produce(self.bootstrap, topic, [b"%d" % i for i in range(100)])
        equal(b"42", consume(self.bootstrap, topic, 1, offset=42)[0].value(), "value at 42")
        equal(b"90", consume(self.bootstrap, topic, 10, offset=-2000 - 10)[0].value(), "value ten before the end")
        equal(b"0", consume(self.bootstrap, topic, 100, offset=5000)[0].value(), "value after a reset")

    def too_large(self):
        topic = self.topic(max_message_bytes="1000")
        try:
            produce(self.bootstrap, topic, [bytes(5000)])
        except AssertionError as error:
            if "MSG_SIZE_TOO_LARGE" not in str(error):
                raise
        else:
            raise AssertionError("a message of 5,000 bytes was accepted")

    def metadata(self):
        topic = self.topic(3)
        listed = self.admin.list_topics(timeout=10)
        equal(3, len(listed.topics[topic].partitions), "partitions")
        equal(1, len(listed.brokers), "brokers")
        equal(listed.controller_id, listed.topics[topic].partitions[0].leader, "leader")
        config = {"bootstrap.servers": self.bootstrap, "group.id": "not-used", "allow.auto.create.topics": False}
        consumer = Consumer(config)
        try:
            missing = new_name()
            code = consumer.list_topics(missing, timeout=10).topics[missing].error.code()
            equal(KafkaError.UNKNOWN_TOPIC_OR_PART, code, "error of a missing topic")
        finally:
            consumer.close()

    def topics(self):
        topic = self.topic(2)
        described = self.admin.describe_topics(TopicCollection([topic]))[topic].result(10)
        equal(2, len(described.partitions), "partitions")
        fails(KafkaError.TOPIC_ALREADY_EXISTS, lambda: self.admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10))
        bad = new_name()
        code = KafkaError.INVALID_REPLICATION_FACTOR
        fails(code, lambda: self.admin.create_topics([NewTopic(bad, 1, 3)])[bad].result(10))
        code = KafkaError.INVALID_CONFIG
        config = {"no.such.key": "1"}
        fails(code, lambda: self.admin.create_topics([NewTopic(bad, 1, 1, config=config)])[bad].result(10))
        self.admin.create_partitions([NewPartitions(topic, 4)])[topic].result(10)
        equal(4, len(self.admin.list_topics(topic, timeout=10).topics[topic].partitions), "partitions after growing")
        fails(KafkaError.INVALID_PARTITIONS, lambda: self.admin.create_partitions([NewPartitions(topic, 3)])[topic].result(10))
        self.admin.delete_topics([topic])[topic].result(10)
        fails(KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: self.admin.delete_topics([topic])[topic].result(10))

    def configs(self):
        topic = self.topic()
        resource = ConfigResource(ResourceType.TOPIC, topic)
        entries = self.admin.describe_configs([resource])[resource].result(10)
        equal("604800000", entries["retention.ms"].value, "retention.ms")
        change = ConfigEntry("retention.ms", "5000", incremental_operation=AlterConfigOpType.SET)
        altered = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])
        self.admin.incremental_alter_configs([altered])[altered].result(10)
        equal("5000", self.admin.describe_configs([resource])[resource].result(10)["retention.ms"].value, "changed")
        change = ConfigEntry("retention.ms", "soon", incremental_operation=AlterConfigOpType.SET)
        altered = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[change])
        fails(KafkaError.INVALID_CONFIG, lambda: self.admin.incremental_alter_configs([altered])[altered].result(10))
        broker = ConfigResource(ResourceType.BROKER, str(self.admin.list_topics(timeout=10).controller_id))
        if "num.partitions" not in self.admin.describe_configs([broker])[broker].result(10):
            raise AssertionError("num.partitions is missing from the broker's configs")

    def delete_records(self):
        topic = self.topic()
        produce(self.bootstrap, topic, [b"%d" % i for i in range(10)])
        partition = TopicPartition(topic, 0)

        def offset(spec):
            return self.admin.list_offsets({partition: spec})[partition].result(10).offset

        equal(10, offset(OffsetSpec.latest()), "latest")
        if not 0 <= offset(OffsetSpec.max_timestamp()) <= 9:
            raise AssertionError("no offset of the largest timestamp")
        result = self.admin.delete_records([TopicPartition(topic, 0, 4)])
        equal(4, list(result.values())[0].result(10).low_watermark, "low watermark")
        equal(4, offset(OffsetSpec.earliest()), "earliest")

    def cluster(self):
        described = self.admin.describe_cluster().result(10)
        equal(1, len(described.nodes), "nodes")
        node = described.nodes[0]
        equal(self.bootstrap, f"{node.host}:{node.port}", "address")
        if not described.cluster_id:
            raise AssertionError("no cluster id")

    def kcat(self):
        topic = self.topic()
        kcat("-P", "-b", self.bootstrap, "-t", topic, "-p", "0", "-K", "\t", "-H", "h=1", input=b"k1\tv1\nk2\tv2\n")
        listed = kcat("-L", "-b", self.bootstrap, "-t", topic).stdout.decode()
        if f'topic "{topic}" with 1 partitions' not in listed:
            raise AssertionError(listed)
        equal(f"{topic} [0] offset 2\n", kcat("-Q", "-b", self.bootstrap, "-t", f"{topic}:0:-1").stdout.decode(), "end")
        read = kcat("-C", "-b", self.bootstrap, "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q", "-f", "%o %k %s %h\n")
        equal(b"0 k1 v1 h=1\n1 k2 v2 h=1\n", read.stdout, "output")


class GroupChecks:
    def __init__(self, bootstrap, report):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})
        self.producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 1})
        self.report = report

    def run(self):
        classic = {"group.protocol": "classic", "session.timeout.ms": 6000, "heartbeat.interval.ms": 300}
        for name, config in [
            ("range", {**classic, "partition.assignment.strategy": "range"}),
            ("cooperative-sticky", {**classic, "partition.assignment.strategy": "cooperative-sticky"}),
            ("consumer protocol", {"group.protocol": "consumer"}),
        ]:
            self.report.check(f"three members share a topic while they come and go, and a later one goes on, {name}", lambda: self.share(config))
        self.report.check("admin: list, describe, alter and delete groups", self.groups)

    def create(self, partitions):
        topic = new_name()
        self.admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(15)
        return topic

    def write(self, topic, partition, value):
        self.producer.produce(topic, value=value, partition=partition)
        self.producer.poll(0)

    def share(self, config):
        share_topic(self.create, self.write, lambda: self.producer.flush(15), lambda *life: self.member(config, *life), self.committed)

    def member(self, config, member, topic, group):
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                **config,
            }
        )
        consumer.subscribe([topic])
        try:
            while not member.ending:
                offsets = {}
                for message in consumer.consume(500, 0.1):
                    if message.error():
                        if message.error().code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                            continue  # a topic so young that the client has not heard of it
                        raise KafkaException(message.error())
                    member.ledger.consumed(member.name, message.partition(), message.offset(), message.value())
                    offsets[message.partition()] = message.offset() + 1
                if offsets:
                    self.commit(member, consumer, topic, offsets)
        finally:
            consumer.close()

    def commit(self, member, consumer, topic, offsets):
        while True:
            try:
                positions = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
                for partition in consumer.commit(offsets=positions, asynchronous=False):
                    if partition.error is None:
                        member.ledger.committed({partition.partition: partition.offset})
                return
            except KafkaException as error:
                if error.args[0].code() == KafkaError.STALE_MEMBER_EPOCH:
                    time.sleep(0.02)  # the member has not heard of its new epoch yet
                    continue
                refused = (KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS)
                if error.args[0].code() not in refused:
                    raise
                return

    def committed(self, group, topic):
        asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, partition) for partition in range(PARTITIONS)])
        answer = self.admin.list_consumer_group_offsets([asked])[group].result(15)
        return [partition.offset for partition in sorted(answer.topic_partitions, key=lambda partition: partition.partition)]

    def groups(self):
        topic = self.create(1)
        group = "group-of-" + topic
        offsets = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 5)])]
        self.admin.alter_consumer_group_offsets(offsets)[group].result(15)
        listed = self.admin.list_consumer_groups().result(15)
        equal(True, group in [one.group_id for one in listed.valid], "listed")
        described = self.admin.describe_consumer_groups([group])[group].result(15)
        equal(("EMPTY", 0), (described.state.name, len(described.members)), "state and members")
        self.admin.delete_consumer_groups([group])[group].result(15)
        fails(KafkaError.GROUP_ID_NOT_FOUND, lambda: self.admin.delete_consumer_groups([group])[group].result(15))


def kcat(*args, input=None):
    result = subprocess.run(["kcat", *args], input=input, capture_output=True, timeout=30, check=False)
    if result.returncode != 0:
        raise AssertionError(f"kcat {' '.join(args)} ended with {result.returncode}: {result.stderr.decode()}")
    return result


def main():
    bootstrap, command, *args = sys.argv[1:]
    if command == "checks":
        report = Report(args[0] if args else "")
        Checks(bootstrap, report).run()
        sys.exit(report.exit_status())
    if command == "logins":
        sys.exit(check_logins(args[0]))
    if command == "groups":
        report = Report(args[0] if args else "")
        GroupChecks(bootstrap, report).run()
        sys.exit(report.exit_status())
    if command == "transactions":
        report = Report(args[0] if args else "")
        checks = Checks(bootstrap, report)
        TransactionChecks(bootstrap, report, checks.admin, checks.topic).run()
        sys.exit(report.exit_status())
    if command == "transform":
        transform.transform(bootstrap, *args[:4])
    if command == "read":
        transform.read(bootstrap, args[0], int(args[1]))
    if command == "produce":
        name, topic, path, codec = args
        if name == "kcat":
            kcat("-P", "-b", bootstrap, "-t", topic, "-p", "0", "-z", codec, "-l", path)
        else:
            produce(bootstrap, topic, lines_of(path), **{"compression.type": codec, "linger.ms": 20})
    if command == "consume":
        name, count, directory, *topics = args
        sys.exit(read_topics(topics, directory, lambda topic: read(bootstrap, name, topic, count)))


def read(bootstrap, name, topic, count):
    if name == "kcat":
        return kcat("-C", "-b", bootstrap, "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q", "-c", count).stdout
    return b"".join(message.value() + b"\n" for message in consume(bootstrap, topic, int(count)))


main()
