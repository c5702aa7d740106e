package io.varve.dataplane.store;

import io.netty.buffer.ByteBuf;

/** Tells a device of ours from anybody else's, without judging what state it is in. */
public final class SuperblockMark {
    private SuperblockMark() {}

    /** True if one of the copies at the device's start carries the magic, damaged or not. */
    public static boolean isIn(ByteBuf firstBytes) {
        return isAt(firstBytes, 0) || isAt(firstBytes, (int) SuperblockCopies.SPACING_BYTES);
    }

    private static boolean isAt(ByteBuf bytes, int index) {
        return bytes.readableBytes() >= index + Long.BYTES && bytes.getLongLE(index) == Superblock.MAGIC;
    }
}
