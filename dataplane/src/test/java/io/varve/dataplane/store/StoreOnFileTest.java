package io.varve.dataplane.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.DeviceSpec;
import io.varve.dataplane.disk.Disk;
import io.varve.dataplane.disk.DiskBackend;
import io.varve.dataplane.disk.LocalDisks;
import io.varve.dataplane.store.index.LmdbIndex;
import io.varve.dataplane.time.VertxLoop;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.internal.VertxInternal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The same store on a real file, a real loop and LMDB. What can go wrong is tried on the simulated disk; here it must simply work. */
@NullUnmarked
final class StoreOnFileTest {
    private static final long STREAM = 9L << 16;
    private static final int BLOCKS = 16_384;
    private static final DiskGroupOptions OPTIONS = new DiskGroupOptions(64L << 20, 1_000, 64, 200_000_000L, true);
    private static final GroupIdentity IDENTITY = new GroupIdentity(new UUID(1, 1), "node-1", new UUID(5, 5));

    private final List<Throwable> bugs = new CopyOnWriteArrayList<>();
    private Path directory;
    private Vertx vertx;
    private VertxLoop loop;
    private DiskGroup group;

    @BeforeEach
    void start() throws Exception {
        Files.createDirectories(Path.of("target"));
        directory = Files.createTempDirectory(Path.of("target"), "store-test-");
        vertx = Vertx.builder().with(new VertxOptions().setEventLoopPoolSize(1)).build();
        loop = new VertxLoop(((VertxInternal) vertx).createEventLoopContext(), "store", bugs::add);
    }

    @AfterEach
    void stop() throws Exception {
        loop.close();
        vertx.close().await();
        try (var files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
        assertThat(bugs).isEmpty();
    }

    private <T> T onLoop(Consumer<CompletableFuture<T>> work) throws Exception {
        CompletableFuture<T> done = new CompletableFuture<>();
        loop.execute(() -> work.accept(done));
        return done.get(60, TimeUnit.SECONDS);
    }

    private GroupDisk disk() throws Exception {
        DeviceSpec spec = DeviceSpec.file(directory.resolve("disk"), 160L << 20);
        LocalDisks.Outcome outcome =
                onLoop(done -> new LocalDisks(DiskBackend.THREAD_POOL).open(loop, spec, done::complete));
        Disk disk = ((LocalDisks.Outcome.Ready) outcome).disk();
        return new GroupDisk(disk, DeviceClass.SSD);
    }

    private LmdbIndex index() throws Exception {
        return LmdbIndex.open(directory.resolve("index"), 1L << 28);
    }

    private void open() throws Exception {
        GroupDisk disk = disk();
        LmdbIndex index = index();
        OpenResult result =
                onLoop(done -> DiskGroup.open(loop, List.of(disk), IDENTITY, OPTIONS, index, done::complete));
        assertThat(result).isInstanceOf(OpenResult.Opened.class);
        group = ((OpenResult.Opened) result).group();
    }

    private void close() throws Exception {
        this.<Boolean>onLoop(done -> group.close(() -> done.complete(true)));
    }

    private StoreStatus append(TestRecord record) throws Exception {
        return onLoop(done -> {
            record.then = () -> done.complete(record.status);
            group.append(record);
        });
    }

    private long[] read(int block, int count) throws Exception {
        TestRead read = new TestRead(STREAM, block, count);
        return onLoop(done -> {
            read.then = () -> done.complete(read.stamps());
            group.read(read);
        });
    }

    @Test
    void keepsDataOverRestartsWithLmdb() throws Exception {
        GroupDisk disk = disk();
        LmdbIndex index = index();
        String problem = this.<Object>onLoop(done -> DiskGroupFormat.format(
                        loop,
                        List.of(disk),
                        IDENTITY,
                        OPTIONS,
                        index,
                        false,
                        UUID.randomUUID(),
                        error -> done.complete(String.valueOf(error))))
                .toString();
        assertThat(problem).isEqualTo("null");
        this.<Boolean>onLoop(done -> disk.disk().close(() -> done.complete(true)));
        index.close();
        open();
        assertThat(this.<StoreStatus>onLoop(done -> group.create(STREAM, 1, BLOCKS, done::complete)))
                .isEqualTo(StoreStatus.OK);
        for (int i = 1; i <= 300; i++) {
            TestRecord record = StoreRig.write(STREAM, i, i * 37 % 4000, 1 + i % 40, i);
            record.commitSeq = i - 1L;
            assertThat(append(record)).isEqualTo(StoreStatus.OK);
        }
        long[] before = read(0, 256);
        close();
        open();
        assertThat(read(0, 256)).isEqualTo(before);
        assertThat(group.stream(STREAM).appliedSeq()).isGreaterThan(200);
        for (int i = 301; i <= 330; i++) {
            assertThat(append(StoreRig.write(STREAM, i, i, 1, i))).isEqualTo(StoreStatus.OK);
        }
        assertThat(read(310, 3)).containsExactly(310, 311, 312);
        assertThat(this.<StoreStatus>onLoop(done -> group.delete(STREAM, ReplicaStore.ANY_CREATION, done::complete)))
                .isEqualTo(StoreStatus.OK);
        close();
        open();
        assertThat(group.stream(STREAM)).isNull();
        assertThat(group.stats().allocatedBytes()).isZero();
        close();
    }
}
