package io.varve.dataplane.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.time.Loop;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What {@link Disk} promises, asked of every backend. */
abstract class DiskContractTest {
    static final int BLOCK = 4096;
    static final long DISK_BYTES = 16 << 20;
    private static final long SECONDS_TO_WAIT = 60;

    private final List<ByteBuf> buffers = new ArrayList<>();
    private Loop loop;
    private Disk disk;
    private boolean isOpen;

    /** Opens a disk of {@link #DISK_BYTES}, new or with what the last one of the test left. */
    abstract Disk open() throws Exception;

    abstract Loop loop();

    /** Lets the backend get on until the future is done. */
    abstract <T> T await(CompletableFuture<T> future) throws Exception;

    @BeforeEach
    void openDisk() throws Exception {
        disk = open();
        isOpen = true;
        loop = loop();
    }

    @AfterEach
    void closeDisk() throws Exception {
        if (isOpen) {
            close();
        }
        buffers.forEach(ByteBuf::release);
    }

    @Test
    void knowsItsSize() {
        assertThat(disk.sizeBytes()).isEqualTo(DISK_BYTES);
        assertThat(disk.name()).isNotEmpty();
        assertThat(disk.queueDepth()).isPositive();
    }

    @Test
    void readsBackWhatWasWritten() throws Exception {
        for (int length : new int[] {BLOCK, 2 * BLOCK, 64 << 10, 1 << 20}) {
            ByteBuf written = random(length, length);
            assertThat(write(8 * BLOCK, written, 0, length, false)).isEqualTo(length);
            assertThat(read(8 * BLOCK, length)).isEqualTo(written);
        }
    }

    @Test
    void readsIntoTheMiddleOfABufferAndLeavesItsIndicesAlone() throws Exception {
        ByteBuf written = random(4 * BLOCK, 5);
        assertThat(write(0, written, BLOCK, 2 * BLOCK, true)).isEqualTo(2 * BLOCK);
        ByteBuf read = buffer(4 * BLOCK);
        read.writeZero(4 * BLOCK);
        int result = call(callback -> disk.read(0, read, 2 * BLOCK, 2 * BLOCK, callback));
        assertThat(result).isEqualTo(2 * BLOCK);
        assertThat(read.readerIndex()).isZero();
        assertThat(read.writerIndex()).isEqualTo(4 * BLOCK);
        assertThat(read.slice(2 * BLOCK, 2 * BLOCK)).isEqualTo(written.slice(BLOCK, 2 * BLOCK));
        assertThat(read.getLong(0)).isZero();
    }

    @Test
    void keepsDurableWritesOverCloseAndOpen() throws Exception {
        ByteBuf written = random(2 * BLOCK, 6);
        assertThat(write(DISK_BYTES - 2 * BLOCK, written, 0, 2 * BLOCK, true)).isEqualTo(2 * BLOCK);
        close();
        disk = open();
        isOpen = true;
        loop = loop();
        assertThat(read(DISK_BYTES - 2 * BLOCK, 2 * BLOCK)).isEqualTo(written);
    }

    @Test
    void keepsFlushedWritesOverCloseAndOpen() throws Exception {
        ByteBuf written = random(BLOCK, 7);
        assertThat(write(BLOCK, written, 0, BLOCK, false)).isEqualTo(BLOCK);
        assertThat(flush()).isZero();
        close();
        disk = open();
        isOpen = true;
        loop = loop();
        assertThat(read(BLOCK, BLOCK)).isEqualTo(written);
    }

    @Test
    void gathersFromOneRangeToTheMost() throws Exception {
        ByteBuf source = random(64 * BLOCK, 8);
        Gather gather = new Gather();
        for (int ranges : new int[] {1, 2, 3, 4, 5, 17, 64, 255, 1023, Gather.MAX_RANGES}) {
            ByteBuf expected = buffer(ranges * BLOCK);
            gather.clear();
            for (int i = 0; i < ranges; i++) {
                int index = i * 7 % 64 * BLOCK;
                assertThat(gather.add(source, index, BLOCK)).isTrue();
                expected.writeBytes(source, index, BLOCK);
            }
            int result = call(callback -> {
                disk.write(BLOCK, gather, true, callback);
                // The list belongs to the caller again.
                gather.clear();
            });
            assertThat(result).as("%d ranges", ranges).isEqualTo(ranges * BLOCK);
            assertThat(read(BLOCK, ranges * BLOCK)).as("%d ranges", ranges).isEqualTo(expected);
        }
    }

    @Test
    void doesMoreThanItsQueueDepthAtOnce() throws Exception {
        int operations = disk.queueDepth() * 5 + 3;
        int blocks = (int) (DISK_BYTES / BLOCK);
        int[] versionOf = new int[blocks];
        ByteBuf source = buffer(operations * BLOCK);
        for (int i = 0; i < operations; i++) {
            source.writeLong(i).writeZero(BLOCK - Long.BYTES);
        }
        CompletableFuture<Integer> failed = new CompletableFuture<>();
        int[] left = {operations, 0};
        Arrays.fill(versionOf, -1);
        loop.execute(() -> {
            for (int i = 0; i < operations; i++) {
                versionOf[i * 3 % blocks] = i;
                disk.write((long) (i * 3 % blocks) * BLOCK, source, i * BLOCK, BLOCK, i % 2 == 0, result -> {
                    if (result != BLOCK) {
                        left[1]++;
                    }
                    if (--left[0] == 0) {
                        failed.complete(left[1]);
                    }
                });
            }
        });
        assertThat(await(failed)).isZero();
        for (int block = 0; block < blocks; block++) {
            if (versionOf[block] >= 0) {
                assertThat(read((long) block * BLOCK, BLOCK).getLong(0))
                        .as("block %d", block)
                        .isEqualTo(versionOf[block]);
            }
        }
    }

    @Test
    void neverCallsBackInsideTheCall() throws Exception {
        ByteBuf buffer = buffer(BLOCK);
        ByteBuf source = random(BLOCK, 9);
        List<String> early = new ArrayList<>();
        CompletableFuture<Integer> done = new CompletableFuture<>();
        loop.execute(() -> {
            boolean[] returned = new boolean[1];
            int[] left = {5};
            DiskCallback callback = result -> {
                if (!returned[0]) {
                    early.add("result " + result);
                }
                if (--left[0] == 0) {
                    done.complete(0);
                }
            };
            disk.write(0, source, 0, BLOCK, false, callback);
            disk.read(0, buffer, 0, BLOCK, callback);
            disk.flush(callback);
            disk.read(DISK_BYTES, buffer, 0, BLOCK, callback);
            disk.discard(0, BLOCK, callback);
            returned[0] = true;
        });
        await(done);
        assertThat(early).isEmpty();
    }

    @Test
    void callsBackOnItsLoop() throws Exception {
        ByteBuf buffer = random(BLOCK, 10);
        CompletableFuture<Boolean> inLoop = new CompletableFuture<>();
        loop.execute(() -> disk.write(0, buffer, 0, BLOCK, true, result -> inLoop.complete(loop.inLoop())));
        assertThat(await(inLoop)).isTrue();
    }

    @Test
    void refusesWhatLiesBeyondTheEnd() throws Exception {
        ByteBuf buffer = random(2 * BLOCK, 11);
        assertThat(write(DISK_BYTES, buffer, 0, BLOCK, true)).isEqualTo(-Errno.ENOSPC);
        assertThat(write(DISK_BYTES - BLOCK, buffer, 0, 2 * BLOCK, false)).isEqualTo(-Errno.ENOSPC);
        assertThat(call(callback -> disk.read(DISK_BYTES, buffer, 0, BLOCK, callback)))
                .isEqualTo(-Errno.EINVAL);
        assertThat(call(callback -> disk.read(Long.MAX_VALUE - BLOCK + 1, buffer, 0, BLOCK, callback)))
                .isEqualTo(-Errno.EINVAL);
        // The block that was inside is as it was.
        assertThat(read(DISK_BYTES - BLOCK, BLOCK).getLong(0)).isZero();
    }

    @Test
    void discardsAsBestItCan() throws Exception {
        assertThat(write(0, random(16 * BLOCK, 12), 0, 16 * BLOCK, true)).isEqualTo(16 * BLOCK);
        assertThat(call(callback -> disk.discard(0, 16 * BLOCK, callback))).isZero();
        ByteBuf again = random(BLOCK, 13);
        assertThat(write(0, again, 0, BLOCK, true)).isEqualTo(BLOCK);
        assertThat(read(0, BLOCK)).isEqualTo(again);
    }

    @Test
    void closesAfterWhatIsUnderWay() throws Exception {
        ByteBuf source = random(64 * BLOCK, 14);
        List<Integer> results = new ArrayList<>();
        CompletableFuture<Integer> closed = new CompletableFuture<>();
        int operations = disk.queueDepth() * 2;
        loop.execute(() -> {
            for (int i = 0; i < operations; i++) {
                disk.write((long) i * BLOCK, source, i % 64 * BLOCK, BLOCK, true, results::add);
            }
            disk.close(() -> closed.complete(results.size()));
        });
        assertThat(await(closed)).isEqualTo(operations);
        assertThat(results).containsOnly(BLOCK);
        isOpen = false;
    }

    @Test
    void closesOnceWhenTheLastCallbackClosesIt() throws Exception {
        AtomicInteger closed = new AtomicInteger();
        CompletableFuture<Integer> settled = new CompletableFuture<>();
        ByteBuf source = random(BLOCK, 15);
        loop.execute(() -> disk.write(0, source, 0, BLOCK, true, result -> {
            // Whatever a second release would do is queued behind this before the timer fires.
            disk.close(closed::incrementAndGet);
            loop.schedule(100_000_000L, () -> settled.complete(closed.get()));
        }));
        assertThat(await(settled)).isEqualTo(1);
        isOpen = false;
    }

    @Test
    void agreesWithAPlainArrayUnderARandomLoad() throws Exception {
        long seed = new SplittableRandom().nextLong();
        SplittableRandom random = new SplittableRandom(seed);
        byte[] model = new byte[(int) DISK_BYTES];
        for (int round = 0; round < 200; round++) {
            int blocks = 1 + random.nextInt(32);
            int first = random.nextInt((int) (DISK_BYTES / BLOCK) - blocks);
            int length = blocks * BLOCK;
            long offset = (long) first * BLOCK;
            if (random.nextInt(3) > 0) {
                ByteBuf source = random(length, random.nextLong());
                assertThat(write(offset, source, 0, length, random.nextBoolean()))
                        .isEqualTo(length);
                source.getBytes(0, model, (int) offset, length);
            } else {
                byte[] got = new byte[length];
                read(offset, length).getBytes(0, got);
                if (!Arrays.equals(got, 0, length, model, (int) offset, (int) offset + length)) {
                    fail("round %d differs, seed %d", round, seed);
                }
            }
        }
    }

    final Disk disk() {
        return disk;
    }

    final boolean isOpen() {
        return isOpen;
    }

    final int write(long offset, ByteBuf source, int index, int length, boolean durable) throws Exception {
        return call(callback -> disk.write(offset, source, index, length, durable, callback));
    }

    final int flush() throws Exception {
        return call(disk::flush);
    }

    final ByteBuf read(long offset, int length) throws Exception {
        ByteBuf destination = buffer(length);
        assertThat(call(callback -> disk.read(offset, destination, 0, length, callback)))
                .isEqualTo(length);
        return destination.writerIndex(length);
    }

    final int call(java.util.function.Consumer<DiskCallback> operation) throws Exception {
        CompletableFuture<Integer> result = new CompletableFuture<>();
        loop.execute(() -> operation.accept(result::complete));
        return await(result);
    }

    final void close() throws Exception {
        CompletableFuture<Integer> closed = new CompletableFuture<>();
        Disk closing = disk;
        loop.execute(() -> closing.close(() -> closed.complete(0)));
        await(closed);
        isOpen = false;
    }

    final ByteBuf buffer(int bytes) {
        ByteBuf buffer = Buffers.aligned(bytes);
        buffers.add(buffer);
        return buffer;
    }

    final ByteBuf random(int bytes, long seed) {
        ByteBuf buffer = buffer(bytes);
        SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < bytes; i += Long.BYTES) {
            buffer.writeLong(random.nextLong());
        }
        return buffer;
    }

    static <T> T awaitReal(CompletableFuture<T> future) throws Exception {
        return future.get(SECONDS_TO_WAIT, TimeUnit.SECONDS);
    }
}
