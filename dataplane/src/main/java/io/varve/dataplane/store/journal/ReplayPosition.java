package io.varve.dataplane.store.journal;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Where recovery starts to read: the first frame that the index does not cover, or the place where the next frame would have come.
 *
 * @param slot place of the segment in the ring, -1 if nothing was ever written
 * @param segmentSeq the segment that must be there
 * @param offset within the segment, in bytes
 * @param frameSeq the frame expected there
 * @param previousCrc crc of the frame before it
 */
public record ReplayPosition(int slot, long segmentSeq, int offset, long frameSeq, int previousCrc) {
    /** Of a journal that holds nothing yet. */
    public static final ReplayPosition START = new ReplayPosition(-1, 0, 0, 1, 0);

    private static final int BYTES = 32;

    public byte[] encode() {
        return ByteBuffer.allocate(BYTES)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(1)
                .putInt(slot)
                .putLong(segmentSeq)
                .putInt(offset)
                .putLong(frameSeq)
                .putInt(previousCrc)
                .flip()
                .array();
    }

    /** Null if the bytes are not of this version. */
    public static @org.jspecify.annotations.Nullable ReplayPosition decode(byte[] bytes) {
        ByteBuffer from = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        if (bytes.length != BYTES || from.getInt() != 1) {
            return null;
        }
        return new ReplayPosition(from.getInt(), from.getLong(), from.getInt(), from.getLong(), from.getInt());
    }
}
