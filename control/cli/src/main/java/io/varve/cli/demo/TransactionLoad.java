package io.varve.cli.demo;

import io.varve.cli.process.Teardown;
import io.varve.cli.process.Tool;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** pgbench as a child process, followed by its progress lines. */
final class TransactionLoad {
    private static final Pattern PROGRESS = Pattern.compile("progress: ([0-9.]+) s, ([0-9.]+) tps, lat (\\S+) ms.*");
    private static final Duration STOP_LIMIT = Duration.ofSeconds(1);

    private final Process process;
    private volatile Progress latest = new Progress(0, 0, 0, 0);
    private volatile String lastWords = "";

    /**
     * What pgbench said last.
     *
     * @param seconds since it started
     * @param perSecond transactions in the last second
     * @param latencyMillis mean of the last second
     * @param total transactions since it started, summed from what it said each second, so about right
     */
    record Progress(double seconds, double perSecond, double latencyMillis, double total) {
        /** Follows one line of output; empty for a line that is not progress. */
        Optional<Progress> next(String line) {
            var match = PROGRESS.matcher(line);
            if (!match.matches()) {
                return Optional.empty();
            }
            var now = Double.parseDouble(match.group(1));
            var rate = Double.parseDouble(match.group(2));
            var idle = match.group(3).endsWith("nan"); // no transaction ended in that second
            var latency = idle ? 0 : Double.parseDouble(match.group(3));
            return Optional.of(new Progress(now, rate, latency, total + rate * (now - seconds)));
        }
    }

    private TransactionLoad(Process process) {
        this.process = process;
    }

    static TransactionLoad start(List<String> command, Teardown teardown) throws IOException {
        var process = new ProcessBuilder(Tool.ownSession(command))
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectErrorStream(true)
                .start();
        var load = new TransactionLoad(process);
        teardown.add("stop pgbench", STOP_LIMIT.plusSeconds(1), limit -> load.stop());
        Thread.ofVirtual().name("pgbench-output").start(load::follow);
        return load;
    }

    private void follow() {
        try (var lines = new BufferedReader(process.inputReader(StandardCharsets.UTF_8))) {
            for (var line = lines.readLine(); line != null; line = lines.readLine()) {
                var progress = latest.next(line);
                if (progress.isPresent()) {
                    latest = progress.get();
                } else {
                    lastWords = line;
                }
            }
        } catch (IOException e) {
            lastWords = "pgbench's output ended: " + e.getMessage();
        }
    }

    Progress latest() {
        return latest;
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** Its last line that was not progress; says why it ended. */
    String lastWords() {
        return lastWords;
    }

    /** Its clients' connections end with it; the server finishes or rolls back what they had begun. */
    String stop() throws InterruptedException {
        process.descendants().forEach(ProcessHandle::destroy);
        process.destroy();
        if (!process.waitFor(STOP_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
            process.destroyForcibly();
        }
        return "";
    }
}
