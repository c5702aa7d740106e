package io.varve.cli.demo;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.process.Teardown;
import io.varve.cli.process.Tool;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * PostgreSQL on a mounted file system, run as its own user on a socket of its own. Durability is not relaxed: every commit
 * is synced through ext4 and the loop device to the volume before it is acknowledged.
 */
final class Database {
    /** Half a million rows, 75 MB: more than the server's own cache holds, loaded in two or three seconds. */
    private static final String SCALE = "5";

    private static final Duration STEP_LIMIT = Duration.ofMinutes(3);
    /** For its last checkpoint, a second or two on a quiet machine; longer means that its disk does not answer. */
    private static final Duration STOP_LIMIT = Duration.ofSeconds(4);
    /** Without a checkpoint: it recovers at its next start. */
    private static final Duration IMMEDIATE_STOP_LIMIT = Duration.ofSeconds(1);
    /** After its disk was cut off: whoever waited for it gets an error and ends. */
    private static final Duration LAST_STOP_LIMIT = Duration.ofSeconds(1);

    private static final Duration LOG_LIMIT = Duration.ofSeconds(1);

    private static final String NAME = "postgres";

    private final Path programs;
    private final DatabaseTemplate template;
    private final Path data;
    private final Path run;
    private final Path keptLog;
    private final Teardown teardown;
    private final Runnable cutOffDisk;
    private volatile Optional<ProcessHandle> server = Optional.empty();

    /**
     * @param programs where initdb and its companions are
     * @param template what a fresh database's files are copied from
     * @param fileSystem a mounted file system
     * @param run for the socket and the log
     * @param keptLog where the log is left at the end
     * @param cutOffDisk makes every access to the file system fail from now on: the way to end a server that waits for a dead disk
     */
    Database(
            Path programs,
            DatabaseTemplate template,
            Path fileSystem,
            Path run,
            Path keptLog,
            Teardown teardown,
            Runnable cutOffDisk) {
        this.template = template;
        this.cutOffDisk = cutOffDisk;
        this.programs = programs;
        this.data = fileSystem.resolve("pgdata");
        this.run = run;
        this.keptLog = keptLog;
        this.teardown = teardown;
    }

    /** Starts the server; makes its files if there are none, else recovers from whatever they hold. */
    void start() throws IOException {
        Files.createDirectories(run);
        own(run);
        teardown.add("keep PostgreSQL's log", LOG_LIMIT, limit -> keepLog());
        if (!Files.exists(data.resolve("PG_VERSION"))) {
            create();
        }
        teardown.add("stop PostgreSQL", STOP_LIMIT.plus(IMMEDIATE_STOP_LIMIT).plus(LAST_STOP_LIMIT), limit -> stop());
        must(postgres("pg_ctl", "-D", data.toString(), "-l", log().toString(), "-w", "-t", "120", "start"));
        // Read now: at the end the disk may not answer.
        server = ProcessHandle.of(Long.parseLong(
                Files.readAllLines(data.resolve("postmaster.pid")).getFirst().strip()));
    }

    private void create() throws IOException {
        // Under another name until it is whole: a run that is cut short leaves nothing that looks like a database.
        var fresh = data.resolveSibling("pgdata.new");
        must(List.of("rm", "-rf", fresh.toString()));
        template.copyTo(fresh);
        var settings = """
                listen_addresses = ''
                unix_socket_directories = '%s'
                shared_buffers = 64MB
                max_wal_size = 1GB
                fsync = on
                synchronous_commit = on
                full_page_writes = on
                """.formatted(run);
        Files.writeString(fresh.resolve("postgresql.auto.conf"), settings);
        must(List.of("sync", "-f", fresh.toString()));
        Files.move(fresh, data, StandardCopyOption.ATOMIC_MOVE);
    }

    private static void own(Path path) {
        must(List.of("chown", "postgres:postgres", path.toString()));
    }

    Path log() {
        return run.resolve("postgresql.log");
    }

    /** Loads pgbench's tables, unless they are there. */
    void load() {
        if (!isLoaded()) {
            must(postgres("pgbench", "-h", run.toString(), "-i", "-q", "-s", SCALE, NAME));
        }
    }

    /** One transaction, start to commit. */
    void transact() {
        must(postgres("pgbench", "-h", run.toString(), "-n", "-c", "1", "-t", "1", NAME));
    }

    /** The last table that loading makes is there with its key: a load cut short is done again. */
    private boolean isLoaded() {
        return "t".equals(query("select to_regclass('pgbench_accounts_pkey') is not null"));
    }

    /** Zero when the load of an earlier run was cut short. */
    long historyRowsIfAny() {
        return isLoaded() ? historyRows() : 0;
    }

    /** Transactions whose row is in the history table: each committed one left exactly one. */
    long historyRows() {
        return Long.parseLong(query("select count(*) from pgbench_history"));
    }

    private String query(String sql) {
        return must(postgres("psql", "-h", run.toString(), "-X", "-A", "-t", "-c", sql, NAME));
    }

    /** The command that loads the database until it is stopped, a line of progress each second. */
    List<String> loadCommand(int clients) {
        return postgres(
                "pgbench",
                "-h",
                run.toString(),
                "-n",
                "-c",
                Integer.toString(clients),
                "-j",
                "2",
                "-M",
                "prepared",
                "-P",
                "1",
                "-T",
                "100000000",
                NAME);
    }

    /** How a person connects. */
    String shellCommand() {
        return "runuser -u postgres -- psql -h " + run + " " + NAME;
    }

    /** Socket and log lie outside of the demo's directory, where PostgreSQL's user may write; only the log is worth keeping. */
    private String keepLog() throws IOException {
        if (Files.exists(log())) {
            Files.copy(log(), keptLog, StandardCopyOption.REPLACE_EXISTING);
        }
        try (var files = Files.list(run)) {
            for (var file : files.toList()) {
                Files.delete(file);
            }
        }
        return "";
    }

    private String stop() {
        if (server.map(process -> !process.isAlive()).orElse(!Files.exists(data.resolve("postmaster.pid")))) {
            return ""; // it did not start, or ended by itself
        }
        if (Tool.run(STOP_LIMIT, stopCommand("fast", STOP_LIMIT)).ok()
                || Tool.run(IMMEDIATE_STOP_LIMIT, stopCommand("immediate", IMMEDIATE_STOP_LIMIT))
                        .ok()) {
            return "";
        }
        cutOffDisk.run();
        return server.isEmpty() || isGone(server.get())
                ? ""
                : "its process " + server.get().pid() + " does not end";
    }

    /** Kills the server and all that it started. What waited for the disk was woken by its error, so nothing is left that cannot be killed. */
    private static boolean isGone(ProcessHandle server) {
        server.descendants().forEach(ProcessHandle::destroyForcibly);
        server.destroyForcibly();
        try {
            server.onExit().get(LAST_STOP_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } catch (ExecutionException | TimeoutException e) {
            return false;
        }
    }

    private List<String> stopCommand(String mode, Duration limit) {
        return postgres(
                "pg_ctl", "-D", data.toString(), "-m", mode, "-w", "-t", Long.toString(limit.toSeconds()), "stop");
    }

    private List<String> postgres(String program, String... arguments) {
        return asPostgres(programs, program, arguments);
    }

    /** The command, run as PostgreSQL's own user. */
    static List<String> asPostgres(Path programs, String program, String... arguments) {
        var command = new ArrayList<>(List.of(
                "runuser", "-u", "postgres", "--", programs.resolve(program).toString()));
        command.addAll(List.of(arguments));
        return command;
    }

    private static String must(List<String> command) {
        var outcome = Tool.run(STEP_LIMIT, command);
        if (!outcome.ok()) {
            throw new CommandFailure(ExitCode.FAILED, String.join(" ", command) + ": " + outcome.output(), "");
        }
        return outcome.output();
    }
}
