package io.varve.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.config.ConfigFile;
import io.varve.cli.config.ConfigResult;
import io.varve.cli.process.Teardown;
import io.varve.model.ByteSize;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The parts of the demo that need no cluster. */
final class DemoPartsTest {
    @TempDir
    private Path root;

    private DemoOptions options(int nodes, int replicas) {
        return new DemoOptions(
                root,
                nodes,
                ByteSize.parse("10GiB"),
                ByteSize.parse("4GiB"),
                replicas,
                Optional.empty(),
                DemoOptions.Load.DATABASE,
                false);
    }

    @Test
    void nodesGetAConfigurationThatTheyAccept() throws IOException {
        try (var directory = DemoDirectory.open(options(3, 2))) {
            var nodes = directory.nodeList();
            for (var node : nodes) {
                switch (ConfigFile.parse(node.config(nodes, "4GiB"))) {
                    case ConfigResult.Loaded(var config) ->
                        assertThat(config.fixed().node()).isEqualTo(node.name());
                    case ConfigResult.Rejected(var problems) -> fail(problems.toString());
                }
            }
        }
    }

    @Test
    void remembersPortsAndShapeOfTheFirstRun() throws IOException {
        List<DemoNode> first;
        try (var directory = DemoDirectory.open(options(3, 2))) {
            first = directory.nodeList();
            directory.rememberAcknowledged(42);
        }
        try (var again = DemoDirectory.open(options(1, 1))) {
            assertThat(again.nodeList()).isEqualTo(first).hasSize(3);
            assertThat(again.replicas()).isEqualTo(2);
            assertThat(again.acknowledged()).isEqualTo(42);
        }
    }

    @Test
    void undoesInReverseAndGoesOnAfterAFailure() {
        var words = new StringWriter();
        var undone = new ArrayList<String>();
        var teardown = new Teardown(new PrintWriter(words));
        teardown.add("first", Duration.ofSeconds(5), limit -> {
            undone.add("first");
            return "";
        });
        teardown.add("undo the second", Duration.ofSeconds(5), limit -> {
            throw new IOException("it is stuck");
        });
        teardown.add("undo the third", Duration.ofMillis(50), limit -> {
            new CountDownLatch(1).await();
            return "";
        });
        teardown.add("fourth", Duration.ofSeconds(5), limit -> {
            undone.add("fourth");
            return "";
        });

        assertThat(teardown.run()).isFalse();
        assertThat(undone).containsExactly("fourth", "first");
        assertThat(words.toString())
                .contains("could not undo the second: java.io.IOException: it is stuck")
                .contains("could not undo the third: not done within");
        assertThat(teardown.run()).as("nothing is left").isTrue();
    }

    @Test
    void nobodyWaitsLongerThanTheWholeTimeWhateverIsStuck() {
        var teardown = new Teardown(new PrintWriter(new StringWriter()), Duration.ofSeconds(1));
        var limits = new ArrayList<Duration>();
        for (var step = 0; step < 3; step++) {
            teardown.add("undo what is stuck", Duration.ofMinutes(1), limit -> {
                limits.add(limit);
                new CountDownLatch(1).await();
                return "";
            });
        }

        var begin = System.nanoTime();
        assertThat(teardown.run()).isFalse();
        assertThat(Duration.ofNanos(System.nanoTime() - begin))
                .isBetween(Duration.ofSeconds(1), Duration.ofSeconds(10));
        assertThat(limits).hasSize(3).allMatch(limit -> limit.compareTo(Duration.ofSeconds(1)) <= 0);
        assertThat(limits.getLast()).as("time to use force is left").isPositive();
    }

    @Test
    void portsAreDrawnAndReplacedWhenSomebodyTookThem() throws IOException {
        var ports = DemoPorts.choose(3, new SplittableRandom(1));
        assertThat(DemoPorts.parse(ports.text())).isEqualTo(ports);
        assertThat(DemoPorts.choose(3, new SplittableRandom(2))).isNotEqualTo(ports);
        assertThat(ports.replacingTaken(3, new SplittableRandom(3)).moved()).isEmpty();

        try (var squatter = new ServerSocket(ports.of(1).nbd(), 1, InetAddress.getLoopbackAddress())) {
            var replaced = ports.replacingTaken(3, new SplittableRandom(3));
            assertThat(replaced.moved())
                    .singleElement()
                    .asString()
                    .contains("n2 nbd from port " + squatter.getLocalPort());
            assertThat(replaced.ports().of(1).nbd()).isNotEqualTo(squatter.getLocalPort());
            assertThat(replaced.ports().of(1).raft()).isEqualTo(ports.of(1).raft());
            assertThat(replaced.ports().of(0)).isEqualTo(ports.of(0));
        }
        try (var squatter = new ServerSocket(ports.of(2).raft(), 1, InetAddress.getLoopbackAddress())) {
            assertThatThrownBy(() -> ports.replacingTaken(3, new SplittableRandom(3)))
                    .isInstanceOf(CommandFailure.class)
                    .hasMessageContaining("port " + squatter.getLocalPort())
                    .hasMessageContaining("n3");
            assertThat(ports.replacingTaken(1, new SplittableRandom(3)).moved())
                    .as("n3 is no member of the metadata group")
                    .hasSize(1);
        }
    }

    @Test
    void saysWhichDeviceTheDatabaseLacks() throws IOException {
        var there = Files.createFile(root.resolve("there"));
        var missing = root.resolve("missing");
        assertThat(Prerequisites.missingDevice(there, there)).isEmpty();
        assertThat(Prerequisites.missingDevice(missing, there))
                .contains("there is no FUSE here (" + missing + " is missing)");
        assertThat(Prerequisites.missingDevice(there, missing).orElseThrow()).contains("no loop devices");
        assertThat(Prerequisites.missingDevice(root, there).orElseThrow())
                .as("it is there, but cannot be opened")
                .contains("cannot be opened");
    }

    @Test
    void saysInOneLineWhyANodeEnded() {
        var log = """
                2026-11-21T20:00:00.000Z INFO  NodeProcess node starting node=n1
                2026-11-21T20:00:00.100Z ERROR NodeProcess node cannot start reason="cannot listen on 127.0.0.1:7 (listen.nbd)"\s
                2026-11-21T20:00:00.200Z INFO  NodeProcess node stopped node=n1
                """;
        assertThat(DemoNode.lastError(log)).isEqualTo("cannot listen on 127.0.0.1:7 (listen.nbd)");
        assertThat(DemoNode.lastError("varve: data is in use by process 7\n       One process runs a node.\n"))
                .isEqualTo("data is in use by process 7");
        assertThat(
                        DemoNode.lastError(
                                log
                                        + "2026-01-01T00:00:00Z ERROR ContextImpl Unhandled exception\n2026-01-01T00:00:01Z INFO  NodeProcess node stopped\n"))
                .as("what ends behind the reason does not hide it")
                .isEqualTo("cannot listen on 127.0.0.1:7 (listen.nbd)");
        assertThat(DemoNode.lastError("")).isEqualTo("it logged nothing");
    }

    @Test
    void undoesAtOnceWhatIsEnteredTooLate() {
        var undone = new ArrayList<String>();
        var teardown = new Teardown(new PrintWriter(new StringWriter()));
        teardown.run();
        teardown.add("late", Duration.ofSeconds(1), limit -> {
            undone.add("late");
            return "";
        });

        assertThat(undone).containsExactly("late");
    }

    @Test
    void followsPgbench() {
        var progress = new TransactionLoad.Progress(0, 0, 0, 0);
        progress = progress.next("progress: 1.0 s, 1200.0 tps, lat 6.412 ms stddev 2.100, 0 failed")
                .orElseThrow();
        progress = progress.next("progress: 2.0 s, 1300.0 tps, lat 6.012 ms stddev 2.100, 0 failed")
                .orElseThrow();

        assertThat(progress).isEqualTo(new TransactionLoad.Progress(2.0, 1300.0, 6.012, 2500.0));
        assertThat(progress.next("pgbench (15.18 (Debian 15.18-0+deb12u1))")).isEmpty();
        assertThat(progress.next("progress: 3.0 s, 0.0 tps, lat -nan ms stddev -nan, 0 failed"))
                .map(TransactionLoad.Progress::total)
                .contains(2500.0);
    }

    @Test
    void stampTellsTornMisplacedAndForeignBlocks() {
        var block = new byte[BlockStamp.BLOCK_BYTES];
        assertThat(BlockStamp.read(block, 7)).isEqualTo(new BlockStamp.Found.Nothing());

        BlockStamp.write(block, 7, 42);
        assertThat(BlockStamp.read(block, 7)).isEqualTo(new BlockStamp.Found.Write(42));
        assertThat(BlockStamp.read(block, 8)).isEqualTo(new BlockStamp.Found.Damage("the stamp of block 7"));

        var newer = new byte[BlockStamp.BLOCK_BYTES];
        BlockStamp.write(newer, 7, 43);
        System.arraycopy(newer, 0, block, 0, 512);
        assertThat(BlockStamp.read(block, 7)).isEqualTo(new BlockStamp.Found.Damage("a torn block"));
        block[3] ^= 1;
        assertThat(BlockStamp.read(block, 7)).isEqualTo(new BlockStamp.Found.Damage("no valid stamp"));
    }
}
