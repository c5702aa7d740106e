package io.varve.cli.server;

import com.google.protobuf.ByteString;
import io.varve.api.DiagnosticFile;
import io.varve.api.NodeDiagnostics;
import io.varve.cli.command.VersionCommand;
import io.varve.cli.config.NodeConfig;
import io.varve.cli.support.Redaction;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadInfo;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * What a node's process knows of itself, for a support bundle. Nothing leaves it that {@link Redaction} does not pass, no data of volumes is in it, and its
 * size is bounded. Blocks: on a worker thread.
 */
final class NodeDiagnosis {
    /**
     * Of one file, after redaction; longer ones lose their begin, because the newest stands at the end. The ten files together fit into one message
     * (32 MiB).
     */
    static final int MAX_FILE_BYTES = 2 << 20;

    private static final int MAX_LISTED = 2_000;

    private final NodeConfig config;
    private final Path configFile;
    private final long incarnation;
    private final Map<String, String> environment;
    private final Supplier<String> log;

    /**
     * A diagnosis of this process.
     *
     * @param configFile as the process was told; read again, because what stands in it now is of interest too
     * @param log gives the newest lines
     */
    NodeDiagnosis(
            NodeConfig config,
            Path configFile,
            long incarnation,
            Map<String, String> environment,
            Supplier<String> log) {
        this.config = config;
        this.configFile = configFile;
        this.incarnation = incarnation;
        this.environment = Map.copyOf(environment);
        this.log = log;
    }

    /** @param metrics in Prometheus's text format, of this moment */
    NodeDiagnostics gather(String metrics) {
        var text = new Gathered(read(configFile), properties(), commandLine());
        var redaction = Redaction.knowing(
                environment,
                List.of(
                        text.configuration,
                        text.properties,
                        text.commandLine,
                        String.join("\n", environment.values())));
        var files = new ArrayList<DiagnosticFile>();
        files.add(file(
                redaction, "version.txt", "version, start, system, Java, command line", version(text.commandLine)));
        files.add(file(redaction, "config.yaml", "the configuration file as it is now", text.configuration));
        files.add(DiagnosticFile.newBuilder()
                .setName("environment.txt")
                .setAbout("environment variables; values only of those that are known to be harmless")
                .setContent(ByteString.copyFromUtf8(redaction.environment(environment)))
                .build());
        files.add(file(redaction, "log.txt", "the newest lines of the log of this process", log.get()));
        config.restart()
                .log()
                .file()
                .ifPresent(path -> files.add(file(redaction, "log-file.txt", "the end of " + path, endOf(path))));
        files.add(file(redaction, "metrics.txt", "metrics of this moment", metrics));
        files.add(file(redaction, "threads.txt", "every platform thread and where it is", threads()));
        files.add(file(
                redaction, "jvm.txt", "memory, garbage collection, system properties", jvm() + "\n" + text.properties));
        files.add(file(redaction, "process.txt", "the process as Linux sees it", process()));
        files.add(file(redaction, "data-directory.txt", "files of the data directory: names, sizes, times", listing()));
        return NodeDiagnostics.newBuilder()
                .setNode(config.fixed().node())
                .addAllFiles(files)
                .build();
    }

    private record Gathered(String configuration, String properties, String commandLine) {}

    static DiagnosticFile file(Redaction redaction, String name, String about, String content) {
        var bytes = redaction.of(content).getBytes(StandardCharsets.UTF_8);
        var leftOut = Math.max(0, bytes.length - MAX_FILE_BYTES);
        return DiagnosticFile.newBuilder()
                .setName(name)
                .setAbout(about)
                .setContent(ByteString.copyFrom(bytes, leftOut, bytes.length - leftOut))
                .setLeftOutBytes(leftOut)
                .build();
    }

    private String version(String commandLine) {
        var runtime = ManagementFactory.getRuntimeMXBean();
        return "varve " + VersionCommand.version()
                + "\nnode " + config.fixed().node()
                + "\ncluster " + config.fixed().cluster()
                + "\nstart " + incarnation
                + "\nprocess " + ProcessHandle.current().pid()
                + "\nstarted at " + Instant.ofEpochMilli(runtime.getStartTime())
                + "\nnow " + Instant.now()
                + "\njava " + Runtime.version() + " " + runtime.getVmName()
                + "\nsystem " + System.getProperty("os.name") + " " + System.getProperty("os.version") + " "
                + System.getProperty("os.arch") + ", processors "
                + Runtime.getRuntime().availableProcessors()
                + "\ncommand line " + commandLine + "\n";
    }

    private static String commandLine() {
        return String.join(" ", ManagementFactory.getRuntimeMXBean().getInputArguments()) + " "
                + System.getProperty("sun.java.command", "");
    }

    private static String properties() {
        var text = new StringBuilder("system properties\n");
        new TreeMap<>(System.getProperties())
                .forEach((key, value) -> text.append(key)
                        .append('=')
                        .append(value.toString().replace("\n", "\\n"))
                        .append('\n'));
        return text.toString();
    }

    private static String jvm() {
        var text = new StringBuilder();
        var memory = ManagementFactory.getMemoryMXBean();
        text.append("heap ").append(memory.getHeapMemoryUsage()).append('\n');
        text.append("other ").append(memory.getNonHeapMemoryUsage()).append('\n');
        ManagementFactory.getMemoryPoolMXBeans()
                .forEach(pool -> text.append("pool ")
                        .append(pool.getName())
                        .append(": ")
                        .append(pool.getUsage())
                        .append('\n'));
        ManagementFactory.getPlatformMXBeans(java.lang.management.BufferPoolMXBean.class)
                .forEach(pool -> text.append("buffers ")
                        .append(pool.getName())
                        .append(": count ")
                        .append(pool.getCount())
                        .append(", used ")
                        .append(pool.getMemoryUsed())
                        .append('\n'));
        ManagementFactory.getGarbageCollectorMXBeans()
                .forEach(collector -> text.append("collections ")
                        .append(collector.getName())
                        .append(": ")
                        .append(collector.getCollectionCount())
                        .append(", ms ")
                        .append(collector.getCollectionTime())
                        .append('\n'));
        return text.toString();
    }

    /** In full: the JDK's own text stops after eight frames. */
    private static String threads() {
        var text = new StringBuilder();
        for (ThreadInfo thread : ManagementFactory.getThreadMXBean().dumpAllThreads(true, true)) {
            text.append('"').append(thread.getThreadName()).append("\" ").append(thread.getThreadState());
            if (thread.getLockName() != null) {
                text.append(" on ").append(thread.getLockName());
            }
            if (thread.getLockOwnerName() != null) {
                text.append(" held by \"").append(thread.getLockOwnerName()).append('"');
            }
            text.append('\n');
            for (var frame : thread.getStackTrace()) {
                text.append("    at ").append(frame).append('\n');
            }
            text.append('\n');
        }
        return text.toString();
    }

    private static String process() {
        var text = new StringBuilder();
        for (var name : List.of(
                "/proc/self/status",
                "/proc/self/limits",
                "/proc/self/io",
                "/proc/loadavg",
                "/proc/meminfo",
                "/proc/version")) {
            text.append("==== ")
                    .append(name)
                    .append('\n')
                    .append(read(Path.of(name)))
                    .append('\n');
        }
        return text.toString();
    }

    private String listing() {
        var text = new StringBuilder();
        try (Stream<Path> paths = Files.walk(config.dataDir())) {
            var listed = paths.limit(MAX_LISTED + 1L).toList();
            for (var path : listed.subList(0, Math.min(MAX_LISTED, listed.size()))) {
                text.append(size(path)).append("  ").append(path).append('\n');
            }
            text.append(listed.size() > MAX_LISTED ? "and more\n" : "");
        } catch (IOException | java.io.UncheckedIOException e) {
            text.append("cannot be listed: ").append(e).append('\n');
        }
        return text.toString();
    }

    private static String size(Path path) {
        try {
            return "%12d  %s".formatted(Files.size(path), Files.getLastModifiedTime(path));
        } catch (IOException e) {
            return "gone";
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return "cannot be read: " + e + "\n";
        }
    }

    private static String endOf(Path file) {
        try (var open = new RandomAccessFile(file.toFile(), "r")) {
            var from = Math.max(0, open.length() - MAX_FILE_BYTES);
            open.seek(from);
            var bytes = new byte[(int) (open.length() - from)];
            open.readFully(bytes);
            return new String(bytes, StandardCharsets.UTF_8);
        } catch (IOException e) {
            return "cannot be read: " + e + "\n";
        }
    }
}
