package io.varve.cli.demo;

import io.varve.cli.attach.BlockDevice;
import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.process.Teardown;
import io.varve.cli.process.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * ext4 on an NBD export, which {@link BlockDevice} makes a block device. Every layer is entered into the teardown as soon as it exists.
 */
final class FileSystemMount {
    private static final Duration STEP_LIMIT = Duration.ofSeconds(60);
    private static final Duration UNDO_LIMIT = Duration.ofSeconds(2);

    private final Path mounts;
    private final Teardown teardown;
    private boolean fresh;
    private boolean prepared;
    private final BlockDevice block;

    /** @param mounts an empty directory, or one that a run before used */
    FileSystemMount(Path mounts, Teardown teardown) {
        this.mounts = mounts;
        this.teardown = teardown;
        this.block = new BlockDevice(mounts.resolve("fuse"), teardown);
    }

    /** Makes the directories; what is put into them later is undone before they are removed. */
    void prepare() throws IOException {
        if (prepared) {
            return;
        }
        prepared = true;
        Files.createDirectories(mounts.resolve("fuse"));
        teardown.add("remove " + mounts, UNDO_LIMIT, limit -> {
            for (var name : List.of("fs", "fuse", "run", "")) {
                deleteEmpty(mounts.resolve(name));
            }
            return "";
        });
    }

    /** Mounts the export; makes a file system only on a device that has none. */
    Path mount(String nbdUri, Path log) throws IOException, InterruptedException {
        prepare();
        var device = block.open(nbdUri, log);
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

    private static void deleteEmpty(Path directory) throws IOException {
        if (Files.isDirectory(directory) && !Leftovers.isMounted(directory)) {
            try (var entries = Files.list(directory)) {
                if (entries.findAny().isEmpty()) {
                    Files.delete(directory);
                }
            }
        }
    }

    /** From now on every access to the file system fails instead of waiting for a volume that does not answer. */
    void cutOff() {
        block.cutOff();
    }

    private static String must(String... command) {
        var outcome = Tool.run(STEP_LIMIT, command);
        if (!outcome.ok()) {
            throw failure(String.join(" ", command) + ": " + outcome.output());
        }
        return outcome.output();
    }

    private static CommandFailure failure(String message) {
        return new CommandFailure(ExitCode.FAILED, message, "");
    }
}
