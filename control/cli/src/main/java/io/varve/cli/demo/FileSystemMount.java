package io.varve.cli.demo;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.process.Teardown;
import io.varve.cli.process.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * ext4 on an NBD export, without a kernel module for NBD: nbdfuse shows the export as a file, a loop device makes it a
 * block device, and the kernel mounts that. Every layer is entered into the teardown as soon as it exists.
 */
final class FileSystemMount {
    /** nbdfuse opens so many connections; the demo's load has about as many requests in flight. */
    private static final String CONNECTIONS = "4";

    private static final Duration STEP_LIMIT = Duration.ofSeconds(60);
    private static final Duration UNDO_LIMIT = Duration.ofSeconds(2);
    private static final Duration APPEAR_LIMIT = Duration.ofSeconds(30);
    private static final Duration LOOK_PAUSE = Duration.ofMillis(20);

    private final Path mounts;
    private final Teardown teardown;
    private boolean fresh;
    private volatile @Nullable Process fuse;

    /** @param mounts an empty directory, or one that a run before used */
    FileSystemMount(Path mounts, Teardown teardown) {
        this.mounts = mounts;
        this.teardown = teardown;
    }

    /** Mounts the export; makes a file system only on a device that has none. */
    Path mount(String nbdUri, Path log) throws IOException, InterruptedException {
        var image = showAsFile(nbdUri, log);
        var device = loop(image);
        if (Tool.run(STEP_LIMIT, "blkid", "-p", device).ok()) {
            fresh = false;
        } else {
            // Discarding a fresh volume frees nothing, and inode tables may be written when they are needed.
            must(
                    "mkfs.ext4",
                    "-q",
                    "-L",
                    "varve-demo",
                    "-E",
                    "nodiscard,lazy_itable_init=1,lazy_journal_init=1",
                    device);
            fresh = true;
        }
        var point = Files.createDirectories(mounts.resolve("fs"));
        must("mount", "-o", "noatime", device, point.toString());
        teardown.add("unmount " + point, UNDO_LIMIT.multipliedBy(2), limit -> {
            var outcome = Tool.run(limit.dividedBy(2), "umount", point.toString());
            return outcome.ok()
                            || Tool.run(limit.dividedBy(2), "umount", "-l", point.toString())
                                    .ok()
                    ? ""
                    : outcome.output();
        });
        return point;
    }

    /** Whether {@link #mount} found no file system and made one. */
    boolean isFresh() {
        return fresh;
    }

    private Path showAsFile(String nbdUri, Path log) throws IOException, InterruptedException {
        var point = Files.createDirectories(mounts.resolve("fuse"));
        teardown.add("remove " + mounts, UNDO_LIMIT, limit -> {
            for (var name : List.of("fs", "fuse", "run", "")) {
                deleteEmpty(mounts.resolve(name));
            }
            return "";
        });
        var process = new ProcessBuilder(
                        Tool.ownSession(List.of("nbdfuse", "-C", CONNECTIONS, point.toString(), nbdUri)))
                .redirectInput(Path.of("/dev/null").toFile())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
        fuse = process;
        teardown.add("end nbdfuse", UNDO_LIMIT, limit -> end(point, process, limit));
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

    private static void deleteEmpty(Path directory) throws IOException {
        if (Files.isDirectory(directory) && !Leftovers.isMounted(directory)) {
            try (var entries = Files.list(directory)) {
                if (entries.findAny().isEmpty()) {
                    Files.delete(directory);
                }
            }
        }
    }

    /** A polite end writes what FUSE still holds; after that the mount is cut off. */
    private static String end(Path point, Process process, Duration limit) throws InterruptedException {
        var part = limit.dividedBy(4);
        var outcome = Tool.run(part, "fusermount3", "-u", point.toString());
        if (process.waitFor(part.toMillis(), TimeUnit.MILLISECONDS) && !Leftovers.isMounted(point)) {
            return "";
        }
        process.destroyForcibly();
        process.waitFor(part.toMillis(), TimeUnit.MILLISECONDS);
        Tool.run(part, "fusermount3", "-u", "-z", point.toString());
        return Leftovers.isMounted(point) ? "fusermount3: " + outcome.output() : "";
    }

    /** From now on every access to the file system fails instead of waiting for a volume that does not answer. */
    void cutOff() {
        var process = fuse;
        if (process != null) {
            process.destroyForcibly();
        }
    }

    private String loop(Path image) {
        var device = must("losetup", "--find", "--show", "--direct-io=on", image.toString());
        teardown.add("detach " + device, UNDO_LIMIT, limit -> {
            var outcome = Tool.run(limit, "losetup", "-d", device);
            return outcome.ok() ? "" : outcome.output();
        });
        return device;
    }

    private static String must(String... command) {
        var outcome = Tool.run(STEP_LIMIT, command);
        if (!outcome.ok()) {
            throw failure(String.join(" ", command) + ": " + outcome.output());
        }
        return outcome.output();
    }

    private static String lastLine(Path log) throws IOException {
        return Files.readAllLines(log).stream().reduce((first, last) -> last).orElse("no explanation");
    }

    private static CommandFailure failure(String message) {
        return new CommandFailure(ExitCode.FAILED, message, "");
    }
}
