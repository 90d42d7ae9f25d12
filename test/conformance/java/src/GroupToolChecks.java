package ottla;

import static ottla.Report.equal;
import static ottla.Report.isTrue;

import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** kafka-consumer-groups and the other tools that look at groups, and the formatters that read __consumer_offsets. */
final class GroupToolChecks {
    private static final String TOOLS = "org.apache.kafka.tools.";
    private final Broker broker;
    private final Report report;

    GroupToolChecks(Broker broker, Report report) {
        this.broker = broker;
        this.report = report;
    }

    void run() {
        for (String protocol : List.of("classic", "consumer")) {
            report.check("kafka-consumer-groups lists and describes offsets, members and state, " + protocol, () -> describes(protocol));
        }
        report.check("kafka-consumer-groups resets and deletes offsets, and deletes the group", this::changes);
        report.check("kafka-console-consumer --group goes on where the group is", () -> {
            String topic = broker.topic(2);
            String group = "console-" + topic;
            broker.send(topic, 0, 5);
            equal(5L, consoleLines(topic, group, 5), "lines of the first");
            broker.send(topic, 1, 3);
            equal(3L, consoleLines(topic, group, 3), "lines of the second");
            says("Stable", "Empty", tool("consumer.group.ConsumerGroupCommand", "--describe", "--group", group, "--state"));
        });
        report.check("kafka-console-consumer reads __consumer_offsets with Kafka's formatters", this::formatters);
    }

    private void describes(String protocol) throws Exception {
        String topic = broker.topic(2);
        String group = "tools-" + topic;
        broker.send(topic, 0, 10);
        try (var consumer = broker.consumer("group.id", group, "group.protocol", protocol, "client.id", "seen")) {
            consumer.subscribe(List.of(topic));
            Broker.poll(consumer, 10);
            consumer.commitSync(Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(4)));
            says(group, groups("--list"));
            says(group, tool("GroupsCommand", "--list"));
            says(group, tool("GroupsCommand", "--list", "--group-type", protocol));
            String state = groups("--list", "--state", "stable");
            says(group, state);
            says("Stable", state);
            String offsets = groups("--describe", "--group", group);
            matches(topic + "\\s+0\\s+4\\s+10\\s+6\\s+", offsets);
            matches(topic + "\\s+1\\s+-\\s+0\\s+", offsets);
            says("seen", offsets);
            String members = groups("--describe", "--group", group, "--members", "--verbose");
            says("seen", members);
            says(topic + "(0,1)", members.replace(topic + ":0,1", topic + "(0,1)"));
            says("Stable", groups("--describe", "--group", group, "--state"));
            says("Stable", groups("--describe", "--all-groups", "--state"));
            says("Error", groups("--reset-offsets", "--group", group, "--topic", topic, "--to-earliest", "--execute"));
            says("NON_EMPTY", "not empty", "non-empty", groups("--delete", "--group", group));
        }
    }

    private void changes() throws Exception {
        String topic = broker.topic(2);
        String group = "reset-" + topic;
        broker.send(topic, 0, 10);
        try (var consumer = broker.consumer("group.id", group)) {
            consumer.subscribe(List.of(topic));
            Broker.poll(consumer, 10);
            consumer.commitSync();
        }
        matches(topic + "\\s+0\\s+10\\s+10\\s+0\\s+", groups("--describe", "--group", group));
        String planned = groups("--reset-offsets", "--group", group, "--topic", topic, "--shift-by", "-3", "--dry-run");
        matches(group + "\\s+" + topic + "\\s+0\\s+7", planned);
        groups("--reset-offsets", "--group", group, "--topic", topic + ":0", "--to-offset", "2", "--execute");
        matches(topic + "\\s+0\\s+2\\s+10\\s+8\\s+", groups("--describe", "--group", group));
        groups("--reset-offsets", "--group", group, "--all-topics", "--to-earliest", "--execute");
        matches(topic + "\\s+0\\s+0\\s+10\\s+10\\s+", groups("--describe", "--group", group));
        says("Successful", groups("--delete-offsets", "--group", group, "--topic", topic + ":0"));
        isTrue(!groups("--describe", "--group", group).matches("(?s).*" + topic + "\\s+0\\s+0\\s.*"), "the deleted offset is still there");
        says("successful", groups("--delete", "--group", group));
        isTrue(!groups("--list").contains(group), "the deleted group is listed");
    }

    private void formatters() throws Exception {
        String topic = broker.topic(1);
        String classic = "format-classic-" + topic;
        String modern = "format-modern-" + topic;
        broker.send(topic, 0, 10);
        for (String[] one : new String[][] {{classic, "classic"}, {modern, "consumer"}}) {
            try (var consumer = broker.consumer("group.id", one[0], "group.protocol", one[1])) {
                consumer.subscribe(List.of(topic));
                Broker.poll(consumer, 10);
                consumer.commitSync(Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(9, "nine")));
            }
        }
        String offsets = internal("OffsetsMessageFormatter");
        for (String group : List.of(classic, modern)) {
            matches("\"group\":\"" + group + "\",\"topic\":\"" + topic + "\",\"partition\":0[^\\n]*\"offset\":9,[^\\n]*\"metadata\":\"nine\"", offsets);
        }
        String metadata = internal("GroupMetadataMessageFormatter");
        matches("\"group\":\"" + classic + "\"[^\\n]*\"protocolType\":\"consumer\"[^\\n]*\"members\":\\[\\{", metadata);
    }

    /** What the console consumer prints of __consumer_offsets from its beginning. */
    private String internal(String formatter) throws Exception {
        return tool("consumer.ConsoleConsumer", "--topic", "__consumer_offsets", "--from-beginning", "--timeout-ms", "1500",
                "--formatter", TOOLS + "consumer." + formatter);
    }

    private long consoleLines(String topic, String group, int count) throws Exception {
        String output = tool("consumer.ConsoleConsumer", "--topic", topic, "--group", group, "--from-beginning", "--max-messages", "" + count, "--timeout-ms", "10000");
        return output.lines().filter(line -> line.startsWith("value-")).count();
    }

    private String groups(String... args) throws Exception {
        return tool("consumer.group.ConsumerGroupCommand", args);
    }

    private String tool(String name, String... args) throws Exception {
        Tool.Result result = Tool.capture("", TOOLS + name, ToolChecks.args(broker, args));
        if (result.status() != 0) throw new AssertionError("ended with " + result.status() + ": " + result.output());
        return result.output();
    }

    /** One of the texts but the last is in the last. */
    private static void says(String... texts) {
        String output = texts[texts.length - 1];
        for (int i = 0; i < texts.length - 1; i++) if (output.contains(texts[i])) return;
        throw new AssertionError("expected \"" + texts[0] + "\" in: " + output);
    }

    private static void matches(String pattern, String output) {
        isTrue(java.util.regex.Pattern.compile(pattern).matcher(output).find(), "expected " + pattern + " in: " + output);
    }
}
