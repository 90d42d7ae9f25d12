package ottla;

import static ottla.Report.equal;
import static ottla.Report.fails;
import static ottla.Report.isTrue;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.ElectionType;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.ElectionNotNeededException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicaAssignmentException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.LogDirNotFoundException;
import org.apache.kafka.common.errors.NoReassignmentInProgressException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** The Admin client on topics, partitions, their records, replicas and directories. */
final class TopicChecks {
    private final Broker broker;
    private final Admin admin;
    private final Report report;

    TopicChecks(Broker broker, Report report) {
        this.broker = broker;
        this.admin = broker.admin;
        this.report = report;
    }

    void run() {
        report.check("createTopics answers with id, partitions, replication factor and configs", this::create);
        report.check("createTopics with defaults for partitions and replication factor", () -> {
            String topic = broker.name();
            var result = admin.createTopics(List.of(new NewTopic(topic, Optional.empty(), Optional.empty())));
            equal(1, result.numPartitions(topic).get(12, TimeUnit.SECONDS), "partitions");
            equal(1, result.replicationFactor(topic).get(12, TimeUnit.SECONDS), "replication factor");
        });
        report.check("createTopics with validateOnly creates nothing", () -> {
            String topic = broker.name();
            var result = admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1)), new CreateTopicsOptions().validateOnly(true));
            get(result.all());
            equal(2, get(result.numPartitions(topic)), "partitions that it would have");
            fails(UnknownTopicOrPartitionException.class, () -> describe(topic));
        });
        report.check("createTopics with an assignment of replicas", () -> {
            String topic = broker.name();
            int id = brokerId();
            get(admin.createTopics(List.of(new NewTopic(topic, Map.of(0, List.of(id), 1, List.of(id))))).all());
            equal(2, describe(topic).partitions().size(), "partitions");
        });
        report.check("createTopics refuses, each with its own error", this::createErrors);
        report.check("describeTopics by name and by id agree", () -> {
            String topic = broker.topic(3);
            TopicDescription byName = describe(topic);
            Uuid id = byName.topicId();
            TopicDescription byId = get(admin.describeTopics(TopicCollection.ofTopicIds(List.of(id))).allTopicIds()).get(id);
            equal(topic, byId.name(), "name of that id");
            for (int i = 0; i < 3; i++) {
                equal(byName.partitions().get(i).leader(), byId.partitions().get(i).leader(), "leader of partition " + i);
                equal(byName.partitions().get(i).isr(), byId.partitions().get(i).isr(), "in-sync replicas of partition " + i);
            }
            equal(3, byName.partitions().size(), "partitions");
            equal(false, byName.isInternal(), "internal");
            fails(UnknownTopicIdException.class, () -> get(admin.describeTopics(TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()))).allTopicIds()));
            fails(UnknownTopicOrPartitionException.class, () -> describe(broker.name()));
        });
        report.check("deleteTopics by name and by id; the unknown are refused", () -> {
            String one = broker.topic(1);
            String two = broker.topic(1);
            Uuid id = describe(two).topicId();
            get(admin.deleteTopics(List.of(one)).all());
            get(admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all());
            Set<String> names = get(admin.listTopics().names());
            isTrue(!names.contains(one) && !names.contains(two), "a deleted topic is listed");
            fails(UnknownTopicOrPartitionException.class, () -> get(admin.deleteTopics(List.of(one)).all()));
            fails(UnknownTopicIdException.class, () -> get(admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all()));
        });
        report.check("a topic created again has a new id and no old records", () -> {
            String topic = broker.topic(1);
            broker.send(topic, 0, 10);
            Uuid before = describe(topic).topicId();
            get(admin.deleteTopics(List.of(topic)).all());
            get(admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all());
            isTrue(!before.equals(describe(topic).topicId()), "the id is the old one");
            equal(0L, offset(topic, 0, OffsetSpec.latest()), "end offset");
        });
        report.check("createPartitions adds, and refuses fewer, the same, and unknown topics", () -> {
            String topic = broker.topic(2);
            get(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all());
            equal(5, describe(topic).partitions().size(), "partitions");
            broker.send(topic, 4, 5);
            equal(5, broker.read(topic, 4, 5).size(), "records in the new partition");
            fails(InvalidPartitionsException.class, () -> get(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all()));
            fails(InvalidPartitionsException.class, () -> get(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all()));
            fails(UnknownTopicOrPartitionException.class, () -> get(admin.createPartitions(Map.of(broker.name(), NewPartitions.increaseTo(3))).all()));
            fails(InvalidReplicaAssignmentException.class, () -> get(admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(6, List.of(List.of(77))))).all()));
            equal(5, describe(topic).partitions().size(), "partitions after refusals");
        });
        report.check("deleteRecords moves the log start", this::deleteRecords);
        report.check("listOffsets: earliest, latest, by time, largest timestamp, local and tiered", this::listOffsets);
        report.check("electLeaders finds no election needed; unknown partitions are unknown", () -> {
            String topic = broker.topic(1);
            TopicPartition partition = new TopicPartition(topic, 0);
            var elected = get(admin.electLeaders(ElectionType.PREFERRED, Set.of(partition)).partitions());
            isTrue(elected.get(partition).orElse(null) instanceof ElectionNotNeededException, "got " + elected);
            TopicPartition unknown = new TopicPartition(broker.name(), 0);
            var failed = get(admin.electLeaders(ElectionType.PREFERRED, Set.of(unknown)).partitions());
            isTrue(failed.get(unknown).orElse(null) instanceof UnknownTopicOrPartitionException, "got " + failed);
        });
        report.check("reassignments: to the same broker at once, to an unknown one refused, none to cancel", () -> {
            TopicPartition partition = new TopicPartition(broker.topic(1), 0);
            get(admin.alterPartitionReassignments(Map.of(partition, Optional.of(new NewPartitionReassignment(List.of(brokerId()))))).all());
            equal(Map.of(), get(admin.listPartitionReassignments().reassignments()), "reassignments under way");
            fails(InvalidReplicaAssignmentException.class, () ->
                get(admin.alterPartitionReassignments(Map.of(partition, Optional.of(new NewPartitionReassignment(List.of(4711))))).all()));
            fails(NoReassignmentInProgressException.class, () -> get(admin.alterPartitionReassignments(Map.of(partition, Optional.empty())).all()));
        });
        report.check("describeLogDirs tells the size of partitions", () -> {
            String topic = broker.topic(1);
            broker.sendOne(new ProducerRecord<>(topic, 0, null, new byte[50_000]));
            int id = brokerId();
            long size = 0;
            for (var directory : get(admin.describeLogDirs(List.of(id)).allDescriptions()).get(id).values()) {
                var replica = directory.replicaInfos().get(new TopicPartition(topic, 0));
                if (replica != null) size = replica.size();
            }
            isTrue(size >= 50_000 && size < 60_000, "size " + size);
        });
        report.check("alterReplicaLogDirs to a directory that is not there is refused", () -> {
            var replica = new TopicPartitionReplica(broker.topic(1), 0, brokerId());
            fails(LogDirNotFoundException.class, () -> get(admin.alterReplicaLogDirs(Map.of(replica, "/no/such/directory")).all()));
        });
    }

    private void create() throws Exception {
        String topic = broker.name();
        var result = admin.createTopics(List.of(new NewTopic(topic, 3, (short) 1).configs(Map.of("retention.ms", "1234567", "cleanup.policy", "compact,delete"))));
        get(result.all());
        equal(3, get(result.numPartitions(topic)), "partitions");
        equal(1, get(result.replicationFactor(topic)), "replication factor");
        equal("1234567", get(result.config(topic)).get("retention.ms").value(), "retention.ms");
        equal("compact,delete", get(result.config(topic)).get("cleanup.policy").value(), "cleanup.policy");
        equal(describe(topic).topicId(), get(result.topicId(topic)), "topic id");
    }

    private void createErrors() throws Exception {
        String existing = broker.topic(1);
        refused(TopicExistsException.class, new NewTopic(existing, 1, (short) 1));
        refused(InvalidReplicationFactorException.class, new NewTopic(broker.name(), 1, (short) 3));
        refused(InvalidReplicationFactorException.class, new NewTopic(broker.name(), 1, (short) 0));
        refused(InvalidPartitionsException.class, new NewTopic(broker.name(), 0, (short) 1));
        refused(InvalidPartitionsException.class, new NewTopic(broker.name(), -7, (short) 1));
        refused(InvalidTopicException.class, new NewTopic("not/valid", 1, (short) 1));
        refused(InvalidTopicException.class, new NewTopic("..", 1, (short) 1));
        refused(InvalidTopicException.class, new NewTopic("x".repeat(250), 1, (short) 1));
        refused(InvalidConfigurationException.class, new NewTopic(broker.name(), 1, (short) 1).configs(Map.of("no.such.key", "1")));
        refused(InvalidConfigurationException.class, new NewTopic(broker.name(), 1, (short) 1).configs(Map.of("retention.ms", "soon")));
        refused(InvalidConfigurationException.class, new NewTopic(broker.name(), 1, (short) 1).configs(Map.of("cleanup.policy", "shred")));
        refused(InvalidConfigurationException.class, new NewTopic(broker.name(), 1, (short) 1).configs(Map.of("segment.bytes", "-5")));
        refused(InvalidReplicaAssignmentException.class, new NewTopic(broker.name(), Map.of(0, List.of(4711))));
        refused(InvalidReplicaAssignmentException.class, new NewTopic(broker.name(), Map.of(1, List.of(brokerId()))));
        String dotted = broker.name().replace('-', '.');
        get(admin.createTopics(List.of(new NewTopic(dotted, 1, (short) 1))).all());
        refused(InvalidTopicException.class, new NewTopic(dotted.replace('.', '_'), 1, (short) 1)); // names that collide in metrics
    }

    private void refused(Class<? extends Exception> error, NewTopic topic) {
        try {
            fails(error, () -> get(admin.createTopics(List.of(topic)).all()));
        } catch (AssertionError wrong) {
            throw new AssertionError(topic + ": " + wrong.getMessage());
        }
    }

    private void deleteRecords() throws Exception {
        String topic = broker.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        broker.send(topic, 0, 100);
        equal(30L, get(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(30))).lowWatermarks().get(partition)).lowWatermark(), "low watermark");
        equal(30L, offset(topic, 0, OffsetSpec.earliest()), "earliest offset");
        equal(30L, broker.read(topic, 0, 70).get(0).offset(), "first offset read");
        equal(30L, get(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(10))).lowWatermarks().get(partition)).lowWatermark(), "low watermark after an older one");
        fails(OffsetOutOfRangeException.class, () -> get(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(101))).all()));
        equal(100L, get(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(-1))).lowWatermarks().get(partition)).lowWatermark(), "low watermark of all");
        equal(100L, offset(topic, 0, OffsetSpec.earliest()), "earliest offset when all is gone");
        equal(100L, broker.send(topic, 0, 1).get(0).offset(), "offset of the next record");
    }

    private void listOffsets() throws Exception {
        String topic = broker.topic(1);
        long base = System.currentTimeMillis() - 1_000_000;
        long[] times = {base, base + 5000, base + 9000, base + 2000, base + 9000};
        try (var producer = broker.producer("linger.ms", "50")) {
            for (long time : times) producer.send(new ProducerRecord<>(topic, 0, time, null, new byte[10]));
        }
        equal(0L, offset(topic, 0, OffsetSpec.earliest()), "earliest");
        equal(5L, offset(topic, 0, OffsetSpec.latest()), "latest");
        equal(2L, offset(topic, 0, OffsetSpec.maxTimestamp()), "first offset with the largest timestamp");
        equal(1L, offset(topic, 0, OffsetSpec.forTimestamp(base + 1)), "first offset after a time");
        equal(-1L, offset(topic, 0, OffsetSpec.forTimestamp(base + 9001)), "offset after the last time");
        equal(0L, offset(topic, 0, OffsetSpec.earliestLocal()), "earliest local");
        equal(-1L, offset(topic, 0, OffsetSpec.latestTiered()), "latest tiered");
        String empty = broker.topic(1);
        equal(-1L, offset(empty, 0, OffsetSpec.maxTimestamp()), "largest timestamp of an empty partition");
        for (String codec : new String[] {"gzip", "zstd"}) {
            String compressed = broker.topic(1);
            try (var producer = broker.producer("linger.ms", "50", "compression.type", codec)) {
                for (long time : times) producer.send(new ProducerRecord<>(compressed, 0, time, null, new byte[10]));
            }
            equal(2L, offset(compressed, 0, OffsetSpec.maxTimestamp()), "largest timestamp, " + codec);
            equal(1L, offset(compressed, 0, OffsetSpec.forTimestamp(base + 1)), "first offset after a time, " + codec);
        }
    }

    private long offset(String topic, int partition, OffsetSpec spec) throws Exception {
        TopicPartition key = new TopicPartition(topic, partition);
        return get(admin.listOffsets(Map.of(key, spec)).partitionResult(key)).offset();
    }

    private TopicDescription describe(String topic) throws Exception {
        return get(admin.describeTopics(List.of(topic)).allTopicNames()).get(topic);
    }

    private int brokerId() throws Exception {
        return get(admin.describeCluster().nodes()).iterator().next().id();
    }

    static <T> T get(KafkaFuture<T> future) throws Exception {
        return future.get(12, TimeUnit.SECONDS);
    }
}
