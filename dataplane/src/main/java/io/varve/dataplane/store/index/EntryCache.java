package io.varve.dataplane.store.index;

import io.varve.model.Geometry;
import java.util.Arrays;

/**
 * Extent entries in memory, decoded, one row each in primitive arrays. A row answers "the newest entry of this extent at or below this
 * layer", absence included. Rows that a checkpoint changed are pinned until they are saved. Up to the capacity, more only while
 * everything is pinned. Confined to the group's loop; nothing is allocated per lookup.
 */
public final class EntryCache {
    /** A slot without a unit: zero marks only. */
    public static final int NO_UNIT = -1;

    static final int PIECES = Geometry.PIECES_PER_EXTENT;

    private static final int FIRST_ROWS = 64;
    private static final byte EXISTS = 1;
    private static final byte LOST = 2;
    private static final byte DIRTY = 4;
    private static final byte USED = 8;
    /** The row has a key: it is not free. */
    private static final byte TAKEN = 16;

    private final int capacity;
    private final LongIntTable table = new LongIntTable();
    private long[] keys = new long[FIRST_ROWS];
    private int[] layers = new int[FIRST_ROWS];
    private byte[] flags = new byte[FIRST_ROWS];
    private short[] mapped = new short[FIRST_ROWS];
    private int[] units = new int[FIRST_ROWS * PIECES];
    private short[] present = new short[FIRST_ROWS * PIECES];
    private short[] zero = new short[FIRST_ROWS * PIECES];
    /** Device u8, flags u8, keyId u8, compressed sectors u8. */
    private int[] extras = new int[FIRST_ROWS * PIECES];

    private int end;
    private int hand;
    private int dirtyRows;

    public EntryCache(int capacity) {
        this.capacity = capacity;
    }

    /** {@code slot}: the stream's number within the group, below 65 536. */
    public static long key(int slot, int extent, int layer) {
        return ((long) slot << 48) | ((long) extent << 32) | (layer & 0xffffffffL);
    }

    public static int keySlot(long key) {
        return (int) (key >>> 48);
    }

    public static int keyExtent(long key) {
        return (int) (key >>> 32) & 0xffff;
    }

    public static int keyLayer(long key) {
        return (int) key;
    }

    /** The row, or -1 if it must be loaded. */
    public int find(long key) {
        int row = table.get(key);
        if (row >= 0) {
            flags[row] |= USED;
        }
        return row;
    }

    /** A row for {@code key} that says "no entry", to be filled. */
    public int add(long key) {
        int row = table.get(key);
        if (row < 0) {
            row = freeRow();
            table.put(key, row);
        }
        keys[row] = key;
        layers[row] = keyLayer(key);
        flags[row] = (byte) (USED | TAKEN | (flags[row] & DIRTY));
        mapped[row] = 0;
        int first = row * PIECES;
        Arrays.fill(units, first, first + PIECES, NO_UNIT);
        Arrays.fill(present, first, first + PIECES, (short) 0);
        Arrays.fill(zero, first, first + PIECES, (short) 0);
        Arrays.fill(extras, first, first + PIECES, 0);
        return row;
    }

    private int freeRow() {
        if (end >= capacity) {
            for (int i = 0; i < 2 * end; i++) {
                hand = hand + 1 >= end ? 0 : hand + 1;
                if ((flags[hand] & DIRTY) != 0) {
                    continue;
                }
                if ((flags[hand] & USED) != 0) {
                    flags[hand] &= ~USED;
                    continue;
                }
                if ((flags[hand] & TAKEN) != 0) {
                    table.remove(keys[hand]);
                }
                flags[hand] = 0;
                return hand;
            }
        }
        if (end == keys.length) {
            grow();
        }
        return end++;
    }

    private void grow() {
        int rows = keys.length * 2;
        keys = Arrays.copyOf(keys, rows);
        layers = Arrays.copyOf(layers, rows);
        flags = Arrays.copyOf(flags, rows);
        mapped = Arrays.copyOf(mapped, rows);
        units = Arrays.copyOf(units, rows * PIECES);
        present = Arrays.copyOf(present, rows * PIECES);
        zero = Arrays.copyOf(zero, rows * PIECES);
        extras = Arrays.copyOf(extras, rows * PIECES);
    }

    /** Forgets every row of a stream. */
    public void removeStream(int slot) {
        for (int row = 0; row < end; row++) {
            if ((flags[row] & TAKEN) != 0 && keySlot(keys[row]) == slot) {
                table.remove(keys[row]);
                dirtyRows -= (flags[row] & DIRTY) != 0 ? 1 : 0;
                flags[row] = 0;
            }
        }
    }

    public boolean exists(int row) {
        return (flags[row] & EXISTS) != 0;
    }

    /** True if the entry's value rotted: what is absent in it is unknown, not zero. */
    public boolean isLost(int row) {
        return (flags[row] & LOST) != 0;
    }

    public void setExists(int row, boolean lost) {
        flags[row] |= EXISTS;
        flags[row] = (byte) (lost ? flags[row] | LOST : flags[row] & ~LOST);
    }

    /** The layer of the entry found, at or below the one asked for. */
    public int layer(int row) {
        return layers[row];
    }

    void setLayer(int row, int layer) {
        layers[row] = layer;
    }

    public boolean isMapped(int row, int piece) {
        return (mapped[row] & 1 << piece) != 0;
    }

    int mappedMask(int row) {
        return mapped[row] & 0xffff;
    }

    public int unit(int row, int piece) {
        return units[row * PIECES + piece];
    }

    public int device(int row, int piece) {
        return extras[row * PIECES + piece] & 0xff;
    }

    public int present(int row, int piece) {
        return present[row * PIECES + piece] & 0xffff;
    }

    public int zero(int row, int piece) {
        return zero[row * PIECES + piece] & 0xffff;
    }

    int extras(int row, int piece) {
        return extras[row * PIECES + piece];
    }

    void setRaw(int row, int piece, int extra, int unit, int presentMask, int zeroMask) {
        int at = row * PIECES + piece;
        mapped[row] |= (short) (1 << piece);
        extras[at] = extra;
        units[at] = unit;
        present[at] = (short) presentMask;
        zero[at] = (short) zeroMask;
    }

    /** Maps a piece to a unit. Pins the row. */
    public void map(int row, int piece, int device, int unit, int presentMask, int zeroMask) {
        setRaw(row, piece, device & 0xff, unit, presentMask, zeroMask);
        flags[row] |= EXISTS;
        pin(row);
    }

    /** Changes which blocks of a mapped piece count. Pins the row, unless all is as it was: most overwrites need no change of the index. */
    public void setMasks(int row, int piece, int presentMask, int zeroMask) {
        int at = row * PIECES + piece;
        if (present[at] != (short) presentMask || zero[at] != (short) zeroMask) {
            present[at] = (short) presentMask;
            zero[at] = (short) zeroMask;
            pin(row);
        }
    }

    /** The piece is no longer in this entry. Pins the row. */
    public void unmap(int row, int piece) {
        mapped[row] &= (short) ~(1 << piece);
        int at = row * PIECES + piece;
        units[at] = NO_UNIT;
        present[at] = 0;
        zero[at] = 0;
        extras[at] = 0;
        pin(row);
    }

    private void pin(int row) {
        if ((flags[row] & DIRTY) == 0) {
            flags[row] |= DIRTY;
            dirtyRows++;
        }
    }

    public int dirtyRows() {
        return dirtyRows;
    }

    /** Hands pinned rows from {@code from} on to {@code saver}, at most {@code most} of them; returns where to go on, -1 at the end. */
    public int forEachDirty(int from, int most, RowVisitor saver) {
        int seen = 0;
        for (int row = from; row < end && dirtyRows > 0; row++) {
            if (seen == most) {
                return row;
            }
            if ((flags[row] & DIRTY) != 0) {
                saver.row(row, keys[row]);
                seen++;
            }
        }
        return -1;
    }

    /** After the commit: pinned rows may go. */
    public void unpinAll() {
        for (int row = 0; row < end && dirtyRows > 0; row++) {
            if ((flags[row] & DIRTY) != 0) {
                flags[row] &= ~DIRTY;
                dirtyRows--;
            }
        }
    }

    /** Sees rows. */
    @FunctionalInterface
    public interface RowVisitor {
        void row(int row, long key);
    }
}
