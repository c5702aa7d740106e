package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;
import io.varve.dataplane.buffer.Crc32c;
import org.jspecify.annotations.Nullable;

/** The 40 bytes in front of every message. A mutable flyweight: one for each connection and direction, confined to its loop. */
public final class Header {
    public static final int BYTES = 40;
    public static final int VERSION = 1;

    /** A record of 256 blocks needs 1 072 bytes, 512 leases need 8 KiB. */
    public static final int MAX_META_BYTES = 16 * 1024;

    /** The data of one extent: no record and no read is larger. */
    public static final int MAX_PAYLOAD_BYTES = 1 << 20;

    private static final int MAGIC = 'V' | 'R' << 8;
    private static final int META_CRC_AT = 32;
    private static final int CRC_AT = 36;

    public MessageType type = MessageType.HELLO;
    public int flags;
    public int metaLength;
    public int payloadLength;
    public int requestId;
    public long stream;
    public int epoch;
    public int gen;
    int metaCrc;

    /** Writes header and checksums into the first 40 bytes at {@code index}; the metadata already stands behind them. */
    void write(ByteBuf to, int index, Crc32c crc) {
        to.setShortLE(index, MAGIC);
        to.setByte(index + 2, VERSION);
        to.setByte(index + 3, type.code());
        to.setShortLE(index + 4, flags);
        to.setShortLE(index + 6, metaLength);
        to.setIntLE(index + 8, payloadLength);
        to.setIntLE(index + 12, requestId);
        to.setLongLE(index + 16, stream);
        to.setIntLE(index + 24, epoch);
        to.setIntLE(index + 28, gen);
        metaCrc = metaLength == 0 ? 0 : crc.of(to, index + BYTES, metaLength);
        to.setIntLE(index + META_CRC_AT, metaCrc);
        to.setIntLE(index + CRC_AT, crc.of(to, index, CRC_AT));
    }

    /** Reads and checks; null if all is well, else what is wrong. */
    @Nullable String read(ByteBuf from, int index, Crc32c crc) {
        if (from.getIntLE(index + CRC_AT) != crc.of(from, index, CRC_AT)) {
            return "header checksum does not match";
        }
        if (from.getUnsignedShortLE(index) != MAGIC) {
            return "magic is not VR";
        }
        int version = from.getUnsignedByte(index + 2);
        if (version != VERSION) {
            return "version " + version + " is not spoken here";
        }
        int code = from.getUnsignedByte(index + 3);
        MessageType known = MessageType.of(code);
        if (known == null || !known.isSpoken()) {
            return "message type " + code + " is not spoken here";
        }
        type = known;
        flags = from.getUnsignedShortLE(index + 4);
        metaLength = from.getUnsignedShortLE(index + 6);
        payloadLength = from.getIntLE(index + 8);
        requestId = from.getIntLE(index + 12);
        stream = from.getLongLE(index + 16);
        epoch = from.getIntLE(index + 24);
        gen = from.getIntLE(index + 28);
        metaCrc = from.getIntLE(index + META_CRC_AT);
        if (metaLength > MAX_META_BYTES) {
            return "metadata of " + metaLength + " bytes is above the limit";
        }
        if (payloadLength < 0 || payloadLength > MAX_PAYLOAD_BYTES) {
            return "payload of " + Integer.toUnsignedString(payloadLength) + " bytes is above the limit";
        }
        return null;
    }
}
