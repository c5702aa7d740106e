package io.varve.cli.demo;

import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import io.varve.cli.command.Question;
import io.varve.cli.process.Tool;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.SequencedSet;
import java.util.TreeMap;

/** What this machine must offer for a file system and a database on the volume, and how to get it. */
final class Prerequisites {
    private static final Duration INSTALL_LIMIT = Duration.ofMinutes(10);
    /** Shared with the launcher and the tests: two package managers at once fail. */
    private static final String INSTALL_LOCK = "/var/lock/varve-apt.lock";

    private static final Path POSTGRES = Path.of("/usr/lib/postgresql");

    /** Program by program, the Debian package that brings it. */
    private static final SequencedMap<String, String> PROGRAMS = programs();

    private Prerequisites() {}

    private static SequencedMap<String, String> programs() {
        var programs = new TreeMap<String, String>();
        programs.put("fusermount3", "fuse3");
        programs.put("nbdfuse", "libnbd-bin");
        programs.put("mkfs.ext4", "e2fsprogs");
        programs.put("losetup", "util-linux");
        programs.put("blkid", "util-linux");
        programs.put("setsid", "util-linux");
        programs.put("runuser", "util-linux");
        programs.put("mount", "mount");
        return programs;
    }

    /** Empty when a database can run here; else why not, for people. Installs packages when asked or allowed to. */
    static Optional<String> forDatabase(PrintWriter out, boolean yes) {
        if (!isRoot()) {
            return Optional.of("only root can mount a file system and run PostgreSQL as its own user");
        }
        var device = missingDevice(Path.of("/dev/fuse"), Path.of("/dev/loop-control"));
        if (device.isPresent()) {
            return device;
        }
        var missing = missingPackages();
        if (missing.isEmpty()) {
            return Optional.empty();
        }
        out.println("These Debian packages are needed and missing: " + String.join(" ", missing));
        out.flush();
        if (!yes && !Question.confirmed("Install them now with apt-get?")) {
            return Optional.of("these packages are missing (install them, or say --yes): " + String.join(" ", missing));
        }
        return install(out, List.copyOf(missing));
    }

    /** A container may show a device that it may not open. */
    static Optional<String> missingDevice(Path fuse, Path loopControl) {
        return refusal(fuse)
                .map(reason -> "there is no FUSE here (" + reason + ")")
                .or(() -> refusal(loopControl).map(reason -> "there are no loop devices here (" + reason + ")"));
    }

    private static Optional<String> refusal(Path device) {
        if (!Files.exists(device)) {
            return Optional.of(device + " is missing");
        }
        try (var opened = FileChannel.open(device, READ, WRITE)) {
            return opened.isOpen() ? Optional.empty() : Optional.of(device + " is closed");
        } catch (IOException e) {
            return Optional.of(device + " cannot be opened: " + e.getMessage());
        }
    }

    static boolean isRoot() {
        return "root".equals(System.getProperty("user.name"));
    }

    private static SequencedSet<String> missingPackages() {
        SequencedSet<String> missing = new LinkedHashSet<>();
        PROGRAMS.forEach((program, needed) -> {
            if (!Tool.exists(program)) {
                missing.add(needed);
            }
        });
        if (postgresPrograms().isEmpty()) {
            missing.add("postgresql");
        }
        return missing;
    }

    private static Optional<String> install(PrintWriter out, List<String> packages) {
        if (!Tool.exists("apt-get")) {
            return Optional.of("there is no apt-get here; install by hand: " + String.join(" ", packages));
        }
        out.println("Installing " + String.join(" ", packages) + " ...");
        out.flush();
        var command = new ArrayList<>(List.of(
                "flock",
                INSTALL_LOCK,
                "sh",
                "-c",
                "apt-get update -qq && DEBIAN_FRONTEND=noninteractive"
                        + " apt-get install -y -qq --no-install-recommends \"$@\"",
                "install"));
        command.addAll(packages);
        var outcome = Tool.run(INSTALL_LIMIT, command);
        var still = missingPackages();
        return outcome.ok() && still.isEmpty()
                ? Optional.empty()
                : Optional.of("apt-get could not install " + String.join(" ", still) + ": "
                        + outcome.output().lines().reduce((first, last) -> last).orElse("no explanation"));
    }

    /** The directory with initdb, pg_ctl and postgres of the newest PostgreSQL installed. */
    static Optional<Path> postgresPrograms() {
        for (var version = 30; version >= 12; version--) {
            var programs = POSTGRES.resolve(version + "/bin");
            if (Files.isExecutable(programs.resolve("initdb"))
                    && Files.isExecutable(programs.resolve("postgres"))
                    && Files.isExecutable(programs.resolve("pgbench"))) {
                return Optional.of(programs);
            }
        }
        return Optional.empty();
    }
}
