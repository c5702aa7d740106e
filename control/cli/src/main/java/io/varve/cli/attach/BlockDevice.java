package io.varve.cli.attach;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.process.Teardown;
import io.varve.cli.process.Tool;
import io.varve.dataplane.disk.LoopDevice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * An NBD export as a block device, without a kernel module for NBD: nbdfuse shows the export as a file, and a loop device makes it a block device. Each
 * layer is entered into the teardown as soon as it exists.
 */
public final class BlockDevice {
    /** nbdfuse opens so many connections; a database has about as many requests in flight. */
    private static final String CONNECTIONS = "4";

    private static final Duration STEP_LIMIT = Duration.ofSeconds(60);
    private static final Duration UNDO_LIMIT = Duration.ofSeconds(2);
    private static final Duration APPEAR_LIMIT = Duration.ofSeconds(30);
    /** Until pages that were written meanwhile are clean. */
    private static final int GROW_ATTEMPTS = 50;

    private static final Duration LOOK_PAUSE = Duration.ofMillis(20);

    private final Path point;
    private final Teardown teardown;
    private volatile @Nullable Process fuse;

    /** @param point an empty directory, or one that is made; the file appears in it */
    public BlockDevice(Path point, Teardown teardown) {
        this.point = point;
        this.teardown = teardown;
    }

    /** Makes the device and answers its path. Throws {@link CommandFailure}. */
    public String open(String nbdUri, Path log) throws IOException, InterruptedException {
        return open(nbdUri, log, 0);
    }

    /** The same of the first {@code sizeBytes} of the export, and {@link #grow} is possible; 0: all of it. */
    public String open(String nbdUri, Path log, long sizeBytes) throws IOException, InterruptedException {
        var image = showAsFile(nbdUri, log);
        var made = Tool.run(
                STEP_LIMIT,
                "losetup",
                "--find",
                "--show",
                "--direct-io=on",
                "--sizelimit=" + sizeBytes,
                image.toString());
        if (!made.ok()) {
            throw failure("losetup: " + made.output());
        }
        var device = made.output();
        teardown.add("detach " + device, UNDO_LIMIT, limit -> {
            var outcome = Tool.run(limit, "losetup", "-d", device);
            return outcome.ok() ? "" : outcome.output();
        });
        return device;
    }

    /** Whoever has the device open sees more of it. Answers what went wrong; empty: nothing. */
    public static String grow(String device, long sizeBytes) {
        for (var attempt = 0; ; attempt++) {
            var error = LoopDevice.limit(device, sizeBytes);
            if (error == 0) {
                return "";
            }
            if (error != LoopDevice.EAGAIN || attempt >= GROW_ATTEMPTS) {
                return "the kernel refuses to grow " + device + " to " + sizeBytes + " bytes, errno " + error
                        + (error == LoopDevice.EAGAIN ? ": it has its new size when the volume is attached again" : "");
            }
            try {
                Thread.sleep(LOOK_PAUSE);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return "interrupted";
            }
        }
    }

    private Path showAsFile(String nbdUri, Path log) throws IOException, InterruptedException {
        Files.createDirectories(point);
        var process = new ProcessBuilder(
                        Tool.ownSession(List.of("nbdfuse", "-C", CONNECTIONS, point.toString(), nbdUri)))
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
        fuse = process;
        teardown.add("end nbdfuse", UNDO_LIMIT, limit -> end(process, limit));
        var image = point.resolve("nbd");
        var deadline = System.nanoTime() + APPEAR_LIMIT.toNanos();
        while (!Files.exists(image)) {
            if (process.waitFor(LOOK_PAUSE.toMillis(), TimeUnit.MILLISECONDS)) {
                throw failure("nbdfuse could not open " + nbdUri + ": " + lastLine(log));
            }
            if (System.nanoTime() > deadline) {
                throw failure("nbdfuse did not open " + nbdUri + " within " + APPEAR_LIMIT.toSeconds() + " s");
            }
        }
        return image;
    }

    /** A polite end writes what FUSE still holds; after that the mount is cut off. */
    private String end(Process process, Duration limit) throws InterruptedException {
        var part = limit.dividedBy(4);
        var outcome = Tool.run(part, "fusermount3", "-u", point.toString());
        if (process.waitFor(part.toMillis(), TimeUnit.MILLISECONDS) && !isMounted(point)) {
            return "";
        }
        process.destroyForcibly();
        process.waitFor(part.toMillis(), TimeUnit.MILLISECONDS);
        Tool.run(part, "fusermount3", "-u", "-z", point.toString());
        return isMounted(point) ? "fusermount3: " + outcome.output() : "";
    }

    /** From now on every access to the device fails instead of waiting for a volume that does not answer. */
    public void cutOff() {
        var process = fuse;
        if (process != null) {
            process.destroyForcibly();
        }
    }

    /** Whether something is mounted there, also when it no longer answers: the kernel's list is asked, not the path. */
    public static boolean isMounted(Path point) {
        try (var lines = Files.lines(Path.of("/proc/self/mounts"))) {
            return lines.anyMatch(line -> line.split(" ", 3)[1].equals(point.toString()));
        } catch (IOException e) {
            return false;
        }
    }

    private static String lastLine(Path log) throws IOException {
        return Files.readAllLines(log).stream().reduce((first, last) -> last).orElse("no explanation");
    }

    private static CommandFailure failure(String message) {
        return new CommandFailure(ExitCode.FAILED, message, "");
    }
}
