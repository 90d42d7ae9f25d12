package ottla;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.WakeupException;

/** A consumer of a group on a thread of its own: polls, writes what came into the ledger, commits, until it leaves or crashes. */
final class Member implements ConsumerRebalanceListener {
    private final String name;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Ledger ledger;
    private final Map<TopicPartition, OffsetAndMetadata> uncommitted = new HashMap<>();
    private final Set<TopicPartition> owned = new HashSet<>();
    private final Thread thread;
    private volatile boolean crashing;
    private volatile boolean ending;
    private int rebalances;

    private Member(String name, KafkaConsumer<byte[], byte[]> consumer, Ledger ledger, Consumer<Member> subscribe) {
        this.name = name;
        this.consumer = consumer;
        this.ledger = ledger;
        this.thread = new Thread(() -> run(subscribe), name);
        thread.setDaemon(true);
        thread.start();
    }

    static Member of(String topic, String name, KafkaConsumer<byte[], byte[]> consumer, Ledger ledger) {
        return new Member(name, consumer, ledger, member -> consumer.subscribe(List.of(topic), member));
    }

    private void run(Consumer<Member> subscribe) {
        try {
            subscribe.accept(this);
            while (!ending) {
                for (var record : consumer.poll(Duration.ofMillis(100))) {
                    ledger.consumed(name, record);
                    uncommitted.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
                }
                if (!crashing) commit();
            }
        } catch (WakeupException ended) {
            // leave() and crash() end a poll so
        } catch (Throwable error) {
            ledger.failed(name, error);
        }
        try {
            var remain = CloseOptions.timeout(Duration.ofSeconds(5)).withGroupMembershipOperation(CloseOptions.GroupMembershipOperation.REMAIN_IN_GROUP);
            consumer.close(crashing ? remain : CloseOptions.timeout(Duration.ofSeconds(5)));
        } catch (Throwable error) {
            ledger.breach(name + " could not be closed: " + error);
        }
    }

    private void commit() {
        if (uncommitted.isEmpty()) return;
        try {
            consumer.commitSync(uncommitted);
            ledger.committed(uncommitted);
            uncommitted.clear();
        } catch (CommitFailedException | RebalanceInProgressException refused) {
            // The partitions are on their way to another member, which goes on at what is committed; or this one commits later.
        }
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        synchronized (owned) {
            owned.addAll(partitions);
            rebalances++;
        }
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        if (!crashing) commit();
        forget(partitions);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        forget(partitions);
    }

    private void forget(Collection<TopicPartition> partitions) {
        uncommitted.keySet().removeAll(partitions);
        synchronized (owned) {
            owned.removeAll(partitions);
        }
    }

    Set<TopicPartition> owned() {
        synchronized (owned) {
            return Set.copyOf(owned);
        }
    }

    int rebalances() {
        synchronized (owned) {
            return rebalances;
        }
    }

    /** Until it owns that many partitions. */
    void awaitOwned(int count) throws InterruptedException {
        long deadline = System.nanoTime() + 30_000_000_000L;
        while (owned().size() != count) {
            if (System.nanoTime() > deadline) throw new AssertionError(name + " owns " + owned() + ", not " + count + " partitions");
            Thread.sleep(20);
        }
    }

    /** Ends and tells the group; a static member stays in it. */
    void leave() throws InterruptedException {
        ending = true;
        thread.join(15_000);
    }

    /** Ends without a commit and without a word to the group. */
    void crash() throws InterruptedException {
        crashing = true;
        consumer.wakeup();
        ending = true;
        thread.join(15_000);
    }
}
