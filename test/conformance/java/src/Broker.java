package ottla;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The broker under test, and the few things that every check needs from it. Topic names are new in each run. */
final class Broker implements AutoCloseable {
    final String bootstrap;
    final Admin admin;
    private final String run = Long.toString(System.currentTimeMillis(), 36);
    private int topics;

    Broker(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", 11000, "request.timeout.ms", 10000));
    }

    synchronized String name() {
        return "java-" + run + "-" + topics++;
    }

    /** What names of this run end with. */
    String run() {
        return run;
    }

    /** A new topic of this name, one partition. */
    void create(String topic) throws Exception {
        admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get(12, TimeUnit.SECONDS);
    }

    /** A new topic; config is key, value, key, value… */
    String topic(int partitions, String... config) throws Exception {
        String name = name();
        admin.createTopics(List.of(new NewTopic(name, partitions, (short) 1).configs(map(config)))).all().get(12, TimeUnit.SECONDS);
        return name;
    }

    KafkaProducer<byte[], byte[]> producer(String... config) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "max.block.ms", 10000, "delivery.timeout.ms", 11000,
                "request.timeout.ms", 10000));
        all.putAll(map(config));
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    KafkaConsumer<byte[], byte[]> consumer(String... config) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap, "default.api.timeout.ms", 10000,
                "auto.offset.reset", "earliest", "enable.auto.commit", "false"));
        all.putAll(map(config));
        return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    /** Sends "value-0" … "value-(count-1)" to one partition and waits for all. */
    List<RecordMetadata> send(String topic, int partition, int count, String... config) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(config)) {
            var sent = new ArrayList<java.util.concurrent.Future<RecordMetadata>>();
            for (int i = 0; i < count; i++) sent.add(producer.send(new ProducerRecord<>(topic, partition, null, bytes("value-" + i))));
            producer.flush();
            var all = new ArrayList<RecordMetadata>();
            for (var one : sent) all.add(one.get(12, TimeUnit.SECONDS));
            return all;
        }
    }

    RecordMetadata sendOne(ProducerRecord<byte[], byte[]> record, String... config) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(config)) {
            return producer.send(record).get(12, TimeUnit.SECONDS);
        }
    }

    /** Reads one partition from its beginning until count records have come; fails when they do not come. */
    List<ConsumerRecord<byte[], byte[]>> read(String topic, int partition, int count, String... config) {
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(config)) {
            TopicPartition from = new TopicPartition(topic, partition);
            consumer.assign(List.of(from));
            consumer.seekToBeginning(List.of(from));
            return poll(consumer, count);
        }
    }

    static List<ConsumerRecord<byte[], byte[]>> poll(KafkaConsumer<byte[], byte[]> consumer, int count) {
        var records = new ArrayList<ConsumerRecord<byte[], byte[]>>();
        long deadline = System.nanoTime() + 12_000_000_000L;
        while (records.size() < count) {
            if (System.nanoTime() > deadline) throw new AssertionError("only " + records.size() + " of " + count + " records came");
            consumer.poll(Duration.ofMillis(500)).forEach(records::add);
        }
        return records;
    }

    static List<String> values(List<ConsumerRecord<byte[], byte[]>> records) {
        return records.stream().map(record -> text(record.value())).toList();
    }

    static List<String> expectedValues(int from, int to) {
        var values = new ArrayList<String>();
        for (int i = from; i < to; i++) values.add("value-" + i);
        return values;
    }

    static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    static Map<String, String> map(String... pairs) {
        Map<String, String> map = new HashMap<>();
        for (int i = 0; i < pairs.length; i += 2) map.put(pairs[i], pairs[i + 1]);
        return map;
    }

    @Override
    public void close() {
        admin.close(Duration.ofSeconds(2));
    }
}
