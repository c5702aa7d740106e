package io.varve.csi;

import io.vertx.grpc.common.GrpcStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A program of the operating system, run to its end.
 *
 * @param limit after which it is killed
 */
record Command(List<String> words, Duration limit) {
    private static final Duration LIMIT = Duration.ofMinutes(2);

    /** For what goes over a whole volume: a check of a large one takes hours, and begins anew when it was killed; so does a discard by mkfs. */
    static final Duration WHOLE_VOLUME_LIMIT = Duration.ofHours(24);

    private static final int OUTPUT_LIMIT = 64 << 10;
    private static final int OVERDUE = 124;

    Command(List<String> words) {
        this(words, LIMIT);
    }

    static Command of(String... words) {
        return new Command(List.of(words));
    }

    /** What it printed, stripped, and how it ended; 124: it was ended, because time was up. */
    record Outcome(int code, String output) {}

    Outcome run() {
        Path captured = null;
        try {
            captured = Files.createTempFile("varve-csi-", ".out");
            Process process = new ProcessBuilder(words)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(captured.toFile())
                    .start();
            if (!process.waitFor(limit.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return new Outcome(OVERDUE, words.getFirst() + " did not end within " + limit.toSeconds() + " s");
            }
            try (var input = Files.newInputStream(captured)) {
                return new Outcome(
                        process.exitValue(),
                        new String(input.readNBytes(OUTPUT_LIMIT), StandardCharsets.UTF_8).strip());
            }
        } catch (IOException e) {
            return new Outcome(127, String.valueOf(e.getMessage()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new Outcome(OVERDUE, "interrupted");
        } finally {
            delete(captured);
        }
    }

    /** Its output; a failure when it ends with more than {@code worstExit}. */
    String must(int worstExit) {
        Outcome outcome = run();
        if (outcome.code > worstExit) {
            throw new CsiFailure(
                    outcome.code == OVERDUE ? GrpcStatus.DEADLINE_EXCEEDED : GrpcStatus.INTERNAL, // may still go on
                    String.join(" ", words) + " ended with " + outcome.code + ": " + outcome.output);
        }
        return outcome.output;
    }

    String must() {
        return must(0);
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
}
