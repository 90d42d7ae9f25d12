# usage: librdkafka.py BOOTSTRAP TOPIC SECONDS PROPERTIES
# Produces records of 100 bytes for so many seconds with librdkafka's defaults and prints how many were acknowledged, as JSON.
import json
import sys
import time

from confluent_kafka import KafkaException, Producer

bootstrap, topic, seconds, properties = sys.argv[1], sys.argv[2], float(sys.argv[3]), json.loads(sys.argv[4])
failed = 0


def delivered(error, _message):
    global failed
    failed += 1


# Only failures are reported: a call into Python for every record would measure Python.
producer = Producer({"bootstrap.servers": bootstrap, "delivery.report.only.error": True, **properties})
produce, poll = producer.produce, producer.poll
value = b"x" * 100
records = 0
begun = time.monotonic()
while time.monotonic() - begun < seconds:
    for _ in range(1000):
        while True:
            try:
                produce(topic, value, on_delivery=delivered)
                break
            except BufferError:
                poll(0.01)
    records += 1000
    poll(0)
left = producer.flush(60)
elapsed = time.monotonic() - begun
if failed or left:
    raise KafkaException(f"{failed} records failed, {left} were not answered")
print(json.dumps({"records": records, "recordsPerSecond": records / elapsed}))
