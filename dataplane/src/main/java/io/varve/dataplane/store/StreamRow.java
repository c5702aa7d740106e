package io.varve.dataplane.store;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * A stream as the index keeps it: identity, and its state at {@code appliedSeq}. 96 bytes, little endian, versioned: a row with a guarantee is
 * of version 2, so that a program which would not keep it does not open the group.
 *
 * @param bornFrameSeq journal frames before this one speak of an earlier replica of the same stream
 * @param appliedEpoch epoch of the record {@code appliedSeq}
 * @param deleting its space is being given back; to everybody else it is gone
 * @param guaranteedBlocks from the first one, so many blocks of a thick volume have a unit each kept for them; 0: thin
 */
record StreamRow(
        long creationId,
        int blocks,
        long bornFrameSeq,
        long appliedSeq,
        int appliedEpoch,
        long commitSeq,
        int promisedEpoch,
        long promisedNodeHash,
        long promisedIncarnation,
        int layer,
        boolean deleting,
        int guaranteedBlocks) {
    private static final int BYTES = 96;
    private static final short THIN_VERSION = 1;
    private static final short THICK_VERSION = 2;

    byte[] encode() {
        return ByteBuffer.allocate(BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putShort(guaranteedBlocks == 0 ? THIN_VERSION : THICK_VERSION)
                .putShort((short) (deleting ? 1 : 0))
                .putInt(blocks)
                .putLong(creationId)
                .putLong(bornFrameSeq)
                .putLong(appliedSeq)
                .putLong(commitSeq)
                .putInt(appliedEpoch)
                .putInt(promisedEpoch)
                .putLong(promisedNodeHash)
                .putLong(promisedIncarnation)
                .putInt(layer)
                .putInt(guaranteedBlocks)
                .array();
    }

    /** Null if the bytes are of a later version. */
    static @Nullable StreamRow decode(byte[] bytes) {
        ByteBuffer from = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        short version = bytes.length == BYTES ? from.getShort() : 0;
        if (version != THIN_VERSION && version != THICK_VERSION) {
            return null;
        }
        boolean deleting = from.getShort() == 1;
        int blocks = from.getInt();
        long creationId = from.getLong();
        long born = from.getLong();
        long applied = from.getLong();
        long commit = from.getLong();
        int appliedEpoch = from.getInt();
        int promised = from.getInt();
        return new StreamRow(
                creationId,
                blocks,
                born,
                applied,
                appliedEpoch,
                commit,
                promised,
                from.getLong(),
                from.getLong(),
                from.getInt(),
                deleting,
                from.getInt());
    }

    static byte[] key(long stream) {
        return ByteBuffer.allocate(Long.BYTES).putLong(stream).array();
    }

    static long stream(byte[] key) {
        return ByteBuffer.wrap(key).getLong();
    }
}
