package io.varve.cli.process;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Programs of the operating system. */
public final class Tool {
    /** Where Debian puts programs for root; a user's PATH often lacks the second half. */
    private static final List<Path> DIRECTORIES = List.of(
            Path.of("/usr/bin"), Path.of("/bin"), Path.of("/usr/sbin"), Path.of("/sbin"), Path.of("/usr/local/bin"));

    /** Enough of an explanation; a program that prints without end must not fill memory. */
    private static final int OUTPUT_LIMIT = 1 << 20;

    private Tool() {}

    /**
     * How a program ended.
     *
     * @param code its exit code; 127 when it could not be started, 124 when it was ended because time was up
     * @param output standard output and error, stripped
     */
    public record Outcome(int code, String output) {
        public boolean ok() {
            return code == 0;
        }
    }

    public static boolean exists(String program) {
        return DIRECTORIES.stream().anyMatch(directory -> Files.isExecutable(directory.resolve(program)));
    }

    public static Outcome run(Duration limit, String... command) {
        return run(limit, List.of(command));
    }

    /** Runs a program without input and waits for its end, at most {@code limit}; then it is killed. */
    public static Outcome run(Duration limit, List<String> command) {
        Path captured = null;
        try {
            captured = Files.createTempFile("varve-tool-", ".out");
            var process = new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .redirectOutput(captured.toFile())
                    .start();
            var ended = waitFor(process, limit);
            var output = tail(captured);
            return ended
                    ? new Outcome(process.exitValue(), output)
                    : new Outcome(
                            124, command.getFirst() + " did not end within " + limit.toSeconds() + " s. " + output);
        } catch (IOException e) {
            return new Outcome(127, String.valueOf(e.getMessage()));
        } finally {
            delete(captured);
        }
    }

    private static String tail(Path file) throws IOException {
        try (var input = Files.newInputStream(file)) {
            return new String(input.readNBytes(OUTPUT_LIMIT), StandardCharsets.UTF_8).strip();
        }
    }

    private static void delete(@org.jspecify.annotations.Nullable Path file) {
        try {
            if (file != null) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            // A leftover of a few bytes in the directory for temporary files harms nobody.
        }
    }

    private static boolean waitFor(Process process, Duration limit) {
        try {
            if (process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                return true;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        process.destroyForcibly();
        return false;
    }

    /**
     * The command in a session of its own, so that Ctrl-C at the terminal reaches the demo alone, which then stops
     * everything in the right order. The process id stays that of the command.
     */
    public static List<String> ownSession(List<String> command) {
        var whole = new ArrayList<>(List.of("setsid"));
        whole.addAll(command);
        return whole;
    }
}
