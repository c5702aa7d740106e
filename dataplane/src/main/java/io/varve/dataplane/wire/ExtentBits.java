package io.varve.dataplane.wire;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.varve.dataplane.buffer.Crc32c;
import java.util.Arrays;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** Some of a slab's extents as the payload of a message: one bit for each, lowest first; what is left of the last byte is zero. Stateless. */
public final class ExtentBits {
    private ExtentBits() {}

    /** Of a slab of so many extents. */
    public static int bytes(int extents) {
        return (extents + 7) / 8;
    }

    /** {@code set} holds nothing at or above {@code extents}. The buffer is the caller's to release. */
    public static ByteBuf write(BitSet set, int extents) {
        return Unpooled.wrappedBuffer(Arrays.copyOf(set.toByteArray(), bytes(extents)));
    }

    /** Null if the bytes were damaged on the way, or name extents that the slab does not have. No payload means no extents. */
    public static @Nullable BitSet read(@Nullable ByteBuf payload, int extents, int sum, Crc32c crc) {
        if (payload == null) {
            return extents == 0 ? new BitSet() : null;
        }
        int length = payload.readableBytes();
        byte[] bits = new byte[length];
        payload.getBytes(payload.readerIndex(), bits);
        BitSet set = BitSet.valueOf(bits);
        boolean isSound = length == bytes(extents)
                && crc.of(payload, payload.readerIndex(), length) == sum
                && set.length() <= extents;
        return isSound ? set : null;
    }
}
