package io.varve.dataplane.disk;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;

/**
 * The first and the last bytes of a device, read by their offset from its start; a negative offset counts from its end. What lies
 * outside of both never matches.
 */
record DeviceEnds(ByteBuf head, ByteBuf tail, long sizeBytes) {
    boolean has(long offset, String ascii) {
        return has(offset, ascii.getBytes(StandardCharsets.ISO_8859_1));
    }

    boolean has(long offset, byte[] bytes) {
        for (int i = 0; i < bytes.length; i++) {
            if (byteAt(offset + i) != (bytes[i] & 0xff)) {
                return false;
            }
        }
        return true;
    }

    /** 0 to 255, or -1 outside of what was read. */
    int byteAt(long offset) {
        long at = offset < 0 ? sizeBytes + offset : offset;
        if (at >= 0 && at < head.readableBytes()) {
            return head.getUnsignedByte((int) at);
        }
        long inTail = at - (sizeBytes - tail.readableBytes());
        return inTail >= 0 && inTail < tail.readableBytes() ? tail.getUnsignedByte((int) inTail) : -1;
    }

    /** Little endian; -1 outside of what was read. */
    long intAt(long offset) {
        long value = 0;
        for (int i = 3; i >= 0; i--) {
            int part = byteAt(offset + i);
            if (part < 0) {
                return -1;
            }
            value = value << 8 | part;
        }
        return value;
    }

    /** Text up to the first zero byte, for names; unprintable bytes are left out. */
    String text(long offset, int most) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < most; i++) {
            int character = byteAt(offset + i);
            if (character <= 0) {
                break;
            }
            if (character >= ' ' && character < 127) {
                text.append((char) character);
            }
        }
        return text.toString();
    }
}
