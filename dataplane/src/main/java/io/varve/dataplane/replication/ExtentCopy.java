package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Buffers;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.store.Op;
import io.varve.model.Geometry;
import java.util.BitSet;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Gives a learner the extents that it misses: reads each in chunks like a client and numbers what it read as records that fill that copy
 * (docs/internals/resync.md). What a client wrote since the read of a chunk began is left out: the learner has it. One read at a time, a bounded number
 * of bytes not yet acknowledged. Confined to the volume's loop.
 */
final class ExtentCopy extends SlabRead {
    /** Blocks read at once: 256 KiB, which on flash takes a fraction of a millisecond. */
    private static final int CHUNK_BLOCKS = 64;

    /** Copied and not yet committed. Clients' records queue behind it in the learner's journal. */
    private static final long MAX_UNSETTLED_BYTES = 4 << 20;

    private static final BitSet NONE = new BitSet();

    private static final int LONGS_PER_BLOCK = Geometry.BLOCK_BYTES / Long.BYTES;

    private final AccessPointHost host;
    private final SlabHost slab;
    private final Learner learner;
    private final long session;
    private final BitSet todo;
    /** By extent the blocks that the learner misses; null: all of each extent. */
    private final @Nullable Map<Integer, BitSet> missed;

    private final int slabBlocks;
    private final Crc32c crc = new Crc32c();
    /** Blocks of the chunk that the learner has: a client wrote them since its read began, or it never missed them. */
    private final BitSet touched = new BitSet(CHUNK_BLOCKS);

    private final int[] blockCrcs = new int[CHUNK_BLOCKS];
    private final boolean[] zeroPieces = new boolean[CHUNK_BLOCKS / Geometry.BLOCKS_PER_PIECE];
    private boolean isReading;
    /** The chunk is in hand; its blocks before {@code position} are numbered. */
    private boolean hasChunk;

    private int position;
    private long unsettledBytes;
    private boolean isAdvancing;

    /** {@code todo}: taken over. */
    ExtentCopy(
            AccessPointHost host,
            SlabHost slab,
            Learner learner,
            long session,
            BitSet todo,
            @Nullable Map<Integer, BitSet> missed) {
        this.host = host;
        this.slab = slab;
        this.learner = learner;
        this.session = session;
        this.todo = todo;
        this.missed = missed;
        this.slabBlocks = host.slabBlocks(slab);
        this.block = -1;
        this.stream = slab.point.stream();
    }

    int extentsLeft() {
        return todo.cardinality();
    }

    /** Goes on as far as it may. Called whenever something changed that it may wait for. */
    void advance() {
        if (isAdvancing) {
            return;
        }
        isAdvancing = true;
        while (!learner.hasEnded() && !isReading && step()) {
            // Each step either goes on or has to wait.
        }
        isAdvancing = false;
    }

    private boolean step() {
        if (hasChunk) {
            return numberNext();
        }
        if (!learner.mayCopy()) {
            return false;
        }
        if (block < 0) {
            int extent = todo.nextSetBit(0);
            if (extent < 0) {
                learner.allNumbered();
                return false;
            }
            block = extent * Geometry.BLOCKS_PER_EXTENT;
            count = 0;
        } else {
            // What was read of the chunk may have ended before it.
            block = (block + count + CHUNK_BLOCKS - 1) / CHUNK_BLOCKS * CHUNK_BLOCKS;
            count = 0;
        }
        int end = Math.min(slabBlocks, todo.nextSetBit(0) * Geometry.BLOCKS_PER_EXTENT + Geometry.BLOCKS_PER_EXTENT);
        if (block >= end) {
            return numberDone();
        }
        count = Math.min(CHUNK_BLOCKS, end - block);
        return !readMissed();
    }

    /** Reads from the first block of the chunk that is missed to the last, whole pieces; false: none is. */
    private boolean readMissed() {
        touched.clear();
        if (missed == null) {
            read();
            return true;
        }
        BitSet blocks = missed.getOrDefault(block / Geometry.BLOCKS_PER_EXTENT, NONE);
        int extentStart = block - block % Geometry.BLOCKS_PER_EXTENT;
        int first = blocks.nextSetBit(block - extentStart);
        if (first < 0 || first >= block - extentStart + count) {
            return false;
        }
        int last = blocks.previousSetBit(block - extentStart + count - 1);
        int begin = extentStart + first - first % Geometry.BLOCKS_PER_PIECE;
        count = extentStart + last + 1 - begin;
        block = begin;
        // Left out like what a client writes meanwhile: the learner has it.
        for (int i = 0; i < count; i++) {
            if (!blocks.get(block - extentStart + i)) {
                touched.set(i);
            }
        }
        read();
        return true;
    }

    private void read() {
        ByteBuf data = Buffers.aligned(count * Geometry.BLOCK_BYTES);
        data.writerIndex(count * Geometry.BLOCK_BYTES);
        destination = data;
        destinationIndex = 0;
        isReading = true;
        host.read(slab, this);
    }

    @Override
    protected void completed(Outcome outcome) {
        isReading = false;
        if (learner.hasEnded() || outcome != Outcome.OK) {
            release();
            learner.giveUp("what it misses cannot be read: " + outcome);
            return;
        }
        ByteBuf data = Objects.requireNonNull(destination);
        for (int i = 0; i < count; i++) {
            blockCrcs[i] = crc.of(data, i * Geometry.BLOCK_BYTES, Geometry.BLOCK_BYTES);
        }
        for (int piece = 0; piece * Geometry.BLOCKS_PER_PIECE < count; piece++) {
            zeroPieces[piece] = isZero(data, piece * Geometry.BLOCKS_PER_PIECE);
        }
        hasChunk = true;
        position = 0;
        advance();
    }

    /** True if the piece whose first block this is holds nothing but zeros. */
    private boolean isZero(ByteBuf data, int first) {
        int end = Math.min(count, first + Geometry.BLOCKS_PER_PIECE);
        for (int i = first; i < end; i++) {
            if (blockCrcs[i] != Crc32c.ZERO_BLOCK) {
                return false;
            }
        }
        // Other content may have the same checksum.
        for (int i = first * LONGS_PER_BLOCK; i < end * LONGS_PER_BLOCK; i++) {
            if (data.getLong(i * Long.BYTES) != 0) {
                return false;
            }
        }
        return true;
    }

    /** A client's record was numbered. */
    void wrote(int first, int blocks) {
        if (isReading || hasChunk) {
            int from = Math.max(first, block);
            int end = Math.min(first + blocks, block + count);
            if (from < end) {
                touched.set(from - block, end - block);
            }
        }
    }

    /** The next run of blocks that nobody wrote and that are all of a kind; false: not now. */
    private boolean numberNext() {
        int from = touched.nextClearBit(position);
        if (from >= count) {
            hasChunk = false;
            release();
            return true;
        }
        boolean isZero = zeroPieces[from / Geometry.BLOCKS_PER_PIECE];
        int end = from + 1;
        while (end < count && !touched.get(end) && zeroPieces[end / Geometry.BLOCKS_PER_PIECE] == isZero) {
            end++;
        }
        int payloadBlocks = isZero ? 0 : end - from;
        if (!mayNumber(payloadBlocks)) {
            return false;
        }
        Copy copy = new Copy();
        copy.copyFor = learner.member().index;
        copy.block = block + from;
        copy.count = end - from;
        if (isZero) {
            copy.op = Op.UNMAP.code();
            clearAllocated(block + from, end - from);
        } else {
            copy.op = Op.WRITE.code();
            copy.crcCount = payloadBlocks;
            System.arraycopy(blockCrcs, from, copy.crcs, 0, payloadBlocks);
            copy.payload = Objects.requireNonNull(destination).retain();
            copy.payloadIndex = from * Geometry.BLOCK_BYTES;
        }
        number(copy, (long) payloadBlocks * Geometry.BLOCK_BYTES);
        position = end;
        return true;
    }

    /** The learner holds nothing there now, so to write it takes room. Elsewhere it may be held: it reads as zeros either way. */
    private void clearAllocated(int first, int blocks) {
        int from = (first + Geometry.BLOCKS_PER_PIECE - 1) / Geometry.BLOCKS_PER_PIECE;
        int end = (first + blocks) / Geometry.BLOCKS_PER_PIECE;
        if (from < end) {
            slab.map.allocated().clear(from, end);
        }
    }

    /** All blocks of the extent are numbered, here or by clients. */
    private boolean numberDone() {
        if (!mayNumber(0)) {
            return false;
        }
        int extent = todo.nextSetBit(0);
        Copy done = new Copy();
        done.op = Op.COPIED.code();
        done.block = extent * Geometry.BLOCKS_PER_EXTENT;
        done.count = Math.min(Geometry.BLOCKS_PER_EXTENT, slabBlocks - done.block);
        done.aux = session;
        number(done, 0);
        todo.clear(extent);
        block = -1;
        return true;
    }

    private boolean mayNumber(int payloadBlocks) {
        return unsettledBytes < MAX_UNSETTLED_BYTES
                && host.mayNumber(slab, Copy.RECORD_BYTES + (long) payloadBlocks * Geometry.BLOCK_BYTES);
    }

    private void number(Copy copy, long bytes) {
        copy.journalCost = Copy.RECORD_BYTES + bytes;
        copy.bytes = bytes;
        unsettledBytes += bytes;
        host.number(slab, copy);
        learner.numbered(copy.seq, bytes);
    }

    private void release() {
        ByteBuf data = destination;
        destination = null;
        if (data != null) {
            data.release();
        }
    }

    /** The learner ended: what is read now is not needed. */
    void end() {
        if (!isReading) {
            hasChunk = false;
            release();
        }
    }

    /** One numbered record of a copy. */
    private final class Copy extends WriteRecord {
        /** What a record takes beside its payload: a block of the frame's head. */
        private static final long RECORD_BYTES = Geometry.BLOCK_BYTES;

        private long bytes;

        @Override
        protected void committed(boolean fenced) {
            unsettledBytes -= bytes;
            if (payload != null) {
                payload.release();
                payload = null;
            }
        }
    }
}
