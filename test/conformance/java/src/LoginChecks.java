package ottla;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.io.FileReader;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.SslAuthenticationException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.quota.ClientQuotaEntity;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.security.token.delegation.DelegationToken;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** A broker that knows its clients: what logins.mjs lists, and Kafka's tools that say who may do what. */
final class LoginChecks {
    private static final String MODULES = "org.apache.kafka.common.security.";
    private static final String ALLOWED_URLS = "org.apache.kafka.sasl.oauthbearer.allowed.urls";
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private final String casesFile;
    private final String adminFile;
    private final Report report;

    LoginChecks(String casesFile, String adminFile, Report report) {
        this.casesFile = casesFile;
        this.adminFile = adminFile;
        this.report = report;
    }

    void run() throws Exception {
        JsonNode cases = new ObjectMapper().readTree(new File(casesFile));
        System.setProperty(ALLOWED_URLS, cases.findValuesAsText("tokenFile").stream().distinct()
                .map(file -> "file://" + file).collect(Collectors.joining(",")));
        for (JsonNode each : cases) {
            String expect = text(each, "expect");
            report.check(text(each, "name") + ": " + expect, () -> {
                switch (expect) {
                    case "works" -> writeAndRead(each);
                    case "login refused" -> Report.fails(SaslAuthenticationException.class, () -> writeAndRead(each));
                    case "connection refused" -> Report.fails(SslAuthenticationException.class, () -> writeAndRead(each));
                    default -> Report.fails(TopicAuthorizationException.class, () -> writeAndRead(each));
                }
            });
        }
        report.check("kafka-configs makes a SCRAM user, who can log in until it removes him", () -> scramUsers(cases));
        report.check("kafka-acls gives and takes a right", this::rights);
        report.check("kafka-delegation-tokens makes, renews, lists and ends a token, which logs in", () -> tokens(cases));
        report.check("kafka-configs sets, shows and removes quotas of users, clients and addresses", this::quotas);
        report.check("a producer beyond its quota is throttled, and says so in its metrics", () -> throttled(cases));
    }

    private static String text(JsonNode node, String field) {
        return node.path(field).asText("");
    }

    private static Properties properties(JsonNode each) {
        var properties = new Properties();
        properties.put("bootstrap.servers", text(each, "bootstrap"));
        properties.put("security.protocol", text(each, "protocol"));
        properties.put("max.block.ms", PATIENCE.toMillis());
        properties.put("delivery.timeout.ms", (int) PATIENCE.toMillis());
        properties.put("request.timeout.ms", 10_000);
        properties.put("linger.ms", 0);
        if (text(each, "protocol").endsWith("SSL")) {
            properties.put("ssl.truststore.type", "PEM");
            properties.put("ssl.truststore.location", text(each, "ca"));
        }
        if (each.has("cert")) {
            properties.put("ssl.keystore.type", "PEM");
            properties.put("ssl.keystore.location", text(each, "cert"));
        }
        if (each.has("mechanism")) login(properties, each);
        return properties;
    }

    private static void login(Properties properties, JsonNode each) {
        String mechanism = text(each, "mechanism");
        properties.put("sasl.mechanism", mechanism);
        String user = " required username=\"" + text(each, "user") + "\" password=\"" + text(each, "password") + "\"";
        switch (mechanism) {
            case "PLAIN" -> properties.put("sasl.jaas.config", MODULES + "plain.PlainLoginModule" + user + ";");
            case "OAUTHBEARER" -> {
                properties.put("sasl.jaas.config", MODULES + "oauthbearer.OAuthBearerLoginModule required;");
                properties.put("sasl.oauthbearer.token.endpoint.url", "file://" + text(each, "tokenFile"));
                properties.put("sasl.oauthbearer.jwt.retriever.class", MODULES + "oauthbearer.FileJwtRetriever");
                properties.put("sasl.oauthbearer.jwt.validator.class", MODULES + "oauthbearer.ClientJwtValidator");
                properties.put("sasl.login.callback.handler.class", MODULES + "oauthbearer.OAuthBearerLoginCallbackHandler");
            }
            default -> {
                String isToken = each.has("isToken") ? " tokenauth=true" : "";
                properties.put("sasl.jaas.config", MODULES + "scram.ScramLoginModule" + user + isToken + ";");
            }
        }
    }

    private static void writeAndRead(JsonNode each) throws Exception {
        var topic = new TopicPartition(text(each, "topic"), 0);
        String value = text(each, "name");
        long offset;
        try (var producer = new KafkaProducer<>(properties(each), new StringSerializer(), new StringSerializer())) {
            offset = producer.send(new ProducerRecord<>(topic.topic(), 0, null, value))
                    .get(PATIENCE.toSeconds(), TimeUnit.SECONDS).offset();
        }
        var deserializer = new StringDeserializer();
        try (var consumer = new KafkaConsumer<>(properties(each), deserializer, deserializer)) {
            consumer.assign(List.of(topic));
            consumer.seek(topic, offset);
            for (ConsumerRecord<String, String> record : consumer.poll(PATIENCE)) {
                Report.equal(value, record.value(), "the first record");
                return;
            }
        }
        throw new AssertionError("nothing came back");
    }

    /** One of the cases, changed. */
    private static JsonNode like(JsonNode cases, String name, Map<String, String> changes) {
        for (JsonNode each : cases) {
            if (!text(each, "name").equals(name)) continue;
            var copy = (com.fasterxml.jackson.databind.node.ObjectNode) each.deepCopy();
            changes.forEach(copy::put);
            return copy;
        }
        throw new AssertionError("there is no case " + name);
    }

    private String adminBootstrap() throws Exception {
        return adminProperties().getProperty("bootstrap.servers");
    }

    private Properties adminProperties() throws Exception {
        var properties = new Properties();
        try (var reader = new FileReader(adminFile)) {
            properties.load(reader);
        }
        return properties;
    }

    private String tool(String tool, String... args) throws Exception {
        var all = new java.util.ArrayList<>(List.of("--bootstrap-server", adminBootstrap(), "--command-config", adminFile));
        all.addAll(List.of(args));
        var result = Tool.capture("", tool, all.toArray(String[]::new));
        if (result.status() != 0) throw new AssertionError(tool + " ended with " + result.status() + ": " + result.output());
        return result.output();
    }

    private String configs(String... args) throws Exception {
        return tool("kafka.admin.ConfigCommand", args);
    }

    private void scramUsers(JsonNode cases) throws Exception {
        configs("--alter", "--entity-type", "users", "--entity-name", "dora", "--add-config",
                "SCRAM-SHA-512=[iterations=8192,password=dora-secret]");
        String shown = configs("--describe", "--entity-type", "users", "--entity-name", "dora");
        Report.isTrue(shown.contains("SCRAM-SHA-512=iterations=8192"), shown);
        tool("org.apache.kafka.tools.AclCommand", "--add", "--allow-principal", "User:dora", "--operation", "All", "--topic", "allowed");
        JsonNode dora = like(cases, "SCRAM-SHA-512", Map.of("user", "dora", "password", "dora-secret"));
        writeAndRead(dora);
        configs("--alter", "--entity-type", "users", "--entity-name", "dora", "--delete-config", "SCRAM-SHA-512");
        Report.fails(SaslAuthenticationException.class, () -> writeAndRead(dora));
    }

    private void rights() throws Exception {
        String tool = "org.apache.kafka.tools.AclCommand";
        tool(tool, "--add", "--allow-principal", "User:emil", "--consumer", "--topic", "emils-", "--group", "*",
                "--resource-pattern-type", "prefixed");
        String listed = tool(tool, "--list", "--principal", "User:emil");
        for (String part : List.of("name=emils-, patternType=PREFIXED", "operation=READ", "operation=DESCRIBE")) {
            Report.isTrue(listed.contains(part), part + " is missing in " + listed);
        }
        tool(tool, "--remove", "--force", "--allow-principal", "User:emil", "--consumer", "--topic", "emils-", "--group", "*",
                "--resource-pattern-type", "prefixed");
        try (Admin admin = Admin.create(adminProperties())) {
            for (AclBinding binding : admin.describeAcls(AclBindingFilter.ANY).values().get()) {
                Report.isTrue(!binding.entry().principal().equals("User:emil"), "it is still there: " + binding);
            }
        }
    }

    private void tokens(JsonNode cases) throws Exception {
        String tool = "org.apache.kafka.tools.DelegationTokenCommand";
        tool(tool, "--create", "--max-life-time-period", "-1", "--owner-principal", "User:bob");
        DelegationToken token;
        try (Admin admin = Admin.create(adminProperties())) {
            token = admin.describeDelegationToken().delegationTokens().get().get(0);
        }
        String hmac = token.hmacAsBase64String();
        Report.equal("User:bob", token.tokenInfo().ownerAsString(), "its owner");
        JsonNode login = like(cases, "SCRAM-SHA-512", Map.of("user", token.tokenInfo().tokenId(), "password", hmac, "isToken", "yes"));
        writeAndRead(login);
        tool(tool, "--renew", "--renew-time-period", "3600000", "--hmac", hmac);
        Report.isTrue(tool(tool, "--describe", "--owner-principal", "User:bob").contains(token.tokenInfo().tokenId()), "it is not listed");
        tool(tool, "--expire", "--expiry-time-period", "-1", "--hmac", hmac);
        Report.fails(SaslAuthenticationException.class, () -> writeAndRead(login));
    }

    private void quotas() throws Exception {
        String[][] entities = {{"users", "emil"}, {"clients", "app"}, {"ips", "10.1.2.3"}};
        for (String[] entity : entities) {
            String quota = entity[0].equals("ips") ? "connection_creation_rate=7" : "producer_byte_rate=1234";
            configs("--alter", "--entity-type", entity[0], "--entity-name", entity[1], "--add-config", quota);
            String shown = configs("--describe", "--entity-type", entity[0], "--entity-name", entity[1]);
            Report.isTrue(shown.contains(quota), shown);
            configs("--alter", "--entity-type", entity[0], "--entity-name", entity[1], "--delete-config", quota.split("=")[0]);
        }
        configs("--alter", "--entity-type", "users", "--entity-default", "--entity-type", "clients", "--entity-name", "app",
                "--add-config", "request_percentage=50");
        try (Admin admin = Admin.create(adminProperties())) {
            var all = admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get();
            var entity = new java.util.HashMap<String, String>();
            entity.put(ClientQuotaEntity.USER, null);
            entity.put(ClientQuotaEntity.CLIENT_ID, "app");
            Report.equal(Map.of(new ClientQuotaEntity(entity), Map.of("request_percentage", 50.0)), all, "all quotas");
        }
        configs("--alter", "--entity-type", "users", "--entity-default", "--entity-type", "clients", "--entity-name", "app",
                "--delete-config", "request_percentage");
    }

    private void throttled(JsonNode cases) throws Exception {
        configs("--alter", "--entity-type", "users", "--entity-name", "alice", "--add-config", "producer_byte_rate=10000");
        try (var producer = new KafkaProducer<>(properties(like(cases, "PLAIN", Map.of())), new StringSerializer(), new StringSerializer())) {
            for (int i = 0; i < 2; i++) {
                producer.send(new ProducerRecord<>("allowed", 0, null, "x".repeat(55_000))).get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            }
            double throttled = producer.metrics().entrySet().stream()
                    .filter(metric -> metric.getKey().name().equals("produce-throttle-time-max"))
                    .mapToDouble(metric -> (double) metric.getValue().metricValue()).max().orElse(0);
            Report.isTrue(throttled > 0, "its throttle time is " + throttled);
        } finally {
            configs("--alter", "--entity-type", "users", "--entity-name", "alice", "--delete-config", "producer_byte_rate");
        }
    }
}
