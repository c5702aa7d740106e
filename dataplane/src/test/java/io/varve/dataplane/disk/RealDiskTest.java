package io.varve.dataplane.disk;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.netty.buffer.ByteBuf;
import io.varve.dataplane.time.Loop;
import io.varve.dataplane.time.VertxLoop;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.internal.ContextInternal;
import io.vertx.core.internal.VertxInternal;
import io.vertx.core.transport.Transport;
import java.lang.management.ManagementFactory;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
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
    void noticesThatItsFileShrankWasReplacedOrUnlinked() throws Exception {
        Disk disk = ready(tryOpen(DeviceSpec.file(path("looked-at"), 1 << 20)));
        assertThat(examined(disk)).isEmpty();
        try (FileChannel file = FileChannel.open(path("looked-at"), StandardOpenOption.WRITE)) {
            file.truncate(1 << 19);
        }
        assertThat(examined(disk)).contains("shrank from 1048576 to 524288 bytes");
        try (FileChannel file = FileChannel.open(path("looked-at"), StandardOpenOption.WRITE)) {
            file.write(java.nio.ByteBuffer.allocate(1), (1 << 20) - 1);
        }
        assertThat(examined(disk)).isEmpty();
        Files.move(path("looked-at"), path("moved"));
        assertThat(examined(disk)).contains("was unlinked");
        Files.createFile(path("looked-at"));
        assertThat(examined(disk)).contains("was replaced");
        CompletableFuture<Integer> closed = new CompletableFuture<>();
        loop.execute(() -> disk.close(() -> closed.complete(0)));
        await(closed);
    }

    private String examined(Disk disk) throws Exception {
        CompletableFuture<String> problem = new CompletableFuture<>();
        loop.execute(() -> disk.examine(problem::complete));
        return await(problem);
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
    void finishesShortTransfersAndTellsWhenThereIsNoMore() throws Exception {
        ByteBuf written = random(3 * BLOCK, 20);
        assertThat(write(0, written, 0, 3 * BLOCK, true)).isEqualTo(3 * BLOCK);
        try (FileChannel channel = FileChannel.open(path("disk"), StandardOpenOption.WRITE)) {
            channel.truncate(3 * BLOCK);
        }
        // The kernel gives three blocks and then none: the rest is asked for, and its absence is an error, not a short
        // result.
        ByteBuf read = buffer(8 * BLOCK);
        assertThat(call(callback -> disk().read(0, read, 0, 8 * BLOCK, callback)))
                .isEqualTo(-Errno.EIO);
        assertThat(read.slice(0, 3 * BLOCK)).isEqualTo(written);
    }

    @Test
    void handsABugInACallbackToTheLoop() throws Exception {
        IllegalStateException bug = new IllegalStateException("a bug of the caller");
        ByteBuf block = random(BLOCK, 21);
        loop.execute(() -> disk().write(0, block, 0, BLOCK, true, result -> {
            throw bug;
        }));
        // Whatever comes later on the loop comes after it.
        assertThat(flush()).isZero();
        while (bugs.isEmpty()) {
            assertThat(flush()).isZero();
        }
        assertThat(bugs).containsExactly(bug);
        bugs.clear();
        assertThat(write(0, block, 0, BLOCK, true)).isEqualTo(BLOCK);
    }

    /**
     * Of ours nothing; of Netty's ring at most its entry object, 64 bytes, which the compiler removes in most runs but not in all. How
     * soon it gets there depends on the machine, so it is waited for, window by window.
     */
    @Test
    void allocatesNothingOfItsOwnOnceWarm() throws Exception {
        ByteBuf blocks = random(16 * BLOCK, 22);
        AllocationCount count = new AllocationCount(disk());
        loop.execute(() -> {
            for (int i = 0; i < 16; i++) {
                count.keepReading(blocks, i * BLOCK);
            }
        });
        assertThat(await(count.leastBytesPerRead)).isLessThanOrEqualTo(backend() == DiskBackend.IO_URING ? 70 : 6);
    }

    /** Reads until a window of reads is free of allocation, or for as many windows as are reasonable. On the loop. */
    private static final class AllocationCount {
        private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        private static final int WINDOW = 10_000;
        private static final int MOST_WINDOWS = 15;

        private final CompletableFuture<Long> leastBytesPerRead = new CompletableFuture<>();
        private final Disk disk;
        private long least = Long.MAX_VALUE;
        /** Negative: the first window has no start. */
        private long before = -1;

        private int done;
        private boolean enough;

        AllocationCount(Disk disk) {
            this.disk = disk;
        }

        void keepReading(ByteBuf blocks, int index) {
            disk.read(0, blocks, index, BLOCK, new DiskCallback() {
                @Override
                public void done(int result) {
                    if (++done % WINDOW == 0) {
                        endWindow();
                    }
                    if (!enough) {
                        disk.read((long) (done & 1023) * BLOCK, blocks, index, BLOCK, this);
                    }
                }
            });
        }

        private void endWindow() {
            long now = THREADS.getCurrentThreadAllocatedBytes();
            least = before < 0 ? least : Math.min(least, (now - before) / WINDOW);
            enough = least == 0 || done == WINDOW * MOST_WINDOWS;
            if (enough) {
                leastBytesPerRead.complete(least);
            }
            before = THREADS.getCurrentThreadAllocatedBytes();
        }
    }

    @Test
    void reportsADeviceThatShrankAsAnError() throws Exception {
        try (FileChannel channel = FileChannel.open(path("disk"), StandardOpenOption.WRITE)) {
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
