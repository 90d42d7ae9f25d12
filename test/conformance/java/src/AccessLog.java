package ottla;

import java.io.BufferedOutputStream;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** The lines of a file into partition 0 of a topic, and out again, by the console tools or by the client classes. */
final class AccessLog {
    static void produce(String bootstrap, String name, String topic, String file, String codec) throws Exception {
        if (name.equals("console")) {
            System.setIn(new FileInputStream(file));
            Tool.run("org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", bootstrap, "--topic", topic, "--compression-codec", codec);
            return;
        }
        try (Broker broker = new Broker(bootstrap); var producer = broker.producer("compression.type", codec)) {
            for (String line : Files.readString(Path.of(file), StandardCharsets.ISO_8859_1).split("\n")) {
                producer.send(new ProducerRecord<>(topic, 0, null, line.getBytes(StandardCharsets.ISO_8859_1)), (metadata, error) -> {
                    if (error != null) {
                        System.err.println(error);
                        Runtime.getRuntime().halt(1);
                    }
                });
            }
        }
    }

    static void consume(String bootstrap, String name, String topic, int count, String directory) throws Exception {
        Path file = Path.of(directory, topic);
        if (name.equals("console")) {
            PrintStream screen = System.out;
            try (PrintStream out = new PrintStream(new BufferedOutputStream(new FileOutputStream(file.toFile())), false, StandardCharsets.UTF_8)) {
                System.setOut(out);
                Tool.run("org.apache.kafka.tools.consumer.ConsoleConsumer", "--bootstrap-server", bootstrap, "--topic", topic, "--partition", "0",
                    "--offset", "earliest", "--max-messages", Integer.toString(count), "--timeout-ms", "15000");
            } finally {
                System.setOut(screen);
            }
            return;
        }
        try (Broker broker = new Broker(bootstrap); var consumer = broker.consumer("check.crcs", "true");
                OutputStream out = new BufferedOutputStream(new FileOutputStream(file.toFile()))) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            for (var record : Broker.poll(consumer, count)) {
                out.write(record.value());
                out.write('\n');
            }
        }
    }
}
