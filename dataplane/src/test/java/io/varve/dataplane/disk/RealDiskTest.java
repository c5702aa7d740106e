package io.varve.dataplane.disk;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.time.Loop;
import io.varve.dataplane.time.VertxLoop;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.internal.ContextInternal;
import io.vertx.core.internal.VertxInternal;
import io.vertx.core.transport.Transport;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The contract on a real file with O_DIRECT, and what only real devices have. */
abstract class RealDiskTest extends DiskContractTest {
    private static final Path BUILD_DIRECTORY = Path.of("target");

    private final List<Throwable> bugs = new CopyOnWriteArrayList<>();
    private Path directory;
    private Vertx vertx;
    private VertxLoop loop;

    abstract DiskBackend backend();

    abstract Transport transport();

    /** The temporary directory of the system is often a tmpfs, which has no O_DIRECT: the build directory is on a disk. */
    @Override
    @BeforeEach
    void openDisk() throws Exception {
        Files.createDirectories(BUILD_DIRECTORY);
        directory = Files.createTempDirectory(BUILD_DIRECTORY, "disk-test-");
        vertx = Vertx.builder()
                .withTransport(transport())
                .with(new VertxOptions().setEventLoopPoolSize(1))
                .build();
        ContextInternal context = ((VertxInternal) vertx).createEventLoopContext();
        loop = new VertxLoop(context, "test", bugs::add);
        super.openDisk();
    }

    @AfterEach
    void closeLoop() throws Exception {
        if (isOpen()) {
            close();
        }
        loop.close();
        vertx.close().await();
        try (var files = Files.list(directory)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(directory);
        assertThat(bugs).isEmpty();
    }

    @Override
    Disk open() throws Exception {
        return ready(tryOpen(DeviceSpec.file(path("disk"), DISK_BYTES)));
    }

    @Override
    Loop loop() {
        return loop;
    }

    @Override
    <T> T await(CompletableFuture<T> future) throws Exception {
        return awaitReal(future);
    }

    final Path path(String name) {
        return directory.resolve(name);
    }

    final VertxLoop vertxLoop() {
        return loop;
    }

    final LocalDisks.Outcome tryOpen(DeviceSpec spec) throws Exception {
        CompletableFuture<LocalDisks.Outcome> outcome = new CompletableFuture<>();
        loop.execute(() -> new LocalDisks(backend()).open(loop, spec, outcome::complete));
        return await(outcome);
    }

    static Disk ready(LocalDisks.Outcome outcome) {
        assertThat(outcome).isInstanceOf(LocalDisks.Outcome.Ready.class);
        return ((LocalDisks.Outcome.Ready) outcome).disk();
    }

    @Test
    void fillsNewFilesWithZerosAndReservesAllOfThem() throws Exception {
        Disk partly = ready(tryOpen(DeviceSpec.file(path("partly"), 8 << 20, 1 << 20)));
        assertThat(partly.sizeBytes()).isEqualTo(8 << 20);
        assertThat((Long) Files.getAttribute(path("partly"), "unix:size")).isEqualTo(8L << 20);
        CompletableFuture<Integer> closed = new CompletableFuture<>();
        loop.execute(() -> partly.close(() -> closed.complete(0)));
        await(closed);
        assertThat(Files.readAllBytes(path("partly"))).containsOnly(0);
        assertThat(path("partly.new")).doesNotExist();
    }

    @Test
    void refusesADeviceThatIsOpenAlready() throws Exception {
        assertThat(tryOpen(DeviceSpec.existing(path("disk"))))
                .isEqualTo(new LocalDisks.Outcome.Refused(
                        "cannot open " + path("disk").toAbsolutePath() + ": another process has it open"));
    }

    @Test
    void letsGoOfTheLockWhenClosed() throws Exception {
        close();
        Disk again = ready(tryOpen(DeviceSpec.existing(path("disk"))));
        CompletableFuture<Integer> closed = new CompletableFuture<>();
        loop.execute(() -> again.close(() -> closed.complete(0)));
        await(closed);
    }

    @Test
    void refusesWhatIsNotThereOrNoDevice() throws Exception {
        assertThat(reason(DeviceSpec.existing(path("missing")))).endsWith("it does not exist");
        assertThat(reason(DeviceSpec.existing(directory))).endsWith("it is neither a block device nor a regular file");
        Files.writeString(path("small"), "x");
        assertThat(reason(DeviceSpec.existing(path("small")))).endsWith("it is smaller than one block of 4 KiB");
        assertThat(reason(DeviceSpec.file(path("huge"), 1L << 50))).contains("cannot be created");
        assertThat(path("huge.new")).doesNotExist();
    }

    @Test
    void writesToAReadOnlyFileFailWithAnError() throws Exception {
        Disk readOnly = ready(tryOpen(DeviceSpec.lookOnly(path("disk"))));
        var block = random(BLOCK, 1);
        assertThat(call(callback -> readOnly.write(0, block, 0, BLOCK, true, callback)))
                .isEqualTo(-Errno.EBADF);
        assertThat(call(callback -> readOnly.read(0, block, 0, BLOCK, callback)))
                .isEqualTo(BLOCK);
        CompletableFuture<Integer> closed = new CompletableFuture<>();
        loop.execute(() -> readOnly.close(() -> closed.complete(0)));
        await(closed);
    }

    @Test
    void reportsADeviceThatShrankAsAnError() throws Exception {
        try (var channel = java.nio.channels.FileChannel.open(path("disk"), java.nio.file.StandardOpenOption.WRITE)) {
            channel.truncate(BLOCK);
        }
        var block = buffer(BLOCK);
        assertThat(call(callback -> disk().read(8 * BLOCK, block, 0, BLOCK, callback)))
                .isEqualTo(-Errno.EIO);
    }

    @Test
    void findsOutHowDisksCanBeDriven() throws Exception {
        CompletableFuture<DiskProbe> probed = new CompletableFuture<>();
        loop.execute(() -> DiskProbe.run(loop, path("disk"), null, probed::complete));
        DiskProbe probe = await(probed);
        assertThat(probe.backend()).isEqualTo(backend());
        assertThat(probe.reason()).isNotEmpty();
        System.out.println("disk probe: " + probe.backend() + ": " + probe.reason());
    }

    @Test
    void obeysTheConfiguration() throws Exception {
        CompletableFuture<DiskProbe> probed = new CompletableFuture<>();
        loop.execute(() -> DiskProbe.run(loop, path("disk"), DiskBackend.THREAD_POOL, probed::complete));
        assertThat(await(probed)).isEqualTo(new DiskProbe(DiskBackend.THREAD_POOL, "set in the configuration"));
    }

    private String reason(DeviceSpec spec) throws Exception {
        return ((LocalDisks.Outcome.Refused) tryOpen(spec)).reason();
    }
}
