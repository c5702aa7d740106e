package io.varve.dataplane.buffer;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

final class BuffersTest {
    private static final int BLOCK = 4096;
    private static final int LARGEST = 4 << 20;

    @Test
    void alignsEverySizeFromABlockToTheLargest() {
        for (int bytes = BLOCK; bytes <= LARGEST; bytes += BLOCK) {
            ByteBuf first = Buffers.aligned(bytes);
            ByteBuf second = Buffers.aligned(bytes);
            assertThat(first.memoryAddress() % BLOCK).as("%d bytes", bytes).isZero();
            assertThat(second.memoryAddress() % BLOCK).as("%d bytes", bytes).isZero();
            assertThat(first.capacity()).isEqualTo(bytes);
            assertThat(Buffers.isAligned(first.slice(bytes - BLOCK, BLOCK), 0)).isTrue();
            first.release();
            second.release();
        }
    }

    @Test
    void alignsSmallAndHugeOnesToo() {
        for (int bytes : new int[] {1, 64, 512, 4095, 4097, 5000, 12345, LARGEST + BLOCK, 32 << 20}) {
            ByteBuf buffer = Buffers.aligned(bytes);
            assertThat(Buffers.isAligned(buffer, 0)).as("%d bytes", bytes).isTrue();
            buffer.release();
        }
    }

    /** Recycled pieces of chunks, from several threads, handed over between them as the data path does. */
    @Test
    void staysAlignedAndDisjointUnderChurn() throws Exception {
        long seed = new SplittableRandom().nextLong();
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Callable<Long>> churns = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                long own = seed + i;
                churns.add(() -> churn(own));
            }
            for (Future<Long> wrong : threads.invokeAll(churns)) {
                assertThat(wrong.get()).as("seed %d", seed).isZero();
            }
        }
    }

    private static long churn(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        ArrayDeque<ByteBuf> live = new ArrayDeque<>();
        long wrong = 0;
        for (int i = 0; i < 20_000; i++) {
            int bytes = BLOCK * (1 + random.nextInt(random.nextInt(20) == 0 ? 256 : 16));
            ByteBuf buffer = Buffers.aligned(bytes);
            if (!Buffers.isAligned(buffer, 0)) {
                wrong++;
            }
            long mark = random.nextLong();
            buffer.setLong(0, mark).setLong(bytes - Long.BYTES, ~mark);
            live.add(buffer);
            if (live.size() > 64) {
                ByteBuf oldest = live.remove();
                if (oldest.getLong(0) != ~oldest.getLong(oldest.capacity() - Long.BYTES)) {
                    wrong++;
                }
                oldest.release();
            }
        }
        live.forEach(ByteBuf::release);
        return wrong;
    }

    @Test
    void givesMemoryBackWhenTheLoadIsOver() throws Exception {
        long before = Buffers.reservedBytes();
        Thread loaded = Thread.ofPlatform().start(() -> {
            List<ByteBuf> live = new ArrayList<>();
            for (int i = 0; i < 512; i++) {
                live.add(Buffers.aligned(512 << 10));
            }
            live.forEach(ByteBuf::release);
        });
        loaded.join();
        assertThat(Buffers.reservedBytes() - before).isLessThan(64L << 20);
    }

    @Test
    void keepsMemoryReadyForTheNextLoad() throws Exception {
        long[] reserved = new long[2];
        Thread loaded = Thread.ofPlatform().start(() -> {
            Buffers.keepReady(8 << 20);
            Buffers.aligned(1 << 20).release();
            reserved[0] = Buffers.reservedBytes();
            for (int i = 0; i < 16; i++) {
                Buffers.aligned(1 << 20).release();
                reserved[1] = Math.max(reserved[1], Math.abs(Buffers.reservedBytes() - reserved[0]));
            }
        });
        loaded.join();
        assertThat(reserved[1]).describedAs("chunks that came or went").isZero();
    }

    @Test
    void knowsWhatADeviceCannotUse() {
        ByteBuf buffer = Buffers.aligned(2 * BLOCK);
        assertThat(Buffers.isAligned(buffer, BLOCK)).isTrue();
        assertThat(Buffers.isAligned(buffer, 512)).isFalse();
        assertThat(Buffers.isAligned(buffer.slice(8, BLOCK), 0)).isFalse();
        buffer.release();
    }
}
