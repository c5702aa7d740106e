package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;

/** Reads records back from the journal, for a replica that misses them. An object of the caller, one at a time per stream. */
public abstract class TailRead {
    public long stream;
    /** First seq wanted. */
    public long fromSeq;
    /** Last seq wanted, inclusive. */
    public long toSeq;

    /**
     * One sequenced record, in order of seq. {@code payload} (null without one) and {@code record} belong to the store and are valid
     * during the call only; WRITE_AU records arrive as WRITE with their data. False: stop here, {@link #ended} follows.
     */
    protected abstract boolean record(JournalRecord record);

    /** OK: all delivered, or stopped. NOT_MEMBER: the journal no longer holds {@code fromSeq}. BAD_BLOCK: a record is rotten. */
    protected abstract void ended(StoreStatus status);

    /** A payload that the receiver keeps beyond the call must be copied; this is the copy's usual home. */
    protected static ByteBuf copyOf(ByteBuf payload, int index, int bytes) {
        ByteBuf copy = io.varve.dataplane.buffer.Buffers.aligned(bytes);
        copy.writeBytes(payload, index, bytes);
        return copy;
    }
}
