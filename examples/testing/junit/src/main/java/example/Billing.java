package example;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The application under test: for each order an invoice, exactly once. It knows nothing of Ottla. */
public final class Billing implements AutoCloseable {
  private final KafkaProducer<String, String> producer;
  private final KafkaConsumer<String, String> consumer;
  private final Thread thread = new Thread(this::run, "billing");
  private volatile boolean stopping;

  public Billing(String bootstrapServers) {
    Map<String, Object> common = Map.of("bootstrap.servers", bootstrapServers, "client.id", "billing");
    Map<String, Object> writing = new HashMap<>(common);
    writing.put("transactional.id", "billing-0");
    writing.put("reconnect.backoff.max.ms", 200);
    producer = new KafkaProducer<>(writing, new StringSerializer(), new StringSerializer());
    Map<String, Object> reading = new HashMap<>(common);
    reading.put("group.id", "billing");
    reading.put("isolation.level", "read_committed");
    reading.put("auto.offset.reset", "earliest");
    reading.put("enable.auto.commit", false);
    reading.put("session.timeout.ms", 10_000);
    reading.put("heartbeat.interval.ms", 100);
    reading.put("fetch.max.wait.ms", 100);
    reading.put("reconnect.backoff.max.ms", 200);
    consumer = new KafkaConsumer<>(reading, new StringDeserializer(), new StringDeserializer());
    thread.start();
  }

  private void run() {
    producer.initTransactions();
    consumer.subscribe(List.of("orders"));
    while (!stopping) {
      for (ConsumerRecord<String, String> order : consumer.poll(Duration.ofMillis(100))) {
        if (!invoice(order)) break;
      }
    }
    consumer.close();
    producer.close();
  }

  /** False when nothing came of it: the group begins again where it has committed. */
  private boolean invoice(ConsumerRecord<String, String> order) {
    producer.beginTransaction();
    try {
      producer.send(new ProducerRecord<>("invoices", order.key(), "invoice of " + order.value()));
      TopicPartition partition = new TopicPartition(order.topic(), order.partition());
      producer.sendOffsetsToTransaction(
          Map.of(partition, new OffsetAndMetadata(order.offset() + 1)), consumer.groupMetadata());
      producer.commitTransaction();
      return true;
    } catch (KafkaException error) {
      producer.abortTransaction();
      consumer.committed(consumer.assignment()).forEach((partition, committed) -> {
        if (committed == null) consumer.seekToBeginning(List.of(partition));
        else consumer.seek(partition, committed);
      });
      return false;
    }
  }

  @Override
  public void close() throws InterruptedException {
    stopping = true;
    thread.join(60_000);
  }
}
