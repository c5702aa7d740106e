package io.varve.dataplane.disk;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.time.VertxLoop;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.internal.VertxInternal;
import io.vertx.core.transport.Transport;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A file on FUSE whose server stops answering. Needs root, /dev/fuse, nbdkit and nbdfuse; says so loudly when it cannot run. */
@Timeout(120)
final class HungFileSystemTest {
    private static final int BLOCK = 4096;
    private static final int OPERATIONS = 64;

    private final List<Process> servers = new ArrayList<>();
    private Path directory;
    private Vertx vertx;
    private VertxLoop loop;

    @BeforeEach
    void mount() throws Exception {
        directory = Files.createTempDirectory("varve-hung-");
        Files.createDirectory(mountPoint());
        try {
            serve("nbdkit", "-f", "-U", at("nbd"), "--filter=pause", "memory", "16M", "pause-control=" + at("pause"));
            await(Path.of(at("nbd")));
            serve("nbdfuse", mountPoint().toString(), "nbd+unix:///?socket=" + at("nbd"));
            await(mounted());
        } catch (IOException missing) {
            System.err.println("NOT TESTED: a file system that hangs, because " + missing.getMessage());
            Assumptions.abort(missing.getMessage());
        }
        Assumptions.assumeTrue(DiskProbe.loopsCanUseRing(), DiskProbe::whyNoRing);
        vertx = Vertx.builder()
                .withTransport(Transport.IO_URING)
                .with(new VertxOptions().setEventLoopPoolSize(1))
                .build();
        loop = new VertxLoop(((VertxInternal) vertx).createEventLoopContext(), "test", VertxLoop::haltProcess);
    }

    @AfterEach
    void unmount() throws Exception {
        if (vertx != null) {
            loop.close();
            vertx.close().await(10, TimeUnit.SECONDS);
        }
        for (Process server : servers.reversed()) { // nbdfuse unmounts when it ends
            server.destroy();
            if (!server.waitFor(10, TimeUnit.SECONDS)) {
                server.destroyForcibly();
            }
        }
        for (String left : List.of("fuse", "nbd", "pause", "")) {
            Files.deleteIfExists(directory.resolve(left));
        }
    }

    private Path mountPoint() {
        return directory.resolve("fuse");
    }

    private Path mounted() {
        return mountPoint().resolve("nbd");
    }

    private String at(String name) {
        return directory.resolve(name).toString();
    }

    private void serve(String... command) throws IOException {
        servers.add(new ProcessBuilder(command).inheritIO().start());
    }

    private void await(Path appears) throws Exception {
        Instant end = Instant.now().plus(Duration.ofSeconds(20));
        while (!Files.exists(appears)) {
            if (!servers.getLast().isAlive() || Instant.now().isAfter(end)) {
                throw new IOException("there is no " + appears.getFileName());
            }
            TimeUnit.MILLISECONDS.sleep(20);
        }
    }

    private void tell(char command, char answer) throws IOException {
        try (var control = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            control.connect(UnixDomainSocketAddress.of(at("pause")));
            control.write(ByteBuffer.wrap(String.valueOf(command).getBytes(StandardCharsets.US_ASCII)));
            var said = ByteBuffer.allocate(1);
            control.read(said);
            assertThat((char) said.get(0)).isEqualTo(answer);
        }
    }

    @Test
    void doesNotHoldUpTheLoop() throws Exception {
        var opened = new CompletableFuture<LocalDisks.Outcome>();
        loop.execute(() ->
                new LocalDisks(DiskBackend.IO_URING).open(loop, DeviceSpec.existing(mounted()), opened::complete));
        var disk = ((LocalDisks.Outcome.Ready) opened.get(20, TimeUnit.SECONDS)).disk();
        var ended = new CompletableFuture<Integer>();
        ByteBuf data = Buffers.aligned(BLOCK);
        data.writeZero(BLOCK);
        tell('p', 'P');
        try {
            int[] left = {OPERATIONS};
            loop.execute(() -> {
                for (int i = 0; i < OPERATIONS; i++) {
                    disk.write((long) i * BLOCK, data, 0, BLOCK, true, result -> {
                        if (--left[0] == 0) {
                            ended.complete(result);
                        }
                    });
                }
            });
            // The turn after the one that submits: it comes only if the submission came back.
            var turned = new CompletableFuture<Integer>();
            loop.execute(() -> loop.schedule(1_000_000L, () -> turned.complete(left[0])));
            assertThat(turned.get(20, TimeUnit.SECONDS))
                    .as("still with the device")
                    .isEqualTo(OPERATIONS);
        } finally {
            tell('r', 'R');
        }
        assertThat(ended.get(30, TimeUnit.SECONDS)).isEqualTo(BLOCK);
        var closed = new CompletableFuture<Integer>();
        loop.execute(() -> disk.close(() -> closed.complete(0)));
        closed.get(20, TimeUnit.SECONDS);
        data.release();
    }
}
