package io.varve.dataplane.store.index;

import java.util.Arrays;

/**
 * Long keys to non-negative ints: open addressing with linear probing and backward-shift deletion, so it neither allocates per
 * operation nor decays. Grows by doubling at half load. One thread.
 */
public final class LongIntTable {
    private static final int FIRST_CAPACITY = 64;
    private static final int ABSENT = -1;

    private long[] keys = new long[FIRST_CAPACITY];
    private int[] values = new int[FIRST_CAPACITY];
    private int size;

    public LongIntTable() {
        Arrays.fill(values, ABSENT);
    }

    /** The value, or -1. */
    public int get(long key) {
        int mask = keys.length - 1;
        int at = slot(key, mask);
        while (values[at] != ABSENT) {
            if (keys[at] == key) {
                return values[at];
            }
            at = (at + 1) & mask;
        }
        return ABSENT;
    }

    public void put(long key, int value) {
        if ((size + 1) * 2 > keys.length) {
            grow();
        }
        int mask = keys.length - 1;
        int at = slot(key, mask);
        while (values[at] != ABSENT && keys[at] != key) {
            at = (at + 1) & mask;
        }
        if (values[at] == ABSENT) {
            size++;
        }
        keys[at] = key;
        values[at] = value;
    }

    public void remove(long key) {
        int mask = keys.length - 1;
        int hole = slot(key, mask);
        while (keys[hole] != key || values[hole] == ABSENT) {
            if (values[hole] == ABSENT) {
                return;
            }
            hole = (hole + 1) & mask;
        }
        size--;
        // Moves back every follower that would no longer be reached over the hole.
        int at = hole;
        while (true) {
            at = (at + 1) & mask;
            if (values[at] == ABSENT) {
                break;
            }
            int home = slot(keys[at], mask);
            if (((at - home) & mask) >= ((at - hole) & mask)) {
                keys[hole] = keys[at];
                values[hole] = values[at];
                hole = at;
            }
        }
        values[hole] = ABSENT;
    }

    public int size() {
        return size;
    }

    /** Sees every pair, in no order. The table must not change meanwhile. */
    public void forEach(Visitor visitor) {
        for (int i = 0; i < keys.length; i++) {
            if (values[i] != ABSENT) {
                visitor.entry(keys[i], values[i]);
            }
        }
    }

    private void grow() {
        long[] oldKeys = keys;
        int[] oldValues = values;
        keys = new long[oldKeys.length * 2];
        values = new int[keys.length];
        Arrays.fill(values, ABSENT);
        size = 0;
        for (int i = 0; i < oldKeys.length; i++) {
            if (oldValues[i] != ABSENT) {
                put(oldKeys[i], oldValues[i]);
            }
        }
    }

    private static int slot(long key, int mask) {
        long mixed = key * 0x9e3779b97f4a7c15L;
        return (int) (mixed >>> 32 ^ mixed >>> 51) & mask;
    }

    /** Sees the pairs of a table. */
    @FunctionalInterface
    public interface Visitor {
        void entry(long key, int value);
    }
}
