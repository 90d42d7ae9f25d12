package ottla;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Exactly once, the application: consumes records, writes "offset value" to the same partition of another topic, and commits both in one
 * transaction; some it aborts. Whatever goes wrong it aborts and begins again where the group is; when not even that works, it ends,
 * and whoever started it starts another. And the reader of what comes out.
 */
final class Transform {
    private static final double ABORTED = 0.15;
    private static final int BATCH_MAX = 50;

    /** args: input, output, group, transactional id, group protocol. */
    static void run(String bootstrap, String input, String output, String group, String transactionalId, String protocol) {
        Random random = new Random();
        try (KafkaProducer<byte[], byte[]> producer = producer(bootstrap, transactionalId); KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, group, protocol)) {
            producer.initTransactions();
            consumer.subscribe(List.of(input));
            System.out.println("# ready");
            for (;;) {
                ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(200));
                if (records.isEmpty()) continue;
                try {
                    producer.beginTransaction();
                    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                    for (ConsumerRecord<byte[], byte[]> record : records) {
                        String value = record.offset() + " " + Broker.text(record.value());
                        producer.send(new ProducerRecord<>(output, record.partition(), null, Broker.bytes(value)));
                        offsets.put(new TopicPartition(input, record.partition()), new OffsetAndMetadata(record.offset() + 1));
                        if (random.nextInt(BATCH_MAX) == 0) Thread.sleep(random.nextInt(50)); // so that transactions meet what happens to them
                    }
                    producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                    if (random.nextDouble() < ABORTED) {
                        abort(producer, consumer);
                    } else {
                        producer.commitTransaction();
                        System.out.println("# committed");
                    }
                } catch (Exception error) {
                    System.out.println("# " + error);
                    abort(producer, consumer);
                }
            }
        }
    }

    private static void abort(KafkaProducer<byte[], byte[]> producer, KafkaConsumer<byte[], byte[]> consumer) {
        producer.abortTransaction();
        System.out.println("# aborted");
        var committed = consumer.committed(consumer.assignment());
        for (TopicPartition partition : consumer.assignment()) {
            OffsetAndMetadata offset = committed.get(partition);
            if (offset == null) consumer.seekToBeginning(List.of(partition));
            else consumer.seek(partition, offset);
        }
    }

    /** Prints "partition offset value" for every committed record, until it is killed. */
    static void read(String bootstrap, String topic, int partitions) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, null, "classic")) {
            List<TopicPartition> all = IntStream.range(0, partitions).mapToObj(index -> new TopicPartition(topic, index)).toList();
            consumer.assign(all);
            consumer.seekToBeginning(all);
            StringBuilder lines = new StringBuilder();
            for (;;) {
                consumer.poll(Duration.ofMillis(500)).forEach(record ->
                    lines.append(record.partition()).append(' ').append(record.offset()).append(' ').append(Broker.text(record.value())).append('\n'));
                System.out.print(lines);
                System.out.flush();
                lines.setLength(0);
            }
        }
    }

    private static KafkaProducer<byte[], byte[]> producer(String bootstrap, String transactionalId) {
        Map<String, Object> config = Map.of("bootstrap.servers", bootstrap, "transactional.id", transactionalId, "transaction.timeout.ms", 10000,
                "max.block.ms", 20000, "delivery.timeout.ms", 15000, "request.timeout.ms", 5000, "linger.ms", 5, "batch.size", 2000);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, String group, String protocol) {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "isolation.level", "read_committed", "auto.offset.reset", "earliest",
                "enable.auto.commit", false, "max.poll.records", BATCH_MAX, "default.api.timeout.ms", 30000, "group.protocol", protocol,
                "reconnect.backoff.max.ms", 200, "request.timeout.ms", 10000));
        if (protocol.equals("classic")) config.putAll(Map.of("session.timeout.ms", 2000, "heartbeat.interval.ms", 300));
        if (group != null) config.put("group.id", group);
        return new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }
}
