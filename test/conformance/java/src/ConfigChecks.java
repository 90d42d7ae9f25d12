package ottla;

import static ottla.Report.equal;
import static ottla.Report.fails;
import static ottla.Report.isTrue;
import static ottla.TopicChecks.get;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigSource;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.ConfigResource.Type;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidRequestException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** The Admin client on configs of topics and brokers. */
final class ConfigChecks {
    private final Broker broker;
    private final Admin admin;
    private final Report report;

    ConfigChecks(Broker broker, Report report) {
        this.broker = broker;
        this.admin = broker.admin;
        this.report = report;
    }

    void run() {
        report.check("describeConfigs of a topic has every key of Kafka 4.3 with type and documentation", () -> {
            Config config = describe(topic(broker.topic(1)));
            equal(TOPIC_KEYS, config.entries().stream().map(ConfigEntry::name).sorted().toList(), "keys");
            for (ConfigEntry entry : config.entries()) {
                isTrue(entry.type() != ConfigEntry.ConfigType.UNKNOWN, entry.name() + " has no type");
                isTrue(entry.documentation() != null && !entry.documentation().isBlank(), entry.name() + " has no documentation");
            }
            equal("604800000", config.get("retention.ms").value(), "retention.ms");
            equal(ConfigSource.DEFAULT_CONFIG, config.get("retention.ms").source(), "source of retention.ms");
            equal(ConfigEntry.ConfigType.LONG, config.get("retention.ms").type(), "type of retention.ms");
            equal("1048588", config.get("max.message.bytes").value(), "max.message.bytes");
        });
        report.check("synonyms show where a topic's value comes from", () -> {
            ConfigEntry entry = describe(topic(broker.topic(1, "max.message.bytes", "2000"))).get("max.message.bytes");
            equal("2000", entry.value(), "value");
            equal(ConfigSource.DYNAMIC_TOPIC_CONFIG, entry.source(), "source");
            var synonyms = entry.synonyms().stream().map(synonym -> synonym.source() + " " + synonym.name() + "=" + synonym.value()).toList();
            equal(List.of("DYNAMIC_TOPIC_CONFIG max.message.bytes=2000", "DEFAULT_CONFIG message.max.bytes=1048588"), synonyms, "synonyms");
        });
        report.check("incrementalAlterConfigs sets, appends, subtracts and deletes", this::incremental);
        report.check("incrementalAlterConfigs refuses unknown keys, bad values, unknown topics and doubled keys", this::refusals);
        report.check("incrementalAlterConfigs with validateOnly changes nothing", () -> {
            ConfigResource topic = topic(broker.topic(1));
            get(admin.incrementalAlterConfigs(Map.of(topic, List.of(op("retention.ms", "5000", OpType.SET))), new AlterConfigsOptions().validateOnly(true)).all());
            equal("604800000", describe(topic).get("retention.ms").value(), "retention.ms");
        });
        report.check("a change of max.message.bytes holds for the next record", () -> {
            String name = broker.topic(1);
            broker.sendOne(new ProducerRecord<>(name, 0, null, new byte[5000]));
            alter(topic(name), op("max.message.bytes", "1000", OpType.SET));
            fails(RecordTooLargeException.class, () -> broker.sendOne(new ProducerRecord<>(name, 0, null, new byte[5000])));
            alter(topic(name), op("max.message.bytes", null, OpType.DELETE));
            broker.sendOne(new ProducerRecord<>(name, 0, null, new byte[5000]));
        });
        report.check("a dynamic default of all brokers reaches topics without their own value", this::brokerDefault);
        report.check("describeConfigs of a broker shows node.id read-only, and the named broker's own values", () -> {
            ConfigResource self = new ConfigResource(Type.BROKER, brokerId());
            Config config = describe(self);
            equal(brokerId(), config.get("node.id").value(), "node.id");
            equal(true, config.get("node.id").isReadOnly(), "node.id read-only");
            equal(false, config.get("log.retention.ms").isReadOnly(), "log.retention.ms read-only");
            isTrue(config.get("num.partitions") != null, "num.partitions is missing");
        });
        report.check("a read-only broker key cannot be changed", () ->
            fails(InvalidRequestException.class, () -> alter(new ConfigResource(Type.BROKER, brokerId()), op("node.id", "9", OpType.SET))));
        report.check("configs of an unknown topic", () -> fails(UnknownTopicOrPartitionException.class, () -> describe(topic(broker.name()))));
        report.check("listConfigResources names topics and brokers", () -> {
            String name = broker.topic(1, "retention.ms", "1000");
            var resources = get(admin.listConfigResources(java.util.Set.of(Type.TOPIC), new org.apache.kafka.clients.admin.ListConfigResourcesOptions()).all());
            isTrue(resources.contains(topic(name)), "the topic is missing");
            var all = get(admin.listConfigResources().all());
            isTrue(all.contains(new ConfigResource(Type.BROKER, brokerId())), "the broker is missing from " + all);
        });
    }

    private void incremental() throws Exception {
        ConfigResource topic = topic(broker.topic(1));
        alter(topic, op("retention.ms", "5000", OpType.SET), op("cleanup.policy", "compact", OpType.SET));
        alter(topic, op("cleanup.policy", "delete", OpType.APPEND));
        equal("compact,delete", describe(topic).get("cleanup.policy").value(), "cleanup.policy after append");
        alter(topic, op("cleanup.policy", "compact", OpType.SUBTRACT), op("retention.ms", "", OpType.DELETE));
        Config config = describe(topic);
        equal("delete", config.get("cleanup.policy").value(), "cleanup.policy after subtract");
        equal("604800000", config.get("retention.ms").value(), "retention.ms after delete");
        equal(ConfigSource.DEFAULT_CONFIG, config.get("retention.ms").source(), "source of retention.ms after delete");
    }

    private void refusals() throws Exception {
        ConfigResource topic = topic(broker.topic(1));
        fails(InvalidConfigurationException.class, () -> alter(topic, op("no.such.key", "1", OpType.SET)));
        fails(InvalidConfigurationException.class, () -> alter(topic, op("retention.ms", "soon", OpType.SET)));
        fails(InvalidConfigurationException.class, () -> alter(topic, op("compression.type", "brotli", OpType.SET)));
        fails(InvalidConfigurationException.class, () -> alter(topic, op("retention.ms", "5", OpType.APPEND)));
        fails(UnknownTopicOrPartitionException.class, () -> alter(topic(broker.name()), op("retention.ms", "5", OpType.SET)));
        fails(InvalidRequestException.class, () -> alter(topic, op("retention.ms", "5", OpType.SET), op("retention.ms", "6", OpType.SET)));
    }

    private void brokerDefault() throws Exception {
        ConfigResource topic = topic(broker.topic(1));
        ConfigResource all = new ConfigResource(Type.BROKER, "");
        alter(all, op("log.retention.ms", "777777", OpType.SET));
        try {
            waitFor("777777", () -> describe(topic).get("retention.ms").value());
            equal(ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG, describe(topic).get("retention.ms").source(), "source");
            equal("777777", describe(all).get("log.retention.ms").value(), "default of all brokers");
        } finally {
            alter(all, op("log.retention.ms", null, OpType.DELETE));
        }
        waitFor("604800000", () -> describe(topic).get("retention.ms").value());
    }

    private interface Text {
        String get() throws Exception;
    }

    /** Kafka applies a broker's dynamic configs some time after it has answered. */
    private static void waitFor(String expected, Text actual) throws Exception {
        for (int i = 0; i < 100 && !expected.equals(actual.get()); i++) Thread.sleep(50);
        equal(expected, actual.get(), "value");
    }

    private void alter(ConfigResource resource, AlterConfigOp... ops) throws Exception {
        get(admin.incrementalAlterConfigs(Map.of(resource, new ArrayList<>(List.of(ops)))).all());
    }

    private Config describe(ConfigResource resource) throws Exception {
        return get(admin.describeConfigs(List.of(resource), new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true)).all()).get(resource);
    }

    private static AlterConfigOp op(String name, String value, OpType type) {
        return new AlterConfigOp(new ConfigEntry(name, value), type);
    }

    private static ConfigResource topic(String name) {
        return new ConfigResource(Type.TOPIC, name);
    }

    private String brokerId() throws Exception {
        return get(admin.describeCluster().nodes()).iterator().next().idString();
    }

    private static final List<String> TOPIC_KEYS = List.of(
        "cleanup.policy", "compression.gzip.level", "compression.lz4.level", "compression.type", "compression.zstd.level", "delete.retention.ms",
        "file.delete.delay.ms", "flush.messages", "flush.ms", "follower.replication.throttled.replicas", "index.interval.bytes",
        "leader.replication.throttled.replicas", "local.retention.bytes", "local.retention.ms", "max.compaction.lag.ms", "max.message.bytes",
        "message.timestamp.after.max.ms", "message.timestamp.before.max.ms", "message.timestamp.type", "min.cleanable.dirty.ratio",
        "min.compaction.lag.ms", "min.insync.replicas", "preallocate", "remote.log.copy.disable", "remote.log.delete.on.disable",
        "remote.storage.enable", "retention.bytes", "retention.ms", "segment.bytes", "segment.index.bytes", "segment.jitter.ms", "segment.ms",
        "unclean.leader.election.enable");
}
