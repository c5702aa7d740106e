package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/** One read of a replica. A pooled object of the caller, left alone until {@link #completed}. */
public abstract class StoreRead {
    public long stream;
    /** First block within the slab; the range never crosses an extent. */
    public int block;

    public int count;
    /** Receives {@code count * 4096} bytes from {@code destinationIndex}, aligned. Absent blocks become zeros. */
    public @Nullable ByteBuf destination;

    public int destinationIndex;

    /** Result: CRC32C of each block returned (of the zeros, for absent ones). */
    public final int[] crcs = new int[JournalRecord.MAX_BLOCKS];
    /** Result: the highest seq of the journalled versions that the data contains (a lower bound of none is 0). */
    public long highestSeq;
    /** Result of BAD_BLOCK: the first block, relative to {@link #block}, that could not be verified. */
    public int badBlock;

    /** On the loop, once. */
    protected abstract void completed(StoreStatus status);
}
