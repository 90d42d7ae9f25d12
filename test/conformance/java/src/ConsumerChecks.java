package ottla;

import static ottla.Broker.bytes;
import static ottla.Broker.poll;
import static ottla.Broker.text;
import static ottla.Report.equal;
import static ottla.Report.fails;
import static ottla.Report.isTrue;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** What org.apache.kafka.clients.consumer.KafkaConsumer with assigned partitions may expect of a broker. */
final class ConsumerChecks {
    private final Broker broker;
    private final Report report;

    ConsumerChecks(Broker broker, Report report) {
        this.broker = broker;
        this.report = report;
    }

    void run() {
        report.check("an assigned consumer seeks to offsets, the beginning and the end", this::seeks);
        report.check("beginningOffsets, endOffsets and offsetsForTimes", this::offsets);
        report.check("a seek before the log start or past its end resets or fails as auto.offset.reset says", this::outOfRange);
        report.check("read_committed reads everything where there are no transactions", () -> {
            String topic = broker.topic(1);
            broker.send(topic, 0, 100);
            equal(Broker.expectedValues(0, 100), Broker.values(broker.read(topic, 0, 100, "isolation.level", "read_committed")), "values");
        });
        report.check("a batch larger than every fetch limit is returned all the same", () -> {
            String topic = broker.topic(1);
            broker.sendOne(new ProducerRecord<>(topic, 0, null, new byte[200_000]));
            broker.sendOne(new ProducerRecord<>(topic, 0, null, new byte[100]));
            var records = broker.read(topic, 0, 2, "max.partition.fetch.bytes", "1000", "fetch.max.bytes", "1000");
            equal(200_000, records.get(0).value().length, "length of the large value");
        });
        report.check("a consumer waiting at the end gets a record that comes later", () -> {
            String topic = broker.topic(1);
            try (var consumer = broker.consumer("fetch.max.wait.ms", "10000")) {
                consumer.assign(List.of(new TopicPartition(topic, 0)));
                consumer.poll(Duration.ofMillis(300));
                var sent = CompletableFuture.supplyAsync(() -> {
                    try {
                        return broker.sendOne(new ProducerRecord<>(topic, 0, null, bytes("late")));
                    } catch (Exception error) {
                        throw new RuntimeException(error);
                    }
                });
                equal("late", text(poll(consumer, 1).get(0).value()), "value");
                sent.get();
            }
        });
        report.check("fetch.min.bytes holds the answer back until fetch.max.wait.ms, then gives what there is", () -> {
            String topic = broker.topic(1);
            broker.send(topic, 0, 1);
            equal(1, broker.read(topic, 0, 1, "fetch.min.bytes", "100000", "fetch.max.wait.ms", "300").size(), "records");
        });
        report.check("one consumer of 40 partitions gets the records of all, small fetches included", this::manyPartitions);
        report.check("paused partitions stay silent, resumed ones go on where they were", () -> {
            String topic = broker.topic(2);
            broker.send(topic, 0, 50);
            broker.send(topic, 1, 50);
            TopicPartition zero = new TopicPartition(topic, 0);
            TopicPartition one = new TopicPartition(topic, 1);
            try (var consumer = broker.consumer("max.poll.records", "10")) {
                consumer.assign(List.of(zero, one));
                consumer.pause(List.of(zero));
                isTrue(poll(consumer, 50).stream().allMatch(record -> record.partition() == 1), "a paused partition spoke");
                consumer.resume(List.of(zero));
                equal(Broker.expectedValues(0, 50), Broker.values(poll(consumer, 50)), "values");
            }
        });
        report.check("partitionsFor and listTopics show leader and replicas", () -> {
            String topic = broker.topic(3);
            try (var consumer = broker.consumer()) {
                var partitions = consumer.partitionsFor(topic);
                equal(3, partitions.size(), "partitions");
                for (var partition : partitions) {
                    equal(1, partition.replicas().length, "replicas");
                    equal(partition.leader().id(), partition.inSyncReplicas()[0].id(), "in-sync replica");
                }
                isTrue(consumer.listTopics().containsKey(topic), "the topic is missing from the list");
            }
        });
    }

    private void seeks() throws Exception {
        String topic = broker.topic(1);
        broker.send(topic, 0, 1000, "batch.size", "2000");
        TopicPartition partition = new TopicPartition(topic, 0);
        try (var consumer = broker.consumer()) {
            consumer.assign(List.of(partition));
            for (int offset : new int[] {500, 3, 999, 0, 731}) {
                consumer.seek(partition, offset);
                var record = poll(consumer, 1).get(0);
                equal((long) offset, record.offset(), "offset after seek");
                equal("value-" + offset, text(record.value()), "value after seek");
            }
            consumer.seekToEnd(List.of(partition));
            equal(1000L, consumer.position(partition), "position at the end");
            isTrue(consumer.poll(Duration.ofMillis(200)).isEmpty(), "records past the end");
            equal(0L, consumer.currentLag(partition).orElse(-1), "lag at the end");
            consumer.seekToBeginning(List.of(partition));
            equal(0L, consumer.position(partition), "position at the beginning");
            equal(Broker.expectedValues(0, 1000), Broker.values(poll(consumer, 1000)), "values");
        }
    }

    private void offsets() throws Exception {
        String topic = broker.topic(2);
        TopicPartition zero = new TopicPartition(topic, 0);
        TopicPartition one = new TopicPartition(topic, 1);
        long base = System.currentTimeMillis() - 1_000_000;
        try (var producer = broker.producer("linger.ms", "50")) {
            for (int i = 0; i < 100; i++) producer.send(new ProducerRecord<>(topic, 0, base + i * 1000L, null, bytes("value-" + i)));
        }
        try (var consumer = broker.consumer()) {
            equal(Map.of(zero, 0L, one, 0L), consumer.beginningOffsets(List.of(zero, one)), "beginning");
            equal(Map.of(zero, 100L, one, 0L), consumer.endOffsets(List.of(zero, one)), "end");
            for (int i : new int[] {0, 1, 42, 99}) {
                var exact = consumer.offsetsForTimes(Map.of(zero, base + i * 1000L)).get(zero);
                equal((long) i, exact.offset(), "offset at the time of record " + i);
                equal(base + i * 1000L, exact.timestamp(), "its timestamp");
            }
            equal(43L, consumer.offsetsForTimes(Map.of(zero, base + 42_001)).get(zero).offset(), "offset between two times");
            equal(0L, consumer.offsetsForTimes(Map.of(zero, 0L)).get(zero).offset(), "offset of time 0");
            equal(null, consumer.offsetsForTimes(Map.of(zero, base + 99_001)).get(zero), "offset after the last time");
            equal(null, consumer.offsetsForTimes(Map.of(one, 0L)).get(one), "offset in an empty partition");
        }
    }

    private void outOfRange() throws Exception {
        String topic = broker.topic(1);
        broker.send(topic, 0, 100);
        TopicPartition partition = new TopicPartition(topic, 0);
        broker.admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(40))).all().get();
        try (var consumer = broker.consumer("auto.offset.reset", "earliest")) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, 10);
            equal(40L, poll(consumer, 1).get(0).offset(), "offset after a reset to the earliest");
            consumer.seek(partition, 5000);
            equal(40L, poll(consumer, 1).get(0).offset(), "offset after a reset from past the end");
        }
        try (var consumer = broker.consumer("auto.offset.reset", "none")) {
            consumer.assign(List.of(partition));
            for (long offset : new long[] {10, 5000}) {
                consumer.seek(partition, offset);
                fails(OffsetOutOfRangeException.class, () -> {
                    long deadline = System.nanoTime() + 15_000_000_000L;
                    while (System.nanoTime() < deadline) consumer.poll(Duration.ofMillis(200));
                });
            }
        }
    }

    private void manyPartitions() throws Exception {
        String topic = broker.topic(40);
        var partitions = new java.util.ArrayList<TopicPartition>();
        try (var producer = broker.producer()) {
            for (int partition = 0; partition < 40; partition++) {
                partitions.add(new TopicPartition(topic, partition));
                for (int i = 0; i < 20; i++) producer.send(new ProducerRecord<>(topic, partition, null, new byte[500]));
            }
        }
        try (var consumer = broker.consumer("fetch.max.bytes", "20000", "max.partition.fetch.bytes", "3000")) {
            consumer.assign(partitions);
            var seen = new TreeSet<Integer>();
            for (var record : poll(consumer, 800)) seen.add(record.partition());
            equal(40, seen.size(), "partitions heard of");
        }
    }
}
