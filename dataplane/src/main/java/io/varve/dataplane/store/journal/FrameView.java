package io.varve.dataplane.store.journal;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Crc32c;
import io.varve.dataplane.store.Op;
import io.varve.model.Geometry;
import java.util.UUID;

/** Reads one frame in memory: first whether its head can be believed, then its fields and records. Reused; one thread. */
public final class FrameView {
    private final FrameChecksum checksum;
    private final Crc32c blockCrc = new Crc32c();
    private final ScannedRecord record = new ScannedRecord();
    private ByteBuf buffer = io.netty.buffer.Unpooled.EMPTY_BUFFER;
    private int at;

    public FrameView(UUID journal) {
        checksum = new FrameChecksum(journal);
    }

    /**
     * True if a whole, valid head starts at {@code at} and the frame it announces fits into {@code available} bytes. Says nothing of the
     * payload yet.
     */
    public boolean open(ByteBuf from, int index, int available) {
        buffer = from;
        at = index;
        if (available < Geometry.BLOCK_BYTES
                || buffer.getIntLE(at) != FrameLayout.MAGIC
                || buffer.getShortLE(at + 4) != FrameLayout.VERSION) {
            return false;
        }
        int descriptors = buffer.getIntLE(at + FrameLayout.AT_DESCRIPTOR_BYTES);
        if (descriptors < 0
                || descriptors > FrameLayout.MAX_HEAD_BYTES - FrameLayout.HEADER_BYTES
                || payloadBlocks() < 0
                || payloadBlocks() > FrameLayout.MAX_PAYLOAD_BLOCKS
                || bytes() > available) {
            return false;
        }
        return checksum.of(buffer, at, headBytes(), FrameLayout.AT_CRC) == crc();
    }

    public long frameSeq() {
        return buffer.getLongLE(at + FrameLayout.AT_FRAME_SEQ);
    }

    long segmentSeq() {
        return buffer.getLongLE(at + FrameLayout.AT_SEGMENT_SEQ);
    }

    int incarnation() {
        return buffer.getIntLE(at + FrameLayout.AT_INCARNATION);
    }

    int previousCrc() {
        return buffer.getIntLE(at + FrameLayout.AT_PREVIOUS_CRC);
    }

    long durableFrameSeq() {
        return buffer.getLongLE(at + FrameLayout.AT_DURABLE);
    }

    int crc() {
        return buffer.getIntLE(at + FrameLayout.AT_CRC);
    }

    public int records() {
        return buffer.getUnsignedByte(at + FrameLayout.AT_RECORDS);
    }

    int headBytes() {
        return FrameLayout.padded(FrameLayout.HEADER_BYTES + buffer.getIntLE(at + FrameLayout.AT_DESCRIPTOR_BYTES));
    }

    int payloadBlocks() {
        return buffer.getIntLE(at + FrameLayout.AT_PAYLOAD_BLOCKS);
    }

    /** Head and payload. */
    public int bytes() {
        return headBytes() + payloadBlocks() * Geometry.BLOCK_BYTES;
    }

    /** Where in the buffer the payload starts. */
    public int payloadIndex() {
        return at + headBytes();
    }

    /** Hands every record to {@code visitor}; false if the descriptors make no sense. */
    public boolean forEach(Visitor visitor) {
        int next = at + FrameLayout.HEADER_BYTES;
        int end = next + buffer.getIntLE(at + FrameLayout.AT_DESCRIPTOR_BYTES);
        for (int i = 0; i < records(); i++) {
            next = FrameLayout.readDescriptor(buffer, next, end, record);
            if (next < 0) {
                return false;
            }
            visitor.record(record, i);
        }
        return true;
    }

    /** True if every journalled block matches its checksum. */
    boolean payloadMatches() {
        payloadGood = true;
        return forEach(this::checkPayload) && payloadGood;
    }

    private boolean payloadGood;

    private void checkPayload(ScannedRecord scanned, int index) {
        if (scanned.op != Op.WRITE) {
            return;
        }
        int direct = scanned.directPieces * Geometry.BLOCKS_PER_PIECE;
        int before = direct == 0 ? scanned.count : FrameLayout.blocksBeforePieces(scanned.block);
        int offset = payloadIndex() + scanned.payloadOffset * Geometry.BLOCK_BYTES;
        for (int i = 0; i < scanned.count; i++) {
            if (i == before) {
                i += direct;
                if (i >= scanned.count) {
                    break;
                }
            }
            if (blockCrc.of(buffer, offset, Geometry.BLOCK_BYTES) != scanned.crcs[i]) {
                payloadGood = false;
                return;
            }
            offset += Geometry.BLOCK_BYTES;
        }
    }

    /** Sees the records of a frame in order. */
    @FunctionalInterface
    public interface Visitor {
        void record(ScannedRecord record, int index);
    }
}
