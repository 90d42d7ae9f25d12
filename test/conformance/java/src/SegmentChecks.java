package ottla;

import static ottla.Report.equal;
import static ottla.Report.isTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;

/** kafka-dump-log over the segment files that a stopped broker left behind. */
final class SegmentChecks {
    private static final Pattern COMPLAINT = Pattern.compile("(?i)mismatch|non-consecutive|isvalid: false|exception|found \\d+ invalid bytes|indexed offset|out of order");

    static void run(String directory, Report report) throws Exception {
        List<Path> files = files(directory);
        List<Path> logs = files.stream().filter(file -> file.toString().endsWith(".log")).toList();
        report.check("there are segment files, one of them with records", () -> {
            boolean records = false;
            for (Path log : logs) records |= Files.size(log) > 0;
            isTrue(records, "none of " + logs.size() + " segment files under " + directory + " has records");
        });
        report.check("kafka-dump-log reads " + logs.size() + " segments, every record, without complaint", () -> {
            for (Path log : logs) dump(log, "--deep-iteration", "--print-data-log");
        });
        List<Path> indexes = files.stream().filter(file -> file.toString().matches(".*\\.(index|timeindex|txnindex)")).toList();
        report.check("kafka-dump-log finds " + indexes.size() + " indexes sane", () -> {
            for (Path index : indexes) {
                if (Files.size(index) > 0) dump(index, "--index-sanity-check");
                if (Files.size(index) > 0 && !index.toString().endsWith(".txnindex")) dump(index, "--verify-index-only");
            }
        });
    }

    /** After the checks of transactions. */
    static void transactions(String directory, Report report) throws Exception {
        List<Path> files = files(directory);
        report.check("kafka-dump-log shows aborted transactions of every .txnindex, and its end markers in the log", () -> {
            int shown = 0;
            for (Path index : files) {
                if (!index.toString().endsWith(".txnindex") || Files.size(index) == 0) continue;
                String aborted = dumped(index);
                var entry = Pattern.compile("producerId: (\\d+) firstOffset: \\d+ lastOffset: (\\d+) lastStableOffset: \\d+").matcher(aborted);
                isTrue(entry.find(), index + " shows: " + aborted);
                String log = dumped(Path.of(index.toString().replace(".txnindex", ".log")), "--deep-iteration", "--print-data-log");
                String marker = "offset: " + entry.group(2) + " [^\\n]*endTxnMarker: ABORT";
                isTrue(Pattern.compile(marker).matcher(log).find(), index + " says " + entry.group() + ", but the log has no " + marker);
                shown++;
            }
            isTrue(shown > 0, "no index of aborted transactions has entries");
        });
        report.check("kafka-dump-log decodes __transaction_state", () -> {
            StringBuilder all = new StringBuilder();
            for (Path log : files) {
                if (log.toString().endsWith(".log") && log.getParent().getFileName().toString().startsWith("__transaction_state-") && Files.size(log) > 0) {
                    all.append(dumped(log, "--transaction-log-decoder"));
                }
            }
            String[] states = {"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort"};
            for (int i = 0; i < states.length; i++) {
                var record = Pattern.compile("\"transactionalId\":\"[^\\n]*\"transactionStatus\":" + i + ",");
                isTrue(record.matcher(all).find(), "no record has the state " + states[i]);
            }
        });
    }

    private static List<Path> files(String directory) throws Exception {
        try (var walk = Files.walk(Path.of(directory))) {
            return walk.filter(Files::isRegularFile).filter(file -> file.getParent().getFileName().toString().matches(".*-\\d+")).sorted().toList();
        }
    }

    private static void dump(Path file, String... options) throws Exception {
        String output = dumped(file, options);
        // Complaints stand at the start of a line or in a batch's header line; record payloads are on lines that begin with a bar.
        for (String line : output.lines().toList()) {
            if (!line.startsWith("|") && COMPLAINT.matcher(line).find()) throw new AssertionError(file + ": " + line);
        }
    }

    private static String dumped(Path file, String... options) throws Exception {
        var args = new java.util.ArrayList<>(List.of("--files", file.toString()));
        args.addAll(List.of(options));
        Tool.Result result = Tool.capture("", "org.apache.kafka.tools.DumpLogSegments", args.toArray(String[]::new));
        equal(0, result.status(), "exit status for " + file);
        return result.output();
    }
}
