package io.varve.dataplane.store.journal;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.store.JournalRecord;
import io.varve.dataplane.store.Op;
import io.varve.model.Geometry;

/** Bytes of frames and descriptors, see {@code docs/internals/journal.md}. Stateless. */
public final class FrameLayout {
    static final int MAGIC = 0x4d524656;
    static final short VERSION = 1;
    static final int HEADER_BYTES = 64;
    static final int DESCRIPTOR_BYTES = 56;

    /** The count is one byte on disk. */
    static final int MAX_RECORDS = 255;

    /** One extent: the largest record fits, and a frame's write stays short enough that the next does not wait long. */
    static final int MAX_PAYLOAD_BLOCKS = Geometry.BLOCKS_PER_EXTENT;

    /** 255 descriptors of small writes take 15.4 KiB; the rest is for the checksum lists of direct writes, whose payload is elsewhere. */
    static final int MAX_HEAD_BYTES = 32 * 1024;

    static final int MAX_FRAME_BYTES = MAX_HEAD_BYTES + MAX_PAYLOAD_BLOCKS * Geometry.BLOCK_BYTES;

    /** A record of one whole extent in a frame of its own. */
    static final int MAX_RECORD_BYTES = 4096 + MAX_PAYLOAD_BLOCKS * Geometry.BLOCK_BYTES;

    static final int FLAG_COPY = 1;

    static final int AT_RECORDS = 6;
    static final int AT_FRAME_SEQ = 8;
    static final int AT_SEGMENT_SEQ = 16;
    static final int AT_INCARNATION = 24;
    static final int AT_PREVIOUS_CRC = 28;
    static final int AT_DURABLE = 32;
    static final int AT_DESCRIPTOR_BYTES = 40;
    static final int AT_PAYLOAD_BLOCKS = 44;
    static final int AT_TIME = 48;
    static final int AT_CRC = 60;

    private FrameLayout() {}

    static int padded(int bytes) {
        return (bytes + Geometry.BLOCK_BYTES - 1) & -Geometry.BLOCK_BYTES;
    }

    static int descriptorBytes(JournalRecord record) {
        int crcs = record.op.hasPayload() ? record.count : 0;
        return DESCRIPTOR_BYTES + crcs * Integer.BYTES + record.directPieces * Long.BYTES;
    }

    /** Blocks of the record that lie in the frame. */
    static int payloadBlocks(JournalRecord record) {
        return record.op.hasPayload() ? record.count - record.directPieces * Geometry.BLOCKS_PER_PIECE : 0;
    }

    /** Of a direct write: blocks before its first whole piece. */
    public static int blocksBeforePieces(int block) {
        return -block & (Geometry.BLOCKS_PER_PIECE - 1);
    }

    /** Whole aligned pieces inside a range. */
    public static int wholePieces(int block, int count) {
        int first = (block + Geometry.BLOCKS_PER_PIECE - 1) / Geometry.BLOCKS_PER_PIECE;
        int end = (block + count) / Geometry.BLOCKS_PER_PIECE;
        return Math.max(0, end - first);
    }

    /** Writes the descriptor at {@code at}; returns where the next one goes. */
    static int writeDescriptor(ByteBuf to, int at, JournalRecord record, int payloadOffset) {
        Op op = record.directPieces > 0 ? Op.WRITE_AU : record.op;
        to.setLongLE(at, record.stream);
        to.setLongLE(at + 8, record.seq);
        to.setIntLE(at + 16, record.epoch);
        to.setIntLE(at + 20, record.gen);
        to.setByte(at + 24, op.code());
        to.setByte(at + 25, record.copy ? FLAG_COPY : 0);
        to.setShortLE(at + 26, record.directPieces);
        if (op == Op.SEAL) {
            to.setLongLE(at + 28, record.aux2);
        } else {
            to.setIntLE(at + 28, record.block);
            to.setIntLE(at + 32, record.count);
        }
        to.setIntLE(at + 36, payloadOffset);
        to.setLongLE(at + 40, record.commitSeq);
        to.setLongLE(at + 48, record.aux);
        int next = at + DESCRIPTOR_BYTES;
        if (op.hasPayload()) {
            for (int i = 0; i < record.count; i++) {
                to.setIntLE(next, record.crcs[i]);
                next += Integer.BYTES;
            }
        }
        for (int i = 0; i < record.directPieces; i++) {
            to.setLongLE(next, record.directUnits[i]);
            next += Long.BYTES;
        }
        return next;
    }

    /**
     * Fills {@code into} from the descriptor at {@code at}, payload excepted. Returns where the next descriptor starts, or -1 if the
     * bytes make no sense: after a matching crc that means a newer version wrote them.
     */
    static int readDescriptor(ByteBuf from, int at, int end, ScannedRecord into) {
        if (end - at < DESCRIPTOR_BYTES) {
            return -1;
        }
        Op op = Op.of(from.getByte(at + 24));
        if (op == null) {
            return -1;
        }
        into.op = op == Op.WRITE_AU ? Op.WRITE : op;
        into.stream = from.getLongLE(at);
        into.seq = from.getLongLE(at + 8);
        into.epoch = from.getIntLE(at + 16);
        into.gen = from.getIntLE(at + 20);
        into.copy = (from.getByte(at + 25) & FLAG_COPY) != 0;
        into.directPieces = from.getUnsignedShortLE(at + 26);
        into.aux2 = op == Op.SEAL ? from.getLongLE(at + 28) : 0;
        into.block = op == Op.SEAL ? 0 : from.getIntLE(at + 28);
        into.count = op == Op.SEAL ? 0 : from.getIntLE(at + 32);
        into.payloadOffset = from.getIntLE(at + 36);
        into.commitSeq = from.getLongLE(at + 40);
        into.aux = from.getLongLE(at + 48);
        int crcs = op.hasPayload() ? into.count : 0;
        if (crcs < 0 || crcs > JournalRecord.MAX_BLOCKS || into.directPieces > Geometry.PIECES_PER_EXTENT) {
            return -1;
        }
        int next = at + DESCRIPTOR_BYTES;
        if (end - next < crcs * Integer.BYTES + into.directPieces * Long.BYTES) {
            return -1;
        }
        for (int i = 0; i < crcs; i++, next += Integer.BYTES) {
            into.crcs[i] = from.getIntLE(next);
        }
        for (int i = 0; i < into.directPieces; i++, next += Long.BYTES) {
            into.directUnits[i] = from.getLongLE(next);
        }
        return next;
    }
}
