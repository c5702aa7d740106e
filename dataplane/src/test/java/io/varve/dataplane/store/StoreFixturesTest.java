package io.varve.dataplane.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.disk.DeviceClass;
import io.varve.dataplane.disk.DeviceSpec;
import io.varve.dataplane.disk.DiskBackend;
import io.varve.dataplane.disk.LocalDisks;
import io.varve.dataplane.store.index.LmdbIndex;
import io.varve.dataplane.time.VertxLoop;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.internal.VertxInternal;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The disk and the index of a group as a version of Varve left them when its process was killed, recorded: superblocks, journal with records that are in
 * no checkpoint, index rows, checksum pages, data. Today's code opens them and reads what was written. {@code tests/record_fixtures} records a new
 * version's; docs/internals/compatibility.md tells what may change.
 */
@NullUnmarked
final class StoreFixturesTest {
    private static final Path FIXTURES = Path.of("src/test/resources/fixtures");
    private static final String DISK = "disk.sparse.gz";
    private static final String INDEX = "index.sparse.gz";
    private static final String EXPECTED = "store.txt";

    private static final long STREAM = 9L << 16;
    private static final int BLOCKS = 16_384;
    private static final int READ = 256;
    private static final long DISK_BYTES = 160L << 20;
    private static final int BLOCK = 4096;
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
        directory = Files.createTempDirectory(Path.of("target"), "fixture-test-");
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
        DeviceSpec spec = DeviceSpec.file(directory.resolve("disk"), DISK_BYTES);
        LocalDisks.Outcome outcome =
                onLoop(done -> new LocalDisks(DiskBackend.THREAD_POOL).open(loop, spec, done::complete));
        return new GroupDisk(((LocalDisks.Outcome.Ready) outcome).disk(), DeviceClass.SSD);
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

    private void append(TestRecord record) throws Exception {
        assertThat(this.<StoreStatus>onLoop(done -> {
                    record.then = () -> done.complete(record.status);
                    group.append(record);
                }))
                .isEqualTo(StoreStatus.OK);
    }

    private List<String> seen() throws Exception {
        TestRead read = new TestRead(STREAM, 0, READ);
        long[] stamps = onLoop(done -> {
            read.then = () -> done.complete(read.stamps());
            group.read(read);
        });
        StreamState state = group.stream(STREAM);
        return List.of(
                "last " + state.lastSeq() + " commit " + state.commitSeq() + " epoch " + state.lastEpoch(),
                "stamps " + Arrays.toString(stamps));
    }

    @Test
    void opensWhatEveryVersionLeftAndReadsWhatWasWritten() throws Exception {
        List<Path> versions;
        try (Stream<Path> paths = Files.list(FIXTURES)) {
            versions =
                    paths.filter(path -> Files.exists(path.resolve(EXPECTED))).toList();
        }
        assertThat(versions).as("version 1 is recorded").anyMatch(path -> path.endsWith("v1"));
        for (Path version : versions) {
            Files.createDirectories(directory.resolve("index"));
            restore(version.resolve(DISK), directory.resolve("disk"));
            restore(version.resolve(INDEX), directory.resolve("index").resolve("data.mdb"));
            superblockIsWrittenTheSame(directory.resolve("disk"));
            open();
            List<String> expected = Files.readAllLines(version.resolve(EXPECTED));
            assertThat(seen()).as(version.toString()).isEqualTo(expected);
            long next = group.stream(STREAM).lastSeq() + 1;
            append(StoreRig.write(STREAM, next, 255, 1, 99));
            close();
            open();
            assertThat(seen().getLast()).as("goes on").endsWith(" 99]");
            assertThat(seen().getLast().replaceFirst("\\d+]$", ""))
                    .isEqualTo(expected.getLast().replaceFirst("\\d+]$", ""));
            close();
            Files.delete(directory.resolve("disk"));
            Files.delete(directory.resolve("index").resolve("data.mdb"));
            Files.deleteIfExists(directory.resolve("index").resolve("lock.mdb"));
        }
    }

    private static void superblockIsWrittenTheSame(Path file) throws IOException {
        byte[] bytes = new byte[Superblock.BYTES];
        try (var disk = new RandomAccessFile(file.toFile(), "r")) {
            disk.readFully(bytes);
        }
        Superblock read = Superblock.read(Unpooled.wrappedBuffer(bytes), 0);
        assertThat(read).isNotNull();
        ByteBuf again = Unpooled.buffer(Superblock.BYTES, Superblock.BYTES);
        read.write(again, 0);
        assertThat(again.array()).isEqualTo(bytes);
    }

    /** Blocks that are not zero, each behind its offset; the length first. */
    private static void save(Path from, Path to) throws IOException {
        try (var in = new RandomAccessFile(from.toFile(), "r");
                var out = new DataOutputStream(new GZIPOutputStream(Files.newOutputStream(to)))) {
            out.writeLong(in.length());
            byte[] block = new byte[BLOCK];
            byte[] zeros = new byte[BLOCK];
            for (long at = 0; at < in.length(); at += BLOCK) {
                in.seek(at);
                in.readFully(block);
                if (!Arrays.equals(block, zeros)) {
                    out.writeLong(at);
                    out.write(block);
                }
            }
        }
    }

    private static void restore(Path from, Path to) throws IOException {
        try (var in = new DataInputStream(new GZIPInputStream(Files.newInputStream(from)));
                var out = new RandomAccessFile(to.toFile(), "rw")) {
            out.setLength(in.readLong());
            byte[] block = new byte[BLOCK];
            while (true) {
                long at = in.readLong();
                in.readFully(block);
                out.seek(at);
                out.write(block);
            }
        } catch (EOFException whole) {
            // the last block was read before
        }
    }

    /** Only for {@code tests/record_fixtures}. */
    @Test
    void records() throws Exception {
        String version = System.getProperty("varve.fixtures.record", "");
        Assumptions.assumeFalse(version.isEmpty(), "tests/record_fixtures records a version");
        Path to = Files.createDirectories(FIXTURES.resolve(version));
        GroupDisk disk = disk();
        LmdbIndex index = index();
        this.<Boolean>onLoop(done -> DiskGroupFormat.format(
                loop, List.of(disk), IDENTITY, OPTIONS, index, false, new UUID(7, 7), error -> done.complete(true)));
        this.<Boolean>onLoop(done -> disk.disk().close(() -> done.complete(true)));
        index.close();
        open();
        this.<StoreStatus>onLoop(done -> group.create(STREAM, 1, BLOCKS, done::complete));
        List<TestRecord> before = new ArrayList<>();
        before.add(new TestRecord(STREAM, Op.EPOCH_START, 1, 0, 0));
        before.add(StoreRig.write(STREAM, 2, 0, 4, 11));
        before.add(StoreRig.write(STREAM, 3, 16, 32, 12));
        before.add(StoreRig.write(STREAM, 4, 2, 2, 13));
        before.add(new TestRecord(STREAM, Op.ZERO, 5, 20, 2));
        for (TestRecord record : before) {
            record.commitSeq = record.seq - 1;
            append(record);
        }
        close();
        open();
        List<TestRecord> after = List.of(
                StoreRig.write(STREAM, 6, 100, 3, 14),
                new TestRecord(STREAM, Op.UNMAP, 7, 16, 2),
                StoreRig.write(STREAM, 8, 64, 16, 15),
                StoreRig.write(STREAM, 9, 1, 1, 16));
        for (TestRecord record : after) {
            record.commitSeq = record.seq - 1;
            append(record);
        }
        Files.write(to.resolve(EXPECTED), seen());
        save(directory.resolve("disk"), to.resolve(DISK));
        save(directory.resolve("index").resolve("data.mdb"), to.resolve(INDEX));
        close();
    }
}
