package ottla;

import static ottla.Report.equal;
import static ottla.Report.fails;
import static ottla.Report.isTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.MemberToRemove;
import org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.GroupNotEmptyException;
import org.apache.kafka.common.errors.GroupSubscribedToTopicException;
import org.apache.kafka.common.errors.InvalidRegularExpression;
import org.apache.kafka.common.errors.UnreleasedInstanceIdException;

/** What consumers that subscribe may expect: both protocols, members that come, go, crash and return, and the group's administration. */
final class GroupChecks {
    private static final int PARTITIONS = 6;
    private static final String ASSIGNORS = "org.apache.kafka.clients.consumer.";
    private static final String[] RANGE = {"group.protocol", "classic", "partition.assignment.strategy", ASSIGNORS + "RangeAssignor"};
    private static final String[] COOPERATIVE = {"group.protocol", "classic", "partition.assignment.strategy", ASSIGNORS + "CooperativeStickyAssignor"};
    private static final String[] CONSUMER = {"group.protocol", "consumer"};
    private final Broker broker;
    private final Report report;

    GroupChecks(Broker broker, Report report) {
        this.broker = broker;
        this.report = report;
    }

    void run() {
        var protocols = new LinkedHashMap<String, String[]>();
        protocols.put("eager classic", RANGE);
        protocols.put("cooperative classic", COOPERATIVE);
        protocols.put("consumer protocol", CONSUMER);
        // They mostly wait for sessions to end, so they run side by side.
        var churns = new HashMap<String, CompletableFuture<Void>>();
        protocols.forEach((name, config) -> churns.put(name, later(() -> churn(config))));
        var migration = later(this::migration);
        for (String name : protocols.keySet()) {
            report.check("members join, leave, crash and return while records are written, " + name, () -> finish(churns.get(name)));
        }
        report.check("a group goes from classic to consumer and back while it consumes", () -> finish(migration));
        for (String name : List.of("eager classic", "consumer protocol")) {
            String[] config = protocols.get(name);
            report.check("static members return to their partitions without a rebalance, and double ones are refused, " + name, () -> staticMembers(config));
        }
        report.check("a regular expression subscribes to what matches, classic", () -> regex("old", consumer -> consumer.subscribe(Pattern.compile(matching("old"))), RANGE));
        report.check("a regular expression subscribes to what matches, consumer protocol",
                () -> regex("new", consumer -> consumer.subscribe(new SubscriptionPattern(matching("new"))), CONSUMER));
        report.check("an illegal regular expression is refused", () -> {
            try (var consumer = consumer("illegal", CONSUMER)) {
                consumer.subscribe(new SubscriptionPattern("(a"));
                fails(InvalidRegularExpression.class, () -> {
                    for (int i = 0; i < 50; i++) consumer.poll(Duration.ofMillis(200));
                });
            }
        });
        report.check("Admin lists, describes, alters and deletes groups and their offsets", this::admin);
        report.check("Admin removes members", this::removal);
    }

    private String matching(String prefix) {
        return prefix + "-" + broker.run() + "-(a|b)";
    }

    private KafkaConsumer<byte[], byte[]> consumer(String group, String[] config, String... more) {
        var all = new ArrayList<>(List.of("group.id", group + "-" + broker.run(), "metadata.max.age.ms", "1000"));
        all.addAll(Arrays.asList(config));
        // The consumer protocol takes these from the broker.
        if (!config[1].equals("consumer")) all.addAll(List.of("session.timeout.ms", "6000", "heartbeat.interval.ms", "500"));
        all.addAll(Arrays.asList(more));
        return broker.consumer(all.toArray(String[]::new));
    }

    private void churn(String[] config) throws Exception {
        String topic = broker.topic(PARTITIONS);
        String group = "churn-" + topic;
        Ledger ledger = new Ledger(PARTITIONS);
        try (Writer writer = new Writer(topic)) {
            Member a = Member.of(topic, "a", consumer(group, config), ledger);
            Member b = Member.of(topic, "b", consumer(group, config), ledger);
            ledger.awaitConsumer("a");
            ledger.awaitConsumer("b");
            Member c = Member.of(topic, "c", consumer(group, config), ledger);
            ledger.awaitConsumer("c");
            b.leave();
            ledger.awaitProgress("a partition stands still after a member left");
            a.crash();
            ledger.awaitProgress("a partition stands still after a member crashed");
            Member again = Member.of(topic, "a again", consumer(group, config), ledger);
            ledger.awaitConsumer("a again");
            ledger.awaitPositions(writer.end(), "not every record came");
            c.leave();
            again.leave();
            equal(asMap(topic, writer.end()), committed(group), "committed in the end");
        }
    }

    private void migration() throws Exception {
        String topic = broker.topic(PARTITIONS);
        String group = "migration-" + topic;
        String id = group + "-" + broker.run();
        Ledger ledger = new Ledger(PARTITIONS);
        try (Writer writer = new Writer(topic)) {
            Member classic = Member.of(topic, "classic", consumer(group, COOPERATIVE), ledger);
            ledger.awaitConsumer("classic");
            equal(GroupType.CLASSIC, typeOf(id), "type");
            Member modern = Member.of(topic, "modern", consumer(group, CONSUMER), ledger);
            ledger.awaitConsumer("modern");
            equal(GroupType.CONSUMER, typeOf(id), "type with members of both");
            classic.leave();
            ledger.awaitProgress("a partition stands still after the classic member left");
            Member back = Member.of(topic, "back", consumer(group, COOPERATIVE), ledger);
            ledger.awaitConsumer("back");
            modern.leave();
            ledger.awaitProgress("a partition stands still after the modern member left");
            equal(GroupType.CLASSIC, typeOf(id), "type in the end");
            ledger.awaitPositions(writer.end(), "not every record came");
            back.leave();
            equal(asMap(topic, writer.end()), committed(group), "committed in the end");
        }
    }

    private void staticMembers(String[] config) throws Exception {
        String topic = broker.topic(4);
        String group = "static-" + topic;
        broker.send(topic, 0, 0);
        Ledger ledger = new Ledger(4);
        Member one = Member.of(topic, "one", consumer(group, config, "group.instance.id", "one"), ledger);
        Member two = Member.of(topic, "two", consumer(group, config, "group.instance.id", "two"), ledger);
        one.awaitOwned(2);
        two.awaitOwned(2);
        Set<TopicPartition> before = two.owned();
        Set<TopicPartition> other = one.owned();
        int rebalances = one.rebalances();
        two.leave();
        Member returned = Member.of(topic, "two", consumer(group, config, "group.instance.id", "two"), ledger);
        returned.awaitOwned(2);
        equal(before, returned.owned(), "partitions after the return");
        Thread.sleep(1500); // a rebalance would reach the other with its next heartbeat
        equal(other, one.owned(), "partitions of the other");
        equal(rebalances, one.rebalances(), "rebalances of the other");
        boolean classic = config[1].equals("classic");
        if (classic) {
            // The newcomer takes over, and the one before is fenced.
            try (var twin = consumer(group, config, "group.instance.id", "two")) {
                twin.subscribe(List.of(topic));
                long deadline = System.nanoTime() + 10_000_000_000L;
                while (twin.assignment().isEmpty() && System.nanoTime() < deadline) twin.poll(Duration.ofMillis(100));
                fails(FencedInstanceIdException.class, () -> {
                    for (int i = 0; i < 100; i++) {
                        Thread.sleep(50);
                        ledger.rethrow();
                    }
                });
            }
            one.leave();
        } else {
            try (var twin = consumer(group, config, "group.instance.id", "two")) {
                twin.subscribe(List.of(topic));
                fails(UnreleasedInstanceIdException.class, () -> {
                    for (int i = 0; i < 50; i++) twin.poll(Duration.ofMillis(200));
                });
            }
            one.leave();
            returned.leave();
        }
    }

    private interface Subscribe {
        void to(KafkaConsumer<byte[], byte[]> consumer);
    }

    private void regex(String prefix, Subscribe subscribe, String[] config) throws Exception {
        String start = prefix + "-" + broker.run();
        var names = List.of(start + "-a", start + "-b", start + "-ab");
        for (String name : names) {
            broker.create(name);
            broker.sendOne(new ProducerRecord<>(name, 0, null, Broker.bytes("in " + name)));
        }
        try (var consumer = consumer(start, config)) {
            subscribe.to(consumer);
            var topics = new java.util.TreeSet<String>();
            for (var record : Broker.poll(consumer, 2)) topics.add(record.topic());
            equal(Set.copyOf(names.subList(0, 2)), Set.copyOf(topics), "topics heard of");
            equal(Set.of(new TopicPartition(names.get(0), 0), new TopicPartition(names.get(1), 0)), consumer.assignment(), "assignment");
        }
    }

    private void admin() throws Exception {
        String topic = broker.topic(2);
        String group = "admin-" + topic + "-" + broker.run();
        broker.send(topic, 0, 10);
        TopicPartition zero = new TopicPartition(topic, 0);
        TopicPartition one = new TopicPartition(topic, 1);
        try (var consumer = consumer("admin-" + topic, CONSUMER, "client.id", "watched")) {
            consumer.subscribe(List.of(topic));
            Broker.poll(consumer, 10);
            consumer.commitSync(Map.of(zero, new OffsetAndMetadata(7, "seven")));
            var listed = broker.admin.listGroups(new ListGroupsOptions().inGroupStates(Set.of(GroupState.STABLE)).withTypes(Set.of(GroupType.CONSUMER)));
            isTrue(TopicChecks.get(listed.all()).stream().anyMatch(one_ -> one_.groupId().equals(group)), "the group is not listed");
            var described = TopicChecks.get(broker.admin.describeConsumerGroups(List.of(group)).all()).get(group);
            equal(GroupState.STABLE, described.groupState(), "state");
            var member = described.members().iterator().next();
            equal("watched", member.clientId(), "client id");
            equal(Set.of(zero, one), member.assignment().topicPartitions(), "assignment");
            fails(GroupNotEmptyException.class, () -> TopicChecks.get(broker.admin.deleteConsumerGroups(List.of(group)).all()));
            fails(GroupSubscribedToTopicException.class, () -> TopicChecks.get(broker.admin.deleteConsumerGroupOffsets(group, Set.of(zero)).all()));
        }
        equal("seven", TopicChecks.get(broker.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata()).get(zero).metadata(), "metadata");
        TopicChecks.get(broker.admin.alterConsumerGroupOffsets(group, Map.of(zero, new OffsetAndMetadata(3), one, new OffsetAndMetadata(0))).all());
        equal(Map.of(zero, 3L, one, 0L), committed("admin-" + topic), "committed after altering");
        TopicChecks.get(broker.admin.deleteConsumerGroupOffsets(group, Set.of(one)).all());
        equal(Map.of(zero, 3L), committed("admin-" + topic), "committed after deleting one");
        TopicChecks.get(broker.admin.deleteConsumerGroups(List.of(group)).all());
        fails(GroupIdNotFoundException.class, () -> TopicChecks.get(broker.admin.describeConsumerGroups(List.of(group)).all()));
        fails(GroupIdNotFoundException.class, () -> TopicChecks.get(broker.admin.deleteConsumerGroups(List.of(group)).all()));
    }

    private void removal() throws Exception {
        String topic = broker.topic(2);
        String group = "removal-" + topic;
        Ledger ledger = new Ledger(2);
        Member member = Member.of(topic, "removed", consumer(group, RANGE, "group.instance.id", "removed", "session.timeout.ms", "45000"), ledger);
        member.awaitOwned(2);
        member.leave();
        String id = group + "-" + broker.run();
        TopicChecks.get(broker.admin.removeMembersFromConsumerGroup(id, new RemoveMembersFromConsumerGroupOptions(Set.of(new MemberToRemove("removed")))).all());
        TopicChecks.get(broker.admin.deleteConsumerGroups(List.of(id)).all());
    }

    private GroupType typeOf(String group) throws Exception {
        for (var listing : TopicChecks.get(broker.admin.listGroups().all())) {
            if (listing.groupId().equals(group)) return listing.type().orElseThrow();
        }
        throw new AssertionError(group + " is not listed");
    }

    private Map<TopicPartition, Long> committed(String group) throws Exception {
        var result = new HashMap<TopicPartition, Long>();
        TopicChecks.get(broker.admin.listConsumerGroupOffsets(group + "-" + broker.run()).partitionsToOffsetAndMetadata())
                .forEach((partition, offset) -> result.put(partition, offset.offset()));
        return result;
    }

    private static Map<TopicPartition, Long> asMap(String topic, long[] offsets) {
        var result = new HashMap<TopicPartition, Long>();
        for (int i = 0; i < offsets.length; i++) result.put(new TopicPartition(topic, i), offsets[i]);
        return result;
    }

    private static CompletableFuture<Void> later(Report.Body body) {
        var result = new CompletableFuture<Void>();
        Thread thread = new Thread(() -> {
            try {
                body.run();
                result.complete(null);
            } catch (Throwable error) {
                result.completeExceptionally(error);
            }
        });
        thread.setDaemon(true);
        thread.start();
        return result;
    }

    private static void finish(CompletableFuture<Void> churn) throws Exception {
        try {
            churn.get(150, TimeUnit.SECONDS);
        } catch (java.util.concurrent.ExecutionException error) {
            if (error.getCause() instanceof Exception cause) throw cause;
            throw (Error) error.getCause();
        }
    }

    /** Writes "partition:offset" to every partition in turn until it is asked for its end. */
    private final class Writer implements AutoCloseable {
        private final long[] written = new long[PARTITIONS];
        private final CompletableFuture<Void> done;
        private volatile boolean ending;

        Writer(String topic) {
            done = later(() -> {
                try (var producer = broker.producer("linger.ms", "2")) {
                    while (!ending) {
                        for (int partition = 0; partition < PARTITIONS; partition++) {
                            var sent = producer.send(new ProducerRecord<>(topic, partition, null, Broker.bytes(partition + ":" + written[partition]++)));
                            if (written[partition] == 1) sent.get(); // Kafka may refuse the first, and a topic that is new to it
                        }
                        Thread.sleep(10);
                    }
                    producer.flush();
                }
            });
        }

        /** Stops writing; the end of each partition. */
        long[] end() throws Exception {
            ending = true;
            done.get(15, TimeUnit.SECONDS);
            return written.clone();
        }

        @Override
        public void close() {
            ending = true;
        }
    }
}
