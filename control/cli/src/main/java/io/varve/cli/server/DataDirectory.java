package io.varve.cli.server;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.varve.cli.config.FixedConfig;
import io.varve.dataplane.agent.DurableFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A node's own directory, held by one process at a time. Opening it counts the start, durably, and compares what is
 * fixed for the cluster's life with what the first start wrote down.
 *
 * <p>The lock dies with the process. {@link #close} releases it.
 */
final class DataDirectory implements AutoCloseable {
    private static final String LOCK = "lock";
    private static final String INCARNATION = "incarnation";
    private static final String FIXED = "fixed.yaml";

    private final Path directory;
    private final FileChannel lock;
    private final long incarnation;

    private DataDirectory(Path directory, FileChannel lock, long incarnation) {
        this.directory = directory;
        this.lock = lock;
        this.incarnation = incarnation;
    }

    /** What opening gave. */
    sealed interface Opening {
        /** The directory is this process's. */
        record Opened(DataDirectory directory) implements Opening {}

        /** Another process holds it. */
        record InUse(String holder) implements Opening {}

        /** It belongs to another cluster or node, or is damaged; the message says what to do. */
        record Refused(String message) implements Opening {}
    }

    /**
     * Makes the directory if there is none, locks it, compares {@code fixed}, counts the start.
     *
     * @throws IOException when the directory cannot be read or written
     */
    static Opening open(Path path, FixedConfig fixed) throws IOException {
        Files.createDirectories(path);
        var lock = FileChannel.open(path.resolve(LOCK), CREATE, READ, WRITE);
        var kept = false;
        try {
            if (!tryLock(lock)) {
                return new Opening.InUse(readHolder(lock));
            }
            writeHolder(lock);
            var refusal = compareFixed(path, fixed);
            if (!refusal.isEmpty()) {
                return new Opening.Refused(refusal);
            }
            var previous = readIncarnation(path);
            if (previous < 0) {
                return new Opening.Refused(path.resolve(INCARNATION)
                        + " does not hold a number: restore it, or write one that is higher than any this node ever had"
                        + " ('varve node show' tells it as Starts)");
            }
            DurableFile.write(path, INCARNATION, previous + 1 + "\n");
            kept = true;
            return new Opening.Opened(new DataDirectory(path, lock, previous + 1));
        } finally {
            if (!kept) {
                lock.close();
            }
        }
    }

    private static boolean tryLock(FileChannel lock) throws IOException {
        try {
            return lock.tryLock(0, Long.MAX_VALUE, false) != null;
        } catch (OverlappingFileLockException e) {
            return false; // held by this very process
        }
    }

    private static String readHolder(FileChannel lock) throws IOException {
        var bytes = ByteBuffer.allocate(64);
        lock.read(bytes, 0);
        var text = StandardCharsets.UTF_8.decode(bytes.flip()).toString().strip();
        return text.isEmpty() ? "another process" : text;
    }

    private static void writeHolder(FileChannel lock) throws IOException {
        lock.truncate(0);
        lock.write(
                ByteBuffer.wrap(("process " + ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.UTF_8)),
                0);
    }

    /** Empty when the directory is this node's; else what differs. */
    private static String compareFixed(Path path, FixedConfig fixed) throws IOException {
        var file = path.resolve(FIXED);
        var now = FixedText.of(fixed);
        if (!Files.exists(file)) {
            DurableFile.write(path, FIXED, now);
            return "";
        }
        var before = Files.readString(file);
        if (before.equals(now)) {
            return "";
        }
        return "the configuration changed what is fixed for the cluster's life: "
                + FixedText.firstDifference(before, now)
                + "; change it back, or use another dataDir for another node (see " + file + ")";
    }

    /** 0 at the first start, -1 when the file is damaged. */
    private static long readIncarnation(Path path) throws IOException {
        var file = path.resolve(INCARNATION);
        if (!Files.exists(file)) {
            return 0;
        }
        try {
            return Math.max(-1, Long.parseLong(Files.readString(file).strip()));
        } catch (NumberFormatException e) {
            return -1;
        }
    }

    /** Higher at every start of this node. */
    long incarnation() {
        return incarnation;
    }

    Path path() {
        return directory;
    }

    @Override
    public void close() throws IOException {
        lock.close();
    }
}
