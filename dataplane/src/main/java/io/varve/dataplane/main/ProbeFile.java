package io.varve.dataplane.main;

import io.vertx.core.Future;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Something to try device I/O on: the first device, or a small file beside where it will be. */
record ProbeFile(Path path, boolean temporary) {
    private static final Logger LOG = LoggerFactory.getLogger(ProbeFile.class);
    private static final int BYTES = 1 << 16;

    /** Blocking for an instant, once at start. */
    static Future<ProbeFile> choose(DataPlaneConfig config) {
        Path directory = config.dataDirectory();
        if (!config.groups().isEmpty()) {
            Path device = config.groups().getFirst().devices().getFirst().path();
            if (Files.exists(device)) {
                return Future.succeededFuture(new ProbeFile(device, false));
            }
            Path parent = device.toAbsolutePath().getParent();
            directory = parent == null ? directory : parent;
        }
        try {
            Files.createDirectories(directory);
            Path file = Files.createTempFile(directory, "varve-probe", ".tmp");
            Files.write(file, new byte[BYTES]);
            return Future.succeededFuture(new ProbeFile(file, true));
        } catch (IOException e) {
            return Future.failedFuture("cannot write to " + directory + ": " + e.getMessage());
        }
    }

    void release() {
        if (temporary) {
            try {
                Files.deleteIfExists(path);
            } catch (IOException e) {
                LOG.warn("probe file left behind path={} reason=\"{}\"", path, e.getMessage());
            }
        }
    }
}
