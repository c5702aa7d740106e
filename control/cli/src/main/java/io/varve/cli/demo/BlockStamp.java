package io.varve.cli.demo;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/**
 * What a stamped block says: which block it is, and the number of the write that made it. Repeated with a checksum at both
 * ends of the block, so that a torn or misplaced one is seen.
 */
final class BlockStamp {
    static final int BLOCK_BYTES = 4096;

    private static final long MAGIC = 0x564152564544454dL; // "VARVEDEM"
    private static final int STAMP_BYTES = 32;
    private static final int CHECKED_BYTES = 24;

    private BlockStamp() {}

    /** What reading a block found. */
    sealed interface Found {
        /** The block was never stamped: all zeros. */
        record Nothing() implements Found {}

        /** A whole stamp of this very block. */
        record Write(long number) implements Found {}

        /** Anything else: data is wrong. */
        record Damage(String what) implements Found {}
    }

    /** Fills {@code block} with the stamp. */
    static void write(byte[] block, long index, long number) {
        stamp(block, 0, index, number);
        java.util.Arrays.fill(block, STAMP_BYTES, BLOCK_BYTES - STAMP_BYTES, (byte) number);
        stamp(block, BLOCK_BYTES - STAMP_BYTES, index, number);
    }

    private static void stamp(byte[] block, int at, long index, long number) {
        var buffer = ByteBuffer.wrap(block, at, STAMP_BYTES).slice().order(ByteOrder.LITTLE_ENDIAN);
        buffer.putLong(MAGIC).putLong(index).putLong(number).putLong(checksum(block, at));
    }

    private static long checksum(byte[] block, int at) {
        var crc = new CRC32C();
        crc.update(block, at, CHECKED_BYTES);
        return crc.getValue();
    }

    static Found read(byte[] block, long index) {
        var head = ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN);
        var tail = BLOCK_BYTES - STAMP_BYTES;
        if (head.getLong(0) == 0 && isZero(block)) {
            return new Found.Nothing();
        }
        if (head.getLong(0) != MAGIC || head.getLong(CHECKED_BYTES) != checksum(block, 0)) {
            return new Found.Damage("no valid stamp");
        }
        if (head.getLong(8) != index) {
            return new Found.Damage("the stamp of block " + head.getLong(8));
        }
        if (!java.util.Arrays.equals(block, 0, STAMP_BYTES, block, tail, BLOCK_BYTES)) {
            return new Found.Damage("a torn block");
        }
        return new Found.Write(head.getLong(16));
    }

    private static boolean isZero(byte[] block) {
        for (var value : block) {
            if (value != 0) {
                return false;
            }
        }
        return true;
    }
}
