package ottla;

import static ottla.Report.equal;
import static ottla.Report.isTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Kafka's own command-line tools, in the words a person would type. */
final class ToolChecks {
    private static final String TOOLS = "org.apache.kafka.tools.";
    private final Broker broker;
    private final Report report;

    ToolChecks(Broker broker, Report report) {
        this.broker = broker;
        this.report = report;
    }

    void run() {
        report.check("kafka-topics creates, lists, describes, alters and deletes", () -> {
            String topic = broker.name();
            says("Created topic " + topic, tool("TopicCommand", "--create", "--topic", topic, "--partitions", "2", "--config", "retention.ms=3600000"));
            says(topic, tool("TopicCommand", "--list"));
            String description = tool("TopicCommand", "--describe", "--topic", topic);
            says("PartitionCount: 2", description);
            says("ReplicationFactor: 1", description);
            says("retention.ms=3600000", description);
            says("Partition: 1", description);
            tool("TopicCommand", "--alter", "--topic", topic, "--partitions", "4");
            says("PartitionCount: 4", tool("TopicCommand", "--describe", "--topic", topic));
            equal("", tool("TopicCommand", "--describe", "--under-replicated-partitions").trim(), "under-replicated partitions");
            equal("", tool("TopicCommand", "--describe", "--unavailable-partitions").trim(), "unavailable partitions");
            tool("TopicCommand", "--delete", "--topic", topic);
            isTrue(!tool("TopicCommand", "--list").contains(topic + "\n"), "the deleted topic is listed");
        });
        report.check("kafka-topics reports a topic that exists", () -> {
            String topic = broker.topic(1);
            var result = Tool.capture("", TOOLS + "TopicCommand", args("--create", "--topic", topic));
            equal(1, result.status(), "exit status");
            says("already exists", result.output());
        });
        report.check("kafka-configs alters and describes topics and brokers", () -> {
            String topic = broker.topic(1);
            says("Completed updating config for topic", configs("--alter", "--entity-type", "topics", "--entity-name", topic, "--add-config", "cleanup.policy=compact,retention.ms=5000"));
            String described = configs("--describe", "--entity-type", "topics", "--entity-name", topic);
            says("cleanup.policy=compact", described);
            says("retention.ms=5000", described);
            configs("--alter", "--entity-type", "topics", "--entity-name", topic, "--delete-config", "retention.ms");
            isTrue(!configs("--describe", "--entity-type", "topics", "--entity-name", topic).contains("retention.ms=5000"), "retention.ms is still there");
            says("segment.bytes=1073741824", configs("--describe", "--entity-type", "topics", "--entity-name", topic, "--all"));
            configs("--alter", "--entity-type", "brokers", "--entity-default", "--add-config", "log.cleaner.threads=2");
            says("log.cleaner.threads=2", configs("--describe", "--entity-type", "brokers", "--entity-default"));
            configs("--alter", "--entity-type", "brokers", "--entity-default", "--delete-config", "log.cleaner.threads");
        });
        report.check("kafka-console-producer and kafka-console-consumer carry keys, headers and timestamps", () -> {
            String topic = broker.topic(1);
            var input = new StringBuilder();
            for (int i = 0; i < 20; i++) input.append("h:").append(i).append("\tkey").append(i).append("\tvalue ").append(i).append(" żółw\n");
            captured(input.toString(), TOOLS + "ConsoleProducer", args("--topic", topic, "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true"));
            String read = captured("", TOOLS + "consumer.ConsoleConsumer", args("--topic", topic, "--partition", "0", "--offset", "earliest", "--max-messages", "20",
                "--timeout-ms", "10000", "--formatter-property", "print.key=true", "--formatter-property", "print.headers=true", "--formatter-property", "print.offset=true"));
            says("Offset:19\th:19\tkey19\tvalue 19 żółw", read);
            says("Processed a total of 20 messages", read);
        });
        report.check("kafka-console-producer with acks 0 and sync", () -> {
            String topic = broker.topic(1);
            captured("a\nb\n", TOOLS + "ConsoleProducer", args("--topic", topic, "--request-required-acks", "0", "--command-property", "enable.idempotence=false"));
            captured("c\n", TOOLS + "ConsoleProducer", args("--topic", topic, "--sync"));
            equal(3, broker.read(topic, 0, 3).size(), "records");
        });
        report.check("kafka-producer-perf-test, every codec", () -> {
            String topic = broker.topic(3);
            for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
                String said = captured("", TOOLS + "ProducerPerformance", "--topic", topic, "--num-records", "5000", "--record-size", "200", "--throughput", "-1",
                    "--bootstrap-server", broker.bootstrap, "--command-property", "compression.type=" + codec);
                says("5000 records sent", said);
            }
            String offsets = tool("GetOffsetShell", "--topic", topic, "--time", "-1");
            equal(25000L, sum(offsets), "end offsets together");
        });
        report.check("kafka-get-offsets at -1, -2, -3, -4, -5 and by time", () -> {
            String topic = broker.topic(2);
            broker.send(topic, 0, 7);
            equal(topic + ":0:7\n" + topic + ":1:0", tool("GetOffsetShell", "--topic", topic, "--time", "-1").trim(), "latest");
            equal(topic + ":0:0\n" + topic + ":1:0", tool("GetOffsetShell", "--topic", topic, "--time", "earliest").trim(), "earliest");
            says(topic + ":0:", tool("GetOffsetShell", "--topic", topic, "--time", "max-timestamp"));
            tool("GetOffsetShell", "--topic", topic, "--time", "earliest-local");
            tool("GetOffsetShell", "--topic", topic, "--time", "latest-tiered");
            says(topic + ":0:0", tool("GetOffsetShell", "--topic", topic, "--time", "1000"));
        });
        report.check("kafka-delete-records", () -> {
            String topic = broker.topic(1);
            broker.send(topic, 0, 10);
            Path file = json("{\"partitions\":[{\"topic\":\"" + topic + "\",\"partition\":0,\"offset\":4}],\"version\":1}");
            says("partition: " + topic + "-0\tlow_watermark: 4", tool("DeleteRecordsCommand", "--offset-json-file", file.toString()));
        });
        report.check("kafka-log-dirs describes a topic's partitions", () -> {
            String topic = broker.topic(1);
            broker.send(topic, 0, 10);
            says("\"partition\":\"" + topic + "-0\"", tool("LogDirsCommand", "--describe", "--topic-list", topic));
        });
        report.check("kafka-reassign-partitions lists, generates, executes and verifies", () -> {
            String topic = broker.topic(1);
            int id = TopicChecks.get(broker.admin.describeCluster().nodes()).iterator().next().id();
            says("No partition reassignments found", tool("reassign.ReassignPartitionsCommand", "--list"));
            Path topics = json("{\"version\":1,\"topics\":[{\"topic\":\"" + topic + "\"}]}");
            says("Proposed partition reassignment", tool("reassign.ReassignPartitionsCommand", "--generate", "--topics-to-move-json-file", topics.toString(), "--broker-list", "" + id));
            Path plan = json("{\"version\":1,\"partitions\":[{\"topic\":\"" + topic + "\",\"partition\":0,\"replicas\":[" + id + "]}]}");
            says("Successfully started partition reassignment", tool("reassign.ReassignPartitionsCommand", "--execute", "--reassignment-json-file", plan.toString()));
            says("is completed", tool("reassign.ReassignPartitionsCommand", "--verify", "--reassignment-json-file", plan.toString()));
        });
        report.check("kafka-leader-election of all partitions", () -> tool("LeaderElectionCommand", "--election-type", "preferred", "--all-topic-partitions"));
        report.check("kafka-features describes", () -> says("metadata.version", tool("FeatureCommand", "describe")));
        report.check("kafka-metadata-quorum describes status and replication", () -> {
            says("LeaderId:", tool("MetadataQuorumCommand", "describe", "--status"));
            says("Leader", tool("MetadataQuorumCommand", "describe", "--replication"));
        });
        report.check("kafka-cluster tells id and endpoints", () -> {
            says("Cluster ID:", captured("", TOOLS + "ClusterTool", "cluster-id", "--bootstrap-server", broker.bootstrap));
            says("unfenced", captured("", TOOLS + "ClusterTool", "list-endpoints", "--bootstrap-server", broker.bootstrap));
        });
        report.check("kafka-broker-api-versions shows the versions of Kafka 4.3", () -> {
            String versions = tool("BrokerApiVersionsCommand");
            for (String line : List.of("Produce(0): 0 to 13 [usable: 13]", "Fetch(1): 4 to 18 [usable: 18]", "ListOffsets(2): 1 to 11 [usable: 11]",
                    "Metadata(3): 0 to 13 [usable: 13]", "CreateTopics(19): 2 to 7 [usable: 7]", "InitProducerId(22): 0 to 5 [usable: 5]")) {
                says(line, versions);
            }
        });
    }

    private String tool(String name, String... args) throws Exception {
        return captured("", TOOLS + name, args(args));
    }

    private String configs(String... args) throws Exception {
        return captured("", "kafka.admin.ConfigCommand", args(args));
    }

    private String[] args(String... args) {
        return args(broker, args);
    }

    static String[] args(Broker broker, String... args) {
        var all = new ArrayList<>(List.of("--bootstrap-server", broker.bootstrap));
        all.addAll(Arrays.asList(args));
        return all.toArray(String[]::new);
    }

    private static String captured(String input, String tool, String... args) throws Exception {
        Tool.Result result = Tool.capture(input, tool, args);
        if (result.status() != 0) throw new AssertionError("ended with " + result.status() + ": " + result.output());
        return result.output();
    }

    private static void says(String expected, String output) {
        isTrue(output.contains(expected), "expected \"" + expected + "\" in: " + output);
    }

    private static long sum(String offsets) {
        return offsets.lines().filter(line -> line.contains(":")).mapToLong(line -> Long.parseLong(line.substring(line.lastIndexOf(':') + 1))).sum();
    }

    private static Path json(String text) throws Exception {
        Path file = Files.createTempFile("ottla-conformance", ".json");
        file.toFile().deleteOnExit();
        return Files.writeString(file, text);
    }
}
