"""confluent-kafka at a broker that knows its clients: what ../logins.mjs lists."""

import json
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from report import Report, equal

# A certificate is refused on a connection, which the library tries again until somebody loses patience.
REFUSALS = {
    "login refused": [KafkaError._AUTHENTICATION],
    "connection refused": [KafkaError._SSL, KafkaError._TRANSPORT],
    "topic refused": [KafkaError.TOPIC_AUTHORIZATION_FAILED],
}
PATIENCE_S = 20


class Refused(Exception):
    def __init__(self, error):
        super().__init__(error.str())
        self.error = error


def config_of(one):
    config = {"bootstrap.servers": one["bootstrap"], "security.protocol": one["protocol"]}
    if one["protocol"].endswith("SSL"):
        config["ssl.ca.location"] = one["ca"]
    if "cert" in one:
        config.update({"ssl.certificate.location": one["cert"], "ssl.key.location": one["cert"]})
    if "mechanism" in one:
        config["sasl.mechanism"] = one["mechanism"]
    if one.get("mechanism") == "OAUTHBEARER":
        config["oauth_cb"] = lambda _config: (one["token"], time.time() + 3600)
    elif "mechanism" in one:
        config.update({"sasl.username": one["user"], "sasl.password": one["password"]})
    return config


def write_and_read(one):
    config = config_of(one)
    errors = []
    delivered = []

    def on_delivery(error, message):
        if error is None:
            delivered.append(message.offset())
        else:
            errors.append(error)

    refusal = REFUSALS.get(one["expect"], [])
    producer = Producer({**config, "error_cb": errors.append, "message.timeout.ms": PATIENCE_S * 1000})
    producer.produce(one["topic"], one["name"].encode(), partition=0, on_delivery=on_delivery)
    deadline = time.monotonic() + PATIENCE_S
    while not delivered and time.monotonic() < deadline:
        producer.poll(0.1)
        for error in errors:
            if error.code() in refusal:
                producer.purge()
                raise Refused(error)
    if not delivered:
        raise Refused(errors[0])
    consumer = Consumer({**config, "group.id": "none", "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(one["topic"], 0, delivered[0])])
        message = consumer.poll(1)
        # The library looks for a coordinator that nobody needs, and may not.
        while message is None or message.error() is not None:
            if time.monotonic() > deadline:
                raise AssertionError("nothing came back")
            message = consumer.poll(1)
        equal(one["name"].encode(), message.value(), "what was read")
    finally:
        consumer.close()


def check_logins(cases_file):
    report = Report()
    with open(cases_file, encoding="utf-8") as file:
        cases = json.load(file)
    for one in cases:

        def body(one=one):
            if one["expect"] == "works":
                write_and_read(one)
                return
            try:
                write_and_read(one)
            except Refused as refused:
                if refused.error.code() not in REFUSALS[one["expect"]]:
                    raise
                return
            raise AssertionError("it was let in")

        report.check(f"{one['name']}: {one['expect']}", body)
    return report.exit_status()
