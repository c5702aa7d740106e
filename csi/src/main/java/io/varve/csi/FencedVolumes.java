package io.varve.csi;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardWatchEventKinds;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Cleans this machine of volumes that were taken from it: when the driver starts, and whenever an attach ends, which removes its state file. An attach
 * that was killed removes nothing, and the cluster may not answer at that moment: it looks again after a while. Runs on a thread of its own.
 */
final class FencedVolumes implements Runnable {
    private static final Logger LOG = LoggerFactory.getLogger(FencedVolumes.class);
    private static final Duration LOOK_AGAIN = Duration.ofSeconds(30);
    /** Several attaches end at once when a machine is taken out of service. */
    private static final Duration SETTLE = Duration.ofMillis(500);

    private final NodeCalls calls;
    private final Path directory;

    FencedVolumes(NodeCalls calls, Path directory) {
        this.calls = calls;
        this.directory = directory;
    }

    @Override
    public void run() {
        try {
            Files.createDirectories(directory);
            try (WatchService news = directory.getFileSystem().newWatchService()) {
                directory.register(news, StandardWatchEventKinds.ENTRY_DELETE);
                while (!Thread.currentThread().isInterrupted()) {
                    look();
                    await(news);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            LOG.error("volumes that were taken from this node are not noticed reason=\"{}\"", e.getMessage());
        }
    }

    private void look() {
        try {
            calls.withoutAttach().forEach(this::look);
        } catch (UncheckedIOException unreadable) {
            LOG.warn("what is staged here cannot be read reason=\"{}\"", unreadable.getMessage());
        }
    }

    private void look(String volume) {
        try {
            if (calls.removeIfFenced(volume)) {
                LOG.warn("volume was taken from this node, what was left of it is removed volume={}", volume);
            }
        } catch (CsiFailure | UncheckedIOException later) {
            LOG.info("looked at again later volume={} reason=\"{}\"", volume, later.getMessage());
        }
    }

    private static void await(WatchService news) throws InterruptedException {
        WatchKey key = news.poll(LOOK_AGAIN.toMillis(), TimeUnit.MILLISECONDS);
        while (key != null) {
            key.pollEvents();
            key.reset();
            key = news.poll(SETTLE.toMillis(), TimeUnit.MILLISECONDS);
        }
    }
}
