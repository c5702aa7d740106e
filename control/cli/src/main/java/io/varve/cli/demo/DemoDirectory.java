package io.varve.cli.demo;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;

import io.varve.cli.client.Credentials;
import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.identity.CertificateAuthority;
import io.varve.model.ByteSize;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Properties;
import java.util.SplittableRandom;

/**
 * The demo's directory: what the first run decided is remembered in {@code demo.properties} (ports, node count, sizes), so
 * that a later run finds the same cluster. One demo at a time holds its lock.
 */
final class DemoDirectory implements AutoCloseable {
    static final String CLUSTER = "demo";
    static final String VOLUME = "demo";

    private static final Duration CERTIFICATE_LIFETIME = Duration.ofDays(30);

    private final Path root;
    private final FileChannel lock;
    private final Properties remembered;

    private DemoDirectory(Path root, FileChannel lock, Properties remembered) {
        this.root = root;
        this.lock = lock;
        this.remembered = remembered;
    }

    /** Makes or finds the directory, and holds it. */
    static DemoDirectory open(DemoOptions options) {
        try {
            Files.createDirectories(options.directory());
            var lock = FileChannel.open(options.directory().resolve("lock"), CREATE, WRITE);
            if (lock.tryLock() == null) {
                lock.close();
                throw new CommandFailure(
                        ExitCode.IN_USE,
                        "a demo runs already in " + options.directory(),
                        "Look at it with 'varve demo status', or name another directory with --dir.");
            }
            var directory = new DemoDirectory(options.directory(), lock, load(options.directory()));
            directory.remember(options);
            return directory;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot use " + options.directory(), e);
        }
    }

    /** Reads a directory that a running demo holds; empty when there is none. */
    static Optional<DemoDirectory> look(Path root) {
        if (!Files.exists(file(root))) {
            return Optional.empty();
        }
        try {
            return Optional.of(new DemoDirectory(root, FileChannel.open(file(root)), load(root)));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + root, e);
        }
    }

    /** Whether a demo runs in it. */
    boolean isHeld() {
        try (var other = FileChannel.open(root.resolve("lock"), CREATE, WRITE)) {
            var free = other.tryLock();
            if (free != null) {
                free.close();
            }
            return free == null;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + root, e);
        }
    }

    private static Path file(Path root) {
        return root.resolve("demo.properties");
    }

    private static Properties load(Path root) throws IOException {
        var properties = new Properties();
        if (Files.exists(file(root))) {
            try (var reader = Files.newBufferedReader(file(root))) {
                properties.load(reader);
            }
        }
        return properties;
    }

    /** Fresh certificates for every node, from the directory's own authority, which the first run makes. */
    void issueCertificates() throws IOException {
        var nodes = nodeList();
        var found = nodes.getFirst().identity().readAuthority();
        var authority = found.isPresent() ? found.get() : CertificateAuthority.create(CLUSTER, Instant.now());
        for (var node : nodes.subList(0, DemoOptions.metadataMembers(nodes.size()))) {
            node.identity().writeAuthorityKey(authority.key());
        }
        for (var node : nodes) {
            node.identity().issue(authority, node.name(), Instant.now(), CERTIFICATE_LIFETIME);
        }
    }

    /** What the demo itself shows its nodes. */
    Credentials credentials() {
        try {
            return Credentials.read(nodeList().getFirst().identity().admin());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot use the demo's certificates", e);
        }
    }

    private void remember(DemoOptions options) throws IOException {
        keep("nodes", Integer.toString(options.nodes()));
        keep("replicas", Integer.toString(options.replicas()));
        keep("size", options.size().toString());
        keep("disk", options.disk().toString());
        if (!remembered.containsKey("ports")) {
            keep(
                    "ports",
                    DemoPorts.choose(options.nodes(), new SplittableRandom()).text());
        }
        save();
    }

    /** Gives up remembered ports that another process has taken meanwhile; called when this demo's own processes are gone. */
    List<String> replaceTakenPorts() {
        var ports = DemoPorts.parse(remembered("ports"));
        var free = ports.replacingTaken(DemoOptions.metadataMembers(nodes()), new SplittableRandom());
        if (free.moved().isEmpty()) {
            return List.of();
        }
        remembered.setProperty("ports", free.ports().text());
        store();
        return free.moved();
    }

    /** What the first run decided stays: a cluster does not shrink because a later run forgot an option. */
    private void keep(String key, String value) {
        remembered.putIfAbsent(key, value);
    }

    private void save() throws IOException {
        try (var writer = Files.newBufferedWriter(file(root))) {
            remembered.store(writer, "The varve demo in this directory");
        }
    }

    private String remembered(String key) {
        return remembered.getProperty(key, "");
    }

    Path root() {
        return root;
    }

    int nodes() {
        return Integer.parseInt(remembered("nodes"));
    }

    int replicas() {
        return Integer.parseInt(remembered("replicas"));
    }

    ByteSize size() {
        return ByteSize.parse(remembered("size"));
    }

    ByteSize disk() {
        return ByteSize.parse(remembered("disk"));
    }

    /** Acknowledged transactions of all earlier runs, as they counted them; about right. */
    long acknowledged() {
        var text = remembered("acknowledged");
        return text.isEmpty() ? 0 : Long.parseLong(text);
    }

    void rememberAcknowledged(long transactions) {
        remembered.setProperty("acknowledged", Long.toString(transactions));
        store();
    }

    private void store() {
        try {
            save();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + file(root), e);
        }
    }

    List<DemoNode> nodeList() {
        var ports = DemoPorts.parse(remembered("ports"));
        var nodes = new ArrayList<DemoNode>();
        for (var index = 0; index < nodes(); index++) {
            var name = "n" + (index + 1);
            nodes.add(new DemoNode(name, root.resolve(name), ports.of(index)));
        }
        return nodes;
    }

    /**
     * Where the file system is mounted: a short path outside of the directory, because PostgreSQL runs as a user of its
     * own, who may not enter root's home, and a socket's path is at most 107 bytes long.
     */
    Path mounts() {
        return Path.of(
                "/run",
                String.format(Locale.ROOT, "varve-demo-%08x", root.toString().hashCode()));
    }

    @Override
    public void close() throws IOException {
        lock.close();
    }
}
