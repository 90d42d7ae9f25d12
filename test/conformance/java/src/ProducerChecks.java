package ottla;

import static ottla.Broker.bytes;
import static ottla.Broker.text;
import static ottla.Report.equal;
import static ottla.Report.fails;
import static ottla.Report.isTrue;

import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.InvalidTimestampException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.record.TimestampType;

/** What org.apache.kafka.clients.producer.KafkaProducer may expect of a broker. */
final class ProducerChecks {
    private final Broker broker;
    private final Report report;

    ProducerChecks(Broker broker, Report report) {
        this.broker = broker;
        this.report = report;
    }

    void run() {
        report.check("a producer with default settings (idempotent) gets offsets without gaps", () -> {
            String topic = broker.topic(1);
            var sent = broker.send(topic, 0, 2000, "batch.size", "500", "linger.ms", "0");
            for (int i = 0; i < sent.size(); i++) equal((long) i, sent.get(i).offset(), "offset of record " + i);
            equal(Broker.expectedValues(0, 2000), Broker.values(broker.read(topic, 0, 2000)), "values");
        });
        for (String codec : new String[] {"none", "gzip", "snappy", "lz4", "zstd"}) {
            report.check("records compressed with " + codec + " come back as they were", () -> {
                String topic = broker.topic(1);
                broker.send(topic, 0, 500, "compression.type", codec, "linger.ms", "50");
                equal(Broker.expectedValues(0, 500), Broker.values(broker.read(topic, 0, 500)), "values");
            });
            report.check("a topic with compression.type " + codec.replace("none", "uncompressed") + " stores what a producer of another codec sent", () -> {
                String topic = broker.topic(1, "compression.type", codec.replace("none", "uncompressed"));
                broker.send(topic, 0, 300, "compression.type", codec.equals("gzip") ? "lz4" : "gzip", "linger.ms", "50");
                equal(Broker.expectedValues(0, 300), Broker.values(broker.read(topic, 0, 300)), "values");
            });
        }
        for (String acks : new String[] {"0", "1", "all"}) {
            report.check("acks " + acks + " without idempotence", () -> {
                String topic = broker.topic(1);
                var sent = broker.send(topic, 0, 100, "acks", acks, "enable.idempotence", "false");
                equal(acks.equals("0") ? -1L : 99L, sent.get(99).offset(), "last offset");
                equal(Broker.expectedValues(0, 100), Broker.values(broker.read(topic, 0, 100)), "values");
            });
        }
        report.check("keys, null keys, null values, empty values and headers are kept apart", this::nullsAndHeaders);
        report.check("a timestamp given by the producer is kept", () -> {
            String topic = broker.topic(1);
            broker.sendOne(new ProducerRecord<>(topic, 0, 1_600_000_000_123L, null, bytes("then")));
            var record = broker.read(topic, 0, 1).get(0);
            equal(1_600_000_000_123L, record.timestamp(), "timestamp");
            equal(TimestampType.CREATE_TIME, record.timestampType(), "timestamp type");
        });
        for (String codec : new String[] {"none", "zstd"}) {
            report.check("with LogAppendTime the broker's time replaces the producer's, " + codec, () -> {
                String topic = broker.topic(1, "message.timestamp.type", "LogAppendTime");
                long before = System.currentTimeMillis();
                var sent = broker.sendOne(new ProducerRecord<>(topic, 0, 1_600_000_000_123L, null, bytes("then")), "compression.type", codec);
                var record = broker.read(topic, 0, 1, "check.crcs", "true").get(0);
                equal(TimestampType.LOG_APPEND_TIME, record.timestampType(), "timestamp type");
                isTrue(record.timestamp() >= before - 1000 && record.timestamp() <= System.currentTimeMillis() + 1000, "timestamp " + record.timestamp());
                equal(record.timestamp(), sent.timestamp(), "timestamp answered to the producer");
            });
        }
        report.check("records with keys go to the partition of their key's hash, all six reachable", this::partitions);
        report.check("a record larger than the topic's max.message.bytes is refused", () -> {
            String topic = broker.topic(1, "max.message.bytes", "1000");
            fails(RecordTooLargeException.class, () -> broker.sendOne(new ProducerRecord<>(topic, 0, null, new byte[5000])));
            equal(0L, broker.sendOne(new ProducerRecord<>(topic, 0, null, new byte[100])).offset(), "offset of the next, small one");
        });
        report.check("a producer splits batches that the topic finds too large", () -> {
            String topic = broker.topic(1, "max.message.bytes", "3000");
            broker.send(topic, 0, 250, "batch.size", "5000", "linger.ms", "100", "retry.backoff.max.ms", "100");
            equal(Broker.expectedValues(0, 250), Broker.values(broker.read(topic, 0, 250)), "values");
        });
        report.check("a timestamp outside the topic's limits is refused", () -> {
            String topic = broker.topic(1, "message.timestamp.before.max.ms", "60000", "message.timestamp.after.max.ms", "60000");
            long now = System.currentTimeMillis();
            fails(InvalidTimestampException.class, () -> broker.sendOne(new ProducerRecord<>(topic, 0, now - 3_600_000, null, bytes("old"))));
            fails(InvalidTimestampException.class, () -> broker.sendOne(new ProducerRecord<>(topic, 0, now + 3_600_000, null, bytes("new"))));
            broker.sendOne(new ProducerRecord<>(topic, 0, now, null, bytes("now")));
        });
        report.check("a compacted topic refuses a record without key", () -> {
            String topic = broker.topic(1, "cleanup.policy", "compact");
            fails(org.apache.kafka.common.InvalidRecordException.class, () -> broker.sendOne(new ProducerRecord<>(topic, 0, null, bytes("no key"))));
            broker.sendOne(new ProducerRecord<>(topic, 0, bytes("key"), null));
        });
        report.check("an invalid topic name is refused", () ->
            fails(InvalidTopicException.class, () -> broker.sendOne(new ProducerRecord<>("no/topic", null, bytes("x")))));
        report.check("a topic that does not exist is created by the first record", () -> {
            String topic = broker.name();
            broker.sendOne(new ProducerRecord<>(topic, null, bytes("first")));
            equal("first", text(broker.read(topic, 0, 1).get(0).value()), "value");
        });
        report.check("(Kafka 4.3 fails this) a topic takes a producer's first batches the moment it is created, nothing retried", () -> {
            for (int i = 0; i < 5; i++) {
                String topic = broker.topic(4);
                for (int partition = 0; partition < 4; partition++) broker.send(topic, partition, 50, "retries", "0", "enable.idempotence", "false", "max.in.flight.requests.per.connection", "5");
            }
        });
        report.check("a record of 900 KB, incompressible, comes back as it was", () -> {
            String topic = broker.topic(1);
            byte[] big = new byte[900_000];
            new Random(7).nextBytes(big);
            broker.sendOne(new ProducerRecord<>(topic, 0, null, big));
            equal(big, broker.read(topic, 0, 1).get(0).value(), "value");
        });
        report.check("a producer outlives the deletion and re-creation of its topic", () -> {
            String topic = broker.topic(1);
            try (KafkaProducer<byte[], byte[]> producer = broker.producer()) {
                producer.send(new ProducerRecord<>(topic, 0, null, bytes("old"))).get(12, TimeUnit.SECONDS);
                broker.admin.deleteTopics(java.util.List.of(topic)).all().get(12, TimeUnit.SECONDS);
                broker.admin.createTopics(java.util.List.of(new org.apache.kafka.clients.admin.NewTopic(topic, 1, (short) 1))).all().get(12, TimeUnit.SECONDS);
                producer.send(new ProducerRecord<>(topic, 0, null, bytes("new"))).get(12, TimeUnit.SECONDS);
            }
            var records = broker.read(topic, 0, 1);
            equal("new", text(records.get(0).value()), "first value of the new topic");
            equal(0L, records.get(0).offset(), "its offset");
        });
    }

    private void nullsAndHeaders() throws Exception {
        String topic = broker.topic(1);
        var full = new ProducerRecord<>(topic, 0, bytes("key"), bytes("value"));
        full.headers().add("a", bytes("1")).add("a", bytes("2")).add("null", null).add("empty", new byte[0]).add("żółw", bytes("utf-8 ✓"));
        try (var producer = broker.producer()) {
            producer.send(full);
            producer.send(new ProducerRecord<>(topic, 0, null, null));
            producer.send(new ProducerRecord<>(topic, 0, new byte[0], new byte[0]));
            producer.send(new ProducerRecord<>(topic, 0, bytes("tombstone"), null));
            producer.flush();
        }
        var records = broker.read(topic, 0, 4);
        var headers = records.get(0).headers().toArray();
        equal(5, headers.length, "headers");
        equal("1", text(headers[0].value()), "first header a");
        equal("2", text(headers[1].value()), "second header a");
        equal(null, headers[2].value(), "null header");
        equal(0, headers[3].value().length, "length of the empty header");
        equal("żółw", headers[4].key(), "header key");
        equal(null, records.get(1).key(), "null key");
        equal(null, records.get(1).value(), "null value");
        equal(0, records.get(2).key().length, "length of the empty key");
        equal(0, records.get(2).value().length, "length of the empty value");
        equal("tombstone", text(records.get(3).key()), "key of the tombstone");
        equal(null, records.get(3).value(), "value of the tombstone");
    }

    private void partitions() throws Exception {
        String topic = broker.topic(6);
        Map<String, Integer> partitions = new HashMap<>();
        try (var producer = broker.producer()) {
            for (int i = 0; i < 600; i++) {
                String key = "key-" + i % 100;
                int partition = producer.send(new ProducerRecord<>(topic, bytes(key), bytes("v"))).get(12, TimeUnit.SECONDS).partition();
                Integer before = partitions.put(key, partition);
                isTrue(before == null || before == partition, key + " went to two partitions");
            }
        }
        equal(6, new HashSet<>(partitions.values()).size(), "partitions in use");
    }
}
