package example;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Tests of an application that uses Kafka, with JUnit: one prepared broker, and a fork of it for each test. */
final class BillingTest {
  private static Ottla ottla;
  private static Ottla.Broker prepared;

  @BeforeAll
  static void prepare() throws Exception {
    ottla = new Ottla();
    prepared = ottla.broker();
    order(prepared, "first");
  }

  @AfterAll
  static void stop() throws Exception {
    ottla.close();
  }

  @Test
  void everyOrderHasOneInvoiceAlthoughAnswersAreLost() throws Exception {
    try (Ottla.Broker broker = prepared.fork();
        Billing billing = new Billing(broker.bootstrapServers)) {
      broker.addFault("{\"api\": \"Produce\", \"clientId\": \"billing\", \"nth\": 2, \"action\": {\"drop\": \"after\"}}");
      broker.addFault("{\"api\": \"EndTxn\", \"clientId\": \"billing\", \"action\": {\"drop\": \"after\"}}");
      order(broker, "second");
      order(broker, "third");
      broker.expect(
          "invoices",
          "{\"records\": [{\"key\": \"first\"}, {\"key\": \"second\"}, {\"key\": \"third\"}], \"exactly\": true, \"timeoutMs\": 60000}");
      String verdict = broker.exactlyOnce("{\"input\": \"orders\", \"output\": \"invoices\", \"group\": \"billing\"}");
      assertTrue(verdict.contains("\"exactlyOnce\":true"), () -> Ottla.text(verdict, "text"));
    }
  }

  @Test
  void theApplicationJoinsAgainWhenItsSessionRanOut() throws Exception {
    try (Ottla.Broker broker = prepared.fork();
        Billing billing = new Billing(broker.bootstrapServers)) {
      broker.expect("invoices", "{\"records\": [{\"key\": \"first\"}], \"timeoutMs\": 60000}");
      broker.advance("1 minute");
      order(broker, "second");
      broker.expect("invoices", "{\"records\": [{\"key\": \"second\"}], \"timeoutMs\": 60000}");
    }
  }

  @Test
  void ordersAreForgottenAfterAWeek() {
    try (Ottla.Broker broker = prepared.fork()) {
      broker.advance("8 days");
      assertFalse(broker.records("orders").contains("first"));
      assertTrue(prepared.records("orders").contains("first"));
    }
  }

  private static void order(Ottla.Broker broker, String id) throws Exception {
    Map<String, Object> config = Map.of("bootstrap.servers", broker.bootstrapServers, "client.id", "shop");
    try (var producer = new KafkaProducer<>(config, new StringSerializer(), new StringSerializer())) {
      producer.send(new ProducerRecord<>("orders", id, "100")).get();
    }
  }
}
