package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;
import io.varve.model.Geometry;
import org.jspecify.annotations.Nullable;

/**
 * The metadata of REPLICATE and TAIL: one log record without its payload. Mutable, pooled by its owner; access points extend it with what
 * they keep about a record in flight. The operation's code is that of the journal.
 */
public class WireRecord {
    /** Bytes without the checksums. */
    public static final int FIXED_BYTES = 48;

    private static final int MAX_CRCS = Geometry.BLOCKS_PER_EXTENT;

    public byte op;
    /** Epoch of the record itself; the header has the speaker's. */
    public int recordEpoch;
    /** Epoch of the record before it in the log. */
    public int prevEpoch;

    public long seq;
    public int block;
    public int count;
    public long commitSeq;
    public long aux;
    /** How many of {@link #crcs} hold: {@link #count} with payload, else 0. */
    public int crcCount;

    public final int[] crcs = new int[MAX_CRCS];

    public final int metaLength() {
        return FIXED_BYTES + 4 * crcCount;
    }

    public final void copyFrom(WireRecord from) {
        op = from.op;
        recordEpoch = from.recordEpoch;
        prevEpoch = from.prevEpoch;
        seq = from.seq;
        block = from.block;
        count = from.count;
        commitSeq = from.commitSeq;
        aux = from.aux;
        crcCount = from.crcCount;
        System.arraycopy(from.crcs, 0, crcs, 0, crcCount);
    }

    /** {@code commit} is that of now: a record that is sent again tells the newest. */
    public final void write(ByteBuf to, long commit) {
        to.writeByte(op);
        to.writeByte(0);
        to.writeShortLE(crcCount);
        to.writeIntLE(recordEpoch);
        to.writeLongLE(seq);
        to.writeIntLE(prevEpoch);
        to.writeIntLE(block);
        to.writeIntLE(count);
        to.writeIntLE(0);
        to.writeLongLE(commit);
        to.writeLongLE(aux);
        for (int i = 0; i < crcCount; i++) {
            to.writeIntLE(crcs[i]);
        }
    }

    /** Null if all is well, else what is wrong. Whether the operation exists and the range lies in the slab is for the receiver to say. */
    public final @Nullable String read(ByteBuf from, int index, int metaLength, int payloadLength) {
        if (metaLength < FIXED_BYTES) {
            return "record metadata of " + metaLength + " bytes";
        }
        op = from.getByte(index);
        crcCount = from.getUnsignedShortLE(index + 2);
        recordEpoch = from.getIntLE(index + 4);
        seq = from.getLongLE(index + 8);
        prevEpoch = from.getIntLE(index + 16);
        block = from.getIntLE(index + 20);
        count = from.getIntLE(index + 24);
        commitSeq = from.getLongLE(index + 32);
        aux = from.getLongLE(index + 40);
        if (crcCount > MAX_CRCS || metaLength != FIXED_BYTES + 4 * crcCount) {
            return "record with " + crcCount + " checksums in " + metaLength + " bytes";
        }
        if (payloadLength != crcCount * Geometry.BLOCK_BYTES) {
            return "record with " + crcCount + " checksums and " + payloadLength + " bytes of payload";
        }
        if (block < 0 || count < 0 || (long) block + count > Geometry.BLOCKS_PER_SLAB) {
            return "record names blocks outside of a slab: " + block + " + " + count;
        }
        if (crcCount != 0 && (crcCount != count || (block & MAX_CRCS - 1) + count > MAX_CRCS)) {
            return "record with payload crosses an extent: " + block + " + " + count;
        }
        if (seq <= 0 || commitSeq < 0) {
            return "record with seq " + seq + ", commitSeq " + commitSeq;
        }
        for (int i = 0; i < crcCount; i++) {
            crcs[i] = from.getIntLE(index + FIXED_BYTES + 4 * i);
        }
        return null;
    }
}
