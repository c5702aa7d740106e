package io.varve.dataplane.store.index;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/** Bytes of keys and values of the {@code extent} table, see {@code docs/internals/index.md}. One thread. */
public final class EntryCodec {
    public static final int KEY_BYTES = 16;

    private static final byte VERSION = 1;
    private static final int FLAG_LOST = 1;
    private static final int HEADER_BYTES = 10;
    private static final int AT_KINDS = 2;
    private static final int AT_CRC = 6;
    private static final int FULL = 1;
    private static final int NARROW = 2;
    private static final int WIDE = 3;
    private static final int[] SLOT_BYTES = {0, 5, 7, 12};
    private static final int MAX_BYTES = HEADER_BYTES + EntryCache.PIECES * 12;
    private static final int ALL_PRESENT = 0xffff;

    private final CRC32C crc = new CRC32C();
    private final ByteBuffer buffer = ByteBuffer.allocate(MAX_BYTES).order(ByteOrder.LITTLE_ENDIAN);

    /** Newer layers sort first, so that one seek finds the newest at or below the one asked for. */
    public static byte[] key(long stream, int extent, int layer) {
        return ByteBuffer.allocate(KEY_BYTES)
                .putLong(stream)
                .putInt(extent)
                .putInt(~layer)
                .array();
    }

    public static long keyStream(byte[] key) {
        return ByteBuffer.wrap(key).getLong();
    }

    public static int keyExtent(byte[] key) {
        return ByteBuffer.wrap(key).getInt(8);
    }

    public static int keyLayer(byte[] key) {
        return ~ByteBuffer.wrap(key).getInt(12);
    }

    /** The value of a row; null if the row says nothing, so that its key must go. */
    public byte @Nullable [] encode(EntryCache cache, int row, byte[] key) {
        if (!cache.exists(row) || (cache.mappedMask(row) == 0 && !cache.isLost(row))) {
            return null;
        }
        int kinds = 0;
        buffer.clear()
                .put(VERSION)
                .put((byte) (cache.isLost(row) ? FLAG_LOST : 0))
                .putInt(0)
                .putInt(0);
        for (int piece = 0; piece < EntryCache.PIECES; piece++) {
            int kind = kind(cache, row, piece);
            kinds |= kind << (2 * piece);
            putSlot(cache, row, piece, kind);
        }
        buffer.putInt(AT_KINDS, kinds);
        buffer.putInt(AT_CRC, checksum(key, buffer.array(), buffer.position()));
        byte[] value = new byte[buffer.position()];
        buffer.flip().get(value);
        return value;
    }

    private static int kind(EntryCache cache, int row, int piece) {
        if (!cache.isMapped(row, piece)) {
            return 0;
        }
        if (cache.zero(row, piece) != 0 || cache.extras(row, piece) >>> 8 != 0) {
            return WIDE;
        }
        return cache.present(row, piece) == ALL_PRESENT ? FULL : NARROW;
    }

    private void putSlot(EntryCache cache, int row, int piece, int kind) {
        if (kind == 0) {
            return;
        }
        int extras = cache.extras(row, piece);
        buffer.put((byte) extras);
        if (kind == WIDE) {
            buffer.put((byte) (extras >>> 8));
            buffer.putShort((short) cache.present(row, piece));
            buffer.putShort((short) cache.zero(row, piece));
            buffer.put((byte) (extras >>> 16)).put((byte) (extras >>> 24));
        }
        buffer.putInt(cache.unit(row, piece));
        if (kind == NARROW) {
            buffer.putShort((short) cache.present(row, piece));
        }
    }

    /** Fills a row from a value. A value that does not match its checksum leaves the row "lost". */
    public void decode(byte[] key, byte[] value, EntryCache cache, int row) {
        cache.setLayer(row, keyLayer(key));
        ByteBuffer from = ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN);
        if (!isValid(key, value, from)) {
            cache.setExists(row, true);
            return;
        }
        cache.setExists(row, (value[1] & FLAG_LOST) != 0);
        int kinds = from.getInt(AT_KINDS);
        from.position(HEADER_BYTES);
        for (int piece = 0; piece < EntryCache.PIECES; piece++) {
            int kind = (kinds >>> (2 * piece)) & 3;
            if (kind == 0) {
                continue;
            }
            int extras = from.get() & 0xff;
            int present = ALL_PRESENT;
            int zero = 0;
            if (kind == WIDE) {
                extras |= (from.get() & 0xff) << 8;
                present = from.getShort() & 0xffff;
                zero = from.getShort() & 0xffff;
                extras |= ((from.get() & 0xff) << 16) | ((from.get() & 0xff) << 24);
            }
            int unit = from.getInt();
            if (kind == NARROW) {
                present = from.getShort() & 0xffff;
            }
            cache.setRaw(row, piece, extras, unit, present, zero);
        }
    }

    private boolean isValid(byte[] key, byte[] value, ByteBuffer from) {
        if (value.length < HEADER_BYTES || value[0] != VERSION) {
            return false;
        }
        int kinds = from.getInt(AT_KINDS);
        int bytes = HEADER_BYTES;
        for (int piece = 0; piece < EntryCache.PIECES; piece++) {
            bytes += SLOT_BYTES[(kinds >>> (2 * piece)) & 3];
        }
        return bytes == value.length && checksum(key, value, value.length) == from.getInt(AT_CRC);
    }

    private int checksum(byte[] key, byte[] value, int bytes) {
        crc.reset();
        crc.update(key);
        crc.update(value, 0, AT_CRC);
        crc.update(value, AT_CRC + Integer.BYTES, bytes - AT_CRC - Integer.BYTES);
        return (int) crc.getValue();
    }
}
