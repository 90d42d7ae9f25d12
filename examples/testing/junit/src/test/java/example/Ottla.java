package example;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A broker for tests: starts `ottla serve --testing` once, and asks its control port. Copy this file into your project; what it says is JSON text, so that no
 * library is needed.
 */
final class Ottla implements AutoCloseable {
  private final Process process;
  private final String control;
  private final HttpClient http = HttpClient.newHttpClient();

  /** The command is `npx ottla` where the variable OTTLA_COMMAND says nothing else. */
  Ottla() throws IOException {
    String command = System.getenv().getOrDefault("OTTLA_COMMAND", "npx ottla");
    List<String> words = new ArrayList<>(List.of(command.split(" ")));
    words.addAll(List.of("serve", "--testing", "--port", "0", "--json"));
    process = new ProcessBuilder(words).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    control = text(new BufferedReader(new InputStreamReader(process.getInputStream())).readLine(), "control");
  }

  Broker broker() {
    return new Broker(ask("POST", "/brokers", "{}"));
  }

  String ask(String method, String path, String body) {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create(control + path)).method(method, HttpRequest.BodyPublishers.ofString(body)).build();
    try {
      HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
      if (answer.statusCode() == 200) return answer.body();
      throw new AssertionError(text(answer.body(), "message"));
    } catch (IOException error) {
      throw new UncheckedIOException(error);
    } catch (InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }

  @Override
  public void close() throws InterruptedException {
    process.destroy();
    process.waitFor(30, TimeUnit.SECONDS);
  }

  /** The first field of this name that is a text. */
  static String text(String json, String field) {
    Matcher found = Pattern.compile("\"" + field + "\":\"((?:[^\"\\\\]|\\\\.)*)\"").matcher(json);
    if (!found.find()) throw new AssertionError("no " + field + " in " + json);
    return found.group(1).replace("\\n", "\n").replace("\\\"", "\"");
  }

  final class Broker implements AutoCloseable {
    final String id;
    final String bootstrapServers;

    private Broker(String status) {
      id = text(status, "id");
      bootstrapServers = text(status, "bootstrapServers");
    }

    Broker fork() {
      return new Broker(Ottla.this.ask("POST", "/brokers", "{\"fork\": " + id + "}"));
    }

    String ask(String method, String path, String body) {
      return Ottla.this.ask(method, "/brokers/" + id + path, body);
    }

    void advance(String by) {
      ask("POST", "/clock/advance", "{\"by\": \"" + by + "\"}");
    }

    void addFault(String fault) {
      ask("POST", "/faults", fault);
    }

    void expect(String topic, String expectation) {
      ask("POST", "/topics/" + topic + "/expect", expectation);
    }

    String records(String topic) {
      return ask("GET", "/topics/" + topic + "/records", "");
    }

    String exactlyOnce(String question) {
      return ask("POST", "/exactly-once", question);
    }

    @Override
    public void close() {
      ask("DELETE", "", "");
    }
  }
}
