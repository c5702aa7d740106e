package io.varve.cli.demo;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.varve.cli.process.Teardown;
import io.varve.cli.process.Tool;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** File system, PostgreSQL and pgbench of the demo on another people's NBD server: what fails here is not the volume. */
@Tag("long")
final class DatabaseOnNbdTest {
    private static final PrintWriter OUT = new PrintWriter(System.out, true, UTF_8);

    @TempDir
    private Path directory;

    private final Path mounts =
            Path.of("/run/varve-demo-test-" + ProcessHandle.current().pid());
    private final Teardown server = new Teardown(OUT);
    private Teardown teardown = new Teardown(OUT);
    private String uri = "";

    @BeforeEach
    void serve() throws IOException, InterruptedException {
        assumeTrue(Tool.exists("nbdkit"), "nbdkit is not installed");
        assumeTrue(Prerequisites.forDatabase(OUT, false).isEmpty(), "no root, no FUSE or packages are missing");
        int port;
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        Files.write(directory.resolve("disk"), new byte[0]);
        var process = new ProcessBuilder(Tool.ownSession(List.of(
                        "nbdkit",
                        "-f",
                        "-P",
                        directory.resolve("ready").toString(),
                        "-i",
                        "127.0.0.1",
                        "-p",
                        Integer.toString(port),
                        "memory",
                        "2G")))
                .inheritIO()
                .start();
        server.add("stop nbdkit", Duration.ofSeconds(5), limit -> {
            process.destroyForcibly().waitFor();
            return "";
        });
        while (!Files.exists(directory.resolve("ready"))) {
            assertThat(process.waitFor(20, TimeUnit.MILLISECONDS))
                    .as("nbdkit ended")
                    .isFalse();
        }
        uri = "nbd://127.0.0.1:" + port + "/";
    }

    @AfterEach
    void stop() {
        teardown.run();
        server.run();
    }

    @Test
    void aSecondRunFindsTheTransactionsOfTheFirst() throws IOException, InterruptedException {
        var rows = run(true);
        assertThat(rows).isPositive();
        assertNothingIsLeft();

        teardown = new Teardown(OUT);
        assertThat(run(false)).isGreaterThan(rows);
        assertNothingIsLeft();
    }

    private long run(boolean fresh) throws IOException, InterruptedException {
        var mount = new FileSystemMount(mounts, teardown);
        var fileSystem = mount.mount(uri, directory.resolve("nbdfuse.log"));
        assertThat(mount.isFresh()).isEqualTo(fresh);
        var database = new Database(
                Prerequisites.postgresPrograms().orElseThrow(),
                new DatabaseTemplate(
                        Prerequisites.postgresPrograms().orElseThrow(), mounts.resolve("initdb"), teardown),
                fileSystem,
                mounts.resolve("run"),
                directory.resolve("postgresql.log"),
                teardown,
                mount::cutOff);
        database.start();
        database.load();
        var before = database.historyRows();
        var load = TransactionLoad.start(database.loadCommand(8), teardown);
        while (load.latest().seconds() < 3) {
            assertThat(load.isAlive()).as(load.lastWords()).isTrue();
            Thread.onSpinWait();
        }
        load.stop();
        var rows = database.historyRows();
        assertThat((double) rows - before)
                .isGreaterThanOrEqualTo(Math.floor(load.latest().total()) - 10);
        assertThat(teardown.run()).isTrue();
        return rows;
    }

    @Test
    void clearsWhatAKilledRunLeft() throws IOException, InterruptedException {
        var mount = new FileSystemMount(mounts, teardown);
        var database = new Database(
                Prerequisites.postgresPrograms().orElseThrow(),
                new DatabaseTemplate(
                        Prerequisites.postgresPrograms().orElseThrow(), mounts.resolve("initdb"), teardown),
                mount.mount(uri, directory.resolve("nbdfuse.log")),
                mounts.resolve("run"),
                directory.resolve("postgresql.log"),
                teardown,
                mount::cutOff);
        database.start();

        Leftovers.clearMounts(mounts);

        assertThat(Leftovers.isMounted(mounts.resolve("fs"))).isFalse();
        assertThat(Leftovers.isMounted(mounts.resolve("fuse"))).isFalse();
        assertThat(Tool.run(Duration.ofSeconds(5), "losetup", "--list").output())
                .doesNotContain(mounts.toString());
    }

    private void assertNothingIsLeft() {
        assertThat(Files.exists(mounts)).isFalse();
        assertThat(Leftovers.isMounted(mounts.resolve("fs"))).isFalse();
        assertThat(Tool.run(Duration.ofSeconds(5), "losetup", "--list").output())
                .doesNotContain(mounts.toString());
    }
}
