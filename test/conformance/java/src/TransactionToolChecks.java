package ottla;

import static ottla.Report.equal;
import static ottla.Report.isTrue;
import static ottla.Transactions.COMMITTED;
import static ottla.Transactions.abort;
import static ottla.Transactions.commit;
import static ottla.Transactions.send;

import java.util.List;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** kafka-transactions, and the other tools that have to do with transactions. */
final class TransactionToolChecks {
    private static final String TOOLS = "org.apache.kafka.tools.";
    private final Broker broker;
    private final Report report;
    private final Transactions transactions;

    TransactionToolChecks(Broker broker, Report report) {
        this.broker = broker;
        this.report = report;
        this.transactions = new Transactions(broker);
    }

    void run() {
        report.check("kafka-transactions lists and describes, and describes the producers of a partition", this::describes);
        report.check("kafka-transactions finds no transaction hanging that its coordinator knows", this::findsHanging);
        report.check("kafka-transactions aborts by start offset, and by producer id and epoch", this::aborts);
        report.check("kafka-transactions terminates a transaction by its id", this::terminates);
        report.check("kafka-console-consumer reads __transaction_state with Kafka's formatter", this::formatter);
        report.check("kafka-console-consumer with read_committed leaves aborted records out", this::console);
        report.check("kafka-producer-perf-test in transactions", this::performance);
    }

    private void describes() throws Exception {
        String topic = broker.topic(1);
        String id = "id-" + topic;
        try (var producer = transactions.producer(id)) {
            producer.beginTransaction();
            send(producer, topic, "a", "b");
            var description = transactions.describe(id);
            long producerId = description.producerId();
            String listed = id + "\\s+\\d+\\s+" + producerId + "\\s+Ongoing";
            matches(listed, tool("list"));
            matches(listed, tool("list", "--transactional-id-pattern", ".*" + topic));
            misses(id, tool("list", "--transactional-id-pattern", "other.*"));
            misses(id, tool("list", "--duration-filter", "3600000"));
            String described = tool("describe", "--transactional-id", id);
            matches("\\s" + id + "\\s+" + producerId + "\\s+" + description.producerEpoch() + "\\s+Ongoing\\s+30000\\s+\\d+\\s+\\d+\\s+" + topic + "-0", described);
            matches("(?m)^" + producerId + "\\s+" + description.producerEpoch() + "\\s+-?\\d+\\s+1\\s+\\d+\\s+0\\s*$", tool("describe-producers", "--topic", topic, "--partition", "0"));
            producer.commitTransaction();
            transactions.awaitState(id, TransactionState.COMPLETE_COMMIT);
            matches(id + "\\s+\\d+\\s+" + producerId + "\\s+CompleteCommit", tool("list"));
            matches("(?m)^" + producerId + "\\s+\\d+\\s+\\d+\\s+-?\\d+\\s+\\d+\\s+None\\s*$", tool("describe-producers", "--topic", topic, "--partition", "0"));
        }
    }

    private void findsHanging() throws Exception {
        String topic = broker.topic(2);
        try (var producer = transactions.producer("id-" + topic)) {
            producer.beginTransaction();
            send(producer, topic, "a");
            for (List<String> where : List.of(List.of("--topic", topic), List.of("--topic", topic, "--partition", "0"), List.of("--broker-id", brokerId()))) {
                var args = new java.util.ArrayList<>(List.of("--max-transaction-timeout", "0"));
                args.addAll(where);
                String found = tool("find-hanging", args.toArray(String[]::new));
                matches("Topic\\s+Partition\\s+ProducerId", found);
                misses(topic, found);
            }
            producer.abortTransaction();
        }
    }

    private void aborts() throws Exception {
        String topic = broker.topic(1);
        var first = transactions.producer("first-" + topic);
        var second = transactions.producer("second-" + topic);
        try {
            first.beginTransaction();
            send(first, topic, "a");
            second.beginTransaction();
            send(second, topic, "b");
            tool("abort", "--topic", topic, "--partition", "0", "--start-offset", "0");
            transactions.ends(COMMITTED, topic, 1);
            var described = transactions.describe("second-" + topic);
            tool("abort", "--topic", topic, "--partition", "0", "--producer-id", "" + described.producerId(), "--producer-epoch", "" + described.producerEpoch(),
                    "--coordinator-epoch", "0");
            transactions.ends(COMMITTED, topic, 4);
            transactions.reads(COMMITTED, topic);
        } finally {
            Transactions.close(first);
            Transactions.close(second);
        }
    }

    private void terminates() throws Exception {
        String topic = broker.topic(1);
        String id = "id-" + topic;
        var producer = transactions.producer(id);
        try {
            producer.beginTransaction();
            send(producer, topic, "a");
            tool("forceTerminateTransaction", "--transactionalId", id);
            transactions.awaitState(id, TransactionState.EMPTY);
        } finally {
            Transactions.close(producer);
        }
        transactions.reads(COMMITTED, topic);
    }

    private void formatter() throws Exception {
        String topic = broker.topic(1);
        String id = "id-" + topic;
        try (var producer = transactions.producer(id)) {
            producer.beginTransaction();
            send(producer, topic, "a");
            producer.sendOffsetsToTransaction(java.util.Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(1)), new ConsumerGroupMetadata("group-" + topic));
            producer.commitTransaction();
            transactions.awaitState(id, TransactionState.COMPLETE_COMMIT);
        }
        long producerId = transactions.describe(id).producerId();
        String log = captured("consumer.ConsoleConsumer", "--topic", "__transaction_state", "--from-beginning", "--timeout-ms", "1500",
                "--formatter", TOOLS + "consumer.TransactionLogMessageFormatter");
        String key = "\"transactionalId\":\"" + id + "\"[^\\n]*\"producerId\":" + producerId + ",[^\\n]*\"transactionStatus\":";
        for (int status : new int[] {0, 1, 2, 4}) matches(key + status + ",", log); // empty, ongoing, prepare commit, complete commit
        matches(key + "1,[^\\n]*\"topic\":\"" + topic + "\",\"partitionIds\":\\[0\\]", log);
        matches(key + "1,[^\\n]*\"topic\":\"__consumer_offsets\"", log);
    }

    private void console() throws Exception {
        String topic = broker.topic(1);
        try (var producer = transactions.producer("id-" + topic)) {
            commit(producer, topic, "kept");
            abort(producer, topic, "dropped");
            commit(producer, topic, "kept too");
        }
        for (String isolation : List.of(COMMITTED, Transactions.UNCOMMITTED)) {
            String output = captured("consumer.ConsoleConsumer", "--topic", topic, "--from-beginning", "--timeout-ms", "2000", "--command-property", "isolation.level=" + isolation);
            equal(isolation.equals(COMMITTED) ? List.of("kept", "kept too") : List.of("kept", "dropped", "kept too"),
                    output.lines().filter(line -> line.matches("(kept|dropped).*")).toList(), isolation);
        }
    }

    private void performance() throws Exception {
        String topic = broker.topic(3);
        Tool.Result result = Tool.capture("", TOOLS + "ProducerPerformance", "--topic", topic, "--num-records", "3000", "--record-size", "100", "--throughput", "-1",
                "--transactional-id", "id-" + topic, "--transaction-duration-ms", "50", "--bootstrap-server", broker.bootstrap);
        equal(0, result.status(), "exit status: " + result.output());
        matches("3000 records sent", result.output());
        Transactions.until("not 3000 records become visible", () -> {
            long read = 0;
            for (int i = 0; i < 3; i++) read += transactions.values(COMMITTED, new TopicPartition(topic, i), 0).size();
            return read == 3000;
        });
    }

    private String brokerId() throws Exception {
        return broker.admin.describeCluster().nodes().get().iterator().next().idString();
    }

    private String tool(String command, String... args) throws Exception {
        String[] all = new String[args.length + 3];
        all[0] = "--bootstrap-server";
        all[1] = broker.bootstrap;
        all[2] = command;
        System.arraycopy(args, 0, all, 3, args.length);
        Tool.Result result = Tool.capture("", TOOLS + "TransactionsCommand", all);
        if (result.status() != 0) throw new AssertionError(command + " ended with " + result.status() + ": " + result.output());
        return result.output();
    }

    private String captured(String name, String... args) throws Exception {
        Tool.Result result = Tool.capture("", TOOLS + name, ToolChecks.args(broker, args));
        if (result.status() != 0) throw new AssertionError("ended with " + result.status() + ": " + result.output());
        return result.output();
    }

    private static void matches(String pattern, String output) {
        isTrue(Pattern.compile(pattern).matcher(output).find(), "expected " + pattern + " in: " + output);
    }

    private static void misses(String text, String output) {
        isTrue(!output.contains(text), "did not expect " + text + " in: " + output);
    }
}
