package io.varve.cli.demo;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.process.Teardown;
import io.varve.cli.process.Tool;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** The nodes of the demo as child processes: the same program, started the way an operator would. */
final class NodeProcesses {
    private static final Duration START_LIMIT = Duration.ofSeconds(90);
    /** A journal is sealed and a checkpoint made within a second or two; a node killed instead starts a little slower. */
    private static final Duration STOP_LIMIT = Duration.ofSeconds(8);
    /** A node whose JVM writes down at its end what it learned takes so much longer. */
    private static final Duration TRAINING_LIMIT = Duration.ofMinutes(3);
    /** Of the time to stop: to kill what is left. */
    private static final Duration KILL_LIMIT = Duration.ofMillis(300);

    private static final Duration PROBE_LIMIT = Duration.ofSeconds(1);
    /** Between two looks at a node that starts. */
    private static final Duration PROBE_PAUSE = Duration.ofMillis(50);

    private static final String GIVEN_FLAGS =
            Optional.ofNullable(System.getenv("VARVE_NODE_JVM_ARGS")).orElse("");

    private final List<DemoNode> nodes;
    private final Map<String, Process> processes = new LinkedHashMap<>();
    private final Map<String, Long> logSizesBefore = new LinkedHashMap<>();

    NodeProcesses(List<DemoNode> nodes) {
        this.nodes = List.copyOf(nodes);
    }

    List<DemoNode> nodes() {
        return nodes;
    }

    /** Starts all nodes at once and returns without waiting for them. */
    void start(DemoDirectory directory, int members, Teardown teardown) throws IOException {
        directory.issueCertificates();
        for (var node : nodes) {
            node.writeConfig(nodes.subList(0, members), directory.disk().toString());
        }
        teardown.add("stop the nodes", stopLimit(), this::stop);
        for (var node : nodes) {
            launch(node);
        }
    }

    /** Starts one node, and answers the id of its process. */
    synchronized long launch(DemoNode node) throws IOException {
        logSizesBefore.put(node.name(), Files.exists(node.log()) ? Files.size(node.log()) : 0L);
        var process = new ProcessBuilder(Tool.ownSession(command(node.configFile())))
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(node.log().toFile()))
                .start();
        processes.put(node.name(), process);
        node.writePid(process.pid());
        return process.pid();
    }

    /** This JVM and class path, with the flags of a node and its classes in the form in which they load fastest. */
    private static List<String> command(Path config) {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        var home = System.getProperty("varve.home", "");
        if (!home.isEmpty()) {
            var cli = Path.of(home, "control", "cli");
            addIfExists(command, "@", cli.resolve("src/main/dist/jvm.flags"));
            addIfExists(command, "@", cli.resolve("src/main/dist/jvm-server.flags"));
            command.addAll(furtherFlags(cli.resolve("target/lib/.node.aot")));
            command.add("-Dvarve.home=" + home);
        }
        command.addAll(List.of(
                "-cp",
                System.getProperty("java.class.path"),
                "io.varve.cli.Main",
                "server",
                "--config",
                config.toString()));
        return command;
    }

    /** How long the end of a demo may take; longer only where the nodes' JVMs are trained. */
    static Duration teardownLimit() {
        return GIVEN_FLAGS.isBlank() ? Teardown.TOTAL : TRAINING_LIMIT.plusMinutes(1);
    }

    private static Duration stopLimit() {
        return GIVEN_FLAGS.isBlank() ? STOP_LIMIT : TRAINING_LIMIT;
    }

    /** The launcher's training run says by VARVE_NODE_JVM_ARGS where to write what later runs load. */
    private static List<String> furtherFlags(Path trained) {
        if (!GIVEN_FLAGS.isBlank()) {
            return List.of(GIVEN_FLAGS.strip().split("\\s+"));
        }
        return Files.exists(trained) ? List.of("-XX:AOTCache=" + trained) : List.of();
    }

    private static void addIfExists(List<String> command, String prefix, Path file) {
        if (Files.exists(file)) {
            command.add(prefix + file);
        }
    }

    /** Waits until the management API of every node listens; a node that ends before is a failure that says why. */
    void awaitAlive() throws InterruptedException {
        var end = System.nanoTime() + START_LIMIT.toNanos();
        try (var http = HttpClient.newBuilder().connectTimeout(PROBE_LIMIT).build()) {
            for (var node : nodes) {
                while (!answers(http, node)) {
                    requireAlive();
                    if (System.nanoTime() > end) {
                        throw new CommandFailure(
                                ExitCode.FAILED,
                                "node " + node.name() + " did not start within " + START_LIMIT.toSeconds() + " s",
                                "Its log: " + node.log());
                    }
                    // The end of this process ends the pause.
                    var ended = processOf(node).waitFor(PROBE_PAUSE.toMillis(), TimeUnit.MILLISECONDS);
                    if (ended) {
                        requireAlive();
                    }
                }
            }
        }
        requireAlive();
    }

    /** Throws when a node's process has ended by itself, with the reason that it logged. */
    void requireAlive() {
        for (var node : nodes) {
            var process = processOf(node);
            if (!process.isAlive()) {
                var code = process.exitValue();
                throw new CommandFailure(
                        code == ExitCode.CANNOT_LISTEN ? code : ExitCode.FAILED,
                        "node " + node.name() + " ended with code " + code + ": " + node.lastError(logSizeBefore(node)),
                        "All of its log: " + node.log());
            }
        }
    }

    private synchronized long logSizeBefore(DemoNode node) {
        return logSizesBefore.getOrDefault(node.name(), 0L);
    }

    private static boolean answers(HttpClient http, DemoNode node) throws InterruptedException {
        var request = HttpRequest.newBuilder(URI.create("http://" + node.metrics() + "/health/live"))
                .timeout(PROBE_LIMIT)
                .build();
        try {
            return http.send(request, HttpResponse.BodyHandlers.discarding()).statusCode() == 200;
        } catch (ConnectException e) {
            return false;
        } catch (IOException e) {
            return false; // it listens, but does not answer yet
        }
    }

    private synchronized Process processOf(DemoNode node) {
        var process = processes.get(node.name());
        if (process == null) {
            throw new IllegalStateException(node.name() + " was not started");
        }
        return process;
    }

    /** Whether the node's process lives: the one that was started here, or a later one that 'varve demo start' started. */
    boolean isAlive(DemoNode node) {
        return processOf(node).isAlive() || node.process().isPresent();
    }

    long pid(DemoNode node) {
        return processOf(node).pid();
    }

    private static boolean endsUntil(long endNanos, ProcessHandle process) throws InterruptedException {
        try {
            process.onExit().get(Math.max(1, endNanos - System.nanoTime()), TimeUnit.NANOSECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (ExecutionException e) {
            return !process.isAlive();
        }
    }

    /** Asks all nodes to stop, waits, kills what is left. Answers what had to be killed. */
    synchronized String stop(Duration limit) throws InterruptedException {
        var running = new LinkedHashMap<String, ProcessHandle>();
        processes.forEach((name, process) -> running.put(name, process.toHandle()));
        nodes.forEach(node -> node.process().ifPresent(later -> running.put(node.name(), later)));
        running.values().forEach(ProcessHandle::destroy);
        var end = System.nanoTime() + limit.minus(KILL_LIMIT).toNanos();
        var killed = new ArrayList<String>();
        for (var entry : running.entrySet()) {
            if (!endsUntil(end, entry.getValue())) {
                entry.getValue().destroyForcibly();
                killed.add(entry.getKey());
            }
        }
        return killed.isEmpty()
                ? ""
                : String.join(", ", killed) + " did not end in time and had to be killed; nothing is lost by that";
    }
}
