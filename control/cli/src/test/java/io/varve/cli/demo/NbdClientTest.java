package io.varve.cli.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.varve.cli.process.Teardown;
import io.varve.cli.process.Tool;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Our client against another people's server: nbdkit, keeping the export in memory. */
final class NbdClientTest {
    private final Teardown teardown = new Teardown(new PrintWriter(new StringWriter()));
    private String uri = "";

    @BeforeEach
    void serve() throws IOException, InterruptedException {
        assumeTrue(Tool.exists("nbdkit"), "nbdkit is not installed");
        int port;
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        var server = new ProcessBuilder("nbdkit", "-f", "-i", "127.0.0.1", "-p", Integer.toString(port), "memory", "1G")
                .inheritIO()
                .start();
        teardown.add("stop nbdkit", Duration.ofSeconds(5), limit -> {
            server.destroyForcibly().waitFor();
            return "";
        });
        while (!accepts(port)) {
            assertThat(server.waitFor(20, TimeUnit.MILLISECONDS))
                    .as("nbdkit ended")
                    .isFalse();
        }
        uri = "nbd://127.0.0.1:" + port + "/";
    }

    private static boolean accepts(int port) {
        try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            return socket.isConnected();
        } catch (IOException e) {
            return false;
        }
    }

    @AfterEach
    void stop() {
        teardown.run();
    }

    @Test
    void readsWhatItWrote() throws IOException {
        try (var client = NbdClient.connect(uri)) {
            assertThat(client.sizeBytes()).isEqualTo(1L << 30);
            var block = new byte[BlockStamp.BLOCK_BYTES];
            BlockStamp.write(block, 5, 1);
            client.write(5 * 4096, block);
            client.flush();
            var read = new byte[BlockStamp.BLOCK_BYTES];
            client.read(5 * 4096, read);
            assertThat(BlockStamp.read(read, 5)).isEqualTo(new BlockStamp.Found.Write(1));
            client.read(6 * 4096, read);
            assertThat(BlockStamp.read(read, 6)).isEqualTo(new BlockStamp.Found.Nothing());
        }
    }

    @Test
    void saysWhyTheServerRefuses() throws IOException {
        try (var client = NbdClient.connect(uri)) {
            assertThatThrownBy(() -> client.read(1L << 40, new byte[4096])).hasMessageContaining("failed with error");
        }
        assertThatThrownBy(() -> NbdClient.connect("nbd://127.0.0.1:1/")).isInstanceOf(IOException.class);
    }

    @Test
    void aSecondLoadFindsTheStampsOfTheFirst() throws InterruptedException {
        var first = StampLoad.start(uri, teardown);
        assertThat(first.awaitFound()).isZero();
        while (first.operations() < 5_000 && first.failure().isEmpty()) {
            Thread.onSpinWait();
        }
        first.stop();
        assertThat(first.failure()).isEmpty();

        var second = StampLoad.start(uri, teardown);
        assertThat(second.awaitFound()).isPositive();
        second.stop();
        assertThat(second.failure()).isEmpty();
    }

    @Test
    void aWrongBlockIsNoticed() throws IOException, InterruptedException {
        var first = StampLoad.start(uri, teardown);
        while (first.operations() < 100 && first.failure().isEmpty()) {
            Thread.onSpinWait();
        }
        first.stop();
        try (var client = NbdClient.connect(uri)) {
            var foreign = new byte[BlockStamp.BLOCK_BYTES];
            BlockStamp.write(foreign, 1, 1);
            client.write(0, foreign);
        }

        var second = StampLoad.start(uri, teardown);
        second.awaitFound();
        second.stop();
        assertThat(second.failure()).contains("block 0 holds the stamp of block 1");
    }
}
