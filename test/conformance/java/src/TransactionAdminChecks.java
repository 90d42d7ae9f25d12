package ottla;

import static ottla.Report.equal;
import static ottla.Report.fails;
import static ottla.Report.isTrue;
import static ottla.Transactions.COMMITTED;
import static ottla.Transactions.UNCOMMITTED;
import static ottla.Transactions.close;
import static ottla.Transactions.commit;
import static ottla.Transactions.send;
import static ottla.Transactions.until;

import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.AbortTransactionSpec;
import org.apache.kafka.clients.admin.ListTransactionsOptions;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TransactionalIdNotFoundException;

/** Admin's view of transactions: producers of a partition, the transactions of a coordinator, and ending those of others. */
final class TransactionAdminChecks {
    private final Broker broker;
    private final Report report;
    private final Transactions transactions;

    TransactionAdminChecks(Broker broker, Report report) {
        this.broker = broker;
        this.report = report;
        this.transactions = new Transactions(broker);
    }

    void run() {
        report.check("describeTransactions follows a transaction through its states", this::describes);
        report.check("describeTransactions does not know an unknown id", () ->
            fails(TransactionalIdNotFoundException.class, () -> transactions.describe("unknown-" + broker.name())));
        report.check("describeProducers shows epochs, sequences, and where a transaction began", this::producers);
        report.check("listTransactions filters by state, producer id, duration and pattern", this::lists);
        report.check("fenceProducers aborts and fences", this::fences);
        report.check("forceTerminateTransaction aborts and fences", this::terminates);
        report.check("abortTransaction writes the marker that frees a partition", this::aborts);
    }

    private void describes() throws Exception {
        String topic = broker.topic(2);
        String id = "id-" + topic;
        TopicPartition partition = new TopicPartition(topic, 1);
        try (var producer = transactions.producer(id, "transaction.timeout.ms", "54321")) {
            var empty = transactions.describe(id);
            equal(TransactionState.EMPTY, empty.state(), "state");
            equal(OptionalLong.empty(), empty.transactionStartTimeMs(), "start");
            long before = System.currentTimeMillis();
            producer.beginTransaction();
            send(producer, partition, "a");
            var ongoing = transactions.describe(id);
            equal(TransactionState.ONGOING, ongoing.state(), "state");
            equal(54321L, ongoing.transactionTimeoutMs(), "timeout");
            equal(Set.of(partition), ongoing.topicPartitions(), "partitions");
            equal(empty.producerId(), ongoing.producerId(), "producer id");
            long start = ongoing.transactionStartTimeMs().orElseThrow();
            isTrue(start >= before && start <= System.currentTimeMillis(), "started at " + start);
            send(producer, new TopicPartition(topic, 0), "b");
            equal(Set.of(partition, new TopicPartition(topic, 0)), transactions.describe(id).topicPartitions(), "partitions");
            producer.commitTransaction();
            transactions.awaitState(id, TransactionState.COMPLETE_COMMIT);
            var complete = transactions.describe(id);
            equal(Set.of(), complete.topicPartitions(), "partitions");
            producer.beginTransaction();
            send(producer, partition, "c");
            producer.abortTransaction();
            transactions.awaitState(id, TransactionState.COMPLETE_ABORT);
        }
    }

    private Collection<ProducerState> producers(TopicPartition partition) throws Exception {
        return broker.admin.describeProducers(List.of(partition)).partitionResult(partition).get(12, TimeUnit.SECONDS).activeProducers();
    }

    private Optional<ProducerState> producer(TopicPartition partition, long producerId) throws Exception {
        return producers(partition).stream().filter(state -> state.producerId() == producerId).findFirst();
    }

    private void producers() throws Exception {
        String topic = broker.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        String id = "id-" + topic;
        equal(0, producers(partition).size(), "producers of an empty partition");
        try (var producer = transactions.producer(id)) {
            broker.send(topic, 0, 3);
            producer.beginTransaction();
            send(producer, topic, "a");
            send(producer, topic, "b");
            equal(2, producers(partition).size(), "producers");
            var described = transactions.describe(id);
            var state = producer(partition, described.producerId()).orElseThrow();
            equal(described.producerEpoch(), state.producerEpoch(), "epoch");
            equal(1, state.lastSequence(), "last sequence");
            equal(OptionalLong.of(3), state.currentTransactionStartOffset(), "start of the transaction");
            isTrue(Math.abs(state.lastTimestamp() - System.currentTimeMillis()) < 60_000, "last timestamp " + state.lastTimestamp());
            var plain = producers(partition).stream().filter(one -> one.producerId() != state.producerId()).findFirst().orElseThrow();
            equal(2, plain.lastSequence(), "last sequence without transaction");
            equal(OptionalLong.empty(), plain.currentTransactionStartOffset(), "transaction of the plain producer");
            producer.commitTransaction();
            until("the transaction stays open", () -> producer(partition, state.producerId()).orElseThrow().currentTransactionStartOffset().isEmpty());
            isTrue(producer(partition, state.producerId()).orElseThrow().coordinatorEpoch().orElse(-1) >= 0, "the marker tells a coordinator epoch");
        }
    }

    private void lists() throws Exception {
        String topic = broker.topic(1);
        String open = "open-" + topic;
        String ended = "ended-" + topic;
        try (var one = transactions.producer(open); var other = transactions.producer(ended)) {
            commit(other, topic, "a");
            transactions.awaitState(ended, TransactionState.COMPLETE_COMMIT);
            one.beginTransaction();
            send(one, topic, "b");
            long producerId = transactions.describe(open).producerId();
            var all = list(new ListTransactionsOptions());
            isTrue(ids(all).containsAll(List.of(open, ended)), "all: " + all);
            var listing = all.stream().filter(each -> each.transactionalId().equals(open)).findFirst().orElseThrow();
            equal(new TransactionListing(open, producerId, TransactionState.ONGOING), listing, "listing");
            var ongoing = list(new ListTransactionsOptions().filterStates(Set.of(TransactionState.ONGOING)));
            isTrue(ids(ongoing).contains(open) && !ids(ongoing).contains(ended), "ongoing: " + ongoing);
            var complete = list(new ListTransactionsOptions().filterStates(Set.of(TransactionState.COMPLETE_COMMIT, TransactionState.COMPLETE_ABORT)));
            isTrue(ids(complete).contains(ended) && !ids(complete).contains(open), "complete: " + complete);
            equal(Set.of(open), ids(list(new ListTransactionsOptions().filterProducerIds(Set.of(producerId)))), "by producer id");
            equal(Set.of(), ids(list(new ListTransactionsOptions().filterProducerIds(Set.of(producerId)).filterStates(Set.of(TransactionState.EMPTY)))), "by both");
            equal(new TreeSet<>(Set.of(open, ended)), ids(list(new ListTransactionsOptions().filterOnTransactionalIdPattern("(open|ended)-" + topic))), "by pattern");
            equal(Set.of(), ids(list(new ListTransactionsOptions().filterOnTransactionalIdPattern("pen-" + topic))), "the pattern is of the whole id");
            fails(org.apache.kafka.common.errors.InvalidRegularExpression.class, () -> list(new ListTransactionsOptions().filterOnTransactionalIdPattern("(")));
            // The time counts from the beginning, whether or not the transaction has ended.
            until("transactions get no older", () -> ids(list(new ListTransactionsOptions().filterOnDuration(50))).containsAll(List.of(open, ended)));
            isTrue(!ids(list(new ListTransactionsOptions().filterOnDuration(3_600_000))).contains(open), "none is an hour old");
            one.abortTransaction();
        }
    }

    private Collection<TransactionListing> list(ListTransactionsOptions options) throws Exception {
        return broker.admin.listTransactions(options).all().get(12, TimeUnit.SECONDS);
    }

    private static Set<String> ids(Collection<TransactionListing> listings) {
        return listings.stream().map(TransactionListing::transactionalId).collect(Collectors.toCollection(TreeSet::new));
    }

    private interface Ending {
        void of(String transactionalId) throws Exception;
    }

    private void fences() throws Exception {
        String topic = broker.topic(1);
        String id = "id-" + topic;
        endsOpen(topic, id, () -> {
            var fenced = broker.admin.fenceProducers(List.of(id));
            fenced.all().get(12, TimeUnit.SECONDS);
            var described = transactions.describe(id);
            equal(described.producerId(), fenced.producerId(id).get(), "producer id");
            isTrue(fenced.epochId(id).get() >= described.producerEpoch() - 1, "epoch " + fenced.epochId(id).get());
        });
    }

    private void terminates() throws Exception {
        String topic = broker.topic(1);
        String id = "id-" + topic;
        endsOpen(topic, id, () -> broker.admin.forceTerminateTransaction(id).result().get(12, TimeUnit.SECONDS));
    }

    private void endsOpen(String topic, String id, Report.Body end) throws Exception {
        KafkaProducer<byte[], byte[]> fenced = transactions.producer(id);
        try {
            commit(fenced, topic, "a");
            fenced.beginTransaction();
            send(fenced, topic, "dropped");
            end.run();
            until("the transaction stays open", () -> transactions.end(COMMITTED, topic) == transactions.end(UNCOMMITTED, topic));
            fails(ProducerFencedException.class, fenced::commitTransaction);
        } finally {
            close(fenced);
        }
        transactions.reads(COMMITTED, topic, "a");
        try (var next = transactions.producer(id)) {
            commit(next, topic, "b");
        }
        transactions.reads(COMMITTED, topic, "a", "b");
    }

    private void aborts() throws Exception {
        String topic = broker.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        String id = "id-" + topic;
        var stuck = transactions.producer(id);
        try {
            stuck.beginTransaction();
            send(stuck, topic, "dropped");
            broker.send(topic, 0, 1);
            transactions.ends(COMMITTED, topic, 0);
            long producerId = transactions.describe(id).producerId();
            var state = producer(partition, producerId).orElseThrow();
            broker.admin.abortTransaction(new AbortTransactionSpec(partition, producerId, (short) state.producerEpoch(), 0)).all().get(12, TimeUnit.SECONDS);
            transactions.ends(COMMITTED, topic, 3);
            equal(OptionalLong.empty(), producer(partition, producerId).orElseThrow().currentTransactionStartOffset(), "start of the transaction");
            transactions.reads(COMMITTED, topic, "value-0");
        } finally {
            close(stuck);
        }
    }
}
