package ottla;

import java.time.Duration;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/**
 * Exactly once, the application as Kafka Streams sees it: records "key amount" are given a new key, which takes them through a repartition
 * topic, and counted and summed in a store with a changelog; every change goes out as "count sum". And the reader of what comes out.
 */
public final class Counts {
    public static void main(String[] args) throws Exception {
        switch (args[1]) {
            case "transform" -> count(args[0], args[2], args[3], args[4], args[5]);
            case "read" -> read(args[0], args[2], Integer.parseInt(args[3]));
            default -> throw new IllegalArgumentException("unknown command " + args[1]);
        }
    }

    private static void count(String bootstrap, String input, String output, String application, String directory) throws Exception {
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(input)
            .selectKey((key, value) -> value.substring(0, value.indexOf(' ')))
            .groupByKey()
            .aggregate(() -> "0 0", (key, value, total) -> add(total, Long.parseLong(value.substring(value.indexOf(' ') + 1))), Materialized.as("totals"))
            .toStream()
            .to(output, Produced.with(Serdes.String(), Serdes.String()));
        KafkaStreams streams = new KafkaStreams(builder.build(), config(bootstrap, application, directory));
        CountDownLatch ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            System.out.println("# " + error + (error.getCause() == null ? "" : " / " + error.getCause()));
            return StreamThreadExceptionResponse.REPLACE_THREAD;
        });
        streams.setStateListener((now, before) -> {
            System.out.println("# " + (now == KafkaStreams.State.RUNNING ? "ready" : now));
            if (now == KafkaStreams.State.ERROR || now == KafkaStreams.State.NOT_RUNNING) ended.countDown();
        });
        streams.start();
        ended.await();
        Runtime.getRuntime().halt(1);
    }

    private static String add(String total, long amount) {
        int space = total.indexOf(' ');
        return (Long.parseLong(total.substring(0, space)) + 1) + " " + (Long.parseLong(total.substring(space + 1)) + amount);
    }

    private static Properties config(String bootstrap, String application, String directory) {
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        config.put(StreamsConfig.STATE_DIR_CONFIG, directory);
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0); // every change is written, so that the counts have no gaps
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        config.put("auto.offset.reset", "earliest");
        config.put("reconnect.backoff.max.ms", 200);
        config.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 2000);
        config.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), 300);
        config.put(StreamsConfig.producerPrefix("transaction.timeout.ms"), 10000);
        config.put(StreamsConfig.producerPrefix("delivery.timeout.ms"), 15000);
        config.put(StreamsConfig.producerPrefix("request.timeout.ms"), 5000);
        return config;
    }

    /** Prints "partition offset key count sum" for every committed record, until it is killed. */
    private static void read(String bootstrap, String topic, int partitions) {
        Properties config = new Properties();
        config.put("bootstrap.servers", bootstrap);
        config.put("isolation.level", "read_committed");
        config.put("reconnect.backoff.max.ms", 200);
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
            List<TopicPartition> all = IntStream.range(0, partitions).mapToObj(index -> new TopicPartition(topic, index)).toList();
            consumer.assign(all);
            consumer.seekToBeginning(all);
            StringBuilder lines = new StringBuilder();
            for (;;) {
                consumer.poll(Duration.ofMillis(500)).forEach(record ->
                    lines.append(record.partition()).append(' ').append(record.offset()).append(' ').append(record.key()).append(' ').append(record.value()).append('\n'));
                System.out.print(lines);
                System.out.flush();
                lines.setLength(0);
            }
        }
    }
}
