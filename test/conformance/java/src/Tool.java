package ottla;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.common.utils.Exit;

/** Runs the main method of one of Kafka's command-line tools inside this process, so that forty of them do not cost forty starts. */
final class Tool {
    record Result(int status, String output) {
    }

    private static final class Exited extends RuntimeException {
        final int status;

        Exited(int status) {
            super("exit " + status, null, false, false);
            this.status = status;
        }
    }

    private static Exited first; // a tool may catch the exception, call it a failure, and exit again: the first status counts

    static {
        Exit.setExitProcedure(Tool::exit);
        Exit.setHaltProcedure(Tool::exit);
    }

    private static void exit(int status, String message) {
        Exited exited = new Exited(status);
        if (first == null) first = exited;
        throw exited;
    }

    /** Runs with the streams as they are; fails unless the tool ends well. */
    static void run(String tool, String... args) throws Exception {
        int status = status(tool, args);
        if (status != 0) throw new AssertionError(tool + " ended with " + status);
    }

    /** Runs with the given standard input, and both output streams caught. */
    static Result capture(String input, String tool, String... args) throws Exception {
        var in = System.in;
        var out = System.out;
        var err = System.err;
        var bytes = new ByteArrayOutputStream();
        try (PrintStream caught = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
            System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
            System.setOut(caught);
            System.setErr(caught);
            int status = status(tool, args);
            caught.flush();
            return new Result(status, bytes.toString(StandardCharsets.UTF_8).replaceAll("(?m)^(ottla\\.Tool\\$Exited: )?exit \\d+\n", ""));
        } finally {
            System.setIn(in);
            System.setOut(out);
            System.setErr(err);
        }
    }

    private static int status(String tool, String... args) throws Exception {
        first = null;
        try {
            Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) args);
            return first == null ? 0 : first.status;
        } catch (InvocationTargetException error) {
            Throwable cause = error.getCause();
            if (first != null) return first.status;
            if (cause instanceof Exception exception) throw exception;
            throw error;
        }
    }
}
