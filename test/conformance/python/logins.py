"""kafka-python and aiokafka at a broker that knows its clients: what ../logins.mjs lists."""

import asyncio
import json
import ssl

import aiokafka
import aiokafka.abc
import aiokafka.errors
import kafka
import kafka.errors
from kafka.net.sasl.oauth import AbstractTokenProvider

from report import Report, equal

TIMEOUT_S = 20


def tls_of(one):
    if not one["protocol"].endswith("SSL"):
        return None
    context = ssl.create_default_context(cafile=one["ca"])
    if "cert" in one:
        context.load_cert_chain(one["cert"])
    return context


def config_of(one, provider):
    config = {
        "bootstrap_servers": one["bootstrap"],
        "security_protocol": one["protocol"],
        "ssl_context": tls_of(one),
    }
    if "mechanism" in one:
        config["sasl_mechanism"] = one["mechanism"]
    if one.get("mechanism") == "OAUTHBEARER":
        config["sasl_oauth_token_provider"] = provider(one["token"])
    elif "mechanism" in one:
        config.update({"sasl_plain_username": one["user"], "sasl_plain_password": one["password"]})
    return config


class Token(AbstractTokenProvider):
    def __init__(self, token):
        super().__init__()
        self._token = token

    def token(self):
        return self._token


class AioToken(aiokafka.abc.AbstractTokenProvider):
    def __init__(self, token):
        self._token = token

    async def token(self):
        return self._token


class KafkaPython:
    name = "kafka-python"
    # Where it gets no connection it does not say why, and tries for longer than anybody can wait.
    refusals = {
        "topic refused": (kafka.errors.TopicAuthorizationFailedError,),
    }

    def write_and_read(self, one):
        config = config_of(one, Token)
        producer = kafka.KafkaProducer(**config, max_block_ms=5000, request_timeout_ms=5000, retries=0)
        try:
            sent = producer.send(one["topic"], one["name"].encode(), partition=0).get(TIMEOUT_S)
        finally:
            producer.close(timeout=1)
        consumer = kafka.KafkaConsumer(**config, consumer_timeout_ms=TIMEOUT_S * 1000)
        try:
            partition = kafka.TopicPartition(one["topic"], 0)
            consumer.assign([partition])
            consumer.seek(partition, sent.offset)
            equal(one["name"].encode(), next(consumer).value, "what was read")
        finally:
            consumer.close()


class AioKafka:
    name = "aiokafka"
    refusals = {
        "login refused": (aiokafka.errors.KafkaError,),
        "connection refused": (aiokafka.errors.KafkaError,),
        "topic refused": (aiokafka.errors.TopicAuthorizationFailedError,),
    }

    def write_and_read(self, one):
        asyncio.run(asyncio.wait_for(self._write_and_read(one), TIMEOUT_S))

    async def _write_and_read(self, one):
        config = config_of(one, AioToken)
        producer = aiokafka.AIOKafkaProducer(**config)
        try:
            await producer.start()
            sent = await producer.send_and_wait(one["topic"], one["name"].encode(), partition=0)
        finally:
            await producer.stop()
        consumer = aiokafka.AIOKafkaConsumer(**config)
        await consumer.start()
        try:
            partition = aiokafka.TopicPartition(one["topic"], 0)
            consumer.assign([partition])
            consumer.seek(partition, sent.offset)
            equal(one["name"].encode(), (await consumer.getone()).value, "what was read")
        finally:
            await consumer.stop()


def check_logins(cases_file):
    report = Report()
    with open(cases_file, encoding="utf-8") as file:
        cases = json.load(file)
    for library in (AioKafka(), KafkaPython()):
        for one in cases:
            if one["expect"] != "works" and one["expect"] not in library.refusals:
                continue

            def body(one=one):
                if one["expect"] == "works":
                    library.write_and_read(one)
                    return
                try:
                    library.write_and_read(one)
                except library.refusals[one["expect"]]:
                    return
                raise AssertionError("it was let in")

            report.check(f"{library.name}: {one['name']}: {one['expect']}", body)
    return report.exit_status()
