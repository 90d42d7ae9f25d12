package ottla;

import static ottla.Report.equal;
import static ottla.Report.fails;
import static ottla.Report.isTrue;
import static ottla.Transactions.COMMITTED;
import static ottla.Transactions.UNCOMMITTED;
import static ottla.Transactions.abort;
import static ottla.Transactions.close;
import static ottla.Transactions.commit;
import static ottla.Transactions.send;
import static ottla.Transactions.until;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsOptions;
import org.apache.kafka.clients.admin.ListConsumerGroupOffsetsSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.InvalidTxnStateException;
import org.apache.kafka.common.errors.ProducerFencedException;

/** Transactions as a producer and a consumer see them: atomic, isolated, fenced, and together with offsets of a group. */
final class TransactionChecks {
    private final Broker broker;
    private final Report report;
    private final Transactions transactions;

    TransactionChecks(Broker broker, Report report) {
        this.broker = broker;
        this.report = report;
        this.transactions = new Transactions(broker);
    }

    void run() {
        report.check("committed records are read by all, aborted ones by read_uncommitted alone", this::isolation);
        for (String codec : List.of("gzip", "snappy", "lz4", "zstd")) {
            report.check("transactions of records compressed with " + codec, () -> compressed(codec));
        }
        report.check("a transaction over fifty partitions becomes visible in all of them", this::manyPartitions);
        report.check("the last stable offset is where the oldest open transaction begins", this::lastStableOffset);
        report.check("of two hundred transactions of four producers, half of them aborted, the committed are read", this::interleaved);
        report.check("reading from the middle of an aborted transaction, and after its beginning was deleted", this::middle);
        report.check("transactions without records, and with offsets alone, end", this::empty);
        report.check("each transaction has an epoch of its own", this::epochs);
        report.check("a second producer with the same id aborts what the first left open and fences it", this::fencing);
        report.check("a zombie cannot send, commit or abort", this::zombie);
        report.check("a transaction over its timeout is aborted", this::timeout);
        report.check("a timeout above the broker's maximum is refused", () -> {
            try {
                close(transactions.producer(broker.name(), "transaction.timeout.ms", "900001"));
            } catch (KafkaException error) {
                isTrue(error.getMessage().contains("larger than the maximum value"), error.getMessage());
                return;
            }
            throw new AssertionError("it was accepted");
        });
        report.check("idempotent and transactional producers share a partition", this::mixed);
        for (String protocol : List.of("classic", "consumer")) {
            report.check("offsets of a group become visible with the transaction, or never, " + protocol, () -> offsets(protocol));
            report.check("a member that left cannot commit in a transaction, " + protocol, () -> formerMember(protocol));
        }
        report.check("offsets may be committed in a transaction without membership", this::simpleOffsets);
        report.check("pending offsets are not stable", this::unstable);
    }

    private void isolation() throws Exception {
        String topic = broker.topic(1);
        try (var producer = transactions.producer("id-" + topic)) {
            commit(producer, topic, "a", "b");
            abort(producer, topic, "c", "d");
            commit(producer, topic, "e");
            abort(producer, topic, "f");
        }
        transactions.reads(COMMITTED, topic, "a", "b", "e");
        transactions.reads(UNCOMMITTED, topic, "a", "b", "c", "d", "e", "f");
        transactions.ends(COMMITTED, topic, 10);
    }

    private void compressed(String codec) throws Exception {
        String topic = broker.topic(1);
        String[] values = new String[200];
        Arrays.setAll(values, i -> "value-" + i);
        try (var producer = transactions.producer("id-" + topic, "compression.type", codec, "linger.ms", "50")) {
            abort(producer, topic, "never", "never");
            commit(producer, topic, values);
        }
        transactions.reads(COMMITTED, topic, values);
    }

    private void manyPartitions() throws Exception {
        String topic = broker.topic(50);
        try (var producer = transactions.producer("id-" + topic)) {
            for (String value : List.of("kept", "dropped", "kept too")) {
                producer.beginTransaction();
                for (int i = 0; i < 50; i++) send(producer, new TopicPartition(topic, i), value);
                if (value.equals("dropped")) producer.abortTransaction();
                else producer.commitTransaction();
            }
        }
        for (int i = 0; i < 50; i += 7) transactions.reads(COMMITTED, new TopicPartition(topic, i), 0, "kept", "kept too");
    }

    private void lastStableOffset() throws Exception {
        String topic = broker.topic(1);
        try (var slow = transactions.producer("slow-" + topic); var quick = transactions.producer("quick-" + topic)) {
            commit(quick, topic, "before"); // 0, marker 1
            slow.beginTransaction();
            send(slow, topic, "slow"); // 2
            commit(quick, topic, "quick"); // 3, marker 4
            broker.send(topic, 0, 1); // 5
            transactions.ends(COMMITTED, topic, 2);
            transactions.ends(UNCOMMITTED, topic, 6);
            transactions.reads(COMMITTED, topic, "before");
            transactions.reads(UNCOMMITTED, topic, "before", "slow", "quick", "value-0");
            slow.commitTransaction();
            transactions.ends(COMMITTED, topic, 7);
            transactions.reads(COMMITTED, topic, "before", "slow", "quick", "value-0");
        }
    }

    private void interleaved() throws Exception {
        String topic = broker.topic(1);
        var producers = new ArrayList<KafkaProducer<byte[], byte[]>>();
        var expected = new ArrayList<String>();
        try {
            for (int i = 0; i < 4; i++) producers.add(transactions.producer("id-" + i + "-" + topic));
            for (int round = 0; round < 50; round++) {
                for (var producer : producers) producer.beginTransaction();
                for (int i = 0; i < 4; i++) {
                    boolean aborted = (round + i) % 2 == 0;
                    String[] values = {round + "-" + i + "-0", round + "-" + i + "-1"};
                    send(producers.get(i), topic, values);
                    if (!aborted) expected.addAll(List.of(values));
                }
                for (int i = 3; i >= 0; i--) { // each ends while others are open
                    if ((round + i) % 2 == 0) producers.get(i).abortTransaction();
                    else producers.get(i).commitTransaction();
                }
            }
        } finally {
            producers.forEach(Transactions::close);
        }
        transactions.reads(COMMITTED, topic, expected.toArray(String[]::new));
    }

    private void middle() throws Exception {
        String topic = broker.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (var producer = transactions.producer("id-" + topic)) {
            abort(producer, topic, "a", "b", "c", "d"); // 0 … 3, marker 4
            commit(producer, topic, "e", "f"); // 5, 6, marker 7
        }
        for (int from = 0; from < 5; from++) transactions.reads(COMMITTED, partition, from, "e", "f");
        transactions.reads(COMMITTED, partition, 6, "f");
        broker.admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(2))).all().get(12, TimeUnit.SECONDS);
        transactions.reads(COMMITTED, partition, 2, "e", "f");
        transactions.reads(UNCOMMITTED, partition, 2, "c", "d", "e", "f");
    }

    private void empty() throws Exception {
        String topic = broker.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        String group = "group-" + topic;
        try (var producer = transactions.producer("id-" + topic)) {
            producer.beginTransaction();
            producer.commitTransaction();
            producer.beginTransaction();
            producer.abortTransaction();
            transactions.ends(UNCOMMITTED, topic, 0);
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(17)), new ConsumerGroupMetadata(group));
            producer.commitTransaction();
            until("the offset does not become visible", () -> transactions.committed(group, partition) == 17);
            transactions.ends(UNCOMMITTED, topic, 0);
            commit(producer, topic, "a");
        }
        transactions.reads(COMMITTED, topic, "a");
    }

    private void epochs() throws Exception {
        String topic = broker.topic(1);
        String id = "id-" + topic;
        try (var producer = transactions.producer(id)) {
            var before = transactions.describe(id);
            equal(TransactionState.EMPTY, before.state(), "state");
            commit(producer, topic, "a");
            transactions.awaitState(id, TransactionState.COMPLETE_COMMIT);
            abort(producer, topic, "b");
            transactions.awaitState(id, TransactionState.COMPLETE_ABORT);
            var after = transactions.describe(id);
            equal(before.producerId(), after.producerId(), "producer id");
            equal(before.producerEpoch() + 2, after.producerEpoch(), "epoch");
        }
    }

    private void fencing() throws Exception {
        String topic = broker.topic(1);
        var first = transactions.producer("id-" + topic);
        try {
            commit(first, topic, "a");
            first.beginTransaction();
            send(first, topic, "left open");
            try (var second = transactions.producer("id-" + topic)) {
                equal(transactions.end(UNCOMMITTED, topic), transactions.end(COMMITTED, topic), "last stable offset");
                commit(second, topic, "b");
                fails(ProducerFencedException.class, first::commitTransaction);
                commit(second, topic, "c");
            }
        } finally {
            close(first);
        }
        transactions.reads(COMMITTED, topic, "a", "b", "c");
    }

    private void zombie() throws Exception {
        String topic = broker.topic(1);
        String id = "id-" + topic;
        List<Report.Body> attempts = new ArrayList<>();
        var zombies = new ArrayList<KafkaProducer<byte[], byte[]>>();
        try {
            for (int i = 0; i < 3; i++) {
                var zombie = transactions.producer(id);
                zombies.add(zombie);
                zombie.beginTransaction();
                send(zombie, topic, "zombie " + i);
            }
            try (var last = transactions.producer(id)) {
                last.beginTransaction();
                send(last, topic, "last");
                // A late record has an invalid epoch, after which a producer may still try to abort; only that tells it that it is fenced.
                fails(InvalidProducerEpochException.class, () -> send(zombies.get(0), topic, "from the grave"));
                fails(ProducerFencedException.class, zombies.get(0)::abortTransaction);
                fails(ProducerFencedException.class, zombies.get(1)::commitTransaction);
                fails(ProducerFencedException.class, zombies.get(2)::abortTransaction);
                last.commitTransaction();
            }
        } finally {
            zombies.forEach(Transactions::close);
        }
        transactions.reads(COMMITTED, topic, "last");
        transactions.reads(UNCOMMITTED, new TopicPartition(topic, 0), 0, "zombie 0", "zombie 1", "zombie 2", "last");
    }

    private void timeout() throws Exception {
        String topic = broker.topic(1);
        String id = "id-" + topic;
        var late = transactions.producer(id, "transaction.timeout.ms", "1000");
        try {
            late.beginTransaction();
            send(late, topic, "late");
            until("the transaction stays open", () -> transactions.end(COMMITTED, topic) == 2);
            transactions.awaitState(id, TransactionState.COMPLETE_ABORT);
            fails(InvalidTxnStateException.class, late::commitTransaction);
        } finally {
            close(late);
        }
        try (var next = transactions.producer(id)) {
            commit(next, topic, "next");
        }
        transactions.reads(COMMITTED, topic, "next");
    }

    private void mixed() throws Exception {
        String topic = broker.topic(1);
        try (var producer = transactions.producer("id-" + topic); var plain = broker.producer("enable.idempotence", "true")) {
            producer.beginTransaction();
            send(producer, topic, "a");
            send(plain, topic, "plain");
            send(producer, topic, "b");
            producer.abortTransaction();
            send(plain, topic, "plain too");
            commit(producer, topic, "c");
        }
        transactions.reads(COMMITTED, topic, "plain", "plain too", "c");
    }

    private void offsets(String protocol) throws Exception {
        String topic = broker.topic(1);
        String output = broker.topic(1);
        String group = "group-" + topic;
        TopicPartition input = new TopicPartition(topic, 0);
        broker.send(topic, 0, 10);
        try (var consumer = broker.consumer("group.id", group, "group.protocol", protocol); var producer = transactions.producer("id-" + topic)) {
            consumer.subscribe(List.of(topic));
            Broker.poll(consumer, 10);
            producer.beginTransaction();
            send(producer, output, "dropped");
            producer.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(4)), consumer.groupMetadata());
            equal(-1L, transactions.committed(group, input), "offset of an open transaction");
            producer.abortTransaction();
            equal(-1L, committedStable(consumer, input), "offset of an aborted transaction");
            producer.beginTransaction();
            send(producer, output, "kept");
            producer.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(5)), consumer.groupMetadata());
            producer.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(6, "six")), consumer.groupMetadata());
            producer.commitTransaction();
            equal(6L, committedStable(consumer, input), "offset of a committed transaction");
        }
        try (var next = broker.consumer("group.id", group, "group.protocol", protocol)) {
            next.subscribe(List.of(topic));
            equal("value-6", Broker.text(Broker.poll(next, 4).get(0).value()), "where the group goes on");
        }
        transactions.reads(COMMITTED, output, "kept");
    }

    /** A consumer asks for stable offsets: its answer waits for the markers. */
    private static long committedStable(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition) {
        var offset = consumer.committed(java.util.Set.of(partition)).get(partition);
        return offset == null ? -1 : offset.offset();
    }

    private void formerMember(String protocol) throws Exception {
        String topic = broker.topic(1);
        String output = broker.topic(1);
        String group = "group-" + topic;
        TopicPartition input = new TopicPartition(topic, 0);
        broker.send(topic, 0, 10);
        ConsumerGroupMetadata former;
        try (var consumer = broker.consumer("group.id", group, "group.protocol", protocol)) {
            consumer.subscribe(List.of(topic));
            Broker.poll(consumer, 10);
            former = consumer.groupMetadata();
        }
        try (var consumer = broker.consumer("group.id", group, "group.protocol", protocol); var producer = transactions.producer("id-" + topic)) {
            consumer.subscribe(List.of(topic));
            Broker.poll(consumer, 10);
            producer.beginTransaction();
            send(producer, output, "dropped");
            fails(CommitFailedException.class, () -> producer.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(9)), former));
            producer.abortTransaction();
            equal(-1L, committedStable(consumer, input), "offset");
            producer.beginTransaction();
            send(producer, output, "kept");
            producer.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(10)), consumer.groupMetadata());
            producer.commitTransaction();
            equal(10L, committedStable(consumer, input), "offset");
        }
        transactions.reads(COMMITTED, output, "kept");
    }

    private void simpleOffsets() throws Exception {
        String topic = broker.topic(3);
        String group = "group-" + topic;
        try (var producer = transactions.producer("id-" + topic)) {
            for (int i = 1; i <= 4; i++) {
                producer.beginTransaction();
                var offsets = Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(i), new TopicPartition(topic, 2), new OffsetAndMetadata(10L * i, "note"));
                producer.sendOffsetsToTransaction(offsets, new ConsumerGroupMetadata(group));
                if (i % 2 == 0) producer.commitTransaction();
                else producer.abortTransaction();
                int last = i - i % 2;
                until("offsets of transaction " + i, () -> transactions.committed(group, new TopicPartition(topic, 2)) == (last == 0 ? -1 : 10L * last));
            }
        }
        equal(4L, transactions.committed(group, new TopicPartition(topic, 0)), "offset");
        equal(-1L, transactions.committed(group, new TopicPartition(topic, 1)), "offset that was not sent");
    }

    private void unstable() throws Exception {
        String topic = broker.topic(1);
        String group = "group-" + topic;
        TopicPartition partition = new TopicPartition(topic, 0);
        broker.admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(3))).all().get(12, TimeUnit.SECONDS);
        try (var producer = transactions.producer("id-" + topic)) {
            producer.beginTransaction();
            producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(8)), new ConsumerGroupMetadata(group));
            equal(3L, transactions.committed(group, partition), "offset that is not stable");
            equal(Map.of(), stable(group), "stable offsets"); // Admin leaves out what is not stable
            producer.commitTransaction();
            until("the offset does not become stable", () -> stable(group).equals(Map.of(partition, new OffsetAndMetadata(8))));
        }
    }

    private Map<TopicPartition, OffsetAndMetadata> stable(String group) throws Exception {
        return broker.admin.listConsumerGroupOffsets(Map.of(group, new ListConsumerGroupOffsetsSpec()),
                new ListConsumerGroupOffsetsOptions().requireStable(true)).partitionsToOffsetAndMetadata(group).get(12, TimeUnit.SECONDS);
    }
}
