package ottla;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * What the members of one group did to one topic. A record may come again only while its offset is not committed, and a partition
 * goes on where it was or where it is committed: so nothing is left out, nothing comes twice beyond the last commit, and each
 * partition keeps its order. Keeps the first breach and tells it to whoever waits.
 */
final class Ledger {
    private final long[] next;
    private final long[] committed;
    private long consumed;
    private String breach;
    private Throwable failure;
    private final TreeSet<String> consumers = new TreeSet<>();

    Ledger(int partitions) {
        next = new long[partitions];
        committed = new long[partitions];
    }

    synchronized void consumed(String member, ConsumerRecord<byte[], byte[]> record) {
        int partition = record.partition();
        long offset = record.offset();
        if (offset < committed[partition]) breach(member + " got " + partition + ":" + offset + ", though " + committed[partition] + " was committed");
        if (offset > next[partition]) breach(member + " got " + partition + ":" + offset + " before " + next[partition]);
        if (!Broker.text(record.value()).equals(partition + ":" + offset)) breach(partition + ":" + offset + " has the value " + Broker.text(record.value()));
        next[partition] = Math.max(next[partition], offset + 1);
        consumed++;
        consumers.add(member);
        notifyAll();
    }

    synchronized void committed(Map<TopicPartition, OffsetAndMetadata> offsets) {
        offsets.forEach((partition, offset) -> committed[partition.partition()] = Math.max(committed[partition.partition()], offset.offset()));
    }

    synchronized void breach(String what) {
        if (breach == null) breach = what;
        notifyAll();
    }

    /** A member ended with an exception. */
    synchronized void failed(String member, Throwable error) {
        failure = error;
        breach(member + ": " + error);
    }

    /** Throws what a member ended with, if one did. */
    synchronized void rethrow() throws Exception {
        if (failure instanceof Exception exception) throw exception;
    }

    /** Where each partition is now. */
    synchronized long[] positions() {
        return next.clone();
    }

    /** Until this member has consumed something. */
    void awaitConsumer(String member) throws InterruptedException {
        await(member + " consumed nothing", () -> consumers.contains(member));
    }

    /** Until every partition is at or beyond these positions. */
    void awaitPositions(long[] wanted, String what) throws InterruptedException {
        await(what, () -> {
            for (int i = 0; i < next.length; i++) if (next[i] < wanted[i]) return false;
            return true;
        });
    }

    /** Until every partition has moved on by some records from where it is now. */
    void awaitProgress(String what) throws InterruptedException {
        long[] wanted = positions();
        for (int i = 0; i < wanted.length; i++) wanted[i] += 3;
        awaitPositions(wanted, what);
    }

    private interface Condition {
        boolean holds();
    }

    private synchronized void await(String what, Condition condition) throws InterruptedException {
        long deadline = System.currentTimeMillis() + 60_000;
        while (breach == null && !condition.holds()) {
            long left = deadline - System.currentTimeMillis();
            if (left <= 0) throw new AssertionError(what + " (" + consumed + " records so far, next " + Arrays.toString(next) + ")");
            wait(left);
        }
        if (breach != null) throw new AssertionError(breach);
    }
}
