"""Tests of an application that uses Kafka, with pytest: one prepared broker, and a fork of it for each test."""

import json

import pytest
from billing import Billing
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from ottla import Ottla

PATIENCE = {"timeoutMs": 60000}


@pytest.fixture(scope="session")
def prepared():
    ottla = Ottla()
    try:
        broker = ottla.broker()
        admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
        for created in admin.create_topics([NewTopic("orders", 2), NewTopic("invoices", 1)]).values():
            created.result()
        order(broker, "first")
        yield broker
    finally:
        ottla.stop()


@pytest.fixture
def broker(prepared):
    fork = prepared.fork()
    yield fork
    fork.close()


@pytest.fixture
def billing(broker):
    application = Billing(broker.bootstrap_servers)
    yield application
    application.stop()


def order(broker, name):
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "client.id": "shop"})
    producer.produce("orders", key=name, value=json.dumps({"id": name, "amount": 100}))
    assert producer.flush(30) == 0


def test_every_order_has_one_invoice_although_the_broker_asks_for_patience(broker, billing):
    broker.add_fault(api="Produce", clientId="billing", nth=2, times=2, action={"error": "NOT_ENOUGH_REPLICAS"})
    broker.add_fault(api="TxnOffsetCommit", clientId="billing", action={"split": 5})
    broker.add_fault(api="EndTxn", clientId="billing", action={"error": "COORDINATOR_LOAD_IN_PROGRESS"})
    order(broker, "second")
    order(broker, "third")
    invoices = [{"key": name, "value": {"id": name}} for name in ("first", "second", "third")]
    broker.expect("invoices", *invoices, exactly=True, **PATIENCE)
    broker.caught_up("billing", topic="orders", **PATIENCE)
    verdict = broker.exactly_once(input="orders", output="invoices", group="billing", clientId="billing")
    assert verdict["exactlyOnce"], verdict["text"]


def test_the_application_joins_again_when_its_session_ran_out(broker, billing):
    broker.expect("invoices", {"key": "first"}, **PATIENCE)
    joins = len(broker.journal(api="JoinGroup"))
    broker.advance("1 minute")
    order(broker, "second")
    broker.expect("invoices", {"key": "second"}, **PATIENCE)
    assert len(broker.journal(api="JoinGroup")) > joins


def test_orders_are_forgotten_after_a_week(broker, prepared):
    broker.advance("8 days")
    assert broker.records("orders") == []
    assert len(prepared.records("orders")) == 1
