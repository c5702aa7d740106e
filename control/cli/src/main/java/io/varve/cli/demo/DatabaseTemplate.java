package io.varve.cli.demo;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.process.Teardown;
import io.varve.cli.process.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;

/**
 * The files of a fresh PostgreSQL, made where they are in nobody's way: initdb takes a second or two of one core and needs nothing of the
 * cluster, so it runs while the nodes start, and what it made is copied onto the volume.
 */
final class DatabaseTemplate {
    private static final Duration LIMIT = Duration.ofMinutes(1);

    private final Path programs;
    private final Path directory;
    private @Nullable CompletableFuture<Tool.Outcome> made;

    /**
     * @param programs where initdb is
     * @param directory removed at the end; PostgreSQL's user must be able to reach it
     */
    DatabaseTemplate(Path programs, Path directory, Teardown teardown) {
        this.programs = programs;
        this.directory = directory;
        teardown.add("remove " + directory, Duration.ofSeconds(1), limit -> {
            var problem = remove();
            var above = String.valueOf(directory.getParent());
            Tool.run(limit, "rmdir", "--ignore-fail-on-non-empty", above);
            return problem;
        });
    }

    /** Begins to make it, and returns at once. */
    void begin() {
        // How it ended is asked when it is needed.
        var _ = begun();
    }

    private synchronized CompletableFuture<Tool.Outcome> begun() {
        var begun = made;
        if (begun == null) {
            begun = CompletableFuture.supplyAsync(this::make, Executors.newVirtualThreadPerTaskExecutor());
            made = begun;
        }
        return begun;
    }

    private Tool.Outcome make() {
        try {
            remove();
            Files.createDirectories(directory);
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx------"));
        } catch (IOException e) {
            return new Tool.Outcome(1, e.toString());
        }
        var owned = Tool.run(LIMIT, "chown", "postgres:postgres", directory.toString());
        // Nothing is synced here; the copy is.
        return !owned.ok()
                ? owned
                : Tool.run(
                        LIMIT,
                        Database.asPostgres(
                                programs,
                                "initdb",
                                "-D",
                                directory.toString(),
                                "-A",
                                "trust",
                                "-E",
                                "UTF8",
                                "--locale=C",
                                "--no-sync",
                                "--no-instructions"));
    }

    /** Copies the files, with their owner, into a directory that does not exist yet; waits for them to be made. */
    void copyTo(Path data) {
        Tool.Outcome initialised;
        try {
            initialised = begun().join();
        } catch (CompletionException e) {
            throw new IllegalStateException("initdb could not be run", e);
        }
        require(initialised, "initdb");
        require(Tool.run(LIMIT, List.of("cp", "-aT", directory.toString(), data.toString())), "cp");
        remove();
    }

    private static void require(Tool.Outcome outcome, String what) {
        if (!outcome.ok()) {
            throw new CommandFailure(ExitCode.FAILED, what + ": " + outcome.output(), "");
        }
    }

    private String remove() {
        var outcome = Tool.run(LIMIT, "rm", "-rf", directory.toString());
        return outcome.ok() ? "" : outcome.output();
    }
}
