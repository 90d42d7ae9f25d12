package ottla;

import java.io.PrintStream;
import java.util.Arrays;
import java.util.Objects;
import java.util.concurrent.ExecutionException;

/** Prints one line per check, "ok …" or "not ok …", and goes on after a failure. */
final class Report {
    interface Body {
        void run() throws Exception;
    }

    private final PrintStream out = System.out; // the tools redirect System.out, the report does not follow
    private final String only;
    private final long deadline = System.nanoTime() + 240_000_000_000L;
    private int failed;

    Report(String only) {
        this.only = only;
    }

    void check(String name, Body body) {
        if (!name.contains(only)) return;
        try {
            if (System.nanoTime() > deadline) throw new AssertionError("not run, the checks before it took too long");
            body.run();
            out.println("ok " + name);
        } catch (Throwable error) {
            failed++;
            out.println("not ok " + name + ": " + oneLine(error));
            if (System.getenv("TRACE") != null) error.printStackTrace();
        }
    }

    void end() {
        out.flush();
        if (failed > 0) System.exit(1);
    }

    static void equal(Object expected, Object actual, String what) {
        if (!Objects.deepEquals(expected, actual)) {
            throw new AssertionError(what + ": expected " + show(expected) + ", got " + show(actual));
        }
    }

    static void isTrue(boolean condition, String what) {
        if (!condition) throw new AssertionError(what);
    }

    /** The body must fail with this exception (futures unwrapped). */
    static void fails(Class<? extends Throwable> expected, Body body) {
        try {
            body.run();
        } catch (Throwable error) {
            Throwable cause = error;
            while ((cause instanceof ExecutionException || cause.getClass() == RuntimeException.class
                    || cause.getClass() == org.apache.kafka.common.KafkaException.class) && cause.getCause() != null) {
                cause = cause.getCause();
            }
            if (expected.isInstance(cause)) return;
            throw new AssertionError("expected " + expected.getSimpleName() + ", got " + oneLine(cause));
        }
        throw new AssertionError("expected " + expected.getSimpleName() + ", got no error");
    }

    private static String show(Object value) {
        if (value instanceof byte[] bytes) return Arrays.toString(bytes);
        if (value instanceof Object[] array) return Arrays.deepToString(array);
        return String.valueOf(value);
    }

    private static String oneLine(Throwable error) {
        String text = error instanceof AssertionError ? error.getMessage() : error.toString();
        if (error.getCause() != null && error != error.getCause()) text += " / " + error.getCause();
        return String.valueOf(text).replaceAll("\\s*\\n\\s*", " | ");
    }
}
