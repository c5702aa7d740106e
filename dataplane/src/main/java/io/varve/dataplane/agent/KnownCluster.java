package io.varve.dataplane.agent;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;

/**
 * The cluster that a node belongs to, remembered in its data directory: with it the node opens its disks before anybody answers, so that they can be asked what
 * they know when the metadata group is lost. Blocking: on a worker.
 */
public final class KnownCluster {
    private static final String FILE = "cluster";

    private KnownCluster() {}

    /** Empty before the node was registered for the first time. */
    public static Optional<String> load(Path dataDirectory) throws IOException {
        Path file = dataDirectory.resolve(FILE);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        String text = Files.readString(file).strip();
        try {
            return Optional.of(UUID.fromString(text).toString());
        } catch (IllegalArgumentException e) {
            throw new IOException(
                    file
                            + " is damaged: it should hold the cluster's uuid. Without the file the node asks the metadata group for it",
                    e);
        }
    }

    /** Durable when it returns. */
    public static void remember(Path dataDirectory, String uuid) throws IOException {
        if (!load(dataDirectory).equals(Optional.of(uuid))) {
            DurableFile.write(dataDirectory, FILE, uuid + "\n");
        }
    }
}
