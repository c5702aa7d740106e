package io.varve.cli.demo;

import io.varve.cli.attach.BlockDevice;
import io.varve.cli.process.Tool;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * What a demo left behind that could not end in order, because it or the machine was killed: mounts, loop devices, FUSE,
 * node processes. Only what names this demo's own paths is touched.
 */
final class Leftovers {
    private static final Duration STEP_LIMIT = Duration.ofSeconds(10);

    private Leftovers() {}

    /** Removes everything that an earlier run of this directory left; called while holding its lock. */
    static void clear(DemoDirectory directory) {
        clearMounts(directory.mounts());
        for (var node : directory.nodeList()) {
            node.process().ifPresent(Leftovers::kill);
        }
    }

    /** Database, file system, loop device, FUSE: from the top down. */
    static void clearMounts(Path mounts) {
        killPostgres(mounts.resolve("fs/pgdata"));
        if (isMounted(mounts.resolve("fs"))) {
            Tool.run(STEP_LIMIT, "umount", "-l", mounts.resolve("fs").toString());
        }
        var image = mounts.resolve("fuse/nbd").toString();
        if (Tool.exists("losetup")) {
            var devices = Tool.run(STEP_LIMIT, "losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE");
            devices.output()
                    .lines()
                    .filter(line -> line.endsWith(" " + image))
                    .forEach(line -> Tool.run(STEP_LIMIT, "losetup", "-d", line.substring(0, line.indexOf(' '))));
        }
        if (isMounted(mounts.resolve("fuse"))) {
            Tool.run(
                    STEP_LIMIT,
                    "fusermount3",
                    "-u",
                    "-z",
                    mounts.resolve("fuse").toString());
        }
    }

    private static void killPostgres(Path data) {
        var pidFile = data.resolve("postmaster.pid");
        try {
            if (Files.isReadable(pidFile)) {
                var pid = Long.parseLong(Files.readAllLines(pidFile).getFirst().strip());
                processWith(pid, data.toString()).ifPresent(Leftovers::kill);
            }
        } catch (IOException | NumberFormatException e) {
            // The file system under it is gone, and the database with it.
        }
    }

    /** Whether something is mounted there, also when it no longer answers: the kernel's list is asked, not the path. */
    static boolean isMounted(Path point) {
        return BlockDevice.isMounted(point);
    }

    /** A living process by its id, if its command line contains the text: ids are given again to others. */
    static Optional<ProcessHandle> processWith(long pid, String text) {
        try {
            var commandLine = new String(
                    Files.readAllBytes(Path.of("/proc", Long.toString(pid), "cmdline")), StandardCharsets.UTF_8);
            return List.of(commandLine.split("\0")).contains(text) ? ProcessHandle.of(pid) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** Kills and waits until the process is gone. */
    static void kill(ProcessHandle process) {
        process.destroyForcibly();
        try {
            process.onExit().get(STEP_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            // It is in an uninterruptible wait; starting the node again will name the lock that it holds.
        }
    }
}
