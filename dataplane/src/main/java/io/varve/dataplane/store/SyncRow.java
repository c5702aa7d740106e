package io.varve.dataplane.store;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * What a copy that came back still misses, as the index keeps it: the extents that were not done at the stream's {@code appliedSeq}. A stream without such a
 * row is complete. Little endian, versioned; see {@code docs/internals/resync.md}.
 *
 * @param session whose COPIED records count; never 0
 * @param joinSeq first number of the log that this session began
 * @param extents how many the slab has
 * @param todo never changed once it is here
 */
record SyncRow(long session, long joinSeq, int extents, BitSet todo) {
    private static final int FIXED_BYTES = 24;
    private static final short VERSION = 1;

    byte[] encode() {
        byte[] bits = todo.toByteArray();
        return ByteBuffer.allocate(FIXED_BYTES + (extents + 7) / 8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putShort(VERSION)
                .putShort((short) 0)
                .putInt(extents)
                .putLong(session)
                .putLong(joinSeq)
                .put(bits)
                .array();
    }

    /** Null if the bytes are not of this version, or make no sense. */
    static @Nullable SyncRow decode(byte[] bytes) {
        ByteBuffer from = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        if (bytes.length < FIXED_BYTES || from.getShort() != VERSION || from.getShort() != 0) {
            return null;
        }
        int extents = from.getInt();
        long session = from.getLong();
        long joinSeq = from.getLong();
        BitSet todo = BitSet.valueOf(from);
        boolean isSound = extents > 0
                && bytes.length == FIXED_BYTES + (extents + 7L) / 8
                && session != 0
                && joinSeq > 0
                && todo.length() <= extents;
        return isSound ? new SyncRow(session, joinSeq, extents, todo) : null;
    }
}
