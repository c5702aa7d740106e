package io.varve.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.api.GroupStats;
import io.varve.cli.command.ExitCode;
import io.varve.cli.command.RootCommand;
import io.varve.cli.process.Teardown;
import io.varve.model.ByteSize;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code varve disk add} on a running node: a process of its own, with real files as disks. */
@Tag("slow")
@Timeout(120)
final class AddedDiskTest {
    @TempDir
    private Path root;

    private final StringWriter words = new StringWriter();
    private DemoDirectory directory;
    private Teardown teardown;
    private ClusterClient client;

    @BeforeEach
    void start() throws IOException, InterruptedException {
        System.setProperty(
                "varve.home", Path.of("../..").toAbsolutePath().normalize().toString());
        directory = DemoDirectory.open(new DemoOptions(
                root,
                1,
                ByteSize.parse("1GiB"),
                ByteSize.parse("1GiB"),
                1,
                Optional.empty(),
                DemoOptions.Load.NONE,
                false));
        startNode();
    }

    private void startNode() throws IOException, InterruptedException {
        teardown = new Teardown(new PrintWriter(words, true), Duration.ofSeconds(20));
        var processes = new NodeProcesses(directory.nodeList());
        processes.start(directory, 1, teardown);
        processes.awaitAlive();
        client = new ClusterClient(directory.nodeList(), directory.credentials(), teardown, processes::requireAlive);
        teardown.add("close the connection", Duration.ofSeconds(2), limit -> {
            client.close();
            return "";
        });
        client.init();
        client.awaitNodes();
    }

    @AfterEach
    void stop() throws IOException {
        teardown.run();
        directory.close();
        System.clearProperty("varve.home");
    }

    private record Outcome(int code, String out, String err) {}

    private Outcome varve(String... given) {
        var line = new ArrayList<>(List.of(given));
        line.addAll(
                List.of("--server", directory.nodeList().getFirst().management().toString()));
        line.addAll(List.of(
                "--credentials",
                directory.nodeList().getFirst().identity().admin().toString()));
        var out = new StringWriter();
        var err = new StringWriter();
        var code = RootCommand.commandLine()
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(line.toArray(String[]::new));
        return new Outcome(code, out.toString(), err.toString());
    }

    private Outcome add(String path, String group, String... further) {
        var line = new ArrayList<>(List.of("disk", "add", path, "--node", "n1", "--group", group, "--class", "ssd"));
        line.addAll(List.of(further));
        return varve(line.toArray(String[]::new));
    }

    @Test
    void takesADiskIntoTheRunningNodeAndKeepsItOverARestart() throws IOException, InterruptedException {
        var path = root.resolve("second").toString();
        assertThat(add(path, "second").err)
                .as("a missing file is made only when told its size")
                .contains(path);
        var added = add(path, "second", "--size", "1GiB");
        assertThat(added.code).as(added.err + words).isEqualTo(ExitCode.OK);
        assertThat(added.out).contains("second").contains(path);
        var journal = journalOf("second");
        assertThat(journal).as("256 MiB, less what headers and reserves take").isBetween(160L << 20, 256L << 20);

        assertThat(add(root.resolve("third").toString(), "second", "--size", "1GiB").err)
                .contains("has a disk group named second already");
        assertThat(add("relative", "third", "--size", "1GiB").code).isEqualTo(ExitCode.USAGE);
        assertThat(add(path + "3", "third", "--size", "1GiB", "--journal", "100MiB").err)
                .contains("'100MiB' is not between 256MiB and 64GiB");
        var foreign = foreignFile();
        assertThat(add(foreign.toString(), "third").err)
                .contains(foreign.toString())
                .contains("ext2")
                .contains("--wipe");

        assertThat(teardown.run()).as(words.toString()).isTrue();
        startNode();
        client.awaitGroups(2);
        assertThat(varve("disk", "list").out).contains("main").contains(path);
        assertThat(awaitJournalOf("second")).as("opened again, the same").isEqualTo(journal);
    }

    /** The truth knows the group already; the node opens it a moment after its management API answers. */
    private long awaitJournalOf(String group) throws InterruptedException {
        var bytes = journalOf(group);
        for (var look = 0; look < 200 && bytes == 0; look++) {
            teardown.awaitBegin(Duration.ofMillis(100));
            bytes = journalOf(group);
        }
        return bytes;
    }

    private long journalOf(String group) {
        return client.figures().nodes().values().stream()
                .flatMap(node -> node.getGroupsList().stream())
                .filter(stats -> stats.getName().equals(group))
                .mapToLong(GroupStats::getJournalBytes)
                .sum();
    }

    /** The magic number of an ext2 file system, at its place. */
    private Path foreignFile() throws IOException {
        var file = root.resolve("foreign");
        try (var device = new RandomAccessFile(file.toFile(), "rw")) {
            device.setLength(1L << 30);
            device.seek(0x438);
            device.write(0x53);
            device.write(0xef);
        }
        return file;
    }
}
