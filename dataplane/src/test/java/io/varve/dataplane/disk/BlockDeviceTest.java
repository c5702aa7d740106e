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
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What differs on a real block device: a loop device over a file. Needs root; says so loudly when it cannot run. */
final class BlockDeviceTest {
    private static final int BLOCK = 4096;
    private static final long DEVICE_BYTES = 32 << 20;

    private Path backing = Path.of("target", "block-device-test");
    private String device = "";
    private Vertx vertx;
    private VertxLoop loop;

    @BeforeEach
    void attach() throws Exception {
        // Threads work beside a loop on io_uring as well, so one kind of loop does for both.
        vertx = Vertx.builder()
                .withTransport(DiskProbe.loopsCanUseRing() ? Transport.IO_URING : Transport.EPOLL)
                .with(new VertxOptions().setEventLoopPoolSize(1))
                .build();
        loop = new VertxLoop(((VertxInternal) vertx).createEventLoopContext(), "test", VertxLoop::haltProcess);
        Files.createDirectories(Path.of("target"));
        backing = Files.createTempFile(Path.of("target"), "block-device-", ".img");
        try (var file = FileChannel.open(backing, StandardOpenOption.WRITE)) {
            file.write(ByteBuffer.allocate(1), DEVICE_BYTES - 1);
        }
        try {
            device = run("losetup", "--find", "--show", "--direct-io=on", backing.toString());
        } catch (IOException e) {
            device = "";
        }
        if (!device.startsWith("/dev/loop")) {
            device = "";
            System.err.println("NOT TESTED: block devices, because no loop device can be had here (root is needed)");
            Assumptions.abort("no loop device");
        }
    }

    @AfterEach
    void detach() throws Exception {
        try {
            loop.close();
            vertx.close().await(10, TimeUnit.SECONDS);
        } finally {
            if (!device.isEmpty()) {
                run("losetup", "--detach", device);
            }
            Files.deleteIfExists(backing);
        }
    }

    @ParameterizedTest
    @EnumSource(DiskBackend.class)
    void ownsABlockDeviceAlone(DiskBackend backend) throws Exception {
        Assumptions.assumeTrue(backend != DiskBackend.IO_URING || DiskProbe.loopsCanUseRing(), DiskProbe::whyNoRing);
        LocalDisks.Outcome.Ready ready = (LocalDisks.Outcome.Ready) open(backend);
        Disk disk = ready.disk();
        assertThat(disk.sizeBytes()).isEqualTo(DEVICE_BYTES);
        assertThat(open(backend))
                .isEqualTo(new LocalDisks.Outcome.Refused("cannot open " + device
                        + ": it is in use: mounted, part of LVM or RAID, or open in another process"));

        ByteBuf written = Buffers.aligned(BLOCK).setLong(0, 42).setZero(8, BLOCK - 8);
        ByteBuf read = Buffers.aligned(BLOCK);
        assertThat(call(done -> disk.write(BLOCK, written, 0, BLOCK, true, done)))
                .isEqualTo(BLOCK);
        assertThat(call(done -> disk.read(BLOCK, read, 0, BLOCK, done))).isEqualTo(BLOCK);
        assertThat(read.getLong(0)).isEqualTo(42);
        assertThat(call(disk::flush)).isZero();
        assertThat(call(done -> disk.discard(0, 16 * BLOCK, done))).isZero();
        // A loop device passes a discard on as a hole: it reads as zeros.
        assertThat(call(done -> disk.read(BLOCK, read, 0, BLOCK, done))).isEqualTo(BLOCK);
        assertThat(read.getLong(0)).isZero();
        written.release();
        read.release();

        close(disk);
        close(((LocalDisks.Outcome.Ready) open(backend)).disk());
    }

    @ParameterizedTest
    @EnumSource(DiskBackend.class)
    void refusesAMountedDevice(DiskBackend backend) throws Exception {
        Assumptions.assumeTrue(backend != DiskBackend.IO_URING || DiskProbe.loopsCanUseRing(), DiskProbe::whyNoRing);
        run("mkfs.ext4", "-q", "-F", device);
        Path mountPoint = Files.createTempDirectory(Path.of("target"), "mount-");
        run("mount", device, mountPoint.toString());
        try {
            assertThat(open(backend)).isInstanceOf(LocalDisks.Outcome.Refused.class);
            assertThat(DeviceLook.at(Path.of(device), head -> false))
                    .isEqualTo(new DeviceLook.Outcome.Refused(
                            "is in use: mounted, part of LVM or RAID, or open in another process"));
        } finally {
            run("umount", mountPoint.toString());
            Files.delete(mountPoint);
        }
        Disk disk = ((LocalDisks.Outcome.Ready) open(backend)).disk();
        CompletableFuture<DeviceSignature.Outcome> seen = new CompletableFuture<>();
        loop.execute(() -> DeviceSignature.look(disk, head -> false, seen::complete));
        assertThat(seen.get(10, TimeUnit.SECONDS))
                .isEqualTo(
                        new DeviceSignature.Outcome.Seen(new DeviceSignature(false, List.of("an ext4 file system"))));
        close(disk);
    }

    @Test
    void looksAtADeviceWithoutTouchingIt() throws Exception {
        assertThat(DeviceLook.at(Path.of(device), head -> false))
                .isEqualTo(new DeviceLook.Outcome.Seen(new DeviceSignature(false, List.of())));
        run("mkfs.ext4", "-q", "-F", device);
        String before = run("sha256sum", device);
        assertThat(DeviceLook.at(Path.of(device), head -> false))
                .isEqualTo(new DeviceLook.Outcome.Seen(new DeviceSignature(false, List.of("an ext4 file system"))));
        assertThat(run("sha256sum", device)).isEqualTo(before);
        assertThat(DeviceLook.at(Path.of("/dev/null"), head -> false)).isInstanceOf(DeviceLook.Outcome.Refused.class);
        assertThat(DeviceLook.at(backing.resolveSibling("none"), head -> false))
                .isInstanceOf(DeviceLook.Outcome.Refused.class);
    }

    private LocalDisks.Outcome open(DiskBackend backend) throws Exception {
        CompletableFuture<LocalDisks.Outcome> outcome = new CompletableFuture<>();
        loop.execute(() -> new LocalDisks(backend).open(loop, DeviceSpec.existing(Path.of(device)), outcome::complete));
        return outcome.get(30, TimeUnit.SECONDS);
    }

    private int call(Consumer<DiskCallback> operation) throws Exception {
        CompletableFuture<Integer> result = new CompletableFuture<>();
        loop.execute(() -> operation.accept(result::complete));
        return result.get(30, TimeUnit.SECONDS);
    }

    private void close(Disk disk) throws Exception {
        CompletableFuture<Boolean> closed = new CompletableFuture<>();
        loop.execute(() -> disk.close(() -> closed.complete(true)));
        closed.get(30, TimeUnit.SECONDS);
    }

    private static String run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        if (process.waitFor() != 0) {
            throw new IOException(String.join(" ", command) + ": " + output);
        }
        return output;
    }
}
