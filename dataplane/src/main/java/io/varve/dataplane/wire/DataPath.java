package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;

/**
 * Layouts of the messages sent for every read and write, besides the record: ACK, NAK, COMMIT, READ, DATA, READ_REFUSED. Written and read
 * field by field, without an object. The getters take the metadata's first byte as {@code at}; {@link #isWellFormed} comes first.
 */
public final class DataPath {
    public static final int ACK_BYTES = 24;
    public static final int NAK_BYTES = 24;
    public static final int COMMIT_BYTES = 8;
    public static final int READ_BYTES = 16;
    public static final int DATA_FIXED_BYTES = 16;
    public static final int READ_REFUSED_BYTES = 8;

    private static final int MAX_BLOCKS = io.varve.model.Geometry.BLOCKS_PER_EXTENT;

    private DataPath() {}

    public static void writeAck(ByteBuf to, long durableSeq, long journalCredit, long pieceCredit) {
        to.writeLongLE(durableSeq);
        to.writeLongLE(journalCredit);
        to.writeLongLE(pieceCredit);
    }

    public static long ackDurableSeq(ByteBuf meta, int at) {
        return meta.getLongLE(at);
    }

    public static long ackJournalCredit(ByteBuf meta, int at) {
        return meta.getLongLE(at + 8);
    }

    public static long ackPieceCredit(ByteBuf meta, int at) {
        return meta.getLongLE(at + 16);
    }

    public static void writeNak(ByteBuf to, Refusal refusal, int promisedEpoch, long seq, long lastSeq) {
        to.writeIntLE(refusal.code());
        to.writeIntLE(promisedEpoch);
        to.writeLongLE(seq);
        to.writeLongLE(lastSeq);
    }

    public static int nakCode(ByteBuf meta, int at) {
        return meta.getUnsignedByte(at);
    }

    public static int nakPromisedEpoch(ByteBuf meta, int at) {
        return meta.getIntLE(at + 4);
    }

    public static long nakSeq(ByteBuf meta, int at) {
        return meta.getLongLE(at + 8);
    }

    public static long nakLastSeq(ByteBuf meta, int at) {
        return meta.getLongLE(at + 16);
    }

    public static long commitSeq(ByteBuf meta, int at) {
        return meta.getLongLE(at);
    }

    public static void writeRead(ByteBuf to, int block, int count, long leastSeq) {
        to.writeIntLE(block);
        to.writeIntLE(count);
        to.writeLongLE(leastSeq);
    }

    public static int readBlock(ByteBuf meta, int at) {
        return meta.getIntLE(at);
    }

    public static int readCount(ByteBuf meta, int at) {
        return meta.getIntLE(at + 4);
    }

    public static long readLeastSeq(ByteBuf meta, int at) {
        return meta.getLongLE(at + 8);
    }

    public static void writeData(ByteBuf to, long highestSeq, int[] crcs, int count) {
        to.writeLongLE(highestSeq);
        to.writeIntLE(count);
        to.writeIntLE(0);
        for (int i = 0; i < count; i++) {
            to.writeIntLE(crcs[i]);
        }
    }

    public static long dataHighestSeq(ByteBuf meta, int at) {
        return meta.getLongLE(at);
    }

    public static int dataCount(ByteBuf meta, int at) {
        return meta.getIntLE(at + 8);
    }

    public static int dataCrc(ByteBuf meta, int at, int i) {
        return meta.getIntLE(at + DATA_FIXED_BYTES + 4 * i);
    }

    public static void writeReadRefused(ByteBuf to, Refusal refusal, int block) {
        to.writeIntLE(refusal.code());
        to.writeIntLE(block);
    }

    public static int readRefusedCode(ByteBuf meta, int at) {
        return meta.getUnsignedByte(at);
    }

    public static int readRefusedBlock(ByteBuf meta, int at) {
        return meta.getIntLE(at + 4);
    }

    /** Lengths, counts and codes of the six; other types are for {@link MessageCodec}. */
    public static boolean isWellFormed(Header header, ByteBuf meta, int at) {
        return switch (header.type) {
            case ACK -> header.metaLength == ACK_BYTES && header.payloadLength == 0 && ackDurableSeq(meta, at) >= 0;
            case NAK ->
                header.metaLength == NAK_BYTES
                        && header.payloadLength == 0
                        && Refusal.of(nakCode(meta, at)) != null
                        && nakSeq(meta, at) >= 0;
            case COMMIT -> header.metaLength == COMMIT_BYTES && header.payloadLength == 0 && commitSeq(meta, at) >= 0;
            case READ ->
                header.metaLength == READ_BYTES
                        && header.payloadLength == 0
                        && isInExtent(readBlock(meta, at), readCount(meta, at));
            case DATA -> {
                int count = header.metaLength < DATA_FIXED_BYTES ? 0 : dataCount(meta, at);
                yield count > 0
                        && count <= MAX_BLOCKS
                        && header.metaLength == DATA_FIXED_BYTES + 4 * count
                        && header.payloadLength == count * io.varve.model.Geometry.BLOCK_BYTES;
            }
            case READ_REFUSED ->
                header.metaLength == READ_REFUSED_BYTES
                        && header.payloadLength == 0
                        && Refusal.of(readRefusedCode(meta, at)) != null;
            default -> false;
        };
    }

    private static boolean isInExtent(int block, int count) {
        return block >= 0
                && block < io.varve.model.Geometry.BLOCKS_PER_SLAB
                && count > 0
                && count <= MAX_BLOCKS
                && (block & MAX_BLOCKS - 1) + count <= MAX_BLOCKS;
    }
}
