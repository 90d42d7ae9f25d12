"""Transactions by librdkafka, which speaks the protocol that clients had before KIP-890: partitions are added by a request of their own,
and the epoch stays the same from one transaction to the next."""

import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import OffsetSpec
from confluent_kafka import IsolationLevel

from report import equal

COMMITTED = "read_committed"
UNCOMMITTED = "read_uncommitted"


def until(what, holds):
    """Markers are written after a transaction is over for its producer; there is no event to wait for."""
    deadline = time.monotonic() + 20
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(what)
        time.sleep(0.02)


class TransactionChecks:
    def __init__(self, bootstrap, report, admin, new_topic):
        self.bootstrap = bootstrap
        self.report = report
        self.admin = admin
        self.new_topic = new_topic

    def run(self):
        check = self.report.check
        check("transactions: committed records are read by all, aborted ones by read_uncommitted alone", self.isolation)
        check("transactions: readers of committed records wait for an open transaction", self.open)
        check("transactions: a second producer with the same id fences the first", self.fencing)
        check("transactions: one over its timeout is aborted, and its producer fenced", self.timeout)
        check("transactions: offsets of a group become visible with the transaction, or never", self.offsets)
        check("transactions: a former member cannot commit", self.former_member)

    def producer(self, transactional_id, **config):
        producer = Producer(
            {"bootstrap.servers": self.bootstrap, "transactional.id": transactional_id, "message.timeout.ms": 10000, **config}
        )
        producer.init_transactions(15)
        return producer

    def send(self, producer, topic, *values):
        failed = []
        for value in values:
            producer.produce(topic, value, partition=0, on_delivery=lambda error, _: error and failed.append(error))
        left = producer.flush(10)
        if left or failed:
            raise AssertionError(f"{left} records not sent, {failed[:1]}")

    def transact(self, producer, topic, commit, *values):
        producer.begin_transaction()
        self.send(producer, topic, *values)
        if commit:
            producer.commit_transaction(15)
        else:
            producer.abort_transaction(15)

    def consumer(self, group="not-used", isolation=COMMITTED):
        return Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": group,
                "isolation.level": isolation,
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 100,
            }
        )

    def values(self, topic, isolation=COMMITTED):
        """Up to the end that this isolation level has now."""
        consumer = self.consumer(isolation=isolation)
        try:
            consumer.assign([TopicPartition(topic, 0, 0)])
            values = []
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                message = consumer.poll(0.5)
                if message is None:
                    continue
                if message.error() is None:
                    values.append(message.value().decode())
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    return values
                else:
                    raise KafkaException(message.error())
            raise AssertionError("the end of the partition does not come")
        finally:
            consumer.close()

    def reads(self, topic, *values):
        until(f"{list(values)} are not what is committed", lambda: self.values(topic) == list(values))

    def end(self, topic, isolation):
        partition = TopicPartition(topic, 0)
        asked = self.admin.list_offsets({partition: OffsetSpec.latest()}, isolation_level=isolation)
        return asked[partition].result(15).offset

    def committed(self, group, topic):
        consumer = self.consumer(group)
        try:
            return consumer.committed([TopicPartition(topic, 0)], 15)[0].offset
        finally:
            consumer.close()

    def isolation(self):
        topic = self.new_topic()
        producer = self.producer(f"id-{topic}")
        self.transact(producer, topic, True, "a", "b")
        self.transact(producer, topic, False, "c")
        self.transact(producer, topic, True, "d")
        self.reads(topic, "a", "b", "d")
        equal(["a", "b", "c", "d"], self.values(topic, UNCOMMITTED), "uncommitted")

    def open(self):
        topic = self.new_topic()
        slow = self.producer(f"slow-{topic}")
        quick = self.producer(f"quick-{topic}")
        slow.begin_transaction()
        self.send(slow, topic, "a")
        self.transact(quick, topic, True, "b")
        equal([], self.values(topic), "committed records")
        equal(0, self.end(topic, IsolationLevel.READ_COMMITTED), "last stable offset")
        slow.commit_transaction(15)
        self.reads(topic, "a", "b")

    def fencing(self):
        topic = self.new_topic()
        first = self.producer(f"id-{topic}")
        first.begin_transaction()
        self.send(first, topic, "left open")
        second = self.producer(f"id-{topic}")
        self.transact(second, topic, True, "a")
        self.fenced(first)
        self.transact(second, topic, True, "b")
        self.reads(topic, "a", "b")

    def fenced(self, producer):
        try:
            producer.commit_transaction(15)
        except KafkaException as error:
            if not error.args[0].fatal():
                raise AssertionError(f"expected a fatal error, got {error}") from error
            return
        raise AssertionError("it could commit")

    def timeout(self):
        topic = self.new_topic()
        late = self.producer(f"id-{topic}", **{"transaction.timeout.ms": 1000, "message.timeout.ms": 1000})
        late.begin_transaction()
        self.send(late, topic, "late")
        until("the transaction stays open", lambda: self.end(topic, IsolationLevel.READ_COMMITTED) == 2)
        self.fenced(late)
        self.reads(topic)

    def offsets(self):
        topic = self.new_topic()
        output = self.new_topic()
        group = f"group-{topic}"
        source = Producer({"bootstrap.servers": self.bootstrap})
        self.send(source, topic, *[f"value-{i}" for i in range(10)])
        producer = self.producer(f"id-{output}")
        consumer = self.consumer(group)
        try:
            self.join(consumer, topic)
            for commit, offset, expected in [(False, 3, -1001), (True, 5, 5), (False, 7, 5)]:
                producer.begin_transaction()
                self.send(producer, output, str(offset))
                position = [TopicPartition(topic, 0, offset)]
                producer.send_offsets_to_transaction(position, consumer.consumer_group_metadata(), 15)
                if commit:
                    producer.commit_transaction(15)
                else:
                    producer.abort_transaction(15)
                equal(expected, self.committed(group, topic), f"offset after {offset}")
        finally:
            consumer.close()
        self.reads(output, "5")

    def join(self, consumer, topic):
        consumer.subscribe([topic])
        deadline = time.monotonic() + 20
        while not consumer.assignment():
            if time.monotonic() > deadline:
                raise AssertionError("no partition was assigned")
            consumer.poll(0.1)

    def former_member(self):
        topic = self.new_topic()
        group = f"group-{topic}"
        consumer = self.consumer(group)
        self.join(consumer, topic)
        former = consumer.consumer_group_metadata()
        consumer.close()
        producer = self.producer(f"id-{topic}")
        producer.begin_transaction()
        try:
            producer.send_offsets_to_transaction([TopicPartition(topic, 0, 3)], former, 15)
        except KafkaException as error:
            if not error.args[0].txn_requires_abort():
                raise AssertionError(f"expected an error that asks for an abort, got {error}") from error
        else:
            raise AssertionError("it could commit")
        producer.abort_transaction(15)
        equal(-1001, self.committed(group, topic), "offset")
