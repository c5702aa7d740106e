package io.varve.dataplane.replication;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.wire.WireRecord;
import org.jspecify.annotations.Nullable;

/**
 * One record from its numbering until every required replica has it. Pooled by whoever writes; between {@link AccessPoint#write} and
 * {@link #committed} it belongs to the access point, which may send it again from here, so payload stays as it is.
 */
public abstract class WriteRecord extends WireRecord {
    public long stream;

    /** {@code crcCount * 4096} bytes from {@link #payloadIndex}, aligned; retained by the owner until {@link #committed}. */
    public @Nullable ByteBuf payload;

    public int payloadIndex;

    /** What it takes of each replica's credits: journal bytes, pieces. Set by admission. */
    public long journalCost;

    public int pieceCost;

    /** Member that this record fills, while all others get {@code COPIED} in its place; −1: for everybody alike. */
    int copyFor = -1;

    /** On the loop, once: every required replica has it durably, or {@code fenced}: it may or may not take effect. */
    protected abstract void committed(boolean fenced);

    final int payloadBytes() {
        return crcCount * io.varve.model.Geometry.BLOCK_BYTES;
    }
}
