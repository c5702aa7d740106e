package io.varve.cli.demo;

import io.varve.cli.config.Endpoint;
import io.varve.identity.IdentityDirectory;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * One node of the demo: its files and ports.
 *
 * @param directory holds {@code config.yaml}, {@code disk}, {@code data/}, {@code log} and {@code pid}
 */
record DemoNode(String name, Path directory, Ports ports) {
    private static final String HOST = "127.0.0.1";
    /** Small, so that a first start is quick; large enough for bursts of seconds. */
    private static final String JOURNAL = "256MiB";

    private static final int LOG_TAIL_BYTES = 1 << 20;
    /** What a command that fails says begins so. */
    private static final String SAID = "varve: ";

    private static final String REASON = "reason=\"";

    /** All on loopback. */
    record Ports(int management, int peer, int raft, int nbd, int metrics, int membership) {}

    Endpoint management() {
        return new Endpoint(HOST, ports.management);
    }

    Endpoint metrics() {
        return new Endpoint(HOST, ports.metrics);
    }

    Path configFile() {
        return directory.resolve("config.yaml");
    }

    Path log() {
        return directory.resolve("log");
    }

    /** Writes the configuration that the node starts from; a person may read it to learn what one looks like. */
    void writeConfig(List<DemoNode> members, String disk) throws IOException {
        Files.createDirectories(directory);
        Files.writeString(configFile(), config(members, disk));
    }

    String config(List<DemoNode> members, String disk) {
        var memberLines = members.stream()
                .map(member -> "    - {node: %s, raft: \"%s:%d\", management: \"%s:%d\", membership: \"%s:%d\"}\n"
                        .formatted(
                                member.name,
                                HOST,
                                member.ports.raft,
                                HOST,
                                member.ports.management,
                                HOST,
                                member.ports.membership))
                .collect(Collectors.joining());
        return """
                cluster: %s
                node: %s
                dataDir: "%s"
                network: tls
                listen:
                  management: 127.0.0.1:%d
                  peer: 127.0.0.1:%d
                  raft: 127.0.0.1:%d
                  nbd: 127.0.0.1:%d
                  metrics: 127.0.0.1:%d
                  membership: 127.0.0.1:%d
                metadata:
                  members:
                %sdisks:
                  - group: main
                    journal: %s
                    devices:
                      - {path: "%s", class: ssd, size: %s}
                """.formatted(
                        DemoDirectory.CLUSTER,
                        name,
                        directory.resolve("data"),
                        ports.management,
                        ports.peer,
                        ports.raft,
                        ports.nbd,
                        ports.metrics,
                        ports.membership,
                        memberLines,
                        JOURNAL,
                        directory.resolve("disk"),
                        disk);
    }

    /** Where its certificates are. */
    IdentityDirectory identity() {
        return IdentityDirectory.of(directory.resolve("data"));
    }

    private Path pidFile() {
        return directory.resolve("pid");
    }

    void writePid(long pid) throws IOException {
        Files.writeString(pidFile(), pid + "\n");
    }

    /** The process that runs this node, if it does: the id in the file, if that process was given this node's file. */
    Optional<ProcessHandle> process() {
        try {
            return Files.exists(pidFile())
                    ? Leftovers.processWith(
                            Long.parseLong(Files.readString(pidFile()).strip()),
                            configFile().toString())
                    : Optional.empty();
        } catch (IOException | NumberFormatException e) {
            return Optional.empty();
        }
    }

    /**
     * Why the node ended, as it logged it.
     *
     * @param from where the log of this start begins
     */
    String lastError(long from) {
        try (var file = new RandomAccessFile(log().toFile(), "r")) {
            file.seek(Math.max(Math.min(from, file.length()), file.length() - LOG_TAIL_BYTES));
            var bytes = new byte[(int) (file.length() - file.getFilePointer())];
            file.readFully(bytes);
            return lastError(new String(bytes, StandardCharsets.UTF_8));
        } catch (IOException e) {
            return "it left no log (" + e.getMessage() + ")";
        }
    }

    /** The last reason that an error gives; else the last error, else the last line. What ends behind the reason may be loud. */
    static String lastError(String log) {
        var last = log.strip().lines().reduce((first, second) -> second).orElse("it logged nothing");
        var errors = log.lines()
                .filter(line -> line.contains(" ERROR ") || line.startsWith(SAID))
                .toList();
        var error = errors.stream()
                .filter(line -> line.contains(REASON))
                .reduce((first, second) -> second)
                .orElse(errors.isEmpty() ? last : errors.getLast());
        var reason = error.indexOf(REASON);
        if (reason >= 0) {
            return error.substring(reason + REASON.length(), error.lastIndexOf('"'));
        }
        return error.startsWith(SAID) ? error.substring(SAID.length()) : error;
    }
}
