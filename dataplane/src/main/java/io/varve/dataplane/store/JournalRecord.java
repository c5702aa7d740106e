package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;
import org.jspecify.annotations.Nullable;

/**
 * One record on its way into the journal. A pooled object of the caller: it fills the fields, calls {@link ReplicaStore#append} and
 * leaves everything alone until {@link #appended}. The payload is retained by the caller until then (the store takes no reference
 * beyond it: what it needs later it reads from the journal).
 */
public abstract class JournalRecord {
    /** Most blocks of one record with payload: one extent. */
    public static final int MAX_BLOCKS = io.varve.model.Geometry.BLOCKS_PER_EXTENT;

    public long stream;
    public Op op = Op.WRITE;
    public int epoch;
    public int gen;
    /** Taken for sequenced operations; TRUNCATE: the last seq that remains. */
    public long seq;
    /** Newest committed seq that the sender knows; rides along. */
    public long commitSeq;
    /** First block within the slab, and how many. */
    public int block;

    public int count;
    /** SNAPMARK: the new layer. SEAL: the promised node's hash; see {@link #aux2}. */
    public long aux;
    /** SEAL: the promised node's incarnation. */
    public long aux2;

    /** {@code count * 4096} bytes from {@code payloadIndex}, aligned; null without payload. */
    public @Nullable ByteBuf payload;

    public int payloadIndex;
    /** CRC32C of each block of the payload. Already checked by whoever received it; the store stores it as it is. */
    public final int[] crcs = new int[MAX_BLOCKS];

    /**
     * On the loop, once: OK means durable (frame and, for direct writes, data). Records of one stream complete in the order in which
     * they were appended. NO_SPACE and NOT_MEMBER leave no trace; IO_ERROR: unknown, and the group is failed.
     */
    protected abstract void appended(StoreStatus status);

    /** Used by the store to chain waiting records. */
    @Nullable JournalRecord next;

    /** Used by the store: whole pieces that went straight to fresh units, 0 if all payload goes through the journal. */
    public int directPieces;

    /** Used by the store: transfers to units that have not landed. */
    int directOutstanding;

    /** Used by the store: {@code device << 32 | unit} of each direct piece. */
    public final long[] directUnits = new long[io.varve.model.Geometry.PIECES_PER_EXTENT];

    /** Used by the store: a copy of a record that stands further back in the journal. */
    public boolean copy;
}
