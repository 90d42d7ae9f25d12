"""The application under test: for each order an invoice, exactly once, with confluent-kafka. It knows nothing of Ottla."""

import json
import threading

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition


class Billing:
    def __init__(self, bootstrap_servers):
        common = {"bootstrap.servers": bootstrap_servers, "client.id": "billing", "reconnect.backoff.max.ms": 200}
        self.producer = Producer({**common, "transactional.id": "billing-0", "linger.ms": 0})
        self.consumer = Consumer(
            {
                **common,
                "group.id": "billing",
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "session.timeout.ms": 10000,
                "heartbeat.interval.ms": 100,
                "fetch.wait.max.ms": 100,
            }
        )
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        self.producer.init_transactions(60)
        self.consumer.subscribe(["orders"])
        while not self.stopping.is_set():
            message = self.consumer.poll(0.1)
            if message is not None and not message.error():
                self._invoice(message)
        self.consumer.close()

    def _invoice(self, message):
        order = json.loads(message.value())
        invoice = {"id": order["id"], "total": order["amount"] * 1.19}
        position = TopicPartition(message.topic(), message.partition(), message.offset() + 1)
        try:
            self.producer.begin_transaction()
            self.producer.produce("invoices", key=message.key(), value=json.dumps(invoice))
            self.producer.send_offsets_to_transaction([position], self.consumer.consumer_group_metadata(), 30)
            self.producer.commit_transaction(30)
        except KafkaException as error:
            if not error.args[0].txn_requires_abort():
                raise
            self.producer.abort_transaction(30)
            self._begin_where_the_group_is()

    def _begin_where_the_group_is(self):
        for position in self.consumer.committed(self.consumer.assignment(), 30):
            try:
                start = position.offset if position.offset >= 0 else OFFSET_BEGINNING
                self.consumer.seek(TopicPartition(position.topic, position.partition, start))
            except KafkaException:
                pass  # it is no longer ours; whoever has it begins there anyway

    def stop(self):
        self.stopping.set()
        self.thread.join(60)
