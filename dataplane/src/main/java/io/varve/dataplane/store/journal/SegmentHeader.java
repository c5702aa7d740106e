package io.varve.dataplane.store.journal;

import io.netty.buffer.ByteBuf;
import io.varve.model.Geometry;
import java.util.UUID;

/** The 4 KiB block at the start of a segment. */
record SegmentHeader(long segmentSeq, int incarnation, long firstFrameSeq, int previousCrc) {
    private static final int MAGIC = 0x47455356;
    private static final short VERSION = 1;
    private static final int AT_CRC = 60;
    private static final int BYTES = 64;

    void write(ByteBuf to, int at, UUID journal, FrameChecksum checksum) {
        to.setZero(at, Geometry.BLOCK_BYTES);
        to.setIntLE(at, MAGIC);
        to.setShortLE(at + 4, VERSION);
        to.setLongLE(at + 8, journal.getMostSignificantBits());
        to.setLongLE(at + 16, journal.getLeastSignificantBits());
        to.setLongLE(at + 24, segmentSeq);
        to.setIntLE(at + 32, incarnation);
        to.setLongLE(at + 40, firstFrameSeq);
        to.setIntLE(at + 48, previousCrc);
        to.setIntLE(at + AT_CRC, checksum.of(to, at, BYTES, AT_CRC));
    }

    /** Null if there is no valid header of this journal. */
    static @org.jspecify.annotations.Nullable SegmentHeader read(ByteBuf from, int at, FrameChecksum checksum) {
        if (from.getIntLE(at) != MAGIC
                || from.getShortLE(at + 4) != VERSION
                || checksum.of(from, at, BYTES, AT_CRC) != from.getIntLE(at + AT_CRC)) {
            return null;
        }
        return new SegmentHeader(
                from.getLongLE(at + 24), from.getIntLE(at + 32), from.getLongLE(at + 40), from.getIntLE(at + 48));
    }
}
