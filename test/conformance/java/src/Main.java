package ottla;

/** Entry of the Java conformance client: the checks, the access log in and out, and reading segment files. */
public final class Main {
    public static void main(String[] args) throws Exception {
        String bootstrap = args[0];
        int status = 0;
        switch (args[1]) {
            case "checks" -> {
                Report report = new Report(args.length > 2 ? args[2] : "");
                try (Broker broker = new Broker(bootstrap)) {
                    new ProducerChecks(broker, report).run();
                    new ConsumerChecks(broker, report).run();
                    new TopicChecks(broker, report).run();
                    new ConfigChecks(broker, report).run();
                    new ClusterChecks(broker, report).run();
                    new ToolChecks(broker, report).run();
                }
                report.end();
            }
            case "groups" -> {
                Report report = new Report(args.length > 2 ? args[2] : "");
                try (Broker broker = new Broker(bootstrap)) {
                    new GroupChecks(broker, report).run();
                    new GroupToolChecks(broker, report).run();
                }
                report.end();
            }
            case "transactions" -> {
                Report report = new Report(args.length > 2 ? args[2] : "");
                try (Broker broker = new Broker(bootstrap)) {
                    new TransactionChecks(broker, report).run();
                    new TransactionAdminChecks(broker, report).run();
                    new TransactionToolChecks(broker, report).run();
                }
                report.end();
            }
            case "logins" -> {
                Report report = new Report("");
                new LoginChecks(args[2], args[3], report).run();
                report.end();
            }
            case "transform" -> Transform.run(bootstrap, args[2], args[3], args[4], args[5], args[6]);
            case "read" -> Transform.read(bootstrap, args[2], Integer.parseInt(args[3]));
            case "produce" -> AccessLog.produce(bootstrap, args[2], args[3], args[4], args[5]);
            case "consume" -> {
                for (int i = 5; i < args.length; i++) {
                    try {
                        AccessLog.consume(bootstrap, args[2], args[i], Integer.parseInt(args[3]), args[4]);
                    } catch (Exception | AssertionError error) {
                        System.err.println(args[i] + ": " + error);
                        status = 1;
                    }
                }
            }
            case "dump" -> {
                Report report = new Report("");
                SegmentChecks.run(args[2], report);
                if (args.length > 3) SegmentChecks.transactions(args[2], report);
                report.end();
            }
            default -> throw new IllegalArgumentException("unknown command " + args[1]);
        }
        System.exit(status); // not halt: the console producer sends its last records in a shutdown hook
    }
}
