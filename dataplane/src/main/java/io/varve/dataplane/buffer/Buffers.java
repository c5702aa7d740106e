package io.varve.dataplane.buffer;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.PooledByteBufAllocator;
import io.varve.model.Geometry;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * Direct memory whose start address is a multiple of 4 KiB, so that a device can read into it and write from it with O_DIRECT, and
 * a socket can send it. Netty's pooled allocator does the work; buffers are reference-counted, and whoever holds one releases it
 * exactly once. Thread-safe; cheapest on event loops, which have their own caches.
 */
public final class Buffers {
    /** Alignment of every buffer's first byte, in bytes. */
    public static final int ALIGNMENT = Geometry.BLOCK_BYTES;

    private static final int PAGE_BYTES = 8192;
    /** 8 KiB << 9 = 4 MiB chunks: what one loop pins when idle. */
    private static final int MAX_ORDER = 9;

    /**
     * Buffers of one size that a thread keeps for itself, up to 28 KiB each and from there to 32 KiB. As many as a full queue of
     * requests needs; a thread that once had them all pins 9 MiB.
     */
    private static final int CACHED_OF_A_SIZE = 64;

    private static final PooledByteBufAllocator POOL = new PooledByteBufAllocator(
            true, 0, 2, PAGE_BYTES, MAX_ORDER, CACHED_OF_A_SIZE, CACHED_OF_A_SIZE, true, ALIGNMENT);

    /** Never released: see {@link #keepReady}. */
    private static final Queue<ByteBuf> PINS = new ConcurrentLinkedQueue<>();

    /** What keeps a chunk: just over what a thread keeps for itself, so that it is taken from a chunk. */
    private static final int PIN_BYTES = 40 << 10;

    /** Null but in a simulation. */
    private static @Nullable Set<ByteBuf> handedOut;

    private Buffers() {}

    /**
     * Keeps so much memory in the calling thread's arena for ever, in whole chunks. Without it the pool gives a chunk back as soon as nothing of
     * it is in use, and the next large transfer waits until a new one is zeroed. Once, on each event loop.
     */
    public static void keepReady(int bytes) {
        int chunkBytes = POOL.metric().chunkSize();
        ByteBuf[] rest = new ByteBuf[bytes / chunkBytes];
        for (int i = 0; i < rest.length; i++) {
            rest[i] = POOL.directBuffer(chunkBytes - PIN_BYTES);
            PINS.add(POOL.directBuffer(PIN_BYTES));
        }
        for (ByteBuf each : rest) {
            each.release();
        }
    }

    /** An empty buffer (indices 0) with room for {@code bytes}, its address aligned. */
    public static ByteBuf aligned(int bytes) {
        ByteBuf buffer = POOL.directBuffer(bytes, bytes);
        Set<ByteBuf> noted = handedOut;
        if (noted != null) {
            noted.add(buffer);
        }
        return buffer;
    }

    /**
     * For a simulation, which is the only one to use buffers in its process, on one thread: from now on it is noted what is handed out. What
     * {@link Noted#close} finds not released belonged to processes that died in it, and goes back to the pool.
     */
    public static Noted note() {
        Set<ByteBuf> noted = Collections.newSetFromMap(new IdentityHashMap<>());
        handedOut = noted;
        return () -> {
            handedOut = null;
            int lost = 0;
            for (ByteBuf buffer : noted) {
                if (buffer.refCnt() > 0) {
                    buffer.release(buffer.refCnt());
                    lost++;
                }
            }
            return lost;
        };
    }

    /** See {@link #note}. */
    @FunctionalInterface
    public interface Noted {
        /** Returns how many buffers came back. */
        int close();
    }

    /** True if the device can use the buffer's readable or writable bytes from {@code index} on as they lie in memory. */
    public static boolean isAligned(ByteBuf buffer, int index) {
        return buffer.hasMemoryAddress() && ((buffer.memoryAddress() + index) & (ALIGNMENT - 1)) == 0;
    }

    /** Memory that the pool has from the system, in use or not, in bytes. Any thread; for metrics. */
    public static long reservedBytes() {
        return POOL.metric().usedDirectMemory();
    }
}
