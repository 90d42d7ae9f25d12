package ottla;

import static ottla.Report.equal;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** What the checks of transactions need: transactional producers, and what each isolation level reads of a partition. */
final class Transactions {
    static final String COMMITTED = "read_committed";
    static final String UNCOMMITTED = "read_uncommitted";
    private static final long PATIENCE_NS = 25_000_000_000L;
    private static final long MARKERS_NS = 5_000_000_000L;
    private final Broker broker;

    Transactions(Broker broker) {
        this.broker = broker;
    }

    interface Condition {
        boolean holds() throws Exception;
    }

    /** Until the condition holds; what waits for other processes has no event to wait for. */
    static void until(String what, Condition condition) throws Exception {
        long deadline = System.nanoTime() + PATIENCE_NS;
        while (!condition.holds()) {
            if (System.nanoTime() > deadline) throw new AssertionError(what);
            Thread.sleep(20);
        }
    }

    /** A producer that is ready to begin; config is key, value, key, value… */
    KafkaProducer<byte[], byte[]> producer(String transactionalId, String... config) {
        String[] all = new String[config.length + 4];
        all[0] = "transactional.id";
        all[1] = transactionalId;
        all[2] = "transaction.timeout.ms";
        all[3] = "30000";
        System.arraycopy(config, 0, all, 4, config.length);
        KafkaProducer<byte[], byte[]> producer = broker.producer(all);
        try {
            producer.initTransactions();
        } catch (RuntimeException error) {
            close(producer);
            throw error;
        }
        return producer;
    }

    /** Not the usual close, which would wait for a transaction that cannot end any more. */
    static void close(KafkaProducer<byte[], byte[]> producer) {
        producer.close(Duration.ZERO);
    }

    /** Sends these values to partition 0 and waits until they are in the log. */
    static void send(KafkaProducer<byte[], byte[]> producer, String topic, String... values) throws Exception {
        send(producer, new TopicPartition(topic, 0), values);
    }

    static void send(KafkaProducer<byte[], byte[]> producer, TopicPartition to, String... values) throws Exception {
        var sent = new ArrayList<java.util.concurrent.Future<?>>();
        for (String value : values) sent.add(producer.send(new ProducerRecord<>(to.topic(), to.partition(), null, Broker.bytes(value))));
        producer.flush();
        for (var one : sent) one.get(12, TimeUnit.SECONDS);
    }

    static void commit(KafkaProducer<byte[], byte[]> producer, String topic, String... values) throws Exception {
        producer.beginTransaction();
        send(producer, topic, values);
        producer.commitTransaction();
    }

    static void abort(KafkaProducer<byte[], byte[]> producer, String topic, String... values) throws Exception {
        producer.beginTransaction();
        send(producer, topic, values);
        producer.abortTransaction();
    }

    /** Every value from an offset up to where this isolation level ends now. */
    List<String> values(String isolation, TopicPartition partition, long from) {
        try (KafkaConsumer<byte[], byte[]> consumer = broker.consumer("isolation.level", isolation)) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, from);
            long end = consumer.endOffsets(List.of(partition)).get(partition);
            var values = new ArrayList<String>();
            long deadline = System.nanoTime() + PATIENCE_NS;
            while (consumer.position(partition) < end) {
                if (System.nanoTime() > deadline) throw new AssertionError("reading stands still at " + consumer.position(partition) + " of " + end);
                consumer.poll(Duration.ofMillis(200)).forEach(record -> values.add(Broker.text(record.value())));
            }
            return values;
        }
    }

    /** Partition 0 holds these values, or soon does: a transaction is over for its producer before its markers are in every partition. */
    void reads(String isolation, String topic, String... values) throws Exception {
        reads(isolation, new TopicPartition(topic, 0), 0, values);
    }

    void reads(String isolation, TopicPartition partition, long from, String... values) throws Exception {
        soon(List.of(values), () -> values(isolation, partition, from), isolation + " of " + partition + " from " + from);
    }

    /** Partition 0 ends there for this isolation level, or soon does. */
    void ends(String isolation, String topic, long offset) throws Exception {
        soon(offset, () -> end(isolation, topic), "the end of " + topic + ", " + isolation);
    }

    interface Value<T> {
        T get() throws Exception;
    }

    private static <T> void soon(T expected, Value<T> actual, String what) throws Exception {
        long deadline = System.nanoTime() + MARKERS_NS;
        T last = actual.get();
        while (!expected.equals(last) && System.nanoTime() < deadline) {
            Thread.sleep(20);
            last = actual.get();
        }
        equal(expected, last, what);
    }

    long end(String isolation, String topic) {
        try (KafkaConsumer<byte[], byte[]> consumer = broker.consumer("isolation.level", isolation)) {
            TopicPartition partition = new TopicPartition(topic, 0);
            return consumer.endOffsets(List.of(partition)).get(partition);
        }
    }

    TransactionDescription describe(String transactionalId) throws Exception {
        return broker.admin.describeTransactions(List.of(transactionalId)).description(transactionalId).get(12, TimeUnit.SECONDS);
    }

    /** Waits for the markers too: the state is complete when all are written. */
    void awaitState(String transactionalId, TransactionState state) throws Exception {
        until(transactionalId + " does not become " + state, () -> describe(transactionalId).state() == state);
    }

    /** What is committed for the partition, -1 without. */
    long committed(String group, TopicPartition partition) throws Exception {
        Map<TopicPartition, org.apache.kafka.clients.consumer.OffsetAndMetadata> offsets =
                broker.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get(12, TimeUnit.SECONDS);
        var offset = offsets.get(partition);
        return offset == null ? -1 : offset.offset();
    }
}
